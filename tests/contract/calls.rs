//! The calls of the contract, in their order. Each has a name of its own.

use serde_json::{Value, json};

use super::talk::{NS, Talk};

fn core(rest: &str) -> String {
    format!("/api/v1/namespaces/{NS}/{rest}")
}

fn apps(rest: &str) -> String {
    format!("/apis/apps/v1/namespaces/{NS}/{rest}")
}

fn chaos(rest: &str) -> String {
    format!("/apis/chaos-mesh.org/v1alpha1/namespaces/{NS}/{rest}")
}

fn map(name: &str, data: Value) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "labels": {"of": "contract", "n": name}}, "data": data})
}

fn pod_spec() -> Value {
    json!({"terminationGracePeriodSeconds": 1, "automountServiceAccountToken": false, "enableServiceLinks": false, "containers": [
        {"name": "c", "image": "localhost/gameday/task-api:1", "imagePullPolicy": "IfNotPresent", "ports": [{"containerPort": 8080}],
         "readinessProbe": {"httpGet": {"path": "/cgi-bin/healthz", "port": 8080}, "periodSeconds": 1},
         "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}, "limits": {"memory": "64Mi"}}}]})
}

fn deployment(name: &str, replicas: i64) -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": {
        "replicas": replicas, "selector": {"matchLabels": {"app": name}},
        "template": {"metadata": {"labels": {"app": name}}, "spec": pod_spec()}}})
}

fn without_revision(object: &Value) -> Value {
    let mut object = object.clone();
    object["metadata"].as_object_mut().unwrap().remove("resourceVersion");
    object
}

/// Objects made, read, changed and deleted.
pub async fn objects(talk: &mut Talk) {
    talk.watch(&core("configmaps")).await;
    let made = talk.post("create", &core("configmaps"), map("a", json!({"x": "1"}))).await;
    talk.post("create a name that is taken", &core("configmaps"), map("a", json!({}))).await;
    talk.get("get", &core("configmaps/a")).await;
    talk.get("get what is not there", &core("configmaps/nobody")).await;
    let mut changed = made.clone();
    changed["data"]["x"] = json!("2");
    talk.put("update", &core("configmaps/a"), changed.clone()).await;
    talk.put("update from an old revision", &core("configmaps/a"), changed.clone()).await;
    changed["data"]["x"] = json!("3");
    talk.put("update without a revision", &core("configmaps/a"), without_revision(&changed)).await;
    talk.put("update without a change", &core("configmaps/a"), without_revision(&changed)).await;
    talk.put("update under another name", &core("configmaps/b"), without_revision(&changed)).await;
    talk.put("update what is not there", &core("configmaps/nobody"), map("nobody", json!({}))).await;
    let mut other = without_revision(&changed);
    other["metadata"]["uid"] = json!("11111111-1111-1111-1111-111111111111");
    talk.put("update of another uid", &core("configmaps/a"), other).await;
    let mut elsewhere = map("c", json!({}));
    elsewhere["metadata"]["namespace"] = json!("elsewhere");
    talk.post("create in another namespace than the path's", &core("configmaps"), elsewhere).await;
    talk.post("create in a namespace that is not there", "/api/v1/namespaces/gameday-test-nowhere/configmaps", map("a", json!({}))).await;
    talk.post("create on a name", &core("configmaps/a"), map("a", json!({}))).await;
    talk.post("create without a name", &core("configmaps"), json!({"metadata": {}})).await;
    talk.post("create with a bad name", &core("configmaps"), map("A_b", json!({}))).await;
    let mut label = map("bad-labels", json!({}));
    // one alone: the real server tells several in any order
    label["metadata"]["labels"] = json!({"fine": "not fine!"});
    talk.post("create with bad labels", &core("configmaps"), label).await;
    let mut revision = map("c", json!({}));
    revision["metadata"]["resourceVersion"] = json!("5");
    talk.post("create with a revision", &core("configmaps"), revision).await;
    talk.post("create another kind", &core("configmaps"), json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "c"}})).await;
    talk.post(
        "create of another version",
        &core("configmaps"),
        json!({"apiVersion": "v2", "kind": "ConfigMap", "metadata": {"name": "c"}}),
    )
    .await;
    talk.post("create without saying what", &core("configmaps"), json!({"metadata": {"name": "untold"}, "data": {"k": "v"}})).await;
    talk.post("create a bad key", &core("configmaps"), map("bad-key", json!({"a/b": "1"}))).await;
    talk.post("create with a number for a text", &core("configmaps"), map("bad-type", json!({"a": 5}))).await;
    talk.ask("create from half a document", "POST", &core("configmaps"), "application/json", "{\"metadata\": {\"na").await;
    talk.ask("create from nothing", "POST", &core("configmaps"), "application/json", "").await;
    talk.ask("create from a list", "POST", &core("configmaps"), "application/json", "[]").await;
    talk.ask("create from plain text", "POST", &core("configmaps"), "text/plain", "hello").await;
    let mut generated = map("x", json!({}));
    generated["metadata"] = json!({"generateName": "made-"});
    talk.post("create with a generated name", &core("configmaps"), generated).await;
    talk.post("create as a dry run", &format!("{}?dryRun=All", core("configmaps")), map("dry", json!({"k": "v"}))).await;
    talk.get("get after a dry run", &core("configmaps/dry")).await;
    talk.post("create as a dry run of another kind", &format!("{}?dryRun=Some", core("configmaps")), map("dry", json!({}))).await;
    talk.put("update as a dry run", &format!("{}?dryRun=All", core("configmaps/a")), without_revision(&map("a", json!({"dry": "1"}))))
        .await;
    talk.delete("delete as a dry run", &format!("{}?dryRun=All", core("configmaps/a")), Value::Null).await;
    talk.get("get after dry runs", &core("configmaps/a")).await;
    let uid = json!({"kind": "DeleteOptions", "apiVersion": "v1", "preconditions": {"uid": "11111111-1111-1111-1111-111111111111"}});
    talk.delete("delete of another uid", &core("configmaps/a"), uid).await;
    let revision = json!({"kind": "DeleteOptions", "apiVersion": "v1", "preconditions": {"resourceVersion": "1"}});
    talk.delete("delete of another revision", &core("configmaps/a"), revision).await;
    talk.delete("delete with a bad policy", &core("configmaps/a"), json!({"propagationPolicy": "Sideways"})).await;
    talk.delete("delete", &core("configmaps/a"), Value::Null).await;
    talk.delete("delete again", &core("configmaps/a"), Value::Null).await;
    let mut immutable = map("fixed", json!({"k": "v"}));
    immutable["immutable"] = json!(true);
    let mut fixed = talk.post("create what may not change", &core("configmaps"), immutable).await;
    fixed["data"]["k"] = json!("w");
    talk.put("change what may not change", &core("configmaps/fixed"), without_revision(&fixed)).await;
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "stringData": {"k": "v"}, "data": {"l": "dg=="}});
    talk.post("create a secret", &core("secrets"), secret).await;
    let broken = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "t"}, "data": {"l": "?"}});
    talk.post("create a broken secret", &core("secrets"), broken).await;
}

/// Paths and verbs that are not there.
pub async fn astray(talk: &mut Talk) {
    talk.get("unknown resource", &core("nonsense")).await;
    talk.get("unknown resource by name", &core("nonsense/a")).await;
    talk.get("unknown group", "/apis/nonsense.example/v1/things").await;
    talk.get("unknown version", "/apis/apps/v9/deployments").await;
    talk.get("unknown path", "/nonsense").await;
    talk.get("unknown subresource", &core("configmaps/a/nonsense")).await;
    talk.get("status of a kind without", &core("configmaps/fixed/status")).await;
    talk.ask("put on a collection", "PUT", &core("configmaps"), "application/json", "{}").await;
    talk.ask("patch on a collection", "PATCH", &core("configmaps"), "application/merge-patch+json", "{}").await;
    talk.get("namespaced kind without its namespace", "/api/v1/configmaps/fixed").await;
    talk.get("cluster-wide kind in a namespace", &core("nodes")).await;
    talk.get("unknown pod's log", &core("pods/nobody/log")).await;
    talk.post("eviction of nobody", &core("pods/nobody/eviction"), json!({"metadata": {"name": "nobody"}})).await;
    talk.get("version of discovery", "/api").await;
}

/// The kinds of patches.
pub async fn patches(talk: &mut Talk) {
    let at = core("configmaps/p");
    talk.post("create for patches", &core("configmaps"), map("p", json!({"x": "1", "y": "2"}))).await;
    talk.patch("merge patch", "merge", &at, json!({"data": {"x": null, "z": "3"}, "metadata": {"annotations": {"a": "b"}}})).await;
    talk.patch("merge patch that changes nothing", "merge", &at, json!({"data": {"z": "3"}})).await;
    talk.patch("merge patch of a bad type", "merge", &at, json!({"data": {"z": 3}})).await;
    talk.patch("merge patch of the name", "merge", &at, json!({"metadata": {"name": "q"}})).await;
    talk.patch("merge patch at an old revision", "merge", &at, json!({"metadata": {"resourceVersion": "1"}})).await;
    talk.patch("merge patch with a list", "merge", &at, json!([1])).await;
    talk.patch("merge patch of nobody", "merge", &core("configmaps/nobody"), json!({})).await;
    talk.patch("merge patch as a dry run", "merge", &format!("{at}?dryRun=All"), json!({"data": {"dry": "1"}})).await;
    let operations = json!([{"op": "test", "path": "/data/y", "value": "2"}, {"op": "add", "path": "/data/w", "value": "4"}, {"op": "remove", "path": "/data/y"}]);
    talk.patch("json patch", "json", &at, operations).await;
    talk.patch("json patch whose test fails", "json", &at, json!([{"op": "test", "path": "/data/w", "value": "5"}])).await;
    talk.patch("json patch of a path that is not there", "json", &at, json!([{"op": "remove", "path": "/data/nothing"}])).await;
    talk.patch("json patch of an unknown operation", "json", &at, json!([{"op": "dance", "path": "/data/w"}])).await;
    talk.patch("json patch that is no list", "json", &at, json!({"op": "add"})).await;
    talk.patch("strategic patch", "strategic", &at, json!({"data": {"w": null}, "metadata": {"labels": {"of": null}}})).await;
    talk.patch("patch of an unknown type", "application/nonsense", &at, json!({})).await;
    talk.ask("patch from half a document", "PATCH", &at, "application/merge-patch+json", "{\"da").await;
    let applied = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "applied"}, "data": {"k": "v"}});
    talk.patch("apply without a manager", "apply", &core("configmaps/applied"), applied.clone()).await;
    talk.patch("apply", "apply", &format!("{}?fieldManager=contract", core("configmaps/applied")), applied).await;
    let more = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "applied"}, "data": {"k": "v", "l": "w"}});
    talk.patch("apply more", "apply", &format!("{}?fieldManager=contract", core("configmaps/applied")), more).await;
}

/// Lists, selectors, pages, and watches that begin too early.
pub async fn lists(talk: &mut Talk) {
    for name in ["l1", "l2", "l3"] {
        let mut item = map(name, json!({}));
        item["metadata"]["labels"] = json!({"list": "yes", "n": name});
        talk.post(&format!("create {name}"), &core("configmaps"), item).await;
    }
    let list = |query: &str| core(&format!("configmaps?{query}"));
    talk.get("list by label", &list("labelSelector=list%3Dyes")).await;
    talk.get("list by labels", &list("labelSelector=list%3Dyes,n!%3Dl2")).await;
    talk.get("list by a set of labels", &list("labelSelector=n%20in%20(l1,l3)")).await;
    talk.get("list by labels that are not", &list("labelSelector=list,n%20notin%20(l1)")).await;
    talk.get("list by an absent label", &list("labelSelector=!list,of%3Dnothing")).await;
    talk.get("list by a broken selector", &list("labelSelector=a%20b%20c")).await;
    talk.get("list by a broken set", &list("labelSelector=n%20in%20l1")).await;
    talk.get("list by name", &list("fieldSelector=metadata.name%3Dl2")).await;
    talk.get("list by not this name", &list("labelSelector=list&fieldSelector=metadata.name!%3Dl2")).await;
    talk.get("list by a field that there is not", &list("fieldSelector=data.k%3Dv")).await;
    talk.get("list by a broken field selector", &list("fieldSelector=metadata.name")).await;
    talk.get("pods by phase", &core("pods?fieldSelector=status.phase%3DRunning")).await;
    let page = talk.get("first page", &list("labelSelector=list&limit=2")).await;
    let next = page["metadata"]["continue"].as_str().unwrap_or_default().replace('=', "%3D");
    talk.get("next page", &list(&format!("labelSelector=list&limit=2&continue={next}"))).await;
    talk.get("page of a broken token", &list("limit=2&continue=nonsense")).await;
    talk.get("list with a broken limit", &list("limit=many")).await;
    talk.get("list at a broken revision", &list("resourceVersion=abc")).await;
    talk.glance("watch from a broken revision", &list("watch=1&resourceVersion=abc&timeoutSeconds=1")).await;
    talk.glance("watch from what is there", &list("watch=1&labelSelector=list&resourceVersion=0&timeoutSeconds=1")).await;
    talk.get("list of nothing", &core("persistentvolumeclaims")).await;
    let partial = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io";
    talk.ask_for("list of metadata", "GET", &list("labelSelector=n%3Dl1"), "", "", partial).await;
    let partial = "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io";
    talk.ask_for("get of metadata", "GET", &core("configmaps/l1"), "", "", partial).await;
    let table = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json";
    talk.ask_for("table of config maps", "GET", &list("labelSelector=n%3Dl1"), "", "", table).await;
    talk.ask_for("table of one", "GET", &core("configmaps/l1"), "", "", table).await;
    talk.ask_for("answer in a form that there is not", "GET", &core("configmaps/l1"), "", "", "text/nonsense").await;
    talk.delete("delete by label", &list("labelSelector=list"), Value::Null).await;
    talk.get("list after the deletion", &list("labelSelector=list")).await;
}

/// Finalizers, owners, and the garbage collector.
pub async fn deletion(talk: &mut Talk) {
    let mut held = map("held", json!({}));
    held["metadata"]["finalizers"] = json!(["example.com/hold"]);
    talk.post("create with a finalizer", &core("configmaps"), held).await;
    talk.delete("delete what is held", &core("configmaps/held"), Value::Null).await;
    talk.get("get what is going", &core("configmaps/held")).await;
    talk.delete("delete what is going", &core("configmaps/held"), Value::Null).await;
    let more = json!({"metadata": {"finalizers": ["example.com/hold", "example.com/more"]}});
    talk.patch("add a finalizer to what is going", "merge", &core("configmaps/held"), more).await;
    talk.patch("change what is going", "merge", &core("configmaps/held"), json!({"data": {"k": "v"}})).await;
    talk.patch("take the last finalizer", "merge", &core("configmaps/held"), json!({"metadata": {"finalizers": null}})).await;
    talk.get("get what is gone", &core("configmaps/held")).await;
    let mut bad = map("bad-finalizer", json!({}));
    bad["metadata"]["finalizers"] = json!(["unqualified"]);
    talk.post("create with a bad finalizer", &core("configmaps"), bad).await;
    talk.quietly("PATCH", &core("configmaps/bad-finalizer"), json!({"metadata": {"finalizers": null}})).await;
    for policy in ["Background", "Foreground", "Orphan"] {
        let (owner, child) = (format!("owner-{}", policy.to_lowercase()), format!("child-{}", policy.to_lowercase()));
        let made = talk.post(&format!("create an owner, {policy}"), &core("configmaps"), map(&owner, json!({}))).await;
        let mut owned = map(&child, json!({}));
        owned["metadata"]["ownerReferences"] =
            json!([{"apiVersion": "v1", "kind": "ConfigMap", "name": owner, "uid": made["metadata"]["uid"], "blockOwnerDeletion": true}]);
        talk.post(&format!("create its dependent, {policy}"), &core("configmaps"), owned).await;
        // The collector of a real cluster has to have seen them.
        tokio::time::sleep(std::time::Duration::from_secs(2)).await;
        let options = json!({"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": policy});
        talk.delete(&format!("delete the owner, {policy}"), &core(&format!("configmaps/{owner}")), options).await;
        talk.until_gone(&format!("the owner goes, {policy}"), &core(&format!("configmaps/{owner}"))).await;
        if policy == "Orphan" {
            talk.get("get the orphan", &core(&format!("configmaps/{child}"))).await;
        } else {
            talk.until_gone(&format!("the dependent goes, {policy}"), &core(&format!("configmaps/{child}"))).await;
        }
    }
}

/// Workloads, their scale and status, and pods.
pub async fn workloads(talk: &mut Talk) {
    let at = apps("deployments/d");
    talk.post("create a deployment as a dry run", &format!("{}?dryRun=All", apps("deployments")), deployment("d", 2)).await;
    talk.post("create a deployment", &apps("deployments"), deployment("d", 2)).await;
    let mut bad = deployment("bad", 1);
    bad["spec"]["selector"]["matchLabels"] = json!({"app": "other"});
    talk.post("create a deployment that does not select its pods", &apps("deployments"), bad).await;
    talk.post("create a deployment of fewer than none", &apps("deployments"), deployment("bad", -1)).await;
    talk.post("create a deployment of nothing", &apps("deployments"), json!({"metadata": {"name": "bad"}, "spec": {}})).await;
    talk.until("the deployment is ready", &at, |_, found| found["status"]["availableReplicas"] == 2).await;
    talk.until("the deployment has seen it", &at, |_, found| found["status"]["observedGeneration"] == found["metadata"]["generation"])
        .await;
    talk.get("get a ready deployment", &at).await;
    let table = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json";
    talk.ask_for("table of deployments", "GET", &apps("deployments"), "", "", table).await;
    talk.ask_for("table of pods", "GET", &core("pods?labelSelector=app%3Dd&limit=1"), "", "", table).await;
    talk.get("get a scale", &apps("deployments/d/scale")).await;
    talk.patch("patch a scale", "merge", &apps("deployments/d/scale"), json!({"spec": {"replicas": 3}})).await;
    talk.patch("patch a scale to fewer than none", "merge", &apps("deployments/d/scale"), json!({"spec": {"replicas": -1}})).await;
    talk.get("scale of nobody", &apps("deployments/nobody/scale")).await;
    talk.patch("patch the status where it is not", "merge", &at, json!({"status": {"replicas": 77}})).await;
    talk.patch("patch the spec through the status", "merge", &apps("deployments/d/status"), json!({"spec": {"replicas": 77}})).await;
    talk.patch("change a selector", "merge", &at, json!({"spec": {"selector": {"matchLabels": {"more": "x"}}}})).await;
    talk.patch("strategic patch of containers", "strategic", &format!("{at}?dryRun=All"),
        json!({"spec": {"template": {"spec": {"containers": [{"name": "c", "env": [{"name": "A", "value": "1"}]}, {"name": "side", "image": "x"}]}}}})).await;
    talk.patch(
        "strategic patch that deletes a container",
        "strategic",
        &format!("{at}?dryRun=All"),
        json!({"spec": {"template": {"spec": {"containers": [{"name": "c", "$patch": "delete"}, {"name": "side", "image": "x"}]}}}}),
    )
    .await;
    talk.until("the deployment has three", &at, |_, found| found["status"]["availableReplicas"] == 3).await;

    let budget = json!({"apiVersion": talk.policy, "kind": "PodDisruptionBudget", "metadata": {"name": "b"},
        "spec": {"minAvailable": 3, "selector": {"matchLabels": {"app": "d"}}}});
    let budgets = format!("/apis/{}/namespaces/{NS}/poddisruptionbudgets", talk.policy);
    talk.post("create a budget", &budgets, budget).await;
    talk.until("the budget has counted", &format!("{budgets}/b"), |_, found| found["status"]["currentHealthy"] == 3).await;
    let pods = talk.get("pods of the deployment", &core("pods?labelSelector=app%3Dd&limit=1&fieldSelector=status.phase%3DFailed")).await;
    assert!(pods["items"].as_array().unwrap().is_empty());
    let pods = talk
        .until("a pod", &core("pods?labelSelector=app%3Dd"), |_, found| found["items"].as_array().is_some_and(|items| items.len() == 3))
        .await;
    let victim = pods["items"][0]["metadata"]["name"].as_str().unwrap_or_default().to_owned();
    let eviction = |policy: &str, name: &str| json!({"apiVersion": policy, "kind": "Eviction", "metadata": {"name": name, "namespace": NS}, "deleteOptions": {"gracePeriodSeconds": 0}});
    let policy = talk.policy;
    talk.post("eviction that a budget forbids", &core(&format!("pods/{victim}/eviction")), eviction(policy, &victim)).await;
    talk.patch("loosen the budget", "merge", &format!("{budgets}/b"), json!({"spec": {"minAvailable": 1}})).await;
    talk.until("the budget allows", &format!("{budgets}/b"), |_, found| found["status"]["disruptionsAllowed"] == 2).await;
    talk.post("eviction", &core(&format!("pods/{victim}/eviction")), eviction(policy, &victim)).await;
    talk.until_gone("the evicted pod goes", &core(&format!("pods/{victim}"))).await;
    talk.delete("delete a deployment", &at, Value::Null).await;
    talk.until("its pods go", &core("pods?labelSelector=app%3Dd"), |_, found| found["items"].as_array().is_some_and(Vec::is_empty)).await;
}

pub async fn pods(talk: &mut Talk) {
    let pod = |name: &str, spec: Value| json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": {"app": "alone"}}, "spec": spec});
    talk.post("create a pod", &core("pods"), pod("alone", pod_spec())).await;
    talk.post("create a pod of nothing", &core("pods"), pod("bad-1", json!({"containers": []}))).await;
    talk.post("create a pod without an image", &core("pods"), pod("bad-2", json!({"containers": [{"name": "c"}]}))).await;
    let twice = json!({"containers": [{"name": "c", "image": "x"}, {"name": "c", "image": "y"}], "restartPolicy": "Sometimes"});
    talk.post("create a pod with a container twice", &core("pods"), pod("bad-3", twice)).await;
    let greedy = json!({"containers": [{"name": "c", "image": "x", "resources": {"requests": {"cpu": "2"}, "limits": {"cpu": "1"}}}]});
    talk.post("create a pod that asks for more than its limit", &core("pods"), pod("bad-4", greedy)).await;
    let odd = json!({"containers": [{"name": "c", "image": "x", "resources": {"requests": {"cpu": "lots"}}}]});
    talk.post("create a pod with a broken quantity", &core("pods"), pod("bad-5", odd)).await;
    let ready = |_: u16, pod: &Value| {
        pod["status"]["conditions"].as_array().is_some_and(|all| all.iter().any(|c| c["type"] == "Ready" && c["status"] == "True"))
    };
    talk.until("the pod is ready", &core("pods/alone"), ready).await;
    talk.get("get a ready pod", &core("pods/alone")).await;
    talk.patch(
        "change the image of a pod",
        "strategic",
        &format!("{}?dryRun=All", core("pods/alone")),
        json!({"spec": {"containers": [{"name": "c", "image": "y"}]}}),
    )
    .await;
    talk.patch(
        "change the command of a pod",
        "strategic",
        &core("pods/alone"),
        json!({"spec": {"containers": [{"name": "c", "command": ["z"]}]}}),
    )
    .await;
    talk.patch("label a pod", "merge", &core("pods/alone"), json!({"metadata": {"labels": {"more": "x"}}})).await;
    talk.get("log of a container that is not there", &core("pods/alone/log?container=nobody")).await;
    talk.post(
        "bind a pod again",
        &core("pods/alone/binding"),
        json!({"metadata": {"name": "alone"}, "target": {"kind": "Node", "name": "elsewhere"}}),
    )
    .await;
    talk.delete("delete a pod at once", &core("pods/alone"), json!({"apiVersion": "v1", "kind": "DeleteOptions", "gracePeriodSeconds": 0}))
        .await;
    talk.until_gone("the pod goes", &core("pods/alone")).await;
}

/// Services, rights, namespaces and custom resources.
pub async fn the_rest(talk: &mut Talk) {
    let service = |name: &str, port: i64| json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": {"selector": {"app": "s"}, "ports": [{"port": port, "name": "http"}]}});
    talk.post("create a service", &core("services"), service("s", 80)).await;
    talk.post("create a service without ports", &core("services"), json!({"metadata": {"name": "bad"}, "spec": {}})).await;
    talk.post("create a service of a bad port", &core("services"), service("bad", 70_000)).await;
    talk.post("create a service of a bad name", &core("services"), service("1s", 80)).await;
    talk.get("proxy to a service without endpoints", &core("services/s:http/proxy/")).await;
    talk.get("proxy to no service", &core("services/nobody/proxy/")).await;
    talk.delete("delete a service", &core("services/s"), Value::Null).await;

    let review = |verb: &str, resource: &str| {
        json!({"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": {"namespace": NS, "verb": verb, "resource": resource}}})
    };
    talk.post("may I", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", review("delete", "pods")).await;
    talk.post(
        "may I, of nothing",
        "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
        json!({"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview", "spec": {}}),
    )
    .await;
    talk.get("list reviews", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews").await;

    let experiment = |name: &str, action: &str| {
        json!({"apiVersion": "chaos-mesh.org/v1alpha1", "kind": "PodChaos", "metadata": {"name": name},
        "spec": {"action": action, "mode": "one", "selector": {"namespaces": [NS], "labelSelectors": {"app": "nobody"}}, "status": 5}})
    };
    let made =
        talk.post("create an experiment as a dry run", &format!("{}?dryRun=All", chaos("podchaos")), experiment("x", "pod-failure")).await;
    drop(made);
    talk.post("create an experiment of a bad action", &chaos("podchaos"), experiment("x", "pod-dance")).await;
    talk.get("get an experiment that is not there", &chaos("podchaos/nobody")).await;
    talk.get("status of an experiment", &chaos("podchaos/nobody/status")).await;
    talk.patch("strategic patch of an experiment", "strategic", &chaos("podchaos/nobody"), json!({})).await;
    talk.put("update an experiment that is not there", &chaos("podchaos/nobody"), experiment("nobody", "pod-kill")).await;
    talk.delete("delete an experiment that is not there", &chaos("podchaos/nobody"), Value::Null).await;
    talk.get("list experiments", &chaos("podchaos")).await;

    talk.delete("delete a namespace that is not there", "/api/v1/namespaces/gameday-test-nowhere", Value::Null).await;
    let bad = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "Bad_Name"}});
    talk.post("create a namespace of a bad name", "/api/v1/namespaces", bad).await;
    talk.get("get a namespace", &format!("/api/v1/namespaces/{NS}")).await;
    let mut held = map("hold-it", json!({}));
    held["metadata"]["finalizers"] = json!(["example.com/hold"]);
    talk.post("create what holds the namespace", &core("configmaps"), held).await;
    talk.delete("delete a namespace", &format!("/api/v1/namespaces/{NS}"), Value::Null).await;
    talk.post("create in a namespace that is going", &core("configmaps"), map("late", json!({}))).await;
    talk.until("its content is going", &core("configmaps/hold-it"), |_, found| found["metadata"]["deletionTimestamp"].is_string()).await;
    let told = |_: u16, found: &Value| found["status"]["conditions"].as_array().is_some_and(|all| all.len() == 5);
    talk.until("the namespace says what holds it", &format!("/api/v1/namespaces/{NS}"), told).await;
    talk.get("get a namespace that is going", &format!("/api/v1/namespaces/{NS}/status")).await;
    talk.patch("release what holds the namespace", "merge", &core("configmaps/hold-it"), json!({"metadata": {"finalizers": null}})).await;
    talk.until_gone("the namespace goes", &format!("/api/v1/namespaces/{NS}")).await;
}

pub async fn all(talk: &mut Talk) {
    talk.post("create a namespace", "/api/v1/namespaces", json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NS}})).await;
    objects(talk).await;
    astray(talk).await;
    patches(talk).await;
    lists(talk).await;
    deletion(talk).await;
    workloads(talk).await;
    pods(talk).await;
    the_rest(talk).await;
}

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

/// Revisions that are gone or to come, and pages that are asked for too late.
pub async fn expired(talk: &mut Talk) {
    let list = |query: &str| core(&format!("configmaps?{query}"));
    for name in ["e1", "e2", "e3"] {
        let mut item = map(name, json!({}));
        item["metadata"]["labels"] = json!({"expired": "yes"});
        talk.post(&format!("create {name}"), &core("configmaps"), item).await;
    }
    // Revision 1 is compacted away but on a server of the last ten minutes (`table::OF_THE_PAST`).
    talk.glance("watch from a revision that is gone", &list("watch=1&resourceVersion=1&timeoutSeconds=1")).await;
    talk.get("list exactly at a revision that is gone", &list("resourceVersion=1&resourceVersionMatch=Exact")).await;
    talk.get(
        "list no older than a revision that is gone",
        &list("labelSelector=expired&resourceVersion=1&resourceVersionMatch=NotOlderThan"),
    )
    .await;
    let token = |start: &str, revision: i64| {
        let token = json!({"v": "meta.k8s.io/v1", "rv": revision, "start": format!("{start}\0")});
        base64::Engine::encode(&base64::prelude::BASE64_URL_SAFE_NO_PAD, token.to_string())
    };
    let rest = |token: &str| list(&format!("labelSelector=expired&limit=1&continue={token}"));
    let late = talk.get("page of an expired token", &rest(&token("e1", 1))).await;
    let offered = late["metadata"]["continue"].as_str().unwrap_or_default().to_owned();
    let next = talk.get("page of the token that is offered instead", &rest(&offered)).await;
    let next = next["metadata"]["continue"].as_str().unwrap_or_default().to_owned();
    talk.get("page after that one", &rest(&next)).await;
    talk.get("page of a token of no revision", &rest(&token("e1", 0))).await;
    talk.get("list at a revision to come", &list("resourceVersion=999999999")).await;
    talk.glance("watch from a revision to come", &list("watch=1&resourceVersion=999999999&timeoutSeconds=1")).await;
    talk.glance("watch for less than no time", &list("watch=1&resourceVersion=999999999&timeoutSeconds=-1")).await;
    talk.glance("watch with a broken limit of time", &list("watch=1&timeoutSeconds=soon")).await;
    talk.get("list with a limit too large", &list("limit=99999999999999999999")).await;
    talk.delete("delete what may expire", &list("labelSelector=expired"), Value::Null).await;
}

/// Dependents with several owners, and those that do not hold their owner up.
pub async fn owners(talk: &mut Talk) {
    let owner = |name: &str, made: &Value, blocks: bool| json!({"apiVersion": "v1", "kind": "ConfigMap", "name": name, "uid": made["metadata"]["uid"], "blockOwnerDeletion": blocks});
    let foreground = json!({"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Foreground"});
    let background = json!({"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Background"});
    let stays = talk.post("create an owner that stays", &core("configmaps"), map("stays", json!({}))).await;
    for (policy, options) in [("background", &background), ("foreground", &foreground)] {
        let (name, child) = (format!("goes-{policy}"), format!("shared-{policy}"));
        let goes = talk.post(&format!("create an owner that goes, {policy}"), &core("configmaps"), map(&name, json!({}))).await;
        let mut shared = map(&child, json!({}));
        shared["metadata"]["ownerReferences"] = json!([owner(&name, &goes, true), owner("stays", &stays, true)]);
        talk.post(&format!("create a dependent of both, {policy}"), &core("configmaps"), shared).await;
        // The collector of a real cluster has to have seen them.
        tokio::time::sleep(std::time::Duration::from_secs(2)).await;
        talk.delete(&format!("delete one of two owners, {policy}"), &core(&format!("configmaps/{name}")), options.clone()).await;
        talk.until_gone(&format!("one of two owners goes, {policy}"), &core(&format!("configmaps/{name}"))).await;
        let one = |_: u16, found: &Value| found["metadata"]["ownerReferences"].as_array().is_some_and(|all| all.len() == 1);
        talk.until(&format!("the dependent has one owner, {policy}"), &core(&format!("configmaps/{child}")), one).await;
        talk.get(&format!("get the dependent of the other, {policy}"), &core(&format!("configmaps/{child}"))).await;
    }
    talk.delete("delete the last owner", &core("configmaps/stays"), background.clone()).await;
    for policy in ["background", "foreground"] {
        talk.until_gone(&format!("the dependent goes with the last, {policy}"), &core(&format!("configmaps/shared-{policy}"))).await;
    }
    for (how, blocks) in [("in the way", true), ("not in the way", false)] {
        let word = if blocks { "blocked" } else { "free" };
        let (name, child) = (format!("owner-{word}"), format!("child-{word}"));
        let made = talk.post(&format!("create an owner with a dependent {how}"), &core("configmaps"), map(&name, json!({}))).await;
        let mut held = map(&child, json!({}));
        held["metadata"]["ownerReferences"] = json!([owner(&name, &made, blocks)]);
        held["metadata"]["finalizers"] = json!(["example.com/hold"]);
        talk.post(&format!("create a dependent {how}"), &core("configmaps"), held).await;
        tokio::time::sleep(std::time::Duration::from_secs(2)).await;
        talk.delete(&format!("delete the owner, its dependent {how}"), &core(&format!("configmaps/{name}")), foreground.clone()).await;
        let going = |_: u16, found: &Value| found["metadata"]["deletionTimestamp"].is_string();
        talk.until(&format!("the dependent is going, {how}"), &core(&format!("configmaps/{child}")), going).await;
        if blocks {
            tokio::time::sleep(std::time::Duration::from_secs(2)).await;
            talk.get("the owner waits for what is in the way", &core(&format!("configmaps/{name}"))).await;
        } else {
            talk.until_gone("the owner waits not for what is not in the way", &core(&format!("configmaps/{name}"))).await;
            talk.get("the dependent outlives it", &core(&format!("configmaps/{child}"))).await;
        }
        let release = json!({"metadata": {"finalizers": null}});
        talk.patch(&format!("release the dependent {how}"), "merge", &core(&format!("configmaps/{child}")), release).await;
        talk.until_gone(&format!("the owner is gone, its dependent {how}"), &core(&format!("configmaps/{name}"))).await;
    }
}

/// What is deleted without a word on its dependents, and what may not be deleted at all.
pub async fn usual_ways(talk: &mut Talk) {
    let job = json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "j"}, "spec": {"template": {"spec": {
        "restartPolicy": "Never", "terminationGracePeriodSeconds": 1, "automountServiceAccountToken": false, "enableServiceLinks": false,
        "containers": [{"name": "c", "image": "localhost/gameday/task-api:1", "imagePullPolicy": "IfNotPresent"}]}}}});
    let jobs = format!("/apis/batch/v1/namespaces/{NS}/jobs");
    talk.send("POST", &jobs, "application/json", &job.to_string(), "application/json").await;
    let pods = core("pods?labelSelector=job-name%3Dj");
    talk.until("the job has a pod", &pods, |_, found| found["items"][0]["status"]["phase"] == "Running").await;
    talk.send("DELETE", &format!("{jobs}/j"), "", "", "application/json").await;
    talk.until_gone("the job goes", &format!("{jobs}/j")).await;
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    let (_, _, left) = talk.send("GET", &pods, "", "", "application/json").await;
    let left: Vec<Value> = left["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|pod| json!({"owners": pod["metadata"]["ownerReferences"], "going": pod["metadata"]["deletionTimestamp"]}))
        .collect();
    talk.note("pods that a deleted job leaves", json!(left));
    let (code, ..) = talk.send("DELETE", &format!("{pods}&gracePeriodSeconds=0"), "", "", "application/json").await;
    assert_eq!(code, 200);
    for name in ["default", "kube-system", "kube-public"] {
        talk.delete(&format!("delete the namespace {name}"), &format!("/api/v1/namespaces/{name}?dryRun=All"), Value::Null).await;
    }
    talk.ask("a method that there is not", "BREW", &core("configmaps"), "", "").await;
    talk.ask("options of a path", "OPTIONS", &core("configmaps"), "", "").await;
    talk.ask("the head of a list", "HEAD", &core("configmaps"), "", "").await;
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
    talk.until("the deployment has three", &at, |_, found| found["status"]["availableReplicas"] == 3).await;
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
    proxies(talk).await;
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

/// What answers behind a pod and behind a Service.
async fn proxies(talk: &mut Talk) {
    talk.get("proxy to a pod's port", &core("pods/alone:8080/proxy/cgi-bin/tasks")).await;
    talk.get("proxy to a pod by no port", &core("pods/alone/proxy/cgi-bin/tasks?a=b")).await;
    talk.get("proxy to where nobody listens", &core("pods/alone:81/proxy/")).await;
    talk.get("proxy to no pod", &core("pods/nobody/proxy/")).await;
    let service = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "proxy-to"},
        "spec": {"selector": {"app": "alone"}, "ports": [{"name": "http", "port": 80, "targetPort": 8080}, {"name": "other", "port": 90, "targetPort": 81}]}});
    talk.send("POST", &core("services"), "application/json", &service.to_string(), "application/json").await;
    let ready = |_: u16, found: &Value| found["subsets"][0]["addresses"].is_array();
    talk.until("the service has endpoints", &core("endpoints/proxy-to"), ready).await;
    talk.get("proxy to a service's port", &core("services/proxy-to:80/proxy/cgi-bin/tasks")).await;
    talk.get("proxy to a service's port by name", &core("services/http:proxy-to:http/proxy/cgi-bin/tasks")).await;
    talk.get("proxy to a service's port where nobody listens", &core("services/proxy-to:90/proxy/")).await;
    talk.get("proxy to a port that a service has not", &core("services/proxy-to:81/proxy/")).await;
    talk.get("proxy to a port of a name that a service has not", &core("services/proxy-to:what/proxy/")).await;
    talk.get("proxy to a service of two ports by none", &core("services/proxy-to/proxy/")).await;
    talk.send("DELETE", &core("services/proxy-to"), "", "", "application/json").await;
}

/// Services, rights, namespaces and custom resources.
pub async fn the_rest(talk: &mut Talk) {
    let service = |name: &str, port: i64| json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": {"selector": {"app": "s"}, "ports": [{"port": port, "name": "http"}]}});
    talk.post("create a service", &core("services"), service("s", 80)).await;
    talk.post("create a service without ports", &core("services"), json!({"metadata": {"name": "bad"}, "spec": {}})).await;
    talk.post("create a service of a bad port", &core("services"), service("bad", 70_000)).await;
    talk.post("create a service of a bad name", &core("services"), service("1s", 80)).await;
    // A real cluster's list of endpoints lags behind the Service.
    talk.until("the service has a list of endpoints", &core("endpoints/s"), |code, _| code == 200).await;
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
    expired(talk).await;
    deletion(talk).await;
    owners(talk).await;
    usual_ways(talk).await;
    workloads(talk).await;
    pods(talk).await;
    the_rest(talk).await;
}

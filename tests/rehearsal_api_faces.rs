//! The practice cluster's API server as kubectl asks it: tables, discovery, rights, budgets, quotas, logs, field validation.
#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

use std::time::Duration;

use futures::{AsyncBufReadExt, TryStreamExt};
use gameday::rehearsal::{PracticeCluster, World};
use http::{Request, Response};
use http_body_util::BodyExt;
use kube::Client;
use kube::client::Body;
use serde_json::{Value, json};

const PODS: &str = "/api/v1/namespaces/staging/pods";
const TABLE: &str = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json";

struct Server {
    _cluster: PracticeCluster,
    client: Client,
}

impl Server {
    fn start() -> Server {
        let cluster = PracticeCluster::start(World::task_api("staging"), 6);
        let client = Client::new(cluster.service(), "staging");
        Server { _cluster: cluster, client }
    }

    async fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Response<Body> {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.client.send(request.body(Body::from(body.as_bytes().to_vec())).unwrap()).await.unwrap()
    }

    /// The answer's code and its JSON, or its text as a JSON string.
    async fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &Value) -> (u16, Value) {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let response = self.send(method, path, headers, &body).await;
        let code = response.status().as_u16();
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        (code, serde_json::from_slice(&bytes).unwrap_or_else(|_| json!(String::from_utf8_lossy(&bytes))))
    }

    async fn get(&self, path: &str) -> Value {
        self.ask("GET", path, &[], &Value::Null).await.1
    }

    async fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        self.ask("POST", path, &[("content-type", "application/json")], body).await
    }
}

fn names(table: &Value) -> Vec<&str> {
    table["columnDefinitions"].as_array().unwrap().iter().map(|c| c["name"].as_str().unwrap()).collect()
}

#[tokio::test(start_paused = true)]
async fn table_should_have_the_columns_and_cells_of_the_real_printers() {
    let server = Server::start();
    let (_, table) = server.ask("GET", PODS, &[("accept", TABLE)], &Value::Null).await;
    assert_eq!(names(&table), ["Name", "Ready", "Status", "Restarts", "Age", "IP", "Node", "Nominated Node", "Readiness Gates"]);
    let cells = &table["rows"][0]["cells"];
    assert_eq!(
        (&cells[1], &cells[2], &cells[3], &cells[4], &cells[7]),
        (&json!("1/1"), &json!("Running"), &json!("0"), &json!("3d"), &json!("<none>"))
    );
    assert_eq!(table["rows"][0]["object"]["kind"], "PartialObjectMetadata");
    let (_, bare) = server.ask("GET", &format!("{PODS}?includeObject=None"), &[("accept", TABLE)], &Value::Null).await;
    assert_eq!(bare["rows"][0]["object"], Value::Null);
    // every kind that is served has a table, empty or not
    for path in ["/api/v1", "/apis/apps/v1", "/apis/chaos-mesh.org/v1alpha1", "/apis/rbac.authorization.k8s.io/v1", "/apis/autoscaling/v2"]
    {
        let resources = server.get(path).await;
        for resource in resources["resources"].as_array().unwrap().iter().filter(|r| !r["name"].as_str().unwrap().contains('/')) {
            let (code, table) =
                server.ask("GET", &format!("{path}/{}", resource["name"].as_str().unwrap()), &[("accept", TABLE)], &Value::Null).await;
            let width = names(&table).len();
            assert_eq!(code, 200, "{resource}");
            for row in table["rows"].as_array().unwrap() {
                assert_eq!(row["cells"].as_array().unwrap().len(), width, "{resource}");
            }
        }
    }
    // a watch tells its columns once
    let request = Request::get(format!("{PODS}?watch=1&timeoutSeconds=1")).header("accept", TABLE).body(Vec::new()).unwrap();
    let lines: Vec<String> = server.client.request_stream(request).await.unwrap().lines().try_collect().await.unwrap();
    let told: Vec<bool> =
        lines.iter().map(|l| !serde_json::from_str::<Value>(l).unwrap()["object"]["columnDefinitions"].is_null()).collect();
    assert_eq!(told, [true, false, false]);
    assert_eq!(server.ask("GET", PODS, &[("accept", "application/vnd.kubernetes.protobuf")], &Value::Null).await.0, 406);
}

#[tokio::test(start_paused = true)]
async fn discovery_should_come_in_one_document_where_it_is_asked_for() {
    let server = Server::start();
    let accept = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json";
    let response = server.send("GET", "/apis", &[("accept", accept)], "").await;
    assert_eq!(response.headers()["content-type"], "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList");
    let (_, core) = server.ask("GET", "/api", &[("accept", accept)], &Value::Null).await;
    let resources = core["items"][0]["versions"][0]["resources"].as_array().unwrap();
    let pods = resources.iter().find(|r| r["resource"] == "pods").unwrap();
    assert_eq!((&pods["shortNames"], &pods["categories"], &pods["scope"]), (&json!(["po"]), &json!(["all"]), &json!("Namespaced")));
    assert!(
        pods["subresources"].as_array().unwrap().iter().any(|s| s["subresource"] == "eviction" && s["responseKind"]["group"] == "policy")
    );
    assert_eq!(server.get("/apis").await["kind"], "APIGroupList");
    let document = server.get("/openapi/v3/apis/apps/v1").await;
    let patch = &document["paths"]["/apis/apps/v1/namespaces/{namespace}/deployments/{name}"]["patch"];
    assert_eq!(patch["x-kubernetes-group-version-kind"]["kind"], "Deployment");
    assert!(patch["parameters"].as_array().unwrap().iter().any(|p| p["name"] == "fieldValidation"));
    assert_eq!(document["components"]["schemas"]["io.k8s.api.apps.v1.DeploymentSpec"]["properties"]["replicas"]["type"], "integer");
}

#[tokio::test(start_paused = true)]
async fn unknown_fields_should_be_refused_told_or_forgotten_as_asked() {
    let server = Server::start();
    let maps = "/api/v1/namespaces/staging/configmaps";
    let map = |name: &str| json!({"kind": "ConfigMap", "apiVersion": "v1", "metadata": {"name": name}, "data": {"a": "b"}, "dato": 1});
    let (code, refused) = server.post(&format!("{maps}?fieldValidation=Strict"), &map("a")).await;
    assert_eq!(code, 400);
    assert_eq!(
        refused["message"],
        "ConfigMap in version \"v1\" cannot be handled as a ConfigMap: strict decoding error: unknown field \"dato\""
    );
    let response = server.send("POST", maps, &[("content-type", "application/json")], &map("a").to_string()).await;
    assert_eq!(
        (response.status().as_u16(), response.headers()["warning"].to_str().unwrap()),
        (201, "299 - \"unknown field \\\"dato\\\"\"")
    );
    assert!(server.get(&format!("{maps}/a")).await.get("dato").is_none());
    let quiet = server.send("POST", &format!("{maps}?fieldValidation=Ignore"), &[], &map("b").to_string()).await;
    assert!(quiet.status().is_success() && !quiet.headers().contains_key("warning"));
    let (code, refused) = server.post(&format!("{maps}?fieldValidation=Maybe"), &map("c")).await;
    assert_eq!((code, &refused["reason"]), (422, &json!("Invalid")));
    // server-side apply brings YAML
    let yaml = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: y}\ndata:\n  k: v\n";
    let response =
        server.send("PATCH", &format!("{maps}/y?fieldManager=t"), &[("content-type", "application/apply-patch+yaml")], yaml).await;
    assert_eq!(response.status().as_u16(), 201);
    assert_eq!(server.get(&format!("{maps}/y")).await["data"]["k"], "v");
}

#[tokio::test(start_paused = true)]
async fn impersonated_user_should_have_the_rights_that_roles_grant() {
    let server = Server::start();
    let alice = [("impersonate-user", "alice"), ("content-type", "application/json")];
    let (code, refused) = server.ask("GET", PODS, &alice, &Value::Null).await;
    assert_eq!(code, 403);
    assert_eq!(
        refused["message"],
        "pods is forbidden: User \"alice\" cannot list resource \"pods\" in API group \"\" in the namespace \"staging\""
    );
    let bindings = "/apis/rbac.authorization.k8s.io/v1/namespaces/staging/rolebindings";
    let binding = |name: &str, kind: &str, role: &str| {
        json!({"kind": "RoleBinding", "apiVersion": "rbac.authorization.k8s.io/v1", "metadata": {"name": name},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": role}, "subjects": [{"kind": "User", "name": "alice", "apiGroup": "rbac.authorization.k8s.io"}]})
    };
    assert_eq!(server.post(bindings, &binding("lost", "Role", "nothing")).await.0, 201);
    let (_, refused) = server.ask("GET", PODS, &alice, &Value::Null).await;
    assert!(refused["message"].as_str().unwrap().ends_with(": RBAC: role.rbac.authorization.k8s.io \"nothing\" not found"), "{refused}");
    assert_eq!(server.post(bindings, &binding("views", "ClusterRole", "view")).await.0, 201);
    assert_eq!(server.ask("GET", PODS, &alice, &Value::Null).await.0, 200);
    assert_eq!(server.ask("GET", "/api/v1/namespaces/staging/secrets", &alice, &Value::Null).await.0, 403);
    assert_eq!(server.ask("GET", "/api/v1/namespaces/default/pods", &alice, &Value::Null).await.0, 403);
    assert_eq!(server.ask("DELETE", &format!("{PODS}/x"), &alice, &Value::Null).await.0, 403);
    let review = json!({"spec": {"resourceAttributes": {"verb": "list", "resource": "pods", "namespace": "staging"}}});
    let (_, answer) = server.ask("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", &alice, &review).await;
    assert_eq!(
        answer["status"],
        json!({"allowed": true, "reason": "RBAC: allowed by RoleBinding \"views/staging\" of ClusterRole \"view\" to User \"alice\""})
    );
    let (_, me) = server.ask("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", &alice, &json!({})).await;
    assert_eq!(me["status"]["userInfo"], json!({"username": "alice", "groups": ["system:authenticated"]}));
}

#[tokio::test(start_paused = true)]
async fn eviction_should_spend_its_budget() {
    let server = Server::start();
    let pods = server.get(PODS).await;
    let pod = |n: usize| pods["items"][n]["metadata"]["name"].as_str().unwrap().to_owned();
    let budgets = "/apis/policy/v1/namespaces/staging/poddisruptionbudgets";
    let budget = |name: &str| {
        json!({"kind": "PodDisruptionBudget", "apiVersion": "policy/v1", "metadata": {"name": name},
        "spec": {"minAvailable": 2, "selector": {"matchLabels": {"app": "task-api"}}}})
    };
    server.post(budgets, &budget("two")).await;
    let status =
        json!({"status": {"disruptionsAllowed": 1, "currentHealthy": 3, "desiredHealthy": 2, "expectedPods": 3, "observedGeneration": 1}});
    let merge = [("content-type", "application/merge-patch+json")];
    assert_eq!(server.ask("PATCH", &format!("{budgets}/two/status"), &merge, &status).await.0, 200);
    let evict = |name: String| {
        let body = json!({"kind": "Eviction", "apiVersion": "policy/v1", "metadata": {"name": name, "namespace": "staging"}});
        (format!("{PODS}/{name}/eviction"), body)
    };
    let (path, body) = evict(pod(0));
    assert_eq!(server.post(&path, &body).await.0, 201);
    let (path, body) = evict(pod(1));
    let (code, refused) = server.post(&path, &body).await;
    assert_eq!((code, &refused["reason"]), (429, &json!("TooManyRequests")));
    assert_eq!(refused["message"], "Cannot evict pod as it would violate the pod's disruption budget.");
    assert_eq!(refused["details"]["causes"][0]["reason"], "DisruptionBudget");
    server.post(budgets, &budget("again")).await;
    let (code, refused) = server.post(&path, &body).await;
    assert_eq!((code, refused["message"].as_str().unwrap().contains("more than one PodDisruptionBudget")), (500, true));
}

#[tokio::test(start_paused = true)]
async fn quota_should_refuse_what_does_not_fit() {
    let server = Server::start();
    let quota =
        json!({"kind": "ResourceQuota", "apiVersion": "v1", "metadata": {"name": "few"}, "spec": {"hard": {"pods": "4", "secrets": "1"}}});
    assert_eq!(server.post("/api/v1/namespaces/staging/resourcequotas", &quota).await.0, 201);
    let pod = |name: &str| json!({"kind": "Pod", "apiVersion": "v1", "metadata": {"name": name}, "spec": {"containers": [{"name": "a", "image": "b"}]}});
    assert_eq!(server.post(PODS, &pod("fourth")).await.0, 201);
    let (code, refused) = server.post(PODS, &pod("fifth")).await;
    assert_eq!(code, 403);
    assert_eq!(refused["message"], "pods \"fifth\" is forbidden: exceeded quota: few, requested: pods=1, used: pods=4, limited: pods=4");
    let stored = server.get("/api/v1/namespaces/staging/resourcequotas/few").await;
    assert_eq!(stored["status"]["used"], json!({"secrets": "0", "pods": "4"}));
}

#[tokio::test(start_paused = true)]
async fn scale_should_be_read_and_written_by_itself() {
    let server = Server::start();
    let path = "/apis/apps/v1/namespaces/staging/deployments/task-api/scale";
    let scale = server.get(path).await;
    assert_eq!(
        (&scale["kind"], &scale["spec"]["replicas"], &scale["status"]["selector"]),
        (&json!("Scale"), &json!(3), &json!("app=task-api"))
    );
    let merge = [("content-type", "application/merge-patch+json")];
    let (code, scaled) = server.ask("PATCH", path, &merge, &json!({"spec": {"replicas": 1}})).await;
    assert_eq!((code, &scaled["spec"]["replicas"]), (200, &json!(1)));
    let mut stale = scale.clone();
    stale["spec"]["replicas"] = json!(5);
    assert_eq!(server.ask("PUT", path, &[], &stale).await.0, 409);
    assert_eq!(server.ask("PATCH", path, &merge, &json!({"spec": {"replicas": -1}})).await.0, 422);
}

#[tokio::test(start_paused = true)]
async fn log_should_be_cut_dated_and_followed_as_asked() {
    let server = Server::start();
    let name = server.get(PODS).await["items"][0]["metadata"]["name"].as_str().unwrap().to_owned();
    let text = async |query: &str| server.get(&format!("{PODS}/{name}/log?{query}")).await.as_str().unwrap().to_owned();
    assert_eq!(text("tailLines=2").await.lines().count(), 2);
    assert_eq!(text("limitBytes=10").await.len(), 10);
    assert!((3..=4).contains(&text("sinceSeconds=35").await.lines().count()));
    assert!(text("tailLines=1&timestamps=true").await.starts_with("2026-01-05T"));
    let (code, refused) = server.ask("GET", &format!("{PODS}/{name}/log?previous=true"), &[], &Value::Null).await;
    assert_eq!(code, 400);
    assert_eq!(refused["message"], format!("previous terminated container \"task-api\" in pod \"{name}\" not found"));
    assert_eq!(
        server.ask("GET", &format!("{PODS}/{name}/log?container=x"), &[], &Value::Null).await.1["message"],
        format!("container x is not valid for pod {name}")
    );
    let request = Request::get(format!("{PODS}/{name}/log?follow=true&tailLines=0")).body(Vec::new()).unwrap();
    let mut lines = server.client.request_stream(request).await.unwrap().lines();
    for _ in 0..3 {
        assert!(tokio::time::timeout(Duration::from_secs(30), lines.try_next()).await.unwrap().unwrap().is_some());
    }
    server.ask("DELETE", &format!("{PODS}/{name}?gracePeriodSeconds=0"), &[], &Value::Null).await;
    while tokio::time::timeout(Duration::from_secs(30), lines.try_next()).await.unwrap().unwrap().is_some() {}
}

#[tokio::test(start_paused = true)]
async fn watch_list_should_end_its_initial_events_with_a_bookmark() {
    let server = Server::start();
    let query = "watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true&timeoutSeconds=1";
    let request = Request::get(format!("{PODS}?{query}")).body(Vec::new()).unwrap();
    let lines: Vec<String> = server.client.request_stream(request).await.unwrap().lines().try_collect().await.unwrap();
    let events: Vec<Value> = lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(events.iter().map(|e| e["type"].as_str().unwrap()).collect::<Vec<_>>(), ["ADDED", "ADDED", "ADDED", "BOOKMARK"]);
    assert_eq!(events[3]["object"]["metadata"]["annotations"]["k8s.io/initial-events-end"], "true");
    assert_eq!(server.ask("GET", &format!("{PODS}?watch=1&sendInitialEvents=true"), &[], &Value::Null).await.0, 422);
    assert_eq!(server.ask("GET", &format!("{PODS}?resourceVersionMatch=Exact"), &[], &Value::Null).await.0, 422);
}

#[tokio::test(start_paused = true)]
async fn second_version_should_show_what_the_first_stores() {
    let server = Server::start();
    let (first, second) = ("/apis/autoscaling/v1/namespaces/staging/", "/apis/autoscaling/v2/namespaces/staging/");
    let scaler = json!({"apiVersion": "autoscaling/v1", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "h"}, "spec": {"maxReplicas": 5,
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "task-api"}, "targetCPUUtilizationPercentage": 70}});
    let (code, made) = server.post(&format!("{first}horizontalpodautoscalers"), &scaler).await;
    assert_eq!((code, &made["apiVersion"]), (201, &json!("autoscaling/v1")));
    assert_eq!((&made["spec"]["targetCPUUtilizationPercentage"], &made["spec"]["minReplicas"]), (&json!(70), &json!(1)));
    let stored = server.get(&format!("{second}horizontalpodautoscalers/h")).await;
    assert_eq!(stored["apiVersion"], "autoscaling/v2");
    assert_eq!(stored["spec"]["metrics"][0]["resource"]["target"], json!({"type": "Utilization", "averageUtilization": 70}));
    let (_, refused) = server.post(&format!("{first}horizontalpodautoscalers"), &json!({"metadata": {"name": "i"}, "spec": 7})).await;
    assert!(refused["message"].as_str().unwrap().starts_with("HorizontalPodAutoscaler in version \"v1\" cannot be handled"), "{refused}");

    tokio::time::sleep(Duration::from_secs(5)).await;
    server.ask("DELETE", PODS, &[], &Value::Null).await;
    tokio::time::sleep(Duration::from_mins(1)).await;
    let core = server.get("/api/v1/namespaces/staging/events?fieldSelector=involvedObject.kind%3DPod").await;
    let other = server.get("/apis/events.k8s.io/v1/namespaces/staging/events?fieldSelector=regarding.kind%3DPod").await;
    let (core, other) = (core["items"].as_array().unwrap(), other["items"].as_array().unwrap());
    assert!(!core.is_empty() && core.len() == other.len(), "{} {}", core.len(), other.len());
    assert_eq!((&core[0]["message"], &core[0]["involvedObject"]), (&other[0]["note"], &other[0]["regarding"]));
    let stream = server.send("GET", "/apis/events.k8s.io/v1/namespaces/staging/events?watch=1", &[], "").await;
    let line = stream.into_body().into_data_stream().map_err(std::io::Error::other).into_async_read().lines().try_next().await;
    let seen: Value = serde_json::from_str(&line.unwrap().unwrap()).unwrap();
    assert_eq!((&seen["object"]["apiVersion"], &seen["object"]["note"]), (&json!("events.k8s.io/v1"), &other[0]["note"]));
    assert_eq!(server.get("/apis/events.k8s.io/v1/namespaces/staging/events/x").await["message"], "events.events.k8s.io \"x\" not found");
}

#[tokio::test(start_paused = true)]
async fn limit_range_should_complete_and_refuse_pods() {
    let server = Server::start();
    let limits = json!({"metadata": {"name": "l"}, "spec": {"limits": [{"type": "Container", "default": {"memory": "64Mi"}, "max": {"memory": "1Gi"}}]}});
    assert_eq!(server.post("/api/v1/namespaces/staging/limitranges", &limits).await.0, 201);
    let pod = |name: &str, resources: Value| json!({"metadata": {"name": name}, "spec": {"containers": [{"name": "c", "image": "x", "resources": resources}]}});
    let (code, made) = server.post(PODS, &pod("a", json!({}))).await;
    assert_eq!((code, &made["status"]["qosClass"]), (201, &json!("Burstable")));
    assert_eq!(made["spec"]["containers"][0]["resources"], json!({"limits": {"memory": "64Mi"}, "requests": {"memory": "64Mi"}}));
    let (code, refused) = server.post(PODS, &pod("b", json!({"limits": {"memory": "2Gi"}}))).await;
    assert_eq!(code, 403);
    assert_eq!(refused["message"], "pods \"b\" is forbidden: maximum memory usage per Container is 1Gi, but limit is 2Gi");
}

#[tokio::test(start_paused = true)]
async fn token_should_be_its_accounts() {
    let server = Server::start();
    let (code, asked) = server.post("/api/v1/namespaces/staging/serviceaccounts/default/token", &json!({"spec": {}})).await;
    assert_eq!(code, 201, "{asked}");
    let bearer = format!("Bearer {}", asked["status"]["token"].as_str().unwrap());
    let (code, refused) = server.ask("GET", PODS, &[("authorization", &bearer)], &Value::Null).await;
    assert_eq!(code, 403);
    assert!(refused["message"].as_str().unwrap().contains("User \"system:serviceaccount:staging:default\" cannot list"), "{refused}");
}

#[tokio::test(start_paused = true)]
async fn apply_should_own_a_field_whose_value_it_has_changed() {
    let server = Server::start();
    let path = "/apis/apps/v1/namespaces/staging/deployments/applied?fieldManager=team";
    let apply = async |replicas: Option<u32>| {
        let mut spec = json!({"selector": {"matchLabels": {"app": "applied"}}, "template": {"metadata": {"labels": {"app": "applied"}},
            "spec": {"containers": [{"name": "a", "image": "b"}]}}});
        if let Some(replicas) = replicas {
            spec["replicas"] = json!(replicas);
        }
        let object = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "applied"}, "spec": spec});
        server.ask("PATCH", path, &[("content-type", "application/apply-patch+yaml")], &object).await.1
    };
    apply(Some(2)).await;
    let changed = apply(Some(3)).await;
    let of_team = |object: &Value| {
        let entries = object["metadata"]["managedFields"].as_array().unwrap().clone();
        entries.into_iter().filter(|entry| entry["manager"] == "team").map(|entry| entry["operation"].clone()).collect::<Vec<_>>()
    };
    assert_eq!((&changed["spec"]["replicas"], of_team(&changed)), (&json!(3), vec![json!("Apply")]));
    assert_eq!(apply(None).await["spec"]["replicas"], 1, "what is applied no more goes back to its default");
}

#[tokio::test(start_paused = true)]
async fn absurd_numbers_should_be_refused_or_counted_as_far_as_they_go() {
    let server = Server::start();
    let token = json!({"spec": {"expirationSeconds": i64::MAX}});
    let (code, refused) = server.post("/api/v1/namespaces/staging/serviceaccounts/default/token", &token).await;
    assert_eq!((code, refused["message"].as_str().unwrap().contains("larger than 2^32 seconds")), (422, true));
    let pods = server.get(PODS).await;
    let name = pods["items"][0]["metadata"]["name"].as_str().unwrap();
    let (code, _) = server.ask("DELETE", &format!("{PODS}/{name}?gracePeriodSeconds={}", i64::MAX), &[], &Value::Null).await;
    assert_eq!(code, 200);
    let huge = "170141183460469231731687303715884105727";
    let quota =
        json!({"kind": "ResourceQuota", "apiVersion": "v1", "metadata": {"name": "huge"}, "spec": {"hard": {"requests.cpu": huge}}});
    assert_eq!(server.post("/api/v1/namespaces/staging/resourcequotas", &quota).await.0, 201);
    let pod = json!({"kind": "Pod", "apiVersion": "v1", "metadata": {"name": "huge"}, "spec": {"containers": [
        {"name": "a", "image": "b", "resources": {"requests": {"cpu": huge}}}, {"name": "c", "image": "b", "resources": {"requests": {"cpu": huge}}}]}});
    assert!(matches!(server.post(PODS, &pod).await.0, 201 | 403));
    // a value that reads like a field of the other version is a value
    let other = server.get("/apis/events.k8s.io/v1/namespaces/staging/events?fieldSelector=metadata.name%3Dregarding.note").await;
    assert!(other["items"].as_array().unwrap().is_empty(), "{other}");
}

//! Pods asked through the API server's proxy, deletions without a word on dependents, and Events that grow old.
#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

use std::time::Duration;

use gameday::rehearsal::{PracticeCluster, Prometheus, World};
use http::Request;
use http_body_util::BodyExt;
use kube::Client;
use kube::client::Body;
use serde_json::{Value, json};
use tokio::time::Instant;

const STAGING: &str = "/api/v1/namespaces/staging";

struct Asked {
    code: u16,
    body: Value,
    warning: String,
    took: Duration,
}

async fn ask(client: &Client, method: &str, path: &str, body: Value) -> Asked {
    let begun = Instant::now();
    let bytes = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
    let request = Request::builder().method(method).uri(path).header("content-type", "application/json").body(Body::from(bytes)).unwrap();
    let response = client.send(request).await.unwrap();
    let code = response.status().as_u16();
    let warning = response.headers().get("warning").map(|text| text.to_str().unwrap().to_owned()).unwrap_or_default();
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    Asked { code, body: serde_json::from_slice(&bytes).unwrap_or(Value::Null), warning, took: begun.elapsed() }
}

async fn get(client: &Client, path: &str) -> Asked {
    ask(client, "GET", path, Value::Null).await
}

#[tokio::test(start_paused = true)]
async fn pods_should_answer_through_the_proxy_as_the_service_model_has_it() {
    let cluster = PracticeCluster::start(World::task_api("staging"), 3);
    let client = Client::new(cluster.service(), "staging");
    cluster.scrape_into(Box::new(Prometheus::new()));
    tokio::time::sleep(Duration::from_secs(5)).await;
    let list = get(&client, &format!("{STAGING}/pods?labelSelector=app%3Dtask-api")).await.body;
    let pod = |n: usize| list["items"][n]["metadata"]["name"].as_str().unwrap().to_owned();
    let service = format!("{STAGING}/services/task-api:80/proxy/tasks");
    let fine = get(&client, &service).await;
    assert_eq!(fine.code, 200, "{}", fine.body);
    assert!(fine.took < Duration::from_secs(1), "{:?}", fine.took);
    assert!((0..3).any(|n| fine.body["pod"] == pod(n).as_str()), "{}", fine.body);
    let direct = get(&client, &format!("{STAGING}/pods/{}/proxy/", pod(0))).await;
    assert_eq!((direct.code, &direct.body["pod"]), (200, &json!(pod(0))));
    let refused = get(&client, &format!("{STAGING}/pods/{}:81/proxy/", pod(0))).await;
    assert_eq!(refused.code, 503);
    assert!(refused.body["message"].as_str().unwrap().ends_with(":81: connect: connection refused"), "{}", refused.body);

    let delay = json!({"apiVersion": "chaos-mesh.org/v1alpha1", "kind": "NetworkChaos", "metadata": {"name": "slow"}, "spec": {
        "action": "delay", "mode": "all", "selector": {"namespaces": ["staging"], "labelSelectors": {"app": "task-api"}}, "delay": {"latency": "200ms"}, "duration": "1h"}});
    let made = ask(&client, "POST", "/apis/chaos-mesh.org/v1alpha1/namespaces/staging/networkchaos", delay).await;
    assert_eq!(made.code, 201, "{}", made.body);
    tokio::time::sleep(Duration::from_secs(10)).await;
    let slow = get(&client, &service).await;
    assert_eq!(slow.code, 200, "{}", slow.body);
    assert!(slow.took >= Duration::from_millis(200), "{:?}", slow.took);

    let at = "/apis/apps/v1/namespaces/staging/deployments/task-api/scale";
    let none = json!({"apiVersion": "autoscaling/v1", "kind": "Scale", "metadata": {"name": "task-api", "namespace": "staging"}, "spec": {"replicas": 0}});
    assert_eq!(ask(&client, "PUT", at, none).await.code, 200);
    tokio::time::sleep(Duration::from_mins(2)).await;
    let nobody = get(&client, &service).await;
    assert_eq!(nobody.code, 503);
    assert_eq!(nobody.body["message"], "no endpoints available for service \"task-api\"");
}

#[tokio::test(start_paused = true)]
async fn job_should_leave_its_pods_where_nobody_says_otherwise_and_warn() {
    let cluster = PracticeCluster::start(World::task_api("staging"), 3);
    let client = Client::new(cluster.service(), "staging");
    let jobs = "/apis/batch/v1/namespaces/staging/jobs";
    let pods = format!("{STAGING}/pods?labelSelector=job-name%3Dj");
    for (query, left) in [("", 1), ("?propagationPolicy=Background", 0)] {
        let job = json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "j"}, "spec": {"template": {"spec": {
            "restartPolicy": "Never", "terminationGracePeriodSeconds": 1, "containers": [{"name": "c", "image": "x"}]}}}});
        assert_eq!(ask(&client, "POST", jobs, job).await.code, 201);
        tokio::time::sleep(Duration::from_secs(5)).await;
        let deleted = ask(&client, "DELETE", &format!("{jobs}/j{query}"), Value::Null).await;
        assert_eq!(deleted.code, 200);
        assert_eq!(deleted.warning.contains("child pods are preserved by default when jobs are deleted"), left > 0, "{}", deleted.warning);
        tokio::time::sleep(Duration::from_secs(30)).await;
        assert_eq!(get(&client, &format!("{jobs}/j")).await.code, 404);
        let found = get(&client, &pods).await.body;
        assert_eq!(found["items"].as_array().unwrap().len(), left);
        assert!(found["items"][0]["metadata"]["ownerReferences"].is_null());
        ask(&client, "DELETE", &format!("{pods}&gracePeriodSeconds=0"), Value::Null).await;
    }
}

#[tokio::test(start_paused = true)]
async fn events_should_be_forgotten_an_hour_after_they_were_last_written() {
    let cluster = PracticeCluster::start(World::task_api("staging"), 3);
    let client = Client::new(cluster.service(), "staging");
    let event = |name: &str| {
        json!({"apiVersion": "v1", "kind": "Event", "metadata": {"name": name}, "reason": "R", "message": "M", "type": "Normal",
        "involvedObject": {"kind": "Pod", "namespace": "staging", "name": "x"}, "lastTimestamp": "2999-01-01T00:00:00Z"})
    };
    for name in ["x.1", "x.2"] {
        assert_eq!(ask(&client, "POST", &format!("{STAGING}/events"), event(name)).await.code, 201);
    }
    tokio::time::sleep(Duration::from_mins(40)).await;
    let now = cluster.now().to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
    let mut again = get(&client, &format!("{STAGING}/events/x.2")).await.body;
    again["lastTimestamp"] = json!(now);
    assert_eq!(ask(&client, "PUT", &format!("{STAGING}/events/x.2"), again).await.code, 200);
    assert_eq!(get(&client, &format!("{STAGING}/events/x.1")).await.code, 200);
    tokio::time::sleep(Duration::from_mins(22)).await;
    assert_eq!(get(&client, &format!("{STAGING}/events/x.1")).await.code, 404);
    assert_eq!(get(&client, &format!("{STAGING}/events/x.2")).await.code, 200);
    tokio::time::sleep(Duration::from_mins(41)).await;
    let left = get(&client, "/api/v1/events").await.body["items"].as_array().unwrap().len();
    assert_eq!(left, 0, "a quiet cluster has none left");
}

//! Volumes and claims, and what they mean for pods.
#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

use std::time::Duration;

use gameday::rehearsal::{PracticeCluster, World};
use http::{Method, Request};
use kube::Client;
use serde_json::{Value, json};
use tokio::time::sleep;

const HERE: &str = "/api/v1/namespaces/default";

async fn ask(client: &Client, method: Method, path: &str, body: &Value) -> Value {
    let request = Request::builder().method(method).uri(path).header("content-type", "application/json");
    client.request(request.body(body.to_string().into_bytes()).unwrap()).await.unwrap()
}

async fn get(client: &Client, path: &str) -> Value {
    client.request(Request::get(path).body(Vec::new()).unwrap()).await.unwrap()
}

fn claim(name: &str, class: Option<&str>) -> Value {
    let mut spec = json!({"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}});
    if let Some(class) = class {
        spec["storageClassName"] = json!(class);
    }
    json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": name}, "spec": spec})
}

fn pod(name: &str, claim: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": {"containers": [{"name": "a", "image": "pause:1"}],
        "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": claim}}]}})
}

fn start() -> (PracticeCluster, Client) {
    let cluster = PracticeCluster::start(World::default(), 3);
    let client = Client::new(cluster.service(), "default");
    (cluster, client)
}

async fn reasons(client: &Client, name: &str) -> Vec<String> {
    let events = get(client, &format!("{HERE}/events?fieldSelector=involvedObject.name={name}")).await;
    events["items"].as_array().unwrap().iter().map(|e| e["reason"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(start_paused = true)]
async fn claim_should_wait_for_its_first_pod_and_keep_it_on_the_volumes_node() {
    let (_cluster, client) = start();
    ask(&client, Method::POST, &format!("{HERE}/persistentvolumeclaims"), &claim("data", None)).await;
    sleep(Duration::from_secs(30)).await;
    let path = format!("{HERE}/persistentvolumeclaims/data");
    let waiting = get(&client, &path).await;
    assert_eq!((&waiting["status"]["phase"], &waiting["spec"]["storageClassName"]), (&json!("Pending"), &json!("standard")));
    assert_eq!(reasons(&client, "data").await, ["WaitForFirstConsumer"]);
    ask(&client, Method::POST, &format!("{HERE}/pods"), &pod("one", "data")).await;
    sleep(Duration::from_secs(20)).await;
    let bound = get(&client, &path).await;
    assert_eq!(bound["status"]["phase"], "Bound", "{bound}");
    assert_eq!(bound["status"]["capacity"]["storage"], "1Gi");
    let volume = get(&client, &format!("/api/v1/persistentvolumes/{}", bound["spec"]["volumeName"].as_str().unwrap())).await;
    let one = get(&client, &format!("{HERE}/pods/one")).await;
    assert_eq!((&volume["status"]["phase"], &one["status"]["phase"]), (&json!("Bound"), &json!("Running")));
    let node = &volume["spec"]["nodeAffinity"]["required"]["nodeSelectorTerms"][0]["matchExpressions"][0]["values"][0];
    assert_eq!(node, &one["spec"]["nodeName"]);
    // the next pod of the claim has to go where the volume is
    let body = json!({"spec": {"unschedulable": true}});
    let request =
        Request::patch(format!("/api/v1/nodes/{}", node.as_str().unwrap())).header("content-type", "application/merge-patch+json");
    let _: Value = client.request(request.body(body.to_string().into_bytes()).unwrap()).await.unwrap();
    ask(&client, Method::POST, &format!("{HERE}/pods"), &pod("two", "data")).await;
    sleep(Duration::from_secs(5)).await;
    let two = get(&client, &format!("{HERE}/pods/two")).await;
    let why = two["status"]["conditions"][0]["message"].as_str().unwrap();
    assert_eq!(
        why,
        "0/3 nodes are available: 1 node(s) were unschedulable, 2 node(s) didn't match PersistentVolume's node affinity. preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling."
    );
    // in use it stays, Terminating; with its last pod it goes, and its volume with it
    ask(&client, Method::DELETE, &path, &json!({})).await;
    sleep(Duration::from_secs(5)).await;
    assert!(get(&client, &path).await["metadata"]["deletionTimestamp"].is_string());
    for name in ["one", "two"] {
        ask(&client, Method::DELETE, &format!("{HERE}/pods/{name}"), &json!({"gracePeriodSeconds": 0})).await;
    }
    sleep(Duration::from_secs(20)).await;
    assert_eq!(get(&client, "/api/v1/persistentvolumes").await["items"], json!([]));
    assert_eq!(get(&client, &format!("{HERE}/persistentvolumeclaims")).await["items"], json!([]));
}

#[tokio::test(start_paused = true)]
async fn pod_of_an_unbound_immediate_claim_should_be_unschedulable_until_a_volume_comes() {
    let (_cluster, client) = start();
    ask(&client, Method::POST, &format!("{HERE}/persistentvolumeclaims"), &claim("data", Some("fast"))).await;
    ask(&client, Method::POST, &format!("{HERE}/pods"), &pod("one", "data")).await;
    sleep(Duration::from_secs(20)).await;
    assert_eq!(reasons(&client, "data").await, ["ProvisioningFailed"]);
    let one = get(&client, &format!("{HERE}/pods/one")).await;
    assert_eq!(
        one["status"]["conditions"][0]["message"],
        "0/3 nodes are available: pod has unbound immediate PersistentVolumeClaims. preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling."
    );
    let volume = json!({"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": "disk"}, "spec": {"storageClassName": "fast",
        "capacity": {"storage": "5Gi"}, "accessModes": ["ReadWriteOnce"], "hostPath": {"path": "/data"}}});
    ask(&client, Method::POST, "/api/v1/persistentvolumes", &volume).await;
    sleep(Duration::from_secs(20)).await;
    assert_eq!(get(&client, &format!("{HERE}/pods/one")).await["status"]["phase"], "Running");
    assert_eq!(get(&client, "/api/v1/persistentvolumes/disk").await["status"]["phase"], "Bound");
    for path in [format!("{HERE}/pods/one?gracePeriodSeconds=0"), format!("{HERE}/persistentvolumeclaims/data")] {
        ask(&client, Method::DELETE, &path, &json!({})).await;
    }
    sleep(Duration::from_secs(20)).await;
    assert_eq!(get(&client, "/api/v1/persistentvolumes/disk").await["status"]["phase"], "Released", "who made it by hand keeps it");
}

#[tokio::test(start_paused = true)]
async fn claims_of_a_set_should_outlive_it() {
    let (_cluster, client) = start();
    let set = json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "db"}, "spec": {"replicas": 2, "serviceName": "db",
        "selector": {"matchLabels": {"app": "db"}}, "template": {"metadata": {"labels": {"app": "db"}},
        "spec": {"containers": [{"name": "a", "image": "pause:1"}]}},
        "volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": claim("data", None)["spec"]}]}});
    ask(&client, Method::POST, "/apis/apps/v1/namespaces/default/statefulsets", &set).await;
    sleep(Duration::from_mins(1)).await;
    let set = "/apis/apps/v1/namespaces/default/statefulsets/db";
    assert_eq!(get(&client, set).await["status"]["readyReplicas"], 2);
    ask(&client, Method::DELETE, set, &json!({})).await;
    sleep(Duration::from_mins(1)).await;
    let claims = get(&client, &format!("{HERE}/persistentvolumeclaims")).await;
    let phases: Vec<_> = claims["items"].as_array().unwrap().iter().map(|claim| &claim["status"]["phase"]).collect();
    assert_eq!(phases, ["Bound", "Bound"]);
}

//! What outlives its fault or its run, on a real API server: found, named, removed.
#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

mod support;

use std::time::Duration;

use http::Request;
use kube::Client;
use kube::client::Body;
use serde_json::{Value, json};
use support::cluster::{cluster_alone, internal_kinds};
use support::{said, scratch};

async fn ask(client: &Client, method: &str, path: &str, content: &str, body: &Value) -> Value {
    let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
    let request = Request::builder().method(method).uri(path).header("content-type", content).body(Body::from(body)).unwrap();
    let response = client.send(request).await.unwrap();
    let bytes = response.into_body().collect_bytes().await.unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

const MERGE: &str = "application/merge-patch+json";

#[test]
fn residue_should_be_found_and_removed_on_a_real_api_server() {
    let Some(cluster) = cluster_alone() else { return };
    let home = cluster.task_api("gameday-test-residue");
    let (folder, client, ns) = (scratch("cluster-residue"), cluster.client(), home.namespace.clone());
    cluster.runtime.block_on(internal_kinds(&client));
    let get = |path: &str| cluster.runtime.block_on(ask(&client, "GET", path, "application/json", &Value::Null));
    let plant = |path: &str, object: &Value| {
        let made = cluster.runtime.block_on(ask(&client, "POST", path, "application/json", object));
        assert!(made["metadata"]["uid"].is_string(), "{path}: {made}");
    };
    let patch = |path: &str, object: &Value| {
        let done = cluster.runtime.block_on(ask(&client, "PATCH", path, MERGE, object));
        assert!(done["metadata"]["uid"].is_string(), "{path}: {done}");
    };
    let pods = get(&format!("/api/v1/namespaces/{ns}/pods?labelSelector=app%3Dtask-api"));
    let name = |n: usize| pods["items"][n]["metadata"]["name"].as_str().unwrap().to_owned();
    let image = pods["items"][1]["spec"]["containers"][0]["image"].clone();
    let (ruled, paused) = (name(0), name(1));
    let chaos = format!("/apis/chaos-mesh.org/v1alpha1/namespaces/{ns}/podnetworkchaos");
    plant(
        &chaos,
        &json!({"apiVersion": "chaos-mesh.org/v1alpha1", "kind": "PodNetworkChaos", "metadata": {"name": ruled, "namespace": ns},
            "spec": {"ipsets": [{"name": "set", "ipsetType": "hash:net", "cidrs": ["10.0.0.1/32"], "source": format!("{ns}/task-api-slow-0a1b2c-0")}], "iptables": [], "tcs": []}}),
    );
    let pod = format!("/api/v1/namespaces/{ns}/pods/{paused}");
    // as pod-failure leaves it: the image kept under the short key. A name of its own for the same image would not start here.
    patch(&pod, &json!({"metadata": {"annotations": {"task-api-normal": image}}}));
    let mut containers = get(&pod)["spec"]["containers"].clone();
    containers[0]["image"] = "gcr.io/google-containers/pause:latest".into();
    patch(&pod, &json!({"spec": {"containers": containers}}));
    let ours = json!({"app.kubernetes.io/managed-by": "gameday", "gameday/run": "0a1b2c"});
    plant(
        &format!("/apis/networking.k8s.io/v1/namespaces/{ns}/networkpolicies"),
        &json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "cut-off", "namespace": ns, "labels": ours},
            "spec": {"podSelector": {"matchLabels": {"app": "nobody"}}, "policyTypes": ["Ingress"]}}),
    );
    plant(
        "/api/v1/namespaces",
        &json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "gameday-test-drill", "labels": ours}}),
    );

    let recovered = home.gameday(&folder).args(["recover"]).output().unwrap();
    let told = said(&recovered);
    assert_eq!(recovered.status.code(), Some(7), "{told}");
    for named in [
        format!("left: network rules in pod {ns}/{ruled}: of {ns}/task-api-slow-0a1b2c-0, which is gone; by its name of the run 0a1b2c"),
        format!("left: the pause image in pod {ns}/{paused}"),
        format!("left: NetworkPolicy {ns}/cut-off"),
        "left: Namespace gameday-test-drill".to_owned(),
    ] {
        assert!(told.contains(&named), "{named}: {told}");
    }
    // nobody is here who would take the rules out of the pod: played, as soon as they are out of the object
    let aborted = std::thread::scope(|scope| {
        let aborting = scope.spawn(|| home.gameday(&folder).args(["abort", "--all", "--yes"]).output().unwrap());
        let path = format!("{chaos}/{ruled}");
        support::until("the rules to be taken out", || get(&path)["spec"]["ipsets"] == json!([]));
        let generation = get(&path)["metadata"]["generation"].clone();
        patch(&format!("{path}/status"), &json!({"status": {"observedGeneration": generation}}));
        aborting.join().unwrap()
    });
    assert_eq!(aborted.status.code(), Some(0), "{}", said(&aborted));
    assert_eq!(get(&pod)["spec"]["containers"][0]["image"], image);
    assert!(get(&pod)["metadata"]["annotations"]["task-api-normal"].is_null());
    assert_eq!(get(&format!("/apis/networking.k8s.io/v1/namespaces/{ns}/networkpolicies"))["items"], json!([]));
    assert_eq!(get("/api/v1/namespaces/gameday-test-drill")["code"], 404);
    std::thread::sleep(Duration::from_millis(100));
    let recovered = home.gameday(&folder).args(["recover"]).output().unwrap();
    assert_eq!(recovered.status.code(), Some(0), "{}", said(&recovered));
}

//! Chaos Mesh in the practice cluster: life cycles as its watchers see them.
#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

use std::time::Duration;

use futures::{StreamExt, TryStreamExt};
use gameday::rehearsal::world::Spread;
use gameday::rehearsal::{PracticeCluster, World};
use k8s_openapi::api::core::v1::Pod;
use kube::Client;
use kube::api::{Api, ApiResource, DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams, WatchEvent, WatchParams};
use serde_json::{Value, json};
use tokio::time::Instant;

fn experiments(client: &Client, kind: &str) -> Api<DynamicObject> {
    let resource = ApiResource {
        group: "chaos-mesh.org".into(),
        version: "v1alpha1".into(),
        api_version: "chaos-mesh.org/v1alpha1".into(),
        kind: kind.into(),
        plural: kind.to_lowercase(),
    };
    Api::default_namespaced_with(client.clone(), &resource)
}

fn experiment(kind: &str, spec: Value) -> DynamicObject {
    let mut spec = spec;
    spec["selector"] = json!({"labelSelectors": {"app": "task-api"}});
    let value = json!({"apiVersion": "chaos-mesh.org/v1alpha1", "kind": kind, "metadata": {"name": "it"}, "spec": spec});
    serde_json::from_value(value).unwrap()
}

fn cluster() -> (PracticeCluster, Client) {
    let world = World { daemon_latency: Spread::millis(0, 0, 0), ..World::task_api("staging") };
    let cluster = PracticeCluster::start(world, 4);
    let client = Client::new(cluster.service(), "staging");
    (cluster, client)
}

/// `generation desired conditions phase injected/recovered`, the conditions that are true by their first letters.
fn row(word: &str, object: &DynamicObject) -> String {
    let status = &object.data["status"];
    let desired = status["experiment"]["desiredPhase"].as_str().unwrap_or("-");
    let holds = |kind: &str| status["conditions"].as_array().into_iter().flatten().any(|c| c["type"] == kind && c["status"] == "True");
    let conditions = if status["conditions"].is_array() {
        ["Selected", "AllInjected", "AllRecovered", "Paused"]
            .map(|kind| if holds(kind) { &kind[..if kind.starts_with("All") { 4 } else { 1 }] } else { "." })
            .concat()
    } else {
        "-".into()
    };
    let record = &status["experiment"]["containerRecords"][0];
    let record = if record.is_null() {
        "-".to_owned()
    } else {
        format!("{} {}/{}", record["phase"].as_str().unwrap(), record["injectedCount"], record["recoveredCount"])
    };
    let end = if object.metadata.deletion_timestamp.is_some() { " deleting" } else { "" };
    format!("{word}{} {desired} {conditions} {record}{end}", object.metadata.generation.unwrap())
}

/// Every state of the experiment `it` until this many seconds have passed; it is deleted at its time.
async fn life(client: &Client, kind: &str, spec: Value, delete_at: f64, until: f64) -> Vec<String> {
    let api = experiments(client, kind);
    let mut watch = api.watch(&WatchParams::default(), "0").await.unwrap().boxed();
    let start = Instant::now();
    api.create(&PostParams::default(), &experiment(kind, spec)).await.unwrap();
    let deleting = api.clone();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs_f64(delete_at)).await;
        deleting.delete("it", &DeleteParams::default()).await.unwrap();
    });
    let mut rows = Vec::new();
    while let Ok(Some(event)) = tokio::time::timeout_at(start + Duration::from_secs_f64(until), watch.try_next()).await.map(Result::unwrap)
    {
        match event {
            WatchEvent::Added(o) => rows.push(row("+", &o)),
            WatchEvent::Modified(o) => rows.push(row("", &o)),
            WatchEvent::Deleted(o) => rows.push(row("gone ", &o)),
            _ => {}
        }
    }
    rows
}

#[tokio::test(start_paused = true)]
async fn network_chaos_should_live_as_recorded() {
    let (cluster, client) = cluster();
    let spec = json!({"action": "delay", "mode": "one", "duration": "10s", "delay": {"latency": "100ms"}});
    let rows = life(&client, "NetworkChaos", spec, 14.0, 20.0).await;
    assert_eq!(
        rows,
        [
            "+1 - - -",
            "1 - - -",
            "2 Run - -",
            "3 Run .... -",
            "4 Run .... Not Injected/Wait 0/0",
            "5 Run S... Not Injected/Wait 0/0",
            "6 Run S... Injected 1/0",
            "7 Run SAllI.. Injected 1/0",
            "8 Stop SAllI.. Injected 1/0",
            "9 Stop SAllI.. Injected/Wait 1/0",
            "10 Stop S... Injected/Wait 1/0",
            "11 Stop S... Not Injected 1/1",
            "12 Stop S.AllR. Not Injected 1/1",
            "13 Stop S.AllR. Not Injected 1/1 deleting",
            "gone 13 Stop S.AllR. Not Injected 1/1 deleting",
        ]
    );
    assert!(cluster.network_faults().is_empty());
}

#[tokio::test(start_paused = true)]
async fn pod_kill_should_be_a_one_shot() {
    let (_cluster, client) = cluster();
    let pods: Api<Pod> = Api::default_namespaced(client.clone());
    let before = pods.list(&ListParams::default()).await.unwrap();
    let rows = life(&client, "PodChaos", json!({"action": "pod-kill", "mode": "one"}), 8.0, 12.0).await;
    assert_eq!(
        rows,
        [
            "+1 - - -",
            "1 - - -",
            "2 Run - -",
            "3 Run .... -",
            "4 Run .... Injected 1/0",
            "5 Run SAllI.. Injected 1/0",
            "6 Run SAllI.. Injected 1/0 deleting",
            "7 Stop SAllI.. Injected 1/0 deleting",
            "8 Stop SAllI.. Not Injected 1/1 deleting",
            "gone 8 Stop SAllI.. Not Injected 1/1 deleting",
        ]
    );
    let after = pods.list(&ListParams::default()).await.unwrap();
    let uid = |p: &Pod| p.metadata.uid.clone().unwrap();
    assert_eq!(after.items.iter().filter(|p| before.items.iter().any(|q| uid(q) == uid(p))).count(), 2);
}

#[tokio::test(start_paused = true)]
async fn deleting_an_injected_experiment_should_recover_it_on_the_way_out() {
    let (cluster, client) = cluster();
    let spec = json!({"action": "loss", "mode": "one", "loss": {"loss": "25"}});
    let rows = life(&client, "NetworkChaos", spec, 4.0, 6.0).await;
    assert_eq!(
        rows[7..],
        [
            "7 Run SAllI.. Injected 1/0",
            "8 Run SAllI.. Injected 1/0 deleting",
            "9 Stop SAllI.. Injected 1/0 deleting",
            "10 Stop SAllI.. Injected/Wait 1/0 deleting",
            "11 Stop S... Injected/Wait 1/0 deleting",
            "12 Stop S... Not Injected 1/1 deleting",
            "gone 12 Stop S... Not Injected 1/1 deleting",
        ]
    );
    assert!(cluster.network_faults().is_empty());
}

#[tokio::test(start_paused = true)]
async fn pausing_should_recover_and_resuming_should_inject_again() {
    let (cluster, client) = cluster();
    let api = experiments(&client, "NetworkChaos");
    let spec = json!({"action": "delay", "mode": "all", "delay": {"latency": "100ms"}});
    api.create(&PostParams::default(), &experiment("NetworkChaos", spec)).await.unwrap();
    let second = Duration::from_secs(1);
    let pause = |value: Value| json!({"metadata": {"annotations": {"experiment.chaos-mesh.org/pause": value}}});
    tokio::time::sleep(second).await;
    assert_eq!(cluster.network_faults().len(), 3);
    api.patch("it", &PatchParams::default(), &Patch::Merge(pause(json!("true")))).await.unwrap();
    tokio::time::sleep(second).await;
    assert_eq!(cluster.network_faults().len(), 0);
    assert!(row("", &api.get("it").await.unwrap()).ends_with("Stop S.AllRP Not Injected 1/1"));
    api.patch("it", &PatchParams::default(), &Patch::Merge(pause(Value::Null))).await.unwrap();
    tokio::time::sleep(second).await;
    assert!(row("", &api.get("it").await.unwrap()).ends_with("Run SAllI.. Injected 2/1"));
}

#[tokio::test(start_paused = true)]
async fn experiment_should_be_stuck_while_the_daemon_is_down() {
    let (cluster, client) = cluster();
    let api = experiments(&client, "NetworkChaos");
    let spec = json!({"action": "delay", "mode": "one", "delay": {"latency": "100ms"}});
    api.create(&PostParams::default(), &experiment("NetworkChaos", spec)).await.unwrap();
    tokio::time::sleep(Duration::from_secs(2)).await;
    cluster.trouble().chaos_daemon_down(true);
    api.delete("it", &DeleteParams::default()).await.unwrap();
    tokio::time::sleep(Duration::from_mins(1)).await;
    let stuck = api.get("it").await.unwrap();
    assert!(stuck.data["status"]["experiment"]["containerRecords"][0]["events"].to_string().contains("cannot find daemonIP on node node-"));
    assert_eq!(cluster.network_faults().len(), 1, "what was applied stays applied");
    cluster.trouble().chaos_daemon_down(false);
    tokio::time::sleep(Duration::from_mins(2)).await;
    assert!(api.get_opt("it").await.unwrap().is_none());
    assert!(cluster.network_faults().is_empty());
}

#[tokio::test(start_paused = true)]
async fn nothing_should_expire_while_the_controllers_are_down() {
    let (cluster, client) = cluster();
    let api = experiments(&client, "NetworkChaos");
    let spec = json!({"action": "delay", "mode": "all", "duration": "10s", "delay": {"latency": "100ms"}});
    api.create(&PostParams::default(), &experiment("NetworkChaos", spec)).await.unwrap();
    tokio::time::sleep(Duration::from_secs(2)).await;
    cluster.trouble().chaos_controller_down(true);
    tokio::time::sleep(Duration::from_secs(20)).await;
    assert_eq!(cluster.network_faults().len(), 3);
    let refused = api.patch("it", &PatchParams::default(), &Patch::Merge(json!({"metadata": {"labels": {"a": "b"}}}))).await.unwrap_err();
    assert!(refused.to_string().contains("failed calling webhook \"mnetworkchaos.kb.io\""), "{refused}");
    cluster.trouble().chaos_controller_down(false);
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert!(cluster.network_faults().is_empty());
    assert!(row("", &api.get("it").await.unwrap()).contains("AllR"));
}

#[tokio::test(start_paused = true)]
async fn partition_should_drop_on_both_sides() {
    let (cluster, client) = cluster();
    let api = experiments(&client, "NetworkChaos");
    let spec = json!({"action": "partition", "mode": "one", "direction": "to",
        "target": {"mode": "all", "selector": {"labelSelectors": {"app": "task-api"}}}});
    api.create(&PostParams::default(), &experiment("NetworkChaos", spec)).await.unwrap();
    tokio::time::sleep(Duration::from_secs(2)).await;
    let it = api.get("it").await.unwrap();
    assert_eq!(it.data["status"]["experiment"]["containerRecords"].as_array().unwrap().len(), 4);
    assert!(row("", &it).contains("AllI"));
    assert!(cluster.network_faults().iter().all(|fault| fault.towards.as_ref().is_some_and(|t| !t.is_empty())));
}

#[tokio::test(start_paused = true)]
async fn dry_run_should_refuse_as_the_real_one_and_store_nothing() {
    let (_cluster, client) = cluster();
    let api = experiments(&client, "PodChaos");
    let dry = PostParams { dry_run: true, ..PostParams::default() };
    let made = api.create(&dry, &experiment("PodChaos", json!({"action": "pod-failure", "mode": "one", "duration": "10s"}))).await.unwrap();
    assert_eq!(made.data["spec"]["selector"]["namespaces"], json!(["staging"]));
    assert!(made.metadata.resource_version.is_none());
    assert!(api.get_opt("it").await.unwrap().is_none());
    let refused =
        api.create(&dry, &experiment("PodChaos", json!({"action": "pod-failure", "mode": "one", "duration": "30"}))).await.unwrap_err();
    let kube::Error::Api(status) = refused else { panic!("{refused}") };
    assert_eq!(
        (status.code, status.message.as_str()),
        (
            403,
            "admission webhook \"vpodchaos.kb.io\" denied the request: Spec.Duration: Invalid value: \"30\": parse duration field error: time: missing unit in duration \"30\""
        )
    );
}

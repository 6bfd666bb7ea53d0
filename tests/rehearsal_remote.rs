//! The practice cluster's controllers as clients over HTTP: attached to an API server that has none of its own.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test stops where it fails")]

mod support;

use std::time::Duration;

use gameday::rehearsal::clock::Clock;
use gameday::rehearsal::controllers::{self, Attached};
use gameday::rehearsal::world::Spread;
use gameday::rehearsal::{PracticeCluster, World};
use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet, StatefulSet};
use k8s_openapi::api::core::v1::{Endpoints, Event, Namespace, Pod};
use kube::api::{Api, DeleteParams, ListParams, Patch, PatchParams, PostParams, PropagationPolicy};
use kube::{Client, ResourceExt};
use serde_json::{Value, json};
use support::life::{Place, differences, recording, replay};

async fn attached(seed: u64) -> (PracticeCluster, Client, Attached) {
    let cluster = PracticeCluster::without_controllers(World::task_api("staging"), seed);
    let client = Client::new(cluster.service(), "staging");
    let attached = controllers::attach(client.clone(), Clock::set(cluster.now()), seed).await.unwrap();
    (cluster, client, attached)
}

fn workload(kind: &str, name: &str, replicas: u32) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": kind, "metadata": {"name": name},
        "spec": {
            "replicas": replicas, "serviceName": name, "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": {"labels": {"app": name}}, "spec": {"containers": [{"name": "c", "image": "registry.example/c:1"}]}},
        },
    })
}

async fn wait<F: Future<Output = bool>>(what: &str, mut until: impl FnMut() -> F) {
    for _ in 0..600 {
        if until().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("waited a minute for {what}");
}

async fn ready(client: &Client, app: &str) -> usize {
    let pods: Api<Pod> = Api::default_namespaced(client.clone());
    let pods = pods.list(&ListParams::default().labels(&format!("app={app}"))).await.unwrap();
    let holds =
        |pod: &&Pod| pod.status.iter().flat_map(|s| s.conditions.iter().flatten()).any(|c| c.type_ == "Ready" && c.status == "True");
    pods.items.iter().filter(holds).count()
}

#[tokio::test(start_paused = true)]
async fn nothing_should_happen_where_no_controller_is_attached() {
    let cluster = PracticeCluster::without_controllers(World::task_api("staging"), 1);
    let client = Client::new(cluster.service(), "staging");
    let deployments: Api<Deployment> = Api::default_namespaced(client.clone());
    deployments.create(&PostParams::default(), &serde_json::from_value(workload("Deployment", "new", 2)).unwrap()).await.unwrap();
    tokio::time::sleep(Duration::from_mins(1)).await;
    assert_eq!(ready(&client, "new").await, 0);
}

#[tokio::test(start_paused = true)]
async fn workloads_should_live_by_controllers_over_http() {
    for seed in 1..=3 {
        let (_cluster, client, _attached) = attached(seed).await;
        let deployments: Api<Deployment> = Api::default_namespaced(client.clone());
        let sets: Api<StatefulSet> = Api::default_namespaced(client.clone());
        let pods: Api<Pod> = Api::default_namespaced(client.clone());
        deployments.create(&PostParams::default(), &serde_json::from_value(workload("Deployment", "new", 4)).unwrap()).await.unwrap();
        sets.create(&PostParams::default(), &serde_json::from_value(workload("StatefulSet", "db", 2)).unwrap()).await.unwrap();
        wait("the workloads", || async {
            let status = deployments.get("new").await.unwrap().status.unwrap_or_default();
            let set = sets.get("db").await.unwrap().status.unwrap_or_default();
            status.available_replicas == Some(4) && set.ready_replicas == Some(2)
        })
        .await;
        let of_new = async || pods.list(&ListParams::default().labels("app=new")).await.unwrap().items;
        assert_eq!(of_new().await.len(), 4, "a cache that lags must not make more");
        assert!(of_new().await.iter().all(|pod| pod.spec.as_ref().unwrap().node_name.is_some()));
        assert_eq!(pods.get("db-1").await.unwrap().name_any(), "db-1");

        deployments.patch("new", &PatchParams::default(), &Patch::Merge(json!({"spec": {"replicas": 1}}))).await.unwrap();
        wait("fewer", || async { of_new().await.len() == 1 }).await;
        let events: Api<Event> = Api::default_namespaced(client.clone());
        let told: Vec<String> = events.list(&ListParams::default()).await.unwrap().items.iter().filter_map(|e| e.reason.clone()).collect();
        for reason in ["ScalingReplicaSet", "SuccessfulCreate", "SuccessfulDelete", "Scheduled", "Started", "Killing"] {
            assert!(told.iter().any(|told| told == reason), "{reason} is not among {told:?}");
        }

        let foreground = DeleteParams { propagation_policy: Some(PropagationPolicy::Foreground), ..DeleteParams::default() };
        deployments.delete("new", &foreground).await.unwrap();
        wait("the end of it", || async { deployments.get_opt("new").await.unwrap().is_none() }).await;
        let replica_sets: Api<ReplicaSet> = Api::default_namespaced(client.clone());
        assert!(replica_sets.list(&ListParams::default().labels("app=new")).await.unwrap().items.is_empty());
        assert!(of_new().await.is_empty(), "foreground: the owner goes last");
    }
}

#[tokio::test(start_paused = true)]
async fn endpoints_should_follow_pods_over_http() {
    let (_cluster, client, _attached) = attached(2).await;
    let pods: Api<Pod> = Api::default_namespaced(client.clone());
    let endpoints: Api<Endpoints> = Api::default_namespaced(client.clone());
    let count = async || {
        let subsets = endpoints.get("task-api").await.unwrap().subsets.unwrap_or_default();
        subsets.iter().flat_map(|subset| subset.addresses.iter().flatten()).count()
    };
    let name = pods.list(&ListParams::default().labels("app=task-api")).await.unwrap().items[0].name_any();
    pods.delete(&name, &DeleteParams::default().grace_period(0)).await.unwrap();
    wait("one less", || async { count().await == 2 }).await;
    wait("all again", || async { count().await == 3 }).await;
}

#[tokio::test(start_paused = true)]
async fn namespace_should_end_by_controllers_over_http() {
    let (_cluster, client, _attached) = attached(3).await;
    let namespaces: Api<Namespace> = Api::all(client.clone());
    namespaces.delete("staging", &DeleteParams::default()).await.unwrap();
    wait("the namespace to go", || async { namespaces.get_opt("staging").await.unwrap().is_none() }).await;
    let pods: Api<Pod> = Api::default_namespaced(client.clone());
    assert!(pods.list(&ListParams::default()).await.unwrap().items.is_empty());
}

#[tokio::test(start_paused = true)]
async fn controllers_should_outlive_cuts_compaction_and_outages() {
    for seed in 1..=3 {
        let (cluster, client, _attached) = attached(seed).await;
        let pods: Api<Pod> = Api::default_namespaced(client.clone());
        let kill = async || {
            let name = pods.list(&ListParams::default().labels("app=task-api")).await.unwrap().items[0].name_any();
            pods.delete(&name, &DeleteParams::default().grace_period(0)).await.unwrap();
        };
        cluster.trouble().cut_watches();
        kill().await;
        cluster.trouble().compact();
        kill().await;
        wait("replacements after a cut and a 410", || async { ready(&client, "task-api").await == 3 }).await;
        kill().await;
        cluster.trouble().api_outage(Duration::from_secs(40));
        tokio::time::sleep(Duration::from_secs(41)).await;
        wait("a replacement after an outage", || async { ready(&client, "task-api").await == 3 }).await;
        tokio::time::sleep(Duration::from_secs(30)).await;
        assert_eq!(pods.list(&ListParams::default().labels("app=task-api")).await.unwrap().items.len(), 3);
    }
}

#[tokio::test(start_paused = true)]
async fn detached_controllers_should_do_nothing_more() {
    let (_cluster, client, attached) = attached(4).await;
    let pods: Api<Pod> = Api::default_namespaced(client.clone());
    drop(attached);
    let name = pods.list(&ListParams::default().labels("app=task-api")).await.unwrap().items[0].name_any();
    pods.delete(&name, &DeleteParams::default().grace_period(0)).await.unwrap();
    tokio::time::sleep(Duration::from_mins(1)).await;
    assert_eq!(ready(&client, "task-api").await, 2);
}

/// Chaos Mesh over HTTP lives as recorded from the real one: the order of every state a client can see.
#[tokio::test(start_paused = true)]
async fn experiments_over_http_should_live_as_recorded() {
    let mut found = Vec::new();
    for trace in [
        "podchaos-pod-kill-one",
        "podchaos-pod-kill-all-then-delete",
        "podchaos-container-kill",
        "podchaos-pod-failure-10s",
        "networkchaos-delay-10s",
        "networkchaos-delete-while-injected",
        "networkchaos-no-match",
        "networkchaos-pause-resume",
    ] {
        let real = recording(trace);
        let (_cluster, client, attached) = attached(1).await;
        attached.ground(|ground| ground.world.daemon_latency = Spread::millis(0, 0, 0));
        let place = Place { client, namespace: "staging".to_owned(), webhooks: true };
        found.extend(differences(&real, &replay(&place, &real).await));
    }
    assert!(found.is_empty(), "{} differences\n{}", found.len(), found.join("\n"));
}

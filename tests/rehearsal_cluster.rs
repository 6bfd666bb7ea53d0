//! The practice cluster as a kube client sees it: objects, watches, pods that die and come back.
#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

use std::time::Duration;

use futures::{StreamExt, TryStreamExt};
use gameday::rehearsal::{PracticeCluster, World};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Endpoints, Pod};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::api::{Api, DeleteParams, ListParams, WatchEvent, WatchParams};
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Client, ResourceExt};
use tokio::time::Instant;

fn client(cluster: &PracticeCluster) -> Client {
    Client::new(cluster.service(), "staging")
}

fn ready(pod: &Pod) -> bool {
    let conditions = pod.status.iter().flat_map(|s| s.conditions.iter().flatten());
    conditions.into_iter().any(|c| c.type_ == "Ready" && c.status == "True") && pod.metadata.deletion_timestamp.is_none()
}

#[tokio::test(start_paused = true)]
async fn replacement_should_be_ready_within_the_recorded_times_after_a_kill() {
    for seed in 0..20 {
        let cluster = PracticeCluster::start(World::task_api("staging"), seed);
        let pods: Api<Pod> = Api::default_namespaced(client(&cluster));
        let before = pods.list(&ListParams::default().labels("app=task-api")).await.unwrap();
        assert_eq!(before.items.iter().filter(|p| ready(p)).count(), 3);
        let names: Vec<String> = before.items.iter().map(ResourceExt::name_any).collect();
        let mut watch = watcher(pods.clone(), watcher::Config::default().labels("app=task-api")).applied_objects().boxed();
        for _ in 0..3 {
            watch.try_next().await.unwrap().unwrap();
        }
        let killed = Instant::now();
        pods.delete(&names[0], &DeleteParams::default().grace_period(0)).await.unwrap();
        let replaced = loop {
            let pod = watch.try_next().await.unwrap().unwrap();
            if !names.contains(&pod.name_any()) && ready(&pod) {
                break killed.elapsed();
            }
        };
        assert!(replaced > Duration::from_millis(580) && replaced < Duration::from_millis(1500), "seed {seed}: {replaced:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn graceful_deletion_should_show_every_state_of_the_pod() {
    let cluster = PracticeCluster::start(World::task_api("staging"), 3);
    let pods: Api<Pod> = Api::default_namespaced(client(&cluster));
    let list = pods.list(&ListParams::default()).await.unwrap();
    let name = list.items[0].name_any();
    let revision = list.metadata.resource_version.unwrap();
    let mut watch = pods.watch(&WatchParams::default().fields(&format!("metadata.name={name}")), &revision).await.unwrap().boxed();
    pods.delete(&name, &DeleteParams::default()).await.unwrap();
    let mut seen = Vec::new();
    while let Some(event) = watch.try_next().await.unwrap() {
        let (word, pod) = match event {
            WatchEvent::Added(pod) => ("added", pod),
            WatchEvent::Modified(pod) => ("modified", pod),
            WatchEvent::Deleted(pod) => ("deleted", pod),
            _ => continue,
        };
        seen.push((word, pod.metadata.deletion_grace_period_seconds, pod.status.unwrap().phase.unwrap()));
        if word == "deleted" {
            break;
        }
    }
    let shown: Vec<_> = seen.iter().map(|(w, g, p)| (*w, *g, p.as_str())).collect();
    assert_eq!(
        shown,
        [
            ("modified", Some(10), "Running"),
            ("modified", Some(10), "Succeeded"),
            ("modified", Some(0), "Succeeded"),
            ("deleted", Some(0), "Succeeded")
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn endpoints_should_follow_the_pods() {
    let cluster = PracticeCluster::start(World::task_api("staging"), 5);
    let pods: Api<Pod> = Api::default_namespaced(client(&cluster));
    let endpoints: Api<Endpoints> = Api::default_namespaced(client(&cluster));
    let slices: Api<EndpointSlice> = Api::default_namespaced(client(&cluster));
    let deployments: Api<Deployment> = Api::default_namespaced(client(&cluster));
    let addresses = async || {
        let endpoints = endpoints.get("task-api").await.unwrap();
        let slice = slices.list(&ListParams::default().labels("kubernetes.io/service-name=task-api")).await.unwrap().items.remove(0);
        let ready = slice.endpoints.unwrap_or_default().iter().filter(|e| e.conditions.as_ref().unwrap().ready == Some(true)).count();
        (endpoints.subsets.unwrap_or_default().iter().flat_map(|s| s.addresses.iter().flatten()).count(), ready)
    };
    assert_eq!(addresses().await, (3, 3));
    let name = pods.list(&ListParams::default()).await.unwrap().items[0].name_any();
    pods.delete(&name, &DeleteParams::default().grace_period(0)).await.unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(addresses().await, (2, 2));
    assert_eq!(deployments.get("task-api").await.unwrap().status.unwrap().ready_replicas, Some(2));
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(addresses().await, (3, 3));
    assert_eq!(deployments.get("task-api").await.unwrap().status.unwrap().available_replicas, Some(3));
}

/// Everything that happens in 20 s with a kill in them, as one text.
async fn story(seed: u64) -> Vec<String> {
    let cluster = PracticeCluster::start(World::task_api("staging"), seed);
    let pods: Api<Pod> = Api::default_namespaced(client(&cluster));
    let events: Api<k8s_openapi::api::core::v1::Event> = Api::default_namespaced(client(&cluster));
    let start = Instant::now();
    let mut out = Vec::new();
    let mut pod_watch = pods.watch(&WatchParams::default(), "0").await.unwrap().boxed();
    let mut event_watch = events.watch(&WatchParams::default(), "0").await.unwrap().boxed();
    let name = pods.list(&ListParams::default()).await.unwrap().items[1].name_any();
    pods.delete(&name, &DeleteParams::default()).await.unwrap();
    while start.elapsed() < Duration::from_secs(20) {
        let next = futures::future::select(pod_watch.next(), event_watch.next());
        match tokio::time::timeout(Duration::from_secs(5), next).await {
            Ok(futures::future::Either::Left((event, _))) => out.push(format!("{:?} {:?}", start.elapsed(), event.unwrap().unwrap())),
            Ok(futures::future::Either::Right((event, _))) => out.push(format!("{:?} {:?}", start.elapsed(), event.unwrap().unwrap())),
            Err(_) => {}
        }
    }
    out
}

#[test]
fn equal_seeds_should_give_equal_stories() {
    let run = |seed| tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap().block_on(story(seed));
    let first = run(11);
    assert!(first.len() > 15, "{first:?}");
    assert_eq!(first, run(11));
    assert_ne!(first, run(12));
}

//! A watcher that is too slow for the API server is cut off: it says so, lists anew at one stroke, and no pod is lost or kept too long.
#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

use std::collections::BTreeMap;
use std::time::Duration;

use gameday::edge::{Cluster, workloads};
use gameday::event::{Event, Source};
use gameday::rehearsal::{PracticeCluster, World};
use gameday::scenario::model::{TargetRef, WorkloadKind};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{ConfigMap, Pod};
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams};
use kube::{Api, Client, ResourceExt};
use serde_json::json;
use tokio::sync::mpsc;

/// How many changes the practice cluster's log holds, and a few more.
const RUNS_AWAY: u32 = 4200;

/// By uid, whether each pod that is there is ready.
type Known = BTreeMap<String, bool>;

fn take(known: &mut Known, event: &Event) {
    match event {
        Event::PodsListed { pods, .. } => *known = pods.iter().map(|fact| (fact.pod.uid.clone(), fact.ready)).collect(),
        Event::PodSeen(fact) => drop(known.insert(fact.pod.uid.clone(), fact.ready)),
        Event::PodGone { uid } => drop(known.remove(uid)),
        _ => {}
    }
}

async fn truth(pods: &Api<Pod>) -> Known {
    let listed = pods.list(&ListParams::default().labels("app=task-api")).await.unwrap();
    let is_ready = |pod: &Pod| {
        let conditions = pod.status.iter().flat_map(|status| status.conditions.iter().flatten());
        conditions.into_iter().any(|condition| condition.type_ == "Ready" && condition.status == "True")
    };
    listed.items.iter().map(|pod| (pod.uid().unwrap(), is_ready(pod))).collect()
}

#[tokio::test(start_paused = true)]
async fn slow_watcher_should_be_cut_off_and_lose_no_pod() {
    let practice = PracticeCluster::start(World::task_api("staging"), 6);
    let client = Client::new(practice.service(), "staging");
    let pods: Api<Pod> = Api::default_namespaced(client.clone());
    let cluster = Cluster::look(client.clone(), "practice cluster", "staging").await.unwrap();
    // an inbox of one: whoever does not read holds the watch back
    let (inbox, mut outbox) = mpsc::channel(1);
    let target = TargetRef { kind: WorkloadKind::Deployment, name: "task-api".to_owned(), namespace: None };
    tokio::spawn(workloads::observe(cluster, 0, target, inbox));
    let mut known = Known::new();
    while known.is_empty() {
        take(&mut known, &outbox.recv().await.unwrap());
    }
    assert_eq!(known, truth(&pods).await);

    // nobody reads: pods come and go, and the log runs away
    let deployments: Api<Deployment> = Api::default_namespaced(client.clone());
    let more = Patch::Merge(json!({"spec": {"replicas": 12}}));
    deployments.patch("task-api", &PatchParams::default(), &more).await.unwrap();
    tokio::time::sleep(Duration::from_mins(1)).await;
    let before = truth(&pods).await;
    for pod in pods.list(&ListParams::default().labels("app=task-api")).await.unwrap().items.iter().take(4) {
        pods.delete(&pod.name_any(), &DeleteParams::default()).await.unwrap();
    }
    let maps: Api<ConfigMap> = Api::default_namespaced(client);
    let map = serde_json::from_value(json!({"metadata": {"name": "busy"}})).unwrap();
    maps.create(&PostParams::default(), &map).await.unwrap();
    for n in 0..RUNS_AWAY {
        maps.patch("busy", &PatchParams::default(), &Patch::Merge(json!({"data": {"n": n.to_string()}}))).await.unwrap();
    }
    tokio::time::sleep(Duration::from_mins(1)).await;
    let after = truth(&pods).await;
    assert!(after.len() == 12 && after.values().all(|ready| *ready) && after != before, "{after:?}");

    let mut told = Vec::new();
    while let Ok(event) = tokio::time::timeout(Duration::from_secs(20), outbox.recv()).await {
        take(&mut known, event.as_ref().unwrap());
        told.extend(event);
    }
    assert_eq!(known, after);
    let place = |is: &dyn Fn(&Event) -> bool| told.iter().position(is).unwrap_or_else(|| panic!("{told:#?}"));
    let lost = place(&|event| matches!(event, Event::SourceLost { source: Source::Pods(0), why } if why.raw().contains("410")));
    let listed = place(&|event| matches!(event, Event::PodsListed { .. }));
    let back = place(&|event| matches!(event, Event::SourceBack { source: Source::Pods(0) }));
    assert!(lost < listed && listed < back, "{told:#?}");
    assert_eq!(told.iter().filter(|event| matches!(event, Event::PodsListed { .. })).count(), 1, "{told:#?}");
}

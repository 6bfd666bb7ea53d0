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

/// An API server with a `StatefulSet` of `COUNT` pods, every other one ready, which it lists page by page; nothing ever changes.
fn still_server() -> Client {
    const COUNT: usize = 1100;
    let service = tower::service_fn(|request: http::Request<kube::client::Body>| async move {
        let (path, query) = (request.uri().path().to_owned(), request.uri().query().unwrap_or_default().to_owned());
        if query.contains("watch=") {
            std::future::pending::<()>().await;
        }
        let set = json!({
            "metadata": {"name": "db", "namespace": "staging", "uid": "s", "resourceVersion": "1"},
            "spec": {"replicas": COUNT, "serviceName": "db", "selector": {"matchLabels": {"app": "db"}}, "template": {}}
        });
        let pod = |n: usize| {
            let ready = json!([{"type": "Ready", "status": if n.is_multiple_of(2) { "True" } else { "False" }}]);
            json!({
                "metadata": {
                    "name": format!("db-{n}"), "namespace": "staging", "uid": format!("u{n}"),
                    "ownerReferences": [{"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "db", "uid": "s", "controller": true}]
                },
                "status": {"phase": "Running", "conditions": ready}
            })
        };
        let asked = |key: &str| query.split('&').find_map(|pair| pair.strip_prefix(key)).and_then(|value| value.parse::<usize>().ok());
        let answer = match path.as_str() {
            path if path.ends_with("/statefulsets/db") => set,
            path if path.ends_with("/statefulsets") => json!({"metadata": {"resourceVersion": "1"}, "items": [set]}),
            path if path.ends_with("/pods") => {
                let (from, limit) = (asked("continue=").unwrap_or(0), asked("limit=").unwrap());
                let to = (from + limit).min(COUNT);
                let more = if to < COUNT { to.to_string() } else { String::new() };
                json!({"metadata": {"resourceVersion": "1", "continue": more}, "items": (from..to).map(pod).collect::<Vec<_>>()})
            }
            "/version" => {
                json!({"major": "1", "minor": "36", "gitVersion": "v1.36.2", "gitCommit": "", "gitTreeState": "", "buildDate": "",
                "goVersion": "", "compiler": "", "platform": ""})
            }
            _ => json!({"kind": "APIGroupList", "groups": [], "items": [], "metadata": {}}),
        };
        Ok::<_, std::convert::Infallible>(http::Response::new(kube::client::Body::from(answer.to_string().into_bytes())))
    });
    Client::new(service, "staging")
}

#[tokio::test(start_paused = true)]
async fn long_first_list_should_be_told_page_by_page() {
    let cluster = Cluster::look(still_server(), "scripted", "staging").await.unwrap();
    let (inbox, mut outbox) = mpsc::channel(64);
    let target = TargetRef { kind: WorkloadKind::StatefulSet, name: "db".to_owned(), namespace: None };
    tokio::spawn(workloads::observe(cluster, 0, target, inbox));
    let mut coming = Vec::new();
    let listed = loop {
        match outbox.recv().await.unwrap() {
            Event::PodsComing { target: 0, seen, ready } => coming.push((seen, ready)),
            Event::PodsListed { pods, .. } => break pods,
            _ => {}
        }
    };
    assert_eq!((coming, listed.len()), (vec![(500, 250), (1000, 500)], 1100));
}

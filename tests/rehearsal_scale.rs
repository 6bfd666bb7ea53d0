//! Many pods at once: what fits runs, the rest waits for a node, and neither takes long.

use std::time::Duration;

use gameday::rehearsal::world::WorldNode;
use gameday::rehearsal::{PracticeCluster, World};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Event, Pod};
use kube::api::{Api, ListParams, Patch, PatchParams};
use kube::{Client, ResourceExt};
use serde_json::json;
use tokio::time::sleep;

#[tokio::test(start_paused = true)]
async fn three_hundred_replicas_should_run_where_there_is_room_and_wait_where_there_is_none() {
    let nodes = (1..=2).map(|number| WorldNode { cpu_millis: 32_000, memory_mib: 64 * 1024, ..WorldNode::number(number) });
    let cluster = PracticeCluster::start(World { nodes: nodes.collect(), ..World::task_api("staging") }, 6);
    let client = Client::new(cluster.service(), "staging");
    let deployments: Api<Deployment> = Api::default_namespaced(client.clone());
    let pods: Api<Pod> = Api::default_namespaced(client.clone());
    let events: Api<Event> = Api::default_namespaced(client.clone());
    let scale = async |to: u32| {
        let change = json!({"spec": {"replicas": to}});
        deployments.patch("task-api", &PatchParams::default(), &Patch::Merge(change)).await.unwrap();
    };
    let ready = async || deployments.get("task-api").await.unwrap().status.unwrap().ready_replicas.unwrap_or(0);
    scale(300).await;
    sleep(Duration::from_secs(30)).await;
    // 110 a node, less the three pods of Chaos Mesh
    assert_eq!(ready().await, 217);
    let all = pods.list(&ListParams::default()).await.unwrap().items;
    let waiting: Vec<&Pod> = all.iter().filter(|pod| pod.spec.as_ref().unwrap().node_name.is_none()).collect();
    assert_eq!((all.len(), waiting.len()), (300, 83));
    for pod in &waiting {
        let conditions = pod.status.as_ref().unwrap().conditions.clone().unwrap_or_default();
        let scheduled = conditions.iter().find(|condition| condition.type_ == "PodScheduled").unwrap();
        assert_eq!(scheduled.reason.as_deref(), Some("Unschedulable"));
    }
    let named = format!("involvedObject.name={}", waiting[0].name_any());
    let told = events.list(&ListParams::default().fields(&named)).await.unwrap().items;
    let message = told.iter().find(|event| event.reason.as_deref() == Some("FailedScheduling")).unwrap().message.clone().unwrap();
    assert!(message.starts_with("0/2 nodes are available: 2 Too many pods."), "{message}");
    let addresses: std::collections::BTreeSet<_> = all.iter().filter_map(|pod| pod.status.as_ref()?.pod_ip.clone()).collect();
    assert_eq!(addresses.len(), 217, "no two pods have one address");
    // Those that wait go first; those that are there are not disturbed by it.
    scale(217).await;
    sleep(Duration::from_secs(5)).await;
    assert_eq!((ready().await, pods.list(&ListParams::default()).await.unwrap().items.len()), (217, 217));
    scale(3).await;
    sleep(Duration::from_secs(30)).await;
    assert_eq!((ready().await, pods.list(&ListParams::default()).await.unwrap().items.len()), (3, 3));
}

//! `DaemonSets`: one pod on each node.

use serde_json::{Value, json};

use super::recorder::{Note, record};
use super::template::{Counts, active, label, pod_of, template_hash};
use super::{Feed, Hand, Home, concerned};
use crate::rehearsal::api::kinds::Kind;
use crate::rehearsal::api::object::{Object, metadata, text};
use crate::rehearsal::api::store::Key;

/// Run the controller.
pub async fn run(home: Home) {
    let mut hand = Hand::new(&home, "daemonset");
    let mut feed = Feed::new(&home, &[Kind::DaemonSet, Kind::Pod]);
    loop {
        let batch = feed.next().await;
        for key in concerned(&hand, Kind::DaemonSet, &batch) {
            reconcile(&mut hand, &key).await;
        }
    }
}

async fn reconcile(hand: &mut Hand, key: &Key) {
    let Some(set) = hand.get(key).filter(|set| !set.deleting()) else { return };
    let nodes = hand.list(Kind::Node, None);
    let pods = hand.owned(Kind::Pod, &key.namespace, set.uid());
    for node in &nodes {
        if pods.iter().any(|pod| active(pod) && node_of(pod.value()) == Some(node.name())) {
            continue;
        }
        hand.pause(3, 10).await;
        if let Ok(pod) = hand.create(Kind::Pod, &key.namespace, pod_on(&set, node.name())).await {
            let message = format!("Created pod: {}", pod.name());
            record(hand, Kind::DaemonSet, &set, Note::normal("daemonset-controller", "SuccessfulCreate", &message));
        }
    }
    let pods = hand.owned(Kind::Pod, &key.namespace, set.uid());
    if let Some(set) = hand.get(key) {
        let status = status(&set, nodes.len(), Counts::of(&pods));
        let _ = hand.set_status(Kind::DaemonSet, &set, status).await;
    }
}

/// The node a pod is meant for by its affinity, as the `DaemonSet` controller writes it.
#[must_use]
pub fn node_of(pod: &Value) -> Option<&str> {
    let terms = "/spec/affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution/nodeSelectorTerms/0/matchFields/0";
    (text(pod, &format!("{terms}/key")) == "metadata.name").then(|| text(pod, &format!("{terms}/values/0")))
}

/// The pod for this node.
#[must_use]
pub fn pod_on(set: &Object, node: &str) -> Value {
    let mut pod = pod_of(set, Kind::DaemonSet);
    metadata(&mut pod).insert("generateName".to_owned(), json!(format!("{}-", set.name())));
    label(&mut pod, "controller-revision-hash", &template_hash(&set.value()["spec"]["template"]));
    pod["spec"]["affinity"] = json!({"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [
        {"matchFields": [{"key": "metadata.name", "operator": "In", "values": [node]}]}]}}});
    pod
}

/// A set's status of these counts.
#[must_use]
pub fn status(set: &Object, nodes: usize, counts: Counts) -> Value {
    json!({
        "observedGeneration": set.number("/metadata/generation").unwrap_or(1), "currentNumberScheduled": counts.all, "numberMisscheduled": 0,
        "desiredNumberScheduled": nodes, "numberReady": counts.ready, "updatedNumberScheduled": counts.all, "numberAvailable": counts.ready,
    })
}

//! The collector of pods that nobody will end: those whose node is no more, and those that were deleted before they had one.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::{Instant, sleep_until};

use super::{Hand, Home};
use crate::rehearsal::api::deletion::DeleteOptions;
use crate::rehearsal::api::kinds::Kind;
use crate::rehearsal::api::object::{Object, map_mut};
use crate::rehearsal::api::store::Key;
use crate::rehearsal::api::writes::Part;

/// How often pods are looked at.
const EVERY: Duration = Duration::from_secs(20);

/// How long a node has to be missing before its pods are given up.
const QUARANTINE: Duration = Duration::from_secs(40);

/// Run the collector.
pub async fn run(home: Home) {
    let mut hand = Hand::new(&home, "pod collector");
    let mut missing: BTreeMap<String, Instant> = BTreeMap::new();
    let mut next = Instant::now();
    loop {
        next += EVERY;
        sleep_until(next).await;
        let pods = hand.list(Kind::Pod, None);
        let gone = |node: &str| !node.is_empty() && hand.get(&Key::new(Kind::Node, "", node)).is_none();
        missing.retain(|node, _| gone(node));
        for node in pods.iter().map(|pod| pod.text("/spec/nodeName")).filter(|node| gone(node)) {
            missing.entry(node.to_owned()).or_insert(next);
        }
        for pod in pods {
            let node = pod.text("/spec/nodeName");
            if missing.get(node).is_some_and(|since| next - *since >= QUARANTINE) {
                collect(&mut hand, &pod, true).await;
            } else if node.is_empty() && pod.deleting() {
                collect(&mut hand, &pod, false).await;
            }
        }
    }
}

async fn collect(hand: &mut Hand, pod: &Object, orphan: bool) {
    let key = Key::new(Kind::Pod, pod.namespace(), pod.name());
    if orphan && !matches!(pod.text("/status/phase"), "Succeeded" | "Failed") {
        let stamp = hand.stamp();
        let condition = json!({"type": "DisruptionTarget", "status": "True", "lastProbeTime": null, "lastTransitionTime": stamp,
            "reason": "DeletionByPodGC", "message": "PodGC: node no longer exists"});
        let change = |value: &mut Value| {
            let status = map_mut(value, "status");
            status.insert("phase".to_owned(), json!("Failed"));
            if let Some(conditions) = status.entry("conditions").or_insert_with(|| json!([])).as_array_mut() {
                conditions.retain(|c| c["type"] != "DisruptionTarget");
                conditions.push(condition.clone());
            }
        };
        // One that is gone by now needs no more collecting.
        let _ = hand.edit(&key, Part::Status, change).await;
    }
    let options = DeleteOptions { grace: Some(0), uid: pod.uid().to_owned(), ..DeleteOptions::default() };
    let _ = hand.delete(&key, &options).await;
}

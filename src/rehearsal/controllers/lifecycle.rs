//! The life of nodes: who has not been heard of is given up, tainted, and its pods are told from those that serve and in the end evicted.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::{Instant, sleep_until};

use super::kubelet::node::LEASES;
use super::recorder::{Note, record};
use super::scheduler::fit::bears;
use super::{Hand, Home};
use crate::rehearsal::api::deletion::DeleteOptions;
use crate::rehearsal::api::kinds::Kind;
use crate::rehearsal::api::object::{Object, list, map_mut, text};
use crate::rehearsal::api::store::Key;
use crate::rehearsal::api::writes::Part;
use crate::rehearsal::clock;

/// How often nodes are looked at.
const EVERY: Duration = Duration::from_secs(5);

/// How long a node may be silent.
const PATIENCE: Duration = Duration::from_secs(50);

/// Taints of a node that cannot be reached, and of one that says itself that it is not ready.
const UNREACHABLE: &str = "node.kubernetes.io/unreachable";
const NOT_READY: &str = "node.kubernetes.io/not-ready";

/// Run the controller.
pub async fn run(home: Home) {
    let mut hand = Hand::new(&home, "node lifecycle");
    let mut heard = BTreeMap::new();
    let mut next = Instant::now();
    loop {
        next += EVERY;
        sleep_until(next).await;
        if hand.cut_off() {
            // Who hears nothing because nothing can be heard gives nobody up: all have their time again.
            hand.reach().await;
            heard.clear();
            next = Instant::now();
        }
        let nodes = hand.list(Kind::Node, None);
        heard.retain(|name, _| nodes.iter().any(|node| node.name() == name));
        for node in nodes {
            look(&mut hand, &node, &mut heard).await;
        }
        evict(&mut hand).await;
    }
}

/// The status of a node's condition.
fn says<'n>(node: &'n Object, kind: &str) -> &'n str {
    list(node.value(), "/status/conditions").iter().find(|c| c["type"] == kind).map_or("Unknown", |c| text(c, "/status"))
}

/// `heard` is what each node's Lease said last, and when that was new: the nodes' clocks may be wrong, ours is the one that counts.
async fn look(hand: &mut Hand, node: &Object, heard: &mut BTreeMap<String, (String, Instant)>) {
    let lease = hand.get(&Key::new(Kind::Lease, LEASES, node.name()));
    let renewed = lease.map_or_else(String::new, |lease| lease.text("/spec/renewTime").to_owned());
    let now = Instant::now();
    let last = heard.entry(node.name().to_owned()).or_insert_with(|| (renewed.clone(), now));
    if last.0 != renewed {
        *last = (renewed, now);
    }
    let silent = now - last.1 > PATIENCE;
    if silent && says(node, "Ready") != "Unknown" {
        give_up(hand, node).await;
    }
    let Some(node) = hand.get(&Key::new(Kind::Node, "", node.name())) else { return };
    let wanted = match says(&node, "Ready") {
        "True" => None,
        "False" => Some(NOT_READY),
        _ => Some(UNREACHABLE),
    };
    taint(hand, &node, wanted).await;
}

/// Nothing is known of this node any more.
async fn give_up(hand: &mut Hand, node: &Object) {
    let stamp = hand.stamp();
    let change = |value: &mut Value| {
        for condition in value.pointer_mut("/status/conditions").and_then(Value::as_array_mut).into_iter().flatten() {
            condition["status"] = json!("Unknown");
            condition["reason"] = json!("NodeStatusUnknown");
            condition["message"] = json!("Kubelet stopped posting node status.");
            condition["lastTransitionTime"] = json!(stamp);
        }
    };
    if hand.edit(&Key::new(Kind::Node, "", node.name()), Part::Status, change).await.is_err() {
        return;
    }
    let message = format!("Node {} status is now: NodeNotReady", node.name());
    record(hand, Kind::Node, node, Note::normal("node-controller", "NodeNotReady", &message));
    for pod in hand.list(Kind::Pod, None).iter().filter(|pod| pod.text("/spec/nodeName") == node.name() && pod.condition("Ready")) {
        let key = Key::new(Kind::Pod, pod.namespace(), pod.name());
        let change = |value: &mut Value| {
            for condition in value.pointer_mut("/status/conditions").and_then(Value::as_array_mut).into_iter().flatten() {
                if condition["type"] == "Ready" {
                    condition["status"] = json!("False");
                    condition["lastTransitionTime"] = json!(stamp);
                }
            }
        };
        // A pod that is gone by now needs not be told.
        if hand.edit(&key, Part::Status, change).await.is_ok() {
            record(hand, Kind::Pod, pod, Note::normal("node-controller", "NodeNotReady", "Node is not ready").as_warning());
        }
    }
}

/// Let a node bear this taint of ours, with both effects, and no other.
async fn taint(hand: &mut Hand, node: &Object, wanted: Option<&str>) {
    let ours = |taint: &Value| matches!(text(taint, "/key"), UNREACHABLE | NOT_READY);
    let has: Vec<&Value> = node.list("/spec/taints").iter().filter(|taint| ours(taint)).collect();
    let right = match wanted {
        None => has.is_empty(),
        Some(key) => has.len() == 2 && has.iter().all(|taint| text(taint, "/key") == key),
    };
    if right {
        return;
    }
    let stamp = hand.stamp();
    let change = |value: &mut Value| {
        let mut taints: Vec<Value> = list(value, "/spec/taints").iter().filter(|taint| !ours(taint)).cloned().collect();
        taints.extend(
            wanted
                .into_iter()
                .flat_map(|key| ["NoSchedule", "NoExecute"].map(|effect| json!({"key": key, "effect": effect, "timeAdded": stamp}))),
        );
        let spec = map_mut(value, "spec");
        if taints.is_empty() {
            spec.remove("taints");
        } else {
            spec.insert("taints".to_owned(), json!(taints));
        }
    };
    // Tried again at the next look.
    let _ = hand.edit(&Key::new(Kind::Node, "", node.name()), Part::Main, change).await;
}

/// Delete the pods that do not bear their node's taints, or have borne them for long enough.
async fn evict(hand: &mut Hand) {
    let now = hand.now();
    for node in hand.list(Kind::Node, None) {
        let taints: Vec<&Value> = node.list("/spec/taints").iter().filter(|taint| text(taint, "/effect") == "NoExecute").collect();
        if taints.is_empty() {
            continue;
        }
        let due = |pod: &Object| {
            taints.iter().any(|taint| {
                let borne: Vec<&Value> = pod
                    .list("/spec/tolerations")
                    .iter()
                    .filter(|toleration| bears(toleration, text(taint, "/key"), text(taint, "/value"), "NoExecute"))
                    .collect();
                let since = clock::parse(text(taint, "/timeAdded")).unwrap_or(now);
                // The shortest of those that bear it counts; one without a time bears it for ever.
                let least = borne.iter().filter_map(|toleration| toleration["tolerationSeconds"].as_i64()).min();
                borne.is_empty() || least.is_some_and(|seconds| now - since >= chrono::Duration::seconds(seconds.max(0)))
            })
        };
        let pods: Vec<_> = hand
            .list(Kind::Pod, None)
            .into_iter()
            .filter(|pod| pod.text("/spec/nodeName") == node.name() && !pod.deleting() && due(pod))
            .collect();
        for pod in pods {
            let key = Key::new(Kind::Pod, pod.namespace(), pod.name());
            let message = format!("Marking for deletion Pod {}/{}", pod.namespace(), pod.name());
            record(hand, Kind::Pod, &pod, Note::normal("taint-eviction-controller", "TaintManagerEviction", &message));
            let stamp = hand.stamp();
            let change = |value: &mut Value| {
                let condition = json!({"type": "DisruptionTarget", "status": "True", "lastProbeTime": null, "lastTransitionTime": stamp,
                    "reason": "DeletionByTaintManager", "message": "Taint manager: deleting due to NoExecute taint"});
                if let Some(conditions) = value.pointer_mut("/status/conditions").and_then(Value::as_array_mut) {
                    conditions.retain(|c| c["type"] != "DisruptionTarget");
                    conditions.push(condition);
                }
            };
            let _ = hand.edit(&key, Part::Status, change).await;
            let _ = hand.delete(&key, &DeleteOptions::default()).await;
        }
    }
}

//! What a kubelet says of its node: a Lease every ten seconds, and that the node is ready when it had been given up.

use std::time::Duration;

use chrono::SecondsFormat;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep_until};

use crate::rehearsal::api::kinds::Kind;
use crate::rehearsal::api::object::{Object, list, text};
use crate::rehearsal::api::store::Key;
use crate::rehearsal::api::writes::Part;
use crate::rehearsal::controllers::recorder::{Note, record};
use crate::rehearsal::controllers::{Hand, Home};

/// Where nodes' Leases are.
pub const LEASES: &str = "kube-node-lease";

/// How often a Lease is renewed.
const EVERY: Duration = Duration::from_secs(10);

/// The conditions of a node as its kubelet reports them: type, status, reason, message.
const HEALTHY: [(&str, &str, &str, &str); 4] = [
    ("MemoryPressure", "False", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
    ("DiskPressure", "False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
    ("PIDPressure", "False", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
    ("Ready", "True", "KubeletReady", "kubelet is posting ready status"),
];

/// Speak for all nodes.
pub async fn run(home: Home) {
    let mut hand = Hand::new(&home, "kubelet/nodes");
    let mut next = Instant::now();
    loop {
        for node in hand.list(Kind::Node, None) {
            if !hand.ground(|ground| ground.troubles.nodes_down.contains(node.name())) {
                renew(&mut hand, &node).await;
            }
        }
        // An outage of the API server holds a renewal up; what was missed by then is not made up for.
        next = (next + EVERY).max(Instant::now());
        sleep_until(next).await;
    }
}

async fn renew(hand: &mut Hand, node: &Object) {
    let key = Key::new(Kind::Lease, LEASES, node.name());
    let now = json!(hand.now().to_rfc3339_opts(SecondsFormat::Micros, true));
    // A Lease that cannot be renewed is missed by who looks for it; that is what it is for.
    if hand.get(&key).is_some() {
        let _ = hand.edit(&key, Part::Main, |value| value["spec"]["renewTime"] = now.clone()).await;
    } else {
        let lease = json!({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
            "metadata": {"name": node.name(), "ownerReferences": [{"apiVersion": "v1", "kind": "Node", "name": node.name(), "uid": node.uid()}]},
            "spec": {"holderIdentity": node.name(), "leaseDurationSeconds": 40, "renewTime": now}});
        let _ = hand.create(Kind::Lease, LEASES, lease).await;
    }
    let given_up = list(node.value(), "/status/conditions").iter().any(|condition| condition["status"] == "Unknown");
    if given_up {
        let stamp = hand.stamp();
        let key = Key::new(Kind::Node, "", node.name());
        let _ = hand.edit(&key, Part::Status, |value| heal(value, &stamp)).await;
        let message = format!("Node {} status is now: NodeReady", node.name());
        record(hand, Kind::Node, node, Note { host: node.name(), ..Note::normal("kubelet", "NodeReady", &message) });
    }
}

fn heal(node: &mut Value, stamp: &str) {
    for condition in node.pointer_mut("/status/conditions").and_then(Value::as_array_mut).into_iter().flatten() {
        let Some((_, status, reason, message)) = HEALTHY.iter().find(|(kind, ..)| condition["type"] == *kind) else { continue };
        if text(condition, "/status") != *status {
            condition["lastTransitionTime"] = json!(stamp);
        }
        condition["status"] = json!(status);
        condition["reason"] = json!(reason);
        condition["message"] = json!(message);
        condition["lastHeartbeatTime"] = json!(stamp);
    }
}

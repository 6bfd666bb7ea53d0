//! The scheduler: pods to nodes, the emptiest first.

use serde_json::json;

use super::daemonset::node_of;
use super::recorder::{Note, record};
use super::{Feed, Hand, Home};
use crate::rehearsal::api::kinds::Kind;
use crate::rehearsal::api::object::{Object, list};
use crate::rehearsal::api::store::Key;

/// Run the scheduler.
pub async fn run(home: Home) {
    let mut hand = Hand::new(&home, "scheduler");
    let mut feed = Feed::new(&home, &[Kind::Pod, Kind::Node]);
    loop {
        let batch = feed.next().await;
        let anew = batch.iter().any(|change| change.key.kind == Kind::Node);
        let waiting: Vec<Key> = if anew {
            hand.list(Kind::Pod, None).iter().map(|pod| Key::new(Kind::Pod, pod.namespace(), pod.name())).collect()
        } else {
            batch.into_iter().map(|change| change.key).collect()
        };
        for key in waiting {
            place(&mut hand, &key).await;
        }
    }
}

async fn place(hand: &mut Hand, key: &Key) {
    let unbound = |pod: &Object| pod.text("/spec/nodeName").is_empty() && !pod.deleting();
    let Some(pod) = hand.get(key).filter(|pod| unbound(pod)) else { return };
    let timings = hand.ground(|ground| ground.world.timings(pod.namespace(), &pod.labels()));
    let time = timings.schedule.draw(hand.rolls());
    tokio::time::sleep(time).await;
    let Some(pod) = hand.get(key).filter(|pod| unbound(pod)) else { return };
    let nodes = hand.list(Kind::Node, None);
    let pods = hand.list(Kind::Pod, None);
    let load = |node: &Object| pods.iter().filter(|pod| pod.text("/spec/nodeName") == node.name()).count();
    let meant = node_of(pod.value());
    let fits = |node: &Object| {
        node.condition("Ready")
            && meant.is_none_or(|name| name == node.name())
            && (node.value()["spec"]["unschedulable"] != true || meant.is_some())
    };
    let chosen = nodes.iter().filter(|node| fits(node)).min_by_key(|node| (load(node), node.name().to_owned()));
    let now = hand.stamp();
    if let Some(node) = chosen {
        if hand.bind(&pod, node.name()).await.is_ok() {
            let message = format!("Successfully assigned {}/{} to {}", pod.namespace(), pod.name(), node.name());
            record(hand, Kind::Pod, &pod, Note::normal("default-scheduler", "Scheduled", &message));
        }
    } else if !list(pod.value(), "/status/conditions").iter().any(|c| c["reason"] == "Unschedulable") {
        let message = format!(
            "0/{0} nodes are available: {0} node(s) were unschedulable. preemption: 0/{0} nodes are available: {0} Preemption is not helpful for scheduling.",
            nodes.len()
        );
        let mut status = pod.value()["status"].clone();
        status["conditions"] = json!([{"type": "PodScheduled", "status": "False", "lastProbeTime": null, "lastTransitionTime": now,
            "reason": "Unschedulable", "message": message}]);
        if hand.set_status(Kind::Pod, &pod, status).await.is_ok() {
            record(hand, Kind::Pod, &pod, Note::normal("default-scheduler", "FailedScheduling", &message).as_warning());
        }
    }
}

//! `DaemonSets`: one pod on each node that takes it.

use std::sync::Arc;

use serde_json::{Value, json};

use super::duties::Duties;
use super::recorder::{Note, record};
use super::scheduler::fit::{matches_node, tolerated};
use super::template::{Counts, active, available, label, pod_of, share_of, template_hash};
use super::{Feed, Hand, Home, concerned, revision};
use crate::rehearsal::api::deletion::DeleteOptions;
use crate::rehearsal::api::kinds::Kind;
use crate::rehearsal::api::object::{Object, metadata, text};
use crate::rehearsal::api::store::Key;

/// The label of a pod's revision.
const REVISION: &str = "controller-revision-hash";

/// Taints that every daemon bears: what keeps others away must not keep them.
const BORNE: [(&str, &str); 6] = [
    ("node.kubernetes.io/not-ready", "NoExecute"),
    ("node.kubernetes.io/unreachable", "NoExecute"),
    ("node.kubernetes.io/disk-pressure", "NoSchedule"),
    ("node.kubernetes.io/memory-pressure", "NoSchedule"),
    ("node.kubernetes.io/pid-pressure", "NoSchedule"),
    ("node.kubernetes.io/unschedulable", "NoSchedule"),
];

/// Run the controller.
pub async fn run(home: Home) {
    let mut hand = Hand::new(&home, "daemonset");
    let mut feed = Feed::new(&home, &[Kind::DaemonSet, Kind::Pod, Kind::Node]);
    let mut duties = Duties::default();
    loop {
        let (batch, due) = duties.next(&mut feed).await;
        let mut keys = concerned(&hand, Kind::DaemonSet, &batch);
        keys.extend(due);
        if batch.iter().any(|change| change.key.kind == Kind::Node) {
            keys.extend(hand.list(Kind::DaemonSet, None).iter().map(|set| Key::new(Kind::DaemonSet, set.namespace(), set.name())));
        }
        for key in keys {
            reconcile(&mut hand, &key, &mut duties).await;
        }
    }
}

/// Whether a node is to have the set's pod, and whether one that is there may stay.
fn takes(set: &Object, node: &Object) -> (bool, bool) {
    let pod = Object::new(pod_on(set, node.name()));
    if !matches_node(&pod, node) {
        return (false, false);
    }
    let keeps_away = |effects: &[&str]| {
        node.list("/spec/taints").iter().any(|taint| effects.contains(&text(taint, "/effect")) && !tolerated(&pod, taint))
    };
    (!keeps_away(&["NoSchedule", "NoExecute"]), !keeps_away(&["NoExecute"]))
}

async fn reconcile(hand: &mut Hand, key: &Key, duties: &mut Duties) {
    let Some(set) = hand.get(key).filter(|set| !set.deleting()) else { return };
    revision::keep(hand, &set, Kind::DaemonSet).await;
    let nodes = hand.list(Kind::Node, None);
    let pods = hand.owned(Kind::Pod, &key.namespace, set.uid());
    let on = |pods: &[Arc<Object>], node: &Object| -> Vec<Arc<Object>> {
        pods.iter().filter(|pod| node_of(pod.value()) == Some(node.name())).cloned().collect()
    };
    for node in &nodes {
        let (wanted, stays) = takes(&set, node);
        let here = on(&pods, node);
        for pod in here.iter().filter(|pod| !pod.deleting()) {
            let ended = pod.text("/status/phase") == "Failed";
            if ended {
                let message =
                    format!("Found failed daemon pod {}/{} on node {}, will try to kill it", pod.namespace(), pod.name(), node.name());
                record(hand, Kind::DaemonSet, &set, Note::normal("daemonset-controller", "FailedDaemonPod", &message).as_warning());
            }
            if ended || !stays {
                kill(hand, &set, pod).await;
            }
        }
        if wanted && here.is_empty() {
            hand.pause(3, 10).await;
            match hand.create(Kind::Pod, &key.namespace, pod_on(&set, node.name())).await {
                Ok(pod) => {
                    let message = format!("Created pod: {}", pod.name());
                    record(hand, Kind::DaemonSet, &set, Note::normal("daemonset-controller", "SuccessfulCreate", &message));
                    duties.well(key);
                }
                Err(refusal) => {
                    let message = format!("Error creating: {refusal}");
                    record(hand, Kind::DaemonSet, &set, Note::normal("daemonset-controller", "FailedCreate", &message).as_warning());
                    duties.again(key);
                }
            }
        }
    }
    update(hand, &set, &nodes).await;
    let pods = hand.owned(Kind::Pod, &key.namespace, set.uid());
    if let Some(set) = hand.get(key) {
        let wanted = nodes.iter().filter(|node| takes(&set, node).0).count();
        let astray = pods
            .iter()
            .filter(|pod| active(pod) && nodes.iter().any(|node| node_of(pod.value()) == Some(node.name()) && !takes(&set, node).0))
            .count();
        let hash = template_hash(&set.value()["spec"]["template"]);
        let updated = pods.iter().filter(|pod| active(pod) && pod.labels().get(REVISION) == Some(&hash.as_str())).count();
        let mut status = status(&set, wanted, Counts::of(&pods));
        status["numberMisscheduled"] = json!(astray);
        status["updatedNumberScheduled"] = json!(updated);
        if set.value()["status"] != status {
            let _ = hand.set_status(Kind::DaemonSet, &set, status).await;
        }
    }
}

/// Replace pods of an old template, as many at once as may be missing.
async fn update(hand: &mut Hand, set: &Object, nodes: &[Arc<Object>]) {
    if set.text("/spec/updateStrategy/type") == "OnDelete" {
        return;
    }
    let hash = template_hash(&set.value()["spec"]["template"]);
    let pods = hand.owned(Kind::Pod, set.namespace(), set.uid());
    let wanted = nodes.iter().filter(|node| takes(set, node).0).count();
    let most = set.value().pointer("/spec/updateStrategy/rollingUpdate/maxUnavailable").cloned().unwrap_or_else(|| json!(1));
    let most = share_of(&most, i64::try_from(wanted).unwrap_or(0), true).max(1);
    let min_ready = set.number("/spec/minReadySeconds").unwrap_or(0);
    let serves = |pod: &&Arc<Object>| active(pod) && available(pod, min_ready, hand.now()).is_ok();
    let missing = i64::try_from(wanted).unwrap_or(0) - i64::try_from(pods.iter().filter(serves).count()).unwrap_or(0);
    let old: Vec<Arc<Object>> =
        pods.iter().filter(|pod| active(pod) && pod.labels().get(REVISION) != Some(&hash.as_str())).cloned().collect();
    let (serving, idle): (Vec<_>, Vec<_>) = old.into_iter().partition(|pod| available(pod, min_ready, hand.now()).is_ok());
    // Who serves nobody is replaced whatever else is missing.
    for pod in &idle {
        kill(hand, set, pod).await;
    }
    for pod in serving.iter().take(usize::try_from(most - missing).unwrap_or(0)) {
        kill(hand, set, pod).await;
    }
}

async fn kill(hand: &mut Hand, set: &Object, pod: &Object) {
    if hand.delete(&Key::new(Kind::Pod, pod.namespace(), pod.name()), &DeleteOptions::default()).await.is_ok() {
        let message = format!("Deleted pod: {}", pod.name());
        record(hand, Kind::DaemonSet, set, Note::normal("daemonset-controller", "SuccessfulDelete", &message));
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
    label(&mut pod, REVISION, &template_hash(&set.value()["spec"]["template"]));
    pod["spec"]["affinity"] = json!({"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [
        {"matchFields": [{"key": "metadata.name", "operator": "In", "values": [node]}]}]}}});
    let mut tolerations: Vec<Value> = pod["spec"]["tolerations"].as_array().cloned().unwrap_or_default();
    tolerations.extend(BORNE.iter().map(|(key, effect)| json!({"key": key, "operator": "Exists", "effect": effect})));
    pod["spec"]["tolerations"] = json!(tolerations);
    pod
}

/// A set's status of these counts, all of its present template.
#[must_use]
pub fn status(set: &Object, nodes: usize, counts: Counts) -> Value {
    let mut status = json!({
        "currentNumberScheduled": counts.all, "numberMisscheduled": 0, "desiredNumberScheduled": nodes, "numberReady": counts.ready,
        "observedGeneration": set.number("/metadata/generation").unwrap_or(1), "updatedNumberScheduled": counts.all,
    });
    if counts.ready > 0 {
        status["numberAvailable"] = json!(counts.ready);
    }
    let missing = i64::try_from(nodes).unwrap_or(0) - counts.ready;
    if missing > 0 {
        status["numberUnavailable"] = json!(missing);
    }
    status
}

//! `ReplicaSets`: as many pods as wanted, replaced when they go.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::duties::Duties;
use super::recorder::{Note, record};
use super::template::{active, available, pod_of};
use super::{Feed, Hand, Home, concerned};
use crate::rehearsal::api::deletion::DeleteOptions;
use crate::rehearsal::api::kinds::Kind;
use crate::rehearsal::api::object::{Object, list, metadata, text};
use crate::rehearsal::api::store::Key;

/// Run the controller.
pub async fn run(home: Home) {
    let mut hand = Hand::new(&home, "replicaset");
    let mut feed = Feed::new(&home, &[Kind::ReplicaSet, Kind::Pod]);
    let mut duties = Duties::default();
    loop {
        let (batch, due) = duties.next(&mut feed).await;
        let mut keys = concerned(&hand, Kind::ReplicaSet, &batch);
        keys.extend(due);
        for key in keys {
            reconcile(&mut hand, &key, &mut duties).await;
        }
    }
}

async fn reconcile(hand: &mut Hand, key: &Key, duties: &mut Duties) {
    let Some(set) = hand.get(key) else { return };
    let pods = hand.owned(Kind::Pod, &key.namespace, set.uid());
    let have: Vec<_> = pods.iter().filter(|pod| active(pod)).cloned().collect();
    let wanted = usize::try_from(set.number("/spec/replicas").unwrap_or(1)).unwrap_or(0);
    let mut failure = None;
    if !set.deleting() {
        if have.len() < wanted {
            hand.pause(3, 10).await;
        }
        for _ in have.len()..wanted {
            match hand.create(Kind::Pod, &key.namespace, unnamed_pod(&set)).await {
                Ok(pod) => {
                    let message = format!("Created pod: {}", pod.name());
                    record(hand, Kind::ReplicaSet, &set, Note::normal("replicaset-controller", "SuccessfulCreate", &message));
                }
                Err(refusal) => {
                    let message = format!("Error creating: {refusal}");
                    record(hand, Kind::ReplicaSet, &set, Note::normal("replicaset-controller", "FailedCreate", &message).as_warning());
                    failure = Some(refusal.to_string());
                    break;
                }
            }
        }
        let surplus = have.len().saturating_sub(wanted);
        // Nobody is put in order for nothing: this is looked at with each change of each pod.
        let leaving = if surplus > 0 { least_wanted(hand, &have) } else { Vec::new() };
        for pod in leaving.into_iter().take(surplus) {
            if hand.delete(&Key::new(Kind::Pod, &key.namespace, pod.name()), &DeleteOptions::default()).await.is_ok() {
                let message = format!("Deleted pod: {}", pod.name());
                record(hand, Kind::ReplicaSet, &set, Note::normal("replicaset-controller", "SuccessfulDelete", &message));
            }
        }
    }
    if failure.is_some() {
        duties.again(key);
    } else {
        duties.well(key);
    }
    let pods = hand.owned(Kind::Pod, &key.namespace, set.uid());
    if let Some(set) = hand.get(key) {
        let (mut status, soon) = counted(&set, &pods, hand.now());
        if let Some(soon) = soon {
            duties.after(key, soon);
        }
        if let Some(failure) = failure {
            let old = list(set.value(), "/status/conditions").iter().find(|c| c["type"] == "ReplicaFailure");
            let since = old.map_or_else(|| hand.stamp(), |old| text(old, "/lastTransitionTime").to_owned());
            status["conditions"] = json!([{"type": "ReplicaFailure", "status": "True", "lastTransitionTime": since, "reason": "FailedCreate", "message": failure}]);
        }
        if set.value()["status"] != status {
            let _ = hand.set_status(Kind::ReplicaSet, &set, status).await;
        }
    }
}

/// These pods, the one that would be missed least first.
fn least_wanted(hand: &Hand, pods: &[Arc<Object>]) -> Vec<Arc<Object>> {
    let phase = |pod: &Object| match pod.text("/status/phase") {
        "Pending" => 0,
        "Unknown" => 1,
        _ => 2,
    };
    let cost = |pod: &Object| pod.annotation("controller.kubernetes.io/pod-deletion-cost").parse::<i64>().unwrap_or(0);
    let mut by_node: BTreeMap<&str, usize> = BTreeMap::new();
    for pod in pods {
        *by_node.entry(pod.text("/spec/nodeName")).or_default() += 1;
    }
    let together = |pod: &Object| by_node.get(pod.text("/spec/nodeName")).copied();
    let restarts =
        |pod: &Object| pod.list("/status/containerStatuses").iter().filter_map(|c| c["restartCount"].as_i64()).max().unwrap_or(0);
    // Ages count by orders of magnitude: of pods about as old, anyone may go.
    let age = |pod: &Object| {
        let since = crate::rehearsal::clock::parse(pod.text("/metadata/creationTimestamp"));
        since.map_or(0, |since| u64::try_from((hand.now() - since).num_seconds()).unwrap_or(0).max(1).ilog2())
    };
    let mut sorted = pods.to_vec();
    sorted.sort_by_cached_key(|pod| {
        let bound = !pod.text("/spec/nodeName").is_empty();
        (
            bound,
            phase(pod),
            pod.condition("Ready"),
            cost(pod),
            Reverse(together(pod)),
            Reverse(restarts(pod)),
            age(pod),
            pod.uid().to_owned(),
        )
    });
    sorted
}

/// A pod of this set, its name left to the server.
#[must_use]
pub fn unnamed_pod(set: &Object) -> Value {
    let mut pod = pod_of(set, Kind::ReplicaSet);
    metadata(&mut pod).insert("generateName".to_owned(), json!(format!("{}-", set.name())));
    pod
}

/// A set's status of these pods, and how soon it will be another by the mere passing of time.
fn counted(set: &Object, pods: &[Arc<Object>], now: DateTime<Utc>) -> (Value, Option<Duration>) {
    let living: Vec<_> = pods.iter().filter(|pod| active(pod)).collect();
    let labels = crate::rehearsal::api::object::pairs(set.value(), "/spec/template/metadata/labels");
    let labelled = living.iter().filter(|pod| labels.iter().all(|(key, value)| pod.labels().get(key) == Some(value))).count();
    let ready = living.iter().filter(|pod| pod.condition("Ready")).count();
    let min_ready = set.number("/spec/minReadySeconds").unwrap_or(0);
    let answers: Vec<_> = living.iter().map(|pod| available(pod, min_ready, now)).collect();
    let there = answers.iter().filter(|answer| answer.is_ok()).count();
    let soon = answers.into_iter().filter_map(|answer| answer.err().flatten()).min();
    let leaving = pods.iter().filter(|pod| pod.deleting() && !matches!(pod.text("/status/phase"), "Succeeded" | "Failed")).count();
    let mut status = json!({"replicas": living.len()});
    for (field, count) in [("fullyLabeledReplicas", labelled), ("readyReplicas", ready), ("availableReplicas", there)] {
        if count > 0 {
            status[field] = json!(count);
        }
    }
    status["terminatingReplicas"] = json!(leaving);
    status["observedGeneration"] = json!(set.number("/metadata/generation").unwrap_or(1));
    (status, soon)
}

/// A set's status of these pods, none of which has to wait to be available.
#[must_use]
pub fn status(set: &Object, pods: &[Arc<Object>]) -> Value {
    counted(set, pods, DateTime::<Utc>::MAX_UTC).0
}

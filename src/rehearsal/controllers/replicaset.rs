//! `ReplicaSets`: as many pods as wanted, replaced when they go.

use std::sync::Arc;

use serde_json::{Value, json};

use super::recorder::{Note, record};
use super::template::{Counts, active, pod_of};
use super::{Feed, Hand, Home, concerned};
use crate::rehearsal::api::deletion::DeleteOptions;
use crate::rehearsal::api::kinds::Kind;
use crate::rehearsal::api::object::{Object, metadata};
use crate::rehearsal::api::store::Key;

/// Run the controller.
pub async fn run(home: Home) {
    let mut hand = Hand::new(&home, "replicaset");
    let mut feed = Feed::new(&home, &[Kind::ReplicaSet, Kind::Pod]);
    loop {
        let batch = feed.next().await;
        for key in concerned(&hand, Kind::ReplicaSet, &batch) {
            reconcile(&mut hand, &key).await;
        }
    }
}

async fn reconcile(hand: &mut Hand, key: &Key) {
    let Some(set) = hand.get(key).filter(|set| !set.deleting()) else { return };
    let pods = hand.owned(Kind::Pod, &key.namespace, set.uid());
    let have: Vec<_> = pods.iter().filter(|pod| active(pod)).collect();
    let wanted = usize::try_from(set.number("/spec/replicas").unwrap_or(1)).unwrap_or(0);
    if have.len() < wanted {
        hand.pause(3, 10).await;
    }
    for _ in have.len()..wanted {
        let pod = unnamed_pod(&set);
        match hand.create(Kind::Pod, &key.namespace, pod).await {
            Ok(pod) => {
                let message = format!("Created pod: {}", pod.name());
                record(hand, Kind::ReplicaSet, &set, Note::normal("replicaset-controller", "SuccessfulCreate", &message));
            }
            Err(refusal) => {
                let message = format!("Error creating: {refusal}");
                record(hand, Kind::ReplicaSet, &set, Note::normal("replicaset-controller", "FailedCreate", &message).as_warning());
                break;
            }
        }
    }
    let mut surplus = have.clone();
    // Those that serve least go first, the youngest before the older.
    surplus.sort_by_key(|pod| (pod.condition("Ready"), std::cmp::Reverse(pod.text("/metadata/creationTimestamp").to_owned())));
    for pod in surplus.into_iter().take(have.len().saturating_sub(wanted)) {
        if hand.delete(&Key::new(Kind::Pod, &key.namespace, pod.name()), &DeleteOptions::default()).await.is_ok() {
            let message = format!("Deleted pod: {}", pod.name());
            record(hand, Kind::ReplicaSet, &set, Note::normal("replicaset-controller", "SuccessfulDelete", &message));
        }
    }
    let pods = hand.owned(Kind::Pod, &key.namespace, set.uid());
    if let Some(set) = hand.get(key) {
        let status = status(&set, &pods);
        let _ = hand.set_status(Kind::ReplicaSet, &set, status).await;
    }
}

/// A pod of this set, its name left to the server.
#[must_use]
pub fn unnamed_pod(set: &Object) -> Value {
    let mut pod = pod_of(set, Kind::ReplicaSet);
    metadata(&mut pod).insert("generateName".to_owned(), json!(format!("{}-", set.name())));
    pod
}

/// A set's status of these pods.
#[must_use]
pub fn status(set: &Object, pods: &[Arc<Object>]) -> Value {
    let counts = Counts::of(pods);
    let mut status = json!({"replicas": counts.all, "observedGeneration": set.number("/metadata/generation").unwrap_or(1)});
    for (field, count) in [("fullyLabeledReplicas", counts.all), ("readyReplicas", counts.ready), ("availableReplicas", counts.ready)] {
        if count > 0 {
            status[field] = json!(count);
        }
    }
    status
}

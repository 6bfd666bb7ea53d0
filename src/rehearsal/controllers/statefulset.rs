//! `StatefulSets`: numbered pods, each after the one before it is ready.

use serde_json::{Value, json};

use super::recorder::{Note, record};
use super::template::{Counts, active, label, pod_of, template_hash};
use super::{Feed, Hand, Home, concerned};
use crate::rehearsal::api::deletion::DeleteOptions;
use crate::rehearsal::api::kinds::Kind;
use crate::rehearsal::api::object::{Object, metadata};
use crate::rehearsal::api::store::Key;

/// Run the controller.
pub async fn run(home: Home) {
    let mut hand = Hand::new(&home, "statefulset");
    let mut feed = Feed::new(&home, &[Kind::StatefulSet, Kind::Pod]);
    loop {
        let batch = feed.next().await;
        for key in concerned(&hand, Kind::StatefulSet, &batch) {
            reconcile(&mut hand, &key).await;
        }
    }
}

async fn reconcile(hand: &mut Hand, key: &Key) {
    let Some(set) = hand.get(key).filter(|set| !set.deleting()) else { return };
    let wanted = set.number("/spec/replicas").unwrap_or(1);
    let parallel = set.text("/spec/podManagementPolicy") == "Parallel";
    for ordinal in 0..wanted {
        let pod = hand.get(&Key::new(Kind::Pod, &key.namespace, &pod_name(&set, ordinal)));
        match pod {
            None => {
                hand.pause(3, 10).await;
                if let Ok(pod) = hand.create(Kind::Pod, &key.namespace, numbered_pod(&set, ordinal)).await {
                    let message = format!("create Pod {} in StatefulSet {} successful", pod.name(), set.name());
                    record(hand, Kind::StatefulSet, &set, Note::normal("statefulset-controller", "SuccessfulCreate", &message));
                }
                if !parallel {
                    break;
                }
            }
            Some(pod) if parallel || (active(&pod) && pod.condition("Ready")) => {}
            Some(_) => break,
        }
    }
    let pods = hand.owned(Kind::Pod, &key.namespace, set.uid());
    let ordinal_of = |pod: &Object| pod.name().rsplit('-').next().and_then(|n| n.parse::<i64>().ok()).unwrap_or(0);
    if let Some(last) = pods.iter().filter(|pod| active(pod) && ordinal_of(pod) >= wanted).max_by_key(|pod| ordinal_of(pod)) {
        let _ = hand.delete(&Key::new(Kind::Pod, &key.namespace, last.name()), &DeleteOptions::default()).await;
    }
    let pods = hand.owned(Kind::Pod, &key.namespace, set.uid());
    if let Some(set) = hand.get(key) {
        let status = status(&set, Counts::of(&pods));
        let _ = hand.set_status(Kind::StatefulSet, &set, status).await;
    }
}

fn pod_name(set: &Object, ordinal: i64) -> String {
    format!("{}-{ordinal}", set.name())
}

/// The pod of this number.
#[must_use]
pub fn numbered_pod(set: &Object, ordinal: i64) -> Value {
    let mut pod = pod_of(set, Kind::StatefulSet);
    let name = pod_name(set, ordinal);
    let revision = format!("{}-{}", set.name(), template_hash(&set.value()["spec"]["template"]));
    metadata(&mut pod).insert("name".to_owned(), json!(name));
    metadata(&mut pod).insert("generateName".to_owned(), json!(format!("{}-", set.name())));
    label(&mut pod, "apps.kubernetes.io/pod-index", &ordinal.to_string());
    label(&mut pod, "controller-revision-hash", &revision);
    label(&mut pod, "statefulset.kubernetes.io/pod-name", &name);
    pod["spec"]["hostname"] = json!(name);
    pod
}

/// A set's status of these counts.
#[must_use]
pub fn status(set: &Object, counts: Counts) -> Value {
    let revision = format!("{}-{}", set.name(), template_hash(&set.value()["spec"]["template"]));
    json!({
        "observedGeneration": set.number("/metadata/generation").unwrap_or(1), "replicas": counts.all, "readyReplicas": counts.ready,
        "currentReplicas": counts.all, "updatedReplicas": counts.all, "availableReplicas": counts.ready,
        "currentRevision": revision, "updateRevision": revision, "collisionCount": 0,
    })
}

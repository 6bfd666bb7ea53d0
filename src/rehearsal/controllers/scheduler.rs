//! The scheduler: pods to nodes where they fit, the emptiest first.

pub mod fit;

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Value, json};

use super::recorder::{Note, record};
use super::{Feed, Hand, Home, volumes};
use crate::rehearsal::api::kinds::Kind;
use crate::rehearsal::api::object::{Object, list, map_mut, text};
use crate::rehearsal::api::store::{Change, Key, Verb};
use crate::rehearsal::api::writes::Part;
use fit::Room;

/// Run the scheduler.
pub async fn run(home: Home) {
    let mut hand = Hand::new(&home, "scheduler");
    let mut feed = Feed::new(&home, &[Kind::Pod, Kind::Node, Kind::PersistentVolumeClaim]);
    // Those for which there was no room; each change that may make some is a reason to look again.
    let mut waiting: BTreeSet<Key> = hand.list(Kind::Pod, None).iter().filter(|pod| unbound(pod)).map(|pod| key_of(pod)).collect();
    let mut anew = true;
    loop {
        let again = if anew { std::mem::take(&mut waiting) } else { BTreeSet::new() };
        for key in again {
            if !place(&mut hand, &key).await {
                waiting.insert(key);
            }
        }
        let batch = feed.next().await;
        anew = batch.iter().any(makes_room);
        for change in batch.iter().filter(|change| change.key.kind == Kind::Pod) {
            if change.verb == Verb::Deleted {
                waiting.remove(&change.key);
            } else if unbound(&change.object) && !waiting.contains(&change.key) && !place(&mut hand, &change.key).await {
                waiting.insert(change.key.clone());
            }
        }
    }
}

fn key_of(pod: &Object) -> Key {
    Key::new(Kind::Pod, pod.namespace(), pod.name())
}

fn unbound(pod: &Object) -> bool {
    pod.text("/spec/nodeName").is_empty() && !pod.deleting() && text(pod.value(), "/spec/schedulerName") == "default-scheduler"
}

/// Whether a pod that did not fit may fit after this change: a node is other than before, or a pod has left one.
fn makes_room(change: &Change) -> bool {
    if change.key.kind == Kind::PersistentVolumeClaim {
        let phase = |object: &Object| object.text("/status/phase").to_owned();
        return change.previous.as_ref().is_none_or(|old| phase(old) != phase(&change.object));
    }
    if change.key.kind == Kind::Node {
        let parts = ["/spec", "/metadata/labels", "/status/allocatable"];
        return change
            .previous
            .as_ref()
            .is_none_or(|old| parts.iter().any(|part| old.value().pointer(part) != change.object.value().pointer(part)));
    }
    let ended = matches!(change.object.text("/status/phase"), "Succeeded" | "Failed");
    (change.verb == Verb::Deleted || ended) && !change.object.text("/spec/nodeName").is_empty()
}

/// Find a node for this pod. False when there is none.
async fn place(hand: &mut Hand, key: &Key) -> bool {
    let Some(pod) = hand.get(key).filter(|pod| unbound(pod)) else { return true };
    let timings = hand.ground(|ground| ground.world.timings(pod.namespace(), &pod.labels()));
    let time = timings.schedule.draw(hand.rolls());
    tokio::time::sleep(time).await;
    let Some(pod) = hand.get(key).filter(|pod| unbound(pod)) else { return true };
    if !pod.list("/spec/schedulingGates").is_empty() {
        return true;
    }
    let room = Room::new(hand.list(Kind::Node, None), hand.list(Kind::Pod, None));
    let claims = match claims(hand, &pod) {
        Ok(claims) => claims,
        Err(why) => {
            refuse(hand, &pod, &fit::refused_everywhere(hand.list(Kind::Node, None).len(), &why)).await;
            return false;
        }
    };
    let volumes = claims.iter().filter_map(|claim| hand.get(&Key::new(Kind::PersistentVolume, "", claim.text("/spec/volumeName"))));
    match room.with_volumes(volumes.collect()).choose(&pod) {
        Ok(node) if claims.iter().any(|claim| !volumes::is_bound(claim)) => {
            // The pod is bound when its volumes are there, on the node that was chosen for them.
            for claim in claims.iter().filter(|claim| !volumes::is_bound(claim) && claim.annotation(volumes::SELECTED_NODE).is_empty()) {
                let key = Key::new(Kind::PersistentVolumeClaim, claim.namespace(), claim.name());
                let choose = |value: &mut Value| {
                    let annotations = map_mut(value, "metadata").entry("annotations").or_insert_with(|| json!({}));
                    annotations[volumes::SELECTED_NODE] = json!(node.name());
                };
                let _ = hand.edit(&key, Part::Main, choose).await;
            }
            false
        }
        Ok(node) => {
            if hand.bind(&pod, node.name()).await.is_ok() {
                let message = format!("Successfully assigned {}/{} to {}", pod.namespace(), pod.name(), node.name());
                record(hand, Kind::Pod, &pod, Note::normal("default-scheduler", "Scheduled", &message));
            }
            true
        }
        Err(message) => {
            refuse(hand, &pod, &message).await;
            false
        }
    }
}

/// The claims of this pod's volumes.
///
/// # Errors
/// Why no node can take the pod, in the scheduler's words.
fn claims(hand: &Hand, pod: &Object) -> Result<Vec<Arc<Object>>, String> {
    let mut claims = Vec::new();
    for (name, claim) in volumes::claims_of(hand, pod) {
        let claim = claim.ok_or_else(|| format!("persistentvolumeclaim \"{name}\" not found"))?;
        if claim.text("/status/phase") == "Lost" {
            return Err(format!(
                "persistentvolumeclaim \"{name}\" bound to non-existent persistentvolume \"{}\"",
                claim.text("/spec/volumeName")
            ));
        }
        if claim.deleting() {
            return Err(format!("persistentvolumeclaim \"{name}\" is being deleted"));
        }
        claims.push(claim);
    }
    if claims.iter().any(|claim| !volumes::is_bound(claim) && !volumes::waits_for_a_pod(hand, claim)) {
        return Err("pod has unbound immediate PersistentVolumeClaims".to_owned());
    }
    Ok(claims)
}

/// Say that there is no node for this pod.
async fn refuse(hand: &mut Hand, pod: &Object, message: &str) {
    let old = list(pod.value(), "/status/conditions").iter().find(|c| c["type"] == "PodScheduled").cloned().unwrap_or(Value::Null);
    if old["reason"] == "Unschedulable" && old["message"] == message {
        return;
    }
    let since = if old["status"] == "False" { old["lastTransitionTime"].clone() } else { json!(hand.stamp()) };
    let condition = json!({"type": "PodScheduled", "observedGeneration": pod.number("/metadata/generation").unwrap_or(1), "status": "False",
        "lastProbeTime": null, "lastTransitionTime": since, "reason": "Unschedulable", "message": message});
    let mut status = pod.value()["status"].clone();
    let mut conditions: Vec<Value> = list(&status, "/conditions").iter().filter(|c| c["type"] != "PodScheduled").cloned().collect();
    conditions.push(condition);
    if let Some(status) = status.as_object_mut() {
        status.insert("conditions".to_owned(), json!(conditions));
    }
    if hand.set_status(Kind::Pod, pod, status).await.is_ok() {
        record(hand, Kind::Pod, pod, Note::normal("default-scheduler", "FailedScheduling", message).as_warning());
    }
}

//! Deployments: one `ReplicaSet` a template, and the rolling from one to the next.

use std::sync::Arc;

use serde_json::{Value, json};

use super::recorder::{Note, record};
use super::template::template_hash;
use super::{Feed, Hand, Home, concerned};
use crate::rehearsal::api::kinds::Kind;
use crate::rehearsal::api::object::{Object, map_mut, owner_reference, text};
use crate::rehearsal::api::store::Key;
use crate::rehearsal::api::writes::Part;

/// Run the controller.
pub async fn run(home: Home) {
    let mut hand = Hand::new(&home, "deployment");
    let mut feed = Feed::new(&home, &[Kind::Deployment, Kind::ReplicaSet]);
    loop {
        let batch = feed.next().await;
        for key in concerned(&hand, Kind::Deployment, &batch) {
            reconcile(&mut hand, &key).await;
        }
    }
}

async fn reconcile(hand: &mut Hand, key: &Key) {
    let Some(deployment) = hand.get(key).filter(|d| !d.deleting()) else { return };
    let sets = hand.owned(Kind::ReplicaSet, &key.namespace, deployment.uid());
    let hash = template_hash(&deployment.value()["spec"]["template"]);
    let current = sets.iter().find(|set| set.labels().get("pod-template-hash") == Some(&hash.as_str())).cloned();
    let Some(current) = current else {
        let set = replica_set(&deployment, &hash, if sets.is_empty() { replicas(&deployment) } else { 0 });
        // What cannot be created now is tried again at the next change.
        if let Ok(set) = hand.create(Kind::ReplicaSet, &key.namespace, set).await {
            say_scaled(hand, &deployment, &set, 0, replicas(&set));
        }
        return;
    };
    let others: Vec<_> = sets.iter().filter(|set| set.uid() != current.uid()).cloned().collect();
    roll(hand, &deployment, &current, &others).await;
    let sets = hand.owned(Kind::ReplicaSet, &key.namespace, deployment.uid());
    if let Some(deployment) = hand.get(key) {
        let status = status(hand, &deployment, &current, &sets);
        let _ = hand.set_status(Kind::Deployment, &deployment, status).await;
    }
}

/// Wanted replicas of a Deployment or a `ReplicaSet`.
fn replicas(object: &Object) -> i64 {
    object.number("/spec/replicas").unwrap_or(1)
}

/// The `ReplicaSet` of this Deployment's template.
#[must_use]
pub fn replica_set(deployment: &Object, hash: &str, replicas: i64) -> Value {
    let spec = &deployment.value()["spec"];
    let mut template = spec["template"].clone();
    map_mut(&mut template["metadata"], "labels").insert("pod-template-hash".to_owned(), json!(hash));
    let mut selector = spec["selector"].clone();
    map_mut(&mut selector, "matchLabels").insert("pod-template-hash".to_owned(), json!(hash));
    json!({
        "apiVersion": "apps/v1", "kind": "ReplicaSet",
        "metadata": {
            "name": format!("{}-{hash}", deployment.name()),
            "labels": template["metadata"]["labels"],
            "annotations": {"deployment.kubernetes.io/desired-replicas": spec["replicas"].to_string(), "deployment.kubernetes.io/revision": "1"},
            "ownerReferences": [owner_reference(deployment, "apps/v1", "Deployment")],
        },
        "spec": {"replicas": replicas, "selector": selector, "template": template},
    })
}

/// One step of the rolling: up as far as the surge allows, down as far as availability allows.
async fn roll(hand: &mut Hand, deployment: &Object, current: &Arc<Object>, others: &[Arc<Object>]) {
    let wanted = replicas(deployment);
    let (surge, unavailable) = bounds(deployment, wanted);
    let old: i64 = others.iter().map(|set| replicas(set)).sum();
    let have = replicas(current);
    let next = if old == 0 { wanted } else { wanted.min((wanted + surge - old).max(have)) };
    if next != have {
        scale(hand, deployment, current, next).await;
    }
    let ready = |set: &Object| set.number("/status/readyReplicas").unwrap_or(0);
    let available: i64 = others.iter().chain(std::iter::once(current)).map(|set| ready(set)).sum();
    let mut spare = (available - (wanted - unavailable)).max(0);
    for set in others.iter().filter(|set| replicas(set) > 0) {
        let broken = replicas(set) - ready(set);
        let down = (broken + spare).min(replicas(set));
        spare -= (down - broken).max(0);
        if down > 0 {
            scale(hand, deployment, set, replicas(set) - down).await;
        }
    }
}

/// `maxSurge` and `maxUnavailable` in pods.
fn bounds(deployment: &Object, wanted: i64) -> (i64, i64) {
    let share = |field: &str, up: bool| {
        let given = deployment.value().pointer(&format!("/spec/strategy/rollingUpdate/{field}")).cloned().unwrap_or(Value::Null);
        match given.as_str().and_then(|s| s.strip_suffix('%')).and_then(|s| s.parse::<i64>().ok()) {
            Some(percent) if up => (wanted * percent + 99) / 100,
            Some(percent) => wanted * percent / 100,
            None => given.as_i64().unwrap_or(0),
        }
    };
    if text(deployment.value(), "/spec/strategy/type") == "Recreate" {
        return (0, wanted);
    }
    match (share("maxSurge", true), share("maxUnavailable", false)) {
        (0, 0) => (0, 1),
        bounds => bounds,
    }
}

async fn scale(hand: &mut Hand, deployment: &Object, set: &Arc<Object>, to: i64) {
    let from = replicas(set);
    let key = Key::new(Kind::ReplicaSet, set.namespace(), set.name());
    if hand.edit(&key, Part::Main, |value| value["spec"]["replicas"] = json!(to)).await.is_ok() {
        say_scaled(hand, deployment, set, from, to);
    }
}

fn say_scaled(hand: &Hand, deployment: &Object, set: &Object, from: i64, to: i64) {
    let direction = if to >= from { "up" } else { "down" };
    let message = format!("Scaled {direction} replica set {} from {from} to {to}", set.name());
    record(hand, Kind::Deployment, deployment, Note::normal("deployment-controller", "ScalingReplicaSet", &message));
}

fn status(hand: &Hand, deployment: &Object, current: &Object, sets: &[Arc<Object>]) -> Value {
    let sum = |field: &str| sets.iter().map(|set| set.number(&format!("/status/{field}")).unwrap_or(0)).sum::<i64>();
    let (all, ready, available) = (sum("replicas"), sum("readyReplicas"), sum("availableReplicas"));
    let updated = sets.iter().find(|set| set.uid() == current.uid()).and_then(|set| set.number("/status/replicas")).unwrap_or(0);
    write_status(deployment, current.name(), [all, updated, ready, available], &hand.stamp())
}

/// A Deployment's status of these counts: all, updated, ready, available.
#[must_use]
pub fn write_status(deployment: &Object, set: &str, [all, updated, ready, available]: [i64; 4], now: &str) -> Value {
    let wanted = replicas(deployment);
    let mut status = json!({"observedGeneration": deployment.number("/metadata/generation").unwrap_or(1)});
    let counts = [
        ("replicas", all),
        ("updatedReplicas", updated),
        ("readyReplicas", ready),
        ("availableReplicas", available),
        ("unavailableReplicas", wanted.max(all) - available),
    ];
    for (field, count) in counts.iter().filter(|(_, count)| *count > 0) {
        status[field] = json!(count);
    }
    let enough = available >= wanted - bounds(deployment, wanted).1;
    let condition = |kind: &str, holds: bool, reason: &str, message: String| {
        let old = deployment.list("/status/conditions").iter().find(|c| c["type"] == kind).cloned().unwrap_or(Value::Null);
        let value = if holds { "True" } else { "False" };
        let since = if old["status"] == value { old["lastTransitionTime"].clone() } else { json!(now) };
        let updated = if old["reason"] == reason && old["status"] == value { old["lastUpdateTime"].clone() } else { json!(now) };
        json!({"type": kind, "status": value, "lastUpdateTime": updated, "lastTransitionTime": since, "reason": reason, "message": message})
    };
    let complete = updated >= wanted && available >= wanted && all == updated;
    let was_complete = deployment.list("/status/conditions").iter().any(|c| c["reason"] == "NewReplicaSetAvailable");
    status["conditions"] = json!([
        if enough {
            condition("Available", true, "MinimumReplicasAvailable", "Deployment has minimum availability.".to_owned())
        } else {
            condition("Available", false, "MinimumReplicasUnavailable", "Deployment does not have minimum availability.".to_owned())
        },
        if complete || (was_complete && updated >= all) {
            condition("Progressing", true, "NewReplicaSetAvailable", format!("ReplicaSet \"{set}\" has successfully progressed."))
        } else {
            condition("Progressing", true, "ReplicaSetUpdated", format!("ReplicaSet \"{set}\" is progressing."))
        },
    ]);
    status
}

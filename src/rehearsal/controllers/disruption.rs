//! `PodDisruptionBudgets`: how many pods may be evicted.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::duties::Duties;
use super::recorder::{Note, record};
use super::template::share_of;
use super::{Feed, Hand, Home};
use crate::rehearsal::api::kinds::Kind;
use crate::rehearsal::api::object::{Object, list, text};
use crate::rehearsal::api::selector::Selector;
use crate::rehearsal::api::store::Key;
use crate::rehearsal::clock;

/// How long an eviction is believed in before the pod is seen going.
const BELIEVED: i64 = 120;

/// Kinds that own pods and say how many there are to be.
const SCALED: [Kind; 4] = [Kind::ReplicaSet, Kind::StatefulSet, Kind::ReplicationController, Kind::Deployment];

/// Run the controller.
pub async fn run(home: Home) {
    let mut hand = Hand::new(&home, "disruption");
    let mut feed = Feed::new(&home, &[Kind::PodDisruptionBudget, Kind::Pod, Kind::ReplicaSet, Kind::StatefulSet, Kind::Deployment]);
    let mut duties = Duties::default();
    let mut keys: BTreeSet<Key> = hand.list(Kind::PodDisruptionBudget, None).iter().map(|budget| key_of(budget)).collect();
    loop {
        for key in keys {
            reconcile(&mut hand, &key, &mut duties).await;
        }
        let (batch, due) = duties.next(&mut feed).await;
        let places: BTreeSet<&str> = batch.iter().map(|change| change.key.namespace.as_str()).collect();
        keys = due;
        keys.extend(places.iter().flat_map(|place| hand.list(Kind::PodDisruptionBudget, Some(place))).map(|budget| key_of(&budget)));
    }
}

fn key_of(budget: &Object) -> Key {
    Key::new(Kind::PodDisruptionBudget, budget.namespace(), budget.name())
}

async fn reconcile(hand: &mut Hand, key: &Key, duties: &mut Duties) {
    let Some(budget) = hand.get(key).filter(|budget| !budget.deleting()) else { return };
    let selector = &budget.value()["spec"]["selector"];
    let everything = selector.as_object().is_some_and(Map::is_empty);
    let chosen = Selector::of_workload(selector);
    let pods: Vec<Arc<Object>> = hand
        .list(Kind::Pod, Some(&key.namespace))
        .into_iter()
        .filter(|pod| everything || chosen.as_ref().is_some_and(|selector| selector.matches(pod)))
        .filter(|pod| !matches!(pod.text("/status/phase"), "Succeeded" | "Failed"))
        .collect();
    if pods.is_empty() && budget.text("/status/observedGeneration").is_empty() && budget.value()["status"].is_null() {
        record(hand, Kind::PodDisruptionBudget, &budget, Note::normal("controllermanager", "NoPods", "No matching pods found"));
    }
    let (expected, desired) = bounds(hand, &budget, &pods);
    let now = hand.now();
    let mut believed = Map::new();
    for (pod, since) in budget.value().pointer("/status/disruptedPods").and_then(Value::as_object).into_iter().flatten() {
        let there = pods.iter().any(|p| p.name() == pod && !p.deleting());
        let age = clock::parse(since.as_str().unwrap_or_default()).map_or(BELIEVED, |since| (now - since).num_seconds());
        if there && age < BELIEVED {
            believed.insert(pod.clone(), since.clone());
            duties.after(key, Duration::from_secs(u64::try_from(BELIEVED - age).unwrap_or(1)));
        }
    }
    let healthy = pods.iter().filter(|pod| pod.condition("Ready") && !pod.deleting() && !believed.contains_key(pod.name())).count();
    let healthy = i64::try_from(healthy).unwrap_or(0);
    let allowed = if expected > 0 { (healthy - desired).max(0) } else { 0 };
    let reason = if allowed > 0 { ("True", "SufficientPods") } else { ("False", "InsufficientPods") };
    let old = list(budget.value(), "/status/conditions").iter().find(|c| c["type"] == "DisruptionAllowed");
    let since = old.filter(|old| old["status"] == reason.0).map_or_else(|| hand.stamp(), |old| text(old, "/lastTransitionTime").to_owned());
    let generation = budget.number("/metadata/generation").unwrap_or(1);
    let mut status = json!({
        "conditions": [{"type": "DisruptionAllowed", "status": reason.0, "observedGeneration": generation, "lastTransitionTime": since, "reason": reason.1, "message": ""}],
        "currentHealthy": healthy, "desiredHealthy": desired, "disruptionsAllowed": allowed, "expectedPods": expected, "observedGeneration": generation,
    });
    if !believed.is_empty() {
        status["disruptedPods"] = Value::Object(believed);
    }
    if budget.value()["status"] != status {
        // What has changed meanwhile comes by the feed.
        let _ = hand.set_status(Kind::PodDisruptionBudget, &budget, status).await;
    }
}

/// How many pods there are to be, and how many of them healthy.
fn bounds(hand: &Hand, budget: &Object, pods: &[Arc<Object>]) -> (i64, i64) {
    let spec = &budget.value()["spec"];
    let there = i64::try_from(pods.len()).unwrap_or(0);
    if let Some(most) = spec.get("maxUnavailable") {
        let expected = owners_want(hand, pods);
        return (expected, (expected - share_of(most, expected, true)).max(0));
    }
    let least = spec.get("minAvailable").cloned().unwrap_or_else(|| json!(1));
    if least.is_string() {
        let expected = owners_want(hand, pods);
        return (expected, share_of(&least, expected, true));
    }
    (there, least.as_i64().unwrap_or(1))
}

/// How many pods the owners of these want, each owner once.
fn owners_want(hand: &Hand, pods: &[Arc<Object>]) -> i64 {
    let mut owners: BTreeSet<(Kind, String, String)> = BTreeSet::new();
    for pod in pods {
        let Some(reference) = pod.list("/metadata/ownerReferences").iter().find(|owner| owner["controller"] == true) else { continue };
        let Some(kind) = SCALED.iter().find(|kind| reference["kind"] == kind.resource().name) else { continue };
        owners.insert((*kind, pod.namespace().to_owned(), text(reference, "/name").to_owned()));
    }
    // A set of a Deployment stands for it: its other sets have pods of the same budget.
    let mut scaled: BTreeSet<(Kind, String, String)> = BTreeSet::new();
    for (kind, namespace, name) in owners {
        let object = hand.get(&Key::new(kind, &namespace, &name));
        let above = object.as_ref().and_then(|o| {
            o.list("/metadata/ownerReferences")
                .iter()
                .find(|owner| owner["kind"] == "Deployment")
                .map(|owner| text(owner, "/name").to_owned())
        });
        scaled.insert(above.map_or((kind, namespace.clone(), name), |above| (Kind::Deployment, namespace, above)));
    }
    let wants = scaled.iter().filter_map(|(kind, namespace, name)| hand.get(&Key::new(*kind, namespace, name))?.number("/spec/replicas"));
    wants.sum()
}

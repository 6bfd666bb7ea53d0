//! One experiment, read: its deadline, its phase, whether it is a one-shot.

use chrono::{DateTime, Duration, Utc};
use serde_json::{Map, Value, json};

use super::go;
use crate::rehearsal::api::kinds::Kind;
use crate::rehearsal::api::object::{Object, text};
use crate::rehearsal::clock;

/// The finalizer that keeps an experiment until it is undone.
pub const FINALIZER: &str = "chaos-mesh/records";

/// The annotation that pauses an experiment.
pub const PAUSE: &str = "experiment.chaos-mesh.org/pause";

/// The annotation that lets an experiment go before it is undone.
pub const FORCE: &str = "chaos-mesh.chaos-mesh.org/cleanFinalizer";

/// Whether an experiment acts once and is over.
#[must_use]
pub fn one_shot(kind: Kind, experiment: &Object) -> bool {
    kind == Kind::PodChaos && matches!(experiment.text("/spec/action"), "pod-kill" | "container-kill")
}

/// Whether an experiment is paused.
#[must_use]
pub fn paused(experiment: &Object) -> bool {
    experiment.annotation(PAUSE) == "true"
}

/// When an experiment's duration is over; none without one, or with one that cannot be read.
#[must_use]
pub fn ends(experiment: &Object) -> Option<DateTime<Utc>> {
    let nanos = go::duration(experiment.text("/spec/duration")).ok()?;
    Some(clock::parse(experiment.text("/metadata/creationTimestamp"))? + Duration::nanoseconds(nanos))
}

/// What an experiment should do now, and the event that says so when it changes.
#[must_use]
pub fn desired(kind: Kind, experiment: &Object, now: DateTime<Utc>) -> (&'static str, Option<(&'static str, &'static str)>) {
    if experiment.deleting() {
        ("Stop", Some(("Deleted", "Experiment has been deleted")))
    } else if one_shot(kind, experiment) {
        ("Run", None)
    } else if ends(experiment).is_some_and(|end| end <= now) {
        ("Stop", Some(("TimeUp", "Time up according to the duration")))
    } else if paused(experiment) {
        ("Stop", Some(("Paused", "Experiment has been paused")))
    } else {
        ("Run", Some(("Started", "Experiment has started")))
    }
}

/// The four conditions that follow from an experiment as it is stored, in this order: Selected, `AllInjected`, `AllRecovered`, Paused.
#[must_use]
pub fn conditions(experiment: &Object) -> [(&'static str, bool); 4] {
    let records = experiment.list("/status/experiment/containerRecords");
    let all = |phase: &str| !records.is_empty() && records.iter().all(|r| r["phase"] == phase);
    [
        ("Selected", !records.is_empty()),
        ("AllInjected", all("Injected")),
        ("AllRecovered", all("Not Injected")),
        ("Paused", paused(experiment)),
    ]
}

/// Whether the stored conditions are these.
#[must_use]
pub fn has_conditions(experiment: &Object, wanted: &[(&'static str, bool); 4]) -> bool {
    let stored = experiment.list("/status/conditions");
    stored.len() == wanted.len()
        && wanted.iter().all(|(kind, holds)| stored.iter().any(|c| c["type"] == *kind && (c["status"] == "True") == *holds))
}

/// An experiment without what its controllers do not react to: the counters of the server, and the events in its records.
#[must_use]
pub fn relevant(experiment: &Object) -> Value {
    let mut value = experiment.value().clone();
    if let Some(Value::Object(meta)) = value.get_mut("metadata") {
        meta.shift_remove("resourceVersion");
        meta.shift_remove("generation");
    }
    if let Some(records) = value.pointer_mut("/status/experiment/containerRecords").and_then(Value::as_array_mut) {
        for record in records.iter_mut().filter_map(Value::as_object_mut) {
            record.shift_remove("events");
        }
    }
    value
}

/// One more entry in a record's own list of events, of which the newest hundred are kept.
pub fn note_in_record(record: &mut Map<String, Value>, operation: &str, failure: Option<&str>, now: &str) {
    let mut event = json!({"operation": operation, "timestamp": now, "type": if failure.is_some() { "Failed" } else { "Succeeded" }});
    if let Some(message) = failure {
        event["message"] = json!(message);
    }
    let events = record.entry("events").or_insert_with(|| json!([]));
    if let Some(events) = events.as_array_mut() {
        events.push(event);
        let surplus = events.len().saturating_sub(100);
        events.drain(..surplus);
    }
}

/// The namespace, pod and container that a record's id names.
#[must_use]
pub fn record_target(record: &Value) -> (&str, &str, &str) {
    let mut parts = text(record, "/id").splitn(3, '/');
    (parts.next().unwrap_or_default(), parts.next().unwrap_or_default(), parts.next().unwrap_or_default())
}

//! Events, as the cluster's components write them.

use chrono::SecondsFormat;
use serde_json::{Value, json};

use super::Hand;
use crate::rehearsal::api::kinds::Kind;
use crate::rehearsal::api::object::Object;
use crate::rehearsal::clock;

/// One event before it is written.
#[derive(Debug, Clone, Copy)]
pub struct Note<'a> {
    /// Whether it is a `Warning`; `Normal` otherwise.
    pub warning: bool,
    /// The reason.
    pub reason: &'a str,
    /// The message.
    pub message: &'a str,
    /// `source.component`.
    pub component: &'a str,
    /// `source.host`; empty for none.
    pub host: &'a str,
    /// The field within the object; empty for the object itself.
    pub field: &'a str,
}

impl<'a> Note<'a> {
    /// A `Normal` event of this component.
    #[must_use]
    pub fn normal(component: &'a str, reason: &'a str, message: &'a str) -> Self {
        Self { warning: false, reason, message, component, host: "", field: "" }
    }

    /// The same as a `Warning`.
    #[must_use]
    pub fn as_warning(self) -> Self {
        Self { warning: true, ..self }
    }
}

/// Write an event about this object.
pub fn record(hand: &Hand, kind: Kind, about: &Object, note: Note<'_>) {
    // Who says the same again of the same object counts it, as client-go's recorders do. Those of the new form are series of their own.
    if note.component != "default-scheduler" && hand.count_again(home_of(about), about.name(), |event| is_said(event, about, note)) {
        return;
    }
    record_with(hand, kind, about, note, Value::Null);
}

fn is_said(event: &Object, about: &Object, note: Note<'_>) -> bool {
    event.text("/involvedObject/uid") == about.uid()
        && event.text("/reason") == note.reason
        && event.text("/message") == note.message
        && event.text("/source/component") == note.component
        && event.text("/involvedObject/fieldPath") == note.field
}

/// The namespace that the Events of an object are written to.
fn home_of(about: &Object) -> &str {
    if about.namespace().is_empty() { "default" } else { about.namespace() }
}

/// Write an event about this object with these annotations (`Null` for none).
pub fn record_with(hand: &Hand, kind: Kind, about: &Object, note: Note<'_>, annotations: Value) {
    let now = hand.now();
    let mut rolls = hand.stream(|moment| format!("event/{moment}/{}", about.uid()));
    // The simulated clock counts in milliseconds; the rest of the nanoseconds tells events of one instant apart.
    let nanos = now.timestamp_nanos_opt().unwrap_or(0).unsigned_abs() + rolls.below(1_000_000);
    let stamp = clock::stamp(now);
    let mut involved = json!({
        "kind": kind.resource().name, "namespace": about.namespace(), "name": about.name(), "uid": about.uid(),
        "apiVersion": kind.api_version(), "resourceVersion": about.revision(),
    });
    if !note.field.is_empty() {
        involved["fieldPath"] = json!(note.field);
    }
    let mut source = json!({"component": note.component});
    if !note.host.is_empty() {
        source["host"] = json!(note.host);
    }
    let namespace = home_of(about);
    let mut event = json!({
        "apiVersion": "v1", "kind": "Event", "metadata": {"name": format!("{}.{nanos:x}", about.name()), "namespace": namespace},
        "involvedObject": involved, "reason": note.reason, "message": note.message, "source": source, "firstTimestamp": stamp, "lastTimestamp": stamp,
        "count": 1, "type": if note.warning { "Warning" } else { "Normal" }, "eventTime": null, "reportingComponent": "", "reportingInstance": "",
    });
    if !annotations.is_null() {
        event["metadata"]["annotations"] = annotations;
    }
    if note.component == "default-scheduler" {
        // The scheduler alone writes events of the new form.
        event["source"] = json!({});
        event["firstTimestamp"] = Value::Null;
        event["lastTimestamp"] = Value::Null;
        event["eventTime"] = json!(now.to_rfc3339_opts(SecondsFormat::Micros, true));
        event["action"] = json!(if note.warning { "Scheduling" } else { "Binding" });
        event["reportingComponent"] = json!("default-scheduler");
        event["reportingInstance"] = json!("default-scheduler-control-plane");
    }
    hand.post(event);
}

//! Pods from templates, and what all workload controllers ask of a pod.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use crate::rehearsal::api::kinds::Kind;
use crate::rehearsal::api::object::{Object, map_mut, metadata, owner_reference, text};
use crate::rehearsal::clock;
use crate::rehearsal::dice::{fnv32, safe_encode};

/// A pod of this owner's template, without a name.
#[must_use]
pub fn pod_of(owner: &Object, kind: Kind) -> Value {
    let template = &owner.value()["spec"]["template"];
    let mut pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {}, "spec": template["spec"]});
    let meta = metadata(&mut pod);
    for field in ["labels", "annotations"] {
        if let Some(given) = template.pointer(&format!("/metadata/{field}")).filter(|v| v.is_object()) {
            meta.insert(field.to_owned(), given.clone());
        }
    }
    meta.insert("ownerReferences".to_owned(), json!([owner_reference(owner, &kind.api_version(), kind.resource().name)]));
    pod
}

/// Set a label of a pod.
pub fn label(pod: &mut Value, key: &str, value: &str) {
    map_mut(map_value(pod), "labels").insert(key.to_owned(), json!(value));
}

fn map_value(pod: &mut Value) -> &mut Value {
    let _ = metadata(pod);
    &mut pod["metadata"]
}

/// The hash of a pod template, as names and labels carry it.
#[must_use]
pub fn template_hash(template: &Value) -> String {
    let mut text = String::new();
    canonical(template, &mut text);
    safe_encode(fnv32(&text))
}

/// JSON with its keys in order, and without what says nothing: the same template hashes alike, whoever wrote it.
fn canonical(value: &Value, out: &mut String) {
    match value {
        Value::Object(map) => {
            let mut entries: Vec<_> = map.iter().filter(|(_, value)| !value.is_null()).collect();
            entries.sort_by_key(|(key, _)| *key);
            for (key, value) in entries {
                out.push_str(key);
                out.push(':');
                canonical(value, out);
            }
            out.push(';');
        }
        Value::Array(list) => {
            for value in list {
                canonical(value, out);
            }
            out.push(']');
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => out.push_str(&value.to_string()),
    }
}

/// Whether a pod still counts for its owner: not deleted, not finished.
#[must_use]
pub fn active(pod: &Object) -> bool {
    !pod.deleting() && !matches!(pod.text("/status/phase"), "Succeeded" | "Failed")
}

/// A number of pods, or a percentage of so many: rounded up, or down.
#[must_use]
pub fn share_of(given: &Value, of: i64, up: bool) -> i64 {
    match given.as_str().and_then(|s| s.strip_suffix('%')).and_then(|s| s.parse::<i64>().ok()) {
        Some(percent) if up => (of * percent + 99) / 100,
        Some(percent) => of * percent / 100,
        None => given.as_i64().unwrap_or(0),
    }
}

/// Whether a pod has been ready for so many seconds; if not yet, how long until it has.
///
/// # Errors
/// None when it is not ready, else how long it takes.
pub fn available(pod: &Object, min_ready: i64, now: DateTime<Utc>) -> Result<(), Option<Duration>> {
    let ready = pod.list("/status/conditions").iter().find(|c| c["type"] == "Ready" && c["status"] == "True").ok_or(None)?;
    if min_ready == 0 {
        return Ok(());
    }
    let since = clock::parse(text(ready, "/lastTransitionTime")).ok_or(None)?;
    let left = since + chrono::Duration::seconds(min_ready) - now;
    match left.to_std() {
        Ok(left) if !left.is_zero() => Err(Some(left)),
        _ => Ok(()),
    }
}

/// Counts that workload statuses are made of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Pods that count.
    pub all: i64,
    /// Those that are ready.
    pub ready: i64,
}

impl Counts {
    /// The counts of these pods.
    #[must_use]
    pub fn of(pods: &[Arc<Object>]) -> Self {
        let active = pods.iter().filter(|pod| active(pod));
        active.fold(Self::default(), |counts, pod| Self { all: counts.all + 1, ready: counts.ready + i64::from(pod.condition("Ready")) })
    }
}

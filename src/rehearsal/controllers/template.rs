//! Pods from templates, and what all workload controllers ask of a pod.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::rehearsal::api::kinds::Kind;
use crate::rehearsal::api::object::{Object, map_mut, metadata, owner_reference};
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
    safe_encode(fnv32(&template.to_string()))
}

/// Whether a pod still counts for its owner: not deleted, not finished.
#[must_use]
pub fn active(pod: &Object) -> bool {
    !pod.deleting() && !matches!(pod.text("/status/phase"), "Succeeded" | "Failed")
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

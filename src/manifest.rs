//! The object of a fault as it is sent: as written, except for what gameday must add.
//!
//! Owns [`prepared`]: a name of this run, gameday's labels, the environment's namespace where the
//! manifest gives none, and a `duration` where the action lasts and none is given.

use serde_json::{Map, Value};

use crate::clock::go;
use crate::effect::{ChaosRef, FaultId};
use crate::fault::{DEFAULT_DURATION, Fault};
use crate::header::Header;

/// The label that says an object is gameday's.
pub const MANAGED_BY: &str = "app.kubernetes.io/managed-by";
/// Its value.
pub const GAMEDAY: &str = "gameday";
/// The label that names the run: its token.
pub const RUN: &str = "gameday/run";
/// The label that names the step by its place, from 0.
pub const STEP: &str = "gameday/step";

/// The object that is sent for a fault, and what it is called.
#[must_use]
pub fn prepared(fault: &Fault, id: FaultId, header: &Header) -> (ChaosRef, Value) {
    let mut manifest = fault.manifest.clone();
    let namespace = fault.namespace().unwrap_or(&header.place.namespace).to_owned();
    let tail = format!("-{}-{}", header.token, id.0);
    let stem: String = fault.name().chars().take(63_usize.saturating_sub(tail.len())).collect();
    let name = format!("{}{tail}", stem.trim_end_matches(['-', '.']));
    if let Some(metadata) = child(&mut manifest, "metadata") {
        metadata.insert("name".into(), name.clone().into());
        metadata.insert("namespace".into(), namespace.clone().into());
        // `labels:` with nothing behind it is null: without the labels no sweep would find the object
        let mut labels = metadata.get_mut("labels").and_then(object).map(std::mem::take).unwrap_or_default();
        labels.insert(MANAGED_BY.into(), GAMEDAY.into());
        labels.insert(RUN.into(), header.token.clone().into());
        labels.insert(STEP.into(), id.0.to_string().into());
        metadata.insert("labels".into(), Value::Object(labels));
    }
    if let Some(spec) = child(&mut manifest, "spec") {
        if fault.is_lasting() && fault.duration.is_none() {
            spec.insert("duration".into(), go(DEFAULT_DURATION).into());
        }
        namespaced(spec, &namespace);
        if let Some(target) = spec.get_mut("target").and_then(object) {
            namespaced(target, &namespace);
        }
    }
    (ChaosRef { kind: fault.action.kind().to_owned(), namespace, name }, manifest)
}

fn namespaced(block: &mut Map<String, Value>, namespace: &str) {
    let Some(selector) = block.get_mut("selector").and_then(object) else { return };
    let given = |key: &str| selector.get(key).is_some_and(|v| !matches!(v, Value::Null) && v.as_array().is_none_or(|a| !a.is_empty()));
    if !given("namespaces") && !given("pods") {
        selector.insert("namespaces".into(), Value::Array(vec![namespace.into()]));
    }
}

fn child<'a>(manifest: &'a mut Value, key: &str) -> Option<&'a mut Map<String, Value>> {
    object(object(manifest)?.entry(key).or_insert_with(|| Value::Object(Map::new())))
}

fn object(value: &mut Value) -> Option<&mut Map<String, Value>> {
    value.as_object_mut()
}

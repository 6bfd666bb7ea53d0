//! The object of a fault as it is sent: as written, except for what gameday must add.
//!
//! Owns [`prepared`]: a name of this run, gameday's labels, the environment's namespace where the
//! manifest gives none, and a `duration` where the action lasts and none is given. A Schedule is sent
//! inside a Workflow that ends it.

pub mod brake;
pub mod dose;
pub mod policy;

use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::clock::go;
use crate::effect::{ChaosRef, FaultId};
use crate::fault::{Action, DEFAULT_DURATION, Fault};
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
    let name = named(fault.name(), id, header);
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
    if let Action::Schedule { of, .. } = &fault.action {
        let spec = manifest.get_mut("spec").map(Value::take).unwrap_or_default();
        let workflow = ChaosRef { kind: "Workflow".to_owned(), namespace, name };
        manifest["kind"] = "Workflow".into();
        manifest["spec"] = ending(spec, of, fault.duration.unwrap_or(DEFAULT_DURATION), &workflow);
        return (workflow, manifest);
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

/// A name of this run for what its author called `stem`.
fn named(stem: &str, id: FaultId, header: &Header) -> String {
    let tail = format!("-{}-{}", header.token, id.0);
    let stem: String = stem.chars().take(63_usize.saturating_sub(tail.len())).collect();
    format!("{}{tail}", stem.trim_end_matches(['-', '.']))
}

/// A Workflow's spec that ends a Schedule when its time is up: a Schedule has no end of its own, and
/// the cluster's limit has to hold when gameday is no more.
fn ending(mut schedule: Value, of: &Action, lasts: Duration, workflow: &ChaosRef) -> Value {
    // A Schedule's fault gets no namespace of its own accord, and would need rights over all.
    for spec in object(&mut schedule).into_iter().flat_map(|schedule| schedule.values_mut()).filter_map(object) {
        if of.is_lasting() {
            spec.entry("duration").or_insert_with(|| go(DEFAULT_DURATION.min(lasts)).into());
        }
        namespaced(spec, &workflow.namespace);
        if let Some(target) = spec.get_mut("target").and_then(object) {
            namespaced(target, &workflow.namespace);
        }
    }
    if let Some(schedule) = object(&mut schedule) {
        // a Schedule gets it from its own webhook, a Workflow's template from nobody
        schedule.entry("concurrencyPolicy").or_insert_with(|| "Forbid".into());
    }
    let name = offspring(&workflow.name).unwrap_or_default();
    let (entry, again) = (format!("{name}entry"), format!("{name}again"));
    json!({
        "entry": entry,
        "templates": [
            {"name": entry, "templateType": "Serial", "deadline": go(lasts), "children": [again]},
            {"name": again, "templateType": "Schedule", "schedule": schedule},
        ],
    })
}

/// What the names of all that a Workflow of ours makes begin with: they carry none of our labels.
#[must_use]
pub fn offspring(workflow: &str) -> Option<String> {
    let mut parts = workflow.rsplitn(3, '-');
    let (step, token) = (parts.next()?, parts.next()?);
    Some(format!("{GAMEDAY}-{token}-{step}-"))
}

/// The run's token in a name that [`offspring`] begins.
#[must_use]
pub fn token_of_offspring(name: &str) -> Option<&str> {
    let (token, rest) = name.strip_prefix(GAMEDAY)?.strip_prefix('-')?.split_once('-')?;
    let (step, _) = rest.split_once('-')?;
    let ours = !token.is_empty() && token.bytes().all(|b| b.is_ascii_hexdigit()) && step.bytes().all(|b| b.is_ascii_digit());
    ours.then_some(token)
}

/// The run's token in the name of a fault, of one that a Workflow of ours made too: as far as a name can tell.
#[must_use]
pub fn token_in(name: &str) -> Option<&str> {
    if let Some(token) = token_of_offspring(name) {
        return Some(token);
    }
    let mut parts = name.rsplitn(3, '-');
    let (step, token, stem) = (parts.next()?, parts.next()?, parts.next()?);
    let is_token = token.len() == 6 && token.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'a'..=b'f'));
    (is_token && !stem.is_empty() && !step.is_empty() && step.bytes().all(|b| b.is_ascii_digit())).then_some(token)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offspring_should_be_known_by_its_name() {
        let prefix = offspring("task-api-kills-00a1b2-3");
        assert_eq!(prefix.as_deref(), Some("gameday-00a1b2-3-"));
        assert_eq!(token_of_offspring("gameday-00a1b2-3-again-x7k2p-9m4fp"), Some("00a1b2"));
        for name in ["gameday", "gameday-00a1b2", "gameday-00a1b2-3", "gameday-brake-0-x", "task-api-00a1b2-3-x", "gameday-00a1b2-x-y"] {
            assert_eq!(token_of_offspring(name), None, "{name}");
        }
    }

    #[test]
    fn token_should_be_found_in_the_names_of_faults() {
        assert_eq!(token_in("task-api-pod-failure-00a1b2-12"), Some("00a1b2"));
        assert_eq!(token_in("gameday-00a1b2-3-again-x7k2p-9m4fp"), Some("00a1b2"));
        for name in ["", "00a1b2-0", "task-api-00a1b2", "task-api-00A1B2-0", "task-api-0a1b2-0", "task-api-00a1b2-", "a-staging-1"] {
            assert_eq!(token_in(name), None, "{name}");
        }
    }
}

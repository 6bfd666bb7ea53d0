//! The records of an experiment: one for each target, moved from phase to phase.

use serde_json::{Map, Value, json};

use super::{network_chaos, pod_chaos, selection};
use crate::rehearsal::api::kinds::Kind;
use crate::rehearsal::api::object::{Object, list, text};
use crate::rehearsal::controllers::Hand;
use crate::rehearsal::dice::Rolls;

/// What became of one operation on a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The record is in this phase now.
    Moved(&'static str),
    /// It failed, and will be tried again.
    Failed(String),
}

/// Not injected.
pub const NOT_INJECTED: &str = "Not Injected";
/// Asked for, not confirmed.
pub const NOT_INJECTED_WAIT: &str = "Not Injected/Wait";
/// Injected.
pub const INJECTED: &str = "Injected";
/// Asked to recover, not confirmed.
pub const INJECTED_WAIT: &str = "Injected/Wait";

/// What to do with a record: recover (true), apply (false), or nothing.
#[must_use]
pub fn operation(desired: &str, phase: &str) -> Option<bool> {
    match (desired, phase) {
        ("Run", INJECTED) | ("Stop", NOT_INJECTED) => None,
        // What is half undone is undone first; what is half done is done first.
        ("Run", INJECTED_WAIT) => Some(true),
        ("Run", _) | ("Stop", NOT_INJECTED_WAIT) => Some(false),
        _ => Some(true),
    }
}

/// The records of a fresh selection.
///
/// # Errors
/// Why there are none.
pub fn select(hand: &Hand, kind: Kind, experiment: &Object, rolls: &mut Rolls) -> Result<Vec<Value>, String> {
    let spec = &experiment.value()["spec"];
    let record =
        |id: String, key: &str| json!({"id": id, "injectedCount": 0, "phase": NOT_INJECTED, "recoveredCount": 0, "selectorKey": key});
    let pods = selection::select(hand, spec, rolls)?;
    let mut records = Vec::new();
    if text(spec, "/action") == "container-kill" && kind == Kind::PodChaos {
        let wanted: Vec<&str> = list(spec, "/containerNames").iter().filter_map(Value::as_str).collect();
        for pod in &pods {
            for container in pod.list("/spec/containers").iter().map(|c| text(c, "/name")).filter(|name| wanted.contains(name)) {
                records.push(record(format!("{}/{}/{container}", pod.namespace(), pod.name()), "."));
            }
        }
        return if records.is_empty() { Err(selection::NO_TARGET.to_owned()) } else { Ok(records) };
    }
    records.extend(pods.iter().map(|pod| record(format!("{}/{}", pod.namespace(), pod.name()), ".")));
    if kind == Kind::NetworkChaos && spec["target"].is_object() {
        let targets = selection::select(hand, &spec["target"], rolls)?;
        records.extend(targets.iter().map(|pod| record(format!("{}/{}", pod.namespace(), pod.name()), ".Target")));
    }
    Ok(records)
}

/// What one pass over the records shares.
#[derive(Debug, Default)]
pub struct Work {
    /// All records as the pass found or selected them.
    pub records: Vec<Value>,
    /// `status.instances`: the generation of the `PodNetworkChaos` that each record waits for.
    pub instances: Map<String, Value>,
}

/// Apply to a record's target, or recover it.
pub async fn operate(hand: &mut Hand, kind: Kind, experiment: &Object, record: &Value, work: &mut Work, recovering: bool) -> Outcome {
    let outcome = match (kind, recovering) {
        (Kind::PodChaos, false) => pod_chaos::apply(hand, experiment, record).await,
        (Kind::PodChaos, true) => pod_chaos::recover(hand, experiment, record).await,
        (_, false) => network_chaos::apply(hand, experiment, record, work).await,
        (_, true) => network_chaos::recover(hand, experiment, record, work).await,
    };
    outcome.map_or_else(Outcome::Failed, Outcome::Moved)
}

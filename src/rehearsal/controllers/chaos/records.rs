//! The records of an experiment: one for each target, moved from phase to phase.

use serde_json::{Map, Value, json};

use super::{container_chaos, pod_chaos, rules, selection};
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
    if in_containers(kind, spec) {
        let wanted: Vec<&str> = list(spec, "/containerNames").iter().filter_map(Value::as_str).collect();
        for pod in &pods {
            let containers = pod.list("/spec/containers").iter().map(|c| text(c, "/name"));
            // Without names it is the first.
            let chosen: Vec<&str> =
                if wanted.is_empty() { containers.take(1).collect() } else { containers.filter(|name| wanted.contains(name)).collect() };
            records.extend(chosen.iter().map(|name| record(format!("{}/{}/{name}", pod.namespace(), pod.name()), ".")));
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

/// Whether the targets are containers; pods otherwise.
fn in_containers(kind: Kind, spec: &Value) -> bool {
    match kind {
        Kind::PodChaos => text(spec, "/action") == "container-kill",
        _ => matches!(kind, Kind::IOChaos | Kind::StressChaos | Kind::DNSChaos | Kind::TimeChaos),
    }
}

/// The kind that a kind of experiment writes its rules into, one object a pod; none where the daemon is called directly.
#[must_use]
pub fn ground_kind(kind: Kind) -> Option<Kind> {
    [(Kind::NetworkChaos, Kind::PodNetworkChaos), (Kind::IOChaos, Kind::PodIOChaos), (Kind::HTTPChaos, Kind::PodHttpChaos)]
        .into_iter()
        .find_map(|(experiment, ground)| (experiment == kind).then_some(ground))
}

/// What one pass over the records shares.
#[derive(Debug, Default)]
pub struct Work {
    /// All records as the pass found or selected them.
    pub records: Vec<Value>,
    /// `status.instances`: the generation of the rules that each record waits for, or the processes that run for it.
    pub instances: Map<String, Value>,
}

/// Apply to a record's target, or recover it.
pub async fn operate(hand: &mut Hand, kind: Kind, experiment: &Object, record: &Value, work: &mut Work, recovering: bool) -> Outcome {
    let outcome = match kind {
        Kind::PodChaos if recovering => pod_chaos::recover(hand, experiment, record).await,
        Kind::PodChaos => pod_chaos::apply(hand, experiment, record).await,
        Kind::StressChaos | Kind::DNSChaos | Kind::TimeChaos => {
            container_chaos::operate(hand, kind, experiment, record, work, recovering).await
        }
        _ => rules::operate(hand, kind, experiment, record, work, recovering).await,
    };
    outcome.map_or_else(Outcome::Failed, Outcome::Moved)
}

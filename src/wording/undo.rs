//! How faults are undone, and what may be said while they are on.

use crate::clock::go;
use crate::run::Run;
use crate::run::ledger::{FaultState, Via};
use crate::run::timeline::Noted;

/// How a fault is undone.
#[must_use]
pub fn undo(run: &Run, state: &FaultState) -> String {
    let ends = if run.header().place.rehearsal { "" } else { ", only `gameday recover`" };
    match (state.fault.is_lasting(), state.via) {
        (false, Some(Via::Agentless)) => "nothing to undo".to_owned(),
        (false, _) => "nothing to undo; its object is deleted at the end".to_owned(),
        (true, Some(Via::Agentless)) => {
            format!("undone after {} by deleting its NetworkPolicy; without us nothing in the cluster ends it{ends}", go(state.duration()))
        }
        (true, _) => format!("undone by deleting its object; without us the cluster ends it after {}", go(state.duration())),
    }
}

/// What is known of a fault that is on, to be followed by its pods.
pub(super) fn in_effect(state: &FaultState) -> &'static str {
    if state.cuts() { "policy stored, its enforcement asked of the network, for" } else { "in effect on" }
}

/// What became of one fault of a Schedule.
pub(super) fn round(run: &Run, noted: &Noted) -> String {
    let (Noted::RoundInEffect(id, name, _) | Noted::RoundLifted(id, name) | Noted::RoundOverdue(id, name)) = noted else {
        return String::new();
    };
    let kind = run.fault(*id).map_or("", |state| state.fault.action.experiment().kind());
    match noted {
        Noted::RoundInEffect(_, _, pods) => {
            let pods: Vec<String> = pods.iter().map(|pod| pod.short().to_string()).collect();
            format!("round in effect: {kind} {name} on {}", pods.join(", "))
        }
        Noted::RoundOverdue(..) => format!("OVERDUE: {kind} {name} is past its time and not seen lifted"),
        _ => format!("round lifted: {kind} {name}"),
    }
}

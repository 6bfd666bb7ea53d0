//! What holds an object back whose deletion was asked for, and the ways out, the safest first.

use crate::event::FaultFact;
use crate::run::ledger::FaultState;

/// What holds the object of a fault, in one sentence; `None` where nothing is known to hold it.
#[must_use]
pub fn held_by(state: &FaultState) -> Option<String> {
    let fact = state.seen.as_ref().filter(|fact| fact.deleting && !fact.finalizers.is_empty() && state.undo.done.is_none())?;
    Some(sentence(fact))
}

/// The same of an object as it stands.
#[must_use]
pub fn sentence(fact: &FaultFact) -> String {
    let finalizers: Vec<String> = fact.finalizers.iter().map(ToString::to_string).collect();
    let blocking: Vec<String> = fact
        .records
        .iter()
        .filter(|record| record.phase.raw() != "Not Injected")
        .map(|record| match &record.failure {
            Some(failure) => format!("{} is {} ({})", record.id, record.phase, failure.short(120)),
            None => format!("{} is {}", record.id, record.phase),
        })
        .collect();
    let records = if blocking.is_empty() { "no record says why".to_owned() } else { blocking.join(", ") };
    format!("held by its finalizer {}: {records}", finalizers.join(", "))
}

/// The ways out in safe order, each with what it abandons.
#[must_use]
pub fn ways_out(fact: &FaultFact) -> Vec<String> {
    let pods: Vec<String> = fact
        .records
        .iter()
        .filter(|record| record.phase.raw() != "Not Injected")
        .map(|record| record.id.to_string().split('/').take(2).collect::<Vec<_>>().join("/"))
        .collect();
    let object = &fact.object;
    let pods = if pods.is_empty() { "its victims".to_owned() } else { pods.join(", ") };
    vec![
        "1. mend Chaos Mesh: its controller must run, and its daemon on the node of each pod named (`kubectl -n chaos-mesh get pods -o wide`); it then finishes by itself and abandons nothing".to_owned(),
        format!("2. delete {pods}: what was done to a pod's network or files goes with the pod, its owner replaces it; abandons that pod"),
        format!(
            "3. last: `gameday recover --force {}/{}/{}` takes the finalizer off; abandons whatever is still in effect in {pods}",
            object.kind, object.namespace, object.name
        ),
    ]
}

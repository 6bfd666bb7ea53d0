//! What holds an object back whose deletion was asked for, and the ways out, the safest first.

use std::collections::BTreeMap;

use crate::effect::ChaosRef;
use crate::event::{BlockingPod, FaultFact, RecordFact};
use crate::run::Run;
use crate::run::ledger::FaultState;
use crate::run::undo::LIFT_LIMIT;
use crate::text::Untrusted;
use crate::wording;

/// Why nothing has to be done about what a rehearsal leaves.
pub const ENDS_WITH_US: &str = "nothing has to be done: the practice cluster ends with this process, and all that is in it";

/// What finishes an undo that was handed over.
#[must_use]
pub fn finishes(rehearsal: bool) -> String {
    if rehearsal { ENDS_WITH_US.to_owned() } else { "`gameday recover` finishes the undo".to_owned() }
}

/// How long an undo is tried for, and what then.
#[must_use]
pub fn patience(run: &Run) -> String {
    let then = if run.header().place.rehearsal {
        "then it is left behind, and ends with the practice cluster"
    } else {
        "then handed over: `gameday recover` goes on from the journal"
    };
    format!("Each undo is tried again for {} s, {then}.", LIFT_LIMIT.as_secs())
}

/// What holds the object of a fault, in one sentence; `None` where nothing is known to hold it.
#[must_use]
pub fn held_by(state: &FaultState) -> Option<String> {
    let fact = held(state)?;
    Some(sentence(fact, &state.blocking))
}

/// The object of a fault as it was last seen, where that is held in its deletion.
fn held(state: &FaultState) -> Option<&FaultFact> {
    state.seen.as_ref().filter(|fact| fact.deleting && !fact.finalizers.is_empty() && state.undo.done.is_none() && state.gone.is_none())
}

/// The ways out for a fault whose object is held; none where it is not.
#[must_use]
pub fn ways(run: &Run, state: &FaultState) -> Vec<String> {
    let Some(fact) = held(state) else { return Vec::new() };
    let mut ways = ways_out(fact, &state.blocking);
    // nobody reaches a practice cluster from outside, and nothing of it outlives the process
    if run.header().place.rehearsal
        && let Some(last) = ways.last_mut()
    {
        *last = format!("3. last, on a real cluster: its finalizer is taken off by force; here {ENDS_WITH_US}");
    }
    ways
}

/// What holds an object as it stands; `pods` are those of its records, as far as they were looked for.
#[must_use]
pub fn sentence(fact: &FaultFact, pods: &[BlockingPod]) -> String {
    let finalizers: Vec<String> = fact.finalizers.iter().map(ToString::to_string).collect();
    let blocking: Vec<String> = fact
        .blocking()
        .map(|record| {
            let there = there(record, pods);
            match &record.failure {
                Some(failure) => format!("{} is {}{there} ({})", record.id, record.phase, failure.short(120)),
                None => format!("{} is {}{there}", record.id, record.phase),
            }
        })
        .collect();
    let records = if blocking.is_empty() { "no record says why".to_owned() } else { blocking.join("; ") };
    format!("held by its finalizer {}: {records}", finalizers.join(", "))
}

fn pod_of(record: &RecordFact) -> String {
    record.id.raw().split('/').take(2).collect::<Vec<_>>().join("/")
}

/// Whether the pod of a record is there, as far as it was looked for.
fn there(record: &RecordFact, pods: &[BlockingPod]) -> String {
    let id = pod_of(record);
    match pods.iter().find(|pod| pod.id.raw() == id).map(|pod| &pod.node) {
        None => String::new(),
        Some(Ok(None)) => ", its pod is gone".to_owned(),
        Some(Ok(Some(node))) if node.raw().is_empty() => ", its pod is there, on no node".to_owned(),
        Some(Ok(Some(node))) => format!(", its pod is there, on node {}", node.short(60)),
        Some(Err(_)) => ", whether its pod is there could not be seen".to_owned(),
    }
}

/// The ways out in safe order, each with what it abandons.
#[must_use]
pub fn ways_out(fact: &FaultFact, pods: &[BlockingPod]) -> Vec<String> {
    let gone = |id: &str| pods.iter().any(|pod| pod.id.raw() == id && pod.node == Ok(None));
    let mut all: Vec<String> = fact.blocking().map(pod_of).collect();
    all.sort_unstable();
    all.dedup();
    let alive: Vec<&String> = all.iter().filter(|id| !gone(id)).collect();
    let mend = "1. mend Chaos Mesh: its controller must run, and its daemon on the node of each pod named (`kubectl -n chaos-mesh get pods -o wide`); it then finishes by itself, and nothing is abandoned";
    let (second, abandons) = if !all.is_empty() && alive.is_empty() {
        (
            "2. no pod is left to delete: what was done to them went with them; a restart of Chaos Mesh's controller makes it look again at once, and abandons nothing".to_owned(),
            "the pods are gone, so it abandons nothing that is known",
        )
    } else {
        (
            format!(
                "2. {}: what was done to a pod's network or files goes with the pod, its owner replaces it; abandons those pods",
                deletions(&alive)
            ),
            "abandons whatever is still in effect in those pods",
        )
    };
    let last = format!(
        "3. last: `{}` takes the finalizer off; {abandons}. The API server refuses it while Chaos Mesh's controller is down: its webhooks are asked first",
        force(&fact.object)
    );
    vec![mend.to_owned(), second, last]
}

/// The commands that delete these pods, one a namespace.
fn deletions(pods: &[&String]) -> String {
    let safe = |text: &str| Untrusted::from(text).to_string();
    let mut by_namespace: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (namespace, name) in pods.iter().filter_map(|id| id.split_once('/')) {
        by_namespace.entry(namespace).or_default().push(safe(name));
    }
    if by_namespace.is_empty() {
        return "delete its victims".to_owned();
    }
    let command = |(namespace, names): (&str, Vec<String>)| format!("`kubectl -n {} delete pod {}`", safe(namespace), names.join(" "));
    by_namespace.into_iter().map(command).collect::<Vec<_>>().join(" and ")
}

/// The command that takes the finalizers off an object.
#[must_use]
pub fn force(object: &ChaosRef) -> String {
    let safe = |text: &str| Untrusted::from(text).to_string();
    format!("gameday recover --force {}/{}/{}", safe(&object.kind), safe(&object.namespace), safe(&object.name))
}

/// That a fault is over, as far as that was seen.
pub(super) fn lifted(state: &FaultState) -> String {
    let name = wording::fault(state);
    if state.undo.unseen {
        format!("object gone, its end not seen: {name}; that leaves nothing to look for")
    } else {
        format!("lifted: {name}")
    }
}

/// What of a fault was handed over, why, and how to finish.
pub(super) fn left_behind(run: &Run, state: &FaultState, object: &ChaosRef) -> String {
    let held = held_by(state).or_else(|| state.undo.trouble.as_ref().map(|why| why.short(300)));
    let held = held.map_or_else(String::new, |held| format!(", {held}"));
    let forced = self::held(state).is_some() && !run.header().place.rehearsal;
    let last = if forced { format!("; if it stays stuck: `{}`", force(object)) } else { String::new() };
    format!("left behind: {object}{held}; {}{last}", finishes(run.header().place.rehearsal))
}

/// What a run has left in the cluster, what holds it, and the command that finishes; nothing where nothing is left.
#[must_use]
pub fn left(run: &Run) -> Vec<String> {
    let left = run.conclusion().map_or(&[][..], |conclusion| conclusion.left.as_slice());
    if left.is_empty() {
        return Vec::new();
    }
    let mut lines = vec!["left in the cluster:".to_owned()];
    for object in left {
        let state = run.faults().iter().find(|state| state.object.as_ref().is_some_and(|(own, _)| own == object));
        let why = state.and_then(|state| held_by(state).or_else(|| state.undo.trouble.as_ref().map(|why| why.short(300))));
        lines.push(format!("  {object}{}", why.map_or_else(String::new, |why| format!(", {why}"))));
        lines.extend(state.map(|state| ways(run, state)).unwrap_or_default().into_iter().map(|way| format!("    {way}")));
    }
    lines.push(finishes(run.header().place.rehearsal));
    lines
}

/// What to do where not even the finalizer may be taken off, because Chaos Mesh's webhooks don't answer.
#[must_use]
pub fn unasked(object: &ChaosRef) -> Vec<String> {
    [
        "Chaos Mesh's webhooks are asked before anything of it may be changed, and they don't answer. In this order:",
        "  1. bring its controller back: `kubectl -n chaos-mesh get deployments,pods` shows how it is, `kubectl -n chaos-mesh rollout restart deployment chaos-controller-manager` starts it anew; most often the object then goes by itself, and nothing is forced",
        "  2. if its controller runs: `kubectl get mutatingwebhookconfigurations,validatingwebhookconfigurations -o wide | grep chaos-mesh` shows whom the API server asks (chaos-mesh-mutation, chaos-mesh-validation and one for its auth, by its own chart), `kubectl -n chaos-mesh get endpoints` whether that has an address; a network policy or an expired certificate keeps them apart as well",
        "  3. last, only where Chaos Mesh was uninstalled and does not come back: `kubectl delete` the configurations that 2 names, then this again. Danger: from then on nobody checks or completes any fault of anybody in this cluster, until Chaos Mesh is installed anew",
    ]
    .into_iter()
    .map(ToOwned::to_owned)
    .chain([format!("  then: `{}`", force(object))])
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::effect::FaultId;

    fn stuck(pods: &[(&str, bool)]) -> (FaultFact, Vec<BlockingPod>) {
        let record = |id: &str| RecordFact {
            id: id.into(),
            selector: ".".into(),
            phase: "Injected/Wait".into(),
            injected: 1,
            recovered: 0,
            failure: None,
        };
        let fact = FaultFact {
            fault: FaultId(0),
            object: ChaosRef { kind: "NetworkChaos".to_owned(), namespace: "staging".to_owned(), name: "slow-00a1b2-0".to_owned() },
            uid: "u".to_owned(),
            created: None,
            desired: Some("Stop".into()),
            conditions: Vec::new(),
            records: pods.iter().map(|(id, _)| record(id)).collect(),
            deleting: true,
            finalizers: vec!["chaos-mesh/records".into()],
        };
        let node = |there: bool| Ok(there.then(|| Untrusted::from("n1")));
        (fact, pods.iter().map(|(id, there)| BlockingPod { id: (*id).into(), node: node(*there) }).collect())
    }

    #[test]
    fn stuck_object_should_be_told_by_its_records_and_their_pods() {
        let (fact, pods) = stuck(&[("staging/api-1", true), ("staging/api-2", false)]);
        assert_eq!(
            sentence(&fact, &pods),
            "held by its finalizer chaos-mesh/records: staging/api-1 is Injected/Wait, its pod is there, on node n1; staging/api-2 is Injected/Wait, its pod is gone"
        );
        let ways = ways_out(&fact, &pods);
        assert!(ways[1].contains("2. `kubectl -n staging delete pod api-1`:") && !ways[1].contains("api-2"), "{ways:?}");
        assert!(ways[2].contains("`gameday recover --force NetworkChaos/staging/slow-00a1b2-0`"), "{ways:?}");
        assert!(
            ways[2].contains(
                "abandons whatever is still in effect in those pods. The API server refuses it while Chaos Mesh's controller is down"
            ),
            "{ways:?}"
        );
    }

    #[test]
    fn stuck_object_should_not_send_anybody_to_delete_pods_that_are_gone() {
        let (fact, pods) = stuck(&[("staging/api-1", false)]);
        let ways = ways_out(&fact, &pods);
        assert!(ways[1].starts_with("2. no pod is left to delete") && ways[2].contains("abandons nothing that is known."), "{ways:?}");
        // what was not looked for is not taken to be gone
        assert!(ways_out(&fact, &[])[1].starts_with("2. `kubectl -n staging delete pod api-1`"));
    }
}

//! What earlier faults and runs left.

use crate::event::residue::{Remains, Trace};
use crate::run::Run;
use crate::run::checks::Checkpoint;

/// How many are named.
const NAMED: usize = 4;

impl Run {
    pub(super) fn check_residue(&self, all: &mut Vec<Checkpoint>) {
        if !self.asked.inspections.contains("residue") {
            return;
        }
        let Some(fact) = self.residue_before() else { return all.push(Checkpoint::waiting("residue")) };
        let candidates: Vec<_> = self.faults.iter().filter_map(|state| state.candidates()).flatten().map(|matched| &matched.pod).collect();
        // rules and images are found under the name of their pod
        let is_aimed_at = |trace: &&Trace| {
            let in_pod = !matches!(trace.what, Remains::Object | Remains::Lease);
            in_pod && candidates.iter().any(|pod| pod.namespace == trace.object.namespace && pod.name == trace.object.name)
        };
        let named = |traces: &[&Trace]| {
            let names: Vec<String> = traces.iter().take(NAMED).map(|trace| told(trace)).collect();
            let more = if traces.len() > NAMED { format!(" and {} more", traces.len() - NAMED) } else { String::new() };
            format!("{}{more}", names.join("; "))
        };
        let found: Vec<&Trace> = fact.found.iter().collect();
        let aimed: Vec<&Trace> = fact.found.iter().filter(is_aimed_at).collect();
        // what no run says it made, only a person can say it may go
        let mend = |traces: &[&Trace]| {
            self.undo_by(if traces.iter().all(|trace| trace.run.is_some()) { "gameday recover" } else { "gameday abort --all" })
        };
        all.push(if !aimed.is_empty() {
            let seen = format!("{}: nobody could say what came of which", named(&aimed));
            Checkpoint::fail("residue", seen).mend(mend(&aimed))
        } else if !found.is_empty() {
            Checkpoint::warn("residue", format!("left by others before: {}", named(&found))).mend(mend(&found))
        } else if let Some(why) = fact.unseen.first() {
            let more = if fact.unseen.len() > 1 { format!(", and {} more", fact.unseen.len() - 1) } else { String::new() };
            Checkpoint::unknown("residue", format!("not everything could be looked at: {}{more}", why.raw())).mend(self.grant())
        } else {
            Checkpoint::pass("residue", "nothing of earlier faults and runs is left here")
        });
    }
}

/// One thing, and whose it is.
fn told(trace: &Trace) -> String {
    let whose = match (&trace.run, &trace.from) {
        (Some(run), Some(from)) => format!("of run {run}, {}", from.raw()),
        (Some(run), None) => format!("of run {run}"),
        (None, Some(from)) => format!("of {}, which is gone", from.raw()),
        (None, None) => "of nobody here".to_owned(),
    };
    format!("{trace} ({whose})")
}

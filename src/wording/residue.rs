//! What is left in the cluster after the end, against what was there before the start.

use crate::event::residue::Trace;
use crate::run::Run;
use crate::text::Untrusted;

/// How the cluster stands after the end; `None` where that was not looked at.
#[must_use]
pub fn after(run: &Run) -> Option<String> {
    let fact = run.residue_after()?;
    let (new, unseen) = (run.residue_new(), fact.unseen.len());
    let old = fact.found.len() - new.len();
    let before = match old {
        0 => String::new(),
        n => format!("; what was left before it is still there ({n})"),
    };
    Some(match (new.is_empty(), fact.unseen.first()) {
        (true, None) => format!("the cluster is as it was found{before}"),
        (true, Some(why)) => {
            format!("nothing new was found in the cluster{before}, but {unseen} looks were not answered: {}", why.short(120))
        }
        (false, _) => {
            let names: Vec<String> = new.iter().map(|trace| trace_of(run, trace)).collect();
            format!("the cluster is not as it was found: {}{before}", names.join("; "))
        }
    })
}

/// One thing that is left, whose it is, and the command that removes it.
#[must_use]
pub fn trace_of(run: &Run, trace: &Trace) -> String {
    let from = trace.from.as_ref().map_or_else(String::new, |from| format!(" of {from}"));
    match &trace.run {
        Some(run_of) if run.header().place.rehearsal => format!("{trace}{from}, of run {}", Untrusted::from(run_of.as_str())),
        None if run.header().place.rehearsal => format!("{trace}{from}, of nobody here"),
        Some(run) => format!("{trace}{from}, of run {}; `gameday recover` removes it", Untrusted::from(run.as_str())),
        None => format!("{trace}{from}, of nobody here; `gameday abort --all` removes it"),
    }
}

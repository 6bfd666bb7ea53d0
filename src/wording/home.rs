//! What home says of scenarios, past runs and the cluster.

use chrono::{DateTime, Utc};

use crate::clock::go;
use crate::effect::Verdict;
use crate::scenario::model::{Step, StepAction};
use crate::text::Untrusted;

/// A verdict in one word, and its sign.
#[must_use]
pub const fn verdict(verdict: Verdict) -> (&'static str, &'static str) {
    match verdict {
        Verdict::Held => ("✓", "held"),
        Verdict::Refuted => ("✗", "refuted"),
        Verdict::Refused => ("–", "refused"),
        Verdict::Stopped => ("✗", "stopped"),
        Verdict::Aborted => ("–", "aborted"),
        Verdict::Inconclusive => ("?", "inconclusive"),
        Verdict::CleanupIncomplete => ("✗", "left something"),
    }
}

/// How long ago that was, in the largest unit that is whole: `3d ago`.
#[must_use]
pub fn ago(then: DateTime<Utc>, now: DateTime<Utc>) -> String {
    let seconds = (now - then).num_seconds().max(0);
    match seconds {
        0..60 => "now".to_owned(),
        60..3600 => format!("{}m ago", seconds / 60),
        3600..86_400 => format!("{}h ago", seconds / 3600),
        _ => format!("{}d ago", seconds / 86_400),
    }
}

/// A step of a scenario, before anybody runs it.
#[must_use]
pub fn step(step: &Step) -> String {
    let what = match &step.action {
        StepAction::Observe(span) => format!("watch for {}", go(*span)),
        StepAction::Fault(fault) => {
            let lasts = fault.duration.map_or_else(String::new, |span| format!(", for {}", go(span)));
            format!("{} of {}{lasts}", fault.action, fault.mode)
        }
        StepAction::Manual(manual) => format!("by hand: {}", Untrusted::from(manual.what.as_str()).short(80)),
        StepAction::Hold => "waits for the leader".to_owned(),
    };
    format!("{}: {what}", Untrusted::from(step.name.as_str()))
}

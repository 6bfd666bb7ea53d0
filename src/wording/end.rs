//! How a run ends: what it came to, and why.

use crate::effect::{Conclusion, Verdict};
use crate::run::Run;
use crate::run::phase::End;
use crate::run::timeline::List;
use crate::run::verdicts::Standing;
use crate::text::Untrusted;
use crate::wording::judged_name;

pub(super) fn ending(run: &Run, end: &End) -> String {
    match end {
        End::Complete => "through; cleaning up".to_owned(),
        End::Refused(_) => "ending: nothing was broken".to_owned(),
        End::Aborted => "undoing everything".to_owned(),
        End::Stopped(index) => format!("stopped by {:?}; undoing everything", judged_name(run, List::StopWhen, *index)),
        End::Inconclusive(why) => format!("ending early: {why}"),
    }
}

pub(super) fn sealed(run: &Run, conclusion: &Conclusion) -> String {
    let left = match conclusion.left.len() {
        0 => String::new(),
        _ => format!("; left behind: {}", conclusion.left.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")),
    };
    // what it was refused or stopped for was told when it turned to its end
    let why = why(run)
        .filter(|_| matches!(conclusion.verdict, Verdict::Inconclusive | Verdict::Refuted))
        .map_or_else(String::new, |why| format!(": {why}"));
    format!("{}{why}{left}", verdict(conclusion.verdict))
}

/// Why a run came to no better end, where there is more to say than its verdict.
#[must_use]
pub fn why(run: &Run) -> Option<String> {
    let Some(conclusion) = run.conclusion() else { return Some("the run did not end: the journal has no last entry".to_owned()) };
    let tested = run.faults().iter().all(|state| state.in_effect.is_some());
    let named = |standing: Standing, said: &str| {
        let all = run.criteria().chain(run.steady()).filter(|(_, judged)| judged.standing == standing);
        let names: Vec<String> = all.map(|(criterion, _)| format!("{:?}", Untrusted::from(criterion.name.as_str()).to_string())).collect();
        (!names.is_empty()).then(|| format!("{said}: {}", names.join(", ")))
    };
    let unseen = || named(Standing::Unknown, "it could not be seen whether this held");
    let broken = || named(Standing::Broken, "this did not hold");
    let inconclusive = conclusion.verdict == Verdict::Inconclusive;
    (conclusion.why.as_ref().map(ToString::to_string))
        .or_else(|| broken().filter(|_| conclusion.verdict == Verdict::Refuted))
        .or_else(|| (!tested).then(|| "not every fault was in effect".to_owned()))
        .or_else(|| run.scenario().criteria.is_empty().then(|| "the scenario has no criteria: nothing was tested".to_owned()))
        .or_else(|| unseen().filter(|_| inconclusive))
}

/// What a run came to, and why where that is not its verdict's own word: the last that is said of it.
#[must_use]
pub fn outcome(run: &Run) -> String {
    let Some(conclusion) = run.conclusion() else { return "the run did not end".to_owned() };
    let tells = matches!(conclusion.verdict, Verdict::Inconclusive | Verdict::Refused | Verdict::Refuted);
    let why = why(run).filter(|_| tells).map_or_else(String::new, |why| format!(": {why}"));
    format!("{}{why}", verdict(conclusion.verdict))
}

/// What a run came to, in words.
#[must_use]
pub const fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Held => "hypothesis held",
        Verdict::Refuted => "hypothesis refuted",
        Verdict::Refused => "refused, nothing was broken",
        Verdict::Stopped => "stopped by a stop condition, everything undone",
        Verdict::Aborted => "stopped by the operator, everything undone",
        Verdict::Inconclusive => "inconclusive",
        Verdict::CleanupIncomplete => "cleanup incomplete: something is left in the cluster",
    }
}

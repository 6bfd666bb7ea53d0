//! The words of what a scenario probes itself: objects, commands, error budgets.

use crate::clock::{At, go, say};
use crate::criterion::{BurnCheck, CommandCheck, ObjectCheck};
use crate::event::Reading;
use crate::run::Run;
use crate::run::probes::{Ask, Sample};
use crate::scenario::model::Unit;
use crate::text::Untrusted;
use crate::wording::numbers::number;

/// `Deployment/task-api: object.status.readyReplicas >= 2`.
pub(super) fn object(check: &ObjectCheck) -> String {
    format!("{}: {}", Untrusted::from(check.to_string()).short(80), Untrusted::from(check.cel.as_str()))
}

/// A command by its words: `./probe.sh --fast`.
pub(super) fn command(check: &CommandCheck) -> String {
    format!("`{}`", Untrusted::from(check.to_string()).short(80))
}

/// `10 % of the 30-day error budget`: what may be spent of which budget.
pub(super) fn budget(check: &BurnCheck) -> String {
    let objective = (check.objective * 1e6).round() / 1e4;
    format!("{} of the error budget of {objective} % over {}", share(check.spend), go(check.window))
}

/// A share, as it is said.
pub(super) fn share(value: f64) -> String {
    number(value, Unit::Percent)
}

/// What the probe behind a verdict said: at `decided`, or else last. Nothing where the number says it all.
pub(super) fn said(run: &Run, ask: &Ask, decided: Option<At>) -> Option<String> {
    let probe = run.probes().find(ask)?;
    let sample = decided.and_then(|at| probe.samples.iter().rev().find(|sample| sample.at == at)).or(probe.last())?;
    words(sample)
}

fn words(sample: &Sample) -> Option<String> {
    match &sample.reading {
        Reading::Object { holds: None, seen } => Some(format!("can't be told: {}", seen.short(200))),
        Reading::Object { holds: Some(holds), seen } => Some(format!("{holds} of {}", seen.short(120))),
        Reading::Command { exit, output } => {
            let output = Untrusted::from(output.raw().trim()).short(200);
            Some(if output.is_empty() { format!("exit {exit}") } else { format!("exit {exit}: {output}") })
        }
        Reading::Counts { good, total, over } => {
            let count = |found: &Option<crate::event::Number>| found.map_or_else(|| "no".to_owned(), |n| format!("{:.0}", n.0));
            Some(format!("{} good of {} in {}", count(good), count(total), say(*over)))
        }
        Reading::Withheld { why } | Reading::Failed { why } => Some(why.short(200)),
        Reading::Values { .. } | Reading::Empty | Reading::Http { .. } | Reading::Alert { .. } => None,
    }
}

//! How far everything that is judged is from its bound, at a moment.

use std::time::Duration;

use crate::clock::{At, go, say};
use crate::criterion::{Check, Criterion, PromqlCheck, StopCheck, StopCondition, Window};
use crate::run::Run;
use crate::run::ledger::FaultState;
use crate::run::probes::Ask;
use crate::run::recovery::Back;
use crate::run::verdicts::{Judged, Look, Standing};
use crate::scenario::model::Unit;
use crate::wording::{self, live::left};

/// What the numbers of a query are: as the panel with the same query says.
#[must_use]
pub fn unit(run: &Run, query: &str) -> Unit {
    run.scenario().panels.iter().find(|panel| panel.query == query).map_or(Unit::None, |panel| panel.unit)
}

/// A number without the zeros that say nothing: `1.00 s` is `1 s`.
#[must_use]
pub fn plain(value: f64, unit: Unit) -> String {
    let text = wording::number(value, unit);
    let end = text.find(|c: char| !(c.is_ascii_digit() || c == '.' || c == '-')).unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    if !number.contains('.') {
        return text;
    }
    format!("{}{unit}", number.trim_end_matches('0').trim_end_matches('.'))
}

/// A criterion's bound as a person says it, without its query: `under 1 %`, `at least 2 ready`.
#[must_use]
pub fn bound(run: &Run, criterion: &Criterion) -> String {
    match &criterion.check {
        Check::Promql(check) => limit(run, check),
        Check::Burn(check) => format!("under {} of the budget", plain(check.spend, Unit::Percent)),
        Check::Ready { .. } | Check::Recovery { .. } | Check::Http(_) | Check::Alert(_) | Check::Object(_) | Check::Command(_) => {
            wording::bound_of(criterion)
        }
    }
}

/// `under 1 %`, `over 20/s`.
#[must_use]
pub fn limit(run: &Run, check: &PromqlCheck) -> String {
    let side = match check.bound {
        crate::criterion::Bound::Above(_) => "over",
        crate::criterion::Bound::Below(_) => "under",
    };
    format!("{side} {}", plain(check.bound.limit(), unit(run, &check.query)))
}

/// A stop condition as a person says it, without its query: `over 20 % for 5s`.
#[must_use]
pub fn stop(run: &Run, stop: &StopCondition) -> String {
    let what = match &stop.check {
        StopCheck::Promql(check) => limit(run, check),
        StopCheck::Burn(check) => format!("{} of the budget", plain(check.spend, Unit::Percent)),
        StopCheck::ReadyBelow(amount) => format!("fewer than {amount} ready"),
        StopCheck::Http(_) | StopCheck::Alert(_) | StopCheck::Object(_) | StopCheck::Command(_) | StopCheck::RecoveryOver(_) => {
            return wording::stop(stop);
        }
    };
    if stop.true_for.is_zero() { what } else { format!("{what} for {}", go(stop.true_for)) }
}

/// How far a criterion is from its bound, as it stands at `now`.
#[must_use]
pub fn margin(run: &Run, criterion: &Criterion, judged: &Judged, now: At) -> String {
    if let Some((last, Look::Unknown)) = judged.last.filter(|_| judged.standing == Standing::Pending) {
        let source = Ask::of_check(&criterion.check).and_then(|ask| ask.source(run.probes().find(&ask)?.id));
        let since = source.and_then(|source| run.sight().lost(source)).map_or(last, |(since, _)| *since);
        let why = matches!(criterion.check, Check::Object(_) | Check::Command(_)).then(|| wording::evidence(run, criterion, judged));
        return why.unwrap_or_else(|| format!("unseen for {}", say(now.since(since))));
    }
    match &criterion.check {
        Check::Recovery { within } if judged.standing == Standing::Pending => {
            let worst = run.recoveries().map(|(_, back)| back).filter(|back| *back != Back::NotAsked).last();
            match worst {
                None | Some(Back::NotAsked) => wording::bound_of(criterion),
                Some(Back::NotYet { from }) => {
                    let taken = now.since(from.at);
                    match within.checked_sub(taken) {
                        Some(_) => format!("{}, {} left", say(taken), left(from.at + *within, now)),
                        None => format!("{}, {} too long", say(taken), say(taken.saturating_sub(*within))),
                    }
                }
                Some(Back::At { whole, span, .. }) => format!("{}, {}", say(span.nominal), lasts(whole.at, criterion.stable_for, now)),
                Some(Back::Undisturbed { from }) => format!("never lost, {}", lasts(from.at, criterion.stable_for, now)),
            }
        }
        Check::Ready { min } => match judged.latest {
            None => format!("at least {min}"),
            Some(latest) => {
                let fewest = judged.worst.filter(|worst| *worst < latest).map_or_else(String::new, |worst| format!(", fewest {worst:.0}"));
                // only the steady state has to last; elsewhere a single look counts
                let steady = criterion.during == Window::Before && judged.standing == Standing::Pending;
                let lasting = judged.good_since.filter(|_| steady && !criterion.stable_for.is_zero());
                let lasting = lasting.map_or_else(String::new, |since| format!(", {}", lasts(since, criterion.stable_for, now)));
                format!("{latest:.0} ready{fewest}{lasting}")
            }
        },
        Check::Promql(check) => {
            let (unit, limit) = (unit(run, &check.query), limit(run, check));
            let Some(latest) = judged.latest else { return limit };
            let number = wording::number(latest, unit);
            match judged.bad_since {
                Some(since) if judged.standing == Standing::Pending => {
                    format!("{number} for {} of {}", say(now.since(since)), go(criterion.violated_for))
                }
                _ => {
                    let worst = judged.worst.map(|worst| wording::number(worst, unit)).filter(|worst| *worst != number);
                    let worst = worst.map_or_else(String::new, |worst| format!(", worst {worst}"));
                    format!("{number}{worst}, {limit}")
                }
            }
        }
        // what came after the verdict does not change what it rests on
        Check::Recovery { within } if judged.standing == Standing::Held => {
            let spans = run.faults().iter().filter_map(|state| match run.recovered(state.id) {
                Some(Back::At { span, .. }) => Some(span.nominal),
                _ => None,
            });
            match spans.max() {
                Some(longest) => format!("{}, {} to spare", say(longest), say(within.saturating_sub(longest))),
                None => "strength was never lost".to_owned(),
            }
        }
        Check::Recovery { .. } if judged.standing == Standing::Unknown => "the run ended before it was known".to_owned(),
        Check::Burn(check) => match judged.latest {
            None => bound(run, criterion),
            Some(spent) => format!("{} spent of {}", wording::number(spent, Unit::Percent), plain(check.spend, Unit::Percent)),
        },
        Check::Recovery { .. } | Check::Http(_) | Check::Alert(_) | Check::Object(_) | Check::Command(_) => {
            wording::evidence(run, criterion, judged)
        }
    }
}

fn lasts(since: At, wanted: Duration, now: At) -> String {
    let to = since + wanted;
    if to <= now { "proven".to_owned() } else { format!("proven in {}", left(to, now)) }
}

/// How near a stop condition came, beside whether it tripped.
#[must_use]
pub fn stop_margin(run: &Run, stop: &StopCondition, judged: &Judged) -> String {
    if judged.looked == 0 {
        return "never looked at".to_owned();
    }
    let was = match (&stop.check, judged.worst) {
        (StopCheck::ReadyBelow(_), Some(worst)) => format!("fewest {} ready", plain(worst, Unit::None)),
        (StopCheck::Promql(check), Some(worst)) => format!("nearest {}", plain(worst, unit(run, &check.query))),
        (StopCheck::ReadyBelow(_) | StopCheck::Promql(_), None) => return "never looked at".to_owned(),
        _ => {
            let evidence = wording::stop_evidence(run, stop, judged);
            return if evidence.is_empty() { self::stop(run, stop) } else { format!("{evidence}, {}", self::stop(run, stop)) };
        }
    };
    let lasted = if judged.violations > 0 { format!(", true for {}", say(judged.longest)) } else { String::new() };
    format!("{was}{lasted}, {}", self::stop(run, stop))
}

/// Where a recovery stands at `now`.
#[must_use]
pub fn recovery(run: &Run, state: &FaultState, back: &Back, now: At) -> (Standing, String) {
    match (run.recovered(state.id), back) {
        (Some(Back::At { span, .. }), Back::NotYet { .. }) => {
            let lost = run.fleet().targets.iter().filter_map(|target| target.outages.last()).filter(|outage| outage.to.is_none());
            let since = lost.map(|outage| outage.from.at).max().unwrap_or(now);
            return (Standing::Pending, format!("back in {span}, below strength again for {}", say(now.since(since))));
        }
        (Some(Back::Undisturbed { .. }), Back::NotYet { from }) => {
            return (Standing::Pending, format!("below strength only later, {} after the fault", say(now.since(from.at))));
        }
        _ => {}
    }
    match back {
        Back::NotAsked if !state.rounds.is_empty() => {
            let backs: Vec<Back> = run.rounds(state).map(|(_, back)| back).collect();
            let spans = backs.iter().filter_map(|back| if let Back::At { span, .. } = back { Some(span.nominal) } else { None });
            let slowest = spans.max().map_or_else(|| "strength was never lost".to_owned(), |span| format!("slowest back in {}", say(span)));
            (Standing::Pending, format!("hit {} times so far, {slowest}", backs.len()))
        }
        // whose recovery counts from its impact
        Back::NotAsked if !state.fault.is_lasting() => match state.undo.done {
            Some(_) => (Standing::Unknown, "it was not seen in effect: there is nothing to come back from".to_owned()),
            None => (Standing::Pending, "not seen in effect yet".to_owned()),
        },
        Back::NotAsked => (Standing::Pending, "recovery counts from the moment the fault is lifted".to_owned()),
        Back::NotYet { from } => (Standing::Pending, format!("{} and not back", say(now.since(from.at)))),
        Back::At { span, whole, .. } => {
            let left = (whole.at + run.stable_for()).since(now).as_secs_f64();
            if left <= 0.0 || run.phase().0.is_over() {
                (Standing::Held, format!("back in {span}"))
            } else {
                (Standing::Pending, format!("back in {span}; proven in {left:.1} s"))
            }
        }
        Back::Undisturbed { .. } => (Standing::Held, "strength was never lost".to_owned()),
    }
}

//! The words of criteria and stop conditions: bound, evidence, verdict.

use std::time::Duration;

use crate::clock::{go, say};
use crate::criterion::{Bound, BurnCheck, Check, Criterion, HttpCheck, StopCheck, StopCondition};
use crate::run::Run;
use crate::run::probes::Ask;
use crate::run::verdicts::{Judged, Standing};
use crate::scenario::model::Unit;
use crate::text::Untrusted;
use crate::wording::numbers::number;
use crate::wording::probes;

/// A criterion's bound, without its window: `back within 30s`, `at least 2 ready`.
#[must_use]
pub fn bound_of(criterion: &Criterion) -> String {
    let lasting = if criterion.violated_for.is_zero() { String::new() } else { format!(", for {}", go(criterion.violated_for)) };
    let what = match &criterion.check {
        Check::Ready { min } => format!("at least {min} ready"),
        Check::Recovery { within } => format!("back within {}", go(*within)),
        Check::Promql(check) => format!("{}: {}", bound(check.bound), Untrusted::from(check.query.as_str())),
        Check::Http(check) => http(check),
        Check::Alert(check) => {
            let mut parts = vec![format!("alert {}", Untrusted::from(check.name.as_str()))];
            parts.extend(check.fires_within.map(|span| format!("fires within {}", go(span))));
            parts.extend(check.resolves_within.map(|span| format!("resolves within {}", go(span))));
            parts.join(", ")
        }
        Check::Object(check) => probes::object(check),
        Check::Command(check) => format!("{} exits {}", probes::command(check), check.expect),
        Check::Burn(check) => format!("spends less than {}", probes::budget(check)),
    };
    format!("{what}{lasting}")
}

/// A criterion's bound and window: `at least 2 ready, during the fault`.
#[must_use]
pub fn criterion(criterion: &Criterion) -> String {
    if criterion.waits() {
        bound_of(criterion)
    } else {
        format!("{}, {}", bound_of(criterion), Untrusted::from(criterion.during.to_string()))
    }
}

/// What is known of a stop condition, beside whether it tripped.
#[must_use]
pub fn stop_evidence(run: &Run, stop: &StopCondition, judged: &Judged) -> String {
    let span = |seconds: f64| say(Duration::from_secs_f64(seconds.max(0.0)));
    let mut parts: Vec<String> = Vec::new();
    match &stop.check {
        StopCheck::Promql(_) | StopCheck::ReadyBelow(_) => {
            parts.push(judged.worst.map_or_else(|| "no number seen".to_owned(), |worst| format!("nearest {}", rounded(worst))));
        }
        StopCheck::Http(_) => parts.extend(judged.worst.map(|v| format!("slowest {}", number(v, Unit::Seconds)))),
        StopCheck::RecoveryOver(_) => parts.extend(judged.worst.map(|v| format!("longest {}", span(v)))),
        StopCheck::Burn(_) => parts.extend(judged.worst.map(|v| format!("{} spent", probes::share(v)))),
        StopCheck::Alert(_) | StopCheck::Object(_) | StopCheck::Command(_) => {}
    }
    if matches!(stop.check, StopCheck::Object(_) | StopCheck::Command(_) | StopCheck::Burn(_)) {
        let decided = judged.decided.filter(|_| judged.standing == Standing::Broken);
        parts.extend(Ask::of_stop(&stop.check).and_then(|ask| probes::said(run, &ask, decided)));
    }
    if judged.violations > 0 {
        parts.push(format!("true {} times, longest {}", judged.violations, say(judged.longest)));
    }
    if judged.blind > 0 {
        parts.push(format!("{} of {} looks unknown", judged.blind, judged.looked));
    }
    parts.join("; ")
}

/// A stop condition's word.
#[must_use]
pub const fn stop_standing(standing: Standing) -> &'static str {
    match standing {
        Standing::Pending => "pending",
        Standing::Held => "not tripped",
        Standing::Broken => "tripped",
        Standing::Unknown => "unknown",
    }
}

/// A stop condition's bound.
#[must_use]
pub fn stop(stop: &StopCondition) -> String {
    let what = match &stop.check {
        StopCheck::Promql(check) => format!("{}: {}", bound(check.bound), Untrusted::from(check.query.as_str())),
        StopCheck::ReadyBelow(amount) => format!("fewer than {amount} ready"),
        StopCheck::Http(check) => format!("GET {} answers other than {}", Untrusted::from(check.url.as_str()), check.expect),
        StopCheck::Alert(name) => format!("alert {} fires", Untrusted::from(name.as_str())),
        StopCheck::Object(check) => probes::object(check),
        StopCheck::Command(check) => format!("{} exits other than {}", probes::command(check), check.expect),
        StopCheck::Burn(check) => format!("spends {}", probes::budget(check)),
        StopCheck::RecoveryOver(limit) => format!("not back within {}", go(*limit)),
    };
    if stop.true_for.is_zero() { what } else { format!("{what}, for {}", go(stop.true_for)) }
}

fn bound(bound: Bound) -> String {
    match bound {
        Bound::Above(limit) => format!("above {limit}"),
        Bound::Below(limit) => format!("below {limit}"),
    }
}

fn http(check: &HttpCheck) -> String {
    let mut parts = vec![format!("GET {} answers {}", Untrusted::from(check.url.as_str()), check.expect)];
    parts.extend(check.success.map(|share| format!("{} % of the time", (share * 1000.0).round() / 10.0)));
    parts.extend(check.p99.map(|span| format!("p99 {}", go(span))));
    parts.join(", ")
}

/// What is known of a criterion, beside its verdict: the number that counts, and how sure it is.
#[must_use]
pub fn evidence(run: &Run, criterion: &Criterion, judged: &Judged) -> String {
    let span = |seconds: f64| say(Duration::from_secs_f64(seconds.max(0.0)));
    let mut parts = Vec::new();
    match &criterion.check {
        Check::Recovery { within } => match (judged.latest, judged.standing) {
            (None, _) => parts.push("no fault has hit yet".to_owned()),
            (Some(taken), Standing::Pending) => {
                let left = within.as_secs_f64() - taken;
                let back = run.recoveries().all(|(_, back)| back.since().is_some());
                parts.push(if back {
                    format!("{}, must last {}", span(taken), go(criterion.stable_for))
                } else {
                    format!("{}, {} left", span(taken), span(left))
                });
            }
            (Some(taken), Standing::Unknown) => parts.push(format!("{} when last looked at, not decided", span(taken))),
            (Some(taken), _) => parts.push(format!("{}, {}", span(taken), margin(within.as_secs_f64() - taken))),
        },
        Check::Ready { .. } => {
            if let Some(ready) = judged.latest {
                parts.push(format!("{ready:.0} ready"));
            }
            if let Some(worst) = judged.worst.filter(|worst| judged.latest != Some(*worst)) {
                parts.push(format!("fewest {worst:.0}"));
            }
        }
        Check::Promql(check) => {
            parts.extend(judged.latest.map(rounded));
            parts.extend(judged.worst.filter(|w| judged.latest != Some(*w)).map(|v| format!("worst {}", rounded(v))));
            if let Some(value) = check.when_empty {
                parts.push(format!("no series counts as {value}"));
            }
        }
        Check::Http(_) => parts.extend(judged.latest.map(|v| format!("{} the last", number(v, Unit::Seconds)))),
        Check::Alert(_) => parts.push(judged.latest.map_or_else(|| "not fired".to_owned(), |v| format!("fired after {}", span(v)))),
        Check::Burn(_) => parts.extend(judged.latest.map(|v| format!("{} spent", probes::share(v)))),
        Check::Object(_) | Check::Command(_) => {}
    }
    if matches!(criterion.check, Check::Object(_) | Check::Command(_) | Check::Burn(_)) {
        let decided = judged.decided.filter(|_| judged.standing == Standing::Broken);
        parts.extend(Ask::of_check(&criterion.check).and_then(|ask| probes::said(run, &ask, decided)));
        if let Check::Burn(BurnCheck { when_empty: Some(value), .. }) = &criterion.check {
            parts.push(format!("no series counts as {value}"));
        }
    }
    if judged.violations > 0 && !matches!(criterion.check, Check::Recovery { .. } | Check::Alert(_) | Check::Burn(_)) {
        let held = judged.standing != Standing::Broken && !criterion.violated_for.is_zero();
        let allowed = if held { format!(", allowed {}", go(criterion.violated_for)) } else { String::new() };
        parts.push(format!("violated {} times, longest {}{allowed}", judged.violations, say(judged.longest)));
    }
    if judged.looked == 0 && !criterion.waits() {
        parts.push("never looked at".to_owned());
    } else if judged.blind > 0 {
        parts.push(format!("{} of {} looks unknown", judged.blind, judged.looked));
    }
    parts.join("; ")
}

fn margin(seconds: f64) -> String {
    let span = say(Duration::from_secs_f64(seconds.abs()));
    if seconds >= 0.0 { format!("{span} to spare") } else { format!("{span} too long") }
}

fn rounded(value: f64) -> String {
    number(value, Unit::None)
}

//! `spec.steadyState` and `spec.criteria`: what must hold.
//!
//! Defaults: `steadyState` is looked at `before` (and proven after); criteria `always`. `for` is
//! zero. `stableFor` is five seconds for everything in `steadyState` and for `ready` and
//! `recovery`; the others have no state to last.

use std::time::Duration;

use super::super::fields::{self, Fields, Zero};
use super::super::keys;
use super::super::mistake::{Mistakes, quoted};
use super::super::near::did_you_mean;
use super::super::query;
use super::super::tree::{Node, Span};
use super::places::meant;
use super::probes;
use super::steps::Read;
use super::{items, name_of, tell_twice};
use crate::clock::go;
use crate::criterion::{AlertCheck, Bound, Check, Criterion, HttpCheck, PromqlCheck, Window};

/// How long a good state must last where the file does not say.
const STABLE_FOR: Duration = Duration::from_secs(5);

/// What criteria have to fit into.
pub struct Course<'c> {
    /// The steps as far as they could be read.
    pub steps: &'c [Read],
    /// `limits.maxDuration`.
    pub max_duration: Option<Duration>,
    /// Whether a target is named, sound or not.
    pub has_target: bool,
}

impl Course<'_> {
    pub(super) fn has_fault(&self) -> bool {
        // Where no step could be read, that is said already.
        self.steps.is_empty() || self.steps.iter().any(|step| step.is_fault)
    }

    fn step(&self, name: &str) -> Option<&Read> {
        self.steps.iter().find(|step| step.name.as_deref() == Some(name))
    }

    /// Notes a span that is longer than the whole run may be.
    pub(super) fn tell_too_long(&self, span: Duration, what: &str, node: &Node, mistakes: &mut Mistakes) {
        if let Some(max) = self.max_duration.filter(|max| span > *max) {
            mistakes
                .error(node.span, &node.excerpt(), format!("{what} is longer than maxDuration {}, so it can never come to pass", go(max)))
                .hint("shorten it, or raise limits.maxDuration");
        }
    }
}

/// `spec.steadyState`.
pub fn steady_state(spec: Fields<'_>, course: &Course<'_>, mistakes: &mut Mistakes) -> Vec<Criterion> {
    list(spec, "steadyState", "steady state", &Window::Before, course, mistakes)
}

/// `spec.criteria`.
pub fn criteria(spec: Fields<'_>, course: &Course<'_>, mistakes: &mut Mistakes) -> Vec<Criterion> {
    list(spec, "criteria", "criterion", &Window::Always, course, mistakes)
}

fn list(spec: Fields<'_>, key: &'static str, what: &str, window: &Window, course: &Course<'_>, mistakes: &mut Mistakes) -> Vec<Criterion> {
    let read: Vec<_> = items(spec, key, false, mistakes).iter().filter_map(|node| criterion(node, window, course, mistakes)).collect();
    tell_twice(what, read.iter().map(|(criterion, span)| (criterion.name.as_str(), *span)), mistakes);
    read.into_iter().map(|(criterion, _)| criterion).collect()
}

fn criterion(node: &Node, default: &Window, course: &Course<'_>, mistakes: &mut Mistakes) -> Option<(Criterion, Span)> {
    let fields = Fields::of(node, &keys::CRITERION, mistakes)?;
    let name = name_of(fields, "a criterion", mistakes);
    let steady = *default == Window::Before;
    let choice = fields.one_of(&["ready", "recovery", "promql", "http", "alert", "object", "command", "burn"], mistakes);
    let check = choice.and_then(|(key, node)| check(key, node, fields, steady, course, mistakes));
    let kind = choice.map(|(key, _)| key);
    let during = match fields.get("during") {
        None => Some(default.clone()),
        Some(node) if steady => steady_window(node, mistakes),
        Some(node) if kind == Some("burn") => burn_window(node, mistakes),
        Some(node) => window(node, kind == Some("recovery"), course, mistakes),
    };
    let violated_for = span(fields, "for", course, mistakes);
    if let (Some(kind @ ("recovery" | "alert" | "burn")), Some(entry)) = (kind, fields.entry("for")) {
        mistakes.warn(entry.key_span, "for", format!("{kind} has a bound of its own, so for does nothing here")).hint("take it away");
    }
    if let (Some(Window::Step(step)), Some(violated), Some(node)) = (&during, violated_for, fields.get("for"))
        && let Some(observe) = course.step(step).and_then(|step| step.observe).filter(|observe| violated > *observe)
    {
        let message = format!("for is longer than the step {}, which lasts {}, so it can never come to pass", quoted(step), go(observe));
        mistakes.error(node.span, &node.excerpt(), message);
    }
    let lasts = steady || matches!(kind, Some("ready" | "recovery"));
    if let (false, Some(kind), Some(entry)) = (lasts, kind, fields.entry("stableFor")) {
        mistakes
            .warn(entry.key_span, "stableFor", format!("{kind} has no state that must last, so stableFor does nothing here"))
            .hint("take it away, or write for");
    }
    let stable_for = match fields.get("stableFor") {
        None => Some(if lasts { STABLE_FOR } else { Duration::ZERO }),
        Some(_) => span(fields, "stableFor", course, mistakes),
    };
    let (name, place) = name?;
    let criterion = Criterion { name, check: check?, during: during?, violated_for: violated_for?, stable_for: stable_for? };
    Some((criterion, place))
}

pub(super) fn span(fields: Fields<'_>, key: &str, course: &Course<'_>, mistakes: &mut Mistakes) -> Option<Duration> {
    let Some(node) = fields.get(key) else { return Some(Duration::ZERO) };
    let span = fields::duration(node, key, Zero::Allowed, mistakes)?;
    course.tell_too_long(span, key, node, mistakes);
    Some(span)
}

fn check(key: &str, node: &Node, whole: Fields<'_>, steady: bool, course: &Course<'_>, mistakes: &mut Mistakes) -> Option<Check> {
    if matches!(key, "ready" | "recovery") && !course.has_target {
        mistakes
            .error(node.span, key, "this criterion watches the target, and no target is named")
            .hint("add spec.target: {kind: Deployment, name: …}");
    }
    match key {
        "ready" => {
            let fields = Fields::of(node, &keys::READY, mistakes)?;
            let min = fields.need("min", mistakes)?;
            Some(Check::Ready { min: fields::amount(min, "ready.min", mistakes)? })
        }
        "recovery" => {
            let fields = Fields::of(node, &keys::RECOVERY, mistakes)?;
            if steady {
                mistakes.error(node.span, "", "recovery comes after a fault, so it is no steady state").hint("move it to criteria");
            } else if !course.has_fault() {
                mistakes.error(node.span, "", "no step breaks anything that could recover").hint("add a step with a fault");
            }
            let within = fields.need("within", mistakes)?;
            let span = fields::duration(within, "recovery.within", Zero::Refused, mistakes)?;
            course.tell_too_long(span, "recovery.within", within, mistakes);
            Some(Check::Recovery { within: span })
        }
        "promql" => promql(node, mistakes).map(Check::Promql),
        "http" => http(node, mistakes).map(Check::Http),
        "object" => probes::object(node, mistakes).map(Check::Object),
        "command" => probes::command(node, "expect", mistakes).map(Check::Command),
        "burn" => {
            if steady {
                mistakes
                    .error(node.span, "", "burn counts from the start of the run, so it is no steady state")
                    .hint("move it to criteria");
            }
            probes::burn(node, mistakes).map(Check::Burn)
        }
        _ => alert(node, whole, steady, course, mistakes).map(Check::Alert),
    }
}

pub(super) fn promql(node: &Node, mistakes: &mut Mistakes) -> Option<PromqlCheck> {
    let fields = Fields::of(node, &keys::PROMQL, mistakes)?;
    let when_empty = fields.get("whenEmpty").and_then(|node| fields::number(node, "whenEmpty", mistakes));
    let query = fields.need("query", mistakes).and_then(|node| {
        let query = fields::text(node, "a query", mistakes)?;
        query::check(node, &query, fields.get("whenEmpty").is_some(), mistakes);
        Some(query)
    });
    let bound = fields.one_of(&["above", "below"], mistakes).and_then(|(key, node)| {
        let limit = fields::number(node, key, mistakes)?;
        Some(if key == "above" { Bound::Above(limit) } else { Bound::Below(limit) })
    });
    Some(PromqlCheck { query: query?, bound: bound?, when_empty })
}

fn http(node: &Node, mistakes: &mut Mistakes) -> Option<HttpCheck> {
    let fields = Fields::of(node, &keys::HTTP, mistakes)?;
    let url = fields.need("url", mistakes).and_then(|node| fields::url(node, "http.url", mistakes));
    let expect = match fields.get("expect") {
        None => Some(200),
        Some(node) => fields::whole(node, "http.expect", 100..=599, mistakes).and_then(|code| u16::try_from(code).ok()),
    };
    let success = fields.get("success").and_then(|node| fields::share(node, "http.success", mistakes));
    let p99 = fields.get("p99").and_then(|node| fields::duration(node, "http.p99", Zero::Refused, mistakes));
    Some(HttpCheck { url: url?, expect: expect?, success, p99 })
}

fn alert(node: &Node, whole: Fields<'_>, steady: bool, course: &Course<'_>, mistakes: &mut Mistakes) -> Option<AlertCheck> {
    let fields = Fields::of(node, &keys::ALERT, mistakes)?;
    let name = fields.need("name", mistakes).and_then(|node| fields::name(node, "alert.name", mistakes));
    let mut bound = |key: &str| {
        let node = fields.get(key)?;
        let span = fields::duration(node, key, Zero::Refused, mistakes)?;
        course.tell_too_long(span, key, node, mistakes);
        Some(span)
    };
    let (fires_within, resolves_within) = (bound("firesWithin"), bound("resolvesWithin"));
    if fields.get("firesWithin").is_none() && fields.get("resolvesWithin").is_none() {
        mistakes.error(fields.span, "", "alert needs firesWithin or resolvesWithin, or both").hint("alert: {name: …, firesWithin: 2m}");
    }
    if steady {
        mistakes.error(whole.span, "", "an alert is expected of a fault, so it is no steady state").hint("move it to criteria");
    } else if !course.has_fault() {
        mistakes.error(node.span, "", "no step breaks anything that the alert could tell of").hint("add a step with a fault");
    }
    Some(AlertCheck { name: name?, fires_within, resolves_within })
}

fn steady_window(node: &Node, mistakes: &mut Mistakes) -> Option<Window> {
    if node.scalar().is_some_and(|scalar| scalar.text == "before") {
        return Some(Window::Before);
    }
    mistakes
        .error(node.span, &node.excerpt(), "the steady state is looked at before the drill and proven after it")
        .allow("no during here")
        .hint("move it to criteria to look at it at another time");
    None
}

fn burn_window(node: &Node, mistakes: &mut Mistakes) -> Option<Window> {
    if node.scalar().is_some_and(|scalar| scalar.text == "always") {
        return Some(Window::Always);
    }
    mistakes.error(node.span, &node.excerpt(), "burn counts from the start of the run to its end").allow("always").hint("take during away");
    None
}

const WINDOWS: &str = "before, fault, after, always, {step: NAME}";

fn window(node: &Node, recovery: bool, course: &Course<'_>, mistakes: &mut Mistakes) -> Option<Window> {
    if node.entries().is_some() {
        return step_window(node, recovery, course, mistakes);
    }
    let found = fields::text(node, "during", mistakes)?;
    let window = match found.as_str() {
        "before" => Window::Before,
        "fault" => Window::Fault,
        "after" => Window::After,
        "always" => Window::Always,
        _ => {
            let mistake = mistakes.error(node.span, &found, "during is no window");
            mistake.allow(WINDOWS);
            if course.step(&found).is_some() {
                mistake.hint(format!("write {{step: {}}}", quoted(&found)));
            } else if let Some(hint) = did_you_mean(&found, ["before", "fault", "after", "always"]) {
                mistake.hint(hint);
            }
            return None;
        }
    };
    let trouble = match window {
        Window::Before | Window::After if recovery => Some("recovery is measured from the fault on, so it has no such window"),
        Window::Fault | Window::After if !course.has_fault() => Some("no step breaks anything, so this window never occurs"),
        Window::After if course.steps.last().is_some_and(|step| step.is_fault) => {
            Some("no step comes after the last fault, so this window never occurs")
        }
        Window::Before | Window::Fault | Window::After | Window::Always | Window::Step(_) => None,
    };
    if let Some(trouble) = trouble {
        let mistake = mistakes.error(node.span, &found, trouble);
        mistake.allow(WINDOWS);
        if window == Window::After && !recovery && course.has_fault() {
            mistake.hint("add a step that observes after the fault");
        }
        return None;
    }
    Some(window)
}

fn step_window(node: &Node, recovery: bool, course: &Course<'_>, mistakes: &mut Mistakes) -> Option<Window> {
    let fields = Fields::of(node, &keys::DURING, mistakes)?;
    let node = fields.need("step", mistakes)?;
    let name = fields::text(node, "during.step", mistakes)?;
    match course.step(&name) {
        Some(step) if recovery && !step.is_fault => {
            mistakes.error(node.span, &name, "this step breaks nothing that could recover").allow("a step with a fault");
            None
        }
        Some(_) => Some(Window::Step(name)),
        // Where no step could be read, that is said already.
        None if course.steps.is_empty() => None,
        None => {
            let names: Vec<&str> = course.steps.iter().filter_map(|step| step.name.as_deref()).collect();
            let mistake = mistakes.error(node.span, &name, "no step has this name");
            mistake.allow(names.iter().take(10).map(|name| quoted(name)).collect::<Vec<_>>().join(", "));
            if let Some(hint) = meant(&name, &names) {
                mistake.hint(hint);
            }
            None
        }
    }
}

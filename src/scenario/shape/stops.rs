//! `spec.stopWhen`: what ends the run. Each says what is *bad*: the run stops when it is true.

use super::super::fields::{self, Fields, Zero};
use super::super::keys;
use super::super::mistake::Mistakes;
use super::super::tree::{Node, Span};
use super::criteria::{Course, promql, span};
use super::{items, name_of, probes, tell_twice};
use crate::criterion::{HttpCheck, StopCheck, StopCondition};

/// `spec.stopWhen`.
pub fn stop_when(spec: Fields<'_>, course: &Course<'_>, mistakes: &mut Mistakes) -> Vec<StopCondition> {
    let read: Vec<_> = items(spec, "stopWhen", false, mistakes).iter().filter_map(|node| stop(node, course, mistakes)).collect();
    tell_twice("stop condition", read.iter().map(|(stop, span)| (stop.name.as_str(), *span)), mistakes);
    read.into_iter().map(|(stop, _)| stop).collect()
}

fn stop(node: &Node, course: &Course<'_>, mistakes: &mut Mistakes) -> Option<(StopCondition, Span)> {
    let fields = Fields::of(node, &keys::STOP, mistakes)?;
    let name = name_of(fields, "a stop condition", mistakes);
    let choice = fields.one_of(&["ready", "recovery", "promql", "http", "alert", "object", "command", "burn"], mistakes);
    let check = choice.and_then(|(key, node)| check(key, node, course, mistakes));
    let true_for = span(fields, "for", course, mistakes);
    if let (Some((kind @ ("recovery" | "burn"), _)), Some(entry)) = (choice, fields.entry("for")) {
        mistakes.warn(entry.key_span, "for", format!("{kind} can't become good again, so for only delays the stop")).hint("take it away");
    }
    let (name, place) = name?;
    Some((StopCondition { name, check: check?, true_for: true_for? }, place))
}

fn check(key: &str, node: &Node, course: &Course<'_>, mistakes: &mut Mistakes) -> Option<StopCheck> {
    match key {
        "ready" => {
            let below = Fields::of(node, &keys::READY_BELOW, mistakes)?.need("below", mistakes)?;
            Some(StopCheck::ReadyBelow(fields::amount(below, "ready.below", mistakes)?))
        }
        "recovery" => {
            let fields = Fields::of(node, &keys::RECOVERY_OVER, mistakes)?;
            if !course.has_fault() {
                mistakes.error(node.span, "", "no step breaks anything that could recover").hint("add a step with a fault");
            } else if !course.has_target {
                mistakes
                    .error(node.span, key, "this stop condition watches the target, and no target is named")
                    .hint("add spec.target: {kind: Deployment, name: …}");
            }
            let node = fields.need("longerThan", mistakes)?;
            let limit = fields::duration(node, "recovery.longerThan", Zero::Refused, mistakes)?;
            course.tell_too_long(limit, "recovery.longerThan", node, mistakes);
            Some(StopCheck::RecoveryOver(limit))
        }
        "promql" => promql(node, mistakes).map(StopCheck::Promql),
        "http" => {
            let fields = Fields::of(node, &keys::HTTP_UNLESS, mistakes)?;
            let url = fields.need("url", mistakes).and_then(|node| fields::url(node, "http.url", mistakes));
            let expect = fields.need("unless", mistakes).and_then(|node| fields::whole(node, "http.unless", 100..=599, mistakes));
            Some(StopCheck::Http(HttpCheck { url: url?, expect: u16::try_from(expect?).ok()?, success: None, p99: None }))
        }
        "alert" => {
            let fields = Fields::of(node, &keys::ALERT_FIRES, mistakes)?;
            fields.need("name", mistakes).and_then(|node| fields::name(node, "alert.name", mistakes)).map(StopCheck::Alert)
        }
        "object" => probes::object(node, mistakes).map(StopCheck::Object),
        "command" => probes::command(node, "unless", mistakes).map(StopCheck::Command),
        _ => probes::burn(node, mistakes).map(StopCheck::Burn),
    }
}

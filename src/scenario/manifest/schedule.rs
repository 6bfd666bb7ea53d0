//! `Schedule`: a fault again and again. It can't end by itself, so it is sent inside a Workflow that does.

mod cron;

use std::time::Duration;

use super::super::mistake::Mistakes;
use super::super::tree::Node;
use super::forms::Form;
use super::schema::{Object, Shape, around, may, needs, text as of};
use super::{Kind, Spec, Understood, text};
use crate::clock::go;
use crate::fault::Action;

/// `Schedule`.
pub static SCHEDULE: Object = Object { fields: &around(&SCHEDULE_SPEC), open: false };

/// `spec` of a `Schedule`.
pub(super) static SCHEDULE_SPEC: Object = Object {
    fields: &[
        needs("schedule", of(Form::Any)),
        needs("type", Shape::Word(&["PodChaos", "NetworkChaos", "IOChaos", "StressChaos", "HTTPChaos", "DNSChaos", "TimeChaos"])),
        may("concurrencyPolicy", Shape::Word(&["Forbid", "Allow"])),
        may("startingDeadlineSeconds", Shape::Whole { least: 1, most: i64::MAX }),
        may("historyLimit", Shape::Whole { least: 1, most: i64::MAX }),
        may("podChaos", Shape::Object(&super::schema::POD_SPEC)),
        may("networkChaos", Shape::Object(&super::schema::NETWORK_SPEC)),
        may("ioChaos", Shape::Object(&super::io::IO_SPEC)),
        may("stressChaos", Shape::Object(&super::stress::STRESS_SPEC)),
        may("httpChaos", Shape::Object(&super::other::OTHER_SPEC)),
        may("dnsChaos", Shape::Object(&super::other::OTHER_SPEC)),
        may("timeChaos", Shape::Object(&super::other::OTHER_SPEC)),
    ],
    open: false,
};

/// Checks what is a `Schedule`'s own, and the fault in it.
pub fn check<'t>(spec: &Spec<'t>, allow_all: bool, mistakes: &mut Mistakes) -> Option<Understood<'t>> {
    let every = times(spec, mistakes);
    let kind = Kind::of(spec.text("type")).filter(|kind| *kind != Kind::Schedule)?;
    let own = kind.block();
    for (_, other) in Kind::NAMED {
        if let Some(entry) = spec.entry(other.block()).filter(|entry| entry.key != own) {
            let message = format!("a Schedule of type {} ignores this block", spec.text("type"));
            mistakes.warn(entry.key_span, &entry.key, message).hint("take it away");
        }
    }
    let Some(inner) = spec.inner(own) else {
        if spec.get(own).is_none() {
            let at = spec.get("type").map_or(spec.span, |node| node.span);
            mistakes
                .error(at, spec.text("type"), format!("spec.{own} is missing: Chaos Mesh's webhook panics over it"))
                .hint(format!("add {own}: {{…}}, the spec of the fault"));
        }
        return None;
    };
    let understood = super::experiment(inner, kind, &format!("spec.{own}"), allow_all, mistakes)?;
    let lasts = understood.duration();
    if understood.action.is_lasting() && lasts.is_none() {
        mistakes
            .error(inner.span, own, format!("spec.{own}.duration is missing: such a fault never ends, and no second one follows it"))
            .hint("write duration: 10s, shorter than the gap between two");
    }
    history(spec, mistakes);
    let overlaps = spec.text("concurrencyPolicy") == "Allow" && every.zip(lasts).is_some_and(|(every, lasts)| lasts > every);
    meets_itself(spec, &understood.action, overlaps, mistakes);
    if let (false, Some(every), Some(lasts)) = (spec.text("concurrencyPolicy") == "Allow", every, lasts)
        && lasts > every
        && understood.action.is_lasting()
    {
        let at = spec.get("schedule").map_or(spec.span, |node| node.span);
        let message = format!("each fault lasts {}, longer than the gap, so the next begins only when it has ended", go(lasts));
        mistakes.warn(at, spec.text("schedule"), message).hint("make the gap longer, or the fault shorter");
    }
    let action = Action::Schedule { of: Box::new(understood.action), every };
    Some(Understood { action, ..understood })
}

/// When it begins, and the gap between two beginnings where it says so.
fn times(spec: &Spec<'_>, mistakes: &mut Mistakes) -> Option<Duration> {
    let node = spec.get("schedule").filter(|node| node.scalar().is_some())?;
    match cron::read(text(node)) {
        Ok(every) => every,
        Err(why) => {
            mistakes
                .error(node.span, text(node), format!("spec.schedule: {why}"))
                .allow("\"*/5 * * * *\", a sixth field before them for seconds, @every 90s, @hourly and the like");
            None
        }
    }
}

fn history(spec: &Spec<'_>, mistakes: &mut Mistakes) {
    if spec.get("historyLimit").is_none() {
        mistakes
            .warn(spec.span, "", "without historyLimit Chaos Mesh deletes each fault as soon as it may, and nothing of it can be looked at")
            .hint("write historyLimit: 3");
    }
}

/// Faults of one Schedule that don't bear with each other on one pod.
fn meets_itself(spec: &Spec<'_>, action: &Action, overlaps: bool, mistakes: &mut Mistakes) {
    let at: &Node = spec.get("concurrencyPolicy").unwrap_or(spec.node);
    match action {
        Action::PodFailure if overlaps => {
            mistakes
                .error(at.span, "Allow", "one pod-failure may meet the next on one pod, which then never gets its image back")
                .hint("write concurrencyPolicy: Forbid");
        }
        Action::Io { .. } if overlaps => {
            mistakes.warn(at.span, "Allow", "on one pod only one IOChaos works at a time").hint("write concurrencyPolicy: Forbid");
        }
        _ => {}
    }
}

//! `StressChaos`: load on CPU and memory inside a container's limits.

use super::super::mistake::Mistakes;
use super::super::tree::{Node, Plain, Scalar};
use super::forms::Form;
use super::schema::{MODES, Object, SELECTOR, Shape, around, count, may, text as of};
use super::{Spec, text};
use crate::fault::Action;

/// `StressChaos`.
pub static STRESS_CHAOS: Object = Object { fields: &around(&STRESS_SPEC), open: false };

/// `spec` of a `StressChaos`.
pub(super) static STRESS_SPEC: Object = Object {
    fields: &[
        super::schema::needs("mode", Shape::Word(MODES)),
        may("value", of(Form::Any)),
        may("selector", Shape::Object(&SELECTOR)),
        may("containerNames", Shape::List(&of(Form::ContainerName))),
        may("duration", of(Form::Duration)),
        may("stressors", Shape::Object(&STRESSORS)),
        may("stressngStressors", of(Form::Any)),
        may("remoteCluster", of(Form::Any)),
    ],
    open: false,
};

static STRESSORS: Object = Object { fields: &[may("cpu", Shape::Object(&CPU)), may("memory", Shape::Object(&MEMORY))], open: false };

/// The server takes a number of workers below zero and starts none.
const WORKERS: Shape = Shape::Whole { least: i64::MIN, most: 8192 };

static CPU: Object =
    Object { fields: &[may("workers", WORKERS), may("load", count(100)), may("options", Shape::List(&of(Form::Any)))], open: false };

static MEMORY: Object = Object {
    fields: &[
        may("workers", WORKERS),
        may("size", of(Form::Bytes)),
        may("oomScoreAdj", Shape::Whole { least: -1000, most: 1000 }),
        may("options", Shape::List(&of(Form::Any))),
    ],
    open: false,
};

/// Checks what is `StressChaos`' own; `None` where nothing would be stressed.
pub fn check(spec: &Spec<'_>, mistakes: &mut Mistakes) -> Option<Action> {
    let raw = spec.get("stressngStressors").filter(|node| !text(node).is_empty());
    if let Some(raw) = raw {
        mistakes
            .error(raw.span, text(raw), "stressngStressors never reaches the daemon: Chaos Mesh says it is in effect, and nothing runs")
            .hint("write stressors: {cpu: {workers: 1, load: 80}}");
        return None;
    }
    let stressors = spec.inner("stressors");
    let (cpu, memory) = (stressors.and_then(|all| all.inner("cpu")), stressors.and_then(|all| all.inner("memory")));
    if cpu.is_none() && memory.is_none() {
        // what is there and no mapping has been told
        if spec.get("stressors").is_none_or(|node| node.entries().is_some_and(|all| all.iter().all(|entry| entry.value.is_null()))) {
            let span = spec.get("stressors").map_or(spec.span, |node| node.span);
            mistakes.error(span, "", "spec.stressors is missing: Chaos Mesh refuses it").allow("cpu, memory, or both");
        }
        return None;
    }
    let (works, sizes) = (cpu.map(|cpu| workers(&cpu)), memory.map(|memory| workers(&memory)));
    let nothing = works != Some(true) && sizes != Some(true);
    for (block, name, runs) in [(cpu, "cpu", works), (memory, "memory", sizes)] {
        let Some(block) = block.filter(|_| runs == Some(false)) else { continue };
        let given = block.get("workers");
        let (span, found) = given.map_or((block.span, String::new()), |node| (node.span, text(node).to_owned()));
        let what = if given.is_some() { "workers of 0 or less" } else { "without workers" };
        let message = format!("stressors.{name} {what}: nothing is started");
        if nothing {
            mistakes.error(span, &found, format!("{message}, and Chaos Mesh says it is in effect")).hint("write workers: 1");
        } else {
            mistakes.warn(span, &found, message).hint(format!("write workers: 1, or take {name} away"));
        }
    }
    if let Some(load) = cpu.and_then(|cpu| cpu.get("load")).filter(|node| whole(node) == Some(0)) {
        mistakes.warn(load.span, "0", "a load of 0 percent stresses nothing").hint("write load: 80, or take it away for all of it");
    }
    if let Some(memory) = memory {
        size(&memory, mistakes);
    }
    Some(Action::Stress { cpu: works == Some(true), memory: sizes == Some(true) })
}

fn whole(node: &Node) -> Option<i64> {
    match node.scalar().map(Scalar::resolve) {
        Some(Plain::Int(number)) => Some(number),
        Some(Plain::Null | Plain::Bool(_) | Plain::Float(_) | Plain::Text | Plain::Ambiguous { .. }) | None => None,
    }
}

/// Whether any is started; what is no number has been told.
fn workers(block: &Spec<'_>) -> bool {
    block.get("workers").is_some_and(|node| whole(node).is_none_or(|number| number > 0))
}

fn size(memory: &Spec<'_>, mistakes: &mut Mistakes) {
    match memory.get("size").filter(|node| !text(node).is_empty()) {
        None => {
            mistakes
                .warn(memory.span, "memory", "without size each worker takes all memory it can get, and the container is killed for it")
                .hint("write size: 80% or size: 200MB, if that is not what is meant");
        }
        Some(size) if text(size).trim_end_matches(|c: char| !c.is_ascii_digit()).parse() == Ok(0.0) => {
            mistakes.warn(size.span, text(size), "a size of nothing stresses nothing");
        }
        Some(_) => {}
    }
}

//! `NetworkChaos`: direction and targets, and whether the action has what it acts by.

use super::super::mistake::Mistakes;
use super::super::tree::Node;
use super::forms::is_dropped;
use super::{Kind, Spec, selector, text};
use crate::fault::{Action, Mode, Selector};

/// The blocks that `tc netem` is fed from.
const NETEM: [&str; 5] = ["delay", "loss", "duplicate", "corrupt", "rate"];

/// Checks what is `NetworkChaos`' own; `None` where it has no known action, or no sound target.
pub fn check(spec: &Spec<'_>, allow_all: bool, mistakes: &mut Mistakes) -> Option<(Action, Option<(Selector, Mode)>)> {
    let action = spec.text("action");
    let direction = if spec.get("direction").is_some() { spec.text("direction") } else { "to" };
    let target = spec.inner("target");
    if let Some(target) = &target {
        selector::mode(target, "spec.target", mistakes);
        selector::check(target, "spec.target", Kind::Network, allow_all, mistakes);
    }
    let externals = spec.get("externalTargets").filter(|node| node.excerpt() != "[]");
    directions(spec, action, direction, target.is_some(), externals, mistakes);
    blocks(spec, action, mistakes);
    if let Some(delay) = spec.inner("delay") {
        self::delay(&delay, mistakes);
    }
    for block in ["loss", "duplicate", "corrupt"] {
        if let Some(value) = spec.inner(block).and_then(|inner| inner.get(block)).filter(|value| text(value).parse() == Ok(0.0)) {
            mistakes.warn(value.span, text(value), format!("{block} of 0 percent does nothing"));
        }
    }
    if let Some(bandwidth) = spec.inner("bandwidth") {
        for (key, other) in [("peakrate", "minburst"), ("minburst", "peakrate")] {
            if let Some(entry) = bandwidth.entry(key).filter(|_| bandwidth.get(other).is_none()) {
                mistakes.warn(entry.key_span, key, format!("{key} is used only together with {other}"));
            }
        }
    }
    if let Some(device) = spec.get("targetDevice").filter(|node| text(node).contains('@')) {
        mistakes
            .warn(device.span, text(device), "unlike device, targetDevice is not cut at @: no such device is found")
            .hint("write the part before @");
    }
    let peer = match &target {
        None => None,
        Some(target) => Some((selector::model(target)?, selector::mode_model(target)?)),
    };
    matches!(action, "netem" | "delay" | "loss" | "duplicate" | "corrupt" | "partition" | "bandwidth")
        .then(|| (Action::Network { action: action.to_owned(), direction: direction.to_owned() }, peer))
}

fn directions(spec: &Spec<'_>, action: &str, direction: &str, has_target: bool, externals: Option<&Node>, mistakes: &mut Mistakes) {
    let backwards = matches!(direction, "from" | "both");
    let at = spec.get("direction").map_or(spec.span, |node| node.span);
    if action == "partition" {
        if !has_target && externals.is_none() {
            let what = match direction {
                "from" => "all traffic that reaches the selected pods",
                "both" => "all traffic of the selected pods",
                _ => "all traffic that leaves the selected pods",
            };
            mistakes
                .warn(spec.span, "", format!("a partition without target and externalTargets drops {what}"))
                .hint("name the other side: target: {mode: all, selector: …}");
        }
        return;
    }
    if backwards && externals.is_some() {
        mistakes.error(at, direction, format!("{action} can't act on externalTargets with this direction")).allow("direction: to");
    }
    if backwards && !has_target {
        mistakes
            .error(at, direction, format!("{action} needs a target with this direction"))
            .allow("direction: to, or target: {mode: all, selector: …}");
    }
}

/// Whether the action has its own block, and no other.
fn blocks(spec: &Spec<'_>, action: &str, mistakes: &mut Mistakes) {
    let own: &[&str] = match action {
        "netem" => &NETEM,
        "delay" => &["delay"],
        "loss" => &["loss"],
        "duplicate" => &["duplicate"],
        "corrupt" => &["corrupt"],
        "bandwidth" => &["bandwidth"],
        "partition" => &[],
        _ => return,
    };
    let given: Vec<_> = NETEM.iter().chain(&["bandwidth"]).filter_map(|block| spec.entry(block)).collect();
    let has_own = given.iter().any(|entry| own.contains(&entry.key.as_str()));
    let is_netem = !matches!(action, "bandwidth" | "partition");
    let acts = |key: &str| is_netem && NETEM.contains(&key);
    if !has_own && !own.is_empty() {
        let at = spec.get("action").map_or(spec.span, |node| node.span);
        let others: Vec<&str> = given.iter().map(|entry| entry.key.as_str()).filter(|key| acts(key)).collect();
        let (message, hint) = if action == "bandwidth" {
            (
                "bandwidth without its block does nothing, and Chaos Mesh says it is in effect".to_owned(),
                "bandwidth: {rate: 1mbps, limit: 20971520, buffer: 10000}".to_owned(),
            )
        } else if others.is_empty() {
            (format!("{action} without its block never takes effect, and the object can't be deleted"), format!("add {}", example(action)))
        } else {
            (
                format!("{action} without its block does {} instead", others.join(" and ")),
                format!("write action: {}, or add {}", others[0], example(action)),
            )
        };
        mistakes.error(at, action, message).hint(hint);
    }
    for entry in given.iter().filter(|entry| !own.contains(&entry.key.as_str())) {
        let key = entry.key.as_str();
        if acts(key) {
            if has_own {
                mistakes
                    .warn(entry.key_span, key, format!("this {key} acts too, though the action is {action}"))
                    .hint("write action: netem if both are meant, or take it away");
            }
        } else {
            mistakes.warn(entry.key_span, key, format!("{action} ignores this block")).hint("take it away");
        }
    }
}

const fn example(action: &str) -> &'static str {
    match action.as_bytes() {
        b"loss" => "loss: {loss: \"25\"}",
        b"duplicate" => "duplicate: {duplicate: \"25\"}",
        b"corrupt" => "corrupt: {corrupt: \"25\"}",
        _ => "delay: {latency: 100ms}",
    }
}

fn delay(delay: &Spec<'_>, mistakes: &mut Mistakes) {
    let is_zero = |text: &str| text.trim_end_matches(|c: char| c.is_ascii_alphabetic()).parse() == Ok(0.0);
    let latency = delay.text("latency");
    if let Some(node) = delay.get("latency").filter(|_| !latency.is_empty() && is_zero(latency)) {
        mistakes.warn(node.span, latency, "a latency of nothing delays nothing");
    }
    let jitter = delay.text("jitter");
    let has_jitter = !jitter.is_empty() && !is_dropped(jitter) && !is_zero(jitter);
    if let Some(node) = delay.get("correlation").filter(|node| !has_jitter && text(node).parse::<f64>().is_ok_and(|number| number != 0.0)) {
        mistakes.warn(node.span, text(node), "correlation does nothing without jitter").hint("add jitter: 10ms, or take correlation away");
    }
    if let Some(reorder) = delay.entry("reorder").filter(|_| !latency.is_empty() && (is_dropped(latency) || is_zero(latency))) {
        mistakes.warn(reorder.key_span, "reorder", "reorder does nothing without a latency");
    }
}

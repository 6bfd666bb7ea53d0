//! `PodChaos`: what its actions need and ignore.

use super::super::mistake::Mistakes;
use super::super::tree::{Content, Node, Plain, Scalar};
use super::{Spec, text};
use crate::fault::Action;

/// Checks what is `PodChaos`' own; `None` where it has no known action.
pub fn check(spec: &Spec<'_>, mistakes: &mut Mistakes) -> Option<Action> {
    let action = spec.text("action");
    let containers: Vec<String> = match spec.get("containerNames").map(|node| &node.content) {
        Some(Content::List(items)) => items.iter().map(|item| text(item).to_owned()).collect(),
        Some(Content::Map(_) | Content::Scalar(_)) | None => Vec::new(),
    };
    if let Some(entry) = spec.entry("gracePeriod").filter(|_| matches!(action, "pod-failure" | "container-kill")) {
        mistakes.warn(entry.key_span, "gracePeriod", format!("{action} ignores gracePeriod")).hint("take it away; it belongs to pod-kill");
    }
    if let Some(entry) = spec.entry("containerNames").filter(|_| matches!(action, "pod-kill" | "pod-failure")) {
        mistakes
            .warn(entry.key_span, "containerNames", format!("{action} takes whole pods and ignores containerNames"))
            .hint("take it away, or write action: container-kill");
    }
    match action {
        "pod-kill" => {
            let grace = spec.get("gracePeriod").and_then(Node::scalar).map(Scalar::resolve);
            let grace = if let Some(Plain::Int(seconds)) = grace { u32::try_from(seconds).unwrap_or_default() } else { 0 };
            Some(Action::PodKill { grace })
        }
        "pod-failure" => Some(Action::PodFailure),
        "container-kill" => {
            if containers.is_empty() && spec.get("containerNames").is_none_or(|node| matches!(node.content, Content::List(_))) {
                let span = spec.get("containerNames").map_or(spec.span, |node| node.span);
                mistakes.error(span, "", "container-kill needs spec.containerNames").allow("[NAME, …]");
            }
            Some(Action::ContainerKill { containers })
        }
        _ => None,
    }
}

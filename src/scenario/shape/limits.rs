//! `spec.limits`.

use super::super::fields::{self, Fields, Zero};
use super::super::keys;
use super::super::mistake::Mistakes;
use super::super::model::Limits;
use super::super::tree::Node;

/// How far a run may go.
pub fn limits(node: &Node, mistakes: &mut Mistakes) -> Limits {
    let mut limits = Limits::default();
    let Some(fields) = Fields::of(node, &keys::LIMITS, mistakes) else { return limits };
    limits.max_targets = fields.get("maxTargets").and_then(|node| fields::whole(node, "maxTargets", 1..=u32::MAX, mistakes));
    limits.max_share = fields.get("maxShare").and_then(|node| fields::share(node, "maxShare", mistakes));
    if let Some(all) = fields.get("allowAll").and_then(|node| fields::boolean(node, "allowAll", mistakes)) {
        limits.allow_all = all;
    }
    limits.max_duration = fields.get("maxDuration").and_then(|node| fields::duration(node, "maxDuration", Zero::Refused, mistakes));
    if let Some(blind) = fields.get("blindLimit").and_then(|node| fields::duration(node, "blindLimit", Zero::Refused, mistakes)) {
        limits.blind_limit = blind;
    }
    if let (Some(max), Some(node)) = (limits.max_duration, fields.get("blindLimit"))
        && limits.blind_limit > max
    {
        mistakes.error(node.span, &node.excerpt(), "blindLimit is longer than maxDuration, so it can never be reached");
    }
    limits
}

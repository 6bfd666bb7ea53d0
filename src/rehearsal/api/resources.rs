//! What a pod takes of its node and of its namespace.

use std::collections::BTreeMap;

use serde_json::Value;

use super::object::list;
use crate::rehearsal::quantity;

/// What the pod's containers say on this side (`requests` or `limits`), in thousandths by resource: the sum of its containers, or the most of its
/// init containers where that is more.
#[must_use]
pub fn of(pod: &Value, side: &str) -> BTreeMap<String, i128> {
    let mut sums: BTreeMap<String, i128> = BTreeMap::new();
    let said = |container: &Value| -> Vec<(String, i128)> {
        let amounts = container["resources"][side].as_object();
        amounts.into_iter().flatten().map(|(resource, amount)| (resource.clone(), quantity::of(amount))).collect()
    };
    for (resource, amount) in list(pod, "/spec/containers").iter().flat_map(said) {
        *sums.entry(resource).or_default() += amount;
    }
    for (resource, amount) in list(pod, "/spec/initContainers").iter().flat_map(said) {
        let sum = sums.entry(resource).or_default();
        *sum = amount.max(*sum);
    }
    sums
}

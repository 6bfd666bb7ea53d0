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

/// The quality of service that a pod gets for what its containers ask.
#[must_use]
pub fn quality(pod: &Value) -> &'static str {
    const COMPUTE: [&str; 2] = ["cpu", "memory"];
    let containers = || list(pod, "/spec/containers").iter().chain(list(pod, "/spec/initContainers"));
    let said = |container: &Value, side: &str, name: &str| container["resources"][side].get(name).map_or(0, quantity::of);
    let any = containers().any(|c| COMPUTE.iter().any(|name| said(c, "requests", name) > 0 || said(c, "limits", name) > 0));
    let all = containers()
        .all(|c| COMPUTE.iter().all(|name| said(c, "limits", name) > 0 && said(c, "requests", name) == said(c, "limits", name)));
    match (any, all) {
        (false, _) => "BestEffort",
        (true, true) => "Guaranteed",
        (true, false) => "Burstable",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn quality_should_follow_from_what_is_asked() {
        let pod = |resources: Value| json!({"spec": {"containers": [{"resources": resources}]}});
        assert_eq!(quality(&pod(json!({}))), "BestEffort");
        assert_eq!(quality(&pod(json!({"requests": {"cpu": "1"}}))), "Burstable");
        let full = json!({"cpu": "1", "memory": "1Gi"});
        assert_eq!(quality(&pod(json!({"requests": full, "limits": {"cpu": "1000m", "memory": "1024Mi"}}))), "Guaranteed");
    }
}

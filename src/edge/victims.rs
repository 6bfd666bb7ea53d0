//! The pods that faults are aimed at, their nodes, and the budgets that guard them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures::future::join_all;
use k8s_openapi::api::core::v1::{Node, Pod};
use kube::api::{ApiResource, DynamicObject, ListParams};
use kube::core::GroupVersionKind;
use kube::{Api, ResourceExt};
use serde_json::Value;

use crate::edge::Cluster;
use crate::edge::api_error::{self, ApiError};
use crate::edge::chaos_mesh::resource;
use crate::edge::inspect::said;
use crate::edge::lean::{self, Lean};
use crate::effect::PodRef;
use crate::event::inspected::{BudgetFact, Patience, PolicyFact, VictimFact, VictimsFact};
use crate::text::Untrusted;

pub(super) async fn look(cluster: &Cluster, wanted: &[PodRef]) -> VictimsFact {
    let pods = match said(list(cluster, wanted).await) {
        Ok(pods) => pods,
        Err(why) => return VictimsFact { pods: Err(why.clone()), troubled: Err(why.clone()), budgets: Err(why) },
    };
    let nodes: BTreeSet<String> = pods.iter().filter_map(|pod| pod.spec.as_ref()?.node_name.clone()).collect();
    VictimsFact {
        troubled: said(troubled(cluster, &nodes).await),
        budgets: said(budgets(cluster, &pods).await),
        pods: Ok(pods.iter().map(fact).collect()),
    }
}

async fn list(cluster: &Cluster, wanted: &[PodRef]) -> Result<Vec<Pod>, ApiError> {
    let namespaces: BTreeSet<&str> = wanted.iter().map(|pod| pod.namespace.as_str()).collect();
    let mut found = Vec::new();
    for namespace in namespaces {
        let api: Api<Lean> = Api::namespaced(cluster.client.clone(), namespace);
        let uids: BTreeSet<&str> = wanted.iter().map(|pod| pod.uid.as_str()).collect();
        let keep = |pod: Pod| Some(pod).filter(|pod| pod.metadata.uid.as_deref().is_some_and(|uid| uids.contains(uid)));
        found.extend(lean::pods(&api, &ListParams::default(), &format!("list pods in namespace {namespace}"), keep).await?);
    }
    Ok(found)
}

fn fact(pod: &Pod) -> VictimFact {
    let spec = pod.spec.as_ref();
    let probes = spec.iter().flat_map(|spec| &spec.containers).filter_map(|container| container.liveness_probe.as_ref());
    let patience = probes.map(|probe| {
        let (period, failures) = (probe.period_seconds.unwrap_or(10), probe.failure_threshold.unwrap_or(3));
        Patience(Duration::from_secs(u64::try_from(period.max(1)).unwrap_or(10) * u64::try_from(failures.max(1)).unwrap_or(3)))
    });
    VictimFact {
        pod: PodRef { namespace: pod.namespace().unwrap_or_default(), name: pod.name_any(), uid: pod.uid().unwrap_or_default() },
        node: spec.and_then(|spec| spec.node_name.as_deref()).map(Untrusted::from),
        host_network: spec.is_some_and(|spec| spec.host_network == Some(true)),
        liveness: patience.min(),
        image: spec.and_then(|spec| spec.containers.first()?.image.as_deref()).map(Untrusted::from),
    }
}

async fn troubled(cluster: &Cluster, names: &BTreeSet<String>) -> Result<Vec<(Untrusted, Untrusted)>, ApiError> {
    let api: Api<Node> = Api::all(cluster.client.clone());
    let asked = names.iter().map(async |name| api_error::within(&format!("get node {name}"), api.get(name)).await);
    let mut found = Vec::new();
    for node in join_all(asked).await {
        let node = node?;
        let cordoned = node.spec.as_ref().is_some_and(|spec| spec.unschedulable == Some(true));
        let conditions = node.status.iter().flat_map(|status| status.conditions.iter().flatten());
        let ready = conditions.into_iter().any(|condition| condition.type_ == "Ready" && condition.status == "True");
        let what = if cordoned { "is cordoned" } else { "is not ready" };
        if cordoned || !ready {
            found.push((node.name_any().into(), what.into()));
        }
    }
    Ok(found)
}

async fn budgets(cluster: &Cluster, pods: &[Pod]) -> Result<Vec<BudgetFact>, ApiError> {
    let version = cluster.eviction.rsplit('/').next().unwrap_or("v1");
    let resource =
        ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk("policy", version, "PodDisruptionBudget"), "poddisruptionbudgets");
    let namespaces: BTreeSet<String> = pods.iter().filter_map(ResourceExt::namespace).collect();
    let mut found = Vec::new();
    for namespace in namespaces {
        let api: Api<DynamicObject> = Api::namespaced_with(cluster.client.clone(), &namespace, &resource);
        let what = format!("list poddisruptionbudgets in namespace {namespace}");
        for budget in api_error::within(&what, api.list(&ListParams::default())).await?.items {
            let selector = &budget.data["spec"]["selector"];
            let inside = pods.iter().filter(|pod| pod.namespace().as_deref() == Some(namespace.as_str()));
            let guards: Vec<String> = inside.filter(|pod| selects(selector, pod.labels())).filter_map(ResourceExt::uid).collect();
            if guards.is_empty() {
                continue;
            }
            let allowed = budget.data["status"]["disruptionsAllowed"].as_u64().and_then(|n| u32::try_from(n).ok()).unwrap_or(0);
            found.push(BudgetFact { namespace: namespace.clone(), name: budget.name_any().into(), allowed, guards });
        }
    }
    Ok(found)
}

/// The policies that hold for any of these pods.
pub(super) async fn policies(cluster: &Cluster, wanted: &[PodRef]) -> Result<Vec<PolicyFact>, ApiError> {
    let pods = list(cluster, wanted).await?;
    let namespaces: BTreeSet<String> = pods.iter().filter_map(ResourceExt::namespace).collect();
    let mut found = Vec::new();
    for namespace in namespaces {
        let api: Api<DynamicObject> = Api::namespaced_with(cluster.client.clone(), &namespace, &resource("NetworkPolicy"));
        let what = format!("list networkpolicies in namespace {namespace}");
        for policy in api_error::within(&what, api.list(&ListParams::default())).await?.items {
            let inside = pods.iter().filter(|pod| pod.namespace().as_deref() == Some(namespace.as_str()));
            let holds = |pod: &&Pod| selects(&policy.data["spec"]["podSelector"], pod.labels());
            let guards: Vec<String> = inside.filter(holds).filter_map(ResourceExt::uid).collect();
            if !guards.is_empty() {
                found.push(PolicyFact { namespace: namespace.clone(), name: policy.name_any().into(), guards });
            }
        }
    }
    Ok(found)
}

/// Whether a `LabelSelector` means these labels; one that is empty means all, one that is absent none.
fn selects(selector: &Value, labels: &BTreeMap<String, String>) -> bool {
    let Some(selector) = selector.as_object() else { return false };
    let equal = selector.get("matchLabels").and_then(Value::as_object).into_iter().flatten();
    let mut sets = selector.get("matchExpressions").and_then(Value::as_array).into_iter().flatten();
    let has = |key: &Value| key.as_str().and_then(|key| labels.get(key));
    let mut equal = equal.map(|(key, value)| labels.get(key).map(String::as_str) == value.as_str());
    equal.all(|is| is)
        && sets.all(|set| {
            let value = has(&set["key"]);
            let among = value.is_some_and(|value| set["values"].as_array().into_iter().flatten().any(|one| one == value.as_str()));
            match set["operator"].as_str() {
                Some("In") => among,
                Some("NotIn") => !among,
                Some("Exists") => value.is_some(),
                Some("DoesNotExist") => value.is_none(),
                _ => false,
            }
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn selects_should_follow_the_rules_of_label_selectors() {
        let labels = BTreeMap::from([("app".to_owned(), "task-api".to_owned())]);
        for (selector, meant) in [
            (json!({}), true),
            (json!(null), false),
            (json!({"matchLabels": {"app": "task-api"}}), true),
            (json!({"matchLabels": {"app": "other"}}), false),
            (json!({"matchExpressions": [{"key": "app", "operator": "In", "values": ["a", "task-api"]}]}), true),
            (json!({"matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["task-api"]}]}), false),
            (json!({"matchExpressions": [{"key": "tier", "operator": "DoesNotExist"}]}), true),
            (json!({"matchExpressions": [{"key": "tier", "operator": "Exists"}]}), false),
            (json!({"matchExpressions": [{"key": "app", "operator": "Gt", "values": ["1"]}]}), false),
        ] {
            assert_eq!(selects(&selector, &labels), meant, "{selector}");
        }
    }
}

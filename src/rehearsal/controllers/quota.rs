//! `ResourceQuotas`: what a namespace may have, and what it has.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::scheduler::fit::asked_by;
use super::{Feed, Hand, Home};
use crate::rehearsal::api::kinds::Kind;
use crate::rehearsal::api::object::Object;
use crate::rehearsal::api::store::Key;
use crate::rehearsal::quantity;

/// Kinds that a quota can count beside pods, by the name it counts them under.
const COUNTED: [(&str, Kind); 10] = [
    ("services", Kind::Service),
    ("secrets", Kind::Secret),
    ("configmaps", Kind::ConfigMap),
    ("persistentvolumeclaims", Kind::PersistentVolumeClaim),
    ("resourcequotas", Kind::ResourceQuota),
    ("count/deployments.apps", Kind::Deployment),
    ("count/replicasets.apps", Kind::ReplicaSet),
    ("count/statefulsets.apps", Kind::StatefulSet),
    ("count/jobs.batch", Kind::Job),
    ("count/pods", Kind::Pod),
];

/// Run the controller.
pub async fn run(home: Home) {
    let mut hand = Hand::new(&home, "resourcequota");
    let mut kinds: Vec<Kind> = COUNTED.iter().map(|(_, kind)| *kind).collect();
    kinds.push(Kind::Namespace);
    let mut feed = Feed::new(&home, &kinds);
    loop {
        let batch = feed.next().await;
        let places: BTreeSet<&str> = batch.iter().map(|change| change.key.namespace.as_str()).collect();
        let quotas: Vec<_> = places.iter().flat_map(|place| hand.list(Kind::ResourceQuota, Some(place))).collect();
        for quota in quotas {
            reconcile(&mut hand, &Key::new(Kind::ResourceQuota, quota.namespace(), quota.name())).await;
        }
    }
}

async fn reconcile(hand: &mut Hand, key: &Key) {
    let Some(quota) = hand.get(key).filter(|quota| !quota.deleting()) else { return };
    let list = |kind: Kind| hand.list(kind, Some(&key.namespace));
    let status = status(&quota, &list);
    if quota.value()["status"] != status {
        // What has changed meanwhile comes by the feed.
        let _ = hand.set_status(Kind::ResourceQuota, &quota, status).await;
    }
}

/// A quota's status over what `list` has of its namespace.
#[must_use]
pub fn status(quota: &Object, list: &dyn Fn(Kind) -> Vec<Arc<Object>>) -> Value {
    let hard = quota.value()["spec"]["hard"].as_object().cloned().unwrap_or_default();
    let used: Map<String, Value> = hard.keys().map(|name| (name.clone(), json!(used(name, list)))).collect();
    json!({"hard": hard, "used": used})
}

/// How much of a resource is used.
fn used(name: &str, list: &dyn Fn(Kind) -> Vec<Arc<Object>>) -> String {
    let living = || list(Kind::Pod).into_iter().filter(|pod| !matches!(pod.text("/status/phase"), "Succeeded" | "Failed"));
    if name == "pods" {
        return living().count().to_string();
    }
    let bare = name.strip_prefix("count/").unwrap_or(name);
    if let Some((_, kind)) = COUNTED.iter().find(|(counted, _)| counted.strip_prefix("count/").unwrap_or(counted) == bare) {
        return list(*kind).len().to_string();
    }
    let (limits, resource) = match name.split_once('.') {
        Some(("limits", resource)) => (true, resource),
        Some(("requests", resource)) => (false, resource),
        _ => (false, name),
    };
    let sum: i128 =
        living().map(|pod| if limits { limited(&pod, resource) } else { asked_by(&pod).get(resource).copied().unwrap_or(0) }).sum();
    quantity::text(sum, resource != "cpu")
}

fn limited(pod: &Object, resource: &str) -> i128 {
    pod.list("/spec/containers").iter().map(|container| quantity::of(&container["resources"]["limits"][resource])).sum()
}

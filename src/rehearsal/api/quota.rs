//! What a namespace may hold: `ResourceQuota` at admission.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::State;
use super::kinds::{Kind, RESOURCES};
use super::object::{Object, list, pairs, text};
use super::refusal::Refusal;
use super::resources;
use crate::rehearsal::quantity;

impl State {
    /// Refuse an object that does not fit into its namespace's quotas any more.
    ///
    /// # Errors
    /// 403.
    pub fn within_quota(&self, kind: Kind, namespace: &str, value: &Value) -> Result<(), Refusal> {
        for quota in self.store.list(Kind::ResourceQuota, Some(namespace)) {
            let hard = pairs(quota.value(), "/spec/hard");
            let asked = needs(kind, value);
            let meant: BTreeMap<&str, i128> =
                asked.iter().filter_map(|(name, amount)| Some((*hard.get_key_value(name.as_str())?.0, *amount))).collect();
            let missing: Vec<&str> =
                hard.keys().copied().filter(|name| kind == Kind::Pod && is_compute(name) && lacked(value, name)).collect();
            let name = text(value, "/metadata/name");
            let forbidden = |why: String| Refusal::not_admitted(kind, name, &why);
            if !missing.is_empty() {
                let told = missing_by_container(value, &missing);
                return Err(forbidden(format!("failed quota: {}: must specify {told}", quota.name())));
            }
            if meant.is_empty() {
                continue;
            }
            let used = used(kind, &self.living(namespace, kind));
            let over: Vec<&str> = meant
                .iter()
                .filter(|(name, amount)| {
                    let limit = quantity::parse(hard.get(*name).copied().unwrap_or_default()).unwrap_or(0);
                    **amount > 0 && used.get(**name).copied().unwrap_or(0) + **amount > limit
                })
                .map(|(name, _)| *name)
                .collect();
            if !over.is_empty() {
                let told = |amount: &dyn Fn(&str) -> String| {
                    over.iter().map(|name| format!("{name}={}", amount(name))).collect::<Vec<_>>().join(",")
                };
                let requested = told(&|name| shown(name, meant.get(name).copied().unwrap_or(0)));
                let used = told(&|name| shown(name, used.get(name).copied().unwrap_or(0)));
                let limited = told(&|name| hard.get(name).copied().unwrap_or_default().to_owned());
                return Err(forbidden(format!(
                    "exceeded quota: {}, requested: {requested}, used: {used}, limited: {limited}",
                    quota.name()
                )));
            }
        }
        Ok(())
    }

    /// Let the quotas of a namespace say what is taken, after something came or went.
    pub fn settle_quotas(&mut self, kind: Kind, namespace: &str) {
        let quotas: Vec<_> = self.store.list(Kind::ResourceQuota, Some(namespace)).cloned().collect();
        for quota in quotas {
            // Only what may have changed is counted anew.
            if kind != Kind::ResourceQuota && !pairs(quota.value(), "/spec/hard").keys().any(|name| holder(name) == Some(kind)) {
                continue;
            }
            let status = status(&quota, &|kind| self.living(namespace, kind));
            if status != quota.value()["status"] {
                let mut value = quota.value().clone();
                value["status"] = status;
                self.store.put(super::store::Key::new(Kind::ResourceQuota, namespace, quota.name()), value);
            }
        }
    }

    fn living(&self, namespace: &str, kind: Kind) -> Vec<Arc<Object>> {
        self.store.list(kind, Some(namespace)).cloned().collect()
    }
}

/// A quota's status over what `list` has of its namespace.
#[must_use]
pub fn status(quota: &Object, list: &dyn Fn(Kind) -> Vec<Arc<Object>>) -> Value {
    let hard = quota.value()["spec"]["hard"].as_object().cloned().unwrap_or_default();
    let mut taken: BTreeMap<Kind, BTreeMap<String, i128>> = BTreeMap::new();
    let mut told = Map::new();
    for name in hard.keys() {
        // What a quota may name and nobody can count is not told.
        let Some(holder) = holder(name) else { continue };
        let taken = taken.entry(holder).or_insert_with(|| used(holder, &list(holder)));
        told.insert(name.clone(), json!(shown(name, taken.get(name).copied().unwrap_or(0))));
    }
    json!({"hard": hard, "used": told})
}

/// What these objects of one kind take, in thousandths.
fn used(kind: Kind, objects: &[Arc<Object>]) -> BTreeMap<String, i128> {
    let mut used = BTreeMap::new();
    // A pod that has ended no longer takes anything.
    for object in objects.iter().filter(|object| !matches!(object.text("/status/phase"), "Succeeded" | "Failed")) {
        for (name, amount) in needs(kind, object.value()) {
            *used.entry(name).or_insert(0) += amount;
        }
    }
    used
}

/// The kind whose objects take what a quota names so.
fn holder(name: &str) -> Option<Kind> {
    if let Some(counted) = name.strip_prefix("count/") {
        return RESOURCES.iter().find(|r| r.qualified() == counted).map(|r| r.kind);
    }
    match name {
        "requests.storage" => Some(Kind::PersistentVolumeClaim),
        _ if is_compute(name) || name.ends_with("ephemeral-storage") => Some(Kind::Pod),
        _ => RESOURCES.iter().find(|r| r.group.is_empty() && r.plural == name).map(|r| r.kind),
    }
}

fn is_compute(name: &str) -> bool {
    matches!(name, "cpu" | "memory" | "requests.cpu" | "requests.memory" | "limits.cpu" | "limits.memory")
}

/// What an object takes of each resource that a quota can name, in thousandths.
fn needs(kind: Kind, value: &Value) -> BTreeMap<String, i128> {
    let resource = kind.resource();
    let mut needs = BTreeMap::from([(format!("count/{}", resource.qualified()), 1000)]);
    let counted = matches!(
        kind,
        Kind::Pod
            | Kind::Service
            | Kind::Secret
            | Kind::ConfigMap
            | Kind::PersistentVolumeClaim
            | Kind::ReplicationController
            | Kind::ResourceQuota
    );
    if counted {
        needs.insert(resource.plural.to_owned(), 1000);
    }
    if kind == Kind::PersistentVolumeClaim {
        needs.insert("requests.storage".to_owned(), quantity::of(&value["spec"]["resources"]["requests"]["storage"]));
    }
    if kind == Kind::Pod {
        for side in ["requests", "limits"] {
            for (what, sum) in resources::of(value, side) {
                needs.insert(format!("{side}.{what}"), sum);
                if side == "requests" {
                    needs.insert(what, sum);
                }
            }
        }
    }
    needs
}

/// Whether a container does not say how much it takes of what a quota names so.
fn lacks(container: &Value, name: &str) -> bool {
    let (side, what) = name.split_once('.').unwrap_or(("requests", name));
    container["resources"][side][what].is_null()
}

/// Whether one of a pod's containers lacks it.
fn lacked(pod: &Value, name: &str) -> bool {
    list(pod, "/spec/containers").iter().any(|container| lacks(container, name))
}

fn missing_by_container(pod: &Value, missing: &[&str]) -> String {
    let told = missing.iter().map(|name| {
        let who: Vec<&str> = list(pod, "/spec/containers").iter().filter(|c| lacks(c, name)).map(|c| text(c, "/name")).collect();
        format!("{name} for: {}", who.join(","))
    });
    told.collect::<Vec<_>>().join("; ")
}

/// An amount as its quantity is written.
fn shown(name: &str, thousandths: i128) -> String {
    quantity::text(thousandths, name.ends_with("memory") || name.ends_with("storage"))
}

//! What a namespace may hold: `ResourceQuota` at admission.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::State;
use super::kinds::{Kind, RESOURCES};
use super::object::{at, list, pairs, text};
use super::refusal::Refusal;

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
                hard.keys().copied().filter(|name| kind == Kind::Pod && is_compute(name) && !asked.contains_key(*name)).collect();
            let name = text(value, "/metadata/name");
            let resource = kind.resource();
            let forbidden = |why: String| Refusal {
                code: 403,
                reason: "Forbidden",
                message: format!("{} {name:?} is forbidden: {why}", resource.qualified()),
                details: Some(if resource.group.is_empty() {
                    json!({"name": name, "kind": resource.plural})
                } else {
                    json!({"name": name, "group": resource.group, "kind": resource.plural})
                }),
            };
            if !missing.is_empty() {
                let told = missing_by_container(value, &missing);
                return Err(forbidden(format!("failed quota: {}: must specify {told}", quota.name())));
            }
            if meant.is_empty() {
                continue;
            }
            let used = self.used(kind, namespace, &meant);
            let over: Vec<&str> = meant
                .iter()
                .filter(|(name, amount)| {
                    let limit = quantity(hard.get(*name).copied().unwrap_or_default());
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
            let hard = pairs(quota.value(), "/spec/hard");
            let mut used = quota.value().pointer("/status/used").cloned().filter(Value::is_object).unwrap_or_else(|| json!({}));
            for name in hard.keys() {
                let holder = holder(name);
                // Only what may have changed is counted anew.
                if (kind != Kind::ResourceQuota && holder != Some(kind)) || (kind == Kind::ResourceQuota && holder.is_none()) {
                    continue;
                }
                if let Some(holder) = holder {
                    let sum = self.used(holder, namespace, &BTreeMap::from([(*name, 0)])).get(*name).copied().unwrap_or(0);
                    used[*name] = json!(shown(name, sum));
                }
            }
            let mut value = quota.value().clone();
            value["status"] = json!({"hard": quota.value()["spec"]["hard"], "used": used});
            if value["status"] != quota.value()["status"] {
                self.store.put(super::store::Key::new(Kind::ResourceQuota, namespace, quota.name()), value);
            }
        }
    }

    fn used(&self, kind: Kind, namespace: &str, names: &BTreeMap<&str, i128>) -> BTreeMap<String, i128> {
        let mut used = BTreeMap::new();
        for object in self.store.list(kind, Some(namespace)) {
            // A pod that has ended no longer takes anything.
            if kind == Kind::Pod && matches!(object.text("/status/phase"), "Succeeded" | "Failed") {
                continue;
            }
            for (name, amount) in needs(kind, object.value()) {
                if names.contains_key(name.as_str()) {
                    *used.entry(name).or_insert(0) += amount;
                }
            }
        }
        used
    }
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
        needs.insert("requests.storage".to_owned(), quantity(&amount(value, "/spec/resources/requests", "storage").unwrap_or_default()));
    }
    if kind == Kind::Pod {
        for what in ["cpu", "memory", "ephemeral-storage"] {
            for side in ["requests", "limits"] {
                let all: Vec<Option<String>> =
                    list(value, "/spec/containers").iter().map(|c| amount(c, &format!("/resources/{side}"), what)).collect();
                // One container without it leaves the pod without it.
                if all.iter().all(Option::is_some) && !all.is_empty() {
                    let sum: i128 = all.iter().flatten().map(|amount| quantity(amount)).sum();
                    needs.insert(format!("{side}.{what}"), sum);
                    if side == "requests" {
                        needs.insert(what.to_owned(), sum);
                    }
                }
            }
        }
    }
    needs
}

fn amount(value: &Value, pointer: &str, what: &str) -> Option<String> {
    match at(value, pointer)?.get(what)? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn missing_by_container(pod: &Value, missing: &[&str]) -> String {
    let lacks = |container: &Value, name: &str| {
        let (side, what) = name.split_once('.').unwrap_or(("requests", name));
        amount(container, &format!("/resources/{side}"), what).is_none()
    };
    let told = missing.iter().map(|name| {
        let who: Vec<&str> = list(pod, "/spec/containers").iter().filter(|c| lacks(c, name)).map(|c| text(c, "/name")).collect();
        format!("{name} for: {}", who.join(","))
    });
    told.collect::<Vec<_>>().join("; ")
}

/// A quantity in thousandths; what is none counts as nothing.
#[must_use]
pub fn quantity(text: &str) -> i128 {
    let end = text.find(|c: char| !(c.is_ascii_digit() || c == '.' || c == '-' || c == '+')).unwrap_or(text.len());
    let (number, suffix) = text.split_at(end);
    let (whole, part) = number.split_once('.').unwrap_or((number, ""));
    let digits = format!("{whole}{:0<9}", part.get(..part.len().min(9)).unwrap_or_default());
    let billionths: i128 = digits.parse().unwrap_or(0);
    let factor: i128 = match suffix {
        "n" => return billionths / 1_000_000_000_000_000,
        "u" => return billionths / 1_000_000_000_000,
        "m" => return billionths / 1_000_000_000,
        "k" => 1000,
        "M" => 1_000_000,
        "G" => 1_000_000_000,
        "T" => 1_000_000_000_000,
        "P" => 1_000_000_000_000_000,
        "Ki" => 1 << 10,
        "Mi" => 1 << 20,
        "Gi" => 1 << 30,
        "Ti" => 1 << 40,
        "Pi" => 1 << 50,
        _ => 1,
    };
    billionths * factor / 1_000_000
}

/// An amount as its quantity is written.
fn shown(name: &str, thousandths: i128) -> String {
    let binary = name.ends_with("memory") || name.ends_with("storage");
    if thousandths % 1000 != 0 {
        return format!("{thousandths}m");
    }
    let whole = thousandths / 1000;
    if binary {
        for (unit, size) in [("Gi", 1_i128 << 30), ("Mi", 1 << 20), ("Ki", 1 << 10)] {
            if whole != 0 && whole % size == 0 {
                return format!("{}{unit}", whole / size);
            }
        }
    }
    whole.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantity_should_be_read_with_its_suffix() {
        for (text, thousandths) in
            [("1", 1000), ("100m", 100), ("0.5", 500), ("1Ki", 1_024_000), ("2G", 2_000_000_000_000), ("", 0), ("1.5Gi", 1_610_612_736_000)]
        {
            assert_eq!(quantity(text), thousandths, "{text}");
        }
        assert_eq!(shown("requests.memory", quantity("128Mi")), "128Mi");
        assert_eq!(shown("cpu", 250), "250m");
    }
}

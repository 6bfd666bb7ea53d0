//! What a namespace lets a pod or a claim ask: `LimitRange` at admission.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::State;
use super::kinds::Kind;
use super::object::{list, map_mut, pairs, text};
use super::refusal::Refusal;
use super::resources;
use crate::rehearsal::quantity;

/// What one side (`requests` or `limits`) says, in thousandths by resource.
type Amounts = BTreeMap<String, i128>;

/// Fill in what a `LimitRange` leaves open: the most is the default, and the default is the default request.
pub fn fill(value: &mut Value) {
    for item in value.pointer_mut("/spec/limits").and_then(Value::as_array_mut).into_iter().flatten() {
        if item["type"] == "Container" {
            for (from, into) in [("max", "default"), ("default", "defaultRequest"), ("min", "defaultRequest")] {
                let given = item[from].as_object().cloned().unwrap_or_default();
                if !given.is_empty() {
                    complete(map_mut(item, into), &given);
                }
            }
        }
    }
}

/// Add what is not there; the names of what was.
fn complete(map: &mut Map<String, Value>, from: &Map<String, Value>) -> Vec<String> {
    let mut added = Vec::new();
    for (name, value) in from {
        if !map.contains_key(name) {
            map.insert(name.clone(), value.clone());
            added.push(name.clone());
        }
    }
    added.sort();
    added
}

impl State {
    /// Give a new pod's containers the defaults of its namespace, and refuse what is beyond its limits.
    ///
    /// # Errors
    /// 403.
    pub(super) fn within_limits(&self, kind: Kind, namespace: &str, value: &mut Value) -> Result<(), Refusal> {
        if !matches!(kind, Kind::Pod | Kind::PersistentVolumeClaim) {
            return Ok(());
        }
        let mut told = Vec::new();
        let ranges = self.store.list(Kind::LimitRange, Some(namespace));
        let items: Vec<Value> = ranges.flat_map(|range| range.list("/spec/limits").to_vec()).collect();
        // all defaults first: one range may give what another asks for
        for item in items.iter().filter(|item| kind == Kind::Pod && item["type"] == "Container") {
            fill_containers(value, item);
        }
        for item in &items {
            match (kind, text(item, "/type")) {
                (Kind::Pod, "Container") => {
                    for container in list(value, "/spec/containers").iter().chain(list(value, "/spec/initContainers")) {
                        check(item, &amounts(container, "requests"), &amounts(container, "limits"), &mut told);
                    }
                }
                (Kind::Pod, "Pod") => check(item, &resources::of(value, "requests"), &resources::of(value, "limits"), &mut told),
                (Kind::PersistentVolumeClaim, "PersistentVolumeClaim") => {
                    let asked = amounts(&json!({"resources": value["spec"]["resources"]}), "requests");
                    check(item, &asked, &asked, &mut told);
                }
                _ => {}
            }
        }
        if kind == Kind::Pod && value["status"].is_object() {
            value["status"]["qosClass"] = json!(resources::quality(value));
        }
        let why = match told.as_slice() {
            [] => return Ok(()),
            [one] => one.clone(),
            all => format!("[{}]", all.join(", ")),
        };
        Err(Refusal::not_admitted(kind, text(value, "/metadata/name"), &why))
    }
}

/// Give containers the defaults of this item, and note it on the pod.
fn fill_containers(pod: &mut Value, item: &Value) {
    let mut notes = Vec::new();
    for (holder, what) in [("containers", "container"), ("initContainers", "init container")] {
        for container in pod["spec"].get_mut(holder).and_then(Value::as_array_mut).into_iter().flatten() {
            let name = text(container, "/name").to_owned();
            for (side, default, word) in [("requests", "defaultRequest", "request"), ("limits", "default", "limit")] {
                let Some(given) = item[default].as_object() else { continue };
                let added = complete(map_mut(map_mut_at(container, "resources"), side), given);
                if !added.is_empty() {
                    notes.push(format!("{} {word} for {what} {name}", added.join(", ")));
                }
            }
        }
    }
    if !notes.is_empty() {
        let note = format!("LimitRanger plugin set: {}", notes.join("; "));
        map_mut(&mut pod["metadata"], "annotations").insert("kubernetes.io/limit-ranger".to_owned(), json!(note));
    }
}

fn map_mut_at<'a>(value: &'a mut Value, key: &str) -> &'a mut Value {
    let _ = map_mut(value, key);
    &mut value[key]
}

fn amounts(container: &Value, side: &str) -> Amounts {
    container["resources"][side].as_object().into_iter().flatten().map(|(name, amount)| (name.clone(), quantity::of(amount))).collect()
}

/// What of these amounts is beyond what this item allows.
fn check(item: &Value, requests: &Amounts, limits: &Amounts, told: &mut Vec<String>) {
    let of = text(item, "/type");
    let shown = |name: &str, amount: i128| quantity::text(amount, name != "cpu");
    for (name, least) in pairs(item, "/min") {
        let bound = quantity::parse(least).unwrap_or(0);
        let begin = format!("minimum {name} usage per {of} is {least}");
        match (requests.get(name), limits.get(name)) {
            (None, _) => told.push(format!("{begin}.  No request is specified")),
            (Some(request), _) if *request < bound => told.push(format!("{begin}, but request is {}", shown(name, *request))),
            (_, Some(limit)) if *limit < bound => told.push(format!("{begin}, but limit is {}", shown(name, *limit))),
            _ => {}
        }
    }
    for (name, most) in pairs(item, "/max") {
        let bound = quantity::parse(most).unwrap_or(0);
        let begin = format!("maximum {name} usage per {of} is {most}");
        match (limits.get(name), requests.get(name)) {
            (None, _) => told.push(format!("{begin}.  No limit is specified")),
            (Some(limit), _) if *limit > bound => told.push(format!("{begin}, but limit is {}", shown(name, *limit))),
            (_, Some(request)) if *request > bound => told.push(format!("{begin}, but request is {}", shown(name, *request))),
            _ => {}
        }
    }
    for (name, most) in pairs(item, "/maxLimitRequestRatio") {
        let begin = format!("{name} max limit to request ratio per {of} is {most}");
        let bound = quantity::parse(most).unwrap_or(0);
        match (requests.get(name).filter(|r| **r > 0), limits.get(name).filter(|l| **l > 0)) {
            (None, _) => told.push(format!("{begin}, but no request is specified or request is 0")),
            (_, None) => told.push(format!("{begin}, but no limit is specified or limit is 0")),
            (Some(request), Some(limit)) if limit.saturating_mul(1000) > bound.saturating_mul(*request) => {
                told.push(format!("{begin}, but provided ratio is {}.{:06}", limit / request, limit % request * 1_000_000 / request));
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limit_range_should_complete_itself_and_the_containers_of_a_pod() {
        let mut range = json!({"spec": {"limits": [{"type": "Container", "max": {"memory": "1Gi"}, "default": {"cpu": "200m"}, "min": {"memory": "1Mi"}}]}});
        fill(&mut range);
        let item = &range["spec"]["limits"][0];
        assert_eq!(item["default"], json!({"cpu": "200m", "memory": "1Gi"}));
        assert_eq!(item["defaultRequest"], json!({"cpu": "200m", "memory": "1Gi"}));
        let mut pod =
            json!({"metadata": {"name": "p"}, "spec": {"containers": [{"name": "c", "resources": {"requests": {"cpu": "100m"}}}]}});
        fill_containers(&mut pod, item);
        assert_eq!(
            pod["spec"]["containers"][0]["resources"],
            json!({"requests": {"cpu": "100m", "memory": "1Gi"}, "limits": {"cpu": "200m", "memory": "1Gi"}})
        );
        let note = "LimitRanger plugin set: memory request for container c; cpu, memory limit for container c";
        assert_eq!(pod["metadata"]["annotations"]["kubernetes.io/limit-ranger"], note);
    }

    #[test]
    fn amounts_beyond_the_limits_should_be_told_one_by_one() {
        let item = json!({"type": "Container", "max": {"memory": "1Gi"}, "min": {"cpu": "100m"}, "maxLimitRequestRatio": {"cpu": "2"}});
        let of = |cpu: &str, memory: &str| amounts(&json!({"resources": {"limits": {"cpu": cpu, "memory": memory}}}), "limits");
        let mut told = Vec::new();
        check(&item, &of("50m", "1Gi"), &of("200m", "2Gi"), &mut told);
        assert_eq!(
            told,
            [
                "minimum cpu usage per Container is 100m, but request is 50m",
                "maximum memory usage per Container is 1Gi, but limit is 2Gi",
                "cpu max limit to request ratio per Container is 2, but provided ratio is 4.000000",
            ]
        );
        told.clear();
        check(&item, &of("100m", "1Gi"), &of("200m", "1Gi"), &mut told);
        assert!(told.is_empty(), "{told:?}");
    }
}

//! What must be equal: for each object the order of its states, for each kind of Event how often it came.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::names::Names;
use super::recording::Recording;

/// The transitions of each object by kind and name, and the Events with their counts.
#[derive(Default)]
pub struct Seen {
    pub states: BTreeMap<String, Vec<Vec<String>>>,
    pub events: BTreeMap<String, usize>,
    /// Objects, by kind and name, on which something was tried again and again.
    failing: Vec<String>,
}

impl Seen {
    /// How many states were seen of everything but pods.
    pub fn count(&self) -> usize {
        self.states.iter().filter(|(what, _)| !what.starts_with("Pod ")).flat_map(|(_, lives)| lives).map(Vec::len).sum()
    }
}

/// The digest of these lines.
pub fn digest(lines: &[Value], names: &Names) -> Seen {
    let mut lives: BTreeMap<(String, String), Vec<&Value>> = BTreeMap::new();
    let mut seen = Seen::default();
    let mut gone: Vec<(String, String)> = Vec::new();
    for line in lines.iter().filter(|line| line["watch"].is_string()) {
        let object = &line["object"];
        let kind = object["kind"].as_str().unwrap();
        let name = object["metadata"]["name"].as_str().unwrap();
        if line["watch"] == "DELETED" {
            let with_its_pod = is_internal(kind) && gone.contains(&("Pod".to_owned(), name.to_owned()));
            gone.push((kind.to_owned(), name.to_owned()));
            // Whether the pod that dies is one that has rules is chance.
            if with_its_pod {
                continue;
            }
        }
        if kind == "Event" {
            let about = &object["involvedObject"];
            let afterwards = gone.iter().any(|(kind, name)| about["kind"] == kind.as_str() && about["name"] == name.as_str());
            // Whether there is one more pass, over an object that the controller's cache still holds, is chance.
            if !(afterwards && object["message"].as_str().unwrap().starts_with("Failed to select targets")) {
                event(object, names, &mut seen);
            }
        } else if kind != "Pod" || Recording::at(line) >= 0.0 {
            lives.entry((kind.to_owned(), name.to_owned())).or_default().push(line);
        }
    }
    for ((kind, name), lines) in lives {
        let what = format!("{kind} {}", names.settle(&name));
        let states = match kind.as_str() {
            "Pod" => {
                seen.states.entry(what).or_default().extend(stretches(&lines));
                continue;
            }
            "Schedule" | "WorkflowNode" => {
                for (aspect, states) in aspects(&lines, names, if kind == "Schedule" { schedule } else { node }) {
                    seen.states.entry(format!("{what} {aspect}")).or_default().push(states);
                }
                continue;
            }
            _ => life(&lines, names),
        };
        seen.states.entry(what).or_default().push(states);
    }
    for lives in seen.states.values_mut() {
        lives.sort();
    }
    // How many retries fit into a failing period is chance.
    for (event, count) in &mut seen.events {
        if seen.failing.iter().any(|what| event.starts_with(what.as_str())) {
            *count = 1;
        }
    }
    seen
}

fn is_internal(kind: &str) -> bool {
    matches!(kind, "PodNetworkChaos" | "PodIOChaos" | "PodHttpChaos")
}

fn event(object: &Value, names: &Names, seen: &mut Seen) {
    let about = &object["involvedObject"];
    // What the condition step says may or may not follow a deletion.
    if about["apiVersion"] != "chaos-mesh.org/v1alpha1" || object["source"]["component"] == "condition" {
        return;
    }
    let what = format!("{} {}", about["kind"].as_str().unwrap(), names.settle(about["name"].as_str().unwrap()));
    let message = object["message"].as_str().unwrap();
    let again = ["Failed to apply chaos", "Failed to recover chaos", "Forbid spawning"].iter().any(|word| message.starts_with(word))
        || is_internal(about["kind"].as_str().unwrap());
    if again && object["type"] == "Warning" {
        seen.failing.push(what.clone() + " ");
    }
    let text = format!(
        "{what} {} {} {:?} {} annotations {}",
        object["type"].as_str().unwrap(),
        object["reason"].as_str().unwrap(),
        names.settle(message),
        names.normal(&object["source"]),
        names.normal(&object["metadata"]["annotations"]),
    );
    *seen.events.entry(text).or_default() += 1;
}

/// All that counts in an object, and by how much its generation rose.
fn life(lines: &[&Value], names: &Names) -> Vec<String> {
    let mut generation = 0;
    let mut states: Vec<String> = Vec::new();
    for line in lines {
        let object = &line["object"];
        let now = object["metadata"]["generation"].as_i64().unwrap_or(0);
        let mut status = names.normal(&object["status"]);
        let failed = calm(&mut status);
        let state = format!(
            "{} +{} {} spec {} status {status}",
            line["watch"].as_str().unwrap(),
            now - generation,
            names.normal(&metadata(object)),
            names.normal(&object["spec"]),
        );
        generation = now;
        if !(failed && states.last() == Some(&state)) {
            states.push(state);
        }
    }
    states
}

fn metadata(object: &Value) -> Value {
    let meta = &object["metadata"];
    json!({
        "deleting": meta["deletionTimestamp"].is_string(), "grace": meta["deletionGracePeriodSeconds"], "finalizers": meta["finalizers"],
        "labels": meta["labels"], "annotations": meta["annotations"], "owners": meta["ownerReferences"], "generateName": meta["generateName"],
    })
}

/// Failures that follow each other in a record count once. True when there is one.
fn calm(status: &mut Value) -> bool {
    let mut failed = false;
    for record in status.pointer_mut("/experiment/containerRecords").and_then(Value::as_array_mut).into_iter().flatten() {
        let Some(events) = record.get_mut("events").and_then(Value::as_array_mut) else { continue };
        failed |= events.iter().any(|event| event["type"] == "Failed");
        events.dedup_by(|a, b| a["type"] == "Failed" && a == b);
    }
    for replaced in ["pid", "startTime"] {
        // The daemon of the recordings was a replacement whose processes all have one number and one start.
        if status.get(replaced).is_some_and(Value::is_number) {
            status[replaced] = Value::from("NUMBER");
        }
    }
    failed
}

/// An object that several controllers write at the same time, aspect by aspect: which of them comes first, and how often one rewrites what it
/// has written, is chance.
fn aspects(lines: &[&Value], names: &Names, of: fn(&Value, &Names) -> Vec<(String, String)>) -> BTreeMap<String, Vec<String>> {
    let mut seen: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for line in lines {
        let word = if line["watch"] == "DELETED" { "DELETED " } else { "" };
        let object = &line["object"];
        let whole = format!("{word}{} spec {}", names.normal(&metadata(object)), names.normal(&object["spec"]));
        for (aspect, state) in of(object, names).into_iter().chain([("object".to_owned(), whole)]) {
            let states = seen.entry(aspect).or_default();
            if states.last() != Some(&state) {
                states.push(state);
            }
        }
    }
    // What an aspect begins with before it is set.
    for states in seen.values_mut() {
        states.retain(|state| state != "null");
    }
    for time in seen.get_mut("time").into_iter().flatten() {
        "moved".clone_into(time);
    }
    seen
}

fn schedule(object: &Value, names: &Names) -> Vec<(String, String)> {
    let status = names.normal(&object["status"]);
    let mut active: Vec<String> = status["active"].as_array().into_iter().flatten().map(Value::to_string).collect();
    active.sort();
    let fields: Vec<&String> = status.as_object().into_iter().flat_map(|map| map.keys()).filter(|key| *key != "active").collect();
    vec![
        ("active".to_owned(), format!("{active:?}")),
        ("fields".to_owned(), format!("{fields:?}")),
        ("time".to_owned(), object["status"]["time"].to_string()),
    ]
}

fn node(object: &Value, names: &Names) -> Vec<(String, String)> {
    let status = names.normal(&object["status"]);
    let mut aspects = vec![("chaosResource".to_owned(), status["chaosResource"].to_string())];
    // How the lists shrink while a tree of nodes is taken away is chance.
    if !object["metadata"]["deletionTimestamp"].is_string() {
        aspects.push(("children".to_owned(), format!("{} {}", status["activeChildren"], status["finishedChildren"])));
    }
    for condition in status["conditions"].as_array().into_iter().flatten() {
        aspects.push((condition["type"].as_str().unwrap().to_owned(), condition.to_string()));
    }
    aspects
}

/// The life of a pod, cut where it runs and is ready: which of them is hit, and how often, is chance.
fn stretches(lines: &[&Value]) -> Vec<Vec<String>> {
    let mut stretches = Vec::new();
    let mut current = Vec::new();
    let restarts = |line: &Value| line["object"]["status"]["containerStatuses"][0]["restartCount"].as_i64().unwrap_or(0);
    let mut before = lines.first().map_or(0, |line| restarts(line) - i64::from(line["watch"] != "ADDED" && restarts(line) > 0));
    for line in lines {
        current.push(pod(line, restarts(line) - before));
        let object = &line["object"];
        let calm = object["status"]["containerStatuses"][0]["ready"] == true && object["metadata"]["deletionTimestamp"].is_null();
        let ready = object["status"]["conditions"].as_array().into_iter().flatten().any(|c| c["type"] == "Ready" && c["status"] == "True");
        if calm && ready {
            before = restarts(line);
            stretches.push(std::mem::take(&mut current));
        }
    }
    stretches.extend(Some(current).filter(|rest| !rest.is_empty()));
    stretches
}

fn pod(line: &Value, restarts: i64) -> String {
    let object = &line["object"];
    let status = &object["status"]["containerStatuses"][0];
    let mut conditions: Vec<String> = object["status"]["conditions"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|c| format!("{}{}{}", c["type"], c["status"], c["reason"]))
        .collect();
    conditions.sort();
    let annotations: Vec<&String> = object["metadata"]["annotations"].as_object().into_iter().flat_map(|map| map.keys()).collect();
    format!(
        "{} gen {} deleting {} grace {} phase {} {conditions:?} state {:?} restarts {} ready {} started {} annotations {annotations:?}",
        line["watch"].as_str().unwrap(),
        object["metadata"]["generation"],
        object["metadata"]["deletionTimestamp"].is_string(),
        object["metadata"]["deletionGracePeriodSeconds"],
        object["status"]["phase"],
        status["state"].as_object().map(|s| s.keys().cloned().collect::<Vec<_>>()),
        restarts,
        status["ready"],
        status["started"],
    )
}

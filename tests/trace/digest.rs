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
    for line in lines.iter().filter(|line| line["watch"].is_string()) {
        let object = &line["object"];
        let kind = object["kind"].as_str().unwrap();
        let name = object["metadata"]["name"].as_str().unwrap();
        if kind == "Event" {
            event(object, names, &mut seen);
        } else if kind != "Pod" || Recording::at(line) >= 0.0 {
            lives.entry((kind.to_owned(), name.to_owned())).or_default().push(line);
        }
    }
    for ((kind, name), lines) in lives {
        let what = format!("{kind} {}", names.settle(&name));
        let states = match kind.as_str() {
            "Pod" => lines.iter().map(|line| pod(line)).collect(),
            "Schedule" => schedule(&lines, names),
            _ => life(&lines, names),
        };
        if kind == "Schedule" {
            for (aspect, states) in ["object", "active", "time"].into_iter().zip(states_of(states)) {
                seen.states.entry(format!("{what} {aspect}")).or_default().push(states);
            }
        } else {
            seen.states.entry(what).or_default().push(states);
        }
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

fn states_of(joined: Vec<String>) -> [Vec<String>; 3] {
    let mut parts: [Vec<String>; 3] = Default::default();
    for state in joined {
        let (index, state) = state.split_at(1);
        parts[index.parse::<usize>().unwrap()].push(state.to_owned());
    }
    parts
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
        || matches!(about["kind"].as_str(), Some("PodNetworkChaos" | "PodIOChaos" | "PodHttpChaos"));
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

/// A Schedule in three aspects: what changes but its lists, which children it lists, and when it last ran. Its controllers write at the same
/// time, and how often they rewrite the list while nothing in it comes or goes is chance.
fn schedule(lines: &[&Value], names: &Names) -> Vec<String> {
    let mut states = Vec::new();
    let mut last = [String::new(), String::new(), String::new()];
    for line in lines {
        let object = &line["object"];
        let status = names.normal(&object["status"]);
        let mut active: Vec<String> = status["active"].as_array().into_iter().flatten().map(Value::to_string).collect();
        active.sort();
        let aspects = [
            format!(
                "{} {} spec {} status {:?}",
                if line["watch"] == "DELETED" { "DELETED" } else { "" },
                names.normal(&metadata(object)),
                names.normal(&object["spec"]),
                status.as_object().into_iter().flatten().map(|(key, _)| key).filter(|key| *key != "active").collect::<Vec<_>>(),
            ),
            format!("{active:?}"),
            object["status"]["time"].to_string(),
        ];
        for (index, aspect) in aspects.into_iter().enumerate() {
            if last[index] != aspect {
                let said = if index == 2 { "moved".to_owned() } else { aspect.clone() };
                states.push(format!("{index}{said}"));
                last[index] = aspect;
            }
        }
    }
    states
}

fn pod(line: &Value) -> String {
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
        status["restartCount"],
        status["ready"],
        status["started"],
    )
}

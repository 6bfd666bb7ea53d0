//! `IOChaos`: the rules for the files of a container.

use serde_json::{Value, json};

use super::rules::source;
use crate::rehearsal::api::object::Object;

/// The rules for this container. Volume and container are single fields: a second experiment on the pod overwrites the first one's.
#[must_use]
pub fn rules(experiment: &Object, container: &str) -> Value {
    let spec = &experiment.value()["spec"];
    let mut action = spec["attr"].as_object().cloned().unwrap_or_default();
    for (field, value) in [
        ("type", json!(experiment.text("/spec/action"))),
        ("path", json!(experiment.text("/spec/path"))),
        ("percent", json!(experiment.number("/spec/percent").unwrap_or(0))),
        ("methods", spec["methods"].clone()),
        ("faults", json!([{"errno": experiment.number("/spec/errno").unwrap_or(0), "weight": 1}])),
        ("latency", spec["delay"].clone()),
        ("mistake", spec["mistake"].clone()),
        ("source", json!(source(experiment))),
    ] {
        action.insert(field.to_owned(), value);
    }
    json!({"volumeMountPath": experiment.text("/spec/volumePath"), "container": container, "actions": [action]})
}

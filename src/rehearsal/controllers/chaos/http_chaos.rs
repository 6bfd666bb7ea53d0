//! `HTTPChaos`: the rules for the requests of a pod.

use serde_json::{Map, Value, json};

use super::rules::source;
use crate::rehearsal::api::object::Object;

/// The rules for a pod.
#[must_use]
pub fn rules(experiment: &Object) -> Value {
    let spec = &experiment.value()["spec"];
    let picked = |fields: &[&str]| -> Map<String, Value> {
        fields.iter().filter_map(|field| Some(((*field).to_owned(), spec.get(*field)?.clone()))).collect()
    };
    let mut selector = picked(&["path", "method", "code", "request_headers", "response_headers"]);
    let port = experiment.number("/spec/port").unwrap_or(0);
    selector.insert("port".to_owned(), json!(port));
    let rule = json!({
        "target": experiment.text("/spec/target"), "selector": selector, "actions": picked(&["abort", "delay", "replace", "patch"]),
        "source": source(experiment), "port": port,
    });
    let mut rules = json!({"rules": [rule]});
    if spec["tls"].is_object() {
        rules["tls"] = spec["tls"].clone();
    }
    rules
}

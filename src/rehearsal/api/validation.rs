//! Checks of the built-in kinds' fields: names, and what the controllers rely on.

use serde_json::Value;

use super::kinds::Kind;
use super::object::{Object, list, text};
use super::refusal::{Cause, Refusal};
use super::selector::Selector;

/// Refuse an object that the real server would not store.
///
/// # Errors
/// 422 with every cause.
pub fn check(kind: Kind, value: &Value) -> Result<(), Refusal> {
    let name = text(value, "/metadata/name");
    let mut causes = Vec::new();
    if name.is_empty() {
        causes.push(Cause::required("metadata.name", "name or generateName is required"));
    } else {
        causes.extend(name_cause(kind, name));
    }
    match kind {
        Kind::Pod if list(value, "/spec/containers").is_empty() => causes.push(Cause::required("spec.containers", "")),
        Kind::Deployment | Kind::ReplicaSet | Kind::StatefulSet | Kind::DaemonSet => workload(value, &mut causes),
        Kind::Service if list(value, "/spec/ports").is_empty() && text(value, "/spec/clusterIP") != "None" => {
            causes.push(Cause::required("spec.ports", ""));
        }
        _ => {}
    }
    if causes.is_empty() { Ok(()) } else { Err(Refusal::invalid(kind, name, &causes)) }
}

fn workload(value: &Value, causes: &mut Vec<Cause>) {
    let selector = &value["spec"]["selector"];
    let template = &value["spec"]["template"];
    match Selector::of_workload(selector) {
        None => causes.push(Cause::required("spec.selector", "")),
        Some(selector) => {
            if !selector.matches(&Object::new(template.clone())) {
                causes.push(Cause::invalid(
                    "spec.template.metadata.labels",
                    template.pointer("/metadata/labels").unwrap_or(&Value::Null),
                    "`selector` does not match template `labels`",
                ));
            }
        }
    }
    if list(template, "/spec/containers").is_empty() {
        causes.push(Cause::required("spec.template.spec.containers", ""));
    }
    if value["spec"]["replicas"].as_i64().is_some_and(|n| n < 0) {
        causes.push(Cause::invalid("spec.replicas", &value["spec"]["replicas"], "must be greater than or equal to 0"));
    }
}

fn name_cause(kind: Kind, name: &str) -> Option<Cause> {
    const SUBDOMAIN: &str = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
    const LABEL: &str = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
    let wide = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let edge = |part: &str| !part.starts_with('-') && !part.ends_with('-') && !part.is_empty();
    let (sound, longest, why) = if matches!(kind, Kind::Namespace | Kind::Service) {
        (name.chars().all(wide) && edge(name), 63, LABEL)
    } else {
        (name.split('.').all(|part| part.chars().all(wide) && edge(part)), 253, SUBDOMAIN)
    };
    let value = Value::from(name);
    if !sound {
        Some(Cause::invalid("metadata.name", &value, why))
    } else if name.len() > longest {
        Some(Cause::invalid("metadata.name", &value, &format!("must be no more than {longest} bytes")))
    } else {
        None
    }
}

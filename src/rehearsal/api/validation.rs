//! Checks of objects before they are stored: every object's metadata, and the built-in kinds' fields.
//!
//! [`fields`] holds the rules about single fields; here are those about several at once.

pub mod fields;
pub mod format;
pub mod metadata;
pub mod updates;

use serde_json::Value;

use super::anatomy::Anatomy;
use super::kinds::Kind;
use super::object::{Object, list, text};
use super::refusal::{Cause, Refusal};
use super::selector::Selector;
use format::Format;

/// Bytes that the data of a `ConfigMap` or a Secret may have.
const DATA: usize = 1 << 20;

/// Secrets of these types have these keys.
const SECRET_KEYS: [(&str, &[&str]); 4] = [
    ("kubernetes.io/dockercfg", &[".dockercfg"]),
    ("kubernetes.io/dockerconfigjson", &[".dockerconfigjson"]),
    ("kubernetes.io/ssh-auth", &["ssh-privatekey"]),
    ("kubernetes.io/tls", &["tls.crt", "tls.key"]),
];

/// Refuse an object that the real server would not store. What the cluster's own controllers write needs no more than a name.
///
/// # Errors
/// 422 with every cause.
pub fn check(kind: Kind, value: &Value, old: Option<&Object>, trusted: bool) -> Result<(), Refusal> {
    let mut causes = Vec::new();
    if old.is_none() {
        metadata::name(kind, value, &mut causes);
    }
    if !trusted {
        metadata::check(value, &mut causes);
        if let Some(old) = old {
            metadata::new_finalizers(old, value, &mut causes);
        }
        several(kind, value, &mut causes);
        if let Some(anatomy) = Anatomy::of(kind) {
            fields::check(anatomy, value, &mut causes);
        }
        if let Some(old) = old {
            updates::check(kind, old.value(), value, &mut causes);
        }
    }
    if causes.is_empty() { Ok(()) } else { Err(Refusal::invalid(kind, text(value, "/metadata/name"), &causes)) }
}

/// Rules about several fields at once.
fn several(kind: Kind, value: &Value, causes: &mut Vec<Cause>) {
    match kind {
        Kind::Deployment | Kind::ReplicaSet | Kind::StatefulSet | Kind::DaemonSet => workload(kind, value, causes),
        Kind::Service => service(value, causes),
        Kind::ConfigMap => data(value, &["data", "binaryData"], causes),
        Kind::Secret => {
            data(value, &["data"], causes);
            let wanted = SECRET_KEYS.iter().find(|(name, _)| *name == text(value, "/type")).map_or(&[][..], |(_, keys)| keys);
            for key in wanted.iter().filter(|key| value.get("data").and_then(|data| data.get(**key)).is_none()) {
                causes.push(Cause::required(&format!("data[{key}]"), ""));
            }
        }
        Kind::PodDisruptionBudget => {
            let spec = &value["spec"];
            if !spec["minAvailable"].is_null() && !spec["maxUnavailable"].is_null() {
                causes.push(Cause::invalid("spec", spec, "minAvailable and maxUnavailable cannot be both set"));
            }
        }
        Kind::HorizontalPodAutoscaler => {
            let number = |pointer: &str| value.pointer(pointer).and_then(Value::as_i64);
            if let (Some(most), Some(least)) = (number("/spec/maxReplicas"), number("/spec/minReplicas"))
                && most < least
            {
                causes.push(Cause::invalid("spec.maxReplicas", &most.into(), "must be greater than or equal to `minReplicas`"));
            }
        }
        Kind::Job => job("spec", &value["spec"], causes),
        Kind::CronJob => job("spec.jobTemplate.spec", value.pointer("/spec/jobTemplate/spec").unwrap_or(&Value::Null), causes),
        _ => {}
    }
}

fn workload(kind: Kind, value: &Value, causes: &mut Vec<Cause>) {
    let template = &value["spec"]["template"];
    let selector = Selector::of_workload(&value["spec"]["selector"]);
    if selector.is_none() {
        causes.push(Cause::required("spec.selector", ""));
    }
    if !selector.is_some_and(|selector| selector.matches(&Object::new(template.clone()))) {
        let labels = template.pointer("/metadata/labels").unwrap_or(&Value::Null);
        causes.push(Cause::invalid("spec.template.metadata.labels", labels, "`selector` does not match template `labels`"));
    }
    let restart = text(template, "/spec/restartPolicy");
    if !matches!(restart, "" | "Always") {
        causes.push(Cause::unsupported("spec.template.spec.restartPolicy", restart, &["Always"]));
    }
    if kind == Kind::Deployment
        && text(value, "/spec/strategy/type") == "Recreate"
        && value.pointer("/spec/strategy/rollingUpdate").is_some_and(|rolling| !rolling.is_null())
    {
        let why = "may not be specified when strategy `type` is 'Recreate'";
        causes.push(Cause::forbidden("spec.strategy.rollingUpdate", why));
    }
}

fn job(path: &str, spec: &Value, causes: &mut Vec<Cause>) {
    let restart = text(spec, "/template/spec/restartPolicy");
    if !matches!(restart, "OnFailure" | "Never") {
        let field = format!("{path}.template.spec.restartPolicy");
        causes.push(if matches!(restart, "" | "Always") {
            Cause::required(&field, "valid values: \"OnFailure\", \"Never\"")
        } else {
            Cause::unsupported(&field, restart, &["OnFailure", "Never"])
        });
    }
}

fn service(value: &Value, causes: &mut Vec<Cause>) {
    let ports = list(value, "/spec/ports");
    if text(value, "/spec/type") == "ExternalName" {
        if text(value, "/spec/externalName").is_empty() {
            causes.push(Cause::required("spec.externalName", ""));
        }
    } else if ports.is_empty() && text(value, "/spec/clusterIP") != "None" {
        causes.push(Cause::required("spec.ports", ""));
    }
    for (index, port) in ports.iter().enumerate() {
        let name = text(port, "/name");
        let field = format!("spec.ports[{index}].name");
        if name.is_empty() && ports.len() > 1 {
            causes.push(Cause::required(&field, ""));
        } else if !name.is_empty() && ports[..index].iter().any(|other| text(other, "/name") == name) {
            causes.push(Cause::duplicate(&field, name));
        }
    }
}

fn data(value: &Value, fields: &[&str], causes: &mut Vec<Cause>) {
    let mut size = 0;
    for field in fields {
        for (key, held) in value.get(*field).and_then(Value::as_object).into_iter().flatten() {
            let faults = Format::ConfigKey.faults(key);
            causes.extend(faults.iter().map(|why| Cause::invalid(&format!("{field}[{key}]"), &key.as_str().into(), why)));
            size += held.as_str().map_or(0, str::len);
        }
    }
    if size > DATA {
        causes.push(Cause::too_long("data", DATA));
    }
}

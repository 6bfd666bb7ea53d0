//! Rules about single fields, by the struct they stand in, and the one walk that holds every built-in kind to them.

use std::collections::BTreeSet;

use serde_json::Value;

use super::super::anatomy::{Anatomy, Shape};
use super::super::object::{list, text};
use super::super::refusal::Cause;
use super::format::Format;
use super::metadata;
use crate::rehearsal::quantity;

/// What a field has to keep to.
#[derive(Clone, Copy)]
enum Rule {
    /// It has to be there.
    Required,
    /// It has to be there; why.
    RequiredFor(&'static str),
    /// A text, if there is one, has this form.
    Like(Format),
    /// A text, if there is one, is one of these.
    OneOf(&'static [&'static str]),
    /// A number, if there is one, is from here to there.
    Within(i64, i64),
    /// A number is not below zero.
    NotNegative,
    /// No two items have the same value in this field.
    Unique(&'static str),
}

use Rule::{Like, NotNegative, OneOf, Required, RequiredFor, Unique, Within};

const PROTOCOLS: Rule = OneOf(&["SCTP", "TCP", "UDP"]);
const PORT: Rule = Within(1, 65_535);

/// Struct, field, rules.
const RULES: &[(&str, &str, &[Rule])] = &[
    ("PodSpec", "containers", &[Required, Unique("name")]),
    ("PodSpec", "initContainers", &[Unique("name")]),
    ("PodSpec", "volumes", &[Unique("name")]),
    ("PodSpec", "restartPolicy", &[OneOf(&["Always", "OnFailure", "Never"])]),
    ("PodSpec", "dnsPolicy", &[OneOf(&["ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"])]),
    ("PodSpec", "terminationGracePeriodSeconds", &[NotNegative]),
    ("PodSpec", "serviceAccountName", &[Like(Format::Subdomain)]),
    ("PodSpec", "nodeName", &[Like(Format::Subdomain)]),
    ("PodSpec", "hostname", &[Like(Format::Label)]),
    ("PodSpec", "subdomain", &[Like(Format::Label)]),
    ("PodSpec", "activeDeadlineSeconds", &[Within(1, 2_147_483_647)]),
    ("Container", "name", &[Required, Like(Format::Label)]),
    ("Container", "image", &[Required]),
    ("Container", "imagePullPolicy", &[OneOf(&["Always", "IfNotPresent", "Never"])]),
    ("Container", "terminationMessagePolicy", &[OneOf(&["FallbackToLogsOnError", "File"])]),
    ("ContainerPort", "containerPort", &[Required, PORT]),
    ("ContainerPort", "hostPort", &[Within(0, 65_535)]),
    ("ContainerPort", "name", &[Like(Format::PortName)]),
    ("ContainerPort", "protocol", &[PROTOCOLS]),
    ("EnvVar", "name", &[Required]),
    ("VolumeMount", "name", &[Required]),
    ("VolumeMount", "mountPath", &[Required]),
    ("Volume", "name", &[Required, Like(Format::Label)]),
    ("HTTPGetAction", "scheme", &[OneOf(&["HTTP", "HTTPS"])]),
    ("Probe", "initialDelaySeconds", &[NotNegative]),
    ("Probe", "timeoutSeconds", &[NotNegative]),
    ("Probe", "periodSeconds", &[NotNegative]),
    ("Probe", "successThreshold", &[NotNegative]),
    ("Probe", "failureThreshold", &[NotNegative]),
    ("Toleration", "operator", &[OneOf(&["Equal", "Exists"])]),
    ("Toleration", "effect", &[OneOf(&["NoExecute", "NoSchedule", "PreferNoSchedule"])]),
    ("Taint", "effect", &[Required, OneOf(&["NoExecute", "NoSchedule", "PreferNoSchedule"])]),
    ("ServiceSpec", "type", &[OneOf(&["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"])]),
    ("ServiceSpec", "sessionAffinity", &[OneOf(&["ClientIP", "None"])]),
    ("ServicePort", "name", &[Like(Format::Label)]),
    ("ServicePort", "port", &[PORT]),
    ("ServicePort", "targetPort", &[PORT]),
    ("ServicePort", "protocol", &[PROTOCOLS]),
    ("DeploymentSpec", "replicas", &[NotNegative]),
    ("DeploymentSpec", "minReadySeconds", &[NotNegative]),
    ("DeploymentSpec", "revisionHistoryLimit", &[NotNegative]),
    ("DeploymentSpec", "progressDeadlineSeconds", &[NotNegative]),
    ("DeploymentStrategy", "type", &[OneOf(&["Recreate", "RollingUpdate"])]),
    ("ReplicaSetSpec", "replicas", &[NotNegative]),
    ("ReplicaSetSpec", "minReadySeconds", &[NotNegative]),
    ("StatefulSetSpec", "replicas", &[NotNegative]),
    ("StatefulSetSpec", "podManagementPolicy", &[OneOf(&["OrderedReady", "Parallel"])]),
    ("DaemonSetSpec", "minReadySeconds", &[NotNegative]),
    ("ReplicationControllerSpec", "replicas", &[NotNegative]),
    ("JobSpec", "parallelism", &[NotNegative]),
    ("JobSpec", "completions", &[NotNegative]),
    ("JobSpec", "backoffLimit", &[NotNegative]),
    ("JobSpec", "activeDeadlineSeconds", &[NotNegative]),
    ("CronJobSpec", "schedule", &[Required]),
    ("CronJobSpec", "concurrencyPolicy", &[OneOf(&["Allow", "Forbid", "Replace"])]),
    ("HorizontalPodAutoscalerSpec", "minReplicas", &[Within(1, 2_147_483_647)]),
    ("HorizontalPodAutoscalerSpec", "maxReplicas", &[Required]),
    ("CrossVersionObjectReference", "kind", &[Required]),
    ("CrossVersionObjectReference", "name", &[Required]),
    ("PolicyRule", "verbs", &[RequiredFor("verbs must contain at least one value")]),
    ("PersistentVolumeClaimSpec", "accessModes", &[RequiredFor("at least 1 access mode is required")]),
    ("PriorityClass", "preemptionPolicy", &[OneOf(&["Never", "PreemptLowerPriority"])]),
];

/// Structs that are there even when nobody wrote them, as Go has them.
const ALWAYS: [&str; 2] = ["PodTemplateSpec", "PodSpec"];

/// What is wrong with the fields of an object's spec and of all that is in it.
pub fn check(anatomy: &Anatomy, value: &Value, causes: &mut Vec<Cause>) {
    let Some(fields) = anatomy.structs.get(anatomy.root) else { return };
    for (field, shape) in fields.iter().filter(|(field, _)| !matches!(*field, "metadata" | "status")) {
        field_of(anatomy, anatomy.root, (field, shape), value, field, causes);
    }
}

fn field_of(anatomy: &Anatomy, holder: &str, (field, shape): (&str, &Shape), value: &Value, path: &str, causes: &mut Vec<Cause>) {
    let held = value.get(field).unwrap_or(&Value::Null);
    for (_, _, rules) in RULES.iter().filter(|(name, of, _)| *name == holder && *of == field) {
        keep(rules, held, path, causes);
    }
    walk(anatomy, shape, held, path, causes);
}

fn walk(anatomy: &Anatomy, shape: &Shape, value: &Value, path: &str, causes: &mut Vec<Cause>) {
    match shape {
        Shape::Struct(name) if value.is_object() || ALWAYS.contains(name) => {
            match *name {
                "ResourceRequirements" => resources(value, path, causes),
                "LabelSelectorRequirement" => expression(value, path, causes),
                "PodTemplateSpec" => metadata::marks(value.get("metadata").unwrap_or(&Value::Null), path, causes),
                _ => {}
            }
            for (field, shape) in anatomy.structs.get(name).into_iter().flatten().filter(|(field, _)| *field != "metadata") {
                field_of(anatomy, name, (field, shape), value, &format!("{path}.{field}"), causes);
            }
        }
        Shape::List(shape) => {
            for (index, item) in value.as_array().into_iter().flatten().enumerate() {
                walk(anatomy, shape, item, &format!("{path}[{index}]"), causes);
            }
        }
        _ => {}
    }
}

fn is_absent(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Number(number) => number.as_i64() == Some(0),
        Value::Bool(_) | Value::Object(_) => false,
    }
}

fn keep(rules: &[Rule], value: &Value, path: &str, causes: &mut Vec<Cause>) {
    let words = value.as_str().filter(|text| !text.is_empty());
    for rule in rules {
        match rule {
            Required | RequiredFor(_) if is_absent(value) => {
                causes.push(Cause::required(path, if let RequiredFor(why) = rule { why } else { "" }));
                return;
            }
            Like(format) => {
                let faults = words.map(|text| format.faults(text)).unwrap_or_default();
                causes.extend(faults.iter().map(|why| Cause::invalid(path, value, why)));
            }
            OneOf(these) => causes.extend(words.filter(|text| !these.contains(text)).map(|text| Cause::unsupported(path, text, these))),
            Within(from, to) if value.as_i64().is_some_and(|number| number < *from || number > *to) => {
                causes.push(Cause::invalid(path, value, &format!("must be between {from} and {to}, inclusive")));
            }
            NotNegative if value.as_i64().is_some_and(|number| number < 0) => {
                causes.push(Cause::invalid(path, value, "must be greater than or equal to 0"));
            }
            Unique(field) => {
                let mut seen = BTreeSet::new();
                for (index, item) in value.as_array().into_iter().flatten().enumerate() {
                    let own = text(item, &format!("/{field}"));
                    if !own.is_empty() && !seen.insert(own) {
                        causes.push(Cause::duplicate(&format!("{path}[{index}].{field}"), own));
                    }
                }
            }
            Required | RequiredFor(_) | Within(..) | NotNegative => {}
        }
    }
}

/// No amount below none, and nothing asked for beyond its limit.
fn resources(value: &Value, path: &str, causes: &mut Vec<Cause>) {
    let written = |amount: &Value| amount.as_str().map_or_else(|| amount.to_string(), str::to_owned);
    for kind in ["limits", "requests"] {
        for (name, amount) in value.get(kind).and_then(Value::as_object).into_iter().flatten() {
            if quantity::of(amount) < 0 {
                let why = "must be greater than or equal to 0";
                causes.push(Cause::invalid(&format!("{path}.{kind}[{name}]"), &written(amount).into(), why));
            }
            let limit = value.get("limits").and_then(|limits| limits.get(name)).filter(|_| kind == "requests");
            if let Some(limit) = limit.filter(|limit| quantity::of(amount) > quantity::of(limit)) {
                let why = format!("must be less than or equal to {name} limit of {}", written(limit));
                causes.push(Cause::invalid(&format!("{path}.requests"), &written(amount).into(), &why));
            }
        }
    }
}

fn expression(value: &Value, path: &str, causes: &mut Vec<Cause>) {
    let values = list(value, "/values");
    match text(value, "/operator") {
        "In" | "NotIn" if values.is_empty() => {
            causes.push(Cause::required(&format!("{path}.values"), "must be specified when `operator` is 'In' or 'NotIn'"));
        }
        "Exists" | "DoesNotExist" if !values.is_empty() => {
            causes.push(Cause::forbidden(&format!("{path}.values"), "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"));
        }
        "In" | "NotIn" | "Exists" | "DoesNotExist" => {}
        other => causes.push(Cause::invalid(&format!("{path}.operator"), &other.into(), "not a valid selector operator")),
    }
    let key = text(value, "/key");
    causes.extend(Format::Qualified.faults(key).iter().map(|why| Cause::invalid(&format!("{path}.key"), &key.into(), why)));
}

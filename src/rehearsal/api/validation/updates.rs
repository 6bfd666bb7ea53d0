//! What may not change once it is there.

use serde_json::Value;

use super::super::kinds::Kind;
use super::super::object::{list, text};
use super::super::refusal::Cause;

/// How a change of a field is refused.
#[derive(Clone, Copy)]
enum Fixed {
    /// The new value is invalid: why.
    Invalid(&'static str),
    /// The change is forbidden: why.
    Forbidden(&'static str),
}

const IMMUTABLE: Fixed = Fixed::Invalid("field is immutable");
const ROLE: Fixed = Fixed::Invalid("cannot change roleRef");

/// Kind, pointer, the field as it is named, how its change is refused.
const FIXED: &[(Kind, &str, &str, Fixed)] = &[
    (Kind::Deployment, "/spec/selector", "spec.selector", IMMUTABLE),
    (Kind::ReplicaSet, "/spec/selector", "spec.selector", IMMUTABLE),
    (Kind::DaemonSet, "/spec/selector", "spec.selector", IMMUTABLE),
    (Kind::Job, "/spec/selector", "spec.selector", IMMUTABLE),
    (Kind::Job, "/spec/completionMode", "spec.completionMode", IMMUTABLE),
    (Kind::Secret, "/type", "type", IMMUTABLE),
    (Kind::RoleBinding, "/roleRef", "roleRef", ROLE),
    (Kind::ClusterRoleBinding, "/roleRef", "roleRef", ROLE),
    (Kind::StorageClass, "/parameters", "parameters", Fixed::Forbidden("updates to parameters are forbidden.")),
    (Kind::StorageClass, "/provisioner", "provisioner", Fixed::Forbidden("updates to provisioner are forbidden.")),
    (Kind::StorageClass, "/reclaimPolicy", "reclaimPolicy", Fixed::Forbidden("updates to reclaimPolicy are forbidden.")),
    (Kind::PriorityClass, "/value", "value", Fixed::Forbidden("may not be changed in an update.")),
];

/// Kind, what of its spec may change, and the words that refuse any other change.
const SPECS: &[(Kind, &[&str], &str)] = &[
    (
        Kind::StatefulSet,
        &[
            "replicas",
            "ordinals",
            "template",
            "updateStrategy",
            "revisionHistoryLimit",
            "persistentVolumeClaimRetentionPolicy",
            "minReadySeconds",
        ],
        "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden",
    ),
    (
        Kind::PersistentVolumeClaim,
        // The volume is filled in by the binder.
        &["resources", "volumeAttributesClassName", "volumeName"],
        "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims",
    ),
    (
        Kind::Pod,
        &["activeDeadlineSeconds", "tolerations", "schedulingGates", "nodeName"],
        "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)",
    ),
];

/// What of this change may not be.
pub fn check(kind: Kind, old: &Value, new: &Value, causes: &mut Vec<Cause>) {
    for (_, pointer, field, fixed) in FIXED.iter().filter(|(of, ..)| *of == kind) {
        let now = new.pointer(pointer).unwrap_or(&Value::Null);
        if essence(now) != essence(old.pointer(pointer).unwrap_or(&Value::Null)) {
            causes.push(match fixed {
                Fixed::Invalid(why) => Cause::invalid(field, now, why),
                Fixed::Forbidden(why) => Cause::forbidden(field, why),
            });
        }
    }
    if matches!(kind, Kind::ConfigMap | Kind::Secret) && old["immutable"] == true {
        let frozen = ["immutable", "data", "binaryData"];
        for field in frozen.iter().filter(|field| essence(&new[**field]) != essence(&old[**field])) {
            causes.push(Cause::forbidden(field, "field is immutable when `immutable` is set"));
        }
    }
    for (_, free, why) in SPECS.iter().filter(|(of, ..)| *of == kind) {
        if kept(kind, old, free) != kept(kind, new, free) || (kind == Kind::Pod && !keeps_tolerations(old, new)) {
            causes.push(Cause::forbidden("spec", why));
        }
    }
}

/// What of a spec has to stay.
fn kept(kind: Kind, value: &Value, free: &[&str]) -> Value {
    let mut spec = value["spec"].clone();
    if let Some(map) = spec.as_object_mut() {
        map.retain(|field, _| !free.contains(&field.as_str()));
    }
    if kind == Kind::Pod {
        for containers in ["containers", "initContainers"] {
            let each = spec.get_mut(containers).and_then(Value::as_array_mut).into_iter().flatten();
            for container in each.filter_map(Value::as_object_mut) {
                container.shift_remove("image");
            }
        }
    }
    essence(&spec)
}

fn keeps_tolerations(old: &Value, new: &Value) -> bool {
    let now = list(new, "/spec/tolerations");
    let alike = |a: &Value, b: &Value| {
        ["key", "operator", "value", "effect"].iter().all(|f| text(a, &format!("/{f}")) == text(b, &format!("/{f}")))
    };
    list(old, "/spec/tolerations").iter().all(|held| now.iter().any(|given| alike(held, given)))
}

/// A value without what says nothing: nulls, and empty texts, lists and maps. So Go compares.
fn essence(value: &Value) -> Value {
    let empty = |value: &Value| match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(map) => map.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    };
    match value {
        Value::Object(map) => {
            Value::Object(map.iter().map(|(key, held)| (key.clone(), essence(held))).filter(|(_, held)| !empty(held)).collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(essence).collect()),
        plain => plain.clone(),
    }
}

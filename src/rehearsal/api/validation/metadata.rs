//! What every object has to keep to: names, labels, annotations, finalizers, owners.

use serde_json::Value;

use super::super::kinds::Kind;
use super::super::object::{Object, list, pairs, text};
use super::super::refusal::Cause;
use super::format::Format;

/// Bytes that an object's annotations may have together.
const ANNOTATIONS: usize = 256 << 10;
/// Finalizers that need no group before them.
const STANDARD_FINALIZERS: [&str; 3] = ["kubernetes", "orphan", "foregroundDeletion"];

/// The form that names of this kind have.
const fn name_format(kind: Kind) -> Format {
    match kind {
        Kind::Namespace => Format::Label,
        Kind::Service => Format::Label1035,
        Kind::Role | Kind::RoleBinding | Kind::ClusterRole | Kind::ClusterRoleBinding => Format::Segment,
        _ => Format::Subdomain,
    }
}

/// What is wrong with an object's name.
pub fn name(kind: Kind, value: &Value, causes: &mut Vec<Cause>) {
    let name = text(value, "/metadata/name");
    if name.is_empty() {
        causes.push(Cause::required("metadata.name", "name or generateName is required"));
    } else {
        let faults = name_format(kind).faults(name);
        causes.extend(faults.iter().map(|why| Cause::invalid("metadata.name", &name.into(), why)));
    }
}

/// What is wrong with an object's labels, annotations, owners and finalizers.
pub fn check(value: &Value, causes: &mut Vec<Cause>) {
    marks(&value["metadata"], "metadata", causes);
    for (index, owner) in list(value, "/metadata/ownerReferences").iter().enumerate() {
        for field in ["apiVersion", "kind", "name", "uid"] {
            if text(owner, &format!("/{field}")).is_empty() {
                let why = if field == "apiVersion" { "version must not be empty" } else { "must not be empty" };
                causes.push(Cause::invalid(&format!("metadata.ownerReferences[{index}].{field}"), &"".into(), why));
            }
        }
    }
    for (index, finalizer) in list(value, "/metadata/finalizers").iter().enumerate() {
        let name = finalizer.as_str().unwrap_or_default();
        let field = format!("metadata.finalizers[{index}]");
        let faults = Format::Qualified.faults(name);
        causes.extend(faults.iter().map(|why| Cause::invalid(&field, finalizer, why)));
        if faults.is_empty() && !name.contains('/') && !STANDARD_FINALIZERS.contains(&name) {
            causes.push(Cause::invalid(&field, finalizer, "name is neither a standard finalizer name nor is it fully qualified"));
        }
    }
}

/// What is wrong with the labels and annotations that stand in this map.
pub fn marks(holder: &Value, path: &str, causes: &mut Vec<Cause>) {
    let invalid = |field: &str, value: &str, why: &str| Cause::invalid(&format!("{path}.{field}"), &value.into(), why);
    for (key, value) in pairs(holder, "/labels") {
        causes.extend(Format::Qualified.faults(key).iter().map(|why| invalid("labels", key, why)));
        causes.extend(Format::LabelValue.faults(value).iter().map(|why| invalid("labels", value, why)));
    }
    let annotations = pairs(holder, "/annotations");
    for key in annotations.keys() {
        causes.extend(Format::Qualified.faults(&key.to_lowercase()).iter().map(|why| invalid("annotations", key, why)));
    }
    if annotations.iter().map(|(key, value)| key.len() + value.len()).sum::<usize>() > ANNOTATIONS {
        causes.push(Cause::too_long(&format!("{path}.annotations"), ANNOTATIONS));
    }
}

/// What may not become of what is on its way out: new finalizers. The server says it twice.
pub fn new_finalizers(old: &Object, value: &Value, causes: &mut Vec<Cause>) {
    if !old.deleting() {
        return;
    }
    let held = old.list("/metadata/finalizers");
    let mut fresh: Vec<String> =
        list(value, "/metadata/finalizers").iter().filter(|f| !held.contains(f)).map(ToString::to_string).collect();
    fresh.sort();
    if !fresh.is_empty() {
        let why =
            format!("no new finalizers can be added if the object is being deleted, found new finalizers []string{{{}}}", fresh.join(", "));
        let cause = Cause::forbidden("metadata.finalizers", &why);
        causes.extend([cause.clone(), cause]);
    }
}

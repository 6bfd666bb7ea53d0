//! The `CustomResourceDefinition`s that Chaos Mesh's chart brings, of the kinds that are served.

use serde_json::{Value, json};

use super::State;
use super::columns::Columns;
use super::kinds::{Kind, RESOURCES, Resource};
use super::store::Key;

fn defined() -> impl Iterator<Item = &'static Resource> {
    RESOURCES.iter().filter(|resource| resource.kind.is_custom())
}

/// How many there are.
#[must_use]
pub fn count() -> u64 {
    defined().map(|_| 1).sum()
}

impl State {
    /// Store them as the server has them once their names are accepted.
    pub(in crate::rehearsal) fn found_definitions(&mut self) {
        for resource in defined() {
            let name = resource.qualified();
            let mut value = definition(resource, &self.clock.stamp());
            value["metadata"]["uid"] = json!(self.dice.stream(&format!("uid/definition/{name}")).uuid());
            self.store.put(Key::new(Kind::CustomResourceDefinition, "", &name), value);
        }
    }
}

fn definition(resource: &Resource, now: &str) -> Value {
    let mut names = json!({"kind": resource.name, "listKind": format!("{}List", resource.name), "plural": resource.plural,
        "singular": resource.singular});
    if !resource.short.is_empty() {
        names["shortNames"] = json!(resource.short);
    }
    let mut version = json!({"name": resource.version, "served": true, "storage": true,
        "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}}});
    let columns = Columns::of(resource.kind).printed();
    if !columns.is_empty() {
        version["additionalPrinterColumns"] = json!(columns);
    }
    if resource.status {
        version["subresources"] = json!({"status": {}});
    }
    let condition = |kind: &str, reason: &str, message: &str| json!({"type": kind, "status": "True", "reason": reason, "message": message, "lastTransitionTime": now});
    json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": resource.qualified(), "creationTimestamp": now, "generation": 1},
        "spec": {"group": resource.group, "names": names, "scope": "Namespaced", "versions": [version], "conversion": {"strategy": "None"}},
        "status": {"acceptedNames": names, "storedVersions": [resource.version], "conditions": [
            condition("NamesAccepted", "NoConflicts", "no conflicts found"),
            condition("Established", "InitialNamesAccepted", "the initial names have been accepted"),
        ]},
    })
}

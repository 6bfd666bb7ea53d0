//! What admission does to volumes and claims: what is in use is kept, and a claim that names no class has the usual one.

use serde_json::{Value, json};

use crate::rehearsal::api::State;
use crate::rehearsal::api::kinds::Kind;
use crate::rehearsal::api::object::{map_mut, metadata};

/// Says of a `StorageClass` that it is meant where a claim names none.
pub const USUAL: &str = "storageclass.kubernetes.io/is-default-class";

/// Keeps a claim while a pod uses it.
pub const CLAIM_IN_USE: &str = "kubernetes.io/pvc-protection";

/// Keeps a volume while a claim is bound to it.
pub const VOLUME_IN_USE: &str = "kubernetes.io/pv-protection";

impl State {
    /// Complete a new volume or claim.
    pub(super) fn admit_storage(&self, kind: Kind, value: &mut Value) {
        let finalizer = if kind == Kind::PersistentVolumeClaim { CLAIM_IN_USE } else { VOLUME_IN_USE };
        let finalizers = metadata(value).entry("finalizers").or_insert_with(|| json!([]));
        if let Some(list) = finalizers.as_array_mut().filter(|list| list.iter().all(|one| one != finalizer)) {
            list.push(json!(finalizer));
        }
        if kind == Kind::PersistentVolumeClaim && value["spec"].get("storageClassName").is_none_or(Value::is_null) {
            let mut usual: Vec<_> = self.store.list(Kind::StorageClass, None).filter(|class| class.annotation(USUAL) == "true").collect();
            // Of several the newest is meant, and of those the first by name.
            usual.sort_by_key(|class| (std::cmp::Reverse(class.text("/metadata/creationTimestamp")), class.name()));
            let name = usual.first().map(|class| json!(class.name()));
            let spec = map_mut(value, "spec");
            match name {
                Some(name) => drop(spec.insert("storageClassName".to_owned(), name)),
                None => drop(spec.shift_remove("storageClassName")),
            }
        }
    }
}

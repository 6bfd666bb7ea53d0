//! Creating and changing objects by the rules of the real server: names, preconditions, generations, what a client may not set.

use std::sync::Arc;

use serde_json::{Value, json};

use super::State;
use super::admission;
use super::defaults;
use super::kinds::Kind;
use super::object::{Object, metadata, text};
use super::refusal::Refusal;
use super::store::Key;
use super::validation;

/// How a write is meant.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of a request of its own")]
pub struct Intent {
    /// Check and answer, but store nothing.
    pub dry_run: bool,
    /// Refuse fields that the kind does not have.
    pub strict: bool,
    /// Tell of fields that the kind does not have.
    pub warn: bool,
    /// From the cluster's own controllers, whose objects need no reading.
    pub trusted: bool,
}

/// Which part of an object a change may touch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Everything but the status, where the kind has a status subresource.
    Main,
    /// The status alone.
    Status,
    /// What the scheduler writes when it binds a pod: no new generation.
    Binding,
}

/// A write of the cluster's own.
pub const OWN_WRITE: Intent = Intent { dry_run: false, strict: false, warn: false, trusted: true };

/// What the server alone sets; a client's values are replaced by the stored ones.
const OWN: [&str; 7] =
    ["uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "generation", "generateName", "resourceVersion"];

impl State {
    /// Create an object.
    ///
    /// # Errors
    /// What the real server would refuse: 400, 403, 404, 409, 422.
    pub fn create(&mut self, kind: Kind, namespace: &str, mut value: Value, intent: Intent) -> Result<Arc<Object>, Refusal> {
        let resource = kind.resource();
        if !intent.trusted {
            admission::decodable(kind, &mut value, intent, &mut self.warnings)?;
        }
        if resource.namespaced {
            self.namespace_open(namespace, kind, text(&value, "/metadata/name"))?;
            metadata(&mut value).insert("namespace".to_owned(), json!(namespace));
        }
        if !text(&value, "/metadata/resourceVersion").is_empty() {
            let why = "resourceVersion should not be set on objects to be created";
            return Err(Refusal { code: 500, reason: "", message: why.to_owned(), details: None });
        }
        self.settle_name(kind, namespace, &mut value);
        for own in OWN.iter().filter(|own| **own != "generateName") {
            metadata(&mut value).shift_remove(*own);
        }
        let name = text(&value, "/metadata/name").to_owned();
        metadata(&mut value).insert("creationTimestamp".to_owned(), json!(self.clock.stamp()));
        if resource.generation {
            metadata(&mut value).insert("generation".to_owned(), json!(1));
        }
        if resource.status
            && let Some(map) = value.as_object_mut()
        {
            map.shift_remove("status");
        }
        if kind == Kind::Service {
            self.allot_address(namespace, &mut value);
        }
        defaults::fill(kind, &mut value);
        self.admit_new(kind, namespace, &mut value)?;
        self.admit(kind, &mut value, None)?;
        self.within_limits(kind, namespace, &mut value)?;
        validation::check(kind, &value, None, intent.trusted)?;
        if resource.namespaced {
            self.within_quota(kind, namespace, &value)?;
        }
        let key = Key::new(kind, if resource.namespaced { namespace } else { "" }, &name);
        if self.store.get(&key).is_some() {
            return Err(Refusal::already_exists(kind, &name));
        }
        let salt = format!("uid/{}/{namespace}/{name}/{}/{}", resource.plural, self.store.revision(), intent.dry_run);
        metadata(&mut value).insert("uid".to_owned(), json!(self.dice.stream(&salt).uuid()));
        if kind == Kind::Job {
            defaults::select_by_uid(&mut value);
        }
        if intent.dry_run {
            return Ok(Arc::new(Object::new(value)));
        }
        let object = self.store.put(key, value);
        self.settle_quotas(kind, namespace);
        Ok(object)
    }

    /// Give a Service its address in the cluster, and ports on the nodes where its type has them.
    fn allot_address(&self, namespace: &str, value: &mut Value) {
        let name = text(value, "/metadata/name").to_owned();
        let outside = matches!(text(value, "/spec/type"), "NodePort" | "LoadBalancer");
        if text(value, "/spec/type") == "ExternalName" {
            return;
        }
        let mut rolls = self.dice.stream(&format!("cluster ip/{namespace}/{name}"));
        let spec = super::object::map_mut(value, "spec");
        if spec.get("clusterIP").and_then(Value::as_str).unwrap_or_default().is_empty() {
            spec.insert("clusterIP".to_owned(), json!(format!("10.96.{}.{}", rolls.below(256), 2 + rolls.below(250))));
        }
        let ports = spec.get_mut("ports").and_then(Value::as_array_mut).into_iter().flatten().filter_map(Value::as_object_mut);
        for port in ports.filter(|port| outside && port.get("nodePort").and_then(Value::as_i64).unwrap_or(0) == 0) {
            port.insert("nodePort".to_owned(), json!(30_000 + rolls.below(2768)));
        }
    }

    /// Change an object to this value.
    ///
    /// # Errors
    /// What the real server would refuse: 400, 403, 404, 409, 422.
    pub fn update(
        &mut self,
        kind: Kind,
        namespace: &str,
        name: &str,
        mut value: Value,
        part: Part,
        intent: Intent,
    ) -> Result<Arc<Object>, Refusal> {
        let resource = kind.resource();
        let key = Key::new(kind, namespace, name);
        let old = self.store.get(&key).cloned().ok_or_else(|| Refusal::not_found(kind, name))?;
        if !intent.trusted {
            admission::decodable(kind, &mut value, intent, &mut self.warnings)?;
        }
        preconditions(kind, &old, text(&value, "/metadata/uid"), text(&value, "/metadata/resourceVersion"))?;
        if part == Part::Status {
            let mut next = old.value().clone();
            if let Some(map) = next.as_object_mut() {
                match value.get_mut("status").map(Value::take) {
                    Some(status) => map.insert("status".to_owned(), status),
                    None => map.shift_remove("status"),
                };
            }
            value = next;
        } else {
            keep_own_metadata(&mut value, &old);
            if resource.status && part == Part::Main {
                keep_status(&mut value, &old);
            }
        }
        if part == Part::Main {
            defaults::fill(kind, &mut value);
            self.admit(kind, &mut value, Some(&old))?;
            validation::check(kind, &value, Some(&old), intent.trusted)?;
        }
        if part == Part::Main {
            self.note_writer(kind, &old, &mut value, intent.trusted);
        }
        if resource.generation && part == Part::Main && differs(old.value(), &value, resource.status) {
            let generation = old.number("/metadata/generation").unwrap_or(0) + 1;
            metadata(&mut value).insert("generation".to_owned(), json!(generation));
        }
        if same(old.value(), &value) {
            return Ok(old);
        }
        if intent.dry_run {
            return Ok(Arc::new(Object::new(value)));
        }
        let released = old.deleting()
            && no_finalizers(&value)
            && (kind != Kind::Pod || old.number("/metadata/deletionGracePeriodSeconds").unwrap_or(0) == 0);
        if released && part != Part::Status {
            // The write that takes the last finalizer is the deletion; watches see the object last as it was before.
            self.store.remove(&key);
            self.settle_quotas(kind, namespace);
            return Ok(Arc::new(Object::new(value)));
        }
        let object = self.store.put(key, value);
        if kind == Kind::ResourceQuota && part == Part::Main {
            self.settle_quotas(kind, namespace);
        }
        Ok(object)
    }

    /// Refuse what names a namespace that is not there or is on its way out.
    fn namespace_open(&self, namespace: &str, kind: Kind, name: &str) -> Result<(), Refusal> {
        let Some(found) = self.store.get(&Key::new(Kind::Namespace, "", namespace)) else {
            return Err(Refusal::not_found(Kind::Namespace, namespace));
        };
        if found.deleting() {
            let qualified = kind.resource().qualified();
            return Err(Refusal {
                code: 403,
                reason: "Forbidden",
                message: format!(
                    "{qualified} \"{name}\" is forbidden: unable to create new content in namespace {namespace} because it is being terminated"
                ),
                details: Some(json!({"name": name, "kind": kind.resource().plural,
                    "causes": [{"reason": "NamespaceTerminating", "message": format!("namespace {namespace} is being terminated"), "field": "metadata.namespace"}]})),
            });
        }
        Ok(())
    }

    /// Make a name from `generateName`, one that is free.
    fn settle_name(&self, kind: Kind, namespace: &str, value: &mut Value) {
        let prefix = text(value, "/metadata/generateName").to_owned();
        if prefix.is_empty() || !text(value, "/metadata/name").is_empty() {
            return;
        }
        let prefix = prefix.get(..58).unwrap_or(&prefix).to_owned();
        let salt = format!("name/{}/{namespace}/{prefix}/{}", kind.resource().plural, self.store.revision());
        let mut rolls = self.dice.stream(&salt);
        let mut name = format!("{prefix}{}", rolls.name_suffix());
        while self.store.get(&Key::new(kind, namespace, &name)).is_some() {
            name = format!("{prefix}{}", rolls.name_suffix());
        }
        metadata(value).insert("name".to_owned(), json!(name));
    }
}

/// Refuse when the caller means another object or another revision than the stored one.
///
/// # Errors
/// 409; 422 for a custom resource without a revision is the caller's to add.
pub fn preconditions(kind: Kind, old: &Object, uid: &str, revision: &str) -> Result<(), Refusal> {
    if !uid.is_empty() && uid != old.uid() {
        return Err(Refusal::conflict(
            kind,
            old.name(),
            &format!("Precondition failed: UID in precondition: {uid}, UID in object meta: {}", old.uid()),
        ));
    }
    if !revision.is_empty() && revision != old.revision() {
        return Err(Refusal::modified(kind, old.name()));
    }
    Ok(())
}

/// Whether an object has no finalizers left.
#[must_use]
pub fn no_finalizers(value: &Value) -> bool {
    super::object::list(value, "/metadata/finalizers").is_empty()
}

fn keep_own_metadata(value: &mut Value, old: &Object) {
    let stored = &old.value()["metadata"];
    let meta = metadata(value);
    for own in OWN {
        match stored.get(own) {
            Some(kept) => meta.insert(own.to_owned(), kept.clone()),
            None => meta.shift_remove(own),
        };
    }
    for empty in ["labels", "annotations", "finalizers", "ownerReferences"] {
        if meta
            .get(empty)
            .is_some_and(|v| v.is_null() || v.as_object().is_some_and(serde_json::Map::is_empty) || v.as_array().is_some_and(Vec::is_empty))
        {
            meta.shift_remove(empty);
        }
    }
    meta.insert("name".to_owned(), stored["name"].clone());
    if let Some(namespace) = stored.get("namespace") {
        meta.insert("namespace".to_owned(), namespace.clone());
    }
    if let Some(map) = value.as_object_mut() {
        for field in ["apiVersion", "kind"] {
            map.insert(field.to_owned(), old.value()[field].clone());
        }
    }
}

fn keep_status(value: &mut Value, old: &Object) {
    if let Some(map) = value.as_object_mut() {
        match old.value().get("status") {
            Some(status) => map.insert("status".to_owned(), status.clone()),
            None => map.shift_remove("status"),
        };
    }
}

/// Whether two states differ in what counts for the generation: anything but the metadata, and the status where it has its own subresource.
fn differs(old: &Value, new: &Value, has_status: bool) -> bool {
    let counted = |value: &Value| {
        let mut value = value.clone();
        if let Some(map) = value.as_object_mut() {
            map.shift_remove("metadata");
            if has_status {
                map.shift_remove("status");
            }
        }
        value
    };
    counted(old) != counted(new)
}

/// Whether two states are the same but for the revision.
fn same(old: &Value, new: &Value) -> bool {
    let mut new = new.clone();
    metadata(&mut new).insert("resourceVersion".to_owned(), old["metadata"]["resourceVersion"].clone());
    *old == new
}

//! Deleting objects: grace, finalizers, propagation, preconditions.

use std::sync::Arc;

use serde_json::{Value, json};

use super::State;
use super::ask::options_refused;
use super::kinds::Kind;
use super::object::{Object, map_mut, metadata, number, text};
use super::refusal::Refusal;
use super::store::Key;
use super::writes::no_finalizers;
use crate::rehearsal::clock;

/// The namespaces that may not be deleted.
const IMMORTAL: [&str; 3] = ["default", "kube-public", "kube-system"];

/// What becomes of an object's dependents.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Propagation {
    /// The object goes at once, its dependents after it.
    #[default]
    Background,
    /// The dependents go first.
    Foreground,
    /// The dependents stay, without an owner.
    Orphan,
}

/// `DeleteOptions`, from a body or from a query.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeleteOptions {
    /// `gracePeriodSeconds`.
    pub grace: Option<i64>,
    /// `propagationPolicy`.
    pub propagation: Propagation,
    /// `preconditions.uid`; empty for none.
    pub uid: String,
    /// `preconditions.resourceVersion`; empty for none.
    pub revision: String,
    /// Check and answer, but delete nothing.
    pub dry_run: bool,
}

impl Propagation {
    /// What becomes of the dependents of this kind where nobody says: two of the oldest kinds leave them, as they did before there was a choice.
    #[must_use]
    pub fn usual(kind: Kind) -> Self {
        if matches!(kind, Kind::Job | Kind::ReplicationController) { Self::Orphan } else { Self::Background }
    }
}

impl DeleteOptions {
    /// The options of this body.
    ///
    /// # Errors
    /// 422 for a propagation policy that there is not.
    pub fn read(mut self, body: &Value) -> Result<Self, Refusal> {
        self.grace = number(body, "/gracePeriodSeconds").or(self.grace);
        if self.grace.is_some_and(|grace| grace < 0) {
            // As the real one: a negative grace period means the shortest one.
            self.grace = Some(1);
        }
        text(body, "/preconditions/uid").clone_into(&mut self.uid);
        text(body, "/preconditions/resourceVersion").clone_into(&mut self.revision);
        self.dry_run |= body.get("dryRun").is_some_and(|d| d == &json!(["All"]));
        match body.get("orphanDependents").and_then(Value::as_bool) {
            Some(true) => self.propagation = Propagation::Orphan,
            Some(false) => self.propagation = Propagation::Background,
            None => {}
        }
        match text(body, "/propagationPolicy") {
            "" => Ok(self),
            policy => self.policy(policy),
        }
    }

    /// With this propagation policy.
    ///
    /// # Errors
    /// 422 for one that there is not.
    pub fn policy(mut self, policy: &str) -> Result<Self, Refusal> {
        self.propagation = match policy {
            "Background" => Propagation::Background,
            "Foreground" => Propagation::Foreground,
            "Orphan" => Propagation::Orphan,
            other => {
                let why = format!(
                    "propagationPolicy: Unsupported value: {other:?}: supported values: \"Foreground\", \"Background\", \"Orphan\", \"nil\""
                );
                return Err(options_refused("DeleteOptions", "propagationPolicy", &why));
            }
        };
        Ok(self)
    }
}

impl DeleteOptions {
    /// Refuse when another object or another revision is meant than the stored one. A deletion names the kind.
    fn preconditions(&self, kind: Kind, old: &Object) -> Result<(), Refusal> {
        let refused = |why: String| {
            let resource = kind.resource();
            let mut details = json!({"name": old.name(), "kind": resource.name});
            if !resource.group.is_empty() {
                details["group"] = json!(resource.group);
            }
            let message = format!("Operation cannot be fulfilled on {} \"{}\": {why}", resource.qualified_kind(), old.name());
            Err(Refusal { code: 409, reason: "Conflict", message, details: Some(details) })
        };
        if !self.uid.is_empty() && self.uid != old.uid() {
            return refused(format!(
                "the UID in the precondition ({}) does not match the UID in record ({}). The object might have been deleted and then recreated",
                self.uid,
                old.uid()
            ));
        }
        if !self.revision.is_empty() && self.revision != old.revision() {
            return refused(format!(
                "the ResourceVersion in the precondition ({}) does not match the ResourceVersion in record ({}). The object might have been modified",
                self.revision,
                old.revision()
            ));
        }
        Ok(())
    }
}

/// What is left after a deletion.
#[derive(Debug, Clone)]
pub enum Deleted {
    /// The object is gone.
    Gone(Arc<Object>),
    /// It waits for its finalizers or its grace period.
    Going(Arc<Object>),
}

impl Deleted {
    /// The object as it is or was last.
    #[must_use]
    pub fn object(&self) -> &Arc<Object> {
        match self {
            Self::Gone(object) | Self::Going(object) => object,
        }
    }
}

impl State {
    /// Delete an object.
    ///
    /// # Errors
    /// 404, 409 when a precondition does not hold, and 403 for the namespaces without which there is no cluster.
    pub fn delete(&mut self, kind: Kind, namespace: &str, name: &str, options: &DeleteOptions) -> Result<Deleted, Refusal> {
        if kind == Kind::Namespace && IMMORTAL.contains(&name) {
            return Err(Refusal::not_admitted(kind, name, "this namespace may not be deleted"));
        }
        let key = Key::new(kind, namespace, name);
        let old = self.store.get(&key).cloned().ok_or_else(|| Refusal::not_found(kind, name))?;
        options.preconditions(kind, &old)?;
        let grace = grace_of(kind, &old, options);
        let mut value = old.value().clone();
        match options.propagation {
            Propagation::Background => {}
            Propagation::Foreground => add_finalizer(&mut value, "foregroundDeletion"),
            Propagation::Orphan => add_finalizer(&mut value, "orphan"),
        }
        let immediate = grace == 0 && no_finalizers(&value) && kind != Kind::Namespace;
        if old.deleting() {
            let shorter = grace < number(old.value(), "/metadata/deletionGracePeriodSeconds").unwrap_or(0);
            let at_once = immediate && kind == Kind::Pod;
            if !shorter && !at_once {
                return Ok(Deleted::Going(old));
            }
        }
        if immediate && kind != Kind::Pod {
            if options.dry_run {
                return Ok(Deleted::Gone(old));
            }
            let last = self.store.remove(&key).unwrap_or(old);
            self.settle_quotas(kind, namespace);
            return Ok(Deleted::Gone(last));
        }
        mark(&mut value, &clock::stamp(clock::later(self.clock.server_now(), grace)), grace, kind, !old.deleting());
        if options.dry_run {
            return Ok(Deleted::Going(Arc::new(Object::new(value))));
        }
        // A pod killed without grace is seen once more, marked, before it is gone: so does the real server.
        let marked = if old.value() == &value { old } else { self.store.put(key.clone(), value) };
        if immediate {
            let last = self.store.remove(&key).unwrap_or(marked);
            self.settle_quotas(kind, namespace);
            return Ok(Deleted::Gone(last));
        }
        Ok(Deleted::Going(marked))
    }
}

fn grace_of(kind: Kind, old: &Object, options: &DeleteOptions) -> i64 {
    if kind != Kind::Pod || old.text("/spec/nodeName").is_empty() || matches!(old.text("/status/phase"), "Succeeded" | "Failed") {
        return 0;
    }
    // Longer than any rehearsal, and short enough for a calendar.
    options.grace.or_else(|| old.number("/spec/terminationGracePeriodSeconds")).unwrap_or(30).clamp(0, 1_000_000_000)
}

fn mark(value: &mut Value, at: &str, grace: i64, kind: Kind, first: bool) {
    let meta = metadata(value);
    meta.insert("deletionTimestamp".to_owned(), json!(at));
    meta.insert("deletionGracePeriodSeconds".to_owned(), json!(grace));
    if first && kind.resource().generation {
        let generation = meta.get("generation").and_then(Value::as_i64).unwrap_or(0) + 1;
        meta.insert("generation".to_owned(), json!(generation));
    }
    if kind == Kind::Namespace {
        map_mut(value, "status").insert("phase".to_owned(), json!("Terminating"));
    }
}

fn add_finalizer(value: &mut Value, finalizer: &str) {
    let meta = metadata(value);
    match meta.get_mut("finalizers").and_then(Value::as_array_mut) {
        Some(list) if list.iter().any(|f| f == finalizer) => {}
        Some(list) => list.push(json!(finalizer)),
        None => {
            meta.insert("finalizers".to_owned(), json!([finalizer]));
        }
    }
}

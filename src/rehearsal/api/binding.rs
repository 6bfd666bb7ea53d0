//! What only the cluster's own components ask for: a pod bound to a node, a namespace let go.

use std::sync::Arc;

use serde_json::{Value, json};

use super::State;
use super::kinds::Kind;
use super::object::{Object, list, map_mut};
use super::refusal::Refusal;
use super::store::Key;
use super::writes::{OWN_WRITE, Part};

impl State {
    /// Bind the pod of this name, and of this uid unless it is empty, to a node.
    ///
    /// # Errors
    /// 404; 409 for a pod that is bound already, is going, or is another one.
    pub fn bind(&mut self, namespace: &str, name: &str, uid: &str, node: &str) -> Result<Arc<Object>, Refusal> {
        let key = Key::new(Kind::Pod, namespace, name);
        let pod = self.store.get(&key).cloned().ok_or_else(|| Refusal::not_found(Kind::Pod, name))?;
        let why = if !uid.is_empty() && uid != pod.uid() {
            Some(format!("Precondition failed: UID in precondition: {uid}, UID in object meta: {}", pod.uid()))
        } else if pod.deleting() {
            Some(format!("pod {name} is being deleted, cannot be assigned to a host"))
        } else if !pod.text("/spec/nodeName").is_empty() {
            Some(format!("pod {name} is already assigned to node {:?}", pod.text("/spec/nodeName")))
        } else {
            None
        };
        if let Some(why) = why {
            return Err(Refusal::conflict_at("pods/binding", name, &why));
        }
        let value = bound(&pod, node, &self.clock.stamp());
        self.update(Kind::Pod, namespace, name, value, Part::Binding, OWN_WRITE)
    }

    /// Set a namespace's finalizers as this value has them. It goes when it is to be deleted and none is left.
    ///
    /// # Errors
    /// 404.
    pub fn finalize(&mut self, name: &str, value: &Value) -> Result<Arc<Object>, Refusal> {
        let key = Key::new(Kind::Namespace, "", name);
        let namespace = self.store.get(&key).cloned().ok_or_else(|| Refusal::not_found(Kind::Namespace, name))?;
        let finalizers = list(value, "/spec/finalizers");
        if namespace.deleting() && finalizers.is_empty() && namespace.list("/metadata/finalizers").is_empty() {
            return Ok(self.store.remove(&key).unwrap_or(namespace));
        }
        let mut next = namespace.value().clone();
        map_mut(&mut next, "spec").insert("finalizers".to_owned(), json!(finalizers));
        Ok(if next == *namespace.value() { namespace } else { self.store.put(key, next) })
    }
}

/// The pod once it is bound to this node.
#[must_use]
pub fn bound(pod: &Object, node: &str, now: &str) -> Value {
    let mut value = pod.value().clone();
    map_mut(&mut value, "spec").insert("nodeName".to_owned(), json!(node));
    let generation = pod.number("/metadata/generation").unwrap_or(1);
    map_mut(&mut value, "status").insert(
        "conditions".to_owned(),
        json!([{"type": "PodScheduled", "observedGeneration": generation, "status": "True", "lastProbeTime": null, "lastTransitionTime": now}]),
    );
    value
}

//! The controllers that live in the practice cluster.
//!
//! Each is an ordinary client in spirit: it sees changes through a [`Feed`], reads what an informer would have cached, and writes through a [`Hand`],
//! whose every write takes the time a request takes. None knows of another; they meet in the objects.

pub mod chaos;
pub mod daemonset;
pub mod deployment;
pub mod endpoints;
pub mod garbage;
pub mod kubelet;
pub mod recorder;
pub mod replicaset;
pub mod scheduler;
pub mod statefulset;
pub mod template;

use std::collections::BTreeSet;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use serde_json::Value;

use super::api::ApiServer;
use super::api::deletion::DeleteOptions;
use super::api::kinds::Kind;
use super::api::object::Object;
use super::api::refusal::Refusal;
use super::api::store::{Change, Key, KindSet, Verb};
use super::api::writes::{OWN_WRITE, Part};
use super::dice::Rolls;

/// Start every controller.
pub fn start(server: &ApiServer) {
    tokio::spawn(deployment::run(server.clone()));
    tokio::spawn(replicaset::run(server.clone()));
    tokio::spawn(statefulset::run(server.clone()));
    tokio::spawn(daemonset::run(server.clone()));
    tokio::spawn(scheduler::run(server.clone()));
    tokio::spawn(kubelet::run(server.clone()));
    tokio::spawn(endpoints::run(server.clone()));
    tokio::spawn(garbage::run(server.clone()));
    chaos::start(server);
}

/// How a controller acts: reads at once, as from a cache; writes after the time a request takes.
#[derive(Debug, Clone)]
pub struct Hand {
    server: ApiServer,
    rolls: Rolls,
}

impl Hand {
    /// The hand of the controller of this name, which also names its stream of randomness.
    #[must_use]
    pub fn new(server: &ApiServer, name: &str) -> Self {
        let rolls = server.lock().dice.stream(name);
        Self { server: server.clone(), rolls }
    }

    /// The server it acts on.
    #[must_use]
    pub fn server(&self) -> &ApiServer {
        &self.server
    }

    /// Its randomness.
    pub fn rolls(&mut self) -> &mut Rolls {
        &mut self.rolls
    }

    /// The cluster's time as a `metav1.Time`.
    #[must_use]
    pub fn stamp(&self) -> String {
        self.server.lock().clock.stamp()
    }

    /// The object of this key.
    #[must_use]
    pub fn get(&self, key: &Key) -> Option<Arc<Object>> {
        self.server.lock().store.get(key).cloned()
    }

    /// All objects of a kind, in one namespace or in all.
    #[must_use]
    pub fn list(&self, kind: Kind, namespace: Option<&str>) -> Vec<Arc<Object>> {
        self.server.lock().store.list(kind, namespace).cloned().collect()
    }

    /// Objects of a kind in a namespace that this owner controls.
    #[must_use]
    pub fn owned(&self, kind: Kind, namespace: &str, owner: &str) -> Vec<Arc<Object>> {
        self.server.lock().store.list(kind, Some(namespace)).filter(|object| object.controller() == owner).cloned().collect()
    }

    /// Wait a time between these milliseconds.
    pub async fn pause(&mut self, least: u64, most: u64) {
        let time = self.rolls.between(Duration::from_millis(least), Duration::from_millis(most));
        tokio::time::sleep(time).await;
    }

    async fn travel(&mut self) {
        self.pause(2, 6).await;
    }

    /// Create an object.
    ///
    /// # Errors
    /// As the server refuses it.
    pub async fn create(&mut self, kind: Kind, namespace: &str, value: Value) -> Result<Arc<Object>, Refusal> {
        self.travel().await;
        self.server.lock().create(kind, namespace, value, OWN_WRITE)
    }

    /// Change an object; the value's `resourceVersion`, if it has one, must be the stored one's.
    ///
    /// # Errors
    /// As the server refuses it.
    pub async fn update(&mut self, kind: Kind, value: Value, part: Part) -> Result<Arc<Object>, Refusal> {
        self.travel().await;
        let key = Key::of(kind, &value);
        self.server.lock().update(kind, &key.namespace, &key.name, value, part, OWN_WRITE)
    }

    /// Set an object's status, whatever its revision is by now.
    ///
    /// # Errors
    /// As the server refuses it.
    pub async fn set_status(&mut self, kind: Kind, object: &Object, status: Value) -> Result<Arc<Object>, Refusal> {
        let mut value = object.value().clone();
        value["status"] = status;
        value["metadata"]["resourceVersion"] = Value::String(String::new());
        self.update(kind, value, Part::Status).await
    }

    /// Delete an object.
    ///
    /// # Errors
    /// As the server refuses it.
    pub async fn delete(&mut self, key: &Key, options: &DeleteOptions) -> Result<(), Refusal> {
        self.travel().await;
        self.server.lock().delete(key.kind, &key.namespace, &key.name, options).map(|_| ())
    }
}

/// Changes as a controller hears of them, batch by batch.
#[derive(Debug)]
pub struct Feed {
    server: ApiServer,
    waiter: u64,
    kinds: KindSet,
    cursor: u64,
}

impl Feed {
    /// A feed of these kinds from now on.
    #[must_use]
    pub fn new(server: &ApiServer, kinds: &[Kind]) -> Self {
        let kinds = KindSet::of(kinds);
        let mut state = server.lock();
        let (waiter, cursor) = (state.store.join(kinds), state.store.revision());
        drop(state);
        Self { server: server.clone(), waiter, kinds, cursor }
    }

    /// The next changes; at least one. If the log has run away from this feed, every object counts as changed.
    pub async fn next(&mut self) -> Vec<Change> {
        poll_fn(|cx| {
            let mut state = self.server.lock();
            let batch: Vec<Change> = match state.store.since(self.cursor) {
                Ok(changes) => changes.filter(|change| self.kinds.has(change.key.kind)).cloned().collect(),
                Err(_) => super::api::kinds::RESOURCES
                    .iter()
                    .filter(|resource| self.kinds.has(resource.kind))
                    .flat_map(|resource| state.store.list(resource.kind, None).map(move |object| (resource.kind, object)))
                    .map(|(kind, object)| Change {
                        revision: state.store.revision(),
                        verb: Verb::Modified,
                        key: Key::new(kind, object.namespace(), object.name()),
                        object: object.clone(),
                        previous: Some(object.clone()),
                    })
                    .collect(),
            };
            self.cursor = state.store.revision();
            if batch.is_empty() {
                state.store.wait(self.waiter, cx.waker());
                return Poll::Pending;
            }
            Poll::Ready(batch)
        })
        .await
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.server.lock().store.leave(self.waiter);
    }
}

/// The workloads of this kind that these changes concern: changed themselves, or owner of something that changed.
#[must_use]
pub fn concerned(hand: &Hand, kind: Kind, batch: &[Change]) -> BTreeSet<Key> {
    let mut keys = BTreeSet::new();
    for change in batch {
        if change.key.kind == kind {
            keys.insert(change.key.clone());
            continue;
        }
        for object in std::iter::once(&change.object).chain(&change.previous) {
            let reference = object.list("/metadata/ownerReferences").iter().find(|owner| owner["controller"] == true);
            if let Some(reference) = reference
                && reference["kind"] == kind.resource().name
            {
                keys.insert(Key::new(kind, object.namespace(), super::api::object::text(reference, "/name")));
            }
        }
    }
    keys.retain(|key| hand.get(key).is_some());
    keys
}

//! How a controller acts: reads at once, as from an informer's cache; writes as requests.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::chaos::daemon::Daemon;
use super::chaos::webhooks::{self, Webhooks};
use super::kubelet::Workers;
use super::remote::Remote;
use crate::rehearsal::api::deletion::DeleteOptions;
use crate::rehearsal::api::kinds::Kind;
use crate::rehearsal::api::object::{Object, metadata, text};
use crate::rehearsal::api::refusal::Refusal;
use crate::rehearsal::api::store::Key;
use crate::rehearsal::api::writes::{OWN_WRITE, Part};
use crate::rehearsal::api::{ApiServer, State};
use crate::rehearsal::dice::Rolls;
use crate::rehearsal::trouble::Troubles;
use crate::rehearsal::world::World;

/// How often a change is tried again because the object had changed meanwhile.
const CONFLICTS: usize = 8;

/// Where controllers live: on the practice cluster's own API server, or as clients of a remote one.
#[derive(Debug, Clone)]
pub struct Home {
    /// The practice cluster's state; or a state of the same shape that mirrors what the remote server has.
    pub(super) server: ApiServer,
    /// The way to the remote server; none at the practice cluster's own.
    pub(super) remote: Option<Remote>,
}

impl From<&ApiServer> for Home {
    fn from(server: &ApiServer) -> Self {
        Self { server: server.clone(), remote: None }
    }
}

/// The longest that a write waits before it is tried again, in milliseconds.
const LONGEST_WAIT: u64 = 5_000;

/// What surrounds a controller beside the API.
#[derive(Debug)]
pub struct Ground<'a> {
    /// What the cluster is made of: how long things take in it.
    pub world: &'a mut World,
    /// What is wrong with it.
    pub troubles: &'a Troubles,
    /// What Chaos Mesh's daemons have done to pods. On a real cluster it is noted and has no effect.
    pub daemon: &'a mut Daemon,
    /// The processes on the nodes.
    pub workers: &'a mut Workers,
}

impl Home {
    /// Whether its API server, and all that runs on its nodes, is the practice cluster's own.
    #[must_use]
    pub fn is_ours(&self) -> bool {
        self.remote.is_none()
    }

    /// Whether nobody answers at the API server's address. Of a remote one nobody knows until it is asked.
    pub(super) fn cut_off(&self) -> bool {
        self.server.lock().troubles.cut_off()
    }

    /// Look at what surrounds the controllers, or change it.
    pub fn ground<T>(&self, look: impl FnOnce(Ground<'_>) -> T) -> T {
        let mut state = self.server.lock();
        let State { world, troubles, daemon, workers, .. } = &mut *state;
        look(Ground { world, troubles, daemon, workers })
    }
}

/// The hand of one controller.
#[derive(Debug, Clone)]
pub struct Hand {
    home: Home,
    rolls: Rolls,
}

impl Hand {
    /// The hand of the controller of this name, which also names its stream of randomness.
    #[must_use]
    pub fn new(home: &Home, name: &str) -> Self {
        let rolls = home.server.lock().dice.stream(name);
        Self { home: home.clone(), rolls }
    }

    /// Its randomness.
    pub fn rolls(&mut self) -> &mut Rolls {
        &mut self.rolls
    }

    /// A stream of randomness for one purpose, named by what it is for and by the moment: a number that every change and every Event raises.
    #[must_use]
    pub fn stream(&self, name: impl FnOnce(u64) -> String) -> Rolls {
        let state = self.home.server.lock();
        state.dice.stream(&name(state.store.revision() + self.home.remote.as_ref().map_or(0, Remote::posted)))
    }

    /// The cluster's time.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        self.home.server.lock().clock.server_now()
    }

    /// The cluster's time as a `metav1.Time`.
    #[must_use]
    pub fn stamp(&self) -> String {
        self.home.server.lock().clock.stamp()
    }

    /// Look at what surrounds the controllers, or change it.
    pub fn ground<T>(&self, look: impl FnOnce(Ground<'_>) -> T) -> T {
        self.home.ground(look)
    }

    /// The object of this key.
    #[must_use]
    pub fn get(&self, key: &Key) -> Option<Arc<Object>> {
        self.home.server.lock().store.get(key).cloned()
    }

    /// The object of this key as the server has it at this moment: for who must not be fooled by a cache that lags.
    ///
    /// # Errors
    /// When the server cannot be asked.
    pub async fn look(&self, key: &Key) -> Result<Option<Arc<Object>>, Refusal> {
        match (self.get(key), &self.home.remote) {
            (None, Some(remote)) => match remote.get(key).await {
                Ok(object) => Ok(Some(object)),
                Err(refusal) if refusal.code == 404 => Ok(None),
                Err(refusal) => Err(refusal),
            },
            (known, _) => Ok(known),
        }
    }

    /// All objects of a kind, in one namespace or in all.
    #[must_use]
    pub fn list(&self, kind: Kind, namespace: Option<&str>) -> Vec<Arc<Object>> {
        self.home.server.lock().store.list(kind, namespace).cloned().collect()
    }

    /// Objects of a kind in a namespace that this owner controls.
    #[must_use]
    pub fn owned(&self, kind: Kind, namespace: &str, owner: &str) -> Vec<Arc<Object>> {
        let state = self.home.server.lock();
        state.store.list(kind, Some(namespace)).filter(|object| object.controller() == owner).cloned().collect()
    }

    /// Wait a time between these milliseconds.
    pub async fn pause(&mut self, least: u64, most: u64) {
        let time = self.rolls.between(Duration::from_millis(least), Duration::from_millis(most));
        tokio::time::sleep(time).await;
    }

    /// The time a request takes; a remote server takes its own.
    pub async fn travel(&mut self) {
        if self.home.remote.is_none() {
            self.pause(2, 6).await;
        }
    }

    /// The same, and as long as nobody answers.
    async fn arrive(&mut self) {
        self.travel().await;
        self.reach().await;
    }

    /// Whether nobody answers at the API server's address.
    #[must_use]
    pub fn cut_off(&self) -> bool {
        self.home.cut_off()
    }

    /// Wait until the API server answers: a controller that cannot write tries again, later and later. What it writes then is what it meant to write.
    pub async fn reach(&mut self) {
        let mut wait = 200;
        while self.cut_off() {
            self.pause(wait / 2, wait).await;
            wait = (wait * 2).min(LONGEST_WAIT);
        }
    }

    /// Create an object.
    ///
    /// # Errors
    /// As the server refuses it.
    pub async fn create(&mut self, kind: Kind, namespace: &str, mut value: Value) -> Result<Arc<Object>, Refusal> {
        self.arrive().await;
        let Some(remote) = &self.home.remote else { return self.home.server.lock().create(kind, namespace, value, OWN_WRITE) };
        if webhooks::is_admitted(kind) {
            // Nobody calls webhooks there. Where somebody does, to fill in twice is as good as once.
            metadata(&mut value).insert("namespace".to_owned(), json!(namespace));
            webhooks::admit(kind, &mut value, None, Webhooks::ALL)?;
        }
        remote.create(kind, namespace, &value).await
    }

    /// Change an object; the value's `resourceVersion` must be the stored one's.
    ///
    /// # Errors
    /// As the server refuses it: 409 when the object has changed meanwhile.
    pub async fn update(&mut self, kind: Kind, value: Value, part: Part) -> Result<Arc<Object>, Refusal> {
        self.arrive().await;
        let key = Key::of(kind, &value);
        match &self.home.remote {
            None => self.home.server.lock().update(kind, &key.namespace, &key.name, value, part, OWN_WRITE),
            Some(remote) => remote.update(&key, part, &value).await,
        }
    }

    /// Change an object, whatever its revision is by now.
    ///
    /// # Errors
    /// As the server refuses it.
    pub async fn edit(&mut self, key: &Key, part: Part, change: impl FnMut(&mut Value)) -> Result<Arc<Object>, Refusal> {
        self.arrive().await;
        self.edit_now(key, part, change).await
    }

    /// As [`Hand::edit`], for who has waited the time of the request already.
    ///
    /// # Errors
    /// As the server refuses it.
    pub async fn edit_now(&mut self, key: &Key, part: Part, mut change: impl FnMut(&mut Value)) -> Result<Arc<Object>, Refusal> {
        let missing = || Refusal::not_found(key.kind, &key.name);
        self.reach().await;
        let Some(remote) = &self.home.remote else {
            let mut state = self.home.server.lock();
            let mut value = state.store.get(key).ok_or_else(missing)?.value().clone();
            change(&mut value);
            return state.update(key.kind, &key.namespace, &key.name, value, part, OWN_WRITE);
        };
        let mut known = self.get(key).ok_or_else(missing)?;
        let uid = known.uid().to_owned();
        for _ in 0..CONFLICTS {
            let mut value = known.value().clone();
            change(&mut value);
            if value == *known.value() {
                return Ok(known);
            }
            match remote.update(key, part, &value).await {
                Err(refusal) if refusal.code == 409 => known = remote.get(key).await?,
                answer => return answer,
            }
            if known.uid() != uid {
                return Err(missing());
            }
        }
        Err(Refusal::modified(key.kind, &key.name))
    }

    /// Set an object's status, whatever its revision is by now. Another object under its name is left alone.
    ///
    /// # Errors
    /// As the server refuses it.
    pub async fn set_status(&mut self, kind: Kind, object: &Object, status: Value) -> Result<Arc<Object>, Refusal> {
        self.arrive().await;
        self.set_status_now(kind, object, status).await
    }

    /// As [`Hand::set_status`], for who has waited the time of the request already.
    ///
    /// # Errors
    /// As the server refuses it.
    pub async fn set_status_now(&mut self, kind: Kind, object: &Object, status: Value) -> Result<Arc<Object>, Refusal> {
        let key = Key::new(kind, object.namespace(), object.name());
        self.edit_now(&key, Part::Status, |value| {
            value["status"] = status.clone();
            metadata(value).insert("uid".to_owned(), json!(object.uid()));
        })
        .await
    }

    /// Bind a pod to a node.
    ///
    /// # Errors
    /// As the server refuses it.
    pub async fn bind(&mut self, pod: &Object, node: &str) -> Result<(), Refusal> {
        self.reach().await;
        match &self.home.remote {
            None => self.home.server.lock().bind(pod.namespace(), pod.name(), pod.uid(), node).map(drop),
            Some(remote) => remote.bind(pod, node).await,
        }
    }

    /// Let an emptied namespace go.
    ///
    /// # Errors
    /// As the server refuses it.
    pub async fn finalize(&mut self, namespace: &str) -> Result<(), Refusal> {
        self.arrive().await;
        match &self.home.remote {
            None => self.home.server.lock().finalize(namespace, &json!({"spec": {"finalizers": []}})).map(drop),
            Some(remote) => remote.finalize(namespace).await,
        }
    }

    /// Delete an object.
    ///
    /// # Errors
    /// As the server refuses it.
    pub async fn delete(&mut self, key: &Key, options: &DeleteOptions) -> Result<(), Refusal> {
        self.arrive().await;
        match &self.home.remote {
            None => self.home.server.lock().delete(key.kind, &key.namespace, &key.name, options).map(|_| ()),
            Some(remote) => remote.delete(key, options).await,
        }
    }

    /// Write an Event, without waiting for it. One that cannot be written (its namespace is going) is lost, as it is on a real cluster.
    pub(super) fn post(&self, event: Value) {
        match &self.home.remote {
            None if self.cut_off() => {
                let mut later = self.clone();
                tokio::spawn(async move {
                    later.reach().await;
                    later.post(event);
                });
            }
            None => {
                let namespace = text(&event, "/metadata/namespace").to_owned();
                drop(self.home.server.lock().create(Kind::Event, &namespace, event, OWN_WRITE));
            }
            Some(remote) => remote.post(event),
        }
    }

    /// Count that Event of an object once more, as of now, which `is` picks. False when there is none; on a remote server, where each is written anew.
    pub(super) fn count_again(&self, namespace: &str, about: &str, is: impl Fn(&Object) -> bool) -> bool {
        if self.home.remote.is_some() || self.cut_off() {
            return false;
        }
        let mut state = self.home.server.lock();
        // Events are named after what they are about.
        let found =
            state.store.named(Kind::Event, namespace, &format!("{about}.")).find(|event| is(event)).map(|event| event.value().clone());
        let Some(mut event) = found else { return false };
        event["count"] = json!(event["count"].as_i64().unwrap_or(1) + 1);
        event["lastTimestamp"] = json!(state.clock.stamp());
        let (namespace, name) = (text(&event, "/metadata/namespace").to_owned(), text(&event, "/metadata/name").to_owned());
        state.update(Kind::Event, &namespace, &name, event, Part::Main, OWN_WRITE).is_ok()
    }

    /// Where it lives.
    #[must_use]
    pub fn home(&self) -> &Home {
        &self.home
    }
}

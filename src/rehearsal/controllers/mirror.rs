//! What a remote API server has, kept here by list and watch: the cache of an informer.
//!
//! What the server answers to a controller's own write is taken in at once, so that the controller reads its writes as it would on the practice
//! cluster. Revisions are compared as numbers, which the API has come to promise.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::StreamExt;
use http::{Method, Request};
use kube::Client;
use kube::core::WatchEvent;
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use super::remote::{path, send};
use crate::rehearsal::api::ApiServer;
use crate::rehearsal::api::kinds::Kind;
use crate::rehearsal::api::object::{Object, text};
use crate::rehearsal::api::refusal::Refusal;
use crate::rehearsal::api::store::Key;
use crate::rehearsal::dice::Rolls;

/// Objects a page of a list.
const PAGE: usize = 500;

/// How long one watch request lives; a silence that is longer means a dead connection.
const WATCH: Duration = Duration::from_mins(5);

/// The longest wait before the server is asked again.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// How far the watches have read, and where what they have read is kept.
#[derive(Debug, Clone)]
pub struct Mirror {
    server: ApiServer,
    /// The one namespace that is mirrored; empty for all.
    namespace: Arc<str>,
    reached: Arc<Mutex<BTreeMap<Kind, u64>>>,
}

/// How a watch ended.
enum End {
    /// It may go on from this revision.
    At(String),
    /// What it asked for is gone: everything has to be listed again.
    Gone,
}

fn number(revision: &str) -> u64 {
    revision.parse().unwrap_or(0)
}

impl Mirror {
    /// An empty mirror of one namespace, or of all for an empty one, that keeps its objects in this state.
    #[must_use]
    pub fn new(server: ApiServer, namespace: &str) -> Self {
        Self { server, namespace: namespace.into(), reached: Arc::default() }
    }

    fn reached(&self) -> MutexGuard<'_, BTreeMap<Kind, u64>> {
        self.reached.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The server has answered a write with this object. It is news unless the watch is there already.
    pub fn answered(&self, kind: Kind, value: Value) -> Arc<Object> {
        let revision = number(text(&value, "/metadata/resourceVersion"));
        let reached = self.reached();
        let key = Key::of(kind, &value);
        let mut state = self.server.lock();
        let known = state.store.get(&key).map_or(0, |known| number(known.revision()));
        if revision > known && reached.get(&kind).is_none_or(|reached| revision > *reached) {
            state.store.mirror(key, value)
        } else {
            Arc::new(Object::new(value))
        }
    }

    /// List all objects of a kind anew and know them from now on. The revision to watch from; none when the server has no such kind.
    ///
    /// # Errors
    /// As the server refuses it; 503 when it cannot be asked.
    pub async fn list(&self, client: &Client, kind: Kind) -> Result<Option<String>, Refusal> {
        let mut items = Vec::new();
        let mut next = String::new();
        loop {
            let mut address = format!("{}?limit={PAGE}", path(kind, &self.namespace, "", ""));
            if !next.is_empty() {
                address.push_str(&format!("&continue={next}"));
            }
            let mut page = match send(client, Method::GET, &address, None).await {
                Ok(page) => page,
                Err(refusal) if refusal.code == 404 => {
                    self.replace(kind, Vec::new(), 0);
                    return Ok(None);
                }
                // The list took too long: it starts again.
                Err(refusal) if refusal.code == 410 && !next.is_empty() => {
                    next.clear();
                    items.clear();
                    continue;
                }
                Err(refusal) => return Err(refusal),
            };
            if let Some(Value::Array(found)) = page.get_mut("items").map(Value::take) {
                items.extend(found);
            }
            text(&page, "/metadata/continue").clone_into(&mut next);
            if next.is_empty() {
                let revision = text(&page, "/metadata/resourceVersion").to_owned();
                self.replace(kind, items, number(&revision));
                return Ok(Some(revision));
            }
        }
    }

    /// These are all objects of the kind; what is not among them has gone unseen.
    fn replace(&self, kind: Kind, items: Vec<Value>, revision: u64) {
        let listed: BTreeSet<Key> = items.iter().map(|value| Key::of(kind, value)).collect();
        let mut reached = self.reached();
        reached.insert(kind, revision);
        let mut state = self.server.lock();
        let known: Vec<Key> = state.store.list(kind, None).map(|object| Key::of(kind, object.value())).collect();
        for key in known.iter().filter(|key| !listed.contains(key)) {
            state.store.unmirror(key, None);
        }
        for mut value in items {
            // Items of a list do not say what they are.
            value["apiVersion"] = json!(kind.api_version());
            value["kind"] = json!(kind.resource().name);
            let key = Key::of(kind, &value);
            let new = text(&value, "/metadata/resourceVersion");
            if state.store.get(&key).is_none_or(|old| number(old.revision()) < number(new)) {
                state.store.mirror(key, value);
            }
        }
    }

    /// Keep a kind true for ever, from this revision on.
    pub async fn keep(&self, client: &Client, kind: Kind, mut revision: Option<String>, rolls: &mut Rolls) {
        let mut wait = Duration::from_millis(800);
        loop {
            let end = match &revision {
                Some(from) => self.watch(client, kind, from).await,
                None => Err(Refusal::no_such_resource()),
            };
            match end {
                Ok(End::At(reached)) => {
                    wait = Duration::from_millis(800);
                    // An end without a word at once must not become a storm of requests.
                    sleep(rolls.between(Duration::from_millis(5), Duration::from_millis(50))).await;
                    revision = Some(reached);
                    continue;
                }
                Ok(End::Gone) => {}
                Err(_) => {
                    sleep(rolls.between(wait / 2, wait)).await;
                    wait = (wait * 2).min(LONGEST_WAIT);
                }
            }
            revision = self.list(client, kind).await.unwrap_or(None);
        }
    }

    async fn watch(&self, client: &Client, kind: Kind, from: &str) -> Result<End, Refusal> {
        let address = format!(
            "{}?watch=1&allowWatchBookmarks=true&timeoutSeconds={}&resourceVersion={from}",
            path(kind, &self.namespace, "", ""),
            WATCH.as_secs()
        );
        let request = Request::get(address).body(Vec::new()).map_err(Refusal::unavailable_because)?;
        let events = match client.request_events::<Value>(request).await {
            Ok(events) => events,
            Err(kube::Error::Api(status)) if status.code == 410 => return Ok(End::Gone),
            Err(why) => return Err(Refusal::unavailable_because(why)),
        };
        let mut events = events.boxed();
        let mut at = from.to_owned();
        while let Ok(Some(event)) = timeout(WATCH + LONGEST_WAIT, events.next()).await {
            match event {
                Ok(WatchEvent::Added(value) | WatchEvent::Modified(value)) => at = self.heed(kind, value, false),
                Ok(WatchEvent::Deleted(value)) => at = self.heed(kind, value, true),
                Ok(WatchEvent::Bookmark(mark)) => {
                    at = mark.metadata.resource_version;
                    self.reached().insert(kind, number(&at));
                }
                Ok(WatchEvent::Error(status)) if status.code == 410 => return Ok(End::Gone),
                Ok(WatchEvent::Error(status)) => return Err(Refusal::unavailable(status.message)),
                Err(_) => break,
            }
        }
        Ok(End::At(at))
    }

    /// The watch tells of this object. Its revision.
    fn heed(&self, kind: Kind, value: Value, gone: bool) -> String {
        let revision = text(&value, "/metadata/resourceVersion").to_owned();
        let mut reached = self.reached();
        reached.insert(kind, number(&revision));
        let mut state = self.server.lock();
        let key = Key::of(kind, &value);
        let known = state.store.get(&key).map(|known| number(known.revision()));
        if gone {
            if known.is_some_and(|known| known <= number(&revision)) {
                state.store.unmirror(&key, Some(value));
            }
        } else if known.is_none_or(|known| known < number(&revision)) {
            state.store.mirror(key, value);
        }
        revision
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rehearsal::world::World;

    fn pod(revision: u64) -> Value {
        json!({"metadata": {"namespace": "a", "name": "x", "resourceVersion": revision.to_string()}})
    }

    fn has(mirror: &Mirror) -> Option<String> {
        let state = mirror.server.lock();
        state.store.get(&Key::new(Kind::Pod, "a", "x")).map(|pod| pod.revision().to_owned())
    }

    #[tokio::test(start_paused = true)]
    async fn mirror_should_take_a_late_answer_for_what_it_is() {
        let mirror = Mirror::new(ApiServer::new(World::default(), 1), "");
        mirror.answered(Kind::Pod, pod(5));
        assert_eq!(has(&mirror).as_deref(), Some("5"), "own writes are read");
        mirror.heed(Kind::Pod, pod(4), false);
        assert_eq!(has(&mirror).as_deref(), Some("5"), "a watch that lags takes nothing back");
        mirror.heed(Kind::Pod, pod(6), true);
        assert_eq!(has(&mirror), None);
        mirror.answered(Kind::Pod, pod(6));
        assert_eq!(has(&mirror), None, "an answer that arrives after the deletion does not bring the object back");
        mirror.heed(Kind::Pod, pod(7), false);
        mirror.replace(Kind::Pod, Vec::new(), 8);
        assert_eq!(has(&mirror), None, "what a new list lacks is gone");
    }
}

//! Objects by key, one revision counter for all of them, and the log of changes that every watch reads at its own pace.
//!
//! A watch holds no buffer of its own: it has a place in the log. Who falls behind what the log still holds is told `410 Gone`, so that memory stays
//! bounded however slow a reader is.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::task::Waker;

use serde_json::{Value, json};

use super::kinds::Kind;
use super::object::{Object, metadata, text};

/// How many changes the log holds.
const LOG_LENGTH: usize = 4096;

/// How many bytes the objects of the log may have together, as they are sent: a few big ones are worth many small ones.
const LOG_BYTES: usize = 16 * 1024 * 1024;

/// What an object is stored under.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    /// Its kind.
    pub kind: Kind,
    /// Its namespace; empty for kinds without one.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

impl Key {
    /// A key of these parts.
    #[must_use]
    pub fn new(kind: Kind, namespace: &str, name: &str) -> Self {
        Self { kind, namespace: namespace.to_owned(), name: name.to_owned() }
    }

    /// The key of this object of this kind.
    #[must_use]
    pub fn of(kind: Kind, value: &Value) -> Self {
        Self::new(kind, text(value, "/metadata/namespace"), text(value, "/metadata/name"))
    }
}

/// What happened to an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// It was created.
    Added,
    /// It was changed.
    Modified,
    /// It is gone.
    Deleted,
}

/// One change of one object.
#[derive(Debug, Clone)]
pub struct Change {
    /// The revision that this change made.
    pub revision: u64,
    /// What happened.
    pub verb: Verb,
    /// To what.
    pub key: Key,
    /// The object after the change; its last state when deleted.
    pub object: Arc<Object>,
    /// The object before the change.
    pub previous: Option<Arc<Object>>,
}

/// The set of kinds a watch looks at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct KindSet(u128);

impl KindSet {
    /// These kinds.
    #[must_use]
    pub fn of(kinds: &[Kind]) -> Self {
        Self(kinds.iter().fold(0, |set, kind| set | 1 << (*kind as u32)))
    }

    /// Whether this kind is one of them.
    #[must_use]
    pub fn has(self, kind: Kind) -> bool {
        self.0 & (1 << (kind as u32)) != 0
    }
}

/// One who waits for changes.
#[derive(Debug)]
struct Waiter {
    kinds: KindSet,
    waker: Option<Waker>,
}

/// That part of the log is no longer there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gone;

/// All objects and what became of them.
#[derive(Debug)]
pub struct Store {
    revision: u64,
    /// Watches may not start before this revision.
    compacted: u64,
    objects: BTreeMap<Key, Arc<Object>>,
    /// The newest change of each kind.
    newest: BTreeMap<Kind, u64>,
    log: VecDeque<Change>,
    log_bytes: usize,
    waiters: BTreeMap<u64, Waiter>,
    next_waiter: u64,
}

impl Store {
    /// An empty store whose next change is the one after this revision.
    #[must_use]
    pub fn new(revision: u64) -> Self {
        Self {
            revision,
            compacted: revision,
            objects: BTreeMap::new(),
            newest: BTreeMap::new(),
            log: VecDeque::new(),
            log_bytes: 0,
            waiters: BTreeMap::new(),
            next_waiter: 0,
        }
    }

    /// The revision of the newest change.
    #[must_use]
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// The revision of the newest change of any of these kinds; 0 before the first.
    #[must_use]
    pub fn revision_of(&self, kinds: KindSet) -> u64 {
        self.newest.iter().filter(|(kind, _)| kinds.has(**kind)).map(|(_, revision)| *revision).max().unwrap_or(0)
    }

    /// The oldest revision a watch may start from.
    #[must_use]
    pub fn compacted(&self) -> u64 {
        self.compacted
    }

    /// The object of this key.
    #[must_use]
    pub fn get(&self, key: &Key) -> Option<&Arc<Object>> {
        self.objects.get(key)
    }

    /// All objects of a kind, in one namespace or in all of them, by namespace and name.
    pub fn list<'a>(&'a self, kind: Kind, namespace: Option<&str>) -> impl Iterator<Item = &'a Arc<Object>> + use<'a> {
        let namespace = namespace.map(str::to_owned);
        let from = Key::new(kind, namespace.as_deref().unwrap_or_default(), "");
        self.objects
            .range(from..)
            .take_while(move |(key, _)| key.kind == kind && namespace.as_ref().is_none_or(|n| &key.namespace == n))
            .map(|(_, object)| object)
    }

    /// All objects of a kind in this namespace whose names begin like this, by name.
    pub fn named<'a>(&'a self, kind: Kind, namespace: &str, start: &str) -> impl Iterator<Item = &'a Arc<Object>> + use<'a> {
        let from = Key::new(kind, namespace, start);
        self.objects
            .range(from.clone()..)
            .take_while(move |(key, _)| key.kind == kind && key.namespace == from.namespace && key.name.starts_with(&from.name))
            .map(|(_, object)| object)
    }

    /// All objects of a kind as they were at this revision, if the log still reaches back to it.
    ///
    /// # Errors
    /// [`Gone`] when it does not.
    pub fn list_at(&self, kind: Kind, namespace: Option<&str>, revision: u64) -> Result<Vec<Arc<Object>>, Gone> {
        let mut then: BTreeMap<Key, Arc<Object>> =
            self.list(kind, namespace).map(|object| (Key::new(kind, object.namespace(), object.name()), object.clone())).collect();
        for change in self.since(revision)?.rev().filter(|c| c.key.kind == kind && namespace.is_none_or(|n| n == c.key.namespace)) {
            match &change.previous {
                Some(previous) => then.insert(change.key.clone(), previous.clone()),
                None => then.remove(&change.key),
            };
        }
        Ok(then.into_values().collect())
    }

    /// Store this object under this key, whether or not there was one, and give it the next revision.
    pub fn put(&mut self, key: Key, mut value: Value) -> Arc<Object> {
        self.stamp(&mut value);
        self.keep(key, value)
    }

    /// Store this object as another server has it, under that server's revision. The changes are counted here all the same.
    pub fn mirror(&mut self, key: Key, value: Value) -> Arc<Object> {
        self.revision += 1;
        self.keep(key, value)
    }

    fn keep(&mut self, key: Key, value: Value) -> Arc<Object> {
        let object = Arc::new(Object::new(value));
        let previous = self.objects.insert(key.clone(), object.clone());
        let verb = if previous.is_some() { Verb::Modified } else { Verb::Added };
        self.record(Change { revision: self.revision, verb, key, object: object.clone(), previous });
        object
    }

    /// Another server has this object no longer; this was its last state, if it said so.
    pub fn unmirror(&mut self, key: &Key, last: Option<Value>) {
        let Some(previous) = self.objects.remove(key) else { return };
        self.revision += 1;
        let object = last.map_or_else(|| previous.clone(), |last| Arc::new(Object::new(last)));
        self.record(Change { revision: self.revision, verb: Verb::Deleted, key: key.clone(), object, previous: Some(previous) });
    }

    /// Let this object have been there before anything else, under a revision of its own: no later revision shifts, and nobody is told.
    pub fn found(&mut self, key: Key, mut value: Value, revision: u64) {
        metadata(&mut value).insert("resourceVersion".to_owned(), json!(revision.to_string()));
        self.objects.insert(key, Arc::new(Object::new(value)));
    }

    /// Remove the object of this key.
    pub fn remove(&mut self, key: &Key) -> Option<Arc<Object>> {
        let previous = self.objects.remove(key)?;
        let mut last = previous.value().clone();
        self.stamp(&mut last);
        let object = Arc::new(Object::new(last));
        self.record(Change {
            revision: self.revision,
            verb: Verb::Deleted,
            key: key.clone(),
            object: object.clone(),
            previous: Some(previous),
        });
        Some(object)
    }

    /// The changes after this revision, oldest first.
    ///
    /// # Errors
    /// [`Gone`] when the log no longer reaches back that far.
    pub fn since(&self, revision: u64) -> Result<std::collections::vec_deque::Iter<'_, Change>, Gone> {
        let oldest = self.log.front().map_or(self.revision + 1, |change| change.revision);
        let next = revision.saturating_add(1);
        if next < oldest {
            return Err(Gone);
        }
        // Revisions in the log follow each other without a gap: each change has its own.
        let skip = usize::try_from(next - oldest).unwrap_or(usize::MAX).min(self.log.len());
        Ok(self.log.range(skip..))
    }

    /// Let no watch start before now any more. The log itself stays for those who read it already.
    pub fn compact(&mut self) {
        self.compacted = self.revision;
    }

    /// A place for one who waits for changes of these kinds.
    pub fn join(&mut self, kinds: KindSet) -> u64 {
        let id = self.next_waiter;
        self.next_waiter += 1;
        self.waiters.insert(id, Waiter { kinds, waker: None });
        id
    }

    /// Wake this one at the next change that concerns it.
    pub fn wait(&mut self, id: u64, waker: &Waker) {
        if let Some(waiter) = self.waiters.get_mut(&id) {
            waiter.waker = Some(waker.clone());
        }
    }

    /// This one waits no longer.
    pub fn leave(&mut self, id: u64) {
        self.waiters.remove(&id);
    }

    /// Wake everybody, for a reason that is not a change.
    pub fn wake_all(&mut self) {
        for waiter in self.waiters.values_mut() {
            if let Some(waker) = waiter.waker.take() {
                waker.wake();
            }
        }
    }

    fn stamp(&mut self, value: &mut Value) {
        self.revision += 1;
        metadata(value).insert("resourceVersion".to_owned(), json!(self.revision.to_string()));
    }

    fn record(&mut self, change: Change) {
        let kind = change.key.kind;
        self.newest.insert(kind, change.revision);
        self.log_bytes += change.object.wire().len();
        self.log.push_back(change);
        while self.log.len() > LOG_LENGTH || self.log_bytes > LOG_BYTES && self.log.len() > 1 {
            self.log_bytes -= self.log.pop_front().map_or(0, |change| change.object.wire().len());
            self.compacted = self.compacted.max(self.log.front().map_or(self.revision, |first| first.revision - 1));
        }
        for waiter in self.waiters.values_mut().filter(|w| w.kinds.has(kind)) {
            if let Some(waker) = waiter.waker.take() {
                waker.wake();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(name: &str, label: &str) -> (Key, Value) {
        let value = json!({"metadata": {"namespace": "a", "name": name, "labels": {"l": label}}});
        (Key::of(Kind::Pod, &value), value)
    }

    #[test]
    fn store_should_answer_for_a_past_revision() {
        let mut store = Store::new(10);
        for name in ["x", "y"] {
            let (key, value) = pod(name, "1");
            store.put(key, value);
        }
        let then = store.revision();
        let (key, value) = pod("x", "2");
        store.put(key, value);
        store.remove(&pod("y", "").0);
        let (key, value) = pod("z", "1");
        store.put(key, value);
        let names =
            |objects: Vec<Arc<Object>>| objects.iter().map(|o| format!("{}{}", o.name(), o.text("/metadata/labels/l"))).collect::<Vec<_>>();
        assert_eq!(names(store.list_at(Kind::Pod, Some("a"), then).unwrap_or_default()), ["x1", "y1"]);
        assert_eq!(names(store.list(Kind::Pod, None).cloned().collect()), ["x2", "z1"]);
        assert_eq!(store.since(then).map(Iterator::count), Ok(3));
        assert_eq!(store.revision_of(KindSet::of(&[Kind::Pod, Kind::Node])), store.revision());
        assert_eq!(store.revision_of(KindSet::of(&[Kind::Node])), 0);
        assert!(store.since(3).is_err());
    }

    #[test]
    fn log_should_be_bounded() {
        let mut store = Store::new(0);
        for n in 0..5000 {
            let (key, value) = pod("x", &n.to_string());
            store.put(key, value);
        }
        assert!(store.since(1).is_err());
        assert_eq!(store.since(4000).map(Iterator::count), Ok(1000));
        assert_eq!(store.compacted(), 5000 - LOG_LENGTH as u64);
        let (key, value) = pod("x", &"y".repeat(LOG_BYTES / 8));
        for _ in 0..20 {
            store.put(key.clone(), value.clone());
        }
        assert_eq!(store.log.len(), 7, "big objects are held to bytes");
        assert!(store.since(store.revision() - 7).is_ok() && store.since(store.revision() - 8).is_err());
    }
}

//! The queue of one controller: which of its objects are due, now or later, and the growing gaps between tries that fail.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use crate::rehearsal::api::kinds::Kind;
use crate::rehearsal::api::store::{Change, Key, Verb};
use crate::rehearsal::controllers::{Feed, Hand, Home};

/// When to look at an object again, unless something changes before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Not at all.
    Done,
    /// After this time.
    After(Duration),
    /// It failed: after a time that doubles with each failure.
    Failed,
}

/// A controller: what it hears of, and what it does about an object that is due.
pub trait Reconciler: Send {
    /// The kinds that it hears of, its own first.
    fn kinds(&self) -> Vec<Kind>;

    /// Its objects that a change of one of those kinds makes due.
    fn hear(&self, change: &Change) -> Vec<Key>;

    /// Other objects of its own that are due because this one of them is gone.
    fn hear_gone(&self, _change: &Change) -> Vec<Key> {
        Vec::new()
    }

    /// One of its objects is gone.
    fn forget(&mut self, _key: &Key) {}

    /// The controller starts, again perhaps: what was only in its memory is lost.
    fn restart(&mut self) {}

    /// Bring one object to where it should be.
    fn reconcile(&mut self, key: &Key) -> impl Future<Output = Next> + Send;
}

/// Run a controller for ever.
pub async fn run<R: Reconciler>(home: Home, mut controller: R) {
    let mut down = home.ground(|ground| ground.troubles.chaos_controller_down.subscribe());
    let hand = Hand::new(&home, "queue");
    loop {
        // It has gone with the cluster.
        if down.wait_for(|down| !down).await.is_err() {
            return;
        }
        controller.restart();
        tokio::select! {
            biased;
            // A process that is stopped leaves what it was about to do undone.
            _ = down.changed() => {}
            () = live(&home, &hand, &mut controller) => {}
        }
    }
}

/// One life of a controller's process. At its start every object is due.
async fn live<R: Reconciler>(home: &Home, hand: &Hand, controller: &mut R) {
    let kinds = controller.kinds();
    let mut feed = Feed::new(home, &kinds);
    let mut queue = Queue { own: kinds.first().copied(), due: BTreeMap::new(), failures: BTreeMap::new() };
    queue.all_due(hand);
    loop {
        let next = queue.due.iter().map(|(key, at)| (*at, key.clone())).min();
        let batch = match &next {
            Some((at, _)) => timeout_at(*at, feed.next()).await.ok(),
            None => Some(feed.next().await),
        };
        match (batch, next) {
            (Some(batch), _) => batch.iter().for_each(|change| queue.hear(controller, change)),
            (None, Some((_, key))) => {
                queue.due.remove(&key);
                let next = controller.reconcile(&key).await;
                queue.settle(key, next);
            }
            (None, None) => {}
        }
    }
}

struct Queue {
    own: Option<Kind>,
    due: BTreeMap<Key, Instant>,
    failures: BTreeMap<Key, u32>,
}

impl Queue {
    fn all_due(&mut self, hand: &Hand) {
        let Some(kind) = self.own else { return };
        for object in hand.list(kind, None) {
            self.at(Key::new(kind, object.namespace(), object.name()), Instant::now());
        }
    }

    fn at(&mut self, key: Key, at: Instant) {
        let due = self.due.entry(key).or_insert(at);
        *due = (*due).min(at);
    }

    fn hear<R: Reconciler>(&mut self, controller: &mut R, change: &Change) {
        if Some(change.key.kind) == self.own && change.verb == Verb::Deleted {
            self.due.remove(&change.key);
            self.failures.remove(&change.key);
            controller.forget(&change.key);
        }
        let gone = Some(change.key.kind) == self.own && change.verb == Verb::Deleted;
        for key in if gone { controller.hear_gone(change) } else { controller.hear(change) } {
            self.at(key, Instant::now());
        }
    }

    fn settle(&mut self, key: Key, next: Next) {
        match next {
            Next::Done => {
                self.failures.remove(&key);
            }
            Next::After(time) => {
                self.failures.remove(&key);
                self.at(key, Instant::now() + time);
            }
            Next::Failed => {
                let failures = self.failures.entry(key.clone()).or_insert(0);
                let wait = Duration::from_millis(5 << (*failures).min(20)).min(Duration::from_secs(1000));
                *failures += 1;
                self.at(key, Instant::now() + wait);
            }
        }
    }
}

/// The controlling owner of this kind that a changed object names, and the object itself if it is of that kind.
#[must_use]
pub fn itself_or_owner(change: &Change, kind: Kind) -> Vec<Key> {
    if change.key.kind == kind {
        return vec![change.key.clone()];
    }
    owner(change, kind)
}

/// The controlling owner of this kind that a changed object names.
#[must_use]
pub fn owner(change: &Change, kind: Kind) -> Vec<Key> {
    let mut owners = Vec::new();
    for reference in change.object.list("/metadata/ownerReferences") {
        if reference["controller"] == true && reference["kind"] == kind.resource().name {
            owners.push(Key::new(kind, change.object.namespace(), reference["name"].as_str().unwrap_or_default()));
        }
    }
    owners
}

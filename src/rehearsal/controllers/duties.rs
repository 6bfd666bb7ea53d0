//! What a controller has to look at again at a time, whether it changes or not.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::Feed;
use crate::rehearsal::api::store::{Change, Key};
use crate::rehearsal::clock;

/// The moments at which objects are looked at again.
#[derive(Debug, Default)]
pub struct Duties {
    due: BTreeMap<Key, Instant>,
    failures: BTreeMap<Key, u32>,
}

impl Duties {
    /// The next changes, and what is due by now; at least one of the two.
    pub async fn next(&mut self, feed: &mut Feed) -> (Vec<Change>, BTreeSet<Key>) {
        let Some(first) = self.due.values().min().copied() else { return (feed.next().await, BTreeSet::new()) };
        let batch = timeout_at(first, feed.next()).await.unwrap_or_default();
        let now = Instant::now();
        let keys: BTreeSet<Key> = self.due.iter().filter(|(_, at)| **at <= now).map(|(key, _)| key.clone()).collect();
        self.due.retain(|key, _| !keys.contains(key));
        (batch, keys)
    }

    /// Look at this again after so long, if not sooner.
    pub fn after(&mut self, key: &Key, time: Duration) {
        let at = Instant::now() + time.min(clock::FAR);
        let due = self.due.entry(key.clone()).or_insert(at);
        *due = at.min(*due);
    }

    /// Try this again: after half a second, one, two, … up to a quarter of an hour.
    pub fn again(&mut self, key: &Key) {
        let failures = self.failures.entry(key.clone()).or_default();
        *failures += 1;
        let time = Duration::from_millis(500 << (*failures - 1).min(11));
        self.after(key, time.min(Duration::from_secs(1000)));
    }

    /// This went well.
    pub fn well(&mut self, key: &Key) {
        self.failures.remove(key);
    }
}

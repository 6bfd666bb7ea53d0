//! Events are forgotten an hour after they were last written, as the real server forgets them: a cluster that is served for days stays small.

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::kinds::Kind;
use super::object::Object;
use super::store::Key;
use super::{ApiServer, State};

/// How long an Event is kept.
const LIFE: chrono::Duration = chrono::Duration::hours(1);
/// How often it is looked for those whose time is over. The real server lets them go in bundles of a minute too.
const EVERY: Duration = Duration::from_mins(1);

/// Forget old Events from now on, as long as the runtime lives.
pub fn start(server: &ApiServer) {
    let server = server.clone();
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(EVERY).await;
            server.lock().expire();
        }
    });
}

impl State {
    fn expire(&mut self) {
        let now = self.clock.server_now();
        let old = self.store.list(Kind::Event, None).filter(|event| written(event, now).is_some_and(|at| now - at > LIFE));
        let keys: Vec<Key> = old.map(|event| Key::new(Kind::Event, event.namespace(), event.name())).collect();
        for key in keys {
            self.store.remove(&key);
        }
    }
}

/// When an Event was last written, as far as it says so. Nobody keeps one alive by a date to come.
fn written(event: &Object, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let dates = ["/metadata/creationTimestamp", "/firstTimestamp", "/lastTimestamp", "/eventTime", "/series/lastObservedTime"];
    let read = |at: &str| DateTime::parse_from_rfc3339(event.text(at)).ok().map(|date| date.to_utc());
    dates.into_iter().filter_map(read).filter(|date| *date <= now).max()
}

//! Changes as a controller hears of them.

use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::Home;
use crate::rehearsal::api::ApiServer;
use crate::rehearsal::api::kinds::{Kind, RESOURCES};
use crate::rehearsal::api::store::{Change, Key, KindSet, Verb};

/// How long a feed that was cut off waits at first, and at most, before it asks again: as client-go's reflectors.
const FIRST_WAIT: Duration = Duration::from_millis(800);
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// Changes, batch by batch.
#[derive(Debug)]
pub struct Feed {
    server: ApiServer,
    waiter: u64,
    kinds: KindSet,
    cursor: u64,
    /// The server did not answer: when it is asked again, and how long the wait after that is.
    again: Option<(Instant, Duration)>,
}

impl Feed {
    /// A feed of these kinds from now on.
    #[must_use]
    pub fn new(home: &Home, kinds: &[Kind]) -> Self {
        let server = home.server.clone();
        let kinds = KindSet::of(kinds);
        let mut state = server.lock();
        let (waiter, cursor) = (state.store.join(kinds), state.store.revision());
        drop(state);
        Self { server, waiter, kinds, cursor, again: None }
    }

    /// The next changes; at least one. If the log has run away from this feed, every object counts as changed. While nobody answers at the API server's
    /// address there are none; what has happened meanwhile is heard of some time after.
    pub async fn next(&mut self) -> Vec<Change> {
        loop {
            if let Some((at, _)) = self.again {
                sleep_until(at).await;
            }
            if let Some(batch) = self.heard().await {
                return batch;
            }
        }
    }

    /// When to ask again, after a question that was not answered.
    fn put_off(&mut self) {
        let now = Instant::now();
        let wait = self.again.map_or(FIRST_WAIT, |(_, wait)| wait);
        let jitter = self.server.lock().dice.stream(&format!("feed/{}/{}", self.waiter, self.cursor)).unit();
        self.again = Some((now + wait.mul_f64(0.5 + jitter / 2.0), (wait * 2).min(LONGEST_WAIT)));
    }

    /// The next changes, or none when the way to the server is cut.
    async fn heard(&mut self) -> Option<Vec<Change>> {
        let heard = poll_fn(|cx| {
            let mut state = self.server.lock();
            if state.troubles.cut_off() {
                return Poll::Ready(None);
            }
            self.again = None;
            let batch: Vec<Change> = match state.store.since(self.cursor) {
                Ok(changes) => changes.filter(|change| self.kinds.has(change.key.kind)).cloned().collect(),
                Err(_) => RESOURCES
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
            Poll::Ready(Some(batch))
        })
        .await;
        if heard.is_none() {
            self.put_off();
        }
        heard
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.server.lock().store.leave(self.waiter);
    }
}

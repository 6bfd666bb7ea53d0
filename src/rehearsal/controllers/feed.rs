//! Changes as a controller hears of them.

use std::future::poll_fn;
use std::task::Poll;

use super::Home;
use crate::rehearsal::api::ApiServer;
use crate::rehearsal::api::kinds::{Kind, RESOURCES};
use crate::rehearsal::api::store::{Change, Key, KindSet, Verb};

/// Changes, batch by batch.
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
    pub fn new(home: &Home, kinds: &[Kind]) -> Self {
        let server = home.server.clone();
        let kinds = KindSet::of(kinds);
        let mut state = server.lock();
        let (waiter, cursor) = (state.store.join(kinds), state.store.revision());
        drop(state);
        Self { server, waiter, kinds, cursor }
    }

    /// The next changes; at least one. If the log has run away from this feed, every object counts as changed.
    pub async fn next(&mut self) -> Vec<Change> {
        poll_fn(|cx| {
            let mut state = self.server.lock();
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

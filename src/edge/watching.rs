//! One loop for every watch: list, follow, and on trouble say so, wait, and list again.

use std::fmt::Debug;
use std::time::Duration;

use futures::{StreamExt, pin_mut};
use kube::runtime::watcher::{self, Event as Watched};
use kube::{Api, Resource};
use serde::de::DeserializeOwned;
use tokio::sync::watch;

use crate::edge::Inbox;
use crate::edge::api_error;
use crate::event::{Event, Source};

/// What a watch makes of its objects.
pub(super) trait Project<K>: Send {
    /// A whole new list.
    fn listed(&mut self, objects: Vec<K>) -> impl Future<Output = Vec<Event>> + Send;
    /// One object that is new or has changed.
    fn applied(&mut self, object: K) -> impl Future<Output = Vec<Event>> + Send;
    /// One object that is gone, as it last stood.
    fn deleted(&mut self, object: K) -> Vec<Event>;
}

/// The first wait after trouble; it doubles up to [`LONGEST_WAIT`].
const FIRST_WAIT: Duration = Duration::from_millis(50);
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// Follows `api` until the inbox is closed.
///
/// After trouble it always lists anew, so that whatever happened unseen comes out as one list,
/// told while the source still counts as lost.
pub(super) async fn follow<K, P>(
    api: Api<K>,
    config: watcher::Config,
    source: Source,
    mut project: P,
    inbox: Inbox,
    mut alive: watch::Receiver<bool>,
) where
    K: Resource + Clone + DeserializeOwned + Debug + Send + 'static,
    P: Project<K>,
{
    let mut wait = FIRST_WAIT;
    let mut lost = false;
    loop {
        let trouble = {
            let stream = watcher::watcher(api.clone(), config.clone());
            pin_mut!(stream);
            let mut fresh = Vec::new();
            loop {
                let next = tokio::select! {
                    biased;
                    next = stream.next() => next,
                    _ = alive.wait_for(|alive| !alive) => break "the API server does not answer".to_owned(),
                };
                let events = match next {
                    Some(Ok(Watched::Init)) => {
                        fresh.clear();
                        continue;
                    }
                    Some(Ok(Watched::InitApply(object))) => {
                        fresh.push(object);
                        continue;
                    }
                    Some(Ok(Watched::InitDone)) => {
                        wait = FIRST_WAIT;
                        let mut events = project.listed(std::mem::take(&mut fresh)).await;
                        if std::mem::take(&mut lost) {
                            events.push(Event::SourceBack { source });
                        }
                        events
                    }
                    Some(Ok(Watched::Apply(object))) => project.applied(object).await,
                    Some(Ok(Watched::Delete(object))) => project.deleted(object),
                    Some(Err(error)) => break reason(&error),
                    None => break "the watch ended".to_owned(),
                };
                for event in events {
                    if inbox.send(event).await.is_err() {
                        return;
                    }
                }
            }
        };
        lost = true;
        if inbox.send(Event::SourceLost { source, why: trouble.into() }).await.is_err() {
            return;
        }
        tokio::time::sleep(wait).await;
        wait = (wait * 2).min(LONGEST_WAIT);
        if alive.wait_for(|alive| *alive).await.is_err() {
            return;
        }
    }
}

fn reason(error: &watcher::Error) -> String {
    match error {
        watcher::Error::InitialListFailed(error) | watcher::Error::WatchStartFailed(error) => api_error::of("watch", error).to_string(),
        watcher::Error::WatchError(status) => format!("{} ({})", status.message, status.code),
        other => api_error::chain(other),
    }
}

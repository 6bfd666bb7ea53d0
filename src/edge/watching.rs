//! One loop for every watch: list, follow, and on trouble say so, wait, and list again.
//!
//! Not kube's: that one takes up a watch that ended without a word where it was. What happened between two such watches is then told
//! late and looks as if it had just happened, and whoever measures a recovery by it measures the wire.

use std::fmt::Debug;
use std::time::Duration;

use futures::{StreamExt, pin_mut};
use kube::api::{ListParams, WatchEvent, WatchParams};
use kube::runtime::watcher;
use kube::{Api, Resource, ResourceExt};
use serde::de::DeserializeOwned;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::edge::Inbox;
use crate::edge::api_error;
use crate::event::{Event, Source};

/// What a watch makes of its objects.
pub(super) trait Project<K>: Send {
    /// What is kept of an object while a list is read: the whole of it is held at once.
    type Kept: Send;
    /// Takes an object of a list, as its page comes.
    fn keep(&mut self, object: K) -> impl Future<Output = Option<Self::Kept>> + Send;
    /// What to tell of a list that is not through yet, after one of its pages.
    fn coming(&self, _kept: &[Self::Kept]) -> Option<Event> {
        None
    }
    /// A whole new list.
    fn listed(&mut self, kept: Vec<Self::Kept>) -> impl Future<Output = Vec<Event>> + Send;
    /// One object that is new or has changed.
    fn applied(&mut self, object: K) -> impl Future<Output = Vec<Event>> + Send;
    /// One object that is gone, as it last stood.
    fn deleted(&mut self, object: K) -> Vec<Event>;
}

/// How many seconds a watch may last; the API server ends it then, and it is taken up where it was.
const LASTS: u32 = 290;
/// A watch that ends sooner than this was not ended by the API server's clock.
const SOON: Duration = Duration::from_mins(1);
/// How many objects a page of a list holds.
pub(super) const PAGE: u32 = 500;

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
        let stopped = async {
            let (kept, mut version) = list(&api, &config, &mut project, &inbox, &mut alive).await?;
            wait = FIRST_WAIT;
            let mut events = project.listed(kept).await;
            if std::mem::take(&mut lost) {
                events.push(Event::SourceBack { source });
            }
            tell(&inbox, events).await?;
            loop {
                let begun = Instant::now();
                look_on(&api, &config, &mut version, &mut project, &inbox, &mut alive).await?;
                if begun.elapsed() < SOON {
                    return Err::<(), _>(Stop::Trouble("the watch ended before its time".to_owned()));
                }
            }
        };
        let stopped = stopped.await;
        let Err(Stop::Trouble(trouble)) = stopped else { return };
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

/// Why a source is followed no further.
enum Stop {
    /// It can't be seen.
    Trouble(String),
    /// Nobody listens any more.
    Unheard,
}

async fn tell(inbox: &Inbox, events: impl IntoIterator<Item = Event>) -> Result<(), Stop> {
    for event in events {
        inbox.send(event).await.map_err(|_| Stop::Unheard)?;
    }
    Ok(())
}

/// An answer, unless the API server is found to be silent before it comes. What is told is never cut short by that.
async fn answered<T>(alive: &mut watch::Receiver<bool>, answer: impl Future<Output = T>) -> Result<T, Stop> {
    tokio::select! {
        biased;
        answer = answer => Ok(answer),
        _ = alive.wait_for(|alive| !alive) => Err(Stop::Trouble("the API server does not answer".to_owned())),
    }
}

fn trouble(error: &kube::Error) -> Stop {
    Stop::Trouble(api_error::of("watch", error).to_string())
}

/// What is kept of all there is now, and the version from which to look on.
async fn list<K, P>(
    api: &Api<K>,
    config: &watcher::Config,
    project: &mut P,
    inbox: &Inbox,
    alive: &mut watch::Receiver<bool>,
) -> Result<(Vec<P::Kept>, String), Stop>
where
    K: Clone + DeserializeOwned + Debug,
    P: Project<K>,
{
    let (label_selector, field_selector) = (config.label_selector.clone(), config.field_selector.clone());
    let mut params = ListParams { label_selector, field_selector, limit: Some(PAGE), ..ListParams::default() };
    let mut kept = Vec::new();
    loop {
        let page = answered(alive, api.list(&params)).await?.map_err(|error| trouble(&error))?;
        for object in page.items {
            kept.extend(project.keep(object).await);
        }
        params.continue_token = page.metadata.continue_.filter(|token| !token.is_empty());
        if params.continue_token.is_none() {
            return Ok((kept, page.metadata.resource_version.unwrap_or_default()));
        }
        tell(inbox, project.coming(&kept)).await?;
    }
}

/// Tells every change from `version` on, until the API server ends the watch.
async fn look_on<K, P>(
    api: &Api<K>,
    config: &watcher::Config,
    version: &mut String,
    project: &mut P,
    inbox: &Inbox,
    alive: &mut watch::Receiver<bool>,
) -> Result<(), Stop>
where
    K: Resource + Clone + DeserializeOwned + Debug + Send + 'static,
    P: Project<K>,
{
    let (label_selector, field_selector) = (config.label_selector.clone(), config.field_selector.clone());
    let params = WatchParams { label_selector, field_selector, timeout: Some(LASTS), ..WatchParams::default() };
    let stream = answered(alive, api.watch(&params, version)).await?.map_err(|error| trouble(&error))?;
    pin_mut!(stream);
    while let Some(next) = answered(alive, stream.next()).await? {
        let (new, events) = match next.map_err(|error| trouble(&error))? {
            WatchEvent::Added(object) | WatchEvent::Modified(object) => (object.resource_version(), project.applied(object).await),
            WatchEvent::Deleted(object) => (object.resource_version(), project.deleted(object)),
            WatchEvent::Bookmark(mark) => (Some(mark.metadata.resource_version), Vec::new()),
            WatchEvent::Error(status) => return Err(Stop::Trouble(format!("{} ({})", status.message, status.code))),
        };
        if let Some(new) = new {
            *version = new;
        }
        tell(inbox, events).await?;
    }
    Ok(())
}

//! Watches: a place in the log, read as it grows.

use std::fmt::Write as _;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::Stream;
use serde_json::json;
use tokio::time::{Instant, Sleep, sleep};

use super::ApiServer;
use super::State;
use super::guise::Guise;
use super::kinds::Kind;
use super::reading::{Form, parse_revision, too_large, whole_number};
use super::refusal::Refusal;
use super::route::{Place, Query};
use super::selector::Selector;
use super::store::{Change, KindSet, Verb};

/// How often a quiet watch is told the revision.
const BOOKMARK_EVERY: Duration = Duration::from_mins(1);

/// The longest that a watch is left open, in seconds: a year, which a timer can hold.
const LONGEST: u64 = 365 * 24 * 3600;

/// How many bytes one chunk may hold before the rest of the log waits for the next.
const CHUNK: usize = 256 * 1024;

/// One open watch: a stream of chunks of JSON lines.
pub struct Watch {
    server: ApiServer,
    waiter: u64,
    kind: Kind,
    namespace: String,
    selector: Selector,
    form: Form,
    /// A watch of tables has not yet given its column definitions.
    heads: bool,
    cursor: u64,
    first: String,
    epoch: u64,
    ended: bool,
    until: Pin<Box<Sleep>>,
    bookmark: Option<Pin<Box<Sleep>>>,
    guise: Option<&'static Guise>,
}

/// Why a watch broke off without an end.
#[derive(Debug, thiserror::Error)]
#[error("connection reset by peer")]
pub struct Cut;

impl Watch {
    /// Start a watch as this request asks.
    ///
    /// # Errors
    /// 400, 422 or 500 as the real server would refuse it; 504 where what is there is asked for as of a revision to come. A revision that is gone is told in the stream.
    pub fn open(server: &ApiServer, place: &Place, query: &Query, form: Form) -> Result<Self, Refusal> {
        let selector = Selector::parse(place.kind, query.get("labelSelector"), query.get("fieldSelector"))?;
        whole_number(query, "limit")?;
        let timeout = whole_number(query, "timeoutSeconds")?.filter(|seconds| *seconds != 0);
        let listing = query.is("sendInitialEvents");
        initial_events_allowed(query)?;
        let mut state = server.lock();
        let now = state.store.revision();
        let mut first = String::new();
        let mut cursor = now;
        let mut heads = true;
        let asked = query.get("resourceVersion");
        if listing && !matches!(asked, "" | "0") && parse_revision(asked)? > now {
            return Err(too_large(parse_revision(asked)?, now));
        }
        match asked {
            _ if listing => {
                let time = state.clock.server_now();
                let namespace = (!place.namespace.is_empty()).then_some(place.namespace.as_str());
                for object in state.store.list(place.kind, namespace).filter(|object| selector.matches(object)) {
                    line("ADDED", &mut first, |out| form.write(place.kind, object, std::mem::take(&mut heads), time, out));
                }
                bookmark(&mut first, place.kind, now, true);
            }
            _ if query.get("sendInitialEvents") == "false" && matches!(asked, "" | "0") => {}
            "" | "0" => {
                let namespace = (!place.namespace.is_empty()).then_some(place.namespace.as_str());
                let time = state.clock.server_now();
                for object in state.store.list(place.kind, namespace).filter(|object| selector.matches(object)) {
                    line("ADDED", &mut first, |out| form.write(place.kind, object, std::mem::take(&mut heads), time, out));
                }
            }
            from => {
                // From a revision that is to come, as from any other: what is up to it is not told.
                cursor = parse_revision(from)?;
                if cursor < state.store.compacted() {
                    gone(&mut first, cursor, state.store.compacted());
                }
            }
        }
        let gone = first.starts_with("{\"type\":\"ERROR\"");
        // Without a wish the real server ends a watch after 30 to 60 minutes; one for less than no time ends at once.
        let seconds = match timeout {
            Some(seconds) => u64::try_from(seconds).unwrap_or(0).min(LONGEST),
            None => 1800 + state.latencies.below(1800),
        };
        let waiter = state.store.join(KindSet::of(&[place.kind]));
        let epoch = state.troubles.epoch;
        drop(state);
        Ok(Self {
            server: server.clone(),
            waiter,
            kind: place.kind,
            namespace: place.namespace.clone(),
            selector,
            form,
            heads,
            cursor,
            first,
            epoch,
            ended: gone,
            until: Box::pin(sleep(Duration::from_secs(seconds))),
            bookmark: query.is("allowWatchBookmarks").then(|| Box::pin(sleep(BOOKMARK_EVERY))),
            guise: None,
        })
    }

    /// The same watch in a second version of its kind.
    #[must_use]
    pub fn in_guise(mut self, guise: Option<&'static Guise>) -> Self {
        self.guise = guise;
        self
    }

    fn chunk(&self, lines: String) -> Vec<u8> {
        match self.guise {
            Some(guise) => guise.lines(&lines),
            None => lines,
        }
        .into_bytes()
    }

    /// What the log has for this watch since it last looked.
    fn read(&mut self, state: &State, out: &mut String) {
        let Ok(changes) = state.store.since(self.cursor) else {
            gone(out, self.cursor, state.store.compacted());
            self.ended = true;
            return;
        };
        for change in changes {
            self.cursor = change.revision;
            if change.key.kind == self.kind && (self.namespace.is_empty() || self.namespace == change.key.namespace) {
                self.tell(change, state, out);
            }
            if out.len() > CHUNK {
                return;
            }
        }
        // An initial watch must not show what came before it even where the log still has it.
        self.cursor = self.cursor.max(state.store.revision());
    }

    /// One change as a watch with this selector sees it.
    fn tell(&mut self, change: &Change, state: &State, out: &mut String) {
        let was = change.previous.as_ref().is_some_and(|previous| self.selector.matches(previous));
        let is = change.verb != Verb::Deleted && self.selector.matches(&change.object);
        let verb = match (was, is) {
            (false, false) => return,
            (false, true) => "ADDED",
            (true, true) => "MODIFIED",
            (true, false) => "DELETED",
        };
        let (heads, now) = (std::mem::take(&mut self.heads), state.clock.server_now());
        line(verb, out, |out| self.form.write(self.kind, &change.object, heads, now, out));
    }
}

fn line(kind: &str, out: &mut String, object: impl FnOnce(&mut String)) {
    let _ = write!(out, "{{\"type\":\"{kind}\",\"object\":");
    object(out);
    out.push_str("}\n");
}

/// A bookmark; after a watch's initial events it says that they are over.
fn bookmark(out: &mut String, kind: Kind, revision: u64, initial: bool) {
    let mut meta = json!({"resourceVersion": revision.to_string(), "creationTimestamp": null});
    if initial {
        meta["annotations"] = json!({"k8s.io/initial-events-end": "true"});
    }
    let object = json!({"kind": kind.resource().name, "apiVersion": kind.api_version(), "metadata": meta});
    let _ = writeln!(out, "{{\"type\":\"BOOKMARK\",\"object\":{object}}}");
}

/// Refuse what does not go together with `sendInitialEvents`.
fn initial_events_allowed(query: &Query) -> Result<(), Refusal> {
    let (given, rule) = (query.get("sendInitialEvents"), query.get("resourceVersionMatch"));
    let refused = |why: &str| {
        let field = why.split(':').next().unwrap_or_default();
        Err(super::ask::options_refused("ListOptions", field, why))
    };
    match (given, rule) {
        ("", "") => Ok(()),
        ("", _) => {
            refused("resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided")
        }
        (_, "") => refused("resourceVersionMatch: Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"),
        (_, "NotOlderThan") => Ok(()),
        (_, other) => refused(&format!("resourceVersionMatch: Unsupported value: {other:?}: supported values: \"NotOlderThan\"")),
    }
}

fn gone(out: &mut String, wanted: u64, compacted: u64) {
    let status = Refusal::expired(format!("too old resource version: {wanted} ({compacted})")).status();
    let _ = writeln!(out, "{{\"type\":\"ERROR\",\"object\":{status}}}");
}

impl Stream for Watch {
    type Item = Result<Vec<u8>, Cut>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        if !this.first.is_empty() {
            let first = std::mem::take(&mut this.first);
            return Poll::Ready(Some(Ok(this.chunk(first))));
        }
        if this.ended {
            return Poll::Ready(None);
        }
        let server = this.server.clone();
        let mut state = server.lock();
        if state.troubles.epoch != this.epoch {
            this.ended = true;
            return Poll::Ready(Some(Err(Cut)));
        }
        let mut out = String::new();
        this.read(&state, &mut out);
        if !out.is_empty() {
            return Poll::Ready(Some(Ok(this.chunk(out))));
        }
        if this.until.as_mut().poll(cx).is_ready() {
            this.ended = true;
            return Poll::Ready(None);
        }
        if let Some(timer) = &mut this.bookmark
            && timer.as_mut().poll(cx).is_ready()
        {
            timer.as_mut().reset(Instant::now() + BOOKMARK_EVERY);
            // Poll the reset timer once, so that it wakes us again.
            let _ = timer.as_mut().poll(cx);
            bookmark(&mut out, this.kind, this.cursor, false);
            return Poll::Ready(Some(Ok(this.chunk(out))));
        }
        state.store.wait(this.waiter, cx.waker());
        Poll::Pending
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.server.lock().store.leave(self.waiter);
    }
}

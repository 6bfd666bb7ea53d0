//! Pod logs: what a small server would have written, by its container's life alone. The same container says the same lines to everybody who asks.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use futures::Stream;
use serde_json::Value;
use tokio::time::{Sleep, sleep};

use super::ApiServer;
use super::object::{Object, at, list, number, text};
use super::refusal::Refusal;
use super::route::{Place, Query};
use crate::rehearsal::clock;

/// How often a server says that it is alive.
const BEAT: TimeDelta = TimeDelta::seconds(10);
/// How far back a log reaches: older files are rotated away.
const KEPT: TimeDelta = TimeDelta::hours(2);
/// How often a followed log is looked at.
const LOOK: Duration = Duration::from_millis(500);

/// One life of a container.
#[derive(Debug, Clone, PartialEq)]
struct Life {
    started: DateTime<Utc>,
    ended: Option<DateTime<Utc>>,
    code: i64,
    reason: String,
}

/// One container's log, with the reader's wishes.
pub struct LogTail {
    server: ApiServer,
    place: Place,
    container: String,
    uid: String,
    life: Life,
    port: i64,
    query: Query,
    /// Up to where lines have been told.
    told: DateTime<Utc>,
    left: u64,
    begun: bool,
    timer: Pin<Box<Sleep>>,
}

impl LogTail {
    /// The log that this request means.
    ///
    /// # Errors
    /// 400 when there is no such container or it has not started, 404 without the pod.
    pub fn open(server: &ApiServer, place: &Place, query: &Query) -> Result<Option<Self>, Refusal> {
        let pod = server.lock().get(place)?;
        let container = chosen(&pod, query.get("container"))?;
        for field in ["tailLines", "sinceSeconds", "limitBytes"] {
            let given = query.get(field);
            let least = i64::from(field != "tailLines");
            if !given.is_empty() && given.parse::<i64>().map_or(true, |n| n < least) {
                let why = if least == 1 { "must be greater than 0" } else { "must be greater than or equal to 0" };
                let why = format!("{field}: Invalid value: {given}: {why}");
                return Err(super::ask::options_refused("PodLogOptions", field, &why).in_group(""));
            }
        }
        if !query.get("sinceSeconds").is_empty() && !query.get("sinceTime").is_empty() {
            let why = "sinceSeconds: Forbidden: at most one of `sinceTime` or `sinceSeconds` may be specified";
            return Err(super::ask::options_refused("PodLogOptions", "sinceSeconds", why).in_group(""));
        }
        if pod.text("/spec/nodeName").is_empty() {
            // Nobody to ask: the real server answers with nothing.
            return Ok(None);
        }
        let status = status_of(&pod, &container);
        let life = if query.is("previous") {
            at(&status, "/lastState/terminated").and_then(life).ok_or_else(|| {
                Refusal::bad_request(format!("previous terminated container {container:?} in pod {:?} not found", pod.name()))
            })?
        } else {
            current(&status).ok_or_else(|| {
                let why = match text(&status, "/state/waiting/reason") {
                    "" => "ContainerCreating",
                    "ErrImagePull" | "ImagePullBackOff" => "trying and failing to pull image",
                    reason => reason,
                };
                Refusal::bad_request(format!("container {container:?} in pod {:?} is waiting to start: {why}", pod.name()))
            })?
        };
        let containers = pod.list("/spec/containers").iter().chain(pod.list("/spec/initContainers"));
        let port =
            containers.into_iter().find(|c| text(c, "/name") == container).and_then(|c| number(c, "/ports/0/containerPort")).unwrap_or(0);
        Ok(Some(Self {
            server: server.clone(),
            place: place.clone(),
            uid: pod.uid().to_owned(),
            told: life.started - TimeDelta::seconds(1),
            container,
            life,
            port,
            left: query.number("limitBytes").unwrap_or(u64::MAX),
            query: query.clone(),
            begun: false,
            timer: Box::pin(sleep(LOOK)),
        }))
    }

    /// Everything up to now that the reader wants.
    pub fn past(&mut self) -> Vec<u8> {
        let now = self.server.lock().clock.server_now();
        let mut from = (now - KEPT).max(self.told);
        if let Some(seconds) = self.query.number("sinceSeconds").and_then(|s| i64::try_from(s).ok()) {
            from = from.max(now - TimeDelta::try_seconds(seconds).unwrap_or(KEPT));
        }
        if let Some(time) = clock::parse(self.query.get("sinceTime")) {
            from = from.max(time);
        }
        let mut lines = self.lines(from, now);
        if let Some(tail) = self.query.number("tailLines").and_then(|n| usize::try_from(n).ok()) {
            lines = lines.split_off(lines.len().saturating_sub(tail));
        }
        self.told = now;
        self.begun = true;
        self.written(&lines)
    }

    /// The lines after `from` and not after `until`.
    fn lines(&self, from: DateTime<Utc>, until: DateTime<Utc>) -> Vec<(DateTime<Utc>, String)> {
        let Life { started, ended, code, reason } = &self.life;
        let until = ended.map_or(until, |end| end.min(until));
        let mut lines = Vec::new();
        let mut say = |at: DateTime<Utc>, line: String| {
            if at > from && at <= until {
                lines.push((at, line));
            }
        };
        say(*started, format!("level=info msg=\"starting\" server={}", self.container));
        if self.port > 0 {
            say(*started + TimeDelta::milliseconds(40), format!("level=info msg=\"listening\" address=:{}", self.port));
        }
        let first = ((from - *started).num_seconds() / BEAT.num_seconds()).max(1);
        let last = (until - *started).num_seconds() / BEAT.num_seconds();
        for beat in first..=last {
            let uptime = beat * BEAT.num_seconds();
            say(*started + TimeDelta::seconds(uptime), format!("level=info msg=\"healthy\" uptime={uptime}s"));
        }
        if let Some(end) = ended {
            match (*code, reason.as_str()) {
                // The kernel asks nobody.
                (_, "OOMKilled") | (137, _) => {}
                (0 | 143, _) => say(*end, "level=info msg=\"shut down\"".to_owned()),
                (code, _) => say(*end, format!("level=error msg=\"giving up\" exit={code}")),
            }
        }
        lines
    }

    fn written(&mut self, lines: &[(DateTime<Utc>, String)]) -> Vec<u8> {
        let mut out = String::new();
        for (at, line) in lines {
            if self.query.is("timestamps") {
                out.push_str(&at.to_rfc3339_opts(SecondsFormat::Nanos, true));
                out.push(' ');
            }
            out.push_str(line);
            out.push('\n');
        }
        let mut bytes = out.into_bytes();
        bytes.truncate(usize::try_from(self.left).unwrap_or(usize::MAX));
        self.left -= u64::try_from(bytes.len()).unwrap_or(0);
        bytes
    }

    /// Whether this life of the container goes on.
    fn goes_on(&mut self) -> bool {
        if self.life.ended.is_some() {
            return false;
        }
        let Ok(pod) = self.server.lock().get(&self.place) else { return false };
        let status = status_of(&pod, &self.container);
        match current(&status) {
            Some(life) if pod.uid() == self.uid && life.started == self.life.started => {
                self.life = life;
                self.life.ended.is_none()
            }
            _ => false,
        }
    }
}

impl Stream for LogTail {
    type Item = Vec<u8>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        if !this.begun {
            let past = this.past();
            if !past.is_empty() {
                return Poll::Ready(Some(past));
            }
        }
        loop {
            if this.left == 0 {
                return Poll::Ready(None);
            }
            if this.timer.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            this.timer.as_mut().reset(tokio::time::Instant::now() + LOOK);
            let goes_on = this.goes_on();
            let now = this.server.lock().clock.server_now();
            let lines = this.lines(this.told, now);
            this.told = now;
            let fresh = this.written(&lines);
            if !goes_on {
                this.left = 0;
            }
            if !fresh.is_empty() {
                return Poll::Ready(Some(fresh));
            }
        }
    }
}

fn chosen(pod: &Object, wanted: &str) -> Result<String, Refusal> {
    let names = |pointer: &str| pod.list(pointer).iter().map(|c| text(c, "/name").to_owned()).collect::<Vec<_>>();
    let (mains, mut all) = (names("/spec/containers"), names("/spec/containers"));
    all.extend(names("/spec/initContainers"));
    match (wanted, mains.as_slice()) {
        ("", [one]) => Ok(one.clone()),
        ("", many) => Err(Refusal::bad_request(format!(
            "a container name must be specified for pod {}, choose one of: [{}]",
            pod.name(),
            many.join(" ")
        ))),
        (name, _) if all.iter().any(|c| c == name) => Ok(name.to_owned()),
        (name, _) => Err(Refusal::bad_request(format!("container {name} is not valid for pod {}", pod.name()))),
    }
}

fn status_of(pod: &Object, container: &str) -> Value {
    let all = list(pod.value(), "/status/containerStatuses").iter().chain(list(pod.value(), "/status/initContainerStatuses"));
    all.into_iter().find(|status| text(status, "/name") == container).cloned().unwrap_or(Value::Null)
}

/// The life that a log without `previous` is of: the one that runs, or the last one where none does.
fn current(status: &Value) -> Option<Life> {
    let running = at(status, "/state/running").and_then(life);
    running.or_else(|| at(status, "/state/terminated").and_then(life)).or_else(|| at(status, "/lastState/terminated").and_then(life))
}

fn life(state: &Value) -> Option<Life> {
    Some(Life {
        started: clock::parse(text(state, "/startedAt"))?,
        ended: clock::parse(text(state, "/finishedAt")),
        code: number(state, "/exitCode").unwrap_or(0),
        reason: text(state, "/reason").to_owned(),
    })
}

//! `Schedule`: four controllers that meet in one object. One spawns children by the clock, one lists them, one collects the old ones, one hands a
//! pause on to them.

use std::sync::Arc;

use chrono::{DateTime, Duration, Utc};
use serde_json::{Value, json};

use super::cron::Cron;
use super::experiment::{self, PAUSE};
use super::queue::{self, Next, Reconciler, itself_or_owner};
use super::webhooks::{block, spec_of, status_of};
use super::{EXPERIMENTS, encoding, notes};
use crate::rehearsal::api::deletion::DeleteOptions;
use crate::rehearsal::api::kinds::Kind;
use crate::rehearsal::api::object::{Object, map_mut, owner_reference};
use crate::rehearsal::api::store::{Change, Key};
use crate::rehearsal::api::writes::Part;
use crate::rehearsal::clock;
use crate::rehearsal::controllers::{Hand, Home};

/// The label by which a Schedule knows its children, in whatever namespace.
const MANAGED_BY: &str = "managed-by";

/// What one of the four does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Duty {
    /// Spawns.
    Cron,
    /// Lists.
    Active,
    /// Collects.
    Gc,
    /// Pauses.
    Pause,
}

/// Run one of the four controllers.
pub async fn run(home: Home, duty: Duty) {
    let component = match duty {
        Duty::Cron => "schedule-cron",
        Duty::Active => "schedule-active",
        Duty::Gc => "schedule-gc",
        Duty::Pause => "schedule-pause",
    };
    let hand = Hand::new(&home, component);
    queue::run(home, Schedules { hand, duty, component }).await;
}

struct Schedules {
    hand: Hand,
    duty: Duty,
    component: &'static str,
}

impl Reconciler for Schedules {
    fn kinds(&self) -> Vec<Kind> {
        let children: &[Kind] = if matches!(self.duty, Duty::Active | Duty::Gc) { EXPERIMENTS } else { &[] };
        let workflow = children.first().map(|_| Kind::Workflow);
        [Kind::Schedule].into_iter().chain(children.iter().copied()).chain(workflow).collect()
    }

    fn hear(&self, change: &Change) -> Vec<Key> {
        itself_or_owner(change, Kind::Schedule)
    }

    async fn reconcile(&mut self, key: &Key) -> Next {
        let Some(schedule) = self.hand.get(key) else { return Next::Done };
        let Some(kind) = type_of(&schedule) else {
            if self.duty != Duty::Cron {
                let why = format!("Unknown type: {}", schedule.text("/spec/type"));
                self.failed(&schedule, "list active jobs", &why);
            }
            return Next::Done;
        };
        match self.duty {
            Duty::Cron => self.spawn_when_due(&schedule, kind).await,
            Duty::Active => {
                self.list_children(&schedule, kind).await;
                Next::Done
            }
            Duty::Gc => self.collect(&schedule, kind).await,
            Duty::Pause => {
                self.pass_pause_on(&schedule, kind).await;
                Next::Done
            }
        }
    }
}

/// The kind of a Schedule's children; none for one that the practice cluster does not have.
fn type_of(schedule: &Object) -> Option<Kind> {
    let name = schedule.text("/spec/type");
    EXPERIMENTS.iter().copied().chain([Kind::Workflow]).find(|kind| kind.resource().name == name)
}

impl Schedules {
    fn failed(&self, schedule: &Object, activity: &str, why: &str) {
        notes::failed(&self.hand, Kind::Schedule, schedule, self.component, activity, why);
    }

    /// Every existing child, running or not.
    fn children(&self, schedule: &Object, kind: Kind) -> Vec<Arc<Object>> {
        let mut all = self.hand.list(kind, None);
        all.retain(|child| child.labels().get(MANAGED_BY) == Some(&schedule.name()));
        all
    }

    async fn write(&mut self, key: &Key, change: impl Fn(&mut Value)) -> Result<Arc<Object>, String> {
        let rewritten = |value: &mut Value| {
            change(value);
            value["spec"] = encoding::encode(&value["spec"], spec_of(Kind::Schedule));
            value["status"] = encoding::encode(&value["status"], status_of(Kind::Schedule));
        };
        self.hand.edit(key, Part::Main, rewritten).await.map_err(|refusal| refusal.message)
    }

    async fn spawn_when_due(&mut self, schedule: &Object, kind: Kind) -> Next {
        if experiment::paused(schedule) {
            return Next::Done;
        }
        let now = self.hand.now();
        let missed = match due(schedule, now) {
            Err(why) => {
                self.failed(schedule, "get run time", &why);
                return Next::Done;
            }
            // A timer wakes a little late, never early.
            Ok(Due::Next(next)) => {
                return (next - now).to_std().map_or(Next::Done, |left| Next::After(left + std::time::Duration::from_millis(1)));
            }
            Ok(Due::Never) => return Next::Done,
            Ok(Due::Now(missed)) => missed,
        };
        if let Some(deadline) = deadline(schedule)
            && missed + deadline < now
        {
            let message = format!("Missed scheduled time to start a job: {}", missed.format("%a, %d %b %Y %H:%M:%S +0000"));
            let annotations = json!({"chaos-mesh.org/missed-run": clock::stamp(missed), "chaos-mesh.org/type": "missed-schedule"});
            notes::say(&self.hand, Kind::Schedule, schedule, (self.component, true), ("MissSchedule", &message), annotations);
            return Next::Done;
        }
        if schedule.text("/spec/concurrencyPolicy") == "Forbid"
            && let Some(running) = self.children(schedule, kind).into_iter().find(|child| !finished(kind, child, now).0)
        {
            let name = running.name();
            let message = format!("Forbid spawning new job because: {name} is still running");
            let annotations = json!({"chaos-mesh.org/running-name": name, "chaos-mesh.org/type": "schedule-forbid"});
            notes::say(&self.hand, Kind::Schedule, schedule, (self.component, true), ("Forbid", &message), annotations);
            return Next::Done;
        }
        self.spawn(schedule, kind, now).await;
        Next::Done
    }

    async fn spawn(&mut self, schedule: &Object, kind: Kind, now: DateTime<Utc>) {
        let spec = &schedule.value()["spec"][block(kind.resource().name)];
        let prefix = format!("{}-", schedule.name());
        let prefix = prefix.get(..58).unwrap_or(&prefix).to_owned();
        let mut rolls = self.hand.stream(|moment| format!("spawn/{prefix}/{moment}"));
        let name = format!("{prefix}{}", rolls.name_suffix());
        let child = json!({
            "apiVersion": kind.api_version(), "kind": kind.resource().name,
            "metadata": {
                "name": name, "labels": {MANAGED_BY: schedule.name()},
                "ownerReferences": [owner_reference(schedule, &Kind::Schedule.api_version(), "Schedule")],
            },
            "spec": encoding::encode(spec, spec_of(kind)),
        });
        if let Err(refusal) = self.hand.create(kind, schedule.namespace(), child).await {
            self.failed(schedule, "create new object", &refusal.message);
            return;
        }
        let annotations = json!({"chaos-mesh.org/name": name, "chaos-mesh.org/type": "schedule-spawn"});
        let message = format!("Create new object: {name}");
        notes::say(&self.hand, Kind::Schedule, schedule, (self.component, false), ("Spawned", &message), annotations);
        let key = Key::new(Kind::Schedule, schedule.namespace(), schedule.name());
        match self.write(&key, |value| map_mut(value, "status").insert("time".to_owned(), json!(clock::stamp(now))).map_or((), drop)).await
        {
            Ok(_) => notes::updated(&self.hand, Kind::Schedule, schedule, self.component, "lastScheduleTime"),
            Err(why) => self.failed(schedule, "update lastScheduleTime", &why),
        }
    }

    async fn list_children(&mut self, schedule: &Object, kind: Kind) {
        let mut children = self.children(schedule, kind);
        children.sort_by(|a, b| a.name().cmp(b.name()));
        let active: Vec<Value> = children
            .iter()
            .map(|child| {
                json!({
                    "kind": kind.resource().name, "namespace": child.namespace(), "name": child.name(), "uid": child.uid(),
                    "apiVersion": kind.api_version(), "resourceVersion": child.revision(),
                })
            })
            .collect();
        if active == schedule.list("/status/active") {
            return;
        }
        let key = Key::new(Kind::Schedule, schedule.namespace(), schedule.name());
        let written = self.write(&key, |value| map_mut(value, "status").insert("active".to_owned(), json!(active)).map_or((), drop)).await;
        if let Err(why) = written {
            self.failed(schedule, "update active", &why);
        }
    }

    async fn collect(&mut self, schedule: &Object, kind: Kind) -> Next {
        let now = self.hand.now();
        let mut children = self.children(schedule, kind);
        children.sort_by(|a, b| a.text("/metadata/creationTimestamp").cmp(b.text("/metadata/creationTimestamp")));
        // Without a limit none is kept.
        let limit = schedule.number("/spec/historyLimit").and_then(|n| usize::try_from(n).ok()).unwrap_or(0);
        let surplus = children.len().saturating_sub(limit);
        let mut soonest: Option<Duration> = None;
        for child in children.iter().take(surplus) {
            let (over, left) = finished(kind, child, now);
            if !over && (left > Duration::zero() || kind == Kind::Workflow) {
                soonest = Some(soonest.map_or(left, |soonest| soonest.min(left))).filter(|left| *left > Duration::zero());
                continue;
            }
            let key = Key::new(kind, child.namespace(), child.name());
            if let Err(refusal) = self.hand.delete(&key, &DeleteOptions::default()).await
                && refusal.code != 404
            {
                self.failed(schedule, &format!("delete {}/{}", child.namespace(), child.name()), &refusal.message);
            }
        }
        soonest.and_then(|left| left.to_std().ok()).map_or(Next::Done, Next::After)
    }

    async fn pass_pause_on(&mut self, schedule: &Object, kind: Kind) {
        let paused = experiment::paused(schedule);
        if kind == Kind::Workflow {
            if paused {
                let what = "pausing a workflow schedule";
                let annotations = json!({"chaos-mesh.org/activity": what, "chaos-mesh.org/type": "not-supported"});
                let message = format!("{what} is not supported");
                notes::say(&self.hand, Kind::Schedule, schedule, (self.component, true), ("NotSupported", &message), annotations);
            }
            return;
        }
        for child in self.children(schedule, kind).into_iter().filter(|child| experiment::paused(child) != paused) {
            let key = Key::new(kind, child.namespace(), child.name());
            let annotated = |value: &mut Value| {
                value["spec"] = encoding::encode(&value["spec"], spec_of(kind));
                map_mut(&mut value["metadata"], "annotations").insert(PAUSE.to_owned(), json!(paused.to_string()));
            };
            if let Err(refusal) = self.hand.edit(&key, Part::Main, annotated).await {
                let activity = format!("set pause to {paused} for {}/{}", child.namespace(), child.name());
                self.failed(schedule, &activity, &refusal.message);
                return;
            }
        }
    }
}

/// What a Schedule is to do by the clock.
enum Due {
    /// Run, for the newest of the times that have passed.
    Now(DateTime<Utc>),
    /// Run then.
    Next(DateTime<Utc>),
    /// There is no such time.
    Never,
}

fn deadline(schedule: &Object) -> Option<Duration> {
    schedule.number("/spec/startingDeadlineSeconds").map(Duration::seconds)
}

fn due(schedule: &Object, now: DateTime<Utc>) -> Result<Due, String> {
    let text = schedule.text("/spec/schedule");
    let cron = Cron::parse(text).map_err(|why| format!("unparseable schedule: {text} : {why}"))?;
    let last = clock::parse(schedule.text("/status/time")).or_else(|| clock::parse(schedule.text("/metadata/creationTimestamp")));
    let mut earliest = last.unwrap_or(now);
    if let Some(deadline) = deadline(schedule) {
        earliest = earliest.max(now - deadline);
    }
    if earliest > now {
        return Err(format!("earliestTime is later than now: earliestTime: {earliest}, now: {now}"));
    }
    let mut missed = None;
    let mut next = cron.after(earliest);
    let mut passed = 0;
    while let Some(time) = next.filter(|time| *time <= now) {
        missed = Some(time);
        next = cron.after(time);
        passed += 1;
        if passed > 100 {
            let why = "too many missed start time (> 100). Set or decrease .spec.startingDeadlineSeconds or check clock skew";
            return Err(why.to_owned());
        }
    }
    Ok(missed.map(Due::Now).or(next.map(Due::Next)).unwrap_or(Due::Never))
}

/// Whether a child is finished, and how long it has yet to run: a second for one that acts once, none without a duration.
fn finished(kind: Kind, child: &Object, now: DateTime<Utc>) -> (bool, Duration) {
    if kind == Kind::Workflow {
        return (child.condition("Accomplished"), Duration::zero());
    }
    let records = child.list("/status/experiment/containerRecords");
    if experiment::one_shot(kind, child) {
        let done = !records.is_empty() && records.iter().all(|record| record["phase"] == "Injected");
        return (done, Duration::seconds(1));
    }
    let over = child.text("/status/experiment/desiredPhase") != "Run" && records.iter().all(|record| record["phase"] == "Not Injected");
    match experiment::ends(child) {
        Some(end) if end < now => (over, Duration::zero()),
        Some(end) => (false, end - now),
        None => (false, Duration::zero()),
    }
}

//! `Jobs`: pods that run to their end, as many as wanted, until enough have ended well or too many have not.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::duties::Duties;
use super::recorder::{Note, record};
use super::template::{active, pod_of};
use super::{Feed, Hand, Home, concerned};
use crate::rehearsal::api::deletion::DeleteOptions;
use crate::rehearsal::api::kinds::Kind;
use crate::rehearsal::api::object::{Object, list, metadata, text};
use crate::rehearsal::api::store::{Change, Key, Verb};
use crate::rehearsal::clock;

/// Who writes the Events.
const COMPONENT: &str = "job-controller";

/// The longest that a pod is put off which replaces one that failed.
const LONGEST_BACK_OFF: u64 = 600;

/// How pods have ended, job by job: a pod that is gone has ended all the same.
#[derive(Debug, Default)]
struct Ledger {
    /// By the job's uid and the pod's: whether it ended well, and when.
    ended: BTreeMap<String, BTreeMap<String, (bool, DateTime<Utc>)>>,
    /// Pods that the controller took away itself, which count neither way.
    taken: BTreeSet<String>,
}

impl Ledger {
    fn note(&mut self, pod: &Object, gone: bool, now: DateTime<Utc>) {
        let good = match pod.text("/status/phase") {
            "Succeeded" => true,
            "Failed" => false,
            _ if gone => false,
            _ => return,
        };
        if pod.list("/metadata/ownerReferences").iter().any(|owner| owner["kind"] == "Job") && !self.taken.contains(pod.uid()) {
            self.ended.entry(pod.controller().to_owned()).or_default().entry(pod.uid().to_owned()).or_insert((good, now));
        }
    }

    /// How many pods of this job ended well, and how many did not.
    fn counts(&self, job: &Object) -> (i64, i64) {
        let known = |field: &str| job.number(&format!("/status/{field}")).unwrap_or(0);
        let ended = |good: bool| {
            let count = self.ended.get(job.uid()).map_or(0, |pods| pods.values().filter(|(well, _)| *well == good).count());
            i64::try_from(count).unwrap_or(i64::MAX)
        };
        (ended(true).max(known("succeeded")), ended(false).max(known("failed")))
    }

    /// Until when no pod takes the place of one that failed.
    fn held_off(&self, job: &Object) -> Option<DateTime<Utc>> {
        let pods = self.ended.get(job.uid())?;
        let well = pods.values().filter(|(good, _)| *good).map(|(_, at)| *at).max();
        let failures: Vec<DateTime<Utc>> =
            pods.values().filter(|(good, at)| !good && well.is_none_or(|well| *at > well)).map(|(_, at)| *at).collect();
        let last = failures.iter().max()?;
        let times = u32::try_from(failures.len()).unwrap_or(u32::MAX).min(10);
        let seconds = (10_u64 << (times - 1)).min(LONGEST_BACK_OFF);
        Some(*last + chrono::Duration::seconds(i64::try_from(seconds).unwrap_or(0)))
    }
}

/// Run the controller.
pub async fn run(home: Home) {
    let mut hand = Hand::new(&home, "job");
    let mut feed = Feed::new(&home, &[Kind::Job, Kind::Pod]);
    let (mut duties, mut ledger) = (Duties::default(), Ledger::default());
    for pod in hand.list(Kind::Pod, None) {
        ledger.note(&pod, false, hand.now());
    }
    loop {
        let (batch, due) = duties.next(&mut feed).await;
        let mut keys = concerned(&hand, Kind::Job, &batch);
        keys.extend(due);
        for Change { verb, object, .. } in batch.iter().filter(|change| change.key.kind == Kind::Pod) {
            ledger.note(object, *verb == Verb::Deleted, hand.now());
        }
        for change in batch.iter().filter(|change| change.key.kind == Kind::Job && change.verb == Verb::Deleted) {
            ledger.ended.remove(change.object.uid());
        }
        for key in keys {
            reconcile(&mut hand, &key, &mut duties, &mut ledger).await;
        }
    }
}

/// The condition of this kind that holds.
fn holding<'j>(job: &'j Object, kind: &str) -> Option<&'j Value> {
    job.list("/status/conditions").iter().find(|condition| condition["type"] == kind && condition["status"] == "True")
}

/// The condition that a job has ended with.
#[must_use]
pub fn end_of(job: &Object) -> Option<&Value> {
    holding(job, "Complete").or_else(|| holding(job, "Failed"))
}

fn later(duties: &mut Duties, key: &Key, now: DateTime<Utc>, at: DateTime<Utc>) {
    duties.after(key, (at - now).to_std().unwrap_or_default() + Duration::from_millis(5));
}

/// Why a job has failed: reason and message.
fn failure(job: &Object, pods: &[Arc<Object>], failed: i64, now: DateTime<Utc>) -> Option<(String, String)> {
    if let Some(target) = holding(job, "FailureTarget") {
        return Some((text(target, "/reason").to_owned(), text(target, "/message").to_owned()));
    }
    let limit = job.number("/spec/backoffLimit").unwrap_or(6);
    let restarts: i64 = pods
        .iter()
        .filter(|pod| active(pod) && pod.text("/spec/restartPolicy") == "OnFailure")
        .flat_map(|pod| pod.list("/status/containerStatuses").iter().chain(pod.list("/status/initContainerStatuses")))
        .filter_map(|status| status["restartCount"].as_i64())
        .sum();
    if failed > limit || (restarts > 0 && restarts >= limit) {
        return Some(("BackoffLimitExceeded".to_owned(), "Job has reached the specified backoff limit".to_owned()));
    }
    let late = deadline(job).is_some_and(|deadline| deadline <= now);
    late.then(|| ("DeadlineExceeded".to_owned(), "Job was active longer than specified deadline".to_owned()))
}

fn deadline(job: &Object) -> Option<DateTime<Utc>> {
    let start = clock::parse(job.text("/status/startTime"))?;
    Some(start + chrono::Duration::seconds(job.number("/spec/activeDeadlineSeconds")?))
}

async fn reconcile(hand: &mut Hand, key: &Key, duties: &mut Duties, ledger: &mut Ledger) {
    let Some(job) = hand.get(key).filter(|job| !job.deleting()) else { return };
    let now = hand.now();
    if let Some(end) = end_of(&job) {
        let Some(ttl) = job.number("/spec/ttlSecondsAfterFinished") else { return };
        let at = clock::parse(text(end, "/lastTransitionTime")).unwrap_or(now) + chrono::Duration::seconds(ttl);
        if at > now {
            later(duties, key, now, at);
        } else {
            let _ = hand.delete(key, &DeleteOptions { uid: job.uid().to_owned(), ..DeleteOptions::default() }).await;
        }
        return;
    }
    let suspended = job.value()["spec"]["suspend"] == true;
    let mut stamped = Object::new(job.value().clone());
    if !suspended && job.text("/status/startTime").is_empty() {
        let mut value = job.value().clone();
        value["status"]["startTime"] = json!(hand.stamp());
        stamped = Object::new(value);
        if let Some(at) = deadline(&stamped) {
            later(duties, key, now, at);
        }
    }
    let pods = hand.owned(Kind::Pod, &key.namespace, job.uid());
    let living: Vec<Arc<Object>> = pods.iter().filter(|pod| active(pod)).cloned().collect();
    let (succeeded, failed) = ledger.counts(&job);
    let completions = job.number("/spec/completions");
    let parallelism = job.number("/spec/parallelism").unwrap_or(1);
    let why = failure(&stamped, &pods, failed, now);
    let enough = completions.map_or(succeeded > 0 && living.is_empty(), |completions| succeeded >= completions);
    let have = i64::try_from(living.len()).unwrap_or(i64::MAX);
    let wanted = match completions {
        _ if suspended || enough || why.is_some() => 0,
        Some(completions) => parallelism.min(completions - succeeded),
        None if succeeded > 0 => have.min(parallelism),
        None => parallelism,
    };
    for pod in living.iter().skip(usize::try_from(wanted).unwrap_or(0)) {
        if why.is_none() {
            ledger.taken.insert(pod.uid().to_owned());
        }
        if hand.delete(&Key::new(Kind::Pod, &key.namespace, pod.name()), &DeleteOptions::default()).await.is_ok() {
            record(hand, Kind::Job, &job, Note::normal(COMPONENT, "SuccessfulDelete", &format!("Deleted pod: {}", pod.name())));
        }
    }
    if have < wanted {
        match ledger.held_off(&job).filter(|until| *until > now) {
            Some(until) => later(duties, key, now, until),
            None => begin(hand, &job, wanted - have, duties).await,
        }
    }
    tell(hand, &stamped, (succeeded, failed), enough, why).await;
}

/// Create so many pods.
async fn begin(hand: &mut Hand, job: &Object, count: i64, duties: &mut Duties) {
    let key = Key::new(Kind::Job, job.namespace(), job.name());
    hand.pause(3, 10).await;
    for _ in 0..count {
        let mut pod = pod_of(job, Kind::Job);
        metadata(&mut pod).insert("generateName".to_owned(), json!(format!("{}-", job.name())));
        match hand.create(Kind::Pod, job.namespace(), pod).await {
            Ok(pod) => {
                duties.well(&key);
                record(hand, Kind::Job, job, Note::normal(COMPONENT, "SuccessfulCreate", &format!("Created pod: {}", pod.name())));
            }
            Err(refusal) => {
                let message = format!("Error creating: {refusal}");
                record(hand, Kind::Job, job, Note::normal(COMPONENT, "FailedCreate", &message).as_warning());
                duties.again(&key);
                return;
            }
        }
    }
}

/// Write the status, and say what has come to an end.
async fn tell(hand: &mut Hand, job: &Object, (succeeded, failed): (i64, i64), enough: bool, why: Option<(String, String)>) {
    let pods = hand.owned(Kind::Pod, job.namespace(), job.uid());
    let living = pods.iter().filter(|pod| active(pod)).count();
    let leaving = pods.iter().filter(|pod| pod.deleting() && !matches!(pod.text("/status/phase"), "Succeeded" | "Failed")).count();
    let stamp = hand.stamp();
    let mut status = job.value()["status"].as_object().cloned().unwrap_or_default();
    let mut conditions = list(job.value(), "/status/conditions").to_vec();
    let mut set = |kind: &str, holds: bool, reason: &str, message: &str| {
        let holds = if holds { "True" } else { "False" };
        if conditions.iter().any(|condition| condition["type"] == kind && condition["status"] == holds) {
            return false;
        }
        conditions.retain(|condition| condition["type"] != kind);
        conditions.push(json!({"type": kind, "status": holds, "lastProbeTime": stamp, "lastTransitionTime": stamp, "reason": reason, "message": message}));
        true
    };
    let over = living == 0 && leaving == 0;
    let suspended = job.value()["spec"]["suspend"] == true;
    let mut said = None;
    if let Some((reason, message)) = &why {
        set("FailureTarget", true, reason, message);
        if over && set("Failed", true, reason, message) {
            said = Some(Note::normal(COMPONENT, reason, message).as_warning());
        }
    } else if enough {
        let (reason, message) = ("CompletionsReached", "Reached expected number of succeeded pods");
        set("SuccessCriteriaMet", true, reason, message);
        if over && set("Complete", true, reason, message) {
            said = Some(Note::normal(COMPONENT, "Completed", "Job completed"));
            status.insert("completionTime".to_owned(), json!(stamp));
        }
    } else if suspended {
        status.remove("startTime");
        if set("Suspended", true, "JobSuspended", "Job suspended") {
            said = Some(Note::normal(COMPONENT, "Suspended", "Job suspended"));
        }
    } else if job.list("/status/conditions").iter().any(|c| c["type"] == "Suspended")
        && set("Suspended", false, "JobResumed", "Job resumed")
    {
        said = Some(Note::normal(COMPONENT, "Resumed", "Job resumed"));
    }
    let ready = pods.iter().filter(|pod| active(pod) && pod.condition("Ready")).count();
    for (field, count) in [("active", i64::try_from(living).unwrap_or(0)), ("succeeded", succeeded), ("failed", failed)] {
        if count > 0 {
            status.insert(field.to_owned(), json!(count));
        } else {
            status.remove(field);
        }
    }
    status.insert("ready".to_owned(), json!(ready));
    status.insert("terminating".to_owned(), json!(leaving));
    status.insert("uncountedTerminatedPods".to_owned(), json!({}));
    if !conditions.is_empty() {
        status.insert("conditions".to_owned(), json!(conditions));
    }
    let status = Value::Object(status);
    let known = hand.get(&Key::new(Kind::Job, job.namespace(), job.name()));
    if known.is_none_or(|known| known.value()["status"] == status) || hand.set_status(Kind::Job, job, status).await.is_err() {
        return;
    }
    if let Some(note) = said {
        record(hand, Kind::Job, job, note);
    }
}

//! `CronJobs`: a Job at each time of a schedule.
//!
//! Every time zone is read as UTC, as [`cron`](super::chaos::cron) does.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde_json::json;

use super::chaos::cron::{Cron, zone_of};
use super::duties::Duties;
use super::job::end_of;
use super::recorder::{Note, record};
use super::{Feed, Hand, Home, concerned};
use crate::rehearsal::api::deletion::DeleteOptions;
use crate::rehearsal::api::kinds::Kind;
use crate::rehearsal::api::object::{Object, owner_reference, text};
use crate::rehearsal::api::store::Key;
use crate::rehearsal::clock;

/// Who writes the Events.
const COMPONENT: &str = "cronjob-controller";

/// More times than these are not caught up with.
const MISSED: usize = 100;

/// Run the controller.
pub async fn run(home: Home) {
    let mut hand = Hand::new(&home, "cronjob");
    let mut feed = Feed::new(&home, &[Kind::CronJob, Kind::Job]);
    let mut duties = Duties::default();
    loop {
        let (batch, due) = duties.next(&mut feed).await;
        let mut keys = concerned(&hand, Kind::CronJob, &batch);
        keys.extend(due);
        for key in keys {
            reconcile(&mut hand, &key, &mut duties).await;
        }
    }
}

async fn reconcile(hand: &mut Hand, key: &Key, duties: &mut Duties) {
    let Some(cron_job) = hand.get(key).filter(|cron_job| !cron_job.deleting()) else { return };
    let mut jobs = hand.owned(Kind::Job, &key.namespace, cron_job.uid());
    jobs.sort_by_key(|job| job.text("/status/startTime").to_owned());
    tidy(hand, &cron_job, &jobs).await;
    let mut status = cron_job.value()["status"].clone();
    for job in jobs.iter().filter(|job| end_of(job).is_some()) {
        let listed = cron_job.list("/status/active").iter().any(|active| active["uid"] == job.uid());
        let end = end_of(job).map_or("", |end| text(end, "/type"));
        if listed {
            let message = format!("Saw completed job: {}, condition: {end}", job.name());
            record(hand, Kind::CronJob, &cron_job, Note::normal(COMPONENT, "SawCompletedJob", &message));
        }
        let at = job.text("/status/completionTime");
        if end == "Complete" && at > text(&status, "/lastSuccessfulTime") {
            status["lastSuccessfulTime"] = json!(at);
        }
    }
    let mut active: Vec<Arc<Object>> = jobs.iter().filter(|job| end_of(job).is_none()).cloned().collect();
    if let Some(due) = next(hand, &cron_job, key, duties)
        && let Some(started) = start(hand, &cron_job, due, &mut active).await
    {
        active.push(started);
        status["lastScheduleTime"] = json!(clock::stamp(due));
    }
    let reference = |job: &Arc<Object>| json!({"apiVersion": "batch/v1", "kind": "Job", "name": job.name(), "namespace": job.namespace(), "uid": job.uid(), "resourceVersion": job.revision()});
    if let Some(status) = status.as_object_mut() {
        let before: Vec<&str> = cron_job.list("/status/active").iter().map(|active| text(active, "/uid")).collect();
        if active.is_empty() {
            status.remove("active");
        } else if before != active.iter().map(|job| job.uid()).collect::<Vec<_>>() {
            status.insert("active".to_owned(), active.iter().map(reference).collect());
        }
    }
    if status != cron_job.value()["status"] && !status.is_null() {
        let _ = hand.set_status(Kind::CronJob, &cron_job, status).await;
    }
}

/// The time for which a Job is due now; the moment of the next is noted.
fn next(hand: &Hand, cron_job: &Object, key: &Key, duties: &mut Duties) -> Option<DateTime<Utc>> {
    if cron_job.value()["spec"]["suspend"] == true {
        return None;
    }
    let now = hand.now();
    let place = zone_of(cron_job.text("/spec/timeZone")).unwrap_or_else(|why| {
        let message = format!("invalid timeZone: {:?} : {why}", cron_job.text("/spec/timeZone"));
        record(hand, Kind::CronJob, cron_job, Note::normal(COMPONENT, "UnknownTimeZone", &message).as_warning());
        None
    });
    let schedule = match Cron::parse(cron_job.text("/spec/schedule")).map(|schedule| schedule.by(place)) {
        Ok(schedule) => schedule,
        Err(why) => {
            let message = format!("unparseable schedule: {:?} : {why}", cron_job.text("/spec/schedule"));
            record(hand, Kind::CronJob, cron_job, Note::normal(COMPONENT, "UnparseableSchedule", &message).as_warning());
            return None;
        }
    };
    let last = clock::parse(cron_job.text("/status/lastScheduleTime"));
    let mut from = last.or_else(|| clock::parse(cron_job.text("/metadata/creationTimestamp")))?;
    let late = cron_job.number("/spec/startingDeadlineSeconds").map(|seconds| clock::later(now, seconds.saturating_neg()));
    from = late.map_or(from, |late| late.max(from));
    let (mut due, mut missed) = (None, 0);
    // only the newest of those that were missed is started
    while let Some(next) = schedule.after(from) {
        if next > now {
            let wait = (next - now).to_std().unwrap_or_default() + std::time::Duration::from_millis(100);
            duties.after(key, wait);
            break;
        }
        (from, due, missed) = (next, Some(next), missed + 1);
        if missed == MISSED {
            // what lies farther back is not counted one by one
            from = from.max(now - chrono::Duration::days(40));
        }
    }
    if missed > MISSED {
        let message = "too many missed start times. Set or decrease .spec.startingDeadlineSeconds or check clock skew";
        record(hand, Kind::CronJob, cron_job, Note::normal(COMPONENT, "TooManyMissedTimes", message).as_warning());
    }
    due
}

/// Start the Job of this time, if those that run allow it.
async fn start(hand: &mut Hand, cron_job: &Object, due: DateTime<Utc>, active: &mut Vec<Arc<Object>>) -> Option<Arc<Object>> {
    match cron_job.text("/spec/concurrencyPolicy") {
        "Forbid" if !active.is_empty() => {
            let message = "Not starting job because prior execution is running and concurrency policy is Forbid";
            record(hand, Kind::CronJob, cron_job, Note::normal(COMPONENT, "JobAlreadyActive", message));
            return None;
        }
        "Replace" => {
            for job in active.drain(..) {
                remove(hand, cron_job, &job).await;
            }
        }
        _ => {}
    }
    let template = &cron_job.value()["spec"]["jobTemplate"];
    let mut meta = json!({"name": format!("{}-{}", cron_job.name(), due.timestamp() / 60)});
    for field in ["labels", "annotations"] {
        meta[field] = template["metadata"].get(field).cloned().unwrap_or_else(|| json!({}));
    }
    meta["annotations"]["batch.kubernetes.io/cronjob-scheduled-timestamp"] = json!(clock::stamp(due));
    meta["ownerReferences"] = json!([owner_reference(cron_job, "batch/v1", "CronJob")]);
    let job = json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": meta, "spec": template["spec"]});
    match hand.create(Kind::Job, cron_job.namespace(), job).await {
        Ok(job) => {
            let message = format!("Created job {}", job.name());
            record(hand, Kind::CronJob, cron_job, Note::normal(COMPONENT, "SuccessfulCreate", &message));
            Some(job)
        }
        // It was started already, and only its time not noted.
        Err(refusal) if refusal.code == 409 => {
            let name = format!("{}-{}", cron_job.name(), due.timestamp() / 60);
            hand.get(&Key::new(Kind::Job, cron_job.namespace(), &name)).filter(|job| end_of(job).is_none())
        }
        Err(refusal) => {
            let message = format!("Error creating job: {refusal}");
            record(hand, Kind::CronJob, cron_job, Note::normal(COMPONENT, "FailedCreate", &message).as_warning());
            None
        }
    }
}

async fn remove(hand: &mut Hand, cron_job: &Object, job: &Object) {
    let key = Key::new(Kind::Job, job.namespace(), job.name());
    if hand.delete(&key, &DeleteOptions { uid: job.uid().to_owned(), ..DeleteOptions::default() }).await.is_ok() {
        let message = format!("Deleted job {}", job.name());
        record(hand, Kind::CronJob, cron_job, Note::normal(COMPONENT, "SuccessfulDelete", &message));
    }
}

/// Remove the oldest of those that have ended and are more than are kept.
async fn tidy(hand: &mut Hand, cron_job: &Object, jobs: &[Arc<Object>]) {
    for (kind, field, usual) in [("Complete", "/spec/successfulJobsHistoryLimit", 3), ("Failed", "/spec/failedJobsHistoryLimit", 1)] {
        let keep = usize::try_from(cron_job.number(field).unwrap_or(usual)).unwrap_or(0);
        let ended: Vec<&Arc<Object>> =
            jobs.iter().filter(|job| !job.deleting() && end_of(job).is_some_and(|end| text(end, "/type") == kind)).collect();
        for job in ended.iter().take(ended.len().saturating_sub(keep)) {
            remove(hand, cron_job, job).await;
        }
    }
}

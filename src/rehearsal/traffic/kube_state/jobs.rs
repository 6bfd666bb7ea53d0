//! Jobs and `CronJobs`.

use super::{ANSWERS, flag, joined, moment, number, owner};
use crate::rehearsal::api::object::{Object, text};
use crate::rehearsal::traffic::page::Lines;

/// What is told of a Job.
pub fn job(lines: &mut Lines<'_>, job: &Object) {
    let base = [("namespace", job.namespace()), ("job_name", job.name())];
    lines.put("kube_job_info", &base, 1.0);
    owner(lines, "kube_job_owner", &base, job);
    lines.put("kube_job_created", &base, moment(job.text("/metadata/creationTimestamp")));
    for (metric, pointer) in [
        ("kube_job_spec_parallelism", "/spec/parallelism"),
        ("kube_job_spec_completions", "/spec/completions"),
        ("kube_job_spec_active_deadline_seconds", "/spec/activeDeadlineSeconds"),
    ] {
        if job.number(pointer).is_some() {
            lines.put(metric, &base, number(job, pointer));
        }
    }
    lines.put("kube_job_status_active", &base, number(job, "/status/active"));
    lines.put("kube_job_status_succeeded", &base, number(job, "/status/succeeded"));
    let conditions = job.list("/status/conditions");
    let why = conditions.iter().find(|one| text(one, "/type") == "Failed").map_or("", |one| text(one, "/reason"));
    let failed = number(job, "/status/failed");
    if failed > 0.0 {
        lines.put("kube_job_status_failed", &joined(&base, &[("reason", why)]), if why.is_empty() { failed } else { 1.0 });
    } else {
        lines.put("kube_job_status_failed", &base, 0.0);
    }
    for (metric, pointer) in
        [("kube_job_status_start_time", "/status/startTime"), ("kube_job_status_completion_time", "/status/completionTime")]
    {
        if !job.text(pointer).is_empty() {
            lines.put(metric, &base, moment(job.text(pointer)));
        }
    }
    for (metric, kind) in [("kube_job_complete", "Complete"), ("kube_job_failed", "Failed")] {
        if let Some(condition) = conditions.iter().find(|one| text(one, "/type") == kind) {
            lines.one_of(metric, &base, "condition", &ANSWERS, &text(condition, "/status").to_lowercase());
        }
    }
}

/// What is told of a `CronJob`.
pub fn cron_job(lines: &mut Lines<'_>, cron_job: &Object) {
    let base = [("namespace", cron_job.namespace()), ("cronjob", cron_job.name())];
    let info = [
        ("schedule", cron_job.text("/spec/schedule")),
        ("concurrency_policy", cron_job.text("/spec/concurrencyPolicy")),
        (
            "timezone",
            match cron_job.text("/spec/timeZone") {
                "" => "local",
                zone => zone,
            },
        ),
    ];
    lines.put("kube_cronjob_info", &joined(&base, &info), 1.0);
    lines.put("kube_cronjob_created", &base, moment(cron_job.text("/metadata/creationTimestamp")));
    let active = u32::try_from(cron_job.list("/status/active").len()).unwrap_or(u32::MAX);
    lines.put("kube_cronjob_status_active", &base, f64::from(active));
    lines.put("kube_cronjob_spec_suspend", &base, flag(cron_job.value()["spec"]["suspend"] == true));
    for (metric, pointer) in [
        ("kube_cronjob_spec_starting_deadline_seconds", "/spec/startingDeadlineSeconds"),
        ("kube_cronjob_spec_successful_job_history_limit", "/spec/successfulJobsHistoryLimit"),
        ("kube_cronjob_spec_failed_job_history_limit", "/spec/failedJobsHistoryLimit"),
    ] {
        if cron_job.number(pointer).is_some() {
            lines.put(metric, &base, number(cron_job, pointer));
        }
    }
    for (metric, pointer) in [
        ("kube_cronjob_status_last_schedule_time", "/status/lastScheduleTime"),
        ("kube_cronjob_status_last_successful_time", "/status/lastSuccessfulTime"),
    ] {
        if !cron_job.text(pointer).is_empty() {
            lines.put(metric, &base, moment(cron_job.text(pointer)));
        }
    }
}

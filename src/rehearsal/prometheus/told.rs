//! What Prometheus tells of itself: its targets, what metrics mean, its rules and alerts.

use std::collections::BTreeMap;

use chrono::{DateTime, SecondsFormat};
use serde_json::{Value, json};

use super::Samples;
use super::rulebook::{Active, Group, Standing};
use crate::rehearsal::promql::{self, Labels, wire};

/// Name, type and help of the metrics that are no counters by their name, or whose help is worth more than their name.
const KNOWN: &[(&str, &str, &str)] = &[
    ("http_requests_total", "counter", "Requests by how they were answered."),
    ("http_request_duration_seconds", "histogram", "How long callers waited for an answer."),
    ("http_client_requests_total", "counter", "Calls to other services by what came of them."),
    ("http_requests_in_flight", "gauge", "Requests that are worked on or wait."),
    ("process_cpu_seconds_total", "counter", "Total user and system CPU time spent in seconds."),
    ("process_resident_memory_bytes", "gauge", "Resident memory size in bytes."),
    ("process_start_time_seconds", "gauge", "Start time of the process since unix epoch in seconds."),
    ("container_cpu_usage_seconds_total", "counter", "Cumulative cpu time consumed in seconds."),
    ("container_memory_working_set_bytes", "gauge", "Current working set in bytes."),
    ("kube_pod_status_phase", "gauge", "[STABLE] The pods current phase."),
    ("kube_pod_status_ready", "gauge", "[STABLE] Describes whether the pod is ready to serve requests."),
    ("kube_pod_info", "gauge", "[STABLE] Information about pod."),
    ("kube_node_status_condition", "gauge", "[STABLE] The condition of a cluster node."),
];

/// The data of `/api/v1/targets`.
pub(super) fn targets(samples: &Samples, now: i64, state: &str) -> Value {
    let found = |name: &str| match promql::instant(&samples.store, name, now) {
        Ok(promql::Value::Vector(found)) => found,
        Ok(_) | Err(_) => Vec::new(),
    };
    let seen: BTreeMap<Labels, f64> =
        found("timestamp(up)").into_iter().map(|sample| (sample.labels.without_name(), sample.point.1)).collect();
    let took: BTreeMap<Labels, f64> =
        found("scrape_duration_seconds").into_iter().map(|sample| (sample.labels.without_name(), sample.point.1)).collect();
    let every = format!("{}s", samples.every.as_secs_f64());
    let active: Vec<Value> = found("up")
        .into_iter()
        .map(|sample| {
            let labels = sample.labels.without_name();
            let up = sample.point.1 > 0.0;
            let (job, instance) = (labels.get("job"), labels.get("instance"));
            let path = if labels.get("metrics_path").is_empty() { "/metrics" } else { labels.get("metrics_path") };
            let url = format!("http://{instance}{path}");
            json!({
                "discoveredLabels": {"__address__": instance, "__metrics_path__": path, "__scheme__": "http", "job": job},
                "labels": wire::metric(&labels),
                "scrapePool": job,
                "scrapeUrl": url,
                "globalUrl": url,
                "lastError": if up { String::new() } else { format!("Get {url:?}: context deadline exceeded") },
                "lastScrape": seen.get(&labels).map(|at| stamp_seconds(*at)),
                "lastScrapeDuration": took.get(&labels),
                "health": if up { "up" } else { "down" },
                "scrapeInterval": every,
                "scrapeTimeout": every,
            })
        })
        .collect();
    match state {
        "dropped" => json!({"activeTargets": [], "droppedTargets": []}),
        _ => json!({"activeTargets": active, "droppedTargets": [], "droppedTargetCounts": {}}),
    }
}

/// The data of `/api/v1/metadata`, of one metric or of all.
pub(super) fn metadata(samples: &Samples, metric: &str, limit: Option<usize>) -> Value {
    let names = promql::series(&samples.store, &[], i64::MIN, i64::MAX).unwrap_or_default();
    let mut told: BTreeMap<String, Value> = BTreeMap::new();
    for labels in &names {
        let name = labels.get("__name__");
        let base = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name);
        if base.starts_with("ALERTS") || base.contains(':') || !metric.is_empty() && base != metric || told.contains_key(base) {
            continue;
        }
        let guess = if base.ends_with("_total") { "counter" } else { "gauge" };
        let words = || base.replace('_', " ");
        let (kind, help) = KNOWN.iter().find(|row| row.0 == base).map_or_else(|| (guess, words()), |row| (row.1, row.2.to_owned()));
        told.insert(base.to_owned(), json!([{"type": kind, "help": help, "unit": ""}]));
    }
    told.into_iter().take(limit.filter(|limit| *limit > 0).unwrap_or(usize::MAX)).collect::<serde_json::Map<_, _>>().into()
}

/// The data of `/api/v1/alerts`.
pub(super) fn alerts(samples: &Samples) -> Value {
    let standing = samples.book.groups.iter().flat_map(|group| &group.rules);
    let alerts: Vec<Value> = standing.flat_map(|standing| standing.active.iter().map(|(labels, active)| alert(labels, active))).collect();
    json!({"alerts": alerts})
}

/// The data of `/api/v1/rules`: of type `alert`, `record` or both.
pub(super) fn rules(samples: &Samples, kind: &str) -> Value {
    let wanted = |standing: &&Standing| match kind {
        "alert" => !standing.rule.alert.is_empty(),
        "record" => standing.rule.alert.is_empty(),
        _ => true,
    };
    let groups: Vec<Value> = samples
        .book
        .groups
        .iter()
        .map(|group| {
            let rules: Vec<Value> = group.rules.iter().filter(wanted).map(|standing| rule(standing, group)).collect();
            json!({
                "name": group.name,
                "file": format!("/etc/prometheus/rules/{}.yaml", group.name),
                "rules": rules,
                "interval": group.interval.unwrap_or(samples.every).as_secs_f64(),
                "limit": 0,
                "evaluationTime": 0.000_5,
                "lastEvaluation": stamp(group.looked.unwrap_or_default()),
            })
        })
        .collect();
    json!({"groups": groups})
}

fn rule(standing: &Standing, group: &Group) -> Value {
    let rule = &standing.rule;
    let health = match (&standing.error, group.looked) {
        (Some(_), _) => "err",
        (None, Some(_)) => "ok",
        (None, None) => "unknown",
    };
    let mut told = json!({
        "name": rule.name(),
        "query": rule.expr,
        "health": health,
        "evaluationTime": 0.000_2,
        "lastEvaluation": stamp(group.looked.unwrap_or_default()),
        "type": if rule.alert.is_empty() { "recording" } else { "alerting" },
    });
    if !rule.alert.is_empty() {
        // of the words, the one that weighs more comes first in the alphabet, too
        let state = standing.active.values().map(Active::state).min().unwrap_or("inactive");
        told["state"] = json!(state);
        told["duration"] = json!(rule.pending.unwrap_or_default().as_secs_f64());
        told["keepFiringFor"] = json!(rule.keep_firing_for.unwrap_or_default().as_secs_f64());
        told["annotations"] = json!(rule.annotations);
        told["alerts"] = standing.active.iter().map(|(labels, active)| alert(labels, active)).collect();
    }
    if !rule.alert.is_empty() || !rule.labels.is_empty() {
        told["labels"] = json!(rule.labels);
    }
    if let Some(error) = &standing.error {
        told["lastError"] = json!(error);
    }
    told
}

fn alert(labels: &Labels, active: &Active) -> Value {
    json!({
        "labels": wire::metric(labels),
        "annotations": active.annotations,
        "state": active.state(),
        "activeAt": stamp(active.since),
        "value": scientific(active.value),
    })
}

/// The data of `/api/v1/status/buildinfo`.
pub(super) fn build() -> Value {
    json!({
        "version": "3.5.0",
        "revision": "8be3a9560fbdd18a94dedec4b747c35178177202",
        "branch": "HEAD",
        "buildUser": "root@gameday",
        "buildDate": "20250714-16:15:23",
        "goVersion": "go1.24.5",
    })
}

/// The data of `/api/v1/status/runtimeinfo`.
pub(super) fn runtime(samples: &Samples, now: i64) -> Value {
    json!({
        "startTime": stamp(now - 3 * 24 * 3600 * 1000),
        "CWD": "/prometheus",
        "hostname": "prometheus-server-0",
        "serverTime": stamp(now),
        "reloadConfigSuccess": true,
        "lastConfigTime": stamp(now - 3 * 24 * 3600 * 1000),
        "corruptionCount": 0,
        "goroutineCount": 40,
        "GOMAXPROCS": 4,
        "GOMEMLIMIT": 9_223_372_036_854_775_807_i64,
        "GOGC": "75",
        "GODEBUG": "",
        "storageRetention": "2h",
        "timeSeriesCount": samples.store.series_count(),
    })
}

/// A number as Go writes it with `%e` and as many digits as it needs: `5e-01`.
fn scientific(value: f64) -> String {
    if !value.is_finite() {
        return if value.is_nan() { "NaN".to_owned() } else { format!("{}Inf", if value > 0.0 { "+" } else { "-" }) };
    }
    let text = format!("{value:e}");
    let (digits, power) = text.split_once('e').unwrap_or((&text, "0"));
    let power: i32 = power.parse().unwrap_or(0);
    format!("{digits}e{}{:02}", if power < 0 { '-' } else { '+' }, power.abs())
}

fn stamp_seconds(seconds: f64) -> String {
    #[expect(clippy::cast_possible_truncation, reason = "Unix milliseconds are far below 2^52")]
    let millis = (seconds * 1000.0).round() as i64;
    stamp(millis)
}

fn stamp(millis: i64) -> String {
    DateTime::from_timestamp_millis(millis).unwrap_or_default().to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_should_be_written_as_go_writes_them() {
        for (value, text) in [(1.0, "1e+00"), (0.5, "5e-01"), (123.25, "1.2325e+02"), (0.0, "0e+00"), (f64::INFINITY, "+Inf")] {
            assert_eq!(scientific(value), text);
        }
    }
}

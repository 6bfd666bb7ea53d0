//! Tables of workloads and of what watches over them.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::{
    AGE, CONTAINERS, Columns, IMAGES, NAME, SELECTOR, age, boolean, containers, containers_at, count, integer, labels, made, selector,
    since, span, string,
};
use crate::rehearsal::api::object::{Object, at, number, text};
use crate::rehearsal::clock;

pub(super) const DEPLOYMENT: Columns =
    made(&[NAME, string("Ready"), string("Up-to-date"), string("Available"), AGE, CONTAINERS, IMAGES, SELECTOR], |object, now| {
        let [names, images] = containers(object);
        vec![
            json!(object.name()),
            json!(format!("{}/{}", count(object, "/status/readyReplicas"), count(object, "/spec/replicas"))),
            json!(count(object, "/status/updatedReplicas")),
            json!(count(object, "/status/availableReplicas")),
            age(object, now),
            names,
            images,
            json!(selector(object.value(), "/spec/selector")),
        ]
    });

/// Of `ReplicaSet` and `ReplicationController`.
pub(super) const REPLICA_SET: Columns =
    made(&[NAME, integer("Desired"), integer("Current"), integer("Ready"), AGE, CONTAINERS, IMAGES, SELECTOR], |object, now| {
        let [names, images] = containers(object);
        let selected = at(object.value(), "/spec/selector");
        let plain = selected.is_some_and(|s| s.get("matchLabels").is_none() && s.get("matchExpressions").is_none());
        let selected = if plain { labels(object.value(), "/spec/selector") } else { selector(object.value(), "/spec/selector") };
        vec![
            json!(object.name()),
            json!(count(object, "/spec/replicas")),
            json!(count(object, "/status/replicas")),
            json!(count(object, "/status/readyReplicas")),
            age(object, now),
            names,
            images,
            json!(selected),
        ]
    });

pub(super) const STATEFUL_SET: Columns = made(&[NAME, string("Ready"), AGE, CONTAINERS, IMAGES], |object, now| {
    let [names, images] = containers(object);
    let ready = format!("{}/{}", count(object, "/status/readyReplicas"), count(object, "/spec/replicas"));
    vec![json!(object.name()), json!(ready), age(object, now), names, images]
});

pub(super) const DAEMON_SET: Columns = made(
    &[
        NAME,
        integer("Desired"),
        integer("Current"),
        integer("Ready"),
        integer("Up-to-date"),
        integer("Available"),
        string("Node Selector"),
        AGE,
        CONTAINERS,
        IMAGES,
        SELECTOR,
    ],
    |object, now| {
        let [names, images] = containers(object);
        vec![
            json!(object.name()),
            json!(count(object, "/status/desiredNumberScheduled")),
            json!(count(object, "/status/currentNumberScheduled")),
            json!(count(object, "/status/numberReady")),
            json!(count(object, "/status/updatedNumberScheduled")),
            json!(count(object, "/status/numberAvailable")),
            json!(labels(object.value(), "/spec/template/spec/nodeSelector")),
            age(object, now),
            names,
            images,
            json!(selector(object.value(), "/spec/selector")),
        ]
    },
);

pub(super) const CONTROLLER_REVISION: Columns = made(&[NAME, string("Controller"), string("Revision"), AGE], |object, now| {
    let owner = object.list("/metadata/ownerReferences").iter().find(|owner| owner["controller"] == true);
    let controller = owner.map_or_else(
        || "<none>".to_owned(),
        |owner| {
            let group = text(owner, "/apiVersion").split_once('/').map_or(String::new(), |(group, _)| format!(".{group}"));
            format!("{}{group}/{}", text(owner, "/kind").to_lowercase(), text(owner, "/name"))
        },
    );
    vec![json!(object.name()), json!(controller), json!(count(object, "/revision")), age(object, now)]
});

pub(super) const JOB: Columns =
    made(&[NAME, string("Status"), string("Completions"), string("Duration"), AGE, CONTAINERS, IMAGES, SELECTOR], |object, now| {
        let [names, images] = containers(object);
        let succeeded = count(object, "/status/succeeded");
        let completions = match (object.number("/spec/completions"), object.number("/spec/parallelism").unwrap_or(1)) {
            (Some(wanted), _) => format!("{succeeded}/{wanted}"),
            (None, many) if many > 1 => format!("{succeeded}/1 of {many}"),
            _ => format!("{succeeded}/1"),
        };
        vec![
            json!(object.name()),
            json!(job_status(object)),
            json!(completions),
            json!(job_duration(object, now)),
            age(object, now),
            names,
            images,
            json!(selector(object.value(), "/spec/selector")),
        ]
    });

fn job_status(job: &Object) -> &'static str {
    let has = |kind| job.condition(kind);
    match () {
        () if has("Complete") => "Complete",
        () if has("Failed") => "Failed",
        () if job.deleting() => "Terminating",
        () if has("Suspended") => "Suspended",
        () if has("FailureTarget") => "FailureTarget",
        () if has("SuccessCriteriaMet") => "SuccessCriteriaMet",
        () => "Running",
    }
}

fn job_duration(job: &Object, now: DateTime<Utc>) -> String {
    let Some(start) = clock::parse(job.text("/status/startTime")) else { return String::new() };
    let end = clock::parse(job.text("/status/completionTime")).or_else(|| {
        let failed = job.list("/status/conditions").iter().find(|c| text(c, "/type") == "Failed" && text(c, "/status") == "True")?;
        clock::parse(text(failed, "/lastTransitionTime"))
    });
    span(end.unwrap_or(now) - start)
}

pub(super) const CRON_JOB: Columns = made(
    &[
        NAME,
        string("Schedule"),
        string("Timezone"),
        boolean("Suspend"),
        integer("Active"),
        string("Last Schedule"),
        AGE,
        CONTAINERS,
        IMAGES,
        SELECTOR,
    ],
    |object, now| {
        let [names, images] = containers_at(object, "/spec/jobTemplate/spec/template/spec/containers");
        let last = match object.text("/status/lastScheduleTime") {
            "" => "<none>".to_owned(),
            time => since(time, now),
        };
        vec![
            json!(object.name()),
            json!(object.text("/spec/schedule")),
            json!(super::or_none(object.text("/spec/timeZone"))),
            json!(if object.value().pointer("/spec/suspend") == Some(&json!(true)) { "True" } else { "False" }),
            json!(object.list("/status/active").len()),
            json!(last),
            age(object, now),
            names,
            images,
            json!(selector(object.value(), "/spec/jobTemplate/spec/selector")),
        ]
    },
);

pub(super) const AUTOSCALER: Columns =
    made(&[NAME, string("Reference"), string("Targets"), string("MinPods"), string("MaxPods"), string("Replicas"), AGE], |object, now| {
        let reference = format!("{}/{}", object.text("/spec/scaleTargetRef/kind"), object.text("/spec/scaleTargetRef/name"));
        let least = object.number("/spec/minReplicas").map_or_else(|| "<unset>".to_owned(), |n| n.to_string());
        vec![
            json!(object.name()),
            json!(reference),
            json!(metrics(object)),
            json!(least),
            json!(count(object, "/spec/maxReplicas")),
            json!(count(object, "/status/currentReplicas")),
            age(object, now),
        ]
    });

/// What an autoscaler aims at and where it is, at most two of them.
fn metrics(object: &Object) -> String {
    let specs = object.list("/spec/metrics");
    let current = object.list("/status/currentMetrics");
    let mut all: Vec<String> = Vec::new();
    for (index, spec) in specs.iter().enumerate() {
        let (field, label) = match text(spec, "/type") {
            "Resource" => ("resource", format!("{}: ", text(spec, "/resource/name"))),
            "ContainerResource" => ("containerResource", format!("{}: ", text(spec, "/containerResource/name"))),
            "Pods" => ("pods", String::new()),
            "Object" => ("object", String::new()),
            "External" => ("external", String::new()),
            _ => {
                all.push("<unknown type>".to_owned());
                continue;
            }
        };
        let (aim, now) = (&spec[field]["target"], current.get(index).map(|c| &c[field]["current"]));
        all.push(match (number(aim, "/averageUtilization"), text(aim, "/averageValue"), text(aim, "/value")) {
            (Some(percent), _, _) => {
                let now = now.and_then(|c| number(c, "/averageUtilization")).map_or_else(|| "<unknown>".to_owned(), |n| format!("{n}%"));
                format!("{label}{now}/{percent}%")
            }
            (None, "", value) => {
                format!("{label}{}/{value}", now.map(|c| text(c, "/value")).filter(|v| !v.is_empty()).unwrap_or("<unknown>"))
            }
            (None, average, _) => {
                let avg = if matches!(field, "object" | "external") { " (avg)" } else { "" };
                format!("{label}{}/{average}{avg}", now.map(|c| text(c, "/averageValue")).filter(|v| !v.is_empty()).unwrap_or("<unknown>"))
            }
        });
    }
    if all.is_empty() {
        return "<none>".to_owned();
    }
    let more = all.len().saturating_sub(2);
    all.truncate(2);
    let shown = all.join(", ");
    if more > 0 { format!("{shown} + {more} more...") } else { shown }
}

pub(super) const DISRUPTION_BUDGET: Columns =
    made(&[NAME, string("Min Available"), string("Max Unavailable"), integer("Allowed Disruptions"), AGE], |object, now| {
        let share = |pointer: &str| match at(object.value(), pointer) {
            Some(Value::String(share)) => json!(share),
            Some(Value::Number(number)) => json!(number.to_string()),
            _ => json!("N/A"),
        };
        vec![
            json!(object.name()),
            share("/spec/minAvailable"),
            share("/spec/maxUnavailable"),
            json!(count(object, "/status/disruptionsAllowed")),
            age(object, now),
        ]
    });

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn autoscaler_should_show_where_it_is_and_what_it_aims_at() {
        let object = Object::new(json!({"spec": {"metrics": [
            {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}}},
            {"type": "Pods", "pods": {"target": {"averageValue": "10"}}}, {"type": "Pods", "pods": {"target": {"averageValue": "1"}}}]},
            "status": {"currentMetrics": [{"resource": {"current": {"averageUtilization": 12}}}]}}));
        assert_eq!(metrics(&object), "cpu: 12%/80%, <unknown>/10 + 1 more...");
    }
}

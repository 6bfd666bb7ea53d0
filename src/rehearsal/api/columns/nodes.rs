//! Tables of what the cluster itself is made of.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::{AGE, Columns, NAME, age, boolean, count, made, or_none, since, string, wide};
use crate::rehearsal::api::object::{Object, number, text};

pub(super) const NODE: Columns = made(
    &[
        NAME,
        string("Status"),
        string("Roles"),
        AGE,
        string("Version"),
        wide("Internal-IP"),
        wide("External-IP"),
        wide("OS-Image"),
        wide("Kernel-Version"),
        wide("Container-Runtime"),
    ],
    |node, now| {
        let ready = node.list("/status/conditions").iter().find(|c| text(c, "/type") == "Ready");
        let mut status = match ready {
            None => "Unknown",
            Some(condition) if text(condition, "/status") == "True" => "Ready",
            Some(_) => "NotReady",
        }
        .to_owned();
        if node.value().pointer("/spec/unschedulable") == Some(&json!(true)) {
            status.push_str(",SchedulingDisabled");
        }
        let roles: Vec<&str> = node
            .labels()
            .iter()
            .filter_map(|(key, value)| key.strip_prefix("node-role.kubernetes.io/").or((*key == "kubernetes.io/role").then_some(*value)))
            .filter(|role| !role.is_empty())
            .collect();
        let address = |kind: &str| {
            let found = node.list("/status/addresses").iter().find(|a| text(a, "/type") == kind).map_or("", |a| text(a, "/address"));
            json!(or_none(found))
        };
        let told = |pointer: &str| match node.text(pointer) {
            "" => json!("<unknown>"),
            told => json!(told),
        };
        vec![
            json!(node.name()),
            json!(status),
            json!(or_none(&roles.join(","))),
            age(node, now),
            json!(node.text("/status/nodeInfo/kubeletVersion")),
            address("InternalIP"),
            address("ExternalIP"),
            told("/status/nodeInfo/osImage"),
            told("/status/nodeInfo/kernelVersion"),
            told("/status/nodeInfo/containerRuntimeVersion"),
        ]
    },
);

pub(super) const NAMESPACE: Columns = made(&[NAME, string("Status"), AGE], |namespace, now| {
    vec![json!(namespace.name()), json!(namespace.text("/status/phase")), age(namespace, now)]
});

pub(super) const EVENT: Columns = made(
    &[
        string("Last Seen"),
        string("Type"),
        string("Reason"),
        string("Object"),
        wide("Subobject"),
        wide("Source"),
        string("Message"),
        wide("First Seen"),
        wide("Count"),
        wide("Name"),
    ],
    event,
);

fn event(event: &Object, now: DateTime<Utc>) -> Vec<Value> {
    let either = |first: &str, second: &str| match event.text(first) {
        "" => event.text(second).to_owned(),
        time => time.to_owned(),
    };
    let first = since(&either("/firstTimestamp", "/eventTime"), now);
    let mut last = match event.text("/lastTimestamp") {
        "" => first.clone(),
        time => since(time, now),
    };
    let mut times = count(event, "/count").max(1);
    if let Some(series) = event.value().get("series").filter(|s| s.is_object()) {
        last = since(text(series, "/lastObservedTime"), now);
        times = number(series, "/count").unwrap_or(0);
    }
    let kind = event.text("/involvedObject/kind").to_lowercase();
    let object = match event.text("/involvedObject/name") {
        "" => kind,
        name => format!("{kind}/{name}"),
    };
    let source = match (event.text("/source/component"), event.text("/source/host")) {
        ("", _) => match (event.text("/reportingComponent"), event.text("/reportingInstance")) {
            (controller, "") => controller.to_owned(),
            (controller, instance) => format!("{controller}, {instance}"),
        },
        (component, "") => component.to_owned(),
        (component, host) => format!("{component}, {host}"),
    };
    vec![
        json!(last),
        json!(event.text("/type")),
        json!(event.text("/reason")),
        json!(object),
        json!(event.text("/involvedObject/fieldPath")),
        json!(source),
        json!(event.text("/message").trim()),
        json!(first),
        json!(times),
        json!(event.name()),
    ]
}

pub(super) const LEASE: Columns = made(&[NAME, string("Holder"), AGE], |lease, now| {
    vec![json!(lease.name()), json!(lease.text("/spec/holderIdentity")), age(lease, now)]
});

pub(super) const PRIORITY_CLASS: Columns =
    made(&[NAME, super::integer("Value"), boolean("Global-Default"), AGE, string("PreemptionPolicy")], |class, now| {
        let policy = match class.text("/preemptionPolicy") {
            "" => "PreemptLowerPriority",
            policy => policy,
        };
        vec![
            json!(class.name()),
            json!(count(class, "/value")),
            json!(class.value().get("globalDefault") == Some(&json!(true))),
            age(class, now),
            json!(policy),
        ]
    });

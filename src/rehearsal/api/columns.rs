//! The columns of each kind's table, and how its cells are made of an object, as the real server's printers make them.

mod config;
mod descriptions;
mod nodes;
mod pods;
mod rights;
mod services;
mod storage;
mod workloads;

use chrono::{DateTime, Duration, Utc};
use serde_json::{Value, json};

use super::kinds::Kind;
use super::object::{Object, at, list, pairs, text};
use crate::rehearsal::clock;

/// One column.
#[derive(Debug, Clone, Copy)]
struct Head {
    name: &'static str,
    /// `string`, `integer`, `boolean` or `date`.
    form: &'static str,
    /// Only in wide tables.
    wide: bool,
}

const fn string(name: &'static str) -> Head {
    Head { name, form: "string", wide: false }
}

const fn integer(name: &'static str) -> Head {
    Head { name, form: "integer", wide: false }
}

const fn boolean(name: &'static str) -> Head {
    Head { name, form: "boolean", wide: false }
}

const fn wide(name: &'static str) -> Head {
    Head { name, form: "string", wide: true }
}

const NAME: Head = string("Name");
const AGE: Head = string("Age");
const CONTAINERS: Head = wide("Containers");
const IMAGES: Head = wide("Images");
const SELECTOR: Head = wide("Selector");

/// The columns of a kind.
#[derive(Clone, Copy)]
pub struct Columns {
    heads: &'static [Head],
    cells: Cells,
}

#[derive(Clone, Copy)]
enum Cells {
    /// Made by a function of the kind's own.
    Made(fn(&Object, DateTime<Utc>) -> Vec<Value>),
    /// The name, then what is at these pointers: columns that a `CustomResourceDefinition` names.
    At(&'static [&'static str]),
}

const fn made(heads: &'static [Head], cells: fn(&Object, DateTime<Utc>) -> Vec<Value>) -> Columns {
    Columns { heads, cells: Cells::Made(cells) }
}

const fn at_pointers(heads: &'static [Head], pointers: &'static [&'static str]) -> Columns {
    Columns { heads, cells: Cells::At(pointers) }
}

const DATE: Head = Head { name: "Age", form: "date", wide: false };
/// Of custom resources without columns of their own.
const AGED: Columns = at_pointers(&[NAME, DATE], &["/metadata/creationTimestamp"]);
const WITH_ACTION: Columns = at_pointers(&[NAME, string("action"), string("duration")], &["/spec/action", "/spec/duration"]);
const WITH_DURATION: Columns = at_pointers(&[NAME, string("duration")], &["/spec/duration"]);
impl Columns {
    /// The columns of this kind.
    #[must_use]
    pub fn of(kind: Kind) -> Self {
        match kind {
            Kind::Pod => pods::POD,
            Kind::Deployment => workloads::DEPLOYMENT,
            Kind::ReplicaSet | Kind::ReplicationController => workloads::REPLICA_SET,
            Kind::StatefulSet => workloads::STATEFUL_SET,
            Kind::DaemonSet => workloads::DAEMON_SET,
            Kind::ControllerRevision => workloads::CONTROLLER_REVISION,
            Kind::Job => workloads::JOB,
            Kind::CronJob => workloads::CRON_JOB,
            Kind::HorizontalPodAutoscaler => workloads::AUTOSCALER,
            Kind::PodDisruptionBudget => workloads::DISRUPTION_BUDGET,
            Kind::Node => nodes::NODE,
            Kind::Namespace => nodes::NAMESPACE,
            Kind::Event => nodes::EVENT,
            Kind::Lease => nodes::LEASE,
            Kind::PriorityClass => nodes::PRIORITY_CLASS,
            Kind::Service => services::SERVICE,
            Kind::Endpoints => services::ENDPOINTS,
            Kind::EndpointSlice => services::ENDPOINT_SLICE,
            Kind::Ingress => services::INGRESS,
            Kind::IngressClass => services::INGRESS_CLASS,
            Kind::NetworkPolicy => services::NETWORK_POLICY,
            Kind::ConfigMap => config::CONFIG_MAP,
            Kind::Secret => config::SECRET,
            Kind::ServiceAccount => config::SERVICE_ACCOUNT,
            Kind::ResourceQuota => config::RESOURCE_QUOTA,
            Kind::PersistentVolume => storage::VOLUME,
            Kind::PersistentVolumeClaim => storage::CLAIM,
            Kind::StorageClass => storage::CLASS,
            Kind::RoleBinding | Kind::ClusterRoleBinding => rights::BINDING,
            Kind::MutatingWebhookConfiguration | Kind::ValidatingWebhookConfiguration => config::WEBHOOKS,
            Kind::NetworkChaos | Kind::IOChaos | Kind::DNSChaos => WITH_ACTION,
            Kind::StressChaos | Kind::HTTPChaos | Kind::TimeChaos => WITH_DURATION,
            _ if kind.is_custom() => AGED,
            _ => rights::DATED,
        }
    }

    /// The table's `columnDefinitions`.
    #[must_use]
    pub fn definitions(self, kind: Kind) -> Value {
        let column = |(index, head): (usize, &Head)| {
            let format = if head.name == "Name" { "name" } else { "" };
            let description = match self.cells {
                Cells::At(pointers) if index > 0 && head.form != "date" => {
                    let path = pointers.get(index - 1).copied().unwrap_or_default().replace('/', ".");
                    format!("Custom resource definition column (in JSONPath format): {path}")
                }
                _ => descriptions::of(kind, head.name),
            };
            json!({"name": head.name, "type": head.form, "format": format, "description": description, "priority": u8::from(head.wide)})
        };
        self.heads.iter().enumerate().map(column).collect()
    }

    /// The columns as a custom resource's definition names them; none for those that every kind has.
    #[must_use]
    pub fn printed(self) -> Vec<Value> {
        let Cells::At(pointers) = self.cells else { return Vec::new() };
        let named = self.heads.iter().skip(1).zip(pointers).filter(|(head, _)| head.form != "date");
        named.map(|(head, pointer)| json!({"name": head.name, "type": head.form, "jsonPath": pointer.replace('/', ".")})).collect()
    }

    /// The row's cells of this object, at this moment.
    #[must_use]
    pub fn cells(self, object: &Object, now: DateTime<Utc>) -> Vec<Value> {
        match self.cells {
            Cells::Made(cells) => cells(object, now),
            Cells::At(pointers) => {
                let named = std::iter::once(json!(object.name()));
                named
                    .chain(pointers.iter().zip(self.heads.iter().skip(1)).map(|(pointer, head)| match at(object.value(), pointer) {
                        Some(Value::String(time)) if head.form == "date" => json!(since(time, now)),
                        Some(found @ (Value::String(_) | Value::Number(_) | Value::Bool(_))) => found.clone(),
                        _ => Value::Null,
                    }))
                    .collect()
            }
        }
    }
}

/// How long ago this time was, in the words of `kubectl get`.
fn since(time: &str, now: DateTime<Utc>) -> String {
    clock::parse(time).map_or_else(|| "<unknown>".to_owned(), |time| span(now - time))
}

fn age(object: &Object, now: DateTime<Utc>) -> Value {
    json!(since(object.text("/metadata/creationTimestamp"), now))
}

/// A length of time with the two units that matter.
fn span(length: Duration) -> String {
    let (seconds, minutes, hours) = (length.num_seconds(), length.num_minutes(), length.num_hours());
    let two = |big: i64, unit: &str, small: i64, lesser: &str| {
        if small == 0 { format!("{big}{unit}") } else { format!("{big}{unit}{small}{lesser}") }
    };
    match () {
        () if seconds < -1 => "<invalid>".to_owned(),
        () if seconds < 0 => "0s".to_owned(),
        () if seconds < 120 => format!("{seconds}s"),
        () if minutes < 10 => two(minutes, "m", seconds % 60, "s"),
        () if minutes < 180 => format!("{minutes}m"),
        () if hours < 8 => two(hours, "h", minutes % 60, "m"),
        () if hours < 48 => format!("{hours}h"),
        () if hours < 192 => two(hours / 24, "d", hours % 24, "h"),
        () if hours < 24 * 365 * 2 => format!("{}d", hours / 24),
        () if hours < 24 * 365 * 8 => two(hours / 24 / 365, "y", hours / 24 % 365, "d"),
        () => format!("{}y", hours / 24 / 365),
    }
}

/// The number at this pointer; none counts as zero.
fn count(object: &Object, pointer: &str) -> i64 {
    object.number(pointer).unwrap_or(0)
}

fn number_at(value: &Value, pointer: &str) -> i64 {
    super::object::number(value, pointer).unwrap_or(0)
}

fn or_none(text: &str) -> &str {
    if text.is_empty() { "<none>" } else { text }
}

fn joined<'a>(items: impl Iterator<Item = &'a str>) -> String {
    items.collect::<Vec<_>>().join(",")
}

/// Names and images of the containers of a pod template.
fn containers(object: &Object) -> [Value; 2] {
    containers_at(object, "/spec/template/spec/containers")
}

fn containers_at(object: &Object, pointer: &str) -> [Value; 2] {
    let all = object.list(pointer);
    [json!(joined(all.iter().map(|c| text(c, "/name")))), json!(joined(all.iter().map(|c| text(c, "/image"))))]
}

/// A map of labels as a selector.
fn labels(value: &Value, pointer: &str) -> String {
    let all = pairs(value, pointer);
    if all.is_empty() { "<none>".to_owned() } else { all.iter().map(|(k, v)| format!("{k}={v}")).collect::<Vec<_>>().join(",") }
}

/// A `metav1.LabelSelector` as text.
fn selector(value: &Value, pointer: &str) -> String {
    match selector_text(value, pointer) {
        text if text.is_empty() => "<none>".to_owned(),
        text => text,
    }
}

/// A `metav1.LabelSelector` as a query has it; empty when it selects by nothing.
#[must_use]
pub fn selector_text(value: &Value, pointer: &str) -> String {
    let Some(selector) = at(value, pointer) else { return String::new() };
    let mut terms: Vec<(String, String)> =
        pairs(selector, "/matchLabels").iter().map(|(k, v)| ((*k).to_owned(), format!("{k}={v}"))).collect();
    for expression in list(selector, "/matchExpressions") {
        let key = text(expression, "/key");
        let mut values: Vec<&str> = list(expression, "/values").iter().filter_map(Value::as_str).collect();
        values.sort_unstable();
        let values = values.join(",");
        let term = match text(expression, "/operator") {
            "In" => format!("{key} in ({values})"),
            "NotIn" => format!("{key} notin ({values})"),
            "Exists" => key.to_owned(),
            _ => format!("!{key}"),
        };
        terms.push((key.to_owned(), term));
    }
    terms.sort();
    terms.into_iter().map(|(_, term)| term).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn span_should_have_the_two_units_that_matter() {
        for (seconds, words) in [
            (-5, "<invalid>"),
            (-1, "0s"),
            (0, "0s"),
            (119, "119s"),
            (120, "2m"),
            (121, "2m1s"),
            (600, "10m"),
            (10_799, "179m"),
            (10_800, "3h"),
            (11_000, "3h3m"),
            (28_800, "8h"),
            (172_799, "47h"),
            (172_800, "2d"),
            (180_000, "2d2h"),
            (691_200, "8d"),
            (63_072_000, "2y"),
            (63_200_000, "2y1d"),
            (300_000_000, "9y"),
        ] {
            assert_eq!(span(Duration::seconds(seconds)), words, "{seconds}");
        }
    }
}

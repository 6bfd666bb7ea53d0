//! What a Prometheus beside the cluster would have scraped: the application, kube-state-metrics and cAdvisor.

use std::collections::BTreeSet;

use super::MetricSink;
use super::flow::{BUCKET_LABELS, Flow, Tally};
use crate::rehearsal::api::State;
use crate::rehearsal::api::kinds::Kind;
use crate::rehearsal::api::object::{Object, text};
use crate::rehearsal::controllers::chaos::daemon::{Effect, NetworkFault};
use crate::rehearsal::world::{Workload, WorkloadKind};

/// One series: its labels, sorted as they were given.
type Series = Vec<(String, String)>;

/// Which series of targets there were at the last scrape, to tell when one ends.
#[derive(Debug, Default)]
pub struct Book {
    live: BTreeSet<Series>,
    /// The store's revision then: while it stays, so do the targets.
    revision: u64,
}

/// One scrape as it goes on.
struct Scrape<'a> {
    sink: &'a mut dyn MetricSink,
    at_ms: i64,
    /// The series of targets; only kept where targets may have changed.
    live: Option<BTreeSet<Series>>,
}

impl Scrape<'_> {
    /// A sample of something that counts on whatever becomes of its target.
    fn lasting(&mut self, labels: &[(&str, &str)], value: f64) {
        self.sink.sample(labels, self.at_ms, value);
    }

    /// A sample of a target that may go.
    fn passing(&mut self, labels: &[(&str, &str)], value: f64) {
        self.sink.sample(labels, self.at_ms, value);
        if let Some(live) = &mut self.live {
            live.insert(labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect());
        }
    }
}

impl Book {
    /// One scrape of everything.
    pub fn scrape(&mut self, state: &State, flows: &[Flow], sink: &mut dyn MetricSink) {
        let at_ms = state.clock.server_now().timestamp_millis();
        let mut scrape = Scrape { sink, at_ms, live: (state.store.revision() != self.revision).then(BTreeSet::new) };
        let faults = state.daemon.faults();
        for flow in flows {
            application(&mut scrape, flow);
            cluster(&mut scrape, state, flow, &faults);
        }
        let Scrape { sink, live, .. } = scrape;
        self.revision = state.store.revision();
        let Some(live) = live else { return };
        for gone in self.live.difference(&live) {
            let labels: Vec<(&str, &str)> = gone.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
            sink.stale(&labels, at_ms);
        }
        self.live = live;
    }
}

/// What the callers of a workload count.
fn application(scrape: &mut Scrape<'_>, flow: &Flow) {
    let Workload { namespace, name, .. } = &flow.workload;
    if flow.workload.traffic.is_none() {
        return;
    }
    for (pod, tally) in &flow.tallies {
        let base = [("namespace", namespace.as_str()), ("app", name.as_str()), ("job", name.as_str()), ("pod", pod.as_str())];
        // Every pod has its counter of good answers from the start: a rate needs a zero to begin with.
        let mut codes = tally.codes.clone();
        codes.entry(200).or_insert(0.0);
        codes.entry(500).or_insert(0.0);
        for (code, count) in &codes {
            let code = code.to_string();
            scrape.lasting(&with(&base, "http_requests_total", &[("code", &code)]), *count);
        }
        histogram(scrape, &base, tally);
    }
}

fn histogram(scrape: &mut Scrape<'_>, base: &[(&str, &str)], tally: &Tally) {
    let mut total = 0.0;
    for (count, end) in tally.buckets.iter().zip(BUCKET_LABELS) {
        total += count;
        scrape.lasting(&with(base, "http_request_duration_seconds_bucket", &[("le", end)]), total);
    }
    scrape.lasting(&with(base, "http_request_duration_seconds_sum", &[]), tally.seconds);
    scrape.lasting(&with(base, "http_request_duration_seconds_count", &[]), total);
}

fn with<'a>(base: &[(&'a str, &'a str)], name: &'a str, more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut labels = vec![("__name__", name)];
    labels.extend_from_slice(base);
    labels.extend_from_slice(more);
    labels
}

/// What kube-state-metrics, cAdvisor and the scrape itself say of a workload.
fn cluster(scrape: &mut Scrape<'_>, state: &State, flow: &Flow, faults: &[NetworkFault]) {
    let Workload { namespace, name, kind, .. } = &flow.workload;
    let (of, word) = match kind {
        WorkloadKind::Deployment => (Kind::Deployment, "deployment"),
        WorkloadKind::StatefulSet => (Kind::StatefulSet, "statefulset"),
        WorkloadKind::DaemonSet => (Kind::DaemonSet, "daemonset"),
    };
    if let Some(object) = state.store.get(&crate::rehearsal::api::store::Key::new(of, namespace, name)) {
        let base = [("namespace", namespace.as_str()), (word, name.as_str())];
        for (metric, pointer) in workload_metrics(*kind) {
            scrape.passing(&with(&base, metric, &[]), number(object, pointer));
        }
    }
    for pod in &flow.pods() {
        let base = [("namespace", namespace.as_str()), ("pod", pod.name())];
        let ready = pod.condition("Ready");
        for (condition, holds) in [("true", ready), ("false", !ready), ("unknown", false)] {
            scrape.passing(&with(&base, "kube_pod_status_ready", &[("condition", condition)]), flag(holds));
        }
        for status in pod.list("/status/containerStatuses") {
            let container = text(status, "/name");
            let restarts = status["restartCount"].as_f64().unwrap_or(0.0);
            scrape.passing(&with(&base, "kube_pod_container_status_restarts_total", &[("container", container)]), restarts);
            let used = flow.tallies.get(pod.name()).map_or(0.0, |tally| tally.cpu);
            scrape.passing(&with(&base, "container_cpu_usage_seconds_total", &[("container", container)]), used);
        }
        let ip = pod.text("/status/podIP");
        if !ip.is_empty() {
            let port = flow.workload.containers.first().and_then(|c| c.port).unwrap_or(8080);
            let instance = format!("{ip}:{port}");
            let reached = pod.text("/status/phase") == "Running" && ready && !cut_off(pod, faults);
            let labels = [("namespace", namespace.as_str()), ("app", name.as_str()), ("job", name.as_str()), ("pod", pod.name())];
            scrape.passing(&with(&labels, "up", &[("instance", &instance)]), flag(reached));
        }
    }
}

fn workload_metrics(kind: WorkloadKind) -> &'static [(&'static str, &'static str)] {
    match kind {
        WorkloadKind::Deployment => &[
            ("kube_deployment_spec_replicas", "/spec/replicas"),
            ("kube_deployment_status_replicas", "/status/replicas"),
            ("kube_deployment_status_replicas_ready", "/status/readyReplicas"),
            ("kube_deployment_status_replicas_available", "/status/availableReplicas"),
            ("kube_deployment_status_replicas_unavailable", "/status/unavailableReplicas"),
        ],
        WorkloadKind::StatefulSet => &[
            ("kube_statefulset_replicas", "/spec/replicas"),
            ("kube_statefulset_status_replicas", "/status/replicas"),
            ("kube_statefulset_status_replicas_ready", "/status/readyReplicas"),
        ],
        WorkloadKind::DaemonSet => &[
            ("kube_daemonset_status_desired_number_scheduled", "/status/desiredNumberScheduled"),
            ("kube_daemonset_status_number_ready", "/status/numberReady"),
        ],
    }
}

fn number(object: &Object, pointer: &str) -> f64 {
    object.value().pointer(pointer).and_then(serde_json::Value::as_f64).unwrap_or(0.0)
}

fn flag(holds: bool) -> f64 {
    f64::from(u8::from(holds))
}

/// Whether nothing reaches a pod, the scrape included.
fn cut_off(pod: &Object, faults: &[NetworkFault]) -> bool {
    faults
        .iter()
        .any(|f| f.pod == pod.name() && f.namespace == pod.namespace() && f.towards.is_none() && matches!(f.effect, Effect::Dropped(_)))
}

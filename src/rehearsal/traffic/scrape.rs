//! Prometheus' way round its targets: who is there, who answers, and what each shows.

use std::collections::BTreeMap;
use std::time::Duration;

use super::MetricSink;
use super::application;
use super::cadvisor::{self, Contained};
use super::kube_state;
use super::mesh::Mesh;
use super::network::Path;
use super::page::Page;
use super::policy::SCRAPER;
use super::replica::Usage;
use super::service::Service;
use crate::rehearsal::api::State;
use crate::rehearsal::api::kinds::Kind;
use crate::rehearsal::api::object::{Object, text};
use crate::rehearsal::api::store::KindSet;
use crate::rehearsal::dice::{Dice, Rolls};

/// The kinds of the objects that are targets, or say where they are.
const LOOKED_AT: &[Kind] = &[Kind::Pod, Kind::Node];

/// One target: what it shows, and what is told of its scrapes.
#[derive(Debug, Default)]
struct Target {
    page: Page,
    told: Page,
}

/// All targets, as the last scrape found them.
#[derive(Debug)]
pub struct Round {
    /// By job, place and name.
    targets: BTreeMap<(String, String, String), Target>,
    /// Pods and nodes as last looked at, and when that was.
    pods: Vec<Known>,
    nodes: Vec<(String, String)>,
    contained: Vec<Contained>,
    revision: Option<u64>,
    rolls: Rolls,
}

/// A pod that is to be scraped.
#[derive(Debug)]
struct Known {
    service: usize,
    name: String,
    ip: String,
    started: f64,
}

/// One scrape as it goes on.
struct Scrape<'a> {
    sink: &'a mut dyn MetricSink,
    at_ms: i64,
    /// After how many seconds a target that has not answered counts as down.
    patience: f64,
}

impl Scrape<'_> {
    /// What is told of one target: whether it answered, and after how long.
    fn tell(&mut self, target: &mut Target, seconds: Option<f64>) -> bool {
        let up = seconds.is_some_and(|seconds| seconds < self.patience);
        let took = seconds.unwrap_or(self.patience).min(self.patience);
        target.told.scrape(0, self.sink, self.at_ms, |lines| {
            lines.put("up", &[], f64::from(u8::from(up)));
            lines.put("scrape_duration_seconds", &[], took);
        });
        if !up {
            target.page.end(self.sink, self.at_ms);
        }
        up
    }
}

impl Round {
    /// Before the first scrape.
    #[must_use]
    pub fn new(dice: &Dice) -> Self {
        Self {
            targets: BTreeMap::new(),
            pods: Vec::new(),
            nodes: Vec::new(),
            contained: Vec::new(),
            revision: None,
            rolls: dice.stream("scrapes"),
        }
    }

    /// One scrape of everything, at this moment of Prometheus' own clock, in Unix milliseconds.
    pub fn scrape(&mut self, state: &State, mesh: &Mesh, every: Duration, at_ms: i64, sink: &mut dyn MetricSink) {
        let mut scrape = Scrape { sink, at_ms, patience: every.as_secs_f64().min(10.0) };
        // a Lease or an Event that changes is nothing to any target
        let newest = |kinds| state.store.revision_of(KindSet::of(kinds));
        let revision = newest(LOOKED_AT) + state.workers.untold_changes();
        if self.revision != Some(revision) {
            self.revision = Some(revision);
            self.look(state, mesh);
            self.forget(mesh, &mut scrape);
        }
        self.objects(state, newest(kube_state::KINDS), &mut scrape);
        self.containers(state, mesh, revision, &mut scrape);
        for service in 0..mesh.services.len() {
            self.proxies(&mesh.services[service], &mut scrape);
        }
        for index in 0..self.pods.len() {
            self.pod(index, mesh, &mut scrape);
        }
    }

    /// Who there is to scrape.
    fn look(&mut self, state: &State, mesh: &Mesh) {
        self.pods.clear();
        for (service, Service { workload, .. }) in mesh.services.iter().enumerate() {
            let ours = |pod: &Object| {
                let labels = pod.labels();
                workload.labels.iter().all(|(key, value)| labels.get(key.as_str()) == Some(&value.as_str()))
            };
            for pod in state.store.list(Kind::Pod, Some(&workload.namespace)).filter(|pod| ours(pod)) {
                let (ip, phase) = (pod.text("/status/podIP"), pod.text("/status/phase"));
                if !ip.is_empty() && !matches!(phase, "Succeeded" | "Failed") {
                    let since = pod.list("/status/containerStatuses").first().map_or("", |status| text(status, "/state/running/startedAt"));
                    let started = crate::rehearsal::clock::parse(since).map_or(0.0, |at| super::seconds(at.timestamp_millis()));
                    self.pods.push(Known { service, name: pod.name().to_owned(), ip: ip.to_owned(), started });
                }
            }
        }
        let nodes = state.store.list(Kind::Node, None);
        self.nodes = nodes.map(|node| (node.name().to_owned(), node.text("/status/addresses/0/address").to_owned())).collect();
        self.contained = cadvisor::boxes(state);
    }

    /// Targets that are no more take their series with them.
    fn forget(&mut self, mesh: &Mesh, scrape: &mut Scrape<'_>) {
        let (pods, nodes) = (&self.pods, &self.nodes);
        self.targets.retain(|(job, place, name), target| {
            let there = match job.as_str() {
                "pod" => pods.iter().any(|pod| &pod.name == name && &mesh.services[pod.service].workload.namespace == place),
                "kubelet" => nodes.iter().any(|(node, _)| node == name),
                _ => true,
            };
            if !there {
                target.page.end(scrape.sink, scrape.at_ms);
                target.told.end(scrape.sink, scrape.at_ms);
            }
            there
        });
    }

    fn target(&mut self, job: &str, place: &str, name: &str, base: &[(&str, &str)]) -> &mut Target {
        let key = (job.to_owned(), place.to_owned(), name.to_owned());
        self.targets.entry(key).or_insert_with(|| Target { page: Page::new(base), told: Page::new(base) })
    }

    fn objects(&mut self, state: &State, revision: u64, scrape: &mut Scrape<'_>) {
        let took = 0.008 + 0.006 * self.rolls.unit();
        let base = [("job", "kube-state-metrics"), ("instance", "kube-state-metrics:8080")];
        let target = self.target("objects", "", "", &base);
        scrape.tell(target, Some(took));
        if !target.page.repeat(revision, scrape.sink, scrape.at_ms) {
            target.page.scrape(revision, scrape.sink, scrape.at_ms, |lines| kube_state::write(lines, state));
        }
    }

    fn containers(&mut self, state: &State, mesh: &Mesh, revision: u64, scrape: &mut Scrape<'_>) {
        let replicas = mesh.services.iter().flat_map(|service| service.replicas.values());
        let used: BTreeMap<&str, &Usage> = replicas.map(|replica| (&*replica.pod.container, &replica.usage)).collect();
        let now = super::seconds(scrape.at_ms);
        let leaks = state.workers.leaks();
        for (node, ip) in std::mem::take(&mut self.nodes) {
            // Whether the API server has noticed is another matter.
            let answers = !state.troubles.nodes_down.contains(&node);
            let took = 0.02 + 0.02 * self.rolls.unit();
            let instance = format!("{ip}:10250");
            let base =
                [("job", "kubelet"), ("instance", instance.as_str()), ("node", node.as_str()), ("metrics_path", "/metrics/cadvisor")];
            let contained = std::mem::take(&mut self.contained);
            let target = self.target("kubelet", "", &node, &base);
            if scrape.tell(target, answers.then_some(took)) {
                target
                    .page
                    .scrape(revision, scrape.sink, scrape.at_ms, |lines| cadvisor::node(lines, &contained, &node, (&used, &leaks), now));
            }
            self.contained = contained;
            self.nodes.push((node, ip));
        }
    }

    /// What the proxies in front of a service counted that is asked from outside.
    fn proxies(&mut self, service: &Service, scrape: &mut Scrape<'_>) {
        if service.traffic.rps <= 0.0 {
            return;
        }
        let (namespace, app) = (service.workload.namespace.as_str(), service.workload.name.as_str());
        let base = [("namespace", namespace), ("app", app), ("job", app), ("instance", "proxy")];
        let target = self.target("proxy", namespace, app, &base);
        let layout = application::layout(&service.unanswered);
        target.page.scrape(layout, scrape.sink, scrape.at_ms, |lines| application::requests(lines, &service.unanswered));
    }

    fn pod(&mut self, index: usize, mesh: &Mesh, scrape: &mut Scrape<'_>) {
        let Known { service, name, ip, started } = &self.pods[index];
        let Service { workload, replicas, .. } = &mesh.services[*service];
        let replica = replicas.values().rev().find(|replica| *replica.pod.name == **name);
        let path = replica.map(|replica| Path::between(SCRAPER, replica.pod.end()));
        let rolls = &mut self.rolls;
        let took = path.and_then(|path| Some(path.there(300.0, rolls)? + path.back(8_000.0, rolls)? + 0.002 + 0.002 * rolls.unit()));
        let port = workload.containers.first().and_then(|container| container.port).unwrap_or(8080);
        let (instance, started, name) = (format!("{ip}:{port}"), *started, name.clone());
        let (namespace, app) = (workload.namespace.as_str(), workload.name.as_str());
        let base = [("namespace", namespace), ("app", app), ("job", app), ("pod", name.as_str()), ("instance", instance.as_str())];
        let target = self.target("pod", namespace, &name, &base);
        if scrape.tell(target, took)
            && let Some(replica) = replica
        {
            let layout = application::layout_of(replica);
            target.page.scrape(layout, scrape.sink, scrape.at_ms, |lines| application::pod(lines, mesh, replica, started));
        }
    }
}

//! The world of a rehearsal: what a practice cluster is filled with, and what goes wrong with it.
//!
//! Plain data that a caller may build, change and compare. A scenario's `world:` block and a file of kind `World` are read into it; `rehearsal` fills a
//! cluster with it.

pub mod mishap;
pub mod rules;
mod shipped;
mod traffic;

use std::collections::BTreeMap;
use std::time::Duration;

pub use mishap::{Mishap, What};
use rules::RuleGroup;
pub use shipped::PROMETHEUS;
pub use traffic::Traffic;

use super::model::WorkloadKind;

/// A length of time that differs from draw to draw: never below `least`, never above `most`, most often near `mode`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spread {
    /// The shortest it can be.
    pub least: Duration,
    /// The most likely one.
    pub mode: Duration,
    /// The longest it can be.
    pub most: Duration,
}

impl Spread {
    /// A spread of these milliseconds.
    #[must_use]
    pub const fn millis(least: u64, mode: u64, most: u64) -> Self {
        Self { least: Duration::from_millis(least), mode: Duration::from_millis(mode), most: Duration::from_millis(most) }
    }

    /// Always the same.
    #[must_use]
    pub const fn exactly(time: Duration) -> Self {
        Self { least: time, mode: time, most: time }
    }
}

/// How long the steps in a pod's life take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timings {
    /// Created until bound to a node.
    pub schedule: Spread,
    /// Bound until the kubelet reports the pod's containers as waiting.
    pub admit: Spread,
    /// From there until the pod's sandbox is there.
    pub prepare: Spread,
    /// Fetching an image that is not on the node.
    pub pull: Spread,
    /// From there until the containers run.
    pub start: Spread,
    /// Running until its probes are answered.
    pub ready: Spread,
    /// Asked to stop until stopped, when the grace period allows it.
    pub stop: Spread,
    /// A pod's readiness changes until the endpoints say so.
    pub endpoints: Spread,
}

impl Default for Timings {
    /// The times of tiny pods whose image is on the node: a replacement is ready 0.6 to 1.5 s after a kill, as recorded from real ones.
    fn default() -> Self {
        Self {
            schedule: Spread::millis(5, 9, 16),
            admit: Spread::millis(14, 20, 30),
            prepare: Spread::millis(480, 520, 850),
            pull: Spread::millis(700, 1_800, 6_000),
            start: Spread::millis(60, 90, 200),
            ready: Spread::millis(10, 30, 220),
            stop: Spread::millis(40, 120, 600),
            endpoints: Spread::millis(4, 12, 40),
        }
    }
}

/// A probe of a container, over HTTP on its port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probe {
    /// The path it asks for.
    pub path: String,
    /// How long it waits before the first time.
    pub initial_delay: Duration,
    /// How often it asks.
    pub period: Duration,
    /// How long an answer may take.
    pub timeout: Duration,
    /// How many good answers in a row count.
    pub successes: u32,
    /// How many bad answers in a row count.
    pub failures: u32,
}

impl Probe {
    /// Each second, and the first bad answer counts.
    #[must_use]
    pub fn each_second() -> Self {
        let second = Duration::from_secs(1);
        Self { path: "/healthz".to_owned(), initial_delay: Duration::ZERO, period: second, timeout: second, successes: 1, failures: 1 }
    }
}

/// One container of a workload's pods.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Container {
    /// Its name in the pod.
    pub name: String,
    /// The image it runs.
    pub image: String,
    /// The port it serves on, if it serves.
    pub port: Option<u16>,
    /// CPU request in millicores.
    pub cpu_millis: u32,
    /// Memory request in MiB.
    pub memory_mib: u32,
    /// CPU limit in millicores, if any.
    pub cpu_limit_millis: Option<u32>,
    /// Memory limit in MiB, if any.
    pub memory_limit_mib: Option<u32>,
    /// Whether it may be sent requests.
    pub readiness: Option<Probe>,
    /// Whether it is to be killed.
    pub liveness: Option<Probe>,
    /// Whether it has started; the others wait for it.
    pub startup: Option<Probe>,
    /// Secrets its environment is taken from.
    pub secrets: Vec<String>,
    /// `ConfigMaps` its environment is taken from.
    pub config_maps: Vec<String>,
    /// Where volumes are mounted, as absolute paths: a volume for each, empty at the start of the pod. Files anywhere else are the image's own.
    pub mounts: Vec<String>,
}

impl Container {
    /// A tiny container that serves on this port, probed each second.
    #[must_use]
    pub fn tiny(name: &str, image: &str, port: Option<u16>) -> Self {
        Self {
            name: name.to_owned(),
            image: image.to_owned(),
            port,
            cpu_millis: 100,
            memory_mib: 64,
            cpu_limit_millis: None,
            memory_limit_mib: Some(128),
            readiness: port.map(|_| Probe::each_second()),
            liveness: None,
            startup: None,
            secrets: Vec::new(),
            config_maps: Vec::new(),
            mounts: Vec::new(),
        }
    }
}

/// A node's mark that keeps pods away which do not bear it, or a pod's word that it bears such a mark (any value where it is empty).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taint {
    /// Its key.
    pub key: String,
    /// Its value; may be empty.
    pub value: String,
    /// `NoSchedule`, `PreferNoSchedule` or `NoExecute`; empty in a toleration for each of them.
    pub effect: String,
}

/// A node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorldNode {
    /// Its name.
    pub name: String,
    /// Its CPU in millicores.
    pub cpu_millis: u32,
    /// Its memory in MiB.
    pub memory_mib: u32,
    /// How many pods it takes.
    pub pods: u32,
    /// Labels beside those that every node has.
    pub labels: BTreeMap<String, String>,
    /// What keeps pods away.
    pub taints: Vec<Taint>,
}

impl WorldNode {
    /// Node `node-N` with 4 cores, 16 GiB and room for 110 pods.
    #[must_use]
    pub fn number(number: usize) -> Self {
        let name = format!("node-{number}");
        Self { name, cpu_millis: 4_000, memory_mib: 16 * 1024, pods: 110, labels: BTreeMap::new(), taints: Vec::new() }
    }
}

/// A Deployment, `StatefulSet` or `DaemonSet` with all that decides how its pods behave.
#[derive(Debug, Clone, PartialEq)]
pub struct Workload {
    /// Where it lives; the namespace is created when the world does not name it. Empty: where the scenario runs.
    pub namespace: String,
    /// Which controller keeps it.
    pub kind: WorkloadKind,
    /// Its name.
    pub name: String,
    /// Labels of its pods; also its selector.
    pub labels: BTreeMap<String, String>,
    /// Wanted pods (ignored for a `DaemonSet`).
    pub replicas: u32,
    /// Containers of each pod; at least one.
    pub containers: Vec<Container>,
    /// The grace period of its pods.
    pub grace: Duration,
    /// Labels of the nodes that its pods may run on.
    pub node_selector: BTreeMap<String, String>,
    /// Taints that its pods bear.
    pub tolerations: Vec<Taint>,
    /// Whether no two of its pods may share a node.
    pub apart: bool,
    /// How long its pods' steps take.
    pub timings: Timings,
    /// Load on it, and how its pods answer. One that others call and that has none here answers as [`Traffic::called`].
    pub traffic: Option<Traffic>,
    /// Workloads of the same namespace that each of its requests calls.
    pub calls: Vec<String>,
}

impl Workload {
    /// A Deployment of tiny pods with the label `app` set to its name, one container of its name on port 8080, and no load.
    #[must_use]
    pub fn deployment(namespace: &str, name: &str, replicas: u32) -> Self {
        Self {
            namespace: namespace.to_owned(),
            kind: WorkloadKind::Deployment,
            name: name.to_owned(),
            labels: BTreeMap::from([("app".to_owned(), name.to_owned())]),
            replicas,
            containers: vec![Container::tiny(name, &format!("registry.example/{name}:1"), Some(8080))],
            grace: Duration::from_secs(10),
            node_selector: BTreeMap::new(),
            tolerations: Vec::new(),
            apart: false,
            timings: Timings::default(),
            traffic: None,
            calls: Vec::new(),
        }
    }
}

/// A Service in front of pods.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorldService {
    /// Where it lives; empty: where the scenario runs.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// The port it listens on.
    pub port: u16,
    /// The port of the pods behind it.
    pub target_port: u16,
    /// Labels of those pods; empty for a Service that only a registered backend answers.
    pub selector: BTreeMap<String, String>,
}

/// A verb that the rehearsal's user may not use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denial {
    /// `get`, `list`, `watch`, `create`, `update`, `patch`, `delete`, `deletecollection` or `*`.
    pub verb: String,
    /// API group, empty for the core one, or `*`.
    pub group: String,
    /// Plural, with the subresource after a slash if one is meant (`pods/eviction`), or `*`.
    pub resource: String,
    /// Only in this namespace; everywhere when `None`.
    pub namespace: Option<String>,
}

/// An object that is there under a name and whose content matters to nobody: a Secret, a `ConfigMap`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// Where it lives; empty: where the scenario runs.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

/// A `PodDisruptionBudget`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Budget {
    /// Where it lives; empty: where the scenario runs.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Labels of the pods it protects.
    pub selector: BTreeMap<String, String>,
    /// `minAvailable`, a number or a percentage.
    pub min_available: Option<String>,
    /// `maxUnavailable`, a number or a percentage.
    pub max_unavailable: Option<String>,
}

/// A `ResourceQuota`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quota {
    /// Where it holds; empty: where the scenario runs.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// How much of what: `pods`, `requests.cpu`, ….
    pub hard: BTreeMap<String, String>,
}

/// All that is in a practice cluster when it starts, and what befalls it.
#[derive(Debug, Clone, PartialEq)]
pub struct World {
    /// Namespaces beside `default`, `kube-system`, `kube-public` and `kube-node-lease`, and those that workloads and services name.
    pub namespaces: Vec<String>,
    /// The nodes, at least one.
    pub nodes: Vec<WorldNode>,
    /// What runs.
    pub workloads: Vec<Workload>,
    /// What is in front of it.
    pub services: Vec<WorldService>,
    /// Secrets that are there.
    pub secrets: Vec<Held>,
    /// `ConfigMaps` that are there.
    pub config_maps: Vec<Held>,
    /// What protects pods from eviction.
    pub budgets: Vec<Budget>,
    /// What limits namespaces.
    pub quotas: Vec<Quota>,
    /// Images that no registry has.
    pub missing_images: Vec<String>,
    /// Whether Chaos Mesh is installed.
    pub chaos_mesh: bool,
    /// What the user may not do.
    pub denials: Vec<Denial>,
    /// How long each request waits in the API server.
    pub request_latency: Spread,
    /// How long Chaos Mesh's daemon takes to act on a pod.
    pub daemon_latency: Spread,
    /// How often metrics are scraped.
    pub scrape_interval: Duration,
    /// What Prometheus evaluates beside its own rules, or instead of them where the names are the same.
    pub rules: Vec<RuleGroup>,
    /// What goes wrong, and when.
    pub mishaps: Vec<Mishap>,
}

impl Default for World {
    /// Three nodes, Chaos Mesh, nothing running.
    fn default() -> Self {
        Self {
            namespaces: Vec::new(),
            nodes: (1..=3).map(WorldNode::number).collect(),
            workloads: Vec::new(),
            services: Vec::new(),
            secrets: Vec::new(),
            config_maps: Vec::new(),
            budgets: Vec::new(),
            quotas: Vec::new(),
            missing_images: Vec::new(),
            chaos_mesh: true,
            denials: Vec::new(),
            request_latency: Spread::millis(1, 3, 9),
            daemon_latency: Spread::millis(50, 90, 250),
            scrape_interval: Duration::from_secs(1),
            rules: Vec::new(),
            mishaps: Vec::new(),
        }
    }
}

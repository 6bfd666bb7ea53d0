//! What a practice cluster is filled with: plain data that a caller may build, change and compare.

use std::collections::BTreeMap;
use std::time::Duration;

use super::dice::Rolls;
use super::prometheus::rules::RuleGroup;

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

    /// One draw, by the triangular distribution.
    pub fn draw(&self, rolls: &mut Rolls) -> Duration {
        let u = rolls.unit();
        let (least, mode, most) = (self.least.as_secs_f64(), self.mode.as_secs_f64(), self.most.as_secs_f64());
        let width = most - least;
        if width <= 0.0 {
            return self.least;
        }
        let cut = (mode - least) / width;
        let seconds = if u < cut { least + (u * width * (mode - least)).sqrt() } else { most - ((1.0 - u) * width * (most - mode)).sqrt() };
        Duration::from_secs_f64(seconds.clamp(least, most))
    }
}

/// How long the steps in a pod's life take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timings {
    /// Created until bound to a node.
    pub schedule: Spread,
    /// Bound until the kubelet reports the pod's containers as waiting.
    pub admit: Spread,
    /// From there until the pod's sandbox and image are there.
    pub prepare: Spread,
    /// From there until the containers run.
    pub start: Spread,
    /// Running until ready.
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
            start: Spread::millis(60, 90, 200),
            ready: Spread::millis(10, 30, 220),
            stop: Spread::millis(40, 120, 600),
            endpoints: Spread::millis(4, 12, 40),
        }
    }
}

/// Which controller keeps a workload's pods.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WorkloadKind {
    /// Replaceable pods through a `ReplicaSet`.
    Deployment,
    /// Numbered pods, one after the other.
    StatefulSet,
    /// One pod on each node.
    DaemonSet,
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
}

/// The load on a workload, and how its pods answer it and those who call them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Traffic {
    /// Requests a second from outside the cluster, on average; 0 for a workload that only others call.
    pub rps: f64,
    /// How far the rate swings around its average, as a share of it (0.2: 20 % up and down).
    pub swing: f64,
    /// How long one swing takes.
    pub period: Duration,
    /// How many times its usual rate a burst brings (1: there are none). About one comes in a period, and lasts a twentieth of it.
    pub burst: f64,
    /// The typical time of one answer of an idle pod, without what it waits for others.
    pub latency: Duration,
    /// The share of requests that fail without any fault.
    pub error_share: f64,
    /// Requests a second that one pod can answer at most.
    pub capacity: f64,
    /// Requests that a pod works on at once; more wait.
    pub concurrency: u32,
    /// Requests that may wait in a pod; more are refused.
    pub backlog: u32,
    /// How often a request reads or writes the pod's volume.
    pub disk: u32,
    /// How long a caller waits for an answer.
    pub timeout: Duration,
    /// How often a caller tries again when a try failed.
    pub retries: u32,
    /// How many connections a pod that calls it may hold; more calls wait for one. 0 for any number.
    pub pool: u32,
}

impl Traffic {
    /// A steady load with answers around 20 ms and no errors.
    #[must_use]
    pub fn steady(rps: f64) -> Self {
        Self {
            rps,
            swing: 0.1,
            period: Duration::from_mins(2),
            burst: 1.0,
            latency: Duration::from_millis(20),
            error_share: 0.0,
            capacity: rps.max(1.0),
            concurrency: 32,
            backlog: 64,
            disk: 0,
            timeout: Duration::from_secs(2),
            retries: 0,
            pool: 0,
        }
    }

    /// No load from outside: a workload that others call, fast and with room, whose answers come around 5 ms.
    #[must_use]
    pub fn called() -> Self {
        Self { latency: Duration::from_millis(5), capacity: 400.0, timeout: Duration::from_secs(1), ..Self::steady(0.0) }
    }
}

/// A Deployment, `StatefulSet` or `DaemonSet` with all that decides how its pods behave.
#[derive(Debug, Clone, PartialEq)]
pub struct Workload {
    /// Where it lives; the namespace is created when the world does not name it.
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
            containers: vec![Container {
                name: name.to_owned(),
                image: format!("registry.example/{name}:1"),
                port: Some(8080),
                cpu_millis: 100,
                memory_mib: 64,
            }],
            grace: Duration::from_secs(10),
            timings: Timings::default(),
            traffic: None,
            calls: Vec::new(),
        }
    }
}

/// A Service in front of pods.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorldService {
    /// Where it lives.
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

/// All that is in a practice cluster when it starts.
#[derive(Debug, Clone, PartialEq)]
pub struct World {
    /// Namespaces beside `default`, `kube-system`, `kube-public` and `kube-node-lease`, and those that workloads and services name.
    pub namespaces: Vec<String>,
    /// How many nodes there are.
    pub nodes: u32,
    /// What runs.
    pub workloads: Vec<Workload>,
    /// What is in front of it.
    pub services: Vec<WorldService>,
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
}

impl Default for World {
    /// Three nodes, Chaos Mesh, nothing running.
    fn default() -> Self {
        Self {
            namespaces: Vec::new(),
            nodes: 3,
            workloads: Vec::new(),
            services: Vec::new(),
            chaos_mesh: true,
            denials: Vec::new(),
            request_latency: Spread::millis(1, 3, 9),
            daemon_latency: Spread::millis(50, 90, 250),
            scrape_interval: Duration::from_secs(1),
            rules: Vec::new(),
        }
    }
}

impl World {
    /// The world of the shipped scenarios: Deployment `task-api` with three replicas under load, its Service, and a Prometheus Service
    /// `monitoring/prometheus-server:80` for a backend to answer.
    #[must_use]
    pub fn task_api(namespace: &str) -> Self {
        let workload = Workload { traffic: Some(Traffic::steady(60.0)), ..Workload::deployment(namespace, "task-api", 3) };
        Self {
            services: vec![
                WorldService {
                    namespace: namespace.to_owned(),
                    name: "task-api".to_owned(),
                    port: 80,
                    target_port: 8080,
                    selector: workload.labels.clone(),
                },
                WorldService {
                    namespace: "monitoring".to_owned(),
                    name: "prometheus-server".to_owned(),
                    port: 80,
                    target_port: 9090,
                    selector: BTreeMap::new(),
                },
            ],
            workloads: vec![workload],
            ..Self::default()
        }
    }

    /// The same with a database `task-db` that every request to `task-api` calls.
    #[must_use]
    pub fn task_api_with_db(namespace: &str) -> Self {
        let mut world = Self::task_api(namespace);
        for workload in &mut world.workloads {
            workload.calls.push("task-db".to_owned());
        }
        let database = Workload::deployment(namespace, "task-db", 1);
        world.services.push(WorldService {
            namespace: namespace.to_owned(),
            name: "task-db".to_owned(),
            port: 5432,
            target_port: 8080,
            selector: database.labels.clone(),
        });
        world.workloads.push(database);
        world
    }

    /// The times of pods with these labels in this namespace: those of the first workload whose labels they bear.
    #[must_use]
    pub fn timings(&self, namespace: &str, labels: &BTreeMap<&str, &str>) -> Timings {
        self.workloads
            .iter()
            .find(|w| w.namespace == namespace && w.labels.iter().all(|(key, value)| labels.get(key.as_str()) == Some(&value.as_str())))
            .map_or_else(Timings::default, |w| w.timings)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rehearsal::dice::Dice;

    #[test]
    fn spread_should_stay_between_its_ends() {
        let mut rolls = Dice::new(1).stream("spread");
        let spread = Spread::millis(10, 30, 220);
        for _ in 0..1000 {
            let draw = spread.draw(&mut rolls);
            assert!(draw >= spread.least && draw <= spread.most, "{draw:?}");
        }
    }

    #[test]
    fn default_timings_should_bring_a_replacement_within_the_recorded_times() {
        let t = Timings::default();
        let least = t.schedule.least + t.admit.least + t.prepare.least + t.start.least + t.ready.least;
        let most = t.schedule.most + t.admit.most + t.prepare.most + t.start.most + t.ready.most;
        assert!(least >= Duration::from_millis(560) && most <= Duration::from_millis(1400), "{least:?} {most:?}");
    }
}

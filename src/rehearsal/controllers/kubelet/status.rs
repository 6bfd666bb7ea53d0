//! A pod's status as its kubelet writes it.

use serde_json::{Map, Value, json};

use crate::rehearsal::api::object::{Object, text};
use crate::rehearsal::dice::Rolls;

/// What a container's process is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Process {
    /// Not there yet, or not any more, for this reason.
    Waiting(&'static str, String),
    /// Running since then.
    Running(String),
    /// Ended with this code, for this reason, having run from, until.
    Ended(i64, &'static str, String, String),
}

/// One container of a pod on its node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Container {
    /// Its name.
    pub name: String,
    /// The image it runs.
    pub image: String,
    /// Whether it is an init container that runs on beside those that come after it.
    pub sidecar: bool,
    /// Its process.
    pub process: Process,
    /// How the process before ended; `Null` for the first.
    pub last: Value,
    /// How often it was restarted.
    pub restarts: i64,
    /// Whether its probe passes.
    pub ready: bool,
    /// Whether its startup probe has passed, or it has none and runs.
    pub started: bool,
    /// The runtime's id of the process; empty before the first.
    pub id: String,
}

impl Container {
    fn state(&self) -> Value {
        match &self.process {
            Process::Waiting(reason, message) if message.is_empty() => json!({"waiting": {"reason": reason}}),
            Process::Waiting(reason, message) => json!({"waiting": {"reason": reason, "message": message}}),
            Process::Running(since) => json!({"running": {"startedAt": since}}),
            Process::Ended(code, reason, from, until) => json!({"terminated": {
                "exitCode": code, "reason": reason, "startedAt": from, "finishedAt": until, "containerID": self.id}}),
        }
    }

    /// Whether its process runs.
    #[must_use]
    pub fn running(&self) -> bool {
        matches!(self.process, Process::Running(_))
    }

    /// Start its process now, under a new id.
    pub fn start(&mut self, now: &str, rolls: &mut Rolls) {
        self.remember();
        self.id = format!("containerd://{:016x}{:016x}{:016x}{:016x}", rolls.bits(), rolls.bits(), rolls.bits(), rolls.bits());
        self.process = Process::Running(now.to_owned());
        self.ready = false;
        self.started = true;
    }

    /// Keep how the process ended, before something else is said of it.
    pub fn remember(&mut self) {
        if let Process::Ended(..) = self.process {
            self.last = self.state();
        }
    }

    /// End its process now.
    pub fn end(&mut self, code: i64, reason: &'static str, now: &str) {
        let from = match &self.process {
            Process::Running(since) => since.clone(),
            Process::Waiting(..) | Process::Ended(..) => now.to_owned(),
        };
        self.process = Process::Ended(code, reason, from, now.to_owned());
        self.ready = false;
    }

    fn status(&self) -> Value {
        let mut status = json!({
            "name": self.name, "state": self.state(), "lastState": if self.last.is_null() { json!({}) } else { self.last.clone() },
            "ready": self.ready, "restartCount": self.restarts, "image": self.image,
            "imageID": if self.id.is_empty() { String::new() } else { format!("{}@sha256:{:064x}", self.image.split(':').next().unwrap_or_default(), crate::rehearsal::dice::fnv32(&self.image)) },
            "started": self.running() && self.started,
        });
        if !self.id.is_empty() {
            status["containerID"] = json!(self.id);
        }
        status
    }
}

/// What a kubelet knows of a pod.
#[derive(Debug, Clone)]
pub struct Sketch {
    /// `status.phase`.
    pub phase: &'static str,
    /// Whether the sandbox is there.
    pub sandbox: bool,
    /// The pod's address; empty before the sandbox.
    pub ip: String,
    /// The node's address.
    pub host: String,
    /// When the kubelet took the pod.
    pub since: String,
    /// `status.reason` and its message, for a pod that was ended for what it did.
    pub why: Option<(&'static str, &'static str)>,
    /// Its init containers.
    pub inits: Vec<Container>,
    /// Its containers.
    pub containers: Vec<Container>,
}

impl Sketch {
    /// The containers of this pod, none started yet.
    #[must_use]
    pub fn waiting(pod: &Object, host: &str, now: &str) -> Self {
        let waiting = |list: &str, reason: &'static str| -> Vec<Container> {
            let containers = pod.list(list).iter().map(|c| Container {
                name: text(c, "/name").to_owned(),
                image: text(c, "/image").to_owned(),
                sidecar: list.ends_with("initContainers") && text(c, "/restartPolicy") == "Always",
                process: Process::Waiting(reason, String::new()),
                last: Value::Null,
                restarts: 0,
                ready: false,
                started: false,
                id: String::new(),
            });
            containers.collect()
        };
        let inits = waiting("/spec/initContainers", "PodInitializing");
        let containers = waiting("/spec/containers", if inits.is_empty() { "ContainerCreating" } else { "PodInitializing" });
        Self {
            phase: "Pending",
            sandbox: false,
            ip: String::new(),
            host: host.to_owned(),
            since: now.to_owned(),
            why: None,
            inits,
            containers,
        }
    }

    /// Take over a pod that runs already.
    pub fn adopt(&mut self, pod: &Object) {
        self.phase = "Running";
        self.sandbox = true;
        pod.text("/status/podIP").clone_into(&mut self.ip);
        pod.text("/status/startTime").clone_into(&mut self.since);
        for (list, containers) in [("/status/containerStatuses", &mut self.containers), ("/status/initContainerStatuses", &mut self.inits)]
        {
            for container in containers {
                let Some(status) = pod.list(list).iter().find(|s| text(s, "/name") == container.name) else { continue };
                let ended = &status["state"]["terminated"];
                container.process = if ended.is_object() {
                    let at = |field: &str| text(ended, field).to_owned();
                    Process::Ended(ended["exitCode"].as_i64().unwrap_or(0), "Completed", at("/startedAt"), at("/finishedAt"))
                } else {
                    Process::Running(text(status, "/state/running/startedAt").to_owned())
                };
                container.ready = status["ready"] == true;
                container.started = status["started"] != false;
                container.restarts = status["restartCount"].as_i64().unwrap_or(0);
                text(status, "/containerID").clone_into(&mut container.id);
                text(status, "/image").clone_into(&mut container.image);
                container.last = status["lastState"].clone();
            }
        }
    }

    /// When nothing runs or will run again: the pod has ended, well or not.
    pub fn settle(&mut self) {
        let over = |container: &Container| matches!(container.process, Process::Ended(..));
        if self.containers.iter().all(over) {
            self.finish();
        }
    }

    /// The pod is over; one of which nothing ever ran stays as it is.
    pub fn finish(&mut self) {
        let ended: Vec<i64> =
            self.containers.iter().filter_map(|c| if let Process::Ended(code, ..) = c.process { Some(code) } else { None }).collect();
        if !ended.is_empty() {
            self.phase = if ended.iter().all(|code| *code == 0) { "Succeeded" } else { "Failed" };
        }
    }

    /// Whether all containers are ready.
    #[must_use]
    pub fn ready(&self) -> bool {
        self.phase == "Running" && self.containers.iter().chain(&self.inits).all(|c| c.ready)
    }

    /// The status, with transition times kept where nothing changed.
    #[must_use]
    pub fn status(&self, pod: &Object, now: &str) -> Value {
        let generation = pod.number("/metadata/generation").unwrap_or(1);
        let lasting = self.inits.iter().filter(|c| c.sidecar).chain(&self.containers);
        let unready: Vec<&str> = lasting.filter(|c| !c.ready).map(|c| c.name.as_str()).collect();
        let why = match self.phase {
            "Succeeded" => ("PodCompleted", String::new()),
            "Failed" => ("PodFailed", String::new()),
            _ => ("ContainersNotReady", format!("containers with unready status: [{}]", unready.join(" "))),
        };
        let done = matches!(self.phase, "Succeeded" | "Failed");
        let none = ("", String::new());
        let uninitialized: Vec<&str> =
            self.inits.iter().filter(|c| !(c.ready || c.sidecar && c.started)).map(|c| c.name.as_str()).collect();
        let incomplete = ("ContainersNotInitialized", format!("containers with incomplete status: [{}]", uninitialized.join(" ")));
        let wanted = [
            ("PodReadyToStartContainers", self.sandbox && !done, &none),
            (
                "Initialized",
                uninitialized.is_empty(),
                if uninitialized.is_empty() { if self.phase == "Succeeded" { &why } else { &none } } else { &incomplete },
            ),
            ("Ready", self.ready(), &why),
            ("ContainersReady", self.ready(), &why),
            ("PodScheduled", true, &none),
        ];
        let mut conditions: Vec<Value> =
            wanted.iter().map(|(kind, holds, why)| condition(pod, kind, *holds, why, generation, now)).collect();
        // Conditions of others stay as they are.
        let others = pod.list("/status/conditions").iter().filter(|c| wanted.iter().all(|(kind, ..)| c["type"] != *kind));
        conditions.extend(others.cloned());
        let mut status = Map::new();
        status.insert("observedGeneration".to_owned(), json!(generation));
        status.insert("phase".to_owned(), json!(self.phase));
        status.insert("conditions".to_owned(), json!(conditions));
        if let Some((reason, message)) = self.why {
            status.insert("reason".to_owned(), json!(reason));
            status.insert("message".to_owned(), json!(message));
        }
        status.insert("hostIP".to_owned(), json!(self.host));
        status.insert("hostIPs".to_owned(), json!([{"ip": self.host}]));
        if !self.ip.is_empty() {
            status.insert("podIP".to_owned(), json!(self.ip));
            status.insert("podIPs".to_owned(), json!([{"ip": self.ip}]));
        }
        status.insert("startTime".to_owned(), json!(self.since));
        if !self.inits.is_empty() {
            status.insert("initContainerStatuses".to_owned(), self.inits.iter().map(Container::status).collect());
        }
        status.insert("containerStatuses".to_owned(), self.containers.iter().map(Container::status).collect());
        status.insert("qosClass".to_owned(), pod.value()["status"].get("qosClass").cloned().unwrap_or_else(|| json!("BestEffort")));
        Value::Object(status)
    }
}

fn condition(pod: &Object, kind: &str, holds: bool, (reason, message): &(&str, String), generation: i64, now: &str) -> Value {
    let status = if holds { "True" } else { "False" };
    let old = pod.list("/status/conditions").iter().find(|c| c["type"] == kind && c["status"] == status);
    let since = old.map_or(now, |c| text(c, "/lastTransitionTime"));
    let mut condition =
        json!({"type": kind, "observedGeneration": generation, "status": status, "lastProbeTime": null, "lastTransitionTime": since});
    if !holds && !reason.is_empty() || (holds && *reason == "PodCompleted") {
        condition["reason"] = json!(reason);
        if !message.is_empty() {
            condition["message"] = json!(message);
        }
    }
    condition
}

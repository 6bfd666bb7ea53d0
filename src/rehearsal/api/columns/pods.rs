//! Pods' tables: the one word for how a pod is.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::{AGE, Columns, Head, NAME, age, made, or_none, since, string, wide};
use crate::rehearsal::api::object::{Object, at, list, number, text};

pub(super) const POD: Columns = made(
    &[
        NAME,
        string("Ready"),
        string("Status"),
        Head { name: "Restarts", form: "string", wide: false },
        AGE,
        wide("IP"),
        wide("Node"),
        wide("Nominated Node"),
        wide("Readiness Gates"),
    ],
    pod,
);

fn pod(pod: &Object, now: DateTime<Utc>) -> Vec<Value> {
    let sum = Sum::of(pod);
    let restarts = match sum.last {
        Some(time) if sum.restarts > 0 => format!("{} ({} ago)", sum.restarts, since(time, now)),
        _ => sum.restarts.to_string(),
    };
    let ip = match text(pod.value(), "/status/podIPs/0/ip") {
        "" => pod.text("/status/podIP"),
        ip => ip,
    };
    let gates = pod.list("/spec/readinessGates");
    let open = gates.iter().filter(|gate| pod.condition(text(gate, "/conditionType"))).count();
    vec![
        json!(pod.name()),
        json!(format!("{}/{}", sum.ready, sum.total)),
        json!(sum.reason),
        json!(restarts),
        age(pod, now),
        json!(or_none(ip)),
        json!(or_none(pod.text("/spec/nodeName"))),
        json!(or_none(pod.text("/status/nominatedNodeName"))),
        json!(if gates.is_empty() { "<none>".to_owned() } else { format!("{open}/{}", gates.len()) }),
    ]
}

/// What a pod's containers come to.
struct Sum<'a> {
    ready: usize,
    total: usize,
    restarts: i64,
    last: Option<&'a str>,
    reason: String,
}

impl<'a> Sum<'a> {
    fn of(pod: &'a Object) -> Self {
        let sidecars: Vec<&str> =
            pod.list("/spec/initContainers").iter().filter(|c| text(c, "/restartPolicy") == "Always").map(|c| text(c, "/name")).collect();
        let mut sum = Sum {
            ready: 0,
            total: pod.list("/spec/containers").len() + sidecars.len(),
            restarts: 0,
            last: None,
            reason: match pod.text("/status/reason") {
                "" => pod.text("/status/phase").to_owned(),
                reason => reason.to_owned(),
            },
        };
        if pod.list("/status/conditions").iter().any(|c| text(c, "/type") == "PodScheduled" && text(c, "/reason") == "SchedulingGated") {
            "SchedulingGated".clone_into(&mut sum.reason);
        }
        let of_sidecars = sum.initial(pod, &sidecars);
        let initializing = of_sidecars.is_none();
        if !initializing || pod.condition("Initialized") {
            (sum.restarts, sum.last) = of_sidecars.unwrap_or((0, None));
            sum.running(pod);
        }
        let terminal = matches!(pod.text("/status/phase"), "Succeeded" | "Failed");
        if pod.deleting() && pod.text("/status/reason") == "NodeLost" {
            "Unknown".clone_into(&mut sum.reason);
        } else if pod.deleting() && !terminal {
            "Terminating".clone_into(&mut sum.reason);
        }
        sum
    }

    /// The init containers, one after the other; gives the restarts of sidecars when the pod is past them all.
    fn initial(&mut self, pod: &'a Object, sidecars: &[&str]) -> Option<(i64, Option<&'a str>)> {
        let mut of_sidecars = (0, None);
        for (index, status) in pod.list("/status/initContainerStatuses").iter().enumerate() {
            let sidecar = sidecars.contains(&text(status, "/name"));
            self.count(status);
            if sidecar {
                of_sidecars.0 += number(status, "/restartCount").unwrap_or(0);
                of_sidecars.1 = of_sidecars.1.max(ended(status));
            }
            let terminated = at(status, "/state/terminated").filter(|t| t.is_object());
            if terminated.is_some_and(|t| number(t, "/exitCode").unwrap_or(0) == 0) {
                continue;
            }
            if sidecar && status["started"] == true {
                self.ready += usize::from(status["ready"] == true);
                continue;
            }
            self.reason = match (terminated, text(status, "/state/waiting/reason")) {
                (Some(terminated), _) => format!("Init:{}", ending(terminated)),
                (None, reason) if !reason.is_empty() && reason != "PodInitializing" => format!("Init:{reason}"),
                _ => format!("Init:{index}/{}", pod.list("/spec/initContainers").len()),
            };
            return None;
        }
        Some(of_sidecars)
    }

    fn running(&mut self, pod: &'a Object) {
        let mut some_run = false;
        for status in list(pod.value(), "/status/containerStatuses").iter().rev() {
            self.count(status);
            let waiting = text(status, "/state/waiting/reason");
            if !waiting.is_empty() {
                waiting.clone_into(&mut self.reason);
            } else if let Some(terminated) = at(status, "/state/terminated").filter(|t| t.is_object()) {
                self.reason = ending(terminated);
            } else if status["ready"] == true && at(status, "/state/running").is_some_and(Value::is_object) {
                some_run = true;
                self.ready += 1;
            }
        }
        if self.reason == "Completed" && some_run {
            if pod.condition("Ready") { "Running" } else { "NotReady" }.clone_into(&mut self.reason);
        }
    }

    fn count(&mut self, status: &'a Value) {
        self.restarts += number(status, "/restartCount").unwrap_or(0);
        self.last = self.last.max(ended(status));
    }
}

/// When the container's last life ended. Times of one form compare as text.
fn ended(status: &Value) -> Option<&str> {
    Some(text(status, "/lastState/terminated/finishedAt")).filter(|time| !time.is_empty())
}

fn ending(terminated: &Value) -> String {
    match (text(terminated, "/reason"), number(terminated, "/signal").unwrap_or(0)) {
        ("", 0) => format!("ExitCode:{}", number(terminated, "/exitCode").unwrap_or(0)),
        ("", signal) => format!("Signal:{signal}"),
        (reason, _) => reason.to_owned(),
    }
}

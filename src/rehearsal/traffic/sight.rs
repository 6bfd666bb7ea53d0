//! What can be seen of a workload in the cluster: its pods, what befalls them, and the endpoints before them.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use super::network::{self, Rule};
use super::policy::{self, Policy};
use super::tally::METHODS;
use crate::rehearsal::api::State;
use crate::rehearsal::api::kinds::Kind;
use crate::rehearsal::api::object::{Object, list, pairs, text};
use crate::rehearsal::controllers::chaos::daemon::{IoEffect, NameFault, NetworkFault, Size};
use crate::rehearsal::controllers::chaos::http_chaos::HttpFault;
use crate::rehearsal::dice::fnv32;
use crate::rehearsal::quantity;
use crate::rehearsal::world::Workload;

/// How many proxies spread requests; each learns of changes in its own time.
pub const PROXIES: usize = 3;

/// The kinds of the objects that are looked at.
pub const KINDS: &[Kind] = &[Kind::Pod, Kind::Service, Kind::EndpointSlice, Kind::NetworkPolicy, Kind::Namespace];

/// A workload as it is at a moment.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Sight {
    /// The pods that there are.
    pub pods: Vec<Pod>,
    /// The pods that requests are to be sent to.
    pub routes: Vec<Arc<str>>,
}

/// A pod, as far as requests are concerned.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Pod {
    /// Its name.
    pub name: Arc<str>,
    /// Its address, as written.
    pub ip: Arc<str>,
    /// The same as a number.
    pub address: Option<u32>,
    /// The proxy of its node.
    pub proxy: usize,
    /// The id of the container that serves; another one is another process.
    pub container: Arc<str>,
    /// Whether a process listens.
    pub listening: bool,
    /// Whether it was asked to stop: what it works on is finished, nothing new is taken.
    pub draining: bool,
    /// Cores that it may use at most, if that is limited.
    pub cpu_limit: Option<f64>,
    /// Cores that it asked for.
    pub cpu_request: f64,
    /// Bytes that it asked for.
    pub memory_request: f64,
    /// Bytes that it may use at most, if that is limited.
    pub memory_limit: Option<f64>,
    /// Rules on its network.
    pub rules: Vec<Rule>,
    /// The port that it serves on.
    pub port: Option<u16>,
    /// What it may take and send; none where that is not limited.
    pub policy: Option<Policy>,
    /// Processes that burn CPU beside the one that serves, and how much of a core each wants.
    pub burners: f64,
    /// Cores that they want together.
    pub burning: f64,
    /// Bytes that are held beside those of the process that serves.
    pub held: f64,
    /// What befalls its volume's files.
    pub disk: Disk,
    /// What a proxy does to the requests that come to that port. Which paths are meant is not looked at: requests here have none.
    pub proxied: Vec<HttpFault>,
    /// Names that it does not find as they are.
    pub misled: Vec<NameFault>,
}

/// What a proxy in a pod makes of a request, or of its answer.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Proxied {
    /// It is cut off.
    pub aborted: bool,
    /// It is held up, in seconds.
    pub late: f64,
    /// The answer's code is this instead.
    pub code: Option<u16>,
}

/// What befalls the operations on a volume.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Disk {
    /// The share of operations that are late.
    pub late: f64,
    /// By how many seconds.
    pub delay: f64,
    /// The share that fails.
    pub failing: f64,
}

impl Pod {
    /// The side of a path that it is.
    #[must_use]
    pub fn end(&self) -> network::End<'_> {
        network::End { ip: self.address, port: self.port, rules: &self.rules, policy: self.policy.as_ref() }
    }

    /// What its proxy makes of a request of this method, or of its answer with this code.
    #[must_use]
    pub fn proxied(&self, method: usize, answered: Option<u16>) -> Proxied {
        let mut made = Proxied::default();
        for fault in self.proxied.iter().filter(|fault| fault.meets(METHODS[method], answered)) {
            made.aborted |= fault.abort;
            made.late += fault.delay.as_secs_f64();
            made.code = fault.code.or(made.code);
        }
        made
    }

    /// Cores that the process which serves has to itself when it is busy.
    #[must_use]
    pub fn room(&self) -> f64 {
        // without a limit it gets what its neighbours leave: twice what it asked for
        self.cpu_limit.unwrap_or(2.0 * self.cpu_request).max(0.001)
    }

    /// The share of its room that is left to it.
    #[must_use]
    pub fn speed(&self) -> f64 {
        let room = self.room();
        let left = (room - self.burning) / room;
        // the scheduler is fair: nobody is starved, each runnable process has its part
        left.max(1.0 / (1.0 + self.burners)).min(1.0)
    }
}

/// The workload as it is now.
#[must_use]
pub fn look(state: &State, workload: &Workload, faults: &[NetworkFault]) -> Sight {
    let namespace = workload.namespace.as_str();
    let ours = |labels: &BTreeMap<&str, &str>| workload.labels.iter().all(|(key, value)| labels.get(key.as_str()) == Some(&value.as_str()));
    let objects = state.store.list(Kind::Pod, Some(namespace)).filter(|pod| ours(&pod.labels())).map(|pod| state.workers.as_it_is(pod));
    let serving = workload.containers.first().map_or("", |container| container.name.as_str());
    let judged = state.store.list(Kind::NetworkPolicy, Some(namespace)).next().is_some();
    let mut pods: Vec<Pod> = objects
        .filter_map(|object| {
            let policy = judged.then(|| policy::of(state, object)).filter(|policy| *policy != Policy::default());
            Some(Pod { policy, ..pod(object, serving)? })
        })
        .collect();
    for pod in &mut pods {
        befall(state, namespace, pod, faults);
    }
    let routes = routes(state, workload).unwrap_or_else(|| {
        let ready =
            state.store.list(Kind::Pod, Some(namespace)).filter(|pod| ours(&pod.labels()) && pod.condition("Ready") && !pod.deleting());
        ready.map(|pod| pod.name().into()).collect()
    });
    Sight { pods, routes }
}

/// The pod as requests see it, once its container has been started.
fn pod(object: &Object, serving: &str) -> Option<Pod> {
    let statuses = object.list("/status/containerStatuses");
    let status = statuses.iter().find(|status| text(status, "/name") == serving).or_else(|| statuses.first())?;
    let specs = object.list("/spec/containers");
    let spec = specs.iter().find(|spec| text(spec, "/name") == text(status, "/name"))?;
    let container = text(status, "/containerID");
    if container.is_empty() || object.text("/status/podIP").is_empty() {
        return None;
    }
    let amount = |pointer: &str| quantity::number(text(spec, pointer));
    let running = status.pointer("/state/running").is_some();
    Some(Pod {
        name: object.name().into(),
        ip: object.text("/status/podIP").into(),
        address: network::address(object.text("/status/podIP")),
        proxy: fnv32(object.text("/spec/nodeName")) as usize % PROXIES,
        container: container.into(),
        port: list(spec, "/ports").first().and_then(|port| u16::try_from(port["containerPort"].as_u64()?).ok()),
        // a pause image runs, and nobody listens
        listening: running && !text(status, "/image").contains("pause"),
        draining: object.deleting() && spec.pointer("/lifecycle/preStop").is_none(),
        cpu_limit: amount("/resources/limits/cpu"),
        cpu_request: amount("/resources/requests/cpu").unwrap_or(0.1),
        memory_request: amount("/resources/requests/memory").unwrap_or(64.0 * 1_048_576.0),
        memory_limit: amount("/resources/limits/memory"),
        ..Pod::default()
    })
}

/// What Chaos Mesh has done to the pod.
fn befall(state: &State, namespace: &str, pod: &mut Pod, faults: &[NetworkFault]) {
    pod.rules = faults.iter().filter(|fault| fault.pod == *pod.name && fault.namespace == namespace).map(Rule::of).collect();
    let here = |at: &str, name: &str, container: &str| at == namespace && name == &*pod.name && container == &*pod.container;
    let (mut burners, mut burning, mut held) = (0.0, 0.0, 0.0);
    for stress in state.daemon.stresses().filter(|s| here(&s.namespace, &s.pod, &s.container_id)) {
        burners += f64::from(stress.cpu_workers) * stress.cpu_load;
        burning += f64::from(stress.cpu_workers) * stress.cpu_load;
        if stress.memory_workers > 0 {
            held += match stress.memory {
                Size::All => pod.memory_limit.unwrap_or(0.0),
                Size::Share(share) => pod.memory_limit.unwrap_or(0.0) * share,
                #[expect(clippy::cast_precision_loss, reason = "bytes of a memory are far below 2^52")]
                Size::Bytes(bytes) => bytes as f64,
            };
        }
    }
    let mut disk = Disk::default();
    for fault in state.daemon.io_faults().filter(|f| here(&f.namespace, &f.pod, &f.container_id)) {
        if !fault.methods.is_empty() && !fault.methods.iter().any(|m| matches!(m.as_str(), "read" | "write" | "open" | "fsync" | "flush")) {
            continue;
        }
        match fault.effect {
            IoEffect::Delayed(delay) => {
                disk.late = disk.late.max(fault.share);
                disk.delay += delay.as_secs_f64();
            }
            IoEffect::Failed(_) | IoEffect::Garbled => disk.failing = 1.0 - (1.0 - disk.failing) * (1.0 - fault.share),
            IoEffect::Misled => {}
        }
    }
    (pod.burners, pod.burning, pod.held, pod.disk) = (burners, burning, held, disk);
    let proxied = |f: &&HttpFault| f.namespace == namespace && f.pod == *pod.name && f.port == pod.port.map_or(80, i64::from);
    pod.misled = state.daemon.name_faults().filter(|f| here(&f.namespace, &f.pod, &f.container_id)).cloned().collect();
    pod.proxied = state.daemon.http_faults().filter(proxied).cloned().collect();
}

/// The ready endpoints of the Service in front of the workload; none when there is no Service.
fn routes(state: &State, workload: &Workload) -> Option<Vec<Arc<str>>> {
    let namespace = workload.namespace.as_str();
    let service = state.store.list(Kind::Service, Some(namespace)).find(|service| {
        let selector = pairs(service.value(), "/spec/selector");
        !selector.is_empty() && selector.iter().all(|(key, value)| workload.labels.get(*key).map(String::as_str) == Some(*value))
    })?;
    let slices = state.store.list(Kind::EndpointSlice, Some(namespace));
    let ours = slices.filter(|slice| slice.labels().get("kubernetes.io/service-name") == Some(&service.name()));
    let endpoints = ours.flat_map(|slice| slice.list("/endpoints"));
    let ready = endpoints.filter(|endpoint| endpoint.pointer("/conditions/ready") == Some(&Value::Bool(true)));
    Some(
        ready
            .filter(|endpoint| !list(endpoint, "/addresses").is_empty())
            .map(|endpoint| text(endpoint, "/targetRef/name").into())
            .collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stress_should_leave_a_pod_its_fair_part() {
        let pod = |limit, burners| Pod { cpu_limit: limit, cpu_request: 0.1, burners, burning: burners, ..Pod::default() };
        assert!((pod(Some(0.2), 0.0).speed() - 1.0).abs() < 1e-9);
        assert!((pod(Some(0.2), 1.0).speed() - 0.5).abs() < 1e-9, "one burner on less than a core: half each");
        assert!((pod(Some(4.0), 1.0).speed() - 0.75).abs() < 1e-9, "a core of four is gone");
        assert!(pod(None, 3.0).speed() < 0.3);
    }
}

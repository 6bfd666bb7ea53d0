//! What Chaos Mesh's daemons have done to pods. It stays done when the controllers or the daemons are gone.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use super::container_chaos::Unreached;
use super::go;
use super::http_chaos::{HttpFault, is_like};
use crate::rehearsal::api::object::{Object, list, text};
use crate::rehearsal::controllers::Hand;

/// What is in force, by namespace and pod.
#[derive(Debug, Default)]
pub struct Daemon {
    network: BTreeMap<(String, String), Value>,
    files: BTreeMap<(String, String), Vec<IoFault>>,
    stress: BTreeMap<(String, String), Vec<Stress>>,
    requests: BTreeMap<(String, String), Vec<HttpFault>>,
    names: BTreeMap<(String, String), Vec<NameFault>>,
}

/// What befalls the names that a container asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameFault {
    /// The pod's namespace.
    pub namespace: String,
    /// The pod.
    pub pod: String,
    /// The container's id: its resolver is its own.
    pub container_id: String,
    /// The experiment, as `namespace/name`.
    pub source: String,
    /// Whether a wrong address is told; else it is an error.
    pub astray: bool,
    /// Which names, with `*` and `?`; empty for all.
    pub patterns: Vec<String>,
}

impl NameFault {
    /// Whether a Service of this name and namespace is meant, in any of the forms that it is asked for in.
    #[must_use]
    pub fn means(&self, service: &str, namespace: &str) -> bool {
        let forms = ["", ".N", ".N.svc", ".N.svc.cluster.local"].map(|form| format!("{service}{}", form.replace('N', namespace)));
        self.patterns.is_empty()
            || self.patterns.iter().any(|pattern| forms.iter().any(|form| is_like(form, pattern.trim_end_matches('.'))))
    }
}

/// How much memory a stressor takes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Size {
    /// All that the container may have.
    All,
    /// This many bytes.
    Bytes(u64),
    /// This share of what the container may have, 0 to 1.
    Share(f64),
}

/// Processes that burn CPU and hold memory inside a container.
#[derive(Debug, Clone, PartialEq)]
pub struct Stress {
    /// The pod's namespace.
    pub namespace: String,
    /// The pod.
    pub pod: String,
    /// The container.
    pub container: String,
    /// The container's id: the processes die with it, whatever the experiment's status says.
    pub container_id: String,
    /// The experiment, as `namespace/name`.
    pub source: String,
    /// How many processes burn CPU.
    pub cpu_workers: u32,
    /// How much of a core each of them burns, 0 to 1.
    pub cpu_load: f64,
    /// How many processes hold memory.
    pub memory_workers: u32,
    /// How much all of them hold together.
    pub memory: Size,
}

/// What befalls a file operation.
#[derive(Debug, Clone, PartialEq)]
pub enum IoEffect {
    /// It takes this much longer.
    Delayed(Duration),
    /// It fails with this error number.
    Failed(u32),
    /// It is told other attributes than the file has.
    Misled,
    /// It reads or writes other bytes.
    Garbled,
}

/// One fault in force on the files of a container.
#[derive(Debug, Clone, PartialEq)]
pub struct IoFault {
    /// The pod's namespace.
    pub namespace: String,
    /// The pod.
    pub pod: String,
    /// The container.
    pub container: String,
    /// The container's id: the fault dies with it, whatever the experiment's status says.
    pub container_id: String,
    /// The experiment, as `namespace/name`.
    pub source: String,
    /// Where the volume is mounted.
    pub volume: String,
    /// Which files, as a glob; empty for all.
    pub path: String,
    /// Which operations (`read`, `write`, ...); empty for all.
    pub methods: Vec<String>,
    /// The share of them that is befallen, 0 to 1.
    pub share: f64,
    /// What befalls them.
    pub effect: IoEffect,
}

/// Which way traffic of a pod goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ways {
    /// What the pod sends.
    pub outgoing: bool,
    /// What the pod is sent.
    pub incoming: bool,
}

/// What befalls the packets of a rule.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// They are late, lost, doubled, broken or slowed down: egress only, as `tc` does it.
    Shaped {
        /// Added latency.
        delay: Duration,
        /// Spread around it.
        jitter: Duration,
        /// Share lost, 0 to 1.
        loss: f64,
        /// Share doubled, 0 to 1.
        duplicate: f64,
        /// Share corrupted, 0 to 1.
        corrupt: f64,
        /// Bytes a second, if limited.
        rate: Option<u64>,
    },
    /// They are dropped.
    Dropped(Ways),
}

/// One rule in force on a pod's network.
#[derive(Debug, Clone, PartialEq)]
pub struct NetworkFault {
    /// The pod's namespace.
    pub namespace: String,
    /// The pod.
    pub pod: String,
    /// What befalls its packets.
    pub effect: Effect,
    /// Networks of the other side; `None` for all traffic.
    pub towards: Option<Vec<String>>,
}

impl Daemon {
    /// These rules are in force on this pod now, instead of those before.
    pub fn apply(&mut self, namespace: &str, pod: &str, rules: Value) {
        self.network.insert((namespace.to_owned(), pod.to_owned()), rules);
    }

    /// These faults are in force on this pod's files now, instead of those before.
    pub fn apply_io(&mut self, namespace: &str, pod: &str, faults: Vec<IoFault>) {
        self.files.insert((namespace.to_owned(), pod.to_owned()), faults);
    }

    /// These faults are in force on this pod's requests now, instead of those before.
    pub fn apply_http(&mut self, namespace: &str, pod: &str, faults: Vec<HttpFault>) {
        self.requests.insert((namespace.to_owned(), pod.to_owned()), faults);
    }

    /// This stress has begun.
    pub fn begin(&mut self, stress: Stress) {
        self.stress.entry((stress.namespace.clone(), stress.pod.clone())).or_default().push(stress);
    }

    /// These names are not to be found as they are any more.
    pub fn mislead(&mut self, fault: NameFault) {
        self.names.entry((fault.namespace.clone(), fault.pod.clone())).or_default().push(fault);
    }

    /// All faults of names in force.
    pub fn name_faults(&self) -> impl Iterator<Item = &NameFault> {
        self.names.values().flatten()
    }

    /// What this experiment has done in this container has ended.
    pub fn end(&mut self, namespace: &str, pod: &str, container: &str, source: &str) {
        if let Some(all) = self.stress.get_mut(&(namespace.to_owned(), pod.to_owned())) {
            all.retain(|stress| stress.container != container || stress.source != source);
        }
        if let Some(all) = self.names.get_mut(&(namespace.to_owned(), pod.to_owned())) {
            all.retain(|fault| fault.source != source);
        }
    }

    /// This container is gone, and what was done inside it.
    pub fn container_gone(&mut self, container_id: &str) {
        for all in self.stress.values_mut() {
            all.retain(|stress| stress.container_id != container_id);
        }
        for all in self.files.values_mut() {
            all.retain(|fault| fault.container_id != container_id);
        }
        for all in self.names.values_mut() {
            all.retain(|fault| fault.container_id != container_id);
        }
    }

    /// This pod is gone, and all that was done to it.
    pub fn forget(&mut self, namespace: &str, pod: &str) {
        let key = (namespace.to_owned(), pod.to_owned());
        self.network.remove(&key);
        self.files.remove(&key);
        self.stress.remove(&key);
        self.names.remove(&key);
        self.requests.remove(&key);
    }

    /// All stress in force. Who reads it compares [`Stress::container_id`] with the pod's status: a restarted container is free of it.
    pub fn stresses(&self) -> impl Iterator<Item = &Stress> {
        self.stress.values().flatten()
    }

    /// All faults of files in force. Who reads it compares [`IoFault::container_id`] with the pod's status: a restarted container is free of it.
    pub fn io_faults(&self) -> impl Iterator<Item = &IoFault> {
        self.files.values().flatten()
    }

    /// All faults of requests in force. The proxy lives in the pod, whatever becomes of its containers.
    pub fn http_faults(&self) -> impl Iterator<Item = &HttpFault> {
        self.requests.values().flatten()
    }

    /// All rules of networks in force.
    #[must_use]
    pub fn faults(&self) -> Vec<NetworkFault> {
        let mut faults = Vec::new();
        for ((namespace, pod), rules) in &self.network {
            let towards = |set: &str| -> Option<Vec<String>> {
                let ipset = list(rules, "/ipsets").iter().find(|s| text(s, "/name") == set)?;
                let mut sets = vec![ipset];
                let members: Vec<&str> = list(ipset, "/setNames").iter().filter_map(Value::as_str).collect();
                sets.extend(list(rules, "/ipsets").iter().filter(|s| members.contains(&text(s, "/name"))));
                Some(sets.iter().flat_map(|s| list(s, "/cidrs")).filter_map(|c| c.as_str().map(str::to_owned)).collect())
            };
            for tc in list(rules, "/tcs") {
                let set = text(tc, "/ipset");
                let towards = if set.is_empty() { None } else { towards(set) };
                faults.push(NetworkFault { namespace: namespace.clone(), pod: pod.clone(), effect: shaped(tc), towards });
            }
            for chain in list(rules, "/iptables") {
                let out = text(chain, "/direction") == "output";
                let effect = Effect::Dropped(Ways { outgoing: out, incoming: !out });
                let set = list(chain, "/ipsets").first().and_then(Value::as_str);
                faults.push(NetworkFault { namespace: namespace.clone(), pod: pod.clone(), effect, towards: set.and_then(towards) });
            }
        }
        faults
    }
}

fn shaped(tc: &Value) -> Effect {
    let time = |pointer: &str| {
        let given = text(tc, pointer);
        // Chaos Mesh compares texts with "0ms": whatever starts with 0 is dropped silently.
        let nanos = if given.starts_with('0') { 0 } else { go::duration(given).unwrap_or(0) };
        Duration::from_nanos(nanos.unsigned_abs())
    };
    let share = |pointer: &str| (go::float(text(tc, pointer)).unwrap_or(0.0) / 100.0).clamp(0.0, 1.0);
    let rate = ["/bandwidth/rate", "/rate/rate"].iter().find_map(|pointer| go::rate(text(tc, pointer)).ok());
    Effect::Shaped {
        delay: time("/delay/latency"),
        jitter: time("/delay/jitter"),
        loss: share("/loss/loss"),
        duplicate: share("/duplicate/duplicate"),
        corrupt: share("/corrupt/corrupt"),
        rate,
    }
}

/// Call the daemon on a pod's node, which takes its time.
///
/// # Errors
/// When it cannot be called, or answers with an error, in Chaos Mesh's words.
pub async fn call(hand: &mut Hand, pod: &Object) -> Result<(), Unreached> {
    find(hand, pod)?;
    let (spread, error) = hand.ground(|ground| (ground.world.daemon_latency, ground.troubles.chaos_daemon_fails.clone()));
    let time = spread.draw(hand.rolls());
    tokio::time::sleep(time).await;
    error.map_or(Ok(()), |error| Err(Unreached::Failed(format!("rpc error: code = Unknown desc = {error}"))))
}

/// Refuse when there is no daemon on a pod's node.
///
/// # Errors
/// Chaos Mesh's words.
pub fn find(hand: &Hand, pod: &Object) -> Result<(), Unreached> {
    let node = pod.text("/spec/nodeName");
    if hand.ground(|ground| ground.troubles.chaos_daemon_down || ground.troubles.chaos_daemon_down_on.contains(node)) {
        return Err(Unreached::Failed(format!("cannot find daemonIP on node {node}")));
    }
    Ok(())
}

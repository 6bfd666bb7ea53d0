//! Whether a pod fits on a node, and why not.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use crate::rehearsal::api::object::{Object, at, list, pairs, text};
use crate::rehearsal::api::resources;
use crate::rehearsal::api::selector::Selector;
use crate::rehearsal::quantity;

/// What pods ask of a node, by resource, in thousandths.
type Asked = BTreeMap<String, i128>;

/// Why a pod does not fit on a node, in the scheduler's words, and whether evicting others would help.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misfit {
    reasons: Vec<String>,
    /// Whether another pod is in the way.
    pub helped_by_preemption: bool,
}

impl Misfit {
    fn of(reason: impl Into<String>) -> Self {
        Self { reasons: vec![reason.into()], helped_by_preemption: false }
    }
}

/// The pods and nodes that a decision is made over.
#[derive(Debug)]
pub struct Room {
    nodes: Vec<Arc<Object>>,
    pods: Vec<Arc<Object>>,
    volumes: Vec<Arc<Object>>,
}

impl Room {
    /// These nodes, with those of these pods that are bound to one and have not ended.
    #[must_use]
    pub fn new(nodes: Vec<Arc<Object>>, mut pods: Vec<Arc<Object>>) -> Self {
        pods.retain(|pod| !pod.text("/spec/nodeName").is_empty() && !matches!(pod.text("/status/phase"), "Succeeded" | "Failed"));
        Self { nodes, pods, volumes: Vec::new() }
    }

    /// The same for a pod that has these volumes.
    #[must_use]
    pub fn with_volumes(self, volumes: Vec<Arc<Object>>) -> Self {
        Self { volumes, ..self }
    }

    fn on<'r>(&'r self, node: &'r Object) -> impl Iterator<Item = &'r Arc<Object>> {
        self.pods.iter().filter(|pod| pod.text("/spec/nodeName") == node.name())
    }

    /// The node for this pod: where it fits, the one with the most room.
    ///
    /// # Errors
    /// What `FailedScheduling` says.
    pub fn choose(&self, pod: &Object) -> Result<Arc<Object>, String> {
        let asked = resources::of(pod.value(), "requests");
        let mut misfits = Vec::new();
        let mut best: Option<(u64, i64, &Arc<Object>)> = None;
        for node in &self.nodes {
            match self.fits(pod, &asked, node) {
                Ok(()) => {
                    let score = (self.on(node).count() as u64, self.unwanted(pod, node));
                    if best.is_none_or(|(load, unwanted, held)| (score.1, score.0, node.name()) < (unwanted, load, held.name())) {
                        best = Some((score.0, score.1, node));
                    }
                }
                Err(misfit) => misfits.push(misfit),
            }
        }
        best.map(|(_, _, node)| node.clone()).ok_or_else(|| unschedulable(self.nodes.len(), &misfits, pod))
    }

    /// How much speaks against a node that the pod may run on.
    fn unwanted(&self, pod: &Object, node: &Object) -> i64 {
        let soft = list(node.value(), "/spec/taints")
            .iter()
            .filter(|taint| text(taint, "/effect") == "PreferNoSchedule" && !tolerated(pod, taint))
            .count();
        let apart = list(pod.value(), "/spec/affinity/podAntiAffinity/preferredDuringSchedulingIgnoredDuringExecution");
        let near = apart.iter().filter(|term| term.get("podAffinityTerm").is_some_and(|term| self.meets(pod, term, node))).count();
        i64::try_from(soft + near).unwrap_or(0)
    }

    /// Whether a pod of this term runs in the node's part of the topology.
    fn meets(&self, pod: &Object, term: &Value, node: &Object) -> bool {
        let key = text(term, "/topologyKey");
        let here = node.labels().get(key).map(|value| (*value).to_owned());
        let selector = Selector::of_workload(term.get("labelSelector").unwrap_or(&Value::Null));
        let namespaces: Vec<&str> = list(term, "/namespaces").iter().filter_map(Value::as_str).collect();
        self.pods.iter().any(|other| {
            let place = if namespaces.is_empty() { other.namespace() == pod.namespace() } else { namespaces.contains(&other.namespace()) };
            let there = self
                .nodes
                .iter()
                .find(|n| n.name() == other.text("/spec/nodeName"))
                .and_then(|n| n.labels().get(key).map(|v| (*v).to_owned()));
            place && here.is_some() && here == there && selector.as_ref().is_some_and(|s| s.matches(other))
        })
    }

    /// The first filter of the scheduler that a node fails, in the scheduler's order.
    fn fits(&self, pod: &Object, asked: &Asked, node: &Object) -> Result<(), Misfit> {
        if node.value()["spec"]["unschedulable"] == true && !tolerates(pod, "node.kubernetes.io/unschedulable", "", "NoSchedule") {
            return Err(Misfit::of("node(s) were unschedulable"));
        }
        let taint = list(node.value(), "/spec/taints")
            .iter()
            .find(|taint| matches!(text(taint, "/effect"), "NoSchedule" | "NoExecute") && !tolerated(pod, taint));
        if taint.is_some() {
            return Err(Misfit::of("node(s) had untolerated taint(s)"));
        }
        if !matches_node(pod, node) {
            return Err(Misfit::of("node(s) didn't match Pod's node affinity/selector"));
        }
        let held: Vec<Asked> = self.on(node).map(|pod| resources::of(pod.value(), "requests")).collect();
        let room = |resource: &str| quantity::of(&node.value()["status"]["allocatable"][resource]);
        let mut misfit = Misfit { reasons: Vec::new(), helped_by_preemption: true };
        if i128::try_from(held.len()).unwrap_or(0) * 1000 + 1000 > room("pods") {
            misfit.reasons.push("Too many pods".to_owned());
        }
        for (resource, amount) in asked.iter().filter(|(_, amount)| **amount > 0) {
            let taken: i128 = held.iter().filter_map(|asked| asked.get(resource)).sum();
            if taken + amount > room(resource) {
                misfit.reasons.push(format!("Insufficient {resource}"));
                // A pod that is larger than the whole node cannot be made room for.
                misfit.helped_by_preemption &= *amount <= room(resource);
            }
        }
        if !misfit.reasons.is_empty() {
            return Err(misfit);
        }
        let reach = |volume: &Arc<Object>| {
            let terms = at(volume.value(), "/spec/nodeAffinity/required/nodeSelectorTerms");
            terms.and_then(Value::as_array).is_none_or(|terms| terms.iter().any(|term| matches_term(term, node)))
        };
        if !self.volumes.iter().all(reach) {
            return Err(Misfit::of("node(s) didn't match PersistentVolume's node affinity"));
        }
        let required = |kind: &str| list(pod.value(), &format!("/spec/affinity/{kind}/requiredDuringSchedulingIgnoredDuringExecution"));
        if required("podAffinity").iter().any(|term| !self.meets(pod, term, node)) {
            return Err(Misfit::of("node(s) didn't match pod affinity rules"));
        }
        if required("podAntiAffinity").iter().any(|term| self.meets(pod, term, node)) {
            return Err(Misfit { helped_by_preemption: true, ..Misfit::of("node(s) didn't match pod anti-affinity rules") });
        }
        let against = self.on(node).any(|other| {
            let terms = list(other.value(), "/spec/affinity/podAntiAffinity/requiredDuringSchedulingIgnoredDuringExecution");
            terms.iter().any(|term| {
                other.namespace() == pod.namespace() && Selector::of_workload(&term["labelSelector"]).is_some_and(|s| s.matches(pod))
            })
        });
        if against {
            return Err(Misfit { helped_by_preemption: true, ..Misfit::of("node(s) didn't satisfy existing pods anti-affinity rules") });
        }
        Ok(())
    }
}

/// Whether a pod's node selector and node affinity take this node.
#[must_use]
pub fn matches_node(pod: &Object, node: &Object) -> bool {
    let wanted = pairs(pod.value(), "/spec/nodeSelector");
    let labels = node.labels();
    let affine = at(pod.value(), "/spec/affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution/nodeSelectorTerms");
    let in_terms = affine.and_then(Value::as_array).is_none_or(|terms| terms.iter().any(|term| matches_term(term, node)));
    in_terms && wanted.iter().all(|(key, value)| labels.get(key) == Some(value))
}

/// Whether the pod bears this taint.
#[must_use]
pub fn tolerated(pod: &Object, taint: &Value) -> bool {
    tolerates(pod, text(taint, "/key"), text(taint, "/value"), text(taint, "/effect"))
}

fn tolerates(pod: &Object, key: &str, value: &str, effect: &str) -> bool {
    pod.list("/spec/tolerations").iter().any(|toleration| bears(toleration, key, value, effect))
}

/// Whether a toleration bears such a taint.
#[must_use]
pub fn bears(toleration: &Value, key: &str, value: &str, effect: &str) -> bool {
    let exists = text(toleration, "/operator") == "Exists";
    let its_key = text(toleration, "/key");
    let its_effect = text(toleration, "/effect");
    (its_effect.is_empty() || its_effect == effect)
        && ((its_key.is_empty() && exists) || its_key == key)
        && (exists || text(toleration, "/value") == value)
}

fn matches_term(term: &Value, node: &Object) -> bool {
    let labels = node.labels();
    let holds = |requirement: &Value, found: Option<&str>| {
        let values: Vec<&str> = list(requirement, "/values").iter().filter_map(Value::as_str).collect();
        match (text(requirement, "/operator"), found) {
            ("In", Some(found)) => values.contains(&found),
            ("NotIn", found) => found.is_none_or(|found| !values.contains(&found)),
            ("Exists", found) => found.is_some(),
            ("DoesNotExist", found) => found.is_none(),
            ("Gt", Some(found)) => found.parse::<i64>().ok() > values.first().and_then(|v| v.parse().ok()),
            ("Lt", Some(found)) => found.parse::<i64>().is_ok_and(|n| values.first().and_then(|v| v.parse().ok()).is_some_and(|v| n < v)),
            _ => false,
        }
    };
    let by_label = list(term, "/matchExpressions").iter().all(|r| holds(r, labels.get(text(r, "/key")).copied()));
    by_label && list(term, "/matchFields").iter().all(|r| holds(r, (text(r, "/key") == "metadata.name").then_some(node.name())))
}

/// `FailedScheduling` where a pod is refused before any node is looked at.
#[must_use]
pub fn refused_everywhere(nodes: usize, why: &str) -> String {
    format!(
        "0/{nodes} nodes are available: {why}. preemption: 0/{nodes} nodes are available: {nodes} Preemption is not helpful for scheduling."
    )
}

/// `FailedScheduling` as the scheduler of 1.36 says it.
fn unschedulable(nodes: usize, misfits: &[Misfit], pod: &Object) -> String {
    if nodes == 0 {
        return "no nodes available to schedule pods".to_owned();
    }
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for reason in misfits.iter().flat_map(|misfit| &misfit.reasons) {
        *counts.entry(reason.as_str()).or_default() += 1;
    }
    // Go sorts the finished sentences.
    let mut reasons: Vec<String> = counts.iter().map(|(reason, count)| format!("{count} {reason}")).collect();
    reasons.sort();
    let helpless = misfits.iter().filter(|misfit| !misfit.helped_by_preemption).count();
    let mut preemption = Vec::new();
    if pod.text("/spec/preemptionPolicy") == "Never" {
        return format!("0/{nodes} nodes are available: {}. preemption: not eligible due to preemptionPolicy=Never.", reasons.join(", "));
    }
    if misfits.len() > helpless {
        preemption.push(format!("{} No preemption victims found for incoming pod", misfits.len() - helpless));
    }
    if helpless > 0 {
        preemption.push(format!("{helpless} Preemption is not helpful for scheduling"));
    }
    preemption.sort();
    format!("0/{nodes} nodes are available: {}. preemption: 0/{nodes} nodes are available: {}.", reasons.join(", "), preemption.join(", "))
}

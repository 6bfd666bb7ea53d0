//! What a run and its undo must be allowed to do: known from the scenario, before any server is asked.

use std::collections::BTreeSet;

use crate::criterion::{Check, ObjectCheck, StopCheck, Which};
use crate::effect::inspection::{Right, VELERO_HOME};
use crate::event::EndpointsSource;
use crate::event::inspected::{KindFact, Resource};
use crate::fault::{Action, Fault, Selector};
use crate::run::ledger::Via;
use crate::scenario::model::{Injector, PrometheusAt, Scenario, StepAction, WorkloadKind};

/// The group of every fault.
pub const CHAOS: &str = "chaos-mesh.org";
/// The kinds whose objects others may have on the same pods.
pub const OTHERS: [&str; 7] = ["podchaos", "networkchaos", "stresschaos", "iochaos", "httpchaos", "dnschaos", "timechaos"];
/// What else of Chaos Mesh faults and runs may have left.
const TRACES: [&str; 6] = ["workflows", "workflownodes", "schedules", "podnetworkchaos", "podiochaos", "podhttpchaos"];
/// Where Chaos Mesh is installed unless somebody says otherwise.
pub const CHAOS_MESH_HOME: &str = "chaos-mesh";

/// One right, what it is for, and whether a run can do without.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Need {
    /// The right.
    pub right: Right,
    /// What it is for.
    pub why: &'static str,
    /// Whether its absence is only a warning.
    pub optional: bool,
}

/// Where a scenario is run, as far as rights depend on it.
#[derive(Clone, Debug)]
pub struct Grounds<'a> {
    /// Whether the brake is rehearsed.
    pub brake: bool,
    /// The namespace of target and faults that name none.
    pub namespace: &'a str,
    /// Where metrics are.
    pub prometheus: Option<&'a PrometheusAt>,
    /// Where readiness of Services is read; `None` while that is not known.
    pub endpoints: Option<EndpointsSource>,
    /// How kinds are served, as far as the API server was asked; of others it is guessed.
    pub kinds: &'a [KindFact],
}

impl Grounds<'_> {
    /// What rights call the kind of a check; `None` where the API server was asked and can't tell.
    fn resource_of(&self, check: &ObjectCheck) -> Option<Resource> {
        let is = |fact: &&KindFact| fact.kind.group == check.group && fact.kind.kind == check.kind && fact.kind.version == check.version;
        match self.kinds.iter().find(is) {
            Some(KindFact { served: Ok(served), .. }) => served.clone(),
            Some(KindFact { served: Err(_), .. }) => None,
            None => Some(Resource { plural: check.resource(), namespaced: !check.is_cluster_wide() }),
        }
    }
}

/// Who may come to do a fault, where nobody has looked at the cluster yet.
#[must_use]
pub fn may_do(injector: Injector, fault: &Fault) -> Vec<Via> {
    match injector {
        Injector::Agentless | Injector::Eviction => vec![Via::Agentless],
        Injector::Auto if fault.is_agentless() => vec![Via::ChaosMesh, Via::Agentless],
        Injector::ChaosMesh | Injector::Auto => vec![Via::ChaosMesh],
    }
}

/// All that is needed, each once, by namespace. `via` says who does the fault of a step: where that is not known yet, all who may.
#[must_use]
pub fn needs(scenario: &Scenario, grounds: &Grounds<'_>, injector: Injector, via: impl Fn(usize, &Fault) -> Vec<Via>) -> Vec<Need> {
    let mut list = List::default();
    let home = grounds.namespace;
    for target in &scenario.targets {
        let namespace = target.namespace.as_deref().unwrap_or(home);
        let plural = match target.kind {
            WorkloadKind::Deployment => "deployments",
            WorkloadKind::StatefulSet => "statefulsets",
            WorkloadKind::DaemonSet => "daemonsets",
        };
        list.must("sees the target", namespace, "apps", plural, &["get", "list", "watch"]);
        list.must("sees its pods go and come back", namespace, "", "pods", &["list", "watch"]);
        if target.kind == WorkloadKind::Deployment {
            list.must("knows which pods are the target's", namespace, "apps", "replicasets", &["get"]);
        }
        let watch = &["list", "watch"];
        if grounds.endpoints != Some(EndpointsSource::Endpoints) {
            list.may("sees which pods are sent traffic", namespace, "discovery.k8s.io", "endpointslices", watch);
        }
        if grounds.endpoints != Some(EndpointsSource::EndpointSlices) {
            list.may("sees which pods are sent traffic, on clusters before 1.21", namespace, "", "endpoints", watch);
        }
        list.may("shows what the cluster reports of its pods", namespace, "", "events", watch);
        list.may("shows a pod's details and its YAML", namespace, "", "pods", &["get"]);
        list.may("shows a pod's logs", namespace, "", "pods/log", &["get"]);
    }
    for (index, step) in scenario.steps.iter().enumerate() {
        let StepAction::Fault(fault) = &step.action else { continue };
        let selectors = std::iter::once(&fault.selector).chain(fault.peer.iter().map(|(selector, _)| selector));
        let own = fault.namespace().unwrap_or(home);
        let meant: BTreeSet<&str> = selectors.clone().flat_map(|selector| namespaces_of(selector, own)).collect();
        for selector in selectors.clone() {
            let verb = if selector.pods.is_empty() { "list" } else { "get" };
            for namespace in namespaces_of(selector, own) {
                list.must("resolves whom a fault means", namespace, "", "pods", &[verb]);
            }
        }
        if selectors.clone().any(|selector| !selector.node_selectors.is_empty()) {
            list.must("resolves whom a fault means by their nodes", "", "", "nodes", &["list"]);
        }
        for via in via(index, fault) {
            match via {
                Via::ChaosMesh => list.by_chaos_mesh(fault, own, &meant),
                Via::Agentless => list.agentless(fault, own, injector),
            }
        }
        for namespace in &meant {
            for plural in OTHERS {
                list.may("sees faults of others on the same pods", namespace, CHAOS, plural, &["list"]);
            }
            list.residue(namespace);
            list.may("sees runs of others on the same targets", namespace, "coordination.k8s.io", "leases", &["list"]);
            list.may("sees the budgets that guard its pods", namespace, "policy", "poddisruptionbudgets", &["list"]);
            list.named("reads what the namespace says of itself", namespace, "", "namespaces", "get", namespace);
        }
        list.may("sees whether namespaces of drills were left", "", "", "namespaces", &["list"]);
        list.may("sees whether the pods' nodes are being drained", "", "", "nodes", &["get"]);
        if via(index, fault).contains(&Via::ChaosMesh) {
            list.may("sees whether Chaos Mesh is well", CHAOS_MESH_HOME, "", "pods", &["list"]);
            if grounds.brake && fault.action.experiment().is_lasting() {
                list.brake(fault, own);
            }
        }
        if matches!(fault.action.experiment(), Action::Io { .. }) {
            for plural in ["backups", "backupstoragelocations"] {
                list.may("sees whether there is a backup, where Velero makes them", VELERO_HOME, "velero.io", plural, &["list"]);
            }
        }
    }
    for check in objects(scenario) {
        let Some(Resource { plural, namespaced }) = grounds.resource_of(check) else { continue };
        let namespace = if namespaced { check.namespace.as_deref().unwrap_or(home) } else { "" };
        let (verb, name) = match &check.which {
            Which::Named(name) => ("get", name.as_str()),
            Which::Labelled(..) => ("list", ""),
        };
        list.add("reads the object of a criterion", false, right(namespace, &check.group, &plural, verb, name));
    }
    let lease = ["create", "get", "list", "patch", "delete"];
    list.may("lets others see that the run is live, and ask it to stop", home, "coordination.k8s.io", "leases", &lease);
    list.named("reads what the cluster says of itself", "", "", "namespaces", "get", "kube-system");
    if let Some(PrometheusAt::Service { namespace, name, port }) = grounds.prometheus {
        list.add("asks Prometheus through the API server", false, right(namespace, "", "services/proxy", "get", &format!("{name}:{port}")));
    }
    list.done()
}

/// The objects that are looked at.
pub fn objects(scenario: &Scenario) -> impl Iterator<Item = &ObjectCheck> {
    let criteria = scenario.steady_state.iter().chain(&scenario.criteria).filter_map(|criterion| match &criterion.check {
        Check::Object(check) => Some(check),
        Check::Ready { .. }
        | Check::Recovery { .. }
        | Check::Promql(_)
        | Check::Http(_)
        | Check::Alert(_)
        | Check::Command(_)
        | Check::Burn(_) => None,
    });
    criteria.chain(scenario.stop_when.iter().filter_map(|stop| if let StopCheck::Object(check) = &stop.check { Some(check) } else { None }))
}

/// The namespaces a selector looks into; `own` is the fault's.
pub(super) fn namespaces_of<'a>(selector: &'a Selector, own: &'a str) -> Vec<&'a str> {
    if !selector.pods.is_empty() {
        return selector.pods.keys().map(String::as_str).collect();
    }
    if selector.namespaces.is_empty() { vec![own] } else { selector.namespaces.iter().map(String::as_str).collect() }
}

fn right(namespace: &str, group: &str, resource: &str, verb: &str, name: &str) -> Right {
    let own = str::to_owned;
    Right { namespace: own(namespace), group: own(group), resource: own(resource), verb: own(verb), name: own(name) }
}

#[derive(Default)]
struct List {
    needs: Vec<Need>,
}

impl List {
    /// What gameday does to pods itself.
    fn agentless(&mut self, fault: &Fault, own: &str, injector: Injector) {
        if let Some((peer, _)) = &fault.peer {
            for namespace in namespaces_of(peer, own) {
                let verb = if peer.pods.is_empty() { "list" } else { "get" };
                self.must("resolves who is at the other end", namespace, "", "pods", &[verb]);
            }
        }
        for namespace in namespaces_of(&fault.selector, own) {
            if fault.is_lasting() {
                let verbs = &["create", "get", "list", "watch", "delete"];
                self.must("cuts pods off itself, sees that, and undoes it", namespace, "networking.k8s.io", "networkpolicies", verbs);
            } else if injector == Injector::Eviction {
                self.must("evicts pods itself", namespace, "", "pods/eviction", &["create"]);
            } else {
                self.must("kills pods itself", namespace, "", "pods", &["delete"]);
            }
        }
    }

    /// The pod that the brake is tried on is where the victims are.
    fn brake(&mut self, fault: &Fault, own: &str) {
        let kind = fault.action.experiment().kind().to_lowercase();
        for namespace in namespaces_of(&fault.selector, own) {
            let verbs = &["create", "get", "list", "watch", "delete"];
            self.must("rehearses the brake on a pod of its own", namespace, "", "pods", verbs);
            // that one is no Schedule, whatever the step's is
            self.must("Chaos Mesh asks for it in every namespace that is aimed at", namespace, CHAOS, &kind, &["create"]);
        }
        self.must(
            "rehearses the brake: breaks it, sees that, and undoes it",
            own,
            CHAOS,
            &kind,
            &["create", "get", "list", "watch", "delete"],
        );
    }

    fn add(&mut self, why: &'static str, optional: bool, right: Right) {
        // what one part needs another may only wish for: the need counts
        if let Some(known) = self.needs.iter_mut().find(|need| need.right == right) {
            if known.optional && !optional {
                *known = Need { right, why, optional };
            }
            return;
        }
        self.needs.push(Need { right, why, optional });
    }

    fn must(&mut self, why: &'static str, namespace: &str, group: &str, resource: &str, verbs: &[&str]) {
        for verb in verbs {
            self.add(why, false, right(namespace, group, resource, verb, ""));
        }
    }

    /// What an object of Chaos Mesh takes from its creation to the proof that nothing of it is left.
    fn by_chaos_mesh(&mut self, fault: &Fault, own: &str, meant: &BTreeSet<&str>) {
        let whole = matches!(fault.action, Action::Schedule { .. });
        let kind = fault.action.experiment().kind();
        // a Schedule is sent inside the Workflow that ends it
        let sent = if whole { "workflows".to_owned() } else { kind.to_lowercase() };
        self.must("breaks it, sees that, and undoes it", own, CHAOS, &sent, &["create", "get", "list", "watch", "delete"]);
        let asked_for = if whole { "workflow".to_owned() } else { kind.to_lowercase() };
        for namespace in meant {
            // its webhook asks for the kind in lower case, in each namespace a selector names
            self.must("Chaos Mesh asks for it in every namespace that is aimed at", namespace, CHAOS, &asked_for, &["create"]);
        }
        if whole {
            self.must("sees each fault that the Schedule makes", own, CHAOS, &kind.to_lowercase(), &["list", "watch", "delete"]);
            for plural in ["workflownodes", "schedules"] {
                self.must("removes what the Workflow leaves behind", own, CHAOS, plural, &["list", "delete"]);
            }
            for plural in OTHERS {
                self.must("sees that nothing is left of what the Workflow made", own, CHAOS, plural, &["list"]);
            }
        }
        for namespace in meant.iter().copied().chain([own]) {
            for (of, rules) in [("NetworkChaos", "podnetworkchaos"), ("IOChaos", "podiochaos"), ("HTTPChaos", "podhttpchaos")] {
                if whole || kind == of {
                    self.must("sees that no rule is left in a pod", namespace, CHAOS, rules, &["list"]);
                }
            }
            if whole || kind == "PodChaos" {
                self.must("sees that no pause image is left", namespace, "", "pods", &["list"]);
            }
        }
    }

    fn may(&mut self, why: &'static str, namespace: &str, group: &str, resource: &str, verbs: &[&str]) {
        for verb in verbs {
            self.add(why, true, right(namespace, group, resource, verb, ""));
        }
    }

    fn named(&mut self, why: &'static str, namespace: &str, group: &str, resource: &str, verb: &str, name: &str) {
        self.add(why, true, right(namespace, group, resource, verb, name));
    }

    /// What the looks for residue need, in one namespace.
    fn residue(&mut self, namespace: &str) {
        let why = "sees what earlier faults and runs left, and what this one does";
        for plural in TRACES {
            self.may(why, namespace, CHAOS, plural, &["list"]);
        }
        self.may(why, namespace, "networking.k8s.io", "networkpolicies", &["list"]);
        self.may(why, namespace, "", "pods", &["list"]);
        self.may("sees whose run what is left was", namespace, "coordination.k8s.io", "leases", &["list"]);
    }

    fn done(mut self) -> Vec<Need> {
        // namespaces first, then what is in none; otherwise as it came
        self.needs
            .sort_by(|a, b| (a.right.namespace.is_empty(), &a.right.namespace).cmp(&(b.right.namespace.is_empty(), &b.right.namespace)));
        self.needs
    }
}

//! Whether Chaos Mesh can do, and undo, what is asked of it.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::clock::go;
use crate::event::inspected::{ChaosMeshFact, Inspected, VictimFact};
use crate::run::Run;
use crate::run::checks::Checkpoint;
use crate::run::ledger::{FaultState, Via};
use crate::text::Untrusted;

impl Run {
    /// What is different where gameday cuts off pods itself.
    pub(super) fn check_cuts(&self, all: &mut Vec<Checkpoint>) {
        if !self.faults.iter().any(FaultState::cuts) {
            return;
        }
        all.push(match (self.inspected("policies"), self.policies_forbid()) {
            (None, _) => Checkpoint::waiting("policies"),
            (Some(_), Some(why)) => Checkpoint::fail("policies", why).mend("use injector: chaos-mesh, which cuts beside any policy"),
            (Some(_), None) if self.header.place.rehearsal => Checkpoint::pass("policies", "no other holds for the pods"),
            (Some(_), None) => Checkpoint::warn(
                "policies",
                "whether this cluster's network enforces NetworkPolicies can't be seen: where nothing shows it, the run is inconclusive",
            )
            .mend("kubectl get pods -A | grep -E 'calico|cilium|antrea|weave|kube-router'"),
        });
        all.push(
            Checkpoint::warn(
                "own limit",
                "nothing in the cluster ends a NetworkPolicy: if gameday dies, it stays until somebody undoes it",
            )
            .mend("gameday recover"),
        );
    }

    pub(super) fn check_chaos(&self, all: &mut Vec<Checkpoint>) {
        if !self.asked.inspections.contains("chaos-mesh") {
            return;
        }
        let fact = match self.inspected("chaos-mesh") {
            Some(Inspected::ChaosMesh(Ok(fact))) => fact,
            Some(Inspected::ChaosMesh(Err(why))) => {
                all.push(Checkpoint::unknown("chaos mesh", format!("its pods could not be listed: {}", why.raw())));
                return all.push(self.webhooks());
            }
            _ => return all.push(Checkpoint::waiting("chaos mesh")),
        };
        all.push(match fact.controllers {
            (_, 0) => Checkpoint::warn("chaos mesh", "its API is served, but no controller of it was found: a fault may never take effect")
                .mend("kubectl get pods -A -l app.kubernetes.io/component=controller-manager"),
            (0, n) => Checkpoint::fail("chaos mesh", format!("none of its {n} controllers is ready: nothing would be lifted"))
                .mend(format!("kubectl -n {} get pods -l app.kubernetes.io/component=controller-manager", fact.namespace)),
            (ready, n) => Checkpoint::pass("chaos mesh", format!("{ready} of {n} controllers ready in namespace {}", fact.namespace)),
        });
        all.push(self.webhooks());
        all.extend(self.own_limits());
        let mut by_chaos_mesh = self.faults.iter().filter(|state| state.via == Some(Via::ChaosMesh)).peekable();
        if by_chaos_mesh.peek().is_some() {
            all.extend(by_chaos_mesh.any(|state| state.fault.action.needs_daemon()).then(|| self.daemons(fact)));
            all.extend(self.filter(fact));
        }
    }

    fn webhooks(&self) -> Checkpoint {
        match self.inspected("webhooks") {
            Some(Inspected::Webhooks(Ok(true))) => Checkpoint::pass("webhooks", "a fault without sense is refused, tried as a dry run"),
            Some(Inspected::Webhooks(Ok(false))) => Checkpoint::warn(
                "webhooks",
                "a fault without sense is accepted: Chaos Mesh's webhooks are not there, nobody checks or completes a fault",
            )
            .mend("kubectl get validatingwebhookconfigurations,mutatingwebhookconfigurations"),
            Some(Inspected::Webhooks(Err(why))) => Checkpoint::unknown("webhooks", why.clone()),
            _ => Checkpoint::waiting("webhooks"),
        }
    }

    /// A daemon must be on the node of every pod that may be taken: Chaos Mesh chooses among them.
    fn daemons(&self, fact: &ChaosMeshFact) -> Checkpoint {
        let Some(victims) = self.victims_seen() else { return Checkpoint::waiting("daemons") };
        if fact.daemons.is_empty() {
            return Checkpoint::unknown("daemons", "no chaos-daemon was found");
        }
        let ready: BTreeSet<&str> = fact.daemons.iter().filter(|(_, ready)| *ready).map(|(node, _)| node.raw()).collect();
        let nodes: BTreeSet<&str> = victims.iter().filter_map(|victim| victim.node.as_ref()).map(Untrusted::raw).collect();
        let without: Vec<&str> = nodes.iter().filter(|node| !ready.contains(**node)).copied().collect();
        if without.is_empty() {
            return Checkpoint::pass("daemons", format!("one is ready on each of the {} nodes of the targets", nodes.len()));
        }
        Checkpoint::fail(
            "daemons",
            format!("no ready chaos-daemon on {}: a fault there would hang, and so would its undo", without.join(", ")),
        )
        .mend(format!("kubectl -n {} get pods -o wide -l app.kubernetes.io/component=chaos-daemon", fact.namespace))
    }

    /// What ends a fault when gameday does not, and when that does not hold either.
    fn own_limits(&self) -> Option<Checkpoint> {
        let lasting = self.faults.iter().filter(|state| state.via == Some(Via::ChaosMesh) && state.fault.is_lasting());
        let limits: BTreeSet<Duration> = lasting.map(FaultState::duration).collect();
        let limits: Vec<String> = limits.into_iter().map(go).collect();
        (!limits.is_empty()).then(|| {
            let seen = format!(
                "each lasting fault ends by itself ({}): Chaos Mesh sees to it, but not while its controllers are down",
                limits.join(", ")
            );
            Checkpoint::pass("own limit", seen)
        })
    }

    fn filter(&self, fact: &ChaosMeshFact) -> Option<Checkpoint> {
        if !fact.filter {
            return None;
        }
        let Some(Inspected::Namespaces(namespaces)) = self.inspected("namespaces") else { return Some(Checkpoint::waiting("filter")) };
        for namespace in namespaces {
            match &namespace.inject {
                Ok(Some(value)) if value.raw() == "enabled" => {}
                Ok(_) => {
                    let seen = format!("Chaos Mesh only injects into annotated namespaces, and {} is not", namespace.name);
                    let mend = format!("kubectl annotate namespace {} chaos-mesh.org/inject=enabled", namespace.name);
                    return Some(Checkpoint::fail("filter", seen).mend(mend));
                }
                Err(why) => {
                    let seen =
                        format!("Chaos Mesh only injects into annotated namespaces; {} could not be read: {}", namespace.name, why.raw());
                    return Some(Checkpoint::unknown("filter", seen));
                }
            }
        }
        Some(Checkpoint::pass("filter", "the namespaces are annotated for Chaos Mesh"))
    }

    pub(in crate::run) fn victims_seen(&self) -> Option<&[VictimFact]> {
        match self.inspected("victims") {
            Some(Inspected::Victims(fact)) => fact.pods.as_deref().ok(),
            _ => None,
        }
    }
}

//! Whether Chaos Mesh can do, and undo, what is asked of it.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::clock::go;
use crate::event::inspected::{ChaosMeshFact, Inspected, KindFact, VictimFact};
use crate::run::Run;
use crate::run::checks::Checkpoint;
use crate::run::checks::mend::{INSTALL_CHAOS_MESH, is_unasked};
use crate::run::ledger::{FaultState, Via};
use crate::run::rights::CHAOS;
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
            .mend(self.undo_by("gameday recover")),
        );
    }

    pub(super) fn check_chaos(&self, all: &mut Vec<Checkpoint>) {
        all.extend(self.kinds());
        if !self.asked.inspections.contains("chaos-mesh") {
            // a look at the cluster alone says what is not there as well
            if self.faults.is_empty() && self.cluster.as_ref().is_some_and(|cluster| !cluster.chaos_mesh) {
                let seen = "not served here: without it gameday kills pods itself, and can do no other fault";
                all.push(Checkpoint::warn("chaos mesh", seen).mend(INSTALL_CHAOS_MESH));
            }
            return;
        }
        let fact = match self.inspected("chaos-mesh") {
            Some(Inspected::ChaosMesh(Ok(fact))) => fact,
            Some(Inspected::ChaosMesh(Err(why))) => {
                all.push(Checkpoint::unknown("chaos mesh", format!("its pods could not be listed: {}", why.raw())).mend(self.grant()));
                return all.push(self.webhooks());
            }
            _ => return all.push(Checkpoint::waiting("chaos mesh")),
        };
        all.push(match fact.controllers {
            (_, 0) => Checkpoint::warn("chaos mesh", "its API is served, but no controller of it was found: a fault may never take effect")
                .mend(INSTALL_CHAOS_MESH),
            (0, n) => Checkpoint::fail("chaos mesh", format!("none of its {n} controllers is ready: nothing would be lifted"))
                .mend(format!("kubectl -n {} rollout restart deployment chaos-controller-manager", fact.namespace)),
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

    /// Kinds that the run needs and the cluster does not serve.
    fn kinds(&self) -> Option<Checkpoint> {
        let asked = self.asked.inspections.contains("kinds");
        let Some(Inspected::Kinds(kinds)) = self.inspected("kinds") else {
            return asked.then(|| Checkpoint::waiting("kinds"));
        };
        let absent: Vec<&KindFact> = kinds.iter().filter(|fact| matches!(fact.served, Ok(None))).collect();
        let names = |of: &[&KindFact]| of.iter().map(|fact| fact.kind.to_string()).collect::<Vec<_>>().join(", ");
        if absent.iter().any(|fact| fact.kind.group == CHAOS) {
            let seen = format!("this Chaos Mesh does not serve {}", names(&absent));
            return Some(Checkpoint::fail("kinds", seen).mend(INSTALL_CHAOS_MESH));
        }
        if let Some(first) = absent.first() {
            let seen = format!("the cluster does not serve {}, so the criteria on it can't be judged", names(&absent));
            let group = &first.kind.group;
            return Some(
                Checkpoint::warn("kinds", seen)
                    .mend(self.write(&format!("name a kind that `kubectl api-resources --api-group={group}` lists"))),
            );
        }
        let unseen = kinds.iter().find_map(|fact| Some((fact, fact.served.as_ref().err()?)));
        Some(match unseen {
            Some((fact, why)) => {
                let seen = format!("whether {} is served could not be seen, nor which right it takes: {}", fact.kind, why.raw());
                Checkpoint::unknown("kinds", seen).mend(format!("kubectl api-resources --api-group={}", fact.kind.group))
            }
            None if kinds.len() == 1 => Checkpoint::pass("kinds", "the one that the run needs is served"),
            None => Checkpoint::pass("kinds", format!("all {} that the run needs are served", kinds.len())),
        })
    }

    fn webhooks(&self) -> Checkpoint {
        match self.inspected("webhooks") {
            Some(Inspected::Webhooks(Ok(true))) => Checkpoint::pass("webhooks", "a fault without sense is refused, tried as a dry run"),
            Some(Inspected::Webhooks(Ok(false))) => Checkpoint::warn(
                "webhooks",
                "a fault without sense is accepted: Chaos Mesh's webhooks are not there, nobody checks or completes a fault",
            )
            .mend(INSTALL_CHAOS_MESH),
            Some(Inspected::Webhooks(Err(why))) if is_unasked(why) => Checkpoint::unknown(
                "webhooks",
                format!("Chaos Mesh's webhooks don't answer, so the API server takes no fault and no change of one: {}", why.raw()),
            )
            .mend(self.wake()),
            Some(Inspected::Webhooks(Err(why))) => Checkpoint::unknown("webhooks", why.clone()).mend(
                "no command here does: the API server has to reach the controllers of Chaos Mesh, and we have to be let create podchaos",
            ),
            _ => Checkpoint::waiting("webhooks"),
        }
    }

    /// A daemon must be on the node of every pod that may be taken: Chaos Mesh chooses among them.
    fn daemons(&self, fact: &ChaosMeshFact) -> Checkpoint {
        let Some(victims) = self.victims_seen() else { return Checkpoint::waiting("daemons") };
        if fact.daemons.is_empty() {
            return Checkpoint::unknown("daemons", "no chaos-daemon was found").mend(INSTALL_CHAOS_MESH);
        }
        let ready: BTreeSet<&str> = fact.daemons.iter().filter(|(_, ready)| *ready).map(|(node, _)| node.raw()).collect();
        // pods at the other end that get no rules need none
        let ruled: BTreeSet<&str> = self
            .faults
            .iter()
            .filter(|state| state.fault.action.needs_daemon())
            .flat_map(FaultState::ends)
            .flat_map(|(pods, _)| pods)
            .map(|matched| matched.pod.uid.as_str())
            .collect();
        let ruled = victims.iter().filter(|victim| ruled.contains(victim.pod.uid.as_str()));
        let nodes: BTreeSet<&str> = ruled.filter_map(|victim| victim.node.as_ref()).map(Untrusted::raw).collect();
        let without: Vec<&str> = nodes.iter().filter(|node| !ready.contains(**node)).copied().collect();
        if without.is_empty() {
            return Checkpoint::pass("daemons", format!("one is ready on each of the {} nodes of the targets", nodes.len()));
        }
        Checkpoint::fail(
            "daemons",
            format!("no ready chaos-daemon on {}: a fault there would hang, and so would its undo", without.join(", ")),
        )
        .mend(format!("kubectl -n {} rollout restart daemonset chaos-daemon", fact.namespace))
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
                    return Some(Checkpoint::unknown("filter", seen).mend(self.grant()));
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

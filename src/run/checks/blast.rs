//! How far it reaches: whom a fault may take, and what guards them.

use crate::clock::go;
use crate::event::MatchedPod;
use crate::event::inspected::{Inspected, VictimsFact};
use crate::fault::Action;
use crate::header::Gate;
use crate::run::Run;
use crate::run::checks::{Checkpoint, mend};
use crate::run::ledger::FaultState;
use crate::run::victims::taken;
use crate::scenario::model::{Injector, WorkloadKind};
use crate::text::Untrusted;

/// How many names are told before they are only counted.
const MOST_NAMES: usize = 5;

impl Run {
    pub(super) fn check_blast(&self, gate: &Gate, all: &mut Vec<Checkpoint>) {
        for state in &self.faults {
            all.extend(whom(state));
            all.extend(other_end(state));
        }
        let singles = self.fleet.targets.iter().filter(|target| target.desired() == Some(1)).filter_map(|target| target.workload.as_ref());
        let names: Vec<String> = singles.clone().map(|single| single.workload.to_string()).collect();
        if let Some(first) = singles.clone().next() {
            let mend = match first.workload.kind {
                WorkloadKind::DaemonSet => "by hand: a DaemonSet has a pod for each node, and there is one".to_owned(),
                WorkloadKind::Deployment | WorkloadKind::StatefulSet => {
                    format!("kubectl -n {} scale {} --replicas=2", first.namespace, mend::resource(&first.workload))
                }
            };
            all.push(Checkpoint::warn("replicas", format!("{} has one replica: its loss is an outage", names.join(", "))).mend(mend));
        }
        if self.namespaces_aimed_at().contains("kube-system") {
            all.push(
                Checkpoint::warn("kube-system", "a fault is aimed at kube-system: the cluster itself may suffer, and with it the undo")
                    .mend(self.write("aim at another namespace")),
            );
        }
        let wide = self.faults.iter().any(|state| state.fault.is_lasting() && most_of(state) > 1);
        if wide && !gate.lasting_before && !self.header.place.rehearsal {
            all.push(
                Checkpoint::warn(
                    "first time",
                    "no run with a lasting fault has held on this machine, and this one takes more than one pod: begin with one",
                )
                .mend(self.write("set mode: one, and run that first")),
            );
        }
        if self.faults.is_empty() {
            return;
        }
        let Some(Inspected::Victims(fact)) = self.inspected("victims") else { return all.push(Checkpoint::waiting("victims")) };
        if let Err(why) = &fact.pods {
            return all.push(Checkpoint::unknown("victims", format!("the pods could not be read: {}", why.raw())).mend(self.grant()));
        }
        all.extend(self.host_network());
        all.extend(self.probes_that_would_trip());
        all.extend(self.budgets(fact));
        all.push(match &fact.troubled {
            Ok(nodes) if nodes.is_empty() => Checkpoint::pass("drain", "the targets' nodes are ready and take pods"),
            Ok(nodes) => {
                let told: Vec<String> = nodes.iter().map(|(node, what)| format!("{} {}", node.raw(), what.raw())).collect();
                let cordoned = nodes.iter().find(|(_, what)| what.raw() == "is cordoned");
                let mend = match (cordoned, nodes.first()) {
                    (Some((node, _)), _) => format!("kubectl uncordon {}", node.raw()),
                    (None, Some((node, _))) => {
                        format!("no command does but what mends the node: `kubectl describe node {}` says what it lacks", node.raw())
                    }
                    (None, None) => String::new(),
                };
                Checkpoint::fail("drain", format!("a node of the targets is not as it should be: {}", told.join(", "))).mend(mend)
            }
            Err(why) => Checkpoint::unknown("drain", format!("the nodes could not be read: {}", why.raw())).mend(self.grant()),
        });
    }

    fn host_network(&self) -> Option<Checkpoint> {
        let network = self.faults.iter().any(|state| matches!(state.fault.action.experiment(), Action::Network { .. }));
        let pods: Vec<&str> =
            self.victims_seen()?.iter().filter(|victim| victim.host_network).map(|victim| victim.pod.name.as_str()).collect();
        if pods.is_empty() {
            return None;
        }
        let seen = format!("{} has its node's network", pods.join(", "));
        Some(
            if network {
                Checkpoint::fail("network", format!("{seen}: a NetworkChaos on it hangs, or hits the node"))
            } else {
                Checkpoint::warn("network", format!("{seen}: what befalls its network befalls the node's"))
            }
            .mend(self.write("aim at pods without hostNetwork")),
        )
    }

    /// A long cut from the network is a restart, where the kubelet's probes fail by it.
    fn probes_that_would_trip(&self) -> Option<Checkpoint> {
        let cuts = |state: &&FaultState| match state.fault.action.experiment() {
            Action::Network { action, .. } => matches!(action.as_str(), "partition" | "loss" | "bandwidth" | "netem"),
            Action::PodKill { .. }
            | Action::PodFailure
            | Action::ContainerKill { .. }
            | Action::Io { .. }
            | Action::Stress { .. }
            | Action::Other { .. }
            | Action::Schedule { .. } => false,
        };
        let longest = self.faults.iter().filter(cuts).map(FaultState::duration).max()?;
        let tripped = self.victims_seen()?.iter().filter_map(|victim| Some((victim, victim.liveness?.0)));
        let (victim, patience) = tripped.filter(|(_, patience)| longest > *patience).min_by_key(|(_, patience)| *patience)?;
        let seen = format!(
            "the network is cut for {}, and the liveness probe of {} gives up after {}: the kubelet may restart it",
            go(longest),
            victim.pod.name,
            go(patience)
        );
        Some(
            Checkpoint::warn("liveness", seen)
                .mend(self.write(&format!("set a duration below {}, or make the restart part of the hypothesis", go(patience)))),
        )
    }

    fn budgets(&self, fact: &VictimsFact) -> Option<Checkpoint> {
        let budgets = match &fact.budgets {
            Ok(budgets) => budgets,
            Err(why) => {
                let seen = format!("the disruption budgets could not be read: {}", why.raw());
                return Some(Checkpoint::unknown("budgets", seen).mend(self.grant()));
            }
        };
        let first = budgets.first()?;
        let evicts = self.injector() == Injector::Eviction;
        for state in &self.faults {
            for budget in budgets {
                let most = taken(state, |matched| budget.guards.contains(&matched.pod.uid)).most;
                if most <= budget.allowed {
                    continue;
                }
                let name = Untrusted::from(format!("{}/{}", budget.namespace, budget.name.raw()));
                let seen = format!("step {:?} may take {most} pods, and the budget {} allows {}", state.step, name.raw(), budget.allowed);
                let mend = format!("kubectl -n {} get pdb {} --watch, until it allows as many", budget.namespace, budget.name.raw());
                return Some(if evicts {
                    Checkpoint::fail("budgets", format!("{seen}: evictions would be refused")).mend(mend)
                } else {
                    Checkpoint::warn("budgets", format!("{seen}; budgets hold back evictions, not faults")).mend(mend)
                });
            }
        }
        let pods = if first.allowed == 1 { "pod" } else { "pods" };
        Some(Checkpoint::pass("budgets", format!("{} allows {} {pods} to go", first.name.raw(), first.allowed)))
    }
}

fn most_of(state: &FaultState) -> u32 {
    taken(state, |_| true).most
}

/// The other end of a network fault, by name.
fn other_end(state: &FaultState) -> Option<Checkpoint> {
    let (_, mode) = state.fault.peer.as_ref()?;
    let pods = state.peers.as_deref().filter(|pods| !pods.is_empty())?;
    let what = if state.fault.reaches_peers() { "which get rules too" } else { "which get no rules, but lose the first" };
    Some(Checkpoint::pass("aims at", format!("at the other end {mode} of {}, {what}", names(pods))))
}

fn names(pods: &[MatchedPod]) -> String {
    let mut names: Vec<String> = pods.iter().take(MOST_NAMES).map(|matched| matched.pod.name.clone()).collect();
    if pods.len() > MOST_NAMES {
        names.push(format!("{} more", pods.len() - MOST_NAMES));
    }
    names.join(", ")
}

/// The pods by name, and how many of them are taken.
fn whom(state: &FaultState) -> Option<Checkpoint> {
    let pods = state.candidates().filter(|pods| !pods.is_empty())?;
    let idle = pods.iter().filter(|matched| !matched.running).count();
    let seen = format!("{} of {}", state.fault.mode, names(pods));
    Some(if idle > 0 {
        let namespace = pods.first().map_or("default", |matched| matched.pod.namespace.as_str());
        Checkpoint::warn("aims at", format!("{seen}; {idle} of them do not run, and a fault on them may never take effect"))
            .mend(format!("kubectl -n {namespace} get pods --field-selector=status.phase!=Running"))
    } else {
        Checkpoint::pass("aims at", seen)
    })
}

//! What forbids a run, or ends it: gates before anything is broken, limits while it runs.

use std::time::Duration;

use crate::clock::{At, go, say};
use crate::event::Source;
use crate::fault::Action;
use crate::manifest::policy;
use crate::run::Run;
use crate::run::ledger::{FaultState, Via};
use crate::run::phase::{End, Phase};
use crate::run::probes::Ask;
use crate::run::verdicts::Standing;
use crate::run::victims::{Share, Taken, taken};
use crate::scenario::model::Injector;
use crate::text::Untrusted;

/// How long the preflight may take to see everything it needs.
pub(super) const PREFLIGHT_LIMIT: Duration = Duration::from_secs(20);
/// How long the gate, and the proof after, wait beyond the longest `stableFor`.
pub(super) const GATE_LIMIT: Duration = Duration::from_secs(10);

/// Why gameday can't do a partition by itself, in brackets; nothing where it is none or can be done.
fn not_by_policy(state: &FaultState) -> String {
    let is_partition = matches!(&state.fault.action, Action::Network { action, .. } if action == "partition");
    let why = policy::why_not(&state.fault).filter(|_| is_partition);
    why.map_or_else(String::new, |why| format!(" (a NetworkPolicy can't do this one: {why})"))
}

impl Run {
    /// Who would do a fault on this cluster; an error where nobody can.
    pub(super) fn via(&self, state: &FaultState) -> Result<Via, Untrusted> {
        let chaos_mesh = self.cluster.as_ref().is_some_and(|cluster| cluster.chaos_mesh);
        let can_alone = state.fault.is_agentless();
        let what = format!("{} {}", state.fault.action.kind(), state.fault.action);
        match self.header.injector.unwrap_or(self.scenario.injector) {
            Injector::ChaosMesh | Injector::Auto if chaos_mesh => Ok(Via::ChaosMesh),
            Injector::Agentless | Injector::Eviction | Injector::Auto if can_alone => Ok(Via::Agentless),
            Injector::Agentless | Injector::Eviction => Err(format!(
                "step {:?}: gameday can't do this {what} by itself, only pod-kill and what a NetworkPolicy can cut{}; install Chaos Mesh and use injector chaos-mesh",
                state.step,
                not_by_policy(state)
            )
            .into()),
            Injector::ChaosMesh | Injector::Auto => Err(format!(
                "step {:?}: a {what} needs Chaos Mesh, and this cluster does not serve chaos-mesh.org/v1alpha1; install Chaos Mesh{}{}",
                state.step,
                if can_alone { ", or use injector agentless" } else { "" },
                not_by_policy(state)
            )
            .into()),
        }
    }

    /// Why a fault may not be let loose on the pods it means now.
    pub(super) fn too_much(&self, state: &FaultState) -> Option<Untrusted> {
        let limits = &self.scenario.limits;
        let step = &state.step;
        let matched = state.candidates().map_or(0, <[_]>::len);
        if matched == 0 {
            return Some(format!("step {step:?}: its selector means no pod; compare it with `kubectl get pods --show-labels`").into());
        }
        if state.cuts() && self.beside(state).any(FaultState::cuts) {
            return Some(
                format!("step {step:?}: two NetworkPolicies at the same time let through what each of them cuts: put the steps one after the other")
                    .into(),
            );
        }
        if state.fault.peer.is_some() && state.peers.as_ref().is_some_and(Vec::is_empty) {
            let why = format!("step {step:?}: its target means no pod, and the fault would never take effect");
            return Some(format!("{why}; compare it with `kubectl get pods --show-labels`").into());
        }
        let most = taken(state, |_| true).most;
        if let Some(max) = limits.max_targets.filter(|max| most > *max) {
            return Some(format!("step {step:?}: it may take {most} pods, and limits.maxTargets is {max}").into());
        }
        for share in self.shares(state).unwrap_or_default() {
            if limits.allow_all {
                continue;
            }
            let Some(target) = &share.target else { continue };
            // what is broken at the same time is taken together: at the most, each fault takes other pods
            let beside: u32 = self
                .beside(state)
                .flat_map(|other| self.shares(other).unwrap_or_default())
                .filter(|s| s.target == share.target)
                .map(|s| s.most)
                .sum();
            let whole = Share { most: (share.most + beside).min(share.of), ..share.clone() };
            let (it, most, of) = (if beside > 0 { "with what is on beside it, it" } else { "it" }, whole.most, whole.of);
            if most >= of && of > 1 {
                return Some(format!("step {step:?}: {it} takes all {of} pods of {target}; limits.allowAll: true would allow it").into());
            }
            if let Some(max) = limits.max_share.filter(|max| whole.ratio() > *max + 1e-9) {
                let max = (max * 100.0).round();
                return Some(
                    format!("step {step:?}: {it} takes {most} of {of} pods of {target}, more than limits.maxShare {max} %").into(),
                );
            }
        }
        self.too_much_of_strangers(state)
    }

    /// The same of workloads that are no targets, as far as they are known: by the pods that are meant.
    fn too_much_of_strangers(&self, state: &FaultState) -> Option<Untrusted> {
        let (limits, step) = (&self.scenario.limits, &state.step);
        if limits.allow_all {
            return None;
        }
        self.strangers(state).into_iter().find_map(|(name, Taken { most, matched })| {
            let (whose, share) =
                (format!("pods of the workload of {name}, which is no target"), f64::from(most) / f64::from(matched.max(1)));
            if most >= matched && matched > 1 {
                return Some(format!("step {step:?}: it may take all {matched} {whose}; limits.allowAll: true would allow it").into());
            }
            let max = limits.max_share.filter(|max| matched > 1 && share > *max + 1e-9)?;
            let max = (max * 100.0).round();
            Some(format!("step {step:?}: it may take {most} of {matched} {whose}, more than limits.maxShare {max} %").into())
        })
    }

    /// The other faults that are on together with one: of its parallel group, or alive now.
    fn beside<'r>(&'r self, state: &'r FaultState) -> impl Iterator<Item = &'r FaultState> {
        let steps = &self.scenario.steps;
        let begins = move |of: &FaultState| steps.get(of.id.0).map(|step| &step.begins);
        self.faults.iter().filter(move |other| other.id != state.id && (begins(other) == begins(state) || other.is_alive()))
    }

    /// What the preflight still waits for, in words.
    pub(super) fn waiting_for(&self) -> Option<String> {
        if self.cluster.is_none() {
            return Some("the cluster's first answer".to_owned());
        }
        for (reference, target) in self.scenario.targets.iter().zip(&self.fleet.targets) {
            if target.workload.is_none() {
                return Some(format!("{reference}"));
            }
            if !target.listed {
                return Some(format!("the pods of {reference}"));
            }
        }
        let unresolved = self.faults.iter().find(|state| state.resolved.is_empty());
        if let Some(state) = unresolved {
            return Some(format!("the pods that step {:?} means", state.step));
        }
        let unchecked = self.faults.iter().find(|state| (state.via == Some(Via::ChaosMesh) || state.cuts()) && state.dry_run.is_none());
        if let Some(state) = unchecked {
            return Some(format!("the API server's check of step {:?}", state.step));
        }
        if self.metrics_unanswered() && self.header.place.prometheus.is_some() {
            return Some("Prometheus' first answers".to_owned());
        }
        self.unanswered_look().map(|aspect| format!("the answer to its look at {aspect}"))
    }

    /// Ends the run where it went on too long or blind.
    pub(super) fn watch_limits(&mut self) {
        let Some(begun) = self.begun.filter(|_| !matches!(self.phase, Phase::Undoing(_) | Phase::Sealed)) else { return };
        if let Some(stop) = self.judgement.stops.iter().position(|judged| judged.standing == Standing::Broken) {
            self.turn_to(End::Stopped(stop));
            return;
        }
        if let Some(limit) = self.scenario.limits.max_duration.filter(|limit| self.now >= begun + *limit) {
            self.turn_to(End::Inconclusive(format!("it ran longer than limits.maxDuration, {}", go(limit)).into()));
            return;
        }
        let limit = self.scenario.limits.blind_limit;
        let blind = self.sight.all_lost().find(|(source, since)| self.is_vital(*source) && self.now >= (*since).max(begun) + limit);
        if let Some((source, since)) = blind {
            let why = format!("{source} could not be seen for {}; limits.blindLimit is {}", say(self.now.since(since)), go(limit));
            self.turn_to(End::Inconclusive(why.into()));
        }
    }

    /// Whether the verdict hangs on a source.
    fn is_vital(&self, source: Source) -> bool {
        match source {
            // a probe is there only because something that is judged asks it
            Source::Fault(fault) => !fault.is_brake(),
            Source::Pods(_) | Source::Workload(_) | Source::Object(_) | Source::Command(_) => true,
            Source::Endpoints | Source::Events => false,
            Source::Prometheus => {
                let scenario = &self.scenario;
                let criteria = scenario.criteria.iter().filter_map(|criterion| Ask::of_check(&criterion.check));
                criteria.chain(scenario.stop_when.iter().filter_map(|stop| Ask::of_stop(&stop.check))).any(|ask| ask.is_metrics())
            }
        }
    }

    /// When a limit would end the run.
    pub(super) fn limits_due(&self) -> Option<At> {
        let begun = self.begun.filter(|_| !matches!(self.phase, Phase::Undoing(_) | Phase::Sealed))?;
        let longest = self.scenario.limits.max_duration.map(|limit| begun + limit);
        let vital = self.sight.all_lost().filter(|(source, _)| self.is_vital(*source));
        let blind = vital.map(|(_, since)| since.max(begun) + self.scenario.limits.blind_limit).min();
        longest.into_iter().chain(blind).min()
    }
}

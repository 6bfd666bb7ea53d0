//! Whether it is the moment for it: what else is going on, how long it takes, what watches it.

use std::time::Duration;

use crate::clock::{At, go};
use crate::criterion::Check;
use crate::event::Reading;
use crate::event::inspected::Inspected;
use crate::run::Run;
use crate::run::checks::Checkpoint;
use crate::run::ledger::FaultState;
use crate::run::probes::Ask;
use crate::run::verdicts::Look;
use crate::scenario::model::StepAction;

impl Run {
    pub(super) fn check_course(&self, all: &mut Vec<Checkpoint>) {
        if self.scenario.targets.is_empty() {
            // the cluster alone is looked at
            return all.extend(self.alerts_firing());
        }
        all.push(self.steady_now());
        all.extend(self.rollout());
        all.extend(self.collisions());
        all.extend(self.alerts_firing());
        all.extend(self.answers());
        all.extend(self.length());
        all.push(match &self.scenario.runbook {
            Some(_) => Checkpoint::pass("runbook", "set"),
            None => Checkpoint::warn("runbook", "none: whoever is called does not know what to do")
                .mend("add runbook: https://… to the scenario"),
        });
    }

    /// Whether the steady state holds at this moment. That it lasts is the gate's to prove.
    fn steady_now(&self) -> Checkpoint {
        let mut unseen = None;
        for criterion in &self.scenario.steady_state {
            let asked = Ask::of_check(&criterion.check).and_then(|ask| self.probes.find(&ask)).map(|probe| probe.id);
            match self.look_now(&criterion.check, asked).map(|(look, _)| look) {
                Some(Look::Good(_)) => {}
                Some(Look::Bad(_)) => {
                    return Checkpoint::warn(
                        "steady",
                        format!("{:?} does not hold now; the gate waits for it, and refuses", criterion.name),
                    );
                }
                Some(Look::Unknown) | None => unseen = Some(&criterion.name),
            }
        }
        match (unseen, self.scenario.steady_state.is_empty()) {
            (_, true) => Checkpoint::warn("steady", "no steadyState: a run that begins in trouble proves nothing")
                .mend("add steadyState to the scenario"),
            (Some(_), _) if self.blind().next().is_none() => Checkpoint::waiting("steady"),
            (Some(name), _) => Checkpoint::unknown("steady", format!("{name:?} can't be seen")),
            (None, _) => Checkpoint::pass("steady", "the steady state holds at this moment"),
        }
    }

    fn rollout(&self) -> Option<Checkpoint> {
        for target in &self.fleet.targets {
            let Some(workload) = &target.workload else { continue };
            let living = target.pods.values().filter(|pod| pod.gone.is_none());
            let mut owners: Vec<&String> = living.filter_map(|pod| pod.fact.owner.as_ref()).collect();
            owners.sort();
            owners.dedup();
            if owners.len() > 1 || !workload.observed {
                let seen = format!("{} is being rolled out: its pods are of {} generations", workload.workload, owners.len());
                let mend = format!("kubectl -n {} rollout status {}", workload.namespace, workload.workload.to_string().to_lowercase());
                return Some(Checkpoint::fail("rollout", seen).mend(mend));
            }
        }
        self.fleet.targets.iter().all(|target| target.listed).then(|| Checkpoint::pass("rollout", "none in progress"))
    }

    fn collisions(&self) -> Option<Checkpoint> {
        if !self.asked.inspections.contains("other-faults") {
            return None;
        }
        let others = match self.inspected("other-faults") {
            Some(Inspected::OtherFaults(Ok(others))) => others,
            Some(Inspected::OtherFaults(Err(why))) => {
                return Some(Checkpoint::unknown("collisions", format!("faults of others could not be listed: {}", why.raw())));
            }
            _ => return Some(Checkpoint::waiting("collisions")),
        };
        let aimed: Vec<String> = self
            .faults
            .iter()
            .filter_map(|state| state.candidates())
            .flatten()
            .map(|matched| format!("{}/{}", matched.pod.namespace, matched.pod.name))
            .collect();
        let holds = |id: &str| aimed.iter().any(|pod| id == pod || id.strip_prefix(pod.as_str()).is_some_and(|rest| rest.starts_with('/')));
        let others = || others.iter().filter(|other| other.run.as_ref().is_none_or(|run| run.raw() != self.header.token));
        if let Some(other) = others().find(|other| other.pods.iter().any(|id| holds(id.raw()))) {
            let whose = other.run.as_ref().map_or_else(String::new, |run| format!(" of run {}", run.raw()));
            let seen = format!("{}{whose} is in effect on the same pods: nobody could say what came of which", other.object);
            let object = &other.object;
            let mend = format!("kubectl -n {} delete {} {}", object.namespace, object.kind.to_lowercase(), object.name);
            return Some(Checkpoint::fail("collisions", seen).mend(mend));
        }
        let near: Vec<String> = others().map(|other| other.object.to_string()).collect();
        Some(if near.is_empty() {
            Checkpoint::pass("collisions", "no fault of anybody else in the namespaces")
        } else {
            Checkpoint::warn("collisions", format!("other faults are near: {}", near.join(", ")))
        })
    }

    fn alerts_firing(&self) -> Option<Checkpoint> {
        if !self.asked.inspections.contains("alerts") {
            return None;
        }
        Some(match self.inspected("alerts") {
            Some(Inspected::Alerts(Ok(firing))) if firing.is_empty() => Checkpoint::pass("alerts", "none fires"),
            Some(Inspected::Alerts(Ok(firing))) => {
                let names: Vec<String> = firing.iter().take(3).map(|alert| alert.short(80)).collect();
                let more = if firing.len() > 3 { format!(" and {} more", firing.len() - 3) } else { String::new() };
                Checkpoint::warn("alerts", format!("already firing: {}{more}", names.join("; ")))
            }
            Some(Inspected::Alerts(Err(why))) => Checkpoint::unknown("alerts", format!("Prometheus did not say: {}", why.raw())),
            _ => Checkpoint::waiting("alerts"),
        })
    }

    /// Queries that answer with nothing, though nobody said what nothing means.
    fn answers(&self) -> Option<Checkpoint> {
        let all = self.scenario.steady_state.iter().chain(&self.scenario.criteria);
        let silent: Vec<String> = all
            .filter_map(|criterion| match &criterion.check {
                Check::Promql(check) if check.when_empty.is_none() => {
                    let probe = self.probes.find(&Ask::Promql(check.query.clone()))?;
                    matches!(probe.last()?.reading, Reading::Empty).then(|| format!("{:?}", criterion.name))
                }
                Check::Promql(_)
                | Check::Http(_)
                | Check::Ready { .. }
                | Check::Recovery { .. }
                | Check::Alert(_)
                | Check::Object(_)
                | Check::Command(_)
                | Check::Burn(_) => None,
            })
            .collect();
        if silent.is_empty() {
            return None;
        }
        let seen = format!("the query of {} answers with no series: its verdict would be unknown", silent.join(", "));
        Some(Checkpoint::warn("answers", seen).mend("look whether it is scraped, or say what no series means with whenEmpty"))
    }

    fn length(&self) -> Option<Checkpoint> {
        let limit = self.scenario.limits.max_duration?;
        let planned = self.planned();
        Some(if planned > limit {
            let seen = format!("the steps take {}, and limits.maxDuration is {}", go(planned), go(limit));
            Checkpoint::fail("duration", seen).mend("shorten the steps, or raise limits.maxDuration")
        } else {
            Checkpoint::pass("duration", format!("about {} of at most {}", go(planned), go(limit)))
        })
    }

    /// How long the steps take if all goes as planned; a person's time is not in it.
    fn planned(&self) -> Duration {
        let mut ends: Vec<At> = Vec::new();
        for (index, step) in self.scenario.steps.iter().enumerate() {
            let after = step.begins.after.iter().filter_map(|before| ends.get(*before)).max().copied().unwrap_or_default();
            let begins = after.max(At::ZERO + step.begins.at.unwrap_or_default());
            let span = match &step.action {
                StepAction::Observe(span) => *span,
                StepAction::Fault(fault) if fault.is_lasting() => {
                    self.faults.iter().find(|state| state.id.0 == index).map(FaultState::duration).unwrap_or_default()
                }
                StepAction::Fault(_) | StepAction::Manual(_) | StepAction::Hold => Duration::ZERO,
            };
            ends.push(begins + span);
        }
        ends.into_iter().max().unwrap_or_default().since(At::ZERO)
    }
}

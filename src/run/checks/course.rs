//! Whether it is the moment for it: what else is going on, how long it takes, what watches it.

use std::time::Duration;

use crate::clock::go;
use crate::event::inspected::Inspected;
use crate::run::Run;
use crate::run::checks::Checkpoint;
use crate::run::checks::mend;
use crate::run::ledger::FaultState;
use crate::run::probes::Ask;
use crate::run::verdicts::Look;
use crate::scenario::model::{Begins, Step, StepAction, course};

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
        all.extend(self.fresh());
        all.push(self.length());
        all.push(match &self.scenario.runbook {
            Some(_) => Checkpoint::pass("runbook", "set"),
            None => Checkpoint::warn("runbook", "none: whoever is called does not know what to do")
                .mend(self.write("add runbook with the URL of what to do when it goes wrong")),
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
                    let seen = format!("{:?} does not hold now; the gate waits for it, and refuses", criterion.name);
                    return Checkpoint::warn("steady", seen).mend(match &self.scenario.runbook {
                        Some(runbook) => format!("by hand: what is wrong has to be found first; the runbook is {runbook}"),
                        None => "by hand: what is wrong has to be found first".to_owned(),
                    });
                }
                Some(Look::Unknown) | None => unseen = Some(&criterion.name),
            }
        }
        match (unseen, self.scenario.steady_state.is_empty()) {
            (_, true) => Checkpoint::warn("steady", "no steadyState: a run that begins in trouble proves nothing")
                .mend(self.write("add steadyState")),
            (Some(_), _) if self.blind().next().is_none() => Checkpoint::waiting("steady"),
            (Some(name), _) => Checkpoint::unknown("steady", format!("{name:?} can't be seen"))
                .mend("by hand: whoever answers for it has to answer again, see the lost sources"),
            (None, _) => Checkpoint::pass("steady", "the steady state holds at this moment"),
        }
    }

    fn rollout(&self) -> Option<Checkpoint> {
        for target in &self.fleet.targets {
            let Some(workload) = &target.workload else { continue };
            let living = target.pods.there().map(|(_, pod)| pod);
            let mut owners: Vec<&String> = living.filter_map(|pod| pod.fact.owner.as_ref()).collect();
            owners.sort();
            owners.dedup();
            if owners.len() > 1 || !workload.observed || workload.rolling {
                let why = match (owners.len(), workload.observed) {
                    (2.., _) => format!("its pods are of {} generations", owners.len()),
                    (_, true) => "pods of the old revision are still being replaced".to_owned(),
                    (_, false) => "its controller has not seen its newest spec yet".to_owned(),
                };
                let seen = format!("{} is being rolled out: {why}", workload.workload);
                let mend = format!("kubectl -n {} rollout status {}", workload.namespace, mend::resource(&workload.workload));
                return Some(Checkpoint::fail("rollout", seen).mend(mend));
            }
        }
        self.fleet.targets.iter().all(|target| target.listed).then(|| Checkpoint::pass("rollout", "none in progress"))
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
                    .mend("by hand: begin when they have resolved, or know that they are not of this")
            }
            Some(Inspected::Alerts(Err(why))) => Checkpoint::unknown("alerts", format!("Prometheus did not say: {}", why.raw()))
                .mend("no command here does: Prometheus has to answer again"),
            _ => Checkpoint::waiting("alerts"),
        })
    }

    fn length(&self) -> Checkpoint {
        let (planned, by_hand) = (self.planned(false), self.planned(true));
        let people = if by_hand > planned { format!(", {} with all the time that people may take", go(by_hand)) } else { String::new() };
        let Some(limit) = self.scenario.limits.max_duration else {
            let seen = format!("about {}{people}, and no limits.maxDuration ends it if it takes longer", go(planned));
            return Checkpoint::warn("duration", seen).mend(self.write("add limits.maxDuration"));
        };
        let shorten = || self.write("shorten the steps, or raise limits.maxDuration");
        if planned > limit {
            let seen = format!("the steps take {}, and limits.maxDuration is {}", go(planned), go(limit));
            Checkpoint::fail("duration", seen).mend(shorten())
        } else if by_hand > limit {
            let seen = format!("about {}{people}, and limits.maxDuration of {} would end it before", go(planned), go(limit));
            Checkpoint::warn("duration", seen).mend(shorten())
        } else {
            Checkpoint::pass("duration", format!("about {}{people}, of at most {}", go(planned), go(limit)))
        }
    }

    /// How long the steps take if all goes as planned; with all the time that people may take for theirs, if that is asked for.
    fn planned(&self, by_hand: bool) -> Duration {
        let span = |(index, step): (usize, &Step)| match &step.action {
            StepAction::Observe(span) => *span,
            StepAction::Fault(fault) if fault.is_lasting() => {
                self.faults.iter().find(|state| state.id.0 == index).map(FaultState::duration).unwrap_or_default()
            }
            StepAction::Manual(manual) if by_hand => manual.timeout,
            StepAction::Fault(_) | StepAction::Manual(_) | StepAction::Hold => Duration::ZERO,
        };
        let steps = &self.scenario.steps;
        let begins: Vec<Begins> = steps.iter().map(|step| step.begins.clone()).collect();
        course(&begins, &steps.iter().enumerate().map(span).collect::<Vec<_>>())
    }
}

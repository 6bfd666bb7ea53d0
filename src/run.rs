//! The fold: everything a run is, out of its entries alone.
//!
//! Owns [`Run`]. Pure: no clock, no IO, no randomness, no hash order; the same header and entries
//! give the same run, in the cockpit, in a replay, in a report. It answers each entry with the
//! effects to perform and knows when it wants to be asked again.

mod alerts;
pub mod brake;
pub mod checks;
pub mod claim;
pub mod curve;
mod cut;
pub mod fleet;
mod judge;
pub mod ledger;
mod limits;
pub mod phase;
mod preflight;
pub mod probes;
pub mod recovery;
mod residue;
pub mod rights;
pub mod rounds;
mod settle;
pub mod sight;
pub mod steps;
mod stops;
mod take;
pub mod timeline;
pub mod undo;
pub mod verdicts;
pub mod victims;
pub mod why;
mod windows;

use std::collections::BTreeMap;
use std::time::Duration;

use crate::clock::At;
use crate::criterion::{Check, Criterion, StopCondition};
use crate::effect::{Conclusion, Effect, FaultId, Verdict};
use crate::event::inspected::Inspected;
use crate::event::{ClusterFact, Entry, Source};
use crate::header::Header;
use crate::run::brake::Brake;
use crate::run::checks::Checkpoint;
use crate::run::claim::Claim;
use crate::run::fleet::Fleet;
use crate::run::judge::Judgement;
use crate::run::ledger::FaultState;
use crate::run::phase::{End, Phase};
use crate::run::probes::Probes;
use crate::run::recovery::Back;
use crate::run::rounds::Round;
use crate::run::sight::Sight;
use crate::run::steps::StepState;
use crate::run::timeline::{List, Moment, Noted};
use crate::run::verdicts::{Judged, Standing};
use crate::run::why::Warnings;
use crate::scenario::model::{Scenario, StepAction};

/// A run, as its entries up to now tell it.
#[derive(Clone, Debug)]
pub struct Run {
    header: Header,
    scenario: Scenario,
    seq: u64,
    now: At,
    phase: Phase,
    since: At,
    begun: Option<At>,
    steps: Vec<StepState>,
    cluster: Option<ClusterFact>,
    fleet: Fleet,
    sight: Sight,
    warnings: Warnings,
    faults: Vec<FaultState>,
    probes: Probes,
    judgement: Judgement,
    inspections: BTreeMap<&'static str, Inspected>,
    checked: Vec<Checkpoint>,
    timeline: Vec<Moment>,
    asked: settle::AskedOnce,
    recovered: Vec<Option<Back>>,
    conclusion: Option<Conclusion>,
    claim: Option<Claim>,
    brake: Option<Brake>,
    looks_only: bool,
}

impl Run {
    /// A run of which nothing has happened yet.
    #[must_use]
    pub fn new(header: Header, scenario: Scenario) -> Run {
        let faults: Vec<FaultState> = scenario
            .steps
            .iter()
            .enumerate()
            .filter_map(|(index, step)| match &step.action {
                StepAction::Fault(fault) => Some(FaultState::new(FaultId(index), &step.name, fault)),
                StepAction::Observe(_) | StepAction::Manual(_) | StepAction::Hold => None,
            })
            .collect();
        Run {
            seq: 0,
            now: At::ZERO,
            phase: Phase::Preflight,
            since: At::ZERO,
            begun: None,
            steps: vec![StepState::default(); scenario.steps.len()],
            cluster: None,
            fleet: Fleet::new(scenario.targets.len()),
            sight: Sight::new(header.started),
            warnings: Warnings::default(),
            recovered: vec![None; faults.len()],
            faults,
            probes: Probes::of(&scenario),
            judgement: Judgement::of(&scenario),
            inspections: BTreeMap::new(),
            checked: Vec::new(),
            timeline: Vec::new(),
            asked: settle::AskedOnce::default(),
            conclusion: None,
            claim: Claim::of(&header),
            brake: None,
            looks_only: false,
            header,
            scenario,
        }
    }

    /// The same, of which nothing but the preflight is wanted: not even the brake is rehearsed.
    #[must_use]
    pub fn only_looking(self) -> Run {
        Run { looks_only: true, ..self }
    }

    /// Takes the next entry. An entry whose seq was taken already changes nothing.
    pub fn apply(&mut self, entry: &Entry) -> Vec<Effect> {
        if entry.seq <= self.seq || self.conclusion.is_some() {
            return Vec::new();
        }
        self.seq = entry.seq;
        self.now = self.now.max(entry.at);
        let sampled = self.take(&entry.event);
        if self.conclusion.is_some() {
            return Vec::new();
        }
        self.settle(sampled)
    }

    fn note(&mut self, noted: Noted) {
        self.timeline.push(Moment { at: self.now, seq: self.seq, noted });
    }

    /// The journal's header.
    #[must_use]
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// The scenario as run.
    #[must_use]
    pub const fn scenario(&self) -> &Scenario {
        &self.scenario
    }

    /// The moment of the newest entry.
    #[must_use]
    pub const fn now(&self) -> At {
        self.now
    }

    /// The number of the newest entry.
    #[must_use]
    pub const fn seq(&self) -> u64 {
        self.seq
    }

    /// Where the run stands, and since when.
    #[must_use]
    pub const fn phase(&self) -> (&Phase, At) {
        (&self.phase, self.since)
    }

    /// When the operator said go.
    #[must_use]
    pub const fn begun(&self) -> Option<At> {
        self.begun
    }

    /// When a step began.
    #[must_use]
    pub fn step_begun(&self, step: usize) -> Option<At> {
        self.steps.get(step).and_then(|step| step.begun)
    }

    /// The cluster as it was found.
    #[must_use]
    pub const fn cluster(&self) -> Option<&ClusterFact> {
        self.cluster.as_ref()
    }

    /// The targets and their pods.
    #[must_use]
    pub const fn fleet(&self) -> &Fleet {
        &self.fleet
    }

    /// What can be seen.
    #[must_use]
    pub const fn sight(&self) -> &Sight {
        &self.sight
    }

    /// The faults, in the order of their steps.
    #[must_use]
    pub fn faults(&self) -> &[FaultState] {
        &self.faults
    }

    /// The faults and all that rehearses the brake.
    pub fn all_faults(&self) -> impl Iterator<Item = &FaultState> {
        self.faults.iter().chain(self.brake.iter().flat_map(Brake::all))
    }

    /// One of them.
    #[must_use]
    pub fn fault(&self, id: FaultId) -> Option<&FaultState> {
        self.all_faults().find(|state| state.id == id)
    }

    /// The run's Lease; none in rehearsal.
    #[must_use]
    pub const fn claim(&self) -> Option<&Claim> {
        self.claim.as_ref()
    }

    /// Whether anything of it may be in the cluster that must be taken out again.
    #[must_use]
    pub fn owes_anything(&self) -> bool {
        self.all_faults().any(FaultState::owes_undo) || self.claim.as_ref().is_some_and(Claim::is_owed)
    }

    /// The probes.
    #[must_use]
    pub const fn probes(&self) -> &Probes {
        &self.probes
    }

    /// The lines of the timeline.
    #[must_use]
    pub fn timeline(&self) -> &[Moment] {
        &self.timeline
    }

    /// The criteria with what is known of each.
    pub fn criteria(&self) -> impl Iterator<Item = (&Criterion, &Judged)> {
        self.scenario.criteria.iter().zip(&self.judgement.criteria)
    }

    /// The steady-state checks with what is known of each: at the gate, or once the steps are over
    /// in the proof after.
    pub fn steady(&self) -> impl Iterator<Item = (&Criterion, &Judged)> {
        let proof = matches!(self.phase, Phase::Settling | Phase::Undoing(_) | Phase::Sealed) && self.asked.proof;
        self.scenario.steady_state.iter().zip(if proof { &self.judgement.proof } else { &self.judgement.gate })
    }

    /// The stop conditions with what is known of each; `Broken` has tripped.
    pub fn stops(&self) -> impl Iterator<Item = (&StopCondition, &Judged)> {
        self.scenario.stop_when.iter().zip(&self.judgement.stops)
    }

    /// The criterion, steady-state check or stop condition of a list by its place: its name and standing.
    #[must_use]
    pub fn judged(&self, list: List, index: usize) -> Option<(&str, &Judged)> {
        let name = match list {
            List::Gate | List::Proof => self.scenario.steady_state.get(index).map(|c| c.name.as_str()),
            List::Criteria => self.scenario.criteria.get(index).map(|c| c.name.as_str()),
            List::StopWhen => self.scenario.stop_when.get(index).map(|c| c.name.as_str()),
        };
        name.zip(self.judgement.list(list).get(index))
    }

    /// Where each fault's recovery stands.
    pub fn recoveries(&self) -> impl Iterator<Item = (&FaultState, Back)> {
        let stable = self.stable_for();
        self.faults.iter().enumerate().map(move |(index, state)| (state, self.back(index, stable)))
    }

    /// The recovery from a fault as it stood when it had lasted.
    #[must_use]
    pub fn recovered(&self, id: FaultId) -> Option<Back> {
        let index = self.faults.iter().position(|state| state.id == id)?;
        self.recovered.get(index).copied().flatten()
    }

    /// The faults that a Schedule spawned, with where the recovery from each stands.
    pub fn rounds<'a>(&'a self, state: &'a FaultState) -> impl Iterator<Item = (&'a Round, Back)> + use<'a> {
        let index = self.faults.iter().position(|known| known.id == state.id);
        let next = index.and_then(|index| self.overtaken(index));
        state.back_by_round(next, &self.fleet, self.sight.lag(), self.stable_for()).into_iter()
    }

    /// Where the recovery of one fault stands, if strength must last for `stable`.
    fn back(&self, index: usize, stable: Duration) -> Back {
        recovery::of(&self.faults[index], self.overtaken(index), &self.fleet, self.sight.lag(), stable)
    }

    /// When another fault was asked for after the step of this one had ended: what is lost from there on is that one's.
    fn overtaken(&self, index: usize) -> Option<At> {
        let ended = self.steps.get(self.faults[index].id.0)?.ended?;
        let others = self.faults.iter().enumerate().filter(|(other, _)| *other != index);
        others.filter_map(|(_, other)| other.asked).filter(|asked| *asked >= ended).min()
    }

    /// How long strength must last to count as recovered.
    #[must_use]
    pub fn stable_for(&self) -> Duration {
        let of = |criterion: &Criterion| matches!(criterion.check, Check::Recovery { .. }).then_some(criterion.stable_for);
        self.scenario.criteria.iter().filter_map(of).max().unwrap_or(Duration::from_secs(5))
    }

    /// What was concluded, once sealed.
    #[must_use]
    pub const fn conclusion(&self) -> Option<&Conclusion> {
        self.conclusion.as_ref()
    }

    /// Why the run turned to its end, once it has.
    #[must_use]
    pub const fn end(&self) -> Option<&End> {
        match &self.phase {
            Phase::Undoing(end) => Some(end),
            Phase::Preflight | Phase::Ready | Phase::Gate | Phase::Steps | Phase::Settling | Phase::Sealed => self.asked.end.as_ref(),
        }
    }

    /// Whether anything was broken, or may have been.
    #[must_use]
    pub fn touched_anything(&self) -> bool {
        self.faults.iter().any(FaultState::may_have_hit)
    }

    /// What the run comes to as it stands. Final once sealed.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        let left = self.claim.as_ref().is_some_and(|claim| claim.handed_over.is_some()) || self.residue_own().next().is_some();
        if left || self.all_faults().any(|fault| fault.undo.handed_over.is_some()) {
            return Verdict::CleanupIncomplete;
        }
        let end = self.end();
        match end {
            Some(End::Aborted) => return Verdict::Aborted,
            Some(End::Stopped(_)) => return Verdict::Stopped,
            Some(End::Refused(_)) if !self.touched_anything() => return Verdict::Refused,
            Some(End::Complete | End::Refused(_) | End::Inconclusive(_)) | None => {}
        }
        let mut all = self.judgement.criteria.iter().chain(&self.judgement.proof);
        if all.clone().any(|judged| judged.standing == Standing::Broken) {
            return Verdict::Refuted;
        }
        let tested = !self.faults.is_empty() && self.faults.iter().all(|fault| fault.in_effect.is_some());
        let complete = matches!(end, Some(End::Complete));
        if complete
            && tested
            && self.cuts_were_felt()
            && !self.judgement.criteria.is_empty()
            && all.all(|judged| judged.standing == Standing::Held)
        {
            Verdict::Held
        } else {
            Verdict::Inconclusive
        }
    }

    /// Which sources are lost now.
    pub fn blind(&self) -> impl Iterator<Item = (Source, At)> {
        self.sight.all_lost()
    }
}

//! What follows from the facts: phases turn, effects are asked for, until nothing moves.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::clock::At;
use crate::effect::{Conclusion, Effect, FaultId, ProbeId};
use crate::fault::DEFAULT_DURATION;
use crate::manifest::prepared;
use crate::run::Run;
use crate::run::ledger::{EFFECT_LIMIT, FaultState, Told, Via};
use crate::run::limits::{GATE_LIMIT, PREFLIGHT_LIMIT};
use crate::run::phase::{End, Phase};
use crate::run::timeline::Noted;
use crate::run::verdicts::Standing;
use crate::run::victims::choose;
use crate::scenario::model::{Injector, StepAction};
use crate::text::Untrusted;

/// What was asked for already, so that it is not asked for twice.
#[derive(Clone, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a question of its own, asked once")]
pub(super) struct AskedOnce {
    pub start: bool,
    pub skip: bool,
    pub end: Option<End>,
    pub proof: bool,
    pub connected: bool,
    pub dry_runs: BTreeSet<FaultId>,
    resolves: BTreeSet<FaultId>,
    breaks: BTreeSet<FaultId>,
    pub seal: bool,
}

impl Run {
    pub(super) fn settle(&mut self, mut sampled: Option<ProbeId>) -> Vec<Effect> {
        let mut effects = Vec::new();
        let now = self.now;
        self.faults.iter_mut().for_each(|state| state.give_up(now));
        loop {
            self.note_faults();
            self.judge(sampled.take());
            self.watch_limits();
            if !self.step(&mut effects) {
                break;
            }
        }
        if self.cluster.is_some() && !matches!(self.phase, Phase::Undoing(_) | Phase::Sealed) {
            effects.extend(self.probes.due(self.now));
        }
        // newest first, none waiting for another
        for state in self.faults.iter_mut().rev() {
            if state.undo.asked.is_some() || matches!(self.phase, Phase::Undoing(_)) {
                effects.extend(state.undo(now));
            }
        }
        self.note_handed_over();
        effects.extend(self.seal());
        effects
    }

    /// When the run wants to be asked again, if nothing happens before.
    #[must_use]
    pub fn next_deadline(&self) -> Option<At> {
        if self.phase.is_over() {
            return None;
        }
        let mut due: Vec<Option<At>> = vec![self.limits_due(), self.judgement_due()];
        due.extend(self.faults.iter().map(FaultState::undo_due));
        if self.cluster.is_some() && !matches!(self.phase, Phase::Undoing(_) | Phase::Sealed) {
            due.push(self.probes.next());
        }
        due.push(match &self.phase {
            Phase::Preflight => Some(self.since + PREFLIGHT_LIMIT),
            Phase::Gate | Phase::Settling => Some(self.since + self.gate_limit()),
            Phase::Step(index) => self.step_due(*index),
            Phase::Ready | Phase::Undoing(_) | Phase::Sealed => None,
        });
        let (stable, lag) = (self.stable_for(), self.sight.lag());
        due.extend(self.recoveries().zip(&self.recovered).filter(|(_, noted)| !**noted).map(|((_, back), _)| back.proven(stable, lag)));
        due.into_iter().flatten().filter(|at| *at > self.now).min()
    }

    fn step_due(&self, index: usize) -> Option<At> {
        match &self.scenario.steps.get(index)?.action {
            StepAction::Observe(span) => Some(self.since + *span),
            StepAction::Fault(_) => {
                let state = self.fault(FaultId(index))?;
                match (state.in_effect, state.asked) {
                    (Some(_), _) => Some(lift_due(state)),
                    (None, asked) => Some(asked.unwrap_or(self.since) + EFFECT_LIMIT),
                }
            }
        }
    }

    pub(super) fn fault(&self, id: FaultId) -> Option<&FaultState> {
        self.faults.iter().find(|state| state.id == id)
    }

    pub(super) fn fault_mut(&mut self, id: FaultId) -> Option<&mut FaultState> {
        self.faults.iter_mut().find(|state| state.id == id)
    }

    pub(super) fn enter(&mut self, phase: Phase) {
        self.phase = phase;
        self.since = self.now;
    }

    /// Turns the run to its end: what was broken is undone from here on.
    pub(super) fn turn_to(&mut self, end: End) {
        self.note(Noted::Ending(end.clone()));
        self.close_judgement(end == End::Complete);
        self.asked.end = Some(end.clone());
        self.enter(Phase::Undoing(end));
    }

    pub(super) fn hand_over(&mut self) {
        let now = self.now;
        for state in &mut self.faults {
            if state.owes_undo() {
                state.undo.handed_over = Some(now);
            }
        }
    }

    /// Moves the life cycle by one step; says whether it moved.
    fn step(&mut self, effects: &mut Vec<Effect>) -> bool {
        match self.phase.clone() {
            Phase::Preflight => self.preflight(effects),
            Phase::Ready => {
                if self.asked.start {
                    self.begun = Some(self.now);
                    self.note(Noted::Started);
                    self.enter(Phase::Gate);
                }
                self.asked.start
            }
            Phase::Gate => self.gate(),
            Phase::Step(index) => self.on_step(index, effects),
            Phase::Settling => self.settling(),
            Phase::Undoing(_) | Phase::Sealed => false,
        }
    }

    /// How long the gate, or the proof after, may take.
    fn gate_limit(&self) -> Duration {
        self.scenario.steady_state.iter().map(|criterion| criterion.stable_for).max().unwrap_or_default() + GATE_LIMIT
    }

    fn gate(&mut self) -> bool {
        if self.judgement.gate.iter().all(|judged| judged.standing == Standing::Held) {
            if !self.scenario.steady_state.is_empty() {
                self.note(Noted::Steady);
            }
            return self.begin_step(0);
        }
        if self.now >= self.since + self.gate_limit() {
            let unsteady =
                self.scenario.steady_state.iter().zip(&self.judgement.gate).find(|(_, judged)| judged.standing != Standing::Held);
            let why = unsteady.map_or_else(String::new, |(criterion, judged)| {
                let seen = if judged.blind > 0 && judged.bad_since.is_none() { "could not be seen" } else { "does not hold" };
                format!("the steady state {seen}: {:?}; nothing was broken", criterion.name)
            });
            return self.refuse(why.into());
        }
        false
    }

    fn begin_step(&mut self, index: usize) -> bool {
        if index >= self.scenario.steps.len() {
            self.note(Noted::Settling);
            self.asked.proof = true;
            self.enter(Phase::Settling);
            return true;
        }
        self.asked.skip = false;
        self.steps_begun[index] = Some(self.now);
        self.note(Noted::StepBegan(index));
        self.enter(Phase::Step(index));
        true
    }

    fn on_step(&mut self, index: usize, effects: &mut Vec<Effect>) -> bool {
        let skip = self.asked.skip;
        if let Some(StepAction::Observe(span)) = self.scenario.steps.get(index).map(|step| step.action.clone()) {
            if skip {
                self.note(Noted::Skipped(index));
            }
            return (skip || self.now >= self.since + span) && self.begin_step(index + 1);
        }
        let id = FaultId(index);
        if self.asked.resolves.insert(id) {
            effects.push(Effect::Resolve { fault: id, round: 2 });
        }
        let Some(state) = self.fault(id).cloned() else { return self.begin_step(index + 1) };
        match state.resolved.get(&2) {
            None => return self.give_up_at(self.since + EFFECT_LIMIT, id, "its pods could not be listed in time"),
            Some(Err(why)) => return self.not_in_effect(id, why.clone()),
            Some(Ok(_)) => {}
        }
        if !self.asked.breaks.contains(&id) {
            if let Some(why) = self.too_much(&state) {
                return self.not_in_effect(id, why);
            }
            self.asked.breaks.insert(id);
            effects.extend(self.breaks(&state));
            return false;
        }
        if let Some(why) = state.is_refused() {
            return self.not_in_effect(id, why.clone());
        }
        if state.in_effect.is_none() {
            let asked = state.asked.unwrap_or(self.since);
            let gone = state.gone.is_some() && state.seen.is_some();
            if gone {
                return self.not_in_effect(id, "its object was deleted by somebody else before it took effect".into());
            }
            let why = match (state.via, &state.seen) {
                (Some(Via::Agentless) | None, _) => "the deletion was not seen in time".to_owned(),
                (Some(Via::ChaosMesh), Some(fact)) => match fact.records.iter().find_map(|record| record.failure.as_ref()) {
                    Some(failure) => format!("Chaos Mesh could not inject it in time: {}", failure.raw()),
                    None => "Chaos Mesh injected nothing in time; are its controller and daemons running?".to_owned(),
                },
                (Some(Via::ChaosMesh), None) => "its object was not seen in time".to_owned(),
            };
            return self.give_up_at(asked + EFFECT_LIMIT, id, &why);
        }
        if !state.fault.is_lasting() {
            return self.begin_step(index + 1);
        }
        if skip && state.undo.asked.is_none() {
            self.note(Noted::Skipped(index));
        }
        if (skip || self.now >= lift_due(&state)) && state.undo.asked.is_none() {
            // the effect itself is emitted with those of all other undos, at the end of settling
            let now = self.now;
            if let Some(state) = self.fault_mut(id) {
                state.undo_again(now);
            }
            return false;
        }
        if state.undo.handed_over.is_some() {
            self.turn_to(End::Inconclusive("the fault could not be lifted".into()));
            return true;
        }
        state.undo.done.is_some() && self.begin_step(index + 1)
    }

    fn breaks(&self, state: &FaultState) -> Vec<Effect> {
        match state.via {
            Some(Via::ChaosMesh) => {
                let (object, manifest) = prepared(&state.fault, state.id, &self.header);
                vec![Effect::Apply { fault: state.id, object, manifest }]
            }
            Some(Via::Agentless) | None => {
                let grace = match state.fault.action {
                    crate::fault::Action::PodKill { grace } => grace,
                    crate::fault::Action::PodFailure
                    | crate::fault::Action::ContainerKill { .. }
                    | crate::fault::Action::Network { .. } => return Vec::new(),
                };
                let seed = self.header.seed.wrapping_add(state.id.0 as u64);
                let victims = choose(state.fault.mode, state.candidates().unwrap_or_default(), seed);
                let evict = self.header.injector.unwrap_or(self.scenario.injector) == Injector::Eviction;
                victims.into_iter().map(|victim| Effect::Kill { fault: state.id, victim, grace, evict }).collect()
            }
        }
    }

    fn give_up_at(&mut self, limit: At, id: FaultId, why: &str) -> bool {
        self.now >= limit && self.not_in_effect(id, why.into())
    }

    fn not_in_effect(&mut self, id: FaultId, why: Untrusted) -> bool {
        self.note(Noted::NotInEffect(id, why.clone()));
        self.turn_to(if self.touched_anything() { End::Inconclusive(why) } else { End::Refused(why) });
        true
    }

    /// Whether the proof after has had all the time it may take.
    pub(super) fn is_late(&self) -> bool {
        self.phase == Phase::Settling && self.now >= self.since + self.gate_limit()
    }

    fn settling(&mut self) -> bool {
        let pending = |judged: &crate::run::verdicts::Judged| judged.standing == Standing::Pending;
        let waits =
            self.scenario.criteria.iter().zip(&self.judgement.criteria).any(|(criterion, judged)| criterion.waits() && pending(judged));
        if waits || (self.judgement.proof.iter().any(pending) && !self.is_late()) {
            return false;
        }
        self.turn_to(End::Complete);
        true
    }

    /// Notes what has become of the faults: in effect, lifted, removed, recovered from.
    fn note_faults(&mut self) {
        let (stable, lag) = (self.stable_for(), self.sight.lag());
        for index in 0..self.faults.len() {
            let state = &self.faults[index];
            let (id, told) = (state.id, state.told);
            let now = Told {
                in_effect: state.in_effect.is_some(),
                lifted: state.lifted.is_some(),
                removed: state.undo.done.is_some(),
                handed_over: told.handed_over,
            };
            self.faults[index].told = now;
            if now.in_effect && !told.in_effect {
                self.note(Noted::InEffect(id));
            }
            if now.lifted && !told.lifted {
                self.note(Noted::Lifted(id));
            }
            if now.removed && !told.removed {
                self.note(Noted::Removed(id));
            }
            if self.recovered[index] {
                continue;
            }
            let back = self.back(index, stable);
            if back.proven(stable, lag).is_some_and(|proven| self.now >= proven) {
                self.recovered[index] = true;
                self.note(Noted::Recovered(self.faults[index].id, back));
            }
        }
    }

    fn note_handed_over(&mut self) {
        for index in 0..self.faults.len() {
            let state = &mut self.faults[index];
            let handed_over = state.undo.handed_over.is_some();
            if handed_over && !std::mem::replace(&mut state.told.handed_over, handed_over) {
                let (id, object) = (state.id, state.object.as_ref().map(|(object, _)| object.clone()));
                if let Some(object) = object {
                    self.note(Noted::HandedOver(id, object));
                }
            }
        }
    }

    fn seal(&mut self) -> Option<Effect> {
        let Phase::Undoing(end) = &self.phase else { return None };
        if self.asked.seal || self.faults.iter().any(FaultState::owes_undo) {
            return None;
        }
        let why = match end {
            End::Refused(why) | End::Inconclusive(why) => Some(why.clone()),
            End::Complete | End::Aborted | End::Stopped(_) => None,
        };
        self.asked.seal = true;
        let handed = self.faults.iter().filter(|state| state.undo.handed_over.is_some());
        let left = handed.filter_map(|state| state.object.as_ref().map(|(object, _)| object.clone())).collect();
        Some(Effect::Seal { conclusion: Conclusion { verdict: self.verdict(), left, why } })
    }
}

/// When a lasting fault's time is up: its duration counts from its object's creation, as the
/// cluster counts it, but never less than from the moment it was in effect.
fn lift_due(state: &FaultState) -> At {
    if let Some(lifted) = state.lifted {
        return lifted.at;
    }
    let from = state.in_effect.or(state.asked).unwrap_or_default();
    from + if state.fault.is_lasting() { state.duration() } else { DEFAULT_DURATION }
}

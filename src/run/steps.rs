//! The steps: which are on, what each does, and when it has ended.

use crate::clock::At;
use crate::command::Answer;
use crate::effect::{Effect, FaultId};
use crate::fault::{Action, DEFAULT_DURATION};
use crate::run::Run;
use crate::run::ledger::{EFFECT_LIMIT, FaultState, Via};
use crate::run::phase::{End, Phase};
use crate::run::timeline::Noted;
use crate::run::victims::choose;
use crate::scenario::model::{Injector, Step, StepAction};
use crate::text::Untrusted;

/// How far a step is.
#[derive(Clone, Debug, Default)]
pub struct StepState {
    /// Since when only the leader's word is missing for it to begin.
    pub held: Option<At>,
    /// When the leader gave it.
    pub released: Option<At>,
    /// When it began.
    pub begun: Option<At>,
    /// When it ended, or was passed over.
    pub ended: Option<At>,
    /// Whether the leader passed over it, or over the rest of it.
    pub skipped: bool,
    /// What the person said whose step it is.
    pub answer: Option<Answer>,
    resolves: bool,
    breaks: bool,
}

impl StepState {
    /// Whether it is on.
    #[must_use]
    pub const fn is_on(&self) -> bool {
        self.begun.is_some() && self.ended.is_none()
    }

    /// Whether it waits for the leader.
    #[must_use]
    pub const fn is_held(&self) -> bool {
        self.held.is_some() && self.released.is_none() && self.ended.is_none()
    }
}

impl Run {
    /// The steps with how far each is.
    pub fn steps(&self) -> impl Iterator<Item = (&Step, &StepState)> {
        self.scenario.steps.iter().zip(&self.steps)
    }

    /// The step that began last of those that are on; else the one that is held.
    #[must_use]
    pub fn current_step(&self) -> Option<(usize, &Step)> {
        if self.phase != Phase::Steps {
            return None;
        }
        let on = self.steps.iter().enumerate().filter(|(_, state)| state.is_on()).max_by_key(|(index, state)| (state.begun, *index));
        let held = || self.steps.iter().enumerate().find(|(_, state)| state.is_held());
        on.or_else(held).and_then(|(index, _)| Some((index, self.scenario.steps.get(index)?)))
    }

    /// The first step that a person is waited for at.
    #[must_use]
    pub fn waits_for_person(&self) -> Option<(usize, &Step)> {
        self.wait_for_people().next()
    }

    /// The steps that a person is waited for at: those that are held, or are theirs.
    pub fn wait_for_people(&self) -> impl Iterator<Item = (usize, &Step)> {
        let asks = |(step, state): &(&Step, &StepState)| {
            state.is_held() || (state.is_on() && state.answer.is_none() && matches!(step.action, StepAction::Manual(_)))
        };
        let on = self.phase == Phase::Steps;
        self.steps().enumerate().filter(move |(_, both)| on && asks(both)).map(|(index, (step, _))| (index, step))
    }

    /// Whether a fault will never be asked for, since the leader passed over its step.
    pub(super) fn is_passed_over(&self, fault: usize) -> bool {
        let state = &self.faults[fault];
        state.asked.is_none() && self.steps.get(state.id.0).is_some_and(|step| step.ended.is_some())
    }

    /// Whether a step of this name is on.
    #[must_use]
    pub fn is_on(&self, name: &str) -> bool {
        self.phase == Phase::Steps && self.steps().any(|(step, state)| step.name == name && state.is_on())
    }

    /// The leader passes over what is on, and over what waits for a word.
    pub(super) fn skip(&mut self) {
        for index in 0..self.steps.len() {
            let state = &mut self.steps[index];
            if (state.is_on() || state.is_held()) && !state.skipped {
                state.skipped = true;
                self.note(Noted::Skipped(index));
            }
        }
    }

    /// The leader lets a step begin.
    pub(super) fn release(&mut self, index: usize) {
        let now = self.now;
        if let Some(state) = self.steps.get_mut(index).filter(|state| state.is_held()) {
            state.released = Some(now);
            self.note(Noted::Released(index));
        }
    }

    /// The person whose step it is says how it went.
    pub(super) fn answer(&mut self, index: usize, answer: &Answer) {
        let manual = matches!(self.scenario.steps.get(index).map(|step| &step.action), Some(StepAction::Manual(_)));
        if let Some(state) = self.steps.get_mut(index).filter(|state| manual && state.is_on() && state.answer.is_none()) {
            state.answer = Some(answer.clone());
            self.note(Noted::Answered(index, answer.clone()));
        }
    }

    /// Moves every step that can move; says whether one did.
    pub(super) fn on_steps(&mut self, effects: &mut Vec<Effect>) -> bool {
        let mut moved = false;
        for index in 0..self.steps.len() {
            moved |= match (self.steps[index].begun, self.steps[index].ended) {
                (None, None) => self.begin(index),
                (Some(begun), None) => self.go_on(index, begun, effects),
                (_, Some(_)) => false,
            };
            if self.phase != Phase::Steps {
                return true;
            }
        }
        if self.steps.iter().all(|state| state.ended.is_some()) {
            self.note(Noted::Settling);
            self.asked.proof = true;
            self.enter(Phase::Settling);
            return true;
        }
        moved
    }

    /// From when on a step may begin, once those that it comes after have ended.
    fn may_begin(&self, index: usize) -> Option<At> {
        let begins = &self.scenario.steps[index].begins;
        let after: Option<Vec<At>> = begins.after.iter().map(|before| self.steps[*before].ended).collect();
        let after = after?.into_iter().max();
        Some(begins.at.map_or(self.since, |at| self.since + at).max(after.unwrap_or_default()))
    }

    fn begin(&mut self, index: usize) -> bool {
        let now = self.now;
        if self.may_begin(index).is_none_or(|from| now < from) {
            return false;
        }
        if self.scenario.steps[index].begins.hold {
            let state = &mut self.steps[index];
            if state.held.is_none() {
                state.held = Some(now);
                self.note(Noted::Held(index));
                return true;
            }
            if state.skipped {
                return self.over(index);
            }
            if state.released.is_none() {
                return false;
            }
        }
        self.steps[index].begun = Some(now);
        self.note(Noted::StepBegan(index));
        true
    }

    fn over(&mut self, index: usize) -> bool {
        self.steps[index].ended = Some(self.now);
        true
    }

    fn go_on(&mut self, index: usize, begun: At, effects: &mut Vec<Effect>) -> bool {
        let skipped = self.steps[index].skipped;
        match &self.scenario.steps[index].action {
            StepAction::Hold => self.over(index),
            StepAction::Observe(span) => (skipped || self.now >= begun + *span) && self.over(index),
            StepAction::Manual(manual) => {
                let late = self.now >= begun + manual.timeout;
                match &self.steps[index].answer {
                    Some(Answer::Done) => self.over(index),
                    None if skipped => self.over(index),
                    Some(Answer::Failed { why }) => {
                        let why = format!("step {:?} failed, as its person says: {}", self.scenario.steps[index].name, why.raw());
                        self.turn_to(End::Inconclusive(why.into()));
                        true
                    }
                    None if late => {
                        let why = format!("step {:?}: nobody said in time that it is done", self.scenario.steps[index].name);
                        self.turn_to(End::Inconclusive(why.into()));
                        true
                    }
                    None => false,
                }
            }
            StepAction::Fault(_) => self.on_fault(index, begun, effects),
        }
    }

    fn on_fault(&mut self, index: usize, begun: At, effects: &mut Vec<Effect>) -> bool {
        let id = FaultId(index);
        let skipped = self.steps[index].skipped;
        let Some(state) = self.fault(id).cloned() else { return self.over(index) };
        if !self.steps[index].breaks && skipped {
            return self.over(index);
        }
        if !std::mem::replace(&mut self.steps[index].resolves, true) {
            effects.push(Effect::Resolve { fault: id, round: 2 });
        }
        match state.resolved.get(&2) {
            None => return self.give_up_at(begun + EFFECT_LIMIT, id, "its pods could not be listed in time"),
            Some(Err(why)) => return self.not_in_effect(id, why.clone()),
            Some(Ok(_)) => {}
        }
        if !self.steps[index].breaks {
            if let Some(why) = self.too_much(&state) {
                return self.not_in_effect(id, why);
            }
            self.steps[index].breaks = true;
            match self.breaks(&state) {
                Ok(breaks) => effects.extend(breaks),
                Err(why) => return self.not_in_effect(id, why),
            }
            return false;
        }
        if let Some(why) = state.is_refused() {
            return self.not_in_effect(id, why.clone());
        }
        if state.in_effect.is_none() && !(skipped && state.fault.is_lasting()) {
            let asked = state.asked.unwrap_or(begun);
            let gone = state.gone.is_some() && state.seen.is_some();
            if gone {
                return self.not_in_effect(id, "its object was deleted by somebody else before it took effect".into());
            }
            return self.give_up_at(asked + state.effect_limit(), id, &not_seen(&state));
        }
        if !state.fault.is_lasting() {
            return self.over(index);
        }
        if (skipped || self.now >= lift_due(&state)) && state.undo.asked.is_none() {
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
        state.undo.done.is_some() && self.over(index)
    }

    fn breaks(&self, state: &FaultState) -> Result<Vec<Effect>, Untrusted> {
        if let Some((object, manifest)) = self.object_of(state)? {
            return Ok(vec![Effect::Apply { fault: state.id, object, manifest }]);
        }
        Ok(self.kills(state))
    }

    fn kills(&self, state: &FaultState) -> Vec<Effect> {
        match state.via {
            Some(Via::ChaosMesh) => Vec::new(),
            Some(Via::Agentless) | None => {
                let grace = match state.fault.action {
                    Action::PodKill { grace } => grace,
                    Action::PodFailure
                    | Action::ContainerKill { .. }
                    | Action::Network { .. }
                    | Action::Io { .. }
                    | Action::Stress { .. }
                    | Action::Other { .. }
                    | Action::Schedule { .. } => return Vec::new(),
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

    /// When a step wants to be looked at again.
    pub(super) fn steps_due(&self) -> Option<At> {
        (0..self.steps.len()).filter_map(|index| self.step_due(index)).filter(|at| *at > self.now).min()
    }

    fn step_due(&self, index: usize) -> Option<At> {
        let state = &self.steps[index];
        if state.ended.is_some() {
            return None;
        }
        let Some(begun) = state.begun else { return self.may_begin(index).filter(|_| state.held.is_none()) };
        match &self.scenario.steps[index].action {
            StepAction::Hold => None,
            StepAction::Observe(span) => Some(begun + *span),
            StepAction::Manual(manual) => Some(begun + manual.timeout),
            StepAction::Fault(_) => {
                let state = self.fault(FaultId(index))?;
                match (state.in_effect, state.asked) {
                    (Some(_), _) => Some(lift_due(state)),
                    (None, asked) => Some(asked.unwrap_or(begun) + state.effect_limit()),
                }
            }
        }
    }
}

/// Why a fault that was asked for is not in effect.
fn not_seen(state: &FaultState) -> String {
    match (state.via, &state.seen) {
        (Some(Via::Agentless), _) if state.cuts() => "its NetworkPolicy was not seen in time".to_owned(),
        (Some(Via::Agentless) | None, _) => "the deletion was not seen in time".to_owned(),
        (Some(Via::ChaosMesh), Some(fact)) => match fact.records.iter().find_map(|record| record.failure.as_ref()) {
            Some(failure) => format!("Chaos Mesh could not inject it in time: {}", failure.raw()),
            None => "Chaos Mesh injected nothing in time; are its controller and daemons running?".to_owned(),
        },
        (Some(Via::ChaosMesh), None) => "its object was not seen in time".to_owned(),
    }
}

/// When a lasting fault's time is up: its duration counts from its object's creation, as the
/// cluster counts it, but never less than from the moment it was in effect.
fn lift_due(state: &FaultState) -> At {
    if let Some(lifted) = state.lifted {
        return lifted.at;
    }
    // a Schedule goes on from its creation, whenever its first fault hits
    let begun = if matches!(state.fault.action, Action::Schedule { .. }) { state.asked } else { state.in_effect.or(state.asked) };
    let from = begun.unwrap_or_default();
    from + if state.fault.is_lasting() { state.duration() } else { DEFAULT_DURATION }
}

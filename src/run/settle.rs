//! What follows from the facts: phases turn, effects are asked for, until nothing moves.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::clock::At;
use crate::effect::{Conclusion, Effect, FaultId, ProbeId, Verdict};
use crate::run::Run;
use crate::run::brake::Brake;
use crate::run::claim::Claim;
use crate::run::ledger::{FaultState, OVERDUE_AFTER, STUCK_AFTER, Told};
use crate::run::limits::{GATE_LIMIT, PREFLIGHT_LIMIT};
use crate::run::phase::{End, Phase};
use crate::run::timeline::Noted;
use crate::run::verdicts::Standing;

/// How many ways out of a stuck undo there are.
pub const WAYS_OUT: usize = 3;

/// What was asked for already, so that it is not asked for twice.
#[derive(Clone, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a question of its own, asked once")]
pub(super) struct AskedOnce {
    pub start: bool,
    pub end: Option<End>,
    pub proof: bool,
    pub connected: bool,
    pub dry_runs: BTreeSet<FaultId>,
    pub inspections: BTreeSet<&'static str>,
    pub seal: bool,
    /// Whether the operator left: nothing is waited for any more.
    pub left: bool,
    /// When the look after the end was asked for.
    pub swept: Option<At>,
}

impl Run {
    pub(super) fn settle(&mut self, mut sampled: Option<ProbeId>) -> Vec<Effect> {
        let mut effects = Vec::new();
        let now = self.now;
        self.all_faults_mut().for_each(|state| state.give_up(now));
        loop {
            self.note_faults();
            self.judge(sampled.take());
            self.watch_limits();
            if !self.step(&mut effects) {
                break;
            }
        }
        if self.cluster.is_some() && !matches!(self.phase, Phase::Undoing(_) | Phase::Sealed) {
            effects.extend(self.probes.due(self.now, self.begun.is_some()));
        }
        if self.is_under_way() {
            effects.extend(self.claim.as_mut().and_then(|claim| claim.take_again(self.now)));
        }
        // newest first, none waiting for another
        for state in self.faults.iter_mut().rev() {
            if state.undo.asked.is_some() || matches!(self.phase, Phase::Undoing(_)) {
                effects.extend(state.undo(now));
            }
        }
        let ending = matches!(self.phase, Phase::Undoing(_));
        effects.extend(self.brake.iter_mut().flat_map(|brake| brake.undo(now, ending)));
        self.note_handed_over();
        // its Lease tells others that a run is live: it goes last
        if ending && !self.all_faults().any(FaultState::owes_undo) {
            let left = self.all_faults().any(|state| state.undo.handed_over.is_some());
            effects.extend(self.claim.as_mut().and_then(|claim| claim.release(now, left)));
        }
        if !self.looks_after(&mut effects) {
            effects.extend(self.seal());
        }
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
        due.extend(self.faults.iter().flat_map(FaultState::rounds_due).map(Some));
        due.extend(self.brake.iter().flat_map(Brake::due).map(Some));
        due.push(self.claim.as_ref().and_then(Claim::due));
        due.push(self.swept_by());
        due.extend(
            self.faults
                .iter()
                .filter(|state| !state.told.stuck && state.owes_undo())
                .map(|state| state.undo.asked.map(|at| at + STUCK_AFTER)),
        );
        due.push(self.claim.as_ref().filter(|_| self.is_under_way()).and_then(Claim::again));
        due.extend(self.faults.iter().filter(|state| !state.told.overdue).map(|state| state.should_end().map(|end| end + OVERDUE_AFTER)));
        if self.cluster.is_some() && !matches!(self.phase, Phase::Undoing(_) | Phase::Sealed) {
            due.push(self.probes.next());
        }
        due.push(match &self.phase {
            Phase::Preflight => Some(self.since + PREFLIGHT_LIMIT),
            Phase::Gate | Phase::Settling => Some(self.since + self.gate_limit()),
            Phase::Steps => self.steps_due(),
            Phase::Ready | Phase::Undoing(_) | Phase::Sealed => None,
        });
        let (stable, lag) = (self.stable_for(), self.sight.lag());
        due.extend(
            self.recoveries().zip(&self.recovered).filter(|(_, noted)| noted.is_none()).map(|((_, back), _)| back.proven(stable, lag)),
        );
        due.into_iter().flatten().filter(|at| *at > self.now).min()
    }

    /// Whether it has begun and does not end yet.
    const fn is_under_way(&self) -> bool {
        matches!(self.phase, Phase::Gate | Phase::Steps | Phase::Settling)
    }

    pub(super) fn all_faults_mut(&mut self) -> impl Iterator<Item = &mut FaultState> {
        self.faults.iter_mut().chain(self.brake.iter_mut().flat_map(Brake::all_mut))
    }

    pub(super) fn fault_mut(&mut self, id: FaultId) -> Option<&mut FaultState> {
        self.all_faults_mut().find(|state| state.id == id)
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
        for state in self.all_faults_mut().filter(|state| state.owes_undo()) {
            state.undo.handed_over = Some(now);
        }
        if let Some(claim) = self.claim.as_mut().filter(|claim| claim.is_owed()) {
            claim.handed_over = Some(now);
        }
    }

    /// Moves the life cycle by one step; says whether it moved.
    fn step(&mut self, effects: &mut Vec<Effect>) -> bool {
        match self.phase.clone() {
            Phase::Preflight => self.preflight(effects),
            Phase::Ready => {
                // the moment may have passed while the screen was read
                if let Some(why) = self.forbidden().filter(|_| self.asked.start) {
                    return self.refuse(why);
                }
                if self.asked.start {
                    effects.extend(self.claim_once());
                    self.begun = Some(self.now);
                    self.note(Noted::Started);
                    self.enter(Phase::Gate);
                }
                self.asked.start
            }
            Phase::Gate => self.gate(),
            Phase::Steps => self.on_steps(effects),
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
            self.enter(Phase::Steps);
            return true;
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

    /// Whether the proof after has had all the time it may take.
    pub(super) fn is_late(&self) -> bool {
        self.phase == Phase::Settling && self.now >= self.since + self.gate_limit()
    }

    fn settling(&mut self) -> bool {
        let pending = |judged: &crate::run::verdicts::Judged| judged.standing == Standing::Pending;
        let waits =
            self.scenario.criteria.iter().zip(&self.judgement.criteria).any(|(criterion, judged)| criterion.waits() && pending(judged));
        // where nothing was hit there is nothing to come back from
        let hit = self.faults.iter().any(|state| state.impact().is_some());
        if (waits && hit) || (self.judgement.proof.iter().any(pending) && !self.is_late()) {
            return false;
        }
        self.turn_to(End::Complete);
        true
    }

    /// Notes what has become of the faults: in effect, lifted, removed, recovered from.
    fn note_faults(&mut self) {
        let (stable, lag) = (self.stable_for(), self.sight.lag());
        for index in 0..self.faults.len() {
            let now = self.now;
            let rounds = self.faults[index].news_of_rounds(now);
            for noted in rounds {
                self.note(noted);
            }
            let state = &self.faults[index];
            let (id, told) = (state.id, state.told);
            let now = Told {
                in_effect: state.in_effect.is_some(),
                lifted: state.lifted.is_some(),
                removed: state.undo.done.is_some(),
                overdue: told.overdue || state.is_overdue(self.now),
                stuck: told.stuck || state.is_stuck(self.now),
                handed_over: told.handed_over,
            };
            self.faults[index].told = now;
            if now.in_effect && !told.in_effect {
                self.note(Noted::InEffect(id));
            }
            if now.overdue && !told.overdue {
                self.note(Noted::Overdue(id));
            }
            if now.stuck && !told.stuck {
                self.note(Noted::Stuck(id));
                (0..WAYS_OUT).for_each(|way| self.note(Noted::WayOut(id, way)));
            }
            if now.lifted && !told.lifted {
                self.note(Noted::Lifted(id));
            }
            if now.removed && !told.removed {
                self.note(Noted::Removed(id));
            }
            if self.recovered[index].is_some() {
                continue;
            }
            let back = self.back(index, stable);
            if back.proven(stable, lag).is_some_and(|proven| self.now >= proven) {
                self.recovered[index] = Some(back);
                self.note(Noted::Recovered(self.faults[index].id, back));
            }
        }
    }

    fn note_handed_over(&mut self) {
        let mut news = Vec::new();
        for state in self.all_faults_mut() {
            let removed = state.undo.done.is_some() && state.id.is_brake();
            if removed && !std::mem::replace(&mut state.told.removed, removed) {
                news.push(Noted::Removed(state.id));
            }
            let handed_over = state.undo.handed_over.is_some();
            if handed_over && !std::mem::replace(&mut state.told.handed_over, handed_over) {
                news.extend(state.object.as_ref().map(|(object, _)| Noted::HandedOver(state.id, object.clone())));
            }
        }
        for noted in news {
            self.note(noted);
        }
    }

    fn seal(&mut self) -> Option<Effect> {
        let Phase::Undoing(end) = &self.phase else { return None };
        if self.asked.seal || self.owes_anything() {
            return None;
        }
        let why = match end {
            End::Refused(why) | End::Inconclusive(why) => Some(why.clone()),
            End::Complete if self.verdict() == Verdict::Inconclusive && !self.cuts_were_felt() => {
                Some("nothing showed that the network enforces NetworkPolicies: whether anything was cut is not known".into())
            }
            End::Complete | End::Aborted | End::Stopped(_) => None,
        };
        self.asked.seal = true;
        let handed = self.all_faults().filter(|state| state.undo.handed_over.is_some());
        let lease = self.claim.as_ref().filter(|claim| claim.handed_over.is_some()).map(|claim| claim.lease.clone());
        let left = handed
            .filter_map(|state| state.object.as_ref().map(|(object, _)| object.clone()))
            .chain(lease)
            .chain(self.residue_own().cloned())
            .collect();
        Some(Effect::Seal { conclusion: Conclusion { verdict: self.verdict(), left, why } })
    }
}

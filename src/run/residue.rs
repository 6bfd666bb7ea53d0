//! What outlived its fault or its run: looked for before the start and after the end, and compared.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::clock::At;
use crate::effect::inspection::Inspection;
use crate::effect::{ChaosRef, Effect};
use crate::event::inspected::Inspected;
use crate::event::residue::{ResidueFact, Trace};
use crate::run::Run;
use crate::run::phase::Phase;

/// How long the look after the end is waited for.
const LOOK_LIMIT: Duration = Duration::from_secs(15);

/// The aspect of the look before the start, and of the one after the end.
const BEFORE: &str = "residue";
const AFTER: &str = "residue-after";

impl Run {
    /// What was there before the start; `None` where it was not looked for, or not seen yet.
    #[must_use]
    pub fn residue_before(&self) -> Option<&ResidueFact> {
        self.residue(BEFORE)
    }

    /// What was there after the end.
    #[must_use]
    pub fn residue_after(&self) -> Option<&ResidueFact> {
        self.residue(AFTER)
    }

    fn residue(&self, aspect: &str) -> Option<&ResidueFact> {
        match self.inspections.get(aspect) {
            Some(Inspected::Residue { fact, .. }) => Some(fact),
            _ => None,
        }
    }

    /// What is there since the start: this run's to explain.
    #[must_use]
    pub fn residue_new(&self) -> Vec<&Trace> {
        let before = self.residue_before();
        let known = |trace: &&Trace| before.is_some_and(|fact| fact.found.contains(trace));
        self.residue_after().into_iter().flat_map(|fact| &fact.found).filter(|trace| !known(trace)).collect()
    }

    /// What of that says itself that it is of this run, and is not handed over by its fault already.
    pub(super) fn residue_own(&self) -> impl Iterator<Item = &ChaosRef> {
        let handed = |object: &ChaosRef| {
            let mut handed = self.all_faults().filter(|state| state.undo.handed_over.is_some());
            handed.any(|state| state.object.as_ref().is_some_and(|(own, _)| own == object))
                || self.claim.as_ref().is_some_and(|claim| claim.handed_over.is_some() && claim.lease == *object)
        };
        let own = self.residue_new().into_iter().filter(|trace| trace.run.as_ref() == Some(&self.header.token));
        own.map(|trace| &trace.object).filter(move |object| !handed(object))
    }

    /// Where residue is looked for: where faults are aimed at, where their objects are, where the run is at home.
    pub(super) fn residue_wanted(&self, after: bool) -> Option<Inspection> {
        if !self.header.gate.as_ref().is_some_and(|gate| gate.residue) {
            return None;
        }
        let mut namespaces: BTreeSet<String> = self.namespaces_aimed_at();
        namespaces.extend(self.faults.iter().filter_map(|state| state.fault.namespace().map(str::to_owned)));
        namespaces.insert(self.header.place.namespace.clone());
        namespaces.retain(|namespace| !namespace.is_empty());
        Some(Inspection::Residue { namespaces: namespaces.into_iter().collect(), after })
    }

    /// Asks for the look after the end, once nothing is owed any more; says whether it is still waited for. Whoever left in a
    /// hurry does not wait.
    pub(super) fn looks_after(&mut self, effects: &mut Vec<Effect>) -> bool {
        let over = matches!(self.phase, Phase::Undoing(_)) && self.begun.is_some() && !self.owes_anything();
        if !over || self.asked.seal || self.asked.left || self.residue_after().is_some() {
            return false;
        }
        let Some(inspection) = self.residue_wanted(true) else { return false };
        if self.asked.inspections.insert(AFTER) {
            self.asked.swept = Some(self.now);
            effects.push(Effect::Inspect { inspection });
        }
        self.swept_by().is_some_and(|until| self.now < until)
    }

    /// Until when the look after the end is waited for.
    pub(super) fn swept_by(&self) -> Option<At> {
        self.asked.swept.filter(|_| self.residue_after().is_none()).map(|asked| asked + LOOK_LIMIT)
    }

    /// Looks again, as if for the first time: whoever asked before may have died.
    pub(super) fn look_again_after(&mut self) {
        self.asked.inspections.remove(AFTER);
        self.asked.swept = None;
    }
}

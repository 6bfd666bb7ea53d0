//! The windows of a run: when a criterion is looked at.

use crate::criterion::Window;
use crate::effect::FaultId;
use crate::run::Run;
use crate::run::phase::Phase;
use crate::run::recovery::Back;
use crate::scenario::model::StepAction;

impl Run {
    /// Whether a window is open now.
    pub(super) fn is_open(&self, window: &Window) -> bool {
        match window {
            Window::Before => self.phase == Phase::Gate,
            Window::Always => matches!(self.phase, Phase::Gate | Phase::Steps | Phase::Settling),
            Window::Fault => self.under_fault(),
            Window::After => {
                let to_come = self.scenario.steps.iter().enumerate().any(|(index, step)| {
                    matches!(step.action, StepAction::Fault(_))
                        && self.steps[index].ended.is_none()
                        && self.fault(FaultId(index)).is_some_and(|f| f.in_effect.is_none())
                });
                matches!(self.phase, Phase::Steps | Phase::Settling) && !to_come && !self.under_fault()
            }
            Window::Step(name) => self.is_on(name),
        }
    }

    /// Whether pods suffer under a fault: from the first impact until it is lifted, and for a
    /// one-shot one until the targets are back or another step breaks something.
    #[must_use]
    pub fn under_fault(&self) -> bool {
        let stable = self.stable_for();
        self.faults.iter().enumerate().any(|(index, state)| {
            if state.impact().is_none() {
                return false;
            }
            if state.fault.is_lasting() {
                return state.lifted.is_none();
            }
            let superseded = self.overtaken(index).is_some();
            let just_hit = state.last_impact().is_some_and(|seen| seen.at == self.now);
            !superseded && (just_hit || matches!(self.back(index, stable), Back::NotYet { .. } | Back::NotAsked))
        })
    }
}

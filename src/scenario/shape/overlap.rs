//! Faults that may be on together and don't bear with each other on one pod.

use super::super::mistake::{Mistakes, quoted};
use super::super::model::{Begins, StepAction};
use super::order;
use super::steps::Read;
use crate::fault::{Action, Fault};

/// Notes each pair of them, at the later of the two.
pub fn tell(steps: &[Read], begins: &[Begins], mistakes: &mut Mistakes) {
    for (one, other) in order::together(begins) {
        let (Some(first), Some(second)) = (fault(&steps[one]), fault(&steps[other])) else { continue };
        if away(first, second) {
            continue;
        }
        let name = steps[one].name.clone().unwrap_or_default();
        let at = steps[other].place;
        match (first.action.experiment(), second.action.experiment()) {
            (Action::PodFailure, Action::PodFailure) => {
                mistakes
                    .error(
                        at,
                        "",
                        format!("this pod-failure may meet that of {} on one pod, which then never gets its image back", quoted(&name)),
                    )
                    .hint("let one come after the other, or let their labels mean different pods");
            }
            (Action::Io { .. }, Action::Io { .. }) => {
                mistakes
                    .warn(at, "", format!("on a pod that {} has too, only one of the two works: a pod has one volumePath", quoted(&name)))
                    .hint("let one come after the other, or let their labels mean different pods");
            }
            _ => {}
        }
    }
}

fn fault(step: &Read) -> Option<&Fault> {
    match &step.done.as_ref()?.action {
        StepAction::Fault(fault) => Some(fault),
        StepAction::Observe(_) | StepAction::Manual(_) | StepAction::Hold => None,
    }
}

/// Whether their selectors, or the namespaces they are in, keep them apart.
fn away(first: &Fault, second: &Fault) -> bool {
    let own = |fault: &Fault| fault.selector.namespaces.is_empty().then(|| fault.namespace().map(str::to_owned)).flatten();
    let elsewhere = match (own(first), own(second)) {
        (Some(one), Some(other)) => one != other,
        (Some(one), None) => !second.selector.namespaces.is_empty() && !second.selector.namespaces.contains(&one),
        (None, Some(other)) => !first.selector.namespaces.is_empty() && !first.selector.namespaces.contains(&other),
        (None, None) => false,
    };
    elsewhere || first.selector.is_apart_from(&second.selector)
}

//! Whether what is broken can be lifted here: seen on a pod of gameday's own.

use crate::run::Run;
use crate::run::brake::Brake;
use crate::run::checks::Checkpoint;
use crate::run::ledger::{FaultState, Via};
use crate::scenario::model::Tier;

const NAME: &str = "brake";

impl Run {
    pub(super) fn check_brake(&self, all: &mut Vec<Checkpoint>) {
        if self.faults.is_empty() {
            return;
        }
        if !self.wants_brake() {
            let production = self.header.place.tier == Tier::Production;
            return all.extend(production.then(|| {
                Checkpoint::warn(NAME, "brake: false: nobody has seen that a fault can be lifted here")
                    .mend("take brake: false out of the scenario")
            }));
        }
        let brakeable = self.brakeable();
        if brakeable.is_empty() {
            let seen = if self.faults.iter().any(|state| state.via.is_none()) {
                return all.push(Checkpoint::waiting(NAME));
            } else {
                format!("nothing to rehearse: {}", self.unbraked().unwrap_or_default())
            };
            return all.push(Checkpoint::pass(NAME, seen));
        }
        if self.looks_only {
            let seen = format!("a run rehearses it before the start, on a pod of its own: {}", kinds(&brakeable));
            return all.push(Checkpoint::pass(NAME, seen));
        }
        all.push(match &self.brake {
            None => Checkpoint::waiting(NAME),
            Some(Brake { failed: Some((why, mend)), .. }) => Checkpoint::fail(NAME, why.clone()).mend(*mend),
            Some(brake) if brake.is_done() => {
                let times: Vec<String> = brake.faults.iter().map(FaultState::braked).collect();
                let rest = self.unbraked().map_or_else(String::new, |rest| format!("; {rest}"));
                Checkpoint::pass(NAME, format!("{}, on a pod of gameday's own that is gone again{rest}", times.join("; ")))
            }
            Some(_) => Checkpoint {
                seen: format!("being rehearsed on a pod of gameday's own: {}", kinds(&brakeable)).into(),
                ..Checkpoint::waiting(NAME)
            },
        });
    }

    /// Of which faults a brake can't be rehearsed, and what of them is proven.
    fn unbraked(&self) -> Option<String> {
        let mut said = Vec::new();
        if self.faults.iter().any(|state| !state.fault.action.experiment().is_lasting()) {
            said.push("a kill is over at once, of it only the rights and the daemons can be proven");
        }
        if self.faults.iter().any(|state| state.via == Some(Via::Agentless) && state.fault.is_lasting()) {
            said.push("a NetworkPolicy is deleted by gameday itself, of it only the rights can be proven");
        }
        (!said.is_empty()).then(|| said.join("; "))
    }
}

fn kinds(states: &[&FaultState]) -> String {
    let name = |state: &&FaultState| format!("{} {}", state.fault.action.experiment().kind(), state.fault.action.experiment());
    states.iter().map(name).collect::<Vec<_>>().join(", ")
}

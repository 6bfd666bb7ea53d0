//! The preflight: everything must be known and allowed before the operator is asked for the word.

use crate::effect::{Effect, Outcome};
use crate::run::Run;
use crate::run::ledger::Via;
use crate::run::limits::PREFLIGHT_LIMIT;
use crate::run::phase::{End, Phase};
use crate::run::timeline::Noted;
use crate::text::Untrusted;

impl Run {
    pub(super) fn preflight(&mut self, effects: &mut Vec<Effect>) -> bool {
        if self.cluster.is_some() && !self.asked.connected {
            self.asked.connected = true;
            for index in 0..self.faults.len() {
                match self.via(&self.faults[index]) {
                    Ok(via) => self.faults[index].via = Some(via),
                    Err(why) => return self.refuse(why),
                }
                effects.push(Effect::Resolve { fault: self.faults[index].id, round: 1 });
            }
        }
        self.inspect(effects);
        // a right that is missing has many faces: it is named before any of them
        match self.rights_missing() {
            None if self.now < self.since + PREFLIGHT_LIMIT && self.end().is_none() => return false,
            Some(true) => {
                self.note_checks();
                if let Some(why) = self.forbidden() {
                    return self.refuse(why);
                }
            }
            None | Some(false) => {}
        }
        let missing = self.fleet.targets.iter().find_map(|target| target.missing.clone());
        if let Some(why) = missing {
            return self.refuse(why);
        }
        if let Some(why) = self.faults.iter().find_map(|state| state.resolved.values().next_back()?.as_ref().err().cloned()) {
            return self.refuse(why);
        }
        for index in 0..self.faults.len() {
            let state = &self.faults[index];
            if (state.via == Some(Via::ChaosMesh) || state.cuts()) && !state.resolved.is_empty() && self.asked.dry_runs.insert(state.id) {
                let fault = state.id;
                match self.object_of(state) {
                    Ok(made) => effects.extend(made.map(|(object, manifest)| Effect::DryRun { fault, object, manifest })),
                    Err(why) => return self.refuse(why),
                }
            }
            let state = &self.faults[index];
            if let Some(Outcome::Refused { why } | Outcome::Failed { why }) = &state.dry_run {
                let why = format!("step {:?}: the API server does not accept its manifest: {}", state.step, why.raw());
                return self.refuse(why.into());
            }
        }
        if let Some(what) = self.waiting_for() {
            if self.now >= self.since + PREFLIGHT_LIMIT {
                return self.refuse(format!("the preflight could not see {what} within {} s", PREFLIGHT_LIMIT.as_secs()).into());
            }
            return false;
        }
        if let Some(why) = self.faults.iter().find_map(|state| self.too_much(state)) {
            return self.refuse(why);
        }
        let idle = self.fleet.targets.iter().find(|target| target.desired() == Some(0)).and_then(|target| target.workload.as_ref());
        if let Some(workload) = idle {
            return self.refuse(format!("{} is scaled to 0: there is nothing to break and nothing to come back", workload.workload).into());
        }
        if let Some(why) = self.forbidden().or_else(|| self.policies_forbid()) {
            self.note_checks();
            return self.refuse(why);
        }
        match self.rehearse_brake(effects) {
            Ok(false) => return false,
            Ok(true) => self.note_checks(),
            Err(why) => {
                self.note_checks();
                return self.refuse(why);
            }
        }
        self.note(Noted::Ready);
        self.enter(Phase::Ready);
        true
    }

    pub(super) fn refuse(&mut self, why: Untrusted) -> bool {
        self.note(Noted::Refused(why.clone()));
        self.turn_to(End::Refused(why));
        true
    }
}

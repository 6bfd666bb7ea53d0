//! Where the run stands: clock, rights, tier.

use std::time::Duration;

use crate::clock::say;
use crate::event::inspected::Inspected;
use crate::header::Gate;
use crate::run::Run;
use crate::run::checks::{Checkpoint, Grade};
use crate::scenario::model::Tier;
use crate::text::Untrusted;

/// From here on a clock is called wrong.
const SKEWED: Duration = Duration::from_secs(2);

/// Rights, those on the same thing said together: `get, list, watch pods in namespace a`.
fn together(rights: &[String]) -> String {
    let mut said: Vec<(Vec<&str>, &str)> = Vec::new();
    for (verb, thing) in rights.iter().filter_map(|right| right.split_once(' ')) {
        match said.iter_mut().find(|(_, of)| *of == thing) {
            Some((verbs, _)) => verbs.push(verb),
            None => said.push((vec![verb], thing)),
        }
    }
    said.iter().map(|(verbs, thing)| format!("{} {thing}", verbs.join(", "))).collect::<Vec<_>>().join("; ")
}

impl Run {
    pub(super) fn check_ground(&self, gate: &Gate, all: &mut Vec<Checkpoint>) {
        let tier = self.header.place.tier;
        let seen = format!("{tier}, by {}", gate.tier_by.raw());
        all.push(if gate.tier_unseen.is_empty() {
            Checkpoint::pass("tier", seen)
        } else {
            let unseen: Vec<&str> = gate.tier_unseen.iter().map(Untrusted::raw).collect();
            let seen = format!("{seen}; whether the cluster itself says something stricter could not be seen: {}", unseen.join("; "));
            let meant = self.scenario.environments.iter().any(|environment| environment.tier == Tier::Production);
            match tier {
                // there is none
                Tier::Production => Checkpoint::warn("tier", seen),
                Tier::Development | Tier::Staging if meant => {
                    Checkpoint::fail("tier", format!("{seen}; the scenario has production among its environments, and this may be it"))
                }
                Tier::Development | Tier::Staging => Checkpoint::unknown("tier", seen),
            }
            .mend(self.grant())
        });
        all.push(self.clock());
        all.push(self.rights());
    }

    fn clock(&self) -> Checkpoint {
        let Some(skew) = self.sight.skew() else { return Checkpoint::waiting("clock") };
        // the distance that is sure, whatever the bounds leave open
        let sure = if skew.least > 0 { skew.least } else { skew.most.min(0) };
        let apart = Duration::from_micros(sure.unsigned_abs());
        if apart < SKEWED {
            return Checkpoint::pass("clock", "the API server's clock agrees with ours");
        }
        let ahead = if sure > 0 { "ahead of" } else { "behind" };
        Checkpoint::warn("clock", format!("the API server's clock is {} {ahead} ours; times of the server are corrected by it", say(apart)))
            .mend("timedatectl set-ntp true, on whichever of the two is wrong")
    }

    /// Whether a right is missing that the run can't do without; `None` while that is being asked.
    pub(in crate::run) fn rights_missing(&self) -> Option<bool> {
        if !self.asked.inspections.contains("rights") {
            // they are asked for once it is known what the kinds are called
            return if self.asked.inspections.contains("kinds") { None } else { Some(false) };
        }
        match self.rights().grade {
            Grade::Waiting => None,
            // who lacks it is part of what mends it
            Grade::Fail if self.asked.inspections.contains("user") && self.inspected("user").is_none() => None,
            Grade::Fail => Some(true),
            Grade::Pass | Grade::Warn | Grade::Unknown => Some(false),
        }
    }

    pub(super) fn rights(&self) -> Checkpoint {
        let Some(Inspected::Rights(facts)) = self.inspected("rights") else { return Checkpoint::waiting("rights") };
        let needs = self.needs();
        let mut missing = Vec::new();
        let mut wished = Vec::new();
        let mut unseen = Vec::new();
        for fact in facts {
            let optional = needs.iter().find(|need| need.right == fact.right).is_some_and(|need| need.optional);
            match &fact.allowed {
                Ok(true) => {}
                Ok(false) if optional => wished.push(fact.right.to_string()),
                Ok(false) => missing.push(fact.right.to_string()),
                Err(why) => unseen.push(format!("{}: {}", fact.right, why.raw())),
            }
        }
        let mend = self.grant();
        if !missing.is_empty() {
            Checkpoint::fail("rights", format!("not allowed: {}", together(&missing))).mend(mend)
        } else if let Some(first) = unseen.first() {
            Checkpoint::unknown("rights", format!("the API server did not say, {} times of {}: {first}", unseen.len(), facts.len()))
                .mend(format!("kubectl auth can-i --list -n {}", self.header.place.namespace))
        } else if !wished.is_empty() {
            Checkpoint::warn("rights", format!("all that is needed; less is seen without: {}", together(&wished))).mend(mend)
        } else {
            Checkpoint::pass("rights", format!("all {} that the run and its undo need", facts.len()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rights_on_the_same_thing_should_be_said_together() {
        let rights =
            ["get pods in namespace a", "list pods in namespace a", "list nodes in the whole cluster", "watch pods in namespace a"];
        let rights = rights.map(str::to_owned);
        assert_eq!(together(&rights), "get, list, watch pods in namespace a; list nodes in the whole cluster");
        assert_eq!(together(&rights[..1]), "get pods in namespace a");
    }
}

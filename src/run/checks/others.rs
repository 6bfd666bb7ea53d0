//! Who else is at it: faults of others, and runs of others by their Leases.

use crate::event::inspected::{Inspected, LeaseFact, OtherFault};
use crate::run::Run;
use crate::run::checks::Checkpoint;
use crate::run::checks::mend::word;
use crate::run::ledger::FaultState;

impl Run {
    pub(super) fn collisions(&self) -> Vec<Checkpoint> {
        let found = [self.runs_of_others(), self.faults_of_others()];
        let found: Vec<Checkpoint> = found.into_iter().flatten().collect();
        // one line where nothing is wrong
        let passed = found.iter().all(|point| point.grade == super::Grade::Pass);
        if passed && found.len() > 1 { vec![Checkpoint::pass("collisions", "no run and no fault of anybody else is near")] } else { found }
    }

    fn runs_of_others(&self) -> Option<Checkpoint> {
        if !self.asked.inspections.contains("leases") {
            return None;
        }
        let leases = match self.inspected("leases") {
            Some(Inspected::Leases(Ok(leases))) => leases,
            Some(Inspected::Leases(Err(why))) => {
                let seen = format!("whether another run is live could not be seen: {}", why.raw());
                return Some(Checkpoint::unknown("collisions", seen).mend(self.grant()));
            }
            _ => return Some(Checkpoint::waiting("collisions")),
        };
        let own = self.target_names();
        let others: Vec<&LeaseFact> = leases.iter().filter(|lease| lease.token.raw() != self.header.token).collect();
        let near = |lease: &&&LeaseFact| self.namespaces_of_runs().contains(&lease.lease.namespace);
        // a run that does not say what it is about may be about the same
        let meets = |lease: &&&LeaseFact| match &lease.targets {
            Some(targets) => targets.iter().any(|target| own.iter().any(|own| own == target.raw())),
            None => near(lease),
        };
        let run = |lease: &LeaseFact| lease.holder.raw().rsplit(' ').next().unwrap_or_default().to_owned();
        if let Some(lease) = others.iter().filter(|lease| lease.live).find(meets) {
            let seen = format!("a run is live on the same targets, held by {}: nobody could say what came of which", lease.holder.raw());
            return Some(Checkpoint::fail("collisions", seen).mend(format!("gameday abort {}", word(&run(lease)))));
        }
        if let Some(lease) = others.iter().filter(|lease| lease.live).find(near) {
            let seen = format!("a run on other targets is live in namespace {}, held by {}", lease.lease.namespace, lease.holder.raw());
            return Some(Checkpoint::warn("collisions", seen).mend(format!("gameday abort {}", word(&run(lease)))));
        }
        if let Some(lease) = others.iter().find(|lease| near(lease) || meets(lease)) {
            let seen = format!("the run of {} died and was never cleaned up: {} is still there", lease.holder.raw(), lease.lease);
            return Some(Checkpoint::warn("collisions", seen).mend(self.undo_by("gameday recover")));
        }
        Some(Checkpoint::pass("collisions", "no other run is live here"))
    }

    fn faults_of_others(&self) -> Option<Checkpoint> {
        if !self.asked.inspections.contains("other-faults") {
            return None;
        }
        let others = match self.inspected("other-faults") {
            Some(Inspected::OtherFaults(Ok(others))) => others,
            Some(Inspected::OtherFaults(Err(why))) => {
                let seen = format!("faults of others could not be listed: {}", why.raw());
                return Some(Checkpoint::unknown("collisions", seen).mend(self.grant()));
            }
            _ => return Some(Checkpoint::waiting("collisions")),
        };
        let aimed = self.faults.iter().flat_map(FaultState::concerned);
        let aimed: Vec<String> = aimed.map(|matched| format!("{}/{}", matched.pod.namespace, matched.pod.name)).collect();
        let holds = |id: &str| aimed.iter().any(|pod| id == pod || id.strip_prefix(pod.as_str()).is_some_and(|rest| rest.starts_with('/')));
        let others = || others.iter().filter(|other| other.run.as_ref().is_none_or(|run| run.raw() != self.header.token));
        let one = |verb: &str, other: &OtherFault| {
            let object = &other.object;
            format!("kubectl -n {} {verb} {} {}", object.namespace, object.kind.to_lowercase(), object.name)
        };
        if let Some(other) = others().find(|other| other.pods.iter().any(|id| holds(id.raw()))) {
            let whose = other.run.as_ref().map_or_else(String::new, |run| format!(" of run {}", run.raw()));
            let seen = format!("{}{whose} is in effect on the same pods: nobody could say what came of which", other.object);
            return Some(Checkpoint::fail("collisions", seen).mend(one("delete", other)));
        }
        let near: Vec<String> = others().map(|other| other.object.to_string()).collect();
        Some(match others().next() {
            None => Checkpoint::pass("collisions", "no fault of anybody else in the namespaces"),
            Some(first) => {
                let mend = format!("{} -o yaml, and ask whose it is", one("get", first));
                Checkpoint::warn("collisions", format!("other faults are near: {}", near.join(", "))).mend(mend)
            }
        })
    }
}

//! Partitions that gameday does itself: the policy of each, and what must be known of other policies before.

use serde_json::Value;

use crate::clock::At;
use crate::effect::{ChaosRef, PodRef};
use crate::event::inspected::Inspected;
use crate::manifest::{policy, prepared};
use crate::run::Run;
use crate::run::ledger::{FaultState, Via};
use crate::text::Untrusted;

impl Run {
    /// The object that is sent for a fault, where one is: as it would be by now.
    pub(super) fn object_of(&self, state: &FaultState) -> Result<Option<(ChaosRef, Value)>, Untrusted> {
        if state.cuts() {
            let peers = state.peer_addresses.values().next_back().map(Vec::as_slice).unwrap_or_default();
            let made = policy::prepared(&state.fault, state.id, &self.header, peers);
            let why = |why: String| format!("step {:?}: a NetworkPolicy can't do this one: {why}", state.step).into();
            return made.map(Some).map_err(why);
        }
        Ok((state.via == Some(Via::ChaosMesh)).then(|| prepared(&state.fault, state.id, &self.header)))
    }

    /// The pods that policies of ours would hold for, once all are known.
    pub(super) fn cut_pods(&self) -> Option<Vec<PodRef>> {
        let mut cuts = self.faults.iter().filter(|state| state.cuts()).peekable();
        cuts.peek()?;
        let all: Option<Vec<_>> = cuts.map(FaultState::candidates).collect();
        Some(all?.into_iter().flatten().map(|matched| matched.pod.clone()).collect())
    }

    /// Why no policy of ours may be made: policies add up, so that beside another one it would let through what that one
    /// forbids, or that one what ours should cut. `None` while nobody has looked.
    pub(super) fn policies_forbid(&self) -> Option<Untrusted> {
        let Some(Inspected::Policies(seen)) = self.inspections.get("policies") else { return None };
        match seen {
            Ok(policies) => policies.first().map(|policy| {
                let (of, pods) = (format!("{}/{}", policy.namespace, policy.name.raw()), policy.guards.len());
                format!(
                    "NetworkPolicy {of} holds for {pods} of the pods: with ours beside it, each would let through what the other forbids"
                )
                .into()
            }),
            Err(why) => Some(
                format!(
                    "whether other NetworkPolicies hold for the pods could not be seen, and ours could open what they close: {}",
                    why.raw()
                )
                .into(),
            ),
        }
    }

    /// Whether something shows that the network did what its policies said: who only stores them cuts nothing. What another
    /// fault may have done shows nothing. The practice cluster is known to.
    #[must_use]
    pub fn cuts_were_felt(&self) -> bool {
        let cuts: Vec<At> = self.faults.iter().filter(|state| state.cuts()).filter_map(|state| state.in_effect).collect();
        if cuts.is_empty() || self.header.place.rehearsal {
            return true;
        }
        let others: Vec<At> = self.faults.iter().filter(|state| !state.cuts()).filter_map(|state| state.asked).collect();
        let of_cuts = |at: At| cuts.iter().any(|begun| *begun <= at && !others.iter().any(|other| (*begun..=at).contains(other)));
        let judged = self.judgement.criteria.iter().chain(&self.judgement.stops).chain(&self.judgement.proof);
        let outages = self.fleet.targets.iter().flat_map(|target| &target.outages);
        judged.filter_map(|judged| judged.violated).chain(outages.map(|outage| outage.from.at)).any(of_cuts)
    }
}

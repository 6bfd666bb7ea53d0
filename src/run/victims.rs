//! Which pods a fault may take, how much of a workload that is, and which ones an agentless kill
//! picks: by the run's seed, so that a replay and a second rehearsal pick the same.

use std::collections::BTreeSet;

use crate::effect::PodRef;
use crate::event::MatchedPod;
use crate::fault::Mode;
use crate::run::Run;
use crate::run::ledger::FaultState;
use crate::scenario::model::TargetRef;

/// How much of one target a fault takes at the most.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Share {
    /// Which target; `None` for pods that belong to none.
    pub target: Option<TargetRef>,
    /// Pods taken at the most.
    pub most: u32,
    /// Pods of it that the selector means.
    pub matched: u32,
    /// Pods there are.
    pub of: u32,
}

impl Share {
    /// The share of its capacity, 0 to 1.
    #[must_use]
    pub fn ratio(&self) -> f64 {
        if self.of == 0 { 0.0 } else { f64::from(self.most) / f64::from(self.of) }
    }
}

impl Run {
    /// What a fault takes of each target at the most, as its selector means now; `None` until it
    /// is resolved.
    #[must_use]
    pub fn shares(&self, state: &FaultState) -> Option<Vec<Share>> {
        state.candidates()?;
        let mut shares = Vec::new();
        for target in &self.fleet.targets {
            let Taken { most, matched } = taken(state, |matched| target.pods.get(&matched.pod.uid).is_some());
            if matched > 0 {
                let of = target.desired().unwrap_or(matched).max(matched);
                shares.push(Share { target: target.workload.as_ref().map(|w| w.workload.clone()), most, matched, of });
            }
        }
        let strangers = taken(state, |matched| self.is_stranger(matched));
        if strangers.matched > 0 {
            shares.push(Share { target: None, most: strangers.most, matched: strangers.matched, of: strangers.matched });
        }
        Some(shares)
    }

    /// The pods of each workload that is no target, which a fault may take: the most, and as many as are meant.
    pub(super) fn strangers(&self, state: &FaultState) -> Vec<(String, Taken)> {
        let all = state.ends().into_iter().flat_map(|(pods, _)| pods).filter(|matched| self.is_stranger(matched));
        let owners: BTreeSet<&str> = all.clone().map(owner).collect();
        let of = |own: &str| {
            let name = all.clone().find(|matched| owner(matched) == own).map(|matched| matched.pod.name.clone()).unwrap_or_default();
            (name, taken(state, |matched| self.is_stranger(matched) && owner(matched) == own))
        };
        owners.into_iter().map(of).collect()
    }

    fn is_stranger(&self, matched: &MatchedPod) -> bool {
        !self.fleet.targets.iter().any(|target| target.pods.get(&matched.pod.uid).is_some())
    }
}

/// How many pods of some kind a fault takes at the most, and how many it means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Taken {
    /// At the most.
    pub most: u32,
    /// Of so many.
    pub matched: u32,
}

/// How many a fault takes of all pods that are so, at both of its ends.
pub(super) fn taken(state: &FaultState, is: impl Fn(&MatchedPod) -> bool) -> Taken {
    let mut uids = BTreeSet::new();
    let mut most = 0_u32;
    for (pods, mode) in state.ends() {
        let own: BTreeSet<&str> = pods.iter().filter(|matched| is(matched)).map(|matched| matched.pod.uid.as_str()).collect();
        most = most.saturating_add(mode.most(count(pods.len())).min(count(own.len())));
        uids.extend(own);
    }
    let matched = count(uids.len());
    Taken { most: most.min(matched), matched }
}

/// What controls a pod, or the pod itself where nothing does.
fn owner(matched: &MatchedPod) -> &str {
    matched.owner.as_deref().unwrap_or(&matched.pod.uid)
}

/// The pods that a kill takes: running ones before others, chosen by `seed`.
#[must_use]
pub(super) fn choose(mode: Mode, candidates: &[MatchedPod], seed: u64) -> Vec<PodRef> {
    let mut draw = Draw(seed);
    let mut pool: Vec<&MatchedPod> = candidates.iter().filter(|matched| matched.running).collect();
    if pool.is_empty() {
        pool = candidates.iter().collect();
    }
    let matched = count(pool.len());
    let wanted = match mode {
        Mode::RandomMaxPercent(most) => Mode::FixedPercent(draw.below(most + 1)).most(matched),
        Mode::One | Mode::All | Mode::Fixed(_) | Mode::FixedPercent(_) => mode.most(matched),
    };
    let mut chosen = Vec::new();
    for _ in 0..wanted {
        let at = draw.below(count(pool.len())) as usize;
        if at < pool.len() {
            chosen.push(pool.remove(at).pod.clone());
        }
    }
    chosen.sort();
    chosen
}

fn count(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

/// `SplitMix64` (Steele, Lea, Flood 2014): small, and the same everywhere.
struct Draw(u64);

impl Draw {
    fn below(&mut self, end: u32) -> u32 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^= z >> 31;
        u32::try_from((u128::from(z) * u128::from(end)) >> 64).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pods(n: usize) -> Vec<MatchedPod> {
        let pod = |i: usize| PodRef { namespace: "a".into(), name: format!("p-{i}"), uid: format!("u{i}") };
        (0..n).map(|i| MatchedPod { pod: pod(i), owner: None, running: i != 0 }).collect()
    }

    #[test]
    fn choose_should_take_as_many_as_the_mode_says_each_once() {
        for (mode, wanted) in [(Mode::One, 1), (Mode::All, 4), (Mode::Fixed(2), 2), (Mode::FixedPercent(50), 2), (Mode::Fixed(9), 4)] {
            let mut chosen = choose(mode, &pods(5), 7);
            assert_eq!(chosen.len(), wanted, "{mode:?}");
            chosen.dedup();
            assert_eq!(chosen.len(), wanted);
            assert!(chosen.iter().all(|pod| pod.uid != "u0"), "a pod that does not run is no victim where others do");
        }
    }

    #[test]
    fn choose_should_depend_on_the_seed_and_on_nothing_else() {
        assert_eq!(choose(Mode::One, &pods(9), 3), choose(Mode::One, &pods(9), 3));
        let picks: BTreeSet<_> = (0..50).map(|seed| choose(Mode::One, &pods(9), seed)).collect();
        assert_eq!(picks.len(), 8, "every running pod is picked by some seed");
    }
}

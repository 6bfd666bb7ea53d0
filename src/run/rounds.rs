//! The faults that a Schedule spawned, each one of its own: whom it hit and when, when it was
//! lifted, and how long coming back from it took.

use crate::clock::At;
use crate::effect::PodRef;
use crate::event::FaultFact;
use crate::run::fleet::Fleet;
use crate::run::ledger::FaultState;
use crate::run::recovery::{self, Back};
use crate::run::sight::Seen;
use crate::text::Untrusted;

/// One fault of a Schedule.
#[derive(Clone, Debug)]
pub struct Round {
    /// Its object's name.
    pub name: Untrusted,
    /// The pods it was seen to hit; of those only the names are known.
    pub victims: Vec<PodRef>,
    /// When every one of its records was seen not injected after it had been.
    pub lifted: Option<Seen>,
    injected: Seen,
}

/// Takes the records of a Schedule's faults; each bears the name of its own before its selector.
pub(super) fn observe(rounds: &mut Vec<Round>, fact: &FaultFact, seen: Seen) {
    for record in &fact.records {
        let Some((name, _)) = record.selector.raw().rsplit_once('.').filter(|(name, _)| !name.is_empty()) else { continue };
        if !record.has_hit() {
            continue;
        }
        let pod = record.pod();
        match rounds.iter_mut().find(|round| round.name.raw() == name) {
            Some(round) if round.victims.contains(&pod) => {}
            Some(round) => round.victims.push(pod),
            None => rounds.push(Round { name: name.into(), victims: vec![pod], lifted: None, injected: seen }),
        }
    }
    for round in rounds {
        let mine = |selector: &str| selector.rsplit_once('.').is_some_and(|(name, _)| name == round.name.raw());
        let mut own = fact.records.iter().filter(|record| mine(record.selector.raw())).peekable();
        if own.peek().is_some() && own.all(|record| record.has_hit() && record.phase.raw() == "Not Injected") {
            round.lifted.get_or_insert(seen);
        }
    }
}

impl FaultState {
    /// When one of its rounds hit first.
    #[must_use]
    pub fn hit_of(&self, round: &Round) -> Seen {
        if self.fault.action.experiment().is_lasting() {
            return round.injected;
        }
        // a pod's end is told by its own watch, and sooner than by the record
        let same = |pod: &PodRef| self.victims.iter().find(|victim| victim.pod.namespace == pod.namespace && victim.pod.name == pod.name);
        let hits = round.victims.iter().filter_map(same).filter_map(|victim| victim.hit);
        hits.min_by_key(|seen| seen.at).unwrap_or(round.injected)
    }

    /// Where the recovery of each of its rounds stands, in the order they hit. What was lost after
    /// the next one had hit is that one's. Empty where it is no Schedule.
    #[must_use]
    pub fn back_by_round(
        &self,
        next: Option<At>,
        fleet: &Fleet,
        lag: std::time::Duration,
        stable: std::time::Duration,
    ) -> Vec<(&Round, Back)> {
        let lasting = self.fault.action.experiment().is_lasting();
        let mut rounds: Vec<(&Round, Seen)> = self.rounds.iter().map(|round| (round, self.hit_of(round))).collect();
        rounds.sort_by_key(|(_, hit)| hit.at);
        let after = rounds.iter().skip(1).map(|(_, hit)| Some(hit.at)).chain([next]);
        let backs = rounds.iter().zip(after).map(|((round, hit), next)| {
            let from = if lasting { round.lifted } else { Some(*hit) };
            (*round, from.map_or(Back::NotAsked, |from| recovery::back_from(from, lasting, next, fleet, lag, stable)))
        });
        backs.collect()
    }
}

/// What the rounds come to: the slowest of them, once the Schedule is over. One that is not back is
/// told at once.
pub(super) fn slowest(backs: impl Iterator<Item = Back>, over: Option<Seen>) -> Back {
    let mut slowest: Option<Back> = None;
    let (mut last, mut number): (Option<Seen>, usize) = (None, 0);
    for back in backs {
        number += 1;
        let (taken, whole) = match back {
            Back::NotYet { .. } => return back,
            Back::NotAsked => continue,
            Back::At { span, whole, .. } => (span.nominal, whole),
            Back::Undisturbed { from } => (std::time::Duration::ZERO, from),
        };
        if last.is_none_or(|last| whole.at > last.at) {
            last = Some(whole);
        }
        let longest = slowest.map(|slowest| match slowest {
            Back::At { span, .. } => span.nominal,
            Back::Undisturbed { .. } | Back::NotAsked | Back::NotYet { .. } => std::time::Duration::ZERO,
        });
        if longest.is_none_or(|longest| taken > longest) {
            slowest = Some(back);
        }
    }
    match (over, slowest, last) {
        (Some(_), Some(Back::At { from, to, span, dips, .. }), Some(whole)) => Back::At { from, to, span, dips, whole, rounds: number },
        (Some(over), Some(Back::Undisturbed { .. }), Some(last)) => Back::Undisturbed { from: if last.at > over.at { last } else { over } },
        _ => Back::NotAsked,
    }
}

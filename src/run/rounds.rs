//! The faults that a Schedule spawned, each one of its own: whom it hit and when, when it was
//! lifted, and how long coming back from it took.

use std::time::Duration;

use crate::clock::At;
use crate::effect::PodRef;
use crate::event::FaultFact;
use crate::fault::{Action, DEFAULT_DURATION};
use crate::run::fleet::Fleet;
use crate::run::ledger::{FaultState, OVERDUE_AFTER};
use crate::run::recovery::{self, Back};
use crate::run::sight::Seen;
use crate::run::timeline::Noted;
use crate::scenario::go_duration;
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
    /// Whether that, its lift and its being late were told.
    pub(super) told: Told,
    injected: Seen,
}

/// What the timeline has told of one.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Told {
    pub in_effect: bool,
    pub lifted: bool,
    pub overdue: bool,
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
            None => rounds.push(Round { name: name.into(), victims: vec![pod], lifted: None, told: Told::default(), injected: seen }),
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

/// Takes that nothing of the Schedule is left: what was on when its Workflow went is over too, though nobody told of it.
pub(super) fn all_over(rounds: &mut [Round], seen: Seen) {
    for round in rounds {
        round.lifted.get_or_insert(seen);
    }
}

impl FaultState {
    /// How long each fault of a Schedule lasts, where they last.
    fn round_lasts(&self) -> Option<Duration> {
        let Action::Schedule { of, .. } = &self.fault.action else { return None };
        let spec = self.object.as_ref().and_then(|(_, manifest)| manifest.pointer("/spec/templates/1/schedule")?.as_object());
        let lasts = spec.and_then(|spec| spec.values().find_map(|block| block.get("duration")?.as_str()));
        of.is_lasting().then(|| lasts.and_then(go_duration).unwrap_or(DEFAULT_DURATION))
    }

    /// When the alarm of each of its rounds is due that is not lifted yet.
    pub(super) fn rounds_due(&self) -> impl Iterator<Item = At> {
        let lasts = self.round_lasts();
        let open = self.rounds.iter().filter(|round| round.lifted.is_none() && !round.told.overdue);
        open.filter_map(move |round| Some(round.injected.at + lasts? + OVERDUE_AFTER))
    }

    /// What is new of its rounds by now: in effect, lifted, past their time. Kills are told as what they hit.
    pub(super) fn news_of_rounds(&mut self, now: At) -> Vec<Noted> {
        let Some(lasts) = self.round_lasts() else { return Vec::new() };
        let (id, mut news) = (self.id, Vec::new());
        for round in &mut self.rounds {
            if !std::mem::replace(&mut round.told.in_effect, true) {
                news.push(Noted::RoundInEffect(id, round.name.clone(), round.victims.clone()));
            }
            if round.lifted.is_some() && !std::mem::replace(&mut round.told.lifted, true) {
                news.push(Noted::RoundLifted(id, round.name.clone()));
            }
            let late = round.lifted.is_none() && now >= round.injected.at + lasts + OVERDUE_AFTER;
            if late && !std::mem::replace(&mut round.told.overdue, true) {
                news.push(Noted::RoundOverdue(id, round.name.clone()));
            }
        }
        news
    }

    /// The round that is past its time by the most, and since when.
    #[must_use]
    pub fn late_round(&self, now: At) -> Option<(&Round, At)> {
        let lasts = self.round_lasts()?;
        let open = self.rounds.iter().filter(|round| round.lifted.is_none()).map(|round| (round, round.injected.at + lasts));
        open.filter(|(_, end)| now >= *end + OVERDUE_AFTER).min_by_key(|(_, end)| *end)
    }

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
    pub fn back_by_round(&self, next: Option<At>, fleet: &Fleet, lag: Duration, stable: Duration) -> Vec<(&Round, Back)> {
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
            Back::Undisturbed { from } => (Duration::ZERO, from),
        };
        if last.is_none_or(|last| whole.at > last.at) {
            last = Some(whole);
        }
        let longest = slowest.map(|slowest| match slowest {
            Back::At { span, .. } => span.nominal,
            Back::Undisturbed { .. } | Back::NotAsked | Back::NotYet { .. } => Duration::ZERO,
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

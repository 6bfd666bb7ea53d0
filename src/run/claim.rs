//! The run's Lease: how others see that it is live, and by whom; taken at the start, given back at the end.
//!
//! A run in rehearsal has none: nobody else can reach its cluster.

use std::time::Duration;

use crate::clock::At;
use crate::effect::{ChaosRef, Effect, EffectId, Outcome};
use crate::header::Header;
use crate::run::Run;
use crate::run::undo::{LIFT_LIMIT, REQUEST_DEADLINE};
use crate::text::Untrusted;

/// How long after a try to take it that did not come through the next one is made.
const AGAIN: Duration = Duration::from_secs(2);

/// How long giving it back is tried where a fault had to be handed over already: whoever answered nothing for so long hardly will now.
const LAST_TRIES: Duration = Duration::from_secs(20);

/// What an answer means to whoever reads along.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum News {
    /// It could not be taken.
    Unclaimed(Untrusted),
    /// It could be taken after all.
    Claimed,
}

/// The Lease of a run.
#[derive(Clone, Debug)]
pub struct Claim {
    /// The Lease.
    pub lease: ChaosRef,
    /// Who holds it: the machine and the run.
    pub holder: String,
    /// The workloads that the run is about: known once it begins.
    pub targets: Vec<String>,
    /// When it was asked for.
    pub asked: Option<At>,
    /// How that was answered.
    pub answered: Option<Outcome>,
    /// Tries to give it back so far.
    pub attempts: u32,
    /// What the last try said, if it was no success.
    pub trouble: Option<Untrusted>,
    /// Given back.
    pub released: Option<At>,
    /// Given up.
    pub handed_over: Option<At>,
    until: Option<At>,
    next: Option<At>,
    /// When the last try to take it was sent, and how many were.
    sent: Option<At>,
    tries: u32,
    again: Option<At>,
}

impl Run {
    /// Takes the run's Lease, once: with the brake, or else at the start.
    pub(super) fn claim_once(&mut self) -> Option<Effect> {
        let (targets, now) = (self.target_names(), self.now);
        let claim = self.claim.as_mut().filter(|claim| claim.asked.is_none())?;
        claim.targets = targets;
        // the run may end in this very moment, and owes it then
        claim.asked = Some(now);
        Some(claim.take())
    }
}

impl Claim {
    pub(super) fn of(header: &Header) -> Option<Claim> {
        let place = &header.place;
        let name = format!("gameday-{}", header.token);
        let lease = ChaosRef { kind: "Lease".to_owned(), namespace: place.namespace.clone(), name };
        (!place.rehearsal).then(|| Claim::new(lease, format!("{} {}", header.machine, header.run)))
    }

    const fn new(lease: ChaosRef, holder: String) -> Claim {
        Claim {
            lease,
            holder,
            targets: Vec::new(),
            asked: None,
            answered: None,
            attempts: 0,
            trouble: None,
            released: None,
            handed_over: None,
            until: None,
            next: None,
            sent: None,
            tries: 0,
            again: None,
        }
    }

    /// The effect that takes it.
    pub(super) fn take(&self) -> Effect {
        Effect::Claim { lease: self.lease.clone(), holder: self.holder.clone(), targets: self.targets.clone() }
    }

    /// The effect that takes it, where it could not be taken and another try is due: without it others would take the run for dead,
    /// and undo its faults under its hands.
    pub(super) fn take_again(&mut self, now: At) -> Option<Effect> {
        self.again.take_if(|due| now >= *due)?;
        Some(self.take())
    }

    /// When it wants to be taken again.
    pub(super) const fn again(&self) -> Option<At> {
        self.again
    }

    pub(super) fn asked_at(&mut self, at: At) {
        self.asked.get_or_insert(at);
        self.sent = Some(at);
        self.tries += 1;
    }

    /// Whether it may be there.
    #[must_use]
    pub const fn is_owed(&self) -> bool {
        self.asked.is_some()
            && self.released.is_none()
            && self.handed_over.is_none()
            && !matches!(self.answered, Some(Outcome::Refused { .. }))
    }

    /// Takes the answer to one of its effects.
    pub(super) fn answered(&mut self, effect: &EffectId, outcome: &Outcome, at: At) -> Option<News> {
        if effect.0 == "claim" {
            let failed = matches!(self.answered, Some(Outcome::Failed { .. }));
            return match outcome {
                Outcome::Refused { why } => {
                    // a try before this one may have come through all the same
                    self.answered.get_or_insert_with(|| outcome.clone());
                    Some(News::Unclaimed(why.clone()))
                }
                Outcome::Failed { why } => {
                    self.answered.get_or_insert_with(|| outcome.clone());
                    self.again = Some(at + AGAIN).filter(|_| !self.has_landed());
                    (!failed).then(|| News::Unclaimed(why.clone()))
                }
                Outcome::Done { .. } | Outcome::Already { .. } => {
                    self.answered = Some(outcome.clone());
                    // it came to be after it was looked for in vain
                    self.released = None;
                    failed.then_some(News::Claimed)
                }
            };
        }
        match outcome {
            Outcome::Done { .. } | Outcome::Already { .. } => {
                self.trouble = None;
                // a request that was never answered may land until its deadline, and of several each one
                let from = self.sent.or(self.asked).unwrap_or_default() + REQUEST_DEADLINE;
                let once = self.tries <= 1;
                if (once && (matches!(outcome, Outcome::Done { .. }) || self.has_landed())) || at >= from {
                    self.released.get_or_insert(at);
                } else {
                    self.next = Some(from);
                }
            }
            Outcome::Refused { why } | Outcome::Failed { why } => {
                self.trouble = Some(why.clone());
                self.next = Some(at + Duration::from_secs(1 << self.attempts.clamp(1, 4).saturating_sub(1)));
            }
        }
        None
    }

    const fn has_landed(&self) -> bool {
        matches!(self.answered, Some(Outcome::Done { .. } | Outcome::Already { .. }))
    }

    /// The effect that gives it back, where one is due; `left` says that something else is left behind.
    pub(super) fn release(&mut self, now: At, left: bool) -> Option<Effect> {
        if !self.is_owed() {
            return None;
        }
        let until = *self.until.get_or_insert(now + if left { LAST_TRIES } else { LIFT_LIMIT });
        if now >= until {
            self.handed_over = Some(now);
            return None;
        }
        if self.next.is_some_and(|next| now < next) {
            return None;
        }
        self.attempts += 1;
        self.next = Some(now + REQUEST_DEADLINE);
        Some(Effect::Release { lease: self.lease.clone(), attempt: self.attempts })
    }

    /// Gives it back as if for the first time.
    pub(super) fn release_again(&mut self) {
        self.until = None;
        self.next = None;
    }

    /// The API server is back.
    pub(super) fn hurry(&mut self, at: At) {
        if self.trouble.is_some() {
            self.next = self.next.min(Some(at));
        }
    }

    /// When it wants to be asked again.
    pub(super) fn due(&self) -> Option<At> {
        [self.until, self.next].into_iter().flatten().filter(|_| self.is_owed()).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim() -> Claim {
        let lease = ChaosRef { kind: "Lease".to_owned(), namespace: "staging".to_owned(), name: "gameday-000007".to_owned() };
        Claim::new(lease, "desk".to_owned())
    }

    fn seconds(seconds: u64) -> At {
        At::ZERO + Duration::from_secs(seconds)
    }

    #[test]
    fn lease_that_could_not_be_taken_should_be_asked_for_until_it_is() {
        let (mut claim, id) = (claim(), EffectId("claim".to_owned()));
        let failed = Outcome::Failed { why: "cut".into() };
        claim.asked_at(seconds(1));
        assert_eq!(claim.answered(&id, &failed, seconds(1)), Some(News::Unclaimed("cut".into())));
        assert_eq!(claim.take_again(seconds(2)), None);
        assert_eq!(claim.take_again(seconds(3)), Some(claim.take()));
        assert_eq!(claim.take_again(seconds(3)), None, "one try at a time");
        claim.asked_at(seconds(3));
        assert_eq!(claim.answered(&id, &failed, seconds(13)), None, "told once");
        // the first try came through after all, and only its answer was lost
        assert!(claim.take_again(seconds(15)).is_some());
        assert_eq!(claim.answered(&id, &Outcome::Already { took: Duration::ZERO }, seconds(15)), Some(News::Claimed));
        assert_eq!(claim.again(), None);
    }

    #[test]
    fn lease_should_be_tried_for_less_long_where_a_fault_is_left_behind() {
        let tried = |left| {
            let mut claim = claim();
            claim.asked_at(seconds(1));
            (100..300).find(|second| claim.release(seconds(*second), left).is_none() && claim.handed_over.is_some())
        };
        assert_eq!((tried(false), tried(true)), (Some(190), Some(120)));
    }

    #[test]
    fn lease_that_was_taken_at_the_first_try_should_be_given_back_at_once() {
        let done = || Outcome::Done { took: Duration::ZERO };
        let released = |tries: u64, taken: &Outcome| {
            let mut claim = claim();
            // the entry that says that it was sent is later than the one that it follows from
            claim.asked = Some(seconds(1));
            (0..tries).for_each(|again| claim.asked_at(seconds(2 + again)));
            claim.answered(&EffectId("claim".to_owned()), taken, seconds(6));
            assert!(claim.release(seconds(6), false).is_some());
            claim.answered(&EffectId("release/1".to_owned()), &done(), seconds(7));
            claim.released.is_some()
        };
        assert!(released(1, &done()));
        assert!(!released(2, &done()), "the other try may land until its deadline");
    }

    #[test]
    fn lease_that_may_have_come_through_should_stay_owed_when_it_is_refused_later() {
        let (mut claim, id) = (claim(), EffectId("claim".to_owned()));
        claim.asked_at(seconds(1));
        claim.answered(&id, &Outcome::Failed { why: "cut".into() }, seconds(1));
        claim.answered(&id, &Outcome::Refused { why: "403".into() }, seconds(3));
        assert!(claim.is_owed());
    }
}

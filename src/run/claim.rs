//! The run's Lease: how others see that it is live, and by whom; taken at the start, given back at the end.
//!
//! A run in rehearsal has none: nobody else can reach its cluster.

use std::time::Duration;

use crate::clock::At;
use crate::effect::{ChaosRef, Effect, EffectId, Outcome};
use crate::header::Header;
use crate::run::undo::{LIFT_LIMIT, REQUEST_DEADLINE};
use crate::text::Untrusted;

/// The Lease of a run.
#[derive(Clone, Debug)]
pub struct Claim {
    /// The Lease.
    pub lease: ChaosRef,
    /// Who holds it: the machine and the run.
    pub holder: String,
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
}

impl Claim {
    pub(super) fn of(header: &Header) -> Option<Claim> {
        let place = &header.place;
        let name = format!("gameday-{}", header.token);
        (!place.rehearsal).then(|| Claim {
            lease: ChaosRef { kind: "Lease".to_owned(), namespace: place.namespace.clone(), name },
            holder: format!("{} {}", header.machine, header.run),
            asked: None,
            answered: None,
            attempts: 0,
            trouble: None,
            released: None,
            handed_over: None,
            until: None,
            next: None,
        })
    }

    /// The effect that takes it.
    pub(super) fn take(&self) -> Effect {
        Effect::Claim { lease: self.lease.clone(), holder: self.holder.clone() }
    }

    /// Whether it may be there.
    #[must_use]
    pub const fn is_owed(&self) -> bool {
        self.asked.is_some()
            && self.released.is_none()
            && self.handed_over.is_none()
            && !matches!(self.answered, Some(Outcome::Refused { .. }))
    }

    /// Takes the answer to one of its effects; says why it could not be taken, if that is the answer.
    pub(super) fn answered(&mut self, effect: &EffectId, outcome: &Outcome, at: At) -> Option<Untrusted> {
        if effect.0 == "claim" {
            self.answered.get_or_insert_with(|| outcome.clone());
            return match outcome {
                Outcome::Refused { why } | Outcome::Failed { why } => Some(why.clone()),
                Outcome::Done { .. } | Outcome::Already { .. } => {
                    // it came to be after it was looked for in vain
                    self.released = None;
                    None
                }
            };
        }
        match outcome {
            Outcome::Done { .. } | Outcome::Already { .. } => {
                self.trouble = None;
                // a request that was never answered may land until its deadline
                let landed = matches!(self.answered, Some(Outcome::Done { .. } | Outcome::Already { .. }));
                let from = self.asked.unwrap_or_default() + REQUEST_DEADLINE;
                if matches!(outcome, Outcome::Done { .. }) || landed || at >= from {
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

    /// The effect that gives it back, where one is due.
    pub(super) fn release(&mut self, now: At) -> Option<Effect> {
        if !self.is_owed() {
            return None;
        }
        let until = *self.until.get_or_insert(now + LIFT_LIMIT);
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

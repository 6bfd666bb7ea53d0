//! The undo of a fault: asked for, tried again, looked after, until its object is gone for good or
//! what is left is handed over.

use std::time::Duration;

use crate::clock::At;
use crate::effect::{Effect, Outcome};
use crate::event::RecordFact;
use crate::run::ledger::FaultState;
use crate::run::rounds;
use crate::run::sight::Seen;
use crate::text::Untrusted;

/// How long an unanswered request may still land.
pub const REQUEST_DEADLINE: Duration = Duration::from_secs(10);
/// How long a watch may take to tell how an object went that a look does not find any more.
const LAST_WORDS: Duration = Duration::from_secs(2);
/// How long an undo is tried before what is left is handed over.
pub const LIFT_LIMIT: Duration = Duration::from_secs(90);

/// How far the undo of a fault is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Undo {
    /// When it was first asked for.
    pub asked: Option<At>,
    /// When it is given up.
    pub until: Option<At>,
    /// Tries so far.
    pub attempts: u32,
    /// When the next try is due.
    pub next: Option<At>,
    /// Whether the last try has failed and the next one waits for its turn.
    pub waits: bool,
    /// What the last try said, if it was no success.
    pub trouble: Option<Untrusted>,
    /// Looks for the object so far.
    pub looks: u32,
    /// When the next look is due.
    pub next_look: Option<At>,
    /// Whether its object went, under our eyes, with records that were not lifted: somebody took its finalizer off.
    pub torn_off: bool,
    /// Whether it is done by what is known, though the end of the fault itself was not seen and can't be looked for.
    pub unseen: bool,
    /// Done.
    pub done: Option<At>,
    /// Given up: what is left is handed over.
    pub handed_over: Option<At>,
}

impl FaultState {
    /// From when on a look for its object says something for good: a creation that was never
    /// answered may land until its request's deadline.
    fn looks_count_from(&self) -> Option<At> {
        self.asked.filter(|_| !self.has_landed()).map(|asked| asked + REQUEST_DEADLINE)
    }

    /// Its object turned up after it was deleted: it is deleted again.
    pub(super) fn turned_up(&mut self, at: At) {
        if self.undo.attempts > 0 {
            self.undo.done = None;
            self.undo.next = Some(at);
            self.undo.until = self.undo.until.max(Some(at + REQUEST_DEADLINE));
        }
    }

    /// Asks for the undo of what is left of it, at once and as if for the first time.
    pub(super) fn undo_again(&mut self, at: At) {
        if self.owes_undo() {
            self.undo.asked.get_or_insert(at);
            self.undo.until = Some(at + LIFT_LIMIT);
            self.undo.next = Some(at);
        }
    }

    /// The API server is back: what failed without it is tried again at once.
    pub(super) fn hurry(&mut self, at: At) {
        if self.undo.waits {
            self.undo.next = self.undo.next.min(Some(at));
        }
    }

    pub(super) fn lift_answered(&mut self, outcome: &Outcome, at: At) {
        match outcome {
            Outcome::Done { .. } | Outcome::Already { .. } => {
                self.undo.trouble = None;
                self.undo.next = None;
                self.undo.next_look = Some(self.looks_count_from().map_or(at, |from| at.max(from)));
            }
            Outcome::Refused { why } | Outcome::Failed { why } => {
                self.undo.trouble = Some(why.clone());
                let wait = Duration::from_secs(1 << self.undo.attempts.clamp(1, 4).saturating_sub(1));
                self.undo.next = Some(at + wait);
                self.undo.waits = true;
            }
        }
    }

    /// Hands over what is left where the undo took too long.
    pub(super) fn give_up(&mut self, now: At) {
        if self.owes_undo() && self.undo.until.is_some_and(|until| now >= until) {
            self.undo.handed_over = Some(now);
        }
    }

    /// The next effect of the undo that is due, if one is.
    pub(super) fn undo(&mut self, now: At) -> Option<Effect> {
        if !self.owes_undo() {
            return None;
        }
        let (object, _) = self.object.clone()?;
        if self.undo.asked.is_none() || self.undo.next.is_some_and(|due| now >= due) {
            self.undo.asked.get_or_insert(now);
            self.undo.until.get_or_insert(now + LIFT_LIMIT);
            self.undo.attempts += 1;
            self.undo.waits = false;
            self.undo.next = Some(now + REQUEST_DEADLINE);
            return Some(Effect::Lift { fault: self.id, object, attempt: self.undo.attempts });
        }
        if self.undo.next_look.is_some_and(|due| now >= due) {
            self.undo.looks += 1;
            self.undo.next_look = Some(now + look_again(self.undo.looks));
            return Some(Effect::LookFor { fault: self.id, object, round: self.undo.looks });
        }
        None
    }

    /// When the undo wants to be asked again.
    pub(super) fn undo_due(&self) -> Option<At> {
        self.undo.asked.filter(|_| self.owes_undo())?;
        [self.undo.until, self.undo.next, self.undo.next_look].into_iter().flatten().min()
    }

    /// Takes what a look for the object found.
    pub(super) fn looked(&mut self, present: bool, residue: Option<&[Untrusted]>, at: At, seen: Seen) {
        if present {
            // it may be on its way out; delete again if it never was
            if !self.seen.as_ref().is_some_and(|fact| fact.deleting) {
                self.undo.next.get_or_insert(at + Duration::from_secs(2));
            }
            return;
        }
        self.gone.get_or_insert(at);
        // what was handed over stays so: it was told, and a look that comes late does not take it back
        if self.undo.asked.is_none() || self.undo.handed_over.is_some() {
            return;
        }
        if let Some(from) = self.looks_count_from().filter(|from| at < *from) {
            self.undo.next_look = Some(from);
            return;
        }
        let unseen = self.fault.is_lasting() && self.leaves_no_trace() && self.recovered.is_none() && self.has_landed();
        self.undo.trouble = match residue {
            _ if !self.fault.is_lasting() => None,
            None => Some("the object is gone; whether its effect is, could not be seen".into()),
            Some([]) if unseen && self.undo.torn_off => Some(
                format!(
                    "its object went with its records not lifted, as when its finalizer is taken off; a {} leaves nothing that could be looked for: it may go on until its pods are replaced",
                    self.fault.action.experiment().kind()
                )
                .into(),
            ),
            // the watch may be about to tell how it went
            Some([]) if unseen && self.gone.is_some_and(|gone| at < gone + LAST_WORDS) => return,
            Some([]) => None,
            Some(found) => {
                let found: Vec<&str> = found.iter().map(Untrusted::raw).collect();
                Some(format!("left behind: {}", found.join(", ")).into())
            }
        };
        if self.undo.trouble.is_none() {
            self.undo.done.get_or_insert(at);
            self.undo.unseen = unseen;
            if self.fault.is_lasting() {
                self.lifted.get_or_insert(self.recovered.unwrap_or(seen));
                rounds::all_over(&mut self.rounds, seen);
            }
        } else if self.undo.torn_off && unseen && self.undo.done.is_none() {
            // no look will ever say more
            self.undo.handed_over.get_or_insert(at);
        }
    }

    /// Takes that the object is gone; where that was `watched`, it went as it was last seen.
    pub(super) fn vanished(&mut self, at: At, watched: bool) {
        let injected = self.seen.as_ref().is_some_and(|fact| fact.blocking().any(RecordFact::has_hit));
        self.undo.torn_off |= watched && injected && self.fault.is_lasting() && self.recovered.is_none();
        if self.gone.is_none() {
            self.gone = Some(at);
            if self.undo.asked.is_some() && self.undo.done.is_none() {
                self.undo.next_look = Some(self.looks_count_from().map_or(at, |from| at.max(from)));
            }
        }
    }
}

fn look_again(looks: u32) -> Duration {
    Duration::from_millis(match looks {
        0..=5 => 200,
        6..=10 => 1000,
        _ => 3000,
    })
}

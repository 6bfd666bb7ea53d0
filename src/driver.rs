//! The loop: take what happened, stamp it, append it, apply it, perform what follows.
//!
//! Owns the one place where time is read and the one gate that everything that breaks must pass.
//! Journal first, act second. Generic over the face. What the face only wants to look at goes past all that.

mod looks;
pub mod pace;
mod perform;
mod signals;

use std::collections::VecDeque;
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::clock::At;
use crate::command::{AbortedBy, Command};
use crate::edge::{Inbox, pulse};
use crate::effect::{Danger, Effect, Outcome};
use crate::event::{Entry, Event};
use crate::face::{Asked, Face};
use crate::journal::{Journal, JournalError};
use crate::run::Run;

pub use looks::Looks;
pub use perform::World;
pub use signals::Signals;

/// How many events may wait to be taken.
const INBOX: usize = 1024;

/// What is left of a run when it is over.
pub struct Driven<F> {
    /// The run.
    pub run: Run,
    /// The face it was shown to.
    pub face: F,
    /// What looks for it; goes on after the end.
    pub looks: Looks,
    /// Why the journal does not tell all of it, if it does not. Nothing was begun after that.
    pub lost: Option<JournalError>,
}

/// The clock of a run: monotonic, and what the wall shows by it.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    origin: Instant,
    before: Duration,
    started: DateTime<Utc>,
}

impl Clock {
    /// A clock that begins now, when the wall shows `started`.
    #[must_use]
    pub fn start(started: DateTime<Utc>) -> Clock {
        Clock { origin: Instant::now(), before: Duration::ZERO, started }
    }

    /// The clock of a run that died, at the moment when the wall shows `now`.
    #[must_use]
    pub fn resume(started: DateTime<Utc>, now: DateTime<Utc>, last: At) -> Clock {
        let elapsed = At::from_wall(now, started).max(last).since(At::ZERO);
        Clock { origin: Instant::now(), before: elapsed, started }
    }

    fn at(self) -> At {
        At::ZERO + self.before + self.origin.elapsed()
    }

    fn instant(self, at: At) -> Instant {
        self.origin + at.since(At::ZERO + self.before)
    }
}

impl pulse::Wall for Clock {
    fn now(&self) -> DateTime<Utc> {
        self.at().on_wall(self.started)
    }
}

/// A run being driven.
pub struct Driver<F> {
    run: Run,
    journal: Option<Journal>,
    clock: Clock,
    world: World,
    face: F,
    looks: Looks,
    inbox: Inbox,
    outbox: mpsc::Receiver<Event>,
    seq: u64,
    lost: Option<JournalError>,
}

impl<F: Face> Driver<F> {
    /// A driver of a run of which nothing has happened yet.
    #[must_use]
    pub fn new(run: Run, journal: Journal, clock: Clock, world: World, face: F) -> Driver<F> {
        let (inbox, outbox) = mpsc::channel(INBOX);
        let looks = Looks::new(&world.cluster, clock);
        Driver { run, journal: Some(journal), clock, world, face, looks, inbox, outbox, seq: 0, lost: None }
    }

    /// A driver of a run that is only looked at: what is written nowhere breaks nothing.
    #[must_use]
    pub fn unwritten(run: Run, clock: Clock, world: World, face: F) -> Driver<F> {
        let (inbox, outbox) = mpsc::channel(INBOX);
        let looks = Looks::new(&world.cluster, clock);
        Driver { run, journal: None, clock, world, face, looks, inbox, outbox, seq: 0, lost: None }
    }

    /// Takes a run that died up again, only to undo what it broke.
    pub async fn finish(mut self, signals: Signals) -> Driven<F> {
        self.seq = self.run.seq();
        self.take(Event::Commanded(Command::Abort { by: AbortedBy::Recovery }));
        for state in self.run.all_faults().filter(|state| state.owes_undo()) {
            self.world.follow(state, &self.inbox);
        }
        self.on(signals).await
    }

    /// Drives the run to its end and gives it back, with the face. A run whose journal can't be
    /// written any more undoes what it broke and ends.
    pub async fn drive(mut self, signals: Signals) -> Driven<F> {
        self.face.show(&self.run);
        self.take(Event::Connected(self.world.cluster.fact.clone()));
        self.world.observe(&self.run, self.clock, &self.inbox);
        self.on(signals).await
    }

    async fn on(mut self, mut signals: Signals) -> Driven<F> {
        while !self.run.phase().0.is_over() {
            let deadline = self.run.next_deadline();
            let event = tokio::select! {
                biased;
                asked = self.face.asked() => match asked {
                    Asked::Command(command) => Event::Commanded(command),
                    Asked::Look(at) => {
                        self.looks.begin(at);
                        continue;
                    }
                },
                command = signals.next() => Event::Commanded(command),
                Some(event) = self.outbox.recv() => event,
                () = sleep_until(self.clock, deadline) => Event::DeadlinePassed,
                look = self.looks.next() => {
                    self.face.looked(look);
                    continue;
                }
            };
            self.face.queued(self.outbox.len());
            self.take(event);
            if self.lost.is_some() && !self.run.touched_anything() && !self.run.owes_anything() {
                break;
            }
        }
        self.face.show(&self.run);
        Driven { run: self.run, face: self.face, looks: self.looks, lost: self.lost }
    }

    /// Takes one event and everything that follows from it at once.
    fn take(&mut self, event: Event) {
        let mut waiting = VecDeque::from([event]);
        while let Some(mut event) = waiting.pop_front() {
            // asked for before, but allowed only if it still is
            if let Event::Asked(effect) = &event
                && let Err(why) = self.gate(effect)
            {
                event = Event::Answered { effect: effect.id(), outcome: Outcome::Refused { why: why.into() } };
            }
            self.seq += 1;
            let entry = Entry { seq: self.seq, at: self.clock.at(), event };
            if !self.record(&entry) {
                // nothing that can't be written down is begun; what was begun is undone
                waiting.push_back(Event::Commanded(Command::Abort { by: AbortedBy::JournalLost }));
                if matches!(&entry.event, Event::Asked(effect) if effect.makes()) {
                    continue;
                }
            }
            let effects = fold(&mut self.run, &entry);
            self.face.hear(&entry);
            if let Event::Asked(effect) = entry.event {
                self.world.perform(&effect, &self.run, self.clock, &self.inbox);
            }
            for effect in effects {
                match effect {
                    Effect::Seal { conclusion } => waiting.push_back(Event::Sealed(conclusion)),
                    effect if effect.danger() >= Danger::Writes => waiting.push_back(Event::Asked(effect)),
                    effect => self.world.perform(&effect, &self.run, self.clock, &self.inbox),
                }
            }
        }
        self.face.show(&self.run);
    }

    /// The one gate: whether an effect may be performed now.
    fn gate(&self, effect: &Effect) -> Result<(), &'static str> {
        match effect.danger() {
            Danger::Breaks | Danger::Writes if effect.makes() && (self.lost.is_some() || self.journal.is_none()) => {
                Err("the journal can't be written: nothing is broken without it")
            }
            Danger::Breaks if !self.run.phase().0.may_break() => Err("the run is not at a step: nothing is broken"),
            Danger::None | Danger::Reads | Danger::Writes | Danger::Breaks => Ok(()),
        }
    }

    /// Writes an entry down; says whether writing still works.
    fn record(&mut self, entry: &Entry) -> bool {
        let Some(journal) = &mut self.journal else { return true };
        match journal.append(entry) {
            Ok(()) => true,
            Err(error) => {
                self.lost = Some(error);
                self.journal = None;
                false
            }
        }
    }
}

/// Folds one entry.
///
/// # Panics
/// In a build for tests, where `GAMEDAY_TEST_PANIC` is set: from the first sight of a fault on, wherever that entry is read, as
/// a fault of our own in the fold would.
pub fn fold(run: &mut Run, entry: &Entry) -> Vec<Effect> {
    #[cfg(debug_assertions)]
    assert!(
        !matches!(entry.event, Event::FaultSeen(_)) || std::env::var_os("GAMEDAY_TEST_PANIC").is_none(),
        "the fold breaks down, as the test wants it"
    );
    run.apply(entry)
}

async fn sleep_until(clock: Clock, deadline: Option<At>) {
    match deadline {
        Some(at) => tokio::time::sleep_until(clock.instant(at)).await,
        None => std::future::pending().await,
    }
}

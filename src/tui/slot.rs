//! What there is to be shown, and where it lies until it is drawn.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use crate::clock::At;
use crate::event::Entry;
use crate::run::Run;
use crate::seat::Seat;

/// What there is to be shown, and how.
#[derive(Clone, Debug)]
pub struct Shot {
    /// The run; `None`: the one that is shown.
    pub run: Option<Box<Run>>,
    /// What is to be folded into it.
    pub news: Vec<Entry>,
    /// The moment that is shown.
    pub at: At,
    /// How fast that moment moves on against our clock: 0 where it jumps, or stands.
    pub pace: f64,
    /// Who sits here.
    pub seat: Seat,
    /// When the first of this was laid down.
    pub came: Instant,
    /// How many events wait for the driver.
    pub queued: usize,
}

/// Where the news lie until they are taken.
#[derive(Debug, Default)]
pub struct Slot(Mutex<Option<Shot>>);

impl Slot {
    /// Lays news down behind those that wait; says whether none did.
    pub fn lay(&self, mut shot: Shot) -> bool {
        let mut slot = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        shot.came = slot.as_ref().map_or(shot.came, |waiting| waiting.came);
        match slot.as_mut().filter(|_| shot.run.is_none()) {
            Some(waiting) => {
                waiting.news.extend(shot.news);
                (waiting.at, waiting.pace, waiting.seat, waiting.queued) = (shot.at, shot.pace, shot.seat, shot.queued);
                false
            }
            None => slot.replace(shot).is_none(),
        }
    }

    /// How many entries wait.
    pub fn waiting(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map_or(0, |shot| shot.news.len())
    }

    /// Takes them.
    pub fn take(&self) -> Option<Shot> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

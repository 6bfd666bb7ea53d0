//! What a front end must be.
//!
//! Owns [`Face`]. A face is shown the run and gives commands; it fetches nothing. One that draws on a thread of its own folds the
//! entries there itself: a copy of a run of thousands of pods at each change would cost more than all else.

pub mod home;
pub mod look;

use crate::command::Command;
use crate::event::Entry;
use crate::face::look::{Look, LookAt};
use crate::run::Run;

/// What a front end asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// The operator decided.
    Command(Command),
    /// The operator wants to see something that the run does not know.
    Look(LookAt),
}

/// A front end.
pub trait Face {
    /// Hears of an entry that the run has just folded. [`Face::show`] follows; must not block.
    fn hear(&mut self, _entry: &Entry) {}

    /// Shows the run as it stands. Called after every change; must not block.
    fn show(&mut self, run: &Run);

    /// Is told how many events wait to be taken, before it is shown the run.
    fn queued(&mut self, _waiting: usize) {}

    /// Is told what was seen of what it asked to look at.
    fn looked(&mut self, _look: Look) {}

    /// What is asked for next. Must be cancel-safe: it is dropped and called again many times.
    fn asked(&mut self) -> impl Future<Output = Asked>;
}

//! What a front end must be.
//!
//! Owns [`Face`]. A face is shown the run and gives commands; it fetches nothing. One that draws on a thread of its own folds the
//! entries there itself: a copy of a run of thousands of pods at each change would cost more than all else.

pub mod home;

use crate::command::Command;
use crate::event::Entry;
use crate::run::Run;

/// A front end.
pub trait Face {
    /// Hears of an entry that the run has just folded. [`Face::show`] follows; must not block.
    fn hear(&mut self, _entry: &Entry) {}

    /// Shows the run as it stands. Called after every change; must not block.
    fn show(&mut self, run: &Run);

    /// The next command. Must be cancel-safe: it is dropped and called again many times.
    fn command(&mut self) -> impl Future<Output = Command>;
}

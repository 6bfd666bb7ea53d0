//! What a front end must be.
//!
//! Owns [`Face`]. A face is shown the run and gives commands; it fetches nothing.

use crate::command::Command;
use crate::run::Run;

/// A front end.
pub trait Face {
    /// Shows the run as it stands. Called after every change; must not block.
    fn show(&mut self, run: &Run);

    /// The next command. Must be cancel-safe: it is dropped and called again many times.
    fn command(&mut self) -> impl Future<Output = Command>;
}

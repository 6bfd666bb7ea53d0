//! A way to make the cockpit break down, for the tests of what happens then. Builds for use do not have it.
//!
//! `GAMEDAY_PANIC_AT=drawing` panics on the thread that draws, `GAMEDAY_PANIC_AT=driving` on the one that drives the run; each once a
//! fault is in the cluster and in effect, which is the worst moment.

use crate::run::Run;

/// The variable that sets it.
const SET: &str = "GAMEDAY_PANIC_AT";

/// Panics where that was asked for.
///
/// # Panics
/// That is what it is for.
pub fn spring(place: &str, run: &Run) {
    let alive = run.faults().iter().any(|state| state.in_effect.is_some() && state.is_alive());
    assert!(!(cfg!(debug_assertions) && alive && std::env::var(SET).is_ok_and(|set| set == place)), "{SET}={place}");
}

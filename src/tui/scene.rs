//! What a panel is given to draw from.

use std::time::Duration;

use crate::clock::At;
use crate::run::Run;
use crate::run::ledger::FaultState;
use crate::run::recovery::Back;
use crate::tui::hands::Hands;
use crate::tui::theme::Theme;
use crate::wording::margin;

/// The run, the moment, the look and the hands.
#[derive(Clone, Copy, Debug)]
pub struct Scene<'a> {
    /// The run as its newest entry left it.
    pub run: &'a Run,
    /// The moment that is shown; it may be later than the newest entry.
    pub now: At,
    /// The look.
    pub theme: &'a Theme,
    /// What is open, and where it is scrolled to.
    pub hands: &'a Hands,
}

impl<'a> Scene<'a> {
    /// The fault that is on, or was last, with its recovery.
    #[must_use]
    pub fn fault(&self) -> Option<(&'a FaultState, Back)> {
        self.run.recoveries().filter(|(state, _)| state.asked.is_some()).last()
    }

    /// When the first fault hit: the 0 of charts.
    #[must_use]
    pub fn impact(&self) -> Option<At> {
        impact(self.run)
    }

    /// From when to when each fault was in effect, its recovery included.
    #[must_use]
    pub fn windows(&self) -> Vec<(At, At)> {
        let window = |(state, back): (&FaultState, Back)| {
            let from = state.impact()?.at;
            // a later loss of strength is not this fault's
            let to = match margin::recovered(self.run, state).unwrap_or(back) {
                Back::At { whole, .. } => whole.at,
                Back::Undisturbed { .. } => state.lifted.map_or(from, |lifted| lifted.at),
                Back::NotAsked | Back::NotYet { .. } => self.now,
            };
            Some((from, to))
        };
        self.run.recoveries().filter_map(window).collect()
    }
}

/// When the first fault of a run hit.
#[must_use]
pub fn impact(run: &Run) -> Option<At> {
    run.faults().iter().filter_map(|state| state.in_effect.and_then(|_| state.impact())).map(|seen| seen.at).min()
}

/// The next number that reads well and is not less: 1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10, 15 …
#[must_use]
pub fn round_up(value: f64) -> f64 {
    if !value.is_finite() || value <= 0.0 {
        return 1.0;
    }
    let base = 10f64.powf(value.log10().floor());
    [1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0]
        .into_iter()
        .map(|step| step * base)
        .find(|step| *step >= value * (1.0 - 1e-9))
        .unwrap_or(10.0 * base)
}

/// So many eighths of a cell of a bar of `columns` for a share of it.
#[must_use]
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of a terminal's width")]
pub fn eighths(share: f64, columns: u16) -> usize {
    (share.clamp(0.0, 1.0) * f64::from(columns) * 8.0).round() as usize
}

/// A share of two spans, 0 to 1.
#[must_use]
pub fn share(part: Duration, whole: f64) -> f64 {
    if whole <= 0.0 { 0.0 } else { (part.as_secs_f64() / whole).clamp(0.0, 1.0) }
}

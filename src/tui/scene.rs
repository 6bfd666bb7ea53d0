//! What a panel is given to draw from.

use std::cell::RefCell;
use std::time::Duration;

use ratatui::layout::Rect;

use crate::clock::At;
use crate::run::Run;
use crate::run::ledger::FaultState;
use crate::run::recovery::Back;
use crate::tui::hands::Hands;
use crate::tui::keys::Act;
use crate::tui::theme::Theme;

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
    /// What stands still in place of the run, and since when, where the picture is frozen.
    pub frozen: Option<(&'a Run, At)>,
    spots: Option<&'a RefCell<Vec<Spot>>>,
}

/// A place on the screen where a click does something, and what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spot {
    /// Where.
    pub area: Rect,
    /// What.
    pub touch: Touch,
}

/// What a click does. Nothing that reaches the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Touch {
    /// What a key does.
    Act(Act),
    /// Marks a pod, by its uid.
    Pod(String),
    /// Shows the timeline in whole.
    Timeline,
}

impl<'a> Scene<'a> {
    /// A scene.
    #[must_use]
    pub const fn new(run: &'a Run, now: At, theme: &'a Theme, hands: &'a Hands) -> Scene<'a> {
        Scene { run, now, theme, hands, frozen: None, spots: None }
    }

    /// The same, with a picture that stands still in place of the run.
    #[must_use]
    pub fn frozen(self, held: Option<&'a (Box<Run>, At)>) -> Scene<'a> {
        Scene { frozen: held.map(|(run, at)| (&**run, *at)), ..self }
    }

    /// The same, noting where a click does something.
    #[must_use]
    pub const fn noting(self, spots: &'a RefCell<Vec<Spot>>) -> Scene<'a> {
        Scene { spots: Some(spots), ..self }
    }

    /// What is drawn of the run itself: as it stood when the picture was frozen, or as it is.
    #[must_use]
    pub fn thawed(self) -> Scene<'a> {
        self.frozen.map_or(self, |(run, now)| Scene { run, now, ..self })
    }

    /// A click there does this.
    pub fn spot(&self, area: Rect, touch: impl FnOnce() -> Touch) {
        if let Some(spots) = self.spots {
            spots.borrow_mut().push(Spot { area, touch: touch() });
        }
    }

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
            let to = match self.run.recovered(state.id).unwrap_or(back) {
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

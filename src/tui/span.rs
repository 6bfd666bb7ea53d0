//! The time that a chart shows, and where its 0 is.

use std::time::Duration;

use crate::clock::At;
use crate::run::Run;
use crate::tui::charts::Line;
use crate::tui::scene::{impact, round_up};
use crate::tui::zoom::{Part, Zoom};
use crate::wording;

/// From when to when a chart goes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Span {
    /// Its 0: when the first fault hit; until one has, the moment that is shown.
    pub zero: At,
    /// Whether a fault has hit.
    pub hit: bool,
    /// Its begin, in seconds of the run's clock.
    from: f64,
    /// Its end.
    to: f64,
    /// Whether it is a part of what there is.
    pub zoomed: bool,
}

impl Span {
    /// All that there is to show of these lines at `now`, to an end that reads well.
    #[must_use]
    pub fn whole(run: &Run, now: At, lines: &[Line<'_>]) -> Span {
        let first = lines.iter().filter_map(|line| line.series.curve.points().first()).map(|(at, _)| *at).min().unwrap_or(now);
        let fitting = |steps: &[f64], span: Duration| {
            steps.iter().copied().find(|step| *step >= span.as_secs_f64()).unwrap_or_else(|| round_up(span.as_secs_f64()))
        };
        let hit = impact(run);
        let zero = hit.unwrap_or(now);
        let (before, after) = if hit.is_some() {
            let after = &[15.0, 30.0, 60.0, 120.0, 180.0, 300.0, 600.0, 900.0, 1800.0, 3600.0];
            let before = zero.since(first).min(Duration::from_secs(30));
            (fitting(&[5.0, 10.0, 15.0, 30.0], before), fitting(after, now.since(zero)))
        } else {
            (fitting(&[10.0, 30.0, 60.0], now.since(first).min(Duration::from_mins(1))), 0.0)
        };
        Span { zero, hit: hit.is_some(), from: zero.seconds() - before, to: zero.seconds() + after, zoomed: false }
    }

    /// What the operator wants to see of it.
    #[must_use]
    pub fn shown(self, zoom: &Zoom) -> Span {
        zoom.part().map_or(self, |Part { from, to }| Span { from, to, zoomed: true, ..self })
    }

    /// As a part of the run's time.
    #[must_use]
    pub const fn part(&self) -> Part {
        Part { from: self.from, to: self.to }
    }

    /// Where in it a moment is: 0 at its begin, 1 at its end.
    #[must_use]
    pub fn place(&self, at: At) -> f64 {
        (at.seconds() - self.from) / (self.to - self.from).max(f64::MIN_POSITIVE)
    }

    /// Its begin and its end, in seconds of the run's clock.
    #[must_use]
    pub const fn bounds(&self) -> (f64, f64) {
        (self.from, self.to)
    }

    /// Its begin and its end, in seconds from its 0.
    #[must_use]
    pub fn ends(&self) -> (f64, f64) {
        (self.from - self.zero.seconds(), self.to - self.zero.seconds())
    }

    /// A moment in it, as it is read out.
    #[must_use]
    pub fn says(&self, run: &Run, at: At) -> String {
        if self.hit { signed(tenths(at.seconds() - self.zero.seconds()), " s") } else { wording::t_plus(run, at).trim().to_owned() }
    }
}

fn tenths(seconds: f64) -> f64 {
    (seconds * 10.0).round() / 10.0
}

/// A number of seconds with its sign: `+15s`, `−0.4s`.
fn signed(seconds: f64, unit: &str) -> String {
    let sign = if seconds < 0.0 { "−" } else { "+" };
    format!("{sign}{}{unit}", tidy(seconds.abs()))
}

/// A place on the axis, in seconds from its 0: `+15s`, `−2.5s`, `+3m`.
#[must_use]
pub fn label(seconds: f64) -> String {
    let seconds = tenths(seconds);
    if seconds.abs() >= 120.0 { signed(seconds / 60.0, "m") } else { signed(seconds, "s") }
}

fn tidy(value: f64) -> String {
    let text = format!("{value:.1}");
    text.strip_suffix(".0").map_or(text.clone(), ToOwned::to_owned)
}

//! How fast a counter or gauge moves within a window.
//!
//! Pure functions of one [`Window`]; `over_time` gives them their names. All lengths that enter
//! a result are seconds.

use super::float::{Sum, count, seconds};
use super::window::Window;

/// Whether falling values are resets (a counter) or meant (a gauge).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Counter,
    Gauge,
}

/// `increase` of a counter, `delta` of a gauge: the change over the whole window, extrapolated
/// to its edges as Prometheus does. None for fewer than two samples.
pub(super) fn change(window: &Window<'_>, kind: Kind) -> Option<f64> {
    let (change, factor) = extrapolated(window, kind)?;
    Some(change * factor)
}

/// `rate`: the extrapolated increase of a counter, per second.
pub(super) fn per_second(window: &Window<'_>) -> Option<f64> {
    let (change, factor) = extrapolated(window, Kind::Counter)?;
    let length = seconds(window.to.saturating_sub(window.from));
    Some(change * (factor / length))
}

/// The change between the first and the last sample, and the factor by which the whole window
/// is longer. Kept apart so that the last digits come out as Prometheus' do.
fn extrapolated(window: &Window<'_>, kind: Kind) -> Option<(f64, f64)> {
    let (first, last) = ends(window)?;
    let (first_value, last_value) = (*window.values.first()?, *window.values.last()?);
    let mut change = last_value - first_value;
    if kind == Kind::Counter {
        for pair in window.values.windows(2) {
            if pair[1] < pair[0] {
                change += pair[0];
            }
        }
    }
    let sampled = seconds(last - first);
    let average = sampled / count(window.times.len() - 1);
    // a gap at an edge longer than this means the series began or ended inside the window
    let threshold = average * 1.1;
    let mut to_start = seconds(first - window.from);
    if to_start >= threshold {
        to_start = average / 2.0;
    }
    if kind == Kind::Counter && change > 0.0 && first_value >= 0.0 {
        // a counter cannot have been below zero
        let to_zero = sampled * (first_value / change);
        if to_zero < to_start {
            to_start = to_zero;
        }
    }
    let mut to_end = seconds(window.to - last);
    if to_end >= threshold {
        to_end = average / 2.0;
    }
    Some((change, (sampled + to_start + to_end) / sampled))
}

/// `irate`: the increase between the last two samples, per second.
pub(super) fn last_per_second(window: &Window<'_>) -> Option<f64> {
    let &[.., before, last] = window.values else {
        return None;
    };
    let &[.., from, to] = window.times else {
        return None;
    };
    let increase = if last < before { last } else { last - before };
    Some(increase / seconds(to - from))
}

/// `idelta`: the difference of the last two samples.
pub(super) fn last_change(window: &Window<'_>) -> Option<f64> {
    match window.values {
        &[.., before, last] => Some(last - before),
        _ => None,
    }
}

/// `changes`: how often the value changed; NaN after NaN is no change.
#[expect(clippy::float_cmp, reason = "a changed value is one that is not the same")]
pub(super) fn changes(window: &Window<'_>) -> f64 {
    let changed = |pair: &&[f64]| pair[0] != pair[1] && !(pair[0].is_nan() && pair[1].is_nan());
    count(window.values.windows(2).filter(changed).count())
}

/// `resets`: how often the value fell.
pub(super) fn resets(window: &Window<'_>) -> f64 {
    let fell = |pair: &&[f64]| pair[1] < pair[0];
    count(window.values.windows(2).filter(fell).count())
}

/// A straight line fitted through a window.
#[derive(Debug, Clone, Copy)]
pub(super) struct Line {
    /// Per second.
    pub(super) slope: f64,
    /// The line's value at the moment it was asked for.
    pub(super) value: f64,
}

/// The least-squares line, with its value at `origin` (milliseconds). None for fewer than two
/// samples.
#[expect(clippy::float_cmp, reason = "a flat line is one whose values are all the same")]
pub(super) fn line(window: &Window<'_>, origin: i64) -> Option<Line> {
    ends(window)?;
    let level = *window.values.first()?;
    if window.values.iter().all(|value| *value == level) {
        return Some(if level.is_infinite() { Line { slope: f64::NAN, value: f64::NAN } } else { Line { slope: 0.0, value: level } });
    }
    let mut sums = [Sum::default(); 4];
    for (at, y) in window.times.iter().zip(window.values) {
        let x = seconds(at.saturating_sub(origin));
        for (sum, value) in sums.iter_mut().zip([x, *y, x * y, x * x]) {
            sum.add(value);
        }
    }
    let [xs, ys, products, squares] = sums.map(Sum::value);
    let samples = count(window.times.len());
    let slope = (products - xs * ys / samples) / (squares - xs * xs / samples);
    Some(Line { slope, value: ys / samples - slope * xs / samples })
}

/// Times of the first and last sample, if there are two.
fn ends(window: &Window<'_>) -> Option<(i64, i64)> {
    match window.times {
        &[first, .., last] => Some((first, last)),
        _ => None,
    }
}

//! A number over time, at every resolution: what a chart of any length is drawn from in bounded time.
//!
//! Owns [`Curve`]. Every point is kept as it came; beside them stand stretches of four, sixteen, sixty-four points and so on,
//! each with the least and the greatest number in it, so that an hour costs a chart no more than a minute.

use std::time::Duration;

use crate::clock::At;
use crate::text::Untrusted;

/// The longest pause between two answers that is no gap.
pub const GAP: Duration = Duration::from_millis(3500);
/// How many stretches make one of the next level.
const FANOUT: usize = 4;

/// One line: its labels, and its number over time.
#[derive(Clone, Debug)]
pub struct Series {
    /// Its labels; empty for a single value.
    pub labels: Untrusted,
    /// Its points.
    pub curve: Curve,
}

/// A number over time; `None` where it was asked for and there was none.
#[derive(Clone, Debug)]
pub struct Curve {
    gap: Duration,
    points: Vec<(At, Option<f64>)>,
    /// Of each level the whole stretches, oldest first.
    levels: Vec<Vec<Stretch>>,
    highest: Option<f64>,
}

/// What a curve did from one moment to another.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stretch {
    /// Its first point.
    pub from: At,
    /// Its last.
    pub to: At,
    /// The least and the greatest number in it.
    pub range: Option<(f64, f64)>,
    /// Whether there is no gap in it.
    pub whole: bool,
}

impl Stretch {
    const fn point((at, value): (At, Option<f64>)) -> Stretch {
        let range = match value {
            Some(value) => Some((value, value)),
            None => None,
        };
        Stretch { from: at, to: at, range, whole: value.is_some() }
    }
}

impl Curve {
    /// Of answers: a pause of more than [`GAP`] is a gap.
    #[must_use]
    pub const fn sampled() -> Curve {
        Curve::with(GAP)
    }

    /// Of a number that stands until it changes.
    #[must_use]
    pub const fn standing() -> Curve {
        Curve::with(Duration::MAX)
    }

    const fn with(gap: Duration) -> Curve {
        Curve { gap, points: Vec::new(), levels: Vec::new(), highest: None }
    }

    /// Adds a point, never before the last; what is no finite number is none.
    pub fn push(&mut self, at: At, value: Option<f64>) {
        let at = at.max(self.last().map_or(At::ZERO, |(at, _)| at));
        let value = value.filter(|value| value.is_finite());
        self.highest = self.highest.into_iter().chain(value).reduce(f64::max);
        self.points.push((at, value));
        let (mut size, mut level) = (FANOUT, 0);
        while self.points.len().is_multiple_of(size) {
            let whole = self.joined(level);
            match self.levels.get_mut(level) {
                Some(stretches) => stretches.push(whole),
                None => self.levels.push(vec![whole]),
            }
            (size, level) = (size * FANOUT, level + 1);
        }
    }

    /// The last stretches below a level as one of that level.
    fn joined(&self, level: usize) -> Stretch {
        let below: Vec<Stretch> = match level.checked_sub(1).and_then(|below| self.levels.get(below)) {
            Some(stretches) => stretches[stretches.len().saturating_sub(FANOUT)..].to_vec(),
            None => self.points[self.points.len().saturating_sub(FANOUT)..].iter().map(|point| Stretch::point(*point)).collect(),
        };
        let ranges = below.iter().filter_map(|stretch| stretch.range);
        Stretch {
            from: below.first().map_or(At::ZERO, |stretch| stretch.from),
            to: below.last().map_or(At::ZERO, |stretch| stretch.to),
            range: ranges.reduce(|(low, high), (lower, higher)| (low.min(lower), high.max(higher))),
            whole: below.iter().all(|stretch| stretch.whole) && below.windows(2).all(|pair| self.joins(&pair[0], &pair[1])),
        }
    }

    /// Whether a line goes from one stretch to the next.
    #[must_use]
    pub fn joins(&self, before: &Stretch, next: &Stretch) -> bool {
        before.range.is_some() && next.range.is_some() && next.from.since(before.to) <= self.gap
    }

    /// Every point, oldest first.
    #[must_use]
    pub fn points(&self) -> &[(At, Option<f64>)] {
        &self.points
    }

    /// The newest point.
    #[must_use]
    pub fn last(&self) -> Option<(At, Option<f64>)> {
        self.points.last().copied()
    }

    /// The newest point that is not after a moment, and whether it is the last of all.
    #[must_use]
    pub fn until(&self, at: At) -> Option<(At, Option<f64>, bool)> {
        let index = self.points.partition_point(|(then, _)| *then <= at).checked_sub(1)?;
        let (then, value) = *self.points.get(index)?;
        Some((then, value, index + 1 == self.points.len()))
    }

    /// The greatest number that it ever was.
    #[must_use]
    pub const fn highest(&self) -> Option<f64> {
        self.highest
    }

    /// What it did between two moments, in not many more than `most` stretches, with its neighbours before and after: points
    /// as they came where they are few enough, and else as fine as that many allow.
    #[must_use]
    pub fn between(&self, from: At, to: At, most: usize) -> Vec<Stretch> {
        let begin = self.points.partition_point(|(at, _)| *at < from).saturating_sub(1);
        let end = (self.points.partition_point(|(at, _)| *at <= to) + 1).min(self.points.len());
        let (mut widest, mut level) = (1, 0);
        while end.saturating_sub(begin) / widest > most && level < self.levels.len() {
            (widest, level) = (widest * FANOUT, level + 1);
        }
        let mut stretches = Vec::new();
        let mut at = begin / widest * widest;
        while at < end {
            // the newest points are not yet as many as make a stretch of the widest
            let (mut size, mut of) = (widest, level);
            let stretch = loop {
                let found = match of.checked_sub(1) {
                    Some(below) => self.levels.get(below).and_then(|stretches| stretches.get(at / size)).copied(),
                    None => self.points.get(at).map(|point| Stretch::point(*point)),
                };
                if found.is_some() || of == 0 {
                    break found;
                }
                (size, of) = (size / FANOUT, of - 1);
            };
            stretches.extend(stretch);
            at += size;
        }
        stretches
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn at(ms: u64) -> At {
        At::from_micros(ms * 1000)
    }

    proptest! {
        #[test]
        fn curve_should_show_no_number_it_never_was_nor_bridge_a_gap_at_any_resolution(
            points in vec((1u64..5000, proptest::option::of(0u32..100)), 1..400),
            (from, to, most) in (0u64..1_000_000, 0u64..1_000_000, 1usize..60),
        ) {
            let (from, to) = (at(from.min(to)), at(from.max(to)));
            let (mut curve, mut now, mut known) = (Curve::sampled(), 0, Vec::new());
            for (pause, value) in points {
                now += pause;
                curve.push(at(now), value.map(f64::from));
                known.push((at(now), value.map(f64::from)));
            }
            let shown = curve.between(from, to, most);
            prop_assert!(shown.len() <= most + 3 * curve.levels.len() + 2, "{} of {most}", shown.len());
            prop_assert!(shown.windows(2).all(|pair| pair[0].to <= pair[1].from));
            for stretch in &shown {
                let of: Vec<_> = known.iter().filter(|(at, _)| (stretch.from..=stretch.to).contains(at)).collect();
                let numbers = || of.iter().filter_map(|(_, value)| *value);
                let range = numbers().reduce(f64::min).zip(numbers().reduce(f64::max));
                prop_assert_eq!(stretch.range, range);
                let gap = of.iter().any(|(_, value)| value.is_none()) || of.windows(2).any(|pair| pair[1].0.since(pair[0].0) > GAP);
                prop_assert_eq!(stretch.whole, !gap);
            }
            // nothing that lies between is left out
            for (at, _) in known.iter().filter(|(at, _)| (from..=to).contains(at)) {
                prop_assert!(shown.iter().any(|stretch| (stretch.from..=stretch.to).contains(at)));
            }
            prop_assert_eq!(curve.highest(), known.iter().filter_map(|(_, value)| *value).reduce(f64::max));
        }
    }

    #[test]
    fn curve_should_take_no_more_stretches_for_an_hour_than_for_a_minute() {
        let mut curve = Curve::sampled();
        (0..3600).for_each(|second| curve.push(at(second * 1000), Some(1.0)));
        assert!(curve.between(at(0), at(3_600_000), 400).len() <= 420);
        assert_eq!(curve.between(at(10_000), at(12_000), 400).len(), 5, "the points as they came, and their neighbours");
    }
}

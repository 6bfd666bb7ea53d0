//! Which series a selector means, and what they read at a moment.
//!
//! Called by the evaluator and by `window`. Reads the store, changes nothing.

use std::time::{Duration, UNIX_EPOCH};

use promql_parser::label::{MatchOp, Matcher};
use promql_parser::parser::{AtModifier, Offset, VectorSelector};
use regex::Regex;

use super::budget::Budget;
use super::error::PromqlError;
use super::float::seconds;
use super::frame::{Cell, Frame, Grid};
use super::labels::{Labels, NAME};
use super::store::{Series, Store, is_stale};

/// How far back the newest sample may lie to still count, in milliseconds; at exactly this age
/// it no longer does.
pub(super) const LOOK_BACK: i64 = 300_000;

/// A duration in milliseconds.
pub(super) fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// Where a selector looks when asked at a moment: its `@` and `offset`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Anchor {
    fixed: Option<i64>,
    offset: i64,
}

impl Anchor {
    /// `top` are the moments of the whole query, for `start()` and `end()`.
    pub(super) fn new(at: Option<&AtModifier>, offset: Option<&Offset>, top: Grid) -> Self {
        let fixed = at.map(|at| match at {
            AtModifier::Start => top.start,
            AtModifier::End => top.end,
            AtModifier::At(time) => match time.duration_since(UNIX_EPOCH) {
                Ok(after) => millis(after),
                Err(before) => -millis(before.duration()),
            },
        });
        let offset = match offset {
            None => 0,
            Some(Offset::Pos(back)) => millis(*back),
            Some(Offset::Neg(ahead)) => -millis(*ahead),
        };
        Self { fixed, offset }
    }

    /// The moment looked at when the query is at `moment`; never decreases as `moment` grows.
    pub(super) fn look(self, moment: i64) -> i64 {
        self.fixed.unwrap_or(moment).saturating_sub(self.offset)
    }
}

/// One label condition, ready to be held against series.
enum Condition<'a> {
    Equal(&'a str),
    NotEqual(&'a str),
    Like(&'a Regex),
    NotLike(&'a Regex),
}

impl<'a> Condition<'a> {
    fn new(matcher: &'a Matcher) -> Self {
        match &matcher.op {
            MatchOp::Equal => Self::Equal(&matcher.value),
            MatchOp::NotEqual => Self::NotEqual(&matcher.value),
            MatchOp::Re(regex) => Self::Like(regex),
            MatchOp::NotRe(regex) => Self::NotLike(regex),
        }
    }

    fn holds(&self, value: &str) -> bool {
        match self {
            Self::Equal(wanted) => value == *wanted,
            Self::NotEqual(unwanted) => value != *unwanted,
            Self::Like(regex) => regex.is_match(value),
            Self::NotLike(regex) => !regex.is_match(value),
        }
    }
}

/// The series `selector` means, in slot order.
pub(super) fn select<'a>(store: &'a Store, selector: &VectorSelector) -> Vec<&'a Series> {
    let mut conditions = Vec::with_capacity(selector.matchers.matchers.len() + 1);
    if let Some(name) = &selector.name {
        conditions.push((NAME, Condition::Equal(name)));
    }
    for matcher in &selector.matchers.matchers {
        conditions.push((matcher.name.as_str(), Condition::new(matcher)));
    }
    // the index holds no empty values: `x=""` also means series without x
    let shortest = conditions
        .iter()
        .filter_map(|(name, condition)| match condition {
            Condition::Equal(value) if !value.is_empty() => Some(store.slots_with(name, value)),
            _ => None,
        })
        .min_by_key(|slots| slots.len());
    let meant = |series: &&Series| conditions.iter().all(|(name, condition)| condition.holds(series.labels.get(name)));
    match shortest {
        Some(slots) => slots.iter().filter_map(|slot| store.at(*slot)).filter(meant).collect(),
        None => store.all().filter(meant).collect(),
    }
}

/// What an instant lookup returns of the sample it finds.
#[derive(Debug, Clone, Copy)]
pub(super) enum Read {
    /// The value.
    Value,
    /// The sample's time in seconds, for `timestamp()`.
    Time,
}

/// The newest samples of the selected series at every moment of `grid`.
pub(super) fn lookup(series: &[&Series], anchor: Anchor, grid: Grid, read: Read, budget: &Budget) -> Result<Frame, PromqlError> {
    let mut frame = Frame::new(grid.count);
    for series in series {
        budget.hold(grid.count)?;
        frame.push(series.labels.clone(), newest(series, anchor, grid, read));
    }
    Ok(frame)
}

fn newest(series: &Series, anchor: Anchor, grid: Grid, read: Read) -> impl Iterator<Item = Cell> {
    let (times, values) = (series.times(), series.values());
    let first = anchor.look(grid.start);
    let mut past = times.partition_point(|at| *at <= first);
    grid.moments().map(move |moment| {
        let look = anchor.look(moment);
        while times.get(past).is_some_and(|at| *at <= look) {
            past += 1;
        }
        let found = past.checked_sub(1)?;
        let (at, value) = (times[found], values[found]);
        if at <= look.saturating_sub(LOOK_BACK) || is_stale(value) {
            return None;
        }
        Some(match read {
            Read::Value => value,
            Read::Time => seconds(at),
        })
    })
}

/// The labels of `absent(selector)`: what the equality matchers pin down. A label matched in any
/// other way, or twice, is left out.
pub(super) fn absent_labels(selector: &VectorSelector) -> Labels {
    let mut labels = Labels::empty();
    let mut seen: Vec<&str> = Vec::new();
    for matcher in &selector.matchers.matchers {
        if matcher.name == NAME {
            continue;
        }
        let first = !seen.contains(&matcher.name.as_str());
        if first && matches!(matcher.op, MatchOp::Equal) {
            seen.push(&matcher.name);
            labels = labels.with(&matcher.name, &matcher.value);
        } else {
            labels = labels.with(&matcher.name, "");
        }
    }
    labels
}

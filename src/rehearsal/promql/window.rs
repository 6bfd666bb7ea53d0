//! Range vectors: for every moment the samples of the time before it.
//!
//! Made for a selector with a range (`x[5m]`) or a subquery, read by the functions over time.
//! Windows are left-open, without stale markers, and borrowed: sliding one costs no copy.

use std::borrow::Cow;

use super::budget::Budget;
use super::error::PromqlError;
use super::frame::{Frame, Grid};
use super::labels::{Labels, NAME};
use super::selector::Anchor;
use super::store::{Series, is_stale};
use super::value::Track;

/// What one moment sees of one series. Never empty.
#[derive(Debug, Clone, Copy)]
pub(super) struct Window<'a> {
    /// Times in milliseconds, ascending, all in `from` (exclusive) to `to` (inclusive).
    pub(super) times: &'a [i64],
    /// One value for each time.
    pub(super) values: &'a [f64],
    /// Where the window starts, in milliseconds.
    pub(super) from: i64,
    /// Where it ends, in milliseconds.
    pub(super) to: i64,
    /// The moment the query is at; differs from `to` under `offset` and `@`.
    pub(super) moment: i64,
}

/// The samples of one series that any window may see.
#[derive(Debug)]
struct Strip<'a> {
    labels: Labels,
    nameless: Labels,
    times: Cow<'a, [i64]>,
    values: Cow<'a, [f64]>,
}

/// A range vector at every moment of a grid.
#[derive(Debug)]
pub(super) struct Ranges<'a> {
    strips: Vec<Strip<'a>>,
    shape: Shape,
}

/// Where the windows of a range vector lie.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape {
    /// The moments of the query.
    pub(super) grid: Grid,
    /// The length of a window in milliseconds.
    pub(super) range: i64,
    /// The window's end, from the moment.
    pub(super) anchor: Anchor,
}

impl Shape {
    /// The first time seen by any window, exclusive.
    fn from(self) -> i64 {
        self.anchor.look(self.grid.start).saturating_sub(self.range)
    }

    /// The last time seen by any window, inclusive.
    fn to(self) -> i64 {
        self.anchor.look(self.grid.last())
    }

    /// The moments at which a subquery of this shape evaluates its inside: the multiples of
    /// `step` (milliseconds, positive) that its windows can see.
    pub(super) fn inner(self, step: i64) -> Grid {
        let from = self.from();
        let mut start = step * (from / step);
        if start <= from {
            start = start.saturating_add(step);
        }
        Grid::until(start, self.to(), step)
    }
}

impl<'a> Ranges<'a> {
    /// Windows over stored series.
    pub(super) fn of_series(series: &[&'a Series], shape: Shape) -> Self {
        let (from, to) = (shape.from(), shape.to());
        let strips = series
            .iter()
            .map(|series| {
                let first = series.times().partition_point(|at| *at <= from);
                let past = series.times().partition_point(|at| *at <= to).max(first);
                let times = &series.times()[first..past];
                let values = &series.values()[first..past];
                let (times, values) = if series.has_stale() {
                    let live = |place: &usize| !is_stale(values[*place]);
                    ((0..times.len()).filter(live).map(|i| times[i]).collect(), (0..times.len()).filter(live).map(|i| values[i]).collect())
                } else {
                    (Cow::Borrowed(times), Cow::Borrowed(values))
                };
                Strip { labels: series.labels.clone(), nameless: series.nameless(), times, values }
            })
            .collect();
        Self { strips, shape }
    }

    /// Windows over a subquery's inside, evaluated at `inner`.
    pub(super) fn of_frame(frame: &Frame, inner: Grid, shape: Shape) -> Self {
        let strips = frame
            .rows()
            .map(|(labels, cells)| {
                let (times, values): (Vec<i64>, Vec<f64>) =
                    inner.moments().zip(cells).filter_map(|(moment, cell)| cell.map(|value| (moment, value))).unzip();
                Strip { labels: labels.clone(), nameless: labels.without_name(), times: times.into(), values: values.into() }
            })
            .collect();
        Self { strips, shape }
    }

    /// Whether all series bear the same name, so that they are told apart without it.
    pub(super) fn one_name(&self) -> bool {
        self.strips.windows(2).all(|pair| pair[0].labels.get(NAME) == pair[1].labels.get(NAME))
    }

    /// What `reading` makes of every window, by series, with or without its name, and moment. It
    /// is handed the moment's index and never an empty window.
    pub(super) fn read(
        &self,
        budget: &Budget,
        named: bool,
        reading: impl Fn(usize, Window<'_>) -> Option<f64>,
    ) -> Result<Frame, PromqlError> {
        let Shape { grid, range, anchor } = self.shape;
        let mut frame = Frame::new(grid.count);
        let mut row = Vec::with_capacity(grid.count);
        for strip in &self.strips {
            budget.hold(grid.count)?;
            row.clear();
            let (mut first, mut past) = (0, 0);
            for (column, moment) in grid.moments().enumerate() {
                let to = anchor.look(moment);
                let from = to.saturating_sub(range);
                while strip.times.get(past).is_some_and(|at| *at <= to) {
                    past += 1;
                }
                while first < past && strip.times[first] <= from {
                    first += 1;
                }
                budget.visit(past - first)?;
                row.push(if first == past {
                    None
                } else {
                    let window = Window { times: &strip.times[first..past], values: &strip.values[first..past], from, to, moment };
                    reading(column, window)
                });
            }
            frame.push(if named { &strip.labels } else { &strip.nameless }.clone(), row.iter().copied());
        }
        Ok(frame)
    }

    /// The samples themselves, for a grid of one moment; series without any are left out.
    pub(super) fn tracks(&self) -> Vec<Track> {
        self.strips
            .iter()
            .filter(|strip| !strip.times.is_empty())
            .map(|strip| {
                let points = strip.times.iter().copied();
                Track { labels: strip.labels.clone(), points: points.zip(strip.values.iter().copied()).collect() }
            })
            .collect()
    }
}

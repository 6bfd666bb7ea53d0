//! What the evaluator computes with: the moments asked for, and values by series and moment.
//!
//! A whole range query is evaluated node by node, each node for all its moments at once, so that
//! work on labels is done once a series and not once a step. Used inside the room only.

use std::collections::{HashMap, HashSet};

use super::MAX_POINTS;
use super::budget::Budget;
use super::error::PromqlError;
use super::labels::Labels;

/// The moments of an evaluation: `count` of them (at least one, save for an empty subquery),
/// `step` apart, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Grid {
    pub(super) start: i64,
    /// As asked for; the last moment may lie before it.
    pub(super) end: i64,
    pub(super) step: i64,
    pub(super) count: usize,
}

impl Grid {
    /// One moment.
    pub(super) fn single(at: i64) -> Self {
        Self { start: at, end: at, step: 1, count: 1 }
    }

    /// The moments of a range query.
    pub(super) fn spanning(start: i64, end: i64, step: i64) -> Result<Self, PromqlError> {
        if end < start {
            return Err(PromqlError::EndBeforeStart);
        }
        if step <= 0 {
            return Err(PromqlError::StepNotPositive);
        }
        let grid = Self::until(start, end, step);
        match i64::try_from(grid.count) {
            Ok(count) if count <= MAX_POINTS + 1 => Ok(grid),
            Ok(_) | Err(_) => Err(PromqlError::TooManyPoints),
        }
    }

    /// From `start` to at most `end`; empty if `end` is earlier.
    pub(super) fn until(start: i64, end: i64, step: i64) -> Self {
        let count = match end.checked_sub(start) {
            Some(span) if span < 0 => 0,
            Some(span) => usize::try_from(span / step).unwrap_or(usize::MAX - 1) + 1,
            None if end < start => 0,
            None => usize::MAX,
        };
        Self { start, end, step, count }
    }

    /// The last moment.
    pub(super) fn last(self) -> i64 {
        self.moment(self.count.saturating_sub(1))
    }

    /// The moment with this index.
    pub(super) fn moment(self, index: usize) -> i64 {
        let steps = i64::try_from(index).unwrap_or(i64::MAX);
        self.start.saturating_add(self.step.saturating_mul(steps))
    }

    /// All moments, in order.
    pub(super) fn moments(self) -> impl Iterator<Item = i64> {
        (0..self.count).map(move |index| self.moment(index))
    }
}

/// A value, or none at that moment.
pub(super) type Cell = Option<f64>;

/// Values by series (rows) and moment (columns). A row without any value is never kept.
#[derive(Debug, Clone)]
pub(super) struct Frame {
    width: usize,
    rows: Vec<Labels>,
    cells: Vec<Cell>,
}

impl Frame {
    /// No rows, `width` moments.
    pub(super) fn new(width: usize) -> Self {
        Self { width, rows: Vec::new(), cells: Vec::new() }
    }

    /// How many moments.
    pub(super) fn width(&self) -> usize {
        self.width
    }

    /// How many series.
    pub(super) fn height(&self) -> usize {
        self.rows.len()
    }

    /// The labels of row `row`.
    pub(super) fn labels(&self, row: usize) -> &Labels {
        &self.rows[row]
    }

    /// The value of row `row` at moment `column`.
    pub(super) fn cell(&self, row: usize, column: usize) -> Cell {
        self.cells[row * self.width + column]
    }

    /// Labels and values of every row.
    pub(super) fn rows(&self) -> impl Iterator<Item = (&Labels, &[Cell])> {
        self.rows.iter().zip(self.cells.chunks_exact(self.width.max(1)))
    }

    /// Whether row after row is empty at moment `column`.
    pub(super) fn is_empty_at(&self, column: usize) -> bool {
        (0..self.height()).all(|row| self.cell(row, column).is_none())
    }

    /// Adds a row of `width` cells, unless it has no value at all. The caller vouches that the
    /// labels are new.
    pub(super) fn push(&mut self, labels: Labels, cells: impl IntoIterator<Item = Cell>) {
        let start = self.cells.len();
        self.cells.extend(cells);
        self.cells.resize(start + self.width, None);
        if self.cells[start..].iter().all(Option::is_none) {
            self.cells.truncate(start);
        } else {
            self.rows.push(labels);
        }
    }

    /// The same rows in the order given by indices.
    pub(super) fn reordered(&self, order: &[usize]) -> Self {
        let mut frame = Self::new(self.width);
        for row in order {
            let cells = &self.cells[row * self.width..(row + 1) * self.width];
            frame.push(self.labels(*row).clone(), cells.iter().copied());
        }
        frame
    }

    /// Errs if two rows carry the same labels, even at different moments: the rule for functions
    /// over ranges and for relabelling.
    pub(super) fn distinct(self) -> Result<Self, PromqlError> {
        let mut seen = HashSet::with_capacity(self.height());
        if !self.rows.iter().all(|labels| seen.insert(labels)) {
            return Err(PromqlError::DuplicateLabels);
        }
        Ok(self)
    }
}

/// A frame under construction whose rows are found by labels; rows of the same labels become one
/// as long as they never meet at the same moment.
#[derive(Debug)]
pub(super) struct Merge<'a> {
    frame: Frame,
    places: HashMap<Labels, usize>,
    budget: &'a Budget,
}

impl<'a> Merge<'a> {
    pub(super) fn new(width: usize, budget: &'a Budget) -> Self {
        Self { frame: Frame::new(width), places: HashMap::new(), budget }
    }

    /// The row with these labels, made if new.
    pub(super) fn row(&mut self, labels: Labels) -> Result<usize, PromqlError> {
        if let Some(row) = self.places.get(&labels) {
            return Ok(*row);
        }
        let Frame { width, rows, cells } = &mut self.frame;
        self.budget.hold(*width)?;
        let row = rows.len();
        rows.push(labels.clone());
        cells.resize(rows.len() * *width, None);
        self.places.insert(labels, row);
        Ok(row)
    }

    /// Sets a value; answers whether the place was free.
    pub(super) fn set(&mut self, row: usize, column: usize, value: f64) -> bool {
        let place = row * self.frame.width + column;
        self.frame.cells[place].replace(value).is_none()
    }

    /// Adds one to a value, from zero where there is none.
    pub(super) fn raise(&mut self, row: usize, column: usize) {
        let cell = &mut self.frame.cells[row * self.frame.width + column];
        *cell = Some(cell.unwrap_or(0.0) + 1.0);
    }

    /// Adds a row, or into the row with the same labels.
    pub(super) fn add(&mut self, labels: Labels, cells: impl IntoIterator<Item = Cell>) -> Result<(), PromqlError> {
        let row = self.row(labels)?;
        for (column, cell) in cells.into_iter().enumerate() {
            if let Some(value) = cell
                && !self.set(row, column, value)
            {
                return Err(PromqlError::DuplicateLabels);
            }
        }
        Ok(())
    }

    /// The frame, without rows that stayed empty.
    pub(super) fn finish(self) -> Frame {
        let mut frame = Frame::new(self.frame.width);
        for (labels, cells) in self.frame.rows() {
            frame.push(labels.clone(), cells.iter().copied());
        }
        frame
    }
}

#[cfg(test)]
mod tests {
    use super::{Budget, Frame, Grid, Labels, Merge, PromqlError};

    #[test]
    fn grid_should_include_both_ends_and_refuse_too_many_points() {
        assert_eq!(Grid::spanning(0, 10, 5).unwrap().count, 3);
        assert_eq!(Grid::spanning(0, 9, 5).unwrap().last(), 5);
        assert_eq!(Grid::spanning(0, 11_000, 1).unwrap().count, 11_001);
        for (start, end, step, error) in [
            (0, 11_001, 1, PromqlError::TooManyPoints),
            (i64::MIN, i64::MAX, 1, PromqlError::TooManyPoints),
            (1, 0, 1, PromqlError::EndBeforeStart),
            (0, 1, 0, PromqlError::StepNotPositive),
        ] {
            assert_eq!(Grid::spanning(start, end, step), Err(error));
        }
    }

    #[test]
    fn rows_of_the_same_labels_should_merge_only_where_they_do_not_meet() {
        let budget = Budget::default();
        let mut merge = Merge::new(2, &budget);
        merge.add(Labels::empty(), [Some(1.0), None]).unwrap();
        merge.add(Labels::empty(), [None, Some(2.0)]).unwrap();
        let met = merge.add(Labels::empty(), [Some(3.0), None]);
        assert_eq!(met, Err(PromqlError::DuplicateLabels));
        assert_eq!(merge.finish().height(), 1);
    }

    #[test]
    fn frame_should_not_keep_a_row_without_values() {
        let mut frame = Frame::new(2);
        frame.push(Labels::empty(), [None, None]);
        assert_eq!(frame.height(), 0);
    }
}

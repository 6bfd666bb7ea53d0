//! Binary operators between two vectors: which series of one side meets which of the other.
//!
//! Called by the evaluator. Follows Prometheus moment by moment: duplicates count as such only
//! where they exist at the same moment.

use std::collections::HashMap;

use promql_parser::parser::token::{T_LAND, T_LOR, T_LUNLESS, TokenId};
use promql_parser::parser::{BinModifier, LabelModifier, VectorMatchCardinality};

use super::binary::Operator;
use super::budget::Budget;
use super::error::PromqlError;
use super::frame::{Frame, Merge};
use super::labels::Labels;

/// Which labels decide that two series belong together.
#[derive(Debug, Clone, Copy)]
enum Key<'a> {
    /// `on (…)`.
    On(&'a [String]),
    /// `ignoring (…)`, or nothing said.
    Ignoring(&'a [String]),
}

impl<'a> Key<'a> {
    fn new(modifier: Option<&'a BinModifier>) -> Self {
        match modifier.and_then(|modifier| modifier.matching.as_ref()) {
            Some(LabelModifier::Include(names)) => Self::On(&names.labels),
            Some(LabelModifier::Exclude(names)) => Self::Ignoring(&names.labels),
            None => Self::Ignoring(&[]),
        }
    }

    fn of(self, labels: &Labels) -> Labels {
        match self {
            Self::On(names) => labels.only(names),
            Self::Ignoring(names) => labels.without_name_and(names),
        }
    }
}

/// Numbers the match groups of two frames, so that rows are compared by number.
#[derive(Debug, Default)]
struct Groups(HashMap<Labels, usize>);

impl Groups {
    fn of(&mut self, frame: &Frame, key: Key<'_>) -> Vec<usize> {
        let rows = 0..frame.height();
        rows.map(|row| {
            let next = self.0.len();
            *self.0.entry(key.of(frame.labels(row))).or_insert(next)
        })
        .collect()
    }
}

/// Which side may have several series for one match group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Many {
    Neither,
    Left,
    Right,
}

/// An arithmetic or comparison operator between two vectors.
pub(super) fn join(
    operator: Operator,
    modifier: Option<&BinModifier>,
    left: &Frame,
    right: &Frame,
    budget: &Budget,
) -> Result<Frame, PromqlError> {
    let (many, included): (Many, &[String]) = match modifier.map(|modifier| &modifier.card) {
        Some(VectorMatchCardinality::ManyToOne(labels)) => (Many::Left, &labels.labels),
        Some(VectorMatchCardinality::OneToMany(labels)) => (Many::Right, &labels.labels),
        Some(VectorMatchCardinality::OneToOne | VectorMatchCardinality::ManyToMany) | None => (Many::Neither, &[]),
    };
    let (many_side, one_side) = match many {
        Many::Neither | Many::Left => (left, right),
        Many::Right => (right, left),
    };
    let key = Key::new(modifier);
    let mut groups = Groups::default();
    let mut join = Join {
        operator,
        key,
        many,
        included,
        many_keys: groups.of(many_side, key),
        one_keys: groups.of(one_side, key),
        many_side,
        one_side,
        merge: Merge::new(left.width(), budget),
        places: HashMap::new(),
    };
    let mut partners = vec![None; groups.0.len()];
    let mut taken = vec![None; groups.0.len()];
    for column in 0..left.width() {
        if !many_side.is_empty_at(column) {
            join.find_partners(column, &mut partners)?;
            join.meet(column, &partners, &mut taken)?;
        }
    }
    Ok(join.merge.finish())
}

/// Two vectors being joined.
#[derive(Debug)]
struct Join<'a> {
    operator: Operator,
    key: Key<'a>,
    many: Many,
    included: &'a [String],
    many_keys: Vec<usize>,
    one_keys: Vec<usize>,
    many_side: &'a Frame,
    one_side: &'a Frame,
    merge: Merge<'a>,
    places: HashMap<(usize, usize), usize>,
}

impl Join<'_> {
    /// For each match group the one row of the "one" side that is there at `column`.
    fn find_partners(&self, column: usize, partners: &mut [Option<usize>]) -> Result<(), PromqlError> {
        partners.fill(None);
        for (row, group) in self.one_keys.iter().enumerate() {
            let present = self.one_side.cell(row, column).is_some();
            if present && partners[*group].replace(row).is_some() {
                let side = match self.many {
                    Many::Neither | Many::Left => "right",
                    Many::Right => "left",
                };
                return Err(PromqlError::ManyToMany { group: self.key.of(self.one_side.labels(row)).to_string(), side });
            }
        }
        Ok(())
    }

    /// The results at `column`. `taken` remembers at which column a group last had one.
    fn meet(&mut self, column: usize, partners: &[Option<usize>], taken: &mut [Option<usize>]) -> Result<(), PromqlError> {
        for row in 0..self.many_side.height() {
            let group = self.many_keys[row];
            let Some((partner, result)) = self.result(row, partners[group], column) else {
                continue;
            };
            if self.many == Many::Neither && taken[group].replace(column) == Some(column) {
                return Err(PromqlError::ManyToOne);
            }
            let place = self.place(row, partner)?;
            if !self.merge.set(place, column, result) {
                return Err(match self.many {
                    Many::Neither => PromqlError::DuplicateLabels,
                    Many::Left | Many::Right => PromqlError::AmbiguousGroup,
                });
            }
        }
        Ok(())
    }

    /// What the operator makes of `row` and its partner, if both are there and it keeps them.
    fn result(&self, row: usize, partner: Option<usize>, column: usize) -> Option<(usize, f64)> {
        let partner = partner?;
        let ours = self.many_side.cell(row, column)?;
        let theirs = self.one_side.cell(partner, column)?;
        let result = match self.many {
            Many::Neither | Many::Left => self.operator.apply(ours, theirs),
            Many::Right => self.operator.apply(theirs, ours),
        };
        Some((partner, result?))
    }

    /// The row of the answer for this pair; its labels are worked out once.
    fn place(&mut self, row: usize, partner: usize) -> Result<usize, PromqlError> {
        if let Some(place) = self.places.get(&(row, partner)) {
            return Ok(*place);
        }
        let labels = self.labels(self.many_side.labels(row), self.one_side.labels(partner));
        let place = self.merge.row(labels)?;
        self.places.insert((row, partner), place);
        Ok(place)
    }

    /// The "many" side's labels; without grouping only those of the match survive, with it the
    /// included ones come from the "one" side.
    fn labels(&self, many: &Labels, one: &Labels) -> Labels {
        let mut labels = if self.operator.keeps_name() { many.clone() } else { many.without_name() };
        if self.many == Many::Neither {
            labels = match self.key {
                Key::On(names) => labels.only(names),
                Key::Ignoring(names) => labels.without(names),
            };
        }
        for name in self.included {
            labels = labels.with(name, one.get(name));
        }
        labels
    }
}

/// Whether `token` is a set operator.
pub(super) fn is_set_operator(token: TokenId) -> bool {
    matches!(token, T_LAND | T_LOR | T_LUNLESS)
}

/// `and`, `or`, `unless`: which series of both sides remain, with their own labels and values.
pub(super) fn combine(
    token: TokenId,
    modifier: Option<&BinModifier>,
    left: &Frame,
    right: &Frame,
    budget: &Budget,
) -> Result<Frame, PromqlError> {
    let key = Key::new(modifier);
    let mut groups = Groups::default();
    let left_keys = groups.of(left, key);
    let right_keys = groups.of(right, key);
    let mut merge = Merge::new(left.width(), budget);
    // `or` shows the right side where the left has nothing; the others show the left
    let (shown, shown_keys, other, other_keys) = match token {
        T_LOR => (right, right_keys, left, left_keys),
        _ => (left, left_keys, right, right_keys),
    };
    let present = presence(other, &other_keys, groups.0.len(), budget)?;
    if token == T_LOR {
        for (labels, cells) in left.rows() {
            merge.add(labels.clone(), cells.iter().copied())?;
        }
    }
    let wanted = token == T_LAND;
    let width = left.width();
    for ((labels, cells), group) in shown.rows().zip(&shown_keys) {
        let met = &present[group * width..(group + 1) * width];
        let kept = cells.iter().zip(met);
        merge.add(labels.clone(), kept.map(|(cell, met)| cell.filter(|_| *met == wanted)))?;
    }
    Ok(merge.finish())
}

/// For each match group and moment, group after group, whether `frame` has a series there.
fn presence(frame: &Frame, keys: &[usize], groups: usize, budget: &Budget) -> Result<Vec<bool>, PromqlError> {
    let size = groups.saturating_mul(frame.width());
    budget.hold(size)?;
    let mut present = vec![false; size];
    for ((_, cells), group) in frame.rows().zip(keys) {
        for (column, cell) in cells.iter().enumerate() {
            present[group * frame.width() + column] |= cell.is_some();
        }
    }
    Ok(present)
}

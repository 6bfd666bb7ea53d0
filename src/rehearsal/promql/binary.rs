//! Binary operators, value by value, and between a vector and a number.
//!
//! The evaluator evaluates both sides and calls this; `matching` pairs two vectors and asks an
//! [`Operator`] for each pair.

use promql_parser::parser::token::{T_ADD, T_ATAN2, T_DIV, T_EQLC, T_GTE, T_GTR, T_LSS, T_LTE, T_MOD, T_MUL, T_NEQ, T_POW, T_SUB, TokenId};

use super::budget::Budget;
use super::error::PromqlError;
use super::frame::{Cell, Frame, Merge};
use super::labels::Labels;

/// What a comparison does with its verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// Keeps the value where it holds: a filter.
    Filters,
    /// Becomes 1 or 0: `bool`.
    Counts,
}

/// An arithmetic or comparison operator.
#[derive(Debug, Clone, Copy)]
pub(super) enum Operator {
    /// A new value from two.
    Arithmetic(fn(f64, f64) -> f64),
    /// A test of two values.
    Comparison(Test),
}

/// A comparison and what is done with it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Test {
    holds: fn(&f64, &f64) -> bool,
    verdict: Verdict,
}

impl Operator {
    /// The operator of this token, if it is one; set operators are not.
    pub(super) fn new(token: TokenId, counts: bool) -> Option<Self> {
        let arithmetic: fn(f64, f64) -> f64 = match token {
            T_ADD => |left, right| left + right,
            T_SUB => |left, right| left - right,
            T_MUL => |left, right| left * right,
            T_DIV => |left, right| left / right,
            T_MOD => |left, right| left % right,
            T_POW => f64::powf,
            T_ATAN2 => f64::atan2,
            _ => return Self::comparison(token, counts),
        };
        Some(Self::Arithmetic(arithmetic))
    }

    fn comparison(token: TokenId, counts: bool) -> Option<Self> {
        let holds: fn(&f64, &f64) -> bool = match token {
            T_EQLC => f64::eq,
            T_NEQ => f64::ne,
            T_GTR => f64::gt,
            T_LSS => f64::lt,
            T_GTE => f64::ge,
            T_LTE => f64::le,
            _ => return None,
        };
        let verdict = if counts { Verdict::Counts } else { Verdict::Filters };
        Some(Self::Comparison(Test { holds, verdict }))
    }

    /// The result for two values; none where a comparison filters it away. A comparison that
    /// holds gives the left value.
    pub(super) fn apply(self, left: f64, right: f64) -> Cell {
        match self {
            Self::Arithmetic(operate) => Some(operate(left, right)),
            Self::Comparison(test) => {
                let holds = (test.holds)(&left, &right);
                match test.verdict {
                    Verdict::Filters => holds.then_some(left),
                    Verdict::Counts => Some(f64::from(u8::from(holds))),
                }
            }
        }
    }

    /// Whether the result keeps the metric's name: only a filter does.
    pub(super) fn keeps_name(self) -> bool {
        match self {
            Self::Arithmetic(_) => false,
            Self::Comparison(test) => test.verdict == Verdict::Filters,
        }
    }

    fn rename(self, labels: &Labels) -> Labels {
        if self.keeps_name() { labels.clone() } else { labels.without_name() }
    }

    /// Two numbers, moment by moment. A comparison counts, with or without `bool`.
    pub(super) fn on_scalars(self, left: &[f64], right: &[f64]) -> Vec<f64> {
        let pairs = left.iter().zip(right);
        pairs.map(|(left, right)| self.apply(*left, *right).unwrap_or(f64::NAN)).collect()
    }

    /// A vector on the left, a number on the right.
    pub(super) fn on_vector_and_scalar(self, left: &Frame, right: &[f64], budget: &Budget) -> Result<Frame, PromqlError> {
        let mut merge = Merge::new(left.width(), budget);
        for (labels, cells) in left.rows() {
            let pairs = cells.iter().zip(right);
            let results = pairs.map(|(cell, right)| self.apply((*cell)?, *right));
            merge.add(self.rename(labels), results)?;
        }
        Ok(merge.finish())
    }

    /// A number on the left, a vector on the right. A filter keeps the vector's value.
    pub(super) fn on_scalar_and_vector(self, left: &[f64], right: &Frame, budget: &Budget) -> Result<Frame, PromqlError> {
        let mut merge = Merge::new(right.width(), budget);
        for (labels, cells) in right.rows() {
            let pairs = left.iter().zip(cells);
            let results = pairs.map(|(left, cell)| {
                let right = (*cell)?;
                let result = self.apply(*left, right)?;
                Some(if self.keeps_name() { right } else { result })
            });
            merge.add(self.rename(labels), results)?;
        }
        Ok(merge.finish())
    }
}

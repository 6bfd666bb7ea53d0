//! The practice cluster's metrics: a small in-memory store and a `PromQL` evaluator over it.
//!
//! The rehearsal's scrapers write samples of simulated time into a [`Store`]; its Prometheus
//! endpoint asks [`instant`] and [`range`] and sends what [`wire`] renders. The language is
//! read by `promql-parser`; the meaning is ours and follows Prometheus 3 (left-open windows, a
//! look-back of five minutes, stale markers, extrapolation), held against recorded answers of a
//! real Prometheus in `tests/promql_golden.rs`.
//!
//! This room knows no clock, no network, no randomness and no hash order: the same store and
//! the same question always give the same answer. What it does not support (native histograms,
//! experimental functions) is refused by name, never guessed. No query text makes it panic.

mod aggregate;
mod binary;
mod budget;
mod calendar;
mod error;
mod evaluator;
mod float;
mod frame;
mod function;
mod histogram;
mod labels;
mod matching;
mod over_time;
mod query;
mod rate;
mod relabel;
mod selector;
mod store;
mod value;
mod window;
pub mod wire;

#[cfg(test)]
mod tests;

pub use error::{PromqlError, StoreError};
pub use labels::Labels;
pub use store::{STALE, SeriesId, Store};
pub use value::{Point, Sample, Track, Value};

use std::sync::Arc;

use promql_parser::parser::Expr;
use promql_parser::parser::value::ValueType;

use evaluator::Evaluator;
use frame::Grid;

/// The most steps a range answer may span, as in Prometheus; with both ends included it has one
/// point more.
pub const MAX_POINTS: i64 = 11_000;

/// A query that was read, to be asked again and again.
#[derive(Debug, Clone)]
pub struct Query(Arc<Expr>);

impl Query {
    /// Reads `text`.
    ///
    /// # Errors
    /// The text is no `PromQL`, or asks for something not in rehearsal.
    pub fn parse(text: &str) -> Result<Self, PromqlError> {
        query::parse(text).map(|expr| Self(Arc::new(expr)))
    }

    /// Its answer at one moment, as [`instant`].
    ///
    /// # Errors
    /// It breaks a rule while it is evaluated.
    pub fn instant(&self, store: &Store, at_ms: i64) -> Result<Value, PromqlError> {
        Evaluator::new(store, Grid::single(at_ms)).instant(&self.0)
    }

    /// Its answer at every step, as [`range`].
    ///
    /// # Errors
    /// As [`range`], but for those of the text.
    pub fn range(&self, store: &Store, start_ms: i64, end_ms: i64, step_ms: i64) -> Result<Value, PromqlError> {
        let grid = Grid::spanning(start_ms, end_ms, step_ms)?;
        match self.0.value_type() {
            ValueType::Scalar | ValueType::Vector => Evaluator::new(store, grid).range(&self.0),
            ValueType::Matrix => Err(PromqlError::RangeType("range vector")),
            ValueType::String => Err(PromqlError::RangeType("string")),
        }
    }
}

/// Answers `text` at one moment, as `/api/v1/query` does.
///
/// `at_ms` is simulated Unix time in milliseconds. Vectors come back sorted by labels, except
/// where the query itself orders them (`sort`, `topk`).
///
/// # Errors
/// A [`PromqlError`]: the text is no `PromQL`, asks for something not in rehearsal, or breaks a
/// rule while it is evaluated (duplicate label sets, many-to-many matching, too large).
pub fn instant(store: &Store, text: &str, at_ms: i64) -> Result<Value, PromqlError> {
    Query::parse(text)?.instant(store, at_ms)
}

/// Answers `text` at every step from `start_ms` to `end_ms`, both included, as
/// `/api/v1/query_range` does.
///
/// Times are simulated Unix time and `step_ms` is a length, all in milliseconds. The answer is
/// always a [`Value::Matrix`], sorted by labels.
///
/// # Errors
/// As [`instant`]; besides, a step that is not positive, an end before the start, more than
/// [`MAX_POINTS`] steps, or an expression that is neither scalar nor vector.
pub fn range(store: &Store, text: &str, start_ms: i64, end_ms: i64, step_ms: i64) -> Result<Value, PromqlError> {
    Grid::spanning(start_ms, end_ms, step_ms)?;
    Query::parse(text)?.range(store, start_ms, end_ms, step_ms)
}

/// The labels of the series that any of these selectors means and that have a sample from `start_ms` to `end_ms`, sorted; of all series when
/// there are no selectors, as `/api/v1/series` and `/api/v1/labels` do.
///
/// # Errors
/// One of them is no selector.
pub fn series(store: &Store, selectors: &[&str], start_ms: i64, end_ms: i64) -> Result<Vec<Labels>, PromqlError> {
    let mut found = std::collections::BTreeSet::new();
    let mut take = |series: &store::Series| {
        let times = series.times();
        let first = times.partition_point(|at| *at < start_ms);
        if times.get(first).is_some_and(|at| *at <= end_ms) {
            found.insert(series.labels.clone());
        }
    };
    if selectors.is_empty() {
        store.all().for_each(&mut take);
    }
    for text in selectors {
        let Expr::VectorSelector(selector) = query::parse(text)? else {
            return Err(PromqlError::BadQuery("invalid expression type, must be a series selector".to_owned()));
        };
        selector::select(store, &selector).into_iter().for_each(&mut take);
    }
    Ok(found.into_iter().collect())
}

//! The answers: what a query returns to whoever asked.
//!
//! Plain values, made by the evaluator, read by `wire` and by tests.

use super::labels::Labels;

/// One value at one moment: time in simulated Unix milliseconds, and the value.
pub type Point = (i64, f64);

/// One element of an instant vector.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// Whose value it is.
    pub labels: Labels,
    /// When, in simulated Unix milliseconds, and what.
    pub point: Point,
}

/// One series of a range vector or of a range query's answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Track {
    /// Whose values they are.
    pub labels: Labels,
    /// Oldest first, never empty.
    pub points: Vec<Point>,
}

/// The answer to a query.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A number without labels.
    Scalar(Point),
    /// A string literal and the moment it was asked for.
    Text(i64, String),
    /// One value a series.
    Vector(Vec<Sample>),
    /// Several values a series.
    Matrix(Vec<Track>),
}

//! What can go wrong when the practice metrics are written or asked.
//!
//! Used by every file of the room. Messages keep Prometheus' wording where a person may know it
//! from there; a refusal of ours says "not in rehearsal" and what to do instead.

use thiserror::Error;

/// Why a query has no answer.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PromqlError {
    /// The text is not `PromQL`; holds the parser's reason.
    #[error("invalid parameter \"query\": parse error: {0}")]
    BadQuery(String),
    /// Valid `PromQL` that the practice cluster does not speak.
    #[error("{what} is not in rehearsal: {reason}")]
    NotInRehearsal {
        /// The function or feature, as a person writes it.
        what: String,
        /// Why, and what to use instead.
        reason: &'static str,
    },
    /// More operators and nesting than the evaluator will follow.
    #[error("query is too deep or too long for rehearsal (at most {limit} {what}): ask for its parts one by one")]
    TooComplex {
        /// The limit that was passed.
        limit: usize,
        /// What was counted.
        what: &'static str,
    },
    /// The evaluation would hold or visit more samples than allowed.
    #[error("query processing would load too many samples into memory in query execution: narrow the selector, the range or the step")]
    TooManySamples,
    /// A range query with more than [`super::MAX_POINTS`] points a series.
    #[error("exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)")]
    TooManyPoints,
    /// A range query whose end lies before its start.
    #[error("invalid parameter \"end\": end timestamp must not be before start time")]
    EndBeforeStart,
    /// A range query with a step of zero or less.
    #[error("invalid parameter \"step\": zero or negative query resolution step widths are not accepted. Try a positive integer")]
    StepNotPositive,
    /// A range query over an expression of this type.
    #[error("invalid parameter \"query\": invalid expression type \"{0}\" for range query, must be Scalar or instant Vector")]
    RangeType(&'static str),
    /// Two series of one answer carry the same labels.
    #[error("vector cannot contain metrics with the same labelset")]
    DuplicateLabels,
    /// The "one" side of a binary operation has two series for one match group.
    #[error(
        "found duplicate series for the match group {group} on the {side} hand-side of the operation; many-to-many matching not allowed: matching labels must be unique on one side"
    )]
    ManyToMany {
        /// The match group, as labels in braces.
        group: String,
        /// `left` or `right`.
        side: &'static str,
    },
    /// Several series on the left match one on the right without `group_left`.
    #[error("multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)")]
    ManyToOne,
    /// A grouped match gave two results with the same labels.
    #[error("multiple matches for labels: grouping labels must ensure unique matches")]
    AmbiguousGroup,
    /// An argument has a value the function cannot work with.
    #[error("{0}")]
    BadArgument(String),
}

impl PromqlError {
    /// A type the parser should have refused.
    pub(super) fn expected(wanted: &str) -> Self {
        Self::BadQuery(format!("expected type {wanted}"))
    }

    /// The `errorType` of the Prometheus HTTP API: `bad_data` when the question is at fault,
    /// `execution` when it failed on the data.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::BadQuery(_)
            | Self::NotInRehearsal { .. }
            | Self::TooComplex { .. }
            | Self::TooManyPoints
            | Self::EndBeforeStart
            | Self::StepNotPositive
            | Self::RangeType(_) => "bad_data",
            Self::TooManySamples
            | Self::DuplicateLabels
            | Self::ManyToMany { .. }
            | Self::ManyToOne
            | Self::AmbiguousGroup
            | Self::BadArgument(_) => "execution",
        }
    }
}

/// Why a sample was not taken into the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum StoreError {
    /// The series was forgotten by a trim: ask for its id again with `Store::series`.
    #[error("series was trimmed away: look it up again by its labels before appending")]
    Forgotten,
    /// The sample is not newer than the newest of its series.
    #[error("sample at {at_ms} ms is not after the newest of its series at {newest_ms} ms")]
    OutOfOrder {
        /// Time of the refused sample, in milliseconds.
        at_ms: i64,
        /// Time of the newest sample kept, in milliseconds.
        newest_ms: i64,
    },
    /// The store holds as many series as it may.
    #[error("store is full at {0} series: trim it or scrape fewer")]
    TooManySeries(usize),
    /// The store holds as many samples as it may.
    #[error("store is full at {0} samples: trim it more often")]
    TooManySamples(usize),
}

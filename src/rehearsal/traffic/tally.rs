//! What was counted of requests.

use std::collections::BTreeMap;

/// Upper ends of the histogram's buckets, in seconds; above the last is `+Inf`.
pub const BUCKETS: [f64; 11] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// The same as label values, with the one above them all.
pub const BUCKET_LABELS: [&str; 12] = ["0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1", "2.5", "5", "10", "+Inf"];

/// The methods of requests.
pub const METHODS: [&str; 2] = ["GET", "POST"];

/// What came of a call, as its caller has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// This code was answered.
    Code(u16),
    /// Nothing came in time.
    Timeout,
    /// The connection was refused or cut.
    Refused,
    /// There was nobody to send it to.
    Nobody,
}

impl Outcome {
    /// What a proxy would say with this code, where no pod has answered.
    #[must_use]
    pub fn without_answer(code: u16) -> Self {
        match code {
            503 => Self::Nobody,
            504 => Self::Timeout,
            _ => Self::Refused,
        }
    }

    /// The label value.
    #[must_use]
    pub fn label(self) -> String {
        match self {
            Self::Code(code) => code.to_string(),
            Self::Timeout => "timeout".to_owned(),
            Self::Refused => "refused".to_owned(),
            Self::Nobody => "no endpoints".to_owned(),
        }
    }
}

/// Requests by how they ended.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Tally {
    /// Requests by status code and method.
    pub codes: BTreeMap<(u16, usize), f64>,
    /// Answers by bucket, not cumulated; the last is `+Inf`.
    pub buckets: [f64; BUCKET_LABELS.len()],
    /// Seconds of all answers.
    pub seconds: f64,
}

impl Tally {
    /// A tally that already shows these codes, at zero: a rate needs a zero to begin with.
    #[must_use]
    pub fn showing(codes: &[u16]) -> Self {
        let shown = codes.iter().flat_map(|code| (0..METHODS.len()).map(|method| ((*code, method), 0.0)));
        Self { codes: shown.collect(), ..Self::default() }
    }

    /// So many requests more, with this code after this many seconds.
    pub fn count(&mut self, code: u16, method: usize, seconds: f64, weight: f64) {
        *self.codes.entry((code, method)).or_insert(0.0) += weight;
        let bucket = BUCKETS.iter().position(|end| seconds <= *end).unwrap_or(BUCKETS.len());
        self.buckets[bucket] += weight;
        self.seconds += seconds * weight;
    }

    /// All requests.
    #[must_use]
    pub fn total(&self) -> f64 {
        self.codes.values().sum()
    }
}

//! What probes say.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::effect::micros;
use crate::text::Untrusted;

/// What a probe said.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "reading", rename_all = "snake_case")]
pub enum Reading {
    /// Numbers, each with its labels; at least one.
    Values {
        /// Sorted by labels, at most 50.
        values: Vec<(Untrusted, Number)>,
    },
    /// The source answered: no series.
    Empty,
    /// An HTTP answer.
    Http {
        /// The status code.
        status: u16,
    },
    /// Whether an alert is firing.
    Alert {
        /// Firing now.
        firing: bool,
    },
    /// What CEL said of an object.
    Object {
        /// True or false; `None` where the object is not there, or the expression does not fit it.
        holds: Option<bool>,
        /// What was looked at, or why it can't be told; never a value of the object.
        seen: Untrusted,
    },
    /// A command of the user's own exited.
    Command {
        /// The exit code.
        exit: u8,
        /// What it printed, at most 4 KiB of it, without the values of its environment.
        output: Untrusted,
    },
    /// The increases of two counters since the run began; `None` where no series has one.
    Counts {
        /// Of good events.
        good: Option<Number>,
        /// Of all events.
        total: Option<Number>,
        /// The time since the run began.
        #[serde(with = "micros")]
        over: Duration,
    },
    /// It was not asked, on purpose.
    Withheld {
        /// Why, and what to do.
        why: Untrusted,
    },
    /// No answer to go by.
    Failed {
        /// Why, and what to do.
        why: Untrusted,
    },
}

/// A float that survives JSON: NaN and infinities are written as strings.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Number(pub f64);

impl Serialize for Number {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        if self.0.is_finite() { to.serialize_f64(self.0) } else { to.serialize_str(&self.0.to_string()) }
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Finite(f64),
            Other(String),
        }
        match Written::deserialize(from)? {
            Written::Finite(number) => Ok(Number(number)),
            Written::Other(text) => text.parse().map(Number).map_err(serde::de::Error::custom),
        }
    }
}

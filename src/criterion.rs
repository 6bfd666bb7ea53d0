//! What must hold, and what ends the run.
//!
//! Owns the words of `steadyState`, `criteria` and `stopWhen`. Judging them is `run`'s.

mod probes;

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use self::probes::{BurnCheck, CommandCheck, Match, ObjectCheck, Which};

/// Something that must hold.
#[derive(Clone, Debug, PartialEq)]
pub struct Criterion {
    /// What people call it; unique in its list.
    pub name: String,
    /// What is looked at.
    pub check: Check,
    /// When it is looked at.
    pub during: Window,
    /// How long the bound must be violated without a break before the criterion is broken.
    pub violated_for: Duration,
    /// How long the good state must last to count as reached.
    pub stable_for: Duration,
}

impl Criterion {
    /// Whether the run waits for its verdict after the last step.
    #[must_use]
    pub const fn waits(&self) -> bool {
        matches!(self.check, Check::Recovery { .. } | Check::Alert(_))
    }
}

/// Something that ends the run when it is true.
#[derive(Clone, Debug, PartialEq)]
pub struct StopCondition {
    /// What people call it; unique in its list.
    pub name: String,
    /// What is looked at; the run stops when it is *true*.
    pub check: StopCheck,
    /// How long it must be true without a break.
    pub true_for: Duration,
}

/// What a criterion looks at.
#[derive(Clone, Debug, PartialEq)]
pub enum Check {
    /// At least so many pods of each target are ready.
    Ready {
        /// The least.
        min: Amount,
    },
    /// Each target is back within so long of each fault.
    Recovery {
        /// The bound, from impact for one-shot faults and from the lift for lasting ones.
        within: Duration,
    },
    /// A PromQL query's value is on the right side of a bound.
    Promql(PromqlCheck),
    /// An HTTP endpoint answers as expected.
    Http(HttpCheck),
    /// A Prometheus alert fires, and resolves.
    Alert(AlertCheck),
    /// What CEL says of a Kubernetes object is true.
    Object(ObjectCheck),
    /// A command of the user's own exits as expected.
    Command(CommandCheck),
    /// The run spends less than a share of an error budget.
    Burn(BurnCheck),
}

/// What a stop condition looks at.
#[derive(Clone, Debug, PartialEq)]
pub enum StopCheck {
    /// A PromQL query's value is on the wrong side of a bound.
    Promql(PromqlCheck),
    /// Fewer pods of a target are ready than this.
    ReadyBelow(Amount),
    /// An HTTP endpoint answers otherwise than it should, or not at all.
    Http(HttpCheck),
    /// An alert of this name fires.
    Alert(String),
    /// What CEL says of a Kubernetes object is true.
    Object(ObjectCheck),
    /// A command of the user's own exits otherwise than it should.
    Command(CommandCheck),
    /// The run has spent a share of an error budget.
    Burn(BurnCheck),
    /// A target is not back so long after a fault.
    RecoveryOver(Duration),
}

/// A number of pods.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Amount {
    /// So many.
    Count(u32),
    /// A share of the desired replicas, 0 to 1.
    Share(f64),
}

impl Amount {
    /// The number of pods this is of `desired`; a share is rounded up.
    #[must_use]
    pub fn of(self, desired: u32) -> u32 {
        match self {
            Amount::Count(n) => n,
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of a u32 is a u32")]
            Amount::Share(share) => (share * f64::from(desired) - 1e-9).ceil().max(0.0) as u32,
        }
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Amount::Count(n) => write!(f, "{n}"),
            Amount::Share(share) => write!(f, "{} %", (share * 1000.0).round() / 10.0),
        }
    }
}

/// A query and its bound.
#[derive(Clone, Debug, PartialEq)]
pub struct PromqlCheck {
    /// PromQL whose answer is a scalar or a vector; of a vector each element must satisfy.
    pub query: String,
    /// The bound.
    pub bound: Bound,
    /// What no series means, where the author says so.
    pub when_empty: Option<f64>,
}

/// A bound on a number; the bound itself is outside.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Bound {
    /// Greater than this.
    Above(f64),
    /// Less than this.
    Below(f64),
}

impl Bound {
    /// Whether `value` satisfies the bound. NaN satisfies nothing; ask before.
    #[must_use]
    pub fn admits(self, value: f64) -> bool {
        match self {
            Bound::Above(limit) => value > limit,
            Bound::Below(limit) => value < limit,
        }
    }

    /// The number of the bound.
    #[must_use]
    pub const fn limit(self) -> f64 {
        match self {
            Bound::Above(limit) | Bound::Below(limit) => limit,
        }
    }
}

/// A request and what counts as a good answer.
#[derive(Clone, Debug, PartialEq)]
pub struct HttpCheck {
    /// An http or https URL, fetched with GET once a second.
    pub url: String,
    /// The status code of a good answer.
    pub expect: u16,
    /// The share of good answers over the window, 0 to 1; `None` wants every one.
    pub success: Option<f64>,
    /// The bound on the 99th percentile of the answer times of the window.
    pub p99: Option<Duration>,
}

/// An alert and when it is expected.
#[derive(Clone, Debug, PartialEq)]
pub struct AlertCheck {
    /// `alertname` of Prometheus' ALERTS.
    pub name: String,
    /// It must fire within so long of the first impact; `None` does not ask for it.
    pub fires_within: Option<Duration>,
    /// It must have resolved within so long of its firing; `None` does not ask for it.
    pub resolves_within: Option<Duration>,
}

/// A part of the run.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Window {
    /// The steady-state gate.
    Before,
    /// From the first victim's impact until the last lasting fault is lifted; for one-shot
    /// faults until the target has recovered or the next step begins, whichever is first.
    Fault,
    /// From there to the end of the last step.
    After,
    /// All of it.
    Always,
    /// One step's.
    Step(String),
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Window::Before => f.write_str("before"),
            Window::Fault => f.write_str("during the fault"),
            Window::After => f.write_str("after"),
            Window::Always => f.write_str("always"),
            Window::Step(name) => write!(f, "during {name}"),
        }
    }
}

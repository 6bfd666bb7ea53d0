//! The probes that a scenario brings itself: CEL over an object, a command, an error budget.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// An object of the cluster and what must be true of it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ObjectCheck {
    /// Its API group; empty for the core group.
    pub group: String,
    /// Its version; `None` takes the one that the cluster prefers.
    pub version: Option<String>,
    /// Its kind.
    pub kind: String,
    /// Its namespace; `None` takes the run's. Kinds without namespaces have none.
    pub namespace: Option<String>,
    /// Which one, or which ones.
    pub which: Which,
    /// CEL in which `object` is the object; its answer is true or false.
    pub cel: String,
}

/// Which objects of a kind.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Which {
    /// The one of this name.
    Named(String),
    /// Those that bear these labels.
    Labelled(BTreeMap<String, String>, Match),
}

/// Of how many objects it must be true.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Match {
    /// Of each.
    All,
    /// Of at least one.
    Any,
}

/// `Deployment/task-api`, `Pod(app=task-api)`.
impl fmt::Display for ObjectCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.which {
            Which::Named(name) => write!(f, "{}/{name}", self.kind),
            Which::Labelled(labels, quantity) => {
                let labels: Vec<String> = labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
                let quantity = if *quantity == Match::All { "each" } else { "any" };
                write!(f, "{quantity} {}({})", self.kind, labels.join(","))
            }
        }
    }
}

/// A command that is run without a shell, and how it should exit.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CommandCheck {
    /// The program and its arguments.
    pub argv: Vec<String>,
    /// How long it may take; then its process group is killed.
    pub timeout: Duration,
    /// The exit code of a good answer.
    pub expect: u8,
    /// Names of variables of gameday's own environment that it is given, beside PATH and HOME.
    pub env: Vec<String>,
}

impl fmt::Display for CommandCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.argv.join(" "))
    }
}

/// An error budget, and the share of it that a run may spend.
///
/// With `N` the time since the run began, `total` and `good` the increases of the two counters over
/// `N` (PromQL's `increase`, so a counter that restarts at zero is no loss):
///
/// ```text
/// bad      = max(total − good, 0)
/// expected = total × window ÷ N             what the window would hold at this run's traffic
/// budget   = (1 − objective) × expected     what of it may be bad
/// spent    = bad ÷ budget                   0 while total is 0
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct BurnCheck {
    /// A PromQL selector of the counter of good events.
    pub good: String,
    /// A PromQL selector of the counter of all events.
    pub total: String,
    /// The share of events that are to be good over the window, 0 to 1, both outside.
    pub objective: f64,
    /// The window of the objective.
    pub window: Duration,
    /// The share of the window's budget at which it is breached, 0 to 1.
    pub spend: f64,
    /// What no series counts as, for both counters, where the author says so.
    pub when_empty: Option<f64>,
}

impl BurnCheck {
    /// The share of the window's budget that is spent when `good` of `total` events were good over
    /// `over`; `None` where that can't be told.
    #[must_use]
    pub fn spent(&self, good: f64, total: f64, over: Duration) -> Option<f64> {
        let sound = good.is_finite() && total.is_finite() && good >= 0.0 && total >= 0.0 && !over.is_zero();
        if !sound {
            return None;
        }
        // as the text above, with `total` cancelled: no division by a traffic of nearly nothing
        let bad = if total > 0.0 { ((total - good) / total).max(0.0) } else { 0.0 };
        Some(bad / (1.0 - self.objective) * over.as_secs_f64() / self.window.as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn burn() -> BurnCheck {
        let hour = Duration::from_hours(1);
        BurnCheck { good: "good".into(), total: "total".into(), objective: 0.99, window: hour, spend: 0.1, when_empty: None }
    }

    #[test]
    fn burn_should_spend_what_the_formula_says() {
        // 60 s of an hour in which 10 % are bad: ten times the allowed rate for a sixtieth of the window
        let spent = burn().spent(540.0, 600.0, Duration::from_mins(1)).unwrap();
        assert!((spent - 10.0 / 60.0).abs() < 1e-9, "{spent}");
        assert_eq!(burn().spent(0.0, 0.0, Duration::from_mins(1)), Some(0.0), "without events nothing is spent");
        assert_eq!(burn().spent(601.0, 600.0, Duration::from_mins(1)), Some(0.0), "increase() rounds, and gives nothing back");
        // a whole window as bad as allowed spends it all
        let whole = burn().spent(99.0, 100.0, Duration::from_hours(1)).unwrap();
        assert!((whole - 1.0).abs() < 1e-9, "{whole}");
    }

    #[test]
    fn burn_should_not_be_told_from_numbers_that_are_none() {
        for (good, total) in [(f64::NAN, 1.0), (1.0, f64::INFINITY), (-1.0, 1.0)] {
            assert_eq!(burn().spent(good, total, Duration::from_mins(1)), None);
        }
        assert_eq!(burn().spent(1.0, 1.0, Duration::ZERO), None);
    }
}

//! What there is before a run: scenarios, past runs, and what the connected cluster can do.

use std::path::PathBuf;

use chrono::{DateTime, Utc};

use crate::effect::Verdict;
use crate::scenario::model::{Scenario, Tier};
use crate::text::Untrusted;

/// All that a home screen shows. Made by `cli`, from disk and cluster.
#[derive(Clone, Debug, Default)]
pub struct Home {
    /// When it was looked at, by the real date.
    pub seen: DateTime<Utc>,
    /// The scenarios, by file name.
    pub drills: Vec<Drill>,
    /// Past and live runs, newest first.
    pub runs: Vec<PastRun>,
    /// The cluster that the kubeconfig names.
    pub cluster: Reach,
}

/// A scenario file.
#[derive(Clone, Debug)]
pub struct Drill {
    /// Where it is.
    pub file: PathBuf,
    /// What is in it; or how many mistakes, and the first.
    pub scenario: Result<Box<Scenario>, Untrusted>,
    /// The last run of a drill so called.
    pub last: Option<PastRun>,
}

/// A run, as its folder tells.
#[derive(Clone, Debug, PartialEq)]
pub struct PastRun {
    /// Its folder.
    pub folder: PathBuf,
    /// Its id.
    pub id: Untrusted,
    /// The scenario's name.
    pub drill: Untrusted,
    /// When it was begun, by the real date.
    pub recorded: DateTime<Utc>,
    /// How careful it had to be.
    pub tier: Tier,
    /// Whether it was a rehearsal.
    pub rehearsal: bool,
    /// How it stands.
    pub state: State,
}

/// How a run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// A process drives it.
    Live,
    /// It ended so.
    Ended(Verdict),
    /// Its process went before it ended.
    Cut,
}

/// What is known of the cluster.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Reach {
    /// It is being asked.
    #[default]
    Asking,
    /// There is none, or it does not answer: why.
    None(Untrusted),
    /// It answers.
    Answers {
        /// The kubeconfig context.
        context: Untrusted,
        /// The server's version.
        version: Untrusted,
        /// What it has, and whether; `None`: not known, since we may not look.
        has: Vec<(&'static str, Option<bool>)>,
    },
}

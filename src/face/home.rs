//! What there is before a run: scenarios, past runs, and what the connected cluster can do.

use std::collections::BTreeMap;
use std::path::PathBuf;

use chrono::{DateTime, Utc};

use crate::effect::{PodRef, Verdict};
use crate::scenario::model::{Scenario, Tier};
use crate::text::Untrusted;

/// All that a home screen shows. Made by `cli`, from disk and cluster.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Home {
    /// When it was looked at, by the real date.
    pub seen: DateTime<Utc>,
    /// The scenarios, by file name.
    pub drills: Vec<Drill>,
    /// Past and live runs, newest first.
    pub runs: Vec<PastRun>,
    /// The clusters, by their contexts; `None`: the kubeconfig's current one. One that is not there is being asked.
    pub clusters: BTreeMap<ContextName, Reach>,
    /// The pods that each scenario's faults would be aimed at now, by its file, as far as that was asked.
    pub aims: BTreeMap<PathBuf, Vec<Aim>>,
}

impl Home {
    /// What is known of the cluster that a scenario runs on; without one, of the current one.
    #[must_use]
    pub fn reach(&self, drill: Option<&Drill>) -> &Reach {
        self.clusters.get(&drill.and_then(Drill::context)).unwrap_or(&Reach::Asking)
    }
}

/// The name of a context of the kubeconfig; `None`: its current one.
pub type ContextName = Option<String>;

/// What comes in while home is looked at.
#[derive(Clone, Debug, PartialEq)]
pub enum News {
    /// What is known of a cluster now.
    Cluster(ContextName, Reach),
    /// Whom the faults of a scenario are aimed at.
    Aims(PathBuf, Vec<Aim>),
}

/// Whom one fault would be aimed at now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Aim {
    /// The step.
    pub step: String,
    /// The pods that its selector means; or why they can't be seen.
    pub pods: Result<Vec<PodRef>, Untrusted>,
}

/// A scenario file.
#[derive(Clone, Debug, PartialEq)]
pub struct Drill {
    /// Where it is.
    pub file: PathBuf,
    /// What is in it; or how many mistakes, and the first.
    pub scenario: Result<Box<Scenario>, Untrusted>,
    /// The last run of a drill so called.
    pub last: Option<PastRun>,
    /// How far it has come: of each place, in the order in which a team goes on, the newest run that held.
    pub graduation: [Option<Held>; 3],
}

/// The places of a graduation.
pub const RUNGS: [&str; 3] = ["rehearsal", "staging", "production"];

/// A run that held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// When it was begun, by the real date.
    pub recorded: DateTime<Utc>,
    /// Whether the drill was then what it is now.
    pub same: bool,
}

impl Drill {
    /// A file, with what past runs say of it, newest first.
    #[must_use]
    pub fn of(file: PathBuf, scenario: Result<Box<Scenario>, Untrusted>, runs: &[PastRun]) -> Drill {
        let (name, digest) = scenario.as_ref().map_or(("", ""), |scenario| (&scenario.name, &scenario.drill_digest));
        let own = || runs.iter().filter(|run| run.drill.raw() == name && !name.is_empty());
        let held = |rung: usize| {
            let held = || own().filter(move |run| run.state == State::Ended(Verdict::Held) && run.rung() == Some(rung));
            // one of an older version says less, however new it is
            let newest = held().find(|run| run.digest == digest).or_else(|| held().next())?;
            Some(Held { recorded: newest.recorded, same: newest.digest == digest })
        };
        let (last, graduation) = (own().next().cloned(), [held(0), held(1), held(2)]);
        Drill { file, scenario, last, graduation }
    }

    /// The context of the place where Enter runs it.
    #[must_use]
    pub fn context(&self) -> ContextName {
        self.scenario.as_ref().ok()?.environments.first()?.context.clone()
    }
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
    /// What the drill was, as SHA-256; empty where it can't be read any more.
    pub digest: String,
    /// How it stands.
    pub state: State,
}

impl PastRun {
    /// Which of [`RUNGS`] it ran on; `None`: on none of them.
    const fn rung(&self) -> Option<usize> {
        match (self.rehearsal, self.tier) {
            (true, _) => Some(0),
            (false, Tier::Staging) => Some(1),
            (false, Tier::Production) => Some(2),
            (false, Tier::Development) => None,
        }
    }
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

//! The first line of a journal: all that a run starts from.
//!
//! Owns [`Header`]. Together with the entries it is enough to fold the run again, on another
//! machine, years later. It alone holds the real date, the machine and the run's id.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::scenario::model::{Injector, PrometheusAt, Tier};
use crate::text::Untrusted;

/// The value of [`Header::format`].
pub const FORMAT: &str = "gameday/journal/v1";

/// The first line of a journal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Header {
    /// Always [`FORMAT`].
    pub format: String,
    /// The version of gameday that wrote it.
    pub gameday: String,
    /// The run's id.
    pub run: String,
    /// When it was recorded, on the real calendar.
    pub recorded: DateTime<Utc>,
    /// The machine it was recorded on.
    pub machine: String,
    /// What the wall showed at the run's start: on a cluster the real date, in rehearsal one given
    /// by the seed. Moments of entries count from here.
    pub started: DateTime<Utc>,
    /// Where it is run.
    pub place: Place,
    /// What chooses victims and names objects in rehearsal.
    pub seed: u64,
    /// Part of the names of all objects of this run: from the seed in rehearsal, from the run's id on a cluster.
    pub token: String,
    /// The injector asked for on the command line, over the file's.
    pub injector: Option<Injector>,
    /// The scenario as run.
    pub scenario: Sources,
    /// In rehearsal, what the command line said of the world; none where the scenario tells all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub world: Option<Staged>,
    /// What the gates before the start go by; none in journals from before there were gates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gate: Option<Gate>,
}

/// What is known of a run before it looks at its cluster, and decides with what it sees there whether it may begin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "four facts that have nothing to do with each other")]
pub struct Gate {
    /// Who made the tier what it is, in words.
    pub tier_by: Untrusted,
    /// What kept others who could have said a stricter tier from saying it: each could not be asked.
    pub tier_unseen: Vec<Untrusted>,
    /// Whether a person sits at a terminal and sees the cockpit.
    pub at_terminal: bool,
    /// Whether `--yes` was given.
    pub yes: bool,
    /// The held staging run of the same drill that lets it into production, or why there is none.
    pub held: Result<HeldRun, Untrusted>,
    /// How old that may be, in days.
    pub held_days: u32,
    /// Whether a scenario with a lasting fault has held before, among the runs of this machine.
    pub lasting_before: bool,
    /// Who runs it, as the operating system names them.
    pub operator: Untrusted,
    /// The checks that were overruled, by their names.
    pub overrides: Vec<Override>,
    /// Whether residue is looked for before the start and after the end: not in journals from before that was done.
    #[serde(default)]
    pub residue: bool,
    /// The image of the pod that the brake is rehearsed on; that of the first victim where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub brake_image: Option<String>,
}

/// A run whose journal was folded again and says by itself that it held.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldRun {
    /// Its id.
    pub run: String,
    /// When it was recorded.
    pub recorded: DateTime<Utc>,
    /// Where.
    pub tier: Tier,
    /// Whether on the practice cluster.
    pub rehearsal: bool,
    /// The digest of its drill.
    pub drill_digest: String,
}

/// A check that was overruled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Override {
    /// Its name.
    pub check: String,
    /// Why, in the operator's words.
    pub why: Untrusted,
}

/// What the command line said of a rehearsal's world. With the scenario and the seed it makes the journal.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Staged {
    /// The name of the world's file, without its folders; empty where the scenario's world was taken.
    pub file: String,
    /// Its text.
    pub text: String,
    /// What was to go wrong, as `--break` takes it.
    pub breaks: Vec<String>,
}

/// Where a run takes place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Whether it is the practice cluster.
    pub rehearsal: bool,
    /// The scenario's environment.
    pub environment: String,
    /// How careful to be.
    pub tier: Tier,
    /// The kubeconfig context, or `in-cluster`, or `practice cluster`.
    pub context: String,
    /// The API server's URL; empty in rehearsal. An undo goes nowhere else.
    pub server: String,
    /// The namespace of target and faults that name none.
    pub namespace: String,
    /// Where metrics are, without credentials.
    pub prometheus: Option<PrometheusAt>,
}

/// The texts a scenario was read from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sources {
    /// The file's name as the operator gave it, without its folders.
    pub file: String,
    /// Its text.
    pub text: String,
    /// The manifests it includes, by the path it names them.
    pub manifests: BTreeMap<String, String>,
    /// `--set NAME=VALUE`.
    pub sets: BTreeMap<String, String>,
}

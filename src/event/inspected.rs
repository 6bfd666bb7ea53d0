//! What a look before the start saw: small facts, and where nothing could be seen, why.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::effect::inspection::{KindRef, Right};
use crate::effect::{ChaosRef, PodRef, micros};
use crate::event::residue::ResidueFact;
use crate::text::Untrusted;

/// A fact, or why it can't be known.
pub type Known<T> = Result<T, Untrusted>;

/// What was seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Inspected {
    /// What the API server says of each right.
    Rights(Vec<RightFact>),
    /// Chaos Mesh's own pods.
    ChaosMesh(Known<ChaosMeshFact>),
    /// Whether a fault that makes no sense is refused.
    Webhooks(Known<bool>),
    /// Namespaces.
    Namespaces(Vec<NamespaceFact>),
    /// The pods that faults are aimed at.
    Victims(VictimsFact),
    /// The `NetworkPolicies` that hold for the pods.
    Policies(Known<Vec<PolicyFact>>),
    /// Faults of others.
    OtherFaults(Known<Vec<OtherFault>>),
    /// What outlived its fault or its run.
    Residue {
        /// Whether the run was over.
        after: bool,
        /// What.
        fact: ResidueFact,
    },
    /// Who we are to the API server.
    User(Known<Untrusted>),
    /// Kinds.
    Kinds(Vec<KindFact>),
    /// The Leases of runs.
    Leases(Known<Vec<LeaseFact>>),
    /// Backups; `None` where nobody makes any here: Velero is not served.
    Backups(Known<Option<BackupsFact>>),
    /// How old the newest sample of each selector is.
    Samples(Vec<SampleFact>),
    /// Alerts that fire, by name and labels.
    Alerts(Known<Vec<Untrusted>>),
    /// When the run may begin.
    Hours(Known<HoursFact>),
}

impl Inspected {
    /// What was looked at, in one word.
    #[must_use]
    pub const fn aspect(&self) -> &'static str {
        match self {
            Inspected::Rights(_) => "rights",
            Inspected::ChaosMesh(_) => "chaos-mesh",
            Inspected::Webhooks(_) => "webhooks",
            Inspected::Namespaces(_) => "namespaces",
            Inspected::Victims(_) => "victims",
            Inspected::Policies(_) => "policies",
            Inspected::OtherFaults(_) => "other-faults",
            Inspected::Residue { after: false, .. } => "residue",
            Inspected::Residue { after: true, .. } => "residue-after",
            Inspected::User(_) => "user",
            Inspected::Kinds(_) => "kinds",
            Inspected::Leases(_) => "leases",
            Inspected::Backups(_) => "backups",
            Inspected::Samples(_) => "samples",
            Inspected::Alerts(_) => "alerts",
            Inspected::Hours(_) => "hours",
        }
    }
}

/// Whether one may.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RightFact {
    /// What.
    pub right: Right,
    /// What a `SelfSubjectAccessReview` says.
    pub allowed: Known<bool>,
}

/// Chaos Mesh's own pods.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChaosMeshFact {
    /// Where they are; empty where none was found.
    pub namespace: String,
    /// Controllers that are ready, and all.
    pub controllers: (u32, u32),
    /// Daemons: the node, and whether it is ready.
    pub daemons: Vec<(Untrusted, bool)>,
    /// Whether only annotated namespaces may be injected into.
    pub filter: bool,
}

/// A namespace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NamespaceFact {
    /// Its name.
    pub name: String,
    /// Its annotation `chaos-mesh.org/inject`.
    pub inject: Known<Option<Untrusted>>,
}

/// The pods that faults are aimed at, and what is around them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VictimsFact {
    /// The pods.
    pub pods: Known<Vec<VictimFact>>,
    /// Nodes of theirs that take no new pods, or are not ready: in words.
    pub troubled: Known<Vec<(Untrusted, Untrusted)>>,
    /// Budgets that guard some of them.
    pub budgets: Known<Vec<BudgetFact>>,
}

/// A pod that a fault is aimed at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VictimFact {
    /// Which.
    pub pod: PodRef,
    /// Its node.
    pub node: Option<Untrusted>,
    /// Whether it has its node's network.
    pub host_network: bool,
    /// How long a liveness probe may fail before the kubelet restarts its container: the shortest.
    pub liveness: Option<Patience>,
    /// The image of its first container.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<Untrusted>,
}

/// How long something may fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Patience(#[serde(with = "micros")] pub Duration);

/// A `PodDisruptionBudget`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BudgetFact {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: Untrusted,
    /// How many pods may be taken now.
    pub allowed: u32,
    /// The uids of those it guards.
    pub guards: Vec<String>,
}

/// A `NetworkPolicy`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyFact {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: Untrusted,
    /// The uids of the pods it holds for.
    pub guards: Vec<String>,
}

/// A fault of somebody else, or of another run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OtherFault {
    /// The object.
    pub object: ChaosRef,
    /// Whose run, by the token in its label.
    pub run: Option<Untrusted>,
    /// `namespace/pod` of each it holds; empty where that is not known yet.
    pub pods: Vec<Untrusted>,
}

/// A kind, and how it is served.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KindFact {
    /// Which.
    pub kind: KindRef,
    /// `None` where it is not.
    pub served: Known<Option<Resource>>,
}

/// How a kind is served.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resource {
    /// What rights call it.
    pub plural: String,
    /// Whether its objects lie in namespaces.
    pub namespaced: bool,
}

/// The Lease of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaseFact {
    /// Which.
    pub lease: ChaosRef,
    /// The token of its run.
    pub token: Untrusted,
    /// Who holds it: the machine and the run.
    pub holder: Untrusted,
    /// Whether it was renewed lately; what can't be told counts as live.
    pub live: bool,
    /// The workloads that the run is about, as [`crate::event::WorkloadFact`] names them; `None` where it does not say.
    pub targets: Option<Vec<Untrusted>>,
}

/// What Velero keeps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupsFact {
    /// Where it keeps it: the location's name, and whether it can be reached.
    pub locations: Vec<LocationFact>,
    /// The backups that hold all of a namespace that was asked for, the newest first.
    pub backups: Vec<BackupFact>,
}

/// A `BackupStorageLocation`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LocationFact {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: Untrusted,
    /// Its phase, as it is written.
    pub phase: Untrusted,
    /// Whether it is available.
    pub available: bool,
}

/// A Backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupFact {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: Untrusted,
    /// The namespaces of those asked for that are in it whole.
    pub holds: Vec<String>,
    /// From when on its state was read.
    pub started: Option<DateTime<Utc>>,
    /// Why nothing could be restored from it; `None` where it could.
    pub unusable: Option<Untrusted>,
}

/// How fresh a selector's samples are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SampleFact {
    /// The selector.
    pub selector: String,
    /// The age of the newest; `None` where there is none.
    pub age: Known<Option<Patience>>,
}

/// When a run may begin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HoursFact {
    /// What the clock shows in that zone, at the moment of asking.
    pub local: Untrusted,
    /// The windows of the coming week, from and to.
    pub windows: Vec<(DateTime<Utc>, DateTime<Utc>)>,
}

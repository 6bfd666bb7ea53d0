//! Targets, their pods, and who serves: as they stand.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::effect::PodRef;
use crate::event::hindrance::Hindrance;
use crate::scenario::model::TargetRef;
use crate::text::Untrusted;

/// A target as it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkloadFact {
    /// Its place in the scenario's targets.
    pub target: usize,
    /// What it is called.
    pub workload: TargetRef,
    /// Where it is.
    pub namespace: String,
    /// Its uid.
    pub uid: String,
    /// Replicas wanted.
    pub desired: u32,
    /// Whether its controller has seen the newest spec.
    pub observed: bool,
    /// Whether pods of an older spec are being replaced.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub rolling: bool,
}

/// A pod as it stands. Wall times are the server's, in whole seconds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PodFact {
    /// Which target it belongs to, by owner.
    pub target: usize,
    /// Namespace, name and uid.
    pub pod: PodRef,
    /// The uid of the object that controls it: of the ReplicaSet, StatefulSet, DaemonSet.
    pub owner: Option<String>,
    /// Where it runs.
    pub node: Option<Untrusted>,
    /// Its labels, to be selected by; never shown.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Why it is as it is, in one word: Running, Pending, CrashLoopBackOff, Terminating.
    pub state: Untrusted,
    /// Containers that are ready, and all.
    pub containers: (u32, u32),
    /// Restarts of all containers.
    pub restarts: u32,
    /// What its status says of why it is not ready.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hindrance: Option<Hindrance>,
    /// Condition Ready.
    pub ready: bool,
    /// Since when condition Ready has stood as it does.
    pub ready_since: Option<DateTime<Utc>>,
    /// When it was created.
    pub created: Option<DateTime<Utc>>,
    /// When it was bound to a node.
    pub scheduled: Option<DateTime<Utc>>,
    /// When its last container started.
    pub started: Option<DateTime<Utc>>,
    /// When its deletion was asked for (deletionTimestamp less the grace period).
    pub deleting: Option<DateTime<Utc>>,
}

/// The pods behind one slice of a Service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndpointsFact {
    /// Namespace of the Service.
    pub namespace: String,
    /// The Service.
    pub service: String,
    /// The object the fact is from.
    pub slice: String,
    /// Uids of the pods that are ready in it, sorted.
    pub ready: Vec<String>,
}

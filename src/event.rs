//! What happened: small facts in the past tense, never whole objects.
//!
//! Owns [`Event`] and [`Entry`]. Entries are stamped once, in the driver.

pub mod fleet;
pub mod hindrance;
pub mod inspected;
mod meant;
mod reading;
pub mod residue;

use std::fmt;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::clock::At;
use crate::command::Command;
use crate::effect::{ChaosRef, Conclusion, Effect, EffectId, FaultId, Outcome, PodRef, ProbeId, micros};
pub use crate::event::fleet::{EndpointsFact, PodFact, WorkloadFact};
use crate::event::inspected::{Inspected, Known};
use crate::text::Untrusted;

pub use self::meant::{MatchedPod, PeerFact};
pub use self::reading::{Number, Reading};

/// One line of the journal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Its place, from 1, without gaps.
    pub seq: u64,
    /// When the driver took it.
    pub at: At,
    /// What happened.
    pub event: Event,
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// The cluster answered for the first time.
    Connected(ClusterFact),
    /// The API server's clock was compared with ours.
    SkewMeasured(Skew),
    /// A target was looked up and is not there, or can't be looked at.
    TargetMissing {
        /// Which.
        target: usize,
        /// Why.
        why: Untrusted,
    },
    /// A target was seen, or has changed.
    WorkloadSeen(WorkloadFact),
    /// A pod of a target was seen, or has changed.
    PodSeen(PodFact),
    /// A pod of a target is gone.
    PodGone {
        /// Which.
        uid: String,
    },
    /// The first list of a target's pods is long, and not through yet.
    PodsComing {
        /// Whose.
        target: usize,
        /// How many came so far.
        seen: u32,
        /// How many of them are ready.
        ready: u32,
    },
    /// The pods of a target were listed anew: what is not in the list is gone.
    PodsListed {
        /// Whose.
        target: usize,
        /// All there are.
        pods: Vec<PodFact>,
    },
    /// Which pods a Service sends traffic to.
    EndpointsSeen(EndpointsFact),
    /// The cluster reported something about a pod or fault.
    Reported(ReportedFact),
    /// A source stopped answering.
    SourceLost {
        /// Which.
        source: Source,
        /// Why.
        why: Untrusted,
    },
    /// A lost source answers again.
    SourceBack {
        /// Which.
        source: Source,
    },
    /// The pods a fault is aimed at, as its selector means now.
    TargetsResolved {
        /// Whose.
        fault: FaultId,
        /// Which time of asking.
        round: u32,
        /// Each that matches, in order of namespace and name.
        pods: Vec<MatchedPod>,
        /// Those of the other end, where the fault has one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        peers: Option<Vec<MatchedPod>>,
    },
    /// The pods at the other end of a partition that gameday does itself; told before those it is aimed at.
    PeersResolved {
        /// Whose.
        fault: FaultId,
        /// Which time of asking.
        round: u32,
        /// Each that matches.
        peers: Vec<PeerFact>,
    },
    /// They could not be resolved.
    TargetsUnresolved {
        /// Whose.
        fault: FaultId,
        /// Which time of asking.
        round: u32,
        /// Why.
        why: Untrusted,
    },
    /// Something was looked at before the start.
    Inspected {
        /// What was seen.
        seen: Inspected,
    },
    /// A probe was answered, or not.
    Sampled {
        /// Which.
        probe: ProbeId,
        /// From asking to the answer.
        #[serde(with = "micros")]
        took: Duration,
        /// What it said.
        reading: Reading,
    },
    /// The object of a fault was seen, or has changed.
    FaultSeen(FaultFact),
    /// The object of a fault is gone.
    FaultGone {
        /// Whose.
        fault: FaultId,
        /// Whether a watch saw it go: then what was last seen of it is how it went.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        watched: bool,
    },
    /// What a look for a fault's object and its residue found.
    FaultLookedFor {
        /// Whose.
        fault: FaultId,
        /// Whether the object is there.
        present: bool,
        /// What is left of it in pods, in words; `None` if that could not be seen.
        residue: Option<Vec<Untrusted>>,
        /// The pods that hold it back, where its deletion waits for them.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        blocking: Vec<BlockingPod>,
    },
    /// The operator decided.
    Commanded(Command),
    /// An effect that writes or breaks is about to be performed.
    Asked(Effect),
    /// It was answered.
    Answered {
        /// Which effect.
        effect: EffectId,
        /// How it went.
        outcome: Outcome,
    },
    /// The moment the fold asked for has come.
    DeadlinePassed,
    /// The last entry.
    Sealed(Conclusion),
}

/// The cluster as it was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClusterFact {
    /// `/version` gitVersion.
    pub version: Untrusted,
    /// The kubeconfig context, or `in-cluster`, or `practice cluster`.
    pub context: Untrusted,
    /// The namespace of target and faults that name none.
    pub namespace: Untrusted,
    /// Whether the API group chaos-mesh.org is served.
    pub chaos_mesh: bool,
    /// Where readiness of Services is read.
    pub endpoints: EndpointsSource,
}

/// Where readiness of Services is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndpointsSource {
    /// discovery.k8s.io/v1 EndpointSlice.
    EndpointSlices,
    /// core/v1 Endpoints, where the former is absent.
    Endpoints,
    /// Neither can be read.
    None,
}

/// The API server's clock minus ours, as bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skew {
    /// At least so many microseconds.
    pub least: i64,
    /// At most so many microseconds.
    pub most: i64,
    /// How long the request took that measured it.
    #[serde(with = "micros")]
    pub took: Duration,
}

/// A Kubernetes Event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportedFact {
    /// Kind of the object it is about.
    pub kind: Untrusted,
    /// Name of the object it is about.
    pub name: Untrusted,
    /// Whether it is a warning.
    pub warning: bool,
    /// The reason.
    pub reason: Untrusted,
    /// The message, cut to 300 characters.
    pub message: Untrusted,
}

/// A source of facts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// The watch of a target's pods.
    Pods(usize),
    /// The watch of a target.
    Workload(usize),
    /// The watch of endpoints.
    Endpoints,
    /// The watch of a fault's object.
    Fault(FaultId),
    /// The watch of Events.
    Events,
    /// The answers of Prometheus.
    Prometheus,
    /// The answers of the API server to an `object` probe.
    Object(ProbeId),
    /// A command of the user's own.
    Command(ProbeId),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Source::Pods(_) => "pods",
            Source::Workload(_) => "workload",
            Source::Endpoints => "endpoints",
            Source::Fault(_) => "fault",
            Source::Events => "events",
            Source::Prometheus => "prometheus",
            Source::Object(_) => "object",
            Source::Command(_) => "command",
        })
    }
}

/// The object of a fault as it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FaultFact {
    /// Whose.
    pub fault: FaultId,
    /// The object.
    pub object: ChaosRef,
    /// Its uid.
    pub uid: String,
    /// When it was created.
    pub created: Option<DateTime<Utc>>,
    /// `status.experiment.desiredPhase`.
    pub desired: Option<Untrusted>,
    /// Conditions that are True, sorted: AllInjected, AllRecovered, Paused, Selected. They lag.
    pub conditions: Vec<Untrusted>,
    /// One a victim, sorted by id.
    pub records: Vec<RecordFact>,
    /// Whether its deletion was asked for.
    pub deleting: bool,
    /// What holds it back.
    pub finalizers: Vec<Untrusted>,
}

/// A pod whose record holds the object of a fault back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockingPod {
    /// `namespace/pod`.
    pub id: Untrusted,
    /// Its node, empty where it has none; `None` where it is gone.
    pub node: Known<Option<Untrusted>>,
}

/// One victim as Chaos Mesh sees it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RecordFact {
    /// `namespace/pod` or `namespace/pod/container`.
    pub id: Untrusted,
    /// `.` for the selector, `.Target` for the other end.
    pub selector: Untrusted,
    /// `Not Injected`, `Injected`, and those with `/Wait`.
    pub phase: Untrusted,
    /// How often it was injected.
    pub injected: u32,
    /// How often it was recovered.
    pub recovered: u32,
    /// The newest failure, if the newest event is one.
    pub failure: Option<Untrusted>,
}

impl FaultFact {
    /// The records that are not lifted: those that hold it back once its deletion was asked for.
    pub fn blocking(&self) -> impl Iterator<Item = &RecordFact> {
        self.records.iter().filter(|record| record.phase.raw() != "Not Injected")
    }
}

impl RecordFact {
    /// Whether its pod was hit, now or before.
    #[must_use]
    pub fn has_hit(&self) -> bool {
        self.injected > 0 || self.phase.raw() == "Injected"
    }

    /// Its pod, of which only the name is known.
    #[must_use]
    pub fn pod(&self) -> PodRef {
        let mut parts = self.id.raw().split('/').map(str::to_owned);
        PodRef { namespace: parts.next().unwrap_or_default(), name: parts.next().unwrap_or_default(), uid: String::new() }
    }
}

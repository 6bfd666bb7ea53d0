//! What is to be done in the world.
//!
//! Owns [`Effect`]: imperative, idempotent, named by an [`EffectId`], each with its [`Danger`].
//! The fold emits them, the driver performs them, `edge` knows how.

pub mod inspection;

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::effect::inspection::Inspection;
use crate::text::Untrusted;

/// The place of a fault's step in the scenario, from 0: there is one fault a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FaultId(pub usize);

impl FaultId {
    /// The pod that the brake is rehearsed on. It and all beyond are of no step: they break nothing of the target's.
    pub const BRAKE_POD: FaultId = FaultId(1000);

    /// The harmless fault that rehearses the brake of a kind, by its place among them.
    #[must_use]
    pub const fn brake(place: usize) -> FaultId {
        FaultId(Self::BRAKE_POD.0 + 1 + place)
    }

    /// Whether it belongs to the rehearsal of the brake.
    #[must_use]
    pub const fn is_brake(self) -> bool {
        self.0 >= Self::BRAKE_POD.0
    }
}

/// The place of a probe in the run's list of probes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ProbeId(pub usize);

/// A pod that can't be mistaken for its successor of the same name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PodRef {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its uid.
    pub uid: String,
}

impl PodRef {
    /// What tells it from its siblings: the last part of the name.
    #[must_use]
    pub fn short(&self) -> Untrusted {
        Untrusted::from(self.name.rsplit('-').next().unwrap_or(&self.name))
    }
}

/// `namespace/name`, safe to show.
impl fmt::Display for PodRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", Untrusted::from(self.namespace.as_str()), Untrusted::from(self.name.as_str()))
    }
}

/// An object that gameday makes: one of Chaos Mesh, or the Lease of a run.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ChaosRef {
    /// `PodChaos`, `NetworkChaos`, `Lease`.
    pub kind: String,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

impl fmt::Display for ChaosRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let safe = |text: &str| Untrusted::from(text);
        if self.namespace.is_empty() {
            return write!(f, "{} {}", safe(&self.kind), safe(&self.name));
        }
        write!(f, "{} {}/{}", safe(&self.kind), safe(&self.namespace), safe(&self.name))
    }
}

/// Which effect: the same effect asked again bears the same name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EffectId(pub String);

impl fmt::Display for EffectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What an effect can do to the world, from harmless to harmful.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Danger {
    /// Touches nothing outside this process.
    None,
    /// Asks.
    Reads,
    /// Changes something for the better: the undo.
    Writes,
    /// Breaks something on purpose.
    Breaks,
}

/// Something to do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "effect", rename_all = "snake_case")]
pub enum Effect {
    /// List the pods that a fault's selector means now. Answered by `TargetsResolved`.
    Resolve {
        /// Whose.
        fault: FaultId,
        /// Which time of asking, from 1: at preflight, at the step.
        round: u32,
    },
    /// Look at something before the start. Answered by `Inspected`.
    Inspect {
        /// At what.
        inspection: Inspection,
    },
    /// Ask a probe once. Answered by `Sampled`.
    Sample {
        /// Which.
        probe: ProbeId,
    },
    /// Have the API server check the object of a fault without storing it.
    DryRun {
        /// Whose.
        fault: FaultId,
        /// The object.
        object: ChaosRef,
        /// As it would be sent.
        manifest: Value,
    },
    /// Delete a pod ourselves, where Chaos Mesh is absent or not wanted.
    Kill {
        /// For which fault.
        fault: FaultId,
        /// The pod, by uid: its successor is never killed.
        victim: PodRef,
        /// Grace period in seconds.
        grace: u32,
        /// Whether its eviction is asked for instead, which a disruption budget may refuse.
        evict: bool,
    },
    /// Create the object of a fault.
    Apply {
        /// Whose.
        fault: FaultId,
        /// The object.
        object: ChaosRef,
        /// As it is sent.
        manifest: Value,
    },
    /// Take the run's Lease, keep it fresh, and look in it for the wish of another to stop.
    Claim {
        /// The Lease.
        lease: ChaosRef,
        /// Who holds it.
        holder: String,
        /// The workloads that the run is about.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        targets: Vec<String>,
    },
    /// Delete the run's Lease. Idempotent.
    Release {
        /// The Lease.
        lease: ChaosRef,
        /// Which try, from 1.
        attempt: u32,
    },
    /// Delete the object of a fault; a lasting fault is lifted by it. Idempotent.
    Lift {
        /// Whose.
        fault: FaultId,
        /// The object.
        object: ChaosRef,
        /// Which try, from 1.
        attempt: u32,
    },
    /// Look whether the object of a fault is there, and what of it is left in pods.
    LookFor {
        /// Whose.
        fault: FaultId,
        /// The object.
        object: ChaosRef,
        /// Which time, from 1.
        round: u32,
    },
    /// Write the last entry and end.
    Seal {
        /// What was concluded.
        conclusion: Conclusion,
    },
}

impl Effect {
    /// Its name.
    #[must_use]
    pub fn id(&self) -> EffectId {
        EffectId(match self {
            Effect::Resolve { fault, round } => format!("resolve/{}/{round}", fault.0),
            Effect::Inspect { inspection } => format!("inspect/{}", inspection.aspect()),
            Effect::Sample { probe } => format!("sample/{}", probe.0),
            Effect::DryRun { fault, .. } => format!("dry-run/{}", fault.0),
            Effect::Kill { fault, victim, .. } => format!("kill/{}/{}", fault.0, victim.uid),
            Effect::Apply { fault, .. } => format!("apply/{}", fault.0),
            Effect::Lift { fault, attempt, .. } => format!("lift/{}/{attempt}", fault.0),
            Effect::LookFor { fault, round, .. } => format!("look-for/{}/{round}", fault.0),
            Effect::Claim { .. } => "claim".to_owned(),
            Effect::Release { attempt, .. } => format!("release/{attempt}"),
            Effect::Seal { .. } => "seal".to_owned(),
        })
    }

    /// Whether it makes something that must be taken out again: never without a journal.
    #[must_use]
    pub const fn makes(&self) -> bool {
        matches!(self, Effect::Kill { .. } | Effect::Apply { .. })
    }

    /// What it can do to the world.
    #[must_use]
    pub const fn danger(&self) -> Danger {
        match self {
            Effect::Seal { .. } => Danger::None,
            Effect::Resolve { .. } | Effect::Inspect { .. } | Effect::Sample { .. } | Effect::DryRun { .. } | Effect::LookFor { .. } => {
                Danger::Reads
            }
            // a pod of our own is all that a brake touches
            Effect::Apply { fault, .. } if fault.is_brake() => Danger::Writes,
            Effect::Lift { .. } | Effect::Claim { .. } | Effect::Release { .. } => Danger::Writes,
            Effect::Kill { .. } | Effect::Apply { .. } => Danger::Breaks,
        }
    }
}

/// How a request went.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// The API server said yes.
    Done {
        /// From sending to the answer.
        #[serde(with = "micros")]
        took: Duration,
    },
    /// It was so already: the pod or object is gone, or the object of this run is there.
    Already {
        /// From sending to the answer.
        #[serde(with = "micros")]
        took: Duration,
    },
    /// It was refused; asking again can't help.
    Refused {
        /// Status code and reason, and what to do, as far as known.
        why: Untrusted,
    },
    /// No answer, or one that may be different the next time.
    Failed {
        /// What happened.
        why: Untrusted,
    },
}

/// What a run came to: the last entry of its journal, and the exit code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conclusion {
    /// The verdict on the hypothesis and on the run.
    pub verdict: Verdict,
    /// Objects of this run that may still be in the cluster.
    pub left: Vec<ChaosRef>,
    /// Why, where something kept the run from its end.
    pub why: Option<Untrusted>,
}

/// What a run came to, in the order of precedence of its exit codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Something is left in the cluster.
    CleanupIncomplete,
    /// The operator stopped it.
    Aborted,
    /// A stop condition stopped it.
    Stopped,
    /// A criterion is broken.
    Refuted,
    /// Something could not be seen, or the fault never took effect.
    Inconclusive,
    /// Every criterion held.
    Held,
    /// A gate refused; nothing was broken.
    Refused,
}

impl Verdict {
    /// The exit code of the process.
    #[must_use]
    pub const fn exit_code(self) -> u8 {
        match self {
            Verdict::Held => 0,
            Verdict::Refuted => 1,
            Verdict::Refused => 3,
            Verdict::Stopped => 4,
            Verdict::Aborted => 5,
            Verdict::Inconclusive => 6,
            Verdict::CleanupIncomplete => 7,
        }
    }
}

/// Durations as whole microseconds.
pub mod micros {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    /// Writes whole microseconds.
    ///
    /// # Errors
    /// Those of the serializer.
    pub fn serialize<S: Serializer>(span: &Duration, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_u64(u64::try_from(span.as_micros()).unwrap_or(u64::MAX))
    }

    /// Reads whole microseconds.
    ///
    /// # Errors
    /// Those of the deserializer.
    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        u64::deserialize(from).map(Duration::from_micros)
    }
}

//! What is broken, and in which pods.
//!
//! Owns [`Fault`]: a Chaos Mesh manifest as written beside what gameday understands of it. The
//! manifest is what is sent; the rest is for showing, resolving targets and undoing.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The API group and version of every fault.
pub const CHAOS_MESH_API: &str = "chaos-mesh.org/v1alpha1";

/// How long a lasting fault lasts where its author did not say: the dead man's limit that is
/// always sent.
pub const DEFAULT_DURATION: Duration = Duration::from_mins(1);

/// One fault of a scenario.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    /// The manifest as written, `${PARAMETERS}` filled in: a whole object.
    pub manifest: Value,
    /// Kind and action.
    pub action: Action,
    /// The pods it is aimed at.
    pub selector: Selector,
    /// How many of them it takes.
    pub mode: Mode,
    /// For a `NetworkChaos` with a `target`: the pods at the other end.
    pub peer: Option<(Selector, Mode)>,
    /// `spec.duration` as written; one-shot actions ignore it.
    pub duration: Option<Duration>,
}

impl Fault {
    /// Whether it stays in effect until it is lifted. One-shot actions have nothing to lift.
    #[must_use]
    pub const fn is_lasting(&self) -> bool {
        self.action.is_lasting()
    }

    /// Whether gameday can do it without Chaos Mesh.
    #[must_use]
    pub fn is_agentless(&self) -> bool {
        matches!(self.action, Action::PodKill { .. }) || crate::manifest::policy::why_not(self).is_none()
    }

    /// Whether the pods at the other end get rules of their own, and not only lose a partner.
    #[must_use]
    pub fn reaches_peers(&self) -> bool {
        let both = |action: &Action| matches!(action, Action::Network { direction, .. } if direction != "to" && !direction.is_empty());
        self.peer.is_some() && both(self.action.experiment())
    }

    /// `metadata.name` as written.
    #[must_use]
    pub fn name(&self) -> &str {
        self.manifest.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default()
    }

    /// `metadata.namespace` as written.
    #[must_use]
    pub fn namespace(&self) -> Option<&str> {
        self.manifest.pointer("/metadata/namespace").and_then(Value::as_str)
    }
}

/// Kind and action of a fault.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// `PodChaos` pod-kill: pods are deleted.
    PodKill {
        /// `gracePeriod` in seconds; 0 deletes at once.
        grace: u32,
    },
    /// `PodChaos` pod-failure: containers run the pause image.
    PodFailure,
    /// `PodChaos` container-kill.
    ContainerKill {
        /// The containers' names.
        containers: Vec<String>,
    },
    /// `NetworkChaos`, by its action: delay, loss, duplicate, corrupt, partition, bandwidth, netem.
    Network {
        /// `spec.action`.
        action: String,
        /// `spec.direction`: to, from or both.
        direction: String,
    },
    /// `IOChaos`, by its action: latency, fault, attrOverride, mistake.
    Io {
        /// `spec.action`.
        action: String,
        /// `spec.volumePath`: the mount whose files suffer.
        volume: String,
    },
    /// `StressChaos`: what is stressed.
    Stress {
        /// The CPU.
        cpu: bool,
        /// Memory.
        memory: bool,
    },
    /// A `Schedule`: another fault again and again.
    Schedule {
        /// The fault.
        of: Box<Action>,
        /// The gap between two, where it is no time of the calendar.
        every: Option<Duration>,
    },
    /// A kind of which only name, selector, mode and duration are understood.
    Other {
        /// Which.
        kind: OtherKind,
    },
}

/// The kinds that gameday passes on as they are written: Chaos Mesh's own word on them is the
/// server's dry run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OtherKind {
    /// `HTTPChaos`.
    Http,
    /// `DNSChaos`.
    Dns,
    /// `TimeChaos`.
    Time,
}

impl Action {
    /// The kind of the manifest.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Action::PodKill { .. } | Action::PodFailure | Action::ContainerKill { .. } => "PodChaos",
            Action::Network { .. } => "NetworkChaos",
            Action::Io { .. } => "IOChaos",
            Action::Stress { .. } => "StressChaos",
            Action::Other { kind: OtherKind::Http } => "HTTPChaos",
            Action::Other { kind: OtherKind::Dns } => "DNSChaos",
            Action::Other { kind: OtherKind::Time } => "TimeChaos",
            Action::Schedule { .. } => "Schedule",
        }
    }

    /// The fault itself, where it is one of a Schedule.
    #[must_use]
    pub fn experiment(&self) -> &Action {
        match self {
            Action::Schedule { of, .. } => of,
            Action::PodKill { .. }
            | Action::PodFailure
            | Action::ContainerKill { .. }
            | Action::Network { .. }
            | Action::Io { .. }
            | Action::Stress { .. }
            | Action::Other { .. } => self,
        }
    }

    /// Whether Chaos Mesh does it by the daemon on the pod's node. Pods are deleted, and their images
    /// swapped, through the API server.
    #[must_use]
    pub fn needs_daemon(&self) -> bool {
        !matches!(self.experiment(), Action::PodKill { .. } | Action::PodFailure)
    }

    /// Whether it stays in effect until it is lifted.
    #[must_use]
    pub const fn is_lasting(&self) -> bool {
        !matches!(self, Action::PodKill { .. } | Action::ContainerKill { .. })
    }
}

/// `spec.action` of the manifest, or what a kind without one does.
impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Action::PodKill { .. } => f.write_str("pod-kill"),
            Action::PodFailure => f.write_str("pod-failure"),
            Action::ContainerKill { .. } => f.write_str("container-kill"),
            Action::Network { action, .. } | Action::Io { action, .. } => f.write_str(action),
            Action::Stress { cpu: true, memory: true } => f.write_str("CPU and memory stress"),
            Action::Stress { cpu: true, .. } => f.write_str("CPU stress"),
            Action::Stress { .. } => f.write_str("memory stress"),
            Action::Schedule { of, .. } => write!(f, "{of} again and again"),
            Action::Other { kind: OtherKind::Http } => f.write_str("HTTP fault"),
            Action::Other { kind: OtherKind::Dns } => f.write_str("DNS fault"),
            Action::Other { kind: OtherKind::Time } => f.write_str("clock shift"),
        }
    }
}

/// How many of the selected pods are taken (chaos-mesh: `spec.mode`, `spec.value`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// One at random.
    One,
    /// Every one.
    All,
    /// So many, or all where there are fewer.
    Fixed(u32),
    /// So many percent, 1 to 100, rounded up.
    FixedPercent(u32),
    /// A random percentage from 0 to this, 1 to 100, of them, rounded up.
    RandomMaxPercent(u32),
}

impl Mode {
    /// The most pods this takes of `matched`.
    #[must_use]
    pub fn most(self, matched: u32) -> u32 {
        match self {
            Mode::One => matched.min(1),
            Mode::All => matched,
            Mode::Fixed(n) => matched.min(n),
            Mode::FixedPercent(percent) | Mode::RandomMaxPercent(percent) => {
                let exact = u64::from(matched) * u64::from(percent.min(100));
                u32::try_from(exact.div_ceil(100)).unwrap_or(matched)
            }
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Mode::One => f.write_str("one"),
            Mode::All => f.write_str("all"),
            Mode::Fixed(n) => write!(f, "{n}"),
            Mode::FixedPercent(percent) => write!(f, "{percent} %"),
            Mode::RandomMaxPercent(percent) => write!(f, "up to {percent} %"),
        }
    }
}

/// Which pods (chaos-mesh: `spec.selector`). Fields are `ANDed`; `pods` overrules all others.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Selector {
    /// Namespaces; empty is the fault's own.
    pub namespaces: Vec<String>,
    /// Labels that must be equal.
    pub label_selectors: BTreeMap<String, String>,
    /// Set-based label requirements.
    pub expression_selectors: Vec<Requirement>,
    /// Annotations that must be equal.
    pub annotation_selectors: BTreeMap<String, String>,
    /// Field selectors.
    pub field_selectors: BTreeMap<String, String>,
    /// Pod phases; `!Phase` excludes.
    pub pod_phase_selectors: Vec<String>,
    /// Node names, united with `node_selectors`.
    pub nodes: Vec<String>,
    /// Node labels.
    pub node_selectors: BTreeMap<String, String>,
    /// Pods by namespace and name.
    pub pods: BTreeMap<String, Vec<String>>,
}

impl Selector {
    /// Whether it selects by nothing at all: every pod of its namespaces.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        self.label_selectors.is_empty()
            && self.expression_selectors.is_empty()
            && self.annotation_selectors.is_empty()
            && self.field_selectors.is_empty()
            && self.pod_phase_selectors.is_empty()
            && self.nodes.is_empty()
            && self.node_selectors.is_empty()
            && self.pods.is_empty()
    }

    /// Whether no pod can be meant by both, as far as their own words say. Namespaces that are not
    /// written are one and the same.
    #[must_use]
    pub fn is_apart_from(&self, other: &Selector) -> bool {
        if !self.pods.is_empty() && !other.pods.is_empty() {
            let named = |(namespace, names): (&String, &Vec<String>)| {
                other.pods.get(namespace).is_some_and(|others| names.iter().any(|name| others.contains(name)))
            };
            return !self.pods.iter().any(named);
        }
        if !self.pods.is_empty() || !other.pods.is_empty() {
            return false;
        }
        let elsewhere = !self.namespaces.is_empty()
            && !other.namespaces.is_empty()
            && !self.namespaces.iter().any(|namespace| other.namespaces.contains(namespace));
        let unlike = |(key, value): (&String, &String)| other.label_selectors.get(key).is_some_and(|theirs| theirs != value);
        elsewhere || self.label_selectors.iter().any(unlike)
    }
}

/// One set-based label requirement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Requirement {
    /// The label's key.
    pub key: String,
    /// `In`, `NotIn`, `Exists` or `DoesNotExist`.
    pub operator: String,
    /// The values, for In and NotIn.
    #[serde(default)]
    pub values: Vec<String>,
}

//! What is looked at before the start: each look is asked for once and answered by
//! [`crate::event::inspected::Inspected`].

use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::effect::PodRef;
use crate::scenario::model::Hours;
use crate::text::Untrusted;

/// Where Velero is installed unless somebody says otherwise.
pub const VELERO_HOME: &str = "velero";

/// Something to look at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Inspection {
    /// Whether we may do what the run and its undo need.
    Rights {
        /// Each.
        rights: Vec<Right>,
    },
    /// Chaos Mesh's own pods.
    ChaosMesh,
    /// Whether somebody refuses a fault that makes no sense: the webhooks of Chaos Mesh.
    Webhooks {
        /// In which namespace that is tried, as a dry run.
        namespace: String,
        /// With which kind: one that the run needs the right to create anyway. Empty for `PodChaos`.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        kind: String,
    },
    /// Namespaces and their annotations.
    Namespaces {
        /// Their names.
        names: Vec<String>,
    },
    /// The pods that faults are aimed at, the nodes they are on, the budgets that guard them.
    Victims {
        /// Which.
        pods: Vec<PodRef>,
    },
    /// The `NetworkPolicies` that hold for pods which one of ours is to hold for.
    Policies {
        /// Which pods.
        pods: Vec<PodRef>,
    },
    /// Faults of others.
    OtherFaults {
        /// In these namespaces.
        namespaces: Vec<String>,
    },
    /// What outlived its fault or its run.
    Residue {
        /// In these namespaces.
        namespaces: Vec<String>,
        /// Whether the run is over.
        after: bool,
    },
    /// Who we are to the API server.
    User,
    /// Whether kinds are served here, and what their resources are called.
    Kinds {
        /// Each.
        kinds: Vec<KindRef>,
    },
    /// The Leases of other runs.
    Leases {
        /// In these namespaces, where one may not look everywhere.
        namespaces: Vec<String>,
    },
    /// Backups of namespaces, by Velero.
    Backups {
        /// Of which.
        namespaces: Vec<String>,
    },
    /// How old the newest sample of each selector is.
    Samples {
        /// Selectors of `PromQL`.
        selectors: Vec<String>,
    },
    /// Alerts that fire.
    Alerts,
    /// When in the coming week the run may begin.
    Hours {
        /// As the scenario says it.
        hours: Hours,
        /// From when on.
        from: DateTime<Utc>,
    },
}

impl Inspection {
    /// What is looked at, in one word: the same as of the answer.
    #[must_use]
    pub const fn aspect(&self) -> &'static str {
        match self {
            Inspection::Rights { .. } => "rights",
            Inspection::ChaosMesh => "chaos-mesh",
            Inspection::Webhooks { .. } => "webhooks",
            Inspection::Namespaces { .. } => "namespaces",
            Inspection::Victims { .. } => "victims",
            Inspection::Policies { .. } => "policies",
            Inspection::OtherFaults { .. } => "other-faults",
            Inspection::Residue { after: false, .. } => "residue",
            Inspection::Residue { after: true, .. } => "residue-after",
            Inspection::User => "user",
            Inspection::Kinds { .. } => "kinds",
            Inspection::Leases { .. } => "leases",
            Inspection::Backups { .. } => "backups",
            Inspection::Samples { .. } => "samples",
            Inspection::Alerts => "alerts",
            Inspection::Hours { .. } => "hours",
        }
    }
}

/// A kind of object, as a scenario names it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct KindRef {
    /// The API group; empty for the core one.
    pub group: String,
    /// The version; `None` is any.
    pub version: Option<String>,
    /// The kind.
    pub kind: String,
}

/// `Gateway of gateway.networking.k8s.io/v1`.
impl fmt::Display for KindRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let safe = |text: &str| Untrusted::from(text);
        let group = if self.group.is_empty() { "the core API" } else { &self.group };
        write!(f, "{} of {}", safe(&self.kind), safe(group))?;
        self.version.iter().try_for_each(|version| write!(f, "/{}", safe(version)))
    }
}

/// One thing that one may or may not do.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Right {
    /// The namespace; empty for what is in none, and for all of them.
    pub namespace: String,
    /// The API group; empty for the core one.
    pub group: String,
    /// The plural, with a subresource after a slash.
    pub resource: String,
    /// The verb.
    pub verb: String,
    /// The one object it is about; empty for any.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
}

/// `create podchaos.chaos-mesh.org in namespace staging`.
impl fmt::Display for Right {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let safe = |text: &str| Untrusted::from(text);
        write!(f, "{} {}", safe(&self.verb), safe(&self.resource))?;
        if !self.group.is_empty() {
            write!(f, ".{}", safe(&self.group))?;
        }
        if !self.name.is_empty() {
            write!(f, " {}", safe(&self.name))?;
        }
        if self.namespace.is_empty() { f.write_str(" in the whole cluster") } else { write!(f, " in namespace {}", safe(&self.namespace)) }
    }
}

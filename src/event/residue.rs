//! What outlives its fault, or its run, in a cluster.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::effect::ChaosRef;
use crate::text::Untrusted;

/// One thing that is left.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Trace {
    /// What it is.
    pub what: Remains,
    /// The object: of rules the `Pod*Chaos` that bears its pod's name, of a pause image the pod.
    pub object: ChaosRef,
    /// `namespace/name` of what it comes from, or the name alone, where it says so.
    pub from: Option<Untrusted>,
    /// The token of the run it comes from, by its label or by the name of what it comes from.
    pub run: Option<String>,
}

/// What can be left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Remains {
    /// An object that gameday made: a fault, a pod, a policy, a namespace.
    Object,
    /// The Lease of a run that is not live.
    Lease,
    /// Network rules in a pod whose fault is gone.
    NetworkRules,
    /// Rules for a pod's files whose fault is gone.
    FileRules,
    /// Rules for a pod's HTTP traffic whose fault is gone.
    HttpRules,
    /// A pod on the pause image, with no fault that holds it there.
    PauseImage,
}

/// `network rules in pod staging/task-api-1`.
impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (namespace, name) = (Untrusted::from(self.object.namespace.as_str()), Untrusted::from(self.object.name.as_str()));
        let what = match self.what {
            Remains::Object | Remains::Lease => return write!(f, "{}", self.object),
            Remains::NetworkRules => "network rules",
            Remains::FileRules => "file rules",
            Remains::HttpRules => "HTTP rules",
            Remains::PauseImage => "the pause image",
        };
        write!(f, "{what} in pod {namespace}/{name}")
    }
}

/// What a look for residue saw.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResidueFact {
    /// What is there of runs that are not live, or of nobody.
    pub found: Vec<Trace>,
    /// What could not be looked at, and why.
    pub unseen: Vec<Untrusted>,
}

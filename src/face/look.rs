//! A look at one pod: shown and forgotten, never journalled.
//!
//! Owns what a face may ask to see of a pod ([`LookAt`]) and what it is told ([`Look`]). The run knows nothing of it.

use crate::effect::PodRef;
use crate::text::Untrusted;

/// What is looked at of a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Aspect {
    /// What it is and does, in words, with its Events.
    Details,
    /// Its object.
    Yaml,
    /// The end of its log.
    Logs,
}

impl Aspect {
    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Aspect::Details => "details",
            Aspect::Yaml => "YAML",
            Aspect::Logs => "logs",
        }
    }
}

/// A look that is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LookAt {
    /// The pod.
    pub pod: PodRef,
    /// What of it.
    pub aspect: Aspect,
}

/// What was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Look {
    /// What was looked at.
    pub at: LookAt,
    /// Its lines; or why there are none, and what to do.
    pub seen: Result<Vec<Untrusted>, Untrusted>,
}

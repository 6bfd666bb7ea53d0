//! The pods that a fault means: those it is aimed at, and those at its other end.

use serde::{Deserialize, Serialize};

use crate::effect::PodRef;

/// A pod that a selector means.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MatchedPod {
    /// Which.
    pub pod: PodRef,
    /// The uid of the object that controls it.
    pub owner: Option<String>,
    /// Whether it runs.
    pub running: bool,
}

/// A pod at the other end of a partition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeerFact {
    /// Which.
    pub pod: PodRef,
    /// Its addresses; none where it has not got any yet.
    pub ips: Vec<String>,
    /// Whether they are its node's.
    pub host_network: bool,
}

//! The life cycle of a run.

use crate::text::Untrusted;

/// Where a run stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Looking before anything is done.
    Preflight,
    /// Everything is known; waiting for the operator's word.
    Ready,
    /// The gate: the steady state must hold.
    Gate,
    /// The steps, each when its turn comes.
    Steps,
    /// The steps are over: recoveries pending, the steady state to be proven again.
    Settling,
    /// Undoing what is left, then sealing.
    Undoing(End),
    /// Over.
    Sealed,
}

/// Why a run turned to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// It is through.
    Complete,
    /// Something forbade to begin or go on before anything was broken.
    Refused(Untrusted),
    /// The operator stopped it.
    Aborted,
    /// A stop condition tripped: its place in `stopWhen`.
    Stopped(usize),
    /// Something could not be seen or did not take effect.
    Inconclusive(Untrusted),
}

impl Phase {
    /// Whether the run may break something now.
    #[must_use]
    pub const fn may_break(&self) -> bool {
        matches!(self, Phase::Steps)
    }

    /// Whether the run is over.
    #[must_use]
    pub const fn is_over(&self) -> bool {
        matches!(self, Phase::Sealed)
    }
}

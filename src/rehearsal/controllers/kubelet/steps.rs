//! What the worker of a pod is told, and what it does next.

use std::sync::Arc;

use super::probes;
use crate::rehearsal::api::object::Object;

/// What a worker is told.
#[derive(Debug, Clone)]
pub enum News {
    /// The pod has changed.
    Changed(Arc<Object>),
    /// The pod is no longer in the API.
    Gone,
    /// The process of this container was killed.
    Killed(String),
    /// Something about the node or the pod's processes is other than before.
    Afflicted,
}

/// What comes next for an init container, and for which.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum First {
    /// See to its image.
    Fetch(usize),
    /// Its image has come, or not.
    Fetched(usize),
    /// It is too early to fetch its image again.
    Refused(usize),
    /// It runs.
    Start(usize),
    /// It has ended.
    Done(usize),
    /// It waits before it is started again.
    BackOff(usize),
}

/// What a worker does next, and for which container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Report the containers as waiting.
    Admit,
    /// The sandbox is there, if the volumes can be mounted.
    Prepare,
    /// What comes next for an init container.
    Init(First),
    /// The pod has been active for longer than it may.
    Overdue,
    /// See to this container's image.
    Fetch(usize),
    /// This container's image has come, or not.
    Fetched(usize),
    /// It is too early to fetch this container's image again.
    Refused(usize),
    /// This container runs.
    Start(usize),
    /// A probe of this container is asked.
    Probe(usize, probes::Kind),
    /// How much memory this container has is looked at.
    Look(usize),
    /// Tell that the spec was seen.
    Observe,
    /// Tell what could not be told when it was so.
    Tell,
    /// This container is going down for a change of its image.
    Unready(usize),
    /// This container is seen as killed.
    Killed(usize),
    /// This container's process ends by itself.
    Exited(usize),
    /// This container has taken more memory than it may.
    Oom(usize),
    /// This container waits before it is started again.
    BackOff(usize),
    /// It still does.
    BackOffAgain(usize),
    /// This container runs again.
    Restart(usize),
    /// All containers have stopped at the end of the pod.
    Stopped,
}

impl Step {
    /// Whether it is about the process that this container runs now, and ends with it.
    #[must_use]
    pub fn is_of_process(self, container: usize) -> bool {
        match self {
            Self::Probe(index, _)
            | Self::Look(index)
            | Self::Exited(index)
            | Self::Oom(index)
            | Self::Killed(index)
            | Self::Unready(index) => index == container,
            Self::Admit
            | Self::Prepare
            | Self::Init(_)
            | Self::Overdue
            | Self::Fetch(_)
            | Self::Fetched(_)
            | Self::Refused(_)
            | Self::Start(_)
            | Self::Observe
            | Self::Tell
            | Self::BackOff(_)
            | Self::BackOffAgain(_)
            | Self::Restart(_)
            | Self::Stopped => false,
        }
    }
}

//! What a pod's own status says of why it is not ready.

use serde::{Deserialize, Serialize};

use crate::text::Untrusted;

/// What keeps a pod from being ready, in the words of its status.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hindrance {
    /// The container it is about; `None`: the pod as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<Untrusted>,
    /// In one word: `Unschedulable`, `ImagePullBackOff`, `CreateContainerConfigError`, `CrashLoopBackOff`, `OOMKilled`.
    pub reason: Untrusted,
    /// The message, cut to 300 characters; may be empty.
    pub message: Untrusted,
    /// How the container's last process ended, if one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Ended>,
}

/// How a process ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    /// Its exit code.
    pub code: i32,
    /// The kubelet's word for it: `Error`, `OOMKilled`, `Completed`.
    pub reason: Untrusted,
}

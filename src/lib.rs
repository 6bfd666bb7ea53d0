//! gameday: the terminal cockpit for game days on Kubernetes.

pub mod clock;
pub mod criterion;
pub mod fault;
pub mod rehearsal;
pub mod scenario;
pub mod text;

//! The practice cluster: a Kubernetes API server inside the process, with the controllers that make it live.
//!
//! A rehearsal puts the real kube client on [`PracticeCluster::service`]; what runs in a rehearsal is therefore the code that runs against a real
//! cluster. This room knows nothing of the rest of gameday, and nothing of it is journalled or decided here.
//!
//! Everything runs on one current-thread tokio runtime on tokio's paused clock. There is no real sleep and no real clock in here; all randomness comes
//! from the seed by named streams ([`dice`]); nothing is ordered by hash. The same world, seed and requests give the same answers, names, uids,
//! revisions, in the same order.
//!
//! - [`world`]: what the cluster is filled with; [`founding`] fills it.
//! - [`api`]: the store, the API's rules, and the HTTP face.
//! - [`controllers`]: Deployment to kubelet, and Chaos Mesh; each a client of an API, so that they can also be attached to a real server, on real time.
//! - [`prometheus`]: the samples and their HTTP API; [`promql`]: the language they are asked in.
//! - [`quantity`]: Kubernetes' numbers with units.
//! - [`stage`]: the world a scenario needs.
//! - [`traffic`]: requests to the workloads, and the metrics they leave.
//! - [`trouble`]: what can be made to go wrong while it runs.

pub mod api;
pub mod clock;
pub mod cluster;
pub mod controllers;
pub mod dice;
pub mod founding;
pub mod prometheus;
pub mod promql;
pub mod quantity;
pub mod stage;
pub mod traffic;
pub mod trouble;
pub mod world;

pub use api::proxy::{Backend, BackendAnswer, BackendRequest};
pub use api::service::ApiService;
pub use cluster::PracticeCluster;
pub use controllers::chaos::daemon::{IoEffect, IoFault, NetworkFault, Size, Stress};
pub use prometheus::Prometheus;
pub use traffic::MetricSink;
pub use trouble::Trouble;
pub use world::{Denial, Mishap, World};

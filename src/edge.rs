//! The adapters: everything that talks to a cluster, to Prometheus, to an HTTP endpoint.
//!
//! Owns [`Cluster`], a connected API server, and the tasks that turn what it says into events.
//! Performs effects, never decides; knows words, never the run.

pub mod agentless;
pub mod api_error;
pub mod chaos_mesh;

pub mod connect;
pub mod endpoints;
pub mod http_probe;
pub mod pods;
pub mod prometheus;
pub mod pulse;
pub mod sweep;
pub mod targets;
mod watching;
pub mod workloads;

use std::time::Duration;

use kube::Client;
use tokio::sync::{mpsc, watch};

use crate::event::{ClusterFact, EndpointsSource, Event};
use crate::text::Untrusted;

/// How long one request may take.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// A cluster that answers.
#[derive(Clone)]
pub struct Cluster {
    /// Speaks to its API server.
    pub client: Client,
    /// What it was found to be.
    pub fact: ClusterFact,
    /// The namespace of target and faults that name none.
    pub namespace: String,
    /// Whether the API server answers at the moment.
    pub alive: watch::Receiver<bool>,
    alive_tx: watch::Sender<bool>,
}

/// Where adapters put what they learn.
pub type Inbox = mpsc::Sender<Event>;

impl Cluster {
    /// Looks at what the cluster serves.
    ///
    /// # Errors
    /// It does not answer, or refuses; with what to do.
    pub async fn look(client: Client, context: &str, namespace: &str) -> Result<Cluster, api_error::ApiError> {
        let (version, groups) = tokio::try_join!(
            api_error::within("GET /version", client.apiserver_version()),
            api_error::within("GET /apis", client.list_api_groups())
        )?;
        let serves = |group: &str, version: &str| {
            groups.groups.iter().any(|served| served.name == group && served.versions.iter().any(|v| v.version == version))
        };
        let endpoints = if serves("discovery.k8s.io", "v1") { EndpointsSource::EndpointSlices } else { EndpointsSource::Endpoints };
        let (alive_tx, alive) = watch::channel(true);
        Ok(Cluster {
            client,
            fact: ClusterFact {
                version: Untrusted::from(version.git_version),
                context: context.into(),
                namespace: namespace.into(),
                chaos_mesh: serves("chaos-mesh.org", "v1alpha1"),
                endpoints,
            },
            namespace: namespace.to_owned(),
            alive,
            alive_tx,
        })
    }
}

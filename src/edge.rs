//! The adapters: everything that talks to a cluster, to Prometheus, to an HTTP endpoint.
//!
//! Owns [`Cluster`], a connected API server, and the tasks that turn what it says into events.
//! Performs effects, never decides; knows words, never the run.

pub mod abilities;
pub mod agentless;
pub mod api_error;
pub mod chaos_mesh;
pub mod command_probe;
pub mod connect;
pub mod endpoints;
pub mod events;
pub mod hours;
pub mod http_probe;
pub mod inspect;
mod lean;
pub mod lease;
pub mod look;
pub mod object_probe;
pub mod pods;
pub mod prometheus;
pub mod pulse;
pub mod renewal;
pub mod residue;
pub mod schedule;
mod secrets;
pub mod sweep;
pub mod targets;
pub mod tier;
mod velero;
mod victims;
mod watching;
pub mod workloads;

use std::time::Duration;

use kube::Client;
use thiserror::Error;
use tokio::sync::{mpsc, watch};

use crate::edge::connect::Connection;
use crate::edge::renewal::Renewal;
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
    /// Speaks to it for whoever only looks, where that is another client.
    aside: Option<Client>,
    /// How its connections are made anew; there are none in rehearsal.
    renewal: Option<Renewal>,
    /// The apiVersion of an Eviction here.
    pub(crate) eviction: &'static str,
    /// The resources of kinds that were looked up.
    resources: object_probe::Resources,
}

/// A cluster does not answer, or refuses.
#[derive(Debug, Error)]
#[error("context {context:?} at {server}: {why}")]
pub struct Unreachable {
    /// The kubeconfig context.
    pub context: String,
    /// The API server's URL.
    pub server: String,
    /// What happened, and what to do.
    pub why: Untrusted,
}

/// Where adapters put what they learn.
pub type Inbox = mpsc::Sender<Event>;

impl Cluster {
    /// Looks at what the cluster of a connection serves.
    ///
    /// # Errors
    /// It does not answer, or refuses; with what to do.
    pub async fn reach(connection: Connection, namespace: &str) -> Result<Cluster, Unreachable> {
        let Connection { client, renewal, context, server, .. } = connection;
        let reached = Cluster::look(client, &context, namespace).await;
        reached.map(|cluster| Cluster { renewal: Some(renewal), ..cluster }).map_err(|error| {
            let advice = if error.code.is_none() { "; is the cluster up, and the VPN on?" } else { "" };
            Unreachable { context, server, why: format!("{error}{advice}").into() }
        })
    }

    /// The same, with a client of its own for whoever only looks.
    #[must_use]
    pub fn with_aside(self, client: Client) -> Cluster {
        Cluster { aside: Some(client), ..self }
    }

    /// The cluster for whoever only looks, and whose requests are no part of a run.
    #[must_use]
    pub fn aside(&self) -> Cluster {
        Cluster { client: self.aside.clone().unwrap_or_else(|| self.client.clone()), ..self.clone() }
    }

    /// Looks at what the API server behind a client serves.
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
            aside: None,
            renewal: None,
            eviction: if serves("policy", "v1") { "policy/v1" } else { "policy/v1beta1" },
            resources: object_probe::Resources::default(),
        })
    }
}

//! The practice cluster as its caller holds it.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use tokio::sync::watch;

use super::api::ApiServer;
use super::api::expiry;
use super::api::proxy::Backend;
use super::api::service::ApiService;
use super::controllers;
use super::controllers::chaos::daemon::NetworkFault;
use super::founding;
use super::traffic::{self, MetricSink};
use super::trouble::Trouble;
use super::world::World;

/// A Kubernetes cluster inside this process.
#[derive(Debug, Clone)]
pub struct PracticeCluster {
    server: ApiServer,
}

impl PracticeCluster {
    /// Start a cluster of this world: its clock starts now, its controllers run as tasks of the current runtime.
    ///
    /// The runtime is to be a current-thread one with a paused clock; only then do equal seeds give equal runs.
    #[must_use]
    pub fn start(world: World, seed: u64) -> Self {
        let cluster = Self::without_controllers(world, seed);
        controllers::start(&cluster.server);
        cluster.trouble().take_its_course();
        cluster
    }

    /// A cluster of this world in which nothing lives but the API server: whoever plays its controllers is a client ([`controllers::attach`]).
    #[must_use]
    pub fn without_controllers(world: World, seed: u64) -> Self {
        let server = ApiServer::new(world, seed);
        founding::found(&server);
        expiry::start(&server);
        Self { server }
    }

    /// Start a cluster whose clock shows this time now: for clients who compare it with a clock of their own.
    #[must_use]
    pub fn start_at(world: World, seed: u64, now: DateTime<Utc>) -> Self {
        let server = ApiServer::new(world, seed);
        {
            let mut state = server.lock();
            state.clock.set_now(now);
            state.found_roles();
        }
        founding::found(&server);
        expiry::start(&server);
        controllers::start(&server);
        let cluster = Self { server };
        cluster.trouble().take_its_course();
        cluster
    }

    /// The API server as a tower service: `kube::Client::new(cluster.service(), "staging")`.
    #[must_use]
    pub fn service(&self) -> ApiService {
        ApiService::new(self.server.clone())
    }

    /// The same for requests of the operator's own, which leave everything else as it would be without them.
    #[must_use]
    pub fn aside(&self) -> ApiService {
        ApiService::aside(self.server.clone())
    }

    /// Whether nobody answers at the API server's address, now and whenever that changes: who serves it at an address of its own is to take it down.
    #[must_use]
    pub fn outages(&self) -> watch::Receiver<bool> {
        self.server.lock().troubles.api_down.subscribe()
    }

    /// The true simulated time. Only right inside the cluster's runtime.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        self.server.lock().clock.now()
    }

    /// The handle that makes things go wrong.
    #[must_use]
    pub fn trouble(&self) -> Trouble {
        Trouble::new(self.server.clone())
    }

    /// Let this backend answer requests to this Service through the API server's service proxy.
    pub fn register_backend(&self, namespace: &str, service: &str, backend: Arc<dyn Backend>) {
        self.server.lock().backends.register(namespace, service, backend);
    }

    /// The network rules that Chaos Mesh has in force on pods.
    #[must_use]
    pub fn network_faults(&self) -> Vec<NetworkFault> {
        self.server.lock().daemon.faults()
    }

    /// Let requests flow to the workloads that have traffic, and scrape all metrics into this sink from now on. Five minutes of a quiet past come first.
    pub fn scrape_into(&self, sink: Box<dyn MetricSink>) {
        traffic::start(&self.server, sink);
    }

    /// Let nobody answer for this Service any more.
    pub fn withdraw_backend(&self, namespace: &str, service: &str) {
        self.server.lock().backends.withdraw(namespace, service);
    }
}

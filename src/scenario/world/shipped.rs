//! Worlds that tests and scenarios without a `world:` start from, and what is asked of any world.

use std::collections::BTreeMap;

use super::{Traffic, Workload, World, WorldService};

/// Namespace and name of the Service that Prometheus answers behind.
pub const PROMETHEUS: (&str, &str) = ("monitoring", "prometheus-server");

impl World {
    /// The world of the shipped scenarios: Deployment `task-api` with three replicas under load, its Service, and a Prometheus Service
    /// `monitoring/prometheus-server:80` for a backend to answer.
    #[must_use]
    pub fn task_api(namespace: &str) -> Self {
        let workload = Workload { traffic: Some(Traffic::steady(60.0)), ..Workload::deployment(namespace, "task-api", 3) };
        Self { services: vec![WorldService::of(&workload), WorldService::prometheus()], workloads: vec![workload], ..Self::default() }
    }

    /// The same with a database `task-db` that every request to `task-api` calls.
    #[must_use]
    pub fn task_api_with_db(namespace: &str) -> Self {
        let mut world = Self::task_api(namespace);
        for workload in &mut world.workloads {
            workload.calls.push("task-db".to_owned());
        }
        let database = Workload::deployment(namespace, "task-db", 1);
        world.services.push(WorldService { port: 5432, ..WorldService::of(&database) });
        world.workloads.push(database);
        world
    }

    /// The same world where everything that names no namespace lives in this one, and with a Prometheus Service.
    #[must_use]
    pub fn settled(mut self, namespace: &str) -> Self {
        let places = self.workloads.iter_mut().map(|w| &mut w.namespace);
        let places = places.chain(self.services.iter_mut().map(|s| &mut s.namespace));
        let places = places.chain(self.secrets.iter_mut().chain(&mut self.config_maps).map(|held| &mut held.namespace));
        let places = places.chain(self.budgets.iter_mut().map(|budget| &mut budget.namespace));
        for place in places.chain(self.quotas.iter_mut().map(|quota| &mut quota.namespace)).filter(|place| place.is_empty()) {
            namespace.clone_into(place);
        }
        if !self.services.iter().any(|s| (s.namespace.as_str(), s.name.as_str()) == PROMETHEUS) {
            self.services.push(WorldService::prometheus());
        }
        self
    }

    /// The workload whose labels these are, in this namespace: the first that fits.
    #[must_use]
    pub fn workload_of(&self, namespace: &str, labels: &BTreeMap<&str, &str>) -> Option<&Workload> {
        self.workloads
            .iter()
            .find(|w| w.namespace == namespace && w.labels.iter().all(|(key, value)| labels.get(key.as_str()) == Some(&value.as_str())))
    }
}

impl WorldService {
    /// A Service of the workload's name on port 80 before the first port of its containers.
    #[must_use]
    pub fn of(workload: &Workload) -> Self {
        Self {
            namespace: workload.namespace.clone(),
            name: workload.name.clone(),
            port: 80,
            target_port: workload.containers.iter().find_map(|container| container.port).unwrap_or(8080),
            selector: workload.labels.clone(),
        }
    }

    /// The Service that Prometheus answers behind.
    #[must_use]
    pub fn prometheus() -> Self {
        let (namespace, name) = PROMETHEUS;
        Self { namespace: namespace.to_owned(), name: name.to_owned(), port: 80, target_port: 9090, selector: BTreeMap::new() }
    }
}

//! The world a scenario needs, where it brings none: its targets, what its faults select, and Prometheus.

use super::world::{Traffic, Workload, World, WorldService};
use crate::fault::Selector;
use crate::scenario::model::{Scenario, StepAction};

/// Namespace and name of the Service that Prometheus answers behind.
pub const PROMETHEUS: (&str, &str) = crate::scenario::world::PROMETHEUS;

/// The scenario's own world; where it brings none, three replicas of everything that is named, under load, each behind a Service.
#[must_use]
pub fn world(scenario: &Scenario, namespace: &str) -> World {
    if let Some(world) = &scenario.world {
        return world.clone().settled(namespace);
    }
    let mut workloads: Vec<Workload> = Vec::new();
    for target in &scenario.targets {
        let place = target.namespace.as_deref().unwrap_or(namespace);
        workloads.push(Workload { kind: target.kind, ..loaded(place, &target.name) });
    }
    for step in &scenario.steps {
        let StepAction::Fault(fault) = &step.action else { continue };
        let place = fault.namespace().unwrap_or(namespace);
        people(&mut workloads, &fault.selector, place, scenario.targets.len() == 1);
        if let Some((selector, _)) = &fault.peer {
            people(&mut workloads, selector, place, false);
        }
    }
    World { services: workloads.iter().map(WorldService::of).collect(), workloads, ..World::default() }.settled(namespace)
}

fn loaded(namespace: &str, name: &str) -> Workload {
    Workload { traffic: Some(Traffic::steady(60.0)), ..Workload::deployment(namespace, name, 3) }
}

/// Sees to it that a selector means somebody: the only target where it can be meant, or a
/// workload of its own.
fn people(workloads: &mut Vec<Workload>, selector: &Selector, namespace: &str, only_target: bool) {
    let place = selector.namespaces.first().map_or(namespace, String::as_str);
    let wanted = &selector.label_selectors;
    let bears =
        |workload: &Workload| workload.namespace == place && wanted.iter().all(|(key, value)| workload.labels.get(key) == Some(value));
    if wanted.is_empty() || workloads.iter().any(bears) {
        return;
    }
    let named = |workload: &&mut Workload| workload.namespace == place && wanted.values().any(|value| *value == workload.name);
    if let Some(workload) = workloads.iter_mut().find(named) {
        workload.labels.extend(wanted.clone());
    } else if let Some(workload) = workloads.first_mut().filter(|workload| only_target && workload.namespace == place) {
        workload.labels.extend(wanted.clone());
    } else {
        let name = ["app", "app.kubernetes.io/name"].iter().find_map(|key| wanted.get(*key)).or_else(|| wanted.values().next());
        if let Some(name) = name {
            workloads.push(Workload { labels: wanted.clone(), ..loaded(place, name) });
        }
    }
}

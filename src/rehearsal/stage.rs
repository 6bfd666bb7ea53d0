//! The world a scenario needs, where it brings none: its targets, what its faults select, and Prometheus.

use super::world::{Traffic, Workload, World, WorldService};
use crate::fault::{Action, Selector};
use crate::scenario::model::{Scenario, StepAction};

/// Namespace and name of the Service that Prometheus answers behind.
pub const PROMETHEUS: (&str, &str) = crate::scenario::world::PROMETHEUS;

/// The scenario's own world; where it brings none, three replicas of everything that is named, under load, each behind a Service.
#[must_use]
pub fn world(scenario: &Scenario, namespace: &str) -> World {
    if let Some(world) = &scenario.world {
        return World::clone(world).settled(namespace);
    }
    let mut workloads: Vec<Workload> = Vec::new();
    for target in &scenario.targets {
        let place = target.namespace.as_deref().unwrap_or(namespace);
        workloads.push(Workload { kind: target.kind, ..loaded(place, &target.name) });
    }
    for step in &scenario.steps {
        let StepAction::Fault(fault) = &step.action else { continue };
        let place = fault.namespace().unwrap_or(namespace);
        let hit = people(&mut workloads, &fault.selector, place, scenario.targets.len() == 1);
        if let (Some(hit), Action::Io { volume, .. }) = (hit, &fault.action) {
            give_volume(&mut workloads[hit], volume);
        }
        if let Some((selector, _)) = &fault.peer {
            let peer = people(&mut workloads, selector, place, false);
            talk(&mut workloads, scenario.targets.len(), hit, peer);
        }
    }
    World { services: workloads.iter().map(WorldService::of).collect(), workloads, ..World::default() }.settled(namespace)
}

fn loaded(namespace: &str, name: &str) -> Workload {
    Workload { traffic: Some(Traffic::steady(60.0)), ..Workload::deployment(namespace, name, 3) }
}

/// Lets the two sides of a network fault talk: the target calls the other, which nobody else calls. `targets` is how many come first.
fn talk(workloads: &mut [Workload], targets: usize, hit: Option<usize>, peer: Option<usize>) {
    let (Some(hit), Some(peer)) = (hit, peer) else { return };
    let (caller, called) = if peer < targets && hit >= targets { (peer, hit) } else { (hit, peer) };
    if caller == called
        || workloads[called].calls.contains(&workloads[caller].name)
        || workloads[caller].namespace != workloads[called].namespace
    {
        return;
    }
    let name = workloads[called].name.clone();
    if !workloads[caller].calls.contains(&name) {
        workloads[caller].calls.push(name);
    }
    if called >= targets {
        workloads[called].traffic = Some(Traffic::called());
    }
}

/// Lets a workload whose files are to suffer have its files there, and need one of them for each request.
fn give_volume(workload: &mut Workload, volume: &str) {
    let path = volume.trim_end_matches('/').to_owned();
    for container in &mut workload.containers {
        if path.starts_with('/') && !container.mounts.contains(&path) {
            container.mounts.push(path.clone());
        }
    }
    if let Some(traffic) = &mut workload.traffic {
        traffic.disk = traffic.disk.max(1);
    }
}

/// Sees to it that a selector means somebody: the only target where it can be meant, or a
/// workload of its own. Says which, where it is one.
fn people(workloads: &mut Vec<Workload>, selector: &Selector, namespace: &str, only_target: bool) -> Option<usize> {
    let place = selector.namespaces.first().map_or(namespace, String::as_str);
    let wanted = &selector.label_selectors;
    let bears =
        |workload: &Workload| workload.namespace == place && wanted.iter().all(|(key, value)| workload.labels.get(key) == Some(value));
    if wanted.is_empty() {
        return None;
    }
    if let Some(index) = workloads.iter().position(bears) {
        return Some(index);
    }
    let named = |workload: &Workload| workload.namespace == place && wanted.values().any(|value| *value == workload.name);
    if let Some(index) = workloads.iter().position(named) {
        workloads[index].labels.extend(wanted.clone());
        return Some(index);
    }
    if let Some(workload) = workloads.first_mut().filter(|workload| only_target && workload.namespace == place) {
        workload.labels.extend(wanted.clone());
        return Some(0);
    }
    let name = ["app", "app.kubernetes.io/name"].iter().find_map(|key| wanted.get(*key)).or_else(|| wanted.values().next())?;
    workloads.push(Workload { labels: wanted.clone(), ..loaded(place, name) });
    Some(workloads.len() - 1)
}

//! The workloads of a world.

use super::super::super::fields::{self, Fields, Zero};
use super::super::super::mistake::Mistakes;
use super::super::super::model::WorkloadKind;
use super::super::super::near::did_you_mean;
use super::super::super::tree::Node;
use super::super::super::world::{Container, Probe, Timings, Traffic, Workload};
use super::super::super::{keys, names};
use super::super::{items, namespace, tell_twice};
use super::nodes::taints;
use super::{labels, list_of, object_name, port, spread};

/// `workloads`; those that name no namespace live at `home`.
pub fn workloads(spec: Fields<'_>, home: &str, usual: &Timings, mistakes: &mut Mistakes) -> Vec<Workload> {
    let list = items(spec, "workloads", false, mistakes);
    let read: Vec<_> = list.iter().filter_map(|node| workload(node, home, usual, mistakes).map(|workload| (workload, node))).collect();
    let full: Vec<String> = read.iter().map(|(w, _)| format!("{}/{}", w.namespace, w.name)).collect();
    tell_twice("workload", full.iter().map(String::as_str).zip(read.iter().map(|(_, node)| node.span)), mistakes);
    for (workload, node) in &read {
        let known: Vec<&str> = read.iter().filter(|(w, _)| w.namespace == workload.namespace).map(|(w, _)| w.name.as_str()).collect();
        let calls = node.get("calls").map(|calls| match &calls.content {
            super::Content::List(list) => list.as_slice(),
            super::Content::Map(_) | super::Content::Scalar(_) => &[],
        });
        for call in calls.unwrap_or_default() {
            let name = call.excerpt();
            if !known.contains(&name.as_str()) {
                let mistake = mistakes.error(call.span, &name, "no workload of this namespace has this name");
                mistake.allow(known.join(", "));
                if let Some(hint) = did_you_mean(&name, known.iter().copied()) {
                    mistake.hint(hint);
                }
            }
        }
    }
    read.into_iter().map(|(workload, _)| workload).collect()
}

fn workload(node: &Node, home: &str, usual: &Timings, mistakes: &mut Mistakes) -> Option<Workload> {
    let fields = Fields::of(node, &keys::WORKLOAD, mistakes)?;
    let place = fields.get("namespace").map_or(Some(home.to_owned()), |node| namespace(node, mistakes));
    let name = fields.need("name", mistakes).and_then(|node| {
        fields::text_that(node, "the name of a workload", names::is_dns_label, "lower-case letters, digits and -, at most 63", mistakes)
    });
    // Without a name the rest is still read, for its mistakes.
    let mut workload = Workload::deployment(&place.unwrap_or_default(), name.as_deref().unwrap_or("unnamed"), 1);
    if let Some(kind) = fields.get("kind") {
        match fields::word(kind, "the kind of a workload", &["Deployment", "StatefulSet", "DaemonSet"], mistakes) {
            Some("StatefulSet") => workload.kind = WorkloadKind::StatefulSet,
            Some("DaemonSet") => workload.kind = WorkloadKind::DaemonSet,
            _ => {}
        }
    }
    if let Some(replicas) = fields.get("replicas").and_then(|node| fields::whole(node, "replicas", 0..=1000, mistakes)) {
        workload.replicas = replicas;
    }
    if let Some(node) = fields.get("labels") {
        workload.labels = labels(node, "labels", mistakes);
        if workload.labels.is_empty() {
            mistakes.error(node.span, "", "a workload needs one label or more").allow("app: NAME");
        }
    }
    if let Some(grace) = fields.get("grace").and_then(|node| fields::duration(node, "grace", Zero::Allowed, mistakes)) {
        workload.grace = grace;
    }
    workload.containers = containers(fields, &workload.name, mistakes);
    if let Some(node) = fields.get("nodeSelector") {
        workload.node_selector = labels(node, "nodeSelector", mistakes);
    }
    workload.tolerations = taints(fields, "tolerations", mistakes);
    workload.apart = fields.get("apart").and_then(|node| fields::boolean(node, "apart", mistakes)).unwrap_or(false);
    workload.timings = fields.get("timings").map_or(*usual, |node| timings(node, usual, mistakes));
    workload.calls = list_of(fields, "calls", mistakes, |node, mistakes| object_name(node, "the name of a workload", mistakes));
    workload.traffic = fields.get("traffic").and_then(|node| traffic(node, mistakes));
    name.map(|_| workload)
}

/// The containers of `containers`, or the one that the workload itself describes.
fn containers(fields: Fields<'_>, name: &str, mistakes: &mut Mistakes) -> Vec<Container> {
    if fields.get("containers").is_none() {
        return vec![container(fields, name, mistakes)];
    }
    for key in keys::CONTAINER.known.iter().filter(|key| **key != "name") {
        if let Some(entry) = fields.entry(key) {
            mistakes.error(entry.key_span, key, "this belongs into one of the containers").hint("move it into an entry of containers");
        }
    }
    let list = items(fields, "containers", false, mistakes);
    if list.is_empty() {
        mistakes.error(fields.span, "", "a workload needs one container or more");
    }
    list.iter()
        .filter_map(|node| {
            let fields = Fields::of(node, &keys::CONTAINER, mistakes)?;
            let name = fields.need("name", mistakes).and_then(|node| object_name(node, "the name of a container", mistakes))?;
            Some(container(fields, &name, mistakes))
        })
        .collect()
}

fn container(fields: Fields<'_>, name: &str, mistakes: &mut Mistakes) -> Container {
    let image = fields.get("image").and_then(|node| fields::name(node, "an image", mistakes));
    let port = match fields.get("port") {
        Some(node) if node.excerpt() == "none" => None,
        Some(node) => port(node, mistakes),
        None => Some(8080),
    };
    let mut container = Container::tiny(name, &image.unwrap_or_else(|| format!("registry.example/{name}:1")), port);
    if let Some((cpu, memory)) = fields.get("requests").and_then(|node| amounts(node, mistakes)) {
        container.cpu_millis = cpu.unwrap_or(container.cpu_millis);
        container.memory_mib = memory.unwrap_or(container.memory_mib);
        container.memory_limit_mib = Some(container.memory_mib.saturating_mul(2));
    }
    if let Some((cpu, memory)) = fields.get("limits").and_then(|node| amounts(node, mistakes)) {
        container.cpu_limit_millis = cpu;
        container.memory_limit_mib = memory;
    }
    if fields.get("readiness").is_some() {
        container.readiness = probe(fields, "readiness", mistakes);
    }
    container.liveness = probe(fields, "liveness", mistakes);
    container.startup = probe(fields, "startup", mistakes);
    let name_of = |node: &Node, mistakes: &mut Mistakes| object_name(node, "a name", mistakes);
    container.secrets = list_of(fields, "secrets", mistakes, name_of);
    container.config_maps = list_of(fields, "configMaps", mistakes, name_of);
    container.mounts = list_of(fields, "mounts", mistakes, |node, mistakes| {
        fields::text_that(
            node,
            "the path of a mount",
            |path| path.len() > 1 && path.starts_with('/') && !path.ends_with('/'),
            "/PATH",
            mistakes,
        )
    });
    container
}

fn amounts(node: &Node, mistakes: &mut Mistakes) -> Option<(Option<u32>, Option<u32>)> {
    let fields = Fields::of(node, &keys::AMOUNTS, mistakes)?;
    let cpu = fields.get("cpu").and_then(|node| fields::millicores(node, mistakes));
    Some((cpu, fields.get("memory").and_then(|node| fields::mebibytes(node, mistakes))))
}

/// A probe; `none` for none.
fn probe(fields: Fields<'_>, key: &'static str, mistakes: &mut Mistakes) -> Option<Probe> {
    let node = fields.get(key).filter(|node| node.excerpt() != "none")?;
    let fields = Fields::of(node, &keys::PROBE, mistakes)?;
    let path = fields.get("path").and_then(|node| fields::text_that(node, "a path", |path| path.starts_with('/'), "/PATH", mistakes));
    let time = |key, zero, usual, mistakes: &mut Mistakes| {
        fields.get(key).and_then(|node| fields::duration(node, key, zero, mistakes)).unwrap_or(std::time::Duration::from_secs(usual))
    };
    let count = |key, usual, mistakes: &mut Mistakes| {
        fields.get(key).and_then(|node| fields::whole(node, key, 1..=1000, mistakes)).unwrap_or(usual)
    };
    Some(Probe {
        path: path.unwrap_or_else(|| "/healthz".to_owned()),
        initial_delay: time("initialDelay", Zero::Allowed, 0, mistakes),
        period: time("period", Zero::Refused, 10, mistakes),
        timeout: time("timeout", Zero::Refused, 1, mistakes),
        successes: count("successes", 1, mistakes),
        failures: count("failures", 3, mistakes),
    })
}

/// `timings`, where a key is not given as `usual`.
pub fn timings(node: &Node, usual: &Timings, mistakes: &mut Mistakes) -> Timings {
    let mut timings = *usual;
    let Some(fields) = Fields::of(node, &keys::TIMINGS, mistakes) else { return timings };
    for (key, place) in [
        ("schedule", &mut timings.schedule),
        ("admit", &mut timings.admit),
        ("prepare", &mut timings.prepare),
        ("pull", &mut timings.pull),
        ("start", &mut timings.start),
        ("ready", &mut timings.ready),
        ("stop", &mut timings.stop),
        ("endpoints", &mut timings.endpoints),
    ] {
        if let Some(found) = fields.get(key).and_then(|node| spread(node, key, mistakes)) {
            *place = found;
        }
    }
    timings
}

fn traffic(node: &Node, mistakes: &mut Mistakes) -> Option<Traffic> {
    let fields = Fields::of(node, &keys::TRAFFIC, mistakes)?;
    let positive = |key, mistakes: &mut Mistakes| {
        let node = fields.get(key)?;
        let number = fields::number(node, key, mistakes)?;
        if (0.0..=1e6).contains(&number) {
            return Some(number);
        }
        mistakes.error(node.span, &node.excerpt(), format!("{key} is out of range")).allow("0 to 1000000");
        None
    };
    let rps = positive("rps", mistakes);
    let mut traffic = rps.map_or_else(Traffic::called, Traffic::steady);
    if let Some(capacity) = positive("capacity", mistakes) {
        traffic.capacity = capacity;
    }
    if let Some(burst) = positive("burst", mistakes) {
        traffic.burst = burst;
    }
    for (key, place) in [("swing", &mut traffic.swing), ("errors", &mut traffic.error_share)] {
        if let Some(share) = fields.get(key).filter(|node| node.excerpt() != "0%").and_then(|node| fields::share(node, key, mistakes)) {
            *place = share;
        }
    }
    for (key, place) in [("period", &mut traffic.period), ("latency", &mut traffic.latency), ("timeout", &mut traffic.timeout)] {
        if let Some(time) = fields.get(key).and_then(|node| fields::duration(node, key, Zero::Refused, mistakes)) {
            *place = time;
        }
    }
    let counts = [
        ("concurrency", 1, &mut traffic.concurrency),
        ("backlog", 0, &mut traffic.backlog),
        ("disk", 0, &mut traffic.disk),
        ("retries", 0, &mut traffic.retries),
        ("pool", 0, &mut traffic.pool),
    ];
    for (key, least, place) in counts {
        if let Some(count) = fields.get(key).and_then(|node| fields::whole(node, key, least..=100_000, mistakes)) {
            *place = count;
        }
    }
    Some(traffic)
}

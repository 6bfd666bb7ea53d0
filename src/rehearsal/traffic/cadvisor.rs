//! What cAdvisor, in each node's kubelet, shows of the containers there.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::page::Lines;
use super::replica::Usage;
use crate::rehearsal::api::State;
use crate::rehearsal::api::kinds::Kind;
use crate::rehearsal::api::object::text;
use crate::rehearsal::clock;
use crate::rehearsal::quantity;

/// A container that runs on a node.
#[derive(Debug)]
pub struct Contained {
    node: String,
    namespace: String,
    pod: String,
    name: String,
    image: String,
    id: Arc<str>,
    started: f64,
    cpu_limit: Option<f64>,
    memory_limit: Option<f64>,
    memory_request: f64,
    /// Whether it is the pod's first: the pod's network is told with it.
    first: bool,
}

/// All containers that run.
#[must_use]
pub fn boxes(state: &State) -> Vec<Contained> {
    let mut boxes = Vec::new();
    for pod in state.store.list(Kind::Pod, None).map(|pod| state.workers.as_it_is(pod)) {
        let specs = pod.list("/spec/containers");
        for (place, status) in pod.list("/status/containerStatuses").iter().enumerate() {
            let Some(since) = status.pointer("/state/running").map(|running| text(running, "/startedAt")) else { continue };
            let spec = specs.iter().find(|spec| text(spec, "/name") == text(status, "/name"));
            let amount = |pointer: &str| spec.and_then(|spec| quantity::number(text(spec, pointer)));
            boxes.push(Contained {
                node: pod.text("/spec/nodeName").to_owned(),
                namespace: pod.namespace().to_owned(),
                pod: pod.name().to_owned(),
                name: text(status, "/name").to_owned(),
                image: text(status, "/image").to_owned(),
                id: text(status, "/containerID").into(),
                started: clock::parse(since).map_or(0.0, |at| super::seconds(at.timestamp_millis())),
                cpu_limit: amount("/resources/limits/cpu"),
                memory_limit: amount("/resources/limits/memory"),
                memory_request: amount("/resources/requests/memory").unwrap_or(33_554_432.0),
                first: place == 0,
            });
        }
    }
    boxes
}

/// What containers use, by their ids, and how far those that leak have got, from 0 to 1.
pub type Used<'a> = (&'a BTreeMap<&'a str, &'a Usage>, &'a BTreeMap<&'a str, f64>);

/// What the kubelet of this node shows.
pub fn node(lines: &mut Lines<'_>, boxes: &[Contained], node: &str, (used, leaks): Used<'_>, now: f64) {
    for one in boxes.iter().filter(|one| one.node == node) {
        container(lines, one, used.get(&*one.id).copied(), leaks.get(&*one.id).copied().unwrap_or(0.0), now);
    }
}

fn container(lines: &mut Lines<'_>, one: &Contained, used: Option<&Usage>, leaked: f64, now: f64) {
    let idle;
    let usage = if let Some(used) = used {
        used
    } else {
        // something that does little, and always the same
        let age = (now - one.started).max(0.0);
        let periods = if one.cpu_limit.is_some() { (age * 1.5).floor() } else { 0.0 };
        idle = Usage {
            cpu: age * 0.004,
            periods,
            memory: (one.memory_request * 0.6).floor(),
            received: (age * 900.0).floor(),
            sent: (age * 700.0).floor(),
            ..Usage::default()
        };
        &idle
    };
    let pod = [("namespace", one.namespace.as_str()), ("pod", one.pod.as_str())];
    let id = format!("/kubepods/pod/{}", one.id.rsplit('/').next().unwrap_or_default());
    let labels = [pod[0], pod[1], ("container", one.name.as_str()), ("image", one.image.as_str()), ("id", id.as_str())];
    lines.put("container_cpu_usage_seconds_total", &with(&labels, ("cpu", "total")), usage.cpu);
    if let Some(limit) = one.cpu_limit {
        lines.put("container_cpu_cfs_periods_total", &labels, usage.periods.floor());
        lines.put("container_cpu_cfs_throttled_periods_total", &labels, usage.throttled.floor());
        lines.put("container_cpu_cfs_throttled_seconds_total", &labels, usage.held_back);
        lines.put("container_spec_cpu_quota", &labels, limit * 100_000.0);
        lines.put("container_spec_cpu_period", &labels, 100_000.0);
    }
    // what leaks takes what is left, up to all that the container may have
    let left = one.memory_limit.map_or(0.0, |limit| (limit - usage.memory).max(0.0));
    let memory = if leaked > 0.0 { (usage.memory + leaked * left).floor() } else { usage.memory };
    lines.put("container_memory_working_set_bytes", &labels, memory);
    lines.put("container_memory_usage_bytes", &labels, (memory * 1.08).floor());
    lines.put("container_memory_rss", &labels, (memory * 0.93).floor());
    lines.put("container_spec_memory_limit_bytes", &labels, one.memory_limit.unwrap_or(0.0));
    lines.put("container_start_time_seconds", &labels, one.started);
    lines.put("container_last_seen", &labels, now.floor());
    let disk = with(&labels, ("device", "/dev/vda"));
    lines.put("container_fs_reads_total", &disk, usage.reads.floor());
    lines.put("container_fs_writes_total", &disk, usage.writes.floor());
    lines.put("container_fs_reads_bytes_total", &disk, usage.reads.floor() * 16_384.0);
    lines.put("container_fs_writes_bytes_total", &disk, usage.writes.floor() * 8_192.0);
    if one.first {
        let wire = with(&pod, ("interface", "eth0"));
        lines.put("container_network_receive_bytes_total", &wire, usage.received.floor());
        lines.put("container_network_transmit_bytes_total", &wire, usage.sent.floor());
        lines.put("container_network_receive_packets_total", &wire, (usage.received / 600.0).floor());
        lines.put("container_network_transmit_packets_total", &wire, (usage.sent / 900.0).floor());
    }
}

fn with<'a>(labels: &[(&'a str, &'a str)], more: (&'a str, &'a str)) -> Vec<(&'a str, &'a str)> {
    labels.iter().copied().chain([more]).collect()
}

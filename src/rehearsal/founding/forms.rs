//! The objects that a world's words stand for.

use std::collections::BTreeSet;
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};

use crate::rehearsal::api::kinds::Kind;
use crate::rehearsal::quantity;
use crate::rehearsal::world::{Budget, Container, Held, Probe, Quota, Taint, Workload, WorldNode};

/// A taint of a node.
fn taint(taint: &Taint) -> Value {
    let mut value = json!({"key": taint.key, "effect": taint.effect});
    if !taint.value.is_empty() {
        value["value"] = json!(taint.value);
    }
    value
}

fn toleration(taint: &Taint) -> Value {
    let mut value = json!({"key": taint.key, "operator": if taint.value.is_empty() { "Exists" } else { "Equal" }});
    if !taint.value.is_empty() {
        value["value"] = json!(taint.value);
    }
    if !taint.effect.is_empty() {
        value["effect"] = json!(taint.effect);
    }
    value
}

/// The Service by which pods find the API server, as the server itself keeps it.
pub fn api_server() -> [(Kind, Value); 3] {
    const ADDRESS: &str = "10.0.0.2";
    let labels = json!({"component": "apiserver", "provider": "kubernetes"});
    [
        (
            Kind::Service,
            json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "kubernetes", "labels": labels},
                "spec": {"clusterIP": "10.96.0.1", "ports": [{"name": "https", "port": 443, "targetPort": 6443, "protocol": "TCP"}]}}),
        ),
        (
            Kind::Endpoints,
            json!({"apiVersion": "v1", "kind": "Endpoints",
                "metadata": {"name": "kubernetes", "labels": {"endpointslice.kubernetes.io/skip-mirror": "true"}},
                "subsets": [{"addresses": [{"ip": ADDRESS}], "ports": [{"name": "https", "port": 6443, "protocol": "TCP"}]}]}),
        ),
        (
            Kind::EndpointSlice,
            json!({"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
                "metadata": {"name": "kubernetes", "labels": {"kubernetes.io/service-name": "kubernetes"}},
                "endpoints": [{"addresses": [ADDRESS], "conditions": {"ready": true}}],
                "ports": [{"name": "https", "port": 6443, "protocol": "TCP"}]}),
        ),
    ]
}

/// The node of this number.
pub fn node(wanted: &WorldNode, number: u32) -> Value {
    let name = &wanted.name;
    let mut labels = json!({"kubernetes.io/hostname": name, "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64",
        "topology.kubernetes.io/zone": format!("zone-{}", char::from(b'a' + u8::try_from((number - 1) % 3).unwrap_or(0)))});
    for (key, value) in &wanted.labels {
        labels[key] = json!(value);
    }
    let mut spec = json!({"podCIDR": format!("10.244.{}.0/24", number % 256)});
    if !wanted.taints.is_empty() {
        spec["taints"] = wanted.taints.iter().map(taint).collect();
    }
    json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": labels}, "spec": spec})
}

/// The status of this node.
pub fn node_status(wanted: &WorldNode, number: u32, now: &str) -> Value {
    let condition = |kind: &str, status: &str, reason: &str, message: &str| json!({"type": kind, "status": status, "reason": reason, "message": message, "lastHeartbeatTime": now, "lastTransitionTime": now});
    let room = json!({"cpu": quantity::millis(wanted.cpu_millis), "memory": quantity::mebibytes(wanted.memory_mib), "pods": wanted.pods.to_string(),
        "ephemeral-storage": "100Gi"});
    json!({
        "addresses": [{"type": "InternalIP", "address": format!("10.0.{}.{}", number >> 8, (10 + number) & 0xff)}, {"type": "Hostname", "address": wanted.name}],
        "capacity": room, "allocatable": room,
        "conditions": [
            condition("MemoryPressure", "False", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
            condition("DiskPressure", "False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
            condition("PIDPressure", "False", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
            condition("Ready", "True", "KubeletReady", "kubelet is posting ready status"),
        ],
        "nodeInfo": {"kubeletVersion": "v1.36.2", "containerRuntimeVersion": "containerd://2.2.0", "operatingSystem": "linux", "architecture": "amd64",
            "osImage": "Debian GNU/Linux 13 (trixie)", "kernelVersion": "6.12.0", "kubeProxyVersion": "", "machineID": "", "systemUUID": "", "bootID": ""},
    })
}

/// The pod template of a workload.
pub fn template(workload: &Workload) -> Value {
    let mut spec = json!({"containers": workload.containers.iter().map(container).collect::<Vec<_>>(), "terminationGracePeriodSeconds": workload.grace.as_secs()});
    let mounts: BTreeSet<&String> = workload.containers.iter().flat_map(|container| &container.mounts).collect();
    if !mounts.is_empty() {
        spec["volumes"] = mounts.iter().map(|path| json!({"name": volume(path), "emptyDir": {}})).collect();
    }
    if !workload.node_selector.is_empty() {
        spec["nodeSelector"] = json!(workload.node_selector);
    }
    if !workload.tolerations.is_empty() {
        spec["tolerations"] = workload.tolerations.iter().map(toleration).collect();
    }
    if workload.apart {
        spec["affinity"] = json!({"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [
            {"labelSelector": {"matchLabels": workload.labels}, "topologyKey": "kubernetes.io/hostname"}]}});
    }
    json!({"metadata": {"labels": workload.labels}, "spec": spec})
}

/// The name of the volume that is mounted at this path.
fn volume(path: &str) -> String {
    let letters =
        path.trim_matches('/').chars().map(|letter| if letter.is_ascii_alphanumeric() { letter.to_ascii_lowercase() } else { '-' });
    letters.take(63).collect::<String>().trim_matches('-').to_owned()
}

fn container(container: &Container) -> Value {
    let mut value = json!({
        "name": container.name, "image": container.image,
        "resources": {"requests": {"cpu": quantity::millis(container.cpu_millis), "memory": quantity::mebibytes(container.memory_mib)}},
    });
    let mut limits = json!({});
    if let Some(cpu) = container.cpu_limit_millis {
        limits["cpu"] = json!(quantity::millis(cpu));
    }
    if let Some(memory) = container.memory_limit_mib {
        limits["memory"] = json!(quantity::mebibytes(memory));
    }
    if limits.as_object().is_some_and(|limits| !limits.is_empty()) {
        value["resources"]["limits"] = limits;
    }
    let sources = container.secrets.iter().map(|name| json!({"secretRef": {"name": name}}));
    let sources: Vec<Value> = sources.chain(container.config_maps.iter().map(|name| json!({"configMapRef": {"name": name}}))).collect();
    if !sources.is_empty() {
        value["envFrom"] = json!(sources);
    }
    if !container.mounts.is_empty() {
        value["volumeMounts"] = container.mounts.iter().map(|path| json!({"name": volume(path), "mountPath": path})).collect();
    }
    if let Some(port) = container.port {
        value["ports"] = json!([{"name": "http", "containerPort": port, "protocol": "TCP"}]);
        for (field, given) in
            [("readinessProbe", &container.readiness), ("livenessProbe", &container.liveness), ("startupProbe", &container.startup)]
        {
            if let Some(given) = given {
                value[field] = probe(given, port);
            }
        }
    }
    value
}

fn probe(probe: &Probe, port: u16) -> Value {
    // The API counts in whole seconds.
    let seconds = |time: Duration, least: u64| time.as_secs().max(least);
    let mut value = json!({"httpGet": {"path": probe.path, "port": port, "scheme": "HTTP"}, "timeoutSeconds": seconds(probe.timeout, 1),
        "periodSeconds": seconds(probe.period, 1), "successThreshold": probe.successes, "failureThreshold": probe.failures});
    if !probe.initial_delay.is_zero() {
        value["initialDelaySeconds"] = json!(seconds(probe.initial_delay, 1));
    }
    value
}

/// A Secret or `ConfigMap`.
pub fn held(held: &Held, kind: &str) -> Value {
    let mut value = json!({"apiVersion": "v1", "kind": kind, "metadata": {"name": held.name}, "data": {"value": if kind == "Secret" { "cmVoZWFyc2Fs" } else { "rehearsal" }}});
    if kind == "Secret" {
        value["type"] = json!("Opaque");
    }
    value
}

/// A `PodDisruptionBudget`.
pub fn budget(budget: &Budget) -> Value {
    let amount = |text: &String| text.parse::<i64>().map_or_else(|_| json!(text), |number| json!(number));
    let mut spec = json!({"selector": {"matchLabels": budget.selector}});
    if let Some(min) = &budget.min_available {
        spec["minAvailable"] = amount(min);
    }
    if let Some(max) = &budget.max_unavailable {
        spec["maxUnavailable"] = amount(max);
    }
    json!({"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": budget.name}, "spec": spec})
}

/// A `ResourceQuota`.
pub fn resource_quota(wanted: &Quota) -> Value {
    json!({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": wanted.name}, "spec": {"hard": wanted.hard}})
}

/// Where Velero keeps backups, and one of an hour ago that holds everything.
pub fn backups(now: DateTime<Utc>) -> [Value; 2] {
    let stamp = |ago: i64| (now - chrono::Duration::minutes(ago)).to_rfc3339_opts(SecondsFormat::Secs, true);
    let (began, ended) = (stamp(60), stamp(58));
    let expires = (now + chrono::Duration::days(30)).to_rfc3339_opts(SecondsFormat::Secs, true);
    [
        json!({"apiVersion": "velero.io/v1", "kind": "BackupStorageLocation", "metadata": {"name": "default", "namespace": "velero"},
            "spec": {"provider": "aws", "default": true, "accessMode": "ReadWrite", "objectStorage": {"bucket": "backups"}},
            "status": {"phase": "Available", "lastValidationTime": stamp(0), "lastSyncedTime": stamp(0)}}),
        json!({"apiVersion": "velero.io/v1", "kind": "Backup", "metadata": {"name": "daily", "namespace": "velero",
                "labels": {"velero.io/storage-location": "default"}},
            "spec": {"includedNamespaces": ["*"], "storageLocation": "default", "ttl": "720h0m0s"},
            "status": {"version": 1, "formatVersion": "1.1.0", "phase": "Completed", "startTimestamp": began, "completionTimestamp": ended,
                "expiration": expires}}),
    ]
}

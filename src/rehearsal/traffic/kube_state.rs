//! What kube-state-metrics shows of the objects in the API.

mod jobs;
mod volumes;

use serde_json::Value;

use super::page::Lines;
use crate::rehearsal::api::State;
use crate::rehearsal::api::kinds::Kind;
use crate::rehearsal::api::object::{Object, pairs, text};
use crate::rehearsal::clock;
use crate::rehearsal::quantity;

const PHASES: [&str; 5] = ["Pending", "Succeeded", "Failed", "Unknown", "Running"];
const ANSWERS: [&str; 3] = ["true", "false", "unknown"];

/// Metric and where its number is in the object.
type Numbers = &'static [(&'static str, &'static str)];

const DEPLOYMENT: Numbers = &[
    ("kube_deployment_spec_replicas", "/spec/replicas"),
    ("kube_deployment_metadata_generation", "/metadata/generation"),
    ("kube_deployment_status_observed_generation", "/status/observedGeneration"),
    ("kube_deployment_status_replicas", "/status/replicas"),
    ("kube_deployment_status_replicas_ready", "/status/readyReplicas"),
    ("kube_deployment_status_replicas_available", "/status/availableReplicas"),
    ("kube_deployment_status_replicas_unavailable", "/status/unavailableReplicas"),
    ("kube_deployment_status_replicas_updated", "/status/updatedReplicas"),
];

const REPLICA_SET: Numbers = &[
    ("kube_replicaset_spec_replicas", "/spec/replicas"),
    ("kube_replicaset_metadata_generation", "/metadata/generation"),
    ("kube_replicaset_status_observed_generation", "/status/observedGeneration"),
    ("kube_replicaset_status_replicas", "/status/replicas"),
    ("kube_replicaset_status_ready_replicas", "/status/readyReplicas"),
    ("kube_replicaset_status_fully_labeled_replicas", "/status/fullyLabeledReplicas"),
];

const STATEFUL_SET: Numbers = &[
    ("kube_statefulset_replicas", "/spec/replicas"),
    ("kube_statefulset_metadata_generation", "/metadata/generation"),
    ("kube_statefulset_status_observed_generation", "/status/observedGeneration"),
    ("kube_statefulset_status_replicas", "/status/replicas"),
    ("kube_statefulset_status_replicas_ready", "/status/readyReplicas"),
    ("kube_statefulset_status_replicas_available", "/status/availableReplicas"),
    ("kube_statefulset_status_replicas_current", "/status/currentReplicas"),
    ("kube_statefulset_status_replicas_updated", "/status/updatedReplicas"),
];

const DAEMON_SET: Numbers = &[
    ("kube_daemonset_metadata_generation", "/metadata/generation"),
    ("kube_daemonset_status_current_number_scheduled", "/status/currentNumberScheduled"),
    ("kube_daemonset_status_desired_number_scheduled", "/status/desiredNumberScheduled"),
    ("kube_daemonset_status_number_available", "/status/numberAvailable"),
    ("kube_daemonset_status_number_misscheduled", "/status/numberMisscheduled"),
    ("kube_daemonset_status_number_ready", "/status/numberReady"),
    ("kube_daemonset_status_number_unavailable", "/status/numberUnavailable"),
    ("kube_daemonset_status_updated_number_scheduled", "/status/updatedNumberScheduled"),
];

const BUDGET: Numbers = &[
    ("kube_poddisruptionbudget_status_current_healthy", "/status/currentHealthy"),
    ("kube_poddisruptionbudget_status_desired_healthy", "/status/desiredHealthy"),
    ("kube_poddisruptionbudget_status_pod_disruptions_allowed", "/status/disruptionsAllowed"),
    ("kube_poddisruptionbudget_status_expected_pods", "/status/expectedPods"),
    ("kube_poddisruptionbudget_status_observed_generation", "/status/observedGeneration"),
];

/// Kinds that are told with one label and some numbers, and when each was created.
const COUNTED: &[(Kind, &str, &str, Numbers)] = &[
    (Kind::Deployment, "deployment", "kube_deployment_created", DEPLOYMENT),
    (Kind::ReplicaSet, "replicaset", "kube_replicaset_created", REPLICA_SET),
    (Kind::StatefulSet, "statefulset", "kube_statefulset_created", STATEFUL_SET),
    (Kind::DaemonSet, "daemonset", "kube_daemonset_created", DAEMON_SET),
    (Kind::PodDisruptionBudget, "poddisruptionbudget", "kube_poddisruptionbudget_created", BUDGET),
];

/// The kinds of the objects that are told of.
pub const KINDS: &[Kind] = &[
    Kind::Deployment,
    Kind::ReplicaSet,
    Kind::StatefulSet,
    Kind::DaemonSet,
    Kind::PodDisruptionBudget,
    Kind::Pod,
    Kind::Node,
    Kind::Namespace,
    Kind::Service,
    Kind::ResourceQuota,
    Kind::Job,
    Kind::CronJob,
    Kind::PersistentVolumeClaim,
    Kind::PersistentVolume,
];

/// All of it.
pub fn write(lines: &mut Lines<'_>, state: &State) {
    for (kind, label, created, numbers) in COUNTED {
        for object in state.store.list(*kind, None) {
            let base = [("namespace", object.namespace()), (*label, object.name())];
            lines.put(created, &base, moment(object.text("/metadata/creationTimestamp")));
            for (metric, pointer) in *numbers {
                lines.put(metric, &base, number(object, pointer));
            }
            match kind {
                Kind::Deployment => {
                    conditions(lines, "kube_deployment_status_condition", &base, object);
                    lines.put("kube_deployment_spec_paused", &base, flag(object.value()["spec"]["paused"] == true));
                }
                Kind::ReplicaSet => owner(lines, "kube_replicaset_owner", &base, object),
                _ => {}
            }
        }
    }
    state.store.list(Kind::Pod, None).for_each(|object| pod(lines, object));
    state.store.list(Kind::Node, None).for_each(|object| node(lines, object));
    state.store.list(Kind::Job, None).for_each(|object| jobs::job(lines, object));
    state.store.list(Kind::CronJob, None).for_each(|object| jobs::cron_job(lines, object));
    state.store.list(Kind::PersistentVolumeClaim, None).for_each(|object| volumes::claim(lines, object));
    state.store.list(Kind::PersistentVolume, None).for_each(|object| volumes::volume(lines, object));
    for object in state.store.list(Kind::Namespace, None) {
        let base = [("namespace", object.name())];
        lines.put("kube_namespace_created", &base, moment(object.text("/metadata/creationTimestamp")));
        lines.one_of("kube_namespace_status_phase", &base, "phase", &["Active", "Terminating"], object.text("/status/phase"));
    }
    for object in state.store.list(Kind::Service, None) {
        let labels = [
            ("namespace", object.namespace()),
            ("service", object.name()),
            ("uid", object.uid()),
            ("cluster_ip", object.text("/spec/clusterIP")),
        ];
        lines.put("kube_service_info", &labels, 1.0);
    }
    for object in state.store.list(Kind::ResourceQuota, None) {
        for kind in ["hard", "used"] {
            for (resource, amount) in pairs(object.value(), &format!("/status/{kind}")) {
                let labels = [("namespace", object.namespace()), ("resourcequota", object.name()), ("resource", resource), ("type", kind)];
                lines.put("kube_resourcequota", &labels, quantity::number(amount).unwrap_or(0.0));
            }
        }
    }
}

fn pod(lines: &mut Lines<'_>, pod: &Object) {
    let base = [("namespace", pod.namespace()), ("pod", pod.name()), ("uid", pod.uid())];
    let node = pod.text("/spec/nodeName");
    let (by_kind, by_name) = controller(pod);
    let info = [
        ("host_ip", pod.text("/status/hostIP")),
        ("pod_ip", pod.text("/status/podIP")),
        ("node", node),
        ("created_by_kind", by_kind),
        ("created_by_name", by_name),
        ("host_network", "false"),
    ];
    lines.put("kube_pod_info", &joined(&base, &info), 1.0);
    owner(lines, "kube_pod_owner", &base, pod);
    lines.put("kube_pod_created", &base, moment(pod.text("/metadata/creationTimestamp")));
    for (metric, pointer) in [("kube_pod_start_time", "/status/startTime"), ("kube_pod_deletion_timestamp", "/metadata/deletionTimestamp")]
    {
        if !pod.text(pointer).is_empty() {
            lines.put(metric, &base, moment(pod.text(pointer)));
        }
    }
    lines.one_of("kube_pod_status_phase", &base, "phase", &PHASES, pod.text("/status/phase"));
    for (metric, kind) in [("kube_pod_status_ready", "Ready"), ("kube_pod_status_scheduled", "PodScheduled")] {
        lines.one_of(metric, &base, "condition", &ANSWERS, &condition(pod, kind));
    }
    let unscheduled =
        |one: &&Value| text(one, "/type") == "PodScheduled" && text(one, "/status") == "False" && text(one, "/reason") == "Unschedulable";
    if pod.list("/status/conditions").iter().any(|one| unscheduled(&one)) {
        lines.put("kube_pod_status_unschedulable", &base, 1.0);
    }
    let reason = pod.text("/status/reason");
    if !reason.is_empty() {
        lines.put("kube_pod_status_reason", &joined(&base, &[("reason", reason)]), 1.0);
    }
    for spec in pod.list("/spec/containers") {
        let name = [("container", text(spec, "/name")), ("node", node)];
        for (metric, which) in [("kube_pod_container_resource_requests", "requests"), ("kube_pod_container_resource_limits", "limits")] {
            for (resource, amount) in pairs(spec, &format!("/resources/{which}")) {
                let unit = [("resource", resource), ("unit", if resource == "cpu" { "core" } else { "byte" })];
                lines.put(metric, &joined(&joined(&base, &name), &unit), quantity::number(amount).unwrap_or(0.0));
            }
        }
    }
    for status in pod.list("/status/containerStatuses") {
        container(lines, &base, status);
    }
    for status in pod.list("/status/initContainerStatuses") {
        init_container(lines, &base, status);
    }
}

fn init_container(lines: &mut Lines<'_>, pod: &[(&str, &str)], status: &Value) {
    let base = joined(pod, &[("container", text(status, "/name"))]);
    lines.put("kube_pod_init_container_status_ready", &base, flag(status["ready"] == true));
    lines.put("kube_pod_init_container_status_restarts_total", &base, status["restartCount"].as_f64().unwrap_or(0.0));
    for (state, metric) in [
        ("running", "kube_pod_init_container_status_running"),
        ("waiting", "kube_pod_init_container_status_waiting"),
        ("terminated", "kube_pod_init_container_status_terminated"),
    ] {
        lines.put(metric, &base, flag(status.pointer(&format!("/state/{state}")).is_some_and(|state| !state.is_null())));
    }
    let reason = text(status, "/state/waiting/reason");
    if !reason.is_empty() {
        lines.put("kube_pod_init_container_status_waiting_reason", &joined(&base, &[("reason", reason)]), 1.0);
    }
}

fn container(lines: &mut Lines<'_>, pod: &[(&str, &str)], status: &Value) {
    let base = joined(pod, &[("container", text(status, "/name"))]);
    let ids = [("image", text(status, "/image")), ("image_id", text(status, "/imageID")), ("container_id", text(status, "/containerID"))];
    lines.put("kube_pod_container_info", &joined(&base, &ids), 1.0);
    lines.put("kube_pod_container_status_ready", &base, flag(status["ready"] == true));
    lines.put("kube_pod_container_status_restarts_total", &base, status["restartCount"].as_f64().unwrap_or(0.0));
    for (state, metric) in [
        ("running", "kube_pod_container_status_running"),
        ("waiting", "kube_pod_container_status_waiting"),
        ("terminated", "kube_pod_container_status_terminated"),
    ] {
        lines.put(metric, &base, flag(status.pointer(&format!("/state/{state}")).is_some_and(|state| !state.is_null())));
    }
    for (pointer, metric) in [
        ("/state/waiting/reason", "kube_pod_container_status_waiting_reason"),
        ("/state/terminated/reason", "kube_pod_container_status_terminated_reason"),
        ("/lastState/terminated/reason", "kube_pod_container_status_last_terminated_reason"),
    ] {
        let reason = text(status, pointer);
        if !reason.is_empty() {
            lines.put(metric, &joined(&base, &[("reason", reason)]), 1.0);
        }
    }
    if let Some(code) = status.pointer("/lastState/terminated/exitCode").and_then(Value::as_f64) {
        lines.put("kube_pod_container_status_last_terminated_exitcode", &base, code);
    }
}

fn node(lines: &mut Lines<'_>, node: &Object) {
    let base = [("node", node.name())];
    let ip =
        node.list("/status/addresses").iter().find(|address| text(address, "/type") == "InternalIP").map_or("", |a| text(a, "/address"));
    let info = [
        ("kernel_version", node.text("/status/nodeInfo/kernelVersion")),
        ("os_image", node.text("/status/nodeInfo/osImage")),
        ("container_runtime_version", node.text("/status/nodeInfo/containerRuntimeVersion")),
        ("kubelet_version", node.text("/status/nodeInfo/kubeletVersion")),
        ("pod_cidr", node.text("/spec/podCIDR")),
        ("internal_ip", ip),
    ];
    lines.put("kube_node_info", &joined(&base, &info), 1.0);
    lines.put("kube_node_created", &base, moment(node.text("/metadata/creationTimestamp")));
    lines.put("kube_node_spec_unschedulable", &base, flag(node.value().pointer("/spec/unschedulable") == Some(&Value::Bool(true))));
    for taint in node.list("/spec/taints") {
        let labels = [("key", text(taint, "/key")), ("value", text(taint, "/value")), ("effect", text(taint, "/effect"))];
        lines.put("kube_node_spec_taint", &joined(&base, &labels), 1.0);
    }
    conditions(lines, "kube_node_status_condition", &base, node);
    for (metric, which) in [("kube_node_status_capacity", "capacity"), ("kube_node_status_allocatable", "allocatable")] {
        for (resource, amount) in pairs(node.value(), &format!("/status/{which}")) {
            let unit = match resource {
                "cpu" => "core",
                "pods" => "integer",
                _ => "byte",
            };
            let resource = resource.replace('-', "_");
            let labels = [("resource", resource.as_str()), ("unit", unit)];
            lines.put(metric, &joined(&base, &labels), quantity::number(amount).unwrap_or(0.0));
        }
    }
}

fn conditions(lines: &mut Lines<'_>, metric: &str, base: &[(&str, &str)], object: &Object) {
    for one in object.list("/status/conditions") {
        let labels = joined(base, &[("condition", text(one, "/type"))]);
        lines.one_of(metric, &labels, "status", &ANSWERS, &text(one, "/status").to_lowercase());
    }
}

fn condition(object: &Object, kind: &str) -> String {
    object
        .list("/status/conditions")
        .iter()
        .find(|one| text(one, "/type") == kind)
        .map_or("false".to_owned(), |one| text(one, "/status").to_lowercase())
}

fn controller(object: &Object) -> (&str, &str) {
    let owners = object.list("/metadata/ownerReferences");
    owners.iter().find(|owner| owner["controller"] == true).map_or(("", ""), |owner| (text(owner, "/kind"), text(owner, "/name")))
}

fn owner(lines: &mut Lines<'_>, metric: &str, base: &[(&str, &str)], object: &Object) {
    let (kind, name) = controller(object);
    let is = if kind.is_empty() { "" } else { "true" };
    lines.put(metric, &joined(base, &[("owner_kind", kind), ("owner_name", name), ("owner_is_controller", is)]), 1.0);
}

fn joined<'a>(base: &[(&'a str, &'a str)], more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    base.iter().chain(more).copied().collect()
}

fn number(object: &Object, pointer: &str) -> f64 {
    object.value().pointer(pointer).and_then(Value::as_f64).unwrap_or(0.0)
}

fn flag(holds: bool) -> f64 {
    f64::from(u8::from(holds))
}

fn moment(stamp: &str) -> f64 {
    clock::parse(stamp).map_or(0.0, |at| super::seconds(at.timestamp_millis()))
}

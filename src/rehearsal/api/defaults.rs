//! The defaults that the API server itself fills in.

use k8s_openapi::ByteString;
use serde_json::{Value, json};

use super::kinds::Kind;
use super::object::{map_mut, text};
use super::resources;

/// Fill in what is absent.
pub fn fill(kind: Kind, value: &mut Value) {
    if let Some(map) = value.as_object_mut() {
        map.insert("apiVersion".to_owned(), json!(kind.api_version()));
        map.insert("kind".to_owned(), json!(kind.resource().name));
    }
    match kind {
        Kind::Pod => {
            pod_spec(&mut value["spec"]);
            if value.get("status").is_none_or(Value::is_null) {
                value["status"] = json!({"phase": "Pending", "qosClass": resources::quality(value)});
            }
        }
        Kind::Deployment => {
            let spec = map_mut(value, "spec");
            absent(spec, "replicas", json!(1));
            absent(spec, "strategy", json!({}));
            if let Some(strategy) = spec.get_mut("strategy").and_then(Value::as_object_mut) {
                absent(strategy, "type", json!("RollingUpdate"));
                if strategy["type"] == "RollingUpdate" {
                    absent(strategy, "rollingUpdate", json!({}));
                    if let Some(rolling) = strategy.get_mut("rollingUpdate").and_then(Value::as_object_mut) {
                        absent(rolling, "maxUnavailable", json!("25%"));
                        absent(rolling, "maxSurge", json!("25%"));
                    }
                }
            }
            absent(spec, "revisionHistoryLimit", json!(10));
            absent(spec, "progressDeadlineSeconds", json!(600));
            template(value);
        }
        Kind::ConfigMap => without_empty_maps(value),
        Kind::ReplicaSet => {
            absent(map_mut(value, "spec"), "replicas", json!(1));
            template(value);
        }
        Kind::StatefulSet => {
            let spec = map_mut(value, "spec");
            absent(spec, "replicas", json!(1));
            absent(spec, "podManagementPolicy", json!("OrderedReady"));
            absent(spec, "updateStrategy", json!({"type": "RollingUpdate", "rollingUpdate": {"partition": 0}}));
            absent(spec, "revisionHistoryLimit", json!(10));
            absent(spec, "persistentVolumeClaimRetentionPolicy", json!({"whenDeleted": "Retain", "whenScaled": "Retain"}));
            template(value);
        }
        Kind::DaemonSet => {
            let spec = map_mut(value, "spec");
            absent(spec, "updateStrategy", json!({"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1, "maxSurge": 0}}));
            absent(spec, "revisionHistoryLimit", json!(10));
            template(value);
        }
        Kind::PersistentVolumeClaim => {
            absent(map_mut(value, "spec"), "volumeMode", json!("Filesystem"));
            absent(map_mut(value, "status"), "phase", json!("Pending"));
        }
        Kind::Job => job(value),
        Kind::CronJob => cron_job(value),
        Kind::HorizontalPodAutoscaler => autoscaler(value),
        Kind::LimitRange => super::limits::fill(value),
        Kind::PersistentVolume => volume(value),
        Kind::StorageClass => {
            absent(map_mut_of(value), "reclaimPolicy", json!("Delete"));
            absent(map_mut_of(value), "volumeBindingMode", json!("Immediate"));
        }
        Kind::Secret => {
            encode(value);
            absent(map_mut_of(value), "type", json!("Opaque"));
            without_empty_maps(value);
        }
        Kind::Namespace => {
            let name = text(value, "/metadata/name").to_owned();
            map_mut(&mut value["metadata"], "labels").insert("kubernetes.io/metadata.name".to_owned(), json!(name));
            absent(map_mut(value, "spec"), "finalizers", json!(["kubernetes"]));
            if value.get("status").is_none_or(Value::is_null) {
                value["status"] = json!({"phase": "Active"});
            }
        }
        Kind::Service => {
            if value.get("status").is_none_or(Value::is_null) {
                value["status"] = json!({"loadBalancer": {}});
            }
            let spec = map_mut(value, "spec");
            absent(spec, "type", json!("ClusterIP"));
            absent(spec, "sessionAffinity", json!("None"));
            absent(spec, "internalTrafficPolicy", json!("Cluster"));
            if spec["type"] != "ExternalName" {
                absent(spec, "ipFamilyPolicy", json!("SingleStack"));
                absent(spec, "ipFamilies", json!(["IPv4"]));
                if let Some(ip) = spec.get("clusterIP").filter(|ip| ip.as_str().is_some_and(|ip| !ip.is_empty())).cloned() {
                    absent(spec, "clusterIPs", json!([ip]));
                }
            }
            for port in spec.get_mut("ports").and_then(Value::as_array_mut).into_iter().flatten().filter_map(Value::as_object_mut) {
                absent(port, "protocol", json!("TCP"));
                let number = port.get("port").cloned().unwrap_or(Value::Null);
                absent(port, "targetPort", number);
            }
        }
        _ => {}
    }
}

fn volume(value: &mut Value) {
    let spec = map_mut(value, "spec");
    absent(spec, "persistentVolumeReclaimPolicy", json!("Retain"));
    absent(spec, "volumeMode", json!("Filesystem"));
    absent(map_mut(value, "status"), "phase", json!("Pending"));
}

fn job(value: &mut Value) {
    let spec = map_mut(value, "spec");
    let given = |field: &str| spec.get(field).is_some_and(|count| !count.is_null());
    if !given("completions") && !given("parallelism") {
        absent(spec, "completions", json!(1));
    }
    for (field, usual) in [
        ("parallelism", json!(1)),
        ("backoffLimit", json!(6)),
        ("completionMode", json!("NonIndexed")),
        ("suspend", json!(false)),
        ("manualSelector", json!(false)),
        ("podReplacementPolicy", json!("TerminatingOrFailed")),
    ] {
        absent(spec, field, usual);
    }
    template(value);
}

/// Let a Job's pods bear its uid, and let it select them by it.
pub fn select_by_uid(job: &mut Value) {
    if job.pointer("/spec/manualSelector") == Some(&json!(true)) {
        return;
    }
    let (uid, name) = (text(job, "/metadata/uid").to_owned(), text(job, "/metadata/name").to_owned());
    let spec = map_mut(job, "spec");
    spec.insert("selector".to_owned(), json!({"matchLabels": {"batch.kubernetes.io/controller-uid": uid}}));
    if let Some(template) = spec.get_mut("template").filter(|template| template.is_object()) {
        let labels = map_mut(super::object::as_map(template).entry("metadata").or_insert_with(|| json!({})), "labels");
        for (key, label) in [("controller-uid", &uid), ("job-name", &name)] {
            labels.insert(format!("batch.kubernetes.io/{key}"), json!(label));
            labels.insert(key.to_owned(), json!(label));
        }
    }
}

fn cron_job(value: &mut Value) {
    let spec = map_mut(value, "spec");
    absent(spec, "concurrencyPolicy", json!("Allow"));
    absent(spec, "suspend", json!(false));
    absent(spec, "successfulJobsHistoryLimit", json!(3));
    absent(spec, "failedJobsHistoryLimit", json!(1));
    if let Some(spec) = value.pointer_mut("/spec/jobTemplate/spec/template/spec") {
        pod_spec_of_template(spec);
    }
}

fn autoscaler(value: &mut Value) {
    let spec = map_mut(value, "spec");
    absent(spec, "minReplicas", json!(1));
    let target = json!({"type": "Utilization", "averageUtilization": 80});
    absent(spec, "metrics", json!([{"type": "Resource", "resource": {"name": "cpu", "target": target}}]));
}

fn map_mut_of(value: &mut Value) -> &mut serde_json::Map<String, Value> {
    super::object::as_map(value)
}

fn absent(map: &mut serde_json::Map<String, Value>, key: &str, default: Value) {
    if map.get(key).is_none_or(Value::is_null) {
        map.insert(key.to_owned(), default);
    }
}

fn template(value: &mut Value) {
    if value.pointer("/spec/template/spec").is_some_and(Value::is_object) {
        pod_spec_of_template(&mut value["spec"]["template"]["spec"]);
    }
}

fn fill_probe(probe: &mut serde_json::Map<String, Value>) {
    absent(probe, "timeoutSeconds", json!(1));
    absent(probe, "periodSeconds", json!(10));
    absent(probe, "successThreshold", json!(1));
    absent(probe, "failureThreshold", json!(3));
    if let Some(get) = probe.get_mut("httpGet").and_then(Value::as_object_mut) {
        absent(get, "path", json!("/"));
        absent(get, "scheme", json!("HTTP"));
    }
}

fn pod_spec_of_template(spec: &mut Value) {
    let Some(spec) = spec.as_object_mut() else { return };
    absent(spec, "restartPolicy", json!("Always"));
    absent(spec, "terminationGracePeriodSeconds", json!(30));
    absent(spec, "dnsPolicy", json!("ClusterFirst"));
    absent(spec, "securityContext", json!({}));
    absent(spec, "schedulerName", json!("default-scheduler"));
    for container in spec.get_mut("containers").and_then(Value::as_array_mut).into_iter().flatten().filter_map(Value::as_object_mut) {
        absent(container, "resources", json!({}));
        absent(container, "terminationMessagePath", json!("/dev/termination-log"));
        absent(container, "terminationMessagePolicy", json!("File"));
        let image = container.get("image").and_then(Value::as_str).unwrap_or_default();
        let name = image.rsplit('/').next().unwrap_or_default();
        let newest = !name.contains('@') && name.split_once(':').is_none_or(|(_, tag)| tag == "latest");
        absent(container, "imagePullPolicy", json!(if newest { "Always" } else { "IfNotPresent" }));
        for probe in ["livenessProbe", "readinessProbe", "startupProbe"] {
            if let Some(probe) = container.get_mut(probe).and_then(Value::as_object_mut) {
                fill_probe(probe);
            }
        }
        if let Some(resources) = container.get_mut("resources").and_then(Value::as_object_mut)
            && let Some(limits) = resources.get("limits").and_then(Value::as_object).cloned()
        {
            // What is limited and not requested is requested as limited.
            absent(resources, "requests", json!({}));
            if let Some(requests) = resources.get_mut("requests").and_then(Value::as_object_mut) {
                for (name, limit) in limits {
                    absent(requests, &name, limit);
                }
            }
        }
        for port in container.get_mut("ports").and_then(Value::as_array_mut).into_iter().flatten().filter_map(Value::as_object_mut) {
            absent(port, "protocol", json!("TCP"));
        }
    }
}

fn pod_spec(spec: &mut Value) {
    pod_spec_of_template(spec);
    let Some(spec) = spec.as_object_mut() else { return };
    absent(spec, "serviceAccountName", json!("default"));
    absent(spec, "serviceAccount", json!("default"));
    absent(
        spec,
        "tolerations",
        json!([
            {"key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300},
            {"key": "node.kubernetes.io/unreachable", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300},
        ]),
    );
    absent(spec, "priority", json!(0));
    absent(spec, "enableServiceLinks", json!(true));
    absent(spec, "preemptionPolicy", json!("PreemptLowerPriority"));
}

/// What a Secret says in plain text becomes data in base64.
fn encode(value: &mut Value) {
    let Some(Value::Object(plain)) = map_mut_of(value).shift_remove("stringData") else { return };
    let data = map_mut(value, "data");
    for (key, text) in plain {
        let bytes = ByteString(text.as_str().unwrap_or_default().as_bytes().to_vec());
        data.insert(key, json!(bytes));
    }
}

/// An empty map of data is none, as Go writes it.
fn without_empty_maps(value: &mut Value) {
    if let Some(map) = value.as_object_mut() {
        map.retain(|key, held| !(matches!(key.as_str(), "data" | "binaryData") && (held.is_null() || *held == json!({}))));
    }
}

//! The defaults that the API server itself fills in.

use serde_json::{Value, json};

use super::kinds::Kind;
use super::object::{map_mut, text};

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
                value["status"] = json!({"phase": "Pending", "qosClass": "Burstable"});
            }
        }
        Kind::Deployment => {
            let spec = map_mut(value, "spec");
            absent(spec, "replicas", json!(1));
            absent(spec, "strategy", json!({"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "25%", "maxSurge": "25%"}}));
            absent(spec, "revisionHistoryLimit", json!(10));
            absent(spec, "progressDeadlineSeconds", json!(600));
            template(value);
        }
        Kind::ReplicaSet | Kind::StatefulSet => {
            absent(map_mut(value, "spec"), "replicas", json!(1));
            template(value);
        }
        Kind::DaemonSet => template(value),
        Kind::Namespace => {
            let name = text(value, "/metadata/name").to_owned();
            map_mut(&mut value["metadata"], "labels").insert("kubernetes.io/metadata.name".to_owned(), json!(name));
            absent(map_mut(value, "spec"), "finalizers", json!(["kubernetes"]));
            if value.get("status").is_none_or(Value::is_null) {
                value["status"] = json!({"phase": "Active"});
            }
        }
        Kind::Service => {
            let spec = map_mut(value, "spec");
            absent(spec, "type", json!("ClusterIP"));
            absent(spec, "sessionAffinity", json!("None"));
            absent(spec, "internalTrafficPolicy", json!("Cluster"));
            for port in spec.get_mut("ports").and_then(Value::as_array_mut).into_iter().flatten().filter_map(Value::as_object_mut) {
                absent(port, "protocol", json!("TCP"));
                let number = port.get("port").cloned().unwrap_or(Value::Null);
                absent(port, "targetPort", number);
            }
        }
        _ => {}
    }
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
        absent(container, "imagePullPolicy", json!("IfNotPresent"));
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

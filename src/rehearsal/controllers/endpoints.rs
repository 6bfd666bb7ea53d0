//! Endpoints and `EndpointSlices` of Services: who can be sent requests.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Value, json};

use super::{Feed, Hand, Home};
use crate::rehearsal::api::deletion::DeleteOptions;
use crate::rehearsal::api::kinds::Kind;
use crate::rehearsal::api::object::{Object, list, owner_reference, text};
use crate::rehearsal::api::selector::Selector;
use crate::rehearsal::api::store::{Key, Verb};
use crate::rehearsal::api::writes::Part;
use crate::rehearsal::world::Timings;

/// Run the controllers of both.
pub async fn run(home: Home) {
    let mut hand = Hand::new(&home, "endpoints");
    let mut feed = Feed::new(&home, &[Kind::Pod, Kind::Service]);
    loop {
        let batch = feed.next().await;
        let mut services = BTreeSet::new();
        let mut lag = Timings::default().endpoints;
        for change in &batch {
            if change.key.kind == Kind::Service {
                services.insert(change.key.clone());
                if change.verb == Verb::Deleted {
                    drop_endpoints(&mut hand, &change.key).await;
                }
                continue;
            }
            lag = home.ground(|ground| ground.world.timings(change.object.namespace(), &change.object.labels()).endpoints);
            for service in hand.list(Kind::Service, Some(&change.key.namespace)) {
                if selects(&service).is_some_and(|s| s.matches(&change.object) || change.previous.as_ref().is_some_and(|p| s.matches(p))) {
                    services.insert(Key::new(Kind::Service, service.namespace(), service.name()));
                }
            }
        }
        if services.is_empty() {
            continue;
        }
        let lag = lag.draw(hand.rolls());
        tokio::time::sleep(lag).await;
        for key in services {
            reconcile(&mut hand, &key).await;
        }
    }
}

/// The selector of a Service; none when its endpoints are not ours to keep.
fn selects(service: &Object) -> Option<Selector> {
    let selector = &service.value()["spec"]["selector"];
    selector.as_object().is_some_and(|s| !s.is_empty()).then(|| Selector::of_labels(selector))
}

async fn drop_endpoints(hand: &mut Hand, service: &Key) {
    let _ = hand.delete(&Key { kind: Kind::Endpoints, ..service.clone() }, &DeleteOptions::default()).await;
}

async fn reconcile(hand: &mut Hand, key: &Key) {
    let Some(service) = hand.get(key) else { return };
    let Some(selector) = selects(&service) else { return };
    let pods: Vec<Arc<Object>> = hand.list(Kind::Pod, Some(&key.namespace)).into_iter().filter(|pod| selector.matches(pod)).collect();
    let slices = hand.list(Kind::EndpointSlice, Some(&key.namespace));
    let mut slices = slices.iter().filter(|slice| slice.labels().get("kubernetes.io/service-name") == Some(&service.name()));
    for wanted in slices_of(&service, &pods) {
        write(hand, Kind::EndpointSlice, slices.next().map(|slice| slice.value().clone()), wanted, &["endpoints", "ports"]).await;
    }
    for slice in slices {
        let _ = hand.delete(&Key::new(Kind::EndpointSlice, slice.namespace(), slice.name()), &DeleteOptions::default()).await;
    }
    let old = hand.get(&Key { kind: Kind::Endpoints, ..key.clone() });
    let stamp = hand.stamp();
    write(hand, Kind::Endpoints, old.map(|old| old.value().clone()), endpoints_of(&service, &pods, &stamp), &["subsets"]).await;
}

/// Write these fields of the wanted object, if they differ from the stored one's.
async fn write(hand: &mut Hand, kind: Kind, stored: Option<Value>, wanted: Value, fields: &[&str]) {
    let Some(stored) = stored else {
        let namespace = text(&wanted, "/metadata/namespace").to_owned();
        let _ = hand.create(kind, &namespace, wanted).await;
        return;
    };
    if fields.iter().all(|field| stored.get(*field).unwrap_or(&Value::Null) == &wanted[*field]) {
        return;
    }
    let rewrite = |value: &mut Value| {
        for field in fields {
            value[*field] = wanted[*field].clone();
        }
        if let Some(trigger) = wanted.pointer("/metadata/annotations") {
            value["metadata"]["annotations"] = trigger.clone();
        }
    };
    let _ = hand.edit(&Key::of(kind, &stored), Part::Main, rewrite).await;
}

/// The ports of a Service as its pods have them; a name is looked up in the first pod that knows it.
fn ports(service: &Object, pods: &[Arc<Object>]) -> Vec<Value> {
    let named = |name: &Value| {
        let ports = pods.iter().flat_map(|pod| pod.list("/spec/containers")).flat_map(|container| list(container, "/ports"));
        ports.into_iter().find(|port| port["name"] == *name).map(|port| port["containerPort"].clone())
    };
    let port = |p: &Value| {
        let number = match &p["targetPort"] {
            Value::Number(number) => Some(json!(number)),
            name @ Value::String(_) => named(name),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => Some(p["port"].clone()),
        };
        let mut port = json!({"name": text(p, "/name"), "port": number?, "protocol": text(p, "/protocol")});
        if let Some(protocol) = p.get("appProtocol").filter(|protocol| protocol.is_string()) {
            port["appProtocol"] = protocol.clone();
        }
        Some(port)
    };
    service.list("/spec/ports").iter().filter_map(port).collect()
}

fn target(pod: &Object) -> Value {
    json!({"kind": "Pod", "namespace": pod.namespace(), "name": pod.name(), "uid": pod.uid()})
}

/// How many endpoints a slice holds at most.
const A_SLICE: usize = 100;

/// The slices of a Service over these pods: one at least, and none that holds more endpoints than a slice may.
#[must_use]
pub fn slices_of(service: &Object, pods: &[Arc<Object>]) -> Vec<Value> {
    let whole = slice_of(service, pods);
    let endpoints = list(&whole, "/endpoints");
    if endpoints.len() <= A_SLICE {
        return vec![whole];
    }
    let part = |part: &[Value]| {
        let mut slice = whole.clone();
        slice["endpoints"] = json!(part);
        slice
    };
    endpoints.chunks(A_SLICE).map(part).collect()
}

/// One slice of a Service over all these pods.
fn slice_of(service: &Object, pods: &[Arc<Object>]) -> Value {
    let early = service.value()["spec"]["publishNotReadyAddresses"] == true;
    let endpoints: Vec<Value> = pods
        .iter()
        .filter(|pod| !pod.text("/status/podIP").is_empty() && !matches!(pod.text("/status/phase"), "Succeeded" | "Failed"))
        .map(|pod| {
            let serving = pod.condition("Ready");
            json!({
                "addresses": [pod.text("/status/podIP")],
                "conditions": {"ready": early || (serving && !pod.deleting()), "serving": serving, "terminating": pod.deleting()},
                "targetRef": target(pod), "nodeName": pod.text("/spec/nodeName"),
            })
        })
        .collect();
    json!({
        "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
        "metadata": {
            "generateName": format!("{}-", service.name()), "namespace": service.namespace(),
            "labels": {"endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io", "kubernetes.io/service-name": service.name()},
            "ownerReferences": [owner_reference(service, "v1", "Service")],
        },
        "addressType": "IPv4", "endpoints": endpoints, "ports": ports(service, pods),
    })
}

/// The Endpoints of a Service over these pods.
#[must_use]
pub fn endpoints_of(service: &Object, pods: &[Arc<Object>], now: &str) -> Value {
    let address =
        |pod: &Arc<Object>| json!({"ip": pod.text("/status/podIP"), "nodeName": pod.text("/spec/nodeName"), "targetRef": target(pod)});
    let there: Vec<&Arc<Object>> = pods
        .iter()
        .filter(|pod| {
            !pod.text("/status/podIP").is_empty() && !pod.deleting() && !matches!(pod.text("/status/phase"), "Succeeded" | "Failed")
        })
        .collect();
    let ready: Vec<Value> = there.iter().filter(|pod| pod.condition("Ready")).map(|pod| address(pod)).collect();
    let unready: Vec<Value> = there.iter().filter(|pod| !pod.condition("Ready")).map(|pod| address(pod)).collect();
    let mut subset = json!({});
    if !ready.is_empty() {
        subset["addresses"] = json!(ready);
    }
    if !unready.is_empty() {
        subset["notReadyAddresses"] = json!(unready);
    }
    subset["ports"] = json!(ports(service, pods));
    let subsets = if there.is_empty() { Value::Null } else { json!([subset]) };
    let mut endpoints = json!({
        "apiVersion": "v1", "kind": "Endpoints",
        "metadata": {
            "name": service.name(), "namespace": service.namespace(),
            "annotations": {"endpoints.kubernetes.io/last-change-trigger-time": now},
            "labels": {"endpoints.kubernetes.io/managed-by": "endpoint-controller"},
        },
    });
    endpoints["subsets"] = subsets;
    endpoints
}

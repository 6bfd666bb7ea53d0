//! What every namespace is given: a service account for pods that ask for none, and the certificate of the API server.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{Feed, Hand, Home};
use crate::rehearsal::api::kinds::Kind;
use crate::rehearsal::api::store::Key;

/// Run the controllers.
pub async fn run(home: Home) {
    let mut hand = Hand::new(&home, "serviceaccount");
    let mut feed = Feed::new(&home, &[Kind::Namespace, Kind::ServiceAccount, Kind::ConfigMap]);
    loop {
        let batch = feed.next().await;
        let places: BTreeSet<&str> = batch
            .iter()
            .map(|change| match change.key.kind {
                Kind::Namespace => change.key.name.as_str(),
                _ => change.key.namespace.as_str(),
            })
            .collect();
        for place in places {
            furnish(&mut hand, place).await;
        }
    }
}

/// What a namespace starts with.
#[must_use]
pub fn furniture() -> [(Kind, Value); 2] {
    [
        (Kind::ServiceAccount, json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default"}})),
        (
            Kind::ConfigMap,
            json!({
                "apiVersion": "v1", "kind": "ConfigMap",
                "metadata": {"name": "kube-root-ca.crt", "annotations": {"kubernetes.io/description": DESCRIPTION}},
                "data": {"ca.crt": CERTIFICATE},
            }),
        ),
    ]
}

/// As the publisher of a real cluster describes it.
const DESCRIPTION: &str = "Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the \
    internal service IP or kubernetes.default.svc. No other usage is guaranteed across distributions of Kubernetes clusters.";

/// The practice cluster speaks plain HTTP on loopback: there is nothing to certify.
const CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----\nVGhlIHByYWN0aWNlIGNsdXN0ZXIgY2VydGlmaWVzIG5vdGhpbmcu\n-----END CERTIFICATE-----\n";

async fn furnish(hand: &mut Hand, place: &str) {
    let there = hand.get(&Key::new(Kind::Namespace, "", place));
    if there.is_none_or(|namespace| namespace.deleting()) {
        return;
    }
    for (kind, value) in furniture() {
        let name = value["metadata"]["name"].as_str().unwrap_or_default();
        if hand.get(&Key::new(kind, place, name)).is_none() {
            // Who was quicker has made the same.
            let _ = hand.create(kind, place, value).await;
        }
    }
}

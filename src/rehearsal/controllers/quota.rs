//! `ResourceQuotas` say what their namespace has, where nobody does at admission.

use std::collections::BTreeSet;

use super::{Feed, Hand, Home};
use crate::rehearsal::api::kinds::Kind;
use crate::rehearsal::api::quota::status;
use crate::rehearsal::api::store::Key;

/// The kinds that quotas usually count.
const COUNTED: [Kind; 10] = [
    Kind::Pod,
    Kind::Service,
    Kind::Secret,
    Kind::ConfigMap,
    Kind::PersistentVolumeClaim,
    Kind::ResourceQuota,
    Kind::Deployment,
    Kind::ReplicaSet,
    Kind::StatefulSet,
    Kind::Job,
];

/// Run the controller.
pub async fn run(home: Home) {
    let mut hand = Hand::new(&home, "resourcequota");
    let mut feed = Feed::new(&home, &COUNTED);
    loop {
        let batch = feed.next().await;
        let places: BTreeSet<&str> = batch.iter().map(|change| change.key.namespace.as_str()).collect();
        let quotas: Vec<_> = places.iter().flat_map(|place| hand.list(Kind::ResourceQuota, Some(place))).collect();
        for quota in quotas {
            reconcile(&mut hand, &Key::new(Kind::ResourceQuota, quota.namespace(), quota.name())).await;
        }
    }
}

async fn reconcile(hand: &mut Hand, key: &Key) {
    let Some(quota) = hand.get(key).filter(|quota| !quota.deleting()) else { return };
    let list = |kind: Kind| hand.list(kind, Some(&key.namespace));
    let status = status(&quota, &list);
    if quota.value()["status"] != status {
        // What has changed meanwhile comes by the feed.
        let _ = hand.set_status(Kind::ResourceQuota, &quota, status).await;
    }
}

//! The garbage collector and the namespace controller: what goes when its owner or its namespace goes.

use serde_json::Value;

use super::{Feed, Hand, Home};
use crate::rehearsal::api::deletion::{DeleteOptions, Propagation};
use crate::rehearsal::api::kinds::{Kind, RESOURCES};
use crate::rehearsal::api::object::{Object, metadata};
use crate::rehearsal::api::store::{Change, Key, Verb};
use crate::rehearsal::api::writes::Part;

/// Run both.
pub async fn run(home: Home) {
    let kinds: Vec<Kind> = RESOURCES.iter().map(|r| r.kind).filter(|kind| *kind != Kind::Event).collect();
    let mut hand = Hand::new(&home, "garbage collector");
    let mut feed = Feed::new(&home, &kinds);
    loop {
        for change in feed.next().await {
            heed(&mut hand, &change).await;
        }
    }
}

async fn heed(hand: &mut Hand, change: &Change) {
    let object = &change.object;
    if change.verb == Verb::Deleted {
        for (key, _) in dependents(hand, object) {
            let _ = hand.delete(&key, &DeleteOptions::default()).await;
        }
        release_waiting_owner(hand, object).await;
        empty_namespaces(hand, &change.key.namespace).await;
        return;
    }
    if !object.deleting() {
        return;
    }
    if change.key.kind == Kind::Namespace {
        clear_namespace(hand, object).await;
    } else if has_finalizer(object, "orphan") {
        for (key, _) in dependents(hand, object) {
            let disown = |value: &mut Value| {
                if let Some(owners) = value["metadata"]["ownerReferences"].as_array_mut() {
                    owners.retain(|owner| owner["uid"] != object.uid());
                }
            };
            let _ = hand.edit(&key, Part::Main, disown).await;
        }
        drop_finalizer(hand, change.key.clone(), "orphan").await;
    } else if has_finalizer(object, "foregroundDeletion") {
        let dependents = dependents(hand, object);
        if dependents.is_empty() {
            drop_finalizer(hand, change.key.clone(), "foregroundDeletion").await;
        }
        for (key, dependent) in dependents.iter().filter(|(_, d)| !d.deleting()) {
            let propagation = if has_dependents(hand, dependent) { Propagation::Foreground } else { Propagation::Background };
            let _ = hand.delete(key, &DeleteOptions { propagation, ..DeleteOptions::default() }).await;
        }
    }
}

fn has_finalizer(object: &Object, finalizer: &str) -> bool {
    object.list("/metadata/finalizers").iter().any(|f| f == finalizer)
}

fn dependents(hand: &Hand, owner: &Object) -> Vec<(Key, std::sync::Arc<Object>)> {
    let namespace = Some(owner.namespace()).filter(|namespace| !namespace.is_empty());
    RESOURCES
        .iter()
        .filter(|r| r.kind != Kind::Event)
        .flat_map(|r| hand.list(r.kind, namespace.filter(|_| r.namespaced)).into_iter().map(move |o| (r.kind, o)))
        .filter(|(_, o)| o.list("/metadata/ownerReferences").iter().any(|reference| reference["uid"] == owner.uid()))
        .map(|(kind, o)| (Key::new(kind, o.namespace(), o.name()), o))
        .collect()
}

fn has_dependents(hand: &Hand, owner: &Object) -> bool {
    !dependents(hand, owner).is_empty()
}

/// An owner in foreground deletion goes with its last dependent.
async fn release_waiting_owner(hand: &mut Hand, gone: &Object) {
    for reference in gone.list("/metadata/ownerReferences") {
        let Some(kind) = RESOURCES.iter().find(|r| reference["kind"] == r.name).map(|r| r.kind) else { continue };
        let key = Key::new(kind, gone.namespace(), reference["name"].as_str().unwrap_or_default());
        let Some(owner) = hand.get(&key).filter(|o| o.deleting() && has_finalizer(o, "foregroundDeletion")) else { continue };
        if !has_dependents(hand, &owner) {
            drop_finalizer(hand, key, "foregroundDeletion").await;
        }
    }
}

async fn drop_finalizer(hand: &mut Hand, key: Key, finalizer: &str) {
    if hand.get(&key).is_none() {
        return;
    }
    let release = |value: &mut Value| {
        if let Some(finalizers) = metadata(value).get_mut("finalizers").and_then(Value::as_array_mut) {
            finalizers.retain(|f| f != finalizer);
        }
    };
    let _ = hand.edit(&key, Part::Main, release).await;
}

async fn clear_namespace(hand: &mut Hand, namespace: &Object) {
    let keys: Vec<Key> = RESOURCES
        .iter()
        .filter(|r| r.namespaced)
        .flat_map(|r| hand.list(r.kind, Some(namespace.name())).into_iter().map(move |o| (r.kind, o)))
        .filter(|(_, o)| !o.deleting())
        .map(|(kind, o)| Key::new(kind, o.namespace(), o.name()))
        .collect();
    for key in keys {
        let _ = hand.delete(&key, &DeleteOptions::default()).await;
    }
    empty_namespaces(hand, namespace.name()).await;
}

/// A namespace that is going goes when it is empty.
async fn empty_namespaces(hand: &mut Hand, name: &str) {
    let key = Key::new(Kind::Namespace, "", name);
    if !hand.get(&key).is_some_and(|namespace| namespace.deleting()) {
        return;
    }
    if RESOURCES.iter().filter(|r| r.namespaced).all(|r| hand.list(r.kind, Some(name)).is_empty()) {
        let _ = hand.finalize(name).await;
    }
}

//! The garbage collector and the namespace controller: what goes when its owner or its namespace goes.

use serde_json::{Value, json};

use super::{Feed, Hand};
use crate::rehearsal::api::ApiServer;
use crate::rehearsal::api::deletion::{DeleteOptions, Propagation};
use crate::rehearsal::api::kinds::{Kind, RESOURCES};
use crate::rehearsal::api::object::{Object, metadata};
use crate::rehearsal::api::store::{Change, Key, Verb};
use crate::rehearsal::api::writes::Part;

/// Run both.
pub async fn run(server: ApiServer) {
    let kinds: Vec<Kind> = RESOURCES.iter().map(|r| r.kind).filter(|kind| *kind != Kind::Event).collect();
    let mut hand = Hand::new(&server, "garbage collector");
    let mut feed = Feed::new(&server, &kinds);
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
        for (key, dependent) in dependents(hand, object) {
            let mut value = dependent.value().clone();
            if let Some(owners) = value["metadata"]["ownerReferences"].as_array_mut() {
                owners.retain(|owner| owner["uid"] != object.uid());
            }
            value["metadata"]["resourceVersion"] = json!("");
            let _ = hand.update(key.kind, value, Part::Main).await;
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
    let namespace = (!owner.namespace().is_empty()).then(|| owner.namespace().to_owned());
    let state = hand.server().lock();
    RESOURCES
        .iter()
        .filter(|r| r.kind != Kind::Event)
        .flat_map(|r| state.store.list(r.kind, namespace.as_deref().filter(|_| r.namespaced)).map(move |o| (r.kind, o)))
        .filter(|(_, o)| o.list("/metadata/ownerReferences").iter().any(|reference| reference["uid"] == owner.uid()))
        .map(|(kind, o)| (Key::new(kind, o.namespace(), o.name()), o.clone()))
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
    let Some(object) = hand.get(&key) else { return };
    let mut value = object.value().clone();
    if let Some(finalizers) = metadata(&mut value).get_mut("finalizers").and_then(Value::as_array_mut) {
        finalizers.retain(|f| f != finalizer);
    }
    value["metadata"]["resourceVersion"] = json!("");
    let _ = hand.update(key.kind, value, Part::Main).await;
}

async fn clear_namespace(hand: &mut Hand, namespace: &Object) {
    let keys: Vec<Key> = {
        let state = hand.server().lock();
        let namespaced = RESOURCES.iter().filter(|r| r.namespaced);
        namespaced
            .flat_map(|r| state.store.list(r.kind, Some(namespace.name())).map(move |o| (r.kind, o)))
            .filter(|(_, o)| !o.deleting())
            .map(|(kind, o)| Key::new(kind, o.namespace(), o.name()))
            .collect()
    };
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
    let empty = {
        let state = hand.server().lock();
        RESOURCES.iter().filter(|r| r.namespaced).all(|r| state.store.list(r.kind, Some(name)).next().is_none())
    };
    if empty {
        hand.pause(2, 6).await;
        hand.server().lock().store.remove(&key);
    }
}

//! The garbage collector and the namespace controller: what goes when its owner or its namespace goes.

use std::collections::BTreeMap;

use serde_json::{Value, json};

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
    if change.verb == Verb::Added && owners_are_gone(hand, object).await {
        let options = DeleteOptions { uid: object.uid().to_owned(), ..DeleteOptions::default() };
        let _ = hand.delete(&change.key, &options).await;
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

/// Whether an object was made for owners of which none is there: they went while it was on its way.
async fn owners_are_gone(hand: &Hand, object: &Object) -> bool {
    let owners = object.list("/metadata/ownerReferences");
    for owner in owners {
        let Some(resource) = RESOURCES.iter().find(|r| owner["kind"] == r.name) else { return false };
        let namespace = if resource.namespaced { object.namespace() } else { "" };
        let key = Key::new(resource.kind, namespace, owner["name"].as_str().unwrap_or_default());
        match hand.look(&key).await {
            Ok(found) if found.as_ref().is_none_or(|found| found.uid() != owner["uid"]) => {}
            Ok(_) | Err(_) => return false,
        }
    }
    !owners.is_empty()
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
    tell_remains(hand, namespace).await;
    empty_namespaces(hand, namespace.name()).await;
}

/// What is left in a namespace that is going, in its conditions.
async fn tell_remains(hand: &mut Hand, namespace: &Object) {
    let (mut left, mut held) = (Vec::new(), BTreeMap::<String, usize>::new());
    for resource in RESOURCES.iter().filter(|r| r.namespaced && r.kind != Kind::Event) {
        let objects = hand.list(resource.kind, Some(namespace.name()));
        if !objects.is_empty() {
            // The real controller leaves the point even where there is no group behind it.
            left.push(format!("{}.{} has {} resource instances", resource.plural, resource.group, objects.len()));
        }
        for finalizer in
            objects.iter().flat_map(|object| object.list("/metadata/finalizers").to_vec()).filter_map(|f| f.as_str().map(str::to_owned))
        {
            *held.entry(finalizer).or_default() += 1;
        }
    }
    let held: Vec<String> = held.iter().map(|(finalizer, count)| format!("{finalizer} in {count} resource instances")).collect();
    let now = hand.stamp();
    let old = namespace.list("/status/conditions");
    let condition = |kind: &str, holds: bool, reason: &str, message: String| {
        let status = if holds { "True" } else { "False" };
        let since =
            old.iter().find(|c| c["type"] == kind && c["status"] == status).map_or_else(|| json!(now), |c| c["lastTransitionTime"].clone());
        json!({"type": kind, "status": status, "lastTransitionTime": since, "reason": reason, "message": message})
    };
    let (content, finalizers) = if left.is_empty() {
        ("All content successfully removed".to_owned(), "All content-preserving finalizers finished".to_owned())
    } else {
        (
            format!("Some resources are remaining: {}", left.join(", ")),
            format!("Some content in the namespace has finalizers remaining: {}", held.join(", ")),
        )
    };
    let conditions = json!([
        condition("NamespaceDeletionDiscoveryFailure", false, "ResourcesDiscovered", "All resources successfully discovered".to_owned()),
        condition(
            "NamespaceDeletionGroupVersionParsingFailure",
            false,
            "ParsedGroupVersions",
            "All legacy kube types successfully parsed".to_owned()
        ),
        condition(
            "NamespaceDeletionContentFailure",
            false,
            "ContentDeleted",
            "All content successfully deleted, may be waiting on finalization".to_owned()
        ),
        condition(
            "NamespaceContentRemaining",
            !left.is_empty(),
            if left.is_empty() { "ContentRemoved" } else { "SomeResourcesRemain" },
            content
        ),
        condition(
            "NamespaceFinalizersRemaining",
            !held.is_empty(),
            if held.is_empty() { "ContentHasNoFinalizers" } else { "SomeFinalizersRemain" },
            if held.is_empty() { "All content-preserving finalizers finished".to_owned() } else { finalizers }
        ),
    ]);
    if namespace.value()["status"]["conditions"] != conditions {
        let status = json!({"phase": "Terminating", "conditions": conditions});
        // One that is gone by now needs no more conditions.
        let _ = hand.set_status(Kind::Namespace, namespace, status).await;
    }
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

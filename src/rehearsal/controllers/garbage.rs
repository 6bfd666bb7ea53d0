//! The garbage collector and the namespace controller: what goes when its owner or its namespace goes.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Feed, Hand, Home};
use crate::rehearsal::api::deletion::{DeleteOptions, Propagation};
use crate::rehearsal::api::kinds::{Kind, RESOURCES};
use crate::rehearsal::api::object::{Object, metadata, text};
use crate::rehearsal::api::refusal::Refusal;
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
            settle(hand, &key).await;
        }
        release_waiting_owners(hand, object).await;
        empty_namespaces(hand, &change.key.namespace).await;
        return;
    }
    // Its owners may have gone while it was on its way.
    if change.verb == Verb::Added && settle(hand, &change.key).await {
        return;
    }
    if !object.deleting() {
        return;
    }
    if change.key.kind == Kind::Namespace {
        clear_namespace(hand, object).await;
    } else if has_finalizer(object, "orphan") {
        for (key, _) in dependents(hand, object) {
            disown(hand, &key, &[object.uid().to_owned()]).await;
        }
        drop_finalizer(hand, change.key.clone(), "orphan").await;
    } else if has_finalizer(object, "foregroundDeletion") {
        let dependents = dependents(hand, object);
        let waits = dependents.iter().any(|(_, dependent)| blocks(dependent, object));
        for (key, _) in dependents {
            settle(hand, &key).await;
        }
        if !waits {
            drop_finalizer(hand, change.key.clone(), "foregroundDeletion").await;
        }
    }
}

/// How it stands with an owner.
enum Owner {
    /// It is there.
    Solid,
    /// It waits for its dependents to go.
    Waiting(String),
    /// It is there no more; so is one that came again under its name.
    Gone(String),
}

/// The owners of an object, as they are now.
///
/// # Errors
/// When the server cannot be asked.
async fn owners(hand: &Hand, object: &Object) -> Result<Vec<Owner>, Refusal> {
    let mut owners = Vec::new();
    for reference in object.list("/metadata/ownerReferences") {
        let uid = text(reference, "/uid").to_owned();
        owners.push(match owner_key(object, reference) {
            // Of a kind that nobody here knows: nobody can say that it is gone.
            None => Owner::Solid,
            Some(key) => match hand.look(&key).await? {
                Some(found) if found.uid() != uid => Owner::Gone(uid),
                Some(found) if found.deleting() && has_finalizer(&found, "foregroundDeletion") => Owner::Waiting(uid),
                Some(_) => Owner::Solid,
                None => Owner::Gone(uid),
            },
        });
    }
    Ok(owners)
}

/// The key of the owner that this reference names.
fn owner_key(object: &Object, reference: &Value) -> Option<Key> {
    let (group, _) = text(reference, "/apiVersion").split_once('/').unwrap_or_default();
    let resource = RESOURCES.iter().find(|r| reference["kind"] == r.name && r.group == group)?;
    Some(Key::new(resource.kind, if resource.namespaced { object.namespace() } else { "" }, text(reference, "/name")))
}

/// Do with a dependent as its owners say: it goes when none of them is left, and while one is, it only forgets the others. Whether it went.
async fn settle(hand: &mut Hand, key: &Key) -> bool {
    let Some(object) = hand.get(key) else { return false };
    if object.deleting() && !has_finalizer(&object, "foregroundDeletion") {
        return false;
    }
    let Ok(owners) = owners(hand, &object).await else { return false };
    let left: Vec<String> = owners
        .iter()
        .filter_map(|owner| match owner {
            Owner::Solid => None,
            Owner::Waiting(uid) | Owner::Gone(uid) => Some(uid.clone()),
        })
        .collect();
    if left.is_empty() {
        return false;
    }
    if left.len() < owners.len() {
        disown(hand, key, &left).await;
        // One that waited for it waits no longer.
        release_waiting_owners(hand, &object).await;
        return false;
    }
    if object.deleting() {
        return false;
    }
    let waited_for = owners.iter().any(|owner| matches!(owner, Owner::Waiting(_)));
    let propagation = if has_finalizer(&object, "orphan") {
        Propagation::Orphan
    } else if waited_for && has_dependents(hand, &object) {
        Propagation::Foreground
    } else {
        Propagation::Background
    };
    let options = DeleteOptions { propagation, uid: object.uid().to_owned(), ..DeleteOptions::default() };
    let _ = hand.delete(key, &options).await;
    true
}

/// Take the references to these owners from an object.
async fn disown(hand: &mut Hand, key: &Key, uids: &[String]) {
    let forget = |value: &mut Value| {
        let Some(owners) = metadata(value).get_mut("ownerReferences").and_then(Value::as_array_mut) else { return };
        owners.retain(|owner| !uids.iter().any(|uid| owner["uid"] == **uid));
        if owners.is_empty() {
            metadata(value).shift_remove("ownerReferences");
        }
    };
    let _ = hand.edit(key, Part::Main, forget).await;
}

/// Whether this owner, in foreground deletion, has to wait for this dependent.
fn blocks(dependent: &Object, owner: &Object) -> bool {
    let references = dependent.list("/metadata/ownerReferences");
    references.iter().any(|reference| reference["uid"] == owner.uid() && reference["blockOwnerDeletion"] == true)
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

/// An owner in foreground deletion goes with the last dependent that it has to wait for.
async fn release_waiting_owners(hand: &mut Hand, gone: &Object) {
    for reference in gone.list("/metadata/ownerReferences") {
        let Some(key) = owner_key(gone, reference) else { continue };
        let waits = |o: &std::sync::Arc<Object>| o.deleting() && reference["uid"] == o.uid() && has_finalizer(o, "foregroundDeletion");
        let Some(owner) = hand.get(&key).filter(waits) else { continue };
        if !dependents(hand, &owner).iter().any(|(_, dependent)| blocks(dependent, &owner)) {
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

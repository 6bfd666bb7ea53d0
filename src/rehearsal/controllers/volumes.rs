//! Volumes and claims: who is bound to whom, the provisioner of the cluster's own class, and what may go when.

use std::sync::Arc;

use serde_json::{Value, json};

use super::recorder::{Note, record};
use super::{Feed, Hand, Home};
use crate::rehearsal::api::admission::storage::{CLAIM_IN_USE, VOLUME_IN_USE};
use crate::rehearsal::api::deletion::DeleteOptions;
use crate::rehearsal::api::kinds::Kind;
use crate::rehearsal::api::object::{Object, list, map_mut, metadata, text};
use crate::rehearsal::api::selector::Selector;
use crate::rehearsal::api::store::Key;
use crate::rehearsal::api::writes::Part;
use crate::rehearsal::quantity;

/// Who provisions volumes here. Claims on the classes of others wait for somebody who never comes, as on a cluster where that driver is not installed.
pub const PROVISIONER: &str = "rancher.io/local-path";

/// What the scheduler says of a claim that waits for its first pod.
pub const SELECTED_NODE: &str = "volume.kubernetes.io/selected-node";

/// The class that the cluster has from the beginning.
#[must_use]
pub fn usual_class() -> Value {
    json!({"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass",
        "metadata": {"name": "standard", "annotations": {(crate::rehearsal::api::admission::storage::USUAL): "true"}},
        "provisioner": PROVISIONER, "reclaimPolicy": "Delete", "volumeBindingMode": "WaitForFirstConsumer"})
}

/// Run the controller.
pub async fn run(home: Home) {
    let mut hand = Hand::new(&home, "volumes");
    let mut feed = Feed::new(&home, &[Kind::PersistentVolumeClaim, Kind::PersistentVolume, Kind::StorageClass, Kind::Pod]);
    loop {
        let batch = feed.next().await;
        // Of pods only those matter that use a claim and may have let it go.
        let of_interest = |object: &Object| object.list("/spec/volumes").iter().any(|volume| volume.get("persistentVolumeClaim").is_some());
        if batch.iter().all(|change| change.key.kind == Kind::Pod && !of_interest(&change.object)) {
            continue;
        }
        for volume in hand.list(Kind::PersistentVolume, None) {
            see_to_volume(&mut hand, &volume).await;
        }
        for claim in hand.list(Kind::PersistentVolumeClaim, None) {
            see_to_claim(&mut hand, &claim).await;
        }
    }
}

fn key_of(kind: Kind, object: &Object) -> Key {
    Key::new(kind, object.namespace(), object.name())
}

/// Whether this claim waits for a pod that uses it.
#[must_use]
pub fn waits_for_a_pod(hand: &Hand, claim: &Object) -> bool {
    let class = hand.get(&Key::new(Kind::StorageClass, "", claim.text("/spec/storageClassName")));
    class.is_some_and(|class| class.text("/volumeBindingMode") == "WaitForFirstConsumer")
}

/// Whether the claim has its volume.
#[must_use]
pub fn is_bound(claim: &Object) -> bool {
    !claim.text("/spec/volumeName").is_empty() && claim.text("/status/phase") == "Bound"
}

async fn set_phase(hand: &mut Hand, kind: Kind, object: &Object, phase: &str) {
    if object.text("/status/phase") != phase {
        let mut status = object.value().get("status").filter(|s| s.is_object()).cloned().unwrap_or_else(|| json!({}));
        status["phase"] = json!(phase);
        // Seen again by the feed when it has changed meanwhile.
        let _ = hand.set_status(kind, object, status).await;
    }
}

async fn let_go(hand: &mut Hand, kind: Kind, object: &Object, finalizer: &str) {
    let change = |value: &mut Value| {
        if let Some(all) = value.pointer_mut("/metadata/finalizers").and_then(Value::as_array_mut) {
            all.retain(|one| one != finalizer);
        }
    };
    let _ = hand.edit(&key_of(kind, object), Part::Main, change).await;
}

fn holds(object: &Object, finalizer: &str) -> bool {
    object.list("/metadata/finalizers").iter().any(|one| one == finalizer)
}

async fn see_to_volume(hand: &mut Hand, volume: &Object) {
    let claim = Key::new(Kind::PersistentVolumeClaim, volume.text("/spec/claimRef/namespace"), volume.text("/spec/claimRef/name"));
    let wanted = volume.text("/spec/claimRef/uid");
    let bound = hand.get(&claim).filter(|claim| claim.uid() == wanted);
    if volume.deleting() {
        if bound.is_none() && holds(volume, VOLUME_IN_USE) {
            let_go(hand, Kind::PersistentVolume, volume, VOLUME_IN_USE).await;
        }
        return;
    }
    if wanted.is_empty() {
        set_phase(hand, Kind::PersistentVolume, volume, "Available").await;
    } else if bound.is_some() {
        set_phase(hand, Kind::PersistentVolume, volume, "Bound").await;
    } else {
        set_phase(hand, Kind::PersistentVolume, volume, "Released").await;
        if volume.text("/spec/persistentVolumeReclaimPolicy") == "Delete"
            && volume.annotation("pv.kubernetes.io/provisioned-by") == PROVISIONER
        {
            hand.pause(800, 3_000).await;
            let _ = hand.delete(&key_of(Kind::PersistentVolume, volume), &DeleteOptions::default()).await;
        }
    }
}

async fn see_to_claim(hand: &mut Hand, claim: &Arc<Object>) {
    if claim.deleting() {
        let used = hand.list(Kind::Pod, Some(claim.namespace())).iter().any(|pod| {
            let uses = pod.list("/spec/volumes").iter().any(|v| text(v, "/persistentVolumeClaim/claimName") == claim.name());
            uses && !matches!(pod.text("/status/phase"), "Succeeded" | "Failed")
        });
        if !used && holds(claim, CLAIM_IN_USE) {
            let_go(hand, Kind::PersistentVolumeClaim, claim, CLAIM_IN_USE).await;
        }
        return;
    }
    if is_bound(claim) {
        if hand.get(&Key::new(Kind::PersistentVolume, "", claim.text("/spec/volumeName"))).is_none() {
            set_phase(hand, Kind::PersistentVolumeClaim, claim, "Lost").await;
            say(hand, claim, true, "ClaimLost", "Bound claim has lost its PersistentVolume. Data on the volume is lost!");
        }
        return;
    }
    if claim.text("/status/phase") == "Lost" {
        return;
    }
    let node = claim.annotation(SELECTED_NODE).to_owned();
    if waits_for_a_pod(hand, claim) && node.is_empty() && claim.text("/spec/volumeName").is_empty() {
        say(hand, claim, false, "WaitForFirstConsumer", "waiting for first consumer to be created before binding");
        return;
    }
    if let Some(volume) = fitting(hand, claim) {
        bind(hand, claim, &volume).await;
        return;
    }
    if !claim.text("/spec/volumeName").is_empty() {
        return;
    }
    provision(hand, claim, &node).await;
}

fn say(hand: &Hand, claim: &Object, warning: bool, reason: &str, message: &str) {
    // The controller says it at each of its looks; once for each state is told here.
    let told = hand.list(Kind::Event, Some(claim.namespace()));
    if told.iter().any(|event| {
        event.text("/involvedObject/uid") == claim.uid() && event.text("/reason") == reason && event.text("/message") == message
    }) {
        return;
    }
    let note = Note::normal("persistentvolume-controller", reason, message);
    record(hand, Kind::PersistentVolumeClaim, claim, if warning { note.as_warning() } else { note });
}

/// The smallest volume that is free and has what the claim asks for.
fn fitting(hand: &Hand, claim: &Object) -> Option<Arc<Object>> {
    let asked = quantity::of(&claim.value()["spec"]["resources"]["requests"]["storage"]);
    let selector = claim.value().pointer("/spec/selector").and_then(Selector::of_workload);
    let named = claim.text("/spec/volumeName");
    let free = |volume: &Object| {
        let (namespace, name) = (volume.text("/spec/claimRef/namespace"), volume.text("/spec/claimRef/name"));
        let uid = volume.text("/spec/claimRef/uid");
        name.is_empty() || (namespace, name) == (claim.namespace(), claim.name()) && (uid.is_empty() || uid == claim.uid())
    };
    let fits = |volume: &Object| {
        !volume.deleting()
            && free(volume)
            && (named.is_empty() || named == volume.name())
            && volume.text("/spec/storageClassName") == claim.text("/spec/storageClassName")
            && volume.text("/spec/volumeMode") == claim.text("/spec/volumeMode")
            && quantity::of(&volume.value()["spec"]["capacity"]["storage"]) >= asked
            && claim.list("/spec/accessModes").iter().all(|mode| volume.list("/spec/accessModes").contains(mode))
            && selector.as_ref().is_none_or(|selector| selector.matches(volume))
    };
    hand.list(Kind::PersistentVolume, None)
        .into_iter()
        .filter(|volume| fits(volume))
        .min_by_key(|volume| quantity::of(&volume.value()["spec"]["capacity"]["storage"]))
}

async fn bind(hand: &mut Hand, claim: &Object, volume: &Object) {
    let reference = json!({"kind": "PersistentVolumeClaim", "namespace": claim.namespace(), "name": claim.name(), "uid": claim.uid(),
        "apiVersion": "v1", "resourceVersion": claim.revision()});
    if volume.text("/spec/claimRef/uid") != claim.uid() {
        let change = |value: &mut Value| {
            map_mut(value, "spec").insert("claimRef".to_owned(), reference.clone());
            map_mut(metadata_of(value), "annotations").insert("pv.kubernetes.io/bound-by-controller".to_owned(), json!("yes"));
        };
        if hand.edit(&key_of(Kind::PersistentVolume, volume), Part::Main, change).await.is_err() {
            return;
        }
    }
    let given = claim.text("/spec/volumeName") == volume.name();
    let change = |value: &mut Value| {
        map_mut(value, "spec").insert("volumeName".to_owned(), json!(volume.name()));
        let annotations = map_mut(metadata_of(value), "annotations");
        annotations.insert("pv.kubernetes.io/bind-completed".to_owned(), json!("yes"));
        if !given {
            annotations.insert("pv.kubernetes.io/bound-by-controller".to_owned(), json!("yes"));
        }
    };
    let Ok(claim) = hand.edit(&key_of(Kind::PersistentVolumeClaim, claim), Part::Main, change).await else { return };
    let status =
        json!({"phase": "Bound", "accessModes": volume.value()["spec"]["accessModes"], "capacity": volume.value()["spec"]["capacity"]});
    let _ = hand.set_status(Kind::PersistentVolumeClaim, &claim, status).await;
    if let Some(volume) = hand.get(&key_of(Kind::PersistentVolume, volume)) {
        set_phase(hand, Kind::PersistentVolume, &volume, "Bound").await;
    }
}

fn metadata_of(value: &mut Value) -> &mut Value {
    let _ = metadata(value);
    &mut value["metadata"]
}

/// Make a volume for this claim, if its class has somebody who does.
async fn provision(hand: &mut Hand, claim: &Object, node: &str) {
    let name = claim.text("/spec/storageClassName");
    if name.is_empty() {
        say(hand, claim, false, "FailedBinding", "no persistent volumes available for this claim and no storage class is set");
        return;
    }
    let Some(class) = hand.get(&Key::new(Kind::StorageClass, "", name)) else {
        say(hand, claim, true, "ProvisioningFailed", &format!("storageclass.storage.k8s.io \"{name}\" not found"));
        return;
    };
    let provisioner = class.text("/provisioner").to_owned();
    if provisioner.starts_with("kubernetes.io/") {
        say(hand, claim, true, "ProvisioningFailed", &format!("no volume plugin matched name: {provisioner}"));
        return;
    }
    say(
        hand,
        claim,
        false,
        "ExternalProvisioning",
        &format!(
            "Waiting for a volume to be created either by the external provisioner '{provisioner}' or manually by the system administrator. If volume creation is delayed, please verify that the provisioner is running and correctly registered."
        ),
    );
    let told = |value: &mut Value| {
        let annotations = map_mut(metadata_of(value), "annotations");
        for key in ["volume.beta.kubernetes.io/storage-provisioner", "volume.kubernetes.io/storage-provisioner"] {
            annotations.insert(key.to_owned(), json!(provisioner));
        }
    };
    if claim.annotation("volume.kubernetes.io/storage-provisioner") != provisioner {
        let _ = hand.edit(&key_of(Kind::PersistentVolumeClaim, claim), Part::Main, told).await;
    }
    if provisioner != PROVISIONER {
        return;
    }
    let source = format!("{PROVISIONER}_local-path-provisioner");
    let message = format!("External provisioner is provisioning volume for claim \"{}/{}\"", claim.namespace(), claim.name());
    record(hand, Kind::PersistentVolumeClaim, claim, Note::normal(&source, "Provisioning", &message));
    hand.pause(1_500, 4_000).await;
    let volume = format!("pvc-{}", claim.uid());
    let path = format!("/var/local-path-provisioner/{volume}_{}_{}", claim.namespace(), claim.name());
    let mut spec = json!({
        "capacity": {"storage": claim.value()["spec"]["resources"]["requests"]["storage"]}, "accessModes": claim.value()["spec"]["accessModes"],
        "claimRef": {"kind": "PersistentVolumeClaim", "namespace": claim.namespace(), "name": claim.name(), "uid": claim.uid(), "apiVersion": "v1",
            "resourceVersion": claim.revision()},
        "hostPath": {"path": path, "type": "DirectoryOrCreate"},
        "persistentVolumeReclaimPolicy": class.text("/reclaimPolicy"), "storageClassName": name, "volumeMode": claim.value()["spec"]["volumeMode"],
    });
    if !node.is_empty() {
        spec["nodeAffinity"] = json!({"required": {"nodeSelectorTerms": [
            {"matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "In", "values": [node]}]}]}});
    }
    let made = json!({"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": volume,
        "annotations": {"pv.kubernetes.io/provisioned-by": PROVISIONER}}, "spec": spec});
    if let Ok(made) = hand.create(Kind::PersistentVolume, "", made).await {
        let message = format!("Successfully provisioned volume {}", made.name());
        record(hand, Kind::PersistentVolumeClaim, claim, Note::normal(&source, "ProvisioningSucceeded", &message));
    }
}

/// The claims of this pod, in its order: each by its name, and as it is there.
#[must_use]
pub fn claims_of(hand: &Hand, pod: &Object) -> Vec<(String, Option<Arc<Object>>)> {
    let names = list(pod.value(), "/spec/volumes").iter().map(|volume| text(volume, "/persistentVolumeClaim/claimName"));
    names
        .filter(|name| !name.is_empty())
        .map(|name| (name.to_owned(), hand.get(&Key::new(Kind::PersistentVolumeClaim, pod.namespace(), name))))
        .collect()
}

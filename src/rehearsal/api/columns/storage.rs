//! Tables of volumes.

use serde_json::{Value, json};

use super::{AGE, Columns, NAME, age, boolean, made, string, wide};
use crate::rehearsal::api::object::Object;

pub(super) const VOLUME: Columns = made(
    &[
        NAME,
        string("Capacity"),
        string("Access Modes"),
        string("Reclaim Policy"),
        string("Status"),
        string("Claim"),
        string("StorageClass"),
        string("VolumeAttributesClass"),
        string("Reason"),
        AGE,
        wide("VolumeMode"),
    ],
    |volume, now| {
        let claim = match volume.text("/spec/claimRef/name") {
            "" => String::new(),
            name => format!("{}/{name}", volume.text("/spec/claimRef/namespace")),
        };
        vec![
            json!(volume.name()),
            json!(volume.text("/spec/capacity/storage")),
            json!(modes(volume, "/spec/accessModes")),
            json!(volume.text("/spec/persistentVolumeReclaimPolicy")),
            phase(volume),
            json!(claim),
            json!(volume.text("/spec/storageClassName")),
            unset(volume, "/spec/volumeAttributesClassName"),
            json!(volume.text("/status/reason")),
            age(volume, now),
            unset(volume, "/spec/volumeMode"),
        ]
    },
);

pub(super) const CLAIM: Columns = made(
    &[
        NAME,
        string("Status"),
        string("Volume"),
        string("Capacity"),
        string("Access Modes"),
        string("StorageClass"),
        string("VolumeAttributesClass"),
        AGE,
        wide("VolumeMode"),
    ],
    |claim, now| {
        let bound = !claim.text("/spec/volumeName").is_empty();
        vec![
            json!(claim.name()),
            phase(claim),
            json!(claim.text("/spec/volumeName")),
            json!(if bound { claim.text("/status/capacity/storage") } else { "" }),
            json!(if bound { modes(claim, "/status/accessModes") } else { String::new() }),
            json!(claim.text("/spec/storageClassName")),
            unset(claim, "/spec/volumeAttributesClassName"),
            age(claim, now),
            unset(claim, "/spec/volumeMode"),
        ]
    },
);

pub(super) const CLASS: Columns = made(
    &[NAME, string("Provisioner"), string("ReclaimPolicy"), string("VolumeBindingMode"), boolean("AllowVolumeExpansion"), AGE],
    |class, now| {
        let default = class.annotation("storageclass.kubernetes.io/is-default-class") == "true";
        let or = |pointer: &str, default: &str| match class.text(pointer) {
            "" => default.to_owned(),
            told => told.to_owned(),
        };
        vec![
            json!(if default { format!("{} (default)", class.name()) } else { class.name().to_owned() }),
            json!(class.text("/provisioner")),
            json!(or("/reclaimPolicy", "Delete")),
            json!(or("/volumeBindingMode", "Immediate")),
            json!(class.value().get("allowVolumeExpansion") == Some(&json!(true))),
            age(class, now),
        ]
    },
);

fn phase(object: &Object) -> Value {
    if object.deleting() { json!("Terminating") } else { json!(object.text("/status/phase")) }
}

fn unset(object: &Object, pointer: &str) -> Value {
    match object.text(pointer) {
        "" => json!("<unset>"),
        told => json!(told),
    }
}

fn modes(object: &Object, pointer: &str) -> String {
    let short = |mode: &Value| match mode.as_str() {
        Some("ReadWriteOnce") => Some("RWO"),
        Some("ReadOnlyMany") => Some("ROX"),
        Some("ReadWriteMany") => Some("RWX"),
        Some("ReadWriteOncePod") => Some("RWOP"),
        _ => None,
    };
    object.list(pointer).iter().filter_map(short).collect::<Vec<_>>().join(",")
}

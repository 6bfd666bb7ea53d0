//! Volumes, and the claims to them.

use super::{joined, moment};
use crate::rehearsal::api::object::Object;
use crate::rehearsal::quantity;
use crate::rehearsal::traffic::page::Lines;

/// What is told of a claim.
pub fn claim(lines: &mut Lines<'_>, claim: &Object) {
    let base = [("namespace", claim.namespace()), ("persistentvolumeclaim", claim.name())];
    let info = [
        ("storageclass", claim.text("/spec/storageClassName")),
        ("volumename", claim.text("/spec/volumeName")),
        ("volumemode", claim.text("/spec/volumeMode")),
    ];
    lines.put("kube_persistentvolumeclaim_info", &joined(&base, &info), 1.0);
    lines.put("kube_persistentvolumeclaim_created", &base, moment(claim.text("/metadata/creationTimestamp")));
    lines.one_of("kube_persistentvolumeclaim_status_phase", &base, "phase", &["Lost", "Bound", "Pending"], claim.text("/status/phase"));
    let wanted = quantity::number(claim.text("/spec/resources/requests/storage"));
    lines.put("kube_persistentvolumeclaim_resource_requests_storage_bytes", &base, wanted.unwrap_or(0.0));
    for mode in claim.list("/spec/accessModes").iter().filter_map(|mode| mode.as_str()) {
        lines.put("kube_persistentvolumeclaim_access_mode", &joined(&base, &[("access_mode", mode)]), 1.0);
    }
}

/// What is told of a volume.
pub fn volume(lines: &mut Lines<'_>, volume: &Object) {
    const PHASES: [&str; 5] = ["Pending", "Available", "Bound", "Released", "Failed"];
    let base = [("persistentvolume", volume.name())];
    lines.put("kube_persistentvolume_created", &base, moment(volume.text("/metadata/creationTimestamp")));
    lines.one_of("kube_persistentvolume_status_phase", &base, "phase", &PHASES, volume.text("/status/phase"));
    lines.put("kube_persistentvolume_capacity_bytes", &base, quantity::number(volume.text("/spec/capacity/storage")).unwrap_or(0.0));
    let claim = [("name", volume.text("/spec/claimRef/name")), ("claim_namespace", volume.text("/spec/claimRef/namespace"))];
    if !claim[0].1.is_empty() {
        lines.put("kube_persistentvolume_claim_ref", &joined(&base, &claim), 1.0);
    }
}

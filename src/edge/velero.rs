//! Backups by Velero: where they are kept, and which of them hold a namespace whole.
//!
//! Only read. Velero serves the objects of its own namespace alone; where one may not look everywhere, that is taken to be `velero`.

use chrono::{DateTime, Utc};
use kube::api::{ApiResource, DynamicObject, ListParams};
use kube::core::GroupVersionKind;
use kube::{Api, ResourceExt};
use serde_json::Value;

use crate::edge::Cluster;
use crate::edge::api_error::{self, ApiError};
use crate::effect::inspection::VELERO_HOME;
use crate::event::inspected::{BackupFact, BackupsFact, LocationFact};
use crate::text::Untrusted;

/// How many backups are told of.
const MOST: usize = 20;

/// What is kept of these namespaces; `None` where Velero is not served.
pub(super) async fn backups(cluster: &Cluster, namespaces: &[String]) -> Result<Option<BackupsFact>, ApiError> {
    let Some(locations) = list(cluster, "BackupStorageLocation", "backupstoragelocations").await? else { return Ok(None) };
    let Some(backups) = list(cluster, "Backup", "backups").await? else { return Ok(None) };
    let locations: Vec<LocationFact> = locations.iter().map(location).collect();
    let holding = |backup: &DynamicObject| {
        let holds: Vec<String> = namespaces.iter().filter(|namespace| holds(&backup.data["spec"], namespace)).cloned().collect();
        (!holds.is_empty()).then(|| fact(backup, holds, &locations))
    };
    let mut backups: Vec<BackupFact> = backups.iter().filter_map(holding).collect();
    // those that can be used first, so that none is cut off by failures after it
    backups.sort_by(|a, b| (a.unusable.is_some(), b.started, &a.name).cmp(&(b.unusable.is_some(), a.started, &b.name)));
    backups.truncate(MOST);
    Ok(Some(BackupsFact { locations, backups }))
}

async fn list(cluster: &Cluster, kind: &str, plural: &str) -> Result<Option<Vec<DynamicObject>>, ApiError> {
    let resource = ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk("velero.io", "v1", kind), plural);
    let everywhere: Api<DynamicObject> = Api::all_with(cluster.client.clone(), &resource);
    let params = ListParams::default();
    let listed = match api_error::within(&format!("list {plural}.velero.io"), everywhere.list(&params)).await {
        Err(error) if error.code == Some(403) => {
            let home: Api<DynamicObject> = Api::namespaced_with(cluster.client.clone(), VELERO_HOME, &resource);
            api_error::within(&format!("list {plural}.velero.io in namespace {VELERO_HOME}"), home.list(&params)).await
        }
        listed => listed,
    };
    match listed {
        Ok(listed) => Ok(Some(listed.items)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}

fn location(object: &DynamicObject) -> LocationFact {
    let phase = text(&object.data["status"]["phase"]);
    // it is not looked at once its validation is off: the phase stands for what it was then
    let available = phase == "Available" && text(&object.data["spec"]["accessMode"]) != "ReadOnly";
    let phase = if phase.is_empty() { "not validated yet" } else { phase };
    LocationFact { namespace: object.namespace().unwrap_or_default(), name: object.name_any().into(), phase: phase.into(), available }
}

fn fact(backup: &DynamicObject, holds: Vec<String>, locations: &[LocationFact]) -> BackupFact {
    let (spec, status) = (&backup.data["spec"], &backup.data["status"]);
    let namespace = backup.namespace().unwrap_or_default();
    let kept = text(&spec["storageLocation"]);
    let place = locations.iter().find(|location| location.namespace == namespace && location.name.raw() == kept);
    let phase = text(&status["phase"]);
    let unusable = if phase != "Completed" {
        Some(format!("its phase is {}", if phase.is_empty() { "New" } else { phase }))
    } else if backup.metadata.deletion_timestamp.is_some() {
        Some("it is being deleted".to_owned())
    } else if place.is_none_or(|place| place.phase.raw() != "Available") {
        Some(format!("its location {kept:?} is not available"))
    } else {
        None
    };
    BackupFact {
        namespace,
        name: backup.name_any().into(),
        holds,
        started: time(&status["startTimestamp"]),
        unusable: unusable.map(Untrusted::from),
    }
}

/// Whether all of a namespace is in a backup: one that is narrowed in any way holds a part.
fn holds(spec: &Value, namespace: &str) -> bool {
    let words = |key: &str| spec[key].as_array().into_iter().flatten().filter_map(Value::as_str);
    let named = |key: &str| words(key).any(|glob| matches(glob.as_bytes(), namespace.as_bytes()));
    let everything = |key: &str| words(key).next().is_none() || words(key).any(|word| word == "*");
    let none = |key: &str| words(key).next().is_none();
    let whole = spec["labelSelector"].as_object().is_none_or(serde_json::Map::is_empty)
        && spec["orLabelSelectors"].as_array().is_none_or(Vec::is_empty)
        && everything("includedResources")
        && none("excludedResources")
        && everything("includedNamespaceScopedResources")
        && none("excludedNamespaceScopedResources");
    (none("includedNamespaces") || named("includedNamespaces")) && !named("excludedNamespaces") && whole
}

/// Velero's globs: `*` and `?`. What else it knows is taken literally, and matches less.
fn matches(glob: &[u8], text: &[u8]) -> bool {
    match (glob.split_first(), text.split_first()) {
        (None, None) => true,
        (Some((b'*', rest)), _) => matches(rest, text) || text.split_first().is_some_and(|(_, after)| matches(glob, after)),
        (Some((b'?', rest)), Some((_, after))) => matches(rest, after),
        (Some((wanted, rest)), Some((found, after))) => wanted == found && matches(rest, after),
        (None, Some(_)) | (Some(_), None) => false,
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn time(value: &Value) -> Option<DateTime<Utc>> {
    DateTime::parse_from_rfc3339(value.as_str()?).ok().map(|time| time.with_timezone(&Utc))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn backup_should_hold_a_namespace_only_where_nothing_narrows_it() {
        for (spec, whole) in [
            (json!({}), true),
            (json!({"includedNamespaces": ["*"]}), true),
            (json!({"includedNamespaces": null, "excludedNamespaces": ["other"]}), true),
            (json!({"includedNamespaces": ["shop-*"]}), true),
            (json!({"includedNamespaces": ["shop"]}), false),
            (json!({"includedNamespaces": ["*"], "excludedNamespaces": ["shop-a"]}), false),
            (json!({"labelSelector": {"matchLabels": {"app": "a"}}}), false),
            (json!({"orLabelSelectors": [{"matchLabels": {"app": "a"}}]}), false),
            (json!({"includedResources": ["deployments"]}), false),
            (json!({"excludedResources": ["persistentvolumeclaims"]}), false),
            (json!({"includedResources": ["*"]}), true),
        ] {
            assert_eq!(holds(&spec, "shop-a"), whole, "{spec}");
        }
    }
}

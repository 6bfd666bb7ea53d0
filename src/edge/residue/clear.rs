//! Taking away what outlived its fault. Each hand is laid on only what is still there, by its version, and what it did is
//! looked at again.

use std::collections::BTreeSet;
use std::time::Duration;

use kube::ResourceExt;
use kube::api::{DynamicObject, Patch, PatchParams};
use serde_json::{Value, json};

use super::images::{self, Images};
use super::{CARRIERS, Where, api, get, sources};
use crate::edge::Cluster;
use crate::edge::api_error::{self, ApiError};
use crate::event::residue::{Remains, Trace};
use crate::text::Untrusted;

/// How long a daemon may take to take rules out of a pod, in steps of [`STEP`].
const STEPS: u32 = 60;
const STEP: Duration = Duration::from_millis(500);

/// Takes one thing away that nobody's fault holds any more.
///
/// # Errors
/// Why it is still there, and what a person can do.
pub async fn clear(cluster: &Cluster, trace: &Trace) -> Result<(), Untrusted> {
    match trace.what {
        Remains::NetworkRules | Remains::FileRules | Remains::HttpRules => rules(cluster, trace).await,
        Remains::PauseImage => image(cluster, trace).await,
        Remains::Object | Remains::Lease => Err("this is an object: it is deleted, not cleared".into()),
    }
}

fn said(error: &ApiError) -> Untrusted {
    error.to_string().into()
}

/// Takes the rules of faults that are gone out of what carries them: its controller then takes them out of the pod.
async fn rules(cluster: &Cluster, trace: &Trace) -> Result<(), Untrusted> {
    let object = &trace.object;
    let Some((_, kind, _)) = CARRIERS.iter().find(|(carrier, ..)| *carrier == object.kind) else {
        return Err(format!("{object} carries no rules").into());
    };
    let Some(carrier) = get(cluster, &object.kind, &object.namespace, &object.name).await.map_err(|error| said(&error))? else {
        return Ok(());
    };
    let mut dead = BTreeSet::new();
    for from in sources(&carrier.data["spec"]) {
        let Some((namespace, name)) = from.split_once('/') else { continue };
        if get(cluster, kind, namespace, name).await.map_err(|error| said(&error))?.is_none() {
            dead.insert(from);
        }
    }
    if dead.is_empty() {
        return Ok(());
    }
    let mut spec = json!({});
    for (field, list) in carrier.data["spec"].as_object().into_iter().flatten() {
        if let Some(list) = list.as_array() {
            let kept = list.iter().filter(|rule| sources(rule).is_disjoint(&dead)).cloned();
            spec[field] = Value::Array(kept.collect());
        }
    }
    let patch = json!({"metadata": {"resourceVersion": carrier.resource_version()}, "spec": spec});
    put(cluster, trace, patch).await?;
    taken(cluster, trace, &dead).await
}

/// Waits until the daemon has taken the rules out of the pod.
async fn taken(cluster: &Cluster, trace: &Trace, dead: &BTreeSet<String>) -> Result<(), Untrusted> {
    let object = &trace.object;
    let mut why = "the daemon on its node has not answered".to_owned();
    for _ in 0..STEPS {
        let Some(now) = get(cluster, &object.kind, &object.namespace, &object.name).await.map_err(|error| said(&error))? else {
            return Ok(());
        };
        if !sources(&now.data["spec"]).is_disjoint(dead) {
            return Err("somebody put them in again".into());
        }
        let status = &now.data["status"];
        let observed = status["observedGeneration"].as_i64().unwrap_or(0) >= now.metadata.generation.unwrap_or(0);
        match status["failedMessage"].as_str().filter(|failed| !failed.is_empty()) {
            Some(failed) => failed.clone_into(&mut why),
            None if observed => return Ok(()),
            None => {}
        }
        tokio::time::sleep(STEP).await;
    }
    let pod = format!("kubectl -n {} delete pod {}", object.namespace, object.name);
    Err(format!("taken out of the object, not yet out of the pod: {why}; the rules go with the pod: `{pod}`").into())
}

/// Puts the images back that annotations keep.
async fn image(cluster: &Cluster, trace: &Trace) -> Result<(), Untrusted> {
    let object = &trace.object;
    let Some(pod) = get(cluster, "Pod", &object.namespace, &object.name).await.map_err(|error| said(&error))? else { return Ok(()) };
    let near = BTreeSet::from([object.namespace.clone()]);
    let living = images::living(cluster, Where::Everywhere(&near)).await;
    if let Some(error) = living.unseen.first() {
        return Err(format!("whether a PodChaos holds it there can't be seen: {error}").into());
    }
    if living.items.contains(&images::id(&pod)) {
        return Err("a PodChaos holds it there: it goes back when that is deleted".into());
    }
    let kept = Images::of(&pod).kept;
    if kept.is_empty() {
        if !images::is_swapped(cluster, &pod).await {
            return Ok(());
        }
        let again = format!("kubectl -n {} delete pod {}", object.namespace, object.name);
        return Err(format!("no annotation says what its image was; its owner makes it anew: `{again}`").into());
    }
    let mut patch = json!({"metadata": {"resourceVersion": pod.resource_version(), "annotations": {}}, "spec": {}});
    for list in ["containers", "initContainers"] {
        if kept.iter().any(|one| one.list == list) {
            patch["spec"][list] = with_images(&pod.data["spec"][list], list, &kept);
        }
    }
    for one in &kept {
        patch["metadata"]["annotations"][&one.key] = Value::Null;
    }
    put(cluster, trace, patch).await
}

fn with_images(containers: &Value, list: &str, kept: &[images::Kept]) -> Value {
    let mut containers = containers.clone();
    for container in containers.as_array_mut().into_iter().flatten() {
        let own = kept.iter().find(|one| one.list == list && container["name"] == one.container.as_str());
        if let Some(one) = own {
            container["image"] = one.image.as_str().into();
        }
    }
    containers
}

async fn put(cluster: &Cluster, trace: &Trace, patch: Value) -> Result<(), Untrusted> {
    let object = &trace.object;
    let (api, params) = (
        api(cluster, &object.kind, &object.namespace),
        PatchParams { field_manager: Some("gameday".to_owned()), ..PatchParams::default() },
    );
    let patched = api_error::within(&format!("patch {object}"), api.patch(&object.name, &params, &Patch::Merge(patch))).await;
    patched.map(|_: DynamicObject| ()).or_else(|error| if error.is_not_found() { Ok(()) } else { Err(said(&error)) })
}

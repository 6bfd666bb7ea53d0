//! `PodChaos`: pods killed, containers killed, images swapped.

use serde_json::map::Entry;
use serde_json::{Map, Value, json};

use super::container_chaos::{self, Unreached};
use super::daemon::call;
use super::experiment::record_target;
use super::records::{INJECTED, NOT_INJECTED};
use crate::rehearsal::api::deletion::DeleteOptions;
use crate::rehearsal::api::kinds::Kind;
use crate::rehearsal::api::object::{Object, metadata, text};
use crate::rehearsal::api::store::Key;
use crate::rehearsal::api::writes::Part;
use crate::rehearsal::controllers::Hand;

/// The image that does nothing.
const PAUSE_IMAGE: &str = "gcr.io/google-containers/pause:latest";

/// Apply to the target of a record.
///
/// # Errors
/// Why not, for the record and the event.
pub async fn apply(hand: &mut Hand, experiment: &Object, record: &Value) -> Result<&'static str, String> {
    let (namespace, name, container) = record_target(record);
    let key = Key::new(Kind::Pod, namespace, name);
    if experiment.text("/spec/action") != "container-kill" && hand.get(&key).is_none() {
        return Err(format!("Pod {name:?} not found"));
    }
    match experiment.text("/spec/action") {
        "pod-kill" => {
            let options = DeleteOptions { grace: experiment.number("/spec/gracePeriod").or(Some(0)), ..DeleteOptions::default() };
            hand.delete(&key, &options).await.map_err(|refusal| refusal.message)?;
        }
        "container-kill" => {
            let (pod, _) = container_chaos::container(hand, record).map_err(Unreached::why)?;
            call(hand, &pod).await.map_err(Unreached::why)?;
            if !hand.ground(|ground| ground.workers.kill(&pod, container)) {
                return Err(format!("can't find container {container} in pod {name}"));
            }
        }
        _ => {
            let swapped = |value: &mut Value| swap(value, experiment.name());
            hand.edit(&key, Part::Main, swapped).await.map_err(|refusal| refusal.message)?;
        }
    }
    Ok(INJECTED)
}

/// Recover the target of a record. Only a swapped image can be recovered; a pod that is gone needs nothing.
///
/// # Errors
/// Why not, for the record and the event.
pub async fn recover(hand: &mut Hand, experiment: &Object, record: &Value) -> Result<&'static str, String> {
    let (namespace, name, _) = record_target(record);
    let key = Key::new(Kind::Pod, namespace, name);
    if experiment.text("/spec/action") == "pod-failure" && hand.get(&key).is_some() {
        let swapped_back = |value: &mut Value| swap_back(value, experiment.name());
        hand.edit(&key, Part::Main, swapped_back).await.map_err(|refusal| refusal.message)?;
    }
    Ok(NOT_INJECTED)
}

/// Where the containers of a pod stand, and what tells their annotations apart.
const CONTAINERS: [(&str, &str); 2] = [("containers", "normal"), ("initContainers", "init")];

/// Where the image of a container is kept while it is swapped.
fn annotation(chaos: &str, container: &str, what: &str) -> String {
    let long = format!("chaos-mesh-{chaos}-pod-failure-{container}-{what}-image");
    if long.len() <= 63 { long } else { format!("{container}-{what}") }
}

fn swap(value: &mut Value, chaos: &str) {
    for (field, what) in CONTAINERS {
        let mut annotations = metadata(value).get("annotations").and_then(Value::as_object).cloned().unwrap_or_default();
        for container in value["spec"].get_mut(field).and_then(Value::as_array_mut).into_iter().flatten() {
            // A container whose image is kept already is left alone, whatever it runs.
            if let Entry::Vacant(kept) = annotations.entry(annotation(chaos, text(container, "/name"), what)) {
                kept.insert(container["image"].clone());
                container["image"] = json!(PAUSE_IMAGE);
            }
        }
        annotate(value, annotations);
    }
}

fn swap_back(value: &mut Value, chaos: &str) {
    for (field, what) in CONTAINERS {
        let mut annotations = metadata(value).get("annotations").and_then(Value::as_object).cloned().unwrap_or_default();
        for container in value["spec"].get_mut(field).and_then(Value::as_array_mut).into_iter().flatten() {
            if let Some(image) = annotations.shift_remove(&annotation(chaos, text(container, "/name"), what)) {
                container["image"] = image;
            }
        }
        annotate(value, annotations);
    }
}

fn annotate(value: &mut Value, annotations: Map<String, Value>) {
    if annotations.is_empty() {
        metadata(value).shift_remove("annotations");
    } else {
        metadata(value).insert("annotations".to_owned(), Value::Object(annotations));
    }
}

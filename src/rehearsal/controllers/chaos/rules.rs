//! `NetworkChaos`, `IOChaos` and `HTTPChaos`: rules written into one object for each pod, and waited for until the daemon has them.

use serde_json::{Value, json};

use super::experiment::record_target;
use super::records::{INJECTED, INJECTED_WAIT, NOT_INJECTED, NOT_INJECTED_WAIT, Work, ground_kind};
use super::webhooks::spec_of;
use super::{encoding, http_chaos, io_chaos, network_chaos};
use crate::rehearsal::api::kinds::Kind;
use crate::rehearsal::api::object::{Object, text};
use crate::rehearsal::api::refusal::Refusal;
use crate::rehearsal::api::store::Key;
use crate::rehearsal::api::writes::Part;
use crate::rehearsal::controllers::Hand;

/// Apply to the target of a record, or recover it: write the rules or take them out, then wait until the daemon has followed.
///
/// # Errors
/// Why not, for the record and the event.
pub async fn operate(
    hand: &mut Hand,
    kind: Kind,
    experiment: &Object,
    record: &Value,
    work: &mut Work,
    recovering: bool,
) -> Result<&'static str, String> {
    let (namespace, name, container) = record_target(record);
    let id = text(record, "/id").to_owned();
    let key = Key::new(ground_kind(kind).unwrap_or(Kind::PodNetworkChaos), namespace, name);
    let waiting = if recovering { INJECTED_WAIT } else { NOT_INJECTED_WAIT };
    let there = if recovering { NOT_INJECTED } else { INJECTED };
    if text(record, "/phase") == waiting {
        return match hand.get(&key) {
            Some(ground) => confirmed(&ground, work.instances.get(&id)).map(|done| if done { there } else { waiting }),
            None if kind == Kind::HTTPChaos && !recovering => Err(format!("PodHttpChaos.chaos-mesh.org {name:?} not found")),
            None => Ok(NOT_INJECTED),
        };
    }
    let Some(pod) = hand.get(&Key::new(Kind::Pod, namespace, name)) else {
        return if recovering { Ok(NOT_INJECTED) } else { Err(format!("Pod {name:?} not found")) };
    };
    let source = source(experiment);
    let generation = if recovering {
        match commit(hand, &key, &pod, |spec| take_out(spec, &source)).await {
            Err(why) if why == NOT_RUNNING => return Ok(NOT_INJECTED),
            answer => answer?,
        }
    } else {
        match kind {
            Kind::NetworkChaos => {
                let Some(rules) = network_chaos::rules(hand, experiment, record, &work.records)? else { return Ok(INJECTED) };
                // The target's side of a partition does not begin by clearing, since a pod may be on both. Shaping forgets that.
                let clears = text(record, "/selectorKey") == "." || experiment.text("/spec/action") != "partition";
                commit(hand, &key, &pod, |spec| {
                    if clears {
                        take_out(spec, &source);
                    }
                    append(spec, &rules);
                })
                .await?
            }
            Kind::IOChaos => {
                let rules = io_chaos::rules(experiment, container);
                commit(hand, &key, &pod, |spec| {
                    take_out(spec, &source);
                    append(spec, &rules);
                })
                .await?
            }
            _ => {
                let rules = http_chaos::rules(experiment);
                commit(hand, &key, &pod, |spec| {
                    take_out(spec, &source);
                    append(spec, &rules);
                })
                .await?
            }
        }
    };
    work.instances.insert(id, json!(generation));
    Ok(waiting)
}

const NOT_RUNNING: &str = "pod not running";

/// The experiment, as its rules name it.
#[must_use]
pub fn source(experiment: &Object) -> String {
    format!("{}/{}", experiment.namespace(), experiment.name())
}

/// Whether the daemon has caught up with this generation.
fn confirmed(ground: &Object, instance: Option<&Value>) -> Result<bool, String> {
    let failed = ground.text("/status/failedMessage");
    if !failed.is_empty() {
        return Err(failed.to_owned());
    }
    let wanted = instance.and_then(Value::as_i64).unwrap_or(0);
    Ok(ground.number("/status/observedGeneration").unwrap_or(0) >= wanted)
}

/// Change the rules of a pod, in an object that is made when there is none, and tell its generation.
async fn commit(hand: &mut Hand, key: &Key, pod: &Object, mut change: impl FnMut(&mut Value)) -> Result<i64, String> {
    let of = spec_of(key.kind);
    let mut rewrite = |value: &mut Value| {
        change(&mut value["spec"]);
        value["spec"] = encoding::encode(&value["spec"], of);
    };
    let written = if hand.get(key).is_some() {
        hand.edit(key, Part::Main, rewrite).await
    } else if pod.text("/status/phase") == "Running" {
        let mut value = json!({
            "apiVersion": key.kind.api_version(), "kind": key.kind.resource().name,
            "metadata": {"name": key.name, "ownerReferences": [{"apiVersion": "v1", "kind": "Pod", "name": key.name, "uid": pod.uid()}]}, "spec": {},
        });
        rewrite(&mut value);
        hand.create(key.kind, &key.namespace, value).await
    } else {
        return Err(NOT_RUNNING.to_owned());
    };
    let written: Result<_, Refusal> = written;
    written.map(|object| object.number("/metadata/generation").unwrap_or(0)).map_err(|refusal| refusal.message)
}

/// Remove an experiment's rules.
fn take_out(spec: &mut Value, source: &str) {
    for list in spec.as_object_mut().into_iter().flat_map(|map| map.values_mut()).filter_map(Value::as_array_mut) {
        list.retain(|rule| rule["source"] != source);
    }
}

/// Add rules: lists grow, the rest is replaced.
fn append(spec: &mut Value, rules: &Value) {
    for (field, added) in rules.as_object().into_iter().flatten() {
        match (spec.get_mut(field).and_then(Value::as_array_mut), added) {
            (Some(list), Value::Array(added)) => list.extend(added.iter().cloned()),
            _ => spec[field.as_str()] = added.clone(),
        }
    }
}

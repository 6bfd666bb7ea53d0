//! Faults as objects of Chaos Mesh: checked, created, followed, deleted, looked for.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use futures::future::join_all;
use kube::api::{ApiResource, DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams};
use kube::core::GroupVersionKind;
use kube::runtime::watcher;
use kube::{Api, ResourceExt};
use serde_json::Value;
use tokio::time::Instant;

use crate::edge::api_error::{self, ApiError};
use crate::edge::watching::{Project, follow};
use crate::edge::{Cluster, Inbox, pods, residue, schedule};
use crate::effect::{ChaosRef, FaultId, Outcome, PodRef};
use crate::event::{BlockingPod, Event, FaultFact, RecordFact, Source};
use crate::manifest::{GAMEDAY, MANAGED_BY};
use crate::text::Untrusted;

/// The kinds of Chaos Mesh that gameday breaks things with.
pub const EXPERIMENTS: &[&str] = &["PodChaos", "NetworkChaos", "IOChaos", "StressChaos", "HTTPChaos", "DNSChaos", "TimeChaos"];

/// How many pods that hold an object back are looked at.
const BLOCKING: usize = 20;

/// The plural of every `*Chaos` kind is the kind in lower case. Pods and `NetworkPolicies` of our own are made, followed and
/// removed as faults are.
#[must_use]
pub fn resource(kind: &str) -> ApiResource {
    if let Some(own) = residue::own(kind) {
        return own;
    }
    let plural = kind.to_lowercase() + if matches!(kind, "Workflow" | "WorkflowNode" | "Schedule") { "s" } else { "" };
    ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk("chaos-mesh.org", "v1alpha1", kind), &plural)
}

pub(super) fn api(cluster: &Cluster, kind: &str, namespace: &str) -> Api<DynamicObject> {
    Api::namespaced_with(cluster.client.clone(), namespace, &resource(kind))
}

/// Sends the object for real or as a dry run.
pub async fn create(cluster: &Cluster, object: &ChaosRef, manifest: &Value, dry_run: bool) -> Outcome {
    let what = format!("{} {object}", if dry_run { "check" } else { "create" });
    let sent = Instant::now();
    let parsed: DynamicObject = match serde_json::from_value(manifest.clone()) {
        Ok(parsed) => parsed,
        Err(error) => return Outcome::Refused { why: format!("{what}: the manifest is no object: {error}").into() },
    };
    let params = PostParams { dry_run, field_manager: Some("gameday".to_owned()) };
    let api = api(cluster, &object.kind, &object.namespace);
    let created = if dry_run {
        api_error::patiently(&what, || api.create(&params, &parsed)).await
    } else {
        api_error::within(&what, api.create(&params, &parsed)).await
    };
    match created {
        Ok(_) => Outcome::Done { took: sent.elapsed() },
        // the name carries the run's token: what bears it is ours, from a request whose answer was lost
        Err(error) if error.code == Some(409) && !dry_run => Outcome::Already { took: sent.elapsed() },
        Err(error) => error.outcome(),
    }
}

/// Deletes the object; its controller lifts the fault before it lets the object go.
pub async fn delete(cluster: &Cluster, object: &ChaosRef) -> Outcome {
    let sent = Instant::now();
    let api = api(cluster, &object.kind, &object.namespace);
    match api_error::within(&format!("delete {object}"), api.delete(&object.name, &DeleteParams::background())).await {
        Ok(_) => Outcome::Done { took: sent.elapsed() },
        Err(error) if error.is_not_found() => match schedule::delete_remnants(cluster, object).await {
            Ok(()) => Outcome::Already { took: sent.elapsed() },
            Err(why) => Outcome::Failed { why },
        },
        // an undo is never given up for a refusal: rights come back, webhooks too
        Err(error) => Outcome::Failed { why: error.to_string().into() },
    }
}

/// Follows the object until the inbox is closed; of a Workflow also the faults that its Schedule `spawns`.
pub async fn observe(cluster: Cluster, fault: FaultId, object: ChaosRef, spawns: &str, inbox: Inbox) {
    if object.kind == "Workflow" {
        return schedule::observe(cluster, fault, object, spawns, inbox).await;
    }
    let api = api(&cluster, &object.kind, &object.namespace);
    let config = watcher::Config::default().fields(&format!("metadata.name={}", object.name));
    let seen = Seen { fault, object, last: None };
    follow(api, config, Source::Fault(fault), seen, inbox, cluster.alive.clone()).await;
}

/// The object as it stands, and whether it is gameday's; `None` where it is gone.
///
/// # Errors
/// The API server can't say.
pub async fn get(cluster: &Cluster, object: &ChaosRef) -> Result<Option<(FaultFact, bool)>, ApiError> {
    match api_error::within(&format!("get {object}"), api(cluster, &object.kind, &object.namespace).get(&object.name)).await {
        Ok(found) => {
            let ours = found.labels().get(MANAGED_BY).is_some_and(|by| by == GAMEDAY);
            Ok(Some((project(FaultId(0), object, &found), ours)))
        }
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}

/// Takes the finalizers off the object of this uid, whatever they were there for.
///
/// # Errors
/// The API server refuses or does not answer.
pub async fn take_finalizers_off(cluster: &Cluster, object: &ChaosRef, uid: &str) -> Result<(), ApiError> {
    let none = serde_json::json!({"metadata": {"uid": uid, "finalizers": null}});
    let (api, params) = (api(cluster, &object.kind, &object.namespace), PatchParams::default());
    let patched = api_error::within(&format!("patch {object}"), api.patch(&object.name, &params, &Patch::Merge(none))).await;
    match patched {
        Err(error) if !error.is_not_found() => Err(error),
        Ok(_) | Err(_) => Ok(()),
    }
}

/// Looks whether the object is there, and what of it is left in pods of `namespaces`, above all in its `victims`.
///
/// # Errors
/// The API server can't say whether the object is there.
pub async fn look_for(
    cluster: &Cluster,
    fault: FaultId,
    object: &ChaosRef,
    victims: &[PodRef],
    namespaces: &BTreeSet<String>,
) -> Result<Event, ApiError> {
    let found = api_error::within(&format!("get {object}"), api(cluster, &object.kind, &object.namespace).get(&object.name)).await;
    let mut blocking = Vec::new();
    let present = match found {
        Ok(found) => {
            blocking = blocking_pods(cluster, &project(fault, object, &found)).await;
            true
        }
        // what a Workflow made is a part of it
        Err(error) if error.is_not_found() => !schedule::remnants(cluster, object).await?.is_empty(),
        Err(error) => return Err(error),
    };
    let residue = if present { None } else { residue::of_object(cluster, object, victims, namespaces).await.ok() };
    let residue = residue.map(|left| left.iter().map(|trace| trace.to_string().into()).collect());
    Ok(Event::FaultLookedFor { fault, present, residue, blocking })
}

/// The pods that hold an object back whose deletion was asked for: whether each is there, and where.
pub async fn blocking_pods(cluster: &Cluster, fact: &FaultFact) -> Vec<BlockingPod> {
    let ids: BTreeSet<PodRef> = fact.blocking().map(RecordFact::pod).collect();
    let ids = ids.iter().filter(|pod| fact.deleting && !pod.namespace.is_empty() && !pod.name.is_empty()).take(BLOCKING);
    let asked = ids.map(async |pod| {
        // a list, since that is what a run may do anyway
        let params = ListParams::default().fields(&format!("metadata.name={}", pod.name));
        let what = format!("look for pod {pod}");
        let node = match api_error::within(&what, residue::api(cluster, "Pod", &pod.namespace).list(&params)).await {
            Ok(found) => Ok(found.items.first().map(|pod| Untrusted::from(pod.data["spec"]["nodeName"].as_str().unwrap_or_default()))),
            Err(error) => Err(Untrusted::from(error.to_string())),
        };
        BlockingPod { id: format!("{}/{}", pod.namespace, pod.name).into(), node }
    });
    join_all(asked).await
}

struct Seen {
    fault: FaultId,
    object: ChaosRef,
    last: Option<FaultFact>,
}

impl Project<DynamicObject> for Seen {
    type Kept = DynamicObject;

    async fn keep(&mut self, object: DynamicObject) -> Option<DynamicObject> {
        Some(object)
    }

    async fn listed(&mut self, objects: Vec<DynamicObject>) -> Vec<Event> {
        match objects.into_iter().next() {
            Some(object) => self.applied(object).await,
            None if self.last.take().is_some() => vec![Event::FaultGone { fault: self.fault, watched: false }],
            None => Vec::new(),
        }
    }

    async fn applied(&mut self, object: DynamicObject) -> Vec<Event> {
        let fact = project(self.fault, &self.object, &object);
        if self.last.as_ref() == Some(&fact) {
            return Vec::new();
        }
        self.last = Some(fact.clone());
        vec![Event::FaultSeen(fact)]
    }

    fn deleted(&mut self, object: DynamicObject) -> Vec<Event> {
        let fact = project(self.fault, &self.object, &object);
        let news = self.last.take().as_ref() != Some(&fact);
        let seen = news.then(|| Event::FaultSeen(fact));
        seen.into_iter().chain([Event::FaultGone { fault: self.fault, watched: true }]).collect()
    }
}

/// The object as one fact.
#[must_use]
pub fn project(fault: FaultId, reference: &ChaosRef, object: &DynamicObject) -> FaultFact {
    let status = &object.data["status"];
    let experiment = &status["experiment"];
    let text = |value: &Value| Untrusted::from(value.as_str().unwrap_or_default());
    let mut conditions: Vec<Untrusted> =
        array(&status["conditions"]).filter(|condition| condition["status"] == "True").map(|condition| text(&condition["type"])).collect();
    conditions.sort();
    let mut records: Vec<RecordFact> = array(&experiment["containerRecords"])
        .map(|record| RecordFact {
            id: text(&record["id"]),
            selector: text(&record["selectorKey"]),
            phase: text(&record["phase"]),
            injected: number(&record["injectedCount"]),
            recovered: number(&record["recoveredCount"]),
            failure: array(&record["events"]).next_back().filter(|event| event["type"] == "Failed").map(|event| text(&event["message"])),
        })
        .collect();
    records.extend((reference.kind == "Pod").then(|| running(reference, status)));
    records.sort();
    FaultFact {
        fault,
        object: reference.clone(),
        uid: object.uid().unwrap_or_default(),
        created: object.metadata.creation_timestamp.as_ref().map(pods::wall) as Option<DateTime<Utc>>,
        desired: experiment["desiredPhase"].as_str().map(Untrusted::from),
        conditions,
        records,
        deleting: object.metadata.deletion_timestamp.is_some(),
        finalizers: object.finalizers().iter().map(|finalizer| Untrusted::from(finalizer.as_str())).collect(),
    }
}

/// A pod of our own is in effect once it runs.
fn running(pod: &ChaosRef, status: &Value) -> RecordFact {
    let state = status.pointer("/containerStatuses/0/state");
    let runs = status["phase"] == "Running" && state.is_some_and(|state| state["running"].is_object());
    let why = state.and_then(|state| ["waiting", "terminated"].iter().find_map(|key| state[*key]["reason"].as_str()));
    let why = why.or_else(|| status["reason"].as_str()).filter(|why| !runs && *why != "ContainerCreating");
    RecordFact {
        id: format!("{}/{}", pod.namespace, pod.name).into(),
        selector: ".".into(),
        phase: if runs { "Injected" } else { "Not Injected" }.into(),
        injected: u32::from(runs),
        recovered: 0,
        failure: why.map(Untrusted::from),
    }
}

fn array(value: &Value) -> impl DoubleEndedIterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn number(value: &Value) -> u32 {
    value.as_u64().and_then(|n| u32::try_from(n).ok()).unwrap_or(0)
}

//! What outlives a fault in a cluster: rules for pods whose fault is gone, pods on the pause image. Looked for here, and
//! taken away by [`clear()`].

mod clear;
mod images;

use std::collections::{BTreeMap, BTreeSet};

use futures::future::join_all;
use kube::api::{ApiResource, DynamicObject, ListParams};
use kube::core::GroupVersionKind;
use kube::{Api, ResourceExt};
use serde_json::Value;

use crate::edge::api_error::{self, ApiError};
use crate::edge::chaos_mesh::{self, resource};
use crate::edge::watching::PAGE;
use crate::edge::{Cluster, lean, schedule};
use crate::effect::{ChaosRef, FaultId, PodRef};
use crate::event::residue::{Remains, Trace};
use crate::manifest::token_in;
use crate::text::Untrusted;

pub use self::clear::clear;
use self::images::Images;

/// What carries a fault's rules for one pod: its kind, the kind of the fault, what the rules are.
const CARRIERS: [(&str, &str, Remains); 3] = [
    ("PodNetworkChaos", "NetworkChaos", Remains::NetworkRules),
    ("PodIOChaos", "IOChaos", Remains::FileRules),
    ("PodHttpChaos", "HTTPChaos", Remains::HttpRules),
];

/// Where something is looked for.
#[derive(Clone, Copy, Debug)]
pub enum Where<'a> {
    /// In these namespaces.
    In(&'a BTreeSet<String>),
    /// In all, or where that is forbidden in these.
    Everywhere(&'a BTreeSet<String>),
}

/// What a list came to.
#[derive(Debug, Default)]
pub struct Listed {
    /// The objects.
    pub items: Vec<DynamicObject>,
    /// Whether not all namespaces could be looked at, though all were meant.
    pub narrowed: bool,
    /// Where nothing could be seen, and why. What is not served is not there.
    pub unseen: Vec<ApiError>,
}

/// A resource of Kubernetes' own.
pub(super) fn own(kind: &str) -> Option<ApiResource> {
    let (group, version, plural) = match kind {
        "Pod" => ("", "v1", "pods"),
        "Namespace" => ("", "v1", "namespaces"),
        "NetworkPolicy" => ("networking.k8s.io", "v1", "networkpolicies"),
        "ReplicaSet" => ("apps", "v1", "replicasets"),
        "StatefulSet" => ("apps", "v1", "statefulsets"),
        "DaemonSet" => ("apps", "v1", "daemonsets"),
        _ => return None,
    };
    Some(ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(group, version, kind), plural))
}

/// Objects of one kind, of Kubernetes or of Chaos Mesh.
pub(super) fn api(cluster: &Cluster, kind: &str, namespace: &str) -> Api<DynamicObject> {
    let (client, resource) = (cluster.client.clone(), own(kind).unwrap_or_else(|| resource(kind)));
    if namespace.is_empty() { Api::all_with(client, &resource) } else { Api::namespaced_with(client, namespace, &resource) }
}

/// All objects, page by page. Of pods, which may be many, only what the looks here want is kept.
async fn pages(cluster: &Cluster, kind: &str, namespace: &str, params: &ListParams, what: &str) -> Result<Vec<DynamicObject>, ApiError> {
    if kind == "Pod" {
        let client = cluster.client.clone();
        let pods = if namespace.is_empty() { Api::all(client) } else { Api::namespaced(client, namespace) };
        return lean::pods(&pods, params, what, |pod| Some(images::slim(pod))).await;
    }
    let (api, mut params, mut items) = (api(cluster, kind, namespace), params.clone().limit(PAGE), Vec::new());
    loop {
        let page = api_error::within(what, api.list(&params)).await?;
        items.extend(page.items);
        params.continue_token = page.metadata.continue_.filter(|token| !token.is_empty());
        if params.continue_token.is_none() {
            return Ok(items);
        }
    }
}

/// Lists one kind.
pub(super) async fn list(cluster: &Cluster, kind: &str, labels: Option<&str>, place: Where<'_>) -> Listed {
    let params = labels.map_or_else(ListParams::default, |labels| ListParams::default().labels(labels));
    let what = own(kind).map_or_else(|| kind.to_lowercase(), |resource| resource.plural);
    let mut listed = Listed::default();
    let namespaces = match place {
        Where::In(namespaces) => namespaces,
        Where::Everywhere(namespaces) => {
            match pages(cluster, kind, "", &params, &format!("list {what}")).await {
                Err(error) if error.code == Some(403) && kind != "Namespace" => listed.narrowed = true,
                Err(error) if error.is_not_found() => return listed,
                Err(error) => {
                    listed.unseen.push(error);
                    return listed;
                }
                Ok(all) => {
                    listed.items = all;
                    return listed;
                }
            }
            namespaces
        }
    };
    let asked = namespaces.iter().map(async |namespace| {
        let what = format!("list {what} in namespace {namespace}");
        pages(cluster, kind, namespace, &params, &what).await
    });
    for answer in join_all(asked).await {
        match answer {
            Ok(found) => listed.items.extend(found),
            Err(error) if error.is_not_found() => {}
            Err(error) => listed.unseen.push(error),
        }
    }
    listed
}

/// The one object, or `None` where it is not there.
pub(super) async fn get(cluster: &Cluster, kind: &str, namespace: &str, name: &str) -> Result<Option<DynamicObject>, ApiError> {
    let what = format!("get {} {namespace}/{name}", kind.to_lowercase());
    api_error::within(&what, api(cluster, kind, namespace).get_opt(name)).await
}

/// What of an object is left after it is gone. `victims` are the pods it is known to have taken; where none is known,
/// every pod may have been one.
///
/// # Errors
/// The API server can't say.
pub async fn of_object(
    cluster: &Cluster,
    object: &ChaosRef,
    victims: &[PodRef],
    places: &BTreeSet<String>,
) -> Result<Vec<Trace>, ApiError> {
    let whole = object.kind == "Workflow";
    let own = if whole { schedule::names(object) } else { object.name.clone() };
    // the names of what a Workflow made are known by their beginning alone
    let is_own = |name: &str| if whole { !own.is_empty() && name.starts_with(&own) } else { name == own };
    let ours = |from: &str| from.split_once('/').is_some_and(|(namespace, name)| namespace == object.namespace && is_own(name));
    let mut left = Vec::new();
    for (carrier, _, what) in CARRIERS.iter().filter(|(_, kind, _)| whole || *kind == object.kind) {
        for rules in seen(list(cluster, carrier, None, Where::In(places)).await)? {
            if let Some(from) = sources(&rules.data["spec"]).into_iter().find(|from| ours(from)) {
                left.push(rules_in(carrier, *what, &rules, &from));
            }
        }
    }
    if whole || object.kind == "PodChaos" {
        let pods = seen(list(cluster, "Pod", None, Where::In(places)).await)?;
        let living = images::living(cluster, Where::In(places)).await.items;
        for pod in pods {
            let is_victim =
                victims.iter().any(|victim| victim.namespace == pod.namespace().unwrap_or_default() && victim.name == pod.name_any());
            let images = Images::of(&pod);
            let by_name = images.chaos.as_deref().is_some_and(is_own);
            let unnamed = images.chaos.is_none() && (is_victim || victims.is_empty()) && !living.contains(&images::id(&pod));
            let swapped = by_name || (unnamed && (!images.kept.is_empty() || (is_victim && images::is_swapped(cluster, &pod).await)));
            if swapped {
                left.push(images.trace(&pod, Some(&own)));
            }
        }
    }
    Ok(left)
}

/// Rules and pause images that nobody's fault holds any more.
pub async fn orphans(cluster: &Cluster, place: Where<'_>) -> (Vec<Trace>, Vec<ApiError>) {
    let (mut found, mut unseen) = (Vec::new(), Vec::new());
    let listed = CARRIERS.iter().map(async |(carrier, kind, what)| (carrier, kind, what, list(cluster, carrier, None, place).await));
    for (carrier, kind, what, listed) in join_all(listed).await {
        unseen.extend(listed.unseen);
        let mut alive: BTreeMap<String, bool> = BTreeMap::new();
        for rules in &listed.items {
            for from in sources(&rules.data["spec"]) {
                let there = match alive.get(&from) {
                    Some(there) => *there,
                    None => is_there(cluster, kind, &from, &mut unseen).await,
                };
                alive.insert(from.clone(), there);
                // its fault may have gone just now, and the rules with it
                if !there && still_names(cluster, carrier, rules, &from).await {
                    found.push(rules_in(carrier, *what, rules, &from));
                }
            }
        }
    }
    let pods = list(cluster, "Pod", None, place).await;
    unseen.extend(pods.unseen);
    let mut suspects = Vec::new();
    for pod in pods.items {
        if !Images::of(&pod).kept.is_empty() || images::is_swapped(cluster, &pod).await {
            suspects.push(pod);
        }
    }
    if !suspects.is_empty() {
        let living = images::living(cluster, place).await;
        unseen.extend(living.unseen);
        for pod in suspects.iter().filter(|pod| !living.items.contains(&images::id(pod))) {
            let now = get(cluster, "Pod", &pod.namespace().unwrap_or_default(), &pod.name_any()).await;
            if let Ok(Some(pod)) = now
                && (!Images::of(&pod).kept.is_empty() || images::is_swapped(cluster, &pod).await)
            {
                found.push(Images::of(&pod).trace(&pod, None));
            }
        }
    }
    (found, unseen)
}

fn seen(listed: Listed) -> Result<Vec<DynamicObject>, ApiError> {
    listed.unseen.into_iter().next().map_or(Ok(listed.items), Err)
}

fn rules_in(carrier: &str, what: Remains, rules: &DynamicObject, from: &str) -> Trace {
    let object = ChaosRef { kind: carrier.to_owned(), namespace: rules.namespace().unwrap_or_default(), name: rules.name_any() };
    let run = from.split_once('/').and_then(|(_, name)| token_in(name)).map(str::to_owned);
    Trace { what, object, from: Some(Untrusted::from(from)), run }
}

/// Whether the fault that rules come from is there; what can't be told counts as there.
async fn is_there(cluster: &Cluster, kind: &str, from: &str, unseen: &mut Vec<ApiError>) -> bool {
    let Some((namespace, name)) = from.split_once('/') else { return true };
    match get(cluster, kind, namespace, name).await {
        Ok(found) => found.is_some(),
        Err(error) => {
            unseen.push(error);
            true
        }
    }
}

async fn still_names(cluster: &Cluster, carrier: &str, rules: &DynamicObject, from: &str) -> bool {
    let again = get(cluster, carrier, &rules.namespace().unwrap_or_default(), &rules.name_any()).await;
    again.is_ok_and(|again| again.is_some_and(|rules| sources(&rules.data["spec"]).contains(from)))
}

/// From which faults rules for a pod say they come.
fn sources(spec: &Value) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    match spec {
        Value::Object(fields) => {
            for (key, value) in fields {
                match value.as_str().filter(|_| key == "source") {
                    Some(source) => drop(found.insert(source.to_owned())),
                    None => found.extend(sources(value)),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| found.extend(sources(item))),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
    found
}

/// The records of a fault that hold pods: `namespace/pod`.
pub(super) fn held(kind: &str, item: &DynamicObject) -> Vec<String> {
    let object = ChaosRef { kind: kind.to_owned(), namespace: item.namespace().unwrap_or_default(), name: item.name_any() };
    let records = chaos_mesh::project(FaultId(0), &object, item).records;
    records.iter().filter(|record| record.phase.raw() != "Not Injected").map(|record| record.id.raw().to_owned()).collect()
}

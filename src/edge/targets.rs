//! The pods a selector means now, by the rules of Chaos Mesh (its `pkg/selector/pod`).

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{Node, Pod};
use kube::api::ListParams;
use kube::{Api, ResourceExt};

use crate::edge::Cluster;
use crate::edge::api_error::{self, ApiError};
use crate::edge::lean::{self, Lean};
use crate::effect::PodRef;
use crate::event::{MatchedPod, PeerFact};
use crate::fault::{Requirement, Selector};

/// Lists what `selector` means; `namespace` is the fault's own, used where the selector names none.
///
/// # Errors
/// The API server refuses or does not answer.
pub async fn resolve(cluster: &Cluster, selector: &Selector, namespace: &str) -> Result<Vec<MatchedPod>, ApiError> {
    let mut matched: Vec<MatchedPod> = list(cluster, selector, namespace, matched).await?;
    matched.sort_by(|a, b| a.pod.cmp(&b.pod));
    matched.dedup_by(|a, b| a.pod.uid == b.pod.uid);
    Ok(matched)
}

/// The same for the other end of a partition, with the addresses of each.
///
/// # Errors
/// The API server refuses or does not answer.
pub async fn peers(cluster: &Cluster, selector: &Selector, namespace: &str) -> Result<Vec<PeerFact>, ApiError> {
    let mut peers: Vec<PeerFact> = list(cluster, selector, namespace, peer).await?;
    peers.sort_by(|a, b| a.pod.cmp(&b.pod));
    peers.dedup_by(|a, b| a.pod.uid == b.pod.uid);
    Ok(peers)
}

fn peer(pod: &Pod) -> PeerFact {
    let status = pod.status.as_ref();
    let mut ips: Vec<String> = status.iter().flat_map(|status| status.pod_ips.iter().flatten()).map(|ip| ip.ip.clone()).collect();
    ips.extend(status.and_then(|status| status.pod_ip.clone()));
    ips.sort();
    ips.dedup();
    let host_network = pod.spec.as_ref().is_some_and(|spec| spec.host_network == Some(true));
    PeerFact { pod: matched(pod).pod, ips, host_network }
}

/// What `of` makes of each pod that is meant.
async fn list<T>(cluster: &Cluster, selector: &Selector, namespace: &str, of: fn(&Pod) -> T) -> Result<Vec<T>, ApiError> {
    let mut found: Vec<T> = Vec::new();
    if selector.pods.is_empty() {
        let own = vec![namespace.to_owned()];
        let namespaces = if selector.namespaces.is_empty() { &own } else { &selector.namespaces };
        let nodes = nodes(cluster, selector).await?;
        let labels = label_selector(selector);
        let fields: Vec<String> = selector.field_selectors.iter().map(|(key, value)| format!("{key}={value}")).collect();
        let params = ListParams::default().labels(&labels).fields(&fields.join(","));
        for namespace in namespaces {
            let api: Api<Lean> = Api::namespaced(cluster.client.clone(), namespace);
            let keep = |pod: Pod| is_meant(&pod, selector, nodes.as_ref()).then(|| of(&pod));
            found.extend(lean::pods(&api, &params, &format!("list pods in namespace {namespace}"), keep).await?);
        }
    } else {
        for (namespace, names) in &selector.pods {
            let api: Api<Pod> = Api::namespaced(cluster.client.clone(), namespace);
            for name in names {
                match api_error::patiently(&format!("get pod {namespace}/{name}"), || api.get(name)).await {
                    Ok(pod) => found.push(of(&pod)),
                    Err(error) if error.is_not_found() => {}
                    Err(error) => return Err(error),
                }
            }
        }
    }
    Ok(found)
}

fn matched(pod: &Pod) -> MatchedPod {
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    MatchedPod {
        pod: PodRef { namespace: pod.namespace().unwrap_or_default(), name: pod.name_any(), uid: pod.uid().unwrap_or_default() },
        owner: pod.owner_references().iter().find(|owner| owner.controller == Some(true)).map(|owner| owner.uid.clone()),
        running: phase == Some("Running") && pod.metadata.deletion_timestamp.is_none(),
    }
}

/// The nodes a selector allows: its names and those its labels mean; `None` is any.
async fn nodes(cluster: &Cluster, selector: &Selector) -> Result<Option<BTreeSet<String>>, ApiError> {
    if selector.nodes.is_empty() && selector.node_selectors.is_empty() {
        return Ok(None);
    }
    let mut allowed: BTreeSet<String> = selector.nodes.iter().cloned().collect();
    if !selector.node_selectors.is_empty() {
        let labels: Vec<String> = selector.node_selectors.iter().map(|(key, value)| format!("{key}={value}")).collect();
        let api: Api<Node> = Api::all(cluster.client.clone());
        let params = ListParams::default().labels(&labels.join(","));
        let listed = api_error::patiently("list nodes", || api.list(&params)).await?;
        allowed.extend(listed.items.iter().map(ResourceExt::name_any));
    }
    Ok(Some(allowed))
}

fn label_selector(selector: &Selector) -> String {
    let equal = selector.label_selectors.iter().map(|(key, value)| format!("{key}={value}"));
    let sets = selector.expression_selectors.iter().map(|Requirement { key, operator, values }| match operator.as_str() {
        "In" => format!("{key} in ({})", values.join(",")),
        "NotIn" => format!("{key} notin ({})", values.join(",")),
        "DoesNotExist" => format!("!{key}"),
        _ => key.clone(),
    });
    equal.chain(sets).collect::<Vec<_>>().join(",")
}

fn is_meant(pod: &Pod, selector: &Selector, nodes: Option<&BTreeSet<String>>) -> bool {
    let annotated = selector.annotation_selectors.iter().all(|(key, value)| pod.annotations().get(key) == Some(value));
    let node = pod.spec.as_ref().and_then(|spec| spec.node_name.as_ref());
    let placed = nodes.is_none_or(|nodes| node.is_some_and(|node| nodes.contains(node)));
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref()).unwrap_or_default();
    let phases = &selector.pod_phase_selectors;
    let excluded = phases.iter().any(|wanted| wanted.strip_prefix('!') == Some(phase));
    let wanted: Vec<&String> = phases.iter().filter(|wanted| !wanted.starts_with('!')).collect();
    annotated && placed && !excluded && (wanted.is_empty() || wanted.iter().any(|wanted| *wanted == phase))
}

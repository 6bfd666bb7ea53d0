//! The targets: found once, with what owns their pods, then followed.

use std::collections::BTreeMap;

use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, StatefulSet};
use k8s_openapi::api::core::v1::{Namespace, Service};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::api::ListParams;
use kube::core::NamespaceResourceScope;
use kube::runtime::watcher;
use kube::{Api, Resource, ResourceExt};
use serde::de::DeserializeOwned;

use crate::edge::watching::{Project, follow};
use crate::edge::{Cluster, Inbox, api_error, pods};
use crate::event::{Event, Source, WorkloadFact};
use crate::fault::Requirement;
use crate::scenario::model::{TargetRef, WorkloadKind};

/// A kind that owns pods.
trait Workload:
    Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + DeserializeOwned + std::fmt::Debug + Send + 'static
{
    /// Replicas wanted, and the generation its controller has seen.
    fn wanted(&self) -> (u32, Option<i64>);
    /// Whether pods of an older spec are being replaced; where only the owners of pods tell, it is not told here.
    fn rolling(&self) -> bool;
    fn selector(&self) -> Option<&LabelSelector>;
}

fn count(n: Option<i32>, absent: u32) -> u32 {
    n.map_or(absent, |n| u32::try_from(n).unwrap_or(0))
}

impl Workload for Deployment {
    fn wanted(&self) -> (u32, Option<i64>) {
        (count(self.spec.as_ref().and_then(|s| s.replicas), 1), self.status.as_ref().and_then(|s| s.observed_generation))
    }
    /// Its pods tell by their owners.
    fn rolling(&self) -> bool {
        false
    }
    fn selector(&self) -> Option<&LabelSelector> {
        self.spec.as_ref().map(|s| &s.selector)
    }
}

impl Workload for StatefulSet {
    fn wanted(&self) -> (u32, Option<i64>) {
        (count(self.spec.as_ref().and_then(|s| s.replicas), 1), self.status.as_ref().and_then(|s| s.observed_generation))
    }
    /// As `kubectl rollout status` sees it: pods below the partition keep the old revision, and with `OnDelete` nothing is replaced.
    fn rolling(&self) -> bool {
        let (Some(spec), Some(status)) = (self.spec.as_ref(), self.status.as_ref()) else { return false };
        let strategy = spec.update_strategy.as_ref();
        if strategy.and_then(|strategy| strategy.type_.as_deref()) == Some("OnDelete") || status.update_revision == status.current_revision
        {
            return false;
        }
        let partition = strategy.and_then(|strategy| strategy.rolling_update.as_ref()).and_then(|rolling| rolling.partition);
        count(status.updated_replicas, 0) < count(spec.replicas, 1).saturating_sub(count(partition, 0))
    }
    fn selector(&self) -> Option<&LabelSelector> {
        self.spec.as_ref().map(|s| &s.selector)
    }
}

impl Workload for DaemonSet {
    fn wanted(&self) -> (u32, Option<i64>) {
        let status = self.status.as_ref();
        (count(status.map(|s| s.desired_number_scheduled), 0), status.and_then(|s| s.observed_generation))
    }
    fn rolling(&self) -> bool {
        let strategy = self.spec.as_ref().and_then(|spec| spec.update_strategy.as_ref()).and_then(|strategy| strategy.type_.as_deref());
        let Some(status) = self.status.as_ref().filter(|_| strategy != Some("OnDelete")) else { return false };
        count(status.updated_number_scheduled, 0) < count(Some(status.desired_number_scheduled), 0)
    }
    fn selector(&self) -> Option<&LabelSelector> {
        self.spec.as_ref().map(|s| &s.selector)
    }
}

/// Finds a target, then follows it and its pods until the inbox is closed.
pub async fn observe(cluster: Cluster, index: usize, target: TargetRef, inbox: Inbox) {
    match target.kind {
        WorkloadKind::Deployment => Box::pin(observe_kind::<Deployment>(cluster, index, target, inbox)).await,
        WorkloadKind::StatefulSet => Box::pin(observe_kind::<StatefulSet>(cluster, index, target, inbox)).await,
        WorkloadKind::DaemonSet => Box::pin(observe_kind::<DaemonSet>(cluster, index, target, inbox)).await,
    }
}

async fn observe_kind<K: Workload>(cluster: Cluster, index: usize, target: TargetRef, inbox: Inbox) {
    let namespace = target.namespace.clone().unwrap_or_else(|| cluster.namespace.clone());
    let api: Api<K> = Api::namespaced(cluster.client.clone(), &namespace);
    let what = format!("{target} in namespace {namespace}");
    let object = match api_error::patiently(&what, || api.get(&target.name)).await {
        Ok(object) => object,
        Err(error) => {
            let hint = if error.is_not_found() { "; `kubectl get all -n` that namespace shows what is there" } else { "" };
            let _ = inbox.send(Event::TargetMissing { target: index, why: format!("{error}{hint}").into() }).await;
            return;
        }
    };
    let selector = object.selector().map(selector_text).unwrap_or_default();
    let workload = Seen { index, target: target.clone(), namespace: namespace.clone(), last: None };
    let fields = watcher::Config::default().fields(&format!("metadata.name={}", target.name));
    let owner = pods::Owner { kind: target.kind, uid: object.uid().unwrap_or_default() };
    tokio::join!(
        follow(api, fields, Source::Workload(index), workload, inbox.clone(), cluster.alive.clone()),
        pods::observe(cluster, index, namespace, selector, owner, inbox),
    );
}

/// A label selector as the API takes it in a query.
#[must_use]
pub fn selector_text(selector: &LabelSelector) -> String {
    let mut parts: Vec<String> = selector.match_labels.iter().flatten().map(|(key, value)| format!("{key}={value}")).collect();
    for requirement in selector.match_expressions.iter().flatten() {
        let values = requirement.values.as_deref().unwrap_or_default().join(",");
        parts.push(match requirement.operator.as_str() {
            "In" => format!("{} in ({values})", requirement.key),
            "NotIn" => format!("{} notin ({values})", requirement.key),
            "DoesNotExist" => format!("!{}", requirement.key),
            _ => requirement.key.clone(),
        });
    }
    parts.join(",")
}

struct Seen {
    index: usize,
    target: TargetRef,
    namespace: String,
    last: Option<WorkloadFact>,
}

impl Seen {
    fn fact<K: Workload>(&mut self, object: &K) -> Vec<Event> {
        let (desired, observed) = object.wanted();
        let fact = WorkloadFact {
            target: self.index,
            workload: self.target.clone(),
            namespace: self.namespace.clone(),
            uid: object.uid().unwrap_or_default(),
            desired,
            observed: observed >= object.meta().generation,
            rolling: object.rolling(),
        };
        if self.last.as_ref() == Some(&fact) {
            return Vec::new();
        }
        self.last = Some(fact.clone());
        vec![Event::WorkloadSeen(fact)]
    }
}

impl<K: Workload> Project<K> for Seen {
    type Kept = K;

    async fn keep(&mut self, object: K) -> Option<K> {
        Some(object)
    }

    async fn listed(&mut self, objects: Vec<K>) -> Vec<Event> {
        match objects.first() {
            Some(object) => self.fact(object),
            None => vec![Event::TargetMissing { target: self.index, why: format!("{} was deleted", self.target).into() }],
        }
    }
    async fn applied(&mut self, object: K) -> Vec<Event> {
        self.fact(&object)
    }
    fn deleted(&mut self, _: K) -> Vec<Event> {
        vec![Event::TargetMissing { target: self.index, why: format!("{} was deleted", self.target).into() }]
    }
}

/// A workload as `gameday new` needs it.
#[derive(Clone, Debug)]
pub struct Portrait {
    /// `matchLabels` of its selector.
    pub labels: BTreeMap<String, String>,
    /// `matchExpressions` of its selector.
    pub expressions: Vec<Requirement>,
    /// Replicas wanted.
    pub desired: u32,
    /// Labels of its namespace; empty where they can't be read.
    pub namespace_labels: BTreeMap<String, String>,
    /// `namespace/name:port` of a Service that looks like Prometheus' own, if one is found.
    pub prometheus: Option<String>,
}

/// Looks at a workload and its surroundings.
///
/// # Errors
/// The workload can't be read. What else can't be read is left out.
pub async fn portrait(cluster: &Cluster, target: &TargetRef) -> Result<Portrait, api_error::ApiError> {
    let (selector, desired) = match target.kind {
        WorkloadKind::Deployment => look::<Deployment>(cluster, target).await?,
        WorkloadKind::StatefulSet => look::<StatefulSet>(cluster, target).await?,
        WorkloadKind::DaemonSet => look::<DaemonSet>(cluster, target).await?,
    };
    let namespaces: Api<Namespace> = Api::all(cluster.client.clone());
    let services: Api<Service> = Api::all(cluster.client.clone());
    let namespace = api_error::within("namespace", namespaces.get(&cluster.namespace)).await;
    let services = api_error::within("services", services.list(&ListParams::default())).await;
    Ok(Portrait {
        labels: selector.match_labels.unwrap_or_default(),
        expressions: selector
            .match_expressions
            .unwrap_or_default()
            .into_iter()
            .map(|r| Requirement { key: r.key, operator: r.operator, values: r.values.unwrap_or_default() })
            .collect(),
        desired,
        namespace_labels: namespace.map(|namespace| namespace.labels().clone()).unwrap_or_default(),
        prometheus: services.ok().and_then(|services| services.items.iter().find_map(prometheus)),
    })
}

async fn look<K: Workload>(cluster: &Cluster, target: &TargetRef) -> Result<(LabelSelector, u32), api_error::ApiError> {
    let api: Api<K> = Api::namespaced(cluster.client.clone(), &cluster.namespace);
    let object = api_error::within(&format!("{target} in namespace {}", cluster.namespace), api.get(&target.name)).await?;
    Ok((object.selector().cloned().unwrap_or_default(), object.wanted().0))
}

/// A Service that is Prometheus itself by the names its charts give it.
fn prometheus(service: &Service) -> Option<String> {
    const NAMES: &[&str] =
        &["prometheus", "prometheus-server", "prometheus-operated", "prometheus-k8s", "kube-prometheus-stack-prometheus"];
    let name = service.name_any();
    let port = service.spec.as_ref()?.ports.as_ref()?.first()?.port;
    NAMES.contains(&name.as_str()).then(|| format!("{}/{name}:{port}", service.namespace().unwrap_or_default()))
}

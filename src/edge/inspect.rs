//! The looks before the start: rights, Chaos Mesh's own pods, namespaces, faults of others, alerts.

use futures::future::join_all;
use k8s_openapi::api::authorization::v1::{ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec};
use k8s_openapi::api::core::v1::{Namespace, Pod};
use kube::api::{DynamicObject, ListParams, PostParams};
use kube::{Api, ResourceExt};
use serde_json::{Value, json};

use crate::edge::api_error::{self, ApiError};
use crate::edge::chaos_mesh::{self, resource};
use crate::edge::prometheus::Prometheus;
use crate::edge::pulse::{self, Wall};
use crate::edge::{Cluster, hours, lease, object_probe, sweep, velero, victims};
use crate::effect::ChaosRef;
use crate::effect::inspection::{Inspection, KindRef, Right};
use crate::event::Reading;
use crate::event::inspected::{
    ChaosMeshFact, Inspected, KindFact, Known, LeaseFact, NamespaceFact, OtherFault, Patience, Resource, RightFact, SampleFact,
};
use crate::manifest::RUN;
use crate::text::Untrusted;

/// The annotation that lets Chaos Mesh into a namespace where it asks for one.
pub const INJECT: &str = "chaos-mesh.org/inject";
/// Where Chaos Mesh is looked for if one may not look everywhere.
const HOME: &str = "chaos-mesh";

/// Takes one look.
pub async fn look(cluster: &Cluster, prometheus: Option<&Prometheus>, inspection: Inspection, wall: &impl Wall) -> Inspected {
    match inspection {
        Inspection::Rights { rights } => Inspected::Rights(join_all(rights.into_iter().map(|right| review(cluster, right))).await),
        Inspection::ChaosMesh => Inspected::ChaosMesh(said(chaos_mesh(cluster).await)),
        Inspection::Webhooks { namespace, kind } => Inspected::Webhooks(webhooks(cluster, &namespace, &kind).await),
        Inspection::Namespaces { names } => Inspected::Namespaces(join_all(names.into_iter().map(|name| namespace(cluster, name))).await),
        Inspection::Victims { pods } => Inspected::Victims(victims::look(cluster, &pods).await),
        Inspection::Policies { pods } => Inspected::Policies(said(victims::policies(cluster, &pods).await)),
        Inspection::OtherFaults { namespaces } => Inspected::OtherFaults(other_faults(cluster, &namespaces).await),
        Inspection::Residue { namespaces, after } => {
            let fact = sweep::before_and_after(cluster, &namespaces.into_iter().collect(), wall).await;
            Inspected::Residue { after, fact }
        }
        Inspection::User => Inspected::User(said(user(cluster).await)),
        Inspection::Kinds { kinds: wanted } => Inspected::Kinds(kinds(cluster, wanted).await),
        Inspection::Leases { namespaces } => Inspected::Leases(said(leases(cluster, &namespaces, wall).await)),
        Inspection::Backups { namespaces } => Inspected::Backups(said(velero::backups(cluster, &namespaces).await)),
        Inspection::Samples { selectors } => {
            Inspected::Samples(join_all(selectors.into_iter().map(|selector| sample(prometheus, selector))).await)
        }
        Inspection::Alerts => Inspected::Alerts(alerts(prometheus).await),
        Inspection::Hours { hours, from } => Inspected::Hours(hours::windows(&hours, from)),
    }
}

pub(super) fn said<T>(answer: Result<T, ApiError>) -> Known<T> {
    answer.map_err(|error| error.to_string().into())
}

async fn review(cluster: &Cluster, right: Right) -> RightFact {
    let (resource, subresource) = right.resource.split_once('/').map_or((right.resource.as_str(), None), |(a, b)| (a, Some(b)));
    let some = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    let review = SelfSubjectAccessReview {
        spec: SelfSubjectAccessReviewSpec {
            resource_attributes: Some(ResourceAttributes {
                namespace: some(&right.namespace),
                group: some(&right.group),
                resource: some(resource),
                subresource: subresource.map(ToOwned::to_owned),
                verb: some(&right.verb),
                name: some(&right.name),
                ..ResourceAttributes::default()
            }),
            non_resource_attributes: None,
        },
        ..SelfSubjectAccessReview::default()
    };
    let api: Api<SelfSubjectAccessReview> = Api::all(cluster.client.clone());
    let params = PostParams::default();
    let answer = said(api_error::patiently("review of our rights", || api.create(&params, &review)).await);
    RightFact { right, allowed: answer.map(|review| review.status.is_some_and(|status| status.allowed)) }
}

/// Its pods, in all namespaces, or where that is forbidden in the usual one.
async fn chaos_mesh(cluster: &Cluster) -> Result<ChaosMeshFact, ApiError> {
    let params = ListParams::default().labels("app.kubernetes.io/component in (controller-manager,chaos-daemon)");
    let everywhere: Api<Pod> = Api::all(cluster.client.clone());
    let listed = match api_error::patiently("list pods", || everywhere.list(&params)).await {
        Err(error) if error.code == Some(403) => {
            let home: Api<Pod> = Api::namespaced(cluster.client.clone(), HOME);
            api_error::patiently(&format!("list pods in namespace {HOME}"), || home.list(&params)).await?
        }
        listed => listed?,
    };
    let mut fact = ChaosMeshFact { namespace: String::new(), controllers: (0, 0), daemons: Vec::new(), filter: false };
    for pod in &listed.items {
        let ready = is_ready(pod);
        let name = pod.name_any();
        if name.starts_with("chaos-controller-manager") {
            fact.namespace = pod.namespace().unwrap_or_default();
            fact.controllers = (fact.controllers.0 + u32::from(ready), fact.controllers.1 + 1);
            fact.filter |= filters(pod);
        } else if name.starts_with("chaos-daemon")
            && let Some(node) = pod.spec.as_ref().and_then(|spec| spec.node_name.clone())
        {
            fact.daemons.push((node.into(), ready));
        }
    }
    fact.daemons.sort();
    Ok(fact)
}

fn is_ready(pod: &Pod) -> bool {
    let conditions = pod.status.iter().flat_map(|status| status.conditions.iter().flatten());
    conditions.into_iter().any(|condition| condition.type_ == "Ready" && condition.status == "True")
}

/// Whether a controller was told to inject into annotated namespaces only.
fn filters(pod: &Pod) -> bool {
    let containers = pod.spec.iter().flat_map(|spec| &spec.containers);
    let mut set = containers.flat_map(|container| container.env.iter().flatten());
    set.any(|env| env.name == "ENABLE_FILTER_NAMESPACE" && env.value.as_deref() == Some("true"))
}

/// Asks, as a dry run, for a fault that only the webhooks refuse: none of the pods. Its schema allows it.
async fn webhooks(cluster: &Cluster, namespace: &str, kind: &str) -> Known<bool> {
    let name = "gameday-webhook-probe";
    let kind = if kind.is_empty() { "PodChaos" } else { kind };
    let object = json!({
        "apiVersion": "chaos-mesh.org/v1alpha1", "kind": kind, "metadata": {"name": name, "namespace": namespace},
        "spec": nonsense(kind, namespace),
    });
    let object: DynamicObject = serde_json::from_value(object).map_err(|error| Untrusted::from(error.to_string()))?;
    let api: Api<DynamicObject> = Api::namespaced_with(cluster.client.clone(), namespace, &resource(kind));
    let params = PostParams { dry_run: true, field_manager: Some("gameday".to_owned()) };
    match api_error::within("try the webhooks of Chaos Mesh", api.create(&params, &object)).await {
        Ok(_) => Ok(false),
        Err(error) if error.why.raw().contains("denied the request") => Ok(true),
        Err(error) => Err(error.to_string().into()),
    }
}

/// What a kind's schema allows and no webhook does: a fault on none of the pods, a Workflow that begins nowhere.
fn nonsense(kind: &str, namespace: &str) -> Value {
    if kind == "Workflow" {
        let nobody = json!({"name": "nobody", "templateType": "Suspend", "deadline": "1s"});
        return json!({"entry": "somebody", "templates": [nobody]});
    }
    let mut spec = match kind {
        "NetworkChaos" => json!({"action": "delay", "delay": {"latency": "1ms"}}),
        "StressChaos" => json!({"stressors": {"cpu": {"workers": 1}}}),
        "IOChaos" => json!({"action": "latency", "volumePath": "/nowhere", "delay": "1ms"}),
        "HTTPChaos" => json!({"target": "Request", "port": 1, "abort": true}),
        "DNSChaos" => json!({"action": "error"}),
        "TimeChaos" => json!({"timeOffset": "1s"}),
        _ => json!({"action": "pod-kill"}),
    };
    spec["mode"] = "fixed".into();
    spec["value"] = "0".into();
    spec["selector"] = json!({"namespaces": [namespace], "labelSelectors": {"gameday": "nobody"}});
    spec
}

async fn namespace(cluster: &Cluster, name: String) -> NamespaceFact {
    let api: Api<Namespace> = Api::all(cluster.client.clone());
    let got = said(api_error::patiently(&format!("get namespace {name}"), || api.get(&name)).await);
    let inject = got.map(|namespace| namespace.annotations().get(INJECT).map(|value| Untrusted::from(value.as_str())));
    NamespaceFact { name, inject }
}

/// The faults that hold pods in these namespaces, of all kinds that are served. One-shot faults that are done hold nothing.
async fn other_faults(cluster: &Cluster, namespaces: &[String]) -> Known<Vec<OtherFault>> {
    let mut found = Vec::new();
    for kind in ["PodChaos", "NetworkChaos", "StressChaos", "IOChaos", "HTTPChaos", "DNSChaos", "TimeChaos"] {
        for namespace in namespaces {
            let api: Api<DynamicObject> = Api::namespaced_with(cluster.client.clone(), namespace, &resource(kind));
            let what = format!("list {} in namespace {namespace}", kind.to_lowercase());
            let listed = match api_error::within(&what, api.list(&ListParams::default())).await {
                Ok(listed) => listed.items,
                Err(error) if error.is_not_found() => Vec::new(),
                Err(error) => return Err(error.to_string().into()),
            };
            found.extend(listed.iter().filter_map(|item| other_fault(kind, namespace, item)));
        }
    }
    Ok(found)
}

fn other_fault(kind: &str, namespace: &str, item: &DynamicObject) -> Option<OtherFault> {
    let action = item.data.pointer("/spec/action").and_then(Value::as_str).unwrap_or_default();
    if matches!(action, "pod-kill" | "container-kill") {
        return None;
    }
    let object = ChaosRef { kind: kind.to_owned(), namespace: namespace.to_owned(), name: item.name_any() };
    let fact = chaos_mesh::project(crate::effect::FaultId(0), &object, item);
    let over = !fact.records.is_empty() && fact.records.iter().all(|record| record.phase.raw() == "Not Injected");
    let ended = over && fact.desired.as_ref().is_some_and(|desired| desired.raw() == "Stop");
    if ended {
        return None;
    }
    let pods = fact.records.into_iter().map(|record| record.id).collect();
    Some(OtherFault { object, run: item.labels().get(RUN).map(|run| Untrusted::from(run.as_str())), pods })
}

/// Asks who we are: API servers from 1.28 on say it.
async fn user(cluster: &Cluster) -> Result<Untrusted, ApiError> {
    let review = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"});
    let what = "ask who we are";
    let request = http::Request::post("/apis/authentication.k8s.io/v1/selfsubjectreviews")
        .header(http::header::CONTENT_TYPE, "application/json")
        .body(review.to_string().into_bytes())
        .map_err(|error| ApiError { what: what.to_owned(), why: error.to_string().into(), code: None })?;
    let answer = api_error::within(what, cluster.client.request::<Value>(request)).await?;
    Ok(answer.pointer("/status/userInfo/username").and_then(Value::as_str).unwrap_or_default().into())
}

/// How each of these kinds is served.
pub async fn kinds(cluster: &Cluster, wanted: Vec<KindRef>) -> Vec<KindFact> {
    join_all(wanted.into_iter().map(|kind| served(cluster, kind))).await
}

async fn served(cluster: &Cluster, kind: KindRef) -> KindFact {
    let found = said(object_probe::resource(cluster, &kind).await);
    let served = found.map(|found| found.map(|found| Resource { plural: found.api.plural, namespaced: found.namespaced }));
    KindFact { kind, served }
}

/// The Leases of all runs that may be seen, by the API server's clock.
async fn leases(cluster: &Cluster, namespaces: &[String], wall: &impl Wall) -> Result<Vec<LeaseFact>, ApiError> {
    let held = match lease::list(cluster, None).await {
        Err(error) if error.code == Some(403) => {
            let mut held = Vec::new();
            for namespace in namespaces {
                held.extend(lease::list(cluster, Some(namespace)).await?);
            }
            held
        }
        listed => listed?,
    };
    let skew = pulse::measure(cluster, wall).await?;
    let now = skew.map(|skew| wall.now() + chrono::Duration::microseconds(i64::midpoint(skew.least, skew.most)));
    let fact = |held: lease::Held| LeaseFact {
        live: held.is_live(now),
        token: held.token.into(),
        holder: held.holder,
        targets: held.targets,
        lease: held.lease,
    };
    Ok(held.into_iter().map(fact).collect())
}

async fn sample(prometheus: Option<&Prometheus>, selector: String) -> SampleFact {
    let age = match prometheus {
        Some(prometheus) => prometheus.age(&selector).await,
        None => Err("no Prometheus is named".into()),
    };
    SampleFact { age: age.map(|age| age.map(Patience)), selector }
}

async fn alerts(prometheus: Option<&Prometheus>) -> Known<Vec<Untrusted>> {
    let prometheus = prometheus.ok_or("no Prometheus is named")?;
    match prometheus.query("count by (alertname, namespace) (ALERTS{alertstate=\"firing\"})").await {
        Reading::Values { values } => Ok(values.into_iter().map(|(labels, _)| labels).collect()),
        Reading::Empty => Ok(Vec::new()),
        Reading::Failed { why } => Err(why),
        Reading::Http { .. }
        | Reading::Alert { .. }
        | Reading::Object { .. }
        | Reading::Command { .. }
        | Reading::Counts { .. }
        | Reading::Withheld { .. } => Err("an answer of another kind".into()),
    }
}

//! What a cluster can do, at a glance: which of the things that a drill may use are there.

use k8s_openapi::api::core::v1::Service;
use kube::api::ListParams;
use kube::{Api, ResourceExt};

use crate::edge::{Cluster, api_error};

/// How many Services are looked at.
const SERVICES: u32 = 1000;

/// What it has: by its API groups, and for what has none by the names of Services. `None` where we may not look.
pub async fn of(cluster: &Cluster) -> Vec<(&'static str, Option<bool>)> {
    let groups = api_error::within("GET /apis", cluster.client.list_api_groups()).await.ok();
    let serves = |name: &str| groups.as_ref().map(|groups| groups.groups.iter().any(|group| group.name == name));
    let all: Api<Service> = Api::all(cluster.client.clone());
    let services = api_error::within("list services", all.list(&ListParams::default().limit(SERVICES))).await.ok();
    // one that is not among the first may be among the others
    let whole = services.as_ref().is_some_and(|services| services.metadata.continue_.as_deref().unwrap_or_default().is_empty());
    let named = |part: &str| {
        let found = services.as_ref()?.items.iter().any(|service| service.name_any().contains(part));
        (found || whole).then_some(found)
    };
    vec![
        ("Chaos Mesh", serves("chaos-mesh.org")),
        ("Prometheus", named("prometheus")),
        ("Velero", serves("velero.io")),
        ("OpenCost", named("opencost")),
        ("VPA", serves("autoscaling.k8s.io")),
        ("metrics", serves("metrics.k8s.io")),
    ]
}

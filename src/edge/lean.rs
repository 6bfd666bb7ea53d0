//! A pod as it is read off the wire: what is looked at here, and nothing of the rest.
//!
//! Owns [`Lean`]. There may be thousands of pods and a hundred updates a second: what is not looked at (managed fields,
//! volumes, environments) is skipped as it comes, and never held.

use std::borrow::Cow;
use std::collections::BTreeMap;

use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::core::v1::{Container, Pod, PodSpec, PodStatus, Probe};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference, Time};
use kube::Resource;
use kube::api::{Api, ListParams};
use serde::{Deserialize, Deserializer};

use crate::edge::api_error::{self, ApiError};
use crate::edge::watching::PAGE;

/// A pod with its metadata but for managed fields, its node, of its containers names, images and liveness probes, and its
/// status.
#[derive(Clone, Debug)]
pub(super) struct Lean(pub Pod);

#[derive(Deserialize)]
struct Wire {
    metadata: Metadata,
    #[serde(default)]
    spec: Spec,
    status: Option<PodStatus>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    name: Option<String>,
    namespace: Option<String>,
    uid: Option<String>,
    resource_version: Option<String>,
    labels: Option<BTreeMap<String, String>>,
    annotations: Option<BTreeMap<String, String>>,
    owner_references: Option<Vec<OwnerReference>>,
    creation_timestamp: Option<Time>,
    deletion_timestamp: Option<Time>,
    deletion_grace_period_seconds: Option<i64>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Spec {
    node_name: Option<String>,
    host_network: Option<bool>,
    containers: Option<Vec<One>>,
    init_containers: Option<Vec<One>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct One {
    #[serde(default)]
    name: String,
    image: Option<String>,
    liveness_probe: Option<Probe>,
}

impl From<One> for Container {
    fn from(One { name, image, liveness_probe }: One) -> Container {
        Container { name, image, liveness_probe, ..Container::default() }
    }
}

impl<'de> Deserialize<'de> for Lean {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Lean, D::Error> {
        let Wire { metadata, spec, status } = Wire::deserialize(deserializer)?;
        let metadata = ObjectMeta {
            name: metadata.name,
            namespace: metadata.namespace,
            uid: metadata.uid,
            resource_version: metadata.resource_version,
            labels: metadata.labels,
            annotations: metadata.annotations,
            owner_references: metadata.owner_references,
            creation_timestamp: metadata.creation_timestamp,
            deletion_timestamp: metadata.deletion_timestamp,
            deletion_grace_period_seconds: metadata.deletion_grace_period_seconds,
            ..ObjectMeta::default()
        };
        let of = |containers: Option<Vec<One>>| containers.map(|all| all.into_iter().map(Container::from).collect::<Vec<_>>());
        let spec = PodSpec {
            node_name: spec.node_name,
            host_network: spec.host_network,
            containers: of(spec.containers).unwrap_or_default(),
            init_containers: of(spec.init_containers),
            ..PodSpec::default()
        };
        Ok(Lean(Pod { metadata, spec: Some(spec), status }))
    }
}

impl Resource for Lean {
    type DynamicType = ();
    type Scope = NamespaceResourceScope;

    fn kind((): &()) -> Cow<'_, str> {
        Pod::kind(&())
    }

    fn group((): &()) -> Cow<'_, str> {
        Pod::group(&())
    }

    fn version((): &()) -> Cow<'_, str> {
        Pod::version(&())
    }

    fn plural((): &()) -> Cow<'_, str> {
        Pod::plural(&())
    }

    fn meta(&self) -> &ObjectMeta {
        self.0.meta()
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        self.0.meta_mut()
    }
}

/// What `keep` makes of each pod of a list, page by page: a page is all that is ever held.
///
/// # Errors
/// The API server refuses or does not answer.
pub(super) async fn pods<T>(
    api: &Api<Lean>,
    params: &ListParams,
    what: &str,
    mut keep: impl FnMut(Pod) -> Option<T>,
) -> Result<Vec<T>, ApiError> {
    let mut params = params.clone().limit(PAGE);
    let mut kept = Vec::new();
    loop {
        let page = api_error::patiently(what, || api.list(&params)).await?;
        kept.extend(page.items.into_iter().filter_map(|Lean(pod)| keep(pod)));
        params.continue_token = page.metadata.continue_.filter(|token| !token.is_empty());
        if params.continue_token.is_none() {
            return Ok(kept);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn lean_should_read_what_is_looked_at_and_skip_the_rest() {
        let text = json!({
            "metadata": {
                "name": "a", "namespace": "staging", "uid": "u", "resourceVersion": "7", "labels": {"app": "a"}, "annotations": {"x": "y"},
                "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "r", "uid": "o", "controller": true}],
                "creationTimestamp": "2026-01-01T00:00:00Z", "deletionTimestamp": "2026-01-01T00:00:09Z", "deletionGracePeriodSeconds": 3,
                "managedFields": [{"manager": "m", "fieldsV1": {"f:status": {}}}], "generateName": "a-"
            },
            "spec": {
                "nodeName": "n", "hostNetwork": true, "volumes": [{"name": "v", "emptyDir": {}}],
                "containers": [{"name": "c", "image": "i:1", "livenessProbe": {"periodSeconds": 5}, "env": [{"name": "S", "value": "hunter2"}]}],
                "initContainers": [{"name": "init", "image": "i:0"}]
            },
            "status": {"phase": "Running", "podIP": "10.0.0.1"}
        })
        .to_string();
        let Lean(lean) = serde_json::from_str(&text).unwrap();
        let whole: Pod = serde_json::from_str(&text).unwrap();
        let kept = |pod: Pod| {
            let spec = pod.spec.unwrap();
            let slim = |one: Container| (one.name, one.image, one.liveness_probe);
            let containers: Vec<_> = spec.containers.into_iter().chain(spec.init_containers.unwrap()).map(slim).collect();
            let metadata = ObjectMeta { managed_fields: None, generate_name: None, ..pod.metadata };
            (metadata, spec.node_name, spec.host_network, containers, pod.status)
        };
        assert_eq!(kept(lean.clone()), kept(whole));
        assert!(!format!("{lean:?}").contains("hunter2"));
        let bare: Lean = serde_json::from_value(json!({"metadata": {}})).unwrap();
        assert!(bare.0.spec.unwrap().containers.is_empty() && bare.0.status.is_none());
    }
}

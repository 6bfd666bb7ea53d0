//! Pod kill without Chaos Mesh: gameday deletes the pod itself, or asks for its eviction.

use kube::Api;
use kube::api::{DeleteParams, Preconditions};
use serde_json::json;
use tokio::time::Instant;

use crate::edge::Cluster;
use crate::edge::api_error;
use crate::effect::{Outcome, PodRef};
use k8s_openapi::api::core::v1::Pod;

/// Deletes a pod by its uid: a successor of the same name is never touched.
pub async fn kill(cluster: &Cluster, victim: &PodRef, grace: u32) -> Outcome {
    let api: Api<Pod> = Api::namespaced(cluster.client.clone(), &victim.namespace);
    let params = DeleteParams {
        grace_period_seconds: Some(grace),
        preconditions: Some(Preconditions { uid: Some(victim.uid.clone()), resource_version: None }),
        ..DeleteParams::default()
    };
    let sent = Instant::now();
    match api_error::within(&format!("delete pod {victim}"), api.delete(&victim.name, &params)).await {
        Ok(_) => Outcome::Done { took: sent.elapsed() },
        Err(error) if error.is_not_found() => Outcome::Already { took: sent.elapsed() },
        Err(error) => error.outcome(),
    }
}

/// Asks for a pod's eviction, by its uid. Posted by hand: kube 5 writes `delete_options` where the
/// API reads `deleteOptions`, and the grace period is lost without a word.
pub async fn evict(cluster: &Cluster, victim: &PodRef, grace: u32) -> Outcome {
    let eviction = json!({
        "apiVersion": cluster.eviction,
        "kind": "Eviction",
        "metadata": {"name": victim.name, "namespace": victim.namespace},
        "deleteOptions": {"gracePeriodSeconds": grace, "preconditions": {"uid": victim.uid}},
    });
    let path = format!("/api/v1/namespaces/{}/pods/{}/eviction", victim.namespace, victim.name);
    let what = format!("evict pod {victim}");
    let request =
        match http::Request::post(path).header(http::header::CONTENT_TYPE, "application/json").body(eviction.to_string().into_bytes()) {
            Ok(request) => request,
            Err(error) => return Outcome::Refused { why: format!("{what}: {error}").into() },
        };
    let sent = Instant::now();
    match api_error::within(&what, cluster.client.request::<serde_json::Value>(request)).await {
        Ok(_) => Outcome::Done { took: sent.elapsed() },
        Err(error) if error.is_not_found() => Outcome::Already { took: sent.elapsed() },
        // 429 is a PodDisruptionBudget's no
        Err(error) if error.code == Some(429) => {
            Outcome::Refused { why: format!("{what}: {}; a PodDisruptionBudget forbids it", error.why.raw()).into() }
        }
        Err(error) => error.outcome(),
    }
}

//! Pod kill without Chaos Mesh: gameday deletes the pod itself.

use kube::Api;
use kube::api::{DeleteParams, Preconditions};
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

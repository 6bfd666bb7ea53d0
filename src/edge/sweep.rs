//! Every object that gameday ever made in a cluster, by its label: found, deleted, waited for.

use std::time::Duration;

use kube::Api;
use kube::ResourceExt;
use kube::api::{DynamicObject, ListParams};

use crate::edge::Cluster;
use crate::edge::api_error::{self, ApiError};
use crate::edge::chaos_mesh::{self, resource};
use crate::effect::{ChaosRef, FaultId, Outcome};
use crate::event::Event;
use crate::manifest::{GAMEDAY, MANAGED_BY, RUN};
use crate::text::Untrusted;

/// The kinds gameday makes.
const KINDS: &[&str] = &["PodChaos", "NetworkChaos"];
/// How long an object is waited for after its deletion.
const PATIENCE: Duration = Duration::from_secs(90);

/// An object found by its label.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The object.
    pub object: ChaosRef,
    /// The token of the run that made it.
    pub token: String,
}

/// Lists them, in all namespaces, or where that is forbidden in the cluster's own.
///
/// # Errors
/// The API server refuses or does not answer. A cluster without Chaos Mesh has none.
pub async fn find(cluster: &Cluster) -> Result<Vec<Found>, ApiError> {
    let params = ListParams::default().labels(&format!("{MANAGED_BY}={GAMEDAY}"));
    let mut found = Vec::new();
    for kind in KINDS {
        let all: Api<DynamicObject> = Api::all_with(cluster.client.clone(), &resource(kind));
        let what = format!("list {}", kind.to_lowercase());
        let listed = match api_error::within(&what, all.list(&params)).await {
            Err(error) if error.code == Some(403) => {
                let own: Api<DynamicObject> = Api::namespaced_with(cluster.client.clone(), &cluster.namespace, &resource(kind));
                api_error::within(&what, own.list(&params)).await
            }
            other => other,
        };
        match listed {
            Ok(listed) => found.extend(listed.items.iter().map(|item| Found {
                object: ChaosRef { kind: (*kind).to_owned(), namespace: item.namespace().unwrap_or_default(), name: item.name_any() },
                token: item.labels().get(RUN).cloned().unwrap_or_default(),
            })),
            Err(error) if error.is_not_found() => {}
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}

/// Deletes one and waits until it is gone.
///
/// # Errors
/// Why it is still there, and what holds it.
pub async fn remove(cluster: &Cluster, object: &ChaosRef) -> Result<(), Untrusted> {
    let namespaces = [object.namespace.clone()];
    let undone = async {
        let mut wait = Duration::from_millis(200);
        loop {
            let outcome = chaos_mesh::delete(cluster, object).await;
            if matches!(outcome, Outcome::Done { .. } | Outcome::Already { .. }) {
                let looked = chaos_mesh::look_for(cluster, FaultId(0), object, &namespaces).await;
                if let Ok(Event::FaultLookedFor { present: false, residue, .. }) = looked {
                    return residue.and_then(|left| left.first().cloned());
                }
            }
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(Duration::from_secs(5));
        }
    };
    match tokio::time::timeout(PATIENCE, undone).await {
        Ok(None) => Ok(()),
        Ok(Some(left)) => Err(format!("the object is gone, but left behind: {}", left.raw()).into()),
        Err(_) => {
            Err(format!("still there after {} s: its finalizer waits for Chaos Mesh; is its controller running?", PATIENCE.as_secs())
                .into())
        }
    }
}

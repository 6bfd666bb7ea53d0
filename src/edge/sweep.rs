//! Every object that gameday ever made in a cluster, by its label: found, deleted, waited for. Whose it is, its Lease tells.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::time::Duration;

use chrono::{DateTime, Utc};
use kube::Api;
use kube::ResourceExt;
use kube::api::{DynamicObject, ListParams};

use crate::edge::Cluster;
use crate::edge::api_error::{self, ApiError};
use crate::edge::chaos_mesh::{self, resource};
use crate::edge::lease::{self, Held};
use crate::edge::pulse::{self, Wall};
use crate::effect::{ChaosRef, FaultId, Outcome};
use crate::event::Event;
use crate::manifest::{GAMEDAY, MANAGED_BY, RUN, token_of_offspring};
use crate::text::Untrusted;

/// The kinds gameday makes.
const KINDS: &[&str] =
    &["Workflow", "WorkflowNode", "Schedule", "PodChaos", "NetworkChaos", "IOChaos", "StressChaos", "HTTPChaos", "DNSChaos", "TimeChaos"];
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

/// What a look over a cluster found.
#[derive(Clone, Debug)]
pub struct Sweep {
    /// The objects.
    pub found: Vec<Found>,
    /// The Leases of runs.
    pub leases: Vec<Held>,
    /// Why Leases could not be listed, if they could not.
    pub leases_unseen: Option<Untrusted>,
    /// Whether all namespaces could be looked at.
    pub everywhere: bool,
    /// The kinds that may not be listed at all, so that nothing is known of them.
    pub forbidden: Vec<&'static str>,
    /// Now, by the API server's clock; `None` where it does not say.
    pub now: Option<DateTime<Utc>>,
}

impl Sweep {
    /// Whether the Leases of all runs could be seen.
    #[must_use]
    pub fn sees_leases(&self) -> bool {
        self.leases_unseen.is_none() && self.everywhere
    }

    /// An object as ours: by its label, or by its name as something that a Workflow of ours made. What
    /// goes with a Workflow that was found is not told again.
    fn ours(&self, kind: &str, item: &DynamicObject) -> Option<Found> {
        let (namespace, name) = (item.namespace().unwrap_or_default(), item.name_any());
        let token = if item.labels().get(MANAGED_BY).map(String::as_str) == Some(GAMEDAY) {
            item.labels().get(RUN).cloned().unwrap_or_default()
        } else {
            let token = token_of_offspring(&name)?.to_owned();
            let parent = |found: &Found| found.object.kind == "Workflow" && found.token == token && found.object.namespace == namespace;
            if self.found.iter().any(parent) {
                return None;
            }
            token
        };
        Some(Found { object: ChaosRef { kind: kind.to_owned(), namespace, name }, token })
    }

    /// The Lease of a run, by its token.
    #[must_use]
    pub fn lease_of(&self, token: &str) -> Option<&Held> {
        self.leases.iter().find(|held| held.token == token)
    }
}

/// Lists them, in all namespaces, or where that is forbidden in those of `namespaces`.
///
/// # Errors
/// The API server refuses or does not answer. A cluster without Chaos Mesh has none.
pub async fn find(cluster: &Cluster, namespaces: &BTreeSet<String>, wall: &impl Wall) -> Result<Sweep, ApiError> {
    // not by label: what our Workflows make bears none of ours
    let params = ListParams::default();
    let skew = pulse::measure(cluster, wall).await?;
    let now = skew.map(|skew| wall.now() + chrono::Duration::microseconds(i64::midpoint(skew.least, skew.most)));
    let mut sweep = Sweep { found: Vec::new(), leases: Vec::new(), leases_unseen: None, everywhere: true, forbidden: Vec::new(), now };
    for kind in KINDS {
        let what = format!("list {}", kind.to_lowercase());
        let all: Api<DynamicObject> = Api::all_with(cluster.client.clone(), &resource(kind));
        let mut lists = vec![api_error::within(&what, all.list(&params)).await];
        if matches!(&lists[0], Err(error) if error.code == Some(403)) {
            sweep.everywhere = false;
            lists.clear();
            for namespace in namespaces {
                let own: Api<DynamicObject> = Api::namespaced_with(cluster.client.clone(), namespace, &resource(kind));
                lists.push(api_error::within(&format!("{what} in namespace {namespace}"), own.list(&params)).await);
            }
        }
        for listed in lists {
            match listed {
                Ok(listed) => {
                    let found: Vec<Found> = listed.items.iter().filter_map(|item| sweep.ours(kind, item)).collect();
                    sweep.found.extend(found);
                }
                Err(error) if error.is_not_found() => {}
                Err(error) if error.code == Some(403) => sweep.forbidden.push(*kind),
                Err(error) => return Err(error),
            }
        }
    }
    sweep.forbidden.dedup();
    match leases(cluster, namespaces).await {
        Ok(leases) => sweep.leases = leases,
        Err(error) => sweep.leases_unseen = Some(error.to_string().into()),
    }
    Ok(sweep)
}

async fn leases(cluster: &Cluster, namespaces: &BTreeSet<String>) -> Result<Vec<Held>, ApiError> {
    match lease::list(cluster, None).await {
        Err(error) if error.code == Some(403) => {}
        answered => return answered,
    }
    let mut all = Vec::new();
    for namespace in namespaces {
        all.extend(lease::list(cluster, Some(namespace)).await?);
    }
    Ok(all)
}

/// Deletes one and waits until it is gone.
///
/// # Errors
/// Why it is still there, and what holds it.
pub async fn remove(cluster: &Cluster, object: &ChaosRef) -> Result<(), Untrusted> {
    if object.kind == "Lease" {
        return match lease::delete(cluster, object).await {
            Outcome::Done { .. } | Outcome::Already { .. } => Ok(()),
            Outcome::Refused { why } | Outcome::Failed { why } => Err(why),
        };
    }
    let namespaces = [object.namespace.clone()];
    let last: RefCell<Option<Untrusted>> = RefCell::new(None);
    let undone = async {
        let mut wait = Duration::from_millis(200);
        loop {
            match chaos_mesh::delete(cluster, object).await {
                Outcome::Refused { why } | Outcome::Failed { why } => drop(last.replace(Some(why))),
                Outcome::Done { .. } | Outcome::Already { .. } => {
                    match chaos_mesh::look_for(cluster, FaultId(0), object, &namespaces).await {
                        Ok(Event::FaultLookedFor { present: false, residue, .. }) => return residue,
                        Ok(_) => drop(last.replace(Some("its finalizer waits for Chaos Mesh; is its controller running?".into()))),
                        Err(error) => drop(last.replace(Some(error.to_string().into()))),
                    }
                }
            }
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(Duration::from_secs(5));
        }
    };
    match tokio::time::timeout(PATIENCE, undone).await {
        Ok(Some(left)) => match left.first() {
            None => Ok(()),
            Some(left) => Err(format!("the object is gone, but left behind: {}", left.raw()).into()),
        },
        Ok(None) => Err("the object is gone; whether its effect is, could not be seen".into()),
        Err(_) => {
            let why = last.take().unwrap_or_else(|| "no answer".into());
            Err(format!("still there after {} s: {}", PATIENCE.as_secs(), why.raw()).into())
        }
    }
}

//! Every object that gameday ever made in a cluster, by its label, and what outlived its fault: found, deleted, waited for.
//! Whose it is, its Lease tells.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures::future::join_all;
use kube::ResourceExt;
use kube::api::{DeleteParams, DynamicObject, Preconditions};

use crate::edge::api_error::{self, ApiError};
use crate::edge::lease::{self, Held};
use crate::edge::pulse::{self, Wall};
use crate::edge::residue::{self, Where};
use crate::edge::{Cluster, chaos_mesh};
use crate::effect::{ChaosRef, FaultId, Outcome, PodRef};
use crate::event::residue::{Remains, ResidueFact, Trace};
use crate::event::{BlockingPod, Event, FaultFact};
use crate::manifest::{GAMEDAY, MANAGED_BY, RUN, token_of_offspring};
use crate::text::Untrusted;

/// The kinds of Chaos Mesh that gameday makes: not looked for by label, since what our Workflows make bears none of ours.
const CHAOS: &[&str] =
    &["Workflow", "WorkflowNode", "Schedule", "PodChaos", "NetworkChaos", "IOChaos", "StressChaos", "HTTPChaos", "DNSChaos", "TimeChaos"];
/// The kinds of Kubernetes that gameday makes.
const PLAIN: &[&str] = &["NetworkPolicy", "Pod", "Namespace"];
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
    /// Rules and pause images that nobody's fault holds any more.
    pub traces: Vec<Trace>,
    /// The Leases of runs.
    pub leases: Vec<Held>,
    /// Why Leases could not be listed, if they could not.
    pub leases_unseen: Option<Untrusted>,
    /// Whether all namespaces could be looked at.
    pub everywhere: bool,
    /// The kinds that may not be listed at all, so that nothing is known of them.
    pub forbidden: Vec<&'static str>,
    /// What else could not be looked at, and why.
    pub unseen: Vec<Untrusted>,
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
        let token = if is_ours(item) {
            item.labels().get(RUN).cloned().unwrap_or_default()
        } else {
            let token = token_of_offspring(&name)?.to_owned();
            let parent = |found: &Found| found.object.kind == "Workflow" && found.token == token && found.object.namespace == namespace;
            if PLAIN.contains(&kind) || self.found.iter().any(parent) {
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

    /// What is there of runs that do not live, or of nobody, as one fact.
    fn fact(&self) -> ResidueFact {
        let lives = |token: &str| self.lease_of(token).is_some_and(|held| held.is_live(self.now));
        let some = |token: &String| Some(token.clone()).filter(|token| !token.is_empty());
        let objects = self.found.iter().filter(|found| !lives(&found.token)).map(|found| Trace {
            what: Remains::Object,
            object: found.object.clone(),
            from: None,
            run: some(&found.token),
        });
        let leases = self.leases.iter().filter(|held| !lives(&held.token)).map(|held| Trace {
            what: Remains::Lease,
            object: held.lease.clone(),
            from: Some(held.holder.clone()),
            run: some(&held.token),
        });
        let traces = self.traces.iter().filter(|trace| !trace.run.as_deref().is_some_and(lives));
        let mut found: Vec<Trace> = objects.chain(leases).chain(traces.cloned()).collect();
        found.sort();
        found.dedup();
        let mut unseen = self.unseen.clone();
        unseen.extend(self.forbidden.iter().map(|kind| Untrusted::from(format!("{kind} may not be listed"))));
        unseen.extend(self.leases_unseen.clone());
        ResidueFact { found, unseen }
    }
}

fn is_ours(item: &DynamicObject) -> bool {
    item.labels().get(MANAGED_BY).map(String::as_str) == Some(GAMEDAY)
}

/// Looks in all namespaces, or where that is forbidden in those of `namespaces`. A cluster without Chaos Mesh has none of its kinds.
///
/// # Errors
/// The API server refuses or does not answer.
pub async fn find(cluster: &Cluster, namespaces: &BTreeSet<String>, wall: &impl Wall) -> Result<Sweep, ApiError> {
    let skew = pulse::measure(cluster, wall).await?;
    let now = skew.map(|skew| wall.now() + chrono::Duration::microseconds(i64::midpoint(skew.least, skew.most)));
    Ok(look(cluster, Where::Everywhere(namespaces), now).await)
}

/// What is left in these namespaces of runs that do not live, or of nobody.
pub async fn before_and_after(cluster: &Cluster, namespaces: &BTreeSet<String>, wall: &impl Wall) -> ResidueFact {
    let skew = pulse::measure(cluster, wall).await.ok().flatten();
    let now = skew.map(|skew| wall.now() + chrono::Duration::microseconds(i64::midpoint(skew.least, skew.most)));
    look(cluster, Where::In(namespaces), now).await.fact()
}

async fn look(cluster: &Cluster, place: Where<'_>, now: Option<DateTime<Utc>>) -> Sweep {
    let (Where::In(namespaces) | Where::Everywhere(namespaces)) = place;
    let mut sweep = Sweep {
        found: Vec::new(),
        traces: Vec::new(),
        leases: Vec::new(),
        leases_unseen: None,
        everywhere: true,
        forbidden: Vec::new(),
        unseen: Vec::new(),
        now,
    };
    let label = format!("{MANAGED_BY}={GAMEDAY}");
    let listed = CHAOS.iter().chain(PLAIN).map(async |kind| {
        let labels = PLAIN.contains(kind).then_some(label.as_str());
        // a namespace is in none
        let place = if *kind == "Namespace" { Where::Everywhere(namespaces) } else { place };
        (*kind, residue::list(cluster, kind, labels, place).await)
    });
    for (kind, listed) in join_all(listed).await {
        sweep.everywhere &= !listed.narrowed;
        let found: Vec<Found> = listed.items.iter().filter_map(|item| sweep.ours(kind, item)).collect();
        sweep.found.extend(found);
        for error in listed.unseen {
            if error.code == Some(403) {
                sweep.forbidden.push(kind);
            } else {
                sweep.unseen.push(error.to_string().into());
            }
        }
    }
    sweep.forbidden.dedup();
    let (traces, unseen) = residue::orphans(cluster, place).await;
    sweep.traces = traces;
    // what was forbidden above is told once
    sweep.unseen.extend(unseen.into_iter().map(|error| Untrusted::from(error.to_string())));
    sweep.unseen.sort();
    sweep.unseen.dedup();
    match leases(cluster, place).await {
        Ok(leases) => sweep.leases = leases,
        Err(error) => sweep.leases_unseen = Some(error.to_string().into()),
    }
    sweep
}

async fn leases(cluster: &Cluster, place: Where<'_>) -> Result<Vec<Held>, ApiError> {
    let (Where::In(namespaces) | Where::Everywhere(namespaces)) = place;
    if matches!(place, Where::Everywhere(_)) {
        match lease::list(cluster, None).await {
            Err(error) if error.code == Some(403) => {}
            answered => return answered,
        }
    }
    let mut all = Vec::new();
    for namespace in namespaces {
        all.extend(lease::list(cluster, Some(namespace)).await?);
    }
    Ok(all)
}

/// Why an object is still there.
#[derive(Clone, Debug)]
pub struct Stays {
    /// In words.
    pub why: Untrusted,
    /// The object that is held in its deletion, and the pods it waits for.
    pub held: Option<Box<(FaultFact, Vec<BlockingPod>)>>,
}

impl From<Untrusted> for Stays {
    fn from(why: Untrusted) -> Stays {
        Stays { why, held: None }
    }
}

/// Deletes one and waits until it is gone; what it left in its `victims`, or where none is known in pods of its own
/// namespace, is cleared. A pod that does not bear our label is not deleted: its images are put back.
///
/// # Errors
/// Why it is still there, and what holds it.
pub async fn remove(cluster: &Cluster, object: &ChaosRef, victims: &[PodRef]) -> Result<(), Stays> {
    match object.kind.as_str() {
        "Lease" => match lease::delete(cluster, object).await {
            Outcome::Done { .. } | Outcome::Already { .. } => Ok(()),
            Outcome::Refused { why } | Outcome::Failed { why } => Err(why.into()),
        },
        "PodNetworkChaos" | "PodIOChaos" | "PodHttpChaos" => clear(cluster, object, Remains::NetworkRules).await,
        kind if PLAIN.contains(&kind) => plain(cluster, object).await,
        _ => fault(cluster, object, victims).await,
    }
}

async fn clear(cluster: &Cluster, object: &ChaosRef, what: Remains) -> Result<(), Stays> {
    Ok(residue::clear(cluster, &Trace { what, object: object.clone(), from: None, run: None }).await?)
}

/// Deletes what Kubernetes itself takes care of, if it is ours.
async fn plain(cluster: &Cluster, object: &ChaosRef) -> Result<(), Stays> {
    let said = |error: ApiError| Stays::from(Untrusted::from(error.to_string()));
    let Some(found) = residue::get(cluster, &object.kind, &object.namespace, &object.name).await.map_err(said)? else { return Ok(()) };
    if !is_ours(&found) {
        return match object.kind.as_str() {
            "Pod" => clear(cluster, object, Remains::PauseImage).await,
            _ => Err(Untrusted::from("it does not bear gameday's label: whoever made it deletes it").into()),
        };
    }
    // with a namespace goes all that is in it: only one that says which run made it
    if object.kind == "Namespace" && !found.labels().contains_key(RUN) {
        let name = &object.name;
        return Err(
            Untrusted::from(format!("no label says which run made it; if it is a drill's: `kubectl delete namespace {name}`")).into()
        );
    }
    let api = residue::api(cluster, &object.kind, &object.namespace);
    let params =
        DeleteParams { preconditions: Some(Preconditions { uid: found.uid(), resource_version: None }), ..DeleteParams::default() };
    match api_error::within(&format!("delete {object}"), api.delete(&object.name, &params)).await {
        Ok(_) => {}
        Err(error) if error.is_not_found() => return Ok(()),
        Err(error) => return Err(said(error)),
    }
    let gone = async {
        loop {
            let now = residue::get(cluster, &object.kind, &object.namespace, &object.name).await;
            if now.is_ok_and(|now| now.is_none_or(|now| now.uid() != found.uid())) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    };
    let late = Untrusted::from(format!("its deletion was accepted, and it is still there after {} s", PATIENCE.as_secs()));
    tokio::time::timeout(PATIENCE, gone).await.map_err(|_| late.into())
}

/// Deletes a fault; its controller lifts it before it lets it go.
async fn fault(cluster: &Cluster, object: &ChaosRef, victims: &[PodRef]) -> Result<(), Stays> {
    let mut namespaces: BTreeSet<String> = victims.iter().map(|pod| pod.namespace.clone()).collect();
    namespaces.insert(object.namespace.clone());
    // its victims may be elsewhere
    if let Ok(Some((fact, _))) = chaos_mesh::get(cluster, object).await {
        namespaces.extend(fact.records.iter().map(|record| record.pod().namespace).filter(|namespace| !namespace.is_empty()));
    }
    let last: RefCell<Option<Untrusted>> = RefCell::new(None);
    let undone = async {
        let mut wait = Duration::from_millis(200);
        loop {
            match chaos_mesh::delete(cluster, object).await {
                Outcome::Refused { why } | Outcome::Failed { why } => drop(last.replace(Some(why))),
                Outcome::Done { .. } | Outcome::Already { .. } => {
                    match chaos_mesh::look_for(cluster, FaultId(0), object, &[], &namespaces).await {
                        Ok(Event::FaultLookedFor { present: false, .. }) => return,
                        Ok(_) => drop(last.replace(Some("its finalizer waits for Chaos Mesh; is its controller running?".into()))),
                        Err(error) => drop(last.replace(Some(error.to_string().into()))),
                    }
                }
            }
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(Duration::from_secs(5));
        }
    };
    if tokio::time::timeout(PATIENCE, undone).await.is_err() {
        let why = last.take().unwrap_or_else(|| "no answer".into());
        let why = Untrusted::from(format!("still there after {} s: {}", PATIENCE.as_secs(), why.raw()));
        let held = chaos_mesh::get(cluster, object).await.ok().flatten().map(|(fact, _)| fact);
        let Some(fact) = held.filter(|fact| fact.deleting && !fact.finalizers.is_empty()) else { return Err(why.into()) };
        let pods = chaos_mesh::blocking_pods(cluster, &fact).await;
        return Err(Stays { why, held: Some(Box::new((fact, pods))) });
    }
    let unseen = |error: ApiError| Untrusted::from(format!("the object is gone; whether its effect is, could not be seen: {error}"));
    for trace in residue::of_object(cluster, object, victims, &namespaces).await.map_err(unseen)? {
        if let Err(why) = residue::clear(cluster, &trace).await {
            return Err(Untrusted::from(format!("the object is gone, but left behind: {trace}: {}", why.raw())).into());
        }
    }
    Ok(())
}

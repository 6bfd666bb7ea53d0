//! The Lease of a run: `coordination.k8s.io/v1`, in the run's namespace, kept fresh while the run is live.
//!
//! Others read in it who holds it; by an annotation they ask the run to stop. The time of its last renewal is the API server's own,
//! from its record of who manages the fields: clocks of laptops are not believed.

use std::time::Duration;

use chrono::{DateTime, Utc};
use k8s_openapi::api::coordination::v1::Lease;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams};
use kube::{Api, ResourceExt};
use serde_json::json;
use tokio::time::Instant;

use crate::command::{AbortedBy, Command};
use crate::edge::api_error::{self, ApiError};
use crate::edge::pulse::Wall;
use crate::edge::{Cluster, Inbox, REQUEST_TIMEOUT, pods};
use crate::effect::{ChaosRef, EffectId, Outcome};
use crate::event::Event;
use crate::manifest::{GAMEDAY, MANAGED_BY, RUN};
use crate::text::Untrusted;

/// The annotation by which somebody asks the run to stop: their name.
pub const WISH: &str = "gameday/abort";
/// The annotation by which a run says which workloads it is about.
pub const TARGETS: &str = "gameday/targets";
/// How often it is renewed.
const RENEW: Duration = Duration::from_secs(10);
/// How often the wish of others is looked for.
const LOOK: Duration = Duration::from_secs(2);
/// After how long without renewal its holder is taken to be dead.
pub const LASTS: Duration = Duration::from_secs(40);

/// What a Lease tells of its run.
#[derive(Clone, Debug)]
pub struct About {
    /// The run's token.
    pub token: String,
    /// The workloads it is about: `Kind/namespace/name`.
    pub targets: Vec<String>,
}

fn api(cluster: &Cluster, namespace: &str) -> Api<Lease> {
    Api::namespaced(cluster.client.clone(), namespace)
}

/// By whom a wish is written: no renewal by the run that holds the Lease.
const WISHER: &str = "gameday-abort";

/// Takes the Lease, answers for it, and keeps it until it is gone. What can't be kept fresh is given up: an old Lease would tell
/// others that this run is dead.
pub async fn hold(cluster: &Cluster, lease: &ChaosRef, holder: &str, about: &About, id: EffectId, wall: impl Wall, inbox: &Inbox) {
    let outcome = create(cluster, lease, holder, about, wall.now()).await;
    // what did not come through is asked for again by the fold
    let taken = matches!(outcome, Outcome::Done { .. } | Outcome::Already { .. });
    let told = inbox.send(Event::Answered { effect: id.clone(), outcome }).await;
    if !taken || told.is_err() {
        return;
    }
    let api = api(cluster, &lease.namespace);
    // what was not answered may land until its request's deadline
    let sent = Instant::now();
    let (mut renewed, mut asked) = (sent, false);
    while !inbox.is_closed() {
        tokio::time::sleep(LOOK).await;
        let answer = if renewed.elapsed() >= RENEW {
            let fresh = json!({"spec": {"renewTime": stamp(wall.now())}});
            let answer =
                api_error::within("renew the Lease", api.patch(&lease.name, &PatchParams::apply(GAMEDAY), &Patch::Merge(fresh))).await;
            if answer.is_ok() {
                renewed = Instant::now();
            }
            answer
        } else {
            api_error::within("look at the Lease", api.get(&lease.name)).await
        };
        match answer {
            Ok(found) => {
                let Some(who) = found.annotations().get(WISH).filter(|_| !asked) else { continue };
                asked = true;
                let author = Untrusted::from(who.as_str());
                let note = Command::Note { author, text: "asks this run to stop, by gameday abort".into() };
                let _ = inbox.send(Event::Commanded(note)).await;
                let _ = inbox.send(Event::Commanded(Command::Abort { by: AbortedBy::OtherProcess })).await;
            }
            Err(error) if error.is_not_found() && sent.elapsed() > REQUEST_TIMEOUT => return,
            Err(error) if error.code == Some(403) => {
                delete(cluster, lease).await;
                let _ = inbox.send(Event::Answered { effect: id, outcome: error.outcome() }).await;
                return;
            }
            // it is renewed as soon as the API server answers again
            Err(_) => {}
        }
    }
}

async fn create(cluster: &Cluster, lease: &ChaosRef, holder: &str, about: &About, now: DateTime<Utc>) -> Outcome {
    let now = stamp(now);
    let made: Result<Lease, _> = serde_json::from_value(json!({
        "metadata": {
            "name": lease.name, "namespace": lease.namespace, "labels": {MANAGED_BY: GAMEDAY, RUN: about.token},
            "annotations": {TARGETS: about.targets.join(",")},
        },
        "spec": {"holderIdentity": holder, "leaseDurationSeconds": LASTS.as_secs(), "acquireTime": now, "renewTime": now},
    }));
    let sent = Instant::now();
    let made = match made {
        Ok(made) => made,
        Err(error) => return Outcome::Refused { why: format!("take the Lease: {error}").into() },
    };
    let params = PostParams { dry_run: false, field_manager: Some(GAMEDAY.to_owned()) };
    match api_error::within(&format!("create {lease}"), api(cluster, &lease.namespace).create(&params, &made)).await {
        Ok(_) => Outcome::Done { took: sent.elapsed() },
        Err(error) if error.code == Some(409) => Outcome::Already { took: sent.elapsed() },
        // credentials that have run out are taken anew: to be asked for again
        Err(error) if error.code == Some(401) => Outcome::Failed { why: error.to_string().into() },
        Err(error) => error.outcome(),
    }
}

/// Deletes it.
pub async fn delete(cluster: &Cluster, lease: &ChaosRef) -> Outcome {
    let sent = Instant::now();
    let api = api(cluster, &lease.namespace);
    match api_error::within(&format!("delete {lease}"), api.delete(&lease.name, &DeleteParams::default())).await {
        Ok(_) => Outcome::Done { took: sent.elapsed() },
        Err(error) if error.is_not_found() => Outcome::Already { took: sent.elapsed() },
        Err(error) => Outcome::Failed { why: error.to_string().into() },
    }
}

/// Asks the run that holds it to stop.
///
/// # Errors
/// The API server refuses or does not answer.
pub async fn wish(cluster: &Cluster, lease: &ChaosRef, who: &str) -> Result<(), ApiError> {
    let wish = json!({"metadata": {"annotations": {WISH: who}}});
    let (api, params) = (api(cluster, &lease.namespace), PatchParams::apply(WISHER));
    api_error::within(&format!("ask by {lease}"), api.patch(&lease.name, &params, &Patch::Merge(wish))).await.map(|_| ())
}

/// A Lease as others see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// Which.
    pub lease: ChaosRef,
    /// The token of its run.
    pub token: String,
    /// Who holds it: the machine and the run.
    pub holder: Untrusted,
    /// The workloads its run is about; `None` where it does not say.
    pub targets: Option<Vec<Untrusted>>,
    /// When it was last renewed, by the API server's clock where that is known.
    pub renewed: Option<DateTime<Utc>>,
}

impl Held {
    /// Whether its holder has renewed it lately, at a moment of the API server's clock. What can't be told counts as live: nobody's
    /// fault is lifted under their hands.
    #[must_use]
    pub fn is_live(&self, now: Option<DateTime<Utc>>) -> bool {
        let age = now.zip(self.renewed).and_then(|(now, renewed)| (now - renewed).to_std().ok());
        age.is_none_or(|age| age <= LASTS)
    }
}

/// All Leases of runs, in one namespace or in all.
///
/// # Errors
/// The API server refuses or does not answer.
pub async fn list(cluster: &Cluster, namespace: Option<&str>) -> Result<Vec<Held>, ApiError> {
    let params = ListParams::default().labels(&format!("{MANAGED_BY}={GAMEDAY}"));
    let listed: Api<Lease> = namespace.map_or_else(|| Api::all(cluster.client.clone()), |namespace| api(cluster, namespace));
    let found = api_error::within("list leases", listed.list(&params)).await?;
    Ok(found.items.iter().map(held).collect())
}

fn held(lease: &Lease) -> Held {
    let spec = lease.spec.as_ref();
    let ours = lease.managed_fields().iter().filter(|entry| entry.manager.as_deref() == Some(GAMEDAY));
    let by_server = ours.filter_map(|entry| entry.time.as_ref()).map(pods::wall).max();
    let own = spec.and_then(|spec| spec.renew_time.as_ref()).and_then(|time| DateTime::parse_from_rfc3339(&time.0.to_string()).ok());
    Held {
        lease: ChaosRef { kind: "Lease".to_owned(), namespace: lease.namespace().unwrap_or_default(), name: lease.name_any() },
        token: lease.labels().get(RUN).cloned().unwrap_or_default(),
        holder: spec.and_then(|spec| spec.holder_identity.as_deref()).unwrap_or("nobody it names").into(),
        targets: lease.annotations().get(TARGETS).map(|all| all.split(',').filter(|one| !one.is_empty()).map(Untrusted::from).collect()),
        renewed: by_server.or(own.map(|time| time.with_timezone(&Utc))),
    }
}

/// Now, as Leases write it: microseconds.
fn stamp(now: DateTime<Utc>) -> String {
    now.format("%Y-%m-%dT%H:%M:%S%.6fZ").to_string()
}

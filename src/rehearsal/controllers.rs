//! The controllers that live in the practice cluster.
//!
//! Each is an ordinary client of an API server: it sees changes through a [`Feed`], reads what an informer would have cached, and writes through a
//! [`Hand`]. None knows of another; they meet in the objects. Where they live is their [`Home`]: the practice cluster's own API server, where a read
//! costs nothing and a write takes the time a request takes; or a remote one that they are [`Attached`] to, mirrored by list and watch and written to
//! over HTTP. What is no API (the daemons on the nodes, the processes, what is wrong with the cluster) they reach through [`Hand::ground`].

pub mod accounts;
pub mod chaos;
pub mod cronjob;
pub mod daemonset;
pub mod deployment;
pub mod disruption;
pub mod duties;
pub mod endpoints;
mod feed;
pub mod garbage;
mod hand;
pub mod job;
pub mod kubelet;
pub mod lifecycle;
mod mirror;
pub mod orphans;
pub mod quota;
pub mod recorder;
mod remote;
pub mod replicaset;
pub mod revision;
pub mod scheduler;
pub mod statefulset;
pub mod template;
pub mod volumes;

use std::collections::BTreeSet;

use kube::Client;
use tokio::task::JoinSet;

use super::api::ApiServer;
use super::api::kinds::{Kind, RESOURCES};
use super::api::refusal::Refusal;
use super::api::store::{Change, Key};
use super::clock::Clock;

pub use feed::Feed;
pub use hand::{Ground, Hand, Home};
pub use remote::Attached;

/// Start every controller on the practice cluster's own API server.
pub fn start(server: &ApiServer) {
    let mut tasks = JoinSet::new();
    let home = Home::from(server);
    start_all(&home, &mut tasks);
    tasks.detach_all();
}

/// Start every controller as a client of the API server behind this client, which should have none of its own.
///
/// # Errors
/// When the server cannot be asked, or refuses to list something.
pub async fn attach(client: Client, clock: Clock, seed: u64) -> Result<Attached, Refusal> {
    let kinds: Vec<Kind> = RESOURCES.iter().map(|resource| resource.kind).collect();
    Ok(Attached::to(client, &kinds, "", clock, seed).await?.with(start_all))
}

fn start_all(home: &Home, tasks: &mut JoinSet<()>) {
    tasks.spawn(deployment::run(home.clone()));
    tasks.spawn(replicaset::run(home.clone()));
    tasks.spawn(statefulset::run(home.clone()));
    tasks.spawn(daemonset::run(home.clone()));
    tasks.spawn(job::run(home.clone()));
    tasks.spawn(cronjob::run(home.clone()));
    tasks.spawn(scheduler::run(home.clone()));
    tasks.spawn(kubelet::run(home.clone()));
    tasks.spawn(kubelet::node::run(home.clone()));
    tasks.spawn(endpoints::run(home.clone()));
    tasks.spawn(garbage::run(home.clone()));
    tasks.spawn(lifecycle::run(home.clone()));
    tasks.spawn(orphans::run(home.clone()));
    tasks.spawn(quota::run(home.clone()));
    tasks.spawn(accounts::run(home.clone()));
    tasks.spawn(volumes::run(home.clone()));
    tasks.spawn(disruption::run(home.clone()));
    chaos::start(home, tasks);
}

/// The workloads of this kind that these changes concern: changed themselves, or owner of something that changed.
#[must_use]
pub fn concerned(hand: &Hand, kind: Kind, batch: &[Change]) -> BTreeSet<Key> {
    let mut keys = BTreeSet::new();
    for change in batch {
        if change.key.kind == kind {
            keys.insert(change.key.clone());
            continue;
        }
        for object in std::iter::once(&change.object).chain(&change.previous) {
            let reference = object.list("/metadata/ownerReferences").iter().find(|owner| owner["controller"] == true);
            if let Some(reference) = reference
                && reference["kind"] == kind.resource().name
            {
                keys.insert(Key::new(kind, object.namespace(), super::api::object::text(reference, "/name")));
            }
        }
    }
    keys.retain(|key| hand.get(key).is_some());
    keys
}

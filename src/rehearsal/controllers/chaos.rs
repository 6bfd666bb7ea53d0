//! Chaos Mesh: its webhooks, its controllers, and the daemons on the nodes.
//!
//! What it does and in which order is taken from the project's own controllers as recorded running (`facts/chaos-mesh.md`, sections 1 to 5).

pub mod checks;
pub mod container_chaos;
pub mod cron;
pub mod daemon;
pub mod defaulting;
pub mod definition;
pub mod encoding;
pub mod engine;
pub mod experiment;
pub mod go;
pub mod http_chaos;
pub mod io_chaos;
pub mod network_chaos;
pub mod node_duties;
pub mod nodes;
pub mod notes;
pub mod pod_chaos;
pub mod pod_rules;
pub mod queue;
pub mod records;
pub mod rules;
pub mod schedule;
pub mod schema;
pub mod selection;
pub mod status_check;
pub mod webhooks;
pub mod workflow;
pub mod workflow_rules;

use kube::Client;
use tokio::task::JoinSet;

use schedule::Duty;

use super::{Attached, Home};
use crate::rehearsal::api::kinds::{Kind, RESOURCES};
use crate::rehearsal::api::refusal::Refusal;
use crate::rehearsal::clock::Clock;

/// The kinds of experiments.
pub const EXPERIMENTS: &[Kind] =
    &[Kind::PodChaos, Kind::NetworkChaos, Kind::IOChaos, Kind::StressChaos, Kind::HTTPChaos, Kind::DNSChaos, Kind::TimeChaos];

/// Start the controllers; the world decides whether Chaos Mesh is installed.
pub fn start(home: &Home, tasks: &mut JoinSet<()>) {
    if home.ground(|ground| ground.world.chaos_mesh) {
        for kind in EXPERIMENTS {
            tasks.spawn(engine::run(home.clone(), *kind));
        }
        for kind in [Kind::PodNetworkChaos, Kind::PodIOChaos, Kind::PodHttpChaos] {
            tasks.spawn(pod_rules::run(home.clone(), kind));
        }
        for duty in [Duty::Cron, Duty::Active, Duty::Gc, Duty::Pause] {
            tasks.spawn(schedule::run(home.clone(), duty));
        }
        for duty in [workflow::Duty::Entry, workflow::Duty::Abort] {
            tasks.spawn(workflow::run(home.clone(), duty));
        }
        tasks.spawn(status_check::run(home.clone()));
        for duty in node_duties::DUTIES {
            tasks.spawn(node_duties::run(home.clone(), duty));
        }
    }
}

/// Start the controllers as clients of the API server behind this client, which should have the custom resources and no controllers of them.
/// They act in one namespace (Chaos Mesh's `targetNamespace`), or in all for an empty one.
///
/// Pods are killed and images swapped there in earnest. Network rules are accepted and noted ([`Attached::ground`]), without effect. Containers are
/// killed by whoever takes the pods' processes over ([`Workers::hand_over`](super::kubelet::Workers::hand_over)); nobody has, at first. There are no
/// webhooks: objects of others are expected with their defaults filled in, those that the controllers make come so.
///
/// # Errors
/// When the server cannot be asked, or refuses to list something.
pub async fn attach(client: Client, namespace: &str, clock: Clock, seed: u64) -> Result<Attached, Refusal> {
    let own = RESOURCES.iter().map(|resource| resource.kind).filter(|kind| kind.is_chaos());
    let seen: Vec<Kind> = own.chain([Kind::Pod, Kind::Node, Kind::Namespace, Kind::Service, Kind::Endpoints]).collect();
    Ok(Attached::to(client, &seen, namespace, clock, seed).await?.with(start))
}

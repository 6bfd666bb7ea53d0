//! Chaos Mesh: its webhooks, its controllers for `PodChaos` and `NetworkChaos`, and the daemons on the nodes.
//!
//! What it does and in which order is taken from the project's own controllers as recorded running (`facts/chaos-mesh.md`, sections 1 to 5).

pub mod checks;
pub mod cron;
pub mod daemon;
pub mod defaulting;
pub mod definition;
pub mod encoding;
pub mod engine;
pub mod experiment;
pub mod go;
pub mod network_chaos;
pub mod notes;
pub mod pod_chaos;
pub mod podnetwork;
pub mod records;
pub mod schema;
pub mod selection;
pub mod webhooks;
pub mod workflow_rules;

use crate::rehearsal::api::ApiServer;
use crate::rehearsal::api::kinds::Kind;

/// Start the controllers; the world decides whether Chaos Mesh is installed.
pub fn start(server: &ApiServer) {
    if server.lock().world.chaos_mesh {
        tokio::spawn(engine::run(server.clone(), Kind::PodChaos));
        tokio::spawn(engine::run(server.clone(), Kind::NetworkChaos));
        tokio::spawn(podnetwork::run(server.clone()));
    }
}

//! Chaos Mesh.

pub mod daemon;
pub mod webhooks;

use crate::rehearsal::api::ApiServer;

/// Start the controllers.
pub fn start(_server: &ApiServer) {}

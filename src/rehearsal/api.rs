//! The API server of the practice cluster: a store, the rules of Kubernetes' API over it, and the HTTP face that a kube client talks to.
//!
//! Controllers of the practice cluster act on the same [`State`] through [`super::controllers::Hand`]; nothing else may.

pub mod access;
pub mod admission;
pub mod anatomy;
pub mod ask;
pub mod binding;
pub mod columns;
pub mod defaults;
pub mod definitions;
pub mod deletion;
pub mod discovery;
pub mod expiry;
pub mod fields;
pub mod guise;
pub mod kinds;
pub mod limits;
pub mod logs;
pub mod object;
pub mod openapi;
pub mod ownership;
pub mod patches;
pub mod protobuf;
pub mod proxy;
pub mod quota;
pub mod reading;
pub mod refusal;
pub mod requests;
pub mod resources;
pub mod route;
pub mod selector;
pub mod service;
pub mod store;
pub mod subresources;
pub mod table;
pub mod validation;
pub mod watching;
pub mod writes;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::clock::Clock;
use super::controllers::chaos::daemon::Daemon;
use super::controllers::kubelet::Workers;
use super::dice::{Dice, Rolls};
use super::traffic::visits::Visits;
use super::trouble::Troubles;
use super::world::World;
use proxy::Backends;
use store::Store;

/// Everything the practice cluster knows, behind one lock that nobody holds across a wait.
#[derive(Debug)]
pub struct State {
    /// Objects and their history.
    pub store: Store,
    /// The clock of the cluster.
    pub clock: Clock,
    /// Where all randomness comes from.
    pub dice: Dice,
    /// What the cluster is made of.
    pub world: World,
    /// What is wrong with it at the moment.
    pub troubles: Troubles,
    /// Who answers behind the service proxy.
    pub backends: Backends,
    /// Requests to pods that wait to be followed.
    pub visits: Visits,
    /// What Chaos Mesh's daemons have applied to pods.
    pub daemon: Daemon,
    /// The kubelets' workers.
    pub workers: Workers,
    /// Draws of request latencies.
    pub latencies: Rolls,
    /// The same of requests that are nobody's but the operator's.
    pub latencies_aside: Rolls,
    /// What the request at hand is to be warned of.
    pub warnings: Vec<String>,
    /// Who makes the request at hand, as `managedFields` names it; empty between requests.
    pub writer: String,
}

/// A handle to the API server; clones are the same server.
#[derive(Debug, Clone)]
pub struct ApiServer {
    state: Arc<Mutex<State>>,
}

impl ApiServer {
    /// A server over an empty store, its clock starting now.
    #[must_use]
    pub fn new(world: World, seed: u64) -> Self {
        let dice = Dice::new(seed);
        // What is defined before the world is founded shifts no revision of the world's.
        let defined = if world.chaos_mesh { definitions::count() } else { 0 };
        // A cluster that has lived for a while: its revisions do not start at nothing.
        let revision = 20_000 + dice.stream("revision").below(20_000);
        let mut troubles = Troubles::default();
        for denial in &world.denials {
            troubles.deny(denial.clone());
        }
        if !world.chaos_mesh {
            troubles.withdraw(kinds::CHAOS);
            // whoever installed nothing for the drill has no backups either
            troubles.withdraw(kinds::VELERO);
        }
        let mut state = State {
            store: Store::new(revision - defined),
            clock: Clock::start(&dice),
            latencies: dice.stream("request latency"),
            latencies_aside: dice.stream("request latency aside"),
            dice,
            world,
            troubles,
            backends: Backends::default(),
            visits: Visits::default(),
            daemon: Daemon::default(),
            workers: Workers::default(),
            warnings: Vec::new(),
            writer: String::new(),
        };
        state.found_roles();
        Self { state: Arc::new(Mutex::new(state)) }
    }

    /// The state, locked. Never hold it across an `await`.
    pub fn lock(&self) -> MutexGuard<'_, State> {
        // A panic under the lock leaves plain data that is still consistent enough to answer from.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

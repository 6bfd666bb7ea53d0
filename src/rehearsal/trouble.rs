//! What can be made to go wrong with the practice cluster itself, while it runs.

mod mishaps;

use std::collections::{BTreeMap, BTreeSet};

use chrono::Duration;
use tokio::sync::watch;

use super::api::ApiServer;
use super::world::Denial;

/// What is wrong at the moment.
#[derive(Debug, Default)]
pub struct Troubles {
    /// Whether nobody answers at the API server's address; who serves it listens for it.
    pub api_down: watch::Sender<bool>,
    /// Counts up each time all open connections are cut.
    pub epoch: u64,
    /// What the user may not do.
    pub denials: Vec<Denial>,
    /// API groups that are not served.
    pub withdrawn: BTreeSet<String>,
    /// Chaos Mesh's daemon does not answer on any node.
    pub chaos_daemon_down: bool,
    /// Nodes on which Chaos Mesh's daemon does not answer, whatever holds for the others.
    pub chaos_daemon_down_on: BTreeSet<String>,
    /// The error with which Chaos Mesh's daemons answer every call, if they do.
    pub chaos_daemon_fails: Option<String>,
    /// Whether Chaos Mesh's controllers and webhooks do not run; the controllers listen for it.
    pub chaos_controller_down: watch::Sender<bool>,
    /// Prometheus scrapes nothing.
    pub scrapes_missed: bool,
    /// Nodes whose kubelets do not answer.
    pub nodes_down: BTreeSet<String>,
    /// What ails the pods of a workload, by its name.
    pub plights: BTreeMap<String, Plight>,
}

/// What ails the pods of a workload.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is an ill of its own, and any of them may be there at once")]
pub struct Plight {
    /// Its images are not on the nodes, and take this long to fetch.
    pub pull: Option<std::time::Duration>,
    /// Its images cannot be fetched.
    pub pull_fails: bool,
    /// Its readiness probes are answered with 503.
    pub unready: bool,
    /// Its liveness probes are answered with 503.
    pub sick: bool,
    /// Its processes end as soon as they are started.
    pub crashes: bool,
    /// Its processes fill their memory in this time.
    pub leak: Option<std::time::Duration>,
}

impl Troubles {
    /// Whether nobody answers at the API server's address.
    #[must_use]
    pub fn cut_off(&self) -> bool {
        *self.api_down.borrow()
    }

    /// Deny this from now on.
    pub fn deny(&mut self, denial: Denial) {
        self.denials.push(denial);
    }

    /// Serve this group no longer.
    pub fn withdraw(&mut self, group: &str) {
        self.withdrawn.insert(group.to_owned());
    }
}

/// A handle to switch troubles on and off.
///
/// While nobody answers at the API server's address, that holds for the cluster's own controllers as well: nothing is replaced, bound or lifted until
/// they reach it again. What runs on the nodes goes on, and is told of afterwards.
#[derive(Debug, Clone)]
pub struct Trouble {
    server: ApiServer,
}

impl Trouble {
    pub(super) fn new(server: ApiServer) -> Self {
        Self { server }
    }

    /// From now on requests fail with a refused connection, and open watches are cut.
    pub fn api_down(&self) {
        self.server.lock().troubles.api_down.send_replace(true);
        self.cut_watches();
    }

    /// The API server answers again.
    pub fn api_up(&self) {
        self.server.lock().troubles.api_down.send_replace(false);
    }

    /// An outage of this length, from now.
    pub fn api_outage(&self, length: std::time::Duration) {
        self.api_down();
        let this = self.clone();
        tokio::spawn(async move {
            tokio::time::sleep(length).await;
            this.api_up();
        });
    }

    /// Cut every open watch in the middle.
    pub fn cut_watches(&self) {
        let mut state = self.server.lock();
        state.troubles.epoch += 1;
        state.store.wake_all();
    }

    /// Forget all history up to now: who wants to watch from an older revision gets `410 Gone`. Open watches are cut, so that they have to ask.
    pub fn compact(&self) {
        self.server.lock().store.compact();
        self.cut_watches();
    }

    /// Deny the user this verb.
    pub fn deny(&self, denial: Denial) {
        self.server.lock().troubles.deny(denial);
    }

    /// Deny nothing any more.
    pub fn allow_all(&self) {
        self.server.lock().troubles.denials.clear();
    }

    /// Serve this API group no longer.
    pub fn withdraw_group(&self, group: &str) {
        self.server.lock().troubles.withdraw(group);
    }

    /// Serve this API group again.
    pub fn restore_group(&self, group: &str) {
        self.server.lock().troubles.withdrawn.remove(group);
    }

    /// Whether Chaos Mesh's daemons are down. What they have applied stays applied.
    pub fn chaos_daemon_down(&self, down: bool) {
        self.server.lock().troubles.chaos_daemon_down = down;
    }

    /// Whether Chaos Mesh's daemon on this node is down.
    pub fn chaos_daemon_down_on(&self, node: &str, down: bool) {
        let mut state = self.server.lock();
        let nodes = &mut state.troubles.chaos_daemon_down_on;
        if down {
            nodes.insert(node.to_owned());
        } else {
            nodes.remove(node);
        }
    }

    /// The error with which Chaos Mesh's daemons answer every call from now on; none for a sound one.
    pub fn chaos_daemon_fails(&self, error: Option<&str>) {
        self.server.lock().troubles.chaos_daemon_fails = error.map(str::to_owned);
    }

    /// Whether Chaos Mesh's controllers and webhooks are down. Nothing expires or recovers while they are.
    pub fn chaos_controller_down(&self, down: bool) {
        self.server.lock().troubles.chaos_controller_down.send_replace(down);
    }

    /// Set the cluster's clocks off against the true time (negative: behind).
    pub fn skew(&self, skew: Duration) {
        self.server.lock().clock.set_skew(skew);
    }
}

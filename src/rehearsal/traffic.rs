//! The service model: requests to the workloads, what becomes of them, and the metrics that they leave.
//!
//! [`mesh`] follows each request: who asks ([`service`]), where the proxies send it, what the [`network`] does to it, and how the [`replica`] that it
//! comes to works on it, with the time of others where it needs them. [`sight`] is all that this sees of the cluster. [`scrape`] goes round the
//! targets as Prometheus does: [`application`], [`kube_state`], [`cadvisor`].
//!
//! Arithmetic here keeps to operations that are the same on every machine ([`chance`]), since samples end up in journals.

pub mod application;
pub mod cadvisor;
pub mod calls;
pub mod chance;
pub mod kube_state;
pub mod mesh;
pub mod network;
pub mod page;
pub mod policy;
pub mod replica;
pub mod scrape;
pub mod service;
pub mod sight;
pub mod tally;
pub mod visits;

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until};

use super::api::kinds::Kind;
use super::api::store::KindSet;
use super::api::{ApiServer, State};
use super::controllers::chaos::daemon::{Effect, IoFault, NameFault, NetworkFault, Stress, Ways};
use super::controllers::chaos::http_chaos::HttpFault;
use super::prometheus::rules::RuleGroup;
use calls::CallId;
use mesh::Mesh;
use scrape::Round;
use visits::Visit;

/// Who takes the samples.
pub trait MetricSink: Send {
    /// The series with these labels, `__name__` among them, by the number that names it from now on.
    fn series(&mut self, labels: &[(&str, &str)]) -> usize;

    /// One sample of a series.
    fn sample(&mut self, series: usize, at_ms: i64, value: f64);

    /// The series has no more samples: its target is gone, or shows it no longer.
    fn stale(&mut self, series: usize, at_ms: i64) {
        let _ = (series, at_ms);
    }

    /// Scrapes are to come this often, and these rules to be evaluated over the samples.
    fn begin(&mut self, every: Duration, rules: &[RuleGroup]) {
        let _ = (every, rules);
    }

    /// All samples of this moment were taken.
    fn scraped(&mut self, at_ms: i64) {
        let _ = at_ms;
    }
}

/// How finely the cluster is looked at; requests are followed to the microsecond.
const STEP: Duration = Duration::from_millis(100);

/// How many looks pass at most until the rules on networks are read again. They change with an object, or a moment before.
const STALE_LOOKS: u32 = 3;

/// How much of the past is there when a rehearsal starts, so that rates have something to stand on.
const HISTORY: Duration = Duration::from_mins(5);

/// The mesh, and how it last saw the cluster.
struct Watch {
    mesh: Mesh,
    faults: Vec<NetworkFault>,
    stress: Vec<Stress>,
    files: Vec<IoFault>,
    requests: Vec<HttpFault>,
    names: Vec<NameFault>,
    revision: u64,
    /// The newest change of what [`sight`] looks at, once it has looked.
    seen: Option<u64>,
    looks: u32,
    /// Who waits for which call.
    guests: BTreeMap<CallId, oneshot::Sender<Option<u16>>>,
}

impl Watch {
    /// Takes in who asks a pod through the API server's proxy.
    fn receive(&mut self, visits: Vec<Visit>) {
        for Visit { namespace, pod, reads, told } in visits {
            match self.mesh.visit(&namespace, &pod, usize::from(!reads)) {
                Some(call) => drop(self.guests.insert(call, told)),
                // Who has gone meanwhile need not be told.
                None => drop(told.send(None)),
            }
        }
    }

    /// Tells those whose calls are over.
    fn tell(&mut self) {
        for (call, code) in self.mesh.visited() {
            if let Some(told) = self.guests.remove(&call) {
                let _ = told.send(Some(code));
            }
        }
    }

    /// Sees what has changed, and lives on until this moment.
    fn step(&mut self, state: &State, until: u64) {
        let revision = state.store.revision() + state.workers.untold_changes();
        let changed = revision != self.revision;
        self.looks += 1;
        let befallen = (changed || self.looks > STALE_LOOKS) && self.befallen(state);
        self.revision = revision;
        let seen = Some(if changed {
            state.store.revision_of(KindSet::of(sight::KINDS)) + state.workers.untold_changes()
        } else {
            self.seen.unwrap_or(0)
        });
        if befallen || seen != self.seen {
            self.seen = seen;
            for service in 0..self.mesh.services.len() {
                let sight = sight::look(state, &self.mesh.services[service].workload, &self.faults);
                self.mesh.see(service, &sight);
            }
        }
        self.mesh.run(until);
    }
}

impl Watch {
    /// Reads what Chaos Mesh has done to pods. Whether that has changed.
    fn befallen(&mut self, state: &State) -> bool {
        self.looks = 0;
        let (mut faults, daemon) = (state.daemon.faults(), &state.daemon);
        faults.extend(out_of_reach(state));
        let same = faults == self.faults
            && daemon.stresses().eq(&self.stress)
            && daemon.io_faults().eq(&self.files)
            && daemon.name_faults().eq(&self.names)
            && daemon.http_faults().eq(&self.requests);
        if !same {
            self.faults = faults;
            self.stress = daemon.stresses().cloned().collect();
            self.files = daemon.io_faults().cloned().collect();
            self.names = daemon.name_faults().cloned().collect();
            self.requests = daemon.http_faults().cloned().collect();
        }
        !same
    }
}

/// Let requests flow, and scrape into this sink, as long as the runtime lives.
pub fn start(server: &ApiServer, mut sink: Box<dyn MetricSink>) {
    let state = server.lock();
    let every = state.world.scrape_interval.max(STEP);
    let past = every * scrapes(every);
    let wall = state.clock.now() - chrono::Duration::from_std(past).unwrap_or_default();
    let mesh = Mesh::new(&state.world.workloads, &state.dice, wall.timestamp_millis());
    let mut watch = Watch {
        mesh,
        faults: Vec::new(),
        stress: Vec::new(),
        files: Vec::new(),
        requests: Vec::new(),
        names: Vec::new(),
        revision: 0,
        seen: None,
        looks: 0,
        guests: BTreeMap::new(),
    };
    let mut round = Round::new(&state.dice);
    sink.begin(every, &state.world.rules);
    drop(state);
    history(server, &mut watch, &mut round, every, &mut *sink);
    server.lock().visits.open();
    let server = server.clone();
    tokio::spawn(async move {
        let start = Instant::now();
        let (mut next_step, mut next_scrape) = (start + STEP, start + every);
        loop {
            sleep_until(next_step).await;
            let visits = server.lock().visits.take();
            watch.receive(visits);
            watch.step(&server.lock(), micros(past + (next_step - start)));
            watch.tell();
            if next_step >= next_scrape {
                next_scrape += every;
                let state = server.lock();
                // a gap is a gap: nothing is scraped, nothing ends, no rule is looked at
                if !state.troubles.scrapes_missed {
                    // Prometheus has a clock of its own, which is right whatever the API server's says.
                    let at_ms = state.clock.now().timestamp_millis();
                    round.scrape(&state, &watch.mesh, every, at_ms, &mut *sink);
                    drop(state);
                    sink.scraped(at_ms);
                }
            }
            next_step += STEP;
        }
    });
}

/// Some minutes of a quiet past.
fn history(server: &ApiServer, watch: &mut Watch, round: &mut Round, every: Duration, sink: &mut dyn MetricSink) {
    let state = server.lock();
    let mut passed = Duration::ZERO;
    let all = scrapes(every);
    for ago in (1..=all).rev() {
        let until = every * (all - ago + 1);
        while passed < until {
            passed = (passed + STEP).min(until);
            watch.step(&state, micros(passed));
        }
        let at = state.clock.now() - chrono::Duration::from_std(every * (ago - 1)).unwrap_or_default();
        round.scrape(&state, &watch.mesh, every, at.timestamp_millis(), sink);
    }
}

/// How many scrapes the past holds.
fn scrapes(every: Duration) -> u32 {
    u32::try_from(HISTORY.as_millis().div_ceil(every.as_millis().max(1))).unwrap_or(u32::MAX)
}

fn micros(length: Duration) -> u64 {
    u64::try_from(length.as_micros()).unwrap_or(u64::MAX)
}

/// Seconds of so many milliseconds.
fn seconds(millis: i64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "Unix milliseconds are far below 2^52")]
    let millis = millis as f64;
    millis / 1000.0
}

/// The pods on nodes that are down: nobody reaches them, and nobody says so.
fn out_of_reach(state: &State) -> impl Iterator<Item = NetworkFault> {
    let down = &state.troubles.nodes_down;
    let pods = (!down.is_empty()).then(|| state.store.list(Kind::Pod, None)).into_iter().flatten();
    pods.filter(|pod| down.contains(pod.text("/spec/nodeName"))).map(|pod| NetworkFault {
        namespace: pod.namespace().to_owned(),
        pod: pod.name().to_owned(),
        effect: Effect::Dropped(Ways { outgoing: true, incoming: true }),
        towards: None,
    })
}

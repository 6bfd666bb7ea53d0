//! The requests of one workload.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use crate::rehearsal::api::State;
use crate::rehearsal::api::kinds::Kind;
use crate::rehearsal::api::object::{Object, list, text};
use crate::rehearsal::controllers::chaos::daemon::{Effect, NetworkFault};
use crate::rehearsal::dice::{Dice, Rolls};
use crate::rehearsal::world::{Traffic, Workload};

/// Upper ends of the histogram's buckets, in seconds; above the last is `+Inf`.
pub const BUCKETS: [f64; 11] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// The same as label values, with the one above them all.
pub const BUCKET_LABELS: [&str; 12] = ["0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1", "2.5", "5", "10", "+Inf"];

/// After which a caller gives up.
const TIMEOUT: f64 = 1.0;

/// Bytes of an answer, for rules that limit bandwidth.
const ANSWER_BYTES: f64 = 2048.0;

/// At most this many requests are drawn in one step; more are counted by weight.
const DRAWN: f64 = 64.0;

/// Where a request can be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// The pod.
    pub pod: Arc<str>,
    /// Its address.
    pub ip: Arc<str>,
}

/// What a workload's pods are like at a moment.
#[derive(Debug, Clone, Default)]
pub struct View {
    /// The pods there are.
    pub pods: Vec<Arc<Object>>,
    /// What the endpoints say.
    pub routes: Vec<Route>,
    revision: u64,
}

/// What was counted for one pod.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Tally {
    /// Requests by status code.
    pub codes: BTreeMap<u16, f64>,
    /// Answers by bucket, not cumulated; the last is `+Inf`.
    pub buckets: [f64; BUCKETS.len() + 1],
    /// Seconds of all answers.
    pub seconds: f64,
    /// CPU seconds used.
    pub cpu: f64,
}

impl Tally {
    fn count(&mut self, code: u16, seconds: f64, weight: f64) {
        *self.codes.entry(code).or_insert(0.0) += weight;
        let bucket = BUCKETS.iter().position(|end| seconds <= *end).unwrap_or(BUCKETS.len());
        self.buckets[bucket] += weight;
        self.seconds += seconds * weight;
    }
}

/// The requests of one workload, from the beginning.
#[derive(Debug)]
pub struct Flow {
    /// The workload.
    pub workload: Workload,
    /// What was counted, by pod; under the empty name what found no pod at all.
    pub tallies: BTreeMap<String, Tally>,
    rolls: Rolls,
    carry: f64,
    routes: Vec<Route>,
    coming: Option<(Instant, Vec<Route>)>,
    view: View,
}

impl Flow {
    /// The flow of this workload.
    #[must_use]
    pub fn new(workload: &Workload, dice: &Dice) -> Self {
        Self {
            workload: workload.clone(),
            tallies: BTreeMap::new(),
            rolls: dice.stream(&format!("traffic/{}/{}", workload.namespace, workload.name)),
            carry: 0.0,
            routes: Vec::new(),
            coming: None,
            view: View::default(),
        }
    }

    /// The workload's pods and endpoints as they are now.
    pub fn look(&mut self, state: &State) -> View {
        if self.view.revision != state.store.revision() {
            self.view = view(state, &self.workload);
        }
        self.view.clone()
    }

    /// The workload's pods as last looked at.
    #[must_use]
    pub fn pods(&self) -> Vec<Arc<Object>> {
        self.view.pods.clone()
    }

    /// The routes to the workloads that this one calls.
    #[must_use]
    pub fn callees(&self, flows: &[Self]) -> Vec<Vec<Route>> {
        let called = |name: &String| flows.iter().find(|f| f.workload.namespace == self.workload.namespace && &f.workload.name == name);
        self.workload.calls.iter().map(|name| called(name).map(|f| f.view.routes.clone()).unwrap_or_default()).collect()
    }

    /// What the pods' own process uses, and the requests of this much time.
    pub fn step(&mut self, view: &View, faults: &[NetworkFault], callees: &[Vec<Route>], at_ms: i64, time: Duration) {
        self.believe(&view.routes);
        for pod in view.pods.iter().filter(|pod| pod.text("/status/phase") == "Running") {
            self.tallies.entry(pod.name().to_owned()).or_default().cpu += 0.002 * time.as_secs_f64();
        }
        let Some(traffic) = self.workload.traffic else { return };
        let rate = traffic.rps * (1.0 + traffic.swing * wave(at_ms, traffic.period));
        let wanted = rate * time.as_secs_f64() * (0.85 + 0.3 * self.rolls.unit()) + self.carry;
        let whole = wanted.floor().max(0.0);
        self.carry = wanted - whole;
        let weight = (whole / DRAWN).ceil().max(1.0);
        let mut left = whole;
        let each = rate / count(self.routes.len().max(1));
        while left > 0.0 {
            let weight = weight.min(left);
            left -= weight;
            self.request(view, faults, callees, &traffic, each, weight);
        }
    }

    /// A proxy believes the endpoints only a little later.
    fn believe(&mut self, routes: &[Route]) {
        let now = Instant::now();
        if self.routes.is_empty() && self.tallies.is_empty() {
            self.routes = routes.to_vec();
        }
        if let Some((at, coming)) = self.coming.take() {
            if at <= now {
                self.routes = coming;
            } else if coming == routes {
                self.coming = Some((at, coming));
            }
        }
        if self.coming.is_none() && self.routes != routes {
            let lag = self.rolls.between(Duration::from_millis(80), Duration::from_millis(350));
            self.coming = Some((now + lag, routes.to_vec()));
        }
    }

    fn request(&mut self, view: &View, faults: &[NetworkFault], callees: &[Vec<Route>], traffic: &Traffic, each: f64, weight: f64) {
        if self.routes.is_empty() {
            self.tallies.entry(String::new()).or_default().count(503, 0.001, weight);
            return;
        }
        let route = self.routes[self.rolls.index(self.routes.len())].clone();
        let serving = view.pods.iter().any(|pod| pod.name() == &*route.pod && pod.condition("Ready"));
        let (code, seconds) = if serving {
            self.answer(&route, faults, callees, traffic, each)
        } else if self.rolls.unit() < 0.7 {
            // The address still answers: refused at once.
            (500, 0.002)
        } else {
            // Nobody has the address: the caller waits for nothing.
            (500, TIMEOUT)
        };
        if !self.tallies.contains_key(&*route.pod) {
            self.tallies.insert(route.pod.to_string(), Tally::default());
        }
        if let Some(tally) = self.tallies.get_mut(&*route.pod) {
            tally.count(code, seconds, weight);
            tally.cpu += if serving { 0.0015 * weight } else { 0.0 };
        }
    }

    /// What a pod that serves answers, and after how long.
    fn answer(&mut self, route: &Route, faults: &[NetworkFault], callees: &[Vec<Route>], traffic: &Traffic, each: f64) -> (u16, f64) {
        let load = each / traffic.capacity.max(0.001);
        if load > 1.0 && self.rolls.unit() > 1.0 / load {
            return (500, TIMEOUT);
        }
        let mut seconds = traffic.latency.as_secs_f64() / (1.0 - load.min(0.95)) * self.spread();
        let Some(extra) = self.travel(route, None, faults) else { return (504, TIMEOUT) };
        seconds += extra;
        for routes in callees {
            if routes.is_empty() {
                return (500, seconds);
            }
            let callee = routes[self.rolls.index(routes.len())].clone();
            let Some(extra) = self.travel(route, Some(&callee), faults) else { return (500, TIMEOUT) };
            seconds += 0.005 * self.spread() + extra;
        }
        if seconds > TIMEOUT {
            (504, TIMEOUT)
        } else if self.rolls.unit() < traffic.error_share {
            (500, seconds)
        } else {
            (200, seconds)
        }
    }

    /// Most answers are near the typical one, some are slow, a few very slow.
    fn spread(&mut self) -> f64 {
        let base = 0.6 + 0.8 * self.rolls.unit();
        let tail = self.rolls.unit();
        if tail < 0.005 {
            base * 6.0
        } else if tail < 0.05 {
            base * 2.5
        } else {
            base
        }
    }

    /// What the network adds between a pod and the world, or between a pod and one that it calls; none when nothing comes through.
    fn travel(&mut self, pod: &Route, callee: Option<&Route>, faults: &[NetworkFault]) -> Option<f64> {
        let mut seconds = 0.0;
        for fault in faults {
            let (here, there) = match callee {
                _ if fault.pod == *pod.pod && fault.namespace == self.workload.namespace => (true, callee.map(|c| &*c.ip)),
                Some(callee) if fault.pod == *callee.pod && fault.namespace == self.workload.namespace => (true, Some(&*pod.ip)),
                _ => (false, None),
            };
            let meant = match &fault.towards {
                None => true,
                Some(networks) => there.is_some_and(|ip| networks.iter().any(|network| network.strip_suffix("/32") == Some(ip))),
            };
            if here && meant {
                seconds += self.suffer(&fault.effect)?;
            }
        }
        Some(seconds)
    }

    fn suffer(&mut self, effect: &Effect) -> Option<f64> {
        let Effect::Shaped { delay, jitter, loss, corrupt, rate, duplicate: _ } = effect else { return None };
        let mut seconds = (delay.as_secs_f64() + jitter.as_secs_f64() * (2.0 * self.rolls.unit() - 1.0)).max(0.0);
        // What is lost is sent again, each time after twice as long.
        let mut wait = 0.2;
        let lost = 1.0 - (1.0 - loss) * (1.0 - corrupt);
        while self.rolls.unit() < lost {
            seconds += wait;
            wait *= 2.0;
            if seconds > TIMEOUT {
                return None;
            }
        }
        if let Some(rate) = rate {
            #[expect(clippy::cast_precision_loss, reason = "a rate in bytes is far below 2^52")]
            let rate = (*rate as f64).max(1.0);
            seconds += ANSWER_BYTES / rate;
        }
        Some(seconds)
    }
}

/// From -1 to 1 and back within the period.
fn wave(at_ms: i64, period: Duration) -> f64 {
    let period = i64::try_from(period.as_millis()).unwrap_or(1).max(1);
    let within = u32::try_from(at_ms.rem_euclid(period)).unwrap_or(0);
    let share = f64::from(within) / f64::from(u32::try_from(period).unwrap_or(u32::MAX));
    1.0 - 4.0 * (share - 0.5).abs()
}

fn count(number: usize) -> f64 {
    f64::from(u32::try_from(number).unwrap_or(u32::MAX))
}

fn view(state: &State, workload: &Workload) -> View {
    let namespace = workload.namespace.as_str();
    let ours = |labels: &BTreeMap<&str, &str>| workload.labels.iter().all(|(key, value)| labels.get(key.as_str()) == Some(&value.as_str()));
    let pods: Vec<Arc<Object>> = state.store.list(Kind::Pod, Some(namespace)).filter(|pod| ours(&pod.labels())).cloned().collect();
    let service = state.store.list(Kind::Service, Some(namespace)).find(|service| {
        let selector = crate::rehearsal::api::object::pairs(service.value(), "/spec/selector");
        !selector.is_empty() && selector.iter().all(|(key, value)| workload.labels.get(*key).map(String::as_str) == Some(*value))
    });
    let routes = match service {
        Some(service) => state
            .store
            .list(Kind::EndpointSlice, Some(namespace))
            .filter(|slice| slice.labels().get("kubernetes.io/service-name") == Some(&service.name()))
            .flat_map(|slice| slice.list("/endpoints"))
            .filter(|endpoint| endpoint.pointer("/conditions/ready") == Some(&Value::Bool(true)))
            .map(|endpoint| Route {
                pod: text(endpoint, "/targetRef/name").into(),
                ip: list(endpoint, "/addresses").first().and_then(Value::as_str).unwrap_or_default().into(),
            })
            .collect(),
        None => pods
            .iter()
            .filter(|pod| pod.condition("Ready") && !pod.deleting())
            .map(|pod| Route { pod: pod.name().into(), ip: pod.text("/status/podIP").into() })
            .collect(),
    };
    View { pods, routes, revision: state.store.revision() }
}

//! One service: who asks it, who serves, and where the proxies believe that to be.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::chance;
use super::replica::{Replica, micros};
use super::sight::{PROXIES, Sight};
use super::tally::Tally;
use crate::rehearsal::dice::{Dice, Rolls};
use crate::rehearsal::world::{Traffic, Workload};

/// How long until a proxy believes what the endpoints say.
const LAG: (Duration, Duration) = (Duration::from_millis(80), Duration::from_millis(350));

/// What one proxy believes.
#[derive(Debug, Clone, Default)]
struct Proxy {
    routes: Vec<Arc<str>>,
    /// What it will believe, and when.
    coming: Option<(u64, Vec<Arc<str>>)>,
}

/// Where the randomness of a service comes from: what one stream draws never shifts another.
#[derive(Debug)]
pub struct Streams {
    /// Who comes, and when.
    pub arrivals: Rolls,
    /// How long work takes.
    pub work: Rolls,
    /// What becomes of packets, and which way they are sent.
    pub network: Rolls,
    lags: Rolls,
}

/// One service and its pods.
#[derive(Debug)]
pub struct Service {
    /// The workload.
    pub workload: Workload,
    /// Its traffic, in followed requests.
    pub traffic: Traffic,
    /// The time of the pod's own part that is no CPU, in microseconds.
    pub waits: f64,
    /// The CPU time of a request, in microseconds.
    pub demand: f64,
    /// The services that each request needs, in this order.
    pub callees: Vec<usize>,
    /// Its pods, by number.
    pub replicas: BTreeMap<u32, Replica>,
    /// Tries of other services that no pod of it has answered, so that nobody here has heard of them.
    pub unheard: f64,
    /// Requests from outside that no pod has answered, as the proxies before it count them.
    pub unanswered: Tally,
    /// Tries that were sent.
    pub sent: u64,
    /// Tries that no pod answered and after which the caller tried again.
    pub retried: u64,
    /// Tries that pods answered which are no more.
    pub buried: f64,
    /// Where its randomness comes from.
    pub streams: Streams,
    sight: Option<Sight>,
    proxies: [Proxy; PROXIES],
    next_replica: u32,
    mood: f64,
    mood_until: u64,
    burst_until: u64,
}

impl Service {
    /// The service of this workload; `weight` requests are followed as one.
    #[must_use]
    pub fn new(workload: &Workload, dice: &Dice, weight: f64) -> Self {
        let stream = |what: &str| dice.stream(&format!("{what}/{}/{}", workload.namespace, workload.name));
        let traffic = workload.traffic.unwrap_or_else(Traffic::called);
        let demand = 1e6 / traffic.capacity.max(0.01);
        let grain = |number: u32| if weight > 1.0 { ceil(f64::from(number) / weight) } else { number };
        Self {
            workload: workload.clone(),
            traffic: Traffic {
                rps: traffic.rps / weight,
                concurrency: grain(traffic.concurrency).max(1),
                backlog: grain(traffic.backlog),
                pool: grain(traffic.pool),
                ..traffic
            },
            waits: (traffic.latency.as_secs_f64() * 1e6 - demand).max(0.0),
            demand,
            callees: Vec::new(),
            replicas: BTreeMap::new(),
            unheard: 0.0,
            unanswered: Tally::showing(&[502, 503, 504]),
            sent: 0,
            retried: 0,
            buried: 0.0,
            streams: Streams {
                arrivals: stream("traffic"),
                work: stream("traffic work"),
                network: stream("traffic network"),
                lags: stream("traffic lags"),
            },
            sight: None,
            proxies: Default::default(),
            next_replica: 0,
            mood: 0.0,
            mood_until: 0,
            burst_until: 0,
        }
    }

    /// How long until the next request from outside, if any comes within a minute.
    pub fn next_arrival(&mut self, now: u64, wall_ms: i64) -> Option<u64> {
        let rate = self.rate(now, wall_ms);
        (rate > 0.02).then(|| micros(chance::wait(&mut self.streams.arrivals, 1e6 / rate)).max(1))
    }

    /// Requests a second at this moment: the day's swing, a mood that drifts, and now and then a burst.
    fn rate(&mut self, now: u64, wall_ms: i64) -> f64 {
        let Traffic { rps, swing, period, burst, .. } = self.traffic;
        if rps <= 0.0 {
            return 0.0;
        }
        if now >= self.mood_until {
            self.mood_until = now + 1_000_000;
            self.mood = 0.94 * self.mood + 0.02 * chance::normal(&mut self.streams.arrivals);
            let chance_of_one = 1.0 / period.as_secs_f64().max(1.0);
            if burst > 1.0 && self.streams.arrivals.unit() < chance_of_one {
                self.burst_until = now + micros(period.as_secs_f64() / 20.0 * 1e6);
            }
        }
        let length = i64::try_from(period.as_millis()).unwrap_or(i64::MAX).max(1);
        #[expect(clippy::cast_precision_loss, reason = "milliseconds of a period are far below 2^52")]
        let turn = wall_ms.rem_euclid(length) as f64 / length as f64;
        let more = if now < self.burst_until { burst } else { 1.0 };
        rps * more * (1.0 + swing * chance::sine(turn) + self.mood).max(0.0)
    }

    /// The workload is seen like this now. Answers the replicas that are no more.
    pub fn see(&mut self, sight: &Sight, now: u64) -> Vec<u32> {
        let first = self.sight.is_none();
        if self.sight.as_ref() == Some(sight) {
            return Vec::new();
        }
        let mut gone = Vec::new();
        for (number, replica) in &mut self.replicas {
            match sight.pods.iter().find(|pod| pod.container == replica.pod.container) {
                Some(pod) if pod.listening => replica.pod = pod.clone(),
                Some(_) | None => gone.push(*number),
            }
        }
        for pod in sight.pods.iter().filter(|pod| pod.listening) {
            if !self.replicas.values().any(|replica| replica.pod.container == pod.container) {
                self.replicas.insert(self.next_replica, Replica::new(pod.clone(), if first { 0 } else { now }));
                self.next_replica += 1;
            }
        }
        if first {
            for proxy in &mut self.proxies {
                proxy.routes.clone_from(&sight.routes);
            }
        }
        self.sight = Some(sight.clone());
        gone
    }

    /// The proxies learn of the endpoints, each in its own time.
    pub fn believe(&mut self, now: u64) {
        let Some(Sight { routes, .. }) = &self.sight else { return };
        for proxy in &mut self.proxies {
            if let Some((at, coming)) = proxy.coming.take() {
                if at <= now {
                    proxy.routes = coming;
                } else if &coming == routes {
                    proxy.coming = Some((at, coming));
                }
            }
            if proxy.coming.is_none() && &proxy.routes != routes {
                let lag = self.streams.lags.between(LAG.0, LAG.1);
                proxy.coming = Some((now + u64::try_from(lag.as_micros()).unwrap_or(0), routes.clone()));
            }
        }
    }

    /// A pod to send to, as one of the proxies believes; none when it knows of none. The pod it believes in may be no more.
    pub fn route(&mut self, proxy: Option<usize>) -> Option<Option<u32>> {
        let rolls = &mut self.streams.network;
        let proxy = proxy.unwrap_or_else(|| rolls.index(PROXIES));
        let routes = &self.proxies[proxy % PROXIES].routes;
        let name = routes.get(rolls.index(routes.len()))?;
        Some(self.replicas.iter().rev().find(|(_, replica)| replica.pod.name == *name).map(|(number, _)| *number))
    }

    /// Microseconds that a request spends on what is no CPU, and whether that failed.
    pub fn own_part(&mut self, disk: super::sight::Disk) -> (f64, bool) {
        let rolls = &mut self.streams.work;
        let tail = rolls.unit();
        // most are near the typical one, a few meet a pause
        let pause = if tail < 0.002 {
            6.0
        } else if tail < 0.02 {
            2.5
        } else {
            1.0
        };
        let mut time = self.waits * chance::factor(rolls, 0.25) * pause;
        let mut failed = self.traffic.error_share > 0.0 && rolls.unit() < self.traffic.error_share;
        if disk.late > 0.0 || disk.failing > 0.0 {
            for _ in 0..self.traffic.disk {
                time += if rolls.unit() < disk.late { disk.delay * 1e6 } else { 0.0 };
                failed |= rolls.unit() < disk.failing;
            }
        }
        (time, failed)
    }

    /// CPU time of one request, in microseconds.
    pub fn draw_demand(&mut self) -> f64 {
        self.demand * chance::factor(&mut self.streams.work, 0.45)
    }

    /// How long a caller waits, in microseconds.
    #[must_use]
    pub fn patience(&self) -> u64 {
        u64::try_from(self.traffic.timeout.as_micros()).unwrap_or(u64::MAX).clamp(1_000, 3_600_000_000)
    }

    /// Counts what every pod used until now.
    pub fn use_up(&mut self, now: u64) {
        for replica in self.replicas.values_mut() {
            replica.use_up(now);
        }
    }
}

fn ceil(number: f64) -> u32 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a part of a count")]
    let number = number.ceil().max(0.0) as u32;
    number
}

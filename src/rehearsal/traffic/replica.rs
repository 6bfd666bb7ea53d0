//! One process that serves: what it works on, what waits, what it uses and what it counted.

use std::collections::{BTreeMap, VecDeque};

use super::calls::CallId;
use super::sight::Pod;
use super::tally::{Outcome, Tally};

/// How long a new process is slow: its caches are cold.
const COLD: u64 = 5_000_000;

/// A process that serves requests, from its start to its end.
#[derive(Debug)]
pub struct Replica {
    /// The pod as last seen.
    pub pod: Pod,
    /// Since when it serves, in microseconds; 0 for one that was there from the beginning.
    pub since: u64,
    /// What it counted.
    pub tally: Tally,
    /// What came of its own calls, by the service that it called.
    pub outgoing: BTreeMap<(usize, Outcome), f64>,
    /// What it used.
    pub usage: Usage,
    /// Requests that it works on.
    pub working: u32,
    /// Requests that wait for it.
    pub queue: VecDeque<CallId>,
    /// Its connections to other services.
    pub pools: BTreeMap<usize, Pool>,
    /// When its CPU will have done all that it was given.
    cpu_free: u64,
    /// CPU time given to it since the last count, in microseconds.
    given: u64,
    counted: u64,
    behind: u64,
}

/// Connections to one service.
#[derive(Debug, Default)]
pub struct Pool {
    /// How many are in use.
    pub used: u32,
    /// Calls that wait for one.
    pub waiting: VecDeque<CallId>,
}

/// What a container has used since it was started.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Usage {
    /// Seconds of CPU.
    pub cpu: f64,
    /// Periods of its CPU quota in which it ran.
    pub periods: f64,
    /// Those in which it was held back.
    pub throttled: f64,
    /// Seconds that it was held back.
    pub held_back: f64,
    /// Bytes of memory in use.
    pub memory: f64,
    /// Bytes received.
    pub received: f64,
    /// Bytes sent.
    pub sent: f64,
    /// Reads of its volume.
    pub reads: f64,
    /// Writes to it.
    pub writes: f64,
}

impl Replica {
    /// One that begins to serve now.
    #[must_use]
    pub fn new(pod: Pod, since: u64) -> Self {
        Self {
            pod,
            since,
            tally: Tally::showing(&[200, 500]),
            outgoing: BTreeMap::new(),
            usage: Usage::default(),
            working: 0,
            queue: VecDeque::new(),
            pools: BTreeMap::new(),
            cpu_free: since,
            given: 0,
            counted: since,
            behind: 0,
        }
    }

    /// Whether it takes requests.
    #[must_use]
    pub fn takes(&self) -> bool {
        self.pod.listening && !self.pod.draining
    }

    /// Its CPU does this much more work, in microseconds of a full share. Each followed request stands for `weight`, so that what waits is in
    /// grains too coarse by as much: a queue that is merely chance is that much shorter in truth, a long one is not.
    pub fn work(&mut self, now: u64, demand: f64, weight: f64) -> u64 {
        let cold = if self.since > 0 && now < self.since + COLD { 1.5 } else { 1.0 };
        let demand = demand * cold / self.pod.speed();
        let backlog = micros_f64(self.cpu_free.saturating_sub(now));
        let certain = backlog / (backlog + 10.0 * weight * demand + 1.0);
        let wait = backlog * if weight > 1.0 { certain + (1.0 - certain) / weight } else { 1.0 };
        let whole = micros(demand * weight);
        self.cpu_free = self.cpu_free.max(now) + whole;
        self.given += whole;
        now + micros(wait + demand)
    }

    /// Counts what was used until now.
    pub fn use_up(&mut self, now: u64) {
        let time = now.saturating_sub(self.counted);
        if time == 0 {
            return;
        }
        let left = self.cpu_free.saturating_sub(now);
        let busy = (self.behind + self.given).saturating_sub(left).min(time);
        (self.counted, self.behind, self.given) = (now, left, 0);
        let share = micros_f64(busy) / micros_f64(time);
        let seconds = micros_f64(time) / 1e6;
        let room = self.pod.room();
        let idle = 0.002;
        let served = share * room * self.pod.speed();
        // burners take what they want of what is left
        let burnt = self.pod.burning.min((room - served).max(0.0));
        let burnt = if self.pod.cpu_limit.is_some() { burnt } else { self.pod.burning };
        self.usage.cpu += (idle + served + burnt) * seconds;
        if let Some(limit) = self.pod.cpu_limit {
            let periods = seconds / 0.1;
            self.usage.periods += periods;
            let wanted = self.pod.burning + share * room;
            if wanted >= limit * 0.95 {
                self.usage.throttled += periods;
                self.usage.held_back += (seconds * (1.0 - limit / (wanted + 0.01).max(limit))).max(0.0);
            }
        }
        self.usage.memory = self.memory(now);
    }

    fn memory(&self, now: u64) -> f64 {
        let mib = 1_048_576.0;
        let age = micros_f64(now.saturating_sub(self.since)) / 1e6;
        let warm = if self.since == 0 { 1.0 } else { 0.6 + 0.4 * (age / 60.0).min(1.0) };
        // garbage grows, and is collected
        let garbage = micros_f64((now / 1000 + u64::from(crate::rehearsal::dice::fnv32(&self.pod.container))) % 47_000) / 47_000.0;
        let base = self.pod.memory_request * 0.55 * warm * (1.0 + 0.12 * garbage);
        let busy = 0.25 * mib * (f64::from(self.working) + 0.1 * f64::from(u32::try_from(self.queue.len()).unwrap_or(0)));
        (base + busy + self.pod.held).min(self.pod.memory_limit.unwrap_or(f64::MAX)).floor()
    }
}

/// Whole microseconds of this many.
#[must_use]
pub fn micros(number: f64) -> u64 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "kept within an hour")]
    let whole = number.clamp(0.0, 3.6e9) as u64;
    whole
}

/// A number of microseconds to reckon with.
#[must_use]
pub fn micros_f64(number: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a rehearsal is far shorter than 2^52 microseconds")]
    let number = number as f64;
    number
}

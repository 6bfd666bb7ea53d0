//! The load on a workload.

use std::time::Duration;

/// The load on a workload, and how its pods answer it and those who call them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Traffic {
    /// Requests a second from outside the cluster, on average; 0 for a workload that only others call.
    pub rps: f64,
    /// How far the rate swings around its average, as a share of it (0.2: 20 % up and down).
    pub swing: f64,
    /// How long one swing takes.
    pub period: Duration,
    /// How many times its usual rate a burst brings (1: there are none). About one comes in a period, and lasts a twentieth of it.
    pub burst: f64,
    /// The typical time of one answer of an idle pod, without what it waits for others.
    pub latency: Duration,
    /// The share of requests that fail without any fault.
    pub error_share: f64,
    /// Requests a second that one pod can answer at most.
    pub capacity: f64,
    /// Requests that a pod works on at once; more wait.
    pub concurrency: u32,
    /// Requests that may wait in a pod; more are refused.
    pub backlog: u32,
    /// How often a request reads or writes the pod's volume.
    pub disk: u32,
    /// How long a caller waits for an answer.
    pub timeout: Duration,
    /// How often a caller tries again when a try failed.
    pub retries: u32,
    /// How many connections a pod that calls it may hold; more calls wait for one. 0 for any number.
    pub pool: u32,
}

impl Traffic {
    /// A steady load with answers around 20 ms and no errors.
    #[must_use]
    pub fn steady(rps: f64) -> Self {
        Self {
            rps,
            swing: 0.1,
            period: Duration::from_mins(2),
            burst: 1.0,
            latency: Duration::from_millis(20),
            error_share: 0.0,
            capacity: rps.max(1.0),
            concurrency: 32,
            backlog: 64,
            disk: 0,
            timeout: Duration::from_secs(2),
            retries: 0,
            pool: 0,
        }
    }

    /// No load from outside: a workload that others call, fast and with room, whose answers come around 5 ms.
    #[must_use]
    pub fn called() -> Self {
        Self { latency: Duration::from_millis(5), capacity: 400.0, timeout: Duration::from_secs(1), ..Self::steady(0.0) }
    }
}

//! The service model, first form: requests flow to the endpoints that a proxy believes in, and fail or slow down as the pods and their network do.
//!
//! Arithmetic here keeps to operations that are the same on every machine (no sine, no exponential), since samples end up in journals.

pub mod flow;
pub mod metrics;

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::api::ApiServer;
use super::prometheus::rules::RuleGroup;
use super::world::World;
use flow::Flow;

/// Who takes the samples.
pub trait MetricSink: Send {
    /// One sample of the series with these labels, `__name__` among them.
    fn sample(&mut self, labels: &[(&str, &str)], at_ms: i64, value: f64);

    /// The series with these labels has no more samples: its target is gone.
    fn stale(&mut self, labels: &[(&str, &str)], at_ms: i64) {
        let _ = (labels, at_ms);
    }

    /// These rules are to be evaluated over the samples.
    fn rules(&mut self, groups: &[RuleGroup]) {
        let _ = groups;
    }

    /// All samples of this moment were taken.
    fn scraped(&mut self, at_ms: i64) {
        let _ = at_ms;
    }
}

/// How finely traffic is followed.
const STEP: Duration = Duration::from_millis(100);

/// How much of the past is there when a rehearsal starts, so that rates have something to stand on.
const HISTORY: i32 = 300;

/// Let requests flow, and scrape into this sink, as long as the runtime lives.
pub fn start(server: &ApiServer, mut sink: Box<dyn MetricSink>) {
    let (world, dice) = {
        let state = server.lock();
        (state.world.clone(), state.dice)
    };
    sink.rules(&world.rules);
    let mut flows: Vec<Flow> = world.workloads.iter().map(|workload| Flow::new(workload, &dice)).collect();
    let mut book = metrics::Book::default();
    history(server, &world, &mut flows, &mut book, &mut *sink);
    let server = server.clone();
    tokio::spawn(async move {
        let every = world.scrape_interval.max(STEP);
        let start = Instant::now();
        let (mut next_step, mut next_scrape) = (start + STEP, start + every);
        loop {
            sleep_until(next_step).await;
            next_step += STEP;
            {
                let state = server.lock();
                let faults = state.daemon.faults();
                let millis = state.clock.now().timestamp_millis();
                for index in 0..flows.len() {
                    let view = flows[index].look(&state);
                    let callees: Vec<Vec<flow::Route>> = flows[index].callees(&flows);
                    flows[index].step(&view, &faults, &callees, millis, STEP);
                }
            }
            if Instant::now() >= next_scrape {
                next_scrape += every;
                let state = server.lock();
                if state.troubles.scrapes_missed {
                    continue;
                }
                book.scrape(&state, &flows, &mut *sink);
                let at_ms = state.clock.server_now().timestamp_millis();
                drop(state);
                sink.scraped(at_ms);
            }
        }
    });
}

/// Some minutes of a quiet past.
fn history(server: &ApiServer, world: &World, flows: &mut [Flow], book: &mut metrics::Book, sink: &mut dyn MetricSink) {
    let mut state = server.lock();
    let every = world.scrape_interval.max(STEP);
    let back = chrono::Duration::from_std(every).unwrap_or_default();
    let skew = state.clock.skew();
    for ago in (1..=HISTORY).rev() {
        state.clock.set_skew(skew - back * ago);
        let millis = state.clock.server_now().timestamp_millis();
        for index in 0..flows.len() {
            let view = flows[index].look(&state);
            let callees = flows[index].callees(flows);
            flows[index].step(&view, &[], &callees, millis, every);
        }
        book.scrape(&state, flows, sink);
    }
    state.clock.set_skew(skew);
}

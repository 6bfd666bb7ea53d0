//! Prometheus of the practice cluster: the samples that were scraped, the rules over them, and the HTTP API over both.

mod http;
mod rulebook;
pub mod rules;
mod told;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::api::proxy::{Backend, BackendAnswer, BackendRequest};
use super::promql::{self, Labels, PromqlError, Query, SeriesId, Store, StoreError};
use super::traffic::MetricSink;
use rulebook::Rulebook;
use rules::RuleGroup;

/// How long samples are kept, in simulated milliseconds.
const KEPT_MS: i64 = 2 * 3600 * 1000;
/// How many samples are taken between two looks for old ones.
const TRIM_EVERY: u32 = 1_000_000;

/// How many queries are kept as read.
const REMEMBERED: usize = 64;

/// The samples, shared between scrapes and queries.
#[derive(Clone, Default)]
pub struct Prometheus {
    samples: Arc<Mutex<Samples>>,
}

#[derive(Default)]
struct Samples {
    store: Store,
    book: Rulebook,
    /// How often it scrapes.
    every: Duration,
    /// The series by the numbers that scrapes name them with.
    series: Vec<(Labels, Option<SeriesId>)>,
    taken: u32,
    /// Queries as read, by their text: who asks, asks again.
    asked: BTreeMap<String, Query>,
}

impl Samples {
    /// This query, read once.
    fn query(&mut self, text: &str) -> Result<Query, PromqlError> {
        if let Some(query) = self.asked.get(text) {
            return Ok(query.clone());
        }
        let query = Query::parse(text)?;
        if self.asked.len() >= REMEMBERED {
            self.asked.clear();
        }
        self.asked.insert(text.to_owned(), query.clone());
        Ok(query)
    }

    /// One sample. A full store or a sample out of order is dropped, as Prometheus drops it.
    fn take(&mut self, series: usize, at_ms: i64, value: f64) {
        let Some((labels, id)) = self.series.get_mut(series) else { return };
        let kept = id.map(|id| self.store.append(id, at_ms, value));
        if matches!(kept, None | Some(Err(StoreError::Forgotten))) {
            *id = self.store.insert(labels, at_ms, value).ok();
        }
        self.taken += 1;
        if self.taken >= TRIM_EVERY {
            self.taken = 0;
            self.store.trim(at_ms - KEPT_MS);
        }
    }
}

impl Prometheus {
    /// One without samples, and with the usual rules.
    #[must_use]
    pub fn new() -> Prometheus {
        let prometheus = Prometheus::default();
        prometheus.lock().book.take(&rules::usual());
        prometheus
    }

    fn lock(&self) -> MutexGuard<'_, Samples> {
        self.samples.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl MetricSink for Prometheus {
    fn series(&mut self, labels: &[(&str, &str)]) -> usize {
        let mut samples = self.lock();
        let labels = Labels::new(labels.iter().copied());
        let id = samples.store.series(&labels).ok();
        samples.series.push((labels, id));
        samples.series.len() - 1
    }

    fn sample(&mut self, series: usize, at_ms: i64, value: f64) {
        self.lock().take(series, at_ms, value);
    }

    fn stale(&mut self, series: usize, at_ms: i64) {
        self.lock().take(series, at_ms, promql::STALE);
    }

    fn begin(&mut self, every: Duration, rules: &[RuleGroup]) {
        let mut samples = self.lock();
        samples.every = every;
        samples.book.take(rules);
    }

    fn scraped(&mut self, at_ms: i64) {
        let Samples { store, book, .. } = &mut *self.lock();
        book.evaluate(store, at_ms);
    }
}

impl Backend for Prometheus {
    fn answer(&self, request: &BackendRequest) -> BackendAnswer {
        http::answer(&mut self.lock(), request)
    }
}

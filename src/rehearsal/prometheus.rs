//! Prometheus of the practice cluster: the samples that were scraped, the rules over them, and the HTTP API over both.

mod rulebook;
pub mod rules;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use super::api::proxy::{Backend, BackendAnswer, BackendRequest};
use super::promql::{self, Labels, SeriesId, Store, StoreError, wire};
use super::traffic::MetricSink;
use rulebook::Rulebook;
use rules::RuleGroup;

/// How long samples are kept, in simulated milliseconds.
const KEPT_MS: i64 = 2 * 3600 * 1000;
/// How many samples are taken between two looks for old ones.
const TRIM_EVERY: u32 = 1_000_000;

/// The samples, shared between scrapes and queries.
#[derive(Clone, Default)]
pub struct Prometheus {
    samples: Arc<Mutex<Samples>>,
}

#[derive(Default)]
struct Samples {
    store: Store,
    book: Rulebook,
    /// The series by the numbers that scrapes name them with.
    series: Vec<(Labels, Option<SeriesId>)>,
    taken: u32,
}

impl Samples {
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

    fn rules(&mut self, groups: &[RuleGroup]) {
        self.lock().book.take(groups);
    }

    fn scraped(&mut self, at_ms: i64) {
        let Samples { store, book, .. } = &mut *self.lock();
        book.evaluate(store, at_ms);
    }
}

impl Backend for Prometheus {
    fn answer(&self, request: &BackendRequest) -> BackendAnswer {
        let (path, query) = request.path_and_query.split_once('?').unwrap_or((&request.path_and_query, ""));
        let mut form = decode(query);
        if request.content_type.starts_with("application/x-www-form-urlencoded") {
            form.extend(decode(&String::from_utf8_lossy(&request.body)));
        }
        let get = |name: &str| form.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
        match path {
            "/api/v1/query" => {
                let at = match get("time").map(moment) {
                    None => request.at.timestamp_millis(),
                    Some(Some(at)) => at,
                    Some(None) => return bad("invalid parameter \"time\""),
                };
                let answer = promql::instant(&self.lock().store, get("query").unwrap_or_default(), at);
                told(wire::status(&answer), &wire::response(&answer))
            }
            "/api/v1/query_range" => {
                let (start, end, step) = (get("start").and_then(moment), get("end").and_then(moment), get("step").and_then(moment));
                let (Some(start), Some(end), Some(step)) = (start, end, step) else {
                    return bad("invalid parameter \"start\", \"end\" or \"step\"");
                };
                if end < start || step <= 0 {
                    return bad("invalid parameter \"end\" or \"step\"");
                }
                let answer = promql::range(&self.lock().store, get("query").unwrap_or_default(), start, end, step);
                told(wire::status(&answer), &wire::response(&answer))
            }
            "/-/ready" | "/-/healthy" => BackendAnswer { status: 200, content_type: "text/plain".to_owned(), body: b"ok\n".to_vec() },
            _ => BackendAnswer { status: 404, content_type: "text/plain".to_owned(), body: b"404 page not found\n".to_vec() },
        }
    }
}

/// A Unix time or a span in seconds, or RFC 3339, in milliseconds.
fn moment(text: &str) -> Option<i64> {
    let seconds = text.parse::<f64>().ok().filter(|seconds| seconds.abs() < 1e12);
    #[expect(clippy::cast_possible_truncation, reason = "bounded above")]
    let millis = seconds.map(|seconds| (seconds * 1000.0).round() as i64);
    millis.or_else(|| chrono::DateTime::parse_from_rfc3339(text).ok().map(|at| at.timestamp_millis()))
}

fn decode(form: &str) -> Vec<(String, String)> {
    let plain = |text: &str| percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned();
    form.split('&').filter_map(|pair| pair.split_once('=')).map(|(key, value)| (plain(key), plain(value))).collect()
}

fn bad(error: &str) -> BackendAnswer {
    told(400, &json!({"status": "error", "errorType": "bad_data", "error": error}))
}

fn told(status: u16, answer: &Value) -> BackendAnswer {
    BackendAnswer { status, content_type: "application/json".to_owned(), body: answer.to_string().into_bytes() }
}

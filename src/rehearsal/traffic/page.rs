//! What one target shows when it is scraped.

use std::collections::BTreeMap;

use super::MetricSink;

type Labels = Vec<(String, String)>;

/// The series of one target, and where they go. While its layout stays, a scrape writes numbers and nothing else.
#[derive(Debug, Default)]
pub struct Page {
    /// The labels that all its series bear.
    base: Labels,
    /// Says which layout the series belong to.
    layout: Option<u64>,
    series: Vec<usize>,
    values: Vec<f64>,
    /// The series by their labels.
    known: BTreeMap<Labels, usize>,
    /// Whether the series had a sample at the last scrape.
    live: bool,
}

impl Page {
    /// A page whose series all bear these labels.
    #[must_use]
    pub fn new(base: &[(&str, &str)]) -> Self {
        Self { base: owned(base), ..Self::default() }
    }

    /// One scrape: `write` puts the lines, always the same ones in the same order while the layout is the same.
    pub fn scrape(&mut self, layout: u64, sink: &mut dyn MetricSink, at_ms: i64, write: impl FnOnce(&mut Lines<'_>)) {
        let same = self.live && self.layout == Some(layout);
        let before = if same { BTreeMap::new() } else { std::mem::take(&mut self.known) };
        if !same {
            self.series.clear();
        }
        self.values.clear();
        (self.layout, self.live) = (Some(layout), true);
        let mut lines = Lines { page: self, before, same, sink, at_ms, next: 0 };
        write(&mut lines);
        for (_, gone) in lines.before {
            sink.stale(gone, at_ms);
        }
    }

    /// The same again, when nothing can have changed. False when the layout is another one.
    pub fn repeat(&mut self, layout: u64, sink: &mut dyn MetricSink, at_ms: i64) -> bool {
        if !self.live || self.layout != Some(layout) {
            return false;
        }
        for (series, value) in self.series.iter().zip(&self.values) {
            sink.sample(*series, at_ms, *value);
        }
        true
    }

    /// The target is gone, or does not answer: its series end.
    pub fn end(&mut self, sink: &mut dyn MetricSink, at_ms: i64) {
        if self.live {
            self.live = false;
            for series in self.known.values() {
                sink.stale(*series, at_ms);
            }
            self.known.clear();
        }
    }
}

/// The lines of a page while they are written.
pub struct Lines<'a> {
    page: &'a mut Page,
    before: BTreeMap<Labels, usize>,
    same: bool,
    sink: &'a mut dyn MetricSink,
    at_ms: i64,
    next: usize,
}

impl Lines<'_> {
    /// One line.
    pub fn put(&mut self, name: &str, labels: &[(&str, &str)], value: f64) {
        let series = if self.same { self.page.series.get(self.next).copied() } else { None };
        let series = series.unwrap_or_else(|| self.place(name, labels));
        self.next += 1;
        self.page.values.push(value);
        self.sink.sample(series, self.at_ms, value);
    }

    /// A line for each of these values of a label: 1 for the one that holds, 0 for the others.
    pub fn one_of(&mut self, name: &str, labels: &[(&str, &str)], label: &str, values: &[&str], holds: &str) {
        for value in values {
            let mut all = labels.to_vec();
            all.push((label, value));
            self.put(name, &all, f64::from(u8::from(*value == holds)));
        }
    }

    fn place(&mut self, name: &str, labels: &[(&str, &str)]) -> usize {
        let mut all = self.page.base.clone();
        all.push(("__name__".to_owned(), name.to_owned()));
        all.extend(owned(labels));
        let series = self.before.remove(&all).unwrap_or_else(|| {
            let borrowed: Vec<(&str, &str)> = all.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            self.sink.series(&borrowed)
        });
        self.page.series.push(series);
        self.page.known.insert(all, series);
        series
    }
}

fn owned(labels: &[(&str, &str)]) -> Labels {
    labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

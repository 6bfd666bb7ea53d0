//! The samples of the practice cluster, in memory.
//!
//! The rehearsal's scrapers append, `selector` reads, the world trims by simulated time. Series
//! are found by their labels once and appended to by id after that. The store never looks at a
//! clock, never reorders samples, and never grows past [`Store::MAX_SERIES`] and
//! [`Store::MAX_SAMPLES`].

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use super::error::StoreError;
use super::labels::Labels;

/// The value that says "this series ended here": Prometheus' stale marker, a NaN told from all
/// others by its bits.
pub const STALE: f64 = f64::from_bits(0x7ff0_0000_0000_0002);

/// Whether `value` is the stale marker; an ordinary NaN is not.
pub(super) fn is_stale(value: f64) -> bool {
    value.to_bits() == STALE.to_bits()
}

/// Names a series of one store, for cheap appends. It outlives the series: once that is trimmed
/// away, appends say [`StoreError::Forgotten`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SeriesId {
    slot: usize,
    generation: u64,
}

/// One series: labels and samples, oldest first. `head` leading samples are trimmed, not yet
/// freed.
#[derive(Debug)]
pub(super) struct Series {
    pub(super) labels: Labels,
    /// The labels without the name, once they were asked for: nearly every function drops it.
    nameless: OnceLock<Labels>,
    generation: u64,
    times: Vec<i64>,
    values: Vec<f64>,
    head: usize,
    stale: usize,
}

impl Series {
    /// Times of the samples in milliseconds, strictly increasing.
    pub(super) fn times(&self) -> &[i64] {
        &self.times[self.head..]
    }

    /// Values, one for each time; stale markers among them.
    pub(super) fn values(&self) -> &[f64] {
        &self.values[self.head..]
    }

    /// The labels without the metric's name.
    pub(super) fn nameless(&self) -> Labels {
        self.nameless.get_or_init(|| self.labels.without_name()).clone()
    }

    /// Whether any value is a stale marker.
    pub(super) fn has_stale(&self) -> bool {
        self.stale > 0
    }

    /// Drops the samples before `before_ms`; answers how many. Memory is given back when half
    /// of it is unused, so that the cost of moving is shared out.
    fn trim(&mut self, before_ms: i64) -> usize {
        let dropped = self.times().partition_point(|at| *at < before_ms);
        let stale = self.values()[..dropped].iter().filter(|v| is_stale(**v)).count();
        self.stale -= stale;
        self.head += dropped;
        if self.head * 2 >= self.times.len() {
            self.times.drain(..self.head);
            self.values.drain(..self.head);
            self.head = 0;
        }
        dropped
    }
}

/// The values of one label and the slots of the series that carry each, ascending.
type Postings = HashMap<Arc<str>, Vec<usize>>;

/// All series, found by labels or by an equality matcher.
#[derive(Debug, Default)]
pub struct Store {
    slots: Vec<Option<Series>>,
    free: Vec<usize>,
    by_labels: HashMap<Labels, usize>,
    by_value: HashMap<Arc<str>, Postings>,
    samples: usize,
    born: u64,
}

impl Store {
    /// The most series kept at one time.
    pub const MAX_SERIES: usize = 100_000;
    /// The most samples kept at one time, of 16 bytes each.
    pub const MAX_SAMPLES: usize = 20_000_000;

    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How many series are kept.
    #[must_use]
    pub fn series_count(&self) -> usize {
        self.by_labels.len()
    }

    /// How many samples are kept, stale markers included.
    #[must_use]
    pub fn sample_count(&self) -> usize {
        self.samples
    }

    /// The id of the series with these labels, made if there is none yet.
    ///
    /// # Errors
    /// [`StoreError::TooManySeries`] when there is no room for a new one.
    pub fn series(&mut self, labels: &Labels) -> Result<SeriesId, StoreError> {
        if let Some(slot) = self.by_labels.get(labels).copied()
            && let Some(series) = &self.slots[slot]
        {
            let generation = series.generation;
            return Ok(SeriesId { slot, generation });
        }
        if self.series_count() >= Self::MAX_SERIES {
            return Err(StoreError::TooManySeries(Self::MAX_SERIES));
        }
        self.born += 1;
        let generation = self.born;
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            self.slots.len() - 1
        });
        let labels = self.index(labels, slot);
        self.by_labels.insert(labels.clone(), slot);
        self.slots[slot] =
            Some(Series { labels, nameless: OnceLock::new(), generation, times: Vec::new(), values: Vec::new(), head: 0, stale: 0 });
        Ok(SeriesId { slot, generation })
    }

    /// Appends one sample to a known series; `at_ms` is simulated Unix time in milliseconds.
    ///
    /// # Errors
    /// [`StoreError::Forgotten`] after the series was trimmed away, [`StoreError::OutOfOrder`]
    /// when the sample is not newer than the last, [`StoreError::TooManySamples`] when full.
    pub fn append(&mut self, id: SeriesId, at_ms: i64, value: f64) -> Result<(), StoreError> {
        let series = self
            .slots
            .get_mut(id.slot)
            .and_then(Option::as_mut)
            .filter(|series| series.generation == id.generation)
            .ok_or(StoreError::Forgotten)?;
        if let Some(newest_ms) = series.times.last().copied()
            && newest_ms >= at_ms
        {
            return Err(StoreError::OutOfOrder { at_ms, newest_ms });
        }
        if self.samples >= Self::MAX_SAMPLES {
            return Err(StoreError::TooManySamples(Self::MAX_SAMPLES));
        }
        series.times.push(at_ms);
        series.values.push(value);
        series.stale += usize::from(is_stale(value));
        self.samples += 1;
        Ok(())
    }

    /// Appends one sample to the series with these labels and answers its id for the next time.
    ///
    /// # Errors
    /// As [`Store::series`] and [`Store::append`].
    pub fn insert(&mut self, labels: &Labels, at_ms: i64, value: f64) -> Result<SeriesId, StoreError> {
        let id = self.series(labels)?;
        self.append(id, at_ms, value)?;
        Ok(id)
    }

    /// Forgets the samples before `before_ms` (simulated Unix milliseconds), and the series that
    /// have none.
    pub fn trim(&mut self, before_ms: i64) {
        for slot in 0..self.slots.len() {
            let Some(series) = &mut self.slots[slot] else {
                continue;
            };
            self.samples -= series.trim(before_ms);
            if series.times().is_empty()
                && let Some(series) = self.slots[slot].take()
            {
                self.forget(&series.labels, slot);
            }
        }
    }

    /// Every series, in slot order.
    pub(super) fn all(&self) -> impl Iterator<Item = &Series> {
        self.slots.iter().flatten()
    }

    /// The slots of the series with label `name` equal to `value` (not empty), ascending.
    pub(super) fn slots_with(&self, name: &str, value: &str) -> &[usize] {
        self.by_value.get(name).and_then(|values| values.get(value)).map_or(&[], Vec::as_slice)
    }

    /// The series in `slot`, if it is taken.
    pub(super) fn at(&self, slot: usize) -> Option<&Series> {
        self.slots.get(slot).and_then(Option::as_ref)
    }

    /// Enters `slot` under each label and answers the labels with the index's own strings.
    fn index(&mut self, labels: &Labels, slot: usize) -> Labels {
        labels.interned(|(name, value)| {
            let name = match self.by_value.get_key_value(name) {
                Some((known, _)) => Arc::clone(known),
                None => Arc::clone(name),
            };
            let values = self.by_value.entry(Arc::clone(&name)).or_default();
            let value = match values.get_key_value(value) {
                Some((known, _)) => Arc::clone(known),
                None => Arc::clone(value),
            };
            let slots = values.entry(Arc::clone(&value)).or_default();
            let place = slots.partition_point(|other| *other < slot);
            slots.insert(place, slot);
            (name, value)
        })
    }

    /// Takes `slot` out of every index and frees it.
    fn forget(&mut self, labels: &Labels, slot: usize) {
        self.by_labels.remove(labels);
        self.free.push(slot);
        for (name, value) in labels.iter() {
            let Some(values) = self.by_value.get_mut(name) else {
                continue;
            };
            if let Some(slots) = values.get_mut(value) {
                if let Ok(place) = slots.binary_search(&slot) {
                    slots.remove(place);
                }
                if slots.is_empty() {
                    values.remove(value);
                }
            }
            if values.is_empty() {
                self.by_value.remove(name);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Labels, STALE, Store, StoreError};

    fn labels(pod: &str) -> Labels {
        Labels::new([("__name__", "up"), ("pod", pod)])
    }

    #[test]
    fn store_should_refuse_a_sample_that_is_not_newer() {
        let mut store = Store::new();
        let id = store.insert(&labels("a"), 10, 1.0).unwrap();
        let refused = store.append(id, 10, 2.0);
        assert_eq!(refused, Err(StoreError::OutOfOrder { at_ms: 10, newest_ms: 10 }));
        assert_eq!(store.sample_count(), 1);
    }

    #[test]
    fn trim_should_forget_old_samples_and_then_their_series() {
        let mut store = Store::new();
        let old = store.insert(&labels("a"), 10, STALE).unwrap();
        for at in 0..100 {
            store.insert(&labels("b"), at, 0.0).unwrap();
        }
        store.trim(40);
        assert_eq!((store.series_count(), store.sample_count()), (1, 60));
        assert_eq!(store.append(old, 50, 1.0), Err(StoreError::Forgotten));
        assert!(store.slots_with("pod", "a").is_empty());
        assert_eq!(store.slots_with("pod", "b"), [1]);
        store.trim(1_000);
        assert_eq!((store.series_count(), store.sample_count()), (0, 0));
        assert!(store.by_value.is_empty());
    }

    #[test]
    fn store_should_use_a_freed_slot_again_under_a_new_id() {
        let mut store = Store::new();
        let old = store.insert(&labels("a"), 10, 1.0).unwrap();
        store.trim(20);
        let new = store.insert(&labels("b"), 30, 1.0).unwrap();
        assert_eq!(old.slot, new.slot);
        assert_eq!(store.append(old, 40, 1.0), Err(StoreError::Forgotten));
        assert_eq!(store.append(new, 40, 1.0), Ok(()));
    }
}

//! Quantiles of classic histograms: cumulative buckets told apart by the label `le`.
//!
//! Called by `function` for `histogram_quantile`. Native histograms are not in rehearsal.

use std::collections::HashMap;

use super::budget::Budget;
use super::error::PromqlError;
use super::float::outside;
use super::frame::{Frame, Merge};
use super::labels::Labels;

/// The label that holds a bucket's upper bound.
const BOUND: &str = "le";
/// Relative difference below which neighbouring counts are taken as equal.
const SMALL: f64 = 1e-12;

/// One bucket: how many observations were at most `bound`.
#[derive(Debug, Clone, Copy)]
struct Bucket {
    bound: f64,
    count: f64,
}

/// The `quantiles` (one a moment) of every histogram in `buckets`. Series whose `le` is no number
/// are passed over.
pub(super) fn quantiles(quantiles: &[f64], buckets: &Frame, budget: &Budget) -> Result<Frame, PromqlError> {
    let mut places = HashMap::new();
    let mut histograms: Vec<(Labels, Vec<(f64, usize)>)> = Vec::new();
    let dropped = [BOUND.to_owned()];
    for row in 0..buckets.height() {
        let labels = buckets.labels(row);
        let Some(bound) = bound(labels) else { continue };
        let owner = labels.without_name_and(&dropped);
        let place = *places.entry(owner.clone()).or_insert(histograms.len());
        if place == histograms.len() {
            histograms.push((owner, Vec::new()));
        }
        histograms[place].1.push((bound, row));
    }
    let mut merge = Merge::new(buckets.width(), budget);
    for (owner, mut members) in histograms {
        members.sort_by(|left, right| left.0.total_cmp(&right.0));
        let cells = quantiles.iter().enumerate().map(|(column, q)| {
            let present = members.iter().filter_map(|(bound, row)| {
                let bound = *bound;
                buckets.cell(*row, column).map(|count| Bucket { bound, count })
            });
            quantile(*q, coalesced(present))
        });
        merge.add(owner, cells)?;
    }
    Ok(merge.finish())
}

fn bound(labels: &Labels) -> Option<f64> {
    let bound: f64 = labels.get(BOUND).parse().ok()?;
    (!bound.is_nan()).then_some(bound)
}

/// Buckets of the same bound become one. They come sorted.
#[expect(clippy::float_cmp, reason = "the same bound is the same number")]
fn coalesced(buckets: impl Iterator<Item = Bucket>) -> Vec<Bucket> {
    let mut distinct: Vec<Bucket> = Vec::new();
    for bucket in buckets {
        match distinct.last_mut() {
            Some(last) if last.bound == bucket.bound => last.count += bucket.count,
            _ => distinct.push(bucket),
        }
    }
    distinct
}

/// The quantile, linear within its bucket; none if there are no buckets at all.
fn quantile(q: f64, mut buckets: Vec<Bucket>) -> Option<f64> {
    let last = buckets.last()?;
    if q.is_nan() {
        return Some(f64::NAN);
    }
    if let Some(edge) = outside(q) {
        return Some(edge);
    }
    if last.bound != f64::INFINITY || buckets.len() < 2 {
        return Some(f64::NAN);
    }
    make_monotonic(&mut buckets);
    let finite = buckets.len() - 1;
    let observations = buckets[finite].count;
    if observations == 0.0 {
        return Some(f64::NAN);
    }
    let mut rank = q * observations;
    let found = search(finite, |place| buckets[place].count >= rank);
    if found == finite {
        return Some(buckets[finite - 1].bound);
    }
    let Bucket { bound, mut count } = buckets[found];
    let Some(before) = found.checked_sub(1).map(|place| buckets[place]) else {
        // the first bucket reaches down to zero, unless it lies below
        return Some(if bound <= 0.0 { bound } else { bound * (rank / count) });
    };
    count -= before.count;
    rank -= before.count;
    Some(before.bound + (bound - before.bound) * (rank / count))
}

/// Raises counts that fall below their predecessor's, and evens out differences that are only
/// rounding.
#[expect(clippy::float_cmp, reason = "as Prometheus compares")]
fn make_monotonic(buckets: &mut [Bucket]) {
    let Some(first) = buckets.first() else { return };
    let mut before = first.count;
    for bucket in &mut buckets[1..] {
        if bucket.count == before {
            continue;
        }
        if nearly_equal(before, bucket.count) || bucket.count < before {
            bucket.count = before;
        } else {
            before = bucket.count;
        }
    }
}

fn nearly_equal(left: f64, right: f64) -> bool {
    if left.is_nan() || right.is_nan() {
        return left.is_nan() && right.is_nan();
    }
    let (sum, difference) = (left.abs() + right.abs(), (left - right).abs());
    if left == 0.0 || right == 0.0 || sum < f64::MIN_POSITIVE {
        return difference < SMALL * f64::MIN_POSITIVE;
    }
    difference / sum.min(f64::MAX) < SMALL
}

/// The first index below `end` for which `reached` holds, or `end`: Go's `sort.Search`, which
/// settles what NaN counts give.
fn search(end: usize, reached: impl Fn(usize) -> bool) -> usize {
    let (mut low, mut high) = (0, end);
    while low < high {
        let middle = usize::midpoint(low, high);
        if reached(middle) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    low
}

#[cfg(test)]
mod tests {
    use super::{Bucket, quantile};

    fn buckets(counts: &[(f64, f64)]) -> Vec<Bucket> {
        let bucket = |(bound, count): &(f64, f64)| Bucket { bound: *bound, count: *count };
        counts.iter().map(bucket).collect()
    }

    #[test]
    fn quantile_should_interpolate_within_its_bucket() {
        let full = [(0.1, 10.0), (0.5, 30.0), (f64::INFINITY, 40.0)];
        let median = quantile(0.5, buckets(&full)).unwrap();
        assert!((median - 0.3).abs() < 1e-12);
        let beyond = quantile(0.99, buckets(&full)).unwrap();
        assert!((beyond - 0.5).abs() < 1e-12);
    }

    #[test]
    fn quantile_should_be_nan_without_an_infinite_bucket_or_observations() {
        assert!(quantile(0.5, buckets(&[(0.1, 1.0), (1.0, 2.0)])).unwrap().is_nan());
        let empty = [(0.1, 0.0), (f64::INFINITY, 0.0)];
        assert!(quantile(0.5, buckets(&empty)).unwrap().is_nan());
        assert!(quantile(0.5, Vec::new()).is_none());
    }
}

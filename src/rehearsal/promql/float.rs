//! Arithmetic on floats as Prometheus does it: compensated sums, NaN rules, quantiles, and
//! numbers as Go prints them.
//!
//! Pure functions over slices, used by aggregation, windows and `wire`.

use std::cmp::Ordering;

/// A Kahan sum with Neumaier's improvement; infinities give up the compensation.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Sum {
    total: f64,
    lost: f64,
}

impl Sum {
    pub(super) fn add(&mut self, value: f64) {
        let total = self.total + value;
        if total.is_infinite() {
            self.lost = 0.0;
        } else if self.total.abs() >= value.abs() {
            self.lost += (self.total - total) + value;
        } else {
            self.lost += (value - total) + self.total;
        }
        self.total = total;
    }

    pub(super) fn value(self) -> f64 {
        if self.total.is_infinite() { self.total } else { self.total + self.lost }
    }
}

/// A count as a float; exact below 2^53.
#[expect(clippy::cast_precision_loss, reason = "counts of samples stay far below 2^53")]
pub(super) fn count(count: usize) -> f64 {
    count as f64
}

/// Milliseconds as seconds.
#[expect(clippy::cast_precision_loss, reason = "Prometheus loses the same digits; Unix times stay below 2^53 ms")]
pub(super) fn seconds(ms: i64) -> f64 {
    ms as f64 / 1e3
}

/// A float cut to a whole number, as Go's `int64()` does for values it can hold.
#[expect(clippy::cast_possible_truncation, reason = "cutting is the meaning; `as` saturates")]
pub(super) fn whole(value: f64) -> i64 {
    value as i64
}

pub(super) fn sum(values: &[f64]) -> f64 {
    let mut sum = Sum::default();
    for value in values {
        sum.add(*value);
    }
    sum.value()
}

/// The mean; where the sum of finite values overflows, a running mean.
pub(super) fn mean(values: &[f64]) -> f64 {
    let sum = sum(values);
    if sum.is_finite() || values.iter().any(|value| !value.is_finite()) {
        return sum / count(values.len());
    }
    let mut mean = 0.0;
    for (place, value) in values.iter().enumerate() {
        let seen = count(place + 1);
        mean += value / seen - mean / seen;
    }
    mean
}

/// The smallest value; NaN only if there is nothing else.
pub(super) fn min(values: &[f64]) -> f64 {
    let mut least = f64::NAN;
    for value in values {
        if *value < least || least.is_nan() {
            least = *value;
        }
    }
    least
}

/// The greatest value; NaN only if there is nothing else.
pub(super) fn max(values: &[f64]) -> f64 {
    let mut most = f64::NAN;
    for value in values {
        if *value > most || most.is_nan() {
            most = *value;
        }
    }
    most
}

/// The population variance across series, by Welford's method, without compensation: so does
/// Prometheus, and its last digits show in a variance near zero.
pub(super) fn variance(values: &[f64]) -> f64 {
    let (mut mean, mut squares) = (0.0, 0.0);
    for (place, value) in values.iter().enumerate() {
        let before = value - mean;
        mean += before / count(place + 1);
        squares += before * (value - mean);
    }
    squares / count(values.len())
}

/// The population variance over time, by Welford's method with compensated sums.
pub(super) fn variance_over_time(values: &[f64]) -> f64 {
    let (mut mean, mut squares) = (Sum::default(), Sum::default());
    for (place, value) in values.iter().enumerate() {
        let before = value - mean.value();
        mean.add(before / count(place + 1));
        squares.add(before * (value - mean.value()));
    }
    squares.value() / count(values.len())
}

/// Ascending, NaN first.
pub(super) fn ascending(left: f64, right: f64) -> Ordering {
    right.is_nan().cmp(&left.is_nan()).then_with(|| left.partial_cmp(&right).unwrap_or(Ordering::Equal))
}

/// The `q`-quantile with linear interpolation; sorts `values`. NaN counts as smallest; `q`
/// outside 0 to 1 gives an infinity.
pub(super) fn quantile(q: f64, values: &mut [f64]) -> f64 {
    if values.is_empty() || q.is_nan() {
        return f64::NAN;
    }
    if let Some(edge) = outside(q) {
        return edge;
    }
    values.sort_by(|left, right| ascending(*left, *right));
    let rank = q * (count(values.len()) - 1.0);
    let lower = usize::try_from(whole(rank.floor())).unwrap_or(0);
    let upper = (lower + 1).min(values.len() - 1);
    let weight = rank - rank.floor();
    values[lower] * (1.0 - weight) + values[upper] * weight
}

/// What a quantile outside 0 to 1 is, if `q` is outside.
pub(super) fn outside(q: f64) -> Option<f64> {
    if q < 0.0 {
        Some(f64::NEG_INFINITY)
    } else if q > 1.0 {
        Some(f64::INFINITY)
    } else {
        None
    }
}

/// Go's `math.Min`: NaN wins over all but -Inf.
pub(super) fn lesser(left: f64, right: f64) -> f64 {
    if left.is_nan() || right.is_nan() {
        let low = left == f64::NEG_INFINITY || right == f64::NEG_INFINITY;
        return if low { f64::NEG_INFINITY } else { f64::NAN };
    }
    left.min(right)
}

/// Go's `math.Max`: NaN wins over all but +Inf.
pub(super) fn greater(left: f64, right: f64) -> f64 {
    -lesser(-left, -right)
}

/// As Go's `FormatFloat(v, 'f', -1, 64)`: the shortest digits that read back the same, never an
/// exponent; `NaN`, `+Inf`, `-Inf`.
pub(super) fn plain(value: f64) -> String {
    if value.is_nan() {
        "NaN".to_owned()
    } else if value.is_infinite() {
        if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned()
    } else {
        value.to_string()
    }
}

/// As [`plain`], but with an exponent of at least two digits (`1e+21`, `1e-07`) below 1e-6 and
/// from 1e21 on: the samples of the Prometheus HTTP API (`util/jsonutil/marshal.go`).
pub(super) fn wire(value: f64) -> String {
    let size = value.abs();
    if !size.is_finite() || size == 0.0 || (1e-6..1e21).contains(&size) {
        return plain(value);
    }
    let text = format!("{value:e}");
    let Some((digits, exponent)) = text.split_once('e') else {
        return text;
    };
    match exponent.strip_prefix('-') {
        Some(exponent) => format!("{digits}e-{exponent:0>2}"),
        None => format!("{digits}e+{exponent:0>2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::{greater, lesser, mean, plain, quantile, sum, wire};

    #[test]
    fn sums_should_keep_what_a_plain_sum_loses() {
        assert!((sum(&[1e100, 1.0, -1e100]) - 1.0).abs() < f64::EPSILON);
        assert!((mean(&[f64::MAX, f64::MAX]) / f64::MAX - 1.0).abs() < 1e-12);
        assert!(sum(&[f64::INFINITY, 1.0]).is_infinite());
    }

    #[test]
    fn quantiles_should_interpolate_and_put_nan_first() {
        assert!((quantile(0.5, &mut [3.0, 1.0, 2.0, 4.0]) - 2.5).abs() < 1e-12);
        assert!(quantile(0.0, &mut [3.0, f64::NAN]).is_nan());
        assert!(quantile(1.5, &mut [3.0]).is_infinite());
    }

    #[test]
    fn numbers_should_print_as_go_prints_them() {
        for (value, expected) in [
            (0.1, "0.1"),
            (-0.0, "-0"),
            (1e6, "1000000"),
            (1e21, "1e+21"),
            (-1.5e-7, "-1.5e-07"),
            (1e-6, "0.000001"),
            (1e300, "1e+300"),
            (f64::INFINITY, "+Inf"),
            (f64::NEG_INFINITY, "-Inf"),
            (f64::NAN, "NaN"),
        ] {
            assert_eq!(wire(value), expected);
        }
        assert_eq!(plain(1e21), "1000000000000000000000");
    }

    #[test]
    fn bounds_should_follow_the_rules_of_go_for_nan() {
        assert!(lesser(f64::NAN, 1.0).is_nan());
        assert!(lesser(f64::NAN, f64::NEG_INFINITY).is_infinite());
        assert!(greater(f64::NAN, 1.0).is_nan());
        assert!((greater(2.0, 1.0) - 2.0).abs() < f64::EPSILON);
    }
}

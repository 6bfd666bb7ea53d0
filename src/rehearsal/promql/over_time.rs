//! The functions that take a range vector, by name.
//!
//! `function` finds them here and runs them over every window.

use super::float;
use super::rate::{self, Kind};
use super::window::Window;

/// What a function makes of one window and its scalar argument (0 where it takes none).
pub(super) type OverTime = fn(&Window<'_>, f64) -> Option<f64>;

/// The function called `name`; `absent_over_time` is not among them, since it reads no window.
pub(super) fn named(name: &str) -> Option<OverTime> {
    Some(match name {
        "rate" => |window, _| rate::per_second(window),
        "increase" => |window, _| rate::change(window, Kind::Counter),
        "delta" => |window, _| rate::change(window, Kind::Gauge),
        "irate" => |window, _| rate::last_per_second(window),
        "idelta" => |window, _| rate::last_change(window),
        "changes" => |window, _| Some(rate::changes(window)),
        "resets" => |window, _| Some(rate::resets(window)),
        "deriv" => |window, _| rate::line(window, *window.times.first()?).map(|line| line.slope),
        "predict_linear" => |window, ahead| rate::line(window, window.moment).map(|line| line.slope * ahead + line.value),
        "sum_over_time" => |window, _| Some(float::sum(window.values)),
        "avg_over_time" => |window, _| Some(float::mean(window.values)),
        "min_over_time" => |window, _| Some(float::min(window.values)),
        "max_over_time" => |window, _| Some(float::max(window.values)),
        "count_over_time" => |window, _| Some(float::count(window.values.len())),
        "last_over_time" => |window, _| window.values.last().copied(),
        "present_over_time" => |_, _| Some(1.0),
        "stdvar_over_time" => |window, _| Some(float::variance_over_time(window.values)),
        "stddev_over_time" => |window, _| Some(float::variance_over_time(window.values).sqrt()),
        "quantile_over_time" => |window, q| Some(float::quantile(q, &mut window.values.to_vec())),
        _ => return None,
    })
}

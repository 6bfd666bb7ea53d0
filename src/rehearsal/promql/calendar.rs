//! The calendar functions (`hour()`, `day_of_week()` …), in UTC.
//!
//! Called by `function`; the only place of the room that knows a calendar.

use chrono::{DateTime, Datelike, Timelike, Utc};

use super::float::whole;

/// Reads one number off a date.
pub(super) type Part = fn(DateTime<Utc>) -> f64;

/// The calendar function called `name`.
pub(super) fn named(name: &str) -> Option<Part> {
    Some(match name {
        "minute" => |date| f64::from(date.minute()),
        "hour" => |date| f64::from(date.hour()),
        "day_of_week" => |date| f64::from(date.weekday().num_days_from_sunday()),
        "day_of_month" => |date| f64::from(date.day()),
        "day_of_year" => |date| f64::from(date.ordinal()),
        "days_in_month" => days_in_month,
        "month" => |date| f64::from(date.month()),
        "year" => |date| f64::from(date.year()),
        _ => return None,
    })
}

/// `part` of the Unix time `seconds`; NaN outside the calendar.
pub(super) fn read(part: Part, seconds: f64) -> f64 {
    if seconds.is_nan() {
        return f64::NAN;
    }
    DateTime::from_timestamp(whole(seconds), 0).map_or(f64::NAN, part)
}

fn days_in_month(date: DateTime<Utc>) -> f64 {
    f64::from(date.num_days_in_month())
}

#[cfg(test)]
mod tests {
    use super::{named, read};

    #[test]
    fn february_should_have_its_leap_day() {
        let part = named("days_in_month").unwrap();
        assert!((read(part, 1_709_164_800.0) - 29.0).abs() < f64::EPSILON);
        assert!((read(part, 1_740_000_000.0) - 28.0).abs() < f64::EPSILON);
        assert!(read(part, 1e300).is_nan());
    }
}

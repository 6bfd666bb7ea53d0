//! The hours of the week in their time zone, as moments. Zones are the system's (tzdata).

use chrono::{DateTime, Utc};
use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use crate::event::inspected::{HoursFact, Known};
use crate::scenario::model::{Hours, Window};
use crate::text::Untrusted;

/// How many days are looked ahead.
const AHEAD: i64 = 8;

/// When, in the days after `from`, a run may begin.
///
/// # Errors
/// The zone is not known here.
pub fn windows(hours: &Hours, from: DateTime<Utc>) -> Known<HoursFact> {
    let wrong = |error: jiff::Error| Untrusted::from(error.to_string());
    let zone = TimeZone::get(&hours.timezone).map_err(wrong)?;
    let now = Timestamp::from_second(from.timestamp()).map_err(wrong)?.to_zoned(zone.clone());
    let mut windows = Vec::new();
    for day in -1..=AHEAD {
        let date = now.date().checked_add(day.days()).map_err(wrong)?;
        for window in &hours.only {
            let monday_first = u8::try_from(date.weekday().to_monday_zero_offset()).unwrap_or_default();
            if window.days.contains(&monday_first) {
                windows.push(moments(&zone, date, window).map_err(wrong)?);
            }
        }
    }
    windows.sort();
    Ok(HoursFact { local: now.strftime("%a %H:%M").to_string().into(), windows })
}

/// A window of one day. Where the clock is turned, a time that is not there is the one after the gap.
fn moments(zone: &TimeZone, date: Date, window: &Window) -> Result<(DateTime<Utc>, DateTime<Utc>), jiff::Error> {
    let at = |minutes: u16| {
        let (hour, minute) = (i8::try_from(minutes / 60).unwrap_or(24), i8::try_from(minutes % 60).unwrap_or_default());
        let local = if hour == 24 { date.tomorrow()?.at(0, 0, 0, 0) } else { date.to_datetime(Time::new(hour, minute, 0, 0)?) };
        let second = zone.to_timestamp(local)?.as_second();
        Ok::<_, jiff::Error>(DateTime::from_timestamp(second, 0).unwrap_or_default())
    };
    Ok((at(window.from)?, at(window.to)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hours(timezone: &str) -> Hours {
        Hours { timezone: timezone.to_owned(), only: vec![Window { days: vec![1, 2, 3], from: 9 * 60, to: 16 * 60 }] }
    }

    #[test]
    fn windows_should_follow_the_zone_over_the_turn_of_the_clock() {
        // Tuesday, five days before and two days after Europe's clocks are set back, 2026-10-25
        let summer: DateTime<Utc> = "2026-10-20T07:30:00Z".parse().unwrap();
        let fact = windows(&hours("Europe/Berlin"), summer).unwrap();
        assert_eq!(fact.local.raw(), "Tue 09:30");
        let told: Vec<String> =
            fact.windows.iter().map(|(from, to)| format!("{} {}", from.format("%a %d %H:%M"), to.format("%H:%M"))).collect();
        assert_eq!(told, ["Tue 20 07:00 14:00", "Wed 21 07:00 14:00", "Thu 22 07:00 14:00", "Tue 27 08:00 15:00", "Wed 28 08:00 15:00"]);
    }

    #[test]
    fn windows_should_name_a_zone_that_is_not_there() {
        assert!(windows(&hours("Europe/Atlantis"), DateTime::UNIX_EPOCH).unwrap_err().raw().contains("Atlantis"));
    }
}

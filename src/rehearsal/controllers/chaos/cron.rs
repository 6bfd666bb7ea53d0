//! Schedules as Chaos Mesh's cron library reads them: five fields or six with seconds first, descriptors, `@every`, and a time zone in front.
//!
//! Zones are those of this machine's table of zones. Who names none means UTC, which is what controllers run in.

use chrono::{DateTime, Datelike, Duration, NaiveDate, TimeZone as _, Timelike, Utc};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::go;

/// When something is to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cron {
    /// This many whole seconds after the last time.
    Every(i64),
    /// At the times that fit all fields, by the clocks of this zone; of UTC where it is none.
    Fields(Fields, Option<TimeZone>),
}

/// Bits of the values that fit, field by field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fields {
    second: u64,
    minute: u64,
    hour: u64,
    day: u64,
    month: u64,
    weekday: u64,
}

/// Set in a field that says any value.
const ANY: u64 = 1 << 63;

/// Least and greatest value of a field, and their names, the first of which means the least.
struct Bounds(u32, u32, &'static [&'static str]);

const SECONDS: Bounds = Bounds(0, 59, &[]);
const MINUTES: Bounds = Bounds(0, 59, &[]);
const HOURS: Bounds = Bounds(0, 23, &[]);
const DAYS: Bounds = Bounds(1, 31, &[]);
const MONTHS: Bounds = Bounds(1, 12, &["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]);
const WEEKDAYS: Bounds = Bounds(0, 6, &["sun", "mon", "tue", "wed", "thu", "fri", "sat"]);

impl Cron {
    /// Read a schedule.
    ///
    /// # Errors
    /// The library's words.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Err("empty spec string".to_owned());
        }
        let (mut rest, mut place) = (text, None);
        if let Some(zoned) = text.strip_prefix("TZ=").or_else(|| text.strip_prefix("CRON_TZ=")) {
            let (zone, after) = zoned.split_once(' ').unwrap_or((zoned, ""));
            place = zone_of(zone).map_err(|why| format!("provided bad location {zone}: {why}"))?;
            rest = after.trim();
        }
        if rest.starts_with('@') {
            return descriptor(rest).map(|cron| cron.by(place));
        }
        let mut fields: Vec<&str> = rest.split_whitespace().collect();
        match fields.len() {
            5 => fields.insert(0, "0"),
            6 => {}
            count => return Err(format!("expected 5 to 6 fields, found {count}: [{}]", fields.join(" "))),
        }
        let fields = Fields {
            second: field(fields[0], &SECONDS)?,
            minute: field(fields[1], &MINUTES)?,
            hour: field(fields[2], &HOURS)?,
            day: field(fields[3], &DAYS)?,
            month: field(fields[4], &MONTHS)?,
            weekday: field(fields[5], &WEEKDAYS)?,
        };
        Ok(Self::Fields(fields, place))
    }

    /// The same by the clocks of this zone, if one is given.
    #[must_use]
    pub fn by(self, place: Option<TimeZone>) -> Self {
        match (self, place) {
            (Self::Fields(fields, _), Some(place)) => Self::Fields(fields, Some(place)),
            (other, _) => other,
        }
    }

    /// The first time after this one; none within five years.
    #[must_use]
    pub fn after(&self, time: DateTime<Utc>) -> Option<DateTime<Utc>> {
        match self {
            Self::Every(seconds) => Some(whole(time) + Duration::seconds(*seconds)),
            Self::Fields(fields, None) => fields.after(whole(time) + Duration::seconds(1)),
            Self::Fields(fields, Some(place)) => {
                let mut from = shown(time, place)?;
                // An hour that is left out in spring comes to the time after it, one that comes twice in autumn to its first: never back in time.
                loop {
                    from = fields.after(from + Duration::seconds(1))?;
                    let at = meant(from, place)?;
                    if at > time {
                        return Some(at);
                    }
                }
            }
        }
    }
}

/// The zone of this name; none for UTC.
///
/// # Errors
/// When this machine knows none of that name, in Go's words.
pub fn zone_of(name: &str) -> Result<Option<TimeZone>, String> {
    if matches!(name, "" | "UTC" | "Local" | "GMT") {
        return Ok(None);
    }
    TimeZone::get(name).map(Some).map_err(|_| format!("unknown time zone {name}"))
}

/// What the clocks of a zone show at this time, in whole seconds, as if it were UTC.
fn shown(time: DateTime<Utc>, place: &TimeZone) -> Option<DateTime<Utc>> {
    let offset = place.to_offset(Timestamp::from_second(time.timestamp()).ok()?);
    Some(whole(time) + Duration::seconds(i64::from(offset.seconds())))
}

/// When the clocks of a zone show this.
fn meant(shown: DateTime<Utc>, place: &TimeZone) -> Option<DateTime<Utc>> {
    let civil = Timestamp::from_second(shown.timestamp()).ok()?.to_zoned(TimeZone::UTC).datetime();
    let at = place.to_ambiguous_timestamp(civil).compatible().ok()?;
    DateTime::from_timestamp(at.as_second(), 0)
}

fn whole(time: DateTime<Utc>) -> DateTime<Utc> {
    time.with_nanosecond(0).unwrap_or(time)
}

impl Fields {
    fn after(&self, from: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let mut date = from.date_naive();
        let last = NaiveDate::from_ymd_opt(date.year() + 5, 12, 31)?;
        let mut start = (from.hour(), from.minute(), from.second());
        while date <= last {
            if self.fits_day(date)
                && let Some((hour, minute, second)) = self.time_from(start)
            {
                return Some(Utc.from_utc_datetime(&date.and_hms_opt(hour, minute, second)?));
            }
            start = (0, 0, 0);
            date = date.succ_opt()?;
        }
        None
    }

    fn fits_day(&self, date: NaiveDate) -> bool {
        let day = has(self.day, date.day());
        let weekday = has(self.weekday, date.weekday().num_days_from_sunday());
        let either = self.day & ANY == 0 && self.weekday & ANY == 0;
        has(self.month, date.month()) && if either { day || weekday } else { day && weekday }
    }

    fn time_from(&self, (hour, minute, second): (u32, u32, u32)) -> Option<(u32, u32, u32)> {
        let first = |bits: u64, from: u32, to: u32| (from..=to).find(|value| has(bits, *value));
        let mut from = (minute, second);
        for h in (hour..24).filter(|h| has(self.hour, *h)) {
            if h > hour {
                from = (0, 0);
            }
            for m in (from.0..60).filter(|m| has(self.minute, *m)) {
                let least = if h == hour && m == minute { from.1 } else { 0 };
                if let Some(s) = first(self.second, least, 59) {
                    return Some((h, m, s));
                }
            }
        }
        None
    }
}

fn has(bits: u64, value: u32) -> bool {
    bits & (1 << value) != 0
}

fn descriptor(text: &str) -> Result<Cron, String> {
    if let Some(every) = text.strip_prefix("@every ") {
        let nanos = go::duration(every).map_err(|why| format!("failed to parse duration {text}: {why}"))?;
        return Ok(Cron::Every((nanos / 1_000_000_000).max(1)));
    }
    Cron::parse(match text {
        "@yearly" | "@annually" => "0 0 1 1 *",
        "@monthly" => "0 0 1 * *",
        "@weekly" => "0 0 * * 0",
        "@daily" | "@midnight" => "0 0 * * *",
        "@hourly" => "0 * * * *",
        _ => return Err(format!("unrecognized descriptor: {text}")),
    })
}

fn field(text: &str, bounds: &Bounds) -> Result<u64, String> {
    text.split(',').filter(|part| !part.is_empty()).try_fold(0, |bits, part| Ok(bits | range(part, bounds)?))
}

fn range(text: &str, bounds: &Bounds) -> Result<u64, String> {
    let parts: Vec<&str> = text.split('/').collect();
    let ends: Vec<&str> = parts[0].split('-').collect();
    let any = matches!(ends[0], "*" | "?");
    let (start, mut end) = if any {
        (bounds.0, bounds.1)
    } else {
        let start = value(ends[0], bounds)?;
        match ends.as_slice() {
            [_] => (start, start),
            [_, end] => (start, value(end, bounds)?),
            _ => return Err(format!("too many hyphens: {text}")),
        }
    };
    let mut bits = if any { ANY } else { 0 };
    let step = match parts.as_slice() {
        [_] => 1,
        [_, step] => {
            let step = number(step)?;
            if ends.len() == 1 {
                end = bounds.1;
            }
            if step > 1 {
                bits = 0;
            }
            step
        }
        _ => return Err(format!("too many slashes: {text}")),
    };
    if start < bounds.0 {
        return Err(format!("beginning of range ({start}) below minimum ({}): {text}", bounds.0));
    }
    if end > bounds.1 {
        return Err(format!("end of range ({end}) above maximum ({}): {text}", bounds.1));
    }
    if start > end {
        return Err(format!("beginning of range ({start}) beyond end of range ({end}): {text}"));
    }
    if step == 0 {
        return Err(format!("step of range should be a positive number: {text}"));
    }
    let mut at = start;
    while at <= end {
        bits |= 1 << at;
        at = at.saturating_add(step);
    }
    Ok(bits)
}

fn value(text: &str, bounds: &Bounds) -> Result<u32, String> {
    let lower = text.to_ascii_lowercase();
    match bounds.2.iter().zip(bounds.0..).find(|(name, _)| **name == lower) {
        Some((_, value)) => Ok(value),
        None => number(text),
    }
}

fn number(text: &str) -> Result<u32, String> {
    let number = go::atoi(text).map_err(|why| format!("failed to parse int from {text}: {why}"))?;
    u32::try_from(number).map_err(|_| format!("negative number ({number}) not allowed: {text}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(cron: &str, time: &str) -> String {
        let time = DateTime::parse_from_rfc3339(time).unwrap_or_default().with_timezone(&Utc);
        Cron::parse(cron).ok().and_then(|cron| cron.after(time)).map_or_else(String::new, |at| at.to_rfc3339())
    }

    #[test]
    fn next_time_should_fit_all_fields() {
        assert_eq!(next("*/1 * * * *", "2026-01-05T09:00:00.5Z"), "2026-01-05T09:01:00+00:00");
        assert_eq!(next("*/10 * * * * *", "2026-01-05T09:00:09Z"), "2026-01-05T09:00:10+00:00");
        assert_eq!(next("0 3 * * sun", "2026-01-05T09:00:00Z"), "2026-01-11T03:00:00+00:00");
        assert_eq!(next("30 23 31 * *", "2026-01-31T23:30:00Z"), "2026-03-31T23:30:00+00:00");
        assert_eq!(next("0 0 1 * mon", "2026-01-05T09:00:00Z"), "2026-01-12T00:00:00+00:00");
        assert_eq!(next("0 0 30 2 *", "2026-01-05T09:00:00Z"), "");
        assert_eq!(next("@hourly", "2026-01-05T09:30:00Z"), "2026-01-05T10:00:00+00:00");
        assert_eq!(next("@every 1500ms", "2026-01-05T09:30:00.9Z"), "2026-01-05T09:30:01+00:00");
        assert_eq!(next("CRON_TZ=UTC 15 * * * *", "2026-01-05T09:15:00Z"), "2026-01-05T10:15:00+00:00");
        assert_eq!(next("59 23 * * *", "2026-01-05T23:59:00Z"), "2026-01-06T23:59:00+00:00");
    }

    #[test]
    fn zone_should_be_kept_through_winter_summer_and_the_hours_between() {
        let berlin = |time| next("CRON_TZ=Europe/Berlin 30 2 * * *", time);
        assert_eq!(berlin("2026-01-05T00:00:00Z"), "2026-01-05T01:30:00+00:00");
        assert_eq!(berlin("2026-07-05T00:00:00Z"), "2026-07-05T00:30:00+00:00");
        // half past two is left out on 29 March, and comes twice on 25 October
        assert_eq!(berlin("2026-03-28T12:00:00Z"), "2026-03-29T01:30:00+00:00");
        assert_eq!(berlin("2026-10-24T12:00:00Z"), "2026-10-25T00:30:00+00:00");
        assert_eq!(berlin("2026-10-25T00:30:00Z"), "2026-10-26T01:30:00+00:00");
        assert_eq!(next("TZ=Asia/Kolkata 0 9 * * mon", "2026-01-05T03:30:00Z"), "2026-01-12T03:30:00+00:00");
        let why = Cron::parse("CRON_TZ=Mars/Olympus 0 9 * * *").err().unwrap_or_default();
        assert_eq!(why, "provided bad location Mars/Olympus: unknown time zone Mars/Olympus");
    }

    #[test]
    fn bad_schedules_should_be_refused_in_the_library_s_words() {
        let why = |cron: &str| Cron::parse(cron).err().unwrap_or_default();
        assert_eq!(why("hello"), "expected 5 to 6 fields, found 1: [hello]");
        assert_eq!(why(""), "empty spec string");
        assert_eq!(why("@every x"), "failed to parse duration @every x: time: invalid duration \"x\"");
        assert_eq!(why("@often"), "unrecognized descriptor: @often");
        assert_eq!(why("61 * * * *"), "end of range (61) above maximum (59): 61");
        assert_eq!(why("a * * * *"), "failed to parse int from a: strconv.Atoi: parsing \"a\": invalid syntax");
        assert_eq!(why("5-3 * * * *"), "beginning of range (5) beyond end of range (3): 5-3");
        assert_eq!(why("*/0 * * * *"), "step of range should be a positive number: */0");
        assert_eq!(why("1-2-3 * * * *"), "too many hyphens: 1-2-3");
    }
}

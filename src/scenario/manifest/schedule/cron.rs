//! Times as `robfig/cron` v3 reads them.

use std::time::Duration;

use super::super::super::units;

const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const DAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
const WORDS: [&str; 7] = ["@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly"];

/// One field: what it is, the least and the most, and the words for its numbers.
type Field = (&'static str, u32, u32, &'static [&'static str]);

const SECONDS: Field = ("seconds", 0, 59, &[]);
const FIELDS: [Field; 5] =
    [("minutes", 0, 59, &[]), ("hours", 0, 23, &[]), ("the day", 1, 31, &[]), ("the month", 1, 12, &MONTHS), ("the weekday", 0, 6, &DAYS)];

/// The gap of an `@every`; `None` for times of the calendar. An error in words.
pub fn read(text: &str) -> Result<Option<Duration>, String> {
    let zoned = ["CRON_TZ=", "TZ="].iter().find_map(|prefix| text.strip_prefix(prefix));
    let times = match zoned {
        None => text,
        Some(rest) => rest.split_once(' ').map(|(_, times)| times).ok_or("a time zone and nothing behind it")?,
    };
    let times = times.trim();
    if let Some(gap) = times.strip_prefix("@every ") {
        let nanos = units::go_duration(gap).map_err(|reason| reason.words().to_owned())?;
        // whole seconds, one at least
        let seconds = u64::try_from(nanos / 1_000_000_000).unwrap_or_default().max(1);
        return Ok(Some(Duration::from_secs(seconds)));
    }
    if times.starts_with('@') {
        return if WORDS.contains(&times) { Ok(None) } else { Err("no such word".to_owned()) };
    }
    let fields: Vec<&str> = times.split_whitespace().collect();
    let known: Vec<Field> = match fields.len() {
        5 => FIELDS.to_vec(),
        6 => [SECONDS].into_iter().chain(FIELDS).collect(),
        n => return Err(format!("a cron has 5 fields, or 6 with seconds; these are {n}")),
    };
    for (text, field) in fields.iter().zip(known) {
        for part in text.split(',') {
            one(part, field).ok_or_else(|| format!("{} can't be {part:?}", field.0))?;
        }
    }
    Ok(None)
}

fn one(part: &str, (_, least, most, words): Field) -> Option<()> {
    let number = |text: &str| {
        let word = words.iter().position(|word| word.eq_ignore_ascii_case(text)).and_then(|at| u32::try_from(at).ok());
        word.map(|at| at + least).or_else(|| text.parse().ok()).filter(|number| (least..=most).contains(number))
    };
    let (range, step) = part.split_once('/').map_or((part, None), |(range, step)| (range, Some(step)));
    if step.is_some_and(|step| step.parse::<u32>().ok().is_none_or(|step| step == 0)) {
        return None;
    }
    if matches!(range, "*" | "?") {
        return Some(());
    }
    match range.split_once('-') {
        None => number(range).map(drop),
        Some((from, to)) => (number(from)? <= number(to)?).then_some(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_should_be_read_as_the_controller_reads_them() {
        for (text, expected) in [("@every 90s", Some(90)), ("@every 500ms", Some(1)), ("CRON_TZ=Europe/Berlin @every 2m", Some(120))] {
            assert_eq!(read(text), Ok(expected.map(Duration::from_secs)), "{text}");
        }
        for text in ["* * * * *", "*/5 0-6 1,15 jan-MAR mon", "0 */5 * * * ?", "@hourly", "TZ=UTC 0 4 * * 0"] {
            assert_eq!(read(text), Ok(None), "{text}");
        }
        for text in
            ["", "* * * *", "60 * * * *", "* * 0 * *", "*/0 * * * *", "5-1 * * * *", "@often", "@every soon", "* * * * * * *", "a * * * *"]
        {
            assert!(read(text).is_err(), "{text}");
        }
    }
}

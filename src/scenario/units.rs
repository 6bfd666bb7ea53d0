//! Durations and shares as Kubernetes writes them, and what was meant where they are not.

use std::time::Duration;

/// The longest duration that a scenario may speak of.
pub const LONGEST: Duration = Duration::from_hours(24);

/// Why a text is no duration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoDuration {
    /// A number without a unit.
    MissingUnit,
    /// A unit that Go does not know.
    UnknownUnit(String),
    /// More than 292 years.
    TooLarge,
    /// No duration at all.
    Garbled,
}

impl NoDuration {
    /// The reason in words, `None` where there is nothing more to say than that it is none.
    pub fn words(&self) -> &'static str {
        match self {
            NoDuration::MissingUnit => "a duration needs a unit",
            NoDuration::UnknownUnit(_) => "this unit of time is unknown",
            NoDuration::TooLarge => "this duration is too large to count",
            NoDuration::Garbled => "this is no duration",
        }
    }
}

/// Nanoseconds of a duration as Go's `time.ParseDuration` reads it; may be negative.
pub fn go_duration(text: &str) -> Result<i128, NoDuration> {
    let (negative, mut rest) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    if rest == "0" {
        return Ok(0);
    }
    if rest.is_empty() {
        return Err(NoDuration::Garbled);
    }
    let mut total: i128 = 0;
    while !rest.is_empty() {
        let number = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (digits, after) = rest.split_at(number);
        let unit = after.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(after.len());
        let (unit, next) = after.split_at(unit);
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        if (whole.is_empty() && fraction.is_empty()) || fraction.contains('.') {
            return Err(NoDuration::Garbled);
        }
        let size: i128 = match unit {
            "ns" => 1,
            "us" | "µs" | "μs" => 1_000,
            "ms" => 1_000_000,
            "s" => 1_000_000_000,
            "m" => 60_000_000_000,
            "h" => 3_600_000_000_000,
            "" => return Err(NoDuration::MissingUnit),
            _ => return Err(NoDuration::UnknownUnit(unit.to_owned())),
        };
        if whole.len() > 18 {
            return Err(NoDuration::TooLarge);
        }
        total += whole.parse::<i128>().unwrap_or(0) * size;
        // Below a nanosecond nothing counts: eighteen digits are plenty.
        let fraction = &fraction[..fraction.len().min(18)];
        if !fraction.is_empty() {
            let scale = 10_i128.pow(u32::try_from(fraction.len()).unwrap_or(18));
            total += fraction.parse::<i128>().unwrap_or(0) * size / scale;
        }
        if total > i128::from(i64::MAX) {
            return Err(NoDuration::TooLarge);
        }
        rest = next;
    }
    Ok(if negative { -total } else { total })
}

/// Whether a negative number of nanoseconds or a [`Duration`].
pub fn positive(nanos: i128) -> Option<Duration> {
    u64::try_from(nanos).ok().map(Duration::from_nanos)
}

/// The duration that `text` was probably meant to be, as Go writes it.
pub fn meant_duration(text: &str) -> Option<String> {
    let squeezed: String = text.chars().filter(|c| !c.is_whitespace()).flat_map(char::to_lowercase).collect();
    if squeezed.is_empty() || squeezed.len() > 40 {
        return None;
    }
    if let Some((minutes, seconds)) = squeezed.split_once(':') {
        let (minutes, seconds): (u32, u32) = (minutes.parse().ok()?, seconds.parse().ok()?);
        return (seconds < 60).then(|| format!("{minutes}m{seconds}s"));
    }
    let mut out = String::new();
    let mut rest = squeezed.as_str();
    while !rest.is_empty() {
        let number = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (digits, after) = rest.split_at(number);
        let unit = after.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(after.len());
        let (unit, next) = after.split_at(unit);
        if digits.is_empty() {
            return None;
        }
        let hours = |times: u64| digits.parse::<u64>().ok().map(|n| format!("{}h", n.saturating_mul(times)));
        let part = match unit {
            "" | "s" | "sec" | "secs" | "second" | "seconds" => format!("{digits}s"),
            "m" | "min" | "mins" | "minute" | "minutes" => format!("{digits}m"),
            "h" | "hr" | "hrs" | "hour" | "hours" => format!("{digits}h"),
            "ms" | "msec" | "msecs" | "millis" | "millisecond" | "milliseconds" => format!("{digits}ms"),
            "us" | "ns" | "µs" => format!("{digits}{unit}"),
            "d" | "day" | "days" => hours(24)?,
            "w" | "week" | "weeks" => hours(168)?,
            _ => return None,
        };
        out.push_str(&part);
        rest = next;
    }
    (out != text && go_duration(&out).is_ok()).then_some(out)
}

/// The share that `99%` or `99.9%` is, 0 to 1; `None` where the text is no percentage in range.
pub fn percentage(text: &str) -> Option<f64> {
    let digits = text.strip_suffix('%')?;
    let sound =
        !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit() || b == b'.') && digits.starts_with(|c: char| c.is_ascii_digit());
    // Shifted as text: 99.9 / 100 is not 0.999 in binary.
    let share: f64 = sound.then(|| format!("{digits}e-2").parse().ok()).flatten()?;
    (share <= 1.0).then_some(share)
}

/// The number that a Kubernetes quantity is.
pub fn quantity(text: &str) -> Option<f64> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let factor = match unit {
        "m" => 1e-3,
        "" => 1.0,
        "k" => 1e3,
        "M" => 1e6,
        "G" => 1e9,
        "T" => 1e12,
        "Ki" => 1024.0,
        "Mi" => 1024.0 * 1024.0,
        "Gi" => 1024.0 * 1024.0 * 1024.0,
        "Ti" => 1024.0 * 1024.0 * 1024.0 * 1024.0,
        _ => return None,
    };
    number.parse::<f64>().ok().filter(|n| n.is_finite()).map(|n| n * factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_should_be_read_as_go_reads_them() {
        for (text, nanos) in [
            ("0", 0),
            ("30s", 30_000_000_000),
            ("1m30s", 90_000_000_000),
            ("1.5h", 5_400_000_000_000),
            (".5s", 500_000_000),
            ("1.s", 1_000_000_000),
            ("-5s", -5_000_000_000),
            ("+250ms", 250_000_000),
            ("1µs", 1_000),
        ] {
            assert_eq!(go_duration(text), Ok(nanos), "{text}");
        }
        assert_eq!(go_duration("30"), Err(NoDuration::MissingUnit));
        assert_eq!(go_duration("1d"), Err(NoDuration::UnknownUnit("d".into())));
        assert_eq!(go_duration("1 m"), Err(NoDuration::UnknownUnit(" m".into())));
        assert_eq!(go_duration("9999999h"), Err(NoDuration::TooLarge));
        for text in ["", "-", "s", "1..5s", "abc", "1.2.3s"] {
            assert!(go_duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn wrong_durations_should_be_understood() {
        for (text, meant) in [
            ("30", "30s"),
            ("30 s", "30s"),
            ("1 min", "1m"),
            ("2 minutes", "2m"),
            ("1d", "24h"),
            ("30S", "30s"),
            ("1h 30min", "1h30m"),
            ("1:30", "1m30s"),
        ] {
            assert_eq!(meant_duration(text).as_deref(), Some(meant), "{text}");
        }
        assert_eq!(meant_duration("soon"), None);
    }

    #[test]
    fn percentages_should_be_shares() {
        assert_eq!(percentage("50%"), Some(0.5));
        assert_eq!(percentage("99.9%"), Some(0.999));
        for text in ["101%", "50 %", "%", "-1%", "50", ".%", "1e1%"] {
            assert_eq!(percentage(text), None, "{text}");
        }
    }
}

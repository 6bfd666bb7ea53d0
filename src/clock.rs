//! Moments and spans of a run.
//!
//! Owns [`At`], the monotonic time of an entry, and how spans are spoken. Never reads a clock:
//! the driver stamps, everybody else is told.

use std::fmt;
use std::ops::Add;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// A moment of a run: whole microseconds since the journal header's wall-clock start.
///
/// Monotonic, so that an NTP jump can't bend a recovery time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct At(u64);

impl At {
    /// The start of the run.
    pub const ZERO: At = At(0);

    /// A moment so many microseconds after the start.
    #[must_use]
    pub const fn from_micros(micros: u64) -> At {
        At(micros)
    }

    /// Microseconds since the start.
    #[must_use]
    pub const fn micros(self) -> u64 {
        self.0
    }

    /// A moment so many seconds after the start; what is before it is the start itself.
    #[must_use]
    pub fn from_seconds(seconds: f64) -> At {
        At(micros(Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(Duration::MAX)))
    }

    /// Seconds since the start.
    #[must_use]
    pub fn seconds(self) -> f64 {
        self.since(At::ZERO).as_secs_f64()
    }

    /// The span from `earlier` to this moment; zero if `earlier` is later.
    #[must_use]
    pub const fn since(self, earlier: At) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }

    /// The moment `span` before this one, at the earliest the start.
    #[must_use]
    pub fn minus(self, span: Duration) -> At {
        At(self.0.saturating_sub(micros(span)))
    }

    /// This moment on the wall, for a run whose header says it began at `start`.
    #[must_use]
    pub fn on_wall(self, start: DateTime<Utc>) -> DateTime<Utc> {
        let span = chrono::Duration::microseconds(i64::try_from(self.0).unwrap_or(i64::MAX));
        // a journal may say anything: no moment is later than the last that there is
        start.checked_add_signed(span).unwrap_or(DateTime::<Utc>::MAX_UTC)
    }

    /// The moment of the run at which the wall showed `wall`, clamped to the start.
    #[must_use]
    pub fn from_wall(wall: DateTime<Utc>, start: DateTime<Utc>) -> At {
        At((wall - start).num_microseconds().and_then(|span| u64::try_from(span).ok()).unwrap_or(0))
    }
}

fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}

impl Add<Duration> for At {
    type Output = At;

    fn add(self, span: Duration) -> At {
        At(self.0.saturating_add(micros(span)))
    }
}

/// `00:18.4`, as in `T+00:18.4`; hours appear when there are any.
impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tenths = self.0 / 100_000;
        let (minutes, tenths) = (tenths / 600, tenths % 600);
        if minutes >= 60 {
            write!(f, "{}:{:02}:{:02}.{}", minutes / 60, minutes % 60, tenths / 10, tenths % 10)
        } else {
            write!(f, "{minutes:02}:{:02}.{}", tenths / 10, tenths % 10)
        }
    }
}

/// How a span is said to a person: `0.69 s`, `18.4 s`, `4m 02s`, `1h 05m`.
#[must_use]
pub fn say(span: Duration) -> String {
    let seconds = span.as_secs_f64();
    if seconds < 9.995 {
        format!("{seconds:.2} s")
    } else if seconds < 99.95 {
        format!("{seconds:.1} s")
    } else if seconds < 3600.0 {
        format!("{}m {:02}s", span.as_secs() / 60, span.as_secs() % 60)
    } else {
        format!("{}h {:02}m", span.as_secs() / 3600, span.as_secs() / 60 % 60)
    }
}

/// How a span stands in a scenario file, in Go's form: `30s`, `1m30s`, `200ms`.
#[must_use]
pub fn go(span: Duration) -> String {
    if span.is_zero() {
        return "0s".to_owned();
    }
    let (whole, millis) = (span.as_secs(), span.subsec_millis());
    let mut out = String::new();
    for (unit, size) in [("h", 3600), ("m", 60), ("s", 1)] {
        let n = if unit == "h" { whole / size } else { whole / size % 60 };
        if n > 0 {
            out.push_str(&format!("{n}{unit}"));
        }
    }
    if millis > 0 {
        out.push_str(&format!("{millis}ms"));
    }
    if out.is_empty() { format!("{}us", span.subsec_micros()) } else { out }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn at_should_read_as_minutes_and_tenths() {
        assert_eq!(At::from_micros(18_449_999).to_string(), "00:18.4");
        assert_eq!(At::from_micros(3_661_000_000).to_string(), "1:01:01.0");
    }

    #[test]
    fn spans_should_be_said_with_their_unit() {
        assert_eq!(say(Duration::from_millis(690)), "0.69 s");
        assert_eq!(say(Duration::from_millis(18_400)), "18.4 s");
        assert_eq!(say(Duration::from_secs(242)), "4m 02s");
        assert_eq!(go(Duration::from_millis(90_500)), "1m30s500ms");
        assert_eq!(go(Duration::from_secs(30)), "30s");
    }
}

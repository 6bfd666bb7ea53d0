//! The simulated wall clock: an instant given by the seed plus what tokio's (paused) clock has counted since.
//!
//! It must be read inside the rehearsal's runtime: tokio's clock is a real one elsewhere.

use chrono::{DateTime, Duration, SecondsFormat, TimeZone, Utc};
use tokio::time::Instant;

use super::dice::Dice;

/// Monday, 5 January 2026, 09:00 UTC: the earliest start of a rehearsal, in Unix seconds.
const FIRST_START: i64 = 1_767_603_600;

/// The clock that every time in the practice cluster comes from.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    start: DateTime<Utc>,
    origin: Instant,
    skew: Duration,
}

impl Clock {
    /// A clock that starts now, at the wall time which the seed gives.
    #[must_use]
    pub fn start(dice: &Dice) -> Self {
        let mut rolls = dice.stream("clock");
        // Not on a whole second: server times are cut to seconds, and a rehearsal should show that as a real cluster does.
        let millis = FIRST_START * 1000 + i64::try_from(rolls.below(8 * 3600 * 1000)).unwrap_or(0);
        let start = Utc.timestamp_millis_opt(millis).single().unwrap_or_default();
        Self { start, origin: Instant::now(), skew: Duration::zero() }
    }

    /// A clock that reads this now and goes on with tokio's.
    #[must_use]
    pub fn set(now: DateTime<Utc>) -> Self {
        Self { start: now, origin: Instant::now(), skew: Duration::zero() }
    }

    /// Let it be this time now.
    pub fn set_now(&mut self, now: DateTime<Utc>) {
        self.start += now - self.now();
    }

    /// The true simulated time.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        self.start + Duration::from_std(self.origin.elapsed()).unwrap_or_else(|_| Duration::zero())
    }

    /// The time as the cluster's own clocks have it: the true time plus the skew.
    #[must_use]
    pub fn server_now(&self) -> DateTime<Utc> {
        self.now() + self.skew
    }

    /// The cluster's time as a `metav1.Time`: RFC 3339, whole seconds.
    #[must_use]
    pub fn stamp(&self) -> String {
        stamp(self.server_now())
    }

    /// Set the cluster's clocks off by this much (negative: behind).
    pub fn set_skew(&mut self, skew: Duration) {
        self.skew = skew;
    }
}

/// The longest that anything is put off: what clients ask for may be absurd, and is not counted to its end.
pub const FAR: std::time::Duration = std::time::Duration::from_hours(24 * 365 * 30);

/// So many seconds after a time, or before it; as far as the calendar goes.
#[must_use]
pub fn later(time: DateTime<Utc>, seconds: i64) -> DateTime<Utc> {
    let end = if seconds < 0 { DateTime::<Utc>::MIN_UTC } else { DateTime::<Utc>::MAX_UTC };
    Duration::try_seconds(seconds).and_then(|span| time.checked_add_signed(span)).unwrap_or(end)
}

/// A `metav1.Time`: RFC 3339, whole seconds.
#[must_use]
pub fn stamp(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// The moment a `metav1.Time` or `metav1.MicroTime` names.
#[must_use]
pub fn parse(text: &str) -> Option<DateTime<Utc>> {
    DateTime::parse_from_rfc3339(text).ok().map(|time| time.with_timezone(&Utc))
}

//! How late the screen is, and how much waits to be taken: counted, told while it matters, summed up in the help.

use std::time::{Duration, Instant};

use crate::clock::say;

/// News that come later than this to the screen are late.
const LATE: Duration = Duration::from_millis(300);
/// So many events that wait are told of.
const MANY: usize = 256;
/// For how long a late picture is told of.
const TOLD: Duration = Duration::from_secs(10);

/// What was counted since the cockpit opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lags {
    pictures: u64,
    late: u64,
    worst: Duration,
    last: Option<(Instant, Duration)>,
    leaps: u64,
    waiting: usize,
    most: usize,
}

impl Lags {
    /// A picture stands on the screen, with news of which the first came at `since`, if there were any.
    pub fn drawn(&mut self, since: Option<Instant>, now: Instant) {
        self.pictures += 1;
        let late = since.map_or(Duration::ZERO, |since| now.saturating_duration_since(since));
        if late > LATE {
            self.late += 1;
            self.worst = self.worst.max(late);
            self.last = Some((now, late));
        }
    }

    /// So many entries waited that the run was taken over in whole, and they were dropped.
    pub const fn leapt(&mut self) {
        self.leaps += 1;
    }

    /// So many events wait for the driver.
    pub fn queued(&mut self, waiting: usize) {
        self.waiting = waiting;
        self.most = self.most.max(waiting);
    }

    /// What is to be told now.
    #[must_use]
    pub fn told(&self, now: Instant) -> Option<String> {
        if self.waiting >= MANY {
            return Some(format!("{} events wait", self.waiting));
        }
        let (_, late) = self.last.filter(|(at, _)| now.saturating_duration_since(*at) < TOLD)?;
        Some(format!("the screen was {} late", say(late)))
    }

    /// All of it in a line.
    #[must_use]
    pub fn sum(&self) -> String {
        let late = if self.late == 0 { "none late".to_owned() } else { format!("{} late, by {} at most", self.late, say(self.worst)) };
        let leaps = if self.leaps == 0 { String::new() } else { format!(" · caught up in one leap: {}", self.leaps) };
        format!("{} pictures, {late}{leaps} · {} events waited at most", self.pictures, self.most)
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "any moment will do to count from; no time passes")]
mod tests {
    use super::*;

    #[test]
    fn late_picture_should_be_told_for_a_while_and_counted_for_good() {
        let (begun, mut lags) = (Instant::now(), Lags::default());
        lags.drawn(None, begun);
        lags.drawn(Some(begun), begun + LATE);
        assert_eq!((lags.told(begun), lags.sum().as_str()), (None, "2 pictures, none late · 0 events waited at most"));
        let stalled = begun + Duration::from_secs(4);
        lags.drawn(Some(begun), stalled);
        assert_eq!(lags.told(stalled).unwrap(), "the screen was 4.00 s late");
        assert_eq!(lags.told(stalled + TOLD), None);
        lags.leapt();
        lags.queued(300);
        assert_eq!(lags.told(stalled + TOLD).unwrap(), "300 events wait");
        lags.queued(3);
        assert_eq!(lags.told(stalled + TOLD), None);
        assert_eq!(lags.sum(), "3 pictures, 1 late, by 4.00 s at most · caught up in one leap: 1 · 300 events waited at most");
    }
}

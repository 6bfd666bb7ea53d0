//! What can be seen, since when it can't, and how exactly a moment is known.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::clock::At;
use crate::event::{Skew, Source};
use crate::text::Untrusted;

/// The lag of a watch that is allowed for where none larger was measured.
const LEAST_LAG: Duration = Duration::from_millis(30);

/// How long a watch may have been silent before that is noticed: a beat a second, each with three
/// seconds of patience.
const SILENCE: Duration = Duration::from_secs(5);

/// When something happened, as exactly as it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// When we were told, or the middle of the bounds where we were told late.
    pub at: At,
    /// Not before.
    pub earliest: At,
    /// Not after.
    pub latest: At,
}

/// The sources of facts: lost, back, and for how long we were blind.
#[derive(Clone, Debug)]
pub struct Sight {
    started: DateTime<Utc>,
    skew: Option<Skew>,
    lag: Duration,
    heard: BTreeMap<Source, At>,
    lost: BTreeMap<Source, (At, Untrusted)>,
    blind: Vec<Blind>,
}

/// A window in which a source was lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blind {
    /// Which source.
    pub source: Source,
    /// From when.
    pub from: At,
    /// Until when; `None` while it lasts.
    pub to: Option<At>,
    /// Why.
    pub why: Untrusted,
}

impl Sight {
    /// Sight of a run that began when the wall showed `started`.
    #[must_use]
    pub fn new(started: DateTime<Utc>) -> Sight {
        Sight { started, skew: None, lag: LEAST_LAG, heard: BTreeMap::new(), lost: BTreeMap::new(), blind: Vec::new() }
    }

    pub(super) fn measured(&mut self, skew: Skew) {
        // a server that takes so long for a small answer may take as long to tell a watch
        self.lagged(skew.took);
        self.skew = Some(match self.skew {
            // two measurements of one clock: what both allow, unless the clock was set between them
            Some(old) if old.least.max(skew.least) <= old.most.min(skew.most) => {
                Skew { least: old.least.max(skew.least), most: old.most.min(skew.most), took: skew.took }
            }
            _ => skew,
        });
    }

    pub(super) fn lagged(&mut self, lag: Duration) {
        self.lag = self.lag.max(lag);
    }

    pub(super) fn lose(&mut self, source: Source, why: &Untrusted, at: At) -> bool {
        if self.lost.contains_key(&source) {
            return false;
        }
        self.lost.insert(source, (at, why.clone()));
        self.blind.push(Blind { source, from: at, to: None, why: why.clone() });
        true
    }

    pub(super) fn regain(&mut self, source: Source, at: At) -> Option<Duration> {
        let (from, _) = self.lost.remove(&source)?;
        if let Some(window) = self.blind.iter_mut().rev().find(|w| w.source == source) {
            window.to = Some(at);
        }
        Some(at.since(from))
    }

    pub(super) fn heard(&mut self, source: Source, at: At) {
        self.heard.insert(source, at);
    }

    /// Since when something of `source` may have gone unseen, as a new list of it is told.
    pub(super) fn unseen_since(&self, source: Source, now: At) -> At {
        let heard = self.heard.get(&source).copied().unwrap_or_default();
        self.lost.get(&source).map_or(heard, |(from, _)| from.minus(SILENCE).max(heard)).min(now)
    }

    /// Since when `source` has been lost, and why.
    #[must_use]
    pub fn lost(&self, source: Source) -> Option<&(At, Untrusted)> {
        self.lost.get(&source)
    }

    /// All sources that are lost now, with since when.
    pub fn all_lost(&self) -> impl Iterator<Item = (Source, At)> {
        self.lost.iter().map(|(source, (at, _))| (*source, *at))
    }

    /// Every blind window of the run, oldest first.
    #[must_use]
    pub fn blind(&self) -> &[Blind] {
        &self.blind
    }

    /// The API server's clock minus ours.
    #[must_use]
    pub const fn skew(&self) -> Option<Skew> {
        self.skew
    }

    /// How late a watch event may be.
    #[must_use]
    pub const fn lag(&self) -> Duration {
        self.lag
    }

    /// The bounds of something that a watch told at `at`.
    pub(super) fn live(&self, at: At) -> Seen {
        Seen { at, earliest: at.minus(self.lag), latest: at }
    }

    /// The bounds of something that a new list showed at `at`, after being blind since `since`;
    /// the server's own time of it, in whole seconds, narrows them where it can.
    pub(super) fn relisted(&self, at: At, since: At, server: Option<DateTime<Utc>>) -> Seen {
        let (mut earliest, mut latest) = (since.minus(self.lag), at);
        // ours = theirs - skew; theirs lies in the second that begins at `server`
        let ours = |theirs: Option<DateTime<Utc>>, ahead: i64| {
            Some(At::from_wall(theirs?.checked_sub_signed(chrono::Duration::microseconds(ahead))?, self.started))
        };
        let until = server.and_then(|second| second.checked_add_signed(chrono::Duration::seconds(1)));
        let bounds = self.skew.and_then(|skew| ours(server, skew.most).zip(ours(until, skew.least)));
        if let Some((not_before, not_after)) = bounds {
            let not_after = not_after + self.lag;
            if not_before.max(earliest) <= not_after.min(latest) {
                earliest = not_before.max(earliest);
                latest = not_after.min(latest);
            }
        }
        Seen { at: earliest + latest.since(earliest) / 2, earliest, latest }
    }
}

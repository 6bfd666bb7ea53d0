//! A recorded run, played again: at any speed, forwards and backwards, with pauses.
//!
//! Owns [`Player`], which folds a journal's entries up to a moment that it is told to move. It has no clock: whoever plays says
//! how much time went by. What it shows is the fold itself, so every screen is as it was, and nothing is broken again.

use std::time::Duration;

use crate::clock::At;
use crate::event::Entry;
use crate::run::Run;
use crate::seat::{Play, Position};

/// The speeds there are, against the real clock. Slow ones, for what takes less than a second: a pod that comes back.
pub const SPEEDS: [f64; 10] = [0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0];
/// How far one step back or on goes.
pub const STRIDE: Duration = Duration::from_secs(5);
/// How many folds are kept on the way, to step back without folding all of it again.
const MARKS: usize = 32;
/// A moment that was passed less than this ago is where the player stands; the one before is the last.
const NEAR: Duration = Duration::from_millis(700);

/// Plays a run.
#[derive(Clone, Debug)]
pub struct Player {
    entries: Vec<Entry>,
    /// Folds on the way, each with the number of entries in it; the first has none.
    marks: Vec<(usize, Run)>,
    /// The moments of the timeline, each once.
    moments: Vec<At>,
    run: Run,
    folded: usize,
    /// How many of the entries in `run` whoever shows it has as well; `None` where it went back, or was never shown.
    shown: Option<usize>,
    head: At,
    speed: f64,
    paused: bool,
}

impl Player {
    /// Plays `entries` from the beginning; `run` has none of them folded.
    #[must_use]
    pub fn new(run: Run, entries: Vec<Entry>, speed: f64) -> Player {
        let every = entries.len() / MARKS + 1;
        let mut marks = vec![(0, run.clone())];
        let mut whole = run.clone();
        for (index, entry) in entries.iter().enumerate() {
            whole.apply(entry);
            if (index + 1) % every == 0 {
                marks.push((index + 1, whole.clone()));
            }
        }
        let mut moments: Vec<At> = whole.timeline().iter().map(|moment| moment.at).collect();
        moments.dedup();
        let mut player = Player { entries, marks, moments, run, folded: 0, shown: None, head: At::ZERO, speed, paused: false };
        player.fold();
        player
    }

    /// The run as it was at the moment that is shown.
    #[must_use]
    pub const fn run(&self) -> &Run {
        &self.run
    }

    /// What came into the run since this was last asked; `None`: it is another fold, to be shown in whole.
    pub fn news(&mut self) -> Option<&[Entry]> {
        let from = self.shown.replace(self.folded)?;
        self.entries.get(from..self.folded)
    }

    /// Where the player is.
    #[must_use]
    pub fn position(&self) -> Position {
        Position { head: self.head, end: self.end(), speed: self.speed, paused: self.paused }
    }

    fn end(&self) -> At {
        self.entries.last().map_or(At::ZERO, |entry| entry.at)
    }

    /// How fast the shown moment moves against the real clock: 0 while nothing moves.
    #[must_use]
    pub fn pace(&self) -> f64 {
        if self.paused || self.head >= self.end() { 0.0 } else { self.speed }
    }

    /// How long, on the real clock, until there is something new to show; none while nothing moves.
    #[must_use]
    pub fn until_next(&self) -> Option<Duration> {
        let next = self.entries.get(self.folded).filter(|_| self.pace() > 0.0)?;
        Some(next.at.since(self.head).div_f64(self.speed))
    }

    /// So much time went by on the real clock.
    pub fn pass(&mut self, time: Duration) {
        let to = self.head + time.mul_f64(self.pace());
        self.seek(to);
    }

    /// Does what was wished.
    pub fn play(&mut self, wish: Play) {
        let at = SPEEDS.iter().position(|speed| *speed >= self.speed).unwrap_or(SPEEDS.len() - 1);
        match wish {
            // at the end there is nothing to go on with: from the beginning, then
            Play::Pause if self.head >= self.end() => {
                self.paused = false;
                self.seek(At::ZERO);
            }
            Play::Pause => self.paused = !self.paused,
            Play::Faster => self.speed = SPEEDS.iter().copied().find(|speed| *speed > self.speed).unwrap_or(self.speed),
            Play::Slower => self.speed = SPEEDS[at.saturating_sub(1)],
            Play::Back => self.seek(self.head.minus(STRIDE)),
            Play::Forward => self.seek(self.head + STRIDE),
            Play::NextMoment => {
                let next = self.moments.iter().copied().find(|at| *at > self.head);
                self.seek(next.unwrap_or_else(|| self.end()));
            }
            Play::LastMoment => {
                // a moment that was just passed while it plays is not the one that is meant
                let near = if self.pace() > 0.0 { NEAR.mul_f64(self.speed) } else { Duration::ZERO };
                let last = self.moments.iter().rev().copied().find(|at| *at + near < self.head);
                self.seek(last.unwrap_or(At::ZERO));
            }
            Play::Start => self.seek(At::ZERO),
            Play::End => self.seek(self.end()),
        }
    }

    /// Shows another moment, at the latest the end.
    pub fn seek(&mut self, to: At) {
        self.head = to.min(self.end());
        let ahead = self.folded > 0 && self.entries[self.folded - 1].at > self.head;
        let before = |count: &usize| *count == 0 || self.entries[*count - 1].at <= self.head;
        // the last fold on the way, where that is behind what is shown, or saves folding much of it
        if let Some((count, run)) =
            self.marks.iter().rev().find(|(count, _)| before(count)).filter(|(count, _)| ahead || *count > self.folded)
        {
            (self.folded, self.run, self.shown) = (*count, run.clone(), None);
        }
        self.fold();
    }

    fn fold(&mut self) {
        while let Some(entry) = self.entries.get(self.folded).filter(|entry| entry.at <= self.head) {
            self.run.apply(entry);
            self.folded += 1;
        }
    }
}

//! Who sits before a face.
//!
//! Owns [`Seat`]: whoever sits there need not lead the run; and [`Play`], what whoever plays a recorded run wishes.

use crate::clock::At;

/// Who sits before a face.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Seat {
    /// Whoever leads the run.
    #[default]
    Leader,
    /// Somebody who looks on: nothing they do reaches the run.
    Spectator {
        /// Whether the process that drives the run lives. A run that is sealed needs none.
        driven: bool,
    },
    /// Somebody who plays a recorded run.
    Player(Position),
}

/// Where in a recorded run its player is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Position {
    /// The moment that is shown.
    pub head: At,
    /// The last moment there is.
    pub end: At,
    /// How fast it goes against the real clock.
    pub speed: f64,
    /// Whether it stands still.
    pub paused: bool,
}

/// What the player of a recorded run is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Play {
    /// Stand still, or go on.
    Pause,
    /// The next speed.
    Faster,
    /// The speed before.
    Slower,
    /// Some seconds back.
    Back,
    /// Some seconds on.
    Forward,
    /// To the next line of the timeline.
    NextMoment,
    /// To the line before.
    LastMoment,
    /// To the beginning.
    Start,
    /// To the end.
    End,
}

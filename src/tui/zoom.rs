//! How the operator looks at the charts: which part of their time, and where the cursor stands. Not journalled.
//!
//! Owns [`Zoom`], one for all charts, so that what is compared lies side by side. The cursor stands on moments at which
//! the first chart has a sample, never between two: what is read there was seen.

use crate::clock::At;
use crate::run::Run;
use crate::tui::charts;
use crate::tui::hands::Hands;
use crate::tui::keys::Screen;
use crate::tui::span::Span;

/// The shortest part of a chart that is shown, in seconds.
pub const SHORTEST: f64 = 4.0;

/// What is done to the charts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Turn {
    /// Show half of what is shown.
    In,
    /// Show twice as much.
    Out,
    /// Show what was earlier.
    PanBack,
    /// Show what was later.
    PanOn,
    /// The cursor to the sample before.
    CursorBack,
    /// The cursor to the next sample.
    CursorOn,
    /// The whole again, without a cursor.
    Whole,
}

/// A part of the run's time, in seconds of its clock; it may begin before its first entry.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Part {
    /// Its begin.
    pub from: f64,
    /// Its end.
    pub to: f64,
}

impl Part {
    fn length(self) -> f64 {
        self.to - self.from
    }

    fn holds(self, at: At) -> bool {
        (self.from..=self.to).contains(&at.seconds())
    }

    /// As long as this, moved as little as brings it into `whole`.
    fn within(self, whole: Part) -> Part {
        let from = self.from.min(whole.to - self.length()).max(whole.from);
        Part { from, to: (from + self.length()).min(whole.to) }
    }

    /// As long as this, moved as little as brings a moment into it.
    fn around(self, at: At) -> Part {
        let shift = (at.seconds() - self.to).max(0.0) + (at.seconds() - self.from).min(0.0);
        Part { from: self.from + shift, to: self.to + shift }
    }
}

/// What is shown of the charts.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Zoom {
    part: Option<Part>,
    cursor: Option<At>,
}

impl Zoom {
    /// The part that is shown; none: the whole.
    #[must_use]
    pub const fn part(&self) -> Option<Part> {
        self.part
    }

    /// Where the cursor stands, if there is one.
    #[must_use]
    pub const fn cursor(&self) -> Option<At> {
        self.cursor
    }

    /// Back to the whole, without a cursor; says whether that changed anything.
    pub fn clear(&mut self) -> bool {
        std::mem::take(self) != Zoom::default()
    }

    /// Turns the charts: of `whole`, with samples at these `moments`, in order.
    pub fn turn(&mut self, turn: Turn, whole: Part, moments: &[At]) {
        let part = self.part.unwrap_or(whole).within(whole);
        match turn {
            Turn::In => self.scale(0.5, part, whole, moments),
            Turn::Out => self.scale(2.0, part, whole, moments),
            Turn::PanBack => self.pan(-0.25, part, whole, moments),
            Turn::PanOn => self.pan(0.25, part, whole, moments),
            Turn::CursorBack => self.step(true, part, whole, moments),
            Turn::CursorOn => self.step(false, part, whole, moments),
            Turn::Whole => {
                self.clear();
            }
        }
    }

    /// Shows more or less, around the cursor, or else around the newest sample in sight, which keeps its place.
    fn scale(&mut self, by: f64, part: Part, whole: Part, moments: &[At]) {
        let length = (part.length() * by).max(SHORTEST);
        if length >= whole.length() {
            self.part = None;
            return;
        }
        let newest = || moments.iter().rev().copied().find(|at| part.holds(*at));
        let middle = f64::midpoint(part.from, part.to);
        let anchor = self.cursor.filter(|at| part.holds(*at)).or_else(newest).map_or(middle, At::seconds);
        let share = (anchor - part.from) / part.length().max(f64::MIN_POSITIVE);
        let from = anchor - share.clamp(0.0, 1.0) * length;
        self.part = Some(Part { from, to: from + length }.within(whole));
    }

    fn pan(&mut self, by: f64, part: Part, whole: Part, moments: &[At]) {
        if self.part.is_none() {
            return;
        }
        let by = by * part.length();
        let part = Part { from: part.from + by, to: part.to + by }.within(whole);
        self.part = Some(part);
        // the cursor stays in sight
        if let Some(cursor) = self.cursor.filter(|at| !part.holds(*at)) {
            let mut seen = moments.iter().copied().filter(|at| part.holds(*at));
            self.cursor = if cursor.seconds() < part.from { seen.next() } else { seen.next_back() };
        }
    }

    fn step(&mut self, back: bool, part: Part, whole: Part, moments: &[At]) {
        let mut seen = moments.iter().copied().filter(|at| part.holds(*at));
        let next = match (self.cursor, back) {
            (None, true) => seen.next_back(),
            (None, false) => seen.next(),
            (Some(cursor), true) => moments.iter().rev().copied().find(|at| *at < cursor),
            (Some(cursor), false) => moments.iter().copied().find(|at| *at > cursor),
        };
        self.cursor = next.or(self.cursor);
        if let (Some(_), Some(cursor)) = (self.part, self.cursor) {
            self.part = Some(part.around(cursor).within(whole));
        }
    }
}

/// Turns the charts where there are any in sight.
pub fn turn(hands: &mut Hands, turn: Turn, run: &Run) {
    if !matches!(hands.screen(run), Screen::Cockpit | Screen::Metrics) {
        return;
    }
    let mut all = charts::all(run);
    if all.is_empty() {
        return;
    }
    let lines = all.swap_remove(hands.chart % all.len()).lines(run, run.now());
    let mut moments: Vec<At> = lines.iter().flat_map(|line| line.series.curve.points()).map(|(at, _)| *at).collect();
    moments.sort_unstable();
    moments.dedup();
    hands.zoom.turn(turn, Span::whole(run, run.now(), &lines).part(), &moments);
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: Part = Part { from: -5.0, to: 35.0 };

    fn at(seconds: u64) -> At {
        At::from_micros(seconds * 1_000_000)
    }

    fn turned(turns: &[Turn]) -> Zoom {
        let moments: Vec<At> = (0..20).map(at).collect();
        let mut zoom = Zoom::default();
        for turn in turns {
            zoom.turn(*turn, WHOLE, &moments);
        }
        zoom
    }

    #[test]
    fn zoom_should_go_in_around_the_cursor_and_out_to_the_whole() {
        let near = turned(&[Turn::CursorBack, Turn::In]);
        assert_eq!(near.cursor(), Some(at(19)));
        assert_eq!(near.part(), Some(Part { from: 7.0, to: 27.0 }), "the cursor keeps its place");
        assert_eq!(turned(&[Turn::In, Turn::Out]), Zoom::default());
        let nearest = turned(&[Turn::In; 9]).part().unwrap();
        assert!((nearest.to - nearest.from - SHORTEST).abs() < 1e-9, "{nearest:?}");
    }

    #[test]
    fn pan_should_stop_at_the_ends_and_take_the_cursor_along() {
        let mut turns = vec![Turn::CursorBack, Turn::In];
        turns.extend([Turn::PanBack; 9]);
        let back = turned(&turns);
        assert_eq!(back.part(), Some(Part { from: -5.0, to: 15.0 }));
        assert_eq!(back.cursor(), Some(at(15)));
        assert_eq!(turned(&[Turn::PanBack]), Zoom::default(), "there is nothing beside the whole");
    }

    #[test]
    fn cursor_should_stand_on_samples_and_the_part_follow_it() {
        assert_eq!(turned(&[Turn::CursorOn]).cursor(), Some(at(0)));
        assert_eq!(turned(&[Turn::CursorOn, Turn::CursorBack]).cursor(), Some(at(0)), "there is none before");
        let mut turns = vec![Turn::In, Turn::In, Turn::In];
        turns.extend([Turn::CursorBack; 15]);
        let zoom = turned(&turns);
        assert!(zoom.part().unwrap().holds(zoom.cursor().unwrap()), "{zoom:?}");
    }
}

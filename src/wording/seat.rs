//! What is said to whoever does not lead the run that they see.

use crate::clock::At;
use crate::effect::Conclusion;
use crate::run::Run;
use crate::seat::{Position, Seat};
use crate::wording;

/// That somebody looks on; and, where nobody drives the run any more, what to do.
#[must_use]
pub const fn looks_on(driven: bool, rehearsal: bool) -> &'static str {
    match (driven, rehearsal) {
        (true, _) => "watching, read-only",
        (false, false) => "its process is gone: gameday recover",
        (false, true) => "its process is gone, and its cluster with it",
    }
}

/// Whether nobody drives a run that is not over.
#[must_use]
pub const fn is_adrift(seat: Seat, run: &Run) -> bool {
    matches!(seat, Seat::Spectator { driven: false }) && !run.phase().0.is_over()
}

/// How a recorded run is played, and where in it the player is.
#[must_use]
pub fn plays(position: Position, now: At) -> String {
    let how = match position {
        Position { head, end, .. } if head >= end => "■ end".to_owned(),
        Position { paused: true, .. } => "paused".to_owned(),
        Position { speed, .. } => format!("▶ {speed}x"),
    };
    format!("replay {how}  {} of {}", clock(now.min(position.end)), clock(position.end))
}

/// Minutes and seconds of a recorded run, from its first entry on.
fn clock(at: At) -> String {
    let seconds = at.since(At::ZERO).as_secs();
    format!("{:02}:{:02}", seconds / 60, seconds % 60)
}

/// What a journal that was folded again comes to, against what was sealed in it; an error where that is not the same.
///
/// # Errors
/// It differs.
pub fn verified(sealed: &Conclusion, folded: &Conclusion) -> Result<String, String> {
    let said = |conclusion: &Conclusion| {
        let left: Vec<String> = conclusion.left.iter().map(ToString::to_string).collect();
        let left = if left.is_empty() { String::new() } else { format!(" ({})", left.join(", ")) };
        format!("{}{left}", wording::verdict(conclusion.verdict))
    };
    if (folded.verdict, &folded.left) == (sealed.verdict, &sealed.left) {
        Ok(format!("verified: {}, as sealed", said(sealed)))
    } else {
        Err(format!("not as sealed: sealed was {}, the entries come to {}", said(sealed), said(folded)))
    }
}

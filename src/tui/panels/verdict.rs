//! A verdict in letters three rows high.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use crate::effect::Verdict;
use crate::run::verdicts::Standing;
use crate::tui::letters::{self, Scale};
use crate::tui::theme::{self, Theme};

/// The rows of its letters.
pub const HEIGHT: u16 = 3;

/// The one or two words that are written large.
#[must_use]
pub const fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Held => "HELD",
        Verdict::Refuted => "REFUTED",
        Verdict::Refused => "REFUSED",
        Verdict::Stopped => "STOPPED",
        Verdict::Aborted => "ABORTED",
        Verdict::Inconclusive => "INCONCLUSIVE",
        Verdict::CleanupIncomplete => "LEFT BEHIND",
    }
}

/// Its sign.
#[must_use]
pub const fn sign(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Held => theme::sign(Standing::Held),
        Verdict::Inconclusive => theme::sign(Standing::Unknown),
        Verdict::Aborted | Verdict::Refused => "■",
        Verdict::Refuted | Verdict::Stopped | Verdict::CleanupIncomplete => theme::sign(Standing::Broken),
    }
}

/// How it looks.
#[must_use]
pub const fn style(theme: &Theme, verdict: Verdict) -> Style {
    match verdict {
        Verdict::Held => theme.held,
        Verdict::Refuted | Verdict::CleanupIncomplete | Verdict::Stopped => theme.broken,
        Verdict::Refused | Verdict::Aborted | Verdict::Inconclusive => theme.pending,
    }
}

/// The columns of a word.
#[must_use]
pub fn width(word: &str) -> u16 {
    letters::width(word, Scale::Half).unwrap_or(u16::MAX)
}

/// Draws a word; says whether it fits.
pub fn draw(area: Rect, buffer: &mut Buffer, word: &str, style: Style) -> bool {
    letters::draw(area, buffer, word, Scale::Half, style)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_should_be_there_for_every_verdict() {
        let verdicts = [
            Verdict::Held,
            Verdict::Refuted,
            Verdict::Refused,
            Verdict::Stopped,
            Verdict::Aborted,
            Verdict::Inconclusive,
            Verdict::CleanupIncomplete,
        ];
        for verdict in verdicts {
            assert!(letters::width(word(verdict), Scale::Half).is_some(), "{verdict:?}");
        }
    }
}

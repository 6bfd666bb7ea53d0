//! A verdict in letters three rows high.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use crate::effect::Verdict;
use crate::tui::theme::Theme;

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

/// How it looks.
#[must_use]
pub const fn style(theme: &Theme, verdict: Verdict) -> Style {
    match verdict {
        Verdict::Held => theme.held,
        Verdict::Refuted | Verdict::CleanupIncomplete | Verdict::Stopped => theme.broken,
        Verdict::Refused | Verdict::Aborted | Verdict::Inconclusive => theme.pending,
    }
}

/// Five rows of four dots a letter, the highest bit at the left; only the letters of the words above.
const fn letter(c: char) -> [u8; 5] {
    match c {
        'A' => [0b0110, 0b1001, 0b1111, 0b1001, 0b1001],
        'B' => [0b1110, 0b1001, 0b1110, 0b1001, 0b1110],
        'C' => [0b0111, 0b1000, 0b1000, 0b1000, 0b0111],
        'D' => [0b1110, 0b1001, 0b1001, 0b1001, 0b1110],
        'E' => [0b1111, 0b1000, 0b1110, 0b1000, 0b1111],
        'F' => [0b1111, 0b1000, 0b1110, 0b1000, 0b1000],
        'H' => [0b1001, 0b1001, 0b1111, 0b1001, 0b1001],
        'I' => [0b0110, 0b0110, 0b0110, 0b0110, 0b0110],
        'L' => [0b1000, 0b1000, 0b1000, 0b1000, 0b1111],
        'N' => [0b1001, 0b1101, 0b1011, 0b1001, 0b1001],
        'O' => [0b0110, 0b1001, 0b1001, 0b1001, 0b0110],
        'P' => [0b1110, 0b1001, 0b1110, 0b1000, 0b1000],
        'R' => [0b1110, 0b1001, 0b1110, 0b1010, 0b1001],
        'S' => [0b0111, 0b1000, 0b0110, 0b0001, 0b1110],
        'T' => [0b1111, 0b0110, 0b0110, 0b0110, 0b0110],
        'U' => [0b1001, 0b1001, 0b1001, 0b1001, 0b0110],
        'V' => [0b1001, 0b1001, 0b1001, 0b0110, 0b0110],
        _ => [0; 5],
    }
}

/// Draws a word; says whether it fits.
pub fn draw(area: Rect, buffer: &mut Buffer, word: &str, style: Style) -> bool {
    let columns = u16::try_from(word.chars().count() * 5).unwrap_or(u16::MAX);
    if columns > area.width || area.height < HEIGHT {
        return false;
    }
    let mut x = area.x;
    for c in word.chars() {
        let dots = letter(c);
        for row in 0..HEIGHT {
            let dots_of = |at: u16| dots.get(usize::from(at)).copied().unwrap_or(0);
            let (upper, lower) = (dots_of(row * 2), dots_of(row * 2 + 1));
            for column in 0..4 {
                let bit = 0b1000 >> column;
                let glyph = match (upper & bit != 0, lower & bit != 0) {
                    (true, true) => "█",
                    (true, false) => "▀",
                    (false, true) => "▄",
                    (false, false) => " ",
                };
                if let Some(cell) = buffer.cell_mut((x + column, area.y + row)) {
                    cell.set_symbol(glyph).set_style(style);
                }
            }
        }
        x += 5;
    }
    true
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
        for c in verdicts.into_iter().flat_map(|verdict| word(verdict).chars()).filter(|c| *c != ' ') {
            assert_ne!(letter(c), [0; 5], "no letter {c}");
        }
    }
}

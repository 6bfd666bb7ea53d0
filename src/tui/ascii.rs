//! The same screen for a terminal without Unicode: every cell that is not ASCII is put as the character nearest to it.

use ratatui::buffer::Buffer;

/// What stands for what.
const NEAREST: &[(&str, &str)] = &[
    ("─━╌╍┄┅┈┉╸╺╴╶–—⁃−‐‑", "-"),
    ("│┃┆┇┊┋▏▕╵╷╹╻", "|"),
    ("┌┐└┘├┤┬┴┼╭╮╯╰┏┓┗┛╋±", "+"),
    ("█▉▊▋▌▐▓▇▆", "#"),
    ("▅▄▍▎▒▃", "="),
    ("░▂", ":"),
    ("▁", "_"),
    ("●◉•∙", "o"),
    ("◐◑◒◓", "%"),
    ("○◌◦·", "."),
    ("✓✔▼↓▾", "v"),
    ("✗✘×⨯", "x"),
    ("▶▸→›»≥", ">"),
    ("◀◂←‹«≤", "<"),
    ("▲↑▴", "^"),
    ("⏎…≈", "~"),
    ("‘’′", "'"),
    ("“”″▀▔", "\""),
    ("\u{a0}\u{2800}", " "),
    ("µμ", "u"),
    ("²", "2"),
    ("³", "3"),
];

/// The character nearest to this one; what is not in the table is a question mark, braille a dot.
fn nearest(glyph: char) -> &'static str {
    let known = NEAREST.iter().find(|(glyphs, _)| glyphs.contains(glyph)).map(|(_, put)| *put);
    known.unwrap_or(if ('\u{2801}'..='\u{28ff}').contains(&glyph) { "." } else { "?" })
}

/// Puts every cell as ASCII.
pub fn translate(buffer: &mut Buffer) {
    for cell in &mut buffer.content {
        let symbol = cell.symbol();
        if symbol.is_ascii() {
            continue;
        }
        let put = symbol.chars().next().map_or(" ", nearest);
        cell.set_symbol(put);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ratatui::layout::Rect;
    use ratatui::style::Style;

    #[test]
    fn screen_should_hold_nothing_but_ascii_and_keep_its_places() {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 20, 1));
        buffer.set_string(0, 0, "┌─✓ 0.4 s (−0.1) 東x", Style::new());
        translate(&mut buffer);
        let text: String = buffer.content.iter().map(ratatui::buffer::Cell::symbol).collect();
        assert_eq!(text.trim_end(), "+-v 0.4 s (-0.1) ? x");
    }
}

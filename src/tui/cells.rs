//! Text in cells: widths, cutting at words, columns.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::tui::theme::Theme;

/// The columns of a text.
#[must_use]
pub fn width(text: &str) -> u16 {
    u16::try_from(text.width()).unwrap_or(u16::MAX)
}

/// A text in at most `columns`: cut after a word, with ` …`; a single long word loses its middle.
#[must_use]
pub fn fit(text: &str, columns: u16) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let mut best = None;
    for (index, _) in text.char_indices().filter(|(_, c)| *c == ' ') {
        let head = text[..index].trim_end_matches([' ', ',', ';', '·', ':']);
        if !head.is_empty() && width(head) + 2 <= columns {
            best = Some(head);
        }
    }
    match best {
        Some(head) => format!("{head} …"),
        None => name(text.split(' ').next().unwrap_or_default(), columns),
    }
}

/// A name in at most `columns`: it keeps its beginning and its end, cut at its dashes, dots and
/// slashes where that is enough.
#[must_use]
pub fn name(text: &str, columns: u16) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let joints: Vec<usize> = text.match_indices(['-', '.', '/', '_']).map(|(index, _)| index).collect();
    let cuts = joints.iter().flat_map(|head| joints.iter().filter(move |tail| *tail > head).map(move |tail| (*head, *tail)));
    let cut = cuts
        .map(|(head, tail)| format!("{}…{}", &text[..=head], &text[tail..]))
        .filter(|cut| width(cut) <= columns)
        .max_by_key(|cut| cut.find('…'));
    match (cut, columns) {
        (Some(cut), _) => cut,
        (None, 0) => String::new(),
        (None, columns) => {
            let last = joints.last().map_or("", |joint| &text[*joint + 1..]);
            if !last.is_empty() && width(last) < columns { format!("…{last}") } else { format!("{}…", chop(text, columns - 1)) }
        }
    }
}

/// As many characters as fit.
fn chop(text: &str, columns: u16) -> String {
    let mut used = 0;
    let fits = |c: &char| {
        used += c.width().unwrap_or(0);
        used <= usize::from(columns)
    };
    text.chars().take_while(fits).collect()
}

/// A text on at most `most` lines of `columns`, broken between words; the last line is cut.
#[must_use]
pub fn wrap(text: &str, columns: u16, most: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() && lines.len() < most {
        if width(rest) <= columns {
            lines.push(rest.to_owned());
            break;
        }
        let mut breaks = rest.match_indices(' ').map(|(index, _)| index).filter(|index| width(&rest[..*index]) <= columns);
        match breaks.next_back() {
            Some(at) if at > 0 && lines.len() + 1 < most => {
                lines.push(rest[..at].trim_end().to_owned());
                rest = rest[at..].trim_start();
            }
            Some(_) => {
                lines.push(fit(rest, columns));
                break;
            }
            None => {
                let end = rest.find(' ').unwrap_or(rest.len());
                lines.push(name(&rest[..end], columns));
                rest = rest[end..].trim_start();
            }
        }
    }
    lines
}

/// A text in whole, broken between words, and within one that is too long for a line: nothing of it is lost.
#[must_use]
pub fn wrap_whole(text: &str, columns: u16) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut line = String::new();
    for word in text.split_whitespace() {
        if !line.is_empty() && width(&line) + 1 + width(word) > columns {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        for c in word.chars() {
            if !line.is_empty() && usize::from(width(&line)) + c.width().unwrap_or(0) > usize::from(columns) {
                lines.push(std::mem::take(&mut line));
            }
            line.push(c);
        }
    }
    if !line.is_empty() {
        lines.push(line);
    }
    lines
}

/// A text in whole, broken wherever a line ends: spaces stay as they are.
#[must_use]
pub fn wrap_anywhere(text: &str, columns: u16) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut used = 0;
    for c in text.chars() {
        let wide = c.width().unwrap_or(0);
        if used > 0 && used + wide > usize::from(columns) {
            lines.push(String::new());
            used = 0;
        }
        used += wide;
        if let Some(line) = lines.last_mut() {
            line.push(c);
        }
    }
    lines
}

/// A cut rectangle: the first `height` rows, and the rest.
#[must_use]
pub fn split(area: Rect, height: u16) -> (Rect, Rect) {
    let height = height.min(area.height);
    (Rect { height, ..area }, Rect { y: area.y + height, height: area.height - height, ..area })
}

/// A row of an area; empty outside of it.
#[must_use]
pub fn row(area: Rect, index: u16) -> Rect {
    if index >= area.height { Rect::new(area.x, area.y, 0, 0) } else { Rect { y: area.y + index, height: 1, ..area } }
}

/// Where text is put: cut at the end of the line.
pub struct Pen<'b> {
    buffer: &'b mut Buffer,
    x: u16,
    y: u16,
    end: u16,
}

impl<'b> Pen<'b> {
    /// At the beginning of the first row of `area`.
    pub fn new(buffer: &'b mut Buffer, area: Rect) -> Pen<'b> {
        let area = area.intersection(*buffer.area());
        let end = if area.height == 0 { area.x } else { area.right() };
        Pen { buffer, x: area.x, y: area.y, end }
    }

    /// The column it is at.
    #[must_use]
    pub const fn x(&self) -> u16 {
        self.x
    }

    /// How many columns are left.
    #[must_use]
    pub const fn room(&self) -> u16 {
        self.end.saturating_sub(self.x)
    }

    /// Puts a text, cut at a word where it does not fit.
    pub fn put(&mut self, text: &str, style: Style) -> &mut Self {
        self.raw(&fit(text, self.room()), style)
    }

    /// Puts a text in exactly `columns`, cut at a word or filled with spaces.
    pub fn cell(&mut self, text: &str, columns: u16, style: Style) -> &mut Self {
        let columns = columns.min(self.room());
        let text = fit(text, columns);
        let gap = columns.saturating_sub(width(&text));
        self.raw(&text, style);
        self.skip(gap)
    }

    /// Puts a text in exactly `columns`, at the right.
    pub fn cell_right(&mut self, text: &str, columns: u16, style: Style) -> &mut Self {
        let columns = columns.min(self.room());
        let text = fit(text, columns);
        self.skip(columns.saturating_sub(width(&text)));
        self.raw(&text, style)
    }

    /// Puts a text at the end of what is left, if it fits with a space before it; says whether.
    pub fn last(&mut self, text: &str, style: Style) -> bool {
        let columns = width(text);
        if columns == 0 || columns >= self.room() {
            return false;
        }
        let x = self.end - columns;
        self.buffer.set_stringn(x, self.y, text, usize::from(columns), style);
        self.end = x.saturating_sub(1);
        true
    }

    /// Fills what is left.
    pub fn fill(&mut self, glyph: &str, style: Style) {
        let times = usize::from(self.room() / width(glyph).max(1));
        self.raw(&glyph.repeat(times), style);
    }

    /// Leaves columns empty.
    pub fn skip(&mut self, columns: u16) -> &mut Self {
        self.x = self.x.saturating_add(columns).min(self.end.max(self.x));
        self
    }

    /// Puts a text, cut wherever the line ends: columns stay where they are.
    pub fn raw(&mut self, text: &str, style: Style) -> &mut Self {
        let room = usize::from(self.room());
        if room > 0 {
            let (x, _) = self.buffer.set_stringn(self.x, self.y, text, room, style);
            self.x = x.max(self.x);
        }
        self
    }
}

/// Puts lines below each other; gives the number put.
pub fn lines(buffer: &mut Buffer, area: Rect, lines: &[String], style: Style) -> u16 {
    let mut put = 0;
    for line in lines.iter().take(usize::from(area.height)) {
        Pen::new(buffer, row(area, put)).put(line, style);
        put += 1;
    }
    put
}

/// The head of a panel: its title, a light rule, a note at the right. Gives the area below.
pub fn head(buffer: &mut Buffer, area: Rect, theme: &Theme, title: &str, note: Option<(&str, Style)>) -> Rect {
    let (top, below) = split(area, 1);
    let mut pen = Pen::new(buffer, top);
    if let Some((note, style)) = note {
        let room = pen.room().saturating_sub(width(title).min(pen.room() / 2) + 4);
        pen.last(&fit(note, room), style);
    }
    let room = pen.room();
    pen.put(&fit(title, room.saturating_sub(2)), theme.strong);
    if pen.room() > 2 {
        pen.put(" ", theme.line);
        pen.fill("─", theme.line);
    }
    below
}

/// A bar from one share of `columns` to another, in half cells; never shorter than one of them.
#[must_use]
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of a terminal's width")]
pub fn bar(from: f64, to: f64, columns: u16) -> String {
    let halves = f64::from(columns) * 2.0;
    let place = |share: f64| (share.clamp(0.0, 1.0) * halves).round() as usize;
    let begin = place(from).min(usize::from(columns * 2).saturating_sub(1));
    let end = place(to).max(begin + 1);
    let covered = |half: usize| (begin..end).contains(&half);
    (0..usize::from(columns))
        .map(|cell| match (covered(cell * 2), covered(cell * 2 + 1)) {
            (true, true) => '━',
            (true, false) => '╸',
            (false, true) => '╺',
            (false, false) => ' ',
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fit_should_cut_between_words() {
        assert_eq!(fit("errors stay under 1 %", 21), "errors stay under 1 %");
        assert_eq!(fit("errors stay under 1 %", 14), "errors stay …");
        assert_eq!(fit("errors", 3), "er…");
        assert_eq!(fit("errors", 0), "");
    }

    #[test]
    fn name_should_keep_both_ends() {
        assert_eq!(name("staging/task-api-6cfc66db64-2d4wn", 24), "staging/task-api-…-2d4wn");
        assert_eq!(name("task-api-6cfc66db64-2d4wn", 8), "…2d4wn");
    }

    #[test]
    fn wrap_should_break_between_words_and_cut_the_last_line() {
        assert_eq!(wrap("one two three four", 9, 2), ["one two", "three …"]);
        assert_eq!(wrap("one two", 9, 2), ["one two"]);
        assert_eq!(wrap("extraordinarily long", 8, 3), ["extraor…", "long"]);
    }

    #[test]
    fn wrap_whole_should_lose_nothing() {
        assert_eq!(wrap_whole("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap_whole("kubectl -n x/verylongname", 10), ["kubectl -n", "x/verylong", "name"]);
        assert_eq!(wrap_whole("ab", 0), ["a", "b"]);
    }

    #[test]
    fn wrap_anywhere_should_keep_every_space() {
        assert_eq!(wrap_anywhere("  a: b", 4), ["  a:", " b"]);
        assert_eq!(wrap_anywhere("", 4), [""]);
        assert_eq!(wrap_anywhere("日本", 1), ["日", "本"]);
    }

    #[test]
    fn bar_should_show_halves_and_never_vanish() {
        assert_eq!(bar(0.0, 0.5, 4), "━━  ");
        assert_eq!(bar(0.25, 0.625, 4), " ━╸ ");
        assert_eq!(bar(0.5, 0.5, 4), "  ╸ ");
        assert_eq!(bar(1.0, 1.0, 4), "   ╺");
        assert_eq!(bar(0.0, 1.0, 0), "");
    }
}

//! Letters several rows high, out of block characters: for what must be read across a room.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

/// For whom the cockpit is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Type {
    /// For whoever sits before it.
    #[default]
    Plain,
    /// For the room: in large letters, where they have room.
    Large,
}

impl Type {
    /// The other one.
    #[must_use]
    pub const fn turned(self) -> Type {
        match self {
            Type::Plain => Type::Large,
            Type::Large => Type::Plain,
        }
    }
}

/// How large a dot of a letter is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// Half a cell: three rows. Its half blocks can't be put as ASCII.
    Half,
    /// A cell: five rows, narrow.
    Tall,
    /// Two cells beside each other: five rows.
    Wide,
}

impl Scale {
    /// The rows of its letters.
    #[must_use]
    pub const fn rows(self) -> u16 {
        match self {
            Scale::Half => 3,
            Scale::Tall | Scale::Wide => 5,
        }
    }

    const fn columns(self) -> u16 {
        match self {
            Scale::Half | Scale::Tall => 1,
            Scale::Wide => 2,
        }
    }
}

/// A letter: how many dots it is wide, and its five rows of dots, the highest bit at the left.
type Letter = (u16, [u8; 5]);

const fn letter(c: char) -> Option<Letter> {
    Some(match c.to_ascii_uppercase() {
        'A' => (4, [0b0110, 0b1001, 0b1111, 0b1001, 0b1001]),
        'B' => (4, [0b1110, 0b1001, 0b1110, 0b1001, 0b1110]),
        'C' => (4, [0b0111, 0b1000, 0b1000, 0b1000, 0b0111]),
        'D' => (4, [0b1110, 0b1001, 0b1001, 0b1001, 0b1110]),
        'E' => (4, [0b1111, 0b1000, 0b1110, 0b1000, 0b1111]),
        'F' => (4, [0b1111, 0b1000, 0b1110, 0b1000, 0b1000]),
        'G' => (4, [0b0111, 0b1000, 0b1011, 0b1001, 0b0111]),
        'H' => (4, [0b1001, 0b1001, 0b1111, 0b1001, 0b1001]),
        'I' => (3, [0b111, 0b010, 0b010, 0b010, 0b111]),
        'J' => (4, [0b0011, 0b0001, 0b0001, 0b1001, 0b0110]),
        'K' => (4, [0b1001, 0b1010, 0b1100, 0b1010, 0b1001]),
        'L' => (4, [0b1000, 0b1000, 0b1000, 0b1000, 0b1111]),
        'M' => (5, [0b10001, 0b11011, 0b10101, 0b10001, 0b10001]),
        'N' => (5, [0b10001, 0b11001, 0b10101, 0b10011, 0b10001]),
        'O' | '0' => (4, [0b0110, 0b1001, 0b1001, 0b1001, 0b0110]),
        'P' => (4, [0b1110, 0b1001, 0b1110, 0b1000, 0b1000]),
        'Q' => (4, [0b0110, 0b1001, 0b1001, 0b1011, 0b0111]),
        'R' => (4, [0b1110, 0b1001, 0b1110, 0b1010, 0b1001]),
        'S' => (4, [0b0111, 0b1000, 0b0110, 0b0001, 0b1110]),
        'T' => (5, [0b11111, 0b00100, 0b00100, 0b00100, 0b00100]),
        'U' => (4, [0b1001, 0b1001, 0b1001, 0b1001, 0b0110]),
        'V' => (5, [0b10001, 0b10001, 0b10001, 0b01010, 0b00100]),
        'W' => (5, [0b10001, 0b10001, 0b10101, 0b11011, 0b10001]),
        'X' => (5, [0b10001, 0b01010, 0b00100, 0b01010, 0b10001]),
        'Y' => (5, [0b10001, 0b01010, 0b00100, 0b00100, 0b00100]),
        'Z' => (4, [0b1111, 0b0001, 0b0110, 0b1000, 0b1111]),
        '1' => (3, [0b010, 0b110, 0b010, 0b010, 0b111]),
        '2' => (4, [0b1110, 0b0001, 0b0110, 0b1000, 0b1111]),
        '3' => (4, [0b1110, 0b0001, 0b0110, 0b0001, 0b1110]),
        '4' => (4, [0b1001, 0b1001, 0b1111, 0b0001, 0b0001]),
        '5' => (4, [0b1111, 0b1000, 0b1110, 0b0001, 0b1110]),
        '6' => (4, [0b0111, 0b1000, 0b1110, 0b1001, 0b0110]),
        '7' => (4, [0b1111, 0b0001, 0b0010, 0b0100, 0b0100]),
        '8' => (4, [0b0110, 0b1001, 0b0110, 0b1001, 0b0110]),
        '9' => (4, [0b0110, 0b1001, 0b0111, 0b0001, 0b1110]),
        ':' => (1, [0, 1, 0, 1, 0]),
        '.' => (1, [0, 0, 0, 0, 1]),
        ',' => (2, [0, 0, 0, 0b01, 0b10]),
        '\'' | '’' => (1, [1, 1, 0, 0, 0]),
        '!' => (1, [1, 1, 1, 0, 1]),
        '?' => (4, [0b1110, 0b0001, 0b0110, 0, 0b0100]),
        '(' => (2, [0b01, 0b10, 0b10, 0b10, 0b01]),
        ')' => (2, [0b10, 0b01, 0b01, 0b01, 0b10]),
        '+' => (3, [0, 0b010, 0b111, 0b010, 0]),
        '-' | '–' | '−' => (3, [0, 0, 0b111, 0, 0]),
        '/' => (3, [0b001, 0b001, 0b010, 0b100, 0b100]),
        '%' => (4, [0b1001, 0b0001, 0b0110, 0b1000, 0b1001]),
        ' ' => (2, [0; 5]),
        _ => return None,
    })
}

/// The columns of a text; `None` where there is no letter for one of its characters.
#[must_use]
pub fn width(text: &str, scale: Scale) -> Option<u16> {
    let dots = text.chars().map(|c| letter(c).map(|(wide, _)| wide + 1)).sum::<Option<u16>>()?;
    Some(dots.saturating_sub(1) * scale.columns())
}

/// Draws a text; says whether it fits: else nothing is drawn.
pub fn draw(area: Rect, buffer: &mut Buffer, text: &str, scale: Scale, style: Style) -> bool {
    if area.height < scale.rows() || width(text, scale).is_none_or(|columns| columns > area.width) {
        return false;
    }
    let mut x = area.x;
    for (wide, dots) in text.chars().filter_map(letter) {
        for row in 0..scale.rows() {
            for column in 0..wide * scale.columns() {
                let bit = 1 << (wide - 1 - column / scale.columns());
                let dot = |at: u16| dots.get(usize::from(at)).is_some_and(|dots| dots & bit != 0);
                let on = if scale == Scale::Half { (dot(row * 2), dot(row * 2 + 1)) } else { (dot(row), dot(row)) };
                let glyph = match on {
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
        x += (wide + 1) * scale.columns();
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(text: &str, scale: Scale) -> Vec<String> {
        let area = Rect::new(0, 0, width(text, scale).unwrap(), scale.rows());
        let mut buffer = Buffer::empty(area);
        assert!(draw(area, &mut buffer, text, scale, Style::new()));
        (0..area.height).map(|y| (0..area.width).map(|x| buffer[(x, y)].symbol()).collect()).collect()
    }

    #[test]
    fn letters_should_have_the_size_of_their_scale() {
        assert_eq!(drawn("l1", Scale::Half), ["█    ▄█ ", "█     █ ", "▀▀▀▀ ▀▀▀"]);
        assert_eq!(drawn("i:", Scale::Tall), ["███  ", " █  █", " █   ", " █  █", "███  "]);
        assert_eq!(drawn("-", Scale::Wide), ["      ", "      ", "██████", "      ", "      "]);
    }

    #[test]
    fn letters_should_be_there_for_all_that_is_counted_and_named_in_ascii() {
        for c in ('a'..='z').chain('0'..='9') {
            assert!(letter(c).is_some_and(|(wide, dots)| dots.iter().all(|row| u16::from(*row) < 1 << wide)), "{c}");
        }
        assert_eq!(width("東", Scale::Half), None);
        let mut buffer = Buffer::empty(Rect::new(0, 0, 3, 3));
        assert!(!draw(Rect::new(0, 0, 3, 3), &mut buffer, "ab", Scale::Half, Style::new()), "what does not fit is not drawn");
    }
}

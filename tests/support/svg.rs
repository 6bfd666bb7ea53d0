//! A screen as a picture: a buffer drawn as SVG, the same to the last byte each time.
//!
//! Text is stretched to its cells, so that any monospace font fits. Lines, blocks, shades and signs are drawn, not written:
//! they join across cells in every font, and look alike where a font lacks them.

use std::collections::BTreeMap;
use std::fmt::Write;

use ratatui::buffer::{Buffer, Cell};
use ratatui::style::{Color, Modifier};
use unicode_width::UnicodeWidthStr;

/// A cell, in hundredths of a pixel, as every length here: whole numbers are written alike everywhere.
const WIDE: i32 = 840;
const HIGH: i32 = 1800;
/// From the top of a cell to the line its letters stand on.
const BASE: i32 = 1340;
/// Around the screen.
const MARGIN: i32 = 1400;
/// What the terminal itself is painted with.
const BACK: &str = "#14171c";
const FORE: &str = "#d0d0d0";
const EDGE: &str = "#343a42";
/// The sixteen colours, as a dark terminal has them.
const SIXTEEN: [u32; 16] = [
    0x1d_1f_21, 0xd7_5f_5f, 0x87_af_5f, 0xd7_af_5f, 0x5f_87_d7, 0xaf_87_d7, 0x5f_af_af, 0xc6_c6_c6, 0x6c_6c_6c, 0xff_87_87, 0xaf_d7_87,
    0xff_d7_87, 0x87_af_ff, 0xd7_af_ff, 0x87_d7_d7, 0xff_ff_ff,
];

/// Draws a screen; `says` is what is read where a picture can't be seen.
pub fn draw(buffer: &Buffer, says: &str) -> String {
    let mut picture = Picture::default();
    for y in 0..buffer.area.height {
        picture.row(buffer, y);
    }
    let (width, height) = (i32::from(buffer.area.width) * WIDE + 2 * MARGIN, i32::from(buffer.area.height) * HIGH + 2 * MARGIN);
    picture.finish(width, height, says)
}

/// How a cell is painted.
#[derive(PartialEq)]
struct Look {
    fore: String,
    back: Option<String>,
    modifier: Modifier,
}

impl Look {
    fn of(cell: &Cell) -> Look {
        let (mut fore, mut back) = (hex(cell.fg), hex(cell.bg));
        if cell.modifier.contains(Modifier::REVERSED) {
            (fore, back) = (Some(back.unwrap_or_else(|| BACK.to_owned())), Some(fore.unwrap_or_else(|| FORE.to_owned())));
        }
        Look { fore: fore.unwrap_or_else(|| FORE.to_owned()), back, modifier: cell.modifier.difference(Modifier::REVERSED) }
    }

    /// The classes of a text that looks so, without its colour.
    fn classes(&self) -> String {
        let set = [(Modifier::BOLD, " b"), (Modifier::DIM, " d"), (Modifier::ITALIC, " i")];
        set.iter().filter(|(modifier, _)| self.modifier.contains(*modifier)).map(|(_, class)| *class).collect()
    }
}

/// A colour; none: what the terminal itself has.
fn hex(color: Color) -> Option<String> {
    let of = |rgb: u32| Some(format!("#{rgb:06x}"));
    let named = |n: usize| of(SIXTEEN[n]);
    match color {
        Color::Reset => None,
        Color::Black => named(0),
        Color::Red => named(1),
        Color::Green => named(2),
        Color::Yellow => named(3),
        Color::Blue => named(4),
        Color::Magenta => named(5),
        Color::Cyan => named(6),
        Color::Gray => named(7),
        Color::DarkGray => named(8),
        Color::LightRed => named(9),
        Color::LightGreen => named(10),
        Color::LightYellow => named(11),
        Color::LightBlue => named(12),
        Color::LightMagenta => named(13),
        Color::LightCyan => named(14),
        Color::White => named(15),
        Color::Rgb(r, g, b) => of(u32::from(r) << 16 | u32::from(g) << 8 | u32::from(b)),
        Color::Indexed(n @ 0..16) => named(usize::from(n)),
        Color::Indexed(n @ 16..232) => {
            let part = |by: u32| (u32::from(n - 16) / by) % 6;
            let level = |part: u32| if part == 0 { 0 } else { 55 + 40 * part };
            of(level(part(36)) << 16 | level(part(6)) << 8 | level(part(1)))
        }
        Color::Indexed(n) => of((8 + 10 * u32::from(n - 232)) * 0x01_01_01),
    }
}

/// Words in a row, from one column to before another.
struct Words {
    from: u16,
    to: u16,
    look: Look,
    text: String,
}

/// How a line is drawn.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Pen {
    Light,
    Heavy,
    Dashed,
    /// A sign: round ends.
    Sign,
}

/// An area: left, top, right, bottom.
type Area = (i32, i32, i32, i32);

/// What is drawn, by its look: what touches is one.
#[derive(Default)]
struct Picture {
    backs: BTreeMap<String, Vec<Area>>,
    /// Areas with how much of the colour is seen, in hundredths.
    areas: BTreeMap<(String, u8), Vec<Area>>,
    level: BTreeMap<(String, Pen), Vec<Area>>,
    upright: BTreeMap<(String, Pen), Vec<Area>>,
    /// Strokes and shapes that are nothing of the kind.
    strokes: BTreeMap<(String, Pen), String>,
    shapes: BTreeMap<String, String>,
    texts: String,
    colours: Vec<String>,
}

impl Picture {
    fn row(&mut self, buffer: &Buffer, y: u16) {
        let top = MARGIN + i32::from(y) * HIGH;
        let mut written: Option<Words> = None;
        let mut next = 0;
        for x in 0..buffer.area.width {
            let (cell, left) = (&buffer[(x, y)], MARGIN + i32::from(x) * WIDE);
            if x < next {
                // the second half of a wide character
                continue;
            }
            let (look, symbol) = (Look::of(cell), cell.symbol());
            let columns = u16::try_from(symbol.width()).unwrap_or(1).max(1);
            next = x + columns;
            let right = left + i32::from(columns) * WIDE;
            if let Some(back) = &look.back {
                grow(self.backs.entry(back.clone()).or_default(), (left, top, right, top + HIGH), true);
            }
            if look.modifier.contains(Modifier::UNDERLINED) {
                let at = top + BASE + 220;
                grow(self.level.entry((look.fore.clone(), Pen::Light)).or_default(), (left, at, right, at), true);
            }
            if symbol.chars().all(|c| c == ' ' || c == '\u{a0}') {
                continue;
            }
            if self.glyph(symbol, &look.fore, left, top) {
                written.take().into_iter().for_each(|words| self.text(&words, top));
                continue;
            }
            match &mut written {
                // words that look alike are one text, with the single spaces between them
                Some(words) if words.look == look && x <= words.to + 1 => {
                    words.text.push_str(if x > words.to { " " } else { "" });
                    words.text.push_str(symbol);
                    words.to = next;
                }
                _ => {
                    let words = Words { from: x, to: next, look, text: symbol.to_owned() };
                    written.replace(words).into_iter().for_each(|words| self.text(&words, top));
                }
            }
        }
        if let Some(words) = written {
            self.text(&words, top);
        }
    }

    fn text(&mut self, Words { from, to, look, text }: &Words, top: i32) {
        let colour = self.colour(&look.fore);
        let length = i32::from(to - from) * WIDE;
        let escaped = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        let (x, y) = (px(MARGIN + i32::from(*from) * WIDE), px(top + BASE));
        let _ = writeln!(
            self.texts,
            r#"<text x="{x}" y="{y}" class="c{colour}{}" textLength="{}">{escaped}</text>"#,
            look.classes(),
            px(length)
        );
    }

    /// The number of a colour, in the order they are met.
    fn colour(&mut self, colour: &str) -> usize {
        self.colours.iter().position(|known| known == colour).unwrap_or_else(|| {
            self.colours.push(colour.to_owned());
            self.colours.len() - 1
        })
    }

    /// Draws what is no letter; says whether it was that.
    fn glyph(&mut self, symbol: &str, fore: &str, x: i32, y: i32) -> bool {
        let mut chars = symbol.chars();
        let (Some(c), None) = (chars.next(), chars.next()) else { return false };
        let (right, bottom, middle, centre) = (x + WIDE, y + HIGH, x + WIDE / 2, y + HIGH / 2);
        let key = |pen| (fore.to_owned(), pen);
        let eighth = |n: u32| HIGH * i32::try_from(n).unwrap_or(0) / 8;
        let column = |n: u32| WIDE * i32::try_from(n).unwrap_or(0) / 8;
        let mut fill = |area, share| grow(self.areas.entry((fore.to_owned(), share)).or_default(), area, true);
        match c {
            '█' => fill((x, y, right, bottom), 100),
            '▁'..='▇' => fill((x, bottom - eighth(u32::from(c) - 0x2580), right, bottom), 100),
            '▉'..='▏' => fill((x, y, x + column(0x2590 - u32::from(c)), bottom), 100),
            '▀' => fill((x, y, right, centre), 100),
            '▐' => fill((middle, y, right, bottom), 100),
            '▕' => fill((right - column(1), y, right, bottom), 100),
            '░' => fill((x, y, right, bottom), 25),
            '▒' => fill((x, y, right, bottom), 50),
            '▓' => fill((x, y, right, bottom), 75),
            '■' => fill((x + 100, centre - 320, right - 100, centre + 320), 100),
            '─' => grow(self.level.entry(key(Pen::Light)).or_default(), (x, centre, right, centre), true),
            '━' => grow(self.level.entry(key(Pen::Heavy)).or_default(), (x, centre, right, centre), true),
            '╸' => grow(self.level.entry(key(Pen::Heavy)).or_default(), (x, centre, middle, centre), true),
            '╺' => grow(self.level.entry(key(Pen::Heavy)).or_default(), (middle, centre, right, centre), true),
            '┄' => grow(self.level.entry(key(Pen::Dashed)).or_default(), (x, centre, right, centre), true),
            '│' => grow(self.upright.entry(key(Pen::Light)).or_default(), (middle, y, middle, bottom), false),
            '╭' => self.corner(fore, (right, centre), (middle, centre), (middle, bottom)),
            '╮' => self.corner(fore, (x, centre), (middle, centre), (middle, bottom)),
            '╰' => self.corner(fore, (right, centre), (middle, centre), (middle, y)),
            '╯' => self.corner(fore, (x, centre), (middle, centre), (middle, y)),
            '·' => self.shape(fore, &circle(middle, centre, 90)),
            '●' => self.shape(fore, &circle(middle, centre, 360)),
            '○' => self.stroke(fore, Pen::Light, &circle(middle, centre, 310)),
            '◐' => {
                self.stroke(fore, Pen::Light, &circle(middle, centre, 310));
                let (top, low) = (px(centre - 310), px(centre + 310));
                self.shape(fore, &format!("M{} {top}A3.1 3.1 0 0 0 {} {low}Z", px(middle), px(middle)));
            }
            '✓' => self.stroke(fore, Pen::Sign, &polyline(&[(x + 90, centre + 40), (x + 320, centre + 320), (right - 60, centre - 360)])),
            '✗' => {
                self.stroke(fore, Pen::Sign, &polyline(&[(x + 130, centre - 330), (right - 130, centre + 330)]));
                self.stroke(fore, Pen::Sign, &polyline(&[(right - 130, centre - 330), (x + 130, centre + 330)]));
            }
            '▶' | '▸' => {
                let size = if c == '▶' { 400 } else { 290 };
                let from = middle - size * 4 / 5;
                self.shape(fore, &(polyline(&[(from, centre - size), (middle + size, centre), (from, centre + size)]) + "Z"));
            }
            '▼' => self.shape(fore, &(polyline(&[(x + 100, centre - 250), (right - 100, centre - 250), (middle, centre + 270)]) + "Z")),
            '▲' => self.shape(fore, &(polyline(&[(x + 100, centre + 250), (right - 100, centre + 250), (middle, centre - 270)]) + "Z")),
            _ => return false,
        }
        true
    }

    fn stroke(&mut self, fore: &str, pen: Pen, path: &str) {
        self.strokes.entry((fore.to_owned(), pen)).or_default().push_str(path);
    }

    fn shape(&mut self, fore: &str, path: &str) {
        self.shapes.entry(fore.to_owned()).or_default().push_str(path);
    }

    /// A round corner, from the edge of a cell by its middle to another edge.
    fn corner(&mut self, fore: &str, from: (i32, i32), by: (i32, i32), to: (i32, i32)) {
        let turn = if to.1 > by.1 { WIDE / 2 } else { -WIDE / 2 };
        let path = format!("M{} {}Q{} {} {} {}V{}", px(from.0), px(from.1), px(by.0), px(by.1), px(by.0), px(by.1 + turn), px(to.1));
        self.stroke(fore, Pen::Light, &path);
    }

    fn finish(self, width: i32, height: i32, says: &str) -> String {
        let (w, h) = (px(width), px(height));
        let mut out = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{w}\" height=\"{h}\" viewBox=\"0 0 {w} {h}\" role=\"img\">\n\
             <title>{}</title>\n<style>\n\
             text{{font:14px ui-monospace,\"SF Mono\",Menlo,Consolas,\"DejaVu Sans Mono\",\"Liberation Mono\",monospace;white-space:pre}}\n\
             path{{fill:none}}\n.b{{font-weight:bold}}.d{{opacity:.6}}.i{{font-style:italic}}\n",
            says.replace('&', "&amp;").replace('<', "&lt;")
        );
        for (number, colour) in self.colours.iter().enumerate() {
            let _ = writeln!(out, ".c{number}{{fill:{colour}}}");
        }
        let _ = writeln!(
            out,
            "</style>\n<rect x=\".5\" y=\".5\" width=\"{}\" height=\"{}\" rx=\"8\" fill=\"{BACK}\" stroke=\"{EDGE}\"/>",
            px(width - 100),
            px(height - 100)
        );
        for (colour, areas) in &self.backs {
            let _ = writeln!(out, r#"<path style="fill:{colour}" d="{}"/>"#, rects(areas));
        }
        for ((colour, share), areas) in &self.areas {
            let through = if *share == 100 { String::new() } else { format!(";opacity:.{share}") };
            let _ = writeln!(out, r#"<path style="fill:{colour}{through}" d="{}"/>"#, rects(areas));
        }
        let mut strokes = self.strokes;
        for (key, lines) in self.level.iter().chain(&self.upright) {
            strokes.entry(key.clone()).or_default().push_str(&segments(lines));
        }
        for ((colour, pen), path) in &strokes {
            let pen = match pen {
                Pen::Light => "stroke-width:1.2",
                Pen::Heavy => "stroke-width:3",
                Pen::Dashed => "stroke-width:1.2;stroke-dasharray:2.6 1.6",
                Pen::Sign => "stroke-width:1.7;stroke-linecap:round;stroke-linejoin:round",
            };
            let _ = writeln!(out, r#"<path style="stroke:{colour};{pen}" d="{path}"/>"#);
        }
        for (colour, path) in &self.shapes {
            let _ = writeln!(out, r#"<path style="fill:{colour}" d="{path}"/>"#);
        }
        out + &self.texts + "</svg>\n"
    }
}

/// Adds an area, or makes the one that it goes on from longer: to the right where `level`, else downwards.
fn grow(areas: &mut Vec<Area>, area: Area, level: bool) {
    let goes_on = |known: &&mut Area| {
        if level {
            (known.1, known.2, known.3) == (area.1, area.0, area.3)
        } else {
            (known.0, known.2, known.3) == (area.0, area.2, area.1)
        }
    };
    match areas.iter_mut().rev().find(goes_on) {
        Some(known) => (known.2, known.3) = (area.2, area.3),
        None => areas.push(area),
    }
}

/// Areas as one path: what stands on another of the same width is one with it.
fn rects(areas: &[Area]) -> String {
    let mut joined = Vec::new();
    for area in areas {
        grow(&mut joined, *area, false);
    }
    joined
        .iter()
        .map(|(x, y, right, bottom)| format!("M{} {}H{}V{}H{}Z", px(*x), px(*y), px(*right), px(*bottom), px(*x)))
        .collect::<Vec<_>>()
        .concat()
}

fn segments(lines: &[Area]) -> String {
    let to = |right: i32, (y, bottom): (i32, i32)| if y == bottom { format!("H{}", px(right)) } else { format!("V{}", px(bottom)) };
    lines.iter().map(|(x, y, right, bottom)| format!("M{} {}{}", px(*x), px(*y), to(*right, (*y, *bottom)))).collect::<Vec<_>>().concat()
}

fn polyline(points: &[(i32, i32)]) -> String {
    points
        .iter()
        .enumerate()
        .map(|(at, (x, y))| format!("{}{} {}", if at == 0 { "M" } else { "L" }, px(*x), px(*y)))
        .collect::<Vec<_>>()
        .concat()
}

fn circle(x: i32, y: i32, radius: i32) -> String {
    let (r, d) = (px(radius), px(2 * radius));
    format!("M{} {}a{r} {r} 0 1 0 {d} 0a{r} {r} 0 1 0 -{d} 0Z", px(x - radius), px(y))
}

/// A length as SVG has it: without zeros that say nothing.
fn px(length: i32) -> String {
    let (sign, whole, part) = (if length < 0 { "-" } else { "" }, length.abs() / 100, length.abs() % 100);
    match part {
        0 => format!("{sign}{whole}"),
        part if part % 10 == 0 => format!("{sign}{whole}.{}", part / 10),
        part => format!("{sign}{whole}.{part:02}"),
    }
}

//! Lines over time: values become lines of box-drawing signs, or dots of braille where the operator's font has them.
//!
//! The former stand in every terminal font; where braille is missing a chart is a row of boxes.

use std::cmp::Ordering;
use std::collections::BTreeMap;

/// A sign of a line and where it stands: column, row.
pub type Dot = (u16, u16, char);

/// The first sign of braille, which has no dot.
const BLANK: u32 = 0x2800;
/// The dots of a cell of braille, from above: those at the left, those at the right.
const DOTS: [[u32; 4]; 2] = [[0x01, 0x02, 0x04, 0x40], [0x08, 0x10, 0x20, 0x80]];

/// How fine a chart is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Grain {
    /// Signs of box drawing, one a cell.
    #[default]
    Lines,
    /// Dots of braille: two columns and four rows of them in a cell.
    Dots,
}

/// A line across a chart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// A bound.
    Bound,
    /// How it was before.
    Before,
}

impl Grain {
    /// How many values a cell shows beside each other.
    #[must_use]
    pub const fn across(self) -> u16 {
        match self {
            Grain::Dots => 2,
            Grain::Lines => 1,
        }
    }

    const fn down(self) -> u16 {
        match self {
            Grain::Dots => 4,
            Grain::Lines => 1,
        }
    }

    /// The row of cells of a value, 0 to 1 from below; 0 is at the top.
    #[must_use]
    pub fn row(self, value: f64, rows: u16) -> u16 {
        place(value, rows * self.down()) / self.down()
    }

    /// The line through the values, each 0 to 1 from below, so many a cell as it shows; `None` is a gap.
    #[must_use]
    pub fn line(self, values: &[Option<f64>], rows: u16) -> Vec<Dot> {
        match self {
            Grain::Dots => dotted(values, rows),
            Grain::Lines => line(values, rows),
        }
    }

    /// The row of a line across the chart, and what stands in each of its cells.
    pub fn rule(self, rule: Rule, value: f64, rows: u16) -> (u16, impl Fn(u16) -> char) {
        let at = place(value, rows * self.down());
        let down = usize::from(at % self.down());
        let sign = move |column: u16| match (self, rule) {
            (Grain::Lines, Rule::Bound) => '┄',
            (Grain::Lines, Rule::Before) => '·',
            (Grain::Dots, Rule::Before) => glyph(DOTS[0][down]),
            // dashes of two cells, so that they are neither a line of data nor how it was before
            (Grain::Dots, Rule::Bound) if column % 3 == 2 => glyph(0),
            (Grain::Dots, Rule::Bound) => glyph(DOTS[0][down] | DOTS[1][down]),
        };
        (at / self.down(), sign)
    }
}

fn glyph(dots: u32) -> char {
    char::from_u32(BLANK | dots).unwrap_or(' ')
}

fn dots_of(sign: char) -> Option<u32> {
    u32::from(sign).checked_sub(BLANK).filter(|dots| *dots < 0x100)
}

/// What stands in a cell where one sign is drawn over another: the dots of both, or else the one above.
#[must_use]
pub fn over(below: char, above: char) -> char {
    dots_of(below).zip(dots_of(above)).map_or(above, |(below, above)| glyph(below | above))
}

/// The line as dots; from one value to the next it climbs in the column of the next.
fn dotted(values: &[Option<f64>], rows: u16) -> Vec<Dot> {
    let mut cells: BTreeMap<(u16, u16), u32> = BTreeMap::new();
    let mut before: Option<u16> = None;
    for (column, value) in (0u16..).zip(values) {
        let Some(value) = value.filter(|_| rows > 0) else {
            before = None;
            continue;
        };
        let row = place(value, rows * 4);
        // the row of the value before has its dot
        let from = match before.map(|last| (last, last.cmp(&row))) {
            Some((last, Ordering::Less)) => last + 1,
            Some((last, Ordering::Greater)) => last - 1,
            Some((_, Ordering::Equal)) | None => row,
        };
        for between in from.min(row)..=from.max(row) {
            *cells.entry((column / 2, between / 4)).or_default() |= DOTS[usize::from(column % 2)][usize::from(between % 4)];
        }
        before = Some(row);
    }
    cells.into_iter().map(|((x, y), dots)| (x, y, glyph(dots))).collect()
}

/// The line through one value a column, each 0 to 1 from below; `None` is a gap. Next to nothing lies on the axis, so that a bound
/// close to it lies above.
fn line(values: &[Option<f64>], rows: u16) -> Vec<Dot> {
    let mut dots = Vec::new();
    let mut before: Option<u16> = None;
    let lies = |value: f64| value * f64::from(rows.saturating_sub(1)) < 0.25;
    for (column, value) in (0u16..).zip(values) {
        let Some(value) = value.filter(|_| rows > 0) else {
            before = None;
            continue;
        };
        let row = place(value, rows);
        match before {
            Some(last) if last > row => {
                let lay = column.checked_sub(1).and_then(|before| values.get(usize::from(before))?.filter(|value| lies(*value)));
                dots.extend([(column, last, if lay.is_some() { '│' } else { '╯' }), (column, row, '╭')]);
                dots.extend((row + 1..last).map(|between| (column, between, '│')));
            }
            Some(last) if last < row => {
                dots.extend([(column, last, '╮'), (column, row, if lies(value) { '│' } else { '╰' })]);
                dots.extend((last + 1..row).map(|between| (column, between, '│')));
            }
            Some(_) | None => dots.push((column, row, if lies(value) { '▁' } else { '─' })),
        }
        before = Some(row);
    }
    dots
}

/// One value a column, each 0 to 1, in one row: eighths of a cell; a gap is a space.
#[must_use]
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "one of eight signs")]
pub fn spark(values: &[Option<f64>]) -> String {
    const SIGNS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let sign = |value: f64| SIGNS[((value.clamp(0.0, 1.0) * 7.0).round() as usize).min(7)];
    values.iter().map(|value| value.map_or(' ', sign)).collect()
}

/// The row of a value, 0 at the top.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a row of a terminal")]
fn place(value: f64, rows: u16) -> u16 {
    ((1.0 - value.clamp(0.0, 1.0)) * f64::from(rows.saturating_sub(1))).round() as u16
}

/// A point of a line.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// Where, 0 to 1.
    pub place: f64,
    /// How high, 0 to 1; `None` is a gap.
    pub value: Option<f64>,
    /// Whether the line comes from the point before.
    pub joined: bool,
}

/// One value a column out of points in order. Between two that are joined the values go straight; of several in one column
/// the `worse` is kept.
#[must_use]
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a column of a terminal")]
pub fn columns(points: &[Point], width: u16, worse: fn(f64, f64) -> f64) -> Vec<Option<f64>> {
    let mut values: Vec<Option<f64>> = vec![None; usize::from(width)];
    let at = |place: f64| place * f64::from(width);
    let mut last: Option<(f64, f64)> = None;
    for Point { place, value, joined } in points {
        let before = last.take();
        let Some(value) = value else { continue };
        last = Some((*place, *value));
        let x = at(*place);
        if let Some((earlier, from)) = before.filter(|_| *joined) {
            // the columns whose middle lies between the two
            let x0 = at(earlier);
            let first = (x0 - 0.5).floor().clamp(0.0, f64::from(width)) as u16;
            let last = (x - 0.5).ceil().clamp(f64::from(first), f64::from(width)) as u16;
            for (column, slot) in (first..last).zip(values.iter_mut().skip(usize::from(first))) {
                let middle = f64::from(column) + 0.5;
                if middle > x0 && middle < x && slot.is_none() {
                    *slot = Some(from + (value - from) * (middle - x0) / (x - x0));
                }
            }
        }
        let column = x.min(f64::from(width) - 0.5).floor();
        if column >= 0.0
            && x <= f64::from(width) + 1e-9
            && let Some(slot) = values.get_mut(column as usize)
        {
            *slot = Some(slot.map_or(*value, |known| worse(known, *value)));
        }
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(values: &[Option<f64>], rows: u16) -> Vec<String> {
        let mut grid = vec![vec![' '; values.len()]; usize::from(rows)];
        for (x, y, sign) in Grain::Lines.line(values, rows) {
            grid[usize::from(y)][usize::from(x)] = sign;
        }
        grid.into_iter().map(|row| row.into_iter().collect()).collect()
    }

    #[test]
    fn line_should_turn_corners_and_leave_gaps() {
        let values = [Some(0.0), Some(1.0), Some(1.0), None, Some(0.5), Some(0.0)];
        assert_eq!(drawn(&values, 3), [" ╭─   ", " │  ─╮", "▁│   │"]);
        assert_eq!(drawn(&[Some(0.2), Some(1.0), Some(0.0), Some(0.0)], 3), [" ╭╮ ", " ││ ", "─╯│▁"]);
        assert!(Grain::Lines.line(&values, 0).is_empty());
    }

    #[test]
    fn dots_should_stand_four_to_a_row_and_two_to_a_column() {
        // a step of a quarter of a row is seen, and a climb is one line
        assert_eq!(Grain::Dots.line(&[Some(0.0), Some(1.0 / 7.0)], 2), [(0, 1, '⡠')]);
        assert_eq!(Grain::Dots.line(&[Some(0.0), Some(1.0), None, Some(1.0)], 1), [(0, 0, '⡸'), (1, 0, '⠈')]);
        assert!(Grain::Dots.line(&[Some(0.5)], 0).is_empty());
    }

    #[test]
    fn bound_close_to_nothing_should_not_lie_on_nothing() {
        let (row, sign) = Grain::Dots.rule(Rule::Bound, 1.0 / 25.0, 11);
        let bottom = Grain::Dots.line(&[Some(0.0), Some(0.0)], 11);
        assert_eq!((row, bottom.as_slice()), (10, &[(0, 10, '⣀')][..]));
        assert_eq!((sign(0), over(sign(0), bottom[0].2)), ('⠒', '⣒'));
        assert_eq!(over('┄', '⣀'), '⣀');
        assert_eq!(Grain::Lines.rule(Rule::Bound, 0.5, 3).0, 1);
    }

    #[test]
    fn spark_should_show_heights_and_gaps() {
        assert_eq!(spark(&[Some(0.0), Some(0.5), None, Some(1.0), Some(9.0)]), "▁▅ ██");
    }

    #[test]
    fn columns_should_join_points_and_keep_the_worse_of_one_column() {
        let of = |points: &[(f64, Option<f64>)], joined| -> Vec<Point> {
            points.iter().map(|(place, value)| Point { place: *place, value: *value, joined }).collect()
        };
        let points = of(&[(0.0, Some(0.0)), (1.0, Some(1.0))], true);
        assert_eq!(columns(&points, 4, f64::max), [Some(0.0), Some(0.375), Some(0.625), Some(1.0)]);
        let points = of(&[(0.1, Some(3.0)), (0.1, Some(2.0)), (0.9, Some(3.0))], false);
        assert_eq!(columns(&points, 2, f64::min), [Some(2.0), Some(3.0)]);
        let points = of(&[(0.0, None), (-3.0, Some(1.0)), (9.0, Some(1.0))], false);
        assert_eq!(columns(&points, 2, f64::max), [None, None]);
    }
}

//! Lines over time: one value a column becomes a line of box-drawing signs.
//!
//! Those signs stand in every terminal font; braille dots do not, and where they are missing a chart
//! is a row of boxes.

/// A sign of a line and where it stands: column, row.
pub type Dot = (u16, u16, char);

/// The line through one value a column, each 0 to 1 from below; `None` is a gap.
#[must_use]
pub fn line(values: &[Option<f64>], rows: u16) -> Vec<Dot> {
    let mut dots = Vec::new();
    let mut before: Option<u16> = None;
    for (column, value) in (0u16..).zip(values) {
        let Some(value) = value.filter(|_| rows > 0) else {
            before = None;
            continue;
        };
        let row = place(value, rows);
        match before {
            Some(last) if last > row => {
                dots.extend([(column, last, '╯'), (column, row, '╭')]);
                dots.extend((row + 1..last).map(|between| (column, between, '│')));
            }
            Some(last) if last < row => {
                dots.extend([(column, last, '╮'), (column, row, '╰')]);
                dots.extend((last + 1..row).map(|between| (column, between, '│')));
            }
            Some(_) | None => dots.push((column, row, '─')),
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
#[must_use]
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a row of a terminal")]
pub fn place(value: f64, rows: u16) -> u16 {
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
        for (x, y, sign) in line(values, rows) {
            grid[usize::from(y)][usize::from(x)] = sign;
        }
        grid.into_iter().map(|row| row.into_iter().collect()).collect()
    }

    #[test]
    fn line_should_turn_corners_and_leave_gaps() {
        let values = [Some(0.0), Some(1.0), Some(1.0), None, Some(0.5), Some(0.0)];
        assert_eq!(drawn(&values, 3), [" ╭─   ", " │  ─╮", "─╯   ╰"]);
        assert!(line(&values, 0).is_empty());
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

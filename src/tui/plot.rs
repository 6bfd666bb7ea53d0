//! Lines of dots: points onto a grid of braille cells, two by four dots each.

/// A grid of braille cells.
#[derive(Clone, Debug)]
pub struct Grid {
    columns: u16,
    rows: u16,
    cells: Vec<(u8, usize)>,
}

/// The bits of a braille cell, by row and column of its dots.
const DOTS: [[u8; 2]; 4] = [[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]];

impl Grid {
    /// An empty grid.
    #[must_use]
    pub fn new(columns: u16, rows: u16) -> Grid {
        Grid { columns, rows, cells: vec![(0, 0); usize::from(columns) * usize::from(rows)] }
    }

    fn dot(&mut self, x: i64, y: i64, series: usize) {
        let (Ok(x), Ok(y)) = (usize::try_from(x), usize::try_from(y)) else { return };
        let (column, row) = (x / 2, y / 4);
        if column < usize::from(self.columns) && row < usize::from(self.rows) {
            let cell = &mut self.cells[row * usize::from(self.columns) + column];
            cell.0 |= DOTS[y % 4][x % 2];
            cell.1 = series;
        }
    }

    /// A line between two points, each 0 to 1 from the lower left.
    pub fn line(&mut self, from: (f64, f64), to: (f64, f64), series: usize) {
        let (x0, y0) = self.place(from);
        let (x1, y1) = self.place(to);
        let steps = (x1 - x0).abs().max((y1 - y0).abs()).max(1);
        for step in 0..=steps {
            let at = |a: i64, b: i64| a + ((b - a) * step + steps / 2 * (b - a).signum()) / steps;
            self.dot(at(x0, x1), at(y0, y1), series);
        }
    }

    #[expect(clippy::cast_possible_truncation, reason = "a place in a terminal; far away points are clamped")]
    fn place(&self, (x, y): (f64, f64)) -> (i64, i64) {
        let (width, height) = (f64::from(self.columns) * 2.0 - 1.0, f64::from(self.rows) * 4.0 - 1.0);
        ((x.clamp(-1.0, 2.0) * width).round() as i64, ((1.0 - y.clamp(0.0, 1.0)) * height).round() as i64)
    }

    /// The sign of a cell and the series that drew it last; `None` where nothing is.
    #[must_use]
    pub fn cell(&self, column: u16, row: u16) -> Option<(char, usize)> {
        let (bits, series) = *self.cells.get(usize::from(row) * usize::from(self.columns) + usize::from(column))?;
        (bits != 0).then(|| (char::from_u32(0x2800 + u32::from(bits)).unwrap_or(' '), series))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grid_should_draw_from_corner_to_corner() {
        let mut grid = Grid::new(2, 1);
        grid.line((0.0, 0.0), (1.0, 1.0), 0);
        assert_eq!((grid.cell(0, 0), grid.cell(1, 0)), (Some(('⡠', 0)), Some(('⠊', 0))));
    }

    #[test]
    fn grid_should_keep_what_lies_outside_out() {
        let mut grid = Grid::new(3, 2);
        grid.line((-1.0, 9.0), (-0.5, 9.0), 0);
        assert!((0..3).all(|x| (0..2).all(|y| grid.cell(x, y).is_none())));
        Grid::new(0, 0).line((0.0, 0.0), (1.0, 1.0), 0);
    }
}

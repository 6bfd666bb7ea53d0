//! Every chart of the run, side by side as far as there is room.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::tui::cells::{Pen, head, row, split};
use crate::tui::charts::Chart;
use crate::tui::panels::chart;
use crate::tui::scene::Scene;

/// The least height of a chart, its head included.
const LEAST: u16 = 8;
/// The least width of one.
const NARROWEST: u16 = 52;
/// Between two columns.
const GUTTER: u16 = 3;

/// Draws as many as fit, in the order they come; what does not fit is counted.
pub fn draw(scene: &Scene<'_>, charts: &[Chart], area: Rect, buffer: &mut Buffer) {
    let theme = scene.theme;
    if charts.is_empty() {
        head(buffer, area, theme, "metrics", Some(("the scenario asks for none", theme.quiet)));
        return;
    }
    let count = u16::try_from(charts.len()).unwrap_or(u16::MAX);
    let across = (area.width.saturating_add(GUTTER) / (NARROWEST + GUTTER)).clamp(1, count);
    let most = (area.height / (LEAST + 1)).max(1);
    let down = count.div_ceil(across).min(most);
    let shown = usize::from(across) * usize::from(down);
    let more = charts.len().saturating_sub(shown);
    let (mut rest, last) = if more > 0 { split(area, area.height.saturating_sub(1)) } else { (area, Rect::ZERO) };
    let least = charts.iter().take(shown).map(|chart| chart::margin(scene, chart)).max().unwrap_or(0);
    for (index, line) in (0..down).zip(charts.chunks(usize::from(across))) {
        let (band, below) = split(rest, (rest.height + 1) / (down - index) - 1);
        rest = split(below, 1).1;
        // a row of few has the width of the screen, too
        let count = u16::try_from(line.len()).unwrap_or(across).clamp(1, across);
        let width = (band.width - (count - 1) * GUTTER) / count;
        for (place, one) in (0..count).zip(line) {
            chart::draw_from(scene, one, Rect { x: band.x + place * (width + GUTTER), width, ..band }, least, buffer);
        }
    }
    if more > 0 {
        Pen::new(buffer, row(last, 0))
            .put(&format!("and {more} more {}: Tab turns to the next", if more == 1 { "chart" } else { "charts" }), theme.quiet);
    }
}

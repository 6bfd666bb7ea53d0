//! The axis of a chart: its ends, its 0, and where the cursor stands.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use crate::tui::cells::{self, Pen};
use crate::tui::scene::Scene;
use crate::tui::span::{Span, label};
use crate::wording;

/// Draws it; `marked` is the cursor's place and moment.
pub fn draw(scene: &Scene<'_>, span: &Span, marked: Option<(f64, String)>, area: Rect, buffer: &mut Buffer) {
    let theme = scene.theme;
    Pen::new(buffer, area).fill("─", theme.line);
    let (from, to) = span.ends();
    let place = |seconds: f64| (seconds - from) / (to - from).max(f64::MIN_POSITIVE);
    let mut labels: Vec<(f64, String, Style)> = Vec::new();
    labels.extend(marked.map(|(place, moment)| (place, format!(" {moment} "), theme.strong)));
    if span.hit && from <= 0.0 && to >= 0.0 {
        // two clocks meet there, where there is room to say so
        let meets = format!(" 0 = {} ", wording::t_plus(scene.run, span.zero).trim());
        let room = place(0.0) * f64::from(area.width) - f64::from(cells::width(&meets)) / 2.0 > f64::from(cells::width(&label(from)) + 2);
        labels.push((place(0.0), if room && area.width > 40 { meets } else { " 0 ".to_owned() }, theme.quiet));
    }
    labels.push((0.0, format!("{} ", label(from)), theme.quiet));
    let now = !span.hit && to.abs() < 0.05;
    labels.push((1.0, if now { " now".to_owned() } else { format!(" {}", label(to)) }, theme.quiet));
    if span.hit && !span.zoomed && to % 10.0 == 0.0 && area.width > 40 {
        labels.push((place(to / 2.0), format!(" {} ", label(to / 2.0)), theme.quiet));
    }
    let width = f64::from(area.width);
    let mut taken: Vec<(u16, u16)> = Vec::new();
    for (place, label, style) in labels {
        let columns = cells::width(&label);
        if columns > area.width {
            continue;
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a column of a terminal")]
        let x = (place * width - f64::from(columns) / 2.0).clamp(0.0, width - f64::from(columns)).round() as u16;
        if taken.iter().any(|(from, to)| x < *to && x + columns > *from) {
            continue;
        }
        taken.push((x, x + columns));
        buffer.set_stringn(area.x + x, area.y, &label, usize::from(columns), style);
    }
}

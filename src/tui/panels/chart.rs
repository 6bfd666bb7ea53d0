//! One chart: a line of dots over time, its bounds, and when a fault was in effect.

use std::time::Duration;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use crate::clock::{At, say};
use crate::scenario::model::Unit;
use crate::tui::cells::{self, Pen, head, row};
use crate::tui::charts::{Chart, Points, Shows};
use crate::tui::plot;
use crate::tui::scene::{Scene, round_up};
use crate::wording::{self, live, margin};

/// The longest pause between two answers that is no gap.
const GAP: Duration = Duration::from_millis(3500);
/// How many series are drawn.
const SERIES: usize = 8;

/// The part of the run that is shown, and where its 0 is.
struct Time {
    zero: At,
    before: f64,
    after: f64,
    hit: bool,
}

impl Time {
    fn of(scene: &Scene<'_>, series: &[Points]) -> Time {
        let first = series.iter().filter_map(|points| points.first()).map(|(at, _)| *at).min().unwrap_or(scene.now);
        let fitting = |steps: &[f64], span: Duration| {
            steps.iter().copied().find(|step| *step >= span.as_secs_f64()).unwrap_or_else(|| round_up(span.as_secs_f64()))
        };
        let Some(zero) = scene.impact() else {
            let span = scene.now.since(first).min(Duration::from_mins(1));
            return Time { zero: scene.now, before: fitting(&[10.0, 30.0, 60.0], span), after: 0.0, hit: false };
        };
        Time {
            zero,
            before: fitting(&[5.0, 10.0, 15.0, 30.0], zero.since(first).min(Duration::from_secs(30))),
            after: fitting(&[15.0, 30.0, 60.0, 120.0, 180.0, 300.0, 600.0, 900.0, 1800.0, 3600.0], scene.now.since(zero)),
            hit: true,
        }
    }

    fn place(&self, at: At) -> f64 {
        let offset = if at >= self.zero { at.since(self.zero).as_secs_f64() } else { -self.zero.since(at).as_secs_f64() };
        (offset + self.before) / (self.before + self.after)
    }
}

/// Draws it.
pub fn draw(scene: &Scene<'_>, chart: &Chart, area: Rect, buffer: &mut Buffer) {
    let theme = scene.theme;
    let series = chart.lines(scene.run, scene.now);
    let (note, style) = note(scene, chart, &series);
    let inner = head(buffer, area, theme, &chart.title, Some((&note, style)));
    if inner.height < 2 || inner.width < 12 {
        return;
    }
    let time = Time::of(scene, &series);
    let top = top(chart, &series);
    let labels = [top, 0.0].map(|value| margin::plain(value, chart.unit));
    let left = labels.iter().map(|label| cells::width(label)).max().unwrap_or(0) + 1;
    let plot = Rect { x: inner.x + left, width: inner.width.saturating_sub(left), height: inner.height - 1, ..inner };
    for (label, y) in labels.iter().zip([0, plot.height - 1]) {
        Pen::new(buffer, Rect { width: left - 1, ..row(inner, y) }).cell_right(label, left - 1, theme.quiet);
    }
    shade(scene, &time, plot, buffer);
    let mut dots: Vec<(u16, u16, char, usize)> = Vec::new();
    for (index, points) in series.iter().take(SERIES).enumerate().rev() {
        let places: Vec<(f64, Option<f64>)> = points.iter().map(|(at, value)| (time.place(*at), value.map(|value| value / top))).collect();
        let joined = |index: usize| !chart.is_sampled() || points[index].0.since(points[index - 1].0) <= GAP;
        let values = plot::columns(&places, plot.width, joined, if chart.is_low_bad() { f64::min } else { f64::max });
        dots.extend(plot::line(&values, plot.height).into_iter().map(|(x, y, sign)| (x, y, sign, index)));
    }
    let newest = series.iter().filter_map(|points| points.last()).filter_map(|(_, value)| *value).reduce(f64::max);
    limits(scene, chart, (top, newest), plot, &dots, buffer);
    for (x, y, sign, series) in dots {
        if let Some(cell) = buffer.cell_mut((plot.x + x, plot.y + y)) {
            cell.set_char(sign).set_style(if series == 0 { theme.accent } else { theme.second });
        }
    }
    axis(scene, &time, Rect { x: plot.x, width: plot.width, ..row(inner, inner.height - 1) }, buffer);
}

/// The current value, or why there is none.
fn note(scene: &Scene<'_>, chart: &Chart, series: &[Points]) -> (String, Style) {
    let theme = scene.theme;
    if let Some(since) = chart.blind(scene.run) {
        return (format!("blind since {}", wording::t_plus(scene.run, since).trim()), theme.broken);
    }
    let newest = series.iter().filter_map(|points| points.last()).map(|(at, _)| *at).max();
    let values = series.iter().filter_map(|points| points.last()).filter(|(at, _)| Some(*at) == newest).filter_map(|(_, value)| *value);
    let Some((at, value)) = newest.zip(values.reduce(f64::max)) else { return ("no answer yet".to_owned(), theme.pending) };
    let number = match chart.shows {
        Shows::Ready(index) => match scene.run.fleet().targets.get(index).and_then(crate::run::fleet::Target::desired) {
            Some(desired) => format!("{value:.0} of {desired}"),
            None => format!("{value:.0}"),
        },
        Shows::Answers(..) => wording::number(value, chart.unit),
    };
    let old = chart.is_sampled() && scene.now.since(at) > live::OLD && !scene.run.phase().0.is_over();
    match (old, series.len()) {
        (true, _) => (format!("{number}, {} old", say(scene.now.since(at))), theme.pending),
        (false, 0 | 1) => (number, theme.strong),
        (false, n) => (format!("highest of {n}: {number}"), theme.strong),
    }
}

/// The upper end of the axis.
fn top(chart: &Chart, series: &[Points]) -> f64 {
    let highest = series.iter().flatten().filter_map(|(_, value)| *value).fold(0.0, f64::max);
    if let Shows::Ready(_) = chart.shows {
        return highest.max(chart.limits.iter().map(|limit| limit.value).fold(1.0, f64::max));
    }
    // a bound is shown unless the numbers are far from it
    let near = |value: f64, stops: bool| !stops || highest > value / 4.0;
    let bounds = chart.limits.iter().filter(|limit| near(limit.value, limit.stops)).map(|limit| limit.value * 1.25);
    let wanted = bounds.fold(highest * 1.1, f64::max);
    if wanted > 0.0 {
        round_up(wanted)
    } else if chart.unit == Unit::Percent {
        0.01
    } else {
        1.0
    }
}

/// Marks when a fault was in effect, its recovery included.
fn shade(scene: &Scene<'_>, time: &Time, plot: Rect, buffer: &mut Buffer) {
    for (from, to) in scene.windows() {
        let (from, to) = (time.place(from), time.place(to));
        for x in 0..plot.width {
            let (begin, end) = (f64::from(x) / f64::from(plot.width), f64::from(x + 1) / f64::from(plot.width));
            if end <= from || begin > to {
                continue;
            }
            for y in 0..plot.height {
                if let Some(cell) = buffer.cell_mut((plot.x + x, plot.y + y)) {
                    cell.set_symbol(scene.theme.window_glyph).set_style(scene.theme.window);
                }
            }
        }
    }
}

fn limits(
    scene: &Scene<'_>,
    chart: &Chart,
    (top, newest): (f64, Option<f64>),
    plot: Rect,
    dots: &[(u16, u16, char, usize)],
    buffer: &mut Buffer,
) {
    for limit in chart.limits.iter().filter(|limit| limit.value <= top) {
        let y = plot::place(limit.value / top, plot.height);
        let crossed = newest.is_some_and(|newest| limit.is_crossed(newest));
        let style = match (crossed, limit.stops) {
            (false, _) => scene.theme.quiet,
            (true, false) => scene.theme.pending,
            (true, true) => scene.theme.broken,
        };
        let word = match (&chart.shows, limit.stops) {
            (Shows::Ready(_), false) => "at least",
            (Shows::Ready(_), true) => "stop below",
            (Shows::Answers(..), false) => "limit",
            (Shows::Answers(..), true) => "stop",
        };
        let label = format!(" {word} {} ", margin::plain(limit.value, chart.unit));
        let columns = cells::width(&label);
        let free = |from: u16| !dots.iter().any(|(x, row, ..)| *row == y && (from..from + columns).contains(x));
        for x in 0..plot.width {
            if let Some(cell) = buffer.cell_mut((plot.x + x, plot.y + y)) {
                cell.set_symbol("┄").set_style(if crossed { style } else { scene.theme.line });
            }
        }
        let places = [plot.width.saturating_sub(columns + 1), 1];
        if let Some(x) = places.into_iter().find(|x| x + columns < plot.width && free(*x)) {
            buffer.set_stringn(plot.x + x, plot.y + y, &label, usize::from(columns), style);
        }
    }
}

fn axis(scene: &Scene<'_>, time: &Time, area: Rect, buffer: &mut Buffer) {
    let theme = scene.theme;
    Pen::new(buffer, area).fill("─", theme.line);
    let span = |seconds: f64| {
        if seconds >= 120.0 { format!("{}m", tidy_number(seconds / 60.0)) } else { format!("{}s", tidy_number(seconds)) }
    };
    let width = f64::from(area.width);
    let mut labels: Vec<(f64, String)> = Vec::new();
    if time.hit {
        labels.push((time.before / (time.before + time.after), " 0 ".to_owned()));
        labels.push((0.0, format!("−{} ", span(time.before))));
        labels.push((1.0, format!(" +{}", span(time.after))));
        if time.after % 10.0 == 0.0 && area.width > 40 {
            labels.push(((time.before + time.after / 2.0) / (time.before + time.after), format!(" +{} ", span(time.after / 2.0))));
        }
    } else {
        labels.push((0.0, format!("−{} ", span(time.before))));
        labels.push((1.0, " now".to_owned()));
    }
    let mut taken: Vec<(u16, u16)> = Vec::new();
    for (place, label) in labels {
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
        buffer.set_stringn(area.x + x, area.y, &label, usize::from(columns), theme.quiet);
    }
}

fn tidy_number(value: f64) -> String {
    let text = format!("{value:.1}");
    text.strip_suffix(".0").map_or(text.clone(), ToOwned::to_owned)
}

//! One chart: lines over time, their bounds, when a fault was in effect, how it was before, what the cursor stands on.

mod axis;
mod legend;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};

use crate::clock::{At, say};
use crate::run::probes::Series;
use crate::scenario::model::Unit;
use crate::tui::cells::{self, Pen, head, row, split};
use crate::tui::charts::{Chart, GAP, Shows};
use crate::tui::keys::Act;
use crate::tui::plot;
use crate::tui::scene::{Scene, round_up};
use crate::tui::span::{self, Span};
use crate::tui::theme::Theme;
use crate::tui::zoom::Turn;
use crate::wording::{self, live, margin};

/// How many series are drawn.
const SERIES: usize = 8;

/// A sign of a line, where it stands, and of which series it is.
type Dot = (u16, u16, char, usize);

/// How the line of a series looks; where there are several, its number stands at its end as well.
const fn line_style(theme: &Theme, index: usize) -> Style {
    match index % 4 {
        0 => theme.accent,
        1 => theme.second,
        2 => theme.text,
        _ => theme.quiet,
    }
}

/// Draws it.
pub fn draw(scene: &Scene<'_>, chart: &Chart, area: Rect, buffer: &mut Buffer) {
    let theme = scene.theme;
    let series = chart.lines(scene.run, scene.now);
    let span = Span::whole(scene.run, scene.now, &series).shown(&scene.hands.zoom);
    let before = Some(span.zero).filter(|_| span.hit).and_then(|hit| chart.before(&series, hit));
    let title = title(scene, chart, &span);
    let room = area.width.saturating_sub(cells::width(&title).min(area.width / 2) + 5);
    let (note, style) = match scene.hands.zoom.cursor() {
        Some(at) => read_out(scene, chart, &series, &span, at),
        None => note(scene, chart, &series, before, room),
    };
    let inner = head(buffer, area, theme, &title, Some((&note, style)));
    if inner.height < 2 || inner.width < 12 {
        return;
    }
    let (legend, inner) = split(inner, legend::want(&series, inner));
    legend::draw(scene, chart, &series, legend, buffer);
    let top = top(chart, &series);
    let labels = [top, 0.0].map(|value| margin::plain(value, chart.unit));
    let left = labels.iter().map(|label| cells::width(label)).max().unwrap_or(0) + 1;
    let plot = Rect { x: inner.x + left, width: inner.width.saturating_sub(left), height: inner.height - 1, ..inner };
    for (label, y) in labels.iter().zip([0, plot.height - 1]) {
        Pen::new(buffer, Rect { width: left - 1, ..row(inner, y) }).cell_right(label, left - 1, theme.quiet);
    }
    shade(scene, &span, plot, buffer);
    let columns: Vec<Vec<Option<f64>>> =
        series.iter().take(SERIES).map(|series| columns(chart, series, &span, top, plot.width)).collect();
    let mut dots: Vec<Dot> = Vec::new();
    for (index, values) in columns.iter().enumerate().rev() {
        dots.extend(plot::line(values, plot.height).into_iter().map(|(x, y, sign)| (x, y, sign, index)));
    }
    let newest = series.iter().filter_map(|series| series.points.last()).filter_map(|(_, value)| *value).reduce(f64::max);
    baseline(scene, chart, &span, (top, before), plot, &dots, buffer);
    limits(scene, chart, (top, newest), plot, &dots, buffer);
    for (x, y, sign, series) in dots {
        if let Some(cell) = buffer.cell_mut((plot.x + x, plot.y + y)) {
            cell.set_char(sign).set_style(line_style(theme, series));
        }
    }
    legend::ends(scene, &columns, plot, buffer);
    let marked = cursor(scene, chart, &series, &span, top, plot, buffer);
    axis::draw(scene, &span, marked, Rect { x: plot.x, width: plot.width, ..row(inner, inner.height - 1) }, buffer);
}

/// Its name, and which part of it is shown where that is not all.
fn title(scene: &Scene<'_>, chart: &Chart, span: &Span) -> String {
    if !span.zoomed {
        return chart.title.clone();
    }
    let (from, to) = span.ends();
    let back = scene.hands.keys.key(scene.hands.place(scene.run), Act::Chart(Turn::Whole));
    format!("{}, {} to {} ({back}: all)", chart.title, span::label(from), span::label(to))
}

/// One value a column, 0 to 1.
fn columns(chart: &Chart, series: &Series, span: &Span, top: f64, width: u16) -> Vec<Option<f64>> {
    let points = &series.points;
    let places: Vec<(f64, Option<f64>)> = points.iter().map(|(at, value)| (span.place(*at), value.map(|value| value / top))).collect();
    let joined = |index: usize| !chart.is_sampled() || points[index].0.since(points[index - 1].0) <= GAP;
    plot::columns(&places, width, joined, chart.worse())
}

/// A number of this chart.
fn number(scene: &Scene<'_>, chart: &Chart, value: f64) -> String {
    match chart.shows {
        Shows::Ready(index) => match scene.run.fleet().targets.get(index).and_then(crate::run::fleet::Target::desired) {
            Some(desired) => format!("{value:.0} of {desired}"),
            None => format!("{value:.0}"),
        },
        Shows::Answers(..) => wording::number(value, chart.unit),
    }
}

/// The current value beside what it was before, or why there is none.
fn note(scene: &Scene<'_>, chart: &Chart, series: &[Series], before: Option<f64>, room: u16) -> (String, Style) {
    let theme = scene.theme;
    if let Some(since) = chart.blind(scene.run) {
        return (format!("blind since {}", wording::t_plus(scene.run, since).trim()), theme.broken);
    }
    let last = || series.iter().filter_map(|series| series.points.last());
    let newest = last().map(|(at, _)| *at).max();
    let values = last().filter(|(at, _)| Some(*at) == newest).filter_map(|(_, value)| *value);
    let Some((at, value)) = newest.zip(values.reduce(chart.worse())) else { return ("no answer yet".to_owned(), theme.pending) };
    let number = number(scene, chart, value);
    let old = chart.is_sampled() && scene.now.since(at) > live::OLD && !scene.run.phase().0.is_over();
    if old {
        return (format!("{number}, {} old", say(scene.now.since(at))), theme.pending);
    }
    let said = match (series.len(), chart.is_low_bad()) {
        (0 | 1, _) => number,
        (n, true) => format!("lowest of {n}: {number}"),
        (n, false) => format!("highest of {n}: {number}"),
    };
    let compared = before.map(|before| format!("{said}, before {}", wording::number(before, chart.unit)));
    (compared.filter(|compared| cells::width(compared) <= room).unwrap_or(said), theme.strong)
}

/// What was seen where the cursor stands.
fn read_out(scene: &Scene<'_>, chart: &Chart, series: &[Series], span: &Span, at: At) -> (String, Style) {
    let theme = scene.theme;
    let when = span.says(scene.run, at);
    if at > scene.now {
        return (format!("at {when}: not reached"), theme.pending);
    }
    let mut values = series.iter().filter_map(|series| chart.value(series, at));
    match (series.len(), values.next()) {
        (_, None) => (format!("at {when}: no answer"), theme.pending),
        (1, Some(value)) => (format!("at {when}: {}", number(scene, chart, value)), theme.strong),
        (n, Some(first)) => {
            let word = if chart.is_low_bad() { "lowest" } else { "highest" };
            (format!("at {when}: {word} of {n}: {}", number(scene, chart, values.fold(first, chart.worse()))), theme.strong)
        }
    }
}

/// The upper end of the axis.
fn top(chart: &Chart, series: &[Series]) -> f64 {
    let highest = series.iter().flat_map(|series| &series.points).filter_map(|(_, value)| *value).fold(0.0, f64::max);
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
fn shade(scene: &Scene<'_>, span: &Span, plot: Rect, buffer: &mut Buffer) {
    for (from, to) in scene.windows() {
        let (from, to) = (span.place(from), span.place(to));
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

/// How it was before the first fault: a quiet line from there on, so that what differs is seen.
fn baseline(
    scene: &Scene<'_>,
    chart: &Chart,
    span: &Span,
    (top, before): (f64, Option<f64>),
    plot: Rect,
    dots: &[Dot],
    buffer: &mut Buffer,
) {
    let Some(before) = before.filter(|before| (0.0..=top).contains(before)) else { return };
    let y = plot::place(before / top, plot.height);
    let Some(from) = column(span.place(span.zero).max(0.0), plot.width) else { return };
    for x in from..plot.width {
        if let Some(cell) = buffer.cell_mut((plot.x + x, plot.y + y)) {
            cell.set_symbol("·").set_style(scene.theme.quiet);
        }
    }
    let label = format!(" before {} ", wording::number(before, chart.unit));
    let columns = cells::width(&label);
    let Some(x) = plot.width.checked_sub(columns + 1).filter(|x| *x > from) else { return };
    let bounded = chart.limits.iter().filter(|limit| limit.value <= top).any(|limit| plot::place(limit.value / top, plot.height) == y);
    if !bounded && !dots.iter().any(|(at, row, ..)| *row == y && (x..x + columns).contains(at)) {
        buffer.set_stringn(plot.x + x, plot.y + y, &label, usize::from(columns), scene.theme.quiet);
    }
}

/// The column of a place of the axis.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a column of a terminal")]
fn column(place: f64, width: u16) -> Option<u16> {
    let x = (place * f64::from(width)).floor();
    (width > 0 && place >= 0.0 && place <= 1.0).then(|| (x as u16).min(width - 1))
}

/// The line on which the cursor stands, and a point on each series that was seen there; gives its column and its moment.
fn cursor(
    scene: &Scene<'_>,
    chart: &Chart,
    series: &[Series],
    span: &Span,
    top: f64,
    plot: Rect,
    buffer: &mut Buffer,
) -> Option<(f64, String)> {
    let at = scene.hands.zoom.cursor()?;
    let place = span.place(at);
    let x = column(place, plot.width)?;
    let quiet = Style::new().fg(scene.theme.strong.fg.unwrap_or_default());
    for y in 0..plot.height {
        if let Some(cell) = buffer.cell_mut((plot.x + x, plot.y + y)) {
            cell.set_symbol("│").set_style(quiet);
        }
    }
    for (index, series) in series.iter().take(SERIES).enumerate().rev() {
        if let Some(value) = chart.value(series, at).filter(|_| at <= scene.now)
            && let Some(cell) = buffer.cell_mut((plot.x + x, plot.y + plot::place(value / top, plot.height)))
        {
            cell.set_symbol("●").set_style(line_style(scene.theme, index).add_modifier(Modifier::BOLD));
        }
    }
    Some((place, span.says(scene.run, at)))
}

fn limits(
    scene: &Scene<'_>,
    chart: &Chart,
    (top, newest): (f64, Option<f64>),
    plot: Rect,
    dots: &[Dot],
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

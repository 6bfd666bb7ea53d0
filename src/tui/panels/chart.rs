//! One chart: lines over time, their bounds, when a fault was in effect, how it was before, what the cursor stands on.

mod axis;
mod legend;

use ratatui::buffer::{Buffer, Cell};
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};

use crate::clock::{At, say};
use crate::scenario::model::Unit;
use crate::tui::cells::{self, Pen, head, row, split};
use crate::tui::charts::{Chart, Line, Shows};
use crate::tui::keys::Act;
use crate::tui::plot::{self, Rule};
use crate::tui::scene::{Scene, round_up};
use crate::tui::span::{self, Span};
use crate::tui::theme::Theme;
use crate::tui::zoom::Turn;
use crate::wording::{self, live, margin};

/// How many series are drawn.
const SERIES: usize = 8;

/// What is said of the time from a fault until all is back, the longest first; and where it lasts.
const WINDOW: [&str; 2] = ["from the fault until back", "the fault"];
const LASTING: [&str; 1] = ["since the fault"];

/// A sign of a line, where it stands, and of which series it is.
type Dot = (u16, u16, char, usize);

/// What stands in a cell once a sign is drawn over what stands there.
fn over(cell: &Cell, sign: char) -> char {
    plot::over(cell.symbol().chars().next().unwrap_or(' '), sign)
}

/// How the line of a series looks; where there are several, its number stands at its end as well.
const fn line_style(theme: &Theme, index: usize) -> Style {
    match index % 4 {
        0 => theme.accent,
        1 => theme.second,
        2 => theme.text,
        _ => theme.quiet,
    }
}

/// The columns that the words of its axis take.
#[must_use]
pub fn margin(scene: &Scene<'_>, chart: &Chart) -> u16 {
    axis_words(chart, top(chart, &chart.lines(scene.run, scene.now))).1
}

/// What stands at both ends of its axis, and the columns that takes.
fn axis_words(chart: &Chart, top: f64) -> ([String; 2], u16) {
    let labels = [top, 0.0].map(|value| margin::plain(value, chart.unit));
    let columns = labels.iter().map(|label| cells::width(label)).max().unwrap_or(0) + 1;
    (labels, columns)
}

/// Draws it.
pub fn draw(scene: &Scene<'_>, chart: &Chart, area: Rect, buffer: &mut Buffer) {
    draw_from(scene, chart, area, 0, buffer);
}

/// Draws it, its axis so many columns from the left at the least: what stands below each other is read so.
pub fn draw_from(scene: &Scene<'_>, chart: &Chart, area: Rect, least: u16, buffer: &mut Buffer) {
    let theme = scene.theme;
    let lines = chart.lines(scene.run, scene.now);
    let span = Span::whole(scene.run, scene.now, &lines).shown(&scene.hands.zoom);
    let before = Some(span.zero).filter(|_| span.hit).and_then(|hit| chart.before(&lines, hit));
    let (notes, style) = match scene.hands.zoom.cursor() {
        Some(at) => read_out(scene, chart, &lines, &span, at),
        None => current(scene, chart, &lines, before),
    };
    let titles = titles(scene, chart, &span);
    let (title, note) = headline(&titles, &notes, area.width);
    let inner = head(buffer, area, theme, title, Some((note, style)));
    if inner.height < 2 || inner.width < 12 {
        return;
    }
    let (legend, inner) = split(inner, legend::want(scene, chart, &lines, inner));
    legend::draw(scene, chart, &lines, legend, buffer);
    let top = top(chart, &lines);
    let (labels, left) = axis_words(chart, top);
    let left = left.max(least);
    let plot = Rect { x: inner.x + left, width: inner.width.saturating_sub(left), height: inner.height - 1, ..inner };
    for (label, y) in labels.iter().zip([0, plot.height - 1]) {
        Pen::new(buffer, Rect { width: left - 1, ..row(inner, y) }).cell_right(label, left - 1, theme.quiet);
    }
    shade(scene, &span, plot, buffer);
    // below everything else: a bound's words and a line stay whole
    let marked = cursor(scene, &span, plot, buffer);
    let drawn = lines.iter().take(SERIES);
    let grain = theme.grain;
    let wide = plot.width * grain.across();
    let columns: Vec<Vec<Option<f64>>> = drawn.map(|line| line.columns(span.bounds(), top, wide, chart.worse())).collect();
    let mut dots: Vec<Dot> = Vec::new();
    for (index, values) in columns.iter().enumerate().rev() {
        dots.extend(grain.line(values, plot.height).into_iter().map(|(x, y, sign)| (x, y, sign, index)));
    }
    let newest = lines.iter().filter_map(Line::last).filter_map(|(_, value)| value).reduce(f64::max);
    baseline(scene, chart, &span, (top, before), plot, &dots, buffer);
    limits(scene, chart, (top, newest), plot, &dots, buffer);
    for (x, y, sign, series) in dots {
        if let Some(cell) = buffer.cell_mut((plot.x + x, plot.y + y)) {
            // what is beyond a bound is seen to be
            let worst = columns.get(series).and_then(|values| values.chunks(usize::from(grain.across())).nth(usize::from(x)));
            let worst = worst.into_iter().flatten().flatten().map(|value| value * top).reduce(chart.worse());
            let crossed = chart.limits.iter().filter(|limit| worst.is_some_and(|worst| limit.is_crossed(worst)));
            let style = match crossed.map(|limit| limit.stops).max() {
                _ if lines.len() > 1 => line_style(theme, series),
                None => line_style(theme, series),
                Some(false) => theme.pending,
                Some(true) => theme.broken,
            };
            cell.set_char(over(cell, sign)).set_style(style);
        }
    }
    legend::ends(scene, &columns, plot, buffer);
    if let Some((x, at)) = marked {
        points(scene, &lines, (x, at), top, plot, buffer);
    }
    let marked = marked.map(|(_, at)| (span.place(at), span.says(scene.run, at)));
    axis::draw(scene, &span, marked, Rect { x: plot.x, width: plot.width, ..row(inner, inner.height - 1) }, buffer);
}

/// Its name, and which part of it is shown where that is not all; the longest first.
fn titles(scene: &Scene<'_>, chart: &Chart, span: &Span) -> Vec<String> {
    let mut titles = Vec::new();
    if span.zoomed {
        let (from, to) = span.ends();
        let back = scene.hands.keys.key(scene.hands.place(scene.run), Act::Chart(Turn::Whole));
        titles.push(format!("{}, {} to {} ({back}: all)", chart.title, span::label(from), span::label(to)));
        titles.push(format!("{}, a part", chart.title));
    }
    titles.push(chart.title.clone());
    titles
}

/// The title and the note that say most in so many columns: both lists are ordered by how much they say.
fn headline<'a>(titles: &'a [String], notes: &'a [String], width: u16) -> (&'a str, &'a str) {
    let fit = |title: u16, note: &str| title + cells::width(note) + 5 <= width;
    let both = notes.iter().flat_map(|note| titles.iter().map(move |title| (title, note)));
    let shortest = (titles.last().map_or("", String::as_str), notes.last().map_or("", String::as_str));
    both.into_iter().find(|(title, note)| fit(cells::width(title), note)).map_or_else(
        || {
            // a title is cut rather than a number
            let cut = cells::width(shortest.0).min(width / 2);
            (shortest.0, notes.iter().find(|note| fit(cut, note)).map_or(shortest.1, String::as_str))
        },
        |(title, note)| (title.as_str(), note.as_str()),
    )
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

/// The current value beside what it was before, or why there is none; the longest first.
fn current(scene: &Scene<'_>, chart: &Chart, lines: &[Line<'_>], before: Option<f64>) -> (Vec<String>, Style) {
    let theme = scene.theme;
    if let Some(since) = chart.blind(scene.run) {
        return (vec![format!("blind since {}", wording::t_plus(scene.run, since).trim()), "blind".to_owned()], theme.broken);
    }
    let last = || lines.iter().filter_map(Line::last);
    let newest = last().map(|(at, _)| at).max();
    let values = last().filter(|(at, _)| Some(*at) == newest).filter_map(|(_, value)| value);
    let Some((at, value)) = newest.zip(values.reduce(chart.worse())) else {
        return (vec!["no answer yet".to_owned()], theme.pending);
    };
    let number = number(scene, chart, value);
    let old = chart.is_sampled() && scene.now.since(at) > live::OLD && !scene.run.phase().0.is_over();
    if old {
        return (vec![format!("{number}, {} old", say(scene.now.since(at)))], theme.pending);
    }
    let said = of_several(chart, lines, number);
    let compared = before.map(|before| format!("{said}, before {}", wording::number(before, chart.unit)));
    (compared.into_iter().chain([said]).collect(), theme.strong)
}

/// A number, and which of several it is.
fn of_several(chart: &Chart, lines: &[Line<'_>], number: String) -> String {
    match (lines.len(), chart.is_low_bad()) {
        (0 | 1, _) => number,
        (n, true) => format!("lowest of {n}: {number}"),
        (n, false) => format!("highest of {n}: {number}"),
    }
}

/// What was seen where the cursor stands; the longest first.
fn read_out(scene: &Scene<'_>, chart: &Chart, lines: &[Line<'_>], span: &Span, at: At) -> (Vec<String>, Style) {
    let theme = scene.theme;
    let worst = lines.iter().filter_map(|line| line.value(at)).reduce(chart.worse());
    let (said, style) = match worst {
        _ if at > scene.now => ("not reached".to_owned(), theme.pending),
        None => ("no answer".to_owned(), theme.pending),
        Some(value) => (of_several(chart, lines, number(scene, chart, value)), theme.strong),
    };
    let when = span.says(scene.run, at);
    (vec![format!("at {when}: {said}"), format!("{when}: {said}"), said], style)
}

/// The upper end of the axis.
fn top(chart: &Chart, lines: &[Line<'_>]) -> f64 {
    let highest = lines.iter().filter_map(Line::highest).fold(0.0, f64::max);
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

/// Marks when a fault was in effect, its recovery included, and says so where there is room.
fn shade(scene: &Scene<'_>, span: &Span, plot: Rect, buffer: &mut Buffer) {
    let theme = scene.theme;
    for (from, to) in scene.windows() {
        let words: &[&str] = if to == scene.now { &LASTING } else { &WINDOW };
        let (from, to) = (span.place(from), span.place(to));
        let within = |x: &u16| {
            let (begin, end) = (f64::from(*x) / f64::from(plot.width), f64::from(x + 1) / f64::from(plot.width));
            end > from && begin <= to
        };
        let columns: Vec<u16> = (0..plot.width).filter(within).collect();
        for (x, y) in columns.iter().flat_map(|x| (0..plot.height).map(move |y| (*x, y))) {
            if let Some(cell) = buffer.cell_mut((plot.x + x, plot.y + y)) {
                cell.set_symbol(theme.window_glyph).set_style(theme.window);
            }
        }
        let word = words.iter().find(|word| usize::from(cells::width(word)) + 2 <= columns.len());
        if let Some((word, x)) = word.zip(columns.first()) {
            buffer.set_string(plot.x + x + 1, plot.y, word, theme.window.patch(theme.quiet));
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
    let grain = scene.theme.grain;
    let (y, sign) = grain.rule(Rule::Before, before / top, plot.height);
    let Some(from) = column(span.place(span.zero).max(0.0), plot.width) else { return };
    for x in from..plot.width {
        if let Some(cell) = buffer.cell_mut((plot.x + x, plot.y + y)) {
            cell.set_char(over(cell, sign(x))).set_style(scene.theme.quiet);
        }
    }
    let label = format!(" before {} ", wording::number(before, chart.unit));
    let columns = cells::width(&label);
    let Some(x) = plot.width.checked_sub(columns + 1).filter(|x| *x > from) else { return };
    let bounded = chart.limits.iter().filter(|limit| limit.value <= top).any(|limit| grain.row(limit.value / top, plot.height) == y);
    if !bounded && !dots.iter().any(|(at, row, ..)| *row == y && (x..x + columns).contains(at)) {
        buffer.set_stringn(plot.x + x, plot.y + y, &label, usize::from(columns), scene.theme.quiet);
    }
}

/// The column of a place of the axis.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a column of a terminal")]
fn column(place: f64, width: u16) -> Option<u16> {
    let x = (place * f64::from(width)).floor();
    (width > 0 && (0.0..=1.0).contains(&place)).then(|| (x as u16).min(width - 1))
}

/// The line on which the cursor stands; gives its column and its moment.
fn cursor(scene: &Scene<'_>, span: &Span, plot: Rect, buffer: &mut Buffer) -> Option<(u16, At)> {
    let at = scene.hands.zoom.cursor()?;
    let x = column(span.place(at), plot.width)?;
    for y in 0..plot.height {
        if let Some(cell) = buffer.cell_mut((plot.x + x, plot.y + y)) {
            cell.set_symbol("│").set_style(scene.theme.text);
        }
    }
    Some((x, at))
}

/// A point on each series that was seen where the cursor stands.
fn points(scene: &Scene<'_>, lines: &[Line<'_>], (x, at): (u16, At), top: f64, plot: Rect, buffer: &mut Buffer) {
    if at > scene.now {
        return;
    }
    for (index, line) in lines.iter().take(SERIES).enumerate().rev() {
        if let Some(value) = line.value(at)
            && let Some(cell) = buffer.cell_mut((plot.x + x, plot.y + scene.theme.grain.row(value / top, plot.height)))
        {
            cell.set_symbol("●").set_style(line_style(scene.theme, index).add_modifier(Modifier::BOLD));
        }
    }
}

fn limits(scene: &Scene<'_>, chart: &Chart, (top, newest): (f64, Option<f64>), plot: Rect, dots: &[Dot], buffer: &mut Buffer) {
    for limit in chart.limits.iter().filter(|limit| limit.value <= top) {
        let (y, sign) = scene.theme.grain.rule(Rule::Bound, limit.value / top, plot.height);
        let crossed = newest.is_some_and(|newest| limit.is_crossed(newest));
        let style = match (crossed, limit.stops) {
            (false, _) => scene.theme.quiet,
            (true, false) => scene.theme.pending,
            (true, true) => scene.theme.broken,
        };
        let word = match (&chart.shows, limit.stops) {
            (Shows::Ready(_), false) => "at least",
            (Shows::Ready(_), true) => "stops below",
            (Shows::Answers(..), false) => "limit",
            (Shows::Answers(..), true) => "stops at",
        };
        let label = format!(" {word} {} ", margin::plain(limit.value, chart.unit));
        let columns = cells::width(&label);
        let free = |from: u16| !dots.iter().any(|(x, row, ..)| *row == y && (from..from + columns).contains(x));
        for x in 0..plot.width {
            if let Some(cell) = buffer.cell_mut((plot.x + x, plot.y + y)) {
                cell.set_char(over(cell, sign(x))).set_style(if crossed { style } else { scene.theme.line });
            }
        }
        let places = [plot.width.saturating_sub(columns + 1), 1];
        if let Some(x) = places.into_iter().find(|x| x + columns < plot.width && free(*x)) {
            buffer.set_stringn(plot.x + x, plot.y + y, &label, usize::from(columns), style);
        }
    }
}

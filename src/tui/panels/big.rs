//! The shared screen in the room: the phase and its clock, who is ready, the verdict so far, what comes next, to be read from afar.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};

use crate::event::Source;
use crate::run::fleet::Target;
use crate::run::verdicts::Standing;
use crate::text::Untrusted;
use crate::tui::cells::{self, Pen, row, split};
use crate::tui::letters::{self, Scale};
use crate::tui::panels::{criteria, verdict};
use crate::tui::scene::Scene;
use crate::tui::theme::sign;
use crate::wording::{self, live, margin};

/// Below this its letters have no room, and the panels are shown.
pub const LEAST: (u16, u16) = (96, 26);

/// A line in large letters, with a word above it that says what it is.
struct Banner {
    label: String,
    text: String,
    style: Style,
    /// Whether it is one of those that are read first.
    first: bool,
}

/// A line that is read: how it looks, its parts, what stands at its end.
struct Line {
    text: String,
    style: Style,
    end: String,
}

/// Draws it.
pub fn draw(scene: &Scene<'_>, area: Rect, buffer: &mut Buffer) {
    let scales = [Scale::Wide, small(scene)];
    let mut banners = banners(scene);
    let mut lines = lines(scene);
    let told = |lines: &[Line]| u16::try_from(lines.len()).unwrap_or(u16::MAX);
    let high = |banners: &[Banner]| banners.iter().map(|banner| rows(banner, &scales, area.width)).sum::<u16>();
    let gaps = |banners: &[Banner]| u16::try_from(banners.len()).unwrap_or(u16::MAX);
    let next = Banner { label: "next".to_owned(), text: next(scene), style: scene.theme.strong, first: false };
    // airy where there is room for it, else close together, else in small letters
    let spare = area.height.saturating_sub(high(&banners) + gaps(&banners) + told(&lines) * 2);
    if spare > rows(&next, &scales, area.width) {
        banners.push(next);
    } else {
        let text = if scene.run.conclusion().is_some() { next.text } else { format!("next: {}", next.text) };
        lines.insert(1, Line { text, style: next.style, end: String::new() });
    }
    let airy = area.height >= high(&banners) + gaps(&banners) + told(&lines) * 2;
    let large = area.height >= high(&banners) + told(&lines);
    let scales = if large { &scales[..] } else { &scales[1..] };
    let mut rest = area;
    for banner in &banners {
        let used = put(scene, banner, scales, rest, buffer) + u16::from(airy);
        rest = split(rest, used).1;
    }
    // all lines in one kind of type: what differs in size would seem to differ in weight
    let widest = lines.iter().map(|line| cells::width(&line.text)).max().unwrap_or(0);
    let wide = widest.saturating_mul(2) <= rest.width;
    let column = if wide { widest * 2 } else { widest } + 3;
    let beside = lines.iter().all(|line| column + cells::width(&line.end) <= rest.width);
    for line in &lines {
        let (top, below) = split(rest, 1);
        rest = if airy { split(below, 1).1 } else { below };
        let mut pen = Pen::new(buffer, top);
        let text = if wide { spaced(&line.text) } else { line.text.clone() };
        let style = line.style.add_modifier(Modifier::BOLD);
        if beside && !line.end.is_empty() {
            pen.cell(&text, column, style).put(&line.end, scene.theme.text);
        } else {
            pen.put(&text, style);
            pen.last(&line.end, scene.theme.text);
        }
    }
}

/// The smallest scale that can be shown.
const fn small(scene: &Scene<'_>) -> Scale {
    if scene.theme.ascii { Scale::Tall } else { Scale::Half }
}

/// The rows of a banner, with its label.
fn rows(banner: &Banner, scales: &[Scale], width: u16) -> u16 {
    1 + fitting(banner, scales, width).map_or(1, Scale::rows)
}

/// The first scale in which it fits.
fn fitting(banner: &Banner, scales: &[Scale], width: u16) -> Option<Scale> {
    let scales = if banner.first { scales } else { scales.get(1..).filter(|few| !few.is_empty()).unwrap_or(scales) };
    scales.iter().copied().find(|scale| letters::width(&banner.text, *scale).is_some_and(|columns| columns <= width))
}

/// Draws a banner; gives its rows.
fn put(scene: &Scene<'_>, banner: &Banner, scales: &[Scale], area: Rect, buffer: &mut Buffer) -> u16 {
    let (top, below) = split(area, 1);
    Pen::new(buffer, top).put(&banner.label, scene.theme.quiet);
    let scale = fitting(banner, scales, area.width).filter(|scale| letters::draw(below, buffer, &banner.text, *scale, banner.style));
    if let Some(scale) = scale {
        return 1 + scale.rows();
    }
    // no letters for it, or no room: still the largest that there is
    let wide = spaced(&banner.text);
    let text = if cells::width(&wide) <= below.width { &wide } else { &banner.text };
    Pen::new(buffer, row(below, 0)).put(text, banner.style.add_modifier(Modifier::BOLD));
    2
}

/// With a space between any two characters.
fn spaced(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        if !out.is_empty() {
            out.push(' ');
        }
        out.push(c);
    }
    out
}

fn banners(scene: &Scene<'_>) -> Vec<Banner> {
    let (run, theme) = (scene.run, scene.theme);
    let ready = ready(scene);
    if let Some(conclusion) = run.conclusion() {
        let style = verdict::style(theme, conclusion.verdict);
        let verdict = Banner { label: "the verdict".to_owned(), text: verdict::word(conclusion.verdict).to_owned(), style, first: true };
        return [Some(verdict), ready].into_iter().flatten().collect();
    }
    let phase = Banner { label: "now".to_owned(), text: wording::phase(run), style: theme.strong, first: true };
    // tenths would be all that moves on the wall
    let clock = wording::t_plus(run, scene.now).trim().split('.').next().unwrap_or_default().to_owned();
    let clock = Banner { label: "since the start".to_owned(), text: clock, style: theme.accent, first: true };
    let (sum, style) = criteria::sum(scene);
    // nothing is wrong yet: calm, but not so quiet that it is not read from afar
    let style = if style == theme.quiet { theme.strong } else { style };
    let verdict = Banner { label: "criteria so far".to_owned(), text: sum, style, first: true };
    [Some(phase), Some(clock), ready, Some(verdict)].into_iter().flatten().collect()
}

/// The target that lacks most: how many of it are ready.
fn ready(scene: &Scene<'_>) -> Option<Banner> {
    let (run, theme) = (scene.run, scene.theme);
    let lacks = |target: &Target| target.desired().unwrap_or(0).saturating_sub(target.ready().unwrap_or(0));
    let (index, target) =
        run.fleet().targets.iter().enumerate().max_by_key(|(index, target)| (lacks(target), std::cmp::Reverse(*index)))?;
    let name = run.scenario().targets.get(index).map_or_else(String::new, |target| Untrusted::from(target.name.as_str()).to_string());
    let more = run.fleet().targets.len() - 1;
    let label = if more == 0 { name } else { format!("{name}; {more} more, none that lacks more") };
    if let Some((since, _)) = run.sight().lost(Source::Pods(index)).filter(|_| !run.phase().0.is_over()) {
        let label = format!("{label}, not seen since {}", wording::t_plus(run, *since).trim());
        return Some(Banner { label, text: "blind".to_owned(), style: theme.broken, first: true });
    }
    let style = if lacks(target) > 0 { theme.pending } else { theme.strong };
    Some(Banner { label, text: live::ready(target.ready(), target.desired()), style, first: true })
}

/// What comes next; after the end what it came to.
fn next(scene: &Scene<'_>) -> String {
    match scene.run.conclusion() {
        Some(_) => wording::outcome(scene.run),
        None => live::next_for(scene.hands.seat, scene.run, scene.now),
    }
}

/// Whether it is safe, and each criterion.
fn lines(scene: &Scene<'_>) -> Vec<Line> {
    let (run, theme) = (scene.run, scene.theme);
    let (standing, safety) = live::safety(run, scene.now);
    let style = if standing == Standing::Held { theme.text } else { theme.standing(standing) };
    let safe = match standing {
        Standing::Held => "●",
        Standing::Pending => "◐",
        Standing::Unknown => "?",
        Standing::Broken => "✗",
    };
    let mut lines = vec![
        Line { text: format!("{safe} {safety}"), style, end: String::new() },
        Line { text: String::new(), style: theme.text, end: String::new() },
    ];
    lines.extend(run.criteria().map(|(criterion, judged)| {
        let name = Untrusted::from(criterion.name.as_str());
        let word = wording::standing(judged.standing);
        Line {
            text: format!("{} {word:7} {name}", sign(judged.standing)),
            style: if judged.standing == Standing::Pending && judged.bad_since.is_none() {
                theme.text
            } else {
                theme.standing(judged.standing)
            },
            end: margin::margin(run, criterion, judged, scene.now),
        }
    }));
    lines
}

//! The shared screen in the room: the phase and its clock, who is ready, the verdict so far, what comes next, to be read from afar.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};

use crate::event::Source;
use crate::run::fleet::Target;
use crate::run::verdicts::Standing;
use crate::text::Untrusted;
use crate::tui::cells::{self, Pen, row, split};
use crate::tui::keys::Act;
use crate::tui::letters::{self, Scale};
use crate::tui::panels::{criteria, verdict};
use crate::tui::scene::Scene;
use crate::tui::theme::sign;
use crate::wording::{self, live, margin};

/// Below this its letters have no room, and the panels are shown.
pub const LEAST: (u16, u16) = (96, 26);

/// Whether it is shown on a screen of this size: it was asked for, there is room, and there is nothing to decide before the start.
#[must_use]
pub fn is_shown(scene: &Scene<'_>, screen: Rect) -> bool {
    scene.hands.is_large() && scene.run.begun().is_some() && screen.width >= LEAST.0 && screen.height >= LEAST.1
}

/// Whether an act has nothing to do on such a screen since it is shown: it has no pods, no charts, no timeline.
#[must_use]
pub fn leaves_no(act: Act, scene: &Scene<'_>, screen: Rect) -> bool {
    let of_panels = matches!(
        act,
        Act::Filter | Act::Sort(_) | Act::Chart(_) | Act::NextChart | Act::LastChart | Act::Down | Act::Up | Act::PageDown | Act::PageUp
    ) || matches!(act, Act::Top | Act::Bottom);
    of_panels && scene.hands.looking.is_none() && is_shown(scene, screen)
}

/// A line in large letters, with a word above it that says what it is.
struct Banner {
    label: String,
    text: String,
    style: Style,
    /// The scales it may have, the largest first; none: it is a line of text.
    scales: Vec<Scale>,
}

/// A line that is read: how it looks, its parts, what stands at its end.
struct Line {
    text: String,
    style: Style,
    end: String,
    /// How much it must be seen.
    urgency: u8,
}

/// Draws it.
pub fn draw(scene: &Scene<'_>, area: Rect, buffer: &mut Buffer) {
    let mut banners = banners(scene);
    let mut lines = lines(scene);
    let next = Banner { label: "next".to_owned(), text: next(scene), style: scene.theme.strong, scales: vec![small(scene)] };
    // airy where there is room for it, else close together, else in smaller letters
    let airy_rows = |banners: &[Banner], lines: &[Line]| rows(banners, area.width) + count(banners) + count(lines) * 2;
    if area.height > airy_rows(&banners, &lines) + rows(std::slice::from_ref(&next), area.width) {
        banners.push(next);
    } else {
        let text = if scene.run.conclusion().is_some() { next.text } else { format!("next: {}", next.text) };
        lines.insert(1, Line { text, style: next.style, end: String::new(), urgency: 4 });
    }
    let airy = area.height >= airy_rows(&banners, &lines);
    let told = lines.iter().filter(|line| !line.text.is_empty()).count();
    shrink(&mut banners, scene.run.conclusion().is_some(), area.width, area.height.saturating_sub(u16::try_from(told).unwrap_or(u16::MAX)));
    let mut rest = area;
    for banner in &banners {
        let used = put(scene, banner, rest, buffer) + u16::from(airy);
        rest = split(rest, used).1;
    }
    squeeze(scene, &mut lines, rest.height);
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

/// Lets lines go until they fit: the empty ones first, then what is well; how many went is told.
fn squeeze(scene: &Scene<'_>, lines: &mut Vec<Line>, height: u16) {
    let height = usize::from(height);
    if lines.len() > height {
        lines.retain(|line| !line.text.is_empty());
    }
    if lines.len() > height {
        lines.sort_by_key(|line| std::cmp::Reverse(line.urgency));
        let more = lines.len() - height.saturating_sub(1);
        lines.truncate(height.saturating_sub(1));
        let text = format!("and {more} more, none of them worse");
        lines.push(Line { text, style: scene.theme.quiet, end: String::new(), urgency: 0 });
    }
}

/// The smallest scale that can be shown.
const fn small(scene: &Scene<'_>) -> Scale {
    if scene.theme.ascii { Scale::Tall } else { Scale::Half }
}

fn count<T>(of: &[T]) -> u16 {
    u16::try_from(of.len()).unwrap_or(u16::MAX)
}

/// The rows of banners, each with its label.
fn rows(banners: &[Banner], width: u16) -> u16 {
    banners.iter().map(|banner| 1 + fitting(banner, width).map_or(1, Scale::rows)).sum()
}

/// Makes banners smaller until they fit: what the strip says as well gives way first, who is ready and the verdict last.
fn shrink(banners: &mut [Banner], over: bool, width: u16, height: u16) {
    if rows(banners, width) > height {
        for banner in banners.iter_mut() {
            banner.scales.retain(|scale| *scale != Scale::Wide);
        }
    }
    let order: &[usize] = if over { &[1, 0] } else { &[0, 1, 3, 2] };
    for place in order {
        if rows(banners, width) <= height {
            return;
        }
        if let Some(banner) = banners.get_mut(*place) {
            banner.scales.clear();
        }
    }
}

/// The first scale in which it fits.
fn fitting(banner: &Banner, width: u16) -> Option<Scale> {
    banner.scales.iter().copied().find(|scale| letters::width(&banner.text, *scale).is_some_and(|columns| columns <= width))
}

/// Draws a banner; gives its rows.
fn put(scene: &Scene<'_>, banner: &Banner, area: Rect, buffer: &mut Buffer) -> u16 {
    let (top, below) = split(area, 1);
    Pen::new(buffer, top).put(&banner.label, scene.theme.quiet);
    let scale = fitting(banner, area.width).filter(|scale| letters::draw(below, buffer, &banner.text, *scale, banner.style));
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
    let scales = || vec![Scale::Wide, small(scene)];
    let ready = ready(scene);
    if let Some(conclusion) = run.conclusion() {
        let style = verdict::style(theme, conclusion.verdict);
        let verdict =
            Banner { label: "the verdict".to_owned(), text: verdict::word(conclusion.verdict).to_owned(), style, scales: scales() };
        return [Some(verdict), ready].into_iter().flatten().collect();
    }
    let phase = Banner { label: "now".to_owned(), text: wording::phase(run), style: theme.strong, scales: scales() };
    // tenths would be all that moves on the wall
    let clock = wording::t_plus(run, scene.now).trim().split('.').next().unwrap_or_default().to_owned();
    let clock = Banner { label: "since the start".to_owned(), text: clock, style: theme.accent, scales: scales() };
    let (sum, style) = criteria::sum(scene);
    // nothing is wrong yet: calm, but not so quiet that it is not read from afar
    let style = if style == theme.quiet { theme.strong } else { style };
    let verdict = Banner { label: "criteria so far".to_owned(), text: sum, style, scales: scales() };
    [Some(phase), Some(clock), ready, Some(verdict)].into_iter().flatten().collect()
}

/// The target that lacks most: how many of it are ready.
fn ready(scene: &Scene<'_>) -> Option<Banner> {
    let (run, theme) = (scene.run, scene.theme);
    let scales = || vec![Scale::Wide, small(scene)];
    let lacks = |target: &Target| target.desired().unwrap_or(0).saturating_sub(target.ready().unwrap_or(0));
    let (index, target) =
        run.fleet().targets.iter().enumerate().max_by_key(|(index, target)| (lacks(target), std::cmp::Reverse(*index)))?;
    let name = run.scenario().targets.get(index).map_or_else(String::new, |target| Untrusted::from(target.name.as_str()).to_string());
    let more = run.fleet().targets.len() - 1;
    let label = if more == 0 { name } else { format!("{name}; {more} more, none that lacks more") };
    if let Some((since, _)) = run.sight().lost(Source::Pods(index)).filter(|_| !run.phase().0.is_over()) {
        let label = format!("{label}, not seen since {}", wording::t_plus(run, *since).trim());
        return Some(Banner { label, text: "blind".to_owned(), style: theme.broken, scales: scales() });
    }
    let style = if lacks(target) > 0 { theme.pending } else { theme.strong };
    Some(Banner { label, text: live::ready(target.ready(), target.desired()), style, scales: scales() })
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
        Line { text: format!("{safe} {safety}"), style, end: String::new(), urgency: 5 },
        Line { text: String::new(), style: theme.text, end: String::new(), urgency: 0 },
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
            urgency: criteria::urgency(judged.standing),
        }
    }));
    lines
}

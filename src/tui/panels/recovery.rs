//! The way back after the fault that is on or was last, stage by stage, and how long it took.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::clock::{At, say};
use crate::criterion::Check;
use crate::fault::Action;
use crate::run::ledger::FaultState;
use crate::run::recovery::{self, Back, Stage, Waterfall};
use crate::run::verdicts::Standing;
use crate::tui::cells::{self, Pen, head, row};
use crate::tui::scene::{Scene, round_up, share};
use crate::tui::theme::sign;
use crate::wording::{self, margin};

/// The height it wants, its head included.
pub const WANT: u16 = 8;

/// The longest way back that is shown, in seconds, rounded up so that bars keep still.
#[must_use]
pub fn scale(scene: &Scene<'_>) -> f64 {
    let Some((state, _)) = scene.fault() else { return 1.0 };
    let falls = recovery::waterfalls(state, scene.run.fleet());
    let longest = falls.iter().map(|fall| length(fall, scene.now).as_secs_f64()).fold(0.0, f64::max);
    round_up(longest.max(0.5))
}

fn length(fall: &Waterfall, now: At) -> std::time::Duration {
    let Some(hit) = fall.stages.first().and_then(|(_, seen)| *seen) else { return std::time::Duration::ZERO };
    let complete = fall.stages.iter().all(|(_, seen)| seen.is_some());
    let last = fall.stages.iter().filter_map(|(_, seen)| *seen).map(|seen| seen.at).max().unwrap_or(hit.at);
    if complete { last.since(hit.at) } else { now.since(hit.at) }
}

/// Draws it.
pub fn draw(scene: &Scene<'_>, area: Rect, buffer: &mut Buffer) {
    let theme = scene.theme;
    let Some((state, back)) = scene.fault() else { return to_come(scene, area, buffer) };
    let falls = recovery::waterfalls(state, scene.run.fleet());
    let slowest = falls.iter().max_by_key(|fall| length(fall, scene.now));
    let title = match falls.len() {
        0 | 1 => "recovery".to_owned(),
        n => format!("recovery, the slowest of {n}"),
    };
    let whole = scale(scene);
    let note = slowest.map(|fall| {
        let to = fall.replacement.as_ref().map_or_else(|| "nobody yet".to_owned(), wording::pod);
        format!("{} → {to}", wording::pod(&fall.victim))
    });
    let inner = head(buffer, area, theme, &title, note.as_ref().map(|note| (note.as_str(), theme.quiet)));
    let mut used = 0;
    if let Some(fall) = slowest {
        let room = inner.height.saturating_sub(1);
        for line in stages(fall, scene.now).into_iter().take(usize::from(room)) {
            stage(scene, &line, whole, row(inner, used), buffer);
            used += 1;
        }
    }
    if slowest.is_none() {
        used = moments(scene, state, inner, buffer);
    }
    statement(scene, state, &back, row(inner, used), buffer);
}

/// The stages that will be seen, and what is wanted of them.
fn to_come(scene: &Scene<'_>, area: Rect, buffer: &mut Buffer) {
    let theme = scene.theme;
    let wanted = scene.run.scenario().criteria.iter().find(|criterion| matches!(criterion.check, Check::Recovery { .. }));
    let wanted = wanted.map_or_else(String::new, wording::bound_of);
    let inner = head(buffer, area, theme, "recovery", Some((&wanted, theme.quiet)));
    let ends = scene.run.faults().iter().any(|state| matches!(state.fault.action, Action::PodKill { .. }));
    let stages = [Stage::Hit, Stage::Replaced, Stage::Scheduled, Stage::Started, Stage::Ready, Stage::InEndpoints];
    let mut used = 0;
    for stage in stages.into_iter().filter(|_| ends).take(usize::from(inner.height.saturating_sub(1))) {
        let mut pen = Pen::new(buffer, row(inner, used));
        pen.cell(wording::stage(stage), 14, theme.line).put("│", theme.line);
        pen.last("–", theme.line);
        used += 1;
    }
    Pen::new(buffer, row(inner, used)).put("no fault has hit yet", theme.quiet);
}

struct Line {
    label: &'static str,
    from: std::time::Duration,
    to: Option<std::time::Duration>,
    /// Whether this is what is waited for.
    waited: bool,
    since: std::time::Duration,
}

fn stages(fall: &Waterfall, now: At) -> Vec<Line> {
    let hit = fall.stages.first().and_then(|(_, seen)| *seen).map_or(now, |seen| seen.at);
    let mut before = std::time::Duration::ZERO;
    let mut waiting = false;
    let mut lines = Vec::new();
    for (name, seen) in &fall.stages {
        let to = seen.map(|seen| seen.at.since(hit));
        let waited = to.is_none() && !waiting;
        waiting |= to.is_none();
        let label = if waited { wording::stage_waited(*name) } else { wording::stage(*name) };
        lines.push(Line { label, from: before.min(to.unwrap_or(before)), to, waited, since: now.since(hit) });
        before = to.unwrap_or(before).max(before);
    }
    lines
}

fn stage(scene: &Scene<'_>, line: &Line, whole: f64, area: Rect, buffer: &mut Buffer) {
    let theme = scene.theme;
    let mut pen = Pen::new(buffer, area);
    let label = if line.to.is_some() { theme.text } else { theme.quiet };
    let columns = pen.room().saturating_sub(15 + 9);
    let growing = line.waited && !scene.run.phase().0.is_over();
    pen.cell(line.label, 14, if growing { theme.pending } else { label }).put("│", theme.line);
    let (bar, number) = match line.to {
        Some(to) => (Some((to, theme.accent)), say(to)),
        None if growing => (Some((line.since, theme.pending)), say(line.since)),
        None => (None, "–".to_owned()),
    };
    match bar {
        Some((to, style)) => pen.put(&cells::bar(share(line.from, whole), share(to, whole), columns), style),
        None => pen.skip(columns),
    };
    pen.cell_right(&number, 9, label);
}

/// The moments of a fault that ends no pod; gives the rows used.
fn moments(scene: &Scene<'_>, state: &FaultState, area: Rect, buffer: &mut Buffer) -> u16 {
    let theme = scene.theme;
    let lost = scene.run.fleet().targets.iter().flat_map(|target| &target.outages);
    let lost = lost.map(|outage| outage.from.at).find(|at| state.asked.is_some_and(|asked| *at >= asked));
    let rows = [
        ("asked", state.asked),
        ("in effect", state.in_effect),
        ("strength lost", lost),
        ("undo asked", state.undo.asked),
        ("lifted", state.lifted.map(|seen| seen.at)),
    ];
    let mut used = 0;
    for (label, at) in rows.into_iter().take(usize::from(area.height.saturating_sub(1))) {
        let mut pen = Pen::new(buffer, row(area, used));
        let style = if at.is_some() { theme.text } else { theme.line };
        pen.cell(label, 14, style).put("│", theme.line);
        pen.last(&at.map_or_else(|| "–".to_owned(), |at| wording::t_plus(scene.run, at)), style);
        used += 1;
    }
    used
}

fn statement(scene: &Scene<'_>, state: &FaultState, back: &Back, area: Rect, buffer: &mut Buffer) {
    let theme = scene.theme;
    let (standing, text) = margin::recovery(scene.run, state, back, scene.now);
    let mut pen = Pen::new(buffer, area);
    // an ellipsis before a sentence looks like what is left of it
    let sign = if standing == Standing::Pending { "◐" } else { sign(standing) };
    pen.put(sign, theme.standing(standing)).skip(1).put(&text, theme.standing(standing));
}

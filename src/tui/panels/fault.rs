//! What is broken on purpose: the fault that is on or was last, its victims, its undo; the others in a line each.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use crate::clock::say;
use crate::run::ledger::{FaultState, Victim};
use crate::text::Untrusted;
use crate::tui::cells::{self, Pen, head, row, wrap};
use crate::tui::scene::Scene;
use crate::wording::{self, live};

/// The height it wants, its head included.
#[must_use]
pub fn want(scene: &Scene<'_>, width: u16) -> u16 {
    u16::try_from(rows(scene, width).len() + 1).unwrap_or(u16::MAX)
}

/// Draws it.
pub fn draw(scene: &Scene<'_>, area: Rect, buffer: &mut Buffer) {
    let theme = scene.theme;
    let state = current(scene);
    let word = state.map_or("none", wording::fault_state);
    let style = match state {
        Some(state) if state.undo.handed_over.is_some() => theme.broken,
        Some(state) if state.is_alive() || (state.undo.asked.is_some() && state.owes_undo()) => theme.pending,
        _ => theme.quiet,
    };
    let inner = head(buffer, area, theme, "fault", Some((word, style)));
    for (index, (text, style)) in rows(scene, inner.width).iter().take(usize::from(inner.height)).enumerate() {
        Pen::new(buffer, row(inner, u16::try_from(index).unwrap_or(u16::MAX))).put(text, *style);
    }
}

/// The fault that is on, or was last, or comes first.
fn current<'a>(scene: &Scene<'a>) -> Option<&'a FaultState> {
    scene.fault().map(|(state, _)| state).or_else(|| scene.run.faults().first())
}

fn rows(scene: &Scene<'_>, width: u16) -> Vec<(String, Style)> {
    let Some(state) = current(scene) else { return Vec::new() };
    let mut rows = rows_of(scene, state, (width, 4), |_| None);
    for other in scene.run.faults().iter().filter(|other| other.id != state.id) {
        let text = format!("{}: {}", Untrusted::from(other.step.as_str()), wording::fault_state(other));
        rows.push((cells::fit(&text, width), scene.theme.quiet));
    }
    rows
}

/// What is said of one fault, with at most so many of its victims, and what else is to be said of each.
#[must_use]
pub fn rows_of(
    scene: &Scene<'_>,
    state: &FaultState,
    (width, most): (u16, usize),
    more: impl Fn(&Victim) -> Option<String>,
) -> Vec<(String, Style)> {
    let theme = scene.theme;
    let mut rows: Vec<(String, Style)> = Vec::new();
    let say_all = |rows: &mut Vec<(String, Style)>, text: &str, most: usize, style: Style| {
        rows.extend(wrap(text, width, most).into_iter().map(|line| (line, style)));
    };
    say_all(&mut rows, &wording::fault_line(state), 2, theme.text);
    if state.asked.is_none() {
        for share in scene.run.shares(state).unwrap_or_default() {
            say_all(&mut rows, &format!("takes {}", wording::share(&share)), 2, theme.quiet);
        }
    }
    rows.extend(victims(scene, state, (width, most), more));
    let undo = if state.undo.asked.is_some() { live::lifting(scene.run, state, scene.now) } else { wording::undo(scene.run, state) };
    let style = if state.undo.asked.is_some() && state.owes_undo() { theme.pending } else { theme.quiet };
    say_all(&mut rows, &undo, 2, style);
    if let Some(why) = state.undo.trouble.as_ref().filter(|_| state.owes_undo()) {
        say_all(&mut rows, &why.to_string(), 3, theme.broken);
    }
    rows
}

fn victims(
    scene: &Scene<'_>,
    state: &FaultState,
    (width, most): (u16, usize),
    more: impl Fn(&Victim) -> Option<String>,
) -> Vec<(String, Style)> {
    let theme = scene.theme;
    let mut rows = Vec::new();
    let records = state.seen.as_ref().map_or(&[][..], |fact| &fact.records);
    for victim in state.victims.iter().take(most) {
        let record = records.iter().find(|record| {
            let mut parts = record.id.raw().split('/');
            parts.next() == Some(&victim.pod.namespace) && parts.next() == Some(&victim.pod.name)
        });
        let (said, style) = match (record, &victim.failed, victim.answered) {
            (Some(record), ..) => match &record.failure {
                Some(why) => (format!("{}: {why}", record.phase), theme.broken),
                None => (record.phase.to_string(), theme.text),
            },
            (None, Some(why), _) => (why.to_string(), theme.broken),
            (None, None, Some((_, took))) => (format!("deleted, answered in {}", say(took)), theme.text),
            (None, None, None) if victim.hit.is_some() => ("hit".to_owned(), theme.text),
            (None, None, None) => ("asked".to_owned(), theme.pending),
        };
        let said = more(victim).map_or(said.clone(), |more| format!("{said}  {more}"));
        let name = cells::name(&victim.pod.to_string(), width.saturating_sub(cells::width(&said) + 2).max(width / 3));
        rows.push((cells::fit(&format!("{name}  {said}"), width), style));
    }
    if state.victims.len() > most {
        rows.push((format!("and {} more", state.victims.len() - most), theme.quiet));
    }
    rows
}

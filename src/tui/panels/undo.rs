//! Stop and undo, while it is under way: each fault, how far its undo is, and what to do if it hangs.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use crate::run::ledger::FaultState;
use crate::run::phase::{End, Phase};
use crate::tui::cells::{Pen, row, wrap};
use crate::tui::keys::{self, Act, Scope};
use crate::tui::panels::questions::dialog;
use crate::tui::scene::Scene;
use crate::wording::{self, live, stuck};

/// Whether it is to be shown: the run was stopped, or the clean-up takes its time.
#[must_use]
pub fn is_due(scene: &Scene<'_>) -> bool {
    let (phase, since) = scene.run.phase();
    let Phase::Undoing(end) = phase else { return false };
    let slow = scene.now.since(since).as_secs() >= 1;
    !scene.hands.undo_hidden && (slow || !matches!(end, End::Complete | End::Refused(_)))
}

/// Draws it over everything.
pub fn draw(scene: &Scene<'_>, area: Rect, buffer: &mut Buffer) {
    let (run, theme) = (scene.run, scene.theme);
    let width = 76.min(area.width);
    let columns = width.saturating_sub(4);
    let mut text: Vec<(String, Style)> = Vec::new();
    let touched: Vec<&FaultState> = run.faults().iter().rev().filter(|state| state.asked.is_some()).collect();
    let owed: Vec<&&FaultState> = touched.iter().filter(|state| state.owes_undo()).collect();
    if touched.is_empty() {
        text.push(("Nothing was broken.".to_owned(), theme.held));
    }
    for state in &touched {
        let pending = state.owes_undo();
        let (sign, style) = match (pending, state.undo.handed_over.is_some()) {
            (_, true) => ("✗", theme.broken),
            (true, false) => ("…", theme.pending),
            (false, false) => ("✓", theme.held),
        };
        let how = if pending || state.undo.asked.is_some() { live::lifting(run, state, scene.now) } else { "nothing to undo".to_owned() };
        text.extend(wrap(&format!("{sign} {}", wording::fault(state)), columns, 2).into_iter().map(|line| (line, theme.text)));
        let mut indented = |line: &str, style: Style| {
            text.extend(wrap(line, columns.saturating_sub(2), 3).into_iter().map(|line| (format!("  {line}"), style)));
        };
        indented(&how, style);
        if let Some(why) = state.undo.trouble.as_ref().filter(|_| pending) {
            indented(&why.to_string(), theme.broken);
        }
        // what holds it, and what can be done, from the first look on: nobody has to guess with kubectl
        if let Some(held) = stuck::held_by(state).filter(|_| state.is_stuck(scene.now)) {
            indented(&held, theme.broken);
            for way in stuck::ways(run, state) {
                indented(&way, theme.text);
            }
        }
    }
    text.push((String::new(), theme.text));
    let add = |text: &mut Vec<(String, Style)>, line: &str, style: Style| {
        text.extend(wrap(line, columns, 3).into_iter().map(|line| (line, style)));
    };
    // what can be done stands before what is only explained: a small screen cuts the end
    let leave = keys::key(Scope::Undoing, Act::Interrupt);
    if scene.hands.armed {
        add(&mut text, &format!("{leave} again leaves at once: what remains is handed over."), theme.broken);
    } else {
        add(&mut text, &format!("{leave} twice leaves at once, {} puts this away.", keys::key(Scope::Undoing, Act::Close)), theme.quiet);
    }
    if owed.is_empty() {
        add(&mut text, "All clean: nothing of this run is left in the cluster.", theme.held);
    } else {
        add(&mut text, &stuck::patience(run), theme.quiet);
    }
    let height = u16::try_from(text.len()).unwrap_or(u16::MAX).saturating_add(2);
    let border = if owed.is_empty() { theme.held } else { theme.pending };
    let inner = dialog(scene, area, buffer, "stopping and undoing", width, height, border);
    for (index, (line, style)) in text.iter().enumerate() {
        Pen::new(buffer, row(inner, u16::try_from(index).unwrap_or(u16::MAX))).put(line, *style);
    }
}

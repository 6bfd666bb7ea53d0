//! Stop and undo, while it is under way: each fault, how far its undo is, and what to do if it hangs.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use crate::run::ledger::FaultState;
use crate::run::phase::{End, Phase};
use crate::run::verdicts::Standing;
use crate::seat::Seat;
use crate::tui::cells::{Pen, row, wrap, wrap_whole};
use crate::tui::keys::{Act, Scope};
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
    let mut text: Vec<(String, Style)> = Vec::new();
    // the brake is undone as well, on a pod of its own
    let mut touched: Vec<&FaultState> = run.all_faults().filter(|state| state.asked.is_some()).collect();
    touched.reverse();
    let owed = touched.iter().any(|state| state.owes_undo());
    let left = touched.iter().any(|state| state.undo.handed_over.is_some());
    let stuck = touched.iter().any(|state| state.is_stuck(scene.now));
    let width = if stuck && area.width >= 120 { 96 } else { 76.min(area.width) };
    let columns = width.saturating_sub(4);
    let add = |text: &mut Vec<(String, Style)>, line: &str, style: Style| {
        text.extend(wrap_whole(line, columns).into_iter().map(|line| (line, style)));
    };
    if touched.is_empty() {
        add(&mut text, "Nothing was broken.", theme.held);
    }
    // this stands over the line that says so
    let (standing, safety) = live::safety(run, scene.now);
    if standing == Standing::Broken {
        add(&mut text, &format!("✗ {safety}"), theme.broken);
    }
    for state in &touched {
        self::state(scene, state, columns, &mut text);
    }
    text.push((String::new(), theme.text));
    // what can be done stands before what is only explained: a small screen cuts the end
    let leave = scene.hands.keys.key(Scope::Undoing, Act::Interrupt);
    if scene.hands.seat != Seat::Leader {
        add(&mut text, &format!("{} puts this away.", scene.hands.keys.key(Scope::Undoing, Act::Close)), theme.quiet);
    } else if scene.hands.armed {
        add(&mut text, &format!("{leave} again leaves at once: what remains is handed over."), theme.broken);
    } else {
        add(
            &mut text,
            &format!("{leave} twice leaves at once, {} puts this away.", scene.hands.keys.key(Scope::Undoing, Act::Close)),
            theme.quiet,
        );
    }
    if left {
        let finishes = stuck::finishes(run.header().place.rehearsal);
        add(&mut text, &format!("Not clean: something of this run is left; {finishes}."), theme.broken);
    } else if !owed {
        add(&mut text, "All clean: nothing of this run is left in the cluster.", theme.held);
    } else if !stuck || area.height >= 30 {
        add(&mut text, &stuck::patience(run), theme.quiet);
    }
    let height = u16::try_from(text.len()).unwrap_or(u16::MAX).saturating_add(2);
    let border = match (left, owed) {
        (true, _) => theme.broken,
        (false, true) => theme.pending,
        (false, false) => theme.held,
    };
    let inner = dialog(scene, area, buffer, "stopping and undoing", width, height, border);
    let cut = text.len() > usize::from(inner.height);
    if cut {
        text.truncate(usize::from(inner.height.saturating_sub(1)));
        text.push(("… the rest is in the timeline and will be in the report".to_owned(), theme.quiet));
    }
    for (index, (line, style)) in text.iter().enumerate() {
        Pen::new(buffer, row(inner, u16::try_from(index).unwrap_or(u16::MAX))).put(line, *style);
    }
}

/// One fault: how far its undo is, what holds it, and what can be done.
fn state(scene: &Scene<'_>, state: &FaultState, columns: u16, text: &mut Vec<(String, Style)>) {
    let (run, theme) = (scene.run, scene.theme);
    let pending = state.owes_undo();
    let (sign, style) = match (pending, state.undo.handed_over.is_some()) {
        (_, true) => ("✗", theme.broken),
        (true, false) => ("…", theme.pending),
        (false, false) => ("✓", theme.held),
    };
    let how = if pending || state.undo.asked.is_some() { live::lifting(run, state, scene.now) } else { "nothing to undo".to_owned() };
    text.extend(wrap(&format!("{sign} {}", wording::fault(state)), columns, 2).into_iter().map(|line| (line, theme.text)));
    let mut indented = |lines: Vec<String>, style: Style| text.extend(lines.into_iter().map(|line| (format!("  {line}"), style)));
    let columns = columns.saturating_sub(2);
    indented(wrap(&how, columns, 3), style);
    if let Some(why) = state.undo.trouble.as_ref().filter(|_| pending) {
        indented(wrap(&why.to_string(), columns, 3), theme.broken);
    }
    // what holds it, and what can be done, from the first look on: nobody has to guess with kubectl
    if let Some(held) = stuck::held_by(state).filter(|_| state.is_stuck(scene.now)) {
        indented(wrap(&held, columns, 3), theme.broken);
        for way in stuck::ways(run, state) {
            // a command that is cut helps nobody
            indented(wrap_whole(&way, columns), theme.text);
        }
    }
}

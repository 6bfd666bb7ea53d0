//! What is asked, read and written over the screen: stop, skip, a note, the runbook.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::widgets::{Block, BorderType, Clear, Widget};

use crate::run::Run;
use crate::run::ledger::FaultState;
use crate::text::Untrusted;
use crate::tui::cells::{self, Pen, lines, row, wrap};
use crate::tui::keys::{Act, Scope};
use crate::tui::scene::Scene;
use crate::wording;

/// A box in the middle of the screen; gives the area inside.
pub fn dialog(scene: &Scene<'_>, area: Rect, buffer: &mut Buffer, title: &str, width: u16, height: u16, border: Style) -> Rect {
    let (width, height) = (width.min(area.width), height.min(area.height));
    let whole = Rect { x: area.x + (area.width - width) / 2, y: area.y + (area.height - height) / 2, width, height };
    // a column of space keeps what lies below from running into the frame
    let around = Rect { x: whole.x.saturating_sub(1), width: whole.width + 2, ..whole };
    Clear.render(around.intersection(area), buffer);
    let block = Block::bordered().border_type(BorderType::Rounded).border_style(border);
    let inner = block.inner(whole);
    block.render(whole, buffer);
    if width > 6 && height > 0 {
        let title = format!(" {} ", cells::fit(title, width - 6));
        buffer.set_stringn(whole.x + 2, whole.y, &title, usize::from(width - 4), scene.theme.strong);
    }
    Rect { x: inner.x + 1, width: inner.width.saturating_sub(2), ..inner }
}

/// What the keys of a question do, on its last line.
fn answers(scene: &Scene<'_>, area: Rect, buffer: &mut Buffer, answers: &[(String, &str)]) {
    if area.height == 0 {
        return;
    }
    let mut pen = Pen::new(buffer, row(area, area.height - 1));
    for (key, word) in answers {
        pen.put(key, scene.theme.accent).skip(1).put(word, scene.theme.text).skip(3);
    }
}

/// Whether to stop and undo.
pub fn stop(scene: &Scene<'_>, area: Rect, buffer: &mut Buffer) {
    let (run, theme) = (scene.run, scene.theme);
    let width = 66.min(area.width);
    let mut text: Vec<(String, Style)> = Vec::new();
    let columns = width.saturating_sub(4);
    for line in what_stopping_does(run) {
        text.extend(wrap(&line, columns, 3).into_iter().map(|line| (line, theme.text)));
    }
    let height = u16::try_from(text.len()).unwrap_or(u16::MAX).saturating_add(4);
    let inner = dialog(scene, area, buffer, "stop and undo?", width, height, theme.broken);
    for (index, (line, style)) in text.iter().enumerate() {
        Pen::new(buffer, row(inner, u16::try_from(index).unwrap_or(u16::MAX))).put(line, *style);
    }
    let (yes, no) = (scene.hands.keys.key(Scope::Ask, Act::Confirm), scene.hands.keys.key(Scope::Ask, Act::Close));
    answers(scene, inner, buffer, &[(yes, "stop and undo everything"), (no, "go on")]);
}

fn what_stopping_does(run: &Run) -> Vec<String> {
    if !run.touched_anything() && run.all_faults().any(FaultState::owes_undo) {
        return vec!["The run ends here. Nothing of the target was broken; the brake is let go, and its pod removed.".to_owned()];
    }
    if !run.touched_anything() {
        return vec!["The run ends here. Nothing was broken, nothing is to be undone.".to_owned()];
    }
    let lasting = run.faults().iter().any(|state| state.fault.is_lasting() && state.owes_undo());
    let first = if lasting {
        "The run ends here; what it broke is undone at once, the newest first."
    } else {
        "The run ends here. What it broke has nothing to undo: pods come back by themselves, or not."
    };
    let mut said = vec![first.to_owned()];
    for state in run.faults().iter().rev().filter(|state| state.asked.is_some()) {
        let undo = if state.owes_undo() { wording::undo(run, state) } else { "nothing is left to undo".to_owned() };
        said.push(format!("{}: {undo}", wording::fault(state)));
    }
    said
}

/// Whether the step that waits may begin, or a person's step is done.
pub fn go_on(scene: &Scene<'_>, area: Rect, buffer: &mut Buffer, step: usize) {
    let (run, theme) = (scene.run, scene.theme);
    let begun = run.step_begun(step).is_some();
    let title = if begun { "is it done?" } else { "let it begin?" };
    let width = 66.min(area.width);
    let name = run.scenario().steps.get(step).map_or_else(String::new, |step| Untrusted::from(step.name.as_str()).to_string());
    let text = wrap(&format!("{name}: {}", wording::preflight::step(run, step)), width.saturating_sub(4), 6);
    let height = u16::try_from(text.len()).unwrap_or(u16::MAX).saturating_add(4);
    let inner = dialog(scene, area, buffer, title, width, height, theme.pending);
    lines(buffer, inner, &text, theme.text);
    let (yes, no) = (scene.hands.keys.key(Scope::Ask, Act::Confirm), scene.hands.keys.key(Scope::Ask, Act::Close));
    let failed = scene.hands.keys.key(Scope::Ask, Act::Failed);
    if begun {
        answers(scene, inner, buffer, &[(yes, "done"), (failed, "could not be done"), (no, "not yet")]);
    } else {
        answers(scene, inner, buffer, &[(yes, "let it begin"), (no, "not yet")]);
    }
}

/// Whether to skip the rest of the step.
pub fn skip(scene: &Scene<'_>, area: Rect, buffer: &mut Buffer) {
    let theme = scene.theme;
    let inner = dialog(scene, area, buffer, "skip the rest of this step?", 66, 6, theme.pending);
    let text = format!("{}: what it broke is undone, and the next step begins.", wording::phase(scene.run));
    lines(buffer, inner, &wrap(&text, inner.width, 2), theme.text);
    let (yes, no) = (scene.hands.keys.key(Scope::Ask, Act::Confirm), scene.hands.keys.key(Scope::Ask, Act::Close));
    answers(scene, inner, buffer, &[(yes, "skip"), (no, "stay")]);
}

/// The least columns of what is written.
const WRITTEN: u16 = 20;

/// The line a note is written on.
pub fn note(scene: &Scene<'_>, area: Rect, buffer: &mut Buffer, note: &str) {
    let title = format!(" note, by {} ", Untrusted::from(scene.hands.author.as_str()));
    written(scene, area, buffer, &title, "writes it down", note);
}

/// The line a filter is written on.
pub fn filter(scene: &Scene<'_>, area: Rect, buffer: &mut Buffer, text: &str) {
    let title = match scene.hands.filter().wrong() {
        Some(why) => format!(" {} ", Untrusted::from(why)),
        None => " show only: regex, !regex, -l label=value, -f letters ".to_owned(),
    };
    written(scene, area, buffer, &title, "keeps it", text);
}

/// The line on which is typed what begins a run in production.
pub fn word(scene: &Scene<'_>, area: Rect, buffer: &mut Buffer, typed: &str) {
    let word = scene.run.typed_word().unwrap_or_default();
    let title = format!(" production: type {} ", Untrusted::from(word));
    written(scene, area, buffer, &title, "begins", typed);
}

/// A line that is written on: in place of the key line and the one above.
pub fn written(scene: &Scene<'_>, area: Rect, buffer: &mut Buffer, title: &str, sends: &str, note: &str) {
    let theme = scene.theme;
    let whole = Rect { y: area.bottom().saturating_sub(3).max(area.y), height: area.height.min(3), ..area };
    Clear.render(whole, buffer);
    let block = Block::bordered().border_type(BorderType::Rounded).border_style(theme.accent);
    let inner = block.inner(whole);
    block.render(whole, buffer);
    if whole.width > 8 && whole.height > 0 {
        buffer.set_stringn(whole.x + 2, whole.y, cells::fit(title, whole.width - 4), usize::from(whole.width - 4), theme.strong);
    }
    let mut pen = Pen::new(buffer, Rect { x: inner.x + 1, width: inner.width.saturating_sub(2), height: inner.height.min(1), ..inner });
    // what is written is seen before what ends it is told
    for (act, does) in [(Act::Close, "drops it"), (Act::Send, sends)] {
        let told = format!(" {} {does}", scene.hands.keys.key(Scope::Writing, act));
        if cells::width(&told) + WRITTEN <= pen.room() {
            pen.last(&told, theme.quiet);
        }
    }
    let safe = Untrusted::from(note).to_string();
    // the end of a long note stays in sight
    let room = pen.room().saturating_sub(2);
    let skip = safe.char_indices().map(|(index, _)| index).find(|index| cells::width(&safe[*index..]) <= room).unwrap_or(safe.len());
    let shown = &safe[skip..];
    pen.put(shown, theme.text);
    pen.put("▏", theme.accent);
}

/// The runbook's address, large enough to be copied.
pub fn runbook(scene: &Scene<'_>, area: Rect, buffer: &mut Buffer, opened: bool) {
    let theme = scene.theme;
    let url = scene.run.scenario().runbook.as_deref().map_or_else(String::new, |url| Untrusted::from(url).to_string());
    let width = (cells::width(&url) + 8).clamp(50, area.width.max(50));
    let inner = dialog(scene, area, buffer, "runbook", width, 7, theme.accent);
    // an address must be copied whole: it is broken anywhere rather than cut
    let mut rest = url.as_str();
    let mut at = 1;
    while !rest.is_empty() && at + 2 < inner.height.max(3) {
        let end = rest.char_indices().map(|(i, c)| i + c.len_utf8()).take_while(|end| cells::width(&rest[..*end]) <= inner.width).last();
        let Some(end) = end else { break };
        Pen::new(buffer, row(inner, at)).put(&rest[..end], theme.strong);
        rest = &rest[end..];
        at += 1;
    }
    let said = if opened { "opened in a browser" } else { "no browser here: copy the address" };
    let mut pen = Pen::new(buffer, row(inner, inner.height.saturating_sub(1)));
    pen.last(&format!("{} back", scene.hands.keys.key(Scope::Reading, Act::Close)), theme.quiet);
    pen.put(said, theme.quiet);
}

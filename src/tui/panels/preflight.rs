//! Before the start: what was looked at and seen, what mends what did not pass; whether it may start, and what Enter would do.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use crate::run::checks::Grade;
use crate::seat::Seat;
use crate::text::Untrusted;
use crate::tui::cells::{Pen, head, lines, row, split, width, wrap, wrap_whole};
use crate::tui::keys::{Act, Scope};
use crate::tui::scene::Scene;
use crate::tui::theme::{Theme, grade_sign};
use crate::wording::preflight::{Board, Item};
use crate::wording::{margin, preflight};

/// The columns before what was seen: sign and name.
const NAMES: u16 = 14;

/// Draws it.
pub fn draw(scene: &Scene<'_>, area: Rect, buffer: &mut Buffer) {
    let wide = area.width >= 100 && area.height >= 16;
    let board = Board::of(scene.run);
    let said = said(scene, &board, area);
    let last = u16::try_from(said.len() + 1).unwrap_or(u16::MAX).min(area.height / 2);
    let (upper, below) = split(area, area.height - last);
    let upper = if wide { Rect { height: upper.height.saturating_sub(1), ..upper } } else { upper };
    let (left, right) = if wide {
        let most = (area.width - 3) * 3 / 5;
        (Rect { width: most, ..upper }, Rect { x: upper.x + most + 3, width: area.width - most - 3, ..upper })
    } else {
        (upper, Rect::new(upper.x, upper.y, 0, 0))
    };
    checklist(scene, &board, left, buffer);
    if wide {
        drill(scene, right, buffer);
    }
    let inner = head(buffer, below, scene.theme, "may it start?", None);
    for (index, line) in (0..).zip(&said) {
        let mut pen = Pen::new(buffer, row(inner, index));
        for (text, style) in line {
            pen.put(text, *style).skip(1);
        }
    }
}

/// A line of a check: how far it is indented, what it says, how it looks.
type Line = (u16, String, Style);

/// A check as it stands in the list.
fn told(theme: &Theme, item: &Item, columns: u16, whole: bool) -> Vec<Line> {
    let cut = |text: &str, indent: u16| {
        let columns = columns.saturating_sub(indent);
        let lines = if whole { wrap_whole(text, columns) } else { wrap(text, columns, 2) };
        lines.into_iter().map(move |line| (indent, line))
    };
    let style = match item.grade {
        Grade::Pass | Grade::Waiting => theme.text,
        Grade::Warn | Grade::Unknown | Grade::Fail => theme.grade(item.grade),
    };
    let mut told: Vec<Line> = cut(&item.seen, NAMES).map(|(indent, line)| (indent, line, style)).collect();
    if told.is_empty() {
        told.push((NAMES, String::new(), style));
    }
    if let Some(mend) = &item.mend {
        // what can be typed looks like it, and has the width to be copied
        let style = if mend.starts_with("no command") { theme.text } else { theme.accent };
        told.extend(cut(&format!("→ {mend}"), 2).map(|(indent, line)| (indent, line, style)));
    }
    told
}

fn checklist(scene: &Scene<'_>, board: &Board, area: Rect, buffer: &mut Buffer) {
    let (theme, hands) = (scene.theme, scene.hands);
    let worst = board.open.first().or(board.waiting.first()).map_or(Grade::Pass, |item| item.grade);
    let inner = head(buffer, area, theme, "preflight", Some((&board.counts(), theme.grade(worst))));
    let rows = board.rows(hands.passed_turned);
    let shown = hands.shown_check(&rows);
    let blocks: Vec<Vec<Line>> =
        rows.iter().enumerate().map(|(index, item)| told(theme, item, inner.width, shown == Some(index))).collect();
    let ends: Vec<usize> = blocks.iter().scan(0, |sum, block| (*sum += block.len(), Some(*sum)).1).collect();
    let total = ends.last().copied().unwrap_or(0);
    let folded = !board.tells_passed(hands.passed_turned) && !board.passed.is_empty();
    let mut room = usize::from(inner.height).saturating_sub(usize::from(folded));
    let scrolls = total > room;
    if scrolls {
        room = room.saturating_sub(1);
    }
    // the one that is shown in whole is in sight, from its beginning
    let (from, to) = shown.map_or((0, 0), |at| (ends[at] - blocks[at].len(), ends[at]));
    let least = to.saturating_sub(room);
    let top = if least > from { (from + usize::from(hands.check_scrolled)).min(least) } else { least };
    let mut at: usize = 0;
    for (index, (item, block)) in rows.iter().zip(&blocks).enumerate() {
        for (line, (indent, text, style)) in block.iter().enumerate() {
            let place = at.checked_sub(top).filter(|place| *place < room).and_then(|place| u16::try_from(place).ok());
            at += 1;
            let Some(place) = place else { continue };
            let area = row(inner, place);
            if shown == Some(index) && area.x > 0 {
                Pen::new(buffer, Rect { x: area.x - 1, width: 1, ..area }).put("▌", theme.accent);
            }
            let mut pen = Pen::new(buffer, area);
            if line == 0 {
                pen.put(grade_sign(item.grade), theme.grade(item.grade)).skip(1).cell(item.what, NAMES - 2, theme.quiet);
            } else {
                pen.skip(*indent);
            }
            pen.put(text, *style);
        }
    }
    let mut below = u16::try_from(room.min(total)).unwrap_or(u16::MAX);
    if scrolls {
        let above = ends.iter().zip(&blocks).filter(|(end, block)| **end - block.len() < top).count();
        let beneath = ends.iter().filter(|end| **end > top + room).count();
        let more = [(above, "above"), (beneath, "below")];
        let more: Vec<String> = more.iter().filter(|(n, _)| *n > 0).map(|(n, place)| format!("{n} more {place}")).collect();
        Pen::new(buffer, row(inner, below)).skip(NAMES).put(&format!("… {}", more.join(", ")), theme.quiet);
        below += 1;
    }
    if folded {
        let mut pen = Pen::new(buffer, row(inner, below));
        pen.put(grade_sign(Grade::Pass), theme.held).skip(1).cell(&format!("{} passed", board.passed.len()), NAMES - 2, theme.quiet);
        let place = scene.hands.place(scene.run);
        pen.put(&scene.hands.keys.key(place, Act::Passed), theme.accent).skip(1).put("shows them", theme.quiet);
    }
}

/// The drill: its steps, what decides, what stops it.
fn drill(scene: &Scene<'_>, area: Rect, buffer: &mut Buffer) {
    let (run, theme) = (scene.run, scene.theme);
    let scenario = run.scenario();
    let safe = |text: &str| Untrusted::from(text).to_string();
    let mut rest = area;
    let mut section = |title: &str, rows: Vec<(String, String)>| {
        if rows.is_empty() || rest.height < 3 {
            return;
        }
        let widest = rows.iter().map(|(name, _)| width(name)).max().unwrap_or(0).min(rest.width / 2);
        let rows: Vec<(String, Vec<String>)> =
            rows.into_iter().map(|(name, what)| (name, wrap(&what, rest.width.saturating_sub(widest + 2), 2))).collect();
        let height = rows.iter().map(|(_, what)| what.len().max(1)).sum::<usize>() + 1;
        let (top, below) = split(rest, u16::try_from(height).unwrap_or(u16::MAX));
        let inner = head(buffer, top, theme, title, None);
        let mut at = 0;
        for (name, what) in &rows {
            Pen::new(buffer, row(inner, at)).cell(name, widest, theme.text);
            let beside = Rect { x: inner.x + widest + 2, width: inner.width.saturating_sub(widest + 2), ..inner };
            at += lines(buffer, Rect { y: inner.y + at, height: inner.height.saturating_sub(at), ..beside }, what, theme.quiet).max(1);
        }
        rest = split(below, 1).1;
    };
    let steps = scenario.steps.iter().enumerate();
    let steps = steps.map(|(index, step)| (format!("{} {}", index + 1, safe(&step.name)), preflight::step(run, index)));
    section("what is done", steps.collect());
    section("what must hold before and after", scenario.steady_state.iter().map(|c| (safe(&c.name), margin::bound(run, c))).collect());
    section("what makes it true", scenario.criteria.iter().map(|c| (safe(&c.name), margin::bound(run, c))).collect());
    section("what stops it", scenario.stop_when.iter().map(|stop| (safe(&stop.name), margin::stop(run, stop))).collect());
}

/// Whether it may start and why not, what Enter would do, and the keys: a line each, of parts with their looks.
fn said(scene: &Scene<'_>, board: &Board, area: Rect) -> Vec<Vec<(String, Style)>> {
    let (run, theme) = (scene.run, scene.theme);
    let (grade, answer) = preflight::may_start(run, board);
    let short = area.height < 24;
    let refused = preflight::refusal(run).is_some();
    let sign = |index: usize| if index == 0 { grade_sign(grade) } else { " " };
    let style = if grade == Grade::Pass { theme.strong } else { theme.grade(grade) };
    let answer = wrap(&answer, area.width.saturating_sub(2), if refused { 4 } else { 2 });
    let mut all: Vec<Vec<(String, Style)>> =
        answer.into_iter().enumerate().map(|(n, line)| vec![(sign(n).to_owned(), theme.grade(grade)), (line, style)]).collect();
    if refused {
        let failed = board.open.iter().any(|item| item.grade == Grade::Fail);
        let then =
            if failed { "Mend what is marked ✗, each with the line after its →; then run it again." } else { "Then run it again." };
        all.push(vec![(format!("  {then}"), theme.text)]);
        let report = scene.hands.report.as_ref().map(|path| format!("report: {}", Untrusted::from(path.as_str())));
        let report = report.iter().flat_map(|report| wrap_whole(report, area.width.saturating_sub(2)));
        all.extend(report.map(|line| vec![(format!("  {line}"), theme.quiet)]));
    }
    if preflight::is_ready(run) {
        let plan = wrap(&preflight::plan(run), area.width.saturating_sub(2), if short { 3 } else { 5 });
        all.extend(plan.into_iter().map(|line| vec![(format!("  {line}"), theme.text)]));
        if scene.hands.seat != Seat::Leader {
            return all;
        }
        if !short {
            all.push(Vec::new());
        }
        let starts = run.typed_word().map_or_else(|| "starts".to_owned(), |word| format!("asks you to type {}", Untrusted::from(word)));
        let key = |act: Act| (scene.hands.keys.key(Scope::Before, act), theme.accent);
        let leaves = ("leaves, nothing is broken".to_owned(), theme.quiet);
        all.push(vec![
            (" ".to_owned(), theme.text),
            key(Act::Start),
            (starts, theme.strong),
            (" ".to_owned(), theme.text),
            key(Act::Quit),
            leaves,
        ]);
    }
    all
}

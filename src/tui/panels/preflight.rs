//! Before the start: what was looked at and seen; what Enter would do.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::run::checks::Grade;
use crate::text::Untrusted;
use crate::tui::cells::{Pen, head, lines, row, split, width, wrap};
use crate::tui::keys::{self, Act, Scope};
use crate::tui::scene::Scene;
use crate::tui::theme::grade_sign;
use crate::wording::{live, margin, preflight};

/// Draws it.
pub fn draw(scene: &Scene<'_>, area: Rect, buffer: &mut Buffer) {
    let wide = area.width >= 100 && area.height >= 16;
    let last = 6.min(area.height);
    let (upper, below) = split(area, area.height - last);
    let (left, right) = if wide {
        let half = (area.width - 3) / 2;
        (Rect { width: half, ..upper }, Rect { x: upper.x + half + 3, width: area.width - half - 3, ..upper })
    } else {
        (upper, Rect::new(upper.x, upper.y, 0, 0))
    };
    checklist(scene, left, buffer);
    if wide {
        drill(scene, right, buffer);
    }
    word(scene, below, buffer);
}

fn checklist(scene: &Scene<'_>, area: Rect, buffer: &mut Buffer) {
    let theme = scene.theme;
    let items = preflight::checklist(scene.run);
    let open = items.iter().filter(|item| item.grade != Grade::Pass).count();
    let note = if open == 0 { "all seen".to_owned() } else { format!("{open} open") };
    let inner = head(buffer, area, theme, "preflight", Some((&note, if open == 0 { theme.held } else { theme.pending })));
    let mut at = 0;
    // what is open comes first: the rest may not fit
    let (first, rest): (Vec<_>, Vec<_>) = items.iter().partition(|item| item.grade > Grade::Waiting);
    let mut first = first;
    first.sort_by_key(|item| std::cmp::Reverse(item.grade));
    for item in first.into_iter().chain(rest) {
        let text = wrap(&item.seen, inner.width.saturating_sub(12), 3);
        if at + u16::try_from(text.len().max(1)).unwrap_or(1) > inner.height {
            break;
        }
        let mut pen = Pen::new(buffer, row(inner, at));
        pen.put(grade_sign(item.grade), theme.grade(item.grade)).skip(1).cell(item.what, 10, theme.quiet);
        let style = if item.grade == Grade::Pass { theme.text } else { theme.grade(item.grade) };
        let rest = Rect { x: inner.x + 12, y: inner.y + at, width: inner.width.saturating_sub(12), height: inner.height - at };
        at += lines(buffer, rest, &text, style).max(1);
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
        let (top, below) = split(rest, u16::try_from(rows.len()).unwrap_or(u16::MAX).saturating_add(1));
        let inner = head(buffer, top, theme, title, None);
        let widest = rows.iter().map(|(name, _)| width(name)).max().unwrap_or(0).min(inner.width / 2);
        for (index, (name, what)) in rows.iter().enumerate() {
            let mut pen = Pen::new(buffer, row(inner, u16::try_from(index).unwrap_or(u16::MAX)));
            pen.cell(name, widest, theme.text).skip(2).put(what, theme.quiet);
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

/// What Enter does, or why it does nothing.
fn word(scene: &Scene<'_>, area: Rect, buffer: &mut Buffer) {
    let (run, theme) = (scene.run, scene.theme);
    let ready = preflight::is_ready(run);
    let refusal = preflight::refusal(run);
    let (title, text, style) = match (&refusal, ready) {
        (Some(why), _) => ("refused: nothing was broken", why.clone(), theme.broken),
        (None, true) => ("ready", preflight::plan(run), theme.strong),
        (None, false) => ("not ready yet", live::next(run, scene.now), theme.quiet),
    };
    let inner = head(buffer, area, theme, title, None);
    let used = lines(buffer, inner, &wrap(&text, inner.width, usize::from(inner.height.saturating_sub(2)).max(1)), style);
    if ready && inner.height > used {
        let below = (used + 1).min(inner.height - 1);
        let mut pen = Pen::new(buffer, row(inner, below));
        let starts = run.typed_word().map_or_else(|| "starts".to_owned(), |word| format!("asks you to type {}", Untrusted::from(word)));
        pen.put(&keys::key(Scope::Before, Act::Start), theme.accent).skip(1).put(&starts, theme.strong).skip(3);
        pen.put(&keys::key(Scope::Before, Act::Quit), theme.accent).skip(1).put("leaves, nothing is broken", theme.quiet);
    }
}

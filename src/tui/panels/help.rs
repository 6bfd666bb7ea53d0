//! Help: the key table, as far as it works here and now; and the signs.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::effect::Danger;
use crate::tui::cells::{Pen, row};
use crate::tui::keys::{Act, Binding};
use crate::tui::panels::big;
use crate::tui::panels::questions::dialog;
use crate::tui::scene::Scene;

/// The columns of the keys.
const KEYS: u16 = 15;

/// What is told in one row where several keys do something of a kind; `gameday keys` tells each of them.
const fn kind(act: Act) -> Option<&'static str> {
    match act {
        Act::Show(_) => Some("screens"),
        Act::Sort(_) => Some("pods: sort by name, state, readiness, restarts, age"),
        Act::Chart(_) => Some("charts: cursor, zoom, pan, the whole again"),
        Act::Look(_) => Some("the marked pod, or one not ready: details, YAML, logs"),
        Act::NextChart | Act::LastChart => Some("the next chart, the one before"),
        Act::Down | Act::Up | Act::Top | Act::Bottom => Some("timeline and pods: by a line, to an end"),
        Act::PageDown | Act::PageUp => Some("timeline and pods: by a page"),
        _ => None,
    }
}

/// One row for each binding, or for all of a kind: keys, words, danger.
fn rows(offered: &[&Binding]) -> Vec<(String, String, Danger)> {
    let keys = |binding: &Binding| binding.keys.iter().map(ToString::to_string).collect::<Vec<_>>();
    let mut rows = Vec::new();
    let mut told = Vec::new();
    for binding in offered {
        let Some(kind) = kind(binding.act) else {
            rows.push((keys(binding).join("  "), binding.says.to_owned(), binding.danger));
            continue;
        };
        if told.contains(&kind) {
            continue;
        }
        told.push(kind);
        let alike = || offered.iter().filter(|binding| self::kind(binding.act) == Some(kind));
        let firsts: Vec<String> = alike().filter_map(|binding| binding.keys.first()).map(ToString::to_string).collect();
        let words: Vec<&str> = alike().map(|binding| binding.word).collect();
        let says = if matches!(binding.act, Act::Show(_)) { format!("{kind}: {}", words.join(", ")) } else { kind.to_owned() };
        rows.push((firsts.join(" "), says, Danger::None));
    }
    rows
}

/// Draws it over everything.
pub fn draw(scene: &Scene<'_>, area: Rect, buffer: &mut Buffer) {
    let theme = scene.theme;
    let scope = scene.hands.place(scene.run);
    let offers = |act| scene.hands.offers(act, scene.run) && !big::leaves_no(act, scene, area);
    let works = |binding: &&Binding| !binding.keys.is_empty() && offers(binding.act);
    let offered: Vec<&Binding> = scene.hands.keys.of(scope).filter(works).collect();
    let rows = rows(&offered);
    let height = u16::try_from(rows.len()).unwrap_or(u16::MAX).saturating_add(4);
    let inner = dialog(scene, area, buffer, "keys that work now", 78, height, theme.accent);
    let mut at = 0;
    for (keys, says, danger) in &rows {
        let key = if *danger == Danger::None { theme.accent } else { theme.pending };
        Pen::new(buffer, row(inner, at)).cell(keys, KEYS, key).put(says, theme.text);
        at += 1;
    }
    let mut pen = Pen::new(buffer, row(inner, at + 1));
    let signs =
        [("✓", "held", theme.held), ("…", "pending", theme.pending), ("?", "unknown", theme.pending), ("✗", "broken", theme.broken)];
    for (sign, word, style) in signs {
        pen.put(sign, style).skip(1).put(word, theme.quiet).skip(3);
    }
    pen.put("Esc", theme.accent).skip(1).put("back", theme.quiet);
    Pen::new(buffer, row(inner, at)).put(&scene.hands.lags.sum(), theme.quiet);
}

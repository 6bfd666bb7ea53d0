//! Help: the key table, as far as it works here and now; and the signs.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::effect::Danger;
use crate::tui::cells::{Pen, row};
use crate::tui::keys::{Act, Binding};
use crate::tui::panels::questions::dialog;
use crate::tui::scene::Scene;

/// Draws it over everything.
pub fn draw(scene: &Scene<'_>, area: Rect, buffer: &mut Buffer) {
    let theme = scene.theme;
    let scope = scene.hands.place(scene.run);
    let offered = scene.hands.keys.of(scope).filter(|binding| scene.hands.offers(binding.act, scene.run));
    let (screens, bindings): (Vec<&Binding>, Vec<&Binding>) = offered.partition(|binding| matches!(binding.act, Act::Show(_)));
    // what moves in the charts is one row: each of its keys is told in `gameday keys`
    let (charts, bindings): (Vec<&Binding>, Vec<&Binding>) = bindings.into_iter().partition(|binding| matches!(binding.act, Act::Chart(_)));
    let grouped = usize::from(!screens.is_empty()) + usize::from(!charts.is_empty());
    let height = u16::try_from(bindings.len() + grouped).unwrap_or(u16::MAX).saturating_add(4);
    let inner = dialog(scene, area, buffer, "keys that work now", 78, height, theme.accent);
    let mut at = 0;
    for binding in &bindings {
        let mut pen = Pen::new(buffer, row(inner, at));
        let keys: Vec<String> = binding.keys.iter().map(ToString::to_string).collect();
        let key = if binding.danger == Danger::None { theme.accent } else { theme.pending };
        pen.cell(&keys.join("  "), 15, key).put(binding.says, theme.text);
        at += 1;
    }
    if !charts.is_empty() {
        let keys: Vec<String> = charts.iter().filter_map(|binding| binding.keys.first()).map(ToString::to_string).collect();
        Pen::new(buffer, row(inner, at))
            .cell(&keys.join(" "), 15, theme.accent)
            .put("charts: cursor, zoom, pan, the whole again", theme.text);
        at += 1;
    }
    if !screens.is_empty() {
        let keys: Vec<String> = screens.iter().flat_map(|binding| binding.keys.iter()).map(ToString::to_string).collect();
        let words: Vec<&str> = screens.iter().map(|binding| binding.word).collect();
        Pen::new(buffer, row(inner, at)).cell(&keys.join(" "), 15, theme.accent).put(&format!("screens: {}", words.join(", ")), theme.text);
        at += 1;
    }
    let mut pen = Pen::new(buffer, row(inner, at + 1));
    let signs =
        [("✓", "held", theme.held), ("…", "pending", theme.pending), ("?", "unknown", theme.pending), ("✗", "broken", theme.broken)];
    for (sign, word, style) in signs {
        pen.put(sign, style).skip(1).put(word, theme.quiet).skip(3);
    }
    pen.put("Esc", theme.accent).skip(1).put("back", theme.quiet);
}

//! The last line: the keys that do something now, from the key table.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::tui::cells::{self, Pen};
use crate::tui::keys;
use crate::tui::scene::Scene;

/// Draws it.
pub fn draw(scene: &Scene<'_>, area: Rect, buffer: &mut Buffer) {
    let theme = scene.theme;
    let mut pen = Pen::new(buffer, Rect { x: area.x + 1, width: area.width.saturating_sub(2), ..area });
    let scope = scene.hands.scope(scene.run);
    let offered = keys::of(scope).filter(|binding| !binding.word.is_empty() && scene.hands.offers(binding.act, scene.run));
    for binding in offered {
        let Some(key) = binding.keys.first().map(ToString::to_string) else { continue };
        if cells::width(&key) + 1 + cells::width(binding.word) > pen.room() {
            break;
        }
        pen.put(&key, theme.accent).skip(1).put(binding.word, theme.quiet).skip(2);
    }
}

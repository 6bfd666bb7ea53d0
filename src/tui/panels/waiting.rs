//! Before there is a run: what is waited for, and how to leave.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::tui::cells::{self, wrap};
use crate::tui::keys::{Act, Keys, Scope};
use crate::tui::theme::Theme;

/// Draws it.
pub fn draw(waiting: &str, keys: &Keys, theme: &Theme, area: Rect, buffer: &mut Buffer) {
    let area = Rect { x: area.x + area.width.min(1), width: area.width.saturating_sub(2), ..area };
    let leave = format!("{} leaves, nothing is started", keys.key(Scope::Before, Act::Quit));
    let lines = [("gameday", theme.strong), (waiting, theme.text), (leave.as_str(), theme.quiet)];
    let mut used = 0;
    for (text, style) in lines.into_iter().filter(|(text, _)| !text.is_empty()) {
        let rest = Rect { y: area.y + used, height: area.height.saturating_sub(used), ..area };
        used += cells::lines(buffer, rest, &wrap(text, area.width, usize::from(rest.height)), style);
    }
}

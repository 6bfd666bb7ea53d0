//! The command line, and above it the commands that it may mean.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Modifier;
use ratatui::widgets::{Clear, Widget};

use crate::effect::Danger;
use crate::text::Untrusted;
use crate::tui::cells::{self, Pen, row, split};
use crate::tui::hands::palette::{Palette, choices};
use crate::tui::panels::questions;
use crate::tui::scene::Scene;

/// How many commands are shown.
const SHOWN: u16 = 10;
/// The columns of a name, and of a key.
const NAME: u16 = 18;
const KEY: u16 = 10;

/// Draws it.
pub fn draw(scene: &Scene<'_>, area: Rect, buffer: &mut Buffer, line: &Palette) {
    let theme = scene.theme;
    let found = choices(scene.hands, scene.run, &line.text);
    let title = match &line.wrong {
        Some(why) => format!(" {} ", Untrusted::from(why.as_str())),
        None => " command ".to_owned(),
    };
    questions::written(scene, area, buffer, &title, "does it", &line.text);
    let rows = SHOWN.min(area.height.saturating_sub(9)).min(u16::try_from(found.len()).unwrap_or(SHOWN));
    if rows == 0 || line.again.is_some() {
        return;
    }
    let whole = Rect { y: area.bottom().saturating_sub(4 + rows), height: rows + 1, ..area };
    Clear.render(whole, buffer);
    let inside = Rect { x: whole.x + 1, width: whole.width.saturating_sub(2), ..whole };
    let count = if found.len() > usize::from(rows) { format!("{rows} of {}", found.len()) } else { found.len().to_string() };
    cells::head(buffer, inside, theme, "commands", Some((&count, theme.quiet)));
    let list = split(whole, 1).1;
    let marked = line.marked.unwrap_or(0).min(found.len().saturating_sub(1));
    let from = marked.saturating_sub(usize::from(rows) - 1);
    for (at, (index, choice)) in (0..rows).zip(found.iter().enumerate().skip(from)) {
        let area = row(list, at);
        let mut pen = Pen::new(buffer, Rect { x: area.x + 1, width: area.width.saturating_sub(2), ..area });
        let name = if choice.danger == Danger::None { theme.accent } else { theme.pending };
        let is_marked = index == marked && (line.marked.is_some() || !line.text.is_empty());
        let name = if is_marked { name.add_modifier(Modifier::REVERSED) } else { name };
        pen.put(&cells::fit(choice.name, NAME - 1), name).skip(NAME.saturating_sub(cells::width(choice.name)).max(1));
        pen.cell(&choice.key, KEY, theme.quiet).put(choice.says, theme.text);
    }
}

//! The last line: the keys that do something now, from the key table.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use crate::tui::cells::{self, Pen, row};
use crate::tui::keys::{Act, Binding, Scope};
use crate::tui::panels::big;
use crate::tui::scene::{Scene, Touch};

/// Whether it tells how the run is stopped: not where something else is asked or said.
#[must_use]
pub fn tells_stop(scene: &Scene<'_>) -> bool {
    let scope = scene.hands.scope(scene.run);
    scene.hands.said.is_none() && matches!(scope, Scope::Before | Scope::Live | Scope::Undoing | Scope::Looking)
}

/// Draws it on its row of the screen; `moves` where something can be filtered or scrolled.
pub fn draw(scene: &Scene<'_>, (screen, area): (Rect, Rect), moves: bool, buffer: &mut Buffer) {
    let theme = scene.theme;
    let mut pen = Pen::new(buffer, Rect { x: area.x + 1, width: area.width.saturating_sub(2), ..area });
    if let Some(said) = &scene.hands.said {
        pen.put(&cells::fit(said, pen.room()), theme.text);
        return;
    }
    let still = |act| !moves && matches!(act, Act::Filter | Act::Down | Act::Up | Act::PageDown | Act::PageUp | Act::Top | Act::Bottom);
    let scope = scene.hands.scope(scene.run);
    let hidden = |act| act == Act::Stop && !tells_stop(scene);
    let offers = |act| scene.hands.offers(act, scene.run) && !still(act) && !hidden(act) && !big::leaves_no(act, scene, screen);
    let offered = scene.hands.keys.of(scope).filter(|binding| !binding.word.is_empty() && offers(binding.act));
    let (screens, acts): (Vec<&Binding>, Vec<&Binding>) =
        offered.filter(|binding| !binding.keys.is_empty()).partition(|binding| matches!(binding.act, Act::Show(_)));
    let wide = |key: &str, word: &str| cells::width(key) + 1 + cells::width(word);
    let put = |pen: &mut Pen<'_>, (key, key_style): (&str, Style), word: &str, style: Style| {
        if wide(key, word) <= pen.room() {
            pen.put(key, key_style).skip(1).put(word, style).skip(2);
        }
    };
    // whatever else has no room: how to stop, how to find the other keys, and how to leave
    let stays = |binding: &Binding| matches!(binding.act, Act::Stop | Act::Help | Act::Quit);
    // the upper right says it whole where there is room; before the start there is nothing to undo
    let scope = scene.hands.place(scene.run);
    let brief = |binding: &Binding| binding.act == Act::Stop && (scope == Scope::Before || (area.width >= 100 && scope != Scope::Undoing));
    let word = |binding: &Binding| if brief(binding) { "stop" } else { scene.hands.word(binding, scene.run) };
    let wants = |binding: &Binding| wide(&first(binding), word(binding)) + 2;
    let ends = screens.first().zip(screens.last()).map(|(first_of, last)| format!("{}–{}", first(first_of), first(last)));
    let short = ends.as_ref().map_or(0, |keys| wide(keys, "screens") + 2);
    let mut kept: u16 = short + acts.iter().copied().filter(|binding| stays(binding)).map(wants).sum::<u16>();
    for binding in acts {
        if stays(binding) {
            kept = kept.saturating_sub(wants(binding));
        } else if wants(binding) + kept > pen.room() + 2 {
            continue;
        }
        let (key, style) = if binding.act == Act::Stop { (theme.pending, theme.text) } else { (theme.accent, theme.quiet) };
        put(&mut pen, (&first(binding), key), word(binding), style);
    }
    // their names where there is room for all of them
    let width: u16 = screens.iter().map(|binding| cells::width(&first(binding)) + 1 + cells::width(binding.word) + 2).sum();
    if width > pen.room() + 2 {
        if let Some(keys) = ends {
            put(&mut pen, (&keys, theme.accent), "screens", theme.quiet);
        }
        return;
    }
    for binding in screens {
        let shown = binding.act == Act::Show(scene.hands.screen(scene.run));
        let (x, act) = (pen.x(), binding.act);
        let columns = wide(&first(binding), binding.word);
        scene.spot(Rect { x, width: columns, ..row(area, 0) }, || Touch::Act(act));
        put(&mut pen, (&first(binding), theme.accent), binding.word, if shown { theme.strong } else { theme.quiet });
    }
}

/// The key that stands for a binding.
fn first(binding: &Binding) -> String {
    binding.keys.first().map(ToString::to_string).unwrap_or_default()
}

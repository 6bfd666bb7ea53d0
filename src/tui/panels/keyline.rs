//! The last line: the keys that do something now, from the key table.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use crate::tui::cells::{self, Pen, row};
use crate::tui::keys::{Act, Binding};
use crate::tui::panels::big;
use crate::tui::scene::{Scene, Touch};

/// Draws it on its row of the screen.
pub fn draw(scene: &Scene<'_>, (screen, area): (Rect, Rect), buffer: &mut Buffer) {
    let theme = scene.theme;
    let mut pen = Pen::new(buffer, Rect { x: area.x + 1, width: area.width.saturating_sub(2), ..area });
    if let Some(said) = &scene.hands.said {
        pen.put(&cells::fit(said, pen.room()), theme.text);
        return;
    }
    let scope = scene.hands.scope(scene.run);
    let offers = |act| scene.hands.offers(act, scene.run) && !big::leaves_no(act, scene, screen);
    let offered = scene.hands.keys.of(scope).filter(|binding| !binding.word.is_empty() && offers(binding.act));
    let (screens, acts): (Vec<&Binding>, Vec<&Binding>) =
        offered.filter(|binding| !binding.keys.is_empty()).partition(|binding| matches!(binding.act, Act::Show(_)));
    let wide = |key: &str, word: &str| cells::width(key) + 1 + cells::width(word);
    let put = |pen: &mut Pen<'_>, key: &str, word: &str, style: Style| {
        let fits = wide(key, word) <= pen.room();
        if fits {
            pen.put(key, theme.accent).skip(1).put(word, style).skip(2);
        }
        fits
    };
    // whatever else has no room: how to find the other keys, and how to leave
    let stays = |binding: &Binding| matches!(binding.act, Act::Help | Act::Quit);
    let word = |binding: &Binding| scene.hands.word(binding, scene.run);
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
        put(&mut pen, &first(binding), word(binding), theme.quiet);
    }
    // their names where there is room for all of them
    let width: u16 = screens.iter().map(|binding| cells::width(&first(binding)) + 1 + cells::width(binding.word) + 2).sum();
    if width > pen.room() + 2 {
        ends.map(|keys| put(&mut pen, &keys, "screens", theme.quiet));
        return;
    }
    for binding in screens {
        let shown = binding.act == Act::Show(scene.hands.screen(scene.run));
        let (x, act) = (pen.x(), binding.act);
        let columns = wide(&first(binding), binding.word);
        scene.spot(Rect { x, width: columns, ..row(area, 0) }, || Touch::Act(act));
        put(&mut pen, &first(binding), binding.word, if shown { theme.strong } else { theme.quiet });
    }
}

/// The key that stands for a binding.
fn first(binding: &Binding) -> String {
    binding.keys.first().map(ToString::to_string).unwrap_or_default()
}

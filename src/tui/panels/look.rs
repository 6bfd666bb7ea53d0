//! A pod's details, YAML or logs, in place of the body.

use std::time::Duration;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::face::look::Aspect;
use crate::text::Untrusted;
use crate::tui::cells::{self, Pen, lines, row, split, wrap_anywhere, wrap_whole};
use crate::tui::filter;
use crate::tui::hands::looking::Looking;
use crate::tui::keys::{Act, Scope};
use crate::tui::scene::Scene;
use crate::wording::live;

/// Draws it.
pub fn draw(scene: &Scene<'_>, area: Rect, buffer: &mut Buffer, looking: &Looking) {
    let (top, body) = split(area, 1);
    // one line of air, where there is some
    let body = if body.height > 12 { split(body, 1).1 } else { body };
    let theme = scene.theme;
    match &looking.seen {
        None => {
            Pen::new(buffer, row(body, 0)).put("asked for; not there yet", theme.quiet);
        }
        Some(Err(why)) => {
            lines(buffer, body, &wrap_whole(why, body.width), theme.pending);
        }
        Some(Ok(_)) => {
            let shown: Vec<String> = if looking.wraps {
                looking.lines().flat_map(|line| wrap_anywhere(line, body.width)).collect()
            } else {
                looking.lines().map(ToOwned::to_owned).collect()
            };
            let most = shown.len().saturating_sub(usize::from(body.height));
            looking.most.set(most);
            let first = looking.top.map_or(most, |top| top.min(most));
            for (at, line) in (0..body.height).zip(&shown[first..]) {
                let style = if line.starts_with("── ") { theme.accent } else { theme.text };
                // cut at the edge, not at a word: columns of a log stay where they are
                Pen::new(buffer, row(body, at)).raw(line, style);
            }
            if shown.is_empty() {
                Pen::new(buffer, row(body, 0)).put(nothing(looking), theme.quiet);
            }
        }
    }
    title(scene, top, buffer, looking);
}

fn nothing(looking: &Looking) -> &'static str {
    if looking.filter.is_empty() { "there is nothing to show" } else { filter::NOTHING }
}

/// How old what is shown is.
fn ago(age: Duration) -> String {
    if age < Duration::from_mins(2) { format!("{} s ago", age.as_secs()) } else { format!("{} ago", live::age(age)) }
}

fn title(scene: &Scene<'_>, area: Rect, buffer: &mut Buffer, looking: &Looking) {
    let (theme, keys) = (scene.theme, &scene.hands.keys);
    let mut pen = Pen::new(buffer, area);
    if area.width < 60 {
        pen.last(&format!("{} back", keys.key(Scope::Looking, Act::Close)), theme.quiet);
    }
    if looking.seen.is_some() {
        pen.last(&ago(looking.age), theme.quiet);
    }
    if looking.at.aspect == Aspect::Logs && looking.top.is_some() {
        pen.last(&format!("stands still, {} follows ·", keys.key(Scope::Looking, Act::Bottom)), theme.pending);
    }
    if !looking.filter.is_empty() {
        pen.last(&format!("only {} ·", Untrusted::from(looking.filter.text())), theme.pending);
    }
    pen.put(looking.at.aspect.name(), theme.strong).skip(2);
    let room = pen.room();
    pen.put(&cells::name(&Untrusted::from(looking.at.pod.name.as_str()).to_string(), room), theme.accent).skip(2);
    pen.put(&Untrusted::from(looking.at.pod.namespace.as_str()).to_string(), theme.quiet);
}

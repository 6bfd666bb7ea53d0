//! The first lines: which run, where, how careful, since when; what is believed; what is seen.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::run::verdicts::Standing;
use crate::scenario::model::Tier;
use crate::text::Untrusted;
use crate::tui::cells::{self, Pen, row};
use crate::tui::keys::Act;
use crate::tui::scene::Scene;
use crate::tui::theme::sign;
use crate::wording::{self, live};

/// The rows it takes.
pub const HEIGHT: u16 = 2;

/// What stands before the criteria that are broken.
const BROKEN: &str = "✗ broken: ";
/// Between the hypothesis and what became of it.
const GAP: u16 = 3;
/// A hypothesis of which no more than this can be read is left out beside them.
const LEAST: u16 = 24;

/// Draws both lines.
pub fn draw(scene: &Scene<'_>, area: Rect, buffer: &mut Buffer) {
    first(scene, row(area, 0), buffer);
    second(scene, row(area, 1), buffer);
}

fn first(scene: &Scene<'_>, area: Rect, buffer: &mut Buffer) {
    let (run, theme) = (scene.run, scene.theme);
    let place = &run.header().place;
    let safe = |text: &str| Untrusted::from(text).to_string();
    let red = place.tier == Tier::Production && !place.rehearsal;
    let style = |style| if red { theme.production } else { style };
    if red {
        buffer.set_style(area, theme.production);
        Pen::new(buffer, area).fill("\u{a0}", theme.production);
    }
    let inner = Rect { x: area.x + 1, width: area.width.saturating_sub(2), ..area };
    let mut pen = Pen::new(buffer, inner);
    let clock = match run.begun() {
        Some(_) => wording::t_plus(run, scene.now),
        None => "T+00:00.0".to_owned(),
    };
    pen.last(&clock, style(theme.strong));
    let id = run.header().run.rsplit('-').next().unwrap_or_default().to_owned();
    let tier = if place.rehearsal { "REHEARSAL".to_owned() } else { place.tier.to_string().to_uppercase() };
    let name = safe(&run.scenario().name);
    let whereabouts = format!("{} / {}", safe(&place.context), safe(&place.namespace));
    // what tells one run from another is the first to go where the line is short
    let needed = 9 + cells::width(&name) + 2 + cells::width(&tier) + 2;
    if needed + cells::width(&id) + cells::width(&whereabouts) + 12 < pen.room() {
        pen.last(&format!(" run {}  ", safe(&id)), style(theme.quiet));
    }
    // of a rehearsal it is told that nothing is real rather than in which namespace
    let short = Some(safe(&place.context)).filter(|_| place.rehearsal);
    if let Some(told) = [Some(whereabouts), short].into_iter().flatten().find(|told| needed + cells::width(told) + 3 < pen.room()) {
        pen.last(&format!(" {told}  "), style(theme.text));
    }
    pen.last(&format!(" {tier} "), style(theme.badge));
    if cells::width(&name) + 12 < pen.room() {
        pen.put("gameday  ", style(theme.quiet));
    }
    pen.put(&cells::name(&name, pen.room()), style(theme.strong));
}

fn second(scene: &Scene<'_>, area: Rect, buffer: &mut Buffer) {
    let (run, theme) = (scene.run, scene.theme);
    let mut pen = Pen::new(buffer, Rect { x: area.x + 1, width: area.width.saturating_sub(2), ..area });
    if let Some((_, since)) = scene.frozen {
        let (thaw, old) = (scene.hands.keys.key(scene.hands.place(run), Act::Freeze), scene.now.since(since).as_secs());
        pen.last(&format!("frozen {old} s, {thaw} goes on"), theme.pending);
        pen.last("·", theme.line);
    }
    if let Some(late) = &scene.hands.late {
        pen.last(late, theme.pending);
        pen.last("·", theme.line);
    }
    // what was seen last was seen by a process that is gone
    let adrift = wording::seat::is_adrift(scene.hands.seat, run);
    let mut sources =
        if adrift { vec![(Standing::Unknown, "nothing is watched any more".to_owned())] } else { live::sources(run, scene.now) };
    let hypothesis = Untrusted::from(run.scenario().hypothesis.as_str()).to_string();
    let all = run.scenario().criteria.len();
    let broken = live::broken(run, u16::MAX, cells::width).map(|names| format!("{BROKEN}{names}"));
    let none = Some("no criterion broken".to_owned()).filter(|_| all > 0 && run.begun().is_some() && !run.phase().0.is_over());
    let wanted = match (&broken, &none) {
        (Some(broken), _) => cells::width(broken),
        (None, Some(none)) => cells::width(&hypothesis) + GAP + cells::width(none),
        (None, None) => cells::width(&hypothesis),
    };
    let told: u16 = sources.iter().map(|(_, text)| cells::width(text) + 3).sum();
    if wanted + told > pen.room() {
        // that all is watched goes without saying
        sources.retain(|(_, text)| text != live::LIVE);
    }
    for (index, (standing, text)) in sources.iter().enumerate().rev() {
        let style = match standing {
            Standing::Held => theme.quiet,
            standing => theme.standing(*standing),
        };
        let text = if *standing == Standing::Held { text.clone() } else { format!("{} {text}", sign(*standing)) };
        pen.last(&text, style);
        if index > 0 && pen.room() > 12 {
            pen.last("·", theme.line);
        }
    }
    let room = pen.room().saturating_sub(1);
    // whether it still holds says more than what was believed
    let broken = live::broken(run, room.saturating_sub(cells::width(BROKEN)), cells::width).map(|names| format!("{BROKEN}{names}"));
    let beside = broken.as_ref().or(none.as_ref());
    let left = beside.map_or(room, |beside| room.saturating_sub(cells::width(beside) + GAP));
    let read = left >= LEAST.min(cells::width(&hypothesis));
    if read || broken.is_none() {
        pen.put(&cells::fit(&hypothesis, if read { left } else { room }), theme.text).skip(GAP);
    }
    match (broken, none) {
        (Some(broken), _) => drop(pen.put(&broken, theme.broken)),
        (None, Some(none)) if read => drop(pen.put(&none, theme.quiet)),
        (None, _) => {}
    }
}

//! A terminal too small for panels: one honest line, the most important first.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::run::Run;
use crate::seat::Seat;
use crate::tui::cells::{self, Pen, row, wrap};
use crate::tui::keys::{Act, Scope};
use crate::tui::panels::strip;
use crate::tui::scene::Scene;
use crate::wording::preflight::{self, Board};
use crate::wording::{self, live};

/// Draws it.
pub fn draw(scene: &Scene<'_>, area: Rect, buffer: &mut Buffer) {
    let (run, theme) = (scene.run, scene.theme);
    let (standing, safety) = live::safety(run, scene.now);
    let clock = run.begun().map(|_| wording::t_plus(run, scene.now)).unwrap_or_default();
    let stop = if run.phase().0.is_over() || scene.hands.seat != Seat::Leader {
        format!("{} leaves", scene.hands.keys.key(Scope::Over, Act::Quit))
    } else {
        // where text is written a character is text: the key that stops is another
        format!("{} stops", scene.hands.keys.key(scene.hands.scope(run), Act::Stop))
    };
    let next = match preflight::refusal(run) {
        Some(_) => preflight::may_start(run, &Board::of(run)).1,
        None => match live::next_for(scene.hands.seat, run, scene.now) {
            nothing if nothing.is_empty() => nothing,
            next => format!("next: {next}"),
        },
    };
    let (seat, how) = strip::seat(scene).unwrap_or_default();
    let parts = [clock, verdict(run), seat, stop, safety.clone(), next];
    if area.height < 4 {
        let text = parts.iter().filter(|part| !part.is_empty()).cloned().collect::<Vec<_>>().join(" · ");
        for (index, line) in wrap(&text, area.width, usize::from(area.height)).iter().enumerate() {
            Pen::new(buffer, row(area, u16::try_from(index).unwrap_or(u16::MAX))).put(line, theme.standing(standing));
        }
        return;
    }
    let [clock, verdict, seat, stop, safety, next] = parts;
    // while it lasts the key that stops it must have its line
    let top = if run.conclusion().is_some() {
        format!("{clock} {}", wording::outcome(run))
    } else {
        cells::fit(&format!("{clock} {verdict}"), area.width)
    };
    let top = [top.trim().to_owned()];
    let mut used = 0;
    for (text, style) in
        [(&top[0], theme.strong), (&seat, how), (&safety, theme.standing(standing)), (&next, theme.text), (&stop, theme.accent)]
    {
        let room = usize::from(area.height.saturating_sub(used));
        let lines = wrap(text, area.width, room.min(2));
        let rest = Rect { y: area.y + used, height: area.height.saturating_sub(used), ..area };
        used += cells::lines(buffer, rest, &lines, style);
    }
}

/// The phase, and the verdict once there is one.
fn verdict(run: &Run) -> String {
    match run.conclusion() {
        Some(conclusion) => wording::verdict(conclusion.verdict).to_owned(),
        None => wording::phase(run),
    }
}

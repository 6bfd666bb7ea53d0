//! The phases of the run, the one that is on with its progress; below: whether all is safe, and
//! what happens next.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use crate::run::Run;
use crate::run::phase::{End, Phase};
use crate::run::verdicts::Standing;
use crate::seat::Seat;
use crate::text::Untrusted;
use crate::tui::cells::{self, Pen, row};
use crate::tui::keys::{Act, Scope};
use crate::tui::panels::keyline;
use crate::tui::scene::Scene;
use crate::wording::{self, live};

/// What stands before what happens next.
const NEXT: &str = "  next: ";
/// The rows it takes.
pub const HEIGHT: u16 = 2;

/// How a phase of the strip stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mark {
    Done,
    Now,
    ToCome,
    Never,
    Cut,
    Failed,
}

impl Mark {
    const fn sign(self) -> &'static str {
        match self {
            Mark::Done => "✓",
            Mark::Now => "▶",
            Mark::ToCome => "○",
            Mark::Never => "–",
            Mark::Cut => "■",
            Mark::Failed => "✗",
        }
    }
}

/// Draws both lines.
pub fn draw(scene: &Scene<'_>, area: Rect, buffer: &mut Buffer) {
    phases(scene, row(area, 0), buffer);
    next(scene, row(area, 1), buffer);
}

fn marks(run: &Run) -> Vec<(Mark, String)> {
    let end = run.end();
    let early = end.is_some_and(|end| *end != End::Complete);
    let refused = matches!(end, Some(End::Refused(_)));
    let undoing = matches!(run.phase().0, Phase::Undoing(_));
    let started = run.begun().is_some();
    let stepped = run.steps().any(|(_, step)| step.begun.or(step.held).is_some());
    let through = run.steps().all(|(_, step)| step.ended.is_some());
    // each part of the run: whether it was reached, and whether it is over
    let of = |reached: bool, over: bool| match (reached, over) {
        (_, true) => Mark::Done,
        (true, false) if refused => Mark::Failed,
        (true, false) if early => Mark::Cut,
        (true, false) => Mark::Now,
        (false, false) if early => Mark::Never,
        (false, false) => Mark::ToCome,
    };
    let mut marks = vec![(of(true, started), "preflight".to_owned()), (of(started, stepped), "steady state".to_owned())];
    for (step, state) in run.steps() {
        marks.push((of(state.is_on() || state.is_held(), state.ended.is_some()), Untrusted::from(step.name.as_str()).to_string()));
    }
    let settling = of(through, !early && (undoing || run.phase().0.is_over()));
    marks.push((settling, "steady again".to_owned()));
    if undoing || (early && !refused) {
        marks.push((if undoing { Mark::Now } else { Mark::Done }, "undo".to_owned()));
    }
    let debrief = if run.phase().0.is_over() { Mark::Now } else { Mark::ToCome };
    marks.push((debrief, "debrief".to_owned()));
    marks
}

fn phases(scene: &Scene<'_>, area: Rect, buffer: &mut Buffer) {
    let theme = scene.theme;
    let mut marks = marks(scene.run);
    let room = area.width.saturating_sub(2);
    let wide = |marks: &[(Mark, String)]| marks.iter().map(|(_, name)| cells::width(name) + 4).sum::<u16>();
    // what is over or never comes is counted, then what is to come, before any word is cut
    for kind in [Mark::Done, Mark::Never, Mark::ToCome] {
        let word = match kind {
            Mark::Done => "earlier",
            Mark::Never => "not reached",
            Mark::Now | Mark::ToCome | Mark::Cut | Mark::Failed => "more",
        };
        let of_kind = |marks: &[(Mark, String)]| marks.iter().filter(|(mark, _)| *mark == kind).count();
        let mut counted = 0;
        while wide(&marks) > room + 2 && of_kind(&marks) > 1 {
            // what is over goes from the first on, what is to come from the last
            let places: Vec<usize> = (0..marks.len()).filter(|place| marks[*place].0 == kind).collect();
            let (keep, gone) =
                if kind == Mark::ToCome { (places[places.len() - 2], places[places.len() - 1]) } else { (places[0], places[1]) };
            counted += if counted == 0 { 2 } else { 1 };
            marks[keep].1 = format!("{counted} {word}");
            marks.remove(gone);
        }
    }
    let spare = (room + 2).saturating_sub(wide(&marks)).min(22);
    let progress = live::ahead(scene.run).map(|ahead| ahead.over(scene.now));
    let mut pen = Pen::new(buffer, Rect { x: area.x + 1, width: room, ..area });
    for (mark, name) in &marks {
        let (sign, text): (Style, Style) = match mark {
            Mark::Done => (theme.quiet, theme.quiet),
            Mark::Now => (theme.accent, theme.strong),
            Mark::ToCome => (theme.line, theme.quiet),
            Mark::Never => (theme.line, theme.line),
            Mark::Cut => (theme.pending, theme.pending),
            Mark::Failed => (theme.broken, theme.broken),
        };
        if pen.room() < 3 {
            break;
        }
        pen.put(mark.sign(), sign).skip(1).put(name, text);
        if *mark == Mark::Now
            && let Some(progress) = progress.filter(|_| spare > 7)
        {
            let columns = spare - 1;
            let filled = cells::bar(0.0, progress, columns);
            pen.skip(1);
            let done = filled.trim_end();
            pen.put(done, theme.accent);
            pen.put(&"─".repeat(usize::from(columns.saturating_sub(cells::width(done)))), theme.line);
        }
        pen.skip(2);
    }
}

fn next(scene: &Scene<'_>, area: Rect, buffer: &mut Buffer) {
    let theme = scene.theme;
    let mut pen = Pen::new(buffer, Rect { x: area.x + 1, width: area.width.saturating_sub(2), ..area });
    let scope = scene.hands.scope(scene.run);
    // where text is written a character is text: the key that stops is another
    let here = if matches!(scope, Scope::Ask | Scope::Reading) { Scope::Live } else { scope };
    let over = scene.run.phase().0.is_over();
    // where there is little room the last line tells it
    let narrow = area.width < 100;
    match scene.hands.seat {
        Seat::Leader if over || (narrow && keyline::tells_stop(scene)) => {}
        Seat::Leader => {
            let help = scene.hands.keys.key(here, Act::Help);
            if !help.is_empty() && !narrow {
                pen.last("help", theme.text);
                pen.last(&help, theme.accent);
                pen.last(" ", theme.text);
            }
            let key = scene.hands.keys.key(here, Act::Stop);
            let (then, stop) = match (here, narrow) {
                // it is stopped already: the key shows how far the undo is
                (Scope::Undoing, _) => ("", "the undo"),
                (_, true) => ("", "stop"),
                (_, false) => (" then Enter", "stop and undo"),
            };
            pen.last(stop, theme.text);
            pen.last(&format!("{key}{then}"), theme.accent);
            pen.last(" ", theme.text);
        }
        Seat::Spectator { .. } | Seat::Player(_) => {
            if let Some((says, style)) = seat(scene) {
                pen.last(&says, style);
                pen.last(" ", theme.text);
            }
        }
    }
    let (standing, safety) = live::safety(scene.run, scene.now);
    let sign = match standing {
        Standing::Held => ("●", theme.held),
        Standing::Pending => ("◐", theme.pending),
        Standing::Unknown => ("?", theme.pending),
        Standing::Broken => ("✗", theme.broken),
    };
    let words = if standing == Standing::Held { theme.text } else { sign.1 };
    let next = if over { String::new() } else { live::next_for(scene.hands.seat, scene.run, scene.now) };
    // a countdown that is cut says nothing: the words before it give way, or else it does itself
    let short = safety.split_once(',').or_else(|| safety.split_once(':')).map_or(safety.as_str(), |(head, _)| head);
    let room = pen.room().saturating_sub(2);
    let wide = |safety: &str, lead: &str| cells::width(safety) + if next.is_empty() { 0 } else { cells::width(lead) + cells::width(&next) };
    let forms = [(safety.as_str(), NEXT), (safety.as_str(), "  "), (short, NEXT), (short, "  ")];
    let fits = forms.into_iter().find(|(safety, lead)| wide(safety, lead) <= room);
    // a countdown that is cut says nothing: where the words before it can't give way any more, it does itself
    let cut = fits.is_none() && live::ahead(scene.run).is_some();
    let (safety, lead) = fits.unwrap_or((if cut && cells::width(&safety) <= room { &safety } else { short }, NEXT));
    // what follows is no worse for it
    let (head, rest) = safety.split_at(safety.find(',').unwrap_or(safety.len()));
    pen.put(sign.0, sign.1).skip(1).put(head, words).put(rest, if standing == Standing::Broken { words } else { theme.text });
    if !next.is_empty() && !cut && pen.room() > 12 {
        pen.put(lead, theme.quiet).put(&next, theme.text);
    }
}

/// What is said to whoever does not lead the run, and how that looks.
#[must_use]
pub fn seat(scene: &Scene<'_>) -> Option<(String, Style)> {
    let (theme, rehearsal) = (scene.theme, scene.run.header().place.rehearsal);
    match scene.hands.seat {
        Seat::Leader => None,
        Seat::Spectator { .. } => {
            let adrift = wording::seat::is_adrift(scene.hands.seat, scene.run);
            Some((wording::seat::looks_on(!adrift, rehearsal).to_owned(), if adrift { theme.broken } else { theme.quiet }))
        }
        Seat::Player(position) => {
            Some((wording::seat::plays(position, scene.now), if position.paused { theme.pending } else { theme.accent }))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Mark;

    #[test]
    fn marks_should_each_have_a_sign_of_their_own() {
        let signs: std::collections::BTreeSet<_> =
            [Mark::Done, Mark::Now, Mark::ToCome, Mark::Never, Mark::Cut, Mark::Failed].into_iter().map(Mark::sign).collect();
        assert_eq!(signs.len(), 6);
    }
}

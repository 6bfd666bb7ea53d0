//! Every fault of the scenario: whom it took, what holds it, when it should end, how its undo stands.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use crate::clock::say;
use crate::run::ledger::{FaultState, Victim};
use crate::run::recovery::{Waterfall, waterfalls};
use crate::text::Untrusted;
use crate::tui::cells::{self, Pen, head, row, split, wrap};
use crate::tui::panels::{fault, recovery};
use crate::tui::scene::Scene;
use crate::wording;

/// Draws them below each other, those that are on first; what does not fit is counted. Gives what is left of the area.
pub fn draw(scene: &Scene<'_>, area: Rect, buffer: &mut Buffer) -> Rect {
    let theme = scene.theme;
    // the brake's own are told by preflight, timeline and undo
    let mut all: Vec<&FaultState> = scene.run.faults().iter().collect();
    all.sort_by_key(|state| (!(state.is_alive() || state.owes_undo()), state.asked.is_none()));
    if all.is_empty() {
        return head(buffer, area, theme, "faults", Some(("the scenario has none", theme.quiet)));
    }
    let mut rest = area;
    for (shown, state) in all.iter().enumerate() {
        let rows = rows(scene, state, area.width);
        let more = all.len() - shown;
        let wanted = u16::try_from(rows.len() + 2).unwrap_or(u16::MAX);
        if rest.height < wanted.min(4) {
            Pen::new(buffer, row(rest, 0)).put(&format!("and {more} more"), theme.quiet);
            return Rect { height: 0, ..rest };
        }
        let (own, below) = split(rest, wanted.min(rest.height));
        let name = Untrusted::from(state.step.as_str()).to_string();
        let style = if state.undo.handed_over.is_some() {
            theme.broken
        } else if state.is_alive() || (state.undo.asked.is_some() && state.owes_undo()) {
            theme.pending
        } else {
            theme.quiet
        };
        let inner = head(buffer, own, theme, &name, Some((wording::fault_state(state), style)));
        for (index, (text, style)) in (0..inner.height).zip(&rows) {
            Pen::new(buffer, row(inner, index)).put(text, *style);
        }
        rest = below;
    }
    // how those that were hit come back, where there is room for all of it
    if scene.fault().is_some() && rest.height > recovery::WANT {
        let (own, below) = split(rest, recovery::WANT);
        recovery::draw(scene, own, buffer);
        let whys = scene.run.whys();
        let told: Vec<String> = whys.iter().flat_map(|why| wrap(&wording::why::line(scene.run, why, scene.now), below.width, 3)).collect();
        rest = split(below, cells::lines(buffer, below, &told, theme.pending)).1;
    }
    rest
}

/// What has become of a victim: since when it is hit, who came in its place and how far that one is.
fn fate(scene: &Scene<'_>, state: &FaultState, falls: &[Waterfall], victim: &Victim) -> Option<String> {
    let hit = victim.impact()?;
    let Some(fall) = falls.iter().find(|fall| fall.victim.uid == victim.pod.uid) else {
        return state.fault.is_lasting().then(|| format!("hit {}", wording::t_plus(scene.run, hit.at)));
    };
    let waited = fall.stages.iter().find(|(_, seen)| seen.is_none());
    let fate = match (waited, scene.run.phase().0.is_over()) {
        (None, _) => format!("back in {}", say(fall.stages.last().and_then(|(stage, _)| fall.span_to(*stage))?)),
        (Some(_), true) => "not back".to_owned(),
        (Some((stage, _)), false) => format!("{}, {}", wording::stage_waited(*stage), say(scene.now.since(hit.at))),
    };
    Some(fall.replacement.as_ref().map_or_else(|| fate.clone(), |pod| format!("→ {}: {fate}", wording::pod(pod))))
}

fn rows(scene: &Scene<'_>, state: &FaultState, width: u16) -> Vec<(String, Style)> {
    let theme = scene.theme;
    let falls = waterfalls(state, scene.run.fleet());
    let mut rows = fault::rows_of(scene, state, (width, usize::MAX), |victim| fate(scene, state, &falls, victim));
    if let Some(asked) = state.asked {
        let mut times = vec![format!("asked {}", wording::t_plus(scene.run, asked))];
        times.extend(state.in_effect.map(|at| format!("in effect {} later", wording::span(at.since(asked)))));
        times.extend(
            state.lifted.filter(|_| state.fault.is_lasting()).map(|seen| format!("lifted {}", wording::t_plus(scene.run, seen.at))),
        );
        rows.insert(1, (cells::fit(&times.join(" · "), width), theme.quiet));
    }
    if let Some(end) = state.should_end().filter(|_| state.is_alive()) {
        let late = scene.now > end;
        let text = if late {
            format!("overdue: it should have ended {} ago", say(scene.now.since(end)))
        } else {
            format!("ends by itself in {}", say(end.since(scene.now)))
        };
        rows.push((text, if late { theme.broken } else { theme.quiet }));
    }
    let finalizers = state.seen.iter().filter(|_| state.gone.is_none()).flat_map(|fact| &fact.finalizers);
    let held: Vec<String> = finalizers.map(|finalizer| finalizer.short(60)).collect();
    if !held.is_empty() {
        rows.push((cells::fit(&format!("finalizers, there until it is undone: {}", held.join(", ")), width), theme.quiet));
    }
    rows
}

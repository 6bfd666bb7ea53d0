//! What happened, the newest at the bottom.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use crate::run::recovery::Back;
use crate::run::timeline::{Moment, Noted};
use crate::run::verdicts::Standing;
use crate::text::Untrusted;
use crate::tui::cells::{Pen, head, row, wrap};
use crate::tui::filter;
use crate::tui::scene::{Scene, Touch};
use crate::tui::theme::Theme;
use crate::wording;

/// The columns of the moment: `T+00:18.4`.
const MOMENT: u16 = 11;

/// How many lines a filter looks through: each is put into words for that, at every picture.
const SEARCHED: usize = 10_000;

/// Draws it.
pub fn draw(scene: &Scene<'_>, area: Rect, buffer: &mut Buffer) {
    let (run, theme) = (scene.run, scene.theme);
    let (moments, filter) = (run.timeline(), &scene.hands.filter);
    let scrolled = scene.hands.scrolled.min(moments.len().saturating_sub(1));
    let newer = match scrolled {
        0 => String::new(),
        n => format!("{n} newer below"),
    };
    let seen = moments.len() - scrolled;
    let searched = if filter.is_empty() { seen } else { seen.min(SEARCHED) };
    let among = if searched < seen { format!("among {searched} ") } else { String::new() };
    let note = if filter.is_empty() { newer } else { format!("/{} {among}{newer}", Untrusted::from(filter.text())) };
    scene.spot(area, || Touch::Timeline);
    let inner = head(buffer, area, theme, "timeline", Some((note.trim_end(), theme.pending)));
    let mut rows: Vec<(String, String, Style)> = Vec::new();
    for moment in moments[seen - searched..seen].iter().rev() {
        let said = wording::moment(run, moment);
        if !filter.takes(&said) {
            continue;
        }
        let lines = wrap(&said, inner.width.saturating_sub(MOMENT), 2);
        if rows.len() + lines.len() > usize::from(inner.height) {
            break;
        }
        let style = style(theme, moment);
        let at = wording::t_plus(run, moment.at);
        rows.extend(
            lines.into_iter().enumerate().rev().map(|(index, line)| (if index == 0 { at.clone() } else { String::new() }, line, style)),
        );
    }
    if rows.is_empty() && !filter.is_empty() {
        Pen::new(buffer, row(inner, 0)).put(filter::NOTHING, theme.quiet);
    }
    for (index, (at, text, style)) in rows.iter().rev().enumerate() {
        let mut pen = Pen::new(buffer, row(inner, u16::try_from(index).unwrap_or(u16::MAX)));
        pen.cell(at, MOMENT, theme.quiet).put(text, *style);
    }
}

/// What is worth an eye has a colour; the rest is text.
fn style(theme: &Theme, moment: &Moment) -> Style {
    match &moment.noted {
        Noted::Recovered(_, Back::At { .. } | Back::Undisturbed { .. }) | Noted::Decided(_, _, Standing::Held) | Noted::Steady => {
            theme.held
        }
        Noted::Hit(..)
        | Noted::InEffect(_)
        | Noted::FaultAsked(_)
        | Noted::Violated(..)
        | Noted::PodUnready(..)
        | Noted::PodRestarted(..)
        | Noted::PodDeleted(_)
        | Noted::Hindered(..)
        | Noted::Warned(..)
        | Noted::Decided(_, _, Standing::Unknown) => theme.pending,
        Noted::Refused(_)
        | Noted::NotInEffect(..)
        | Noted::Decided(_, _, Standing::Broken)
        | Noted::Lost(..)
        | Noted::LiftTrouble(..)
        | Noted::HandedOver(..)
        | Noted::Aborted(_)
        | Noted::Left => theme.broken,
        Noted::Note(..) | Noted::Started | Noted::StepBegan(_) => theme.strong,
        _ => theme.text,
    }
}

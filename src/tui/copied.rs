//! What `c` puts on the clipboard: what is marked, or what the screen is about.

use crate::run::Run;
use crate::text::Untrusted;
use crate::tui::hands::{Hands, checks_are_shown};
use crate::tui::keys::Screen;
use crate::tui::roster;
use crate::wording;
use crate::wording::preflight::Board;

/// What would be copied now: what it is, and its text; none where there is nothing.
#[must_use]
pub fn text(run: &Run, hands: &Hands) -> Option<(String, String)> {
    if let Some(looking) = &hands.looking {
        return looking.copied();
    }
    if checks_are_shown(run) || hands.screen(run) == Screen::Preflight {
        return Some(check(run, hands).unwrap_or_else(|| id(run)));
    }
    match hands.screen(run) {
        Screen::Pods | Screen::Cockpit if hands.chosen.is_some() => {
            let pod = roster::pods(run, hands).into_iter().find(|pod| hands.chosen.as_ref() == Some(&pod.fact.pod.uid))?;
            let name = Untrusted::from(pod.fact.pod.name.as_str()).to_string();
            Some((name.clone(), name))
        }
        Screen::Findings if hands.report.is_some() => hands.report.clone().map(|path| ("the report's path".to_owned(), path)),
        Screen::Timeline => {
            let lines = run.timeline().iter().map(|moment| format!("{} {}", wording::t_plus(run, moment.at), wording::moment(run, moment)));
            let lines: Vec<String> = lines.filter(|line| hands.filter.takes(line)).collect();
            (!lines.is_empty()).then(|| (format!("{} lines of the timeline", lines.len()), lines.join("\n")))
        }
        _ => Some(id(run)),
    }
}

fn id(run: &Run) -> (String, String) {
    let id = Untrusted::from(run.header().run.as_str()).to_string();
    (format!("the run's id, {id}"), id)
}

/// The command that mends the check that is shown, or else what was seen.
fn check(run: &Run, hands: &Hands) -> Option<(String, String)> {
    let board = Board::of(run);
    let rows = board.rows(hands.passed_turned);
    let item = rows.get(hands.shown_check(&rows)?)?;
    match &item.mend {
        Some(command) => Some(("the command that mends it".to_owned(), command.clone())),
        None => Some((format!("what was seen of {}", item.what), item.seen.clone())),
    }
}

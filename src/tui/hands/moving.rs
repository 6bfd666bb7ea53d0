//! Moving about: lines of the timeline, pods, checks.

use crate::run::Run;
use crate::run::checks::Grade;
use crate::tui::hands::{Hands, checks_are_shown};
use crate::tui::keys::{Act, Screen};
use crate::tui::roster;
use crate::wording::preflight::{Board, Item};

/// A page of the timeline.
const PAGE: usize = 5;

impl Hands {
    /// Shows another check in whole; the first press shows which one is.
    pub(super) fn turn_to_check(&mut self, run: &Run, to: impl Fn(usize, usize) -> usize) {
        let board = Board::of(run);
        let rows = board.rows(self.passed_turned);
        let at = self.shown_check(&rows);
        let next = at.map_or(0, |at| to(at, rows.len().saturating_sub(1)));
        self.check = rows.get(next).map(|item| (item.what, item.nth));
        self.check_scrolled = 0;
    }

    /// Which of these checks is shown in whole: the one that was turned to, else the worst of those that did not pass.
    #[must_use]
    pub fn shown_check(&self, rows: &[&Item]) -> Option<usize> {
        let turned_to = self.check.and_then(|check| rows.iter().position(|item| (item.what, item.nth) == check));
        turned_to.or_else(|| rows.first().filter(|item| item.grade > Grade::Waiting).map(|_| 0))
    }

    /// Moves in what the screen is about: the pods from their first, the timeline from its newest.
    pub(super) fn scroll(&mut self, act: Act, run: &Run) {
        if let Some(looking) = &mut self.looking {
            return looking.scroll(act);
        }
        if checks_are_shown(run) || self.screen(run) == Screen::Preflight {
            // whoever looks on has no keys of their own for the checks
            let up = matches!(act, Act::Up | Act::PageUp | Act::Top);
            return self.turn_to_check(run, |at, last| if up { at.saturating_sub(1) } else { (at + 1).min(last) });
        }
        if self.screen(run) == Screen::Home {
            return self.stroll(act);
        }
        let page = if self.screen(run) == Screen::Cockpit { PAGE } else { PAGE * 4 };
        let (down, up) = match act {
            Act::Down => (1, 0),
            Act::PageDown => (page, 0),
            Act::Bottom => (usize::MAX, 0),
            Act::Up => (0, 1),
            Act::PageUp => (0, page),
            Act::Top => (0, usize::MAX),
            _ => (0, 0),
        };
        if self.screen(run) == Screen::Pods {
            let pods = roster::pods(run, self);
            let at = self.chosen.as_ref().and_then(|chosen| pods.iter().position(|pod| pod.fact.pod.uid == *chosen));
            // the first press marks where one is
            let next = at.map_or(if down == usize::MAX { down } else { 0 }, |at| at.saturating_sub(up).saturating_add(down));
            self.chosen = pods.get(next.min(pods.len().saturating_sub(1))).map(|pod| pod.fact.pod.uid.clone());
        } else {
            let most = run.timeline().len().saturating_sub(1);
            self.scrolled = self.scrolled.saturating_sub(down).saturating_add(up).min(most);
        }
    }
}

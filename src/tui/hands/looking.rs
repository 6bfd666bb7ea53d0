//! A look at one pod, over the screen: its details, its YAML, its logs.

use std::cell::Cell;
use std::time::Duration;

use crate::face::look::{Aspect, Look, LookAt};
use crate::run::Run;
use crate::run::fleet::Pod;
use crate::seat::Seat;
use crate::text::Untrusted;
use crate::tui::filter::Filter;
use crate::tui::hands::Hands;
use crate::tui::keys::Act;
use crate::tui::roster;

/// A page, in lines.
const PAGE: usize = 10;
/// How old logs may be before they are asked for again.
pub const REFRESH: Duration = Duration::from_secs(2);

/// What is looked at, and where that is scrolled to.
#[derive(Clone, Debug, PartialEq)]
pub struct Looking {
    /// What was asked for.
    pub at: LookAt,
    /// What came, safe to be shown; `None` until something does.
    pub seen: Option<Result<Vec<String>, String>>,
    /// How old that is.
    pub age: Duration,
    /// The first line that is shown; `None` follows the end.
    pub top: Option<usize>,
    /// How far down it can be scrolled, as it was drawn last: that depends on the size of the screen.
    pub most: Cell<usize>,
    /// Which lines are shown.
    pub filter: Filter,
    /// Whether long lines are wrapped.
    pub wraps: bool,
}

impl Looking {
    /// Looks at this; nothing has been seen of it yet.
    #[must_use]
    pub fn new(at: LookAt) -> Looking {
        let top = if at.aspect == Aspect::Logs { None } else { Some(0) };
        Looking { at, seen: None, age: Duration::ZERO, top, most: Cell::new(0), filter: Filter::default(), wraps: false }
    }

    /// Takes what was seen, if it is what is looked at; says whether it was.
    pub fn take(&mut self, look: Look) -> bool {
        let ours = look.at == self.at;
        if ours {
            let seen = look.seen.map(|lines| lines.iter().map(Untrusted::to_string).collect());
            (self.seen, self.age) = (Some(seen.map_err(|why| why.to_string())), Duration::ZERO);
        }
        ours
    }

    /// The lines that the filter takes.
    pub fn lines(&self) -> impl Iterator<Item = &str> {
        let lines = self.seen.iter().flatten().flatten();
        lines.map(String::as_str).filter(|line| self.filter.takes(line))
    }

    /// Whether it is to be asked for again: logs whose end is followed, once they are old.
    #[must_use]
    pub fn is_stale(&self) -> bool {
        self.at.aspect == Aspect::Logs && self.top.is_none() && self.seen.is_some() && self.age >= REFRESH
    }

    /// What would be copied: what it is, and its text.
    #[must_use]
    pub fn copied(&self) -> Option<(String, String)> {
        let lines: Vec<&str> = match &self.seen {
            Some(Err(why)) => vec![why],
            _ => self.lines().collect(),
        };
        let pod = Untrusted::from(self.at.pod.name.as_str());
        (!lines.is_empty()).then(|| (format!("{} lines of {}, {pod}", lines.len(), self.at.aspect.name()), lines.join("\n")))
    }

    /// Moves; what comes to its end follows it.
    pub(super) fn scroll(&mut self, act: Act) {
        let most = self.most.get();
        if most == 0 {
            // all of it is there
            return;
        }
        let at = self.top.unwrap_or(most).min(most);
        let to = match act {
            Act::Down => at + 1,
            Act::PageDown => at + PAGE,
            Act::Bottom => most,
            Act::Up => at.saturating_sub(1),
            Act::PageUp => at.saturating_sub(PAGE),
            Act::Top => 0,
            _ => at,
        };
        let up = matches!(act, Act::Up | Act::PageUp | Act::Top);
        self.top = if to >= most && !up { None } else { Some(to) };
    }
}

impl Hands {
    /// Begins to look at the pod that is looked at already, or else at the one that [`Hands::meant`] gives.
    pub(super) fn look(&mut self, aspect: Aspect, run: &Run) -> Option<LookAt> {
        let pod = match &self.looking {
            Some(looking) => looking.at.pod.clone(),
            None => self.meant(run)?.fact.pod.clone(),
        };
        let at = LookAt { pod, aspect };
        match &mut self.looking {
            // what is shown stays until something newer comes
            Some(looking) if looking.at == at => {}
            Some(looking) => self.looking = Some(Looking { wraps: looking.wraps, ..Looking::new(at.clone()) }),
            None => self.looking = Some(Looking::new(at.clone())),
        }
        Some(at)
    }

    /// The pod that a look is about: the marked one, else the first that is not ready, else the first; none for whoever has no cluster.
    #[must_use]
    pub fn meant<'r>(&self, run: &'r Run) -> Option<&'r Pod> {
        if self.seat != Seat::Leader {
            return None;
        }
        let pods = roster::pods(run, self);
        let marked = || pods.iter().find(|pod| self.chosen.as_ref() == Some(&pod.fact.pod.uid));
        let there = || pods.iter().filter(|pod| pod.gone.is_none());
        marked().or_else(|| there().find(|pod| !pod.is_ready())).or_else(|| there().next()).copied()
    }

    /// The filter that `/` is about: of the look, or of the screen.
    #[must_use]
    pub fn filter(&self) -> &Filter {
        self.looking.as_ref().map_or(&self.filter, |looking| &looking.filter)
    }

    pub(super) fn filter_by(&mut self, filter: Filter) {
        match &mut self.looking {
            Some(looking) => looking.filter = filter,
            None => self.filter = filter,
        }
    }

    /// One step back from a look: its filter, then itself.
    pub(super) fn look_away(&mut self) {
        match &mut self.looking {
            Some(looking) if !looking.filter.is_empty() => looking.filter = Filter::default(),
            _ => self.looking = None,
        }
    }
}

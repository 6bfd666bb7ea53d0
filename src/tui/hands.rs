//! What the operator's hands did to the screen: what is open, where it is scrolled to. Not journalled.
//!
//! - `answering`: what is written, and answers to questions; `palette`: the command line; `moving`: up and down;
//!   `looking`: a look at one pod.

mod answering;
pub mod looking;
mod moving;
pub mod palette;

use std::sync::Arc;

use crossterm::event::{KeyEvent, KeyEventKind};

use crate::command::{Answer, Command};
use crate::face::home::Home;
use crate::face::look::LookAt;
use crate::run::Run;
use crate::run::phase::{End, Phase};
use crate::seat::{Play, Seat};
use crate::text::Untrusted;
use crate::tui::copied;
use crate::tui::filter::Filter;
use crate::tui::hands::looking::Looking;
use crate::tui::hands::palette::Palette;
use crate::tui::home::Lobby;
use crate::tui::keys::{Act, Binding, Keys, Scope, Screen};
use crate::tui::lags::Lags;
use crate::tui::letters::Type;
use crate::tui::roster::Order;
use crate::tui::zoom::{self, Zoom};
use crate::wording::preflight::{self, Board};

/// A page of a check that is longer than the screen, in lines.
const PAGE_OF_CHECK: u16 = 5;
/// The most lines that a check is scrolled.
const LONGEST_CHECK: u16 = 200;

/// Something open over the screen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Open {
    /// The key table.
    Help,
    /// Whether to stop and undo.
    Stop,
    /// Whether this step, which waits, may begin; whether this person's step is done.
    GoOn(usize),
    /// Whether to skip the rest of this step.
    Skip(usize),
    /// A note being written.
    Note(String),
    /// The command line.
    Palette(Palette),
    /// A filter being written; it is followed meanwhile.
    Filter(String),
    /// What must be typed to begin where customers could be hurt.
    Word(String),
    /// The runbook's address, and whether a browser was started.
    Runbook {
        /// Whether a browser took it.
        opened: bool,
    },
}

/// The state of the screen that is nobody's but this operator's.
#[derive(Clone, Debug, Default, PartialEq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own, thrown by a key of its own")]
pub struct Hands {
    /// What is open.
    pub open: Option<Open>,
    /// The pod that is looked at in place of the screen; what is open lies over it.
    pub looking: Option<Looking>,
    /// The chart that comes first.
    pub chart: usize,
    /// Which part of the charts is shown, and where their cursor stands.
    pub zoom: Zoom,
    /// Whether the cockpit is written for the room.
    pub letters: Type,
    /// How many lines the timeline is scrolled up; 0 follows.
    pub scrolled: usize,
    /// The screen that was asked for; none: the cockpit, and the findings after the end.
    pub screen: Option<Screen>,
    /// The pod that is marked, by its uid.
    pub chosen: Option<String>,
    /// Which rows of pods and timeline are shown.
    pub filter: Filter,
    /// What the pods are sorted by; by what was done to them where nothing was chosen.
    pub order: Option<Order>,
    /// Whether the picture stands still while the run goes on.
    pub frozen: bool,
    /// The lines given on the command line, oldest first.
    pub given: Vec<String>,
    /// What was done last that is seen nowhere else: told until the next key.
    pub said: Option<String>,
    /// Whether the dialog of the undo was put away.
    pub undo_hidden: bool,
    /// The check of the preflight that is shown in whole: its name, and which it is of those called so. None: the worst.
    pub check: Option<(&'static str, usize)>,
    /// How many lines of that check are scrolled away.
    pub check_scrolled: u16,
    /// Whether the checks that passed are shown where they are folded by themselves, and the other way round.
    pub passed_turned: bool,
    /// Whether the next Ctrl-C leaves.
    pub armed: bool,
    /// The keys as they are bound.
    pub keys: Keys,
    /// Who sits here.
    pub seat: Seat,
    /// Who writes notes.
    pub author: String,
    /// Where the report is, once it is written.
    pub report: Option<String>,
    /// Whether the scenario is in a file that can be edited.
    pub edits: bool,
    /// What there is at home, once that is known.
    pub porch: Option<Arc<Home>>,
    /// Which scenario and which run are marked there.
    pub lobby: Lobby,
    /// How late the screen was, and how much waited.
    pub lags: Lags,
    /// What is to be told of that now.
    pub late: Option<String>,
}

/// What follows from a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deed {
    /// Nothing but a new picture.
    Draw,
    /// The operator decided.
    Command(Command),
    /// Open this address.
    Browse(String),
    /// Put this on the clipboard: what it is, and its text.
    Copy(String, String),
    /// Look at a pod, and show it.
    Look(LookAt),
    /// Move in the recorded run.
    Play(Play),
    /// Open the scenario in the editor; the run is over, or has not begun and ends.
    Edit,
    /// The operator leaves; the run is over, or somebody else's.
    Leave,
}

impl Hands {
    /// Hands of `author`.
    #[must_use]
    pub fn of(author: impl Into<String>) -> Hands {
        Hands { author: author.into(), ..Hands::default() }
    }

    /// Where keys go now.
    #[must_use]
    pub fn scope(&self, run: &Run) -> Scope {
        match &self.open {
            Some(Open::Help | Open::Runbook { .. }) => Scope::Reading,
            Some(Open::Stop | Open::GoOn(_) | Open::Skip(_)) => Scope::Ask,
            Some(Open::Note(_) | Open::Word(_) | Open::Filter(_)) => Scope::Writing,
            Some(Open::Palette(_)) => Scope::Choosing,
            None if self.looking.is_some() => Scope::Looking,
            None => self.place(run),
        }
    }

    /// The screen that is shown.
    #[must_use]
    pub fn screen(&self, run: &Run) -> Screen {
        self.screen.unwrap_or(Hands::usual(run))
    }

    /// The screen that is shown where none was asked for.
    const fn usual(run: &Run) -> Screen {
        if run.phase().0.is_over() { Screen::Findings } else { Screen::Cockpit }
    }

    /// Where keys go while nothing is open.
    #[must_use]
    pub fn place(&self, run: &Run) -> Scope {
        match self.seat {
            Seat::Leader => {}
            Seat::Spectator { .. } => return Scope::Watching,
            Seat::Player(_) => return Scope::Replaying,
        }
        match run.phase().0 {
            Phase::Preflight | Phase::Ready => Scope::Before,
            Phase::Gate | Phase::Steps | Phase::Settling => Scope::Live,
            Phase::Undoing(_) => Scope::Undoing,
            Phase::Sealed if preflight::refusal(run).is_some() => Scope::Refused,
            Phase::Sealed => Scope::Over,
        }
    }

    /// Whether an act can do anything now: what help and key line list.
    #[must_use]
    pub fn offers(&self, act: Act, run: &Run) -> bool {
        match act {
            Act::Start => preflight::is_ready(run),
            Act::Show(_) if checks_are_shown(run) => false,
            Act::Runbook => run.scenario().runbook.is_some(),
            Act::GoOn => run.waits_for_person().is_some(),
            Act::Failed => matches!(self.open, Some(Open::GoOn(step)) if run.step_begun(step).is_some()),
            Act::Skip => run.current_step().is_some(),
            Act::Show(Screen::Findings) => run.phase().0.is_over(),
            Act::Chart(_) | Act::NextChart | Act::LastChart => matches!(self.screen(run), Screen::Cockpit | Screen::Metrics),
            // what the arrows move is on no screen of faults or charts
            Act::Down | Act::Up | Act::PageDown | Act::PageUp | Act::Top | Act::Bottom => {
                self.looking.is_some() || !matches!(self.screen(run), Screen::Faults | Screen::Metrics)
            }
            Act::Filter => self.filters(run),
            Act::NextCheck | Act::LastCheck => Board::of(run).rows(self.passed_turned).len() > 1,
            Act::Passed => (checks_are_shown(run) || self.screen(run) == Screen::Preflight) && !Board::of(run).passed.is_empty(),
            // what is undone is seen as it is, and a recorded run has a pause of its own
            Act::Freeze => !run.phase().0.is_over() && !matches!(run.phase().0, Phase::Undoing(_)),
            Act::Sort(_) => matches!(self.screen(run), Screen::Pods | Screen::Cockpit),
            Act::Copy => copied::text(run, self).is_some(),
            Act::Look(_) => self.looking.is_some() || self.meant(run).is_some(),
            Act::Edit => self.edits,
            Act::Home => self.porch.is_some() || !matches!(self.place(run), Scope::Live | Scope::Undoing),
            _ => true,
        }
    }

    /// Whether there is something on the screen that a filter takes rows of: pods, the timeline, or lines of a look.
    fn filters(&self, run: &Run) -> bool {
        let screen = match self.screen(run) {
            Screen::Cockpit | Screen::Pods | Screen::Timeline | Screen::Findings => true,
            Screen::Faults | Screen::Metrics | Screen::Preflight | Screen::Home => false,
        };
        self.looking.is_some() || (screen && !checks_are_shown(run))
    }

    /// Whether the screen is to be written for the room, where there is room.
    #[must_use]
    pub fn is_large(&self) -> bool {
        self.letters == Type::Large && self.screen.is_none_or(|screen| screen == Screen::Cockpit)
    }

    /// The word of a binding in the key line: on a screen of pods alone, what is above is not older; a live run is not left without a word.
    #[must_use]
    pub fn word(&self, binding: &Binding, run: &Run) -> &'static str {
        let pods = self.looking.is_none() && self.screen(run) == Screen::Pods;
        match binding.act {
            Act::Up if pods && !binding.word.is_empty() => "up",
            // leaving a run that goes on is stopping it
            Act::Quit if self.place(run) == Scope::Live => "leave (asks)",
            // it is stopped already: the key shows how far the undo is
            Act::Stop if self.place(run) == Scope::Undoing => "the undo",
            Act::Stop if !binding.word.is_empty() => "then Enter stops and undoes",
            _ => binding.word,
        }
    }

    /// Follows the run: a question that it has overtaken is closed, so that Enter never answers another.
    pub fn follow(&mut self, run: &Run) {
        let over = run.phase().0.is_over();
        let overtaken = match &self.open {
            Some(Open::Stop) => over || matches!(run.phase().0, Phase::Undoing(_)),
            Some(Open::GoOn(asked)) => run.waits_for_person().is_none_or(|(step, _)| step != *asked),
            Some(Open::Skip(asked)) => run.current_step().is_none_or(|(step, _)| step != *asked),
            Some(Open::Note(_)) => over,
            Some(Open::Word(_)) => !preflight::is_ready(run),
            Some(Open::Help | Open::Runbook { .. } | Open::Palette(_) | Open::Filter(_)) | None => false,
        };
        if overtaken {
            self.open = None;
        }
        // what is undone is seen as it is
        self.frozen &= !over && !matches!(run.phase().0, Phase::Undoing(_));
    }

    /// Takes a key.
    pub fn press(&mut self, event: KeyEvent, run: &Run) -> Option<Deed> {
        if event.kind == KeyEventKind::Release {
            return None;
        }
        self.said = None;
        let scope = self.scope(run);
        let Some(act) = self.keys.find(scope, event).map(|binding| binding.act) else {
            return self.write(event);
        };
        if act != Act::Interrupt {
            self.armed = false;
        }
        self.act(act, run)
    }

    /// Does what a key means.
    pub fn act(&mut self, act: Act, run: &Run) -> Option<Deed> {
        // somebody else's run goes on without us
        let over = run.phase().0.is_over() || self.seat != Seat::Leader;
        let undoing = matches!(run.phase().0, Phase::Undoing(_));
        match act {
            Act::Play(wish) => return Some(Deed::Play(wish)),
            Act::Start if preflight::is_ready(run) && run.typed_word().is_some() => self.open = Some(Open::Word(String::new())),
            Act::Start => return preflight::is_ready(run).then_some(Deed::Command(Command::Start)),
            Act::Stop | Act::Note if over => return None,
            Act::Interrupt => return Some(self.interrupt(over, undoing)),
            Act::Note => self.open = Some(Open::Note(String::new())),
            Act::Runbook => {
                let url = run.scenario().runbook.clone()?;
                self.open = Some(Open::Runbook { opened: false });
                return Some(Deed::Browse(url));
            }
            Act::GoOn => self.open = run.waits_for_person().map(|(step, _)| Open::GoOn(step)),
            Act::Failed => {
                if let (Some(Open::GoOn(step)), true) = (self.open.clone(), self.offers(Act::Failed, run)) {
                    self.open = None;
                    let why = Untrusted::from(format!("{} says so", self.author));
                    return Some(Deed::Command(Command::Answer { step, answer: Answer::Failed { why } }));
                }
            }
            Act::Skip => self.open = run.current_step().map(|(step, _)| Open::Skip(step)),
            Act::NextChart | Act::LastChart if self.screen(run) == Screen::Home => self.stroll(Act::NextList),
            Act::NextChart => self.chart = self.chart.wrapping_add(1),
            Act::LastChart => self.chart = self.chart.wrapping_sub(1),
            Act::BigType => self.letters = self.letters.turned(),
            Act::Chart(turn) => zoom::turn(self, turn, run),
            Act::Look(aspect) => {
                // whoever looks while everything is undone wants to see it; an undo that begins over a look is shown
                self.undo_hidden |= undoing;
                return self.look(aspect, run).map(Deed::Look);
            }
            Act::Wrap => self.looking.iter_mut().for_each(|looking| looking.wraps = !looking.wraps),
            Act::Down | Act::Up | Act::PageDown | Act::PageUp | Act::Top | Act::Bottom => self.scroll(act, run),
            Act::NextCheck => self.turn_to_check(run, |at, last| (at + 1).min(last)),
            Act::LastCheck => self.turn_to_check(run, |at, _| at.saturating_sub(1)),
            Act::MoreOfCheck => self.check_scrolled = self.check_scrolled.saturating_add(PAGE_OF_CHECK).min(LONGEST_CHECK),
            Act::LessOfCheck => self.check_scrolled = 0,
            Act::Passed => self.passed_turned = !self.passed_turned,
            // whoever goes back to the usual screen has the findings once they are there
            Act::Show(screen) => self.screen = Some(screen).filter(|_| self.offers(act, run) && screen != Hands::usual(run)),
            Act::Palette => self.open = Some(Open::Palette(Palette::default())),
            Act::Complete => self.complete(run),
            Act::NextChoice | Act::LastChoice => self.mark(run, act == Act::LastChoice),
            Act::Obey => return self.obey(run),
            Act::Filter if !self.filters(run) => return None,
            Act::Filter => self.open = Some(Open::Filter(self.filter().text().to_owned())),
            Act::Sort(column) => self.order = Order::turned(self.order, column),
            Act::Freeze => self.frozen = !self.frozen && self.offers(act, run),
            Act::Copy => {
                let (what, text) = copied::text(run, self)?;
                return Some(Deed::Copy(what, text));
            }
            Act::Help => self.open = Some(Open::Help),
            Act::Quit | Act::Home if over => return Some(Deed::Leave),
            Act::Home if run.begun().is_some() => self.screen = self.porch.is_some().then_some(Screen::Home).or(self.screen),
            Act::Edit if self.edits && run.begun().is_none_or(|_| over) => return Some(Deed::Edit),
            // those of the home screen, where there is no run
            Act::Open | Act::Rehearse | Act::Edit | Act::NextList => return None,
            // leaving a live run is stopping it
            Act::Stop | Act::Quit | Act::Home => {
                self.undo_hidden = false;
                self.open = (!undoing).then_some(Open::Stop);
            }
            Act::Confirm => return self.confirm(run),
            Act::Close => self.close(run),
            Act::Send => return self.send(),
            Act::Erase | Act::Clear => self.erase(act == Act::Clear),
        }
        Some(Deed::Draw)
    }

    /// One step back: what is open, what is hidden, what is marked, the screen.
    fn close(&mut self, run: &Run) {
        let undoing = matches!(run.phase().0, Phase::Undoing(_));
        match self.open.take() {
            Some(Open::Filter(_)) => self.filter_by(Filter::default()),
            Some(_) => {}
            None if undoing && !self.undo_hidden => self.undo_hidden = true,
            // where the screen is scrolled to stays as it was
            None if self.looking.is_some() => return self.look_away(),
            None if self.zoom.clear() => {}
            None if self.frozen => self.frozen = false,
            None if !self.filter.is_empty() => self.filter = Filter::default(),
            None if self.chosen.is_some() => self.chosen = None,
            // at the top there is home, and from there it goes back
            None if self.screen.is_none() && self.place(run) == Scope::Live => self.screen = self.porch.is_some().then_some(Screen::Home),
            None => self.screen = None,
        }
        self.scrolled = 0;
    }

    /// Moves about at home while the run goes on.
    fn stroll(&mut self, act: Act) {
        if let Some(home) = &self.porch {
            self.lobby.stroll(act, home);
        }
    }
}

/// Whether the preflight is what there is to see.
pub(super) fn checks_are_shown(run: &Run) -> bool {
    matches!(run.phase().0, Phase::Preflight | Phase::Ready | Phase::Undoing(End::Refused(_))) || preflight::refusal(run).is_some()
}

//! What the operator's hands did to the screen: what is open, where it is scrolled to. Not journalled.

use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use crate::command::{AbortedBy, Answer, Command};
use crate::run::Run;
use crate::run::checks::Grade;
use crate::run::phase::{End, Phase};
use crate::seat::{Play, Seat};
use crate::text::Untrusted;
use crate::tui::keys::{Act, Keys, Scope, Screen};
use crate::tui::letters::Type;
use crate::tui::zoom::{self, Zoom};
use crate::wording::preflight::{self, Board, Item};

/// The longest note.
const LONGEST_NOTE: usize = 500;

/// A page of the timeline.
const PAGE: usize = 5;

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
pub struct Hands {
    /// What is open.
    pub open: Option<Open>,
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
    /// How many rows of pods are scrolled away.
    pub pods_scrolled: usize,
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
    /// Move in the recorded run.
    Play(Play),
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
            Some(Open::Note(_) | Open::Word(_)) => Scope::Writing,
            None => self.place(run),
        }
    }

    /// The screen that is shown.
    #[must_use]
    pub fn screen(&self, run: &Run) -> Screen {
        self.screen.unwrap_or(if run.phase().0.is_over() { Screen::Findings } else { Screen::Cockpit })
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
            Act::Chart(_) => matches!(self.screen(run), Screen::Cockpit | Screen::Metrics),
            Act::NextCheck | Act::LastCheck => Board::of(run).rows(self.passed_turned).len() > 1,
            Act::Passed => checks_are_shown(run) && !Board::of(run).passed.is_empty(),
            _ => true,
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
            Some(Open::Help | Open::Runbook { .. }) | None => false,
        };
        if overtaken {
            self.open = None;
        }
    }

    /// Takes what was pasted: only what is being written takes it.
    pub fn paste(&mut self, text: &str) {
        if let Some(Open::Note(note) | Open::Word(note)) = &mut self.open {
            let room = LONGEST_NOTE.saturating_sub(note.chars().count());
            note.extend(text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(room));
        }
    }

    /// Takes a key.
    pub fn press(&mut self, event: KeyEvent, run: &Run) -> Option<Deed> {
        if event.kind == KeyEventKind::Release {
            return None;
        }
        let scope = self.scope(run);
        let Some(act) = self.keys.find(scope, event).map(|binding| binding.act) else {
            return self.write(event);
        };
        if act != Act::Interrupt {
            self.armed = false;
        }
        self.act(act, run)
    }

    fn write(&mut self, event: KeyEvent) -> Option<Deed> {
        let KeyCode::Char(c) = event.code else { return None };
        if event.modifiers.intersects(KeyModifiers::CONTROL | KeyModifiers::ALT)
            || !matches!(self.open, Some(Open::Note(_) | Open::Word(_)))
        {
            return None;
        }
        self.paste(c.encode_utf8(&mut [0; 4]));
        Some(Deed::Draw)
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
            Act::NextChart => self.chart = self.chart.wrapping_add(1),
            Act::LastChart => self.chart = self.chart.wrapping_sub(1),
            Act::BigType => self.letters = self.letters.turned(),
            Act::Chart(turn) => zoom::turn(self, turn, run),
            Act::Down | Act::Up | Act::PageDown | Act::PageUp | Act::Top | Act::Bottom => self.scroll(act, run),
            Act::NextCheck => self.turn_to_check(run, |at, last| (at + 1).min(last)),
            Act::LastCheck => self.turn_to_check(run, |at, _| at.saturating_sub(1)),
            Act::MoreOfCheck => self.check_scrolled = self.check_scrolled.saturating_add(PAGE_OF_CHECK).min(LONGEST_CHECK),
            Act::LessOfCheck => self.check_scrolled = 0,
            Act::Passed => self.passed_turned = !self.passed_turned,
            Act::Show(screen) => self.screen = Some(screen).filter(|_| self.offers(act, run)),
            Act::Help => self.open = Some(Open::Help),
            Act::Quit if over => return Some(Deed::Leave),
            // leaving a live run is stopping it
            Act::Stop | Act::Quit => {
                self.undo_hidden = false;
                self.open = (!undoing).then_some(Open::Stop);
            }
            Act::Confirm => return self.confirm(run),
            Act::Close => {
                self.undo_hidden |= undoing && self.open.is_none();
                if self.open.take().is_none() && !self.zoom.clear() {
                    self.screen = None;
                }
                (self.scrolled, self.pods_scrolled) = (0, 0);
            }
            Act::Send => return self.send(),
            Act::Erase => {
                if let Some(Open::Note(note) | Open::Word(note)) = &mut self.open {
                    note.pop();
                }
            }
            Act::Clear => {
                if let Some(Open::Note(note) | Open::Word(note)) = &mut self.open {
                    note.clear();
                }
            }
        }
        Some(Deed::Draw)
    }

    /// Shows another check in whole; the first press shows which one is.
    fn turn_to_check(&mut self, run: &Run, to: impl Fn(usize, usize) -> usize) {
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

    /// Scrolls what the screen is about: the pods from their first, the timeline from its newest.
    fn scroll(&mut self, act: Act, run: &Run) {
        if checks_are_shown(run) {
            // whoever looks on has no keys of their own for the checks
            let up = matches!(act, Act::Up | Act::PageUp | Act::Top);
            return self.turn_to_check(run, |at, last| if up { at.saturating_sub(1) } else { (at + 1).min(last) });
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
            let pods: usize = run.fleet().targets.iter().map(|target| target.pods.len()).sum();
            self.pods_scrolled = self.pods_scrolled.saturating_sub(up).saturating_add(down).min(pods);
        } else {
            let most = run.timeline().len().saturating_sub(1);
            self.scrolled = self.scrolled.saturating_sub(down).saturating_add(up).min(most);
        }
    }

    /// Ctrl-C stops and undoes at once, without a question; twice in a row it leaves, whatever is left. It does not wait for
    /// the picture of the stopped run: the second may come before that.
    fn interrupt(&mut self, over: bool, undoing: bool) -> Deed {
        if over {
            return Deed::Leave;
        }
        self.open = None;
        self.undo_hidden = false;
        if std::mem::replace(&mut self.armed, true) {
            return Deed::Command(Command::Leave);
        }
        if undoing { Deed::Draw } else { Deed::Command(Command::Abort { by: AbortedBy::Interrupt }) }
    }

    fn confirm(&mut self, run: &Run) -> Option<Deed> {
        match self.open.take()? {
            Open::Stop if !run.phase().0.is_over() => Some(Deed::Command(Command::Abort { by: AbortedBy::Key })),
            Open::Skip(asked) if run.current_step().is_some_and(|(step, _)| step == asked) => Some(Deed::Command(Command::Skip)),
            Open::GoOn(asked) if run.waits_for_person().is_some_and(|(step, _)| step == asked) => {
                let begun = run.step_begun(asked).is_some();
                Some(Deed::Command(if begun {
                    Command::Answer { step: asked, answer: Answer::Done }
                } else {
                    Command::Release { step: asked }
                }))
            }
            Open::Stop | Open::GoOn(_) | Open::Skip(_) | Open::Help | Open::Note(_) | Open::Word(_) | Open::Runbook { .. } => {
                Some(Deed::Draw)
            }
        }
    }

    fn send(&mut self) -> Option<Deed> {
        let note = match self.open.take()? {
            Open::Note(note) => note,
            // the fold compares: what is typed here is only told
            Open::Word(typed) => return Some(Deed::Command(Command::Confirm { typed: typed.into() })),
            Open::Help | Open::Stop | Open::GoOn(_) | Open::Skip(_) | Open::Runbook { .. } => return Some(Deed::Draw),
        };
        if note.trim().is_empty() {
            return Some(Deed::Draw);
        }
        let (author, text) = (Untrusted::from(self.author.as_str()), Untrusted::from(note.trim()));
        Some(Deed::Command(Command::Note { author, text }))
    }
}

/// Whether the preflight is what there is to see.
fn checks_are_shown(run: &Run) -> bool {
    matches!(run.phase().0, Phase::Preflight | Phase::Ready | Phase::Undoing(End::Refused(_))) || preflight::refusal(run).is_some()
}

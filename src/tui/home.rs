//! Home: what there is before a run. A loop of its own, since there is nothing yet that would have to go on meanwhile.

use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Receiver;
use std::time::Duration;

use crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers, MouseEventKind};
use tokio::sync::mpsc::UnboundedSender;

use crate::face::home::{Drill, Home, News, PastRun, Reach, State};
use crate::tui::filter::Filter;
use crate::tui::keys::{Act, Keys, Scope};
use crate::tui::panels;
use crate::tui::theme::Theme;
use crate::tui::{ascii, terminal};

/// How often it is looked whether the cluster has answered.
const LOOK_UP: Duration = Duration::from_millis(50);
/// A page of a list.
const PAGE: usize = 10;

/// What was chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Choice {
    /// Leave gameday.
    Leave,
    /// To the preflight of this scenario on the cluster.
    Run(PathBuf),
    /// Rehearse this scenario.
    Rehearse(PathBuf),
    /// Open this scenario in the editor.
    Edit(PathBuf),
    /// Replay the run of this folder.
    Replay(PathBuf),
    /// Look on at the live run of this folder.
    Watch(PathBuf),
}

/// Which list is moved in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum List {
    /// The scenarios.
    #[default]
    Drills,
    /// Past runs.
    Runs,
}

/// What the operator's hands did at home. Kept from one visit to the next.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Lobby {
    /// Which list is moved in.
    pub list: List,
    /// The marked scenario, among those shown.
    pub drill: usize,
    /// The marked run, among those shown.
    pub run: usize,
    /// What is shown of both.
    pub filter: Filter,
    /// The filter that is being written.
    pub writing: Option<String>,
    /// Whether the keys are told.
    pub help: bool,
    /// What could not be done: told until the next key.
    pub said: Option<String>,
}

impl Lobby {
    /// The scenarios that the filter lets through.
    #[must_use]
    pub fn drills<'h>(&self, home: &'h Home) -> Vec<&'h Drill> {
        let text = |drill: &Drill| format!("{} {}", drill.file.display(), drill.scenario.as_ref().map_or("", |scenario| &scenario.name));
        home.drills.iter().filter(|drill| self.filter.takes(&text(drill))).collect()
    }

    /// The marked scenario.
    #[must_use]
    pub fn marked<'h>(&self, home: &'h Home) -> Option<&'h Drill> {
        self.drills(home).get(self.drill).copied()
    }

    /// The runs that the filter lets through.
    #[must_use]
    pub fn runs<'h>(&self, home: &'h Home) -> Vec<&'h PastRun> {
        home.runs.iter().filter(|run| self.filter.takes(&format!("{} {}", run.id.raw(), run.drill.raw()))).collect()
    }

    /// Takes a key; says what was chosen, if anything was.
    pub fn press(&mut self, event: KeyEvent, home: &Home, keys: &Keys) -> Option<Choice> {
        if event.kind == KeyEventKind::Release {
            return None;
        }
        self.said = None;
        let scope = if self.writing.is_some() { Scope::Writing } else { Scope::Home };
        let Some(binding) = keys.find(scope, event) else {
            self.write(event);
            return None;
        };
        self.act(binding.act, home)
    }

    fn write(&mut self, event: KeyEvent) {
        let KeyCode::Char(c) = event.code else { return };
        if !event.modifiers.intersects(KeyModifiers::CONTROL | KeyModifiers::ALT)
            && let Some(text) = &mut self.writing
        {
            text.push(c);
            self.rewritten();
        }
    }

    fn rewritten(&mut self) {
        if let Some(text) = &self.writing {
            self.filter = Filter::of(text);
            (self.drill, self.run) = (0, 0);
        }
    }

    /// Moves the marks; opens nothing.
    pub fn stroll(&mut self, act: Act, home: &Home) {
        if matches!(act, Act::NextList | Act::Down | Act::Up | Act::PageDown | Act::PageUp | Act::Top | Act::Bottom) {
            self.act(act, home);
        }
    }

    fn act(&mut self, act: Act, home: &Home) -> Option<Choice> {
        let help = std::mem::take(&mut self.help);
        match act {
            Act::Quit | Act::Interrupt => return Some(Choice::Leave),
            Act::Help => self.help = !help,
            Act::NextList => self.list = if self.list == List::Drills { List::Runs } else { List::Drills },
            Act::Filter => self.writing = Some(self.filter.text().to_owned()),
            Act::Send => self.writing = None,
            Act::Erase => {
                self.writing.as_mut().and_then(String::pop);
                self.rewritten();
            }
            Act::Clear => {
                self.writing = self.writing.as_ref().map(|_| String::new());
                self.rewritten();
            }
            Act::Close if help => {}
            Act::Close => {
                self.writing = None;
                self.filter = Filter::default();
            }
            Act::Open | Act::Rehearse | Act::Edit => return self.choose(act, home),
            Act::Down => self.step(home, |at| at.saturating_add(1)),
            Act::Up => self.step(home, |at| at.saturating_sub(1)),
            Act::PageDown => self.step(home, |at| at.saturating_add(PAGE)),
            Act::PageUp => self.step(home, |at| at.saturating_sub(PAGE)),
            Act::Top => self.step(home, |_| 0),
            Act::Bottom => self.step(home, |_| usize::MAX),
            _ => {}
        }
        None
    }

    fn step(&mut self, home: &Home, to: impl Fn(usize) -> usize) {
        let (at, all) = match self.list {
            List::Drills => (self.drill, self.drills(home).len()),
            List::Runs => (self.run, self.runs(home).len()),
        };
        let next = to(at.min(all.saturating_sub(1))).min(all.saturating_sub(1));
        match self.list {
            List::Drills => self.drill = next,
            List::Runs => self.run = next,
        }
    }

    fn choose(&mut self, act: Act, home: &Home) -> Option<Choice> {
        if self.list == List::Runs && act == Act::Open {
            let run = self.runs(home).get(self.run).copied()?;
            let folder = run.folder.clone();
            return Some(if run.state == State::Live { Choice::Watch(folder) } else { Choice::Replay(folder) });
        }
        let drill = self.marked(home)?;
        let file = drill.file.clone();
        match (act, &drill.scenario, home.reach(Some(drill))) {
            (Act::Edit, ..) => Some(Choice::Edit(file)),
            (_, Err(_), _) => {
                self.said = Some(format!("it has mistakes: gameday check {} tells them all", file.display()));
                None
            }
            (Act::Rehearse, ..) | (_, _, Reach::None(_)) => Some(Choice::Rehearse(file)),
            _ => Some(Choice::Run(file)),
        }
    }
}

/// What is learnt meanwhile, and who is told which scenario is marked, if any is.
pub type Wires<'w> = (&'w Receiver<News>, &'w UnboundedSender<Option<PathBuf>>);

/// Takes the terminal until something is chosen; `wires` bring what is learnt meanwhile. Ends with [`Choice::Leave`] once `wanted`
/// is false.
///
/// # Errors
/// There is no terminal, or it is gone.
pub fn choose(
    home: &mut Home,
    lobby: &mut Lobby,
    wires: Wires<'_>,
    (keys, theme, mouse): (&Keys, &Theme, bool),
    wanted: &AtomicBool,
) -> io::Result<Choice> {
    let screen = terminal::take(mouse)?;
    let chosen = look_on(screen, home, lobby, wires, (keys, theme), wanted);
    terminal::give_back();
    chosen
}

fn look_on(
    mut screen: terminal::Screen,
    home: &mut Home,
    lobby: &mut Lobby,
    (news, marker): Wires<'_>,
    (keys, theme): (&Keys, &Theme),
    wanted: &AtomicBool,
) -> io::Result<Choice> {
    let mut changed = true;
    let mut told = None;
    loop {
        for news in news.try_iter() {
            match news {
                News::Cluster(context, reach) => drop(home.clusters.insert(context, reach)),
                News::Aims(file, aims) => drop(home.aims.insert(file, aims)),
            }
            changed = true;
        }
        let marked = lobby.marked(home).map(|drill| drill.file.clone());
        if told.as_ref() != Some(&marked) {
            told = Some(marked.clone());
            // whoever asks the cluster no more needs not to know
            let _ = marker.send(marked);
        }
        if changed {
            screen.draw(|frame| {
                panels::home::draw(home, lobby, keys, theme, frame.area(), frame.buffer_mut());
                if theme.ascii {
                    ascii::translate(frame.buffer_mut());
                }
            })?;
        }
        changed = false;
        if !wanted.load(Ordering::SeqCst) || !terminal::is_taken() {
            return Ok(Choice::Leave);
        }
        if !event::poll(LOOK_UP)? {
            continue;
        }
        changed = true;
        let choice = match event::read()? {
            Event::Key(key) => lobby.press(key, home, keys),
            Event::Mouse(mouse) if mouse.kind == MouseEventKind::ScrollDown => lobby.act(Act::Down, home),
            Event::Mouse(mouse) if mouse.kind == MouseEventKind::ScrollUp => lobby.act(Act::Up, home),
            _ => None,
        };
        if let Some(choice) = choice {
            return Ok(choice);
        }
    }
}

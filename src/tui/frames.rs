//! The thread that draws: input first, news as they come, never more often than is seen.

use std::cell::RefCell;
use std::io;
use std::process::{Command as Process, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender};
use std::time::{Duration, Instant};

use crossterm::event::{self, Event, MouseButton, MouseEvent, MouseEventKind};
use tokio::sync::mpsc::UnboundedSender;

use crate::clock::At;
use crate::command::{AbortedBy, Command};
use crate::event::Event as Fact;
use crate::face::Asked;
use crate::face::home::{Drill, Home};
use crate::face::look::{Look, LookAt};
use crate::run::Run;
use crate::run::fleet::Target;
use crate::run::phase::Phase;
use crate::seat::Play;
use crate::tui::hands::{Deed, Hands, Open};
use crate::tui::keys::{Act, Scope, Screen as Page};
use crate::tui::panels;
use crate::tui::rate::{News, Rate};
use crate::tui::scene::{Scene, Spot, Touch};
use crate::tui::slot::{Shot, Slot};
use crate::tui::terminal::{self, Screen};
use crate::tui::theme::Theme;
use crate::tui::{ascii, clipboard, trap, view};

/// Between two ticks of clocks and growing bars.
const TICK: Duration = Duration::from_millis(100);
/// Between two ticks while nothing but ages grows.
const SLOW_TICK: Duration = Duration::from_millis(500);
/// Where nothing ticks.
const NEVER: Duration = Duration::from_hours(1);
/// How often the reader of keys looks whether it is still wanted.
const LOOK_UP: Duration = Duration::from_millis(50);

/// What wakes the thread.
#[derive(Debug)]
pub enum Wake {
    /// News lie ready.
    Shown,
    /// A key, a paste, a new size.
    Input(Event),
    /// The report was written there.
    Reported(String),
    /// What there is at home.
    Home(Box<Home>),
    /// The terminal does not answer any more.
    Lost(io::Error),
    /// Enough.
    Close,
}

/// All that the thread needs.
pub struct Frames {
    /// The terminal.
    pub screen: Screen,
    /// What wakes it.
    pub inbox: Receiver<Wake>,
    /// The news.
    pub slot: Arc<Slot>,
    /// Where decisions go, and wishes to look at a pod.
    pub asked: UnboundedSender<Asked>,
    /// What was seen of pods.
    pub looks: Receiver<Look>,
    /// When the newest of that came.
    pub looked: Option<Instant>,
    /// Whether more was asked for.
    pub waits: bool,
    /// Where wishes go of whoever plays a recorded run.
    pub wishes: UnboundedSender<Play>,
    /// The look.
    pub theme: Theme,
    /// The operator's hands.
    pub hands: Hands,
    /// What stands there until there is a run.
    pub waiting: String,
    /// Whether the operator left for the editor.
    pub edit: Arc<AtomicBool>,
    /// What the picture shows while it is frozen, and since when.
    pub held: Option<(Box<Run>, At)>,
    /// When the first news came that are on no picture yet.
    pub since: Option<Instant>,
    /// What can be touched of the last picture; its pods are those in view.
    pub spots: RefCell<Vec<Spot>>,
}

/// The one clock of this room: when frames are drawn. It never reaches the run.
#[expect(clippy::disallowed_methods, reason = "frames are drawn in real time; the run's time comes with the news")]
pub(super) fn tick() -> Instant {
    Instant::now()
}

/// The run that is shown, the moment, and when that was told.
struct Shown {
    run: Box<Run>,
    at: At,
    pace: f64,
    came: Instant,
}

impl Shown {
    /// The run's moment now: its clock runs on between two entries.
    fn now(&self) -> At {
        let on = if self.pace > 0.0 { tick().duration_since(self.came).mul_f64(self.pace) } else { Duration::ZERO };
        self.at + on
    }

    fn tick(&self) -> Duration {
        match self.run.phase().0 {
            // nothing grows but by news
            _ if self.pace == 0.0 => NEVER,
            Phase::Gate | Phase::Steps | Phase::Settling | Phase::Undoing(_) => TICK,
            Phase::Preflight | Phase::Ready => SLOW_TICK,
            Phase::Sealed => NEVER,
        }
    }
}

impl Frames {
    /// Takes what lies ready into what is shown.
    fn take(&mut self, shown: Option<Shown>) -> (Option<Shown>, News) {
        let Some(Shot { run, news, at, pace, seat, came, queued }) = self.slot.take() else { return (shown, News::None) };
        self.since.get_or_insert(came);
        self.hands.lags.queued(queued);
        let known = run.is_none();
        if !known && shown.is_some() {
            self.hands.lags.leapt();
        }
        // news without a run to follow on are laid down by nobody
        let Some(mut run) = run.or(shown.map(|shown| shown.run)) else { return (None, News::None) };
        let before = self.gist(&run);
        for entry in &news {
            // what is to be done about it is the driver's
            run.apply(entry);
        }
        let beside = known && news.iter().all(|entry| self.is_beside(&entry.event)) && self.gist(&run) == before;
        self.hands.seat = seat;
        self.hands.follow(&run);
        (Some(Shown { run, at, pace, came: tick() }), if beside { News::Beside } else { News::InView })
    }

    /// Whether this tells of a pod that is not in view.
    fn is_beside(&self, event: &Fact) -> bool {
        let Fact::PodSeen(fact) = event else { return false };
        !self.spots.borrow().iter().any(|spot| matches!(&spot.touch, Touch::Pod(uid) if *uid == fact.pod.uid))
    }

    /// What a pod that is not in view can change of the picture: how many are ready, and the timeline where it stands.
    fn gist(&self, run: &Run) -> (Vec<Option<u32>>, usize) {
        let in_view = self.spots.borrow().iter().any(|spot| spot.touch == Touch::Timeline);
        let told = if in_view { run.timeline().len() } else { 0 };
        (run.fleet().targets.iter().map(Target::ready).collect(), told)
    }

    /// Draws until it is told to end, the operator leaves, or the terminal is gone.
    ///
    /// # Errors
    /// The terminal is gone.
    pub fn run(mut self) -> io::Result<()> {
        let mut shown: Option<Shown> = None;
        let mut rate = Rate::begun(self.draw(None, At::ZERO)?);
        let mut clock = At::ZERO;
        let mut news = News::None;
        loop {
            let calm = if self.hands.looking.is_some() { SLOW_TICK } else { NEVER };
            let pause = shown.as_ref().map_or(NEVER, Shown::tick).min(calm);
            let wake = self.inbox.recv_timeout(rate.due(news, pause).saturating_duration_since(tick()));
            if !terminal::is_taken() {
                return Ok(());
            }
            match wake {
                Ok(Wake::Close) | Err(RecvTimeoutError::Disconnected) => return Ok(()),
                Ok(Wake::Lost(error)) => return Err(error),
                Ok(Wake::Input(event)) => {
                    if self.input(event, shown.as_ref().map(|shown| &*shown.run), clock) {
                        return Ok(());
                    }
                    news = News::InView;
                }
                Ok(Wake::Reported(path)) => {
                    self.hands.report = Some(path);
                    news = News::InView;
                }
                Ok(Wake::Home(home)) => {
                    let own = shown.as_ref().map(|shown| &shown.run.scenario().name);
                    let is_own = |drill: &Drill| drill.scenario.as_ref().ok().map(|scenario| &scenario.name) == own;
                    self.hands.lobby.drill = home.drills.iter().position(is_own).unwrap_or_default();
                    self.hands.porch = Some(Arc::new(*home));
                    news = News::InView;
                }
                Ok(Wake::Shown) => {}
                Err(RecvTimeoutError::Timeout) => news = News::InView,
            }
            // on every wake: an inbox full of keys had no place to say that there are news
            let (now_shown, came) = self.take(shown);
            shown = now_shown;
            news = news.max(came).max(if self.look() { News::InView } else { News::None });
            // the run that was left for the editor before it began is over
            if self.edit.load(Ordering::SeqCst) && shown.as_ref().is_some_and(|shown| shown.run.phase().0.is_over()) {
                return Ok(());
            }
            match (&shown, self.hands.frozen) {
                (Some(shown), true) if self.held.is_none() => self.held = Some((shown.run.clone(), clock)),
                (_, true) => {}
                (_, false) => self.held = None,
            }
            if news == News::InView && tick() >= rate.next() {
                if let Some(shown) = &shown {
                    let now = shown.now();
                    // a shown clock does not step back for the jitter of what is told
                    let jitter = clock.since(now) < Duration::from_millis(300) && clock > now && shown.pace > 0.0;
                    clock = if jitter { clock } else { now };
                }
                rate.drawn(self.draw(shown.as_ref().map(|shown| &*shown.run), clock)?);
                news = News::None;
            }
        }
    }

    fn ask(&mut self, at: LookAt) {
        self.waits = true;
        // where nobody looks any more what is shown stays, and its age says so
        let _ = self.asked.send(Asked::Look(at));
    }

    /// Takes what was seen of the pod that is looked at, and asks again where that has become old; says whether something came.
    fn look(&mut self) -> bool {
        let Some(looking) = &mut self.hands.looking else {
            self.looks.try_iter().for_each(drop);
            return false;
        };
        let mut news = false;
        for look in self.looks.try_iter() {
            news |= looking.take(look);
        }
        if news {
            (self.looked, self.waits) = (Some(tick()), false);
        }
        looking.age = self.looked.map_or(Duration::ZERO, |came| tick().duration_since(came));
        // one that is slow to come is waited for
        if looking.is_stale() && !self.waits {
            let at = looking.at.clone();
            self.ask(at);
        }
        news
    }

    /// Draws, and says when it began to: what takes long to draw is not shown later still.
    fn draw(&mut self, run: Option<&Run>, now: At) -> io::Result<Instant> {
        let begun = tick();
        self.hands.late = self.hands.lags.told(begun);
        let (theme, hands, waiting, held, spots) = (&self.theme, &self.hands, &self.waiting, &self.held, &self.spots);
        spots.borrow_mut().clear();
        self.screen.draw(|frame| {
            let area = frame.area();
            match run {
                Some(run) => {
                    trap::spring("drawing", run);
                    let scene = Scene::new(run, now, theme, hands).frozen(held.as_ref()).noting(spots);
                    view::draw(&scene, area, frame.buffer_mut());
                }
                None => panels::waiting::draw(waiting, &hands.keys, theme, area, frame.buffer_mut()),
            }
            if theme.ascii {
                ascii::translate(frame.buffer_mut());
            }
        })?;
        self.hands.lags.drawn(self.since.take(), tick());
        Ok(begun)
    }

    /// Takes input; says whether the operator leaves.
    fn input(&mut self, event: Event, run: Option<&Run>, now: At) -> bool {
        let Some(run) = run else {
            let Event::Key(key) = event else { return false };
            return self.hands.keys.find(Scope::Before, key).is_some_and(|binding| matches!(binding.act, Act::Quit | Act::Interrupt));
        };
        let deed = match event {
            Event::Key(key) => self.hands.press(key, run),
            Event::Paste(text) => {
                self.hands.paste(&text);
                None
            }
            Event::Mouse(mouse) => self.mouse(mouse, run, now),
            Event::Resize(..) | Event::FocusGained | Event::FocusLost => None,
        };
        match deed {
            Some(Deed::Command(command)) => {
                // a driver that is gone needs no commands
                let _ = self.asked.send(Asked::Command(command));
            }
            Some(Deed::Look(at)) => self.ask(at),
            Some(Deed::Browse(url)) => {
                let opened = browse(&url);
                if let Some(Open::Runbook { opened: said }) = &mut self.hands.open {
                    *said = opened;
                }
            }
            Some(Deed::Copy(what, text)) => {
                self.hands.said = Some(match clipboard::put(&text, self.screen.backend_mut()) {
                    Ok(way) => format!("copied ({way}): {what}"),
                    Err(why) => format!("{what} could not be copied: {why}"),
                });
            }
            Some(Deed::Play(wish)) => {
                // a player that is gone needs no wishes
                let _ = self.wishes.send(wish);
            }
            Some(Deed::Edit) => {
                self.edit.store(true, Ordering::SeqCst);
                if run.phase().0.is_over() {
                    return true;
                }
                let _ = self.asked.send(Asked::Command(Command::Abort { by: AbortedBy::Key }));
            }
            Some(Deed::Leave) => return true,
            Some(Deed::Draw) | None => {}
        }
        false
    }
}

impl Frames {
    /// The wheel scrolls, a click on a screen's name shows it, one on a pod marks it. Nothing that a mouse does reaches the cluster.
    fn mouse(&mut self, mouse: MouseEvent, run: &Run, now: At) -> Option<Deed> {
        match mouse.kind {
            MouseEventKind::ScrollDown | MouseEventKind::ScrollUp if self.hands.open.is_none() => {
                let act = if mouse.kind == MouseEventKind::ScrollDown { Act::Down } else { Act::Up };
                self.hands.act(act, run)
            }
            MouseEventKind::Down(MouseButton::Left) => {
                self.hands.said = None;
                let scene = Scene::new(run, now, &self.theme, &self.hands).frozen(self.held.as_ref());
                let touch = view::touched(&scene, &self.spots.borrow(), (mouse.column, mouse.row));
                match touch? {
                    Touch::Act(act) => self.hands.act(act, run),
                    Touch::Timeline => self.hands.act(Act::Show(Page::Timeline), run),
                    Touch::Pod(uid) => {
                        self.hands.chosen = Some(uid);
                        Some(Deed::Draw)
                    }
                }
            }
            _ => None,
        }
    }
}

/// Reads keys until nobody wants them.
pub fn read(inbox: &SyncSender<Wake>, wanted: &AtomicBool) {
    while wanted.load(Ordering::SeqCst) {
        let wake = match event::poll(LOOK_UP) {
            Ok(false) => continue,
            Ok(true) => event::read().map_or_else(Wake::Lost, Wake::Input),
            Err(error) => Wake::Lost(error),
        };
        let lost = matches!(wake, Wake::Lost(_));
        if inbox.send(wake).is_err() || lost {
            return;
        }
    }
}

/// Starts a browser where there is one that does not want this terminal.
fn browse(url: &str) -> bool {
    let program = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
    let windows = ["DISPLAY", "WAYLAND_DISPLAY"].iter().any(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()));
    if !(url.starts_with("http://") || url.starts_with("https://")) || !(cfg!(target_os = "macos") || windows) {
        return false;
    }
    Process::new(program).arg(url).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().is_ok()
}

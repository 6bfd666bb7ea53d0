//! The cockpit: the screen a leader keeps on the wall.
//!
//! Owns [`Cockpit`], a [`Face`] for a terminal. It draws on a thread of its own in real time, since
//! the driver's clock may be a simulated one, and it folds the
//! entries there into a [`Run`] of its own: the same header and entries give the same run. It fetches
//! nothing, decides nothing, and knows no time but that of its frames: everything that is shown
//! follows from that run, the moment that is shown, and what the operator's hands did to the screen.
//!
//! - `hands`: keys to deeds, by the one table in `keys`; `theme`: the roles of the look;
//! - `roster` and `filter`: which pods, in which order; `copied` and `clipboard`: what is copied, and where to;
//! - `view`: which panel stands where; `panels`: one a file; `charts` and `plot`: what they draw; `span` and `zoom`: of
//!   which time;
//! - `frames`: the thread; `slot`: what it is to draw; `rate`: how often; `lags`: how late; `terminal`: taking it and giving it back.
//!
//! Sentences come from [`crate::wording`]; text from outside arrives there as `Untrusted`.

pub mod ascii;
pub mod cells;
pub mod charts;
mod clipboard;
mod copied;
pub mod filter;
mod frames;
pub mod hands;
pub mod home;
pub mod keys;
mod lags;
pub mod letters;
pub mod panels;
pub mod plot;
mod rate;
pub mod roster;
pub mod scene;
mod slot;
pub mod span;
mod terminal;
pub mod theme;
mod trap;
pub mod view;
pub mod zoom;

use std::cell::RefCell;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Sender, SyncSender, channel, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::sync::oneshot;

use crate::clock::At;
use crate::command::{AbortedBy, Command};
use crate::event::Entry;
use crate::face::home::Home;
use crate::face::look::{Look as Seen, LookAt};
use crate::face::{Asked, Face};
use crate::run::Run;
use crate::run::phase::Phase;
use crate::run::timeline::Noted;
use crate::seat::{Play, Seat};
use crate::tui::frames::{Frames, Wake};
use crate::tui::hands::Hands;
use crate::tui::keys::Keys;
use crate::tui::letters::Type;
use crate::tui::slot::{Shot, Slot};
use crate::tui::theme::look::Look;

/// How many keys may wait.
const INBOX: usize = 256;
/// How many entries may wait for a terminal that stalls: a copy of the run costs less then.
const BACKLOG: usize = 4096;
/// How long the reader of keys, and the thread that draws, may take to end.
const PATIENCE: Duration = Duration::from_millis(400);
/// How often a terminal that stalls is emptied.
const ROUNDS: u32 = 200;

/// What the cockpit has to know before it opens.
#[derive(Clone, Debug, PartialEq)]
pub struct Opening {
    /// How fast the run's clock goes against the real one: 1 on a cluster, 0 where it jumps.
    pub pace: f64,
    /// Whether the run begins as soon as its preflight has passed, without Enter.
    pub start: bool,
    /// Who writes notes.
    pub author: String,
    /// The keys as they are bound.
    pub keys: Keys,
    /// What decides the look.
    pub look: Look,
    /// Whether the mouse is ours: then the terminal selects text with Shift alone.
    pub mouse: bool,
    /// Whether it is written for the shared screen in the room.
    pub letters: Type,
    /// What stands there until there is a run to show.
    pub waiting: String,
    /// Whether the scenario is in a file that can be edited.
    pub edits: bool,
}

/// Where a cockpit is told what there is at home.
#[derive(Clone, Debug)]
pub struct Porch(SyncSender<Wake>);

impl Porch {
    /// Tells it.
    pub fn tell(&self, home: Home) {
        // a cockpit that is closed has no home
        let _ = self.0.send(Wake::Home(Box::new(home)));
    }
}

/// A face on a terminal.
#[derive(Debug)]
pub struct Cockpit {
    wake: SyncSender<Wake>,
    slot: Arc<Slot>,
    asked: UnboundedReceiver<Asked>,
    seen: Sender<Seen>,
    edit: Arc<AtomicBool>,
    wishes: UnboundedReceiver<Play>,
    pace: f64,
    left: Option<oneshot::Receiver<()>>,
    thread: Option<JoinHandle<io::Result<()>>>,
    reader: Option<JoinHandle<()>>,
    wanted: Arc<AtomicBool>,
    /// Entries since the last that was laid down; `None` until the thread has the run that they follow on.
    heard: Option<Vec<Entry>>,
    start: bool,
    started: bool,
    lost: bool,
    queued: usize,
}

impl Cockpit {
    /// Takes the terminal and draws.
    ///
    /// # Errors
    /// There is no terminal, or it does not obey.
    pub fn open(opening: Opening) -> io::Result<Cockpit> {
        let screen = terminal::take(opening.mouse)?;
        let (wake, inbox) = sync_channel(INBOX);
        let (sender, asked) = unbounded_channel();
        let (seen, looks) = channel();
        let (wisher, wishes) = unbounded_channel();
        let (leave, left) = oneshot::channel();
        let slot = Arc::new(Slot::default());
        let edit = Arc::new(AtomicBool::new(false));
        let frames = Frames {
            screen,
            inbox,
            slot: Arc::clone(&slot),
            asked: sender,
            looks,
            looked: None,
            waits: false,
            wishes: wisher,
            theme: opening.look.theme(),
            hands: Hands { keys: opening.keys, letters: opening.letters, edits: opening.edits, ..Hands::of(opening.author) },
            waiting: opening.waiting,
            edit: Arc::clone(&edit),
            held: None,
            since: None,
            spots: RefCell::default(),
        };
        let drawing = thread::Builder::new().name("cockpit".to_owned()).spawn(move || {
            // dropped however the thread ends, and with it whoever waits is told
            let _leave = leave;
            let done = frames.run();
            terminal::give_back();
            done
        });
        let wanted = Arc::new(AtomicBool::new(true));
        let reading = {
            let (wake, wanted) = (wake.clone(), Arc::clone(&wanted));
            thread::Builder::new().name("keys".to_owned()).spawn(move || frames::read(&wake, &wanted))
        };
        let mut cockpit = Cockpit {
            wake,
            slot,
            asked,
            seen,
            edit,
            wishes,
            pace: opening.pace,
            left: Some(left),
            thread: None,
            reader: None,
            wanted,
            heard: None,
            start: opening.start,
            started: false,
            lost: false,
            queued: 0,
        };
        cockpit.thread = Some(drawing.inspect_err(|_| terminal::give_back())?);
        cockpit.reader = Some(reading?);
        Ok(cockpit)
    }

    /// Shows the findings of a run that is over until the operator wants to look at a pod; none once they have left.
    ///
    /// Comes back at once if the run ended because nobody is there to read: after SIGTERM, a hangup,
    /// or when the operator left in a hurry. Cancel-safe.
    pub async fn debrief(&mut self, run: &Run) -> Option<LookAt> {
        let left = self.left.as_mut().filter(|_| is_read(run))?;
        loop {
            tokio::select! {
                biased;
                // an error says that the thread has ended, which is what is waited for
                _ = &mut *left => break,
                // a run that is over needs no commands
                Some(asked) = self.asked.recv() => if let Asked::Look(at) = asked {
                    return Some(at);
                },
            }
        }
        self.left = None;
        None
    }

    /// Shows a run to somebody who does not lead it: at this moment, which moves on by `pace` against the real clock. `news` is what
    /// came into the run since it was last shown; `None` where it is another.
    pub fn show_to(&mut self, seat: Seat, (run, news): (&Run, Option<&[Entry]>), at: At, pace: f64) {
        let (run, news) = match news.filter(|_| self.slot.waiting() <= BACKLOG) {
            Some(news) => (None, news.to_vec()),
            None => (Some(Box::new(run.clone())), Vec::new()),
        };
        self.lay(Shot { run, news, at, pace, seat, came: frames::tick(), queued: 0 });
    }

    /// Where it is told what there is at home.
    #[must_use]
    pub fn porch(&self) -> Porch {
        Porch(self.wake.clone())
    }

    /// Whether the operator left this run, which is over, to edit its scenario: not where it ended since nobody is there any more.
    #[must_use]
    pub fn edits(&self, run: &Run) -> bool {
        self.edit.load(Ordering::SeqCst) && is_read(run)
    }

    /// Says where the report of the shown run is.
    pub fn reported(&self, report: String) {
        // a thread that is gone needs no words
        let _ = self.wake.send(Wake::Reported(report));
    }

    /// What whoever plays a recorded run wishes next; none once they have left, or the terminal is gone. Cancel-safe.
    pub async fn wish(&mut self) -> Option<Play> {
        self.wishes.recv().await
    }

    fn lay(&self, shot: Shot) {
        if self.slot.lay(shot) {
            // full of keys: they wake the thread as well, and it looks again
            let _ = self.wake.try_send(Wake::Shown);
        }
    }

    /// Until the operator leaves, or the terminal is gone. Cancel-safe.
    pub async fn left(&mut self) {
        if let Some(left) = &mut self.left {
            // an error says that the thread has ended, which is what is waited for
            let _ = left.await;
            self.left = None;
        }
    }

    /// Gives the terminal back and ends the threads.
    ///
    /// # Errors
    /// What the drawing ended with: the terminal was gone, or it panicked.
    pub fn close(mut self) -> io::Result<()> {
        self.end()
    }

    fn end(&mut self) -> io::Result<()> {
        self.wanted.store(false, Ordering::SeqCst);
        let _ = self.wake.send(Wake::Close);
        let stalls = self.thread.as_ref().is_some_and(|drawing| !ends(drawing));
        if stalls {
            // a terminal that takes nothing: what it still has to take is thrown away until there is room for its way back
            for _ in 0..ROUNDS {
                if self.thread.as_ref().is_none_or(JoinHandle::is_finished) {
                    break;
                }
                terminal::discard();
                thread::sleep(PATIENCE / 20);
            }
            terminal::discard();
            if self.thread.as_ref().is_some_and(|drawing| !drawing.is_finished()) {
                return Err(io::Error::other("the terminal takes nothing; the run went on without it"));
            }
        }
        let drawn = match self.thread.take().map(JoinHandle::join) {
            Some(Ok(done)) => done,
            Some(Err(_)) => Err(io::Error::other("the cockpit broke down; the run went on without it")),
            None => Ok(()),
        };
        if let Some(reader) = self.reader.take() {
            // crossterm reads a terminal that has hung up for ever: such a reader ends with the process
            if ends(&reader) {
                let _ = reader.join();
            }
        }
        if stalls {
            terminal::give_back_again();
        } else {
            terminal::give_back();
        }
        drawn
    }
}

/// Waits a moment for a thread; says whether it has ended.
fn ends<T>(thread: &JoinHandle<T>) -> bool {
    for _ in 0..20 {
        if thread.is_finished() {
            break;
        }
        thread::sleep(PATIENCE / 20);
    }
    thread.is_finished()
}

impl Drop for Cockpit {
    fn drop(&mut self) {
        let _ = self.end();
    }
}

impl Face for Cockpit {
    fn hear(&mut self, entry: &Entry) {
        if let Some(heard) = &mut self.heard {
            heard.push(entry.clone());
        }
    }

    fn show(&mut self, run: &Run) {
        trap::spring("driving", run);
        if self.start && *run.phase().0 == Phase::Ready && run.begun().is_none() {
            self.start = false;
            self.started = true;
        }
        let live = !run.phase().0.is_over() && run.seq() > 0;
        let news = self.heard.replace(Vec::new()).filter(|_| self.slot.waiting() <= BACKLOG);
        let (whole, news) = match news {
            Some(news) => (None, news),
            None => (Some(Box::new(run.clone())), Vec::new()),
        };
        let pace = if live { self.pace } else { 0.0 };
        self.lay(Shot { run: whole, news, at: run.now(), pace, seat: Seat::Leader, came: frames::tick(), queued: self.queued });
    }

    fn queued(&mut self, waiting: usize) {
        self.queued = waiting;
    }

    fn looked(&mut self, look: Seen) {
        // a thread that is gone shows nothing; one whose inbox is full of keys is awake
        let _ = self.seen.send(look);
        let _ = self.wake.try_send(Wake::Shown);
    }

    async fn asked(&mut self) -> Asked {
        if self.started {
            self.started = false;
            return Asked::Command(Command::Start);
        }
        if !self.lost {
            if let Some(asked) = self.asked.recv().await {
                return asked;
            }
            self.lost = true;
            return Asked::Command(Command::Abort { by: AbortedBy::FaceLost });
        }
        std::future::pending().await
    }
}

/// Whether somebody is there to read the findings.
fn is_read(run: &Run) -> bool {
    !run.timeline()
        .iter()
        .any(|moment| matches!(moment.noted, Noted::Left | Noted::Aborted(AbortedBy::Terminate | AbortedBy::Hangup | AbortedBy::FaceLost)))
}

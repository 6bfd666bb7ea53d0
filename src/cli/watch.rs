//! `gameday watch`: a live run from another terminal, read-only: from its journal as it grows.

use std::path::Path;
use std::time::Duration;

use crate::cli::args::WatchArgs;
use crate::cli::outlet::Outlet;
use crate::cli::{Failure, LEFT, Means, REFUSED, USAGE, complain, drill, report, screen};
use crate::driver::{self, Signals};
use crate::face::Face;
use crate::headless::{Form, Headless};
use crate::journal::Journal;
use crate::journal::read::{Growth, Tail};
use crate::run::Run;
use crate::seat::Seat;
use crate::tui::Cockpit;
use crate::tui::letters::Type;
use crate::{archive, wording};

/// Between two looks at the journal.
const LOOK: Duration = Duration::from_millis(100);
/// How many looks between two at whether the run's process lives.
const ROUNDS: u32 = 10;

pub fn watch(args: &WatchArgs) -> Result<u8, Failure> {
    let folder = archive::find(&args.run).means(USAGE)?;
    let runtime = drill::runtime(false).means(REFUSED)?;
    let mut watched = Watched::of(&folder);
    runtime.block_on(async {
        let on_screen = screen::has_one(args.headless, args.output);
        let mut stand = if on_screen {
            let letters = if args.project { Type::Large } else { Type::Plain };
            let cockpit = screen::look_on(letters, "waiting for the first line of the journal".to_owned())?;
            Stand::Screen(Box::new(cockpit), folder.join("report.md").display().to_string())
        } else {
            Stand::Lines(Headless::new(Outlet::open().means(REFUSED)?, Form::from(args.output), false))
        };
        let looked = watched.look_on(&mut stand).await;
        // the terminal is given back before anything is said
        let closed = match stand {
            Stand::Screen(cockpit, _) => cockpit.close().means(REFUSED),
            Stand::Lines(_) => Ok(()),
        };
        looked?;
        closed
    })?;
    Ok(if screen::has_one(args.headless, args.output) { 0 } else { watched.code() })
}

/// Where it is shown.
enum Stand {
    /// On the screens; with the path of the report to come.
    Screen(Box<Cockpit>, String),
    /// In lines.
    Lines(Headless<Outlet>),
}

/// A journal that is followed.
struct Watched<'f> {
    folder: &'f Path,
    tail: Tail,
    run: Option<Run>,
    driven: bool,
    /// How many entries of it are shown; `None` where it was begun anew.
    shown: Option<usize>,
}

impl Watched<'_> {
    fn of(folder: &Path) -> Watched<'_> {
        Watched { folder, tail: Tail::of(folder.join(archive::JOURNAL)), run: None, driven: true, shown: None }
    }

    /// Until whoever looks on leaves; in lines, until there is nothing more to come.
    async fn look_on(&mut self, stand: &mut Stand) -> Result<(), Failure> {
        let mut signals = Signals::listen().means(REFUSED)?;
        for round in 0.. {
            // before the journal is read: what its process wrote last is read after
            let driven = if round % ROUNDS == 0 { Journal::is_live(&self.folder.join(archive::JOURNAL)) } else { self.driven };
            let new = self.look().means(USAGE)?;
            let news = new || driven != self.driven;
            self.driven = driven;
            if news {
                self.show(stand);
            }
            let over = self.run.as_ref().is_some_and(|run| run.phase().0.is_over()) || !self.driven;
            match stand {
                Stand::Lines(_) if over => return Ok(()),
                Stand::Lines(_) => tokio::select! {
                    biased;
                    _ = signals.next() => return Ok(()),
                    () = tokio::time::sleep(LOOK) => {}
                },
                Stand::Screen(cockpit, _) => tokio::select! {
                    biased;
                    () = cockpit.left() => return Ok(()),
                    _ = signals.next() => return Ok(()),
                    () = tokio::time::sleep(LOOK) => {}
                },
            }
        }
        Ok(())
    }

    fn show(&mut self, stand: &mut Stand) {
        let Some(run) = &self.run else { return };
        let entries = &self.tail.recorded().entries;
        let news = self.shown.replace(entries.len()).and_then(|from| entries.get(from..));
        match stand {
            Stand::Lines(lines) => lines.show(run),
            Stand::Screen(cockpit, report) => {
                let live = self.driven && !run.phase().0.is_over();
                if run.phase().0.is_over() {
                    cockpit.reported(report.clone());
                }
                cockpit.show_to(Seat::Spectator { driven: self.driven }, (run, news), run.now(), if live { 1.0 } else { 0.0 });
            }
        }
    }

    /// Takes what was written since; says whether there is anything new.
    fn look(&mut self) -> anyhow::Result<bool> {
        let new = match self.tail.look()? {
            Growth::More(new) => new,
            Growth::Anew => {
                (self.run, self.shown) = (None, None);
                self.tail.recorded().entries.len()
            }
        };
        let recorded = self.tail.recorded();
        let first = self.run.is_none() && recorded.header.is_some();
        if first {
            self.run = Some(report::unfolded(self.folder, recorded)?);
        }
        let from = if first { 0 } else { recorded.entries.len() - new };
        if let Some(run) = &mut self.run {
            for entry in &recorded.entries[from..] {
                driver::fold(run, entry);
            }
        }
        Ok(first || new > 0)
    }

    /// The run's exit code; where its process is gone before its end, that something may be left.
    fn code(&self) -> u8 {
        match self.run.as_ref().and_then(Run::conclusion) {
            Some(conclusion) => conclusion.verdict.exit_code(),
            None if self.driven => 0,
            None => {
                let rehearsal = self.run.as_ref().is_some_and(|run| run.header().place.rehearsal);
                complain(&anyhow::anyhow!("{}: {}", self.folder.display(), wording::seat::looks_on(false, rehearsal)));
                LEFT
            }
        }
    }
}

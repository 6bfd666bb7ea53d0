//! `gameday recover` and `gameday abort`: nothing it broke stays broken, whatever died.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, anyhow, bail};

use crate::cli::args::{AbortArgs, RecoverArgs};
use crate::cli::elsewhere::Reach;
use crate::cli::outlet::Outlet;
use crate::cli::tally::{Owes, Tally};
use crate::cli::{Failure, LEFT, Means, REFUSED, USAGE, complain, drill, force, print, report};
use crate::driver::{Clock, Driver, Signals, World};
use crate::edge::{Cluster, connect};
use crate::effect::Verdict;
use crate::header::Place;
use crate::headless::{Form, Headless};
use crate::journal::Journal;
use crate::journal::read::Recorded;
use crate::run::Run;
use crate::{archive, wording};

/// The file by which a live run is asked to stop and undo.
pub const WISH: &str = "abort";
/// How long a live run is waited for after it was asked to stop.
pub const PATIENCE: Duration = Duration::from_secs(150);

pub fn recover(args: &RecoverArgs) -> Result<u8, Failure> {
    if let Some(object) = &args.force {
        return force::force(object, args.context.as_deref());
    }
    let mut tally = Tally::default();
    for folder in archive::all().means(REFUSED)? {
        tally.settle(&folder);
    }
    tally.sweep(args.context.as_deref(), &Reach::Own);
    Ok(tally.conclude())
}

pub fn abort(args: &AbortArgs) -> Result<u8, Failure> {
    let is_live = |folder: &PathBuf| Journal::is_live(&folder.join(archive::JOURNAL));
    let mut elsewhere = None;
    let folders = match (&args.run, args.all) {
        (Some(run), false) => match archive::find(run) {
            Ok(folder) => vec![folder],
            // a run of another machine has its Lease in the cluster
            Err(archive::ArchiveError::Unknown { .. }) => {
                elsewhere = Some(run.clone());
                Vec::new()
            }
            Err(error) => return Err(error).means(USAGE),
        },
        (None, true) => archive::all().means(REFUSED)?,
        (None, false) => archive::all().means(REFUSED)?.into_iter().filter(is_live).collect(),
        (Some(_), true) => return Err(anyhow!("a run or --all, not both")).means(USAGE),
    };
    let mut tally = Tally::default();
    let live: Vec<&PathBuf> = folders.iter().filter(|folder| is_live(folder)).collect();
    for folder in &live {
        archive::put(folder, WISH, "").with_context(|| format!("cannot ask the run of {} to stop", folder.display())).means(LEFT)?;
        print(&format!("asked the run of {} to stop and undo\n", folder.display()));
    }
    for folder in live {
        if !wait_until_dead(folder) {
            tally.leave(format!("the run of {} is still at it", folder.display()));
        } else if let Some(run) = report::fold(folder).ok().filter(|run| run.conclusion().is_some()) {
            print(&format!("{}\n", wording::outcome(&run)));
        }
    }
    // whoever has died meanwhile, or had before, is finished from its journal
    for folder in &folders {
        tally.settle(folder);
    }
    if let Some(run) = elsewhere {
        tally.sweep(args.context.as_deref(), &Reach::Run(run, args.yes));
    } else if args.all {
        tally.sweep(args.context.as_deref(), &Reach::All(args.yes));
    } else if folders.is_empty() {
        print("no run is live on this machine; `gameday abort --all` also looks for objects in the cluster\n");
    }
    Ok(tally.conclude())
}

fn wait_until_dead(folder: &Path) -> bool {
    let step = Duration::from_millis(100);
    for _ in 0..PATIENCE.as_millis() / step.as_millis() {
        if !Journal::is_live(&folder.join(archive::JOURNAL)) {
            return true;
        }
        std::thread::sleep(step);
    }
    false
}

impl Tally {
    /// Undoes what the run of a folder owes.
    fn settle(&mut self, folder: &Path) {
        let name = folder.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        match self.owes(folder) {
            Owes::Nothing => {}
            Owes::Live => print(&format!("run {name} is live in another process: left alone; `gameday abort {name}` stops it\n")),
            Owes::Unreadable(error) => self.unreadable(folder, &name, &error),
            Owes::Undo => {
                self.owed = true;
                print(&format!("run {name} died; finishing its undo\n"));
                match catch_unwind(AssertUnwindSafe(|| resume(folder))) {
                    Ok(Ok(0..=6)) => {}
                    Ok(Ok(_)) => self.leave_of(folder, format!("what run {name} broke")),
                    Ok(Err(error)) => self.failed(&format!("what run {name} broke"), &error),
                    Err(_) => self.unreadable(folder, &name, &anyhow!("gameday itself fails on it")),
                }
            }
            Owes::Left(place, objects, victims) => {
                self.owed = true;
                print(&format!("run {name} left something behind; undoing it\n"));
                let undone = drill::runtime(false).map_err(anyhow::Error::from).and_then(|runtime| {
                    runtime.block_on(async {
                        let cluster = the_same_cluster(&place).await?;
                        for object in &objects {
                            self.remove(&cluster, object, &victims).await;
                        }
                        anyhow::Ok(())
                    })
                });
                if let Err(error) = undone {
                    self.failed(&format!("what run {name} left"), &error);
                }
            }
        }
    }

    /// A run whose journal tells nothing: the token in its header, if that can be read, finds in its cluster what it made.
    fn unreadable(&mut self, folder: &Path, name: &str, error: &anyhow::Error) {
        let header = archive::header(folder);
        if header.as_ref().is_some_and(|header| header.place.rehearsal) {
            return;
        }
        self.owed = true;
        print(&format!("run {name}: its journal can't be read ({})\n", crate::text::Untrusted::from(format!("{error:#}"))));
        let Some(header) = header else {
            self.leave(format!("what run {name} broke, perhaps: its journal can't be read, not even by whom it was written ({error:#})"));
            return;
        };
        self.known.insert(header.token.clone());
        self.namespaces.insert(header.place.namespace.clone());
        let swept = drill::runtime(false).map_err(anyhow::Error::from).and_then(|runtime| {
            runtime.block_on(async {
                let cluster = the_same_cluster(&header.place).await?;
                self.look(&cluster, &header.place.server, &Reach::Token(header.token.clone())).await
            })
        });
        match swept {
            Ok(()) => print(&format!("run {name}: its cluster was looked over for what bears its token, {}\n", header.token)),
            Err(error) => self.failed(&format!("what run {name} broke, perhaps"), &error),
        }
    }
}

/// Undoes what a run broke that ended in a fault of gameday's own: from its journal, or if that is where the fault lies, by
/// its token.
pub fn after_all(folder: &Path) -> u8 {
    if let Ok(Ok(code)) = catch_unwind(AssertUnwindSafe(|| resume(folder))) {
        return code;
    }
    let mut tally = Tally::default();
    let name = folder.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    tally.unreadable(folder, &name, &anyhow!("gameday itself fails on it"));
    // a run that broke down has come to no verdict, whatever was undone
    if tally.conclude() == 0 { Verdict::Inconclusive.exit_code() } else { LEFT }
}

/// Takes the run of a folder up where it died, and undoes what it broke.
pub fn resume(folder: &Path) -> anyhow::Result<u8> {
    let path = folder.join(archive::JOURNAL);
    // locked first, read after: nobody else may write its end meanwhile
    let (journal, recorded): (Journal, Recorded) = Journal::resume(&path)?;
    let run: Run = report::refold(folder, &recorded)?;
    let (header, last) = (run.header().clone(), run.now());
    let runtime = drill::runtime(false)?;
    let code = runtime.block_on(async {
        let signals = Signals::listen()?;
        let cluster = the_same_cluster(&header.place).await?;
        let clock = Clock::resume(header.started, drill::today(), last);
        let world = World { cluster, prometheus: None, http: None, commands: false };
        let mut face = Headless::new(Outlet::open()?, Form::Text, false);
        face.skip(&run);
        let driven = Box::pin(Driver::new(run, journal, clock, world, face).finish(signals)).await;
        if let Some(error) = driven.lost {
            complain(&error.into());
        }
        anyhow::Ok(driven.run.conclusion().map_or(LEFT, |conclusion| conclusion.verdict.exit_code()))
    })?;
    report::file(folder)?;
    Ok(code)
}

/// The cluster that a run broke something in: a context's name is not enough to know it by.
pub async fn the_same_cluster(place: &Place) -> anyhow::Result<Cluster> {
    let context = Some(place.context.as_str()).filter(|context| *context != "in-cluster");
    let connection = connect::connect(&place.environment, None, context).await?;
    if connection.server != place.server {
        bail!(
            "context {:?} is now the cluster at {}, but the run broke something in the one at {}; set KUBECONFIG to that one's and try again",
            connection.context,
            connection.server,
            place.server
        );
    }
    Ok(Cluster::reach(connection, &place.namespace).await?)
}

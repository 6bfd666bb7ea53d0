//! `gameday recover` and `gameday abort`: nothing it broke stays broken, whatever died.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, anyhow, bail};

use crate::cli::args::{AbortArgs, RecoverArgs};
use crate::cli::elsewhere::Reach;
use crate::cli::outlet::Outlet;
use crate::cli::{Failure, LEFT, Means, REFUSED, USAGE, complain, drill, force, print, report};
use crate::driver::{Clock, Driver, Signals, World};
use crate::edge::connect::ConnectError;
use crate::edge::{Cluster, Unreachable, connect, sweep};
use crate::effect::ChaosRef;
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

/// What a run of this machine owes.
enum Owes {
    /// Nothing.
    Nothing,
    /// Another process drives it.
    Live,
    /// It died; its undo is finished from its journal.
    Undo,
    /// It ended, and said what it left.
    Left(Box<Place>, Vec<ChaosRef>),
    /// Its journal can't be read.
    Unreadable(anyhow::Error),
}

/// What came of undoing.
#[derive(Default)]
pub struct Tally {
    /// What is left, in words.
    pub left: Vec<String>,
    /// Whether a journal said that something is to be undone.
    pub owed: bool,
    /// The tokens of runs that are live in other processes of this machine.
    pub live: BTreeSet<String>,
    /// The tokens of all runs of this machine.
    pub known: BTreeSet<String>,
    /// The namespaces that they were run in.
    pub namespaces: BTreeSet<String>,
    no_cluster: bool,
}

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
        fs::write(folder.join(WISH), "").with_context(|| format!("cannot ask the run of {} to stop", folder.display())).means(LEFT)?;
        print(&format!("asked the run of {} to stop and undo\n", folder.display()));
    }
    for folder in live {
        if !wait_until_dead(folder) {
            tally.left.push(format!("the run of {} is still at it", folder.display()));
        } else if let Some(conclusion) = report::fold(folder).ok().and_then(|run| run.conclusion().cloned()) {
            print(&format!("{}\n", wording::verdict(conclusion.verdict)));
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
            Owes::Unreadable(error) => {
                self.owed = true;
                self.left.push(format!("run {name}, perhaps: its journal can't be read ({error:#})"));
            }
            Owes::Undo => {
                self.owed = true;
                print(&format!("run {name} died; finishing its undo\n"));
                match resume(folder) {
                    Ok(0..=6) => {}
                    Ok(_) => self.left.push(format!("what run {name} broke")),
                    Err(error) => self.failed(&format!("what run {name} broke"), &error),
                }
            }
            Owes::Left(place, objects) => {
                self.owed = true;
                print(&format!("run {name} left something behind; undoing it\n"));
                match remove(&place, &objects) {
                    Ok(left) => self.left.extend(left),
                    Err(error) => self.failed(&format!("what run {name} left"), &error),
                }
            }
        }
    }

    fn failed(&mut self, what: &str, error: &anyhow::Error) {
        self.no_cluster |= error.is::<ConnectError>() || error.is::<Unreachable>();
        self.left.push(format!("{what}: {error:#}"));
    }

    fn owes(&mut self, folder: &Path) -> Owes {
        // the token alone: a live run of another version need not be readable to be left alone
        let header = archive::journal(folder).ok().and_then(|recorded| recorded.header);
        if let Some(header) = &header {
            self.known.insert(header.token.clone());
            if !header.place.rehearsal {
                self.namespaces.insert(header.place.namespace.clone());
            }
        }
        if Journal::is_live(&folder.join(archive::JOURNAL)) {
            self.live.extend(header.map(|header| header.token));
            return Owes::Live;
        }
        match report::fold(folder) {
            Err(error) => Owes::Unreadable(error),
            Ok(run) if run.header().place.rehearsal => Owes::Nothing,
            Ok(run) => match run.conclusion() {
                None if run.touched_anything() || run.owes_anything() => Owes::Undo,
                Some(conclusion) if !conclusion.left.is_empty() => {
                    Owes::Left(Box::new(run.header().place.clone()), conclusion.left.clone())
                }
                None | Some(_) => Owes::Nothing,
            },
        }
    }

    fn conclude(&self) -> u8 {
        for name in &self.left {
            print(&format!("left: {}\n", crate::text::Untrusted::from(name.as_str())));
        }
        if self.left.is_empty() {
            print("nothing that gameday broke is left, as far as it could look\n");
            0
        } else if self.no_cluster {
            REFUSED
        } else {
            LEFT
        }
    }
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
        let driven = Driver::new(run, journal, clock, world, face).finish(signals).await;
        if let Some(error) = driven.lost {
            complain(&error.into());
        }
        anyhow::Ok(driven.run.conclusion().map_or(LEFT, |conclusion| conclusion.verdict.exit_code()))
    })?;
    report::file(folder)?;
    Ok(code)
}

/// Deletes objects that a run said it left, in the cluster it left them in; names those that stay.
fn remove(place: &Place, objects: &[ChaosRef]) -> anyhow::Result<Vec<String>> {
    drill::runtime(false)?.block_on(async {
        let cluster = the_same_cluster(place).await?;
        let mut left = Vec::new();
        for object in objects {
            if let Err(why) = sweep::remove(&cluster, object).await {
                left.push(format!("{object}: {why}"));
            }
        }
        Ok(left)
    })
}

/// The cluster that a run broke something in: a context's name is not enough to know it by.
async fn the_same_cluster(place: &Place) -> anyhow::Result<Cluster> {
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

//! `gameday recover` and `gameday abort`: nothing it broke stays broken, whatever died.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, anyhow};

use crate::cli::args::{AbortArgs, RecoverArgs};
use crate::cli::{Failure, LEFT, Means, REFUSED, USAGE, complain, drill, print, report};
use crate::driver::{Clock, Driver, Signals, World};
use crate::edge::{Cluster, connect, sweep};
use crate::headless::{Form, Headless};
use crate::journal::Journal;
use crate::run::Run;
use crate::{archive, wording};

/// The file by which a live run is asked to stop and undo.
pub const WISH: &str = "abort";
/// How long a live run is waited for after it was asked to stop.
const PATIENCE: Duration = Duration::from_secs(150);

pub fn recover(args: &RecoverArgs) -> Result<u8, Failure> {
    let mut left = Vec::new();
    let mut live = BTreeSet::new();
    let mut owed = false;
    for folder in archive::all().means(REFUSED)? {
        let name = folder.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        let run = match report::fold(&folder) {
            Ok(run) => run,
            Err(error) => {
                complain(&error.context(format!("run {name} can't be read; its objects are still found by their label")));
                continue;
            }
        };
        if Journal::is_live(&folder.join(archive::JOURNAL)) {
            print(&format!("run {name} is live in another process: left alone; `gameday abort {name}` stops it\n"));
            live.insert(run.header().token.clone());
            continue;
        }
        if run.header().place.rehearsal || run.conclusion().is_some() || !run.touched_anything() {
            continue;
        }
        owed |= run.faults().iter().any(crate::run::ledger::FaultState::owes_undo);
        print(&format!("run {name} died; finishing its undo\n"));
        match resume(&folder) {
            Ok(0..=6) => {}
            Ok(_) => left.push(name),
            Err(error) => {
                complain(&error);
                left.push(name);
            }
        }
    }
    let swept = swept(args.context.as_deref(), &live);
    match swept {
        Ok(names) => left.extend(names),
        Err(error) if !owed && left.is_empty() => {
            print("nothing in the journals is left to undo\n");
            complain(&error.context("the cluster could not be swept"));
            return Ok(0);
        }
        Err(error) => {
            complain(&error);
            return Ok(if left.is_empty() { REFUSED } else { LEFT });
        }
    }
    conclude(&left)
}

pub fn abort(args: &AbortArgs) -> Result<u8, Failure> {
    let folders = match (&args.run, args.all) {
        (Some(run), false) => vec![archive::find(run).means(USAGE)?],
        (None, true) => archive::all().means(REFUSED)?,
        (None, false) => archive::all().means(REFUSED)?.into_iter().filter(|folder| is_live(folder)).collect(),
        (Some(_), true) => return Err(anyhow!("a run or --all, not both")).means(USAGE),
    };
    let (live, dead): (Vec<PathBuf>, Vec<PathBuf>) = folders.into_iter().partition(|folder| is_live(folder));
    let mut left = Vec::new();
    for folder in &live {
        fs::write(folder.join(WISH), "").with_context(|| format!("cannot ask the run of {} to stop", folder.display())).means(LEFT)?;
        print(&format!("asked the run of {} to stop and undo\n", folder.display()));
    }
    for folder in &live {
        if !wait_until_dead(folder) {
            left.push(format!("the run of {} is still at it", folder.display()));
        } else if let Ok(run) = report::fold(folder) {
            let verdict = run.conclusion().map(|conclusion| conclusion.verdict);
            print(&format!("{}\n", verdict.map_or("it ended without a verdict", wording::verdict)));
            left.extend(run.conclusion().into_iter().flat_map(|c| c.left.iter().map(ToString::to_string)));
        }
    }
    let unfinished = |folder: &PathBuf| {
        report::fold(folder).is_ok_and(|run| run.conclusion().is_none() && run.touched_anything() && !run.header().place.rehearsal)
    };
    for folder in dead.iter().filter(|folder| unfinished(folder)) {
        match resume(folder) {
            Ok(0..=6) => {}
            Ok(_) => left.push(folder.display().to_string()),
            Err(error) => {
                complain(&error);
                left.push(folder.display().to_string());
            }
        }
    }
    if args.all {
        left.extend(swept(args.context.as_deref(), &BTreeSet::new()).means(REFUSED)?);
    } else if live.is_empty() && dead.is_empty() {
        print("no run is live on this machine; `gameday abort --all` also looks for objects in the cluster\n");
    }
    conclude(&left)
}

fn is_live(folder: &Path) -> bool {
    Journal::is_live(&folder.join(archive::JOURNAL))
}

fn wait_until_dead(folder: &Path) -> bool {
    let step = Duration::from_millis(100);
    for _ in 0..PATIENCE.as_millis() / step.as_millis() {
        if !is_live(folder) {
            return true;
        }
        std::thread::sleep(step);
    }
    false
}

#[expect(clippy::unnecessary_wraps, reason = "the end of a verb has the form of a verb")]
fn conclude(left: &[String]) -> Result<u8, Failure> {
    if left.is_empty() {
        print("nothing is left in the cluster\n");
        return Ok(0);
    }
    for name in left {
        print(&format!("left: {name}\n"));
    }
    Ok(LEFT)
}

/// Takes the run of a folder up where it died, and undoes what it broke.
pub fn resume(folder: &Path) -> anyhow::Result<u8> {
    let recorded = archive::journal(folder)?;
    let run: Run = report::fold(folder)?;
    let (header, last) = (run.header().clone(), run.now());
    let runtime = drill::runtime(false)?;
    let code = runtime.block_on(async {
        let signals = Signals::listen()?;
        let cluster = cluster(Some(&header.place.context), &header.place.namespace).await?;
        let journal = Journal::resume(&folder.join(archive::JOURNAL), recorded.torn)?;
        let clock = Clock::resume(header.started, drill::today(), last);
        let world = World { cluster, prometheus: None, http: None };
        let mut face = Headless::new(io::stdout(), Form::Text, false);
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

async fn cluster(context: Option<&str>, namespace: &str) -> anyhow::Result<Cluster> {
    let context = context.filter(|context| *context != "in-cluster");
    let connection = connect::connect("", None, context).await?;
    Ok(Cluster::reach(connection, namespace).await?)
}

/// Deletes every object with our label that no live run owns; names those that stay.
fn swept(context: Option<&str>, live: &BTreeSet<String>) -> anyhow::Result<Vec<String>> {
    drill::runtime(false)?.block_on(async {
        let cluster = cluster(context, "default").await?;
        let mut left = Vec::new();
        for found in sweep::find(&cluster).await? {
            if live.contains(&found.token) {
                continue;
            }
            print(&format!("deleting {}\n", found.object));
            if let Err(why) = sweep::remove(&cluster, &found.object).await {
                left.push(format!("{}: {why}", found.object));
            }
        }
        Ok(left)
    })
}

//! `gameday` without a verb: home, and from there to a run, a rehearsal, a replay, the editor, and back.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::process::Command as Process;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::thread;
use std::time::Duration;

use anyhow::{Context, anyhow};
use clap::Parser;
use tokio::sync::oneshot;

use crate::archive::{self, ArchiveError};
use crate::cli::args::{Args, Verb};
use crate::cli::{Failure, Means, REFUSED, USAGE, check, complain, config, drill, replay, watch};
use crate::driver::Signals;
use crate::edge::{Cluster, abilities, connect};
use crate::event::Event;
use crate::face::home::{Drill, Home, PastRun, Reach, State};
use crate::journal::Journal;
use crate::journal::read;
use crate::text::Untrusted;
use crate::tui::home::{self, Choice, Lobby};

/// How many past runs are shown.
const RUNS: usize = 100;
/// How many scenario files are read, and how large one may be, in bytes.
const FILES: usize = 300;
const LARGEST: u64 = 1 << 20;
/// How long home may take to end once it is told to.
const GOODBYE: Duration = Duration::from_millis(400);
/// How long the cluster may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// The scenario that everybody has, and its file's name.
const PRACTICE: (&str, &str) = ("task-api-pod-kill.yaml", include_str!("../../scenarios/task-api-pod-kill.yaml"));

pub fn home() -> Result<u8, Failure> {
    if !io::stdin().is_terminal() || !io::stdout().is_terminal() {
        // a script that forgot its verb is told so
        return Err(anyhow!("no verb: `gameday --help` lists them; home wants a terminal")).means(USAGE);
    }
    let mut lobby = Lobby::default();
    let mut last = Reach::Asking;
    loop {
        let (choice, seen, hands) = visit(Home { cluster: last, ..look().means(REFUSED)? }, lobby)?;
        (last, lobby) = (seen.cluster, hands);
        let done = match &choice {
            Choice::Leave => return Ok(0),
            Choice::Edit(file) => edit(file).map(|()| 0).means(USAGE),
            Choice::Run(file) => asked("run", file),
            Choice::Rehearse(file) => asked("rehearse", file),
            Choice::Replay(folder) => asked("replay", folder),
            Choice::Watch(folder) => asked("watch", folder),
        };
        if let Err(failure) = done {
            complain(&failure.error);
            lobby.said = Some(format!("{:#}", failure.error));
        }
    }
}

/// Shows home until something is chosen; gives back what was seen, and what hands did.
fn visit(mut seen: Home, mut lobby: Lobby) -> Result<(Choice, Home, Lobby), Failure> {
    let (look, keys, mouse) = (config::look()?, config::keys()?, config::mouse()?);
    let (teller, news) = channel();
    let (done, mut chosen) = oneshot::channel();
    let wanted = Arc::new(AtomicBool::new(true));
    let still = Arc::clone(&wanted);
    let visiting = move || {
        let choice = home::choose(&mut seen, &mut lobby, &news, (&keys, &look.theme(), mouse), &still);
        // whoever was told to end does not wait for it
        let _ = done.send((choice, seen, lobby));
    };
    thread::Builder::new().name("home".to_owned()).spawn(visiting).means(REFUSED)?;
    drill::runtime(false).means(REFUSED)?.block_on(async {
        let mut signals = Signals::listen().context("cannot listen to signals").means(REFUSED)?;
        let asking = tokio::spawn(ask(teller));
        let ended = tokio::select! {
            ended = &mut chosen => Some(ended),
            _ = signals.next() => {
                wanted.store(false, Ordering::SeqCst);
                // the reader of a terminal that has hung up ends with the process
                tokio::time::timeout(GOODBYE, &mut chosen).await.ok()
            }
        };
        asking.abort();
        match ended {
            Some(Ok((choice, seen, lobby))) => Ok((choice.context("home can't be shown").means(REFUSED)?, seen, lobby)),
            Some(Err(_)) => Err(anyhow!("home broke down")).means(REFUSED),
            None => Ok((Choice::Leave, Home::default(), Lobby::default())),
        }
    })
}

/// As if that had been typed.
fn asked(verb: &str, what: &Path) -> Result<u8, Failure> {
    // a file may be called as a flag is written
    let words = ["gameday".as_ref(), verb.as_ref(), "--".as_ref(), what.as_os_str()];
    match Args::try_parse_from(words).map_err(anyhow::Error::from).means(USAGE)?.verb {
        Some(Verb::Run(args)) => drill::run(&args),
        Some(Verb::Rehearse(args)) => drill::rehearse(&args),
        Some(Verb::Replay(args)) => replay::replay(&args),
        Some(Verb::Watch(args)) => watch::watch(&args),
        _ => Ok(0),
    }
}

fn edit(file: &Path) -> anyhow::Result<()> {
    let set = |name: &str| std::env::var(name).ok().filter(|value| !value.trim().is_empty());
    let editor = set("VISUAL").or_else(|| set("EDITOR")).unwrap_or_else(|| "vi".to_owned());
    // an editor may have flags of its own: `code --wait`
    let mut words = editor.split_whitespace();
    let program = words.next().unwrap_or("vi");
    let status = Process::new(program).args(words).arg(file).status();
    let status = status.with_context(|| format!("cannot start {editor:?}: set EDITOR to the editor you use"))?;
    if status.success() { Ok(()) } else { Err(anyhow!("{editor} ended with {status}")) }
}

/// What is on disk.
fn look() -> anyhow::Result<Home> {
    let runs: Vec<PastRun> = archive::all()?.iter().rev().take(RUNS).filter_map(|folder| past(folder)).collect();
    let mut drills: Vec<Drill> = files().into_iter().map(|file| told(file, &runs)).collect();
    if drills.is_empty() {
        // whoever begins has none yet: one that runs on the practice cluster, to be read and changed
        drills.push(told(practice()?, &runs));
    }
    Ok(Home { seen: drill::today(), drills, runs, cluster: Reach::Asking })
}

/// The scenario files here and in `scenarios`.
fn files() -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = Vec::new();
    for folder in [".", "scenarios"] {
        let Ok(entries) = fs::read_dir(folder) else { continue };
        let paths = entries.filter_map(Result::ok).map(|entry| entry.path());
        let yaml = paths.filter(|path| path.extension().is_some_and(|kind| kind == "yaml" || kind == "yml"));
        found.extend(yaml.filter(|path| is_scenario(path)));
    }
    let mut found: Vec<PathBuf> = found.iter().map(|path| path.strip_prefix(".").unwrap_or(path).to_owned()).collect();
    found.sort();
    found.truncate(FILES);
    found
}

fn is_scenario(path: &Path) -> bool {
    let small = fs::metadata(path).is_ok_and(|about| about.is_file() && about.len() <= LARGEST);
    small && fs::read_to_string(path).is_ok_and(|text| text.lines().any(|line| line.trim_end() == "kind: GameDay"))
}

fn practice() -> Result<PathBuf, ArchiveError> {
    let folder = archive::runs()?.with_file_name("practice");
    let path = folder.join(PRACTICE.0);
    if path.exists() {
        return Ok(path);
    }
    archive::make(&folder)?;
    archive::put(&folder, PRACTICE.0, PRACTICE.1)
}

fn told(file: PathBuf, runs: &[PastRun]) -> Drill {
    let scenario = match check::read(&file, &BTreeMap::new()) {
        Ok(read) => match read.reading.scenario {
            Some(scenario) => Ok(Box::new(scenario)),
            None => Err(Untrusted::from(check::told(&file, &read.reading.mistakes))),
        },
        Err(error) => Err(Untrusted::from(error.to_string())),
    };
    let name = scenario.as_ref().map(|scenario| scenario.name.clone()).unwrap_or_default();
    let last = runs.iter().find(|run| run.drill.raw() == name && run.state != State::Live).cloned();
    Drill { file, scenario, last }
}

/// A run, from the first and the last line of its journal.
fn past(folder: &Path) -> Option<PastRun> {
    let journal = folder.join(archive::JOURNAL);
    let header = archive::header(folder)?;
    let state = match read::last(&journal).map(|entry| entry.event) {
        Some(Event::Sealed(conclusion)) => State::Ended(conclusion.verdict),
        _ if Journal::is_live(&journal) => State::Live,
        _ => State::Cut,
    };
    // one that this version can't read is told by its file
    let drill = check::reread(&header.scenario).map_or_else(|| header.scenario.file.clone(), |scenario| scenario.name);
    Some(PastRun {
        folder: folder.to_owned(),
        id: Untrusted::from(header.run.as_str()),
        drill: drill.into(),
        recorded: header.recorded,
        tier: header.place.tier,
        rehearsal: header.place.rehearsal,
        state,
    })
}

/// Asks the cluster of the kubeconfig what it can do.
async fn ask(teller: Sender<Reach>) {
    let asked = async {
        let connection = connect::connect(drill::NO_ENVIRONMENT, None, None).await?;
        let (context, namespace) = (connection.context.clone(), connection.namespace.clone());
        let cluster = Cluster::reach(connection, &namespace).await?;
        let has = abilities::of(&cluster).await;
        anyhow::Ok(Reach::Answers { context: context.into(), version: cluster.fact.version.clone(), has })
    };
    let reach = match tokio::time::timeout(PATIENCE, asked).await {
        Ok(Ok(reach)) => reach,
        Ok(Err(error)) => Reach::None(format!("{error:#}").into()),
        Err(_) => Reach::None(format!("it does not answer within {} s", PATIENCE.as_secs()).into()),
    };
    // whoever has gone on needs no answer
    let _ = teller.send(reach);
}

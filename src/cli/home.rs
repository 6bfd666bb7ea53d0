//! `gameday` without a verb: home, and from there to a run, a rehearsal, a replay, the editor, and back.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::thread;
use std::time::Duration;

use anyhow::{Context, anyhow};
use clap::Parser;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::sync::oneshot;

use crate::archive::{self, ArchiveError};
use crate::cli::args::{Args, Verb};
use crate::cli::{Failure, Means, REFUSED, USAGE, check, complain, config, drill, editor, replay, watch};
use crate::driver::Signals;
use crate::edge::{Cluster, abilities, connect, targets};
use crate::event::Event;
use crate::face::home::{Aim, ContextName, Drill, Home, News, PastRun, Reach, State};
use crate::journal::Journal;
use crate::journal::read;
use crate::scenario::model::{Environment, Scenario, StepAction};
use crate::text::Untrusted;
use crate::tui::Porch;
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
    let mut last = BTreeMap::new();
    loop {
        let (choice, seen, hands) = visit(Home { clusters: last, ..look().means(REFUSED)? }, lobby)?;
        (last, lobby) = (seen.clusters, hands);
        let done = match &choice {
            Choice::Leave => return Ok(0),
            Choice::Edit(file) => editor::open(file).map(|()| 0).means(USAGE),
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
    let (marker, marked) = unbounded_channel();
    let (done, mut chosen) = oneshot::channel();
    let drills = seen.drills.iter().filter_map(|drill| Some((drill.file.clone(), drill.scenario.clone().ok()?))).collect();
    let wanted = Arc::new(AtomicBool::new(true));
    let still = Arc::clone(&wanted);
    let visiting = move || {
        let choice = home::choose(&mut seen, &mut lobby, (&news, &marker), (&keys, &look.theme(), mouse), &still);
        // whoever was told to end does not wait for it
        let _ = done.send((choice, seen, lobby));
    };
    thread::Builder::new().name("home".to_owned()).spawn(visiting).means(REFUSED)?;
    drill::runtime(false).means(REFUSED)?.block_on(async {
        let mut signals = Signals::listen().context("cannot listen to signals").means(REFUSED)?;
        let asking = tokio::spawn(ask(teller, drills, marked));
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

/// Tells a cockpit what there is at home, as it is now; `reach` is the cluster of its run.
pub fn tell(porch: Porch, reach: Reach) {
    let telling = move || {
        // what can't be read is not there
        if let Ok(home) = look() {
            porch.tell(Home { clusters: [(None, reach)].into(), ..home });
        }
    };
    // a thread of its own: a rehearsal's clock would stand still meanwhile, and a cluster's run would wait
    let _ = thread::Builder::new().name("porch".to_owned()).spawn(telling);
}

/// What is on disk.
fn look() -> anyhow::Result<Home> {
    let runs: Vec<PastRun> = archive::all()?.iter().rev().take(RUNS).filter_map(|folder| past(folder)).collect();
    let mut drills: Vec<Drill> = files().into_iter().map(|file| told(file, &runs)).collect();
    if drills.is_empty() {
        // whoever begins has none yet: one that runs on the practice cluster, to be read and changed
        drills.push(told(practice()?, &runs));
    }
    Ok(Home { seen: drill::today(), drills, runs, ..Home::default() })
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
    Drill::of(file, scenario, runs)
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
    let reread = check::reread(&header.scenario).map(|scenario| (scenario.name, scenario.drill_digest));
    let (drill, digest) = reread.unwrap_or_else(|| (header.scenario.file.clone(), String::new()));
    Some(PastRun {
        folder: folder.to_owned(),
        id: Untrusted::from(header.run.as_str()),
        drill: drill.into(),
        recorded: header.recorded,
        tier: header.place.tier,
        rehearsal: header.place.rehearsal,
        digest,
        state,
    })
}

/// Asks the cluster of whichever scenario is marked what it can do, once, and whom its faults are aimed at; where none is marked,
/// the current one. No other is asked: who signs in there may have to be asked for a password.
async fn ask(teller: Sender<News>, drills: BTreeMap<PathBuf, Box<Scenario>>, mut marked: UnboundedReceiver<Option<PathBuf>>) {
    let mut clusters: BTreeMap<ContextName, Option<Cluster>> = BTreeMap::new();
    let mut aimed = BTreeSet::new();
    while let Some(mut file) = marked.recv().await {
        // whoever goes down the list wants to know where they come to rest
        while let Ok(newer) = marked.try_recv() {
            file = newer;
        }
        let scenario = file.as_ref().and_then(|file| drills.get(file));
        let environment = scenario.and_then(|scenario| scenario.environments.first());
        let context = environment.and_then(|environment| environment.context.clone());
        if !clusters.contains_key(&context) {
            let (reach, cluster) = reach(context.as_deref()).await;
            // whoever has gone on needs no answer
            let _ = teller.send(News::Cluster(context.clone(), reach));
            clusters.insert(context.clone(), cluster);
        }
        let (Some(scenario), Some(environment), Some(Some(cluster))) = (scenario, environment, clusters.get(&context)) else { continue };
        if let Some(file) = file.filter(|file| aimed.insert(file.clone())) {
            let _ = teller.send(News::Aims(file, aims(cluster, environment, scenario).await));
        }
    }
}

/// What a cluster can do, and the cluster where it answers.
async fn reach(context: Option<&str>) -> (Reach, Option<Cluster>) {
    let asked = async {
        let connection = connect::connect(drill::NO_ENVIRONMENT, context, None).await?;
        let (context, namespace) = (connection.context.clone(), connection.namespace.clone());
        let cluster = Cluster::reach(connection, &namespace).await?;
        let has = abilities::of(&cluster).await;
        anyhow::Ok((Reach::Answers { context: context.into(), version: cluster.fact.version.clone(), has }, Some(cluster)))
    };
    match tokio::time::timeout(PATIENCE, asked).await {
        Ok(Ok(answered)) => answered,
        Ok(Err(error)) => (Reach::None(format!("{error:#}").into()), None),
        Err(_) => (Reach::None(format!("it does not answer within {} s", PATIENCE.as_secs()).into()), None),
    }
}

/// Whom the faults of a scenario would be aimed at now.
async fn aims(cluster: &Cluster, environment: &Environment, scenario: &Scenario) -> Vec<Aim> {
    let own = environment.namespace.as_deref().unwrap_or(&cluster.namespace);
    let mut aims = Vec::new();
    for step in &scenario.steps {
        let StepAction::Fault(fault) = &step.action else { continue };
        let meant = targets::resolve(cluster, &fault.selector, fault.namespace().unwrap_or(own)).await;
        let pods = meant.map(|meant| meant.into_iter().map(|matched| matched.pod).collect()).map_err(|error| error.to_string().into());
        aims.push(Aim { step: step.name.clone(), pods });
    }
    aims
}

//! `gameday run` and `gameday rehearse`: from the file to the report.

mod debrief;

use std::cell::{Cell, OnceCell};
use std::collections::BTreeMap;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{self, IsTerminal};
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, anyhow};
use chrono::{DateTime, Utc};

use crate::cli::args::{DrillArgs, InjectorArg, Output, RehearseArgs, RunArgs, Speed};
use crate::cli::arrival::{self, Arrival};
use crate::cli::gate::{self, Seat};
use crate::cli::outlet::Outlet;
use crate::cli::{ABORTED, Failure, LEFT, Means, REFUSED, USAGE, answers, check, editor, print, recover, report, screen, world};
use crate::driver::{Clock, Driver, Signals, World, pace};
use crate::edge::prometheus::{Credentials, Prometheus};
use crate::edge::{Cluster, connect};
use crate::face::Face;
use crate::header::{FORMAT, Header, Place, Sources};
use crate::headless::{Form, Headless};
use crate::journal::{Journal, JournalError};
use crate::rehearsal::{self, PracticeCluster, stage};
use crate::run::Run;
use crate::scenario::model::{Environment, Injector, Limits, PrometheusAt, Scenario, Tier};
use crate::text::Untrusted;
use crate::tui::Cockpit;
use crate::{archive, wording};

/// How many times faster than real time the cockpit can be followed.
const FASTEST_ON_SCREEN: f64 = 60.0;

/// How a run is shown.
struct Shown<'e> {
    /// Open already, where the cluster had to be reached first.
    cockpit: Option<Cockpit>,
    /// How many times faster than real time its clock goes.
    pace: f64,
    /// Whether it begins as soon as its preflight has passed.
    start: bool,
    /// Set where the operator leaves it to edit the scenario.
    edit: &'e Cell<bool>,
}

/// What the environment is called where there is no scenario; none of a scenario can be called so.
pub const NO_ENVIRONMENT: &str = "no scenario";

/// A scenario that can be run.
pub struct Drill {
    /// The scenario.
    pub scenario: Scenario,
    sources: Sources,
    /// The real date.
    pub started: DateTime<Utc>,
    /// Drawn from the system, once a process.
    pub random: u64,
}

pub fn run(args: &RunArgs) -> Result<u8, Failure> {
    until_left(&args.drill.file, |edit| run_once(args, edit))
}

pub fn rehearse(args: &RehearseArgs) -> Result<u8, Failure> {
    until_left(&args.drill.file, |edit| rehearse_once(args, edit))
}

/// Runs a scenario, and once more whenever the operator has left its run to edit it.
fn until_left(file: &Path, once: impl Fn(&Cell<bool>) -> Result<u8, Failure>) -> Result<u8, Failure> {
    loop {
        let edit = Cell::new(false);
        let outcome = once(&edit);
        // what went wrong, or is left behind, comes before any editing
        if !edit.get() || !matches!(outcome, Ok(code) if code != LEFT) {
            return outcome;
        }
        editor::open(file).means(USAGE)?;
    }
}

fn run_once(args: &RunArgs, edit: &Cell<bool>) -> Result<u8, Failure> {
    let drill = Drill::read(&args.drill.file, &args.drill.sets)?;
    answers::check(&args.drill, &drill.scenario, on_terminal(&args.drill))?;
    let environment = drill.environment(args.place.env.as_deref())?;
    let config = gate::settings()?;
    if environment.tier != Tier::Production && !on_terminal(&args.drill) && !confirmed(args) {
        return Err(anyhow!("nobody can press Enter where there is no cockpit: add --yes to start as soon as the preflight has passed"))
            .means(USAGE);
    }
    guarded(|folder| {
        runtime(false).means(REFUSED)?.block_on(async {
            let mut signals = Signals::listen().context("cannot listen to signals").means(REFUSED)?;
            let connection =
                connect::connect(&environment.name, environment.context.as_deref(), args.place.context.as_deref()).await.means(REFUSED)?;
            let waiting = Untrusted::from(format!("reaching {} at {}", connection.context, connection.server)).to_string();
            let context = connection.context.clone();
            let mut cockpit = on_terminal(&args.drill).then(|| screen::lead(&args.drill, 1.0, confirmed(args), waiting)).transpose()?;
            let arrival = tokio::select! {
                arrival = arrival::arrive(connection, &drill.scenario, &environment, &args.place, &config) => arrival?,
                () = screen::left(cockpit.as_mut()) => return Err(anyhow!("left before {context} answered; nothing was started")).means(ABORTED),
                _ = signals.next() => return Err(anyhow!("stopped before {context} answered; nothing was started")).means(ABORTED),
            };
            let Arrival { world, place, judged } = arrival;
            let seat = Seat { terminal: on_terminal(&args.drill), yes: args.drill.yes };
            let gate = gate::of_run(seat, &args.gates, &drill.scenario, &judged, &config)?;
            let run = name(drill.started, drill.random);
            let token = format!("{:06x}", drill.random >> 40);
            let header = drill.header(run, drill.started, place, drill.random, token, args.place.injector);
            let header = Header { gate: Some(gate), ..header };
            let shown = Shown { cockpit, pace: 1.0, start: confirmed(args), edit };
            Box::pin(drive(&args.drill, drill.scenario, header, world, signals, shown, folder)).await
        })
    })
}

fn rehearse_once(args: &RehearseArgs, edit: &Cell<bool>) -> Result<u8, Failure> {
    let drill = Drill::read(&args.drill.file, &args.drill.sets)?;
    answers::check(&args.drill, &drill.scenario, on_terminal(&args.drill))?;
    let environment = drill.environment(args.env.as_deref())?;
    let namespace = environment.namespace.clone().unwrap_or_else(|| "default".to_owned());
    let chosen = world::choose(&args.world, Some(&drill.scenario), &namespace, rehearsal::World::default)?;
    runtime(true).means(REFUSED)?.block_on(async {
        let signals = Signals::listen().context("cannot listen to signals").means(REFUSED)?;
        let practice = PracticeCluster::start(chosen.world, args.seed);
        let (service_namespace, service) = stage::PROMETHEUS;
        let metrics = rehearsal::Prometheus::new();
        practice.register_backend(service_namespace, service, Arc::new(metrics.clone()));
        practice.scrape_into(Box::new(metrics));
        let client = kube::Client::new(practice.service(), namespace.clone());
        let context = "practice cluster";
        let at = PrometheusAt::Service { namespace: service_namespace.to_owned(), name: service.to_owned(), port: "80".to_owned() };
        let place = Place {
            rehearsal: true,
            environment: environment.name.clone(),
            tier: environment.tier,
            context: context.to_owned(),
            server: String::new(),
            namespace: namespace.clone(),
            prometheus: Some(at.clone()),
        };
        let token = format!("{:06x}", args.seed & 0xff_ffff);
        let header = drill.header(name(drill.started, drill.random), practice.now(), place, args.seed, token, args.injector);
        let gate = gate::rehearsed(args.drill.yes, &environment);
        let header = Header { world: chosen.staged, gate: Some(gate), ..header };
        let speed = match args.speed {
            Speed::Times(speed) => Some(speed),
            // nobody can look at a screen at full speed
            Speed::Max if on_terminal(&args.drill) => Some(FASTEST_ON_SCREEN),
            Speed::Max => None,
        };
        let rehearsal = async {
            let cluster = Cluster::look(client, context, &namespace).await.means(REFUSED)?;
            let cluster = cluster.with_aside(kube::Client::new(practice.aside(), namespace.clone()));
            let prometheus = Prometheus::new(&at, &Credentials::default(), &cluster.client).means(REFUSED)?;
            let world = World { cluster, prometheus: Some(prometheus), http: None, commands: args.allow_commands };
            let shown = Shown { cockpit: None, pace: speed.unwrap_or(1.0), start: true, edit };
            Box::pin(drive(&args.drill, drill.scenario, header, world, signals, shown, &OnceCell::new())).await
        };
        match speed {
            None => Box::pin(rehearsal).await,
            Some(speed) => tokio::select! {
                outcome = Box::pin(rehearsal) => outcome,
                () = pace::hold(speed) => unreachable_pace(),
            },
        }
    })
}

/// [`pace::hold`] never ends; the compiler does not know.
fn unreachable_pace() -> Result<u8, Failure> {
    Err(anyhow!("the clock of the rehearsal stopped")).means(LEFT)
}

impl Drill {
    /// Reads the scenario of a file; what is wrong with it ends the process with every mistake told.
    pub fn read(file: &Path, sets: &[(String, String)]) -> Result<Drill, Failure> {
        let sets: BTreeMap<String, String> = sets.iter().cloned().collect();
        let read = check::read(file, &sets).means(USAGE)?;
        if read.reading.world.is_some() {
            return Err(anyhow!("{}: this is a world, not a scenario; give it with --world FILE", file.display())).means(USAGE);
        }
        let Some(scenario) = read.reading.scenario else {
            return Err(anyhow!("{}", check::told(file, &read.reading.mistakes).trim_end())).means(USAGE);
        };
        // what a run may do without, `check` would tell: told here too, beside the run
        for mistake in &read.reading.mistakes {
            crate::cli::complain(&anyhow!("going on, but: {mistake}"));
        }
        Ok(Drill::of(scenario, read.sources))
    }

    /// A drill of a scenario that was read.
    pub fn of(scenario: Scenario, sources: Sources) -> Drill {
        Drill { scenario, sources, started: today(), random: random() }
    }

    /// A drill that looks at nothing but the cluster.
    pub fn of_nothing() -> Drill {
        let environment =
            Environment { name: NO_ENVIRONMENT.to_owned(), tier: Tier::Development, context: None, namespace: None, prometheus: None };
        let scenario = Scenario {
            name: "doctor".to_owned(),
            labels: BTreeMap::new(),
            title: "doctor".to_owned(),
            hypothesis: String::new(),
            owner: None,
            runbook: None,
            environments: vec![environment],
            parameters: BTreeMap::new(),
            targets: Vec::new(),
            injector: Injector::Auto,
            panels: Vec::new(),
            steady_state: Vec::new(),
            steps: Vec::new(),
            criteria: Vec::new(),
            stop_when: Vec::new(),
            limits: Limits::default(),
            acknowledge_data_risk: false,
            brake: None,
            world: None,
            file_digest: String::new(),
            drill_digest: String::new(),
        };
        let sources = Sources { file: String::new(), text: String::new(), manifests: BTreeMap::new(), sets: BTreeMap::new() };
        Drill::of(scenario, sources)
    }

    /// The environment of this name, or the first.
    pub fn environment(&self, asked: Option<&str>) -> Result<Environment, Failure> {
        let known = || self.scenario.environments.iter().map(|environment| environment.name.as_str()).collect::<Vec<_>>().join(", ");
        let found = self.scenario.environment(asked).cloned();
        found.ok_or_else(|| anyhow!("the scenario has no environment {:?}; it has {}", asked.unwrap_or_default(), known())).means(USAGE)
    }

    /// The header of a run of it.
    pub fn header(
        &self,
        run: String,
        started: DateTime<Utc>,
        place: Place,
        seed: u64,
        token: String,
        injector: Option<InjectorArg>,
    ) -> Header {
        Header {
            format: FORMAT.to_owned(),
            gameday: env!("CARGO_PKG_VERSION").to_owned(),
            run,
            recorded: self.started,
            machine: std::fs::read_to_string("/proc/sys/kernel/hostname").map(|name| name.trim().to_owned()).unwrap_or_default(),
            started,
            place,
            seed,
            token,
            injector: injector.map(Into::into),
            scenario: self.sources.clone(),
            world: None,
            gate: None,
        }
    }
}

/// Does `work`, and if it panics undoes from the journal what it broke.
fn guarded(work: impl FnOnce(&OnceCell<PathBuf>) -> Result<u8, Failure>) -> Result<u8, Failure> {
    let folder = OnceCell::new();
    let outcome = std::panic::catch_unwind(AssertUnwindSafe(|| work(&folder)));
    outcome.unwrap_or_else(|_| {
        let Some(folder) = folder.get() else {
            return Err(anyhow!("gameday itself failed before anything was broken")).means(REFUSED);
        };
        crate::cli::complain(&anyhow!("gameday itself failed; undoing from the journal what it broke"));
        Ok(recover::after_all(folder))
    })
}

/// Drives a run to its end and writes its reports, whatever the end.
async fn drive(
    args: &DrillArgs,
    scenario: Scenario,
    header: Header,
    world: World,
    signals: Signals,
    shown: Shown<'_>,
    place: &OnceCell<PathBuf>,
) -> Result<u8, Failure> {
    let folder = match &args.run_dir {
        Some(folder) => folder.clone(),
        None => archive::runs().means(REFUSED)?.join(&header.run),
    };
    archive::make(&folder).means(REFUSED)?;
    let journal = Journal::create(&folder.join(archive::JOURNAL), &header).means(REFUSED)?;
    archive::put(&folder, "scenario.yaml", &header.scenario.text).means(REFUSED)?;
    if !header.place.rehearsal {
        // `recover` finds a run by the folder of runs, wherever its own folder is
        archive::link(&folder, &header.run);
    }
    let signals = signals.and_wish(folder.join(recover::WISH));
    let _ = place.set(folder.clone());
    let clock = Clock::start(header.started);
    let run = Run::new(header, scenario);
    let answers = answers::read(args)?;
    let code = if on_terminal(args) {
        let face = match shown.cockpit {
            Some(open) => open,
            None => screen::lead(args, shown.pace, shown.start, String::new())?,
        };
        debrief::show_home(face.porch(), &world);
        Box::pin(debrief::on_screen(Driver::new(run, journal, clock, world, face), signals, &folder, shown.edit)).await
    } else {
        let out = Outlet::open().context("cannot start the thread that prints").means(REFUSED)?;
        let face = Headless::new(out, Form::from(args.output), shown.start).answering(answers);
        Box::pin(follow(Driver::new(run, journal, clock, world, face), signals)).await
    };
    finish(&folder, args.output, code)
}

/// Whether the run is shown in the cockpit.
fn on_terminal(args: &DrillArgs) -> bool {
    screen::has_one(args.headless, args.output)
}

async fn follow<F: Face>(driver: Driver<F>, signals: Signals) -> anyhow::Result<u8> {
    let driven = Box::pin(driver.drive(signals)).await;
    code(&driven.run, driven.lost)
}

/// The exit code of a run, with or without a journal that tells all of it.
fn code(run: &Run, lost: Option<JournalError>) -> anyhow::Result<u8> {
    match (run.conclusion(), lost) {
        (Some(conclusion), None) => Ok(conclusion.verdict.exit_code()),
        (Some(conclusion), Some(error)) if run.touched_anything() => {
            crate::cli::complain(&error.into());
            Ok(conclusion.verdict.exit_code())
        }
        (_, Some(error)) => Err(error.into()),
        (None, None) => Ok(LEFT),
    }
}

/// Writes the reports and says where everything is.
fn finish(folder: &Path, output: Output, code: anyhow::Result<u8>) -> Result<u8, Failure> {
    let filed = report::file(folder).with_context(|| format!("cannot write the report into {}", folder.display()));
    if let (Ok(()), Output::Text) = (&filed, output) {
        let run = report::fold(folder).ok();
        let outcome = run.as_ref().map_or_else(|| "the run did not end".to_owned(), wording::outcome);
        print(&format!("{outcome}\n{}\n", folder.join("report.md").display()));
        run.iter().flat_map(wording::stuck::left).for_each(|line| print(&format!("{line}\n")));
    }
    let code = code.means(REFUSED)?;
    match filed {
        Ok(()) => Ok(code),
        // the run itself went as its code says; that its report is missing must still be seen
        Err(error) => {
            crate::cli::complain(&error);
            Ok(code)
        }
    }
}

/// Whether the run may begin as soon as its preflight has passed: without a terminal the command
/// itself is the word to start; at a terminal only with --yes.
fn confirmed(args: &RunArgs) -> bool {
    args.drill.yes || !io::stdin().is_terminal()
}

pub fn runtime(paused: bool) -> io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().start_paused(paused).build()
}

/// A number that the system draws.
fn random() -> u64 {
    let mut hash = RandomState::new().build_hasher();
    hash.write_u32(std::process::id());
    hash.finish()
}

/// A run's id: sorts by time, and is told from others by four hex digits.
pub fn name(started: DateTime<Utc>, random: u64) -> String {
    format!("{}-{:04x}", started.format("%Y%m%d-%H%M%S"), random & 0xffff)
}

#[expect(clippy::disallowed_methods, reason = "the real date is read here alone, for the header")]
pub fn today() -> DateTime<Utc> {
    Utc::now()
}

//! Verbs and flags.

mod shown;

use std::net::SocketAddr;
use std::path::PathBuf;

pub use crate::cli::args::shown::{ImportArgs, Output, ReplayArgs, ReportArgs, ReportForm, WatchArgs};
use crate::cli::world::WorldArgs;
use crate::scenario::model::Injector;

use clap::{Args as Group, Parser, Subcommand, ValueEnum};

/// The terminal cockpit for game days on Kubernetes.
#[derive(Debug, Parser)]
#[command(name = "gameday", version, about, max_term_width = 100)]
pub struct Args {
    /// What to do; without a verb: home, with scenarios, past runs, and what the cluster can do.
    #[command(subcommand)]
    pub verb: Option<Verb>,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Run a scenario against a cluster.
    Run(Box<RunArgs>),
    /// Run a scenario on the built-in practice cluster: no cluster, no network.
    Rehearse(Box<RehearseArgs>),
    /// The practice cluster by itself.
    #[command(subcommand)]
    Rehearsal(RehearsalVerb),
    /// Write a scenario from a live workload; `check` passes on it at once.
    New(NewArgs),
    /// Make a scenario of a Chaos Toolkit experiment or of plain Chaos Mesh manifests, and say of each thing what became of it.
    Import(ImportArgs),
    /// Show every mistake of every file at once.
    Check(CheckArgs),
    /// Write the report of a run again, from its journal alone.
    Report(ReportArgs),
    /// Play a recorded run through the same screens, with pause, seek and any speed; without a terminal its lines, at once.
    Replay(ReplayArgs),
    /// Follow a live run from another terminal: read-only.
    Watch(WatchArgs),
    /// Stop and undo live runs, from any terminal; with --all also whatever bears our label in the cluster.
    Abort(AbortArgs),
    /// After a crash: undo what journals and labels say is left.
    Recover(RecoverArgs),
    /// Print the JSON Schema of a scenario file, for editors.
    Schema,
    /// Can this cluster run it? Each check with what was seen, and the one command that mends it.
    Doctor(Box<DoctorArgs>),
    /// Print the roles that a scenario needs, to be applied by whoever may.
    Rbac(RbacArgs),
    /// Show where the settings are and what they come to.
    Config,
    /// List the keys of the cockpit, with the names by which config.toml rebinds them.
    Keys,
}

/// Flags of `run`.
#[derive(Debug, Group)]
pub struct RunArgs {
    /// What both kinds of run take.
    #[command(flatten)]
    pub drill: DrillArgs,
    /// Where, and by whom.
    #[command(flatten)]
    pub place: PlaceArgs,
    /// What its gates go by.
    #[command(flatten)]
    pub gates: GateArgs,
}

/// Where a run takes place on a cluster, and who breaks things there.
#[derive(Debug, Group)]
pub struct PlaceArgs {
    /// The environment of the scenario; the first is the default.
    #[arg(long, value_name = "NAME")]
    pub env: Option<String>,
    /// The kubeconfig context; must be the environment's where that names one.
    #[arg(long, value_name = "NAME")]
    pub context: Option<String>,
    /// The namespace of target and faults that name none.
    #[arg(long, short, value_name = "NAME")]
    pub namespace: Option<String>,
    /// Prometheus, over the environment's. GAMEDAY_PROMETHEUS_TOKEN, or _USER and _PASSWORD, and _CA let you in.
    #[arg(long, value_name = "URL")]
    pub prometheus: Option<String>,
    /// Who breaks things, over the file's.
    #[arg(long, value_enum)]
    pub injector: Option<InjectorArg>,
}

/// What the gates of a run go by.
#[derive(Debug, Default, Group)]
pub struct GateArgs {
    /// The held staging run of the same drill that lets this one into production: an id, a prefix, a folder, or last. Its journal is folded again.
    #[arg(long, value_name = "RUN")]
    pub held: Option<String>,
    /// Overrule a check of the preflight that failed; who and why stand in journal and report. No gate of production can be overruled.
    #[arg(long = "override", value_name = "CHECK=WHY", value_parser = pair)]
    pub overrides: Vec<(String, String)>,
}

/// Flags of `doctor`.
#[derive(Debug, Group)]
pub struct DoctorArgs {
    /// The scenario; without one the cluster alone is looked at.
    pub file: Option<PathBuf>,
    /// Where, and by whom.
    #[command(flatten)]
    pub place: PlaceArgs,
    /// A parameter of the scenario.
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = pair)]
    pub sets: Vec<(String, String)>,
    /// What its gates go by.
    #[command(flatten)]
    pub gates: GateArgs,
    /// How the checks look.
    #[arg(long, value_enum, default_value_t = Output::Text)]
    pub output: Output,
}

/// Flags of `rbac`.
#[derive(Debug, Group)]
pub struct RbacArgs {
    /// The scenario; without one, a role for any pod kill or network fault in one namespace.
    pub file: Option<PathBuf>,
    /// The environment of the scenario; the first is the default.
    #[arg(long, value_name = "NAME")]
    pub env: Option<String>,
    /// The namespace of target and faults that name none.
    #[arg(long, short, value_name = "NAME")]
    pub namespace: Option<String>,
    /// Who breaks things, over the file's.
    #[arg(long, value_enum)]
    pub injector: Option<InjectorArg>,
    /// Who is bound to the roles; without it only the roles are printed.
    #[arg(long, value_name = "NAME")]
    pub user: Option<String>,
    /// A parameter of the scenario.
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = pair)]
    pub sets: Vec<(String, String)>,
}

/// Flags of `rehearse`.
#[derive(Debug, Group)]
pub struct RehearseArgs {
    /// What both kinds of run take.
    #[command(flatten)]
    pub drill: DrillArgs,
    /// The environment of the scenario; the first is the default.
    #[arg(long, value_name = "NAME")]
    pub env: Option<String>,
    /// The same seed gives the same journal.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// How many times faster than real time, or max.
    #[arg(long, default_value = "1", value_name = "N|max", value_parser = speed)]
    pub speed: Speed,
    /// Who breaks things, over the file's.
    #[arg(long, value_enum)]
    pub injector: Option<InjectorArg>,
    /// Run the commands of `command` criteria, which act on the real world. Their answers are not of the practice cluster.
    #[arg(long)]
    pub allow_commands: bool,
    /// The world it is rehearsed in.
    #[command(flatten)]
    pub world: WorldArgs,
}

/// What both kinds of run take.
#[derive(Debug, Group)]
pub struct DrillArgs {
    /// The scenario.
    pub file: PathBuf,
    /// Lines instead of the cockpit.
    #[arg(long)]
    pub headless: bool,
    /// How the lines look.
    #[arg(long, value_enum, default_value_t = Output::Text)]
    pub output: Output,
    /// The folder of this run.
    #[arg(long, value_name = "DIR")]
    pub run_dir: Option<PathBuf>,
    /// A parameter of the scenario.
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = pair)]
    pub sets: Vec<(String, String)>,
    /// No prompt: the run starts, and without a cockpit steps that hold for the leader begin. Never answers a production gate.
    #[arg(long)]
    pub yes: bool,
    /// Without a cockpit, how a step that waits for a person goes: done or failed for a manual step, go for one that holds.
    #[arg(long = "answer", value_name = "STEP=WORD", value_parser = pair)]
    pub answers: Vec<(String, String)>,
}

/// What can be done with the practice cluster by itself.
#[derive(Debug, Subcommand)]
pub enum RehearsalVerb {
    /// Put it on a loopback port, for kubectl and everything else that speaks Kubernetes.
    Serve(ServeArgs),
}

/// Flags of `rehearsal serve`.
#[derive(Debug, Group)]
pub struct ServeArgs {
    /// Where to listen: a loopback address; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:0", value_name = "ADDRESS:PORT", value_parser = loopback)]
    pub listen: SocketAddr,
    /// Where the kubeconfig is written; into the folder of gameday's data by default.
    #[arg(long, value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,
    /// The same seed gives the same names, uids and draws.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// How many times faster than real time.
    #[arg(long, default_value = "1", value_name = "N", value_parser = pace)]
    pub speed: f64,
    /// A user who may only do what roles of the cluster say; becomes a context of the kubeconfig. May be given often.
    #[arg(long = "user", value_name = "NAME")]
    pub users: Vec<String>,
    /// The world it serves.
    #[command(flatten)]
    pub world: WorldArgs,
}

/// Flags of `new`.
#[derive(Debug, Group)]
pub struct NewArgs {
    /// The workload, as in deployment/task-api.
    #[arg(value_name = "KIND/NAME")]
    pub target: String,
    /// Where to; the standard output by default. A file that is there is not overwritten.
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// The kubeconfig context.
    #[arg(long, value_name = "NAME")]
    pub context: Option<String>,
    /// The namespace of the workload.
    #[arg(long, short, value_name = "NAME")]
    pub namespace: Option<String>,
}

/// Flags of `check`.
#[derive(Debug, Group)]
pub struct CheckArgs {
    /// The scenarios.
    #[arg(required = true)]
    pub files: Vec<PathBuf>,
    /// Warnings fail, too.
    #[arg(long)]
    pub strict: bool,
    /// Ask the API server, too: each fault as a dry run, as it would be sent.
    #[arg(long)]
    pub server: bool,
    /// The environment whose cluster is asked; the first of each file is the default.
    #[arg(long, value_name = "NAME", requires = "server")]
    pub env: Option<String>,
    /// The kubeconfig context; must be the environment's where that names one.
    #[arg(long, value_name = "NAME", requires = "server")]
    pub context: Option<String>,
    /// The namespace of faults that name none.
    #[arg(long, short, value_name = "NAME", requires = "server")]
    pub namespace: Option<String>,
    /// How the mistakes look.
    #[arg(long, value_enum, default_value_t = Output::Text)]
    pub output: Output,
    /// A parameter of the scenarios.
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = pair)]
    pub sets: Vec<(String, String)>,
}

/// Flags of `abort`.
#[derive(Debug, Group)]
pub struct AbortArgs {
    /// An id, a unique prefix of one, a folder, or last; all live runs of this machine by default. An id that no run of this machine
    /// has is looked for in the cluster, by the Leases of live runs.
    pub run: Option<String>,
    /// All runs of this machine, and every object of gameday in the cluster.
    #[arg(long)]
    pub all: bool,
    /// Do not ask before a run of somebody else is stopped.
    #[arg(long)]
    pub yes: bool,
    /// The kubeconfig context to sweep.
    #[arg(long, value_name = "NAME")]
    pub context: Option<String>,
}

/// Flags of `recover`.
#[derive(Debug, Group)]
pub struct RecoverArgs {
    /// Take the finalizers off an object that is stuck in its deletion; asks for its name. The last of all ways out.
    #[arg(long, value_name = "KIND/NAMESPACE/NAME")]
    pub force: Option<String>,
    /// The kubeconfig context to sweep.
    #[arg(long, value_name = "NAME")]
    pub context: Option<String>,
}

/// Who breaks things.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum InjectorArg {
    /// Chaos Mesh where its API is served, else gameday itself for what it can do alone.
    Auto,
    /// Chaos Mesh or nothing.
    ChaosMesh,
    /// gameday itself: pods are deleted.
    Agentless,
    /// gameday itself: the eviction of pods is asked for; a disruption budget may refuse it.
    Eviction,
}

impl From<InjectorArg> for Injector {
    fn from(injector: InjectorArg) -> Injector {
        match injector {
            InjectorArg::Auto => Injector::Auto,
            InjectorArg::ChaosMesh => Injector::ChaosMesh,
            InjectorArg::Agentless => Injector::Agentless,
            InjectorArg::Eviction => Injector::Eviction,
        }
    }
}

/// How fast a rehearsal goes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Speed {
    /// So many times faster than real time.
    Times(f64),
    /// As fast as the machine can.
    Max,
}

fn speed(text: &str) -> Result<Speed, String> {
    if text == "max" {
        return Ok(Speed::Max);
    }
    match text.parse::<f64>() {
        Ok(times) if (0.01..=1000.0).contains(&times) => Ok(Speed::Times(times)),
        _ => Err("a number from 0.01 to 1000, or max".to_owned()),
    }
}

/// Somebody acts on a served cluster, so it keeps a pace.
fn pace(text: &str) -> Result<f64, String> {
    match speed(text) {
        Ok(Speed::Times(times)) => Ok(times),
        Ok(Speed::Max) => Err("a served cluster keeps a pace: a number from 0.01 to 1000".to_owned()),
        Err(_) => Err("a number from 0.01 to 1000".to_owned()),
    }
}

fn loopback(text: &str) -> Result<SocketAddr, String> {
    match text.parse::<SocketAddr>() {
        Ok(address) if address.ip().is_loopback() => Ok(address),
        Ok(_) => Err("everybody who can reach it may do anything on it: only loopback addresses, as in 127.0.0.1:8001".to_owned()),
        Err(_) => Err("an address with a port, as in 127.0.0.1:8001".to_owned()),
    }
}

fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("NAME=VALUE".to_owned()),
    }
}

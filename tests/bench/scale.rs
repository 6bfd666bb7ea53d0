//! What gameday costs on a real API server, beside other terminals for Kubernetes: `cargo bench --bench scale`.
//!
//! It makes a namespace with a target of thousands of pods that no node ever runs, writes their status a hundred times a
//! second, and has each program look on at a terminal of 120x36, one after the other: gameday in a run that waits for its
//! leader, on the screen of pods; kubectl, kubetui and kdash where they are on the PATH. What a process takes is read from
//! `/proc`, so on Linux only; the terminal is one of `script` (util-linux). How late gameday is counts from the moment at
//! which a bare watch of this program has read the same update. How soon gameday shows pods is measured before the first
//! update, as `kubectl get pods -A` is: the first frame that counts them, and the one that counts all. The namespace goes at the end, and on Ctrl-C.
//!
//! It knows no cluster but that of `GAMEDAY_TEST_KUBECONFIG`, and refuses it unless its kube-system bears the label
//! `gameday/test-cluster=true`. `GAMEDAY_BENCH_PODS` and `GAMEDAY_BENCH_SECONDS` make it smaller or longer; `GAMEDAY_BENCH_BINARY` names
//! another gameday to be measured, of an older version.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a bench stops where it fails, it measures, and its figures are what it prints"
)]

#[path = "../support/mod.rs"]
mod support;

#[path = "scale/crowd.rs"]
mod crowd;
#[path = "scale/looker.rs"]
mod looker;

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crowd::{Crowd, DEPLOYMENT, NAMESPACE};
use looker::{Looker, Used};
use support::cluster::{TestCluster, cluster_alone};

/// How long a program may take until its first useful frame.
const PATIENCE: Duration = Duration::from_mins(1);
/// How long it settles before it is measured.
const SETTLES: Duration = Duration::from_secs(10);
/// Updates of pods in a second.
const RATE: u32 = 100;

fn number(variable: &str, or: u32) -> u32 {
    std::env::var(variable).map_or(or, |value| value.parse().unwrap())
}

/// What was measured of a program.
struct Figures {
    name: &'static str,
    first: Duration,
    cpu: f64,
    /// While it was looked at, and the most it ever held, in MB.
    memory: (f64, f64),
    /// From a bare watch to the screen, sorted.
    late: Vec<Duration>,
}

impl Figures {
    fn late(&self, share: f64) -> Option<f64> {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "a place in a list")]
        let place = (self.late.len() as f64 * share).ceil() as usize;
        self.late.get(place.saturating_sub(1)).map(|late| late.as_secs_f64() * 1000.0)
    }
}

impl std::fmt::Display for Figures {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let first = self.first.as_secs_f64();
        write!(f, "{:10}{first:>9.2} s{:>9.1} %{:>9.1} MB{:>9.1} MB", self.name, self.cpu * 100.0, self.memory.0, self.memory.1)?;
        if let (Some(half), Some(most), Some(all)) = (self.late(0.5), self.late(0.99), self.late(1.0)) {
            write!(f, "   {half:.1} / {most:.1} / {all:.1} ms of {}", self.late.len())?;
        }
        Ok(())
    }
}

/// Stops on Ctrl-C as on any failure, so that what was made is taken away.
fn stop_on_interrupt() -> Arc<AtomicBool> {
    let stopped = Arc::new(AtomicBool::new(false));
    let told = stopped.clone();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(tokio::signal::ctrl_c()).unwrap();
        told.store(true, Ordering::SeqCst);
    });
    stopped
}

/// Waits, but not when it was interrupted.
fn rest(span: Duration, stopped: &AtomicBool) {
    let until = Instant::now() + span;
    while Instant::now() < until {
        assert!(!stopped.load(Ordering::SeqCst), "interrupted");
        sleep(Duration::from_millis(50));
    }
}

/// The scenario that looks on: nothing is broken, the leader is waited for.
fn scenario(cluster: &TestCluster, namespace: &str) -> String {
    format!(
        "apiVersion: gameday/v1
kind: GameDay
metadata: {{name: look-on}}
spec:
  hypothesis: a crowd is looked at and nothing happens to it
  environments: {{test: {{tier: staging, context: {}, namespace: {namespace}}}}}
  target: {{kind: Deployment, name: {DEPLOYMENT}}}
  steps:
    - {{name: look on, hold: true}}
  criteria:
    - {{name: most are there, ready: {{min: 10%}}, during: always}}
",
        cluster.context
    )
}

/// One of the programs at its terminal, measured for so long.
fn measure(looker: &Looker, crowd: &Crowd<'_>, seconds: u32, stopped: &AtomicBool) -> Option<Figures> {
    let begun = looker.begun;
    while looker.whole().is_none() {
        if begun.elapsed() > PATIENCE {
            println!("{} shows no pods, and is left out:\n{}", looker.name, looker.screen());
            return None;
        }
        rest(Duration::from_millis(10), stopped);
    }
    rest(SETTLES, stopped);
    if looker.name == "gameday" {
        looker.press("2");
    }
    rest(Duration::from_secs(2), stopped);
    crowd.forget();
    looker.forget();
    let (before, since) = (looker.used(), Instant::now());
    let mut memory = 0.0_f64;
    for _ in 0..seconds {
        rest(Duration::from_secs(1), stopped);
        memory = memory.max(looker.used().memory);
    }
    let Used { cpu, most, .. } = looker.used();
    let cpu = (cpu - before.cpu) / since.elapsed().as_secs_f64();
    // the last may be on their way to the screen
    rest(Duration::from_millis(500), stopped);
    let seen = looker.seen();
    let mut late: Vec<Duration> =
        crowd.told().into_iter().filter_map(|(mark, told)| Some(seen.get(&mark)?.saturating_duration_since(told))).collect();
    late.sort();
    println!("\n{} at the end of its minute:\n{}", looker.name, looker.screen());
    Some(Figures { name: looker.name, first: looker.first()?, cpu, memory: (memory, most), late })
}

/// From asking `kubectl get pods -A` to its end, the best of three.
fn kubectl(kubeconfig: &Path) -> Option<Duration> {
    let once = || {
        let begun = Instant::now();
        let mut command = Command::new("kubectl");
        command.args(["get", "pods", "-A"]).env("KUBECONFIG", kubeconfig).stdout(Stdio::null());
        command.status().ok()?.success().then(|| begun.elapsed())
    };
    (0..3).filter_map(|_| once()).min()
}

/// From the start of gameday to its first useful frame, and to all pods, the best of three.
fn opened(stopped: &AtomicBool, start: impl Fn() -> Looker) -> String {
    let once = || {
        let looker = start();
        while looker.whole().is_none() && looker.begun.elapsed() < PATIENCE {
            rest(Duration::from_millis(5), stopped);
        }
        looker.first().zip(looker.whole())
    };
    let best = (0..3).filter_map(|_| once()).min();
    best.map_or_else(
        || "showed no pods".to_owned(),
        |(first, whole)| format!("{:.2} s to its first pods, {:.2} s to all", first.as_secs_f64(), whole.as_secs_f64()),
    )
}

fn on_path(name: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(name).is_file())
}

fn main() {
    let Some(cluster) = cluster_alone() else { return };
    let (pods, seconds) = (number("GAMEDAY_BENCH_PODS", 5000), number("GAMEDAY_BENCH_SECONDS", 60));
    let stopped = stop_on_interrupt();
    let folder = support::scratch("scale");
    let crowd = Crowd::make(&cluster, pods, &stopped);
    let kubeconfig = cluster.kubeconfig.display().to_string();
    let listed = kubectl(&cluster.kubeconfig);
    let file = folder.join("scenario.yaml");
    std::fs::write(&file, scenario(&cluster, NAMESPACE)).unwrap();
    let binary = std::env::var("GAMEDAY_BENCH_BINARY").unwrap_or_else(|_| env!("CARGO_BIN_EXE_gameday").to_owned());
    let gameday = format!("{binary} run {} --yes", file.display());
    // under the pods' names, which all show
    let pod = format!("{DEPLOYMENT}-");
    let whole = format!("{pods} of {pods} ready");
    // gameday counts the pods as they come
    let counted = ["pods listed so far", whole.as_str()];
    let opened = opened(&stopped, || Looker::start("gameday", &gameday, &kubeconfig, &folder, &counted));
    let writer = crowd.write(RATE);
    let mut all = Vec::new();
    for (name, command, shown) in [
        ("gameday", gameday.clone(), &counted[..]),
        ("kubectl", format!("kubectl get pods -n {NAMESPACE} --watch"), &[pod.as_str()]),
        ("kubetui", format!("kubetui -n {NAMESPACE}"), &[pod.as_str()]),
        ("kdash", "kdash".to_owned(), &[pod.as_str()]),
    ] {
        if name != "gameday" && !on_path(name) {
            println!("{name} is not on the PATH: left out");
            continue;
        }
        let looker = Looker::start(name, &command, &kubeconfig, &folder, shown);
        let measured = measure(&looker, &crowd, seconds, &stopped);
        if let Some(figures) = &measured {
            println!("{figures}");
        }
        all.extend(measured);
    }
    println!("\n{pods} pods, {} updates a second written ({} failed), {seconds} s each", writer.rate(), writer.failed());
    if let Some(listed) = listed {
        println!("before any update, the best of three: kubectl get pods -A {:.2} s, gameday {opened}", listed.as_secs_f64());
    }
    println!("{:10}{:>11}{:>11}{:>12}{:>12}   late p50 / p99 / most", "", "first", "core", "memory", "most");
    for figures in &all {
        println!("{figures}");
    }
    println!("load of the machine, 1, 5 and 15 minutes: {}", std::fs::read_to_string("/proc/loadavg").unwrap().trim());
}

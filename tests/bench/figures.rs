//! What the binary costs, as `cargo bench --bench figures` prints it: CPU seconds (user and system, of the best of five
//! runs), most memory, and what a served practice cluster takes while nobody asks for anything.
//!
//! CPU time is read from `/proc`, so on Linux only: wall time says more about the neighbours than about us.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a bench stops where it fails, and its figures are what it prints")]

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

/// Clock ticks a second, as Linux counts them for `/proc` on every architecture.
const TICKS: f64 = 100.0;

/// How long the idle cluster is looked at.
const IDLE: Duration = Duration::from_mins(1);

/// What a process has used so far.
struct Used {
    /// User and system, in seconds.
    cpu: f64,
    /// The most memory it held, in KiB; nothing once it has ended.
    memory: Option<u64>,
}

/// What the kernel says of a process, and whether it has ended without being waited for.
fn used(child: &Child) -> (Used, bool) {
    let folder = format!("/proc/{}", child.id());
    let stat = fs::read_to_string(format!("{folder}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    let cpu = (fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap()) / TICKS;
    let status = fs::read_to_string(format!("{folder}/status")).unwrap_or_default();
    let memory = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse().ok());
    (Used { cpu, memory }, fields[0] == "Z")
}

fn gameday(arguments: &[&str]) -> Child {
    let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join("figures");
    fs::create_dir_all(&home).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_gameday"));
    command.args(arguments).current_dir(env!("CARGO_MANIFEST_DIR")).env_remove("KUBECONFIG");
    command.env("HOME", &home).env("XDG_DATA_HOME", &home).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().unwrap()
}

/// One game day at full speed, to its end.
fn rehearse(file: &str) -> Used {
    let mut child = gameday(&["rehearse", file, "--headless", "--speed", "max"]);
    let (mut now, mut memory, mut ended) = (0.0, None, false);
    while !ended {
        sleep(Duration::from_millis(5));
        let (used, over) = used(&child);
        (now, memory, ended) = (used.cpu, used.memory.or(memory), over);
    }
    assert!(child.wait().unwrap().success(), "{file} did not hold");
    Used { cpu: now, memory }
}

fn main() {
    for (name, file) in [
        ("pod kill, task-api", "scenarios/task-api-pod-kill.yaml"),
        ("partition, task-api", "scenarios/task-api-partition.yaml"),
        ("ten minutes, shop", "tests/bench/ten-minutes.yaml"),
    ] {
        let runs: Vec<Used> = (0..5).map(|_| rehearse(file)).collect();
        let best = runs.iter().map(|run| run.cpu).fold(f64::INFINITY, f64::min);
        let memory = runs.iter().filter_map(|run| run.memory).max().unwrap_or(0);
        println!("{name:24} {best:6.2} s CPU {memory:6} KiB");
    }
    for (name, world) in [("idle, task-api", None), ("idle, shop", Some("scenarios/worlds/shop.yaml"))] {
        let more = world.map(|world| vec!["--world", world]).unwrap_or_default();
        let mut child = gameday(&[vec!["rehearsal", "serve"], more].concat());
        sleep(Duration::from_secs(3));
        let before = used(&child).0;
        sleep(IDLE);
        let after = used(&child).0;
        child.kill().unwrap();
        child.wait().unwrap();
        let share = (after.cpu - before.cpu) / IDLE.as_secs_f64() * 100.0;
        println!("{name:24} {share:6.2} % of a core {:6} KiB", after.memory.unwrap_or(0));
    }
}

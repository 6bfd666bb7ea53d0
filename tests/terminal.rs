//! The terminal is given back, and what was broken is undone, however a run in the cockpit ends: on the practice cluster served on a
//! port, at a terminal that `script` (util-linux) gives; where that is not installed, nothing is tried, and that is said.
#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]
#![expect(clippy::print_stdout, reason = "a test says what it skipped, and is read from above")]

mod support;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;
use support::served::{Machine, Served};
use support::{json, said, scratch, until};

/// A delay for half a minute.
const DRILL: &str = "apiVersion: gameday/v1
kind: GameDay
metadata: {name: terminal}
spec:
  title: the cockpit ends
  hypothesis: nothing stays broken
  environments: {staging: {tier: staging, context: rehearsal, namespace: staging}}
  target: {kind: Deployment, name: task-api}
  steps:
    - name: slow
      fault:
        apiVersion: chaos-mesh.org/v1alpha1
        kind: NetworkChaos
        metadata: {name: slow}
        spec:
          action: delay
          mode: one
          duration: 60s
          selector: {labelSelectors: {app: task-api}}
          delay: {latency: 10ms}
  criteria: [{name: back, recovery: {within: 30s}, stableFor: 1s}]
  limits: {maxTargets: 3}
";

/// How the cockpit ends.
#[derive(Clone, Copy)]
enum End {
    /// Itself, by a panic there.
    Panics(&'static str),
    /// By a signal.
    Signal(&'static str),
    /// The terminal goes away.
    Hangs,
    /// By a signal, while the terminal takes nothing.
    Stalls,
}

/// A run in the cockpit.
struct Flown {
    script: Child,
    folder: PathBuf,
}

/// Begins `command` in a shell at a terminal, with the modes of the terminal told before and after.
fn fly(machine: &Machine, command: &str, panics: Option<&str>) -> Option<Flown> {
    let mut script = Command::new("script");
    let own = machine.gameday(&[]);
    script.env_clear().envs(own.get_envs().filter_map(|(name, value)| Some((name, value?)))).env("TERM", "xterm-256color");
    script.envs(panics.map(|place| ("GAMEDAY_PANIC_AT", place))).env("SHELL", "/bin/bash");
    let shell = format!(
        "stty rows 36 cols 120; echo modes $(stty -g); {command}; code=${{PIPESTATUS[0]}}; echo; echo code $code; echo modes $(stty -g)"
    );
    script.args(["-qefc", &shell, "/dev/null"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let script = script.spawn().inspect_err(|why| println!("skipped: no terminal to be had by `script`: {why}")).ok()?;
    Some(Flown { script, folder: machine.folder.clone() })
}

impl Flown {
    /// The process of this name below `script`.
    fn pid(&self, name: &str) -> Option<u32> {
        let mut below = vec![self.script.id()];
        while let Some(pid) = below.pop() {
            let comm = std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
            if comm.trim() == name {
                return Some(pid);
            }
            let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
            below.extend(children.split_whitespace().map(|child| child.parse::<u32>().unwrap()));
        }
        None
    }

    /// The run of its machine, once it has written its report.
    fn report(&self) -> Value {
        let runs = self.folder.join("data/gameday/runs");
        let path = || Some(std::fs::read_dir(&runs).ok()?.next()?.ok()?.path().join("report.json")).filter(|path| path.exists());
        until("the report", || path().is_some());
        json(&path().unwrap())
    }
}

/// What a terminal was told to do and not told to undo.
fn kept(out: &Output) -> Vec<&'static str> {
    let text = String::from_utf8_lossy(&out.stdout);
    // alternate screen, pasting in brackets, hidden cursor, the mouse's ways, focus
    let pairs = [
        ("\u{1b}[?1049h", "\u{1b}[?1049l"),
        ("\u{1b}[?2004h", "\u{1b}[?2004l"),
        ("\u{1b}[?25l", "\u{1b}[?25h"),
        ("\u{1b}[?1000h", "\u{1b}[?1000l"),
        ("\u{1b}[?1002h", "\u{1b}[?1002l"),
        ("\u{1b}[?1003h", "\u{1b}[?1003l"),
        ("\u{1b}[?1006h", "\u{1b}[?1006l"),
        ("\u{1b}[?1004h", "\u{1b}[?1004l"),
    ];
    pairs
        .into_iter()
        .filter(|(on, off)| text.rfind(on).is_some_and(|set| text.rfind(off).is_none_or(|back| back < set)))
        .map(|(on, _)| on)
        .collect()
}

/// The last value that the shell told under this name.
fn told<'o>(text: &'o str, name: &str) -> Vec<&'o str> {
    text.lines().filter_map(|line| line.trim_end().strip_prefix(name)).map(str::trim).collect()
}

fn kill(signal: &str, pid: u32) {
    assert!(Command::new("kill").args([signal, &pid.to_string()]).status().unwrap().success());
}

#[test]
fn terminal_should_be_given_back_and_everything_undone_however_the_cockpit_ends() {
    let folder = scratch("terminal");
    let served = Served::start(&folder);
    let ends: [(&str, End, &[&str], i32); 7] = [
        ("drawing", End::Panics("drawing"), &["the run went on without it"], 5),
        ("driving", End::Panics("driving"), &["gameday itself failed", "undoing"], 5),
        ("terminated", End::Signal("-TERM"), &[], 5),
        ("interrupted", End::Signal("-INT"), &[], 5),
        ("hung-up", End::Signal("-HUP"), &[], 5),
        ("gone", End::Hangs, &[], 5),
        ("stalled", End::Stalls, &[], 5),
    ];
    for (name, end, words, code) in ends {
        let machine = served.machine(&folder.join(name));
        let file = machine.file("terminal.yaml", DRILL);
        let panics = if let End::Panics(place) = end { Some(place) } else { None };
        let command = format!("{} run {file} --yes", env!("CARGO_BIN_EXE_gameday"));
        let Some(mut flown) = fly(&machine, &command, panics) else { return };
        if panics.is_none() {
            until("the fault in effect", || in_effect(&served));
        }
        match end {
            End::Panics(_) => {}
            End::Signal(signal) => {
                kill(signal, flown.pid("gameday").unwrap());
                if signal == "-INT" {
                    // its findings stay on the screen until somebody has read them
                    until("the undo", || served.ours().is_empty());
                    until("the report", || flown.report()["sealed"] == true);
                    kill("-TERM", flown.pid("gameday").unwrap());
                }
            }
            End::Stalls => {
                kill("-STOP", flown.script.id());
                let pid = flown.pid("gameday").unwrap();
                // it has filled what the system keeps for the terminal
                until("the drawing to wait", || waits(pid));
                kill("-TERM", pid);
                until("the undo", || served.ours().is_empty());
                until("its end, with nobody to take its last words", || ended(pid));
                kill("-CONT", flown.script.id());
            }
            End::Hangs => {
                flown.script.kill().unwrap();
            }
        }
        let report = if matches!(end, End::Hangs) {
            // nobody is left to see its exit code: its journal says how it ended
            until("the undo", || served.ours().is_empty());
            until("its end", || flown.report()["sealed"] == true);
            flown.script.wait().unwrap();
            flown.report()
        } else {
            let report = flown.report();
            let out = flown.script.wait_with_output().unwrap();
            let text = String::from_utf8_lossy(&out.stdout).into_owned();
            assert_eq!(kept(&out), Vec::<&str>::new(), "{name}: {text:?}");
            let modes = told(&text, "modes ");
            assert_eq!(modes.len(), 2, "{name}: {text:?}");
            assert_eq!(modes[0], modes[1], "{name}: the terminal's modes");
            assert_eq!(told(&text, "code "), [code.to_string()], "{name}: {text:?}");
            // what is said is said on the screen that is seen afterwards
            let after = text.rsplit("\u{1b}[?1049l").next().unwrap();
            for word in words {
                assert!(after.contains(word), "{name}: {word:?} in {after:?}");
            }
            report
        };
        assert_eq!(served.ours(), Vec::<String>::new(), "{name}");
        assert_eq!((&report["exit_code"], report["left"].as_array().map(Vec::len)), (&code.into(), Some(0)), "{name}: {report:#}");
    }
}

/// Whether the thread that draws waits for the terminal.
fn waits(pid: u32) -> bool {
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten().map(|thread| thread.path());
    let drawing = |path: &Path| std::fs::read_to_string(path.join("comm")).is_ok_and(|name| name.trim() == "cockpit");
    let waits = |path: &Path| {
        std::fs::read_to_string(path.join("wchan")).is_ok_and(|at| at.contains("tty") || at.contains("n_tty") || at.contains("wait_woken"))
    };
    threads.filter(|path| drawing(path)).any(|path| waits(&path))
}

/// Whether a process has ended, seen by its parent or not.
fn ended(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(')').next().is_none_or(|rest| rest.trim().is_empty() || rest.trim().starts_with('Z'))
}

fn in_effect(served: &Served) -> bool {
    let chaos = served.list("/apis/chaos-mesh.org/v1alpha1/networkchaos");
    let phase = |chaos: &Value| chaos["status"]["experiment"]["containerRecords"][0]["phase"] == "Injected";
    chaos.iter().any(phase)
}

#[test]
fn pipe_that_breaks_should_end_in_an_undo_and_leave_the_terminal_as_it_was() {
    let folder = scratch("terminal-pipe");
    let served = Served::start(&folder);
    let machine = served.machine(&folder.join("pipe"));
    let file = machine.file("terminal.yaml", DRILL);
    // a reader that has seen enough while the fault is on
    let command = format!("{} run {file} --yes | grep -m 1 'fault asked'", env!("CARGO_BIN_EXE_gameday"));
    let Some(flown) = fly(&machine, &command, None) else { return };
    let Flown { script, folder } = flown;
    let out = script.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    assert_eq!(told(&text, "code "), ["5"], "{}", said(&out));
    let modes = told(&text, "modes ");
    assert!(modes.len() == 2 && modes[0] == modes[1], "{}", said(&out));
    assert_eq!(served.ours(), Vec::<String>::new(), "{}", said(&out));
    let run = std::fs::read_dir(Path::new(&folder).join("data/gameday/runs")).unwrap().next().unwrap().unwrap().path();
    let report = json(&run.join("report.json"));
    assert_eq!((report["left"].as_array().map(Vec::len), report["faults"][0]["lifted"].is_number()), (Some(0), true), "{report:#}");
}

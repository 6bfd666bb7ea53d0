//! The gate of production from without: whoever says that a cluster is production, and whatever flags, variables and files say
//! beside it, nothing is broken there before a person at a terminal has typed what is hit, with a held staging run behind them.
//!
//! On the practice cluster served on a port, with a pod kill that gameday does itself: what was broken shows in the pods' names.
#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]
#![expect(clippy::print_stdout, clippy::format_collect, reason = "a test says what it skipped, and is read from above")]

mod support;

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use support::served::{Machine, Served, at_terminal, send};
use support::{said, scratch, until};

/// One drill in two places; its runs in staging and in production have one digest.
fn drill(tier: &str, observe: &str) -> String {
    format!(
        "apiVersion: gameday/v1
kind: GameDay
metadata: {{name: gates}}
spec:
  title: gates
  hypothesis: it comes back
  runbook: https://runbooks.example.com/gates
  environments:
    first: {{tier: {tier}, context: rehearsal, namespace: staging}}
    staging: {{tier: staging, context: rehearsal, namespace: staging}}
    production: {{tier: production, context: rehearsal, namespace: staging}}
  target: {{kind: Deployment, name: task-api}}
  injector: agentless
  steps:
    - name: kill
      fault:
        apiVersion: chaos-mesh.org/v1alpha1
        kind: PodChaos
        metadata: {{name: kill}}
        spec: {{action: pod-kill, mode: one, selector: {{labelSelectors: {{app: task-api}}}}}}
    - {{name: look on, observe: {observe}}}
  criteria: [{{name: back, recovery: {{within: 60s}}, stableFor: 1s}}]
  limits: {{maxTargets: 1, hours: {{timezone: UTC, only: ['Mon-Sun 00:00-24:00']}}}}
"
    )
}

const PRODUCTION: &str = "[[cluster]]\ncontext = \"rehearsal\"\ntier = \"production\"\n";

/// Who says that it is production.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Word {
    /// The scenario's first environment.
    File,
    /// Its environment that is named.
    Environment,
    /// config.toml, where `GAMEDAY_CONFIG`, `XDG_CONFIG_HOME` or HOME have it.
    Config(&'static str),
    /// A label or annotation of the namespace.
    Namespace(&'static str, &'static str, &'static str),
    /// The same of kube-system.
    System(&'static str, &'static str, &'static str),
}

const WORDS: [Word; 9] = [
    Word::File,
    Word::Environment,
    Word::Config("GAMEDAY_CONFIG"),
    Word::Config("XDG_CONFIG_HOME"),
    Word::Config("HOME"),
    Word::Namespace("labels", "gameday/tier", "production"),
    Word::Namespace("labels", "environment", "production"),
    Word::Namespace("annotations", "gameday/tier", "prod, whatever that is"),
    Word::System("labels", "gameday/tier", "production"),
];

/// A machine before a cluster that somebody calls production.
struct Stage<'s> {
    served: &'s Served,
    machine: Machine,
    word: Word,
}

impl<'s> Stage<'s> {
    fn set(served: &'s Served, folder: &Path, word: Word) -> Stage<'s> {
        let machine = served.machine(folder);
        let tier = if word == Word::File { "production" } else { "development" };
        machine.file("gates.yaml", &drill(tier, "1s"));
        let stage = Stage { served, machine, word };
        if let Word::Config(variable) = word {
            let path = stage.config(variable);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, PRODUCTION).unwrap();
        }
        stage.label(true);
        stage
    }

    fn config(&self, variable: &str) -> PathBuf {
        let folder = &self.machine.folder;
        match variable {
            "GAMEDAY_CONFIG" => folder.join("somewhere.toml"),
            "XDG_CONFIG_HOME" => folder.join("xdg/gameday/config.toml"),
            _ => folder.join(".config/gameday/config.toml"),
        }
    }

    fn label(&self, on: bool) {
        let (namespace, (what, key, value)) = match self.word {
            Word::Namespace(what, key, value) => ("staging", (what, key, value)),
            Word::System(what, key, value) => ("kube-system", (what, key, value)),
            Word::File | Word::Environment | Word::Config(_) => return,
        };
        let patch = json!({"metadata": {what: {key: if on { Value::from(value) } else { Value::Null }}}});
        let url = format!("{}/api/v1/namespaces/{namespace}", self.served.api);
        let said = send("PATCH", &url, "application/merge-patch+json", &patch.to_string());
        assert_eq!(said.contains(value), on, "{said}");
    }

    fn gameday(&self) -> Command {
        let mut command = self.machine.gameday(&[]);
        match self.word {
            Word::Config("GAMEDAY_CONFIG") => drop(command.env("GAMEDAY_CONFIG", self.config("GAMEDAY_CONFIG"))),
            Word::Config("XDG_CONFIG_HOME") => drop(command.env("XDG_CONFIG_HOME", self.machine.folder.join("xdg"))),
            _ => {}
        }
        command
    }

    fn arguments(&self, flags: &[&str]) -> Vec<String> {
        let mut all = vec!["run".to_owned(), self.machine.folder.join("gates.yaml").display().to_string()];
        if self.word == Word::Environment {
            all.extend(["--env".to_owned(), "production".to_owned()]);
        }
        all.extend(flags.iter().map(|flag| (*flag).to_owned()));
        all
    }

    fn run(&self, flags: &[&str]) -> Output {
        self.gameday().args(self.arguments(flags)).output().unwrap()
    }

    /// The same in the cockpit, by hands that type `words`, one after the other, each time it asks; gives what the screen showed and the exit code.
    fn fly(&self, flags: &[&str], words: &[&str]) -> Option<(String, Option<i32>)> {
        let mut script = at_terminal(&self.gameday(), &self.arguments(flags).join(" "))
            .inspect_err(|why| println!("skipped: no terminal to be had by `script`: {why}"))
            .ok()?;
        let (screen, mut out) = (Arc::new(Mutex::new(Vec::new())), script.stdout.take().unwrap());
        let seen = screen.clone();
        let reading = std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(n) = out.read(&mut buffer) {
                if n == 0 {
                    return;
                }
                seen.lock().unwrap().extend_from_slice(&buffer[..n]);
            }
        });
        let shows = |text: &str| String::from_utf8_lossy(&screen.lock().unwrap()).contains(text);
        let mut hand = script.stdin.take().unwrap();
        let before = self.reports();
        until("the cockpit to ask or to end", || shows("asks") || self.reports() > before);
        if shows("asks") {
            for word in words {
                // Enter asks, and what is typed is compared
                hand.write_all(b"\r").unwrap();
                std::thread::sleep(std::time::Duration::from_millis(150));
                hand.write_all(format!("{word}\r").as_bytes()).unwrap();
                std::thread::sleep(std::time::Duration::from_millis(300));
            }
            if !words.contains(&"rehearsal/task-api") {
                // it still waits for the word: nothing has begun, and a polite kill ends it
                let id = script.id();
                let inside = std::fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap();
                assert!(Command::new("kill").arg("-TERM").args(inside.split_whitespace()).status().unwrap().success());
            }
        }
        let mut ended = false;
        until("the cockpit to end", || {
            if self.reports() > before && !ended {
                ended = true;
            }
            if ended {
                let _ = hand.write_all(b"q");
            }
            script.try_wait().unwrap().is_some()
        });
        let code = script.wait().unwrap().code();
        reading.join().unwrap();
        let screen = String::from_utf8_lossy(&screen.lock().unwrap()).into_owned();
        Some((screen, code))
    }

    fn runs(&self) -> Vec<PathBuf> {
        let runs = std::fs::read_dir(self.machine.folder.join("data/gameday/runs")).into_iter().flatten().flatten();
        runs.map(|run| run.path()).collect()
    }

    fn reports(&self) -> usize {
        self.runs().iter().filter(|run| run.join("report.json").exists()).count()
    }
}

impl Drop for Stage<'_> {
    fn drop(&mut self) {
        self.label(false);
    }
}

/// A run in staging that held, and what looks like one.
struct Held {
    good: String,
    bad: Vec<(&'static str, String)>,
}

/// Makes them on a machine of their own.
fn held(served: &Served, folder: &Path) -> Held {
    let machine = served.machine(folder);
    let go = |name: &str, text: &str, arguments: &[&str]| {
        let file = machine.file(&format!("{name}.yaml"), text);
        let run = folder.join(name);
        until("the pods", || served.ready().len() == 3);
        let mut command = machine.gameday(&[arguments[0], &file, "--headless", "--run-dir"]);
        let out = command.arg(&run).args(&arguments[1..]).output().unwrap();
        (run, out)
    };
    let drilled = drill("development", "1s");
    let (good, out) = go("good", &drilled, &["run", "--yes", "--env", "staging"]);
    assert_eq!(out.status.code(), Some(0), "{}", said(&out));
    let (other, out) = go("other", &drill("development", "2s"), &["run", "--yes", "--env", "staging"]);
    assert_eq!(out.status.code(), Some(0), "{}", said(&out));
    let (development, out) = go("development", &drilled, &["run", "--yes"]);
    assert_eq!(out.status.code(), Some(0), "{}", said(&out));
    let (rehearsed, out) = go("rehearsed", &drilled, &["rehearse", "--speed", "max", "--env", "staging"]);
    assert_eq!(out.status.code(), Some(0), "{}", said(&out));
    // what was written down of the good one, changed by hand
    let journal = std::fs::read_to_string(good.join("journal.jsonl")).unwrap();
    let lines: Vec<Value> = journal.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let forged = |name: &str, change: &dyn Fn(&mut Vec<Value>)| {
        let mut lines = lines.clone();
        change(&mut lines);
        let forged = folder.join(name);
        std::fs::create_dir_all(&forged).unwrap();
        let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
        std::fs::write(forged.join("journal.jsonl"), text).unwrap();
        forged.display().to_string()
    };
    let old = forged("old", &|lines| lines[0]["recorded"] = json!("2026-01-01T00:00:00Z"));
    let future = forged("future", &|lines| lines[0]["recorded"] = json!("2222-01-01T00:00:00Z"));
    let unsealed = forged("unsealed", &|lines| drop(lines.pop()));
    let renumber = |lines: &mut Vec<Value>| (1..lines.len()).for_each(|index| lines[index]["seq"] = json!(index));
    // the pods never came back, says the journal; and that it held, says its last entry
    let claimed = forged("claimed", &|lines| {
        let asked = lines
            .iter()
            .position(|line| line.to_string().contains("\"kill\"") && line.to_string().to_lowercase().contains("asked"))
            .unwrap();
        let sealed = lines.pop().unwrap();
        lines.truncate(asked + 1);
        lines.push(sealed);
        renumber(lines);
    });
    let file = machine.file("aborted.yaml", &drilled);
    let aborted = folder.join("aborted");
    until("the pods", || served.ready().len() == 3);
    let mut command = machine.gameday(&["run", &file, "--headless", "--yes", "--env", "staging", "--run-dir"]);
    let mut child = command.arg(&aborted).stdout(Stdio::null()).spawn().unwrap();
    let journal = || std::fs::read_to_string(aborted.join("journal.jsonl")).unwrap_or_default();
    until("the kill", || journal().contains("kill/"));
    assert!(Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(5));
    // its last entry says now that it held
    let lied = folder.join("lied");
    std::fs::create_dir_all(&lied).unwrap();
    let journal = journal();
    let (told, last) = journal.trim_end().rsplit_once('\n').unwrap();
    assert!(last.contains("\"aborted\""), "{last}");
    std::fs::write(lied.join("journal.jsonl"), format!("{told}\n{}\n", last.replace("\"aborted\"", "\"held\""))).unwrap();
    let path = |run: PathBuf| run.display().to_string();
    let bad = vec![
        ("another drill", path(other)),
        ("in development", path(development)),
        ("a rehearsal", path(rehearsed)),
        ("too old", old),
        ("of the future", future),
        ("not sealed", unsealed),
        ("says that it held", claimed),
        ("aborted", path(aborted)),
        ("aborted, and says that it held", path(lied)),
        ("nonsense", "20200101-000000-beef".to_owned()),
    ];
    Held { good: good.display().to_string(), bad }
}

/// The pods, to see whether one was killed.
fn pods(served: &Served) -> Vec<String> {
    let pods = served.list("/api/v1/namespaces/staging/pods?labelSelector=app%3Dtask-api");
    let mut uids: Vec<String> = pods.iter().map(|pod| pod["metadata"]["uid"].as_str().unwrap().to_owned()).collect();
    uids.sort();
    uids
}

#[test]
fn no_combination_of_flags_variables_and_files_should_pass_the_gate_of_production() {
    let folder = scratch("gates-cli");
    let served = Served::at_speed(&folder, "4");
    let held = held(&served, &folder.join("held"));
    until("the pods", || served.ready().len() == 3);
    let before = pods(&served);
    let overrides: Vec<String> = ["daemons", "chaos mesh", "collisions", "budgets", "drain", "rollout", "hours"]
        .iter()
        .map(|check| format!("--override={check}=because"))
        .collect();
    let mut tried = 0;
    for (index, word) in WORDS.into_iter().enumerate() {
        let stage = Stage::set(&served, &folder.join(format!("word-{index}")), word);
        // without a terminal nothing begins, whatever stands beside it
        let mut ways: Vec<Vec<&str>> =
            vec![vec![], vec!["--yes"], vec!["--headless"], vec!["--headless", "--yes"], vec!["--output", "json", "--yes"]];
        ways.push(["--yes"].into_iter().chain(overrides.iter().map(String::as_str)).collect());
        ways.push(vec!["--yes", "--context", "rehearsal", "--namespace", "staging", "--injector", "agentless"]);
        for way in &mut ways {
            way.extend(["--held", &held.good]);
        }
        ways.push(vec!["--headless", "--yes"]);
        for way in ways {
            let out = stage.run(&way);
            assert_eq!(out.status.code(), Some(3), "{word:?} {way:?}: {}", said(&out));
            assert!(said(&out).contains("production"), "{word:?} {way:?}: {}", said(&out));
            tried += 1;
        }
        // --override knows no check of the gate
        for check in ["held", "production", "tier", "runbook"] {
            let out = stage.run(&["--yes", &format!("--override={check}=because")]);
            assert_eq!(out.status.code(), Some(2), "{word:?} {check}: {}", said(&out));
            tried += 1;
        }
        assert_eq!(pods(&served), before, "{word:?}: a pod was killed");
    }
    // at a terminal: a bad run behind one is told by name, and the wrong word begins nothing
    for (word, (why, run)) in WORDS.into_iter().cycle().zip(&held.bad) {
        let stage = Stage::set(&served, &folder.join(format!("bad-{}", why.replace([' ', ','], "-"))), word);
        let Some((screen, code)) = stage.fly(&["--held", run], &["rehearsal/task-api"]) else { return };
        assert_eq!(code, Some(3), "{word:?} {why}: {screen:?}");
        assert_eq!(pods(&served), before, "{word:?} {why}: a pod was killed");
        tried += 1;
    }
    for (index, (word, typed)) in
        [(WORDS[0], "rehearsal/task-ap"), (WORDS[3], "yes"), (WORDS[5], ""), (WORDS[8], "task-api")].into_iter().enumerate()
    {
        let stage = Stage::set(&served, &folder.join(format!("typed-{index}")), word);
        let Some((screen, code)) = stage.fly(&["--held", &held.good], &[typed, typed]) else { return };
        assert!(matches!(code, Some(3 | 5)), "{word:?} {typed:?}: {code:?} {screen:?}");
        assert_eq!(pods(&served), before, "{word:?} {typed:?}: a pod was killed");
        // --yes does not type it
        let Some((screen, code)) = stage.fly(&["--held", &held.good, "--yes"], &["rehearsal/task-api"]) else { return };
        assert_eq!(code, Some(3), "{word:?}: {screen:?}");
        assert_eq!(pods(&served), before, "{word:?}: a pod was killed");
        tried += 2;
    }
    // and with all that is asked for it does begin: the gate is a gate, no wall
    let stage = Stage::set(&served, &folder.join("through"), WORDS[5]);
    let (screen, code) = stage.fly(&["--held", &held.good], &["rehearsal/task-api"]).unwrap();
    assert_eq!(code, Some(0), "{screen:?}");
    assert_ne!(pods(&served), before, "nothing was killed");
    println!("{tried} ways, and one through");
}

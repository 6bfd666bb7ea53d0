//! Runs that die, and runs of other machines: on the practice cluster served on a port, by processes of their own.
//!
//! `GAMEDAY_KILLS=1000 cargo nextest run --test killed` is the long run.
#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

mod support;

use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread::sleep;
use std::time::Duration;

use serde_json::Value;
use support::{gameday, said, scratch, until};

/// The practice cluster in a process of its own.
struct Served {
    child: Child,
    kubeconfig: PathBuf,
    api: String,
}

impl Served {
    fn start(folder: &Path) -> Served {
        let kubeconfig = folder.join("kubeconfig");
        let mut child = gameday(folder)
            .args(["rehearsal", "serve", "--speed", "2", "--kubeconfig"])
            .arg(&kubeconfig)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let api = line.split_whitespace().find(|word| word.starts_with("http://")).unwrap().trim_end_matches(',').to_owned();
        until("the kubeconfig", || kubeconfig.exists());
        Served { child, kubeconfig, api }
    }

    /// All that runs make, by kind and name; in this cluster nobody else makes any of it.
    fn ours(&self) -> Vec<String> {
        let kinds = ["networkchaos", "podchaos", "stresschaos", "iochaos", "workflows", "workflownodes", "schedules"];
        let chaos = kinds.map(|kind| format!("chaos-mesh.org/v1alpha1/{kind}"));
        let mut found = Vec::new();
        for path in chaos.into_iter().chain(["coordination.k8s.io/v1/namespaces/staging/leases".to_owned()]) {
            let list: Value = serde_json::from_str(&get(&format!("{}/apis/{path}", self.api))).unwrap();
            let names = list["items"].as_array().unwrap().iter().map(|item| item["metadata"]["name"].as_str().unwrap().to_owned());
            found.extend(names.map(|name| format!("{path}/{name}")));
        }
        found
    }

    /// Whether a fault is there, or what will make one.
    fn has_fault(&self) -> bool {
        self.ours().iter().any(|object| object.starts_with("chaos-mesh.org"))
    }

    /// A machine that knows the cluster.
    fn machine(&self, folder: &Path) -> Machine {
        std::fs::create_dir_all(folder).unwrap();
        Machine { folder: folder.to_owned(), kubeconfig: self.kubeconfig.clone() }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

struct Machine {
    folder: PathBuf,
    kubeconfig: PathBuf,
}

impl Machine {
    fn gameday(&self, arguments: &[&str]) -> Command {
        let mut command = gameday(&self.folder);
        command.env("KUBECONFIG", &self.kubeconfig).args(arguments);
        command
    }

    /// The file of a scenario as it is run here.
    fn drill(&self, scenario: &str) -> String {
        let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios").join(scenario)).unwrap();
        // sooner and shorter than its authors want it
        let text = ["duration: 60s", "lasts: 2m"]
            .iter()
            .fold(text, |text, span| text.replace(span, &format!("{}: 20s", span.split(':').next().unwrap())));
        let text = text
            .replace("context: staging", "context: rehearsal")
            .replace("@every 20s", "@every 2s")
            .replace("maxTargets: 1", "maxTargets: 20");
        let file = self.folder.join(scenario);
        std::fs::write(&file, text).unwrap();
        file.to_str().unwrap().to_owned()
    }

    fn run(&self, scenario: &str) -> Child {
        let file = self.drill(scenario);
        self.gameday(&["run", &file, "--headless", "--yes"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// The same in the cockpit.
    fn fly(&self, scenario: &str) -> std::io::Result<Child> {
        self.at_terminal(&format!("run {} --yes", self.drill(scenario)))
    }

    /// `script` (util-linux) gives it a terminal; where that is not there, there is none.
    fn at_terminal(&self, arguments: &str) -> std::io::Result<Child> {
        let mut command = self.gameday(&[]);
        let mut terminal = Command::new("script");
        terminal.env_clear().envs(command.env("TERM", "xterm-256color").get_envs().filter_map(|(name, value)| Some((name, value?))));
        let run = format!("stty rows 36 cols 120; exec {} {arguments}", env!("CARGO_BIN_EXE_gameday"));
        terminal.args(["-qefc", &run, "/dev/null"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()
    }

    fn said(&self, arguments: &[&str]) -> Output {
        self.gameday(arguments).output().unwrap()
    }
}

fn get(url: &str) -> String {
    ask("GET", url, "")
}

/// Asks with the bare minimum of HTTP.
fn ask(method: &str, url: &str, body: &str) -> String {
    let rest = url.strip_prefix("http://").unwrap();
    let (host, path) = rest.split_once('/').unwrap();
    let mut stream = std::net::TcpStream::connect(host).unwrap();
    let head = "Accept: application/json\r\nContent-Type: application/json\r\nConnection: close";
    write!(stream, "{method} /{path} HTTP/1.0\r\nHost: {host}\r\n{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.split_once("\r\n\r\n").unwrap().1.to_owned()
}

/// One fault of each way of being there: by rules in another object, by the daemon alone, and a
/// Schedule within a Workflow, whose faults bear no label of ours.
const DRILLS: [&str; 3] = ["task-api-network-delay.yaml", "task-api-cpu-stress.yaml", "task-api-kills-every-20s.yaml"];

/// How many runs are killed, and how many at the same time, each on a cluster of its own.
fn kills() -> (u32, u32) {
    let kills = std::env::var("GAMEDAY_KILLS").ok().and_then(|n| n.parse().ok()).unwrap_or(6);
    (kills, (kills / 3).clamp(1, 12))
}

/// Moments spread over a run, the same every time.
fn moments(seed: u32) -> impl Iterator<Item = Duration> {
    let mut dice = 0x9E37_79B9_7F4A_7C15_u64 ^ (u64::from(seed) << 32);
    std::iter::repeat_with(move || {
        dice ^= dice << 13;
        dice ^= dice >> 7;
        dice ^= dice << 17;
        Duration::from_millis(dice % 9000)
    })
}

#[test]
fn run_that_was_killed_at_any_moment_should_be_undone_by_recover() {
    let folder = scratch("killed-at-any-moment");
    let (kills, hands) = kills();
    let share = |hand| kills / hands + u32::from(hand < kills % hands);
    let met: usize = std::thread::scope(|scope| {
        let folder = &folder;
        let begun = |hand: u32| scope.spawn(move || killed(&folder.join(hand.to_string()), hand, share(hand)));
        let working: Vec<_> = (0..hands).map(begun).collect();
        working.into_iter().map(|hand| hand.join().unwrap()).sum()
    });
    println!("{kills} runs were killed, {met} of them with a fault in the cluster");
    assert!(met > 0, "no kill met a fault: nothing was tried");
}

/// Kills `rounds` runs on one cluster and recovers each; gives how many had a fault in the cluster.
fn killed(folder: &Path, hand: u32, rounds: u32) -> usize {
    std::fs::create_dir_all(folder).unwrap();
    let served = Served::start(folder);
    let machine = served.machine(&folder.join("laptop"));
    let mut met = 0;
    for (round, moment) in (0..rounds).zip(moments(hand)) {
        let drill = DRILLS[(round / 2 + 2 * hand) as usize % DRILLS.len()];
        // every third one in the cockpit, where there is a terminal to be had
        let cockpit = if round % 3 == 2 { machine.fly(drill).ok() } else { None };
        let flown = cockpit.is_some();
        let mut child = cockpit.unwrap_or_else(|| machine.run(drill));
        // every other time from the moment on when the fault is in the cluster
        if round % 2 == 1 {
            until("the fault", || served.has_fault());
            sleep(moment / 4);
        } else {
            sleep(moment);
        }
        if flown {
            kill_inside(&child);
        } else {
            child.kill().unwrap();
        }
        met += usize::from(served.has_fault());
        let out = child.wait_with_output().unwrap();
        // the hand that mends may die as well
        if round % 4 == 3 {
            let mut first = machine.gameday(&["recover"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
            sleep(moment / 20);
            first.kill().unwrap();
            first.wait().unwrap();
        }
        let recovered = machine.said(&["recover"]);
        let told = format!("{drill} {hand}.{round}, killed after {moment:?}: {}\n{}", said(&out), said(&recovered));
        assert_eq!(recovered.status.code(), Some(0), "{told}");
        assert_eq!(served.ours(), Vec::<String>::new(), "{told}");
        // it may have died before it had a journal; every other one opens
        let opened = machine.said(&["report", "last"]);
        // none lasts as long as its fault
        assert!(!said(&opened).contains("hypothesis held"), "{told}\n{}", said(&opened));
        let none = std::fs::read_dir(machine.folder.join("data/gameday/runs")).map_or(0, Iterator::count) == 0;
        assert!(none || opened.status.code() != Some(2), "{told}\n{}", said(&opened));
    }
    met
}

/// Kills what `script` started; it ends with it.
fn kill_inside(script: &Child) {
    let id = script.id();
    until("the cockpit", || {
        let inside = std::fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap_or_default();
        let Some(inside) = inside.split_whitespace().next() else { return false };
        Command::new("kill").args(["-9", inside]).status().unwrap().success()
    });
}

#[test]
fn run_of_another_machine_should_be_seen_asked_to_stop_and_undone_when_it_is_lost() {
    let folder = scratch("other-machines");
    let served = Served::start(&folder);
    let (laptop, desk) = (served.machine(&folder.join("laptop")), served.machine(&folder.join("desk")));
    let running = laptop.run(DRILLS[0]);
    until("the fault", || served.has_fault());
    assert!(served.ours().iter().any(|object| object.contains("leases/gameday-")), "{:?}", served.ours());
    // it is live: not the desk's to undo
    let out = desk.said(&["recover"]);
    assert!(out.status.success() && said(&out).contains("is live: left alone; `gameday abort "), "{}", said(&out));
    let run = said(&out).split("`gameday abort ").nth(1).unwrap().split('`').next().unwrap().to_owned();
    assert!(served.ours().len() == 2, "{:?}", served.ours());
    // without a word nobody's run is stopped
    let out = desk.said(&["abort", &run]);
    assert_eq!(out.status.code(), Some(7), "{}", said(&out));
    let out = desk.said(&["abort", "20000101"]);
    assert!(!out.status.success() && said(&out).contains("neither on this machine nor by a Lease"), "{}", said(&out));
    let out = desk.said(&["abort", &run, "--yes"]);
    assert!(out.status.success(), "{}", said(&out));
    let out = running.wait_with_output().unwrap();
    assert_eq!(out.status.code(), Some(5), "{}", said(&out));
    assert!(said(&out).contains("asks this run to stop"), "{}", said(&out));
    assert_eq!(served.ours(), Vec::<String>::new());
    // the laptop is lost in the middle of the next one: the desk waits until its Lease is old
    let mut running = laptop.run(DRILLS[0]);
    until("the fault", || served.has_fault());
    running.kill().unwrap();
    running.wait().unwrap();
    std::fs::remove_dir_all(laptop.folder.join("data")).unwrap();
    let mut last = String::new();
    until("the Lease to be old", || {
        sleep(Duration::from_secs(1));
        let out = desk.said(&["recover"]);
        last = said(&out);
        assert!(out.status.success(), "{last}");
        last.contains("is taken to be dead")
    });
    assert_eq!(served.ours(), Vec::<String>::new(), "{last}");
}

#[test]
fn finalizer_should_be_taken_off_only_once_the_name_was_typed() {
    let folder = scratch("forced");
    let served = Served::start(&folder);
    let machine = served.machine(&folder.join("laptop"));
    let path = format!("{}/apis/chaos-mesh.org/v1alpha1/namespaces/staging/networkchaos", served.api);
    // the controllers here leave what another cluster's are for alone: nobody will take its finalizer off
    let stuck = r#"{"apiVersion": "chaos-mesh.org/v1alpha1", "kind": "NetworkChaos",
        "metadata": {"name": "stuck", "namespace": "staging", "labels": {"app.kubernetes.io/managed-by": "gameday"},
            "finalizers": ["example.com/keep"]},
        "spec": {"action": "delay", "mode": "one", "remoteCluster": "elsewhere", "selector": {"labelSelectors": {"app": "nobody"}}, "delay": {"latency": "1ms"}}}"#;
    assert!(ask("POST", &path, stuck).contains("\"uid\""));
    let object = "NetworkChaos/staging/stuck";
    let out = machine.said(&["recover", "--force", object]);
    assert!(!out.status.success() && said(&out).contains("is not being deleted"), "{}", said(&out));
    ask("DELETE", &format!("{path}/stuck"), "");
    let out = machine.said(&["recover", "--force", object]);
    assert_eq!(out.status.code(), Some(7), "{}", said(&out));
    for told in ["held by its finalizer example.com/keep", "1. mend Chaos Mesh", "2. delete", "3. last", "must be typed at a terminal"] {
        assert!(said(&out).contains(told), "{told}: {}", said(&out));
    }
    for (typed, code) in [("stuk", 7), ("stuck", 0)] {
        let Ok(mut child) = machine.at_terminal(&format!("recover --force {object}")) else {
            return println!("skipped: no `script` here, which gives a terminal");
        };
        writeln!(child.stdin.as_mut().unwrap(), "{typed}").unwrap();
        let out = child.wait_with_output().unwrap();
        assert_eq!(out.status.code(), Some(code), "{typed}: {}", said(&out));
        assert_eq!(get(&format!("{path}/stuck")).contains("\"uid\""), code == 7, "{typed}");
    }
}

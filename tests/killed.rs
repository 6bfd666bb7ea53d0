//! Runs that die, and runs of other machines: on the practice cluster served on a port, by processes of their own.
//!
//! `GAMEDAY_KILLS=1000 cargo nextest run --test killed` is the long run.
#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]
#![expect(clippy::print_stdout, reason = "a test says what it skipped, and is read from above")]

mod support;

use std::collections::BTreeSet;
use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use support::served::{Machine, Served, ask, get};
use support::{said, scratch, until};

/// The file of a scenario as it is run here.
fn drill(machine: &Machine, scenario: &str) -> String {
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios").join(scenario)).unwrap();
    // sooner and shorter than its authors want it
    let text = ["duration: 60s", "lasts: 2m"]
        .iter()
        .fold(text, |text, span| text.replace(span, &format!("{}: 20s", span.split(':').next().unwrap())));
    let text = text
        .replace("context: staging", "context: rehearsal")
        .replace("@every 20s", "@every 2s")
        .replace("maxTargets: 1", "maxTargets: 20");
    let file = machine.folder.join(scenario);
    std::fs::write(&file, text).unwrap();
    file.to_str().unwrap().to_owned()
}

fn begin(machine: &Machine, scenario: &str) -> Child {
    let file = drill(machine, scenario);
    machine.gameday(&["run", &file, "--headless", "--yes"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// The same in the cockpit.
fn fly(machine: &Machine, scenario: &str) -> std::io::Result<Child> {
    machine.at_terminal(&format!("run {} --yes", drill(machine, scenario)))
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
    let (mut met, mut opened) = (0, BTreeSet::new());
    for (round, moment) in (0..rounds).zip(moments(hand)) {
        let drill = DRILLS[(round / 2 + 2 * hand) as usize % DRILLS.len()];
        // every third one in the cockpit, where there is a terminal to be had
        let cockpit = if round % 3 == 2 { fly(&machine, drill).ok() } else { None };
        if round % 3 == 2 && cockpit.is_none() {
            println!("skipped: no `script` here, which gives a terminal: {hand}.{round} has no cockpit");
        }
        let flown = cockpit.is_some();
        let mut child = cockpit.unwrap_or_else(|| begin(&machine, drill));
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
        // it may have died before it had a journal; every other one opens, and none lasts as long as its fault
        for run in runs(&machine).difference(&opened) {
            let report = machine.said(&["report", run]);
            assert!(report.status.success() || !has_journal(&machine, run), "{told}\n{}", said(&report));
            assert!(!said(&report).contains("hypothesis held"), "{told}\n{}", said(&report));
        }
        opened = runs(&machine);
    }
    met
}

/// The runs of a machine.
fn runs(machine: &Machine) -> BTreeSet<String> {
    let folders = std::fs::read_dir(machine.folder.join("data/gameday/runs")).into_iter().flatten();
    folders.map(|folder| folder.unwrap().file_name().into_string().unwrap()).collect()
}

/// Whether a run got as far as the first line of its journal.
fn has_journal(machine: &Machine, run: &str) -> bool {
    let journal = machine.folder.join("data/gameday/runs").join(run).join("journal.jsonl");
    std::fs::read(journal).is_ok_and(|bytes| bytes.contains(&b'\n'))
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
    let running = begin(&laptop, DRILLS[0]);
    until("the fault", || served.has_fault());
    assert!(served.ours().iter().any(|object| object.contains("leases/gameday-")), "{:?}", served.ours());
    // it is live: not the desk's to undo
    let out = desk.said(&["recover"]);
    assert!(out.status.success() && said(&out).contains("is live: left alone; `gameday abort "), "{}", said(&out));
    let run = said(&out).split("`gameday abort ").nth(1).unwrap().split('`').next().unwrap().to_owned();
    let made = |served: &Served| served.ours().into_iter().filter(|object| !object.contains("/podnetworkchaos/")).count();
    assert_eq!(made(&served), 2, "{:?}", served.ours());
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
    let mut running = begin(&laptop, DRILLS[0]);
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

/// The controllers here leave what another cluster's are for alone: nobody will take its finalizer off.
const STUCK: &str = r#"{"apiVersion": "chaos-mesh.org/v1alpha1", "kind": "NetworkChaos",
    "metadata": {"name": "stuck", "namespace": "staging", "labels": {"app.kubernetes.io/managed-by": "gameday"},
        "finalizers": ["example.com/keep"]},
    "spec": {"action": "delay", "mode": "one", "remoteCluster": "elsewhere", "selector": {"labelSelectors": {"app": "nobody"}}, "delay": {"latency": "1ms"}}}"#;

#[test]
fn finalizer_should_be_taken_off_only_once_the_name_was_typed() {
    let folder = scratch("forced");
    let served = Served::start(&folder);
    let machine = served.machine(&folder.join("laptop"));
    let path = format!("{}/apis/chaos-mesh.org/v1alpha1/namespaces/staging/networkchaos", served.api);
    assert!(ask("POST", &path, STUCK).contains("\"uid\""));
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

#[test]
fn finalizer_that_the_webhooks_hold_on_to_should_be_told_with_what_to_do_in_which_order() {
    let folder = scratch("unasked");
    let served = Served::with(&folder, "10", &["--break", "controller-down@80s"]);
    let machine = served.machine(&folder.join("laptop"));
    let path = format!("{}/apis/chaos-mesh.org/v1alpha1/namespaces/staging/networkchaos", served.api);
    assert!(ask("POST", &path, STUCK).contains("\"uid\""));
    until("the controller to be down", || ask("POST", &format!("{path}?dryRun=All"), STUCK).contains("failed calling webhook"));
    ask("DELETE", &format!("{path}/stuck"), "");
    let object = "NetworkChaos/staging/stuck";
    let Ok(mut child) = machine.at_terminal(&format!("recover --force {object}")) else {
        return println!("skipped: no `script` here, which gives a terminal");
    };
    writeln!(child.stdin.as_mut().unwrap(), "stuck").unwrap();
    let out = child.wait_with_output().unwrap();
    assert_eq!(out.status.code(), Some(7), "{}", said(&out));
    let said = said(&out);
    let order = [
        "3. last: `gameday recover --force NetworkChaos/staging/stuck`",
        "Chaos Mesh's webhooks are asked before anything of it may be changed, and they don't answer",
        "1. bring its controller back",
        "2. if its controller runs: `kubectl get mutatingwebhookconfigurations,validatingwebhookconfigurations",
        "3. last, only where Chaos Mesh was uninstalled",
        "Danger: ",
        "then: `gameday recover --force NetworkChaos/staging/stuck`",
        "failed calling webhook",
    ];
    let places: Vec<Option<usize>> = order.iter().map(|told| said.find(told)).collect();
    assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{places:?}: {said}");
    assert!(get(&format!("{path}/stuck")).contains("\"uid\""), "nothing was taken off");
    // the last of them is a way out: without the configurations nobody is asked
    for kind in ["mutating", "validating"] {
        ask("DELETE", &format!("{}/apis/admissionregistration.k8s.io/v1/{kind}webhookconfigurations", served.api), "");
    }
    let mut child = machine.at_terminal(&format!("recover --force {object}")).unwrap();
    writeln!(child.stdin.as_mut().unwrap(), "stuck").unwrap();
    let out = child.wait_with_output().unwrap();
    assert_eq!(out.status.code(), Some(0), "{}", support::said(&out));
    assert!(!get(&format!("{path}/stuck")).contains("\"uid\""));
}

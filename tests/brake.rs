//! The brake, rehearsed on a pod of gameday's own before anything of the target is broken.
#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

mod support;

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use support::{gameday, json, said, scratch, until};

/// A drill that asks for its brake.
fn drill(steps: &str, more: &str) -> String {
    format!(
        "apiVersion: gameday/v1
kind: GameDay
metadata: {{name: braked}}
spec:
  hypothesis: it holds
  brake: true
  environments: {{staging: {{tier: staging, namespace: staging}}}}
  target: {{kind: Deployment, name: task-api}}
{more}  limits: {{allowAll: true}}
  steps:
{steps}    - {{name: watch, observe: 5s}}
  criteria: [{{name: one ready, ready: {{min: 1}}}}]
"
    )
}

fn step(name: &str, kind: &str, spec: &str) -> String {
    format!(
        "    - {{name: {name}, fault: {{apiVersion: chaos-mesh.org/v1alpha1, kind: {kind}, metadata: {{name: {name}}}, spec: {{{spec}, selector: {{labelSelectors: {{app: task-api}}}}}}}}}}\n"
    )
}

fn delay(name: &str) -> String {
    step(name, "NetworkChaos", "action: delay, mode: one, duration: 5s, delay: {latency: 100ms}")
}

fn rehearse(home: &Path, name: &str, text: &str, flags: &[&str]) -> Output {
    let file = home.join(format!("{name}.yaml"));
    fs::write(&file, text).unwrap();
    gameday(home)
        .args(["rehearse", "--headless", "--speed", "max"])
        .arg(file)
        .args(flags)
        .arg("--run-dir")
        .arg(home.join(name))
        .output()
        .unwrap()
}

/// The objects that a run asked for and how each went, in the order of asking.
fn asked(folder: &Path) -> Vec<String> {
    let text = fs::read_to_string(folder.join("journal.jsonl")).unwrap();
    let entries = text.lines().skip(1).map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let effect = |entry: &serde_json::Value| {
        let effect = entry["event"].clone();
        (effect["event"] == "asked").then(|| {
            format!("{} {} {}", text_of(&effect, "effect"), text_of(&effect["object"], "kind"), text_of(&effect["object"], "name"))
        })
    };
    entries.filter_map(|entry| effect(&entry)).collect()
}

fn text_of(value: &serde_json::Value, key: &str) -> String {
    value[key].as_str().unwrap_or_default().to_owned()
}

#[test]
fn brake_should_be_tried_once_a_kind_and_be_gone_before_the_start() {
    let home = scratch("brake-works");
    let steps = delay("slow")
        + &delay("slow-again")
        + &step("busy", "StressChaos", "mode: one, duration: 5s, stressors: {cpu: {workers: 1, load: 80}}")
        + &step("cut", "NetworkChaos", "action: partition, mode: one, duration: 5s, externalTargets: [10.0.0.1]")
        + &step("down", "PodChaos", "action: pod-failure, mode: one, duration: 5s")
        + &step("kill", "PodChaos", "action: pod-kill, mode: one");
    let out = rehearse(&home, "works", &drill(&steps, ""), &[]);
    assert_eq!(out.status.code(), Some(0), "{}", said(&out));
    let told = said(&out);
    for works in ["NetworkChaos delay", "StressChaos CPU stress", "NetworkChaos partition", "PodChaos pod-failure"] {
        assert_eq!(told.matches(&format!("brake works: {works} in effect after ")).count(), 1, "{works}: {told}");
    }
    let asked = asked(&home.join("works"));
    let brakes: Vec<&String> = asked.iter().filter(|one| one.contains("gameday-brake-")).collect();
    assert_eq!(brakes.iter().filter(|one| one.starts_with("apply")).count(), 5, "{brakes:#?}");
    assert_eq!(brakes.iter().filter(|one| one.starts_with("lift")).count(), 5, "{brakes:#?}");
    let first = asked.iter().position(|one| one.starts_with("apply") && !one.contains("gameday-brake-")).unwrap();
    let last = asked.iter().rposition(|one| one.contains("gameday-brake-")).unwrap();
    assert!(last < first, "the target is not touched before the brake is over: {asked:#?}");
    let report = json(&home.join("works/report.json"));
    let brake = report["preflight"].as_array().unwrap().iter().find(|check| check["check"] == "brake").unwrap().to_string();
    assert!(brake.contains("in effect after") && brake.contains("lifted after") && brake.contains("a kill is over at once"), "{brake}");
}

#[test]
fn brake_that_fails_should_refuse_the_run_with_nothing_of_the_target_broken() {
    let home = scratch("brake-fails");
    let slow = drill(&delay("slow"), "");
    let down = ["--break", "daemon-down=node-1@0s", "--break", "daemon-down=node-2@0s", "--break", "daemon-down=node-3@0s"];
    for (name, flags, code, why) in [
        // nobody puts it on
        ("no-daemon", &down[..], 3, "is not in effect after 30s"),
        // nobody takes it off: the controllers go while it is being put on, and come back for the undo
        ("no-lift", &["--break", "controller-down@900ms+70s"][..], 3, "is not seen lifted and gone 30s after it was asked for"),
        ("nobody-ever", &["--break", "controller-down@900ms"][..], 7, "left behind: NetworkChaos staging/gameday-brake-"),
    ] {
        let out = rehearse(&home, name, &slow, flags);
        assert_eq!(out.status.code(), Some(code), "{name}: {}", said(&out));
        assert!(said(&out).contains(why), "{name}: {}", said(&out));
        let asked = asked(&home.join(name));
        assert!(asked.iter().all(|one| one.contains("gameday-brake-")), "{name}: {asked:#?}");
    }
}

#[test]
fn one_shot_faults_should_say_that_only_their_rights_are_proven() {
    let home = scratch("brake-kill");
    let out = rehearse(&home, "kill", &drill(&step("kill", "PodChaos", "action: pod-kill, mode: one"), ""), &[]);
    assert_eq!(out.status.code(), Some(0), "{}", said(&out));
    let report = json(&home.join("kill/report.json"));
    let brake = report["preflight"].as_array().unwrap().iter().find(|check| check["check"] == "brake").unwrap().to_string();
    assert!(brake.contains("only the rights and the daemons can be proven"), "{brake}");
    assert!(asked(&home.join("kill")).iter().all(|one| !one.contains("gameday-brake-")));
}

/// The journals of all runs of a machine.
fn journals(home: &Path) -> Vec<PathBuf> {
    let runs = fs::read_dir(home.join("data/gameday/runs"));
    runs.into_iter().flatten().map(|run| run.unwrap().path().join("journal.jsonl")).filter(|journal| journal.exists()).collect()
}

/// How many objects the API server lists here.
fn listed(api: &str, path: &str) -> Vec<String> {
    let host = api.strip_prefix("http://").unwrap();
    let mut stream = std::net::TcpStream::connect(host).unwrap();
    write!(stream, "GET {path} HTTP/1.0\r\nHost: {host}\r\nAccept: application/json\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let list: serde_json::Value = serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap();
    list["items"].as_array().unwrap().iter().map(|item| item["metadata"]["name"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn brake_of_a_run_that_is_killed_should_be_removed_by_recover_with_and_without_its_journal() {
    let home = scratch("brake-killed");
    let kubeconfig = home.join("kubeconfig");
    let serve = ["rehearsal", "serve", "--speed", "1", "--kubeconfig"];
    let mut served = gameday(&home).args(serve).arg(&kubeconfig).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(served.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let api = line.split_whitespace().find(|word| word.starts_with("http://")).unwrap().trim_end_matches([',', '/']).to_owned();
    until("the kubeconfig", || kubeconfig.exists());
    let file = home.join("drill.yaml");
    let text = drill(&delay("slow"), "").replace("{tier: staging, namespace", "{tier: staging, context: rehearsal, namespace");
    fs::write(&file, text).unwrap();
    let left = || {
        let pods = listed(&api, "/api/v1/namespaces/staging/pods").into_iter().filter(|name| name.starts_with("gameday-brake-"));
        let chaos = listed(&api, "/apis/chaos-mesh.org/v1alpha1/networkchaos");
        pods.chain(chaos).chain(listed(&api, "/apis/coordination.k8s.io/v1/namespaces/staging/leases")).collect::<Vec<_>>()
    };
    for (machine, moment, recover) in [
        ("pod", "\"effect\":\"apply\",\"fault\":1000", &["recover"][..]),
        ("fault", "\"effect\":\"apply\",\"fault\":1001", &["recover"][..]),
        ("lost", "\"effect\":\"apply\",\"fault\":1001", &["abort", "--all", "--yes"][..]),
    ] {
        let own = home.join(machine);
        fs::create_dir(&own).unwrap();
        let run = |arguments: &[&str]| {
            let mut command = gameday(&own);
            command.env("KUBECONFIG", &kubeconfig).args(arguments);
            command
        };
        let mut child = run(&["run", "--headless", "--yes"]).arg(&file).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        until(moment, || journals(&own).iter().any(|journal| fs::read_to_string(journal).unwrap().contains(moment)));
        child.kill().unwrap();
        child.wait().unwrap();
        if machine == "lost" {
            fs::remove_dir_all(own.join("data")).unwrap();
        }
        let out = run(recover).output().unwrap();
        assert_eq!(out.status.code(), Some(0), "{machine}: {}", said(&out));
        assert!(left().is_empty(), "{machine}: {:?} {}", left(), said(&out));
    }
    served.kill().unwrap();
    served.wait().unwrap();
}

//! Every scenario of the repository, checked and rehearsed; and what a rehearsal promises.
#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use gameday::scenario::model::StepAction;
use gameday::scenario::{Source, read};
use support::{gameday, json, said, scratch};

fn scenarios() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let mut found: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_file()).collect();
    found.sort();
    assert!(found.len() >= 11);
    found
}

fn rehearse(file: &Path, home: &Path, name: &str, flags: &[&str]) -> Output {
    gameday(home).args(["rehearse", "--headless"]).arg(file).args(flags).arg("--run-dir").arg(home.join(name)).output().unwrap()
}

/// The flags that say of each step of a person's that it is done.
fn said_beforehand(file: &Path) -> Vec<String> {
    let text = fs::read_to_string(file).unwrap();
    let beside = |named: &str| fs::read_to_string(file.parent().unwrap().join(named)).map_err(|why| why.to_string());
    let scenario = read(&Source { file: "scenario", text: &text, manifests: &beside }, &BTreeMap::new()).scenario.unwrap();
    let manual = scenario.steps.iter().filter(|step| matches!(step.action, StepAction::Manual(_)));
    manual.flat_map(|step| ["--answer".to_owned(), format!("{}=done", step.name)]).collect()
}

/// The entries of a journal, without its header.
fn entries(folder: &Path) -> String {
    let text = fs::read_to_string(folder.join("journal.jsonl")).unwrap();
    text.split_once('\n').unwrap().1.to_owned()
}

#[test]
fn every_scenario_should_pass_check_and_hold_in_rehearsal() {
    let home = scratch("rehearse-all");
    for file in scenarios() {
        let out = gameday(&home).args(["check", "--strict"]).arg(&file).output().unwrap();
        assert_eq!(out.status.code(), Some(0), "{}", said(&out));
        for seed in ["1", "2", "3"] {
            let name = format!("{}-{seed}", file.file_stem().unwrap().to_string_lossy());
            let answers = said_beforehand(&file);
            let flags: Vec<&str> = ["--speed", "max", "--seed", seed].into_iter().chain(answers.iter().map(String::as_str)).collect();
            let out = rehearse(&file, &home, &name, &flags);
            assert_eq!(out.status.code(), Some(0), "{name}: {}", said(&out));
            let report = json(&home.join(&name).join("report.json"));
            assert_eq!(report["verdict"], "held");
            assert!(report["faults"].as_array().unwrap().iter().all(|fault| !fault["victims"].as_array().unwrap().is_empty()));
        }
    }
}

#[test]
fn same_seed_should_give_the_same_journal_at_any_speed() {
    let home = scratch("rehearse-seed");
    let file = home.join("short.yaml");
    let pod_kill = fs::read_to_string(scenarios().iter().find(|f| f.ends_with("task-api-pod-kill.yaml")).unwrap()).unwrap();
    fs::write(&file, pod_kill.replace("observe: 60s", "observe: 3s")).unwrap();
    for (name, flags) in [
        ("a", ["--speed", "max", "--seed", "5"]),
        ("b", ["--speed", "max", "--seed", "5"]),
        ("paced", ["--speed", "40", "--seed", "5"]),
        ("other", ["--speed", "max", "--seed", "6"]),
    ] {
        let out = rehearse(&file, &home, name, &flags);
        assert_eq!(out.status.code(), Some(0), "{name}: {}", said(&out));
    }
    assert_eq!(entries(&home.join("a")), entries(&home.join("b")));
    assert_eq!(entries(&home.join("a")), entries(&home.join("paced")));
    assert_ne!(entries(&home.join("a")), entries(&home.join("other")));
}

#[test]
fn report_should_be_written_again_from_the_journal_alone() {
    let home = scratch("rehearse-report");
    let file = scenarios().pop().unwrap();
    let out = rehearse(&file, &home, "run", &["--speed", "max"]);
    assert_eq!(out.status.code(), Some(0), "{}", said(&out));
    let run = home.join("run");
    let elsewhere = home.join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    fs::copy(run.join("journal.jsonl"), elsewhere.join("journal.jsonl")).unwrap();
    for (format, name) in [("md", "report.md"), ("json", "report.json")] {
        let out = gameday(&home).args(["report", "--format", format]).arg(&elsewhere).output().unwrap();
        assert_eq!(out.status.code(), Some(0), "{}", said(&out));
        assert_eq!(String::from_utf8(out.stdout).unwrap(), fs::read_to_string(run.join(name)).unwrap());
    }
}

#[test]
fn headless_lines_should_be_json_where_asked_for() {
    let home = scratch("rehearse-json");
    let out = rehearse(&scenarios()[0], &home, "run", &["--speed", "max", "--output", "json"]);
    assert_eq!(out.status.code(), Some(0), "{}", said(&out));
    let lines: Vec<serde_json::Value> =
        String::from_utf8(out.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(lines.iter().all(|line| line["at"].is_number() && line["event"].is_string() && line["text"].is_string()));
    assert_eq!(lines.last().unwrap()["event"], "sealed");
}

#[test]
fn production_scenario_should_be_free_to_rehearse_and_refused_to_run() {
    let home = scratch("rehearse-production");
    let file = scenarios().into_iter().find(|f| f.ends_with("task-api-pod-kill.yaml")).unwrap();
    let out = rehearse(&file, &home, "rehearsal", &["--speed", "max", "--env", "production"]);
    assert_eq!(out.status.code(), Some(0), "{}", said(&out));
    let out = gameday(&home).args(["run", "--headless", "--yes", "--env", "production"]).arg(&file).output().unwrap();
    assert_eq!(out.status.code(), Some(3), "{}", said(&out));
}

#[test]
fn schedule_should_be_judged_by_the_slowest_of_its_faults() {
    let home = scratch("rehearse-schedule");
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/task-api-kills-every-20s.yaml");
    let out = rehearse(&file, &home, "kills", &["--speed", "max", "--seed", "4"]);
    assert_eq!(out.status.code(), Some(0), "{}", said(&out));
    let report = json(&home.join("kills/report.json"));
    let fault = &report["faults"][0];
    let rounds = fault["rounds"].as_array().unwrap();
    assert_eq!(rounds.len(), 6);
    let hits: Vec<f64> = rounds.iter().map(|round| round["impact"].as_f64().unwrap()).collect();
    assert!(hits.windows(2).all(|two| (19.5..20.5).contains(&(two[1] - two[0]))), "{hits:?}");
    let taken: Vec<f64> = rounds.iter().map(|round| round["recovery_ms"]["nominal"].as_f64().unwrap()).collect();
    assert!(taken.iter().all(|taken| *taken > 500.0), "each counts from its own hit: {taken:?}");
    let slowest = taken.iter().copied().reduce(f64::max).unwrap();
    assert!((fault["recovery_ms"]["nominal"].as_f64().unwrap() - slowest).abs() < 1e-6);
    assert!(said(&out).contains("the slowest of 6"), "{}", said(&out));
    assert_eq!(said(&out).matches(" killed\n").count(), 6, "{}", said(&out));
}

/// A Schedule of delays of five seconds, one each twenty.
const DELAYS: &str = "apiVersion: gameday/v1
kind: GameDay
metadata: {name: slow-again-and-again}
spec:
  hypothesis: it holds
  environments: {staging: {tier: staging, namespace: staging}}
  target: {kind: Deployment, name: task-api}
  limits: {allowAll: true}
  steps:
    - name: slow again and again
      lasts: 70s
      fault:
        apiVersion: chaos-mesh.org/v1alpha1
        kind: Schedule
        metadata: {name: slow}
        spec:
          schedule: '@every 20s'
          type: NetworkChaos
          historyLimit: 5
          concurrencyPolicy: Forbid
          networkChaos: {action: delay, mode: one, duration: 5s, selector: {labelSelectors: {app: task-api}}, delay: {latency: 100ms}}
    - {name: watch, observe: 10s}
  criteria: [{name: back within 30s, recovery: {within: 30s}, stableFor: 1s}]
";

#[test]
fn schedule_of_lasting_faults_should_tell_each_of_them_and_when_it_was_lifted() {
    let home = scratch("rehearse-delays");
    let file = home.join("delays.yaml");
    fs::write(&file, DELAYS).unwrap();
    let out = rehearse(&file, &home, "delays", &["--speed", "max", "--seed", "4"]);
    assert_eq!(out.status.code(), Some(0), "{}", said(&out));
    let report = json(&home.join("delays/report.json"));
    let rounds = report["faults"][0]["rounds"].as_array().unwrap().clone();
    assert_eq!(rounds.len(), 3, "{rounds:#?}");
    for round in &rounds {
        let lasted = round["lifted"].as_f64().unwrap() - round["impact"].as_f64().unwrap();
        assert!((4.5..6.5).contains(&lasted), "each is lifted at its own time: {round}");
        assert!(!round["recovery"].as_str().unwrap().is_empty() && round["victims"].as_array().unwrap().len() == 1, "{round}");
    }
    let told = said(&out);
    assert_eq!(told.matches("round in effect: ").count(), 3, "{told}");
    assert_eq!(told.matches("round lifted: ").count(), 3, "{told}");
    assert!(!told.contains("OVERDUE"), "{told}");
}

#[test]
fn fault_that_is_on_when_its_schedule_ends_should_be_seen_lifted_with_it() {
    let home = scratch("rehearse-delays-cut-short");
    let file = home.join("delays.yaml");
    // the third begins at 60 s and would last until 65 s
    fs::write(&file, DELAYS.replace("lasts: 70s", "lasts: 62s")).unwrap();
    let out = rehearse(&file, &home, "delays", &["--speed", "max", "--seed", "4"]);
    assert_eq!(out.status.code(), Some(0), "{}", said(&out));
    let report = json(&home.join("delays/report.json"));
    let rounds = report["faults"][0]["rounds"].as_array().unwrap().clone();
    assert_eq!(rounds.len(), 3, "{rounds:#?}");
    let lasted = rounds[2]["lifted"].as_f64().unwrap() - rounds[2]["impact"].as_f64().unwrap();
    assert!((0.5..4.0).contains(&lasted), "{lasted}: {}", said(&out));
    assert_eq!(said(&out).matches("round lifted: ").count(), 3, "{}", said(&out));
}

#[test]
fn fault_of_a_schedule_that_is_not_lifted_in_time_should_alarm_by_itself() {
    let home = scratch("rehearse-delays-overdue");
    let file = home.join("delays.yaml");
    fs::write(&file, DELAYS).unwrap();
    // the controllers go while the first is on, and come back long before the Schedule is over
    let out = rehearse(&file, &home, "delays", &["--speed", "max", "--seed", "4", "--break", "controller-down@22s+15s"]);
    let told = said(&out);
    let alarms: Vec<&str> = told.lines().filter(|line| line.contains("OVERDUE")).collect();
    assert_eq!(alarms.len(), 1, "{told}");
    assert!(alarms[0].contains("NetworkChaos gameday-"), "it names the one that is late: {told}");
    let seconds = |line: &str| line.trim().trim_start_matches("T+00:").split(' ').next().unwrap().parse::<f64>().unwrap();
    let on = told.lines().find(|line| line.contains("round in effect")).unwrap();
    let late = seconds(alarms[0]) - seconds(on) - 5.0;
    assert!((1.5..2.05).contains(&late), "within two seconds of its time: {late}: {told}");
}

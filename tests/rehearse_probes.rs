//! Objects, commands, error budgets and stop conditions in rehearsals, end to end and timed in the
//! rehearsal's clock.

mod support;

use std::fs;
use std::time::Duration;

use gameday::effect::{Effect, Verdict};
use gameday::event::{Event, Reading};
use gameday::journal::read;
use gameday::run::timeline::Noted;
use support::practice::play;
use support::{gameday, json, said, scratch};
use tokio::time::sleep;

fn scenario(criteria: &str) -> String {
    format!(
        "apiVersion: gameday/v1
kind: GameDay
metadata: {{name: probes}}
spec:
  hypothesis: Task API loses nothing but latency
  environments: {{staging: {{tier: staging, context: staging, namespace: staging, prometheus: {{service: monitoring/prometheus-server:80}}}}}}
  target: {{kind: Deployment, name: task-api}}
  steps:
    - name: slow the network down
      fault:
        apiVersion: chaos-mesh.org/v1alpha1
        kind: NetworkChaos
        metadata: {{name: slow}}
        spec: {{action: delay, mode: one, duration: 20s, selector: {{labelSelectors: {{app: task-api}}}}, delay: {{latency: 100ms}}}}
    - {{name: watch, observe: 20s}}
{criteria}"
    )
}

#[test]
fn probes_of_every_kind_should_be_answered_in_a_rehearsal() {
    let home = scratch("probes-all");
    let file = home.join("scenario.yaml");
    let criteria = "  criteria:
    - {name: available, object: {kind: Deployment, name: task-api, cel: 'object.status.readyReplicas >= 2'}}
    - {name: each runs, object: {kind: Pod, selector: {app: task-api}, cel: 'object.status.phase == \"Running\"'}}
    - {name: no such field, object: {kind: Deployment, name: task-api, cel: 'object.status.nothing == 3'}}
    - {name: no such object, object: {kind: ConfigMap, name: nobody, cel: 'object.data.a == \"b\"'}}
    - {name: too many, object: {kind: Deployment, name: task-api, cel: 'object.spec.replicas > 100'}}
    - {name: node, object: {apiVersion: v1, kind: Node, selector: {kubernetes.io/os: linux}, match: any, cel: 'has(object.status.capacity)'}}
    - {name: own probe, command: {argv: [sh, -c, 'echo $CANARY; exit 0'], env: [CANARY]}}
    - {name: budget, burn: {good: 'http_requests_total{app=\"task-api\",code!~\"5..\"}', total: 'http_requests_total{app=\"task-api\"}', objective: 99%, window: 24h, spend: 50%, whenEmpty: 0}}
";
    fs::write(&file, scenario(criteria)).unwrap();
    for (allow, own) in [(false, "unknown"), (true, "held")] {
        let run = home.join(own);
        let mut command = gameday(&home);
        command.args(["rehearse", "--headless", "--speed", "max"]).arg(&file).arg("--run-dir").arg(&run).env("CANARY", "canary-7");
        if allow {
            command.arg("--allow-commands");
        }
        let out = command.output().unwrap();
        assert_eq!(out.status.code(), Some(1), "one is broken: {}", said(&out));
        let report = json(&run.join("report.json"));
        let verdict = |name: &str| {
            let found = report["criteria"].as_array().unwrap().iter().find(|c| c["name"] == name).unwrap().clone();
            (found["verdict"].as_str().unwrap().to_owned(), found["evidence"].as_str().unwrap().to_owned())
        };
        for (name, expected) in [
            ("available", "held"),
            ("each runs", "held"),
            ("no such field", "unknown"),
            ("no such object", "unknown"),
            ("too many", "broken"),
            ("node", "held"),
            ("own probe", own),
            ("budget", "held"),
        ] {
            assert_eq!(verdict(name).0, expected, "{name}: {}", verdict(name).1);
        }
        assert!(verdict("no such field").1.contains("nothing"), "{}", verdict("no such field").1);
        assert!(verdict("no such object").1.contains("is not there"), "{}", verdict("no such object").1);
        assert!(verdict("budget").1.contains("spent"), "{}", verdict("budget").1);
        assert!(verdict("own probe").1.contains(if allow { "exit 0: [hidden]" } else { "--allow-commands" }), "{}", verdict("own probe").1);
        for file in ["journal.jsonl", "report.md", "report.json"] {
            assert!(!fs::read_to_string(run.join(file)).unwrap().contains("canary-7"), "{file}");
        }
    }
}

#[test]
fn breach_should_ask_for_the_undo_within_a_sample_and_a_tenth() {
    let stops = "  stopWhen:
    - {name: replicas, object: {kind: NetworkChaos, apiVersion: chaos-mesh.org/v1alpha1, selector: {app.kubernetes.io/managed-by: gameday}, match: any, cel: 'object.status.experiment.containerRecords.exists(r, r.phase == \"Injected\")'}}
";
    let folder = scratch("probes-stop");
    let played = play(&scenario(stops), 3, &folder, |_| async {});
    assert_eq!(played.run.verdict(), Verdict::Stopped, "{}", played.lines);
    let journal = read::open(&folder.join("journal.jsonl")).unwrap();
    let (mut breach, mut told) = (None, None);
    for entry in journal.entries {
        match entry.event {
            Event::Sampled { reading: Reading::Object { holds: Some(true), .. }, .. } => breach = breach.or(Some(entry.at)),
            Event::Asked(Effect::Lift { .. }) => told = told.or(Some(entry.at)),
            _ => {}
        }
    }
    let (breach, told) = (breach.unwrap(), told.unwrap());
    let hit = played.run.faults()[0].in_effect.unwrap();
    assert!(told.since(breach) <= Duration::from_millis(100), "{breach} {told}");
    assert!(told.since(hit) <= Duration::from_millis(1100), "from the fact itself: one sample and a tenth; {hit} {told}");
}

#[test]
fn overdue_fault_should_be_told_within_two_seconds_of_the_rehearsals_clock() {
    let folder = scratch("probes-overdue");
    let played = play(&scenario(""), 3, &folder, |trouble| async move {
        // the cluster's controller is gone: nobody lifts anything
        sleep(Duration::from_secs(15)).await;
        trouble.chaos_controller_down(true);
        sleep(Duration::from_secs(40)).await;
        trouble.chaos_controller_down(false);
    });
    let state = &played.run.faults()[0];
    let end = state.in_effect.unwrap() + state.duration();
    let told = played.run.timeline().iter().find(|moment| matches!(moment.noted, Noted::Overdue(_))).map(|moment| moment.at);
    let told = told.unwrap_or_else(|| panic!("{}", played.lines));
    assert!(told >= end && told.since(end) <= Duration::from_secs(2), "{end} {told}\n{}", played.lines);
    assert!(played.lines.contains("OVERDUE: NetworkChaos"), "{}", played.lines);
}

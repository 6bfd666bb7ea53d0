//! Alerts as criteria in a rehearsal: Prometheus' own rules fire and resolve, in time or not.
#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

mod support;

use std::fs;

use serde_json::Value;
use support::{gameday, json, said, scratch};

/// A network so slow for 40 s that the alert on latency fires, and a minute and a half to calm down.
fn scenario(criteria: &str) -> String {
    format!(
        "apiVersion: gameday/v1
kind: GameDay
metadata: {{name: alerts}}
spec:
  hypothesis: Our alerts tell of a slow network, and of its end
  environments: {{staging: {{tier: staging, context: staging, namespace: staging, prometheus: {{service: monitoring/prometheus-server:80}}}}}}
  target: {{kind: Deployment, name: task-api}}
  steps:
    - name: slow the network down
      fault:
        apiVersion: chaos-mesh.org/v1alpha1
        kind: NetworkChaos
        metadata: {{name: slow}}
        spec: {{action: delay, mode: all, duration: 40s, selector: {{labelSelectors: {{app: task-api}}}}, delay: {{latency: 700ms}}}}
    - {{name: watch it calm down, observe: 90s}}
  criteria:
{criteria}  limits: {{maxShare: 100%, allowAll: true}}
"
    )
}

/// The verdict on each criterion, and the report.
fn rehearse(name: &str, criteria: &str, code: i32) -> Value {
    let home = scratch(&format!("alert-{name}"));
    let file = home.join("scenario.yaml");
    fs::write(&file, scenario(criteria)).unwrap();
    let out = gameday(&home)
        .args(["rehearse", "--headless", "--speed", "max", "--seed", "3"])
        .arg(&file)
        .arg("--run-dir")
        .arg(home.join("run"))
        .output()
        .unwrap();
    assert_eq!(out.status.code(), Some(code), "{name}: {}", said(&out));
    json(&home.join("run/report.json"))
}

fn verdict<'r>(report: &'r Value, name: &str) -> &'r str {
    report["criteria"].as_array().unwrap().iter().find(|c| c["name"] == name).unwrap()["verdict"].as_str().unwrap()
}

#[test]
fn alert_should_hold_when_it_fires_and_resolves_in_time() {
    let report = rehearse("held", "    - {name: told, alert: {name: HighLatency, firesWithin: 30s, resolvesWithin: 80s}}\n", 0);
    assert_eq!(verdict(&report, "told"), "held");
}

#[test]
fn alert_should_be_broken_when_it_fires_late_or_never() {
    let criteria = "    - {name: late, alert: {name: HighLatency, firesWithin: 3s}}
    - {name: never, alert: {name: KubeNodeNotReady, firesWithin: 1m}}
    - {name: in time, alert: {name: HighLatency, firesWithin: 30s}}\n";
    let report = rehearse("late", criteria, 1);
    assert_eq!(verdict(&report, "late"), "broken");
    assert_eq!(verdict(&report, "never"), "broken");
    assert_eq!(verdict(&report, "in time"), "held", "one broken alert says nothing of another");
}

#[test]
fn alert_should_be_broken_when_it_does_not_resolve_in_time() {
    let report = rehearse("stays", "    - {name: over, alert: {name: HighLatency, firesWithin: 30s, resolvesWithin: 10s}}\n", 1);
    assert_eq!(verdict(&report, "over"), "broken");
}

//! The offline check of manifests, held against what a real API server said.

use std::collections::BTreeMap;
use std::path::Path;

use gameday::scenario::{Reading, Severity, Source, read};
use serde_json::Value;

fn fixture(name: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios/chaos-mesh").join(name)).unwrap_or_default()
}

/// Reads a scenario whose one fault is `manifest`.
fn reading(manifest: &str) -> Reading {
    let text = "\
apiVersion: gameday/v1
kind: GameDay
metadata: {name: x}
spec:
  hypothesis: it holds
  environments: {staging: {tier: staging, namespace: staging}}
  target: {kind: Deployment, name: task-api}
  steps:
    - {name: break it, fault: {manifest: fault.yaml}}
    - {name: watch, observe: 1s}
  criteria: [{name: ready, ready: {min: 1}}]
  limits: {allowAll: true}
  acknowledgeDataRisk: true
";
    read(&Source { file: "scenario.yaml", text, manifests: &|_| Ok(manifest.to_owned()) }, &BTreeMap::new())
}

fn told(reading: &Reading) -> String {
    reading.mistakes.iter().fold(String::new(), |out, mistake| out + &mistake.to_string() + "\n")
}

fn lines(name: &str) -> Vec<Value> {
    fixture(name).lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

#[test]
fn refused_manifests_should_be_refused_offline() {
    let lines = lines("rejected.jsonl");
    assert_eq!(lines.len(), 46);
    let mut out = String::new();
    for line in lines {
        let note = line["note"].as_str().unwrap_or_default();
        let reading = reading(&line["manifest"].to_string());
        out = out + "# " + note + "\n" + &told(&reading);
        // The namespace of the request is gameday's to choose, so a manifest can't differ from it.
        if note == "wrong namespace in body" {
            assert!(reading.scenario.is_some(), "{note}: {}", told(&reading));
            continue;
        }
        assert!(reading.scenario.is_none(), "{note}: {}", line["message"]);
        assert!(reading.mistakes.iter().any(|m| m.severity == Severity::Error && m.file.raw() == "fault.yaml"), "{note}");
    }
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("scenarios/snapshots");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!("chaos-mesh-rejected", out));
}

#[test]
fn accepted_oddities_should_be_told_and_accepted() {
    // What can never be meant is an error here though the API server takes it.
    let errors = [
        "accepted (dry run): unknown field, not strict: dropped",
        "accepted (dry run): action delay without delay block",
        "accepted (dry run): stress workers 0",
    ];
    let mut seen = 0;
    for line in lines("accepted.jsonl") {
        let note = line["note"].as_str().unwrap_or_default();
        let reading = reading(&line["manifest"].to_string());
        assert_eq!(reading.scenario.is_none(), errors.contains(&note), "{note}: {}", told(&reading));
        assert_eq!(reading.mistakes.is_empty(), note == "valid object", "{note}: {}", told(&reading));
        seen += 1;
    }
    assert_eq!(seen, 8);
}

#[test]
fn samples_should_pass() {
    let samples = fixture("samples.yaml");
    let mut seen = 0;
    for sample in samples.split("\n---\n") {
        let reading = reading(sample);
        assert!(reading.scenario.is_some(), "{sample}\n{}", told(&reading));
        // The one thing to say of them: mode all takes completed pods as well.
        assert!(reading.mistakes.iter().all(|m| m.message.contains("mode all takes pods in every phase")), "{}", told(&reading));
        seen += 1;
    }
    assert_eq!(seen, 10);
}

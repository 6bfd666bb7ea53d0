//! The practice cluster against recordings of the real Chaos Mesh: every request of a recording is asked again, and what the watches show is compared.
//!
//! The recordings in `tests/traces` are read; `GAMEDAY_TRACES` names another folder of the same form.
#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

#[path = "trace/digest.rs"]
mod digest;
#[path = "trace/names.rs"]
mod names;
#[path = "trace/recording.rs"]
mod recording;
#[path = "trace/replay.rs"]
mod replay;

use std::path::PathBuf;

use digest::{Seen, digest};
use names::Names;
use recording::Recording;
use serde_json::{Value, json};

/// Differences that are meant: the recording (a star at the end for any), a part of the difference's text, and why.
const DELIBERATE: &[(&str, &str, &str)] = &[];

/// How close to the end of a recording something may come and still be after it, in seconds.
const MARGIN: f64 = 0.3;

fn folder() -> PathBuf {
    let own = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/traces");
    std::env::var_os("GAMEDAY_TRACES").map_or_else(own, PathBuf::from)
}

fn compare(real: &Recording, ours: &replay::Replayed) -> Vec<String> {
    let mut differences = ours.unknown.clone();
    let theirs = Names::of(&real.lines);
    let mine = Names::of(&ours.lines);
    let retried = real.lines.iter().any(|line| line["watch"].is_string() && line.to_string().contains("\"type\":\"Failed\""));
    for (line, status, answer) in &ours.answers {
        let mut pair = [theirs.normal(&line["response"]), mine.normal(answer)];
        for (answer, raw) in pair.iter_mut().zip([&line["response"], answer]) {
            plain(answer, raw, retried);
        }
        if line["status"] != *status || pair[0] != pair[1] {
            differences.push(format!(
                "{} {} {}\n  real: {} {}\n  ours: {status} {}",
                line["client"], line["path"], line["note"], line["status"], pair[0], pair[1]
            ));
        }
    }
    let (real_seen, our_seen) = (digest(&real.lines, &theirs), digest(&ours.lines, &mine));
    // A recording ends in the middle of things; what comes this close to its end may have come after it.
    let early: Vec<Value> = ours.lines.iter().filter(|line| Recording::at(line) <= real.end() - MARGIN).cloned().collect();
    let early = digest(&early, &mine);
    states(real, [&real_seen, &our_seen, &early], &mut differences);
    let mut events: Vec<&String> = real_seen.events.keys().chain(our_seen.events.keys()).collect();
    events.sort();
    events.dedup();
    for event in events {
        let (a, b) = (real_seen.events.get(event).unwrap_or(&0), our_seen.events.get(event).unwrap_or(&0));
        if a != b && !(early.events.get(event).unwrap_or(&0) <= a && a < b) {
            differences.push(format!("event {event}\n  real: {a} times\n  ours: {b} times"));
        }
    }
    differences
}

/// What means nothing in an answer.
fn plain(answer: &mut Value, raw: &Value, retried: bool) {
    if let Some(meta) = answer.get_mut("metadata").and_then(Value::as_object_mut) {
        meta.remove("deletionTimestamp");
        if meta.contains_key("generateName") {
            let prefix = raw["metadata"]["generateName"].as_str().unwrap();
            let made = raw["metadata"]["name"].as_str().unwrap();
            meta.insert("name".to_owned(), Value::from(made.starts_with(prefix) && made.len() == prefix.len() + 5));
        }
        if retried {
            meta.remove("generation");
        }
    }
    for record in answer.pointer_mut("/status/experiment/containerRecords").and_then(Value::as_array_mut).into_iter().flatten() {
        if let Some(events) = record.get_mut("events").and_then(Value::as_array_mut) {
            events.dedup_by(|a, b| a["type"] == "Failed" && a == b);
        }
    }
}

fn states(real: &Recording, [real_seen, our_seen, early]: [&Seen; 3], differences: &mut Vec<String>) {
    // A recorder watches the experiment's kind and the internal ones; others only where they matter.
    let kind = |what: &str| what.split(' ').next().unwrap_or_default().to_owned();
    let mut watched =
        vec!["PodNetworkChaos".to_owned(), "PodIOChaos".to_owned(), real.meta["kind"].as_str().unwrap_or_default().to_owned()];
    watched.extend(real_seen.states.keys().map(|what| kind(what)));
    let mut all: Vec<&String> =
        real_seen.states.keys().chain(our_seen.states.keys().filter(|what| watched.contains(&kind(what)))).collect();
    all.sort();
    all.dedup();
    let none = Vec::new();
    for what in all {
        let (a, b) = (real_seen.states.get(what).unwrap_or(&none), our_seen.states.get(what).unwrap_or(&none));
        for index in 0..a.len().max(b.len()) {
            let none = Vec::new();
            let (a, b) = (a.get(index).unwrap_or(&none), b.get(index).unwrap_or(&none));
            let cut = early.states.get(what).is_none_or(|lives| lives.iter().any(|life| a.starts_with(life)) || lives.len() <= index);
            if !(cut && b.starts_with(a)) {
                life(what, a, b, differences);
            }
        }
    }
}

fn life(what: &str, real: &[String], ours: &[String], differences: &mut Vec<String>) {
    for index in 0..real.len().max(ours.len()) {
        let (a, b) = (real.get(index).map_or("-", String::as_str), ours.get(index).map_or("-", String::as_str));
        if a != b {
            differences.push(format!("{what}, state {} of {}\n  real: {a}\n  ours: {b}", index + 1, real.len()));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn practice_cluster_should_be_as_the_recordings_of_the_real_one() {
    let mut told = Vec::new();
    for real in recording::all(&folder()) {
        assert!(real.lines.iter().any(|line| line["client"].is_string()), "{} asks nothing", real.name);
        for seed in 1..=2 {
            let ours = replay::replay(&real, seed).await;
            for difference in compare(&real, &ours) {
                let meant = DELIBERATE.iter().find(|(trace, part, _)| {
                    (trace.strip_suffix('*').is_some_and(|start| real.name.starts_with(start)) || *trace == real.name)
                        && difference.contains(part)
                });
                match meant {
                    Some((_, _, why)) => eprintln!("{} seed {seed}: meant ({why}): {difference}", real.name),
                    None => told.push(format!("{} seed {seed}: {difference}", real.name)),
                }
            }
        }
    }
    for difference in &told {
        eprintln!("{difference}");
    }
    assert!(told.is_empty(), "{} differences", told.len());
}

/// A recording that the practice cluster itself makes of these requests, in the form of the real ones.
async fn own(name: &str, kind: &str, steps: &[(f64, &str, &str, Value)]) -> Recording {
    let pod = |app: &str, index: usize| {
        let meta = json!({"namespace": "staging", "name": format!("{app}-{index}"), "labels": {"app": app}});
        json!({"t": -0.6, "watch": "ADDED", "object": {"kind": "Pod", "metadata": meta, "spec": {"containers": [{"name": app}]}}})
    };
    let home = "/apis/chaos-mesh.org/v1alpha1/namespaces/staging";
    let mut lines: Vec<Value> = (0..3).map(|index| pod("task-api", index)).chain([pod("task-db", 0)]).collect();
    lines.extend(steps.iter().map(|(t, verb, path, body)| match *verb {
        "harness" => json!({"t": t, "harness": path}),
        _ => json!({"t": t, "client": verb, "path": format!("{home}/{path}"), "body": body}),
    }));
    let script = Recording { name: name.to_owned(), meta: json!({"kind": kind}), lines };
    let made = replay::replay(&script, 7).await;
    let mut lines: Vec<Value> = made.lines;
    for (line, status, answer) in made.answers {
        let mut line = line;
        line["status"] = json!(status);
        line["response"] = answer;
        lines.push(line);
    }
    lines.extend(script.lines.iter().filter(|line| line["harness"].is_string()).cloned());
    lines.sort_by(|a, b| Recording::at(a).total_cmp(&Recording::at(b)));
    Recording { lines, ..script }
}

fn chaos(kind: &str, spec: &Value) -> Value {
    json!({"apiVersion": "chaos-mesh.org/v1alpha1", "kind": kind, "metadata": {"name": "it"}, "spec": spec})
}

/// When, by which verb, on what, with which body.
type Call = (f64, &'static str, &'static str, Value);

/// What is chance must not count as a difference: one recording, replayed with other dice, is the same one.
#[tokio::test(start_paused = true)]
async fn replays_should_agree_whatever_the_dice() {
    let app = |name: &str| json!({"namespaces": ["staging"], "labelSelectors": {"app": name}});
    let (api, db) = (app("task-api"), app("task-db"));
    let target = json!({"mode": "all", "selector": db});
    let partition = json!({"action": "partition", "mode": "all", "direction": "both", "duration": "6s", "selector": api, "target": target});
    let failure = json!({"action": "pod-failure", "mode": "fixed-percent", "value": "50", "duration": "20s", "selector": api});
    let kill = json!({"action": "pod-kill", "mode": "one", "selector": api});
    let allowed = json!({"schedule": "@every 3s", "type": "PodChaos", "concurrencyPolicy": "Allow", "historyLimit": 2, "podChaos": kill});
    let stress = json!({"mode": "all", "selector": api, "stressors": {"cpu": {"workers": 1}, "memory": {"workers": 1, "size": "10%"}}});
    let delay = json!({"action": "delay", "mode": "one", "selector": api, "delay": {"latency": "10ms"}});
    let templates = json!([
        {"name": "all", "templateType": "Parallel", "deadline": "9s", "children": ["net", "rest"]},
        {"name": "net", "templateType": "NetworkChaos", "deadline": "4s", "networkChaos": delay},
        {"name": "rest", "templateType": "Suspend", "deadline": "2s"},
    ]);
    let annotated = |key: &str, value: Value| json!({"metadata": {"annotations": {key: value}}});
    let pause = "experiment.chaos-mesh.org/pause";
    let scripts: Vec<(&str, &str, Vec<Call>)> = vec![
        (
            "partition",
            "NetworkChaos",
            vec![(0.0, "create", "networkchaos", chaos("NetworkChaos", &partition)), (9.0, "delete", "networkchaos/it", Value::Null)],
        ),
        (
            "pod-failure paused",
            "PodChaos",
            vec![
                (0.0, "create", "podchaos", chaos("PodChaos", &failure)),
                (6.0, "patch", "podchaos/it", annotated(pause, json!("true"))),
                (14.0, "patch", "podchaos/it", annotated(pause, Value::Null)),
                (19.0, "delete", "podchaos/it", Value::Null),
                (25.0, "get", "podchaos/it", Value::Null),
            ],
        ),
        (
            "schedule allowed",
            "Schedule",
            vec![(0.0, "create", "schedules", chaos("Schedule", &allowed)), (11.0, "delete", "schedules/it", Value::Null)],
        ),
        (
            "workflow parallel aborted",
            "Workflow",
            vec![
                (0.0, "create", "workflows", chaos("Workflow", &json!({"entry": "all", "templates": templates}))),
                (3.0, "patch", "workflows/it", annotated("workflow.chaos-mesh.org/abort", json!("true"))),
                (8.0, "delete", "workflows/it", Value::Null),
            ],
        ),
        (
            "stress without daemon",
            "StressChaos",
            vec![
                (0.0, "create", "stresschaos", chaos("StressChaos", &stress)),
                (2.0, "harness", "daemon down", Value::Null),
                (3.0, "delete", "stresschaos/it", Value::Null),
                (6.0, "harness", "daemon works again", Value::Null),
                (16.0, "get", "stresschaos/it", Value::Null),
            ],
        ),
        (
            "controllers stopped",
            "NetworkChaos",
            vec![
                (0.0, "create", "networkchaos", chaos("NetworkChaos", &delay)),
                (3.0, "harness", "controllers stopped", Value::Null),
                (4.0, "patch", "networkchaos/it", annotated(pause, json!("true"))),
                (5.0, "delete", "networkchaos/it", Value::Null),
                (8.0, "harness", "controllers starting", Value::Null),
                (10.0, "get", "networkchaos/it", Value::Null),
            ],
        ),
    ];
    let mut told = Vec::new();
    for (name, kind, steps) in scripts {
        let real = own(name, kind, &steps).await;
        assert!(digest(&real.lines, &Names::of(&real.lines)).count() > 8, "{name} shows nothing");
        for seed in 1..=2 {
            let ours = replay::replay(&real, seed).await;
            told.extend(compare(&real, &ours).into_iter().map(|difference| format!("{name} seed {seed}: {difference}")));
        }
    }
    for difference in &told {
        eprintln!("{difference}");
    }
    assert!(told.is_empty(), "{} differences", told.len());
}

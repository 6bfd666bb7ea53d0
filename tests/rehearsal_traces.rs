//! The practice cluster against recordings of the real Chaos Mesh: every request of a recording is asked again, and what the watches show is compared.
//!
//! The recordings in `tests/traces` are read; `GAMEDAY_TRACES` names another folder of the same form.
#![expect(clippy::unwrap_used, clippy::panic, clippy::print_stderr, reason = "a test stops where it fails")]

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
use serde_json::Value;

/// Differences that are meant: the recording (a star at the end for any), a part of the difference's text, and why.
const DELIBERATE: &[(&str, &str, &str)] = &[];

fn folder() -> PathBuf {
    let own = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/traces");
    std::env::var_os("GAMEDAY_TRACES").map_or_else(own, PathBuf::from)
}

fn compare(real: &Recording, ours: &replay::Replayed) -> Vec<String> {
    let mut differences = Vec::new();
    let theirs = Names::of(&real.lines);
    let mine = Names::of(&ours.lines);
    let retried = real.lines.iter().any(|line| line["watch"].is_string() && line.to_string().contains("\"type\":\"Failed\""));
    for (line, status, answer) in &ours.answers {
        let mut pair = [theirs.normal(&line["response"]), mine.normal(answer)];
        for (answer, raw) in pair.iter_mut().zip([&line["response"], answer]) {
            plain(answer, raw, retried);
        }
        if line["status"] != Value::from(*status) || pair[0] != pair[1] {
            differences.push(format!(
                "{} {} {}\n  real: {} {}\n  ours: {status} {}",
                line["client"], line["path"], line["note"], line["status"], pair[0], pair[1]
            ));
        }
    }
    let (real_seen, our_seen) = (digest(&real.lines, &theirs), digest(&ours.lines, &mine));
    states(real, &real_seen, &our_seen, &mut differences);
    let mut events: Vec<&String> = real_seen.events.keys().chain(our_seen.events.keys()).collect();
    events.sort();
    events.dedup();
    for event in events {
        let (a, b) = (real_seen.events.get(event).unwrap_or(&0), our_seen.events.get(event).unwrap_or(&0));
        if a != b {
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

fn states(real: &Recording, real_seen: &Seen, our_seen: &Seen, differences: &mut Vec<String>) {
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
            life(what, a.get(index).unwrap_or(&none), b.get(index).unwrap_or(&none), differences);
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
        for seed in 1..=3 {
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

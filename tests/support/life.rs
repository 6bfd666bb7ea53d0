//! The life of an experiment: replayed from a recording on any API server, and compared with it.

#[path = "../trace/digest.rs"]
mod digest;
#[path = "../trace/names.rs"]
mod names;
#[path = "../trace/recording.rs"]
mod recording;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use digest::digest;
use futures::StreamExt;
use gameday::rehearsal::api::kinds::{Kind, RESOURCES};
use gameday::rehearsal::controllers::chaos::webhooks;
use http::Request;
use kube::Client;
use kube::api::WatchEvent;
use kube::client::Body;
use names::Names;
pub use recording::Recording;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep, sleep_until, timeout_at};

/// Where a recording is replayed.
pub struct Place {
    pub client: Client,
    /// The namespace that stands for the recording's.
    pub namespace: String,
    /// Whether the server calls the webhooks of Chaos Mesh; where it does not, the client fills in what they would.
    pub webhooks: bool,
}

/// The recording of this name: of `GAMEDAY_TRACES`, or of this repository.
pub fn recording(name: &str) -> Recording {
    let folder = std::env::var("GAMEDAY_TRACES").unwrap_or_else(|_| concat!(env!("CARGO_MANIFEST_DIR"), "/tests/traces").to_owned());
    recording::all(Path::new(&folder)).into_iter().find(|recording| recording.name == name).unwrap()
}

const RECORDED: &str = "staging";

/// How much later than recorded a state may come.
const PATIENCE: Duration = Duration::from_secs(20);

fn renamed(value: &Value, from: &str, to: &str) -> Value {
    match value {
        Value::String(text) => json!(text.replace(from, to)),
        Value::Array(items) => items.iter().map(|item| renamed(item, from, to)).collect(),
        Value::Object(map) => Value::Object(map.iter().map(|(key, value)| (key.replace(from, to), renamed(value, from, to))).collect()),
        other => other.clone(),
    }
}

/// What the client of a recording did, done again: not before its time, and not before as much has been seen as had been then, since a cluster may be slower than the recorded one. What a client sees of it, as lines of a recording.
pub async fn replay(place: &Place, recording: &Recording) -> Vec<Value> {
    let lines = &recording.lines;
    let (sender, mut told) = tokio::sync::mpsc::unbounded_channel();
    let start = Instant::now();
    let mut paths = vec![format!("/api/v1/namespaces/{}/events", place.namespace), format!("/api/v1/namespaces/{}/pods", place.namespace)];
    let chaos = RESOURCES.iter().filter(|resource| resource.kind.is_custom());
    paths.extend(chaos.map(|resource| format!("/apis/chaos-mesh.org/v1alpha1/namespaces/{}/{}", place.namespace, resource.plural)));
    for path in paths {
        let list = match place.client.request::<Value>(Request::get(&path).body(Vec::new()).unwrap()).await {
            Err(kube::Error::Api(status)) if status.code == 404 => continue,
            list => list.unwrap(),
        };
        for pod in list["items"].as_array().unwrap().iter().filter(|_| path.ends_with("/pods")) {
            let mut pod = pod.clone();
            pod["kind"] = json!("Pod");
            sender.send(json!({"t": -0.6, "watch": "ADDED", "object": pod})).unwrap();
        }
        let revision = list["metadata"]["resourceVersion"].as_str().unwrap();
        let request = Request::get(format!("{path}?watch=1&resourceVersion={revision}")).body(Vec::new()).unwrap();
        let mut events = place.client.request_events::<Value>(request).await.unwrap().boxed();
        let sender = sender.clone();
        tokio::spawn(async move {
            while let Some(Ok(event)) = events.next().await {
                let (word, object) = match event {
                    WatchEvent::Added(object) => ("ADDED", object),
                    WatchEvent::Modified(object) => ("MODIFIED", object),
                    WatchEvent::Deleted(object) => ("DELETED", object),
                    WatchEvent::Bookmark(_) | WatchEvent::Error(_) => continue,
                };
                let _ = sender.send(json!({"t": start.elapsed().as_secs_f64(), "watch": word, "object": object}));
            }
        });
    }
    let start = Instant::now();
    let mut seen: Vec<Value> = Vec::new();
    for (index, line) in lines.iter().enumerate().filter(|(_, line)| line["client"].is_string()) {
        let time = start + Duration::from_secs_f64(line["t"].as_f64().unwrap().max(0.0));
        sleep_until(time).await;
        let states = |lines: &[Value]| digest(lines, &Names::of(lines)).count();
        let before = states(&lines[..index]);
        while states(&seen) < before {
            let Ok(Some(line)) = timeout_at(time + PATIENCE, told.recv()).await else { break };
            seen.push(line);
        }
        let path = line["path"].as_str().unwrap().replace(RECORDED, &place.namespace);
        let (method, content, mut body) = match line["client"].as_str().unwrap() {
            "create" => ("POST", "application/json", renamed(&line["body"], RECORDED, &place.namespace)),
            "patch" => ("PATCH", "application/merge-patch+json", line["patch"].clone()),
            "delete" => ("DELETE", "application/json", Value::Null),
            other => panic!("{other} is no part of a life"),
        };
        if !place.webhooks && method == "POST" {
            let kind = RESOURCES.iter().map(|r| r.kind).find(|kind: &Kind| body["kind"] == kind.resource().name).unwrap();
            webhooks::admit(kind, &mut body, None, webhooks::Webhooks::ALL).unwrap();
        }
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let request = Request::builder().method(method).uri(&path).header("content-type", content).body(Body::from(body.into_bytes()));
        let response = place.client.send(request.unwrap()).await.unwrap();
        assert_eq!(u64::from(response.status().as_u16()), line["status"].as_u64().unwrap(), "{path}");
    }
    sleep(Duration::from_secs(2)).await;
    seen.extend(std::iter::from_fn(|| told.try_recv().ok()));
    seen.iter().map(|line| renamed(line, &place.namespace, RECORDED)).collect()
}

/// The same without the states in which some of the pods were done and others not: how many daemons have answered when the records are looked at is
/// a matter of time on a busy machine. Each such state had its generation and its Event.
pub fn levelled(lines: &[Value]) -> Vec<Value> {
    let mut dropped: BTreeMap<String, i64> = BTreeMap::new();
    let mut told: BTreeMap<String, i64> = BTreeMap::new();
    let mut out = Vec::new();
    for line in lines {
        let mut line = line.clone();
        let object = &mut line["object"];
        let records = object.pointer("/status/experiment/containerRecords").and_then(Value::as_array).cloned().unwrap_or_default();
        let name = object["metadata"]["name"].as_str().unwrap_or_default().to_owned();
        if !records.is_empty() {
            let dropped = dropped.entry(name).or_default();
            if records.iter().any(|record| record["phase"] != records[0]["phase"]) {
                *dropped += 1;
                continue;
            }
            object["metadata"]["generation"] = json!(object["metadata"]["generation"].as_i64().unwrap() - *dropped);
        }
        out.push(line);
    }
    out.retain(|line| {
        let event = &line["object"];
        let about = event["involvedObject"]["name"].as_str().unwrap_or_default();
        let surplus = event["message"] == "Successfully update records of resource"
            && told.get(about).copied().unwrap_or(0) < dropped.get(about).copied().unwrap_or(0);
        if surplus {
            *told.entry(about.to_owned()).or_default() += 1;
        }
        !surplus
    });
    out
}

/// Where the two differ, in words: the states of each object but pods, and how often each Event came.
pub fn differences(real: &Recording, ours: &[Value]) -> Vec<String> {
    let theirs = digest(&real.lines, &Names::of(&real.lines));
    let ours = digest(ours, &Names::of(ours));
    assert!(theirs.count() > 6 && theirs.events.len() > 4, "{} is not read", real.name);
    let mut out = Vec::new();
    let mut compare = |what: &str, a: Option<&String>, b: Option<&String>| {
        if a != b {
            let say = |text: Option<&String>| text.map_or("-", String::as_str).to_owned();
            out.push(format!("{} {what}\n  real: {}\n  ours: {}", real.name, say(a), say(b)));
        }
    };
    let objects: BTreeSet<&String> = theirs.states.keys().chain(ours.states.keys()).filter(|what| !what.starts_with("Pod ")).collect();
    for what in objects {
        let states = |of: &digest::Seen| of.states.get(what).map(|lives| lives.concat()).unwrap_or_default();
        let (a, b) = (states(&theirs), states(&ours));
        for index in 0..a.len().max(b.len()) {
            compare(&format!("{what}, state {index}"), a.get(index), b.get(index));
        }
    }
    for event in theirs.events.keys().chain(ours.events.keys()).collect::<BTreeSet<_>>() {
        let times = |of: &digest::Seen| of.events.get(event).map(|times| format!("{times} times"));
        compare(&format!("event {event}"), times(&theirs).as_ref(), times(&ours).as_ref());
    }
    out
}

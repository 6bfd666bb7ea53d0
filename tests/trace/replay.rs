//! A recording's requests, asked of the practice cluster.

use std::time::Duration;

use futures::StreamExt;
use gameday::rehearsal::world::{Container, Spread, Workload};
use gameday::rehearsal::{PracticeCluster, Trouble, World};
use http::Request;
use kube::Client;
use kube::api::WatchEvent;
use kube::client::Body;
use serde_json::{Value, json};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::Instant;

use super::digest::digest;
use super::names::Names;
use super::recording::Recording;

/// What may be watched: every kind of Chaos Mesh, events and pods.
const WATCHED: [&str; 16] = [
    "/apis/chaos-mesh.org/v1alpha1/podchaos",
    "/apis/chaos-mesh.org/v1alpha1/networkchaos",
    "/apis/chaos-mesh.org/v1alpha1/iochaos",
    "/apis/chaos-mesh.org/v1alpha1/stresschaos",
    "/apis/chaos-mesh.org/v1alpha1/httpchaos",
    "/apis/chaos-mesh.org/v1alpha1/dnschaos",
    "/apis/chaos-mesh.org/v1alpha1/timechaos",
    "/apis/chaos-mesh.org/v1alpha1/schedules",
    "/apis/chaos-mesh.org/v1alpha1/workflows",
    "/apis/chaos-mesh.org/v1alpha1/workflownodes",
    "/apis/chaos-mesh.org/v1alpha1/statuschecks",
    "/apis/chaos-mesh.org/v1alpha1/podnetworkchaos",
    "/apis/chaos-mesh.org/v1alpha1/podiochaos",
    "/apis/chaos-mesh.org/v1alpha1/podhttpchaos",
    "/api/v1/events",
    "/api/v1/pods",
];

/// How long the practice cluster may take longer than the real one did to get where the recording is.
const PATIENCE: Duration = Duration::from_secs(5);

/// The world of a recording: its pods, tiny, and a daemon that answers at once.
fn world(recording: &Recording) -> World {
    let mut world = World { daemon_latency: Spread::millis(0, 0, 0), ..World::default() };
    for ((namespace, app), (count, containers)) in recording.workloads() {
        let mut workload = Workload::deployment(&namespace, &app, count);
        let model = workload.containers[0].clone();
        workload.containers =
            containers.iter().map(|name| Container { name: name.clone(), mounts: vec!["/data".to_owned()], ..model.clone() }).collect();
        world.workloads.push(workload);
    }
    world
}

/// What came of a replay: the lines a recorder would have written, and the answers that differ.
pub struct Replayed {
    pub lines: Vec<Value>,
    pub answers: Vec<(Value, u16, Value)>,
    /// What the recording does and nobody here can do.
    pub unknown: Vec<String>,
}

pub async fn replay(recording: &Recording, seed: u64) -> Replayed {
    let cluster = PracticeCluster::start(world(recording), seed);
    let client = Client::new(cluster.service(), "staging");
    let now = cluster.now().timestamp_subsec_millis();
    let wait = (recording.phase() - f64::from(now) / 1000.0).rem_euclid(1.0);
    // The watches are opened a little before the first request, which is to come at the recorded part of a second.
    tokio::time::sleep(Duration::from_secs_f64(wait + 1.0)).await;
    let start = Instant::now() + Duration::from_secs(1);
    let (sender, told) = unbounded_channel();
    for path in WATCHED {
        watch(&client, path, start, &sender).await;
    }
    let mut run = Run {
        client,
        trouble: cluster.trouble(),
        told,
        replayed: Replayed { lines: Vec::new(), answers: Vec::new(), unknown: Vec::new() },
    };
    run.set_daemon(recording);
    let mut end = 0.0_f64;
    for (index, line) in recording.lines.iter().enumerate() {
        end = end.max(Recording::at(line));
        if line["client"].is_string() || line["harness"].is_string() {
            tokio::time::sleep_until(start + Duration::from_secs_f64(Recording::at(line).max(0.0))).await;
            run.catch_up(&recording.lines[..index]).await;
        }
        if let Some(word) = line["harness"].as_str() {
            if !harness(&run.trouble, word, recording) {
                run.replayed.unknown.push(format!("the harness says {word:?}, which nobody here knows how to do"));
            }
        } else if line["client"].is_string() {
            run.ask(line).await;
        }
    }
    tokio::time::sleep_until(start + Duration::from_secs_f64(end + 0.01)).await;
    run.catch_up(&recording.lines).await;
    run.replayed
}

struct Run {
    client: Client,
    trouble: Trouble,
    told: UnboundedReceiver<Value>,
    replayed: Replayed,
}

impl Run {
    /// Before the first word of the harness about the daemon, the opposite held.
    fn set_daemon(&self, recording: &Recording) {
        let first = recording.lines.iter().filter_map(|line| line["harness"].as_str()).find(|word| word.contains("daemon"));
        if first.is_some_and(is_well) {
            if recording.daemon_away() {
                self.trouble.chaos_daemon_down(true);
            } else {
                self.trouble.chaos_daemon_fails(Some(&recording.daemon_error()));
            }
        }
        let first = recording.lines.iter().filter_map(|line| line["harness"].as_str()).find(|word| word.contains("controller"));
        if first.is_some_and(is_well) {
            self.trouble.chaos_controller_down(true);
        }
    }

    /// Wait until as much has happened as the recording shows up to here: the real cluster may have been quicker by some milliseconds.
    async fn catch_up(&mut self, recorded: &[Value]) {
        let wanted = digest(recorded, &Names::of(recorded)).count();
        let deadline = Instant::now() + PATIENCE;
        let mut looked = None;
        loop {
            while let Ok(line) = self.told.try_recv() {
                self.replayed.lines.push(line);
            }
            let lines = &self.replayed.lines;
            // Looking is dear: only when there is something new.
            if looked != Some(lines.len()) && digest(lines, &Names::of(lines)).count() >= wanted || Instant::now() >= deadline {
                return;
            }
            looked = Some(lines.len());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    async fn ask(&mut self, line: &Value) {
        let (method, content, body) = match line["client"].as_str().unwrap() {
            "create" => ("POST", "application/json", &line["body"]),
            "update" | "replace" => ("PUT", "application/json", &line["body"]),
            "patch" if line["patch"].is_null() => ("PATCH", "application/merge-patch+json", &line["body"]),
            "patch" => ("PATCH", "application/merge-patch+json", &line["patch"]),
            "delete" => ("DELETE", "application/json", &line["body"]),
            "get" | "list" => ("GET", "application/json", &Value::Null),
            other => {
                self.replayed.unknown.push(format!("a client does {other:?}, which nobody here knows how to do"));
                return;
            }
        };
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let request = Request::builder().method(method).uri(line["path"].as_str().unwrap()).header("content-type", content);
        let response = self.client.send(request.body(Body::from(body.into_bytes())).unwrap()).await.unwrap();
        let status = response.status().as_u16();
        let bytes = response.into_body().collect_bytes().await.unwrap();
        let answer = serde_json::from_slice(&bytes).unwrap_or_else(|_| Value::from(String::from_utf8_lossy(&bytes)));
        self.replayed.answers.push((line.clone(), status, answer));
    }
}

fn is_well(word: &str) -> bool {
    ["again", "works", "back", " up", "start", "recover", "resum", "healthy"].iter().any(|sign| word.contains(sign))
}

/// Something done from outside the API. False when nobody knows what the word is to mean.
fn harness(trouble: &Trouble, word: &str, recording: &Recording) -> bool {
    let well = is_well(word);
    if word.contains("controller") {
        if word.contains("restart") {
            trouble.chaos_controller_down(true);
        }
        trouble.chaos_controller_down(!well);
    } else if word.contains("daemon") {
        trouble.chaos_daemon_down(false);
        trouble.chaos_daemon_fails(None);
        if !well && (word.contains("error") || word.contains("fail")) {
            trouble.chaos_daemon_fails(Some(&recording.daemon_error()));
        } else if !well {
            trouble.chaos_daemon_down(true);
        }
    } else {
        return false;
    }
    true
}

async fn watch(client: &Client, path: &'static str, start: Instant, sender: &UnboundedSender<Value>) {
    let list: Value = client.request(Request::get(path).body(Vec::new()).unwrap()).await.unwrap();
    let revision = list["metadata"]["resourceVersion"].as_str().unwrap().to_owned();
    if path.ends_with("/pods") {
        for pod in list["items"].as_array().unwrap() {
            let mut pod = pod.clone();
            pod["kind"] = Value::from("Pod");
            sender.send(json!({"t": -0.6, "watch": "ADDED", "object": pod})).unwrap();
        }
    }
    let request = Request::get(format!("{path}?watch=1&resourceVersion={revision}")).body(Vec::new()).unwrap();
    let mut events = client.request_events::<Value>(request).await.unwrap().boxed();
    let sender = sender.clone();
    tokio::spawn(async move {
        while let Some(Ok(event)) = events.next().await {
            let (word, object) = match event {
                WatchEvent::Added(object) => ("ADDED", object),
                WatchEvent::Modified(object) => ("MODIFIED", object),
                WatchEvent::Deleted(object) => ("DELETED", object),
                WatchEvent::Bookmark(_) | WatchEvent::Error(_) => continue,
            };
            let t = Instant::now().saturating_duration_since(start).as_secs_f64();
            if sender.send(json!({"t": t, "watch": word, "object": object})).is_err() {
                return;
            }
        }
    });
}

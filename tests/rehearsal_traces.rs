//! The practice cluster against recordings of the real Chaos Mesh.
//!
//! `GAMEDAY_TRACES` names a folder of recordings; without it the tests say that they were skipped.
#![expect(clippy::unwrap_used, clippy::print_stderr, reason = "a test stops where it fails")]

use std::path::PathBuf;

use gameday::rehearsal::world::Spread;
use gameday::rehearsal::{PracticeCluster, World};
use http::Request;
use kube::Client;
use kube::client::Body;
use serde_json::Value;

fn traces(test: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("GAMEDAY_TRACES").map(PathBuf::from);
    if folder.is_none() {
        eprintln!("{test}: skipped: GAMEDAY_TRACES names no folder");
    }
    folder
}

fn lines(folder: &std::path::Path, trace: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(folder.join(format!("{trace}.jsonl"))).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The world of the recordings: three tiny pods, and a daemon that answers at once.
fn world() -> World {
    World { daemon_latency: Spread::millis(0, 0, 0), ..World::task_api("staging") }
}

/// What is of no meaning in an answer: times, uids, revisions, the order of conditions.
fn normalised(value: &Value) -> Value {
    let mut value = value.clone();
    if let Some(meta) = value.get_mut("metadata").and_then(Value::as_object_mut) {
        for key in ["uid", "resourceVersion", "creationTimestamp", "deletionTimestamp"] {
            meta.remove(key);
        }
        if meta.contains_key("generateName") {
            meta.remove("name");
        }
    }
    if let Some(conditions) = value.pointer_mut("/status/conditions").and_then(Value::as_array_mut) {
        conditions.sort_by_key(|c| c["type"].to_string());
    }
    value
}

async fn replay(trace: &str, folder: &std::path::Path) -> Vec<String> {
    let cluster = PracticeCluster::start(world(), 1);
    let client = Client::new(cluster.service(), "staging");
    let mut differences = Vec::new();
    let start = tokio::time::Instant::now();
    for line in lines(folder, trace) {
        let Some(verb) = line["client"].as_str() else { continue };
        let path = line["path"].as_str().unwrap();
        if !["/podchaos", "/networkchaos"].iter().any(|p| path.contains(p)) {
            continue;
        }
        let at = std::time::Duration::from_secs_f64(line["t"].as_f64().unwrap().max(0.0));
        tokio::time::sleep_until(start + at).await;
        let (method, content, body) = match verb {
            "create" => ("POST", "application/json", line["body"].to_string()),
            "patch" => ("PATCH", "application/merge-patch+json", line["patch"].to_string()),
            "delete" => ("DELETE", "application/json", String::new()),
            _ => ("GET", "application/json", String::new()),
        };
        let request =
            Request::builder().method(method).uri(path).header("content-type", content).body(Body::from(body.into_bytes())).unwrap();
        let response = client.send(request).await.unwrap();
        let status = response.status().as_u16();
        let answer: Value = serde_json::from_slice(&response.into_body().collect_bytes().await.unwrap()).unwrap();
        if u64::from(status) != line["status"].as_u64().unwrap() || normalised(&answer) != normalised(&line["response"]) {
            differences.push(format!(
                "{trace} {verb} {path} {}\n  real: {} {}\n  ours: {status} {}",
                line["note"],
                line["status"],
                normalised(&line["response"]),
                normalised(&answer)
            ));
        }
    }
    differences
}

/// Pod names by the order in which they first appear, so that both sides can be compared.
#[derive(Default)]
struct Names(Vec<String>);

impl Names {
    fn settle(&mut self, text: &str) -> String {
        let mut out = String::new();
        let mut rest = text;
        while let Some(start) = rest.find("task-api-") {
            let tail = &rest[start..];
            let end = tail.find(|c: char| !c.is_ascii_alphanumeric() && c != '-').unwrap_or(tail.len());
            let name = tail[..end].to_owned();
            out += &rest[..start];
            if name.matches('-').count() == 3 {
                let index = self.0.iter().position(|n| *n == name).unwrap_or_else(|| {
                    self.0.push(name.clone());
                    self.0.len() - 1
                });
                out.push_str("POD");
                out.push_str(&index.to_string());
            } else {
                out += &name;
            }
            rest = &tail[end..];
        }
        out + rest
    }
}

/// One watch event of an experiment or a `PodNetworkChaos`, with what must be equal.
fn state(word: &str, object: &Value) -> String {
    let mut conditions: Vec<&str> = object["status"]["conditions"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|c| c["status"] == "True")
        .map(|c| c["type"].as_str().unwrap())
        .collect();
    conditions.sort_unstable();
    let mut records: Vec<String> = object["status"]["experiment"]["containerRecords"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|r| {
            let mut r = r.clone();
            let container = r["id"].as_str().unwrap().matches('/').count();
            r["id"] = Value::from(container);
            for event in r["events"].as_array_mut().into_iter().flatten() {
                event["timestamp"] = Value::Null;
            }
            sorted(&r)
        })
        .collect();
    records.sort();
    let instances: Vec<&Value> = object["status"]["instances"].as_object().into_iter().flat_map(|m| m.values()).collect();
    let spec =
        serde_json::to_value(object["spec"].as_object().into_iter().flatten().collect::<std::collections::BTreeMap<_, _>>()).unwrap();
    format!(
        "{word} gen {} finalizers {} deleting {} desired {} has-conditions {} {conditions:?} records {records:?} instances {instances:?} observed {} failed {} spec {}",
        object["metadata"]["generation"],
        object["metadata"]["finalizers"],
        object["metadata"]["deletionTimestamp"].is_string(),
        object["status"]["experiment"]["desiredPhase"],
        object["status"]["conditions"].is_array(),
        object["status"]["observedGeneration"],
        object["status"]["failedMessage"],
        sorted(&spec),
    )
}

fn sorted(value: &Value) -> String {
    match value {
        Value::Object(map) => {
            let map: std::collections::BTreeMap<_, _> = map.iter().map(|(k, v)| (k, sorted(v))).collect();
            format!("{map:?}")
        }
        Value::Array(items) => format!("{:?}", items.iter().map(sorted).collect::<Vec<_>>()),
        other => other.to_string(),
    }
}

/// What was seen: experiment states, states of the internal objects by object, events.
#[derive(Default, PartialEq, Debug)]
struct Seen {
    experiment: Vec<String>,
    inner: Vec<Vec<String>>,
    events: Vec<String>,
    pods: Vec<String>,
}

fn digest(lines: &[Value]) -> Seen {
    let mut seen = Seen::default();
    let mut names = Names::default();
    let mut inner: std::collections::BTreeMap<String, Vec<String>> = std::collections::BTreeMap::new();
    for line in lines.iter().filter(|line| line["watch"].is_string()) {
        let object = &line["object"];
        let word = line["watch"].as_str().unwrap();
        match object["kind"].as_str().unwrap() {
            "PodChaos" | "NetworkChaos" => seen.experiment.push(state(word, object)),
            "PodNetworkChaos" => inner.entry(object["metadata"]["name"].to_string()).or_default().push(state(word, object)),
            // What the condition step says may or may not follow a deletion.
            "Event"
                if object["involvedObject"]["apiVersion"] == "chaos-mesh.org/v1alpha1" && object["source"]["component"] != "condition" =>
            {
                let names = &mut names;
                let message = names.settle(object["message"].as_str().unwrap());
                let message = if message.contains("POD") { "POD".to_owned() + message.split("POD").next().unwrap() } else { message };
                seen.events.push(format!(
                    "{} {} {} {message} {}",
                    object["involvedObject"]["kind"], object["type"], object["reason"], object["source"]["component"]
                ));
            }
            "Pod" if line["t"].as_f64().unwrap() >= 0.0 => {
                let status = &object["status"]["containerStatuses"][0];
                let mut conditions: Vec<String> = object["status"]["conditions"]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .map(|c| format!("{}{}{}", c["type"], c["status"], c["reason"]))
                    .collect();
                conditions.sort();
                seen.pods.push(format!(
                    "{word} {} gen {} deleting {} grace {} phase {} {conditions:?} state {:?} restarts {} ready {} started {}",
                    names.settle(object["metadata"]["name"].as_str().unwrap()),
                    object["metadata"]["generation"],
                    object["metadata"]["deletionTimestamp"].is_string(),
                    object["metadata"]["deletionGracePeriodSeconds"],
                    object["status"]["phase"],
                    status["state"].as_object().map(|s| s.keys().cloned().collect::<Vec<_>>()),
                    status["restartCount"],
                    status["ready"],
                    status["started"],
                ));
            }
            _ => {}
        }
    }
    seen.inner = inner.into_values().collect();
    seen.inner.sort();
    seen.events.sort();
    seen
}

/// Replay the client's requests of a trace and record what the practice cluster's watches show.
async fn rerun(trace: &str, folder: &std::path::Path, seed: u64) -> Vec<Value> {
    use futures::StreamExt;
    let cluster = PracticeCluster::start(world(), seed);
    let client = Client::new(cluster.service(), "staging");
    let start = tokio::time::Instant::now();
    let (sender, mut told) = tokio::sync::mpsc::unbounded_channel();
    for path in [
        "/apis/chaos-mesh.org/v1alpha1/podchaos",
        "/apis/chaos-mesh.org/v1alpha1/networkchaos",
        "/apis/chaos-mesh.org/v1alpha1/podnetworkchaos",
        "/api/v1/events",
        "/api/v1/namespaces/staging/pods",
    ] {
        let revision: Value = client.request(Request::get(path).body(Vec::new()).unwrap()).await.unwrap();
        let revision = revision["metadata"]["resourceVersion"].as_str().unwrap().to_owned();
        let request = Request::get(format!("{path}?watch=1&resourceVersion={revision}")).body(Vec::new()).unwrap();
        let mut events = client.request_events::<Value>(request).await.unwrap().boxed();
        let sender = sender.clone();
        tokio::spawn(async move {
            while let Some(Ok(event)) = events.next().await {
                let event = match event {
                    kube::api::WatchEvent::Added(o) => ("ADDED", o),
                    kube::api::WatchEvent::Modified(o) => ("MODIFIED", o),
                    kube::api::WatchEvent::Deleted(o) => ("DELETED", o),
                    _ => continue,
                };
                let _ = sender.send(serde_json::json!({"t": start.elapsed().as_secs_f64(), "watch": event.0, "object": event.1}));
            }
        });
    }
    let mut end = 0.0;
    for line in lines(folder, trace) {
        end = line["t"].as_f64().unwrap_or(end);
        let Some(verb) = line["client"].as_str() else { continue };
        tokio::time::sleep_until(start + std::time::Duration::from_secs_f64(end)).await;
        let path = line["path"].as_str().unwrap();
        let (method, content, body) = match verb {
            "create" => ("POST", "application/json", line["body"].to_string()),
            "patch" => ("PATCH", "application/merge-patch+json", line["patch"].to_string()),
            _ => ("DELETE", "application/json", String::new()),
        };
        let request =
            Request::builder().method(method).uri(path).header("content-type", content).body(Body::from(body.into_bytes())).unwrap();
        let response = client.send(request).await.unwrap();
        assert_eq!(u64::from(response.status().as_u16()), line["status"].as_u64().unwrap(), "{trace} {path}");
    }
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    let mut all = Vec::new();
    while let Ok(event) = told.try_recv() {
        all.push(event);
    }
    all
}

fn compare(what: &str, real: &[String], ours: &[String], out: &mut Vec<String>) {
    for index in 0..real.len().max(ours.len()) {
        let (a, b) = (real.get(index).map_or("-", String::as_str), ours.get(index).map_or("-", String::as_str));
        if a != b {
            out.push(format!("{what} {index}\n  real: {a}\n  ours: {b}"));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn life_cycles_should_be_those_of_the_real_one() {
    let Some(folder) = traces("life cycles") else { return };
    let mut differences = Vec::new();
    for trace in [
        "podchaos-pod-kill-one",
        "podchaos-pod-kill-all-then-delete",
        "podchaos-container-kill",
        "podchaos-pod-failure-10s",
        "networkchaos-delay-10s",
        "networkchaos-delete-while-injected",
        "networkchaos-no-match",
        "networkchaos-pause-resume",
    ] {
        let real = digest(&lines(&folder, trace));
        assert!(real.experiment.len() > 6 && real.events.len() > 6, "{trace} is not read");
        for seed in 1..=4 {
            let ours = digest(&rerun(trace, &folder, seed).await);
            compare(&format!("{trace} experiment"), &real.experiment, &ours.experiment, &mut differences);
            compare(&format!("{trace} events"), &real.events, &ours.events, &mut differences);
            let flat = |seen: &Seen| seen.inner.iter().flatten().cloned().collect::<Vec<_>>();
            compare(&format!("{trace} inner"), &flat(&real), &flat(&ours), &mut differences);
            if trace != "podchaos-pod-kill-all-then-delete" {
                compare(&format!("{trace} pods"), &real.pods, &ours.pods, &mut differences);
            }
        }
    }
    assert!(differences.is_empty(), "{} differences\n{}", differences.len(), differences.join("\n"));
}

#[tokio::test(start_paused = true)]
async fn refusals_and_dry_runs_should_be_those_of_the_real_one() {
    let Some(folder) = traces("refusals") else { return };
    for trace in ["podchaos-invalid", "podchaos-dryrun"] {
        let differences = replay(trace, &folder).await;
        assert!(differences.is_empty(), "{}", differences.join("\n"));
    }
}

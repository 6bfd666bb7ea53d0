//! The life of an experiment: replayed from a recording on any API server, and compared with it.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::StreamExt;
use gameday::rehearsal::api::kinds::{Kind, RESOURCES};
use gameday::rehearsal::controllers::chaos::webhooks;
use http::Request;
use kube::Client;
use kube::api::WatchEvent;
use kube::client::Body;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep, sleep_until};

/// Where a recording is replayed.
pub struct Place {
    pub client: Client,
    /// The namespace that stands for the recording's.
    pub namespace: String,
    /// Whether the server calls the webhooks of Chaos Mesh; where it does not, the client fills in what they would.
    pub webhooks: bool,
}

/// The lines of a recording: of `GAMEDAY_TRACES`, or of this repository.
pub fn recording(name: &str) -> Vec<Value> {
    let folder = std::env::var("GAMEDAY_TRACES").unwrap_or_else(|_| concat!(env!("CARGO_MANIFEST_DIR"), "/tests/traces").to_owned());
    let text = std::fs::read_to_string(format!("{folder}/{name}.jsonl")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

const RECORDED: &str = "staging";

fn renamed(value: &Value, from: &str, to: &str) -> Value {
    match value {
        Value::String(text) => json!(text.replace(from, to)),
        Value::Array(items) => items.iter().map(|item| renamed(item, from, to)).collect(),
        Value::Object(map) => Value::Object(map.iter().map(|(key, value)| (key.replace(from, to), renamed(value, from, to))).collect()),
        other => other.clone(),
    }
}

/// What the client of a recording did, done again; what a client sees of it, as lines of a recording.
pub async fn replay(place: &Place, lines: &[Value]) -> Vec<Value> {
    let (sender, mut told) = tokio::sync::mpsc::unbounded_channel();
    let start = Instant::now();
    let chaos = |plural: &str| format!("/apis/chaos-mesh.org/v1alpha1/namespaces/{}/{plural}", place.namespace);
    let core = |plural: &str| format!("/api/v1/namespaces/{}/{plural}", place.namespace);
    for path in [chaos("podchaos"), chaos("networkchaos"), chaos("podnetworkchaos"), core("events"), core("pods")] {
        let list: Value = place.client.request(Request::get(&path).body(Vec::new()).unwrap()).await.unwrap();
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
    for line in lines.iter().filter(|line| line["client"].is_string()) {
        sleep_until(start + Duration::from_secs_f64(line["t"].as_f64().unwrap().max(0.0))).await;
        let path = line["path"].as_str().unwrap().replace(RECORDED, &place.namespace);
        let (method, content, mut body) = match line["client"].as_str().unwrap() {
            "create" => ("POST", "application/json", renamed(&line["body"], RECORDED, &place.namespace)),
            "patch" => ("PATCH", "application/merge-patch+json", line["patch"].clone()),
            "delete" => ("DELETE", "application/json", Value::Null),
            other => panic!("{other} is no part of a life"),
        };
        if !place.webhooks && method == "POST" {
            let kind = RESOURCES.iter().map(|r| r.kind).find(|kind: &Kind| body["kind"] == kind.resource().name).unwrap();
            webhooks::admit(kind, &mut body, None).unwrap();
        }
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let request = Request::builder().method(method).uri(&path).header("content-type", content).body(Body::from(body.into_bytes()));
        let response = place.client.send(request.unwrap()).await.unwrap();
        assert_eq!(u64::from(response.status().as_u16()), line["status"].as_u64().unwrap(), "{path}");
    }
    sleep(Duration::from_secs(2)).await;
    std::iter::from_fn(|| told.try_recv().ok()).map(|line| renamed(&line, &place.namespace, RECORDED)).collect()
}

/// What was seen, without what has no meaning: times, uids, revisions, names at random, and the order of what has none.
#[derive(Debug, Default)]
pub struct Seen {
    /// The states of the experiment, one after the other.
    pub experiment: Vec<String>,
    /// Those of each `PodNetworkChaos`.
    pub inner: Vec<Vec<String>>,
    /// Events about either.
    pub events: Vec<String>,
}

pub fn seen(lines: &[Value]) -> Seen {
    let mut seen = Seen::default();
    let mut inner: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for line in lines.iter().filter(|line| line["watch"].is_string()) {
        let (word, object) = (line["watch"].as_str().unwrap(), &line["object"]);
        let about = &object["involvedObject"];
        match object["kind"].as_str().unwrap() {
            "PodChaos" | "NetworkChaos" => seen.experiment.push(state(word, object)),
            "PodNetworkChaos" => inner.entry(object["metadata"]["name"].to_string()).or_default().push(state(word, object)),
            // What the condition step says may or may not follow a deletion.
            "Event" if about["apiVersion"] == "chaos-mesh.org/v1alpha1" && object["source"]["component"] != "condition" => {
                let message = without_pods(object["message"].as_str().unwrap());
                let who = &object["source"]["component"];
                seen.events.push(format!("{} {} {} {message} {who}", about["kind"], object["type"], object["reason"]));
            }
            _ => {}
        }
    }
    seen.inner = inner.into_values().collect();
    seen.inner.sort();
    seen.events.sort();
    seen
}

fn without_pods(text: &str) -> String {
    let words = text.split(' ').map(|word| if word.contains("task-api-") { "POD" } else { word });
    words.collect::<Vec<_>>().join(" ")
}

fn state(word: &str, object: &Value) -> String {
    let items = |pointer: &str| object.pointer(pointer).and_then(Value::as_array).cloned().unwrap_or_default();
    let mut conditions: Vec<String> =
        items("/status/conditions").iter().filter(|c| c["status"] == "True").map(|c| c["type"].to_string()).collect();
    conditions.sort();
    let mut records: Vec<String> = items("/status/experiment/containerRecords")
        .into_iter()
        .map(|mut record| {
            record["id"] = json!(record["id"].as_str().unwrap().matches('/').count());
            for event in record["events"].as_array_mut().into_iter().flatten() {
                event["timestamp"] = Value::Null;
            }
            sorted(&record)
        })
        .collect();
    records.sort();
    let instances: Vec<&Value> = object["status"]["instances"].as_object().into_iter().flat_map(|map| map.values()).collect();
    let (meta, status) = (&object["metadata"], &object["status"]);
    format!(
        "{word} generation {} finalizers {} deleting {} desired {} conditions {} {conditions:?} records {records:?} instances {instances:?} observed {} failed {} spec {}",
        meta["generation"],
        meta["finalizers"],
        meta["deletionTimestamp"].is_string(),
        status["experiment"]["desiredPhase"],
        status["conditions"].is_array(),
        status["observedGeneration"],
        status["failedMessage"],
        sorted(&object["spec"]),
    )
}

fn sorted(value: &Value) -> String {
    match value {
        Value::Object(map) => {
            let map: BTreeMap<_, _> = map.iter().map(|(key, value)| (key, sorted(value))).collect();
            format!("{map:?}")
        }
        Value::Array(items) => format!("{:?}", items.iter().map(sorted).collect::<Vec<_>>()),
        other => other.to_string(),
    }
}

/// Where the two differ, in words.
pub fn differences(what: &str, real: &Seen, ours: &Seen) -> Vec<String> {
    assert!(real.experiment.len() > 6 && real.events.len() > 4, "{what} is not read");
    let mut out = Vec::new();
    let mut compare = |part: &str, real: &[String], ours: &[String]| {
        for index in 0..real.len().max(ours.len()) {
            let (a, b) = (real.get(index).map_or("-", String::as_str), ours.get(index).map_or("-", String::as_str));
            if a != b {
                out.push(format!("{what} {part} {index}\n  real: {a}\n  ours: {b}"));
            }
        }
    };
    compare("experiment", &real.experiment, &ours.experiment);
    compare("inner", &real.inner.concat(), &ours.inner.concat());
    compare("events", &real.events, &ours.events);
    out
}

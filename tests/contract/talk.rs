//! One conversation with an API server: every answer kept, without what is chance.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::StreamExt;
use http::Request;
use http_body_util::BodyExt;
use kube::Client;
use kube::client::Body;
use serde_json::{Map, Value, json};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// In paths and bodies of the calls: the namespace of the conversation.
pub const NS: &str = "NAMESPACE";

/// An answer, or what a watch has shown of one object.
#[derive(Debug, Clone)]
pub struct Answer {
    pub call: String,
    pub body: Value,
}

/// A conversation.
pub struct Talk {
    client: Client,
    pub namespace: String,
    /// The version of the group `policy` that the server takes.
    pub policy: &'static str,
    pub answers: Vec<Answer>,
    sender: UnboundedSender<(String, Value)>,
    told: UnboundedReceiver<(String, Value)>,
}

impl Talk {
    pub fn new(client: Client, namespace: &str, policy: &'static str) -> Self {
        let (sender, told) = unbounded_channel();
        Self { client, namespace: namespace.to_owned(), policy, answers: Vec::new(), sender, told }
    }

    /// Ask, and keep the answer under this name. The body as it came.
    pub async fn ask(&mut self, call: &str, method: &str, path: &str, content: &str, body: &str) -> Value {
        self.ask_for(call, method, path, content, body, "application/json").await
    }

    pub async fn ask_for(&mut self, call: &str, method: &str, path: &str, content: &str, body: &str, accept: &str) -> Value {
        let (code, kind, answer) = self.send(method, path, content, body, accept).await;
        let kept = json!({"code": code, "content type": kind, "body": self.plain(&answer)});
        self.answers.push(Answer { call: call.to_owned(), body: kept });
        answer
    }

    /// An answer as it comes, kept nowhere.
    pub async fn send(&self, method: &str, path: &str, content: &str, body: &str, accept: &str) -> (u16, String, Value) {
        let request = Request::builder().method(method).uri(path.replace(NS, &self.namespace)).header("accept", accept);
        let request = if content.is_empty() { request } else { request.header("content-type", content) };
        let response = self.client.send(request.body(Body::from(body.replace(NS, &self.namespace).into_bytes())).unwrap()).await.unwrap();
        let code = response.status().as_u16();
        let kind = response.headers().get("content-type").map(|kind| kind.to_str().unwrap().to_owned()).unwrap_or_default();
        let bytes = response.into_body().collect_bytes().await.unwrap();
        let answer = serde_json::from_slice(&bytes).unwrap_or_else(|_| json!(String::from_utf8_lossy(&bytes)));
        (code, kind, answer)
    }

    /// Keep what was found out.
    pub fn note(&mut self, call: &str, found: Value) {
        self.answers.push(Answer { call: call.to_owned(), body: found });
    }

    pub async fn get(&mut self, call: &str, path: &str) -> Value {
        self.ask(call, "GET", path, "", "").await
    }

    pub async fn post(&mut self, call: &str, path: &str, body: Value) -> Value {
        self.ask(call, "POST", path, "application/json", &body.to_string()).await
    }

    pub async fn put(&mut self, call: &str, path: &str, body: Value) -> Value {
        self.ask(call, "PUT", path, "application/json", &body.to_string()).await
    }

    /// Ask, whatever the answer.
    pub async fn quietly(&self, method: &str, path: &str, body: Value) {
        self.send(method, path, "application/merge-patch+json", &body.to_string(), "application/json").await;
    }

    /// A patch: `merge`, `json`, `strategic` or `apply`.
    pub async fn patch(&mut self, call: &str, kind: &str, path: &str, body: Value) -> Value {
        let content = match kind {
            "merge" => "application/merge-patch+json",
            "json" => "application/json-patch+json",
            "strategic" => "application/strategic-merge-patch+json",
            "apply" => "application/apply-patch+yaml",
            other => other,
        };
        self.ask(call, "PATCH", path, content, &body.to_string()).await
    }

    pub async fn delete(&mut self, call: &str, path: &str, options: Value) -> Value {
        let body = if options.is_null() { String::new() } else { options.to_string() };
        self.ask(call, "DELETE", path, "application/json", &body).await
    }

    /// Wait until what is there satisfies this; the answer, with its code.
    pub async fn until(&mut self, call: &str, path: &str, mut is: impl FnMut(u16, &Value) -> bool) -> Value {
        for _ in 0..300 {
            let (code, _, answer) = self.send("GET", path, "", "", "application/json").await;
            if is(code, &answer) {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        println!("never: {call}: {}", self.send("GET", path, "", "", "application/json").await.2);
        self.answers.push(Answer { call: call.to_owned(), body: json!("never") });
        Value::Null
    }

    pub async fn until_gone(&mut self, call: &str, path: &str) {
        self.until(call, path, |code, _| code == 404).await;
    }

    /// Watch a collection from now on, until the end of the conversation.
    pub async fn watch(&self, path: &str) {
        let (_, _, list) = self.send("GET", path, "", "", "application/json").await;
        let revision = list["metadata"]["resourceVersion"].as_str().unwrap();
        let path = path.replace(NS, &self.namespace);
        let request = Request::get(format!("{path}?watch=1&resourceVersion={revision}")).body(Body::empty()).unwrap();
        let response = self.client.send(request).await.unwrap();
        let sender = self.sender.clone();
        tokio::spawn(async move {
            let mut pieces = response.into_body().into_data_stream();
            let mut line = Vec::new();
            while let Some(Ok(piece)) = pieces.next().await {
                for byte in piece {
                    if byte == b'\n' {
                        let event: Value = serde_json::from_slice(&line).unwrap();
                        let (kind, meta) = (event["object"]["kind"].as_str().unwrap(), &event["object"]["metadata"]);
                        let of = format!("{kind} {}", meta["generateName"].as_str().or(meta["name"].as_str()).unwrap());
                        let _ = sender.send((of, event));
                        line.clear();
                    } else {
                        line.push(byte);
                    }
                }
            }
        });
    }

    /// The first events of a watch that is not left open.
    pub async fn glance(&mut self, call: &str, path: &str) {
        let (code, kind, answer) = self.send("GET", path, "", "", "application/json").await;
        // Several documents are no JSON; one is.
        let text = answer.as_str().map(str::to_owned);
        let events: Vec<Value> = text.iter().flat_map(|text| text.lines()).map(|line| serde_json::from_str(line).unwrap()).collect();
        let body = if text.is_some() { json!(events) } else { answer };
        let kept = json!({"code": code, "content type": kind, "body": self.plain(&body)});
        self.answers.push(Answer { call: call.to_owned(), body: kept });
    }

    /// The end: what the watches have shown, object by object, in the order in which it came.
    pub async fn end(mut self) -> Vec<Answer> {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let mut seen: BTreeMap<String, Vec<Value>> = BTreeMap::new();
        while let Ok((of, event)) = self.told.try_recv() {
            let event = self.plain(&event);
            seen.entry(of).or_default().push(event);
        }
        for (of, events) in seen {
            self.answers.push(Answer { call: format!("watch {of}"), body: json!(events) });
        }
        self.answers
    }

    /// A value without what is chance.
    fn plain(&self, value: &Value) -> Value {
        match value {
            Value::String(text) => json!(self.text(text)),
            Value::Array(items) => {
                let mut items: Vec<Value> = items.iter().map(|item| self.plain(item)).collect();
                if items.iter().all(|item| item["type"].is_string() && item["status"].is_string()) {
                    items.sort_by_key(|item| item["type"].to_string());
                }
                Value::Array(items)
            }
            Value::Object(map) => {
                let generated = map.get("generateName").and_then(Value::as_str);
                let mut out = Map::new();
                for (key, value) in map {
                    let value = match key.as_str() {
                        "managedFields" | "selfLink" => continue,
                        "uid" | "resourceVersion" | "creationTimestamp" if value.is_string() => json!(key.to_uppercase()),
                        "continue" => json!("TOKEN"),
                        "pod-template-hash" | "imageID" | "containerID" => json!("HASH"),
                        "name" if generated.is_some() => {
                            let (name, prefix) = (value.as_str().unwrap_or_default(), generated.unwrap());
                            json!(if name.starts_with(prefix) && name.len() == prefix.len() + 5 { "GENERATED" } else { name })
                        }
                        _ => self.plain(value),
                    };
                    out.insert(self.text(key), value);
                }
                Value::Object(out)
            }
            other => other.clone(),
        }
    }

    fn text(&self, text: &str) -> String {
        if chrono::DateTime::parse_from_rfc3339(text).is_ok() {
            return "TIME".to_owned();
        }
        let mut out = String::new();
        let token = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
        let mut rest = text;
        while !rest.is_empty() {
            let end = rest.find(|c| !token(c)).unwrap_or(rest.len());
            let (word, tail) = rest.split_at(end);
            let hex = |part: &str| part.chars().all(|c| c.is_ascii_hexdigit());
            let uid = word.len() == 36 && word.split('-').map(str::len).eq([8, 4, 4, 4, 12]) && word.split('-').all(hex);
            // a young cluster's revisions are small
            let number = word.parse::<u64>().is_ok_and(|number| number > 999 || out.ends_with("in record (") || out.ends_with("current: "));
            let address = word.parse::<std::net::Ipv4Addr>().is_ok();
            let age = rest.len() == text.len()
                && word == text
                && word.len() < 6
                && word.starts_with(|c: char| c.is_ascii_digit())
                && word.ends_with(['s', 'm']);
            out += match word {
                _ if address => "IP",
                _ if age => "AGE",
                _ if word.starts_with("node-") => "NODE",
                _ if word.starts_with("d-") && word.matches('-').count() == 1 => "d-HASH",
                _ if word.starts_with("d-") && word.matches('-').count() == 2 => "d-HASH-RANDOM",
                word if word == self.namespace => NS,
                _ if uid => "UID",
                _ if number => "NUMBER",
                word => word,
            };
            let next = tail.find(token).unwrap_or(tail.len());
            out += &tail[..next];
            rest = &tail[next..];
        }
        out
    }
}

/// Where two values differ: the place, and what each has there (nothing: absent).
pub fn differences(ours: &Value, real: &Value) -> Vec<(String, Option<Value>, Option<Value>)> {
    fn walk(at: &str, ours: Option<&Value>, real: Option<&Value>, out: &mut Vec<(String, Option<Value>, Option<Value>)>) {
        match (ours, real) {
            (Some(Value::Object(a)), Some(Value::Object(b))) => {
                for key in a.keys().chain(b.keys().filter(|key| !a.contains_key(*key))) {
                    walk(&format!("{at}/{key}"), a.get(key), b.get(key), out);
                }
            }
            (Some(Value::Array(a)), Some(Value::Array(b))) => {
                for index in 0..a.len().max(b.len()) {
                    walk(&format!("{at}/{index}"), a.get(index), b.get(index), out);
                }
            }
            (a, b) if a == b => {}
            (a, b) => out.push((at.to_owned(), a.cloned(), b.cloned())),
        }
    }
    let mut out = Vec::new();
    walk("", Some(ours), Some(real), &mut out);
    out
}

/// Whether a text is of this pattern, in which a star stands for anything.
pub fn is_like(text: &str, pattern: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let mut last = None;
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
        last = Some(part);
    }
    match last {
        None => rest.is_empty(),
        Some(part) => text.ends_with(part),
    }
}

//! `StatusCheck`: a request by the clock, and what a row of answers means.
//!
//! A probe reaches what is in the cluster: one of the ready pods behind a Service answers 200, or whatever the faults on its network, its requests and
//! its CPU make of that. Nothing outside the cluster answers.

use std::collections::BTreeMap;

use chrono::Duration;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::queue::{self, Next, Reconciler};
use super::{go, notes};
use crate::rehearsal::api::kinds::Kind;
use crate::rehearsal::api::object::{Object, list, number, text};
use crate::rehearsal::api::store::{Change, Key};
use crate::rehearsal::clock;
use crate::rehearsal::controllers::kubelet::probes::{self, Asked, Lost};
use crate::rehearsal::controllers::{Hand, Home};
use crate::rehearsal::dice::Rolls;

/// Run the controller.
pub async fn run(home: Home) {
    let hand = Hand::new(&home, "statuscheck");
    let luck = hand.stream(|_| "statuscheck/luck".to_owned());
    queue::run(home, Checks { hand, luck, workers: BTreeMap::new() }).await;
}

struct Checks {
    hand: Hand,
    /// Which pod is asked, and whether a packet gets through.
    luck: Rolls,
    /// What is only in the controller's memory.
    workers: BTreeMap<Key, Worker>,
}

/// One who probes.
struct Worker {
    /// When the next probe is; none when enough is known.
    next: Option<Instant>,
    records: Vec<Value>,
    count: i64,
    last: Option<bool>,
    in_a_row: i64,
}

impl Reconciler for Checks {
    fn kinds(&self) -> Vec<Kind> {
        vec![Kind::StatusCheck]
    }

    fn hear(&self, change: &Change) -> Vec<Key> {
        vec![change.key.clone()]
    }

    fn forget(&mut self, key: &Key) {
        self.workers.remove(key);
    }

    fn restart(&mut self) {
        self.workers.clear();
    }

    async fn reconcile(&mut self, key: &Key) -> Next {
        let Some(check) = self.hand.get(key) else { return Next::Done };
        if check.condition("Completed") {
            return Next::Done;
        }
        let interval =
            std::time::Duration::from_secs(check.number("/spec/intervalSeconds").and_then(|n| u64::try_from(n).ok()).unwrap_or(10));
        let began = self.hand.stamp();
        // What a controller before it has counted is taken up; only the row of equal answers begins again.
        let fresh = || Worker {
            next: Some(Instant::now() + interval),
            records: check.list("/status/records").to_vec(),
            count: check.number("/status/count").unwrap_or(0),
            last: None,
            in_a_row: 0,
        };
        let worker = self.workers.entry(key.clone()).or_insert_with(fresh);
        if worker.next.is_some_and(|next| next <= Instant::now()) {
            worker.next = worker.next.map(|next| next + interval);
            let answer = probe(&self.hand, &mut self.luck, &check);
            worker.note(&self.hand, &check, &answer);
        }
        let (records, count, next) = (worker.records.clone(), worker.count, worker.next);
        self.set_status(&check, records, count, &began).await;
        let left = next.map(|next| next.saturating_duration_since(Instant::now()));
        Next::After(left.unwrap_or(interval))
    }
}

impl Worker {
    fn note(&mut self, hand: &Hand, check: &Object, answer: &Result<(), String>) {
        let well = answer.is_ok();
        let annotations = |word: &str| json!({"chaos-mesh.org/executor-type": "HTTP", "chaos-mesh.org/type": word});
        match answer {
            Ok(()) => {
                let message = "HTTP execution of status check succeed";
                let words = ("StatusCheckExecutionSucceed", message);
                notes::say(hand, Kind::StatusCheck, check, ("statuscheck", false), words, annotations("status-check-execution-succeed"));
            }
            Err(why) => {
                let message = format!("HTTP execution of status check failed: {why}");
                let mut annotations = annotations("status-check-execution-failed");
                annotations["chaos-mesh.org/msg"] = json!(why);
                let words = ("StatusCheckExecutionFailed", message.as_str());
                notes::say(hand, Kind::StatusCheck, check, ("statuscheck", true), words, annotations);
            }
        }
        self.in_a_row = if self.last == Some(well) { self.in_a_row + 1 } else { 1 };
        self.last = Some(well);
        self.count += 1;
        self.records.push(json!({"startTime": hand.stamp(), "outcome": if well { "Success" } else { "Failure" }}));
        let limit = check.number("/spec/recordsHistoryLimit").and_then(|n| usize::try_from(n).ok()).unwrap_or(100);
        self.records.drain(..self.records.len().saturating_sub(limit));
        let least = |pointer: &str| check.number(pointer).unwrap_or(1);
        let enough = if well {
            check.text("/spec/mode") == "Synchronous" && self.in_a_row >= least("/spec/successThreshold")
        } else {
            self.in_a_row >= least("/spec/failureThreshold")
        };
        if enough {
            self.next = None;
        }
    }
}

impl Checks {
    async fn set_status(&mut self, check: &Object, records: Vec<Value>, count: i64, began: &str) {
        let mut status = check.value()["status"].as_object().cloned().unwrap_or_default();
        status.entry("startTime").or_insert_with(|| json!(began));
        if count > 0 {
            status.insert("count".to_owned(), json!(count));
            status.insert("records".to_owned(), json!(records));
        }
        let mut status = Value::Object(status);
        let now = self.hand.now();
        let duration = go::duration(check.text("/spec/duration")).ok();
        let end = duration.and_then(|nanos| Some(clock::parse(text(&status, "/startTime"))? + Duration::nanoseconds(nanos)));
        let over = end.is_some_and(|end| end < now);
        let spec = &check.value()["spec"];
        let failed = in_a_row(&records, "Failure", number(spec, "/failureThreshold"));
        let succeeded = in_a_row(&records, "Success", number(spec, "/successThreshold"));
        let why = if over {
            "StatusCheckDurationExceed"
        } else if failed {
            "StatusCheckFailureThresholdExceed"
        } else if succeeded && check.text("/spec/mode") == "Synchronous" {
            "StatusCheckSuccessThresholdExceed"
        } else {
            ""
        };
        let wanted = [
            ("DurationExceed", over, ""),
            ("FailureThresholdExceed", failed, ""),
            ("SuccessThresholdExceed", succeeded, ""),
            ("Completed", !why.is_empty(), why),
        ];
        let stamp = self.hand.stamp();
        let mut conditions: Vec<Value> = wanted.iter().map(|wanted| conditioned(&status, *wanted, &stamp)).collect();
        // The real controller keeps them in a map: each write has its own order.
        for index in (1..conditions.len()).rev() {
            let other = self.hand.rolls().index(index + 1);
            conditions.swap(index, other);
        }
        if !why.is_empty() {
            status["completionTime"] = json!(stamp);
        }
        if !same_set(list(&status, "/conditions"), &conditions) {
            status["conditions"] = Value::Array(conditions);
        }
        let told = [
            (!why.is_empty(), false, "StatusCheckCompleted", format!("status check completed: {why}"), "status-check-completed"),
            (over, true, "StatusCheckDurationExceed", "duration exceed".to_owned(), "status-check-duration-exceed"),
            (
                succeeded,
                false,
                "StatusCheckSuccessThresholdExceed",
                "success threshold exceed".to_owned(),
                "status-check-success-threshold-exceed",
            ),
            (
                failed,
                true,
                "StatusCheckFailureThresholdExceed",
                "failure threshold exceed".to_owned(),
                "status-check-failure-threshold-exceed",
            ),
        ];
        for (_, warning, reason, message, word) in told.iter().filter(|told| told.0) {
            let mut annotations = json!({"chaos-mesh.org/type": word});
            if *reason == "StatusCheckCompleted" {
                annotations["chaos-mesh.org/msg"] = json!(why);
            }
            notes::say(&self.hand, Kind::StatusCheck, check, ("statuscheck", *warning), (reason, message), annotations);
        }
        // A check that is gone needs no status.
        drop(self.hand.set_status(Kind::StatusCheck, check, status).await);
    }
}

fn same_set(stored: &[Value], wanted: &[Value]) -> bool {
    stored.len() == wanted.len() && wanted.iter().all(|condition| stored.contains(condition))
}

/// A condition as it is after this probe: its transition is dated only when it changes.
fn conditioned(status: &Value, (kind, holds, reason): (&str, bool, &str), stamp: &str) -> Value {
    let word = if holds { "True" } else { "False" };
    let old = list(status, "/conditions").iter().find(|c| c["type"] == kind);
    let since = old.filter(|c| c["status"] == word).map_or(stamp, |c| text(c, "/lastTransitionTime"));
    json!({"type": kind, "status": word, "reason": reason, "lastProbeTime": stamp, "lastTransitionTime": since})
}

/// Whether the newest records are all of this outcome, as many as the threshold wants.
fn in_a_row(records: &[Value], outcome: &str, threshold: Option<i64>) -> bool {
    let wanted = threshold.and_then(|n| usize::try_from(n).ok()).unwrap_or(1).max(1);
    records.len() >= wanted && records.iter().rev().take(wanted).all(|record| record["outcome"] == outcome)
}

/// Ask once.
fn probe(hand: &Hand, luck: &mut Rolls, check: &Object) -> Result<(), String> {
    let url = check.text("/spec/http/url");
    let patience = std::time::Duration::from_secs(check.number("/spec/timeoutSeconds").and_then(|n| u64::try_from(n).ok()).unwrap_or(1));
    let method = match check.text("/spec/http/method") {
        "POST" => "Post",
        _ => "Get",
    };
    let status = reach(hand, luck, url, patience).map_err(|why| format!("do http request: {method} {url:?}: {why}"))?;
    let wanted = check.text("/spec/http/criteria/statusCode");
    let fits = match wanted.split_once('-') {
        Some((from, to)) => go::atoi(from).is_ok_and(|from| status >= from) && go::atoi(to).is_ok_and(|to| status <= to),
        None => go::atoi(wanted) == Ok(status),
    };
    if fits { Ok(()) } else { Err(format!("unexpected status code: {status}")) }
}

/// The status with which a URL answers.
fn reach(hand: &Hand, luck: &mut Rolls, url: &str, patience: std::time::Duration) -> Result<i64, String> {
    let Some((scheme, rest)) = url.split_once("://") else { return Err("unsupported protocol scheme \"\"".to_owned()) };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let authority = authority.rsplit('@').next().unwrap_or_default();
    let default = if scheme == "https" { 443 } else { 80 };
    let (host, port) =
        authority.rsplit_once(':').and_then(|(host, port)| Some((host, port.parse::<i64>().ok()?))).unwrap_or((authority, default));
    let service = find(hand, host).ok_or_else(|| format!("dial tcp: lookup {host} on 10.96.0.10:53: no such host"))?;
    let address = match service.text("/spec/clusterIP") {
        "" | "None" => "10.96.0.1",
        address => address,
    };
    let refused = || format!("dial tcp {address}:{port}: connect: connection refused");
    let Some(place) = service.list("/spec/ports").iter().position(|p| number(p, "/port") == Some(port)) else {
        // A Service drops what is sent to a port that it does not have.
        return Err(format!("dial tcp {address}:{port}: i/o timeout"));
    };
    let endpoints = hand.get(&Key::new(Kind::Endpoints, service.namespace(), service.name())).ok_or_else(refused)?;
    let subsets = endpoints.list("/subsets");
    let ready: Vec<&Value> = subsets.iter().flat_map(|subset| list(subset, "/addresses")).collect();
    if ready.is_empty() {
        return Err(refused());
    }
    let chosen = ready[luck.index(ready.len())];
    let Some(pod) = hand.get(&Key::new(Kind::Pod, service.namespace(), text(chosen, "/targetRef/name"))) else { return Ok(200) };
    let target = subsets.iter().find_map(|subset| number(list(subset, "/ports").get(place)?, "/port")).unwrap_or(port);
    let path = rest.find('/').map_or("/", |at| &rest[at..]).split(['?', '#']).next().unwrap_or("/");
    let told = pod.list("/status/containerStatuses").first();
    let asked = Asked {
        pod: &pod,
        container: pod.list("/spec/containers").first().unwrap_or(&Value::Null),
        image: "",
        ip: pod.text("/status/podIP"),
        host: "",
        container_id: told.map_or("", |status| text(status, "/containerID")),
        warm: Instant::now(),
    };
    let target = u16::try_from(target).unwrap_or(0);
    probes::question(hand, luck, &asked, (target, path), patience).map_err(|lost| match lost {
        Lost::Connect => format!("dial tcp {address}:{port}: i/o timeout (Client.Timeout exceeded while awaiting headers)"),
        Lost::Answer => "context deadline exceeded (Client.Timeout exceeded while awaiting headers)".to_owned(),
        Lost::Cut => "EOF".to_owned(),
    })
}

/// The Service of a name as the cluster's DNS knows it, from the controllers' own namespace.
fn find(hand: &Hand, host: &str) -> Option<std::sync::Arc<Object>> {
    let name = host.trim_end_matches('.').trim_end_matches(".cluster.local");
    if let Some(service) = hand.list(Kind::Service, None).into_iter().find(|service| service.text("/spec/clusterIP") == host) {
        return Some(service);
    }
    let (service, namespace) = name.trim_end_matches(".svc").split_once('.').unwrap_or((name, "chaos-mesh"));
    hand.get(&Key::new(Kind::Service, namespace, service))
}

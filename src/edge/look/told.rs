//! A pod in words: what it is, what its containers do, what was reported of it.

use chrono::{DateTime, Utc};
use serde_json::Value;

/// The container whose log tells most.
pub(super) struct Container {
    /// Its name.
    pub name: String,
    /// What it does.
    pub state: String,
    /// How often it was restarted.
    pub restarts: u64,
}

/// The uid of an object, or else the one that is known.
pub(super) fn uid<'a>(object: &'a Value, known: &'a str) -> &'a str {
    text(object, "/metadata/uid").unwrap_or(known)
}

/// The container that is not ready, or else the first. One that has not begun comes after those that have: it has said nothing.
pub(super) fn container(object: &Value) -> Option<Container> {
    let statuses = || list(object, "/status/initContainerStatuses").chain(list(object, "/status/containerStatuses"));
    let is_init = |status: &Value| list(object, "/status/initContainerStatuses").any(|init| init == status);
    let has_begun = |status: &&Value| status.pointer("/state/waiting").is_none() || status.pointer("/lastState/terminated").is_some();
    let troubled = |status: &&Value| {
        let done = is_init(status) && status.pointer("/state/terminated/exitCode") == Some(&0.into());
        !done && status.get("ready") != Some(&true.into())
    };
    let main = || list(object, "/status/containerStatuses");
    let status = statuses().filter(has_begun).find(troubled).or_else(|| statuses().find(troubled)).or_else(|| main().next());
    if let Some(status) = status {
        return Some(Container {
            name: text(status, "/name")?.to_owned(),
            state: first_of(status, "/state"),
            restarts: status.get("restartCount").and_then(Value::as_u64).unwrap_or(0),
        });
    }
    let name = list(object, "/spec/containers").next().and_then(|container| text(container, "/name"))?;
    Some(Container { name: name.to_owned(), state: "not started".to_owned(), restarts: 0 })
}

fn first_of(status: &Value, at: &str) -> String {
    let state = status.pointer(at).and_then(Value::as_object).and_then(|state| state.iter().next());
    state
        .map_or_else(|| "in no state".to_owned(), |(name, said)| text(said, "/reason").map_or(name.clone(), |why| format!("{name}: {why}")))
}

/// What a pod is and does.
pub(super) fn pod(object: &Value, now: DateTime<Utc>) -> Vec<String> {
    let said = |at: &str| text(object, at).unwrap_or("none").to_owned();
    let mut lines = vec![
        format!("pod        {}/{}", said("/metadata/namespace"), said("/metadata/name")),
        format!("phase      {}{}", said("/status/phase"), reason(object.pointer("/status").unwrap_or(&Value::Null))),
        format!("node       {}", said("/spec/nodeName")),
        format!("address    {}", said("/status/podIP")),
        format!("made       {}", age(object, "/metadata/creationTimestamp", now).map_or("unknown".to_owned(), |age| format!("{age} ago"))),
    ];
    if let Some(since) = age(object, "/metadata/deletionTimestamp", now) {
        lines.push(format!("deletion   asked for, its grace ends or ended {since} ago"));
    }
    lines.extend([String::new(), "conditions".to_owned()]);
    for condition in list(object, "/status/conditions") {
        let (kind, stands) = (text(condition, "/type").unwrap_or("?"), text(condition, "/status").unwrap_or("?"));
        let since = age(condition, "/lastTransitionTime", now).map_or(String::new(), |age| format!("for {age}"));
        lines.push(format!("  {kind:<26} {stands:<8} {since:<10} {}", reason(condition).trim_start_matches(", ")).trim_end().to_owned());
    }
    for (title, specs, statuses) in [
        ("init containers", "/spec/initContainers", "/status/initContainerStatuses"),
        ("containers", "/spec/containers", "/status/containerStatuses"),
        ("ephemeral containers", "/spec/ephemeralContainers", "/status/ephemeralContainerStatuses"),
    ] {
        let mut specs = list(object, specs).peekable();
        if specs.peek().is_some() {
            lines.extend([String::new(), title.to_owned()]);
        }
        for spec in specs {
            let status = list(object, statuses).find(|status| status.get("name") == spec.get("name")).unwrap_or(&Value::Null);
            lines.extend(one(spec, status, now));
        }
    }
    lines
}

fn one(spec: &Value, status: &Value, now: DateTime<Utc>) -> Vec<String> {
    let mut lines = vec![format!("  {}  {}", text(spec, "/name").unwrap_or("?"), text(spec, "/image").unwrap_or("no image"))];
    let ready = if status.get("ready") == Some(&true.into()) { "ready" } else { "not ready" };
    let restarts = status.get("restartCount").and_then(Value::as_u64).unwrap_or(0);
    let restarts = if restarts == 1 { "1 restart".to_owned() } else { format!("{restarts} restarts") };
    lines.push(format!("    state      {}, {ready}, {restarts}", state(status.get("state"), now)));
    if let Some(last) = status.get("lastState").filter(|last| last.as_object().is_some_and(|last| !last.is_empty())) {
        lines.push(format!("    before     {}", state(Some(last), now)));
    }
    for (name, at) in [("startup", "/startupProbe"), ("readiness", "/readinessProbe"), ("liveness", "/livenessProbe")] {
        if let Some(probe) = spec.pointer(at) {
            lines.push(format!("    {name:<10} {}", self::probe(probe)));
        }
    }
    lines
}

fn state(state: Option<&Value>, now: DateTime<Utc>) -> String {
    let Some((name, said)) = state.and_then(Value::as_object).and_then(|state| state.iter().next()) else { return "unknown".to_owned() };
    let mut out = name.clone();
    for at in ["/startedAt", "/finishedAt"] {
        let word = if at == "/startedAt" { if name == "running" { "for" } else { "begun" } } else { "ended" };
        if let Some(age) = age(said, at, now) {
            out += &format!(" {word} {age}{}", if word == "for" { "" } else { " ago" });
        }
    }
    if let Some(code) = said.get("exitCode") {
        out += &format!(", exit code {code}");
    }
    out + &reason(said)
}

fn probe(probe: &Value) -> String {
    let number = |at: &str, usual: u64| probe.get(at).and_then(Value::as_u64).unwrap_or(usual);
    let plain =
        |value: Option<&Value>| value.map_or(String::new(), |value| value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned));
    let how = if let Some(http) = probe.get("httpGet") {
        format!("GET :{}{}", plain(http.get("port")), plain(http.get("path")))
    } else if let Some(tcp) = probe.get("tcpSocket") {
        format!("TCP :{}", plain(tcp.get("port")))
    } else if let Some(grpc) = probe.get("grpc") {
        format!("gRPC :{}", plain(grpc.get("port")))
    } else {
        format!("runs {}", list(probe, "/exec/command").map(|word| plain(Some(word))).collect::<Vec<_>>().join(" "))
    };
    let (every, within, times) = (number("periodSeconds", 10), number("timeoutSeconds", 1), number("failureThreshold", 3));
    format!("{how}, every {every} s, within {within} s, fails after {times}")
}

/// Events, the newest last.
pub(super) fn events(events: &Value, now: DateTime<Utc>) -> Vec<String> {
    let when = |event: &Value| {
        let at = |at: &str| moment(event, at);
        at("/series/lastObservedTime")
            .or_else(|| at("/lastTimestamp"))
            .or_else(|| at("/eventTime"))
            .or_else(|| at("/metadata/creationTimestamp"))
    };
    let mut events: Vec<&Value> = list(events, "/items").collect();
    events.sort_by_key(|event| when(event));
    let lines = events.iter().map(|event| {
        let age = when(event).map_or(String::new(), |at| format!("{} ago", span(now, at)));
        let times = ["/count", "/series/count"].iter().find_map(|at| event.pointer(at).and_then(Value::as_u64)).filter(|n| *n > 1);
        let times = times.map_or(String::new(), |times| format!(" ×{times}"));
        let said = |at: &str| text(event, at).unwrap_or_default().trim().replace('\n', " ");
        format!("  {age:<12} {:<8} {}{times}  {}", said("/type"), said("/reason"), said("/message"))
    });
    let lines: Vec<String> = lines.collect();
    if lines.is_empty() { vec!["  none; a cluster keeps them for an hour".to_owned()] } else { lines }
}

/// Why, in brackets of its own kind: reason and message, where they are told.
fn reason(of: &Value) -> String {
    let said = |at: &str| text(of, at).filter(|text| !text.is_empty()).map(|text| text.trim().replace('\n', " "));
    match (said("/reason"), said("/message")) {
        (Some(reason), Some(message)) => format!(", {reason}: {message}"),
        (Some(one), None) | (None, Some(one)) => format!(", {one}"),
        (None, None) => String::new(),
    }
}

fn moment(of: &Value, at: &str) -> Option<DateTime<Utc>> {
    DateTime::parse_from_rfc3339(text(of, at)?).ok().map(|at| at.with_timezone(&Utc))
}

fn age(of: &Value, at: &str, now: DateTime<Utc>) -> Option<String> {
    moment(of, at).map(|at| span(now, at))
}

fn span(now: DateTime<Utc>, at: DateTime<Utc>) -> String {
    match (now - at).num_seconds().max(0) {
        s @ 0..120 => format!("{s} s"),
        s @ 120..7_200 => format!("{} min", s / 60),
        s @ 7_200..172_800 => format!("{} h", s / 3_600),
        s => format!("{} d", s / 86_400),
    }
}

fn text<'a>(of: &'a Value, at: &str) -> Option<&'a str> {
    of.pointer(at).and_then(Value::as_str)
}

fn list<'a>(of: &'a Value, at: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
    of.pointer(at).and_then(Value::as_array).into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn crashing() -> Value {
        json!({
            "metadata": {"name": "web-0", "namespace": "shop", "uid": "u1", "creationTimestamp": "2026-11-23T20:00:00Z"},
            "spec": {"nodeName": "node-1", "containers": [
                {"name": "proxy", "image": "proxy:1"},
                {"name": "web", "image": "web:1", "readinessProbe": {"httpGet": {"path": "/healthz", "port": 80}, "periodSeconds": 1}},
            ]},
            "status": {
                "phase": "Running", "podIP": "10.0.0.1",
                "conditions": [{"type": "Ready", "status": "False", "lastTransitionTime": "2026-11-23T20:59:50Z", "reason": "ContainersNotReady", "message": "containers with unready status: [web]"}],
                "containerStatuses": [
                    {"name": "proxy", "ready": true, "restartCount": 0, "state": {"running": {"startedAt": "2026-11-23T20:00:02Z"}}},
                    {"name": "web", "ready": false, "restartCount": 3, "state": {"waiting": {"reason": "CrashLoopBackOff"}},
                     "lastState": {"terminated": {"exitCode": 137, "reason": "OOMKilled", "startedAt": "2026-11-23T20:58:00Z", "finishedAt": "2026-11-23T20:59:50Z"}}},
                ],
            },
        })
    }

    fn now() -> DateTime<Utc> {
        "2026-11-23T21:00:00Z".parse().unwrap()
    }

    #[test]
    fn details_should_tell_why_a_container_is_not_ready() {
        let lines = pod(&crashing(), now()).join("\n");
        for part in [
            "phase      Running",
            "node       node-1",
            "False    for 10 s   ContainersNotReady: containers with unready status: [web]",
            "  web  web:1\n    state      waiting, CrashLoopBackOff, not ready, 3 restarts",
            "    before     terminated begun 2 min ago ended 10 s ago, exit code 137, OOMKilled",
            "    readiness  GET :80/healthz, every 1 s, within 1 s, fails after 3",
        ] {
            assert!(lines.contains(part), "{part}:\n{lines}");
        }
    }

    #[test]
    fn container_that_is_not_ready_should_be_the_one_that_is_read() {
        let found = container(&crashing()).unwrap();
        assert_eq!((found.name.as_str(), found.restarts, found.state.as_str()), ("web", 3, "waiting: CrashLoopBackOff"));
        let mut well = crashing();
        well["status"]["containerStatuses"][1]["ready"] = true.into();
        assert_eq!(container(&well).unwrap().name, "proxy");
        assert_eq!(container(&json!({"spec": {"containers": [{"name": "a"}]}})).unwrap().name, "a");
        assert!(container(&json!({})).is_none());
    }

    #[test]
    fn events_should_be_told_with_the_newest_last() {
        let event =
            |reason: &str, at: &str| json!({"type": "Warning", "reason": reason, "message": "a\nb", "count": 5, "lastTimestamp": at});
        let told = events(&json!({"items": [event("Late", "2026-11-23T20:59:59Z"), event("Early", "2026-11-23T20:50:00Z")]}), now());
        assert_eq!(told, ["  10 min ago   Warning  Early ×5  a b", "  1 s ago      Warning  Late ×5  a b"]);
        assert_eq!(events(&json!({}), now()).len(), 1);
    }
}

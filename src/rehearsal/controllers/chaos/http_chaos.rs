//! `HTTPChaos`: the rules for the requests of a pod, and what the proxy in the pod makes of them.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::go;
use super::rules::source;
use crate::rehearsal::api::object::{Object, number, text};

/// What a proxy in a pod does to the requests that come to one of its ports, or to their answers.
///
/// Of what a rule replaces or patches only the code of an answer means anything here: the practice cluster's requests have no bodies and no headers.
#[derive(Debug, Clone, PartialEq)]
pub struct HttpFault {
    /// The pod's namespace.
    pub namespace: String,
    /// The pod.
    pub pod: String,
    /// The port.
    pub port: i64,
    /// Whether it is the answer that is meant, and not the request.
    pub answers: bool,
    /// The requests' method; empty for all.
    pub method: String,
    /// The requests' path, as a pattern with `*` and `?`; empty for all.
    pub path: String,
    /// The answers' code; none for all.
    pub only: Option<i64>,
    /// The connection is cut off.
    pub abort: bool,
    /// It is held up for so long.
    pub delay: Duration,
    /// The answer says this code instead of its own.
    pub code: Option<u16>,
}

impl HttpFault {
    /// Whether a request of this method, or its answer of this code, is meant.
    #[must_use]
    pub fn meets(&self, method: &str, answered: Option<u16>) -> bool {
        let code = self.only.is_none_or(|only| answered.map(i64::from) == Some(only));
        self.answers == answered.is_some() && (self.method.is_empty() || self.method == method) && (!self.answers || code)
    }
}

/// Whether a path is as this pattern: `*` for any text, `?` for any character; an empty pattern for all.
#[must_use]
pub fn is_like(path: &str, pattern: &str) -> bool {
    let (text, signs) = (path.as_bytes(), pattern.as_bytes());
    let (mut at, mut sign) = (0, 0);
    // the last star, and how much of the text it has taken so far
    let mut star: Option<(usize, usize)> = None;
    while at < text.len() {
        match signs.get(sign) {
            Some(b'*') => (star, sign) = (Some((sign, at)), sign + 1),
            Some(one) if *one == b'?' || *one == text[at] => (at, sign) = (at + 1, sign + 1),
            _ => match star {
                Some((place, taken)) => (at, sign, star) = (taken + 1, place + 1, Some((place, taken + 1))),
                None => return pattern.is_empty(),
            },
        }
    }
    pattern.is_empty() || signs[sign..].iter().all(|sign| *sign == b'*')
}

#[cfg(test)]
#[test]
fn path_should_be_as_its_pattern_in_good_time() {
    let cases = [("/a", "", true), ("/a/b", "/a*", true), ("/a", "/?", true), ("/ab", "/?", false), ("", "*", true), ("abab", "*ab", true)];
    for (path, pattern, like) in cases {
        assert_eq!(is_like(path, pattern), like, "{path} {pattern}");
    }
    assert!(!is_like(&"a".repeat(5000), &format!("{}b", "*a".repeat(50))));
}

/// What the rules of this `PodHttpChaos` do.
#[must_use]
pub fn faults(chaos: &Object) -> Vec<HttpFault> {
    let fault = |rule: &Value| HttpFault {
        namespace: chaos.namespace().to_owned(),
        pod: chaos.name().to_owned(),
        port: number(rule, "/port").unwrap_or(0),
        answers: text(rule, "/target") == "Response",
        method: text(rule, "/selector/method").to_owned(),
        path: text(rule, "/selector/path").to_owned(),
        only: number(rule, "/selector/code"),
        abort: rule["actions"]["abort"] == true,
        delay: Duration::from_nanos(go::duration(text(rule, "/actions/delay")).unwrap_or(0).unsigned_abs()),
        code: number(rule, "/actions/replace/code").and_then(|code| u16::try_from(code).ok()),
    };
    chaos.list("/spec/rules").iter().map(fault).collect()
}

/// The rules for a pod.
#[must_use]
pub fn rules(experiment: &Object) -> Value {
    let spec = &experiment.value()["spec"];
    let picked = |fields: &[&str]| -> Map<String, Value> {
        fields.iter().filter_map(|field| Some(((*field).to_owned(), spec.get(*field)?.clone()))).collect()
    };
    let mut selector = picked(&["path", "method", "code", "request_headers", "response_headers"]);
    let port = experiment.number("/spec/port").unwrap_or(0);
    selector.insert("port".to_owned(), json!(port));
    let rule = json!({
        "target": experiment.text("/spec/target"), "selector": selector, "actions": picked(&["abort", "delay", "replace", "patch"]),
        "source": source(experiment), "port": port,
    });
    let mut rules = json!({"rules": [rule]});
    if spec["tls"].is_object() {
        rules["tls"] = spec["tls"].clone();
    }
    rules
}

//! What the validating webhooks refuse: the project's own walk through the structs, breadth first, with a check for some types and some fields.

use std::collections::VecDeque;

use serde_json::{Value, json};

use super::encoding::encode;
use super::go;
use super::schema::{Field, Shape, Struct, Type, known};
use crate::rehearsal::api::object::{list, text};

/// One stop of the walk.
struct Stop<'a> {
    /// The value there; none where a client said nothing.
    value: Option<&'a Value>,
    of: &'a Type,
    field: Option<&'a Field>,
    path: String,
    /// An embedded struct, whose fields stand in the value of the one around it.
    embedded: bool,
}

/// What is wrong with a spec of this type, as `path: Invalid value: value: why`.
#[must_use]
pub fn walk(spec: &Value, of: &str) -> Vec<String> {
    let Some(of) = super::schema::find(of) else { return Vec::new() };
    let root = Type { shape: Shape::Struct(of.name), pointer: false, name: of.name.to_owned() };
    let mut wrong = Vec::new();
    let mut stops = VecDeque::from([Stop { value: Some(spec), of: &root, field: None, path: "Spec".to_owned(), embedded: false }]);
    while let Some(stop) = stops.pop_front() {
        if stop.value.is_none() && stop.of.pointer {
            continue;
        }
        visit(&stop, spec, &mut wrong);
        match &stop.of.shape {
            Shape::Struct(name) => {
                for field in &known(name).fields {
                    let embedded = field.json.is_empty();
                    let mut value = if embedded { stop.value } else { stop.value.and_then(|v| v.get(field.json)).filter(|v| !v.is_null()) };
                    if embedded && field.of.pointer && !any_given(value, field) {
                        value = None;
                    }
                    stops.push_back(Stop {
                        value,
                        of: &field.of,
                        field: Some(field),
                        path: format!("{}.{}", stop.path, field.go),
                        embedded,
                    });
                }
            }
            Shape::List(inner) => {
                for (index, item) in stop.value.and_then(Value::as_array).into_iter().flatten().enumerate() {
                    let path = format!("{}[{index}]", stop.path);
                    stops.push_back(Stop { value: Some(item), of: inner, field: None, path, embedded: false });
                }
            }
            Shape::Text | Shape::Int(_) | Shape::Flag | Shape::Time | Shape::Bytes | Shape::Any | Shape::Map(_) => {}
        }
    }
    wrong
}

fn any_given(value: Option<&Value>, field: &Field) -> bool {
    known(field.go).members().iter().any(|(_, member)| value.is_some_and(|v| v.get(member.json).is_some_and(|v| !v.is_null())))
}

/// `path: Invalid value: value: why`.
#[must_use]
pub fn invalid(path: &str, value: &Value, why: &str) -> String {
    format!("{path}: Invalid value: {value}: {why}")
}

fn visit(stop: &Stop<'_>, root: &Value, wrong: &mut Vec<String>) {
    let nothing = Value::Null;
    let value = stop.value.unwrap_or(&nothing);
    if let Shape::Struct(name) = stop.of.shape {
        of_struct(known(name), value, &stop.path, wrong);
    }
    let given = value.as_str().unwrap_or_default();
    let mut refuse = |value: Value, why: &str| wrong.push(invalid(&stop.path, &value, why));
    if stop.of.name == "v1alpha1.PodHttpChaosTarget" && !matches!(given, "Request" | "Response") {
        refuse(json!(given), &format!("target {given} is not supported"));
    }
    if stop.embedded {
        return;
    }
    let number = value.as_i64().unwrap_or(0);
    match stop.field.map_or("", |field| field.check) {
        "Duration" if !given.is_empty() => {
            if let Err(why) = go::duration(given) {
                refuse(json!(given), &format!("parse duration field error: {why}"));
            }
        }
        "FloatStr" => {
            if let Err(why) = go::float(given) {
                refuse(json!(given), &format!("parse correlation field error:{why}"));
            }
        }
        "Percent" if !(0..=100).contains(&number) => refuse(json!(number), "percent field should be in 0-100"),
        "Rate" => {
            if let Err(why) = go::rate(given) {
                refuse(json!(given), &format!("parse rate field error:{why}"));
            }
        }
        "IOErrno" if number == 0 && text(root, "/action") == "fault" => refuse(json!(0), "action fault: errno 0 is not supported"),
        "Bytes" => {
            if let Err(why) = go::bytes(given) {
                refuse(json!(given), &format!("incorrect bytes format: {why}"));
            }
        }
        "Delay" if go::duration(given).is_err() => refuse(json!(given), &format!("invalid duration {given}")),
        "Port" if number <= 0 => refuse(json!(number), &format!("port {number} is not supported")),
        "HTTPMethod" if text(root, "/target") == "Request" => {
            let methods = ["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE", "CONNECT"];
            if !methods.contains(&given) {
                refuse(json!(given), &format!("method {given} is not supported"));
            }
        }
        "TimeOffset" => {
            if let Err(why) = go::duration(given) {
                refuse(json!(given), &format!("parse timeOffset field error:{why}"));
            }
        }
        "StatusCode" => {
            if let Err(why) = status_code(given) {
                refuse(json!(given), &why);
            }
        }
        _ => {}
    }
}

/// The checks of whole structs. One that has none of its own has that of the selector it embeds.
fn of_struct(of: &Struct, value: &Value, path: &str, wrong: &mut Vec<String>) {
    match of.name {
        "PodChaosSpec" if text(value, "/action") == "container-kill" && list(value, "/containerNames").is_empty() => {
            let why = "the name of container is required on container-kill action: invalid value";
            let names = value.get("containerNames").unwrap_or(&Value::Null);
            wrong.push(invalid(&format!("{path}.containerNames"), names, why));
        }
        "NetworkChaosSpec" => direction(value, path, wrong),
        "StressChaosSpec" if text(value, "/stressngStressors").is_empty() && !value["stressors"].is_object() => {
            wrong.push(invalid(path, &encode(value, of), "missing stressors"));
        }
        "Stressors" if !value["memory"].is_object() && !value["cpu"].is_object() => {
            wrong.push(invalid(path, &encode(value, of), "missing stressors"));
        }
        "StatusCheckSpec" => match text(value, "/type") {
            "HTTP" if value["http"].is_object() => {}
            "HTTP" => wrong.push(invalid(&format!("{path}.http"), &Value::Null, "the detail of http status check is required")),
            other => wrong.push(invalid(&format!("{path}.type"), &json!(other), &format!("unrecognized type: {other}"))),
        },
        "HTTPStatusCheck" => {
            let url = text(value, "/url");
            if url.is_empty() {
                wrong.push(invalid(&format!("{path}.url"), &json!(url), "request url is required"));
            } else if !request_uri(url) {
                wrong.push(invalid(&format!("{path}.url"), &json!(url), "invalid http request url"));
            }
        }
        "BlockChaosSpec" if text(value, "/action") == "delay" && !value["delay"].is_object() => {
            wrong.push(invalid(&format!("{path}.delay"), &Value::Null, "delay should be set on delay action"));
        }
        // These have checks of their own, in the place of that of the selector they embed.
        "PodChaosSpec" | "StressChaosSpec" | "BlockChaosSpec" | "JVMChaosSpec" | "PhysicalMachineChaosSpec" => {}
        _ if of.is_or_embeds("PodSelector") => {
            if let Some(why) = wrong_value(value) {
                wrong.push(invalid(&format!("{path}.value"), &json!(text(value, "/value")), &why));
            }
        }
        _ => {}
    }
}

fn direction(spec: &Value, path: &str, wrong: &mut Vec<String>) {
    let direction = text(spec, "/direction");
    if text(spec, "/action") == "partition" || !matches!(direction, "from" | "both") {
        return;
    }
    let path = format!("{path}.direction");
    if spec["externalTargets"].is_array() {
        let why = "external targets cannot be used with `from` and `both` direction in netem action yet";
        wrong.push(invalid(&path, &json!(direction), why));
    }
    if !spec["target"].is_object() {
        let why = "`from` and `both` direction cannot be used when targets is empty in netem action";
        wrong.push(invalid(&path, &json!(direction), why));
    }
}

fn wrong_value(selector: &Value) -> Option<String> {
    let (mode, value) = (text(selector, "/mode"), text(selector, "/value"));
    if !matches!(mode, "fixed" | "fixed-percent" | "random-max-percent") {
        return None;
    }
    match (mode, go::atoi(value)) {
        (_, Err(why)) => Some(format!("parse value field error:{why}")),
        ("fixed", Ok(n)) if n <= 0 => Some(format!("value must be greater than 0 with mode:{mode}")),
        ("fixed-percent" | "random-max-percent", Ok(n)) if !(1..=100).contains(&n) => {
            Some(format!("value of {n} is invalid, Must be (0,100] with mode:{mode}"))
        }
        _ => None,
    }
}

fn status_code(given: &str) -> Result<(), String> {
    let bad = |why: String| Err(format!("incorrect status code format: {why}"));
    if given.is_empty() {
        return Err("status code is required".to_owned());
    }
    if let Ok(code) = go::atoi(given) {
        return if (1..1000).contains(&code) { Ok(()) } else { bad("invalid status code".to_owned()) };
    }
    let Some((start, end)) = given.split_once('-') else { return bad("not a single number or a range".to_owned()) };
    for part in [start, end] {
        match go::atoi(part) {
            Err(why) => return bad(why),
            Ok(code) if !(1..1000).contains(&code) => return bad(format!("invalid status code range, code: {code}")),
            Ok(_) => {}
        }
    }
    Ok(())
}

/// Whether Go's `url.ParseRequestURI` takes it: a path from the root, or a scheme and what is there.
fn request_uri(url: &str) -> bool {
    if url.chars().any(|c| c.is_ascii_control()) {
        return false;
    }
    if url.starts_with('/') {
        return true;
    }
    let Some((scheme, rest)) = url.split_once(':') else { return url == "*" };
    let named = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'));
    let host = rest.strip_prefix("//").map(|rest| rest.split(['/', '?']).next().unwrap_or_default());
    let port = host.and_then(|host| host.rsplit_once(':')).is_none_or(|(_, port)| port.bytes().all(|b| b.is_ascii_digit()));
    named && !host.is_some_and(|host| host.contains(' ')) && port
}

//! The admission webhooks: decode, default, check against the definition, validate.

use serde_json::{Map, Value, json};

use super::experiment::without_zeros;
use super::go;
use super::schema::{self, Field};
use crate::rehearsal::api::kinds::Kind;
use crate::rehearsal::api::object::{Object, list, map_mut, text};
use crate::rehearsal::api::refusal::{Cause, Refusal};

fn fields(kind: Kind) -> &'static [Field] {
    if kind == Kind::PodChaos { schema::POD_CHAOS } else { schema::NETWORK_CHAOS }
}

/// Refuse fields that an experiment does not have.
///
/// # Errors
/// 400.
pub fn known_fields(kind: Kind, value: &Value) -> Result<(), Refusal> {
    let mut unknown = Vec::new();
    let top = ["apiVersion", "kind", "metadata", "spec", "status"];
    if let Some(map) = value.as_object() {
        unknown.extend(map.keys().filter(|key| !top.contains(&key.as_str())).cloned());
    }
    if let Some(spec) = value.get("spec").and_then(Value::as_object) {
        schema::prune(&mut spec.clone(), fields(kind), "spec", &mut unknown);
    }
    if unknown.is_empty() {
        return Ok(());
    }
    let all = unknown.iter().map(|field| format!("unknown field \"{field}\"")).collect::<Vec<_>>().join(", ");
    let name = kind.resource().name;
    Err(Refusal::bad_request(format!("{name} in version \"v1alpha1\" cannot be handled as a {name}: strict decoding error: {all}")))
}

/// Let the webhooks and the definition's schema look at an experiment.
///
/// # Errors
/// 400, 403 or 422, in the real order and words.
pub fn admit(kind: Kind, value: &mut Value, old: Option<&Object>) -> Result<(), Refusal> {
    let resource = kind.resource();
    let name = text(value, "/metadata/name").to_owned();
    let namespace = text(value, "/metadata/namespace").to_owned();
    let mutating = format!("m{}.kb.io", resource.plural);
    if let Some(map) = value.as_object_mut() {
        map.retain(|key, _| matches!(key.as_str(), "apiVersion" | "kind" | "metadata" | "spec" | "status"));
    }
    for part in ["spec", "status"] {
        if value.get(part).is_some_and(|p| !p.is_object() && !p.is_null()) {
            let cause = Cause {
                reason: "FieldValueTypeInvalid",
                field: part.to_owned(),
                message: format!("Invalid value: {}: {part} in body must be of type object", value[part]),
            };
            return Err(Refusal::invalid(kind, &name, &[cause]));
        }
    }
    let spec = map_mut(value, "spec");
    schema::prune(spec, fields(kind), "spec", &mut Vec::new());
    schema::decode(spec, fields(kind), &format!("{}Spec", resource.name), "spec")
        .map_err(|why| Refusal::webhook_undecodable(&mutating, &why))?;
    spec.retain(|_, v| !v.is_null());
    default(kind, spec, &namespace);
    let status = map_mut(value, "status");
    if !status.get("experiment").is_some_and(Value::is_object) {
        status.insert("experiment".to_owned(), json!({}));
    }
    let spec = &value["spec"];
    let causes = definition(kind, spec);
    if !causes.is_empty() {
        return Err(Refusal::invalid(kind, &name, &causes));
    }
    let validating = format!("v{}.kb.io", resource.plural);
    if let Some(old) = old
        && without_zeros(&old.value()["spec"]) != without_zeros(spec)
    {
        return Err(Refusal::webhook_denied(&validating, "Cannot update chaos spec"));
    }
    let wrong = validate(kind, spec);
    match wrong.as_slice() {
        [] => Ok(()),
        [one] => Err(Refusal::webhook_denied(&validating, one)),
        several => Err(Refusal::webhook_denied(&validating, &format!("[{}]", several.join(", ")))),
    }
}

fn absent(map: &mut Map<String, Value>, key: &str, default: Value) {
    if map.get(key).is_none_or(Value::is_null) {
        map.insert(key.to_owned(), default);
    }
}

/// What the mutating webhook fills in, and the zero values that Go writes when it encodes the object again.
fn default(kind: Kind, spec: &mut Map<String, Value>, namespace: &str) {
    absent(spec, "action", json!(""));
    default_selector(spec, namespace);
    if kind != Kind::NetworkChaos {
        return;
    }
    if spec.get("direction").is_none_or(|d| d == "") {
        spec.insert("direction".to_owned(), json!("to"));
    }
    if let Some(Value::String(device)) = spec.get_mut("device") {
        *device = device.split('@').next().unwrap_or_default().to_owned();
    }
    if let Some(Value::Object(target)) = spec.get_mut("target") {
        default_selector(target, namespace);
    }
    for block in ["loss", "duplicate", "corrupt"] {
        if let Some(Value::Object(map)) = spec.get_mut(block) {
            absent(map, block, json!(""));
            correlation(map);
        }
    }
    if let Some(Value::Object(delay)) = spec.get_mut("delay") {
        absent(delay, "latency", json!(""));
        if delay.get("jitter").is_none_or(|j| j == "") {
            delay.insert("jitter".to_owned(), json!("0ms"));
        }
        correlation(delay);
        if let Some(Value::Object(reorder)) = delay.get_mut("reorder") {
            absent(reorder, "reorder", json!(""));
            absent(reorder, "gap", json!(0));
            correlation(reorder);
        }
    }
    if let Some(Value::Object(bandwidth)) = spec.get_mut("bandwidth") {
        absent(bandwidth, "rate", json!(""));
        absent(bandwidth, "limit", json!(0));
        absent(bandwidth, "buffer", json!(0));
    }
    if let Some(Value::Object(rate)) = spec.get_mut("rate") {
        absent(rate, "rate", json!(""));
    }
}

fn correlation(map: &mut Map<String, Value>) {
    if map.get("correlation").is_none_or(|c| c == "") {
        map.insert("correlation".to_owned(), json!("0"));
    }
}

fn default_selector(map: &mut Map<String, Value>, namespace: &str) {
    absent(map, "mode", json!(""));
    absent(map, "selector", json!({}));
    if let Some(Value::Object(selector)) = map.get_mut("selector")
        && selector.get("namespaces").and_then(Value::as_array).is_none_or(Vec::is_empty)
    {
        selector.insert("namespaces".to_owned(), json!([namespace]));
    }
}

const MODES: &[&str] = &["one", "all", "fixed", "fixed-percent", "random-max-percent"];

/// What the custom resource definition itself refuses.
fn definition(kind: Kind, spec: &Value) -> Vec<Cause> {
    let mut causes = Vec::new();
    let mut one_of = |pointer: &str, field: &str, all: &[&str]| {
        let given = text(spec, pointer);
        if !all.contains(&given) {
            causes.push(Cause::unsupported(field, given, all));
        }
    };
    if kind == Kind::PodChaos {
        one_of("/action", "spec.action", &["pod-kill", "pod-failure", "container-kill"]);
        one_of("/mode", "spec.mode", MODES);
        if spec["gracePeriod"].as_i64().is_some_and(|n| n < 0) {
            causes.push(at_least("spec.gracePeriod", &spec["gracePeriod"], 0));
        }
        return causes;
    }
    one_of("/action", "spec.action", &["netem", "delay", "loss", "duplicate", "corrupt", "partition", "bandwidth"]);
    one_of("/direction", "spec.direction", &["to", "from", "both"]);
    one_of("/mode", "spec.mode", MODES);
    if spec["target"].is_object() {
        one_of("/target/mode", "spec.target.mode", MODES);
    }
    for field in ["latency", "jitter"] {
        if let Some(value) = spec.pointer(&format!("/delay/{field}")).filter(|v| !simple_duration(v.as_str().unwrap_or_default())) {
            let path = format!("spec.delay.{field}");
            causes.push(Cause::invalid(&path, value, &format!("{path} in body should match '^[0-9]+(\\.[0-9]+)?(ns|us|ms|s|m|h)$'")));
        }
    }
    for field in ["buffer", "limit"] {
        if let Some(value) = spec.pointer(&format!("/bandwidth/{field}")).filter(|v| v.as_i64().is_some_and(|n| n < 1)) {
            causes.push(at_least(&format!("spec.bandwidth.{field}"), value, 1));
        }
    }
    causes
}

fn at_least(field: &str, value: &Value, least: i64) -> Cause {
    Cause::invalid(field, value, &format!("{field} in body should be greater than or equal to {least}"))
}

/// One unsigned number with one unit.
fn simple_duration(text: &str) -> bool {
    let unit = text.find(|c: char| c.is_ascii_lowercase()).unwrap_or(text.len());
    let (number, unit) = text.split_at(unit);
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let sound = match number.split_once('.') {
        Some((whole, fraction)) => digits(whole) && digits(fraction),
        None => digits(number),
    };
    sound && matches!(unit, "ns" | "us" | "ms" | "s" | "m" | "h")
}

/// What the validating webhook refuses.
fn validate(kind: Kind, spec: &Value) -> Vec<String> {
    let mut wrong = Vec::new();
    let quoted = |value: &str| format!("{value:?}");
    let duration = text(spec, "/duration");
    let duration = if duration.is_empty() {
        None
    } else {
        go::duration(duration)
            .err()
            .map(|why| format!("Spec.Duration: Invalid value: {}: parse duration field error: {why}", quoted(duration)))
    };
    if kind == Kind::PodChaos {
        if text(spec, "/action") == "container-kill" && list(spec, "/containerNames").is_empty() {
            wrong.push(
                "Spec.containerNames: Invalid value: null: the name of container is required on container-kill action: invalid value"
                    .to_owned(),
            );
        }
        let value = value_error(spec);
        wrong.extend(value.iter().map(|why| format!("Spec.ContainerSelector.value: {why}")));
        wrong.extend(duration);
        wrong.extend(value.iter().map(|why| format!("Spec.ContainerSelector.PodSelector.value: {why}")));
        return wrong;
    }
    let direction = text(spec, "/direction");
    if text(spec, "/action") != "partition" && matches!(direction, "from" | "both") {
        if spec["externalTargets"].is_array() {
            wrong.push(format!(
                "Spec.direction: Invalid value: {}: external targets cannot be used with `from` and `both` direction in netem action yet",
                quoted(direction)
            ));
        }
        if !spec["target"].is_object() {
            wrong.push(format!(
                "Spec.direction: Invalid value: {}: `from` and `both` direction cannot be used when targets is empty in netem action",
                quoted(direction)
            ));
        }
    }
    wrong.extend(value_error(spec).map(|why| format!("Spec.PodSelector.value: {why}")));
    wrong.extend(duration);
    for (pointer, path) in [
        ("/delay/correlation", "Delay.Correlation"),
        ("/delay/reorder/reorder", "Delay.Reorder.Reorder"),
        ("/delay/reorder/correlation", "Delay.Reorder.Correlation"),
        ("/loss/loss", "Loss.Loss"),
        ("/loss/correlation", "Loss.Correlation"),
        ("/duplicate/duplicate", "Duplicate.Duplicate"),
        ("/duplicate/correlation", "Duplicate.Correlation"),
        ("/corrupt/corrupt", "Corrupt.Corrupt"),
        ("/corrupt/correlation", "Corrupt.Correlation"),
    ] {
        if let Some(value) = spec.pointer(pointer).and_then(Value::as_str)
            && let Err(why) = go::float(value)
        {
            wrong.push(format!("Spec.TcParameter.{path}: Invalid value: {}: parse correlation field error:{why}", quoted(value)));
        }
    }
    for (pointer, path) in [("/bandwidth/rate", "Bandwidth.Rate"), ("/rate/rate", "Rate.Rate")] {
        if let Some(value) = spec.pointer(pointer).and_then(Value::as_str)
            && let Err(why) = go::rate(value)
        {
            wrong.push(format!("Spec.TcParameter.{path}: Invalid value: {}: parse rate field error:{why}", quoted(value)));
        }
    }
    if spec["target"].is_object() {
        wrong.extend(value_error(&spec["target"]).map(|why| format!("Spec.Target.value: {why}")));
    }
    wrong
}

fn value_error(selector: &Value) -> Option<String> {
    let (mode, value) = (text(selector, "/mode"), text(selector, "/value"));
    if !matches!(mode, "fixed" | "fixed-percent" | "random-max-percent") {
        return None;
    }
    let why = match (mode, go::atoi(value)) {
        (_, Err(why)) => format!("parse value field error:{why}"),
        ("fixed", Ok(n)) if n <= 0 => format!("value must be greater than 0 with mode:{mode}"),
        ("fixed-percent" | "random-max-percent", Ok(n)) if !(1..=100).contains(&n) => {
            format!("value of {n} is invalid, Must be (0,100] with mode:{mode}")
        }
        _ => return None,
    };
    Some(format!("Invalid value: {value:?}: {why}"))
}

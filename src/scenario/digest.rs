//! What a file and a drill are known by.

use std::fmt::Write as _;

use serde_json::{Number, Value};
use sha2::{Digest, Sha256};

use super::model::{Step, StepAction};
use super::tree::Node;

/// The parts of `spec` that make the drill, in the order of their names.
const DRILL: [&str; 6] = ["criteria", "hypothesis", "limits", "steps", "stopWhen", "target"];

/// SHA-256 of the file's bytes, lower-case hex.
pub fn of_file(text: &str) -> String {
    hex(text.as_bytes())
}

/// SHA-256 of the drill, lower-case hex: the canonical JSON (keys sorted, no spaces) of the parts
/// of `spec` that make it, parameters filled in, manifests of other files in their place.
pub fn of_drill(spec: &Node, steps: &[Step]) -> String {
    let mut drill = serde_json::Map::new();
    for part in DRILL {
        if let Some(node) = spec.get(part).filter(|node| !node.is_null()) {
            let mut value = node.to_json();
            if part == "steps" {
                put_manifests_in(&mut value, steps);
            }
            drill.insert(part.to_owned(), value);
        }
    }
    let mut out = String::new();
    canonical(&Value::Object(drill), &mut out);
    hex(out.as_bytes())
}

/// A drill is the same whether its manifest stands in the file or beside it.
fn put_manifests_in(value: &mut Value, steps: &[Step]) {
    let mut steps = steps.iter();
    for written in value.as_array_mut().into_iter().flatten() {
        match written.get_mut("parallel").and_then(Value::as_array_mut) {
            Some(members) => members.iter_mut().zip(&mut steps).for_each(|(written, step)| put_manifest_in(written, step)),
            None => steps.next().into_iter().for_each(|step| put_manifest_in(written, step)),
        }
    }
}

fn put_manifest_in(written: &mut Value, step: &Step) {
    if let (Some(written), StepAction::Fault(fault)) = (written.get_mut("fault"), &step.action) {
        written.clone_from(&fault.manifest);
    }
}

fn canonical(value: &Value, out: &mut String) {
    match value {
        Value::Object(map) => {
            let mut entries: Vec<(&String, &Value)> = map.iter().collect();
            entries.sort_by_key(|(key, _)| *key);
            out.push('{');
            for (at, (key, value)) in entries.into_iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                let _ = write!(out, "{}:", Value::from(key.as_str()));
                canonical(value, out);
            }
            out.push('}');
        }
        Value::Array(items) => {
            out.push('[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                canonical(item, out);
            }
            out.push(']');
        }
        Value::Number(number) => {
            let _ = write!(out, "{}", plainest(number));
        }
        Value::Null | Value::Bool(_) | Value::String(_) => {
            let _ = write!(out, "{value}");
        }
    }
}

/// 1.0 and 1 are one number.
fn plainest(number: &Number) -> Number {
    match number.as_f64() {
        #[expect(clippy::cast_possible_truncation, reason = "whole and below 2^53")]
        Some(float) if number.is_f64() && float.fract() == 0.0 && float.abs() < 9.0e15 => Number::from(float as i64),
        _ => number.clone(),
    }
}

fn hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::new(), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}

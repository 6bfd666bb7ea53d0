//! What the mutating webhook fills in: a walk through the structs, as the project's own walks them.

use serde_json::{Map, Value, json};

use super::schema::{Shape, Struct, Type, known};
use crate::rehearsal::api::object::map_mut;

/// Fill in a struct and all that it holds; selectors without a namespace are about this one.
pub fn fill(map: &mut Map<String, Value>, of: &Struct, namespace: &str) {
    if of.is_or_embeds("PodSelector") {
        let mut own = Value::Object(std::mem::take(map));
        let selector = map_mut(&mut own, "selector");
        if selector.get("namespaces").and_then(Value::as_array).is_none_or(Vec::is_empty) {
            selector.insert("namespaces".to_owned(), json!([namespace]));
        }
        if let Value::Object(own) = own {
            *map = own;
        }
    }
    let empty = |map: &Map<String, Value>, key: &str| map.get(key).is_none_or(|v| v.is_null() || v == "");
    match of.name {
        "NetworkChaosSpec" => {
            if let Some(Value::String(device)) = map.get_mut("device") {
                *device = device.split('@').next().unwrap_or_default().to_owned();
            }
        }
        "StatusCheckSpec" if empty(map, "mode") => {
            map.insert("mode".to_owned(), json!("Synchronous"));
        }
        "TimeChaosSpec" if map.get("clockIds").and_then(Value::as_array).is_none_or(Vec::is_empty) => {
            map.insert("clockIds".to_owned(), json!(["CLOCK_REALTIME"]));
        }
        _ => {}
    }
    for (_, field) in of.members() {
        // The pointer to nothing is left alone; a text that is not one is filled even when absent.
        let filled = if field.of.name == "v1alpha1.Direction" { "to" } else { field.filled };
        if !filled.is_empty() && !field.of.pointer && empty(map, field.json) {
            map.insert(field.json.to_owned(), json!(filled));
        }
        if let Some(value) = map.get_mut(field.json) {
            fill_value(value, &field.of, namespace);
        }
    }
}

fn fill_value(value: &mut Value, of: &Type, namespace: &str) {
    match (&of.shape, value) {
        (Shape::Struct(name), Value::Object(map)) => fill(map, known(name), namespace),
        (Shape::List(of), Value::Array(items)) => items.iter_mut().for_each(|item| fill_value(item, of, namespace)),
        _ => {}
    }
}

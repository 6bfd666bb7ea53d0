//! What becomes of a value that goes through Go's structs: empty optional fields vanish, empty required ones appear.

use serde_json::{Map, Value, json};

use super::schema::{Field, Shape, Struct, Type, known};

/// A struct as Go writes it, in Go's order of fields. `Null` counts as an empty one.
#[must_use]
pub fn encode(value: &Value, of: &Struct) -> Value {
    let mut out = Map::new();
    for (_, field) in of.members() {
        if let Some(written) = encode_field(value.get(field.json).filter(|v| !v.is_null()), field) {
            out.insert(field.json.to_owned(), written);
        }
    }
    Value::Object(out)
}

fn encode_field(value: Option<&Value>, field: &Field) -> Option<Value> {
    let missing = || if field.omitted { None } else { Some(Value::Null) };
    let Some(value) = value else {
        return match field.of.shape {
            _ if field.of.pointer => missing(),
            Shape::Struct(name) => Some(encode(&Value::Null, known(name))),
            Shape::Time => Some(Value::Null),
            Shape::Text | Shape::Int(_) | Shape::Flag if field.omitted => None,
            Shape::Text => Some(json!("")),
            Shape::Int(_) => Some(json!(0)),
            Shape::Flag => Some(json!(false)),
            Shape::Bytes | Shape::Any | Shape::List(_) | Shape::Map(_) => missing(),
        };
    };
    let scalar_or_list = !matches!(field.of.shape, Shape::Struct(_) | Shape::Time);
    if field.omitted && !field.of.pointer && scalar_or_list && is_empty(value) {
        return None;
    }
    Some(encode_value(value, &field.of))
}

fn encode_value(value: &Value, of: &Type) -> Value {
    match (&of.shape, value) {
        (Shape::Struct(name), _) => encode(value, known(name)),
        (Shape::List(of), Value::Array(items)) => Value::Array(items.iter().map(|item| encode_value(item, of)).collect()),
        (Shape::Map(of), Value::Object(map)) => {
            let mut pairs: Vec<_> = map.iter().map(|(key, item)| (key.clone(), encode_value(item, of))).collect();
            pairs.sort_by(|a, b| a.0.cmp(&b.0));
            Value::Object(pairs.into_iter().collect())
        }
        _ => value.clone(),
    }
}

/// Whether Go counts a value as empty.
#[must_use]
pub fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(flag) => !flag,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(map) => map.is_empty(),
    }
}

/// A struct as Go holds it, so that two may be compared as `reflect.DeepEqual` does: zeros are as good as absent, empty lists are not.
#[must_use]
pub fn held(value: &Value, of: &Struct) -> Map<String, Value> {
    let mut out = Map::new();
    for (_, field) in of.members() {
        let Some(value) = value.get(field.json).filter(|v| !v.is_null()) else { continue };
        let kept = held_value(value, &field.of);
        let zero = match field.of.shape {
            _ if field.of.pointer => false,
            Shape::List(_) | Shape::Map(_) => false,
            _ => is_empty(&kept),
        };
        if !zero {
            out.insert(field.json.to_owned(), kept);
        }
    }
    out
}

fn held_value(value: &Value, of: &Type) -> Value {
    match (&of.shape, value) {
        (Shape::Struct(name), _) => Value::Object(held(value, known(name))),
        (Shape::List(of), Value::Array(items)) => Value::Array(items.iter().map(|item| held_value(item, of)).collect()),
        (Shape::Map(of), Value::Object(map)) => Value::Object(map.iter().map(|(key, item)| (key.clone(), held_value(item, of))).collect()),
        _ => value.clone(),
    }
}

/// Put in what the definition puts in where a field is absent, in structs that are there.
pub fn default(map: &mut Map<String, Value>, of: &Struct) {
    for (_, field) in of.members() {
        if let Some(default) = field.default_value()
            && map.get(field.json).is_none_or(|v| v.is_null() && !field.nullable)
        {
            map.insert(field.json.to_owned(), default);
        }
        if let Some(value) = map.get_mut(field.json) {
            default_value(value, &field.of);
        }
    }
}

fn default_value(value: &mut Value, of: &Type) {
    match (&of.shape, value) {
        (Shape::Struct(name), Value::Object(map)) => default(map, known(name)),
        (Shape::List(of), Value::Array(items)) => items.iter_mut().for_each(|item| default_value(item, of)),
        (Shape::Map(of), Value::Object(map)) => map.values_mut().for_each(|item| default_value(item, of)),
        _ => {}
    }
}

/// Put what a webhook answered over what it was asked about. Webhooks add and replace; what they would remove stays.
pub fn overlay(stored: &mut Value, answered: &Value) {
    match (stored, answered) {
        (Value::Object(stored), Value::Object(answered)) => {
            for (key, value) in answered {
                match stored.get_mut(key) {
                    Some(old) => overlay(old, value),
                    None => {
                        stored.insert(key.clone(), value.clone());
                    }
                }
            }
        }
        (Value::Array(stored), Value::Array(answered)) if stored.len() == answered.len() => {
            for (old, value) in stored.iter_mut().zip(answered) {
                overlay(old, value);
            }
        }
        (stored, answered) => *stored = answered.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encoding_should_drop_and_add_what_go_does() {
        let spec = json!({"action": "pod-kill", "gracePeriod": 0, "mode": "one", "duration": "", "value": ""});
        let written = encode(&spec, known("PodChaosSpec"));
        assert_eq!(written, json!({"selector": {}, "mode": "one", "action": "pod-kill", "duration": ""}));
        let spec = json!({"schedule": "* * * * *", "type": "PodChaos", "podChaos": {"action": "pod-kill", "mode": "one", "selector": {}}});
        let written = encode(&spec, known("ScheduleSpec"));
        assert_eq!(written["concurrencyPolicy"], "");
        assert_eq!(encode(&json!({}), known("ScheduleStatus")), json!({"time": null}));
    }

    #[test]
    fn held_should_tell_absent_from_empty_where_go_does() {
        let of = known("NetworkChaosSpec");
        let same = |a: Value, b: Value| held(&a, of) == held(&b, of);
        assert!(same(json!({"device": ""}), json!({})));
        assert!(!same(json!({"externalTargets": []}), json!({})));
        assert!(!same(json!({"duration": ""}), json!({})));
        assert!(!same(json!({"mode": "one"}), json!({"mode": "all"})));
    }
}

//! What a custom resource definition itself refuses: values of the wrong type, out of bounds, not among those allowed, or missing.

use serde_json::{Map, Value};

use super::schema::{Field, Shape, Struct, Type, known};
use crate::rehearsal::api::refusal::Cause;

/// What is wrong with a struct at this path.
pub fn check(map: &Map<String, Value>, of: &Struct, path: &str, causes: &mut Vec<Cause>) {
    for (_, field) in of.members() {
        let here = format!("{path}.{}", field.json);
        match map.get(field.json) {
            None => {
                if !field.omitted && !field.optional && field.default.is_none() {
                    causes.push(Cause::required(&here, ""));
                }
            }
            Some(Value::Null) if field.nullable => {}
            // A null in the place of a pointer or a list is dropped by the server before anyone looks.
            Some(Value::Null) if field.omitted || field.optional => {}
            Some(value) => {
                check_type(value, &field.of, &here, causes);
                limits(value, field, &here, causes);
            }
        }
    }
}

fn check_type(value: &Value, of: &Type, path: &str, causes: &mut Vec<Cause>) {
    let wanted = match &of.shape {
        Shape::Text | Shape::Time | Shape::Bytes if !value.is_string() => "string",
        Shape::Int(_) if !(value.is_i64() || value.is_u64()) => "integer",
        Shape::Flag if !value.is_boolean() => "boolean",
        Shape::List(inner) => match value.as_array() {
            None => "array",
            Some(items) => {
                for (index, item) in items.iter().enumerate() {
                    check_type(item, inner, &format!("{path}[{index}]"), causes);
                }
                return;
            }
        },
        Shape::Map(inner) => match value.as_object() {
            None => "object",
            Some(items) => {
                for (key, item) in items {
                    check_type(item, inner, &format!("{path}.{key}"), causes);
                }
                return;
            }
        },
        Shape::Struct(name) => match value.as_object() {
            None => "object",
            Some(map) => return check(map, known(name), path, causes),
        },
        Shape::Text | Shape::Time | Shape::Bytes | Shape::Int(_) | Shape::Flag | Shape::Any => return,
    };
    causes.push(wrong_type(value, wanted, path));
}

/// The cause of a value that has the wrong type.
#[must_use]
pub fn wrong_type(value: &Value, wanted: &str, path: &str) -> Cause {
    let given = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    Cause {
        reason: "FieldValueTypeInvalid",
        field: path.to_owned(),
        message: format!("Invalid value: {given:?}: {path} in body must be of type {wanted}: {given:?}"),
    }
}

fn limits(value: &Value, field: &Field, path: &str, causes: &mut Vec<Cause>) {
    if let (false, Some(given)) = (field.allowed.is_empty(), value.as_str())
        && !field.allowed.contains(&given)
    {
        causes.push(Cause::unsupported(path, given, &field.allowed));
    }
    if let Some(pattern) = field.pattern
        && !simple_duration(value.as_str().unwrap_or_default())
    {
        causes.push(Cause::invalid(path, value, &format!("{path} in body should match '{pattern}'")));
    }
    let Some(number) = value.as_i64() else { return };
    if let Some(least) = field.least.filter(|least| number < *least) {
        causes.push(Cause::invalid(path, value, &format!("{path} in body should be greater than or equal to {least}")));
    }
    if let Some(above) = field.above.filter(|above| number <= *above) {
        causes.push(Cause::invalid(path, value, &format!("{path} in body should be greater than {above}")));
    }
    if let Some(most) = field.most.filter(|most| number > *most) {
        causes.push(Cause::invalid(path, value, &format!("{path} in body should be less than or equal to {most}")));
    }
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

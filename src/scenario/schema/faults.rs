//! The manifests of Chaos Mesh in the schema: each kind by the table that `check` walks.

use serde_json::{Map, Value, json};

use super::super::keys;
use super::super::manifest::schema::{Object, Shape};
use super::super::manifest::{self, Kind};
use super::{mapping, scalar};
use crate::fault::CHAOS_MESH_API;

/// `$defs`: one a kind.
pub fn definitions() -> Value {
    Value::Object(Kind::NAMED.into_iter().map(|(name, kind)| (name.to_owned(), whole(name, kind))).collect())
}

/// A manifest of any kind, or a file that holds one. Told apart by what stands in `kind`, so that an
/// editor's words are of the kind that is meant.
pub fn any() -> Value {
    let kinds: Vec<&str> = Kind::NAMED.iter().map(|(name, _)| *name).collect();
    let mut one_of_kinds: Vec<Value> = kinds
        .iter()
        .map(|kind| json!({"if": {"required": ["kind"], "properties": {"kind": {"const": kind}}}, "then": {"$ref": format!("#/$defs/{kind}")}}))
        .collect();
    one_of_kinds.push(json!({
        "if": {"required": ["manifest"]},
        "then": mapping(&keys::FAULT_FILE),
        "else": {"required": ["apiVersion", "kind"], "properties": {"kind": {"enum": kinds}}},
    }));
    json!({"type": "object", "allOf": one_of_kinds})
}

fn whole(name: &str, kind: Kind) -> Value {
    let mut schema = object(manifest::table(kind));
    schema["description"] =
        format!("{name} of Chaos Mesh, applied as written; its namespace, labels and duration are added where they lack").into();
    schema["properties"]["apiVersion"] = json!({"const": CHAOS_MESH_API});
    schema["properties"]["kind"] = json!({"const": name});
    schema
}

fn object(table: &Object) -> Value {
    let properties: Map<String, Value> = table.fields.iter().map(|field| (field.key.to_owned(), nullable(&shape(&field.shape)))).collect();
    let needed: Vec<&str> = table.fields.iter().filter(|field| field.needed).map(|field| field.key).collect();
    let mut schema = json!({"type": "object", "properties": properties, "additionalProperties": table.open});
    if !needed.is_empty() {
        schema["required"] = json!(needed);
    }
    schema
}

/// In a manifest a value of nothing counts as absent.
fn nullable(schema: &Value) -> Value {
    json!({"anyOf": [schema, {"type": "null"}]})
}

fn shape(shape: &Shape) -> Value {
    match shape {
        Shape::Text(form) => json!({"type": "string", "description": form.words()}),
        Shape::Word(words) => scalar(&json!({"enum": words})),
        Shape::Whole { least, most } => {
            let mut whole = json!({"type": "integer"});
            for (key, bound) in [("minimum", least), ("maximum", most)] {
                // beyond what a JSON number holds exactly a bound only confuses
                if bound.unsigned_abs() < 1 << 53 {
                    whole[key] = json!(bound);
                }
            }
            scalar(&whole)
        }
        Shape::List(item) => json!({"type": "array", "items": self::shape(item)}),
        Shape::Map(_, value) => json!({"type": "object", "additionalProperties": self::shape(value)}),
        Shape::Object(inner) => object(inner),
    }
}

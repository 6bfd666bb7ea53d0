//! The JSON Schema of a scenario file: what an editor needs to complete and check one.
//!
//! Made from the tables that `check` reads by: the keys of `keys` and the kinds of `manifest`. Here is
//! only what an editor shows beside them. A schema says what may stand where; what it means
//! together, `check` says.

mod faults;
mod rows;

use serde_json::{Map, Value, json};

use self::rows::{Is, Row, rows};
use super::keys::{self, Keys};

/// Where the schema of a version is found; what the modeline of a scenario names, unless it names a file.
pub const FILE_NAME: &str = "gameday.schema.json";

/// The first lines of a scenario that is written: editors find the schema by them.
#[must_use]
pub fn modeline() -> String {
    format!(
        "# yaml-language-server: $schema={FILE_NAME}\n# (for editors that check as you type; make it with: gameday schema > {FILE_NAME})\n"
    )
}

/// The schema, as JSON Schema 2020-12.
#[must_use]
pub fn of_scenario() -> Value {
    let mut schema = mapping(&keys::FILE);
    let mut whole = Map::new();
    whole.insert("$schema".into(), "https://json-schema.org/draft/2020-12/schema".into());
    whole.insert("title".into(), "gameday scenario".into());
    whole.insert("description".into(), "One game day: what we believe, what we break, and how we will know.".into());
    if let Some(schema) = schema.as_object_mut() {
        whole.append(schema);
    }
    whole.insert("$defs".into(), faults::definitions());
    Value::Object(whole)
}

/// The keys of a mapping, and nothing else.
fn mapping(keys: &Keys) -> Value {
    let rows = rows(keys);
    let properties: Map<String, Value> = keys
        .known
        .iter()
        .map(|key| ((*key).to_owned(), rows.iter().find(|row| row.key == *key).map_or_else(|| json!(true), property)))
        .collect();
    let needed: Vec<&str> = rows.iter().filter(|row| row.needed && keys.known.contains(&row.key)).map(|row| row.key).collect();
    let mut schema = json!({"type": "object", "additionalProperties": false, "properties": properties});
    if !needed.is_empty() {
        schema["required"] = json!(needed);
    }
    schema
}

fn property(row: &Row) -> Value {
    let mut schema = value(&row.is);
    if let Some(schema) = schema.as_object_mut() {
        schema.insert("description".into(), row.says.into());
    }
    schema
}

fn value(is: &Is) -> Value {
    const NUMBER_WITH_UNIT: &str = r"^([0-9]+(\.[0-9]*)?|\.[0-9]+)(ns|us|µs|ms|s|m|h)(([0-9]+(\.[0-9]*)?|\.[0-9]+)(ns|us|µs|ms|s|m|h))*$";
    match is {
        Is::Text => json!({"type": ["string", "number", "boolean"]}),
        Is::Label => scalar(&json!({"type": "string", "pattern": "^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$"})),
        Is::Labels => json!({"type": "object", "additionalProperties": {"type": ["string", "number", "boolean"]}}),
        Is::Duration => scalar(&json!({"anyOf": [{"type": "string", "pattern": NUMBER_WITH_UNIT}, {"const": 0}, {"const": "0"}]})),
        Is::Address => scalar(&json!({"type": "string", "pattern": "^https?://"})),
        Is::Truth => scalar(&json!({"type": "boolean"})),
        Is::Whole(least, most) => scalar(&json!({"type": "integer", "minimum": least, "maximum": most})),
        Is::Number => scalar(&json!({"type": "number"})),
        Is::Pods => scalar(&json!({"anyOf": [{"type": "integer", "minimum": 1}, {"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?%$"}]})),
        Is::Share => scalar(
            &json!({"anyOf": [{"type": "number", "exclusiveMinimum": 0, "maximum": 1}, {"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?%$"}]}),
        ),
        Is::Word(words) => scalar(&json!({"enum": words})),
        Is::Texts => json!({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}),
        Is::TextList => json!({"type": "array", "minItems": 1, "items": {"type": ["string", "number", "boolean"]}}),
        Is::Of(keys) => mapping(keys),
        Is::OneOf(several) => json!({"anyOf": several.iter().map(|keys| mapping(keys)).collect::<Vec<_>>()}),
        Is::List(keys) => json!({"type": "array", "items": mapping(keys)}),
        Is::OneOrList(keys) => json!({"anyOf": [mapping(keys), {"type": "array", "items": mapping(keys)}]}),
        Is::Named(keys) => json!({"type": "object", "minProperties": 1, "additionalProperties": mapping(keys)}),
        Is::WordOr(words, keys) => json!({"anyOf": [scalar(&json!({"enum": words})), mapping(keys)]}),
        Is::Steps => json!({"type": "array", "minItems": 1, "items": step()}),
        Is::Members => json!({"type": "array", "minItems": 2, "items": mapping(&keys::MEMBER)}),
        Is::Fault => faults::any(),
    }
}

/// A step, or a group of them: told apart by what a group alone has, so that an editor's words are of the one that is meant.
fn step() -> Value {
    json!({"if": {"required": ["parallel"]}, "then": mapping(&keys::GROUP), "else": mapping(&keys::STEP)})
}

/// A scalar in whose stead a parameter may stand.
fn scalar(schema: &Value) -> Value {
    json!({"anyOf": [schema, {"type": "string", "pattern": r"\$\{[^}]*\}"}]})
}

#[cfg(test)]
mod tests {
    use super::rows::TABLE;

    #[test]
    fn keys_should_each_have_one_row_with_a_description() {
        for (keys, rows) in TABLE {
            let mut known = keys.known.to_vec();
            let mut told: Vec<&str> = rows.iter().map(|row| row.key).collect();
            known.sort_unstable();
            told.sort_unstable();
            assert_eq!(known, told, "{}", keys.what);
            assert!(rows.iter().all(|row| row.says.len() > 5), "{}", keys.what);
        }
    }
}

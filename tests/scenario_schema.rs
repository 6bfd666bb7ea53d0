//! The JSON Schema of a scenario: every scenario of the repository fits, and what is built wrong does not.
#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use gameday::scenario::schema::of_scenario;
use gameday::scenario::{Source, read};
use serde_json::Value;
use support::{gameday, scratch};

/// The words of JSON Schema that the schema uses. Any other is a failure, so that nothing is passed over.
const WORDS: [&str; 20] = [
    "$schema",
    "$defs",
    "$ref",
    "title",
    "description",
    "type",
    "const",
    "enum",
    "pattern",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "anyOf",
    "allOf",
    "if",
    "properties",
    "additionalProperties",
    "required",
    "items",
    "then",
];
const MORE_WORDS: [&str; 3] = ["else", "minItems", "minProperties"];

/// Whether a value fits a schema; the first reason why it does not.
fn fits(value: &Value, schema: &Value, root: &Value, at: &str) -> Result<(), String> {
    let Some(schema) = schema.as_object() else {
        return if schema == &Value::Bool(true) { Ok(()) } else { Err(format!("{at}: nothing may stand here")) };
    };
    for word in schema.keys() {
        assert!(WORDS.contains(&word.as_str()) || MORE_WORDS.contains(&word.as_str()), "{word}");
    }
    let no = |why: &str| Err(format!("{at}: {why}"));
    if let Some(name) = schema.get("$ref") {
        let name = name.as_str().unwrap().strip_prefix("#/$defs/").unwrap();
        fits(value, &root["$defs"][name], root, at)?;
    }
    if let Some(kind) = schema.get("type") {
        let kinds: Vec<&str> =
            kind.as_array().map_or_else(|| vec![kind.as_str().unwrap()], |all| all.iter().filter_map(Value::as_str).collect());
        let is = |kind: &str| match kind {
            "object" => value.is_object(),
            "array" => value.is_array(),
            "string" => value.is_string(),
            "boolean" => value.is_boolean(),
            "number" => value.is_number(),
            "integer" => value.is_i64() || value.is_u64(),
            "null" => value.is_null(),
            _ => false,
        };
        if !kinds.iter().any(|kind| is(kind)) {
            return no(&format!("{value} is no {kinds:?}"));
        }
    }
    if schema.get("const").is_some_and(|only| only != value) {
        return no(&format!("{value} is not {}", schema["const"]));
    }
    if schema.get("enum").is_some_and(|words| !words.as_array().unwrap().contains(value)) {
        return no(&format!("{value} is none of {}", schema["enum"]));
    }
    if let (Some(pattern), Some(text)) = (schema.get("pattern"), value.as_str())
        && !regex::Regex::new(pattern.as_str().unwrap()).unwrap().is_match(text)
    {
        return no(&format!("{text:?} does not match {pattern}"));
    }
    if let Some(number) = value.as_f64() {
        let bound = |word: &str| schema.get(word).and_then(Value::as_f64);
        if bound("minimum").is_some_and(|least| number < least)
            || bound("maximum").is_some_and(|most| number > most)
            || bound("exclusiveMinimum").is_some_and(|least| number <= least)
        {
            return no(&format!("{number} is out of range"));
        }
    }
    if let Some(several) = schema.get("anyOf") {
        let reasons: Vec<String> = several.as_array().unwrap().iter().filter_map(|one| fits(value, one, root, at).err()).collect();
        if reasons.len() == several.as_array().unwrap().len() {
            return Err(reasons.join("; or "));
        }
    }
    for one in schema.get("allOf").and_then(Value::as_array).into_iter().flatten() {
        fits(value, one, root, at)?;
    }
    if let Some(condition) = schema.get("if") {
        let branch = if fits(value, condition, root, at).is_ok() { "then" } else { "else" };
        if let Some(branch) = schema.get(branch) {
            fits(value, branch, root, at)?;
        }
    }
    if let Some(object) = value.as_object() {
        for key in schema.get("required").and_then(Value::as_array).into_iter().flatten() {
            if !object.contains_key(key.as_str().unwrap()) {
                return no(&format!("{key} is missing"));
            }
        }
        if schema.get("minProperties").is_some_and(|least| object.len() < usize::try_from(least.as_u64().unwrap()).unwrap()) {
            return no("too few keys");
        }
        for (key, value) in object {
            let at = format!("{at}/{key}");
            match schema.get("properties").and_then(|known| known.get(key)) {
                Some(own) => fits(value, own, root, &at)?,
                None => {
                    if let Some(others) = schema.get("additionalProperties") {
                        fits(value, others, root, &at)?;
                    }
                }
            }
        }
    }
    if let Some(items) = value.as_array() {
        if schema.get("minItems").is_some_and(|least| items.len() < usize::try_from(least.as_u64().unwrap()).unwrap()) {
            return no("too few items");
        }
        for (index, item) in items.iter().enumerate() {
            fits(item, schema.get("items").unwrap_or(&Value::Bool(true)), root, &format!("{at}/{index}"))?;
        }
    }
    Ok(())
}

fn folder(name: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    let mut files: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "yaml"));
    files.sort();
    files
}

#[test]
fn scenarios_should_fit_the_schema() {
    let schema = of_scenario();
    for file in folder("scenarios") {
        let value: Value = serde_yaml::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
        assert_eq!(fits(&value, &schema, &schema, ""), Ok(()), "{}", file.display());
    }
}

#[test]
fn schema_should_refuse_what_is_built_wrong() {
    let schema = of_scenario();
    for (name, expected) in [
        ("unknown-keys", "nothing may stand here"),
        ("missing-keys", "is missing"),
        ("wrong-types", ""),
        ("wrong-types-2", ""),
        ("wrong-units", ""),
        ("pod-chaos", ""),
        ("network-chaos", ""),
        ("io-chaos", ""),
        ("stress-chaos", ""),
        ("schedule", ""),
        ("later-keys", "nothing may stand here"),
        ("steps-order", ""),
        ("environments", ""),
    ] {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/scenarios/bad/{name}.yaml"));
        let value: Value = serde_yaml::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
        let why = fits(&value, &schema, &schema, "").expect_err(name);
        assert!(why.contains(expected), "{name}: {why}");
    }
}

#[test]
fn schema_should_refuse_nothing_that_check_passes() {
    let schema = of_scenario();
    for file in folder("tests/scenarios/bad") {
        let Ok(text) = fs::read_to_string(&file) else { continue };
        let manifests = |path: &str| fs::read_to_string(file.parent().unwrap().join(path)).map_err(|why| why.to_string());
        let reading = read(&Source { file: "x", text: &text, manifests: &manifests }, &BTreeMap::new());
        if reading.scenario.is_some() {
            let value: Value = serde_yaml::from_str(&text).unwrap();
            assert_eq!(fits(&value, &schema, &schema, ""), Ok(()), "{}", file.display());
        }
    }
}

#[test]
fn verb_should_print_the_schema() {
    let home = scratch("schema");
    let out = gameday(&home).arg("schema").output().unwrap();
    assert_eq!(out.status.code(), Some(0));
    assert_eq!(serde_json::from_slice::<Value>(&out.stdout).unwrap(), of_scenario());
}

//! The types of Chaos Mesh's API, read once from [`types.txt`](../../../../../src/rehearsal/controllers/chaos/types.txt): from this one table follow
//! decoding, pruning, the definitions' defaults and limits, what Go writes again, and the walk of the webhooks.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde_json::{Map, Value};

static TABLE: &str = include_str!("types.txt");

static STRUCTS: LazyLock<BTreeMap<&'static str, Struct>> = LazyLock::new(|| {
    let mut all: BTreeMap<&'static str, Struct> = BTreeMap::new();
    let mut current = "";
    for line in TABLE.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
        match line.strip_prefix("  ") {
            None => {
                current = line;
                all.insert(line, Struct { name: line, fields: Vec::new() });
            }
            Some(field) => all.entry(current).or_insert(Struct { name: current, fields: Vec::new() }).fields.push(Field::read(field)),
        }
    }
    all
});

/// A Go struct.
#[derive(Debug)]
pub struct Struct {
    /// Its name.
    pub name: &'static str,
    /// Its fields in Go's order, the embedded structs among them.
    pub fields: Vec<Field>,
}

/// What a value is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shape {
    /// A string.
    Text,
    /// A whole number of this Go type.
    Int(&'static str),
    /// True or false.
    Flag,
    /// A moment.
    Time,
    /// A string of base64.
    Bytes,
    /// Whatever the client sends.
    Any,
    /// A list of this.
    List(Box<Type>),
    /// A map of this.
    Map(Box<Type>),
    /// The struct of this name.
    Struct(&'static str),
}

/// The type of a field or of what is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Type {
    /// What it is.
    pub shape: Shape,
    /// Whether Go holds a pointer: absent differs from zero.
    pub pointer: bool,
    /// Go's name for it, without the pointer.
    pub name: String,
}

impl Type {
    fn read(text: &'static str) -> Self {
        if let Some(inner) = text.strip_prefix('*') {
            return Self { pointer: true, ..Self::read(inner) };
        }
        if let Some(inner) = text.strip_prefix("[]") {
            let inner = Self::read(inner);
            let name = format!("[]{}", inner.name);
            return Self { shape: Shape::List(Box::new(inner)), pointer: false, name };
        }
        if let Some(inner) = text.strip_prefix("map:") {
            let inner = Self::read(inner);
            let name = format!("map[string]{}", inner.name);
            return Self { shape: Shape::Map(Box::new(inner)), pointer: false, name };
        }
        let (base, name) = text.split_once('/').unwrap_or((text, text));
        let shape = match base {
            "string" => Shape::Text,
            "bool" => Shape::Flag,
            "time" => Shape::Time,
            "bytes" => Shape::Bytes,
            "any" => Shape::Any,
            _ if base.starts_with("int") || base.starts_with("uint") => Shape::Int(base),
            _ => Shape::Struct(base),
        };
        let name = if matches!(shape, Shape::Struct(_)) { format!("v1alpha1.{name}") } else { name.to_owned() };
        Self { shape, pointer: false, name }
    }
}

/// One field of a struct.
#[derive(Debug)]
pub struct Field {
    /// Its name in Go.
    pub go: &'static str,
    /// Its name in JSON; empty for an embedded struct, whose fields stand beside this struct's own.
    pub json: &'static str,
    /// Its type.
    pub of: Type,
    /// Whether Go leaves it out when it is empty.
    pub omitted: bool,
    /// Whether the definition lets it be absent.
    pub optional: bool,
    /// Whether the definition lets it be null.
    pub nullable: bool,
    /// The values that the definition allows; any when empty.
    pub allowed: Vec<&'static str>,
    /// The least number allowed.
    pub least: Option<i64>,
    /// The greatest number allowed.
    pub most: Option<i64>,
    /// The number that it must be above.
    pub above: Option<i64>,
    /// The pattern that it must match; there is but one in use: an unsigned number with one unit of time.
    pub pattern: Option<&'static str>,
    /// What the definition puts in when it is absent.
    pub default: Option<&'static str>,
    /// What the webhook puts in when it is empty.
    pub filled: &'static str,
    /// The check of the validating webhook.
    pub check: &'static str,
}

impl Field {
    fn read(line: &'static str) -> Self {
        let mut words = line.split(' ');
        let go = words.next().unwrap_or_default();
        let json = if go == "+" { "" } else { words.next().unwrap_or_default() };
        let of = Type::read(words.next().unwrap_or_default());
        let go = if let (true, Shape::Struct(name)) = (json.is_empty(), &of.shape) { name } else { go };
        let mut field = Self {
            go,
            json,
            of,
            omitted: false,
            optional: false,
            nullable: false,
            allowed: Vec::new(),
            least: None,
            most: None,
            above: None,
            pattern: None,
            default: None,
            filled: "",
            check: "",
        };
        for word in words {
            let (rule, value) = word.split_once('=').unwrap_or((word, ""));
            match rule {
                "opt" => field.omitted = true,
                "optional" => field.optional = true,
                "nullable" => field.nullable = true,
                "enum" => field.allowed = value.split('|').collect(),
                "min" => field.least = value.parse().ok(),
                "max" => field.most = value.parse().ok(),
                "above" => field.above = value.parse().ok(),
                "pattern" => field.pattern = Some(value),
                "default" => field.default = Some(value),
                "filled" => field.filled = value,
                "webhook" => field.check = value,
                _ => {}
            }
        }
        field
    }

    /// The default of the definition as a value.
    #[must_use]
    pub fn default_value(&self) -> Option<Value> {
        let text = self.default?;
        Some(match self.of.shape {
            Shape::Int(_) => Value::from(text.parse::<i64>().unwrap_or(0)),
            _ => Value::from(text),
        })
    }
}

/// The struct of this name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Struct> {
    STRUCTS.get(name)
}

/// The struct of this name; one without fields if there is none, which a test rules out.
#[must_use]
pub fn known(name: &str) -> &'static Struct {
    static NONE: Struct = Struct { name: "", fields: Vec::new() };
    find(name).unwrap_or(&NONE)
}

impl Struct {
    /// The fields as JSON has them, each with the embedded structs it is in, as Go's decoder names those in errors (`ContainerSelector.PodSelector.`).
    #[must_use]
    pub fn members(&self) -> Vec<(String, &'static Field)> {
        let Some(this) = find(self.name) else { return Vec::new() };
        let mut members = Vec::new();
        for field in &this.fields {
            match (&field.of.shape, field.json.is_empty()) {
                (Shape::Struct(inner), true) => {
                    members.extend(known(inner).members().into_iter().map(|(via, member)| (format!("{inner}.{via}"), member)));
                }
                _ => members.push((String::new(), field)),
            }
        }
        members
    }

    /// Whether this struct is, or embeds at any depth, the struct of this name.
    #[must_use]
    pub fn is_or_embeds(&self, name: &str) -> bool {
        self.name == name || self.fields.iter().any(|f| f.json.is_empty() && known(f.go).is_or_embeds(name))
    }
}

/// The fields of this map that the struct does not have, by path; dropped from the map.
pub fn prune(map: &mut Map<String, Value>, of: &Struct, path: &str, unknown: &mut Vec<String>) {
    let members = of.members();
    map.retain(|key, _| {
        let known = members.iter().any(|(_, field)| field.json == key);
        if !known {
            unknown.push(format!("{path}.{key}"));
        }
        known
    });
    for (_, field) in members {
        if let Some(value) = map.get_mut(field.json) {
            prune_value(value, &field.of, &format!("{path}.{}", field.json), unknown);
        }
    }
}

fn prune_value(value: &mut Value, of: &Type, path: &str, unknown: &mut Vec<String>) {
    match (&of.shape, value) {
        (Shape::Struct(name), Value::Object(map)) => prune(map, known(name), path, unknown),
        (Shape::List(of), Value::Array(items)) => {
            for (index, item) in items.iter_mut().enumerate() {
                prune_value(item, of, &format!("{path}[{index}]"), unknown);
            }
        }
        (Shape::Map(of), Value::Object(map)) => {
            for (key, item) in map.iter_mut() {
                prune_value(item, of, &format!("{path}.{key}"), unknown);
            }
        }
        _ => {}
    }
}

/// Read a struct as Go's decoder would.
///
/// # Errors
/// Go's words for the first value of a wrong type, in the order in which the server sends the fields: by name.
pub fn decode(map: &Map<String, Value>, of: &Struct, path: &str) -> Result<(), String> {
    let members = of.members();
    let mut keys: Vec<&String> = map.keys().collect();
    keys.sort();
    for key in keys {
        let Some((via, field)) = members.iter().find(|(_, field)| field.json == key) else { continue };
        decode_value(&map[key], &field.of, of.name, &format!("{path}.{via}{}", field.json))?;
    }
    Ok(())
}

fn decode_value(value: &Value, of: &Type, within: &str, here: &str) -> Result<(), String> {
    if value.is_null() {
        return Ok(());
    }
    let wrong = |what: &str| Err(format!("json: cannot unmarshal {what} into Go struct field {within}.{here} of type {}", of.name));
    match &of.shape {
        Shape::Text | Shape::Bytes if !value.is_string() => wrong(type_of(value)),
        Shape::Flag if !value.is_boolean() => wrong(type_of(value)),
        Shape::Int(base) if !fits(value, base) => {
            // Go prints the number only when it is one that the type cannot hold.
            if value.is_number() { wrong(&format!("number {value}")) } else { wrong(type_of(value)) }
        }
        Shape::List(inner) => match value.as_array() {
            None => wrong(type_of(value)),
            Some(items) => items.iter().try_for_each(|item| decode_value(item, inner, within, here)),
        },
        Shape::Map(inner) => match value.as_object() {
            None => wrong(type_of(value)),
            Some(items) => items.values().try_for_each(|item| decode_value(item, inner, within, here)),
        },
        Shape::Struct(name) => match value.as_object() {
            None => wrong(type_of(value)),
            Some(map) => decode(map, known(name), here),
        },
        Shape::Text | Shape::Flag | Shape::Int(_) | Shape::Time | Shape::Bytes | Shape::Any => Ok(()),
    }
}

fn fits(value: &Value, base: &str) -> bool {
    let bits: u32 = base.trim_start_matches(char::is_alphabetic).parse().unwrap_or(64);
    if base.starts_with('u') {
        value.as_u64().is_some_and(|n| bits == 64 || n < 1 << bits)
    } else {
        value.as_i64().is_some_and(|n| bits == 64 || (-(1_i64 << (bits - 1))..1_i64 << (bits - 1)).contains(&n))
    }
}

/// What Go's decoder calls a JSON value.
#[must_use]
pub fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names_in(of: &Type) -> Vec<&'static str> {
        match &of.shape {
            Shape::Struct(name) => vec![name],
            Shape::List(inner) | Shape::Map(inner) => names_in(inner),
            _ => Vec::new(),
        }
    }

    #[test]
    fn table_should_name_no_struct_that_it_does_not_hold() {
        assert!(STRUCTS.len() > 100);
        for of in STRUCTS.values() {
            assert!(!of.fields.is_empty(), "{}", of.name);
            for field in &of.fields {
                assert!(names_in(&field.of).iter().all(|name| find(name).is_some()), "{}.{}", of.name, field.go);
                let only = field.pattern.is_none_or(|p| p == "^[0-9]+(\\.[0-9]+)?(ns|us|ms|s|m|h)$");
                assert!(only, "{}.{}: a pattern that nobody checks", of.name, field.go);
            }
        }
    }

    #[test]
    fn numbers_should_fit_as_in_go() {
        assert!(fits(&Value::from(-5), "int") && !fits(&Value::from(-5), "uint32") && !fits(&Value::from(1.5), "int64"));
        assert!(
            !fits(&Value::from(1_u64 << 33), "uint32") && !fits(&Value::from(1_i64 << 40), "int32") && fits(&Value::from(255), "uint8")
        );
    }
}

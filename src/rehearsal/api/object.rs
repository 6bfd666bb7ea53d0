//! An API object: JSON, read by pointer. What is absent reads as empty, as it does in Kubernetes' own Go types.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::OnceLock;

use serde_json::{Map, Value, json};

/// An object as stored, with its wire form made once, however many watchers ask for it.
#[derive(Debug)]
pub struct Object {
    value: Value,
    wire: OnceLock<String>,
}

impl Object {
    /// An object of this JSON.
    #[must_use]
    pub fn new(value: Value) -> Self {
        Self { value, wire: OnceLock::new() }
    }

    /// Its JSON.
    #[must_use]
    pub fn value(&self) -> &Value {
        &self.value
    }

    /// Its JSON as text.
    #[must_use]
    pub fn wire(&self) -> &str {
        self.wire.get_or_init(|| self.value.to_string())
    }

    /// Its JSON as text without `apiVersion` and `kind`, which the items of a list of built-in objects do not say.
    #[must_use]
    pub fn item_wire(&self) -> String {
        let Value::Object(map) = &self.value else { return self.wire().to_owned() };
        let kept = map.iter().filter(|(field, _)| !matches!(field.as_str(), "apiVersion" | "kind"));
        let mut out = String::with_capacity(self.wire().len());
        for (index, (field, value)) in kept.enumerate() {
            let _ = write!(out, "{}\"{field}\":{value}", if index == 0 { '{' } else { ',' });
        }
        out.push('}');
        out
    }

    /// The text at this pointer; empty when absent.
    #[must_use]
    pub fn text(&self, pointer: &str) -> &str {
        text(&self.value, pointer)
    }

    /// The whole number at this pointer.
    #[must_use]
    pub fn number(&self, pointer: &str) -> Option<i64> {
        number(&self.value, pointer)
    }

    /// The list at this pointer; empty when absent.
    #[must_use]
    pub fn list(&self, pointer: &str) -> &[Value] {
        list(&self.value, pointer)
    }

    /// `metadata.name`.
    #[must_use]
    pub fn name(&self) -> &str {
        self.text("/metadata/name")
    }

    /// `metadata.namespace`.
    #[must_use]
    pub fn namespace(&self) -> &str {
        self.text("/metadata/namespace")
    }

    /// `metadata.uid`.
    #[must_use]
    pub fn uid(&self) -> &str {
        self.text("/metadata/uid")
    }

    /// `metadata.resourceVersion`.
    #[must_use]
    pub fn revision(&self) -> &str {
        self.text("/metadata/resourceVersion")
    }

    /// Whether `metadata.deletionTimestamp` is set.
    #[must_use]
    pub fn deleting(&self) -> bool {
        at(&self.value, "/metadata/deletionTimestamp").is_some_and(Value::is_string)
    }

    /// Its labels.
    #[must_use]
    pub fn labels(&self) -> BTreeMap<&str, &str> {
        pairs(&self.value, "/metadata/labels")
    }

    /// Its annotation of this key; empty when absent.
    #[must_use]
    pub fn annotation(&self, key: &str) -> &str {
        at(&self.value, "/metadata/annotations").and_then(|map| map.get(key)).and_then(Value::as_str).unwrap_or_default()
    }

    /// The uid of its controlling owner; empty when it has none.
    #[must_use]
    pub fn controller(&self) -> &str {
        self.list("/metadata/ownerReferences").iter().find(|owner| owner["controller"] == true).map_or("", |owner| text(owner, "/uid"))
    }

    /// Whether its condition of this type is `True`.
    #[must_use]
    pub fn condition(&self, kind: &str) -> bool {
        self.list("/status/conditions").iter().any(|c| c["type"] == kind && c["status"] == "True")
    }
}

/// What is at this pointer. As `Value::pointer`, but without escapes and therefore without allocating: it is asked for in every loop there is.
#[must_use]
pub fn at<'a>(value: &'a Value, pointer: &str) -> Option<&'a Value> {
    pointer.split('/').skip(1).try_fold(value, |value, token| match value {
        Value::Object(map) => map.get(token),
        Value::Array(items) => items.get(token.parse::<usize>().ok()?),
        _ => None,
    })
}

/// The text at this pointer; empty when absent.
#[must_use]
pub fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    at(value, pointer).and_then(Value::as_str).unwrap_or_default()
}

/// The whole number at this pointer.
#[must_use]
pub fn number(value: &Value, pointer: &str) -> Option<i64> {
    at(value, pointer).and_then(Value::as_i64)
}

/// The list at this pointer; empty when absent.
#[must_use]
pub fn list<'a>(value: &'a Value, pointer: &str) -> &'a [Value] {
    at(value, pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// The map of texts at this pointer; empty when absent.
#[must_use]
pub fn pairs<'a>(value: &'a Value, pointer: &str) -> BTreeMap<&'a str, &'a str> {
    at(value, pointer)
        .and_then(Value::as_object)
        .map(|map| map.iter().filter_map(|(key, value)| Some((key.as_str(), value.as_str()?))).collect())
        .unwrap_or_default()
}

/// The map under this key, made when absent or not a map.
pub fn map_mut<'a>(value: &'a mut Value, key: &str) -> &'a mut Map<String, Value> {
    as_map(as_map(value).entry(key).or_insert(Value::Null))
}

/// The map that this value is, made one when it is none.
pub fn as_map(value: &mut Value) -> &mut Map<String, Value> {
    if !value.is_object() {
        *value = Value::Object(Map::new());
    }
    match value {
        Value::Object(map) => map,
        _ => unreachable!("made a map just above"),
    }
}

/// Its metadata, made when absent.
pub fn metadata(value: &mut Value) -> &mut Map<String, Value> {
    map_mut(value, "metadata")
}

/// An owner reference to this object, as its controller writes it.
#[must_use]
pub fn owner_reference(owner: &Object, api_version: &str, kind: &str) -> Value {
    json!({
        "apiVersion": api_version, "kind": kind, "name": owner.name(), "uid": owner.uid(),
        "controller": true, "blockOwnerDeletion": true,
    })
}

//! The fields of the experiments' specs, as their custom resource definitions and Go types have them.

use serde_json::{Map, Value};

/// What a field holds.
#[derive(Debug, Clone, Copy)]
pub enum Shape {
    /// A string.
    Text,
    /// A whole number of this Go type.
    Int(&'static str),
    /// A list of strings.
    Texts,
    /// A map of strings.
    TextMap,
    /// A map of lists of strings.
    TextsMap,
    /// A struct of this Go name.
    Struct(&'static str, &'static [Field]),
    /// A list of structs of this Go name.
    Structs(&'static str, &'static [Field]),
}

/// One field.
#[derive(Debug, Clone, Copy)]
pub struct Field {
    /// Its name in JSON.
    pub name: &'static str,
    /// The embedded Go structs it is in, as Go's decoder names them in errors.
    pub via: &'static str,
    /// What it holds.
    pub shape: Shape,
}

const fn field(name: &'static str, shape: Shape) -> Field {
    Field { name, via: "", shape }
}

const fn within(via: &'static str, name: &'static str, shape: Shape) -> Field {
    Field { name, via, shape }
}

const EXPRESSION: &[Field] = &[field("key", Shape::Text), field("operator", Shape::Text), field("values", Shape::Texts)];

const GENERIC: &str = "GenericSelectorSpec.";

const SELECTOR: &[Field] = &[
    within(GENERIC, "namespaces", Shape::Texts),
    within(GENERIC, "fieldSelectors", Shape::TextMap),
    within(GENERIC, "labelSelectors", Shape::TextMap),
    within(GENERIC, "expressionSelectors", Shape::Structs("LabelSelectorRequirement", EXPRESSION)),
    within(GENERIC, "annotationSelectors", Shape::TextMap),
    field("nodes", Shape::Texts),
    field("pods", Shape::TextsMap),
    field("nodeSelectors", Shape::TextMap),
    field("podPhaseSelectors", Shape::Texts),
];

const POD_SELECTOR: &[Field] =
    &[field("selector", Shape::Struct("PodSelectorSpec", SELECTOR)), field("mode", Shape::Text), field("value", Shape::Text)];

const IN_CONTAINER: &str = "ContainerSelector.PodSelector.";

/// `PodChaosSpec`.
pub const POD_CHAOS: &[Field] = &[
    within(IN_CONTAINER, "selector", Shape::Struct("PodSelectorSpec", SELECTOR)),
    within(IN_CONTAINER, "mode", Shape::Text),
    within(IN_CONTAINER, "value", Shape::Text),
    within("ContainerSelector.", "containerNames", Shape::Texts),
    field("action", Shape::Text),
    field("duration", Shape::Text),
    field("gracePeriod", Shape::Int("int64")),
    field("remoteCluster", Shape::Text),
];

const REORDER: &[Field] = &[field("reorder", Shape::Text), field("correlation", Shape::Text), field("gap", Shape::Int("int"))];

const DELAY: &[Field] = &[
    field("latency", Shape::Text),
    field("correlation", Shape::Text),
    field("jitter", Shape::Text),
    field("reorder", Shape::Struct("ReorderSpec", REORDER)),
];

const BANDWIDTH: &[Field] = &[
    field("rate", Shape::Text),
    field("limit", Shape::Int("uint32")),
    field("buffer", Shape::Int("uint32")),
    field("peakrate", Shape::Int("uint64")),
    field("minburst", Shape::Int("uint32")),
];

const TC: &str = "TcParameter.";

/// `NetworkChaosSpec`.
pub const NETWORK_CHAOS: &[Field] = &[
    within("PodSelector.", "selector", Shape::Struct("PodSelectorSpec", SELECTOR)),
    within("PodSelector.", "mode", Shape::Text),
    within("PodSelector.", "value", Shape::Text),
    field("action", Shape::Text),
    field("device", Shape::Text),
    field("duration", Shape::Text),
    within(TC, "delay", Shape::Struct("DelaySpec", DELAY)),
    within(TC, "loss", Shape::Struct("LossSpec", &[field("loss", Shape::Text), field("correlation", Shape::Text)])),
    within(TC, "duplicate", Shape::Struct("DuplicateSpec", &[field("duplicate", Shape::Text), field("correlation", Shape::Text)])),
    within(TC, "corrupt", Shape::Struct("CorruptSpec", &[field("corrupt", Shape::Text), field("correlation", Shape::Text)])),
    within(TC, "bandwidth", Shape::Struct("BandwidthSpec", BANDWIDTH)),
    within(TC, "rate", Shape::Struct("RateSpec", &[field("rate", Shape::Text)])),
    field("direction", Shape::Text),
    field("target", Shape::Struct("PodSelector", POD_SELECTOR)),
    field("targetDevice", Shape::Text),
    field("externalTargets", Shape::Texts),
    field("remoteCluster", Shape::Text),
];

/// The fields of this map that the struct does not have, by path; dropped from the map.
pub fn prune(map: &mut Map<String, Value>, fields: &[Field], path: &str, unknown: &mut Vec<String>) {
    let strangers: Vec<String> = map.keys().filter(|key| !fields.iter().any(|f| f.name == *key)).cloned().collect();
    for stranger in strangers {
        map.shift_remove(&stranger);
        unknown.push(format!("{path}.{stranger}"));
    }
    for field in fields {
        match (field.shape, map.get_mut(field.name)) {
            (Shape::Struct(_, fields), Some(Value::Object(inner))) => prune(inner, fields, &format!("{path}.{}", field.name), unknown),
            (Shape::Structs(_, fields), Some(Value::Array(items))) => {
                for (index, item) in items.iter_mut().enumerate() {
                    if let Value::Object(inner) = item {
                        prune(inner, fields, &format!("{path}.{}[{index}]", field.name), unknown);
                    }
                }
            }
            _ => {}
        }
    }
}

/// Read a struct as Go's decoder would.
///
/// # Errors
/// Go's words for the first value of a wrong type.
pub fn decode(map: &Map<String, Value>, fields: &[Field], name: &str, path: &str) -> Result<(), String> {
    for field in fields {
        let Some(value) = map.get(field.name).filter(|v| !v.is_null()) else { continue };
        let here = format!("{path}.{}{}", field.via, field.name);
        let wrong =
            |value: &Value, of: &str| format!("json: cannot unmarshal {} into Go struct field {name}.{here} of type {of}", type_of(value));
        match field.shape {
            Shape::Text if !value.is_string() => return Err(wrong(value, "string")),
            Shape::Int(of) if !fits(value, of) => {
                return Err(if value.is_number() {
                    format!("json: cannot unmarshal number {value} into Go struct field {name}.{here} of type {of}")
                } else {
                    wrong(value, of)
                });
            }
            Shape::Texts => match value.as_array() {
                None => return Err(wrong(value, "[]string")),
                Some(items) => {
                    if let Some(bad) = items.iter().find(|i| !i.is_string()) {
                        return Err(wrong(bad, "string"));
                    }
                }
            },
            Shape::TextMap | Shape::TextsMap => match value.as_object() {
                None => {
                    return Err(wrong(
                        value,
                        if matches!(field.shape, Shape::TextMap) { "map[string]string" } else { "map[string][]string" },
                    ));
                }
                Some(items) => {
                    let texts = matches!(field.shape, Shape::TextMap);
                    if let Some(bad) = items.values().find(|v| if texts { !v.is_string() } else { !v.is_array() }) {
                        return Err(wrong(bad, if texts { "string" } else { "[]string" }));
                    }
                }
            },
            Shape::Struct(inner, fields) => match value.as_object() {
                None => return Err(wrong(value, &format!("v1alpha1.{inner}"))),
                Some(map) => decode(map, fields, inner, &here)?,
            },
            Shape::Structs(inner, fields) => match value.as_array() {
                None => return Err(wrong(value, &format!("[]v1.{inner}"))),
                Some(items) => {
                    for item in items {
                        match item.as_object() {
                            None => return Err(wrong(item, &format!("v1.{inner}"))),
                            Some(map) => decode(map, fields, inner, &here)?,
                        }
                    }
                }
            },
            Shape::Text | Shape::Int(_) => {}
        }
    }
    Ok(())
}

fn fits(value: &Value, of: &str) -> bool {
    match of {
        "uint32" => value.as_u64().is_some_and(|n| u32::try_from(n).is_ok()),
        "uint64" => value.is_u64(),
        _ => value.is_i64(),
    }
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

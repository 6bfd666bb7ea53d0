//! The four kinds of patch.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::admission::go_type;
use super::fields;
use super::kinds::Kind;
use super::refusal::Refusal;

/// A patch as a request brings it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PatchKind {
    /// `application/json-patch+json`.
    Json,
    /// `application/merge-patch+json`.
    Merge,
    /// `application/strategic-merge-patch+json`.
    Strategic,
    /// `application/apply-patch+yaml`: with [`State::apply`](super::State::apply); as a patch of its own a mere merge.
    Apply,
}

impl PatchKind {
    /// The patch kind of this content type.
    ///
    /// # Errors
    /// 415 for one that this kind of object does not take.
    pub fn of(content_type: &str, kind: Kind) -> Result<Self, Refusal> {
        match content_type.split(';').next().unwrap_or_default().trim() {
            "application/json-patch+json" => Ok(Self::Json),
            "application/merge-patch+json" => Ok(Self::Merge),
            "application/strategic-merge-patch+json" if !kind.is_custom() => Ok(Self::Strategic),
            "application/apply-patch+yaml" => Ok(Self::Apply),
            _ if kind.is_custom() => {
                Err(Refusal::media_type("application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml"))
            }
            // The router of built-in kinds is shorter.
            _ => Err(Refusal {
                code: 415,
                reason: "UnsupportedMediaType",
                message: "415: Unsupported Media Type".to_owned(),
                details: Some(json!({})),
            }),
        }
    }

    /// The object after this patch.
    ///
    /// # Errors
    /// 400 for a patch that cannot be read, 422 for one that does not fit the object.
    pub fn apply(self, mut object: Value, patch: &Value) -> Result<Value, Refusal> {
        match self {
            Self::Json => {
                if !patch.is_array() {
                    let found = go_type(patch);
                    let why = format!("error decoding patch: json: cannot unmarshal {found} into Go value of type []interface {{}}");
                    return Err(Refusal::bad_request(why));
                }
                let unfit = || Refusal {
                    code: 422,
                    reason: "Invalid",
                    message: "the server rejected our request due to an error in our request".to_owned(),
                    details: Some(json!({})),
                };
                let operations: json_patch::Patch = serde_json::from_value(patch.clone()).map_err(|_| unfit())?;
                json_patch::patch(&mut object, &operations).map_err(|_| unfit())?;
            }
            Self::Merge | Self::Apply if patch.is_object() => json_patch::merge(&mut object, patch),
            Self::Strategic if patch.is_object() => strategic(&mut object, patch),
            Self::Merge | Self::Apply | Self::Strategic => {
                let found = go_type(patch);
                let why = format!("error decoding patch: json: cannot unmarshal {found} into Go value of type map[string]interface {{}}");
                return Err(Refusal::bad_request(why));
            }
        }
        if object.is_object() { Ok(object) } else { Err(Refusal::bad_request("the patch leaves no object")) }
    }

    /// 422: what this patch leaves cannot be read as its kind, or, strictly, has what the kind has no place for.
    #[must_use]
    pub fn misfit(self, patch: &Value, patched: &Value, why: &str) -> Refusal {
        let (value, why) = match self {
            Self::Strategic => (go_text(patch), unrestored(why)),
            _ => (patched.to_string(), why.to_owned()),
        };
        let why = format!("Invalid value: {}: {why}", json!(value));
        Refusal {
            code: 422,
            reason: "Invalid",
            message: format!(" \"\" is invalid: patch: {why}"),
            details: Some(json!({"causes": [{"reason": "FieldValueInvalid", "message": why, "field": "patch"}]})),
        }
    }
}

/// What the JSON decoder says of a value, as the converter says it that strategic merge goes through.
fn unrestored(why: &str) -> String {
    let told = why.strip_prefix("json: cannot unmarshal ").and_then(|why| Some((why.split(' ').next()?, why.rsplit_once(" of type ")?.1)));
    let Some((found, wanted)) = told else { return why.to_owned() };
    let found = match found {
        "number" => "int64",
        "array" => "slice",
        "object" => "map",
        plain => plain,
    };
    match wanted {
        list if list.starts_with("[]") => format!("cannot restore slice from {found}"),
        map if map.starts_with("map[") => format!("cannot restore map from {found}"),
        fields if fields.starts_with("v1.") => format!("cannot restore struct from: {found}"),
        "string" if found == "int64" => "cannot convert int64 to string".to_owned(),
        plain => format!("unrecognized type: {plain}"),
    }
}

/// A value as Go prints it.
fn go_text(value: &Value) -> String {
    let joined = |all: Vec<String>| all.join(" ");
    match value {
        Value::Null => "<nil>".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(items) => format!("[{}]", joined(items.iter().map(go_text).collect())),
        Value::Object(map) => {
            let sorted: BTreeMap<&String, &Value> = map.iter().collect();
            format!("map[{}]", joined(sorted.iter().map(|(key, value)| format!("{key}:{}", go_text(value))).collect()))
        }
        plain => plain.to_string(),
    }
}

/// The field by which strategic merge finds the items of a list: it goes by the first where apply goes by two, and merges taints, which apply does not.
fn merge_key(field: &str) -> Option<&'static str> {
    if field == "taints" { Some("key") } else { Some(fields::keys(field)?.first()?.0) }
}

fn strategic(target: &mut Value, patch: &Value) {
    let Some(patch) = patch.as_object() else { return };
    if patch.get("$patch") == Some(&json!("replace")) {
        let mut whole = patch.clone();
        whole.shift_remove("$patch");
        *target = Value::Object(whole);
        return;
    }
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Some(map) = target.as_object_mut() else { return };
    if let Some(kept) = patch.get("$retainKeys").and_then(Value::as_array) {
        map.retain(|field, _| kept.iter().any(|name| name == field));
    }
    for (field, change) in patch.iter().filter(|(field, _)| !field.starts_with('$')) {
        match change {
            Value::Null => {
                map.shift_remove(field);
            }
            Value::Object(_) => strategic(map.entry(field.clone()).or_insert(Value::Null), change),
            Value::Array(items) => {
                let key = if field == "ports" {
                    Some(if items.iter().any(|i| i.get("containerPort").is_some()) { "containerPort" } else { "port" })
                } else {
                    merge_key(field)
                };
                match key {
                    Some(key) => merge_list(map.entry(field.clone()).or_insert_with(|| json!([])), items, key),
                    None if field == "finalizers" => union(map.entry(field.clone()).or_insert_with(|| json!([])), items),
                    None => {
                        map.insert(field.clone(), change.clone());
                    }
                }
            }
            plain => {
                map.insert(field.clone(), plain.clone());
            }
        }
    }
    let dropped = patch.iter().filter_map(|(field, gone)| Some((field.strip_prefix("$deleteFromPrimitiveList/")?, gone.as_array()?)));
    for (field, gone) in dropped {
        if let Some(list) = map.get_mut(field).and_then(Value::as_array_mut) {
            list.retain(|item| !gone.contains(item));
        }
    }
    for (field, order) in patch.iter().filter_map(|(field, order)| Some((field.strip_prefix("$setElementOrder/")?, order.as_array()?))) {
        if let Some(list) = map.get_mut(field).and_then(Value::as_array_mut) {
            put_in_order(list, order);
        }
    }
}

/// Let the items that `order` names stand in its order, among those it does not name.
fn put_in_order(list: &mut [Value], order: &[Value]) {
    let same = |item: &Value, wanted: &Value| match wanted {
        Value::Object(keys) => keys.iter().all(|(key, value)| item.get(key) == Some(value)),
        plain => item == plain,
    };
    fields::put_in_order(list, |item| order.iter().position(|wanted| same(item, wanted)));
}

fn merge_list(target: &mut Value, items: &[Value], key: &str) {
    if !target.is_array() {
        *target = json!([]);
    }
    let Some(list) = target.as_array_mut() else { return };
    let replaces = |item: &Value| item["$patch"] == "replace";
    if items.iter().any(replaces) {
        list.clear();
    }
    for item in items.iter().filter(|item| !replaces(item)) {
        let position = list.iter().position(|have| have.get(key).is_some() && have.get(key) == item.get(key));
        match (item.get("$patch").and_then(Value::as_str), position) {
            (Some("delete"), Some(position)) => {
                list.remove(position);
            }
            (Some("delete"), None) => {}
            (_, Some(position)) => strategic(&mut list[position], item),
            (_, None) => {
                let mut fresh = Value::Null;
                strategic(&mut fresh, item);
                list.push(if item.is_object() { fresh } else { item.clone() });
            }
        }
    }
}

fn union(target: &mut Value, items: &[Value]) {
    if let Some(list) = target.as_array_mut() {
        for item in items {
            if !list.contains(item) {
                list.push(item.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strategic_merge_should_find_list_items_by_their_key() {
        let object = json!({"spec": {"containers": [{"name": "a", "image": "1"}, {"name": "b", "image": "1"}], "args": ["x"]}, "metadata": {"finalizers": ["f"]}});
        let patch = json!({"spec": {"containers": [{"name": "b", "image": "2"}, {"name": "a", "$patch": "delete"}], "args": ["y"]},
            "metadata": {"finalizers": ["g"], "labels": {"l": "1"}}});
        let after = PatchKind::Strategic.apply(object, &patch);
        assert_eq!(
            after,
            Ok(
                json!({"spec": {"containers": [{"name": "b", "image": "2"}], "args": ["y"]}, "metadata": {"finalizers": ["f", "g"], "labels": {"l": "1"}}})
            )
        );
    }

    #[test]
    fn strategic_merge_that_leaves_a_misfit_should_be_told_as_go_prints_it() {
        let patch = json!({"spec": {"replicas": "two", "list": [1, null, true]}});
        let why = "json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32";
        let refusal = PatchKind::Strategic.misfit(&patch, &json!({}), why);
        assert_eq!(
            refusal.message,
            " \"\" is invalid: patch: Invalid value: \"map[spec:map[list:[1 <nil> true] replicas:two]]\": unrecognized type: int32"
        );
    }

    #[test]
    fn json_patch_that_does_not_fit_should_be_refused() {
        let patch = json!([{"op": "test", "path": "/a", "value": 2}]);
        assert_eq!(PatchKind::Json.apply(json!({"a": 1}), &patch).map_err(|r| r.code), Err(422));
        assert_eq!(PatchKind::Json.apply(json!({"a": 1}), &json!({"op": 1})).map_err(|r| r.code), Err(400));
    }
}

//! Sets of an object's fields, in the form that `metadata.managedFields` has them in (`fieldsV1`), and what server-side apply does with them.

use serde_json::{Map, Value, json};

use super::kinds::Kind;

/// How the items of a list are told apart.
enum Items {
    /// Not at all: the list is one value.
    Whole,
    /// By themselves.
    Set,
    /// By the values of these fields, and what the second is when absent.
    Keyed(&'static [(&'static str, &'static str)]),
}

/// The fields that tell the items of a list of built-in kinds apart, and what the second is when absent.
#[must_use]
pub fn keys(field: &str) -> Option<&'static [(&'static str, &'static str)]> {
    Some(match field {
        "ownerReferences" => &[("uid", "")],
        "containers"
        | "initContainers"
        | "ephemeralContainers"
        | "env"
        | "volumes"
        | "imagePullSecrets"
        | "resourceClaims"
        | "schedulingGates"
        | "secrets" => &[("name", "")],
        "conditions" | "addresses" => &[("type", "")],
        "volumeMounts" => &[("mountPath", "")],
        "volumeDevices" => &[("devicePath", "")],
        "hostAliases" | "podIPs" | "hostIPs" => &[("ip", "")],
        "topologySpreadConstraints" => &[("topologyKey", ""), ("whenUnsatisfiable", "")],
        _ => return None,
    })
}

/// How the items of this field's list are told apart, in objects of this kind.
fn items(kind: Kind, field: &str) -> Items {
    match field {
        "finalizers" => Items::Set,
        // The definitions of custom resources say nothing of their lists.
        _ if kind.is_custom() && field != "ownerReferences" => Items::Whole,
        "ports" if kind == Kind::Service => Items::Keyed(&[("port", ""), ("protocol", "TCP")]),
        "ports" if !matches!(kind, Kind::NetworkPolicy | Kind::EndpointSlice | Kind::Endpoints) => {
            Items::Keyed(&[("containerPort", ""), ("protocol", "TCP")])
        }
        _ => keys(field).map_or(Items::Whole, Items::Keyed),
    }
}

/// Whether the map of this field is one value.
fn whole(kind: Kind, field: &str) -> bool {
    !kind.is_custom()
        && matches!(
            field,
            "selector"
                | "nodeSelector"
                | "labelSelector"
                | "namespaceSelector"
                | "podSelector"
                | "fieldRef"
                | "resourceFieldRef"
                | "configMapKeyRef"
                | "secretKeyRef"
                | "requiredDuringSchedulingIgnoredDuringExecution"
                | "preference"
                | "involvedObject"
                | "claimRef"
                | "targetRef"
        )
}

/// The step to an item of a keyed list, as `fieldsV1` names it.
fn key_step(item: &Value, keys: &[(&str, &str)]) -> Option<String> {
    let mut named = Map::new();
    for (key, absent) in keys {
        let value = match item.get(key) {
            Some(value) => value.clone(),
            None if absent.is_empty() => return None,
            None => json!(absent),
        };
        named.insert((*key).to_owned(), value);
    }
    Some(format!("k:{}", Value::Object(named)))
}

/// The step to this item of this field's list; none when the list is one value.
fn step(kind: Kind, field: &str, item: &Value) -> Option<String> {
    match items(kind, field) {
        Items::Whole => None,
        Items::Set => Some(format!("v:{item}")),
        Items::Keyed(keys) => key_step(item, keys),
    }
}

/// Whether every item of this list has a step of its own.
fn stepped(kind: Kind, field: &str, list: &[Value]) -> bool {
    list.iter().all(|item| step(kind, field, item).is_some())
}

/// All fields of this value, which stands in this field.
#[must_use]
pub fn of(kind: Kind, field: &str, value: &Value) -> Map<String, Value> {
    match value {
        Value::Object(map) if !whole(kind, field) => {
            map.iter().map(|(name, value)| (format!("f:{name}"), Value::Object(of(kind, name, value)))).collect()
        }
        Value::Array(list) if stepped(kind, field, list) => list
            .iter()
            .filter_map(|item| {
                let mut inside = Map::new();
                if item.is_object() {
                    inside.insert(".".to_owned(), json!({}));
                    inside.append(&mut of(kind, "", item));
                }
                Some((step(kind, field, item)?, Value::Object(inside)))
            })
            .collect(),
        _ => Map::new(),
    }
}

/// The live value with what was applied to it: maps and keyed lists item by item, all else as applied.
pub fn merge(kind: Kind, field: &str, live: &mut Value, applied: &Value) {
    match (live, applied) {
        (Value::Object(live), Value::Object(applied)) if !whole(kind, field) => {
            for (name, value) in applied {
                if value.is_null() {
                    live.shift_remove(name);
                } else {
                    merge(kind, name, live.entry(name.clone()).or_insert(Value::Null), value);
                }
            }
        }
        (Value::Array(live), Value::Array(applied)) if stepped(kind, field, live) && stepped(kind, field, applied) => {
            let place = |list: &[Value], item: &Value| {
                let wanted = step(kind, field, item);
                list.iter().position(|have| step(kind, field, have) == wanted)
            };
            for item in applied {
                match place(live, item) {
                    Some(index) => merge(kind, "", &mut live[index], item),
                    None => live.push(item.clone()),
                }
            }
            // Applied items stand in the order of the manifest, among those that it does not name.
            put_in_order(live, |item| place(applied, item));
        }
        (live, applied) => {
            *live = applied.clone();
            without_nulls(live);
        }
    }
}

/// Let the items that have a place stand in the order of their places, among those that have none.
pub fn put_in_order(list: &mut [Value], place: impl Fn(&Value) -> Option<usize>) {
    let places: Vec<usize> = (0..list.len()).filter(|index| place(&list[*index]).is_some()).collect();
    let mut named: Vec<Value> = places.iter().map(|index| list[*index].clone()).collect();
    named.sort_by_key(place);
    for (index, item) in places.into_iter().zip(named) {
        list[index] = item;
    }
}

fn without_nulls(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.retain(|_, value| !value.is_null());
            map.values_mut().for_each(without_nulls);
        }
        Value::Array(list) => list.iter_mut().for_each(without_nulls),
        _ => {}
    }
}

/// Take out of a value the fields of `before` that are not in `kept`.
pub fn remove(kind: Kind, field: &str, value: &mut Value, before: &Map<String, Value>, kept: &Map<String, Value>) {
    for (name, inside) in before.iter().filter(|(name, _)| *name != ".") {
        match (kept.get(name).and_then(Value::as_object), inside.as_object()) {
            (None, _) => drop_step(kind, field, value, name),
            (Some(kept), Some(inside)) => {
                if let Some((field, value)) = child_mut(kind, field, value, name) {
                    remove(kind, &field, value, inside, kept);
                }
            }
            _ => {}
        }
    }
}

fn drop_step(kind: Kind, field: &str, value: &mut Value, name: &str) {
    match value {
        Value::Object(map) => {
            map.shift_remove(name.strip_prefix("f:").unwrap_or(name));
        }
        Value::Array(list) => list.retain(|item| step(kind, field, item).as_deref() != Some(name)),
        _ => {}
    }
}

fn child_mut<'a>(kind: Kind, field: &str, value: &'a mut Value, name: &str) -> Option<(String, &'a mut Value)> {
    match value {
        Value::Object(map) => {
            let name = name.strip_prefix("f:")?;
            Some((name.to_owned(), map.get_mut(name)?))
        }
        Value::Array(list) => {
            let item = list.iter_mut().find(|item| step(kind, field, item).as_deref() == Some(name))?;
            Some((String::new(), item))
        }
        _ => None,
    }
}

/// The fields of `new` that are not in `old`, or are another there.
#[must_use]
pub fn changed(kind: Kind, field: &str, old: &Value, new: &Value) -> Map<String, Value> {
    match (old, new) {
        (Value::Object(old), Value::Object(new)) if !whole(kind, field) => {
            let fresh = new.iter().filter(|(name, value)| old.get(*name) != Some(value));
            fresh
                .filter_map(|(name, value)| {
                    let inside = match old.get(name) {
                        Some(old) => inner(kind, name, old, value)?,
                        None => of(kind, name, value),
                    };
                    Some((format!("f:{name}"), Value::Object(inside)))
                })
                .collect()
        }
        (Value::Array(old), Value::Array(new)) if stepped(kind, field, old) && stepped(kind, field, new) => {
            let mut all = of(kind, field, &Value::Array(new.iter().filter(|item| !old.contains(item)).cloned().collect()));
            for item in new.iter().filter(|item| !old.contains(item)) {
                let name = step(kind, field, item).unwrap_or_default();
                if let Some(before) = old.iter().find(|old| step(kind, field, old).as_deref() == Some(&name)) {
                    match inner(kind, "", before, item) {
                        Some(inside) => all.insert(name, Value::Object(inside)),
                        None => all.shift_remove(&name),
                    };
                }
            }
            all
        }
        _ => of(kind, field, new),
    }
}

/// What changed within; none when things only went from there.
fn inner(kind: Kind, field: &str, old: &Value, new: &Value) -> Option<Map<String, Value>> {
    let inside = changed(kind, field, old, new);
    let opens = |value: &Value| match value {
        Value::Object(_) => !whole(kind, field),
        Value::Array(list) => stepped(kind, field, list),
        _ => false,
    };
    (!inside.is_empty() || !opens(old) || !opens(new)).then_some(inside)
}

/// Add these fields to a set.
pub fn add(set: &mut Map<String, Value>, more: &Map<String, Value>) {
    for (name, inside) in more {
        if let (Value::Object(have), Value::Object(inside)) = (set.entry(name.clone()).or_insert_with(|| json!({})), inside) {
            add(have, inside);
        }
    }
}

/// Take these fields out of a set, and what then holds none.
pub fn take(set: &mut Map<String, Value>, fewer: &Map<String, Value>) {
    for (name, inside) in fewer.iter().filter(|(name, _)| *name != ".") {
        let Some(have) = set.get_mut(name).and_then(Value::as_object_mut) else { continue };
        if let Some(inside) = inside.as_object() {
            take(have, inside);
        }
        if have.keys().all(|name| name == ".") {
            set.shift_remove(name);
        }
    }
}

/// Keep of a set what the value still has.
pub fn keep(kind: Kind, field: &str, set: &mut Map<String, Value>, value: &mut Value) {
    set.retain(|name, inside| {
        name == "."
            || child_mut(kind, field, value, name).is_some_and(|(field, value)| {
                if let Some(inside) = inside.as_object_mut() {
                    keep(kind, &field, inside, value);
                }
                true
            })
    });
}

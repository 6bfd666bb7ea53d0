//! Who manages which field: `metadata.managedFields`, kept for objects that were once applied by the server.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::State;
use super::fields;
use super::kinds::Kind;
use super::object::{Object, as_map, metadata, text};
use super::refusal::Refusal;
use super::route::Place;
use super::writes::{Intent, Part};

/// Metadata that nobody manages.
const NOBODYS: [&str; 9] =
    ["name", "namespace", "creationTimestamp", "selfLink", "uid", "generation", "managedFields", "resourceVersion", "deletionTimestamp"];

/// Who writes, as an entry of `managedFields` names it.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Writer<'a> {
    manager: &'a str,
    operation: &'a str,
    subresource: &'a str,
}

impl Writer<'_> {
    fn wrote(self, entry: &Value) -> bool {
        text(entry, "/manager") == self.manager
            && text(entry, "/operation") == self.operation
            && text(entry, "/subresource") == self.subresource
    }

    fn entry(self, kind: Kind, now: &str, set: &Map<String, Value>) -> Value {
        let mut entry = json!({"manager": self.manager, "operation": self.operation, "apiVersion": kind.api_version(), "time": now,
            "fieldsType": "FieldsV1", "fieldsV1": set});
        if !self.subresource.is_empty() {
            entry["subresource"] = json!(self.subresource);
        }
        entry
    }
}

impl State {
    /// Server-side apply: what the manifest says is so, whoever said otherwise before; what the same manager's last manifest said and this one
    /// does not is gone, unless another says it, too.
    ///
    /// # Errors
    /// What the real server would refuse but for conflicts, of which there are none.
    pub fn apply(
        &mut self,
        place: &Place,
        manager: &str,
        mut manifest: Value,
        part: Part,
        intent: Intent,
    ) -> Result<(u16, Arc<Object>), Refusal> {
        let kind = place.kind;
        for (pointer, given) in [("/metadata/name", &place.name), ("/metadata/namespace", &place.namespace)] {
            let found = text(&manifest, pointer);
            if !found.is_empty() && found != given {
                let what = pointer.trim_start_matches("/metadata/");
                return Err(Refusal::bad_request(format!(
                    "the {what} of the object ({found}) does not match the {what} on the URL ({given})"
                )));
            }
        }
        if manifest["metadata"].get("managedFields").is_some_and(|list| !list.is_null()) {
            return Err(Refusal::bad_request("metadata.managedFields must be nil"));
        }
        if part == Part::Main && kind.resource().status {
            as_map(&mut manifest).shift_remove("status");
        }
        metadata(&mut manifest).insert("name".to_owned(), json!(place.name));
        let writer = Writer { manager, operation: "Apply", subresource: if part == Part::Status { "status" } else { "" } };
        let now = self.clock.stamp();
        let set = managed(kind, &manifest);
        let Ok(live) = self.get(place) else {
            if part == Part::Status {
                return Err(Refusal::not_found(kind, &place.name));
            }
            let mut value = json!({});
            fields::merge(kind, "", &mut value, &manifest);
            metadata(&mut value).insert("managedFields".to_owned(), json!([writer.entry(kind, &now, &set)]));
            return Ok((201, self.create(kind, &place.namespace, value, intent)?));
        };
        let mut entries = entries(live.value());
        if entries.is_empty() {
            let before = Writer { manager: "before-first-apply", operation: "Update", subresource: "" };
            entries.push(before.entry(kind, &now, &managed(kind, live.value())));
        }
        let mut value = live.value().clone();
        fields::merge(kind, "", &mut value, &manifest);
        let taken = fields::changed(kind, "", live.value(), &value);
        let mut kept = set.clone();
        for other in entries.iter_mut().filter(|entry| !writer.wrote(entry)).filter_map(set_mut) {
            fields::take(other, &taken);
            fields::add(&mut kept, other);
        }
        match entries.iter_mut().find(|entry| writer.wrote(entry)) {
            Some(own) => {
                let before = set_mut(own).cloned().unwrap_or_default();
                fields::remove(kind, "", &mut value, &before, &kept);
                if before != set || !taken.is_empty() {
                    *own = writer.entry(kind, &now, &set);
                }
            }
            None => entries.push(writer.entry(kind, &now, &set)),
        }
        store(&mut value, entries);
        let intent = Intent { managed: true, ..intent };
        Ok((200, self.update(kind, &place.namespace, &place.name, value, part, intent)?))
    }

    /// Note who made a change to an object whose managers are known.
    pub(super) fn note_writer(&self, kind: Kind, old: &Object, value: &mut Value, trusted: bool) {
        let before = &old.value()["metadata"]["managedFields"];
        match metadata(value).get("managedFields") {
            // Who brings a list of managers has made it.
            Some(given) if !given.is_null() && given != before => {
                if given.as_array().is_none_or(|list| list.iter().all(|entry| entry == &json!({}))) {
                    metadata(value).shift_remove("managedFields");
                }
                return;
            }
            _ if before.is_null() => return,
            _ => {}
        }
        let manager = match self.writer.as_str() {
            "" if trusted && kind.is_chaos() => "chaos-controller-manager",
            "" => "kube-controller-manager",
            named => named,
        };
        let writer = Writer { manager, operation: "Update", subresource: "" };
        let mut entries = entries(old.value());
        let taken = managed_only(fields::changed(kind, "", old.value(), value));
        if !taken.is_empty() {
            for other in entries.iter_mut().filter(|entry| !writer.wrote(entry)).filter_map(set_mut) {
                fields::take(other, &taken);
            }
            let own = entries.iter().position(|entry| writer.wrote(entry));
            let mut set = own.map(|index| entries.remove(index)).and_then(|mut entry| set_mut(&mut entry).cloned()).unwrap_or_default();
            fields::add(&mut set, &taken);
            entries.push(writer.entry(kind, &self.clock.stamp(), &set));
        }
        for set in entries.iter_mut().filter_map(set_mut) {
            fields::keep(kind, "", set, value);
        }
        store(value, entries);
    }
}

/// The fields of an object that somebody can manage.
fn managed(kind: Kind, value: &Value) -> Map<String, Value> {
    managed_only(fields::of(kind, "", value))
}

fn managed_only(mut set: Map<String, Value>) -> Map<String, Value> {
    set.shift_remove("f:apiVersion");
    set.shift_remove("f:kind");
    if let Some(meta) = set.get_mut("f:metadata").and_then(Value::as_object_mut) {
        meta.retain(|name, _| !NOBODYS.iter().any(|nobodys| name.strip_prefix("f:") == Some(nobodys)));
        if meta.is_empty() {
            set.shift_remove("f:metadata");
        }
    }
    set
}

fn entries(value: &Value) -> Vec<Value> {
    value["metadata"]["managedFields"].as_array().cloned().unwrap_or_default()
}

fn set_mut(entry: &mut Value) -> Option<&mut Map<String, Value>> {
    entry.get_mut("fieldsV1").and_then(Value::as_object_mut)
}

/// Who manages nothing any more is not named.
fn store(value: &mut Value, mut entries: Vec<Value>) {
    entries.retain(|entry| entry["fieldsV1"].as_object().is_some_and(|set| !set.is_empty()));
    metadata(value).insert("managedFields".to_owned(), json!(entries));
}

//! Plain Chaos Mesh manifests: each is a fault as it stands.

use serde_json::{Map, Value, json};

use super::draft::{Draft, Part, escaped_all};
use super::loss::{Fate, What};
use super::place::Place;
use super::{Error, Import, Wish, text_of, workflow};
use crate::clock::go;
use crate::fault::{CHAOS_MESH_API, DEFAULT_DURATION};
use crate::scenario::model::WorkloadKind;
use crate::scenario::names::is_dns_label;

/// The keys of `metadata` that are the author's own.
const OWN: [&str; 4] = ["name", "namespace", "labels", "annotations"];
/// The labels whose value is what people call a workload.
const NAMING: [&str; 4] = ["app.kubernetes.io/name", "app", "app.kubernetes.io/instance", "k8s-app"];

/// A document of the source and its place.
pub type Object<'v> = (Place, &'v Value);

/// The objects of the documents, if one at least is of Chaos Mesh; lists are taken apart.
pub fn of(documents: &[Value]) -> Option<Vec<Object<'_>>> {
    let mut found = Vec::new();
    for (index, document) in documents.iter().enumerate() {
        let top = Place::top((documents.len() > 1).then_some(index + 1));
        let (items, place) = match document {
            Value::Array(items) => (Some(items), top.clone()),
            other => (other.get("items").and_then(Value::as_array), top.key("items")),
        };
        match items {
            Some(items) => found.extend(items.iter().enumerate().map(|(nth, item)| (place.at(nth), item))),
            None => found.push((top, document)),
        }
    }
    found.iter().any(|(_, object)| text_of(object.get("apiVersion")).starts_with("chaos-mesh.org/")).then_some(found)
}

/// The scenario of these objects.
pub fn read(objects: &[Object<'_>], file: &str, wish: &Wish) -> Result<Import, Error> {
    let mut draft = Draft::default();
    for (place, object) in objects {
        let (kind, metadata) = (text_of(object.get("kind")), object.get("metadata").unwrap_or(&Value::Null));
        let name = text_of(metadata.get("name"));
        if !text_of(object.get("apiVersion")).starts_with("chaos-mesh.org/") {
            draft
                .losses
                .note(Fate::NotMapped, What::Setting, place, name, format!("a {kind} is no fault"))
                .hint("gameday makes no objects but faults: apply it before the run");
            continue;
        }
        if draft.name.is_empty() {
            name.clone_into(&mut draft.name);
        }
        if draft.namespace.is_none() {
            draft.namespace = Some(text_of(metadata.get("namespace")).to_owned()).filter(|namespace| !namespace.is_empty());
        }
        match kind {
            "Workflow" => workflow::read(object, place, name, &mut draft),
            "StatusCheck" => status_check(object.get("spec").unwrap_or(&Value::Null), &place.key("spec"), name, &mut draft),
            _ => fault(object, place, name, &mut draft),
        }
    }
    let faults = draft.steps.iter().filter(|(step, _)| step.get("fault").is_some()).count();
    if objects.len() > 1 && faults > 1 && !objects.iter().any(|(_, object)| text_of(object.get("kind")) == "Workflow") {
        draft
            .losses
            .note(
                Fate::Differs,
                What::Setting,
                &Place::top(None),
                "",
                "applied together, they would all begin at once; written one after the other",
            )
            .hint("put those that belong together into one step's parallel: [...]");
    }
    if draft.name.is_empty() {
        "imported".clone_into(&mut draft.name);
    }
    draft.title = format!("What {} breaks, and what comes back", draft.name);
    draft.hypothesis = format!("The targets recover from {}", draft.name);
    if draft.steps.is_empty() {
        draft.steps.push((json!({"name": "nothing is broken", "observe": "10s"}), false));
    } else if draft.steps.last().is_some_and(|(step, _)| step.get("fault").is_some()) {
        let name = draft.name("watch it come back");
        draft.steps.push((json!({"name": name, "observe": "60s"}), false));
    }
    draft.propose(&Place::top(None));
    guess(&mut draft, wish);
    draft.finish(file, "Chaos Mesh manifests", wish)
}

/// A manifest as a step, or as one that is refused.
fn fault(object: &Value, place: &Place, name: &str, draft: &mut Draft) {
    let kind = text_of(object.get("kind"));
    let Some(object) = object.as_object() else { return };
    let (manifest, dropped) = cleaned(object);
    if let Some(why) = draft.trouble(Part::Step, &json!({"name": "an imported fault", "fault": manifest})) {
        draft.unmapped(What::Action, place, name, kind, &why, "mend the manifest and import it again, or write the step by hand");
        return;
    }
    for key in dropped {
        let message = "the API server writes this, nobody sends it; left out";
        draft.losses.note(Fate::Mapped, What::Setting, &place.keys(&key.split('.').collect::<Vec<_>>()), "", message);
    }
    let step_name = draft.name(if name.is_empty() { kind } else { name });
    let step = json!({"name": step_name, "fault": manifest});
    evident(object.get("spec").unwrap_or(&Value::Null), draft);
    let ends = if kind == "Schedule" { None } else { object.get("spec").and_then(|spec| spec.get("duration")) };
    let action = text_of(object.get("spec").and_then(|spec| spec.get("action")));
    if ends.is_none() && !matches!(action, "pod-kill" | "container-kill") {
        let message = format!("{kind} has no end of its own; gameday lifts it after {}", go(DEFAULT_DURATION));
        let hint =
            if kind == "Schedule" { "write lasts: 5m beside fault for another time" } else { "write spec.duration for another time" };
        draft.losses.note(Fate::Differs, What::Action, place, name, message).hint(hint);
    } else {
        draft.losses.note(Fate::Mapped, What::Action, place, name, format!("{kind}, as it stands"));
    }
    draft.steps.push((step, false));
}

/// The manifest without what the API server has put there, and what that was.
fn cleaned(object: &Map<String, Value>) -> (Value, Vec<String>) {
    let (mut manifest, mut dropped) = (Map::new(), Vec::new());
    for (key, value) in object {
        match (key.as_str(), value) {
            ("status", _) => dropped.push("status".to_owned()),
            ("metadata", Value::Object(metadata)) => {
                let mut own = Map::new();
                for (key, value) in metadata {
                    if OWN.contains(&key.as_str()) {
                        own.insert(key.clone(), value.clone());
                    } else {
                        dropped.push(format!("metadata.{key}"));
                    }
                }
                if let Some(Value::Object(annotations)) = own.get_mut("annotations") {
                    annotations.retain(|key, _| key != "kubectl.kubernetes.io/last-applied-configuration");
                }
                own.retain(|_, value| value.as_object().is_none_or(|map| !map.is_empty()));
                manifest.insert("metadata".to_owned(), Value::Object(own));
            }
            _ => drop(manifest.insert(key.clone(), value.clone())),
        }
    }
    (escaped_all(&Value::Object(manifest)), dropped)
}

/// What a selector tells of the workload and its namespace. Of a Schedule the block that it holds is looked at.
pub fn evident(spec: &Value, draft: &mut Draft) {
    let block = spec.as_object().into_iter().flat_map(Map::values).find(|inner| inner.get("selector").is_some());
    let selector = spec.get("selector").or_else(|| block.and_then(|inner| inner.get("selector")));
    let Some(selector) = selector else { return };
    if let Some([Value::String(only)]) = selector.get("namespaces").and_then(Value::as_array).map(Vec::as_slice) {
        draft.namespace = Some(only.clone());
    }
    let labels = selector.get("labelSelectors").and_then(Value::as_object);
    let named = labels.and_then(|labels| NAMING.iter().find_map(|key| labels.get(*key).and_then(Value::as_str)));
    if let Some(name) = named.filter(|name| dns(name)) {
        draft.watch(WorkloadKind::Deployment, name, None);
    }
}

/// Whether it can be the name of a workload; parameters are none.
pub fn dns(name: &str) -> bool {
    is_dns_label(name) && name.starts_with(|c: char| c.is_ascii_lowercase())
}

/// Says that the target was concluded.
pub fn guess(draft: &mut Draft, wish: &Wish) {
    if wish.target.is_none() && !draft.targets.is_empty() {
        let targets = draft.targets.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        draft
            .losses
            .note(
                Fate::Differs,
                What::Setting,
                &Place::top(None),
                "",
                format!("the source names no target; concluded from its selectors and probes: {targets}"),
            )
            .hint("give --target KIND/NAME if that is not what it is called");
    }
}

/// A `StatusCheck` as a criterion, where it can be one.
pub fn status_check(spec: &Value, place: &Place, name: &str, draft: &mut Draft) {
    let http = spec.get("http").unwrap_or(&Value::Null);
    let code = http.get("criteria").and_then(|criteria| criteria.get("statusCode"));
    let code = code.and_then(|code| code.as_u64().or_else(|| code.as_str()?.parse().ok()));
    let plain = matches!(text_of(http.get("method")), "" | "GET") && http.get("headers").is_none() && http.get("body").is_none();
    let Some(code) = code.filter(|_| plain) else {
        draft
            .losses
            .note(Fate::NotMapped, What::Probe, place, name, "gameday asks by GET, without headers, for one status code")
            .hint("write an http or command criterion");
        return;
    };
    let called = draft.name(if name.is_empty() { "status check" } else { name });
    let piece = escaped_all(&json!({"name": called, "http": {"url": text_of(http.get("url")), "expect": code}}));
    if let Some(why) = draft.trouble(Part::Criterion, &piece) {
        draft.losses.note(Fate::NotMapped, What::Probe, place, name, why).hint("write an http criterion");
        return;
    }
    draft.criteria.push(piece);
    draft
        .losses
        .note(
            Fate::Differs,
            What::Probe,
            place,
            name,
            "an http criterion, asked once a second; thresholds and intervals are not taken over",
        )
        .hint("write for: 10s to bear with a few failures");
}

/// What a manifest of Chaos Mesh consists of.
pub fn manifest(kind: &str, name: &str, namespace: Option<&str>, spec: &Value) -> Value {
    let mut metadata = json!({"name": name});
    if let (Some(namespace), Some(metadata)) = (namespace, metadata.as_object_mut()) {
        metadata.insert("namespace".to_owned(), json!(namespace));
    }
    json!({"apiVersion": CHAOS_MESH_API, "kind": kind, "metadata": metadata, "spec": spec})
}

//! The admission webhooks: decode, default, check against the definition, validate.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::schema::{self, Shape, Struct, Type, known};
use super::{checks, cron, defaulting, definition, encoding, workflow_rules};
use crate::rehearsal::api::kinds::{CHAOS, Kind, RESOURCES, Resource};
use crate::rehearsal::api::object::{Object, list, map_mut, text};
use crate::rehearsal::api::refusal::Refusal;

/// The Go struct of a kind's spec.
#[must_use]
pub fn spec_of(kind: Kind) -> &'static Struct {
    known(&format!("{}Spec", kind.resource().name))
}

/// The Go struct of a kind's status; that of every experiment where it has none of its own.
#[must_use]
pub fn status_of(kind: Kind) -> &'static Struct {
    schema::find(&format!("{}Status", kind.resource().name)).unwrap_or_else(|| known("ChaosStatus"))
}

/// Whether the webhooks are asked about this kind. The internal kinds are the controllers' own affair.
#[must_use]
pub fn is_admitted(kind: Kind) -> bool {
    kind.is_experiment() || matches!(kind, Kind::Schedule | Kind::Workflow | Kind::StatusCheck)
}

/// Who is asked about an object: each kind of webhook where its configuration is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Webhooks {
    /// Those that fill in.
    pub mutating: bool,
    /// Those that refuse.
    pub validating: bool,
}

impl Webhooks {
    /// As the chart installs them.
    pub const ALL: Webhooks = Webhooks { mutating: true, validating: true };

    /// The configurations of the chart: that of [`Webhooks::mutating`], that of [`Webhooks::validating`], and that of the authorization.
    pub const CONFIGURATIONS: [(Kind, &str); 3] = [
        (Kind::MutatingWebhookConfiguration, "chaos-mesh-mutation"),
        (Kind::ValidatingWebhookConfiguration, "chaos-mesh-validation"),
        (Kind::ValidatingWebhookConfiguration, "chaos-mesh-validation-auth"),
    ];

    /// As the API server knows them.
    #[must_use]
    pub fn configurations() -> [(Kind, Value); 3] {
        let webhook = |name: String, path: String, resources: &str| {
            json!({"name": name, "admissionReviewVersions": ["v1", "v1beta1"], "sideEffects": "None", "failurePolicy": "Fail", "matchPolicy": "Equivalent",
                "timeoutSeconds": 5, "namespaceSelector": {}, "objectSelector": {},
                "clientConfig": {"service": {"namespace": "chaos-mesh", "name": "chaos-mesh-controller-manager", "path": path, "port": 443}},
                "rules": [{"apiGroups": [CHAOS], "apiVersions": ["v1alpha1"], "operations": ["CREATE", "UPDATE"], "resources": [resources], "scope": "*"}]})
        };
        let each = |letter: &str, verb: &str| -> Vec<Value> {
            let admitted = RESOURCES.iter().filter(|resource| is_admitted(resource.kind));
            let of = |resource: &Resource| {
                let path = format!("/{verb}-chaos-mesh-org-v1alpha1-{}", resource.singular);
                webhook(format!("{letter}{}.kb.io", resource.singular), path, resource.plural)
            };
            admitted.map(of).collect()
        };
        let mutating = each("m", "mutate").into_iter().map(|mut webhook| {
            webhook["reinvocationPolicy"] = json!("Never");
            webhook
        });
        let webhooks =
            [mutating.collect(), each("v", "validate"), vec![webhook("vauth.kb.io".to_owned(), "/validate-auth".to_owned(), "*")]];
        let mut webhooks = webhooks.into_iter();
        Webhooks::CONFIGURATIONS.map(|(kind, name)| {
            let value = json!({"apiVersion": kind.api_version(), "kind": kind.resource().name, "webhooks": webhooks.next(),
                "metadata": {"name": name, "labels": {"app.kubernetes.io/name": "chaos-mesh", "app.kubernetes.io/instance": "chaos-mesh"}}});
            (kind, value)
        })
    }
}

/// Refuse fields that a kind does not have.
///
/// # Errors
/// 400.
pub fn known_fields(kind: Kind, value: &Value) -> Result<(), Refusal> {
    let mut unknown = Vec::new();
    let top = ["apiVersion", "kind", "metadata", "spec", "status"];
    if let Some(map) = value.as_object() {
        unknown.extend(map.keys().filter(|key| !top.contains(&key.as_str())).cloned());
    }
    for (part, of) in [("spec", spec_of(kind)), ("status", status_of(kind))] {
        if let Some(map) = value.get(part).and_then(Value::as_object) {
            schema::prune(&mut map.clone(), of, part, &mut unknown);
        }
    }
    if unknown.is_empty() {
        return Ok(());
    }
    unknown.sort();
    let all = unknown.iter().map(|field| format!("unknown field \"{field}\"")).collect::<Vec<_>>().join(", ");
    let name = kind.resource().name;
    Err(Refusal::bad_request(format!("{name} in version \"v1alpha1\" cannot be handled as a {name}: strict decoding error: {all}")))
}

/// Let the webhooks and the definition's schema look at an object.
///
/// # Errors
/// 400, 403, 422 or 500, in the real order and words.
pub fn admit(kind: Kind, value: &mut Value, old: Option<&Object>, asked: Webhooks) -> Result<(), Refusal> {
    let resource = kind.resource();
    let name = text(value, "/metadata/name").to_owned();
    let namespace = text(value, "/metadata/namespace").to_owned();
    let of = spec_of(kind);
    if let Some(map) = value.as_object_mut() {
        map.retain(|key, _| matches!(key.as_str(), "apiVersion" | "kind" | "metadata" | "spec" | "status"));
    }
    let admitted = is_admitted(kind) && asked.mutating;
    let mutating = format!("m{}.kb.io", resource.singular);
    for (part, of) in [("spec", of), ("status", status_of(kind))] {
        match value.get_mut(part) {
            Some(Value::Object(map)) => {
                schema::prune(map, of, part, &mut Vec::new());
                if part == "spec" {
                    encoding::default(map, of);
                }
                if admitted {
                    schema::decode(map, of, part).map_err(|why| Refusal::webhook_undecodable(&mutating, &why))?;
                }
            }
            Some(other) if !other.is_null() => {
                if admitted {
                    let what = schema::type_of(other);
                    let why =
                        format!("json: cannot unmarshal {what} into Go struct field {}.{part} of type v1alpha1.{}", resource.name, of.name);
                    return Err(Refusal::webhook_undecodable(&mutating, &why));
                }
                return Err(Refusal::invalid(kind, &name, &[definition::wrong_type(other, "object", part)]));
            }
            _ => {}
        }
    }
    if admitted {
        mutate(kind, value, &namespace);
    }
    let mut causes = Vec::new();
    if let Some(spec) = value.get("spec").and_then(Value::as_object) {
        definition::check(spec, of, "spec", &mut causes);
    }
    if !causes.is_empty() {
        return Err(Refusal::invalid(kind, &name, &causes));
    }
    if is_admitted(kind) && asked.validating { validate(kind, &value["spec"], old.map(|old| &old.value()["spec"])) } else { Ok(()) }
}

/// The mutating webhook: the object goes through Go's structs, with what it fills in; the answer is put over what was asked about.
fn mutate(kind: Kind, value: &mut Value, namespace: &str) {
    let of = spec_of(kind);
    let spec = map_mut(value, "spec");
    spec.retain(|_, v| !v.is_null());
    let mut filled = spec.clone();
    // The Schedule's own webhook fills in nothing within; its children are seen to when they are created.
    if kind != Kind::Schedule {
        defaulting::fill(&mut filled, of, namespace);
    }
    let answered = encoding::encode(&Value::Object(filled), of);
    encoding::overlay(&mut value["spec"], &answered);
    if !kind.resource().status {
        map_mut(value, "status");
        let answered = encoding::encode(&value["status"], status_of(kind));
        encoding::overlay(&mut value["status"], &answered);
    }
}

fn validate(kind: Kind, spec: &Value, old: Option<&Value>) -> Result<(), Refusal> {
    let validating = format!("v{}.kb.io", kind.resource().singular);
    let denied = |why: &str| Err(Refusal::webhook_denied(&validating, why));
    let wrong = match kind {
        Kind::Schedule => {
            let mut wrong = Vec::new();
            if let Err(why) = cron::Cron::parse(text(spec, "/schedule")) {
                wrong.push(checks::invalid("spec.schedule", &spec["schedule"], &format!("parse schedule field error:{why}")));
            }
            match embedded(spec, text(spec, "/type"), "spec") {
                Ok(more) => wrong.extend(more),
                Err(Panicked) => return Err(Refusal::webhook_panicked(&validating)),
            }
            wrong
        }
        Kind::Workflow => match workflow_rules::wrong(spec) {
            Ok(wrong) => wrong,
            Err(Panicked) => return Err(Refusal::webhook_panicked(&validating)),
        },
        _ => {
            let of = spec_of(kind);
            if old.is_some_and(|old| encoding::held(old, of) != encoding::held(spec, of)) {
                return denied("Cannot update chaos spec");
            }
            checks::walk(spec, of.name)
        }
    };
    // An aggregate says each thing once.
    let mut said: Vec<&str> = Vec::new();
    for line in &wrong {
        if !said.contains(&line.as_str()) {
            said.push(line);
        }
    }
    match said.as_slice() {
        [] => Ok(()),
        [one] => denied(one),
        several => denied(&format!("[{}]", several.join(", "))),
    }
}

/// Where an object's selectors aim.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Aims {
    /// A selector names no namespace at all.
    pub anywhere: bool,
    /// The namespaces that are named.
    pub namespaces: BTreeSet<String>,
}

/// Where an object's selectors aim, after the defaults that its kind gets. The internal kinds and checks aim nowhere.
#[must_use]
pub fn aims(kind: Kind, namespace: &str, value: &Value) -> Aims {
    let mut aims = Aims::default();
    if !is_admitted(kind) || kind == Kind::StatusCheck {
        return aims;
    }
    let of = spec_of(kind);
    let mut spec = value.get("spec").and_then(Value::as_object).cloned().unwrap_or_default();
    if kind != Kind::Schedule {
        defaulting::fill(&mut spec, of, namespace);
    }
    collect(&Value::Object(spec), of, &mut aims);
    aims
}

fn collect(value: &Value, of: &Struct, aims: &mut Aims) {
    if of.is_or_embeds("PodSelector") {
        let named = list(value, "/selector/namespaces").iter().filter_map(Value::as_str).map(str::to_owned);
        let pods = value["selector"]["pods"].as_object().into_iter().flat_map(|pods| pods.keys().cloned());
        let all: Vec<String> = named.chain(pods).collect();
        aims.anywhere |= all.is_empty();
        aims.namespaces.extend(all);
    }
    for (_, field) in of.members() {
        collect_in(&value[field.json], &field.of, aims);
    }
}

fn collect_in(value: &Value, of: &Type, aims: &mut Aims) {
    match (&of.shape, value) {
        (Shape::Struct(name), Value::Object(_)) => collect(value, known(name), aims),
        (Shape::List(of), Value::Array(items)) => items.iter().for_each(|item| collect_in(item, of, aims)),
        _ => {}
    }
}

/// The real webhook follows a pointer to nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Panicked;

/// Where the spec of a kind stands within a Schedule or a template.
#[must_use]
pub fn block(kind: &str) -> String {
    match kind {
        "Workflow" => "workflow".to_owned(),
        _ => known("EmbedChaos").fields.iter().find(|field| field.go == kind).map_or_else(String::new, |field| field.json.to_owned()),
    }
}

/// What is wrong with the chaos embedded in a Schedule or a template.
///
/// # Errors
/// When the block of its type is missing.
pub fn embedded(spec: &Value, kind: &str, path: &str) -> Result<Vec<String>, Panicked> {
    let block = block(kind);
    if kind == "Workflow" {
        return Ok(Vec::new());
    }
    if block.is_empty() {
        let chaos = encoding::encode(spec, known("EmbedChaos"));
        return Ok(vec![checks::invalid(path, &chaos, &format!("unknown template type {kind}: invalid value"))]);
    }
    let Some(inner) = spec.get(&block).and_then(Value::as_object) else { return Err(Panicked) };
    let of = format!("{kind}Spec");
    let mut filled: Map<String, Value> = inner.clone();
    defaulting::fill(&mut filled, known(&of), "");
    Ok(checks::walk(&json!(filled), &of))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aims_should_be_all_namespaces_that_any_selector_names() {
        let aimed = |kind, spec: Value| aims(kind, "home", &json!({"spec": spec}));
        let at = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
        let here = aimed(Kind::PodChaos, json!({"action": "pod-kill", "mode": "one"}));
        assert_eq!((here.anywhere, here.namespaces), (false, at(&["home"])));
        let target = json!({"mode": "all", "selector": {"namespaces": ["b"], "pods": {"c": ["x"]}}});
        let both = aimed(Kind::NetworkChaos, json!({"selector": {"namespaces": ["a"]}, "target": target}));
        assert_eq!(both.namespaces, at(&["a", "b", "c"]));
        let schedule = aimed(Kind::Schedule, json!({"type": "PodChaos", "podChaos": {"mode": "one", "selector": {}}}));
        assert!(schedule.anywhere, "what is inside a Schedule is not defaulted");
        let templates = json!([{"name": "a", "podChaos": {"mode": "one", "selector": {}}}]);
        assert_eq!(aimed(Kind::Workflow, json!({"templates": templates})).namespaces, at(&["home"]));
        assert_eq!(aimed(Kind::StatusCheck, json!({})), Aims::default());
    }
}

//! What stands between a request and the store: can the object be read as its kind, and what do the admission webhooks say.

mod account;
pub mod storage;

use serde_json::Value;

use super::State;
use super::access::{Access, User};
use super::anatomy::Anatomy;
use super::kinds::{Kind, RESOURCES};
use super::object::{Object, text};
use super::refusal::Refusal;
use super::writes::Intent;
use crate::rehearsal::api::store::Key;
use crate::rehearsal::controllers::chaos::webhooks::{self, Webhooks};

/// How the refusal of what cannot be read as this kind begins.
pub(super) fn unreadable(kind: Kind) -> String {
    let resource = kind.resource();
    format!("{} in version \"{}\" cannot be handled as a {}: ", resource.name, resource.version, resource.name)
}

/// Refuse what cannot be read as an object of this kind. What it has no place for is refused, told of, or forgotten, as the intent says.
///
/// # Errors
/// 400.
pub fn decodable(kind: Kind, value: &mut Value, intent: Intent, warnings: &mut Vec<String>) -> Result<(), Refusal> {
    let resource = kind.resource();
    let cannot = |why: String| Refusal::bad_request(format!("{}{why}", unreadable(kind)));
    if !value.is_object() {
        return Err(cannot(format!(
            "json: cannot unmarshal {} into Go value of type {}.{}",
            go_type(value),
            resource.version,
            resource.name
        )));
    }
    if !kind.is_custom()
        && let Some(map) = value.as_object_mut()
    {
        // What says nothing of what it is, is what the path says. Custom resources have to say it.
        for (field, own) in [("apiVersion", kind.api_version()), ("kind", resource.name.to_owned())] {
            if map.get(field).is_none_or(|given| given.is_null() || given == "") {
                map.insert(field.to_owned(), own.into());
            }
        }
    }
    if text(value, "/kind").is_empty() {
        return Err(Refusal::bad_request(format!(
            "the object provided is unrecognized (must be of type {}): Object 'Kind' is missing in '{value}'",
            resource.name
        )));
    }
    if !kind.is_custom()
        && let Some(why) = unlike(kind, text(value, "/apiVersion"), text(value, "/kind"))
    {
        return Err(why);
    }
    if text(value, "/kind") != resource.name {
        return Err(Refusal::bad_request(format!(
            "the object provided is unrecognized (must be of type {}): no kind \"{}\" is registered for version \"{}\"",
            resource.name,
            text(value, "/kind"),
            text(value, "/apiVersion")
        )));
    }
    if text(value, "/apiVersion") != kind.api_version() {
        return Err(Refusal::bad_request(format!(
            "the API version in the data ({}) does not match the expected API version ({})",
            text(value, "/apiVersion"),
            kind.api_version()
        )));
    }
    if value.get("metadata").is_some_and(|m| !m.is_object() && !m.is_null()) {
        return Err(cannot(format!(
            "json: cannot unmarshal {} into Go struct field {}.metadata of type v1.ObjectMeta",
            go_type(&value["metadata"]),
            resource.name
        )));
    }
    if let Some(anatomy) = Anatomy::of(kind) {
        let misfits = anatomy.prune(value);
        let told: Vec<String> = misfits.unknown.iter().map(|path| format!("unknown field {path:?}")).collect();
        if let Some(why) = misfits.mistyped {
            return Err(cannot(why));
        }
        if !told.is_empty() && intent.strict {
            return Err(cannot(format!("strict decoding error: {}", told.join(", "))));
        }
        if intent.warn {
            warnings.extend(told);
        }
    }
    if intent.strict && kind.is_chaos() { webhooks::known_fields(kind, value) } else { Ok(()) }
}

/// What of another version or kind cannot become one of this.
fn unlike(kind: Kind, version: &str, name: &str) -> Option<Refusal> {
    let resource = kind.resource();
    if version == kind.api_version() && name == resource.name {
        return None;
    }
    let (group, short) = version.split_once('/').unwrap_or(("", version));
    let why = if RESOURCES.iter().any(|r| r.name == name && r.group == group && r.version == short) {
        let inner = |group: &str| if group.is_empty() { "core".to_owned() } else { group.split('.').next().unwrap_or_default().to_owned() };
        format!("converting ({short}.{name}) to ({}.{}): unknown conversion", inner(resource.group), resource.name)
    } else {
        format!(
            "no kind \"{name}\" is registered for version \"{version}\" in scheme \"k8s.io/kubernetes/pkg/api/legacyscheme/scheme.go:30\""
        )
    };
    Some(Refusal::bad_request(format!("{name} in version \"{short}\" cannot be handled as a {}: {why}", resource.name)))
}

/// A webhook behind which nobody is.
fn unreachable(webhook: &str, path: &str) -> Refusal {
    Refusal::internal(format!(
        "failed calling webhook \"{webhook}\": failed to call webhook: Post \"https://chaos-mesh-controller-manager.chaos-mesh.svc:443/{path}?timeout=5s\": no endpoints available for service \"chaos-mesh-controller-manager\""
    ))
}

/// What Go calls a value of this kind.
pub(super) fn go_type(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

impl State {
    /// What the API server itself adds to a new object, or has against it.
    ///
    /// # Errors
    /// 403.
    pub fn admit_new(&self, kind: Kind, namespace: &str, value: &mut Value) -> Result<(), Refusal> {
        if kind == Kind::Pod { self.admit_account(namespace, value) } else { Ok(()) }
    }

    /// Ask the admission webhooks, which may change the object.
    ///
    /// # Errors
    /// What they answer, or that they cannot be reached.
    pub fn admit(&self, kind: Kind, value: &mut Value, old: Option<&Object>) -> Result<(), Refusal> {
        if matches!(kind, Kind::PersistentVolumeClaim | Kind::PersistentVolume) && old.is_none() {
            self.admit_storage(kind, value);
        }
        if !kind.is_chaos() {
            return Ok(());
        }
        let [mutating, validating, _] = self.configured();
        if *self.troubles.chaos_controller_down.borrow() && webhooks::is_admitted(kind) {
            let name = kind.resource().singular;
            let unreachable = |webhook: String, path: String| Err(unreachable(&webhook, &path));
            if mutating {
                return unreachable(format!("m{name}.kb.io"), format!("mutate-chaos-mesh-org-v1alpha1-{name}"));
            }
            if validating {
                return unreachable(format!("v{name}.kb.io"), format!("validate-chaos-mesh-org-v1alpha1-{name}"));
            }
        }
        webhooks::admit(kind, value, old, Webhooks { mutating, validating })
    }

    /// Which of Chaos Mesh's webhook configurations are there.
    fn configured(&self) -> [bool; 3] {
        Webhooks::CONFIGURATIONS.map(|(kind, name)| self.store.get(&Key::new(kind, "", name)).is_some())
    }

    /// Ask Chaos Mesh's authorization webhook: who aims at a namespace must be allowed to create the kind there.
    ///
    /// # Errors
    /// 403.
    pub fn vet(&self, user: &User, kind: Kind, namespace: &str, value: &Value) -> Result<(), Refusal> {
        let [mutating, validating, authorizing] = self.configured();
        if !authorizing {
            return Ok(());
        }
        if *self.troubles.chaos_controller_down.borrow() {
            // the others are asked before, and fail before
            let others = webhooks::is_admitted(kind) && (mutating || validating);
            return if others { Ok(()) } else { Err(unreachable("vauth.kb.io", "validate-auth")) };
        }
        let denied = |why: String| Err(Refusal::webhook_denied("vauth.kb.io", &why));
        // The review is asked for the kind in lower case, not for its plural.
        let resource = kind.resource().name.to_lowercase();
        let may = |namespace: &str| {
            self.authorize(user, Access { verb: "create", group: super::kinds::CHAOS, resource: &resource, namespace, name: "" }).is_ok()
        };
        let aims = webhooks::aims(kind, namespace, value);
        if aims.anywhere {
            return if may("") { Ok(()) } else { denied(format!("{} is forbidden on cluster", user.name())) };
        }
        match aims.namespaces.iter().find(|namespace| !may(namespace)) {
            None => Ok(()),
            Some(namespace) => denied(format!("{} is forbidden on namespace {namespace}", user.name())),
        }
    }
}

//! Why the API server says no, worded as the real one words it, and the `Status` body that carries it.

use serde_json::{Value, json};

use super::kinds::{Kind, Resource};

/// A refused request.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    /// HTTP status code.
    pub code: u16,
    /// `reason` of the Status; empty when the real server gives none.
    pub reason: &'static str,
    /// `message` of the Status.
    pub message: String,
    /// `details` of the Status.
    pub details: Option<Value>,
}

/// The reasons there are.
const REASONS: [&str; 18] = [
    "AlreadyExists",
    "BadRequest",
    "Conflict",
    "Expired",
    "Forbidden",
    "Gone",
    "InternalError",
    "Invalid",
    "MethodNotAllowed",
    "NotAcceptable",
    "NotFound",
    "RequestEntityTooLarge",
    "ServerTimeout",
    "ServiceUnavailable",
    "Timeout",
    "TooManyRequests",
    "Unauthorized",
    "UnsupportedMediaType",
];

/// One cause of an `Invalid` refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause {
    /// `FieldValueInvalid`, `FieldValueRequired`, `FieldValueNotSupported`, ...
    pub reason: &'static str,
    /// The path of the field.
    pub field: String,
    /// What is wrong with it.
    pub message: String,
}

impl Cause {
    /// A value that may not be.
    #[must_use]
    pub fn invalid(field: &str, value: &Value, why: &str) -> Self {
        Self { reason: "FieldValueInvalid", field: field.to_owned(), message: format!("Invalid value: {value}: {why}") }
    }

    /// A change that may not be.
    #[must_use]
    pub fn forbidden(field: &str, why: &str) -> Self {
        Self { reason: "FieldValueForbidden", field: field.to_owned(), message: format!("Forbidden: {why}") }
    }

    /// A value that another item has already.
    #[must_use]
    pub fn duplicate(field: &str, value: &str) -> Self {
        Self { reason: "FieldValueDuplicate", field: field.to_owned(), message: format!("Duplicate value: {value:?}") }
    }

    /// A value of more bytes than there may be.
    #[must_use]
    pub fn too_long(field: &str, longest: usize) -> Self {
        Self { reason: "FieldValueTooLong", field: field.to_owned(), message: format!("Too long: may not be more than {longest} bytes") }
    }

    /// A value that must be given.
    #[must_use]
    pub fn required(field: &str, why: &str) -> Self {
        let message = if why.is_empty() { "Required value".to_owned() } else { format!("Required value: {why}") };
        Self { reason: "FieldValueRequired", field: field.to_owned(), message }
    }

    /// A value that is none of those there are.
    #[must_use]
    pub fn unsupported(field: &str, value: &str, supported: &[&str]) -> Self {
        let supported = supported.iter().map(|s| format!("{s:?}")).collect::<Vec<_>>().join(", ");
        Self {
            reason: "FieldValueNotSupported",
            field: field.to_owned(),
            message: format!("Unsupported value: {value:?}: supported values: {supported}"),
        }
    }
}

impl Refusal {
    fn plain(code: u16, reason: &'static str, message: impl Into<String>) -> Self {
        Self { code, reason, message: message.into(), details: None }
    }

    fn of(code: u16, reason: &'static str, kind: Kind, name: &str, message: String) -> Self {
        Self { details: Some(details(kind.resource(), name)), ..Self::plain(code, reason, message) }
    }

    /// 404: no such object.
    #[must_use]
    pub fn not_found(kind: Kind, name: &str) -> Self {
        Self::of(404, "NotFound", kind, name, format!("{} \"{name}\" not found", kind.resource().qualified()))
    }

    /// 404: no such path under a group that is served.
    #[must_use]
    pub fn no_such_resource() -> Self {
        Self { details: Some(json!({})), ..Self::plain(404, "NotFound", "the server could not find the requested resource") }
    }

    /// 405: the resource has no such verb.
    #[must_use]
    pub fn method_not_allowed() -> Self {
        Self {
            details: Some(json!({})),
            ..Self::plain(405, "MethodNotAllowed", "the server does not allow this method on the requested resource")
        }
    }

    /// 409: the name is taken.
    #[must_use]
    pub fn already_exists(kind: Kind, name: &str) -> Self {
        Self::of(409, "AlreadyExists", kind, name, format!("{} \"{name}\" already exists", kind.resource().qualified()))
    }

    /// 409: the object has changed since it was read, or a precondition does not hold.
    #[must_use]
    pub fn conflict(kind: Kind, name: &str, why: &str) -> Self {
        Self::of(409, "Conflict", kind, name, format!("Operation cannot be fulfilled on {} \"{name}\": {why}", kind.resource().qualified()))
    }

    /// 409 on a subresource.
    #[must_use]
    pub fn conflict_at(resource: &str, name: &str, why: &str) -> Self {
        Self {
            details: Some(json!({"name": name, "kind": resource})),
            ..Self::plain(409, "Conflict", format!("Operation cannot be fulfilled on {resource} \"{name}\": {why}"))
        }
    }

    /// The refusal that a server has answered with: this body under this code.
    #[must_use]
    pub fn of_answer(code: u16, body: &Value) -> Self {
        let reason = REASONS.iter().find(|reason| body["reason"] == **reason).copied().unwrap_or_default();
        let message = super::object::text(body, "/message");
        let message = if message.is_empty() { format!("the server answered with {code}") } else { message.to_owned() };
        Self { details: body.get("details").cloned(), ..Self::plain(code, reason, message) }
    }

    /// The same, of a kind in another group.
    #[must_use]
    pub fn in_group(mut self, group: &str) -> Self {
        let suffix = if group.is_empty() { String::new() } else { format!(".{group}") };
        self.message = self.message.replacen(".meta.k8s.io", &suffix, 1);
        if let Some(Value::Object(details)) = &mut self.details {
            if group.is_empty() {
                details.shift_remove("group");
            } else {
                details.insert("group".to_owned(), json!(group));
            }
        }
        self
    }

    /// 409: changed since it was read.
    #[must_use]
    pub fn modified(kind: Kind, name: &str) -> Self {
        Self::conflict(kind, name, "the object has been modified; please apply your changes to the latest version and try again")
    }

    /// 410: that revision is gone.
    #[must_use]
    pub fn expired(message: impl Into<String>) -> Self {
        Self::plain(410, "Expired", message)
    }

    /// 400.
    #[must_use]
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::plain(400, "BadRequest", message)
    }

    /// 500.
    #[must_use]
    pub fn internal(message: impl std::fmt::Display) -> Self {
        let text = message.to_string();
        Self {
            details: Some(json!({"causes": [{"message": text}]})),
            ..Self::plain(500, "InternalError", format!("Internal error occurred: {text}"))
        }
    }

    /// 503: nobody answers behind a Service.
    #[must_use]
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self::plain(503, "ServiceUnavailable", message)
    }

    /// 503: the server could not be asked, for this reason.
    #[must_use]
    pub fn unavailable_because(why: impl std::fmt::Display) -> Self {
        Self::unavailable(why.to_string())
    }

    /// 415: a patch of a kind that the resource does not take.
    #[must_use]
    pub fn media_type(accepted: &str) -> Self {
        Self::plain(
            415,
            "UnsupportedMediaType",
            format!("the body of the request was in an unknown format - accepted media types include: {accepted}"),
        )
    }

    /// 422: validation.
    #[must_use]
    pub fn invalid(kind: Kind, name: &str, causes: &[Cause]) -> Self {
        let mut all: Vec<String> = Vec::new();
        for told in causes.iter().map(|c| format!("{}: {}", c.field, c.message)) {
            if !all.contains(&told) {
                all.push(told);
            }
        }
        let what = if let [one] = all.as_slice() { one.clone() } else { format!("[{}]", all.join(", ")) };
        let mut details = details(kind.resource(), name);
        // Validation names the kind where everything else names the resource.
        details["kind"] = json!(kind.resource().name);
        details["causes"] =
            causes.iter().map(|c| json!({"reason": c.reason, "message": c.message, "field": c.field})).collect::<Vec<_>>().into();
        Self {
            details: Some(details),
            ..Self::plain(422, "Invalid", format!("{} \"{name}\" is invalid: {what}", kind.resource().qualified_kind()))
        }
    }

    /// 403 of admission: the user may, but the object may not be.
    #[must_use]
    pub fn not_admitted(kind: Kind, name: &str, why: &str) -> Self {
        let resource = kind.resource();
        let mut details = json!({"name": name, "group": resource.group, "kind": resource.plural});
        if let Some(details) = details.as_object_mut()
            && resource.group.is_empty()
        {
            details.shift_remove("group");
        }
        let message = format!("{} {name:?} is forbidden: {why}", resource.qualified());
        Self { code: 403, reason: "Forbidden", message, details: Some(details) }
    }

    /// 403 of an admission webhook that validates.
    #[must_use]
    pub fn webhook_denied(webhook: &str, why: &str) -> Self {
        Self::plain(403, "Forbidden", format!("admission webhook \"{webhook}\" denied the request: {why}"))
    }

    /// 400 of an admission webhook that cannot read the object; the real one gives no reason.
    #[must_use]
    pub fn webhook_undecodable(webhook: &str, why: &str) -> Self {
        Self::plain(400, "", format!("admission webhook \"{webhook}\" denied the request: {why}"))
    }

    /// 500 of an admission webhook that fell over; the real one gives no reason.
    #[must_use]
    pub fn webhook_panicked(webhook: &str) -> Self {
        let why = "panic: runtime error: invalid memory address or nil pointer dereference [recovered]";
        Self::plain(500, "", format!("admission webhook \"{webhook}\" denied the request: {why}"))
    }

    /// 403 of RBAC.
    #[must_use]
    pub fn forbidden(user: &str, verb: &str, resource: (&str, &str), namespace: &str, name: &str) -> Self {
        let (group, plural) = resource;
        let qualified = if group.is_empty() { plural.to_owned() } else { format!("{plural}.{group}") };
        let subject = if name.is_empty() { format!("{qualified} is") } else { format!("{qualified} \"{name}\" is") };
        let place = if namespace.is_empty() { "at the cluster scope".to_owned() } else { format!("in the namespace \"{namespace}\"") };
        let mut details = json!({"kind": plural});
        if !name.is_empty() {
            details["name"] = json!(name);
        }
        if !group.is_empty() {
            details["group"] = json!(group);
        }
        Self {
            details: Some(details),
            ..Self::plain(
                403,
                "Forbidden",
                format!("{subject} forbidden: User \"{user}\" cannot {verb} resource \"{plural}\" in API group \"{group}\" {place}"),
            )
        }
    }

    /// The `Status` object.
    #[must_use]
    pub fn status(&self) -> Value {
        let mut status = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": self.message});
        if !self.reason.is_empty() {
            status["reason"] = json!(self.reason);
        }
        if let Some(details) = &self.details {
            status["details"] = details.clone();
        }
        status["code"] = json!(self.code);
        status
    }
}

fn details(resource: &Resource, name: &str) -> Value {
    let mut details = json!({});
    if !name.is_empty() {
        details["name"] = json!(name);
    }
    if !resource.group.is_empty() {
        details["group"] = json!(resource.group);
    }
    details["kind"] = json!(resource.plural);
    details
}

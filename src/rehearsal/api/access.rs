//! What the rehearsal's user may do, and the review that tells.

use serde_json::{Value, json};

use super::State;
use super::object::text;
use super::refusal::Refusal;

/// Who the kube client of a rehearsal is.
pub const USER: &str = "system:serviceaccount:gameday:gameday";

/// One use of a verb, as RBAC looks at it.
#[derive(Debug, Clone, Copy)]
pub struct Access<'a> {
    /// The verb.
    pub verb: &'a str,
    /// API group.
    pub group: &'a str,
    /// Plural, with the subresource after a slash.
    pub resource: &'a str,
    /// Namespace; empty at the cluster scope.
    pub namespace: &'a str,
    /// Name of the object; empty for lists and creations.
    pub name: &'a str,
}

impl State {
    /// Refuse what the user may not do.
    ///
    /// # Errors
    /// 403.
    pub fn authorize(&self, access: Access<'_>) -> Result<(), Refusal> {
        if self.allowed(access) {
            return Ok(());
        }
        Err(Refusal::forbidden(USER, access.verb, (access.group, access.resource), access.namespace, access.name))
    }

    fn allowed(&self, access: Access<'_>) -> bool {
        let fits = |rule: &str, given: &str| rule == "*" || rule == given;
        !self.troubles.denials.iter().any(|denial| {
            fits(&denial.verb, access.verb)
                && fits(&denial.group, access.group)
                && fits(&denial.resource, access.resource)
                && denial.namespace.as_deref().is_none_or(|n| n == access.namespace || access.namespace.is_empty())
        })
    }

    /// Answer a `SelfSubjectAccessReview`.
    ///
    /// # Errors
    /// 400 when the review asks for nothing.
    pub fn review(&self, mut review: Value) -> Result<Value, Refusal> {
        let attributes = review.pointer("/spec/resourceAttributes").cloned().unwrap_or(Value::Null);
        if !attributes.is_object() && !review.pointer("/spec/nonResourceAttributes").is_some_and(Value::is_object) {
            return Err(Refusal::bad_request(
                "spec.resourceAttributes: Invalid value: exactly one of nonResourceAttributes or resourceAttributes must be specified",
            ));
        }
        let (plural, sub) = (text(&attributes, "/resource"), text(&attributes, "/subresource"));
        let resource = if sub.is_empty() { plural.to_owned() } else { format!("{plural}/{sub}") };
        let allowed = self.allowed(Access {
            verb: text(&attributes, "/verb"),
            group: text(&attributes, "/group"),
            resource: &resource,
            namespace: text(&attributes, "/namespace"),
            name: text(&attributes, "/name"),
        });
        if let Some(review) = review.as_object_mut() {
            let mut status = json!({"allowed": allowed});
            if allowed {
                status["reason"] = json!(
                    "RBAC: allowed by ClusterRoleBinding \"gameday\" of ClusterRole \"gameday\" to ServiceAccount \"gameday/gameday\""
                );
            }
            review.insert("status".to_owned(), status);
            review.entry("apiVersion").or_insert_with(|| json!("authorization.k8s.io/v1"));
            review.entry("kind").or_insert_with(|| json!("SelfSubjectAccessReview"));
        }
        Ok(review)
    }
}

//! Roles and their bindings, as the store holds them.

use std::sync::Arc;

use serde_json::Value;

use super::{Access, Decision, User, service_account};
use crate::rehearsal::api::State;
use crate::rehearsal::api::kinds::Kind;
use crate::rehearsal::api::object::{Object, list, text};
use crate::rehearsal::api::store::Key;

/// One rule that a binding gives a user.
pub(super) struct Grant<'a> {
    pub(super) rule: &'a Value,
    binding: &'a Object,
    subject: &'a Value,
}

impl Grant<'_> {
    fn described(&self) -> String {
        let binding = match self.binding.namespace() {
            "" => format!("ClusterRoleBinding {:?}", self.binding.name()),
            namespace => format!("RoleBinding {:?}", format!("{}/{namespace}", self.binding.name())),
        };
        let subject = match text(self.subject, "/kind") {
            "ServiceAccount" => {
                let namespace = match text(self.subject, "/namespace") {
                    "" => self.binding.namespace(),
                    namespace => namespace,
                };
                format!("ServiceAccount {:?}", format!("{}/{namespace}", text(self.subject, "/name")))
            }
            kind => format!("{kind} {:?}", text(self.subject, "/name")),
        };
        let (kind, role) = (self.binding.text("/roleRef/kind"), self.binding.text("/roleRef/name"));
        format!("RBAC: allowed by {binding} of {kind} {role:?} to {subject}")
    }
}

impl State {
    /// Whether some rule grants a user this.
    pub(super) fn granted(&self, user: &User, access: Access<'_>) -> Decision {
        if user.groups.iter().any(|group| group == "system:masters") {
            return Decision { allowed: true, reason: String::new() };
        }
        match self.rules_of(user, access.namespace).iter().find(|grant| allows(grant.rule, access)) {
            Some(grant) => Decision { allowed: true, reason: grant.described() },
            None => Decision { allowed: false, reason: self.dangling(user, access.namespace) },
        }
    }

    /// Whether some rule grants a user this path.
    pub(super) fn granted_path(&self, user: &User, verb: &str, path: &str) -> Decision {
        let fits = |rule: &Value| {
            has(rule, "/verbs", verb)
                && list(rule, "/nonResourceURLs").iter().filter_map(Value::as_str).any(|url| match url.strip_suffix('*') {
                    Some(prefix) => path.starts_with(prefix),
                    None => path == url,
                })
        };
        match self.rules_of(user, "").iter().find(|grant| fits(grant.rule)) {
            Some(grant) => Decision { allowed: true, reason: grant.described() },
            None => Decision { allowed: false, reason: String::new() },
        }
    }

    /// All rules that bindings give a user in a namespace; at the cluster scope when it is empty.
    pub(super) fn rules_of(&self, user: &User, namespace: &str) -> Vec<Grant<'_>> {
        let mut grants = Vec::new();
        for (binding, subject) in self.bindings_of(user, namespace) {
            let Some(role) = self.role_of(binding) else { continue };
            grants.extend(role.list("/rules").iter().map(|rule| Grant { rule, binding, subject }));
        }
        grants
    }

    fn bindings_of(&self, user: &User, namespace: &str) -> Vec<(&Object, &Value)> {
        let everywhere = self.store.list(Kind::ClusterRoleBinding, None);
        let here = (!namespace.is_empty()).then(|| self.store.list(Kind::RoleBinding, Some(namespace)));
        let all = everywhere.chain(here.into_iter().flatten());
        all.filter_map(|binding| {
            let subject = binding.list("/subjects").iter().find(|subject| means(subject, binding, user))?;
            Some((binding.as_ref(), subject))
        })
        .collect()
    }

    fn role_of(&self, binding: &Object) -> Option<&Arc<Object>> {
        self.store.get(&role_key(binding))
    }

    /// The roles that bindings of this user name but that are not there.
    fn dangling(&self, user: &User, namespace: &str) -> String {
        let lost: Vec<String> = self
            .bindings_of(user, namespace)
            .into_iter()
            .filter(|(binding, _)| self.role_of(binding).is_none())
            .map(|(binding, _)| {
                let key = role_key(binding);
                format!("{}.rbac.authorization.k8s.io {:?} not found", key.kind.resource().singular, key.name)
            })
            .collect();
        match lost.as_slice() {
            [] => String::new(),
            [one] => format!("RBAC: {one}"),
            many => format!("RBAC: [{}]", many.join(", ")),
        }
    }
}

fn role_key(binding: &Object) -> Key {
    let name = binding.text("/roleRef/name");
    match binding.text("/roleRef/kind") {
        "Role" => Key::new(Kind::Role, binding.namespace(), name),
        _ => Key::new(Kind::ClusterRole, "", name),
    }
}

fn means(subject: &Value, binding: &Object, user: &User) -> bool {
    let name = text(subject, "/name");
    match text(subject, "/kind") {
        "User" => name == user.name,
        "Group" => user.groups.iter().any(|group| group == name),
        "ServiceAccount" => {
            let namespace = match text(subject, "/namespace") {
                "" => binding.namespace(),
                namespace => namespace,
            };
            service_account(&user.name) == Some((namespace, name))
        }
        _ => false,
    }
}

fn has(rule: &Value, field: &str, wanted: &str) -> bool {
    list(rule, field).iter().any(|given| given == "*" || given == wanted)
}

fn allows(rule: &Value, access: Access<'_>) -> bool {
    let sub = access.resource.split_once('/').map(|(_, sub)| sub);
    let resource = has(rule, "/resources", access.resource)
        || sub.is_some_and(|sub| list(rule, "/resources").iter().filter_map(Value::as_str).any(|r| r.strip_prefix("*/") == Some(sub)));
    let names = list(rule, "/resourceNames");
    has(rule, "/verbs", access.verb)
        && has(rule, "/apiGroups", access.group)
        && resource
        && (names.is_empty() || names.iter().any(|name| name == access.name))
}

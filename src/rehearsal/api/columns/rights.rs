//! Tables of roles and their bindings.

use serde_json::json;

use super::{AGE, Columns, Head, NAME, age, made, string, wide};
use crate::rehearsal::api::object::{Object, text};

/// Name and time of birth.
pub(super) const DATED: Columns = made(&[NAME, Head { name: "Created At", form: "date", wide: false }], |object, _| {
    vec![json!(object.name()), json!(object.text("/metadata/creationTimestamp"))]
});

pub(super) const BINDING: Columns =
    made(&[NAME, string("Role"), AGE, wide("Users"), wide("Groups"), wide("ServiceAccounts")], |binding, now| {
        let role = format!("{}/{}", binding.text("/roleRef/kind"), binding.text("/roleRef/name"));
        vec![
            json!(binding.name()),
            json!(role),
            age(binding, now),
            json!(subjects(binding, "User")),
            json!(subjects(binding, "Group")),
            json!(subjects(binding, "ServiceAccount")),
        ]
    });

fn subjects(binding: &Object, kind: &str) -> String {
    let named = |subject: &serde_json::Value| match (kind, text(subject, "/namespace")) {
        ("ServiceAccount", namespace) => format!("{namespace}/{}", text(subject, "/name")),
        _ => text(subject, "/name").to_owned(),
    };
    binding.list("/subjects").iter().filter(|s| text(s, "/kind") == kind).map(named).collect::<Vec<_>>().join(", ")
}

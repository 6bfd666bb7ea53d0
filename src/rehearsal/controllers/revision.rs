//! `ControllerRevisions`: the templates a `StatefulSet` or `DaemonSet` has had.

use serde_json::{Value, json};

use super::Hand;
use super::template::template_hash;
use crate::rehearsal::api::kinds::Kind;
use crate::rehearsal::api::object::{Object, owner_reference};
use crate::rehearsal::api::store::Key;

/// The name of the revision that a set's present template is.
#[must_use]
pub fn name_of(set: &Object) -> String {
    format!("{}-{}", set.name(), template_hash(&set.value()["spec"]["template"]))
}

/// The revision of a set's present template, as it is kept.
#[must_use]
pub fn of(set: &Object, kind: Kind, number: i64) -> Value {
    let template = &set.value()["spec"]["template"];
    let mut labels = template.pointer("/metadata/labels").cloned().unwrap_or_else(|| json!({}));
    labels["controller-revision-hash"] = json!(template_hash(template));
    json!({
        "apiVersion": "apps/v1", "kind": "ControllerRevision", "revision": number,
        "metadata": {"name": name_of(set), "labels": labels, "ownerReferences": [owner_reference(set, "apps/v1", kind.resource().name)]},
        "data": {"spec": {"template": {"$patch": "replace", "metadata": template["metadata"], "spec": template["spec"]}}},
    })
}

/// Keep the set's present template, with the highest number.
pub async fn keep(hand: &mut Hand, set: &Object, kind: Kind) {
    let kept = hand.owned(Kind::ControllerRevision, set.namespace(), set.uid());
    let highest = kept.iter().filter_map(|revision| revision.number("/revision")).max().unwrap_or(0);
    let name = name_of(set);
    match kept.iter().find(|revision| revision.name() == name) {
        None => {
            // What cannot be kept now is tried again at the next change.
            let _ = hand.create(Kind::ControllerRevision, set.namespace(), of(set, kind, highest + 1)).await;
        }
        Some(known) if known.number("/revision") != Some(highest) => {
            let key = Key::new(Kind::ControllerRevision, set.namespace(), &name);
            let _ = hand.edit(&key, crate::rehearsal::api::writes::Part::Main, |value| value["revision"] = json!(highest + 1)).await;
        }
        Some(_) => {}
    }
}

/// The template of a revision that is kept.
#[must_use]
pub fn template(hand: &Hand, namespace: &str, name: &str) -> Option<Value> {
    let revision = hand.get(&Key::new(Kind::ControllerRevision, namespace, name))?;
    let template = revision.value().pointer("/data/spec/template")?;
    Some(json!({"metadata": template["metadata"], "spec": template["spec"]}))
}

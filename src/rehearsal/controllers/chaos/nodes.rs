//! `WorkflowNode`: what one is made of, and the state that its controllers share.

use std::sync::Arc;

use chrono::{DateTime, Duration, Utc};
use serde_json::{Value, json};

use super::schema::known;
use super::{encoding, go};
use crate::rehearsal::api::kinds::Kind;
use crate::rehearsal::api::object::{Object, list, owner_reference, text};
use crate::rehearsal::clock;
use crate::rehearsal::controllers::Hand;

/// The label that names who controls a node, or what a node made.
pub const CONTROLLED_BY: &str = "chaos-mesh.org/controlled-by";

/// The label that names the Workflow.
pub const WORKFLOW: &str = "chaos-mesh.org/workflow";

/// Whether an object's condition of this type is `True`.
#[must_use]
pub fn condition(value: &Value, kind: &str) -> bool {
    list(value, "/status/conditions").iter().any(|c| c["type"] == kind && c["status"] == "True")
}

/// Whether a node has come to its end, in whatever way.
#[must_use]
pub fn finished(node: &Value) -> bool {
    ["Accomplished", "DeadlineExceed", "Aborted"].iter().any(|kind| condition(node, kind))
}

/// Set a condition of a status; one that changes goes to the end of the list.
pub fn set_condition(status: &mut Value, kind: &str, holds: bool, reason: &str) {
    let fresh = json!({"type": kind, "status": if holds { "True" } else { "False" }, "reason": reason});
    let mut conditions = list(status, "/conditions").to_vec();
    if conditions.contains(&fresh) {
        return;
    }
    conditions.retain(|c| c["type"] != kind);
    conditions.push(fresh);
    if !status.is_object() {
        *status = json!({});
    }
    status["conditions"] = Value::Array(conditions);
}

/// The node of a template; owned by its parent node, or by the Workflow when it is the entry.
///
/// # Errors
/// When there is no such template, or its deadline cannot be read.
pub fn render(workflow: &Object, parent: Option<&Object>, template: &str, now: DateTime<Utc>) -> Result<Value, String> {
    let name = workflow.name();
    let found = workflow.list("/spec/templates").iter().find(|t| text(t, "/name") == template);
    let found = found.ok_or_else(|| format!("workflow {name} do not contains template called {template}"))?;
    let mut spec = found.clone();
    spec["templateName"] = json!(template);
    spec["workflowName"] = json!(name);
    spec["type"] = json!(text(found, "/templateType"));
    spec["startTime"] = json!(clock::stamp(now));
    if let Some(deadline) = found.get("deadline").and_then(Value::as_str) {
        spec["deadline"] = json!(clock::stamp(now + Duration::nanoseconds(go::duration(deadline)?)));
    }
    let owner = parent.unwrap_or(workflow);
    let kind = if parent.is_some() { Kind::WorkflowNode } else { Kind::Workflow };
    Ok(json!({
        "apiVersion": Kind::WorkflowNode.api_version(), "kind": "WorkflowNode",
        "metadata": {
            "generateName": format!("{template}-"), "labels": {CONTROLLED_BY: owner.name(), WORKFLOW: name},
            "ownerReferences": [owner_reference(owner, &kind.api_version(), kind.resource().name)],
            "finalizers": ["foregroundDeletion"],
        },
        "spec": encoding::encode(&spec, known("WorkflowNodeSpec")),
    }))
}

/// The child nodes of a node by age: those that run, and those that are finished.
#[must_use]
pub fn children(hand: &Hand, node: &Object) -> (Vec<Arc<Object>>, Vec<Arc<Object>>) {
    let mut all = hand.list(Kind::WorkflowNode, Some(node.namespace()));
    all.retain(|child| child.labels().get(CONTROLLED_BY) == Some(&node.name()));
    all.sort_by(|a, b| a.text("/metadata/creationTimestamp").cmp(b.text("/metadata/creationTimestamp")));
    all.into_iter().partition(|child| !finished(child.value()))
}

/// What a node has made of this kind, by age.
#[must_use]
pub fn made(hand: &Hand, node: &Object, kind: Kind) -> Vec<Arc<Object>> {
    let mut all = hand.list(kind, None);
    all.retain(|object| object.labels().get(CONTROLLED_BY) == Some(&node.name()));
    all.sort_by(|a, b| a.text("/metadata/creationTimestamp").cmp(b.text("/metadata/creationTimestamp")));
    all
}

//! `Workflow`: its entry node, its state, and what an abort begins with.

use serde_json::{Value, json};

use super::nodes::{CONTROLLED_BY, condition, finished, render, set_condition};
use super::notes;
use super::queue::{self, Next, Reconciler, itself_or_owner};
use crate::rehearsal::api::kinds::Kind;
use crate::rehearsal::api::object::{Object, text};
use crate::rehearsal::api::store::{Change, Key};
use crate::rehearsal::api::writes::Part;
use crate::rehearsal::controllers::{Hand, Home};

/// The annotation that aborts a Workflow.
pub const ABORT: &str = "workflow.chaos-mesh.org/abort";

/// What a controller of Workflows does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Duty {
    /// Creates the entry node and follows it.
    Entry,
    /// Tells the entry node of an abort.
    Abort,
}

/// Run one of the controllers.
pub async fn run(home: Home, duty: Duty) {
    let component = match duty {
        Duty::Entry => "workflow-entry-reconciler",
        Duty::Abort => "workflow-abort-workflow-reconciler",
    };
    let hand = Hand::new(&home, component);
    queue::run(home, Workflows { hand, duty, component }).await;
}

struct Workflows {
    hand: Hand,
    duty: Duty,
    component: &'static str,
}

impl Reconciler for Workflows {
    fn kinds(&self) -> Vec<Kind> {
        match self.duty {
            Duty::Entry => vec![Kind::Workflow, Kind::WorkflowNode],
            Duty::Abort => vec![Kind::Workflow],
        }
    }

    fn hear(&self, change: &Change) -> Vec<Key> {
        itself_or_owner(change, Kind::Workflow)
    }

    async fn reconcile(&mut self, key: &Key) -> Next {
        let Some(workflow) = self.hand.get(key) else { return Next::Done };
        match self.duty {
            Duty::Entry => self.follow_entry(&workflow).await,
            Duty::Abort => self.abort(&workflow).await,
        }
        Next::Done
    }
}

impl Workflows {
    async fn follow_entry(&mut self, workflow: &Object) {
        // What is read here once stands for the whole pass, as the real one's cache does: a node made in it is seen in the next.
        let entry = self.hand.list(Kind::WorkflowNode, Some(workflow.namespace())).into_iter();
        let mut entries: Vec<_> = entry.filter(|node| node.labels().get(CONTROLLED_BY) == Some(&workflow.name())).collect();
        entries.sort_by(|a, b| a.text("/metadata/creationTimestamp").cmp(b.text("/metadata/creationTimestamp")));
        let now = self.hand.now();
        let began = self.hand.stamp();
        if entries.is_empty() {
            let entry = workflow.text("/spec/entry");
            let spawned = match render(workflow, None, entry, now) {
                Ok(node) => self.hand.create(Kind::WorkflowNode, workflow.namespace(), node).await.map_err(|refusal| refusal.message),
                Err(why) => Err(why),
            };
            if let Ok(node) = spawned {
                let message = format!("entry node created, entry node {}", node.name());
                let annotations = json!({"chaos-mesh.org/entry": node.name(), "chaos-mesh.org/type": "entry-created"});
                self.say(workflow, false, ("EntryCreated", &message), annotations);
            } else {
                let message = format!("failed to spawn new entry node of workflow, entry: {entry}");
                let annotations = json!({"chaos-mesh.org/entry-template": entry, "chaos-mesh.org/type": "invalid-entry"});
                self.say(workflow, true, ("InvalidEntry", &message), annotations);
            }
        }
        let mut status = workflow.value()["status"].clone();
        if !status.is_object() {
            status = json!({});
        }
        let first = entries.first();
        let accomplished = first.is_some_and(|node| finished(node.value()));
        let set = |status: &mut Value, kind: &str, holds: bool| set_condition(status, kind, holds, "");
        if let Some(node) = first {
            status["entryNode"] = json!(node.name());
        }
        set(&mut status, "Scheduled", first.is_some());
        set(&mut status, "Accomplished", accomplished);
        if accomplished && text(&status, "/endTime").is_empty() {
            status["endTime"] = json!(self.hand.stamp());
            self.say(
                workflow,
                false,
                ("WorkflowAccomplished", "workflow accomplished"),
                json!({"chaos-mesh.org/type": "workflow-accomplished"}),
            );
        } else if !accomplished && let Some(map) = status.as_object_mut() {
            map.shift_remove("endTime");
        }
        if text(&status, "/startTime").is_empty() {
            status["startTime"] = json!(began);
        }
        // A Workflow that is gone by now needs no status.
        drop(self.hand.set_status(Kind::Workflow, workflow, status).await);
    }

    fn say(&self, workflow: &Object, warning: bool, words: (&str, &str), annotations: Value) {
        notes::say(&self.hand, Kind::Workflow, workflow, (self.component, warning), words, annotations);
    }

    async fn abort(&mut self, workflow: &Object) {
        let nodes = self.hand.list(Kind::WorkflowNode, Some(workflow.namespace()));
        let entry = nodes.into_iter().find(|node| node.labels().get(CONTROLLED_BY) == Some(&workflow.name()));
        let Some(entry) = entry else { return };
        let aborted = workflow.annotation(ABORT) == "true";
        if aborted && !condition(entry.value(), "Aborted") {
            let message = format!("abort the node because workflow {} aborted", workflow.name());
            let annotations = json!({"chaos-mesh.org/workflow-name": workflow.name(), "chaos-mesh.org/type": "workflow-aborted"});
            notes::say(&self.hand, Kind::WorkflowNode, &entry, (self.component, false), ("WorkflowAborted", &message), annotations);
        }
        let key = Key::new(Kind::WorkflowNode, entry.namespace(), entry.name());
        let reason = if aborted { "WorkflowAborted" } else { "" };
        let told = |value: &mut Value| set_condition(&mut value["status"], "Aborted", aborted, reason);
        drop(self.hand.edit(&key, Part::Status, told).await);
    }
}

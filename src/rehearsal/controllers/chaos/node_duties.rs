//! The controllers of `WorkflowNode`: deadlines, children in a row or side by side, chaos, checks, and aborts that go down the tree.
//!
//! Task nodes are not run: the practice cluster has no pods that compute. They wait for their deadline.

use serde_json::{Value, json};

use super::nodes::{CONTROLLED_BY, WORKFLOW, children, condition, finished, made, render, set_condition};
use super::queue::{self, Next, Reconciler, itself_or_owner};
use super::webhooks::{block, spec_of};
use super::workflow::ABORT;
use super::{EXPERIMENTS, encoding, notes};
use crate::rehearsal::api::deletion::DeleteOptions;
use crate::rehearsal::api::kinds::{CHAOS, Kind};
use crate::rehearsal::api::object::{Object, map_mut, owner_reference, text};
use crate::rehearsal::api::store::{Change, Key};
use crate::rehearsal::api::writes::Part;
use crate::rehearsal::clock;
use crate::rehearsal::controllers::{Hand, Home};

/// What is said of a Task node, so that nobody waits for it without knowing why.
const TASKS_ARE_NOT_RUN: &str = "the practice cluster runs no Task and follows no conditional branch: this node waits for its deadline";

/// What a controller of nodes does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Duty {
    /// Ends nodes by the clock.
    Deadline,
    /// Starts the children of a Serial node one after the other.
    Serial,
    /// Starts the children of a Parallel node together.
    Parallel,
    /// Makes the chaos or the Schedule of a node, and deletes it at the node's end.
    Chaos,
    /// Makes the check of a node, and follows it.
    StatusCheck,
    /// Hands an abort down, or up from a check.
    Abort,
}

/// All of them.
pub const DUTIES: [Duty; 6] = [Duty::Deadline, Duty::Serial, Duty::Parallel, Duty::Chaos, Duty::StatusCheck, Duty::Abort];

/// Run one of the controllers.
pub async fn run(home: Home, duty: Duty) {
    let component = match duty {
        Duty::Deadline => "workflow-deadline-reconciler",
        Duty::Serial => "workflow-serial-node-reconciler",
        Duty::Parallel => "workflow-parallel-node-reconciler",
        Duty::Chaos => "workflow-chaos-node-reconciler",
        Duty::StatusCheck => "workflow-statuscheck-reconciler",
        Duty::Abort => "workflow-abort-node-reconciler",
    };
    let hand = Hand::new(&home, component);
    queue::run(home, Nodes { hand, duty, component }).await;
}

struct Nodes {
    hand: Hand,
    duty: Duty,
    component: &'static str,
}

impl Reconciler for Nodes {
    fn kinds(&self) -> Vec<Kind> {
        if self.duty == Duty::StatusCheck { vec![Kind::WorkflowNode, Kind::StatusCheck] } else { vec![Kind::WorkflowNode] }
    }

    fn hear(&self, change: &Change) -> Vec<Key> {
        let mut keys = itself_or_owner(change, Kind::WorkflowNode);
        if change.key.kind == Kind::WorkflowNode && matches!(self.duty, Duty::Serial | Duty::Parallel) {
            keys.extend(queue::owner(change, Kind::WorkflowNode));
        }
        keys
    }

    fn hear_gone(&self, change: &Change) -> Vec<Key> {
        if matches!(self.duty, Duty::Serial | Duty::Parallel) { queue::owner(change, Kind::WorkflowNode) } else { Vec::new() }
    }

    async fn reconcile(&mut self, key: &Key) -> Next {
        let Some(node) = self.hand.get(key) else { return Next::Done };
        let kind = node.text("/spec/type").to_owned();
        match (self.duty, kind.as_str()) {
            (Duty::Deadline, _) => return self.deadline(&node, &kind).await,
            (Duty::Serial, "Serial") => self.serial(&node).await,
            (Duty::Parallel, "Parallel") => self.parallel(&node).await,
            (Duty::Chaos, "Schedule") => self.chaos(&node, Kind::Schedule).await,
            (Duty::Chaos, _) => {
                if let Some(kind) = EXPERIMENTS.iter().find(|k| k.resource().name == kind) {
                    self.chaos(&node, *kind).await;
                }
            }
            (Duty::StatusCheck, "StatusCheck") => self.check(&node).await,
            (Duty::Abort, _) if condition(node.value(), "Aborted") => return self.abort(&node, &kind).await,
            _ => {}
        }
        Next::Done
    }
}

impl Nodes {
    fn say(&self, node: &Object, warning: bool, words: (&str, &str), annotations: Value) {
        notes::say(&self.hand, Kind::WorkflowNode, node, (self.component, warning), words, annotations);
    }

    /// Change a node's status as it is by then.
    async fn set(&mut self, node: &Object, change: impl Fn(&mut Value)) {
        let key = Key::new(Kind::WorkflowNode, node.namespace(), node.name());
        // A node that is gone needs no status.
        drop(self.hand.edit(&key, Part::Status, |value| change(&mut value["status"])).await);
    }

    async fn deadline(&mut self, node: &Object, kind: &str) -> Next {
        if condition(node.value(), "DeadlineExceed") {
            self.pass_deadline_down(node, kind).await;
            return Next::Done;
        }
        let Some(deadline) = clock::parse(node.text("/spec/deadline")) else { return Next::Done };
        let now = self.hand.now();
        if kind == "Task" && !node.list("/status/conditions").iter().any(|condition| condition["type"] == "DeadlineExceed") {
            let annotations = json!({"chaos-mesh.org/type": "task-pod-spawn-failed"});
            self.say(node, true, ("TaskPodSpawnFailed", TASKS_ARE_NOT_RUN), annotations);
        }
        if let Ok(left) = (deadline - now).to_std() {
            self.set(node, |status| set_condition(status, "DeadlineExceed", false, "NodeDeadlineNotExceed")).await;
            return Next::After(left + std::time::Duration::from_millis(2));
        }
        let omitted = condition(node.value(), "Accomplished");
        if !omitted {
            self.say(node, false, ("NodeDeadlineExceed", "deadline exceed"), json!({"chaos-mesh.org/type": "deadline-exceed"}));
        }
        let reason = if omitted { "NodeDeadlineOmitted" } else { "NodeDeadlineExceed" };
        self.set(node, |status| set_condition(status, "DeadlineExceed", true, reason)).await;
        self.pass_deadline_down(node, kind).await;
        Next::Done
    }

    async fn pass_deadline_down(&mut self, node: &Object, kind: &str) {
        let why = ("DeadlineExceed", "ParentNodeDeadlineExceed");
        self.pass_down(node, kind, why, "deadline exceed bscause parent node", "deadline exceed").await;
    }

    /// Hand a condition down to the children that still run. The words are the real ones, with their slip.
    async fn pass_down(&mut self, node: &Object, kind: &str, (what, reason): (&str, &str), before: &str, after: &str) {
        if !matches!(kind, "Serial" | "Parallel" | "Task") {
            return;
        }
        let kebab = if what == "Aborted" { "parent-node-aborted" } else { "parent-node-deadline-exceed" };
        for child in children(&self.hand, node).0 {
            let message = format!("{before} {} {after}", node.name());
            self.say(
                &child,
                false,
                (reason, &message),
                json!({"chaos-mesh.org/parent-node-name": node.name(), "chaos-mesh.org/type": kebab}),
            );
            self.set(&child, |status| set_condition(status, what, true, reason)).await;
        }
    }

    async fn spawn(&mut self, node: &Object, templates: &[&str]) {
        let key = Key::new(Kind::Workflow, node.namespace(), node.text("/spec/workflowName"));
        let Some(workflow) = self.hand.get(&key) else { return };
        let now = self.hand.now();
        let mut names = Vec::new();
        for template in templates {
            let Ok(child) = render(&workflow, Some(node), template, now) else { return };
            match self.hand.create(Kind::WorkflowNode, node.namespace(), child).await {
                Ok(child) => names.push(child.name().to_owned()),
                Err(_) => return,
            }
        }
        let message = format!("child nodes created, {}", names.join(","));
        let annotations = json!({"chaos-mesh.org/child-nodes": json!(names).to_string(), "chaos-mesh.org/type": "nodes-created"});
        self.say(node, false, ("NodesCreated", &message), annotations);
    }

    async fn serial(&mut self, node: &Object) {
        let tasks: Vec<&str> = node.list("/spec/children").iter().filter_map(Value::as_str).collect();
        let (running, done) = children(&self.hand, node);
        if !finished(node.value())
            && running.is_empty()
            && let Some(next) = tasks.get(done.len())
        {
            self.spawn(node, &[next]).await;
        }
        self.count_children(node, tasks.len()).await;
    }

    async fn parallel(&mut self, node: &Object) {
        let tasks: Vec<&str> = node.list("/spec/children").iter().filter_map(Value::as_str).collect();
        let (running, done) = children(&self.hand, node);
        if !finished(node.value()) && !tasks.is_empty() && running.is_empty() && done.is_empty() {
            self.spawn(node, &tasks).await;
        }
        self.count_children(node, tasks.len()).await;
    }

    async fn count_children(&mut self, node: &Object, all: usize) {
        let key = Key::new(Kind::WorkflowNode, node.namespace(), node.name());
        let Some(node) = self.hand.get(&key) else { return };
        let (running, done) = children(&self.hand, &node);
        let accomplished = done.len() == all;
        if accomplished && !finished(node.value()) {
            self.say(&node, false, ("NodeAccomplished", "node accomplished"), json!({"chaos-mesh.org/type": "node-accomplished"}));
        }
        let names = |nodes: &[std::sync::Arc<Object>]| Value::Array(nodes.iter().map(|n| json!({"name": n.name()})).collect());
        let lists = [("activeChildren", names(&running)), ("finishedChildren", names(&done))];
        self.set(&node, |status| {
            set_condition(status, "Accomplished", accomplished, "");
            for (field, names) in &lists {
                if names.as_array().is_some_and(Vec::is_empty) {
                    if let Some(map) = status.as_object_mut() {
                        map.shift_remove(*field);
                    }
                } else {
                    status[*field] = names.clone();
                }
            }
        })
        .await;
    }

    async fn chaos(&mut self, node: &Object, kind: Kind) {
        let there = made(&self.hand, node, kind);
        if finished(node.value()) {
            for object in &there {
                let key = Key::new(kind, object.namespace(), object.name());
                let gone = self.hand.delete(&key, &DeleteOptions::default()).await;
                let failed = gone.is_err_and(|refusal| refusal.code != 404);
                let (reason, message, word) = if failed {
                    ("ChaosCRDeleteFailed", format!("chaos CR {} delete failed", object.name()), "chaos-custom-resource-delete-failed")
                } else {
                    ("ChaosCRDeleted", format!("chaos CR {} deleted", object.name()), "chaos-custom-resource-deleted")
                };
                let annotations =
                    json!({"chaos-mesh.org/name": object.name(), "chaos-mesh.org/kind": kind.resource().name, "chaos-mesh.org/type": word});
                self.say(node, failed, (reason, &message), annotations);
            }
        } else if there.is_empty() {
            self.make_chaos(node, kind).await;
        }
        let resource = made(&self.hand, node, kind)
            .first()
            .map(|object| json!({"apiGroup": CHAOS, "kind": kind.resource().name, "name": object.name()}));
        self.set(node, |status| {
            let reason = if resource.is_some() { "ChaosCRCreated" } else { "ChaosCRNotExists" };
            set_condition(status, "ChaosInjected", resource.is_some(), reason);
            match &resource {
                Some(resource) => status["chaosResource"] = resource.clone(),
                None => drop(status.as_object_mut().and_then(|map| map.shift_remove("chaosResource"))),
            }
        })
        .await;
    }

    async fn make_chaos(&mut self, node: &Object, kind: Kind) {
        let field = if kind == Kind::Schedule { "schedule".to_owned() } else { block(kind.resource().name) };
        let spec = encoding::encode(&node.value()["spec"][field], spec_of(kind));
        let created = self.hand.create(kind, node.namespace(), made_by(node, kind, &spec)).await;
        if let Ok(object) = created {
            let message = format!("chaos CR {} created", object.name());
            // The kind is not known there yet.
            let annotations = json!({"chaos-mesh.org/name": object.name(), "chaos-mesh.org/kind": "", "chaos-mesh.org/type": "chaos-custom-resource-created"});
            self.say(node, false, ("ChaosCRCreated", &message), annotations);
        } else {
            let annotations = json!({"chaos-mesh.org/type": "chaos-custom-resource-create-failed"});
            self.say(node, true, ("ChaosCRCreateFailed", "failed to create chaos CR"), annotations);
        }
    }

    async fn check(&mut self, node: &Object) {
        let there = made(&self.hand, node, Kind::StatusCheck);
        if finished(node.value()) {
            for object in &there {
                let key = Key::new(Kind::StatusCheck, object.namespace(), object.name());
                drop(self.hand.delete(&key, &DeleteOptions::default()).await);
                let message = format!("status check {} deleted", object.name());
                let annotations = json!({"chaos-mesh.org/name": object.name(), "chaos-mesh.org/type": "status-check-deleted"});
                self.say(node, false, ("StatusCheckDeleted", &message), annotations);
            }
        } else if there.is_empty() {
            let spec = encoding::encode(&node.value()["spec"]["statusCheck"], spec_of(Kind::StatusCheck));
            let mut object = made_by(node, Kind::StatusCheck, &spec);
            object["metadata"]["finalizers"] = json!(["foregroundDeletion"]);
            if let Ok(object) = self.hand.create(Kind::StatusCheck, node.namespace(), object).await {
                let message = format!("status check {} created", object.name());
                let annotations = json!({"chaos-mesh.org/name": object.name(), "chaos-mesh.org/type": "status-check-created"});
                self.say(node, false, ("StatusCheckCreated", &message), annotations);
            }
        }
        let Some(check) = made(&self.hand, node, Kind::StatusCheck).into_iter().next() else { return };
        let completed = check.condition("Completed");
        let aborts = node.value()["spec"]["abortWithStatusCheck"] == true && completed && !check.condition("SuccessThresholdExceed");
        self.set(node, |status| {
            set_condition(status, "Accomplished", completed, if completed { "StatusCheckCompleted" } else { "" });
            set_condition(status, "Aborted", aborts, if aborts { "StatusCheckNotExceedSuccessThreshold" } else { "" });
        })
        .await;
    }

    async fn abort(&mut self, node: &Object, kind: &str) -> Next {
        if kind != "StatusCheck" {
            self.pass_down(node, kind, ("Aborted", "ParentNodeAborted"), "abort the node because parent node", "aborted").await;
            return Next::Done;
        }
        let name = node.labels().get(WORKFLOW).copied().unwrap_or_default().to_owned();
        let key = Key::new(Kind::Workflow, node.namespace(), &name);
        let Some(workflow) = self.hand.get(&key).filter(|workflow| workflow.annotation(ABORT) != "true") else { return Next::Done };
        if workflow.value()["metadata"]["annotations"].is_null() {
            // The real one writes into a map that is not there, panics, and tries again: a Workflow without any annotation is not aborted.
            return Next::Failed;
        }
        let annotated = |value: &mut Value| drop(map_mut(&mut value["metadata"], "annotations").insert(ABORT.to_owned(), json!("true")));
        if self.hand.edit(&key, Part::Main, annotated).await.is_err() { Next::Failed } else { Next::Done }
    }
}

/// An object that a node makes.
fn made_by(node: &Object, kind: Kind, spec: &Value) -> Value {
    json!({
        "apiVersion": kind.api_version(), "kind": kind.resource().name,
        "metadata": {
            "generateName": format!("{}-", node.name()),
            "labels": {CONTROLLED_BY: node.name(), WORKFLOW: text(node.value(), "/spec/workflowName")},
            "ownerReferences": [owner_reference(node, &Kind::WorkflowNode.api_version(), "WorkflowNode")],
        },
        "spec": spec,
    })
}

//! The engine of one kind of experiment: a queue of objects, and five steps for each that is due.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::experiment::{self, FINALIZER, FORCE};
use super::queue::{self, Next, Reconciler};
use super::records::{self, Outcome, Work};
use super::{encoding, notes, selection, webhooks};
use crate::rehearsal::api::kinds::Kind;
use crate::rehearsal::api::object::{Object, map_mut, metadata, text};
use crate::rehearsal::api::store::{Change, Key};
use crate::rehearsal::api::writes::Part;
use crate::rehearsal::controllers::recorder::{self, Note};
use crate::rehearsal::controllers::{Hand, Home};

/// Run the engine of this kind.
pub async fn run(home: Home, kind: Kind) {
    let hand = Hand::new(&home, &format!("chaos engine/{}", kind.resource().plural));
    queue::run(home, Engine { hand, kind }).await;
}

/// One kind of experiment.
struct Engine {
    hand: Hand,
    kind: Kind,
}

impl Reconciler for Engine {
    fn kinds(&self) -> Vec<Kind> {
        std::iter::once(self.kind).chain(records::ground_kind(self.kind)).collect()
    }

    /// Which experiments a change wakes: itself, or those with a record of the pod whose rules have changed.
    fn hear(&self, change: &Change) -> Vec<Key> {
        if change.key.kind == self.kind {
            let matters = change.previous.as_ref().is_none_or(|old| experiment::relevant(old) != experiment::relevant(&change.object));
            return if matters { vec![change.key.clone()] } else { Vec::new() };
        }
        let about = |record: &Value| {
            let (namespace, pod, _) = experiment::record_target(record);
            namespace == change.key.namespace && pod == change.key.name
        };
        let concerned = |object: &Arc<Object>| object.list("/status/experiment/containerRecords").iter().any(about);
        let all = self.hand.list(self.kind, None).into_iter();
        all.filter(concerned).map(|object| Key::new(self.kind, object.namespace(), object.name())).collect()
    }

    /// The five steps.
    async fn reconcile(&mut self, key: &Key) -> Next {
        if !self.hand.get(key).is_some_and(|object| object.text("/spec/remoteCluster").is_empty()) {
            return Next::Done;
        }
        self.init_finalizer(key).await;
        self.set_desired(key).await;
        self.set_conditions(key).await;
        if self.work_records(key).await {
            return Next::Failed;
        }
        self.clean_finalizer(key).await;
        self.until_end(key)
    }
}

impl Engine {
    fn until_end(&self, key: &Key) -> Next {
        let Some(object) = self.hand.get(key) else { return Next::Done };
        if object.deleting() || experiment::one_shot(self.kind, &object) {
            return Next::Done;
        }
        let left = experiment::ends(&object).and_then(|end| (end - self.hand.now()).to_std().ok());
        // A timer wakes a little late, never early.
        left.map_or(Next::Done, |left| Next::After(left + Duration::from_millis(2)))
    }

    /// Write the object as it is now, changed by this.
    async fn write(&mut self, key: &Key, mut change: impl FnMut(&mut Value)) -> Result<Arc<Object>, String> {
        self.hand.pause(7, 11).await;
        let kind = self.kind;
        let rewritten = |value: &mut Value| {
            value["spec"] = encoding::encode(&value["spec"], webhooks::spec_of(kind));
            change(value);
        };
        self.hand.edit_now(key, Part::Main, rewritten).await.map_err(|refusal| refusal.message)
    }

    /// The event for a write that went well, or did not.
    fn say_written(&self, object: &Object, component: &str, field: &str, written: Result<Arc<Object>, String>) {
        match written {
            Ok(_) => notes::updated(&self.hand, self.kind, object, component, field),
            // The desired phase is spelled otherwise here.
            Err(why) => notes::failed(&self.hand, self.kind, object, component, &format!("update {}", field.to_lowercase()), &why),
        }
    }

    async fn init_finalizer(&mut self, key: &Key) {
        let Some(object) = self.hand.get(key) else { return };
        if object.deleting() || object.list("/metadata/finalizers").iter().any(|f| f == FINALIZER) {
            return;
        }
        notes::plain(&self.hand, self.kind, &object, "initFinalizers", ("FinalizerInited", "Finalizer has been inited"));
        let written = self
            .write(key, |value| {
                let finalizers = metadata(value).entry("finalizers").or_insert_with(|| json!([]));
                if let Some(finalizers) = finalizers.as_array_mut() {
                    finalizers.push(json!(FINALIZER));
                }
            })
            .await;
        self.say_written(&object, "initFinalizers", "finalizer", written.map_err(|_| "updateError.Error()".to_owned()));
    }

    async fn set_desired(&mut self, key: &Key) {
        let Some(object) = self.hand.get(key) else { return };
        let now = self.hand.now();
        let (desired, event) = experiment::desired(self.kind, &object, now);
        if object.text("/status/experiment/desiredPhase") == desired {
            return;
        }
        if let Some(event) = event {
            notes::plain(&self.hand, self.kind, &object, "desiredphase", event);
        }
        let written = self.write(key, |value| value["status"]["experiment"]["desiredPhase"] = json!(desired)).await;
        self.say_written(&object, "desiredphase", "desiredPhase", written);
    }

    async fn set_conditions(&mut self, key: &Key) {
        let Some(object) = self.hand.get(key) else { return };
        let mut wanted = experiment::conditions(&object);
        if experiment::has_conditions(&object, &wanted) {
            return;
        }
        // The real controller keeps them in a map: each write has its own order.
        for index in (1..wanted.len()).rev() {
            let other = self.hand.rolls().index(index + 1);
            wanted.swap(index, other);
        }
        let conditions: Vec<Value> =
            wanted.iter().map(|(kind, holds)| json!({"status": if *holds { "True" } else { "False" }, "type": kind})).collect();
        let conditions = json!(conditions);
        let written =
            self.write(key, |value| map_mut(value, "status").insert("conditions".to_owned(), conditions.clone()).map_or((), drop)).await;
        if let Err(why) = written {
            // This step alone writes as the library's own recorder does, and not as a warning.
            let message = format!("Failed to update conditions: {why}");
            recorder::record(&self.hand, self.kind, &object, Note::normal("condition", "Failed", &message));
        }
    }

    /// Select what has not been selected, and move each record towards the desired phase. True when one of them failed.
    async fn work_records(&mut self, key: &Key) -> bool {
        let Some(object) = self.hand.get(key) else { return false };
        let mut list: Vec<Value> = object.list("/status/experiment/containerRecords").to_vec();
        let mut changed = false;
        if list.is_empty() {
            let salt = format!("selection/{}/{}", self.kind.resource().plural, object.uid());
            let mut rolls = self.hand.stream(|moment| format!("{salt}/{moment}"));
            match records::select(&self.hand, self.kind, &object, &mut rolls) {
                Ok(selected) => list = selected,
                Err(why) => {
                    let why = if why.is_empty() { selection::NO_TARGET.to_owned() } else { why };
                    notes::failed(&self.hand, self.kind, &object, "records", "select targets", &why);
                    return false;
                }
            }
            changed = true;
        }
        let desired = object.text("/status/experiment/desiredPhase").to_owned();
        let instances = object.value()["status"]["instances"].as_object().cloned().unwrap_or_default();
        let mut work = Work { records: list.clone(), instances };
        let mut failed = false;
        for record in &mut list {
            let Some(recovering) = records::operation(&desired, text(record, "/phase")) else { continue };
            let outcome = records::operate(&mut self.hand, self.kind, &object, record, &mut work, recovering).await;
            let Some(record) = record.as_object_mut() else { continue };
            let now = self.hand.stamp();
            let id = record.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
            let operation = if recovering { "Recover" } else { "Apply" };
            match outcome {
                Outcome::Moved(phase) => {
                    let moved = record.get("phase").and_then(Value::as_str) != Some(phase);
                    changed |= moved;
                    record.insert("phase".to_owned(), json!(phase));
                    let done = (recovering && phase == "Not Injected") || (!recovering && phase == "Injected");
                    if moved && done {
                        let counter = if recovering { "recoveredCount" } else { "injectedCount" };
                        let count = record.get(counter).and_then(Value::as_i64).unwrap_or(0) + 1;
                        record.insert(counter.to_owned(), json!(count));
                        experiment::note_in_record(record, operation, None, &now);
                        notes::done(&self.hand, self.kind, &object, recovering, &id);
                    }
                }
                Outcome::Failed(why) => {
                    failed = true;
                    changed = true;
                    experiment::note_in_record(record, operation, Some(&why), &now);
                    let activity = if recovering { "recover chaos" } else { "apply chaos" };
                    notes::failed(&self.hand, self.kind, &object, "records", activity, &why);
                }
            }
        }
        if changed {
            let written = self
                .write(key, |value| {
                    value["status"]["experiment"]["containerRecords"] = json!(list);
                    let status = map_mut(value, "status");
                    if work.instances.is_empty() {
                        status.shift_remove("instances");
                    } else {
                        status.insert("instances".to_owned(), json!(work.instances));
                    }
                })
                .await;
            failed |= written.is_err();
            self.say_written(&object, "records", "records", written);
        }
        failed
    }

    async fn clean_finalizer(&mut self, key: &Key) {
        let Some(object) = self.hand.get(key).filter(|object| object.deleting()) else { return };
        let forced = object.annotation(FORCE) == "forced";
        let recovered = object.list("/status/experiment/containerRecords").iter().all(|record| record["phase"] == "Not Injected");
        if !(forced || recovered) || object.list("/metadata/finalizers").is_empty() {
            return;
        }
        notes::plain(&self.hand, self.kind, &object, "initFinalizers", ("FinalizerInited", "Finalizer has been removed"));
        let written = self
            .write(key, |value| {
                metadata(value).shift_remove("finalizers");
            })
            .await;
        // The literal text: the project forgot to call it.
        self.say_written(&object, "initFinalizers", "finalizer", written.map_err(|_| "updateError.Error()".to_owned()));
    }
}

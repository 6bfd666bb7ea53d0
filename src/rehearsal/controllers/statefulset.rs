//! `StatefulSets`: numbered pods, each after the one before it is ready.

use std::sync::Arc;

use serde_json::{Value, json};

use super::duties::Duties;
use super::recorder::{Note, record};
use super::template::{Counts, available, label, pod_of};
use super::{Feed, Hand, Home, concerned, revision};
use crate::rehearsal::api::deletion::DeleteOptions;
use crate::rehearsal::api::kinds::Kind;
use crate::rehearsal::api::object::{Object, map_mut, metadata};
use crate::rehearsal::api::store::Key;

/// The label of a pod's revision.
const REVISION: &str = "controller-revision-hash";

/// Run the controller.
pub async fn run(home: Home) {
    let mut hand = Hand::new(&home, "statefulset");
    let mut feed = Feed::new(&home, &[Kind::StatefulSet, Kind::Pod]);
    let mut duties = Duties::default();
    loop {
        let (batch, due) = duties.next(&mut feed).await;
        let mut keys = concerned(&hand, Kind::StatefulSet, &batch);
        keys.extend(due);
        for key in keys {
            reconcile(&mut hand, &key, &mut duties).await;
        }
    }
}

async fn reconcile(hand: &mut Hand, key: &Key, duties: &mut Duties) {
    let Some(set) = hand.get(key).filter(|set| !set.deleting()) else { return };
    revision::keep(hand, &set, Kind::StatefulSet).await;
    let order = Order::of(&set);
    if order.fill(hand, &set, duties).await && order.empty(hand, &set).await {
        order.update(hand, &set).await;
    }
    let pods = hand.owned(Kind::Pod, &key.namespace, set.uid());
    if let Some(set) = hand.get(key) {
        let status = counted(&set, &pods);
        if set.value()["status"] != status {
            let _ = hand.set_status(Kind::StatefulSet, &set, status).await;
        }
    }
}

/// How a set wants its pods.
struct Order {
    start: i64,
    wanted: i64,
    parallel: bool,
    /// Pods below this number keep the revision they have.
    partition: i64,
    on_delete: bool,
    min_ready: i64,
}

impl Order {
    fn of(set: &Object) -> Self {
        Self {
            start: set.number("/spec/ordinals/start").unwrap_or(0),
            wanted: set.number("/spec/replicas").unwrap_or(1),
            parallel: set.text("/spec/podManagementPolicy") == "Parallel",
            partition: set.number("/spec/updateStrategy/rollingUpdate/partition").unwrap_or(0),
            on_delete: set.text("/spec/updateStrategy/type") == "OnDelete",
            min_ready: set.number("/spec/minReadySeconds").unwrap_or(0),
        }
    }

    fn healthy(&self, hand: &Hand, pod: &Object) -> bool {
        !pod.deleting() && available(pod, self.min_ready, hand.now()).is_ok()
    }

    /// Make the pods that are missing. True when all are there and none is waited for.
    async fn fill(&self, hand: &mut Hand, set: &Object, duties: &mut Duties) -> bool {
        let mut all = true;
        for ordinal in self.start..self.start + self.wanted {
            let key = Key::new(Kind::Pod, set.namespace(), &pod_name(set, ordinal));
            match hand.get(&key) {
                None => {
                    all = false;
                    hand.pause(3, 10).await;
                    claim(hand, set, ordinal).await;
                    let pod = self.pod(hand, set, ordinal);
                    let set_key = Key::new(Kind::StatefulSet, set.namespace(), set.name());
                    let name = key.name.clone();
                    match hand.create(Kind::Pod, set.namespace(), pod).await {
                        Ok(_) => {
                            let message = format!("create Pod {name} in StatefulSet {} successful", set.name());
                            record(hand, Kind::StatefulSet, set, Note::normal("statefulset-controller", "SuccessfulCreate", &message));
                            duties.well(&set_key);
                        }
                        Err(refusal) => {
                            let message = format!("create Pod {name} in StatefulSet {} failed error: {refusal}", set.name());
                            record(
                                hand,
                                Kind::StatefulSet,
                                set,
                                Note::normal("statefulset-controller", "FailedCreate", &message).as_warning(),
                            );
                            duties.again(&set_key);
                        }
                    }
                    if !self.parallel {
                        return false;
                    }
                }
                // One that has ended is made anew under its number.
                Some(pod) if matches!(pod.text("/status/phase"), "Failed" | "Succeeded") && !pod.deleting() => {
                    all = false;
                    let verb = format!("StatefulSet {}/{} is recreating failed Pod {}", set.namespace(), set.name(), pod.name());
                    record(hand, Kind::StatefulSet, set, Note::normal("statefulset-controller", "RecreatingTerminatedPod", &verb));
                    self.kill(hand, set, &pod).await;
                }
                Some(pod) if self.healthy(hand, &pod) => {}
                Some(pod) => {
                    all = false;
                    if let Err(Some(soon)) = available(&pod, self.min_ready, hand.now()) {
                        duties.after(&Key::new(Kind::StatefulSet, set.namespace(), set.name()), soon);
                    }
                    // One that waits in vain for what an old template asked for stands in its own way, as it does on a real cluster.
                    if !self.parallel {
                        return false;
                    }
                }
            }
        }
        all || self.parallel
    }

    /// The pod of this number: of the present template, or below the partition of the one before.
    fn pod(&self, hand: &Hand, set: &Object, ordinal: i64) -> Value {
        let current = set.text("/status/currentRevision");
        let old = (ordinal < self.partition && !current.is_empty()).then(|| revision::template(hand, set.namespace(), current)).flatten();
        match old {
            Some(template) => {
                let mut value = set.value().clone();
                value["spec"]["template"] = template;
                let mut pod = numbered_pod(&Object::new(value), ordinal);
                label(&mut pod, REVISION, current);
                pod
            }
            None => numbered_pod(set, ordinal),
        }
    }

    /// Delete the pods beyond the last number, the highest first. True when there is none.
    async fn empty(&self, hand: &mut Hand, set: &Object) -> bool {
        let pods = hand.owned(Kind::Pod, set.namespace(), set.uid());
        let mut beyond: Vec<_> =
            pods.into_iter().filter(|pod| !(self.start..self.start + self.wanted).contains(&ordinal_of(pod))).collect();
        beyond.sort_by_key(|pod| std::cmp::Reverse(ordinal_of(pod)));
        let none = beyond.is_empty();
        for pod in &beyond {
            if pod.deleting() {
                if self.parallel {
                    continue;
                }
                break;
            }
            self.kill(hand, set, pod).await;
            if !self.parallel {
                break;
            }
        }
        none
    }

    /// Replace the pods of an old template, the highest number first, one after the other.
    async fn update(&self, hand: &mut Hand, set: &Object) {
        if self.on_delete {
            return;
        }
        let wanted = revision::name_of(set);
        for ordinal in (self.start.max(self.partition)..self.start + self.wanted).rev() {
            let Some(pod) = hand.get(&Key::new(Kind::Pod, set.namespace(), &pod_name(set, ordinal))) else { return };
            if pod.labels().get(REVISION) != Some(&wanted.as_str()) {
                if !pod.deleting() {
                    self.kill(hand, set, &pod).await;
                }
                return;
            }
            if !self.healthy(hand, &pod) {
                return;
            }
        }
    }

    async fn kill(&self, hand: &mut Hand, set: &Object, pod: &Arc<Object>) {
        if hand.delete(&Key::new(Kind::Pod, pod.namespace(), pod.name()), &DeleteOptions::default()).await.is_ok() {
            let message = format!("delete Pod {} in StatefulSet {} successful", pod.name(), set.name());
            record(hand, Kind::StatefulSet, set, Note::normal("statefulset-controller", "SuccessfulDelete", &message));
        }
    }
}

/// The claims of a pod's own volumes; they outlive it.
async fn claim(hand: &mut Hand, set: &Object, ordinal: i64) {
    for template in set.list("/spec/volumeClaimTemplates") {
        let mut claim = template.clone();
        let volume = crate::rehearsal::api::object::text(template, "/metadata/name").to_owned();
        let name = format!("{volume}-{}", pod_name(set, ordinal));
        if hand.get(&Key::new(Kind::PersistentVolumeClaim, set.namespace(), &name)).is_some() {
            continue;
        }
        metadata(&mut claim).insert("name".to_owned(), json!(name));
        claim["apiVersion"] = json!("v1");
        claim["kind"] = json!("PersistentVolumeClaim");
        map_mut(&mut claim, "metadata").insert("labels".to_owned(), set.value()["spec"]["selector"]["matchLabels"].clone());
        let message = format!("create Claim {name} Pod {} in StatefulSet {} success", pod_name(set, ordinal), set.name());
        if set.text("/spec/persistentVolumeClaimRetentionPolicy/whenDeleted") == "Delete" {
            let owner = json!([{"apiVersion": "apps/v1", "kind": "StatefulSet", "name": set.name(), "uid": set.uid()}]);
            metadata(&mut claim).insert("ownerReferences".to_owned(), owner);
        }
        if hand.create(Kind::PersistentVolumeClaim, set.namespace(), claim).await.is_ok() {
            record(hand, Kind::StatefulSet, set, Note::normal("statefulset-controller", "SuccessfulCreate", &message));
        }
    }
}

fn pod_name(set: &Object, ordinal: i64) -> String {
    format!("{}-{ordinal}", set.name())
}

fn ordinal_of(pod: &Object) -> i64 {
    pod.name().rsplit('-').next().and_then(|n| n.parse().ok()).unwrap_or(0)
}

/// The pod of this number.
#[must_use]
pub fn numbered_pod(set: &Object, ordinal: i64) -> Value {
    let mut pod = pod_of(set, Kind::StatefulSet);
    let name = pod_name(set, ordinal);
    metadata(&mut pod).insert("name".to_owned(), json!(name));
    metadata(&mut pod).insert("generateName".to_owned(), json!(format!("{}-", set.name())));
    label(&mut pod, "apps.kubernetes.io/pod-index", &ordinal.to_string());
    label(&mut pod, REVISION, &revision::name_of(set));
    label(&mut pod, "statefulset.kubernetes.io/pod-name", &name);
    pod["spec"]["hostname"] = json!(name);
    let service = set.text("/spec/serviceName");
    if !service.is_empty() {
        pod["spec"]["subdomain"] = json!(service);
    }
    for template in set.list("/spec/volumeClaimTemplates") {
        let volume = crate::rehearsal::api::object::text(template, "/metadata/name");
        let claim = json!({"name": volume, "persistentVolumeClaim": {"claimName": format!("{volume}-{name}")}});
        if let Some(volumes) = map_mut(&mut pod, "spec").entry("volumes").or_insert_with(|| json!([])).as_array_mut() {
            volumes.retain(|other| other["name"] != volume);
            volumes.push(claim);
        }
    }
    pod
}

/// A set's status of these pods.
fn counted(set: &Object, pods: &[Arc<Object>]) -> Value {
    let update = revision::name_of(set);
    let known = set.text("/status/currentRevision");
    let wanted = set.number("/spec/replicas").unwrap_or(1);
    let of = |revision: &str| {
        let mine = pods.iter().filter(|pod| !pod.deleting() && pod.labels().get(REVISION) == Some(&revision));
        i64::try_from(mine.count()).unwrap_or(0)
    };
    let counts = Counts::of(pods);
    let updated = of(&update);
    // An update is over when all pods are of it and ready.
    let over = known.is_empty() || (updated == wanted && counts.ready == wanted && counts.all == wanted);
    let current = if over { update.clone() } else { known.to_owned() };
    write_status(set, counts, (&current, of(&current)), (&update, updated))
}

fn write_status(set: &Object, counts: Counts, (current, of_current): (&str, i64), (update, updated): (&str, i64)) -> Value {
    let mut status = json!({"observedGeneration": set.number("/metadata/generation").unwrap_or(1), "replicas": counts.all});
    for (field, count) in [("readyReplicas", counts.ready), ("currentReplicas", of_current), ("updatedReplicas", updated)] {
        if count > 0 {
            status[field] = json!(count);
        }
    }
    status["currentRevision"] = json!(current);
    status["updateRevision"] = json!(update);
    status["collisionCount"] = json!(0);
    status["availableReplicas"] = json!(counts.ready);
    status
}

/// A set's status of these counts, all of its present template.
#[must_use]
pub fn status(set: &Object, counts: Counts) -> Value {
    let name = revision::name_of(set);
    write_status(set, counts, (&name, counts.all), (&name, counts.all))
}

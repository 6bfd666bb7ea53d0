//! Deployments: one `ReplicaSet` a template, and the rolling from one to the next.

mod roll;
mod status;

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::duties::Duties;
use super::recorder::{Note, record};
use super::template::template_hash;
use super::{Feed, Hand, Home, concerned};
use crate::rehearsal::api::kinds::Kind;
use crate::rehearsal::api::object::{Object, map_mut, metadata, owner_reference, text};
use crate::rehearsal::api::store::Key;
use crate::rehearsal::api::writes::Part;
pub use status::write_status;

/// The revision of a Deployment's template, on it and on its sets.
const REVISION: &str = "deployment.kubernetes.io/revision";
/// Revisions that a set had before.
const HISTORY: &str = "deployment.kubernetes.io/revision-history";
/// How many replicas the Deployment wanted when a set was last scaled.
const DESIRED: &str = "deployment.kubernetes.io/desired-replicas";
/// How many there might be at most then.
const MOST: &str = "deployment.kubernetes.io/max-replicas";

/// Run the controller.
pub async fn run(home: Home) {
    let mut hand = Hand::new(&home, "deployment");
    let mut feed = Feed::new(&home, &[Kind::Deployment, Kind::ReplicaSet, Kind::Pod]);
    let mut duties = Duties::default();
    loop {
        let (batch, due) = duties.next(&mut feed).await;
        let mut keys = concerned(&hand, Kind::Deployment, &batch);
        // A Deployment that is to kill all before it starts anew waits for the last pod to be gone.
        for set in concerned(&hand, Kind::ReplicaSet, &batch) {
            let Some(set) = hand.get(&set) else { continue };
            let owner = set.list("/metadata/ownerReferences").iter().find(|owner| owner["controller"] == true);
            keys.extend(owner.map(|owner| Key::new(Kind::Deployment, set.namespace(), text(owner, "/name"))));
        }
        keys.extend(due);
        for key in keys {
            if let Some(again) = reconcile(&mut hand, &key).await {
                duties.after(&key, again);
            }
        }
    }
}

/// A Deployment with its sets, the newest of them apart.
struct Rollout {
    deployment: Arc<Object>,
    current: Option<Arc<Object>>,
    /// The others, the oldest first.
    old: Vec<Arc<Object>>,
}

impl Rollout {
    fn of(hand: &Hand, key: &Key) -> Option<Self> {
        let deployment = hand.get(key).filter(|d| !d.deleting())?;
        let mut sets = hand.owned(Kind::ReplicaSet, &key.namespace, deployment.uid());
        sets.sort_by_key(|set| (set.text("/metadata/creationTimestamp").to_owned(), set.name().to_owned()));
        let hash = template_hash(&deployment.value()["spec"]["template"]);
        let at = sets.iter().position(|set| set.labels().get("pod-template-hash") == Some(&hash.as_str()));
        let current = at.map(|at| sets.remove(at));
        Some(Self { deployment, current, old: sets })
    }

    fn all(&self) -> impl Iterator<Item = &Arc<Object>> {
        self.old.iter().chain(&self.current)
    }

    fn wanted(&self) -> i64 {
        replicas(&self.deployment)
    }
}

/// One look at a Deployment. Says when to look again, if nothing happens before.
async fn reconcile(hand: &mut Hand, key: &Key) -> Option<Duration> {
    let rollout = Rollout::of(hand, key)?;
    let paused = rollout.deployment.value()["spec"]["paused"] == true;
    let desired = |set: &Object| set.annotation(DESIRED).parse::<i64>().ok();
    let scaling = rollout.all().any(|set| replicas(set) > 0 && desired(set).is_some_and(|desired| desired != rollout.wanted()));
    let mut found = None;
    if paused || scaling {
        roll::scale_in_proportion(hand, &rollout).await;
    } else {
        let recreate = rollout.deployment.text("/spec/strategy/type") == "Recreate";
        found = if recreate { roll::recreate(hand, &rollout).await } else { roll::roll(hand, &rollout).await };
    }
    let rollout = Rollout::of(hand, key)?;
    let again = status::write(hand, &rollout, found).await;
    let rollout = Rollout::of(hand, key)?;
    if !paused && status::complete(&rollout) {
        roll::clean_up(hand, &rollout).await;
    }
    again
}

/// Whether the set of the present template has just been made or found again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Found {
    New,
    Known,
}

/// Make the set of the present template, or give the one that is there the newest revision.
async fn current_set(hand: &mut Hand, rollout: &Rollout) -> Option<(Arc<Object>, Option<Found>)> {
    let deployment = &rollout.deployment;
    let highest = rollout.old.iter().map(|set| revision(set)).max().unwrap_or(0);
    if let Some(current) = &rollout.current {
        let known = revision(current);
        if known > highest || rollout.old.is_empty() {
            renumber(hand, deployment, known).await;
            return Some((noted(hand, deployment, current).await, None));
        }
        let next = highest + 1;
        let key = Key::new(Kind::ReplicaSet, current.namespace(), current.name());
        let change = |value: &mut Value| {
            let annotations = map_mut(&mut value["metadata"], "annotations");
            let before = annotations.get(HISTORY).and_then(Value::as_str).unwrap_or_default().to_owned();
            let history = if before.is_empty() { known.to_string() } else { format!("{before},{known}") };
            annotations.insert(HISTORY.to_owned(), json!(history));
            annotations.insert(REVISION.to_owned(), json!(next.to_string()));
        };
        let current = hand.edit(&key, Part::Main, change).await.ok()?;
        renumber(hand, deployment, next).await;
        return Some((current, Some(Found::Known)));
    }
    let hash = template_hash(&deployment.value()["spec"]["template"]);
    let wanted = rollout.wanted();
    let have: i64 = rollout.old.iter().map(|set| replicas(set)).sum();
    let (surge, _) = bounds(deployment, wanted);
    let count = if deployment.text("/spec/strategy/type") == "Recreate" { wanted } else { (wanted + surge - have).clamp(0, wanted) };
    let mut set = replica_set(deployment, &hash, count);
    map_mut(&mut set["metadata"], "annotations").insert(REVISION.to_owned(), json!((highest + 1).to_string()));
    // What cannot be created now is tried again at the next change.
    let set = hand.create(Kind::ReplicaSet, deployment.namespace(), set).await.ok()?;
    if count > 0 {
        say_scaled(hand, deployment, &set, 0, count);
    }
    renumber(hand, deployment, highest + 1).await;
    Some((set, Some(Found::New)))
}

/// What of a Deployment's annotations its sets bear, too: `kubectl rollout history` reads the cause of a change there.
fn passed_on(deployment: &Object) -> Map<String, Value> {
    let mut annotations = deployment.value().pointer("/metadata/annotations").and_then(Value::as_object).cloned().unwrap_or_default();
    annotations.retain(|key, _| key != "kubectl.kubernetes.io/last-applied-configuration" && !key.starts_with("deployment.kubernetes.io/"));
    annotations
}

/// The set with its Deployment's annotations.
async fn noted(hand: &mut Hand, deployment: &Object, set: &Arc<Object>) -> Arc<Object> {
    let passed = passed_on(deployment);
    if passed.iter().all(|(key, note)| set.annotation(key) == note.as_str().unwrap_or_default()) {
        return set.clone();
    }
    let key = Key::new(Kind::ReplicaSet, set.namespace(), set.name());
    let change = |value: &mut Value| map_mut(&mut value["metadata"], "annotations").extend(passed.clone());
    // What cannot be changed now is tried again at the next change.
    hand.edit(&key, Part::Main, change).await.unwrap_or_else(|_| set.clone())
}

fn revision(set: &Object) -> i64 {
    set.annotation(REVISION).parse().unwrap_or(0)
}

async fn renumber(hand: &mut Hand, deployment: &Object, revision: i64) {
    if deployment.annotation(REVISION) == revision.to_string() {
        return;
    }
    let key = Key::new(Kind::Deployment, deployment.namespace(), deployment.name());
    let change = |value: &mut Value| {
        map_mut(&mut value["metadata"], "annotations").insert(REVISION.to_owned(), json!(revision.to_string()));
    };
    // A Deployment that is gone by now needs no number.
    let _ = hand.edit(&key, Part::Main, change).await;
}

/// Wanted replicas of a Deployment or a `ReplicaSet`.
fn replicas(object: &Object) -> i64 {
    object.number("/spec/replicas").unwrap_or(1)
}

/// The `ReplicaSet` of this Deployment's template.
#[must_use]
pub fn replica_set(deployment: &Object, hash: &str, count: i64) -> Value {
    let spec = &deployment.value()["spec"];
    let mut template = spec["template"].clone();
    map_mut(&mut template["metadata"], "labels").insert("pod-template-hash".to_owned(), json!(hash));
    let mut selector = spec["selector"].clone();
    map_mut(&mut selector, "matchLabels").insert("pod-template-hash".to_owned(), json!(hash));
    let mut annotations = passed_on(deployment);
    let wanted = replicas(deployment);
    annotations.insert(DESIRED.to_owned(), json!(wanted.to_string()));
    annotations.insert(MOST.to_owned(), json!((wanted + bounds(deployment, wanted).0).to_string()));
    annotations.insert(REVISION.to_owned(), json!("1"));
    let mut set = json!({
        "apiVersion": "apps/v1", "kind": "ReplicaSet",
        "metadata": {
            "name": format!("{}-{hash}", deployment.name()),
            "labels": template["metadata"]["labels"],
            "annotations": annotations,
            "ownerReferences": [owner_reference(deployment, "apps/v1", "Deployment")],
        },
        "spec": {"replicas": count, "selector": selector, "template": template},
    });
    if let Some(seconds) = deployment.number("/spec/minReadySeconds").filter(|seconds| *seconds > 0) {
        set["spec"]["minReadySeconds"] = json!(seconds);
    }
    let _ = metadata(&mut set);
    set
}

/// `maxSurge` and `maxUnavailable` in pods.
fn bounds(deployment: &Object, wanted: i64) -> (i64, i64) {
    let share = |field: &str, up: bool| {
        let given = deployment.value().pointer(&format!("/spec/strategy/rollingUpdate/{field}")).cloned().unwrap_or(Value::Null);
        super::template::share_of(&given, wanted, up)
    };
    if deployment.text("/spec/strategy/type") == "Recreate" {
        return (0, wanted);
    }
    match (share("maxSurge", true), share("maxUnavailable", false)) {
        (0, 0) => (0, 1),
        (surge, unavailable) => (surge, unavailable.min(wanted)),
    }
}

/// Let a set have so many replicas.
async fn scale(hand: &mut Hand, deployment: &Object, set: &Arc<Object>, to: i64) -> bool {
    let from = replicas(set);
    let wanted = replicas(deployment);
    let most = wanted + bounds(deployment, wanted).0;
    let annotated = set.annotation(DESIRED) == wanted.to_string() && set.annotation(MOST) == most.to_string();
    if from == to && annotated {
        return false;
    }
    let key = Key::new(Kind::ReplicaSet, set.namespace(), set.name());
    let change = |value: &mut Value| {
        value["spec"]["replicas"] = json!(to);
        let annotations = map_mut(&mut value["metadata"], "annotations");
        annotations.insert(DESIRED.to_owned(), json!(wanted.to_string()));
        annotations.insert(MOST.to_owned(), json!(most.to_string()));
    };
    let done = hand.edit(&key, Part::Main, change).await.is_ok();
    if done && from != to {
        say_scaled(hand, deployment, set, from, to);
    }
    done && from != to
}

fn say_scaled(hand: &Hand, deployment: &Object, set: &Object, from: i64, to: i64) {
    let direction = if to >= from { "up" } else { "down" };
    let message = format!("Scaled {direction} replica set {} from {from} to {to}", set.name());
    record(hand, Kind::Deployment, deployment, Note::normal("deployment-controller", "ScalingReplicaSet", &message));
}

//! What a Deployment says of itself.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Found, Rollout, bounds, replicas};
use crate::rehearsal::api::kinds::Kind;
use crate::rehearsal::api::object::{Object, list, text};
use crate::rehearsal::clock;
use crate::rehearsal::controllers::Hand;

/// One condition to be.
struct Says {
    kind: &'static str,
    status: &'static str,
    reason: &'static str,
    message: String,
}

impl Says {
    fn progressing(status: &'static str, reason: &'static str, message: String) -> Self {
        Self { kind: "Progressing", status, reason, message }
    }

    /// Put it among the conditions: at the end if it is news, nowhere if it is not.
    fn put(self, conditions: &mut Vec<Value>, now: &str) {
        let old = conditions.iter().find(|c| c["type"] == self.kind);
        if old.is_some_and(|old| old["status"] == self.status && old["reason"] == self.reason) {
            return;
        }
        let since = old.filter(|old| old["status"] == self.status).map_or(json!(now), |old| old["lastTransitionTime"].clone());
        conditions.retain(|c| c["type"] != self.kind);
        conditions.push(json!({"type": self.kind, "status": self.status, "lastUpdateTime": now, "lastTransitionTime": since,
            "reason": self.reason, "message": self.message}));
    }
}

/// Counts of a Deployment: all, updated, ready, available, terminating.
struct Tally {
    all: i64,
    updated: i64,
    ready: i64,
    available: i64,
    terminating: i64,
}

impl Tally {
    fn of(rollout: &Rollout) -> Self {
        let sum = |field: &str| rollout.all().map(|set| set.number(&format!("/status/{field}")).unwrap_or(0)).sum::<i64>();
        Self {
            all: sum("replicas"),
            updated: rollout.current.as_ref().and_then(|set| set.number("/status/replicas")).unwrap_or(0),
            ready: sum("readyReplicas"),
            available: sum("availableReplicas"),
            terminating: sum("terminatingReplicas"),
        }
    }

    fn complete(&self, wanted: i64) -> bool {
        self.updated == wanted && self.all == wanted && self.available == wanted
    }

    fn write(&self, deployment: &Object) -> Value {
        let mut status = json!({"observedGeneration": deployment.number("/metadata/generation").unwrap_or(1)});
        let counts = [
            ("replicas", self.all),
            ("updatedReplicas", self.updated),
            ("readyReplicas", self.ready),
            ("availableReplicas", self.available),
            ("unavailableReplicas", replicas(deployment).max(self.all) - self.available),
        ];
        for (field, count) in counts.iter().filter(|(_, count)| *count > 0) {
            status[field] = json!(count);
        }
        status["terminatingReplicas"] = json!(self.terminating);
        status
    }
}

/// Whether the rollout is over.
pub fn complete(rollout: &Rollout) -> bool {
    rollout.current.is_some() && Tally::of(rollout).complete(rollout.wanted())
}

fn availability(deployment: &Object, available: i64) -> Says {
    let wanted = replicas(deployment);
    let enough = available >= wanted - bounds(deployment, wanted).1;
    let (status, reason, message) = if enough {
        ("True", "MinimumReplicasAvailable", "Deployment has minimum availability.")
    } else {
        ("False", "MinimumReplicasUnavailable", "Deployment does not have minimum availability.")
    };
    Says { kind: "Available", status, reason, message: message.to_owned() }
}

/// Write the status. Says when the rollout will be too late, if it goes on.
pub async fn write(hand: &mut Hand, rollout: &Rollout, found: Option<Found>) -> Option<Duration> {
    let deployment = &rollout.deployment;
    let tally = Tally::of(rollout);
    let now = hand.stamp();
    let old = deployment.list("/status/conditions");
    let mut conditions = old.to_vec();
    let deadline = deployment.number("/spec/progressDeadlineSeconds").filter(|seconds| *seconds < i64::from(i32::MAX));
    let reason = |conditions: &[Value]| {
        conditions.iter().find(|c| c["type"] == "Progressing").map(|c| text(c, "/reason").to_owned()).unwrap_or_default()
    };
    let paused = deployment.value()["spec"]["paused"] == true;
    let name = rollout.current.as_ref().map(|set| set.name().to_owned());
    let told = |what: &str| {
        name.as_ref().map_or_else(|| format!("Deployment \"{}\" {what}", deployment.name()), |set| format!("ReplicaSet \"{set}\" {what}"))
    };
    let mut late = None;
    if deadline.is_some() {
        let set = name.clone().unwrap_or_default();
        match (paused, reason(&conditions).as_str()) {
            (true, known) if known != "DeploymentPaused" => {
                Says::progressing("Unknown", "DeploymentPaused", "Deployment is paused".to_owned()).put(&mut conditions, &now);
            }
            (false, "DeploymentPaused") => {
                Says::progressing("Unknown", "DeploymentResumed", "Deployment is resumed".to_owned()).put(&mut conditions, &now);
            }
            _ => {}
        }
        match found {
            Some(Found::New) => {
                Says::progressing("True", "NewReplicaSetCreated", format!("Created new replica set \"{set}\"")).put(&mut conditions, &now);
            }
            Some(Found::Known) => {
                Says::progressing("True", "FoundNewReplicaSet", format!("Found new replica set \"{set}\"")).put(&mut conditions, &now);
            }
            None => {}
        }
    }
    availability(deployment, tally.available).put(&mut conditions, &now);
    if let Some(deadline) = deadline.filter(|_| !paused) {
        let known = reason(&conditions);
        let over = tally.all == tally.updated && known == "NewReplicaSetAvailable";
        let before = |field: &str| deployment.number(&format!("/status/{field}")).unwrap_or(0);
        let moved = tally.updated > before("updatedReplicas")
            || tally.all - tally.updated < before("replicas") - before("updatedReplicas")
            || tally.ready > before("readyReplicas")
            || tally.available > before("availableReplicas");
        if over {
            // It is told once that a rollout has come to its end; pods that come and go later are no rollout.
        } else if tally.complete(rollout.wanted()) {
            Says::progressing("True", "NewReplicaSetAvailable", told("has successfully progressed.")).put(&mut conditions, &now);
        } else if moved {
            let since =
                conditions.iter().find(|c| c["type"] == "Progressing" && c["status"] == "True").map(|c| c["lastTransitionTime"].clone());
            conditions.retain(|c| c["type"] != "Progressing");
            conditions.push(json!({"type": "Progressing", "status": "True", "lastUpdateTime": now, "lastTransitionTime": since.unwrap_or_else(|| json!(now)),
                "reason": "ReplicaSetUpdated", "message": told("is progressing.")}));
        } else if let Some(condition) = conditions.iter().find(|c| c["type"] == "Progressing").cloned() {
            let since = clock::parse(text(&condition, "/lastUpdateTime")).unwrap_or_default();
            let left = since + chrono::Duration::seconds(deadline) - hand.now();
            if left <= chrono::Duration::zero() {
                Says::progressing("False", "ProgressDeadlineExceeded", told("has timed out progressing.")).put(&mut conditions, &now);
            }
        }
        if !matches!(reason(&conditions).as_str(), "NewReplicaSetAvailable" | "ProgressDeadlineExceeded") {
            late = Some(Duration::from_secs(u64::try_from(deadline).unwrap_or(0) + 1));
        }
    }
    conditions.retain(|c| c["type"] != "ReplicaFailure");
    let failure = rollout.all().flat_map(|set| set.list("/status/conditions")).find(|c| c["type"] == "ReplicaFailure");
    if let Some(failure) = failure {
        let mut failure = failure.clone();
        failure["lastUpdateTime"] = failure["lastTransitionTime"].clone();
        conditions.push(failure);
    }
    let mut status = tally.write(deployment);
    status["conditions"] = json!(conditions);
    if deployment.value()["status"] != status {
        // What has changed meanwhile comes by the feed.
        let _ = hand.set_status(Kind::Deployment, deployment, status).await;
    }
    late
}

/// The status of a Deployment that has been there for long, with these counts: all, updated, ready, available.
#[must_use]
pub fn write_status(deployment: &Object, set: &str, [all, updated, ready, available]: [i64; 4], now: &str) -> Value {
    let tally = Tally { all, updated, ready, available, terminating: 0 };
    let mut conditions = list(deployment.value(), "/status/conditions").to_vec();
    availability(deployment, available).put(&mut conditions, now);
    let says = if tally.complete(replicas(deployment)) {
        Says::progressing("True", "NewReplicaSetAvailable", format!("ReplicaSet \"{set}\" has successfully progressed."))
    } else {
        Says::progressing("True", "ReplicaSetUpdated", format!("ReplicaSet \"{set}\" is progressing."))
    };
    says.put(&mut conditions, now);
    let mut status = tally.write(deployment);
    status["conditions"] = json!(conditions);
    status
}

//! The pods of a target: who owns them, and each as one small fact.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use k8s_openapi::api::apps::v1::ReplicaSet;
use k8s_openapi::api::core::v1::{ContainerState, ContainerStatus, Pod, PodCondition};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::runtime::watcher;
use kube::{Api, ResourceExt};

use crate::edge::lean::Lean;
use crate::edge::watching::{Project, follow};
use crate::edge::{Cluster, Inbox, api_error};
use crate::effect::PodRef;
use crate::event::hindrance::{Ended, Hindrance};
use crate::event::{Event, PodFact, Source};
use crate::scenario::model::WorkloadKind;
use crate::text::Untrusted;

/// How much of a message is kept.
const LONGEST: usize = 300;

/// The workload whose pods are meant.
#[derive(Clone, Debug)]
pub struct Owner {
    /// Its kind.
    pub kind: WorkloadKind,
    /// Its uid.
    pub uid: String,
}

pub(super) async fn observe(cluster: Cluster, target: usize, namespace: String, selector: String, owner: Owner, inbox: Inbox) {
    let api: Api<Lean> = Api::namespaced(cluster.client.clone(), &namespace);
    let replica_sets = Api::namespaced(cluster.client.clone(), &namespace);
    let seen = Pods { target, owner, replica_sets, known: BTreeMap::new(), facts: BTreeMap::new() };
    let config = watcher::Config::default().labels(&selector);
    Box::pin(follow(api, config, Source::Pods(target), seen, inbox, cluster.alive.clone())).await;
}

struct Pods {
    target: usize,
    owner: Owner,
    replica_sets: Api<ReplicaSet>,
    /// For each `ReplicaSet` met, whether it is the target's.
    known: BTreeMap<String, bool>,
    facts: BTreeMap<String, PodFact>,
}

impl Pods {
    /// Whether a pod is the target's, by the uid of what controls it.
    async fn is_ours(&mut self, pod: &Pod) -> bool {
        let Some(controller) = pod.owner_references().iter().find(|owner| owner.controller == Some(true)) else { return false };
        if self.owner.kind != WorkloadKind::Deployment {
            return controller.uid == self.owner.uid;
        }
        if let Some(known) = self.known.get(&controller.uid) {
            return *known;
        }
        let found = api_error::within("ReplicaSet", self.replica_sets.get(&controller.name)).await;
        let ours = match found {
            Ok(set) => set.owner_references().iter().any(|owner| owner.controller == Some(true) && owner.uid == self.owner.uid),
            // gone already: its pods are on their way out
            Err(error) if error.is_not_found() => false,
            // not allowed to look: the target's selector has to do
            Err(error) if error.code == Some(403) => true,
            Err(_) => return true,
        };
        self.known.insert(controller.uid.clone(), ours);
        ours
    }
}

impl Project<Lean> for Pods {
    type Kept = PodFact;

    async fn keep(&mut self, Lean(pod): Lean) -> Option<PodFact> {
        self.is_ours(&pod).await.then(|| project(&pod, self.target))
    }

    fn coming(&self, kept: &[PodFact]) -> Option<Event> {
        // what a later list finds is told as one, while the last still stands
        let ready = kept.iter().filter(|fact| fact.ready && fact.deleting.is_none()).count();
        self.facts.is_empty().then(|| Event::PodsComing { target: self.target, seen: count(kept.len()), ready: count(ready) })
    }

    async fn listed(&mut self, mut pods: Vec<PodFact>) -> Vec<Event> {
        pods.sort_by(|a, b| a.pod.cmp(&b.pod));
        self.facts = pods.iter().map(|fact| (fact.pod.uid.clone(), fact.clone())).collect();
        vec![Event::PodsListed { target: self.target, pods }]
    }

    async fn applied(&mut self, Lean(pod): Lean) -> Vec<Event> {
        if !self.is_ours(&pod).await {
            return Vec::new();
        }
        let fact = project(&pod, self.target);
        if self.facts.get(&fact.pod.uid) == Some(&fact) {
            return Vec::new();
        }
        self.facts.insert(fact.pod.uid.clone(), fact.clone());
        vec![Event::PodSeen(fact)]
    }

    fn deleted(&mut self, Lean(pod): Lean) -> Vec<Event> {
        let uid = pod.uid().unwrap_or_default();
        let Some(known) = self.facts.remove(&uid) else { return Vec::new() };
        // a pod may go without its deletion having been seen to be asked for
        let fact = project(&pod, self.target);
        let mut events = Vec::new();
        if fact.deleting.is_some() && known.deleting.is_none() {
            events.push(Event::PodSeen(fact));
        }
        events.push(Event::PodGone { uid });
        events
    }
}

/// A pod as one fact.
#[must_use]
pub fn project(pod: &Pod, target: usize) -> PodFact {
    let status = pod.status.as_ref();
    let condition = |kind: &str| status?.conditions.iter().flatten().find(|condition| condition.type_ == kind);
    let since = |kind: &str, wanted: &str| condition(kind).filter(|c| c.status == wanted)?.last_transition_time.as_ref().map(wall);
    let containers: Vec<&ContainerStatus> = status.and_then(|s| s.container_statuses.as_ref()).into_iter().flatten().collect();
    let running = |container: &&ContainerStatus| container.state.as_ref().and_then(|state| state.running.as_ref()).is_some();
    let started_at = |container: &&ContainerStatus| container.state.as_ref()?.running.as_ref()?.started_at.as_ref().map(wall);
    let all = pod.spec.as_ref().map_or(0, |spec| spec.containers.len());
    let all_run = containers.len() == all && containers.iter().all(running);
    let grace = pod.metadata.deletion_grace_period_seconds.unwrap_or(0);
    PodFact {
        target,
        pod: PodRef { namespace: pod.namespace().unwrap_or_default(), name: pod.name_any(), uid: pod.uid().unwrap_or_default() },
        owner: pod.owner_references().iter().find(|owner| owner.controller == Some(true)).map(|owner| owner.uid.clone()),
        node: pod.spec.as_ref().and_then(|spec| spec.node_name.clone()).map(Untrusted::from),
        labels: pod.labels().clone(),
        state: state(pod, &containers).into(),
        containers: (count(containers.iter().filter(|container| container.ready).count()), count(all)),
        restarts: containers.iter().map(|container| u32::try_from(container.restart_count).unwrap_or(0)).sum(),
        hindrance: hindrance(pod),
        ready: condition("Ready").is_some_and(|c| c.status == "True"),
        ready_since: condition("Ready").and_then(|c| c.last_transition_time.as_ref()).map(wall),
        created: pod.metadata.creation_timestamp.as_ref().map(wall),
        scheduled: since("PodScheduled", "True"),
        started: if all_run { containers.iter().filter_map(started_at).max() } else { None },
        deleting: pod.metadata.deletion_timestamp.as_ref().map(|at| {
            let asked = chrono::Duration::try_seconds(grace).and_then(|grace| wall(at).checked_sub_signed(grace));
            asked.unwrap_or_else(|| wall(at))
        }),
    }
}

/// The one word that `kubectl get pods` shows as STATUS.
fn state(pod: &Pod, containers: &[&ContainerStatus]) -> String {
    if pod.metadata.deletion_timestamp.is_some() {
        return "Terminating".to_owned();
    }
    let reasons: BTreeSet<&str> = containers
        .iter()
        .filter_map(|container| {
            let state = container.state.as_ref()?;
            let waiting = state.waiting.as_ref().and_then(|waiting| waiting.reason.as_deref());
            waiting.or_else(|| state.terminated.as_ref().and_then(|terminated| terminated.reason.as_deref()))
        })
        .collect();
    let status = pod.status.as_ref();
    let phase = status.and_then(|s| s.phase.as_deref()).unwrap_or("Unknown");
    let own = status.and_then(|s| s.reason.as_deref());
    reasons.first().copied().or(own).unwrap_or(phase).to_owned()
}

/// Why it is not ready, as its status has it: that no node takes it, what a container waits for, or how one ended. What is only
/// on its way (`ContainerCreating`) is no hindrance.
fn hindrance(pod: &Pod) -> Option<Hindrance> {
    let status = pod.status.as_ref()?;
    let condition = |kind: &str| status.conditions.iter().flatten().find(|condition| condition.type_ == kind);
    if pod.metadata.deletion_timestamp.is_some() || condition("Ready").is_some_and(|ready| ready.status == "True") {
        return None;
    }
    let cut = |text: Option<&String>| Untrusted::from(text.map_or_else(String::new, |text| text.chars().take(LONGEST).collect()));
    let whole = |condition: &PodCondition| Hindrance {
        container: None,
        reason: cut(condition.reason.as_ref()),
        message: cut(condition.message.as_ref()),
        ended: None,
    };
    if let Some(unscheduled) = condition("PodScheduled").filter(|condition| condition.status == "False") {
        return Some(whole(unscheduled));
    }
    let ended = |state: Option<&ContainerState>| {
        let ended = state?.terminated.as_ref()?;
        Some(Ended { code: ended.exit_code, reason: cut(ended.reason.as_ref()) })
    };
    let of = |container: &ContainerStatus| {
        let state = container.state.as_ref()?;
        let of = |reason: Option<&String>, message: Option<&String>, ended| Hindrance {
            container: Some(container.name.as_str().into()),
            reason: cut(reason),
            message: cut(message),
            ended,
        };
        if let Some(waiting) = &state.waiting {
            let reason = waiting.reason.as_ref().filter(|reason| !matches!(reason.as_str(), "ContainerCreating" | "PodInitializing"))?;
            return Some(of(Some(reason), waiting.message.as_ref(), ended(container.last_state.as_ref())));
        }
        let over = state.terminated.as_ref().filter(|over| over.exit_code != 0)?;
        Some(of(over.reason.as_ref(), over.message.as_ref(), ended(Some(state))))
    };
    let containers = status.init_container_statuses.iter().chain(&status.container_statuses).flatten();
    containers.filter(|container| !container.ready).find_map(of).or_else(|| {
        let gate = |condition: &&PodCondition| condition.reason.as_deref() == Some("ReadinessGatesNotReady");
        condition("Ready").filter(gate).map(whole)
    })
}

fn count(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

/// Kubernetes' time (jiff) as our calendar's (chrono): the one place where they meet.
#[must_use]
pub fn wall(time: &Time) -> DateTime<Utc> {
    DateTime::from_timestamp(time.0.as_second(), u32::try_from(time.0.subsec_nanosecond()).unwrap_or(0)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    /// Its container, reason, message, and how its last process ended.
    fn found(status: &Value) -> Option<String> {
        let pod = json!({"metadata": {"name": "a"}, "spec": {"containers": [{"name": "c"}]}, "status": status});
        let pod: Pod = serde_json::from_value(pod).unwrap();
        let found = project(&pod, 0).hindrance?;
        let container = found.container.as_ref().map_or("–", |name| name.raw());
        let ended = found.ended.as_ref().map_or_else(String::new, |ended| format!("; {} {}", ended.code, ended.reason));
        Some(format!("{container}: {}: {}{ended}", found.reason, found.message))
    }

    fn of(state: &Value, last: &Value) -> Value {
        let container =
            json!({"name": "c", "image": "", "imageID": "", "ready": false, "restartCount": 4, "state": state, "lastState": last});
        json!({"containerStatuses": [container]})
    }

    #[test]
    fn hindrance_should_be_what_the_status_says_and_nothing_while_a_pod_is_on_its_way() {
        let waiting = |reason: &str| json!({"waiting": {"reason": reason, "message": "why"}});
        let condition =
            |kind: &str, status: &str, reason: &str| json!([{"type": kind, "status": status, "reason": reason, "message": "why"}]);
        let killed = json!({"terminated": {"exitCode": 137, "reason": "OOMKilled"}});
        let mut ready = of(&waiting("CrashLoopBackOff"), &json!({}));
        ready["conditions"] = condition("Ready", "True", "");
        for (status, wanted) in [
            (json!({"conditions": condition("PodScheduled", "False", "Unschedulable")}), Some("–: Unschedulable: why")),
            (of(&waiting("ImagePullBackOff"), &json!({})), Some("c: ImagePullBackOff: why")),
            (of(&waiting("CrashLoopBackOff"), &killed), Some("c: CrashLoopBackOff: why; 137 OOMKilled")),
            (of(&killed, &json!({})), Some("c: OOMKilled: ; 137 OOMKilled")),
            (json!({"conditions": condition("Ready", "False", "ReadinessGatesNotReady")}), Some("–: ReadinessGatesNotReady: why")),
            (of(&waiting("ContainerCreating"), &json!({})), None),
            (of(&json!({"running": {}}), &json!({})), None),
            (ready, None),
        ] {
            assert_eq!(found(&status).as_deref(), wanted, "{status}");
        }
    }
}

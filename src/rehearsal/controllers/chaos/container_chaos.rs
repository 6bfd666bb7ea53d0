//! `StressChaos`, `DNSChaos` and `TimeChaos`: one call to the daemon for each container, and nothing to wait for.
//!
//! What `TimeChaos` does to a process nobody else can see: it lives and ends, and touches no request here.

use std::sync::Arc;

use serde_json::{Value, json};

use super::daemon::{NameFault, Size, Stress, call};
use super::experiment::record_target;
use super::go::{self, Amount};
use super::records::{INJECTED, NOT_INJECTED, Work};
use super::rules::source;
use crate::rehearsal::api::kinds::Kind;
use crate::rehearsal::api::object::{Object, number, text};
use crate::rehearsal::api::store::Key;
use crate::rehearsal::controllers::Hand;

/// Why a container cannot be called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unreached {
    /// It is not there.
    Gone(String),
    /// Its daemon is not there, or answers with an error.
    Failed(String),
}

impl Unreached {
    /// The words for the record and the event.
    #[must_use]
    pub fn why(self) -> String {
        match self {
            Self::Gone(why) | Self::Failed(why) => why,
        }
    }
}

/// The pod of a record and the id of its container.
///
/// # Errors
/// When there is no such container.
pub fn container(hand: &Hand, record: &Value) -> Result<(Arc<Object>, String), Unreached> {
    let (namespace, name, container) = record_target(record);
    let gone = || Unreached::Gone(format!("container with id {} not found: container not found", text(record, "/id")));
    let pod = hand.get(&Key::new(Kind::Pod, namespace, name)).ok_or_else(gone)?;
    let statuses = pod.list("/status/containerStatuses");
    let id = statuses.iter().find(|status| text(status, "/name") == container).map(|status| text(status, "/containerID").to_owned());
    let id = id.filter(|id| !id.is_empty()).ok_or_else(gone)?;
    Ok((pod, id))
}

/// Apply to the container of a record, or recover it.
///
/// # Errors
/// Why not, for the record and the event.
pub async fn operate(
    hand: &mut Hand,
    kind: Kind,
    experiment: &Object,
    record: &Value,
    work: &mut Work,
    recovering: bool,
) -> Result<&'static str, String> {
    let reached = match container(hand, record) {
        Ok((pod, id)) => call(hand, &pod).await.map(|()| (pod, id)),
        Err(gone) => Err(gone),
    };
    let (pod, container_id) = match reached {
        // A container that is gone has recovered.
        Err(Unreached::Gone(_)) if recovering => {
            let (namespace, name, container) = record_target(record);
            hand.ground(|ground| ground.daemon.end(namespace, name, container, &source(experiment)));
            return Ok(NOT_INJECTED);
        }
        // The real one looks away when the daemon cannot end the stress: it stays as it is, and nobody tries again.
        Err(Unreached::Failed(why)) if recovering && kind == Kind::StressChaos && why.starts_with("rpc error") => return Ok(INJECTED),
        other => other.map_err(Unreached::why)?,
    };
    if kind == Kind::StressChaos {
        stress(hand, experiment, record, work, (&pod, container_id.clone()), recovering);
    }
    if kind == Kind::DNSChaos {
        mislead(hand, experiment, record, container_id, recovering);
    }
    Ok(if recovering { NOT_INJECTED } else { INJECTED })
}

fn mislead(hand: &Hand, experiment: &Object, record: &Value, container_id: String, recovering: bool) {
    let (namespace, pod, container) = record_target(record);
    let source = source(experiment);
    hand.ground(|ground| {
        ground.daemon.end(namespace, pod, container, &source);
        if !recovering {
            ground.daemon.mislead(NameFault {
                namespace: namespace.to_owned(),
                pod: pod.to_owned(),
                container_id,
                source,
                astray: experiment.text("/spec/action") == "random",
                patterns: experiment.list("/spec/patterns").iter().filter_map(|pattern| pattern.as_str().map(str::to_owned)).collect(),
            });
        }
    });
}

fn stress(hand: &mut Hand, experiment: &Object, record: &Value, work: &mut Work, target: (&Object, String), recovering: bool) {
    let (pod, container_id) = target;
    let (namespace, name, container) = record_target(record);
    let id = text(record, "/id").to_owned();
    let source = source(experiment);
    if recovering {
        work.instances.shift_remove(&id);
        hand.ground(|ground| ground.daemon.end(namespace, name, container, &source));
        return;
    }
    if work.instances.contains_key(&id) {
        return;
    }
    // The text of stressngStressors never reaches the daemon, and where it is given the rest does not either.
    let spec = &experiment.value()["spec"];
    let heard = text(spec, "/stressngStressors").is_empty();
    let workers = |pointer: &str| number(spec, pointer).filter(|_| heard).and_then(|n| u32::try_from(n).ok()).unwrap_or(0);
    let stress = Stress {
        namespace: namespace.to_owned(),
        pod: name.to_owned(),
        container: container.to_owned(),
        container_id,
        source,
        cpu_workers: workers("/stressors/cpu/workers"),
        cpu_load: f64::from(number(spec, "/stressors/cpu/load").and_then(|n| i32::try_from(n).ok()).unwrap_or(100)) / 100.0,
        memory_workers: workers("/stressors/memory/workers"),
        memory: size(text(spec, "/stressors/memory/size")),
    };
    work.instances.insert(id, instance(hand, &stress, pod));
    if stress.cpu_workers + stress.memory_workers > 0 {
        hand.ground(|ground| ground.daemon.begin(stress));
    }
}

fn size(given: &str) -> Size {
    match go::bytes(given) {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a size is not negative; one beyond 64 bits is all there is"
        )]
        Ok(Some(Amount::Bytes(bytes))) => Size::Bytes(bytes as u64),
        #[expect(clippy::cast_precision_loss, reason = "at most 100")]
        Ok(Some(Amount::Percent(percent))) => Size::Share(percent as f64 / 100.0),
        Ok(None) | Err(_) => Size::All,
    }
}

/// What the status says of the processes: a process that was not started has no number and began with the Unix epoch.
fn instance(hand: &Hand, stress: &Stress, pod: &Object) -> Value {
    let mut rolls = hand.stream(|moment| format!("stress/{}/{moment}", pod.uid()));
    let mut entry = json!({});
    for (workers, uid, start) in [(stress.cpu_workers, "uid", "startTime"), (stress.memory_workers, "memoryUid", "memoryStartTime")] {
        if workers > 0 {
            entry[uid] = json!((1000 + rolls.below(30_000)).to_string());
            entry[start] = json!(hand.stamp());
        } else {
            entry[start] = json!("1970-01-01T00:00:00Z");
        }
    }
    entry
}

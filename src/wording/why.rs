//! Why a replica is not back, in one line that names the cause and what it is about.

use crate::clock::{At, say};
use crate::event::ReportedFact;
use crate::event::hindrance::Hindrance;
use crate::run::Run;
use crate::run::why::{Cause, Why};
use crate::text::Untrusted;

/// How much of a message from outside is told.
const LONGEST: usize = 200;

/// `9kq2x is not back: its image can't be pulled: …`.
#[must_use]
pub fn line(run: &Run, why: &Why<'_>, now: At) -> String {
    let who = match (why.pod, run.scenario().targets.get(why.target)) {
        (Some(pod), _) => format!("{} is not back", pod.fact.pod.short()),
        (None, Some(target)) => format!("a pod of {} is not made", Untrusted::from(target.name.as_str())),
        (None, None) => "a pod is not made".to_owned(),
    };
    format!("{who}: {}", cause(why, now))
}

/// The cause alone.
#[must_use]
pub fn cause(why: &Why<'_>, now: At) -> String {
    match why.cause {
        Cause::Status(hindrance) => status(hindrance),
        Cause::Told(fact, at) => format!("{}, {} ago", told(fact), say(now.since(at))),
    }
}

/// What a pod's status says.
#[must_use]
pub fn status(hindrance: &Hindrance) -> String {
    // what a remote call failed with stands behind how it is told
    let plain = match hindrance.message.raw().rsplit_once(" desc = ") {
        Some((call, desc)) if call.contains("rpc error: ") => Untrusted::from(desc),
        Some(_) | None => hindrance.message.clone(),
    };
    let message = plain.short(LONGEST);
    let container = hindrance.container.as_ref().map_or_else(|| "it".to_owned(), |name| format!("container {}", name.short(60)));
    let with = |what: String| if message.is_empty() { what } else { format!("{what}: {message}") };
    let ended = hindrance.ended.as_ref().map(|ended| match ended.reason.raw() {
        "" | "Error" => format!("ended with {}", ended.code),
        reason => format!("ended with {} ({})", ended.code, Untrusted::from(reason).short(40)),
    });
    match hindrance.reason.raw() {
        "Unschedulable" | "SchedulingGated" => with("no node takes it".to_owned()),
        "ErrImagePull" | "ImagePullBackOff" | "InvalidImageName" | "ErrImageNeverPull" | "RegistryUnavailable" => {
            with(format!("the image of {container} can't be pulled"))
        }
        "CreateContainerConfigError" => with(format!("{container} can't be configured")),
        "CreateContainerError" | "RunContainerError" | "StartError" | "ContainerCannotRun" => with(format!("{container} can't be started")),
        "CrashLoopBackOff" => format!("{container} crashes again and again: {}", ended.unwrap_or(message)),
        "ReadinessGatesNotReady" => with("a readiness gate is not open".to_owned()),
        "" => with("its status does not say more".to_owned()),
        reason => match ended {
            Some(ended) => format!("{container} {ended}"),
            None => with(format!("{container}: {}", Untrusted::from(reason).short(60))),
        },
    }
}

/// What an Event says.
fn told(fact: &ReportedFact) -> String {
    let message = fact.message.short(LONGEST);
    match fact.reason.raw() {
        // its message begins with which probe it is
        "Unhealthy" => message,
        "FailedScheduling" => format!("no node takes it: {message}"),
        "FailedMount" | "FailedAttachVolume" => format!("a volume can't be mounted: {message}"),
        "NodeNotReady" => format!("its node is not ready: {message}"),
        "ProvisioningFailed" | "FailedBinding" => format!("claim {} is not bound: {message}", fact.name.short(60)),
        reason => format!("{} of {} {}: {message}", Untrusted::from(reason).short(40), fact.kind.short(40), fact.name.short(60)),
    }
}

//! The sentence for everything: every face and report uses the same.
//!
//! Text from outside arrives as [`Untrusted`] and is shown by its safe form.

mod criteria;
mod end;
pub mod home;
pub mod live;
pub mod margin;
mod numbers;
pub mod preflight;
mod probes;
pub mod residue;
pub mod seat;
pub mod stuck;
mod undo;
pub mod why;

use std::time::Duration;

use crate::clock::{At, go, say};
use crate::command::{AbortedBy, Answer};
use crate::effect::PodRef;
use crate::fault::Action;
use crate::manifest::dose::dose;
use crate::run::Run;
use crate::run::ledger::{FaultState, Via};
use crate::run::phase::Phase;
use crate::run::recovery::{Back, Stage};
use crate::run::timeline::{List, Moment, Noted};
use crate::run::verdicts::Standing;
use crate::run::victims::Share;
use crate::scenario::model::StepAction;
use crate::text::Untrusted;

use self::end::{ending, sealed};

pub use self::criteria::{bound_of, criterion, evidence, stop, stop_evidence, stop_standing};
pub use self::end::{outcome, verdict, why};
pub use self::numbers::number;
pub use self::undo::undo;

/// The sentence of one moment.
#[must_use]
pub fn moment(run: &Run, moment: &Moment) -> String {
    match &moment.noted {
        Noted::Connected => connected(run),
        Noted::Ready => "preflight passed".to_owned(),
        Noted::Checked(point) => preflight::told(point),
        Noted::Mistyped(typed) => format!("typed {}, which does not begin this run", typed.short(60)),
        Noted::Refused(why) => format!("refused: {why}"),
        Noted::Started => "started".to_owned(),
        Noted::Steady => "steady state holds".to_owned(),
        Noted::StepBegan(index) => step_began(run, *index),
        Noted::Held(index) => format!("waits for the leader: {}", step_name(run, *index)),
        Noted::Released(index) => format!("let begin: {}", step_name(run, *index)),
        Noted::Answered(index, Answer::Done) => format!("done: {}", step_name(run, *index)),
        Noted::Answered(index, Answer::Failed { why }) => format!("could not be done: {}: {}", step_name(run, *index), why.short(160)),
        Noted::Skipped(index) => format!("skipped: the rest of {}", step_name(run, *index)),
        Noted::FaultAsked(id) if id.is_brake() => with_fault(run, *id, |state| format!("brake: asked for {}", fault(state))),
        Noted::Braked(id) => with_fault(run, *id, |state| format!("brake works: {}", Untrusted::from(state.braked()))),
        Noted::FaultAsked(id) => with_fault(run, *id, |state| format!("fault asked: {}", fault(state))),
        Noted::Hit(id, pod) => with_fault(run, *id, |state| {
            format!("{} {}", pod.short(), if state.cuts() { "selected by the policy" } else { hit(&state.fault.action) })
        }),
        Noted::InEffect(id) => with_fault(run, *id, |state| format!("{} {}", undo::in_effect(state), pods(state))),
        Noted::NotInEffect(_, why) => format!("not in effect: {why}"),
        Noted::PodCreated(pod) => format!("{} created", pod.short()),
        Noted::PodReady(pod) => format!("{} ready", pod.short()),
        Noted::PodUnready(pod, state) => format!("{} not ready: {}", pod.short(), state.short(60)),
        Noted::PodRestarted(pod, restarts) => format!("{} restarted, {restarts} in all", pod.short()),
        Noted::PodDeleted(pod) => format!("{} deleted, not by this run", pod.short()),
        Noted::Recovered(_, back) => recovered(back),
        Noted::Violated(list, index) => violated(run, *list, *index),
        Noted::Eased(list, index, lasted) => eased(run, *list, *index, *lasted),
        Noted::Decided(list, index, standing) => decided(run, *list, *index, *standing),
        Noted::Lost(source, why) => format!("{source} lost: {}", why.short(160)),
        Noted::Back(source, blind) => format!("{source} back after {} blind", say(*blind)),
        Noted::LiftAsked(_, object, 1) => format!("deleting {object}"),
        Noted::LiftAsked(_, object, attempt) => format!("deleting {object}, try {attempt}"),
        Noted::LiftTrouble(_, why) => format!("undo not done yet: {}", why.short(160)),
        Noted::Overdue(id) => with_fault(run, *id, |state| format!("OVERDUE: {} is past its time and not seen lifted", fault(state))),
        Noted::RoundInEffect(..) | Noted::RoundLifted(..) | Noted::RoundOverdue(..) => undo::round(run, &moment.noted),
        Noted::Stuck(id) => {
            with_fault(run, *id, |state| stuck::held_by(state).map_or_else(String::new, |held| format!("STUCK: {}, {held}", fault(state))))
        }
        Noted::WayOut(id, way) => with_fault(run, *id, |state| stuck::ways(run, state).into_iter().nth(*way).unwrap_or_default()),
        Noted::Lifted(id) => with_fault(run, *id, stuck::lifted),
        Noted::Removed(id) => with_fault(run, *id, |state| format!("object removed: {}", fault(state))),
        Noted::HandedOver(id, object) => with_fault(run, *id, |state| stuck::left_behind(run, state, object)),
        Noted::Hindered(pod, hindrance) => format!("{} is not back: {}", pod.short(), why::status(hindrance)),
        Noted::Warned(fact, times) => {
            let again = match times.count {
                0 | 1 => String::new(),
                count => format!(" ({count} times, last {})", t_plus(run, times.last)),
            };
            // a message may be cut: the count stands before it
            format!("{} {}: {}{again}: {}", fact.kind, fact.name.short(60), fact.reason, fact.message.short(160))
        }
        Noted::Note(author, text) => format!("note: {text} — {author}"),
        Noted::Aborted(by) => format!("stop and undo asked for: {}", aborted(*by)),
        Noted::Unclaimed(why) => format!("no Lease, so others can't see or stop this run: {}", why.short(160)),
        Noted::Claimed => "the Lease is taken after all: others can see and stop this run".to_owned(),
        Noted::Left => "left at once; what remains is handed over".to_owned(),
        Noted::Swept => residue::after(run).unwrap_or_default(),
        Noted::Ending(end) => ending(run, end),
        Noted::Settling => "steps over; waiting to be steady again".to_owned(),
        Noted::Sealed(conclusion) => sealed(run, conclusion),
    }
}

fn connected(run: &Run) -> String {
    let Some(cluster) = run.cluster() else { return "connected".to_owned() };
    let chaos = if cluster.chaos_mesh { "Chaos Mesh is served" } else { "no Chaos Mesh" };
    format!("connected to {} ({}), namespace {}; {chaos}", cluster.context, cluster.version, cluster.namespace)
}

fn step_name(run: &Run, index: usize) -> String {
    run.scenario().steps.get(index).map_or_else(String::new, |step| Untrusted::from(step.name.as_str()).to_string())
}

fn step_began(run: &Run, index: usize) -> String {
    match run.scenario().steps.get(index).map(|step| &step.action) {
        Some(StepAction::Observe(span)) => format!("step: {}, for {}", step_name(run, index), go(*span)),
        Some(StepAction::Manual(manual)) => {
            format!("step: {}: {}", step_name(run, index), Untrusted::from(manual.what.as_str()).short(160))
        }
        Some(StepAction::Fault(_) | StepAction::Hold) | None => format!("step: {}", step_name(run, index)),
    }
}

fn with_fault(run: &Run, id: crate::effect::FaultId, say: impl Fn(&FaultState) -> String) -> String {
    run.fault(id).map_or_else(String::new, say)
}

/// A fault by what does it and what it is called: `PodChaos task-api-pod-kill`.
#[must_use]
pub fn fault(state: &FaultState) -> String {
    let name = state.object.as_ref().map_or_else(|| state.fault.name().to_owned(), |(object, _)| object.name.clone());
    let name = Untrusted::from(name);
    if let Some((object, _)) = state.object.as_ref().filter(|_| state.id.is_brake() || state.cuts()) {
        return object.to_string();
    }
    match state.via {
        Some(Via::Agentless) => format!("{} {name}, by gameday itself (no Chaos Mesh object)", state.fault.action),
        Some(Via::ChaosMesh) | None => format!("{} {name}", state.fault.action.kind()),
    }
}

/// What a fault is in one line: `NetworkChaos delay 300ms · one of 3 · for 1m`.
#[must_use]
pub fn fault_line(state: &FaultState) -> String {
    let of = state.candidates().map_or_else(String::new, |pods| format!(" of {}", pods.len()));
    let how = match state.via {
        Some(Via::Agentless) => "agentless",
        Some(Via::ChaosMesh) | None => state.fault.action.kind(),
    };
    let lasts = if state.fault.is_lasting() { format!("for {}", go(state.duration())) } else { "one-shot".to_owned() };
    let dose = Some(dose(&state.fault)).filter(|dose| !dose.is_empty()).map_or_else(String::new, |dose| format!(" {dose}"));
    format!("{how} {}{dose} · {}{of} · {lasts}", state.fault.action, state.fault.mode)
}

/// How far a fault is, in a word or two.
#[must_use]
pub fn fault_state(state: &FaultState) -> &'static str {
    if state.undo.handed_over.is_some() {
        "left behind"
    } else if state.undo.done.is_some() {
        match (state.fault.is_lasting(), state.undo.unseen) {
            (true, true) => "object gone, its end not seen",
            (true, false) => "lifted",
            (false, _) => "done, object removed",
        }
    } else if state.undo.asked.is_some() {
        "lifting"
    } else if state.in_effect.is_some() {
        if state.fault.is_lasting() { "in effect" } else { "done" }
    } else if state.asked.is_some() {
        "asked"
    } else {
        "to come"
    }
}

fn hit(action: &Action) -> &'static str {
    match action {
        Action::PodKill { .. } => "killed",
        Action::PodFailure => "made to fail",
        Action::ContainerKill { .. } => "had its container killed",
        Action::Network { .. } => "under the network fault",
        Action::Io { .. } => "under the file fault",
        Action::Stress { .. } => "under stress",
        Action::Other { .. } => "under the fault",
        Action::Schedule { of, .. } => hit(of),
    }
}

fn pods(state: &FaultState) -> String {
    // a line each has told their whole names
    let names: Vec<String> = state.victims.iter().map(|victim| pod(&victim.pod)).collect();
    match names.len() {
        0 | 1 => state.victims.first().map_or_else(String::new, |victim| victim.pod.to_string()),
        n @ 2..=5 => format!("{n} pods: {}", names.join(", ")),
        n => format!("{n} pods: {}, {}, {} and {} more", names[0], names[1], names[2], n - 3),
    }
}

fn recovered(back: &Back) -> String {
    match back {
        Back::At { span, dips: 1, rounds: 1, .. } => format!("recovered in {span}"),
        Back::At { span, rounds: rounds @ 2.., .. } => format!("recovered in {span}, the slowest of {rounds}"),
        Back::At { span, dips, .. } => format!("recovered in {span}, after {dips} dips"),
        Back::Undisturbed { .. } => "strength was never lost".to_owned(),
        Back::NotAsked | Back::NotYet { .. } => "not recovered".to_owned(),
    }
}

/// A recovery as it stands, in a few words.
#[must_use]
pub fn recovery(run: &Run, back: &Back) -> String {
    match back {
        Back::NotAsked if run.conclusion().is_some() => "never began".to_owned(),
        Back::NotAsked => "not yet".to_owned(),
        Back::NotYet { from } => format!("{} and not back", say(run.now().since(from.at))),
        Back::At { span, rounds: rounds @ 2.., .. } => format!("{span}, the slowest of {rounds}"),
        Back::At { span, .. } => span.to_string(),
        Back::Undisturbed { .. } => "strength was never lost".to_owned(),
    }
}

fn judged_name(run: &Run, list: List, index: usize) -> String {
    run.judged(list, index).map_or_else(String::new, |(name, _)| Untrusted::from(name).to_string())
}

fn violated(run: &Run, list: List, index: usize) -> String {
    let name = judged_name(run, list, index);
    // what may last for a while is not broken yet: nobody should read so
    let allowed = allowed(run, list, index);
    match (list, allowed) {
        (List::StopWhen, None) => format!("stop condition true: {name}"),
        (List::StopWhen, Some(allowed)) => format!("stop condition true: {name} (trips after {})", go(allowed)),
        (_, None) => format!("violated: {name}"),
        (_, Some(allowed)) => format!("violated: {name} ({} allowed)", go(allowed)),
    }
}

/// How long a criterion's bound may be violated, where it may.
fn allowed(run: &Run, list: List, index: usize) -> Option<Duration> {
    let scenario = run.scenario();
    let span = match list {
        List::Criteria => scenario.criteria.get(index)?.violated_for,
        List::StopWhen => scenario.stop_when.get(index)?.true_for,
        List::Gate | List::Proof => return None,
    };
    (!span.is_zero()).then_some(span)
}

fn eased(run: &Run, list: List, index: usize, lasted: Duration) -> String {
    let name = judged_name(run, list, index);
    match allowed(run, list, index).filter(|allowed| lasted < *allowed) {
        Some(allowed) if list == List::StopWhen => format!("{name} no longer true after {} (trips after {})", say(lasted), go(allowed)),
        Some(allowed) => format!("{name} good again after {} ({} allowed)", say(lasted), go(allowed)),
        None => format!("{name} good again after {}", say(lasted)),
    }
}

/// What to add to a verdict of held where the bound was violated, too short to break it.
fn short(run: &Run, list: List, index: usize) -> String {
    let longest = run.judged(list, index).filter(|(_, judged)| judged.violations > 0).map(|(_, judged)| judged.longest);
    match longest.zip(allowed(run, list, index)) {
        Some((longest, allowed)) => format!(" (violated for {} at most, allowed {})", say(longest), go(allowed)),
        None => String::new(),
    }
}

fn decided(run: &Run, list: List, index: usize, verdict: Standing) -> String {
    let name = judged_name(run, list, index);
    match (list, verdict) {
        (List::StopWhen, _) => format!("stop condition tripped: {name}"),
        (List::Proof, Standing::Held) => format!("steady again: {name}"),
        (List::Proof, _) => format!("steady again {}: {name}", standing(verdict)),
        (List::Criteria, Standing::Held) => format!("held: {name}{}", short(run, list, index)),
        (List::Gate | List::Criteria, _) => format!("{}: {name}", standing(verdict)),
    }
}

/// A verdict's word.
#[must_use]
pub const fn standing(standing: Standing) -> &'static str {
    match standing {
        Standing::Pending => "pending",
        Standing::Held => "held",
        Standing::Broken => "broken",
        Standing::Unknown => "unknown",
    }
}

const fn aborted(by: AbortedBy) -> &'static str {
    match by {
        AbortedBy::Key => "by the leader",
        AbortedBy::Interrupt => "Ctrl-C",
        AbortedBy::Terminate => "SIGTERM",
        AbortedBy::Hangup => "the terminal went away",
        AbortedBy::FaceLost => "the output was closed",
        AbortedBy::JournalLost => "the journal can't be written",
        AbortedBy::OtherProcess => "gameday abort",
        AbortedBy::Recovery => "the run had died; gameday recover finishes it",
    }
}

/// A phase's name.
#[must_use]
pub fn phase(run: &Run) -> String {
    match run.phase().0 {
        Phase::Preflight => "preflight".to_owned(),
        Phase::Ready => "ready to start".to_owned(),
        Phase::Gate => "steady state".to_owned(),
        Phase::Steps => steps(run),
        Phase::Settling => "steady again".to_owned(),
        Phase::Undoing(_) => "undoing".to_owned(),
        Phase::Sealed => "debrief".to_owned(),
    }
}

/// The steps that are on: the one that began last, and how many more.
fn steps(run: &Run) -> String {
    let on = run.steps().filter(|(_, state)| state.is_on()).count();
    let name = run.current_step().map_or_else(|| "steps".to_owned(), |(index, _)| step_name(run, index));
    if on > 1 { format!("{name} and {} more", on - 1) } else { name }
}

/// A stage of the waterfall.
#[must_use]
pub const fn stage(stage: Stage) -> &'static str {
    match stage {
        Stage::Hit => "killed",
        Stage::Replaced => "replaced",
        Stage::Scheduled => "scheduled",
        Stage::Started => "started",
        Stage::Ready => "ready",
        Stage::InEndpoints => "in endpoints",
    }
}

/// A stage of a recovery that is waited for.
#[must_use]
pub const fn stage_waited(stage: Stage) -> &'static str {
    match stage {
        Stage::Hit => "being killed",
        Stage::Replaced => "replacing",
        Stage::Scheduled => "scheduling",
        Stage::Started => "starting",
        Stage::Ready => "getting ready",
        Stage::InEndpoints => "to endpoints",
    }
}

/// A share of a workload: `1 of 3 pods of task-api, about 33 % of its capacity`.
#[must_use]
pub fn share(share: &Share) -> String {
    match &share.target {
        Some(target) => format!(
            "{} of {} pods of {}, about {:.0} % of its capacity",
            share.most,
            share.of,
            Untrusted::from(target.name.as_str()),
            share.ratio() * 100.0
        ),
        None => format!("{} of {} pods that belong to no target", share.most, share.matched),
    }
}

/// A pod's last name part, safe to show.
#[must_use]
pub fn pod(pod: &PodRef) -> String {
    pod.short().to_string()
}

/// `T+00:18.4` from the start, `T-00:00.3` before it.
#[must_use]
pub fn t_plus(run: &Run, at: At) -> String {
    match run.begun() {
        // less than what is shown is no time before it
        Some(begun) if at >= begun || begun.since(at) < Duration::from_millis(100) => format!("T+{}", At::ZERO + at.since(begun)),
        Some(begun) => format!("T-{}", At::ZERO + begun.since(at)),
        None => format!("   {at}"),
    }
}

/// A span, as it is said.
#[must_use]
pub fn span(span: Duration) -> String {
    if span < Duration::from_secs(1) { format!("{:.0} ms", span.as_secs_f64() * 1000.0) } else { say(span) }
}

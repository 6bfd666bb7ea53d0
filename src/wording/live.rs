//! Sentences about a run that is under way: they take the moment they are said at.
//!
//! `now` may be later than the newest entry: a clock that runs on between two entries.

use std::time::Duration;

use crate::clock::{At, go, say};
use crate::event::Source;
use crate::run::Run;
use crate::run::fleet::Target;
use crate::run::ledger::{EFFECT_LIMIT, FaultState};
use crate::run::phase::Phase;
use crate::run::recovery::Back;
use crate::run::verdicts::Standing;
use crate::scenario::model::StepAction;
use crate::seat::Seat;
use crate::text::Untrusted;
use crate::wording::{self, stuck};

/// How old the newest answer of a source may be before it is called old.
pub const OLD: Duration = Duration::from_secs(3);

/// A span of the run that has begun and whose end is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ahead {
    /// Its begin.
    pub from: At,
    /// Its end.
    pub to: At,
    /// What its end is, to be followed by a span: `watching ends in`.
    pub what: &'static str,
}

impl Ahead {
    /// How much of it is over at `now`, 0 to 1.
    #[must_use]
    pub fn over(&self, now: At) -> f64 {
        let whole = self.to.since(self.from).as_secs_f64();
        if whole <= 0.0 { 1.0 } else { (now.since(self.from).as_secs_f64() / whole).clamp(0.0, 1.0) }
    }
}

/// What the current phase is heading for, where its moment is known.
#[must_use]
pub fn ahead(run: &Run) -> Option<Ahead> {
    match run.phase().0 {
        Phase::Gate => steady_at(run).map(|(from, to)| Ahead { from, to, what: "steady state proven in" }),
        Phase::Steps => {
            let (index, step) = run.current_step()?;
            let begun = run.step_begun(index)?;
            match &step.action {
                StepAction::Observe(span) => Some(Ahead { from: begun, to: begun + *span, what: "watching ends in" }),
                StepAction::Manual(manual) => Some(Ahead { from: begun, to: begun + manual.timeout, what: "to be done within" }),
                StepAction::Hold => None,
                StepAction::Fault(_) => fault_ahead(run.faults().iter().find(|state| state.id.0 == index)?, begun),
            }
        }
        Phase::Settling => {
            let back = run.recoveries().filter_map(|(_, back)| back.since()).max();
            let lasting = back.map(|from| (from, from + run.stable_for()));
            let (from, to) = lasting.into_iter().chain(steady_at(run)).max_by_key(|(_, to)| *to)?;
            (to > run.now()).then_some(Ahead { from, to, what: "steady again in" })
        }
        Phase::Preflight | Phase::Ready | Phase::Undoing(_) | Phase::Sealed => None,
    }
}

fn fault_ahead(state: &FaultState, begun: At) -> Option<Ahead> {
    match state.in_effect {
        None => {
            let from = state.asked.unwrap_or(begun);
            Some(Ahead { from, to: from + EFFECT_LIMIT, what: "fault not in effect yet; given up in" })
        }
        Some(from) if state.fault.is_lasting() && state.undo.asked.is_none() => {
            Some(Ahead { from, to: from + state.duration(), what: "the fault ends in" })
        }
        Some(_) => None,
    }
}

/// From when, and until when, the steady state must last; `None` while it does not hold.
fn steady_at(run: &Run) -> Option<(At, At)> {
    let mut spans = Vec::new();
    for (criterion, judged) in run.steady().filter(|(_, judged)| judged.standing != Standing::Held) {
        let since = judged.good_since?;
        spans.push((since, since + criterion.stable_for));
    }
    spans.into_iter().max_by_key(|(_, to)| *to)
}

/// What happens next, and when, as it is said to whoever sits in this seat; empty where nobody drives the run any more.
#[must_use]
pub fn next_for(seat: Seat, run: &Run, now: At) -> String {
    if seat == Seat::Leader {
        return next(run, now);
    }
    if wording::seat::is_adrift(seat, run) {
        return String::new();
    }
    match (run.waits_for_person(), run.phase().0) {
        (Some((index, _)), _) if run.step_begun(index).is_none() => "the leader lets it begin".to_owned(),
        (Some((_, step)), _) => format!("the leader says when done: {}", safe(&step.name)),
        (None, Phase::Ready) => "the leader starts".to_owned(),
        (None, _) => next(run, now),
    }
}

/// What happens next, and when, as it is said to the leader.
#[must_use]
pub fn next(run: &Run, now: At) -> String {
    if let Some((index, step)) = run.waits_for_person() {
        // which step it is, the strip above says
        return match (run.step_begun(index), ahead(run)) {
            (None, _) => "Enter lets it begin".to_owned(),
            (Some(_), Some(ahead)) => format!("Enter when done, {} left", left(ahead.to, now)),
            (Some(_), None) => format!("Enter when done: {}", safe(&step.name)),
        };
    }
    if let Some(ahead) = ahead(run) {
        return format!("{} {}", ahead.what, left(ahead.to, now));
    }
    match run.phase().0 {
        Phase::Preflight if run.brake().is_some() => "the brake is tried; nothing of the target can break".to_owned(),
        Phase::Preflight => "everything is looked at first; nothing can break".to_owned(),
        Phase::Ready => "Enter starts".to_owned(),
        Phase::Gate => waits(run, "the steady state"),
        Phase::Settling => {
            let back = run.recoveries().any(|(_, back)| matches!(back, Back::NotYet { .. }));
            if back { "waits until the targets are back".to_owned() } else { waits(run, "the verdicts") }
        }
        Phase::Steps => {
            let lifted = run.faults().iter().rev().find(|state| state.undo.asked.is_some() && state.owes_undo());
            lifted.map_or_else(|| "the next step".to_owned(), |state| lifting(run, state, now))
        }
        Phase::Undoing(_) => match run.all_faults().filter(|state| state.owes_undo()).last() {
            Some(state) => lifting(run, state, now),
            None => "what is left is looked for, then the last entry is written".to_owned(),
        },
        Phase::Sealed => "the run is over".to_owned(),
    }
}

fn waits(run: &Run, what: &str) -> String {
    let name = run.steady().find(|(_, judged)| judged.good_since.is_none()).map(|(criterion, _)| safe(&criterion.name));
    name.map_or_else(|| format!("waits for {what}"), |name| format!("waits until this holds: {name}"))
}

/// How far the undo of a fault is.
#[must_use]
pub fn lifting(run: &Run, state: &FaultState, now: At) -> String {
    let undo = &state.undo;
    let Some(asked) = undo.asked else { return "undo not asked for yet".to_owned() };
    if let Some(done) = undo.done {
        return format!("undone in {}", say(done.since(asked)));
    }
    if undo.handed_over.is_some() {
        return format!("left behind; {}", stuck::finishes(run.header().place.rehearsal));
    }
    let took = say(now.since(asked));
    let accepted = undo.next.is_none() && undo.next_look.is_some();
    match (undo.next.filter(|next| *next > now), accepted) {
        (_, true) => format!("accepted, not seen gone yet; {took} so far"),
        (Some(next), false) if undo.trouble.is_some() => {
            format!("try {} failed; next try in {}; {took} so far", undo.attempts, left(next, now))
        }
        (Some(_), false) => format!("try {} under way; {took} so far", undo.attempts.max(1)),
        (None, false) => format!("asked for; {took} so far"),
    }
}

/// A countdown: tenths, and no jitter in its last digits.
pub(super) fn left(to: At, now: At) -> String {
    let seconds = to.since(now).as_secs_f64();
    if seconds < 99.95 { format!("{seconds:.1} s") } else { say(to.since(now)) }
}

/// Whether the cluster is safe from this run: how it stands, and in a few words why.
#[must_use]
pub fn safety(run: &Run, now: At) -> (Standing, String) {
    let handed = run.all_faults().filter(|state| state.undo.handed_over.is_some()).count();
    if handed > 0 {
        return (Standing::Broken, format!("{} left behind in the cluster", count(handed, "fault")));
    }
    let overdue = run.faults().iter().filter(|state| state.is_overdue(now));
    if let Some((state, end)) = overdue.filter_map(|state| Some((state, state.should_end()?))).max_by_key(|(_, end)| now.since(*end)) {
        let late = say(now.since(end));
        return (Standing::Broken, format!("OVERDUE by {late}: {} is not seen lifted", safe(state.fault.name())));
    }
    if let Some((round, end)) = run.faults().iter().find_map(|state| state.late_round(now)) {
        let late = say(now.since(end));
        return (Standing::Broken, format!("OVERDUE by {late}: {} is not seen lifted", round.name));
    }
    if let Some((stop, _)) = run.stops().find(|(_, judged)| judged.standing == Standing::Broken) {
        return (Standing::Broken, format!("stop condition tripped: {}", safe(&stop.name)));
    }
    if run.begun().is_none() && run.brake().is_some_and(|brake| !brake.is_done()) && run.end().is_none() {
        return (Standing::Pending, "nothing but the brake is on, on a pod of our own".to_owned());
    }
    let owed = run.all_faults().filter(|state| state.undo.asked.is_some() && state.owes_undo()).count();
    if owed > 0 {
        return (Standing::Pending, format!("undoing {}", count(owed, "fault")));
    }
    let vital = |source: &Source| matches!(source, Source::Pods(_) | Source::Workload(_) | Source::Fault(_));
    if let Some((source, since)) = run.blind().find(|(source, _)| vital(source)) {
        return (Standing::Unknown, format!("blind to the {source} for {}", say(now.since(since))));
    }
    if let Some((stop, judged)) = run.stops().find(|(_, judged)| judged.bad_since.is_some()) {
        let since = judged.bad_since.unwrap_or(now);
        return (Standing::Pending, format!("stop condition true for {}, stops after {}", say(now.since(since)), go(stop.true_for)));
    }
    let alive = run.faults().iter().filter(|state| state.is_alive() && state.in_effect.is_some()).count();
    if alive > 0 {
        return (Standing::Pending, with_strength(run, &format!("{} in effect", count(alive, "fault"))));
    }
    let whole = |how: &str, what: &str| strength(run).map_or_else(|| format!("{how}: {what}"), |ready| format!("{how}: {ready}, {what}"));
    if run.fleet().targets.iter().any(|target| target.outages.last().is_some_and(|outage| outage.to.is_none())) {
        let owed = run.all_faults().any(|state| state.fault.is_lasting() && state.owes_undo());
        return (Standing::Pending, whole("degraded", if owed { "its fault is to be undone" } else { "nothing to undo" }));
    }
    // whole pods are not all there is: what must hold does not
    let hurt = run.criteria().chain(run.steady()).any(|(_, judged)| judged.bad_since.is_some());
    let (standing, how, early) = if hurt { (Standing::Pending, "degraded", "not steady") } else { (Standing::Held, "safe", "safe") };
    let said = match (run.touched_anything(), run.phase().0.is_over()) {
        (false, false) => with_strength(run, &format!("{early}: nothing is broken yet")),
        (false, true) => with_strength(run, &format!("{early}: nothing was broken")),
        (true, false) => whole(how, "no fault in effect"),
        (true, true) => whole(how, "nothing left behind"),
    };
    (standing, said)
}

/// How many pods of all targets are ready, of how many; `None` until they are seen.
fn strength(run: &Run) -> Option<String> {
    let targets = &run.fleet().targets;
    let ready: u32 = targets.iter().map(Target::ready).sum::<Option<u32>>()?;
    let desired = targets.iter().map(Target::desired).sum::<Option<u32>>()?;
    (!targets.is_empty()).then(|| self::ready(Some(ready), Some(desired)))
}

/// The same, behind what says more.
fn with_strength(run: &Run, what: &str) -> String {
    strength(run).map_or_else(|| what.to_owned(), |ready| format!("{what}, {ready}"))
}

/// Which criteria are broken: `errors stay under 1 %, recovers within 30s` in at most so many `columns` by `width`, the others
/// counted; `None` where none is.
#[must_use]
pub fn broken(run: &Run, columns: u16, width: impl Fn(&str) -> u16) -> Option<String> {
    let names: Vec<String> = run
        .criteria()
        .filter(|(_, judged)| judged.standing == Standing::Broken)
        .map(|(criterion, _)| Untrusted::from(criterion.name.as_str()).to_string())
        .collect();
    let form = |most: usize| match names.len() - most {
        0 => names.join(", "),
        more => format!("{} and {more} more", names[..most].join(", ")),
    };
    let fits = (1..=names.len()).rev().map(form).find(|said| width(said) <= columns);
    (!names.is_empty()).then(|| fits.unwrap_or_else(|| format!("{} of {}", names.len(), run.scenario().criteria.len())))
}

fn count(n: usize, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}

/// `2 of 3 ready`.
#[must_use]
pub fn ready(ready: Option<u32>, desired: Option<u32>) -> String {
    match (ready, desired) {
        (Some(ready), Some(desired)) => format!("{ready} of {desired} ready"),
        (Some(ready), None) => format!("{ready} ready"),
        (None, _) => "not seen yet".to_owned(),
    }
}

/// What is said of the watches while all of them are live.
pub const LIVE: &str = "cluster live";

/// The sources, each with how it stands: `cluster live`, `prometheus 0.8s ago`.
#[must_use]
pub fn sources(run: &Run, now: At) -> Vec<(Standing, String)> {
    let mut said = Vec::new();
    if run.phase().0.is_over() {
        // nobody looks any more
        return said;
    }
    let blind: Vec<(Source, At)> = run.blind().collect();
    let watches: Vec<_> = blind.iter().filter(|(source, _)| *source != Source::Prometheus).collect();
    if run.cluster().is_none() {
        said.push((Standing::Pending, "connecting".to_owned()));
    } else if watches.is_empty() {
        said.push((Standing::Held, LIVE.to_owned()));
    }
    for (source, since) in watches {
        said.push((Standing::Broken, format!("{source} blind since {}, {}", wording::t_plus(run, *since).trim(), age(now.since(*since)))));
    }
    let asks = |probe: &&crate::run::probes::Probe| probe.ask.is_metrics();
    if run.probes().all().iter().any(|probe| asks(&probe)) {
        let newest = run.probes().all().iter().filter(asks).filter_map(|probe| Some(probe.last()?.at)).max();
        said.push(match (blind.iter().find(|(source, _)| *source == Source::Prometheus), newest) {
            (Some((source, since)), _) => {
                (Standing::Broken, format!("{source} blind since {}, {}", wording::t_plus(run, *since).trim(), age(now.since(*since))))
            }
            (None, None) => (Standing::Pending, "prometheus not asked yet".to_owned()),
            (None, Some(at)) => {
                let standing = if now.since(at) > OLD { Standing::Pending } else { Standing::Held };
                (standing, format!("prometheus {} ago", age(now.since(at))))
            }
        });
    }
    said
}

/// A short age: `0.8s`, `34s`, `12m`, `5h`, `3d`.
#[must_use]
pub fn age(span: Duration) -> String {
    let seconds = span.as_secs();
    match seconds {
        0..10 => format!("{:.1}s", span.as_secs_f64().min(9.9)),
        10..120 => format!("{seconds}s"),
        120..7200 => format!("{}m", seconds / 60),
        7200..172_800 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86_400),
    }
}

/// A pod's state in a word that fits a column: the kubelet's long reasons in plain words.
#[must_use]
pub fn pod_state(state: &Untrusted) -> String {
    let plain = match state.raw() {
        "Running" => "running",
        "Pending" => "pending",
        "ContainerCreating" => "starting",
        "PodInitializing" => "initializing",
        "Terminating" => "terminating",
        "Completed" | "Succeeded" => "completed",
        "CrashLoopBackOff" => "crash loop",
        "ImagePullBackOff" | "ErrImagePull" => "image pull",
        "CreateContainerConfigError" | "CreateContainerError" => "config error",
        "ContainerStatusUnknown" => "unknown",
        _ => return state.to_string(),
    };
    plain.to_owned()
}

fn safe(text: &str) -> String {
    Untrusted::from(text).to_string()
}

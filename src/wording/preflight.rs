//! What was seen before anything is broken, and what would be broken.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::clock::go;
use crate::effect::Outcome;
use crate::event::{Reading, Source};
use crate::run::Run;
use crate::run::checks::mend::{INSTALL_CHAOS_MESH, is_forbidden, is_unasked};
use crate::run::checks::{Checkpoint, Grade};
use crate::run::ledger::{FaultState, Via};
use crate::run::phase::{End, Phase};
use crate::run::probes::Ask;
use crate::run::verdicts::Standing;
use crate::scenario::model::{Begins, Step, StepAction, Unit, course};
use crate::text::Untrusted;
use crate::wording::{self, live};

/// One line of the checklist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// How it went.
    pub grade: Grade,
    /// What was looked at.
    pub what: &'static str,
    /// What was seen.
    pub seen: String,
    /// What mends it.
    pub mend: Option<String>,
    /// Which it is of those that are called the same.
    pub nth: usize,
}

/// The checklist as it is read: what did not pass first, the worst at the top.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Board {
    /// What did not pass.
    pub open: Vec<Item>,
    /// What is still looked at.
    pub waiting: Vec<Item>,
    /// What passed.
    pub passed: Vec<Item>,
    /// What nobody looks at any more, since something else forbids the start.
    pub dropped: usize,
}

impl Board {
    /// Of a run.
    #[must_use]
    pub fn of(run: &Run) -> Board {
        let mut board = Board::default();
        for item in checklist(run) {
            match item.grade {
                Grade::Pass => board.passed.push(item),
                Grade::Waiting => board.waiting.push(item),
                Grade::Warn | Grade::Unknown | Grade::Fail => board.open.push(item),
            }
        }
        board.open.sort_by_key(|item| std::cmp::Reverse(item.grade));
        if refusal(run).is_some() && board.open.iter().any(|item| item.grade == Grade::Fail) {
            board.dropped = std::mem::take(&mut board.waiting).len();
        }
        board
    }

    /// Whether what passed is shown one by one: where nothing else asks for the eye, unless that is `turned` round.
    #[must_use]
    pub fn tells_passed(&self, turned: bool) -> bool {
        self.open.is_empty() != turned
    }

    /// What is shown one by one.
    #[must_use]
    pub fn rows(&self, turned: bool) -> Vec<&Item> {
        let passed = if self.tells_passed(turned) { &self.passed[..] } else { &[] };
        self.open.iter().chain(&self.waiting).chain(passed).collect()
    }

    /// How many there are of each grade: `1 fail, 2 warn, 24 pass`.
    #[must_use]
    pub fn counts(&self) -> String {
        let all = || self.open.iter().chain(&self.waiting).chain(&self.passed);
        let grades = [Grade::Fail, Grade::Unknown, Grade::Warn, Grade::Waiting, Grade::Pass];
        let counted = grades.map(|of| (all().filter(|item| item.grade == of).count(), grade(of)));
        counted
            .iter()
            .chain(&[(self.dropped, "not looked at")])
            .filter(|(n, _)| *n > 0)
            .map(|(n, word)| format!("{n} {word}"))
            .collect::<Vec<_>>()
            .join(", ")
    }

    fn named(&self, of: Grade) -> Vec<&'static str> {
        let mut names: Vec<&str> = self.open.iter().chain(&self.waiting).filter(|item| item.grade == of).map(|item| item.what).collect();
        names.dedup();
        names
    }
}

/// Whether it may start, and why not: in one line.
#[must_use]
pub fn may_start(run: &Run, board: &Board) -> (Grade, String) {
    let (failed, waiting) = (board.named(Grade::Fail), board.named(Grade::Waiting));
    if let Some(why) = refusal(run) {
        let why = if failed.is_empty() { why } else { format!("failed: {}", failed.join(", ")) };
        return (Grade::Fail, format!("no, and nothing was broken; {why}"));
    }
    if !failed.is_empty() {
        return (Grade::Fail, format!("no; failed: {}", failed.join(", ")));
    }
    if !is_ready(run) {
        return (
            Grade::Waiting,
            if run.brake().is_some() {
                format!("not yet: {}", live::next(run, run.now()))
            } else if waiting.is_empty() {
                "not yet: everything is looked at first; nothing can break".to_owned()
            } else {
                format!("not yet, still looked at: {}", waiting.join(", "))
            },
        );
    }
    let typed = run.typed_word().map_or_else(String::new, |word| format!(", once {} is typed", Untrusted::from(word)));
    match board.open.len() + board.waiting.len() {
        0 => (Grade::Pass, format!("yes{typed}: all {} checks passed", board.passed.len())),
        n => (Grade::Pass, format!("yes{typed}: nothing forbids it; {n} did not pass, read {} first", if n == 1 { "it" } else { "them" })),
    }
}

fn item(standing: Standing, what: &'static str, seen: impl Into<String>) -> Item {
    let grade = match standing {
        Standing::Held => Grade::Pass,
        Standing::Pending => Grade::Waiting,
        Standing::Broken => Grade::Fail,
        Standing::Unknown => Grade::Unknown,
    };
    Item { grade, what, seen: seen.into(), mend: None, nth: 0 }
}

impl Item {
    /// What mends it, unless it is good.
    fn or(self, mend: impl Into<String>) -> Item {
        let mend = (!matches!(self.grade, Grade::Pass | Grade::Waiting)).then(|| mend.into());
        Item { mend, ..self }
    }
}

/// A grade's word.
#[must_use]
pub const fn grade(grade: Grade) -> &'static str {
    match grade {
        Grade::Pass => "pass",
        Grade::Waiting => "waiting",
        Grade::Warn => "warn",
        Grade::Unknown => "unknown",
        Grade::Fail => "fail",
    }
}

/// A check that did not simply pass, in one line.
#[must_use]
pub fn told(point: &Checkpoint) -> String {
    let mend = point.mend.as_ref().map_or_else(String::new, |mend| format!(" → {mend}"));
    format!("preflight {}: {}: {}{mend}", grade(point.grade), point.name, point.seen)
}

/// The checklist, in the order of looking.
#[must_use]
pub fn checklist(run: &Run) -> Vec<Item> {
    let mut items = vec![match run.cluster() {
        Some(cluster) => item(Standing::Held, "cluster", format!("{}, Kubernetes {}", cluster.context, cluster.version)),
        None => item(Standing::Pending, "cluster", "waiting for its first answer"),
    }];
    for (reference, target) in run.scenario().targets.iter().zip(&run.fleet().targets) {
        let name = Untrusted::from(reference.to_string());
        let place = reference.namespace.as_ref().unwrap_or(&run.header().place.namespace);
        items.push(match (&target.missing, target.listed, target.desired()) {
            (Some(why), ..) => {
                item(Standing::Broken, "target", why.to_string()).or(format!("kubectl -n {place} get deployments,statefulsets,daemonsets"))
            }
            (None, true, Some(desired)) => {
                let standing = if target.ready() >= Some(desired) { Standing::Held } else { Standing::Pending };
                item(standing, "target", format!("{name}: {}", live::ready(target.ready(), Some(desired))))
            }
            (None, false, _) if target.coming.0 > 0 => {
                let ((seen, ready), of) = (target.coming, target.desired().map_or_else(String::new, |desired| format!(" of {desired}")));
                item(Standing::Pending, "target", format!("{name}: {seen}{of} pods listed so far, {ready} ready"))
            }
            (None, _, _) => item(Standing::Pending, "target", format!("{name}: waiting for its pods")),
        });
    }
    for state in run.faults() {
        items.push(injector(run, state));
        items.push(victims(run, state));
        if state.via == Some(Via::ChaosMesh) {
            items.push(match &state.dry_run {
                None => item(Standing::Pending, "manifest", "the API server checks it"),
                Some(Outcome::Done { .. } | Outcome::Already { .. }) => {
                    item(Standing::Held, "manifest", "accepted by the API server, not stored")
                }
                Some(Outcome::Refused { why } | Outcome::Failed { why }) if is_unasked(why) => {
                    let told = format!("it could not be checked, Chaos Mesh's webhooks don't answer: {why}");
                    item(Standing::Broken, "manifest", told).or(run.wake())
                }
                Some(Outcome::Refused { why } | Outcome::Failed { why }) => {
                    item(Standing::Broken, "manifest", why.to_string()).or("by hand: mend the fault in the scenario as the API server says")
                }
            });
        }
        let standing = if state.via.is_some() { Standing::Held } else { Standing::Pending };
        items.push(item(standing, "undo", wording::undo(run, state)));
    }
    items.extend(metrics(run));
    if !run.scenario().targets.is_empty() {
        items.push(item(Standing::Held, "limits", limits(run)));
    }
    items.extend(run.checkpoints().into_iter().map(|point| Item {
        grade: point.grade,
        what: point.name,
        seen: point.seen.to_string(),
        mend: point.mend.map(|mend| mend.to_string()),
        nth: 0,
    }));
    let mut told: BTreeMap<&str, usize> = BTreeMap::new();
    for item in &mut items {
        if item.mend.is_some() && is_forbidden(&item.seen) {
            item.mend = Some(Untrusted::from(run.grant()).to_string());
        }
        let nth = told.entry(item.what).or_default();
        item.nth = *nth;
        *nth += 1;
    }
    items
}

fn injector(run: &Run, state: &FaultState) -> Item {
    let what = Untrusted::from(format!("{} {}", state.fault.action.kind(), state.fault.action));
    match state.via {
        Some(Via::ChaosMesh) => item(Standing::Held, "injector", format!("{what} by Chaos Mesh")),
        Some(Via::Agentless) => item(Standing::Held, "injector", format!("{what} by gameday itself, without Chaos Mesh")),
        None if run.cluster().is_some() => {
            item(Standing::Broken, "injector", format!("nobody here can do a {what}")).or(INSTALL_CHAOS_MESH)
        }
        None => item(Standing::Pending, "injector", format!("{what}: by whom is not known yet")),
    }
}

fn victims(run: &Run, state: &FaultState) -> Item {
    let own = state.fault.namespace().unwrap_or(&run.header().place.namespace);
    let labels = format!("kubectl -n {} get pods --show-labels", state.fault.selector.namespaces.first().map_or(own, String::as_str));
    match (state.resolved.values().next_back(), run.shares(state)) {
        (Some(Err(why)), _) => item(Standing::Broken, "takes", why.to_string()).or(&labels),
        (Some(Ok(pods)), _) if pods.is_empty() => item(Standing::Broken, "takes", "its selector means no pod").or(&labels),
        (Some(Ok(_)), Some(shares)) => item(Standing::Held, "takes", shares.iter().map(wording::share).collect::<Vec<_>>().join("; ")),
        (_, _) => item(Standing::Pending, "takes", "the pods it means are looked up"),
    }
}

fn metrics(run: &Run) -> Option<Item> {
    let asks = |ask: &Ask| matches!(ask, Ask::Promql(_) | Ask::Alert(_));
    let probes: Vec<_> = run.probes().all().iter().filter(|probe| asks(&probe.ask)).collect();
    if probes.is_empty() {
        return None;
    }
    if let Some((_, why)) = run.sight().lost(Source::Prometheus) {
        return Some(item(Standing::Unknown, "metrics", why.to_string()).or("no command here does: Prometheus has to answer again"));
    }
    let failed = |reading: &Reading| matches!(reading, Reading::Failed { .. } | Reading::Withheld { .. });
    let (mut answered, mut refused) = (0, 0);
    for sample in probes.iter().filter_map(|probe| probe.last()) {
        if failed(&sample.reading) { refused += 1 } else { answered += 1 }
    }
    let standing = match refused {
        0 if answered == probes.len() => Standing::Held,
        0 => Standing::Pending,
        _ => Standing::Unknown,
    };
    let told = if refused > 0 { format!(", {refused} failed") } else { String::new() };
    Some(
        item(standing, "metrics", format!("{answered} of {} queries answered{told}", probes.len()))
            .or("by hand: mend the queries that `answers` names"),
    )
}

fn limits(run: &Run) -> String {
    let limits = &run.scenario().limits;
    let mut parts = Vec::new();
    parts.extend(limits.max_targets.map(|n| format!("{n} pod{} a fault", if n == 1 { "" } else { "s" })));
    parts.extend(limits.max_share.map(|share| format!("{} of a workload", wording::number(share, Unit::Percent))));
    parts.extend(limits.max_duration.map(|span| format!("{} in all", go(span))));
    parts.push(format!("{} blind", go(limits.blind_limit)));
    format!("at most {}", parts.join(", "))
}

/// Why the run was refused, if it was.
#[must_use]
pub fn refusal(run: &Run) -> Option<String> {
    match run.end()? {
        End::Refused(why) => Some(why.to_string()),
        End::Complete | End::Aborted | End::Stopped(_) | End::Inconclusive(_) => None,
    }
}

/// What Enter starts, in one sentence: what is broken, where, for how long, how it is undone.
#[must_use]
pub fn plan(run: &Run) -> String {
    let place = &run.header().place;
    let place = Untrusted::from(if place.rehearsal {
        "on the practice cluster".to_owned()
    } else {
        format!("in namespace {} of {}", place.namespace, place.context)
    });
    let mut parts = Vec::new();
    for state in run.faults() {
        let shares = run.shares(state).unwrap_or_default();
        let whom = shares.iter().map(wording::share).collect::<Vec<_>>().join(" and ");
        let lasts = if state.fault.is_lasting() { format!(" for up to {}", go(state.duration())) } else { String::new() };
        parts.push(format!("{whom}, {place}: {}{lasts}; {}", Untrusted::from(state.fault.action.to_string()), wording::undo(run, state)));
    }
    let watched = |step: &Step| if let StepAction::Observe(span) = step.action { span } else { Duration::ZERO };
    let steps = &run.scenario().steps;
    let begins: Vec<Begins> = steps.iter().map(|step| Begins { at: None, ..step.begins.clone() }).collect();
    let watch = course(&begins, &steps.iter().map(watched).collect::<Vec<_>>());
    if !watch.is_zero() {
        parts.push(format!("after that {} of watching", go(watch)));
    }
    format!("{}.", parts.join("; "))
}

/// What a step does, where no run has planned it yet.
#[must_use]
pub fn action(step: &Step) -> String {
    match &step.action {
        StepAction::Observe(span) => format!("watch for {}", go(*span)),
        StepAction::Fault(fault) => {
            let lasts = fault.duration.map_or_else(String::new, |span| format!(", for {}", go(span)));
            format!("{} of {}{lasts}", fault.action, fault.mode)
        }
        StepAction::Manual(manual) => {
            format!("by hand, up to {}: {}", go(manual.timeout), Untrusted::from(manual.what.as_str()).short(80))
        }
        StepAction::Hold => "waits for the leader".to_owned(),
    }
}

/// What a step does and when, in one line.
#[must_use]
pub fn step(run: &Run, index: usize) -> String {
    let Some(step) = run.scenario().steps.get(index) else { return String::new() };
    let planned = run.faults().iter().find(|state| state.id.0 == index);
    let what = planned.map_or_else(|| action(step), wording::fault_line);
    let mut when = Vec::new();
    let usual = index.checked_sub(1).map(|before| vec![before]).unwrap_or_default();
    let begins = &step.begins;
    when.extend(begins.at.map(|at| format!("at {}", go(at))));
    if begins.after != usual && (begins.at.is_none() || !begins.after.is_empty()) {
        let names: Vec<String> = begins.after.iter().map(|before| (before + 1).to_string()).collect();
        when.push(if names.is_empty() { "at once".to_owned() } else { format!("after {}", names.join(", ")) });
    }
    if begins.hold && !matches!(step.action, StepAction::Hold) {
        when.push("when the leader says so".to_owned());
    }
    if when.is_empty() { what } else { format!("{what} · {}", when.join(" · ")) }
}

/// Whether the operator's word is waited for.
#[must_use]
pub fn is_ready(run: &Run) -> bool {
    *run.phase().0 == Phase::Ready && run.begun().is_none()
}

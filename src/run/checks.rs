//! The checklist before the start: what was looked at, what was seen, and the one command that mends it.
//!
//! Owns [`Checkpoint`]. Derived from facts, never stored. A check that fails forbids the start, unless it may be
//! overruled and was; what can't be seen never passes, but does not forbid either, except where it is said.

mod backup;
mod blast;
mod brake;
mod chaos;
mod course;
mod gate;
mod ground;
pub mod mend;
mod metrics;
mod others;
mod residue;

use std::collections::BTreeSet;

use crate::effect::inspection::{Inspection, KindRef};
use crate::effect::{Effect, PodRef};
use crate::event::inspected::Inspected;
use crate::run::Run;
use crate::run::ledger::{FaultState, Via};
use crate::run::rights::{CHAOS, Grounds, Need, needs, objects};
use crate::run::timeline::Noted;
use crate::scenario::model::Injector;
use crate::text::Untrusted;

/// How a check went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Grade {
    /// Seen, and good.
    Pass,
    /// Not looked at yet.
    Waiting,
    /// Seen, and to be thought about.
    Warn,
    /// It can't be seen.
    Unknown,
    /// It forbids the start.
    Fail,
}

/// One check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// What it is called.
    pub name: &'static str,
    /// How it went.
    pub grade: Grade,
    /// What was seen.
    pub seen: Untrusted,
    /// What mends it: a command, where there is one.
    pub mend: Option<Untrusted>,
}

impl Checkpoint {
    fn new(name: &'static str, grade: Grade, seen: impl Into<Untrusted>) -> Checkpoint {
        Checkpoint { name, grade, seen: seen.into(), mend: None }
    }

    fn pass(name: &'static str, seen: impl Into<Untrusted>) -> Checkpoint {
        Checkpoint::new(name, Grade::Pass, seen)
    }

    fn warn(name: &'static str, seen: impl Into<Untrusted>) -> Checkpoint {
        Checkpoint::new(name, Grade::Warn, seen)
    }

    fn fail(name: &'static str, seen: impl Into<Untrusted>) -> Checkpoint {
        Checkpoint::new(name, Grade::Fail, seen)
    }

    fn unknown(name: &'static str, seen: impl Into<Untrusted>) -> Checkpoint {
        Checkpoint::new(name, Grade::Unknown, seen)
    }

    fn waiting(name: &'static str) -> Checkpoint {
        Checkpoint::new(name, Grade::Waiting, "not looked at yet")
    }

    fn mend(self, mend: impl Into<Untrusted>) -> Checkpoint {
        Checkpoint { mend: Some(mend.into()), ..self }
    }
}

/// The checks that may be overruled with `--override NAME=WHY`; all others never.
pub const OVERRULABLE: &[&str] =
    &["daemons", "chaos mesh", "collisions", "budgets", "drain", "rollout", "answers", "samples", "hours", "residue"];

impl Run {
    /// Every check, in the order of looking. Empty for journals from before there were gates.
    #[must_use]
    pub fn checkpoints(&self) -> Vec<Checkpoint> {
        let Some(gate) = &self.header.gate else { return Vec::new() };
        let mut all = Vec::new();
        self.check_ground(gate, &mut all);
        self.check_chaos(&mut all);
        self.check_cuts(&mut all);
        self.check_blast(gate, &mut all);
        self.check_course(&mut all);
        self.check_residue(&mut all);
        self.check_gate(gate, &mut all);
        self.check_brake(&mut all);
        for point in &mut all {
            // whatever could not be looked at for want of a right is mended by that right
            if !matches!(point.grade, Grade::Pass | Grade::Waiting) && mend::is_forbidden(point.seen.raw()) {
                point.mend = Some(self.grant().into());
            }
            let overruled = gate.overrides.iter().find(|wanted| wanted.check == point.name && OVERRULABLE.contains(&point.name));
            // in production hours are part of the gate, which nothing opens
            let fixed = point.name == "hours" && self.in_production();
            if let (Some(overruled), Grade::Fail, false) = (overruled, point.grade, fixed) {
                point.grade = Grade::Warn;
                point.seen = format!("{}; overruled by {}: {}", point.seen.raw(), gate.operator.raw(), overruled.why.raw()).into();
            }
        }
        all
    }

    /// Asks for every look that can be taken by now.
    pub(super) fn inspect(&mut self, effects: &mut Vec<Effect>) {
        if self.cluster.is_none() || !self.asked.connected {
            return;
        }
        for inspection in self.inspections_wanted() {
            // without gates, only what breaking and its brake themselves have to know is looked at
            let vital = match inspection {
                Inspection::Victims { .. } => self.wants_brake(),
                Inspection::Policies { .. } => true,
                Inspection::Rights { .. }
                | Inspection::ChaosMesh
                | Inspection::Webhooks { .. }
                | Inspection::Namespaces { .. }
                | Inspection::OtherFaults { .. }
                | Inspection::Residue { .. }
                | Inspection::User
                | Inspection::Kinds { .. }
                | Inspection::Leases { .. }
                | Inspection::Backups { .. }
                | Inspection::Samples { .. }
                | Inspection::Alerts
                | Inspection::Hours { .. } => false,
            };
            if self.header.gate.is_none() && !vital {
                continue;
            }
            if self.asked.inspections.insert(inspection.aspect()) {
                effects.push(Effect::Inspect { inspection });
            }
        }
    }

    fn inspections_wanted(&self) -> Vec<Inspection> {
        let mut wanted = Vec::new();
        let via_chaos_mesh = self.faults.iter().any(|state| state.via == Some(Via::ChaosMesh));
        let serves_chaos_mesh = self.cluster.as_ref().is_some_and(|cluster| cluster.chaos_mesh);
        let namespaces = self.namespaces_aimed_at();
        // journals from before residue was looked for know none of the looks that came with it
        let later = self.header.gate.as_ref().is_some_and(|gate| gate.residue);
        let kinds = if later { self.kinds_wanted() } else { Vec::new() };
        // what a right calls the kind of a criterion, the API server says first
        if kinds.is_empty() || self.inspected("kinds").is_some() {
            let rights: Vec<_> = self.needs().into_iter().map(|need| need.right).collect();
            wanted.push(Inspection::Rights { rights });
        }
        if !kinds.is_empty() {
            wanted.push(Inspection::Kinds { kinds });
        }
        if later && self.rights().grade == Grade::Fail {
            wanted.push(Inspection::User);
        }
        if via_chaos_mesh || (serves_chaos_mesh && self.faults.is_empty()) {
            wanted.push(Inspection::ChaosMesh);
            let own = self.faults.iter().find(|state| state.via == Some(Via::ChaosMesh)).and_then(|state| state.fault.namespace());
            let kind = self.faults.iter().find(|state| state.via == Some(Via::ChaosMesh)).map(|state| match state.fault.action.kind() {
                "Schedule" => "Workflow".to_owned(),
                kind => kind.to_owned(),
            });
            let namespace = own.unwrap_or(&self.header.place.namespace).to_owned();
            wanted.push(Inspection::Webhooks { namespace, kind: kind.unwrap_or_default() });
        }
        if !self.faults.is_empty() {
            wanted.push(Inspection::Namespaces { names: namespaces.iter().cloned().collect() });
            if serves_chaos_mesh {
                wanted.push(Inspection::OtherFaults { namespaces: namespaces.iter().cloned().collect() });
            }
            if later && !self.header.place.rehearsal {
                wanted.push(Inspection::Leases { namespaces: self.namespaces_of_runs() });
            }
            let risked = self.namespaces_at_risk();
            if later && !risked.is_empty() {
                wanted.push(Inspection::Backups { namespaces: risked.into_iter().collect() });
            }
        }
        // it lists pods, too, and those of the targets are waited for
        if self.fleet.targets.iter().all(|target| target.listed || target.missing.is_some()) {
            wanted.extend(self.residue_wanted(false));
        }
        if self.header.place.prometheus.is_some() {
            wanted.push(Inspection::Alerts);
            let selectors = self.selectors();
            if later && !selectors.is_empty() {
                wanted.push(Inspection::Samples { selectors });
            }
        }
        if let Some(hours) = self.scenario.limits.hours.clone().filter(|_| !self.header.place.rehearsal) {
            wanted.push(Inspection::Hours { hours, from: self.now.on_wall(self.header.started) });
        }
        wanted.extend(self.cut_pods().map(|pods| Inspection::Policies { pods }));
        if !self.faults.is_empty() && self.faults.iter().all(|state| state.candidates().is_some()) {
            let pods: BTreeSet<PodRef> = self.faults.iter().flat_map(FaultState::concerned).map(|matched| matched.pod.clone()).collect();
            wanted.push(Inspection::Victims { pods: pods.into_iter().collect() });
        }
        wanted
    }

    /// Every look that was asked for and is not answered yet.
    pub(super) fn unanswered_look(&self) -> Option<&'static str> {
        self.asked.inspections.iter().find(|aspect| !self.inspections.contains_key(*aspect)).copied()
    }

    /// All rights of this run, as far as its injectors are known.
    #[must_use]
    pub fn needs(&self) -> Vec<Need> {
        let place = &self.header.place;
        let grounds = Grounds {
            brake: self.wants_brake(),
            namespace: &place.namespace,
            prometheus: place.prometheus.as_ref(),
            endpoints: self.cluster.as_ref().map(|cluster| cluster.endpoints),
            kinds: match self.inspected("kinds") {
                Some(Inspected::Kinds(kinds)) => kinds,
                _ => &[],
            },
        };
        needs(&self.scenario, &grounds, self.injector(), |index, _| {
            self.faults.iter().filter(|state| state.id.0 == index).filter_map(|state| state.via).collect()
        })
    }

    /// The kinds that the run looks for: of its criteria, and of the faults that Chaos Mesh does.
    fn kinds_wanted(&self) -> Vec<KindRef> {
        let named = |check: &crate::criterion::ObjectCheck| KindRef {
            group: check.group.clone(),
            version: check.version.clone(),
            kind: check.kind.clone(),
        };
        let mut all: BTreeSet<KindRef> = objects(&self.scenario).map(named).collect();
        let by_chaos_mesh = self.faults.iter().filter(|state| state.via == Some(Via::ChaosMesh));
        let chaos = |kind: &&str| KindRef { group: CHAOS.to_owned(), version: Some("v1alpha1".to_owned()), kind: (*kind).to_owned() };
        for state in by_chaos_mesh {
            let kind = state.fault.action.kind();
            let whole = if kind == "Schedule" { vec!["Workflow", "WorkflowNode", kind] } else { Vec::new() };
            all.extend(whole.iter().chain([&state.fault.action.experiment().kind()]).map(chaos));
        }
        all.into_iter().collect()
    }

    /// The targets as `Kind/namespace/name`.
    pub(super) fn target_names(&self) -> Vec<String> {
        let home = &self.header.place.namespace;
        self.scenario.targets.iter().map(|t| format!("{}/{}/{}", t.kind, t.namespace.as_ref().unwrap_or(home), t.name)).collect()
    }

    /// Where Leases of runs are that could be in the way.
    fn namespaces_of_runs(&self) -> Vec<String> {
        let mut all = self.namespaces_aimed_at();
        all.insert(self.header.place.namespace.clone());
        all.extend(self.scenario.targets.iter().filter_map(|target| target.namespace.clone()));
        all.into_iter().collect()
    }

    fn injector(&self) -> Injector {
        self.header.injector.unwrap_or(self.scenario.injector)
    }

    pub(in crate::run) fn namespaces_aimed_at(&self) -> BTreeSet<String> {
        let mut all = BTreeSet::new();
        for state in &self.faults {
            let own = state.fault.namespace().unwrap_or(&self.header.place.namespace);
            for selector in std::iter::once(&state.fault.selector).chain(state.fault.peer.iter().map(|(selector, _)| selector)) {
                all.extend(selector.pods.keys().cloned());
                all.extend(selector.namespaces.iter().cloned());
                if selector.pods.is_empty() && selector.namespaces.is_empty() {
                    all.insert(own.to_owned());
                }
            }
        }
        all
    }

    fn inspected(&self, aspect: &'static str) -> Option<&Inspected> {
        self.inspections.get(aspect)
    }

    /// Notes each check that did not simply pass, once.
    pub(super) fn note_checks(&mut self) {
        self.checked = self.checkpoints();
        for point in self.checked.clone() {
            if matches!(point.grade, Grade::Warn | Grade::Unknown | Grade::Fail) {
                self.note(Noted::Checked(Box::new(point)));
            }
        }
    }

    /// The checks as they stood before the start, those that passed too.
    pub fn noted_checks(&self) -> impl Iterator<Item = &Checkpoint> {
        self.checked.iter()
    }

    /// The first check that forbids the start, as a sentence.
    pub(super) fn forbidden(&self) -> Option<Untrusted> {
        let point = self.checkpoints().into_iter().find(|point| point.grade == Grade::Fail)?;
        let mend = point.mend.map_or_else(String::new, |mend| format!("; {}", mend.raw()));
        Some(format!("{}: {}{mend}", point.name, point.seen.raw()).into())
    }
}

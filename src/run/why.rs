//! Why a replica is not back: the nearest cause there is evidence of, and nothing where there is none.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::clock::At;
use crate::effect::PodRef;
use crate::event::hindrance::Hindrance;
use crate::event::{PodFact, ReportedFact};
use crate::run::Run;
use crate::run::fleet::{Pod, Target};
use crate::run::timeline::{Moment, Noted, Times};

/// How many warnings of one object are kept: of each reason the newest.
const KEPT: usize = 8;
/// How long a warning must not have come for it to be told anew.
const SILENCE: Duration = Duration::from_mins(1);

/// What Events say of why a pod is not ready, the one that says most first. `Unhealthy` is what a probe that fails comes to.
const OF_PODS: &[&str] = &[
    "NodeNotReady",
    "FailedScheduling",
    "FailedMount",
    "FailedAttachVolume",
    "FailedCreatePodSandBox",
    "FailedPostStartHook",
    "Failed",
    "Unhealthy",
    "BackOff",
];
/// The same of who makes pods.
const OF_OWNERS: &[&str] = &["FailedCreate", "ReplicaSetCreateError"];
/// The same of claims, which say more than the pod that waits for them.
const OF_CLAIMS: &[&str] = &["ProvisioningFailed", "FailedBinding"];

/// A replica that is not there or not ready, and why.
#[derive(Clone, Copy, Debug)]
pub struct Why<'a> {
    /// The target, by its place.
    pub target: usize,
    /// The pod; `None`: it was never made.
    pub pod: Option<&'a Pod>,
    /// The cause.
    pub cause: Cause<'a>,
}

/// What there is evidence of.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Cause<'a> {
    /// The pod's own status says so.
    Status(&'a Hindrance),
    /// An Event says so, and when it came.
    Told(&'a ReportedFact, At),
}

/// A warning that has a line in the timeline.
#[derive(Clone, Debug)]
struct Line {
    /// When it last came.
    at: At,
    fact: ReportedFact,
    /// Its place in the timeline.
    place: usize,
}

/// The newest warnings.
#[derive(Clone, Debug, Default)]
pub(super) struct Warnings {
    /// By kind and name of what they are about, of each reason one.
    kept: BTreeMap<(String, String), Vec<(At, ReportedFact)>>,
    /// The same, of each in the same words one, as long as it comes again and again.
    lines: BTreeMap<(String, String), Vec<Line>>,
    /// By the uid of a pod: the reasons of its status that were told.
    told: BTreeMap<String, BTreeSet<String>>,
}

impl Warnings {
    /// Keeps one, which is told at `next` in the timeline; gives back where it is told already, if it came in the same
    /// words not long ago.
    fn keep(&mut self, fact: &ReportedFact, at: At, next: usize) -> Option<usize> {
        let about = (fact.kind.raw().to_owned(), fact.name.raw().to_owned());
        let of = self.kept.entry(about.clone()).or_default();
        of.retain(|(_, kept)| kept.reason != fact.reason);
        of.push((at, fact.clone()));
        if of.len() > KEPT {
            of.remove(0);
        }
        let lines = self.lines.entry(about).or_default();
        lines.retain(|line| at.since(line.at) < SILENCE);
        let told = lines.iter().position(|line| line.fact == *fact).map(|found| lines.remove(found).place);
        lines.push(Line { at, fact: fact.clone(), place: told.unwrap_or(next) });
        if lines.len() > KEPT {
            lines.remove(0);
        }
        told
    }

    /// Forgets what was said of a pod that is gone: long runs have many.
    pub(super) fn forget(&mut self, pod: &PodRef) {
        let about = ("Pod".to_owned(), pod.name.clone());
        self.kept.remove(&about);
        self.lines.remove(&about);
        self.told.remove(&pod.uid);
    }

    /// Whether a pod's status gives a reason that it has not given before: crash loops go round.
    pub(super) fn is_news(&mut self, fact: &PodFact) -> bool {
        let news = |hindrance: &Hindrance| self.told.entry(fact.pod.uid.clone()).or_default().insert(hindrance.reason.raw().to_owned());
        fact.hindrance.as_ref().is_some_and(news)
    }

    /// The first of these reasons that was given since a moment.
    fn since<'a>(&'a self, kind: &str, name: &str, reasons: &[&str], since: At) -> Option<(&'a ReportedFact, At)> {
        let of = self.kept.get(&(kind.to_owned(), name.to_owned()))?;
        let given = |reason: &&str| of.iter().find(|(at, fact)| *at >= since && fact.reason.raw() == *reason);
        reasons.iter().find_map(given).map(|(at, fact)| (fact, *at))
    }

    /// The same of all objects of a kind whose names satisfy `is`, the newest first.
    fn among<'a>(&'a self, kind: &str, is: impl Fn(&str) -> bool, reasons: &[&str], since: At) -> Option<(&'a ReportedFact, At)> {
        let of = self.kept.iter().filter(|((of, name), _)| of == kind && is(name)).flat_map(|(_, of)| of);
        of.filter(|(at, fact)| *at >= since && reasons.contains(&fact.reason.raw())).max_by_key(|(at, _)| *at).map(|(at, fact)| (fact, *at))
    }
}

impl Run {
    /// Takes a warning: one that comes again and again is one line.
    pub(super) fn warned(&mut self, fact: &ReportedFact) {
        let now = self.now;
        match self.warnings.keep(fact, now, self.timeline.len()).and_then(|told| self.timeline.get_mut(told)) {
            Some(Moment { noted: Noted::Warned(_, times), .. }) => *times = Times { count: times.count.saturating_add(1), last: now },
            _ => self.note(Noted::Warned(fact.clone(), Times { count: 1, last: now })),
        }
    }

    /// Of each replica that is not ready, why: in the order of targets and pods, those without evidence left out.
    #[must_use]
    pub fn whys(&self) -> Vec<Why<'_>> {
        let mut whys = Vec::new();
        for (target, of) in self.fleet().targets.iter().enumerate() {
            if of.ready().zip(of.desired()).is_none_or(|(ready, desired)| ready >= desired) {
                continue;
            }
            let waiting = of.pods.there().map(|(_, pod)| pod).filter(|pod| pod.is_live() && !pod.is_ready());
            whys.extend(waiting.filter_map(|pod| Some(Why { target, pod: Some(pod), cause: self.cause(pod)? })));
            whys.extend(self.never_made(target, of).map(|cause| Why { target, pod: None, cause }));
        }
        whys
    }

    /// Why this pod is not ready.
    fn cause<'a>(&'a self, pod: &'a Pod) -> Option<Cause<'a>> {
        let fact = &pod.fact;
        // what was said before it was last ready is over
        let since = pod.ready.map_or(pod.created.earliest, |seen| seen.latest);
        let told = |(fact, at)| Cause::Told(fact, at);
        if let Some(hindrance) = &fact.hindrance {
            // the claim says why, the pod only that it waits for it
            let waits = hindrance.message.raw().contains("PersistentVolumeClaim");
            let claim =
                waits.then(|| self.warnings.among("PersistentVolumeClaim", |name| name.ends_with(&fact.pod.name), OF_CLAIMS, since));
            return Some(claim.flatten().map_or(Cause::Status(hindrance), told));
        }
        self.warnings.since("Pod", &fact.pod.name, OF_PODS, since).map(told)
    }

    /// Why a replica has no pod at all.
    fn never_made<'a>(&'a self, index: usize, target: &'a Target) -> Option<Cause<'a>> {
        let live = target.pods.there().filter(|(_, pod)| pod.is_live()).count();
        let outage = target.outages.last().filter(|outage| outage.to.is_none())?;
        if live >= usize::try_from(target.desired()?).unwrap_or(usize::MAX) {
            return None;
        }
        let workload = &self.scenario().targets.get(index)?.name;
        let is = |name: &str| name.strip_prefix(workload.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'));
        let kinds = ["ReplicaSet", "StatefulSet", "DaemonSet", "Deployment"];
        let found = kinds.iter().find_map(|kind| self.warnings.among(kind, is, OF_OWNERS, outage.from.earliest));
        found.map(|(fact, at)| Cause::Told(fact, at))
    }
}

//! The pods of the targets, as the watch tells of them.

pub mod pods;
mod strength;

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

use crate::clock::At;
use crate::criterion::Amount;
use crate::event::{EndpointsFact, PodFact, Source, WorkloadFact};
use crate::run::curve::{Curve, Series};
use crate::run::fleet::pods::Pods;
use crate::run::fleet::strength::Strength;
use crate::run::sight::{Seen, Sight};
use crate::text::Untrusted;

/// All targets of a run.
#[derive(Clone, Debug, Default)]
pub struct Fleet {
    /// In the scenario's order.
    pub targets: Vec<Target>,
    slices: BTreeMap<(String, String), EndpointsFact>,
}

/// One target and its pods.
#[derive(Clone, Debug)]
pub struct Target {
    /// The workload; `None` until it is seen.
    pub workload: Option<WorkloadFact>,
    /// Why it can't be found.
    pub missing: Option<Untrusted>,
    /// Whether its pods were listed at least once.
    pub listed: bool,
    /// How many pods of the first list have come, and how many of those are ready.
    pub coming: (u32, u32),
    /// Every pod seen, gone ones too.
    pub pods: Pods,
    /// How many were ready: steps, not slopes, for nothing is half ready.
    pub history: Series,
    /// The times it was below its strength, oldest first.
    pub outages: Vec<Outage>,
    ready: Strength,
}

/// A time a target was below its strength.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outage {
    /// From when.
    pub from: Seen,
    /// Until when; `None` while it lasts.
    pub to: Option<Seen>,
    /// The fewest that were ready.
    pub fewest: u32,
}

/// One pod and when each step of its life was seen.
#[derive(Clone, Debug)]
pub struct Pod {
    /// As it stands, or last stood.
    pub fact: PodFact,
    /// Its place in the order of first sight.
    pub order: usize,
    /// Whether it was there when the target was first listed.
    pub original: bool,
    /// First seen.
    pub created: Seen,
    /// Seen bound to a node.
    pub scheduled: Option<Seen>,
    /// Seen with its containers started.
    pub started: Option<Seen>,
    /// Seen ready, the last time it became so.
    pub ready: Option<Seen>,
    /// Seen in the endpoints of a Service, the first time.
    pub serving: Option<Seen>,
    /// Its deletion seen.
    pub deleting: Option<Seen>,
    /// Seen gone.
    pub gone: Option<Seen>,
}

impl Pod {
    /// Whether it is there and not on its way out.
    #[must_use]
    pub const fn is_live(&self) -> bool {
        self.gone.is_none() && self.deleting.is_none()
    }

    /// Whether it counts as ready.
    #[must_use]
    pub const fn is_ready(&self) -> bool {
        self.is_live() && self.fact.ready
    }
}

impl Target {
    /// A target of which nothing is known.
    fn new() -> Target {
        let history = Series { labels: Untrusted::default(), curve: Curve::standing() };
        Target {
            workload: None,
            missing: None,
            listed: false,
            coming: (0, 0),
            pods: Pods::default(),
            history,
            outages: Vec::new(),
            ready: Strength::default(),
        }
    }

    /// How many pods are ready; `None` before the first list.
    #[must_use]
    pub fn ready(&self) -> Option<u32> {
        self.listed.then(|| count(self.ready.len()))
    }

    /// How many are wanted.
    #[must_use]
    pub fn desired(&self) -> Option<u32> {
        self.workload.as_ref().map(|workload| workload.desired)
    }

    /// Whether at least `amount` are ready; `None` if that is not known.
    #[must_use]
    pub fn has(&self, amount: Amount) -> Option<bool> {
        Some(self.ready()? >= amount.of(self.desired()?))
    }

    /// Takes a pod that has changed into the count of those that are ready.
    fn tally(&mut self, uid: &str) {
        match self.pods.get(uid).filter(|pod| pod.is_ready()) {
            Some(pod) => self.ready.put(uid, pod.ready),
            None => self.ready.drop(uid),
        }
    }

    fn recount(&mut self, seen: Seen, cause: Option<Seen>) {
        let (Some(ready), Some(desired)) = (self.ready(), self.desired()) else { return };
        let (curve, number) = (&mut self.history.curve, Some(f64::from(ready)));
        let before = curve.last().map(|(_, before)| before);
        if before != Some(number) {
            before.into_iter().chain([number]).for_each(|value| curve.push(seen.at, value));
        }
        let weak = self.outages.last().is_some_and(|outage| outage.to.is_none());
        let strong = cause.filter(|_| weak && ready >= desired).map(|cause| self.ready.since(desired).unwrap_or(cause));
        match self.outages.last_mut().filter(|outage| outage.to.is_none()) {
            Some(outage) if ready >= desired => outage.to = Some(strong.unwrap_or(seen)),
            Some(outage) => outage.fewest = outage.fewest.min(ready),
            None if ready < desired => self.outages.push(Outage { from: cause.unwrap_or(seen), to: None, fewest: ready }),
            None => {}
        }
    }
}

fn count(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

/// Something about a pod that a timeline tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It is new.
    Created,
    /// It became ready.
    Ready,
    /// It stopped being ready.
    Unready,
    /// A container of it restarted.
    Restarted,
    /// Its deletion was asked for, or it went without a word.
    Deleted,
}

impl Fleet {
    /// A fleet of `targets` targets of which nothing is known.
    #[must_use]
    pub fn new(targets: usize) -> Fleet {
        Fleet { targets: vec![Target::new(); targets], slices: BTreeMap::new() }
    }

    pub(super) fn workload(&mut self, fact: &WorkloadFact, seen: Seen) {
        if let Some(target) = self.targets.get_mut(fact.target) {
            target.workload = Some(fact.clone());
            target.missing = None;
            target.recount(seen, None);
        }
    }

    pub(super) fn missing(&mut self, index: usize, why: &Untrusted) {
        if let Some(target) = self.targets.get_mut(index) {
            target.missing = Some(why.clone());
        }
    }

    /// Takes one pod's fact, told live or by a list after being blind since `blind`.
    pub(super) fn pod(&mut self, fact: &PodFact, sight: &Sight, at: At, blind: Option<At>) -> Vec<Change> {
        let mut changes = self.worsen(fact, sight, at, blind);
        let (more, cause) = self.put(fact, sight, at, blind);
        changes.extend(more);
        if let Some(target) = self.targets.get_mut(fact.target) {
            target.recount(moment(sight, at, blind, None), cause);
        }
        changes
    }

    /// Counts a pod out that was ready, was not for a while that nobody saw, and is ready again.
    fn worsen(&mut self, fact: &PodFact, sight: &Sight, at: At, blind: Option<At>) -> Vec<Change> {
        let Some(target) = self.targets.get_mut(fact.target) else { return Vec::new() };
        let Some(pod) = target.pods.get_mut(&fact.pod.uid).filter(|pod| pod.is_ready() && fact.ready) else { return Vec::new() };
        if pod.fact.ready_since.zip(fact.ready_since).is_none_or(|(old, new)| new <= old) {
            return Vec::new();
        }
        pod.fact.ready = false;
        target.tally(&fact.pod.uid);
        let seen = moment(sight, at, blind, None);
        target.recount(seen, Some(seen));
        vec![Change::Unready]
    }

    fn put(&mut self, fact: &PodFact, sight: &Sight, at: At, blind: Option<At>) -> (Vec<Change>, Option<Seen>) {
        let serving = self.serves(&fact.pod.uid);
        let Some(target) = self.targets.get_mut(fact.target) else { return (Vec::new(), None) };
        let seen = |server| moment(sight, at, blind, server);
        let mut changes = Vec::new();
        let original = !target.listed;
        let known = target.pods.get(&fact.pod.uid);
        let was = known.map(|pod| (pod.fact.ready, pod.fact.restarts, pod.deleting.is_some()));
        let pod = target.pods.get_or_add(&fact.pod.uid, |order| Pod {
            fact: fact.clone(),
            order,
            original,
            created: seen(fact.created),
            scheduled: None,
            started: None,
            ready: None,
            serving: serving.then(|| seen(None)),
            deleting: None,
            gone: None,
        });
        if was.is_none() {
            changes.push(Change::Created);
        }
        let mut cause = None;
        if fact.scheduled.is_some() && pod.scheduled.is_none() {
            pod.scheduled = Some(seen(fact.scheduled));
        }
        if fact.started.is_some() && pod.started.is_none() {
            pod.started = Some(seen(fact.started));
        }
        let was_ready = was.is_some_and(|(ready, ..)| ready);
        if fact.ready && !was_ready {
            let moment = seen(fact.ready_since);
            pod.ready = Some(moment);
            cause = Some(moment);
            changes.push(Change::Ready);
        } else if !fact.ready && was_ready && fact.deleting.is_none() {
            cause = Some(seen(fact.ready_since));
            changes.push(Change::Unready);
        }
        if was.is_some_and(|(_, restarts, _)| fact.restarts > restarts) {
            changes.push(Change::Restarted);
        }
        if fact.deleting.is_some() && pod.deleting.is_none() {
            let moment = seen(fact.deleting);
            pod.deleting = Some(moment);
            cause = Some(moment);
            changes.push(Change::Deleted);
        }
        pod.fact = fact.clone();
        target.tally(&fact.pod.uid);
        (changes, cause)
    }

    pub(super) fn gone(&mut self, uid: &str, sight: &Sight, at: At, blind: Option<At>) -> Option<PodFact> {
        let target = self.targets.iter_mut().find(|target| target.pods.get(uid).is_some())?;
        let pod = target.pods.get_mut(uid).filter(|pod| pod.gone.is_none())?;
        let seen = moment(sight, at, blind, None);
        let unannounced = pod.deleting.is_none().then(|| pod.fact.clone());
        if unannounced.is_some() {
            pod.deleting = Some(seen);
        }
        target.pods.leave(uid, seen);
        target.tally(uid);
        target.recount(seen, Some(seen));
        unannounced
    }

    /// Takes a new list of all pods of a target: what is not in it is gone.
    ///
    /// What became worse is counted before what became better: in what order they came nobody saw.
    pub(super) fn listed(&mut self, index: usize, pods: &[PodFact], sight: &Sight, at: At) -> Vec<(PodFact, Change)> {
        let Some(target) = self.targets.get(index) else { return Vec::new() };
        let first = !target.listed;
        // what a list shows may have happened at any time since we last saw
        let since = if first { At::ZERO } else { sight.unseen_since(Source::Pods(index), at) };
        let there: BTreeSet<&str> = pods.iter().map(|fact| fact.pod.uid.as_str()).collect();
        let missing = target.pods.there().map(|(_, pod)| &pod.fact.pod.uid).filter(|uid| !there.contains(uid.as_str()));
        let missing: Vec<String> = missing.cloned().collect();
        let was_ready = |fact: &PodFact| target.pods.get(&fact.pod.uid).is_some_and(Pod::is_ready);
        let (worse, mut better): (Vec<&PodFact>, Vec<&PodFact>) =
            pods.iter().filter(|fact| fact.target == index).partition(|fact| was_ready(fact) && (!fact.ready || fact.deleting.is_some()));
        // whoever came first is the first to replace a victim
        better.sort_by_key(|fact| fact.created);
        let mut changes = Vec::new();
        for uid in missing {
            changes.extend(self.gone(&uid, sight, at, Some(since)).map(|fact| (fact, Change::Deleted)));
        }
        for fact in worse {
            changes.extend(self.pod(fact, sight, at, Some(since)).into_iter().map(|change| (fact.clone(), change)));
        }
        for fact in &better {
            changes.extend(self.worsen(fact, sight, at, Some(since)).into_iter().map(|change| ((*fact).clone(), change)));
        }
        for fact in better {
            changes.extend(self.put(fact, sight, at, Some(since)).0.into_iter().map(|change| (fact.clone(), change)));
        }
        if let Some(target) = self.targets.get_mut(index) {
            target.listed = true;
            let seen = moment(sight, at, Some(since), None);
            if first {
                changes.clear();
                target.recount(sight.live(at), None);
            } else {
                target.recount(seen, Some(seen));
            }
        }
        changes
    }

    pub(super) fn endpoints(&mut self, fact: &EndpointsFact, seen: Seen) {
        for pod in self.targets.iter_mut().flat_map(|target| target.pods.there_mut()) {
            if pod.serving.is_none() && fact.ready.binary_search(&pod.fact.pod.uid).is_ok() {
                pod.serving = Some(seen);
            }
        }
        self.slices.insert((fact.namespace.clone(), fact.slice.clone()), fact.clone());
    }

    /// Whether any Service sends traffic to pods of a target.
    #[must_use]
    pub fn is_served(&self) -> bool {
        self.targets.iter().any(|target| target.pods.values().any(|pod| pod.serving.is_some()))
    }

    /// Whether a Service sends traffic to this pod now.
    #[must_use]
    pub fn serves(&self, uid: &str) -> bool {
        self.slices.values().any(|slice| slice.ready.binary_search_by(|ready| ready.as_str().cmp(uid)).is_ok())
    }

    /// The pod called `name` in `namespace` that lives, or else the last one so called.
    #[must_use]
    pub fn named(&self, namespace: &str, name: &str) -> Option<&Pod> {
        self.targets
            .iter()
            .flat_map(|target| target.pods.values())
            .filter(|pod| pod.fact.pod.namespace == namespace && pod.fact.pod.name == name)
            .max_by_key(|pod| (pod.gone.is_none(), pod.order))
    }

    /// The pod of this uid.
    #[must_use]
    pub fn pod_of(&self, uid: &str) -> Option<&Pod> {
        self.targets.iter().find_map(|target| target.pods.get(uid))
    }
}

/// The moment of something that was told at `at`: by a watch, or by a list after being blind.
fn moment(sight: &Sight, at: At, blind: Option<At>, server: Option<DateTime<Utc>>) -> Seen {
    blind.map_or_else(|| sight.live(at), |since| sight.relisted(at, since, server))
}

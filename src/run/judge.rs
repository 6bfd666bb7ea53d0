//! Looking at every criterion and stop condition, with the facts of this moment.

use std::time::Duration;

use crate::clock::At;
use crate::criterion::{Bound, Check, Criterion, HttpCheck, StopCheck};
use crate::effect::ProbeId;
use crate::event::{Reading, Source};
use crate::run::Run;
use crate::run::fleet::Target;
use crate::run::phase::Phase;
use crate::run::probes::{Ask, Sample};
use crate::run::recovery::Back;
use crate::run::timeline::{List, Noted};
use crate::run::verdicts::{Judged, Look, Standing, Worse, exit, higher, look_at, lower, spent, truth};
use crate::scenario::model::Scenario;

/// What is known of everything that is judged.
#[derive(Clone, Debug, Default)]
pub(super) struct Judgement {
    pub gate: Vec<Judged>,
    pub proof: Vec<Judged>,
    pub criteria: Vec<Judged>,
    pub stops: Vec<Judged>,
    answers: Vec<Vec<(bool, Duration)>>,
}

impl Judgement {
    pub fn of(scenario: &Scenario) -> Judgement {
        let blank = |n: usize| vec![Judged::default(); n];
        Judgement {
            gate: blank(scenario.steady_state.len()),
            proof: blank(scenario.steady_state.len()),
            criteria: blank(scenario.criteria.len()),
            stops: blank(scenario.stop_when.len()),
            answers: vec![Vec::new(); scenario.criteria.len()],
        }
    }

    pub fn list(&self, list: List) -> &[Judged] {
        match list {
            List::Gate => &self.gate,
            List::Proof => &self.proof,
            List::Criteria => &self.criteria,
            List::StopWhen => &self.stops,
        }
    }

    fn list_mut(&mut self, list: List) -> &mut [Judged] {
        match list {
            List::Gate => &mut self.gate,
            List::Proof => &mut self.proof,
            List::Criteria => &mut self.criteria,
            List::StopWhen => &mut self.stops,
        }
    }
}

impl Run {
    /// Looks at everything whose window is open. Criteria on probes are looked at when `sampled`
    /// is theirs, all others always.
    pub(super) fn judge(&mut self, sampled: Option<ProbeId>) {
        let steady = match self.phase {
            Phase::Gate => Some(List::Gate),
            Phase::Settling => Some(List::Proof),
            Phase::Preflight | Phase::Ready | Phase::Steps | Phase::Undoing(_) | Phase::Sealed => None,
        };
        if let Some(list) = steady {
            for index in 0..self.scenario.steady_state.len() {
                self.look_steady(list, index, sampled);
            }
        }
        if !matches!(self.phase, Phase::Gate | Phase::Steps | Phase::Settling) {
            return;
        }
        for index in 0..self.scenario.criteria.len() {
            self.look_criterion(index, sampled);
        }
        for index in 0..self.scenario.stop_when.len() {
            self.look_stop(index, sampled);
        }
    }

    fn look_steady(&mut self, list: List, index: usize, sampled: Option<ProbeId>) {
        let criterion = self.scenario.steady_state[index].clone();
        if let Some((look, worse)) = self.look_now(&criterion.check, sampled) {
            // the gate asks for the good state to last; how long it was bad before does not matter
            take(&mut self.judgement.list_mut(list)[index], &criterion.check, self.now, look, Duration::MAX, worse);
        }
        let judged = &mut self.judgement.list_mut(list)[index];
        let sure = judged.last.is_some_and(|(_, look)| matches!(look, Look::Good(_)));
        let held = sure && judged.good_since.is_some_and(|since| self.now >= since + criterion.stable_for);
        if held && judged.standing == Standing::Pending {
            judged.decide(Standing::Held, self.now);
            self.note(Noted::Decided(list, index, Standing::Held));
        }
    }

    fn look_criterion(&mut self, index: usize, sampled: Option<ProbeId>) {
        let criterion = self.scenario.criteria[index].clone();
        let before = self.judgement.criteria[index].clone();
        match &criterion.check {
            Check::Recovery { within } => self.look_recovery(index, &criterion, *within),
            Check::Alert(check) => self.look_alert(index, check, sampled),
            Check::Ready { .. } | Check::Promql(_) | Check::Http(_) | Check::Object(_) | Check::Command(_) | Check::Burn(_) => {
                if !self.is_open(&criterion.during) {
                    self.judgement.criteria[index].shut(self.now);
                } else if let Some((look, worse)) = self.look_now(&criterion.check, sampled) {
                    let judged = &mut self.judgement.criteria[index];
                    take(judged, &criterion.check, self.now, look, criterion.violated_for, worse);
                    if let Check::Http(check) = &criterion.check {
                        let sample = self.newly(&Ask::Http(check.url.clone()), sampled);
                        let answer = sample.map(|sample| (is_good(check, &sample.reading), sample.took));
                        self.judgement.answers[index].extend(answer);
                    }
                } else if self.judgement.criteria[index].due(criterion.violated_for).is_some_and(|due| self.now >= due) {
                    // the last answer still stands and the time has come
                    self.judgement.criteria[index].stand(self.now, Look::Bad(None), criterion.violated_for, higher);
                }
            }
        }
        self.tell(List::Criteria, index, &before);
    }

    /// One look at a condition that has no memory; `None` if there is nothing new to look at.
    pub(super) fn look_now(&self, check: &Check, sampled: Option<ProbeId>) -> Option<(Look, Worse)> {
        if let Check::Ready { min } = check {
            return Some((self.look_ready(|target| target.has(*min)), lower));
        }
        let sample = self.newly(&Ask::of_check(check)?, sampled)?;
        match check {
            Check::Promql(promql) => {
                let worse: Worse = if matches!(promql.bound, Bound::Above(_)) { lower } else { higher };
                Some((look_at(promql, &sample.reading), worse))
            }
            Check::Http(http) => {
                let took = Some(sample.took.as_secs_f64());
                // with a share asked for, a single bad answer breaks nothing: the share is judged at the end
                let good = http.success.is_some() || is_good(http, &sample.reading);
                Some((if good { Look::Good(took) } else { Look::Bad(took) }, higher))
            }
            Check::Object(_) => Some((truth(&sample.reading), higher)),
            Check::Command(command) => Some((exit(command, &sample.reading), higher)),
            Check::Burn(burn) => Some((spent(burn, &sample.reading), higher)),
            Check::Ready { .. } | Check::Recovery { .. } | Check::Alert(_) => None,
        }
    }

    /// The newest answer to a question, if it came with this entry.
    pub(super) fn newly(&self, ask: &Ask, sampled: Option<ProbeId>) -> Option<&Sample> {
        self.probes.find(ask).filter(|probe| Some(probe.id) == sampled)?.last()
    }

    pub(super) fn look_ready(&self, enough: impl Fn(&Target) -> Option<bool>) -> Look {
        let mut fewest: Option<f64> = None;
        let mut verdict = Some(true);
        for (index, target) in self.fleet.targets.iter().enumerate() {
            let known = if self.sight.lost(Source::Pods(index)).is_some() { None } else { enough(target) };
            verdict = match (verdict, known) {
                (Some(false), _) | (_, Some(false)) => Some(false),
                (None, _) | (_, None) => None,
                (Some(true), Some(true)) => Some(true),
            };
            if let Some(ready) = target.ready() {
                fewest = Some(fewest.map_or(f64::from(ready), |f| f.min(f64::from(ready))));
            }
        }
        match verdict {
            Some(true) => Look::Good(fewest),
            Some(false) => Look::Bad(fewest),
            None => Look::Unknown,
        }
    }

    fn look_recovery(&mut self, index: usize, criterion: &Criterion, within: Duration) {
        let blind = (0..self.fleet.targets.len()).any(|target| self.sight.lost(Source::Pods(target)).is_some());
        let mut pending = false;
        let mut slowest: Option<f64> = None;
        let mut standing = Standing::Held;
        let asked = (0..self.faults.len()).filter(|fault| !self.is_passed_over(*fault));
        for fault in asked {
            let back = self.back(fault, criterion.stable_for);
            let lag = self.sight.lag();
            let proven = !blind && back.proven(criterion.stable_for, lag).is_some_and(|proven| self.now >= proven);
            let (taken, decided) = match back {
                Back::NotAsked => (None, None),
                Back::NotYet { from } => {
                    let late = !blind && back.overdue(within, lag).is_some_and(|due| self.now >= due);
                    (Some(self.now.since(from.at)), late.then_some(Standing::Broken))
                }
                Back::At { span, .. } => {
                    let verdict = match () {
                        () if span.most <= within => Standing::Held,
                        () if span.least > within => Standing::Broken,
                        () => Standing::Unknown,
                    };
                    (Some(span.nominal), (proven || verdict == Standing::Broken).then_some(verdict))
                }
                Back::Undisturbed { .. } => (Some(Duration::ZERO), proven.then_some(Standing::Held)),
            };
            slowest = taken.map(|t| t.as_secs_f64()).into_iter().chain(slowest).reduce(f64::max);
            match decided {
                None => pending = true,
                Some(Standing::Broken) => standing = Standing::Broken,
                Some(Standing::Unknown) if standing == Standing::Held => standing = Standing::Unknown,
                Some(Standing::Unknown | Standing::Held | Standing::Pending) => {}
            }
        }
        let judged = &mut self.judgement.criteria[index];
        judged.latest = slowest;
        judged.worst = slowest;
        if slowest.is_some() && (standing == Standing::Broken || !pending) {
            judged.looked = judged.looked.max(1);
            judged.decide(standing, self.now);
        }
    }

    pub(super) fn tell(&mut self, list: List, index: usize, before: &Judged) {
        let now = &self.judgement.list(list)[index];
        let (was_bad, is_bad) = (before.bad_since, now.bad_since);
        let (standing, was) = (now.standing, before.standing);
        if was_bad.is_none() && is_bad.is_some() && standing != Standing::Broken {
            self.note(Noted::Violated(list, index));
        }
        if let (Some(since), None) = (was_bad, is_bad) {
            self.note(Noted::Eased(list, index, self.now.since(since)));
        }
        if standing != was {
            self.note(Noted::Decided(list, index, standing));
        }
    }

    /// Closes every criterion: what was good to the end has held, if the run is `complete`.
    pub(super) fn close_judgement(&mut self, complete: bool) {
        let now = self.now;
        for index in 0..self.scenario.criteria.len() {
            let criterion = self.scenario.criteria[index].clone();
            let before = self.judgement.criteria[index].standing;
            let judged = &mut self.judgement.criteria[index];
            match &criterion.check {
                Check::Http(check) => {
                    if let Some(standing) = over(check, &self.judgement.answers[index]) {
                        judged.decide(standing, now);
                    }
                }
                // what was spent is a sum: the newest look holds all that came before it
                Check::Burn(_) if complete && matches!(judged.last, Some((_, Look::Good(_)))) => judged.decide(Standing::Held, now),
                Check::Burn(_) | Check::Recovery { .. } | Check::Alert(_) => judged.decide(Standing::Unknown, now),
                Check::Ready { .. } | Check::Promql(_) | Check::Object(_) | Check::Command(_) => {}
            }
            if complete {
                judged.close(now, criterion.violated_for);
            } else {
                judged.decide(Standing::Unknown, now);
            }
            let standing = judged.standing;
            if standing != before && self.begun.is_some() {
                self.note(Noted::Decided(List::Criteria, index, standing));
            }
        }
        for (stop, judged) in self.scenario.stop_when.iter().zip(&mut self.judgement.stops) {
            judged.close(now, stop.true_for);
        }
        for index in 0..self.judgement.proof.len() {
            let judged = &mut self.judgement.proof[index];
            if self.asked.proof && judged.standing == Standing::Pending {
                let seen = judged.last.is_some_and(|(_, look)| look != Look::Unknown);
                judged.decide(if seen && complete { Standing::Broken } else { Standing::Unknown }, now);
                let standing = judged.standing;
                self.note(Noted::Decided(List::Proof, index, standing));
            }
        }
    }

    /// When a judgement changes by the mere passing of time.
    pub(super) fn judgement_due(&self) -> Option<At> {
        if matches!(self.phase, Phase::Undoing(_) | Phase::Sealed) {
            return None;
        }
        let mut due: Vec<At> = Vec::new();
        for (criterion, judged) in self.scenario.criteria.iter().zip(&self.judgement.criteria) {
            due.extend(judged.due(criterion.violated_for));
            if let Check::Recovery { within } = criterion.check {
                let lag = self.sight.lag();
                for fault in 0..self.faults.len() {
                    let back = self.back(fault, criterion.stable_for);
                    due.extend(back.overdue(within, lag).into_iter().chain(back.proven(criterion.stable_for, lag)));
                }
            }
        }
        for (stop, judged) in self.scenario.stop_when.iter().zip(&self.judgement.stops) {
            due.extend(judged.due(stop.true_for));
            if let StopCheck::RecoveryOver(limit) = stop.check {
                due.extend((0..self.faults.len()).filter_map(|fault| self.late(fault, limit)));
            }
        }
        let list = if self.phase == Phase::Settling { &self.judgement.proof } else { &self.judgement.gate };
        for (criterion, judged) in self.scenario.steady_state.iter().zip(list).filter(|(_, judged)| judged.standing == Standing::Pending) {
            due.extend(judged.good_since.map(|since| since + criterion.stable_for));
        }
        due.into_iter().filter(|at| *at > self.now).min()
    }
}

/// Takes a look: what is asked for is counted by its answers, what is always in view by its changes.
fn take(judged: &mut Judged, check: &Check, now: At, look: Look, tolerance: Duration, worse: Worse) {
    match check {
        Check::Ready { .. } => judged.watch(now, look, tolerance, worse),
        Check::Promql(_)
        | Check::Http(_)
        | Check::Alert(_)
        | Check::Object(_)
        | Check::Command(_)
        | Check::Burn(_)
        | Check::Recovery { .. } => judged.look(now, look, tolerance, worse),
    }
}

pub(super) fn is_good(check: &HttpCheck, reading: &Reading) -> bool {
    matches!(reading, Reading::Http { status } if *status == check.expect)
}

/// The verdict on all answers of an http criterion, where they break a bound.
fn over(check: &HttpCheck, answers: &[(bool, Duration)]) -> Option<Standing> {
    let good = answers.iter().filter(|(good, _)| *good).count();
    #[expect(clippy::cast_precision_loss, reason = "counts of answers are far below 2^52")]
    let share = good as f64 / answers.len().max(1) as f64;
    if check.success.is_some_and(|wanted| !answers.is_empty() && share < wanted) {
        return Some(Standing::Broken);
    }
    let mut took: Vec<Duration> = answers.iter().filter(|(good, _)| *good).map(|(_, took)| *took).collect();
    took.sort();
    let p99 = took.get((took.len() * 99).div_ceil(100).saturating_sub(1));
    check.p99.zip(p99).filter(|(bound, p99)| *p99 > bound).map(|_| Standing::Broken)
}

//! Looking at what would end the run.

use std::time::Duration;

use crate::clock::At;
use crate::criterion::{Bound, PromqlCheck, StopCheck};
use crate::effect::ProbeId;
use crate::event::{Number, Reading, Source};
use crate::run::Run;
use crate::run::judge::is_good;
use crate::run::probes::Ask;
use crate::run::recovery::Back;
use crate::run::timeline::List;
use crate::run::verdicts::{Look, Worse, exit, higher, lower, spent, truth};

impl Run {
    /// Looks at one stop condition: `Bad` is that it is true.
    pub(super) fn look_stop(&mut self, index: usize, sampled: Option<ProbeId>) {
        let stop = self.scenario.stop_when[index].clone();
        let before = self.judgement.stops[index].clone();
        let look = self.look_stop_now(&stop.check, sampled);
        let (now, judged) = (self.now, &mut self.judgement.stops[index]);
        let in_view = matches!(stop.check, StopCheck::ReadyBelow(_) | StopCheck::RecoveryOver(_));
        match look {
            Some((look, worse)) if in_view => judged.watch(now, look, stop.true_for, worse),
            Some((look, worse)) => judged.look(now, look, stop.true_for, worse),
            // the last answer still stands and the time has come
            None if judged.due(stop.true_for).is_some_and(|due| now >= due) => judged.stand(now, Look::Bad(None), stop.true_for, higher),
            None => {}
        }
        self.tell(List::StopWhen, index, &before);
    }

    fn look_stop_now(&self, check: &StopCheck, sampled: Option<ProbeId>) -> Option<(Look, Worse)> {
        match check {
            StopCheck::ReadyBelow(amount) => return Some((self.look_ready(|target| target.has(*amount)), lower)),
            StopCheck::RecoveryOver(limit) => return Some((self.look_late(*limit), higher)),
            StopCheck::Promql(_)
            | StopCheck::Http(_)
            | StopCheck::Alert(_)
            | StopCheck::Object(_)
            | StopCheck::Command(_)
            | StopCheck::Burn(_) => {}
        }
        let sample = self.newly(&Ask::of_stop(check)?, sampled)?;
        let reading = &sample.reading;
        Some(match check {
            StopCheck::Promql(check) => promql(check, reading),
            StopCheck::Http(check) => {
                let took = Some(sample.took.as_secs_f64());
                (if is_good(check, reading) { Look::Good(took) } else { Look::Bad(took) }, higher)
            }
            StopCheck::Alert(_) => {
                let Reading::Alert { firing } = reading else { return Some((Look::Unknown, higher)) };
                (if *firing { Look::Bad(None) } else { Look::Good(None) }, higher)
            }
            StopCheck::Object(_) => {
                // what must be true of a criterion must not be of a stop condition
                let look = match truth(reading) {
                    Look::Good(number) => Look::Bad(number),
                    Look::Bad(number) => Look::Good(number),
                    Look::Unknown => Look::Unknown,
                };
                (look, higher)
            }
            StopCheck::Command(check) => (exit(check, reading), higher),
            StopCheck::Burn(check) => (spent(check, reading), higher),
            StopCheck::ReadyBelow(_) | StopCheck::RecoveryOver(_) => return None,
        })
    }

    /// Whether a recovery takes longer than `limit`; the number is how long it has taken so far.
    fn look_late(&self, limit: Duration) -> Look {
        if (0..self.fleet.targets.len()).any(|target| self.sight.lost(Source::Pods(target)).is_some()) {
            return Look::Unknown;
        }
        let stable = self.stable_for();
        let taken = (0..self.faults.len()).filter_map(|fault| match self.back(fault, stable) {
            Back::NotYet { from } => Some(self.now.since(from.at)),
            Back::NotAsked | Back::At { .. } | Back::Undisturbed { .. } => None,
        });
        let longest = taken.max();
        let late = (0..self.faults.len()).any(|fault| self.late(fault, limit).is_some_and(|due| self.now >= due));
        match (longest, late) {
            (Some(taken), true) => Look::Bad(Some(taken.as_secs_f64())),
            (Some(taken), false) => Look::Good(Some(taken.as_secs_f64())),
            (None, _) => Look::Good(None),
        }
    }

    /// When a recovery that is under way will have taken longer than `limit`.
    pub(super) fn late(&self, fault: usize, limit: Duration) -> Option<At> {
        self.back(fault, self.stable_for()).overdue(limit, self.sight.lag())
    }
}

fn promql(check: &PromqlCheck, reading: &Reading) -> (Look, Worse) {
    let worse: Worse = if matches!(check.bound, Bound::Above(_)) { higher } else { lower };
    let numbers: Option<Vec<f64>> = if let Reading::Values { values } = reading {
        Some(values.iter().map(|(_, Number(v))| *v).collect())
    } else {
        check.when_empty.filter(|_| *reading == Reading::Empty).map(|v| vec![v])
    };
    let numbers = numbers.filter(|all| !all.iter().any(|v| v.is_nan()));
    let farthest = numbers.as_deref().and_then(|all| all.iter().copied().reduce(|a, b| if worse(a, b) { a } else { b }));
    let look = match farthest {
        None => Look::Unknown,
        Some(value) if check.bound.admits(value) => Look::Bad(Some(value)),
        Some(value) => Look::Good(Some(value)),
    };
    (look, worse)
}

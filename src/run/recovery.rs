//! How long it took to come back, as an interval with its sources, and step by step.

use std::fmt;
use std::time::Duration;

use crate::clock::{At, say};
use crate::effect::PodRef;
use crate::run::fleet::{Fleet, Outage, Pod, Target};
use crate::run::ledger::{FaultState, Victim};
use crate::run::rounds;
use crate::run::sight::Seen;
use crate::scenario::model::WorkloadKind;

/// A span that is known within bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// As the watch told it.
    pub nominal: Duration,
    /// Not less.
    pub least: Duration,
    /// Not more.
    pub most: Duration,
}

impl Span {
    /// From one moment to another, each known within bounds, for any client that watches the same
    /// API: another one may be told of either up to `lag` after it happened.
    #[must_use]
    pub fn between(from: Seen, to: Seen, lag: Duration) -> Span {
        let nominal = to.at.since(from.at);
        let least = to.earliest.since(from.latest + lag).min(nominal);
        Span { nominal, least, most: (to.latest + lag).since(from.earliest).max(nominal) }
    }
}

/// `0.69 s (−0.01/+0.03)`.
impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (less, more) = (self.nominal.saturating_sub(self.least).as_secs_f64(), self.most.saturating_sub(self.nominal).as_secs_f64());
        // bounds are rounded outwards: the true value lies inside what is printed
        let outwards = |x: f64| (x * 100.0 - 1e-9).ceil() / 100.0;
        write!(f, "{} (−{:.2}/+{:.2})", say(self.nominal), outwards(less), outwards(more))
    }
}

/// Whether the targets are back after a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Back {
    /// The fault has not hit, or for a lasting one is not lifted yet.
    NotAsked,
    /// Below strength, since this.
    NotYet {
        /// Recovery runs from here.
        from: Seen,
    },
    /// At strength again.
    At {
        /// Recovery runs from here.
        from: Seen,
        /// To here.
        to: Seen,
        /// The bounds of it.
        span: Span,
        /// How often strength was lost on the way.
        dips: usize,
        /// Since when strength is whole: later than `to` where this is the slowest of several.
        whole: Seen,
        /// Of how many recoveries this is the slowest: the faults of a Schedule.
        rounds: usize,
    },
    /// Strength was never lost.
    Undisturbed {
        /// Looked at from here.
        from: Seen,
    },
}

/// Where a fault's recovery stands now. Strength that lasted for `stable` is recovery; what was lost
/// after it, or after the `next` fault was asked for, is another matter.
#[must_use]
pub fn of(state: &FaultState, next: Option<At>, fleet: &Fleet, lag: Duration, stable: Duration) -> Back {
    if !state.rounds.is_empty() {
        let backs = state.back_by_round(next, fleet, lag, stable);
        return rounds::slowest(backs.into_iter().map(|(_, back)| back), state.lifted);
    }
    let lasting = state.fault.is_lasting();
    let from = if lasting { state.lifted } else { state.in_effect.and_then(|_| state.impact()) };
    from.map_or(Back::NotAsked, |from| back_from(from, lasting, next, fleet, lag, stable))
}

/// Where a recovery stands that counts from `from`: the impact, or the lift of a `lasting` fault.
pub(super) fn back_from(from: Seen, lasting: bool, next: Option<At>, fleet: &Fleet, lag: Duration, stable: Duration) -> Back {
    // the outages of each target that did not end before, to be taken in the order they began
    let mut ahead: Vec<&[Outage]> = fleet
        .targets
        .iter()
        .map(|target| {
            let over = target.outages.partition_point(|outage| outage.to.is_some_and(|to| to.latest < from.earliest));
            &target.outages[over..]
        })
        .collect();
    // a one-shot fault may show late; a lasting one has shown when it is lifted
    let mut whole = if lasting { Some(from.at) } else { None };
    let mut back: Option<(Seen, usize)> = None;
    while let Some((outage, rest)) = ahead.iter_mut().filter_map(|left| Some((left.first()?, left))).min_by_key(|(next, _)| next.from.at) {
        *rest = &rest[1..];
        let proven = whole.is_some_and(|whole| outage.from.at >= whole + stable);
        if proven || next.is_some_and(|next| outage.from.at >= next) {
            break;
        }
        let Some(to) = outage.to else { return Back::NotYet { from } };
        whole = whole.max(Some(to.at));
        back = Some(match back {
            Some((last, dips)) => (if last.at > to.at { last } else { to }, dips + 1),
            None => (to, 1),
        });
    }
    match back {
        Some((to, dips)) => Back::At { from, to, span: Span::between(from, to, lag), dips, whole: to, rounds: 1 },
        None => Back::Undisturbed { from },
    }
}

impl Back {
    /// Since when strength is whole again, if it is.
    #[must_use]
    pub const fn since(&self) -> Option<At> {
        match self {
            Back::At { whole, .. } => Some(whole.at),
            Back::Undisturbed { from } => Some(from.at),
            Back::NotAsked | Back::NotYet { .. } => None,
        }
    }

    /// When strength will have lasted for `stable`, if nothing comes between. What was told at
    /// this very moment may have consequences that are told `lag` later.
    #[must_use]
    pub fn proven(&self, stable: Duration, lag: Duration) -> Option<At> {
        match self {
            Back::At { whole, .. } => Some(whole.latest + stable),
            Back::Undisturbed { from } => Some(from.latest + stable.max(lag)),
            Back::NotAsked | Back::NotYet { .. } => None,
        }
    }

    /// When it is certain that it took longer than `within`, if it lasts: a return that was told
    /// up to `lag` later may have been in time.
    #[must_use]
    pub fn overdue(&self, within: Duration, lag: Duration) -> Option<At> {
        match self {
            Back::NotYet { from } => Some(from.latest + within + lag + Duration::from_micros(1)),
            Back::At { .. } | Back::Undisturbed { .. } | Back::NotAsked => None,
        }
    }
}

/// The steps from a victim's end to its replacement's service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// The victim was hit.
    Hit,
    /// The replacement was created.
    Replaced,
    /// It was bound to a node.
    Scheduled,
    /// Its containers started.
    Started,
    /// It is ready.
    Ready,
    /// A Service sends traffic to it.
    InEndpoints,
}

/// One victim and its replacement.
#[derive(Clone, Debug)]
pub struct Waterfall {
    /// The victim.
    pub victim: PodRef,
    /// Who came in its place.
    pub replacement: Option<PodRef>,
    /// Each stage, with when it was seen.
    pub stages: Vec<(Stage, Option<Seen>)>,
}

impl Waterfall {
    /// The span from the hit to a stage.
    #[must_use]
    pub fn span_to(&self, stage: Stage) -> Option<Duration> {
        let hit = self.stages.first()?.1?;
        let seen = self.stages.iter().find(|(s, _)| *s == stage)?.1?;
        Some(seen.at.since(hit.at))
    }
}

/// The waterfall of each victim that was replaced or is to be, in order of impact.
#[must_use]
pub fn waterfalls(state: &FaultState, fleet: &Fleet) -> Vec<Waterfall> {
    let mut taken: Vec<&str> = Vec::new();
    let mut falls = Vec::new();
    let mut victims: Vec<&Victim> = state.victims.iter().collect();
    victims.sort_by_key(|victim| victim.impact().map(|hit| hit.at));
    for victim in victims {
        let home = fleet.targets.iter().find_map(|target| {
            let pod = target.pods.get(&victim.pod.uid)?;
            Some((target, pod))
        });
        let Some((target, old)) = home else { continue };
        let Some(hit) = victim.impact().or(old.deleting) else { continue };
        if old.is_live() {
            // hit but not ended (a network fault, a paused container): it comes back as itself
            continue;
        }
        let replacement = replacement(target, old, hit, &taken);
        if let Some(new) = replacement {
            taken.push(&new.fact.pod.uid);
        }
        let serving = target.pods.values().any(|pod| pod.original && pod.serving.is_some());
        let mut stages = vec![
            (Stage::Hit, Some(hit)),
            (Stage::Replaced, replacement.map(|pod| pod.created)),
            (Stage::Scheduled, replacement.and_then(|pod| pod.scheduled)),
            (Stage::Started, replacement.and_then(|pod| pod.started)),
            (Stage::Ready, replacement.and_then(|pod| pod.ready)),
        ];
        if serving {
            stages.push((Stage::InEndpoints, replacement.and_then(|pod| pod.serving)));
        }
        falls.push(Waterfall { victim: victim.pod.clone(), replacement: replacement.map(|pod| pod.fact.pod.clone()), stages });
    }
    falls
}

/// Who came in a victim's place: of the same owner, born after the hit, the first not yet taken;
/// of a `StatefulSet` under the same name, of a `DaemonSet` on the same node.
fn replacement<'a>(target: &'a Target, old: &Pod, hit: Seen, taken: &[&str]) -> Option<&'a Pod> {
    let kind = target.workload.as_ref().map(|workload| workload.workload.kind);
    target.pods.values().find(|pod| {
        pod.fact.owner == old.fact.owner
            && pod.order > old.order
            && !pod.original
            && pod.created.latest >= hit.earliest
            && !taken.contains(&pod.fact.pod.uid.as_str())
            && match kind {
                Some(WorkloadKind::StatefulSet) => pod.fact.pod.name == old.fact.pod.name,
                Some(WorkloadKind::DaemonSet) => pod.fact.node == old.fact.node || pod.fact.node.is_none(),
                Some(WorkloadKind::Deployment) | None => true,
            }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn span_should_print_bounds_that_hold_the_true_value() {
        let ms = Duration::from_millis;
        let span = Span { nominal: ms(690), least: ms(681), most: ms(716) };
        assert_eq!(span.to_string(), "0.69 s (−0.01/+0.03)");
    }

    #[test]
    fn span_should_never_be_narrower_than_its_nominal_value() {
        let at = At::from_micros;
        let seen = |t, e, l| Seen { at: at(t), earliest: at(e), latest: at(l) };
        let span = Span::between(seen(100, 90, 95), seen(500, 480, 490), Duration::ZERO);
        assert!(span.least <= span.nominal && span.nominal <= span.most);
    }
}

//! The rows of pods: which there are of those that the filter takes, and in which order.

use std::cmp::{Ordering, Reverse};
use std::collections::BTreeSet;

use crate::clock::At;
use crate::run::Run;
use crate::run::fleet::{Pod, Target};
use crate::run::recovery::{self, Stage, Waterfall};
use crate::text::Untrusted;
use crate::tui::hands::Hands;

/// What stands behind a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tail {
    /// Nothing was done to it.
    Untouched,
    /// It was hit then.
    Hit(At),
    /// A lasting fault is on it.
    Under,
    /// A lasting fault was on it.
    Was,
    /// It came for another: from the hit to its readiness, if it is ready.
    Came(At, Option<At>),
}

/// One row.
#[derive(Clone, Copy, Debug)]
pub struct Line<'a> {
    /// The pod.
    pub pod: &'a Pod,
    /// What stands behind it.
    pub tail: Tail,
}

/// A column of the pods, to sort by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Column {
    /// The pod's name.
    Name,
    /// Its state.
    State,
    /// How many of its containers are ready.
    Ready,
    /// Restarts, most first.
    Restarts,
    /// Age, youngest first.
    Age,
}

/// What the pods are sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order {
    /// Which column.
    pub column: Column,
    /// The other way round.
    pub reversed: bool,
}

impl Order {
    /// What the key of a column makes of the order that there is: sorted, the other way round, as it was.
    #[must_use]
    pub fn turned(now: Option<Order>, column: Column) -> Option<Order> {
        match now {
            Some(Order { column: known, reversed }) if known == column => (!reversed).then_some(Order { column, reversed: true }),
            _ => Some(Order { column, reversed: false }),
        }
    }

    fn compare(self, a: &Pod, b: &Pod) -> Ordering {
        let ready = |pod: &Pod| (pod.is_ready(), pod.fact.containers.0);
        // the younger was created later; one whose creation nobody told stands by first sight
        let born = |pod: &Pod| Reverse((pod.fact.created, pod.order));
        let order = match self.column {
            Column::Name => Ordering::Equal,
            Column::State => a.fact.state.raw().cmp(b.fact.state.raw()),
            Column::Ready => ready(a).cmp(&ready(b)),
            Column::Restarts => b.fact.restarts.cmp(&a.fact.restarts),
            Column::Age => born(a).cmp(&born(b)),
        };
        let order = order.then_with(|| a.fact.pod.name.cmp(&b.fact.pod.name)).then_with(|| a.order.cmp(&b.order));
        if self.reversed { order.reverse() } else { order }
    }
}

/// The pods of a target: victims with their replacements first, then the others.
#[must_use]
pub fn of<'a>(run: &'a Run, target: &'a Target) -> Vec<Line<'a>> {
    let fleet = run.fleet();
    let mut lines: Vec<Line<'a>> = Vec::new();
    let mut known: BTreeSet<usize> = BTreeSet::new();
    let newest_first = run.faults().iter().rev().filter(|state| state.asked.is_some());
    for (age, state) in newest_first.enumerate() {
        for fall in recovery::waterfalls(state, fleet) {
            let replacement = fall.replacement.as_ref().and_then(|pod| target.pods.get(&pod.uid));
            let hit = fall.stages.first().and_then(|(_, seen)| *seen).map_or(At::ZERO, |seen| seen.at);
            if let Some(victim) = target.pods.get(&fall.victim.uid)
                && age == 0
            {
                known.insert(victim.order);
                lines.push(Line { pod: victim, tail: Tail::Hit(hit) });
            }
            if let Some(pod) = replacement.filter(|pod| known.insert(pod.order)) {
                lines.push(Line { pod, tail: Tail::Came(hit, reached(&fall)) });
            }
        }
        for victim in state.victims.iter().filter(|victim| victim.hit.is_some() && state.fault.is_lasting()) {
            if let Some(pod) = target.pods.get(&victim.pod.uid).filter(|pod| known.insert(pod.order)) {
                lines.push(Line { pod, tail: if state.is_alive() { Tail::Under } else { Tail::Was } });
            }
        }
    }
    // of thousands none but those that are shown is looked at
    let others = target.pods.there().filter(|(place, _)| !known.contains(place));
    lines.extend(others.map(|(_, pod)| Line { pod, tail: Tail::Untouched }));
    lines
}

/// The same, as far as the operator wants to see them, in the order they want; and how many there are in all.
#[must_use]
pub fn wanted<'a>(run: &'a Run, hands: &Hands, target: &'a Target) -> (Vec<Line<'a>>, usize) {
    let mut lines = of(run, target);
    let all = lines.len();
    if !hands.filter.is_empty() {
        lines.retain(|line| hands.filter.takes_labelled(&searched(line.pod), Some(&line.pod.fact.labels)));
    }
    if let Some(order) = hands.order {
        lines.sort_by(|a, b| order.compare(a.pod, b.pod));
    }
    (lines, all)
}

/// The pods of all targets, as they stand on the screen.
#[must_use]
pub fn pods<'a>(run: &'a Run, hands: &Hands) -> Vec<&'a Pod> {
    let targets = run.fleet().targets.iter();
    targets.flat_map(|target| wanted(run, hands, target).0).map(|line| line.pod).collect()
}

/// What the filter looks at: namespace, name, state and node.
fn searched(pod: &Pod) -> String {
    let fact = &pod.fact;
    let node = fact.node.as_ref().map_or("", Untrusted::raw);
    format!("{}/{} {} {node}", fact.pod.namespace, fact.pod.name, fact.state.raw())
}

fn reached(fall: &Waterfall) -> Option<At> {
    fall.stages.iter().find(|(stage, _)| *stage == Stage::Ready).and_then(|(_, seen)| *seen).map(|seen| seen.at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_of_a_column_should_sort_turn_and_let_go() {
        let once = Order::turned(None, Column::Age);
        let twice = Order::turned(once, Column::Age);
        assert_eq!(
            (once, twice),
            (Some(Order { column: Column::Age, reversed: false }), Some(Order { column: Column::Age, reversed: true }))
        );
        assert_eq!(Order::turned(twice, Column::Age), None);
        assert_eq!(Order::turned(twice, Column::Name), Some(Order { column: Column::Name, reversed: false }));
    }
}

//! How the number of a criterion went so far, in one row: beside its margin, where there is room.

use crate::criterion::{Check, Criterion};
use crate::run::probes::Ask;
use crate::tui::charts::{self, Chart, Shows};
use crate::tui::plot;
use crate::tui::scene::Scene;

/// The widths it has: a width of its own for every margin would jump with each of them.
const WIDTHS: [u16; 3] = [32, 20, 12];

/// The widest that fits into what all rows leave.
pub fn width(spare: u16) -> Option<u16> {
    WIDTHS.into_iter().find(|width| width + 2 <= spare)
}

/// The chart of a criterion's number, where it has one.
pub fn chart(scene: &Scene<'_>, charts: &[Chart], criterion: &Criterion) -> Option<Chart> {
    let ask = Ask::of_check(&criterion.check);
    let ready = matches!(criterion.check, Check::Ready { .. }) && scene.run.scenario().targets.len() == 1;
    let of_it = |chart: &&Chart| match &chart.shows {
        Shows::Answers(of, _) => ask.as_ref() == Some(of),
        Shows::Ready(_) => ready,
    };
    charts.iter().find(of_it).cloned()
}

/// From its first answer until now, the worst of each column; a gap is a space.
pub fn spark(scene: &Scene<'_>, chart: &Chart, width: u16) -> String {
    let series = chart.lines(scene.run, scene.now);
    let points = || series.iter().flat_map(|series| &series.points);
    let Some(first) = points().map(|(at, _)| *at).min() else { return String::new() };
    let whole = scene.now.since(first).as_secs_f64().max(f64::MIN_POSITIVE);
    let bound = chart.limits.iter().filter(|limit| !limit.stops).map(|limit| limit.value);
    // room above the highest: a row that is full says nothing of its shape
    let top = bound.chain(points().filter_map(|(_, value)| *value)).fold(f64::MIN_POSITIVE, f64::max) * 1.15;
    let mut worst: Vec<Option<f64>> = vec![None; usize::from(width)];
    for series in &series {
        let of = &series.points;
        let places: Vec<(f64, Option<f64>)> =
            of.iter().map(|(at, value)| (at.since(first).as_secs_f64() / whole, value.map(|value| value / top))).collect();
        let joined = |index: usize| !chart.is_sampled() || of[index].0.since(of[index - 1].0) <= charts::GAP;
        for (slot, value) in worst.iter_mut().zip(plot::columns(&places, width, joined, chart.worse())) {
            *slot = match (*slot, value) {
                (Some(one), Some(other)) => Some(chart.worse()(one, other)),
                (one, other) => one.or(other),
            };
        }
    }
    plot::spark(&worst)
}

//! How the number of a criterion went so far, in one row: beside its margin, where there is room.

use crate::criterion::{Check, Criterion};
use crate::run::probes::Ask;
use crate::tui::charts::{Chart, Line, Shows};
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
        Shows::Answers(of) => ask.as_ref() == Some(of),
        Shows::Ready(_) => ready,
    };
    charts.iter().find(of_it).cloned()
}

/// From its first answer until now, the worst of each column; a gap is a space.
pub fn spark(scene: &Scene<'_>, chart: &Chart, width: u16) -> String {
    let lines = chart.lines(scene.run, scene.now);
    let Some(first) = lines.iter().filter_map(|line| line.series.curve.points().first()).map(|(at, _)| *at).min() else {
        return String::new();
    };
    let bound = chart.limits.iter().filter(|limit| !limit.stops).map(|limit| limit.value);
    // room above the highest: a row that is full says nothing of its shape
    let top = bound.chain(lines.iter().filter_map(Line::highest)).fold(f64::MIN_POSITIVE, f64::max) * 1.15;
    let mut worst: Vec<Option<f64>> = vec![None; usize::from(width)];
    for line in &lines {
        let values = line.columns((first.seconds(), scene.now.seconds()), top, width, chart.worse());
        for (slot, value) in worst.iter_mut().zip(values) {
            *slot = match (*slot, value) {
                (Some(one), Some(other)) => Some(chart.worse()(one, other)),
                (one, other) => one.or(other),
            };
        }
    }
    plot::spark(&worst)
}

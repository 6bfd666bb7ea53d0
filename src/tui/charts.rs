//! Which charts there are, in which order: the panels of the scenario, the queries of criteria and
//! stop conditions that no panel shows, the answers of http criteria, and the pods that are ready.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::clock::At;
use crate::criterion::{Amount, Bound, Check, StopCheck};
use crate::event::Source;
use crate::run::Run;
use crate::run::probes::{Ask, Series};
use crate::scenario::model::Unit;
use crate::text::Untrusted;
use crate::wording::margin;

/// The longest pause between two answers that is no gap.
pub const GAP: Duration = Duration::from_millis(3500);
/// How many answers there must have been before a fault to say how it was before.
const ENOUGH: usize = 3;

/// What a chart shows.
#[derive(Clone, Debug, PartialEq)]
pub enum Shows {
    /// The answers to a question; the number stands for no series.
    Answers(Ask, Option<f64>),
    /// The ready pods of a target.
    Ready(usize),
}

/// A bound that is drawn.
#[derive(Clone, Debug, PartialEq)]
pub struct Limit {
    /// Where.
    pub value: f64,
    /// Whether it ends the run.
    pub stops: bool,
    /// Whether numbers under it are the bad ones.
    pub low: bool,
}

impl Limit {
    /// Whether a number is on its bad side.
    #[must_use]
    pub fn is_crossed(&self, number: f64) -> bool {
        if self.low { number < self.value } else { number > self.value }
    }
}

/// One chart.
#[derive(Clone, Debug, PartialEq)]
pub struct Chart {
    /// Its title, safe to show.
    pub title: String,
    /// What its numbers are.
    pub unit: Unit,
    /// What it shows.
    pub shows: Shows,
    /// The bounds on it.
    pub limits: Vec<Limit>,
}

/// All charts of a run.
#[must_use]
pub fn all(run: &Run) -> Vec<Chart> {
    let scenario = run.scenario();
    let mut charts: Vec<Chart> = Vec::new();
    let mut add = |title: &str, unit: Unit, ask: Ask, when_empty: Option<f64>| {
        if !charts.iter().any(|chart| matches!(&chart.shows, Shows::Answers(known, _) if *known == ask)) {
            let limits = limits(run, &ask);
            charts.push(Chart { title: Untrusted::from(title).to_string(), unit, shows: Shows::Answers(ask, when_empty), limits });
        }
    };
    for panel in &scenario.panels {
        add(&panel.name, panel.unit, Ask::Promql(panel.query.clone()), panel.when_empty);
    }
    for criterion in scenario.criteria.iter().chain(&scenario.steady_state) {
        match &criterion.check {
            Check::Promql(check) => {
                add(&criterion.name, margin::unit(run, &check.query), Ask::Promql(check.query.clone()), check.when_empty);
            }
            Check::Http(check) => add(&criterion.name, Unit::Seconds, Ask::Http(check.url.clone()), None),
            Check::Alert(_) | Check::Ready { .. } | Check::Recovery { .. } | Check::Object(_) | Check::Command(_) | Check::Burn(_) => {}
        }
    }
    for stop in &scenario.stop_when {
        if let StopCheck::Promql(check) = &stop.check {
            add(&stop.name, margin::unit(run, &check.query), Ask::Promql(check.query.clone()), check.when_empty);
        }
    }
    for (index, target) in scenario.targets.iter().enumerate() {
        let title = format!("ready pods of {}", Untrusted::from(target.name.as_str()));
        charts.push(Chart { title, unit: Unit::None, shows: Shows::Ready(index), limits: ready_limits(run, index) });
    }
    charts
}

fn limits(run: &Run, ask: &Ask) -> Vec<Limit> {
    let Ask::Promql(query) = ask else { return Vec::new() };
    let scenario = run.scenario();
    let mut limits = Vec::new();
    for criterion in scenario.criteria.iter().chain(&scenario.steady_state) {
        if let Check::Promql(check) = &criterion.check
            && check.query == *query
        {
            limits.push(Limit { value: check.bound.limit(), stops: false, low: matches!(check.bound, Bound::Above(_)) });
        }
    }
    for stop in &scenario.stop_when {
        if let StopCheck::Promql(check) = &stop.check
            && check.query == *query
        {
            limits.push(Limit { value: check.bound.limit(), stops: true, low: matches!(check.bound, Bound::Below(_)) });
        }
    }
    limits
}

fn ready_limits(run: &Run, target: usize) -> Vec<Limit> {
    let Some(desired) = run.fleet().targets.get(target).and_then(crate::run::fleet::Target::desired) else { return Vec::new() };
    let of = |amount: Amount| f64::from(amount.of(desired));
    let mut limits = Vec::new();
    for criterion in &run.scenario().criteria {
        if let Check::Ready { min } = criterion.check {
            limits.push(Limit { value: of(min), stops: false, low: true });
        }
    }
    for stop in &run.scenario().stop_when {
        if let StopCheck::ReadyBelow(amount) = stop.check {
            limits.push(Limit { value: of(amount), stops: true, low: true });
        }
    }
    limits
}

impl Chart {
    /// Its lines.
    #[must_use]
    pub fn lines(&self, run: &Run, now: At) -> Vec<Series> {
        match &self.shows {
            Shows::Answers(ask, when_empty) => {
                let probe = run.probes().find(ask);
                probe.map_or_else(Vec::new, |probe| probe.series(*when_empty))
            }
            Shows::Ready(index) => {
                let history = run.fleet().targets.get(*index).map_or(&[][..], |target| &target.history);
                let mut points: Vec<(At, Option<f64>)> = Vec::new();
                for (at, ready) in history {
                    // steps, not slopes: nothing is half ready
                    points.extend(points.last().copied().map(|(_, before)| (*at, before)));
                    points.push((*at, Some(f64::from(*ready))));
                }
                let blind = run.sight().lost(Source::Pods(*index)).map(|(since, _)| *since);
                let end = blind.unwrap_or(now);
                points.extend(points.last().copied().filter(|(at, _)| *at < end).map(|(_, last)| (end, last)));
                vec![Series { labels: Untrusted::default(), points }]
            }
        }
    }

    /// What a line says of a moment: the newest answer until then, unless it is too old. Never a number that was not seen.
    #[must_use]
    pub fn value(&self, series: &Series, at: At) -> Option<f64> {
        let index = series.points.partition_point(|(then, _)| *then <= at).checked_sub(1)?;
        let (then, value) = series.points.get(index)?;
        let ends = index + 1 == series.points.len() && at > *then;
        let seen = if self.is_sampled() { at.since(*then) <= GAP } else { !ends };
        value.filter(|_| seen)
    }

    /// What is usual of these lines before a moment: the middle one of the answers until then, of several series the worst.
    #[must_use]
    pub fn before(&self, series: &[Series], moment: At) -> Option<f64> {
        if !self.is_sampled() {
            return None;
        }
        let mut answers: BTreeMap<At, f64> = BTreeMap::new();
        for (at, value) in series.iter().flat_map(|series| series.points.iter().take_while(|(at, _)| *at < moment)) {
            if let Some(value) = value {
                answers.entry(*at).and_modify(|known| *known = self.worse()(*known, *value)).or_insert(*value);
            }
        }
        let mut values: Vec<f64> = answers.into_values().collect();
        values.sort_unstable_by(f64::total_cmp);
        values.get(values.len().saturating_sub(1) / 2).copied().filter(|_| values.len() >= ENOUGH)
    }

    /// The worse of two numbers.
    #[must_use]
    pub fn worse(&self) -> fn(f64, f64) -> f64 {
        if self.is_low_bad() { f64::min } else { f64::max }
    }

    /// Since when its source is lost.
    #[must_use]
    pub fn blind(&self, run: &Run) -> Option<At> {
        let source = match &self.shows {
            Shows::Answers(ask, _) => ask.source(run.probes().find(ask)?.id)?,
            Shows::Ready(index) => Source::Pods(*index),
        };
        run.sight().lost(source).map(|(since, _)| *since)
    }

    /// Whether its low numbers are the bad ones.
    #[must_use]
    pub fn is_low_bad(&self) -> bool {
        !self.limits.is_empty() && self.limits.iter().all(|limit| limit.low)
    }

    /// Whether it is made of answers that come once a second, so that a longer pause is a gap.
    #[must_use]
    pub const fn is_sampled(&self) -> bool {
        matches!(self.shows, Shows::Answers(..))
    }
}

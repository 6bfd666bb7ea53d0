//! Which charts there are, in which order: the panels of the scenario, the queries of criteria and
//! stop conditions that no panel shows, the answers of http criteria, and the pods that are ready.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::clock::At;
use crate::criterion::{Amount, Bound, Check, StopCheck};
use crate::event::Source;
use crate::run::Run;
use crate::run::curve::{GAP, Series};
use crate::run::probes::{Ask, Probe};
use crate::scenario::model::Unit;
use crate::text::Untrusted;
use crate::tui::plot::{self, Point};
use crate::wording::margin;

/// How long before the first fault says how it was before.
const BEFORE: Duration = Duration::from_mins(1);
/// How many stretches of a line there may be in a column.
const FINE: usize = 8;
/// How many answers there must have been before a fault to say how it was before.
const ENOUGH: usize = 3;

/// What a chart shows.
#[derive(Clone, Debug, PartialEq)]
pub enum Shows {
    /// The answers to a question.
    Answers(Ask),
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
    let mut add = |title: &str, unit: Unit, ask: Ask| {
        if !charts.iter().any(|chart| matches!(&chart.shows, Shows::Answers(known) if *known == ask)) {
            let limits = limits(run, &ask);
            charts.push(Chart { title: Untrusted::from(title).to_string(), unit, shows: Shows::Answers(ask), limits });
        }
    };
    for panel in &scenario.panels {
        add(&panel.name, panel.unit, Ask::Promql(panel.query.clone()));
    }
    for criterion in scenario.criteria.iter().chain(&scenario.steady_state) {
        match &criterion.check {
            Check::Promql(check) => {
                add(&criterion.name, margin::unit(run, &check.query), Ask::Promql(check.query.clone()));
            }
            Check::Http(check) => add(&criterion.name, Unit::Seconds, Ask::Http(check.url.clone())),
            Check::Alert(_) | Check::Ready { .. } | Check::Recovery { .. } | Check::Object(_) | Check::Command(_) | Check::Burn(_) => {}
        }
    }
    for stop in &scenario.stop_when {
        if let StopCheck::Promql(check) = &stop.check {
            add(&stop.name, margin::unit(run, &check.query), Ask::Promql(check.query.clone()));
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

/// One line of a chart.
#[derive(Clone, Copy, Debug)]
pub struct Line<'a> {
    /// Its labels and its points.
    pub series: &'a Series,
    /// Until when its last number stands, where it stands until it changes.
    stands: Option<At>,
}

impl Line<'_> {
    /// Its newest number.
    #[must_use]
    pub fn last(&self) -> Option<(At, Option<f64>)> {
        self.series.curve.last().map(|(at, value)| (self.stands.map_or(at, |until| at.max(until)), value))
    }

    /// The greatest number that it ever was.
    #[must_use]
    pub const fn highest(&self) -> Option<f64> {
        self.series.curve.highest()
    }

    /// What it says of a moment: the newest answer until then, unless it is too old. Never a number that was not seen.
    #[must_use]
    pub fn value(&self, at: At) -> Option<f64> {
        let (then, value, last) = self.series.curve.until(at)?;
        let seen = match self.stands {
            Some(until) => !last || at <= then.max(until),
            None => at.since(then) <= GAP,
        };
        value.filter(|_| seen)
    }

    /// One value a column, 0 to 1 of `top`, from one moment to another; of several in one column the worse.
    #[must_use]
    pub fn columns(&self, (from, to): (f64, f64), top: f64, width: u16, worse: fn(f64, f64) -> f64) -> Vec<Option<f64>> {
        let place = |at: At| (at.seconds() - from) / (to - from).max(f64::MIN_POSITIVE);
        let curve = &self.series.curve;
        // two a column and more: none spreads over its neighbours
        let stretches = curve.between(At::from_seconds(from), At::from_seconds(to), usize::from(width) * FINE);
        let mut points: Vec<Point> = Vec::with_capacity(stretches.len() * 2);
        for (index, stretch) in stretches.iter().enumerate() {
            let value = stretch.range.map(|(low, high)| worse(low, high) / top);
            let joined = index.checked_sub(1).and_then(|before| stretches.get(before)).is_some_and(|before| curve.joins(before, stretch));
            points.push(Point { place: place(stretch.from), value, joined });
            if stretch.to > stretch.from {
                points.push(Point { place: place(stretch.to), value, joined: stretch.whole });
            }
        }
        let until = self.stands.filter(|until| self.series.curve.last().is_some_and(|(at, _)| at < *until));
        if let (Some(until), Some(last)) = (until, points.last().copied()) {
            points.push(Point { place: place(until), joined: true, ..last });
        }
        plot::columns(&points, width, worse)
    }
}

impl Chart {
    /// Its lines.
    #[must_use]
    pub fn lines<'a>(&self, run: &'a Run, now: At) -> Vec<Line<'a>> {
        match &self.shows {
            Shows::Answers(ask) => {
                let series = run.probes().find(ask).map_or(&[][..], Probe::series);
                series.iter().map(|series| Line { series, stands: None }).collect()
            }
            Shows::Ready(index) => {
                let blind = run.sight().lost(Source::Pods(*index)).map(|(since, _)| *since);
                let stands = Some(blind.unwrap_or(now));
                run.fleet().targets.get(*index).map(|target| Line { series: &target.history, stands }).into_iter().collect()
            }
        }
    }

    /// What is usual of these lines before a moment: the middle one of the answers of the minute until then, of several
    /// series the worst.
    #[must_use]
    pub fn before(&self, lines: &[Line<'_>], moment: At) -> Option<f64> {
        if !self.is_sampled() {
            return None;
        }
        let mut answers: BTreeMap<At, f64> = BTreeMap::new();
        for line in lines {
            let points = line.series.curve.points();
            let end = points.partition_point(|(at, _)| *at < moment);
            let begin = points.partition_point(|(at, _)| *at < moment.minus(BEFORE));
            for (at, value) in points.get(begin..end).into_iter().flatten() {
                if let Some(value) = value {
                    answers.entry(*at).and_modify(|known| *known = self.worse()(*known, *value)).or_insert(*value);
                }
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
            Shows::Answers(ask) => ask.source(run.probes().find(ask)?.id)?,
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

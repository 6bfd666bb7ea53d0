//! What is asked again and again while a run lasts: queries, URLs, alerts.

use std::time::Duration;

use crate::clock::At;
use crate::criterion::{BurnCheck, Check, CommandCheck, ObjectCheck, StopCheck};
use crate::effect::{Effect, ProbeId};
use crate::event::{Number, Reading, Source};
use crate::run::curve::{Curve, Series};
use crate::scenario::model::Scenario;
use crate::text::Untrusted;

/// How often a probe is asked.
pub const INTERVAL: Duration = Duration::from_secs(1);
/// How long an answer is waited for before the probe is asked again.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ask {
    /// A `PromQL` instant query.
    Promql(String),
    /// GET of a URL.
    Http(String),
    /// Whether an alert of this name fires.
    Alert(String),
    /// What CEL says of an object.
    Object(ObjectCheck),
    /// How a command exits.
    Command(CommandCheck),
    /// The increases of two counters since the run began: of good events, of all.
    Burn(String, String),
}

impl Ask {
    /// What a criterion asks, if it asks.
    #[must_use]
    pub fn of_check(check: &Check) -> Option<Ask> {
        match check {
            Check::Promql(check) => Some(Ask::Promql(check.query.clone())),
            Check::Http(check) => Some(Ask::Http(check.url.clone())),
            Check::Alert(check) => Some(Ask::Alert(check.name.clone())),
            Check::Object(check) => Some(Ask::Object(check.clone())),
            Check::Command(check) => Some(Ask::command(check)),
            Check::Burn(check) => Some(Ask::burn(check)),
            Check::Ready { .. } | Check::Recovery { .. } => None,
        }
    }

    /// What a stop condition asks, if it asks.
    #[must_use]
    pub fn of_stop(check: &StopCheck) -> Option<Ask> {
        match check {
            StopCheck::Promql(check) => Some(Ask::Promql(check.query.clone())),
            StopCheck::Http(check) => Some(Ask::Http(check.url.clone())),
            StopCheck::Alert(name) => Some(Ask::Alert(name.clone())),
            StopCheck::Object(check) => Some(Ask::Object(check.clone())),
            StopCheck::Command(check) => Some(Ask::command(check)),
            StopCheck::Burn(check) => Some(Ask::burn(check)),
            StopCheck::ReadyBelow(_) | StopCheck::RecoveryOver(_) => None,
        }
    }

    /// Whether Prometheus is asked.
    #[must_use]
    pub const fn is_metrics(&self) -> bool {
        match self {
            Ask::Promql(_) | Ask::Alert(_) | Ask::Burn(..) => true,
            Ask::Http(_) | Ask::Object(_) | Ask::Command(_) => false,
        }
    }

    /// The source whose answers these are; of a URL the missing answer is itself one.
    #[must_use]
    pub const fn source(&self, id: ProbeId) -> Option<Source> {
        match self {
            Ask::Promql(_) | Ask::Alert(_) | Ask::Burn(..) => Some(Source::Prometheus),
            Ask::Object(_) => Some(Source::Object(id)),
            Ask::Command(_) => Some(Source::Command(id)),
            Ask::Http(_) => None,
        }
    }

    /// The same command is run once, whatever its exit means to whom.
    fn command(check: &CommandCheck) -> Ask {
        Ask::Command(CommandCheck { expect: 0, ..check.clone() })
    }

    fn burn(check: &BurnCheck) -> Ask {
        Ask::Burn(check.good.clone(), check.total.clone())
    }

    /// How long its answer may take.
    fn patience(&self) -> Duration {
        match self {
            Ask::Command(check) => PATIENCE.max(check.timeout + INTERVAL * 2),
            Ask::Promql(_) | Ask::Http(_) | Ask::Alert(_) | Ask::Object(_) | Ask::Burn(..) => PATIENCE,
        }
    }
}

/// One question and its answers.
#[derive(Clone, Debug)]
pub struct Probe {
    /// Its place.
    pub id: ProbeId,
    /// The question.
    pub ask: Ask,
    /// Every answer, oldest first.
    pub samples: Vec<Sample>,
    /// What the author says no series means.
    when_empty: Option<f64>,
    series: Vec<Series>,
    next: Option<At>,
    outstanding: Option<At>,
}

/// One answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// When it came.
    pub at: At,
    /// From asking to the answer.
    pub took: Duration,
    /// What it said.
    pub reading: Reading,
}

/// All probes of a run, each question once.
#[derive(Clone, Debug, Default)]
pub struct Probes {
    all: Vec<Probe>,
}

impl Probes {
    /// The probes that `scenario` needs.
    #[must_use]
    pub fn of(scenario: &Scenario) -> Probes {
        let mut asks: Vec<Ask> = scenario.panels.iter().map(|panel| Ask::Promql(panel.query.clone())).collect();
        asks.extend(scenario.steady_state.iter().chain(&scenario.criteria).filter_map(|criterion| Ask::of_check(&criterion.check)));
        asks.extend(scenario.stop_when.iter().filter_map(|stop| Ask::of_stop(&stop.check)));
        let mut probes = Probes::default();
        for ask in asks {
            if probes.find(&ask).is_none() {
                let id = ProbeId(probes.all.len());
                let when_empty = when_empty(scenario, &ask);
                probes.all.push(Probe { id, ask, samples: Vec::new(), when_empty, series: Vec::new(), next: None, outstanding: None });
            }
        }
        probes
    }

    /// The probe that asks this.
    #[must_use]
    pub fn find(&self, ask: &Ask) -> Option<&Probe> {
        self.all.iter().find(|probe| probe.ask == *ask)
    }

    /// The probe of this id.
    #[must_use]
    pub fn get(&self, id: ProbeId) -> Option<&Probe> {
        self.all.get(id.0)
    }

    /// All of them.
    #[must_use]
    pub fn all(&self) -> &[Probe] {
        &self.all
    }

    /// Whether any other question to Prometheus was answered lately.
    pub(super) fn heard_from_metrics(&self, but: ProbeId, now: At) -> bool {
        self.all.iter().filter(|probe| probe.id != but && probe.ask.is_metrics()).any(|probe| {
            let lately = |sample: &Sample| now.since(sample.at) <= INTERVAL * 2 && !matches!(sample.reading, Reading::Failed { .. });
            probe.samples.last().is_some_and(lately)
        })
    }

    /// Takes an answer; says whether it was waited for: one told twice counts once.
    pub(super) fn take(&mut self, id: ProbeId, sample: Sample) -> bool {
        let Some(probe) = self.all.get_mut(id.0).filter(|probe| probe.outstanding.is_some()) else { return false };
        probe.outstanding = None;
        probe.draw(&sample);
        probe.samples.push(sample);
        true
    }

    /// The questions that are due, each asked at most once at a time.
    /// What counts since the run began is not asked before.
    pub(super) fn due(&mut self, now: At, begun: bool) -> Vec<Effect> {
        let mut effects = Vec::new();
        for probe in self.all.iter_mut().filter(|probe| begun || !matches!(probe.ask, Ask::Burn(..))) {
            if probe.next.is_some_and(|next| now < next) {
                continue;
            }
            let asked = probe.next.unwrap_or(now);
            let late = now.since(asked).as_micros() / INTERVAL.as_micros() + 1;
            probe.next = Some(asked + INTERVAL * u32::try_from(late).unwrap_or(u32::MAX));
            if probe.outstanding.is_none_or(|since| now >= since + probe.ask.patience()) {
                probe.outstanding = Some(now);
                effects.push(Effect::Sample { probe: probe.id });
            }
        }
        effects
    }

    /// When the next question is due.
    pub(super) fn next(&self) -> Option<At> {
        self.all.iter().filter_map(|probe| probe.next).min()
    }
}

impl Probe {
    /// The newest answer.
    #[must_use]
    pub fn last(&self) -> Option<&Sample> {
        self.samples.last()
    }

    /// Every series the probe ever answered with.
    #[must_use]
    pub fn series(&self) -> &[Series] {
        &self.series
    }

    /// Adds an answer to the series; where one of them is not in it, that is a gap.
    fn draw(&mut self, sample: &Sample) {
        let nameless = Untrusted::default();
        let mut told: Vec<bool> = vec![false; self.series.len()];
        let mut put = |probe: &mut Probe, place: usize, labels: &Untrusted, value: f64| {
            // mostly the same series answer in the same order
            let same = probe.series.get(place).is_some_and(|series| series.labels == *labels).then_some(place);
            let known = same.or_else(|| probe.series.iter().position(|series| series.labels == *labels));
            let place = known.unwrap_or_else(|| {
                probe.series.push(Series { labels: labels.clone(), curve: probe.unseen() });
                told.push(false);
                probe.series.len() - 1
            });
            if let (Some(series), Some(told)) = (probe.series.get_mut(place), told.get_mut(place)) {
                series.curve.push(sample.at, Some(value));
                *told = true;
            }
        };
        match &sample.reading {
            Reading::Values { values } => {
                values.iter().enumerate().for_each(|(place, (labels, Number(value)))| put(self, place, labels, *value));
            }
            Reading::Empty => self.when_empty.into_iter().for_each(|value| put(self, 0, &nameless, value)),
            Reading::Alert { firing } => put(self, 0, &nameless, f64::from(u8::from(*firing))),
            Reading::Http { .. } => put(self, 0, &nameless, sample.took.as_secs_f64()),
            // a truth is no number, and counts are shown as what they come to
            Reading::Object { .. }
            | Reading::Command { .. }
            | Reading::Counts { .. }
            | Reading::Withheld { .. }
            | Reading::Failed { .. } => {}
        }
        let silent = self.series.iter_mut().zip(told).filter(|(_, told)| !told);
        silent.for_each(|(series, _)| series.curve.push(sample.at, None));
    }

    /// The curve of a series that no answer held until now.
    fn unseen(&self) -> Curve {
        let mut curve = Curve::sampled();
        self.samples.iter().for_each(|earlier| curve.push(earlier.at, None));
        curve
    }
}

/// What no series means as an answer, as whoever asks it first in the order of charts says.
fn when_empty(scenario: &Scenario, ask: &Ask) -> Option<f64> {
    let Ask::Promql(query) = ask else { return None };
    let panels = scenario.panels.iter().map(|panel| (&panel.query, panel.when_empty));
    let criteria = scenario.criteria.iter().chain(&scenario.steady_state).filter_map(|criterion| {
        let Check::Promql(check) = &criterion.check else { return None };
        Some((&check.query, check.when_empty))
    });
    let stops = scenario.stop_when.iter().filter_map(|stop| {
        let StopCheck::Promql(check) = &stop.check else { return None };
        Some((&check.query, check.when_empty))
    });
    panels.chain(criteria).chain(stops).find(|(of, _)| *of == query).and_then(|(_, when_empty)| when_empty)
}

//! Whether Prometheus answers what the run will ask it, with samples of now.

use std::time::Duration;

use crate::clock::say;
use crate::criterion::{BurnCheck, Check, StopCheck};
use crate::event::Reading;
use crate::event::inspected::{Inspected, Known, Patience, SampleFact};
use crate::run::Run;
use crate::run::checks::Checkpoint;
use crate::run::probes::Ask;
use crate::scenario::selectors;

/// From this age on the newest sample of a series is called old: twice the longest usual pause between two scrapes, and a half.
const OLD: Duration = Duration::from_secs(150);

/// Something that will be asked of Prometheus, and for whom.
struct Question<'a> {
    whose: &'a str,
    ask: Ask,
    /// Whether a verdict or a stop hangs on it; else it is only drawn.
    vital: bool,
    /// Whether no series is an answer.
    may_be_empty: bool,
}

impl Run {
    fn questions(&self) -> Vec<Question<'_>> {
        let judged = self.scenario.steady_state.iter().chain(&self.scenario.criteria).filter_map(|criterion| {
            let may_be_empty = match &criterion.check {
                Check::Promql(check) => check.when_empty.is_some(),
                Check::Burn(check) => check.when_empty.is_some(),
                Check::Ready { .. } | Check::Recovery { .. } | Check::Http(_) | Check::Alert(_) | Check::Object(_) | Check::Command(_) => {
                    true
                }
            };
            Some(Question { whose: &criterion.name, ask: Ask::of_check(&criterion.check)?, vital: true, may_be_empty })
        });
        let stops = self.scenario.stop_when.iter().filter_map(|stop| {
            let may_be_empty = match &stop.check {
                StopCheck::Promql(check) => check.when_empty.is_some(),
                StopCheck::Burn(BurnCheck { when_empty, .. }) => when_empty.is_some(),
                StopCheck::ReadyBelow(_)
                | StopCheck::Http(_)
                | StopCheck::Alert(_)
                | StopCheck::Object(_)
                | StopCheck::Command(_)
                | StopCheck::RecoveryOver(_) => true,
            };
            Some(Question { whose: &stop.name, ask: Ask::of_stop(&stop.check)?, vital: true, may_be_empty })
        });
        let panels = self.scenario.panels.iter().map(|panel| Question {
            whose: &panel.name,
            ask: Ask::Promql(panel.query.clone()),
            vital: false,
            // an empty chart says so itself
            may_be_empty: true,
        });
        judged.chain(stops).chain(panels).filter(|question| question.ask.is_metrics()).collect()
    }

    /// The selectors of all that will be asked, each once.
    pub(super) fn selectors(&self) -> Vec<String> {
        let mut all: Vec<String> = self.questions().iter().flat_map(|question| of(&question.ask)).collect();
        all.sort();
        all.dedup();
        all
    }

    /// Whether some question to Prometheus has no answer yet, that will have one.
    pub(in crate::run) fn metrics_unanswered(&self) -> bool {
        let asked_now = |question: &&Question<'_>| !matches!(question.ask, Ask::Burn(..));
        self.header.gate.as_ref().is_some_and(|gate| gate.residue)
            && self.questions().iter().filter(asked_now).any(|question| self.probes.find(&question.ask).is_none_or(|p| p.last().is_none()))
    }

    /// Queries that fail, and those that answer with nothing though nobody said what nothing means.
    pub(super) fn answers(&self) -> Option<Checkpoint> {
        let questions = self.questions();
        if questions.is_empty() {
            return None;
        }
        if self.header.place.prometheus.is_none() {
            let names: Vec<String> =
                questions.iter().filter(|question| question.vital).map(|question| format!("{:?}", question.whose)).collect();
            let seen = format!("no Prometheus is named, and these ask it: {}; their verdict would be unknown", names.join(", "));
            let mend = self.write("add prometheus to the environment, or give --prometheus with its URL");
            return Some(
                Checkpoint::warn(
                    "answers",
                    if names.is_empty() { "no Prometheus is named: the panels stay empty".to_owned() } else { seen },
                )
                .mend(mend),
            );
        }
        if self.metrics_unanswered() || !self.inspections.contains_key("samples") && self.asked.inspections.contains("samples") {
            return Some(Checkpoint::waiting("answers"));
        }
        let failed: Vec<(&Question<'_>, String)> =
            questions.iter().filter_map(|question| Some((question, self.told(question).err()?))).collect();
        let named = |of: &[&Question<'_>]| of.iter().map(|question| format!("{:?}", question.whose)).collect::<Vec<_>>().join(", ");
        if let Some((_, why)) = failed.iter().find(|(question, _)| question.vital).or(failed.first()) {
            let names = named(&failed.iter().map(|(question, _)| *question).collect::<Vec<_>>());
            let whole = failed.len() == questions.len();
            let vital = failed.iter().any(|(question, _)| question.vital);
            let seen = format!("{} of {} queries fail, of {names}: {why}", failed.len(), questions.len());
            let point = match (whole, vital) {
                // it may be back in a moment, and the gate waits for it
                (true, _) => Checkpoint::unknown("answers", seen),
                (false, true) => Checkpoint::fail("answers", format!("{seen}; what can't be asked can't be judged, nor stop the run")),
                (false, false) => Checkpoint::warn("answers", seen),
            };
            return Some(point.mend(self.write("mend the queries, or see to it that Prometheus answers; the reason is its own")));
        }
        let silent: Vec<&Question<'_>> =
            questions.iter().filter(|question| self.told(question) == Ok(false) && !question.may_be_empty).collect();
        if !silent.is_empty() {
            let seen = format!("the query of {} answers with no series: its verdict would be unknown", named(&silent));
            let mend = self.write("look whether it is scraped, or say what no series means with whenEmpty");
            return Some(Checkpoint::warn("answers", seen).mend(mend));
        }
        Some(Checkpoint::pass("answers", format!("Prometheus answers all {} queries", questions.len())))
    }

    /// Whether a question was answered with something; why not at all.
    fn told(&self, question: &Question<'_>) -> Result<bool, String> {
        if let Ask::Burn(good, total) = &question.ask {
            // it is asked once the run has begun: until then its counters answer for it
            let counters = [good, total].map(|counter| self.sample(counter).map_or(Ok(None), |fact| fact.age.clone()));
            let [good, total] = counters.map(|age: Known<Option<Patience>>| age.map_err(|why| why.to_string()));
            return Ok(good?.is_some() && total?.is_some());
        }
        match self.probes.find(&question.ask).and_then(|probe| probe.last()).map(|sample| &sample.reading) {
            Some(Reading::Failed { why } | Reading::Withheld { why }) => Err(why.to_string()),
            Some(Reading::Empty) => Ok(false),
            Some(
                Reading::Values { .. }
                | Reading::Http { .. }
                | Reading::Alert { .. }
                | Reading::Object { .. }
                | Reading::Command { .. }
                | Reading::Counts { .. },
            )
            | None => Ok(true),
        }
    }

    fn samples(&self) -> &[SampleFact] {
        match self.inspected("samples") {
            Some(Inspected::Samples(samples)) => samples,
            _ => &[],
        }
    }

    fn sample(&self, selector: &str) -> Option<&SampleFact> {
        let text = selectors(selector);
        self.samples().iter().find(|fact| text.contains(&fact.selector))
    }

    /// Whether what Prometheus answers with is of now: an answer of minutes ago looks like one of now.
    pub(super) fn fresh(&self) -> Option<Checkpoint> {
        let ages = self.samples().iter().filter_map(|fact| Some((fact, fact.age.as_ref().ok().copied().flatten()?.0)));
        let (fact, age) = ages.max_by_key(|(_, age)| *age)?;
        let told = say(Duration::from_secs(age.as_secs()));
        if age <= OLD {
            return Some(Checkpoint::pass("samples", format!("the newest samples are at most {told} old")));
        }
        let questions = self.questions();
        let whose: Vec<String> = questions
            .iter()
            .filter(|question| of(&question.ask).contains(&fact.selector))
            .map(|question| format!("{:?}", question.whose))
            .collect();
        let seen = format!("the newest sample of {} is {told} old, and {} would be judged by it", fact.selector, whose.join(", "));
        let vital = questions.iter().any(|question| question.vital && of(&question.ask).contains(&fact.selector));
        let mend = "no command here does: the page /targets of Prometheus says why it is not scraped";
        Some(if vital { Checkpoint::fail("samples", seen) } else { Checkpoint::warn("samples", seen) }.mend(mend))
    }
}

/// The selectors of a question; an alert is looked for among those that fire, which says nothing of its age.
fn of(ask: &Ask) -> Vec<String> {
    match ask {
        Ask::Promql(query) => selectors(query),
        Ask::Burn(good, total) => [good, total].into_iter().flat_map(|counter| selectors(counter)).collect(),
        Ask::Alert(_) | Ask::Http(_) | Ask::Object(_) | Ask::Command(_) => Vec::new(),
    }
}

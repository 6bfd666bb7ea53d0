//! The face for people without a terminal and for CI: one line an event that matters.

use std::collections::{BTreeMap, VecDeque};
use std::io::{self, Write};

use serde_json::json;

use crate::command::{AbortedBy, Answer, Command};
use crate::face::{Asked, Face};
use crate::run::Run;
use crate::run::phase::Phase;
use crate::scenario::model::{Scenario, Step, StepAction};
use crate::text::Untrusted;
use crate::wording;

/// What a line looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// `T+00:18.4  2d4wn killed`.
    Text,
    /// One JSON object a line: `at` in seconds, `event`, `text`.
    Json,
}

/// A face that prints.
pub struct Headless<W> {
    out: W,
    form: Form,
    told: usize,
    start: bool,
    started: bool,
    closed: bool,
    answers: Answers,
    said: Vec<Command>,
    ready: VecDeque<Command>,
}

/// What was said beforehand of the steps that wait for a person.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answers {
    /// By the name of the step.
    pub steps: BTreeMap<String, Said>,
    /// Whether every step that holds may begin.
    pub go: bool,
}

/// How a step that waits for a person goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said {
    /// It may begin.
    Go,
    /// It is done.
    Done,
    /// It could not be done.
    Failed,
}

impl Answers {
    /// The first step that waits for a person of whom nothing was said, and what could be said.
    #[must_use]
    pub fn lack<'s>(&self, scenario: &'s Scenario) -> Option<(&'s str, &'static str)> {
        scenario.steps.iter().find_map(|step| {
            let said = self.steps.get(&step.name);
            let manual = matches!(step.action, StepAction::Manual(_));
            if manual && !matches!(said, Some(Said::Done | Said::Failed)) {
                return Some((step.name.as_str(), "done"));
            }
            (step.begins.hold && !self.go && !manual && said != Some(&Said::Go)).then_some((step.name.as_str(), "go"))
        })
    }

    /// What to say of a step that waits.
    fn of(&self, run: &Run, index: usize, step: &Step) -> Option<Command> {
        let said = self.steps.get(&step.name);
        if run.step_begun(index).is_none() {
            return (self.go || said.is_some()).then_some(Command::Release { step: index });
        }
        let answer = match said? {
            Said::Done => Answer::Done,
            Said::Failed => Answer::Failed { why: Untrusted::from("said beforehand, by --answer") },
            Said::Go => return None,
        };
        Some(Command::Answer { step: index, answer })
    }
}

impl<W: Write> Headless<W> {
    /// Prints to `out`; with `start` the run begins as soon as its preflight has passed.
    pub const fn new(out: W, form: Form, start: bool) -> Headless<W> {
        let answers = Answers { steps: BTreeMap::new(), go: false };
        Headless { out, form, told: 0, start, started: false, closed: false, answers, said: Vec::new(), ready: VecDeque::new() }
    }

    /// Says this of the steps that wait for a person.
    #[must_use]
    pub fn answering(self, answers: Answers) -> Headless<W> {
        Headless { answers, ..self }
    }

    /// What it printed to.
    pub fn into_inner(self) -> W {
        self.out
    }

    /// Does not tell what is on the timeline already.
    pub fn skip(&mut self, run: &Run) {
        self.told = run.timeline().len();
    }

    fn tell(&mut self, run: &Run) -> io::Result<()> {
        let moments = run.timeline();
        for moment in moments.iter().skip(self.told) {
            let text = wording::moment(run, moment);
            match self.form {
                Form::Text => self.out.write_all(format!("{}  {text}\n", wording::t_plus(run, moment.at)).as_bytes())?,
                Form::Json => {
                    let line = json!({ "at": moment.at.seconds(), "seq": moment.seq, "event": moment.noted.name(), "text": text });
                    self.out.write_all(format!("{line}\n").as_bytes())?;
                }
            }
        }
        if self.told < moments.len() {
            self.told = moments.len();
            self.out.flush()?;
        }
        Ok(())
    }
}

impl<W: Write> Face for Headless<W> {
    fn show(&mut self, run: &Run) {
        if !self.closed && self.tell(run).is_err() {
            self.closed = true;
            self.started = false;
        }
        if self.start && !self.closed && *run.phase().0 == Phase::Ready && run.begun().is_none() {
            self.started = true;
            self.start = false;
        }
        // said once: the run is shown again before it has taken what was said
        for (index, step) in run.wait_for_people() {
            if let Some(command) = self.answers.of(run, index, step).filter(|command| !self.said.contains(command)) {
                self.said.push(command.clone());
                self.ready.push_back(command);
            }
        }
    }

    async fn asked(&mut self) -> Asked {
        if self.started {
            self.started = false;
            return Asked::Command(Command::Start);
        }
        if let Some(command) = self.ready.pop_front() {
            return Asked::Command(command);
        }
        if self.closed && self.told < usize::MAX {
            // said once: there is nobody left to watch
            self.told = usize::MAX;
            return Asked::Command(Command::Abort { by: AbortedBy::FaceLost });
        }
        std::future::pending().await
    }
}

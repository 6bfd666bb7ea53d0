//! The face for people without a terminal and for CI: one line an event that matters.

use std::io::{self, Write};

use serde_json::json;

use crate::command::{AbortedBy, Command};
use crate::face::Face;
use crate::run::Run;
use crate::run::phase::Phase;
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
}

impl<W: Write> Headless<W> {
    /// Prints to `out`; with `start` the run begins as soon as its preflight has passed.
    pub const fn new(out: W, form: Form, start: bool) -> Headless<W> {
        Headless { out, form, told: 0, start, started: false, closed: false }
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
    }

    async fn command(&mut self) -> Command {
        if self.started {
            self.started = false;
            return Command::Start;
        }
        if self.closed && self.told < usize::MAX {
            // said once: there is nobody left to watch
            self.told = usize::MAX;
            return Command::Abort { by: AbortedBy::FaceLost };
        }
        std::future::pending().await
    }
}

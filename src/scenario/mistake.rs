//! What is wrong with a file, and where.
//!
//! Owns [`Mistake`] and the list they are gathered in. Every reader of the room writes here and
//! goes on, so that one `check` tells them all.

use std::fmt;

use serde::Serialize;

use super::Spot;
use super::tree::Span;
use crate::text::Untrusted;

/// The most characters of the file's own text that a mistake carries.
const OFFENDING: usize = 200;

/// The most mistakes that are told of one reading.
const MOST: usize = 500;

/// The most mistakes that are kept until they can be put in order.
const MOST_KEPT: usize = 5000;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// The file can't be used.
    Error,
    /// The file can be used, but probably not for what was meant.
    Warning,
}

/// Who has the last word on a mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Judge {
    /// We do: an error here is an error everywhere.
    Gameday,
    /// The Prometheus server does, whose `PromQL` may be newer than ours: an error for `check`, a
    /// warning for `run`.
    Prometheus,
    /// The API server did, asked by `check --server`.
    Server,
}

/// One mistake, at its place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Mistake {
    /// How bad it is.
    pub severity: Severity,
    /// Who has the last word.
    pub judge: Judge,
    /// The file, as the user named it or as the scenario names it.
    pub file: Untrusted,
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
    /// The text at that place.
    pub offending: Untrusted,
    /// What is wrong; safe to show.
    pub message: String,
    /// What is allowed there; safe to show.
    pub allowed: Option<String>,
    /// The next move; safe to show.
    pub hint: Option<String>,
}

impl Mistake {
    /// What the API server says against the step that stands there.
    #[must_use]
    pub fn of_server(file: &str, spot: Spot, step: &str, message: String) -> Mistake {
        Mistake {
            severity: Severity::Error,
            judge: Judge::Server,
            file: file.into(),
            line: spot.line,
            column: spot.column,
            offending: step.into(),
            message,
            allowed: None,
            hint: None,
        }
    }

    /// Says what is allowed there.
    pub fn allow(&mut self, allowed: impl Into<String>) -> &mut Self {
        self.allowed = Some(allowed.into());
        self
    }

    /// Says what to do next.
    pub fn hint(&mut self, hint: impl Into<String>) -> &mut Self {
        self.hint = Some(hint.into());
        self
    }

    /// Whether it stops a run, where the Prometheus server judges queries itself.
    #[must_use]
    pub fn stops_run(&self) -> bool {
        self.severity == Severity::Error && self.judge == Judge::Gameday
    }
}

/// `file:line:column: error: message: "offending"`, then what is allowed, then the hint.
impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        write!(f, "{}:{}:{}: {severity}: {}", self.file, self.line, self.column, self.message)?;
        if !self.offending.is_empty() {
            write!(f, ": {}", quoted(self.offending.raw()))?;
        }
        if let Some(allowed) = &self.allowed {
            write!(f, "\n    allowed: {allowed}")?;
        }
        if let Some(hint) = &self.hint {
            write!(f, "\n    hint: {hint}")?;
        }
        Ok(())
    }
}

/// Text of the file within a sentence: safe, short, between quotes.
pub fn quoted(text: &str) -> String {
    format!("\"{}\"", Untrusted::from(text).short(60))
}

/// The mistakes of one file, as they are found.
#[derive(Debug)]
pub struct Mistakes {
    file: Untrusted,
    list: Vec<Mistake>,
    /// What is beyond [`MOST_KEPT`]: how many, how many of them errors, and the last.
    beyond: usize,
    errors_beyond: usize,
    last: Option<Mistake>,
}

impl Mistakes {
    /// An empty list for the file that the user named so.
    pub fn of(file: &str) -> Self {
        Mistakes { file: Untrusted::from(file), list: Vec::new(), beyond: 0, errors_beyond: 0, last: None }
    }

    /// Notes an error.
    pub fn error(&mut self, span: Span, offending: &str, message: impl Into<String>) -> &mut Mistake {
        self.note(Severity::Error, span, offending, message.into())
    }

    /// Notes a warning.
    pub fn warn(&mut self, span: Span, offending: &str, message: impl Into<String>) -> &mut Mistake {
        self.note(Severity::Warning, span, offending, message.into())
    }

    fn note(&mut self, severity: Severity, span: Span, offending: &str, message: String) -> &mut Mistake {
        let offending: String = offending.chars().take(OFFENDING).collect();
        let mistake = Mistake {
            severity,
            judge: Judge::Gameday,
            file: self.file.clone(),
            line: span.line,
            column: span.column,
            offending: offending.into(),
            message,
            allowed: None,
            hint: None,
        };
        let at = self.list.len();
        if at >= MOST_KEPT {
            self.beyond += 1;
            self.errors_beyond += usize::from(severity == Severity::Error);
            return self.last.insert(mistake);
        }
        self.list.push(mistake);
        &mut self.list[at]
    }

    /// How many errors there are so far.
    pub fn errors(&self) -> usize {
        self.list.iter().filter(|m| m.severity == Severity::Error).count() + self.errors_beyond
    }

    /// Takes over what was found elsewhere.
    pub fn absorb(&mut self, other: Mistakes) {
        self.list.extend(other.list);
        self.beyond += other.beyond;
        self.errors_beyond += other.errors_beyond;
    }

    /// All of them: this file's first, in the order of their place, each once.
    pub fn finish(mut self) -> Vec<Mistake> {
        let file = self.file;
        self.list.sort_by_cached_key(|m| (m.file != file, m.file.clone(), m.line, m.column, m.severity));
        self.list.dedup();
        if self.list.len() > MOST {
            let rest = self.list.len() - MOST + self.beyond;
            // An error beyond the cut must not make the file look sound.
            let severity = self.list[MOST..].iter().map(|m| m.severity).min().unwrap_or(Severity::Error);
            let severity = if self.errors_beyond > 0 { Severity::Error } else { severity };
            self.list.truncate(MOST);
            if let Some(last) = self.list.last().cloned() {
                let message = format!("{rest} more mistakes are not shown");
                let hint = Some("mend these first".to_owned());
                self.list.push(Mistake {
                    severity,
                    judge: Judge::Gameday,
                    offending: Untrusted::default(),
                    message,
                    allowed: None,
                    hint,
                    ..last
                });
            }
        }
        self.list
    }
}

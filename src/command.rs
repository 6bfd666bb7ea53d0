//! What the operator decides.
//!
//! Owns [`Command`]. Commands are journalled; key presses, cursor and scroll are not.

use serde::{Deserialize, Serialize};

use crate::text::Untrusted;

/// One decision of the operator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case")]
pub enum Command {
    /// Preflight was read: begin.
    Start,
    /// Preflight was read, and this was typed to begin where customers could be hurt: `CONTEXT/TARGET`.
    Confirm {
        /// What was typed.
        typed: Untrusted,
    },
    /// The rest of the steps that are on is not wanted: lift what they broke and go on with what comes next. A step
    /// that waits for the leader is passed over whole.
    Skip,
    /// The step that waits for the leader may begin.
    Release {
        /// Its place in the list of steps.
        step: usize,
    },
    /// A person's step is over.
    Answer {
        /// Its place in the list of steps.
        step: usize,
        /// How it went.
        answer: Answer,
    },
    /// Stop and undo everything.
    Abort {
        /// How it was asked for.
        by: AbortedBy,
    },
    /// Go now, whatever is left: what remains is handed over to `gameday recover`.
    Leave,
    /// A remark for timeline and report.
    Note {
        /// Who says so, as the operating system names them.
        author: Untrusted,
        /// What they say.
        text: Untrusted,
    },
}

/// How a person's step went.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "snake_case")]
pub enum Answer {
    /// It is done.
    Done,
    /// It could not be done: the run ends.
    Failed {
        /// Why.
        why: Untrusted,
    },
}

/// How an abort was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AbortedBy {
    /// A key in the cockpit.
    Key,
    /// Ctrl-C or SIGINT.
    Interrupt,
    /// SIGTERM.
    Terminate,
    /// SIGHUP: the terminal went away.
    Hangup,
    /// The front end is gone: its output is closed, or it panicked.
    FaceLost,
    /// The journal can't be written.
    JournalLost,
    /// Another process asked, by `gameday abort`.
    OtherProcess,
    /// The run had died; `gameday recover` finishes its undo.
    Recovery,
}

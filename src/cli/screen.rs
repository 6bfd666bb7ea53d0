//! The terminal: whether there is one, and the cockpit on it.

use std::io::{self, IsTerminal};

use anyhow::Context;

use crate::cli::args::Output;
use crate::cli::{Failure, Means, REFUSED, config};
use crate::tui::letters::Type;
use crate::tui::{Cockpit, Opening};

/// Whether there is a terminal, and lines are not wanted instead.
pub fn has_one(headless: bool, output: Output) -> bool {
    !headless && output == Output::Text && io::stdin().is_terminal() && io::stdout().is_terminal()
}

/// Takes the terminal; `waiting` is what stands there until there is a run to show.
pub fn open(pace: f64, start: bool, waiting: String) -> Result<Cockpit, Failure> {
    open_for(Type::Plain, pace, start, waiting)
}

/// Takes the terminal, for the room or for whoever sits before it.
pub fn open_for(letters: Type, pace: f64, start: bool, waiting: String) -> Result<Cockpit, Failure> {
    let author = std::env::var("USER").ok().filter(|user| !user.is_empty()).unwrap_or_else(|| "leader".to_owned());
    let opening = Opening { pace, start, author, keys: config::keys()?, look: config::look()?, mouse: config::mouse()?, letters, waiting };
    Cockpit::open(opening).context("cannot open the cockpit; --headless does without").means(REFUSED)
}

/// Until the operator leaves the cockpit; for ever without one.
pub async fn left(cockpit: Option<&mut Cockpit>) {
    match cockpit {
        Some(cockpit) => cockpit.left().await,
        None => std::future::pending().await,
    }
}

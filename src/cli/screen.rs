//! The terminal: whether there is one, and the cockpit on it.

use std::io::{self, IsTerminal};

use anyhow::Context;

use crate::cli::args::{DrillArgs, Output};
use crate::cli::{Failure, Means, REFUSED, config};
use crate::tui::letters::Type;
use crate::tui::{Cockpit, Opening};

/// Whether there is a terminal, and lines are not wanted instead.
pub fn has_one(headless: bool, output: Output) -> bool {
    !headless && output == Output::Text && io::stdin().is_terminal() && io::stdout().is_terminal()
}

/// Takes the terminal for whoever leads a run; `waiting` is what stands there until there is one to show.
pub fn lead(args: &DrillArgs, pace: f64, start: bool, waiting: String) -> Result<Cockpit, Failure> {
    // a folder that was named holds one run: there is no other after the editor
    open(Opening { pace, start, waiting, edits: args.run_dir.is_none(), ..opening()? })
}

/// Takes the terminal for whoever looks on, before it or across the room.
pub fn look_on(letters: Type, waiting: String) -> Result<Cockpit, Failure> {
    open(Opening { letters, waiting, ..opening()? })
}

fn opening() -> Result<Opening, Failure> {
    let author = std::env::var("USER").ok().filter(|user| !user.is_empty()).unwrap_or_else(|| "leader".to_owned());
    let (keys, look, mouse) = (config::keys()?, config::look()?, config::mouse()?);
    Ok(Opening { pace: 0.0, start: false, author, keys, look, mouse, letters: Type::Plain, waiting: String::new(), edits: false })
}

fn open(opening: Opening) -> Result<Cockpit, Failure> {
    Cockpit::open(opening).context("cannot open the cockpit; --headless does without").means(REFUSED)
}

/// Until the operator leaves the cockpit; for ever without one.
pub async fn left(cockpit: Option<&mut Cockpit>) {
    match cockpit {
        Some(cockpit) => cockpit.left().await,
        None => std::future::pending().await,
    }
}

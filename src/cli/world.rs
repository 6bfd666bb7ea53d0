//! `--world FILE` and `--break WHAT@T`: what a rehearsal's cluster is filled with, and what goes wrong with it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::anyhow;
use clap::Args as Group;

use crate::cli::{Failure, Means, USAGE, check};
use crate::header::Staged;
use crate::rehearsal::{Mishap, World, stage};
use crate::scenario::model::Scenario;
use crate::scenario::world::mishap::What;

/// What a rehearsal's cluster is made of.
#[derive(Debug, Clone, Group)]
pub struct WorldArgs {
    /// What the practice cluster is filled with, over the scenario's own world.
    #[arg(long, value_name = "FILE")]
    pub world: Option<PathBuf>,
    #[arg(long = "break", value_name = "WHAT[=DETAIL]@T[+FOR]", value_parser = mishap, help = format!(
        "Let something go wrong with the cluster itself at a time of the rehearsal, as in daemon-down@10s or api-outage@30s+20s; may be repeated. WHAT is one of {}",
        What::words().join(", ")
    ))]
    pub breaks: Vec<Mishap>,
}

fn mishap(text: &str) -> Result<Mishap, String> {
    text.parse::<Mishap>().map_err(|wrong| wrong.to_string())
}

/// A world, and how the journal remembers it.
pub struct Chosen {
    /// The world.
    pub world: World,
    /// What it was made from, where the scenario's text alone does not tell.
    pub staged: Option<Staged>,
}

/// The world of the flags, or else of the scenario, or else `usual`.
pub fn choose(args: &WorldArgs, scenario: Option<&Scenario>, namespace: &str, usual: impl FnOnce() -> World) -> Result<Chosen, Failure> {
    let (mut world, mut staged) = match &args.world {
        Some(file) => {
            let (world, text) = read(file).map_err(|error| anyhow!(error)).means(USAGE)?;
            let name = file.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
            (world.settled(namespace), Some(Staged { file: name, text, breaks: Vec::new() }))
        }
        None => (scenario.map_or_else(usual, |scenario| stage::world(scenario, namespace)), None),
    };
    for mishap in &args.breaks {
        mishap.fits(&world).map_err(|wrong| anyhow!("--break {mishap}: {wrong}")).means(USAGE)?;
    }
    world.mishaps.extend(args.breaks.iter().cloned());
    if !args.breaks.is_empty() {
        staged.get_or_insert_default().breaks = args.breaks.iter().map(ToString::to_string).collect();
    }
    Ok(Chosen { world, staged })
}

/// The world of a file: of kind `World`, or the one in a scenario. With the text it was read from.
fn read(file: &Path) -> Result<(World, String), String> {
    let read = check::read(file, &BTreeMap::new()).map_err(|error| error.to_string())?;
    let told = check::told(file, &read.reading.mistakes);
    let world = read.reading.world.or_else(|| read.reading.scenario.and_then(|scenario| scenario.world.map(|world| *world)));
    match world {
        Some(world) => Ok((world, read.sources.text)),
        None if read.reading.mistakes.iter().any(crate::scenario::Mistake::stops_run) => Err(told.trim_end().to_owned()),
        None => {
            Err(format!("{}: there is no world in this file; allowed: a file of kind World, or a scenario with a world", file.display()))
        }
    }
}

//! What the gates of a run go by: the tier, strictest of three, and the held staging run of the same drill.

use std::path::{Path, PathBuf};

use anyhow::anyhow;

use crate::archive;
use crate::cli::args::GateArgs;
use crate::cli::drill::NO_ENVIRONMENT;
use crate::cli::{Failure, Means, REFUSED, USAGE, config, report};
use crate::config::{Config, HELD_DAYS};
use crate::edge::tier::OwnWord;
use crate::effect::Verdict;
use crate::header::{Gate, HeldRun, Override};
use crate::run::Run;
use crate::run::checks::OVERRULABLE;
use crate::scenario::model::{Environment, Scenario, Tier};
use crate::text::Untrusted;

/// The tier of a run, and who made it that.
pub struct Judged {
    /// The strictest of all that were said.
    pub tier: Tier,
    by: String,
    unseen: Vec<Untrusted>,
}

/// The strictest of three: the scenario's environment, config.toml, the cluster's own word. Where two are as strict, the
/// first of them is named.
pub fn tier(environment: &Environment, config: &Config, context: &str, server: &str, word: &OwnWord) -> Judged {
    let mut judged = Judged { tier: environment.tier, by: by_environment(environment), unseen: word.unseen.clone() };
    let settings = config::place();
    let path = settings.as_ref().map_or_else(|| "nowhere".to_owned(), |settings| settings.path.display().to_string());
    let configured = config.clusters.iter().filter(|rule| rule.means(context, server, word.uid.as_deref()));
    let configured = configured.map(|rule| (rule.tier, format!("the settings {path}")));
    for (tier, by) in configured.chain(word.said.iter().cloned()) {
        if tier > judged.tier {
            (judged.tier, judged.by) = (tier, by);
        }
    }
    // whose rules were heard, and whose were not there to be heard
    judged.by.push_str(&match settings {
        Some(settings) if settings.named || settings.path.exists() => format!(" ({} rules of {path})", config.clusters.len()),
        Some(_) => format!(" (no settings at {path})"),
        None => " (no settings: neither XDG_CONFIG_HOME nor HOME is set)".to_owned(),
    });
    judged
}

fn by_environment(environment: &Environment) -> String {
    if environment.name == NO_ENVIRONMENT {
        return "default, since no scenario was given".to_owned();
    }
    format!("the scenario's environment {}", environment.name)
}

/// What a rehearsal goes by: nothing can be hurt there.
pub fn rehearsed(yes: bool, environment: &Environment) -> Gate {
    Gate {
        tier_by: format!("the scenario's environment {}", environment.name).into(),
        tier_unseen: Vec::new(),
        at_terminal: false,
        yes,
        held: Err("a rehearsal needs none".into()),
        held_days: HELD_DAYS,
        lasting_before: true,
        operator: operator().into(),
        overrides: Vec::new(),
        residue: true,
        brake_image: None,
    }
}

/// How whoever leads the run sits before it.
#[derive(Clone, Copy)]
pub struct Seat {
    /// At a terminal, with the cockpit.
    pub terminal: bool,
    /// With `--yes`.
    pub yes: bool,
}

/// What a run on a cluster goes by.
pub fn of_run(seat: Seat, gates: &GateArgs, scenario: &Scenario, judged: &Judged, config: &Config) -> Result<Gate, Failure> {
    let held =
        if judged.tier == Tier::Production { held(gates.held.as_deref(), scenario) } else { Err("only production needs one".into()) };
    Ok(Gate {
        tier_by: judged.by.clone().into(),
        tier_unseen: judged.unseen.clone(),
        at_terminal: seat.terminal,
        yes: seat.yes,
        held,
        held_days: config.held_days,
        lasting_before: lasting_before(),
        operator: operator().into(),
        overrides: overrides(gates)?,
        residue: true,
        brake_image: config.brake_image.clone(),
    })
}

/// `--override CHECK=WHY`: only checks that may be overruled, and only with words.
fn overrides(gates: &GateArgs) -> Result<Vec<Override>, Failure> {
    let read = gates.overrides.iter().map(|(check, why)| {
        if check == "steady" {
            return Err(anyhow!(
                "--override steady=…: nothing overrules it: the gate waits until the steady state holds, and refuses where it does not"
            ));
        }
        if !OVERRULABLE.contains(&check.as_str()) {
            return Err(anyhow!("--override {check}=…: this check can't be overruled; those that can are {}", OVERRULABLE.join(", ")));
        }
        if why.trim().is_empty() {
            return Err(anyhow!("--override {check}=…: say why; it stands in the report beside your name"));
        }
        Ok(Override { check: check.clone(), why: why.trim().into() })
    });
    read.collect::<Result<_, _>>().means(USAGE)
}

/// The held staging run of the same drill: the one that is named, or the newest among the runs.
fn held(named: Option<&str>, scenario: &Scenario) -> Result<HeldRun, Untrusted> {
    let told = |error: anyhow::Error| Untrusted::from(format!("{error:#}"));
    if let Some(name) = named {
        let folder = archive::find(name).map_err(|error| told(error.into()))?;
        return judged(&folder).map_err(told)?.ok_or_else(|| Untrusted::from(format!("run {name} was folded again and did not hold")));
    }
    let folders = archive::all().map_err(|error| told(error.into()))?;
    let fits = |held: &HeldRun| !held.rehearsal && held.tier == Tier::Staging && held.drill_digest == scenario.drill_digest;
    let found = folders.iter().rev().filter_map(|folder| judged(folder).ok().flatten()).find(fits);
    found.ok_or_else(|| "no run in staging of the same drill has held on this machine".into())
}

/// What a journal comes to when it is folded again: gameday believes its own verdict, not what was written down. `None`
/// where it did not hold or is not sealed.
fn judged(folder: &Path) -> anyhow::Result<Option<HeldRun>> {
    let run = report::fold(folder)?;
    let sealed = run.conclusion().is_some_and(|conclusion| conclusion.verdict == Verdict::Held && conclusion.left.is_empty());
    if !sealed || run.verdict() != Verdict::Held {
        return Ok(None);
    }
    let (header, place) = (run.header(), &run.header().place);
    Ok(Some(HeldRun {
        run: header.run.clone(),
        recorded: header.recorded,
        tier: place.tier,
        rehearsal: place.rehearsal,
        drill_digest: run.scenario().drill_digest.clone(),
    }))
}

/// Whether a run on a cluster with a lasting fault has held before, as far as the runs of this machine know.
fn lasting_before() -> bool {
    let lasting = |run: &Run| {
        !run.header().place.rehearsal && run.verdict() == Verdict::Held && run.faults().iter().any(|state| state.fault.is_lasting())
    };
    let folders: Vec<PathBuf> = archive::all().unwrap_or_default();
    folders.iter().rev().take(100).filter_map(|folder| report::fold(folder).ok()).any(|run| lasting(&run))
}

/// Where config.toml is, and what it says.
pub fn settings() -> Result<Config, Failure> {
    match config::place() {
        // a file that was named must be there: without it its rules on how careful to be would be gone
        Some(place) if place.named || place.path.exists() => Config::read(&place.path).means(REFUSED),
        Some(_) | None => Ok(Config::default()),
    }
}

/// Who sits here, as the operating system names them.
fn operator() -> String {
    ["USER", "LOGNAME"]
        .iter()
        .find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()))
        .unwrap_or_else(|| "leader".to_owned())
}

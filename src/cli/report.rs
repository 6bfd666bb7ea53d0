//! `gameday report`: from the journal alone, offline.

use std::fs;
use std::path::Path;

use anyhow::{Context, anyhow};

use crate::archive;
use crate::cli::args::{ReportArgs, ReportForm};
use crate::cli::{Failure, Means, USAGE, check, print};
use crate::driver;
use crate::findings::Findings;
use crate::journal::read::Recorded;
use crate::report::{json, markdown};
use crate::run::Run;

pub fn report(args: &ReportArgs) -> Result<u8, Failure> {
    let folder = archive::find(&args.run).means(USAGE)?;
    let run = fold(&folder).means(USAGE)?;
    let findings = Findings::of(&run);
    let text = match args.format {
        ReportForm::Md => markdown::write(&findings),
        ReportForm::Json => json::write(&findings).means(USAGE)?,
    };
    match &args.output {
        Some(path) => fs::write(path, text).with_context(|| format!("cannot write {}", path.display())).means(USAGE)?,
        None => print(&text),
    }
    Ok(0)
}

/// Folds the journal of a run's folder.
pub fn fold(folder: &Path) -> anyhow::Result<Run> {
    refold(folder, &archive::journal(folder)?)
}

/// The run of a journal, with nothing folded yet.
pub fn unfolded(folder: &Path, recorded: &Recorded) -> anyhow::Result<Run> {
    let header =
        recorded.header.clone().ok_or_else(|| anyhow!("{}: the journal was cut before its first line was whole", folder.display()))?;
    let scenario = check::reread(&header.scenario).ok_or_else(|| {
        anyhow!("{}: this version of gameday can't read the scenario in the journal (written by {})", folder.display(), header.gameday)
    })?;
    Ok(Run::new(header, scenario))
}

/// Folds what was read of a journal.
pub fn refold(folder: &Path, recorded: &Recorded) -> anyhow::Result<Run> {
    let mut run = unfolded(folder, recorded)?;
    guarded(folder, || {
        for entry in &recorded.entries {
            driver::fold(&mut run, entry);
        }
        run
    })
}

/// Does what folds a journal: a fault of our own in the fold must not keep anybody from undoing what the run broke.
pub fn guarded<T>(folder: &Path, work: impl FnOnce() -> T) -> anyhow::Result<T> {
    let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
    done.map_err(|_| anyhow!("{}: gameday itself fails on this journal", folder.display()))
}

/// Writes both reports into a run's folder.
pub fn file(folder: &Path) -> anyhow::Result<()> {
    let findings = Findings::of(&fold(folder)?);
    archive::put(folder, "report.md", &markdown::write(&findings))?;
    archive::put(folder, "report.json", &json::write(&findings)?)?;
    Ok(())
}

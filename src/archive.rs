//! The folders of runs: where they are, and what is in them.
//!
//! A run's folder holds `journal.jsonl`, `scenario.yaml` as run, `report.md` and `report.json`:
//! everything somebody needs who has no gameday.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write};
#[cfg(unix)]
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::header::Header;
use crate::journal::read::{self, ReadError, Recorded};

/// The journal's file name.
pub const JOURNAL: &str = "journal.jsonl";

/// A run's folder could not be made, found or read.
#[derive(Debug, Error)]
pub enum ArchiveError {
    /// The data folder is not known.
    #[error("neither XDG_DATA_HOME nor HOME is set: say with --run-dir where the run's folder shall be")]
    NoHome,
    /// A folder or file could not be made.
    #[error("cannot make {}: {source}", path.display())]
    Make {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The folder of runs can't be listed.
    #[error("cannot list the runs in {}: {source}", path.display())]
    List {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The folder holds a run already.
    #[error("{} holds a run already; choose another --run-dir", path.display())]
    Taken {
        /// Which.
        path: PathBuf,
    },
    /// No run is called so.
    #[error("no run {name:?}; `ls {}` shows those there are", runs.display())]
    Unknown {
        /// What was asked for.
        name: String,
        /// Where it was looked for.
        runs: PathBuf,
    },
    /// Several runs are called so.
    #[error("{name:?} is the beginning of several runs: {}", candidates.join(", "))]
    Ambiguous {
        /// What was asked for.
        name: String,
        /// Which begin so.
        candidates: Vec<String>,
    },
    /// The journal can't be read.
    #[error(transparent)]
    Read(#[from] ReadError),
}

/// `$XDG_DATA_HOME/gameday/runs`.
///
/// # Errors
/// Neither `XDG_DATA_HOME` nor `HOME` is set.
pub fn runs() -> Result<PathBuf, ArchiveError> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let data = set("XDG_DATA_HOME").or_else(|| set("HOME").map(|home| home.join(".local/share")));
    Ok(data.ok_or(ArchiveError::NoHome)?.join("gameday/runs"))
}

/// Makes the folder of a new run, for its owner's eyes alone, and sees to it that it is there after a power cut. A folder
/// that was there before keeps the modes that its owner gave it.
///
/// # Errors
/// It can't be made, or holds a run already.
pub fn make(folder: &Path) -> Result<(), ArchiveError> {
    build(folder).map_err(|source| ArchiveError::Make { path: folder.to_owned(), source })?;
    if folder.join(JOURNAL).exists() { Err(ArchiveError::Taken { path: folder.to_owned() }) } else { Ok(()) }
}

fn build(folder: &Path) -> io::Result<()> {
    // `a` lies in `.`, which has the empty name
    let above = |path: &Path| path.parent().map(|above| if above.as_os_str().is_empty() { PathBuf::from(".") } else { above.to_owned() });
    let missing: Vec<&Path> = folder.ancestors().take_while(|path| !path.as_os_str().is_empty() && !path.exists()).collect();
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    builder.mode(0o700);
    builder.create(folder)?;
    // a folder is there for good once the folder above it is on the disk
    for above in missing.iter().filter_map(|made| above(made)) {
        fs::File::open(above)?.sync_all()?;
    }
    Ok(())
}

/// Lets a run whose folder is elsewhere be found among the runs. A convenience: where it can't be
/// made, the run is found by its folder alone.
pub fn link(folder: &Path, run: &str) {
    let Ok(runs) = runs() else { return };
    let (Ok(folder), link) = (folder.canonicalize(), runs.join(run)) else { return };
    if folder.starts_with(&runs) || link.exists() {
        return;
    }
    #[cfg(unix)]
    let _ = build(&runs).and_then(|()| std::os::unix::fs::symlink(&folder, &link)).and_then(|()| fs::File::open(&runs)?.sync_all());
}

/// Writes a file of a run's folder as a whole or not at all.
///
/// # Errors
/// It can't be written.
pub fn put(folder: &Path, name: &str, text: &str) -> Result<PathBuf, ArchiveError> {
    let path = folder.join(name);
    let part = folder.join(format!(".{name}.part"));
    let written = private(&part, text).and_then(|()| fs::rename(&part, &path));
    written.map_err(|source| ArchiveError::Make { path: path.clone(), source })?;
    Ok(path)
}

/// Writes a file that nobody but its owner may read.
fn private(path: &Path, text: &str) -> io::Result<()> {
    // one that is there would keep its modes
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    options.mode(0o600);
    options.open(path)?.write_all(text.as_bytes())
}

/// All runs, oldest first.
///
/// # Errors
/// The data folder is not known.
pub fn all() -> Result<Vec<PathBuf>, ArchiveError> {
    let folder = runs()?;
    let found = match fs::read_dir(&folder) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(ArchiveError::List { path: folder, source }),
    };
    let mut folders: Vec<PathBuf> =
        found.filter_map(Result::ok).map(|entry| entry.path()).filter(|path| path.join(JOURNAL).exists()).collect();
    folders.sort();
    Ok(folders)
}

/// The folder of a run: by a folder's path, an id, a unique prefix of one, or `last`.
///
/// # Errors
/// There is none, or there are several.
pub fn find(name: &str) -> Result<PathBuf, ArchiveError> {
    if Path::new(name).join(JOURNAL).exists() {
        return Ok(PathBuf::from(name));
    }
    let all = all()?;
    let id = |path: &PathBuf| path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    let unknown = || -> Result<PathBuf, ArchiveError> { Err(ArchiveError::Unknown { name: name.to_owned(), runs: runs()? }) };
    if name == "last" {
        return all.last().cloned().map_or_else(unknown, Ok);
    }
    let found: Vec<&PathBuf> = all.iter().filter(|path| id(path).starts_with(name)).collect();
    match found.as_slice() {
        [] => unknown(),
        [one] => Ok((*one).clone()),
        many => match many.iter().find(|path| id(path) == name) {
            Some(exact) => Ok((**exact).clone()),
            None => Err(ArchiveError::Ambiguous { name: name.to_owned(), candidates: many.iter().map(|path| id(path)).collect() }),
        },
    }
}

/// The header of a run's journal alone, which may be readable where the rest is not.
#[must_use]
pub fn header(folder: &Path) -> Option<Header> {
    read::header(&folder.join(JOURNAL))
}

/// Reads the journal of a run's folder.
///
/// # Errors
/// It can't be read or is damaged.
pub fn journal(folder: &Path) -> Result<Recorded, ArchiveError> {
    Ok(read::open(&folder.join(JOURNAL))?)
}

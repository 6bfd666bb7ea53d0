//! The journal: a run's entries on disk, one JSON document a line, the header first.
//!
//! Owns writing (here) and reading ([`read`]). An entry that announces an effect that writes or
//! breaks is on the disk before [`Journal::append`] returns; others go to the system at once and
//! to the disk with the next of those. Never interprets an entry.

pub mod read;

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Write};
#[cfg(unix)]
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::effect::Danger;
use crate::event::{Entry, Event};
use crate::header::Header;
use crate::journal::read::{ReadError, Recorded};

/// A journal could not be written.
#[derive(Debug, Error)]
pub enum JournalError {
    /// The file could not be made or written.
    #[error("cannot write the journal {}: {source}; free some space or choose another place with --run-dir", path.display())]
    Write {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Another process drives this run.
    #[error("the run of {} is live in another process; `gameday abort` stops and undoes it", path.display())]
    Live {
        /// Its journal.
        path: PathBuf,
    },
    /// What was written before can't be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// An entry could not be put into JSON.
    #[error("cannot put an entry into the journal: {0}")]
    Encode(#[from] serde_json::Error),
}

/// An open journal.
#[derive(Debug)]
pub struct Journal {
    file: File,
    path: PathBuf,
    line: Vec<u8>,
}

impl Journal {
    /// Starts a new journal and puts its header on the disk.
    ///
    /// # Errors
    /// The file exists already or can't be written.
    pub fn create(path: &Path, header: &Header) -> Result<Journal, JournalError> {
        let failed = |source| JournalError::Write { path: path.to_owned(), source };
        let mut options = OpenOptions::new();
        options.append(true).create_new(true);
        // what it tells of a cluster is its owner's business
        #[cfg(unix)]
        options.mode(0o600);
        let file = options.open(path).map_err(failed)?;
        hold(&file, path)?;
        let mut journal = Journal { file, path: path.to_owned(), line: Vec::with_capacity(1024) };
        serde_json::to_writer(&mut journal.line, header)?;
        journal.write_line(true)?;
        // the file's name is only safe once its folder is
        if let Some(folder) = path.parent().filter(|p| !p.as_os_str().is_empty()) {
            File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)?;
        }
        Ok(journal)
    }

    /// Opens the journal of a run that died, to write its end; the torn tail is cut off. It is
    /// locked before it is read, so that no other process can write its end meanwhile.
    ///
    /// # Errors
    /// It can't be read or written, or the run is live.
    pub fn resume(path: &Path) -> Result<(Journal, Recorded), JournalError> {
        let failed = |source| JournalError::Write { path: path.to_owned(), source };
        let file = OpenOptions::new().append(true).open(path).map_err(failed)?;
        hold(&file, path)?;
        let recorded = read::open(path)?;
        let length = file.metadata().map_err(failed)?.len();
        if recorded.torn > 0 {
            file.set_len(length.saturating_sub(recorded.torn as u64)).map_err(failed)?;
        }
        Ok((Journal { file, path: path.to_owned(), line: Vec::with_capacity(1024) }, recorded))
    }

    /// Whether another process writes the journal at `path`.
    #[must_use]
    pub fn is_live(path: &Path) -> bool {
        let Ok(file) = OpenOptions::new().append(true).open(path) else { return false };
        // shared, so that a look never stands in the way of whoever wants to write
        matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock))
    }

    /// Appends an entry.
    ///
    /// # Errors
    /// It can't be written; then nothing that it announces may be done.
    pub fn append(&mut self, entry: &Entry) -> Result<(), JournalError> {
        serde_json::to_writer(&mut self.line, entry)?;
        let must_last = match &entry.event {
            Event::Asked(effect) => effect.danger() >= Danger::Writes,
            Event::Sealed(_) => true,
            _ => false,
        };
        self.write_line(must_last)
    }

    fn write_line(&mut self, sync: bool) -> Result<(), JournalError> {
        self.line.push(b'\n');
        let written = self.file.write_all(&self.line).and_then(|()| if sync { self.file.sync_data() } else { Ok(()) });
        self.line.clear();
        written.map_err(|source| JournalError::Write { path: self.path.clone(), source })
    }
}

/// Locks the journal for as long as it is open: a locked one is of a live run.
fn hold(file: &File, path: &Path) -> Result<(), JournalError> {
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => Err(JournalError::Live { path: path.to_owned() }),
        // a file system without locks: the run goes on, it only can't be told from a dead one
        Ok(()) | Err(TryLockError::Error(_)) => Ok(()),
    }
}

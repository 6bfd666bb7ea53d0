//! The journal: a run's entries on disk, one JSON document a line, the header first.
//!
//! Owns writing (here) and reading ([`read`]). An entry that announces an effect that writes or
//! breaks is on the disk before [`Journal::append`] returns; others go to the system at once and
//! to the disk with the next of those. Never interprets an entry.

pub mod read;

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::effect::Danger;
use crate::event::{Entry, Event};
use crate::header::Header;

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
        let file = OpenOptions::new().append(true).create_new(true).open(path).map_err(failed)?;
        let mut journal = Journal { file, path: path.to_owned(), line: Vec::with_capacity(1024) };
        serde_json::to_writer(&mut journal.line, header)?;
        journal.write_line(true)?;
        // the file's name is only safe once its folder is
        if let Some(folder) = path.parent().filter(|p| !p.as_os_str().is_empty()) {
            File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)?;
        }
        Ok(journal)
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

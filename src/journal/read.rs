//! Reading a journal: tolerant of a torn tail, strict about everything else.

use std::fs;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::event::Entry;
use crate::header::{FORMAT, Header};

/// A journal as found on disk.
#[derive(Clone, Debug, PartialEq)]
pub struct Recorded {
    /// Its header; `None` if the journal was cut inside it.
    pub header: Option<Header>,
    /// Every whole entry.
    pub entries: Vec<Entry>,
    /// How many bytes at the end are not a whole line: what was being written when it died.
    pub torn: usize,
}

/// A journal could not be read.
#[derive(Debug, Error)]
pub enum ReadError {
    /// The file can't be read.
    #[error("cannot read the journal {}: {source}", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A line in the middle says something else.
    #[error("the journal is damaged at line {line}: {source}; what stands before it can be kept by cutting the file there")]
    Damaged {
        /// Which line, from 1.
        line: usize,
        /// What is wrong.
        source: serde_json::Error,
    },
    /// It is of another kind or time.
    #[error("this is not a journal of this version (format {found:?}, this gameday reads {FORMAT:?})")]
    Format {
        /// What it says it is.
        found: String,
    },
    /// Entries are missing.
    #[error("the journal is damaged at line {line}: entry {found} stands where {expected} should")]
    Gap {
        /// Which line, from 1.
        line: usize,
        /// The number found.
        found: u64,
        /// The number expected.
        expected: u64,
    },
}

/// Reads a journal file.
///
/// # Errors
/// See [`ReadError`].
pub fn open(path: &Path) -> Result<Recorded, ReadError> {
    let bytes = fs::read(path).map_err(|source| ReadError::Read { path: path.to_owned(), source })?;
    parse(&bytes)
}

/// The first line alone: whose journal it is can be told where the rest is damaged, or of another version.
#[must_use]
pub fn header(path: &Path) -> Option<Header> {
    let mut line = Vec::new();
    let file = fs::File::open(path).ok()?;
    BufReader::new(file).read_until(b'\n', &mut line).ok()?;
    serde_json::from_slice(line.strip_suffix(b"\n")?).ok()
}

/// Reads a journal's bytes. Whatever follows the last line end is counted as torn.
///
/// # Errors
/// See [`ReadError`].
pub fn parse(bytes: &[u8]) -> Result<Recorded, ReadError> {
    let whole = bytes.iter().rposition(|&b| b == b'\n').map_or(0, |end| end + 1);
    let mut recorded = Recorded { header: None, entries: Vec::new(), torn: bytes.len() - whole };
    let Some(lines) = bytes[..whole].strip_suffix(b"\n") else { return Ok(recorded) };
    for (index, line) in lines.split(|&b| b == b'\n').enumerate() {
        let number = index + 1;
        let damaged = |source| ReadError::Damaged { line: number, source };
        if recorded.header.is_none() {
            let header: Header = serde_json::from_slice(line).map_err(damaged)?;
            if header.format != FORMAT {
                return Err(ReadError::Format { found: header.format });
            }
            recorded.header = Some(header);
            continue;
        }
        let entry: Entry = serde_json::from_slice(line).map_err(damaged)?;
        let expected = recorded.entries.last().map_or(1, |last: &Entry| last.seq + 1);
        if entry.seq != expected {
            return Err(ReadError::Gap { line: number, found: entry.seq, expected });
        }
        recorded.entries.push(entry);
    }
    Ok(recorded)
}

//! Reading a journal: tolerant of a torn tail, strict about everything else.

use std::fs;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
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

/// How much of the end of a journal is read for its last line, in bytes.
const END: u64 = 1 << 18;

/// The last whole entry alone; none where there is none, or it can't be read.
#[must_use]
pub fn last(path: &Path) -> Option<Entry> {
    let mut file = fs::File::open(path).ok()?;
    let size = file.metadata().ok()?.len();
    file.seek(SeekFrom::Start(size.saturating_sub(END))).ok()?;
    let mut end = Vec::new();
    file.take(END).read_to_end(&mut end).ok()?;
    let whole = &end[..end.iter().rposition(|byte| *byte == b'\n')?];
    let from = whole.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    serde_json::from_slice(&whole[from..]).ok()
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
        recorded.take(index + 1, line)?;
    }
    Ok(recorded)
}

impl Recorded {
    /// Takes one whole line, the `number`th of its file.
    fn take(&mut self, number: usize, line: &[u8]) -> Result<(), ReadError> {
        let damaged = |source| ReadError::Damaged { line: number, source };
        if self.header.is_none() {
            let header: Header = serde_json::from_slice(line).map_err(damaged)?;
            if header.format != FORMAT {
                return Err(ReadError::Format { found: header.format });
            }
            self.header = Some(header);
            return Ok(());
        }
        let entry: Entry = serde_json::from_slice(line).map_err(damaged)?;
        let expected = self.entries.last().map_or(1, |last: &Entry| last.seq + 1);
        if entry.seq != expected {
            return Err(ReadError::Gap { line: number, found: entry.seq, expected });
        }
        self.entries.push(entry);
        Ok(())
    }
}

/// A journal that is still written, read as it grows. Only whole lines are taken; where it was cut to before what was read
/// already (an end that a crash tore is mended by cutting), it is read anew from its beginning.
#[derive(Debug)]
pub struct Tail {
    path: PathBuf,
    /// What was read of it.
    recorded: Recorded,
    /// How many lines of it, and how many bytes those are.
    lines: usize,
    bytes: u64,
    /// The end of those bytes: where something else stands there, it is another journal.
    seal: Vec<u8>,
}

/// What a look at a journal that grows brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Growth {
    /// So many entries more.
    More(usize),
    /// It is not what it was: what was read before is void, what stands there now was read.
    Anew,
}

/// How many of the last bytes that were read are compared.
const SEAL: usize = 64;

impl Tail {
    /// Follows the journal of this path; nothing is read yet.
    #[must_use]
    pub const fn of(path: PathBuf) -> Tail {
        let recorded = Recorded { header: None, entries: Vec::new(), torn: 0 };
        Tail { path, recorded, lines: 0, bytes: 0, seal: Vec::new() }
    }

    /// All that was read.
    #[must_use]
    pub const fn recorded(&self) -> &Recorded {
        &self.recorded
    }

    /// Reads what has been written since the last look.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub fn look(&mut self) -> Result<Growth, ReadError> {
        let unread = |source| ReadError::Read { path: self.path.clone(), source };
        let mut file = fs::File::open(&self.path).map_err(unread)?;
        let from = self.bytes.saturating_sub(u64::try_from(self.seal.len()).unwrap_or(0));
        let length = file.metadata().map_err(unread)?.len();
        if length < self.bytes {
            return self.anew();
        }
        let mut new = Vec::new();
        file.seek(SeekFrom::Start(from)).and_then(|_| file.read_to_end(&mut new)).map_err(unread)?;
        let Some(new) = new.strip_prefix(self.seal.as_slice()) else { return self.anew() };
        let whole = new.iter().rposition(|&b| b == b'\n').map_or(0, |end| end + 1);
        let before = self.recorded.entries.len();
        for line in new[..whole].split_inclusive(|&b| b == b'\n') {
            self.recorded.take(self.lines + 1, line.strip_suffix(b"\n").unwrap_or(line))?;
            self.lines += 1;
            self.bytes += u64::try_from(line.len()).unwrap_or(0);
            self.seal = line[line.len().saturating_sub(SEAL)..].to_vec();
        }
        self.recorded.torn = new.len() - whole;
        Ok(Growth::More(self.recorded.entries.len() - before))
    }

    fn anew(&mut self) -> Result<Growth, ReadError> {
        *self = Tail::of(std::mem::take(&mut self.path));
        self.look()?;
        Ok(Growth::Anew)
    }
}

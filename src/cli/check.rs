//! `gameday check`: every mistake of every file at once.

mod server;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use anyhow::Context;
use thiserror::Error;

use crate::cli::args::{CheckArgs, Output};
use crate::cli::{Failure, Means, USAGE, complain, print};
use crate::header::Sources;
use crate::scenario::model::Scenario;
use crate::scenario::{self, Mistake, Reading, Severity};

/// A scenario as read from disk, with the texts it was read from.
pub struct Read {
    /// What came out.
    pub reading: Reading,
    /// The texts, for the journal.
    pub sources: Sources,
}

/// A file that can't be read at all.
#[derive(Debug, Error)]
pub enum Unreadable {
    /// The system refuses.
    #[error("{file}: {why}")]
    File {
        /// Which.
        file: String,
        /// What the system said.
        why: String,
    },
    /// It is no text, or too large.
    #[error("{0}")]
    Text(Box<Mistake>),
}

pub fn check(args: &CheckArgs) -> Result<u8, Failure> {
    let sets: BTreeMap<String, String> = args.sets.iter().cloned().collect();
    let mut sound = true;
    for file in &args.files {
        let mistakes = match read(file, &sets) {
            Ok(mut read) => {
                if args.server {
                    server::ask(file, &mut read, args)?;
                }
                sound &= read.reading.is_sound(args.strict);
                read.reading.mistakes
            }
            Err(Unreadable::Text(mistake)) => {
                sound = false;
                vec![*mistake]
            }
            Err(error @ Unreadable::File { .. }) => {
                sound = false;
                complain(&error.into());
                continue;
            }
        };
        match args.output {
            Output::Json => {
                for mistake in &mistakes {
                    let line = serde_json::to_string(mistake).context("cannot write a mistake as JSON").means(USAGE)?;
                    print(&format!("{}\n", ascii(&line)));
                }
            }
            Output::Text => print(&told(file, &mistakes)),
        }
    }
    Ok(if sound { 0 } else { USAGE })
}

/// JSON in ASCII: what a terminal could obey stands as `\uXXXX`, and nothing is lost.
pub fn ascii(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    let mut units = [0; 2];
    for c in json.chars() {
        if (' '..='~').contains(&c) {
            out.push(c);
        } else {
            for unit in c.encode_utf16(&mut units) {
                out.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
    out
}

/// The mistakes of a file, and how many there are.
pub fn told(file: &Path, mistakes: &[Mistake]) -> String {
    let name = crate::text::Untrusted::from(file.to_string_lossy());
    let mut text = String::new();
    for mistake in mistakes {
        text.push_str(&format!("{mistake}\n"));
    }
    let errors = mistakes.iter().filter(|mistake| mistake.severity == Severity::Error).count();
    let warnings = mistakes.len() - errors;
    let plural = |n: usize, what: &str| format!("{n} {what}{}", if n == 1 { "" } else { "s" });
    text.push_str(&match (errors, warnings) {
        (0, 0) => format!("{name}: no mistakes\n"),
        (0, n) => format!("{name}: {}\n", plural(n, "warning")),
        (n, 0) => format!("{name}: {}\n", plural(n, "error")),
        (n, m) => format!("{name}: {}, {}\n", plural(n, "error"), plural(m, "warning")),
    });
    text
}

/// Reads a scenario and the manifests it includes.
///
/// # Errors
/// The file can't be read at all.
pub fn read(file: &Path, sets: &BTreeMap<String, String>) -> Result<Read, Unreadable> {
    let name = file.to_string_lossy();
    let bytes = bounded(file).map_err(|why| Unreadable::File { file: name.to_string(), why })?;
    let text = scenario::text_of(&name, &bytes).map_err(Unreadable::Text)?;
    let folder = file.parent().unwrap_or(Path::new(""));
    let included = std::cell::RefCell::new(BTreeMap::new());
    let manifests = |path: &str| {
        let bytes = bounded(&folder.join(path))?;
        let text = String::from_utf8(bytes).map_err(|_| "it is not UTF-8 text".to_owned())?;
        included.borrow_mut().insert(path.to_owned(), text.clone());
        Ok(text)
    };
    let source = scenario::Source { file: &name, text, manifests: &manifests };
    let mut reading = scenario::read(&source, sets);
    let base = file.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    let sources = Sources { file: base, text: text.to_owned(), manifests: included.into_inner(), sets: sets.clone() };
    // all of it would stand in a journal: what is in one already is read again whatever it says
    let mut secrets = scenario::secrets::mistakes(&name, text, sets);
    let none = BTreeMap::new();
    secrets.extend(sources.manifests.iter().flat_map(|(path, text)| scenario::secrets::mistakes(path, text, &none)));
    if !secrets.is_empty() {
        reading.mistakes.extend(secrets);
        (reading.scenario, reading.world) = (None, None);
    }
    Ok(Read { reading, sources })
}

/// Reads the scenario of a journal's header again.
#[must_use]
pub fn reread(sources: &Sources) -> Option<Scenario> {
    let manifests = |path: &str| sources.manifests.get(path).cloned().ok_or_else(|| "it is not in the journal".to_owned());
    let source = scenario::Source { file: &sources.file, text: &sources.text, manifests: &manifests };
    scenario::read(&source, &sources.sets).scenario
}

/// Reads a file, but not much more than a scenario may have.
pub fn bounded(file: &Path) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let limit = u64::try_from(scenario::LARGEST).unwrap_or(u64::MAX) + 1;
    let opened = File::open(file).map_err(|error| error.to_string())?;
    if opened.metadata().is_ok_and(|metadata| metadata.is_dir()) {
        return Err("it is a folder".to_owned());
    }
    opened.take(limit).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    Ok(bytes)
}

//! The scenario file: what it says, what is wrong with it, and the model of it.
//!
//! [`read`] is the room's door. It turns the text of a file into a [`model::Scenario`] that is
//! valid by construction, or into every mistake of the file at once, each at its place. It opens
//! no file, asks no server and looks at no clock: `cli` hands it text, and a way to the manifests
//! that the text names.
//!
//! Inside: `tree` says what the YAML says, `parameters` fills it in, `shape` reads our own keys,
//! `manifest` holds the faults against what Chaos Mesh takes, `query` the `PromQL`, `digest` gives
//! the drill its identity. All of them note what is wrong in `mistake` and go on.

mod digest;
mod documents;
pub mod expression;
mod fields;
mod keys;
mod manifest;
mod mistake;
pub mod model;
pub(crate) mod names;
mod near;
mod parameters;
mod query;
pub mod schema;
pub mod secrets;
mod shape;
mod tree;
mod units;
pub mod world;

use std::collections::BTreeMap;

pub use self::documents::documents;
use self::mistake::Mistakes;
pub use self::mistake::{Judge, Mistake, Severity};
use self::model::Scenario;
pub use self::near::nearest;
pub use self::query::{raw_strings, selectors};
pub(crate) use self::shape::NOT_IMPORTED;
use self::tree::Span;
use self::world::World;

/// A duration as Kubernetes writes it; `None` where it is none.
#[must_use]
pub fn go_duration(text: &str) -> Option<std::time::Duration> {
    units::go_duration(text).ok().map(|nanos| units::positive(nanos).unwrap_or_default())
}

/// The largest scenario file, in bytes. A caller need not read more of a file than one byte over.
pub const LARGEST: usize = tree::LARGEST;

/// A scenario file as it is handed in.
pub struct Source<'s> {
    /// The file, as the user named it.
    pub file: &'s str,
    /// Its text.
    pub text: &'s str,
    /// Gives the text of a manifest that the scenario names (`fault: {manifest: PATH}`), or says
    /// why it can't.
    pub manifests: &'s dyn Fn(&str) -> Result<String, String>,
}

/// What came out of reading a file.
#[derive(Clone, Debug)]
pub struct Reading {
    /// The scenario, exactly if no mistake [stops a run](Mistake::stops_run).
    pub scenario: Option<Scenario>,
    /// The world, if the file is of kind `World`; exactly if no mistake stops a run.
    pub world: Option<World>,
    /// Where the steps stand, one for one; empty where there is no scenario.
    pub steps: Vec<Spot>,
    /// Every mistake, in the order of its place.
    pub mistakes: Vec<Mistake>,
}

/// A place in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spot {
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
}

impl Reading {
    /// Whether `check` passes: no error, whoever judges it. Warnings count only if `strict`.
    #[must_use]
    pub fn is_sound(&self, strict: bool) -> bool {
        !self.mistakes.iter().any(|m| strict || m.severity == Severity::Error)
    }
}

/// Reads a scenario; `sets` are the parameters given on the command line.
///
/// Where the file does not say: the title is the name, the injector is auto, `blindLimit` is 30 s,
/// other limits are none. Criteria are looked at `always`, `steadyState` before the drill and again
/// after it. `for` is 0 s. `stableFor` is 5 s in `steadyState` and for `ready` and `recovery`, 0 s
/// for criteria that have no state to last. `http.expect` is 200. Without `environments` there is
/// one, `default`, of tier production: nobody said that nobody is hurt there.
#[must_use]
pub fn read(source: &Source<'_>, sets: &BTreeMap<String, String>) -> Reading {
    let mut mistakes = Mistakes::of(source.file);
    let root = tree::read(source.text, &mut mistakes);
    let is_world = root.as_ref().and_then(|root| root.get("kind")).is_some_and(|kind| kind.excerpt() == "World");
    let (scenario, world) = match root {
        Some(root) if is_world => (None, shape::world::file(&root, &mut mistakes)),
        Some(root) => (shape::scenario(root, source, sets, &mut mistakes), None),
        None => (None, None),
    };
    let mistakes = mistakes.finish();
    let sound = !mistakes.iter().any(Mistake::stops_run);
    let (scenario, spans) = scenario.filter(|_| sound).unzip();
    let steps = spans.unwrap_or_default().iter().map(|span: &Span| Spot { line: span.line, column: span.column }).collect();
    Reading { scenario, world: world.filter(|_| sound), steps, mistakes }
}

/// The text of a file's bytes, or the mistake that makes it unreadable: too large, not UTF-8.
///
/// # Errors
/// The mistake, at the place of the first byte that is no UTF-8.
pub fn text_of<'b>(file: &str, bytes: &'b [u8]) -> Result<&'b str, Box<Mistake>> {
    let mut mistakes = Mistakes::of(file);
    if bytes.len() > LARGEST {
        let message = format!("the file is too large to be a scenario: {} bytes", bytes.len());
        mistakes.error(Span::TOP, "", message).allow(format!("at most {LARGEST} bytes")).hint("is this the right file?");
    } else {
        match std::str::from_utf8(bytes) {
            Ok(text) => return Ok(text),
            Err(error) => {
                let before = String::from_utf8_lossy(&bytes[..error.valid_up_to()]);
                let line = before.matches('\n').count() + 1;
                let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
                let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
                let span = Span { line: number(line), column: number(column), ..Span::TOP };
                mistakes.error(span, "", "the file is not UTF-8 text from here on").allow("UTF-8").hint("is this the right file?");
            }
        }
    }
    match mistakes.finish().pop() {
        Some(mistake) => Err(Box::new(mistake)),
        None => Ok(""),
    }
}

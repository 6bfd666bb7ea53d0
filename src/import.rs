//! Other people's files as scenarios: a Chaos Toolkit experiment, or plain Chaos Mesh manifests.
//!
//! Owns the way from a text to a scenario and to a [`Loss`] for each thing of the source: what became of it, and what to do.
//! It is pure: it opens no file, asks no cluster, reads no environment. What it can't say in the scenario's words stays a loss;
//! where that is an action or a rollback, the scenario gets a step that is refused until its author has dealt with it. Whatever
//! else is written has been through [`scenario::read`]: import judges nothing by itself that `check` judges.
//!
//! Values of secrets come neither into the scenario nor into the report.

mod draft;
mod experiment;
mod loss;
mod manifests;
mod place;
mod workflow;

use serde_json::Value;
use thiserror::Error;

pub use self::loss::{Fate, Loss, What};
pub use self::place::Place;
use crate::scenario::model::TargetRef;
use crate::scenario::{self, Mistake};

/// The most activities of an experiment, and the most manifests: all of them may be unmapped, and `check` tells 500 mistakes.
const MOST: usize = 400;

/// What the operator says of the scenario, which the source does not say, or says otherwise.
#[derive(Clone, Debug, Default)]
pub struct Wish {
    /// The workload that is watched; by the source's own selectors and probes where it is not given.
    pub target: Option<TargetRef>,
    /// The namespace of what names none.
    pub namespace: Option<String>,
    /// The kubeconfig context.
    pub context: Option<String>,
}

/// What came of a file.
#[derive(Clone, Debug)]
pub struct Import {
    /// The scenario, as YAML.
    pub scenario: String,
    /// What became of each thing of the source.
    pub losses: Vec<Loss>,
}

impl Import {
    /// How many actions and rollbacks are not mapped: as long as there is one, the scenario is refused.
    #[must_use]
    pub fn unmapped(&self) -> usize {
        self.losses.iter().filter(|loss| loss.blocks()).count()
    }
}

/// Why a file can't be imported at all.
#[derive(Debug, Error)]
pub enum Error {
    /// It is no JSON and no YAML, or too large.
    #[error("{}", lines(.0))]
    Unreadable(Vec<Mistake>),
    /// It is something else.
    #[error(
        "{file}: {found}; what can be imported: a Chaos Toolkit experiment (it has `method`), or manifests of Chaos Mesh (apiVersion: chaos-mesh.org/v1alpha1)"
    )]
    Unknown {
        /// The file.
        file: String,
        /// What it is instead.
        found: String,
    },
    /// It does more than a scenario may.
    #[error("{file}: it holds {found} things to be done and looked at, and import takes at most {MOST}: split it, and import each part")]
    TooMany {
        /// The file.
        file: String,
        /// How many.
        found: usize,
    },
    /// It names no workload.
    #[error("{file}: no workload is evident from it that could be watched: say --target KIND/NAME, as in --target deployment/task-api")]
    NoTarget {
        /// The file.
        file: String,
    },
    /// What came of it is no sound scenario, whatever is done about single steps.
    #[error("{file}: no sound scenario can be made of it:\n{}", lines(.mistakes))]
    Unsound {
        /// The file.
        file: String,
        /// What is wrong with the scenario.
        mistakes: Vec<Mistake>,
    },
    /// The scenario could not be written.
    #[error("the scenario can't be written as YAML: {0}")]
    Unwritten(String),
}

fn lines(mistakes: &[Mistake]) -> String {
    mistakes.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// Makes a scenario of the text of a file.
///
/// # Errors
/// It can't be read, is something else, or names no workload.
pub fn import(file: &str, text: &str, wish: &Wish) -> Result<Import, Error> {
    let documents = scenario::documents(file, text).map_err(Error::Unreadable)?;
    let too_many = |found: usize| if found > MOST { Err(Error::TooMany { file: file.to_owned(), found }) } else { Ok(()) };
    let unknown = |found: String| Error::Unknown { file: file.to_owned(), found };
    match &documents[..] {
        [Value::Object(root)] if root.contains_key("method") || root.contains_key("steady-state-hypothesis") => {
            too_many(experiment::size(root))?;
            experiment::read(root, file, wish)
        }
        [Value::Object(root)] if text_of(root.get("apiVersion")).starts_with("gameday/") => {
            Err(unknown("this is a gameday file already".to_owned()))
        }
        all => match manifests::of(all) {
            Some(objects) => too_many(objects.len()).and_then(|()| manifests::read(&objects, file, wish)),
            None => Err(unknown(what_else(all))),
        },
    }
}

fn what_else(documents: &[Value]) -> String {
    match documents {
        [Value::Object(root)] if root.contains_key("kind") => {
            format!("this is {} of {}", quoted(text_of(root.get("kind"))), quoted(text_of(root.get("apiVersion"))))
        }
        [Value::Object(root)] => {
            let keys: Vec<String> = root.keys().take(5).map(|key| quoted(key)).collect();
            format!("this is a mapping of {}", keys.join(", "))
        }
        [_] => "this is neither a mapping nor a list of them".to_owned(),
        all => format!("none of the {} documents is of Chaos Mesh", all.len()),
    }
}

/// Text of the source within a sentence: safe, short, between quotes.
fn quoted(text: &str) -> String {
    format!("\"{}\"", crate::text::Untrusted::from(text).short(80))
}

/// The text of a value, empty where it is none.
fn text_of(value: Option<&Value>) -> &str {
    value.and_then(Value::as_str).unwrap_or_default()
}

//! What became of each thing of the source.

use std::fmt;

use serde::Serialize;
use serde_json::Value;

use super::draft;
use super::place::Place;
use crate::text::Untrusted;

/// What became of something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fate {
    /// It stands in the scenario, or gameday does it anyway.
    Mapped,
    /// It stands in the scenario, but does not mean quite the same.
    Differs,
    /// It does not stand in the scenario, or only as a step that is refused.
    NotMapped,
}

/// What something is in the source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum What {
    /// It does something.
    Action,
    /// It undoes something.
    Rollback,
    /// It looks at something.
    Probe,
    /// It waits.
    Pause,
    /// It says how the rest is meant.
    Setting,
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            What::Action => "action",
            What::Rollback => "rollback",
            What::Probe => "probe",
            What::Pause => "pause",
            What::Setting => "setting",
        })
    }
}

/// A thing of the source, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Loss {
    /// What became of it.
    pub fate: Fate,
    /// What it is in the source.
    pub what: What,
    /// Where it stands there.
    #[serde(flatten)]
    pub place: Place,
    /// What it is called there.
    #[serde(skip_serializing_if = "Untrusted::is_empty")]
    pub name: Untrusted,
    /// What became of it, in words.
    pub message: Untrusted,
    /// What to do.
    #[serde(skip_serializing_if = "Untrusted::is_empty")]
    pub hint: Untrusted,
}

impl Loss {
    /// Whether the scenario is refused because of it.
    #[must_use]
    pub fn blocks(&self) -> bool {
        self.fate == Fate::NotMapped && matches!(self.what, What::Action | What::Rollback)
    }
}

/// `$.method[0]: action "NAME" not mapped: why`, then what to do.
impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fate = match self.fate {
            Fate::Mapped => "mapped",
            Fate::Differs => "mapped with a difference",
            Fate::NotMapped => "not mapped",
        };
        write!(f, "{}: {}", self.place, self.what)?;
        if !self.name.is_empty() {
            write!(f, " \"{}\"", self.name.short(80))?;
        }
        write!(f, " {fate}: {}", self.message.short(600))?;
        if !self.hint.is_empty() {
            write!(f, "\n    hint: {}", self.hint.short(400))?;
        }
        Ok(())
    }
}

/// The losses as they are found, without the values of secrets.
#[derive(Debug, Default)]
pub struct Losses {
    list: Vec<Loss>,
    hidden: Vec<String>,
}

impl Losses {
    /// Hides a value of a secret from all that is said, also as it would stand in a scenario.
    pub fn hide(&mut self, value: &str) {
        self.hidden.push(value.to_owned());
        self.hidden.push(draft::escaped(value));
        if value.len() > 7 {
            self.hidden.push(draft::dns_label(value));
        }
        // what is longer goes first, so that nothing of it is left
        self.hidden.sort_by_key(|hidden| std::cmp::Reverse(hidden.len()));
    }

    /// Whether a text holds a value of a secret.
    pub fn is_hidden_in(&self, text: &str) -> bool {
        self.hidden.iter().any(|hidden| text.contains(hidden.as_str()))
    }

    /// Whether any text of a value holds a value of a secret.
    pub fn is_hidden_in_any(&self, value: &Value) -> bool {
        match value {
            Value::String(text) => self.is_hidden_in(text),
            Value::Array(items) => items.iter().any(|item| self.is_hidden_in_any(item)),
            Value::Object(map) => map.iter().any(|(key, value)| self.is_hidden_in(key) || self.is_hidden_in_any(value)),
            Value::Null | Value::Bool(_) | Value::Number(_) => !self.hidden.is_empty() && self.is_hidden_in(&value.to_string()),
        }
    }

    /// The text without values of secrets.
    fn safe(&self, text: String) -> Untrusted {
        self.hidden
            .iter()
            .fold(text, |text, hidden| if text.contains(hidden.as_str()) { text.replace(hidden, "(a secret)") } else { text })
            .into()
    }

    /// Notes what became of something.
    pub fn note(&mut self, fate: Fate, what: What, place: &Place, name: &str, message: impl Into<String>) -> &mut Loss {
        let place = Place { document: place.document, path: self.safe(place.path.clone()).raw().to_owned() };
        let loss =
            Loss { fate, what, place, name: self.safe(name.to_owned()), message: self.safe(message.into()), hint: Untrusted::default() };
        let at = self.list.len();
        self.list.push(loss);
        &mut self.list[at]
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// All of them.
    pub fn finish(self) -> Vec<Loss> {
        self.list
    }
}

impl Loss {
    /// Says what to do.
    pub(super) fn hint(&mut self, hint: impl Into<String>) {
        self.hint = hint.into().into();
    }
}

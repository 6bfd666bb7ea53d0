//! `configuration` and `secrets` of an experiment, and what `${name}` means by them. The environment is never read.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::super::draft::{Draft, Part, escaped};
use super::super::loss::{Fate, What};
use super::super::place::Place;
use super::super::text_of;

/// Values shorter than this are found everywhere by chance, so they are not looked for.
const TELLING: usize = 5;
/// What names the context of the kubeconfig.
const CONTEXT: &str = "KUBERNETES_CONTEXT";

/// What a name stands for.
#[derive(Clone, Debug)]
enum Meaning {
    /// A value of its own.
    Literal(Value),
    /// A variable of the environment with a default: a parameter.
    Default(Value),
    /// Something that only a run of the source would know, in words.
    Untold(&'static str),
}

/// What the names of an experiment stand for.
#[derive(Default)]
pub struct Configuration {
    known: BTreeMap<String, Meaning>,
    secret: BTreeSet<String>,
}

impl Configuration {
    /// Reads both blocks, with a note for each name.
    pub fn read(root: &Map<String, Value>, draft: &mut Draft) -> Configuration {
        let mut read = Configuration::default();
        let top = Place::top(None);
        let empty = Map::new();
        let block = |key: &str| root.get(key).and_then(Value::as_object).unwrap_or(&empty);
        // secrets first, and all of them before anything is taken: nothing that is written or said repeats one
        block("secrets").iter().for_each(|(group, value)| conceal(group, value, draft));
        for (group, value) in block("secrets") {
            read.secrets(group, value, &top.keys(&["secrets", group]), draft);
        }
        for (name, value) in block("configuration") {
            read.entry(name, value, &top.keys(&["configuration", name]), draft);
        }
        read
    }

    fn entry(&mut self, name: &str, value: &Value, place: &Place, draft: &mut Draft) {
        if of_the_cluster(name, value, place, draft) {
            return;
        }
        let kind = value.as_object().map(|value| text_of(value.get("type")));
        let meaning = match (kind, value.get("default")) {
            (Some("env"), Some(default)) if !default.is_null() => Meaning::Default(default.clone()),
            (Some("env"), _) => Meaning::Untold("is a variable of the environment without a default"),
            (Some("probe"), _) => Meaning::Untold("is what a probe answers when the source is run"),
            (Some("vault"), _) => Meaning::Untold("stands in a vault"),
            _ => Meaning::Literal(value.clone()),
        };
        if let Meaning::Default(Value::String(default)) = &meaning {
            let line = format!("{name}: {default}");
            let given = BTreeMap::from([(name.to_owned(), default.clone())]);
            let secret = !crate::scenario::secrets::mistakes("", &line, &given).is_empty() || draft.losses.is_hidden_in(default);
            if secret || default.contains("${") {
                self.known.insert(name.to_owned(), Meaning::Untold("looks like a secret"));
                draft
                    .losses
                    .note(Fate::NotMapped, What::Setting, place, name, "by its name this is a secret: not imported")
                    .hint("a command gets it by command.env");
                return;
            }
            draft.parameters.insert(name.to_owned(), default.clone());
            if draft.trouble(Part::Step, &serde_json::json!({"name": "an observation", "observe": "1s"})).is_some() {
                draft.parameters.remove(name);
            }
        }
        match &meaning {
            Meaning::Default(_) if draft.parameters.contains_key(name) => {
                draft
                    .losses
                    .note(
                        Fate::Differs,
                        What::Setting,
                        place,
                        name,
                        "a parameter with the source's default, where text names it; the environment is not read",
                    )
                    .hint(format!("give --set {name}=VALUE for another"));
            }
            Meaning::Default(_) => {
                draft
                    .losses
                    .note(
                        Fate::Differs,
                        What::Setting,
                        place,
                        name,
                        "its default is filled in where it is named; the environment is not read",
                    )
                    .hint("write another value in the scenario");
            }
            Meaning::Untold(why) => {
                draft
                    .losses
                    .note(Fate::NotMapped, What::Setting, place, name, format!("it {why}; what names it is not mapped"))
                    .hint("write the value in the source, and import it again");
            }
            Meaning::Literal(_) => {
                draft.losses.note(Fate::Mapped, What::Setting, place, name, "filled in where it is named");
            }
        }
        self.known.insert(name.to_owned(), meaning);
    }

    fn secrets(&mut self, name: &str, value: &Value, place: &Place, draft: &mut Draft) {
        if of_the_cluster(name, value, place, draft) {
            return;
        }
        match value {
            Value::Object(inner) if !inner.contains_key("type") => {
                for (name, value) in inner {
                    self.secrets(name, value, &place.key(name), draft);
                }
            }
            _ => {
                self.secret.insert(name.to_owned());
                draft
                    .losses
                    .note(Fate::NotMapped, What::Setting, place, name, "a secret: neither its value nor its variable is imported")
                    .hint("gameday takes credentials from its own environment: command.env, GAMEDAY_PROMETHEUS_TOKEN, the kubeconfig");
            }
        }
    }

    /// The value under a name, where it is known and text.
    pub fn text(&self, name: &str) -> Option<(&str, bool)> {
        match self.known.get(name)? {
            Meaning::Literal(Value::String(text)) => Some((text, false)),
            Meaning::Default(Value::String(text)) => Some((text, true)),
            Meaning::Literal(_) | Meaning::Default(_) | Meaning::Untold(_) => None,
        }
    }

    /// A value with its names filled in: parameters stay named if `keep`. What only a run would know is an error, in words.
    pub fn fill(&self, value: &Value, keep: bool, draft: &Draft) -> Result<Value, String> {
        Ok(match value {
            Value::String(text) => self.filled(text, keep, draft)?,
            Value::Array(items) => Value::Array(items.iter().map(|item| self.fill(item, keep, draft)).collect::<Result<_, _>>()?),
            Value::Object(map) => {
                let filled = map.iter().map(|(key, value)| Ok((key.clone(), self.fill(value, keep, draft)?)));
                Value::Object(filled.collect::<Result<_, String>>()?)
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
        })
    }

    fn filled(&self, text: &str, keep: bool, draft: &Draft) -> Result<Value, String> {
        let mut out = String::new();
        let mut rest = text;
        while let Some(at) = rest.find("${") {
            let (before, after) = (&rest[..at], &rest[at + 2..]);
            out.push_str(before);
            let Some((name, next)) = after.split_once('}') else { break };
            if self.secret.contains(name) {
                return Err(format!("it needs the secret {}", super::super::quoted(name)));
            }
            let whole = before.is_empty() && next.is_empty() && out.is_empty();
            match self.known.get(name) {
                Some(Meaning::Untold(why)) => return Err(format!("it needs {}, which {why}", super::super::quoted(name))),
                Some(Meaning::Default(_)) if keep && draft.parameters.contains_key(name) => out.push_str(&format!("${{{name}}}")),
                Some(Meaning::Default(value) | Meaning::Literal(value)) if whole => return Ok(super::super::draft::escaped_all(value)),
                Some(Meaning::Default(value) | Meaning::Literal(value)) => {
                    out.push_str(&value.as_str().map_or_else(|| escaped(&value.to_string()), escaped));
                }
                // unknown names stay as they are
                None => out.push_str(&format!("$${{{name}}}")),
            }
            rest = next;
        }
        if let Some(at) = rest.find("${") {
            out.push_str(&escaped(&rest[at..]));
        } else {
            out.push_str(rest);
        }
        Ok(Value::String(out))
    }
}

/// Hides every value of the secrets in a block, but what says which cluster is meant.
fn conceal(name: &str, value: &Value, draft: &mut Draft) {
    match value {
        _ if is_of_the_cluster(name) => {}
        Value::Object(inner) if !inner.contains_key("type") => inner.iter().for_each(|(name, value)| conceal(name, value, draft)),
        other => hide(other, draft),
    }
}

/// Hides every value of a secret from what is written.
fn hide(value: &Value, draft: &mut Draft) {
    match value {
        Value::String(text) if text.len() >= TELLING => draft.losses.hide(text),
        Value::Number(number) if number.to_string().len() >= TELLING => draft.losses.hide(&number.to_string()),
        Value::Array(items) => items.iter().for_each(|item| hide(item, draft)),
        Value::Object(map) if text_of(map.get("type")) == "env" || text_of(map.get("type")) == "vault" => {
            if let Some(default) = map.get("default") {
                hide(default, draft);
            }
        }
        Value::Object(map) => map.values().for_each(|value| hide(value, draft)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn context(value: &Value, place: &Place, draft: &mut Draft) {
    let plain = |text: &&str| !text.is_empty() && text.len() <= 100 && !text.contains("${") && !text.chars().any(char::is_control);
    match value.as_str().filter(plain) {
        Some(name) if draft.losses.is_hidden_in(name) => {
            let why = "it is the same as a secret, and not written";
            draft.losses.note(Fate::NotMapped, What::Setting, place, CONTEXT, why).hint("give --context NAME");
        }
        Some(name) => {
            draft.context = Some(name.to_owned());
            draft.losses.note(Fate::Mapped, What::Setting, place, CONTEXT, "the context of the environment");
        }
        None => {
            draft.losses.note(Fate::NotMapped, What::Setting, place, CONTEXT, "the environment is not read").hint("give --context NAME");
        }
    }
}

/// Takes what says which cluster is meant and how it is reached, in whichever block it stands; says whether it was that.
fn of_the_cluster(name: &str, value: &Value, place: &Place, draft: &mut Draft) -> bool {
    match name.to_uppercase().as_str() {
        CONTEXT => context(value, place, draft),
        _ if is_of_the_cluster(name) => tls(place, draft),
        _ => return false,
    }
    true
}

fn is_of_the_cluster(name: &str) -> bool {
    matches!(name.to_uppercase().as_str(), CONTEXT | "KUBERNETES_VERIFY_SSL" | "VERIFY_TLS" | "VERIFY_SSL")
}

fn tls(place: &Place, draft: &mut Draft) {
    draft
        .losses
        .note(Fate::NotMapped, What::Setting, place, "", "certificates are always verified; that is not imported")
        .hint("name a CA in the kubeconfig, or by GAMEDAY_PROMETHEUS_CA");
}

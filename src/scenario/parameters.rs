//! `${PARAMETERS}`: declared in `spec.parameters`, filled in before anything else is read.

use std::collections::{BTreeMap, BTreeSet};

use super::fields::ambiguous;
use super::mistake::{Mistakes, quoted};
use super::near::did_you_mean;
use super::tree::{Content, Node, Plain, Span};

/// The longest value of a parameter.
const LONGEST: usize = 4096;
/// The most bytes that filling in may produce.
const MOST_FILLED: usize = 4 * 1024 * 1024;

/// The parameters of a scenario.
pub struct Parameters {
    /// Their values, `--set` applied.
    pub values: BTreeMap<String, String>,
    used: BTreeSet<String>,
    filled: usize,
}

impl Parameters {
    /// Reads `spec.parameters` of the file and applies `sets`.
    pub fn read(file: &Node, sets: &BTreeMap<String, String>, mistakes: &mut Mistakes) -> Parameters {
        let mut values = BTreeMap::new();
        let node = file.get("spec").and_then(|spec| spec.get("parameters"));
        if let Some(node) = node.filter(|node| node.entries().is_none()) {
            mistakes.error(node.span, &node.excerpt(), format!("parameters is a mapping, not {}", node.kind())).allow("NAME: value");
        }
        for entry in node.and_then(Node::entries).unwrap_or_default() {
            if !is_name(&entry.key) {
                mistakes
                    .error(entry.key_span, &entry.key, "this is no name for a parameter")
                    .allow("letters, digits and _, not beginning with a digit");
            }
            let Some(scalar) = entry.value.scalar().filter(|_| !entry.value.is_null()) else {
                mistakes.error(
                    entry.value.span,
                    &entry.value.excerpt(),
                    format!("a parameter is text or a number, not {}", entry.value.kind()),
                );
                values.insert(entry.key.clone(), String::new());
                continue;
            };
            if let Plain::Ambiguous { old, new } = scalar.resolve() {
                ambiguous(&scalar.text, entry.value.span, old, new, mistakes);
            }
            if scalar.text.contains("${") {
                mistakes.error(entry.value.span, &scalar.text, "a parameter's value can't name another parameter");
            }
            if scalar.text.len() > LONGEST {
                mistakes.error(entry.value.span, &scalar.text, "this value is too long").allow(format!("{LONGEST} bytes"));
            }
            values.insert(entry.key.clone(), scalar.text.clone());
        }
        for (name, value) in sets {
            let place = node.or_else(|| file.get("spec")).map_or(Span::TOP, |node| node.span);
            if values.contains_key(name) {
                if value.len() > LONGEST {
                    mistakes
                        .error(place, value, format!("--set {}: this value is too long", quoted(name)))
                        .allow(format!("{LONGEST} bytes"));
                    continue;
                }
                values.insert(name.clone(), value.clone());
            } else {
                let mistake = mistakes.error(place, name, "--set names a parameter that the scenario does not have");
                mistake.allow(if values.is_empty() { "no parameters here".to_owned() } else { join(values.keys()) });
                if let Some(hint) = did_you_mean(name, values.keys().map(String::as_str)) {
                    mistake.hint(hint);
                }
            }
        }
        Parameters { values, used: BTreeSet::new(), filled: 0 }
    }

    /// Fills every scalar of `node` in. The block of the parameters itself is left alone.
    pub fn fill(&mut self, node: &mut Node, mistakes: &mut Mistakes) {
        match &mut node.content {
            Content::List(items) => items.iter_mut().for_each(|item| self.fill(item, mistakes)),
            Content::Map(entries) => {
                for entry in entries {
                    self.fill(&mut entry.value, mistakes);
                }
            }
            Content::Scalar(scalar) => {
                if scalar.text.contains("${") {
                    scalar.text = self.filled(&scalar.text, node.span, mistakes);
                }
            }
        }
    }

    fn filled(&mut self, text: &str, span: Span, mistakes: &mut Mistakes) -> String {
        let mut out = String::new();
        let mut rest = text;
        while let Some(at) = rest.find("${") {
            let (before, after) = (&rest[..at], &rest[at + 2..]);
            if let Some(before) = before.strip_suffix('$') {
                // $${ is a plain ${.
                out.push_str(before);
                out.push_str("${");
                rest = after;
                continue;
            }
            out.push_str(before);
            let name = after.split_once('}').map(|(name, _)| name).filter(|name| is_name(name));
            let Some(name) = name else {
                mistakes.error(span, &rest[at..], "this names no parameter").allow("${NAME}").hint("write $${ for a plain ${");
                rest = after;
                continue;
            };
            rest = &after[name.len() + 1..];
            self.used.insert(name.to_owned());
            match self.values.get(name) {
                Some(value) if self.filled + value.len() > MOST_FILLED => {
                    mistakes.error(span, name, "parameters make the file explode").allow(format!("{MOST_FILLED} bytes filled in"));
                    return out;
                }
                Some(value) => {
                    self.filled += value.len();
                    out.push_str(value);
                }
                None => {
                    let mistake = mistakes.error(span, name, "the scenario has no such parameter");
                    mistake.allow(if self.values.is_empty() {
                        "no parameters here: add spec.parameters".to_owned()
                    } else {
                        join(self.values.keys())
                    });
                    if let Some(hint) = did_you_mean(name, self.values.keys().map(String::as_str)) {
                        mistake.hint(hint);
                    }
                }
            }
        }
        out.push_str(rest);
        out
    }

    /// Warns of parameters that nothing names.
    pub fn tell_unused(&self, file: &Node, mistakes: &mut Mistakes) {
        let node = file.get("spec").and_then(|spec| spec.get("parameters"));
        for entry in node.and_then(Node::entries).unwrap_or_default() {
            if is_name(&entry.key) && !self.used.contains(&entry.key) {
                mistakes
                    .warn(entry.key_span, &entry.key, "nothing uses this parameter")
                    .hint(format!("write ${{{}}} where it belongs, or take it away", entry.key));
            }
        }
    }
}

fn is_name(text: &str) -> bool {
    text.len() <= 63
        && text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

fn join<'n>(names: impl Iterator<Item = &'n String>) -> String {
    names.take(20).map(|name| crate::text::Untrusted::from(name.as_str()).short(40)).collect::<Vec<_>>().join(", ")
}

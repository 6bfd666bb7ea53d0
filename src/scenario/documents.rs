//! What other files than scenarios say: JSON, or YAML of one or several documents, as JSON values.

use serde_json::Value;

use super::fields::{ambiguous, ambiguous_key};
use super::mistake::{Mistake, Mistakes};
use super::tree::{self, Content, LARGEST, Node, Plain};

/// The documents of a text, each as the JSON it means, at least one; the same bounds hold as for a scenario.
///
/// A bare scalar of YAML that two readers would read differently is a mistake, as it is in a manifest.
///
/// # Errors
/// Every mistake of the text, each at its place.
pub fn documents(file: &str, text: &str) -> Result<Vec<Value>, Vec<Mistake>> {
    // JSON may hold what a reader of YAML does not take: tabs, pairs of surrogates, long keys
    if text.len() <= LARGEST && text.trim_start().starts_with(['{', '[']) {
        let read: Result<Vec<Value>, _> = serde_json::Deserializer::from_str(text).into_iter().collect();
        if let Some(found) = read.ok().filter(|found| !found.is_empty()) {
            return Ok(found);
        }
    }
    let mut mistakes = Mistakes::of(file);
    let read = tree::read_all(text, &mut mistakes).unwrap_or_default();
    for node in &read {
        tell_ambiguous(node, &mut mistakes);
    }
    if mistakes.errors() > 0 { Err(mistakes.finish()) } else { Ok(read.iter().map(Node::to_json).collect()) }
}

fn tell_ambiguous(node: &Node, mistakes: &mut Mistakes) {
    match &node.content {
        Content::List(items) => items.iter().for_each(|item| tell_ambiguous(item, mistakes)),
        Content::Map(entries) => {
            for entry in entries {
                ambiguous_key(entry, mistakes);
                tell_ambiguous(&entry.value, mistakes);
            }
        }
        Content::Scalar(scalar) => {
            if let Plain::Ambiguous { old, new } = scalar.resolve() {
                ambiguous(&scalar.text, node.span, old, new, mistakes);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_should_be_read_from_json_and_yaml() {
        let read = |text| documents("x", text).map_err(|mistakes| mistakes.iter().map(ToString::to_string).collect::<Vec<_>>());
        assert_eq!(read("a: 1\n---\n---\nb: [x]\n").unwrap(), [serde_json::json!({"a": 1}), serde_json::json!({"b": ["x"]})]);
        assert_eq!(read("{\t\"a\": \"\\ud83d\\ude00\"}\n{}").unwrap(), [serde_json::json!({"a": "😀"}), serde_json::json!({})]);
        assert_eq!(read("{a: b}").unwrap(), [serde_json::json!({"a": "b"})]);
        assert!(read("all: yes").unwrap_err()[0].starts_with("x:1:6: error: this is true to YAML 1.1"), "{:?}", read("all: yes"));
        assert!(read("").is_err() && read("a: &x [*x]").is_err() && read("{").is_err());
    }
}

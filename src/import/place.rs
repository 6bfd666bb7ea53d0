//! Where something stands in the source.

use std::fmt;

use serde::Serialize;

/// A place in a source file, as a JSON path: `$.method[0].provider.arguments.qty`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Place {
    /// The document, from 1, where the file has several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub document: Option<usize>,
    /// The path within it.
    pub path: String,
}

impl Place {
    /// The top of a file, or of one of its documents.
    pub(super) fn top(document: Option<usize>) -> Place {
        Place { document, path: "$".to_owned() }
    }

    /// What stands under a key there.
    pub(super) fn key(&self, key: &str) -> Place {
        let bare =
            key.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        let step = if bare { format!(".{key}") } else { format!("['{}']", key.replace('\\', "\\\\").replace('\'', "\\'")) };
        Place { document: self.document, path: format!("{}{step}", self.path) }
    }

    /// What stands under several keys, one below the other.
    pub(super) fn keys(&self, keys: &[&str]) -> Place {
        keys.iter().fold(self.clone(), |place, key| place.key(key))
    }

    /// The nth of a list there.
    pub(super) fn at(&self, index: usize) -> Place {
        Place { document: self.document, path: format!("{}[{index}]", self.path) }
    }
}

/// With its document where there are several.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(document) = self.document {
            write!(f, "document {document}: ")?;
        }
        write!(f, "{}", crate::text::Untrusted::from(self.path.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn place_should_be_a_json_path() {
        let place = Place::top(Some(2)).keys(&["steady-state-hypothesis", "probes"]).at(0).key("it's");
        assert_eq!(place.to_string(), "document 2: $['steady-state-hypothesis'].probes[0]['it\\'s']");
    }
}

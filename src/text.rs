//! Text that came from outside: pod names, labels, messages of API servers, YAML.
//!
//! Owns [`Untrusted`], the only way such text reaches a face or a report. It keeps what was said
//! as it was said (the journal is evidence) and shows it without anything a terminal could obey.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Text from outside. [`fmt::Display`] gives the safe form: control characters, escape
/// sequences and bidirectional overrides are shown as `\u{…}`, line ends as `⏎`.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Untrusted(String);

impl Untrusted {
    /// The text as it came. For comparing and for sending back, never for showing.
    #[must_use]
    pub fn raw(&self) -> &str {
        &self.0
    }

    /// Whether there is no text.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The safe form cut to at most `columns` characters, with `…` where something is left out.
    #[must_use]
    pub fn short(&self, columns: usize) -> String {
        let safe = self.to_string();
        if safe.chars().count() <= columns {
            return safe;
        }
        let mut cut: String = safe.chars().take(columns.saturating_sub(1)).collect();
        cut.push('…');
        cut
    }
}

impl<T: Into<String>> From<T> for Untrusted {
    fn from(text: T) -> Self {
        Untrusted(text.into())
    }
}

impl fmt::Display for Untrusted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            match c {
                '\n' => f.write_str("⏎")?,
                '\t' => f.write_str(" ")?,
                c if c.is_control() || is_format(c) => write!(f, "\\u{{{:x}}}", u32::from(c))?,
                c => write!(f, "{c}")?,
            }
        }
        Ok(())
    }
}

/// Characters that print nothing and change how their neighbours are read: bidirectional
/// controls, zero-width characters, tags, interlinear marks.
const fn is_format(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn untrusted_should_show_no_escape_sequence() {
        let shown = Untrusted::from("a\u{1b}[2Jb\u{9b}31m\r\n\u{202e}c").to_string();
        assert_eq!(shown, "a\\u{1b}[2Jb\\u{9b}31m\\u{d}⏎\\u{202e}c");
    }

    #[test]
    fn untrusted_should_keep_what_was_said() {
        let text = Untrusted::from("a\u{1b}b");
        let back: Untrusted = serde_json::from_str(&serde_json::to_string(&text).unwrap()).unwrap();
        assert_eq!(back.raw(), "a\u{1b}b");
    }

    #[test]
    fn untrusted_should_be_cut_with_a_sign() {
        assert_eq!(Untrusted::from("abcdef").short(4), "abc…");
        assert_eq!(Untrusted::from("abcd").short(4), "abcd");
    }
}

//! What `/` lets through: a regular expression, its opposite, labels, or letters in order.
//!
//! The prefixes are those of k9s: `!` turns it round, `-l` is a label selector, `-f` is fuzzy.

use std::collections::BTreeMap;

use regex::{Regex, RegexBuilder};

/// The most memory that a compiled expression may take, in bytes.
const LARGEST: usize = 1 << 20;

/// What is said where it takes none of what there is.
pub const NOTHING: &str = "nothing that the filter takes";

/// A filter, as it was written and as it is understood.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    text: String,
    terms: Terms,
}

#[derive(Clone, Debug, Default)]
enum Terms {
    #[default]
    Everything,
    Matches(Regex),
    MatchesNot(Regex),
    Labels(Vec<Label>),
    Fuzzy(String),
    /// Why it can't be understood; lets everything through.
    Wrong(String),
}

#[derive(Clone, Debug)]
struct Label {
    key: String,
    value: Option<String>,
    is: bool,
}

/// Two that are written alike are alike.
impl PartialEq for Filter {
    fn eq(&self, other: &Filter) -> bool {
        self.text == other.text
    }
}

impl Filter {
    /// Understands what was written; what can't be understood lets everything through, and says so.
    #[must_use]
    pub fn of(text: &str) -> Filter {
        let trimmed = text.trim();
        let terms = if trimmed.is_empty() || trimmed == "!" {
            Terms::Everything
        } else if let Some(labels) = flag(trimmed, "-l") {
            self::labels(labels).map_or_else(Terms::Wrong, Terms::Labels)
        } else if let Some(letters) = flag(trimmed, "-f") {
            Terms::Fuzzy(letters.to_lowercase())
        } else {
            let (turned, expression) = trimmed.strip_prefix('!').map_or((false, trimmed), |rest| (true, rest));
            match RegexBuilder::new(expression).case_insensitive(true).size_limit(LARGEST).build() {
                Ok(expression) if turned => Terms::MatchesNot(expression),
                Ok(expression) => Terms::Matches(expression),
                Err(error) => Terms::Wrong(reason(&error)),
            }
        };
        Filter { text: trimmed.to_owned(), terms }
    }

    /// As it was written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether it lets everything through because nothing was written.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// Why it can't be understood, if so.
    #[must_use]
    pub fn wrong(&self) -> Option<&str> {
        match &self.terms {
            Terms::Wrong(why) => Some(why),
            Terms::Everything | Terms::Matches(_) | Terms::MatchesNot(_) | Terms::Labels(_) | Terms::Fuzzy(_) => None,
        }
    }

    /// Whether a line of text is let through; labels ask for what has some.
    #[must_use]
    pub fn takes(&self, text: &str) -> bool {
        self.takes_labelled(text, None)
    }

    /// Whether something is let through that has text and labels.
    #[must_use]
    pub fn takes_labelled(&self, text: &str, labels: Option<&BTreeMap<String, String>>) -> bool {
        match &self.terms {
            Terms::Everything | Terms::Wrong(_) => true,
            Terms::Matches(expression) => expression.is_match(text),
            Terms::MatchesNot(expression) => !expression.is_match(text),
            Terms::Labels(wanted) => labels.is_none_or(|labels| wanted.iter().all(|label| label.is_on(labels))),
            Terms::Fuzzy(letters) => fuzzy(letters, text),
        }
    }
}

impl Label {
    fn is_on(&self, labels: &BTreeMap<String, String>) -> bool {
        let has = match (&self.value, labels.get(&self.key)) {
            (None, known) => known.is_some(),
            (Some(value), known) => known == Some(value),
        };
        has == self.is
    }
}

/// What stands behind a flag, if it begins with that.
fn flag<'t>(text: &'t str, flag: &str) -> Option<&'t str> {
    let rest = text.strip_prefix(flag)?;
    (rest.is_empty() || rest.starts_with(char::is_whitespace)).then(|| rest.trim())
}

/// A label selector as kubectl takes it: `app=web,tier!=cache,canary,!old`.
fn labels(text: &str) -> Result<Vec<Label>, String> {
    let terms = text.split(',').map(str::trim).filter(|term| !term.is_empty());
    let labels: Vec<Label> = terms.map(label).collect::<Result<_, _>>()?;
    if labels.is_empty() { Err("-l wants labels, as in -l app=web".to_owned()) } else { Ok(labels) }
}

fn label(term: &str) -> Result<Label, String> {
    let of = |key: &str, value: Option<&str>, is| {
        let key = key.trim();
        if key.is_empty() || key.contains(char::is_whitespace) {
            return Err(format!("{term:?} is no label: key=value, key!=value, key or !key"));
        }
        Ok(Label { key: key.to_owned(), value: value.map(|value| value.trim_start_matches('=').trim().to_owned()), is })
    };
    if let Some((key, value)) = term.split_once("!=") {
        of(key, Some(value), false)
    } else if let Some((key, value)) = term.split_once('=') {
        of(key, Some(value), true)
    } else if let Some(key) = term.strip_prefix('!') {
        of(key, None, false)
    } else {
        of(term, None, true)
    }
}

/// Whether the letters, in lower case, stand in the text in this order.
#[must_use]
pub fn fuzzy(letters: &str, text: &str) -> bool {
    let mut among = text.chars().flat_map(char::to_lowercase);
    letters.chars().filter(|c| !c.is_whitespace()).all(|letter| among.any(|c| c == letter))
}

/// The last line of what the parser says: the others draw the expression.
fn reason(error: &regex::Error) -> String {
    let told = error.to_string();
    let last = told.lines().last().unwrap_or_default().trim().trim_start_matches("error: ");
    format!("no regular expression: {last}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn labelled(labels: &[(&str, &str)]) -> BTreeMap<String, String> {
        labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn filter_should_take_what_its_prefix_says() {
        for (written, taken, left) in [
            ("", vec!["web-1", "db-1"], vec![]),
            ("web", vec!["WEB-1"], vec!["db-1"]),
            ("^web-[12]$", vec!["web-1"], vec!["web-3"]),
            ("!web", vec!["db-1"], vec!["web-1"]),
            ("-f w1", vec!["web-1"], vec!["1w"]),
            ("-fine", vec!["a-fine"], vec!["fine"]),
        ] {
            let filter = Filter::of(written);
            assert!(taken.iter().all(|text| filter.takes(text)), "{written:?}");
            assert!(!left.iter().any(|text| filter.takes(text)), "{written:?}");
        }
    }

    #[test]
    fn labels_should_be_selected_as_kubectl_does() {
        let web = labelled(&[("app", "web"), ("tier", "front")]);
        for (written, taken) in [
            ("-l app=web", true),
            ("-l app==web,tier!=back", true),
            ("-l app=db", false),
            ("-l canary", false),
            ("-l !canary,tier", true),
            ("-l canary!=yes", true),
        ] {
            assert_eq!(Filter::of(written).takes_labelled("web-1", Some(&web)), taken, "{written:?}");
        }
    }

    #[test]
    fn filter_that_is_not_understood_should_hide_nothing_and_say_why() {
        for (written, why) in [
            ("web[", "no regular expression: unclosed character class"),
            ("-l", "-l wants labels, as in -l app=web"),
            ("-l =x", "\"=x\" is no label: key=value, key!=value, key or !key"),
        ] {
            let filter = Filter::of(written);
            assert_eq!(filter.wrong(), Some(why));
            assert!(filter.takes("anything"));
        }
    }

    proptest! {
        #[test]
        fn filter_should_understand_or_refuse_whatever_is_written(written in ".{0,60}", text in ".{0,60}") {
            let filter = Filter::of(&written);
            let taken = filter.takes(&text);
            prop_assert!(filter.wrong().is_none() || taken);
        }
    }
}

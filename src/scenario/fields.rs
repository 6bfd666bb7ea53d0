//! Reading values out of the tree: what is asked for, or a mistake that says what was meant.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::keys::{Keys, later};
use super::mistake::{Mistakes, quoted};
use super::names::url_trouble;
use super::near::did_you_mean;
use super::tree::{Content, Entry, Node, Plain, Scalar, Span, Style, resolve};
use super::units::{self, NoDuration};
use crate::clock::go;
use crate::criterion::Amount;

/// The longest name that people give something.
const LONGEST_NAME: usize = 120;

/// The most unknown keys of one mapping for which a near word is looked for.
const MOST_GUESSES: usize = 100;

/// A mapping whose keys are known.
#[derive(Clone, Copy)]
pub struct Fields<'t> {
    what: &'static str,
    /// Where the mapping begins.
    pub span: Span,
    entries: &'t [Entry],
}

impl<'t> Fields<'t> {
    /// The mapping `node`, with a mistake for each key that is not of `keys`.
    pub fn of(node: &'t Node, keys: &Keys, mistakes: &mut Mistakes) -> Option<Fields<'t>> {
        let Some(entries) = node.entries() else {
            wrong_type(node, &format!("{} is a mapping", keys.what), mistakes).allow(keys.known.join(", "));
            return None;
        };
        for (nth, entry) in entries.iter().filter(|entry| !keys.known.contains(&entry.key.as_str())).enumerate() {
            if let Some(what) = later(keys.what, &entry.key) {
                mistakes.error(entry.key_span, &entry.key, format!("{what} not in this version")).allow(keys.known.join(", "));
                continue;
            }
            let mistake = mistakes.error(entry.key_span, &entry.key, format!("unknown key in {}", keys.what));
            mistake.allow(keys.known.join(", "));
            // Beyond so many it is another kind of file, and guessing only takes time.
            if let Some(hint) =
                Some(&entry.key).filter(|_| nth < MOST_GUESSES).and_then(|key| did_you_mean(key, keys.known.iter().copied()))
            {
                mistake.hint(hint);
            }
        }
        Some(Fields { what: keys.what, span: node.span, entries })
    }

    /// The value of `key`, if it is given.
    pub fn get(&self, key: &str) -> Option<&'t Node> {
        self.entry(key).map(|entry| &entry.value)
    }

    /// The entry of `key`, if it is given.
    pub fn entry(&self, key: &str) -> Option<&'t Entry> {
        self.entries.iter().find(|entry| entry.key == key)
    }

    /// The value of `key`, or a mistake.
    pub fn need(&self, key: &str, mistakes: &mut Mistakes) -> Option<&'t Node> {
        let found = self.get(key);
        if found.is_none() {
            mistakes.error(self.span, "", format!("{} needs {key}", self.what));
        }
        found
    }

    /// The one key of `choices` that is given, or a mistake.
    pub fn one_of(&self, choices: &[&'static str], mistakes: &mut Mistakes) -> Option<(&'static str, &'t Node)> {
        let given: Vec<(&'static str, &'t Entry)> = choices.iter().filter_map(|key| self.entry(key).map(|entry| (*key, entry))).collect();
        for (key, entry) in given.iter().skip(1) {
            let message = format!("{} has {} already: {key} needs one of its own", self.what, given[0].0);
            mistakes.error(entry.key_span, key, message).allow(format!("one of {}", choices.join(", ")));
        }
        if let Some((key, entry)) = given.first() {
            return Some((key, &entry.value));
        }
        // Where a choice of a later version stands instead, that has been said.
        if !self.entries.iter().any(|entry| later(self.what, &entry.key).is_some()) {
            mistakes.error(self.span, "", format!("{} needs one of {}", self.what, choices.join(", ")));
        }
        None
    }
}

/// Notes that a node is not what it should be: "`expected`, not a list".
pub fn wrong_type<'m>(node: &Node, expected: &str, mistakes: &'m mut Mistakes) -> &'m mut super::mistake::Mistake {
    let found = node.kind();
    mistakes.error(node.span, &node.excerpt(), format!("{expected}, not {found}"))
}

/// Notes a bare scalar that two readers of YAML would read differently.
pub fn ambiguous(text: &str, span: Span, old: &str, new: &str, mistakes: &mut Mistakes) {
    mistakes
        .error(span, text, format!("this is {old} to YAML 1.1 (kubectl) and {new} to YAML 1.2"))
        .hint(format!("quote it if it is text: {}", quoted(text)));
}

/// Notes a bare key that two readers of YAML would read differently.
pub fn ambiguous_key(entry: &Entry, mistakes: &mut Mistakes) -> bool {
    let plain = if entry.key_style == Style::Plain { resolve(&entry.key) } else { Plain::Text };
    if let Plain::Ambiguous { old, new } = plain {
        ambiguous(&entry.key, entry.key_span, old, new, mistakes);
        return true;
    }
    false
}

fn scalar<'t>(node: &'t Node, expected: &str, mistakes: &mut Mistakes) -> Option<(&'t Scalar, Plain)> {
    let Content::Scalar(scalar) = &node.content else {
        wrong_type(node, expected, mistakes);
        return None;
    };
    let plain = scalar.resolve();
    if let Plain::Ambiguous { old, new } = plain {
        ambiguous(&scalar.text, node.span, old, new, mistakes);
        return None;
    }
    Some((scalar, plain))
}

/// Text that says something.
pub fn text(node: &Node, what: &str, mistakes: &mut Mistakes) -> Option<String> {
    let expected = format!("{what} is text");
    let (scalar, plain) = scalar(node, &expected, mistakes)?;
    match plain {
        Plain::Text if scalar.text.trim().is_empty() => {
            mistakes.error(node.span, "", format!("{what} is empty"));
            None
        }
        // The last line end of a block is YAML's, not the author's.
        Plain::Text if scalar.style == Style::Block => Some(scalar.text.trim_end_matches('\n').to_owned()),
        Plain::Text => Some(scalar.text.clone()),
        Plain::Null => {
            mistakes.error(node.span, "", format!("{what} is empty"));
            None
        }
        Plain::Bool(_) | Plain::Int(_) | Plain::Float(_) | Plain::Ambiguous { .. } => {
            wrong_type(node, &expected, mistakes).hint(format!("quote it: {}", quoted(&scalar.text)));
            None
        }
    }
}

/// A name as people give it: one short line.
pub fn name(node: &Node, what: &str, mistakes: &mut Mistakes) -> Option<String> {
    let name = text(node, what, mistakes)?;
    if name.chars().any(char::is_control) {
        mistakes.error(node.span, &name, format!("{what} is one line without control characters"));
        return None;
    }
    if name.chars().count() > LONGEST_NAME {
        mistakes.error(node.span, &name, format!("{what} is too long")).allow(format!("{LONGEST_NAME} characters"));
        return None;
    }
    Some(name)
}

/// Text of which `is` holds.
pub fn text_that(node: &Node, what: &str, is: fn(&str) -> bool, allowed: &str, mistakes: &mut Mistakes) -> Option<String> {
    let found = text(node, what, mistakes)?;
    if is(&found) {
        return Some(found);
    }
    mistakes.error(node.span, &found, format!("{what} is malformed")).allow(allowed);
    None
}

/// One of a few words.
pub fn word(node: &Node, what: &str, words: &[&'static str], mistakes: &mut Mistakes) -> Option<&'static str> {
    let found = text(node, what, mistakes)?;
    if let Some(word) = words.iter().find(|word| **word == found) {
        return Some(word);
    }
    let mistake = mistakes.error(node.span, &found, format!("{what} is none of the words it may be"));
    mistake.allow(words.join(", "));
    if let Some(hint) = did_you_mean(&found, words.iter().copied()) {
        mistake.hint(hint);
    }
    None
}

/// An absolute http or https URL.
pub fn url(node: &Node, what: &str, mistakes: &mut Mistakes) -> Option<String> {
    let found = text(node, what, mistakes)?;
    let Some(trouble) = url_trouble(&found) else { return Some(found) };
    mistakes.error(node.span, &found, format!("{what}: {trouble}")).allow("http://HOST[:PORT][/PATH] or https://…");
    None
}

/// `true` or `false`.
pub fn boolean(node: &Node, what: &str, mistakes: &mut Mistakes) -> Option<bool> {
    if let Some(Plain::Bool(truth)) = node.scalar().map(Scalar::resolve) {
        return Some(truth);
    }
    wrong_type(node, &format!("{what} is true or false"), mistakes).allow("true, false");
    None
}

/// A finite number.
pub fn number(node: &Node, what: &str, mistakes: &mut Mistakes) -> Option<f64> {
    let expected = format!("{what} is a number");
    let (scalar, plain) = scalar(node, &expected, mistakes)?;
    match plain {
        #[expect(clippy::cast_precision_loss, reason = "a bound beyond 2^53 is none that anyone meant exactly")]
        Plain::Int(number) => Some(number as f64),
        Plain::Float(number) if number.is_finite() => Some(number),
        Plain::Float(_) => {
            mistakes.error(node.span, &scalar.text, format!("{what} is a finite number"));
            None
        }
        Plain::Null | Plain::Bool(_) | Plain::Text | Plain::Ambiguous { .. } => {
            let mistake = wrong_type(node, &expected, mistakes);
            if let Some(share) = units::percentage(&scalar.text) {
                mistake.hint(format!("write {share}"));
            } else if scalar.text.parse::<f64>().is_ok_and(f64::is_finite) {
                mistake.hint("take away the quotes");
            }
            None
        }
    }
}

/// A whole number within `range`.
pub fn whole(node: &Node, what: &str, range: RangeInclusive<u32>, mistakes: &mut Mistakes) -> Option<u32> {
    let expected = format!("{what} is a whole number");
    let (scalar, plain) = scalar(node, &expected, mistakes)?;
    let allowed =
        if *range.end() == u32::MAX { format!("{} or more", range.start()) } else { format!("{} to {}", range.start(), range.end()) };
    let Plain::Int(number) = plain else {
        let mistake = wrong_type(node, &expected, mistakes);
        mistake.allow(allowed);
        if scalar.text.parse::<u32>().is_ok() {
            mistake.hint("take away the quotes");
        }
        return None;
    };
    let found = u32::try_from(number).ok().filter(|number| range.contains(number));
    if found.is_none() {
        mistakes.error(node.span, &scalar.text, format!("{what} is out of range")).allow(allowed);
    }
    found
}

/// Whether a duration of zero has a meaning.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Zero {
    /// It has.
    Allowed,
    /// It has none.
    Refused,
}

/// A duration as Kubernetes writes it.
pub fn duration(node: &Node, what: &str, zero: Zero, mistakes: &mut Mistakes) -> Option<Duration> {
    duration_within(node, what, zero, units::LONGEST, mistakes)
}

/// A duration as Kubernetes writes it, up to `longest`.
pub fn duration_within(node: &Node, what: &str, zero: Zero, longest: Duration, mistakes: &mut Mistakes) -> Option<Duration> {
    const ALLOWED: &str = "numbers with ms, s, m or h: 500ms, 30s, 1m30s";
    let Content::Scalar(scalar) = &node.content else {
        wrong_type(node, &format!("{what} is a duration"), mistakes).allow(ALLOWED);
        return None;
    };
    // A bare 0 needs no unit to anyone.
    let nanos = match units::go_duration(&scalar.text) {
        Ok(nanos) => nanos,
        Err(reason) => {
            let words = if scalar.text.is_empty() { "nothing stands here" } else { reason.words() };
            let mistake = mistakes.error(node.span, &scalar.text, format!("{what}: {words}"));
            mistake.allow(ALLOWED);
            if let Some(meant) = units::meant_duration(&scalar.text).filter(|_| reason != NoDuration::TooLarge) {
                let bare = scalar.text.parse::<u32>().ok().filter(|number| *number >= 100);
                mistake.hint(bare.map_or_else(
                    || format!("write {meant}"),
                    |number| format!("write {number}ms for milliseconds, {number}s for seconds"),
                ));
            }
            return None;
        }
    };
    let Some(span) = units::positive(nanos) else {
        mistakes.error(node.span, &scalar.text, format!("{what} can't be negative")).allow(ALLOWED);
        return None;
    };
    if span > longest {
        mistakes.error(node.span, &scalar.text, format!("{what} is absurdly long")).allow(format!("at most {}", go(longest)));
        return None;
    }
    if span.is_zero() && zero == Zero::Refused {
        mistakes.error(node.span, &scalar.text, format!("{what} can't be zero")).allow("more than 0s");
        return None;
    }
    Some(span)
}

/// A share: `99%`, or a ratio with a point like `0.99`.
pub fn share(node: &Node, what: &str, mistakes: &mut Mistakes) -> Option<f64> {
    const ALLOWED: &str = "a percentage above 0% up to 100%, or a ratio like 0.5";
    let expected = format!("{what} is a share");
    let (scalar, plain) = scalar(node, &expected, mistakes)?;
    let found = match plain {
        Plain::Text => units::percentage(&scalar.text),
        Plain::Float(ratio) => Some(ratio),
        Plain::Null | Plain::Bool(_) | Plain::Int(_) | Plain::Ambiguous { .. } => None,
    };
    if let Some(share) = found.filter(|share| *share > 0.0 && *share <= 1.0) {
        return Some(share);
    }
    let mistake = mistakes.error(node.span, &scalar.text, format!("{what} is no share"));
    mistake.allow(ALLOWED);
    let percent: String = scalar.text.chars().filter(|c| !c.is_whitespace()).collect();
    if let Plain::Int(number) = plain {
        mistake.hint(if number == 1 { "write 1% or 100%".to_owned() } else { format!("write {number}%") });
    } else if percent != scalar.text && units::percentage(&percent).is_some() {
        mistake.hint(format!("write {percent}"));
    }
    None
}

/// A number of pods: `2`, or a share of the desired ones, `50%`.
pub fn amount(node: &Node, what: &str, mistakes: &mut Mistakes) -> Option<Amount> {
    const ALLOWED: &str = "a number of pods from 1 like 2, or a share of the desired ones above 0% like 50%";
    let expected = format!("{what} is a number of pods or a percentage");
    let (scalar, plain) = scalar(node, &expected, mistakes)?;
    let found = match plain {
        Plain::Int(number) => u32::try_from(number).ok().filter(|number| (1..=100_000).contains(number)).map(Amount::Count),
        Plain::Text => units::percentage(&scalar.text).filter(|share| *share > 0.0).map(Amount::Share),
        Plain::Null | Plain::Bool(_) | Plain::Float(_) | Plain::Ambiguous { .. } => None,
    };
    if found.is_none() {
        let mistake = mistakes.error(node.span, &scalar.text, format!("{what} is no amount"));
        mistake.allow(ALLOWED);
        match plain {
            Plain::Float(ratio) if (0.0..=1.0).contains(&ratio) => {
                mistake.hint(format!("write {}%", ratio * 100.0));
            }
            Plain::Text if scalar.text.parse::<u32>().is_ok() => {
                mistake.hint("take away the quotes");
            }
            _ => {}
        }
    }
    found
}

/// A quantity as Kubernetes writes it: `500m`, `2`, `1.5`, `64Mi`, `2Gi`.
pub fn quantity(node: &Node, what: &str, mistakes: &mut Mistakes) -> Option<f64> {
    let Content::Scalar(scalar) = &node.content else {
        wrong_type(node, &format!("{what} is a quantity"), mistakes).allow("500m, 2, 64Mi, 2Gi");
        return None;
    };
    let found = units::quantity(&scalar.text);
    if found.is_none() {
        let mistake = mistakes.error(node.span, &scalar.text, format!("{what} is no quantity"));
        mistake.allow("numbers with m, k, M, G, Ki, Mi or Gi: 500m, 2, 64Mi, 2Gi");
        let bare = scalar.text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        if let Some(unit) =
            ["Mi", "Gi", "Ki"].iter().find(|unit| scalar.text[bare.len()..].to_lowercase().starts_with(&unit.to_lowercase()))
        {
            mistake.hint(format!("write {bare}{unit}"));
        }
    }
    found
}

/// CPU in millicores, at least one.
pub fn millicores(node: &Node, mistakes: &mut Mistakes) -> Option<u32> {
    sized(node, "cpu", quantity(node, "cpu", mistakes)? * 1000.0, "1m to 1000000m, as in 500m or 2", mistakes)
}

/// Memory in MiB, at least one.
pub fn mebibytes(node: &Node, mistakes: &mut Mistakes) -> Option<u32> {
    sized(node, "memory", quantity(node, "memory", mistakes)? / (1024.0 * 1024.0), "1Mi or more, as in 64Mi or 2Gi", mistakes)
}

fn sized(node: &Node, what: &str, number: f64, allowed: &str, mistakes: &mut Mistakes) -> Option<u32> {
    if !(1.0..=1e9).contains(&number) {
        mistakes.error(node.span, &node.excerpt(), format!("{what} is out of range")).allow(allowed);
        return None;
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 1 and a billion")]
    let whole = number.ceil() as u32;
    Some(whole)
}

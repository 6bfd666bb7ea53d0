//! Alerting and recording rules as data, in the form of Prometheus' rule files.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Deserializer, de};

/// Rules that are evaluated together, as a group of a rule file.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleGroup {
    /// Its name; one of the same name in a world takes the place of ours.
    pub name: String,
    /// How often it is evaluated; with every scrape when not given.
    #[serde(default, deserialize_with = "span")]
    pub interval: Option<Duration>,
    /// Its rules, in the order in which they are evaluated.
    pub rules: Vec<Rule>,
}

/// One rule: an alert, or a series to record. Exactly one of the two names is set.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// The alert's name.
    #[serde(default)]
    pub alert: String,
    /// The recorded series' name.
    #[serde(default)]
    pub record: String,
    /// What is asked: each series of the answer is an alert, or is recorded.
    pub expr: String,
    /// How long it has to be there until the alert fires.
    #[serde(default, rename = "for", deserialize_with = "span")]
    pub pending: Option<Duration>,
    /// How long the alert fires on after it is gone.
    #[serde(default, deserialize_with = "span")]
    pub keep_firing_for: Option<Duration>,
    /// Labels to add or to replace.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// What to tell people; `{{ $labels.NAME }}` and `{{ $value }}` are filled in.
    #[serde(default)]
    pub annotations: BTreeMap<String, String>,
}

impl Rule {
    /// The alert's or the recorded series' name.
    #[must_use]
    pub fn name(&self) -> &str {
        if self.alert.is_empty() { &self.record } else { &self.alert }
    }
}

fn span<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    let text = String::deserialize(deserializer)?;
    duration(&text).map(Some).ok_or_else(|| de::Error::custom(format!("not a valid duration string: {text:?}, write it as 1m30s")))
}

/// A length of time as Prometheus writes it: `1h30m`, `15s`, `500ms`.
#[must_use]
pub fn duration(text: &str) -> Option<Duration> {
    const UNITS: [(&str, u64); 7] =
        [("y", 31_536_000_000), ("w", 604_800_000), ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)];
    if text == "0" {
        return Some(Duration::ZERO);
    }
    let (mut rest, mut millis, mut last) = (text, 0_u64, None);
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let number: u64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let end = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
        let unit = UNITS.iter().position(|(name, _)| *name == &rest[..end])?;
        // from the largest unit to the smallest, each once
        if last.is_some_and(|last| unit <= last) {
            return None;
        }
        last = Some(unit);
        millis = millis.checked_add(number.checked_mul(UNITS[unit].1)?)?;
        rest = &rest[end..];
    }
    (!text.is_empty()).then(|| Duration::from_millis(millis))
}

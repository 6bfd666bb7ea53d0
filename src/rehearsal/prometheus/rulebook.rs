//! Rules as they stand: evaluated after a scrape, pending, firing, resolved, and written back as `ALERTS` and `ALERTS_FOR_STATE`.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::rules::{Rule, RuleGroup};
use crate::rehearsal::promql::{Labels, Query, STALE, Store, Value};

/// All rules of a Prometheus.
#[derive(Debug, Default)]
pub(super) struct Rulebook {
    pub(super) groups: Vec<Group>,
}

/// One group, and when it was evaluated.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) name: String,
    pub(super) interval: Option<Duration>,
    pub(super) looked: Option<i64>,
    pub(super) rules: Vec<Standing>,
}

/// One rule and how it stands.
#[derive(Debug)]
pub(super) struct Standing {
    pub(super) rule: Rule,
    query: Result<Query, String>,
    /// The last evaluation's error.
    pub(super) error: Option<String>,
    /// The alerts of it that are not over, by their labels.
    pub(super) active: BTreeMap<Labels, Active>,
    /// The series that the last evaluation wrote.
    written: BTreeSet<Labels>,
}

/// One alert that is not over.
#[derive(Debug, Clone)]
pub(super) struct Active {
    pub(super) since: i64,
    pub(super) firing: bool,
    /// When it was last seen, for alerts that fire on.
    seen: i64,
    pub(super) value: f64,
    pub(super) annotations: BTreeMap<String, String>,
}

impl Active {
    /// The word of the API for it.
    pub(super) fn state(&self) -> &'static str {
        if self.firing { "firing" } else { "pending" }
    }
}

impl Rulebook {
    /// These groups beside those there are; one of the same name takes the other's place.
    pub(super) fn take(&mut self, groups: &[RuleGroup]) {
        for group in groups {
            let taken = Group {
                name: group.name.clone(),
                interval: group.interval,
                looked: None,
                rules: group.rules.iter().map(Standing::new).collect(),
            };
            match self.groups.iter_mut().find(|known| known.name == group.name) {
                Some(known) => *known = taken,
                None => self.groups.push(taken),
            }
        }
    }

    /// Evaluates what is due at this moment, and writes what comes of it.
    pub(super) fn evaluate(&mut self, store: &mut Store, at_ms: i64) {
        for group in &mut self.groups {
            let due = group.looked.is_none_or(|last| group.interval.is_none_or(|every| at_ms - last >= millis(every)));
            if !due {
                continue;
            }
            group.looked = Some(at_ms);
            for standing in &mut group.rules {
                standing.evaluate(store, at_ms);
            }
        }
    }
}

impl Standing {
    fn new(rule: &Rule) -> Self {
        let query = Query::parse(&rule.expr).map_err(|why| why.to_string());
        Self { rule: rule.clone(), query, error: None, active: BTreeMap::new(), written: BTreeSet::new() }
    }

    fn evaluate(&mut self, store: &mut Store, at_ms: i64) {
        let found = self.query.as_ref().map_err(Clone::clone).and_then(|query| answer(query, store, at_ms));
        let mut series: BTreeMap<Labels, f64> = BTreeMap::new();
        match found {
            Ok(found) => {
                self.error = None;
                if self.rule.alert.is_empty() {
                    for (labels, value) in found {
                        series.insert(self.labelled(&labels, value).with("__name__", &self.rule.record), value);
                    }
                } else {
                    self.follow(found, at_ms);
                    self.tell(&mut series);
                }
            }
            // an alert that can't be looked at is as it was, but its series end
            Err(why) => self.error = Some(why),
        }
        for (labels, value) in &series {
            let _ = store.insert(labels, at_ms, *value);
        }
        for ended in self.written.iter().filter(|labels| !series.contains_key(*labels)) {
            let _ = store.insert(ended, at_ms, STALE);
        }
        self.written = series.into_keys().collect();
    }

    /// What the answer means for the alerts there are.
    fn follow(&mut self, found: Vec<(Labels, f64)>, at_ms: i64) {
        let pending = millis(self.rule.pending.unwrap_or_default());
        let keep = millis(self.rule.keep_firing_for.unwrap_or_default());
        for (labels, value) in found {
            let annotations = self.rule.annotations.iter().map(|(name, text)| (name.clone(), filled(text, &labels, value))).collect();
            let key = self.labelled(&labels, value).with("alertname", &self.rule.alert);
            let active =
                self.active.entry(key).or_insert(Active { since: at_ms, firing: false, seen: at_ms, value, annotations: BTreeMap::new() });
            active.seen = at_ms;
            active.value = value;
            active.annotations = annotations;
            active.firing |= at_ms - active.since >= pending;
        }
        self.active.retain(|_, active| active.seen == at_ms || active.firing && at_ms - active.seen < keep);
    }

    /// The series that tell of the alerts.
    fn tell(&self, series: &mut BTreeMap<Labels, f64>) {
        for (labels, active) in &self.active {
            series.insert(labels.with("__name__", "ALERTS").with("alertstate", active.state()), 1.0);
            #[expect(clippy::cast_precision_loss, reason = "Unix seconds are far below 2^52")]
            let since = active.since.div_euclid(1000) as f64;
            series.insert(labels.with("__name__", "ALERTS_FOR_STATE"), since);
        }
    }

    fn labelled(&self, found: &Labels, value: f64) -> Labels {
        let plain = found.without_name();
        self.rule.labels.iter().fold(plain, |labels, (name, text)| labels.with(name, &filled(text, found, value)))
    }
}

fn answer(query: &Query, store: &Store, at_ms: i64) -> Result<Vec<(Labels, f64)>, String> {
    match query.instant(store, at_ms).map_err(|why| why.to_string())? {
        Value::Vector(samples) => Ok(samples.into_iter().map(|sample| (sample.labels, sample.point.1)).collect()),
        Value::Scalar((_, value)) => Ok(vec![(Labels::empty(), value)]),
        Value::Text(..) | Value::Matrix(_) => Err("rule result is not a vector or scalar".to_owned()),
    }
}

/// The text with what its templates stand for; what is no template that we know stays as it is.
fn filled(text: &str, labels: &Labels, value: f64) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(start) = rest.find("{{") {
        let Some(length) = rest[start..].find("}}") else { break };
        let inner = rest[start + 2..start + length].trim();
        out.push_str(&rest[..start]);
        let said = match inner.strip_prefix("$labels.") {
            Some(name) => Some(labels.get(name).to_owned()),
            None => number(inner, value),
        };
        out.push_str(said.as_deref().unwrap_or(&rest[start..start + length + 2]));
        rest = &rest[start + length + 2..];
    }
    out + rest
}

fn number(template: &str, value: f64) -> Option<String> {
    let mut parts = template.split('|').map(str::trim);
    if parts.next() != Some("$value") {
        return None;
    }
    match (parts.next(), parts.next()) {
        (None, _) => Some(format!("{value}")),
        (Some("humanize"), None) => Some(significant(value)),
        (Some("humanizePercentage"), None) => Some(format!("{}%", significant(value * 100.0))),
        (Some("humanizeDuration"), None) if value < 1.0 => Some(format!("{}ms", significant(value * 1000.0))),
        (Some("humanizeDuration"), None) => Some(format!("{}s", significant(value))),
        (Some(_), _) => None,
    }
}

/// Four digits that count, as `%.4g` writes them.
fn significant(value: f64) -> String {
    let before = value.abs().max(1.0);
    let decimals = [10.0, 100.0, 1000.0].iter().take_while(|limit| before >= **limit).count();
    let text = format!("{value:.*}", 3 - decimals.min(3));
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

fn millis(length: Duration) -> i64 {
    i64::try_from(length.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn book(rule: Rule) -> Rulebook {
        let mut book = Rulebook::default();
        book.take(&[RuleGroup { name: "g".to_owned(), interval: None, rules: vec![rule] }]);
        book
    }

    fn down(pending: u64, keep: u64) -> Rule {
        Rule {
            alert: "Down".to_owned(),
            expr: "up == 0".to_owned(),
            pending: Some(Duration::from_secs(pending)),
            keep_firing_for: Some(Duration::from_secs(keep)),
            labels: BTreeMap::from([("severity".to_owned(), "page".to_owned())]),
            annotations: BTreeMap::from([("summary".to_owned(), "{{ $labels.pod }} is {{$value}} {{ .Odd }}".to_owned())]),
            ..Rule::default()
        }
    }

    fn said(store: &Store, text: &str, at_ms: i64) -> Vec<(String, f64)> {
        match crate::rehearsal::promql::instant(store, text, at_ms) {
            Ok(Value::Vector(samples)) => samples.into_iter().map(|s| (s.labels.to_string(), s.point.1)).collect(),
            other => panic!("{other:?}"),
        }
    }

    /// Evaluates over `up` of each second and answers the state after each.
    fn states(rule: Rule, up: &[u8]) -> Vec<&'static str> {
        let (mut store, mut book) = (Store::new(), book(rule));
        let labels = Labels::new([("__name__", "up"), ("pod", "a")]);
        let mut seen = Vec::new();
        for (second, value) in up.iter().enumerate() {
            let at = 1000 * i64::try_from(second).unwrap_or(0);
            let _ = store.insert(&labels, at, f64::from(*value));
            book.evaluate(&mut store, at);
            let alerts = said(&store, "ALERTS", at);
            assert!(alerts.len() <= 1, "{alerts:?}");
            seen.push(match alerts.first() {
                None => "-",
                Some((labels, _)) if labels.contains("pending") => "p",
                Some(_) => "F",
            });
        }
        seen
    }

    #[test]
    fn alert_should_wait_fire_and_resolve() {
        assert_eq!(states(down(2, 0), &[1, 0, 0, 0, 0, 1, 0, 1]), ["-", "p", "p", "F", "F", "-", "p", "-"]);
        assert_eq!(states(down(0, 0), &[1, 0, 1]), ["-", "F", "-"]);
        assert_eq!(states(down(1, 2), &[0, 0, 1, 1, 1]), ["p", "F", "F", "-", "-"]);
    }

    #[test]
    fn alert_should_carry_its_labels_and_words() {
        let (mut store, mut book) = (Store::new(), book(down(0, 0)));
        let _ = store.insert(&Labels::new([("__name__", "up"), ("pod", "a")]), 5500, 0.0);
        book.evaluate(&mut store, 5500);
        assert_eq!(
            said(&store, "ALERTS", 5500),
            [(r#"{__name__="ALERTS", alertname="Down", alertstate="firing", pod="a", severity="page"}"#.to_owned(), 1.0)]
        );
        assert_eq!(said(&store, "ALERTS_FOR_STATE == 5", 5500).len(), 1);
        let active = book.groups[0].rules[0].active.values().next();
        assert_eq!(active.map(|a| a.annotations["summary"].as_str()), Some("a is 0 {{ .Odd }}"));
    }

    #[test]
    fn recorded_series_should_end_with_what_it_is_made_of() {
        let record = Rule { record: "pods:down".to_owned(), expr: "count(up == 0)".to_owned(), ..Rule::default() };
        let (mut store, mut book) = (Store::new(), book(record));
        let labels = Labels::new([("__name__", "up")]);
        for (at, value) in [(0, 0.0), (1000, 1.0)] {
            let _ = store.insert(&labels, at, value);
            book.evaluate(&mut store, at);
        }
        assert_eq!(said(&store, "pods:down", 999), [(r#"{__name__="pods:down"}"#.to_owned(), 1.0)]);
        assert!(said(&store, "pods:down", 1000).is_empty());
    }

    #[test]
    fn numbers_should_be_written_for_people() {
        assert_eq!(filled("{{ $value | humanizePercentage }}", &Labels::empty(), 0.123_456), "12.35%");
        assert_eq!(filled("{{ $value | humanizeDuration }}", &Labels::empty(), 0.5), "500ms");
        assert_eq!(filled("{{ $value | humanizeDuration }} {{", &Labels::empty(), 2.25), "2.25s {{");
        assert_eq!(filled("{{ $value | odd }}", &Labels::empty(), 2.25), "{{ $value | odd }}");
    }
}

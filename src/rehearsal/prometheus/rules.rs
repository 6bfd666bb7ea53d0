//! Alerting and recording rules as data: in the form of Prometheus' rule files, and the set that every practice Prometheus has.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Deserializer, de};

use crate::rehearsal::promql::Query;

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

impl RuleGroup {
    /// What Prometheus would refuse the group for.
    ///
    /// # Errors
    /// The first mistake, in words.
    pub fn check(&self) -> Result<(), String> {
        self.rules.iter().try_for_each(|rule| {
            if rule.alert.is_empty() == rule.record.is_empty() {
                return Err(format!("group {:?}: a rule needs one of alert and record", self.name));
            }
            if rule.alert.is_empty() && (rule.pending.is_some() || rule.keep_firing_for.is_some() || !rule.annotations.is_empty()) {
                return Err(format!("group {:?}, rule {:?}: for, keep_firing_for and annotations are for alerts", self.name, rule.name()));
            }
            Query::parse(&rule.expr).map(drop).map_err(|why| format!("group {:?}, rule {:?}: {why}", self.name, rule.name()))
        })
    }
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
pub(super) fn duration(text: &str) -> Option<Duration> {
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

/// Alert, expression, seconds it has to last, severity, summary.
type Usual = (&'static str, &'static str, u64, &'static str, &'static str);

/// The names are those of the Kubernetes and Prometheus rule sets that most clusters run; the times are short enough for a game day.
const APPLICATION: &[Usual] = &[
    (
        "HighErrorRate",
        "sum by (namespace, app) (rate(http_requests_total{code=~\"5..\"}[30s])) / sum by (namespace, app) (rate(http_requests_total[30s])) > 0.05",
        5,
        "critical",
        "{{ $labels.app }} fails {{ $value | humanizePercentage }} of its requests",
    ),
    (
        "HighLatency",
        "histogram_quantile(0.99, sum by (namespace, app, le) (rate(http_request_duration_seconds_bucket[30s]))) > 0.5",
        10,
        "warning",
        "the 99th percentile of {{ $labels.app }} is {{ $value | humanizeDuration }}",
    ),
    (
        "TargetDown",
        "100 * (count by (job, namespace) (up == 0) / count by (job, namespace) (up)) > 10",
        10,
        "warning",
        "{{ $value }} % of the {{ $labels.job }} targets are down",
    ),
];

const CLUSTER: &[Usual] = &[
    (
        "KubePodCrashLooping",
        "max_over_time(kube_pod_container_status_waiting_reason{reason=\"CrashLoopBackOff\"}[1m]) >= 1",
        15,
        "warning",
        "{{ $labels.namespace }}/{{ $labels.pod }} ({{ $labels.container }}) is in a crash loop",
    ),
    (
        "KubePodNotReady",
        "sum by (namespace, pod) (kube_pod_status_phase{phase=~\"Pending|Unknown|Failed\"}) > 0",
        30,
        "warning",
        "{{ $labels.namespace }}/{{ $labels.pod }} has not been running for a while",
    ),
    (
        "KubeDeploymentReplicasMismatch",
        "kube_deployment_spec_replicas > kube_deployment_status_replicas_available",
        10,
        "warning",
        "{{ $labels.namespace }}/{{ $labels.deployment }} has not the replicas it should have",
    ),
    (
        "KubeStatefulSetReplicasMismatch",
        "kube_statefulset_replicas > kube_statefulset_status_replicas_ready",
        10,
        "warning",
        "{{ $labels.namespace }}/{{ $labels.statefulset }} has not the replicas it should have",
    ),
    (
        "KubeNodeNotReady",
        "kube_node_status_condition{condition=\"Ready\",status=\"true\"} == 0",
        15,
        "warning",
        "{{ $labels.node }} is not ready",
    ),
    (
        "CPUThrottlingHigh",
        "sum by (namespace, pod, container) (increase(container_cpu_cfs_throttled_periods_total[1m])) / sum by (namespace, pod, container) (increase(container_cpu_cfs_periods_total[1m])) > 0.25",
        15,
        "info",
        "{{ $value | humanizePercentage }} throttling of CPU in {{ $labels.pod }}",
    ),
];

/// The rules that every practice Prometheus starts with.
#[must_use]
pub fn usual() -> Vec<RuleGroup> {
    let group = |name: &str, rules: &[Usual]| RuleGroup {
        name: name.to_owned(),
        interval: None,
        rules: rules
            .iter()
            .map(|(alert, expr, seconds, severity, summary)| Rule {
                alert: (*alert).to_owned(),
                expr: (*expr).to_owned(),
                pending: Some(Duration::from_secs(*seconds)),
                labels: BTreeMap::from([("severity".to_owned(), (*severity).to_owned())]),
                annotations: BTreeMap::from([("summary".to_owned(), (*summary).to_owned())]),
                ..Rule::default()
            })
            .collect(),
    };
    vec![group("application", APPLICATION), group("kubernetes-apps", CLUSTER)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usual_rules_should_be_rules_that_prometheus_takes() {
        for group in usual() {
            assert_eq!(group.check(), Ok(()));
        }
    }

    #[test]
    fn duration_should_be_read_as_prometheus_reads_it() {
        let millis = |text| duration(text).map(|length| length.as_millis());
        assert_eq!(millis("1m30s"), Some(90_000));
        assert_eq!(millis("15s"), Some(15_000));
        assert_eq!(millis("500ms"), Some(500));
        assert_eq!(millis("1s500ms"), Some(1_500));
        assert_eq!(millis("0"), Some(0));
        assert_eq!(millis("1d2h"), Some(93_600_000));
        for wrong in ["", "5", "s", "1s1m", "1s1s", "1.5s", "-1s", "1 s", "99999999999999999999y", "1q"] {
            assert_eq!(millis(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn group_should_be_refused_for_what_is_no_rule() {
        let rule = |json: &str| serde_json::from_str::<RuleGroup>(&format!(r#"{{"name": "g", "rules": [{json}]}}"#));
        assert!(rule(r#"{"alert": "A", "expr": "up == 0", "for": "1m"}"#).is_ok_and(|group| group.check().is_ok()));
        assert!(rule(r#"{"expr": "up"}"#).is_ok_and(|group| group.check().is_err()));
        assert!(rule(r#"{"record": "a:b", "expr": "up", "for": "1m"}"#).is_ok_and(|group| group.check().is_err()));
        assert!(rule(r#"{"alert": "A", "expr": "up ="}"#).is_ok_and(|group| group.check().is_err()));
        assert!(rule(r#"{"alert": "A", "expr": "up", "for": "soon"}"#).is_err());
    }
}

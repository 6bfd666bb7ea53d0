//! Alerting and recording rules as data: in the form of Prometheus' rule files, and the set that every practice Prometheus has.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::rehearsal::promql::Query;
pub use crate::scenario::world::rules::{Rule, RuleGroup, duration};

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
    let group = |name: &str, interval, rules: &[Usual]| RuleGroup {
        name: name.to_owned(),
        interval,
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
    vec![group("application", None, APPLICATION), group("kubernetes-apps", Some(Duration::from_secs(5)), CLUSTER)]
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

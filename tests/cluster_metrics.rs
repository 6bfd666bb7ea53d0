//! Criteria on a real Prometheus and over HTTP: by URL, through the API server, and when they are not there.
#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

mod support;

use std::fs;

use serde_json::Value;
use support::cluster::{Home, cluster, pod_kill};
use support::{json, said, scratch};

fn scenario(context: &str, namespace: &str, prometheus: &str, criteria: &str) -> String {
    let environment = format!("tier: staging, context: {context}, namespace: {namespace}{prometheus}");
    pod_kill(&environment, "4s", &format!("    - {{name: recovers, recovery: {{within: 30s}}, stableFor: 0s}}\n{criteria}"))
}

const UP: &str = "    - {name: somebody scraped, promql: {query: 'sum(up{job=\"prometheus\"})', above: 0.5}, during: always}\n";

fn run(home: &Home<'_>, name: &str, text: &str, code: i32) -> Value {
    home.wait_ready();
    let folder = scratch(name);
    let file = folder.join("scenario.yaml");
    fs::write(&file, text).unwrap();
    let out = home.gameday(&folder).args(["run", "--headless"]).arg(&file).arg("--run-dir").arg(folder.join("run")).output().unwrap();
    assert_eq!(out.status.code(), Some(code), "{name}: {}", said(&out));
    json(&folder.join("run/report.json"))
}

fn verdict<'r>(report: &'r Value, name: &str) -> &'r str {
    report["criteria"].as_array().unwrap().iter().find(|c| c["name"] == name).unwrap()["verdict"].as_str().unwrap()
}

#[test]
fn prometheus_should_be_asked_by_url_and_through_the_api_server() {
    let Some(cluster) = cluster() else { return };
    let home = cluster.task_api("gameday-test-metrics");
    let text = |prometheus: &str, criteria: &str| scenario(&cluster.context, &home.namespace, prometheus, criteria);
    let service = ", prometheus: {service: monitoring/prometheus-server:80}";
    let report = run(&home, "metrics-proxy", &text(service, UP), 0);
    assert_eq!(verdict(&report, "somebody scraped"), "held");
    if let Ok(url) = std::env::var("PROMETHEUS_URL") {
        let report = run(&home, "metrics-url", &text(&format!(", prometheus: {{url: '{url}'}}"), UP), 0);
        assert_eq!(verdict(&report, "somebody scraped"), "held");
    }
    // a bound that does not hold is a refutation; no series is not
    let wrong = "    - {name: nobody scraped, promql: {query: 'sum(up{job=\"prometheus\"})', below: 0.5}, during: always}\n";
    assert_eq!(verdict(&run(&home, "metrics-broken", &text(service, wrong), 1), "nobody scraped"), "broken");
    let empty = "    - {name: nothing there, promql: {query: 'sum(no_such_series)', below: 1}, during: always}\n";
    assert_eq!(verdict(&run(&home, "metrics-empty", &text(service, empty), 6), "nothing there"), "unknown");
    let said = "    - {name: nothing there, promql: {query: 'sum(no_such_series)', below: 1, whenEmpty: 0}, during: always}\n";
    assert_eq!(verdict(&run(&home, "metrics-said", &text(service, said), 0), "nothing there"), "held");
    // an alert that nobody defined never fires
    let alert = "    - {name: our alert, alert: {name: NobodyDefinedThis, firesWithin: 2s}}\n";
    assert_eq!(verdict(&run(&home, "metrics-alert", &text(service, alert), 1), "our alert"), "broken");
}

#[test]
fn prometheus_that_is_not_there_should_be_unknown_and_named() {
    let Some(cluster) = cluster() else { return };
    let home = cluster.task_api("gameday-test-no-metrics");
    for (name, at, told) in [
        ("down", ", prometheus: {url: 'http://127.0.0.1:9'}", "refused"),
        ("no-service", ", prometheus: {service: monitoring/nobody:80}", "nobody"),
        ("unnamed", "", "--prometheus URL"),
    ] {
        let report = run(&home, &format!("metrics-{name}"), &scenario(&cluster.context, &home.namespace, at, UP), 6);
        assert_eq!(verdict(&report, "somebody scraped"), "unknown");
        assert!(report["blind"][0]["why"].as_str().unwrap().contains(told), "{name}: {}", report["blind"]);
    }
}

#[test]
fn http_criterion_should_look_at_the_endpoint_itself() {
    let Some(cluster) = cluster() else { return };
    let home = cluster.task_api("gameday-test-http");
    // two addresses: Prometheus' own, and one where nobody listens
    let Ok(url) = std::env::var("PROMETHEUS_URL") else { return println!("skipped: no URL of a server that answers") };
    let criteria = format!(
        "    - {{name: wrong page, http: {{url: '{url}/nothing-here', expect: 404, success: 10%}}}}\n    - {{name: nobody listens, http: {{url: 'http://127.0.0.1:9/'}}}}\n"
    );
    let report = run(&home, "http", &scenario(&cluster.context, &home.namespace, "", &criteria), 1);
    assert_eq!(verdict(&report, "wrong page"), "held", "{}", report["criteria"]);
    assert_eq!(verdict(&report, "nobody listens"), "broken");
}

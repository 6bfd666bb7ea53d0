//! A partition without Chaos Mesh: by a `NetworkPolicy` of gameday's own.
#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

mod support;

use std::fs;
use std::path::Path;
use std::process::Output;

use serde_json::{Value, json};
use support::{gameday, json as read, said, scratch};

fn drill(steps: &str, more: &str) -> String {
    let errors = "(sum(rate(http_requests_total{app=\"task-api\",code=~\"5..\"}[5s])) or vector(0)) / sum(rate(http_requests_total{app=\"task-api\"}[5s]))";
    format!(
        "apiVersion: gameday/v1
kind: GameDay
metadata: {{name: cut}}
spec:
  hypothesis: it holds
  environments: {{staging: {{tier: staging, namespace: staging, prometheus: {{service: 'monitoring/prometheus-server:80'}}}}}}
  target: {{kind: Deployment, name: task-api}}
  injector: agentless
{more}  limits: {{allowAll: true}}
  steps:
{steps}    - {{name: watch, observe: 20s}}
  criteria:
    - {{name: unharmed, promql: {{query: '{errors}', below: 0.01}}, during: fault, for: 5s}}
    - {{name: well after, promql: {{query: '{errors}', below: 0.01}}, during: {{step: watch}}, for: 8s}}
"
    )
}

fn cut(name: &str, spec: &str) -> String {
    format!(
        "    - {{name: {name}, fault: {{apiVersion: chaos-mesh.org/v1alpha1, kind: NetworkChaos, metadata: {{name: {name}}}, spec: {{action: partition, duration: 15s, {spec}}}}}}}\n"
    )
}

const API: &str = "mode: all, selector: {labelSelectors: {app: task-api}}";
const TO_DB: &str = "direction: both, target: {mode: all, selector: {labelSelectors: {app: task-db}}}";

fn rehearse(home: &Path, name: &str, text: &str) -> Output {
    let file = home.join(format!("{name}.yaml"));
    fs::write(&file, text).unwrap();
    gameday(home).args(["rehearse", "--headless", "--speed", "max"]).arg(file).arg("--run-dir").arg(home.join(name)).output().unwrap()
}

/// The policies that a run asked for, as they were sent.
fn sent(folder: &Path) -> Vec<Value> {
    let text = fs::read_to_string(folder.join("journal.jsonl")).unwrap();
    let events = text.lines().skip(1).map(|line| serde_json::from_str::<Value>(line).unwrap()["event"].clone());
    events.filter(|event| event["event"] == "asked" && event["effect"] == "apply").map(|event| event["manifest"].clone()).collect()
}

#[test]
fn partition_should_make_requests_fail_while_it_lasts_and_none_after() {
    let home = scratch("partition-cuts");
    let out = rehearse(&home, "cut", &drill(&cut("apart", &format!("{API}, {TO_DB}")), ""));
    assert_eq!(out.status.code(), Some(1), "{}", said(&out));
    let report = read(&home.join("cut/report.json"));
    let standing = |name: &str| report["criteria"].as_array().unwrap().iter().find(|one| one["name"] == name).unwrap()["verdict"].clone();
    assert_eq!((standing("unharmed"), standing("well after")), (json!("broken"), json!("held")), "{}", said(&out));
    let fault = &report["faults"][0];
    assert_eq!(fault["victims"].as_array().unwrap().len(), 3, "{fault}");
    let lasted = fault["lifted"].as_f64().unwrap() - fault["impact"].as_f64().unwrap();
    assert!((14.9..16.0).contains(&lasted), "gameday itself ends it when its time is up: {lasted}");
    let policy = &sent(&home.join("cut"))[0];
    assert_eq!(policy["kind"], "NetworkPolicy");
    assert_eq!(policy["spec"]["policyTypes"], json!(["Egress", "Ingress"]));
    let except = policy["spec"]["egress"][0]["to"][0]["ipBlock"]["except"].as_array().unwrap();
    assert!(!except.is_empty() && except.iter().all(|one| one.as_str().unwrap().ends_with("/32")), "{policy}");
    assert!(said(&out).contains("policy stored, its enforcement asked of the network"), "{}", said(&out));
    let text = fs::read_to_string(home.join("cut/report.md")).unwrap();
    assert!(text.contains("nothing in the cluster ends a NetworkPolicy"), "{text}");
}

#[test]
fn partition_should_be_made_in_its_direction_and_for_everybody_where_nobody_is_named() {
    let home = scratch("partition-shapes");
    for (name, spec, types, rules) in [
        (
            "to",
            format!("{API}, externalTargets: [10.1.0.0/16, 10.2.0.1]"),
            json!(["Egress"]),
            json!([{"to": [
            {"ipBlock": {"cidr": "0.0.0.0/0", "except": ["10.1.0.0/16", "10.2.0.1/32"]}}, {"ipBlock": {"cidr": "::/0"}}]}]),
        ),
        ("all", format!("{API}, direction: both"), json!(["Egress", "Ingress"]), json!([])),
        ("from", format!("{API}, direction: from"), json!(["Ingress"]), Value::Null),
    ] {
        let out = rehearse(&home, name, &drill(&cut("apart", &spec), ""));
        assert!(matches!(out.status.code(), Some(0 | 1)), "{name}: {}", said(&out));
        let policy = &sent(&home.join(name))[0];
        assert_eq!((&policy["spec"]["policyTypes"], &policy["spec"]["egress"]), (&types, &rules), "{name}");
    }
}

#[test]
fn partition_that_no_policy_can_do_should_be_refused_by_name() {
    let home = scratch("partition-refused");
    let on = |spec: &str| cut("apart", spec);
    for (name, steps, code, why) in [
        ("one", on("mode: one, selector: {labelSelectors: {app: task-api}}"), 2, "write mode: all"),
        (
            "phase",
            on("mode: all, selector: {labelSelectors: {app: task-api}, podPhaseSelectors: [Pending]}"),
            2,
            "it selects by labels alone",
        ),
        ("names", on(&format!("{API}, externalTargets: [example.com]")), 2, "addresses without ports alone"),
        ("port", on(&format!("{API}, externalTargets: ['10.0.0.1:80']")), 2, "addresses without ports alone"),
        ("nobody", on(&format!("{API}, target: {{mode: all, selector: {{pods: {{staging: [nobody]}}}}}}")), 3, "no pod with an address"),
        (
            "two",
            "    - parallel:\n".to_owned()
                + &(on(API) + &on(&format!("{API}, {TO_DB}")).replace("apart", "again")).replace("    - {", "        - {"),
            3,
            "let through what each of them cuts",
        ),
    ] {
        let out = rehearse(&home, name, &drill(&steps, ""));
        assert_eq!(out.status.code(), Some(code), "{name}: {}", said(&out));
        assert!(said(&out).contains(why), "{name}: {}", said(&out));
    }
}

//! Objects, commands and error budgets on a real cluster.

mod support;

use std::fs;

use support::cluster::{cluster, pod_kill};
use support::{json, said, scratch};

#[test]
fn probes_of_a_scenario_should_be_answered_by_a_real_cluster() {
    let Some(cluster) = cluster() else { return };
    let home = cluster.task_api("gameday-test-probes");
    let environment = format!(
        "tier: staging, context: {}, namespace: {}, prometheus: {{service: monitoring/prometheus-server:80}}",
        cluster.context, home.namespace
    );
    // the counter of Prometheus itself: somebody asks it each second, namely this run
    let criteria = "    - {name: available, object: {kind: Deployment, name: task-api, cel: 'object.status.readyReplicas >= 1'}}
    - {name: any runs, object: {kind: Pod, selector: {app: task-api}, match: any, cel: 'object.status.phase == \"Running\"'}}
    - {name: node, object: {kind: Node, selector: {kubernetes.io/os: linux}, cel: 'object.status.conditions.exists(c, c.type == \"Ready\" && c.status == \"True\")'}}
    - {name: budget object, object: {kind: PodDisruptionBudget, name: nobody, cel: 'object.spec.minAvailable == 1'}}
    - {name: no such kind, object: {apiVersion: example.com/v1, kind: Widget, name: a, cel: 'object.spec.a == 1'}}
    - {name: own probe, command: {argv: [sh, -c, 'echo $CANARY; test -z \"$KUBECONFIG\"'], env: [CANARY]}}
    - {name: wrong exit, command: {argv: ['false']}}
    - {name: burn, burn: {good: 'prometheus_http_requests_total{code=\"200\"}', total: 'prometheus_http_requests_total', objective: 50%, window: 24h, spend: 90%}}
";
    let text = pod_kill(&environment, "8s", &format!("    - {{name: recovers, recovery: {{within: 30s}}, stableFor: 0s}}\n{criteria}"));
    home.wait_ready();
    let folder = scratch("cluster-probes");
    let (file, run) = (folder.join("scenario.yaml"), folder.join("run"));
    fs::write(&file, text).unwrap();
    let out =
        home.gameday(&folder).env("CANARY", "canary-7").args(["run", "--headless"]).arg(&file).arg("--run-dir").arg(&run).output().unwrap();
    assert_eq!(out.status.code(), Some(1), "{}", said(&out));
    let report = json(&run.join("report.json"));
    for (name, expected, why) in [
        ("available", "held", "true of Deployment"),
        ("any runs", "held", "true of Pod"),
        ("node", "held", "true of Node"),
        ("budget object", "unknown", "is not there"),
        ("no such kind", "unknown", "serves no Widget"),
        ("own probe", "held", "exit 0: [hidden]"),
        ("wrong exit", "broken", "exit 1"),
        ("burn", "held", "spent"),
    ] {
        let found = report["criteria"].as_array().unwrap().iter().find(|c| c["name"] == name).unwrap();
        assert_eq!(found["verdict"], expected, "{name}: {found}");
        assert!(found["evidence"].as_str().unwrap().contains(why), "{name}: {found}");
    }
    assert!(!fs::read_to_string(run.join("journal.jsonl")).unwrap().contains("canary-7"));
}

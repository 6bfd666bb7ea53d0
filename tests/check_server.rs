//! `gameday check --server`: the API server's word on each fault, at its place in the file.

mod support;

use support::served::Served;
use support::{gameday, said, scratch};

/// Two faults that nothing offline is said against.
fn scenario(fault: &str) -> String {
    format!(
        "apiVersion: gameday/v1
kind: GameDay
metadata: {{name: asked}}
spec:
  hypothesis: it is asked
  environments: {{staging: {{tier: staging, context: rehearsal, namespace: staging}}}}
  target: {{kind: Deployment, name: task-api}}
  steps:
    - name: a kill
      fault:
        apiVersion: chaos-mesh.org/v1alpha1
        kind: PodChaos
        metadata: {{name: kill}}
        spec: {{action: pod-kill, mode: one, selector: {{labelSelectors: {{app: task-api}}}}}}
    - name: the other
      fault: {fault}
  criteria: [{{name: back, recovery: {{within: 30s}}}}]
"
    )
}

const HTTP: &str = "{apiVersion: chaos-mesh.org/v1alpha1, kind: HTTPChaos, metadata: {name: http}, spec: {mode: one, duration: 5s, port: 8080, target: Request, abort: true, selector: {labelSelectors: {app: task-api}}}}";

#[test]
fn check_should_tell_what_the_api_server_refuses_at_its_step() {
    let folder = scratch("check-server");
    let served = Served::start(&folder);
    let check = |name: &str, fault: &str, more: &[&str]| {
        let file = folder.join(name);
        std::fs::write(&file, scenario(fault)).unwrap();
        gameday(&folder).env("KUBECONFIG", &served.kubeconfig).arg("check").arg(&file).args(more).output().unwrap()
    };
    let out = check("sound.yaml", HTTP, &["--server"]);
    assert_eq!(out.status.code(), Some(0), "{}", said(&out));
    // offline nothing is known of what HTTPChaos takes; its webhook and schema know
    let wrong = HTTP.replace("target: Request", "target: Sideways");
    let out = check("wrong.yaml", &wrong, &[]);
    assert_eq!(out.status.code(), Some(0), "{}", said(&out));
    let out = check("wrong.yaml", &wrong, &["--server"]);
    assert_eq!(out.status.code(), Some(2), "{}", said(&out));
    let told = String::from_utf8_lossy(&out.stdout).into_owned();
    assert!(told.contains("wrong.yaml:15:7: error: the API server of context rehearsal refuses this fault: "), "{told}");
    assert!(told.contains("Sideways") && told.contains("\"the other\""), "{told}");
    assert!(!told.contains("\"a kill\""), "{told}");
    let out = check("wrong.yaml", &wrong, &["--server", "--output", "json"]);
    let line: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
    assert_eq!((line["judge"].as_str(), line["line"].as_u64(), line["severity"].as_str()), (Some("server"), Some(15), Some("error")));
    // a flag that would mean nothing is refused
    let out = check("sound.yaml", HTTP, &["--context", "rehearsal"]);
    assert_eq!(out.status.code(), Some(2), "{}", said(&out));
}

#[test]
fn check_should_say_that_it_could_not_ask() {
    let folder = scratch("check-server-away");
    let kubeconfig = Served::start(&folder).kubeconfig.clone();
    let file = folder.join("sound.yaml");
    std::fs::write(&file, scenario(HTTP)).unwrap();
    let out = gameday(&folder).env("KUBECONFIG", &kubeconfig).arg("check").arg(&file).arg("--server").output().unwrap();
    assert_eq!(out.status.code(), Some(2), "{}", said(&out));
    assert!(said(&out).contains("is the cluster up"), "{}", said(&out));
}

//! The role that `gameday rbac` prints is enough, and what is missing is named.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test stops where it fails")]

mod support;

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use support::cluster::{Home, cluster, controllers};
use support::{said, scratch};

const NOBODY: &str = "gameday-test-nobody";

/// A kubeconfig that acts as a user with no rights of their own.
fn as_nobody(home: &Home<'_>, folder: &Path) -> std::path::PathBuf {
    let text = fs::read_to_string(&home.cluster.kubeconfig).unwrap();
    let mut config: serde_yaml::Value = serde_yaml::from_str(&text).unwrap();
    let user = &mut config["users"][0]["user"];
    user["as"] = NOBODY.into();
    user["as-groups"] = serde_yaml::Value::Sequence(vec!["system:authenticated".into()]);
    let path = folder.join("nobody.kubeconfig");
    fs::write(&path, serde_yaml::to_string(&config).unwrap()).unwrap();
    path
}

fn kubectl(home: &Home<'_>, args: &[&str], input: &str) {
    let mut command = Command::new("kubectl");
    command.env("KUBECONFIG", &home.cluster.kubeconfig).args(args);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), input.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success(), "{args:?}");
}

#[test]
fn role_of_rbac_should_be_enough_for_a_run_and_named_where_it_is_missing() {
    let Some(cluster) = cluster() else { return };
    let home = cluster.task_api("gameday-test-rights");
    let folder = scratch("rights");
    let file = folder.join("pod-kill.yaml");
    let new = home.gameday(&folder).args(["new", "deployment/task-api", "-n", &home.namespace, "-o"]).arg(&file).output().unwrap();
    assert!(new.status.success(), "{}", said(&new));
    fs::write(&file, fs::read_to_string(&file).unwrap().replace("observe: 60s", "observe: 2s")).unwrap();
    let tried = enough_and_named(&home, &folder, &file, "agentless");
    assert!(tried > 10, "{tried}");
    home.wait_ready();
}

#[test]
fn role_of_rbac_should_be_enough_for_faults_of_chaos_mesh_and_named_where_it_is_missing() {
    let Some(cluster) = cluster() else { return };
    let home = cluster.task_api("gameday-test-rights-chaos");
    let folder = scratch("rights-chaos");
    let client = cluster.client();
    // where the roles let its controllers be looked at
    let own = r#"{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "chaos-mesh"}}"#;
    let _own = Roles { home: &home, text: own.to_owned() };
    kubectl(&home, &["apply", "-f", "-"], own);
    // the controllers act with rights of their own
    let _attached = cluster.runtime.block_on(controllers(&client, &home.namespace));
    let delay = step("slow", "NetworkChaos", "action: delay, mode: one, duration: 2s, delay: {latency: 20ms}");
    let schedule = "    - name: again
      lasts: 4s
      fault:
        apiVersion: chaos-mesh.org/v1alpha1
        kind: Schedule
        metadata: {name: again}
        spec:
          schedule: '@every 2s'
          type: PodChaos
          historyLimit: 1
          concurrencyPolicy: Forbid
          podChaos: {action: pod-kill, mode: one, selector: {labelSelectors: {app: task-api}}}
";
    let mut tried = 0;
    for (name, steps) in [("delay", delay), ("schedule", schedule.to_owned())] {
        let file = folder.join(format!("{name}.yaml"));
        let text = format!(
            "apiVersion: gameday/v1
kind: GameDay
metadata: {{name: {name}}}
spec:
  hypothesis: Task API bears it
  environments: {{test: {{tier: staging, context: {}, namespace: {}}}}}
  target: {{kind: Deployment, name: task-api}}
  steadyState:
    - {{name: all replicas ready, ready: {{min: 100%}}, stableFor: 1s}}
  steps:
{steps}    - {{name: watch it, observe: 2s}}
  criteria:
    - {{name: one is ready, ready: {{min: 1}}}}
",
            cluster.context, home.namespace
        );
        fs::write(&file, text).unwrap();
        tried += enough_and_named(&home, &folder, &file, "chaos-mesh");
        home.wait_ready();
    }
    println!("{tried} verbs taken away");
    assert!(tried > 25, "{tried}");
}

fn step(name: &str, kind: &str, spec: &str) -> String {
    format!(
        "    - name: {name}
      fault:
        apiVersion: chaos-mesh.org/v1alpha1
        kind: {kind}
        metadata: {{name: {name}}}
        spec: {{{spec}, selector: {{labelSelectors: {{app: task-api}}}}}}
"
    )
}

/// The roles that `gameday rbac` prints of this file carry a run; with each verb taken away in turn doctor names exactly that. How many were taken.
fn enough_and_named(home: &Home<'_>, folder: &Path, file: &Path, injector: &str) -> u32 {
    let kubeconfig = as_nobody(home, folder);
    let name = file.file_stem().unwrap().to_str().unwrap();
    let run = |place: &str| {
        let mut command = home.gameday(folder);
        command
            .env("KUBECONFIG", &kubeconfig)
            .args(["run", "--headless", "--injector", injector])
            .arg(file)
            .arg("--run-dir")
            .arg(folder.join(format!("{name}-{place}")));
        home.output(command)
    };
    let out = run("without");
    assert_eq!(out.status.code(), Some(3), "{}", said(&out));
    assert!(said(&out).contains("not allowed: ") && said(&out).contains("gameday rbac"), "{}", said(&out));
    let rbac = home.gameday(folder).args(["rbac", "--injector", injector, "--user", NOBODY]).arg(file).output().unwrap();
    assert!(rbac.status.success(), "{}", said(&rbac));
    let text = String::from_utf8(rbac.stdout).unwrap();
    let _roles = Roles { home, text: text.clone() };
    let roles: Vec<Value> = text.split("---\n").skip(1).map(|text| serde_yaml::from_str(text).unwrap()).collect();
    let apply = |document: &Value| kubectl(home, &["apply", "-f", "-"], &document.to_string());
    roles.iter().for_each(apply);
    let out = run("with");
    assert_eq!(out.status.code(), Some(0), "{}", said(&out));
    assert!(!said(&out).contains(" lost: ") && !said(&out).contains("preflight fail"), "{}", said(&out));
    home.wait_ready();

    // each verb of each rule taken away in turn
    let doctor = || {
        let mut command = home.gameday(folder);
        command.env("KUBECONFIG", &kubeconfig).args(["doctor", "--injector", injector, "--output", "json"]).arg(file);
        command.output().unwrap()
    };
    let mut tried = 0;
    for role in roles.iter().filter(|document| document["rules"].is_array()) {
        for (at, rule) in role["rules"].as_array().unwrap().iter().enumerate() {
            let resource = rule["resources"][0].as_str().unwrap();
            if resource == "endpointslices" {
                continue; // this cluster is too old to serve them, so nobody asks
            }
            for verb in rule["verbs"].as_array().unwrap() {
                let verb = verb.as_str().unwrap();
                let mut without = role.clone();
                without["rules"][at]["verbs"].as_array_mut().unwrap().retain(|kept| kept != verb);
                if without["rules"][at]["verbs"].as_array().unwrap().is_empty() {
                    without["rules"].as_array_mut().unwrap().remove(at);
                }
                apply(&without);
                let group = rule["apiGroups"][0].as_str().unwrap();
                let full =
                    |resource: &str| if group.is_empty() { format!("{verb} {resource}") } else { format!("{verb} {resource}.{group}") };
                let wanted: Vec<String> =
                    rule["resources"].as_array().unwrap().iter().map(|resource| full(resource.as_str().unwrap())).collect();
                let named = until_named(&doctor, &wanted);
                assert_eq!(named.len(), wanted.len(), "nothing but {wanted:?} is missing: {named:?}");
                tried += 1;
            }
        }
        apply(role);
    }
    tried
}

/// The rights that doctor finds missing, once all that are wanted are among them: the API server takes a moment.
fn until_named(doctor: &dyn Fn() -> Output, wanted: &[String]) -> Vec<String> {
    for _ in 0..20 {
        let out = doctor();
        let lines = String::from_utf8(out.stdout.clone()).unwrap();
        let rights = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()).find(|line| line["check"] == "rights").unwrap();
        let seen = rights["seen"].as_str().unwrap();
        let missing = seen.split_once("not allowed: ").or_else(|| seen.split_once("without: "));
        let named: Vec<String> = missing.map(|(_, list)| support::rights_apart(list)).unwrap_or_default();
        if named.len() == wanted.len() && wanted.iter().all(|want| named.iter().any(|name| name.starts_with(want.as_str()))) {
            assert_eq!(out.status.code(), Some(if seen.starts_with("not allowed") { 3 } else { 0 }), "{}", said(&out));
            return named;
        }
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    panic!("{wanted:?} was never named: {}", said(&doctor()));
}

/// What is in other namespaces, and in none, and does not go with the test's own.
struct Roles<'a> {
    home: &'a Home<'a>,
    text: String,
}

impl Drop for Roles<'_> {
    fn drop(&mut self) {
        kubectl(self.home, &["delete", "--ignore-not-found", "-f", "-"], &self.text);
    }
}

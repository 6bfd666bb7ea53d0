//! The role that `gameday rbac` prints is enough, and what is missing is named.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test stops where it fails")]

mod support;

use std::fs;
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use support::cluster::{Home, cluster};
use support::{said, scratch};

const NOBODY: &str = "gameday-test-nobody";

/// A kubeconfig that acts as a user with no rights of their own.
fn as_nobody(home: &Home<'_>, folder: &std::path::Path) -> std::path::PathBuf {
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
    let kubeconfig = as_nobody(&home, &folder);
    let file = folder.join("pod-kill.yaml");
    let new = home.gameday(&folder).args(["new", "deployment/task-api", "-n", &home.namespace, "-o"]).arg(&file).output().unwrap();
    assert!(new.status.success(), "{}", said(&new));
    fs::write(&file, fs::read_to_string(&file).unwrap().replace("observe: 60s", "observe: 2s")).unwrap();
    let run = |place: &str| {
        let mut command = home.gameday(&folder);
        command
            .env("KUBECONFIG", &kubeconfig)
            .args(["run", "--headless", "--injector", "agentless"])
            .arg(&file)
            .arg("--run-dir")
            .arg(folder.join(place));
        command.output().unwrap()
    };
    let out = run("without");
    assert_eq!(out.status.code(), Some(3), "{}", said(&out));
    assert!(said(&out).contains("not allowed: get deployments.apps in namespace") && said(&out).contains("gameday rbac"), "{}", said(&out));
    let rbac = home.gameday(&folder).args(["rbac", "--injector", "agentless", "--user", NOBODY]).arg(&file).output().unwrap();
    assert!(rbac.status.success(), "{}", said(&rbac));
    let text = String::from_utf8(rbac.stdout).unwrap();
    let _roles = Roles { home: &home, text: text.clone() };
    let roles: Vec<Value> = text.split("---\n").skip(1).map(|text| serde_yaml::from_str(text).unwrap()).collect();
    let apply = |document: &Value| kubectl(&home, &["apply", "-f", "-"], &document.to_string());
    roles.iter().for_each(apply);
    let out = run("with");
    assert_eq!(out.status.code(), Some(0), "{}", said(&out));
    assert!(!said(&out).contains("lost") && !said(&out).contains("preflight fail"), "{}", said(&out));
    home.wait_ready();

    // each verb of each rule taken away in turn
    let doctor = || {
        let mut command = home.gameday(&folder);
        command.env("KUBECONFIG", &kubeconfig).args(["doctor", "--injector", "agentless", "--output", "json"]).arg(&file);
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
    assert!(tried > 10, "{tried}");
}

/// The rights that doctor finds missing, once all that are wanted are among them: the API server takes a moment.
fn until_named(doctor: &dyn Fn() -> Output, wanted: &[String]) -> Vec<String> {
    for _ in 0..20 {
        let out = doctor();
        let lines = String::from_utf8(out.stdout.clone()).unwrap();
        let rights = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()).find(|line| line["check"] == "rights").unwrap();
        let seen = rights["seen"].as_str().unwrap();
        let missing = seen.split_once("not allowed: ").or_else(|| seen.split_once("without: "));
        let named: Vec<String> = missing.map(|(_, list)| list.split(", ").map(str::to_owned).collect()).unwrap_or_default();
        if named.len() == wanted.len() && wanted.iter().all(|want| named.iter().any(|name| name.starts_with(want.as_str()))) {
            assert_eq!(out.status.code(), Some(if seen.starts_with("not allowed") { 3 } else { 0 }), "{}", said(&out));
            return named;
        }
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    panic!("{wanted:?} was never named: {}", said(&doctor()));
}

/// What is in other namespaces, and in none, does not go with the test's own.
struct Roles<'a> {
    home: &'a Home<'a>,
    text: String,
}

impl Drop for Roles<'_> {
    fn drop(&mut self) {
        kubectl(self.home, &["delete", "--ignore-not-found", "-f", "-"], &self.text);
    }
}

//! The role that `gameday rbac` prints is enough, and what is missing is named.
#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

mod support;

use std::fs;
use std::process::{Command, Stdio};

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
    command.env("KUBECONFIG", &home.cluster.kubeconfig).args(["-n", &home.namespace]).args(args);
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
    assert!(said(&out).contains(&format!("User \"{NOBODY}\" cannot")) && said(&out).contains("gameday rbac"), "{}", said(&out));
    let role = home.gameday(&folder).arg("rbac").output().unwrap();
    kubectl(&home, &["apply", "-f", "-"], &String::from_utf8(role.stdout).unwrap());
    kubectl(&home, &["create", "rolebinding", "gameday", "--role=gameday", &format!("--user={NOBODY}")], "");
    let out = run("with");
    assert_eq!(out.status.code(), Some(0), "{}", said(&out));
    assert!(!said(&out).contains("lost"), "{}", said(&out));
}

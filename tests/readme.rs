//! Every command of the README, run.
#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

mod support;

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use support::cluster::cluster;
use support::{gameday, said, scratch};

/// The shell commands of the README, without comments, in order.
fn commands() -> Vec<String> {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    let blocks = text.split("```sh\n").skip(1).map(|block| block.split("```").next().unwrap().to_owned());
    let lines = blocks.flat_map(|block| block.lines().map(|line| line.split(" #").next().unwrap().trim().to_owned()).collect::<Vec<_>>());
    lines.filter(|line| !line.is_empty()).collect()
}

/// A command's words after `gameday`; the README starts it by cargo once.
fn words(command: &str) -> Option<Vec<String>> {
    let rest = command.strip_prefix("gameday ").or_else(|| command.strip_prefix("cargo run --release -- "))?;
    Some(rest.split_whitespace().map(ToOwned::to_owned).collect())
}

/// What starts the practice cluster alone.
fn serve() -> [String; 2] {
    ["rehearsal", "serve"].map(ToOwned::to_owned)
}

#[test]
fn rehearsal_of_the_readme_should_hold_on_a_fresh_clone() {
    let home = scratch("readme");
    let found = commands();
    assert!(found.iter().any(|command| command == "cargo test"));
    let rehearse = found.iter().filter_map(|command| words(command)).find(|words| words[0] == "rehearse").unwrap();
    let out =
        gameday(&home).current_dir(env!("CARGO_MANIFEST_DIR")).args(rehearse).args(["--headless", "--speed", "max"]).output().unwrap();
    assert_eq!(out.status.code(), Some(0), "{}", said(&out));
    let import = found.iter().filter_map(|command| words(command)).find(|words| words[0] == "import").unwrap();
    let out = gameday(&home).current_dir(env!("CARGO_MANIFEST_DIR")).args(import).output().unwrap();
    assert!(out.status.success() && said(&out).contains("kind: GameDay"), "{}", said(&out));
    let out = gameday(&home).args(["report", "last"]).output().unwrap();
    assert!(out.status.success() && said(&out).contains("hypothesis held"), "{}", said(&out));
    let out = gameday(&home).args(["replay", "last", "--verify"]).output().unwrap();
    assert!(out.status.success() && said(&out).contains("verified: hypothesis held"), "{}", said(&out));
    let out = gameday(&home).args(["watch", "last"]).output().unwrap();
    assert!(out.status.success() && said(&out).contains("hypothesis held"), "{}", said(&out));
    let out = gameday(&home).arg("rbac").output().unwrap();
    assert!(said(&out).contains("kind: Role"), "{}", said(&out));
}

#[test]
fn practice_cluster_of_the_readme_should_be_served_until_it_is_stopped() {
    let home = scratch("readme-serve");
    let words = commands().iter().filter_map(|command| words(command)).find(|words| words.starts_with(&serve())).unwrap();
    let mut child = gameday(&home).args(words).stdout(Stdio::piped()).spawn().unwrap();
    let mut said = String::new();
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    while !said.contains("export KUBECONFIG=") {
        assert!(lines.read_line(&mut said).unwrap() > 0, "{said}");
    }
    let kubeconfig = said.split("export KUBECONFIG=").nth(1).unwrap().trim();
    assert!(fs::read_to_string(kubeconfig).unwrap().contains("http://127.0.0.1:"));
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn first_real_game_day_of_the_readme_should_work_as_it_stands() {
    let Some(cluster) = cluster() else { return };
    let home = cluster.task_api("gameday-test-readme");
    let folder = scratch("readme-cluster");
    let file = folder.join("pod-kill.yaml");
    let mut ran = 0;
    for mut words in commands().iter().filter_map(|command| words(command)) {
        for word in &mut words {
            // the reader's namespace is the test's; the file stands in the test's folder
            match word.as_str() {
                "staging" => home.namespace.clone_into(word),
                "pod-kill.yaml" => file.display().to_string().clone_into(word),
                _ => {}
            }
        }
        // what goes on until it is stopped has a test of its own
        if words.iter().any(|word| word == "|") || words.starts_with(&serve()) {
            continue;
        }
        let verb = words[0].clone();
        if verb == "run" {
            // the test cluster serves Chaos Mesh's kinds but has no controller; and nobody watches for a minute
            words.extend(["--headless", "--injector", "agentless"].map(ToOwned::to_owned));
            let shorter = fs::read_to_string(&file).unwrap().replace("observe: 60s", "observe: 2s");
            fs::write(&file, shorter).unwrap();
        } else if verb == "rehearse" {
            words.extend(["--headless", "--speed", "max"].map(ToOwned::to_owned));
        }
        let out = home.gameday(&folder).current_dir(env!("CARGO_MANIFEST_DIR")).args(&words).output().unwrap();
        assert_eq!(out.status.code(), Some(0), "{words:?}: {}", said(&out));
        ran += 1;
    }
    assert!(ran >= 7, "{ran}");
}

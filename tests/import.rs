//! Other people's files, what scenarios come of them, and what is said of each thing in them.
#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use gameday::import::{Error, Import, Wish, import};
use gameday::scenario::{self, Reading, Source};
use support::{gameday, said, scratch};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/import")
}

fn of(file: &str) -> Import {
    let wish = Wish::default();
    import(file, &fs::read_to_string(folder().join(file)).unwrap(), &wish).unwrap()
}

fn reading(text: &str) -> Reading {
    scenario::read(&Source { file: "x.yaml", text, manifests: &|_| Err("none".to_owned()) }, &BTreeMap::new())
}

fn snapshot(name: &str, import: &Import) {
    let losses: Vec<String> = import.losses.iter().map(ToString::to_string).collect();
    let mistakes: Vec<String> = reading(&import.scenario).mistakes.iter().map(ToString::to_string).collect();
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("import/snapshots");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    let whole = format!("{}\n-- report\n{}\n-- check\n{}", import.scenario, losses.join("\n"), mistakes.join("\n"));
    settings.bind(|| insta::assert_snapshot!(name, whole));
}

#[test]
fn examples_should_become_scenarios_with_a_report() {
    for file in ["terminate-pods.json", "latency.yaml", "manifests.yaml", "workflow.yaml"] {
        snapshot(file, &of(file));
    }
    let wish = Wish { target: Some(api()), namespace: Some("staging".to_owned()), context: None };
    let refused = import("refused.yaml", &fs::read_to_string(folder().join("refused.yaml")).unwrap(), &wish).unwrap();
    snapshot("refused.yaml", &refused);
}

fn api() -> scenario::model::TargetRef {
    scenario::model::TargetRef { kind: scenario::model::WorkloadKind::Deployment, name: "api".to_owned(), namespace: None }
}

#[test]
fn whole_imports_should_be_sound_and_others_refused_for_each_thing_unmapped() {
    for file in ["terminate-pods.json", "latency.yaml", "workflow.yaml"] {
        let import = of(file);
        let reading = reading(&import.scenario);
        assert_eq!(import.unmapped(), 0, "{file}");
        assert!(reading.is_sound(false) && reading.scenario.is_some(), "{file}: {:?}", reading.mistakes);
    }
    let import = of("manifests.yaml");
    let reading = reading(&import.scenario);
    let refused = reading.mistakes.iter().filter(|mistake| mistake.message.starts_with("this step was not imported")).count();
    assert_eq!((import.unmapped(), refused), (2, 2));
    assert!(!reading.is_sound(false) && reading.scenario.is_none());
}

#[test]
fn secrets_should_stand_neither_in_scenario_nor_in_report() {
    let text = r#"{"title": "hunter2hunter2 in a title", "description": "", "secrets": {"k8s": {"KUBERNETES_CONTEXT": "hunter2hunter2"}, "s": {"key": "hunter2hunter2", "v": {"type": "env", "key": "V", "default": "hunter3hunter3"}, "pin": 73519462}},
        "configuration": {"x": "hunter2hunter2"},
        "steady-state-hypothesis": {"title": "hunter3hunter3", "probes": [
          {"type": "probe", "name": "with hunter2hunter2", "tolerance": 200, "provider": {"type": "http", "url": "http://a/${key}"}},
          {"type": "probe", "name": "b 73519462", "tolerance": 200, "provider": {"type": "http", "url": "http://a/${x}"}},
          {"type": "probe", "name": "c", "tolerance": 200, "provider": {"type": "http", "url": "http://a/?token=hunter4hunter4"}}]},
        "method": [{"type": "action", "name": "hunter2hunter2", "provider": {"type": "python", "module": "chaosk8s.pod.actions", "func": "terminate_pods", "arguments": {"label_selector": "app=${key}"}}},
          {"type": "action", "name": "d", "provider": {"type": "python", "module": "chaosk8s.pod.actions", "func": "hunter3hunter3", "arguments": {"label_selector": "app=hunter2hunter2"}}}]}"#;
    let import = import("x.json", text, &Wish { target: Some(api()), ..Wish::default() }).unwrap();
    let whole = format!("{}{:?}", import.scenario, import.losses);
    for secret in ["hunter2", "hunter3", "hunter4", "73519462"] {
        assert!(!whole.contains(secret), "{secret}: {whole}");
    }
    assert_eq!(import.unmapped(), 2);
}

#[test]
fn other_files_should_be_told_what_they_are() {
    let told = |text: &str| import("x.yaml", text, &Wish::default()).unwrap_err().to_string();
    assert!(told("apiVersion: v1\nkind: Pod\n").starts_with("x.yaml: this is \"Pod\" of \"v1\"; what can be imported"));
    assert!(told("apiVersion: gameday/v1\nkind: GameDay\n").contains("this is a gameday file already"));
    assert!(told("a: [").contains("x.yaml:1:"));
    assert!(told("[1]").contains("neither a mapping nor"));
    let no_target = "method: [{type: action, name: x, provider: {type: process, path: x}}]";
    assert!(matches!(import("x", no_target, &Wish::default()), Err(Error::NoTarget { .. })));
}

#[test]
fn import_should_write_scenario_and_report_where_they_belong() {
    let home = scratch("import");
    let example = folder().join("workflow.yaml").display().to_string();
    let piped = gameday(&home).args(["import", &example]).output().unwrap();
    assert_eq!(piped.status.code(), Some(0), "{}", said(&piped));
    assert!(reading(&String::from_utf8(piped.stdout.clone()).unwrap()).is_sound(false), "{}", said(&piped));
    assert!(String::from_utf8_lossy(&piped.stderr).contains("$.spec.templates[1]: action \"kill\" mapped"), "{}", said(&piped));
    let out = home.join("new.yaml").display().to_string();
    let written = gameday(&home).args(["import", &example, "-o", &out]).output().unwrap();
    assert!(String::from_utf8_lossy(&written.stdout).contains("next: gameday check"), "{}", said(&written));
    let again = gameday(&home).args(["import", &example, "-o", &out]).output().unwrap();
    assert_eq!(again.status.code(), Some(2), "{}", said(&again));
    let rehearsed = gameday(&home).args(["rehearse", &out, "--headless", "--speed", "max"]).output().unwrap();
    assert!(matches!(rehearsed.status.code(), Some(0 | 1)), "{}", said(&rehearsed));
    let latency = home.join("latency.yaml").display().to_string();
    let example = folder().join("latency.yaml").display().to_string();
    assert!(gameday(&home).args(["import", &example, "-o", &latency]).status().unwrap().success());
    let words = ["rehearse", &latency, "--headless", "--speed", "max", "--answer", "scale down=done"];
    let rehearsed = gameday(&home).args(words).output().unwrap();
    assert_eq!(rehearsed.status.code(), Some(0), "{}", said(&rehearsed));
    let refused = folder().join("refused.yaml").display().to_string();
    let json = gameday(&home).args(["import", &refused, "--target", "deploy/api", "--output", "json"]).output().unwrap();
    assert_eq!(json.status.code(), Some(2), "{}", said(&json));
    let lines = String::from_utf8(json.stderr).unwrap();
    let blocks = lines.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()).filter(|line| line["blocks"] == true);
    assert_eq!(blocks.count(), 7);
}

#[test]
fn workflow_that_explodes_should_be_told_and_not_followed() {
    let templates: Vec<serde_json::Value> = (0..14)
        .map(|level| {
            let children: Vec<String> = (0..50).map(|_| format!("t{}", level + 1)).collect();
            serde_json::json!({"name": format!("t{level}"), "templateType": "Serial", "children": children})
        })
        .collect();
    let workflow = serde_json::json!({"apiVersion": "chaos-mesh.org/v1alpha1", "kind": "Workflow", "metadata": {"name": "boom"}, "spec": {"entry": "t0", "templates": templates}});
    let import = import("x.json", &workflow.to_string(), &Wish { target: Some(api()), ..Wish::default() }).unwrap();
    assert!(import.unmapped() > 0 && import.losses.len() < 1100, "{}", import.losses.len());
    let actions: Vec<serde_json::Value> = (0..401).map(|_| serde_json::json!({"type": "action", "name": "x"})).collect();
    let many = serde_json::json!({"method": actions}).to_string();
    assert!(matches!(gameday::import::import("x", &many, &Wish::default()), Err(Error::TooMany { found: 401, .. })));
}

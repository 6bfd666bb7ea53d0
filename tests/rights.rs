//! The roles that `gameday rbac` prints are enough for a run of each kind of fault, and what is missing of them is named: in front of the
//! practice cluster, which asks for rights as Chaos Mesh's webhook does. `tests/cluster_rights.rs` does the same on a real one.
#![expect(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "a test stops where it fails, and says its figures")]

mod support;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use support::surgery::{Checklist, Served};
use support::{said, scratch};

const NOBODY: &str = "nobody";

/// A scenario as it is run here: as a user without rights of their own, sooner and shorter.
fn drill(folder: &Path, scenario: &str) -> String {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios").join(scenario)).unwrap();
    let text = text
        .replace("context: staging", "context: nobody")
        .replace("duration: 60s", "duration: 10s")
        .replace("lasts: 2m", "lasts: 20s")
        .replace("@every 20s", "@every 5s")
        .replace("observe: 60s", "observe: 20s")
        .replace("observe: 45s", "observe: 20s")
        .replace("    for: 45s", "    for: 15s")
        .replace("  world: {file: worlds/shop.yaml}\n", "");
    let file = folder.join(scenario);
    fs::write(&file, text).unwrap();
    file.to_str().unwrap().to_owned()
}

/// Where a role or a binding is kept.
fn place(document: &Value) -> String {
    let kind = format!("{}s", document["kind"].as_str().unwrap().to_lowercase());
    let group = "/apis/rbac.authorization.k8s.io/v1";
    document["metadata"]["namespace"].as_str().map_or_else(|| format!("{group}/{kind}"), |home| format!("{group}/namespaces/{home}/{kind}"))
}

fn put(served: &Served, document: &Value) {
    let path = place(document);
    if let Some(namespace) = document["metadata"]["namespace"].as_str() {
        let made = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}});
        served.try_ask("POST", "/api/v1/namespaces", &made);
    }
    if served.try_ask("POST", &path, document).0 == 409 {
        served.ask("PUT", &format!("{path}/{}", document["metadata"]["name"].as_str().unwrap()), document);
    }
}

/// The rights that `doctor` finds missing.
fn missing(told: &Checklist) -> BTreeSet<String> {
    let rights = told.lines.iter().find(|line| line["check"] == "rights").unwrap_or_else(|| panic!("{}", told.whole));
    let seen = rights["seen"].as_str().unwrap();
    let list = seen.split_once("not allowed: ").or_else(|| seen.split_once("without: "));
    list.map(|(_, list)| support::rights_apart(list).into_iter().collect()).unwrap_or_default()
}

/// As doctor names it.
fn named(role: &Value, rule: &Value, resource: &str, verb: &str) -> String {
    let group = rule["apiGroups"][0].as_str().unwrap();
    let resource = if group.is_empty() { resource.to_owned() } else { format!("{resource}.{group}") };
    let name = rule["resourceNames"][0].as_str().map_or_else(String::new, |name| format!(" {name}"));
    let place =
        role["metadata"]["namespace"].as_str().map_or_else(|| "in the whole cluster".to_owned(), |home| format!("in namespace {home}"));
    format!("{verb} {resource}{name} {place}")
}

fn enough(scenario: &str, world: &str) {
    let folder = scratch(&format!("rights-{}", scenario.trim_end_matches(".yaml")));
    let worlds = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/worlds").join(world);
    // at 8 the served watches would end, by the clock of the cockpit, before their time
    let served = Served::start(&folder, &["--speed", "4", "--user", NOBODY, "--world", worlds.to_str().unwrap()]);
    let file = drill(&folder, scenario);
    let out = served.gameday(&["rbac", &file, "--user", NOBODY]).output().unwrap();
    assert!(out.status.success(), "{}", said(&out));
    let text = String::from_utf8(out.stdout).unwrap();
    let documents: Vec<Value> = text.split("---\n").skip(1).map(|text| serde_yaml::from_str(text).unwrap()).collect();
    for document in &documents {
        put(&served, document);
    }
    let out = served.gameday(&["run", &file, "--headless", "--yes"]).output().unwrap();
    let told = said(&out);
    assert!(matches!(out.status.code(), Some(0 | 1)), "{told}");
    assert!(!told.contains("orbidden") && !told.contains("(403") && !told.contains(" lost:") && !told.contains("not allowed"), "{told}");
    // each verb of each rule taken away in turn
    let doctor = || Checklist::of(&served.gameday(&["doctor", &file, "--output", "json"]).output().unwrap());
    assert_eq!(missing(&doctor()), BTreeSet::new());
    let mut tried = 0;
    for role in documents.iter().filter(|document| document["rules"].is_array()) {
        for (at, rule) in role["rules"].as_array().unwrap().iter().enumerate() {
            for verb in rule["verbs"].as_array().unwrap() {
                let mut without = role.clone();
                let kept: Vec<Value> = rule["verbs"].as_array().unwrap().iter().filter(|kept| *kept != verb).cloned().collect();
                without["rules"][at]["verbs"] = json!(kept);
                if kept.is_empty() {
                    without["rules"].as_array_mut().unwrap().remove(at);
                }
                put(&served, &without);
                let resources = rule["resources"].as_array().unwrap().iter().map(|resource| resource.as_str().unwrap());
                let verb = verb.as_str().unwrap();
                // before 1.21 there were no slices, and where there are nobody asks for the rest
                let wanted: BTreeSet<String> =
                    resources.filter(|resource| *resource != "endpoints").map(|resource| named(role, rule, resource, verb)).collect();
                let told = doctor();
                assert_eq!(missing(&told), wanted, "{}", told.whole);
                tried += 1;
            }
        }
        put(&served, role);
    }
    assert!(tried > 10, "{tried}");
    println!("{scenario}: {tried} verbs were taken away in turn");
}

#[test]
fn roles_of_a_network_fault_should_be_enough_and_each_verb_of_them_needed() {
    enough("task-api-network-delay.yaml", "task-api.yaml");
}

#[test]
fn roles_of_a_fault_on_files_should_be_enough_and_each_verb_of_them_needed() {
    enough("shop-database-slow-disk.yaml", "shop.yaml");
}

#[test]
fn roles_of_a_schedule_should_be_enough_and_each_verb_of_them_needed() {
    enough("task-api-kills-every-20s.yaml", "task-api.yaml");
}

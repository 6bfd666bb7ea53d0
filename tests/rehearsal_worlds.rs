//! Worlds: files that fill a practice cluster, mistakes in them, and what they make go wrong.
#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use gameday::rehearsal::{Backend as _, PracticeCluster, World};
use gameday::scenario::{self, Source};
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, ListParams};
use support::{gameday, said, scratch};

fn shipped(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/worlds").join(name)).unwrap()
}

fn read(text: &str) -> Result<World, String> {
    let none = |path: &str| Err(format!("no {path}"));
    let reading = scenario::read(&Source { file: "world.yaml", text, manifests: &none }, &BTreeMap::new());
    let told: Vec<String> = reading.mistakes.iter().map(ToString::to_string).collect();
    if told.is_empty() { Ok(reading.world.unwrap()) } else { Err(told.join("\n")) }
}

fn world(spec: &str) -> Result<World, String> {
    read(&format!("apiVersion: gameday/v1\nkind: World\nmetadata: {{name: test}}\nspec:\n{spec}"))
}

#[tokio::test(start_paused = true)]
async fn shipped_worlds_should_be_sound_and_all_their_pods_ready() {
    for (name, pods) in [("task-api.yaml", 4), ("shop.yaml", 12)] {
        let world = read(&shipped(name)).unwrap().settled("staging");
        let namespace = world.workloads[0].namespace.clone();
        let cluster = PracticeCluster::start(world, 1);
        let api: Api<Pod> = Api::namespaced(kube::Client::new(cluster.service(), "default"), &namespace);
        tokio::time::sleep(std::time::Duration::from_secs(5)).await;
        let found = api.list(&ListParams::default()).await.unwrap();
        let ready =
            |pod: &Pod| pod.status.iter().flat_map(|s| s.conditions.iter().flatten()).any(|c| c.type_ == "Ready" && c.status == "True");
        assert_eq!(found.items.len(), pods, "{name}");
        assert!(found.items.iter().all(ready), "{name}: {:?}", found.items.iter().find(|pod| !ready(pod)));
    }
}

#[test]
fn mistakes_of_a_world_should_be_told_all_at_once_with_what_is_allowed() {
    let told = world(
        "  nodes: 0
  workloads:
    - {name: api, replica: 3, calls: [dbb], requests: {cpu: 250x, memory: 64mb}}
    - {name: db, kind: Statefulset, timings: {ready: {least: 3s, most: 1s}}, traffic: {rps: -1}}
    - {name: db}
  budgets: [{name: none, minAvailable: some}]
  quotas: [{name: q, hard: {pods: many}}]
  troubles:
    - {what: demon-down, at: 10s}
    - {what: slow-pull, of: apl, by: 30s, at: 5s}
    - {what: watch-cut, at: 5s, for: 3s}
    - {what: bad-probe, at: 5}
    - node-down@3s
",
    )
    .unwrap_err();
    insta::assert_snapshot!(told);
}

#[test]
fn world_should_stand_in_the_scenario_or_in_a_file_of_its_own() {
    let home = scratch("worlds-cli");
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let kill = fs::read_to_string(root.join("scenarios/task-api-pod-kill.yaml")).unwrap();
    fs::write(home.join("world.yaml"), shipped("task-api.yaml")).unwrap();
    let inside = home.join("inside.yaml");
    fs::write(&inside, format!("{}  world: {{file: world.yaml}}\n", kill.replace("observe: 60s", "observe: 5s"))).unwrap();
    let outside = home.join("outside.yaml");
    fs::write(&outside, kill.replace("observe: 60s", "observe: 5s")).unwrap();
    for file in [&inside, &home.join("world.yaml")] {
        let out = gameday(&home).args(["check", "--strict"]).arg(file).output().unwrap();
        assert_eq!(out.status.code(), Some(0), "{}", said(&out));
    }
    let entries = |name: &str, file: &Path, flags: &[&str]| {
        let out = gameday(&home)
            .args(["rehearse", "--headless", "--speed", "max"])
            .arg(file)
            .args(flags)
            .arg("--run-dir")
            .arg(home.join(name))
            .output()
            .unwrap();
        assert_eq!(out.status.code(), Some(0), "{name}: {}", said(&out));
        let journal = fs::read_to_string(home.join(name).join("journal.jsonl")).unwrap();
        let (header, entries) = journal.split_once('\n').unwrap();
        (header.to_owned(), entries.to_owned())
    };
    let flag = home.join("world.yaml");
    let (header, outside_with) = entries("a", &outside, &["--world", flag.to_str().unwrap(), "--break", "watch-cut@3s"]);
    assert!(header.contains(r#""breaks":["watch-cut@3s"]"#) && header.contains("registry.example/postgres:17"), "{header}");
    let (_, again) = entries("b", &outside, &["--world", flag.to_str().unwrap(), "--break", "watch-cut@3s"]);
    assert_eq!(outside_with, again, "the same scenario, world, seed and breaks give the same journal");
    let (_, inside_with) = entries("c", &inside, &["--break", "watch-cut@3s"]);
    assert_eq!(outside_with, inside_with, "it does not matter where the world stands");
    let (header, unbroken) = entries("d", &inside, &[]);
    assert!(!header.contains("\"world\""), "{header}");
    assert_ne!(unbroken, inside_with);
}

#[test]
fn unknown_breaks_and_worlds_should_be_refused_with_what_is_allowed() {
    let home = scratch("worlds-refused");
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/task-api-pod-kill.yaml");
    for (flags, why) in [
        (["--break", "demon-down@3s"], "did you mean \"daemon-down\""),
        (["--break", "bad-probe=task-app@3s"], "did you mean \"task-api\""),
        (["--break", "daemon-down"], "needs a time"),
        (["--world", file.to_str().unwrap()], "there is no world in this file"),
    ] {
        let out = gameday(&home).args(["rehearse", "--headless", "--speed", "max"]).arg(&file).args(flags).output().unwrap();
        assert_eq!(out.status.code(), Some(2), "{flags:?}: {}", said(&out));
        assert!(said(&out).contains(why), "{flags:?}: {}", said(&out));
    }
}

#[tokio::test(start_paused = true)]
async fn each_mishap_should_come_at_its_time_and_go_when_its_time_is_over() {
    let mut world = read(&shipped("shop.yaml")).unwrap().settled("shop");
    let told = [
        "missing-secret=payment-key@10s+20s",
        "pdb=catalog@10s+20s",
        "pdb=checkout@10s+20s",
        "quota=shop@10s+20s",
        "unschedulable=node-2@10s+20s",
        "denied=list:secrets@10s+20s",
        "api-outage@40s+10s",
    ];
    world.mishaps = told.iter().map(|text| text.parse().unwrap()).collect();
    let cluster = PracticeCluster::start(world, 3);
    let client = kube::Client::new(cluster.service(), "shop");
    let secrets: Api<k8s_openapi::api::core::v1::Secret> = Api::default_namespaced(client.clone());
    let budgets: Api<k8s_openapi::api::policy::v1::PodDisruptionBudget> = Api::default_namespaced(client.clone());
    let quotas: Api<k8s_openapi::api::core::v1::ResourceQuota> = Api::default_namespaced(client.clone());
    let nodes: Api<k8s_openapi::api::core::v1::Node> = Api::all(client.clone());
    let wrong = async || {
        let allowed = budgets.get_opt("rehearsal-budget").await.unwrap().map(|b| b.status.map(|s| s.disruptions_allowed));
        [
            secrets.get_opt("payment-key").await.unwrap().is_none(),
            allowed == Some(Some(Some(0))),
            quotas.get_opt("rehearsal-quota").await.unwrap().is_some(),
            nodes.get("node-2").await.unwrap().spec.unwrap().unschedulable == Some(true),
            secrets.list(&ListParams::default()).await.is_err(),
            // the budget that is there says it, rather than a second one beside it
            budgets.get("checkout").await.unwrap().status.unwrap().disruptions_allowed == Some(0),
        ]
    };
    let second = std::time::Duration::from_secs(1);
    tokio::time::sleep(9 * second).await;
    assert_eq!(wrong().await, [false; 6]);
    tokio::time::sleep(10 * second).await;
    assert_eq!(wrong().await, [true; 6]);
    tokio::time::sleep(15 * second).await;
    assert_eq!(wrong().await, [false; 6]);
    tokio::time::sleep(10 * second).await;
    assert!(nodes.get("node-2").await.is_err());
    tokio::time::sleep(10 * second).await;
    assert!(nodes.get("node-2").await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn pods_of_a_slow_pull_should_wait_for_it_and_a_gap_should_leave_no_samples() {
    let mut world = World::task_api("staging");
    world.mishaps = vec!["slow-pull=task-api/40s@1s".parse().unwrap(), "prometheus-gap@10s+20s".parse().unwrap()];
    let cluster = PracticeCluster::start(world, 3);
    let metrics = gameday::rehearsal::Prometheus::new();
    cluster.scrape_into(Box::new(metrics.clone()));
    let pods: Api<Pod> = Api::namespaced(kube::Client::new(cluster.service(), "staging"), "staging");
    let second = std::time::Duration::from_secs(1);
    tokio::time::sleep(2 * second).await;
    let name = pods.list(&ListParams::default()).await.unwrap().items[0].metadata.name.clone().unwrap();
    pods.delete(&name, &kube::api::DeleteParams::default().grace_period(0)).await.unwrap();
    let ready = async || {
        let ready =
            |pod: &Pod| pod.status.iter().flat_map(|s| s.conditions.iter().flatten()).any(|c| c.type_ == "Ready" && c.status == "True");
        pods.list(&ListParams::default()).await.unwrap().items.iter().filter(|pod| ready(pod)).count()
    };
    tokio::time::sleep(33 * second).await;
    assert_eq!(ready().await, 2);
    let at = cluster.now();
    let query = |seconds: i64| {
        let at = at - chrono::Duration::seconds(seconds);
        let request = gameday::rehearsal::BackendRequest {
            method: "GET".to_owned(),
            path_and_query: format!("/api/v1/query?query=count_over_time(up%5B8s%5D)&time={}", at.timestamp()),
            content_type: String::new(),
            body: Vec::new(),
            at,
        };
        metrics.answer(&request).body
    };
    let empty = |body: &[u8]| String::from_utf8_lossy(body).contains("\"result\":[]");
    // 35 s are over: the gap was from 10 to 30
    assert!(empty(&query(10)) && !empty(&query(0)) && !empty(&query(27)), "{}", String::from_utf8_lossy(&query(10)));
    tokio::time::sleep(15 * second).await;
    assert_eq!(ready().await, 3);
}

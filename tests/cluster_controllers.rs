//! Chaos Mesh's controllers of the practice cluster on a real API server, with its real custom resources and real pods.
#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

mod support;

use std::fs;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use gameday::rehearsal::controllers::kubelet::Killing;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, ListParams};
use kube::{Client, ResourceExt};
use serde_json::{Value, json};
use support::cluster::{Home, cluster, controllers, kill_processes};
use support::life::{Place, Recording, differences, levelled, recording, replay};
use support::{json, said, scratch};

/// What a client sees of a recording's requests here.
fn lived(home: &Home<'_>, trace: &str, killer: bool) -> (Recording, Vec<Value>) {
    let real = recording(trace);
    let client = home.cluster.client();
    let ours = home.cluster.runtime.block_on(async {
        let attached = controllers(&client, &home.namespace).await;
        if killer {
            let (sender, mut killings) = tokio::sync::mpsc::unbounded_channel::<Killing>();
            attached.ground(|ground| ground.workers.hand_over(sender));
            tokio::spawn(async move {
                while let Some(killing) = killings.recv().await {
                    assert_eq!(killing.container, "task-api");
                    kill_processes(killing.pod.name());
                }
            });
        }
        replay(&Place { client: client.clone(), namespace: home.namespace.clone(), webhooks: false }, &real).await
    });
    (real, ours)
}

fn same(real: &Recording, ours: &[Value]) {
    let found = differences(real, &levelled(ours));
    assert!(found.is_empty(), "{} differences\n{}", found.len(), found.join("\n"));
}

/// Every state of the pods seen: name, uid, whether ready, whether going, restarts.
fn pods(lines: &[Value]) -> Vec<(String, String, bool, bool, i64)> {
    let pods = lines.iter().filter(|line| line["object"]["kind"] == "Pod");
    pods.map(|line| {
        let pod = &line["object"];
        let conditions = pod["status"]["conditions"].as_array().cloned().unwrap_or_default();
        (
            pod["metadata"]["name"].as_str().unwrap().to_owned(),
            pod["metadata"]["uid"].as_str().unwrap().to_owned(),
            conditions.iter().any(|c| c["type"] == "Ready" && c["status"] == "True"),
            pod["metadata"]["deletionTimestamp"].is_string(),
            pod["status"]["containerStatuses"][0]["restartCount"].as_i64().unwrap_or(0),
        )
    })
    .collect()
}

#[test]
fn pod_kills_should_live_as_recorded_and_kill_real_pods() {
    let Some(cluster) = cluster() else { return };
    let home = cluster.task_api("gameday-test-life-kill");
    for (trace, killed) in [("podchaos-pod-kill-one", 1), ("podchaos-pod-kill-all-then-delete", 3)] {
        home.wait_ready();
        let (real, ours) = lived(&home, trace, false);
        same(&real, &ours);
        let gone = ours.iter().filter(|line| line["object"]["kind"] == "Pod" && line["watch"] == "DELETED").count();
        assert_eq!(gone, killed, "{trace}");
    }
    home.wait_ready();
}

#[test]
fn pod_failure_should_live_as_recorded_and_leave_the_pod_in_its_place() {
    let Some(cluster) = cluster() else { return };
    let home = cluster.task_api("gameday-test-life-failure");
    let (real, ours) = lived(&home, "podchaos-pod-failure-10s", false);
    same(&real, &ours);
    let pods = pods(&ours);
    let (name, uid, ..) = pods.iter().find(|(_, _, ready, ..)| !ready).expect("a pod was not ready").clone();
    assert!(pods.iter().all(|(other, was, _, going, _)| !going && (*other != name || *was == uid)), "{pods:?}");
    home.wait_ready();
}

#[test]
fn container_kill_should_live_as_recorded_where_processes_can_be_reached() {
    let Some(cluster) = cluster() else { return };
    let home = cluster.task_api("gameday-test-life-container");
    let (real, ours) = lived(&home, "podchaos-container-kill", true);
    same(&real, &ours);
    let pods = pods(&ours);
    assert!(pods.iter().any(|(.., restarts)| *restarts == 1), "is the node this machine? {pods:?}");
    home.wait_ready();
}

#[test]
fn container_kill_should_fail_in_words_where_nobody_can_kill() {
    let Some(cluster) = cluster() else { return };
    let home = cluster.task_api("gameday-test-life-nobody");
    let (_, ours) = lived(&home, "podchaos-container-kill", false);
    let failed = |line: &&Value| line["object"]["message"].as_str().is_some_and(|m| m.contains("can't find container task-api in pod"));
    assert!(ours.iter().filter(failed).count() > 2, "tried again and again");
    assert!(ours.iter().any(|line| line["object"]["kind"] == "PodChaos" && line["watch"] == "DELETED"), "the object goes all the same");
}

#[test]
fn network_faults_should_live_as_recorded() {
    let Some(cluster) = cluster() else { return };
    let home = cluster.task_api("gameday-test-life-network");
    for trace in ["networkchaos-delete-while-injected", "networkchaos-no-match"] {
        let (real, ours) = lived(&home, trace, false);
        same(&real, &ours);
    }
}

#[test]
fn pause_and_resume_should_live_as_recorded() {
    let Some(cluster) = cluster() else { return };
    let home = cluster.task_api("gameday-test-life-pause");
    let (real, ours) = lived(&home, "networkchaos-pause-resume", false);
    same(&real, &ours);
}

#[test]
fn file_and_stress_faults_should_live_as_recorded() {
    let Some(cluster) = cluster() else { return };
    let home = cluster.task_api("gameday-test-life-inside");
    for trace in ["iochaos-latency", "stresschaos-cpu"] {
        let (real, ours) = lived(&home, trace, false);
        same(&real, &ours);
    }
}

/// Whether a child that is not to be kept gets its finalizer before it is deleted is a race: that recording is not replayed here. Nor is that of the
/// Workflow: a server of Kubernetes 1.20 takes the empty `reason` of its conditions for null and refuses its status.
#[test]
fn schedule_should_live_as_recorded() {
    let Some(cluster) = cluster() else { return };
    let home = cluster.task_api("gameday-test-life-schedule");
    let (real, ours) = lived(&home, "schedule-podchaos-every-5s", false);
    same(&real, &ours);
    home.wait_ready();
}

fn scenario(context: &str, namespace: &str, fault: &str) -> String {
    format!(
        "apiVersion: gameday/v1
kind: GameDay
metadata: {{name: life}}
spec:
  hypothesis: Task API recovers within 30s
  environments: {{test: {{tier: staging, context: {context}, namespace: {namespace}}}}}
  target: {{kind: Deployment, name: task-api}}
  steadyState:
    - {{name: all replicas ready, ready: {{min: 100%}}, stableFor: 1s}}
  steps:
    - name: break it
      fault:
        apiVersion: chaos-mesh.org/v1alpha1
{fault}
  criteria:
    - {{name: back within 30s, recovery: {{within: 30s}}, stableFor: 1s}}
"
    )
}

/// `gameday run` against the cluster with our controllers at work in it; `meanwhile` is told of each look at the journal.
fn run(home: &Home<'_>, place: &str, text: &str, meanwhile: impl FnMut(u32, &str)) -> (Output, Value) {
    run_with(home, place, text, "", meanwhile)
}

/// The same with a config.toml.
fn run_with(home: &Home<'_>, place: &str, text: &str, config: &str, mut meanwhile: impl FnMut(u32, &str)) -> (Output, Value) {
    let folder = scratch(place);
    let file = folder.join("scenario.yaml");
    fs::write(&file, text).unwrap();
    fs::write(folder.join("config.toml"), config).unwrap();
    let at = folder.join("run");
    let mut command = home.gameday(&folder);
    command.env("GAMEDAY_CONFIG", folder.join("config.toml"));
    command.args(["run", "--headless", "--injector", "chaos-mesh"]).arg(&file).arg("--run-dir").arg(&at);
    let client = home.cluster.client();
    let out = home.cluster.runtime.block_on(async {
        let _attached = controllers(&client, &home.namespace).await;
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        while child.try_wait().unwrap().is_none() {
            meanwhile(child.id(), &fs::read_to_string(at.join("journal.jsonl")).unwrap_or_default());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        child.wait_with_output().unwrap()
    });
    (out, json(&at.join("report.json")))
}

#[test]
fn game_day_in_chaos_mesh_mode_should_kill_recover_and_report() {
    let Some(cluster) = cluster() else { return };
    let home = cluster.task_api("gameday-test-life-run");
    let fault = "        kind: PodChaos
        metadata: {name: kill}
        spec: {action: pod-kill, mode: one, selector: {labelSelectors: {app: task-api}}}";
    let (out, report) = run(&home, "life-run", &scenario(&cluster.context, &home.namespace, fault), |_, _| {});
    assert_eq!(out.status.code(), Some(0), "{}", said(&out));
    assert_eq!(report["faults"][0]["injector"], "chaos-mesh");
    assert!(report["faults"][0]["recovery_ms"]["nominal"].as_f64().unwrap() > 100.0, "{report}");
    assert_eq!(left(&home, "podchaos"), json!([]), "nothing is left behind");
}

#[test]
fn game_day_with_a_lasting_fault_should_lift_it_when_aborted() {
    let Some(cluster) = cluster() else { return };
    let home = cluster.task_api("gameday-test-life-abort");
    let fault = "        kind: NetworkChaos
        metadata: {name: delay}
        spec: {action: delay, mode: one, duration: 5m, selector: {labelSelectors: {app: task-api}}, delay: {latency: 50ms}}";
    let mut asked = false;
    let (out, report) = run(&home, "life-abort", &scenario(&cluster.context, &home.namespace, fault), |id, journal| {
        if !asked && journal.contains("\"Injected\"") {
            asked = Command::new("kill").args(["-INT", &id.to_string()]).status().unwrap().success();
        }
    });
    assert!(asked, "the fault was injected: {}", said(&out));
    assert_eq!(out.status.code(), Some(5), "{}", said(&out));
    assert_eq!(report["faults"][0]["state"], "lifted", "{report}");
    assert_eq!(left(&home, "networkchaos"), json!([]), "nothing is left behind");
    let client = home.cluster.client();
    let rules = left(&home, "podnetworkchaos");
    assert!(rules.as_array().unwrap().iter().all(|rules| rules["spec"] == json!({})), "the rules are taken out: {rules}");
    let names: Vec<String> = home.cluster.runtime.block_on(async {
        let pods: Api<Pod> = Api::namespaced(client, &home.namespace);
        pods.list(&ListParams::default()).await.unwrap().items.iter().map(ResourceExt::name_any).collect()
    });
    assert_eq!(names.len(), 3);
}

#[test]
fn brake_should_be_tried_on_a_real_pod_before_the_target_is_touched() {
    let Some(cluster) = cluster() else { return };
    let home = cluster.task_api("gameday-test-life-brake");
    let fault = "        kind: NetworkChaos
        metadata: {name: delay}
        spec: {action: delay, mode: one, duration: 2s, selector: {labelSelectors: {app: task-api}}, delay: {latency: 50ms}}";
    let text = scenario(&cluster.context, &home.namespace, fault) + "  brake: true\n";
    let (out, report) = run(&home, "life-brake", &text, |_, _| {});
    assert_eq!(out.status.code(), Some(0), "{}", said(&out));
    let checks = report["preflight"].as_array().unwrap();
    let brake = checks.iter().find(|check| check["check"] == "brake").unwrap();
    println!("{brake}");
    assert_eq!(brake["verdict"], "pass", "{brake}");
    let told = said(&out);
    assert!(told.contains("brake works: NetworkChaos delay in effect after "), "{told}");
    assert_eq!((brakes(&home), left(&home, "networkchaos")), (Vec::new(), json!([])), "nothing is left behind");
    // the same with an image that is not there: the run is refused, and nothing of the target was touched
    let config = "[brake]\nimage = \"localhost/gameday/nobody:1\"\n";
    let (out, report) = run_with(&home, "life-brake-fails", &text, config, |_, _| {});
    assert_eq!(out.status.code(), Some(3), "{}", said(&out));
    assert!(said(&out).contains("does not run after"), "{}", said(&out));
    assert_eq!(report["faults"][0]["state"], "to come", "{report}");
    assert_eq!((brakes(&home), left(&home, "networkchaos")), (Vec::new(), json!([])), "nothing is left behind");
}

/// The pods of brakes that are there.
fn brakes(home: &Home<'_>) -> Vec<Value> {
    let path = format!("/api/v1/namespaces/{}/pods", home.namespace);
    let pods = home.cluster.runtime.block_on(items(&home.cluster.client(), &path));
    pods.into_iter().filter(|pod| pod["metadata"]["name"].as_str().unwrap().starts_with("gameday-brake-")).collect()
}

/// `GAMEDAY_KILLS=50 cargo nextest run --test cluster_controllers killed` is the long run.
#[test]
fn runs_killed_at_any_moment_should_be_undone_by_recover() {
    let Some(cluster) = cluster() else { return };
    let home = cluster.task_api("gameday-test-life-killed");
    let kills: u64 = std::env::var("GAMEDAY_KILLS").ok().and_then(|n| n.parse().ok()).unwrap_or(4);
    let fault = "        kind: NetworkChaos
        metadata: {name: delay}
        spec: {action: delay, mode: one, duration: 5m, selector: {labelSelectors: {app: task-api}}, delay: {latency: 50ms}}";
    let text = scenario(&cluster.context, &home.namespace, fault);
    let folder = scratch("life-killed");
    let file = folder.join("scenario.yaml");
    fs::write(&file, &text).unwrap();
    let client = cluster.client();
    let mut met = 0;
    for round in 0..kills {
        let at = folder.join(format!("data/gameday/runs/round-{round}"));
        let (killed, recovered) = cluster.runtime.block_on(async {
            let _attached = controllers(&client, &home.namespace).await;
            let mut command = home.gameday(&folder);
            command.args(["run", "--headless"]).arg(&file).arg("--run-dir").arg(&at);
            let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
            // spread over the run; every other time from the moment on when the fault is in the cluster
            let moment = Duration::from_millis(round * 7919 % 2500);
            while round % 2 == 1
                && !left_of(&client, &home.namespace, "networkchaos").await.iter().any(|object| object["metadata"]["finalizers"].is_array())
            {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            tokio::time::sleep(moment).await;
            child.kill().unwrap();
            met += usize::from(!left_of(&client, &home.namespace, "networkchaos").await.is_empty());
            let killed = child.wait_with_output().unwrap();
            let mut recover = home.gameday(&folder).arg("recover").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
            while recover.try_wait().unwrap().is_none() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            (killed, recover.wait_with_output().unwrap())
        });
        let told = format!("round {round}: {}\n{}", said(&killed), said(&recovered));
        assert_eq!(recovered.status.code(), Some(0), "{told}");
        assert_eq!(left(&home, "networkchaos"), json!([]), "{told}");
        let rules = left(&home, "podnetworkchaos");
        assert!(rules.as_array().unwrap().iter().all(|rules| rules["spec"] == json!({})), "{rules}\n{told}");
        let leases = format!("/apis/coordination.k8s.io/v1/namespaces/{}/leases", home.namespace);
        assert_eq!(cluster.runtime.block_on(items(&client, &leases)), Vec::<Value>::new(), "{told}");
        let report = home.gameday(&folder).args(["report"]).arg(&at).output().unwrap();
        assert!(!said(&report).contains("hypothesis held"), "{}", said(&report));
    }
    println!("{kills} runs were killed, {met} of them with a fault in the cluster");
    assert!(met > 0, "no kill met a fault: nothing was tried");
}

async fn items(client: &Client, path: &str) -> Vec<Value> {
    let list: Value = client.request(http::Request::get(path).body(Vec::new()).unwrap()).await.unwrap();
    list["items"].as_array().unwrap().clone()
}

async fn left_of(client: &Client, namespace: &str, plural: &str) -> Vec<Value> {
    items(client, &format!("/apis/chaos-mesh.org/v1alpha1/namespaces/{namespace}/{plural}")).await
}

/// The objects of a kind of Chaos Mesh that are in the namespace of the test.
fn left(home: &Home<'_>, plural: &str) -> Value {
    json!(home.cluster.runtime.block_on(left_of(&home.cluster.client(), &home.namespace, plural)))
}

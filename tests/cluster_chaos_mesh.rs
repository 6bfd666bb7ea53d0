//! Faults of Chaos Mesh on a real API server with its real CRDs; the test plays the controller.
#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

mod support;

use std::fs;
use std::process::{Child, Command, Stdio};

use kube::api::{Api, ApiResource, DynamicObject, ListParams, Patch, PatchParams};
use kube::core::GroupVersionKind;
use kube::{Client, ResourceExt};
use serde_json::{Value, json};
use support::cluster::{Home, cluster};
use support::{json, said, scratch, until};

fn scenario(context: &str, namespace: &str, kind: &str, spec: &str) -> String {
    format!(
        "apiVersion: gameday/v1
kind: GameDay
metadata: {{name: chaos}}
spec:
  hypothesis: Task API stays up
  environments: {{test: {{tier: staging, context: {context}, namespace: {namespace}}}}}
  target: {{kind: Deployment, name: task-api}}
  injector: chaos-mesh
  steps:
    - name: break it
      fault:
        apiVersion: chaos-mesh.org/v1alpha1
        kind: {kind}
        metadata: {{name: chaos}}
        spec: {spec}
  criteria:
    - {{name: all stay ready, ready: {{min: 100%}}, during: fault}}
    - {{name: back at once, recovery: {{within: 10s}}, stableFor: 1s}}
"
    )
}

const DELAY: &str = "{action: delay, mode: one, duration: 3s, selector: {labelSelectors: {app: task-api}}, delay: {latency: 50ms}}";

/// The controller's part, played by hand: whole objects are written, as it has no status subresource.
struct Controller {
    client: Client,
    api: Api<DynamicObject>,
}

impl Controller {
    fn of(home: &Home<'_>, kind: &str) -> Controller {
        let resource = ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk("chaos-mesh.org", "v1alpha1", kind), &kind.to_lowercase());
        let client = home.cluster.client();
        Controller { api: Api::namespaced_with(client.clone(), &home.namespace, &resource), client }
    }

    async fn the_object(&self) -> Option<DynamicObject> {
        self.api.list(&ListParams::default()).await.unwrap().items.into_iter().next()
    }

    async fn patch(&self, name: &str, patch: Value) {
        self.api.patch(name, &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
    }

    async fn victim(&self, namespace: &str) -> String {
        let pods: Api<k8s_openapi::api::core::v1::Pod> = Api::namespaced(self.client.clone(), namespace);
        pods.list(&ListParams::default().labels("app=task-api")).await.unwrap().items[0].name_any()
    }
}

fn status(desired: &str, pod: &str, phase: &str, injected: u32, recovered: u32) -> Value {
    let done = |on: bool| if on { "True" } else { "False" };
    json!({"status": {
        "conditions": [
            {"type": "Selected", "status": "True"}, {"type": "Paused", "status": "False"},
            {"type": "AllInjected", "status": done(phase == "Injected")}, {"type": "AllRecovered", "status": done(phase == "Not Injected")}
        ],
        "experiment": {"desiredPhase": desired, "containerRecords": [
            {"id": pod, "selectorKey": ".", "phase": phase, "injectedCount": injected, "recoveredCount": recovered}
        ]}
    }})
}

fn spawn(home: &Home<'_>, folder: &std::path::Path, text: &str, place: &str) -> Child {
    let file = folder.join(format!("{place}.yaml"));
    fs::write(&file, text).unwrap();
    let mut command = home.gameday(folder);
    command.args(["run", "--headless"]).arg(&file).arg("--run-dir").arg(folder.join("data/gameday/runs").join(place));
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

#[test]
fn network_fault_should_be_in_effect_by_its_records_and_lifted_by_them() {
    let Some(cluster) = cluster() else { return };
    let home = cluster.task_api("gameday-test-chaos");
    let folder = scratch("chaos");
    let controller = Controller::of(&home, "NetworkChaos");
    let child = spawn(&home, &folder, &scenario(&cluster.context, &home.namespace, "NetworkChaos", DELAY), "delay");
    cluster.runtime.block_on(async {
        support::cluster::wait("the object", || async { controller.the_object().await.is_some() }).await;
        let object = controller.the_object().await.unwrap();
        let name = object.name_any();
        let labels = object.labels();
        assert_eq!(labels["app.kubernetes.io/managed-by"], "gameday");
        assert!(name.ends_with(&format!("-{}-0", labels["gameday/run"])), "{name}");
        assert_eq!(labels["gameday/step"], "0");
        assert_eq!(object.data["spec"]["selector"]["namespaces"], json!([home.namespace]));
        let pod = format!("{}/{}", home.namespace, controller.victim(&home.namespace).await);
        controller.patch(&name, json!({"metadata": {"finalizers": ["chaos-mesh/records"]}})).await;
        controller.patch(&name, status("Run", &pod, "Not Injected/Wait", 0, 0)).await;
        controller.patch(&name, status("Run", &pod, "Injected", 1, 0)).await;
        // the duration runs out here; the run deletes the object, and only then is the fault lifted
        support::cluster::wait("the deletion", || async { controller.the_object().await.unwrap().metadata.deletion_timestamp.is_some() })
            .await;
        controller.patch(&name, status("Stop", &pod, "Injected/Wait", 1, 0)).await;
        controller.patch(&name, status("Stop", &pod, "Not Injected", 1, 1)).await;
        controller.patch(&name, json!({"metadata": {"finalizers": []}})).await;
    });
    let out = child.wait_with_output().unwrap();
    assert_eq!(out.status.code(), Some(0), "{}", said(&out));
    let report = json(&folder.join("data/gameday/runs/delay/report.json"));
    assert_eq!(report["faults"][0]["injector"], "chaos-mesh");
    assert_eq!(report["faults"][0]["state"], "lifted");
    assert!(report["faults"][0]["lifted"].as_f64().unwrap() >= report["faults"][0]["impact"].as_f64().unwrap() + 2.9);
}

#[test]
fn stuck_finalizer_should_be_left_with_7_and_finished_by_recover() {
    let Some(cluster) = cluster() else { return };
    let home = cluster.task_api("gameday-test-stuck");
    let folder = scratch("stuck");
    let controller = Controller::of(&home, "NetworkChaos");
    let text = scenario(&cluster.context, &home.namespace, "NetworkChaos", &DELAY.replace("3s", "5m"));
    let mut child = spawn(&home, &folder, &text, "stuck");
    let journal = folder.join("data/gameday/runs/stuck/journal.jsonl");
    let name = cluster.runtime.block_on(async {
        support::cluster::wait("the object", || async { controller.the_object().await.is_some() }).await;
        let name = controller.the_object().await.unwrap().name_any();
        let pod = format!("{}/{}", home.namespace, controller.victim(&home.namespace).await);
        controller.patch(&name, json!({"metadata": {"finalizers": ["chaos-mesh/records"]}})).await;
        controller.patch(&name, status("Run", &pod, "Injected", 1, 0)).await;
        name
    });
    let interrupt = || assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    until("the injection", || fs::read_to_string(&journal).is_ok_and(|text| text.contains("\"Injected\"")));
    interrupt();
    until("the undo", || fs::read_to_string(&journal).is_ok_and(|text| text.contains("\"effect\":\"lift\"")));
    interrupt();
    until("the end", || child.try_wait().unwrap().is_some());
    let out = child.wait_with_output().unwrap();
    assert_eq!(out.status.code(), Some(7), "{}", said(&out));
    assert!(said(&out).contains(&name) && said(&out).contains("gameday recover"), "{}", said(&out));
    assert!(said(&out).contains("held by its finalizer chaos-mesh/records: "), "{}", said(&out));
    // its controller comes back, and recover finishes what was left
    let recover = home.gameday(&folder).arg("recover").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    cluster.runtime.block_on(async {
        controller.patch(&name, json!({"metadata": {"finalizers": []}})).await;
        support::cluster::wait("the object to go", || async { controller.the_object().await.is_none() }).await;
    });
    let out = recover.wait_with_output().unwrap();
    assert_eq!(out.status.code(), Some(0), "{}", said(&out));
    assert!(said(&out).contains("nothing that gameday broke is left"), "{}", said(&out));
}

#[test]
fn killed_run_should_be_undone_by_recover() {
    let Some(cluster) = cluster() else { return };
    let home = cluster.task_api("gameday-test-killed");
    let folder = scratch("killed");
    let controller = Controller::of(&home, "NetworkChaos");
    let mut child =
        spawn(&home, &folder, &scenario(&cluster.context, &home.namespace, "NetworkChaos", &DELAY.replace("3s", "5m")), "killed");
    cluster.runtime.block_on(support::cluster::wait("the object", || async { controller.the_object().await.is_some() }));
    child.kill().unwrap();
    child.wait().unwrap();
    for round in 0..2 {
        let out = home.gameday(&folder).arg("recover").output().unwrap();
        assert_eq!(out.status.code(), Some(0), "round {round}: {}", said(&out));
        assert!(cluster.runtime.block_on(controller.the_object()).is_none(), "round {round}");
    }
    assert!(folder.join("data/gameday/runs/killed/report.md").exists(), "recover writes the report the run could not");
}

#[test]
fn refused_manifest_should_keep_the_run_from_starting() {
    let Some(cluster) = cluster() else { return };
    let home = cluster.task_api("gameday-test-rejected");
    let folder = scratch("rejected");
    // valid for us and for the CRD alike but for what only a server knows: a name it does not take
    let text = scenario(&cluster.context, &home.namespace, "NetworkChaos", DELAY)
        .replace("metadata: {name: chaos}\n        spec", "metadata: {name: chaos, namespace: gameday-test-nowhere}\n        spec");
    let child = spawn(&home, &folder, &text, "rejected");
    let out = child.wait_with_output().unwrap();
    assert_eq!(out.status.code(), Some(3), "{}", said(&out));
    assert!(said(&out).contains("gameday-test-nowhere"), "{}", said(&out));
}

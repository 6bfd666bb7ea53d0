//! The families of kube-state-metrics, their names and labels, and the slices of a big Service.
#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use gameday::rehearsal::{MetricSink, PracticeCluster, World};
use http::Request;
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::Client;
use kube::api::{Api, ListParams};
use kube::client::Body;
use serde_json::{Value, json};

type Families = BTreeMap<String, BTreeSet<String>>;

/// Notes the names and labels of what is scraped from one job.
struct Note {
    job: &'static str,
    families: Arc<Mutex<Families>>,
    next: usize,
}

impl MetricSink for Note {
    fn series(&mut self, labels: &[(&str, &str)]) -> usize {
        let get = |name: &str| labels.iter().find(|(label, _)| *label == name).map_or("", |(_, value)| value);
        if get("job") == self.job {
            let names: BTreeSet<&str> =
                labels.iter().map(|(label, _)| *label).filter(|l| !matches!(*l, "__name__" | "job" | "instance")).collect();
            let told = names.into_iter().collect::<Vec<_>>().join(" ");
            self.families.lock().unwrap().entry(get("__name__").to_owned()).or_default().insert(told);
        }
        self.next += 1;
        self.next
    }

    fn sample(&mut self, _: usize, _: i64, _: f64) {}
}

async fn create(client: &Client, path: &str, object: &Value) {
    let request = Request::post(path).header("content-type", "application/json").body(Body::from(object.to_string().into_bytes())).unwrap();
    let response = client.send(request).await.unwrap();
    assert_eq!(response.status().as_u16(), 201, "{path}");
}

#[tokio::test(start_paused = true)]
async fn families_should_have_the_names_and_labels_of_kube_state_metrics() {
    let cluster = PracticeCluster::start(World::task_api("staging"), 3);
    let families = Arc::new(Mutex::new(Families::new()));
    cluster.scrape_into(Box::new(Note { job: "kube-state-metrics", families: families.clone(), next: 0 }));
    let client = Client::new(cluster.service(), "staging");
    let pod = |words: &[&str]| json!({"restartPolicy": "Never", "containers": [{"name": "main", "image": "registry.example/main:1", "command": words}]});
    for (name, words) in [("good", ["sh", "-c", "exit 0"]), ("bad", ["sh", "-c", "exit 1"])] {
        let job = json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name},
            "spec": {"backoffLimit": 0, "activeDeadlineSeconds": 600, "template": {"spec": pod(&words)}}});
        create(&client, "/apis/batch/v1/namespaces/staging/jobs", &job).await;
    }
    let cron = json!({"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "nightly"},
        "spec": {"schedule": "* * * * *", "startingDeadlineSeconds": 60, "jobTemplate": {"spec": {"template": {"spec": pod(&["true", "", ""])}}}}});
    create(&client, "/apis/batch/v1/namespaces/staging/cronjobs", &cron).await;
    let claim = json!({"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}});
    let claim = json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "data"}, "spec": claim});
    create(&client, "/api/v1/namespaces/staging/persistentvolumeclaims", &claim).await;
    let mut user = pod(&["sleep", "1000", ""]);
    user["volumes"] = json!([{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]);
    user["initContainers"] = json!([{"name": "first", "image": "registry.example/gone/first:1", "restartPolicy": "Always"}]);
    create(
        &client,
        "/api/v1/namespaces/staging/pods",
        &json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "user"}, "spec": user}),
    )
    .await;
    let mut big = pod(&["sleep", "1000", ""]);
    big["containers"][0]["resources"] = json!({"requests": {"cpu": "1000"}});
    create(
        &client,
        "/api/v1/namespaces/staging/pods",
        &json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "big"}, "spec": big}),
    )
    .await;
    tokio::time::sleep(Duration::from_secs(150)).await;
    let told: Vec<String> =
        families.lock().unwrap().iter().flat_map(|(name, all)| all.iter().map(move |labels| format!("{name}{{{labels}}}"))).collect();
    insta::assert_snapshot!(told.join("\n"));
}

#[tokio::test(start_paused = true)]
async fn slices_should_hold_a_hundred_endpoints_at_most() {
    let mut world = World::task_api("staging");
    world.workloads[0].replicas = 230;
    world.workloads[0].containers[0].cpu_millis = 1;
    world.workloads[0].containers[0].memory_mib = 8;
    world.workloads[0].traffic = None;
    let cluster = PracticeCluster::start(world, 3);
    let client = Client::new(cluster.service(), "staging");
    let slices: Api<EndpointSlice> = Api::default_namespaced(client.clone());
    let sizes = async || {
        let found = slices.list(&ListParams::default().labels("kubernetes.io/service-name=task-api")).await.unwrap();
        let mut sizes: Vec<usize> = found.items.iter().map(|slice| slice.endpoints.as_ref().map_or(0, Vec::len)).collect();
        sizes.sort_unstable();
        sizes
    };
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(sizes().await, [30, 100, 100]);
    let deployments: Api<k8s_openapi::api::apps::v1::Deployment> = Api::default_namespaced(client);
    let fewer = kube::api::Patch::Merge(json!({"spec": {"replicas": 90}}));
    deployments.patch("task-api", &kube::api::PatchParams::default(), &fewer).await.unwrap();
    tokio::time::sleep(Duration::from_mins(1)).await;
    assert_eq!(sizes().await, [90]);
}

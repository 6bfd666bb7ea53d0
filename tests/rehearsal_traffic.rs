//! What the metrics of the practice cluster say when pods die and networks break.
#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use gameday::rehearsal::{MetricSink, PracticeCluster, World};
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::api::networking::v1::NetworkPolicy;
use kube::Client;
use kube::api::{Api, ApiResource, DeleteParams, DynamicObject, ListParams, PostParams};
use serde_json::json;

type Samples = Arc<Mutex<Vec<(String, Vec<(i64, f64)>)>>>;

#[derive(Clone, Default)]
struct Shelf(Samples);

impl MetricSink for Shelf {
    fn series(&mut self, labels: &[(&str, &str)]) -> usize {
        let mut series = self.0.lock().unwrap();
        let mut labels: Vec<String> = labels.iter().map(|(k, v)| format!("{k}={v}")).collect();
        labels.sort();
        let name = labels.join(",");
        series.iter().position(|(known, _)| *known == name).unwrap_or_else(|| {
            series.push((name, Vec::new()));
            series.len() - 1
        })
    }

    fn sample(&mut self, series: usize, at_ms: i64, value: f64) {
        self.0.lock().unwrap()[series].1.push((at_ms, value));
    }
}

impl Shelf {
    /// How much the series with all these parts have grown in the last seconds.
    fn growth(&self, parts: &[&str], seconds: i64) -> f64 {
        let samples = self.0.lock().unwrap();
        let newest = samples.iter().filter_map(|(_, s)| s.last()).map(|s| s.0).max().unwrap();
        samples
            .iter()
            .filter(|(series, _)| parts.iter().all(|part| series.contains(part)))
            .map(|(_, s)| {
                let from = s.iter().rev().find(|(at, _)| *at <= newest - seconds * 1000).map_or(0.0, |s| s.1);
                s.last().unwrap().1 - from
            })
            .sum()
    }
}

async fn network_chaos(client: &Client, spec: serde_json::Value) {
    chaos(client, "NetworkChaos", spec).await;
}

async fn chaos(client: &Client, kind: &str, spec: serde_json::Value) -> Api<DynamicObject> {
    let resource = ApiResource {
        group: "chaos-mesh.org".into(),
        version: "v1alpha1".into(),
        api_version: "chaos-mesh.org/v1alpha1".into(),
        kind: kind.into(),
        plural: kind.to_lowercase(),
    };
    let api: Api<DynamicObject> = Api::default_namespaced_with(client.clone(), &resource);
    let mut value = json!({"apiVersion": "chaos-mesh.org/v1alpha1", "kind": kind, "metadata": {"name": "it"}, "spec": spec});
    value["spec"]["selector"] = json!({"labelSelectors": {"app": "task-api"}});
    api.create(&PostParams::default(), &serde_json::from_value(value).unwrap()).await.unwrap();
    api
}

fn start(world: World) -> (PracticeCluster, Client, Shelf) {
    let cluster = PracticeCluster::start(world, 9);
    let shelf = Shelf::default();
    cluster.scrape_into(Box::new(shelf.clone()));
    let client = Client::new(cluster.service(), "staging");
    (cluster, client, shelf)
}

const SECONDS: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn quiet_traffic_should_be_answered_without_errors() {
    let (_cluster, _client, shelf) = start(World::task_api("staging"));
    assert!(shelf.growth(&["http_requests_total", "code=200"], 60) > 3000.0, "there is a past to take rates of");
    tokio::time::sleep(30 * SECONDS).await;
    let rate = shelf.growth(&["http_requests_total", "code=200"], 30) / 30.0;
    assert!((50.0..70.0).contains(&rate), "{rate}");
    assert!(shelf.growth(&["http_requests_total", "code=5"], 30) < 1.0);
    let mean = shelf.growth(&["duration_seconds_sum"], 30) / shelf.growth(&["duration_seconds_count"], 30);
    assert!((0.02..0.06).contains(&mean), "{mean}");
    let all = shelf.growth(&["duration_seconds_bucket", "le=+Inf"], 30) - shelf.growth(&["duration_seconds_count"], 30);
    assert!(all.abs() < 0.5, "{all}");
}

#[tokio::test(start_paused = true)]
async fn killing_a_pod_should_cost_a_few_requests() {
    let (_cluster, client, shelf) = start(World::task_api("staging"));
    tokio::time::sleep(5 * SECONDS).await;
    let pods: Api<Pod> = Api::default_namespaced(client);
    let name = pods.list(&ListParams::default()).await.unwrap().items[0].metadata.name.clone().unwrap();
    pods.delete(&name, &DeleteParams::default().grace_period(0)).await.unwrap();
    tokio::time::sleep(10 * SECONDS).await;
    let lost = shelf.growth(&["http_requests_total", "code=5"], 12);
    assert!((1.0..30.0).contains(&lost), "{lost}");
    tokio::time::sleep(20 * SECONDS).await;
    assert!(shelf.growth(&["http_requests_total", "code=5"], 15) < 1.0);
}

#[tokio::test(start_paused = true)]
async fn delay_should_slow_answers_and_loss_should_fail_some() {
    let (_cluster, client, shelf) = start(World::task_api("staging"));
    network_chaos(&client, json!({"action": "delay", "mode": "all", "delay": {"latency": "300ms"}})).await;
    tokio::time::sleep(20 * SECONDS).await;
    let mean = shelf.growth(&["duration_seconds_sum"], 10) / shelf.growth(&["duration_seconds_count"], 10);
    assert!((0.3..0.4).contains(&mean), "{mean}");
    let (_cluster, client, shelf) = start(World::task_api("staging"));
    network_chaos(&client, json!({"action": "loss", "mode": "all", "loss": {"loss": "60"}})).await;
    tokio::time::sleep(20 * SECONDS).await;
    let failed = shelf.growth(&["http_requests_total", "code=5"], 10) / shelf.growth(&["http_requests_total"], 10);
    assert!((0.05..0.6).contains(&failed), "{failed}");
}

#[tokio::test(start_paused = true)]
async fn partition_from_the_database_should_fail_its_callers() {
    let (_cluster, client, shelf) = start(World::task_api_with_db("staging"));
    tokio::time::sleep(5 * SECONDS).await;
    assert!(shelf.growth(&["http_requests_total", "code=5"], 300) < 1.0);
    let target = json!({"mode": "all", "selector": {"labelSelectors": {"app": "task-db"}}});
    network_chaos(&client, json!({"action": "partition", "mode": "one", "direction": "both", "duration": "10s", "target": target})).await;
    tokio::time::sleep(9 * SECONDS).await;
    let failed = shelf.growth(&["http_requests_total", "code=5", "task-api"], 5) / shelf.growth(&["http_requests_total", "task-api"], 5);
    assert!((0.2..0.45).contains(&failed), "one of three: {failed}");
    tokio::time::sleep(20 * SECONDS).await;
    assert!(shelf.growth(&["http_requests_total", "code=5"], 10) < 1.0);
}

#[tokio::test(start_paused = true)]
async fn network_policy_should_let_through_what_it_allows_and_drop_the_rest() {
    let (_cluster, client, shelf) = start(World::task_api_with_db("staging"));
    let policies: Api<NetworkPolicy> = Api::default_namespaced(client.clone());
    let policy = |name: &str, spec: serde_json::Value| -> NetworkPolicy {
        serde_json::from_value(
            json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": name}, "spec": spec}),
        )
        .unwrap()
    };
    let database = json!({"matchLabels": {"app": "task-db"}});
    let deny = policy("deny", json!({"podSelector": database, "policyTypes": ["Ingress"]}));
    policies.create(&PostParams::default(), &deny).await.unwrap();
    tokio::time::sleep(20 * SECONDS).await;
    let failed = |shelf: &Shelf| shelf.growth(&["http_requests_total", "code=5", "task-api"], 8);
    assert!(failed(&shelf) > 200.0, "nobody reaches the database: {}", failed(&shelf));
    let silent = shelf.growth(&["http_requests_total", "code=502"], 8) + shelf.growth(&["http_requests_total", "code=503"], 8);
    assert!(silent < 1.0, "dropped, not refused");
    // what one policy allows is allowed, whatever others do not say
    let peers = |app: &str| json!([{"podSelector": {"matchLabels": {"app": app}}}]);
    let open =
        |app: &str, port: serde_json::Value| json!({"podSelector": database, "ingress": [{"from": peers(app), "ports": [{"port": port}]}]});
    policies.create(&PostParams::default(), &policy("others", open("somebody", json!(8080)))).await.unwrap();
    policies.create(&PostParams::default(), &policy("port", open("task-api", json!(1)))).await.unwrap();
    tokio::time::sleep(20 * SECONDS).await;
    assert!(failed(&shelf) > 200.0, "neither the caller nor the port is meant");
    policies.create(&PostParams::default(), &policy("allow", open("task-api", json!("http")))).await.unwrap();
    tokio::time::sleep(20 * SECONDS).await;
    assert!(failed(&shelf) < 1.0, "{}", failed(&shelf));
    // the other way: who may send nowhere but to one block
    let block = |cidr: &str| json!({"podSelector": {"matchLabels": {"app": "task-api"}}, "policyTypes": ["Egress"], "egress": [{"to": [{"ipBlock": {"cidr": cidr}}]}]});
    policies.create(&PostParams::default(), &policy("egress", block("192.168.0.0/16"))).await.unwrap();
    tokio::time::sleep(20 * SECONDS).await;
    assert!(failed(&shelf) > 200.0);
    policies.delete("egress", &DeleteParams::default()).await.unwrap();
    policies.create(&PostParams::default(), &policy("egress", block("10.244.0.0/16"))).await.unwrap();
    tokio::time::sleep(20 * SECONDS).await;
    assert!(failed(&shelf) < 1.0);
    policies.delete("deny", &DeleteParams::default()).await.unwrap();
}

#[test]
fn equal_seeds_should_give_equal_metrics() {
    let run = |seed| {
        tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap().block_on(async move {
            let cluster = PracticeCluster::start(World::task_api_with_db("staging"), seed);
            let shelf = Shelf::default();
            cluster.scrape_into(Box::new(shelf.clone()));
            let client = Client::new(cluster.service(), "staging");
            network_chaos(&client, json!({"action": "delay", "mode": "fixed-percent", "value": "50", "duration": "5s", "delay": {"latency": "100ms", "jitter": "50ms"}})).await;
            let pods: Api<Pod> = Api::default_namespaced(client);
            pods.delete_collection(&DeleteParams::default(), &ListParams::default().labels("app=task-api")).await.unwrap();
            tokio::time::sleep(20 * SECONDS).await;
            shelf.0.lock().unwrap().clone()
        })
    };
    let first = run(1);
    assert!(first.len() > 100);
    assert!(first == run(1), "equal seeds gave different samples");
    assert!(first != run(2));
}

#[tokio::test(start_paused = true)]
async fn http_chaos_should_stand_between_a_pod_and_its_requests_until_it_is_lifted() {
    let (_cluster, client, shelf) = start(World::task_api("staging"));
    tokio::time::sleep(Duration::from_secs(20)).await;
    // What is on another port, or for who posts, leaves the probes alone.
    let spec = |port: u16| json!({"mode": "all", "target": "Request", "port": port, "method": "POST", "abort": true});
    let api = chaos(&client, "HTTPChaos", spec(9999)).await;
    tokio::time::sleep(Duration::from_secs(20)).await;
    assert!(shelf.growth(&["http_requests_total", "code=5"], 20) < 1.0, "nobody listens there");
    api.delete("it", &DeleteParams::default()).await.unwrap();
    tokio::time::sleep(Duration::from_secs(5)).await;
    chaos(&client, "HTTPChaos", spec(8080)).await;
    tokio::time::sleep(Duration::from_secs(20)).await;
    let posts = shelf.growth(&["http_requests_total", "method=POST"], 10);
    let failed = shelf.growth(&["http_requests_total", "code=502", "method=POST"], 10);
    assert!(failed > 0.9 * posts && posts > 10.0, "{failed} of {posts}");
    assert!(shelf.growth(&["http_requests_total", "code=5", "method=GET"], 10) < 1.0);
    api.delete("it", &DeleteParams::default()).await.unwrap();
    tokio::time::sleep(Duration::from_secs(25)).await;
    assert!(shelf.growth(&["http_requests_total", "code=5"], 15) < 1.0, "lifted");
}

#[tokio::test(start_paused = true)]
async fn http_chaos_on_everything_should_fail_the_probes_too() {
    let (_cluster, client, shelf) = start(World::task_api("staging"));
    tokio::time::sleep(Duration::from_secs(20)).await;
    chaos(&client, "HTTPChaos", json!({"mode": "one", "target": "Response", "port": 8080, "path": "/health*", "abort": true})).await;
    tokio::time::sleep(Duration::from_mins(1)).await;
    let pods: Api<Pod> = Api::default_namespaced(client);
    let ready =
        |pod: &Pod| pod.status.as_ref().unwrap().conditions.as_ref().unwrap().iter().any(|c| c.type_ == "Ready" && c.status == "True");
    assert_eq!(pods.list(&ListParams::default()).await.unwrap().items.iter().filter(|pod| !ready(pod)).count(), 1);
    assert!(shelf.growth(&["http_requests_total", "code=5"], 15) < 1.0, "nobody asks a pod that is not ready");
}

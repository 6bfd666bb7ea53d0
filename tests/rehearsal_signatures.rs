//! Each fault leaves its own marks on the metrics: told by how they relate, not by magic numbers.
#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

use std::time::Duration;

use gameday::rehearsal::{Backend, BackendRequest, PracticeCluster, Prometheus, World};
use k8s_openapi::api::core::v1::Pod;
use kube::Client;
use kube::api::{Api, ApiResource, DeleteParams, DynamicObject, ListParams, PostParams};
use serde_json::{Value, json};

const SECOND: Duration = Duration::from_secs(1);

/// A world under load, with its Prometheus.
struct Stage {
    cluster: PracticeCluster,
    client: Client,
    prometheus: Prometheus,
}

impl Stage {
    fn new(world: World) -> Self {
        let cluster = PracticeCluster::start(world, 11);
        let prometheus = Prometheus::new();
        cluster.scrape_into(Box::new(prometheus.clone()));
        let client = Client::new(cluster.service(), "staging");
        Self { cluster, client, prometheus }
    }

    fn get(&self, path: &str) -> Value {
        let request = BackendRequest {
            method: "GET".to_owned(),
            path_and_query: path.to_owned(),
            content_type: String::new(),
            body: Vec::new(),
            at: self.cluster.now(),
        };
        serde_json::from_slice(&self.prometheus.answer(&request).body).unwrap()
    }

    /// The one number that a query answers; none where there is none.
    fn ask(&self, query: &str) -> Option<f64> {
        let encoded = query.replace('%', "%25").replace('+', "%2B").replace('&', "%26").replace('=', "%3D");
        let answer = self.get(&format!("/api/v1/query?query={encoded}"));
        assert_eq!(answer["status"], "success", "{query}: {answer}");
        let result = answer["data"]["result"].as_array().unwrap();
        assert!(result.len() <= 1, "{query}: {answer}");
        result.first().map(|one| one["value"][1].as_str().unwrap().parse().unwrap())
    }

    fn rate(&self, matchers: &str, window: u32) -> f64 {
        self.ask(&format!("sum(rate(http_requests_total{{{matchers}}}[{window}s]))")).unwrap_or(0.0)
    }

    fn quantile(&self, q: f64, app: &str, window: u32) -> f64 {
        let query =
            format!("histogram_quantile({q}, sum by (le) (rate(http_request_duration_seconds_bucket{{app=\"{app}\"}}[{window}s])))");
        self.ask(&query).unwrap_or(f64::NAN)
    }

    /// One line for a person to judge.
    fn line(&self, app: &str) -> String {
        let code = |code: &str| self.rate(&format!("app=\"{app}\",code=~\"{code}\""), 3);
        format!(
            "200 {:6.1}  500 {:5.1}  502 {:5.1}  503 {:5.1}  504 {:5.1}  p50 {:6.3}  p99 {:6.3}  in flight {:4}  cpu {:5.3}  throttled {:4.1}  up {}",
            code("200"),
            code("500"),
            code("502"),
            code("503"),
            code("504"),
            self.quantile(0.5, app, 3),
            self.quantile(0.99, app, 3),
            self.ask(&format!("sum(http_requests_in_flight{{app=\"{app}\"}})")).unwrap_or(0.0),
            self.ask(&format!("sum(rate(container_cpu_usage_seconds_total{{container=\"{app}\"}}[3s]))")).unwrap_or(0.0),
            self.ask(&format!("sum(rate(container_cpu_cfs_throttled_periods_total{{container=\"{app}\"}}[3s]))")).unwrap_or(0.0),
            self.ask(&format!("sum(up{{app=\"{app}\"}})")).unwrap_or(0.0),
        )
    }

    async fn chaos(&self, kind: &str, name: &str, spec: Value) {
        let resource = ApiResource {
            group: "chaos-mesh.org".into(),
            version: "v1alpha1".into(),
            api_version: "chaos-mesh.org/v1alpha1".into(),
            kind: kind.into(),
            plural: kind.to_lowercase(),
        };
        let api: Api<DynamicObject> = Api::default_namespaced_with(self.client.clone(), &resource);
        let value = json!({"apiVersion": "chaos-mesh.org/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec});
        api.create(&PostParams::default(), &serde_json::from_value(value).unwrap()).await.unwrap();
    }

    async fn kill_one(&self, app: &str) {
        let pods: Api<Pod> = Api::default_namespaced(self.client.clone());
        let list = pods.list(&ListParams::default().labels(&format!("app={app}"))).await.unwrap();
        let name = list.items[0].metadata.name.clone().unwrap();
        pods.delete(&name, &DeleteParams::default().grace_period(0)).await.unwrap();
    }

    async fn watch(&self, title: &str, app: &str, seconds: u32) {
        println!("\n== {title}");
        for second in 0..seconds {
            tokio::time::sleep(SECOND).await;
            println!("{second:3} {}", self.line(app));
        }
    }
}

fn selected(app: &str) -> Value {
    json!({"labelSelectors": {"app": app}})
}

#[tokio::test(start_paused = true)]
async fn look() {
    let stage = Stage::new(World::task_api_with_db("staging"));
    stage.watch("quiet", "task-api", 10).await;
    stage.kill_one("task-api").await;
    stage.watch("killed one", "task-api", 15).await;
    stage.chaos("NetworkChaos", "delay", json!({"action": "delay", "mode": "all", "duration": "12s", "selector": selected("task-api"), "delay": {"latency": "200ms", "jitter": "20ms"}})).await;
    stage.watch("delay 200 ms", "task-api", 20).await;
    stage
        .chaos(
            "NetworkChaos",
            "loss",
            json!({"action": "loss", "mode": "all", "duration": "12s", "selector": selected("task-api"), "loss": {"loss": "50"}}),
        )
        .await;
    stage.watch("loss 50 %", "task-api", 20).await;
    stage.chaos("NetworkChaos", "cut", json!({"action": "partition", "mode": "one", "duration": "12s", "direction": "both", "selector": selected("task-api"), "target": {"mode": "all", "selector": selected("task-db")}})).await;
    stage.watch("partition of one from the database", "task-api", 20).await;
    stage.chaos("NetworkChaos", "cutdb", json!({"action": "delay", "mode": "all", "duration": "12s", "direction": "to", "selector": selected("task-db"), "delay": {"latency": "600ms"}})).await;
    stage.watch("slow database", "task-api", 20).await;
    println!("{}", stage.get("/api/v1/query?query=ALERTS")["data"]["result"]);
}

//! Each fault leaves its own marks on the metrics: told by how they relate, not by magic numbers.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test stops where it fails, and says what a person would read off the charts"
)]

use std::time::Duration;

use gameday::rehearsal::{Backend, BackendRequest, PracticeCluster, Prometheus, World};
use k8s_openapi::api::core::v1::Pod;
use kube::Client;
use kube::api::{Api, ApiResource, DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams};
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
        let encoded = query.replace('%', "%25").replace('+', "%2B").replace('&', "%26").replace('=', "%3D").replace(' ', "%20");
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

    /// Lives on, and tells what a person would read off the charts over the last seconds.
    async fn marks(&self, app: &str, seconds: u32) -> Marks {
        // what just began is not yet what it will be
        self.marks_over(app, seconds, seconds.saturating_sub(3).max(2)).await
    }

    async fn marks_over(&self, app: &str, seconds: u32, window: u32) -> Marks {
        tokio::time::sleep(SECOND * seconds).await;
        let code = |code: &str| self.rate(&format!("app=\"{app}\",code=~\"{code}\""), window);
        let sum = |query: &str| self.ask(&format!("sum({query})")).unwrap_or(0.0);
        println!("{}", self.line(app));
        Marks {
            good: code("2.."),
            own_errors: code("500"),
            refused: code("502|503"),
            timeouts: code("504"),
            p50: self.quantile(0.5, app, window),
            p99: self.quantile(0.99, app, window),
            in_flight: sum(&format!("avg_over_time(http_requests_in_flight{{app=\"{app}\"}}[{window}s])")),
            cpu: sum(&format!("rate(container_cpu_usage_seconds_total{{container=\"{app}\"}}[{window}s])")),
            throttled: sum(&format!("rate(container_cpu_cfs_throttled_periods_total{{container=\"{app}\"}}[{window}s])")),
            memory: sum(&format!("container_memory_working_set_bytes{{container=\"{app}\"}}")),
        }
    }
}

/// What charts show of a service.
#[derive(Debug)]
struct Marks {
    good: f64,
    own_errors: f64,
    refused: f64,
    timeouts: f64,
    p50: f64,
    p99: f64,
    in_flight: f64,
    cpu: f64,
    throttled: f64,
    memory: f64,
}

impl Marks {
    fn errors(&self) -> f64 {
        self.own_errors + self.refused + self.timeouts
    }
}

fn selected(app: &str) -> Value {
    json!({"labelSelectors": {"app": app}})
}

/// The task API with its database; a pod of it may use a fifth of a core.
fn world() -> World {
    let mut world = World::task_api_with_db("staging");
    for workload in &mut world.workloads {
        for container in &mut workload.containers {
            container.cpu_limit_millis = Some(200);
            container.memory_limit_mib = Some(256);
        }
    }
    world
}

async fn calm() -> (Stage, Marks) {
    let stage = Stage::new(world());
    let marks = stage.marks("task-api", 10).await;
    assert!(marks.errors() < 0.01 && marks.good > 40.0, "{marks:?}");
    assert!(marks.p99 > marks.p50 && marks.p99 < 0.25, "{marks:?}");
    (stage, marks)
}

#[tokio::test(start_paused = true)]
async fn kill_should_cost_some_requests_and_no_more() {
    let (stage, calm) = calm().await;
    stage.kill_one("task-api").await;
    let hurt = stage.marks_over("task-api", 4, 5).await;
    assert!(hurt.refused > 0.1, "connections are refused or cut: {hurt:?}");
    assert!(hurt.errors() < 0.2 * hurt.good, "the others carry on: {hurt:?}");
    let after = stage.marks("task-api", 10).await;
    assert!(after.errors() < 0.01 && after.p50 < 1.5 * calm.p50, "{after:?}");
}

#[tokio::test(start_paused = true)]
async fn two_pods_should_carry_the_load_of_three_slower() {
    let (stage, calm) = calm().await;
    // it cannot come back: nobody will take another pod
    let deployments: Api<k8s_openapi::api::apps::v1::Deployment> = Api::default_namespaced(stage.client.clone());
    let two = json!({"spec": {"replicas": 2}});
    deployments.patch("task-api", &PatchParams::default(), &Patch::Merge(&two)).await.unwrap();
    tokio::time::sleep(5 * SECOND).await;
    let marks = stage.marks("task-api", 20).await;
    assert!(marks.errors() < 0.01, "{marks:?}");
    assert!(marks.p50 > 1.05 * calm.p50 && marks.p99 > 1.05 * calm.p99, "each has half as much again to do: {calm:?} {marks:?}");
    let one = json!({"spec": {"replicas": 1}});
    deployments.patch("task-api", &PatchParams::default(), &Patch::Merge(&one)).await.unwrap();
    tokio::time::sleep(10 * SECOND).await;
    let last = stage.marks("task-api", 20).await;
    assert!(last.p50 > 5.0 * calm.p50, "one alone is at its end: {last:?}");
    assert!(last.in_flight > 10.0 * calm.in_flight.max(0.5), "a queue grows: {last:?}");
    assert!(last.throttled > 5.0, "its CPU is used up: {last:?}");
}

#[tokio::test(start_paused = true)]
async fn delay_should_slow_everything_and_fail_nothing() {
    let (stage, calm) = calm().await;
    let delay = json!({"latency": "200ms", "jitter": "10ms"});
    stage.chaos("NetworkChaos", "slow", json!({"action": "delay", "mode": "all", "selector": selected("task-api"), "delay": delay})).await;
    let marks = stage.marks("task-api", 12).await;
    assert!(marks.errors() < 0.01, "{marks:?}");
    assert!(marks.p50 > calm.p50 + 0.2, "{marks:?}");
    assert!(marks.good > 0.8 * calm.good && marks.in_flight > 3.0 * calm.in_flight, "as many, but longer under way: {marks:?}");
    assert!(marks.cpu < 1.5 * calm.cpu, "waiting costs no CPU: {marks:?}");
}

#[tokio::test(start_paused = true)]
async fn loss_should_fail_some_and_leave_others_fast() {
    let (stage, calm) = calm().await;
    stage
        .chaos("NetworkChaos", "lossy", json!({"action": "loss", "mode": "all", "selector": selected("task-api"), "loss": {"loss": "25"}}))
        .await;
    let marks = stage.marks("task-api", 12).await;
    // probes are lost like anything else: a pod that misses one is taken out, so that errors are more than those of the callers' patience
    assert!(marks.timeouts + marks.own_errors > 0.02 * marks.good && marks.good > 1.0, "{marks:?}");
    let fast = stage.quantile(0.1, "task-api", 8);
    assert!(fast < 3.0 * calm.p50, "who is lucky sees nothing: {fast}");
    assert!(marks.p99 > 0.9 && marks.p99 > 2.5 * marks.p50, "who is not waits for one resend after the other: {marks:?}");
}

#[tokio::test(start_paused = true)]
async fn partition_should_be_waited_for_and_then_fail() {
    let (stage, calm) = calm().await;
    let target = json!({"mode": "all", "selector": selected("task-db")});
    let cut = json!({"action": "partition", "mode": "one", "direction": "both", "selector": selected("task-api"), "target": target});
    stage.chaos("NetworkChaos", "cut", cut).await;
    let marks = stage.marks("task-api", 12).await;
    let share = marks.own_errors / (marks.good + marks.errors());
    assert!((0.2..0.45).contains(&share), "one of three: {marks:?}");
    assert!(marks.refused < 0.01, "nobody refuses, there is silence: {marks:?}");
    assert!(marks.p50 < 2.0 * calm.p50 && marks.p99 > 0.99, "two serve as ever, one waits for its timeout: {marks:?}");
    assert!(marks.in_flight > 3.0 * calm.in_flight, "{marks:?}");
    let calls = |outcome: &str| {
        let matchers = format!("app=\"task-api\",host=\"task-db\",outcome=\"{outcome}\"");
        stage.ask(&format!("sum(rate(http_client_requests_total{{{matchers}}}[8s]))")).unwrap_or(0.0)
    };
    assert!(calls("timeout") > 5.0 && calls("200") > 20.0, "the caller gave the database up: {} {}", calls("timeout"), calls("200"));
    assert!(stage.rate("app=\"task-db\",code=~\"5..\"", 8) < 0.01, "who is not reached has failed nobody");
    let alerting = |app: &str| stage.ask(&format!("ALERTS{{alertname=\"HighErrorRate\",app=\"{app}\",alertstate=\"firing\"}}"));
    assert_eq!((alerting("task-api"), alerting("task-db")), (Some(1.0), None));
}

#[tokio::test(start_paused = true)]
async fn cpu_stress_should_throttle_and_queue() {
    let (stage, calm) = calm().await;
    let stressors = json!({"cpu": {"workers": 2, "load": 100}});
    stage.chaos("StressChaos", "busy", json!({"mode": "all", "selector": selected("task-api"), "stressors": stressors})).await;
    let marks = stage.marks("task-api", 15).await;
    assert!(marks.p50 > 1.5 * calm.p50, "{calm:?} {marks:?}");
    assert!(calm.throttled < 1.0 && marks.throttled > 20.0, "three pods, ten periods a second each: {calm:?} {marks:?}");
    assert!(marks.cpu > 2.0 * calm.cpu && marks.cpu < 0.7, "as much as the limits allow: {marks:?}");
}

#[tokio::test(start_paused = true)]
async fn memory_stress_should_fill_memory_and_slow_nothing() {
    let (stage, calm) = calm().await;
    let stressors = json!({"memory": {"workers": 1, "size": "64MB"}});
    stage.chaos("StressChaos", "full", json!({"mode": "all", "selector": selected("task-api"), "stressors": stressors})).await;
    let marks = stage.marks("task-api", 10).await;
    assert!(marks.memory > calm.memory + 150e6, "{calm:?} {marks:?}");
    assert!(marks.p50 < 1.3 * calm.p50 && marks.errors() < 0.5, "{marks:?}");
}

#[tokio::test(start_paused = true)]
async fn slow_database_should_be_felt_by_its_callers() {
    let (stage, calm) = calm().await;
    let delay = json!({"latency": "400ms"});
    stage.chaos("NetworkChaos", "slow", json!({"action": "delay", "mode": "all", "selector": selected("task-db"), "delay": delay})).await;
    let marks = stage.marks("task-api", 12).await;
    assert!(marks.p50 > calm.p50 + 0.35, "{marks:?}");
    assert!(marks.in_flight > 5.0 * calm.in_flight, "workers wait: {marks:?}");
}

#[tokio::test(start_paused = true)]
async fn gap_should_leave_a_hole_in_the_series() {
    let stage = Stage::new(world());
    tokio::time::sleep(5 * SECOND).await;
    let count = |window: u32| stage.ask(&format!("count_over_time(up{{job=\"kube-state-metrics\"}}[{window}s])")).unwrap_or(0.0);
    let before = count(5);
    stage.cluster.trouble().befall("prometheus-gap@10ms+20s".parse().unwrap());
    tokio::time::sleep(20 * SECOND).await;
    assert!(before >= 4.0 && count(15) < 0.5, "{before} {}", count(15));
    tokio::time::sleep(5 * SECOND).await;
    assert!(count(30) > 3.0 && count(30) < 16.0, "{}", count(30));
}

#[tokio::test(start_paused = true)]
async fn api_should_answer_as_prometheus_does() {
    let stage = Stage::new(world());
    tokio::time::sleep(3 * SECOND).await;
    let data = |path: &str| {
        let answer = stage.get(path);
        assert_eq!(answer["status"], "success", "{path}: {answer}");
        answer["data"].clone()
    };
    let jobs = data("/api/v1/label/job/values");
    assert_eq!(jobs, json!(["kube-state-metrics", "kubelet", "task-api", "task-db"]));
    assert!(data("/api/v1/labels").as_array().unwrap().contains(&json!("container")));
    let series = data("/api/v1/series?match[]=up%7Bjob%3D%22task-api%22%7D");
    assert_eq!(series.as_array().unwrap().len(), 3);
    assert_eq!(series[0]["__name__"], "up");
    let targets = data("/api/v1/targets");
    let active = targets["activeTargets"].as_array().unwrap();
    assert_eq!(active.len(), 3 + 1 + 3 + 1, "{targets}");
    assert!(active.iter().all(|target| target["health"] == "up" && target["lastScrape"].is_string()));
    assert_eq!(data("/api/v1/metadata?metric=http_requests_total")["http_requests_total"][0]["type"], "counter");
    assert_eq!(data("/api/v1/alerts"), json!({"alerts": []}));
    let groups = data("/api/v1/rules?type=alert");
    assert!(groups["groups"][0]["rules"].as_array().unwrap().iter().all(|rule| rule["health"] == "ok" && rule["state"] == "inactive"));
    assert!(data("/api/v1/status/buildinfo")["version"].is_string());
    for (path, kind, told) in [
        ("/api/v1/query?query=up+%3D", "bad_data", "parse error"),
        ("/api/v1/query?query=up&time=noon", "bad_data", "invalid parameter \"time\": cannot parse \"noon\" to a valid timestamp"),
        ("/api/v1/query_range?query=up&start=2&end=1&step=1", "bad_data", "end timestamp must not be before start time"),
        ("/api/v1/query_range?query=up&start=1&end=2&step=0", "bad_data", "zero or negative query resolution step widths"),
        (
            "/api/v1/query_range?query=up&start=1&end=2&step=x",
            "bad_data",
            "invalid parameter \"step\": cannot parse \"x\" to a valid duration",
        ),
        ("/api/v1/series", "bad_data", "no match[] parameter provided"),
        ("/api/v1/query?query=up+*+on(job)+up", "execution", "many-to-many matching not allowed"),
    ] {
        let answer = stage.get(path);
        assert_eq!((&answer["status"], &answer["errorType"]), (&json!("error"), &json!(kind)), "{path}: {answer}");
        assert!(answer["error"].as_str().unwrap().contains(told), "{path}: {answer}");
    }
}

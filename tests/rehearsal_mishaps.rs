//! What `--break` breaks in the practice cluster, as a client and as Prometheus see it, and that it is over when its time is.
#![expect(clippy::unwrap_used, clippy::panic, clippy::cast_precision_loss, reason = "a test stops where it fails")]

mod support;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::Stdio;
use std::time::Duration;

use futures::StreamExt;
use gameday::rehearsal::{Backend as _, BackendRequest, PracticeCluster, Prometheus, World};
use http::Request;
use k8s_openapi::api::core::v1::{ContainerStatus, Pod};
use kube::Client;
use kube::api::{Api, DeleteParams, ListParams, WatchEvent, WatchParams};
use kube::client::Body;
use serde_json::{Value, json};
use support::{gameday, scratch, until};

/// A cluster on which this goes wrong, with its Prometheus.
struct Stage {
    cluster: PracticeCluster,
    metrics: Prometheus,
    client: Client,
}

impl Stage {
    fn new(breaks: &[&str]) -> Self {
        Self::of(World::task_api("staging"), breaks)
    }

    fn of(mut world: World, breaks: &[&str]) -> Self {
        world.mishaps = breaks.iter().map(|text| text.parse().unwrap()).collect();
        let cluster = PracticeCluster::start(world, 3);
        let metrics = Prometheus::new();
        cluster.register_backend("monitoring", "prometheus-server", std::sync::Arc::new(metrics.clone()));
        cluster.scrape_into(Box::new(metrics.clone()));
        let client = Client::new(cluster.service(), "staging");
        Self { cluster, metrics, client }
    }

    async fn ask(&self, method: &str, path: &str, body: &Value) -> (u16, String, Value) {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let request = Request::builder().method(method).uri(path).header("content-type", "application/json");
        let response = self.client.send(request.body(Body::from(body.into_bytes())).unwrap()).await.unwrap();
        let code = response.status().as_u16();
        let date = response.headers()["date"].to_str().unwrap().to_owned();
        let bytes = response.into_body().collect_bytes().await.unwrap();
        (code, date, serde_json::from_slice(&bytes).unwrap())
    }

    /// What a query gives now on Prometheus' own port: the values of all series.
    fn values(&self, query: &str) -> Vec<f64> {
        let encoded: Vec<String> = query.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let encoded = encoded.concat();
        let answer = self.metrics.answer(&BackendRequest {
            method: "GET".to_owned(),
            path_and_query: format!("/api/v1/query?query={encoded}"),
            content_type: String::new(),
            body: Vec::new(),
            at: self.cluster.now(),
        });
        let answer: Value = serde_json::from_slice(&answer.body).unwrap();
        let found = answer["data"]["result"].as_array().unwrap_or_else(|| panic!("{query}: {answer}"));
        found.iter().map(|one| one["value"][1].as_str().unwrap().parse().unwrap()).collect()
    }

    fn pods(&self) -> Api<Pod> {
        Api::default_namespaced(self.client.clone())
    }

    async fn containers(&self) -> Vec<ContainerStatus> {
        let pods = self.pods().list(&ListParams::default().labels("app=task-api")).await.unwrap();
        pods.items.into_iter().filter_map(|pod| pod.status?.container_statuses).flatten().collect()
    }

    /// How many containers wait for this reason.
    async fn waiting(&self, reason: &str) -> usize {
        let is = |status: &ContainerStatus| status.state.as_ref()?.waiting.as_ref()?.reason.clone();
        self.containers().await.iter().filter(|status| is(status).is_some_and(|found| found.contains(reason))).count()
    }

    async fn ready(&self) -> usize {
        self.containers().await.iter().filter(|status| status.ready).count()
    }
}

async fn wait(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

#[tokio::test(start_paused = true)]
async fn skewed_clock_should_show_in_the_api_and_leave_prometheus_alone() {
    let stage = Stage::new(&["clock-skew=-90s@10s+60s"]);
    let off = async || {
        let (_, date, _) = stage.ask("GET", "/version", &Value::Null).await;
        let told = chrono::DateTime::parse_from_rfc2822(&date).unwrap();
        (told.to_utc() - stage.cluster.now()).num_seconds()
    };
    let proxy = "/api/v1/namespaces/monitoring/services/prometheus-server:80/proxy/api/v1/query?query=";
    for (length, skew) in [(5, 0), (35, -90), (50, 0)] {
        wait(length).await;
        assert!((off().await - skew).abs() <= 1, "{length}: {}", off().await);
        assert_eq!(stage.values("count_over_time(up{job=\"kubelet\",node=\"node-1\"}[20s])"), [20.0], "no sample is lost");
        let (_, _, answer) = stage.ask("GET", &format!("{proxy}time()"), &Value::Null).await;
        let told = answer["data"]["result"][0].as_f64().unwrap();
        let truth = stage.cluster.now().timestamp_millis() as f64 / 1000.0;
        assert!((told - truth).abs() < 1.0, "behind the service proxy it is as late as on its own port: {told} {truth}");
        let (_, _, answer) = stage.ask("GET", &format!("{proxy}up"), &Value::Null).await;
        assert!(!answer["data"]["result"].as_array().unwrap().is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn node_down_should_be_seen_at_the_next_scrape() {
    let stage = Stage::new(&["node-down=node-1@5s+20s"]);
    let up = || stage.values("up{job=\"kubelet\",node=\"node-1\"}");
    let contained = || stage.values("container_memory_working_set_bytes{node=\"node-1\"}").len();
    wait(4).await;
    assert_eq!((up(), contained() > 0), (vec![1.0], true));
    wait(3).await;
    assert_eq!((up(), contained()), (vec![0.0], 0), "the API server does not know yet");
    assert_eq!(stage.values("sum(up{job=\"kubelet\"})"), [2.0]);
    assert_eq!(stage.values("kube_node_status_condition{node=\"node-1\",condition=\"Ready\",status=\"true\"}"), [1.0]);
    wait(20).await;
    assert_eq!((up(), contained() > 0), (vec![1.0], true));
}

#[tokio::test(start_paused = true)]
async fn leak_should_fill_the_memory_before_it_kills() {
    let stage = Stage::new(&["leak=task-api/40s@5s+60s"]);
    let share = || {
        let used = stage.values("max(container_memory_working_set_bytes{container=\"task-api\"} / container_spec_memory_limit_bytes)");
        used[0]
    };
    wait(5).await;
    let before = share();
    wait(20).await;
    let half = share();
    wait(18).await;
    let late = share();
    assert!(before < 0.5 && half > before + 0.2 && half < 0.9 && late > 0.93 && late <= 1.0, "{before} {half} {late}");
    wait(5).await;
    let killed = |status: &ContainerStatus| status.last_state.as_ref()?.terminated.as_ref()?.reason.clone();
    let containers = stage.containers().await;
    assert!(containers.iter().all(|status| killed(status).as_deref() == Some("OOMKilled")), "{containers:?}");
    assert!(share() < 0.6, "the new process begins with little");
    wait(60).await;
    let restarts = async || stage.containers().await.iter().map(|status| status.restart_count).sum::<i32>();
    let some = restarts().await;
    wait(120).await;
    assert_eq!((restarts().await, stage.ready().await), (some, 3), "nothing leaks any more");
}

#[tokio::test(start_paused = true)]
async fn failing_pull_should_hold_a_new_pod_until_it_is_over() {
    let stage = Stage::new(&["pull-fails=task-api@2s+60s"]);
    wait(3).await;
    let name = stage.pods().list(&ListParams::default().labels("app=task-api")).await.unwrap().items[0].metadata.name.clone().unwrap();
    stage.pods().delete(&name, &DeleteParams::default().grace_period(0)).await.unwrap();
    wait(30).await;
    assert_eq!((stage.ready().await, stage.waiting("Image").await), (2, 1), "{:?}", stage.containers().await);
    wait(180).await;
    assert_eq!((stage.ready().await, stage.waiting("Image").await), (3, 0));
}

#[tokio::test(start_paused = true)]
async fn crash_should_loop_until_it_is_over() {
    let stage = Stage::new(&["crash=task-api@2s+30s"]);
    wait(20).await;
    assert_eq!((stage.ready().await, stage.waiting("CrashLoopBackOff").await), (0, 3), "{:?}", stage.containers().await);
    wait(120).await;
    assert_eq!((stage.ready().await, stage.waiting("CrashLoopBackOff").await), (3, 0));
    assert!(stage.containers().await.iter().all(|status| status.restart_count > 1));
}

#[tokio::test(start_paused = true)]
async fn lost_history_should_end_watches_from_before_it() {
    let stage = Stage::new(&["history-lost@5s"]);
    let api = stage.pods();
    let first = async |revision: &str| api.watch(&WatchParams::default().timeout(5), revision).await.unwrap().boxed().next().await;
    wait(1).await;
    let old = api.list(&ListParams::default()).await.unwrap().metadata.resource_version.unwrap();
    let name = api.list(&ListParams::default()).await.unwrap().items[0].metadata.name.clone().unwrap();
    api.delete(&name, &DeleteParams::default().grace_period(0)).await.unwrap();
    wait(15).await;
    match api.watch(&WatchParams::default().timeout(5), &old).await {
        Ok(events) => {
            let first = events.boxed().next().await;
            assert!(matches!(&first, Some(Ok(WatchEvent::Error(why))) if why.code == 410), "{first:?}");
        }
        Err(why) => assert!(why.to_string().contains("too old"), "{why}"),
    }
    let new = api.list(&ListParams::default()).await.unwrap().metadata.resource_version.unwrap();
    assert!(first(&new).await.is_none_or(|event| !matches!(event, Ok(WatchEvent::Error(_)))));
}

#[tokio::test(start_paused = true)]
async fn controller_that_is_down_should_refuse_and_come_back() {
    let stage = Stage::new(&["controller-down@2s+20s"]);
    let chaos = |name: &str| {
        json!({"apiVersion": "chaos-mesh.org/v1alpha1", "kind": "PodChaos", "metadata": {"name": name},
            "spec": {"action": "pod-kill", "mode": "one", "selector": {"labelSelectors": {"app": "task-api"}}}})
    };
    let path = "/apis/chaos-mesh.org/v1alpha1/namespaces/staging/podchaos";
    wait(5).await;
    let (code, _, why) = stage.ask("POST", path, &chaos("down")).await;
    assert!(code == 500 && why["message"].as_str().unwrap().contains("failed calling webhook"), "{why}");
    wait(20).await;
    assert_eq!(stage.ask("POST", path, &chaos("up")).await.0, 201);
    wait(2).await;
    let (_, _, chaos) = stage.ask("GET", &format!("{path}/up"), &Value::Null).await;
    assert_eq!(chaos["status"]["experiment"]["containerRecords"][0]["phase"], "Injected", "{chaos}");
}

#[tokio::test(start_paused = true)]
async fn names_that_are_not_found_should_cost_the_calls_to_them() {
    for (action, outcome) in [("error", "refused"), ("random", "timeout")] {
        let stage = Stage::of(World::task_api_with_db("staging"), &[]);
        wait(5).await;
        let chaos = json!({"apiVersion": "chaos-mesh.org/v1alpha1", "kind": "DNSChaos", "metadata": {"name": "lost"},
            "spec": {"action": action, "mode": "all", "duration": "30s", "patterns": ["task-db*"], "selector": {"labelSelectors": {"app": "task-api"}}}});
        let path = "/apis/chaos-mesh.org/v1alpha1/namespaces/staging/dnschaos";
        assert_eq!(stage.ask("POST", path, &chaos).await.0, 201);
        let failing = || stage.values("sum(rate(http_requests_total{app=\"task-api\",code=~\"5..\"}[10s]))").iter().sum::<f64>();
        wait(15).await;
        assert!(failing() > 5.0, "{action}: {}", failing());
        let told = stage.values(&format!("sum(rate(http_client_requests_total{{host=\"task-db\",outcome=\"{outcome}\"}}[10s]))"));
        assert!(told[0] > 5.0, "{action}: {told:?}");
        wait(60).await;
        assert!(failing() < 0.1, "{action}: {}", failing());
    }
}

#[test]
fn served_outage_should_refuse_connections_and_cut_those_that_there_are() {
    let folder = scratch("served-outage");
    let mut serve = gameday(&folder);
    let args = ["rehearsal", "serve", "--break", "api-outage@2s+3s", "--kubeconfig"];
    let mut child = serve.args(args).arg(folder.join("k")).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let host = line.split("http://").nth(1).unwrap().split(',').next().unwrap().to_owned();
    let mut watch = TcpStream::connect(&host).unwrap();
    watch.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    watch.write_all(format!("GET /api/v1/pods?watch=1 HTTP/1.1\r\nHost: {host}\r\n\r\n").as_bytes()).unwrap();
    let mut told = Vec::new();
    // it ends, whichever way a cut connection does
    let _ = watch.read_to_end(&mut told);
    assert!(told.starts_with(b"HTTP/1.1 200"));
    until("connections are refused", || TcpStream::connect(&host).is_err_and(|why| why.kind() == std::io::ErrorKind::ConnectionRefused));
    until("it answers again", || TcpStream::connect(&host).is_ok());
    child.kill().unwrap();
    child.wait().unwrap();
}

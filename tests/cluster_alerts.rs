//! Alerts as criteria, from a real Prometheus with rules: it scrapes the pods, and a kill makes it fire.
#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

mod support;

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::ListParams;
use serde_json::json;
use support::cluster::{Home, client_of_a_thread, cluster, pod_kill};
use support::{json, said, scratch};

/// Of three pods one is missing; something that is always so; something that never is.
const RULES: &str = "groups:
- name: task-api
  interval: 200ms
  rules:
  - {alert: TaskApiPodMissing, expr: 'count(up{job=\"pods\"} == 1) < 3', labels: {severity: page}}
  - {alert: TaskApiPodMissingForLong, expr: 'count(up{job=\"pods\"} == 1) < 3', for: 1m}
  - {alert: AlwaysFiring, expr: 'vector(1)'}
";

/// A Prometheus of the test's own on a loopback port. It scrapes the pods of a namespace and knows [`RULES`].
struct Prometheus {
    process: Child,
    url: String,
    stop: Arc<AtomicBool>,
    finder: Option<JoinHandle<()>>,
}

impl Prometheus {
    /// `None` where the program is not installed.
    fn start(home: &Home<'_>, folder: &Path) -> Option<Prometheus> {
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let targets = folder.join("targets.json");
        fs::write(&targets, "[]").unwrap();
        fs::write(folder.join("rules.yml"), RULES).unwrap();
        let config = json!({
            "global": {"scrape_interval": "200ms", "scrape_timeout": "200ms", "evaluation_interval": "200ms"},
            "rule_files": ["rules.yml"],
            "scrape_configs": [{"job_name": "pods", "metrics_path": "/cgi-bin/metrics", "file_sd_configs": [{"files": [targets], "refresh_interval": "200ms"}]}],
        });
        fs::write(folder.join("prometheus.yml"), config.to_string()).unwrap();
        let process = Command::new("prometheus")
            .args([
                &format!("--config.file={}", folder.join("prometheus.yml").display()),
                &format!("--storage.tsdb.path={}", folder.join("data").display()),
                &format!("--web.listen-address={address}"),
            ])
            .stdout(Stdio::null())
            .stderr(fs::File::create(folder.join("prometheus.log")).unwrap())
            .spawn()
            .ok()?;
        let stop = Arc::new(AtomicBool::new(false));
        let (halt, kubeconfig, namespace) = (stop.clone(), home.cluster.kubeconfig.clone(), home.namespace.clone());
        let finder = std::thread::spawn(move || {
            let (runtime, client) = client_of_a_thread(&kubeconfig);
            let pods: Api<Pod> = Api::namespaced(client, &namespace);
            while !halt.load(Ordering::Relaxed) {
                if let Ok(pods) = runtime.block_on(pods.list(&ListParams::default())) {
                    let ips = pods.items.iter().filter_map(|pod| pod.status.as_ref()?.pod_ip.as_ref().map(|ip| format!("{ip}:8080")));
                    let new = targets.with_extension("new");
                    fs::write(&new, json!([{"targets": ips.collect::<Vec<_>>()}]).to_string()).unwrap();
                    fs::rename(&new, &targets).unwrap();
                }
                std::thread::sleep(Duration::from_millis(200));
            }
        });
        let prometheus = Prometheus { process, url: format!("http://{address}"), stop, finder: Some(finder) };
        let up = format!("{}/api/v1/query?query=count(up==1)", prometheus.url);
        support::until("all three pods to be scraped", || {
            let answer = home.cluster.runtime.block_on(async { reqwest::get(&up).await?.text().await });
            answer.is_ok_and(|text| text.contains("\"3\"]"))
        });
        Some(prometheus)
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let _ = self.process.kill();
        let _ = self.process.wait();
        if let Some(finder) = self.finder.take() {
            let _ = finder.join();
        }
    }
}

#[test]
fn alert_should_be_judged_by_when_it_fires_and_resolves() {
    let Some(cluster) = cluster() else { return };
    let home = cluster.task_api("gameday-test-alerts");
    let folder = scratch("alerts");
    let Some(prometheus) = Prometheus::start(&home, &folder) else { return println!("skipped: no prometheus on PATH") };
    let criteria = [
        ("fires and resolves", "{name: TaskApiPodMissing, firesWithin: 10s, resolvesWithin: 30s}", "held"),
        ("resolves at once", "{name: TaskApiPodMissing, firesWithin: 10s, resolvesWithin: 100ms}", "broken"),
        ("fires in time", "{name: TaskApiPodMissingForLong, firesWithin: 5s}", "broken"),
        ("ends", "{name: AlwaysFiring, firesWithin: 10s, resolvesWithin: 3s}", "broken"),
        ("exists", "{name: NobodyDefinedThis, firesWithin: 2s}", "broken"),
    ];
    let listed: String =
        criteria.iter().fold(String::new(), |text, (name, alert, _)| text + &format!("    - {{name: {name}, alert: {alert}}}\n"));
    let file = folder.join("scenario.yaml");
    let environment =
        format!("tier: staging, context: {}, namespace: {}, prometheus: {{url: '{}'}}", cluster.context, home.namespace, prometheus.url);
    fs::write(&file, pod_kill(&environment, "15s", &listed)).unwrap();
    let out = home.gameday(&folder).args(["run", "--headless"]).arg(&file).arg("--run-dir").arg(folder.join("run")).output().unwrap();
    println!("{}", said(&out));
    assert_eq!(out.status.code(), Some(1));
    let report = json(&folder.join("run/report.json"));
    for (name, _, verdict) in criteria {
        let found = report["criteria"].as_array().unwrap().iter().find(|c| c["name"] == name).unwrap();
        assert_eq!(found["verdict"], verdict, "{found}");
    }
}

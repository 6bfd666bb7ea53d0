//! A real cluster, where the environment names one for tests.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use gameday::rehearsal::clock::Clock;
use gameday::rehearsal::controllers::{Attached, chaos};
use gameday::rehearsal::world::Spread;
use http::Request;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Namespace, Service};
use kube::api::{DeleteParams, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client, Config, ResourceExt};
use serde_json::{Value, json};

static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// The test cluster, held for one test at a time.
pub struct TestCluster {
    pub kubeconfig: PathBuf,
    pub context: String,
    pub runtime: tokio::runtime::Runtime,
    _held: MutexGuard<'static, ()>,
    /// Unlocked when it is closed.
    _others: std::fs::File,
}

/// The cluster of `GAMEDAY_TEST_KUBECONFIG`; `None`, said aloud, where there is none.
/// Never reads KUBECONFIG or ~/.kube, and refuses any cluster that does not say it is for tests.
pub fn cluster() -> Option<TestCluster> {
    among(false)
}

/// The same, with no other test of any process on it: for what looks over and clears the whole cluster.
pub fn cluster_alone() -> Option<TestCluster> {
    among(true)
}

fn among(alone: bool) -> Option<TestCluster> {
    let Some(kubeconfig) = std::env::var_os("GAMEDAY_TEST_KUBECONFIG").map(PathBuf::from) else {
        assert!(std::env::var_os("GAMEDAY_TEST_REQUIRE_CLUSTER").is_none_or(|v| v != "1"), "a test cluster is required and there is none");
        println!("skipped: no test cluster");
        return None;
    };
    let held = ONE_AT_A_TIME.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let others = std::fs::File::create(Path::new(env!("CARGO_TARGET_TMPDIR")).join("cluster.lock")).unwrap();
    if alone {
        others.lock().unwrap()
    } else {
        others.lock_shared().unwrap()
    }
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let context = Kubeconfig::read_from(&kubeconfig).unwrap().current_context.unwrap();
    let cluster = TestCluster { kubeconfig, context, runtime, _held: held, _others: others };
    let client = cluster.client();
    let namespaces: Api<Namespace> = Api::all(client);
    let system = cluster.runtime.block_on(namespaces.get("kube-system")).unwrap();
    assert_eq!(
        system.labels().get("gameday/test-cluster").map(String::as_str),
        Some("true"),
        "GAMEDAY_TEST_KUBECONFIG names a cluster whose kube-system lacks the label gameday/test-cluster=true: it is not for tests"
    );
    Some(cluster)
}

impl TestCluster {
    pub fn client(&self) -> Client {
        let kubeconfig = Kubeconfig::read_from(&self.kubeconfig).unwrap();
        self.runtime.block_on(async {
            let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap();
            Client::try_from(config).unwrap()
        })
    }

    /// A client that repeats nothing by itself: kube's own does on 429, 503 and 504.
    pub fn plain_client(&self) -> Client {
        let kubeconfig = Kubeconfig::read_from(&self.kubeconfig).unwrap();
        self.runtime.block_on(async {
            let mut config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap();
            config.default_retry = false;
            Client::try_from(config).unwrap()
        })
    }

    /// A namespace of its own with three ready replicas of task-api.
    pub fn task_api(&self, namespace: &str) -> Home<'_> {
        let home = Home { cluster: self, namespace: namespace.to_owned() };
        let client = self.client();
        self.runtime.block_on(async {
            let namespaces: Api<Namespace> = Api::all(client.clone());
            let _ = namespaces.delete(namespace, &DeleteParams::default()).await;
            wait("the old namespace to go", || async { namespaces.get_opt(namespace).await.unwrap().is_none() }).await;
            let make = json!({"metadata": {"name": namespace, "annotations": {"chaos-mesh.org/inject": "enabled"}}});
            namespaces.create(&PostParams::default(), &serde_json::from_value(make).unwrap()).await.unwrap();
            let image = std::env::var("GAMEDAY_TEST_IMAGE").unwrap_or_else(|_| "localhost/gameday/task-api:1".to_owned());
            let deployment = json!({
                "metadata": {"name": "task-api", "labels": {"app": "task-api"}},
                "spec": {
                    "replicas": 3,
                    "selector": {"matchLabels": {"app": "task-api"}},
                    "template": {
                        "metadata": {"labels": {"app": "task-api"}},
                        "spec": {
                            "dnsPolicy": "Default", "enableServiceLinks": false, "automountServiceAccountToken": false, "terminationGracePeriodSeconds": 5,
                            "containers": [{
                                "name": "task-api", "image": image, "imagePullPolicy": "Never",
                                "ports": [{"name": "http", "containerPort": 8080}],
                                "readinessProbe": {"httpGet": {"path": "/cgi-bin/healthz", "port": 8080}, "periodSeconds": 1, "timeoutSeconds": 1, "failureThreshold": 1},
                                "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}, "limits": {"memory": "64Mi"}}
                            }]
                        }
                    }
                }
            });
            let deployments: Api<Deployment> = Api::namespaced(client.clone(), namespace);
            deployments.create(&PostParams::default(), &serde_json::from_value(deployment).unwrap()).await.unwrap();
            let service = json!({
                "metadata": {"name": "task-api"},
                "spec": {"selector": {"app": "task-api"}, "ports": [{"name": "http", "port": 80, "targetPort": 8080}]}
            });
            let services: Api<Service> = Api::namespaced(client.clone(), namespace);
            services.create(&PostParams::default(), &serde_json::from_value(service).unwrap()).await.unwrap();
        });
        home.wait_ready();
        home
    }
}

/// A scenario that kills a pod of task-api without Chaos Mesh, in an environment of this text, and watches for so long. `criteria` are lines of YAML.
pub fn pod_kill(environment: &str, observe: &str, criteria: &str) -> String {
    format!(
        "apiVersion: gameday/v1
kind: GameDay
metadata: {{name: pod-kill}}
spec:
  hypothesis: Task API takes the loss of a pod, and whoever watches sees it
  environments: {{test: {{{environment}}}}}
  target: {{kind: Deployment, name: task-api}}
  injector: agentless
  steps:
    - name: kill one pod
      fault:
        apiVersion: chaos-mesh.org/v1alpha1
        kind: PodChaos
        metadata: {{name: kill}}
        spec: {{action: pod-kill, mode: one, selector: {{labelSelectors: {{app: task-api}}}}}}
    - {{name: watch, observe: {observe}}}
  criteria:
{criteria}"
    )
}

/// A client with the runtime it lives on, for a thread of its own.
pub fn client_of_a_thread(kubeconfig: &Path) -> (tokio::runtime::Runtime, Client) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let kubeconfig = Kubeconfig::read_from(kubeconfig).unwrap();
    let client = runtime.block_on(async {
        Client::try_from(Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap()).unwrap()
    });
    (runtime, client)
}

/// A namespace with task-api in it, deleted when the test is over.
pub struct Home<'a> {
    pub cluster: &'a TestCluster,
    pub namespace: String,
}

impl Home<'_> {
    /// Waits until all three replicas are ready.
    pub fn wait_ready(&self) {
        let client = self.cluster.client();
        self.cluster.runtime.block_on(async {
            let deployments: Api<Deployment> = Api::namespaced(client, &self.namespace);
            wait("three ready replicas", || async {
                let status = deployments.get("task-api").await.unwrap().status.unwrap_or_default();
                status.ready_replicas == Some(3) && status.replicas == Some(3)
            })
            .await;
        });
    }

    pub fn gameday(&self, folder: &Path) -> std::process::Command {
        let mut command = super::gameday(folder);
        command.env("KUBECONFIG", &self.cluster.kubeconfig);
        command
    }

    /// Runs a command to its end, while what else is spawned on the runtime goes on.
    pub fn output(&self, mut command: std::process::Command) -> std::process::Output {
        self.cluster.runtime.block_on(async {
            let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
            while child.try_wait().unwrap().is_none() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            child.wait_with_output().unwrap()
        })
    }
}

impl Drop for Home<'_> {
    fn drop(&mut self) {
        let client = self.cluster.client();
        self.cluster.runtime.block_on(async {
            let namespaces: Api<Namespace> = Api::all(client);
            let _ = namespaces.delete(&self.namespace, &DeleteParams::default()).await;
        });
    }
}

/// Waits up to three minutes: an old API server takes its time over a namespace.
pub async fn wait<F: Future<Output = bool>>(what: &str, mut until: impl FnMut() -> F) {
    let deadline = Instant::now() + Duration::from_mins(3);
    while !until().await {
        assert!(Instant::now() < deadline, "waited three minutes for {what}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Chaos Mesh's custom resources between its controllers, which the test cluster lacks: made unless they are there.
pub async fn internal_kinds(client: &Client) {
    let path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
    let kinds: [(&str, &str, &[&str]); 3] =
        [("PodNetworkChaos", "podnetworkchaos", &[]), ("PodIOChaos", "podiochaos", &[]), ("WorkflowNode", "workflownodes", &["wfn"])];
    for (kind, plural, short) in kinds {
        let definition = json!({
            "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": format!("{plural}.chaos-mesh.org")},
            "spec": {
                "group": "chaos-mesh.org", "scope": "Namespaced",
                "names": {"kind": kind, "listKind": format!("{kind}List"), "plural": plural, "singular": kind.to_lowercase(), "shortNames": short},
                "versions": [{
                    "name": "v1alpha1", "served": true, "storage": true, "subresources": {"status": {}},
                    "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}}
                }]
            }
        });
        let request = Request::post(path).body(definition.to_string().into_bytes()).unwrap();
        match client.request::<Value>(request).await {
            Err(kube::Error::Api(status)) if status.code == 409 => {}
            made => drop(made.unwrap()),
        }
        wait("the custom resource", || async {
            let list = Request::get(format!("/apis/chaos-mesh.org/v1alpha1/{plural}")).body(Vec::new()).unwrap();
            client.request::<Value>(list).await.is_ok()
        })
        .await;
    }
}

/// Kills, on this machine, the processes of a pod's containers; how many there were.
pub fn kill_processes(pod: &str) -> usize {
    let mark = format!("HOSTNAME={pod}");
    let mut killed = 0;
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let environment = std::fs::read(entry.path().join("environ")).unwrap_or_default();
        if environment.split(|byte| *byte == 0).any(|variable| variable == mark.as_bytes()) {
            let id = entry.file_name().into_string().unwrap();
            killed += usize::from(std::process::Command::new("kill").args(["-KILL", &id]).status().unwrap().success());
        }
    }
    killed
}

/// Chaos Mesh's controllers of the practice cluster, at work in the namespace of the test alone; they end when this is dropped.
pub async fn controllers(client: &Client, namespace: &str) -> Attached {
    internal_kinds(client).await;
    #[expect(clippy::disallowed_methods, reason = "a real cluster has a real clock")]
    let clock = Clock::set(chrono::Utc::now());
    let attached = chaos::attach(client.clone(), namespace, clock, 1).await.unwrap();
    attached.ground(|ground| ground.world.daemon_latency = Spread::millis(0, 0, 0));
    attached
}

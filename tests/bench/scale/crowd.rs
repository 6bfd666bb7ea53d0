//! A Deployment of thousands of pods that nobody runs, and whoever writes their status.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use futures::{StreamExt, TryStreamExt, stream};
use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet};
use k8s_openapi::api::core::v1::{Namespace, Pod, ServiceAccount};
use kube::api::{DeleteParams, Patch, PatchParams, PostParams, WatchEvent, WatchParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client, Config, ResourceExt};
use serde_json::{Value, json};

use super::support::cluster::{TestCluster, client_of_a_thread, wait};

/// The target.
pub const DEPLOYMENT: &str = "crowd";
/// Where they are.
pub const NAMESPACE: &str = "gameday-bench-scale";
/// Keeps the `ReplicaSet` there while it is deleted: its controller makes no pods then, and removes none.
const KEPT: &str = "gameday/bench";
/// Requests at a time.
const AT_ONCE: usize = 16;
/// Every so many updates one is a mark.
const MARKED: u32 = 25;

/// The crowd; it goes when this is dropped.
pub struct Crowd<'c> {
    cluster: &'c TestCluster,
    pods: u32,
    told: Arc<Mutex<BTreeMap<String, Instant>>>,
}

/// Writes updates until it is dropped.
pub struct Writer {
    stop: Arc<AtomicBool>,
    written: Arc<AtomicU32>,
    failed: Arc<AtomicU32>,
    begun: Instant,
    threads: Vec<JoinHandle<()>>,
}

fn name(index: u32) -> String {
    format!("{DEPLOYMENT}-p{index:05}")
}

/// A word that differs from the one before it in every letter, so that a screen is sent all of it.
fn mark(n: u32) -> String {
    let letter = |place: u32| char::from(b'A' + u8::try_from((n * 7 + n / 26 * place + place * 3) % 26).unwrap());
    format!("M{}", (0..8).map(letter).collect::<String>())
}

fn status(restarts: u32, waiting: Option<&str>) -> Value {
    let condition = |kind: &str| json!({"type": kind, "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z"});
    let state = waiting.map_or(json!({"running": {"startedAt": "2026-01-01T00:00:00Z"}}), |reason| json!({"waiting": {"reason": reason}}));
    json!({"status": {
        "phase": "Running", "podIP": "10.0.0.1", "podIPs": [{"ip": "10.0.0.1"}], "startTime": "2026-01-01T00:00:00Z",
        "conditions": [condition("Initialized"), condition("Ready"), condition("ContainersReady"), condition("PodScheduled")],
        "containerStatuses": [{
            "name": "main", "image": "none", "imageID": "none", "containerID": "none://none", "ready": true, "started": true,
            "restartCount": restarts, "state": state, "lastState": {}
        }]
    }})
}

async fn write(pods: &Api<Pod>, index: u32, status: &Value) -> kube::Result<()> {
    pods.patch_status(&name(index), &PatchParams::default(), &Patch::Merge(status)).await.map(drop)
}

fn of<K: serde::de::DeserializeOwned>(value: Value) -> K {
    serde_json::from_value(value).unwrap()
}

impl<'c> Crowd<'c> {
    /// Makes it; what an earlier one left is taken away before.
    pub fn make(cluster: &'c TestCluster, pods: u32, stopped: &AtomicBool) -> Crowd<'c> {
        let crowd = Crowd { cluster, pods, told: Arc::default() };
        crowd.clear();
        cluster.runtime.block_on(crowd.fill(stopped));
        crowd
    }

    async fn fill(&self, stopped: &AtomicBool) {
        let client = self.client().await;
        let namespaces: Api<Namespace> = Api::all(client.clone());
        namespaces.create(&PostParams::default(), &of(json!({"metadata": {"name": NAMESPACE}}))).await.unwrap();
        let accounts: Api<ServiceAccount> = Api::namespaced(client.clone(), NAMESPACE);
        wait("the service account", || async { accounts.get_opt("default").await.unwrap().is_some() }).await;
        let labels = json!({"app": DEPLOYMENT});
        let container = json!({"name": "main", "image": "none", "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}}});
        // nobody schedules them, so no kubelet and no collector of orphans has to do with them
        let spec = json!({"schedulerName": "nobody", "automountServiceAccountToken": false, "containers": [container]});
        let template = json!({"metadata": {"labels": labels}, "spec": spec});
        let deployments: Api<Deployment> = Api::namespaced(client.clone(), NAMESPACE);
        let deployment = json!({
            "metadata": {"name": DEPLOYMENT},
            "spec": {"paused": true, "replicas": self.pods, "selector": {"matchLabels": labels}, "template": template}
        });
        let deployment = deployments.create(&PostParams::default(), &of(deployment)).await.unwrap();
        let owner = |kind: &str, version: &str, name: String, uid: Option<String>| json!([{"apiVersion": version, "kind": kind, "name": name, "uid": uid, "controller": true}]);
        let sets: Api<ReplicaSet> = Api::namespaced(client.clone(), NAMESPACE);
        let set = json!({
            "metadata": {
                "name": format!("{DEPLOYMENT}-set"), "labels": labels, "finalizers": [KEPT],
                "ownerReferences": owner("Deployment", "apps/v1", deployment.name_any(), deployment.uid())
            },
            "spec": {"replicas": 0, "selector": {"matchLabels": labels}, "template": template}
        });
        let set = sets.create(&PostParams::default(), &of(set)).await.unwrap();
        sets.delete(&set.name_any(), &DeleteParams::background()).await.unwrap();
        let owner = owner("ReplicaSet", "apps/v1", set.name_any(), set.uid());
        let api: Api<Pod> = Api::namespaced(client, NAMESPACE);
        let make = |index: u32| {
            let (api, labels, owner, spec) = (&api, &labels, &owner, &spec);
            async move {
                assert!(!stopped.load(Ordering::SeqCst), "interrupted");
                let pod = json!({"metadata": {"name": name(index), "labels": labels, "ownerReferences": owner}, "spec": spec});
                api.create(&PostParams::default(), &of(pod)).await?;
                write(api, index, &status(0, None)).await
            }
        };
        let begun = Instant::now();
        // the one that is marked is the oldest, and stands at the top
        make(0).await.unwrap();
        tokio::time::sleep(Duration::from_millis(1500)).await;
        stream::iter(1..self.pods).map(make).buffer_unordered(AT_ONCE).try_collect::<Vec<()>>().await.unwrap();
        println!("{} pods made in {:.0} s", self.pods, begun.elapsed().as_secs_f64());
    }

    async fn client(&self) -> Client {
        let kubeconfig = Kubeconfig::read_from(&self.cluster.kubeconfig).unwrap();
        Client::try_from(Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap()).unwrap()
    }

    /// Writes `rate` updates a second: restarts of any pod, and every few of them a mark in the state of the first.
    pub fn write(&self, rate: u32) -> Writer {
        let (stop, written, failed) = (Arc::<AtomicBool>::default(), Arc::<AtomicU32>::default(), Arc::<AtomicU32>::default());
        let (kubeconfig, pods, told) = (self.cluster.kubeconfig.clone(), self.pods, self.told.clone());
        let writing = {
            let (kubeconfig, stop, written, failed) = (kubeconfig.clone(), stop.clone(), written.clone(), failed.clone());
            std::thread::spawn(move || keep_writing(&kubeconfig, pods, rate, &stop, &written, &failed))
        };
        let watching = {
            let stop = stop.clone();
            std::thread::spawn(move || watch(&kubeconfig, &stop, &told))
        };
        Writer { stop, written, failed, begun: Instant::now(), threads: vec![writing, watching] }
    }

    /// When each mark was read by a bare watch.
    pub fn told(&self) -> BTreeMap<String, Instant> {
        self.told.lock().unwrap().clone()
    }

    /// Forgets them.
    pub fn forget(&self) {
        self.told.lock().unwrap().clear();
    }

    fn clear(&self) {
        let client = self.cluster.client();
        self.cluster.runtime.block_on(async {
            let namespaces: Api<Namespace> = Api::all(client.clone());
            let sets: Api<ReplicaSet> = Api::namespaced(client, NAMESPACE);
            if namespaces.get_opt(NAMESPACE).await.unwrap().is_none() {
                return;
            }
            let freed = json!({"metadata": {"finalizers": null}});
            // gone already where it was never made
            let _ = sets.patch(&format!("{DEPLOYMENT}-set"), &PatchParams::default(), &Patch::Merge(freed)).await;
            let _ = namespaces.delete(NAMESPACE, &DeleteParams::default()).await;
            wait("the namespace to go", || async { namespaces.get_opt(NAMESPACE).await.unwrap().is_none() }).await;
        });
    }
}

impl Drop for Crowd<'_> {
    fn drop(&mut self) {
        self.clear();
    }
}

fn keep_writing(kubeconfig: &Path, pods: u32, rate: u32, stop: &AtomicBool, written: &Arc<AtomicU32>, failed: &Arc<AtomicU32>) {
    let (runtime, client) = client_of_a_thread(kubeconfig);
    runtime.block_on(async {
        let api: Api<Pod> = Api::namespaced(client, NAMESPACE);
        let mut due = tokio::time::interval(Duration::from_secs(1) / rate);
        for n in 0_u32.. {
            due.tick().await;
            if stop.load(Ordering::SeqCst) {
                return;
            }
            let (api, written, failed) = (api.clone(), written.clone(), failed.clone());
            tokio::spawn(async move {
                let done = if n % MARKED == 0 {
                    write(&api, 0, &status(0, Some(&mark(n / MARKED)))).await
                } else {
                    write(&api, 1 + n.wrapping_mul(7919) % (pods - 1).max(1), &status(1 + n / (pods / 2).max(1), None)).await
                };
                let count = if done.is_ok() { written } else { failed };
                count.fetch_add(1, Ordering::SeqCst);
            });
        }
    });
}

/// Reads the marks off a watch of its own, and when each came.
fn watch(kubeconfig: &Path, stop: &AtomicBool, told: &Mutex<BTreeMap<String, Instant>>) {
    let (runtime, client) = client_of_a_thread(kubeconfig);
    runtime.block_on(async {
        let api: Api<Pod> = Api::namespaced(client, NAMESPACE);
        let only = WatchParams::default().fields(&format!("metadata.name={}", name(0)));
        while !stop.load(Ordering::SeqCst) {
            let Ok(stream) = api.watch(&only, "0").await else { continue };
            let mut stream = std::pin::pin!(stream);
            while !stop.load(Ordering::SeqCst) {
                let Ok(next) = tokio::time::timeout(Duration::from_millis(200), stream.next()).await else { continue };
                let at = Instant::now();
                let Some(Ok(WatchEvent::Added(pod) | WatchEvent::Modified(pod))) = next else { break };
                let states = pod.status.and_then(|status| status.container_statuses).unwrap_or_default();
                let reason = states.into_iter().find_map(|state| state.state?.waiting?.reason);
                if let Some(mark) = reason {
                    told.lock().unwrap().entry(mark).or_insert(at);
                }
            }
        }
    });
}

impl Writer {
    /// So many were written a second.
    pub fn rate(&self) -> String {
        format!("{:.1}", f64::from(self.written.load(Ordering::SeqCst)) / self.begun.elapsed().as_secs_f64())
    }

    /// So many could not be written.
    pub fn failed(&self) -> u32 {
        self.failed.load(Ordering::SeqCst)
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        self.threads.drain(..).for_each(|thread| drop(thread.join()));
    }
}

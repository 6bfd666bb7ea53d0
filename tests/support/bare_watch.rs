//! A watch that shares no code with gameday's: raw lines off the API, stamped as they are read.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use futures::{AsyncBufReadExt, StreamExt};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use serde_json::Value;

/// What was seen, in order.
#[derive(Clone, Debug)]
pub struct Seen {
    pub at: Instant,
    pub uid: String,
    pub deleting: bool,
    pub ready: bool,
}

/// A bare watch of all pods of a namespace, on a thread of its own.
pub struct BareWatch {
    seen: Arc<Mutex<Vec<Seen>>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl BareWatch {
    pub fn start(kubeconfig: &Path, namespace: &str) -> BareWatch {
        BareWatch::of(kubeconfig, namespace, "")
    }

    /// The same of the pods with these labels.
    pub fn of(kubeconfig: &Path, namespace: &str, labels: &str) -> BareWatch {
        let path = format!("/api/v1/namespaces/{namespace}/pods?watch=1&labelSelector={labels}");
        let seen = Arc::new(Mutex::new(Vec::new()));
        let stop = Arc::new(AtomicBool::new(false));
        let kubeconfig = Kubeconfig::read_from(kubeconfig).unwrap();
        let (out, halt) = (seen.clone(), stop.clone());
        let (open, opened) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap();
                let client = Client::try_from(config).unwrap();
                let request = http::Request::get(path).body(Vec::new()).unwrap();
                let mut lines = client.request_stream(request).await.unwrap().lines();
                open.send(()).unwrap();
                while !halt.load(Ordering::Relaxed) {
                    let Ok(line) = tokio::time::timeout(Duration::from_millis(200), lines.next()).await else { continue };
                    let at = Instant::now();
                    let Some(Ok(line)) = line else { break };
                    let event: Value = serde_json::from_str(&line).unwrap();
                    let object = &event["object"];
                    let conditions = object["status"]["conditions"].as_array().cloned().unwrap_or_default();
                    out.lock().unwrap().push(Seen {
                        at,
                        uid: object["metadata"]["uid"].as_str().unwrap().to_owned(),
                        deleting: event["type"] == "DELETED" || object["metadata"]["deletionTimestamp"].is_string(),
                        ready: conditions.iter().any(|c| c["type"] == "Ready" && c["status"] == "True"),
                    });
                }
            });
        });
        opened.recv().unwrap();
        BareWatch { seen, stop, thread: Some(thread) }
    }

    /// From the first deletion seen until `desired` pods are ready again.
    pub fn recovery(mut self, desired: usize) -> Option<Duration> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.take().unwrap().join().unwrap();
        let seen = self.seen.lock().unwrap();
        let hit = seen.iter().find(|s| s.deleting)?.at;
        let mut ready: BTreeMap<&str, bool> = BTreeMap::new();
        let mut back = None;
        for fact in seen.iter() {
            ready.insert(&fact.uid, fact.ready && !fact.deleting);
            let whole = ready.values().filter(|ready| **ready).count() >= desired;
            if fact.at >= hit {
                back = if whole { back.or(Some(fact.at)) } else { None };
            }
        }
        Some(back?.duration_since(hit))
    }
}

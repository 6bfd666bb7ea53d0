//! Requests to the ready pods of a namespace, from a thread of its own.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::ListParams;

use super::cluster::client_of_a_thread;

/// A steady load, until it is dropped.
pub struct Load {
    answered: Arc<AtomicU32>,
    failed: Arc<AtomicU32>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Load {
    /// So many requests a second to port 8080 of the pods that are ready, one after the other. The list of pods is read twice a second, as a
    /// balancer that is a little behind would have it.
    pub fn start(kubeconfig: &Path, namespace: &str, rps: u32) -> Load {
        let mut load = Load { answered: Arc::default(), failed: Arc::default(), stop: Arc::default(), thread: None };
        let (kubeconfig, namespace) = (kubeconfig.to_owned(), namespace.to_owned());
        let (answered, failed, stop) = (load.answered.clone(), load.failed.clone(), load.stop.clone());
        let (open, opened) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            let (runtime, client) = client_of_a_thread(&kubeconfig);
            let pods: Api<Pod> = Api::namespaced(client, &namespace);
            let (mut ready, mut read, mut next) = (Vec::new(), None::<Instant>, Instant::now());
            for turn in 0.. {
                if stop.load(Ordering::Relaxed) {
                    return;
                }
                if read.is_none_or(|at| at.elapsed() > Duration::from_millis(500)) {
                    ready =
                        runtime.block_on(pods.list(&ListParams::default())).unwrap().items.iter().filter_map(address).collect::<Vec<_>>();
                    read = Some(Instant::now());
                }
                let count = match ready.get(turn % ready.len().max(1)).is_some_and(|pod| request(pod).is_ok()) {
                    true => &answered,
                    false => &failed,
                };
                if count.fetch_add(1, Ordering::Relaxed) == 0 {
                    let _ = open.send(());
                }
                next += Duration::from_secs(1) / rps;
                std::thread::sleep(next.saturating_duration_since(Instant::now()));
            }
        });
        opened.recv().unwrap();
        load.thread = Some(thread);
        load
    }

    /// Requests that were answered, and that were not.
    pub fn counts(&self) -> (u32, u32) {
        (self.answered.load(Ordering::Relaxed), self.failed.load(Ordering::Relaxed))
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn address(pod: &Pod) -> Option<SocketAddr> {
    let status = pod.status.as_ref()?;
    let ready = status.conditions.iter().flatten().any(|c| c.type_ == "Ready" && c.status == "True");
    let ip = status.pod_ip.as_ref().filter(|_| ready)?;
    Some(SocketAddr::new(ip.parse().ok()?, 8080))
}

fn request(pod: &SocketAddr) -> std::io::Result<()> {
    let mut stream = TcpStream::connect_timeout(pod, Duration::from_millis(300))?;
    stream.set_read_timeout(Some(Duration::from_millis(500)))?;
    stream.write_all(b"GET /cgi-bin/tasks HTTP/1.0\r\n\r\n")?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    if answer.windows(4).any(|four| four == b" 200") { Ok(()) } else { Err(std::io::ErrorKind::InvalidData.into()) }
}

//! The kubelets of all nodes: one worker for each pod that is bound.

pub mod status;
pub mod worker;

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use super::{Feed, Hand};
use crate::rehearsal::api::ApiServer;
use crate::rehearsal::api::kinds::Kind;
use crate::rehearsal::api::object::Object;
use crate::rehearsal::api::store::Verb;
use worker::{News, Worker};

/// The workers of pods, by the pods' uids: how a node's processes hear of what befalls them.
#[derive(Debug, Default)]
pub struct Workers(BTreeMap<String, UnboundedSender<News>>);

impl Workers {
    /// Tell the worker of this pod. False when there is none.
    #[must_use]
    pub fn tell(&self, uid: &str, news: News) -> bool {
        self.0.get(uid).is_some_and(|worker| worker.send(news).is_ok())
    }
}

/// Run the kubelets.
pub async fn run(server: ApiServer) {
    let hand = Hand::new(&server, "kubelet");
    let mut feed = Feed::new(&server, &[Kind::Pod]);
    for pod in hand.list(Kind::Pod, None) {
        hear(&server, &pod);
    }
    loop {
        for change in feed.next().await {
            if change.verb == Verb::Deleted {
                let worker = server.lock().workers.0.remove(change.object.uid());
                if let Some(worker) = worker {
                    let _ = worker.send(News::Gone);
                }
            } else {
                hear(&server, &change.object);
            }
        }
    }
}

/// Tell a pod's worker what the pod is like now; start one when the pod has just been bound.
fn hear(server: &ApiServer, pod: &Arc<Object>) {
    if pod.text("/spec/nodeName").is_empty() || matches!(pod.text("/status/phase"), "Succeeded" | "Failed") {
        return;
    }
    if server.lock().workers.tell(pod.uid(), News::Changed(pod.clone())) {
        return;
    }
    let (sender, news) = unbounded_channel();
    server.lock().workers.0.insert(pod.uid().to_owned(), sender);
    tokio::spawn(Worker::new(server, pod, news).run());
}

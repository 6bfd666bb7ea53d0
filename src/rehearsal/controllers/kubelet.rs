//! The kubelets of all nodes: one worker for each pod that is bound.

mod care;
mod inits;
mod life;
pub mod needs;
pub mod node;
pub mod probes;
pub mod status;
pub mod steps;
pub mod worker;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::time::Instant;

use super::{Feed, Hand, Home};
use crate::rehearsal::api::kinds::Kind;
use crate::rehearsal::api::object::{Object, text};
use crate::rehearsal::api::store::Verb;
use steps::News;
use worker::Worker;

/// The workers of pods, by the pods' uids: how a node's processes hear of what befalls them.
#[derive(Debug, Default)]
pub struct Workers {
    by_pod: BTreeMap<String, UnboundedSender<News>>,
    outside: Option<UnboundedSender<Killing>>,
    /// Images that were fetched to a node.
    images: BTreeSet<(String, String)>,
    /// The pods' addresses, by their uids: given away before the API knows of it.
    addresses: BTreeMap<String, String>,
    /// Pods as they are on their nodes, by their uids, where the API server could not be told.
    untold: BTreeMap<String, Arc<Object>>,
    /// How often such a thing changed.
    untold_changes: u64,
    /// Containers whose processes leak, by their ids: since when, and how long it takes until their memory is full.
    leaks: BTreeMap<String, (Instant, Duration)>,
}

/// A container whose process is to be killed on a node that is not ours.
#[derive(Debug, Clone)]
pub struct Killing {
    /// The pod.
    pub pod: Arc<Object>,
    /// The container in it.
    pub container: String,
}

impl Workers {
    /// Tell the worker of this pod. False when there is none.
    #[must_use]
    pub fn tell(&self, uid: &str, news: News) -> bool {
        self.by_pod.get(uid).is_some_and(|worker| worker.send(news).is_ok())
    }

    /// Whether this image was fetched to this node.
    #[must_use]
    pub fn has_image(&self, node: &str, image: &str) -> bool {
        self.images.contains(&(node.to_owned(), image.to_owned()))
    }

    /// This image is on this node from now on.
    pub fn keep_image(&mut self, node: &str, image: &str) {
        self.images.insert((node.to_owned(), image.to_owned()));
    }

    /// Whether this address belongs to another pod than this.
    #[must_use]
    pub fn is_taken(&self, address: &str, uid: &str) -> bool {
        self.addresses.iter().any(|(pod, taken)| pod != uid && taken == address)
    }

    /// This address is this pod's until the pod is gone.
    pub fn keep_address(&mut self, address: &str, uid: &str) {
        self.addresses.insert(uid.to_owned(), address.to_owned());
    }

    /// The pod is like this on its node, and the API server does not know it.
    pub fn keep_untold(&mut self, pod: Object) {
        self.untold_changes += 1;
        self.untold.insert(pod.uid().to_owned(), Arc::new(pod));
    }

    /// What there was to tell of this pod is told.
    pub fn told(&mut self, uid: &str) {
        if self.untold.remove(uid).is_some() {
            self.untold_changes += 1;
        }
    }

    /// The pod as it is on its node, whether the API server knows it or not.
    #[must_use]
    pub fn as_it_is<'a>(&'a self, pod: &'a Arc<Object>) -> &'a Arc<Object> {
        self.untold.get(pod.uid()).unwrap_or(pod)
    }

    /// A number that changes with what the API server does not know.
    #[must_use]
    pub fn untold_changes(&self) -> u64 {
        self.untold_changes
    }

    /// The processes of this container leak from now on, and fill their memory in this time; or leak no longer.
    pub fn leak(&mut self, container: &str, time: Option<Duration>) {
        match time {
            Some(time) => drop(self.leaks.insert(container.to_owned(), (Instant::now(), time))),
            None => drop(self.leaks.remove(container)),
        }
    }

    /// How much of what was left of their memory leaking containers have taken, 0 to 1.
    #[must_use]
    pub fn leaks(&self) -> BTreeMap<&str, f64> {
        let share = |(since, time): &(Instant, Duration)| (since.elapsed().as_secs_f64() / time.as_secs_f64().max(0.001)).min(1.0);
        self.leaks.iter().map(|(container, leak)| (container.as_str(), share(leak))).collect()
    }

    /// Kill the process of this container. False when nobody can.
    #[must_use]
    pub fn kill(&self, pod: &Arc<Object>, container: &str) -> bool {
        let container = container.to_owned();
        self.tell(pod.uid(), News::Killed(container.clone()))
            || self.outside.as_ref().is_some_and(|outside| outside.send(Killing { pod: pod.clone(), container }).is_ok())
    }

    /// Let this one kill processes of pods that have no worker here: those of a real cluster.
    pub fn hand_over(&mut self, outside: UnboundedSender<Killing>) {
        self.outside = Some(outside);
    }
}

/// Run the kubelets.
pub async fn run(home: Home) {
    let hand = Hand::new(&home, "kubelet");
    let mut feed = Feed::new(&home, &[Kind::Pod]);
    for pod in hand.list(Kind::Pod, None) {
        hear(&home, &pod);
    }
    loop {
        for change in feed.next().await {
            if change.verb == Verb::Deleted {
                let worker = home.ground(|ground| {
                    ground.workers.addresses.remove(change.object.uid());
                    ground.workers.told(change.object.uid());
                    for status in change.object.list("/status/containerStatuses") {
                        ground.workers.leak(text(status, "/containerID"), None);
                    }
                    ground.workers.by_pod.remove(change.object.uid())
                });
                if let Some(worker) = worker {
                    let _ = worker.send(News::Gone);
                }
            } else {
                hear(&home, &change.object);
            }
        }
    }
}

/// Tell a pod's worker what the pod is like now; start one when the pod has just been bound.
fn hear(home: &Home, pod: &Arc<Object>) {
    if pod.text("/spec/nodeName").is_empty() || matches!(pod.text("/status/phase"), "Succeeded" | "Failed") {
        return;
    }
    if home.ground(|ground| ground.workers.tell(pod.uid(), News::Changed(pod.clone()))) {
        return;
    }
    let (sender, news) = unbounded_channel();
    home.ground(|ground| ground.workers.by_pod.insert(pod.uid().to_owned(), sender));
    tokio::spawn(Worker::new(home, pod, news).run());
}

//! Kubernetes Events about the targets, their pods and our faults.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::Event as ClusterEvent;
use kube::runtime::watcher;
use kube::{Api, ResourceExt};

use crate::edge::watching::{Project, follow};
use crate::edge::{Cluster, Inbox};
use crate::event::{Event, ReportedFact, Source};
use crate::text::Untrusted;

/// The kinds whose Events say something about a drill; conflicts on Endpoints and the like do not.
const KINDS: &[&str] = &[
    "Pod",
    "Deployment",
    "ReplicaSet",
    "StatefulSet",
    "DaemonSet",
    "PersistentVolumeClaim",
    "PodChaos",
    "NetworkChaos",
    "IOChaos",
    "StressChaos",
    "HTTPChaos",
    "DNSChaos",
    "TimeChaos",
    "PodNetworkChaos",
    "PodIOChaos",
    "PodHttpChaos",
];
/// How much of a message is kept.
const LONGEST: usize = 300;

/// Follows the Events of a namespace that are about objects whose names begin with one of `names`.
pub async fn observe(cluster: Cluster, namespace: String, names: Vec<String>, inbox: Inbox) {
    let api: Api<ClusterEvent> = Api::namespaced(cluster.client.clone(), &namespace);
    let seen = Seen { names, told: BTreeSet::new(), first: true };
    follow(api, watcher::Config::default(), Source::Events, seen, inbox, cluster.alive.clone()).await;
}

struct Seen {
    names: Vec<String>,
    /// Uid and count of what was told or was there before.
    told: BTreeSet<(String, i32)>,
    first: bool,
}

impl Seen {
    fn fact(&mut self, event: &ClusterEvent, tell: bool) -> Option<Event> {
        let about = &event.involved_object;
        let name = about.name.clone().unwrap_or_default();
        let ours = KINDS.iter().any(|kind| about.kind.as_deref() == Some(kind))
            && self.names.iter().any(|prefix| is_of(about.kind.as_deref().unwrap_or_default(), &name, prefix));
        if !ours {
            return None;
        }
        let news = self.told.insert((event.uid().unwrap_or_default(), event.count.unwrap_or(1)));
        (news && tell).then(|| {
            Event::Reported(ReportedFact {
                kind: about.kind.clone().unwrap_or_default().into(),
                name: name.into(),
                warning: event.type_.as_deref() == Some("Warning"),
                reason: event.reason.clone().unwrap_or_default().into(),
                message: Untrusted::from(event.message.clone().unwrap_or_default().chars().take(LONGEST).collect::<String>()),
            })
        })
    }
}

/// Whether what this is about belongs to who is called `prefix`; a claim of a StatefulSet begins with its volume's name.
fn is_of(kind: &str, name: &str, prefix: &str) -> bool {
    name.starts_with(prefix) || (kind == "PersistentVolumeClaim" && name.contains(&format!("-{prefix}-")))
}

impl Project<ClusterEvent> for Seen {
    type Kept = ClusterEvent;

    async fn keep(&mut self, object: ClusterEvent) -> Option<ClusterEvent> {
        Some(object)
    }

    async fn listed(&mut self, mut objects: Vec<ClusterEvent>) -> Vec<Event> {
        // what was there before the run is not of the run
        let tell = !std::mem::take(&mut self.first);
        objects.sort_by(|a, b| (&a.last_timestamp, &a.metadata.name).cmp(&(&b.last_timestamp, &b.metadata.name)));
        objects.iter().filter_map(|event| self.fact(event, tell)).collect()
    }
    async fn applied(&mut self, event: ClusterEvent) -> Vec<Event> {
        self.fact(&event, true).into_iter().collect()
    }
    fn deleted(&mut self, _: ClusterEvent) -> Vec<Event> {
        Vec::new()
    }
}

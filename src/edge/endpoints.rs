//! Which pods Services send traffic to.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Endpoints;
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::runtime::watcher;
use kube::{Api, ResourceExt};

use crate::edge::watching::{Project, follow};
use crate::edge::{Cluster, Inbox};
use crate::event::{EndpointsFact, EndpointsSource, Event, Source};

/// Follows all endpoints of a namespace until the inbox is closed.
pub async fn observe(cluster: Cluster, namespace: String, inbox: Inbox) {
    let config = watcher::Config::default();
    let (client, alive) = (cluster.client.clone(), cluster.alive.clone());
    match cluster.fact.endpoints {
        EndpointsSource::EndpointSlices => {
            let api: Api<EndpointSlice> = Api::namespaced(client, &namespace);
            follow(api, config, Source::Endpoints, Slices::default(), inbox, alive).await;
        }
        EndpointsSource::Endpoints => {
            let api: Api<Endpoints> = Api::namespaced(client, &namespace);
            follow(api, config, Source::Endpoints, Slices::default(), inbox, alive).await;
        }
        EndpointsSource::None => {}
    }
}

#[derive(Default)]
struct Slices(BTreeMap<String, EndpointsFact>);

/// What either kind of object says.
trait Ready: ResourceExt {
    fn service(&self) -> String;
    fn ready(&self) -> Vec<String>;

    fn fact(&self) -> EndpointsFact {
        let mut ready = self.ready();
        ready.sort();
        ready.dedup();
        EndpointsFact { namespace: self.namespace().unwrap_or_default(), service: self.service(), slice: self.name_any(), ready }
    }
}

impl Ready for EndpointSlice {
    fn service(&self) -> String {
        self.labels().get("kubernetes.io/service-name").cloned().unwrap_or_default()
    }
    fn ready(&self) -> Vec<String> {
        // absent means ready (discovery.k8s.io/v1)
        let ready = self.endpoints.iter().flatten().filter(|e| e.conditions.as_ref().and_then(|c| c.ready).unwrap_or(true));
        ready.filter_map(|endpoint| endpoint.target_ref.as_ref()?.uid.clone()).collect()
    }
}

impl Ready for Endpoints {
    fn service(&self) -> String {
        self.name_any()
    }
    fn ready(&self) -> Vec<String> {
        let addresses = self.subsets.iter().flatten().flat_map(|subset| subset.addresses.iter().flatten());
        addresses.filter_map(|address| address.target_ref.as_ref()?.uid.clone()).collect()
    }
}

impl<K: Ready + Send + 'static> Project<K> for Slices {
    type Kept = K;

    async fn keep(&mut self, object: K) -> Option<K> {
        Some(object)
    }

    async fn listed(&mut self, objects: Vec<K>) -> Vec<Event> {
        let fresh: BTreeMap<String, EndpointsFact> = objects.iter().map(Ready::fact).map(|fact| (fact.slice.clone(), fact)).collect();
        let gone = self.0.values().filter(|old| !fresh.contains_key(&old.slice) && !old.ready.is_empty());
        let mut events: Vec<Event> = gone.map(|old| Event::EndpointsSeen(EndpointsFact { ready: Vec::new(), ..old.clone() })).collect();
        events.extend(fresh.values().filter(|new| self.0.get(&new.slice) != Some(*new)).cloned().map(Event::EndpointsSeen));
        self.0 = fresh;
        events
    }
    async fn applied(&mut self, object: K) -> Vec<Event> {
        let fact = object.fact();
        if self.0.insert(fact.slice.clone(), fact.clone()).as_ref() == Some(&fact) {
            return Vec::new();
        }
        vec![Event::EndpointsSeen(fact)]
    }
    fn deleted(&mut self, object: K) -> Vec<Event> {
        let fact = EndpointsFact { ready: Vec::new(), ..object.fact() };
        self.0.remove(&fact.slice);
        vec![Event::EndpointsSeen(fact)]
    }
}

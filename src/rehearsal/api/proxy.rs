//! What answers behind the API server's proxy: programs that are registered for a Service, and the pods, as the service model has it.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::json;
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::State;
use super::ask::Answer;
use super::kinds::Kind;
use super::object::{list, number, text};
use super::refusal::Refusal;
use super::route::ProxyTarget;
use super::store::Key;

/// A request as it reaches a backend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackendRequest {
    /// HTTP method, in capitals.
    pub method: String,
    /// Path behind the proxy, with its slash, and query with its question mark if there is one.
    pub path_and_query: String,
    /// `Content-Type` of the body; empty when none was sent.
    pub content_type: String,
    /// The body.
    pub body: Vec<u8>,
    /// The cluster's time.
    pub at: DateTime<Utc>,
}

/// What a backend answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackendAnswer {
    /// HTTP status code.
    pub status: u16,
    /// `Content-Type`.
    pub content_type: String,
    /// The body.
    pub body: Vec<u8>,
}

/// A program behind a Service.
pub trait Backend: Send + Sync {
    /// Answer one request.
    fn answer(&self, request: &BackendRequest) -> BackendAnswer;
}

/// The registered backends, by namespace and Service.
#[derive(Default)]
pub struct Backends(BTreeMap<(String, String), Arc<dyn Backend>>);

impl fmt::Debug for Backends {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Backends {
    /// Let this backend answer for this Service from now on.
    pub fn register(&mut self, namespace: &str, service: &str, backend: Arc<dyn Backend>) {
        self.0.insert((namespace.to_owned(), service.to_owned()), backend);
    }

    /// Let nobody answer for this Service any more.
    pub fn withdraw(&mut self, namespace: &str, service: &str) {
        self.0.remove(&(namespace.to_owned(), service.to_owned()));
    }
}

/// How long the server tries to reach a pod.
const DIAL: Duration = Duration::from_secs(30);

/// Where a proxied request comes to.
pub enum Reached {
    /// A program that was registered.
    Backend(Arc<dyn Backend>),
    /// A pod of the cluster.
    Pod(Box<Visited>),
}

/// A pod that is asked, and what is known of its answer.
pub struct Visited {
    namespace: String,
    pod: String,
    /// Its address and port.
    host: String,
    answer: Known,
}

enum Known {
    /// Nobody follows requests to it: this code, or nobody listens.
    At(Option<u16>),
    /// The service model will tell.
    Coming(oneshot::Receiver<Option<u16>>),
}

impl Visited {
    /// What the pod answers, when it has.
    ///
    /// # Errors
    /// 503 when it cannot be reached.
    pub async fn answer(self) -> Result<Answer, Refusal> {
        let code = match self.answer {
            Known::At(code) => code,
            // The model gives up by itself after this time; it is gone with its cluster only.
            Known::Coming(coming) => match timeout(DIAL + Duration::from_secs(1), coming).await {
                Ok(Ok(code)) => code,
                Ok(Err(_)) | Err(_) => Some(504),
            },
        };
        let unreached = |why: &str| Refusal::unavailable(format!("error trying to reach service: dial tcp {}: {why}", self.host));
        match code {
            None | Some(502) => Err(unreached("connect: connection refused")),
            Some(504) => Err(unreached("i/o timeout")),
            Some(code) => Ok(Answer::json(code, &json!({"pod": self.pod, "namespace": self.namespace, "code": code}))),
        }
    }
}

impl State {
    /// Where a proxied request comes to; this method only reads, or it does more.
    ///
    /// # Errors
    /// 404 without the Service or the pod, 503 without a port or anybody behind it.
    pub fn reach(&mut self, target: &ProxyTarget, reads: bool) -> Result<Reached, Refusal> {
        if target.kind == Kind::Pod {
            return self.reach_pod(&target.namespace, &target.name, &target.port, reads);
        }
        let key = Key::new(Kind::Service, &target.namespace, &target.name);
        let service = self.store.get(&key).cloned().ok_or_else(|| Refusal::not_found(Kind::Service, &target.name))?;
        let ports = service.list("/spec/ports");
        // A number stands for the name of the port that has it.
        let port = match target.port.parse::<i64>() {
            Ok(wanted) => ports
                .iter()
                .find(|port| number(port, "/port") == Some(wanted))
                .map(|port| text(port, "/name"))
                .ok_or_else(|| Refusal::unavailable(format!("no service port {wanted} found for service {:?}", target.name)))?,
            Err(_) => target.port.as_str(),
        };
        let nobody = |of: &str| Refusal::unavailable(format!("no endpoints available for service {of:?}"));
        let subsets = self.store.get(&Key::new(Kind::Endpoints, &target.namespace, &target.name)).map(|e| e.list("/subsets").to_vec());
        let selected = service.value().pointer("/spec/selector").is_some_and(|s| !s.as_object().is_none_or(serde_json::Map::is_empty));
        if selected && subsets.as_ref().is_none_or(Vec::is_empty) {
            return Err(nobody(&target.name));
        }
        let reached: Vec<(&str, i64)> = subsets
            .iter()
            .flatten()
            .filter_map(|subset| {
                let port =
                    list(subset, "/ports").iter().find(|found| text(found, "/name") == port).and_then(|found| number(found, "/port"))?;
                Some(list(subset, "/addresses").iter().map(move |address| (text(address, "/targetRef/name"), port)))
            })
            .flatten()
            .collect();
        if selected && reached.is_empty() {
            return Err(nobody(&target.id));
        }
        if let Some(backend) = self.backends.0.get(&(target.namespace.clone(), target.name.clone())) {
            return Ok(Reached::Backend(backend.clone()));
        }
        let (pod, port) = *reached.get(self.latencies.index(reached.len().max(1))).ok_or_else(|| nobody(&target.id))?;
        self.reach_pod(&target.namespace, pod, &port.to_string(), reads)
    }

    fn reach_pod(&mut self, namespace: &str, name: &str, port: &str, reads: bool) -> Result<Reached, Refusal> {
        let key = Key::new(Kind::Pod, namespace, name);
        let pod = self.store.get(&key).cloned().ok_or_else(|| Refusal::not_found(Kind::Pod, name))?;
        let address = pod.text("/status/podIP");
        if address.is_empty() {
            return Err(Refusal::bad_request("address not allowed"));
        }
        let served: Vec<i64> = pod
            .list("/spec/containers")
            .iter()
            .flat_map(|container| list(container, "/ports").iter().filter_map(|port| number(port, "/containerPort")))
            .collect();
        let port = if port.is_empty() { served.first().unwrap_or(&80).to_string() } else { port.to_owned() };
        let listens = served.iter().any(|served| served.to_string() == port);
        let labels = pod.labels();
        let followed = self.world.workloads.iter().any(|workload| {
            workload.namespace == namespace && workload.labels.iter().all(|(key, value)| labels.get(key.as_str()) == Some(&value.as_str()))
        });
        let coming = if listens && followed { self.visits.begin(namespace, name, reads) } else { None };
        let answer = match coming {
            Some(coming) => Known::Coming(coming),
            None => Known::At((listens && pod.condition("ContainersReady")).then_some(200)),
        };
        let host = format!("{address}:{port}");
        Ok(Reached::Pod(Box::new(Visited { namespace: namespace.to_owned(), pod: name.to_owned(), host, answer })))
    }
}

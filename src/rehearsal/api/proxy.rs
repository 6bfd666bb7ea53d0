//! What answers behind the API server's service proxy.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::State;
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

impl State {
    /// The backend that a proxied request goes to.
    ///
    /// # Errors
    /// 404 without the Service, 503 without a port or anybody behind it.
    pub fn backend(&self, target: &ProxyTarget) -> Result<Arc<dyn Backend>, Refusal> {
        let key = Key::new(Kind::Service, &target.namespace, &target.service);
        let service = self.store.get(&key).ok_or_else(|| Refusal::not_found(Kind::Service, &target.service))?;
        let ports = service.list("/spec/ports");
        let served = match target.port.as_str() {
            "" => ports.len() == 1,
            port => ports.iter().any(|p| text(p, "/name") == port || number(p, "/port").is_some_and(|n| n.to_string() == port)),
        };
        if !served {
            return Err(Refusal::unavailable(format!("no service port {:?} found for service {:?}", target.port, target.service)));
        }
        let nobody = || {
            let name = if target.port.is_empty() { target.service.clone() } else { format!("{}:{}", target.service, target.port) };
            Refusal::unavailable(format!("no endpoints available for service {name:?}"))
        };
        let selected = service.value().pointer("/spec/selector").is_some_and(|s| !s.as_object().is_none_or(serde_json::Map::is_empty));
        if selected {
            let endpoints = self.store.get(&Key::new(Kind::Endpoints, &target.namespace, &target.service)).ok_or_else(nobody)?;
            if !endpoints.list("/subsets").iter().any(|subset| !list(subset, "/addresses").is_empty()) {
                return Err(nobody());
            }
        }
        self.backends.0.get(&(target.namespace.clone(), target.service.clone())).cloned().ok_or_else(nobody)
    }
}

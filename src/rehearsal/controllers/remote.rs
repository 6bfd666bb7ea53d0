//! A remote API server as controllers use it: writes as HTTP requests, reads from a [`Mirror`] that watches keep true.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http::{Method, Request, StatusCode, header};
use http_body_util::BodyExt;
use kube::Client;
use kube::client::Body;
use serde_json::{Value, json};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::task::JoinSet;

use super::mirror::Mirror;
use super::{Ground, Home};
use crate::rehearsal::api::ApiServer;
use crate::rehearsal::api::deletion::{DeleteOptions, Propagation};
use crate::rehearsal::api::kinds::Kind;
use crate::rehearsal::api::object::{Object, text};
use crate::rehearsal::api::refusal::Refusal;
use crate::rehearsal::api::store::Key;
use crate::rehearsal::api::writes::Part;
use crate::rehearsal::clock::Clock;
use crate::rehearsal::world::World;

/// How long a request may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// How many Events may wait to be written; more are lost, as they are with client-go.
const EVENTS: usize = 1000;

/// The way to a remote API server.
#[derive(Clone)]
pub struct Remote {
    client: Client,
    mirror: Mirror,
    events: Sender<Value>,
    /// How many Events were handed in: they are not mirrored, and so raise no revision here.
    posted: Arc<AtomicU64>,
}

impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Remote").finish_non_exhaustive()
    }
}

/// Controllers at work on a remote API server. They end when this is dropped.
#[derive(Debug)]
pub struct Attached {
    /// Where they live.
    home: Home,
    /// Their tasks, and those that keep the mirror true.
    tasks: JoinSet<()>,
}

impl Attached {
    /// Nobody yet on the API server behind this client, but all objects of these kinds known, in one namespace or (empty) in all. A kind that is not
    /// served there has none.
    ///
    /// The clock tells the wall time; the seed is where names of Events and choices among targets come from. In a runtime whose clock is not paused,
    /// everything takes real time.
    ///
    /// # Errors
    /// When the server cannot be asked, or refuses to list one of them.
    pub async fn to(client: Client, kinds: &[Kind], namespace: &str, clock: Clock, seed: u64) -> Result<Self, Refusal> {
        let server = ApiServer::new(World::default(), seed);
        server.lock().clock = clock;
        let mut tasks = JoinSet::new();
        let mirror = Mirror::new(server.clone(), namespace);
        for kind in kinds {
            let revision = mirror.list(&client, *kind).await?;
            let mut rolls = server.lock().dice.stream(&format!("watch/{}", kind.resource().plural));
            let (mirror, client, kind) = (mirror.clone(), client.clone(), *kind);
            tasks.spawn(async move { mirror.keep(&client, kind, revision, &mut rolls).await });
        }
        let (events, waiting) = channel(EVENTS);
        let remote = Remote { client, mirror, events, posted: Arc::default() };
        tasks.spawn(write_events(remote.clone(), waiting));
        Ok(Self { home: Home { server, remote: Some(remote) }, tasks })
    }

    /// Let these controllers live there.
    pub(super) fn with(mut self, start: impl FnOnce(&Home, &mut JoinSet<()>)) -> Self {
        start(&self.home, &mut self.tasks);
        self
    }

    /// Look at what surrounds the controllers beside the API, or change it.
    pub fn ground<T>(&self, look: impl FnOnce(Ground<'_>) -> T) -> T {
        self.home.ground(look)
    }
}

impl Drop for Attached {
    fn drop(&mut self) {
        // Workers are tasks of their own: they end with what they hear by.
        self.home.ground(|ground| *ground.workers = super::kubelet::Workers::default());
    }
}

async fn write_events(remote: Remote, mut waiting: Receiver<Value>) {
    while let Some(event) = waiting.recv().await {
        let _ = remote.send(Method::POST, &path(Kind::Event, text(&event, "/metadata/namespace"), "", ""), Some(&event)).await;
    }
}

impl Remote {
    /// Create an object.
    ///
    /// # Errors
    /// As the server refuses it; 503 when it cannot be asked.
    pub async fn create(&self, kind: Kind, namespace: &str, value: &Value) -> Result<Arc<Object>, Refusal> {
        Ok(self.mirror.answered(kind, self.send(Method::POST, &path(kind, namespace, "", ""), Some(value)).await?))
    }

    /// The object as the server has it now.
    ///
    /// # Errors
    /// As the server refuses it; 503 when it cannot be asked.
    pub async fn get(&self, key: &Key) -> Result<Arc<Object>, Refusal> {
        Ok(self.mirror.answered(key.kind, self.send(Method::GET, &path(key.kind, &key.namespace, &key.name, ""), None).await?))
    }

    /// Change an object that is at the value's revision.
    ///
    /// # Errors
    /// As the server refuses it; 503 when it cannot be asked.
    pub async fn update(&self, key: &Key, part: Part, value: &Value) -> Result<Arc<Object>, Refusal> {
        let sub = if part == Part::Status && key.kind.resource().status { "status" } else { "" };
        let answer = self.send(Method::PUT, &path(key.kind, &key.namespace, &key.name, sub), Some(value)).await?;
        Ok(self.mirror.answered(key.kind, answer))
    }

    /// Delete an object.
    ///
    /// # Errors
    /// As the server refuses it; 503 when it cannot be asked.
    pub async fn delete(&self, key: &Key, options: &DeleteOptions) -> Result<(), Refusal> {
        let answer = self.send(Method::DELETE, &path(key.kind, &key.namespace, &key.name, ""), Some(&body_of(options))).await?;
        if answer["kind"] != "Status" {
            self.mirror.answered(key.kind, answer);
        }
        Ok(())
    }

    /// Bind a pod to a node.
    ///
    /// # Errors
    /// As the server refuses it; 503 when it cannot be asked.
    pub async fn bind(&self, pod: &Object, node: &str) -> Result<(), Refusal> {
        let binding = json!({"apiVersion": "v1", "kind": "Binding", "metadata": {"name": pod.name(), "namespace": pod.namespace(), "uid": pod.uid()},
            "target": {"apiVersion": "v1", "kind": "Node", "name": node}});
        self.send(Method::POST, &path(Kind::Pod, pod.namespace(), pod.name(), "binding"), Some(&binding)).await?;
        // The answer does not hold the pod; whoever asks next should see where it is.
        self.get(&Key::new(Kind::Pod, pod.namespace(), pod.name())).await.map(drop)
    }

    /// Let an emptied namespace go.
    ///
    /// # Errors
    /// As the server refuses it; 503 when it cannot be asked.
    pub async fn finalize(&self, name: &str) -> Result<(), Refusal> {
        let mut namespace = self.get(&Key::new(Kind::Namespace, "", name)).await?.value().clone();
        namespace["spec"]["finalizers"] = json!([]);
        self.send(Method::PUT, &path(Kind::Namespace, "", name, "finalize"), Some(&namespace)).await.map(drop)
    }

    /// Write an Event when there is time.
    pub fn post(&self, event: Value) {
        self.posted.fetch_add(1, Ordering::Relaxed);
        let _ = self.events.try_send(event);
    }

    /// How many Events were handed in so far.
    #[must_use]
    pub fn posted(&self) -> u64 {
        self.posted.load(Ordering::Relaxed)
    }

    async fn send(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value, Refusal> {
        send(&self.client, method, path, body).await
    }
}

/// Ask the server, and read its answer.
///
/// # Errors
/// As the server refuses it; 503 when it cannot be asked.
pub(super) async fn send(client: &Client, method: Method, path: &str, body: Option<&Value>) -> Result<Value, Refusal> {
    let request = Request::builder().method(method).uri(path).header(header::CONTENT_TYPE, "application/json");
    let body = body.map_or_else(Body::empty, |body| Body::from(body.to_string().into_bytes()));
    let request = request.body(body).map_err(Refusal::unavailable_because)?;
    let asked = async {
        let response = client.send(request).await.map_err(Refusal::unavailable_because)?;
        let code = response.status();
        let bytes = response.into_body().collect().await.map_err(Refusal::unavailable_because)?.to_bytes();
        Ok((code, bytes))
    };
    let (code, bytes): (StatusCode, _) =
        tokio::time::timeout(PATIENCE, asked).await.unwrap_or_else(|_| Err(Refusal::unavailable("the server did not answer in time")))?;
    let answer = serde_json::from_slice(&bytes).unwrap_or_else(|_| json!({"message": String::from_utf8_lossy(&bytes)}));
    if code.is_success() { Ok(answer) } else { Err(Refusal::of_answer(code.as_u16(), &answer)) }
}

/// The path of a collection, an object or a subresource.
pub(super) fn path(kind: Kind, namespace: &str, name: &str, sub: &str) -> String {
    let resource = kind.resource();
    let mut path = if resource.group.is_empty() { "/api/".to_owned() } else { format!("/apis/{}/", resource.group) };
    path.push_str(resource.version);
    if resource.namespaced && !namespace.is_empty() {
        path.push_str(&format!("/namespaces/{namespace}"));
    }
    path.push_str(&format!("/{}", resource.plural));
    for part in [name, sub].into_iter().filter(|part| !part.is_empty()) {
        path.push_str(&format!("/{part}"));
    }
    path
}

fn body_of(options: &DeleteOptions) -> Value {
    let propagation = match options.propagation {
        Propagation::Background => "Background",
        Propagation::Foreground => "Foreground",
        Propagation::Orphan => "Orphan",
    };
    let mut body = json!({"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": propagation});
    if let Some(grace) = options.grace {
        body["gracePeriodSeconds"] = json!(grace);
    }
    for (field, wanted) in [("uid", &options.uid), ("resourceVersion", &options.revision)] {
        if !wanted.is_empty() {
            body["preconditions"][field] = json!(wanted);
        }
    }
    if options.dry_run {
        body["dryRun"] = json!(["All"]);
    }
    body
}

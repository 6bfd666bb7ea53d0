//! Requests by verb: what each does and answers.

use std::sync::Arc;

use http::{HeaderMap, Method, header};
use serde_json::{Value, json};

use super::ApiServer;
use super::access::Access;
use super::deletion::{DeleteOptions, Deleted};
use super::discovery;
use super::kinds::Kind;
use super::object::{Object, map_mut, metadata, text};
use super::patches::PatchKind;
use super::proxy::BackendRequest;
use super::reading::{Form, deleted_status};
use super::refusal::Refusal;
use super::route::{Astray, Place, ProxyTarget, Query, Route};
use super::watching::Watch;
use super::writes::{Intent, Part};

/// A request, taken apart.
pub struct Ask<'a> {
    /// HTTP method.
    pub method: &'a Method,
    /// Path.
    pub path: &'a str,
    /// Query, taken apart.
    pub query: Query,
    /// Query as it came.
    pub raw_query: Option<&'a str>,
    /// Headers.
    pub headers: &'a HeaderMap,
    /// Body.
    pub body: &'a [u8],
}

impl Ask<'_> {
    fn header(&self, name: header::HeaderName) -> &str {
        self.headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or_default()
    }

    fn json(&self) -> Result<Value, Refusal> {
        serde_json::from_slice(self.body).map_err(|why| Refusal::bad_request(format!("couldn't get version/kind; json parse error: {why}")))
    }

    fn intent(&self) -> Result<Intent, Refusal> {
        match self.query.get("dryRun") {
            "" | "All" => {}
            other => return Err(Refusal::bad_request(format!("Invalid value: {other:?}: dryRun: supported values: \"All\""))),
        }
        Ok(Intent { dry_run: self.query.get("dryRun") == "All", strict: self.query.get("fieldValidation") == "Strict", trusted: false })
    }
}

/// What a response carries.
pub enum Payload {
    /// All of it.
    Whole(Vec<u8>),
    /// A watch's chunks as they come.
    Watch(Box<Watch>),
}

/// A response before it is one.
pub struct Answer {
    /// HTTP status code.
    pub code: u16,
    /// `Content-Type`.
    pub content_type: String,
    /// The body.
    pub payload: Payload,
}

impl Answer {
    /// This JSON.
    #[must_use]
    pub fn json(code: u16, value: &Value) -> Self {
        Self::wire(code, value.to_string())
    }

    fn wire(code: u16, text: String) -> Self {
        Self { code, content_type: "application/json".to_owned(), payload: Payload::Whole(text.into_bytes()) }
    }

    fn text(code: u16, text: &str) -> Self {
        Self { code, content_type: "text/plain; charset=utf-8".to_owned(), payload: Payload::Whole(text.as_bytes().to_vec()) }
    }

    fn object(code: u16, object: &Object) -> Self {
        Self::wire(code, object.wire().to_owned())
    }
}

/// Answer one request.
///
/// # Errors
/// What the `Status` is made of.
pub fn answer(server: &ApiServer, ask: &Ask<'_>) -> Result<Answer, Refusal> {
    let nowhere = || Answer::text(404, "404 page not found\n");
    let route = match Route::find(ask.path) {
        Ok(route) => route,
        Err(Astray::Nowhere) => return Ok(nowhere()),
        Err(Astray::NoResource) => return Err(Refusal::no_such_resource()),
    };
    let reads = || if *ask.method == Method::GET { Ok(()) } else { Err(Refusal::method_not_allowed()) };
    let found = |value: Option<Value>| value.map_or_else(nowhere, |value| Answer::json(200, &value));
    match route {
        Route::Health => Ok(Answer::text(200, "ok")),
        Route::Version => reads().map(|()| Answer::json(200, &discovery::version())),
        Route::CoreVersions => reads().map(|()| Answer::json(200, &discovery::core_versions())),
        Route::Groups => reads().map(|()| Answer::json(200, &server.lock().groups())),
        Route::Group(group) => reads().map(|()| found(server.lock().group(&group))),
        Route::Resources(group, version) => reads().map(|()| found(server.lock().resources(&group, &version))),
        Route::AccessReview if *ask.method == Method::POST => Ok(Answer::json(201, &server.lock().review(ask.json()?)?)),
        Route::AccessReview => Err(Refusal::method_not_allowed()),
        Route::Proxy(target) => proxied(server, ask, &target),
        Route::Objects(place) => {
            if !server.lock().serves(place.kind.resource().group) {
                return Ok(nowhere());
            }
            objects(server, ask, &place)
        }
    }
}

fn proxied(server: &ApiServer, ask: &Ask<'_>, target: &ProxyTarget) -> Result<Answer, Refusal> {
    let verb = match *ask.method {
        Method::POST => "create",
        Method::PUT => "update",
        Method::PATCH => "patch",
        Method::DELETE => "delete",
        _ => "get",
    };
    let (backend, at) = {
        let state = server.lock();
        state.authorize(Access { verb, group: "", resource: "services/proxy", namespace: &target.namespace, name: &target.service })?;
        (state.backend(target)?, state.clock.server_now())
    };
    // Outside the lock: a backend may look at the cluster itself.
    let answer = backend.answer(&BackendRequest {
        method: ask.method.to_string(),
        path_and_query: ask.raw_query.map_or_else(|| target.path.clone(), |query| format!("{}?{query}", target.path)),
        content_type: ask.header(header::CONTENT_TYPE).to_owned(),
        body: ask.body.to_vec(),
        at,
    });
    Ok(Answer { code: answer.status, content_type: answer.content_type, payload: Payload::Whole(answer.body) })
}

fn objects(server: &ApiServer, ask: &Ask<'_>, place: &Place) -> Result<Answer, Refusal> {
    let resource = place.kind.resource();
    let watching = ask.query.is("watch");
    let verb = match (ask.method, place.name.is_empty()) {
        (&Method::GET, true) if watching => "watch",
        (&Method::GET, true) => "list",
        (&Method::GET, false) => "get",
        (&Method::POST, _) => "create",
        (&Method::PUT, false) => "update",
        (&Method::PATCH, false) => "patch",
        (&Method::DELETE, true) => "deletecollection",
        (&Method::DELETE, false) => "delete",
        _ => return Err(Refusal::method_not_allowed()),
    };
    let plural = if place.sub.is_empty() { resource.plural.to_owned() } else { format!("{}/{}", resource.plural, place.sub) };
    server.lock().authorize(Access {
        verb,
        group: resource.group,
        resource: &plural,
        namespace: if place.kind == Kind::Namespace { &place.name } else { &place.namespace },
        name: &place.name,
    })?;
    let form = Form::of(ask.header(header::ACCEPT));
    if !place.sub.is_empty() {
        return subresource(server, ask, place, verb);
    }
    match verb {
        "watch" => Ok(Answer {
            code: 200,
            content_type: "application/json".to_owned(),
            payload: Payload::Watch(Box::new(Watch::open(server, place, &ask.query, form)?)),
        }),
        "list" => Ok(Answer::wire(200, server.lock().list(place, &ask.query)?.wire(place.kind, form))),
        "get" => {
            let object = server.lock().get(place)?;
            let mut out = String::new();
            form.write(&object, &mut out);
            Ok(Answer::wire(200, out))
        }
        "create" => create(server, ask, place),
        "update" => {
            let value = ask.json()?;
            named_alike(place, &value)?;
            Ok(Answer::object(200, &*server.lock().update(place.kind, &place.namespace, &place.name, value, Part::Main, ask.intent()?)?))
        }
        "patch" => patch(server, ask, place, Part::Main),
        "deletecollection" => {
            let options = delete_options(ask)?;
            let mut state = server.lock();
            let page = state.list(place, &ask.query)?;
            for item in &page.items {
                // What vanished in between is what was asked for.
                let _ = state.delete(place.kind, item.namespace(), item.name(), &options);
            }
            Ok(Answer::wire(200, page.wire(place.kind, Form::Whole)))
        }
        _ => {
            let deleted = server.lock().delete(place.kind, &place.namespace, &place.name, &delete_options(ask)?)?;
            Ok(match &deleted {
                Deleted::Gone(object) if !matches!(place.kind, Kind::Pod | Kind::Service) => {
                    Answer::json(200, &deleted_status(place.kind, object))
                }
                Deleted::Gone(object) | Deleted::Going(object) => Answer::object(200, object),
            })
        }
    }
}

fn create(server: &ApiServer, ask: &Ask<'_>, place: &Place) -> Result<Answer, Refusal> {
    if !place.name.is_empty() {
        return Err(Refusal::method_not_allowed());
    }
    let value = ask.json()?;
    let given = text(&value, "/metadata/namespace");
    if place.kind.resource().namespaced && !given.is_empty() && given != place.namespace {
        return Err(Refusal::bad_request("the namespace of the provided object does not match the namespace sent on the request"));
    }
    if place.kind.resource().namespaced && place.namespace.is_empty() {
        return Err(Refusal::bad_request("an empty namespace may not be set during creation"));
    }
    Ok(Answer::object(201, &*server.lock().create(place.kind, &place.namespace, value, ask.intent()?)?))
}

fn named_alike(place: &Place, value: &Value) -> Result<(), Refusal> {
    let (name, namespace) = (text(value, "/metadata/name"), text(value, "/metadata/namespace"));
    if name != place.name {
        return Err(Refusal::bad_request(format!("the name of the object ({name}) does not match the name on the URL ({})", place.name)));
    }
    if !namespace.is_empty() && namespace != place.namespace {
        return Err(Refusal::bad_request("the namespace of the provided object does not match the namespace sent on the request"));
    }
    if place.kind.is_custom() && text(value, "/metadata/resourceVersion").is_empty() {
        let cause = super::refusal::Cause::invalid("metadata.resourceVersion", &json!(0), "must be specified for an update");
        return Err(Refusal::invalid(place.kind, name, &[cause]));
    }
    Ok(())
}

fn patch(server: &ApiServer, ask: &Ask<'_>, place: &Place, part: Part) -> Result<Answer, Refusal> {
    let kind = PatchKind::of(ask.header(header::CONTENT_TYPE), place.kind)?;
    let patch = ask.json()?;
    let intent = ask.intent()?;
    let mut state = server.lock();
    let old = state.get(place);
    if kind == PatchKind::Apply {
        if ask.query.get("fieldManager").is_empty() {
            return Err(Refusal {
                code: 422,
                reason: "Invalid",
                message: "PatchOptions.meta.k8s.io \"\" is invalid: fieldManager: Required value: is required for apply patch".to_owned(),
                details: Some(json!({"group": "meta.k8s.io", "kind": "PatchOptions"})),
            });
        }
        if old.is_err() {
            let mut value = patch;
            metadata(&mut value).insert("name".to_owned(), json!(place.name));
            return Ok(Answer::object(201, &*state.create(place.kind, &place.namespace, value, intent)?));
        }
    }
    let value = kind.apply(old?.value().clone(), &patch)?;
    Ok(Answer::object(200, &*state.update(place.kind, &place.namespace, &place.name, value, part, intent)?))
}

fn delete_options(ask: &Ask<'_>) -> Result<DeleteOptions, Refusal> {
    let grace = ask.query.get("gracePeriodSeconds").parse().ok();
    let mut options = DeleteOptions { grace, dry_run: ask.intent()?.dry_run, ..DeleteOptions::default() };
    if !ask.query.get("propagationPolicy").is_empty() {
        options = options.policy(ask.query.get("propagationPolicy"))?;
    }
    if ask.body.is_empty() { Ok(options) } else { options.read(&ask.json()?) }
}

fn subresource(server: &ApiServer, ask: &Ask<'_>, place: &Place, verb: &str) -> Result<Answer, Refusal> {
    let resource = place.kind.resource();
    match (place.kind, place.sub.as_str(), verb) {
        (_, "status", _) if !resource.status => {
            Err(if place.kind.is_custom() { Refusal::not_found(place.kind, &place.name) } else { Refusal::no_such_resource() })
        }
        (_, "status", "get") => Ok(Answer::object(200, &*server.lock().get(place)?)),
        (_, "status", "update") => {
            let value = ask.json()?;
            named_alike(place, &value)?;
            Ok(Answer::object(200, &*server.lock().update(place.kind, &place.namespace, &place.name, value, Part::Status, ask.intent()?)?))
        }
        (_, "status", "patch") => patch(server, ask, place, Part::Status),
        (Kind::Pod, "eviction", "create") => evict(server, ask, place),
        (Kind::Pod, "binding", "create") => {
            let binding = ask.json()?;
            server.lock().bind(&place.namespace, &place.name, text(&binding, "/metadata/uid"), text(&binding, "/target/name"))?;
            Ok(Answer::json(201, &json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201})))
        }
        (Kind::Namespace, "finalize", "update") => Ok(Answer::object(200, &*server.lock().finalize(&place.name, &ask.json()?)?)),
        (Kind::Pod, "log", "get") => log(&server.lock().get(place)?, &ask.query),
        (_, "status", _) | (Kind::Pod, "eviction" | "binding" | "log", _) | (Kind::Namespace, "finalize", _) => {
            Err(Refusal::method_not_allowed())
        }
        _ => Err(Refusal::no_such_resource()),
    }
}

fn evict(server: &ApiServer, ask: &Ask<'_>, place: &Place) -> Result<Answer, Refusal> {
    let mut body = ask.json()?;
    let options = DeleteOptions { dry_run: ask.intent()?.dry_run, ..DeleteOptions::default() };
    let options = options.read(&Value::Object(map_mut(&mut body, "deleteOptions").clone()))?;
    server.lock().delete(Kind::Pod, &place.namespace, &place.name, &options)?;
    Ok(Answer::json(201, &json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201})))
}

/// A few lines as a small server would have written them.
fn log(pod: &Arc<Object>, query: &Query) -> Result<Answer, Refusal> {
    let containers: Vec<&str> = pod.list("/spec/containers").iter().map(|c| text(c, "/name")).collect();
    let wanted = query.get("container");
    if !wanted.is_empty() && !containers.contains(&wanted) {
        return Err(Refusal::bad_request(format!("container {wanted} is not valid for pod {}", pod.name())));
    }
    let name = if wanted.is_empty() { containers.first().copied().unwrap_or_default() } else { wanted };
    let status = pod.list("/status/containerStatuses").iter().find(|s| text(s, "/name") == name).cloned().unwrap_or(Value::Null);
    let started = text(&status, "/state/running/startedAt");
    if started.is_empty() {
        return Err(Refusal::bad_request(format!("container \"{name}\" in pod \"{}\" is waiting to start: ContainerCreating", pod.name())));
    }
    let mut lines = vec![format!("{started} {name}: starting"), format!("{started} {name}: listening on :8080")];
    if status["ready"] == true {
        lines.push(format!("{started} {name}: ready"));
    }
    let keep = query.number("tailLines").and_then(|n| usize::try_from(n).ok()).unwrap_or(lines.len()).min(lines.len());
    let mut out = lines.split_off(lines.len() - keep).join("\n");
    if !out.is_empty() {
        out.push('\n');
    }
    Ok(Answer::text(200, &out))
}

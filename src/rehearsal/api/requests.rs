//! Requests by verb: what each does and answers.

use http::{HeaderMap, Method, header};
use serde_json::{Value, json};

use super::ApiServer;
use super::access::{Access, User};
use super::deletion::{DeleteOptions, Deleted};
use super::discovery;
use super::kinds::Kind;
use super::logs::LogTail;
use super::object::{Object, metadata, text};
use super::openapi;
use super::patches::PatchKind;
use super::proxy::BackendRequest;
use super::reading::{Form, deleted_status};
use super::refusal::Refusal;
use super::route::{Astray, Place, ProxyTarget, Query, Route};
use super::subresources;
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
    pub(super) fn header(&self, name: header::HeaderName) -> &str {
        self.headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or_default()
    }

    /// The body, which is to be of this kind.
    fn object(&self, kind: Kind) -> Result<Value, Refusal> {
        self.json().map_err(|refusal| {
            if refusal.code != 400 || !refusal.message.starts_with("couldn't get") {
                return refusal;
            }
            let name = kind.resource().name;
            Refusal::bad_request(format!(
                "the object provided is unrecognized (must be of type {name}): {} ({})",
                refusal.message,
                told(self.body)
            ))
        })
    }

    pub(super) fn json(&self) -> Result<Value, Refusal> {
        match self.header(header::CONTENT_TYPE).split(';').next().unwrap_or_default().trim() {
            "application/yaml" | "application/apply-patch+yaml" => return self.yaml(),
            "application/vnd.kubernetes.protobuf" => return super::protobuf::read(self.body),
            "application/cbor" => {
                return Err(Refusal::media_type("application/json, application/yaml"));
            }
            _ => {}
        }
        serde_json::from_slice(self.body)
            .map_err(|why| Refusal::bad_request(format!("couldn't get version/kind; json parse error: {}", unread(self.body, &why))))
    }

    fn yaml(&self) -> Result<Value, Refusal> {
        let unreadable = |why: &dyn std::fmt::Display| Refusal::bad_request(format!("error decoding YAML: {why}"));
        // JSON is YAML, and read faster as what it is.
        if let Ok(value) = serde_json::from_slice(self.body) {
            return Ok(value);
        }
        let text = std::str::from_utf8(self.body).map_err(|why| unreadable(&why))?;
        serde_saphyr::from_str(text).map_err(|why| unreadable(&why))
    }

    pub(super) fn intent(&self) -> Result<Intent, Refusal> {
        match self.query.get("dryRun") {
            "" | "All" => {}
            other => {
                let why = format!("dryRun: Unsupported value: [{other:?}]: supported values: \"All\"");
                return Err(options_refused(ask_kind(self.method), "dryRun", &why));
            }
        }
        let (strict, warn) = match self.query.get("fieldValidation") {
            "" | "Warn" => (false, true),
            "Strict" => (true, false),
            "Ignore" => (false, false),
            other => {
                let why = format!("fieldValidation: Unsupported value: {other:?}: supported values: \"Ignore\", \"Strict\", \"Warn\"");
                return Err(options_refused(ask_kind(self.method), "fieldValidation", &why));
            }
        };
        Ok(Intent { dry_run: self.query.get("dryRun") == "All", strict, warn, trusted: false })
    }
}

/// Why a body is not JSON, in Go's words.
fn unread(body: &[u8], why: &serde_json::Error) -> String {
    if why.is_eof() {
        return "unexpected end of JSON input".to_owned();
    }
    let line = body.split(|byte| *byte == b'\n').nth(why.line().saturating_sub(1)).unwrap_or_default();
    let text = String::from_utf8_lossy(line.get(why.column().saturating_sub(1)..).unwrap_or_default()).into_owned();
    let found = text.chars().next().unwrap_or('\u{fffd}');
    let aim = if why.to_string().contains("trailing characters") { "after top-level value" } else { "looking for beginning of value" };
    format!("invalid character '{found}' {aim}")
}

/// The beginning of a body, in hex where it is no JSON object.
fn told(body: &[u8]) -> String {
    const SHOWN: usize = 30;
    let start = &body[..body.len().min(SHOWN)];
    let more = if body.len() > SHOWN { " ..." } else { "" };
    match body.first() {
        None => "<empty>".to_owned(),
        Some(b'{') => format!("{}{more}", String::from_utf8_lossy(start)),
        Some(_) => format!("{}{more}", start.iter().map(|byte| format!("{byte:02x}")).collect::<String>()),
    }
}

/// The options object that requests of this method have.
fn ask_kind(method: &Method) -> &'static str {
    match *method {
        Method::POST => "CreateOptions",
        Method::PATCH => "PatchOptions",
        Method::DELETE => "DeleteOptions",
        _ => "UpdateOptions",
    }
}

/// 422: options that cannot be.
pub(super) fn options_refused(kind: &str, field: &str, why: &str) -> Refusal {
    let message = why.strip_prefix(&format!("{field}: ")).unwrap_or(why);
    let reason = match message.split_whitespace().next() {
        Some("Unsupported") => "FieldValueNotSupported",
        Some("Forbidden:") => "FieldValueForbidden",
        _ => "FieldValueInvalid",
    };
    Refusal {
        code: 422,
        reason: "Invalid",
        message: format!("{kind}.meta.k8s.io \"\" is invalid: {why}"),
        details: Some(json!({"group": "meta.k8s.io", "kind": kind, "causes": [{"reason": reason, "message": message, "field": field}]})),
    }
}

/// What a response carries.
pub enum Payload {
    /// All of it.
    Whole(Vec<u8>),
    /// A log as it grows.
    Log(Box<LogTail>),
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
    /// What the client is to be warned of.
    pub warnings: Vec<String>,
}

impl Answer {
    /// This JSON.
    #[must_use]
    pub fn json(code: u16, value: &Value) -> Self {
        Self::wire(code, value.to_string())
    }

    fn wire(code: u16, text: String) -> Self {
        Self { code, content_type: "application/json".to_owned(), payload: Payload::Whole(text.into_bytes()), warnings: Vec::new() }
    }

    pub(super) fn text(code: u16, text: &str) -> Self {
        Self {
            code,
            content_type: "text/plain; charset=utf-8".to_owned(),
            payload: Payload::Whole(text.as_bytes().to_vec()),
            warnings: Vec::new(),
        }
    }

    pub(super) fn object(code: u16, object: &Object) -> Self {
        Self::wire(code, object.wire().to_owned())
    }
}

/// Answer one request.
///
/// # Errors
/// What the `Status` is made of.
pub fn answer(server: &ApiServer, ask: &Ask<'_>) -> Result<Answer, Refusal> {
    server.lock().warnings.clear();
    let mut answer = answered(server, ask)?;
    answer.warnings = std::mem::take(&mut server.lock().warnings);
    Ok(answer)
}

fn answered(server: &ApiServer, ask: &Ask<'_>) -> Result<Answer, Refusal> {
    let nowhere = || Answer::text(404, "404 page not found\n");
    let route = match Route::find(ask.path) {
        Ok(route) => route,
        Err(Astray::Nowhere) => return Ok(nowhere()),
        Err(Astray::NoResource) => return Err(Refusal::no_such_resource()),
    };
    let user = User::of(ask.headers)?;
    let reads = || if *ask.method == Method::GET { Ok(()) } else { Err(Refusal::method_not_allowed()) };
    let found = |value: Option<Value>| value.map_or_else(nowhere, |value| Answer::json(200, &value));
    match route {
        Route::Health => Ok(Answer::text(200, "ok")),
        Route::Version => reads().map(|()| Answer::json(200, &discovery::version())),
        Route::CoreVersions | Route::Groups if wants_aggregated(ask) => reads().map(|()| Answer {
            content_type: discovery::AGGREGATED.to_owned(),
            ..Answer::json(200, &server.lock().aggregated(route == Route::CoreVersions))
        }),
        Route::CoreVersions => reads().map(|()| Answer::json(200, &discovery::core_versions())),
        Route::Groups => reads().map(|()| Answer::json(200, &server.lock().groups())),
        Route::OpenApi2 => reads().map(|()| Answer::json(200, &openapi::swagger())),
        Route::OpenApi3 => reads().map(|()| Answer::json(200, &server.lock().openapi_index())),
        Route::OpenApi3Group(group, version) => reads().map(|()| found(server.lock().openapi_document(&group, &version))),
        Route::Group(group) => reads().map(|()| found(server.lock().group(&group))),
        Route::Resources(group, version) => reads().map(|()| found(server.lock().resources(&group, &version))),
        Route::Review(review, namespace) if *ask.method == Method::POST => {
            Ok(Answer::json(201, &server.lock().review(&user, review, &namespace, ask.json()?)?))
        }
        Route::Review(..) => Err(Refusal::method_not_allowed()),
        Route::Proxy(target) => proxied(server, ask, &user, &target),
        Route::Objects(place) => {
            if !server.lock().serves(place.kind.resource().group) {
                return Ok(nowhere());
            }
            objects(server, ask, &user, &place)
        }
    }
}

/// Whether discovery is asked for in one document, in the version that is current.
fn wants_aggregated(ask: &Ask<'_>) -> bool {
    let accept = ask.header(header::ACCEPT);
    accept.split(',').any(|media| media.contains("as=APIGroupDiscoveryList") && media.split(';').any(|part| part.trim() == "v=v2"))
}

fn proxied(server: &ApiServer, ask: &Ask<'_>, user: &User, target: &ProxyTarget) -> Result<Answer, Refusal> {
    let verb = match *ask.method {
        Method::POST => "create",
        Method::PUT => "update",
        Method::PATCH => "patch",
        Method::DELETE => "delete",
        _ => "get",
    };
    let (backend, at) = {
        let state = server.lock();
        state
            .authorize(user, Access { verb, group: "", resource: "services/proxy", namespace: &target.namespace, name: &target.service })?;
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
    Ok(Answer { code: answer.status, content_type: answer.content_type, payload: Payload::Whole(answer.body), warnings: Vec::new() })
}

fn objects(server: &ApiServer, ask: &Ask<'_>, user: &User, place: &Place) -> Result<Answer, Refusal> {
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
    server.lock().authorize(
        user,
        Access {
            verb,
            group: resource.group,
            resource: &plural,
            namespace: if place.kind == Kind::Namespace { &place.name } else { &place.namespace },
            name: &place.name,
        },
    )?;
    let form = Form::of(ask.header(header::ACCEPT), &ask.query)?;
    if !place.sub.is_empty() {
        return subresources::answer(server, ask, place, verb);
    }
    vetted(server, ask, user, place, verb)?;
    match verb {
        "watch" => Ok(Answer {
            code: 200,
            content_type: "application/json".to_owned(),
            payload: Payload::Watch(Box::new(Watch::open(server, place, &ask.query, form)?)),
            warnings: Vec::new(),
        }),
        "list" => Ok(Answer::wire(200, {
            let state = server.lock();
            state.list(place, &ask.query)?.wire(place.kind, form, state.clock.server_now())
        })),
        "get" => {
            let state = server.lock();
            let object = state.get(place)?;
            let mut out = String::new();
            form.write(place.kind, &object, true, state.clock.server_now(), &mut out);
            Ok(Answer::wire(200, out))
        }
        "create" => create(server, ask, place),
        "update" => {
            let value = ask.object(place.kind)?;
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
            Ok(Answer::wire(200, page.wire(place.kind, Form::Whole, state.clock.server_now())))
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

/// Refuse what Chaos Mesh's authorization webhook refuses. What cannot be read is for others to refuse.
fn vetted(server: &ApiServer, ask: &Ask<'_>, user: &User, place: &Place, verb: &str) -> Result<(), Refusal> {
    if !place.kind.is_chaos() || !matches!(verb, "create" | "update" | "patch") {
        return Ok(());
    }
    let Ok(mut value) = ask.json() else { return Ok(()) };
    let state = server.lock();
    if verb == "patch" {
        let patched = PatchKind::of(ask.header(header::CONTENT_TYPE), place.kind)
            .and_then(|kind| kind.apply(state.get(place)?.value().clone(), &value));
        let Ok(patched) = patched else { return Ok(()) };
        value = patched;
    }
    state.vet(user, place.kind, &place.namespace, &value)
}

fn create(server: &ApiServer, ask: &Ask<'_>, place: &Place) -> Result<Answer, Refusal> {
    if !place.name.is_empty() {
        return Err(Refusal::method_not_allowed());
    }
    let value = ask.object(place.kind)?;
    let given = text(&value, "/metadata/namespace");
    if place.kind.resource().namespaced && !given.is_empty() && given != place.namespace {
        return Err(Refusal::bad_request("the namespace of the provided object does not match the namespace sent on the request"));
    }
    if place.kind.resource().namespaced && place.namespace.is_empty() {
        return Err(Refusal::bad_request("an empty namespace may not be set during creation"));
    }
    Ok(Answer::object(201, &*server.lock().create(place.kind, &place.namespace, value, ask.intent()?)?))
}

pub(super) fn named_alike(place: &Place, value: &Value) -> Result<(), Refusal> {
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

pub(super) fn patch(server: &ApiServer, ask: &Ask<'_>, place: &Place, part: Part) -> Result<Answer, Refusal> {
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
    let updated = state.update(place.kind, &place.namespace, &place.name, value, part, intent);
    let updated = updated.map_err(|refusal| if kind == PatchKind::Apply { refusal } else { strictly_patched(refusal, ask.body) });
    Ok(Answer::object(200, &*updated?))
}

/// A field too many is, in a patch, a mistake of the patch.
fn strictly_patched(refusal: Refusal, patch: &[u8]) -> Refusal {
    let Some((_, why)) = refusal.message.split_once(": strict decoding error: ") else { return refusal };
    let why = format!("Invalid value: {:?}: strict decoding error: {why}", String::from_utf8_lossy(patch));
    Refusal {
        code: 422,
        reason: "Invalid",
        message: format!(" \"\" is invalid: patch: {why}"),
        details: Some(json!({"causes": [{"reason": "FieldValueInvalid", "message": why, "field": "patch"}]})),
    }
}

fn delete_options(ask: &Ask<'_>) -> Result<DeleteOptions, Refusal> {
    let grace = ask.query.get("gracePeriodSeconds").parse().ok();
    let mut options = DeleteOptions { grace, dry_run: ask.intent()?.dry_run, ..DeleteOptions::default() };
    if !ask.query.get("propagationPolicy").is_empty() {
        options = options.policy(ask.query.get("propagationPolicy"))?;
    }
    if ask.body.is_empty() { Ok(options) } else { options.read(&ask.json()?) }
}

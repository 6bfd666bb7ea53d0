//! Requests by verb: what each does and answers.

use http::{Method, header};
use serde_json::{Value, json};

use super::ApiServer;
use super::access::{Access, Review, User};
use super::admission::unreadable;
use super::anatomy::Anatomy;
use super::ask::{Answer, Ask, Payload};
use super::deletion::{DeleteOptions, Deleted, Propagation};
use super::discovery;
use super::guise::Guise;
use super::kinds::Kind;
use super::object::text;
use super::openapi;
use super::patches::PatchKind;
use super::proxy::{BackendRequest, Reached};
use super::reading::{Form, deleted_status, expired_page};
use super::refusal::Refusal;
use super::route::{Astray, Place, ProxyTarget, Route};
use super::subresources;
use super::watching::Watch;
use super::writes::Part;

/// What is said to who deletes a Job and does not say what becomes of its pods.
const JOB_ORPHANS: &str = "child pods are preserved by default when jobs are deleted; set propagationPolicy=Background to remove them or set \
                           propagationPolicy=Orphan to suppress this warning";

/// Answer one request.
///
/// # Errors
/// What the `Status` is made of.
pub fn answer(server: &ApiServer, ask: &Ask<'_>) -> Result<Answer, Refusal> {
    if ask.guise.is_none()
        && let Some((guise, path)) = Guise::of(ask.path)
    {
        return guise.answer(server, ask, &path);
    }
    {
        let mut state = server.lock();
        state.warnings.clear();
        state.writer = writer(ask);
    }
    let answer = answered(server, ask);
    server.lock().writer.clear();
    let mut answer = answer?;
    answer.warnings = std::mem::take(&mut server.lock().warnings);
    Ok(answer)
}

/// Who asks, as `managedFields` is to name it: as the request says, or the program of its user agent.
fn writer(ask: &Ask<'_>) -> String {
    let named = ask.query.get("fieldManager");
    let agent = ask.header(header::USER_AGENT).split('/').next().unwrap_or_default();
    match (named, agent) {
        ("", "") => "unknown".to_owned(),
        ("", agent) => agent.to_owned(),
        (named, _) => named.to_owned(),
    }
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
        Route::Health if ask.raw_query.is_some_and(|query| query.contains("verbose")) => {
            let name = ask.path.trim_start_matches('/').split('/').next().unwrap_or_default();
            Ok(Answer::text(200, &format!("[+]ping ok\n[+]log ok\n[+]etcd ok\n{name} check passed\n")))
        }
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
            Ok(Answer::json(201, &server.lock().review(&user, review, &namespace, asked(review, ask.json()?)?)?))
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

/// A review as it is asked, if it can be read as one.
fn asked(review: Review, mut body: Value) -> Result<Value, Refusal> {
    let Some((_, group, _, kind)) = Review::ALL.iter().find(|(r, ..)| *r == review) else { return Ok(body) };
    let misfits = Anatomy::named(&format!("{group}/v1"), kind).map(|anatomy| anatomy.prune(&mut body)).unwrap_or_default();
    match misfits.mistyped {
        Some(why) => Err(Refusal::bad_request(format!("{kind} in version \"v1\" cannot be handled as a {kind}: {why}"))),
        None => Ok(body),
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
    let resource = if target.kind == Kind::Pod { "pods/proxy" } else { "services/proxy" };
    let (reached, at) = {
        let mut state = server.lock();
        // rights name the Service or Pod as the path does, with its port
        let name = if target.port.is_empty() { target.name.clone() } else { format!("{}:{}", target.name, target.port) };
        state.authorize(user, Access { verb, group: "", resource, namespace: &target.namespace, name: &name })?;
        // What answers behind a Service does not live by the API server's clock.
        (state.reach(target, verb == "get")?, state.clock.now())
    };
    let backend = match reached {
        Reached::Backend(backend) => backend,
        Reached::Pod(visited) => return Ok(Answer { payload: Payload::Visit(visited), ..Answer::text(200, "") }),
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
        (&Method::DELETE, true) if place.kind != Kind::Namespace => "deletecollection",
        (&Method::DELETE, false) => "delete",
        _ => return Err(Refusal::method_not_allowed()),
    };
    let plural = if place.sub.is_empty() { resource.plural.to_owned() } else { format!("{}/{}", resource.plural, place.sub) };
    server.lock().authorize(
        user,
        Access {
            verb,
            group: ask.guise.map_or(resource.group, |guise| guise.group),
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
            payload: Payload::Watch(Box::new(Watch::open(server, place, &ask.query, form)?.in_guise(ask.guise))),
            warnings: Vec::new(),
        }),
        "list" => {
            let state = server.lock();
            match state.list(place, &ask.query) {
                Ok(page) => Ok(Answer::wire(200, page.wire(place.kind, form, state.clock.server_now()))),
                Err(refusal) => expired_page(&refusal, ask.query.get("continue")).map(|status| Answer::json(410, &status)).ok_or(refusal),
            }
        }
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
            revised(server, place, &value)?;
            Ok(Answer::object(200, &*server.lock().update(place.kind, &place.namespace, &place.name, value, Part::Main, ask.intent()?)?))
        }
        "patch" => patch(server, ask, place, Part::Main),
        "deletecollection" => {
            let options = delete_options(server, ask, place.kind)?;
            let mut state = server.lock();
            let page = state.list(place, &ask.query)?;
            for item in &page.items {
                // What vanished in between is what was asked for.
                let _ = state.delete(place.kind, item.namespace(), item.name(), &options);
            }
            Ok(Answer::wire(200, page.wire(place.kind, Form::Whole, state.clock.server_now())))
        }
        _ => {
            let options = delete_options(server, ask, place.kind)?;
            let deleted = server.lock().delete(place.kind, &place.namespace, &place.name, &options)?;
            Ok(match &deleted {
                Deleted::Gone(object) if place.kind != Kind::Pod => Answer::json(200, &deleted_status(place.kind, object)),
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
    Ok(())
}

/// Refuse an update of a custom resource that does not say which revision it changes.
pub(super) fn revised(server: &ApiServer, place: &Place, value: &Value) -> Result<(), Refusal> {
    if place.kind.is_custom() && text(value, "/metadata/resourceVersion").is_empty() {
        server.lock().get(place)?;
        let cause = super::refusal::Cause::invalid("metadata.resourceVersion", &json!(0), "must be specified for an update");
        return Err(Refusal::invalid(place.kind, &place.name, &[cause]));
    }
    Ok(())
}

pub(super) fn patch(server: &ApiServer, ask: &Ask<'_>, place: &Place, part: Part) -> Result<Answer, Refusal> {
    let kind = PatchKind::of(ask.header(header::CONTENT_TYPE), place.kind)?;
    let patch = match kind {
        PatchKind::Apply => ask.json()?,
        PatchKind::Strategic => ask.read().map_err(Refusal::bad_request)?,
        PatchKind::Json | PatchKind::Merge => ask.read().map_err(|why| Refusal::bad_request(format!("error decoding patch: {why}")))?,
    };
    let intent = ask.intent()?;
    let mut state = server.lock();
    if kind == PatchKind::Apply {
        if ask.query.get("fieldManager").is_empty() {
            return Err(Refusal {
                code: 422,
                reason: "Invalid",
                message: "PatchOptions.meta.k8s.io \"\" is invalid: fieldManager: Required value: is required for apply patch".to_owned(),
                details: Some(json!({"group": "meta.k8s.io", "kind": "PatchOptions", "causes": [
                    {"reason": "FieldValueRequired", "message": "Required value: is required for apply patch", "field": "fieldManager"}]})),
            });
        }
        let (code, object) = state.apply(place, ask.query.get("fieldManager"), patch, part, intent)?;
        return Ok(Answer::object(code, &object));
    }
    let value = kind.apply(state.get(place)?.value().clone(), &patch)?;
    named_still(place, &value)?;
    let updated = state.update(place.kind, &place.namespace, &place.name, value, part, intent);
    Ok(Answer::object(
        200,
        &*updated.map_err(|refusal| match refusal.message.split_once(&unreadable(place.kind)) {
            Some((_, why)) if refusal.code == 400 => {
                let left = state.get(place).and_then(|object| kind.apply(object.value().clone(), &patch)).unwrap_or_default();
                kind.misfit(&patch, &left, why)
            }
            _ => refusal,
        })?,
    ))
}

/// A patch changes no name.
fn named_still(place: &Place, value: &Value) -> Result<(), Refusal> {
    match text(value, "/metadata/name") {
        name if name == place.name || place.kind.is_custom() || !value["metadata"].is_object() => Ok(()),
        "" => Err(Refusal::bad_request("name must be provided")),
        name => Err(Refusal::bad_request(format!("the name of the object ({name}) does not match the name on the URL ({})", place.name))),
    }
}

/// The options of a deletion of objects of this kind. Who leaves a Job's pods behind without saying so is warned, as by the real one.
fn delete_options(server: &ApiServer, ask: &Ask<'_>, kind: Kind) -> Result<DeleteOptions, Refusal> {
    let grace = ask.query.get("gracePeriodSeconds").parse().ok();
    let mut options =
        DeleteOptions { grace, dry_run: ask.intent()?.dry_run, propagation: Propagation::usual(kind), ..DeleteOptions::default() };
    let mut said = !ask.query.get("propagationPolicy").is_empty();
    if said {
        options = options.policy(ask.query.get("propagationPolicy"))?;
    }
    if !ask.body.is_empty() {
        let body = ask.json()?;
        said |= ["propagationPolicy", "orphanDependents"].iter().any(|field| body.get(field).is_some_and(|given| !given.is_null()));
        options = options.read(&body)?;
    }
    if kind == Kind::Job && !said {
        server.lock().warnings.push(JOB_ORPHANS.to_owned());
    }
    Ok(options)
}

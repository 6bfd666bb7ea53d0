//! What hangs below an object: its status and scale, and a pod's log, eviction and binding.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::ask::{Answer, Ask, Payload};
use super::deletion::DeleteOptions;
use super::kinds::Kind;
use super::object::{Object, at, list, map_mut, number, pairs, text};
use super::patches::PatchKind;
use super::refusal::{Cause, Refusal};
use super::requests::{named_alike, patch, revised};
use super::route::Place;
use super::selector::Selector;
use super::writes::{Intent, Part};
use super::{ApiServer, State, logs};
use crate::rehearsal::clock;

/// Answer a request to a subresource.
///
/// # Errors
/// As the real server refuses it.
pub fn answer(server: &ApiServer, ask: &Ask<'_>, place: &Place, verb: &str) -> Result<Answer, Refusal> {
    let resource = place.kind.resource();
    match (place.kind, place.sub.as_str(), verb) {
        (_, "status", _) if !resource.status => {
            Err(if place.kind.is_custom() { Refusal::not_found(place.kind, &place.name) } else { Refusal::no_such_resource() })
        }
        (_, "status", "get") => Ok(Answer::object(200, &*server.lock().get(place)?)),
        (_, "status", "update") => {
            let value = ask.json()?;
            named_alike(place, &value)?;
            revised(server, place, &value)?;
            Ok(Answer::object(200, &*server.lock().update(place.kind, &place.namespace, &place.name, value, Part::Status, ask.intent()?)?))
        }
        (_, "status", "patch") => patch(server, ask, place, Part::Status),
        (_, "scale", "get" | "update" | "patch") if resource.scale => scale(server, ask, place, verb),
        (Kind::Pod, "eviction", "create") => evict(server, ask, place),
        (Kind::Pod, "binding", "create") => bind(server, ask, place),
        (Kind::Pod, "log", "get") => log(server, ask, place),
        (Kind::ServiceAccount, "token", "create") => token(server, ask, place),
        (Kind::Pod, "exec" | "attach" | "portforward", _) => Err(Refusal {
            code: 501,
            reason: "",
            message: format!("no process runs in a practice pod: {} is not served", place.sub),
            details: None,
        }),
        (Kind::Namespace, "finalize", "update") => {
            let value = ask.json()?;
            named_alike(place, &value)?;
            Ok(Answer::object(200, &*server.lock().finalize(&place.name, &value)?))
        }
        (_, "status", _) | (Kind::Pod, "eviction" | "binding" | "log", _) => Err(Refusal::method_not_allowed()),
        (_, "scale", _) if resource.scale => Err(Refusal::method_not_allowed()),
        _ => Err(Refusal::no_such_resource()),
    }
}

fn scale(server: &ApiServer, ask: &Ask<'_>, place: &Place, verb: &str) -> Result<Answer, Refusal> {
    let mut state = server.lock();
    let object = state.get(place).map_err(|_| no_scale(place))?;
    let now = scale_of(&object);
    let wanted = match verb {
        "update" => ask.json()?,
        "patch" => PatchKind::of(ask.header(http::header::CONTENT_TYPE), place.kind)?.apply(now, &ask.json()?)?,
        _ => return Ok(Answer::json(200, &now)),
    };
    let replicas = number(&wanted, "/spec/replicas").unwrap_or(0);
    if replicas < 0 {
        let cause = Cause::invalid("spec.replicas", &json!(replicas), "must be greater than or equal to 0");
        let mut refusal = Refusal::invalid(place.kind, &place.name, &[cause]);
        refusal.message = refusal.message.replacen(&place.kind.resource().qualified_kind(), "Scale.autoscaling", 1);
        if let Some(details) = &mut refusal.details {
            details["group"] = json!("autoscaling");
            details["kind"] = json!("Scale");
        }
        return Err(refusal);
    }
    let mut value = object.value().clone();
    value["metadata"]["resourceVersion"] = json!(text(&wanted, "/metadata/resourceVersion"));
    map_mut(&mut value, "spec").insert("replicas".to_owned(), json!(replicas));
    let intent = Intent { trusted: true, ..ask.intent()? };
    let changed = state.update(place.kind, &place.namespace, &place.name, value, Part::Main, intent)?;
    Ok(Answer::json(200, &scale_of(&changed)))
}

/// 404 that names the subresource.
fn no_scale(place: &Place) -> Refusal {
    let resource = place.kind.resource();
    let at = format!("{}/scale", resource.plural);
    let mut refusal = Refusal::not_found(place.kind, &place.name);
    refusal.message = refusal.message.replacen(resource.plural, &at, 1);
    if let Some(details) = &mut refusal.details {
        details["kind"] = json!(at);
    }
    refusal
}

fn scale_of(object: &Object) -> Value {
    let selector = at(object.value(), "/spec/selector");
    let plain = selector.is_some_and(|s| s.get("matchLabels").is_none() && s.get("matchExpressions").is_none());
    let selector = if plain {
        pairs(object.value(), "/spec/selector").iter().map(|(k, v)| format!("{k}={v}")).collect::<Vec<_>>().join(",")
    } else {
        super::columns::selector_text(object.value(), "/spec/selector")
    };
    let meta = |field: &str| object.value()["metadata"][field].clone();
    json!({
        "kind": "Scale", "apiVersion": "autoscaling/v1",
        "metadata": {"name": object.name(), "namespace": object.namespace(), "uid": meta("uid"), "resourceVersion": meta("resourceVersion"),
            "creationTimestamp": meta("creationTimestamp")},
        "spec": {"replicas": object.number("/spec/replicas").unwrap_or(0)},
        "status": {"replicas": object.number("/status/replicas").unwrap_or(0), "selector": selector},
    })
}

fn evict(server: &ApiServer, ask: &Ask<'_>, place: &Place) -> Result<Answer, Refusal> {
    let mut body = ask.json()?;
    let options = DeleteOptions { dry_run: ask.intent()?.dry_run, ..DeleteOptions::default() };
    let options = options.read(&Value::Object(map_mut(&mut body, "deleteOptions").clone()))?;
    let mut state = server.lock();
    let pod = state.get(place)?;
    state.spend_disruption(&pod, options.dry_run)?;
    state.delete(Kind::Pod, &place.namespace, &place.name, &options)?;
    Ok(Answer::json(201, &json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201})))
}

impl State {
    /// Take one disruption from the budget that a pod stands under.
    ///
    /// # Errors
    /// 429 when it has none left, 500 when there are several budgets.
    fn spend_disruption(&mut self, pod: &Object, dry_run: bool) -> Result<(), Refusal> {
        // A pod that does not run (yet, or any more) disturbs nobody by going.
        if matches!(pod.text("/status/phase"), "Succeeded" | "Failed" | "Pending") || pod.deleting() {
            return Ok(());
        }
        let budgets: Vec<_> =
            self.store.list(Kind::PodDisruptionBudget, Some(pod.namespace())).filter(|budget| selects(budget, pod)).cloned().collect();
        let budget = match budgets.as_slice() {
            [] => return Ok(()),
            [one] => one,
            _ => {
                return Err(Refusal {
                    details: None,
                    message: "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.".to_owned(),
                    ..Refusal::internal("")
                });
            }
        };
        let number = |pointer: &str| budget.number(pointer).unwrap_or(0);
        let (healthy, desired, allowed) =
            (number("/status/currentHealthy"), number("/status/desiredHealthy"), number("/status/disruptionsAllowed"));
        // An unready pod may go while enough others are ready: it is not one of those that are counted.
        let policy = budget.text("/spec/unhealthyPodEvictionPolicy");
        if !pod.condition("Ready") && (policy == "AlwaysAllow" || (healthy >= desired && desired > 0)) {
            return Ok(());
        }
        let refused = |reason: &str, why: String, seconds: i64| {
            let mut details = json!({"causes": [{"reason": "DisruptionBudget", "message": why}]});
            if seconds > 0 {
                details["retryAfterSeconds"] = json!(seconds);
            }
            Err(Refusal { code: 429, reason: "TooManyRequests", message: reason.to_owned(), details: Some(details) })
        };
        if budget.number("/status/observedGeneration").unwrap_or(0) < budget.number("/metadata/generation").unwrap_or(0) {
            let why = format!("The disruption budget {} is still being processed by the server.", budget.name());
            return refused("Cannot evict pod as it would violate the pod's disruption budget.", why, 10);
        }
        if allowed < 1 {
            let why = format!("The disruption budget {} needs {desired} healthy pods and has {healthy} currently", budget.name());
            return refused("Cannot evict pod as it would violate the pod's disruption budget.", why, 0);
        }
        if dry_run {
            return Ok(());
        }
        let mut value = budget.value().clone();
        let stamp = self.clock.stamp();
        let status = map_mut(&mut value, "status");
        status.insert("disruptionsAllowed".to_owned(), json!(allowed - 1));
        let disrupted = status.entry("disruptedPods").or_insert_with(|| json!({}));
        disrupted[pod.name()] = json!(stamp);
        let (namespace, name) = (budget.namespace().to_owned(), budget.name().to_owned());
        self.update(Kind::PodDisruptionBudget, &namespace, &name, value, Part::Status, super::writes::OWN_WRITE).map(|_| ())
    }
}

/// Whether a budget stands over a pod. An empty selector is over all of its namespace.
fn selects(budget: &Object, pod: &Object) -> bool {
    let Some(selector) = at(budget.value(), "/spec/selector") else { return false };
    let empty = pairs(selector, "/matchLabels").is_empty() && list(selector, "/matchExpressions").is_empty();
    empty || Selector::of_workload(selector).is_some_and(|selector| selector.matches(pod))
}

fn bind(server: &ApiServer, ask: &Ask<'_>, place: &Place) -> Result<Answer, Refusal> {
    let binding = ask.json()?;
    let node = text(&binding, "/target/name");
    if node.is_empty() {
        return Err(Refusal::invalid(Kind::Pod, &place.name, &[Cause::required("target.name", "")]));
    }
    server.lock().bind(&place.namespace, &place.name, text(&binding, "/metadata/uid"), node)?;
    Ok(Answer::json(201, &json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201})))
}

fn log(server: &ApiServer, ask: &Ask<'_>, place: &Place) -> Result<Answer, Refusal> {
    let mut answer = Answer::text(200, "");
    "text/plain".clone_into(&mut answer.content_type);
    let Some(mut log) = logs::LogTail::open(server, place, &ask.query)? else { return Ok(answer) };
    answer.payload = if ask.query.is("follow") { Payload::Log(Box::new(log)) } else { Payload::Whole(log.past()) };
    Ok(answer)
}

/// A token that says whose it is; nothing proves it, as nothing here needs proof.
fn token(server: &ApiServer, ask: &Ask<'_>, place: &Place) -> Result<Answer, Refusal> {
    let state = server.lock();
    let account = state.get(place)?;
    let mut request = ask.json()?;
    let seconds = number(&request, "/spec/expirationSeconds").unwrap_or(3600);
    if seconds < 600 {
        let cause = Cause::invalid("spec.expirationSeconds", &json!(seconds), "may not specify a duration less than 10 minutes");
        return Err(Refusal::invalid(Kind::ServiceAccount, &place.name, &[cause]));
    }
    if seconds > 1 << 32 {
        let cause = Cause::invalid("spec.expirationSeconds", &json!(seconds), "may not specify a duration larger than 2^32 seconds");
        return Err(Refusal::invalid(Kind::ServiceAccount, &place.name, &[cause]));
    }
    let now = state.clock.server_now();
    let ends = clock::later(now, seconds);
    let user = format!("system:serviceaccount:{}:{}", place.namespace, place.name);
    let claims = json!({"aud": ["https://kubernetes.default.svc"], "exp": ends.timestamp(), "iat": now.timestamp(), "sub": user,
        "kubernetes.io": {"namespace": place.namespace, "serviceaccount": {"name": place.name, "uid": account.uid()}}});
    let part = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    let spec = map_mut(&mut request, "spec");
    spec.insert("expirationSeconds".to_owned(), json!(seconds));
    if spec.get("audiences").is_none_or(Value::is_null) {
        spec.insert("audiences".to_owned(), claims["aud"].clone());
    }
    request["kind"] = json!("TokenRequest");
    request["apiVersion"] = json!("authentication.k8s.io/v1");
    request["metadata"] = json!({"name": place.name, "namespace": place.namespace, "creationTimestamp": clock::stamp(now)});
    let token = format!("{}.{}.{}", part(&json!({"alg": "none"})), part(&claims), part(&json!(account.uid())));
    request["status"] = json!({"token": token, "expirationTimestamp": clock::stamp(ends)});
    Ok(Answer::json(201, &request))
}

//! Probes: criteria of the steady state, charts, or losses. None of them blocks a run.

use serde_json::{Map, Value, json};

use super::super::draft::{Draft, Part};
use super::super::loss::{Fate, What};
use super::super::manifests::dns;
use super::super::text_of;
use super::actions::function;
use super::faults;
use super::tolerance::Tolerance;
use super::{Activity, Experiment};
use crate::scenario::model::WorkloadKind;

/// What a probe could become.
struct Found {
    /// The criteria, without their names.
    criteria: Vec<Value>,
    /// What is different, and what to do; empty where nothing is.
    difference: String,
    /// The workload that it is about.
    workload: Option<(WorkloadKind, String)>,
}

impl Found {
    fn of(criterion: Value, difference: &str) -> Found {
        Found { criteria: vec![criterion], difference: difference.to_owned(), workload: None }
    }
}

/// A probe of the steady state.
pub fn hypothesis(activity: &Activity<'_>, experiment: &Experiment<'_>, draft: &mut Draft) {
    let mut why = String::new();
    for keep in [true, false] {
        let found = experiment.configuration.fill(activity.body, keep, draft).and_then(|body| criteria(activity, &body, experiment));
        let found = match found {
            Ok(found) => found,
            Err(told) => {
                why = told;
                continue;
            }
        };
        let named = |criterion: &Value, name: &str| {
            let mut whole = Map::from_iter([("name".to_owned(), json!(name))]);
            whole.extend(criterion.as_object().cloned().unwrap_or_default());
            Value::Object(whole)
        };
        let trouble = found.criteria.iter().find_map(|criterion| draft.trouble(Part::Steady, &named(criterion, "an imported probe")));
        if let Some(told) = trouble {
            why = told;
            continue;
        }
        for criterion in &found.criteria {
            let name = draft.name(activity.name);
            draft.steady.push(named(criterion, &name));
        }
        if let Some((kind, name)) = found.workload.filter(|(_, name)| dns(name)) {
            // what a probe names is surer than what a label suggests
            draft.watch(kind, &name, None);
        }
        if draft.namespace.is_none() {
            let arguments = activity.body.get("provider").and_then(|provider| provider.get("arguments"));
            draft.namespace =
                arguments.and_then(|arguments| arguments.get("ns")).and_then(Value::as_str).filter(|ns| dns(ns)).map(ToOwned::to_owned);
        }
        if found.difference.is_empty() {
            draft.losses.note(Fate::Mapped, What::Probe, &activity.place, activity.name, "a criterion of the steady state");
        } else {
            draft
                .losses
                .note(Fate::Differs, What::Probe, &activity.place, activity.name, found.difference)
                .hint("see whether that is meant");
        }
        return;
    }
    draft
        .losses
        .note(Fate::NotMapped, What::Probe, &activity.place, activity.name, why)
        .hint("write a criterion: ready, promql, http, object or command");
}

/// A probe of the method, which decides nothing: a chart where it is a query.
pub fn of_method(activity: &Activity<'_>, experiment: &Experiment<'_>, draft: &mut Draft) {
    let query = activity.body.get("provider").and_then(|provider| provider.get("arguments")).and_then(|arguments| arguments.get("query"));
    if function(activity).starts_with("chaosprometheus.probes.query")
        && let Some(Ok(query)) = query.map(|query| experiment.configuration.fill(query, true, draft))
    {
        let name = draft.name(activity.name);
        let panel = json!({"name": name, "query": query});
        if draft.trouble(Part::Panel, &panel).is_none() {
            draft.panels.push(panel);
            draft
                .losses
                .note(
                    Fate::Differs,
                    What::Probe,
                    &activity.place,
                    activity.name,
                    "a chart, drawn all the time; in the source it is asked once",
                )
                .hint("make it a criterion, if it is to decide");
            return;
        }
    }
    let message = "a probe of the method decides nothing, and gameday keeps no answers but those of criteria and charts";
    draft
        .losses
        .note(Fate::NotMapped, What::Probe, &activity.place, activity.name, message)
        .hint("write a criterion with during: {step: NAME}, if it is to decide");
}

fn criteria(activity: &Activity<'_>, body: &Value, experiment: &Experiment<'_>) -> Result<Found, String> {
    let provider = body.get("provider").unwrap_or(&Value::Null);
    let arguments = provider.get("arguments").unwrap_or(&Value::Null);
    let kind = text_of(provider.get("type"));
    let tolerance = Tolerance::of(body.get("tolerance"), matches!(kind, "http" | "process"));
    match kind {
        "http" => http(provider, &tolerance),
        "process" => process(provider, &tolerance),
        _ => {
            let function = function(activity);
            match function.strip_prefix("chaosk8s.").unwrap_or(&function) {
                "chaosprometheus.probes.query" if arguments.get("when").is_none() => promql(text_of(arguments.get("query")), &tolerance),
                "chaosprometheus.probes.compute_mean" => {
                    let window = arguments.get("window").and_then(Value::as_str).unwrap_or("1d");
                    let query = format!("avg_over_time(({})[{window}:])", text_of(arguments.get("query")));
                    promql(&query, &tolerance)
                }
                name if name.starts_with("chaosprometheus.") => Err("criteria ask for how it is now, not for an interval".to_owned()),
                name => kubernetes(name, arguments, &tolerance, experiment),
            }
        }
    }
}

fn http(provider: &Value, tolerance: &Tolerance) -> Result<Found, String> {
    if !matches!(text_of(provider.get("method")), "" | "GET" | "get") {
        return Err("gameday asks by GET alone".to_owned());
    }
    if provider.get("headers").is_some_and(|headers| headers.as_object().is_none_or(|headers| !headers.is_empty())) {
        return Err("gameday sends no headers of its own, and headers may hold secrets".to_owned());
    }
    if provider.get("arguments").is_some_and(|arguments| !arguments.is_null()) {
        return Err("gameday sends nothing with a request: write the query into the URL".to_owned());
    }
    let code = match tolerance {
        Tolerance::Number(code) => *code,
        Tolerance::OneOf(codes) if codes.len() == 1 => codes[0].as_f64().unwrap_or_default(),
        Tolerance::Range(from, to) if (from - to).abs() < f64::EPSILON => *from,
        Tolerance::OneOf(_) | Tolerance::Range(..) => return Err("an http criterion expects one status code".to_owned()),
        Tolerance::Unspoken(why) => return Err((*why).to_owned()),
        Tolerance::Truth(_) | Tolerance::Text(_) => return Err("an http criterion looks at the status code alone".to_owned()),
    };
    let status: u16 =
        code.to_string().parse().ok().filter(|status| (100..=599).contains(status)).ok_or("its tolerance is no status code")?;
    let difference = if provider.get("timeout").is_some() { "asked once a second; its timeout is not taken over" } else { "" };
    Ok(Found::of(json!({"http": {"url": text_of(provider.get("url")), "expect": status}}), difference))
}

fn process(provider: &Value, tolerance: &Tolerance) -> Result<Found, String> {
    let Tolerance::Number(code) = tolerance else { return Err("a command criterion looks at the exit code alone".to_owned()) };
    let mut argv = vec![json!(text_of(provider.get("path")))];
    match provider.get("arguments") {
        None | Some(Value::Null) => {}
        Some(Value::Array(items)) => argv.extend(items.iter().map(plain)),
        Some(Value::Object(map)) => {
            for (key, value) in map {
                argv.push(json!(key));
                argv.extend(Some(plain(value)).filter(|value| value.as_str().is_some_and(|text| !text.is_empty())));
            }
        }
        Some(_) => return Err("its arguments are one text, which a shell takes apart; commands are run without one".to_owned()),
    }
    let timeout = provider.get("timeout").and_then(Value::as_f64).filter(|seconds| (0.1..=30.0).contains(seconds));
    let mut command =
        json!({"argv": argv, "expect": format!("{code:.0}").parse::<u8>().map_err(|_| "its tolerance is no exit code".to_owned())?});
    if let (Some(seconds), Some(command)) = (timeout, command.as_object_mut()) {
        command.insert("timeout".to_owned(), json!(crate::clock::go(std::time::Duration::from_secs_f64(seconds))));
    }
    Ok(Found::of(
        json!({"command": command}),
        "run without a shell, with PATH and HOME alone (env: [NAME] for more), at most 30s; a rehearsal runs it with --allow-commands",
    ))
}

/// Arguments of a command are text.
fn plain(value: &Value) -> Value {
    match value {
        Value::String(_) => value.clone(),
        Value::Null => json!(""),
        other => json!(other.to_string()),
    }
}

fn promql(query: &str, tolerance: &Tolerance) -> Result<Found, String> {
    let asked = |bound: &str, limit: f64| json!({"promql": {"query": query, bound: limit}});
    match tolerance {
        Tolerance::Range(from, to) if *from <= 0.0 => Ok(Found::of(
            asked("below", *to),
            "the bound itself is outside, and what is below the range counts as good; no series is unknown (whenEmpty)",
        )),
        Tolerance::Range(from, to) => Ok(Found {
            criteria: vec![asked("above", *from), asked("below", *to)],
            difference: "two criteria, whose bounds themselves are outside; no series is unknown (whenEmpty)".to_owned(),
            workload: None,
        }),
        Tolerance::Unspoken(why) => Err(format!("{why}; a promql criterion has a bound: above or below")),
        Tolerance::Truth(_) | Tolerance::Number(_) | Tolerance::OneOf(_) | Tolerance::Text(_) => {
            Err("its tolerance is no range; a promql criterion has a bound: above or below".to_owned())
        }
    }
}

fn kubernetes(function: &str, arguments: &Value, tolerance: &Tolerance, experiment: &Experiment<'_>) -> Result<Found, String> {
    let (module, called) = function.rsplit_once('.').unwrap_or_default();
    let name = text_of(arguments.get("name"));
    let truth = match tolerance {
        Tolerance::Truth(truth) => *truth,
        // count_pods answers with a number
        Tolerance::Number(_) | Tolerance::Range(..) if called == "count_pods" => true,
        Tolerance::Unspoken(why) => return Err((*why).to_owned()),
        Tolerance::Number(_) | Tolerance::Range(..) | Tolerance::OneOf(_) | Tolerance::Text(_) => {
            return Err("its tolerance fits no answer of true or false".to_owned());
        }
    };
    let workload = match module {
        "deployment.probes" => Some((WorkloadKind::Deployment, "readyReplicas", "object.spec.replicas")),
        "statefulset.probes" => Some((WorkloadKind::StatefulSet, "readyReplicas", "object.spec.replicas")),
        "daemonset.probes" => Some((WorkloadKind::DaemonSet, "numberReady", "object.status.desiredNumberScheduled")),
        _ => None,
    };
    if let Some((kind, ready, desired)) = workload {
        let whole = called.ends_with("_fully_available") && !called.contains("_not_")
            || matches!(called, "deployment_available_and_healthy" | "daemonset_ready");
        let some = called.ends_with("_partially_available");
        let short = called.ends_with("_not_fully_available");
        if !(whole || some || short) {
            return Err("gameday has nothing for this function".to_owned());
        }
        let good = truth != short;
        let watched = experiment.wish.target.as_ref().is_none_or(|target| target.kind == kind && target.name == name);
        if good && !short && watched {
            let min = if some { json!(1) } else { json!("100%") };
            return Ok(Found { workload: Some((kind, name.to_owned())), ..Found::of(json!({"ready": {"min": min}}), "") });
        }
        let least = if some { "1".to_owned() } else { desired.to_owned() };
        let holds = format!("has(object.status.{ready}) && object.status.{ready} >= {least}");
        let cel = if good { holds } else { format!("!({holds})") };
        return Ok(object(&kind.to_string(), name, arguments, &cel));
    }
    let pods = |cel: &str| -> Result<Found, String> {
        let (equal, others) = faults::labels(text_of(arguments.get("label_selector")))?;
        if !others.is_empty() || equal.is_empty() {
            return Err("an object criterion selects by equal labels".to_owned());
        }
        let mut inner =
            json!({"kind": "Pod", "selector": equal, "match": "all", "cel": if truth { cel.to_owned() } else { format!("!({cel})") }});
        if let (Some(namespace), Some(inner)) = (arguments.get("ns").and_then(Value::as_str), inner.as_object_mut()) {
            inner.insert("namespace".to_owned(), json!(namespace));
        }
        Ok(Found::of(json!({"object": inner}), "asked of every pod of the labels; in the source no pod at all is an error, here unknown"))
    };
    let phase = text_of(arguments.get("phase"));
    let phase = if phase.is_empty() { "Running" } else { phase };
    let is_word = |word: &str| !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric());
    match function {
        "pod.probes.pods_in_phase" if is_word(phase) => pods(&format!("object.status.phase == '{phase}'")),
        "pod.probes.pods_not_in_phase" if is_word(phase) => pods(&format!("object.status.phase != '{phase}'")),
        "pod.probes.pods_in_conditions" => {
            let list = arguments.get("conditions").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
            let terms = list.iter().map(|condition| (text_of(condition.get("type")), text_of(condition.get("status"))));
            let terms: Option<Vec<String>> = terms
                .map(|(kind, status)| {
                    (is_word(kind) && is_word(status))
                        .then(|| format!("object.status.conditions.exists(c, c.type == '{kind}' && c.status == '{status}')"))
                })
                .collect();
            match terms.filter(|terms| !terms.is_empty()) {
                Some(terms) => pods(&terms.join(" && ")),
                None => Err("its conditions are not as Kubernetes writes them".to_owned()),
            }
        }
        "pod.probes.count_min_pods" if truth => {
            let least = arguments.get("min_count").map_or(Some(2), |least| least.as_u64().or_else(|| least.as_str()?.parse().ok()));
            counted(least.ok_or("its min_count is no number")?)
        }
        "pod.probes.count_pods" => match tolerance {
            Tolerance::Number(least) | Tolerance::Range(least, _) if *least >= 1.0 && *least <= 100_000.0 => {
                counted(format!("{:.0}", least.ceil()).parse().map_err(|_| "its tolerance is no number of pods".to_owned())?)
            }
            _ => Err("a ready criterion wants one pod at least".to_owned()),
        },
        "service.probes.service_is_initialized" | "service.probes.service_endpoint_is_initialized" if truth => {
            Ok(object("Service", name, arguments, "object.metadata.name != ''"))
        }
        "namespace.probes.namespace_exists" if truth => Ok(object(
            "Namespace",
            if name.is_empty() { text_of(arguments.get("ns")) } else { name },
            &Value::Null,
            "object.metadata.name != ''",
        )),
        other if other.starts_with("node.probes.") => {
            Err("gameday looks at the target's nodes in its preflight, and has no criterion for all nodes".to_owned())
        }
        _ => Err("gameday has nothing for this function, and runs no Python".to_owned()),
    }
}

fn counted(least: u64) -> Result<Found, String> {
    if least == 0 {
        return Err("a ready criterion wants one pod at least".to_owned());
    }
    Ok(Found::of(
        json!({"ready": {"min": least}}),
        "at least so many *ready* pods of the target; the source counts pods of the labels, whatever their phase says, and no more than that many",
    ))
}

fn object(kind: &str, name: &str, arguments: &Value, cel: &str) -> Found {
    let mut inner = json!({"kind": kind, "name": name, "cel": cel});
    if let (Some(namespace), Some(inner)) = (arguments.get("ns").and_then(Value::as_str), inner.as_object_mut()) {
        inner.insert("namespace".to_owned(), json!(namespace));
    }
    Found::of(json!({"object": inner}), "an object criterion: a missing object is unknown, not false")
}

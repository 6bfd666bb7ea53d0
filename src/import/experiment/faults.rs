//! The arguments of actions as manifests of Chaos Mesh.

use serde_json::{Map, Value, json};

use super::super::draft::dns_label;
use super::super::manifests::manifest;
use super::super::text_of;

/// A manifest, and where it means something else than the source: the argument, what, and what to do.
pub struct Built {
    /// The manifest.
    pub manifest: Value,
    /// The differences.
    pub differences: Vec<(&'static str, String, &'static str)>,
}

/// The selectors of a text as Kubernetes writes them: equal labels, and expressions.
pub fn labels(text: &str) -> Result<(Map<String, Value>, Vec<Value>), String> {
    let (mut equal, mut expressions) = (Map::new(), Vec::new());
    let mut terms: Vec<String> = Vec::new();
    let mut inside = false;
    for part in text.split(',') {
        match terms.last_mut().filter(|_| inside) {
            Some(last) => last.push_str(&format!(",{part}")),
            None => terms.push(part.to_owned()),
        }
        inside = terms.last().is_some_and(|term| term.contains('(') && !term.contains(')'));
    }
    for term in terms.iter().map(|term| term.trim()) {
        let mut set = |key: &str, operator: &str, values: Vec<&str>| {
            let mut expression = json!({"key": key.trim(), "operator": operator});
            if let (false, Some(expression)) = (values.is_empty(), expression.as_object_mut()) {
                expression.insert("values".to_owned(), json!(values));
            }
            expressions.push(expression);
        };
        let list = |rest: &'_ str| -> Vec<String> {
            rest.trim().trim_start_matches('(').trim_end_matches(')').split(',').map(|value| value.trim().to_owned()).collect()
        };
        if term.is_empty() {
            return Err("its label selector has an empty term".to_owned());
        } else if let Some((key, rest)) = term.split_once(" notin ") {
            set(key, "NotIn", list(rest).iter().map(String::as_str).collect());
        } else if let Some((key, rest)) = term.split_once(" in ") {
            set(key, "In", list(rest).iter().map(String::as_str).collect());
        } else if let Some((key, value)) = term.split_once("!=") {
            set(key, "NotIn", vec![value.trim()]);
        } else if let Some((key, value)) = term.split_once("==").or_else(|| term.split_once('=')) {
            if equal.insert(key.trim().to_owned(), json!(value.trim())).is_some() {
                return Err("its label selector names one label twice".to_owned());
            }
        } else if let Some(key) = term.strip_prefix('!') {
            set(key, "DoesNotExist", Vec::new());
        } else {
            set(term, "Exists", Vec::new());
        }
    }
    Ok((equal, expressions))
}

fn selector(labels_of: &str, namespace: &str) -> Result<Value, String> {
    let (equal, expressions) = labels(labels_of)?;
    let mut selector = Map::from_iter([("namespaces".to_owned(), json!([namespace]))]);
    if !equal.is_empty() {
        selector.insert("labelSelectors".to_owned(), Value::Object(equal));
    }
    if !expressions.is_empty() {
        selector.insert("expressionSelectors".to_owned(), Value::Array(expressions));
    }
    Ok(Value::Object(selector))
}

/// The namespace of an action: its own, else the operator's, else `default` as the source has it.
fn home<'a>(arguments: &'a Value, given: Option<&'a str>, differences: &mut Vec<(&'static str, String, &'static str)>) -> &'a str {
    if let Some(own) = arguments.get("ns").and_then(Value::as_str) {
        return own;
    }
    let home = given.unwrap_or("default");
    if given.is_none() {
        differences.push((
            "",
            "it names no namespace, which means the namespace default; written so".to_owned(),
            "give --namespace NS if another is meant",
        ));
    }
    home
}

/// `terminate_pods`: a kill of pods.
pub fn pods(arguments: &Value, namespace: Option<&str>) -> Result<Built, String> {
    let mut differences = Vec::new();
    let home = home(arguments, namespace, &mut differences);
    if arguments.get("name_pattern").is_some_and(|value| !value.is_null()) || arguments.get("name").is_some() {
        return Err("it picks pods by a pattern of their names, and a fault picks them by labels".to_owned());
    }
    let labels = text_of(arguments.get("label_selector"));
    if labels.is_empty() {
        return Err("it has no selector, which means any pod of the namespace".to_owned());
    }
    let number = |key: &str| arguments.get(key).map(|value| value.as_i64().or_else(|| value.as_str()?.parse().ok()));
    let quantity = match number("qty") {
        None => 1,
        Some(Some(number)) if number > 0 => number,
        Some(_) => return Err("its qty is no number above 0".to_owned()),
    };
    let all = arguments.get("all") == Some(&Value::Bool(true));
    let (mode, value) = match (all, text_of(arguments.get("mode"))) {
        (true, _) => ("all", None),
        (false, "percentage") => ("fixed-percent", Some(quantity)),
        (false, "" | "fixed") if quantity == 1 => ("one", None),
        (false, "" | "fixed") => ("fixed", Some(quantity)),
        (false, other) => return Err(format!("its mode {} is unknown", super::super::quoted(other))),
    };
    let mut spec = Map::from_iter([("action".to_owned(), json!("pod-kill")), ("mode".to_owned(), json!(mode))]);
    if let Some(value) = value {
        spec.insert("value".to_owned(), json!(value.to_string()));
    }
    match number("grace_period") {
        Some(Some(grace)) if grace >= 0 => drop(spec.insert("gracePeriod".to_owned(), json!(grace))),
        Some(None) => return Err("its grace_period is no number".to_owned()),
        None | Some(Some(_)) => {
            differences.push((
                "grace_period",
                "each pod has its own grace period in the source; Chaos Mesh ends pods at once".to_owned(),
                "write gracePeriod: 30 in the fault's spec",
            ));
        }
    }
    if !all && arguments.get("rand") != Some(&Value::Bool(true)) {
        let order = if text_of(arguments.get("order")) == "oldest" { "the oldest" } else { "the first" };
        let key = if arguments.get("order").is_some() { "order" } else { "rand" };
        differences.push((key, format!("the source takes {order} pods; Chaos Mesh takes any"), "nothing to do, if any will do"));
    }
    if all {
        differences.push((
            "all",
            "a run is refused where that is every pod of a workload".to_owned(),
            "write limits: {allowAll: true} if that is meant",
        ));
    }
    differences.push(("", "where no pod is found the source succeeds; gameday refuses to start".to_owned(), "nothing to do"));
    spec.insert("selector".to_owned(), selector(labels, home)?);
    Ok(Built { manifest: manifest("PodChaos", "imported-pod-kill", None, &Value::Object(spec)), differences })
}

/// A list, or text with commas.
fn list(value: Option<&Value>) -> Option<Value> {
    match value {
        Some(Value::String(text)) if !text.is_empty() => Some(json!(text.split(',').map(str::trim).collect::<Vec<_>>())),
        Some(Value::Array(items)) if !items.is_empty() => Some(json!(items)),
        _ => None,
    }
}

/// A mapping of labels, or text as `a=b,c=d`.
fn pairs(value: Option<&Value>) -> Option<Value> {
    match value {
        Some(Value::String(text)) if !text.is_empty() => Some(Value::Object(
            text.split(',').filter_map(|pair| pair.split_once('=')).map(|(key, value)| (key.to_owned(), json!(value))).collect(),
        )),
        Some(Value::Object(map)) if !map.is_empty() => Some(json!(map)),
        _ => None,
    }
}

/// The selector that arguments with this prefix mean.
fn chosen(arguments: &Value, prefix: &str) -> Map<String, Value> {
    let of = |key: &str| arguments.get(format!("{prefix}{key}"));
    let found = [
        ("namespaces", list(of("namespaces_selectors"))),
        ("labelSelectors", pairs(of("label_selectors"))),
        ("annotationSelectors", pairs(of("annotations_selectors"))),
    ];
    found.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))).collect()
}

/// What all faults of `chaosmesh` share: mode, and who is meant.
fn common(arguments: &Value, home: &str) -> Map<String, Value> {
    let mode = arguments.get("mode").and_then(Value::as_str).unwrap_or("one");
    let mut spec = Map::from_iter([("mode".to_owned(), json!(mode))]);
    if let Some(value) = arguments.get("mode_value").filter(|_| !matches!(mode, "one" | "all")) {
        spec.insert("value".to_owned(), json!(text(value)));
    }
    let mut selector = chosen(arguments, "");
    selector.entry("namespaces").or_insert_with(|| json!([home]));
    spec.insert("selector".to_owned(), Value::Object(selector));
    spec
}

/// Numbers are text in Chaos Mesh.
fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned)
}

fn named(arguments: &Value, fallback: &str) -> String {
    let name = text_of(arguments.get("name"));
    if name.is_empty() { fallback.to_owned() } else { dns_label(name) }
}

/// An argument, the key that it goes to, and whether it is text there.
type Taken = (&'static str, &'static str, bool);

/// The block of a network fault: the arguments that go in, and whether each is text there.
fn block(function: &str) -> Option<(&'static str, &'static [Taken])> {
    Some(match function {
        "add_latency" => ("delay", &[("latency", "latency", true), ("jitter", "jitter", true), ("correlation", "correlation", true)]),
        "set_loss" => ("loss", &[("loss", "loss", true), ("correlation", "correlation", true)]),
        "duplicate_packets" => ("duplicate", &[("duplicate", "duplicate", true), ("correlation", "correlation", true)]),
        "corrupt_packets" => ("corrupt", &[("corrupt", "corrupt", true), ("correlation", "correlation", true)]),
        "set_bandwidth" => (
            "bandwidth",
            &[
                ("rate", "rate", true),
                ("limit", "limit", false),
                ("buffer", "buffer", false),
                ("peakrate", "peakrate", false),
                ("minburst", "minburst", false),
            ],
        ),
        _ => return None,
    })
}

/// `add_latency` and its kin.
pub fn network(function: &str, arguments: &Value, namespace: Option<&str>) -> Result<Built, String> {
    let Some((action, keys)) = block(function) else {
        return Err(if function == "reorder_packets" {
            "Chaos Mesh has no action reorder: packets are reordered within a delay".to_owned()
        } else {
            "gameday has nothing for this function".to_owned()
        });
    };
    let mut differences = Vec::new();
    let home = home(arguments, namespace, &mut differences);
    let mut spec = Map::from_iter([("action".to_owned(), json!(action))]);
    spec.append(&mut common(arguments, home));
    let mut inner = Map::new();
    for (argument, key, is_text) in keys {
        if let Some(value) = arguments.get(*argument).filter(|value| !value.is_null()) {
            inner.insert((*key).to_owned(), if *is_text { json!(text(value)) } else { value.clone() });
        }
    }
    spec.insert(action.to_owned(), Value::Object(inner));
    spec.insert("direction".to_owned(), json!(arguments.get("direction").and_then(Value::as_str).unwrap_or("to")));
    if let Some(targets) = list(arguments.get("external_targets")) {
        spec.insert("externalTargets".to_owned(), targets);
    }
    let other = chosen(arguments, "target_");
    if other.keys().any(|key| key != "namespaces") {
        let mode = arguments.get("target_mode").and_then(Value::as_str).unwrap_or("one");
        let mut target = Map::from_iter([("mode".to_owned(), json!(mode)), ("selector".to_owned(), Value::Object(other))]);
        if let Some(value) = arguments.get("target_mode_value").filter(|_| !matches!(mode, "one" | "all")) {
            target.insert("value".to_owned(), json!(text(value)));
        }
        if mode == "one" {
            differences.push((
                "target_mode",
                "only the traffic with one pod of the other end is hit, as in the source".to_owned(),
                "write target: {mode: all} if every one of them is meant",
            ));
        }
        spec.insert("target".to_owned(), Value::Object(target));
    } else if arguments.get("target_mode") != Some(&Value::Null) {
        let message =
            "the source narrows this, perhaps unawares, to the traffic with one pod taken at random; written for all traffic that leaves";
        differences.push(("target_mode", message.to_owned(), "name the other end: target: {mode: all, selector: {labelSelectors: ...}}"));
    }
    Ok(Built { manifest: manifest("NetworkChaos", &named(arguments, "imported-network"), None, &Value::Object(spec)), differences })
}

/// `stress_cpu`, `stress_memory`.
pub fn stress(function: &str, arguments: &Value, namespace: Option<&str>) -> Result<Built, String> {
    let mut differences = Vec::new();
    let home = home(arguments, namespace, &mut differences);
    let (kind, keys): (_, &[(&str, &str)]) = match function {
        "stress_cpu" => ("cpu", &[("workers", "workers"), ("load", "load")]),
        "stress_memory" => ("memory", &[("workers", "workers"), ("size", "size"), ("oom_score", "oomScoreAdj")]),
        _ => return Err("gameday has nothing for this function".to_owned()),
    };
    let mut inner = Map::new();
    for (argument, key) in keys {
        if let Some(value) = arguments.get(*argument).filter(|value| !value.is_null()) {
            inner.insert((*key).to_owned(), value.clone());
        }
    }
    inner.entry("workers").or_insert_with(|| json!(1));
    if arguments.get("stressng_stressors").is_some_and(|value| !value.is_null()) {
        return Err("stressors of stress-ng do nothing in Chaos Mesh".to_owned());
    }
    let mut spec = common(arguments, home);
    spec.insert("stressors".to_owned(), json!({kind: inner}));
    if arguments.get("duration").is_none() {
        differences.push(("duration", "it lasts 30s, the source's default".to_owned(), "write spec.duration for another time"));
    }
    spec.insert("duration".to_owned(), json!(arguments.get("duration").and_then(Value::as_str).unwrap_or("30s")));
    if let Some(containers) = list(arguments.get("container_names")) {
        spec.insert("containerNames".to_owned(), containers);
    }
    for key in ["direction", "time_to_get_to_size"] {
        if arguments.get(key).is_some_and(|value| !value.is_null()) {
            differences.push((
                if key == "direction" { "direction" } else { "time_to_get_to_size" },
                "Chaos Mesh has no such field here; left out".to_owned(),
                "nothing to do",
            ));
        }
    }
    if kind == "memory" {
        differences.push((
            "",
            "the source's extension sends it as a stress of the CPU; written as one of memory".to_owned(),
            "nothing to do, if memory is meant",
        ));
    }
    Ok(Built { manifest: manifest("StressChaos", &named(arguments, "imported-stress"), None, &Value::Object(spec)), differences })
}

/// A raw object of Chaos Mesh.
pub fn object(arguments: &Value) -> Result<Built, String> {
    let found = ["resource", "body", "object"].iter().find_map(|key| arguments.get(*key)).filter(|found| found.is_object());
    let Some(found) = found else {
        return Err("the object stands in another file, which import does not read: import that file by itself".to_owned());
    };
    if !text_of(found.get("apiVersion")).starts_with("chaos-mesh.org/") {
        return Err("it makes an object that is no fault, which gameday does not do".to_owned());
    }
    let mut found = found.clone();
    let mut differences = Vec::new();
    if let Some(metadata) = found.get_mut("metadata").and_then(Value::as_object_mut)
        && metadata.get("namespace").is_none()
    {
        let home = arguments.get("ns").and_then(Value::as_str).unwrap_or("default");
        metadata.remove("ns");
        metadata.insert("namespace".to_owned(), json!(home));
        if home == "default" {
            differences.push((
                "",
                "it is made in the namespace default, as in the source".to_owned(),
                "write another metadata.namespace if one is meant",
            ));
        }
    }
    Ok(Built { manifest: found, differences })
}

/// `deny_all_ingress`, `deny_all_egress`: a partition in one direction.
pub fn denied(arguments: &Value, direction: &str, namespace: Option<&str>) -> Result<Built, String> {
    let mut differences = Vec::new();
    let home = home(arguments, namespace, &mut differences);
    let Some(labels) = pairs(arguments.get("label_selectors")) else {
        return Err("it has no selector, which means every pod of the namespace".to_owned());
    };
    differences.push((
        "",
        "a partition: by Chaos Mesh where it is served, else by a NetworkPolicy as far as one can cut it".to_owned(),
        "write injector: agentless for a NetworkPolicy",
    ));
    let spec = json!({"action": "partition", "direction": direction, "mode": "all",
        "selector": {"namespaces": [home], "labelSelectors": labels, "podPhaseSelectors": ["Running"]}});
    Ok(Built { manifest: manifest("NetworkChaos", "deny-all", None, &spec), differences })
}

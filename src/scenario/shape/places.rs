//! Where a drill runs and what is watched there: metadata, environments, targets, panels.

use std::collections::BTreeMap;

use super::super::fields::{self, Fields};
use super::super::keys;
use super::super::mistake::{Mistakes, quoted};
use super::super::model::{Environment, Injector, Panel, PrometheusAt, TargetRef, Tier, Unit, WorkloadKind};
use super::super::names;
use super::super::near::did_you_mean;
use super::super::query;
use super::super::tree::Node;
use super::{items, name_of, namespace, tell_twice};

const DNS_LABEL: &str = "lower-case letters, digits and -, beginning and ending with a letter or digit, at most 63";
const DNS_NAME: &str = "lower-case letters, digits, - and ., at most 253";

/// `metadata`: name and labels.
pub fn metadata(node: &Node, mistakes: &mut Mistakes) -> Option<(String, BTreeMap<String, String>)> {
    let metadata = Fields::of(node, &keys::METADATA, mistakes)?;
    let labels = metadata.get("labels").map(|node| labels(node, "labels", mistakes)).unwrap_or_default();
    let name = fields::text_that(metadata.need("name", mistakes)?, "metadata.name", names::is_dns_label, DNS_LABEL, mistakes)?;
    Some((name, labels))
}

/// A mapping of labels.
pub fn labels(node: &Node, what: &str, mistakes: &mut Mistakes) -> BTreeMap<String, String> {
    let mut labels = BTreeMap::new();
    let Some(entries) = node.entries() else {
        fields::wrong_type(node, &format!("{what} is a mapping"), mistakes).allow("KEY: value");
        return labels;
    };
    for entry in entries {
        if !fields::ambiguous_key(entry, mistakes) && !names::is_label_key(&entry.key) {
            mistakes
                .error(entry.key_span, &entry.key, "this can't be the key of a label")
                .allow("letters, digits, -, _ and ., at most 63, after an optional PREFIX/");
        }
        let is = |text: &str| names::is_label_value(text);
        if let Some(value) =
            fields::text_that(&entry.value, "the value of a label", is, "letters, digits, -, _ and ., at most 63", mistakes)
        {
            labels.insert(entry.key.clone(), value);
        }
    }
    labels
}

/// `spec.environments`, at least one.
pub fn environments(spec: Fields<'_>, mistakes: &mut Mistakes) -> Vec<Environment> {
    let Some(node) = spec.get("environments") else {
        mistakes
            .warn(spec.span, "", "without environments the current context counts as production")
            .hint("add environments: {staging: {tier: staging, context: …, namespace: …}}");
        return vec![Environment { name: "default".to_owned(), tier: Tier::Production, context: None, namespace: None, prometheus: None }];
    };
    let entries = match node.entries() {
        Some([]) | None => {
            fields::wrong_type(node, "environments is a mapping with one entry or more", mistakes)
                .allow("NAME: {tier: …, context: …, namespace: …}");
            return Vec::new();
        }
        Some(entries) => entries,
    };
    entries
        .iter()
        .filter_map(|entry| {
            if !fields::ambiguous_key(entry, mistakes) && !names::is_dns_label(&entry.key) {
                mistakes.error(entry.key_span, &entry.key, "an environment can't have this name").allow(DNS_LABEL);
            }
            environment(&entry.key, &entry.value, mistakes)
        })
        .collect()
}

fn environment(name: &str, node: &Node, mistakes: &mut Mistakes) -> Option<Environment> {
    let fields = Fields::of(node, &keys::ENVIRONMENT, mistakes)?;
    let tier = fields.need("tier", mistakes).and_then(|node| tier(node, mistakes));
    let context = fields.get("context").and_then(|node| fields::name(node, "context", mistakes));
    let namespace = fields.get("namespace").and_then(|node| namespace(node, mistakes));
    let prometheus = fields.get("prometheus").and_then(|node| prometheus(node, mistakes));
    Some(Environment { name: name.to_owned(), tier: tier?, context, namespace, prometheus })
}

fn tier(node: &Node, mistakes: &mut Mistakes) -> Option<Tier> {
    let short = node.scalar().and_then(|scalar| match scalar.text.to_ascii_lowercase().as_str() {
        "dev" | "test" | "local" => Some("write development"),
        "prod" | "live" | "prd" => Some("write production"),
        "stage" | "stg" | "preprod" | "pre-production" => Some("write staging"),
        _ => None,
    });
    if let Some(hint) = short {
        mistakes.error(node.span, &node.excerpt(), "a tier is one of three words").allow("development, staging, production").hint(hint);
        return None;
    }
    Some(match fields::word(node, "a tier", &["development", "staging", "production"], mistakes)? {
        "development" => Tier::Development,
        "staging" => Tier::Staging,
        _ => Tier::Production,
    })
}

fn prometheus(node: &Node, mistakes: &mut Mistakes) -> Option<PrometheusAt> {
    let fields = Fields::of(node, &keys::PROMETHEUS, mistakes)?;
    let (key, node) = fields.one_of(&["url", "service"], mistakes)?;
    if key == "url" {
        let url = fields::url(node, "the URL of Prometheus", mistakes)?;
        if url.contains(['?', '#']) {
            mistakes.error(node.span, &url, "the URL of Prometheus is a base, without ? and #");
        }
        return Some(PrometheusAt::Url(url.trim_end_matches('/').to_owned()));
    }
    let text = fields::text(node, "the service of Prometheus", mistakes)?;
    let parts = text.split_once('/').and_then(|(namespace, rest)| rest.split_once(':').map(|(name, port)| (namespace, name, port)));
    let found = parts.filter(|(namespace, name, port)| names::is_dns_label(namespace) && names::is_dns_label(name) && names::is_port(port));
    let Some((namespace, name, port)) = found else {
        mistakes
            .error(node.span, &text, "the service of Prometheus is malformed")
            .allow("NAMESPACE/NAME:PORT, as in monitoring/prometheus-server:80");
        return None;
    };
    Some(PrometheusAt::Service { namespace: namespace.to_owned(), name: name.to_owned(), port: port.to_owned() })
}

/// `spec.target`, at least one.
pub fn targets(spec: Fields<'_>, mistakes: &mut Mistakes) -> Vec<TargetRef> {
    let Some(node) = spec.need("target", mistakes) else { return Vec::new() };
    let list = items(spec, "target", true, mistakes);
    if list.is_empty() && node.excerpt() == "[]" {
        mistakes.error(node.span, "[]", "target names no workload").allow("{kind: Deployment, name: …}");
    }
    let mut found: Vec<TargetRef> = Vec::new();
    for node in list {
        let Some(target) = target(node, mistakes) else { continue };
        if found.contains(&target) {
            mistakes.error(node.span, &target.to_string(), "this target is named twice");
        } else {
            found.push(target);
        }
    }
    found
}

fn target(node: &Node, mistakes: &mut Mistakes) -> Option<TargetRef> {
    let fields = Fields::of(node, &keys::TARGET, mistakes)?;
    let kind = fields
        .need("kind", mistakes)
        .and_then(|node| fields::word(node, "the kind of a target", &["Deployment", "StatefulSet", "DaemonSet"], mistakes));
    let name = fields
        .need("name", mistakes)
        .and_then(|node| fields::text_that(node, "the name of a target", names::is_dns_subdomain, DNS_NAME, mistakes));
    let namespace = fields.get("namespace").and_then(|node| namespace(node, mistakes));
    let kind = match kind? {
        "Deployment" => WorkloadKind::Deployment,
        "StatefulSet" => WorkloadKind::StatefulSet,
        _ => WorkloadKind::DaemonSet,
    };
    Some(TargetRef { kind, name: name?, namespace })
}

/// `spec.injector`.
pub fn injector(spec: Fields<'_>, mistakes: &mut Mistakes) -> Injector {
    let word =
        spec.get("injector").and_then(|node| fields::word(node, "injector", &["auto", "chaos-mesh", "agentless", "eviction"], mistakes));
    match word {
        Some("chaos-mesh") => Injector::ChaosMesh,
        Some("agentless") => Injector::Agentless,
        Some("eviction") => Injector::Eviction,
        _ => Injector::Auto,
    }
}

/// `spec.panels`.
pub fn panels(spec: Fields<'_>, mistakes: &mut Mistakes) -> Vec<Panel> {
    let read: Vec<_> = items(spec, "panels", false, mistakes).iter().filter_map(|node| panel(node, mistakes)).collect();
    tell_twice("panel", read.iter().map(|(panel, span)| (panel.name.as_str(), *span)), mistakes);
    read.into_iter().map(|(panel, _)| panel).collect()
}

fn panel(node: &Node, mistakes: &mut Mistakes) -> Option<(Panel, super::Span)> {
    let fields = Fields::of(node, &keys::PANEL, mistakes)?;
    let name = name_of(fields, "a panel", mistakes);
    let unit = fields.get("unit").map_or(Some(Unit::None), |node| unit(node, mistakes));
    let when_empty = fields.get("whenEmpty").and_then(|node| fields::number(node, "whenEmpty", mistakes));
    let query = fields.need("query", mistakes).and_then(|node| {
        let query = fields::text(node, "a query", mistakes)?;
        query::check(node, &query, fields.get("whenEmpty").is_some(), mistakes);
        Some(query)
    });
    let (name, span) = name?;
    Some((Panel { name, unit: unit?, when_empty, query: query? }, span))
}

fn unit(node: &Node, mistakes: &mut Mistakes) -> Option<Unit> {
    const UNITS: [(&str, Unit); 6] = [
        ("none", Unit::None),
        ("percent", Unit::Percent),
        ("seconds", Unit::Seconds),
        ("bytes", Unit::Bytes),
        ("cores", Unit::Cores),
        ("per-second", Unit::PerSecond),
    ];
    let word = fields::word(node, "a unit", &UNITS.map(|(word, _)| word), mistakes)?;
    UNITS.iter().find(|(name, _)| *name == word).map(|(_, unit)| *unit)
}

/// Warns of what wants Prometheus where no environment has one.
pub fn tell_blind(spec: Fields<'_>, environments: &[Environment], mistakes: &mut Mistakes) {
    if environments.iter().any(|environment| environment.prometheus.is_some()) {
        return;
    }
    let asks = ["promql", "alert", "burn"];
    let lists = [("panels", &["query"][..]), ("steadyState", &asks), ("criteria", &asks), ("stopWhen", &asks)];
    for (key, wants) in lists {
        // A list that is none has been told.
        let entries = spec.get(key).map(|node| match &node.content {
            super::Content::List(items) => items.as_slice(),
            super::Content::Map(_) | super::Content::Scalar(_) => &[],
        });
        for entry in entries.unwrap_or_default() {
            if let Some(found) = wants.iter().find_map(|want| entry.entry(want)) {
                mistakes
                    .warn(found.key_span, &found.key, "this asks Prometheus, and no environment has one: its answer will be unknown")
                    .hint("add prometheus: {url: …} or {service: NAMESPACE/NAME:PORT} to the environment, or give --prometheus URL");
                // Once a list is enough.
                break;
            }
        }
    }
}

/// `did you mean`, over names that people gave.
pub fn meant(name: &str, names: &[&str]) -> Option<String> {
    did_you_mean(name, names.iter().copied()).or_else(|| (names.len() == 1).then(|| format!("the only one is {}", quoted(names[0]))))
}

//! What is served: versions, groups, resources.

use serde_json::{Value, json};

use super::State;
use super::access::Review;
use super::guise;
use super::kinds::{GROUPS, Kind, Resource, group_version};

const VERBS: [&str; 8] = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];
/// Custom resources list theirs in an order of their own.
const CUSTOM_VERBS: [&str; 8] = ["delete", "deletecollection", "get", "list", "patch", "create", "update", "watch"];
const PROXY_VERBS: [&str; 5] = ["create", "delete", "get", "patch", "update"];

/// The content type of discovery in one document.
pub const AGGREGATED: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

/// A subresource: its name, the group, version and kind of what it takes and gives, its verbs.
struct Sub(&'static str, (&'static str, &'static str, &'static str), &'static [&'static str]);

fn subresources(resource: &Resource) -> Vec<Sub> {
    let own = (resource.group, resource.version, resource.name);
    let mut all = Vec::new();
    match resource.kind {
        Kind::Pod => all.extend([
            Sub("binding", ("", "v1", "Binding"), &["create"]),
            Sub("eviction", ("policy", "v1", "Eviction"), &["create"]),
            Sub("log", own, &["get"]),
            Sub("proxy", ("", "v1", "PodProxyOptions"), &PROXY_VERBS),
        ]),
        Kind::Service => all.push(Sub("proxy", ("", "v1", "ServiceProxyOptions"), &PROXY_VERBS)),
        Kind::ServiceAccount => all.push(Sub("token", ("authentication.k8s.io", "v1", "TokenRequest"), &["create"])),
        Kind::Namespace => all.push(Sub("finalize", own, &["update"])),
        _ => {}
    }
    if resource.scale {
        all.push(Sub("scale", ("autoscaling", "v1", "Scale"), &["get", "patch", "update"]));
    }
    if resource.status {
        all.push(Sub("status", own, &["get", "patch", "update"]));
    }
    all
}

fn verbs(resource: &Resource) -> &'static [&'static str] {
    match resource.kind {
        // A namespace goes one at a time.
        Kind::Namespace => &["create", "delete", "get", "list", "patch", "update", "watch"],
        kind if kind.is_custom() => &CUSTOM_VERBS,
        _ => &VERBS,
    }
}

/// `/version`.
#[must_use]
pub fn version() -> Value {
    json!({
        "major": "1", "minor": "36", "emulationMajor": "1", "emulationMinor": "36", "minCompatibilityMajor": "1", "minCompatibilityMinor": "35",
        "gitVersion": "v1.36.2", "gitCommit": "0000000000000000000000000000000000000000", "gitTreeState": "clean",
        "buildDate": "2026-06-09T00:00:00Z", "goVersion": "go1.26.0", "compiler": "gc", "platform": "linux/amd64",
    })
}

/// `/api`.
#[must_use]
pub fn core_versions() -> Value {
    json!({"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": [{"clientCIDR": "0.0.0.0/0", "serverAddress": "10.96.0.1:443"}]})
}

impl State {
    /// Whether this group is served.
    #[must_use]
    pub fn serves(&self, group: &str) -> bool {
        (group.is_empty() || GROUPS.iter().any(|(g, _)| *g == group)) && !self.troubles.withdrawn.contains(group)
    }

    /// `/apis`.
    #[must_use]
    pub fn groups(&self) -> Value {
        let groups: Vec<Value> = names().filter(|group| self.serves(group)).map(named).collect();
        json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups})
    }

    /// `/apis/GROUP`.
    #[must_use]
    pub fn group(&self, group: &str) -> Option<Value> {
        let mut answer = named(names().find(|name| *name == group && self.serves(name))?);
        answer["kind"] = json!("APIGroup");
        answer["apiVersion"] = json!("v1");
        Some(answer)
    }

    /// `/api/v1` and `/apis/GROUP/VERSION`.
    #[must_use]
    pub fn resources(&self, group: &str, version: &str) -> Option<Value> {
        let known = (group.is_empty() && version == "v1") || GROUPS.contains(&(group, version));
        if !known || !self.serves(group) {
            return None;
        }
        let mut resources: Vec<Value> = Vec::new();
        for resource in &guise::resources(group, version).collect::<Vec<_>>() {
            resources.push(listed(resource));
            resources.extend(subresources(resource).iter().map(|sub| sub_listed(resource, sub)));
        }
        for (_, _, plural, kind) in Review::ALL.iter().filter(|(_, g, ..)| *g == group) {
            resources.push(json!({"name": plural, "singularName": kind.to_lowercase(), "namespaced": plural.starts_with("local"),
                "kind": kind, "verbs": ["create"]}));
        }
        Some(json!({"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group_version(group, version), "resources": resources}))
    }

    /// All of `/api`, or all of `/apis`, in one document.
    #[must_use]
    pub fn aggregated(&self, core: bool) -> Value {
        let items: Vec<Value> = if core {
            vec![json!({"metadata": {"creationTimestamp": null}, "versions": [aggregated_version("", "v1")]})]
        } else {
            let served = names().filter(|group| self.serves(group));
            served
                .map(|group| {
                    let versions: Vec<Value> = versions(group).map(|version| aggregated_version(group, version)).collect();
                    json!({"metadata": {"name": group, "creationTimestamp": null}, "versions": versions})
                })
                .collect()
        };
        json!({"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "metadata": {}, "items": items})
    }
}

fn aggregated_version(group: &str, version: &str) -> Value {
    let kind = |(group, version, kind): (&str, &str, &str)| json!({"group": group, "version": version, "kind": kind});
    let scope = |namespaced: bool| if namespaced { "Namespaced" } else { "Cluster" };
    let mut resources: Vec<Value> = Vec::new();
    for resource in &guise::resources(group, version).collect::<Vec<_>>() {
        let mut listed = json!({"resource": resource.plural, "responseKind": kind((resource.group, resource.version, resource.name)),
            "scope": scope(resource.namespaced), "singularResource": resource.singular, "verbs": verbs(resource)});
        if !resource.short.is_empty() {
            listed["shortNames"] = json!(resource.short);
        }
        if resource.all {
            listed["categories"] = json!(["all"]);
        }
        let subs: Vec<Value> = subresources(resource)
            .into_iter()
            .map(|Sub(name, gives, verbs)| json!({"subresource": name, "responseKind": kind(gives), "verbs": verbs}))
            .collect();
        if !subs.is_empty() {
            listed["subresources"] = json!(subs);
        }
        resources.push(listed);
    }
    for (_, _, plural, name) in Review::ALL.iter().filter(|(_, g, ..)| *g == group) {
        resources
            .push(json!({"resource": plural, "responseKind": kind((group, version, name)), "scope": scope(plural.starts_with("local")),
            "singularResource": name.to_lowercase(), "verbs": ["create"]}));
    }
    json!({"version": version, "resources": resources, "freshness": "Current"})
}

/// The groups, each once.
fn names() -> impl Iterator<Item = &'static str> {
    let firsts = GROUPS.iter().enumerate().filter(|(index, (group, _))| GROUPS[..*index].iter().all(|(other, _)| other != group));
    firsts.map(|(_, (group, _))| *group)
}

fn versions(group: &str) -> impl Iterator<Item = &'static str> {
    GROUPS.iter().filter(move |(name, _)| *name == group).map(|(_, version)| *version)
}

fn named(group: &str) -> Value {
    let all: Vec<Value> =
        versions(group).map(|version| json!({"groupVersion": group_version(group, version), "version": version})).collect();
    json!({"name": group, "versions": all, "preferredVersion": all[0]})
}

fn listed(resource: &Resource) -> Value {
    let mut listed = json!({"name": resource.plural, "singularName": resource.singular, "namespaced": resource.namespaced, "kind": resource.name,
        "verbs": verbs(resource)});
    if !resource.short.is_empty() {
        listed["shortNames"] = json!(resource.short);
    }
    if resource.all {
        listed["categories"] = json!(["all"]);
    }
    listed
}

fn sub_listed(resource: &Resource, Sub(name, (group, version, kind), verbs): &Sub) -> Value {
    let mut listed = json!({"name": format!("{}/{name}", resource.plural), "singularName": "", "namespaced": resource.namespaced, "kind": kind, "verbs": verbs});
    if (*group, *version) != (resource.group, resource.version) {
        listed["group"] = json!(group);
        listed["version"] = json!(version);
    }
    listed
}

//! What is served: versions, groups, resources.

use serde_json::{Value, json};

use super::State;
use super::kinds::{GROUPS, RESOURCES, Resource, group_version};

const VERBS: [&str; 8] = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];

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
        let groups: Vec<Value> =
            GROUPS.iter().filter(|(group, _)| self.serves(group)).map(|(group, version)| named(group, version)).collect();
        json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups})
    }

    /// `/apis/GROUP`.
    #[must_use]
    pub fn group(&self, group: &str) -> Option<Value> {
        let (group, version) = GROUPS.iter().find(|(g, _)| *g == group && self.serves(g))?;
        let mut answer = named(group, version);
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
        for resource in RESOURCES.iter().filter(|r| r.group == group && r.version == version) {
            resources.push(listed(resource));
            if resource.status {
                resources.push(sub(resource, "status", resource.name, &["get", "patch", "update"]));
            }
            if resource.plural == "pods" {
                let mut eviction = sub(resource, "eviction", "Eviction", &["create"]);
                eviction["group"] = json!("policy");
                eviction["version"] = json!("v1");
                resources.push(eviction);
                resources.push(sub(resource, "log", "Pod", &["get"]));
            }
            if resource.plural == "services" {
                resources.push(sub(resource, "proxy", "ServiceProxyOptions", &["create", "delete", "get", "patch", "update"]));
            }
        }
        if group == "authorization.k8s.io" {
            resources.push(json!({"name": "selfsubjectaccessreviews", "singularName": "selfsubjectaccessreview", "namespaced": false,
                "kind": "SelfSubjectAccessReview", "verbs": ["create"]}));
        }
        Some(json!({"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group_version(group, version), "resources": resources}))
    }
}

fn named(group: &str, version: &str) -> Value {
    let version = json!({"groupVersion": group_version(group, version), "version": version});
    json!({"name": group, "versions": [version], "preferredVersion": version})
}

fn listed(resource: &Resource) -> Value {
    let mut listed = json!({"name": resource.plural, "singularName": resource.singular, "namespaced": resource.namespaced, "kind": resource.name, "verbs": VERBS});
    if !resource.short.is_empty() {
        listed["shortNames"] = json!(resource.short);
    }
    listed
}

fn sub(resource: &Resource, name: &str, kind: &str, verbs: &[&str]) -> Value {
    json!({"name": format!("{}/{name}", resource.plural), "singularName": "", "namespaced": resource.namespaced, "kind": kind, "verbs": verbs})
}

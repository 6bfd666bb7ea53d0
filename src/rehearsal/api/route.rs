//! Reading a request's path and query.

use std::collections::BTreeMap;

use super::access::Review;
use super::kinds::{GROUPS, Kind};

/// What a path names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Route {
    /// `/version`.
    Version,
    /// `/healthz`, `/livez`, `/readyz`.
    Health,
    /// `/api`.
    CoreVersions,
    /// `/apis`.
    Groups,
    /// `/apis/GROUP`.
    Group(String),
    /// `/api/v1` or `/apis/GROUP/VERSION`.
    Resources(String, String),
    /// Objects of a kind, one or many.
    Objects(Place),
    /// A review of rights, and the namespace it is made in.
    Review(Review, String),
    /// `/openapi/v2`.
    OpenApi2,
    /// `/openapi/v3`.
    OpenApi3,
    /// `/openapi/v3/api/v1` or `/openapi/v3/apis/GROUP/VERSION`.
    OpenApi3Group(String, String),
    /// A request to a pod, or to what is behind a Service.
    Proxy(ProxyTarget),
}

/// A collection, an object or one of its subresources.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The kind.
    pub kind: Kind,
    /// The namespace; empty for all of them and for kinds without one.
    pub namespace: String,
    /// The object; empty for the collection.
    pub name: String,
    /// The subresource; empty for the object itself.
    pub sub: String,
}

/// Where a proxied request goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProxyTarget {
    /// A Service or a pod.
    pub kind: Kind,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Port number or name; empty when not given.
    pub port: String,
    /// Name and port as they were given.
    pub id: String,
    /// Path behind it, with its slash.
    pub path: String,
}

/// Why a path leads nowhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Astray {
    /// Nothing is served there: the plain 404 of the server's front.
    Nowhere,
    /// The group is there, the resource is not.
    NoResource,
}

impl Route {
    /// The route of this path.
    ///
    /// # Errors
    /// That it leads nowhere.
    pub fn find(path: &str) -> Result<Self, Astray> {
        let parts: Vec<String> = path.trim_matches('/').split('/').map(decode).collect();
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        match parts.as_slice() {
            ["version"] => Ok(Self::Version),
            ["healthz" | "livez" | "readyz", ..] => Ok(Self::Health),
            ["api"] => Ok(Self::CoreVersions),
            ["apis"] => Ok(Self::Groups),
            ["api", "v1"] => Ok(Self::Resources(String::new(), "v1".to_owned())),
            ["api", "v1", "namespaces", namespace, plural @ ("services" | "pods"), target, "proxy", ..] => {
                let kind = if *plural == "pods" { Kind::Pod } else { Kind::Service };
                let path = path.trim_start_matches('/').splitn(8, '/').nth(7).unwrap_or_default();
                Ok(Self::Proxy(proxy_target(kind, namespace, target, path)))
            }
            ["api", "v1", rest @ ..] => objects("", "v1", rest),
            ["apis", group] => Ok(Self::Group((*group).to_owned())),
            ["apis", group, version] => Ok(Self::Resources((*group).to_owned(), (*version).to_owned())),
            ["openapi", "v2"] => Ok(Self::OpenApi2),
            ["openapi", "v3"] => Ok(Self::OpenApi3),
            ["openapi", "v3", "api", "v1"] => Ok(Self::OpenApi3Group(String::new(), "v1".to_owned())),
            ["openapi", "v3", "apis", group, version] => Ok(Self::OpenApi3Group((*group).to_owned(), (*version).to_owned())),
            ["apis", group @ ("authorization.k8s.io" | "authentication.k8s.io"), "v1", rest @ ..] => {
                let (namespace, plural) = match rest {
                    [plural] => ("", *plural),
                    ["namespaces", namespace, plural @ "localsubjectaccessreviews"] => (*namespace, *plural),
                    _ => return Err(Astray::NoResource),
                };
                Review::find(group, plural).map(|review| Self::Review(review, namespace.to_owned())).ok_or(Astray::NoResource)
            }
            ["apis", group, version, rest @ ..] if GROUPS.contains(&(group, version)) => objects(group, version, rest),
            // A group that is there, in a version that is not.
            ["apis", group, _, _, ..] if GROUPS.iter().any(|(name, _)| name == group) => Err(Astray::NoResource),
            _ => Err(Astray::Nowhere),
        }
    }
}

fn proxy_target(kind: Kind, namespace: &str, target: &str, path: &str) -> ProxyTarget {
    // `scheme:name:port`, `name:port` or `name`.
    let parts: Vec<&str> = target.split(':').collect();
    let (name, port) = match parts.as_slice() {
        [_, name, port] | [name, port] => (*name, *port),
        _ => (target, ""),
    };
    ProxyTarget {
        kind,
        namespace: namespace.to_owned(),
        name: name.to_owned(),
        port: port.to_owned(),
        id: target.to_owned(),
        path: format!("/{path}"),
    }
}

fn objects(group: &str, version: &str, rest: &[&str]) -> Result<Route, Astray> {
    let place = |namespace: &str, plural: &str, name: &str, sub: &str| {
        let kind = Kind::find(group, version, plural).ok_or(Astray::NoResource)?;
        if kind.resource().namespaced == namespace.is_empty() && !(name.is_empty() && namespace.is_empty()) {
            return Err(Astray::NoResource);
        }
        Ok(Route::Objects(Place { kind, namespace: namespace.to_owned(), name: name.to_owned(), sub: sub.to_owned() }))
    };
    match rest {
        // `namespaces/NAME/status` and `/finalize` are of the namespace itself.
        ["namespaces", name, sub @ ("status" | "finalize")] => place("", "namespaces", name, sub),
        ["namespaces", namespace, plural] if group.is_empty() || *plural != "namespaces" => place(namespace, plural, "", ""),
        ["namespaces", namespace, plural, name] => place(namespace, plural, name, ""),
        ["namespaces", namespace, plural, name, sub] => place(namespace, plural, name, sub),
        [plural] => place("", plural, "", ""),
        [plural, name] => place("", plural, name, ""),
        [plural, name, sub] => place("", plural, name, sub),
        _ => Err(Astray::NoResource),
    }
}

/// A query's parameters; the last of several with one name counts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Query(BTreeMap<String, String>);

impl Query {
    /// The parameters of this query string.
    #[must_use]
    pub fn parse(query: &str) -> Self {
        Self(
            query
                .split('&')
                .filter(|pair| !pair.is_empty())
                .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
                .map(|(key, value)| (decode(&key.replace('+', " ")), decode(&value.replace('+', " "))))
                .collect(),
        )
    }

    /// The value of this parameter; empty when absent.
    #[must_use]
    pub fn get(&self, key: &str) -> &str {
        self.0.get(key).map_or("", String::as_str)
    }

    /// The same parameters, but this one, where it is set, of this value.
    #[must_use]
    pub fn with(&self, key: &str, value: &str) -> Self {
        let mut all = self.0.clone();
        all.entry(key.to_owned()).and_modify(|old| value.clone_into(old));
        Self(all)
    }

    /// Whether this parameter is set and true.
    #[must_use]
    pub fn is(&self, key: &str) -> bool {
        self.0.get(key).is_some_and(|value| !matches!(value.as_str(), "false" | "0"))
    }

    /// The number this parameter is.
    #[must_use]
    pub fn number(&self, key: &str) -> Option<u64> {
        self.get(key).parse().ok()
    }
}

/// Percent-decoding; what is not valid stays as it is.
fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        if first == b'%'
            && let Some(byte) = tail.get(..2).and_then(|hex| std::str::from_utf8(hex).ok()).and_then(|hex| u8::from_str_radix(hex, 16).ok())
        {
            bytes.push(byte);
            rest = &tail[2..];
        } else {
            bytes.push(first);
            rest = tail;
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(path: &str) -> Option<(Kind, String, String, String)> {
        match Route::find(path) {
            Ok(Route::Objects(p)) => Some((p.kind, p.namespace, p.name, p.sub)),
            _ => None,
        }
    }

    #[test]
    fn route_should_find_every_form_of_a_path() {
        let is = |kind, namespace: &str, name: &str, sub: &str| Some((kind, namespace.to_owned(), name.to_owned(), sub.to_owned()));
        assert_eq!(place("/api/v1/pods"), is(Kind::Pod, "", "", ""));
        assert_eq!(place("/api/v1/namespaces/a/pods/x/log"), is(Kind::Pod, "a", "x", "log"));
        assert_eq!(place("/api/v1/namespaces/a"), is(Kind::Namespace, "", "a", ""));
        assert_eq!(place("/apis/chaos-mesh.org/v1alpha1/namespaces/a/podchaos/x"), is(Kind::PodChaos, "a", "x", ""));
        assert_eq!(Route::find("/apis/nothing.example/v1/things"), Err(Astray::Nowhere));
        assert_eq!(Route::find("/apis/apps/v1/things"), Err(Astray::NoResource));
        assert_eq!(
            Route::find("/api/v1/namespaces/monitoring/services/prometheus-server:80/proxy/api/v1/query"),
            Ok(Route::Proxy(ProxyTarget {
                kind: Kind::Service,
                namespace: "monitoring".into(),
                name: "prometheus-server".into(),
                port: "80".into(),
                id: "prometheus-server:80".into(),
                path: "/api/v1/query".into()
            }))
        );
    }

    #[test]
    fn query_should_be_decoded() {
        let query = Query::parse("labelSelector=app%3Dtask-api%2Ctier+in+%28a%29&watch=1&limit=5");
        assert_eq!(query.get("labelSelector"), "app=task-api,tier in (a)");
        assert!(query.is("watch"));
        assert_eq!(query.number("limit"), Some(5));
    }
}

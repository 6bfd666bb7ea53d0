//! Whatever is asked of the practice cluster's API server and of its Prometheus, an answer comes, and it says what it is.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test stops where it fails")]

use std::time::Duration;

use futures::StreamExt;
use gameday::rehearsal::{Backend as _, BackendRequest, PracticeCluster, Prometheus, World};
use http::Request;
use kube::client::Body;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::Value;
use tower::ServiceExt;

/// One request, as it is drawn.
#[derive(Debug, Clone)]
struct Asked {
    method: &'static str,
    path: String,
    query: String,
    headers: Vec<(&'static str, &'static str)>,
    body: String,
}

const METHODS: &[&str] = &["GET", "GET", "GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "BREW", "CONNECT"];
const GROUPS: &[&str] = &[
    "/api/v1",
    "/apis/apps/v1",
    "/apis/batch/v1",
    "/apis/autoscaling/v1",
    "/apis/autoscaling/v2",
    "/apis/events.k8s.io/v1",
    "/apis/chaos-mesh.org/v1alpha1",
    "/apis/authorization.k8s.io/v1",
    "/apis/nonsense/v1",
    "/apis",
    "/api",
    "",
    "/openapi/v3/apis",
    "/version",
    "//",
];
const PLURALS: &[&str] = &[
    "pods",
    "services",
    "deployments",
    "replicasets",
    "jobs",
    "events",
    "configmaps",
    "secrets",
    "namespaces",
    "nodes",
    "podchaos",
    "schedules",
    "workflows",
    "endpoints",
    "horizontalpodautoscalers",
    "subjectaccessreviews",
    "serviceaccounts",
    "proxy",
    "%2e%2e",
    "\u{fe}",
];
const NAMES: &[&str] = &["task-api", "task-db-0", "staging", "default", "a:b:c", ":", "%00", "%", "x%2fy", ""];
const SUBS: &[&str] =
    &["", "", "", "/status", "/scale", "/log", "/eviction", "/binding", "/proxy", "/proxy/x", "/finalize", "/token", "/exec", "/a/b/c"];
const OPTIONS: &[&str] = &[
    "watch",
    "resourceVersion",
    "resourceVersionMatch",
    "limit",
    "continue",
    "labelSelector",
    "fieldSelector",
    "timeoutSeconds",
    "allowWatchBookmarks",
    "sendInitialEvents",
    "dryRun",
    "fieldValidation",
    "fieldManager",
    "force",
    "propagationPolicy",
    "gracePeriodSeconds",
    "tailLines",
    "sinceSeconds",
    "sinceTime",
    "limitBytes",
    "follow",
    "previous",
    "timestamps",
    "container",
    "includeObject",
    "pretty",
];
const VALUES: &[&str] = &[
    "",
    "1",
    "0",
    "-1",
    "true",
    "false",
    "18446744073709551615",
    "-9223372036854775808",
    "9223372036854775807",
    "All",
    "Exact",
    "NotOlderThan",
    "a%3Db",
    "a%20in%20(",
    "!",
    "metadata.name%3Dx",
    "spec.nodeName!%3D",
    "Orphan",
    "Strict",
    "eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6LTEsInN0YXJ0IjoiYSJ9",
    "eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6MSwic3RhcnQiOiJhIn0",
    "W10",
    "2026-01-01T00:00:00Z",
    "9999-99-99",
    "%ff%fe",
    "NaN",
    "1e400",
];
const HEADERS: &[(&str, &str)] = &[
    ("content-type", "application/json"),
    ("content-type", "application/yaml"),
    ("content-type", "application/merge-patch+json"),
    ("content-type", "application/json-patch+json"),
    ("content-type", "application/strategic-merge-patch+json"),
    ("content-type", "application/apply-patch+yaml"),
    ("content-type", "application/vnd.kubernetes.protobuf"),
    ("content-type", "text/plain"),
    ("content-type", ";;;"),
    ("accept", "*/*"),
    ("accept", "application/json;as=Table;v=v1;g=meta.k8s.io"),
    ("accept", "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"),
    ("accept", "text/nonsense"),
    ("impersonate-user", "somebody"),
    ("authorization", "Bearer a.b.c"),
    ("authorization", "Basic ??"),
    ("user-agent", "/"),
];
const LEAVES: &[&str] = &[
    "null",
    "true",
    "0",
    "-1",
    "1e308",
    "18446744073709551616",
    "\"\"",
    "\"x\"",
    "\"\u{0}\"",
    "\"5Mi\"",
    "\"1m\"",
    "[]",
    "{}",
    "[null]",
    "[[]]",
];
const KEYS: &[&str] = &[
    "apiVersion",
    "kind",
    "metadata",
    "name",
    "namespace",
    "labels",
    "annotations",
    "ownerReferences",
    "finalizers",
    "resourceVersion",
    "uid",
    "spec",
    "status",
    "replicas",
    "selector",
    "matchLabels",
    "template",
    "containers",
    "image",
    "ports",
    "resources",
    "limits",
    "data",
    "op",
    "path",
    "value",
    "items",
    "$patch",
    "deleteOptions",
    "gracePeriodSeconds",
    "preconditions",
    "action",
    "mode",
    "duration",
    "schedule",
    "target",
    "resourceAttributes",
];
const PROTOBUF: &str = "k8s\u{0}\n\u{4}\n\u{2}v1\u{12}\u{7f}\u{8}\u{1}";

fn json() -> impl Strategy<Value = String> {
    let leaf = select(LEAVES).prop_map(str::to_owned);
    leaf.prop_recursive(5, 40, 5, |inner| {
        prop_oneof![
            3 => prop::collection::vec((select(KEYS), inner.clone()), 0..5).prop_map(|fields| {
                let fields: Vec<String> = fields.iter().map(|(key, value)| format!("\"{key}\":{value}")).collect();
                format!("{{{}}}", fields.join(","))
            }),
            1 => prop::collection::vec(inner, 0..4).prop_map(|items| format!("[{}]", items.join(","))),
        ]
    })
}

fn body() -> impl Strategy<Value = String> {
    prop_oneof![
        2 => Just(String::new()),
        6 => json(),
        2 => (select(KEYS), json()).prop_map(|(kind, rest)| format!("{{\"apiVersion\":\"v1\",\"kind\":\"{kind}\",\"metadata\":{{\"name\":\"x\"}},\"spec\":{rest}}}")),
        1 => (json(), 0_usize..40).prop_map(|(text, cut)| text.chars().take(cut).collect()),
        1 => ".{0,40}",
        1 => Just(PROTOBUF.to_owned()),
    ]
}

fn path() -> impl Strategy<Value = String> {
    let whole = (select(GROUPS), any::<bool>(), select(NAMES), select(PLURALS), any::<bool>(), select(NAMES), select(SUBS));
    let built = whole.prop_map(|(group, within, namespace, plural, named, name, sub)| {
        let namespace =
            if within { format!("/namespaces/{}", if namespace.len() > 4 { "staging" } else { namespace }) } else { String::new() };
        let name = if named { format!("/{name}{sub}") } else { String::new() };
        format!("{group}{namespace}/{plural}{name}")
    });
    prop_oneof![9 => built, 1 => "(/[a-z0-9%:.]{0,6}){1,7}"]
}

fn query() -> impl Strategy<Value = String> {
    prop::collection::vec((select(OPTIONS), select(VALUES)), 0..4)
        .prop_map(|options| options.iter().map(|(option, value)| format!("{option}={value}")).collect::<Vec<_>>().join("&"))
}

fn asked() -> impl Strategy<Value = Asked> {
    (select(METHODS), path(), query(), prop::collection::vec(select(HEADERS), 0..3), body())
        .prop_map(|(method, path, query, headers, body)| Asked { method, path, query, headers, body })
}

/// Ask, and look at the status and at the beginning of the body. What is no request by HTTP's own rules is not sent.
async fn answer(cluster: &PracticeCluster, asked: &Asked) {
    let uri = if asked.query.is_empty() { asked.path.clone() } else { format!("{}?{}", asked.path, asked.query) };
    let mut request = Request::builder().method(asked.method).uri(uri);
    for (name, value) in &asked.headers {
        request = request.header(*name, *value);
    }
    let Ok(request) = request.body(Body::from(asked.body.clone().into_bytes())) else { return };
    let response = cluster.service().oneshot(request).await.unwrap();
    let code = response.status().as_u16();
    assert!((200..600).contains(&code), "{asked:?}: {code}");
    let json = response.headers()["content-type"].to_str().unwrap().starts_with("application/json");
    let mut pieces = http_body_util::BodyDataStream::new(response.into_body());
    let mut bytes = Vec::new();
    while let Ok(Some(piece)) = tokio::time::timeout(Duration::from_secs(1), pieces.next()).await {
        bytes.extend(piece.unwrap());
    }
    if code >= 400 && json && asked.method != "HEAD" {
        let told: Value = serde_json::from_slice(&bytes).unwrap_or_else(|why| panic!("{asked:?}: {why}"));
        assert!(
            told["kind"] == "Status" && told["code"] == code && told["message"].is_string() || told["pod"].is_string(),
            "{asked:?}: {told}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn api_server_should_answer_whatever_is_asked(requests in prop::collection::vec(asked(), 1..60)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let cluster = PracticeCluster::start(World::task_api("staging"), 5);
            for asked in &requests {
                answer(&cluster, asked).await;
            }
            // What was left behind by them is no trouble to anybody.
            tokio::time::sleep(Duration::from_mins(2)).await;
            answer(&cluster, &Asked { method: "GET", path: "/readyz".to_owned(), query: String::new(), headers: Vec::new(), body: String::new() }).await;
        });
    }

    #[test]
    fn prometheus_should_answer_whatever_is_asked(
        method in select(METHODS),
        path in select(vec!["query", "query_range", "series", "labels", "targets", "metadata", "alerts", "rules", "label//values", "label/%ff/values", "status/buildinfo", "x", ""]),
        fields in prop::collection::vec((select(vec!["query", "time", "start", "end", "step", "limit", "match[]", "timeout", "state", "type"]),
            select(vec!["", "up", "up[5m]", "rate(up[0s])", "(", "up offset 1e9y", "-1", "9223372036854775807", "1e308", "NaN", "0", "{__name__=~\".*\"}", "%ff", "2026-01-01T00:00:00Z"])), 0..5),
        posted in any::<bool>(),
    ) {
        let form = fields.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join("&");
        let (query, body) = if posted { (String::new(), form) } else { (format!("?{form}"), String::new()) };
        let request = BackendRequest {
            method: method.to_owned(),
            path_and_query: format!("/api/v1/{path}{query}"),
            content_type: "application/x-www-form-urlencoded".to_owned(),
            body: body.into_bytes(),
            at: chrono::DateTime::from_timestamp(1_800_000_000, 0).unwrap(),
        };
        let answer = Prometheus::new().answer(&request);
        prop_assert!(matches!(answer.status, 200 | 400 | 404 | 405 | 422 | 503), "{request:?}: {}", answer.status);
        if answer.content_type.starts_with("application/json") {
            let told: Value = serde_json::from_slice(&answer.body).unwrap();
            let wanted = if answer.status == 200 { "success" } else { "error" };
            prop_assert_eq!(&told["status"], wanted);
        }
    }
}

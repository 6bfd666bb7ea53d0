//! The practice cluster's API server: its rules, and what goes wrong with it.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test stops where it fails")]

use std::sync::Arc;
use std::time::Duration;

use futures::{StreamExt, TryStreamExt};
use gameday::rehearsal::world::Denial;
use gameday::rehearsal::{Backend, BackendAnswer, BackendRequest, PracticeCluster, World};
use http::Request;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::authorization::v1::SelfSubjectAccessReview;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Pod};
use kube::api::{Api, DeleteParams, ListParams, Patch, PatchParams, PostParams, WatchEvent, WatchParams};
use kube::client::Body;
use kube::runtime::watcher;
use kube::{Client, Error, ResourceExt};
use serde_json::{Value, json};

fn cluster() -> (PracticeCluster, Client) {
    let cluster = PracticeCluster::start(World::task_api("staging"), 6);
    let client = Client::new(cluster.service(), "staging");
    (cluster, client)
}

fn refusal<T: std::fmt::Debug>(answer: Result<T, Error>) -> (u16, String, String) {
    match answer {
        Err(Error::Api(status)) => (status.code, status.reason.clone(), status.message.clone()),
        other => panic!("{other:?}"),
    }
}

fn config_map(name: &str, data: &Value) -> ConfigMap {
    serde_json::from_value(json!({"metadata": {"name": name, "labels": {"of": "test"}}, "data": data})).unwrap()
}

#[tokio::test(start_paused = true)]
async fn objects_should_be_created_changed_and_deleted_by_the_rules() {
    let (_cluster, client) = cluster();
    let maps: Api<ConfigMap> = Api::default_namespaced(client.clone());
    let made = maps.create(&PostParams::default(), &config_map("a", &json!({"x": "1"}))).await.unwrap();
    assert_eq!(refusal(maps.create(&PostParams::default(), &made_again(&made)).await).0, 409);
    let mut changed = made.clone();
    changed.data.as_mut().unwrap().insert("x".into(), "2".into());
    let now = maps.replace("a", &PostParams::default(), &changed).await.unwrap();
    assert_ne!(now.resource_version(), made.resource_version());
    let (code, reason, message) = refusal(maps.replace("a", &PostParams::default(), &changed).await);
    assert_eq!((code, reason.as_str()), (409, "Conflict"));
    assert_eq!(
        message,
        "Operation cannot be fulfilled on configmaps \"a\": the object has been modified; please apply your changes to the latest version and try again"
    );
    let patched = maps.patch("a", &PatchParams::default(), &Patch::Merge(json!({"data": {"x": null, "y": "3"}}))).await.unwrap();
    assert_eq!(patched.data.unwrap().into_iter().collect::<Vec<_>>(), [("y".to_owned(), "3".to_owned())]);
    let operations: json_patch::Patch = serde_json::from_value(json!([{"op": "add", "path": "/data/z", "value": "4"}])).unwrap();
    maps.patch("a", &PatchParams::default(), &Patch::Json::<()>(operations)).await.unwrap();
    let applied = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "b"}, "data": {"k": "v"}});
    maps.patch("b", &PatchParams::apply("test"), &Patch::Apply(applied)).await.unwrap();
    let wrong_uid = DeleteParams {
        preconditions: Some(kube::api::Preconditions { uid: Some("x".into()), resource_version: None }),
        ..DeleteParams::default()
    };
    assert_eq!(refusal(maps.delete("a", &wrong_uid).await).0, 409);
    assert!(maps.delete("a", &DeleteParams::default()).await.unwrap().is_right());
    assert_eq!(refusal(maps.get("a").await).2, "configmaps \"a\" not found");
    let nowhere: Api<ConfigMap> = Api::namespaced(client, "nowhere");
    assert_eq!(refusal(nowhere.create(&PostParams::default(), &config_map("a", &json!({}))).await).2, "namespaces \"nowhere\" not found");
}

fn made_again(made: &ConfigMap) -> ConfigMap {
    let mut again = made.clone();
    again.metadata.resource_version = None;
    again
}

#[tokio::test(start_paused = true)]
async fn lists_should_come_in_pages_of_one_moment() {
    let (_cluster, client) = cluster();
    let maps: Api<ConfigMap> = Api::default_namespaced(client);
    let own = ListParams::default().labels("of in (test)");
    for n in 0..5 {
        maps.create(&PostParams::default(), &config_map(&format!("m{n}"), &json!({}))).await.unwrap();
    }
    let page = maps.list(&ListParams::default().limit(2)).await.unwrap();
    assert_eq!(page.metadata.remaining_item_count, Some(4));
    maps.delete("m3", &DeleteParams::default()).await.unwrap();
    let mut names: Vec<String> = page.items.iter().map(ResourceExt::name_any).collect();
    let mut token = page.metadata.continue_;
    while let Some(next) = token.filter(|t| !t.is_empty()) {
        let page = maps.list(&ListParams::default().limit(2).continue_token(&next)).await.unwrap();
        names.extend(page.items.iter().map(ResourceExt::name_any));
        token = page.metadata.continue_;
    }
    assert_eq!(names, ["kube-root-ca.crt", "m0", "m1", "m2", "m3", "m4"], "m3 was there when the list began");
    assert_eq!(maps.list(&own).await.unwrap().items.len(), 4);
    maps.delete_collection(&DeleteParams::default(), &ListParams::default().labels("of=test")).await.unwrap();
    assert!(maps.list(&own).await.unwrap().items.is_empty());
}

#[tokio::test(start_paused = true)]
async fn watch_from_a_compacted_revision_should_be_told_410_and_a_watcher_should_relist() {
    let (cluster, client) = cluster();
    let maps: Api<ConfigMap> = Api::default_namespaced(client);
    let old = maps.list(&ListParams::default()).await.unwrap().metadata.resource_version.unwrap();
    let mut seen = watcher(maps.clone(), watcher::Config::default().labels("of=test")).boxed();
    assert!(matches!(seen.try_next().await.unwrap().unwrap(), watcher::Event::Init));
    assert!(matches!(seen.try_next().await.unwrap().unwrap(), watcher::Event::InitDone));
    maps.create(&PostParams::default(), &config_map("a", &json!({}))).await.unwrap();
    cluster.trouble().compact();
    let mut watch = maps.watch(&WatchParams::default(), &old).await.unwrap().boxed();
    let WatchEvent::Error(status) = watch.try_next().await.unwrap().unwrap() else { panic!("no error") };
    assert_eq!((status.code, status.reason.as_str()), (410, "Expired"));
    assert!(status.message.starts_with("too old resource version: "), "{}", status.message);
    assert!(watch.try_next().await.unwrap().is_none());
    // The watcher loses its connection, finds its revision gone, and lists anew.
    let mut relisted = false;
    while let Ok(Some(event)) = tokio::time::timeout(Duration::from_mins(1), seen.next()).await {
        if let Ok(watcher::Event::InitApply(map)) = &event {
            relisted = map.name_any() == "a";
            break;
        }
    }
    assert!(relisted);
}

#[tokio::test(start_paused = true)]
async fn outage_should_refuse_connections_and_cut_watches() {
    let (cluster, client) = cluster();
    let pods: Api<Pod> = Api::default_namespaced(client);
    let mut watch = pods.watch(&WatchParams::default(), "0").await.unwrap().boxed();
    for _ in 0..3 {
        watch.try_next().await.unwrap().unwrap();
    }
    cluster.trouble().api_outage(Duration::from_secs(5));
    assert!(watch.next().await.unwrap().is_err());
    let error = pods.list(&ListParams::default()).await.unwrap_err();
    assert!(matches!(error, Error::Service(_)), "{error:?}");
    tokio::time::sleep(Duration::from_secs(6)).await;
    assert_eq!(pods.list(&ListParams::default()).await.unwrap().items.len(), 3);
}

#[tokio::test(start_paused = true)]
async fn denied_verb_should_be_refused_as_rbac_words_it() {
    let (cluster, client) = cluster();
    cluster.trouble().deny(Denial {
        verb: "delete".into(),
        group: String::new(),
        resource: "pods".into(),
        namespace: Some("staging".into()),
    });
    let pods: Api<Pod> = Api::default_namespaced(client.clone());
    assert_eq!(
        refusal(pods.delete("x", &DeleteParams::default()).await),
        (
            403,
            "Forbidden".to_owned(),
            "pods \"x\" is forbidden: User \"system:serviceaccount:gameday:gameday\" cannot delete resource \"pods\" in API group \"\" in the namespace \"staging\"".to_owned()
        )
    );
    let reviews: Api<SelfSubjectAccessReview> = Api::all(client);
    let review = async |verb: &str| {
        let review = json!({"spec": {"resourceAttributes": {"verb": verb, "resource": "pods", "namespace": "staging"}}});
        reviews.create(&PostParams::default(), &serde_json::from_value(review).unwrap()).await.unwrap().status.unwrap().allowed
    };
    assert!(!review("delete").await);
    assert!(review("list").await);
}

#[tokio::test(start_paused = true)]
async fn absent_group_should_not_be_found() {
    let (cluster, client) = cluster();
    assert!(client.list_api_groups().await.unwrap().groups.iter().any(|g| g.name == "chaos-mesh.org"));
    let resources = client.list_api_group_resources("chaos-mesh.org/v1alpha1").await.unwrap();
    assert!(
        resources.resources.iter().any(|r| r.name == "networkchaos")
            && !resources.resources.iter().any(|r| r.name == "networkchaos/status")
    );
    cluster.trouble().withdraw_group("chaos-mesh.org");
    assert!(!client.list_api_groups().await.unwrap().groups.iter().any(|g| g.name == "chaos-mesh.org"));
    let (code, _, message) = refusal(client.list_api_group_resources("chaos-mesh.org/v1alpha1").await);
    assert_eq!((code, message.as_str()), (404, "404 page not found"));
    assert_eq!(client.apiserver_version().await.unwrap().minor, "36");
}

#[tokio::test(start_paused = true)]
async fn garbage_should_be_answered_not_panicked_on() {
    let (_cluster, client) = cluster();
    let pods = "/api/v1/namespaces/staging/pods";
    let deployment = "/apis/apps/v1/namespaces/staging/deployments/task-api";
    let cases: &[(&str, &str, &str, &str, u16)] = &[
        ("POST", pods, "application/json", "{", 400),
        ("POST", pods, "application/json", "[]", 400),
        ("POST", pods, "application/json", "{\"kind\":\"Pod\",\"apiVersion\":\"v1\",\"metadata\":3}", 400),
        ("POST", pods, "application/json", "{\"kind\":\"Pod\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"x\"},\"spec\":\"y\"}", 400),
        (
            "POST",
            pods,
            "application/json",
            "{\"kind\":\"Pod\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"x\"},\"spec\":{\"containers\":[]}}",
            422,
        ),
        (
            "POST",
            pods,
            "application/json",
            "{\"kind\":\"Pod\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"X_\"},\"spec\":{\"containers\":[{\"name\":\"a\"}]}}",
            422,
        ),
        ("PATCH", deployment, "application/merge-patch+json", "{\"spec\":null}", 422),
        ("PATCH", deployment, "application/merge-patch+json", "{\"metadata\":\"x\"}", 422),
        ("PATCH", deployment, "application/merge-patch+json", "7", 400),
        ("PATCH", deployment, "text/plain", "{}", 415),
        ("PATCH", deployment, "application/json-patch+json", "[{\"op\":\"remove\",\"path\":\"/nothing\"}]", 422),
        (
            "POST",
            "/apis/chaos-mesh.org/v1alpha1/namespaces/staging/podchaos",
            "application/json",
            "{\"kind\":\"PodChaos\",\"apiVersion\":\"chaos-mesh.org/v1alpha1\",\"metadata\":{\"name\":\"x\"},\"spec\":[1]}",
            400,
        ),
        (
            "POST",
            "/apis/chaos-mesh.org/v1alpha1/namespaces/staging/podchaos",
            "application/json",
            "{\"kind\":\"PodChaos\",\"apiVersion\":\"chaos-mesh.org/v1alpha1\",\"metadata\":{\"name\":\"x\"},\"spec\":{\"selector\":4}}",
            400,
        ),
        ("GET", "/api/v1/namespaces/staging/pods?labelSelector=a%20b", "", "", 400),
        ("GET", "/api/v1/namespaces/staging/pods?resourceVersion=x", "", "", 400),
        ("GET", "/api/v1/namespaces/staging/pods?watch=1&resourceVersion=x", "", "", 500),
        ("GET", "/api/v1/namespaces/staging/pods?watch=1&resourceVersion=99999999", "", "", 200),
        ("GET", "/api/v1/namespaces/staging/pods?watch=1&resourceVersion=18446744073709551615", "", "", 200),
        ("GET", "/api/v1/namespaces/staging/pods?watch=1&timeoutSeconds=soon", "", "", 400),
        ("GET", "/api/v1/namespaces/staging/pods?watch=1&timeoutSeconds=9223372036854775807", "", "", 200),
        ("GET", "/api/v1/namespaces/staging/pods?limit=99999999999999999999", "", "", 400),
        ("BREW", pods, "", "", 405),
        ("OPTIONS", pods, "", "", 405),
        ("HEAD", pods, "", "", 405),
        ("BREW", "/version", "", "", 405),
        ("DELETE", "/api/v1/namespaces", "", "", 405),
        ("GET", "/api/v1/namespaces/staging/pods?continue=zzz", "", "", 400),
        ("GET", "/api/v1/namespaces/staging/wombats", "", "", 404),
        ("GET", "/apis/wombats.example/v1/things", "", "", 404),
        ("GET", "/%zz/%", "", "", 404),
        ("GET", "//", "", "", 404),
        ("PUT", pods, "application/json", "{}", 405),
        ("DELETE", "/api/v1/namespaces/staging/pods/none", "application/json", "{\"gracePeriodSeconds\":-5}", 404),
        ("POST", "/api/v1/namespaces/staging/pods/none/eviction", "application/json", "{}", 404),
        ("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", "application/json", "{\"spec\":7}", 400),
        ("GET", "/api/v1/namespaces/staging/services/nobody:80/proxy/x", "", "", 404),
        ("GET", "/api/v1/namespaces/monitoring/services/prometheus-server:80/proxy/x", "", "", 503),
        ("GET", "/api/v1/namespaces/monitoring/services/prometheus-server:81/proxy/x", "", "", 503),
    ];
    for (method, path, content, body, code) in cases {
        let request = Request::builder().method(*method).uri(*path).header("content-type", *content);
        let response = client.send(request.body(Body::from(body.as_bytes().to_vec())).unwrap()).await.unwrap();
        assert_eq!(response.status().as_u16(), *code, "{method} {path} {body}");
    }
    let huge = Body::from(vec![b' '; 4 * 1024 * 1024]);
    let response = client.send(Request::post(pods).body(huge).unwrap()).await.unwrap();
    assert_eq!(response.status().as_u16(), 413);
}

struct Echo;

impl Backend for Echo {
    fn answer(&self, request: &BackendRequest) -> BackendAnswer {
        let body = format!("{} {} {}", request.method, request.path_and_query, String::from_utf8_lossy(&request.body));
        BackendAnswer { status: 418, content_type: "text/plain".into(), body: body.into_bytes() }
    }
}

#[tokio::test(start_paused = true)]
async fn service_proxy_should_hand_requests_to_the_backend() {
    let (cluster, client) = cluster();
    cluster.register_backend("monitoring", "prometheus-server", Arc::new(Echo));
    for port in ["80", "http"] {
        let path = format!("/api/v1/namespaces/monitoring/services/prometheus-server:{port}/proxy/api/v1/query?query=up%7B%7D");
        let response = client.send(Request::post(path).body(Body::from(b"b".to_vec())).unwrap()).await.unwrap();
        assert_eq!(response.status().as_u16(), 418);
        assert!(response.headers().contains_key("date"));
        assert_eq!(response.into_body().collect_bytes().await.unwrap(), "POST /api/v1/query?query=up%7B%7D b");
    }
}

#[tokio::test(start_paused = true)]
async fn skewed_server_should_show_in_its_date_and_its_timestamps() {
    let (cluster, client) = cluster();
    cluster.trouble().skew(chrono::Duration::seconds(-90));
    let response = client.send(Request::get("/version").body(Body::empty()).unwrap()).await.unwrap();
    let date = chrono::DateTime::parse_from_rfc2822(response.headers()["date"].to_str().unwrap()).unwrap();
    let off = cluster.now().signed_duration_since(date).num_seconds();
    assert!((90..92).contains(&off), "{off}");
}

#[tokio::test(start_paused = true)]
async fn scaling_rolling_and_deleting_a_deployment_should_settle() {
    let (_cluster, client) = cluster();
    let deployments: Api<Deployment> = Api::default_namespaced(client.clone());
    let pods: Api<Pod> = Api::default_namespaced(client);
    let images = async || {
        let mut images: Vec<String> = pods
            .list(&ListParams::default())
            .await
            .unwrap()
            .items
            .iter()
            .map(|p| p.spec.as_ref().unwrap().containers[0].image.clone().unwrap())
            .collect();
        images.sort();
        images.dedup();
        (pods.list(&ListParams::default()).await.unwrap().items.len(), images)
    };
    deployments.patch("task-api", &PatchParams::default(), &Patch::Merge(json!({"spec": {"replicas": 5}}))).await.unwrap();
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(images().await.0, 5);
    let image = json!({"spec": {"template": {"spec": {"containers": [{"name": "task-api", "image": "registry.example/task-api:2"}]}}}});
    deployments.patch("task-api", &PatchParams::default(), &Patch::Strategic(image)).await.unwrap();
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert_eq!(images().await, (5, vec!["registry.example/task-api:2".to_owned()]));
    let status = deployments.get("task-api").await.unwrap().status.unwrap();
    assert_eq!((status.updated_replicas, status.available_replicas, status.unavailable_replicas), (Some(5), Some(5), None));
    deployments.delete("task-api", &DeleteParams::foreground()).await.unwrap();
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert_eq!(images().await.0, 0);
    assert!(deployments.get_opt("task-api").await.unwrap().is_none());
}

#[tokio::test(start_paused = true)]
async fn eviction_should_delete_with_its_own_grace() {
    let (_cluster, client) = cluster();
    let pods: Api<Pod> = Api::default_namespaced(client.clone());
    let name = pods.list(&ListParams::default()).await.unwrap().items[0].name_any();
    let body =
        json!({"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name}, "deleteOptions": {"gracePeriodSeconds": 0}});
    let path = format!("/api/v1/namespaces/staging/pods/{name}/eviction");
    let answer: Value = client.request(Request::post(path).body(body.to_string().into_bytes()).unwrap()).await.unwrap();
    assert_eq!(answer["status"], "Success");
    assert!(pods.get_opt(&name).await.unwrap().is_none());
}

#[tokio::test(start_paused = true)]
async fn namespace_should_go_with_all_that_is_in_it() {
    let (_cluster, client) = cluster();
    let namespaces: Api<Namespace> = Api::all(client.clone());
    namespaces.delete("staging", &DeleteParams::default()).await.unwrap();
    let maps: Api<ConfigMap> = Api::default_namespaced(client.clone());
    assert_eq!(refusal(maps.create(&PostParams::default(), &config_map("late", &json!({}))).await).0, 403);
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert!(namespaces.get_opt("staging").await.unwrap().is_none());
    let pods: Api<Pod> = Api::default_namespaced(client);
    assert!(pods.list(&ListParams::default()).await.unwrap().items.is_empty());
}

#[tokio::test(start_paused = true)]
async fn finalizer_should_hold_an_object_until_it_is_taken_off() {
    let (_cluster, client) = cluster();
    let maps: Api<ConfigMap> = Api::default_namespaced(client);
    let mut map = config_map("held", &json!({}));
    map.metadata.finalizers = Some(vec!["test/hold".into()]);
    maps.create(&PostParams::default(), &map).await.unwrap();
    assert!(maps.delete("held", &DeleteParams::default()).await.unwrap().is_left());
    assert!(maps.get("held").await.unwrap().metadata.deletion_timestamp.is_some());
    maps.patch("held", &PatchParams::default(), &Patch::Merge(json!({"metadata": {"finalizers": null}}))).await.unwrap();
    assert!(maps.get_opt("held").await.unwrap().is_none());
}

#[tokio::test(start_paused = true)]
async fn slow_reader_should_be_told_410_when_the_log_has_run_away() {
    let (_cluster, client) = cluster();
    let maps: Api<ConfigMap> = Api::default_namespaced(client);
    maps.create(&PostParams::default(), &config_map("a", &json!({}))).await.unwrap();
    let mut watch = maps.watch(&WatchParams::default(), "0").await.unwrap().boxed();
    assert!(matches!(watch.try_next().await.unwrap(), Some(WatchEvent::Added(_))));
    for n in 0..4200 {
        maps.patch("a", &PatchParams::default(), &Patch::Merge(json!({"data": {"n": n.to_string()}}))).await.unwrap();
    }
    let mut last = None;
    while let Ok(Some(event)) = watch.try_next().await {
        last = Some(event);
    }
    assert!(matches!(last, Some(WatchEvent::Error(status)) if status.code == 410));
}

#[tokio::test(start_paused = true)]
async fn watch_should_bring_bookmarks_and_end_at_its_time() {
    let (_cluster, client) = cluster();
    let maps: Api<ConfigMap> = Api::default_namespaced(client);
    let start = tokio::time::Instant::now();
    let mut watch = maps.watch(&WatchParams::default().labels("of=test").timeout(150), "0").await.unwrap().boxed();
    let mut bookmarks = 0;
    while let Some(event) = watch.try_next().await.unwrap() {
        assert!(matches!(event, WatchEvent::Bookmark(_)), "{event:?}");
        bookmarks += 1;
    }
    assert_eq!(bookmarks, 2);
    assert_eq!(start.elapsed().as_secs(), 150);
}

#[tokio::test(start_paused = true)]
async fn absurd_grace_should_not_harm() {
    let (_cluster, client) = cluster();
    let pods: Api<Pod> = Api::default_namespaced(client.clone());
    let name = pods.list(&ListParams::default()).await.unwrap().items[0].name_any();
    let path = format!("/api/v1/namespaces/staging/pods/{name}?gracePeriodSeconds=9223372036854775807");
    let answer: Value = client.request(Request::delete(path).body(Vec::new()).unwrap()).await.unwrap();
    assert!(answer["metadata"]["deletionTimestamp"].is_string());
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert!(pods.get_opt(&name).await.unwrap().is_none());
}

//! Controllers of workloads, budgets, quotas and nodes, as a client sees what they do.
#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

use std::time::Duration;

use gameday::rehearsal::world::{Budget, Quota, WorkloadKind, WorldNode};
use gameday::rehearsal::{PracticeCluster, World};
use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, ReplicaSet, StatefulSet};
use k8s_openapi::api::core::v1::{Event, Namespace, Node, Pod, ResourceQuota};
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use kube::api::{Api, DeleteParams, ListParams, Patch, PatchParams};
use kube::{Client, ResourceExt};
use serde_json::{Value, json};
use tokio::time::sleep;

fn start(world: World) -> (PracticeCluster, Client) {
    let cluster = PracticeCluster::start(world, 6);
    let client = Client::new(cluster.service(), "staging");
    (cluster, client)
}

async fn patch<K>(api: &Api<K>, name: &str, change: Value)
where
    K: kube::Resource + Clone + std::fmt::Debug + serde::de::DeserializeOwned,
{
    api.patch(name, &PatchParams::default(), &Patch::Merge(change)).await.unwrap();
}

async fn conditions(api: &Api<Deployment>) -> Vec<(String, String, String, String)> {
    let conditions = api.get("task-api").await.unwrap().status.unwrap().conditions.unwrap_or_default();
    let told = |c: k8s_openapi::api::apps::v1::DeploymentCondition| {
        (c.type_, c.status, c.reason.unwrap_or_default(), c.message.unwrap_or_default())
    };
    conditions.into_iter().map(told).collect()
}

async fn events(client: &Client, name: &str) -> Vec<(String, String)> {
    let api: Api<Event> = Api::default_namespaced(client.clone());
    let list = api.list(&ListParams::default().fields(&format!("involvedObject.name={name}"))).await.unwrap();
    list.items.into_iter().map(|e| (e.reason.unwrap_or_default(), e.message.unwrap_or_default())).collect()
}

/// The Deployment's container list replaced as a strategic patch would: by name.
async fn set_image(api: &Api<Deployment>, to: &str) {
    let mut deployment = serde_json::to_value(api.get("task-api").await.unwrap()).unwrap();
    deployment["spec"]["template"]["spec"]["containers"][0]["image"] = json!(to);
    let spec = json!({"spec": {"template": {"spec": {"containers": deployment["spec"]["template"]["spec"]["containers"]}}}});
    patch(api, "task-api", spec).await;
}

#[tokio::test(start_paused = true)]
async fn rollout_should_never_lose_availability_and_number_its_revisions() {
    let (_cluster, client) = start(World::task_api("staging"));
    let api: Api<Deployment> = Api::default_namespaced(client.clone());
    let sets: Api<ReplicaSet> = Api::default_namespaced(client.clone());
    set_image(&api, "registry.example/task-api:2").await;
    let mut least = 3;
    for _ in 0..600 {
        sleep(Duration::from_millis(50)).await;
        let status = api.get("task-api").await.unwrap().status.unwrap();
        least = least.min(status.available_replicas.unwrap_or(0));
        // 25 % of 3, up: one more
        assert!(status.replicas.unwrap_or(0) <= 4, "{status:?}");
    }
    assert_eq!(least, 3, "25 % of 3, down: none may be missing");
    let deployment = api.get("task-api").await.unwrap();
    assert_eq!(deployment.annotations()["deployment.kubernetes.io/revision"], "2");
    let status = deployment.status.unwrap();
    assert_eq!((status.updated_replicas, status.replicas, status.unavailable_replicas), (Some(3), Some(3), None));
    let all = sets.list(&ListParams::default()).await.unwrap().items;
    let counts: Vec<_> =
        all.iter().map(|s| (s.annotations()["deployment.kubernetes.io/revision"].as_str(), s.spec.as_ref().unwrap().replicas)).collect();
    assert!(counts.contains(&("1", Some(0))) && counts.contains(&("2", Some(3))), "{counts:?}");
    let told = conditions(&api).await;
    let new = all.iter().find(|s| s.annotations()["deployment.kubernetes.io/revision"] == "2").unwrap().name_any();
    assert_eq!(told[0].2, "MinimumReplicasAvailable");
    assert_eq!(
        told[1],
        (
            "Progressing".into(),
            "True".into(),
            "NewReplicaSetAvailable".into(),
            format!("ReplicaSet \"{new}\" has successfully progressed.")
        )
    );
    let scaled: Vec<String> =
        events(&client, "task-api").await.into_iter().filter(|(r, _)| r == "ScalingReplicaSet").map(|(_, m)| m).collect();
    assert!(scaled.contains(&format!("Scaled up replica set {new} from 0 to 1")), "{scaled:?}");
    assert_eq!(scaled.len(), 6, "one up, one down, three times: {scaled:?}");
    // and back: the first set is found again under a new number
    set_image(&api, "registry.example/task-api:1").await;
    sleep(Duration::from_secs(30)).await;
    let all = sets.list(&ListParams::default()).await.unwrap().items;
    let old = all.iter().find(|s| s.name_any() != new).unwrap();
    assert_eq!(old.annotations()["deployment.kubernetes.io/revision"], "3");
    assert_eq!(old.annotations()["deployment.kubernetes.io/revision-history"], "1");
    assert_eq!(old.status.as_ref().unwrap().ready_replicas, Some(3));
}

#[tokio::test(start_paused = true)]
async fn rollout_that_does_not_come_on_should_time_out_and_keep_the_old_pods() {
    let (_cluster, client) = start(World { missing_images: vec!["registry.example/task-api:9".to_owned()], ..World::task_api("staging") });
    let api: Api<Deployment> = Api::default_namespaced(client.clone());
    patch(&api, "task-api", json!({"spec": {"progressDeadlineSeconds": 30}})).await;
    set_image(&api, "registry.example/task-api:9").await;
    sleep(Duration::from_secs(20)).await;
    assert_eq!(conditions(&api).await.iter().find(|c| c.0 == "Progressing").unwrap().2, "ReplicaSetUpdated");
    sleep(Duration::from_secs(30)).await;
    let told = conditions(&api).await;
    let late = told.iter().find(|c| c.0 == "Progressing").unwrap();
    assert_eq!((late.1.as_str(), late.2.as_str()), ("False", "ProgressDeadlineExceeded"));
    assert!(late.3.ends_with("has timed out progressing."), "{late:?}");
    let status = api.get("task-api").await.unwrap().status.unwrap();
    assert_eq!((status.available_replicas, status.updated_replicas, status.unavailable_replicas), (Some(3), Some(1), Some(1)));
}

#[tokio::test(start_paused = true)]
async fn recreate_should_kill_all_before_it_starts_anew_and_a_pause_should_hold() {
    let (_cluster, client) = start(World::task_api("staging"));
    let api: Api<Deployment> = Api::default_namespaced(client.clone());
    let pods: Api<Pod> = Api::default_namespaced(client.clone());
    patch(&api, "task-api", json!({"spec": {"paused": true, "strategy": {"type": "Recreate", "rollingUpdate": null}}})).await;
    set_image(&api, "registry.example/task-api:2").await;
    sleep(Duration::from_secs(20)).await;
    let told = conditions(&api).await;
    assert!(told.contains(&("Progressing".into(), "Unknown".into(), "DeploymentPaused".into(), "Deployment is paused".into())), "{told:?}");
    let images = async || -> Vec<String> {
        pods.list(&ListParams::default())
            .await
            .unwrap()
            .items
            .into_iter()
            .map(|p| p.spec.unwrap().containers.remove(0).image.unwrap())
            .collect()
    };
    assert!(images().await.iter().all(|i| i.ends_with(":1")));
    patch(&api, "task-api", json!({"spec": {"paused": false}})).await;
    for _ in 0..400 {
        sleep(Duration::from_millis(50)).await;
        let images = images().await;
        assert!(images.iter().all(|i| i.ends_with(":1")) || images.iter().all(|i| i.ends_with(":2")), "{images:?}");
    }
    assert_eq!(images().await, vec!["registry.example/task-api:2"; 3]);
}

#[tokio::test(start_paused = true)]
async fn stateful_set_should_update_from_the_highest_number_down() {
    let mut world = World::task_api("staging");
    world.workloads[0].kind = WorkloadKind::StatefulSet;
    let (_cluster, client) = start(world);
    let api: Api<StatefulSet> = Api::default_namespaced(client.clone());
    let pods: Api<Pod> = Api::default_namespaced(client.clone());
    let mut set = serde_json::to_value(api.get("task-api").await.unwrap()).unwrap();
    let before = set["status"]["currentRevision"].clone();
    set["spec"]["template"]["spec"]["containers"][0]["image"] = json!("registry.example/task-api:2");
    patch(&api, "task-api", json!({"spec": {"template": {"spec": {"containers": set["spec"]["template"]["spec"]["containers"]}}}})).await;
    let mut order = Vec::new();
    for _ in 0..600 {
        sleep(Duration::from_millis(50)).await;
        let list = pods.list(&ListParams::default()).await.unwrap().items;
        assert!(list.len() >= 2, "one at a time");
        for pod in list {
            let new = pod.spec.as_ref().unwrap().containers[0].image.as_deref() == Some("registry.example/task-api:2");
            if new && !order.contains(&pod.name_any()) {
                order.push(pod.name_any());
            }
        }
    }
    assert_eq!(order, ["task-api-2", "task-api-1", "task-api-0"]);
    let status = api.get("task-api").await.unwrap().status.unwrap();
    assert_eq!(status.current_revision, status.update_revision);
    assert_ne!(json!(status.current_revision), before);
    patch(&api, "task-api", json!({"spec": {"replicas": 1}})).await;
    sleep(Duration::from_secs(10)).await;
    assert_eq!(
        pods.list(&ListParams::default()).await.unwrap().items.iter().map(ResourceExt::name_any).collect::<Vec<_>>(),
        ["task-api-0"]
    );
}

#[tokio::test(start_paused = true)]
async fn daemon_set_should_follow_the_nodes() {
    let (_cluster, client) = start(World::task_api("staging"));
    let sets: Api<DaemonSet> = Api::namespaced(client.clone(), "chaos-mesh");
    let nodes: Api<Node> = Api::all(client.clone());
    let status = async || sets.get("chaos-daemon").await.unwrap().status.unwrap();
    assert_eq!((status().await.desired_number_scheduled, status().await.number_ready), (3, 3));
    patch(&nodes, "node-2", json!({"spec": {"taints": [{"key": "own", "effect": "NoExecute"}]}})).await;
    sleep(Duration::from_secs(20)).await;
    assert_eq!((status().await.desired_number_scheduled, status().await.number_ready), (2, 2));
    patch(&nodes, "node-2", json!({"spec": {"taints": null}})).await;
    sleep(Duration::from_secs(10)).await;
    assert_eq!((status().await.desired_number_scheduled, status().await.number_ready), (3, 3));
}

#[tokio::test(start_paused = true)]
async fn budget_and_quota_should_tell_what_is_used() {
    let mut world = World::task_api("staging");
    let labels = world.workloads[0].labels.clone();
    world.budgets = vec![Budget {
        namespace: "staging".into(),
        name: "api".into(),
        selector: labels,
        min_available: None,
        max_unavailable: Some("1".into()),
    }];
    let hard = [("pods", "4"), ("requests.cpu", "1"), ("limits.memory", "1Gi")].map(|(k, v)| (k.to_owned(), v.to_owned()));
    world.quotas = vec![Quota { namespace: "staging".into(), name: "all".into(), hard: hard.into() }];
    let (_cluster, client) = start(world);
    sleep(Duration::from_secs(1)).await;
    let budgets: Api<PodDisruptionBudget> = Api::default_namespaced(client.clone());
    let quotas: Api<ResourceQuota> = Api::default_namespaced(client.clone());
    let budget = async || serde_json::to_value(budgets.get("api").await.unwrap().status.unwrap()).unwrap();
    let told = budget().await;
    assert_eq!(
        (&told["currentHealthy"], &told["desiredHealthy"], &told["disruptionsAllowed"], &told["expectedPods"]),
        (&json!(3), &json!(2), &json!(1), &json!(3))
    );
    assert_eq!((&told["conditions"][0]["type"], &told["conditions"][0]["reason"]), (&json!("DisruptionAllowed"), &json!("SufficientPods")));
    let used = async || serde_json::to_value(quotas.get("all").await.unwrap().status.unwrap().used.unwrap()).unwrap();
    assert_eq!(used().await, json!({"pods": "3", "requests.cpu": "300m", "limits.memory": "384Mi"}));
    let pods: Api<Pod> = Api::default_namespaced(client.clone());
    let name = pods.list(&ListParams::default()).await.unwrap().items[0].name_any();
    pods.delete(&name, &DeleteParams::default().grace_period(0)).await.unwrap();
    sleep(Duration::from_millis(100)).await;
    let told = budget().await;
    assert_eq!((&told["disruptionsAllowed"], &told["conditions"][0]["reason"]), (&json!(0), &json!("InsufficientPods")));
    sleep(Duration::from_secs(3)).await;
    assert_eq!(budget().await["disruptionsAllowed"], 1);
}

#[tokio::test(start_paused = true)]
async fn silent_node_should_be_given_up_and_its_pods_evicted_after_five_minutes() {
    let mut world = World::task_api("staging");
    world.mishaps = vec!["node-down=node-1@10s+8m".parse().unwrap()];
    let (_cluster, client) = start(world);
    let nodes: Api<Node> = Api::all(client.clone());
    let pods: Api<Pod> = Api::default_namespaced(client.clone());
    let of_node = async || pods.list(&ListParams::default().fields("spec.nodeName=node-1")).await.unwrap().items;
    let victim = of_node().await.remove(0).name_any();
    let ready = async |name: &str| {
        let conditions = pods.get(name).await.unwrap().status.unwrap().conditions.unwrap();
        conditions.iter().any(|c| c.type_ == "Ready" && c.status == "True")
    };
    sleep(Duration::from_secs(45)).await;
    assert!(ready(&victim).await);
    sleep(Duration::from_secs(30)).await;
    assert!(!ready(&victim).await);
    let node = serde_json::to_value(nodes.get("node-1").await.unwrap()).unwrap();
    let taints: Vec<_> = node["spec"]["taints"].as_array().unwrap().iter().map(|t| (t["key"].clone(), t["effect"].clone())).collect();
    assert_eq!(taints, ["NoSchedule", "NoExecute"].map(|effect| (json!("node.kubernetes.io/unreachable"), json!(effect))));
    let condition = node["status"]["conditions"].as_array().unwrap().iter().find(|c| c["type"] == "Ready").unwrap();
    assert_eq!(
        (&condition["status"], &condition["reason"], &condition["message"]),
        (&json!("Unknown"), &json!("NodeStatusUnknown"), &json!("Kubelet stopped posting node status."))
    );
    assert!(events(&client, &victim).await.contains(&("NodeNotReady".to_owned(), "Node is not ready".to_owned())));
    sleep(Duration::from_secs(260)).await;
    assert!(pods.get(&victim).await.unwrap().metadata.deletion_timestamp.is_none());
    sleep(Duration::from_mins(1)).await;
    assert!(pods.get(&victim).await.unwrap().metadata.deletion_timestamp.is_some(), "going, and nobody there to say that it is gone");
    let deployments: Api<Deployment> = Api::default_namespaced(client.clone());
    assert_eq!(deployments.get("task-api").await.unwrap().status.unwrap().ready_replicas, Some(3), "replaced elsewhere");
    sleep(Duration::from_secs(150)).await;
    assert!(pods.get_opt(&victim).await.unwrap().is_none());
    let node = serde_json::to_value(nodes.get("node-1").await.unwrap()).unwrap();
    assert!(node["spec"].get("taints").is_none(), "{node}");
    assert!(node["status"]["conditions"].as_array().unwrap().iter().any(|c| c["type"] == "Ready" && c["status"] == "True"));
}

#[tokio::test(start_paused = true)]
async fn namespace_should_say_what_holds_it_and_go_when_nothing_does() {
    let (_cluster, client) = start(World::task_api("staging"));
    let namespaces: Api<Namespace> = Api::all(client.clone());
    let pods: Api<Pod> = Api::default_namespaced(client.clone());
    let name = pods.list(&ListParams::default()).await.unwrap().items[0].name_any();
    patch(&pods, &name, json!({"metadata": {"finalizers": ["example.org/held"]}})).await;
    namespaces.delete("staging", &DeleteParams::default()).await.unwrap();
    sleep(Duration::from_secs(30)).await;
    let told = serde_json::to_value(namespaces.get("staging").await.unwrap().status.unwrap()).unwrap();
    assert_eq!(told["phase"], "Terminating");
    let holds = |kind: &str| told["conditions"].as_array().unwrap().iter().any(|c| c["type"] == kind && c["status"] == "True");
    assert!(holds("NamespaceContentRemaining") && holds("NamespaceFinalizersRemaining"), "{told}");
    patch(&pods, &name, json!({"metadata": {"finalizers": null}})).await;
    sleep(Duration::from_secs(5)).await;
    assert!(namespaces.get_opt("staging").await.unwrap().is_none());
}

#[tokio::test(start_paused = true)]
async fn pods_of_a_deleted_node_should_be_collected_and_replaced() {
    let (_cluster, client) = start(World::task_api("staging"));
    let pods: Api<Pod> = Api::default_namespaced(client.clone());
    let nodes: Api<Node> = Api::all(client.clone());
    let on = |list: Vec<Pod>, node: &str| list.into_iter().filter(|p| p.spec.as_ref().unwrap().node_name.as_deref() == Some(node)).count();
    let node = pods.list(&ListParams::default()).await.unwrap().items[0].spec.clone().unwrap().node_name.unwrap();
    nodes.delete(&node, &DeleteParams::default()).await.unwrap();
    sleep(Duration::from_secs(30)).await;
    assert!(on(pods.list(&ListParams::default()).await.unwrap().items, &node) > 0, "a node that is missing may come back");
    sleep(Duration::from_mins(1)).await;
    let left = pods.list(&ListParams::default()).await.unwrap().items;
    assert_eq!((left.len(), on(left.clone(), &node)), (3, 0));
    assert!(left.iter().all(|pod| pod.status.as_ref().unwrap().phase.as_deref() == Some("Running")));
}

#[tokio::test(start_paused = true)]
async fn pods_should_have_addresses_of_their_own_whatever_their_node_is_called() {
    let node = WorldNode { name: "ip-10-0-4294967295".to_owned(), ..WorldNode::number(1) };
    let (_cluster, client) = start(World { nodes: vec![node], ..World::task_api("staging") });
    let api: Api<Deployment> = Api::default_namespaced(client.clone());
    patch(&api, "task-api", json!({"spec": {"replicas": 20}})).await;
    sleep(Duration::from_mins(2)).await;
    let pods: Api<Pod> = Api::all(client);
    let ips: Vec<std::net::Ipv4Addr> = pods
        .list(&ListParams::default())
        .await
        .unwrap()
        .items
        .into_iter()
        .map(|pod| pod.status.unwrap().pod_ip.unwrap().parse().unwrap())
        .collect();
    assert!(ips.len() > 20);
    assert!(ips.iter().all(|ip| (1..255).contains(&ip.octets()[3])));
    assert_eq!(ips.iter().collect::<std::collections::BTreeSet<_>>().len(), ips.len());
}

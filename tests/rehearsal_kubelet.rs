//! The kubelet and scheduler of the practice cluster, as kubectl shows them: reasons, messages, Events.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test stops where it fails")]

use std::time::Duration;

use gameday::rehearsal::{PracticeCluster, World};
use k8s_openapi::api::core::v1::{ConfigMap, ContainerStatus, Event, Namespace, Node, Pod, Secret, ServiceAccount};
use kube::api::{Api, DeleteParams, ListParams, Patch, PatchParams, PostParams};
use kube::{Client, ResourceExt};
use serde_json::{Value, json};
use tokio::time::sleep;

struct Place {
    cluster: PracticeCluster,
    pods: Api<Pod>,
    events: Api<Event>,
}

fn place(world: World) -> Place {
    let cluster = PracticeCluster::start(world, 4);
    let client = Client::new(cluster.service(), "staging");
    Place { cluster, pods: Api::default_namespaced(client.clone()), events: Api::default_namespaced(client) }
}

impl Place {
    fn api<K: kube::Resource<DynamicType = ()>>(&self) -> Api<K> {
        Api::all(Client::new(self.cluster.service(), "staging"))
    }

    async fn run(&self, name: &str, spec: Value) {
        let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec});
        self.pods.create(&PostParams::default(), &serde_json::from_value(pod).unwrap()).await.unwrap();
    }

    async fn container(&self, name: &str) -> ContainerStatus {
        self.pods.get(name).await.unwrap().status.unwrap().container_statuses.unwrap().remove(0)
    }

    async fn waiting(&self, name: &str) -> (String, String) {
        let state = self.container(name).await.state.unwrap();
        let waiting = state.waiting.unwrap_or_else(|| panic!("{:?}", (state.running, state.terminated)));
        (waiting.reason.unwrap_or_default(), waiting.message.unwrap_or_default())
    }

    /// Reason, message and count of the Events about an object.
    async fn told(&self, name: &str) -> Vec<(String, String, i32)> {
        let events = self.events.list(&ListParams::default().fields(&format!("involvedObject.name={name}"))).await.unwrap();
        let told = |e: Event| (e.reason.unwrap_or_default(), e.message.unwrap_or_default(), e.count.unwrap_or(1));
        events.items.into_iter().map(told).collect()
    }
}

#[tokio::test(start_paused = true)]
async fn missing_image_should_be_backed_off_from_in_the_kubelets_words() {
    let place = place(World { missing_images: vec!["registry.example/gone:1".to_owned()], ..World::task_api("staging") });
    place.run("gone", json!({"containers": [{"name": "main", "image": "registry.example/gone:1"}]})).await;
    // Between two tries it is backed off from.
    for _ in 0..60 {
        sleep(Duration::from_millis(500)).await;
        if place.waiting("gone").await.0 == "ImagePullBackOff" {
            break;
        }
    }
    let why = "rpc error: code = NotFound desc = failed to pull and unpack image \"registry.example/gone:1\": failed to resolve image: registry.example/gone:1: not found";
    let backed_off = ("ImagePullBackOff".to_owned(), format!("Back-off pulling image \"registry.example/gone:1\": ErrImagePull: {why}"));
    // a try that has just failed says so for a moment
    for _ in 0..4 {
        if place.waiting("gone").await != backed_off {
            sleep(Duration::from_secs(1)).await;
        }
    }
    assert_eq!(place.waiting("gone").await, backed_off);
    sleep(Duration::from_mins(10)).await;
    let told = place.told("gone").await;
    let count = |reason: &str, begin: &str| {
        told.iter().find(|(r, m, _)| r == reason && m.starts_with(begin)).unwrap_or_else(|| panic!("{reason}: {told:?}")).2
    };
    // 10 s, 20 s, 40 s, 80 s, 160 s, 300 s apart, until the kubelet says no more of one pod
    assert!((4..=7).contains(&count("Pulling", "Pulling image")), "{told:?}");
    assert!(count("Failed", &format!("Failed to pull image \"registry.example/gone:1\": {why}")) >= 4, "{told:?}");
    assert!(count("Failed", "Error: ImagePullBackOff") >= 3 && count("BackOff", "Back-off pulling image") >= 3, "{told:?}");
    assert_eq!(place.pods.get("gone").await.unwrap().status.unwrap().phase.unwrap(), "Pending");
}

#[tokio::test(start_paused = true)]
async fn image_that_is_away_should_be_fetched_once_a_node() {
    let place = place(World::task_api("staging"));
    let spec = json!({"nodeName": "node-1", "containers": [{"name": "main", "image": "nginx:1.29"}]});
    place.run("first", spec.clone()).await;
    sleep(Duration::from_secs(15)).await;
    place.run("second", spec).await;
    sleep(Duration::from_secs(15)).await;
    let (first, second) = (place.told("first").await, place.told("second").await);
    assert!(first.iter().any(|(_, m, _)| m.starts_with("Successfully pulled image \"nginx:1.29\" in ")), "{first:?}");
    assert!(second.iter().any(|(_, m, _)| m.starts_with("Container image \"nginx:1.29\" already present")), "{second:?}");
    place.run("wrong", json!({"containers": [{"name": "main", "image": "Nginx:1"}]})).await;
    sleep(Duration::from_secs(5)).await;
    let why = "couldn't parse image reference \"Nginx:1\": invalid reference format: repository name (library/Nginx) must be lowercase";
    assert_eq!(
        place.waiting("wrong").await,
        ("InvalidImageName".to_owned(), format!("Failed to apply default image tag \"Nginx:1\": {why}"))
    );
}

#[tokio::test(start_paused = true)]
async fn missing_secret_should_hold_the_container_until_it_is_there() {
    let place = place(World::task_api("staging"));
    place
        .run(
            "needy",
            json!({"containers": [{"name": "main", "image": "registry.example/task-api:1", "envFrom": [{"secretRef": {"name": "key"}}]}]}),
        )
        .await;
    place.run("mounted", json!({"volumes": [{"name": "v", "secret": {"secretName": "key"}}], "containers": [{"name": "main", "image": "registry.example/task-api:1", "volumeMounts": [{"name": "v", "mountPath": "/key"}]}]})).await;
    sleep(Duration::from_secs(30)).await;
    assert_eq!(place.waiting("needy").await, ("CreateContainerConfigError".to_owned(), "secret \"key\" not found".to_owned()));
    assert_eq!(place.waiting("mounted").await.0, "ContainerCreating");
    let told = place.told("needy").await;
    assert!(told.iter().any(|(r, m, n)| r == "Failed" && m == "Error: secret \"key\" not found" && *n >= 2), "{told:?}");
    let told = place.told("mounted").await;
    assert!(
        told.iter().any(|(r, m, _)| r == "FailedMount" && m == "MountVolume.SetUp failed for volume \"v\" : secret \"key\" not found"),
        "{told:?}"
    );
    let secret: Secret = serde_json::from_value(json!({"metadata": {"name": "key"}})).unwrap();
    Api::<Secret>::default_namespaced(Client::new(place.cluster.service(), "staging"))
        .create(&PostParams::default(), &secret)
        .await
        .unwrap();
    sleep(Duration::from_secs(70)).await;
    for pod in ["needy", "mounted"] {
        assert!(place.container(pod).await.ready, "{pod}");
    }
}

#[tokio::test(start_paused = true)]
async fn crash_loop_should_be_put_off_longer_and_longer() {
    let place = place(World::task_api("staging"));
    place
        .run(
            "crash",
            json!({"containers": [{"name": "main", "image": "registry.example/task-api:1", "command": ["sh", "-c", "sleep 2; exit 3"]}]}),
        )
        .await;
    sleep(Duration::from_mins(2)).await;
    let status = place.container("crash").await;
    // runs of 2 s, then at once, 10, 20, 40, 80 s apart
    assert_eq!(status.restart_count, 4, "{status:?}");
    let uid = place.pods.get("crash").await.unwrap().uid().unwrap();
    assert_eq!(
        place.waiting("crash").await,
        ("CrashLoopBackOff".to_owned(), format!("back-off 1m20s restarting failed container=main pod=crash_staging({uid})"))
    );
    let last = status.last_state.unwrap().terminated.unwrap();
    assert_eq!((last.exit_code, last.reason.as_deref()), (3, Some("Error")));
    let told = place.told("crash").await;
    let back_off = format!("Back-off restarting failed container main in pod crash_staging({uid})");
    assert!(told.iter().any(|(r, m, n)| r == "BackOff" && *m == back_off && *n > 3), "{told:?}");
}

#[tokio::test(start_paused = true)]
async fn pod_that_is_not_restarted_should_end_as_its_process_does() {
    let place = place(World::task_api("staging"));
    for (name, command, policy, phase) in
        [("well", "exit 0", "Never", "Succeeded"), ("ill", "exit 1", "Never", "Failed"), ("done", "sleep 1", "OnFailure", "Succeeded")]
    {
        place.run(name, json!({"restartPolicy": policy, "containers": [{"name": "main", "image": "registry.example/task-api:1", "command": ["sh", "-c", command]}]})).await;
        sleep(Duration::from_secs(5)).await;
        assert_eq!(place.pods.get(name).await.unwrap().status.unwrap().phase.unwrap(), phase, "{name}");
        place.pods.delete(name, &DeleteParams::default()).await.unwrap();
        sleep(Duration::from_secs(1)).await;
        assert!(place.pods.get_opt(name).await.unwrap().is_none(), "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn failing_liveness_should_restart_and_failing_readiness_should_not() {
    let mut world = World::task_api("staging");
    let probe = gameday::scenario::world::Probe { failures: 3, ..gameday::scenario::world::Probe::each_second() };
    world.workloads[0].containers[0].liveness = Some(probe);
    world.mishaps = vec!["bad-probe=task-api@5s+10s".parse().unwrap(), "liveness-fails=task-api@30s+20s".parse().unwrap()];
    let place = place(world);
    let name = place.pods.list(&ListParams::default()).await.unwrap().items[0].name_any();
    sleep(Duration::from_secs(10)).await;
    let status = place.container(&name).await;
    assert!(!status.ready && status.restart_count == 0, "{status:?}");
    sleep(Duration::from_secs(10)).await;
    assert!(place.container(&name).await.ready);
    sleep(Duration::from_secs(25)).await;
    assert_eq!(place.container(&name).await.restart_count, 1);
    let told = place.told(&name).await;
    for message in [
        "Readiness probe failed: HTTP probe failed with statuscode: 503",
        "Liveness probe failed: HTTP probe failed with statuscode: 503",
        "Container task-api failed liveness probe, will be restarted",
    ] {
        assert!(told.iter().any(|(_, m, _)| m == message), "{message}: {told:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn leak_should_end_in_oom_killed() {
    let mut world = World::task_api("staging");
    world.mishaps = vec!["leak=task-api/20s@1s".parse().unwrap()];
    let place = place(world);
    let name = place.pods.list(&ListParams::default()).await.unwrap().items[0].name_any();
    sleep(Duration::from_secs(23)).await;
    let status = place.container(&name).await;
    let ended = status.last_state.unwrap().terminated.unwrap();
    assert_eq!((ended.exit_code, ended.reason.as_deref(), status.restart_count), (137, Some("OOMKilled"), 1));
}

#[tokio::test(start_paused = true)]
async fn pod_without_room_should_say_why_and_be_placed_when_there_is() {
    let place = place(World::task_api("staging"));
    let asks = |cpu: &str| json!({"containers": [{"name": "main", "image": "registry.example/task-api:1", "resources": {"requests": {"cpu": cpu}}}]});
    place.run("large", asks("3950m")).await;
    place.run("huge", asks("64")).await;
    place
        .run("picky", json!({"nodeSelector": {"disk": "ssd"}, "containers": [{"name": "main", "image": "registry.example/task-api:1"}]}))
        .await;
    sleep(Duration::from_secs(2)).await;
    let why = async |name: &str| {
        let conditions = place.pods.get(name).await.unwrap().status.unwrap().conditions.unwrap();
        conditions.into_iter().find(|c| c.type_ == "PodScheduled").unwrap().message.unwrap()
    };
    assert_eq!(
        why("huge").await,
        "0/3 nodes are available: 3 Insufficient cpu. preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling."
    );
    assert_eq!(
        why("large").await,
        "0/3 nodes are available: 3 Insufficient cpu. preemption: 0/3 nodes are available: 3 No preemption victims found for incoming pod."
    );
    assert_eq!(
        why("picky").await,
        "0/3 nodes are available: 3 node(s) didn't match Pod's node affinity/selector. preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling."
    );
    let nodes: Api<Node> = place.api();
    let label = json!({"metadata": {"labels": {"disk": "ssd"}}});
    nodes.patch("node-2", &PatchParams::default(), &Patch::Merge(label)).await.unwrap();
    sleep(Duration::from_secs(2)).await;
    assert_eq!(place.pods.get("picky").await.unwrap().spec.unwrap().node_name.unwrap(), "node-2");
    let told = place.told("picky").await;
    assert!(told.iter().any(|(r, ..)| r == "FailedScheduling") && told.iter().any(|(r, ..)| r == "Scheduled"), "{told:?}");
}

#[tokio::test(start_paused = true)]
async fn dropped_packets_should_fail_the_probe_with_a_timeout_only_where_all_are_dropped() {
    let place = place(World::task_api("staging"));
    let chaos: Api<kube::api::DynamicObject> = Api::namespaced_with(
        Client::new(place.cluster.service(), "staging"),
        "staging",
        &kube::api::ApiResource::from_gvk_with_plural(
            &kube::api::GroupVersionKind::gvk("chaos-mesh.org", "v1alpha1", "NetworkChaos"),
            "networkchaos",
        ),
    );
    let fault = json!({"apiVersion": "chaos-mesh.org/v1alpha1", "kind": "NetworkChaos", "metadata": {"name": "cut"},
        "spec": {"action": "loss", "mode": "all", "duration": "20s", "selector": {"namespaces": ["staging"], "labelSelectors": {"app": "task-api"}}, "loss": {"loss": "100"}}});
    chaos.create(&PostParams::default(), &serde_json::from_value(fault).unwrap()).await.unwrap();
    sleep(Duration::from_secs(10)).await;
    let pods = place.pods.list(&ListParams::default()).await.unwrap();
    for pod in &pods.items {
        let name = pod.name_any();
        assert!(!place.container(&name).await.ready, "{name}");
        let told = place.told(&name).await;
        assert!(told.iter().any(|(r, m, _)| r == "Unhealthy" && m.contains("i/o timeout")), "{told:?}");
    }
    sleep(Duration::from_secs(20)).await;
    for pod in &pods.items {
        assert!(place.container(&pod.name_any()).await.ready);
    }
}

#[tokio::test(start_paused = true)]
async fn namespace_should_be_furnished_and_its_pods_given_their_token() {
    let place = place(World::task_api("staging"));
    let client = Client::new(place.cluster.service(), "fresh");
    let spaces: Api<Namespace> = Api::all(client.clone());
    let fresh: Namespace = serde_json::from_value(json!({"metadata": {"name": "fresh"}})).unwrap();
    spaces.create(&PostParams::default(), &fresh).await.unwrap();
    sleep(Duration::from_secs(1)).await;
    let accounts: Api<ServiceAccount> = Api::default_namespaced(client.clone());
    let maps: Api<ConfigMap> = Api::default_namespaced(client.clone());
    accounts.delete("default", &DeleteParams::default()).await.unwrap();
    maps.delete("kube-root-ca.crt", &DeleteParams::default()).await.unwrap();
    let pods: Api<Pod> = Api::default_namespaced(client.clone());
    let pod = |name: &str, more: Value| -> Pod {
        let mut spec = json!({"containers": [{"name": "main", "image": "registry.example/task-api:1"}]});
        spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        serde_json::from_value(json!({"metadata": {"name": name}, "spec": spec})).unwrap()
    };
    sleep(Duration::from_secs(1)).await;
    assert!(maps.get("kube-root-ca.crt").await.unwrap().data.unwrap()["ca.crt"].starts_with("-----BEGIN CERTIFICATE-----"));
    let made = pods.create(&PostParams::default(), &pod("usual", json!({}))).await.unwrap().spec.unwrap();
    let volume = made.volumes.unwrap()[0].name.clone();
    let mount = &made.containers[0].volume_mounts.as_ref().unwrap()[0];
    assert!(volume.starts_with("kube-api-access-") && mount.name == volume && mount.read_only == Some(true), "{volume} {mount:?}");
    assert_eq!(mount.mount_path, "/var/run/secrets/kubernetes.io/serviceaccount");
    let made = pods.create(&PostParams::default(), &pod("shy", json!({"automountServiceAccountToken": false}))).await.unwrap();
    assert!(made.spec.unwrap().volumes.is_none());
    let refused = pods.create(&PostParams::default(), &pod("odd", json!({"serviceAccountName": "nobody"}))).await.unwrap_err();
    let kube::Error::Api(status) = refused else { panic!("{refused:?}") };
    let why = "pods \"odd\" is forbidden: error looking up service account fresh/nobody: serviceaccount \"nobody\" not found";
    assert_eq!((status.code, status.message.as_str()), (403, why));
}

#[tokio::test(start_paused = true)]
async fn pod_should_run_its_hook_and_be_killed_when_its_grace_is_over() {
    let mut world = World::task_api("staging");
    world.workloads[0].timings.stop = gameday::rehearsal::world::Spread::exactly(Duration::from_secs(4));
    let place = place(world);
    let hook = |command: &[&str]| json!({"preStop": {"exec": {"command": command}}});
    // hook, grace; how long it takes to go, and with which code
    for (name, hook, grace, seconds, code) in [
        ("plain", json!({}), 10, 4, 0),
        ("deaf", json!({}), 3, 3, 137),
        ("hasty", json!({}), 1, 2, 137),
        ("waits", json!({"preStop": {"sleep": {"seconds": 5}}}), 10, 9, 0),
        ("late", hook(&["sh", "-c", "sleep 7"]), 10, 10, 137),
        ("longer", hook(&["sleep", "infinity"]), 10, 12, 137),
        ("fails", hook(&["/bin/false"]), 10, 4, 0),
    ] {
        let pod = json!({"metadata": {"name": name, "labels": {"app": "task-api"}, "finalizers": ["test/hold"]}, "spec": {"terminationGracePeriodSeconds": grace,
            "containers": [{"name": "main", "image": "registry.example/task-api:1", "lifecycle": hook}]}});
        place.pods.create(&PostParams::default(), &serde_json::from_value(pod).unwrap()).await.unwrap();
        sleep(Duration::from_secs(5)).await;
        place.pods.delete(name, &DeleteParams::default()).await.unwrap();
        let ended = async || place.container(name).await.state.unwrap().terminated;
        sleep(Duration::from_millis(seconds * 1000 - 200)).await;
        assert!(ended().await.is_none(), "{name}: too early");
        sleep(Duration::from_millis(500)).await;
        let ended = ended().await.unwrap_or_else(|| panic!("{name}: too late"));
        assert_eq!(ended.exit_code, code, "{name}");
        let free = json!({"metadata": {"finalizers": null}});
        place.pods.patch(name, &PatchParams::default(), &Patch::Merge(free)).await.unwrap();
        let told = place.told(name).await;
        assert_eq!(told.iter().any(|(r, m, _)| r == "FailedPreStopHook" && m == "PreStopHook failed"), name == "fails", "{told:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn limit_below_what_a_process_holds_should_end_in_a_loop_of_kills() {
    let place = place(World::task_api("staging"));
    let deployments: Api<k8s_openapi::api::apps::v1::Deployment> = Api::default_namespaced(Client::new(place.cluster.service(), "staging"));
    let mut small = serde_json::to_value(deployments.get("task-api").await.unwrap()).unwrap();
    small["spec"]["template"]["spec"]["containers"][0]["resources"] = json!({"requests": {"memory": "16Mi"}, "limits": {"memory": "16Mi"}});
    let change = json!({"spec": {"template": small["spec"]["template"]}});
    deployments.patch("task-api", &PatchParams::default(), &Patch::Merge(change)).await.unwrap();
    sleep(Duration::from_secs(50)).await;
    let all = place.pods.list(&ListParams::default()).await.unwrap().items;
    let status = |pod: &Pod| pod.status.clone().unwrap().container_statuses.unwrap().remove(0);
    let ill: Vec<ContainerStatus> = all.iter().map(status).filter(|status| status.restart_count > 1).collect();
    assert!(!ill.is_empty());
    for status in &ill {
        let last = status.last_state.clone().unwrap().terminated.unwrap();
        assert_eq!((last.exit_code, last.reason.as_deref()), (137, Some("OOMKilled")), "{status:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn burnt_cpu_should_fail_probes_with_a_short_timeout_only() {
    let mut world = World::task_api("staging");
    world.workloads[0].containers[0].cpu_limit_millis = Some(100);
    let hurried = gameday::scenario::world::Probe::each_second();
    let patient = gameday::scenario::world::Probe { timeout: Duration::from_secs(5), ..hurried.clone() };
    world.workloads[0].containers[0].readiness = Some(hurried);
    world.workloads[0].containers[0].liveness = Some(patient);
    let place = place(world);
    let kind = kube::api::GroupVersionKind::gvk("chaos-mesh.org", "v1alpha1", "StressChaos");
    let resource = kube::api::ApiResource::from_gvk_with_plural(&kind, "stresschaos");
    let chaos: Api<kube::api::DynamicObject> = Api::default_namespaced_with(Client::new(place.cluster.service(), "staging"), &resource);
    let stress = json!({"apiVersion": "chaos-mesh.org/v1alpha1", "kind": "StressChaos", "metadata": {"name": "busy"},
        "spec": {"mode": "one", "duration": "30s", "selector": {"labelSelectors": {"app": "task-api"}}, "stressors": {"cpu": {"workers": 10, "load": 100}}}});
    chaos.create(&PostParams::default(), &serde_json::from_value(stress).unwrap()).await.unwrap();
    sleep(Duration::from_secs(25)).await;
    let mut hit = 0;
    for pod in place.pods.list(&ListParams::default()).await.unwrap().items {
        let told = place.told(&pod.name_any()).await;
        let late =
            |kind: &str| told.iter().any(|(r, m, _)| r == "Unhealthy" && m.starts_with(kind) && m.contains("Client.Timeout exceeded"));
        assert!(!late("Liveness"), "{told:?}");
        hit += u32::from(late("Readiness"));
        assert_eq!(place.container(&pod.name_any()).await.restart_count, 0);
    }
    assert_eq!(hit, 1, "the one pod that burns");
    sleep(Duration::from_secs(15)).await;
    for pod in place.pods.list(&ListParams::default()).await.unwrap().items {
        assert!(place.container(&pod.name_any()).await.ready, "lifted");
    }
}

#[tokio::test(start_paused = true)]
async fn sidecar_should_run_beside_the_containers_that_come_after_it() {
    let place = place(World::task_api("staging"));
    let inits = json!([{"name": "proxy", "image": "registry.example/proxy:1", "restartPolicy": "Always"},
        {"name": "migrate", "image": "registry.example/migrate:1", "command": ["sleep", "2"]}]);
    place.run("aided", json!({"initContainers": inits, "containers": [{"name": "main", "image": "registry.example/main:1"}]})).await;
    sleep(Duration::from_secs(40)).await;
    let status = place.pods.get("aided").await.unwrap().status.unwrap();
    let inits = status.init_container_statuses.unwrap();
    assert!(inits[0].state.as_ref().unwrap().running.is_some() && inits[0].ready && inits[0].started == Some(true), "{inits:?}");
    assert_eq!(inits[1].state.as_ref().unwrap().terminated.as_ref().unwrap().exit_code, 0);
    let holds = |kind: &str| status.conditions.as_ref().unwrap().iter().any(|c| c.type_ == kind && c.status == "True");
    assert!(holds("Initialized") && holds("Ready"), "{:?}", status.conditions);
    let request =
        http::Request::get("/api/v1/namespaces/staging/pods/aided").header("accept", "application/json;as=Table;v=v1;g=meta.k8s.io");
    let table: Value = Client::new(place.cluster.service(), "staging").request(request.body(Vec::new()).unwrap()).await.unwrap();
    assert_eq!((&table["rows"][0]["cells"][1], &table["rows"][0]["cells"][2]), (&json!("2/2"), &json!("Running")));
    let told = place.told("aided").await;
    for image in ["proxy", "migrate", "main"] {
        assert!(told.iter().any(|(reason, message, _)| reason == "Pulled" && message.contains(image)), "{image}: {told:?}");
    }
    place.pods.delete("aided", &DeleteParams::default()).await.unwrap();
    sleep(Duration::from_secs(40)).await;
    assert!(place.pods.get_opt("aided").await.unwrap().is_none());
}

#[tokio::test(start_paused = true)]
async fn init_container_that_fails_should_be_backed_off_from() {
    let place = place(World { missing_images: vec!["registry.example/gone:1".to_owned()], ..World::task_api("staging") });
    let main = json!([{"name": "main", "image": "registry.example/main:1"}]);
    let init = |fields: Value| json!({"initContainers": [fields], "containers": main.clone()});
    place.run("failing", init(json!({"name": "first", "image": "registry.example/first:1", "command": ["sh", "-c", "exit 3"]}))).await;
    place.run("gone", init(json!({"name": "first", "image": "registry.example/gone:1"}))).await;
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..240 {
        sleep(Duration::from_millis(500)).await;
        for name in ["failing", "gone"] {
            let request = http::Request::get(format!("/api/v1/namespaces/staging/pods/{name}"));
            let request = request.header("accept", "application/json;as=Table;v=v1;g=meta.k8s.io").body(Vec::new()).unwrap();
            let table: Value = Client::new(place.cluster.service(), "staging").request(request).await.unwrap();
            seen.insert(format!("{name} {}", table["rows"][0]["cells"][2].as_str().unwrap()));
        }
    }
    for wanted in ["failing Init:Error", "failing Init:CrashLoopBackOff", "gone Init:ErrImagePull", "gone Init:ImagePullBackOff"] {
        assert!(seen.contains(wanted), "{wanted}: {seen:?}");
    }
    let events = place.events.list(&ListParams::default().fields("involvedObject.name=failing")).await.unwrap();
    let field = |event: &Event| event.involved_object.field_path.clone().unwrap_or_default();
    assert!(events.items.iter().any(|event| event.reason.as_deref() == Some("BackOff") && field(event) == "spec.initContainers{first}"));
}

#[tokio::test(start_paused = true)]
async fn probe_of_a_closed_port_or_of_a_failing_command_should_fail() {
    let place = place(World::task_api("staging"));
    let pod = |probe: Value| {
        json!({"containers": [{"name": "main", "image": "registry.example/main:1", "ports": [{"containerPort": 8080}],
            "readinessProbe": probe}]})
    };
    place.run("right", pod(json!({"httpGet": {"path": "/", "port": 8080}, "periodSeconds": 1}))).await;
    place.run("wrong", pod(json!({"tcpSocket": {"port": 8081}, "periodSeconds": 1}))).await;
    place.run("false", pod(json!({"exec": {"command": ["/bin/false"]}, "periodSeconds": 1}))).await;
    place.run("slow", pod(json!({"exec": {"command": ["sleep", "5"]}, "periodSeconds": 1}))).await;
    sleep(Duration::from_secs(30)).await;
    for (name, ready, why) in
        [("right", true, ""), ("wrong", false, "connection refused"), ("false", false, ""), ("slow", false, "timed out")]
    {
        assert_eq!(place.container(name).await.ready, ready, "{name}");
        let told = place.told(name).await;
        assert!(ready || told.iter().any(|(reason, message, _)| reason == "Unhealthy" && message.contains(why)), "{name}: {told:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn pod_should_not_outlive_its_deadline_nor_a_hook_that_fails() {
    let place = place(World::task_api("staging"));
    let main = json!({"name": "main", "image": "registry.example/main:1"});
    place.run("brief", json!({"activeDeadlineSeconds": 20, "containers": [main.clone()]})).await;
    let mut hooked = main;
    hooked["lifecycle"] = json!({"postStart": {"exec": {"command": ["/bin/false"]}}});
    place.run("hooked", json!({"containers": [hooked.clone()]})).await;
    hooked["lifecycle"] = json!({"postStart": {"exec": {"command": ["sleep", "15"]}}});
    place.run("held", json!({"containers": [hooked]})).await;
    sleep(Duration::from_secs(12)).await;
    assert_eq!(place.pods.get("brief").await.unwrap().status.unwrap().phase.as_deref(), Some("Running"));
    assert!(place.container("held").await.state.unwrap().running.is_none());
    sleep(Duration::from_secs(28)).await;
    let status = place.pods.get("brief").await.unwrap().status.unwrap();
    assert_eq!((status.phase.as_deref(), status.reason.as_deref()), (Some("Failed"), Some("DeadlineExceeded")));
    assert!(place.container("held").await.ready);
    assert!(place.container("hooked").await.restart_count > 0);
    assert!(place.told("hooked").await.iter().any(|(reason, ..)| reason == "FailedPostStartHook"));
}

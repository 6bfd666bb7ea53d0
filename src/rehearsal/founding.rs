//! Filling an empty store with a world that has been running for days.

mod forms;

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::Duration;
use serde_json::{Value, json};

use super::api::kinds::Kind;
use super::api::object::Object;
use super::api::store::Key;
use super::api::writes::{OWN_WRITE, Part};
use super::api::{ApiServer, State};
use super::controllers::chaos::webhooks::Webhooks;
use super::controllers::kubelet::status::Sketch;
use super::controllers::scheduler::fit::Room;
use super::controllers::template::{Counts, template_hash};
use super::controllers::{accounts, daemonset, deployment, endpoints, replicaset, statefulset, volumes};
use super::world::{Workload, WorkloadKind, World, WorldNode, WorldService};

/// How long the world has been there before the rehearsal starts.
const AGE: Duration = Duration::days(3);

/// Fill the store.
pub fn found(server: &ApiServer) {
    let mut state = server.lock();
    let world = state.world.clone();
    state.clock.set_skew(-AGE);
    if world.chaos_mesh {
        state.found_definitions();
    }
    let mut founder = Founder { state: &mut state };
    founder.namespaces(&world);
    founder.nodes(&world.nodes);
    founder.create(Kind::StorageClass, "", volumes::usual_class());
    for (kind, value) in forms::api_server() {
        founder.create(kind, "default", value);
    }
    for secret in &world.secrets {
        founder.create(Kind::Secret, &secret.namespace, forms::held(secret, "Secret"));
    }
    for config in &world.config_maps {
        founder.create(Kind::ConfigMap, &config.namespace, forms::held(config, "ConfigMap"));
    }
    for service in &world.services {
        founder.service(service);
    }
    if world.chaos_mesh {
        let controller =
            Workload { labels: chaos_labels("controller-manager"), ..Workload::deployment("chaos-mesh", "chaos-controller-manager", 1) };
        let daemon = Workload {
            kind: WorkloadKind::DaemonSet,
            labels: chaos_labels("chaos-daemon"),
            // a world whose nodes are tainted has its daemons there all the same
            tolerations: world.nodes.iter().flat_map(|node| node.taints.iter().cloned()).collect(),
            ..Workload::deployment("chaos-mesh", "chaos-daemon", 0)
        };
        for (kind, value) in Webhooks::configurations() {
            founder.create(kind, "", value);
        }
        founder.workload(&controller);
        founder.workload(&daemon);
    }
    for workload in &world.workloads {
        founder.workload(workload);
    }
    for service in &world.services {
        founder.endpoints(service);
    }
    founder.bounds(&world);
    if world.chaos_mesh {
        founder.backups();
    }
    state.clock.set_skew(Duration::zero());
    state.store.compact();
}

fn chaos_labels(component: &str) -> BTreeMap<String, String> {
    BTreeMap::from([
        ("app.kubernetes.io/component".to_owned(), component.to_owned()),
        ("app.kubernetes.io/instance".to_owned(), "chaos-mesh".to_owned()),
    ])
}

struct Founder<'a> {
    state: &'a mut State,
}

impl Founder<'_> {
    fn create(&mut self, kind: Kind, namespace: &str, value: Value) -> Option<Arc<Object>> {
        // A world that names a thing twice, or badly, has it once or not at all.
        self.state.create(kind, namespace, value, OWN_WRITE).ok()
    }

    fn set_status(&mut self, kind: Kind, object: &Object, status: Value) -> Option<Arc<Object>> {
        let mut value = object.value().clone();
        value["status"] = status;
        self.state.update(kind, object.namespace(), object.name(), value, Part::Status, OWN_WRITE).ok()
    }

    fn namespaces(&mut self, world: &World) {
        let mut all: Vec<&str> = vec!["default", "kube-node-lease", "kube-public", "kube-system"];
        all.extend(world.chaos_mesh.then_some("chaos-mesh"));
        all.extend(world.namespaces.iter().map(String::as_str));
        all.extend(world.workloads.iter().map(|w| w.namespace.as_str()));
        all.extend(world.services.iter().map(|s| s.namespace.as_str()));
        all.extend(world.secrets.iter().chain(&world.config_maps).map(|held| held.namespace.as_str()));
        all.extend(world.budgets.iter().map(|budget| budget.namespace.as_str()));
        all.extend(world.quotas.iter().map(|quota| quota.namespace.as_str()));
        for name in all {
            self.namespace(name);
        }
    }

    fn namespace(&mut self, name: &str) {
        if self.state.store.get(&Key::new(Kind::Namespace, "", name)).is_some() {
            return;
        }
        self.create(Kind::Namespace, "", json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}));
        for (kind, value) in accounts::furniture() {
            self.create(kind, name, value);
        }
        self.state_of_namespace(name);
    }

    fn state_of_namespace(&mut self, name: &str) {
        if let Some(namespace) = self.state.store.get(&Key::new(Kind::Namespace, "", name)).cloned() {
            self.set_status(Kind::Namespace, &namespace, json!({"phase": "Active"}));
        }
    }

    /// Velero's objects as it leaves them: no controller of it is here, and nothing changes them but whoever writes to them.
    fn backups(&mut self) {
        self.namespace("velero");
        let now = self.state.clock.now();
        for value in forms::backups(now) {
            let kind = if value["kind"] == "Backup" { Kind::Backup } else { Kind::BackupStorageLocation };
            self.create(kind, "velero", value);
        }
    }

    fn nodes(&mut self, nodes: &[WorldNode]) {
        for (number, wanted) in (1_u32..).zip(nodes) {
            let Some(node) = self.create(Kind::Node, "", forms::node(wanted, number)) else { continue };
            let status = forms::node_status(wanted, number, &self.state.clock.stamp());
            self.set_status(Kind::Node, &node, status);
        }
    }

    /// Budgets and quotas, over what is there by now.
    fn bounds(&mut self, world: &World) {
        for budget in &world.budgets {
            self.create(Kind::PodDisruptionBudget, &budget.namespace, forms::budget(budget));
        }
        for wanted in &world.quotas {
            self.create(Kind::ResourceQuota, &wanted.namespace, forms::resource_quota(wanted));
        }
    }

    fn service(&mut self, service: &WorldService) {
        let mut spec = json!({"ports": [{"name": "http", "port": service.port, "targetPort": service.target_port, "protocol": "TCP"}]});
        if !service.selector.is_empty() {
            spec["selector"] = json!(service.selector);
        }
        let mut rolls = self.state.dice.stream(&format!("cluster ip/{}/{}", service.namespace, service.name));
        spec["clusterIP"] = json!(format!("10.96.{}.{}", rolls.below(256), 2 + rolls.below(250)));
        let value =
            json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": service.name, "labels": service.selector}, "spec": spec});
        self.create(Kind::Service, &service.namespace, value);
    }

    fn workload(&mut self, workload: &Workload) {
        let template = forms::template(workload);
        let kind = match workload.kind {
            WorkloadKind::Deployment => Kind::Deployment,
            WorkloadKind::StatefulSet => Kind::StatefulSet,
            WorkloadKind::DaemonSet => Kind::DaemonSet,
        };
        let mut value = json!({
            "apiVersion": "apps/v1", "kind": kind.resource().name, "metadata": {"name": workload.name, "labels": workload.labels},
            "spec": {"selector": {"matchLabels": workload.labels}, "template": template},
        });
        match workload.kind {
            WorkloadKind::DaemonSet => {}
            WorkloadKind::StatefulSet => {
                value["spec"]["serviceName"] = json!(workload.name);
                value["spec"]["replicas"] = json!(workload.replicas);
            }
            WorkloadKind::Deployment => value["spec"]["replicas"] = json!(workload.replicas),
        }
        let Some(owner) = self.create(kind, &workload.namespace, value) else { return };
        match workload.kind {
            WorkloadKind::Deployment => self.deployment(workload, &owner),
            WorkloadKind::StatefulSet => {
                let pods: Vec<_> =
                    (0..i64::from(workload.replicas)).filter_map(|n| self.pod(workload, statefulset::numbered_pod(&owner, n))).collect();
                self.set_status(kind, &owner, statefulset::status(&owner, Counts::of(&pods)));
            }
            WorkloadKind::DaemonSet => {
                let nodes: Vec<_> = self.state.store.list(Kind::Node, None).cloned().collect();
                let pods: Vec<_> = nodes.iter().filter_map(|node| self.pod(workload, daemonset::pod_on(&owner, node.name()))).collect();
                self.set_status(kind, &owner, daemonset::status(&owner, nodes.len(), Counts::of(&pods)));
            }
        }
    }

    fn deployment(&mut self, workload: &Workload, owner: &Object) {
        let hash = template_hash(&owner.value()["spec"]["template"]);
        let set = deployment::replica_set(owner, &hash, i64::from(workload.replicas));
        let Some(set) = self.create(Kind::ReplicaSet, &workload.namespace, set) else { return };
        let pods: Vec<_> = (0..workload.replicas).filter_map(|_| self.pod(workload, replicaset::unnamed_pod(&set))).collect();
        self.set_status(Kind::ReplicaSet, &set, replicaset::status(&set, &pods));
        let counts = Counts::of(&pods);
        let now = self.state.clock.stamp();
        let counts = [counts.all, counts.all, counts.ready, counts.ready];
        self.set_status(Kind::Deployment, owner, deployment::write_status(owner, set.name(), counts, &now));
    }

    /// A pod that runs and is ready; or one that waits for a node, or for what its containers need.
    fn pod(&mut self, workload: &Workload, pod: Value) -> Option<Arc<Object>> {
        let pod = self.create(Kind::Pod, &workload.namespace, pod)?;
        let store = &self.state.store;
        let room = Room::new(store.list(Kind::Node, None).cloned().collect(), store.list(Kind::Pod, None).cloned().collect());
        let Ok(node) = room.choose(&pod) else { return Some(pod) };
        let number = 1 + store.list(Kind::Node, None).position(|other| other.name() == node.name()).unwrap_or(0);
        let before = store.list(Kind::Pod, None).filter(|p| p.text("/spec/nodeName") == node.name()).count();
        let ip = format!("10.244.{}.{}", (number + before / 253 * 16) % 256, 2 + before % 253);
        let host = node.text("/status/addresses/0/address").to_owned();
        let now = self.state.clock.stamp();
        let pod = self.state.bind(pod.namespace(), pod.name(), pod.uid(), node.name()).ok()?;
        if self.lacks(workload) {
            return Some(pod);
        }
        let mut sketch = Sketch::waiting(&pod, &host, &now);
        let mut rolls = self.state.dice.stream(&format!("container ids/{}", pod.uid()));
        sketch.phase = "Running";
        sketch.sandbox = true;
        sketch.ip = ip;
        for container in &mut sketch.containers {
            container.start(&now, &mut rolls);
            container.ready = true;
        }
        let status = sketch.status(&pod, &now);
        self.set_status(Kind::Pod, &pod, status)
    }

    /// Whether the containers of this workload cannot start, for want of an image or of what their environment is taken from.
    fn lacks(&self, workload: &Workload) -> bool {
        let there = |kind, name: &String| self.state.store.get(&Key::new(kind, &workload.namespace, name)).is_some();
        workload.containers.iter().any(|container| {
            self.state.world.missing_images.contains(&container.image)
                || !container.secrets.iter().all(|name| there(Kind::Secret, name))
                || !container.config_maps.iter().all(|name| there(Kind::ConfigMap, name))
        })
    }

    fn endpoints(&mut self, service: &WorldService) {
        if service.selector.is_empty() {
            return;
        }
        let Some(object) = self.state.store.get(&Key::new(Kind::Service, &service.namespace, &service.name)).cloned() else { return };
        let wanted = |pod: &Object| service.selector.iter().all(|(key, value)| pod.labels().get(key.as_str()) == Some(&value.as_str()));
        let pods: Vec<_> = self.state.store.list(Kind::Pod, Some(&service.namespace)).filter(|pod| wanted(pod)).cloned().collect();
        let now = self.state.clock.stamp();
        for slice in endpoints::slices_of(&object, &pods) {
            self.create(Kind::EndpointSlice, &service.namespace, slice);
        }
        self.create(Kind::Endpoints, &service.namespace, endpoints::endpoints_of(&object, &pods, &now));
    }
}

//! Filling an empty store with a world that has been running for days.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::Duration;
use serde_json::{Value, json};

use super::api::binding;
use super::api::kinds::Kind;
use super::api::object::Object;
use super::api::store::Key;
use super::api::writes::{OWN_WRITE, Part};
use super::api::{ApiServer, State};
use super::controllers::kubelet::status::Sketch;
use super::controllers::template::{Counts, template_hash};
use super::controllers::{daemonset, deployment, endpoints, replicaset, statefulset};
use super::world::{Container, Workload, WorkloadKind, WorldService};

/// How long the world has been there before the rehearsal starts.
const AGE: Duration = Duration::days(3);

/// Fill the store.
pub fn found(server: &ApiServer) {
    let mut state = server.lock();
    let world = state.world.clone();
    state.clock.set_skew(-AGE);
    let mut founder = Founder { state: &mut state };
    founder.namespaces(&world.namespaces, &world.workloads, &world.services, world.chaos_mesh);
    founder.nodes(&world.nodes);
    for service in &world.services {
        founder.service(service);
    }
    if world.chaos_mesh {
        let controller =
            Workload { labels: chaos_labels("controller-manager"), ..Workload::deployment("chaos-mesh", "chaos-controller-manager", 1) };
        let daemon = Workload {
            kind: WorkloadKind::DaemonSet,
            labels: chaos_labels("chaos-daemon"),
            ..Workload::deployment("chaos-mesh", "chaos-daemon", 0)
        };
        founder.workload(&controller);
        founder.workload(&daemon);
    }
    for workload in &world.workloads {
        founder.workload(workload);
    }
    for service in &world.services {
        founder.endpoints(service);
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

    fn namespaces(&mut self, named: &[String], workloads: &[Workload], services: &[WorldService], chaos_mesh: bool) {
        let mut all: Vec<&str> = vec!["default", "kube-node-lease", "kube-public", "kube-system"];
        all.extend(chaos_mesh.then_some("chaos-mesh"));
        all.extend(named.iter().map(String::as_str));
        all.extend(workloads.iter().map(|w| w.namespace.as_str()));
        all.extend(services.iter().map(|s| s.namespace.as_str()));
        for name in all {
            if self.state.store.get(&Key::new(Kind::Namespace, "", name)).is_some() {
                continue;
            }
            self.create(Kind::Namespace, "", json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}));
            self.create(Kind::ServiceAccount, name, json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default"}}));
            self.state_of_namespace(name);
        }
    }

    fn state_of_namespace(&mut self, name: &str) {
        if let Some(namespace) = self.state.store.get(&Key::new(Kind::Namespace, "", name)).cloned() {
            self.set_status(Kind::Namespace, &namespace, json!({"phase": "Active"}));
        }
    }

    fn nodes(&mut self, nodes: &[WorldNode]) {
        for (number, wanted) in (1_u32..).zip(nodes) {
            let name = &wanted.name;
            let mut labels = json!({"beta.kubernetes.io/arch": "amd64", "beta.kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64",
                "kubernetes.io/hostname": name, "kubernetes.io/os": "linux",
                "topology.kubernetes.io/zone": format!("zone-{}", char::from(b'a' + u8::try_from((number - 1) % 3).unwrap_or(0)))});
            for (key, value) in &wanted.labels {
                labels[key] = json!(value);
            }
            let mut spec = json!({"podCIDR": format!("10.244.{}.0/24", number % 256), "podCIDRs": [format!("10.244.{}.0/24", number % 256)]});
            if !wanted.taints.is_empty() {
                spec["taints"] = wanted.taints.iter().map(taint).collect();
            }
            let node = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": labels}, "spec": spec});
            let Some(node) = self.create(Kind::Node, "", node) else { continue };
            let now = self.state.clock.stamp();
            let condition = |kind: &str, status: &str, reason: &str| json!({"type": kind, "status": status, "reason": reason, "lastHeartbeatTime": now, "lastTransitionTime": now});
            let room = json!({"cpu": quantity::millis(wanted.cpu_millis), "memory": quantity::mebibytes(wanted.memory_mib), "pods": wanted.pods.to_string(), "ephemeral-storage": "100Gi"});
            let status = json!({
                "addresses": [{"type": "InternalIP", "address": format!("10.0.0.{}", 10 + number)}, {"type": "Hostname", "address": name}],
                "capacity": room, "allocatable": room,
                "conditions": [
                    condition("MemoryPressure", "False", "KubeletHasSufficientMemory"), condition("DiskPressure", "False", "KubeletHasNoDiskPressure"),
                    condition("PIDPressure", "False", "KubeletHasSufficientPID"), condition("Ready", "True", "KubeletReady"),
                ],
                "nodeInfo": {"kubeletVersion": "v1.36.2", "containerRuntimeVersion": "containerd://2.2.0", "operatingSystem": "linux", "architecture": "amd64",
                    "osImage": "Debian GNU/Linux 13 (trixie)", "kernelVersion": "6.12.0", "kubeProxyVersion": "", "machineID": "", "systemUUID": "", "bootID": ""},
            });
            self.set_status(Kind::Node, &node, status);
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
        let template = json!({
            "metadata": {"labels": workload.labels},
            "spec": {"containers": workload.containers.iter().map(container).collect::<Vec<_>>(), "terminationGracePeriodSeconds": workload.grace.as_secs()},
        });
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
        let count = i64::try_from(pods.len()).unwrap_or(0);
        let now = self.state.clock.stamp();
        self.set_status(Kind::Deployment, owner, deployment::write_status(owner, set.name(), [count; 4], &now));
    }

    /// A pod that runs and is ready.
    fn pod(&mut self, workload: &Workload, pod: Value) -> Option<Arc<Object>> {
        let pod = self.create(Kind::Pod, &workload.namespace, pod)?;
        let nodes: Vec<_> = self.state.store.list(Kind::Node, None).cloned().collect();
        let load = |node: &Object| self.state.store.list(Kind::Pod, None).filter(|p| p.text("/spec/nodeName") == node.name()).count();
        let meant = daemonset::node_of(pod.value()).map(str::to_owned);
        let node = match meant {
            Some(name) => nodes.iter().find(|node| node.name() == name)?,
            None => nodes.iter().min_by_key(|node| (load(node), node.name().to_owned()))?,
        };
        let number = node.name().trim_start_matches("node-");
        let ip = format!("10.244.{number}.{}", 2 + load(node));
        let host = node.text("/status/addresses/0/address").to_owned();
        let now = self.state.clock.stamp();
        let value = binding::bound(&pod, node.name(), &now);
        let pod = self.state.update(Kind::Pod, pod.namespace(), pod.name(), value, Part::Binding, OWN_WRITE).ok()?;
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

    fn endpoints(&mut self, service: &WorldService) {
        if service.selector.is_empty() {
            return;
        }
        let Some(object) = self.state.store.get(&Key::new(Kind::Service, &service.namespace, &service.name)).cloned() else { return };
        let wanted = |pod: &Object| service.selector.iter().all(|(key, value)| pod.labels().get(key.as_str()) == Some(&value.as_str()));
        let pods: Vec<_> = self.state.store.list(Kind::Pod, Some(&service.namespace)).filter(|pod| wanted(pod)).cloned().collect();
        let now = self.state.clock.stamp();
        self.create(Kind::EndpointSlice, &service.namespace, endpoints::slice_of(&object, &pods));
        self.create(Kind::Endpoints, &service.namespace, endpoints::endpoints_of(&object, &pods, &now));
    }
}

fn container(container: &Container) -> Value {
    let mut value = json!({
        "name": container.name, "image": container.image,
        "resources": {"requests": {"cpu": format!("{}m", container.cpu_millis), "memory": format!("{}Mi", container.memory_mib)},
            "limits": {"memory": format!("{}Mi", container.memory_mib.saturating_mul(2))}},
    });
    if let Some(port) = container.port {
        value["ports"] = json!([{"name": "http", "containerPort": port, "protocol": "TCP"}]);
        value["readinessProbe"] = json!({"httpGet": {"path": "/healthz", "port": port, "scheme": "HTTP"}, "timeoutSeconds": 1,
            "periodSeconds": 1, "successThreshold": 1, "failureThreshold": 1});
    }
    value
}

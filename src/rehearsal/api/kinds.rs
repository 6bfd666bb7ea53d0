//! The kinds the practice cluster serves: one table, from which discovery, routing and the store's keys follow.

/// A kind of object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "each is Kubernetes' own kind of that name")]
pub enum Kind {
    Namespace,
    Node,
    Pod,
    Service,
    Endpoints,
    Event,
    ConfigMap,
    Secret,
    ServiceAccount,
    PersistentVolumeClaim,
    Deployment,
    ReplicaSet,
    StatefulSet,
    DaemonSet,
    Job,
    CronJob,
    HorizontalPodAutoscaler,
    PodDisruptionBudget,
    EndpointSlice,
    PodChaos,
    NetworkChaos,
    PodNetworkChaos,
}

/// How a kind is served.
#[derive(Debug, Clone, Copy)]
pub struct Resource {
    /// The kind.
    pub kind: Kind,
    /// API group; empty for the core one.
    pub group: &'static str,
    /// Version within the group.
    pub version: &'static str,
    /// The name in a path.
    pub plural: &'static str,
    /// The singular that discovery names.
    pub singular: &'static str,
    /// The kind's name in objects.
    pub name: &'static str,
    /// Whether its objects live in a namespace.
    pub namespaced: bool,
    /// Whether `/status` exists.
    pub status: bool,
    /// Whether the server counts `metadata.generation`.
    pub generation: bool,
    /// Short names for kubectl.
    pub short: &'static [&'static str],
}

const fn row(kind: Kind, group: &'static str, version: &'static str, names: (&'static str, &'static str, &'static str)) -> Resource {
    Resource {
        kind,
        group,
        version,
        plural: names.0,
        singular: names.1,
        name: names.2,
        namespaced: true,
        status: false,
        generation: false,
        short: &[],
    }
}

const fn with_status(resource: Resource) -> Resource {
    Resource { status: true, ..resource }
}

const fn counted(resource: Resource) -> Resource {
    Resource { generation: true, ..resource }
}

const fn cluster_wide(resource: Resource) -> Resource {
    Resource { namespaced: false, ..resource }
}

const fn short(resource: Resource, short: &'static [&'static str]) -> Resource {
    Resource { short, ..resource }
}

/// The group of Chaos Mesh.
pub const CHAOS: &str = "chaos-mesh.org";

/// Every resource, in the order of [`Kind`].
pub static RESOURCES: &[Resource] = &[
    short(cluster_wide(with_status(row(Kind::Namespace, "", "v1", ("namespaces", "namespace", "Namespace")))), &["ns"]),
    short(cluster_wide(with_status(row(Kind::Node, "", "v1", ("nodes", "node", "Node")))), &["no"]),
    short(counted(with_status(row(Kind::Pod, "", "v1", ("pods", "pod", "Pod")))), &["po"]),
    short(with_status(row(Kind::Service, "", "v1", ("services", "service", "Service"))), &["svc"]),
    short(row(Kind::Endpoints, "", "v1", ("endpoints", "endpoints", "Endpoints")), &["ep"]),
    short(row(Kind::Event, "", "v1", ("events", "event", "Event")), &["ev"]),
    short(row(Kind::ConfigMap, "", "v1", ("configmaps", "configmap", "ConfigMap")), &["cm"]),
    row(Kind::Secret, "", "v1", ("secrets", "secret", "Secret")),
    short(row(Kind::ServiceAccount, "", "v1", ("serviceaccounts", "serviceaccount", "ServiceAccount")), &["sa"]),
    short(
        with_status(row(
            Kind::PersistentVolumeClaim,
            "",
            "v1",
            ("persistentvolumeclaims", "persistentvolumeclaim", "PersistentVolumeClaim"),
        )),
        &["pvc"],
    ),
    short(counted(with_status(row(Kind::Deployment, "apps", "v1", ("deployments", "deployment", "Deployment")))), &["deploy"]),
    short(counted(with_status(row(Kind::ReplicaSet, "apps", "v1", ("replicasets", "replicaset", "ReplicaSet")))), &["rs"]),
    short(counted(with_status(row(Kind::StatefulSet, "apps", "v1", ("statefulsets", "statefulset", "StatefulSet")))), &["sts"]),
    short(counted(with_status(row(Kind::DaemonSet, "apps", "v1", ("daemonsets", "daemonset", "DaemonSet")))), &["ds"]),
    counted(with_status(row(Kind::Job, "batch", "v1", ("jobs", "job", "Job")))),
    short(counted(with_status(row(Kind::CronJob, "batch", "v1", ("cronjobs", "cronjob", "CronJob")))), &["cj"]),
    short(
        with_status(row(
            Kind::HorizontalPodAutoscaler,
            "autoscaling",
            "v2",
            ("horizontalpodautoscalers", "horizontalpodautoscaler", "HorizontalPodAutoscaler"),
        )),
        &["hpa"],
    ),
    short(
        counted(with_status(row(
            Kind::PodDisruptionBudget,
            "policy",
            "v1",
            ("poddisruptionbudgets", "poddisruptionbudget", "PodDisruptionBudget"),
        ))),
        &["pdb"],
    ),
    counted(row(Kind::EndpointSlice, "discovery.k8s.io", "v1", ("endpointslices", "endpointslice", "EndpointSlice"))),
    counted(row(Kind::PodChaos, CHAOS, "v1alpha1", ("podchaos", "podchaos", "PodChaos"))),
    counted(row(Kind::NetworkChaos, CHAOS, "v1alpha1", ("networkchaos", "networkchaos", "NetworkChaos"))),
    counted(with_status(row(Kind::PodNetworkChaos, CHAOS, "v1alpha1", ("podnetworkchaos", "podnetworkchaos", "PodNetworkChaos")))),
];

/// Groups in the order discovery lists them, each with its served version.
pub const GROUPS: &[(&str, &str)] = &[
    ("apps", "v1"),
    ("authorization.k8s.io", "v1"),
    ("autoscaling", "v2"),
    ("batch", "v1"),
    ("policy", "v1"),
    ("discovery.k8s.io", "v1"),
    (CHAOS, "v1alpha1"),
];

impl Kind {
    /// How this kind is served.
    #[must_use]
    pub fn resource(self) -> &'static Resource {
        &RESOURCES[self as usize]
    }

    /// The kind at this place in a path.
    #[must_use]
    pub fn find(group: &str, version: &str, plural: &str) -> Option<Self> {
        RESOURCES.iter().find(|r| r.group == group && r.version == version && r.plural == plural).map(|r| r.kind)
    }

    /// Whether this is an experiment of Chaos Mesh: a custom resource whose status lives in the main resource.
    #[must_use]
    pub fn is_experiment(self) -> bool {
        matches!(self, Self::PodChaos | Self::NetworkChaos)
    }

    /// Whether this is a custom resource.
    #[must_use]
    pub fn is_custom(self) -> bool {
        self.resource().group == CHAOS
    }

    /// `group/version`, or the version alone in the core group.
    #[must_use]
    pub fn api_version(self) -> String {
        let r = self.resource();
        group_version(r.group, r.version)
    }
}

impl Resource {
    /// `plural.group`, as messages name a resource.
    #[must_use]
    pub fn qualified(&self) -> String {
        if self.group.is_empty() { self.plural.to_owned() } else { format!("{}.{}", self.plural, self.group) }
    }

    /// `Kind.group`, as messages of validation name a kind.
    #[must_use]
    pub fn qualified_kind(&self) -> String {
        if self.group.is_empty() { self.name.to_owned() } else { format!("{}.{}", self.name, self.group) }
    }
}

/// `group/version`, or the version alone in the core group.
#[must_use]
pub fn group_version(group: &str, version: &str) -> String {
    if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_should_be_in_the_order_of_the_kinds() {
        for (index, resource) in RESOURCES.iter().enumerate() {
            assert_eq!(resource.kind as usize, index, "{}", resource.name);
            assert!(resource.group.is_empty() || GROUPS.contains(&(resource.group, resource.version)), "{}", resource.name);
        }
    }
}

//! The kinds the practice cluster serves: one table, from which discovery, routing and the store's keys follow.

/// How a kind is served.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own, as discovery tells it")]
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
    /// Whether `/scale` exists.
    pub scale: bool,
    /// Whether the server counts `metadata.generation`.
    pub generation: bool,
    /// Whether `kubectl get all` shows it.
    pub all: bool,
    /// Short names for kubectl.
    pub short: &'static [&'static str],
}

/// Outside of namespaces.
const CLUSTER: u8 = 1;
/// Has `/status`.
const STATUS: u8 = 2;
/// Its generations are counted.
const COUNTED: u8 = 4;
/// Has `/scale`.
const SCALE: u8 = 8;
/// Is in the category `all`.
const ALL: u8 = 16;

/// The group of Chaos Mesh.
pub const CHAOS: &str = "chaos-mesh.org";
/// The group of Velero, whose kinds are here without a controller.
pub const VELERO: &str = "velero.io";
const RBAC: &str = "rbac.authorization.k8s.io";
const NETWORKING: &str = "networking.k8s.io";
const ADMISSION: &str = "admissionregistration.k8s.io";

/// Makes [`Kind`] and [`RESOURCES`] of the rows below. A kind whose name another group has, too, bears the group's in its variant: `Variant as "Name"`.
macro_rules! kinds {
    ($($kind:ident $(as $name:literal)? $group:tt $version:literal $plural:literal $singular:literal [$($short:literal),*] $traits:expr;)+) => {
        /// A kind of object.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        #[expect(missing_docs, reason = "each is Kubernetes' own kind of that name")]
        pub enum Kind { $($kind,)+ }

        /// Every resource, in the order of [`Kind`].
        pub static RESOURCES: &[Resource] = &[$(Resource {
            kind: Kind::$kind,
            group: $group,
            version: $version,
            plural: $plural,
            singular: $singular,
            name: kinds!(@name $kind $($name)?),
            namespaced: $traits & CLUSTER == 0,
            status: $traits & STATUS != 0,
            scale: $traits & SCALE != 0,
            generation: $traits & COUNTED != 0,
            all: $traits & ALL != 0,
            short: &[$($short),*],
        },)+];
    };
    (@name $kind:ident) => { stringify!($kind) };
    (@name $kind:ident $name:literal) => { $name };
}

kinds! {
    Namespace "" "v1" "namespaces" "namespace" ["ns"] CLUSTER | STATUS;
    Node "" "v1" "nodes" "node" ["no"] CLUSTER | STATUS;
    Pod "" "v1" "pods" "pod" ["po"] STATUS | COUNTED | ALL;
    Service "" "v1" "services" "service" ["svc"] STATUS | ALL;
    Endpoints "" "v1" "endpoints" "endpoints" ["ep"] 0;
    Event "" "v1" "events" "event" ["ev"] 0;
    ConfigMap "" "v1" "configmaps" "configmap" ["cm"] 0;
    Secret "" "v1" "secrets" "secret" [] 0;
    ServiceAccount "" "v1" "serviceaccounts" "serviceaccount" ["sa"] 0;
    PersistentVolumeClaim "" "v1" "persistentvolumeclaims" "persistentvolumeclaim" ["pvc"] STATUS;
    PersistentVolume "" "v1" "persistentvolumes" "persistentvolume" ["pv"] CLUSTER | STATUS;
    ResourceQuota "" "v1" "resourcequotas" "resourcequota" ["quota"] STATUS;
    LimitRange "" "v1" "limitranges" "limitrange" ["limits"] 0;
    ReplicationController "" "v1" "replicationcontrollers" "replicationcontroller" ["rc"] STATUS | COUNTED | SCALE | ALL;
    Deployment "apps" "v1" "deployments" "deployment" ["deploy"] STATUS | COUNTED | SCALE | ALL;
    ReplicaSet "apps" "v1" "replicasets" "replicaset" ["rs"] STATUS | COUNTED | SCALE | ALL;
    StatefulSet "apps" "v1" "statefulsets" "statefulset" ["sts"] STATUS | COUNTED | SCALE | ALL;
    DaemonSet "apps" "v1" "daemonsets" "daemonset" ["ds"] STATUS | COUNTED | ALL;
    ControllerRevision "apps" "v1" "controllerrevisions" "controllerrevision" [] 0;
    Job "batch" "v1" "jobs" "job" [] STATUS | COUNTED | ALL;
    CronJob "batch" "v1" "cronjobs" "cronjob" ["cj"] STATUS | COUNTED | ALL;
    HorizontalPodAutoscaler "autoscaling" "v2" "horizontalpodautoscalers" "horizontalpodautoscaler" ["hpa"] STATUS | ALL;
    PodDisruptionBudget "policy" "v1" "poddisruptionbudgets" "poddisruptionbudget" ["pdb"] STATUS | COUNTED;
    EndpointSlice "discovery.k8s.io" "v1" "endpointslices" "endpointslice" [] COUNTED;
    Role RBAC "v1" "roles" "role" [] 0;
    RoleBinding RBAC "v1" "rolebindings" "rolebinding" [] 0;
    ClusterRole RBAC "v1" "clusterroles" "clusterrole" [] CLUSTER;
    ClusterRoleBinding RBAC "v1" "clusterrolebindings" "clusterrolebinding" [] CLUSTER;
    Lease "coordination.k8s.io" "v1" "leases" "lease" [] 0;
    StorageClass "storage.k8s.io" "v1" "storageclasses" "storageclass" ["sc"] CLUSTER;
    NetworkPolicy NETWORKING "v1" "networkpolicies" "networkpolicy" ["netpol"] COUNTED;
    Ingress NETWORKING "v1" "ingresses" "ingress" ["ing"] STATUS | COUNTED;
    IngressClass NETWORKING "v1" "ingressclasses" "ingressclass" [] CLUSTER | COUNTED;
    CustomResourceDefinition "apiextensions.k8s.io" "v1" "customresourcedefinitions" "customresourcedefinition" ["crd", "crds"] CLUSTER | STATUS | COUNTED;
    MutatingWebhookConfiguration ADMISSION "v1" "mutatingwebhookconfigurations" "mutatingwebhookconfiguration" [] CLUSTER | COUNTED;
    ValidatingWebhookConfiguration ADMISSION "v1" "validatingwebhookconfigurations" "validatingwebhookconfiguration" [] CLUSTER | COUNTED;
    PriorityClass "scheduling.k8s.io" "v1" "priorityclasses" "priorityclass" ["pc"] CLUSTER | COUNTED;
    PodChaos CHAOS "v1alpha1" "podchaos" "podchaos" [] COUNTED;
    NetworkChaos CHAOS "v1alpha1" "networkchaos" "networkchaos" [] COUNTED;
    PodNetworkChaos CHAOS "v1alpha1" "podnetworkchaos" "podnetworkchaos" [] COUNTED | STATUS;
    IOChaos CHAOS "v1alpha1" "iochaos" "iochaos" [] COUNTED;
    StressChaos CHAOS "v1alpha1" "stresschaos" "stresschaos" [] COUNTED;
    HTTPChaos CHAOS "v1alpha1" "httpchaos" "httpchaos" [] COUNTED;
    DNSChaos CHAOS "v1alpha1" "dnschaos" "dnschaos" [] COUNTED;
    TimeChaos CHAOS "v1alpha1" "timechaos" "timechaos" [] COUNTED;
    Schedule CHAOS "v1alpha1" "schedules" "schedule" [] COUNTED;
    StatusCheck CHAOS "v1alpha1" "statuschecks" "statuscheck" [] COUNTED | STATUS;
    Workflow CHAOS "v1alpha1" "workflows" "workflow" ["wf"] COUNTED | STATUS;
    WorkflowNode CHAOS "v1alpha1" "workflownodes" "workflownode" ["wfn"] COUNTED | STATUS;
    PodIOChaos CHAOS "v1alpha1" "podiochaos" "podiochaos" [] COUNTED | STATUS;
    PodHttpChaos CHAOS "v1alpha1" "podhttpchaos" "podhttpchaos" [] COUNTED | STATUS;
    Backup VELERO "v1" "backups" "backup" [] COUNTED;
    BackupStorageLocation VELERO "v1" "backupstoragelocations" "backupstoragelocation" ["bsl"] COUNTED;
}

/// Groups in the order discovery lists them, with their served versions, the preferred one first.
pub const GROUPS: &[(&str, &str)] = &[
    ("apps", "v1"),
    ("authentication.k8s.io", "v1"),
    ("authorization.k8s.io", "v1"),
    ("autoscaling", "v2"),
    ("autoscaling", "v1"),
    ("batch", "v1"),
    (NETWORKING, "v1"),
    ("policy", "v1"),
    (RBAC, "v1"),
    ("storage.k8s.io", "v1"),
    (ADMISSION, "v1"),
    ("apiextensions.k8s.io", "v1"),
    ("scheduling.k8s.io", "v1"),
    ("coordination.k8s.io", "v1"),
    ("events.k8s.io", "v1"),
    ("discovery.k8s.io", "v1"),
    (CHAOS, "v1alpha1"),
    (VELERO, "v1"),
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
        use Kind::{DNSChaos, HTTPChaos, IOChaos, NetworkChaos, PodChaos, StressChaos, TimeChaos};
        matches!(self, PodChaos | NetworkChaos | IOChaos | StressChaos | HTTPChaos | DNSChaos | TimeChaos)
    }

    /// Whether this is a kind of Chaos Mesh.
    #[must_use]
    pub fn is_chaos(self) -> bool {
        self.resource().group == CHAOS
    }

    /// Whether this is a custom resource.
    #[must_use]
    pub fn is_custom(self) -> bool {
        matches!(self.resource().group, CHAOS | VELERO)
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
    fn table_should_name_only_groups_that_are_served_and_each_place_once() {
        let mut places: Vec<_> = RESOURCES.iter().map(|r| (r.group, r.version, r.plural)).collect();
        places.sort_unstable();
        places.dedup();
        assert_eq!(places.len(), RESOURCES.len());
        for resource in RESOURCES {
            assert!(resource.group.is_empty() || GROUPS.contains(&(resource.group, resource.version)), "{}", resource.name);
        }
    }
}

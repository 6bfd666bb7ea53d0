//! `gameday rbac`: the role that a run needs.

use crate::cli::{Failure, print};

/// Everything that `edge` asks of an API server, and no more.
const ROLE: &str = "\
# The rights that `gameday run` needs, in the namespaces of targets and faults.
# Apply it with: gameday rbac | kubectl -n NAMESPACE apply -f -
# then bind it:  kubectl -n NAMESPACE create rolebinding gameday --role=gameday --user=YOU
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata:
  name: gameday
rules:
# seeing: targets, who owns their pods, what is sent traffic
- {apiGroups: [''], resources: [pods, endpoints, events], verbs: [get, list, watch]}
- {apiGroups: [apps], resources: [deployments, statefulsets, daemonsets], verbs: [get, list, watch]}
- {apiGroups: [apps], resources: [replicasets], verbs: [get]}
- {apiGroups: [discovery.k8s.io], resources: [endpointslices], verbs: [get, list, watch]}
# pod kill without Chaos Mesh
- {apiGroups: [''], resources: [pods], verbs: [delete]}
- {apiGroups: [''], resources: [pods/eviction], verbs: [create]}
# faults of Chaos Mesh, and what they leave in pods
- {apiGroups: [chaos-mesh.org], resources: [podchaos, networkchaos, iochaos, stresschaos, httpchaos, dnschaos, timechaos], verbs: [create, get, list, watch, delete]}
# a Schedule, inside the Workflow that ends it; Chaos Mesh asks for the singular, too
- {apiGroups: [chaos-mesh.org], resources: [workflows, workflow, workflownodes, schedules, schedule], verbs: [create, get, list, watch, delete]}
- {apiGroups: [chaos-mesh.org], resources: [podnetworkchaos, podiochaos, podhttpchaos], verbs: [get, list, watch]}
---
# Only where Prometheus is reached through the API server, in Prometheus' namespace.
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata:
  name: gameday-prometheus
rules:
- {apiGroups: [''], resources: [services/proxy], verbs: [get]}
";

#[expect(clippy::unnecessary_wraps, reason = "every verb has this form")]
pub fn rbac() -> Result<u8, Failure> {
    print(ROLE);
    Ok(0)
}

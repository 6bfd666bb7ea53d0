//! `gameday rbac FILE`: the roles that a scenario needs, and no more.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::anyhow;

use crate::cli::args::RbacArgs;
use crate::cli::drill::{self, Drill};
use crate::cli::{Failure, Means, REFUSED, USAGE, print};
use crate::criterion::ObjectCheck;
use crate::edge::{Cluster, connect, inspect};
use crate::effect::inspection::KindRef;
use crate::event::inspected::KindFact;
use crate::run::rights::{Grounds, Need, may_do, needs, objects};
use crate::scenario::model::{Environment, Scenario, Tier};

/// Everything that `edge` asks of an API server, and no more.
const ROLE: &str = "\
# The rights that `gameday run` needs for any scenario (`gameday rbac FILE` prints those of one), in the namespaces of targets and faults.
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
# partition without Chaos Mesh
- {apiGroups: [networking.k8s.io], resources: [networkpolicies], verbs: [create, get, list, watch, delete]}
# the pod that the brake is rehearsed on
- {apiGroups: [''], resources: [pods], verbs: [create, delete]}
# optional: the run's Lease, by which others see that it is live and ask it to stop
- {apiGroups: [coordination.k8s.io], resources: [leases], verbs: [create, get, list, patch, delete]}
# optional: the logs of a pod on the screen
- {apiGroups: [''], resources: [pods/log], verbs: [get]}
# faults of Chaos Mesh, and what they leave in pods
- {apiGroups: [chaos-mesh.org], resources: [podchaos, networkchaos, iochaos, stresschaos, httpchaos, dnschaos, timechaos], verbs: [create, get, list, watch, delete]}
# a Schedule, inside the Workflow that ends it; Chaos Mesh asks for the singular, too
- {apiGroups: [chaos-mesh.org], resources: [workflows, workflow, workflownodes, schedules, schedule], verbs: [create, get, list, watch, delete]}
- {apiGroups: [chaos-mesh.org], resources: [podnetworkchaos, podiochaos, podhttpchaos], verbs: [get, list, watch]}
# optional: disruption budgets, runs of others, what the namespace says of itself
- {apiGroups: [policy], resources: [poddisruptionbudgets], verbs: [list]}
- {apiGroups: [''], resources: [namespaces], verbs: [get]}
---
# An `object` criterion needs `get` of its kind besides, or `list` where it has a selector.
# Only where Prometheus is reached through the API server, in Prometheus' namespace.
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata:
  name: gameday-prometheus
rules:
- {apiGroups: [''], resources: [services/proxy], verbs: [get]}
";

pub fn rbac(args: &RbacArgs) -> Result<u8, Failure> {
    let Some(file) = &args.file else {
        print(ROLE);
        return Ok(0);
    };
    let drill = Drill::read(file, &args.sets)?;
    let environment = drill.environment(args.env.as_deref())?;
    let injector = args.injector.map_or(drill.scenario.injector, Into::into);
    let brake = drill.scenario.brake.unwrap_or(environment.tier == Tier::Production);
    let asked: Vec<KindRef> = kinds(&drill.scenario).into_iter().collect();
    let named = args.namespace.clone().or_else(|| environment.namespace.clone());
    let learned = if named.is_none() || !asked.is_empty() {
        drill::runtime(false).means(REFUSED)?.block_on(learn(&environment, named.as_deref(), asked))
    } else {
        Learned::default()
    };
    let Some(namespace) = named.or(learned.namespace) else {
        return Err(anyhow!("neither the scenario nor a kubeconfig says in which namespace; give it with -n NAME")).means(USAGE);
    };
    let grounds =
        Grounds { brake, namespace: &namespace, prometheus: environment.prometheus.as_ref(), endpoints: None, kinds: &learned.kinds };
    let all = needs(&drill.scenario, &grounds, injector, |_, fault| may_do(injector, fault));
    print(&roles(&drill.scenario.name, &all, args.user.as_deref()));
    for unsure in &learned.unsure {
        print(&format!("# {unsure}\n"));
    }
    Ok(0)
}

/// What only a cluster, or the way to it, can tell.
#[derive(Default)]
struct Learned {
    namespace: Option<String>,
    kinds: Vec<KindFact>,
    /// What could not be learned, for the reader of the roles.
    unsure: Vec<String>,
}

/// The kinds that criteria look at.
fn kinds(scenario: &Scenario) -> BTreeSet<KindRef> {
    let named = |check: &ObjectCheck| KindRef { group: check.group.clone(), version: check.version.clone(), kind: check.kind.clone() };
    objects(scenario).map(named).collect()
}

/// Asks the cluster of the environment; where it does not answer, what was asked for is guessed, and that is said.
async fn learn(environment: &Environment, namespace: Option<&str>, kinds: Vec<KindRef>) -> Learned {
    let mut learned = Learned::default();
    let connection = match connect::connect(&environment.name, environment.context.as_deref(), None).await {
        Ok(connection) => connection,
        Err(error) => {
            learned.unsure.extend(kinds.iter().map(|kind| format!("what rights call {kind} is guessed: {error}")));
            return learned;
        }
    };
    learned.namespace = Some(connection.namespace.clone());
    if kinds.is_empty() {
        return learned;
    }
    let own = namespace.unwrap_or(&connection.namespace).to_owned();
    match Cluster::reach(connection, &own).await {
        Ok(cluster) => {
            for fact in inspect::kinds(&cluster, kinds).await {
                match &fact.served {
                    Ok(Some(_)) => learned.kinds.push(fact),
                    Ok(None) => learned.unsure.push(format!("what rights call {} is guessed: the cluster does not serve it", fact.kind)),
                    Err(why) => learned.unsure.push(format!("what rights call {} is guessed: {why}", fact.kind)),
                }
            }
        }
        Err(error) => learned.unsure.extend(kinds.iter().map(|kind| format!("what rights call {kind} is guessed: {error}"))),
    }
    learned
}

/// A Role for each namespace, a `ClusterRole` for what is in none; bound to `user`, where one is named.
fn roles(scenario: &str, needs: &[Need], user: Option<&str>) -> String {
    let name = format!("gameday-{scenario}");
    let bind = if user.is_some() { "" } else { "\n# add --user NAME, and the bindings are printed as well" };
    let mut text = format!("# What the scenario {scenario} and its undo need. Apply with: gameday rbac FILE | kubectl apply -f -{bind}\n");
    let namespaces: BTreeSet<&str> = needs.iter().map(|need| need.right.namespace.as_str()).collect();
    for namespace in namespaces {
        let own: Vec<&Need> = needs.iter().filter(|need| need.right.namespace == namespace).collect();
        let (kind, binding) = if namespace.is_empty() { ("ClusterRole", "ClusterRoleBinding") } else { ("Role", "RoleBinding") };
        let place = if namespace.is_empty() { String::new() } else { format!("\n  namespace: {namespace}") };
        let head = |kind: &str| format!("apiVersion: rbac.authorization.k8s.io/v1\nkind: {kind}\nmetadata:\n  name: {name}{place}\n");
        text.push_str(&format!("---\n{}rules:\n{}", head(kind), rules(&own)));
        if let Some(user) = user {
            let subject = format!("{{apiGroup: rbac.authorization.k8s.io, kind: User, name: {}}}", serde_json::Value::from(user));
            text.push_str(&format!(
                "---\n{}roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: {kind}, name: {name}}}\nsubjects:\n- {subject}\n",
                head(binding)
            ));
        }
    }
    text
}

/// The rules of one role: what has the same reason and the same verbs stands in one.
fn rules(needs: &[&Need]) -> String {
    let mut text = String::new();
    for optional in [false, true] {
        // reason, group, object, resource: verbs
        let mut verbs: BTreeMap<(&str, &str, &str, &str), Vec<&str>> = BTreeMap::new();
        for need in needs.iter().filter(|need| need.optional == optional) {
            let right = &need.right;
            verbs.entry((need.why, &right.group, &right.name, &right.resource)).or_default().push(&right.verb);
        }
        let mut resources: BTreeMap<(&str, &str, &str, Vec<&str>), Vec<&str>> = BTreeMap::new();
        for ((why, group, name, resource), verbs) in verbs {
            resources.entry((why, group, name, verbs)).or_default().push(resource);
        }
        for ((why, group, name, verbs), resources) in resources {
            let mark = if optional { "optional: " } else { "" };
            let names = if name.is_empty() { String::new() } else { format!(", resourceNames: ['{name}']") };
            text.push_str(&format!(
                "# {mark}{why}\n- {{apiGroups: ['{group}'], resources: [{}]{names}, verbs: [{}]}}\n",
                resources.join(", "),
                verbs.join(", ")
            ));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::effect::inspection::Right;

    fn need(namespace: &str, verb: &str, optional: bool) -> Need {
        let right = Right {
            namespace: namespace.into(),
            group: "apps".into(),
            resource: "deployments".into(),
            verb: verb.into(),
            name: String::new(),
        };
        Need { right, why: "sees the target", optional }
    }

    #[test]
    fn roles_should_be_one_a_namespace_with_the_reason_of_each_rule() {
        let needs = [need("staging", "get", false), need("staging", "list", false), need("", "get", true)];
        let text = roles("pod-kill", &needs, Some("ada"));
        assert!(text.contains("kind: Role\nmetadata:\n  name: gameday-pod-kill\n  namespace: staging\n"), "{text}");
        assert!(text.contains("# sees the target\n- {apiGroups: ['apps'], resources: [deployments], verbs: [get, list]}\n"), "{text}");
        assert!(text.contains("# optional: sees the target\n"), "{text}");
        let documents = text.split("---\n").skip(1);
        let kinds: Vec<String> = documents
            .map(|document| serde_yaml::from_str::<serde_json::Value>(document).unwrap()["kind"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(kinds, ["ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"]);
    }
}

//! The roles that every cluster has from its first minute.

use serde_json::{Value, json};

use crate::rehearsal::api::State;
use crate::rehearsal::api::kinds::{Kind, RESOURCES};
use crate::rehearsal::api::store::Key;
use crate::rehearsal::clock;

const READ: [&str; 3] = ["get", "list", "watch"];
const WRITE: [&str; 5] = ["create", "delete", "deletecollection", "patch", "update"];
/// What `edit` and `view` leave to `admin`.
const RIGHTS: [Kind; 2] = [Kind::Role, Kind::RoleBinding];

impl State {
    /// Put them into the store, as old as the cluster.
    pub(in crate::rehearsal) fn found_roles(&mut self) {
        let everything = json!([{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}, {"nonResourceURLs": ["*"], "verbs": ["*"]}]);
        let discovery =
            ["/api", "/api/*", "/apis", "/apis/*", "/healthz", "/livez", "/openapi", "/openapi/*", "/readyz", "/version", "/version/"];
        let reviews = json!([
            {"apiGroups": ["authorization.k8s.io"], "resources": ["selfsubjectaccessreviews", "selfsubjectrulesreviews"], "verbs": ["create"]},
            {"apiGroups": ["authentication.k8s.io"], "resources": ["selfsubjectreviews"], "verbs": ["create"]},
        ]);
        let view = namespaced(&READ, &[], |kind| kind != Kind::Secret && !RIGHTS.contains(&kind));
        let edit = [namespaced(&READ, &[], |kind| kind == Kind::Secret), writable()].concat();
        let admin = namespaced(&[READ.as_slice(), &WRITE].concat(), &[], |kind| RIGHTS.contains(&kind));
        let all = |parts: &[&[Value]]| Value::Array(parts.concat());
        let roles = [
            ("admin", all(&[&view, &edit, &admin])),
            ("cluster-admin", everything),
            ("edit", all(&[&view, &edit])),
            ("system:basic-user", reviews),
            ("system:discovery", json!([{"nonResourceURLs": discovery, "verbs": ["get"]}])),
            ("view", all(&[&view])),
        ];
        for (number, (name, rules)) in roles.into_iter().enumerate() {
            self.found_one(Kind::ClusterRole, name, json!({"rules": rules}), number);
        }
        for (number, (role, group)) in [
            ("cluster-admin", "system:masters"),
            ("system:basic-user", "system:authenticated"),
            ("system:discovery", "system:authenticated"),
        ]
        .into_iter()
        .enumerate()
        {
            let binding = json!({
                "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
                "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": group}],
            });
            self.found_one(Kind::ClusterRoleBinding, role, binding, 20 + number);
        }
    }

    fn found_one(&mut self, kind: Kind, name: &str, body: Value, number: usize) {
        let born = clock::stamp(self.clock.now() - chrono::Duration::days(3));
        let uid = self.dice.stream(&format!("uid/{}/{name}/founding", kind.resource().plural)).uuid();
        let mut value = json!({"kind": kind.resource().name, "apiVersion": kind.api_version(), "metadata": {
            "name": name, "uid": uid, "creationTimestamp": born, "labels": {"kubernetes.io/bootstrapping": "rbac-defaults"},
            "annotations": {"rbac.authorization.kubernetes.io/autoupdate": "true"}}});
        if let (Value::Object(value), Value::Object(body)) = (&mut value, body) {
            value.extend(body);
        }
        self.store.found(Key::new(kind, "", name), value, 50 + number as u64);
    }
}

/// A rule for each group with the namespaced kinds in it that are meant, and these subresources.
fn namespaced(verbs: &[&str], more: &[&str], meant: impl Fn(Kind) -> bool) -> Vec<Value> {
    let mut rules: Vec<Value> = Vec::new();
    for resource in RESOURCES.iter().filter(|r| r.namespaced && meant(r.kind)) {
        let mut names = vec![resource.plural.to_owned()];
        names.extend(resource.scale.then(|| format!("{}/scale", resource.plural)));
        names.extend(resource.status.then(|| format!("{}/status", resource.plural)).filter(|_| verbs == READ));
        names.extend((resource.kind == Kind::Pod && verbs == READ).then(|| "pods/log".to_owned()));
        match rules.iter_mut().find(|rule| rule["apiGroups"][0] == resource.group) {
            Some(rule) => {
                if let Some(list) = rule["resources"].as_array_mut() {
                    list.extend(names.into_iter().map(Value::from));
                }
            }
            None => rules.push(json!({"apiGroups": [resource.group], "resources": names, "verbs": verbs})),
        }
    }
    if !more.is_empty() {
        rules.push(json!({"apiGroups": [""], "resources": more, "verbs": ["create"]}));
    }
    rules
}

fn writable() -> Vec<Value> {
    // As the real server has it, neither role may write quotas, limits, endpoints, or what only controllers write.
    let kept = [Kind::ResourceQuota, Kind::LimitRange, Kind::EndpointSlice, Kind::ControllerRevision, Kind::Event, Kind::Lease];
    let mut rules =
        namespaced(&WRITE, &["pods/eviction"], |kind| !RIGHTS.contains(&kind) && !kept.contains(&kind) && kind != Kind::Endpoints);
    rules.push(json!({"apiGroups": [""], "resources": ["pods/attach", "pods/exec", "pods/portforward", "pods/proxy", "services/proxy"],
        "verbs": ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"]}));
    rules
}

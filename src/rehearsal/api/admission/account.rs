//! What admission does to a pod's service account: it must be there, and its token is mounted where the pod does not say otherwise.

use serde_json::{Value, json};

use crate::rehearsal::api::State;
use crate::rehearsal::api::kinds::Kind;
use crate::rehearsal::api::object::{list, map_mut, text};
use crate::rehearsal::api::refusal::Refusal;
use crate::rehearsal::api::store::Key;

/// Where a process finds its token, the API server's certificate and its namespace.
const MOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

impl State {
    /// Give a new pod the token of its service account.
    ///
    /// # Errors
    /// 403 when there is no such account.
    pub(super) fn admit_account(&self, namespace: &str, value: &mut Value) -> Result<(), Refusal> {
        let pod = text(value, "/metadata/name").to_owned();
        let account = text(value, "/spec/serviceAccountName").to_owned();
        let Some(found) = self.store.get(&Key::new(Kind::ServiceAccount, namespace, &account)) else {
            let why = format!("error looking up service account {namespace}/{account}: serviceaccount {account:?} not found");
            return Err(Refusal::not_admitted(Kind::Pod, &pod, &why));
        };
        let secrets = found.list("/imagePullSecrets");
        if list(value, "/spec/imagePullSecrets").is_empty() && !secrets.is_empty() {
            map_mut(value, "spec").insert("imagePullSecrets".to_owned(), json!(secrets));
        }
        let wanted = match &value["spec"]["automountServiceAccountToken"] {
            Value::Bool(own) => *own,
            _ => found.value()["automountServiceAccountToken"] != false,
        };
        if wanted {
            let name = format!("kube-api-access-{}", self.dice.stream(&format!("token/{namespace}/{pod}")).name_suffix());
            mount(map_mut(value, "spec"), &name);
        }
        Ok(())
    }
}

/// Mount the token into every container that has nothing at its place.
fn mount(spec: &mut serde_json::Map<String, Value>, name: &str) {
    let mut mounted = false;
    for kind in ["initContainers", "containers"] {
        for container in spec.get_mut(kind).and_then(Value::as_array_mut).into_iter().flatten() {
            if list(container, "/volumeMounts").iter().any(|mount| mount["mountPath"] == MOUNT) {
                continue;
            }
            let Some(container) = container.as_object_mut() else { continue };
            let mounts = container.entry("volumeMounts").or_insert_with(|| json!([]));
            if let Some(mounts) = mounts.as_array_mut() {
                mounts.push(json!({"name": name, "readOnly": true, "mountPath": MOUNT}));
                mounted = true;
            }
        }
    }
    if !mounted {
        return;
    }
    let volume = json!({"name": name, "projected": {
        "sources": [
            {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
            {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
            {"downwardAPI": {"items": [{"path": "namespace", "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}}]}},
        ],
        "defaultMode": 420,
    }});
    if let Some(volumes) = spec.entry("volumes").or_insert_with(|| json!([])).as_array_mut() {
        volumes.push(volume);
    }
}

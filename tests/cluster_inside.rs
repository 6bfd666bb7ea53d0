//! A run from inside a cluster: no kubeconfig, a service account's token where a pod finds it.
#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::{Secret, ServiceAccount};
use k8s_openapi::api::rbac::v1::{Role, RoleBinding};
use kube::Api;
use kube::api::PostParams;
use kube::config::Kubeconfig;
use serde_json::json;
use support::cluster::{Home, cluster, pod_kill, wait};
use support::{json, said, scratch};

/// What a pod is given of a service account that may do what `gameday rbac` prints: token, ca.crt, namespace.
fn credentials(home: &Home<'_>, folder: &Path) -> BTreeMap<String, ByteString> {
    let client = home.cluster.client();
    let rbac = home.gameday(folder).arg("rbac").output().unwrap();
    let role = String::from_utf8(rbac.stdout).unwrap();
    let role = role.split("---").find(|document| document.contains("kind: Role\n")).unwrap();
    let mut role: Role = serde_yaml::from_str(role).unwrap();
    role.metadata.namespace = None;
    home.cluster.runtime.block_on(async {
        let accounts: Api<ServiceAccount> = Api::namespaced(client.clone(), &home.namespace);
        accounts.create(&PostParams::default(), &serde_json::from_value(json!({"metadata": {"name": "inside"}})).unwrap()).await.unwrap();
        let bound = json!({"metadata": {"name": "inside"}, "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": role.metadata.name},
            "subjects": [{"kind": "ServiceAccount", "name": "inside", "namespace": home.namespace}]});
        Api::<Role>::namespaced(client.clone(), &home.namespace).create(&PostParams::default(), &role).await.unwrap();
        let bindings: Api<RoleBinding> = Api::namespaced(client.clone(), &home.namespace);
        bindings.create(&PostParams::default(), &serde_json::from_value(bound).unwrap()).await.unwrap();
        let asked = json!({"metadata": {"name": "inside", "annotations": {"kubernetes.io/service-account.name": "inside"}}, "type": "kubernetes.io/service-account-token"});
        let secrets: Api<Secret> = Api::namespaced(client, &home.namespace);
        secrets.create(&PostParams::default(), &serde_json::from_value(asked).unwrap()).await.unwrap();
        let given = || async { secrets.get("inside").await.unwrap().data.unwrap_or_default() };
        wait("the token", || async { given().await.contains_key("token") }).await;
        given().await
    })
}

#[test]
fn run_should_find_the_cluster_it_is_in() {
    let Some(cluster) = cluster() else { return };
    // a pod's folder of secrets, in a mount namespace that nobody else sees
    let unshared = |command: &str| {
        let mut unshare = Command::new("unshare");
        unshare.args(["--map-root-user", "--mount", "sh", "-ec", command]).env_clear().env("PATH", std::env::var_os("PATH").unwrap());
        unshare.stdin(Stdio::null());
        unshare
    };
    if !unshared("mount -t tmpfs tmpfs /run").status().is_ok_and(|status| status.success()) {
        return println!("skipped: this user may not make a mount namespace (unshare --map-root-user --mount)");
    }
    let home = cluster.task_api("gameday-test-inside");
    let folder = scratch("inside");
    let secrets = folder.join("serviceaccount");
    fs::create_dir(&secrets).unwrap();
    let kubeconfig = Kubeconfig::read_from(&cluster.kubeconfig).unwrap();
    let server = kubeconfig.clusters[0].cluster.clone().unwrap().server.unwrap();
    let address: http::Uri = server.parse().unwrap();
    for (name, what) in credentials(&home, &folder) {
        fs::write(secrets.join(name), what.0).unwrap();
    }
    let file = folder.join("scenario.yaml");
    let text = pod_kill("tier: staging", "1s", "    - {name: recovers within 30s, recovery: {within: 30s}, stableFor: 0s}\n");
    fs::write(&file, text).unwrap();
    let run = format!(
        "mount -t tmpfs tmpfs /run; mkdir -p /run/secrets/kubernetes.io; cp -r {} /run/secrets/kubernetes.io/; exec {} run --headless --yes {} --run-dir {}",
        secrets.display(),
        env!("CARGO_BIN_EXE_gameday"),
        file.display(),
        folder.join("run").display()
    );
    let mut inside = unshared(&run);
    inside.env("HOME", &folder).env("XDG_DATA_HOME", folder.join("data"));
    inside.env("KUBERNETES_SERVICE_HOST", address.host().unwrap()).env("KUBERNETES_SERVICE_PORT", address.port().unwrap().as_str());
    let out = inside.output().unwrap();
    assert_eq!(out.status.code(), Some(0), "{}", said(&out));
    let told = said(&out);
    assert!(told.contains("connected to in-cluster") && told.contains(&format!("namespace {}", home.namespace)), "{told}");
    let report = json(&folder.join("run/report.json"));
    assert_eq!(report["criteria"][0]["verdict"], "held", "{report}");
}

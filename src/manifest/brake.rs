//! The objects that the brake is rehearsed with: a pod of gameday's own, and on it each kind of fault at its mildest.
//!
//! The pod bears none of the target's labels, so that no Service, `ReplicaSet` or selector takes it for one of the target's.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::clock::go;
use crate::effect::{ChaosRef, FaultId};
use crate::fault::{Action, CHAOS_MESH_API, Fault, Mode, OtherKind, Selector};
use crate::header::Header;
use crate::manifest::{GAMEDAY, MANAGED_BY, RUN, STEP};

/// The label that the pod alone bears.
const BRAKE: &str = "gameday/brake";
/// The pod's container.
const CONTAINER: &str = "brake";
/// A mount of the pod's own: no file of anybody is on it.
const MOUNT: &str = "/gameday-brake";
/// How long the cluster lets the pod run, whatever becomes of gameday.
pub const POD_LIFE: Duration = Duration::from_mins(10);
/// How long each fault on it lasts if nobody lifts it.
pub const LASTS: Duration = Duration::from_secs(30);

/// The pod: on the node and with the image of a victim.
#[must_use]
pub fn pod(header: &Header, namespace: &str, node: &str, image: &str) -> (ChaosRef, Value) {
    let name = format!("gameday-brake-{}", header.token);
    let manifest = json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "labels": {MANAGED_BY: GAMEDAY, RUN: header.token, STEP: FaultId::BRAKE_POD.0.to_string(), BRAKE: "pod"},
        },
        "spec": {
            // that very node, cordoned and tainted as it may be: its daemon is what is tried
            "nodeName": node,
            "tolerations": [{"operator": "Exists"}],
            "restartPolicy": "Never",
            "activeDeadlineSeconds": POD_LIFE.as_secs(),
            "terminationGracePeriodSeconds": 1,
            "automountServiceAccountToken": false,
            "enableServiceLinks": false,
            "securityContext": {"runAsNonRoot": true, "runAsUser": 65534, "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [{
                "name": CONTAINER,
                "image": image,
                "command": ["sleep", POD_LIFE.as_secs().to_string()],
                "resources": {"requests": {"cpu": "10m", "memory": "32Mi"}, "limits": {"cpu": "100m", "memory": "64Mi"}},
                "securityContext": {"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}},
                "volumeMounts": [{"name": "brake", "mountPath": MOUNT}],
            }],
            "volumes": [{"name": "brake", "emptyDir": {"sizeLimit": "1Mi"}}],
        },
    });
    (ChaosRef { kind: "Pod".to_owned(), namespace: namespace.to_owned(), name }, manifest)
}

/// The pod as something that was made and must be removed: it breaks nothing, and nothing of it lasts.
#[must_use]
pub fn carrier(manifest: Value) -> Fault {
    Fault { manifest, action: Action::PodKill { grace: 0 }, selector: Selector::default(), mode: Mode::One, peer: None, duration: None }
}

/// What is told apart where a brake is rehearsed: kind, action, and of a network fault what it is made of.
#[must_use]
pub fn likeness(fault: &Fault) -> (&'static str, String) {
    let action = fault.action.experiment();
    (action.kind(), values(action, fault).map_or_else(String::new, |spec| Value::Object(spec).to_string()))
}

/// The same kind and action at its mildest, aimed at the pod alone; `None` for faults that do not last.
#[must_use]
pub fn mild(fault: &Fault, header: &Header, pod: &ChaosRef) -> Option<Fault> {
    let action = fault.action.experiment().clone();
    if !action.is_lasting() {
        return None;
    }
    let labels = BTreeMap::from([(RUN.to_owned(), header.token.clone()), (BRAKE.to_owned(), "pod".to_owned())]);
    let mut spec = values(&action, fault)?;
    spec.insert("mode".into(), "one".into());
    spec.insert("duration".into(), go(LASTS).into());
    spec.insert("selector".into(), json!({"namespaces": [pod.namespace], "labelSelectors": labels}));
    let own = fault.namespace().unwrap_or(&header.place.namespace);
    let manifest = json!({
        "apiVersion": CHAOS_MESH_API,
        "kind": action.kind(),
        "metadata": {"name": "gameday-brake", "namespace": own},
        "spec": spec,
    });
    let selector = Selector { namespaces: vec![pod.namespace.clone()], label_selectors: labels, ..Selector::default() };
    Some(Fault { manifest, action, selector, mode: Mode::One, peer: None, duration: Some(LASTS) })
}

fn values(action: &Action, fault: &Fault) -> Option<Map<String, Value>> {
    let spec = match action {
        Action::PodKill { .. } | Action::ContainerKill { .. } | Action::Schedule { .. } => return None,
        Action::PodFailure => json!({"action": "pod-failure"}),
        Action::Network { action, .. } => network(action, fault),
        Action::Io { action, .. } => {
            let mut spec = json!({
                "action": action, "containerNames": [CONTAINER], "volumePath": MOUNT, "path": format!("{MOUNT}/**/*"), "percent": 1,
            });
            match action.as_str() {
                "fault" => spec["errno"] = 5.into(),
                "attrOverride" => spec["attr"] = json!({"perm": 420}),
                "mistake" => spec["mistake"] = json!({"filling": "zero", "maxOccurrences": 1, "maxLength": 1}),
                _ => spec["delay"] = "1ms".into(),
            }
            spec
        }
        Action::Stress { cpu, memory } => {
            let mut stressors = Map::new();
            if *cpu {
                stressors.insert("cpu".into(), json!({"workers": 1, "load": 1}));
            }
            if *memory {
                stressors.insert("memory".into(), json!({"workers": 1, "size": "1MB"}));
            }
            json!({"containerNames": [CONTAINER], "stressors": stressors})
        }
        Action::Other { kind: OtherKind::Http } => json!({"target": "Request", "port": 9, "path": "/gameday-brake", "delay": "1ms"}),
        Action::Other { kind: OtherKind::Dns } => json!({"action": "error", "patterns": ["gameday-brake.invalid"]}),
        Action::Other { kind: OtherKind::Time } => json!({"containerNames": [CONTAINER], "timeOffset": "1ms"}),
    };
    spec.as_object().cloned()
}

/// The mildest values of a network fault; of `netem` those of the blocks that it has.
fn network(action: &str, fault: &Fault) -> Value {
    let mut spec = json!({"action": action, "direction": "to"});
    let mild = [
        ("delay", json!({"latency": "1ms"})),
        ("loss", json!({"loss": "0.01"})),
        ("duplicate", json!({"duplicate": "0.01"})),
        ("corrupt", json!({"corrupt": "0.01"})),
        ("rate", json!({"rate": "1gbps"})),
        ("bandwidth", json!({"rate": "1gbps", "limit": 20_971_520, "buffer": 1_000_000})),
    ];
    if action == "partition" {
        // an address for documentation: nobody has it
        spec["externalTargets"] = json!(["192.0.2.1"]);
    }
    let own = fault.manifest.pointer("/spec/networkChaos").or_else(|| fault.manifest.pointer("/spec"));
    let has = |block: &str| own.is_some_and(|spec| spec.get(block).is_some_and(Value::is_object));
    for (block, value) in mild {
        if block == action || (action == "netem" && block != "bandwidth" && has(block)) {
            spec[block] = value;
        }
    }
    if action == "netem" && !["delay", "loss", "duplicate", "corrupt", "rate"].iter().any(|block| spec.get(block).is_some()) {
        spec["delay"] = json!({"latency": "1ms"});
    }
    spec
}

//! Pods on the pause image: what `pod-failure` keeps of the images it swaps, and where.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{Container, Pod};
use kube::ResourceExt;
use kube::api::DynamicObject;
use serde_json::{Value, json};

use super::{Where, get, held, list};
use crate::edge::Cluster;
use crate::edge::api_error::ApiError;
use crate::effect::ChaosRef;
use crate::event::residue::{Remains, Trace};
use crate::manifest::token_in;
use crate::text::Untrusted;

/// The two lists of containers, and the word that tells their annotations apart.
const LISTS: [(&str, &str); 2] = [("containers", "normal"), ("initContainers", "init")];

/// An image that was swapped and is kept in an annotation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Kept {
    /// The list its container stands in.
    pub list: &'static str,
    /// Its container.
    pub container: String,
    /// The annotation.
    pub key: String,
    /// The image.
    pub image: String,
}

/// The images of a pod that are not its own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Images {
    /// Those that are kept.
    pub kept: Vec<Kept>,
    /// The name of the fault that swapped them, where an annotation says it.
    pub chaos: Option<String>,
}

impl Images {
    /// What the annotations of a pod say. Chaos Mesh keeps the image of a container under
    /// `chaos-mesh-FAULT-pod-failure-CONTAINER-normal-image`, and where that is longer than 63 characters, which with
    /// names such as ours it nearly always is, under `CONTAINER-normal`.
    pub fn of(pod: &DynamicObject) -> Images {
        let mut images = Images::default();
        for (list, word) in LISTS {
            for container in pod.data["spec"][list].as_array().into_iter().flatten() {
                let (name, now) = (text(&container["name"]), text(&container["image"]));
                let tail = format!("-pod-failure-{name}-{word}-image");
                for (key, image) in pod.annotations() {
                    let long = key.strip_prefix("chaos-mesh-").and_then(|rest| rest.strip_suffix(&tail));
                    let short = *key == format!("{name}-{word}") && (is_pause(now) || is_image(image)) && image != now;
                    if long.is_some() || short {
                        images.kept.push(Kept { list, container: name.to_owned(), key: key.clone(), image: image.clone() });
                        images.chaos = images.chaos.or_else(|| long.map(str::to_owned));
                    }
                }
            }
        }
        images
    }

    /// As something that is left, of the fault of this name where no annotation says another.
    pub fn trace(&self, pod: &DynamicObject, own: Option<&str>) -> Trace {
        let object = ChaosRef { kind: "Pod".to_owned(), namespace: pod.namespace().unwrap_or_default(), name: pod.name_any() };
        let from = self.chaos.as_deref().or(own);
        let run = from.and_then(token_in).map(str::to_owned);
        Trace { what: Remains::PauseImage, object, from: from.map(Untrusted::from), run }
    }
}

/// Of a pod its metadata, and of its containers their names and images.
pub(super) fn slim(pod: Pod) -> DynamicObject {
    let spec = pod.spec.unwrap_or_default();
    let of = |containers: Vec<Container>| -> Vec<Value> {
        containers.into_iter().map(|one| json!({"name": one.name, "image": one.image})).collect()
    };
    let data = json!({"spec": {"containers": of(spec.containers), "initContainers": of(spec.init_containers.unwrap_or_default())}});
    DynamicObject { types: None, metadata: pod.metadata, data }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// Whether an annotation's value can't be but an image.
fn is_image(value: &str) -> bool {
    value.contains(['/', ':', '@']) && !value.contains(char::is_whitespace)
}

/// Whether an image does nothing, by its name.
fn is_pause(image: &str) -> bool {
    let last = image.rsplit('/').next().unwrap_or_default();
    last.split([':', '@']).next() == Some("pause")
}

/// The record of a pod.
pub(super) fn id(pod: &DynamicObject) -> String {
    format!("{}/{}", pod.namespace().unwrap_or_default(), pod.name_any())
}

/// The pods that faults hold on the pause image.
#[derive(Debug, Default)]
pub(super) struct Living {
    /// `namespace/pod` of each.
    pub items: BTreeSet<String>,
    /// What could not be seen.
    pub unseen: Vec<ApiError>,
}

pub(super) async fn living(cluster: &Cluster, place: Where<'_>) -> Living {
    let listed = list(cluster, "PodChaos", None, place).await;
    let failing = listed.items.iter().filter(|item| item.data["spec"]["action"] == "pod-failure");
    Living { items: failing.flat_map(|item| held("PodChaos", item)).collect(), unseen: listed.unseen }
}

/// Whether a container runs the pause image, and whoever made its pod did not mean that. Pods that hold a place for
/// others run it of their own accord.
pub(super) async fn is_swapped(cluster: &Cluster, pod: &DynamicObject) -> bool {
    let paused = |spec: &Value| -> BTreeSet<String> {
        let containers = spec["containers"].as_array().into_iter().flatten();
        containers.filter(|one| is_pause(text(&one["image"]))).map(|one| text(&one["name"]).to_owned()).collect()
    };
    let now = paused(&pod.data["spec"]);
    let owner = pod.owner_references().iter().find(|owner| owner.controller == Some(true));
    let (false, Some(owner)) = (now.is_empty(), owner) else { return false };
    if super::own(&owner.kind).is_none() || !owner.api_version.starts_with("apps/") {
        return false;
    }
    let maker = get(cluster, &owner.kind, &pod.namespace().unwrap_or_default(), &owner.name).await;
    maker.ok().flatten().is_some_and(|maker| now.difference(&paused(&maker.data["spec"]["template"]["spec"])).next().is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(image: &str, annotations: &Value) -> DynamicObject {
        serde_json::from_value(json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": "task-api-7d9c5b8f6d-2d4wn", "namespace": "staging", "annotations": annotations},
            "spec": {"containers": [{"name": "app", "image": image}], "initContainers": [{"name": "migrate", "image": "x:1"}]},
        }))
        .unwrap()
    }

    #[test]
    fn images_should_be_known_by_both_annotations_and_by_nothing_else() {
        const PAUSE: &str = "gcr.io/google-containers/pause:latest";
        for (image, annotations, kept, chaos) in [
            (PAUSE, json!({"chaos-mesh-pf-00a1b2-0-pod-failure-app-normal-image": "api:1"}), 1, Some("pf-00a1b2-0")),
            (PAUSE, json!({"app-normal": "api:1"}), 1, None),
            (PAUSE, json!({"app-normal": "api"}), 1, None),
            ("mirror.local/idle@sha256:00", json!({"app-normal": "api:1"}), 1, None),
            ("api:1", json!({"migrate-init": "migrate:1"}), 1, None),
            // an annotation of the user's own
            ("api:1", json!({"app-normal": "yes"}), 0, None),
            ("api:1", json!({"app-normal": "see the wiki: normal"}), 0, None),
            ("api:1", json!({"app-normal": "api:1"}), 0, None),
            ("api:1", json!({"other-normal": "api:2"}), 0, None),
            (PAUSE, json!({}), 0, None),
        ] {
            let images = Images::of(&pod(image, &annotations));
            assert_eq!((images.kept.len(), images.chaos.as_deref()), (kept, chaos), "{image} {annotations}");
        }
    }

    #[test]
    fn trace_should_name_the_run_by_the_name_of_its_fault() {
        let pod = pod("pause", &json!({"chaos-mesh-pf-00a1b2-0-pod-failure-app-normal-image": "api:1"}));
        assert_eq!(Images::of(&pod).trace(&pod, None).run.as_deref(), Some("00a1b2"));
        assert_eq!(Images::default().trace(&pod, None).run, None);
        assert_eq!(Images::default().trace(&pod, Some("task-api-pod-failure-00a1b2-0")).run.as_deref(), Some("00a1b2"));
    }
}

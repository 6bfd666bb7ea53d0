//! What a container needs before it can start: its image, and what its environment and volumes are taken from.

use std::time::Duration;

use serde_json::Value;

use crate::rehearsal::api::kinds::Kind;
use crate::rehearsal::api::object::{Object, list, text};
use crate::rehearsal::api::store::Key;
use crate::rehearsal::controllers::Hand;

/// Where an image is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Image {
    /// On the node.
    Present,
    /// In a registry.
    Away,
    /// Nowhere: what the runtime says when it is asked to fetch it.
    Nowhere(String),
    /// Its name is no name of an image.
    Malformed,
}

/// The image with domain, path and tag, as the runtime names it. None where it is no name of an image.
#[must_use]
pub fn reference(image: &str) -> Option<String> {
    let (name, digest) = image.split_once('@').map_or((image, None), |(name, digest)| (name, Some(digest)));
    let (path, tag) = match name.rsplit_once(':') {
        Some((path, tag)) if !tag.contains('/') => (path, Some(tag)),
        _ => (name, None),
    };
    let first = path.split('/').next().unwrap_or_default();
    let has_domain = path.contains('/') && (first.contains(['.', ':']) || first == "localhost");
    let repository = if has_domain { path.split_once('/').map_or("", |(_, rest)| rest) } else { path };
    let part = |part: &str| {
        let bytes = part.as_bytes();
        let fine = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit();
        bytes.first().is_some_and(fine)
            && bytes.last().is_some_and(fine)
            && bytes.iter().all(|b| fine(b) || matches!(b, b'.' | b'_' | b'-'))
    };
    let is_tag = |tag: &str| {
        !tag.is_empty() && tag.len() <= 128 && tag.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
    };
    if !repository.split('/').all(part) || tag.is_some_and(|tag| !is_tag(tag)) {
        return None;
    }
    let full = match (has_domain, path.contains('/')) {
        (true, _) => path.to_owned(),
        (false, true) => format!("docker.io/{path}"),
        (false, false) => format!("docker.io/library/{path}"),
    };
    Some(match (tag, digest) {
        (_, Some(digest)) => format!("{full}@{digest}"),
        (Some(tag), None) => format!("{full}:{tag}"),
        (None, None) => format!("{full}:latest"),
    })
}

/// Why this is no name of an image, in the words of the kubelet's parser.
#[must_use]
pub fn malformed(image: &str) -> String {
    let name = image.split(['@', ':']).next().unwrap_or_default();
    if name.bytes().any(|b| b.is_ascii_uppercase()) && reference(&image.to_lowercase()).is_some() {
        let library = if name.contains('/') { "" } else { "library/" };
        return format!("invalid reference format: repository name ({library}{name}) must be lowercase");
    }
    "invalid reference format".to_owned()
}

/// Where the image of this container is, seen from the node.
#[must_use]
pub fn image(hand: &Hand, pod: &Object, node: &str, image: &str) -> Image {
    let Some(reference) = reference(image) else { return Image::Malformed };
    hand.ground(|ground| {
        let workload = ground.world.workload_of(pod.namespace(), &pod.labels());
        let plight = workload.and_then(|w| ground.troubles.plights.get(&w.name));
        let afflicted = plight.is_some_and(|plight| plight.pull_fails || plight.pull.is_some());
        if plight.is_some_and(|plight| plight.pull_fails) || ground.world.missing_images.iter().any(|missing| missing == image) {
            return Image::Nowhere(format!(
                "rpc error: code = NotFound desc = failed to pull and unpack image \"{reference}\": failed to resolve image: {reference}: not found"
            ));
        }
        let domain = reference.split('/').next().unwrap_or_default();
        // RFC 2606: no name under it is ever resolved.
        if domain.rsplit('.').next() == Some("invalid") {
            let (path, tag) = reference.split_once('/').map_or(("", ""), |(_, rest)| rest.rsplit_once(':').unwrap_or((rest, "latest")));
            return Image::Nowhere(format!(
                "failed to pull and unpack image \"{reference}\": failed to resolve image: failed to do request: Head \"https://{domain}/v2/{path}/manifests/{tag}\": dial tcp: lookup {domain} on 10.96.0.10:53: no such host"
            ));
        }
        // A world has been running for days: what it names is on every node, and so are the images of those who look after it.
        let named = ground.world.workloads.iter().flat_map(|w| &w.containers).any(|container| container.image == image);
        let own = image.contains("pause") || pod.namespace() == "chaos-mesh";
        if (named || own || ground.workers.has_image(node, image)) && !afflicted { Image::Present } else { Image::Away }
    })
}

/// What the environment of this container is taken from and is not there, in the kubelet's words.
#[must_use]
pub fn missing_source(hand: &Hand, pod: &Object, container: &Value) -> Option<String> {
    let look = |kind: Kind, word: &str, reference: &Value, key: Option<&str>| {
        let name = text(reference, "/name");
        if reference["optional"] == true {
            return None;
        }
        let Some(object) = hand.get(&Key::new(kind, pod.namespace(), name)) else { return Some(format!("{word} \"{name}\" not found")) };
        let key = key?;
        let has = ["data", "binaryData", "stringData"].iter().any(|field| object.value()[*field].get(key).is_some());
        (!has).then(|| format!("couldn't find key {key} in {} {}/{name}", kind.resource().name, pod.namespace()))
    };
    let whole = list(container, "/envFrom").iter().find_map(|source| match (source.get("secretRef"), source.get("configMapRef")) {
        (Some(secret), _) => look(Kind::Secret, "secret", secret, None),
        (None, Some(config)) => look(Kind::ConfigMap, "configmap", config, None),
        (None, None) => None,
    });
    whole.or_else(|| {
        list(container, "/env").iter().find_map(|variable| {
            let from = variable.get("valueFrom")?;
            match (from.get("secretKeyRef"), from.get("configMapKeyRef")) {
                (Some(secret), _) => look(Kind::Secret, "secret", secret, Some(text(secret, "/key"))),
                (None, Some(config)) => look(Kind::ConfigMap, "configmap", config, Some(text(config, "/key"))),
                (None, None) => None,
            }
        })
    })
}

/// A volume that cannot be mounted, in the kubelet's words.
#[must_use]
pub fn missing_volume(hand: &Hand, pod: &Object) -> Option<String> {
    let containers = ["/spec/initContainers", "/spec/containers"].iter().flat_map(|kind| pod.list(kind));
    let mounted: Vec<&str> = containers.flat_map(|container| list(container, "/volumeMounts")).map(|mount| text(mount, "/name")).collect();
    // A volume that no container mounts is of no interest to a kubelet.
    pod.list("/spec/volumes").iter().filter(|volume| mounted.contains(&text(volume, "/name"))).find_map(|volume| {
        // A projected volume is made of several, which name what they take by `name`.
        let mut sources = std::iter::once(volume).chain(list(volume, "/projected/sources"));
        sources.find_map(|source| {
            let (kind, word, from) = if let Some(secret) = source.get("secret") {
                (Kind::Secret, "secret", secret)
            } else {
                (Kind::ConfigMap, "configmap", source.get("configMap")?)
            };
            let name = if text(from, "/secretName").is_empty() { text(from, "/name") } else { text(from, "/secretName") };
            let there = from["optional"] == true || hand.get(&Key::new(kind, pod.namespace(), name)).is_some();
            (!there).then(|| format!("MountVolume.SetUp failed for volume \"{}\" : {word} \"{name}\" not found", text(volume, "/name")))
        })
    })
}

/// How long the process of a container runs by its command, and how it ends. None where it runs until it is stopped.
///
/// No program is run here: this reads what the commonest small commands of tests say.
#[must_use]
pub fn lifetime(container: &Value) -> Option<(Duration, i64)> {
    let words: Vec<&str> = ["/command", "/args"].iter().flat_map(|part| list(container, part)).filter_map(Value::as_str).collect();
    let text = words.join(" ");
    let mut seconds = 0.0;
    let mut code = None;
    let mut sleeps = false;
    let tokens: Vec<&str> = text.split([' ', ';', '&', '|', '\n']).filter(|word| !word.is_empty()).collect();
    for (at, word) in tokens.iter().enumerate() {
        let next = tokens.get(at + 1).copied().unwrap_or_default();
        match word.rsplit('/').next().unwrap_or_default() {
            "while" | "until" | "infinity" | "tail" => return None,
            "sleep" => {
                sleeps = true;
                let unit = match next.chars().last() {
                    Some('m') => 60.0,
                    Some('h') => 3600.0,
                    Some('d') => 86_400.0,
                    _ => 1.0,
                };
                seconds += next.trim_end_matches(char::is_alphabetic).parse::<f64>().ok()?.clamp(0.0, 1e7) * unit;
            }
            "exit" => {
                code = Some(next.parse().unwrap_or(0));
                break;
            }
            "false" => code = Some(1),
            "true" | "echo" | "date" if code.is_none() => code = Some(0),
            _ => {}
        }
    }
    let code = code.or(sleeps.then_some(0))?;
    Some((Duration::from_secs_f64(seconds), code))
}

/// How long a hook of a container takes, and whether it does its work. None where it would never end.
///
/// No program is run here either: one that is not known is quick, and does its work.
#[must_use]
pub fn hook(hook: &Value) -> Option<(Duration, bool)> {
    const QUICK: Duration = Duration::from_millis(60);
    if let Some(seconds) = hook.pointer("/sleep/seconds").and_then(Value::as_u64) {
        return Some((Duration::from_secs(seconds), true));
    }
    let exec = &hook["exec"];
    let words: Vec<&str> = list(exec, "/command").iter().filter_map(Value::as_str).collect();
    let endless =
        words.iter().flat_map(|word| word.split([' ', ';', '\n'])).any(|word| matches!(word, "while" | "until" | "infinity" | "tail"));
    if endless {
        return None;
    }
    Some(lifetime(exec).map_or((QUICK, true), |(time, code)| (time.max(QUICK), code == 0)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn references_should_be_whole_or_none() {
        for (image, whole) in [
            ("nginx", Some("docker.io/library/nginx:latest")),
            ("grafana/grafana:11", Some("docker.io/grafana/grafana:11")),
            ("registry.example:5000/a/b", Some("registry.example:5000/a/b:latest")),
            ("Nginx", None),
            ("nginx:", None),
            ("a//b", None),
        ] {
            assert_eq!(reference(image).as_deref(), whole, "{image}");
        }
    }

    #[test]
    fn commands_should_end_as_they_say() {
        let of = |words: &[&str]| lifetime(&json!({"command": words})).map(|(time, code)| (time.as_secs(), code));
        assert_eq!(of(&["sh", "-c", "exit 3"]), Some((0, 3)));
        assert_eq!(of(&["sleep", "3600"]), Some((3600, 0)));
        assert_eq!(of(&["sh", "-c", "sleep 5; exit 1"]), Some((5, 1)));
        assert_eq!(of(&["/bin/false"]), Some((0, 1)));
        assert_eq!(of(&["sh", "-c", "while true; do sleep 1; done"]), None);
        assert_eq!(of(&["/server"]), None);
        assert_eq!(of(&[]), None);
    }

    #[test]
    fn hooks_should_take_the_time_they_say() {
        let of = |value: Value| hook(&value).map(|(time, good)| (time.as_millis(), good));
        assert_eq!(of(json!({"sleep": {"seconds": 5}})), Some((5_000, true)));
        assert_eq!(of(json!({"exec": {"command": ["sh", "-c", "sleep 3"]}})), Some((3_000, true)));
        assert_eq!(of(json!({"exec": {"command": ["nginx", "-s", "quit"]}})), Some((60, true)));
        assert_eq!(of(json!({"exec": {"command": ["/bin/false"]}})), Some((60, false)));
        assert_eq!(of(json!({"exec": {"command": ["sleep", "infinity"]}})), None);
        assert_eq!(of(json!({"httpGet": {"port": 80}})), Some((60, true)));
    }
}

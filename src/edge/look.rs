//! Looks at one pod, for a screen: its details, its object, the end of its log, as lines.
//!
//! The screen hangs on a wall: values of environments and headers are hidden, and so is whatever looks like a token. Reads only.
//!
//! - `told`: details in words.

mod told;

use chrono::{DateTime, Utc};
use http::Request;
use serde_json::Value;

use crate::edge::api_error::{self, ApiError};
use crate::edge::{Cluster, secrets};
use crate::effect::PodRef;
use crate::text::Untrusted;

/// How much of a log is asked for, in bytes.
const LOG_BYTES: usize = 65_536;
/// How many lines of a log: fewer where so many are more than that, since what is too much is cut off at the newer end.
const LOG_LINES: [u32; 3] = [200, 40, 8];
/// The same, of what a container said before its restart.
const PREVIOUS_LINES: [u32; 3] = [100, 20, 4];
/// The longest line that is kept, in characters.
const LONGEST_LINE: usize = 4_000;
/// What stands in place of a value.
const HIDDEN: &str = "hidden";

/// What a pod is and does, and its Events, the newest last; `now` is what the cluster's wall shows.
///
/// # Errors
/// The API server does not answer, or refuses; with what to do.
pub async fn details(cluster: &Cluster, pod: &PodRef, now: DateTime<Utc>) -> Result<Vec<Untrusted>, ApiError> {
    let object = object(cluster, pod).await?;
    let mut lines = replaced(pod, &object);
    lines.extend(told::pod(&object, now));
    lines.extend([String::new(), "events, the newest last".to_owned()]);
    let path = format!(
        "/api/v1/namespaces/{}/events?limit=100&fieldSelector=involvedObject.uid%3D{}",
        pod.namespace,
        told::uid(&object, &pod.uid)
    );
    let request = get(&path, &format!("list the Events of pod {pod}"))?;
    match api_error::within(&format!("list the Events of pod {pod}"), cluster.client.request::<Value>(request)).await {
        Ok(list) => lines.extend(told::events(&list, now)),
        // what is known of the pod is worth showing without them
        Err(error) => lines.push(format!("  {error}")),
    }
    Ok(safe(&lines))
}

/// A pod's object as YAML, without what only machines read and without what nobody else should.
///
/// # Errors
/// The API server does not answer, or refuses; with what to do.
pub async fn yaml(cluster: &Cluster, pod: &PodRef) -> Result<Vec<Untrusted>, ApiError> {
    let mut object = object(cluster, pod).await?;
    let mut lines: Vec<String> = replaced(pod, &object).into_iter().map(|line| format!("# {line}")).collect();
    strip(&mut object);
    let text = serde_yaml::to_string(&object);
    let text = text.map_err(|error| ApiError { what: format!("write pod {pod} as YAML"), why: error.to_string().into(), code: None })?;
    lines.extend(text.lines().map(ToOwned::to_owned));
    Ok(safe(&lines))
}

/// The end of the log of a pod's container that is not ready, or else of its first; what it said before its restart comes first.
///
/// # Errors
/// The API server does not answer, or refuses; with what to do.
pub async fn logs(cluster: &Cluster, pod: &PodRef) -> Result<Vec<Untrusted>, ApiError> {
    let object = object(cluster, pod).await?;
    let mut lines = replaced(pod, &object);
    let Some(shown) = told::container(&object) else {
        lines.push("the pod has no container".to_owned());
        return Ok(safe(&lines));
    };
    let name = &shown.name;
    if shown.restarts > 0 {
        lines.push(format!("── {name} has restarted {} times: what it said last before that ──", shown.restarts));
        match log(cluster, pod, name, true).await {
            Ok(said) => lines.extend(said),
            // its log may be rotated away; that of the present is not
            Err(error) => lines.push(format!("{error}")),
        }
    }
    lines.push(format!("── {name}, {} ──", shown.state));
    // none yet, or none any more: why is as good as a line
    lines.extend(log(cluster, pod, name, false).await?);
    Ok(safe(&lines))
}

async fn log(cluster: &Cluster, pod: &PodRef, container: &str, previous: bool) -> Result<Vec<String>, ApiError> {
    let what = format!("read the log of container {container} of pod {pod}");
    let (PodRef { namespace, name, .. }, mut text) = (pod, String::new());
    for tail in if previous { PREVIOUS_LINES } else { LOG_LINES } {
        let of = if previous { "&previous=true" } else { "" };
        let path =
            format!("/api/v1/namespaces/{namespace}/pods/{name}/log?container={container}&tailLines={tail}&limitBytes={LOG_BYTES}{of}");
        let request = get(&path, &what)?;
        text = api_error::within(&what, cluster.client.request_text(request)).await?;
        if text.len() < LOG_BYTES {
            break;
        }
    }
    Ok(text.lines().map(ToOwned::to_owned).collect())
}

async fn object(cluster: &Cluster, pod: &PodRef) -> Result<Value, ApiError> {
    let what = format!("get pod {pod}");
    let request = get(&format!("/api/v1/namespaces/{}/pods/{}", pod.namespace, pod.name), &what)?;
    match api_error::within(&what, cluster.client.request::<Value>(request)).await {
        Err(error) if error.is_not_found() => {
            Err(ApiError { why: "it is gone; mark another pod, the timeline tells what became of it".into(), ..error })
        }
        answer => answer,
    }
}

fn get(path: &str, what: &str) -> Result<Request<Vec<u8>>, ApiError> {
    let refused = |error: http::Error| ApiError { what: what.to_owned(), why: error.to_string().into(), code: None };
    Request::get(path).body(Vec::new()).map_err(refused)
}

/// A StatefulSet's pods bear the same name again.
fn replaced(pod: &PodRef, object: &Value) -> Vec<String> {
    let another = told::uid(object, &pod.uid) != pod.uid;
    if another { vec![format!("the pod that was marked is gone: this one bears the name {} now", pod.name)] } else { Vec::new() }
}

/// Takes out what is of no use, and what is nobody's business.
fn strip(object: &mut Value) {
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.shift_remove("managedFields");
        if let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_object_mut) {
            annotations.shift_remove("kubectl.kubernetes.io/last-applied-configuration");
            if annotations.is_empty() {
                metadata.shift_remove("annotations");
            }
        }
    }
    hide(object);
}

fn hide(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(hide),
        Value::Object(fields) => {
            for (key, value) in fields.iter_mut() {
                let Value::Array(pairs) = value else {
                    hide(value);
                    continue;
                };
                let tells = matches!(key.as_str(), "env" | "httpHeaders");
                for pair in pairs {
                    match pair.get_mut("value").filter(|_| tells) {
                        Some(value) => *value = HIDDEN.into(),
                        None => hide(pair),
                    }
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Lines without what looks like a token, and none without an end.
fn safe(lines: &[String]) -> Vec<Untrusted> {
    let short = |line: &String| if line.len() > LONGEST_LINE { line.chars().take(LONGEST_LINE).collect() } else { line.clone() };
    // arguments are given as `--token=…`
    let hidden = |line: String| line.split('=').map(|part| secrets::hide(part, &[])).collect::<Vec<_>>().join("=");
    lines.iter().map(|line| Untrusted::from(hidden(short(line)))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn pod() -> Value {
        json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {
                "name": "web-0", "uid": "u1", "managedFields": [{"manager": "kubectl"}],
                "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{\"env\": \"s3cr3t\"}"},
            },
            "spec": {
                "containers": [{
                    "name": "web", "image": "web:1",
                    "env": [{"name": "PASSWORD", "value": "s3cr3t"}, {"name": "KEY", "valueFrom": {"secretKeyRef": {"name": "web", "key": "k"}}}],
                    "args": ["--token=Bearer abcdefgh.12345"],
                    "readinessProbe": {"httpGet": {"path": "/", "port": 80, "httpHeaders": [{"name": "X-Key", "value": "s3cr3t"}]}},
                }],
                "initContainers": [{"name": "init", "env": [{"name": "A", "value": "s3cr3t"}]}],
            },
        })
    }

    #[test]
    fn yaml_should_tell_no_value_of_an_environment_and_nothing_of_machines() {
        let mut object = pod();
        strip(&mut object);
        let lines: Vec<String> = serde_yaml::to_string(&object).unwrap().lines().map(ToOwned::to_owned).collect();
        let text: Vec<String> = safe(&lines).iter().map(ToString::to_string).collect();
        let text = text.join("\n");
        for gone in ["s3cr3t", "managedFields", "last-applied", "annotations", "abcdefgh"] {
            assert!(!text.contains(gone), "{gone}:\n{text}");
        }
        assert!(text.contains("- name: PASSWORD\n      value: hidden\n    - name: KEY\n      valueFrom:"), "{text}");
        assert_eq!(text.matches("value: hidden").count(), 3, "{text}");
    }

    #[test]
    fn lines_should_hold_no_escape_sequence_and_end_somewhere() {
        let lines = safe(&["a\u{1b}[2Jb\u{1b}]52;c;aGk=\u{7}".to_owned(), "x".repeat(100_000)]);
        assert_eq!(lines[0].to_string(), "a\\u{1b}[2Jb\\u{1b}]52;c;aGk=\\u{7}");
        assert_eq!(lines[1].raw().len(), LONGEST_LINE);
    }
}

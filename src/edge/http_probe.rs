//! One GET of a URL: what an `http` criterion looks at.

use std::time::Duration;

use k8s_openapi::api::core::v1::Endpoints;
use kube::Api;

use crate::edge::Cluster;
use crate::edge::api_error::{self, chain};
use crate::event::Reading;
use crate::scenario::model::TargetRef;

/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(5);

/// Asks once. Redirects are not followed: the first answer counts.
pub async fn get(client: &reqwest::Client, url: &str) -> Reading {
    match client.get(url).timeout(PATIENCE).send().await {
        Ok(answer) => Reading::Http { status: answer.status().as_u16() },
        Err(error) => Reading::Failed { why: chain(&error.without_url()).into() },
    }
}

/// Asks the practice cluster, which has no network: the Service that the URL means answers 200
/// while it has a ready pod, and 503 otherwise.
pub async fn rehearse(cluster: &Cluster, url: &str, targets: &[TargetRef]) -> Reading {
    let host = reqwest::Url::parse(url).ok().and_then(|url| url.host_str().map(ToOwned::to_owned)).unwrap_or_default();
    let mut labels = host.split('.');
    let (name, second) = (labels.next().unwrap_or_default(), labels.next());
    let inside = labels.next().is_none_or(|third| third == "svc");
    // a public host name stands for the target it names, or for the first
    let target = targets.iter().find(|target| host.contains(&target.name)).or_else(|| targets.first());
    let service = if inside { name } else { target.map_or(name, |target| target.name.as_str()) };
    let namespace = second.filter(|_| inside).unwrap_or(&cluster.namespace);
    let api: Api<Endpoints> = Api::namespaced(cluster.client.clone(), namespace);
    match api_error::within("endpoints", api.get(service)).await {
        Ok(found) => {
            let ready = found.subsets.iter().flatten().any(|subset| subset.addresses.as_ref().is_some_and(|all| !all.is_empty()));
            Reading::Http { status: if ready { 200 } else { 503 } }
        }
        Err(error) => Reading::Failed { why: format!("Service {namespace}/{service} of the practice cluster: {error}").into() },
    }
}

//! What a cluster says of itself: how careful to be in it, and which one it is.

use k8s_openapi::api::core::v1::Namespace;
use kube::{Api, ResourceExt};

use crate::edge::Cluster;
use crate::edge::api_error::{self, ApiError};
use crate::scenario::model::Tier;
use crate::text::Untrusted;

/// The label or annotation by which a namespace or cluster says it.
pub const TIER: &str = "gameday/tier";

/// What a cluster says of itself.
#[derive(Clone, Debug, Default)]
pub struct OwnWord {
    /// Each tier that was said, and by whom.
    pub said: Vec<(Tier, String)>,
    /// Who could not be asked, and why.
    pub unseen: Vec<Untrusted>,
    /// The uid of kube-system: a cluster's only name of its own.
    pub uid: Option<String>,
}

/// Reads the namespaces of a run and kube-system.
///
/// # Errors
/// The API server does not answer: what it would have said of itself may be that it is production. That one may not ask is told
/// in [`OwnWord::unseen`].
pub async fn own_word(cluster: &Cluster, namespaces: &[String]) -> Result<OwnWord, ApiError> {
    let mut word = OwnWord::default();
    let api: Api<Namespace> = Api::all(cluster.client.clone());
    let mut names: Vec<&str> = namespaces.iter().map(String::as_str).collect();
    names.push("kube-system");
    names.dedup();
    for name in names {
        match api_error::patiently(&format!("get namespace {name}"), || api.get(name)).await {
            Ok(namespace) => {
                if name == "kube-system" {
                    word.uid = namespace.uid();
                }
                let labels = namespace.labels().iter().map(|(key, value)| ("label", key.as_str(), value.as_str()));
                let annotations = namespace.annotations().iter().map(|(key, value)| ("annotation", key.as_str(), value.as_str()));
                for (what, key, value) in labels.chain(annotations) {
                    if let Some(tier) = tier(what, key, value) {
                        word.said.push((tier, format!("the {what} {key}={value} of namespace {name}")));
                    }
                }
            }
            // a namespace that is not there says nothing; that it is missing is told elsewhere
            Err(error) if error.is_not_found() => {}
            Err(error) if error.code == Some(403) => word.unseen.push(error.to_string().into()),
            Err(error) => return Err(error),
        }
    }
    Ok(word)
}

/// The tier that one label or annotation says, if it says one. A word that is none counts as the strictest.
fn tier(what: &str, key: &str, value: &str) -> Option<Tier> {
    match (key, value) {
        ("environment", "production") if what == "label" => Some(Tier::Production),
        (TIER, "staging") => Some(Tier::Staging),
        (TIER, "development") => Some(Tier::Development),
        (TIER, _) => Some(Tier::Production),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tier_should_be_read_from_labels_that_say_one() {
        assert_eq!(tier("label", "environment", "production"), Some(Tier::Production));
        assert_eq!(tier("annotation", "environment", "production"), None);
        assert_eq!(tier("annotation", TIER, "staging"), Some(Tier::Staging));
        assert_eq!(tier("label", "environment", "staging"), None);
        assert_eq!(tier("label", TIER, "prod"), Some(Tier::Production), "what is not understood is taken for the worst");
    }
}

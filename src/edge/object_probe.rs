//! CEL over an object of the cluster: what an `object` criterion looks at.
//!
//! Reads by GET, or by one list for a selector. What it says of an object never holds a value of it.
//! It needs the right to `get` (by name) or `list` (by selector) the resource of the kind.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use kube::Api;
use kube::api::{ApiResource, DynamicObject, ListParams};

use crate::criterion::{Match, ObjectCheck, Which};
use crate::edge::Cluster;
use crate::edge::api_error::{self, ApiError};
use crate::effect::inspection::KindRef;
use crate::event::Reading;
use crate::scenario::expression::{Answer, Expression};

/// How many objects of a selector are looked at.
const MOST: u32 = 500;

/// Where the objects of a kind are found.
#[derive(Clone, Debug)]
pub(super) struct Resource {
    pub api: ApiResource,
    pub namespaced: bool,
}

/// Group, version if one is asked for, kind.
type Named = (String, Option<String>, String);

/// The resources that were looked up, each once a run.
#[derive(Clone, Debug, Default)]
pub struct Resources(Arc<Mutex<BTreeMap<Named, Resource>>>);

/// Looks once.
pub async fn look(cluster: &Cluster, check: &ObjectCheck) -> Reading {
    // `check` reads it with the same reader
    let Ok(expression) = Expression::parse(&check.cel) else {
        return Reading::Failed { why: "the CEL of the criterion does not parse".into() };
    };
    let kind = KindRef { group: check.group.clone(), version: check.version.clone(), kind: check.kind.clone() };
    let resource = match resource(cluster, &kind).await {
        Ok(Some(resource)) => resource,
        Ok(None) => {
            return untold(format!("this cluster serves no {kind}; compare it with `kubectl api-resources`"));
        }
        Err(error) => return Reading::Failed { why: error.why },
    };
    let namespace = check.namespace.as_deref().unwrap_or(&cluster.namespace);
    let api: Api<DynamicObject> = if resource.namespaced {
        Api::namespaced_with(cluster.client.clone(), namespace, &resource.api)
    } else {
        Api::all_with(cluster.client.clone(), &resource.api)
    };
    let place = if resource.namespaced { format!("{namespace}/") } else { String::new() };
    match &check.which {
        Which::Named(name) => {
            let what = format!("{} {place}{name}", check.kind);
            match api_error::within(&what, api.get(name)).await {
                Ok(object) => match ask(&expression, &object) {
                    Answer::True => Reading::Object { holds: Some(true), seen: what.into() },
                    Answer::False => Reading::Object { holds: Some(false), seen: what.into() },
                    Answer::Untold(why) => untold(format!("{what}: {why}")),
                },
                Err(error) if error.code == Some(404) => untold(format!("{what} is not there")),
                Err(error) => Reading::Failed { why: error.why },
            }
        }
        Which::Labelled(labels, quantity) => {
            let selector: Vec<String> = labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
            let what = format!("{} {place}({})", check.kind, selector.join(","));
            let params = ListParams::default().labels(&selector.join(",")).limit(MOST);
            match api_error::within(&what, api.list(&params)).await {
                Ok(found) if found.metadata.continue_.as_ref().is_some_and(|more| !more.is_empty()) => {
                    untold(format!("{what} means more than {MOST} objects; narrow the selector"))
                }
                Ok(found) if found.items.is_empty() => untold(format!("no {what} is there")),
                Ok(found) => {
                    let answers = found.items.iter().map(|object| (name_of(object), ask(&expression, object))).collect::<Vec<_>>();
                    of_many(&what, *quantity, &answers)
                }
                Err(error) => Reading::Failed { why: error.why },
            }
        }
    }
}

/// What the answers of several objects come to.
fn of_many(what: &str, quantity: Match, answers: &[(String, Answer)]) -> Reading {
    let decisive = if quantity == Match::All { Answer::False } else { Answer::True };
    let deciding: Vec<&str> = answers.iter().filter(|(_, answer)| *answer == decisive).map(|(name, _)| name.as_str()).collect();
    let count = answers.len();
    if let Some(first) = deciding.first() {
        let holds = quantity == Match::Any;
        return Reading::Object {
            holds: Some(holds),
            seen: format!("{what}: {} of {count} {holds}, first {first}", deciding.len()).into(),
        };
    }
    let in_doubt = answers.iter().find_map(|(name, answer)| match answer {
        Answer::Untold(why) => Some((name, why)),
        Answer::True | Answer::False => None,
    });
    match in_doubt {
        Some((name, why)) => untold(format!("{what}: {name}: {why}")),
        None => {
            Reading::Object { holds: Some(quantity == Match::All), seen: format!("{what}: all {count} {}", quantity == Match::All).into() }
        }
    }
}

fn ask(expression: &Expression, object: &DynamicObject) -> Answer {
    match serde_json::to_value(object) {
        Ok(object) => expression.ask(&object),
        Err(_) => Answer::Untold("the object can't be read as JSON".to_owned()),
    }
}

fn name_of(object: &DynamicObject) -> String {
    object.metadata.name.clone().unwrap_or_default()
}

fn untold(seen: String) -> Reading {
    Reading::Object { holds: None, seen: seen.into() }
}

/// Finds the resource of a kind: in the version that is named, or in the one that the cluster prefers.
/// `None` where it is not served. Only that group is asked: another one that is down is no matter.
pub(super) async fn resource(cluster: &Cluster, check: &KindRef) -> Result<Option<Resource>, ApiError> {
    let key = (check.group.clone(), check.version.clone(), check.kind.clone());
    let known = |resources: &Resources| resources.0.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
    if let Some(resource) = known(&cluster.resources) {
        return Ok(Some(resource));
    }
    let client = &cluster.client;
    let versions: Vec<String> = match &check.version {
        Some(version) => vec![version.clone()],
        None if check.group.is_empty() => vec!["v1".to_owned()],
        None => {
            let groups = api_error::within("GET /apis", client.list_api_groups()).await?;
            let Some(group) = groups.groups.into_iter().find(|group| group.name == check.group) else { return Ok(None) };
            let preferred = group.preferred_version.map(|preferred| preferred.version);
            // a kind may be served in another version only than the one the group prefers
            let others = group.versions.into_iter().map(|version| version.version).filter(|version| Some(version) != preferred.as_ref());
            preferred.clone().into_iter().chain(others).collect()
        }
    };
    for version in versions {
        let path = if check.group.is_empty() { version.clone() } else { format!("{}/{version}", check.group) };
        let listed = if check.group.is_empty() {
            api_error::within(&format!("GET /api/{path}"), client.list_core_api_resources(&path)).await
        } else {
            api_error::within(&format!("GET /apis/{path}"), client.list_api_group_resources(&path)).await
        };
        let listed = match listed {
            Ok(listed) => listed,
            Err(error) if error.code == Some(404) => continue,
            Err(error) => return Err(error),
        };
        let found = listed.resources.into_iter().find(|resource| resource.kind == check.kind && !resource.name.contains('/'));
        if let Some(found) = found {
            let api = ApiResource { group: check.group.clone(), version, api_version: path, kind: check.kind.clone(), plural: found.name };
            let resource = Resource { api, namespaced: found.namespaced };
            cluster.resources.0.lock().unwrap_or_else(PoisonError::into_inner).insert(key, resource.clone());
            return Ok(Some(resource));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(quantity: Match, answers: &[Answer]) -> Option<bool> {
        let answers: Vec<_> = answers.iter().map(|answer| ("p".to_owned(), answer.clone())).collect();
        let Reading::Object { holds, .. } = of_many("Pod", quantity, &answers) else { unreachable!() };
        holds
    }

    #[test]
    fn many_objects_should_decide_only_what_is_sure() {
        let untold = Answer::Untold("no field".to_owned());
        for (quantity, answers, expected) in [
            (Match::All, vec![Answer::True, Answer::True], Some(true)),
            (Match::All, vec![Answer::True, untold.clone()], None),
            (Match::All, vec![untold.clone(), Answer::False], Some(false)),
            (Match::Any, vec![Answer::False, Answer::False], Some(false)),
            (Match::Any, vec![Answer::False, untold.clone()], None),
            (Match::Any, vec![untold, Answer::True], Some(true)),
        ] {
            assert_eq!(holds(quantity, &answers), expected, "{quantity:?} of {answers:?}");
        }
    }
}

//! Tables of configuration and its limits.

use serde_json::json;

use super::{AGE, Columns, NAME, age, integer, made, string};
use crate::rehearsal::api::object::{Object, pairs};

fn entries(object: &Object, field: &str) -> usize {
    object.value().get(field).and_then(|map| map.as_object()).map_or(0, serde_json::Map::len)
}

pub(super) const CONFIG_MAP: Columns = made(&[NAME, string("Data"), AGE], |map, now| {
    vec![json!(map.name()), json!(entries(map, "data") + entries(map, "binaryData")), age(map, now)]
});

pub(super) const SECRET: Columns = made(&[NAME, string("Type"), string("Data"), AGE], |secret, now| {
    vec![json!(secret.name()), json!(secret.text("/type")), json!(entries(secret, "data")), age(secret, now)]
});

pub(super) const SERVICE_ACCOUNT: Columns = made(&[NAME, string("Secrets"), AGE], |account, now| {
    vec![json!(account.name()), json!(account.list("/secrets").len()), age(account, now)]
});

pub(super) const RESOURCE_QUOTA: Columns = made(&[NAME, string("Request"), string("Limit"), AGE], |quota, now| {
    let used = pairs(quota.value(), "/status/used");
    let (limits, requests): (Vec<_>, Vec<_>) =
        pairs(quota.value(), "/status/hard").into_iter().partition(|(name, _)| name.starts_with("limits."));
    let told = |all: Vec<(&str, &str)>| {
        all.iter().map(|(name, hard)| format!("{name}: {}/{hard}", used.get(name).unwrap_or(&"0"))).collect::<Vec<_>>().join(", ")
    };
    vec![json!(quota.name()), json!(told(requests)), json!(told(limits)), age(quota, now)]
});

pub(super) const WEBHOOKS: Columns = made(&[NAME, integer("Webhooks"), AGE], |configuration, now| {
    vec![json!(configuration.name()), json!(configuration.list("/webhooks").len()), age(configuration, now)]
});

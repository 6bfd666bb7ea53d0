//! `NetworkChaos`: rules written into one `PodNetworkChaos` for each pod, and waited for.

use std::net::Ipv4Addr;

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::experiment::record_target;
use super::records::{INJECTED, INJECTED_WAIT, NOT_INJECTED, NOT_INJECTED_WAIT, Work};
use crate::rehearsal::api::kinds::Kind;
use crate::rehearsal::api::object::{Object, list, map_mut, text};
use crate::rehearsal::api::store::Key;
use crate::rehearsal::api::writes::Part;
use crate::rehearsal::controllers::Hand;
use crate::rehearsal::dice::fnv32;

/// Apply to the target of a record: write the rules, then wait until the daemon has them.
///
/// # Errors
/// Why not, for the record and the event.
pub async fn apply(hand: &mut Hand, experiment: &Object, record: &Value, work: &mut Work) -> Result<&'static str, String> {
    let (namespace, name, _) = record_target(record);
    let id = text(record, "/id").to_owned();
    let chaos = hand.get(&Key::new(Kind::PodNetworkChaos, namespace, name));
    if text(record, "/phase") == NOT_INJECTED_WAIT {
        let Some(chaos) = chaos else { return Ok(NOT_INJECTED) };
        return confirmed(&chaos, work.instances.get(&id)).map(|there| if there { INJECTED } else { NOT_INJECTED_WAIT });
    }
    let Some(rules) = rules(hand, experiment, record, &work.records) else { return Ok(INJECTED) };
    let pod = hand.get(&Key::new(Kind::Pod, namespace, name)).ok_or_else(|| format!("Pod {name:?} not found"))?;
    let written = match chaos {
        Some(chaos) => {
            let replaced = |value: &mut Value| {
                take_out(value, experiment);
                put_in(value, rules.clone());
            };
            hand.edit(&Key::of(Kind::PodNetworkChaos, chaos.value()), Part::Main, replaced).await
        }
        None if pod.text("/status/phase") != "Running" => return Err("pod not running".to_owned()),
        None => {
            let mut value = json!({
                "apiVersion": "chaos-mesh.org/v1alpha1", "kind": "PodNetworkChaos",
                "metadata": {"name": name, "ownerReferences": [{"apiVersion": "v1", "kind": "Pod", "name": name, "uid": pod.uid()}]}, "spec": {},
            });
            put_in(&mut value, rules);
            hand.create(Kind::PodNetworkChaos, namespace, value).await
        }
    };
    let written = written.map_err(|refusal| refusal.message)?;
    work.instances.insert(id, json!(written.number("/metadata/generation").unwrap_or(0)));
    Ok(NOT_INJECTED_WAIT)
}

/// Recover the target of a record: take the rules out, then wait until the daemon has dropped them.
///
/// # Errors
/// Why not, for the record and the event.
pub async fn recover(hand: &mut Hand, experiment: &Object, record: &Value, work: &mut Work) -> Result<&'static str, String> {
    let (namespace, name, _) = record_target(record);
    let id = text(record, "/id").to_owned();
    let Some(chaos) = hand.get(&Key::new(Kind::PodNetworkChaos, namespace, name)) else { return Ok(NOT_INJECTED) };
    if text(record, "/phase") == INJECTED_WAIT {
        return confirmed(&chaos, work.instances.get(&id)).map(|gone| if gone { NOT_INJECTED } else { INJECTED_WAIT });
    }
    let key = Key::of(Kind::PodNetworkChaos, chaos.value());
    let written = hand.edit(&key, Part::Main, |value| take_out(value, experiment)).await.map_err(|refusal| refusal.message)?;
    work.instances.insert(id, json!(written.number("/metadata/generation").unwrap_or(0)));
    Ok(INJECTED_WAIT)
}

/// Whether the daemon has caught up with this generation.
fn confirmed(chaos: &Object, instance: Option<&Value>) -> Result<bool, String> {
    let failed = chaos.text("/status/failedMessage");
    if !failed.is_empty() {
        return Err(failed.to_owned());
    }
    let wanted = instance.and_then(Value::as_i64).unwrap_or(0);
    Ok(chaos.number("/status/observedGeneration").unwrap_or(0) >= wanted)
}

const LISTS: [&str; 3] = ["ipsets", "iptables", "tcs"];

fn source(experiment: &Object) -> String {
    format!("{}/{}", experiment.namespace(), experiment.name())
}

/// Remove this experiment's rules.
fn take_out(value: &mut Value, experiment: &Object) {
    let source = source(experiment);
    let spec = map_mut(value, "spec");
    for field in LISTS {
        if let Some(rules) = spec.get_mut(field).and_then(Value::as_array_mut) {
            rules.retain(|rule| rule["source"] != source.as_str());
            if rules.is_empty() {
                spec.shift_remove(field);
            }
        }
    }
}

fn put_in(value: &mut Value, rules: Map<String, Value>) {
    let spec = map_mut(value, "spec");
    for (field, added) in rules {
        let list = spec.entry(field).or_insert_with(|| json!([]));
        if let (Some(list), Value::Array(added)) = (list.as_array_mut(), added) {
            list.extend(added);
        }
    }
}

/// The rules for a record's pod; none for the side that this direction leaves alone.
fn rules(hand: &Hand, experiment: &Object, record: &Value, records: &[Value]) -> Option<Map<String, Value>> {
    let spec = &experiment.value()["spec"];
    let on_target = text(record, "/selectorKey") == ".Target";
    let partition = text(spec, "/action") == "partition";
    let direction = text(spec, "/direction");
    // Where traffic is shaped: on the sources towards the targets, or the other way round. A partition drops on both sides.
    let (outgoing, incoming) = match (direction, on_target) {
        ("to", false) | ("from", true) => (true, false),
        ("from", false) | ("to", true) => (false, true),
        _ => (true, true),
    };
    if !partition && !outgoing {
        return None;
    }
    let source = source(experiment);
    let others = others(hand, experiment, records, on_target);
    let base = short_name(experiment.name());
    let suffix = if on_target { "src" } else { "tgt" };
    let mut rules = Map::new();
    let device = text(spec, if on_target { "/targetDevice" } else { "/device" });
    let sets = |names: [String; 3], cidrs: &[String]| {
        json!([
            {"name": names[0], "ipsetType": "hash:net", "cidrs": cidrs, "source": source},
            {"name": names[1], "ipsetType": "hash:net,port", "cidrAndPorts": [], "source": source},
            {"name": names[2], "ipsetType": "list:set", "setNames": [names[0], names[1]], "source": source},
        ])
    };
    if partition {
        let names = [format!("{base}_net_{suffix}"), format!("{base}_netport_{suffix}"), format!("{base}_set_{suffix}")];
        let mut chains = Vec::new();
        for (wanted, chain, word) in [(outgoing, "OUTPUT", "output"), (incoming, "INPUT", "input")] {
            if wanted {
                let mut rule = json!({"name": format!("{chain}/{base}_"), "direction": word, "ipsets": [], "source": source});
                if others.is_some() {
                    rule["ipsets"] = json!([names[2]]);
                }
                if !device.is_empty() {
                    rule["device"] = json!(device);
                }
                chains.push(rule);
            }
        }
        if let Some(cidrs) = others {
            rules.insert("ipsets".to_owned(), sets(names, &cidrs));
        }
        rules.insert("iptables".to_owned(), json!(chains));
        return Some(rules);
    }
    let bandwidth = text(spec, "/action") == "bandwidth";
    let mut tc = Map::new();
    for block in if bandwidth { &["bandwidth"][..] } else { &["delay", "loss", "duplicate", "corrupt", "rate"][..] } {
        if spec[*block].is_object() {
            tc.insert((*block).to_owned(), spec[*block].clone());
        }
    }
    if !device.is_empty() {
        tc.insert("device".to_owned(), json!(device));
    }
    if let Some(cidrs) = others {
        let word = if bandwidth { "bat" } else { "net" };
        let names = ["net", "netport", "set"].map(|part| format!("{base}_{part}_{word}{suffix}"));
        tc.insert("ipset".to_owned(), json!(names[0]));
        rules.insert("ipsets".to_owned(), sets(names, &cidrs));
    }
    tc.insert("source".to_owned(), json!(source));
    tc.insert("type".to_owned(), json!(if bandwidth { "bandwidth" } else { "netem" }));
    rules.insert("tcs".to_owned(), json!([tc]));
    Some(rules)
}

/// The addresses on the other side, as they are now; none when the rule is for all traffic.
fn others(hand: &Hand, experiment: &Object, records: &[Value], on_target: bool) -> Option<Vec<String>> {
    let spec = &experiment.value()["spec"];
    let external = list(spec, "/externalTargets");
    if !spec["target"].is_object() && external.is_empty() {
        return None;
    }
    let key = if on_target { "." } else { ".Target" };
    let mut cidrs: Vec<String> = records
        .iter()
        .filter(|record| record["selectorKey"] == key)
        .map(record_target)
        .filter_map(|(namespace, name, _)| hand.get(&Key::new(Kind::Pod, namespace, name)))
        .map(|pod| format!("{}/32", pod.text("/status/podIP")))
        .collect();
    cidrs.extend(external.iter().filter_map(Value::as_str).map(cidr));
    Some(cidrs)
}

/// An external target as a network. Names are resolved to an address of the documentation range, always the same.
fn cidr(target: &str) -> String {
    let host = target.rsplit_once(':').filter(|(_, port)| port.parse::<u16>().is_ok()).map_or(target, |(host, _)| host);
    if host.contains('/') {
        host.to_owned()
    } else if host.parse::<Ipv4Addr>().is_ok() {
        format!("{host}/32")
    } else {
        format!("198.51.100.{}/32", fnv32(host) % 254 + 1)
    }
}

/// A chaos name cut to what a rule may be called.
fn short_name(name: &str) -> String {
    if name.len() < 6 {
        return name.to_owned();
    }
    let (head, rest) = name.split_at(name.char_indices().nth(5).map_or(name.len(), |(index, _)| index));
    let digest = Sha256::digest(rest.as_bytes());
    let number = digest.iter().take(5).fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    format!("{head}_{number:010x}")
}

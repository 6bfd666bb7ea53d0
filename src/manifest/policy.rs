//! A partition without Chaos Mesh: a `NetworkPolicy` of gameday's own that lets everything through but what is to be cut.
//!
//! A policy only ever allows, and judges who opens a connection, not its packets. What it can't say is refused by name.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::effect::{ChaosRef, FaultId};
use crate::event::PeerFact;
use crate::fault::{Action, Fault, Mode, Requirement, Selector};
use crate::header::Header;
use crate::manifest::{GAMEDAY, MANAGED_BY, RUN, STEP, named};

/// Why a fault can't be done by a policy; `None` where it can.
#[must_use]
pub fn why_not(fault: &Fault) -> Option<String> {
    let Action::Network { action, .. } = &fault.action else { return Some(format!("a {} is none", fault.action.kind())) };
    if action != "partition" {
        return Some(format!("it cuts off, it does not {action}"));
    }
    if fault.mode != Mode::All || fault.peer.as_ref().is_some_and(|(_, mode)| *mode != Mode::All) {
        return Some("it holds for every pod of its labels: write mode: all, here and in target".to_owned());
    }
    let selector = &fault.selector;
    if selector.namespaces.len() > 1 {
        return Some("it is in one namespace: write a step for each".to_owned());
    }
    // what has ended has no network to be cut off from
    let running = selector.pod_phase_selectors == ["Running"];
    let selector =
        &Selector { pod_phase_selectors: if running { Vec::new() } else { selector.pod_phase_selectors.clone() }, ..selector.clone() };
    if !is_by_labels(selector) {
        return Some(
            "it selects by labels alone: labelSelectors, expressionSelectors, and podPhaseSelectors: [Running] at the most".to_owned(),
        );
    }
    if fault.manifest.pointer("/spec/device").is_some() || fault.manifest.pointer("/spec/targetDevice").is_some() {
        return Some("it knows no network devices".to_owned());
    }
    externals(fault)
        .iter()
        .find_map(|external| block(external).is_none().then(|| format!("it knows addresses without ports alone, and {external:?} is none")))
}

fn is_by_labels(selector: &Selector) -> bool {
    let bare =
        Selector { namespaces: Vec::new(), label_selectors: BTreeMap::default(), expression_selectors: Vec::new(), ..selector.clone() };
    bare.is_everything()
}

/// Its pods' namespace; `home` is where the manifest leaves it open.
fn namespace<'a>(fault: &'a Fault, home: &'a str) -> &'a str {
    fault.selector.namespaces.first().map_or_else(|| fault.namespace().unwrap_or(home), String::as_str)
}

fn externals(fault: &Fault) -> Vec<String> {
    let listed = fault.manifest.pointer("/spec/externalTargets").and_then(Value::as_array);
    listed.into_iter().flatten().map(|one| one.as_str().unwrap_or_default().to_owned()).collect()
}

/// An address or a range of them, as a range.
fn block(text: &str) -> Option<String> {
    let (address, length) = text.split_once('/').map_or((text, None), |(address, length)| (address, Some(length)));
    let address: std::net::IpAddr = address.parse().ok()?;
    let most: u8 = if address.is_ipv4() { 32 } else { 128 };
    let length = length.map_or(Some(most), |length| length.parse().ok().filter(|length| *length <= most))?;
    Some(format!("{address}/{length}"))
}

/// The policy that is sent for a partition, once it is known who is at the other end.
///
/// # Errors
/// Why there is none that cuts exactly this.
pub fn prepared(fault: &Fault, id: FaultId, header: &Header, peers: &[PeerFact]) -> Result<(ChaosRef, Value), String> {
    if let Some(why) = why_not(fault) {
        return Err(why);
    }
    if let Some(peer) = peers.iter().find(|peer| peer.host_network) {
        return Err(format!("{} has its node's network: cutting its address off would cut off the node", peer.pod));
    }
    let externals: Vec<String> = externals(fault).iter().filter_map(|external| block(external)).collect();
    if fault.peer.is_some() && externals.is_empty() && peers.iter().all(|peer| peer.ips.is_empty()) {
        return Err("no pod with an address is at its other end".to_owned());
    }
    let cut: Vec<String> = peers.iter().flat_map(|peer| &peer.ips).filter_map(|ip| block(ip)).chain(externals.iter().cloned()).collect();
    let mut allowed: Vec<Value> = ["0.0.0.0/0", "::/0"].iter().filter_map(|all| all_but(all, &cut)).collect();
    if externals.is_empty() {
        // some networks know pods by their labels alone, and take ranges of addresses for the world outside
        allowed.extend(fault.peer.iter().filter(|(selector, _)| is_by_labels(selector)).flat_map(|(selector, _)| others(selector)));
    }
    // with nobody named at the other end it is everybody: then nothing is let through
    let everybody = fault.peer.is_none() && externals.is_empty();
    let rules = |side: &str| if everybody { json!([]) } else { json!([{side: allowed}]) };
    let mut spec = json!({"podSelector": labels(&fault.selector), "policyTypes": []});
    let direction = if let Action::Network { direction, .. } = &fault.action { direction.as_str() } else { "to" };
    for (kind, key, side, other) in [("Egress", "egress", "to", "from"), ("Ingress", "ingress", "from", "to")] {
        if direction != other {
            spec[key] = rules(side);
            spec["policyTypes"].as_array_mut().into_iter().for_each(|kinds| kinds.push(kind.into()));
        }
    }
    let (namespace, name) = (namespace(fault, &header.place.namespace).to_owned(), named(fault.name(), id, header));
    let manifest = json!({
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "labels": {MANAGED_BY: GAMEDAY, RUN: header.token, STEP: id.0.to_string()},
        },
        "spec": spec,
    });
    Ok((ChaosRef { kind: "NetworkPolicy".to_owned(), namespace, name }, manifest))
}

/// All addresses of a family but those that are cut; `None` where all are.
fn all_but(all: &str, cut: &[String]) -> Option<Value> {
    let six = all.contains(':');
    let mut except: Vec<&String> = cut.iter().filter(|cut| cut.contains(':') == six).collect();
    except.sort();
    except.dedup();
    if except.iter().any(|cut| cut.ends_with("/0")) {
        return None;
    }
    Some(if except.is_empty() { json!({"ipBlock": {"cidr": all}}) } else { json!({"ipBlock": {"cidr": all, "except": except}}) })
}

fn labels(selector: &Selector) -> Value {
    let sets: Vec<Value> = selector.expression_selectors.iter().map(requirement).collect();
    json!({"matchLabels": selector.label_selectors, "matchExpressions": sets})
}

fn requirement(set: &Requirement) -> Value {
    let mut said = json!({"key": set.key, "operator": set.operator});
    if matches!(set.operator.as_str(), "In" | "NotIn") {
        said["values"] = json!(set.values);
    }
    said
}

/// Every pod that a selector does not mean: whoever lacks one of the things it asks for.
fn others(selector: &Selector) -> impl Iterator<Item = Value> {
    let unequal = selector.label_selectors.iter().map(|(key, value)| Requirement {
        key: key.clone(),
        operator: "NotIn".to_owned(),
        values: vec![value.clone()],
    });
    let unlike = selector.expression_selectors.iter().map(|set| Requirement {
        operator: match set.operator.as_str() {
            "In" => "NotIn",
            "NotIn" => "In",
            "Exists" => "DoesNotExist",
            _ => "Exists",
        }
        .to_owned(),
        ..set.clone()
    });
    let whoever = |set: Requirement| json!({"namespaceSelector": {}, "podSelector": {"matchExpressions": [requirement(&set)]}});
    unequal.chain(unlike).map(whoever).collect::<Vec<_>>().into_iter()
}

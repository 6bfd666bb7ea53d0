//! What `NetworkPolicies` let through: who is selected by one is reached, or reaches out, only as some policy allows. What none allows is dropped.
//!
//! Each packet is judged, as an eBPF data path does it: a connection that was there before the policy is cut as well.

use std::sync::Arc;

use serde_json::Value;

use super::network::{End, Network, OUTSIDE, address};
use crate::rehearsal::api::State;
use crate::rehearsal::api::kinds::Kind;
use crate::rehearsal::api::object::{Object, list, text};
use crate::rehearsal::api::selector::Selector;
use crate::rehearsal::stage::PROMETHEUS;

/// Where Prometheus asks from: a policy lets it through that allows its namespace.
pub const SCRAPER: End<'static> = End { ip: Some(SCRAPER_IP), ..OUTSIDE };

/// Of the network of pods, where no node hands out addresses.
const SCRAPER_IP: u32 = u32::from_be_bytes([10, 244, 255, 254]);

/// One thing that is allowed.
#[derive(Debug, Clone, PartialEq)]
pub struct Allowance {
    /// The addresses of the other side, less those cut out of them; all where there is none.
    others: Option<Vec<(Network, Vec<Network>)>>,
    /// The ports, first to last; all where there is none.
    ports: Option<Vec<(u16, u16)>>,
}

impl Allowance {
    fn covers(&self, other: Option<u32>, port: Option<u16>) -> bool {
        let meant = |(network, except): &(Network, Vec<Network>)| network.holds(other) && !except.iter().any(|cut| cut.holds(other));
        self.others.as_ref().is_none_or(|others| others.iter().any(meant))
            && self.ports.as_ref().is_none_or(|ports| ports.iter().any(|(first, last)| port.is_some_and(|p| (*first..=*last).contains(&p))))
    }
}

/// What a pod may take and send; anything, in a direction for which no policy selects it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Policy {
    ingress: Option<Vec<Allowance>>,
    egress: Option<Vec<Allowance>>,
}

impl Policy {
    /// Whether a connection to this port may come in from there.
    #[must_use]
    pub fn takes(&self, from: Option<u32>, port: Option<u16>) -> bool {
        self.ingress.as_ref().is_none_or(|all| all.iter().any(|one| one.covers(from, port)))
    }

    /// Whether a connection may go out to this port there.
    #[must_use]
    pub fn sends(&self, to: Option<u32>, port: Option<u16>) -> bool {
        self.egress.as_ref().is_none_or(|all| all.iter().any(|one| one.covers(to, port)))
    }
}

/// The policy of this pod: all that select it, together.
#[must_use]
pub fn of(state: &State, pod: &Object) -> Policy {
    let mut policy = Policy::default();
    for object in state.store.list(Kind::NetworkPolicy, Some(pod.namespace())) {
        let spec = &object.value()["spec"];
        if !selects(&spec["podSelector"], pod) {
            continue;
        }
        let is = |kind: &str| list(spec, "/policyTypes").iter().any(|meant| meant == kind);
        if is("Ingress") {
            let allowed = list(spec, "/ingress").iter().map(|rule| allowance(state, pod, rule, "from", Some(pod)));
            policy.ingress.get_or_insert_default().extend(allowed);
        }
        if is("Egress") {
            let allowed = list(spec, "/egress").iter().map(|rule| allowance(state, pod, rule, "to", None));
            policy.egress.get_or_insert_default().extend(allowed);
        }
    }
    policy
}

fn selects(selector: &Value, object: &Object) -> bool {
    selector.as_object().is_none_or(serde_json::Map::is_empty) || Selector::of_workload(selector).is_some_and(|s| s.matches(object))
}

/// One rule; `served` is the pod whose ports its names are looked up in, if that is known.
fn allowance(state: &State, pod: &Object, rule: &Value, side: &str, served: Option<&Object>) -> Allowance {
    let peers = rule.get(side).and_then(Value::as_array).filter(|peers| !peers.is_empty());
    let others = peers.map(|peers| peers.iter().flat_map(|peer| networks(state, pod, peer)).collect());
    let ports = rule.get("ports").and_then(Value::as_array).filter(|ports| !ports.is_empty());
    let ports = ports.map(|ports| {
        let tcp = ports.iter().filter(|port| matches!(text(port, "/protocol"), "" | "TCP"));
        tcp.flat_map(|port| match &port["port"] {
            Value::String(name) => named(state, served, name).into_iter().map(|number| (number, number)).collect(),
            Value::Number(number) => {
                let first = number.as_u64().and_then(|n| u16::try_from(n).ok()).unwrap_or(0);
                let last = port["endPort"].as_u64().and_then(|n| u16::try_from(n).ok()).unwrap_or(first);
                vec![(first, last)]
            }
            _ => vec![(0, u16::MAX)],
        })
        .collect()
    });
    Allowance { others, ports }
}

/// The numbers of a port's name: of one pod, or wherever it is used.
fn named(state: &State, served: Option<&Object>, name: &str) -> Vec<u16> {
    let of = |pod: &Object| -> Vec<u16> {
        let ports = pod.list("/spec/containers").iter().flat_map(|container| list(container, "/ports"));
        ports.filter(|port| port["name"] == name).filter_map(|port| u16::try_from(port["containerPort"].as_u64()?).ok()).collect()
    };
    match served {
        Some(pod) => of(pod),
        None => state.store.list(Kind::Pod, None).flat_map(|pod| of(pod)).collect(),
    }
}

/// The addresses that a peer stands for, seen from this pod.
fn networks(state: &State, pod: &Object, peer: &Value) -> Vec<(Network, Vec<Network>)> {
    if let Some(block) = peer.get("ipBlock") {
        let except = list(block, "/except").iter().filter_map(|cut| Network::of(cut.as_str()?)).collect();
        return Network::of(text(block, "/cidr")).map(|network| (network, except)).into_iter().collect();
    }
    let everybody = Value::Object(serde_json::Map::new());
    let pods = peer.get("podSelector").unwrap_or(&everybody);
    let there = |namespace: &str| match peer.get("namespaceSelector") {
        None => namespace == pod.namespace(),
        Some(selector) => state.store.list(Kind::Namespace, None).any(|found| found.name() == namespace && selects(selector, found)),
    };
    let meant = |other: &&Arc<Object>| there(other.namespace()) && selects(pods, other);
    let addresses = state.store.list(Kind::Pod, None).filter(meant).filter_map(|other| address(other.text("/status/podIP")));
    let scraper = (there(PROMETHEUS.0) && peer.get("podSelector").is_none()).then_some(SCRAPER_IP);
    addresses.chain(scraper).map(|ip| (Network::one(ip), Vec::new())).collect()
}

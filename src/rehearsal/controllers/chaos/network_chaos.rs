//! `NetworkChaos`: the rules for the network of a pod.

use std::net::Ipv4Addr;

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::experiment::record_target;
use super::rules::source;
use crate::rehearsal::api::kinds::Kind;
use crate::rehearsal::api::object::{Object, text};
use crate::rehearsal::api::store::Key;
use crate::rehearsal::controllers::Hand;
use crate::rehearsal::dice::fnv32;

/// The rules for a record's pod; none for the side that this direction leaves alone.
///
/// # Errors
/// When a pod of the other side is gone.
pub fn rules(hand: &Hand, experiment: &Object, record: &Value, records: &[Value]) -> Result<Option<Value>, String> {
    let spec = &experiment.value()["spec"];
    let on_target = text(record, "/selectorKey") == ".Target";
    let partition = text(spec, "/action") == "partition";
    // Where traffic is shaped: on the sources towards the targets, or the other way round. A partition drops on both sides.
    let (outgoing, incoming) = match (text(spec, "/direction"), on_target) {
        ("to", false) | ("from", true) => (true, false),
        ("from", false) | ("to", true) => (false, true),
        _ => (true, true),
    };
    if !partition && !outgoing {
        return Ok(None);
    }
    let side = Side { hand, experiment, source: source(experiment), suffix: if on_target { "src" } else { "tgt" } };
    let others = side.others(records, if on_target { "." } else { ".Target" })?;
    let device = spec.get(if on_target { "targetDevice" } else { "device" }).cloned().unwrap_or(Value::Null);
    let rules = if partition {
        let mut ways = Vec::new();
        // Each way brings its sets, so that they are there twice when both are cut.
        for (_, chain, word) in [(outgoing, "OUTPUT", "output"), (incoming, "INPUT", "input")].iter().filter(|(wanted, _, _)| *wanted) {
            ways.push(side.dropped(chain, word, others.as_ref(), &device));
        }
        let sets: Vec<Value> = ways.iter().flat_map(|(sets, _)| sets.clone()).collect();
        let chains: Vec<Value> = ways.into_iter().map(|(_, chain)| chain).collect();
        json!({"ipsets": sets, "iptables": chains})
    } else {
        side.shaped(others.as_ref(), &device)
    };
    Ok(Some(rules))
}

/// The addresses of the other side, as they were when the rules were made.
struct Others {
    cidrs: Vec<String>,
    with_ports: Vec<Value>,
}

/// One side of an experiment.
struct Side<'a> {
    hand: &'a Hand,
    experiment: &'a Object,
    source: String,
    suffix: &'static str,
}

impl Side<'_> {
    /// None when the rule is for all traffic.
    fn others(&self, records: &[Value], key: &str) -> Result<Option<Others>, String> {
        let mut others = Others { cidrs: Vec::new(), with_ports: Vec::new() };
        for target in self.experiment.list("/spec/externalTargets").iter().filter_map(Value::as_str) {
            match cidr(target) {
                (cidr, 0) => others.cidrs.push(cidr),
                (cidr, port) => others.with_ports.push(json!({"cidr": cidr, "port": port})),
            }
        }
        let records: Vec<&Value> = records.iter().filter(|record| record["selectorKey"] == key).collect();
        if records.is_empty() && others.cidrs.is_empty() && others.with_ports.is_empty() {
            return Ok(None);
        }
        for (namespace, name, _) in records.into_iter().map(record_target) {
            let pod = self.hand.get(&Key::new(Kind::Pod, namespace, name)).ok_or_else(|| format!("Pod {name:?} not found"))?;
            if !pod.text("/status/podIP").is_empty() {
                others.cidrs.push(format!("{}/32", pod.text("/status/podIP")));
            }
        }
        Ok(Some(others))
    }

    /// The three sets of addresses, the last of which is both others.
    fn sets(&self, others: &Others, word: &str) -> ([Value; 3], String) {
        let [net, net_port, set] =
            ["net", "netport", "set"].map(|part| compressed(self.experiment.name(), 27, &format!("{part}_{word}{}", self.suffix)));
        let sets = [
            json!({"name": net, "ipsetType": "hash:net", "cidrs": others.cidrs, "source": self.source}),
            json!({"name": net_port, "ipsetType": "hash:net,port", "cidrAndPorts": others.with_ports, "source": self.source}),
            json!({"name": set, "ipsetType": "list:set", "setNames": [net, net_port], "source": self.source}),
        ];
        (sets, set)
    }

    fn dropped(&self, chain: &str, word: &str, others: Option<&Others>, device: &Value) -> (Vec<Value>, Value) {
        let name = format!("{chain}/{}", compressed(self.experiment.name(), if chain == "INPUT" { 21 } else { 20 }, ""));
        let mut rule = json!({"name": name, "direction": word, "device": device, "source": self.source});
        let Some(others) = others else { return (Vec::new(), rule) };
        let (sets, set) = self.sets(others, "");
        rule["ipsets"] = json!([set]);
        (sets.to_vec(), rule)
    }

    fn shaped(&self, others: Option<&Others>, device: &Value) -> Value {
        let spec = &self.experiment.value()["spec"];
        let bandwidth = text(spec, "/action") == "bandwidth";
        // Whatever blocks there are go along, whichever the action is.
        let mut tc = Map::new();
        for block in ["delay", "loss", "duplicate", "corrupt", "bandwidth", "rate"] {
            if spec[block].is_object() {
                tc.insert(block.to_owned(), spec[block].clone());
            }
        }
        tc.insert("device".to_owned(), device.clone());
        tc.insert("source".to_owned(), json!(self.source));
        tc.insert("type".to_owned(), json!(if bandwidth { "bandwidth" } else { "netem" }));
        let Some(others) = others else { return json!({"tcs": [tc]}) };
        let (sets, set) = self.sets(others, if bandwidth { "ba" } else { "ne" });
        tc.insert("ipset".to_owned(), json!(set));
        json!({"ipsets": sets, "tcs": [tc]})
    }
}

/// An external target as a network, and its port or 0. Names are resolved to an address of the documentation range, always the same.
fn cidr(target: &str) -> (String, u16) {
    let split = target.rsplit_once(':').and_then(|(host, port)| Some((host, port.parse::<u16>().ok()?)));
    let (host, port) = split.unwrap_or((target, 0));
    let cidr = if let Some((address, bits)) = host.split_once('/') {
        network(address, bits).unwrap_or_else(|| host.to_owned())
    } else if host.parse::<Ipv4Addr>().is_ok() {
        format!("{host}/32")
    } else {
        format!("198.51.100.{}/32", fnv32(host) % 254 + 1)
    };
    (cidr, port)
}

/// The network of an address: what its prefix does not cover is cut.
fn network(address: &str, bits: &str) -> Option<String> {
    let bits: u32 = bits.parse().ok().filter(|bits| *bits <= 32)?;
    let mask = u32::MAX.checked_shl(32 - bits).unwrap_or(0);
    let address = u32::from(address.parse::<Ipv4Addr>().ok()?) & mask;
    Some(format!("{}/{bits}", Ipv4Addr::from(address)))
}

/// A chaos name cut so that a rule of this ending is not longer than `length`.
fn compressed(name: &str, length: usize, ending: &str) -> String {
    if name.len() < 6 {
        return format!("{name}_{ending}");
    }
    let (head, rest) = name.split_at(name.char_indices().nth(5).map_or(name.len(), |(index, _)| index));
    let mut digest = String::new();
    for byte in Sha256::digest(rest.as_bytes()) {
        digest += &format!("{byte:02x}");
    }
    digest.truncate(length.saturating_sub(7 + ending.len()));
    format!("{head}_{digest}_{ending}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn external_targets_should_become_networks() {
        assert_eq!(cidr("10.1.2.3"), ("10.1.2.3/32".to_owned(), 0));
        assert_eq!(cidr("10.1.2.3/8:443"), ("10.0.0.0/8".to_owned(), 443));
        assert_eq!(cidr("example.com:80").1, 80);
    }

    #[test]
    fn names_of_rules_should_fit_the_kernel() {
        assert_eq!(compressed("net", 27, "set_tgt"), "net_set_tgt");
        let long = compressed("partition", 27, "netport_netgt");
        assert!(long.starts_with("parti_") && long.ends_with("_netport_netgt") && long.len() == 27, "{long}");
        assert_eq!(compressed("partition", 21, "").len(), 21);
    }
}

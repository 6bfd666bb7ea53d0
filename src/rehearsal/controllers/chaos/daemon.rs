//! What Chaos Mesh's daemons have done to pods. It stays done when the controllers or the daemons are gone.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use super::go;
use crate::rehearsal::api::object::{Object, list, text};
use crate::rehearsal::controllers::Hand;

/// Rules in force, by namespace and pod.
#[derive(Debug, Default)]
pub struct Daemon(BTreeMap<(String, String), Value>);

/// Which way traffic of a pod goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ways {
    /// What the pod sends.
    pub outgoing: bool,
    /// What the pod is sent.
    pub incoming: bool,
}

/// What befalls the packets of a rule.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// They are late, lost, doubled, broken or slowed down: egress only, as `tc` does it.
    Shaped {
        /// Added latency.
        delay: Duration,
        /// Spread around it.
        jitter: Duration,
        /// Share lost, 0 to 1.
        loss: f64,
        /// Share doubled, 0 to 1.
        duplicate: f64,
        /// Share corrupted, 0 to 1.
        corrupt: f64,
        /// Bytes a second, if limited.
        rate: Option<u64>,
    },
    /// They are dropped.
    Dropped(Ways),
}

/// One rule in force on a pod's network.
#[derive(Debug, Clone, PartialEq)]
pub struct NetworkFault {
    /// The pod's namespace.
    pub namespace: String,
    /// The pod.
    pub pod: String,
    /// What befalls its packets.
    pub effect: Effect,
    /// Networks of the other side; `None` for all traffic.
    pub towards: Option<Vec<String>>,
}

impl Daemon {
    /// These rules are in force on this pod now, instead of those before.
    pub fn apply(&mut self, namespace: &str, pod: &str, rules: Value) {
        self.0.insert((namespace.to_owned(), pod.to_owned()), rules);
    }

    /// This pod is gone, and its network with it.
    pub fn forget(&mut self, namespace: &str, pod: &str) {
        self.0.remove(&(namespace.to_owned(), pod.to_owned()));
    }

    /// All rules in force.
    #[must_use]
    pub fn faults(&self) -> Vec<NetworkFault> {
        let mut faults = Vec::new();
        for ((namespace, pod), rules) in &self.0 {
            let towards = |set: &str| -> Option<Vec<String>> {
                let ipset = list(rules, "/ipsets").iter().find(|s| text(s, "/name") == set)?;
                let mut sets = vec![ipset];
                let members: Vec<&str> = list(ipset, "/setNames").iter().filter_map(Value::as_str).collect();
                sets.extend(list(rules, "/ipsets").iter().filter(|s| members.contains(&text(s, "/name"))));
                Some(sets.iter().flat_map(|s| list(s, "/cidrs")).filter_map(|c| c.as_str().map(str::to_owned)).collect())
            };
            for tc in list(rules, "/tcs") {
                let set = text(tc, "/ipset");
                let towards = if set.is_empty() { None } else { towards(set) };
                faults.push(NetworkFault { namespace: namespace.clone(), pod: pod.clone(), effect: shaped(tc), towards });
            }
            for chain in list(rules, "/iptables") {
                let out = text(chain, "/direction") == "output";
                let effect = Effect::Dropped(Ways { outgoing: out, incoming: !out });
                let set = list(chain, "/ipsets").first().and_then(Value::as_str);
                faults.push(NetworkFault { namespace: namespace.clone(), pod: pod.clone(), effect, towards: set.and_then(towards) });
            }
        }
        faults
    }
}

fn shaped(tc: &Value) -> Effect {
    let time = |pointer: &str| {
        let given = text(tc, pointer);
        // Chaos Mesh compares texts with "0ms": whatever starts with 0 is dropped silently.
        let nanos = if given.starts_with('0') { 0 } else { go::duration(given).unwrap_or(0) };
        Duration::from_nanos(nanos.unsigned_abs())
    };
    let share = |pointer: &str| (go::float(text(tc, pointer)).unwrap_or(0.0) / 100.0).clamp(0.0, 1.0);
    let rate = ["/bandwidth/rate", "/rate/rate"].iter().find_map(|pointer| go::rate(text(tc, pointer)).ok());
    Effect::Shaped {
        delay: time("/delay/latency"),
        jitter: time("/delay/jitter"),
        loss: share("/loss/loss"),
        duplicate: share("/duplicate/duplicate"),
        corrupt: share("/corrupt/corrupt"),
        rate,
    }
}

/// Refuse when the daemon on a pod's node cannot be called.
///
/// # Errors
/// Chaos Mesh's words.
pub fn unreachable(hand: &Hand, pod: &Object) -> Result<(), String> {
    if hand.ground(|ground| ground.troubles.chaos_daemon_down) {
        return Err(format!("cannot find daemonIP on node {}", pod.text("/spec/nodeName")));
    }
    Ok(())
}

/// Wait as long as the daemon takes.
pub async fn daemon_call(hand: &mut Hand) {
    let spread = hand.ground(|ground| ground.world.daemon_latency);
    let time = spread.draw(hand.rolls());
    tokio::time::sleep(time).await;
}

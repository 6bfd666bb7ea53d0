//! The controller of `PodNetworkChaos`: what stands in the object is brought to the pod by the daemon on its node.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::{Instant, sleep, timeout_at};

use super::daemon::{daemon_call, unreachable};
use super::notes;
use crate::rehearsal::api::kinds::Kind;
use crate::rehearsal::api::object::{Object, list};
use crate::rehearsal::api::store::{Change, Key, Verb};
use crate::rehearsal::controllers::{Feed, Hand, Home};

/// Run the controller.
pub async fn run(home: Home) {
    let mut hand = Hand::new(&home, "podnetworkchaos");
    let mut feed = Feed::new(&home, &[Kind::PodNetworkChaos]);
    let mut due: BTreeMap<Key, Instant> = BTreeMap::new();
    let mut failures: BTreeMap<Key, u32> = BTreeMap::new();
    loop {
        if home.ground(|ground| ground.troubles.chaos_controller_down) {
            sleep(Duration::from_millis(250)).await;
            continue;
        }
        let next = due.iter().map(|(key, at)| (*at, key.clone())).min();
        let batch = match &next {
            Some((at, _)) => timeout_at(*at, feed.next()).await.ok(),
            None => Some(feed.next().await),
        };
        match (batch, next) {
            (Some(batch), _) => {
                for change in batch {
                    hear(&home, change, &mut due);
                }
            }
            (None, Some((_, key))) => {
                due.remove(&key);
                if reconcile(&mut hand, &key).await {
                    failures.remove(&key);
                } else {
                    let count = failures.entry(key.clone()).or_insert(0);
                    let wait = Duration::from_millis(5 << (*count).min(20)).min(Duration::from_secs(1000));
                    *count += 1;
                    due.insert(key, Instant::now() + wait);
                }
            }
            (None, None) => {}
        }
    }
}

/// Only a change of the spec is acted on.
fn hear(home: &Home, change: Change, due: &mut BTreeMap<Key, Instant>) {
    if change.verb == Verb::Deleted {
        home.ground(|ground| ground.daemon.forget(&change.key.namespace, &change.key.name));
        due.remove(&change.key);
    } else if change.object.number("/metadata/generation") != change.object.number("/status/observedGeneration")
        && change.previous.as_ref().is_none_or(|old| old.value()["spec"] != change.object.value()["spec"])
    {
        due.insert(change.key, Instant::now());
    }
}

/// Bring the rules to the pod. False when that failed.
async fn reconcile(hand: &mut Hand, key: &Key) -> bool {
    let Some(chaos) = hand.get(key) else { return true };
    let Some(pod) = hand.get(&Key::new(Kind::Pod, &key.namespace, &key.name)) else { return true };
    let generation = chaos.number("/metadata/generation").unwrap_or(1);
    let failed = match unreachable(hand, &pod) {
        Err(why) => Some(("create chaos daemon client", why)),
        Ok(()) => empty_netem(&chaos).map(|why| ("set tc", why)),
    };
    if let Some((activity, why)) = failed {
        let status = json!({"failedMessage": why, "observedGeneration": generation});
        notes::failed(hand, Kind::PodNetworkChaos, &chaos, "podnetworkchaos", activity, &why);
        write(hand, &chaos, status).await;
        return false;
    }
    // A call to the daemon, which sets ipsets, iptables and tc.
    daemon_call(hand).await;
    hand.ground(|ground| ground.daemon.apply(&key.namespace, &key.name, chaos.value()["spec"].clone()));
    write(hand, &chaos, json!({"observedGeneration": generation})).await;
    true
}

async fn write(hand: &mut Hand, chaos: &Object, status: Value) {
    if hand.set_status(Kind::PodNetworkChaos, chaos, status).await.is_ok() {
        notes::updated(hand, Kind::PodNetworkChaos, chaos, "podnetworkchaos", "ObservedGeneration and FailedMessage");
    }
}

/// A netem rule that says nothing cannot be set.
fn empty_netem(chaos: &Object) -> Option<String> {
    let says_nothing = |tc: &Value| {
        tc["type"] == "netem" && ["delay", "loss", "duplicate", "corrupt", "rate"].iter().all(|block| tc.get(*block).is_none())
    };
    list(chaos.value(), "/spec/tcs")
        .iter()
        .any(says_nothing)
        .then(|| "invalid spec for netem action, at least one is required from delay, loss, duplicate, corrupt".to_owned())
}

//! How long a message takes from one pod to another, and whether it comes at all.
//!
//! TCP is under everything: what is lost is sent again, each time after twice as long. What is cut off is silence, not an error.

use std::net::Ipv4Addr;
use std::time::Duration;

use super::chance;
use super::policy::Policy;
use crate::rehearsal::controllers::chaos::daemon::{Effect, NetworkFault};
use crate::rehearsal::dice::Rolls;

/// What an address in the same cluster is away, one way, in seconds.
const NEAR: f64 = 0.000_25;

/// After this many seconds nobody waits any more.
const FORGOTTEN: f64 = 60.0;

/// How long a sender waits at least until it sends again what was not confirmed.
const RESEND: f64 = 0.2;

/// The same for the first packet of a connection.
const RESEND_FIRST: f64 = 1.0;

/// One rule on a pod's network.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    effect: Effect,
    /// First address and prefix length of the other side; `None` for all.
    towards: Option<Vec<(u32, u32)>>,
}

impl Rule {
    /// The rule of this fault.
    #[must_use]
    pub fn of(fault: &NetworkFault) -> Self {
        let towards = fault.towards.as_ref().map(|networks| networks.iter().filter_map(|network| cidr(network)).collect());
        Self { effect: fault.effect.clone(), towards }
    }

    fn meets(&self, other: Option<u32>) -> bool {
        self.towards.as_ref().is_none_or(|networks| {
            networks.iter().any(|(first, prefix)| match (other, prefix) {
                (_, 0) => true,
                (Some(ip), prefix) => (ip ^ first) >> (32 - prefix.min(&32)) == 0,
                (None, _) => false,
            })
        })
    }
}

/// The addresses of a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    first: u32,
    prefix: u32,
}

impl Network {
    /// The network of these words: `10.0.0.0/8`.
    #[must_use]
    pub fn of(text: &str) -> Option<Self> {
        cidr(text).map(|(first, prefix)| Self { first, prefix })
    }

    /// The network of one address.
    #[must_use]
    pub fn one(ip: u32) -> Self {
        Self { first: ip, prefix: 32 }
    }

    /// Whether the address is one of it; that of nobody in the cluster is one of all addresses alone.
    #[must_use]
    pub fn holds(self, ip: Option<u32>) -> bool {
        self.prefix == 0 || ip.is_some_and(|ip| (ip ^ self.first) >> (32 - self.prefix.min(32)) == 0)
    }
}

/// One side of a path: its address, if it is a pod's, and the rules there.
#[derive(Debug, Clone, Copy)]
pub struct End<'a> {
    /// The address.
    pub ip: Option<u32>,
    /// The port that it serves on.
    pub port: Option<u16>,
    /// The rules.
    pub rules: &'a [Rule],
    /// What it may take and send, if that is limited.
    pub policy: Option<&'a Policy>,
}

/// The world outside the cluster.
pub const OUTSIDE: End<'static> = End { ip: None, port: None, rules: &[], policy: None };

/// What rules do to packets that go one way.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Way {
    cut: bool,
    delay: f64,
    jitter: f64,
    lost: f64,
    doubled: f64,
    /// Seconds that a byte takes.
    byte: f64,
}

impl Way {
    fn between(from: End<'_>, to: End<'_>) -> Self {
        let mut way = Self::default();
        for rule in from.rules.iter().filter(|rule| rule.meets(to.ip)) {
            match &rule.effect {
                Effect::Dropped(ways) => way.cut |= ways.outgoing,
                Effect::Shaped { delay, jitter, loss, corrupt, rate, duplicate } => {
                    way.delay += delay.as_secs_f64();
                    way.jitter += jitter.as_secs_f64();
                    // a broken packet fails its checksum: it is as good as lost
                    way.lost = 1.0 - (1.0 - way.lost) * (1.0 - loss) * (1.0 - corrupt);
                    way.doubled += duplicate;
                    #[expect(clippy::cast_precision_loss, reason = "a rate in bytes is far below 2^52")]
                    let byte = rate.map_or(0.0, |rate| 1.0 / (rate as f64).max(1.0));
                    way.byte = way.byte.max(byte);
                }
            }
        }
        for rule in to.rules.iter().filter(|rule| rule.meets(from.ip)) {
            if let Effect::Dropped(ways) = &rule.effect {
                way.cut |= ways.incoming;
            }
        }
        way
    }

    /// Seconds of one packet's journey, if it arrives in the end.
    fn travel(self, bytes: f64, first_wait: f64, rolls: &mut Rolls) -> Option<f64> {
        if self.cut {
            return None;
        }
        let mut seconds = NEAR * chance::factor(rolls, 0.3) + bytes * self.byte;
        let mut wait = first_wait;
        while self.lost > 0.0 && rolls.unit() < self.lost {
            seconds += wait;
            wait *= 2.0;
            if seconds > FORGOTTEN {
                return None;
            }
        }
        if self.delay > 0.0 || self.jitter > 0.0 {
            seconds += (self.delay + self.jitter * (2.0 * rolls.unit() - 1.0)).max(0.0);
        }
        Some(seconds)
    }
}

/// A path there and back.
#[derive(Debug, Clone, Copy)]
pub struct Path {
    there: Way,
    back: Way,
}

impl Path {
    /// The path between these two.
    #[must_use]
    pub fn between(from: End<'_>, to: End<'_>) -> Self {
        // A policy is about who begins: what it lets through may be answered.
        let kept = from.policy.is_some_and(|policy| !policy.sends(to.ip, to.port))
            || to.policy.is_some_and(|policy| !policy.takes(from.ip, to.port));
        let there = Way::between(from, to);
        Self { there: Way { cut: there.cut || kept, ..there }, back: Way::between(to, from) }
    }

    fn resend(&self, least: f64) -> f64 {
        least + self.there.delay + self.back.delay
    }

    /// Seconds until a connection is open.
    pub fn open(&self, rolls: &mut Rolls) -> Option<f64> {
        // whichever of the two is lost, the caller begins again
        let both = Way { lost: 1.0 - (1.0 - self.there.lost) * (1.0 - self.back.lost), cut: self.there.cut || self.back.cut, ..self.there };
        Some(both.travel(60.0, self.resend(RESEND_FIRST), rolls)? + Way { lost: 0.0, ..self.back }.travel(60.0, RESEND, rolls)?)
    }

    /// Seconds of a message that goes there.
    pub fn there(&self, bytes: f64, rolls: &mut Rolls) -> Option<f64> {
        self.there.travel(bytes, self.resend(RESEND), rolls)
    }

    /// Seconds of a message that comes back.
    pub fn back(&self, bytes: f64, rolls: &mut Rolls) -> Option<f64> {
        self.back.travel(bytes, self.resend(RESEND), rolls)
    }

    /// The least that a question and its answer take together, however well they fare.
    #[must_use]
    pub fn least(&self) -> Duration {
        let way = |way: &Way| (way.delay - way.jitter).max(0.0);
        Duration::from_secs_f64(way(&self.there) + way(&self.back))
    }

    /// How many bytes cross the wire for each that is meant: what is lost is sent again, what is doubled comes twice.
    #[must_use]
    pub fn overhead(&self) -> f64 {
        let way = |way: &Way| (1.0 + way.doubled) / (1.0 - way.lost.min(0.9));
        way(&self.there).max(way(&self.back))
    }
}

/// The number of an address.
#[must_use]
pub fn address(ip: &str) -> Option<u32> {
    ip.parse::<Ipv4Addr>().ok().map(u32::from)
}

fn cidr(network: &str) -> Option<(u32, u32)> {
    let (ip, prefix) = network.split_once('/').unwrap_or((network, "32"));
    Some((address(ip)?, prefix.parse().ok().filter(|prefix| *prefix <= 32)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rehearsal::controllers::chaos::daemon::Ways;
    use crate::rehearsal::dice::Dice;

    fn rule(effect: Effect, towards: Option<&[&str]>) -> Rule {
        let towards = towards.map(|all| all.iter().map(|one| (*one).to_owned()).collect());
        Rule::of(&NetworkFault { namespace: "a".to_owned(), pod: "p".to_owned(), effect, towards })
    }

    fn shaped(delay: u64, jitter: u64, loss: f64) -> Effect {
        let millis = Duration::from_millis;
        Effect::Shaped { delay: millis(delay), jitter: millis(jitter), loss, duplicate: 0.0, corrupt: 0.0, rate: None }
    }

    #[test]
    fn rules_should_meet_the_networks_they_name() {
        let ip = address("10.244.1.7");
        for (networks, meets) in [(&["10.244.1.7/32"][..], true), (&["10.244.1.8/32"], false), (&["10.244.0.0/16"], true), (&[], false)] {
            assert_eq!(rule(shaped(1, 0, 0.0), Some(networks)).meets(ip), meets, "{networks:?}");
            assert!(!rule(shaped(1, 0, 0.0), Some(networks)).meets(None));
        }
        assert!(rule(shaped(1, 0, 0.0), Some(&["0.0.0.0/0"])).meets(None));
        assert!(rule(shaped(1, 0, 0.0), None).meets(None));
    }

    #[test]
    fn delay_should_come_once_and_loss_in_steps() {
        let mut rolls = Dice::new(1).stream("network");
        let slow = [rule(shaped(200, 20, 0.0), None)];
        let path = Path::between(OUTSIDE, End { ip: Some(1), rules: &slow, ..OUTSIDE });
        for _ in 0..500 {
            let there = path.there(500.0, &mut rolls).unwrap_or(99.0);
            let back = path.back(500.0, &mut rolls).unwrap_or(99.0);
            assert!(there < 0.001 && (0.18..0.222).contains(&back), "egress alone is shaped: {there} {back}");
        }
        let lossy = [rule(shaped(0, 0, 0.5), None)];
        let path = Path::between(OUTSIDE, End { ip: Some(1), rules: &lossy, ..OUTSIDE });
        let backs: Vec<f64> = (0..2000).filter_map(|_| path.back(500.0, &mut rolls)).collect();
        let share = |from: f64, to: f64| backs.iter().filter(|s| (from..to).contains(*s)).count();
        assert!(share(0.0, 0.01) > 800 && share(0.2, 0.21) > 350 && share(0.6, 0.61) > 150, "half at once, then after 0.2 s, 0.6 s, …");
        assert_eq!(share(0.01, 0.2), 0, "nothing between");
    }

    #[test]
    fn partition_should_be_silence_one_way_or_both() {
        let mut rolls = Dice::new(1).stream("network");
        let deaf = [rule(Effect::Dropped(Ways { outgoing: false, incoming: true }), Some(&["10.0.0.1/32"]))];
        let from = End { ip: address("10.0.0.1"), ..OUTSIDE };
        let path = Path::between(from, End { ip: address("10.0.0.2"), rules: &deaf, ..OUTSIDE });
        assert!(path.open(&mut rolls).is_none() && path.there(1.0, &mut rolls).is_none());
        assert!(path.back(1.0, &mut rolls).is_some());
        let other = End { ip: address("10.0.0.3"), ..OUTSIDE };
        assert!(Path::between(other, End { ip: address("10.0.0.2"), rules: &deaf, ..OUTSIDE }).open(&mut rolls).is_some());
    }
}

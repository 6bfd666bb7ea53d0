//! What home says of past runs, and of scenarios.

use chrono::{DateTime, Utc};

use crate::effect::PodRef;
use crate::text::Untrusted;

/// How many pods are named before they are only counted.
const NAMED: usize = 6;

/// How far a scenario has come, `has held: rehearsal ✓ 2h ago · staging –`: of each place when it held, and whether it was then what it
/// is now.
#[must_use]
pub fn graduation<'r>(rungs: impl Iterator<Item = (&'r str, Option<(DateTime<Utc>, bool)>)>, now: DateTime<Utc>) -> String {
    let rung = |(name, held): (&str, Option<(DateTime<Utc>, bool)>)| match held {
        None => format!("{name} –"),
        Some((then, true)) => format!("{name} ✓ {}", ago(then, now)),
        Some((then, false)) => format!("{name} ≠ {}, an older version", ago(then, now)),
    };
    format!("has held: {}", rungs.map(rung).collect::<Vec<_>>().join(" · "))
}

/// Whom a fault would be aimed at now.
#[must_use]
pub fn aim(step: &str, pods: &Result<Vec<PodRef>, Untrusted>) -> String {
    let step = Untrusted::from(step);
    match pods {
        Err(why) => format!("{step}: its pods can't be seen: {why}"),
        Ok(pods) if pods.is_empty() => format!("{step}: means no pod now"),
        Ok(pods) => {
            let names: Vec<String> = pods.iter().take(NAMED).map(|pod| pod.short().to_string()).collect();
            let more = if pods.len() > NAMED { ", …" } else { "" };
            format!("{step}: picks among {} now: {}{more}", pods.len(), names.join(", "))
        }
    }
}

/// How long ago that was, in the largest unit that is whole: `3d ago`.
#[must_use]
pub fn ago(then: DateTime<Utc>, now: DateTime<Utc>) -> String {
    let seconds = (now - then).num_seconds().max(0);
    match seconds {
        0..60 => "now".to_owned(),
        60..3600 => format!("{}m ago", seconds / 60),
        3600..86_400 => format!("{}h ago", seconds / 3600),
        _ => format!("{}d ago", seconds / 86_400),
    }
}

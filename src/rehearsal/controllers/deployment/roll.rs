//! From one template to the next: a few more of the new, a few less of the old, as availability allows.

use std::sync::Arc;

use super::{Found, MOST, Rollout, bounds, current_set, replicas, scale};
use crate::rehearsal::api::deletion::DeleteOptions;
use crate::rehearsal::api::kinds::Kind;
use crate::rehearsal::api::object::Object;
use crate::rehearsal::api::store::Key;
use crate::rehearsal::controllers::Hand;

fn available(set: &Object) -> i64 {
    set.number("/status/availableReplicas").unwrap_or(0)
}

/// One step of a rolling update.
pub async fn roll(hand: &mut Hand, rollout: &Rollout) -> Option<Found> {
    let (current, found) = current_set(hand, rollout).await?;
    let deployment = &rollout.deployment;
    let wanted = rollout.wanted();
    let (surge, unavailable) = bounds(deployment, wanted);
    let old: i64 = rollout.old.iter().map(|set| replicas(set)).sum();
    let have = replicas(&current);
    // Up as far as the surge allows; down at once.
    let next = if have >= wanted { wanted } else { have + (wanted + surge - old - have).clamp(0, wanted - have) };
    if scale(hand, deployment, &current, next).await {
        return found;
    }
    if old == 0 {
        return found;
    }
    let least = wanted - unavailable;
    let all_available: i64 = rollout.old.iter().map(|set| available(set)).sum::<i64>() + available(&current);
    let mut most = old + have - least - (have - available(&current)).max(0);
    let mut left: Vec<(Arc<Object>, i64)> = rollout.old.iter().map(|set| (set.clone(), replicas(set))).collect();
    // Those that serve nobody go first.
    for (set, count) in &mut left {
        let down = (*count - available(set)).clamp(0, most.max(0));
        *count -= down;
        most -= down;
    }
    let mut spare = all_available - least;
    for (_, count) in &mut left {
        let down = (*count).min(spare.max(0)).min(most.max(0));
        *count -= down;
        spare -= down;
        most -= down;
    }
    for (set, count) in left.iter().filter(|(set, count)| *count < replicas(set)) {
        scale(hand, deployment, set, *count).await;
    }
    found
}

/// One step of killing all before starting anew.
pub async fn recreate(hand: &mut Hand, rollout: &Rollout) -> Option<Found> {
    let mut waits = false;
    for set in rollout.old.iter().filter(|set| replicas(set) > 0) {
        waits |= scale(hand, &rollout.deployment, set, 0).await;
    }
    for set in &rollout.old {
        let pods = hand.owned(Kind::Pod, set.namespace(), set.uid());
        waits |= pods.iter().any(|pod| !matches!(pod.text("/status/phase"), "Succeeded" | "Failed"));
    }
    if waits {
        return None;
    }
    let (current, found) = current_set(hand, rollout).await?;
    scale(hand, &rollout.deployment, &current, rollout.wanted()).await;
    found
}

/// The Deployment itself was scaled, or rests: its sets share what there is to be as they did before.
pub async fn scale_in_proportion(hand: &mut Hand, rollout: &Rollout) {
    let deployment = &rollout.deployment;
    let wanted = rollout.wanted();
    let active: Vec<Arc<Object>> = rollout.all().filter(|set| replicas(set) > 0).cloned().collect();
    let only = match active.as_slice() {
        [] => rollout.current.clone().or_else(|| rollout.old.last().cloned()),
        [one] => Some(one.clone()),
        _ => None,
    };
    if let Some(only) = only {
        scale(hand, deployment, &only, wanted).await;
        return;
    }
    if let Some(current) = rollout.current.as_ref().filter(|set| replicas(set) == wanted && available(set) == wanted) {
        for set in active.iter().filter(|set| set.uid() != current.uid()) {
            scale(hand, deployment, set, 0).await;
        }
        return;
    }
    let all: i64 = active.iter().map(|set| replicas(set)).sum();
    let allowed = if wanted > 0 { wanted + bounds(deployment, wanted).0 } else { 0 };
    let mut rest = allowed - all;
    let mut sets = active;
    // The largest first; of equal ones the newer when there is to be more, the older when less.
    if rest > 0 {
        sets.reverse();
    }
    sets.sort_by_key(|set| std::cmp::Reverse(replicas(set)));
    let mut counts: Vec<i64> = sets.iter().map(|set| replicas(set)).collect();
    for (set, count) in sets.iter().zip(&mut counts) {
        let before = set.annotation(MOST).parse::<i64>().unwrap_or(all).max(1);
        let share = (*count * allowed * 2 + before) / (before * 2) - *count;
        let share = if rest >= 0 { share.clamp(0, rest) } else { share.clamp(rest, 0) };
        *count += share;
        rest -= share;
    }
    if let Some(first) = counts.first_mut() {
        *first = (*first + rest).max(0);
    }
    for (set, count) in sets.iter().zip(counts) {
        scale(hand, deployment, set, count).await;
    }
}

/// Delete old sets beyond the history that is kept.
pub async fn clean_up(hand: &mut Hand, rollout: &Rollout) {
    let Some(kept) = rollout.deployment.number("/spec/revisionHistoryLimit").and_then(|n| usize::try_from(n).ok()) else { return };
    let idle = |set: &Object| replicas(set) == 0 && set.number("/status/replicas").unwrap_or(0) == 0 && !set.deleting();
    let mut old: Vec<&Arc<Object>> = rollout.old.iter().filter(|set| idle(set)).collect();
    old.sort_by_key(|set| super::revision(set));
    for set in old.iter().take(rollout.old.len().saturating_sub(kept)) {
        let _ = hand.delete(&Key::new(Kind::ReplicaSet, set.namespace(), set.name()), &DeleteOptions::default()).await;
    }
}

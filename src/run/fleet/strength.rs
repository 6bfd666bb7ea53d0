//! The pods of a target that are ready now, and when they had become so many.

use std::collections::BTreeMap;

use crate::clock::At;
use crate::run::sight::Seen;

/// The moments of one kind, each with how many pods have it.
type Moments = BTreeMap<At, usize>;

/// The pods that are ready: those that are gone are many in a long run, and those that are there may be thousands.
#[derive(Clone, Debug, Default)]
pub(super) struct Strength {
    /// By uid, since when; `None` where nobody saw them become ready.
    pods: BTreeMap<String, Option<Seen>>,
    at: Moments,
    earliest: Moments,
    latest: Moments,
}

impl Strength {
    /// How many are ready.
    pub fn len(&self) -> usize {
        self.pods.len()
    }

    /// Takes a pod that is ready, since then.
    pub fn put(&mut self, uid: &str, since: Option<Seen>) {
        match self.pods.get_mut(uid) {
            Some(known) if *known == since => return,
            Some(known) => {
                let before = std::mem::replace(known, since);
                self.count_out(before);
            }
            None => drop(self.pods.insert(uid.to_owned(), since)),
        }
        if let Some(seen) = since {
            for (moments, moment) in self.moments(seen) {
                *moments.entry(moment).or_default() += 1;
            }
        }
    }

    /// Takes a pod out that is ready no more.
    pub fn drop(&mut self, uid: &str) {
        if let Some(since) = self.pods.remove(uid) {
            self.count_out(since);
        }
    }

    fn count_out(&mut self, since: Option<Seen>) {
        let Some(seen) = since else { return };
        for (moments, moment) in self.moments(seen) {
            if let Some(count) = moments.get_mut(&moment) {
                *count -= 1;
                if *count == 0 {
                    moments.remove(&moment);
                }
            }
        }
    }

    fn moments(&mut self, seen: Seen) -> [(&mut Moments, At); 3] {
        [(&mut self.at, seen.at), (&mut self.earliest, seen.earliest), (&mut self.latest, seen.latest)]
    }

    /// When the pods that are ready now had become as many as `desired`. A list may tell of several at once, in any order.
    pub fn since(&self, desired: u32) -> Option<Seen> {
        let wanted = usize::try_from(desired).ok().filter(|wanted| *wanted > 0)?;
        let surplus = self.at.values().sum::<usize>().checked_sub(wanted)?;
        Some(Seen { at: but(&self.at, surplus)?, earliest: but(&self.earliest, surplus)?, latest: but(&self.latest, surplus)? })
    }
}

/// The last moment but so many: as a rule it is the last of all.
fn but(moments: &Moments, mut surplus: usize) -> Option<At> {
    for (moment, count) in moments.iter().rev() {
        if surplus < *count {
            return Some(*moment);
        }
        surplus -= count;
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn seen(at: u64) -> Seen {
        Seen { at: At::from_micros(at + 5), earliest: At::from_micros(at), latest: At::from_micros(at * 2 + 9) }
    }

    proptest! {
        #[test]
        fn strength_should_know_since_when_there_are_so_many(
            changes in vec((0u8..9, proptest::option::of(proptest::option::of(0u64..20))), 0..60),
            desired in 0u32..10,
        ) {
            let (mut strength, mut known) = (Strength::default(), BTreeMap::new());
            for (uid, change) in changes {
                if let Some(since) = change {
                    strength.put(&uid.to_string(), since.map(seen));
                    known.insert(uid, since);
                } else {
                    strength.drop(&uid.to_string());
                    known.remove(&uid);
                }
            }
            prop_assert_eq!(strength.len(), known.len());
            let mut moments: Vec<u64> = known.into_values().flatten().collect();
            moments.sort_unstable();
            let nth = usize::try_from(desired).unwrap().checked_sub(1);
            prop_assert_eq!(strength.since(desired), nth.and_then(|nth| moments.get(nth)).map(|at| seen(*at)));
        }
    }
}

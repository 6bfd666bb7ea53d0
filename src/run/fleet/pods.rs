//! The pods of a target in the order of first sight, found by their uids.

use std::collections::{BTreeMap, BTreeSet};

use crate::run::fleet::Pod;
use crate::run::sight::Seen;

/// Every pod that was ever seen. A long run has many that are gone: those that are there are known without a look at the others.
#[derive(Clone, Debug, Default)]
pub struct Pods {
    all: Vec<Pod>,
    places: BTreeMap<String, usize>,
    there: BTreeSet<usize>,
}

impl Pods {
    /// How many were ever seen.
    #[must_use]
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Whether none was ever seen.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// The pod of this uid, if it was ever seen.
    #[must_use]
    pub fn get(&self, uid: &str) -> Option<&Pod> {
        self.all.get(*self.places.get(uid)?)
    }

    /// Every one, in the order of first sight.
    #[must_use]
    pub fn values(&self) -> impl DoubleEndedIterator<Item = &Pod> {
        self.all.iter()
    }

    /// Those that are not gone, each with its place in the order of first sight.
    pub fn there(&self) -> impl Iterator<Item = (usize, &Pod)> {
        self.there.iter().filter_map(|place| Some((*place, self.all.get(*place)?)))
    }

    pub(super) fn get_mut(&mut self, uid: &str) -> Option<&mut Pod> {
        self.all.get_mut(*self.places.get(uid)?)
    }

    /// The pod of this uid; made where it is new, from its place in the order.
    pub(super) fn get_or_add(&mut self, uid: &str, make: impl FnOnce(usize) -> Pod) -> &mut Pod {
        let place = self.places.get(uid).copied().unwrap_or_else(|| {
            let place = self.all.len();
            self.all.push(make(place));
            self.places.insert(uid.to_owned(), place);
            self.there.insert(place);
            place
        });
        &mut self.all[place]
    }

    /// Those that are not gone.
    pub(super) fn there_mut(&mut self) -> impl Iterator<Item = &mut Pod> {
        self.all.iter_mut().filter(|pod| pod.gone.is_none())
    }

    /// A pod is gone.
    pub(super) fn leave(&mut self, uid: &str, seen: Seen) {
        if let Some(place) = self.places.get(uid) {
            self.there.remove(place);
            self.all[*place].gone = Some(seen);
        }
    }
}

//! A series' identity: its sorted set of labels.
//!
//! Built by the scrapers, kept by the store, reshaped by every operation of the evaluator. Cheap
//! to clone. It never holds a label with an empty value: in `PromQL` that is the same as none.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

/// The label that carries the metric's name.
pub(super) const NAME: &str = "__name__";

/// One label: name and value.
type Label = (Arc<str>, Arc<str>);

/// A set of labels, sorted by name, each name once, no empty values.
///
/// The metric's name is the label `__name__`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Labels(Arc<[Label]>);

impl Labels {
    /// The empty set, the identity of `vector(1)`.
    #[must_use]
    pub fn empty() -> Self {
        Self(Arc::from([]))
    }

    /// Collects name and value pairs in any order; of a repeated name the last value counts, and
    /// a label with an empty value is left out.
    #[must_use]
    pub fn new<N, V>(pairs: impl IntoIterator<Item = (N, V)>) -> Self
    where
        N: AsRef<str>,
        V: AsRef<str>,
    {
        let mut labels: Vec<Label> = Vec::new();
        for (name, value) in pairs {
            let (name, value) = (name.as_ref(), Arc::from(value.as_ref()));
            match labels.iter_mut().find(|label| &*label.0 == name) {
                Some(label) => label.1 = value,
                None => labels.push((Arc::from(name), value)),
            }
        }
        labels.retain(|label| !label.1.is_empty());
        labels.sort();
        Self(labels.into())
    }

    /// The value of the label `name`, empty where there is none.
    #[must_use]
    pub fn get(&self, name: &str) -> &str {
        self.0.iter().find(|label| &*label.0 == name).map_or("", |label| &label.1)
    }

    /// Name and value of every label, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|label| (&*label.0, &*label.1))
    }

    /// The same labels with strings exchanged through `intern`, so that equal ones are shared.
    pub(super) fn interned(&self, mut intern: impl FnMut(&Label) -> Label) -> Self {
        Self(self.0.iter().map(&mut intern).collect())
    }

    /// Whether `name` is carried.
    fn has(&self, name: &str) -> bool {
        self.0.iter().any(|label| &*label.0 == name)
    }

    /// The labels whose name passes `keep`.
    fn filtered(&self, keep: impl Fn(&str) -> bool) -> Self {
        if self.0.iter().all(|label| keep(&label.0)) {
            return self.clone();
        }
        let mut kept = Vec::with_capacity(self.0.len());
        kept.extend(self.0.iter().filter(|label| keep(&label.0)).cloned());
        Self(kept.into())
    }

    /// Without the metric's name.
    pub(crate) fn without_name(&self) -> Self {
        if self.has(NAME) { self.filtered(|name| name != NAME) } else { self.clone() }
    }

    /// Only the labels in `names`.
    pub(super) fn only(&self, names: &[String]) -> Self {
        self.filtered(|name| names.iter().any(|kept| kept == name))
    }

    /// Without the labels in `names`; the metric's name stays unless listed.
    pub(super) fn without(&self, names: &[String]) -> Self {
        self.filtered(|name| !names.iter().any(|dropped| dropped == name))
    }

    /// Without the labels in `names` and without the metric's name.
    pub(super) fn without_name_and(&self, names: &[String]) -> Self {
        self.filtered(|name| name != NAME && !names.iter().any(|dropped| dropped == name))
    }

    /// With `name` set to `value`; an empty value removes the label.
    pub(crate) fn with(&self, name: &str, value: &str) -> Self {
        let mut labels: Vec<Label> = self.0.iter().filter(|label| &*label.0 != name).cloned().collect();
        if !value.is_empty() {
            let place = labels.partition_point(|label| &*label.0 < name);
            labels.insert(place, (Arc::from(name), Arc::from(value)));
        }
        Self(labels.into())
    }
}

/// Strings are shared by the store, so most comparisons end at the pointer.
fn compare(left: &Arc<str>, right: &Arc<str>) -> Ordering {
    if Arc::ptr_eq(left, right) { Ordering::Equal } else { left.cmp(right) }
}

impl Ord for Labels {
    fn cmp(&self, other: &Self) -> Ordering {
        for (left, right) in self.0.iter().zip(other.0.iter()) {
            let order = compare(&left.0, &right.0).then_with(|| compare(&left.1, &right.1));
            if order.is_ne() {
                return order;
            }
        }
        self.0.len().cmp(&other.0.len())
    }
}

impl PartialOrd for Labels {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Labels {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("{")?;
        for (place, (name, value)) in self.iter().enumerate() {
            let comma = if place == 0 { "" } else { ", " };
            write!(out, "{comma}{name}={value:?}")?;
        }
        out.write_str("}")
    }
}

#[cfg(test)]
mod tests {
    use super::Labels;

    #[test]
    fn labels_should_be_sorted_unique_and_without_empty_values() {
        let labels = Labels::new([("b", "1"), ("a", "x"), ("c", ""), ("b", "2")]);
        assert_eq!(labels.to_string(), r#"{a="x", b="2"}"#);
        assert_eq!(labels.get("c"), "");
    }

    #[test]
    fn labels_should_drop_a_label_that_is_set_to_nothing() {
        let labels = Labels::new([("a", "x"), ("c", "z")]);
        assert_eq!(labels.with("b", "y").to_string(), r#"{a="x", b="y", c="z"}"#);
        assert_eq!(labels.with("a", "").to_string(), r#"{c="z"}"#);
    }
}

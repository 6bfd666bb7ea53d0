//! Which step begins when: after the one before it, unless it says otherwise.

use std::time::Duration;

use super::super::fields::{self, Fields, Zero};
use super::super::mistake::Mistakes;
use super::super::model::Begins;
use super::super::near::did_you_mean;
use super::super::tree::{Content, Node, Span};

/// An entry of `steps`: one step, or a group of them.
pub struct Entry {
    /// What `after` knows it by, besides the names of its steps.
    pub name: Option<String>,
    /// Its steps: their places in the list of all.
    pub members: std::ops::Range<usize>,
    /// The names it comes after, where it says so.
    pub after: Option<Vec<(String, Span)>>,
    /// `at`.
    pub at: Option<Duration>,
    /// `hold`.
    pub hold: bool,
}

impl Entry {
    /// Reads when an entry begins.
    pub fn read(fields: Fields<'_>, name: Option<String>, members: std::ops::Range<usize>, mistakes: &mut Mistakes) -> Entry {
        let after = fields.get("after").map(|node| names(node, mistakes));
        let at = fields.get("at").and_then(|node| fields::duration(node, "at", Zero::Allowed, mistakes));
        let hold = fields.get("hold").and_then(|node| fields::boolean(node, "hold", mistakes)).unwrap_or(false);
        Entry { name, members, after, at, hold }
    }
}

fn names(node: &Node, mistakes: &mut Mistakes) -> Vec<(String, Span)> {
    let list = match &node.content {
        Content::List(items) => items.as_slice(),
        Content::Map(_) | Content::Scalar(_) => std::slice::from_ref(node),
    };
    list.iter().filter_map(|node| fields::text(node, "after", mistakes).map(|name| (name, node.span))).collect()
}

/// When each step begins, in the order of the steps, given the name of each where it has one.
///
/// Steps that wait for each other would wait for ever: that is a mistake.
pub fn begins(entries: &[Entry], steps: &[Option<String>], mistakes: &mut Mistakes) -> Vec<Begins> {
    let mut all = vec![Begins::default(); steps.len()];
    for (place, entry) in entries.iter().enumerate() {
        let after = match &entry.after {
            Some(names) => names.iter().flat_map(|(name, span)| known(name, *span, entries, steps, mistakes)).collect(),
            None if entry.at.is_some() => Vec::new(),
            None => place.checked_sub(1).map(|before| entries[before].members.clone().collect()).unwrap_or_default(),
        };
        for member in entry.members.clone() {
            all[member] = Begins { after: after.clone(), at: entry.at, hold: entry.hold };
        }
    }
    tell_circle(entries, &mut all, steps, mistakes);
    all
}

/// The steps of this name.
fn known(name: &str, span: Span, entries: &[Entry], steps: &[Option<String>], mistakes: &mut Mistakes) -> Vec<usize> {
    if let Some(step) = steps.iter().position(|step| step.as_deref() == Some(name)) {
        return vec![step];
    }
    if let Some(group) = entries.iter().find(|entry| entry.name.as_deref() == Some(name)) {
        return group.members.clone().collect();
    }
    let names = || steps.iter().flatten().chain(entries.iter().filter_map(|entry| entry.name.as_ref())).map(String::as_str);
    let mistake = mistakes.error(span, name, "no step has this name");
    mistake.allow(names().collect::<Vec<_>>().join(", "));
    if let Some(hint) = did_you_mean(name, names()) {
        mistake.hint(hint);
    }
    Vec::new()
}

/// Notes one step of each circle, and takes it out of the circle.
fn tell_circle(entries: &[Entry], all: &mut [Begins], steps: &[Option<String>], mistakes: &mut Mistakes) {
    for entry in entries {
        let Some((_, span)) = entry.after.as_ref().and_then(|names| names.first()) else { continue };
        let mut reached = vec![false; all.len()];
        let mut ahead: Vec<usize> = entry.members.clone().flat_map(|member| all[member].after.clone()).collect();
        while let Some(step) = ahead.pop() {
            if !std::mem::replace(&mut reached[step], true) {
                ahead.extend(&all[step].after);
            }
        }
        if let Some(own) = entry.members.clone().find(|member| reached[*member]) {
            let name = steps[own].clone().unwrap_or_default();
            mistakes.error(*span, &name, "this step waits for itself: none of the circle would ever begin").hint("take one after: out");
            for member in entry.members.clone() {
                all[member].after.clear();
            }
        }
    }
}

/// The pairs of steps of which neither comes after the other: they may be on together.
pub fn together(begins: &[Begins]) -> Vec<(usize, usize)> {
    let before: Vec<Vec<bool>> = (0..begins.len())
        .map(|step| {
            let mut reached = vec![false; begins.len()];
            let mut ahead = begins[step].after.clone();
            while let Some(earlier) = ahead.pop() {
                if !std::mem::replace(&mut reached[earlier], true) {
                    ahead.extend(&begins[earlier].after);
                }
            }
            reached
        })
        .collect();
    let pairs = (0..begins.len()).flat_map(|one| (0..one).map(move |other| (other, one)));
    pairs.filter(|(one, other)| !before[*one][*other] && !before[*other][*one]).collect()
}

//! Whether each criterion holds, and each stop condition has tripped.
//!
//! Verdicts are derived from the entries, never stored. What can't be seen is unknown.

use std::time::Duration;

use crate::clock::At;
use crate::criterion::{BurnCheck, CommandCheck, PromqlCheck};
use crate::event::{Number, Reading};

/// What is known of a criterion.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// It is not decided yet.
    #[default]
    Pending,
    /// It held.
    Held,
    /// It is broken.
    Broken,
    /// It could not be seen.
    Unknown,
}

/// What one look at a condition says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Look {
    /// As it should be.
    Good(Option<f64>),
    /// The bound is violated.
    Bad(Option<f64>),
    /// It can't be told.
    Unknown,
}

/// A criterion's life so far.
#[derive(Clone, Debug, Default)]
pub struct Judged {
    /// Its verdict.
    pub standing: Standing,
    /// Whether it was looked at in its window at all.
    pub looked: u32,
    /// How many of those looks could not be told.
    pub blind: u32,
    /// Since when the bound has been violated without a break.
    pub bad_since: Option<At>,
    /// Since when it has been good without a break.
    pub good_since: Option<At>,
    /// How often it was violated.
    pub violations: u32,
    /// When it was last violated anew.
    pub violated: Option<At>,
    /// The longest violation.
    pub longest: Duration,
    /// The number farthest on the wrong side, or nearest to it.
    pub worst: Option<f64>,
    /// The newest number.
    pub latest: Option<f64>,
    /// When it was decided.
    pub decided: Option<At>,
    /// The longest time it could not be told.
    pub longest_blind: Duration,
    unknown_since: Option<At>,
    /// Since when it has not been good for certain, and the longest such time.
    doubted_since: Option<At>,
    longest_doubt: Duration,
    /// The newest look.
    pub last: Option<(At, Look)>,
}

impl Judged {
    /// Takes one look at `at`. `tolerance` is how long the bound may be violated; `worse` tells
    /// whether its first number is worse than its second.
    pub fn look(&mut self, at: At, look: Look, tolerance: Duration, worse: Worse) {
        self.looked += 1;
        self.blind += u32::from(look == Look::Unknown);
        self.stand(at, look, tolerance, worse);
    }

    /// Takes a look at a state that is always in view: counted when it is another than before.
    pub fn watch(&mut self, at: At, look: Look, tolerance: Duration, worse: Worse) {
        if self.last.is_none_or(|(_, last)| last != look) {
            self.looked += 1;
            self.blind += u32::from(look == Look::Unknown);
        }
        self.stand(at, look, tolerance, worse);
    }

    /// What was seen last is so at `at` too.
    pub fn stand(&mut self, at: At, look: Look, tolerance: Duration, worse: Worse) {
        self.last = Some((at, look));
        let number = match look {
            Look::Good(number) | Look::Bad(number) => number,
            Look::Unknown => None,
        };
        if let Some(number) = number {
            self.latest = Some(number);
            if self.worst.is_none_or(|worst| worse(number, worst)) {
                self.worst = Some(number);
            }
        }
        if look == Look::Unknown {
            self.unknown_since.get_or_insert(at);
            self.good_since = None;
        }
        self.doubt(at);
        if look != Look::Unknown {
            self.unknown_since = None;
        }
        match look {
            Look::Good(_) => {
                self.bad_since = None;
                self.doubted_since = None;
                self.good_since.get_or_insert(at);
            }
            Look::Bad(_) => {
                self.good_since = None;
                self.doubted_since.get_or_insert(at);
                if self.bad_since.is_none() {
                    self.violations += 1;
                    self.bad_since = Some(at);
                    self.violated = Some(at);
                }
            }
            // no proof of a violation that lasts, nor of one that ended: it may hide in the doubt
            Look::Unknown => {
                self.bad_since = None;
                self.doubted_since.get_or_insert(at);
            }
        }
        if let Some(since) = self.bad_since {
            self.longest = self.longest.max(at.since(since));
            if at.since(since) >= tolerance {
                self.decide(Standing::Broken, at);
            }
        }
    }

    fn doubt(&mut self, at: At) {
        if let Some(since) = self.doubted_since {
            self.longest_doubt = self.longest_doubt.max(at.since(since));
        }
        if let Some(since) = self.unknown_since {
            self.longest_blind = self.longest_blind.max(at.since(since));
        }
    }

    /// Its window closed for now: nothing reaches over to when it opens again.
    pub fn shut(&mut self, at: At) {
        self.doubt(at);
        self.bad_since = None;
        self.good_since = None;
        self.unknown_since = None;
        self.doubted_since = None;
        self.last = None;
    }

    /// Settles the verdict: the first decision stands, but for a break that comes after.
    pub fn decide(&mut self, standing: Standing, at: At) {
        if self.standing == Standing::Pending || (standing == Standing::Broken && self.standing != Standing::Broken) {
            self.standing = standing;
            self.decided = Some(at);
        }
    }

    /// The window is over: what was good all the time has held.
    pub fn close(&mut self, at: At, tolerance: Duration) {
        if self.standing != Standing::Pending {
            return;
        }
        self.doubt(at);
        let hidden = self.blind > 0 && (tolerance.is_zero() || self.longest_doubt >= tolerance);
        self.decide(if self.looked == 0 || hidden { Standing::Unknown } else { Standing::Held }, at);
    }

    /// When a violation that lasts would break it.
    #[must_use]
    pub fn due(&self, tolerance: Duration) -> Option<At> {
        self.bad_since.filter(|_| self.standing != Standing::Broken).map(|since| since + tolerance)
    }
}

/// What one answer of a query says about its bound.
#[must_use]
pub fn look_at(check: &PromqlCheck, reading: &Reading) -> Look {
    let judge = |values: &[f64]| {
        if values.iter().any(|v| v.is_nan()) {
            return Look::Unknown;
        }
        let wrong = values.iter().copied().find(|v| !check.bound.admits(*v));
        match wrong {
            Some(value) => Look::Bad(Some(farthest(check, values).unwrap_or(value))),
            None => Look::Good(farthest(check, values)),
        }
    };
    match reading {
        Reading::Values { values } => judge(&values.iter().map(|(_, Number(v))| *v).collect::<Vec<_>>()),
        Reading::Empty => check.when_empty.map_or(Look::Unknown, |value| judge(&[value])),
        Reading::Http { .. }
        | Reading::Alert { .. }
        | Reading::Object { .. }
        | Reading::Command { .. }
        | Reading::Counts { .. }
        | Reading::Withheld { .. }
        | Reading::Failed { .. } => Look::Unknown,
    }
}

/// What one answer says of an object.
#[must_use]
pub const fn truth(reading: &Reading) -> Look {
    let Reading::Object { holds, .. } = reading else { return Look::Unknown };
    match holds {
        Some(true) => Look::Good(None),
        Some(false) => Look::Bad(None),
        None => Look::Unknown,
    }
}

/// What one exit of a command says; the number is the exit code.
#[must_use]
pub fn exit(check: &CommandCheck, reading: &Reading) -> Look {
    let Reading::Command { exit, .. } = reading else { return Look::Unknown };
    let code = Some(f64::from(*exit));
    if *exit == check.expect { Look::Good(code) } else { Look::Bad(code) }
}

/// What the counts so far say of an error budget; the number is the share of it that is spent.
#[must_use]
pub fn spent(check: &BurnCheck, reading: &Reading) -> Look {
    let Reading::Counts { good, total, over } = reading else { return Look::Unknown };
    let count = |found: &Option<Number>| found.map(|Number(value)| value).or(check.when_empty);
    let spent = count(good).zip(count(total)).and_then(|(good, total)| check.spent(good, total, *over));
    match spent {
        None => Look::Unknown,
        Some(spent) if spent >= check.spend => Look::Bad(Some(spent)),
        Some(spent) => Look::Good(Some(spent)),
    }
}

/// Whether the first number is worse than the second.
pub type Worse = fn(f64, f64) -> bool;

/// Whether the first number is nearer to, or farther over, a bound from above than the second.
#[must_use]
pub fn higher(a: f64, b: f64) -> bool {
    a > b
}

/// Whether the first number is nearer to, or farther under, a bound from below than the second.
#[must_use]
pub fn lower(a: f64, b: f64) -> bool {
    a < b
}

fn farthest(check: &PromqlCheck, values: &[f64]) -> Option<f64> {
    let worse = match check.bound {
        crate::criterion::Bound::Above(_) => lower,
        crate::criterion::Bound::Below(_) => higher,
    };
    values.iter().copied().reduce(|a, b| if worse(a, b) { a } else { b })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::criterion::Bound;

    fn at(seconds: u64) -> At {
        At::from_micros(seconds * 1_000_000)
    }

    #[test]
    fn judged_should_break_only_after_the_tolerance() {
        let mut judged = Judged::default();
        for second in 0..10 {
            judged.look(at(second), Look::Bad(Some(2.0)), Duration::from_secs(10), higher);
        }
        assert_eq!(judged.standing, Standing::Pending);
        judged.look(at(10), Look::Bad(Some(2.0)), Duration::from_secs(10), higher);
        assert_eq!((judged.standing, judged.decided), (Standing::Broken, Some(at(10))));
    }

    #[test]
    fn judged_should_count_short_violations() {
        let mut judged = Judged::default();
        for (second, bad) in [(0, true), (1, true), (2, false), (3, true), (4, false)] {
            let look = if bad { Look::Bad(None) } else { Look::Good(None) };
            judged.look(at(second), look, Duration::from_secs(5), higher);
        }
        judged.close(at(5), Duration::from_secs(5));
        assert_eq!((judged.violations, judged.longest, judged.standing), (2, Duration::from_secs(1), Standing::Held));
    }

    #[test]
    fn judged_should_be_unknown_where_nothing_was_looked_at_or_a_violation_may_hide() {
        let mut never = Judged::default();
        never.close(at(1), Duration::ZERO);
        assert_eq!(never.standing, Standing::Unknown);
        let mut blind = Judged::default();
        blind.look(at(0), Look::Good(None), Duration::ZERO, higher);
        blind.look(at(1), Look::Unknown, Duration::ZERO, higher);
        blind.close(at(2), Duration::ZERO);
        assert_eq!(blind.standing, Standing::Unknown);
        let mut short = Judged::default();
        short.look(at(0), Look::Good(None), Duration::from_secs(10), higher);
        short.look(at(1), Look::Unknown, Duration::from_secs(10), higher);
        short.look(at(2), Look::Good(None), Duration::from_secs(10), higher);
        short.close(at(2), Duration::from_secs(10));
        assert_eq!(short.standing, Standing::Held);
    }

    #[test]
    fn look_should_be_unknown_for_nan_and_for_silence_without_a_word_of_the_author() {
        let check = |when_empty| PromqlCheck { query: String::new(), bound: Bound::Below(1.0), when_empty };
        let nan = Reading::Values { values: vec![(String::new().into(), Number(f64::NAN))] };
        assert_eq!(look_at(&check(Some(0.0)), &nan), Look::Unknown);
        assert_eq!(look_at(&check(None), &Reading::Empty), Look::Unknown);
        assert_eq!(look_at(&check(Some(0.0)), &Reading::Empty), Look::Good(Some(0.0)));
        assert_eq!(look_at(&check(Some(0.0)), &Reading::Failed { why: "x".into() }), Look::Unknown);
    }
}

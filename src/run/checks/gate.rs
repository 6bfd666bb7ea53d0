//! The gate of production, and the hours of the week. No flag, variable or file opens it: a held staging run of the same
//! drill, a runbook, hours, a person at a terminal, and what that person types.

use chrono::Duration;

use crate::event::inspected::Inspected;
use crate::header::{Gate, HeldRun};
use crate::run::Run;
use crate::run::checks::Checkpoint;
use crate::run::phase::Phase;
use crate::run::timeline::Noted;
use crate::scenario::model::Tier;
use crate::text::Untrusted;

impl Run {
    /// Whether customers could be hurt.
    #[must_use]
    pub const fn in_production(&self) -> bool {
        !self.header.place.rehearsal && matches!(self.header.place.tier, Tier::Production)
    }

    /// What must be typed to begin, where a key is not enough: `CONTEXT/TARGET`.
    #[must_use]
    pub fn typed_word(&self) -> Option<String> {
        if !self.in_production() || self.header.gate.is_none() {
            return None;
        }
        let target = self.scenario.targets.first().map_or_else(String::new, |target| target.name.clone());
        Some(format!("{}/{target}", self.header.place.context))
    }

    pub(in crate::run) fn confirmed(&mut self, typed: &Untrusted) {
        if self.phase != Phase::Ready || self.asked.start {
            return;
        }
        match self.typed_word() {
            Some(word) if word != typed.raw() => self.note(Noted::Mistyped(typed.clone())),
            Some(_) | None => self.asked.start = true,
        }
    }

    pub(super) fn check_gate(&self, gate: &Gate, all: &mut Vec<Checkpoint>) {
        all.extend(self.backup());
        all.extend(self.hours());
        if !self.in_production() {
            if self.header.place.rehearsal && self.header.place.tier == Tier::Production {
                all.push(Checkpoint::pass("production", "rehearsing it is free: its gates stand before a run"));
            }
            return;
        }
        all.push(self.held(gate));
        if self.scenario.limits.hours.is_none() {
            all.push(
                Checkpoint::fail("hours", "a run in production says when in the week it may begin")
                    .mend(self.write("add limits.hours, as in {timezone: Europe/Berlin, only: ['Tue-Thu 09:00-16:00']}")),
            );
        }
        if self.scenario.runbook.is_none() {
            let mend = self.write("add runbook with the URL of what to do when it goes wrong");
            all.push(Checkpoint::fail("production", "a run in production has a runbook").mend(mend));
        }
        all.push(match (gate.at_terminal, gate.yes) {
            (_, true) => Checkpoint::fail("production", "--yes never answers this gate: a person types what is hit")
                .mend("by hand: leave --yes away"),
            (false, _) => Checkpoint::fail("production", "a run in production is led by a person who sees the cockpit")
                .mend("by hand: run it at a terminal, without --headless"),
            (true, false) => Checkpoint::pass("production", format!("begins when {:?} is typed", self.typed_word().unwrap_or_default())),
        });
    }

    fn held(&self, gate: &Gate) -> Checkpoint {
        let held = match &gate.held {
            Ok(held) => held,
            Err(why) => return Checkpoint::fail("held", why.clone()).mend(self.stage()),
        };
        match self.why_not_held(gate, held) {
            Some(why) => Checkpoint::fail("held", format!("run {}: {why}", held.run)).mend(self.stage()),
            None => Checkpoint::pass("held", format!("run {} held in staging at {}", held.run, held.recorded.format("%Y-%m-%d %H:%M"))),
        }
    }

    fn why_not_held(&self, gate: &Gate, held: &HeldRun) -> Option<String> {
        let age = self.header.recorded - held.recorded;
        if held.rehearsal {
            Some("it was a rehearsal; production wants a run in staging".to_owned())
        } else if held.tier != Tier::Staging {
            Some(format!("it ran in {}, not in staging", held.tier))
        } else if held.drill_digest != self.scenario.drill_digest {
            Some("it was another drill: hypothesis, target, steps, criteria, stops and limits must be the same".to_owned())
        } else if age > Duration::days(i64::from(gate.held_days)) {
            Some(format!("it is {} days old, and {} is the limit", age.num_days(), gate.held_days))
        } else if age < Duration::zero() {
            Some("it is of the future: a clock is wrong".to_owned())
        } else {
            None
        }
    }

    fn hours(&self) -> Option<Checkpoint> {
        let hours = self.scenario.limits.hours.as_ref()?;
        if self.header.place.rehearsal {
            return Some(Checkpoint::pass("hours", "a rehearsal may begin at any time"));
        }
        let only: Vec<String> = hours.only.iter().map(ToString::to_string).collect();
        let said = format!("{} {}", only.join(" and "), hours.timezone);
        Some(match self.inspected("hours") {
            Some(Inspected::Hours(Ok(fact))) => {
                let now = self.now.on_wall(self.header.started);
                let local = fact.local.raw();
                if let Some((_, to)) = fact.windows.iter().find(|(from, to)| *from <= now && now < *to) {
                    Checkpoint::pass("hours", format!("{said}; it is {local} there, until {} UTC", to.format("%a %H:%M")))
                } else {
                    let next = fact.windows.iter().find(|(from, _)| *from > now);
                    let next =
                        next.map_or_else(String::new, |(from, _)| format!("; the next begins {} UTC", from.format("%a %d %b %H:%M")));
                    Checkpoint::fail("hours", format!("it is {local} there, and runs may begin {said}{next}"))
                        .mend("by hand: wait for the hours")
                }
            }
            Some(Inspected::Hours(Err(why))) => Checkpoint::fail("hours", format!("whether it is {said} can't be told: {}", why.raw()))
                .mend("by hand: install the time zone data, the package tzdata"),
            _ => Checkpoint::waiting("hours"),
        })
    }
}

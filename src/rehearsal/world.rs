//! What a practice cluster is filled with: the scenario's words for it, and drawing from them.

use std::collections::BTreeMap;
use std::time::Duration;

use super::dice::Rolls;
pub use crate::scenario::model::WorkloadKind;
pub use crate::scenario::world::mishap::{About, Measure};
pub use crate::scenario::world::{
    Budget, Container, Denial, Held, Mishap, Probe, Quota, Spread, Taint, Timings, Traffic, What, Workload, World, WorldNode, WorldService,
};

impl Spread {
    /// One draw, by the triangular distribution.
    pub fn draw(&self, rolls: &mut Rolls) -> Duration {
        let u = rolls.unit();
        let (least, mode, most) = (self.least.as_secs_f64(), self.mode.as_secs_f64(), self.most.as_secs_f64());
        let width = most - least;
        if width <= 0.0 {
            return self.least;
        }
        let cut = (mode - least) / width;
        let seconds = if u < cut { least + (u * width * (mode - least)).sqrt() } else { most - ((1.0 - u) * width * (most - mode)).sqrt() };
        Duration::from_secs_f64(seconds.clamp(least, most))
    }
}

impl World {
    /// The times of pods with these labels in this namespace: those of the first workload whose labels they bear.
    #[must_use]
    pub fn timings(&self, namespace: &str, labels: &BTreeMap<&str, &str>) -> Timings {
        self.workload_of(namespace, labels).map_or_else(Timings::default, |w| w.timings)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rehearsal::dice::Dice;

    #[test]
    fn spread_should_stay_between_its_ends() {
        let mut rolls = Dice::new(1).stream("spread");
        let spread = Spread::millis(10, 30, 220);
        for _ in 0..1000 {
            let draw = spread.draw(&mut rolls);
            assert!(draw >= spread.least && draw <= spread.most, "{draw:?}");
        }
    }

    #[test]
    fn default_timings_should_bring_a_replacement_within_the_recorded_times() {
        let t = Timings::default();
        let least = t.schedule.least + t.admit.least + t.prepare.least + t.start.least + t.ready.least;
        let most = t.schedule.most + t.admit.most + t.prepare.most + t.start.most + t.ready.most;
        assert!(least >= Duration::from_millis(560) && most <= Duration::from_millis(1400), "{least:?} {most:?}");
    }
}

//! How a kubelet watches over a running container: its probes, its memory, what befalls its process.

use std::time::Duration;

use super::life::spec_of;
use super::probes::{self, Asked, Gauge, Kind};
use super::steps::Step;
use super::worker::Worker;
use crate::rehearsal::controllers::chaos::daemon::Size;
use crate::rehearsal::quantity;

impl Worker {
    /// What ails the workload's processes befalls this one.
    pub(super) fn suffer(&mut self, index: usize) {
        let plight = self.hand.ground(|ground| {
            let workload = ground.world.workload_of(self.pod.namespace(), &self.pod.labels())?;
            ground.troubles.plights.get(&workload.name).cloned()
        });
        self.due.retain(|(_, step)| *step != Step::Oom(index));
        let Some(plight) = plight.filter(|_| self.sketch.containers[index].running()) else { return };
        if plight.crashes && !self.due.iter().any(|(_, step)| *step == Step::Exited(index)) {
            self.lives[index].end = (1, "Error");
            self.after_millis(200, 900, Step::Exited(index));
        }
        if let Some(time) = plight.leak.filter(|_| self.spec(index).pointer("/resources/limits/memory").is_some()) {
            self.after(time, Step::Oom(index));
        }
    }

    /// Whether the container has more memory than it may have, by the stress that is put on it.
    pub(super) fn look(&mut self, index: usize) {
        let container = &self.sketch.containers[index];
        if !container.running() {
            return;
        }
        let spec = spec_of(&self.pod, index);
        let limit = quantity::of(&spec["resources"]["limits"]["memory"]) / 1000;
        // A process at rest holds half of what it asked for.
        let own = quantity::of(&spec["resources"]["requests"]["memory"]) / 2000;
        let stress: i128 = self.hand.ground(|ground| {
            let mine = ground.daemon.stresses().filter(|stress| stress.container_id == container.id && stress.memory_workers > 0);
            mine.map(|stress| match stress.memory {
                Size::All => limit,
                Size::Bytes(bytes) => i128::from(bytes),
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_precision_loss,
                    reason = "a share of bytes, to the byte near enough"
                )]
                Size::Share(share) => (limit as f64 * share) as i128,
            })
            .sum()
        });
        if limit > 0 && stress > 0 && own + stress > limit {
            self.after_millis(200, 800, Step::Oom(index));
        } else {
            self.after_millis(1_500, 2_500, Step::Look(index));
        }
    }

    /// Ask a probe's question once. Says whether the status is to be told.
    pub(super) fn probe(&mut self, index: usize, kind: Kind) -> bool {
        let started = self.sketch.containers[index].started;
        let Some(at) = self.lives[index].gauges.iter().position(|gauge| gauge.kind == kind) else { return false };
        let mut gauge = self.lives[index].gauges[at].clone();
        if !self.sketch.containers[index].running() || self.lives[index].end.1 == "Sick" || (kind == Kind::Startup && started) {
            return false;
        }
        self.after(gauge.period, Step::Probe(index, kind));
        if kind != Kind::Startup && !started {
            return false;
        }
        let asked = Asked {
            pod: &self.pod,
            container: spec_of(&self.pod, index),
            image: &self.sketch.containers[index].image,
            ip: &self.sketch.ip,
            host: &self.sketch.host,
            warm: self.lives[index].warm,
        };
        let answer = probes::ask(&self.hand, &mut self.luck, &gauge, &asked);
        let verdict = gauge.take(answer.is_ok());
        if let Err(why) = answer {
            self.say_warning("Unhealthy", &format!("{} probe failed: {why}", kind.title()), index);
        }
        if verdict.is_some() && kind != Kind::Readiness {
            gauge.forget();
        }
        self.lives[index].gauges[at] = gauge;
        let container = &mut self.sketch.containers[index];
        let before = (container.ready, container.started);
        match (kind, verdict) {
            (Kind::Readiness, Some(good)) => container.ready = good,
            (Kind::Startup, Some(true)) => {
                container.started = true;
                container.ready = !self.lives[index].gauges.iter().any(|gauge| gauge.kind == Kind::Readiness);
            }
            (Kind::Liveness | Kind::Startup, Some(false)) => {
                self.sick(index, kind);
                return false;
            }
            (Kind::Liveness, Some(true)) | (_, None) => {}
        }
        before != (container.ready, container.started)
    }

    /// A container that failed a probe it lives by is stopped: it does not hear, so it takes all of its grace.
    fn sick(&mut self, index: usize, kind: Kind) {
        let message =
            format!("Container {} failed {} probe, will be restarted", self.sketch.containers[index].name, kind.title().to_lowercase());
        self.say("Killing", &message, index);
        self.lives[index].end = (137, "Sick");
        let grace = self.pod.number("/spec/terminationGracePeriodSeconds").and_then(|s| u64::try_from(s).ok()).unwrap_or(30);
        self.after(Duration::from_secs(grace), Step::Exited(index));
    }

    /// A container that is running already when the kubelet takes its pod over.
    pub(super) fn take_over(&mut self, index: usize) {
        let spec = self.spec(index);
        self.lives[index].gauges = Kind::ALL.iter().filter_map(|kind| Gauge::of(&spec, *kind)).collect();
        let gauges: Vec<(Kind, Duration)> = self.lives[index].gauges.iter().map(|gauge| (gauge.kind, gauge.period)).collect();
        for (kind, period) in gauges {
            let time = self.hand.rolls().between(Duration::ZERO, period);
            self.after(time, Step::Probe(index, kind));
        }
        self.suffer(index);
        if spec.pointer("/resources/limits/memory").is_some() {
            self.after_millis(500, 2_500, Step::Look(index));
        }
    }
}

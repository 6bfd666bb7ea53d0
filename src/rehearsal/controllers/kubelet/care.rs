//! How a kubelet watches over a running container: its probes, its memory, what befalls its process.

use std::time::Duration;

use serde_json::Value;

use super::life::spec_of;
use super::needs;
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
        let had = self.due.len();
        let id = self.sketch.containers[index].id.clone();
        self.due.retain(|(_, step)| *step != Step::Oom(index));
        if self.due.len() != had {
            self.hand.ground(|ground| ground.workers.leak(&id, None));
        }
        let Some(plight) = plight.filter(|_| self.sketch.containers[index].running()) else { return };
        if plight.crashes && !self.due.iter().any(|(_, step)| *step == Step::Exited(index)) {
            self.lives[index].end = (1, "Error");
            self.after_millis(200, 900, Step::Exited(index));
        }
        if let Some(time) = plight.leak.filter(|_| self.spec(index).pointer("/resources/limits/memory").is_some()) {
            self.after(time, Step::Oom(index));
            self.hand.ground(|ground| ground.workers.leak(&id, Some(time)));
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
        // A process at rest holds half of what its workload asked for when it was rolled out: to be granted less makes it no smaller.
        let usual = self.hand.ground(|ground| {
            let workload = ground.world.workload_of(self.pod.namespace(), &self.pod.labels())?;
            let described = workload.containers.iter().find(|described| described.name == container.name)?;
            Some(i128::from(described.memory_mib) * 1_048_576 / 2)
        });
        let own = usual.unwrap_or(quantity::of(&spec["resources"]["requests"]["memory"]) / 2000);
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
        if limit > 0 && own + stress > limit {
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
            container_id: &self.sketch.containers[index].id,
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

    /// A container that failed a probe it lives by is stopped: one that hangs does not hear, so it takes all of its grace.
    fn sick(&mut self, index: usize, kind: Kind) {
        let message =
            format!("Container {} failed {} probe, will be restarted", self.sketch.containers[index].name, kind.title().to_lowercase());
        self.say("Killing", &message, index);
        let own = spec_of(&self.pod, index).pointer(&format!("/{}/terminationGracePeriodSeconds", kind.field())).and_then(Value::as_u64);
        let usual = self.pod.number("/spec/terminationGracePeriodSeconds").and_then(|s| u64::try_from(s).ok()).unwrap_or(30);
        let time = self.farewell(index, Duration::from_secs(own.unwrap_or(usual)), Duration::MAX);
        self.lives[index].end = (137, "Sick");
        self.after(time, Step::Exited(index));
    }

    /// How long a container takes to go that has this long for it and needs `stop` from its signal on. What it ends with is kept.
    ///
    /// The hook comes first, out of the same time; whatever it leaves, a process has two seconds from its signal to its end.
    pub(super) fn farewell(&mut self, index: usize, grace: Duration, stop: Duration) -> Duration {
        const LEAST: Duration = Duration::from_secs(2);
        let hook = spec_of(&self.pod, index).pointer("/lifecycle/preStop").filter(|_| self.sketch.containers[index].running());
        let (before, good) = hook.map_or((Duration::ZERO, true), |hook| needs::hook(hook).unwrap_or((Duration::MAX, true)));
        if !good {
            self.say_warning("FailedPreStopHook", "PreStopHook failed", index);
        }
        let before = before.min(grace);
        let left = grace.saturating_sub(before).max(LEAST);
        self.lives[index].end = if stop > left { (137, "Error") } else { (0, "Completed") };
        before + stop.min(left)
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

//! The life of a container on its node: fetched, created, started, probed, ended, started again.

use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use super::needs::{self, Image};
use super::probes::{Gauge, Kind};
use super::status::Process;
use super::steps::Step;
use super::worker::Worker;
use crate::rehearsal::api::object::{Object, text};
use crate::rehearsal::clock;
use crate::rehearsal::controllers::recorder::Note;

/// How long a container has to run for its crashes to be forgotten.
const CRASHES_FORGOTTEN: chrono::Duration = chrono::Duration::minutes(10);

/// The longest that anything is put off.
const LONGEST_BACK_OFF: u64 = 300;

/// What the kubelet remembers of one container beside its status.
#[derive(Debug)]
pub struct Life {
    /// How often it crashed lately.
    pub(super) crashes: u32,
    /// How often its image could not be fetched in a row.
    pub(super) refusals: u32,
    /// When fetching began.
    pub(super) fetching: Instant,
    /// Its probes.
    pub(super) gauges: Vec<Gauge>,
    /// From when on its process answers.
    pub(super) warm: Instant,
    /// The code it is about to end with, and why.
    pub(super) end: (i64, &'static str),
}

impl Life {
    /// A container that was never started.
    #[must_use]
    pub fn new() -> Self {
        let now = Instant::now();
        Self { crashes: 0, refusals: 0, fetching: now, gauges: Vec::new(), warm: now, end: (0, "Completed") }
    }
}

/// How long a failure is put off after this many: 10 s, 20 s, … 5 min.
pub(super) fn back_off(failures: u32) -> Duration {
    Duration::from_secs((10_u64 << failures.saturating_sub(1).min(5)).min(LONGEST_BACK_OFF))
}

/// What the pod says of this container.
pub(super) fn spec_of(pod: &Object, index: usize) -> &Value {
    pod.list("/spec/containers").get(index).unwrap_or(&Value::Null)
}

impl Worker {
    pub(super) fn spec(&self, index: usize) -> Value {
        spec_of(&self.pod, index).clone()
    }

    /// See to it that the image is there.
    pub(super) fn fetch(&mut self, index: usize) {
        let image = self.sketch.containers[index].image.clone();
        let spec = self.spec(index);
        let policy = text(&spec, "/imagePullPolicy");
        match needs::image(&self.hand, &self.pod, &self.node, &image) {
            Image::Malformed => {
                let why = format!(
                    "Failed to apply default image tag \"{image}\": couldn't parse image reference \"{image}\": {}",
                    needs::malformed(&image)
                );
                self.say_warning("InspectFailed", &why, index);
                self.hold(index, "InvalidImageName", why, "InvalidImageName", (10_000, 15_000));
            }
            Image::Present if policy != "Always" => {
                self.say(
                    "Pulled",
                    &format!("Container image \"{image}\" already present on machine and can be accessed by the pod"),
                    index,
                );
                self.create(index);
            }
            Image::Away | Image::Nowhere(_) if policy == "Never" => {
                let why = format!("Container image \"{image}\" is not present with pull policy of Never");
                self.say_warning("ErrImageNeverPull", &why, index);
                self.hold(index, "ErrImageNeverPull", why, "ErrImageNeverPull", (10_000, 15_000));
            }
            Image::Present | Image::Away | Image::Nowhere(_) => {
                self.say("Pulling", &format!("Pulling image \"{image}\""), index);
                self.lives[index].fetching = Instant::now();
                let slow = self.hand.ground(|ground| {
                    let workload = ground.world.workload_of(self.pod.namespace(), &self.pod.labels())?;
                    ground.troubles.plights.get(&workload.name)?.pull
                });
                let time = slow.unwrap_or_else(|| self.timings.pull.draw(self.hand.rolls()));
                self.after(time, Step::Fetched(index));
            }
        }
    }

    /// A container that cannot go on for now: it waits for this reason and is looked at again.
    fn hold(&mut self, index: usize, reason: &'static str, message: String, error: &str, (least, most): (u64, u64)) {
        self.say_warning("Failed", &format!("Error: {error}"), index);
        self.wait(index, reason, message);
        self.after_millis(least, most, Step::Fetch(index));
    }

    fn wait(&mut self, index: usize, reason: &'static str, message: String) {
        let container = &mut self.sketch.containers[index];
        container.remember();
        container.process = Process::Waiting(reason, message);
    }

    /// The image has come, or not.
    pub(super) fn fetched(&mut self, index: usize) {
        let image = self.sketch.containers[index].image.clone();
        if let Image::Nowhere(why) = needs::image(&self.hand, &self.pod, &self.node, &image) {
            self.lives[index].refusals += 1;
            self.say_warning("Failed", &format!("Failed to pull image \"{image}\": {why}"), index);
            self.say_warning("Failed", "Error: ErrImagePull", index);
            self.wait(index, "ErrImagePull", why);
            self.after_millis(1_000, 2_500, Step::Refused(index));
            return;
        }
        self.lives[index].refusals = 0;
        self.hand.ground(|ground| ground.workers.keep_image(&self.node, &image));
        let message = pulled(&image, self.lives[index].fetching.elapsed());
        self.say("Pulled", &message, index);
        self.create(index);
    }

    /// The kubelet looks again at an image that could not be fetched, before it is time to try again.
    pub(super) fn refused(&mut self, index: usize) {
        let image = self.sketch.containers[index].image.clone();
        let why = match &self.sketch.containers[index].process {
            Process::Waiting("ErrImagePull", why) => why.clone(),
            Process::Waiting(..) | Process::Running(_) | Process::Ended(..) => String::new(),
        };
        let message = format!("Back-off pulling image \"{image}\"");
        self.say("BackOff", &message, index);
        self.say_warning("Failed", "Error: ImagePullBackOff", index);
        self.wait(index, "ImagePullBackOff", format!("{message}: ErrImagePull: {why}"));
        let delay = back_off(self.lives[index].refusals);
        self.after(delay, Step::Fetch(index));
    }

    /// Put the container together, if all that it takes is there.
    fn create(&mut self, index: usize) {
        if let Some(missing) = needs::missing_source(&self.hand, &self.pod, &self.spec(index)) {
            self.hold(index, "CreateContainerConfigError", missing.clone(), &missing, (10_000, 15_000));
            return;
        }
        self.say("Created", "Container created", index);
        self.say("Started", "Container started", index);
        let time = self.timings.start.draw(self.hand.rolls());
        // Until its hook has done its work a container does not count as running.
        let (hook, _) = after_start(&self.spec(index)).unwrap_or_default();
        self.after(time.saturating_add(hook), Step::Start(index));
    }

    /// The process runs.
    pub(super) fn start(&mut self, index: usize, now: &str) {
        self.sketch.phase = "Running";
        let again = !self.sketch.containers[index].id.is_empty();
        self.sketch.containers[index].start(now, self.hand.rolls());
        if again {
            self.sketch.containers[index].restarts += 1;
        }
        let ready = self.timings.ready.draw(self.hand.rolls());
        self.lives[index].warm = Instant::now() + ready;
        self.lives[index].end = (0, "Completed");
        let spec = self.spec(index);
        self.lives[index].gauges = Kind::ALL.iter().filter_map(|kind| Gauge::of(&spec, *kind)).collect();
        let gauges: Vec<(Kind, Duration)> = self.lives[index].gauges.iter().map(|gauge| (gauge.kind, gauge.initial)).collect();
        let startup = gauges.iter().any(|(kind, _)| *kind == Kind::Startup);
        self.sketch.containers[index].started = !startup;
        self.sketch.containers[index].ready = !startup && !gauges.iter().any(|(kind, _)| *kind == Kind::Readiness);
        for (kind, initial) in gauges {
            // A process that is up within the first second is asked when it is: kubelets ask at once when a container starts.
            let first = if ready <= Duration::from_secs(1) { ready } else { Duration::from_millis(100) };
            self.after(initial + first, Step::Probe(index, kind));
        }
        if let Some((time, code)) = needs::lifetime(&spec) {
            self.lives[index].end = (code, if code == 0 { "Completed" } else { "Error" });
            self.after(time + Duration::from_millis(20), Step::Exited(index));
        }
        if after_start(&spec).is_some_and(|(_, good)| !good) {
            self.say_warning("FailedPostStartHook", "PostStartHook failed", index);
            self.lives[index].end = (137, "Error");
            self.after_millis(20, 60, Step::Exited(index));
        }
        self.suffer(index);
        if spec.pointer("/resources/limits/memory").is_some() {
            self.after_millis(1_500, 2_500, Step::Look(index));
        }
    }

    /// The pod has been active for longer than it may: it is over, and has failed.
    pub(super) fn overdue(&mut self, now: &str) {
        const WHY: &str = "Pod was active on the node longer than the specified deadline";
        self.tell(Note::normal("kubelet", "DeadlineExceeded", WHY), "");
        self.due.clear();
        for container in self.sketch.containers.iter_mut().filter(|container| container.running()) {
            container.end(137, "Error", now);
        }
        self.sketch.why = Some(("DeadlineExceeded", WHY));
        self.sketch.phase = "Failed";
    }

    /// The process has ended by itself.
    pub(super) fn exited(&mut self, index: usize, now: &str) {
        if !self.sketch.containers[index].running() {
            return;
        }
        let (code, reason) = self.lives[index].end;
        self.ended(index, code, if reason == "Sick" { "Error" } else { reason }, now);
    }

    /// The process is no more; what comes next follows from how it ended.
    pub(super) fn ended(&mut self, index: usize, code: i64, reason: &'static str, now: &str) {
        let ran_long = match &self.sketch.containers[index].process {
            Process::Running(since) => {
                clock::parse(now).zip(clock::parse(since)).is_some_and(|(now, since)| now - since > CRASHES_FORGOTTEN)
            }
            Process::Waiting(..) | Process::Ended(..) => false,
        };
        let gone = self.sketch.containers[index].id.clone();
        self.hand.ground(|ground| {
            ground.daemon.container_gone(&gone);
            ground.workers.leak(&gone, None);
        });
        self.due.retain(|(_, step)| !step.is_of_process(index));
        self.sketch.containers[index].end(code, reason, now);
        let again = match self.pod.text("/spec/restartPolicy") {
            "Never" => false,
            "OnFailure" => code != 0,
            _ => true,
        };
        if !again {
            self.sketch.settle();
            return;
        }
        let crashes = if ran_long { 1 } else { self.lives[index].crashes + 1 };
        self.lives[index].crashes = crashes;
        if crashes > 1 {
            self.after_millis(700, 1200, Step::BackOff(index));
        } else {
            self.after_millis(50, 110, Step::Restart(index));
        }
    }

    /// The container has crashed too often to be started again at once.
    pub(super) fn back_off(&mut self, index: usize) {
        let delay = back_off(self.lives[index].crashes - 1);
        let pod = format!("{}_{}({})", self.pod.name(), self.pod.namespace(), self.pod.uid());
        let name = self.sketch.containers[index].name.clone();
        self.wait(index, "CrashLoopBackOff", format!("back-off {} restarting failed container={name} pod={pod}", go_minutes(delay)));
        self.after(delay, Step::Restart(index));
        self.say_back_off(index);
    }

    /// Say again that it is too early, as the kubelet does at each look.
    pub(super) fn say_back_off(&mut self, index: usize) {
        let pod = format!("{}_{}({})", self.pod.name(), self.pod.namespace(), self.pod.uid());
        self.say_warning(
            "BackOff",
            &format!("Back-off restarting failed container {} in pod {pod}", self.sketch.containers[index].name),
            index,
        );
        let next = Instant::now() + Duration::from_secs(15);
        if self.due.iter().any(|(at, step)| *step == Step::Restart(index) && *at > next) {
            self.after_millis(10_000, 15_000, Step::BackOffAgain(index));
        }
    }

    /// Start the container again.
    pub(super) fn restart(&mut self, index: usize, now: &str) {
        if self.sketch.containers[index].running() {
            self.sketch.containers[index].end(137, "Error", now);
        }
        self.due.retain(|(_, step)| !step.is_of_process(index) && *step != Step::BackOffAgain(index));
        let image = self.sketch.containers[index].image.clone();
        let spec = self.spec(index);
        let at_hand =
            needs::image(&self.hand, &self.pod, &self.node, &image) == Image::Present && text(&spec, "/imagePullPolicy") != "Always";
        if at_hand && needs::missing_source(&self.hand, &self.pod, &spec).is_none() {
            self.say("Pulled", &format!("Container image \"{image}\" already present on machine and can be accessed by the pod"), index);
            self.say("Created", "Container created", index);
            self.say("Started", "Container started", index);
            self.start(index, now);
        } else {
            self.fetch(index);
        }
    }
}

/// What is said of an image that was fetched in this time.
pub(super) fn pulled(image: &str, time: Duration) -> String {
    let took = go_seconds(time);
    let size = 20_000_000 + u64::from(crate::rehearsal::dice::fnv32(image)) % 180_000_000;
    format!("Successfully pulled image \"{image}\" in {took} ({took} including waiting). Image size: {size} bytes.")
}

/// How long the hook after a container's start takes, and whether it does its work; none where it has none.
fn after_start(spec: &Value) -> Option<(Duration, bool)> {
    spec.pointer("/lifecycle/postStart").map(|hook| needs::hook(hook).unwrap_or((clock::FAR, true)))
}

/// A length of time as Go writes it, in seconds and milliseconds.
fn go_seconds(time: Duration) -> String {
    let millis = time.as_millis();
    if millis < 1000 {
        format!("{millis}ms")
    } else {
        format!("{}s", format!("{:.3}", time.as_secs_f64()).trim_end_matches('0').trim_end_matches('.'))
    }
}

/// A whole number of seconds as Go writes a duration: `40s`, `2m40s`, `5m0s`.
pub(super) fn go_minutes(time: Duration) -> String {
    let seconds = time.as_secs();
    if seconds < 60 { format!("{seconds}s") } else { format!("{}m{}s", seconds / 60, seconds % 60) }
}

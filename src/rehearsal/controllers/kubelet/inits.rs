//! Init containers: one after the other, each at its end or, where it is a sidecar, at its start.

use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use super::life::{back_off, go_minutes, pulled};
use super::needs::{self, Image};
use super::status::Process;
use super::steps::{First, Step};
use super::worker::Worker;
use crate::rehearsal::api::object::text;
use crate::rehearsal::controllers::recorder::Note;

impl Worker {
    /// What comes next for an init container.
    pub(super) fn init(&mut self, first: First, now: &str) {
        match first {
            First::Fetch(index) => self.init_fetch(index),
            First::Fetched(index) => self.init_fetched(index),
            First::Refused(index) => self.init_refused(index),
            First::Start(index) => self.init_start(index, now),
            First::Done(index) => self.init_done(index, now),
            First::BackOff(index) => self.init_back_off(index),
        }
    }

    fn init_spec(&self, index: usize) -> Value {
        self.pod.list("/spec/initContainers").get(index).cloned().unwrap_or(Value::Null)
    }

    fn init_say(&mut self, reason: &str, message: &str, index: usize, warning: bool) {
        let field = format!("spec.initContainers{{{}}}", self.sketch.inits[index].name);
        self.tell(Note { warning, ..Note::normal("kubelet", reason, message) }, &field);
    }

    fn init_wait(&mut self, index: usize, reason: &'static str, message: String) {
        let init = &mut self.sketch.inits[index];
        init.remember();
        init.process = Process::Waiting(reason, message);
    }

    /// One that cannot go on for now: it waits for this reason and is looked at again.
    fn init_hold(&mut self, index: usize, reason: &'static str, message: String, error: &str) {
        self.init_say("Failed", &format!("Error: {error}"), index, true);
        self.init_wait(index, reason, message);
        self.after_millis(10_000, 15_000, Step::Init(First::Fetch(index)));
    }

    fn init_fetch(&mut self, index: usize) {
        let image = self.sketch.inits[index].image.clone();
        let spec = self.init_spec(index);
        let policy = text(&spec, "/imagePullPolicy");
        match needs::image(&self.hand, &self.pod, &self.node, &image) {
            Image::Malformed => {
                let parsed = format!("couldn't parse image reference \"{image}\": {}", needs::malformed(&image));
                let why = format!("Failed to apply default image tag \"{image}\": {parsed}");
                self.init_say("InspectFailed", &why, index, true);
                self.init_hold(index, "InvalidImageName", why, "InvalidImageName");
            }
            Image::Present if policy != "Always" => {
                let message = format!("Container image \"{image}\" already present on machine and can be accessed by the pod");
                self.init_say("Pulled", &message, index, false);
                self.init_create(index);
            }
            Image::Away | Image::Nowhere(_) if policy == "Never" => {
                let why = format!("Container image \"{image}\" is not present with pull policy of Never");
                self.init_say("ErrImageNeverPull", &why, index, true);
                self.init_hold(index, "ErrImageNeverPull", why, "ErrImageNeverPull");
            }
            Image::Present | Image::Away | Image::Nowhere(_) => {
                self.init_say("Pulling", &format!("Pulling image \"{image}\""), index, false);
                self.firsts[index].fetching = Instant::now();
                let time = self.timings.pull.draw(self.hand.rolls());
                self.after(time, Step::Init(First::Fetched(index)));
            }
        }
    }

    fn init_fetched(&mut self, index: usize) {
        let image = self.sketch.inits[index].image.clone();
        if let Image::Nowhere(why) = needs::image(&self.hand, &self.pod, &self.node, &image) {
            self.firsts[index].refusals += 1;
            self.init_say("Failed", &format!("Failed to pull image \"{image}\": {why}"), index, true);
            self.init_say("Failed", "Error: ErrImagePull", index, true);
            self.init_wait(index, "ErrImagePull", why);
            self.after_millis(1_000, 2_500, Step::Init(First::Refused(index)));
            return;
        }
        self.firsts[index].refusals = 0;
        self.hand.ground(|ground| ground.workers.keep_image(&self.node, &image));
        let message = pulled(&image, self.firsts[index].fetching.elapsed());
        self.init_say("Pulled", &message, index, false);
        self.init_create(index);
    }

    fn init_refused(&mut self, index: usize) {
        let image = self.sketch.inits[index].image.clone();
        let why = if let Process::Waiting(_, why) = &self.sketch.inits[index].process { why.clone() } else { String::new() };
        let message = format!("Back-off pulling image \"{image}\"");
        self.init_say("BackOff", &message, index, false);
        self.init_say("Failed", "Error: ImagePullBackOff", index, true);
        self.init_wait(index, "ImagePullBackOff", format!("{message}: ErrImagePull: {why}"));
        self.after(back_off(self.firsts[index].refusals), Step::Init(First::Fetch(index)));
    }

    fn init_create(&mut self, index: usize) {
        if let Some(missing) = needs::missing_source(&self.hand, &self.pod, &self.init_spec(index)) {
            self.init_hold(index, "CreateContainerConfigError", missing.clone(), &missing);
            return;
        }
        self.init_say("Created", "Container created", index, false);
        self.init_say("Started", "Container started", index, false);
        let time = self.timings.start.draw(self.hand.rolls());
        self.after(time, Step::Init(First::Start(index)));
    }

    fn init_start(&mut self, index: usize, now: &str) {
        let again = !self.sketch.inits[index].id.is_empty();
        let init = &mut self.sketch.inits[index];
        init.start(now, self.hand.rolls());
        init.restarts += i64::from(again);
        let life = needs::lifetime(&self.init_spec(index));
        if self.sketch.inits[index].sidecar {
            // Nobody asks its probes here: it is ready when it runs.
            self.sketch.inits[index].ready = true;
            if let Some((time, _)) = life {
                self.after(time.max(Duration::from_millis(20)), Step::Init(First::Done(index)));
            }
            if !again {
                self.init_next(index);
            }
            return;
        }
        let (time, _) = life.unwrap_or_else(|| (self.timings.start.draw(self.hand.rolls()), 0));
        self.after(time.max(Duration::from_millis(20)), Step::Init(First::Done(index)));
    }

    fn init_done(&mut self, index: usize, now: &str) {
        let (_, code) = needs::lifetime(&self.init_spec(index)).unwrap_or_default();
        let init = &mut self.sketch.inits[index];
        init.end(code, if code == 0 { "Completed" } else { "Error" }, now);
        let lasting = init.sidecar;
        init.ready = code == 0 && !lasting;
        if code == 0 && !lasting {
            self.init_next(index);
        } else if !lasting && self.pod.text("/spec/restartPolicy") == "Never" {
            self.sketch.phase = "Failed";
        } else {
            self.firsts[index].crashes += 1;
            if self.firsts[index].crashes > 1 {
                self.after_millis(700, 1200, Step::Init(First::BackOff(index)));
            } else {
                self.after_millis(500, 1100, Step::Init(First::Fetch(index)));
            }
        }
    }

    fn init_back_off(&mut self, index: usize) {
        let delay = back_off(self.firsts[index].crashes - 1);
        let name = self.sketch.inits[index].name.clone();
        let pod = format!("{}_{}({})", self.pod.name(), self.pod.namespace(), self.pod.uid());
        self.init_wait(index, "CrashLoopBackOff", format!("back-off {} restarting failed container={name} pod={pod}", go_minutes(delay)));
        self.init_say("BackOff", &format!("Back-off restarting failed container {name} in pod {pod}"), index, true);
        self.after(delay, Step::Init(First::Fetch(index)));
    }

    /// The next one, or the containers of the pod.
    fn init_next(&mut self, index: usize) {
        if index + 1 < self.sketch.inits.len() {
            self.after_millis(20, 60, Step::Init(First::Fetch(index + 1)));
        } else {
            (0..self.lives.len()).for_each(|index| self.fetch(index));
        }
    }

    /// Who runs beside the others ends when they have ended.
    pub(super) fn end_sidecars(&mut self, now: &str) {
        for init in self.sketch.inits.iter_mut().filter(|init| init.running()) {
            init.end(0, "Completed", now);
        }
    }

    pub(super) fn say_killing_sidecars(&mut self) {
        let running: Vec<usize> = (0..self.sketch.inits.len()).filter(|index| self.sketch.inits[*index].running()).collect();
        for index in running {
            let message = format!("Stopping container {}", self.sketch.inits[index].name);
            self.init_say("Killing", &message, index, false);
        }
    }
}

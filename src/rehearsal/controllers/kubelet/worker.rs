//! One pod on its node: from the first container to the last.
//!
//! The worker is a list of steps that are due at moments, interrupted by news of the pod.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::{Instant, timeout_at};

use super::status::{Process, Sketch};
use crate::rehearsal::api::deletion::DeleteOptions;
use crate::rehearsal::api::kinds::Kind;
use crate::rehearsal::api::object::{Object, text};
use crate::rehearsal::api::store::Key;
use crate::rehearsal::clock;
use crate::rehearsal::controllers::recorder::{Note, record};
use crate::rehearsal::controllers::{Hand, Home};
use crate::rehearsal::world::Timings;

/// What a worker is told.
#[derive(Debug, Clone)]
pub enum News {
    /// The pod has changed.
    Changed(Arc<Object>),
    /// The pod is no longer in the API.
    Gone,
    /// The process of this container was killed.
    Killed(String),
    /// Something about the node or the pod's processes is other than before.
    Afflicted,
}

/// What a worker does next, and for which container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// Report the containers as waiting.
    Admit,
    /// The sandbox is there.
    Prepare,
    /// All containers run.
    Start,
    /// This container's probe passes.
    Ready(usize),
    /// Tell that the spec was seen.
    Observe,
    /// This container is going down for a change of its image.
    Unready(usize),
    /// This container is seen as killed.
    Ended(usize),
    /// This container waits before it is started again.
    BackOff(usize),
    /// This container runs again.
    Restart(usize),
    /// All containers have stopped at the end of the pod.
    Stopped,
}

/// How long a container has to run for its crashes to be forgotten.
const CRASHES_FORGOTTEN: chrono::Duration = chrono::Duration::minutes(10);

/// The kubelet's worker for one pod.
pub struct Worker {
    hand: Hand,
    key: Key,
    pod: Arc<Object>,
    node: String,
    timings: Timings,
    sketch: Sketch,
    /// How often each container crashed lately.
    crashes: Vec<u32>,
    due: Vec<(Instant, Step)>,
    stopping: bool,
    news: UnboundedReceiver<News>,
}

impl Worker {
    /// A worker for this pod: from the start for a new one, from where it is for one that runs already.
    #[must_use]
    pub fn new(home: &Home, pod: &Arc<Object>, news: UnboundedReceiver<News>) -> Self {
        let mut hand = Hand::new(home, &format!("kubelet/{}/{}", pod.namespace(), pod.uid()));
        let node = pod.text("/spec/nodeName").to_owned();
        let (timings, host, now) = {
            let host = hand.get(&Key::new(Kind::Node, "", &node)).map(|n| n.text("/status/addresses/0/address").to_owned());
            let timings = hand.ground(|ground| ground.world.timings(pod.namespace(), &pod.labels()));
            (timings, host.unwrap_or_default(), hand.stamp())
        };
        let mut sketch = Sketch::waiting(pod, &host, &now);
        let mut due = Vec::new();
        if pod.text("/status/phase") == "Running" {
            adopt(&mut sketch, pod);
        } else {
            due.push((Instant::now() + timings.admit.draw(hand.rolls()), Step::Admit));
        }
        let crashes = vec![0; sketch.containers.len()];
        let key = Key::new(Kind::Pod, pod.namespace(), pod.name());
        Self { hand, key, pod: pod.clone(), node, timings, sketch, crashes, due, stopping: false, news }
    }

    /// Live as long as the pod.
    pub async fn run(mut self) {
        // A pod may be bound and deleted between two looks.
        if self.pod.deleting() {
            self.stop();
        }
        loop {
            let next =
                self.due.iter().enumerate().min_by_key(|(index, (at, _))| (*at, *index)).map(|(index, (at, step))| (index, *at, *step));
            let news = match next {
                Some((index, at, step)) => {
                    if let Ok(news) = timeout_at(at, self.news.recv()).await {
                        news
                    } else {
                        self.due.remove(index);
                        if self.perform(step).await {
                            return;
                        }
                        continue;
                    }
                }
                None => self.news.recv().await,
            };
            match news {
                Some(News::Changed(pod)) => self.changed(pod),
                Some(News::Killed(container)) => self.killed(&container),
                Some(News::Afflicted) => {}
                Some(News::Gone) | None => {
                    if !self.stopping {
                        self.say_killing();
                    }
                    return;
                }
            }
        }
    }

    fn after(&mut self, time: Duration, step: Step) {
        self.due.push((Instant::now() + time, step));
    }

    fn after_millis(&mut self, least: u64, most: u64, step: Step) {
        let time = self.hand.rolls().between(Duration::from_millis(least), Duration::from_millis(most));
        self.after(time, step);
    }

    fn changed(&mut self, pod: Arc<Object>) {
        self.pod = pod;
        if self.pod.deleting() && !self.stopping {
            self.stop();
            return;
        }
        let images: Vec<String> = self.pod.list("/spec/containers").iter().map(|c| text(c, "/image").to_owned()).collect();
        let mut seen = false;
        for (index, image) in images.into_iter().enumerate() {
            let Some(container) = self.sketch.containers.get_mut(index).filter(|c| c.image != image) else { continue };
            container.image = image;
            if container.running() {
                seen = true;
                let message = format!("Container {} definition changed, will be restarted", container.name);
                self.say("Killing", &message, index);
                self.due.retain(|(_, step)| *step != Step::Ready(index));
                self.after_millis(120, 220, Step::Unready(index));
            }
        }
        if seen {
            self.after_millis(25, 60, Step::Observe);
        }
    }

    fn killed(&mut self, name: &str) {
        let Some(index) = self.sketch.containers.iter().position(|c| c.name == name && c.running()) else { return };
        self.due.retain(|(_, step)| *step != Step::Ready(index));
        self.after_millis(90, 180, Step::Ended(index));
    }

    fn stop(&mut self) {
        self.stopping = true;
        self.due.clear();
        self.say_killing();
        let grace = self.pod.number("/metadata/deletionGracePeriodSeconds").and_then(|s| u64::try_from(s).ok()).unwrap_or(0);
        let time = self.timings.stop.draw(self.hand.rolls()).min(Duration::from_secs(grace));
        self.after(time, Step::Stopped);
    }

    /// One step. True when it was the last.
    async fn perform(&mut self, step: Step) -> bool {
        let now = self.hand.stamp();
        match step {
            Step::Admit => {
                self.sketch.since = now;
                let time = self.timings.prepare.draw(self.hand.rolls());
                self.after(time, Step::Prepare);
            }
            Step::Prepare => {
                self.sketch.sandbox = true;
                self.sketch.ip = address(&self.hand, &self.node, self.pod.uid());
                for index in 0..self.sketch.containers.len() {
                    self.say_started(index);
                }
                let time = self.timings.start.draw(self.hand.rolls());
                self.after(time, Step::Start);
            }
            Step::Start => {
                self.sketch.phase = "Running";
                for index in 0..self.sketch.containers.len() {
                    self.sketch.containers[index].start(&now, self.hand.rolls());
                    let time = self.timings.ready.draw(self.hand.rolls());
                    self.after(time, Step::Ready(index));
                }
            }
            Step::Ready(index) => {
                // A pause image answers no probe.
                let passes = !self.sketch.containers[index].image.contains("pause");
                self.sketch.containers[index].ready = passes;
            }
            Step::Observe => {}
            Step::Unready(index) => {
                self.sketch.containers[index].ready = false;
                self.after_millis(12, 30, Step::Restart(index));
            }
            Step::Ended(index) => self.ended(index, &now),
            Step::BackOff(index) => {
                let delay = back_off(self.crashes[index]);
                let message = format!(
                    "back-off {}s restarting failed container={} pod={}_{}({})",
                    delay.as_secs(),
                    self.sketch.containers[index].name,
                    self.pod.name(),
                    self.pod.namespace(),
                    self.pod.uid()
                );
                let container = &mut self.sketch.containers[index];
                if let Process::Ended(..) = container.process {
                    let ended = container.clone();
                    container.process = Process::Waiting("CrashLoopBackOff", message.clone());
                    container.last = ended_state(&ended);
                }
                self.say_warning(
                    "BackOff",
                    &format!("Back-off restarting failed container {} in pod", self.sketch.containers[index].name),
                    index,
                );
                self.after(delay, Step::Restart(index));
            }
            Step::Restart(index) => {
                if self.sketch.containers[index].running() {
                    self.sketch.containers[index].end(137, "Error", &now);
                }
                self.sketch.containers[index].restarts += 1;
                self.sketch.containers[index].start(&now, self.hand.rolls());
                self.say_started(index);
                self.after_millis(8, 40, Step::Ready(index));
            }
            Step::Stopped => return self.finish(&now).await,
        }
        self.report().await;
        false
    }

    fn ended(&mut self, index: usize, now: &str) {
        let ran_long = match &self.sketch.containers[index].process {
            Process::Running(since) => {
                clock::parse(now).zip(clock::parse(since)).is_some_and(|(now, since)| now - since > CRASHES_FORGOTTEN)
            }
            Process::Waiting(..) | Process::Ended(..) => false,
        };
        self.crashes[index] = if ran_long { 1 } else { self.crashes[index] + 1 };
        self.sketch.containers[index].end(137, "Error", now);
        if self.crashes[index] > 1 {
            self.after_millis(700, 1200, Step::BackOff(index));
        } else {
            self.after_millis(50, 110, Step::Restart(index));
        }
    }

    async fn finish(&mut self, now: &str) -> bool {
        self.sketch.phase = "Succeeded";
        for container in &mut self.sketch.containers {
            container.end(0, "Completed", now);
        }
        self.report().await;
        let options = DeleteOptions { grace: Some(0), uid: self.pod.uid().to_owned(), ..DeleteOptions::default() };
        let _ = self.hand.delete(&self.key, &options).await;
        // A finalizer may hold the pod in the API; nothing of it is left on the node.
        true
    }

    /// Write the status. A pod that is gone by now, or another one under its name, is left alone.
    async fn report(&mut self) {
        let Some(pod) = self.hand.get(&self.key).filter(|pod| pod.uid() == self.pod.uid()) else { return };
        let status = self.sketch.status(&pod, &self.hand.stamp());
        let _ = self.hand.set_status(Kind::Pod, &pod, status).await;
    }

    fn say(&self, reason: &str, message: &str, index: usize) {
        self.tell(Note::normal("kubelet", reason, message), index);
    }

    fn say_warning(&self, reason: &str, message: &str, index: usize) {
        self.tell(Note::normal("kubelet", reason, message).as_warning(), index);
    }

    fn tell(&self, note: Note<'_>, index: usize) {
        let field = self.sketch.containers.get(index).map(|c| format!("spec.containers{{{}}}", c.name)).unwrap_or_default();
        record(&self.hand, Kind::Pod, &self.pod, Note { host: &self.node, field: &field, ..note });
    }

    fn say_started(&self, index: usize) {
        let container = &self.sketch.containers[index];
        self.say(
            "Pulled",
            &format!("Container image \"{}\" already present on machine and can be accessed by the pod", container.image),
            index,
        );
        self.say("Created", "Container created", index);
        self.say("Started", "Container started", index);
    }

    fn say_killing(&self) {
        for (index, container) in self.sketch.containers.iter().enumerate().filter(|(_, c)| c.running()) {
            self.say("Killing", &format!("Stopping container {}", container.name), index);
        }
    }
}

fn ended_state(container: &super::status::Container) -> Value {
    match &container.process {
        Process::Ended(code, reason, from, until) => serde_json::json!({"terminated": {
            "exitCode": code, "reason": reason, "startedAt": from, "finishedAt": until, "containerID": container.id}}),
        Process::Waiting(..) | Process::Running(_) => container.last.clone(),
    }
}

/// How long a container waits after this many crashes.
fn back_off(crashes: u32) -> Duration {
    Duration::from_secs((10_u64 << crashes.saturating_sub(2).min(5)).min(300))
}

/// An address on this node that no other pod has.
fn address(hand: &Hand, node: &str, uid: &str) -> String {
    let number: u32 = node.rsplit('-').next().and_then(|n| n.parse().ok()).unwrap_or(0);
    let pods = hand.list(Kind::Pod, None);
    let taken: Vec<&str> = pods.iter().filter(|p| p.uid() != uid).map(|p| p.text("/status/podIP")).collect();
    let free = (2..=u32::from(u16::MAX))
        .map(|n| format!("10.244.{}.{}", (number + (n >> 8) * 16) % 256, n & 0xff))
        .find(|ip| !taken.contains(&ip.as_str()));
    free.unwrap_or_default()
}

/// Take over a pod that runs already.
fn adopt(sketch: &mut Sketch, pod: &Object) {
    sketch.phase = "Running";
    sketch.sandbox = true;
    pod.text("/status/podIP").clone_into(&mut sketch.ip);
    pod.text("/status/startTime").clone_into(&mut sketch.since);
    for container in &mut sketch.containers {
        let Some(status) = pod.list("/status/containerStatuses").iter().find(|s| text(s, "/name") == container.name) else { continue };
        container.process = Process::Running(text(status, "/state/running/startedAt").to_owned());
        container.ready = status["ready"] == true;
        container.restarts = status["restartCount"].as_i64().unwrap_or(0);
        text(status, "/containerID").clone_into(&mut container.id);
        text(status, "/image").clone_into(&mut container.image);
        container.last = status["lastState"].clone();
    }
}

//! One pod on its node: from the first container to the last.
//!
//! The worker is a list of steps that are due at moments, interrupted by news of the pod.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::{Instant, timeout_at};

use super::life::Life;
use super::needs;
use super::status::Sketch;
use super::steps::{First, News, Step};
use crate::rehearsal::api::deletion::DeleteOptions;
use crate::rehearsal::api::kinds::Kind;
use crate::rehearsal::api::object::{Object, text};
use crate::rehearsal::api::store::Key;
use crate::rehearsal::clock;
use crate::rehearsal::controllers::recorder::{Note, record};
use crate::rehearsal::controllers::{Hand, Home};
use crate::rehearsal::dice::Rolls;
use crate::rehearsal::world::Timings;

/// How many Events about one pod a kubelet writes without a pause; then one more every five minutes.
const VOICE: f64 = 25.0;

/// The kubelet's worker for one pod.
pub struct Worker {
    pub(super) hand: Hand,
    key: Key,
    pub(super) pod: Arc<Object>,
    pub(super) node: String,
    pub(super) timings: Timings,
    pub(super) sketch: Sketch,
    pub(super) lives: Vec<Life>,
    /// The same of init containers.
    pub(super) firsts: Vec<Life>,
    /// Whether a packet gets through is drawn apart from how long things take.
    pub(super) luck: Rolls,
    pub(super) due: Vec<(Instant, Step)>,
    voice: (f64, Instant),
    stopping: bool,
    /// How long the next try to mount the volumes is put off.
    mounts: Duration,
    news: UnboundedReceiver<News>,
}

impl Worker {
    /// A worker for this pod: from the start for a new one, from where it is for one that runs already.
    #[must_use]
    pub fn new(home: &Home, pod: &Arc<Object>, news: UnboundedReceiver<News>) -> Self {
        let hand = Hand::new(home, &format!("kubelet/{}/{}", pod.namespace(), pod.uid()));
        let node = pod.text("/spec/nodeName").to_owned();
        let (timings, host, now) = {
            let host = hand.get(&Key::new(Kind::Node, "", &node)).map(|n| n.text("/status/addresses/0/address").to_owned());
            let timings = hand.ground(|ground| ground.world.timings(pod.namespace(), &pod.labels()));
            (timings, host.unwrap_or_default(), hand.stamp())
        };
        let mut sketch = Sketch::waiting(pod, &host, &now);
        let lives = sketch.containers.iter().map(|_| Life::new()).collect();
        let firsts = sketch.inits.iter().map(|_| Life::new()).collect();
        let luck = hand.stream(|_| format!("luck/{}", pod.uid()));
        let running = pod.text("/status/phase") == "Running";
        if running {
            sketch.adopt(pod);
        }
        let key = Key::new(Kind::Pod, pod.namespace(), pod.name());
        let voice = (VOICE, Instant::now());
        let mut worker = Self {
            hand,
            key,
            pod: pod.clone(),
            node,
            timings,
            sketch,
            lives,
            firsts,
            luck,
            due: Vec::new(),
            voice,
            stopping: false,
            mounts: Duration::ZERO,
            news,
        };
        if running {
            (0..worker.lives.len()).for_each(|index| worker.take_over(index));
        } else {
            let time = timings.admit.draw(worker.hand.rolls());
            worker.after(time, Step::Admit);
        }
        worker
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
                Some(News::Afflicted) => (0..self.lives.len()).for_each(|index| self.suffer(index)),
                Some(News::Gone) | None => {
                    if !self.stopping {
                        self.say_killing();
                    }
                    return;
                }
            }
        }
    }

    pub(super) fn after(&mut self, time: Duration, step: Step) {
        self.due.push((Instant::now() + time.min(clock::FAR), step));
    }

    pub(super) fn after_millis(&mut self, least: u64, most: u64, step: Step) {
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
                self.due.retain(|(_, step)| !step.is_of_process(index));
                self.after_millis(120, 220, Step::Unready(index));
            }
        }
        if seen {
            self.after_millis(25, 60, Step::Observe);
        }
    }

    fn killed(&mut self, name: &str) {
        let Some(index) = self.sketch.containers.iter().position(|c| c.name == name && c.running()) else { return };
        self.after_millis(90, 180, Step::Killed(index));
    }

    fn stop(&mut self) {
        self.stopping = true;
        self.due.clear();
        self.say_killing();
        let grace = self.pod.number("/metadata/deletionGracePeriodSeconds").and_then(|s| u64::try_from(s).ok()).unwrap_or(0);
        let grace = Duration::from_secs(grace);
        let time = self.timings.stop.draw(self.hand.rolls());
        let last = (0..self.lives.len()).map(|index| self.farewell(index, grace, time)).max().unwrap_or_default();
        self.after(if grace.is_zero() { grace } else { last }, Step::Stopped);
    }

    /// One step. True when it was the last.
    async fn perform(&mut self, step: Step) -> bool {
        if self.hand.ground(|ground| ground.troubles.nodes_down.contains(&self.node)) {
            // Nobody is there to do it; the processes run on.
            self.after(Duration::from_secs(1), step);
            return false;
        }
        let now = self.hand.stamp();
        match step {
            Step::Admit => {
                self.sketch.since.clone_from(&now);
                let time = self.timings.prepare.draw(self.hand.rolls());
                self.after(time, Step::Prepare);
                if let Some(most) = self.pod.number("/spec/activeDeadlineSeconds").and_then(|seconds| u64::try_from(seconds).ok()) {
                    self.after(Duration::from_secs(most), Step::Overdue);
                }
            }
            Step::Prepare => {
                if let Some(missing) = needs::missing_volume(&self.hand, &self.pod) {
                    self.tell(Note::normal("kubelet", "FailedMount", &missing).as_warning(), "");
                    self.mounts = (self.mounts * 2).clamp(Duration::from_millis(500), Duration::from_secs(122));
                    self.after(self.mounts, Step::Prepare);
                    return false;
                }
                self.sketch.sandbox = true;
                self.sketch.ip = address(&self.hand, &self.node, self.pod.uid());
                if self.sketch.inits.is_empty() {
                    (0..self.lives.len()).for_each(|index| self.fetch(index));
                } else {
                    self.after_millis(1, 5, Step::Init(First::Fetch(0)));
                }
            }
            Step::Init(first) => self.init(first, &now),
            Step::Overdue => self.overdue(&now),
            Step::Fetch(index) => self.fetch(index),
            Step::Fetched(index) => self.fetched(index),
            Step::Refused(index) => self.refused(index),
            Step::Start(index) => self.start(index, &now),
            Step::Probe(index, kind) => {
                if !self.probe(index, kind) {
                    return false;
                }
            }
            Step::Look(index) => {
                self.look(index);
                return false;
            }
            Step::Observe | Step::Tell => {}
            Step::Unready(index) => {
                self.sketch.containers[index].ready = false;
                self.after_millis(12, 30, Step::Restart(index));
            }
            Step::Killed(index) => self.ended(index, 137, "Error", &now),
            Step::Oom(index) => self.ended(index, 137, "OOMKilled", &now),
            Step::Exited(index) => self.exited(index, &now),
            Step::BackOff(index) => self.back_off(index),
            Step::BackOffAgain(index) => {
                self.say_back_off(index);
                return false;
            }
            Step::Restart(index) => self.restart(index, &now),
            Step::Stopped => return self.finish(&now).await,
        }
        let over = matches!(self.sketch.phase, "Succeeded" | "Failed");
        if over {
            self.end_sidecars(&now);
        }
        self.report().await;
        // A pod that has ended by itself has no more of a life, once that is told.
        over && !self.due.iter().any(|(_, step)| *step == Step::Tell)
    }

    async fn finish(&mut self, now: &str) -> bool {
        let grace = self.pod.number("/metadata/deletionGracePeriodSeconds").unwrap_or(0);
        for (container, life) in self.sketch.containers.iter_mut().zip(&self.lives).filter(|(container, _)| container.running()) {
            container.end(life.end.0, life.end.1, now);
        }
        self.end_sidecars(now);
        self.sketch.finish();
        if grace > 0 {
            self.report().await;
        }
        let options = DeleteOptions { grace: Some(0), uid: self.pod.uid().to_owned(), ..DeleteOptions::default() };
        let _ = self.hand.delete(&self.key, &options).await;
        // A finalizer may hold the pod in the API; nothing of it is left on the node.
        true
    }

    /// Write the status. A pod that is gone by now, or another one under its name, is left alone.
    ///
    /// While nobody answers at the API server's address the kubelet goes on, and keeps to itself what it has to tell until it can.
    async fn report(&mut self) {
        let Some(pod) = self.hand.get(&self.key).filter(|pod| pod.uid() == self.pod.uid()) else { return };
        // What changed while nobody could be told has changed then, not now.
        let known = self.hand.ground(|ground| ground.workers.as_it_is(&pod).clone());
        let status = self.sketch.status(&known, &self.hand.stamp());
        self.hand.travel().await;
        if self.hand.cut_off() {
            let mut value = pod.value().clone();
            value["status"] = status;
            self.hand.ground(|ground| ground.workers.keep_untold(Object::new(value)));
            if !self.due.iter().any(|(_, step)| *step == Step::Tell) {
                self.after_millis(500, 2_000, Step::Tell);
            }
            return;
        }
        let _ = self.hand.set_status_now(Kind::Pod, &pod, status).await;
        self.hand.ground(|ground| ground.workers.told(pod.uid()));
    }

    pub(super) fn say(&mut self, reason: &str, message: &str, index: usize) {
        self.tell(Note::normal("kubelet", reason, message), &self.field(index));
    }

    pub(super) fn say_warning(&mut self, reason: &str, message: &str, index: usize) {
        self.tell(Note::normal("kubelet", reason, message).as_warning(), &self.field(index));
    }

    fn field(&self, index: usize) -> String {
        self.sketch.containers.get(index).map(|c| format!("spec.containers{{{}}}", c.name)).unwrap_or_default()
    }

    pub(super) fn tell(&mut self, note: Note<'_>, field: &str) {
        let (left, since) = self.voice;
        let left = (left + since.elapsed().as_secs_f64() / 300.0).min(VOICE);
        self.voice = (left, Instant::now());
        if left < 1.0 {
            return;
        }
        self.voice.0 -= 1.0;
        record(&self.hand, Kind::Pod, &self.pod, Note { host: &self.node, field, ..note });
    }

    fn say_killing(&mut self) {
        let running: Vec<(usize, String)> =
            self.sketch.containers.iter().enumerate().filter(|(_, c)| c.running()).map(|(index, c)| (index, c.name.clone())).collect();
        for (index, name) in running {
            self.say("Killing", &format!("Stopping container {name}"), index);
        }
        self.say_killing_sidecars();
    }
}

/// An address on this node that no other pod has: of the node's own network, or where that is full or unknown, of one that follows it.
fn address(hand: &Hand, node: &str, uid: &str) -> String {
    let node = hand.get(&Key::new(Kind::Node, "", node));
    let network = node.as_ref().and_then(|node| node.text("/spec/podCIDR").strip_prefix("10.244.")?.split('.').next()?.parse::<u32>().ok());
    let number = network.unwrap_or(200);
    let pods = hand.list(Kind::Pod, None);
    let taken: BTreeSet<&str> = pods.iter().filter(|p| p.uid() != uid).map(|p| p.text("/status/podIP")).collect();
    let free = (0..256_u32)
        .flat_map(|step| (2..255_u32).map(move |last| format!("10.244.{}.{last}", (number + step * 16 + step / 16) % 256)))
        .find(|ip| !taken.contains(ip.as_str()) && !hand.ground(|ground| ground.workers.is_taken(ip, uid)));
    let address = free.unwrap_or_default();
    hand.ground(|ground| ground.workers.keep_address(&address, uid));
    address
}

//! The controllers of `PodNetworkChaos`, `PodIOChaos` and `PodHttpChaos`: what stands in the object is brought to the pod by the daemon on its node.

use std::time::Duration;

use serde_json::{Value, json};

use super::container_chaos::Unreached;
use super::daemon::{IoEffect, IoFault, call, find};
use super::queue::{self, Next, Reconciler};
use super::{go, http_chaos, notes};
use crate::rehearsal::api::kinds::Kind;
use crate::rehearsal::api::object::{Object, list, number, text};
use crate::rehearsal::api::store::{Change, Key, Verb};
use crate::rehearsal::controllers::recorder::{Note, record};
use crate::rehearsal::controllers::{Hand, Home};

/// Run the controller of this kind of rules.
pub async fn run(home: Home, kind: Kind) {
    let hand = Hand::new(&home, kind.resource().singular);
    queue::run(home, Rules { hand, kind }).await;
}

/// One kind of rules.
struct Rules {
    hand: Hand,
    kind: Kind,
}

/// Why the rules did not get to the pod.
struct Failure {
    /// What was being done, as the event names it.
    activity: &'static str,
    why: String,
    /// Whether it is tried again.
    again: bool,
}

impl Reconciler for Rules {
    fn kinds(&self) -> Vec<Kind> {
        vec![self.kind]
    }

    /// Only a change of the spec is acted on.
    fn hear(&self, change: &Change) -> Vec<Key> {
        let same = change.previous.as_ref().is_some_and(|old| old.value()["spec"] == change.object.value()["spec"]);
        if same || change.verb == Verb::Deleted { Vec::new() } else { vec![change.key.clone()] }
    }

    fn forget(&mut self, key: &Key) {
        self.hand.ground(|ground| match self.kind {
            Kind::PodNetworkChaos => ground.daemon.apply(&key.namespace, &key.name, Value::Null),
            Kind::PodHttpChaos => ground.daemon.apply_http(&key.namespace, &key.name, Vec::new()),
            _ => ground.daemon.apply_io(&key.namespace, &key.name, Vec::new()),
        });
    }

    async fn reconcile(&mut self, key: &Key) -> Next {
        let Some(chaos) = self.hand.get(key) else { return Next::Done };
        let generation = chaos.number("/metadata/generation").unwrap_or(1);
        let caught_up = generation <= chaos.number("/status/observedGeneration").unwrap_or(0);
        if caught_up && chaos.text("/status/failedMessage").is_empty() {
            return Next::Done;
        }
        let Some(pod) = self.hand.get(&Key::new(Kind::Pod, &key.namespace, &key.name)) else { return Next::Done };
        let mut status = chaos.value()["status"].as_object().cloned().unwrap_or_default();
        status.insert("observedGeneration".to_owned(), json!(generation));
        status.shift_remove("failedMessage");
        let applied =
            if self.kind == Kind::PodNetworkChaos { self.network(&chaos, &pod).await } else { self.processes(&chaos, &pod).await };
        let next = match applied {
            Ok(more) => {
                status.extend(more.as_object().cloned().unwrap_or_default());
                Next::Done
            }
            Err(failure) => {
                status.insert("failedMessage".to_owned(), json!(failure.why));
                self.say(&chaos, &failure);
                if failure.again { Next::Failed } else { Next::Done }
            }
        };
        let written = self.hand.set_status(self.kind, &chaos, Value::Object(status)).await;
        if written.is_ok() && self.kind == Kind::PodNetworkChaos {
            notes::updated(&self.hand, self.kind, &chaos, "podnetworkchaos", "ObservedGeneration and FailedMessage");
        }
        next
    }
}

impl Rules {
    fn say(&self, chaos: &Object, failure: &Failure) {
        let component = self.kind.resource().singular;
        if self.kind == Kind::PodNetworkChaos {
            notes::failed(&self.hand, self.kind, chaos, component, failure.activity, &failure.why);
        } else {
            record(&self.hand, self.kind, chaos, Note::normal(component, "Failed", &failure.why).as_warning());
        }
    }

    /// Calls that set ipsets, iptables and tc.
    async fn network(&mut self, chaos: &Object, pod: &Object) -> Result<Value, Failure> {
        let place = format!("{}/{}", pod.namespace(), pod.name());
        if pod.value()["spec"]["hostNetwork"] == true {
            let why = format!("It's dangerous to inject network chaos on a pod({place}) with `hostNetwork`");
            return Err(Failure { activity: "inject network chaos", why, again: false });
        }
        find(&self.hand, pod).map_err(|why| Failure { activity: "create chaos daemon client", why: why.why(), again: true })?;
        let failed = |activity, why: String| Failure { activity, why: format!("failed to apply for pod {place}: {why}"), again: true };
        if pod.list("/status/containerStatuses").is_empty() {
            return Err(failed("set ipsets", format!("pod {place} has empty container status: container not found")));
        }
        call(&mut self.hand, pod).await.map_err(|_| {
            // What the daemon said is only in the logs; each call goes the way of the first one.
            failed("set ipsets", format!("unable to flush ip sets for pod {}", pod.name()))
        })?;
        if let Some(why) = empty_netem(chaos) {
            return Err(failed("set tc", why));
        }
        let rules = chaos.value()["spec"].clone();
        self.hand.ground(|ground| ground.daemon.apply(pod.namespace(), pod.name(), rules));
        Ok(json!({}))
    }

    /// A process inside the pod that stands between it and its files or requests.
    async fn processes(&mut self, chaos: &Object, pod: &Object) -> Result<Value, Failure> {
        let failed = |why: String, again: bool| Failure { activity: "", why, again };
        let place = format!("{}/{}", pod.namespace(), pod.name());
        let applying = |why: String| format!("failed to apply for pod {place}: {why}");
        let http = self.kind == Kind::PodHttpChaos;
        find(&self.hand, pod).map_err(|why| failed(if http { applying(why.why()) } else { why.why() }, true))?;
        let statuses = pod.list("/status/containerStatuses");
        let container = match chaos.text("/spec/container").trim() {
            "" => statuses.first(),
            name => statuses.iter().find(|status| text(status, "/name") == name),
        };
        let Some(container) = container else {
            let why = if statuses.is_empty() {
                format!("pod {place} has empty container status: container not found")
            } else {
                format!("cannot find container with name {}", chaos.text("/spec/container"))
            };
            return Err(failed(why, false));
        };
        let answer = call(&mut self.hand, pod).await;
        answer.map_err(|why| failed(applying(Unreached::why(why)), true))?;
        // The pods of a cluster that is not ours are its own affair: nobody stands between them and their files.
        if !http && self.hand.home().is_ours() {
            mounted(chaos, pod, text(container, "/name")).map_err(|why| failed(applying(why), true))?;
        }
        if http {
            let faults = http_chaos::faults(chaos);
            self.hand.ground(|ground| ground.daemon.apply_http(pod.namespace(), pod.name(), faults));
        } else {
            let faults = io_faults(chaos, pod, container);
            self.hand.ground(|ground| ground.daemon.apply_io(pod.namespace(), pod.name(), faults));
        }
        let mut rolls = self.hand.stream(|_| format!("process/{}", pod.uid()));
        let pid = chaos.number("/status/pid").unwrap_or_else(|| i64::try_from(1000 + rolls.below(30_000)).unwrap_or(1000));
        let started = chaos.number("/status/startTime").unwrap_or_else(|| self.hand.now().timestamp_millis());
        Ok(json!({"pid": pid, "startTime": started}))
    }
}

/// Whether the volume of a rule for files is one: the process that stands before the files moves the mount away, and what is no mount cannot be moved.
fn mounted(chaos: &Object, pod: &Object, container: &str) -> Result<(), String> {
    let path = chaos.text("/spec/volumeMountPath").trim_end_matches('/');
    if chaos.list("/spec/actions").is_empty() {
        return Ok(());
    }
    let specs = pod.list("/spec/containers").iter().filter(|spec| text(spec, "/name") == container);
    if specs.flat_map(|spec| list(spec, "/volumeMounts")).any(|mount| text(mount, "/mountPath").trim_end_matches('/') == path) {
        return Ok(());
    }
    let name = path.rsplit('/').next().unwrap_or_default();
    let target = format!("{}__chaosfs__{name}__", path.strip_suffix(name).unwrap_or_default());
    Err(format!("rpc error: code = Unknown desc = toda startup takes too long or an error occurs: source: {path}, target: {target}"))
}

/// A netem rule that says nothing cannot be set.
fn empty_netem(chaos: &Object) -> Option<String> {
    let says_nothing = |tc: &Value| {
        tc["type"] == "netem" && ["delay", "loss", "duplicate", "corrupt", "rate"].iter().all(|block| tc.get(*block).is_none())
    };
    list(chaos.value(), "/spec/tcs")
        .iter()
        .any(says_nothing)
        .then(|| "invalid spec for netem action, at least one is required from delay, loss, duplicate, corrupt".to_owned())
}

fn io_faults(chaos: &Object, pod: &Object, container: &Value) -> Vec<IoFault> {
    let faults = chaos.list("/spec/actions").iter().filter_map(|action| {
        let effect = match text(action, "/type") {
            "latency" => IoEffect::Delayed(Duration::from_nanos(go::duration(text(action, "/latency")).unwrap_or(0).unsigned_abs())),
            "fault" => IoEffect::Failed(u32::try_from(number(action, "/faults/0/errno")?).ok()?),
            "attrOverride" => IoEffect::Misled,
            _ => IoEffect::Garbled,
        };
        Some(IoFault {
            namespace: pod.namespace().to_owned(),
            pod: pod.name().to_owned(),
            container: text(container, "/name").to_owned(),
            container_id: text(container, "/containerID").to_owned(),
            source: text(action, "/source").to_owned(),
            volume: chaos.text("/spec/volumeMountPath").to_owned(),
            path: text(action, "/path").to_owned(),
            methods: list(action, "/methods").iter().filter_map(|m| m.as_str().map(str::to_owned)).collect(),
            share: f64::from(number(action, "/percent").and_then(|n| i32::try_from(n).ok()).unwrap_or(0)) / 100.0,
            effect,
        })
    });
    faults.collect()
}

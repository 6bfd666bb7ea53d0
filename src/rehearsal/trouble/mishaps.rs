//! The mishaps of a world, each at its time.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::sleep;

use super::{Plight, Trouble};
use crate::rehearsal::api::deletion::DeleteOptions;
use crate::rehearsal::api::kinds::Kind;
use crate::rehearsal::api::object::{Object, list, map_mut, text};
use crate::rehearsal::api::selector::Selector;
use crate::rehearsal::api::store::Key;
use crate::rehearsal::api::writes::{OWN_WRITE, Part};
use crate::rehearsal::controllers::kubelet::steps::News;
use crate::rehearsal::world::{Denial, Measure, Mishap, What, Workload};

/// The taint of a node that takes no new pods.
const CORDON: &str = "node.kubernetes.io/unschedulable";

/// What undoes a mishap.
type Undo = Box<dyn FnOnce(&Trouble) + Send>;

fn undo(with: impl FnOnce(&Trouble) + Send + 'static) -> Undo {
    Box::new(with)
}

impl Trouble {
    /// Let all that is to go wrong in this world go wrong at its time, counted from now.
    pub(in crate::rehearsal) fn take_its_course(&self) {
        let mishaps = self.server.lock().world.mishaps.clone();
        for mishap in mishaps {
            self.befall(mishap);
        }
    }

    /// Let this happen at its time, counted from now.
    pub fn befall(&self, mishap: Mishap) {
        let this = self.clone();
        tokio::spawn(async move {
            sleep(mishap.at).await;
            let undo = this.begin(&mishap);
            if let (Some(length), Some(undo)) = (mishap.length, undo) {
                sleep(length).await;
                undo(&this);
            }
        });
    }

    fn begin(&self, mishap: &Mishap) -> Option<Undo> {
        let of = mishap.of.clone().unwrap_or_default();
        let by = mishap.by.map_or(Duration::ZERO, |by| by.length);
        match mishap.what {
            What::ApiOutage => {
                self.api_down();
                Some(undo(Trouble::api_up))
            }
            What::WatchCut => {
                self.cut_watches();
                None
            }
            What::HistoryLost => {
                self.compact();
                None
            }
            What::ClockSkew => {
                self.skew(signed(mishap.by));
                Some(undo(|this| this.skew(chrono::Duration::zero())))
            }
            What::Denied => self.deny_right(mishap),
            What::DaemonDown if mishap.of.is_none() => {
                self.chaos_daemon_down(true);
                Some(undo(|this| this.chaos_daemon_down(false)))
            }
            What::DaemonDown => {
                self.chaos_daemon_down_on(&of, true);
                Some(undo(move |this| this.chaos_daemon_down_on(&of, false)))
            }
            What::ControllerDown => {
                self.chaos_controller_down(true);
                Some(undo(|this| this.chaos_controller_down(false)))
            }
            What::PrometheusGap => {
                self.server.lock().troubles.scrapes_missed = true;
                Some(undo(|this| this.server.lock().troubles.scrapes_missed = false))
            }
            What::NodeDown => {
                self.node_down(&of, true);
                Some(undo(move |this| this.node_down(&of, false)))
            }
            What::Unschedulable => {
                let nodes = self.cordon(mishap.of.as_deref());
                Some(undo(move |this| nodes.iter().for_each(|node| this.uncordon(node))))
            }
            What::SlowPull => Some(self.afflict(&of, move |plight, on| plight.pull = on.then_some(by))),
            What::PullFails => Some(self.afflict(&of, |plight, on| plight.pull_fails = on)),
            What::BadProbe => Some(self.afflict(&of, |plight, on| plight.unready = on)),
            What::LivenessFails => Some(self.afflict(&of, |plight, on| plight.sick = on)),
            What::Crash => Some(self.afflict(&of, |plight, on| plight.crashes = on)),
            What::Leak => Some(self.afflict(&of, move |plight, on| plight.leak = on.then_some(by))),
            What::MissingSecret => self.take_away(Kind::Secret, &of),
            What::Quota => self.tighten(mishap.of.as_deref()),
            What::Pdb => self.protect(&of),
        }
    }

    fn deny_right(&self, mishap: &Mishap) -> Option<Undo> {
        let (verb, resource, group) = mishap.right()?;
        let denial = Denial { verb: verb.to_owned(), group: group.to_owned(), resource: resource.to_owned(), namespace: None };
        self.deny(denial.clone());
        Some(undo(move |this| this.server.lock().troubles.denials.retain(|other| *other != denial)))
    }

    /// Change what ails a workload, and tell its pods' processes.
    fn afflict(&self, workload: &str, change: impl Fn(&mut Plight, bool) + Send + 'static) -> Undo {
        self.change_plight(workload, |plight| change(plight, true));
        let workload = workload.to_owned();
        undo(move |this| this.change_plight(&workload, |plight| change(plight, false)))
    }

    fn change_plight(&self, workload: &str, change: impl FnOnce(&mut Plight)) {
        let mut state = self.server.lock();
        change(state.troubles.plights.entry(workload.to_owned()).or_default());
        let Some(wanted) = state.world.workloads.iter().find(|w| w.name == workload) else { return };
        let pods = state.store.list(Kind::Pod, Some(&wanted.namespace)).filter(|pod| bears(pod, wanted));
        for pod in pods {
            // A pod that is not on a node yet has nobody to be told, and will see for itself.
            let _ = state.workers.tell(pod.uid(), News::Afflicted);
        }
    }

    /// Whether the kubelet of this node does not answer. Its containers run on.
    pub fn node_down(&self, node: &str, down: bool) {
        let mut state = self.server.lock();
        if down {
            state.troubles.nodes_down.insert(node.to_owned());
        } else {
            state.troubles.nodes_down.remove(node);
        }
        for pod in state.store.list(Kind::Pod, None).filter(|pod| pod.text("/spec/nodeName") == node) {
            let _ = state.workers.tell(pod.uid(), News::Afflicted);
        }
    }

    fn edit(&self, key: &Key, change: impl FnOnce(&mut Value)) {
        let mut state = self.server.lock();
        if let Some(mut value) = state.store.get(key).map(|object| object.value().clone()) {
            change(&mut value);
            // Who refuses this is the cluster itself: then it stays as it is.
            drop(state.update(key.kind, &key.namespace, &key.name, value, Part::Main, OWN_WRITE));
        }
    }

    /// Let this node, or all, take no new pods. Those that took some before.
    fn cordon(&self, node: Option<&str>) -> Vec<String> {
        let open: Vec<String> = {
            let state = self.server.lock();
            let nodes = state.store.list(Kind::Node, None).filter(|n| node.is_none_or(|name| name == n.name()));
            nodes.filter(|n| n.value()["spec"]["unschedulable"] != true).map(|n| n.name().to_owned()).collect()
        };
        for name in &open {
            self.edit(&Key::new(Kind::Node, "", name), |value| {
                let spec = map_mut(value, "spec");
                spec.insert("unschedulable".to_owned(), json!(true));
                let taints = spec.entry("taints").or_insert_with(|| json!([]));
                if let Some(taints) = taints.as_array_mut() {
                    taints.push(json!({"key": CORDON, "effect": "NoSchedule"}));
                }
            });
        }
        open
    }

    fn uncordon(&self, node: &str) {
        self.edit(&Key::new(Kind::Node, "", node), |value| {
            let left: Vec<Value> = list(value, "/spec/taints").iter().filter(|taint| text(taint, "/key") != CORDON).cloned().collect();
            let spec = map_mut(value, "spec");
            spec.remove("unschedulable");
            if left.is_empty() {
                spec.remove("taints");
            } else {
                spec.insert("taints".to_owned(), json!(left));
            }
        });
    }

    /// Delete an object of this kind, wherever it is; the undo puts it back.
    fn take_away(&self, kind: Kind, name: &str) -> Option<Undo> {
        let mut state = self.server.lock();
        let object = state.store.list(kind, None).find(|object| object.name() == name).cloned()?;
        let namespace = object.namespace().to_owned();
        state.delete(kind, &namespace, name, &DeleteOptions::default()).ok()?;
        let mut value = object.value().clone();
        for field in ["uid", "resourceVersion", "creationTimestamp"] {
            map_mut(&mut value, "metadata").remove(field);
        }
        Some(undo(move |this| drop(this.server.lock().create(kind, &namespace, value, OWN_WRITE))))
    }

    fn remove(kind: Kind, namespace: String, name: &'static str) -> Undo {
        undo(move |this| drop(this.server.lock().delete(kind, &namespace, name, &DeleteOptions::default())))
    }

    /// Allow a namespace no more pods than it has.
    fn tighten(&self, namespace: Option<&str>) -> Option<Undo> {
        const NAME: &str = "rehearsal-quota";
        let mut state = self.server.lock();
        let namespace = namespace.map(str::to_owned).or_else(|| state.world.workloads.first().map(|w| w.namespace.clone()))?;
        let living = |pod: &Object| !matches!(pod.text("/status/phase"), "Succeeded" | "Failed");
        let pods = state.store.list(Kind::Pod, Some(&namespace)).filter(|pod| living(pod)).count();
        let quota =
            json!({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": NAME}, "spec": {"hard": {"pods": pods.to_string()}}});
        let quota = state.create(Kind::ResourceQuota, &namespace, quota, OWN_WRITE).ok()?;
        let mut value = quota.value().clone();
        value["status"] = json!({"hard": {"pods": pods.to_string()}, "used": {"pods": pods.to_string()}});
        drop(state.update(Kind::ResourceQuota, &namespace, NAME, value, Part::Status, OWN_WRITE));
        Some(Self::remove(Kind::ResourceQuota, namespace, NAME))
    }

    /// Let no pod of this workload be evicted.
    fn protect(&self, workload: &str) -> Option<Undo> {
        const NAME: &str = "rehearsal-budget";
        let mut state = self.server.lock();
        let wanted = state.world.workloads.iter().find(|w| w.name == workload)?.clone();
        // Two budgets over one pod are an error of their own (500): where there is one, its number is what is wrong.
        let over = |budget: &&Arc<Object>| {
            let selector = Selector::of_workload(&budget.value()["spec"]["selector"]);
            let mut pods = state.store.list(Kind::Pod, Some(&wanted.namespace)).filter(|pod| bears(pod, &wanted));
            selector.is_some_and(|selector| pods.any(|pod| selector.matches(pod)))
        };
        let own = state.store.list(Kind::PodDisruptionBudget, Some(&wanted.namespace)).find(over).cloned();
        if let Some(own) = own {
            drop(state);
            let key = Key::new(Kind::PodDisruptionBudget, own.namespace(), own.name());
            let before = own.value()["spec"].clone();
            self.edit(&key, |value| {
                let spec = map_mut(value, "spec");
                spec.remove("minAvailable");
                spec.insert("maxUnavailable".to_owned(), json!(0));
            });
            return Some(undo(move |this| this.edit(&key, |value| value["spec"] = before)));
        }
        let budget = json!({"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": NAME},
            "spec": {"maxUnavailable": 0, "selector": {"matchLabels": wanted.labels}}});
        state.create(Kind::PodDisruptionBudget, &wanted.namespace, budget, OWN_WRITE).ok()?;
        Some(Self::remove(Kind::PodDisruptionBudget, wanted.namespace, NAME))
    }
}

fn bears(pod: &Object, workload: &Workload) -> bool {
    let labels = pod.labels();
    workload.labels.iter().all(|(key, value)| labels.get(key.as_str()) == Some(&value.as_str()))
}

fn signed(measure: Option<Measure>) -> chrono::Duration {
    let Some(measure) = measure else { return chrono::Duration::zero() };
    let length = chrono::Duration::from_std(measure.length).unwrap_or_default();
    if measure.negative { -length } else { length }
}

//! Performing effects: each as a task whose answer comes back through the inbox.

use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use crate::driver::Clock;
use crate::edge::api_error::ApiError;
use crate::edge::lease::About;
use crate::edge::prometheus::Prometheus;
use crate::edge::{
    Cluster, Inbox, agentless, chaos_mesh, command_probe, endpoints, events, http_probe, inspect, lease, object_probe, pulse, targets,
    workloads,
};
use crate::effect::{ChaosRef, Effect, FaultId, PodRef};
use crate::event::{EndpointsSource, Event, Reading};
use crate::manifest;
use crate::run::Run;
use crate::run::ledger::FaultState;
use crate::run::probes::Ask;
use crate::scenario::model::TargetRef;

/// What effects are performed on.
#[derive(Clone)]
pub struct World {
    /// The cluster.
    pub cluster: Cluster,
    /// Its metrics.
    pub prometheus: Option<Prometheus>,
    /// For `http` criteria; `None` in rehearsal, where the practice cluster answers.
    pub http: Option<reqwest::Client>,
    /// Whether the commands of the scenario are run: in rehearsal only where that is allowed.
    pub commands: bool,
}

impl World {
    /// Begins to watch all that the run looks at.
    pub fn observe(&self, run: &Run, clock: Clock, inbox: &Inbox) {
        let mut namespaces = Vec::new();
        for (index, target) in run.scenario().targets.iter().enumerate() {
            tokio::spawn(workloads::observe(self.cluster.clone(), index, target.clone(), inbox.clone()));
            let namespace = target.namespace.clone().unwrap_or_else(|| self.cluster.namespace.clone());
            if !namespaces.contains(&namespace) {
                namespaces.push(namespace);
            }
        }
        // Events are told of the targets, of whatever bears their names, and of this run's faults
        let mut names: Vec<String> = run.scenario().targets.iter().map(|target| target.name.clone()).collect();
        names.extend(run.faults().iter().map(|state| manifest::prepared(&state.fault, state.id, run.header()).0.name));
        for namespace in namespaces {
            if self.cluster.fact.endpoints != EndpointsSource::None {
                tokio::spawn(endpoints::observe(self.cluster.clone(), namespace.clone(), inbox.clone()));
            }
            tokio::spawn(events::observe(self.cluster.clone(), namespace, names.clone(), inbox.clone()));
        }
        tokio::spawn(pulse::beat(self.cluster.clone(), clock, inbox.clone()));
    }

    /// Begins to follow the object of a fault that another process created.
    pub fn follow(&self, state: &FaultState, inbox: &Inbox) {
        if let Some((object, _)) = &state.object {
            self.observe_fault(state, object, inbox);
        }
    }

    fn observe_fault(&self, state: &FaultState, object: &ChaosRef, inbox: &Inbox) {
        let (cluster, fault, object, inbox) = (self.cluster.clone(), state.id, object.clone(), inbox.clone());
        let spawns = state.fault.action.experiment().kind();
        tokio::spawn(chaos_mesh::observe(cluster, fault, object, spawns, inbox));
    }

    /// Begins to perform an effect.
    pub fn perform(&self, effect: &Effect, run: &Run, clock: Clock, inbox: &Inbox) {
        let inbox = inbox.clone();
        match effect {
            Effect::Resolve { fault, round } => self.resolve(*fault, *round, run, inbox),
            Effect::Sample { probe } => {
                let Some(ask) = run.probes().get(*probe).map(|probe| probe.ask.clone()) else { return };
                let (world, probe, targets) = (self.clone(), *probe, run.scenario().targets.clone());
                let since = run.begun().map_or(Duration::ZERO, |begun| run.now().since(begun));
                tokio::spawn(async move {
                    let sent = Instant::now();
                    let reading = world.read(&ask, &targets, since).await;
                    let _ = inbox.send(Event::Sampled { probe, took: sent.elapsed(), reading }).await;
                });
            }
            Effect::Inspect { inspection } => {
                let (cluster, prometheus, inspection) = (self.cluster.clone(), self.prometheus.clone(), inspection.clone());
                tokio::spawn(async move {
                    let seen = inspect::look(&cluster, prometheus.as_ref(), inspection, &clock).await;
                    let _ = inbox.send(Event::Inspected { seen }).await;
                });
            }
            Effect::Kill { victim, grace, evict, .. } => {
                let (cluster, victim, grace, evict, id) = (self.cluster.clone(), victim.clone(), *grace, *evict, effect.id());
                tokio::spawn(async move {
                    let outcome = if evict {
                        agentless::evict(&cluster, &victim, grace).await
                    } else {
                        agentless::kill(&cluster, &victim, grace).await
                    };
                    let _ = inbox.send(Event::Answered { effect: id, outcome }).await;
                });
            }
            Effect::DryRun { object, manifest, .. } => self.create(effect, object, manifest, true, inbox),
            Effect::Apply { fault, object, manifest } => {
                // watched before it is there, so that no state of it goes unseen
                if let Some(state) = run.fault(*fault) {
                    self.observe_fault(state, object, &inbox);
                }
                self.create(effect, object, manifest, false, inbox);
            }
            Effect::Lift { object, .. } => {
                let (cluster, object, id) = (self.cluster.clone(), object.clone(), effect.id());
                tokio::spawn(async move {
                    let outcome = chaos_mesh::delete(&cluster, &object).await;
                    let _ = inbox.send(Event::Answered { effect: id, outcome }).await;
                });
            }
            Effect::LookFor { fault, object, .. } => {
                let (cluster, fault, object) = (self.cluster.clone(), *fault, object.clone());
                let victims: Vec<PodRef> = victims(run, fault).filter(|pod| !pod.namespace.is_empty()).cloned().collect();
                let namespaces = victims.iter().map(|pod| pod.namespace.clone()).chain([object.namespace.clone()]).collect();
                tokio::spawn(async move {
                    // a look without an answer tells nothing; the fold asks again
                    if let Ok(event) = chaos_mesh::look_for(&cluster, fault, &object, &victims, &namespaces).await {
                        let _ = inbox.send(event).await;
                    }
                });
            }
            Effect::Claim { lease, holder, targets } => {
                let (cluster, lease, holder, id) = (self.cluster.clone(), lease.clone(), holder.clone(), effect.id());
                let about = About { token: run.header().token.clone(), targets: targets.clone() };
                tokio::spawn(async move { lease::hold(&cluster, &lease, &holder, &about, id, clock, &inbox).await });
            }
            Effect::Release { lease, .. } => {
                let (cluster, lease, id) = (self.cluster.clone(), lease.clone(), effect.id());
                tokio::spawn(async move {
                    let outcome = lease::delete(&cluster, &lease).await;
                    let _ = inbox.send(Event::Answered { effect: id, outcome }).await;
                });
            }
            Effect::Seal { .. } => {}
        }
    }

    fn create(&self, effect: &Effect, object: &ChaosRef, manifest: &Value, dry_run: bool, inbox: Inbox) {
        let (cluster, object, manifest, id) = (self.cluster.clone(), object.clone(), manifest.clone(), effect.id());
        tokio::spawn(async move {
            let outcome = chaos_mesh::create(&cluster, &object, &manifest, dry_run).await;
            let _ = inbox.send(Event::Answered { effect: id, outcome }).await;
        });
    }

    fn resolve(&self, fault: FaultId, round: u32, run: &Run, inbox: Inbox) {
        let Some(state) = run.fault(fault) else { return };
        let namespace = state.fault.namespace().unwrap_or(&self.cluster.namespace).to_owned();
        let (cluster, selector) = (self.cluster.clone(), state.fault.selector.clone());
        let peer = state.fault.peer.as_ref().map(|(selector, _)| selector.clone());
        let cuts = state.cuts();
        tokio::spawn(async move {
            let resolved = async {
                let pods = targets::resolve(&cluster, &selector, &namespace).await?;
                let Some(peer) = &peer else { return Ok((pods, None, None)) };
                let peers = targets::resolve(&cluster, peer, &namespace).await?;
                let addresses = if cuts { Some(targets::peers(&cluster, peer, &namespace).await?) } else { None };
                Ok::<_, ApiError>((pods, Some(peers), addresses))
            };
            let event = match resolved.await {
                Ok((pods, peers, addresses)) => {
                    // first: where the pods are known, the policy is made
                    if let Some(peers) = addresses {
                        let _ = inbox.send(Event::PeersResolved { fault, round, peers }).await;
                    }
                    Event::TargetsResolved { fault, round, pods, peers }
                }
                Err(error) => Event::TargetsUnresolved { fault, round, why: error.to_string().into() },
            };
            let _ = inbox.send(event).await;
        });
    }

    /// Asks; `since` is the time since the run began.
    async fn read(&self, ask: &Ask, targets: &[TargetRef], since: Duration) -> Reading {
        match (ask, &self.prometheus, &self.http) {
            (Ask::Promql(query), Some(prometheus), _) => prometheus.query(query).await,
            (Ask::Alert(name), Some(prometheus), _) => prometheus.alert(name).await,
            (Ask::Http(url), _, Some(client)) => http_probe::get(client, url).await,
            (Ask::Burn(good, total), Some(prometheus), _) => prometheus.counts(good, total, since).await,
            (Ask::Object(check), ..) => object_probe::look(&self.cluster, check).await,
            (Ask::Command(check), ..) if self.commands => command_probe::run(check).await,
            (Ask::Command(_), ..) => Reading::Withheld {
                why: "commands are not run in rehearsal: they would act on the real world; --allow-commands runs them".into(),
            },
            (Ask::Promql(_) | Ask::Alert(_) | Ask::Burn(..), None, _) => {
                Reading::Failed { why: "no Prometheus is named: give the environment one, or use --prometheus URL".into() }
            }
            (Ask::Http(url), _, None) => http_probe::rehearse(&self.cluster, url, targets).await,
        }
    }
}

/// The pods that a fault is known to have taken.
fn victims(run: &Run, fault: FaultId) -> impl Iterator<Item = &PodRef> {
    let state = run.fault(fault);
    state.into_iter().flat_map(|state| state.victims.iter().map(|victim| &victim.pod))
}

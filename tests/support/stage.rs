//! A run before its start, and a world where all is well but for what the test says.

#![allow(dead_code, reason = "each test file uses its part")]

pub mod looks;

use std::collections::BTreeMap;
use std::time::Duration;

use gameday::clock::At;
use gameday::effect::{Effect, Outcome, PodRef};
use gameday::event::inspected::Inspected;
use gameday::event::{ClusterFact, EndpointsSource, Entry, Event, MatchedPod, PodFact, WorkloadFact};
use gameday::run::Run;
use gameday::scenario::model::{TargetRef, WorkloadKind};

/// The run, and what its looks see.
pub struct Stage {
    pub run: Run,
    pub seq: u64,
    seen: Vec<Inspected>,
}

impl Stage {
    /// A run that has looked at all it wants to: at a Deployment `task-api` of three pods.
    pub fn of(run: Run, seen: Vec<Inspected>, chaos_mesh: bool) -> Stage {
        let mut stage = Stage { run, seq: 0, seen };
        stage.arrive(chaos_mesh);
        stage
    }

    /// One of the target's pods, from 1 to 3.
    pub fn pod(namespace: &str, n: u32) -> PodRef {
        PodRef { namespace: namespace.to_owned(), name: format!("task-api-{n}"), uid: format!("u{n}") }
    }

    pub fn tell(&mut self, event: Event) {
        self.seq += 1;
        let at = At::ZERO + Duration::from_millis(10 * self.seq);
        for effect in self.run.apply(&Entry { seq: self.seq, at, event }) {
            match effect {
                Effect::Inspect { inspection } => {
                    let told = self.seen.iter().find(|seen| seen.aspect() == inspection.aspect()).cloned();
                    self.tell(Event::Inspected { seen: told.unwrap_or_else(|| looks::well(&inspection)) });
                }
                Effect::Resolve { fault, round } => {
                    let home = self.run.header().place.namespace.clone();
                    let matched = |n| MatchedPod { pod: Stage::pod(&home, n), owner: Some("rs".into()), running: true };
                    self.tell(Event::TargetsResolved { fault, round, pods: (1..4).map(matched).collect(), peers: None });
                }
                Effect::DryRun { .. } => {
                    self.tell(Event::Answered { effect: effect.id(), outcome: Outcome::Done { took: Duration::ZERO } });
                }
                _ => {}
            }
        }
    }

    fn arrive(&mut self, chaos_mesh: bool) {
        let place = self.run.header().place.clone();
        let started = Some(self.run.header().started);
        self.tell(Event::Connected(ClusterFact {
            version: "v1.36.2".into(),
            context: place.context.as_str().into(),
            namespace: place.namespace.as_str().into(),
            chaos_mesh,
            endpoints: EndpointsSource::EndpointSlices,
        }));
        self.tell(Event::WorkloadSeen(WorkloadFact {
            target: 0,
            workload: TargetRef { kind: WorkloadKind::Deployment, name: "task-api".into(), namespace: None },
            namespace: place.namespace.clone(),
            uid: "d".into(),
            desired: 3,
            observed: true,
            rolling: false,
        }));
        let fact = |n: u32| PodFact {
            target: 0,
            pod: Stage::pod(&place.namespace, n),
            owner: Some("rs".into()),
            node: Some("n1".into()),
            labels: BTreeMap::new(),
            state: "Running".into(),
            containers: (1, 1),
            restarts: 0,
            hindrance: None,
            ready: true,
            ready_since: started,
            created: started,
            scheduled: started,
            started,
            deleting: None,
        };
        self.tell(Event::PodsListed { target: 0, pods: (1..4).map(fact).collect() });
    }
}

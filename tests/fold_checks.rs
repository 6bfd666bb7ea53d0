//! Checks of the preflight that no practice cluster can be made to fail, at the level of the fold.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test stops where it fails")]

use std::collections::BTreeMap;
use std::time::Duration;

use gameday::clock::At;
use gameday::effect::inspection::{Inspection, KindRef};
use gameday::effect::{Effect, Outcome, PodRef};
use gameday::event::inspected::{
    ChaosMeshFact, Inspected, KindFact, LeaseFact, NamespaceFact, Resource, RightFact, VictimFact, VictimsFact,
};
use gameday::event::residue::ResidueFact;
use gameday::event::{ClusterFact, EndpointsSource, Entry, Event, MatchedPod, PodFact, WorkloadFact};
use gameday::header::{FORMAT, Gate, Header, Place, Sources};
use gameday::run::Run;
use gameday::run::checks::{Checkpoint, Grade};
use gameday::run::phase::Phase;
use gameday::scenario::model::{PrometheusAt, TargetRef, Tier, WorkloadKind};

const KILL: &str = "kind: PodChaos, spec: {action: pod-kill, mode: one, selector: {labelSelectors: {app: task-api}}}";
const SLOW_DISK: &str = "kind: IOChaos, spec: {action: latency, mode: one, duration: 20s, delay: 20ms, volumePath: /data, selector: {labelSelectors: {app: task-api}}}";

fn header() -> Header {
    let now = "2026-10-20T10:00:00Z".parse().unwrap();
    Header {
        format: FORMAT.to_owned(),
        gameday: "test".to_owned(),
        run: "test".to_owned(),
        recorded: now,
        machine: "test".to_owned(),
        started: now,
        place: Place {
            rehearsal: false,
            environment: "staging".to_owned(),
            tier: Tier::Staging,
            context: "staging".to_owned(),
            server: "https://staging.example.com".to_owned(),
            namespace: "staging".to_owned(),
            prometheus: Some(PrometheusAt::Url("https://prometheus.example.com".to_owned())),
        },
        seed: 1,
        token: "abc123".to_owned(),
        injector: None,
        scenario: Sources { file: "drill.yaml".to_owned(), text: String::new(), manifests: BTreeMap::new(), sets: BTreeMap::new() },
        world: None,
        gate: Some(Gate {
            tier_by: "the test".into(),
            tier_unseen: Vec::new(),
            at_terminal: true,
            yes: false,
            held: Err("only production needs one".into()),
            held_days: 30,
            lasting_before: true,
            operator: "maria".into(),
            residue: true,
            brake_image: None,
            overrides: Vec::new(),
        }),
    }
}

/// A run before its start, and a world where all is well but for what is `seen`.
struct Stage {
    run: Run,
    seq: u64,
    seen: Vec<Inspected>,
}

impl Stage {
    fn of(fault: &str, seen: Vec<Inspected>) -> Stage {
        let text = format!(
            "apiVersion: gameday/v1
kind: GameDay
metadata: {{name: drill}}
spec:
  hypothesis: it comes back
  runbook: https://runbooks.example.com/a
  acknowledgeDataRisk: true
  environments: {{staging: {{tier: staging, context: staging, namespace: staging}}}}
  target: {{kind: Deployment, name: task-api}}
  steadyState: [{{name: ready, ready: {{min: 100%}}}}]
  steps: [{{name: hit, fault: {{apiVersion: chaos-mesh.org/v1alpha1, metadata: {{name: hit}}, {fault}}}}}]
  criteria: [{{name: back, recovery: {{within: 30s}}}}]
  limits: {{maxTargets: 1, maxDuration: 10m}}
"
        );
        let manifests = |_: &str| Err("none".to_owned());
        let source = gameday::scenario::Source { file: "drill.yaml", text: &text, manifests: &manifests };
        let reading = gameday::scenario::read(&source, &BTreeMap::new());
        let scenario = reading.scenario.unwrap_or_else(|| panic!("{:#?}", reading.mistakes));
        let mut stage = Stage { run: Run::new(header(), scenario), seq: 0, seen };
        stage.arrive();
        stage
    }

    fn tell(&mut self, event: Event) {
        self.seq += 1;
        let at = At::ZERO + Duration::from_millis(10 * self.seq);
        for effect in self.run.apply(&Entry { seq: self.seq, at, event }) {
            match effect {
                Effect::Inspect { inspection } => {
                    let told = self.seen.iter().find(|seen| seen.aspect() == inspection.aspect()).cloned();
                    self.tell(Event::Inspected { seen: told.unwrap_or_else(|| well(inspection)) });
                }
                Effect::Resolve { fault, round } => {
                    let pods = (1..4).map(|n| MatchedPod { pod: pod(n), owner: Some("rs".into()), running: true }).collect();
                    self.tell(Event::TargetsResolved { fault, round, pods, peers: None });
                }
                Effect::DryRun { .. } => {
                    self.tell(Event::Answered { effect: effect.id(), outcome: Outcome::Done { took: Duration::ZERO } });
                }
                _ => {}
            }
        }
    }

    fn arrive(&mut self) {
        let (version, context, namespace) = ("v1.36.2".into(), "staging".into(), "staging".into());
        self.tell(Event::Connected(ClusterFact {
            version,
            context,
            namespace,
            chaos_mesh: true,
            endpoints: EndpointsSource::EndpointSlices,
        }));
        let workload = TargetRef { kind: WorkloadKind::Deployment, name: "task-api".into(), namespace: None };
        self.tell(Event::WorkloadSeen(WorkloadFact {
            target: 0,
            workload,
            namespace: "staging".into(),
            uid: "d".into(),
            desired: 3,
            observed: true,
            rolling: false,
        }));
        let fact = |n: u32| PodFact {
            target: 0,
            pod: pod(n),
            owner: Some("rs".into()),
            node: Some("n1".into()),
            state: "Running".into(),
            containers: (1, 1),
            restarts: 0,
            ready: true,
            ready_since: None,
            created: None,
            scheduled: None,
            started: None,
            deleting: None,
        };
        self.tell(Event::PodsListed { target: 0, pods: (1..4).map(fact).collect() });
    }

    /// A check that came out so; every one that did not pass says what mends it.
    fn told(&self, name: &str, grade: Grade) -> Checkpoint {
        let all = self.run.checkpoints();
        let silent = all.iter().find(|point| !matches!(point.grade, Grade::Pass | Grade::Waiting) && point.mend.is_none());
        assert!(silent.is_none(), "{silent:?}");
        let forbidden = all.iter().any(|point| point.grade == Grade::Fail);
        assert_eq!(*self.run.phase().0 == Phase::Ready, !forbidden, "{all:#?}");
        let found = all.iter().find(|point| point.name == name && point.grade == grade).cloned();
        found.unwrap_or_else(|| panic!("{name} is not {grade:?}: {all:#?}"))
    }
}

fn pod(n: u32) -> PodRef {
    PodRef { namespace: "staging".into(), name: format!("task-api-{n}"), uid: format!("u{n}") }
}

fn well(inspection: Inspection) -> Inspected {
    let served = |kind: KindRef| {
        let resource = Resource { plural: kind.kind.to_lowercase(), namespaced: true };
        KindFact { kind, served: Ok(Some(resource)) }
    };
    match inspection {
        Inspection::Policies { .. } => panic!("nothing is cut here"),
        Inspection::Rights { rights } => {
            Inspected::Rights(rights.into_iter().map(|right| RightFact { right, allowed: Ok(true) }).collect())
        }
        Inspection::Namespaces { names } => {
            Inspected::Namespaces(names.into_iter().map(|name| NamespaceFact { name, inject: Ok(None) }).collect())
        }
        Inspection::Victims { .. } => Inspected::Victims(victims()),
        Inspection::OtherFaults { .. } => Inspected::OtherFaults(Ok(Vec::new())),
        Inspection::Alerts => Inspected::Alerts(Ok(Vec::new())),
        Inspection::Residue { after, .. } => Inspected::Residue { after, fact: ResidueFact::default() },
        Inspection::Leases { .. } => Inspected::Leases(Ok(Vec::new())),
        Inspection::User => Inspected::User(Ok("ada".into())),
        Inspection::Kinds { kinds } => Inspected::Kinds(kinds.into_iter().map(served).collect()),
        Inspection::ChaosMesh => Inspected::ChaosMesh(Ok(chaos_mesh())),
        Inspection::Webhooks { .. } => Inspected::Webhooks(Ok(true)),
        Inspection::Backups { .. } => Inspected::Backups(Ok(None)),
        Inspection::Hours { .. } | Inspection::Samples { .. } => panic!("nothing asks for it here"),
    }
}

fn chaos_mesh() -> ChaosMeshFact {
    ChaosMeshFact { namespace: "chaos-mesh".into(), controllers: (1, 1), daemons: vec![("n1".into(), true)], filter: false }
}

fn victims() -> VictimsFact {
    let victim = |n| VictimFact { pod: pod(n), node: Some("n1".into()), host_network: false, liveness: None, image: None };
    VictimsFact { pods: Ok((1..4).map(victim).collect()), troubled: Ok(Vec::new()), budgets: Ok(Vec::new()) }
}

#[test]
fn checks_should_be_unknown_where_nothing_can_be_seen() {
    let why = || gameday::text::Untrusted::from("no answer within 10 s");
    let kind = KindRef { group: "chaos-mesh.org".into(), version: Some("v1alpha1".into()), kind: "PodChaos".into() };
    let filtered = ChaosMeshFact { filter: true, ..chaos_mesh() };
    for (name, seen) in [
        ("victims", vec![Inspected::Victims(VictimsFact { pods: Err(why()), troubled: Err(why()), budgets: Err(why()) })]),
        ("drain", vec![Inspected::Victims(VictimsFact { troubled: Err(why()), ..victims() })]),
        ("budgets", vec![Inspected::Victims(VictimsFact { budgets: Err(why()), ..victims() })]),
        ("chaos mesh", vec![Inspected::ChaosMesh(Err(why()))]),
        ("webhooks", vec![Inspected::Webhooks(Err(why()))]),
        ("collisions", vec![Inspected::Leases(Err(why()))]),
        ("collisions", vec![Inspected::OtherFaults(Err(why()))]),
        ("alerts", vec![Inspected::Alerts(Err(why()))]),
        ("kinds", vec![Inspected::Kinds(vec![KindFact { kind, served: Err(why()) }])]),
        (
            "filter",
            vec![
                Inspected::ChaosMesh(Ok(filtered)),
                Inspected::Namespaces(vec![NamespaceFact { name: "staging".into(), inject: Err(why()) }]),
            ],
        ),
    ] {
        let point = Stage::of(KILL, seen).told(name, Grade::Unknown);
        assert!(point.seen.raw().contains("no answer within 10 s"), "{point:?}");
    }
}

#[test]
fn right_that_nobody_could_tell_should_be_unknown() {
    let stage = Stage::of(KILL, Vec::new());
    let right = stage.run.needs().remove(0).right;
    let stage = Stage::of(KILL, vec![Inspected::Rights(vec![RightFact { right, allowed: Err("no answer".into()) }])]);
    assert_eq!(stage.told("rights", Grade::Unknown).mend.unwrap().raw(), "kubectl auth can-i --list -n staging");
}

#[test]
fn chaos_mesh_should_be_refused_where_it_could_not_lift_what_it_does() {
    let none_ready = ChaosMeshFact { controllers: (0, 2), ..chaos_mesh() };
    let point = Stage::of(KILL, vec![Inspected::ChaosMesh(Ok(none_ready))]).told("chaos mesh", Grade::Fail);
    assert_eq!(point.mend.unwrap().raw(), "kubectl -n chaos-mesh rollout restart deployment chaos-controller-manager");
    Stage::of(KILL, vec![Inspected::Webhooks(Ok(false))]).told("webhooks", Grade::Warn);
    let kind = KindRef { group: "chaos-mesh.org".into(), version: Some("v1alpha1".into()), kind: "IOChaos".into() };
    let point = Stage::of(SLOW_DISK, vec![Inspected::Kinds(vec![KindFact { kind, served: Ok(None) }])]).told("kinds", Grade::Fail);
    assert!(point.seen.raw().contains("IOChaos of chaos-mesh.org/v1alpha1"), "{point:?}");
    let elsewhere = ChaosMeshFact { daemons: vec![("n2".into(), true)], ..chaos_mesh() };
    Stage::of(SLOW_DISK, vec![Inspected::ChaosMesh(Ok(elsewhere))]).told("daemons", Grade::Fail);
}

#[test]
fn files_should_not_be_meddled_with_where_backups_can_not_be_seen() {
    let point = Stage::of(SLOW_DISK, Vec::new()).told("backup", Grade::Warn);
    assert!(point.seen.raw().contains("Velero is not served"), "{point:?}");
    Stage::of(SLOW_DISK, vec![Inspected::Backups(Err("forbidden".into()))]).told("backup", Grade::Fail);
    assert!(Stage::of(KILL, Vec::new()).run.checkpoints().iter().all(|point| point.name != "backup"), "a pod kill touches no file");
}

#[test]
fn alerts_that_fire_should_be_told() {
    let stage = Stage::of(KILL, vec![Inspected::Alerts(Ok(vec!["alertname=High".into()]))]);
    assert!(stage.told("alerts", Grade::Warn).seen.raw().contains("alertname=High"));
}

#[test]
fn run_that_does_not_say_what_it_is_about_should_be_in_the_way_of_all_beside_it() {
    let lease = |namespace: &str, targets: Option<Vec<&str>>, live: bool| LeaseFact {
        lease: gameday::effect::ChaosRef { kind: "Lease".into(), namespace: namespace.into(), name: "gameday-00ff00".into() },
        token: "00ff00".into(),
        holder: "laptop 20260101-000000-abcd".into(),
        live,
        targets: targets.map(|targets| targets.into_iter().map(Into::into).collect()),
    };
    let mine = "Deployment/staging/task-api";
    for (namespace, targets, live, grade) in [
        ("staging", None, true, Grade::Fail),
        ("elsewhere", Some(vec![mine]), true, Grade::Fail),
        ("elsewhere", None, true, Grade::Pass),
        ("staging", Some(vec!["Deployment/staging/web"]), true, Grade::Warn),
        ("staging", None, false, Grade::Warn),
        ("elsewhere", Some(vec![mine]), false, Grade::Warn),
    ] {
        Stage::of(KILL, vec![Inspected::Leases(Ok(vec![lease(namespace, targets, live)]))]).told("collisions", grade);
    }
}

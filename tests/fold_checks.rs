//! Checks of the preflight that no practice cluster can be made to fail, at the level of the fold.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test stops where it fails")]

#[path = "support/stage.rs"]
mod stage;

use std::collections::BTreeMap;

use gameday::effect::inspection::{Inspection, KindRef};
use gameday::event::inspected::{ChaosMeshFact, Inspected, KindFact, LeaseFact, NamespaceFact, RightFact, VictimsFact};
use gameday::header::{FORMAT, Gate, Header, Place, Sources};
use gameday::run::Run;
use gameday::run::checks::{Checkpoint, Grade};
use gameday::run::phase::Phase;
use gameday::scenario::model::{PrometheusAt, Tier};
use stage::Stage;
use stage::looks::{chaos_mesh, well};

const KILL: &str = "kind: PodChaos, spec: {action: pod-kill, mode: one, selector: {labelSelectors: {app: task-api}}}";
const SLOW: &str = "kind: NetworkChaos, spec: {action: delay, mode: one, duration: 20s, delay: {latency: 20ms}, selector: {labelSelectors: {app: task-api}}}";
const SLOW_AGAIN: &str = "kind: Schedule, spec: {schedule: '@every 20s', type: NetworkChaos, historyLimit: 3, networkChaos: {action: delay, mode: one, duration: 5s, delay: {latency: 20ms}, selector: {labelSelectors: {app: task-api}}}}";
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

/// The same drill around any fault, told all that is `seen`, where all else is well.
fn stage(fault: &str, seen: Vec<Inspected>) -> Stage {
    stage_with(fault, "", "", seen)
}

fn stage_with(fault: &str, of_step: &str, more: &str, seen: Vec<Inspected>) -> Stage {
    let text = format!(
        "apiVersion: gameday/v1
kind: GameDay
metadata: {{name: drill}}
spec:
  hypothesis: it comes back
  runbook: https://runbooks.example.com/a
  acknowledgeDataRisk: true
{more}  environments: {{staging: {{tier: staging, context: staging, namespace: staging}}}}
  target: {{kind: Deployment, name: task-api}}
  steadyState: [{{name: ready, ready: {{min: 100%}}}}]
  steps: [{{name: hit, {of_step}fault: {{apiVersion: chaos-mesh.org/v1alpha1, metadata: {{name: hit}}, {fault}}}}}]
  criteria: [{{name: back, recovery: {{within: 30s}}}}]
  limits: {{maxTargets: 1, maxDuration: 10m}}
"
    );
    let manifests = |_: &str| Err("none".to_owned());
    let source = gameday::scenario::Source { file: "drill.yaml", text: &text, manifests: &manifests };
    let reading = gameday::scenario::read(&source, &BTreeMap::new());
    let scenario = reading.scenario.unwrap_or_else(|| panic!("{:#?}", reading.mistakes));
    Stage::of(Run::new(header(), scenario), seen, true)
}

/// A check that came out so; every one that did not pass says what mends it.
fn told(stage: &Stage, name: &str, grade: Grade) -> Checkpoint {
    let all = stage.run.checkpoints();
    let silent = all.iter().find(|point| !matches!(point.grade, Grade::Pass | Grade::Waiting) && point.mend.is_none());
    assert!(silent.is_none(), "{silent:?}");
    let forbidden = all.iter().any(|point| point.grade == Grade::Fail);
    assert_eq!(*stage.run.phase().0 == Phase::Ready, !forbidden, "{all:#?}");
    let found = all.iter().find(|point| point.name == name && point.grade == grade).cloned();
    found.unwrap_or_else(|| panic!("{name} is not {grade:?}: {all:#?}"))
}

fn victims() -> VictimsFact {
    let pods = (1..4).map(|n| Stage::pod("staging", n)).collect();
    match well(&Inspection::Victims { pods }) {
        Inspected::Victims(fact) => fact,
        other => panic!("{other:?}"),
    }
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
        let point = told(&stage(KILL, seen), name, Grade::Unknown);
        assert!(point.seen.raw().contains("no answer within 10 s"), "{point:?}");
    }
}

#[test]
fn right_that_nobody_could_tell_should_be_unknown() {
    let right = stage(KILL, Vec::new()).run.needs().remove(0).right;
    let stage = stage(KILL, vec![Inspected::Rights(vec![RightFact { right, allowed: Err("no answer".into()) }])]);
    assert_eq!(told(&stage, "rights", Grade::Unknown).mend.unwrap().raw(), "kubectl auth can-i --list -n staging");
}

#[test]
fn chaos_mesh_should_be_refused_where_it_could_not_lift_what_it_does() {
    let none_ready = ChaosMeshFact { controllers: (0, 2), ..chaos_mesh() };
    let point = told(&stage(KILL, vec![Inspected::ChaosMesh(Ok(none_ready))]), "chaos mesh", Grade::Fail);
    assert_eq!(point.mend.unwrap().raw(), "kubectl -n chaos-mesh rollout restart deployment chaos-controller-manager");
    told(&stage(KILL, vec![Inspected::Webhooks(Ok(false))]), "webhooks", Grade::Warn);
    let kind = KindRef { group: "chaos-mesh.org".into(), version: Some("v1alpha1".into()), kind: "IOChaos".into() };
    let point = told(&stage(SLOW_DISK, vec![Inspected::Kinds(vec![KindFact { kind, served: Ok(None) }])]), "kinds", Grade::Fail);
    assert!(point.seen.raw().contains("IOChaos of chaos-mesh.org/v1alpha1"), "{point:?}");
    let elsewhere = ChaosMeshFact { daemons: vec![("n2".into(), true)], ..chaos_mesh() };
    told(&stage(SLOW_DISK, vec![Inspected::ChaosMesh(Ok(elsewhere))]), "daemons", Grade::Fail);
}

#[test]
fn files_should_not_be_meddled_with_where_backups_can_not_be_seen() {
    let point = told(&stage(SLOW_DISK, Vec::new()), "backup", Grade::Warn);
    assert!(point.seen.raw().contains("Velero is not served"), "{point:?}");
    told(&stage(SLOW_DISK, vec![Inspected::Backups(Err("forbidden".into()))]), "backup", Grade::Fail);
    assert!(stage(KILL, Vec::new()).run.checkpoints().iter().all(|point| point.name != "backup"), "a pod kill touches no file");
}

#[test]
fn alerts_that_fire_should_be_told() {
    let stage = stage(KILL, vec![Inspected::Alerts(Ok(vec!["alertname=High".into()]))]);
    assert!(told(&stage, "alerts", Grade::Warn).seen.raw().contains("alertname=High"));
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
        told(&stage(KILL, vec![Inspected::Leases(Ok(vec![lease(namespace, targets, live)]))]), "collisions", grade);
    }
}

#[test]
fn network_faults_on_the_network_of_a_node_should_be_refused_those_of_a_schedule_too() {
    let mut seen = victims();
    seen.pods.iter_mut().flatten().for_each(|victim| victim.host_network = true);
    for (fault, lasts, grade) in [(SLOW, "", Grade::Fail), (SLOW_AGAIN, "lasts: 60s, ", Grade::Fail), (KILL, "", Grade::Warn)] {
        let point = told(&stage_with(fault, lasts, "", vec![Inspected::Victims(seen.clone())]), "network", grade);
        assert!(point.seen.raw().contains("has its node's network"), "{point:?}");
    }
}

#[test]
fn brake_of_a_schedule_should_need_the_rights_on_the_fault_itself() {
    let verbs = |more: &str| {
        let mut verbs: Vec<String> = stage_with(SLOW_AGAIN, "lasts: 60s, ", more, Vec::new())
            .run
            .needs()
            .into_iter()
            .filter(|need| need.right.resource == "networkchaos" && !need.optional)
            .map(|need| need.right.verb)
            .collect();
        verbs.sort();
        verbs
    };
    assert_eq!(verbs("  brake: true\n"), ["create", "delete", "get", "list", "watch"]);
    assert_eq!(verbs("  brake: false\n"), ["delete", "list", "watch"]);
}

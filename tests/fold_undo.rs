//! When an undo is done: its object gone and its traces looked for and found gone, or handed over with what is left named.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "a test stops where it fails, and its dice are small"
)]

#[path = "support/history.rs"]
mod history;

use gameday::command::{AbortedBy, Command};
use gameday::effect::inspection::Inspection;
use gameday::effect::{ChaosRef, Effect, EffectId, FaultId, Outcome, Verdict};
use gameday::event::inspected::Inspected;
use gameday::event::residue::{Remains, ResidueFact, Trace};
use gameday::event::{BlockingPod, Entry, Event, FaultFact, RecordFact};
use gameday::findings::Findings;
use gameday::header::Gate;
use gameday::report::markdown;
use gameday::run::Run;
use gameday::text::Untrusted;
use gameday::wording;
use history::{ALL, MS, ONE_TARGET, SECOND, Sim, again, at, delay, drill, header, observe, read};

fn stress(name: &str) -> String {
    format!(
        "{{name: {name}, fault: {{apiVersion: chaos-mesh.org/v1alpha1, kind: StressChaos, metadata: {{name: {name}}}, \
         spec: {{mode: one, duration: 30s, selector: {{labelSelectors: {{app: api}}}}, stressors: {{cpu: {{workers: 1, load: 40}}}}}}}}}}"
    )
}

/// A run whose fault is in effect and whose undo was asked for; from here on only what the test tells happens.
struct Stage {
    run: Run,
    seq: u64,
    now: u64,
}

impl Stage {
    fn of(step: String) -> Stage {
        Stage::at(step, "")
    }

    fn at(step: String, place: &str) -> Stage {
        let text = format!("{}{}", drill(ONE_TARGET, &[], &[step, observe("o", 3)], &[], &[], ALL), place);
        let mut sim = Sim::new(&text, true, &[], false);
        sim.until(|sim| sim.run.faults()[0].in_effect.is_some());
        let mut stage = Stage { seq: sim.entries.len() as u64, now: sim.now, run: sim.run };
        stage.tell(100, Event::Commanded(Command::Abort { by: AbortedBy::Key }));
        let asked = Effect::Lift { fault: FaultId(0), object: stage.object(), attempt: 1 };
        let id = asked.id();
        stage.tell(1, Event::Asked(asked));
        stage.tell(5, Event::Answered { effect: id, outcome: Outcome::Done { took: std::time::Duration::from_millis(5) } });
        stage
    }

    fn tell(&mut self, after: u64, event: Event) -> Vec<Effect> {
        self.seq += 1;
        self.now += after * MS;
        self.run.apply(&Entry { seq: self.seq, at: at(self.now), event })
    }

    fn object(&self) -> ChaosRef {
        self.run.faults()[0].object.as_ref().unwrap().0.clone()
    }

    fn fact(&self) -> FaultFact {
        self.run.faults()[0].seen.clone().unwrap()
    }

    /// The object goes before our eyes, as it stands.
    fn goes(&mut self, lifted: bool) {
        let mut fact = FaultFact { deleting: true, desired: Some("Stop".into()), ..self.fact() };
        if lifted {
            fact.records.iter_mut().for_each(|record| record.phase = "Not Injected".into());
        }
        self.tell(5, Event::FaultSeen(fact));
        self.tell(5, Event::FaultGone { fault: FaultId(0), watched: true });
    }

    fn looked(&mut self, after: u64, residue: Option<&[&str]>) {
        let residue = residue.map(|found| found.iter().map(|one| Untrusted::from(*one)).collect());
        self.tell(after, Event::FaultLookedFor { fault: FaultId(0), present: false, residue, blocking: Vec::new() });
    }

    fn undone(&self) -> (bool, bool) {
        let undo = &self.run.faults()[0].undo;
        (undo.done.is_some(), undo.handed_over.is_some())
    }

    /// Whether it asks for another look as time goes by.
    fn looks_again(&mut self) -> bool {
        let due = self.run.next_deadline().unwrap().micros();
        let effects = self.tell(due.saturating_sub(self.now) / MS + 1, Event::DeadlinePassed);
        effects.iter().any(|effect| matches!(effect, Effect::LookFor { .. } | Effect::Lift { .. }))
    }

    fn last_told(&self) -> String {
        self.run.timeline().last().map(|moment| wording::moment(&self.run, moment)).unwrap_or_default()
    }
}

#[test]
fn undo_should_not_be_done_while_rules_are_left_though_every_record_was_seen_lifted() {
    let mut stage = Stage::of(delay("d", Some(30)));
    stage.goes(true);
    assert!(stage.run.faults()[0].recovered.is_some());
    for residue in [Some(&["network rules in pod staging/api0-0"][..]), None] {
        stage.looked(50, residue);
        assert_eq!(stage.undone(), (false, false), "{residue:?}");
        assert!(stage.looks_again(), "{residue:?}");
    }
    stage.looked(50, Some(&[]));
    assert_eq!(stage.undone(), (true, false));
}

#[test]
fn undo_should_be_handed_over_with_what_is_left_named() {
    let mut stage = Stage::of(delay("d", Some(30)));
    stage.goes(true);
    stage.looked(50, Some(&["network rules in pod staging/api0-0", "network rules in pod staging/api0-1"]));
    assert!(stage.last_told().contains("network rules in pod staging/api0-1"), "{}", stage.last_told());
    let lines = stage.run.timeline().len();
    // the same again is no news
    stage.looked(3000, Some(&["network rules in pod staging/api0-0", "network rules in pod staging/api0-1"]));
    assert_eq!(stage.run.timeline().len(), lines);
    let effects = stage.tell(95_000, Event::DeadlinePassed);
    assert_eq!(stage.undone(), (false, true));
    let told: Vec<String> = stage.run.timeline().iter().map(|moment| wording::moment(&stage.run, moment)).collect();
    let told = told.into_iter().find(|line| line.starts_with("left behind: NetworkChaos")).unwrap();
    assert!(told.contains("network rules in pod staging/api0-0, network rules in pod staging/api0-1"), "{told}");
    let sealed = effects.into_iter().find_map(|effect| if let Effect::Seal { conclusion } = effect { Some(conclusion) } else { None });
    let sealed = sealed.unwrap();
    assert_eq!((sealed.verdict, sealed.left.len()), (Verdict::CleanupIncomplete, 1));
    stage.tell(1, Event::Sealed(sealed));
    let left = wording::stuck::left(&stage.run).join("\n");
    assert!(left.contains("network rules in pod staging/api0-0") && left.contains("the practice cluster ends"), "{left}");
}

#[test]
fn fault_without_traces_should_be_told_from_one_that_was_seen_lifted() {
    // lifted before our eyes
    let mut stage = Stage::of(stress("s"));
    stage.goes(true);
    stage.looked(50, Some(&[]));
    assert_eq!((stage.undone(), stage.run.faults()[0].undo.unseen), ((true, false), false));
    // gone while nobody watched: most likely lifted, and said so
    let mut stage = Stage::of(stress("s"));
    stage.looked(50, Some(&[]));
    assert_eq!(stage.undone(), (false, false), "the watch may be about to tell how it went");
    stage.looked(2500, Some(&[]));
    assert_eq!((stage.undone(), stage.run.faults()[0].undo.unseen), ((true, false), true));
    let told: Vec<String> = stage.run.timeline().iter().map(|moment| wording::moment(&stage.run, moment)).collect();
    assert!(told.iter().any(|line| line.starts_with("object gone, its end not seen")), "{told:#?}");
    assert!(!told.iter().any(|line| line.starts_with("lifted")), "{told:#?}");
    // its finalizer taken off before our eyes: not undone, whatever a look says
    let mut stage = Stage::of(stress("s"));
    stage.goes(false);
    stage.looked(50, Some(&[]));
    assert_eq!(stage.undone(), (false, true));
    let told: Vec<String> = stage.run.timeline().iter().map(|moment| wording::moment(&stage.run, moment)).collect();
    assert!(told.iter().any(|line| line.contains("it may go on until its pods are replaced")), "{told:#?}");
    assert_eq!(stage.run.verdict(), Verdict::CleanupIncomplete);
}

#[test]
fn stuck_finalizer_should_be_told_once_with_its_pods_and_the_ways_out() {
    let mut stage = Stage::at(delay("d", Some(30)), history::ON_A_CLUSTER);
    let mut fact =
        FaultFact { deleting: true, desired: Some("Stop".into()), finalizers: vec!["chaos-mesh/records".into()], ..stage.fact() };
    fact.records.iter_mut().for_each(|record| record.phase = "Injected/Wait".into());
    stage.tell(5, Event::FaultSeen(fact.clone()));
    let pods = |stage: &mut Stage, after: u64| {
        let node = |n: usize| if n == 0 { Ok(None) } else { Ok(Some(Untrusted::from("n1"))) };
        let blocking = fact.blocking().enumerate().map(|(n, record)| BlockingPod { id: record.id.clone(), node: node(n) }).collect();
        stage.tell(after, Event::FaultLookedFor { fault: FaultId(0), present: true, residue: None, blocking });
    };
    pods(&mut stage, 3000);
    assert!(!stage.run.timeline().iter().any(|moment| moment.noted.name() == "stuck"), "every undo takes a moment");
    pods(&mut stage, 9000);
    pods(&mut stage, 3000);
    let told: Vec<String> = stage.run.timeline().iter().map(|moment| wording::moment(&stage.run, moment)).collect();
    let stuck: Vec<&String> = told.iter().filter(|line| line.starts_with("STUCK: NetworkChaos")).collect();
    assert_eq!(stuck.len(), 1, "{told:#?}");
    assert!(stuck[0].contains("staging/api0-0 is Injected/Wait, its pod is gone"), "{stuck:?}");
    assert!(stuck[0].contains("staging/api0-1 is Injected/Wait, its pod is there, on node n1"), "{stuck:?}");
    let force = format!("gameday recover --force NetworkChaos/staging/{}", stage.object().name);
    assert!(told.iter().any(|line| line.starts_with("1. mend Chaos Mesh")) && told.iter().any(|line| line.contains(&force)), "{told:#?}");
    // left so: the report and what is printed last say the same
    let effects = stage.tell(10, Event::Commanded(Command::Leave));
    let sealed = effects.into_iter().find_map(|effect| if let Effect::Seal { conclusion } = effect { Some(conclusion) } else { None });
    stage.tell(1, Event::Sealed(sealed.unwrap()));
    let report = markdown::write(&Findings::of(&stage.run));
    let printed = wording::stuck::left(&stage.run).join("\n");
    for told in ["its pod is gone", "3. last:"] {
        assert!(printed.contains(told), "{printed}");
        assert!(report.contains(told), "{report}");
    }
    assert!(report.contains("### Stuck: d"), "{report}");
}

/// A run that looks for residue, at the moment when it waits for the look of this aspect.
fn sweeping() -> (Stage, Vec<Effect>) {
    let text = drill(ONE_TARGET, &[], &[delay("d", Some(30)), observe("o", 3)], &[], &[], ALL);
    let gate = Gate {
        tier_by: "x".into(),
        tier_unseen: Vec::new(),
        at_terminal: false,
        yes: true,
        held: Err("none".into()),
        held_days: 30,
        lasting_before: true,
        operator: "maria".into(),
        brake_image: None,
        overrides: Vec::new(),
        residue: true,
    };
    let mut header = gameday::header::Header { gate: Some(gate), ..header(&text) };
    header.place.rehearsal = false;
    let mut stage = Stage { run: Run::new(header, read(&text)), seq: 0, now: 0 };
    let mut effects = stage.tell(1, history::connected(true));
    effects.extend(stage.tell(1, history::workload(&read(&text), 0, 3)));
    let pods = (0..3).map(|n| history::pod(0, &format!("api0-{n}"), &format!("u0-{n}"))).collect();
    effects.extend(stage.tell(1, Event::PodsListed { target: 0, pods }));
    (stage, effects)
}

fn trace(name: &str, run: Option<&str>) -> Trace {
    let object = ChaosRef { kind: "PodNetworkChaos".into(), namespace: "staging".into(), name: name.into() };
    Trace { what: Remains::NetworkRules, object, from: Some("staging/x".into()), run: run.map(str::to_owned) }
}

#[test]
fn residue_should_be_looked_for_where_the_run_is_and_forbid_it_on_the_pods_it_is_aimed_at() {
    let (mut stage, effects) = sweeping();
    let asked = effects.iter().find_map(|effect| match effect {
        Effect::Inspect { inspection: Inspection::Residue { namespaces, after } } => Some((namespaces.clone(), *after)),
        _ => None,
    });
    assert_eq!(asked, Some((vec!["staging".to_owned()], false)));
    let point = |stage: &Stage| stage.run.checkpoints().into_iter().find(|point| point.name == "residue").unwrap();
    let matched = |n: usize| gameday::event::MatchedPod {
        pod: history::pod(0, &format!("api0-{n}"), &format!("u0-{n}")).pod,
        owner: None,
        running: true,
    };
    stage.tell(1, Event::TargetsResolved { fault: FaultId(0), round: 1, pods: (0..3).map(matched).collect(), peers: None });
    assert_eq!(wording::preflight::grade(point(&stage).grade), "waiting");
    for (found, unseen, grade, seen, mend) in [
        (vec![], vec![], "pass", "nothing of earlier faults", None),
        (vec![], vec![Untrusted::from("list x: no")], "unknown", "list x: no", Some("gameday rbac drill.yaml | kubectl apply -f -")),
        (
            vec![trace("another", Some("00a1b2"))],
            vec![],
            "warn",
            "network rules in pod staging/another (of run 00a1b2, staging/x)",
            Some("gameday recover"),
        ),
        (vec![trace("another", None)], vec![], "warn", "of staging/x, which is gone", Some("gameday abort --all")),
        (vec![trace("api0-1", None)], vec![], "fail", "network rules in pod staging/api0-1", Some("gameday abort --all")),
    ] {
        stage.tell(1, Event::Inspected { seen: Inspected::Residue { after: false, fact: ResidueFact { found, unseen } } });
        let point = point(&stage);
        assert_eq!(wording::preflight::grade(point.grade), grade, "{point:?}");
        assert!(point.seen.raw().contains(seen), "{point:?}");
        assert_eq!(point.mend.as_ref().map(Untrusted::raw), mend);
    }
}

/// Lets a run that looks for residue break something, undo it, and wait for its last look; `before` was there.
fn over(before: Vec<Trace>) -> Stage {
    let (mut stage, _) = sweeping();
    let fact = |found| ResidueFact { found, unseen: Vec::new() };
    stage.tell(1, Event::Inspected { seen: Inspected::Residue { after: false, fact: fact(before) } });
    stage.tell(1, Event::Commanded(Command::Start));
    // not all of the preflight is answered here: after its time it is refused
    stage.tell(25_000, Event::DeadlinePassed);
    stage
}

#[test]
fn refused_run_should_not_look_over_the_cluster_again() {
    let stage = over(Vec::new());
    assert!(stage.run.begun().is_none() && stage.run.residue_after().is_none());
    assert!(stage.now > 20 * SECOND && !stage.run.timeline().iter().any(|moment| moment.noted.name() == "swept"));
}

#[test]
fn lease_that_is_left_should_stand_in_the_report() {
    let text = drill(ONE_TARGET, &[], &[observe("o", 30)], &[], &[], ALL) + history::ON_A_CLUSTER;
    let mut sim = Sim::new(&text, true, &[], false);
    sim.until(|sim| sim.run.claim().is_some_and(|claim| claim.answered.is_some()));
    sim.take(Event::Commanded(Command::Leave));
    sim.finish();
    let left = Findings::of(&sim.run).left;
    assert_eq!(left, ["Lease staging/gameday-abc123, by which others see a run as live"]);
    assert!(wording::stuck::left(&sim.run).join("\n").contains("Lease staging/gameday-abc123"));
}

#[test]
fn round_that_was_on_when_its_schedule_went_should_be_over_with_it_and_the_run_should_end() {
    let criteria = ["{name: back, recovery: {within: 10s}, stableFor: 1s}"];
    let text = drill(ONE_TARGET, &[], &[again("a", 1, 30), observe("o", 2)], &criteria, &[], ALL);
    let mut sim = Sim::new(&text, true, &[], false);
    sim.until(|sim| sim.run.faults()[0].in_effect.is_some());
    sim.by_hand = true;
    sim.take(Event::Commanded(Command::Skip));
    assert!(sim.run.faults()[0].rounds[0].lifted.is_none());
    // the watch tells nothing of how it went: only the looks do
    sim.forget();
    sim.things.clear();
    let took = std::time::Duration::from_millis(5);
    sim.tell(5 * MS, Event::Answered { effect: EffectId("lift/0/1".into()), outcome: Outcome::Done { took } });
    sim.finish();
    let state = &sim.run.faults()[0];
    assert!(state.lifted.is_some() && state.rounds[0].lifted == state.lifted, "{:?}", state.rounds);
    assert_eq!(sim.run.conclusion().unwrap().verdict, Verdict::Held);
}

#[test]
fn schedule_should_not_count_as_lifted_while_one_more_of_its_faults_may_come() {
    let mut stage = Stage::of(again("a", 1, 30));
    let lifted = |stage: &Stage| (stage.run.faults()[0].recovered.is_some(), stage.run.faults()[0].lifted.is_some());
    let over = |fact: FaultFact| {
        let mut fact = FaultFact { desired: Some("Stop".into()), ..fact };
        fact.records.iter_mut().for_each(|record| record.phase = "Not Injected".into());
        fact
    };
    let first = over(stage.fact());
    stage.tell(100, Event::FaultSeen(first.clone()));
    assert_eq!(lifted(&stage), (true, false));
    let one_more = RecordFact { selector: "a-abc123-0-again-9.".into(), phase: "Injected".into(), ..first.records[0].clone() };
    let records = first.records.iter().cloned().chain([one_more]).collect();
    let second = FaultFact { records, ..first };
    stage.tell(100, Event::FaultSeen(second.clone()));
    assert_eq!(lifted(&stage), (false, false), "it had spawned that one before it was stopped");
    stage.tell(100, Event::FaultSeen(over(second)));
    let moment = stage.run.now();
    stage.tell(10, Event::FaultGone { fault: FaultId(0), watched: false });
    stage.looked(10, Some(&[]));
    assert_eq!(stage.undone(), (true, false));
    assert_eq!(stage.run.faults()[0].lifted.map(|seen| seen.at), Some(moment), "when the last of them was");
}

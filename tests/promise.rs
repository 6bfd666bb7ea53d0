//! The promise of the fold, tried on histories made up by chance: whatever was asked for is undone,
//! or named as left; and nothing else is ever broken.
//!
//! `GAMEDAY_PROMISE=100000 cargo nextest run --release --test promise` tries so many in all, spread over the properties as they are
//! without it; `GAMEDAY_PROMISE_SEED=NUMBER` draws others.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    reason = "a test fails loudly, and its dice are small"
)]

#[path = "support/history.rs"]
mod history;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use gameday::command::{AbortedBy, Answer, Command};
use gameday::effect::{ChaosRef, Conclusion, Danger, Effect, EffectId, FaultId, Outcome, PodRef, ProbeId, Verdict};
use gameday::event::{Entry, Event, FaultFact, MatchedPod, Number, Reading, RecordFact, ReportedFact, Source};
use gameday::run::Run;
use gameday::run::checks::Grade;
use gameday::run::ledger::FaultState;
use gameday::run::phase::End;
use gameday::run::verdicts::Standing;
use history::{
    ALL, BRAKED, Dice, GATED, IN_PRODUCTION, MS, ON_A_CLUSTER, ONE_TARGET, PRODUCTION_LIMITS, RISKED, RUNBOOK, SECOND, Sim, again, at, cut,
    delay, drill, is_observation, kill, observe, pod, run_of, slow_disk, stress,
};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

/// How many are tried in all where nobody says how many.
const USUAL: u64 = 3750;

fn asked(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|value| value.parse().ok())
}

/// Runs a property on `cases` drawn from a fixed seed, or on its share of those that are asked for.
fn check<S: Strategy>(cases: u32, strategy: &S, property: impl Fn(S::Value)) {
    let cases = asked("GAMEDAY_PROMISE").map_or(cases, |all| u32::try_from(u64::from(cases) * all / USUAL).unwrap_or(u32::MAX).max(1));
    let config = Config { cases, failure_persistence: None, max_shrink_iters: 300, ..Config::default() };
    let mut seed = [7; 32];
    if let Some(other) = asked("GAMEDAY_PROMISE_SEED") {
        seed[..8].copy_from_slice(&other.to_le_bytes());
    }
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &seed);
    let outcome = TestRunner::new_with_rng(config, rng).run(strategy, |value| {
        property(value);
        Ok(())
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
}

/// A drill of one to three faults, with or without Chaos Mesh.
#[derive(Clone, Debug)]
struct Drill {
    text: String,
    chaos_mesh: bool,
    /// Whether its world lets it begin.
    calm: bool,
}

impl Drill {
    fn in_a_wild_world(&self, tape: &[u8]) -> Sim {
        let mut sim = Sim::new(&self.text, self.chaos_mesh, tape, true);
        sim.calm = self.calm;
        sim
    }
}

fn drills() -> impl Strategy<Value = Drill> {
    let faults = prop::collection::vec((0..9_u8, 1..30_u64), 1..=3);
    (faults, 0..4_u8, any::<[bool; 6]>(), 0..3_usize, 0..6_u8, 0..6_u8).prop_map(|(faults, world, with, limits, order, place)| {
        let (chaos_mesh, calm) = (world % 2 == 0, world < 2);
        let mut steps = Vec::new();
        for (index, (kind, seconds)) in faults.iter().enumerate() {
            steps.push(match kind {
                0 if !chaos_mesh => kill(&format!("k{index}"), "mode: fixed, value: \"2\""),
                0 | 1 => kill(&format!("k{index}"), "mode: one"),
                5 => cut(&format!("c{index}"), *seconds, (seconds % 2 == 0).then_some("db")),
                _ if !chaos_mesh && seconds % 3 > 0 => cut(&format!("c{index}"), *seconds, None),
                _ if !chaos_mesh => kill(&format!("k{index}"), "mode: one"),
                2 => delay(&format!("d{index}"), Some(*seconds)),
                4 => stress(&format!("s{index}"), *seconds),
                6 => slow_disk(&format!("f{index}"), *seconds),
                7 => again(&format!("a{index}"), (seconds % 3) as u8, seconds + 4),
                8 => again(&format!("a{index}"), 1, seconds + 4),
                _ => delay(&format!("d{index}"), None),
            });
            if with[0] {
                steps.push(observe(&format!("o{index}"), *seconds));
            }
        }
        steps = ordered(steps, order);
        steps.push(observe("at last", 3));
        let pick = |items: &[(bool, &'static str)]| items.iter().filter(|(on, _)| *on).map(|(_, item)| *item).collect::<Vec<_>>();
        let gate = pick(&[(with[1], "{name: all ready, ready: {min: 100%}, stableFor: 2s}")]);
        let criteria = pick(&[
            (with[2], "{name: back, recovery: {within: 10s}, stableFor: 1s}"),
            (with[3], "{name: one ready, ready: {min: 1}, during: fault}"),
            (with[4], "{name: few errors, promql: {query: errors, below: 0.5}, for: 2s}"),
            (with[5], "{name: it fires, alert: {name: Down, resolvesWithin: 20s}}"),
        ]);
        let ends = pick(&[
            (with[4], "{name: hurt, promql: {query: errors, above: 0.8}, for: 3s}"),
            (with[5], "{name: none, ready: {below: 1}, for: 2s}"),
        ]);
        let limits = [ALL, "{allowAll: true, maxDuration: 2m, blindLimit: 5s}", "{maxTargets: 3, allowAll: true}"][limits];
        let brake = if with[3] == with[4] { BRAKED } else { "" };
        let (limits, place) = match place {
            0 => (limits, String::new()),
            1 => (limits, ON_A_CLUSTER.to_owned()),
            2 => (limits, GATED.to_owned()),
            3 | 4 => (limits, GATED.to_owned() + ON_A_CLUSTER),
            _ => (PRODUCTION_LIMITS, RUNBOOK.to_owned() + IN_PRODUCTION),
        };
        Drill { text: drill(ONE_TARGET, &gate, &steps, &criteria, &ends, limits) + RISKED + brake + &place, chaos_mesh, calm }
    })
}

/// The steps one after the other, together, at their times, or by a person's word.
fn ordered(steps: Vec<String>, order: u8) -> Vec<String> {
    let with = |step: &str, more: &str| format!("{}, {more}}}", step.strip_suffix('}').unwrap());
    match order {
        0 if steps.len() > 1 => vec![format!("{{name: together, parallel: [{}]}}", steps.join(", "))],
        1 => steps.iter().zip(1..).map(|(step, n)| with(step, &format!("at: {}s", n * 2))).collect(),
        2 => steps.iter().map(|step| with(step, "hold: true")).collect(),
        3 => std::iter::once("{name: by hand, manual: do it, timeout: 20s}".to_owned()).chain(steps).collect(),
        _ => steps,
    }
}

fn tapes() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 0..400)
}

/// A drill and its world, somewhere on the way.
fn on_the_way() -> impl Strategy<Value = Sim> {
    (drills(), tapes(), 0..250_usize).prop_map(|(drill, tape, steps)| {
        let mut sim = drill.in_a_wild_world(&tape);
        for _ in 0..steps {
            if !sim.step() {
                break;
            }
        }
        sim
    })
}

/// An event that no honest driver would tell here.
fn hostile(run: &Run, dice: &mut Dice) -> Event {
    let fault = match dice.roll(12) {
        10 => FaultId::BRAKE_POD,
        11 => FaultId::brake(0),
        n => FaultId(n as usize),
    };
    let object = ChaosRef { kind: "NetworkChaos".into(), namespace: "staging".into(), name: format!("d-{}", dice.roll(3)) };
    let victim = PodRef { namespace: "staging".into(), name: "api0-1".into(), uid: ["u0-1", "", "u0-9"][dice.roll(3) as usize].into() };
    let took = Duration::from_millis(dice.roll(99) * 100);
    let outcome = match dice.roll(4) {
        0 => Outcome::Done { took },
        1 => Outcome::Already { took },
        2 => Outcome::Refused { why: "no".into() },
        _ => Outcome::Failed { why: "\u{7}".into() },
    };
    let mut fact = pod(dice.roll(3) as usize, &victim.name, &victim.uid);
    fact.ready = dice.roll(2) == 0;
    fact.deleting = (dice.roll(3) == 2).then(|| history::started() + chrono::Duration::days(90_000));
    let seen = || {
        let record = |n: u64| RecordFact {
            id: ["staging/api0-0", "nonsense", ""][(n % 3) as usize].into(),
            selector: ".".into(),
            phase: if n.is_multiple_of(2) { "Injected".into() } else { "Not Injected".into() },
            injected: (n % 3) as u32,
            recovered: 0,
            failure: None,
        };
        let deleting = took.as_millis().is_multiple_of(200);
        let records = (0..took.as_millis() as u64 / 1000 % 4).map(record).collect();
        let uid = format!("x{}", took.as_millis() % 3);
        let (conditions, finalizers) = (Vec::new(), Vec::new());
        FaultFact {
            fault,
            object: object.clone(),
            uid,
            created: None,
            desired: Some("Stop".into()),
            conditions,
            records,
            deleting,
            finalizers,
        }
    };
    let source = [Source::Pods(7), Source::Pods(0), Source::Fault(fault), Source::Prometheus][dice.roll(4) as usize];
    let matched = MatchedPod { pod: victim.clone(), owner: None, running: false };
    let manifest = serde_json::json!({"a": [1.5, null, "\u{0}"]});
    match dice.roll(26) {
        24 => Event::Commanded(Command::Release { step: dice.roll(9) as usize }),
        25 => Event::Commanded(Command::Answer { step: dice.roll(9) as usize, answer: Answer::Failed { why: "no".into() } }),
        0 => Event::Asked(Effect::Apply { fault, object, manifest }),
        1 => Event::Asked(Effect::Kill { fault, victim, grace: 0, evict: false }),
        2 => Event::Asked(Effect::Lift { fault, object, attempt: dice.roll(255) as u32 }),
        3 => Event::Answered { effect: EffectId(format!("apply/{}", fault.0)), outcome },
        4 => Event::Answered { effect: EffectId(format!("lift/{}/1", fault.0)), outcome },
        5 => Event::Answered { effect: EffectId(format!("kill/{}/{}", fault.0, victim.uid)), outcome },
        6 => Event::Answered {
            effect: EffectId(["", "/", "kill", "lift/x", "apply/99999999999999999999"][dice.roll(5) as usize].into()),
            outcome,
        },
        7 | 8 => Event::FaultSeen(seen()),
        9 => Event::FaultGone { fault, watched: dice.roll(2) == 0 },
        10 => {
            Event::FaultLookedFor { fault, present: dice.roll(2) == 0, residue: (dice.roll(2) == 0).then(Vec::new), blocking: Vec::new() }
        }
        11 | 12 => Event::PodSeen(fact),
        13 => Event::PodGone { uid: victim.uid },
        14 => Event::PodsListed { target: dice.roll(3) as usize, pods: vec![fact.clone(), fact] },
        15 => Event::SourceLost { source, why: "x".into() },
        16 => Event::SourceBack { source },
        17 => Event::TargetsResolved { fault, round: 2, pods: vec![matched], peers: None },
        18 => Event::TargetsUnresolved { fault, round: dice.roll(4) as u32, why: "x".into() },
        19 => Event::Sampled { probe: ProbeId(dice.roll(4) as usize), took, reading: Reading::Values { values: Vec::new() } },
        20 => Event::SkewMeasured(gameday::event::Skew { least: i64::MAX - dice.roll(2) as i64, most: i64::MIN, took }),
        21 => Event::TargetMissing { target: dice.roll(4) as usize, why: "x".into() },
        23 => Event::PodsComing { target: dice.roll(3) as usize, seen: dice.roll(5) as u32, ready: u32::MAX },
        22 => history::workload(run.scenario(), 0, dice.roll(5) as u32),
        _ => Event::DeadlinePassed,
    }
}

/// The faults, newest first, and after them what the brake is rehearsed with, which is older than any.
fn newest_first(run: &Run) -> impl Iterator<Item = &FaultState> {
    let brake: Vec<&FaultState> = run.brake().into_iter().flat_map(gameday::run::brake::Brake::all).collect();
    run.faults().iter().rev().chain(brake.into_iter().rev())
}

/// The lasting faults that were asked for and are not known to be lifted, newest first, and the pod of the brake, by the
/// entries alone but for what the fold says of how each ended.
fn alive(sim: &Sim) -> Vec<FaultId> {
    let mut alive = Vec::new();
    for state in newest_first(&sim.run) {
        let is_asked = |entry: &Entry| matches!(&entry.event, Event::Asked(Effect::Apply { fault, .. }) if *fault == state.id);
        let answer = sim.entries.iter().find_map(|entry| match &entry.event {
            Event::Answered { effect, outcome } if effect.0 == format!("apply/{}", state.id.0) => Some(outcome),
            _ => None,
        });
        let seen = sim.entries.iter().any(|entry| matches!(&entry.event, Event::FaultSeen(fact) if fact.fault == state.id));
        let refused = matches!(answer, Some(Outcome::Refused { .. })) && !seen;
        let over = state.lifted.is_some() || state.undo.done.is_some() || state.undo.handed_over.is_some();
        let lasts = state.fault.is_lasting() || state.id == FaultId::BRAKE_POD;
        if lasts && sim.entries.iter().any(is_asked) && !refused && !over {
            alive.push(state.id);
        }
    }
    alive
}

fn lifts(effects: &[Effect]) -> Vec<FaultId> {
    effects.iter().filter_map(|effect| if let Effect::Lift { fault, .. } = effect { Some(*fault) } else { None }).collect()
}

fn abort() -> Event {
    Event::Commanded(Command::Abort { by: AbortedBy::Key })
}

/// Stops the run: in that very step the lift of each of these is asked for, newest first. What was asked for.
fn must_lift(sim: &mut Sim, alive: &[FaultId]) -> Vec<Effect> {
    let effects = sim.take(abort());
    let lifted: Vec<FaultId> = lifts(&effects).into_iter().filter(|id| alive.contains(id)).collect();
    assert_eq!(lifted, alive);
    effects
}

/// What must be true of a run that is over, whatever happened.
fn must_end_well(sim: &Sim) {
    let run = &sim.run;
    let conclusion = run.conclusion().expect("a run that is over says what it came to");
    for state in run.all_faults() {
        assert!(!state.owes_undo(), "fault {} was asked for and nothing became of it", state.id.0);
        assert!(!(state.undo.done.is_some() && state.undo.handed_over.is_some()));
        if state.undo.handed_over.is_some() {
            let (object, _) = state.object.as_ref().expect("only objects are handed over");
            assert!(conclusion.left.contains(object), "{object} is left and not named");
            assert_eq!(conclusion.verdict, Verdict::CleanupIncomplete);
        }
        if state.fault.is_lasting() && state.undo.done.is_some() {
            assert!(state.lifted.is_some(), "undone, and not lifted");
        }
    }
    assert_eq!(conclusion.verdict == Verdict::CleanupIncomplete, !conclusion.left.is_empty());
    let once: BTreeSet<&ChaosRef> = conclusion.left.iter().collect();
    assert_eq!(once.len(), conclusion.left.len(), "named twice: {:?}", conclusion.left);
    assert_eq!(conclusion.verdict, run.verdict(), "the last entry says what the fold says");
    assert_eq!(run.next_deadline(), None);
}

/// Whatever is in the cluster when the run is over, it says so.
fn must_name_what_is_there(sim: &Sim) {
    let left = &sim.run.conclusion().unwrap().left;
    for (id, thing) in sim.things.iter().filter(|(_, thing)| thing.stays()) {
        // a refusal that was none is a lie no fold can see through
        let Some((object, _)) = sim.run.fault(*id).and_then(|state| state.object.as_ref()) else { continue };
        assert!(left.contains(object), "{object} {thing:?} is there, and the run does not say so");
    }
}

/// What must be true of the effects of a whole history.
fn must_break_only_when_allowed(sim: &Sim) {
    let told =
        |seq: u64, wanted: fn(&Event) -> bool| sim.entries.iter().take_while(|entry| entry.seq <= seq).any(|entry| wanted(&entry.event));
    let brakes = |effect: &Effect| matches!(effect, Effect::Apply { fault, .. } if fault.is_brake());
    let braked = sim.effects.iter().rposition(|(_, effect)| brakes(effect));
    let broken = sim.effects.iter().position(|(_, effect)| effect.danger() == Danger::Breaks);
    assert!(braked.is_none_or(|braked| broken.is_none_or(|broken| braked < broken)), "the brake comes before all that breaks");
    if let (Some(brake), Some(_)) = (sim.run.brake(), broken) {
        assert!(brake.is_done(), "something was broken without a brake");
    }
    for (seq, effect) in &sim.effects {
        if effect.makes() {
            let word = sim.run.typed_word();
            let start = sim.entries.iter().take_while(|entry| entry.seq <= *seq).any(|entry| match (&entry.event, &word) {
                (Event::Commanded(Command::Start), None) => true,
                (Event::Commanded(Command::Confirm { typed }), Some(word)) => typed.raw() == word,
                _ => false,
            });
            assert!(brakes(effect) || start, "{:?} before the start", effect.id());
            let stop = |event: &Event| matches!(event, Event::Commanded(Command::Abort { .. } | Command::Leave) | Event::Sealed(_));
            assert!(!told(*seq, stop), "{:?} after the stop", effect.id());
        }
    }
    let once: BTreeSet<EffectId> = sim.effects.iter().filter(|(_, e)| e.makes()).map(|(_, e)| e.id()).collect();
    let all = sim.effects.iter().filter(|(_, effect)| effect.makes()).count();
    assert_eq!(once.len(), all, "nothing is broken twice");
}

#[test]
fn abort_should_lift_every_lasting_fault_in_its_own_step_newest_first() {
    check(400, &on_the_way(), |mut sim| {
        if sim.run.phase().0.is_over() {
            return;
        }
        let alive = alive(&sim);
        let effects = must_lift(&mut sim, &alive);
        assert!(effects.iter().all(|effect| effect.danger() != Danger::Breaks));
        sim.finish();
        must_end_well(&sim);
        must_break_only_when_allowed(&sim);
    });
}

#[test]
fn abort_should_undo_every_kind_of_fault_at_every_moment_of_it() {
    let met = std::cell::RefCell::new(BTreeMap::new());
    let strategy = (0..8_u8, 0..3_usize, prop::collection::vec(any::<u8>(), 0..120), 0..9_000_u64);
    check(400, &strategy, |(kind, place, tape, moment)| {
        let (kind, chaos_mesh) = match kind {
            0 => (delay("d", Some(7)), true),
            1 => (stress("s", 7), true),
            2 => (slow_disk("f", 7), true),
            3..6 => (again("a", kind - 3, 7), true),
            6 => (cut("c", 7, None), false),
            _ => (cut("c", 7, Some("db")), false),
        };
        let (limits, place) = [(ALL, ""), (ALL, GATED), (PRODUCTION_LIMITS, IN_PRODUCTION)][place];
        let runbook = if place == IN_PRODUCTION { RUNBOOK } else { "" };
        let steps = [kind, observe("o", 3)];
        let criteria = ["{name: back, recovery: {within: 10s}, stableFor: 1s}"];
        let text = drill(ONE_TARGET, &[], &steps, &criteria, &[], limits) + RISKED + runbook + place;
        let mut sim = Sim::new(&text, chaos_mesh, &tape, true);
        sim.calm = true;
        let asked = |sim: &Sim| sim.run.faults()[0].asked.is_some() || sim.run.phase().0.is_over();
        while !asked(&sim) {
            sim.step();
        }
        let until = sim.now + moment * MS;
        while sim.now < until && sim.step() {}
        if sim.run.phase().0.is_over() {
            return must_end_well(&sim);
        }
        let alive = alive(&sim);
        let kind = sim.run.faults()[0].object.as_ref().map(|(object, _)| object.kind.clone()).unwrap_or_default();
        *met.borrow_mut().entry(kind).or_insert(0) += alive.len();
        let effects = must_lift(&mut sim, &alive);
        assert!(effects.iter().all(|effect| !effect.makes()));
        sim.finish();
        must_end_well(&sim);
        must_name_what_is_there(&sim);
    });
    let met = met.into_inner();
    for kind in ["NetworkChaos", "StressChaos", "IOChaos", "Workflow", "NetworkPolicy"] {
        assert!(met.get(kind).is_some_and(|times| *times > 10), "{kind} is hardly met: {met:?}");
    }
}

#[test]
fn abort_should_undo_a_brake_at_every_moment_of_it() {
    // a tape that is kind, so that most of these are on the way through the brake
    let met = std::cell::Cell::new((0, 0, 0));
    let strategy = (prop::collection::vec(any::<u8>(), 0..60), 4..40_usize, any::<bool>());
    check(800, &strategy, |(tape, steps, wild)| {
        let text = drill(ONE_TARGET, &[], &[delay("d", Some(5)), observe("o", 3)], &[], &[], ALL) + BRAKED + ON_A_CLUSTER;
        let mut sim = Sim::new(&text, true, &tape, wild);
        for _ in 0..steps {
            sim.step();
        }
        if sim.run.phase().0.is_over() {
            return;
        }
        let alive = alive(&sim);
        let (pods, faults, both) = met.get();
        let of = |id: FaultId| u32::from(alive.contains(&id));
        let (pod, fault) = (of(FaultId::BRAKE_POD), of(FaultId::brake(0)));
        met.set((pods + pod, faults + fault, both + pod * fault));
        let effects = must_lift(&mut sim, &alive);
        assert!(effects.iter().all(|effect| !effect.makes()));
        sim.finish();
        must_end_well(&sim);
        must_break_only_when_allowed(&sim);
        must_name_what_is_there(&sim);
    });
    let (pods, faults, both) = met.get();
    assert!(pods > 40 && faults > 40 && both > 40, "the brake itself is hardly met: {:?}", met.get());
}

#[test]
fn abort_should_keep_the_promise_after_a_hostile_history() {
    let strategy = (on_the_way(), prop::collection::vec(any::<u8>(), 0..200));
    check(400, &strategy, |(mut sim, bytes)| {
        let mut dice = Dice::of(&bytes);
        for _ in 0..bytes.len() / 8 {
            if sim.run.phase().0.is_over() {
                return;
            }
            let event = hostile(&sim.run, &mut dice);
            sim.now += dice.roll(20) * 300 * MS;
            sim.take(event);
        }
        if sim.run.phase().0.is_over() {
            return;
        }
        let alive = alive(&sim);
        must_lift(&mut sim, &alive);
        sim.finish();
        must_end_well(&sim);
    });
}

#[test]
fn run_should_always_end_and_never_leave_what_it_does_not_name() {
    let met = std::cell::RefCell::new(BTreeMap::new());
    check(300, &(drills(), tapes()), |(drill, tape)| {
        let mut sim = drill.in_a_wild_world(&tape);
        sim.finish();
        for (what, is) in [
            ("begun", sim.run.begun().is_some()),
            ("begun in production", sim.run.begun().is_some() && sim.run.in_production()),
            ("refused by a check", sim.run.begun().is_none() && sim.run.checkpoints().iter().any(|point| point.grade == Grade::Fail)),
            ("looked after", sim.run.residue_after().is_some()),
            ("again and again", sim.run.faults().iter().any(|state| state.rounds.len() > 1)),
        ] {
            *met.borrow_mut().entry(what).or_insert(0) += u32::from(is);
        }
        must_end_well(&sim);
        must_break_only_when_allowed(&sim);
        must_name_what_is_there(&sim);
        let left = &sim.run.conclusion().unwrap().left;
        let lease = sim.run.claim().map(|claim| &claim.lease);
        assert!(!sim.lease || left.iter().any(|object| Some(object) == lease), "the Lease is there, and the run does not say so");
        let took = sim.now / SECOND + 1;
        assert!(sim.deadlines <= 40 + 12 * took, "{} deadlines in {took} s", sim.deadlines);
    });
    assert!(met.borrow().values().all(|times| *times > 3), "hardly met: {met:?}");
}

#[test]
fn unanswered_creation_should_be_deleted_again_when_it_turns_up() {
    let text = drill(ONE_TARGET, &[], &[delay("d", Some(30)), observe("o", 3)], &[], &[], ALL);
    // (when the abort comes after the creation was asked for, when the object turns up, whether the create is ever answered)
    check(150, &(0..12_000_u64, 0..9_900_u64, 0..3_u8), |(stop, lands, answer)| {
        let mut sim = Sim::new(&text, true, &[], false);
        sim.until(|sim| sim.run.touched_anything());
        // the world as it is from here on: nothing of what the tame one had planned
        let mut late = sim.clone();
        late.forget();
        late.land(FaultId(0), lands * MS);
        let id = EffectId("apply/0".into());
        match answer {
            0 => {}
            1 => late
                .tell(lands * MS + MS, Event::Answered { effect: id, outcome: Outcome::Done { took: Duration::from_millis(lands + 1) } }),
            _ => late.tell(lands * MS / 2, Event::Answered { effect: id, outcome: Outcome::Failed { why: "no answer".into() } }),
        }
        late.tell(stop * MS, abort());
        late.finish();
        must_end_well(&late);
        assert!(!late.things[&FaultId(0)].exists, "it turned up after {lands} ms, the stop came after {stop} ms, and it is still there");
        assert!(late.run.conclusion().unwrap().left.is_empty());
        let asked = late.entries.iter().find(|entry| matches!(entry.event, Event::Asked(Effect::Apply { .. }))).unwrap().at;
        let looks = late.entries.iter().filter(|entry| matches!(entry.event, Event::FaultLookedFor { .. })).map(|entry| entry.at);
        let last = looks.max().expect("it is looked for");
        if answer != 1 && lands > stop + 10_000 {
            assert!(last.since(asked) >= Duration::from_secs(10), "looked for at last {:?} after it was asked for", last.since(asked));
        }
    });
}

#[test]
fn creation_that_never_lands_should_be_looked_for_after_its_deadline() {
    let text = drill(ONE_TARGET, &[], &[delay("d", Some(30)), observe("o", 3)], &[], &[], ALL);
    let mut sim = Sim::new(&text, true, &[], false);
    sim.until(|sim| sim.run.touched_anything());
    sim.forget();
    let asked = sim.run.now();
    assert_eq!(lifts(&sim.take(abort())), [FaultId(0)], "lifted as if it had happened");
    sim.finish();
    must_end_well(&sim);
    let last = sim.entries.iter().rev().find(|entry| matches!(entry.event, Event::FaultLookedFor { .. })).unwrap().at;
    assert!(last.since(asked) >= Duration::from_secs(10) && last.since(asked) < Duration::from_secs(11));
    assert_eq!(sim.run.conclusion().unwrap().verdict, Verdict::Aborted);
}

#[test]
fn kill_should_have_an_empty_lift_and_its_object_should_go() {
    for chaos_mesh in [false, true] {
        let text = drill(ONE_TARGET, &[], &[kill("k", "mode: one"), observe("o", 5)], &["{name: back, recovery: {within: 10s}}"], &[], ALL);
        let mut sim = Sim::new(&text, chaos_mesh, &[], false);
        sim.finish();
        must_end_well(&sim);
        let first = sim.effects.iter().find(|(_, effect)| matches!(effect, Effect::Lift { .. }));
        assert_eq!(first.is_some(), chaos_mesh, "gameday's own kill leaves nothing to delete");
        assert!(sim.things.values().all(|thing| !thing.exists));
        assert_eq!(sim.run.conclusion().unwrap().verdict, Verdict::Held);
        assert!(sim.run.faults()[0].lifted.is_none(), "there is nothing to lift");
    }
}

#[test]
fn entry_of_a_seq_that_was_applied_should_change_nothing() {
    check(150, &(on_the_way(), any::<prop::sample::Index>()), |(sim, which)| {
        let mut run = sim.run.clone();
        let before = format!("{run:?}");
        if sim.entries.is_empty() {
            return;
        }
        let mut entry = sim.entries[which.index(sim.entries.len())].clone();
        assert!(run.apply(&entry).is_empty());
        entry.event = abort();
        assert!(run.apply(&entry).is_empty());
        assert_eq!(format!("{run:?}"), before);
    });
}

#[test]
fn observation_told_twice_should_change_no_verdict_count_or_time() {
    let strategy = (on_the_way(), 0..3_000_u64);
    check(400, &strategy, |(sim, later)| {
        let Some(last) = sim.entries.last().filter(|entry| is_observation(&entry.event)) else { return };
        // a look is one of its moment: told later it would be another
        let later = if matches!(last.event, Event::FaultLookedFor { .. }) { 0 } else { later };
        let again = |event: Event| Entry { seq: last.seq + 1, at: at(sim.now + later * MS), event };
        let (mut once, mut twice) = (sim.run.clone(), sim.run.clone());
        let effects = once.apply(&again(Event::DeadlinePassed));
        assert_eq!(twice.apply(&again(last.event.clone())), effects, "{last:?}");
        assert_eq!(without_hearing(&twice), without_hearing(&once), "{last:?}");
    });
}

/// A run but for when each source was last heard: that it was heard is what is new.
fn without_hearing(run: &Run) -> String {
    let text = format!("{run:#?}");
    let Some((before, after)) = text.split_once("heard: {") else { return text };
    format!("{before}{}", after.split_once('}').map_or("", |(_, rest)| rest))
}

#[test]
fn verdict_should_follow_the_precedence_of_the_exit_codes() {
    let met = std::cell::RefCell::new(BTreeSet::new());
    check(300, &(drills(), tapes()), |(drill, tape)| {
        let mut sim = drill.in_a_wild_world(&tape);
        sim.finish();
        let run = &sim.run;
        let conclusion = run.conclusion().unwrap();
        let tested = run.faults().iter().all(|state| state.in_effect.is_some());
        let criteria: Vec<Standing> = run.criteria().map(|(_, judged)| judged.standing).collect();
        let judged: Vec<Standing> = criteria.iter().copied().chain(run.steady().map(|(_, judged)| judged.standing)).collect();
        let end = run.end().unwrap();
        let felt = run.cuts_were_felt();
        let expected = match () {
            () if run.all_faults().any(|state| state.undo.handed_over.is_some()) => 7,
            () if run.claim().is_some_and(|claim| claim.handed_over.is_some()) => 7,
            () if run.residue_new().iter().any(|trace| trace.run.as_ref() == Some(&run.header().token)) => 7,
            () if *end == End::Aborted => 5,
            () if matches!(end, End::Stopped(_)) => 4,
            () if matches!(end, End::Refused(_)) && !run.touched_anything() => 3,
            () if judged.contains(&Standing::Broken) => 1,
            () if *end == End::Complete && tested && felt && !criteria.is_empty() && judged.iter().all(|s| *s == Standing::Held) => 0,
            () => 6,
        };
        assert_eq!(conclusion.verdict.exit_code(), expected, "{end:?} {judged:?}");
        assert!(judged.iter().all(|standing| *end != End::Complete || *standing != Standing::Pending));
        met.borrow_mut().insert(expected);
    });
    assert_eq!(met.into_inner().into_iter().collect::<Vec<_>>(), [0, 1, 3, 4, 5, 6, 7], "every end is met");
}

#[test]
fn run_should_follow_from_its_entries_alone() {
    check(100, &(drills(), tapes()), |(drill, tape)| {
        let mut sim = drill.in_a_wild_world(&tape);
        sim.finish();
        let mut again = run_of(&drill.text);
        let mut effects = Vec::new();
        for entry in &sim.entries {
            let line = serde_json::to_string(entry).unwrap();
            let back: Entry = serde_json::from_str(&line).unwrap();
            effects.extend(again.apply(&back).into_iter().map(|effect| (entry.seq, effect)));
        }
        assert_eq!(format!("{again:?}"), format!("{:?}", sim.run));
        assert_eq!(format!("{effects:?}"), format!("{:?}", sim.effects));
    });
}

#[test]
fn entries_should_survive_the_journal_word_for_word() {
    let number = prop_oneof![any::<f64>(), Just(f64::NAN), Just(f64::INFINITY), Just(f64::NEG_INFINITY), Just(-0.0)];
    let text = "[\\PC\u{0}\u{1b}\r\n\u{2028}\u{feff}]{0,12}";
    check(150, &(tapes(), prop::collection::vec((text, number), 0..4), text, any::<u64>()), |(tape, values, text, n)| {
        let run = run_of(&drill(ONE_TARGET, &[], &[observe("o", 3)], &[], &[], ALL));
        let mut events = vec![
            Event::Sampled {
                probe: ProbeId(3),
                took: Duration::from_micros(n >> 20),
                reading: Reading::Values { values: values.into_iter().map(|(labels, v)| (labels.into(), Number(v))).collect() },
            },
            Event::Commanded(Command::Note { author: text.as_str().into(), text: text.as_str().into() }),
            Event::Reported(ReportedFact {
                kind: "Pod".into(),
                name: text.as_str().into(),
                warning: true,
                reason: "x".into(),
                message: text.as_str().into(),
            }),
            Event::Asked(Effect::Apply {
                fault: FaultId(0),
                object: ChaosRef { kind: text.clone(), namespace: String::new(), name: text.clone() },
                manifest: serde_json::json!({"event": "sealed", "effect": [n, -1.5, null, {"at": text}], "outcome": 0.1}),
            }),
            Event::Sealed(Conclusion { verdict: Verdict::Held, left: Vec::new(), why: Some(text.into()) }),
        ];
        let mut dice = Dice::of(&tape);
        events.extend((0..tape.len() / 20).map(|_| hostile(&run, &mut dice)));
        for (index, event) in events.into_iter().enumerate() {
            let entry = Entry { seq: index as u64 + 1, at: at(n), event };
            let line = serde_json::to_string(&entry).unwrap();
            assert!(!line.contains('\n'), "one entry is one line");
            let back: Entry = serde_json::from_str(&line).unwrap();
            // NaN equals nothing, so the words are compared
            assert_eq!(format!("{back:?}"), format!("{entry:?}"));
            assert_eq!(serde_json::to_string(&back).unwrap(), line);
        }
    });
}

#[test]
fn leaving_should_name_what_is_left() {
    check(200, &on_the_way(), |mut sim| {
        if sim.run.phase().0.is_over() {
            return;
        }
        let owed: Vec<FaultId> = sim.run.all_faults().filter(|state| state.owes_undo()).map(|state| state.id).collect();
        sim.take(Event::Commanded(Command::Leave));
        assert!(sim.run.phase().0.is_over(), "who leaves does not wait");
        must_end_well(&sim);
        assert!(sim.run.conclusion().unwrap().left.len() >= owed.len());
    });
}

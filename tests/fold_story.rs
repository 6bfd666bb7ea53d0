//! Stories with known instants: windows, `for`, `stableFor`, limits and stop conditions mean what
//! the scenario's page says, to the entry.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "a test fails loudly, and its dice are small"
)]

#[path = "support/history.rs"]
mod history;

use std::time::Duration;

use gameday::effect::{Effect, FaultId, Outcome, Verdict};
use gameday::event::{Event, Number, PodFact, Reading, Source};
use gameday::run::phase::{End, Phase};
use gameday::run::recovery::Back;
use gameday::run::verdicts::{Judged, Standing};
use history::{ALL, MS, ONE_TARGET, SECOND, Sim, at, delay, drill, kill, observe, unready};

/// A run at the very entry in which its kill was seen, with the victim and when that was.
fn hit(text: &str) -> (Sim, PodFact, u64) {
    let mut sim = Sim::new(text, false, &[], false);
    sim.by_hand = true;
    let (victim, t) = next_hit(&mut sim);
    (sim, victim, t)
}

fn next_hit(sim: &mut Sim) -> (PodFact, u64) {
    sim.until(|sim| !sim.asked.is_empty());
    let effect = sim.asked.remove(0);
    let Effect::Kill { victim, .. } = &effect else { unreachable!() };
    let fact = sim.pods.remove(&victim.uid).unwrap();
    sim.tell(2 * MS, Event::Answered { effect: effect.id(), outcome: Outcome::Done { took: Duration::from_millis(2) } });
    let hit = sim.now + 3 * MS;
    sim.tell_at(hit, Event::PodSeen(PodFact { deleting: Some(history::started()), ..fact.clone() }));
    sim.tell_at(hit + MS, Event::PodGone { uid: fact.pod.uid.clone() });
    sim.until(|sim| sim.now >= hit);
    (fact, hit)
}

/// Another pod is ready in a victim's place at a moment.
fn heir(sim: &mut Sim, victim: &PodFact, moment: u64) {
    let mut fact = victim.clone();
    fact.pod.uid.push('+');
    fact.pod.name.push('x');
    fact.ready_since = None;
    sim.tell_at(moment - 100 * MS, Event::PodSeen(unready(&fact)));
    sim.tell_at(moment, Event::PodSeen(fact));
}

/// One pod that nobody killed is not ready for a while.
fn dip(sim: &mut Sim, from: u64, to: u64) {
    let fact = sim.pods.values().next().unwrap().clone();
    sim.tell_at(from, Event::PodSeen(unready(&fact)));
    sim.tell_at(to, Event::PodSeen(fact));
}

fn criterion<'s>(sim: &'s Sim, name: &str) -> &'s Judged {
    sim.run.criteria().find(|(criterion, _)| criterion.name == name).unwrap().1
}

fn decided(sim: &Sim, name: &str) -> (Standing, u64) {
    let judged = criterion(sim, name);
    (judged.standing, judged.decided.unwrap().micros())
}

fn verdict(sim: &Sim) -> Verdict {
    sim.run.conclusion().unwrap().verdict
}

fn ended(sim: &Sim) -> u64 {
    sim.entries.last().unwrap().at.micros()
}

#[test]
fn windows_should_open_and_close_as_documented() {
    let window = |name: &str, during: &str| format!("{{name: {name}, ready: {{min: 3}}, during: {during}}}");
    let lines = [
        window("before", "before"),
        window("fault", "fault"),
        window("after", "after"),
        window("always", "always"),
        window("kill step", "{step: k}"),
        window("last step", "{step: o2}"),
    ];
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let gate = ["{name: g, ready: {min: 1}, stableFor: 1s}"];
    let text = drill(ONE_TARGET, &gate, &[kill("k", "mode: one"), observe("o1", 10), observe("o2", 10)], &lines, &[], ALL);
    // strength is back two seconds after the hit; whether a pod falls out later, is the difference
    for later in [false, true] {
        let (mut sim, victim, t) = hit(&text);
        heir(&mut sim, &victim, t + 2 * SECOND);
        if later {
            dip(&mut sim, t + 7 * SECOND, t + 8 * SECOND);
        }
        sim.finish();
        assert_eq!(criterion(&sim, "before").standing, Standing::Held);
        assert_eq!(decided(&sim, "fault"), (Standing::Broken, t), "the window opens with the impact itself");
        assert_eq!(decided(&sim, "always"), (Standing::Broken, t));
        assert_eq!(decided(&sim, "kill step"), (Standing::Broken, t), "the impact is the last of its own step");
        assert_eq!(criterion(&sim, "last step").standing, Standing::Held);
        if later {
            assert_eq!(decided(&sim, "after"), (Standing::Broken, t + 7 * SECOND));
        } else {
            assert_eq!(criterion(&sim, "after").standing, Standing::Held);
        }
        assert_eq!(criterion(&sim, "fault").violations, 1, "what comes after the recovery is not under the fault");
    }
}

#[test]
fn fault_window_should_last_until_the_lift_of_a_lasting_fault() {
    let lines = ["{name: under, ready: {min: 3}, during: fault}", "{name: after, ready: {min: 3}, during: after}"];
    let text = drill(ONE_TARGET, &[], &[delay("d", Some(10)), observe("o", 20)], &lines, &[], ALL);
    for (from, broken) in [(4, "under"), (14, "after")] {
        let mut sim = Sim::new(&text, true, &[], false);
        sim.until(|sim| sim.run.faults()[0].in_effect.is_some());
        let t = sim.now;
        dip(&mut sim, t + from * SECOND, t + (from + 1) * SECOND);
        sim.finish();
        for name in ["under", "after"] {
            let expected = if name == broken { Standing::Broken } else { Standing::Held };
            assert_eq!(criterion(&sim, name).standing, expected, "{name}, with a dip {from} s after the impact");
        }
        assert_eq!(criterion(&sim, broken).decided, Some(at(t + from * SECOND)));
    }
}

#[test]
fn violation_should_break_a_criterion_once_it_lasted_and_not_before() {
    let lines = ["{name: three, ready: {min: 3}, for: 3s}"];
    let text = drill(ONE_TARGET, &[], &[kill("k", "mode: one"), observe("o", 20)], &lines, &[], ALL);
    for (back, standing) in [(2999, Standing::Held), (3001, Standing::Broken)] {
        let (mut sim, victim, t) = hit(&text);
        heir(&mut sim, &victim, t + back * MS);
        dip(&mut sim, t + 8 * SECOND, t + 9 * SECOND);
        sim.finish();
        let judged = criterion(&sim, "three");
        assert_eq!((judged.standing, judged.violations), (standing, 2), "{judged:?}");
        if standing == Standing::Broken {
            assert_eq!(judged.decided, Some(at(t + 3 * SECOND)), "at the very moment, though nothing was seen then");
        }
    }
}

#[test]
fn violation_that_may_hide_in_what_was_not_seen_should_be_unknown() {
    // bad for 2 s, unseen for 1 s, bad for 2 s: nobody knows whether it was bad for 4 s
    fn hidden(now: u64) -> Reading {
        match now / SECOND {
            10..12 | 13..15 => Reading::Values { values: vec![("".into(), Number(1.0))] },
            12 => Reading::Failed { why: "503".into() },
            _ => Reading::Values { values: vec![("".into(), Number(0.0))] },
        }
    }
    fn seen(now: u64) -> Reading {
        match now / SECOND {
            10..12 | 14..16 => Reading::Values { values: vec![("".into(), Number(1.0))] },
            20 => Reading::Failed { why: "503".into() },
            _ => Reading::Values { values: vec![("".into(), Number(0.0))] },
        }
    }
    let lines = ["{name: few errors, promql: {query: errors, below: 0.5}, for: 4s}", "{name: back, recovery: {within: 20s}}"];
    let text = drill(ONE_TARGET, &[], &[kill("k", "mode: one"), observe("o", 30)], &lines, &[], ALL);
    for (answers, standing) in [(hidden as fn(u64) -> Reading, Standing::Unknown), (seen, Standing::Held)] {
        let mut sim = Sim::new(&text, false, &[], false);
        sim.answers = Some(answers);
        sim.finish();
        assert_eq!(criterion(&sim, "few errors").standing, standing);
        assert_eq!(verdict(&sim), if standing == Standing::Held { Verdict::Held } else { Verdict::Inconclusive });
    }
}

#[test]
fn stop_condition_should_trip_at_the_entry_in_which_it_has_lasted() {
    let stops = ["{name: hurt, ready: {below: 3}, for: 3s}"];
    let text = drill(ONE_TARGET, &[], &[kill("k", "mode: one"), observe("o", 20)], &[], &stops, ALL);
    let (mut sim, victim, t) = hit(&text);
    heir(&mut sim, &victim, t + 2900 * MS);
    dip(&mut sim, t + 6 * SECOND, t + 12 * SECOND);
    sim.finish();
    assert_eq!(sim.run.end(), Some(&End::Stopped(0)));
    assert_eq!((verdict(&sim), ended(&sim)), (Verdict::Stopped, t + 9 * SECOND), "not the first time, which was too short");
}

#[test]
fn stop_condition_should_lift_a_lasting_fault_in_its_own_step() {
    let stops = ["{name: hurt, ready: {below: 3}}"];
    let text = drill(ONE_TARGET, &[], &[delay("d", Some(30)), observe("o", 20)], &[], &stops, ALL);
    let mut sim = Sim::new(&text, true, &[], false);
    sim.until(|sim| sim.run.faults()[0].in_effect.is_some());
    let fact = sim.pods.values().next().unwrap().clone();
    sim.now += SECOND;
    let effects = sim.take(Event::PodSeen(unready(&fact)));
    assert!(matches!(effects[..], [Effect::Lift { fault: FaultId(0), .. }]), "{effects:?}");
    sim.finish();
    assert_eq!(verdict(&sim), Verdict::Stopped);
}

#[test]
fn gate_should_want_the_good_state_to_last() {
    let gate = ["{name: three, ready: {min: 3}, stableFor: 3s}"];
    let text = drill(ONE_TARGET, &gate, &[kill("k", "mode: one"), observe("o", 5)], &[], &[], ALL);
    let mut sim = Sim::new(&text, false, &[], false);
    dip(&mut sim, 3 * SECOND, 3500 * MS);
    sim.until(|sim| matches!(sim.run.phase().0, Phase::Steps));
    assert_eq!(sim.now, 6500 * MS, "from the end of the dip on, not from the start");
    // and where it never lasts, nothing is broken
    let mut sim = Sim::new(&text, false, &[], false);
    for n in 1..20 {
        dip(&mut sim, n * 2 * SECOND, n * 2 * SECOND + MS);
    }
    sim.finish();
    assert_eq!((verdict(&sim), sim.run.touched_anything()), (Verdict::Refused, false));
}

#[test]
fn blind_limit_should_end_the_run_when_the_verdict_can_not_be_seen() {
    let lines = ["{name: back, recovery: {within: 20s}}"];
    let text = drill(ONE_TARGET, &[], &[kill("k", "mode: one"), observe("o", 60)], &lines, &[], "{allowAll: true, blindLimit: 10s}");
    for (source, back, ends) in [
        (Source::Pods(0), None, true),
        (Source::Pods(0), Some(10 * SECOND + 1), true),
        (Source::Pods(0), Some(10 * SECOND - 1), false),
        (Source::Endpoints, None, false),
        (Source::Prometheus, None, false),
    ] {
        let (mut sim, victim, t) = hit(&text);
        heir(&mut sim, &victim, t + SECOND);
        sim.tell_at(t + 20 * SECOND, Event::SourceLost { source, why: "gone".into() });
        if let Some(back) = back {
            sim.tell_at(t + 20 * SECOND + back, Event::SourceBack { source });
        }
        sim.finish();
        assert_eq!(matches!(sim.run.end(), Some(End::Inconclusive(_))), ends, "{source:?} {back:?}");
        assert_eq!(ended(&sim) == t + 30 * SECOND, ends, "{source:?} {back:?}");
        // its recovery had been proven before
        assert_eq!(criterion(&sim, "back").standing, Standing::Held);
        assert_eq!(verdict(&sim), if ends { Verdict::Inconclusive } else { Verdict::Held });
    }
}

#[test]
fn blindness_should_prove_no_recovery() {
    let lines = ["{name: back, recovery: {within: 20s}, stableFor: 5s}"];
    let text = drill(ONE_TARGET, &[], &[kill("k", "mode: one"), observe("o", 30)], &lines, &[], "{allowAll: true, blindLimit: 5m}");
    let (mut sim, victim, t) = hit(&text);
    heir(&mut sim, &victim, t + SECOND);
    sim.tell_at(t + 3 * SECOND, Event::SourceLost { source: Source::Pods(0), why: "gone".into() });
    sim.until_at(t + 15 * SECOND);
    assert_eq!(criterion(&sim, "back").standing, Standing::Pending, "nobody saw whether it lasted");
    sim.finish();
    assert_eq!((criterion(&sim, "back").standing, verdict(&sim)), (Standing::Unknown, Verdict::Inconclusive));
}

#[test]
fn longest_duration_should_end_the_run_to_the_moment() {
    let text = drill(ONE_TARGET, &[], &[kill("k", "mode: one"), observe("o", 20)], &[], &[], "{allowAll: true, maxDuration: 21s}");
    let (mut sim, _, _) = hit(&text);
    sim.finish();
    // no replacement ever came: the proof after would have waited on
    let begun = sim.run.begun().unwrap().micros();
    assert!(ended(&sim) <= begun + 21 * SECOND);
    let text = drill(ONE_TARGET, &[], &[delay("d", Some(15)), observe("o", 1)], &[], &[], "{allowAll: true, maxDuration: 17s}");
    let mut sim = Sim::new(&text, true, &[], false);
    sim.by_hand = true;
    sim.until(|sim| matches!(sim.run.end(), Some(End::Inconclusive(_))));
    assert_eq!(sim.now, sim.run.begun().unwrap().micros() + 17 * SECOND);
}

#[test]
fn recovery_that_straddles_its_bound_should_be_unknown() {
    let lines = ["{name: back, recovery: {within: 2s}, stableFor: 1s}"];
    let text = drill(ONE_TARGET, &[], &[kill("k", "mode: one"), observe("o", 20)], &lines, &[], ALL);
    for (took, standing, code) in [
        (1900, Standing::Held, 0),
        (1990, Standing::Unknown, 6),
        (2005, Standing::Unknown, 6),
        (2020, Standing::Unknown, 6),
        (2100, Standing::Broken, 1),
        (9000, Standing::Broken, 1),
    ] {
        let (mut sim, victim, t) = hit(&text);
        heir(&mut sim, &victim, t + took * MS);
        sim.finish();
        assert_eq!((criterion(&sim, "back").standing, verdict(&sim).exit_code()), (standing, code), "after {took} ms");
    }
}

#[test]
fn recovery_should_count_flaps_until_strength_has_lasted() {
    let lines = ["{name: back, recovery: {within: 10s}, stableFor: 4s}"];
    let text = drill(ONE_TARGET, &[], &[kill("k", "mode: one"), observe("o", 60)], &lines, &[], ALL);
    let (mut sim, victim, t) = hit(&text);
    heir(&mut sim, &victim, t + SECOND);
    dip(&mut sim, t + 3 * SECOND, t + 4 * SECOND);
    dip(&mut sim, t + 6 * SECOND, t + 7 * SECOND);
    // proven by now: this one is another matter
    dip(&mut sim, t + 30 * SECOND, t + 50 * SECOND);
    sim.finish();
    let (_, back) = sim.run.recoveries().next().unwrap();
    let Back::At { to, dips, .. } = back else { panic!("{back:?}") };
    assert_eq!((to.at, dips), (at(t + 7 * SECOND), 3));
    assert_eq!(decided(&sim, "back"), (Standing::Held, t + 11 * SECOND), "stableFor is proof, and does not lengthen the recovery");
}

#[test]
fn each_fault_should_have_a_recovery_of_its_own() {
    let lines = ["{name: back, recovery: {within: 5s}, stableFor: 2s}"];
    let steps = [kill("k1", "mode: one"), observe("o1", 30), kill("k2", "mode: one"), observe("o2", 30)];
    let text = drill(ONE_TARGET, &[], &steps, &lines, &[], ALL);
    let (mut sim, victim, first) = hit(&text);
    heir(&mut sim, &victim, first + SECOND);
    let (victim, second) = next_hit(&mut sim);
    assert!(second > first + 29 * SECOND);
    heir(&mut sim, &victim, second + 3 * SECOND);
    sim.finish();
    let spans: Vec<Duration> =
        sim.run.recoveries().map(|(_, back)| if let Back::At { span, .. } = back { span.nominal } else { panic!("{back:?}") }).collect();
    assert_eq!(spans, [Duration::from_secs(1), Duration::from_secs(3)]);
    assert_eq!((criterion(&sim, "back").standing, verdict(&sim)), (Standing::Held, Verdict::Held));
}

#[test]
fn lift_that_can_not_be_had_should_end_the_run_with_what_is_left_named() {
    let text = drill(ONE_TARGET, &[], &[delay("d", Some(5)), observe("o", 5)], &[], &[], ALL);
    let mut sim = Sim::new(&text, true, &[], false);
    sim.until(|sim| sim.run.faults()[0].in_effect.is_some());
    // from here on no deletion is ever answered, at its own step
    sim.by_hand = true;
    sim.finish();
    let conclusion = sim.run.conclusion().unwrap();
    assert_eq!((conclusion.verdict.exit_code(), conclusion.left.len()), (7, 1));
}

#[test]
fn alert_that_need_not_fire_should_not_keep_the_run_from_its_end() {
    let lines = ["{name: resolves, alert: {name: Down, resolvesWithin: 1m}}"];
    let text = drill(ONE_TARGET, &[], &[kill("k", "mode: one"), observe("o", 5)], &lines, &[], ALL);
    let mut sim = Sim::new(&text, false, &[], false);
    sim.answers = Some(|_| Reading::Alert { firing: false });
    sim.finish();
    assert_eq!((criterion(&sim, "resolves").standing, verdict(&sim)), (Standing::Unknown, Verdict::Inconclusive));
}

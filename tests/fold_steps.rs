//! Steps that begin by order, by time, together or by somebody's word.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test stops where it fails")]
#![expect(clippy::cast_possible_truncation, reason = "the dice of the shared history are small")]

#[path = "support/history.rs"]
mod history;

use gameday::command::{AbortedBy, Answer, Command};
use gameday::effect::{Effect, FaultId, Verdict};
use gameday::event::Event;
use gameday::run::Run;
use gameday::run::phase::{End, Phase};
use history::{ALL, ONE_TARGET, SECOND, Sim, delay, drill, kill, observe};

/// When a step began and ended, in seconds since the steps began.
fn span(run: &Run, name: &str) -> (Option<u64>, Option<u64>) {
    let first = run.steps().filter_map(|(_, state)| state.begun.or(state.held)).min().unwrap();
    let (_, state) = run.steps().find(|(step, _)| step.name == name).unwrap();
    let since = |at: Option<gameday::clock::At>| at.map(|at| at.since(first).as_secs());
    (since(state.begun), since(state.ended))
}

fn wait(name: &str, more: &str, seconds: u64) -> String {
    format!("{{name: {name}, observe: {seconds}s{more}}}")
}

fn sim(steps: &[String]) -> Sim {
    let text = drill(ONE_TARGET, &[], steps, &["{name: ok, ready: {min: 1}, during: always}"], &[], ALL);
    let mut sim = Sim::new(&text, true, &[], false);
    sim.alone = true;
    sim
}

fn verdict(sim: &Sim) -> Verdict {
    sim.run.conclusion().unwrap().verdict
}

#[test]
fn steps_should_begin_when_those_before_have_ended_and_their_time_has_come() {
    let steps = [
        wait("a", "", 10),
        wait("b", ", at: 4s", 3),
        wait("c", ", after: a", 5),
        wait("d", ", after: [a, c], at: 12s", 1),
        wait("e", ", at: 30s, after: d", 1),
        wait("f", "", 1),
    ];
    let mut sim = sim(&steps);
    sim.finish();
    let told: Vec<_> = ["a", "b", "c", "d", "e", "f"].iter().map(|name| span(&sim.run, name)).collect();
    let of = |from, to| (Some(from), Some(to));
    assert_eq!(told, [of(0, 10), of(4, 7), of(10, 15), of(15, 16), of(30, 31), of(31, 32)]);
}

#[test]
fn group_should_begin_together_and_be_over_when_all_of_it_is() {
    let group = format!("{{parallel: [{}, {}, {}]}}", wait("b", "", 3), wait("c", "", 9), delay("slow", Some(5)).trim_start_matches("- "));
    let mut sim = sim(&[wait("a", "", 2), group, wait("d", "", 1)]);
    sim.until(|sim| sim.run.step_begun(3).is_some());
    assert_eq!(sim.run.steps().filter(|(_, state)| state.is_on()).count(), 3);
    sim.finish();
    assert_eq!((span(&sim.run, "b"), span(&sim.run, "c")), ((Some(2), Some(5)), (Some(2), Some(11))));
    assert_eq!(span(&sim.run, "d").0, Some(11));
    assert_eq!(verdict(&sim), Verdict::Held);
}

#[test]
fn faults_that_are_on_together_should_all_be_lifted_newest_first() {
    let group =
        format!("{{parallel: [{}, {}]}}", delay("one", Some(50)).trim_start_matches("- "), delay("two", Some(50)).trim_start_matches("- "));
    let mut sim = sim(&[group, observe("o", 5)]);
    sim.until(|sim| sim.run.faults().iter().all(|fault| fault.in_effect.is_some()));
    sim.now += SECOND;
    let effects = sim.take(Event::Commanded(Command::Abort { by: AbortedBy::Key }));
    let lifts: Vec<FaultId> =
        effects.iter().filter_map(|effect| if let Effect::Lift { fault, .. } = effect { Some(*fault) } else { None }).collect();
    assert_eq!(lifts, [FaultId(1), FaultId(0)]);
    sim.finish();
    assert_eq!(verdict(&sim), Verdict::Aborted);
}

#[test]
fn held_step_should_begin_when_the_leader_says_so_and_not_before() {
    let mut sim = sim(&[wait("a", "", 1), "{name: ask, hold: true}".to_owned(), wait("b", ", hold: true", 1), kill("k", "mode: one")]);
    sim.until(|sim| sim.run.waits_for_person().is_some());
    let began = sim.now;
    assert!(sim.run.next_deadline().is_none_or(|at| at.since(sim.run.now()).as_secs() < 60));
    sim.now += 100 * SECOND;
    // a word for a step that does not wait is no word for the one that does
    sim.take(Event::Commanded(Command::Release { step: 2 }));
    sim.take(Event::Commanded(Command::Answer { step: 1, answer: Answer::Done }));
    assert_eq!(sim.run.waits_for_person().map(|(index, _)| index), Some(1));
    sim.take(Event::Commanded(Command::Release { step: 1 }));
    assert_eq!(sim.run.waits_for_person().map(|(index, _)| index), Some(2), "the next one waits for a word of its own");
    assert!(sim.now - began >= 100 * SECOND);
    sim.take(Event::Commanded(Command::Release { step: 2 }));
    assert!(sim.run.step_begun(2).is_some());
    sim.finish();
    assert_eq!(verdict(&sim), Verdict::Held);
}

#[test]
fn manual_step_should_end_as_its_person_says_and_not_wait_for_ever() {
    let text = [kill("k", "mode: one"), "{name: by hand, manual: pull the plug, timeout: 60s}".to_owned(), wait("o", "", 1)];
    for (answer, ends) in [(Some(Answer::Done), false), (Some(Answer::Failed { why: "no plug".into() }), true), (None, true)] {
        let mut sim = sim(&text);
        sim.until(|sim| sim.run.waits_for_person().is_some());
        if let Some(answer) = &answer {
            sim.now += SECOND;
            sim.take(Event::Commanded(Command::Answer { step: 1, answer: answer.clone() }));
        }
        sim.finish();
        assert_eq!(matches!(sim.run.end(), Some(End::Inconclusive(_))), ends, "{answer:?}");
        assert_eq!(verdict(&sim), if ends { Verdict::Inconclusive } else { Verdict::Held });
    }
}

#[test]
fn skip_should_pass_over_what_is_on_and_what_waits() {
    let steps = [wait("a", "", 500), "{name: ask, hold: true, manual: hm}".to_owned(), wait("b", ", at: 2s", 400)];
    let mut sim = sim(&steps);
    sim.until(|sim| sim.run.step_begun(2).is_some());
    sim.now += SECOND;
    sim.take(Event::Commanded(Command::Skip));
    assert_eq!((span(&sim.run, "a").1, span(&sim.run, "b").1), (Some(3), Some(3)));
    assert!(sim.run.waits_for_person().is_some_and(|(index, _)| index == 1));
    sim.take(Event::Commanded(Command::Skip));
    assert_eq!(sim.run.step_begun(1), None, "a step that was passed over never began");
    assert!(!matches!(sim.run.phase().0, Phase::Steps));
}

#[test]
fn skipped_fault_should_be_lifted_even_before_it_is_in_effect() {
    let mut sim = sim(&[delay("d", Some(50)), observe("o", 1)]);
    sim.by_hand = true;
    sim.until(|sim| sim.run.faults()[0].asked.is_some());
    let effects = sim.take(Event::Commanded(Command::Skip));
    assert!(matches!(effects[..], [Effect::Lift { fault: FaultId(0), .. }]), "{effects:?}");
}

#[test]
fn run_whose_faults_were_all_passed_over_should_end_as_inconclusive() {
    let criteria = ["{name: back, recovery: {within: 10s}}", "{name: fires, alert: {name: Down, firesWithin: 5s}}"];
    let steps = [format!("{}, hold: true}}", kill("k", "mode: one").strip_suffix('}').unwrap()), observe("o", 2)];
    let mut sim = Sim::new(&drill(ONE_TARGET, &[], &steps, &criteria, &[], ALL), false, &[], false);
    sim.alone = true;
    sim.until(|sim| sim.run.waits_for_person().is_some());
    sim.take(Event::Commanded(Command::Skip));
    sim.finish();
    assert_eq!((verdict(&sim), sim.run.touched_anything()), (Verdict::Inconclusive, false));
}

#[test]
fn faults_that_are_on_together_should_be_held_against_the_limits_together() {
    let two = |order: &str| match order {
        "together" => vec![format!("{{parallel: [{}, {}]}}", kill("a", "mode: one"), kill("b", "mode: fixed, value: \"2\""))],
        _ => vec![kill("a", "mode: one"), kill("b", "mode: fixed, value: \"2\"")],
    };
    for (order, limits, begins) in
        [("together", "{allowAll: true}", true), ("together", "{maxShare: 70%}", false), ("one by one", "{maxShare: 70%}", true)]
    {
        let text = drill(ONE_TARGET, &[], &two(order), &["{name: ok, ready: {min: 1}, during: always}"], &[], limits);
        let mut sim = Sim::new(&text, false, &[], false);
        sim.finish();
        let refusal =
            matches!(sim.run.end(), Some(End::Refused(why)) if why.raw().contains("with what is on beside it, it takes all 3 pods"));
        assert_eq!((sim.run.touched_anything(), refusal), (begins, !begins), "{order} {limits}: {:?}", sim.run.end());
    }
}

#[test]
fn steps_that_wait_together_should_all_be_told() {
    let group = "{parallel: [{name: a, manual: do it}, {name: b, manual: do that}]}".to_owned();
    let mut sim = sim(&[group, wait("o", "", 1)]);
    sim.until(|sim| sim.run.wait_for_people().count() == 2);
    sim.take(Event::Commanded(Command::Answer { step: 1, answer: Answer::Done }));
    assert_eq!(sim.run.wait_for_people().map(|(index, _)| index).collect::<Vec<_>>(), [0]);
    sim.take(Event::Commanded(Command::Answer { step: 0, answer: Answer::Done }));
    sim.finish();
    assert!(matches!(sim.run.end(), Some(End::Complete)));
}

//! Why a replica is not back, by what Events say: only what is of now, and of the pod or of who should have made it.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "a test stops where it fails"
)]

#[path = "support/history.rs"]
mod history;

use gameday::event::{Event, PodFact, ReportedFact};
use gameday::wording::why;
use history::{ALL, ONE_TARGET, SECOND, Sim, drill, observe, unready};

fn sim() -> (Sim, PodFact) {
    let mut sim = Sim::new(&drill(ONE_TARGET, &[], &[observe("o", 60)], &[], &[], ALL), false, &[], false);
    sim.until(|sim| sim.run.begun().is_some());
    let fact = sim.pods.values().next().unwrap().clone();
    (sim, fact)
}

fn warns(sim: &mut Sim, kind: &str, name: &str, reason: &str, message: &str) {
    let fact = ReportedFact { kind: kind.into(), name: name.into(), warning: true, reason: reason.into(), message: message.into() };
    sim.take(Event::Reported(fact));
}

fn said(sim: &Sim) -> Vec<String> {
    sim.run.whys().iter().map(|of| why::line(&sim.run, of, sim.run.now())).collect()
}

#[test]
fn probe_that_fails_should_be_told_until_the_pod_is_ready_and_not_again() {
    let (mut sim, fact) = sim();
    let short = fact.pod.short().to_string();
    warns(&mut sim, "Pod", &fact.pod.name, "Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 503");
    assert_eq!(said(&sim), Vec::<String>::new(), "the pod is ready");
    sim.now += SECOND;
    sim.take(Event::PodSeen(unready(&fact)));
    sim.now += 2 * SECOND;
    warns(&mut sim, "Pod", &fact.pod.name, "Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 503");
    sim.now += SECOND;
    sim.take(Event::DeadlinePassed);
    assert_eq!(said(&sim), [format!("{short} is not back: Readiness probe failed: HTTP probe failed with statuscode: 503, 1.00 s ago")]);
    let again = PodFact { ready_since: Some(history::started() + chrono::Duration::hours(1)), ..fact.clone() };
    sim.take(Event::PodSeen(again.clone()));
    assert_eq!(said(&sim), Vec::<String>::new());
    sim.now += SECOND;
    sim.take(Event::PodSeen(unready(&again)));
    assert_eq!(said(&sim), Vec::<String>::new(), "what was said before it was ready is over");
}

#[test]
fn pod_that_is_never_made_should_be_told_by_who_should_make_it() {
    let (mut sim, fact) = sim();
    let workload = sim.run.scenario().targets[0].name.clone();
    warns(&mut sim, "ReplicaSet", &format!("{workload}-5f"), "FailedCreate", "old: exceeded quota");
    sim.now += SECOND;
    sim.take(Event::PodGone { uid: fact.pod.uid.clone() });
    assert_eq!(said(&sim), Vec::<String>::new(), "that was before");
    sim.now += SECOND;
    warns(&mut sim, "ReplicaSet", &format!("{workload}er-5f"), "FailedCreate", "another's");
    assert_eq!(said(&sim), Vec::<String>::new());
    warns(&mut sim, "ReplicaSet", &format!("{workload}-5f"), "FailedCreate", "pods \"x\" is forbidden: exceeded quota: few\u{1b}[2J");
    let quota = "pods \"x\" is forbidden: exceeded quota: few\\u{1b}[2J";
    assert_eq!(said(&sim), [format!("a pod of {workload} is not made: FailedCreate of ReplicaSet {workload}-5f: {quota}, 0.00 s ago")]);
}

#[test]
fn warning_that_comes_again_should_be_one_line_and_a_new_one_after_a_silence() {
    let (mut sim, fact) = sim();
    let told = |sim: &Sim| -> Vec<String> {
        let warned = sim.run.timeline().iter().filter(|moment| moment.noted.name() == "warned");
        warned.map(|moment| gameday::wording::moment(&sim.run, moment).split_once(": ").unwrap().1.to_owned()).collect()
    };
    let begun = sim.run.begun().unwrap().since(gameday::clock::At::ZERO).as_micros() as u64;
    sim.now = begun + SECOND;
    for _ in 0..4 {
        warns(&mut sim, "Pod", &fact.pod.name, "Unhealthy", "503");
        warns(&mut sim, "Pod", &fact.pod.name, "BackOff", "restarting");
        sim.now += 10 * SECOND;
    }
    assert_eq!(told(&sim), ["Unhealthy (4 times, last T+00:31.0): 503", "BackOff (4 times, last T+00:31.0): restarting"]);
    warns(&mut sim, "Pod", &fact.pod.name, "Unhealthy", "500");
    warns(&mut sim, "Pod", &fact.pod.name, "Unhealthy", "503");
    assert_eq!(told(&sim)[2..], ["Unhealthy: 500"], "other words are a line of their own");
    assert!(told(&sim)[0].starts_with("Unhealthy (5 times"), "those before are still known: {:?}", told(&sim));
    sim.now += 80 * SECOND;
    warns(&mut sim, "Pod", &fact.pod.name, "BackOff", "restarting");
    assert_eq!(told(&sim)[3..], ["BackOff: restarting"], "after a silence it is news");
}

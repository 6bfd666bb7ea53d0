//! What folding costs: long runs of large targets must stay cheap to the last entry.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "a test fails loudly, and its dice are small"
)]

#[path = "support/history.rs"]
mod history;

use std::time::{Duration, Instant};

use gameday::command::Command;
use gameday::effect::Outcome;
use gameday::event::{Entry, Event, MatchedPod, Number, PodFact, Reading};
use gameday::run::Run;
use gameday::run::phase::Phase;
use history::{ALL, MS, ONE_TARGET, at, connected, drill, kill, observe, pod, run_of, unready, workload};

/// The entries of a run in which `pods` pods come and go until there are `n`.
fn entries(run: &mut Run, pods: u32, n: usize) -> Vec<Entry> {
    let facts: Vec<PodFact> = (0..pods).map(|n| pod(0, &format!("api-{n}"), &format!("u{n:05}"))).collect();
    let matched = facts.iter().map(|fact| MatchedPod { pod: fact.pod.clone(), owner: None, running: true }).collect::<Vec<_>>();
    let fault = gameday::effect::FaultId(0);
    let mut waiting: Vec<Event> = vec![
        connected(false),
        workload(run.scenario(), 0, pods),
        Event::PodsListed { target: 0, pods: facts.clone() },
        Event::TargetsResolved { fault, round: 1, pods: matched.clone(), peers: None },
        Event::Commanded(Command::Start),
        Event::TargetsResolved { fault, round: 2, pods: matched, peers: None },
    ];
    waiting.reverse();
    let mut all: Vec<Entry> = Vec::new();
    let mut now = 0;
    let mut victim = None;
    while all.len() < n {
        let index = all.len();
        now += 10 * MS;
        let fact = &facts[index * 7 % facts.len()];
        let event = waiting.pop().unwrap_or_else(|| match index % 5 {
            0 => Event::Sampled {
                probe: gameday::effect::ProbeId(index / 5 % 3),
                took: Duration::from_millis(2),
                reading: if index / 5 % 3 == 2 {
                    Reading::Alert { firing: false }
                } else {
                    Reading::Values { values: vec![("".into(), Number(0.0))] }
                },
            },
            1 => Event::PodSeen(unready(fact)),
            2 => Event::PodSeen(facts[(index - 1) * 7 % facts.len()].clone()),
            3 => {
                // an old one goes, and is never quite forgotten
                let mut fact = pod(0, &format!("old-{index}"), &format!("x{index}"));
                fact.ready = false;
                Event::PodSeen(fact)
            }
            _ => Event::PodGone { uid: format!("x{}", index - 1) },
        });
        let entry = Entry { seq: index as u64 + 1, at: at(now), event };
        for effect in run.apply(&entry) {
            if let gameday::effect::Effect::Kill { victim: pod, .. } = &effect {
                victim = Some(pod.clone());
                let deleted = facts.iter().find(|fact| fact.pod == *pod).unwrap();
                waiting.push(Event::PodSeen(PodFact { deleting: deleted.created, ..deleted.clone() }));
                waiting.push(Event::Answered { effect: effect.id(), outcome: Outcome::Done { took: Duration::from_millis(2) } });
                waiting.push(Event::Asked(effect));
            }
        }
        all.push(entry);
    }
    assert!(victim.is_some() && matches!(run.phase().0, Phase::Steps), "{:?}", run.phase());
    all
}

#[test]
fn fold_should_cost_the_last_entry_no_more_than_the_first() {
    let criteria = [
        "{name: back, recovery: {within: 30s}, stableFor: 5s}",
        "{name: most, ready: {min: 10%}}",
        "{name: few errors, promql: {query: errors, below: 0.5}}",
        "{name: it fires, alert: {name: Down, firesWithin: 29m}}",
    ];
    let panels = "promql: {query: latency, above: 9}";
    let stops = [format!("{{name: slow, {panels}}}")];
    let stops: Vec<&str> = stops.iter().map(String::as_str).collect();
    let text = drill(ONE_TARGET, &[], &[kill("k", "mode: one"), observe("o", 1700)], &criteria, &stops, ALL);
    for pods in [3, 100, 1000] {
        let all = entries(&mut run_of(&text), pods, 10_000);
        let mut run = run_of(&text);
        let mut spans = Vec::new();
        for part in all.chunks(2500) {
            #[expect(clippy::disallowed_methods, reason = "a test that measures")]
            let begun = Instant::now();
            for entry in part {
                run.apply(entry);
                std::hint::black_box(run.next_deadline());
            }
            spans.push(begun.elapsed() / 2500);
        }
        println!("{pods} pods: {spans:?} an entry, quarter by quarter");
        // a bound that only a scan of all that ever was would miss, on any machine, in debug
        assert!(spans[3] < Duration::from_millis(2), "{spans:?}");
    }
}

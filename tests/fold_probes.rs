//! Stories of what a scenario probes itself, of stop conditions of every kind, and of faults past
//! their time: with known instants, to the entry.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "a test fails loudly, and its numbers are small"
)]

#[path = "support/history.rs"]
mod history;

use std::time::Duration;

use gameday::effect::{Effect, Verdict};
use gameday::event::{Event, Number, PodFact, Reading};
use gameday::run::ledger::OVERDUE_AFTER;
use gameday::run::phase::End;
use gameday::run::timeline::Noted;
use gameday::run::verdicts::Standing;
use gameday::wording;
use history::{ALL, MS, ONE_TARGET, SECOND, Sim, delay, drill, kill, observe, unready};

const OBJECT: &str = "object: {kind: Deployment, name: api, cel: 'object.status.readyReplicas >= 2'}";
const BURN: &str = "burn: {good: g, total: t, objective: 99%, window: 1h, spend: 5%";

fn object(holds: Option<bool>) -> Reading {
    Reading::Object { holds, seen: "Deployment staging/api".into() }
}

fn exit(exit: u8) -> Reading {
    Reading::Command { exit, output: "not today\n".into() }
}

/// Ten events a second since second 1, all of them bad from second 10 on: `(s - 10) / 36` of the budget.
fn burning(now: u64) -> Reading {
    let (seconds, over) = (now / SECOND, Duration::from_micros(now - SECOND));
    let total = (seconds - 1) as f64 * 10.0;
    let bad = seconds.saturating_sub(10) as f64 * 10.0;
    Reading::Counts { good: Some(Number(total - bad)), total: Some(Number(total)), over }
}

fn standing(sim: &Sim, name: &str) -> Standing {
    sim.run.criteria().find(|(criterion, _)| criterion.name == name).unwrap().1.standing
}

fn evidence(sim: &Sim, name: &str) -> String {
    let (criterion, judged) = sim.run.criteria().find(|(criterion, _)| criterion.name == name).unwrap();
    wording::evidence(&sim.run, criterion, judged)
}

fn lines(sim: &Sim) -> String {
    sim.run.timeline().iter().map(|moment| wording::moment(&sim.run, moment) + "\n").collect()
}

/// A run whose probes answer so, to its end.
fn told(lines: &[&str], stops: &[&str], limits: &str, answers: fn(u64) -> Reading) -> Sim {
    let text = drill(ONE_TARGET, &[], &[kill("k", "mode: one"), observe("o", 40)], lines, stops, limits);
    let mut sim = Sim::new(&text, false, &[], false);
    sim.answers = Some(answers);
    sim.finish();
    sim
}

#[test]
fn stop_condition_of_every_kind_should_lift_in_the_entry_of_its_breach() {
    type Kind = (&'static str, fn(u64) -> Reading, fn(&Reading) -> bool);
    let kinds: [Kind; 6] = [
        (
            "promql: {query: q, above: 0.5}",
            |now| Reading::Values { values: vec![("".into(), Number(if now < 8 * SECOND { 0.0 } else { 1.0 }))] },
            |reading| matches!(reading, Reading::Values { values } if values[0].1.0 > 0.5),
        ),
        (
            "http: {url: 'http://api', unless: 200}",
            |now| Reading::Http { status: if now < 8 * SECOND { 200 } else { 503 } },
            |reading| *reading == Reading::Http { status: 503 },
        ),
        ("alert: {name: Hurt}", |now| Reading::Alert { firing: now >= 8 * SECOND }, |reading| *reading == Reading::Alert { firing: true }),
        ("object: {kind: Pod, name: p, cel: 'object.bad'}", |now| object(Some(now >= 8 * SECOND)), |r| *r == object(Some(true))),
        ("command: {argv: [./probe], unless: 0}", |now| exit(u8::from(now >= 8 * SECOND)), |reading| *reading == exit(1)),
        (
            "burn: {good: g, total: t, objective: 99%, window: 1h, spend: 5%}",
            burning,
            // 1.8 s of bad events are a twentieth of an hour's budget
            |reading| matches!(reading, Reading::Counts { good: Some(good), total: Some(total), .. } if total.0 - good.0 >= 20.0),
        ),
    ];
    for (kind, answers, is_bad) in kinds {
        let stop = format!("{{name: hurt, {kind}}}");
        let text = drill(ONE_TARGET, &[], &[delay("d", Some(60)), observe("o", 20)], &[], &[&stop], ALL);
        let mut sim = Sim::new(&text, true, &[], false);
        sim.answers = Some(answers);
        sim.finish();
        let breach = sim.entries.iter().find(|entry| matches!(&entry.event, Event::Sampled { reading, .. } if is_bad(reading))).unwrap();
        let lift = sim.effects.iter().find(|(_, effect)| matches!(effect, Effect::Lift { .. })).unwrap();
        assert_eq!(lift.0, breach.seq, "{kind}: the undo is asked for by the very entry that told of it");
        assert_eq!((sim.run.end(), sim.run.conclusion().unwrap().verdict), (Some(&End::Stopped(0)), Verdict::Stopped), "{kind}");
        assert!(lines(&sim).contains("stop condition tripped: hurt"), "{kind}");
    }
}

#[test]
fn stop_condition_on_recovery_should_trip_when_it_takes_too_long_and_not_before() {
    for (back, verdict) in [(2900, Verdict::Held), (5000, Verdict::Stopped)] {
        let criteria = ["{name: back, recovery: {within: 30s}}"];
        let stops = ["{name: slow, recovery: {longerThan: 3s}}"];
        let text = drill(ONE_TARGET, &[], &[kill("k", "mode: one"), observe("o", 20)], &criteria, &stops, ALL);
        let mut sim = Sim::new(&text, false, &[], false);
        sim.by_hand = true;
        sim.until(|sim| !sim.asked.is_empty());
        let Effect::Kill { victim, .. } = sim.asked.remove(0) else { unreachable!() };
        let fact = sim.pods.remove(&victim.uid).unwrap();
        let hit = sim.now + 3 * MS;
        sim.tell_at(hit, Event::PodSeen(PodFact { deleting: Some(history::started()), ..fact.clone() }));
        sim.tell_at(hit + MS, Event::PodGone { uid: fact.pod.uid.clone() });
        let mut heir = fact;
        heir.pod.uid.push('+');
        heir.ready_since = None;
        sim.tell_at(hit + 100 * MS, Event::PodSeen(unready(&heir)));
        sim.tell_at(hit + back * MS, Event::PodSeen(heir));
        sim.finish();
        assert_eq!(sim.run.conclusion().unwrap().verdict, verdict, "{}", lines(&sim));
        if verdict == Verdict::Stopped {
            let ended = sim.entries.last().unwrap().at.micros();
            assert!((hit + 3 * SECOND..hit + 3 * SECOND + 100 * MS).contains(&ended), "{ended} after {hit}");
        }
    }
}

#[test]
fn burn_should_break_at_the_sample_where_its_share_is_spent() {
    let sim = told(&[&format!("{{name: budget, {BURN}}}}}")], &[], ALL, burning);
    let judged = sim.run.criteria().next().unwrap().1;
    assert_eq!(judged.standing, Standing::Broken, "{}", evidence(&sim, "budget"));
    assert_eq!(judged.decided.unwrap().micros() / SECOND, 12, "(12 - 10) / 36 is the first above 0.05");
    assert!(evidence(&sim, "budget").contains("spent; 90 good of 110 in 11.0"), "{}", evidence(&sim, "budget"));
    let sim = told(&["{name: budget, burn: {good: g, total: t, objective: 99%, window: 24h, spend: 90%}}"], &[], ALL, burning);
    assert_eq!(standing(&sim, "budget"), Standing::Held, "{}", evidence(&sim, "budget"));
}

#[test]
fn burn_should_be_unknown_where_a_count_is_not_there_unless_the_author_says_what_that_means() {
    fn silent(_: u64) -> Reading {
        Reading::Counts { good: None, total: Some(Number(100.0)), over: Duration::from_secs(10) }
    }
    fn first_silent(now: u64) -> Reading {
        if now < 5 * SECOND { Reading::Counts { good: None, total: None, over: Duration::from_secs(1) } } else { calm(now) }
    }
    fn last_silent(now: u64) -> Reading {
        if now < 5 * SECOND { calm(now) } else { silent(now) }
    }
    fn calm(_: u64) -> Reading {
        Reading::Counts { good: Some(Number(100.0)), total: Some(Number(100.0)), over: Duration::from_secs(10) }
    }
    let of = |more: &str, answers| standing(&told(&[&format!("{{name: budget, {BURN}{more}}}}}")], &[], ALL, answers), "budget");
    assert_eq!(of("", silent), Standing::Unknown);
    assert_eq!(of(", whenEmpty: 0", silent), Standing::Broken, "none good of a hundred");
    assert_eq!(of("", first_silent), Standing::Held, "what could not be counted at first is in the sum later");
    assert_eq!(of("", last_silent), Standing::Unknown, "the newest look is what counts");
}

#[test]
fn object_that_can_not_be_told_should_never_hold() {
    let line = format!("{{name: o, {OBJECT}}}");
    for (answers, expected) in [
        ((|_| object(Some(true))) as fn(u64) -> Reading, Standing::Held),
        (|_| object(None), Standing::Unknown),
        (|now| object(if now / SECOND == 20 { None } else { Some(true) }), Standing::Unknown),
        (|now| object(Some(now / SECOND != 20)), Standing::Broken),
    ] {
        assert_eq!(standing(&told(&[&line], &[], ALL, answers), "o"), expected);
    }
}

#[test]
fn command_should_be_judged_by_its_exit_with_its_words_as_evidence() {
    let line = "{name: c, command: {argv: [./probe], expect: 3}, for: 5s}";
    let sim = told(&[line], &[], ALL, |_| exit(3));
    assert_eq!(standing(&sim, "c"), Standing::Held);
    let sim = told(&[line], &[], ALL, |now| exit(if now / SECOND < 10 { 3 } else { 1 }));
    assert_eq!(standing(&sim, "c"), Standing::Broken);
    assert!(evidence(&sim, "c").contains("exit 1: not today"), "{}", evidence(&sim, "c"));
}

#[test]
fn source_of_a_probe_that_is_lost_too_long_should_stop_the_run_and_one_that_is_withheld_should_not() {
    fn failed(now: u64) -> Reading {
        if now < 8 * SECOND { exit(0) } else { Reading::Failed { why: "./probe: not found".into() } }
    }
    let limits = "{allowAll: true, blindLimit: 5s}";
    let command = "command: {argv: [./probe], expect: 0}";
    for (lines, stops, answers) in [
        (format!("{{name: x, {command}}}"), String::new(), failed as fn(u64) -> Reading),
        (String::new(), "{name: x, command: {argv: [./probe], unless: 0}}".to_owned(), failed),
        (format!("{{name: x, {OBJECT}}}"), String::new(), |now| {
            if now < 8 * SECOND { object(Some(true)) } else { Reading::Failed { why: "403".into() } }
        }),
        (format!("{{name: x, {BURN}}}}}"), String::new(), |now| {
            if now < 8 * SECOND { burning(now) } else { Reading::Failed { why: "503".into() } }
        }),
        (String::new(), "{name: x, alert: {name: A}}".to_owned(), |now| {
            if now < 8 * SECOND { Reading::Alert { firing: false } } else { Reading::Failed { why: "503".into() } }
        }),
    ] {
        let list = |line: &str| if line.is_empty() { vec![] } else { vec![line.to_owned()] };
        let (criteria, stop_when) = (list(&lines), list(&stops));
        let (criteria, stop_when): (Vec<&str>, Vec<&str>) =
            (criteria.iter().map(String::as_str).collect(), stop_when.iter().map(String::as_str).collect());
        let sim = told(&criteria, &stop_when, limits, answers);
        let ended = sim.entries.last().unwrap().at.micros();
        assert!(
            matches!(sim.run.end(), Some(End::Inconclusive(why)) if why.raw().contains("blindLimit")),
            "{lines}{stops}: {:?}",
            sim.run.end()
        );
        assert!((13 * SECOND..14 * SECOND + 100 * MS).contains(&ended), "{lines}{stops}: {ended}");
        assert_eq!(sim.run.conclusion().unwrap().verdict, Verdict::Inconclusive);
    }
    let sim = told(&[&format!("{{name: x, {command}}}")], &[], limits, |_| Reading::Withheld { why: "--allow-commands".into() });
    assert_eq!(sim.run.end(), Some(&End::Complete), "nothing is lost that was not asked");
    assert_eq!(standing(&sim, "x"), Standing::Unknown);
    assert!(evidence(&sim, "x").contains("--allow-commands"));
}

#[test]
fn fault_past_its_time_should_be_told_within_two_seconds_and_once() {
    let text = drill(ONE_TARGET, &[], &[delay("d", Some(10)), observe("o", 20)], &[], &[], ALL);
    let overdue =
        |sim: &Sim| sim.run.timeline().iter().filter(|moment| matches!(moment.noted, Noted::Overdue(_))).map(|m| m.at).collect::<Vec<_>>();
    let mut sim = Sim::new(&text, true, &[], false);
    sim.until(|sim| sim.run.faults()[0].in_effect.is_some());
    let end = sim.run.faults()[0].in_effect.unwrap() + Duration::from_secs(10);
    let mut quick = sim.clone();
    // nobody answers the deletion
    sim.by_hand = true;
    sim.until(|sim| !overdue(sim).is_empty());
    assert_eq!(overdue(&sim), [end + OVERDUE_AFTER]);
    assert!(OVERDUE_AFTER <= Duration::from_secs(2));
    let (safe, said) = wording::live::safety(&sim.run, sim.run.now());
    assert_eq!((safe, said.starts_with("OVERDUE by 1.9")), (Standing::Broken, true), "{said}");
    assert!(lines(&sim).contains("OVERDUE: NetworkChaos"), "{}", lines(&sim));
    sim.until_at(end.micros() + 20 * SECOND);
    assert_eq!(overdue(&sim).len(), 1);
    quick.finish();
    assert!(overdue(&quick).is_empty(), "{}", lines(&quick));
}

#[test]
fn violation_that_was_too_short_should_read_so() {
    fn dips(now: u64) -> Reading {
        Reading::Values { values: vec![("".into(), Number(if (10..13).contains(&(now / SECOND)) { 1.0 } else { 0.0 }))] }
    }
    let sim = told(&["{name: errors, promql: {query: q, below: 0.5}, for: 10s}"], &[], ALL, dips);
    let all = lines(&sim);
    for line in [
        "violated: errors (10s allowed)",
        "errors good again after 3.0",
        " s (10s allowed)",
        "held: errors (violated for 2.",
        " at most, allowed 10s)",
    ] {
        assert!(all.contains(line), "{line:?} in\n{all}");
    }
    assert!(evidence(&sim, "errors").contains(", allowed 10s"), "{}", evidence(&sim, "errors"));
}

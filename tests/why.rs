//! Why a replica is not back: what is wrong with the practice cluster is said in one line that names it, and nothing is said where nothing is wrong.

mod support;

use gameday::rehearsal::Trouble;
use gameday::wording::why;
use support::practice::{POD_KILL, Played, play};
use support::scratch;

fn broken(name: &str, mishap: Option<&str>) -> Played {
    let mishap = mishap.map(|text| text.parse().unwrap_or_else(|why| unreachable!("{text}: {why}")));
    play(POD_KILL, 7, &scratch(&format!("why-{name}")), |trouble: Trouble| async move {
        if let Some(mishap) = mishap {
            trouble.befall(mishap);
        }
    })
}

/// What the run says at its end.
fn said(played: &Played) -> Vec<String> {
    played.run.whys().iter().map(|of| why::line(&played.run, of, played.run.now())).collect()
}

#[test]
fn replica_that_is_not_back_should_say_what_keeps_it() {
    for (mishap, wanted) in [
        ("unschedulable@1s", "is not back: no node takes it: 0/3 nodes are available"),
        ("pull-fails=task-api@1s", "is not back: the image of container task-api can't be pulled: "),
        ("bad-probe=task-api@1s", "is not back: Readiness probe failed: "),
        ("crash=task-api@1s", "is not back: container task-api crashes again and again: ended with 1"),
    ] {
        let played = broken(mishap.split(['=', '@']).next().unwrap_or_default(), Some(mishap));
        let lines = said(&played);
        assert!(lines.iter().any(|line| line.contains(wanted)), "{mishap}: {lines:#?}\n{}", played.lines);
        assert!(lines.len() <= 3, "one line each: {lines:#?}");
    }
}

#[test]
fn replica_that_is_on_its_way_should_say_nothing() {
    let played = broken("nothing", None);
    assert_eq!(said(&played), Vec::<String>::new());
    assert!(!played.lines.contains("is not back"), "{}", played.lines);
}

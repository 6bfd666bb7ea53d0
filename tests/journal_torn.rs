//! A journal that was cut anywhere opens, and folds; one that was damaged says where.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "a test fails loudly, and its dice are small"
)]

#[path = "support/history.rs"]
mod history;

use gameday::command::{AbortedBy, Command};
use gameday::effect::Effect;
use gameday::event::{Entry, Event};
use gameday::journal::Journal;
use gameday::journal::read::{ReadError, parse};
use gameday::run::Run;
use history::{ALL, ONE_TARGET, Sim, at, delay, drill, header, kill, observe, read};

/// A whole run, and its journal as it stands on disk.
fn journal(name: &str) -> (Sim, Vec<u8>) {
    let lines = ["{name: back, recovery: {within: 20s}, stableFor: 1s}"];
    let text = drill(ONE_TARGET, &[], &[kill("k", "mode: one"), delay("d", Some(2)), observe("o", 2)], &lines, &[], ALL);
    let mut sim = Sim::new(&text, true, &[], false);
    sim.tell(2, Event::Commanded(Command::Note { author: "ann".into(), text: "\n\u{0}\u{1b}[2J\u{2028}ü".into() }));
    sim.finish();
    let path = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_file(&path);
    let mut journal = Journal::create(&path, sim.run.header()).unwrap();
    for entry in &sim.entries {
        journal.append(entry).unwrap();
    }
    (sim, std::fs::read(&path).unwrap())
}

fn fold(entries: &[Entry], text: &str) -> Run {
    let mut run = Run::new(header(text), read(text));
    for entry in entries {
        run.apply(entry);
    }
    run
}

#[test]
fn journal_cut_at_any_byte_should_open_and_fold() {
    let (sim, bytes) = journal("torn.jsonl");
    let text = &sim.run.header().scenario.text;
    let mut run = Run::new(header(text), read(text));
    let mut taken = 0;
    // every byte of the first kilobytes; of the rest those around each line end, where it matters
    let near = |cut: &usize| *cut < 6000 || bytes[cut.saturating_sub(2)..(cut + 2).min(bytes.len())].contains(&b'\n');
    for cut in (0..=bytes.len()).filter(near) {
        let recorded = parse(&bytes[..cut]).unwrap_or_else(|error| panic!("cut at {cut}: {error}"));
        let whole = bytes[..cut].split(|byte| *byte == b'\n').count() - 1;
        assert_eq!(recorded.header.is_some(), whole > 0);
        assert_eq!(recorded.entries[..], sim.entries[..whole.saturating_sub(1)], "cut at {cut}");
        let tail = bytes[..cut].iter().rev().take_while(|byte| **byte != b'\n').count();
        assert_eq!(recorded.torn, tail);
        // the fold goes on from cut to cut; whole folds are compared where a line ends
        for entry in &recorded.entries[taken..] {
            run.apply(entry);
        }
        if recorded.entries.len() > taken {
            taken = recorded.entries.len();
            assert_eq!(format!("{run:?}"), format!("{:?}", fold(&recorded.entries, text)));
        }
    }
    assert_eq!(format!("{run:?}"), format!("{:?}", sim.run));
}

#[test]
fn cut_journal_should_be_enough_to_finish_the_undo() {
    let (sim, _) = journal("undo.jsonl");
    let text = &sim.run.header().scenario.text;
    for cut in 0..sim.entries.len() {
        let mut run = fold(&sim.entries[..cut], text);
        let owed: Vec<_> = run.faults().iter().rev().filter(|state| state.owes_undo()).map(|state| state.id).collect();
        // another process, an hour later
        let abort = Event::Commanded(Command::Abort { by: AbortedBy::OtherProcess });
        let effects = run.apply(&Entry { seq: cut as u64 + 1, at: run.now() + std::time::Duration::from_hours(1), event: abort });
        let lifted: Vec<_> =
            effects.iter().filter_map(|effect| if let Effect::Lift { fault, .. } = effect { Some(*fault) } else { None }).collect();
        assert_eq!(lifted, owed, "cut after entry {cut}");
        assert!(run.faults().iter().all(|state| state.undo.handed_over.is_none()), "not given up before it was tried");
    }
    assert!(sim.run.now() > at(0));
}

#[test]
fn damage_in_the_middle_should_be_an_error_that_names_the_line() {
    let (_, bytes) = journal("damaged.jsonl");
    let mut lines: Vec<Vec<u8>> = bytes.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
    for line in 0..lines.len() {
        for damage in [&b"{"[..], b"\xff\xfe", b"null", b"{\"seq\":1}", b"\x00\x00\x00", b"[]", b""] {
            let kept = std::mem::replace(&mut lines[line], [damage, b"\n"].concat());
            match parse(&lines.concat()) {
                Err(ReadError::Damaged { line: named, .. }) => assert_eq!(named, line + 1),
                other => panic!("line {}, {damage:?}: {other:?}", line + 1),
            }
            lines[line] = kept;
        }
    }
    // lines that are missing, doubled, or in another order
    let without = [&lines[..5], &lines[6..]].concat().concat();
    assert!(matches!(parse(&without), Err(ReadError::Gap { line: 6, found: 6, expected: 5 })));
    let twice = [&lines[..6], &lines[5..]].concat().concat();
    assert!(matches!(parse(&twice), Err(ReadError::Gap { line: 7, found: 5, expected: 6 })));
    let message = parse(&without).unwrap_err().to_string();
    assert!(message.contains("line 6"), "{message}");
}

//! A recorded run played again, and a live one followed: the same fold, whoever looks, however they move in it.
#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use gameday::clock::At;
use gameday::findings::Findings;
use gameday::journal::read::{self, Growth, ReadError, Recorded, Tail};
use gameday::replay::{Player, SPEEDS};
use gameday::report::json;
use gameday::run::Run;
use gameday::scenario::{self, Source};
use gameday::seat::{Play, Position, Seat};
use gameday::tui::hands::{Deed, Hands};
use gameday::tui::keys::{Key, Scope, TABLE};
use gameday::tui::scene::Scene;
use gameday::tui::theme::Theme;
use gameday::tui::view;
use proptest::prelude::*;
use proptest::test_runner::Config;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use support::{gameday, said, scratch, until};

const STORIES: [&str; 3] = ["network-delay-undo", "pod-kill-errors-aborted", "pod-kill-held"];

fn path(story: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/journals").join(story).with_extension("jsonl")
}

fn recorded(story: &str) -> Recorded {
    read::open(&path(story)).unwrap()
}

fn unfolded(recorded: &Recorded) -> Run {
    let header = recorded.header.clone().unwrap();
    let source = Source { file: &header.scenario.file, text: &header.scenario.text, manifests: &|_| Err("none".to_owned()) };
    let scenario = scenario::read(&source, &BTreeMap::new()).scenario.unwrap();
    Run::new(header, scenario)
}

fn player(story: &str, speed: f64) -> Player {
    let recorded = recorded(story);
    Player::new(unfolded(&recorded), recorded.entries, speed)
}

/// All that can be told of a run.
fn told(run: &Run) -> String {
    let timeline: Vec<String> = run.timeline().iter().map(|moment| gameday::wording::moment(run, moment)).collect();
    format!("{} {:?} {}\n{}", run.seq(), run.phase(), timeline.join("\n"), json::write(&Findings::of(run)).unwrap())
}

/// The run as it was at a moment, folded from the beginning.
fn at(story: &str, moment: At) -> Run {
    let recorded = recorded(story);
    let mut run = unfolded(&recorded);
    recorded.entries.iter().filter(|entry| entry.at <= moment).for_each(|entry| drop(run.apply(entry)));
    run
}

fn moves() -> impl Strategy<Value = Vec<Result<Play, u64>>> {
    let wishes =
        [Play::Pause, Play::Faster, Play::Slower, Play::Back, Play::Forward, Play::NextMoment, Play::LastMoment, Play::Start, Play::End];
    prop::collection::vec(prop_oneof![prop::sample::select(wishes.to_vec()).prop_map(Ok), (0_u64..20_000).prop_map(Err)], 1..24)
}

proptest! {
    #![proptest_config(Config { cases: 48, failure_persistence: None, ..Config::default() })]

    #[test]
    fn player_should_show_the_run_as_it_was_wherever_it_moves(story in 0_usize..3, moves in moves()) {
        let mut player = player(STORIES[story], 1.0);
        // whoever shows it folds what is new, and takes another fold in whole
        let mut shown = None;
        for step in moves {
            match player.news().map(<[_]>::to_vec) {
                Some(news) => news.iter().for_each(|entry| drop(shown.as_mut().map(|run: &mut Run| run.apply(entry)))),
                None => shown = Some(player.run().clone()),
            }
            prop_assert_eq!(shown.as_ref().map(told), Some(told(player.run())));
            match step {
                Ok(wish) => player.play(wish),
                Err(millis) => player.pass(Duration::from_millis(millis)),
            }
            let Position { head, end, speed, .. } = player.position();
            prop_assert!(head <= end && SPEEDS.contains(&speed), "{head} of {end} at {speed}");
            prop_assert!(player.pace() == 0.0 || player.until_next().is_some(), "what moves has something to come");
        }
        prop_assert_eq!(told(player.run()), told(&at(STORIES[story], player.position().head)));
    }

    #[test]
    fn tail_should_read_what_a_whole_reading_does_however_the_file_grows(story in 0_usize..3, cuts in prop::collection::vec(1_usize..4000, 1..12)) {
        let bytes = fs::read(path(STORIES[story])).unwrap();
        let file = scratch("tail-grows").join("journal.jsonl");
        fs::write(&file, "").unwrap();
        let mut tail = Tail::of(file.clone());
        let (mut from, mut read) = (0, 0);
        for cut in cuts.iter().copied().chain([bytes.len()]) {
            let to = (from + cut).min(bytes.len());
            fs::OpenOptions::new().append(true).open(&file).unwrap().write_all(&bytes[from..to]).unwrap();
            from = to;
            let Growth::More(more) = tail.look().unwrap() else { panic!("nothing was cut") };
            read += more;
        }
        let whole = recorded(STORIES[story]);
        prop_assert_eq!(read, whole.entries.len());
        prop_assert_eq!(tail.recorded(), &whole);
    }
}

#[test]
fn player_should_come_to_the_end_at_its_speed_and_begin_again() {
    let mut player = player("pod-kill-held", 60.0);
    let end = player.position().end;
    player.pass(end.minus(Duration::from_millis(60)).since(At::ZERO).div_f64(60.0));
    assert!(player.position().head < end && player.pace() > 0.0);
    player.pass(Duration::from_millis(2));
    assert_eq!((player.position().head, player.pace(), player.until_next()), (end, 0.0, None));
    assert_eq!(told(player.run()), told(&at("pod-kill-held", end)));
    player.play(Play::Pause);
    assert_eq!((player.position().head, player.pace()), (At::ZERO, 60.0));
}

#[test]
fn player_should_go_through_the_moments_of_the_timeline_forth_and_back() {
    let mut player = player("pod-kill-held", 1.0);
    let end = player.position().end;
    let mut moments: Vec<At> = at("pod-kill-held", end).timeline().iter().map(|moment| moment.at).collect();
    moments.dedup();
    player.play(Play::Pause);
    let mut seen = Vec::new();
    while player.position().head < end {
        player.play(Play::NextMoment);
        seen.push(player.position().head);
    }
    assert_eq!(seen, moments);
    for moment in moments.iter().rev().skip(1) {
        player.play(Play::LastMoment);
        assert_eq!(player.position().head, *moment);
    }
}

#[test]
fn tail_should_read_anew_what_was_cut_or_replaced() {
    let whole = fs::read(path("pod-kill-held")).unwrap();
    let file = scratch("tail-anew").join("journal.jsonl");
    let lines: Vec<&[u8]> = whole.split_inclusive(|b| *b == b'\n').collect();
    fs::write(&file, lines[..20].concat()).unwrap();
    let mut tail = Tail::of(file.clone());
    assert_eq!(tail.look().unwrap(), Growth::More(19));
    assert_eq!(tail.look().unwrap(), Growth::More(0));
    // a line that is being written is waited for; a crash may cut it off again
    fs::write(&file, [lines[..20].concat().as_slice(), &lines[20][..10]].concat()).unwrap();
    assert_eq!((tail.look().unwrap(), tail.recorded().torn), (Growth::More(0), 10));
    fs::write(&file, lines[..20].concat()).unwrap();
    assert_eq!((tail.look().unwrap(), tail.recorded().torn), (Growth::More(0), 0));
    // less than was read
    fs::write(&file, lines[..7].concat()).unwrap();
    assert_eq!((tail.look().unwrap(), tail.recorded().entries.len()), (Growth::Anew, 6));
    // as long, or longer, and another
    let other = fs::read(path("network-delay-undo")).unwrap();
    fs::write(&file, &other).unwrap();
    assert_eq!(tail.look().unwrap(), Growth::Anew);
    assert_eq!(tail.recorded(), &recorded("network-delay-undo"));
    // and what is damaged is told
    fs::OpenOptions::new().append(true).open(&file).unwrap().write_all(b"{}\n").unwrap();
    assert!(matches!(tail.look(), Err(ReadError::Damaged { .. })));
}

fn seats(at: At) -> [Seat; 3] {
    let position = Position { head: at, end: At::from_micros(100_000_000), speed: 4.0, paused: false };
    [Seat::Spectator { driven: true }, Seat::Spectator { driven: false }, Seat::Player(position)]
}

#[test]
fn keys_of_whoever_does_not_lead_should_never_reach_the_run() {
    let mut keys: BTreeSet<String> = BTreeSet::new();
    let events = TABLE.iter().flat_map(|binding| binding.keys.iter()).filter(|key| keys.insert(key.to_string())).map(|key| match *key {
        Key::Char(c) => KeyEvent::new(KeyCode::Char(c), KeyModifiers::NONE),
        Key::Ctrl(c) => KeyEvent::new(KeyCode::Char(c), KeyModifiers::CONTROL),
        Key::Code(code) => KeyEvent::new(code, KeyModifiers::NONE),
    });
    let events: Vec<KeyEvent> = events.collect();
    for (seconds, story) in [(0.0, 0), (2.0, 0), (22.0, 0), (24.0, 0), (99.0, 0), (20.0, 1), (99.0, 1)] {
        let moment = At::ZERO + Duration::from_secs_f64(seconds);
        let run = at(STORIES[story], moment);
        for seat in seats(moment) {
            for first in &events {
                for second in &events {
                    let mut hands = Hands { seat, ..Hands::of("spectator") };
                    let deeds = [hands.press(*first, &run), hands.press(*second, &run)];
                    assert!(
                        !deeds.iter().any(|deed| matches!(deed, Some(Deed::Command(_)))),
                        "{first:?} {second:?} at {seconds}: {deeds:?}"
                    );
                }
            }
        }
    }
}

#[test]
fn spectators_should_be_told_what_they_are_and_read_of_no_key_that_is_not_theirs() {
    for (seconds, story) in [(2.0, 0), (22.0, 0), (24.0, 0), (99.0, 0)] {
        let moment = At::ZERO + Duration::from_secs_f64(seconds);
        let run = at(STORIES[story], moment);
        for seat in seats(moment) {
            let hands = Hands { seat, ..Hands::of("spectator") };
            assert!(matches!(hands.scope(&run), Scope::Watching | Scope::Replaying));
            for (width, height) in [(80, 24), (120, 36), (200, 60), (40, 12)] {
                let text = screen(&run, moment, &hands, width, height);
                for leaders in ["! stop and undo", "Enter starts", "Enter asks", "! stop", "Ctrl-C twice"] {
                    assert!(!text.contains(leaders), "{leaders:?} at {seconds} for {seat:?}, {width}x{height}\n{text}");
                }
                let says = match seat {
                    Seat::Spectator { driven: false } if !run.phase().0.is_over() => "its process is gone: gameday recover",
                    Seat::Spectator { .. } => "watching, read-only",
                    Seat::Player(_) => "replay ▶ 4x",
                    Seat::Leader => unreachable!(),
                };
                // the dialog of the undo lies over all of a small screen
                let covered = width < 60 && text.contains("stopping and undoing");
                assert!(covered || text.contains(says), "{says:?} at {seconds}, {width}x{height}\n{text}");
            }
        }
    }
}

#[test]
fn run_that_nobody_drives_any_more_should_have_nothing_to_come_and_be_watched_by_nobody() {
    let moment = At::ZERO + Duration::from_secs(22);
    let mut adrift = unfolded(&recorded(STORIES[0]));
    let mut header = adrift.header().clone();
    header.place.rehearsal = true;
    let mut rehearsed = Run::new(header, adrift.scenario().clone());
    for run in [&mut adrift, &mut rehearsed] {
        recorded(STORIES[0]).entries.iter().filter(|entry| entry.at <= moment).for_each(|entry| drop(run.apply(entry)));
    }
    for (width, height) in [(80, 24), (120, 36), (200, 60), (40, 12)] {
        for (run, recovers) in [(&adrift, true), (&rehearsed, false)] {
            let hands = Hands { seat: Seat::Spectator { driven: false }, ..Hands::of("spectator") };
            let text = screen(run, moment, &hands, width, height);
            assert!(!text.contains("next: ") && !text.contains("watch live"), "{text}");
            // a rehearsal's cluster ends with its process: there is nothing to recover
            assert_eq!(text.contains("gameday recover"), recovers, "{text}");
            assert!(text.replace('\n', " ").contains("its process is gone"), "{text}");
        }
    }
}

fn screen(run: &Run, now: At, hands: &Hands, width: u16, height: u16) -> String {
    let theme = Theme::dark();
    let mut buffer = Buffer::empty(Rect::new(0, 0, width, height));
    view::draw(&Scene::new(run, now, &theme, hands), buffer.area, &mut buffer);
    let line = |y| (0..width).map(|x| buffer[(x, y)].symbol().to_owned()).collect::<String>().trim_end().to_owned() + "\n";
    (0..height).map(line).collect()
}

#[test]
fn replay_should_print_the_lines_of_the_run_and_verify_what_was_sealed() {
    let folder = scratch("replay-lines");
    fs::copy(path("pod-kill-held"), folder.join("journal.jsonl")).unwrap();
    let run = at("pod-kill-held", At::from_micros(u64::MAX));
    let output = gameday(&folder).args(["replay"]).arg(&folder).output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    let lines = String::from_utf8(output.stdout).unwrap();
    assert_eq!(lines.lines().count(), run.timeline().len());
    let output = gameday(&folder).args(["replay", "--output", "json"]).arg(&folder).output().unwrap();
    let lines = String::from_utf8(output.stdout).unwrap();
    assert!(lines.lines().all(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["text"].is_string()));
    assert_eq!(lines.lines().count(), run.timeline().len());

    let verify = || gameday(&folder).args(["replay", "--verify"]).arg(&folder).output().unwrap();
    let output = verify();
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert!(said(&output).contains("verified: hypothesis held, as sealed"), "{}", said(&output));
    // somebody made it better, or worse, than it was
    let journal = fs::read_to_string(folder.join("journal.jsonl")).unwrap();
    assert!(journal.contains(r#""verdict":"held""#));
    fs::write(folder.join("journal.jsonl"), journal.replace(r#""verdict":"held""#, r#""verdict":"refuted""#)).unwrap();
    let output = verify();
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    assert!(said(&output).contains("sealed was hypothesis refuted, the entries come to hypothesis held"), "{}", said(&output));
    // it has no end
    let cut: String = journal.lines().take(30).map(|line| line.to_owned() + "\n").collect();
    fs::write(folder.join("journal.jsonl"), cut).unwrap();
    let output = verify();
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    assert!(said(&output).contains("not sealed"), "{}", said(&output));
    for bad in ["0", "61", "fast"] {
        let output = gameday(&folder).args(["replay", "--speed", bad]).arg(&folder).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    }
}

#[test]
fn watch_should_follow_a_run_while_it_is_written() {
    let folder = scratch("watch-grows");
    let whole = fs::read(path("pod-kill-errors-aborted")).unwrap();
    let mut journal = fs::OpenOptions::new().create_new(true).append(true).open(folder.join("journal.jsonl")).unwrap();
    // as its own process has it
    journal.lock().unwrap();
    let half = whole.len() / 2;
    journal.write_all(&whole[..half]).unwrap();
    let lines = folder.join("lines");
    let mut command = gameday(&folder);
    command.args(["watch"]).arg(&folder).stdout(fs::File::create(&lines).unwrap()).stderr(Stdio::piped());
    let mut watching = command.spawn().unwrap();
    let told = |moment: At| at("pod-kill-errors-aborted", moment).timeline().len();
    let shown = || fs::read_to_string(&lines).unwrap().lines().count();
    let first = read::parse(&whole[..half]).unwrap();
    let until_half = first.entries.last().unwrap().at;
    until("the lines of the first half", || shown() >= 1 && shown() >= told(until_half).saturating_sub(1));
    assert!(watching.try_wait().unwrap().is_none(), "it waits for more");
    // in pieces that are no lines
    for piece in whole[half..].chunks(777) {
        journal.write_all(piece).unwrap();
    }
    let status = watching.wait().unwrap();
    assert_eq!(shown(), told(At::from_micros(u64::MAX)));
    assert_eq!(status.code(), Some(5), "the run's own exit code");
}

#[test]
fn watch_should_say_that_the_process_of_a_run_is_gone() {
    let folder = scratch("watch-gone");
    let whole = fs::read(path("network-delay-undo")).unwrap();
    fs::write(folder.join("journal.jsonl"), &whole[..whole.len() / 2]).unwrap();
    let output = gameday(&folder).args(["watch"]).arg(&folder).output().unwrap();
    assert_eq!(output.status.code(), Some(7), "{}", said(&output));
    assert!(said(&output).contains("its process is gone: gameday recover"), "{}", said(&output));
    // with its first line unwritten there is nothing to show, and nothing was broken
    fs::write(folder.join("journal.jsonl"), &whole[..40]).unwrap();
    let output = gameday(&folder).args(["watch"]).arg(&folder).output().unwrap();
    assert_eq!(output.status.code(), Some(7), "{}", said(&output));
}

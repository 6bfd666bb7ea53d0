//! Whole screens, from journals of real runs: what a leader sees, at four sizes.
//!
//! `GAMEDAY_SCREENS=DIR cargo test --test tui_screens` writes each screen with its colours into DIR,
//! to be looked at with `cat`.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that can't read its journal has failed")]

use std::fmt::Write;
use std::path::Path;
use std::time::Duration;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use gameday::clock::At;
use gameday::effect::FaultId;
use gameday::event::{BlockingPod, Entry, Event};
use gameday::header::Header;
use gameday::journal::read::{self, Recorded};
use gameday::run::Run;
use gameday::run::phase::Phase;
use gameday::scenario::{self, Source};
use gameday::text::Untrusted;
use gameday::tui::hands::Hands;
use gameday::tui::scene::Scene;
use gameday::tui::theme::Theme;
use gameday::tui::view;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier};

/// The sizes that are looked at.
const SIZES: [(u16, u16); 4] = [(120, 36), (80, 24), (200, 60), (40, 12)];

/// A journal of `tests/journals`, to be folded up to anywhere.
struct Story {
    header: Header,
    entries: Vec<Entry>,
}

impl Story {
    fn read(name: &str) -> Story {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/journals").join(format!("{name}.jsonl"));
        let Recorded { header, entries, torn } = read::open(&path).unwrap();
        assert_eq!(torn, 0);
        Story { header: header.unwrap(), entries }
    }

    fn blank(&self) -> Run {
        let sources = &self.header.scenario;
        let manifests = |path: &str| sources.manifests.get(path).cloned().ok_or_else(|| "not in the journal".to_owned());
        let source = Source { file: &sources.file, text: &sources.text, manifests: &manifests };
        Run::new(self.header.clone(), scenario::read(&source, &sources.sets).scenario.unwrap())
    }

    /// The run just after the first entry of which `until` is true.
    fn until(&self, until: impl Fn(&Run, &Entry) -> bool) -> Run {
        let mut run = self.blank();
        for entry in &self.entries {
            run.apply(entry);
            if until(&run, entry) {
                return run;
            }
        }
        panic!("this never happened");
    }

    fn at(&self, seconds: f64) -> Run {
        self.until(|run, _| run.now().seconds() >= seconds)
    }

    fn end(&self) -> Run {
        let mut run = self.blank();
        for entry in &self.entries {
            run.apply(entry);
        }
        run
    }
}

fn hands() -> Hands {
    Hands { report: Some("/var/lib/gameday/runs/20261123-210000-5eed/report.md".to_owned()), ..Hands::of("maria") }
}

fn pressed(run: &Run, keys: &[KeyCode]) -> Hands {
    let mut hands = hands();
    for key in keys {
        hands.press(KeyEvent::new(*key, KeyModifiers::NONE), run);
    }
    hands
}

fn drawn(run: &Run, now: At, hands: &Hands, theme: &Theme, size: (u16, u16)) -> Buffer {
    let area = Rect::new(0, 0, size.0, size.1);
    let mut buffer = Buffer::empty(area);
    view::draw(&Scene { run, now, theme, hands }, area, &mut buffer);
    buffer
}

fn text(buffer: &Buffer) -> String {
    let mut out = String::new();
    for y in 0..buffer.area.height {
        let line: String = (0..buffer.area.width).map(|x| buffer[(x, y)].symbol()).collect();
        writeln!(out, "{}", line.replace('\u{a0}', "▒").trim_end()).unwrap();
    }
    out
}

/// With colours, for eyes.
fn coloured(buffer: &Buffer) -> String {
    let mut out = String::new();
    for y in 0..buffer.area.height {
        for x in 0..buffer.area.width {
            let cell = &buffer[(x, y)];
            out.push_str("\u{1b}[0");
            for (color, base) in [(cell.fg, 38), (cell.bg, 48)] {
                if let Color::Indexed(index) = color {
                    write!(out, ";{base};5;{index}").unwrap();
                }
            }
            for (modifier, code) in [(Modifier::BOLD, 1), (Modifier::UNDERLINED, 4), (Modifier::REVERSED, 7)] {
                if cell.modifier.contains(modifier) {
                    write!(out, ";{code}").unwrap();
                }
            }
            write!(out, "m{}", cell.symbol()).unwrap();
        }
        out.push_str("\u{1b}[0m\n");
    }
    out
}

/// Compares a screen at every size with what is on file.
fn look(name: &str, run: &Run, hands: &Hands) {
    look_at(name, run, run.now() + Duration::from_millis(40), hands, &Theme::dark());
}

fn look_at(name: &str, run: &Run, now: At, hands: &Hands, theme: &Theme) {
    for size in SIZES {
        let buffer = drawn(run, now, hands, theme, size);
        let file = format!("{name}-{}x{}", size.0, size.1);
        if let Some(folder) = std::env::var_os("GAMEDAY_SCREENS") {
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(Path::new(&folder).join(format!("{file}.ans")), coloured(&buffer)).unwrap();
        }
        insta::assert_snapshot!(file, text(&buffer));
    }
}

#[test]
fn screen_should_show_the_preflight_and_what_enter_would_do() {
    let run = Story::read("network-delay-undo").until(|run, _| *run.phase().0 == Phase::Ready);
    look("preflight", &run, &hands());
}

#[test]
fn screen_should_show_how_far_the_gate_is() {
    look("gate", &Story::read("pod-kill-held").at(3.0), &hands());
}

#[test]
fn screen_should_grow_the_recovery_while_a_pod_is_coming() {
    let run = Story::read("pod-kill-held").until(|run, entry| {
        matches!(&entry.event, Event::PodSeen(fact) if fact.state.raw() == "ContainerCreating") && run.touched_anything()
    });
    let now = run.now() + Duration::from_millis(340);
    look_at("mid-fault", &run, now, &hands(), &Theme::dark());
}

#[test]
fn screen_should_show_errors_and_a_pod_that_stays_away_while_observing() {
    look("observing", &Story::read("pod-kill-errors-aborted").at(20.0), &hands());
}

#[test]
fn screen_should_show_a_lasting_fault_in_production_and_a_lost_source() {
    look("blind-in-production", &Story::read("network-delay-undo").at(20.0), &hands());
}

#[test]
fn screen_should_ask_before_it_stops() {
    let run = Story::read("network-delay-undo").at(22.0);
    look("stop", &run, &pressed(&run, &[KeyCode::Char('!')]));
}

#[test]
fn screen_should_show_the_undo_with_its_next_try() {
    let run = Story::read("network-delay-undo")
        .until(|_, entry| matches!(&entry.event, Event::Answered { effect, .. } if effect.0 == "lift/0/1"));
    look("undo", &run, &hands());
}

#[test]
fn screen_should_show_what_holds_a_stuck_undo_and_the_ways_out() {
    let mut run = Story::read("network-delay-undo")
        .until(|_, entry| matches!(&entry.event, Event::Answered { effect, .. } if effect.0 == "lift/0/1"));
    let mut fact = run.faults()[0].seen.clone().unwrap();
    (fact.deleting, fact.finalizers) = (true, vec!["chaos-mesh/records".into()]);
    for record in &mut fact.records {
        record.phase = "Injected/Wait".into();
        record.failure = Some("cannot find daemonIP on node n2".into());
    }
    let node = |n: usize| if n == 0 { None } else { Some(Untrusted::from("n2")) };
    let pods = fact.blocking().enumerate().map(|(n, record)| BlockingPod { id: record.id.clone(), node: Ok(node(n)) }).collect();
    let at = run.now() + Duration::from_secs(12);
    let looked = Event::FaultLookedFor { fault: FaultId(0), present: true, residue: None, blocking: pods };
    for event in [Event::FaultSeen(fact), looked] {
        run.apply(&Entry { seq: run.seq() + 1, at, event });
    }
    look("stuck", &run, &hands());
}

#[test]
fn screen_should_help_with_the_keys_that_work() {
    let run = Story::read("pod-kill-held").at(8.0);
    look("help", &run, &pressed(&run, &[KeyCode::Char('?')]));
}

#[test]
fn screen_should_take_a_note() {
    let run = Story::read("pod-kill-held").at(8.0);
    let mut keys = vec![KeyCode::Char('a')];
    keys.extend("alert fired!".chars().map(KeyCode::Char));
    look("note", &run, &pressed(&run, &keys));
}

#[test]
fn screen_should_say_the_verdict_at_the_end() {
    look("debrief-held", &Story::read("pod-kill-held").end(), &hands());
    look("debrief-aborted", &Story::read("network-delay-undo").end(), &hands());
}

#[test]
fn screen_should_speak_without_colour() {
    let run = Story::read("network-delay-undo").at(20.0);
    let buffer = drawn(&run, run.now(), &hands(), &Theme::mono(), (120, 36));
    for cell in buffer.content() {
        assert_eq!((cell.fg, cell.bg), (Color::Reset, Color::Reset));
    }
    look_at("mono", &run, run.now(), &hands(), &Theme::mono());
}

#[test]
fn screen_should_fit_any_size_after_any_entry() {
    let sizes = [(1, 1), (2, 3), (20, 5), (59, 14), (60, 15), (76, 16), (80, 24), (99, 60), (120, 36), (300, 100)];
    for name in ["pod-kill-held", "pod-kill-errors-aborted", "network-delay-undo"] {
        let story = Story::read(name);
        let mut run = story.blank();
        for entry in &story.entries {
            run.apply(entry);
            let opened: [&[KeyCode]; 4] = [&[], &[KeyCode::Char('!')], &[KeyCode::Char('?')], &[KeyCode::Char('a')]];
            let open = pressed(&run, opened[usize::try_from(entry.seq % 4).unwrap()]);
            // the largest takes the longest, and has the most room
            for size in sizes.into_iter().filter(|size| size.0 < 300 || entry.seq % 8 == 0) {
                drawn(&run, run.now() + Duration::from_secs(entry.seq % 3), &open, &Theme::dark(), size);
            }
        }
    }
}

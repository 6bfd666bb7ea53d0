//! A look at a pod on the screen, at three sizes.

#![expect(clippy::unwrap_used, reason = "a test that can't read its journal has failed")]

#[path = "support/story.rs"]
mod story;

use std::fmt::Write;
use std::time::Duration;

use gameday::face::look::{Aspect, Look, LookAt};
use gameday::run::Run;
use gameday::text::Untrusted;
use gameday::tui::filter::Filter;
use gameday::tui::hands::Hands;
use gameday::tui::hands::looking::Looking;
use gameday::tui::scene::Scene;
use gameday::tui::theme::Theme;
use gameday::tui::view;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use story::golden;

const SIZES: [(u16, u16); 3] = [(120, 36), (80, 24), (40, 12)];

fn live() -> Run {
    golden("network-delay-undo", 22.0, |_| {})
}

fn looking(run: &Run, aspect: Aspect, seen: Result<Vec<Untrusted>, Untrusted>) -> Looking {
    let at = LookAt { pod: Hands::of("maria").meant(run).unwrap().fact.pod.clone(), aspect };
    let mut looking = Looking::new(at.clone());
    assert!(looking.take(Look { at, seen }));
    looking.age = Duration::from_millis(2_400);
    looking
}

/// A log as a busy server writes it, with what a terminal would obey.
fn log() -> Vec<Untrusted> {
    let mut lines =
        vec!["── task-api has restarted 1 times: what it said last before that ──".to_owned(), "panic: out of memory".to_owned()];
    lines.push("── task-api, running ──".to_owned());
    lines.extend((1..=60).map(|n| format!("2026-11-23T21:00:{n:02}Z  INFO  GET /tasks/{n} 200 in {n} ms, for a client that calls itself gameday-load/1.0 and waits for nobody at all")));
    lines.push("\u{1b}[2J\u{1b}]52;c;aGk=\u{7} \u{202e}evil".to_owned());
    lines.into_iter().map(Into::into).collect()
}

fn screens(name: &str, run: &Run, looking: Looking) -> Vec<String> {
    let hands = Hands { looking: Some(looking), ..Hands::of("maria") };
    let mut all = Vec::new();
    for (width, height) in SIZES {
        let area = Rect::new(0, 0, width, height);
        let mut buffer = Buffer::empty(area);
        view::draw(&Scene::new(run, run.now() + Duration::from_millis(40), &Theme::dark(), &hands), area, &mut buffer);
        let mut out = String::new();
        for y in 0..height {
            let line: String = (0..width).map(|x| buffer[(x, y)].symbol()).collect();
            writeln!(out, "{}", line.replace('\u{a0}', "▒").trim_end()).unwrap();
        }
        insta::assert_snapshot!(format!("{name}-{width}x{height}"), out);
        all.push(out);
    }
    all
}

#[test]
fn screen_should_show_the_end_of_a_log_and_nothing_that_a_terminal_obeys() {
    let run = live();
    for screen in screens("logs", &run, looking(&run, Aspect::Logs, Ok(log()))) {
        assert!(!screen.chars().any(|c| c != '\n' && (c.is_control() || c == '\u{202e}')), "{screen}");
        assert!(screen.contains("\\u{1b}[2J"), "{screen}");
    }
}

#[test]
fn screen_should_show_a_log_that_stands_still_filtered_and_wrapped() {
    let run = live();
    let logs = looking(&run, Aspect::Logs, Ok(log()));
    screens("logs-scrolled", &run, Looking { top: Some(3), filter: Filter::of("GET"), wraps: true, ..logs });
}

#[test]
fn screen_should_show_details_yaml_and_why_there_is_none() {
    let run = live();
    let details =
        ["pod        production/task-api", "phase      Running", "", "conditions", "  Ready                      True     for 12 s"];
    screens("details", &run, looking(&run, Aspect::Details, Ok(details.iter().map(|line| (*line).into()).collect())));
    let why = "read the log of container task-api of pod staging/task-api: pods \"task-api\" is forbidden (403 Forbidden); the right is missing: `gameday rbac` prints the role to ask for";
    screens("refused", &run, looking(&run, Aspect::Logs, Err(why.into())));
    let at = looking(&run, Aspect::Yaml, Ok(Vec::new())).at;
    screens("asked", &run, Looking::new(at));
}

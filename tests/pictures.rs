//! The pictures of the README: screens of one rehearsal, and home, drawn as SVG.
//!
//! `GAMEDAY_PICTURES=1 cargo test --test pictures` draws them into `assets`; without it the test says which no longer
//! look like the screens they show.

#![expect(clippy::unwrap_used, reason = "a test that can't play its rehearsal has failed")]

mod support;
#[path = "support/svg.rs"]
mod svg;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Duration, Utc};
use gameday::clock::At;
use gameday::effect::{PodRef, Verdict};
use gameday::event::Event;
use gameday::face::home::{Aim, Drill, Home, PastRun, Reach, State};
use gameday::journal::read;
use gameday::run::Run;
use gameday::run::phase::Phase;
use gameday::scenario::model::{Scenario, Tier};
use gameday::scenario::{self, Source};
use gameday::tui::hands::Hands;
use gameday::tui::home::Lobby;
use gameday::tui::keys::{Keys, Screen};
use gameday::tui::scene::Scene;
use gameday::tui::theme::Theme;
use gameday::tui::{panels, view};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};
use support::{gameday, said, scratch};

/// What draws them.
const COMMAND: &str = "GAMEDAY_PICTURES=1 cargo test --test pictures";
/// The size of most of them.
const USUAL: (u16, u16) = (120, 36);

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A rehearsal in which two of three pods can't carry the load, while the image of the third can't be pulled.
struct Rehearsal {
    recorded: read::Recorded,
}

impl Rehearsal {
    fn play() -> Rehearsal {
        let home = scratch("pictures");
        let world = fs::read_to_string(root().join("scenarios/worlds/task-api.yaml")).unwrap();
        let busy = world.replace("rps: 60", "rps: 140");
        assert_ne!(world, busy);
        fs::write(home.join("busy.yaml"), busy).unwrap();
        let out = gameday(&home)
            .current_dir(root())
            .args(["rehearse", "--headless", "--speed", "max", "--seed", "5", "--break", "pull-fails=task-api@4s+15s"])
            .args(["scenarios/task-api-pod-kill.yaml", "--world"])
            .arg(home.join("busy.yaml"))
            .arg("--run-dir")
            .arg(home.join("run"))
            .output()
            .unwrap();
        let journal = home.join("run/journal.jsonl");
        assert!(journal.exists(), "{}", said(&out));
        let mut recorded = read::open(&journal).unwrap();
        // the seed makes all but this
        if let Some(header) = &mut recorded.header {
            "20261128-210000-5eed".clone_into(&mut header.run);
        }
        Rehearsal { recorded }
    }

    /// The run when all had been looked at and it could start.
    fn ready(&self) -> (Run, At) {
        let (mut run, _) = self.at(-1.0);
        let ready = |run: &Run| *run.phase().0 == Phase::Ready;
        for entry in self.recorded.entries.iter().take_while(|entry| !matches!(entry.event, Event::Commanded(_))) {
            run.apply(entry);
        }
        assert!(ready(&run), "{:?}", run.phase());
        let now = run.now();
        (run, now)
    }

    /// The run as it was so many seconds after the journal began.
    fn at(&self, seconds: f64) -> (Run, At) {
        let header = self.recorded.header.clone().unwrap();
        let scenario = read_scenario(&header.scenario.file, &header.scenario.text);
        let mut run = Run::new(header, scenario.unwrap());
        let now = At::ZERO + std::time::Duration::from_secs_f64(seconds.max(0.0));
        self.recorded.entries.iter().filter(|entry| entry.at <= now && seconds >= 0.0).for_each(|entry| drop(run.apply(entry)));
        let now = if run.phase().0.is_over() { run.now() } else { now };
        (run, now)
    }
}

fn read_scenario(file: &str, text: &str) -> Option<Scenario> {
    let beside = |named: &str| fs::read_to_string(root().join("scenarios").join(named)).map_err(|why| why.to_string());
    scenario::read(&Source { file, text, manifests: &beside }, &BTreeMap::new()).scenario
}

fn screen((run, now): &(Run, At), screen: Option<Screen>, size: (u16, u16)) -> Buffer {
    let mut buffer = Buffer::empty(Rect::new(0, 0, size.0, size.1));
    let report = Some("runs/20261128-210000-5eed/report.md".to_owned());
    let hands = Hands { screen, report, ..Hands::of("maria") };
    view::draw(&Scene::new(run, *now, &Theme::dark(), &hands), buffer.area, &mut buffer);
    buffer
}

/// Home, as it may look after some weeks.
fn home() -> Buffer {
    let seen: DateTime<Utc> = "2026-11-28T21:00:00Z".parse().unwrap();
    let mut files: Vec<PathBuf> = fs::read_dir(root().join("scenarios")).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.is_file());
    files.sort();
    let read = |file: PathBuf| (read_scenario("file", &fs::read_to_string(&file).unwrap()).unwrap(), file);
    let scenarios: Vec<(Scenario, PathBuf)> = files.into_iter().map(read).collect();
    let digest = |name: &str| scenarios.iter().find(|(scenario, _)| scenario.name == name).unwrap().0.drill_digest.clone();
    let run = |token: &str, drill: &str, ago: Duration, rehearsal: bool, state: State| PastRun {
        folder: PathBuf::from("runs").join(token),
        id: token.into(),
        drill: drill.into(),
        recorded: seen - ago,
        tier: Tier::Staging,
        rehearsal,
        digest: digest(drill),
        state,
    };
    let runs = vec![
        run("7f3a", "task-api-network-delay", Duration::minutes(2), false, State::Live),
        run("5eed", "task-api-pod-kill", Duration::hours(1), true, State::Ended(Verdict::Refuted)),
        run("c41b", "task-api-pod-kill", Duration::hours(3), false, State::Ended(Verdict::Held)),
        run("90d2", "shop-checkout-pod-kill", Duration::days(1), true, State::Ended(Verdict::Held)),
        run("1ab8", "task-api-all-but-one", Duration::days(8), false, State::Ended(Verdict::Refuted)),
        run("e07c", "shop-database-failover", Duration::days(15), false, State::Ended(Verdict::Held)),
    ];
    let drill = |(scenario, path): &(Scenario, PathBuf)| {
        Drill::of(path.strip_prefix(root()).unwrap().to_owned(), Ok(Box::new(scenario.clone())), &runs)
    };
    let drills: Vec<Drill> = scenarios.iter().map(drill).collect();
    let has = [("Chaos Mesh", true), ("Prometheus", true), ("Velero", false), ("OpenCost", false), ("VPA", true), ("metrics", true)];
    let has = has.map(|(what, there)| (what, Some(there))).to_vec();
    let cluster = Reach::Answers { context: "staging".into(), version: "v1.36.2".into(), has };
    let marked = drills.iter().position(|drill| drill.file.ends_with("task-api-pod-kill.yaml")).unwrap();
    let pod = |name: &str| PodRef { namespace: "staging".to_owned(), name: format!("task-api-6d9f7c8b5-{name}"), uid: name.to_owned() };
    let aim = Aim { step: "kill one pod".to_owned(), pods: Ok(["2wtfs", "46n5k", "9kq2x"].map(pod).to_vec()) };
    let clusters = drills.iter().map(|drill| (drill.context(), cluster.clone())).collect();
    let aims = [(drills[marked].file.clone(), vec![aim])].into();
    let home = Home { seen, drills, runs, clusters, aims };
    let mut buffer = Buffer::empty(Rect::new(0, 0, USUAL.0, USUAL.1));
    let lobby = Lobby { drill: marked, ..Lobby::default() };
    panels::home::draw(&home, &lobby, &Keys::default(), &Theme::dark(), buffer.area, &mut buffer);
    buffer
}

/// Each picture: its name, what it shows, and the screen.
fn pictures() -> Vec<(&'static str, &'static str, Buffer)> {
    let rehearsal = Rehearsal::play();
    let metrics = screen(&rehearsal.at(58.0), Some(Screen::Metrics), USUAL);
    vec![
        (
            "cockpit",
            "The cockpit 13 s after a pod was killed: the image of its successor can't be pulled, and errors rise",
            screen(&rehearsal.at(18.4), None, USUAL),
        ),
        ("preflight", "The preflight: 26 checks passed, and what Enter will do", screen(&rehearsal.ready(), None, USUAL)),
        ("metrics", "The charts: the pod is back after 19 s, the errors are gone after 50", metrics),
        ("findings", "The findings: it recovered in time, but errors rose above their limit", screen(&rehearsal.at(9e9), None, USUAL)),
        ("home", "Home: scenarios with their last verdicts, past runs, and the marked scenario in whole", home()),
    ]
}

#[test]
fn pictures_should_show_the_screens_as_they_are_and_stand_in_the_readme() {
    let draws = std::env::var_os("GAMEDAY_PICTURES").is_some();
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let mut stale = Vec::new();
    for (name, says, buffer) in pictures() {
        let path = root().join("assets").join(name).with_extension("svg");
        let picture = svg::draw(&buffer, says);
        assert!(picture.len() < 80_000, "{name} is too large to be read with a page: {} bytes", picture.len());
        assert!(readme.contains(&format!("![{says}](assets/{name}.svg)")), "the README shows {name}, and says of it: {says}");
        if draws {
            fs::write(&path, &picture).unwrap();
        } else if fs::read_to_string(&path).ok().as_deref() != Some(&picture) {
            stale.push(name);
        }
    }
    assert!(stale.is_empty(), "no longer what the screens look like: {}. Draw them again: {COMMAND}", stale.join(", "));
}

#[test]
fn picture_should_paint_every_kind_of_colour_and_join_lines_and_escape_what_is_text() {
    let mut buffer = Buffer::empty(Rect::new(0, 0, 12, 3));
    let reversed = Style::new().fg(Color::Rgb(1, 2, 3)).bg(Color::Indexed(196)).add_modifier(Modifier::REVERSED);
    buffer.set_string(0, 0, "a <&> b", Style::new().fg(Color::LightRed).add_modifier(Modifier::BOLD | Modifier::DIM));
    buffer.set_string(8, 0, "x東", reversed);
    buffer.set_string(0, 1, "╭──╮┄┄ ▁█▕●", Style::new().fg(Color::Indexed(244)).add_modifier(Modifier::UNDERLINED));
    buffer.set_string(0, 2, "│  │", Style::new().fg(Color::Indexed(244)));
    let picture = svg::draw(&buffer, "a < b");
    assert_eq!(picture, svg::draw(&buffer, "a < b"));
    insta::assert_snapshot!("picture", picture);
}

//! Home: what it shows, and what its keys choose. Nothing begins by a slip of the hand.

#![expect(clippy::unwrap_used, reason = "a test that can't read its scenario has failed")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Duration, Utc};
use crossterm::event::{KeyCode, KeyEvent};
use gameday::effect::{PodRef, Verdict};
use gameday::face::home::{Aim, Drill, Home, PastRun, Reach, State};
use gameday::scenario::model::Tier;
use gameday::scenario::{self, Source};
use gameday::tui::home::{Choice, List, Lobby};
use gameday::tui::keys::{Key, Keys, Scope};
use gameday::tui::panels;
use gameday::tui::theme::Theme;
use proptest::prelude::*;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

fn seen() -> DateTime<Utc> {
    "2026-11-28T21:00:00Z".parse().unwrap()
}

fn run(id: &str, drill: &str, ago: Duration, state: State) -> PastRun {
    PastRun {
        folder: PathBuf::from("runs").join(id),
        id: id.into(),
        drill: drill.into(),
        recorded: seen() - ago,
        tier: Tier::Staging,
        rehearsal: state == State::Ended(Verdict::Held),
        digest: String::new(),
        state,
    }
}

fn drill(name: &str, runs: &[PastRun]) -> Drill {
    let file = Path::new("scenarios").join(format!("{name}.yaml"));
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(&file);
    let text = fs::read_to_string(path).unwrap();
    let source = Source { file: "x", text: &text, manifests: &|_| Err("none".to_owned()) };
    let read = scenario::read(&source, &BTreeMap::new());
    Drill::of(file, read.scenario.map(Box::new).ok_or_else(|| "line 3: \u{1b}[31mno such key".into()), runs)
}

fn home(cluster: &Reach) -> Home {
    let runs = vec![
        run("20261128-205900-aaaa", "task-api-network-delay", Duration::minutes(1), State::Live),
        run("20261128-180000-bbbb", "task-api-pod-kill", Duration::hours(3), State::Ended(Verdict::Held)),
        run("20261120-180000-cccc", "task-api-all-but-one", Duration::days(8), State::Ended(Verdict::Refuted)),
        run("20261101-180000-dddd", "task-api-partition", Duration::days(27), State::Cut),
    ];
    let names = ["task-api-all-but-one", "task-api-network-delay", "task-api-partition", "task-api-pod-kill"];
    let mut drills: Vec<Drill> = names.iter().map(|name| drill(name, &runs)).collect();
    drills.push(Drill::of("broken.yaml".into(), Err("broken.yaml:3:1: \u{1b}[31mno such key".into()), &[]));
    let contexts = drills.iter().map(|drill| (drill.context(), cluster.clone())).chain([(None, cluster.clone())]);
    Home { seen: seen(), clusters: contexts.collect(), drills, runs, ..Home::default() }
}

fn answers() -> Reach {
    let has = vec![("Chaos Mesh", Some(true)), ("Prometheus", None), ("Velero", Some(false))];
    Reach::Answers { context: "staging".into(), version: "v1.32.4".into(), has }
}

fn press(lobby: &mut Lobby, home: &Home, keys: &[Key]) -> Option<Choice> {
    keys.iter().map(|key| lobby.press(KeyEvent::from(*key), home, &Keys::default())).last().flatten()
}

fn drawn(home: &Home, lobby: &Lobby, size: (u16, u16)) -> String {
    let area = Rect::new(0, 0, size.0, size.1);
    let mut buffer = Buffer::empty(area);
    panels::home::draw(home, lobby, &Keys::default(), &Theme::dark(), area, &mut buffer);
    let row = |y| (0..area.width).map(|x| buffer[(x, y)].symbol()).collect::<String>().trim_end().to_owned();
    (0..area.height).map(row).collect::<Vec<_>>().join("\n")
}

const ENTER: Key = Key::Code(KeyCode::Enter);

#[test]
fn home_should_show_scenarios_runs_and_what_the_cluster_can_do() {
    let runs = Lobby { list: List::Runs, run: 3, ..Lobby::default() };
    for size in [(120, 36), (80, 24), (200, 60), (40, 12)] {
        insta::assert_snapshot!(format!("home-{}x{}", size.0, size.1), drawn(&home(&answers()), &Lobby::default(), size));
        insta::assert_snapshot!(
            format!("home-runs-{}x{}", size.0, size.1),
            drawn(&home(&Reach::None("no kubeconfig".into())), &runs, size)
        );
    }
    let help = Lobby { help: true, ..Lobby::default() };
    insta::assert_snapshot!("home-help", drawn(&home(&Reach::Asking), &help, (80, 24)));
}

#[test]
fn home_should_never_draw_what_a_file_says_raw() {
    let mut lobby = Lobby::default();
    press(&mut lobby, &home(&answers()), &[Key::Char('G')]);
    let shown = drawn(&home(&answers()), &lobby, (120, 36));
    assert!(shown.contains("no such key") && !shown.contains('\u{1b}'), "{shown}");
}

#[test]
fn keys_of_home_should_choose_what_is_marked() {
    let home = home(&answers());
    let chosen = |keys: &[Key]| press(&mut Lobby::default(), &home, keys);
    let file = |name: &str| Path::new("scenarios").join(name);
    assert_eq!(chosen(&[Key::Char('j'), ENTER]), Some(Choice::Run(file("task-api-network-delay.yaml"))));
    assert_eq!(chosen(&[Key::Char('r')]), Some(Choice::Rehearse(file("task-api-all-but-one.yaml"))));
    assert_eq!(chosen(&[Key::Char('e')]), Some(Choice::Edit(file("task-api-all-but-one.yaml"))));
    let runs = |keys: &[Key]| chosen(&[&[Key::Code(KeyCode::Tab)], keys].concat());
    assert_eq!(runs(&[ENTER]), Some(Choice::Watch("runs/20261128-205900-aaaa".into())));
    assert_eq!(runs(&[Key::Char('j'), ENTER]), Some(Choice::Replay("runs/20261128-180000-bbbb".into())));
    let filtered: Vec<Key> = "/partition".chars().map(Key::Char).chain([ENTER, Key::Char('r')]).collect();
    assert_eq!(chosen(&filtered), Some(Choice::Rehearse(file("task-api-partition.yaml"))));
    for leaves in [Key::Char('q'), Key::Ctrl('c')] {
        assert_eq!(chosen(&[leaves]), Some(Choice::Leave));
    }
    assert_eq!(chosen(&[Key::Code(KeyCode::Esc)]), None, "Esc never leaves");
}

#[test]
fn scenario_without_a_cluster_should_be_rehearsed_and_one_with_mistakes_neither() {
    let home = home(&Reach::None("none".into()));
    assert!(matches!(press(&mut Lobby::default(), &home, &[ENTER]), Some(Choice::Rehearse(_))));
    for key in [ENTER, Key::Char('r')] {
        let mut lobby = Lobby::default();
        assert_eq!(press(&mut lobby, &home, &[Key::Char('G'), key]), None);
        assert!(lobby.said.is_some_and(|said| said.contains("gameday check broken.yaml")));
    }
}

#[test]
fn scenario_should_be_run_where_its_own_context_answers() {
    let mut home = home(&Reach::None("the current context does not answer".into()));
    let named = home.drills[0].context();
    assert!(named.is_some(), "the scenario names its context");
    home.clusters.insert(named, answers());
    assert!(matches!(press(&mut Lobby::default(), &home, &[ENTER]), Some(Choice::Run(_))));
    assert!(drawn(&home, &Lobby::default(), (120, 36)).contains("staging v1.32.4"));
}

#[test]
fn graduation_should_tell_where_the_drill_held_and_whether_it_was_this_version() {
    let digest = drill("task-api-pod-kill", &[]).scenario.unwrap().drill_digest;
    let held = |id: &str, days: i64, digest: &str, rehearsal: bool, tier: Tier| PastRun {
        rehearsal,
        tier,
        digest: digest.to_owned(),
        ..run(id, "task-api-pod-kill", Duration::days(days), State::Ended(Verdict::Held))
    };
    let runs = [
        PastRun { digest: digest.clone(), ..run("a", "task-api-pod-kill", Duration::days(1), State::Ended(Verdict::Refuted)) },
        held("b", 2, "older", false, Tier::Staging),
        held("c", 3, &digest, false, Tier::Staging),
        held("d", 4, "older", true, Tier::Production),
        held("e", 5, &digest, false, Tier::Development),
    ];
    let home = Home { seen: seen(), drills: vec![drill("task-api-pod-kill", &runs)], ..Home::default() };
    let shown = drawn(&home, &Lobby::default(), (120, 36));
    assert!(shown.contains("has held: rehearsal ≠ 4d ago, an older version · staging ✓"), "{shown}");
    assert!(shown.contains("3d ago · production –"), "{shown}");
}

#[test]
fn aims_should_be_told_of_the_marked_scenario_and_never_raw() {
    let mut home = home(&answers());
    let pod = |name: &str| PodRef { namespace: "staging".to_owned(), name: name.to_owned(), uid: name.to_owned() };
    let aims = vec![
        Aim { step: "kill\u{1b}[2J".to_owned(), pods: Ok((0..8).map(|n| pod(&format!("task-api-{n}"))).collect()) },
        Aim { step: "slow".to_owned(), pods: Err("pods is forbidden\u{1b}[2J".into()) },
        Aim { step: "nobody".to_owned(), pods: Ok(Vec::new()) },
    ];
    home.aims.insert(home.drills[0].file.clone(), aims);
    let shown = drawn(&home, &Lobby::default(), (200, 60));
    assert!(shown.contains("picks among 8 now: 0, 1, 2, 3, 4, 5, …") && shown.contains("nobody: means no pod now"), "{shown}");
    assert!(shown.contains("slow: its pods can't be seen: pods is forbidden") && !shown.contains('\u{1b}'), "{shown}");
    let other = Lobby { drill: 1, ..Lobby::default() };
    assert!(!drawn(&home, &other, (200, 60)).contains("picks among"));
}

#[test]
fn each_binding_of_home_should_do_something() {
    let home = home(&answers());
    let mut names = BTreeSet::new();
    for binding in Keys::default().of(Scope::Home) {
        for key in binding.keys.iter() {
            // in the middle of the list, with a filter that lets all through
            let before = Lobby { drill: 2, filter: gameday::tui::filter::Filter::of("."), ..Lobby::default() };
            let mut lobby = before.clone();
            let choice = press(&mut lobby, &home, &[*key]);
            assert!(choice.is_some() || lobby != before, "{key} does nothing: {binding:?}");
        }
        names.insert(binding.act.name());
    }
    assert!(names.len() > 10);
}

proptest! {
    #[test]
    fn home_should_stand_any_keys_at_any_size(
        keys in prop::collection::vec("[a-zA-Z/?!.\t]", 0..40), width in 1u16..140, height in 1u16..50
    ) {
        let home = home(&answers());
        let mut lobby = Lobby::default();
        for key in keys {
            let c = key.chars().next().unwrap();
            let event = if c == '\t' { Key::Code(KeyCode::Tab) } else { Key::Char(c) };
            press(&mut lobby, &home, &[event]);
            drawn(&home, &lobby, (width, height));
        }
    }
}

//! The gates before a run: no combination of flags, settings, files and keys lets a run into production silently.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test stops where it fails")]

#[path = "support/stage.rs"]
mod stage;

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use gameday::clock::At;
use gameday::command::Command;
use gameday::event::inspected::{HoursFact, Inspected};
use gameday::event::{Entry, Event};
use gameday::header::{FORMAT, Gate, Header, HeldRun, Override, Place, Sources};
use gameday::run::Run;
use gameday::run::checks::{Grade, OVERRULABLE};
use gameday::run::phase::Phase;
use gameday::scenario::model::{Scenario, Tier};
use gameday::tui::hands::{Deed, Hands};
use gameday::tui::scene::Scene;
use gameday::tui::theme::Theme;
use gameday::tui::view;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use stage::Stage;

const WORD: &str = "prod-eu/task-api";

fn started() -> DateTime<Utc> {
    "2026-10-20T10:00:00Z".parse().unwrap()
}

fn scenario(runbook: bool, hours: bool) -> Scenario {
    let runbook = if runbook { "\n  runbook: https://runbooks.example.com/a" } else { "" };
    let hours = if hours { ", hours: {timezone: Europe/Berlin, only: ['Tue-Thu 09:00-16:00']}" } else { "" };
    let text = format!(
        "apiVersion: gameday/v1
kind: GameDay
metadata: {{name: kill}}
spec:
  hypothesis: it comes back{runbook}
  environments: {{production: {{tier: production, context: prod-eu, namespace: production}}}}
  target: {{kind: Deployment, name: task-api}}
  injector: agentless
  steadyState: [{{name: ready, ready: {{min: 100%}}}}]
  steps:
    - name: kill
      fault: {{apiVersion: chaos-mesh.org/v1alpha1, kind: PodChaos, metadata: {{name: k}}, spec: {{action: pod-kill, mode: one, selector: {{labelSelectors: {{app: task-api}}}}}}}}
  criteria: [{{name: back, recovery: {{within: 30s}}}}]
  limits: {{maxTargets: 1{hours}}}
"
    );
    let manifests = |_: &str| Err("none".to_owned());
    let reading =
        gameday::scenario::read(&gameday::scenario::Source { file: "kill.yaml", text: &text, manifests: &manifests }, &BTreeMap::new());
    reading.scenario.unwrap_or_else(|| panic!("{:#?}", reading.mistakes))
}

/// All that could be said for and against a run.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag that can be given or not")]
struct Case {
    tier: Tier,
    rehearsal: bool,
    held: &'static str,
    hours: &'static str,
    runbook: bool,
    at_terminal: bool,
    yes: bool,
    overruled: bool,
    word: &'static str,
}

impl Case {
    fn header(&self, scenario: &Scenario) -> Header {
        let good = HeldRun {
            run: "20261019-100000-abcd".to_owned(),
            recorded: started() - chrono::Duration::days(1),
            tier: Tier::Staging,
            rehearsal: false,
            drill_digest: scenario.drill_digest.clone(),
        };
        let held = match self.held {
            "held" => Ok(good),
            "rehearsed" => Ok(HeldRun { rehearsal: true, ..good }),
            "in development" => Ok(HeldRun { tier: Tier::Development, ..good }),
            "another drill" => Ok(HeldRun { drill_digest: "0".repeat(64), ..good }),
            "old" => Ok(HeldRun { recorded: started() - chrono::Duration::days(31), ..good }),
            "of the future" => Ok(HeldRun { recorded: started() + chrono::Duration::days(1), ..good }),
            _ => Err("no run in staging has held".into()),
        };
        let all = OVERRULABLE.iter().chain(&["held", "production", "rights", "tier"]);
        let overrides = all.map(|check| Override { check: (*check).to_owned(), why: "because".into() });
        Header {
            format: FORMAT.to_owned(),
            gameday: "test".to_owned(),
            run: "test".to_owned(),
            recorded: started(),
            machine: "test".to_owned(),
            started: started(),
            place: Place {
                rehearsal: self.rehearsal,
                environment: "production".to_owned(),
                tier: self.tier,
                context: "prod-eu".to_owned(),
                server: "https://prod.example.com".to_owned(),
                namespace: "production".to_owned(),
                prometheus: None,
            },
            seed: 1,
            token: "abc123".to_owned(),
            injector: None,
            scenario: Sources { file: "kill.yaml".to_owned(), text: String::new(), manifests: BTreeMap::new(), sets: BTreeMap::new() },
            world: None,
            gate: Some(Gate {
                tier_by: "the test".into(),
                tier_unseen: Vec::new(),
                at_terminal: self.at_terminal,
                yes: self.yes,
                held,
                held_days: 30,
                lasting_before: true,
                operator: "maria".into(),
                brake_image: None,
                overrides: if self.overruled { overrides.collect() } else { Vec::new() },
                residue: true,
            }),
        }
    }

    /// Whether the run may begin.
    fn may_begin(&self) -> bool {
        if self.rehearsal {
            return self.word == "start";
        }
        let in_hours = matches!(self.hours, "open");
        if self.tier == Tier::Production {
            return self.held == "held" && in_hours && self.runbook && self.at_terminal && !self.yes && self.word == WORD;
        }
        (in_hours || self.hours == "none" || self.overruled) && self.word == "start"
    }

    fn run(&self) -> Stage {
        self.run_of(scenario(self.runbook, self.hours != "none"))
    }

    fn run_of(&self, scenario: Scenario) -> Stage {
        let hour = |n: i64| started() + chrono::Duration::hours(n);
        let windows = if self.hours == "open" { vec![(hour(-1), hour(1))] } else { vec![(hour(20), hour(22))] };
        let fact = HoursFact { local: "Tue 12:00".into(), windows };
        let hours = Inspected::Hours(if self.hours == "unknown" { Err("no such zone".into()) } else { Ok(fact) });
        Stage::of(Run::new(self.header(&scenario), scenario), vec![hours], false)
    }
}

#[test]
fn production_should_be_begun_by_nothing_but_all_its_gates_together() {
    let (mut tried, mut begun) = (0, 0);
    let written = [false, true].map(|runbook| [false, true].map(|hours| scenario(runbook, hours)));
    for tier in [Tier::Development, Tier::Staging, Tier::Production] {
        for held in ["held", "none", "rehearsed", "in development", "another drill", "old", "of the future"] {
            for hours in ["open", "closed", "unknown", "none"] {
                for bits in 0..32_u32 {
                    for word in ["nothing", "start", "prod-eu", "prod-eu/task-api ", WORD] {
                        let bit = |n: u32| bits & (1 << n) != 0;
                        let (rehearsal, runbook, at_terminal, yes, overruled) = (bit(0), bit(1), bit(2), bit(3), bit(4));
                        let case = Case { tier, rehearsal, held, hours, runbook, at_terminal, yes, overruled, word };
                        let mut stage = case.run_of(written[usize::from(runbook)][usize::from(hours != "none")].clone());
                        match word {
                            "nothing" => {}
                            "start" => stage.tell(Event::Commanded(Command::Start)),
                            typed => {
                                // a key that starts elsewhere does nothing here
                                if tier == Tier::Production && !rehearsal {
                                    stage.tell(Event::Commanded(Command::Start));
                                    assert!(stage.run.begun().is_none(), "{case:?}");
                                }
                                stage.tell(Event::Commanded(Command::Confirm { typed: typed.into() }));
                            }
                        }
                        let expected = case.may_begin()
                            || (!matches!(word, "nothing" | "start") && Case { word: "start", ..case.clone() }.may_begin());
                        assert_eq!(stage.run.begun().is_some(), expected, "{case:?}\n{:#?}", stage.run.checkpoints());
                        tried += 1;
                        begun += u32::from(stage.run.begun().is_some());
                    }
                }
            }
        }
    }
    assert!(tried > 10_000 && begun > 100, "{tried} tried, {begun} begun");
}

fn good() -> Case {
    Case {
        tier: Tier::Production,
        rehearsal: false,
        held: "held",
        hours: "open",
        runbook: true,
        at_terminal: true,
        yes: false,
        overruled: false,
        word: WORD,
    }
}

#[test]
fn production_should_name_every_gate_that_is_shut() {
    for (case, name) in [
        (Case { held: "old", ..good() }, "held"),
        (Case { hours: "closed", ..good() }, "hours"),
        (Case { hours: "none", ..good() }, "hours"),
        (Case { runbook: false, ..good() }, "production"),
        (Case { at_terminal: false, ..good() }, "production"),
        (Case { yes: true, ..good() }, "production"),
    ] {
        let stage = case.run();
        let failed: Vec<_> = stage.run.checkpoints().into_iter().filter(|point| point.grade == Grade::Fail).collect();
        assert_eq!(failed.iter().map(|point| point.name).collect::<Vec<_>>(), [name], "{case:?}");
        assert!(failed[0].mend.is_some());
        assert!(matches!(stage.run.phase().0, Phase::Undoing(_)), "{case:?}");
    }
}

/// The run's screen, with `keys` pressed and `typed` written.
fn screen(run: &Run, hands: &Hands) -> String {
    let area = Rect::new(0, 0, 120, 36);
    let mut buffer = Buffer::empty(area);
    let theme = Theme::dark();
    view::draw(&Scene::new(run, run.now(), &theme, hands), area, &mut buffer);
    let line = |y: u16| (0..area.width).map(|x| buffer[(x, y)].symbol()).collect::<String>();
    (0..area.height).map(|y| line(y).trim_end().to_owned()).collect::<Vec<_>>().join("\n")
}

fn press(hands: &mut Hands, run: &Run, code: KeyCode) -> Option<Deed> {
    hands.press(KeyEvent::new(code, KeyModifiers::NONE), run)
}

#[test]
fn cockpit_should_ask_for_the_word_and_only_tell_what_was_typed() {
    let mut stage = good().run();
    let mut hands = Hands::of("maria");
    assert_eq!(press(&mut hands, &stage.run, KeyCode::Enter), Some(Deed::Draw), "Enter starts nothing here");
    for c in "prod-eu/task".chars() {
        press(&mut hands, &stage.run, KeyCode::Char(c));
    }
    insta::assert_snapshot!("production-word-120x36", screen(&stage.run, &hands));
    let deed = press(&mut hands, &stage.run, KeyCode::Enter);
    assert_eq!(deed, Some(Deed::Command(Command::Confirm { typed: "prod-eu/task".into() })));
    stage.tell(Event::Commanded(Command::Confirm { typed: "prod-eu/task".into() }));
    assert!(stage.run.begun().is_none());
    assert_eq!(stage.run.timeline().last().map(|moment| moment.noted.name()), Some("mistyped"));
    insta::assert_snapshot!("production-ready-120x36", screen(&stage.run, &hands));
    stage.tell(Event::Commanded(Command::Confirm { typed: WORD.into() }));
    assert!(stage.run.begun().is_some());
}

#[test]
fn override_should_be_told_with_who_and_why_and_only_soften_what_it_may() {
    let stage = Case { tier: Tier::Staging, hours: "closed", overruled: true, ..good() }.run();
    let hours = stage.run.checkpoints().into_iter().find(|point| point.name == "hours").unwrap();
    assert_eq!(hours.grade, Grade::Warn);
    assert!(hours.seen.raw().ends_with("overruled by maria: because"), "{}", hours.seen);
}

#[test]
fn start_should_look_again_at_what_may_have_changed_since() {
    let mut stage = Case { tier: Tier::Staging, ..good() }.run();
    assert_eq!(*stage.run.phase().0, Phase::Ready);
    // the hours end at 11:00
    stage.seq += 1;
    let at = At::ZERO + Duration::from_mins(61);
    stage.run.apply(&Entry { seq: stage.seq, at, event: Event::Commanded(Command::Start) });
    assert!(stage.run.begun().is_none());
}

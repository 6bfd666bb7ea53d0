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
use gameday::command::Command;
use gameday::effect::inspection::Inspection;
use gameday::effect::{ChaosRef, Effect, FaultId};
use gameday::event::inspected::{
    BudgetFact, ChaosMeshFact, Inspected, KindFact, NamespaceFact, RightFact, SampleFact, VictimFact, VictimsFact,
};
use gameday::event::residue::{Remains, ResidueFact, Trace};
use gameday::event::{BlockingPod, Entry, Event};
use gameday::findings::Findings;
use gameday::header::{Gate, Header};
use gameday::journal::read::{self, Recorded};
use gameday::report::markdown;
use gameday::run::Run;
use gameday::run::phase::{End, Phase};
use gameday::scenario::model::Tier;
use gameday::scenario::{self, Source};
use gameday::seat::{Position, Seat};
use gameday::text::Untrusted;
use gameday::tui::hands::Hands;
use gameday::tui::keys::Screen;
use gameday::tui::scene::Scene;
use gameday::tui::theme::look::Look;
use gameday::tui::theme::{Theme, paint};
use gameday::tui::view;
use gameday::wording::{self, preflight::Board};
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
    drawn_of(&Scene::new(run, now, theme, hands), size)
}

fn drawn_of(scene: &Scene<'_>, size: (u16, u16)) -> Buffer {
    let area = Rect::new(0, 0, size.0, size.1);
    let mut buffer = Buffer::empty(area);
    view::draw(scene, area, &mut buffer);
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
    look_of(name, &Scene::new(run, now, theme, hands));
}

fn look_of(name: &str, scene: &Scene<'_>) {
    for size in SIZES {
        let buffer = drawn_of(scene, size);
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

/// What a cluster says to the looks of a preflight.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Cluster {
    /// All is well.
    Well,
    /// Some things are to be thought about.
    Doubtful,
    /// The run may not start.
    Bad,
}

const UNASKED: &str = "Internal error occurred: failed calling webhook \"mnetworkchaos.kb.io\": failed to call webhook: Post \"https://chaos-mesh-controller-manager.chaos-mesh.svc:443/mutate-chaos-mesh-org-v1alpha1-networkchaos?timeout=5s\": no endpoints available for service \"chaos-mesh-controller-manager\" (500 InternalError)";

impl Cluster {
    fn answer(self, inspection: Inspection) -> Inspected {
        let well = self == Cluster::Well;
        match inspection {
            Inspection::Rights { rights } => {
                let allowed = |n: usize| Ok(self != Cluster::Bad || n % 5 != 3);
                Inspected::Rights(rights.into_iter().enumerate().map(|(n, right)| RightFact { right, allowed: allowed(n) }).collect())
            }
            Inspection::ChaosMesh => Inspected::ChaosMesh(Ok(ChaosMeshFact {
                namespace: "chaos-mesh".to_owned(),
                controllers: if self == Cluster::Bad { (0, 3) } else { (3, 3) },
                daemons: [("node-1", true), ("node-2", true), ("node-3", self != Cluster::Bad)]
                    .map(|(n, ready)| (n.into(), ready))
                    .to_vec(),
                filter: false,
            })),
            Inspection::Webhooks { .. } => {
                Inspected::Webhooks(if well { Ok(true) } else { Err(format!("try the webhooks of Chaos Mesh: {UNASKED}").into()) })
            }
            Inspection::Namespaces { names } => {
                Inspected::Namespaces(names.into_iter().map(|name| NamespaceFact { name, inject: Ok(None) }).collect())
            }
            Inspection::Victims { pods } => {
                let guards = pods.iter().map(|pod| pod.uid.clone()).collect();
                let budget = BudgetFact { namespace: "production".to_owned(), name: "task-api".into(), allowed: 1, guards };
                let victim = |(n, pod)| VictimFact {
                    pod,
                    node: Some(format!("node-{}", n + 1).into()),
                    host_network: false,
                    liveness: None,
                    image: Some("task-api:1".into()),
                };
                Inspected::Victims(VictimsFact {
                    pods: Ok(pods.into_iter().enumerate().map(victim).collect()),
                    troubled: Ok(Vec::new()),
                    budgets: Ok(if well { Vec::new() } else { vec![budget] }),
                })
            }
            Inspection::OtherFaults { .. } => Inspected::OtherFaults(Ok(Vec::new())),
            Inspection::Residue { after, .. } => {
                let trace = Trace {
                    what: Remains::NetworkRules,
                    object: ChaosRef {
                        kind: "PodNetworkChaos".to_owned(),
                        namespace: "production".to_owned(),
                        name: "old-\u{1b}[2Jpod".to_owned(),
                    },
                    from: None,
                    run: None,
                };
                Inspected::Residue { after, fact: ResidueFact { found: if well { Vec::new() } else { vec![trace] }, unseen: Vec::new() } }
            }
            Inspection::Alerts => Inspected::Alerts(Ok(Vec::new())),
            Inspection::Leases { .. } => Inspected::Leases(Ok(Vec::new())),
            Inspection::User => Inspected::User(Ok("system:serviceaccount:production:gameday".into())),
            Inspection::Kinds { kinds } => Inspected::Kinds(kinds.into_iter().map(|kind| KindFact { kind, served: Ok(None) }).collect()),
            Inspection::Samples { selectors } => {
                Inspected::Samples(selectors.into_iter().map(|selector| SampleFact { selector, age: Ok(None) }).collect())
            }
            Inspection::Policies { .. } | Inspection::Backups { .. } | Inspection::Hours { .. } => panic!("nothing asks for it here"),
        }
    }
}

/// The preflight of a run with gates, on such a cluster; `until` it was answered so many times.
fn preflight(cluster: Cluster, tier: Tier, until: usize) -> Run {
    preflight_of(Story::read("network-delay-undo"), cluster, tier, until)
}

fn preflight_of(mut story: Story, cluster: Cluster, tier: Tier, until: usize) -> Run {
    story.header.place.tier = tier;
    story.header.gate = Some(Gate {
        tier_by: "the scenario's environment".into(),
        tier_unseen: Vec::new(),
        at_terminal: true,
        yes: false,
        held: Err("no run in staging has held".into()),
        held_days: 30,
        lasting_before: cluster == Cluster::Well,
        operator: "maria".into(),
        overrides: Vec::new(),
        residue: false,
        brake_image: None,
    });
    let mut run = story.blank();
    let mut told: Vec<Event> = story.entries.into_iter().map(|entry| entry.event).collect();
    told.retain(|event| !matches!(event, Event::Commanded(_)));
    told.truncate(10);
    told.reverse();
    let mut answered = 0;
    while let Some(event) = told.pop() {
        let at = run.now() + Duration::from_millis(30);
        for effect in run.apply(&Entry { seq: run.seq() + 1, at, event }) {
            match effect {
                Effect::Inspect { inspection } if answered < until => {
                    answered += 1;
                    told.push(Event::Inspected { seen: cluster.answer(inspection) });
                }
                Effect::Seal { conclusion } => told = vec![Event::Sealed(conclusion)],
                _ => {}
            }
        }
    }
    run
}

#[test]
fn preflight_should_show_what_forbids_the_start_first_each_with_what_mends_it() {
    let run = preflight(Cluster::Bad, Tier::Staging, usize::MAX);
    assert!(matches!(run.end(), Some(End::Refused(_))), "{:?}", run.phase());
    look("preflight-refused", &run, &hands());
}

#[test]
fn preflight_should_fold_what_passed_and_unfold_it_on_a_key() {
    let run = preflight(Cluster::Doubtful, Tier::Staging, usize::MAX);
    assert_eq!(*run.phase().0, Phase::Ready);
    look("preflight-doubtful", &run, &hands());
    look("preflight-unfolded", &run, &pressed(&run, &[KeyCode::Char('p'), KeyCode::Down, KeyCode::Down]));
}

#[test]
fn preflight_should_say_that_nothing_but_the_brake_is_on() {
    let mut story = Story::read("network-delay-undo");
    story.header.scenario.text = story.header.scenario.text.replacen("spec:\n", "spec:\n  brake: true\n", 1);
    let run = preflight_of(story, Cluster::Well, Tier::Staging, usize::MAX);
    assert!(run.brake().is_some() && *run.phase().0 == Phase::Preflight, "{:?}", run.checkpoints());
    look("preflight-brake", &run, &hands());
}

#[test]
fn preflight_should_name_what_it_still_looks_at() {
    let run = preflight(Cluster::Doubtful, Tier::Staging, 3);
    assert_eq!(*run.phase().0, Phase::Preflight);
    look("preflight-looking", &run, &hands());
}

#[test]
fn preflight_should_show_each_check_in_whole_once_it_is_turned_to() {
    for (cluster, size) in
        [Cluster::Bad, Cluster::Doubtful, Cluster::Well].into_iter().flat_map(|c| SIZES[..3].iter().map(move |s| (c, *s)))
    {
        let run = preflight(cluster, Tier::Staging, usize::MAX);
        let board = Board::of(&run);
        let rows = board.rows(false);
        let mut hands = Hands::of("maria");
        for item in &rows {
            if hands.shown_check(&rows).is_none_or(|at| (rows[at].what, rows[at].nth) != (item.what, item.nth)) {
                hands.press(KeyEvent::new(KeyCode::Down, KeyModifiers::NONE), &run);
            }
            let screen = text(&drawn(&run, run.now(), &hands, &Theme::dark(), size));
            let columns = if size.0 >= 100 { usize::from((size.0 - 5) * 3 / 5 + 1) } else { usize::from(size.0) };
            let marked = screen.lines().filter(|line| line.starts_with('▌'));
            let whole: String = marked.flat_map(|line| line.chars().take(columns).skip(1)).filter(|c| !c.is_whitespace()).collect();
            let squeezed = |text: &str| text.chars().filter(|c| !c.is_whitespace()).collect::<String>();
            assert!(whole.contains(&squeezed(&item.seen)), "{size:?} {}: {}\n{screen}", item.what, item.seen);
            let mend = item.mend.as_deref().map(squeezed).unwrap_or_default();
            assert!(whole.ends_with(&mend), "{size:?} {}: {mend}\n{screen}", item.what);
            assert!(!screen.contains('\u{1b}'), "{screen}");
        }
    }
}

#[test]
fn check_that_did_not_pass_should_have_something_that_mends_it() {
    for cluster in [Cluster::Bad, Cluster::Doubtful] {
        let board = Board::of(&preflight(cluster, Tier::Production, usize::MAX));
        assert!(!board.open.is_empty());
        for item in board.open {
            assert!(item.mend.is_some_and(|mend| !mend.is_empty()), "{}: {}", item.what, item.seen);
        }
    }
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
fn screens_should_each_show_what_they_are_about() {
    let kill = Story::read("pod-kill-held").until(|run, entry| {
        matches!(&entry.event, Event::PodSeen(fact) if fact.state.raw() == "ContainerCreating") && run.touched_anything()
    });
    let delay = Story::read("network-delay-undo").until(|run, _| run.faults().iter().any(|state| state.in_effect.is_some()));
    let of = |screen| Hands { screen: Some(screen), ..hands() };
    for (name, screen, run) in [
        ("screen-pods", Screen::Pods, &kill),
        ("screen-metrics", Screen::Metrics, &kill),
        ("screen-timeline", Screen::Timeline, &delay),
        ("screen-faults", Screen::Faults, &delay),
    ] {
        look(name, run, &of(screen));
    }
}

#[test]
fn palettes_should_each_have_a_look_of_their_own() {
    let run = Story::read("pod-kill-held").until(|run, entry| {
        matches!(&entry.event, Event::PodSeen(fact) if fact.state.raw() == "ContainerCreating") && run.touched_anything()
    });
    for (name, theme) in [
        ("dark", Theme::dark()),
        ("light", Theme::light()),
        ("colour-blind", Theme::colour_blind()),
        ("sixteen", Theme::sixteen()),
        ("mono", Theme::mono()),
    ] {
        let buffer = drawn(&run, run.now(), &hands(), &theme, (80, 24));
        insta::assert_snapshot!(format!("palette-{name}"), styled(&buffer));
    }
}

#[test]
fn theme_of_ones_own_should_paint_its_roles_and_nothing_else() {
    let run = Story::read("network-delay-undo").at(20.0);
    let said = [("accent", "#ff8800 underlined"), ("production", "bright-white on blue"), ("window", "on 17"), ("second", "magenta")];
    let look = Look {
        paints: paint::read(&Theme::dark(), said).unwrap(),
        term: Some("xterm-256color".to_owned()),
        colorterm: Some("truecolor".to_owned()),
        ..Look::default()
    };
    insta::assert_snapshot!("palette-own", styled(&drawn(&run, run.now(), &hands(), &look.theme(), (80, 24))));
    let few = Look { term: Some("linux".to_owned()), colorterm: None, ..look };
    insta::assert_snapshot!("palette-own-sixteen", styled(&drawn(&run, run.now(), &hands(), &few.theme(), (80, 24))));
}

/// Every run of cells that look alike: its colours, its modifiers, its text.
fn styled(buffer: &Buffer) -> String {
    let mut out = String::new();
    for y in 0..buffer.area.height {
        let cells: Vec<_> = (0..buffer.area.width).map(|x| &buffer[(x, y)]).collect();
        for like in cells.chunk_by(|a, b| a.style() == b.style()) {
            let text: String = like.iter().map(|cell| cell.symbol()).collect();
            if !text.trim().is_empty() || like[0].bg != Color::Reset {
                writeln!(out, "{y:2} {:?} on {:?} {:?}: {}", like[0].fg, like[0].bg, like[0].modifier, text.trim_end()).unwrap();
            }
        }
    }
    out
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

/// A run whose only fault hangs in its deletion.
fn stuck(rehearsal: bool) -> Run {
    let mut story = Story::read("network-delay-undo");
    story.header.place.rehearsal = rehearsal;
    let mut run = story.until(|_, entry| matches!(&entry.event, Event::Answered { effect, .. } if effect.0 == "lift/0/1"));
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
    run
}

fn tell(run: &mut Run, event: Event) -> Vec<Effect> {
    run.apply(&Entry { seq: run.seq() + 1, at: run.now() + Duration::from_millis(50), event })
}

#[test]
fn screen_should_show_what_holds_a_stuck_undo_and_the_ways_out() {
    let run = stuck(false);
    look("stuck", &run, &hands());
    // no command is cut, at whatever size panels are drawn
    for size in &SIZES[..3] {
        let screen = text(&drawn(&run, run.now(), &hands(), &Theme::dark(), *size));
        let whole: String = screen.chars().filter(|c| !c.is_whitespace() && *c != '│').collect();
        let force = "gameday recover --force NetworkChaos/production/task-api-network-delay-5eed00";
        let delete = "kubectl -n production delete pod task-api-7d9f8b6c5d-t8zlc task-api-7d9f8b6c5d-x7k2p";
        if *size == (80, 24) {
            assert!([force, delete].iter().all(|command| whole.contains(&command.replace(' ', ""))), "{screen}");
        }
    }
}

#[test]
fn screen_should_not_call_clean_what_was_left_behind() {
    let mut run = stuck(false);
    tell(&mut run, Event::Commanded(Command::Leave));
    assert!(!run.phase().0.is_over());
    let screen = text(&drawn(&run, run.now() + Duration::from_secs(2), &hands(), &Theme::dark(), (120, 36)));
    assert!(screen.contains("Not clean: something of this run is left") && !screen.contains("All clean"), "{screen}");
}

/// All that any face says of a run: its screens, its timeline, its reports, its last lines.
fn all_faces(run: &Run) -> String {
    let mut said: Vec<String> = run.timeline().iter().map(|moment| wording::moment(run, moment)).collect();
    said.extend(wording::stuck::left(run));
    let findings = Findings::of(run);
    said.extend([markdown::write(&findings), serde_json::to_string(&findings).unwrap()]);
    said.extend(Board::of(run).rows(false).into_iter().flat_map(|item| [item.seen.clone(), item.mend.clone().unwrap_or_default()]));
    let opened: [&[KeyCode]; 3] = [&[], &[KeyCode::Char('!')], &[KeyCode::Char('1')]];
    for keys in opened {
        for size in [(80, 24), (200, 60)] {
            // words that were broken for the width of a screen are one again
            let screen = text(&drawn(run, run.now() + Duration::from_secs(2), &pressed(run, keys), &Theme::dark(), size));
            said.push(screen.split_whitespace().filter(|word| *word != "│").collect::<Vec<_>>().join(" "));
        }
    }
    said.join("\n")
}

#[test]
fn rehearsal_should_never_send_anybody_to_recover_what_ends_with_it() {
    for rehearsal in [true, false] {
        let mut run = stuck(rehearsal);
        let mut said = all_faces(&run);
        let sealed = tell(&mut run, Event::Commanded(Command::Leave));
        said += &all_faces(&run);
        let sealed = sealed.into_iter().find_map(|effect| if let Effect::Seal { conclusion } = effect { Some(conclusion) } else { None });
        tell(&mut run, Event::Sealed(sealed.unwrap()));
        said += &all_faces(&run);
        for advice in ["gameday recover", "gameday abort"] {
            let told = said.contains(advice);
            assert!(if rehearsal { !told } else { told || advice == "gameday abort" }, "{advice}: {said}");
        }
        assert_eq!(said.contains("the practice cluster ends with this process"), rehearsal, "{said}");
    }
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

/// Hands that typed this.
fn typed(run: &Run, keys: &str) -> Hands {
    let code = |c| if c == '\n' { KeyCode::Enter } else { KeyCode::Char(c) };
    pressed(run, &keys.chars().map(code).collect::<Vec<_>>())
}

#[test]
fn command_line_should_list_what_may_be_meant() {
    let run = Story::read("pod-kill-errors-aborted").at(20.0);
    look("command-line", &run, &typed(&run, ":st"));
    look("command-line-wrong", &run, &typed(&run, ":xyzzy\n"));
}

#[test]
fn filter_should_be_seen_while_it_is_written_and_while_it_is_followed() {
    let run = Story::read("pod-kill-errors-aborted").at(20.0);
    look("filter-written", &run, &typed(&run, "2/run"));
    look("filter-wrong", &run, &typed(&run, "2/(run"));
    look("filter-cockpit", &run, &typed(&run, "/d7rvc\n"));
    look("filter-pods", &run, &typed(&run, "2/-f dv\n"));
    look("filter-timeline", &run, &typed(&run, "5/d7rvc\n"));
    look("filter-nothing", &run, &typed(&run, "5/xyzzy\n"));
}

#[test]
fn frozen_picture_should_say_that_it_is_and_never_hide_what_tells_of_safety() {
    let story = Story::read("pod-kill-errors-aborted");
    let held = story.at(13.0);
    let now = held.now();
    let (held, run) = ((Box::new(held), now), story.at(22.0));
    let hands = Hands { frozen: true, ..hands() };
    let theme = Theme::dark();
    let scene = Scene::new(&run, run.now(), &theme, &hands).frozen(Some(&held));
    look_of("frozen", &scene);
}

#[test]
fn marked_pod_should_be_seen() {
    let run = Story::read("pod-kill-errors-aborted").at(20.0);
    let hands = typed(&run, "2jj");
    look("marked", &run, &hands);
    insta::assert_snapshot!("marked-styled", styled(&drawn(&run, run.now(), &hands, &Theme::dark(), (80, 24))));
}

#[test]
fn whoever_looks_on_should_see_what_the_leader_sees_and_what_they_are() {
    let run = Story::read("pod-kill-errors-aborted").at(20.0);
    for driven in [true, false] {
        let name = if driven { "watch" } else { "watch-gone" };
        look(name, &run, &Hands { seat: Seat::Spectator { driven }, ..hands() });
    }
    let position = Position { head: run.now(), end: At::ZERO + Duration::from_secs(34), speed: 4.0, paused: false };
    look("replay", &run, &Hands { seat: Seat::Player(position), ..hands() });
    let paused = Position { paused: true, speed: 0.5, ..position };
    look("replay-paused", &run, &Hands { seat: Seat::Player(paused), screen: Some(Screen::Timeline), ..hands() });
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

//! Keys to deeds: every command can be reached, and nothing happens by a slip of the hand.

#![expect(clippy::unwrap_used, reason = "a test that can't read its journal has failed")]

#[path = "support/story.rs"]
mod story;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use crossterm::event::{KeyCode, KeyEvent};
use gameday::command::{AbortedBy, Command};
use gameday::effect::Effect;
use gameday::event::{Entry, Event};
use gameday::face::home::{Drill, Home};
use gameday::face::look::{Aspect, Look, LookAt};
use gameday::run::Run;
use gameday::seat::{Position, Seat};
use gameday::tui::hands::looking::{Looking, REFRESH};
use gameday::tui::hands::palette::Palette;
use gameday::tui::hands::{Deed, Hands, Open};
use gameday::tui::keys::{Act, Key, Keys, SCOPES, Scope, Screen, TABLE};
use story::golden;

fn run(until: f64) -> Run {
    golden("network-delay-undo", until, |_| {})
}

const READY: f64 = 2.0;
const LIVE: f64 = 22.0;
const UNDOING: f64 = 24.0;
const OVER: f64 = 99.0;

fn press(hands: &mut Hands, run: &Run, keys: &[Key]) -> Option<Deed> {
    keys.iter().map(|key| hands.press(KeyEvent::from(*key), run)).last().flatten()
}

const ENTER: Key = Key::Code(KeyCode::Enter);
const ESC: Key = Key::Code(KeyCode::Esc);
const CTRL_C: Key = Key::Ctrl('c');

#[test]
fn hands_should_reach_every_command() {
    let mut reached = BTreeSet::new();
    let mut note = |deed: Option<Deed>| match deed {
        Some(Deed::Command(command)) => assert!(reached.insert(format!("{command:?}")), "{command:?} twice"),
        other => panic!("no command but {other:?}"),
    };
    let hands = || Hands::of("maria");
    note(press(&mut hands(), &run(READY), &[ENTER]));
    note(press(&mut hands(), &run(LIVE), &[Key::Char('>'), ENTER]));
    note(press(&mut hands(), &run(LIVE), &[Key::Char('!'), ENTER]));
    note(press(&mut hands(), &run(LIVE), &[CTRL_C]));
    note(press(&mut hands(), &run(UNDOING), &[CTRL_C, CTRL_C]));
    note(press(&mut hands(), &run(LIVE), &[Key::Char('a'), Key::Char('q'), Key::Char('!'), ENTER]));
    assert_eq!(reached.len(), 6);
}

/// A run that was not let start: nobody answered it.
fn refused() -> Run {
    let mut run = run(0.0);
    let late = run.now() + std::time::Duration::from_mins(1);
    let mut tell = |event| run.apply(&Entry { seq: run.seq() + 1, at: late, event });
    let sealed =
        tell(Event::DeadlinePassed).into_iter().find_map(|e| if let Effect::Seal { conclusion } = e { Some(conclusion) } else { None });
    tell(Event::Sealed(sealed.unwrap()));
    run
}

/// A look at the first pod, of which this was seen.
fn looked(run: &Run, aspect: Aspect, lines: &[&str]) -> Looking {
    let at = LookAt { pod: Hands::of("maria").meant(run).unwrap().fact.pod.clone(), aspect };
    let mut looking = Looking::new(at.clone());
    assert!(looking.take(Look { at, seen: Ok(lines.iter().map(|line| (*line).into()).collect()) }));
    looking
}

#[test]
fn hands_should_let_each_binding_of_the_table_do_something() {
    let moments = [(Scope::Before, READY), (Scope::Live, LIVE), (Scope::Undoing, UNDOING), (Scope::Over, OVER)];
    let opened = [
        (Scope::Ask, Open::Stop),
        (Scope::Reading, Open::Help),
        (Scope::Writing, Open::Note("half a not".to_owned())),
        (Scope::Choosing, Open::Palette(Palette { text: "po".to_owned(), ..Palette::default() })),
    ];
    let mut tried = 0;
    // home has no run: tests/tui_home.rs
    for scope in SCOPES.into_iter().filter(|scope| *scope != Scope::Home) {
        let (until, open) = match moments.iter().find(|(of, _)| *of == scope) {
            Some((_, until)) => (*until, None),
            None => (LIVE, opened.iter().find(|(of, _)| *of == scope).map(|(_, open)| open.clone())),
        };
        let run = if scope == Scope::Refused { refused() } else { run(until) };
        let seat = match scope {
            Scope::Watching => Seat::Spectator { driven: true },
            Scope::Replaying => Seat::Player(Position { head: run.now(), end: run.now(), speed: 1.0, paused: true }),
            _ => Seat::Leader,
        };
        for binding in Keys::default().of(scope) {
            for key in binding.keys.iter() {
                let looking = (scope == Scope::Looking).then(|| looked(&run, Aspect::Logs, &["a line"]));
                let mut hands = Hands { open: open.clone(), looking, seat, edits: true, ..Hands::of("maria") };
                assert_eq!(hands.scope(&run), scope);
                assert!(hands.press(KeyEvent::from(*key), &run).is_some(), "{key} in {scope:?} does nothing: {binding:?}");
                tried += 1;
            }
        }
    }
    assert!(tried > TABLE.len());
}

#[test]
fn stop_should_be_two_keys_away_from_everywhere() {
    let run = run(LIVE);
    for open in [None, Some(Open::Help), Some(Open::Skip(0)), Some(Open::Note("a note".to_owned())), Some(Open::Runbook { opened: false })]
    {
        let mut hands = Hands { open: open.clone(), ..Hands::of("maria") };
        let deed = press(&mut hands, &run, &[Key::Code(KeyCode::F(12)), ENTER]);
        assert_eq!(deed, Some(Deed::Command(Command::Abort { by: AbortedBy::Key })), "from {open:?}");
    }
}

#[test]
fn look_should_be_at_the_marked_pod_else_at_one_that_is_not_ready() {
    let run = run(LIVE);
    let mut hands = Hands::of("maria");
    let first = hands.meant(&run).unwrap().fact.pod.clone();
    assert!(!hands.meant(&run).unwrap().is_ready() || run.fleet().targets[0].pods.values().all(|pod| pod.gone.is_some() || pod.is_ready()));
    for (key, aspect) in [('d', Aspect::Details), ('y', Aspect::Yaml), ('l', Aspect::Logs)] {
        let mut hands = Hands::of("maria");
        assert_eq!(press(&mut hands, &run, &[Key::Char(key)]), Some(Deed::Look(LookAt { pod: first.clone(), aspect })));
        assert_eq!(hands.scope(&run), Scope::Looking);
        // the same pod, however many are not ready by then
        press(&mut hands, &run, &[Key::Char('y')]);
        assert_eq!(hands.looking.as_ref().map(|looking| looking.at.clone()), Some(LookAt { pod: first.clone(), aspect: Aspect::Yaml }));
    }
    press(&mut hands, &run, &typed("2jj"));
    let marked = hands.chosen.clone();
    let Some(Deed::Look(at)) = press(&mut hands, &run, &typed("l")) else { panic!("no look") };
    assert_eq!(Some(at.pod.uid), marked);
}

#[test]
fn look_should_be_the_leaders_alone() {
    let run = run(LIVE);
    let mut hands = Hands { seat: Seat::Spectator { driven: true }, ..Hands::of("maria") };
    assert!(!hands.offers(Act::Look(Aspect::Logs), &run));
    assert_eq!((hands.act(Act::Look(Aspect::Logs), &run), hands.looking), (None, None));
}

#[test]
fn look_should_be_left_step_by_step_and_at_once_when_everything_is_undone() {
    let run = run(LIVE);
    let lines = ["GET /a 200", "GET /b 500", "\u{1b}[2J"];
    let mut hands = Hands { looking: Some(looked(&run, Aspect::Logs, &lines)), ..Hands::of("maria") };
    press(&mut hands, &run, &[typed("/500"), vec![ENTER]].concat());
    assert!(hands.filter.is_empty(), "the pods keep theirs");
    let Some(Deed::Copy(what, text)) = press(&mut hands, &run, &typed("c")) else { panic!("nothing is copied") };
    assert!(what.starts_with("1 lines of logs, ") && text == "GET /b 500", "{what}: {text}");
    press(&mut hands, &run, &[ESC]);
    assert!(hands.looking.as_ref().unwrap().filter.is_empty());
    press(&mut hands, &run, &typed("q"));
    assert_eq!((hands.scope(&run), hands.open.is_none()), (Scope::Live, true));
    for (keys, command) in [(vec![CTRL_C], AbortedBy::Interrupt), (vec![Key::Char('!'), ENTER], AbortedBy::Key)] {
        let mut hands = Hands { looking: Some(looked(&run, Aspect::Logs, &lines)), ..Hands::of("maria") };
        assert_eq!(press(&mut hands, &run, &keys), Some(Deed::Command(Command::Abort { by: command })));
        assert_eq!(hands.looking, None);
    }
}

#[test]
fn logs_should_follow_their_end_until_they_are_scrolled_up() {
    let run = run(LIVE);
    let mut hands = Hands { looking: Some(looked(&run, Aspect::Logs, &["a", "b"])), ..Hands::of("maria") };
    let looking = hands.looking.as_mut().unwrap();
    looking.most.set(50);
    assert!(!looking.is_stale());
    looking.age = REFRESH;
    assert!(looking.is_stale());
    let tops: Vec<Option<usize>> = "kkjjgG"
        .chars()
        .map(|key| {
            press(&mut hands, &run, &[Key::Char(key)]);
            let looking = hands.looking.as_ref().unwrap();
            assert_eq!(looking.is_stale(), looking.top.is_none());
            looking.top
        })
        .collect();
    assert_eq!(tops, [Some(49), Some(48), Some(49), None, Some(0), None]);
    let other = Look { at: LookAt { aspect: Aspect::Yaml, ..hands.looking.as_ref().unwrap().at.clone() }, seen: Err("no".into()) };
    assert!(!hands.looking.as_mut().unwrap().take(other), "what is not looked at any more is not shown");
}

#[test]
fn ctrl_c_should_stop_at_once_and_leave_the_second_time_from_everywhere() {
    let run = run(LIVE);
    for open in [None, Some(Open::Stop), Some(Open::Help), Some(Open::Skip(0)), Some(Open::Note("a note".to_owned()))] {
        let mut hands = Hands { open: open.clone(), ..Hands::of("maria") };
        let stop = Some(Deed::Command(Command::Abort { by: AbortedBy::Interrupt }));
        assert_eq!(press(&mut hands, &run, &[CTRL_C]), stop, "from {open:?}");
        // the picture may still be that of the live run
        assert_eq!(press(&mut hands, &run, &[CTRL_C]), Some(Deed::Command(Command::Leave)), "from {open:?}");
        // a key in between: the next one is a first one again
        let mut hands = Hands::of("maria");
        press(&mut hands, &run, &[CTRL_C, Key::Char('j')]);
        assert_ne!(press(&mut hands, &run, &[CTRL_C]), Some(Deed::Command(Command::Leave)));
    }
}

#[test]
fn leaving_should_ask_while_a_run_is_live_and_escape_should_never_leave() {
    let mut hands = Hands::of("maria");
    assert_eq!(press(&mut hands, &run(LIVE), &[Key::Char('q')]), Some(Deed::Draw));
    assert_eq!(hands.open, Some(Open::Stop));
    assert_eq!(press(&mut hands, &run(LIVE), &[ESC, ESC, ESC]), Some(Deed::Draw));
    assert_eq!(hands.open, None);
    assert_eq!(press(&mut hands, &run(OVER), &[ESC]), Some(Deed::Draw));
    assert_eq!(press(&mut hands, &run(OVER), &[Key::Char('q')]), Some(Deed::Leave));
}

#[test]
fn leave_should_need_two_presses_in_a_row_while_undoing() {
    let run = run(UNDOING);
    let mut hands = Hands::of("maria");
    assert_eq!(press(&mut hands, &run, &[CTRL_C]), Some(Deed::Draw));
    assert_eq!(press(&mut hands, &run, &[Key::Char('j'), CTRL_C]), Some(Deed::Draw));
    assert_eq!(press(&mut hands, &run, &[CTRL_C]), Some(Deed::Command(Command::Leave)));
}

#[test]
fn question_should_close_when_the_run_has_overtaken_it() {
    let mut hands = Hands::of("maria");
    press(&mut hands, &run(LIVE), &[Key::Char('>')]);
    assert!(hands.open.is_some());
    hands.follow(&run(OVER));
    assert_eq!(hands.open, None);
    assert_eq!(press(&mut hands, &run(OVER), &[ENTER]), None);
}

#[test]
fn note_should_hold_what_is_typed_and_pasted_on_one_line() {
    let run = run(LIVE);
    let mut hands = Hands::of("maria");
    press(&mut hands, &run, &[Key::Char('a'), Key::Char('h'), Key::Char('x'), Key::Code(KeyCode::Backspace)]);
    hands.paste("ello\nworld\u{1b}[2J");
    let deed = press(&mut hands, &run, &[ENTER]);
    let Some(Deed::Command(Command::Note { author, text })) = deed else { panic!("{deed:?}") };
    assert_eq!((author.raw(), text.raw()), ("maria", "hello world [2J"));
}

#[test]
fn start_should_wait_for_the_preflight() {
    assert_eq!(press(&mut Hands::of("maria"), &run(0.01), &[ENTER]), None);
    assert!(!Hands::of("maria").offers(Act::Start, &run(0.01)));
}

fn rebound(changes: &[(&str, &[&str])]) -> Result<Keys, String> {
    let keys = |keys: &[&str]| keys.iter().map(|key| (*key).to_owned()).collect();
    Keys::rebound(&changes.iter().map(|(command, bound)| ((*command).to_owned(), keys(bound))).collect())
}

#[test]
fn keys_should_be_bound_as_the_settings_say() {
    let run = run(LIVE);
    let keys = rebound(&[("stop", &["s", "F10"]), ("note", &["n"]), ("pods", &["V", "2"])]).unwrap();
    let hands = || Hands { keys: keys.clone(), ..Hands::of("maria") };
    let mut stopping = hands();
    assert_eq!(
        press(&mut stopping, &run, &[Key::Char('s'), ENTER]),
        Some(Deed::Command(Command::Abort { by: AbortedBy::Key })),
        "its new key"
    );
    assert_eq!(hands().press(Key::Char('!').into(), &run), None, "the old one does nothing");
    // in a note an s is an s, and the other new key stops
    let mut writing = Hands { open: Some(Open::Note(String::new())), ..hands() };
    press(&mut writing, &run, &[Key::Char('s')]);
    assert_eq!(writing.open, Some(Open::Note("s".to_owned())));
    press(&mut writing, &run, &[Key::Code(KeyCode::F(10))]);
    assert_eq!(writing.open, Some(Open::Stop));
    // a character alone leaves the note its old one
    let only = rebound(&[("stop", &["s"])]).unwrap();
    assert_eq!((only.key(Scope::Live, Act::Stop), only.key(Scope::Writing, Act::Stop)), ("s".to_owned(), "F12".to_owned()));
}

#[test]
fn keys_that_would_harm_or_confuse_should_be_refused_by_name() {
    for (changes, why) in [
        (&[("stopp", &["s"] as &[&str])] as &[(&str, &[&str])], "did you mean \"stop\"?"),
        (&[("stop", &[])], "name at least one"),
        (&[("stop", &["Hyper-X"])], "\"Hyper-X\" is no key"),
        (&[("stop", &["a"])], "a would be both \"stop\" and \"note\""),
        (&[("stop", &["Ctrl-D"])], "means something else to the fingers of other tools"),
        (&[("interrupt", &["F9"])], "Ctrl-C always does the same"),
        (&[("note", &["Ctrl-C"])], "Ctrl-C always does the same"),
        (&[("note", &["Esc"])], "Esc always does the same"),
        (&[("note", &["n", "7"])], "note: 7 is kept for a screen to come, drills"),
        (&[("pods", &["8"])], "pods: 8 is kept for a screen to come, cost"),
        (&[("open", &["9"])], "open: 9 is kept for a screen to come, people"),
    ] {
        let refused = rebound(changes).unwrap_err();
        assert!(refused.contains(why), "{changes:?}: {refused}");
    }
}

/// The key table as it stands in the README: `GAMEDAY_README=1` writes it there.
#[test]
fn keys_of_the_readme_should_be_those_of_the_table() {
    let mut table = "| keys | command | does | where |\n|---|---|---|---|\n".to_owned();
    for binding in TABLE {
        let keys: Vec<String> = binding.keys.iter().map(|key| format!("`{key}`")).collect();
        let places: Vec<&str> = binding.scopes.iter().copied().map(Scope::says).collect();
        let row = [keys.join(" "), binding.act.name().to_owned(), binding.says.to_owned(), places.join(", ")];
        table += &format!("| {} |\n", row.join(" | "));
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = readme.split_once("<!-- keys -->\n").unwrap();
    let (_, after) = rest.split_once("<!-- /keys -->").unwrap();
    let written = format!("{before}<!-- keys -->\n{table}<!-- /keys -->{after}");
    if std::env::var_os("GAMEDAY_README").is_some() {
        std::fs::write(&path, &written).unwrap();
    }
    assert!(written == readme || std::env::var_os("GAMEDAY_README").is_some(), "the keys of the README are not those of the table");
}

fn typed(text: &str) -> Vec<Key> {
    text.chars().map(Key::Char).collect()
}

fn command(line: &str) -> Vec<Key> {
    [typed(":"), typed(line), vec![ENTER]].concat()
}

#[test]
fn command_line_should_reach_every_command_that_works() {
    for (until, scope) in [(READY, Scope::Before), (LIVE, Scope::Live), (UNDOING, Scope::Undoing), (OVER, Scope::Over)] {
        let run = run(until);
        for binding in Keys::default().of(scope) {
            let (act, mut hands) = (binding.act, Hands::of("maria"));
            if matches!(act, Act::Interrupt | Act::Close | Act::Palette) || !hands.offers(act, &run) {
                continue;
            }
            let by_name = press(&mut hands, &run, &command(act.name()));
            let mut other = Hands::of("maria");
            let by_key = other.act(act, &run).or(Some(Deed::Draw));
            assert_eq!(by_name, by_key, "{} in {scope:?}", act.name());
            hands.given.clear();
            assert_eq!(hands, other, "{} in {scope:?}", act.name());
        }
    }
}

#[test]
fn command_line_should_break_nothing_that_is_not_written_out() {
    let run = run(READY);
    let mut hands = Hands::of("maria");
    assert_eq!(press(&mut hands, &run, &command("sta")), Some(Deed::Draw), "the first Enter writes it out");
    assert_eq!(hands.open, Some(Open::Palette(Palette { text: "start".to_owned(), ..Palette::default() })));
    assert_eq!(press(&mut hands, &run, &[ENTER]), Some(Deed::Command(Command::Start)));
    assert_eq!(press(&mut Hands::of("maria"), &run, &command("")), Some(Deed::Draw), "an empty line does nothing");
}

#[test]
fn command_line_should_say_what_it_does_not_know_and_lose_nothing() {
    let run = run(LIVE);
    let mut hands = Hands::of("maria");
    press(&mut hands, &run, &command("xyzzy"));
    let Some(Open::Palette(palette)) = &hands.open else { panic!("it closed") };
    assert_eq!((palette.text.as_str(), palette.wrong.is_some()), ("xyzzy", true));
}

#[test]
fn command_line_should_take_notes_and_filters_and_remember_them() {
    let run = run(LIVE);
    let mut hands = Hands::of("maria");
    let note = press(&mut hands, &run, &command("note the pager rang"));
    assert_eq!(note, Some(Deed::Command(Command::Note { author: "maria".into(), text: "the pager rang".into() })));
    press(&mut hands, &run, &command("filter -l app=web"));
    assert_eq!(hands.filter.text(), "-l app=web");
    press(&mut hands, &run, &[Key::Char(':'), Key::Code(KeyCode::Up), Key::Code(KeyCode::Up)]);
    let Some(Open::Palette(palette)) = &hands.open else { panic!("it closed") };
    assert_eq!(palette.text, "note the pager rang");
}

#[test]
fn filter_should_be_followed_while_it_is_written_and_dropped_by_escape() {
    let run = run(LIVE);
    let mut hands = Hands::of("maria");
    press(&mut hands, &run, &[typed("/"), typed("web")].concat());
    assert_eq!(hands.filter.text(), "web");
    press(&mut hands, &run, &[ENTER]);
    assert_eq!((hands.filter.text(), hands.open.is_none()), ("web", true));
    press(&mut hands, &run, &[ESC]);
    assert!(hands.filter.is_empty());
}

#[test]
fn filter_should_be_offered_where_it_has_rows_to_choose_from_and_nowhere_else() {
    let offered = |hands: &Hands, run: &Run| hands.offers(Act::Filter, run);
    for (screen, filters) in [('1', true), ('2', true), ('3', false), ('4', false), ('5', true)] {
        for run in [run(LIVE), run(OVER)] {
            let mut hands = Hands::of("maria");
            press(&mut hands, &run, &typed(&screen.to_string()));
            assert_eq!(offered(&hands, &run), filters, "on screen {screen}");
            press(&mut hands, &run, &typed("/"));
            assert_eq!(hands.open.is_some(), filters, "what is not offered opens nothing, on screen {screen}");
        }
    }
    assert!(offered(&Hands::of("maria"), &run(OVER)), "the findings have a timeline");
    let checks = Hands { screen: Some(Screen::Preflight), ..Hands::of("maria") };
    assert!(!offered(&checks, &run(OVER)) && !offered(&Hands { seat: Seat::Spectator { driven: true }, ..Hands::of("x") }, &run(READY)));
    // lines of a look are filtered wherever it was begun
    let run = run(LIVE);
    let looking = Some(looked(&run, Aspect::Logs, &["a line"]));
    assert!(offered(&Hands { screen: Some(Screen::Metrics), looking, ..Hands::of("maria") }, &run));
}

#[test]
fn charts_should_be_offered_where_there_are_some() {
    for (screen, charts) in [('1', true), ('2', false), ('3', false), ('4', true), ('5', false)] {
        let (run, mut hands) = (run(LIVE), Hands::of("maria"));
        press(&mut hands, &run, &typed(&screen.to_string()));
        assert_eq!(hands.offers(Act::NextChart, &run), charts, "on screen {screen}");
    }
}

#[test]
fn escape_should_take_one_step_back_at_a_time() {
    let run = run(LIVE);
    let mut hands = Hands::of("maria");
    press(&mut hands, &run, &[typed("2/w"), vec![ENTER], typed("j"), vec![Key::Ctrl('f')]].concat());
    let state = |hands: &Hands| (hands.frozen, hands.filter.is_empty(), hands.chosen.is_none(), hands.screen.is_none());
    let mut seen = vec![state(&hands)];
    while hands.screen.is_some() && seen.len() < 9 {
        press(&mut hands, &run, &[ESC]);
        seen.push(state(&hands));
    }
    assert_eq!(seen.first(), Some(&(true, false, true, false)), "nothing is marked that the filter hides");
    assert_eq!(seen.last(), Some(&(false, true, true, true)));
    assert_eq!(seen.len(), 4);
}

#[test]
fn frozen_picture_should_thaw_by_itself_when_the_run_is_undone() {
    let mut hands = Hands::of("maria");
    press(&mut hands, &run(LIVE), &[Key::Ctrl('f')]);
    hands.follow(&run(LIVE));
    assert!(hands.frozen);
    hands.follow(&run(UNDOING));
    assert!(!hands.frozen);
}

#[test]
fn pods_should_be_marked_one_by_one_and_copied_by_name() {
    let run = run(LIVE);
    let mut hands = Hands::of("maria");
    press(&mut hands, &run, &typed("2jj"));
    let chosen = hands.chosen.clone();
    press(&mut hands, &run, &typed("P"));
    assert_eq!(hands.chosen, chosen, "sorting marks no other");
    let Some(Deed::Copy(what, text)) = press(&mut hands, &run, &typed("c")) else { panic!("nothing is copied") };
    assert_eq!(what, text);
    assert!(run.fleet().targets[0].pods.values().any(|pod| pod.fact.pod.name == text));
}

#[test]
fn undo_should_be_seen_over_a_look_that_it_overtakes() {
    let mut hands = Hands::of("maria");
    press(&mut hands, &run(LIVE), &typed("l"));
    hands.follow(&run(UNDOING));
    assert!(hands.looking.is_some() && !hands.undo_hidden, "the dialog lies over the logs");
    press(&mut hands, &run(UNDOING), &[ESC]);
    assert!(hands.looking.is_some() && hands.undo_hidden, "one step back: the dialog");
    press(&mut hands, &run(UNDOING), &[ESC]);
    assert!(hands.looking.is_none());
    // whoever looks while it is undone wants to see it
    let mut hands = Hands::of("maria");
    press(&mut hands, &run(UNDOING), &typed("l"));
    assert!(hands.looking.is_some() && hands.undo_hidden);
}

#[test]
fn findings_should_show_by_themselves_to_whoever_is_back_on_the_usual_screen() {
    let mut hands = Hands::of("maria");
    press(&mut hands, &run(LIVE), &typed("21"));
    assert_eq!((hands.screen(&run(LIVE)), hands.screen(&run(OVER))), (Screen::Cockpit, Screen::Findings));
    press(&mut hands, &run(OVER), &typed("1"));
    assert_eq!(hands.screen(&run(OVER)), Screen::Cockpit, "who asks for it then gets it");
}

/// Hands that know of three scenarios at home.
fn at_home() -> Hands {
    let drills = ["a.yaml", "b.yaml", "c.yaml"].map(|file| Drill::of(file.into(), Err("a mistake".into()), &[])).to_vec();
    Hands { porch: Some(Arc::new(Home { drills, ..Home::default() })), ..Hands::of("maria") }
}

#[test]
fn home_should_be_looked_at_while_a_run_goes_on_and_open_nothing() {
    let run = run(LIVE);
    for way in [vec![ESC], command("home")] {
        let mut hands = at_home();
        press(&mut hands, &run, &way);
        assert_eq!(hands.screen(&run), Screen::Home, "{way:?}");
        assert_eq!(press(&mut hands, &run, &typed("jj")), Some(Deed::Draw));
        assert_eq!(hands.lobby.drill, 2);
        let before = hands.clone();
        assert!(matches!(press(&mut hands, &run, &[ENTER]), Some(Deed::Draw) | None));
        assert_eq!(hands, before, "Enter opens nothing");
        press(&mut hands, &run, &[Key::Code(KeyCode::Tab), Key::Char('!')]);
        assert_eq!(hands.open, Some(Open::Stop), "the stop is at hand");
        press(&mut hands, &run, &[ESC, ESC]);
        assert_eq!((hands.screen(&run), hands.open.clone()), (Screen::Cockpit, None));
    }
    // where nothing is known of home, and where nobody leads, Esc stays where it is
    for mut hands in [Hands::of("maria"), Hands { seat: Seat::Spectator { driven: true }, ..at_home() }] {
        press(&mut hands, &run, &[ESC, ESC]);
        assert_eq!(hands.screen(&run), Screen::Cockpit);
    }
    // before the start, going home is leaving: asked
    let mut hands = at_home();
    press(&mut hands, &self::run(READY), &command("home"));
    assert_eq!(hands.open, Some(Open::Stop));
}

#[test]
fn editor_should_open_only_where_no_run_is_under_way() {
    let edit = |hands: Hands, until: f64| press(&mut { hands }, &run(until), &typed("e"));
    let hands = || Hands { edits: true, ..Hands::of("maria") };
    for idle in [READY, OVER] {
        assert_eq!(edit(hands(), idle), Some(Deed::Edit));
        assert_eq!(edit(Hands::of("maria"), idle), None, "there is no file");
    }
    for busy in [LIVE, UNDOING] {
        assert_eq!(edit(hands(), busy), None);
        assert_ne!(press(&mut hands(), &run(busy), &command("edit")), Some(Deed::Edit));
    }
    assert_eq!(edit(Hands { seat: Seat::Spectator { driven: true }, ..hands() }, OVER), None);
}

//! What is done to charts by hand: cursor, zoom, pan; several series in one; the large letters; from journals of real runs.

#![expect(clippy::unwrap_used, reason = "a test that can't read its journal has failed")]

#[path = "support/story.rs"]
mod story;

use std::collections::BTreeSet;
use std::fmt::Write;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use gameday::event::{Event, Number, Reading};
use gameday::run::Run;
use gameday::run::verdicts::Standing;
use gameday::seat::Seat;
use gameday::tui::hands::Hands;
use gameday::tui::keys::Screen;
use gameday::tui::letters::Type;
use gameday::tui::scene::Scene;
use gameday::tui::theme::Theme;
use gameday::tui::zoom::Turn;
use gameday::tui::{ascii, charts, view};
use gameday::wording::live::safety;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use story::golden;

/// The sizes that are looked at.
const SIZES: [(u16, u16); 3] = [(80, 24), (120, 36), (200, 60)];

fn observing() -> Run {
    golden("pod-kill-errors-aborted", 20.0, |_| {})
}

/// The same, where each query answers with so many series.
fn in_series(pods: &'static [&'static str]) -> Run {
    golden("pod-kill-errors-aborted", 20.0, |event| {
        if let Event::Sampled { reading: Reading::Values { values }, .. } = event
            && let [(_, Number(value))] = values.as_slice()
        {
            let value = *value;
            let of = |(index, pod): (u32, &&str)| {
                let labels = format!("method=GET,pod=task-api-6cfc66db64-{pod},service=task-api");
                (labels.as_str().into(), Number(value * (1.0 - 0.3 * f64::from(index))))
            };
            *values = (0..).zip(pods).map(of).collect();
        }
    })
}

fn pressed(run: &Run, mut hands: Hands, keys: &str) -> Hands {
    for key in keys.chars() {
        hands.press(KeyEvent::new(KeyCode::Char(key), KeyModifiers::NONE), run);
    }
    hands
}

fn drawn(run: &Run, hands: &Hands, theme: &Theme, size: (u16, u16)) -> String {
    let area = Rect::new(0, 0, size.0, size.1);
    let mut buffer = Buffer::empty(area);
    view::draw(&Scene::new(run, run.now(), theme, hands), area, &mut buffer);
    if theme.ascii {
        ascii::translate(&mut buffer);
    }
    let mut out = String::new();
    for y in 0..size.1 {
        let line: String = (0..size.0).map(|x| buffer[(x, y)].symbol()).collect();
        writeln!(out, "{}", line.replace('\u{a0}', "▒").trim_end()).unwrap();
    }
    out
}

fn look(name: &str, run: &Run, hands: &Hands) {
    for size in SIZES {
        insta::assert_snapshot!(format!("{name}-{}x{}", size.0, size.1), drawn(run, hands, &Theme::dark(), size));
    }
}

fn hands() -> Hands {
    Hands::of("maria")
}

#[test]
fn cursor_should_read_out_what_was_seen_there() {
    let run = observing();
    look("cursor", &run, &pressed(&run, hands(), "[[[["));
}

#[test]
fn zoom_should_show_a_part_and_say_which_until_it_is_taken_back() {
    let run = observing();
    look("zoomed", &run, &pressed(&run, hands(), "[[[[+"));
    let whole = drawn(&run, &hands(), &Theme::dark(), (120, 36));
    for back in ["+0", "[[+{{0", "+-", "{}"] {
        assert_eq!(drawn(&run, &pressed(&run, hands(), back), &Theme::dark(), (120, 36)), whole, "{back}");
    }
    let mut escaped = pressed(&run, Hands { screen: Some(Screen::Metrics), ..hands() }, "+[");
    escaped.press(KeyEvent::new(KeyCode::Esc, KeyModifiers::NONE), &run);
    assert_eq!((escaped.zoom.part(), escaped.zoom.cursor(), escaped.screen), (None, None, Some(Screen::Metrics)));
}

#[test]
fn chart_should_name_each_of_its_series_and_number_its_line() {
    let run = in_series(&["d7rvc", "qnhjt", "6kvkj"]);
    look("series", &run, &Hands { screen: Some(Screen::Metrics), ..hands() });
    let run = in_series(&["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"]);
    insta::assert_snapshot!(
        "series-many-80x24",
        drawn(&run, &pressed(&run, Hands { screen: Some(Screen::Metrics), ..hands() }, "[["), &Theme::dark(), (80, 24))
    );
}

#[test]
fn cursor_should_say_that_there_was_no_answer_in_a_gap() {
    let run = golden("network-delay-undo", 20.0, |_| {});
    let mut hands = hands();
    hands.press(KeyEvent::new(KeyCode::Char('['), KeyModifiers::NONE), &run);
    let screen = drawn(&run, &hands, &Theme::dark(), (120, 36));
    assert!(screen.contains("no answer"), "{screen}");
}

#[test]
fn large_letters_should_tell_the_room_what_goes_on() {
    let big = Hands { letters: Type::Large, seat: Seat::Spectator { driven: true }, ..hands() };
    look("big", &observing(), &big);
    look("big-blind", &golden("network-delay-undo", 20.0, |_| {}), &big);
    look("big-over", &golden("pod-kill-held", 99.0, |_| {}), &big);
    let ascii = Theme { ascii: true, ..Theme::mono() };
    let screen = drawn(&observing(), &big, &ascii, (120, 36));
    assert!(screen.is_ascii(), "{screen}");
    insta::assert_snapshot!("big-ascii-120x36", screen);
}

#[test]
fn large_letters_should_be_turned_on_and_off_and_need_room() {
    let run = observing();
    let cockpit = drawn(&run, &hands(), &Theme::dark(), (120, 36));
    assert_ne!(drawn(&run, &pressed(&run, hands(), "B"), &Theme::dark(), (120, 36)), cockpit);
    assert_eq!(drawn(&run, &pressed(&run, hands(), "BB"), &Theme::dark(), (120, 36)), cockpit);
    // what it does not show is not offered either
    let large = drawn(&run, &pressed(&run, hands(), "B"), &Theme::dark(), (120, 36));
    assert!(["/ filter", "Tab chart", "k older"].iter().all(|offered| cockpit.contains(offered) && !large.contains(offered)), "{large}");
    for size in [(80, 24), (95, 60), (200, 25)] {
        assert_eq!(drawn(&run, &pressed(&run, hands(), "B"), &Theme::dark(), size), drawn(&run, &hands(), &Theme::dark(), size));
    }
}

#[test]
fn run_should_not_be_called_safe_while_what_must_hold_does_not() {
    let mut whole = 0;
    for (name, second) in
        ["network-delay-undo", "pod-kill-errors-aborted", "pod-kill-held"].iter().flat_map(|name| (0..90).map(move |at| (name, at)))
    {
        let run = golden(name, f64::from(second), |_| {});
        if run.criteria().chain(run.steady()).any(|(_, judged)| judged.bad_since.is_some()) {
            let (standing, said) = safety(&run, run.now());
            assert!(standing != Standing::Held && !said.starts_with("safe"), "{name} at {second} s: {said}");
            whole += u32::from(said.starts_with("degraded: 3 of 3 ready"));
        }
    }
    assert!(whole > 0, "pods are all there and errors are not gone: that is the case that counts");
}

/// Every number that any sample of any chart has.
fn numbers(run: &Run) -> Vec<BTreeSet<u64>> {
    let of = |chart: &charts::Chart| {
        let lines = chart.lines(run, run.now());
        lines.iter().flat_map(|line| line.series.curve.points()).filter_map(|(_, value)| *value).map(f64::to_bits).collect()
    };
    charts::all(run).iter().map(of).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn charts_should_never_read_out_what_no_sample_has_nor_break_at_any_size(
        (journal, until) in select(vec![("pod-kill-errors-aborted", 20.0), ("network-delay-undo", 20.0), ("pod-kill-held", 3.0), ("network-delay-undo", 0.1)]),
        turns in vec((0usize..9, 1usize..6), 0..14),
        size in (1u16..220, 1u16..70),
    ) {
        let run = golden(journal, until, |_| {});
        let known = numbers(&run);
        let charts = charts::all(&run);
        let mut hands = Hands { screen: Some(Screen::Metrics), ..hands() };
        for (turn, times) in turns {
            // the keys of charts, and those that choose the first of them
            let key = ['[', ']', '+', '-', '{', '}', '0', '\t', 'B'][turn];
            for _ in 0..times {
                let code = if key == '\t' { KeyCode::Tab } else { KeyCode::Char(key) };
                hands.press(KeyEvent::new(code, KeyModifiers::NONE), &run);
            }
            if let Some(at) = hands.zoom.cursor() {
                for (chart, known) in charts.iter().zip(&known) {
                    for line in chart.lines(&run, run.now()) {
                        let value = line.value(at);
                        prop_assert!(value.is_none_or(|value| known.contains(&value.to_bits())), "{value:?} of {}", chart.title);
                    }
                }
            }
            if let Some(part) = hands.zoom.part() {
                prop_assert!(part.to - part.from >= gameday::tui::zoom::SHORTEST - 1e-6);
            }
        }
        drawn(&run, &hands, &Theme::dark(), size);
    }
}

#[test]
fn turns_of_charts_should_each_be_reached_where_a_run_is_seen() {
    use gameday::tui::keys::{Act, Keys, Scope};
    for scope in [Scope::Live, Scope::Undoing, Scope::Over, Scope::Watching, Scope::Replaying] {
        for turn in [Turn::In, Turn::Out, Turn::PanBack, Turn::PanOn, Turn::CursorBack, Turn::CursorOn, Turn::Whole] {
            assert!(Keys::default().of(scope).any(|binding| binding.act == Act::Chart(turn)), "no {turn:?} in {scope:?}");
        }
    }
}

#[test]
fn large_letters_should_show_each_criterion_or_say_how_many_are_not_shown() {
    let run = observing();
    for (width, height) in (96..=120).step_by(8).flat_map(|width| (26..=60).map(move |height| (width, height))) {
        for ascii in [false, true] {
            let screen = drawn(&run, &Hands { letters: Type::Large, ..hands() }, &Theme { ascii, ..Theme::dark() }, (width, height));
            let squeezed: String = screen.chars().filter(|c| *c != ' ').collect();
            let shown = run.criteria().filter(|(criterion, _)| squeezed.contains(&criterion.name.replace(' ', ""))).count();
            let told = squeezed.contains(&format!("and{}more", run.criteria().count() - shown));
            assert!(shown == run.criteria().count() || told, "{width}x{height}: {screen}");
        }
    }
}

//! Partitions that gameday does itself: a `NetworkPolicy` that nobody enforces cuts nothing, and then nothing was tested.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "a test stops where it fails"
)]

#[path = "support/history.rs"]
mod history;

use gameday::effect::{FaultId, Verdict};
use gameday::event::Event;
use gameday::face::Face;
use gameday::findings::Findings;
use gameday::headless::{Form, Headless};
use gameday::report::markdown;
use gameday::run::Run;
use gameday::run::phase::End;
use gameday::tui::hands::Hands;
use gameday::tui::scene::Scene;
use gameday::tui::theme::Theme;
use gameday::tui::view;
use gameday::wording;
use history::{ALL, MS, ON_A_CLUSTER, ONE_TARGET, SECOND, Sim, cut, drill, kill, observe, unready};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

const WHY: &str = "nothing showed that the network enforces NetworkPolicies: whether anything was cut is not known";

fn of(steps: &[String], place: &str) -> Sim {
    let criteria =
        ["{name: one ready, ready: {min: 1}, during: fault}", "{name: all but for a while, ready: {min: 3}, during: fault, for: 20s}"];
    Sim::new(&(drill(ONE_TARGET, &[], steps, &criteria, &[], ALL) + place), false, &[], false)
}

/// A pod is not ready for a second, so many seconds after the run has begun.
fn falters(sim: &mut Sim, after: u64) {
    sim.until(|sim| sim.run.begun().is_some());
    let fact = sim.pods.values().next().unwrap().clone();
    sim.tell(after * SECOND, Event::PodSeen(unready(&fact)));
    sim.tell(after * SECOND + 900 * MS, Event::PodSeen(fact));
}

fn ended(mut sim: Sim) -> (Verdict, Sim) {
    sim.finish();
    (sim.run.conclusion().unwrap().verdict, sim)
}

fn lines(sim: &Sim, form: Form) -> String {
    let mut face = Headless::new(Vec::new(), form, false);
    face.show(&sim.run);
    String::from_utf8(face.into_inner()).unwrap()
}

/// The cockpit when all is over, its lines joined.
fn screen(run: &Run, width: u16, height: u16) -> String {
    let area = Rect::new(0, 0, width, height);
    let mut buffer = Buffer::empty(area);
    let (theme, hands) = (Theme::dark(), Hands::of("maria"));
    view::draw(&Scene::new(run, run.now(), &theme, &hands), area, &mut buffer);
    let text: String = (0..height).flat_map(|y| (0..width).map(move |x| (x, y))).map(|at| buffer[at].symbol().to_owned()).collect();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn cut_that_nothing_shows_should_be_inconclusive_and_every_face_should_say_why() {
    let (verdict, sim) = ended(of(&[cut("c", 5, None), observe("o", 3)], ON_A_CLUSTER));
    assert_eq!((verdict, verdict.exit_code()), (Verdict::Inconclusive, 6));
    assert_eq!(sim.run.end(), Some(&End::Complete), "it was through, and nothing else was wrong");
    assert!(sim.run.fault(FaultId(0)).unwrap().in_effect.is_some());
    assert_eq!(sim.run.conclusion().unwrap().why.as_ref().unwrap().raw(), WHY);
    for form in [Form::Text, Form::Json] {
        let told = lines(&sim, form);
        assert!(told.lines().last().unwrap().contains(&format!("inconclusive: {WHY}")), "{told}");
    }
    for (width, height) in [(120, 36), (80, 24), (40, 12)] {
        let shown = screen(&sim.run, width, height);
        let wanted = if height > 12 { WHY } else { "inconclusive: nothing showed that the network" };
        assert!(shown.contains(wanted), "{width}x{height}: {shown}");
    }
    assert_eq!(wording::outcome(&sim.run), format!("inconclusive: {WHY}"));
    let findings = Findings::of(&sim.run);
    assert_eq!(findings.why.as_deref(), Some(WHY));
    assert!(markdown::write(&findings).contains(WHY));
}

#[test]
fn cut_should_count_as_felt_by_what_happens_under_it_and_by_nothing_else() {
    let steps = || vec![observe("before", 4), cut("c", 5, None), observe("o", 6)];
    for (after, verdict) in [(2, Verdict::Inconclusive), (6, Verdict::Held)] {
        let mut sim = of(&steps(), ON_A_CLUSTER);
        falters(&mut sim, after);
        let (came, sim) = ended(sim);
        assert_eq!(came, verdict, "a pod falters after {after} s: {sim:?}");
    }
    let killed = vec![cut("c", 5, None), observe("o", 6), kill("k", "mode: one"), observe("p", 12)];
    let (came, sim) = ended(of(&killed, ON_A_CLUSTER));
    assert!(sim.run.fleet().targets[0].outages.len() == 1);
    assert_eq!(came, Verdict::Inconclusive, "what a kill does shows nothing of a cut before it");
    assert_eq!(ended(of(&steps(), "")).0, Verdict::Held, "the practice cluster is known to enforce them");
}

#[test]
fn what_could_not_be_seen_should_be_named_at_the_end() {
    let criteria = ["{name: few errors, promql: {query: errors, below: 0.5}}"];
    let text = drill(ONE_TARGET, &[], &[kill("k", "mode: one"), observe("o", 3)], &criteria, &[], ALL);
    let mut sim = Sim::new(&text, false, &[], false);
    sim.answers = Some(|_| gameday::event::Reading::Empty);
    let (verdict, sim) = ended(sim);
    assert_eq!(verdict, Verdict::Inconclusive);
    let told = lines(&sim, Form::Text);
    let last = told.lines().last().expect("something is told");
    assert!(last.ends_with("inconclusive: it could not be seen whether this held: \"few errors\""), "{told}");
    assert!(Findings::of(&sim.run).why.unwrap().contains("few errors"));
}

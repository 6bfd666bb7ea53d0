//! What a fold and a draw cost at the size of a large target: `cargo bench --bench crowd`.
//!
//! A run with one target of many pods and fifty series, folded entry by entry, and drawn at two sizes. Criterion measures; at
//! the end both curves are printed: over the pods there are, which may grow with them and no faster, and over the time that
//! the run has lasted, which must be flat.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::cast_possible_truncation,
    reason = "a bench stops where it fails, its figures are what it prints, and the dice of its support are small"
)]

#[path = "../support/history.rs"]
mod history;

use std::fmt::Write;
use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion};
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use gameday::command::Command;
use gameday::effect::{Effect, FaultId, Outcome, ProbeId};
use gameday::event::{Entry, Event, MatchedPod, Number, PodFact, Reading};
use gameday::run::Run;
use gameday::run::phase::Phase;
use gameday::tui::hands::Hands;
use gameday::tui::scene::Scene;
use gameday::tui::theme::Theme;
use gameday::tui::view;
use history::{ALL, MS, ONE_TARGET, SECOND, at, connected, drill, kill, pod, run_of, unready, workload};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

const PODS: [u32; 4] = [500, 1000, 2500, 5000];
const MOST: u32 = 5000;
/// Seconds that a run has lasted.
const LASTED: [u64; 3] = [60, 600, 3600];
const SIZES: [(u16, u16); 2] = [(120, 36), (200, 60)];
const SCREENS: [(&str, char); 3] = [("cockpit", '1'), ("pods", '2'), ("metrics", '4')];
const KINDS: [&str; 4] = ["restarted", "unready and back", "sampled", "deadline passed"];
/// Queries, and series of each: fifty in all.
const QUERIES: usize = 10;
const SERIES: u32 = 5;
/// Updates of pods in a second.
const UPDATES: u64 = 100;

/// A run of many pods on its way.
#[derive(Clone)]
struct Crowd {
    run: Run,
    facts: Vec<PodFact>,
    now: u64,
    seq: u64,
}

impl Crowd {
    /// One pod of `pods` was killed, was replaced, and the leader looks on for as long as they like.
    fn of(pods: u32) -> Crowd {
        let queries: Vec<String> = (0..QUERIES).map(|n| format!("{{name: s{n}, promql: {{query: q{n}, above: 99}}}}")).collect();
        let stops: Vec<&str> = queries.iter().map(String::as_str).collect();
        let criteria = ["{name: back, recovery: {within: 30s}, stableFor: 5s}", "{name: most, ready: {min: 10%}}"];
        let text = drill(ONE_TARGET, &[], &[kill("k", "mode: one"), "{name: look on, hold: true}".to_owned()], &criteria, &stops, ALL);
        let facts: Vec<PodFact> = (0..pods).map(|n| pod(0, &format!("api-5d8c7b9f4-p{n:04}"), &format!("{n:08}-uid"))).collect();
        let mut crowd = Crowd { run: run_of(&text), facts, now: 0, seq: 0 };
        let matched: Vec<MatchedPod> =
            crowd.facts.iter().map(|fact| MatchedPod { pod: fact.pod.clone(), owner: None, running: true }).collect();
        let fault = FaultId(0);
        let wanted = workload(crowd.run.scenario(), 0, pods);
        let listed = Event::PodsListed { target: 0, pods: crowd.facts.clone() };
        let resolved = |round| Event::TargetsResolved { fault, round, pods: matched.clone(), peers: None };
        let mut waiting = vec![resolved(2), Event::Commanded(Command::Start), resolved(1), listed, wanted, connected(false)];
        while let Some(event) = waiting.pop() {
            for effect in crowd.take(event) {
                if let Effect::Kill { victim, .. } = &effect {
                    let index = crowd.facts.iter().position(|fact| fact.pod == *victim).unwrap();
                    let old = crowd.facts[index].clone();
                    let new = pod(0, "api-5d8c7b9f4-new00", "new-uid");
                    waiting.push(Event::PodSeen(new.clone()));
                    waiting.push(Event::PodSeen(unready(&new)));
                    waiting.push(Event::PodGone { uid: old.pod.uid.clone() });
                    waiting.push(Event::PodSeen(PodFact { deleting: old.created, ..old }));
                    waiting.push(Event::Answered { effect: effect.id(), outcome: Outcome::Done { took: Duration::from_millis(2) } });
                    waiting.push(Event::Asked(effect));
                    crowd.facts[index] = new;
                }
            }
        }
        crowd.live(10);
        assert!(*crowd.run.phase().0 == Phase::Steps && crowd.run.touched_anything(), "{:?}", crowd.run.phase());
        crowd
    }

    fn entry(&mut self, event: Event) -> Entry {
        self.seq += 1;
        Entry { seq: self.seq, at: at(self.now), event }
    }

    fn take(&mut self, event: Event) -> Vec<Effect> {
        self.now += MS;
        let entry = self.entry(event);
        self.run.apply(&entry)
    }

    /// So many seconds go by, with the usual updates, and every query answered each second.
    fn live(&mut self, seconds: u64) {
        for _ in 0..seconds * UPDATES {
            self.now += SECOND / UPDATES;
            let event = self.event(KINDS[0], self.seq);
            let entry = self.entry(event);
            for effect in self.run.apply(&entry) {
                if let Effect::Sample { probe } = effect {
                    let entry = self.entry(sampled(probe, self.seq));
                    self.run.apply(&entry);
                }
            }
        }
    }

    /// An event of a kind.
    fn event(&mut self, kind: &str, n: u64) -> Event {
        let index = usize::try_from(n * 7919 % self.facts.len() as u64).unwrap();
        match kind {
            "restarted" => {
                self.facts[index].restarts += 1;
                Event::PodSeen(self.facts[index].clone())
            }
            "unready and back" if n.is_multiple_of(2) => Event::PodSeen(unready(&self.facts[index])),
            "unready and back" => {
                let before = usize::try_from((n - 1) * 7919 % self.facts.len() as u64).unwrap();
                Event::PodSeen(self.facts[before].clone())
            }
            "sampled" => sampled(ProbeId(usize::try_from(n).unwrap() % QUERIES), n),
            "deadline passed" => Event::DeadlinePassed,
            other => panic!("no kind of entry is called {other}"),
        }
    }

    /// How long it takes to fold `n` entries of a kind into the run.
    fn fold(&self, kind: &str, n: u64) -> Duration {
        let mut crowd = self.clone();
        // a copy has no room to grow: making it once is no part of an entry
        crowd.live(1);
        let mut spent = Duration::ZERO;
        let mut left = n;
        while left > 0 {
            let some = left.min(1000);
            let entries: Vec<Entry> = (0..some)
                .map(|_| {
                    // answers come once a second from each, all others as often as pods change
                    crowd.now += if kind == "sampled" { SECOND / QUERIES as u64 } else { SECOND / UPDATES };
                    let event = crowd.event(kind, crowd.seq);
                    crowd.entry(event)
                })
                .collect();
            let begun = instant();
            for entry in &entries {
                black_box(crowd.run.apply(entry));
                black_box(crowd.run.next_deadline());
            }
            spent += begun.elapsed();
            left -= some;
        }
        spent
    }

    fn hands(&self, key: char) -> Hands {
        let mut hands = Hands::of("maria");
        hands.press(KeyEvent::new(KeyCode::Char(key), KeyModifiers::NONE), &self.run);
        hands
    }

    /// How long it takes to draw a screen so often.
    fn draw(&self, key: char, (width, height): (u16, u16), n: u64) -> Duration {
        let (hands, theme, area) = (self.hands(key), Theme::dark(), Rect::new(0, 0, width, height));
        let scene = Scene::new(&self.run, self.run.now(), &theme, &hands);
        let begun = instant();
        for _ in 0..n {
            let mut buffer = Buffer::empty(area);
            view::draw(&scene, area, &mut buffer);
            black_box(buffer);
        }
        begun.elapsed()
    }
}

fn sampled(probe: ProbeId, n: u64) -> Event {
    let value = |series: u32| Number(f64::from(series) + (u32::try_from(n % 1000).map_or(0.0, f64::from) / 50.0).sin());
    let values = (0..SERIES).map(|series| (format!("pod=api-{series}").as_str().into(), value(series))).collect();
    Event::Sampled { probe, took: Duration::from_millis(2), reading: Reading::Values { values } }
}

#[expect(clippy::disallowed_methods, reason = "a bench measures")]
fn instant() -> Instant {
    Instant::now()
}

/// The medians that criterion wrote down of one group, by their place.
fn median(group: &str, name: &str, place: &str) -> Option<Duration> {
    let home = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("target"), Into::into);
    let file = home.join("criterion").join(group).join(name).join(place).join("new/estimates.json");
    let told: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(file).ok()?).ok()?;
    Some(Duration::from_secs_f64(told["median"]["point_estimate"].as_f64()? / 1e9))
}

/// One curve a row; the last column says how much more the last costs than the first.
fn curves(title: &str, group: &str, names: &[String], places: &[String]) -> String {
    let mut out = format!("\n{title}\n{:28}", "");
    for place in places {
        write!(out, "{place:>12}").unwrap();
    }
    for name in names {
        let medians: Vec<Duration> = places.iter().filter_map(|place| median(group, name, place)).collect();
        if let [first, .., last] = medians[..] {
            write!(out, "\n{name:28}").unwrap();
            for median in &medians {
                write!(out, "{:>9.1} µs", median.as_secs_f64() * 1e6).unwrap();
            }
            write!(out, "   × {:.1}", last.as_secs_f64() / first.as_secs_f64()).unwrap();
        }
    }
    out
}

fn main() {
    let mut criterion = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(500))
        .without_plots()
        .configure_from_args();
    let drawn = |criterion: &mut Criterion, group: &str, place: &str, crowd: &Crowd| {
        let mut group = criterion.benchmark_group(group);
        for ((screen, key), size) in SCREENS.iter().flat_map(|screen| SIZES.map(|size| (*screen, size))) {
            let id = BenchmarkId::new(format!("{screen} {}x{}", size.0, size.1), place);
            group.bench_function(id, |bencher| bencher.iter_custom(|n| crowd.draw(key, size, n)));
        }
    };
    let folded = |criterion: &mut Criterion, group: &str, place: &str, crowd: &Crowd| {
        let mut group = criterion.benchmark_group(group);
        for kind in KINDS {
            group.bench_function(BenchmarkId::new(kind, place), |bencher| bencher.iter_custom(|n| crowd.fold(kind, n)));
        }
    };
    for pods in PODS {
        let crowd = Crowd::of(pods);
        folded(&mut criterion, "fold by pods", &pods.to_string(), &crowd);
        drawn(&mut criterion, "draw by pods", &pods.to_string(), &crowd);
        let listed = Event::PodsListed { target: 0, pods: crowd.facts.clone() };
        criterion.benchmark_group("list by pods").bench_function(BenchmarkId::new("pods listed anew", pods), |bencher| {
            bencher.iter_custom(|n| {
                let mut crowd = crowd.clone();
                let entries: Vec<Entry> = (0..n).map(|_| crowd.entry(listed.clone())).collect();
                let begun = instant();
                for entry in &entries {
                    black_box(crowd.run.apply(entry));
                }
                begun.elapsed()
            });
        });
    }
    let mut crowd = Crowd::of(MOST);
    let mut lasted = 10;
    for seconds in LASTED {
        crowd.live(seconds - lasted);
        lasted = seconds;
        folded(&mut criterion, "fold by length", &format!("{seconds} s"), &crowd);
        drawn(&mut criterion, "draw by length", &format!("{seconds} s"), &crowd);
    }
    criterion.final_summary();
    let kinds = KINDS.map(str::to_owned);
    let screens: Vec<String> = SCREENS.iter().flat_map(|(screen, _)| SIZES.map(|(w, h)| format!("{screen} {w}x{h}"))).collect();
    let (pods, lengths) = (PODS.map(|n| n.to_string()), LASTED.map(|n| format!("{n} s")));
    println!("{}", curves("fold, an entry, by pods", "fold by pods", &kinds, &pods));
    println!("{}", curves("fold, a list of all, by pods", "list by pods", &["pods listed anew".to_owned()], &pods));
    println!("{}", curves("draw, a screen, by pods", "draw by pods", &screens, &pods));
    println!("{}", curves(&format!("fold, an entry, by how long the run of {MOST} pods lasted"), "fold by length", &kinds, &lengths));
    println!("{}", curves(&format!("draw, a screen, by how long the run of {MOST} pods lasted"), "draw by length", &screens, &lengths));
}

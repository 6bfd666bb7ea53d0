//! Noise that is nearly right: texts of scenarios, bytes of journals, keys, and what an API server or Prometheus answers.
//!
//! Nothing may panic, nothing may hang, and memory stays bounded: an input starts from one of a few seeds (the scenarios and golden
//! journals of this repository, and answers below) and is changed a few times, so it is never longer than a few times its seed; what
//! this process took at the most is told and held to a bound at the end. An input that takes too long is printed by a watch beside.
//!
//! 10⁵ inputs in all by default. The long run, and one target of it:
//!
//! ```text
//! GAMEDAY_FUZZ=10000000 cargo test --release --test fuzz -- --nocapture
//! GAMEDAY_FUZZ=10000000 cargo test --release --test fuzz scenario -- --nocapture
//! ```
//!
//! The engine is bolero's random one; it shrinks what it finds and prints the seed, which BOLERO_RANDOM_SEED takes.
#![expect(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test stops where it fails; it watches real time")]
#![expect(clippy::print_stdout, clippy::assigning_clones, clippy::doc_markdown, reason = "it tells how many it tried")]

mod support;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fmt::Debug;
use std::hint::black_box;
use std::path::Path;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::{Duration, Instant};

use bolero::TypeGenerator;
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use gameday::edge::prometheus::{Credentials, Prometheus};
use gameday::edge::{Cluster, workloads};
use gameday::findings::Findings;
use gameday::import::{self, Wish};
use gameday::journal::read::{self, Recorded};
use gameday::report::{json, markdown};
use gameday::run::Run;
use gameday::scenario::model::{PrometheusAt, TargetRef, WorkloadKind};
use gameday::scenario::{self, Reading, Source};
use gameday::tui::hands::Hands;
use gameday::tui::keys::{Key, Keys, SCOPES};
use gameday::tui::scene::Scene;
use gameday::tui::theme::Theme;
use gameday::tui::view;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use serde_json::Value;

/// How many inputs a target gets, of all that are asked for: its share of a hundred.
fn share(percent: usize) -> usize {
    let all: usize = std::env::var("GAMEDAY_FUZZ").ok().and_then(|all| all.parse().ok()).unwrap_or(100_000);
    (all * percent / 100).max(1)
}

/// The most that the whole process may have taken, whatever the number of inputs.
const MEMORY: usize = 1 << 30;
/// How long an input may take before it is printed: ten thousand times what it takes.
const LONG: Duration = Duration::from_secs(20);

/// One change to a text.
#[derive(Clone, Debug, TypeGenerator)]
struct Edit {
    kind: u8,
    at: u16,
    to: u16,
    word: u16,
}

/// What a text is made of: a seed, and how it is changed.
#[derive(Clone, Debug, TypeGenerator)]
struct Noise {
    seed: u8,
    #[generator(bolero::generator::produce::<Vec<Edit>>().with().len(0..4usize))]
    edits: Vec<Edit>,
}

/// What means something somewhere, and what means nothing anywhere.
const WORDS: &[&str] = &[
    "",
    " ",
    "  ",
    "\t",
    "\n",
    "- ",
    ": ",
    "{",
    "}",
    "[",
    "]",
    "'",
    "\"",
    "&a ",
    "*a",
    "!!str ",
    "#",
    "|",
    ">",
    "---\n",
    "0",
    "-1",
    "1e999",
    "NaN",
    ".inf",
    "18446744073709551616",
    "-9223372036854775808",
    "0.0000001",
    "100%",
    "101%",
    "-5%",
    "1s",
    "0s",
    "-3s",
    "9999999h",
    "18446744073709551615ns",
    "2m3",
    "true",
    "null",
    "yes",
    "~",
    "é",
    "\u{1b}[31m",
    "\u{202e}",
    "\u{0}",
    "\u{feff}",
    "name",
    "spec",
    "steps",
    "fault",
    "parallel: []",
    "after",
    "hold: true",
    "during: fault",
    "during: {step: x}",
    "mode: all",
    "mode: fixed-percent",
    "value: '0'",
    "duration: 0s",
    "kind: Schedule",
    "kind: IOChaos",
    "kind: StressChaos",
    "kind: NetworkChaos",
    "kind: Workflow",
    "action: partition",
    "selector: {}",
    "${X}",
    "${",
    "Mon-Sun 00:00-24:00",
    "Tue-Thu 23:59-00:00",
    "Europe/Berlin",
    "sum(rate(x[5m]))",
    "((((((((((((((((",
    "ready: {min: 200%}",
    "within: 0s",
    "*/0 * * * *",
    "@every 0s",
];

/// The text that an input means. `lines` says whether what stands in it is JSON, line by line.
fn text(noise: &Noise, seeds: &[String], lines: bool) -> String {
    let mut text = seeds[usize::from(noise.seed) % seeds.len()].clone();
    let longest = text.len() * 3 + 4096;
    for edit in &noise.edits {
        text = if lines && edit.kind % 4 != 0 { in_json(&text, edit) } else { in_lines(&text, edit, seeds) };
        if text.len() > longest {
            break;
        }
    }
    text
}

/// Changes lines and words, without knowing what they mean.
fn in_lines(text: &str, edit: &Edit, seeds: &[String]) -> String {
    let mut lines: Vec<String> = text.split('\n').map(ToOwned::to_owned).collect();
    let (at, to) = (usize::from(edit.at) % lines.len(), usize::from(edit.to) % lines.len());
    let word = WORDS[usize::from(edit.word) % WORDS.len()];
    match (edit.kind / 4) % 9 {
        0 => drop(lines.remove(at)),
        1 => lines.insert(to, lines[at].clone()),
        2 => lines.swap(at, to),
        3 => {
            // another value
            let line = lines[at].clone();
            lines[at] = line.split_once(": ").map_or_else(|| format!("{line}{word}"), |(key, _)| format!("{key}: {word}"));
        }
        4 => lines[at] = format!("  {}", lines[at]),
        5 => lines[at] = lines[at].strip_prefix("  ").unwrap_or(&lines[at]).to_owned(),
        6 => {
            let line = &lines[at];
            let cut = line.char_indices().map(|(index, _)| index).nth(usize::from(edit.to) % line.chars().count().max(1)).unwrap_or(0);
            lines[at] = format!("{}{word}{}", &line[..cut], &line[cut..]);
        }
        7 => {
            let other = &seeds[usize::from(edit.word) % seeds.len()];
            let taken: Vec<&str> = other.split('\n').skip(usize::from(edit.to) % other.split('\n').count()).take(5).collect();
            lines.splice(at..at, taken.into_iter().map(ToOwned::to_owned));
        }
        _ => lines.truncate(at + 1),
    }
    lines.join("\n")
}

/// Changes one value in one line of JSON for another that stands there too, or for a word.
fn in_json(text: &str, edit: &Edit) -> String {
    let mut lines: Vec<String> = text.split('\n').map(ToOwned::to_owned).collect();
    let at = usize::from(edit.at) % lines.len();
    let Ok(mut value) = serde_json::from_str::<Value>(&lines[at]) else { return text.to_owned() };
    let count = places(&value);
    let word = WORDS[usize::from(edit.word) % WORDS.len()];
    let new = match edit.kind / 4 % 12 {
        0 => Value::Null,
        1 => Value::from(0),
        2 => Value::from(-1),
        3 => Value::from(u64::MAX),
        4 => Value::from(i64::MAX),
        5 => Value::from(1e300),
        6 => Value::from(Vec::<Value>::new()),
        7 => Value::from(true),
        8 => Value::from("x".repeat(usize::from(edit.word) % 5000)),
        9 => Value::from(u64::from(edit.word)),
        10 => place(&mut value, usize::from(edit.word) % count).map_or(Value::Null, |found| found.clone()),
        _ => Value::from(word),
    };
    if let Some(old) = place(&mut value, usize::from(edit.to) % count) {
        *old = new;
    }
    lines[at] = value.to_string();
    lines.join("\n")
}

fn places(value: &Value) -> usize {
    1 + match value {
        Value::Array(items) => items.iter().map(places).sum(),
        Value::Object(fields) => fields.values().map(places).sum::<usize>(),
        _ => 0,
    }
}

/// The value at a place, counted from the root on.
fn place(value: &mut Value, mut nth: usize) -> Option<&mut Value> {
    if nth == 0 {
        return Some(value);
    }
    nth -= 1;
    let inner: Vec<&mut Value> = match value {
        Value::Array(items) => items.iter_mut().collect(),
        Value::Object(fields) => fields.iter_mut().map(|(_, value)| value).collect(),
        _ => return None,
    };
    for value in inner {
        let count = places(value);
        if nth < count {
            return place(value, nth);
        }
        nth -= count;
    }
    None
}

/// Lets a target have its inputs, with somebody who watches how long each takes.
fn fuzz<T: Debug + TypeGenerator + 'static>(name: &str, percent: usize, target: impl Fn(&T) + std::panic::RefUnwindSafe) {
    let inputs = share(percent);
    let watched: Arc<Mutex<Option<(Instant, String)>>> = Arc::default();
    let (looking, stop) = (watched.clone(), Arc::new(()));
    let alive = Arc::downgrade(&stop);
    let watch = std::thread::spawn(move || {
        while alive.upgrade().is_some() {
            std::thread::sleep(Duration::from_millis(200));
            let mut now = looking.lock().unwrap();
            if let Some((_, input)) = now.take_if(|(since, _)| since.elapsed() > LONG) {
                println!("takes long: {input}");
            }
        }
    });
    let begun = Instant::now();
    bolero::check!().with_iterations(inputs).with_type::<T>().for_each(|input| {
        *watched.lock().unwrap() = Some((Instant::now(), format!("{input:?}")));
        target(input);
        *watched.lock().unwrap() = None;
    });
    drop(stop);
    watch.join().unwrap();
    let most = most_memory();
    println!("{name}: {inputs} inputs in {:.1} s, {} MiB at the most", begun.elapsed().as_secs_f64(), most >> 20);
    assert!(most < MEMORY, "{name}: {most} bytes were taken");
}

/// The most memory that this process ever had, where the system says.
fn most_memory() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()).and_then(|kib| kib.parse::<usize>().ok()).unwrap_or(0) << 10
}

fn files(folder: &str, ending: &str) -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == ending));
    paths.sort();
    paths.iter().map(|path| std::fs::read_to_string(path).unwrap()).collect()
}

fn reading(text: &str) -> Reading {
    let manifests = |_: &str| Err("no manifests here".to_owned());
    scenario::read(&Source { file: "x.yaml", text, manifests: &manifests }, &BTreeMap::new())
}

#[test]
fn scenario_should_be_read_or_refused_whatever_stands_in_it() {
    let mut seeds = files("scenarios", "yaml");
    seeds.extend(files("scenarios/worlds", "yaml"));
    let read = std::sync::atomic::AtomicUsize::new(0);
    fuzz::<Noise>("scenario", 32, |noise| {
        let reading = reading(&text(noise, &seeds, false));
        black_box(reading.mistakes.iter().map(ToString::to_string).collect::<String>());
        let Some(scenario) = reading.scenario else { return };
        read.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        assert_eq!(scenario.drill_digest.len(), 64);
        let at = PrometheusAt::Url("http://127.0.0.1:1".to_owned());
        let header = support::practice::header("", 7, chrono::DateTime::UNIX_EPOCH, at);
        black_box(Run::new(header, scenario).next_deadline());
    });
    println!("{} of them could be run", read.into_inner());
}

#[test]
fn journal_should_be_folded_or_refused_whatever_stands_in_it() {
    let seeds = files("tests/journals", "jsonl");
    let folded = std::sync::atomic::AtomicUsize::new(0);
    fuzz::<Noise>("journal", 3, |noise| {
        let text = numbered(&text(noise, &seeds, true));
        let Ok(Recorded { header: Some(header), entries, .. }) = read::parse(text.as_bytes()) else { return };
        let sources = &header.scenario;
        let manifests = |path: &str| sources.manifests.get(path).cloned().ok_or_else(|| "not in the journal".to_owned());
        let source = Source { file: &sources.file, text: &sources.text, manifests: &manifests };
        let Some(scenario) = scenario::read(&source, &sources.sets).scenario else { return };
        let mut run = Run::new(header, scenario);
        for entry in &entries {
            run.apply(entry);
        }
        folded.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let findings = Findings::of(&run);
        black_box((markdown::write(&findings), json::write(&findings).unwrap(), run.next_deadline()));
        let (theme, hands) = (Theme::dark(), Hands::of("fuzz"));
        let mut buffer = Buffer::empty(Rect::new(0, 0, 80, 24));
        view::draw(&Scene::new(&run, run.now(), &theme, &hands), buffer.area, &mut buffer);
    });
    println!("{} of them could be folded", folded.into_inner());
}

/// Other people's files, changed as text or, where they are JSON, value by value.
#[derive(Clone, Debug, TypeGenerator)]
struct Foreign {
    noise: Noise,
    json: bool,
    target: bool,
}

#[test]
fn import_should_write_what_can_be_read_or_refuse_whatever_stands_in_a_file() {
    let mut plain = files("tests/import", "yaml");
    let experiments = files("tests/import", "json");
    let one_line = |text: &String| serde_json::from_str::<Value>(text).unwrap().to_string();
    let as_yaml = |text: &String| serde_yaml::from_str::<Value>(text).ok().map(|value| value.to_string());
    let json: Vec<String> = experiments.iter().map(one_line).chain(plain.iter().filter_map(as_yaml)).collect();
    plain.extend(experiments);
    let (written, whole) = (std::sync::atomic::AtomicUsize::new(0), std::sync::atomic::AtomicUsize::new(0));
    fuzz::<Foreign>("import", 5, |foreign| {
        let text = text(&foreign.noise, if foreign.json { &json } else { &plain }, foreign.json);
        let target = TargetRef { kind: WorkloadKind::Deployment, name: "api".to_owned(), namespace: None };
        let wish = Wish { target: foreign.target.then_some(target), ..Wish::default() };
        let import = match import::import("x.yaml", &text, &wish) {
            Ok(import) => import,
            Err(error) => {
                black_box(error.to_string());
                return;
            }
        };
        written.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        black_box(import.losses.iter().map(ToString::to_string).collect::<String>());
        let reading = reading(&import.scenario);
        assert_eq!(reading.is_sound(false), import.unmapped() == 0, "{}\n{:?}", import.scenario, reading.mistakes);
        assert_eq!(reading.scenario.is_some(), import.unmapped() == 0, "{}", import.scenario);
        assert!(scenario::secrets::mistakes("x.yaml", &import.scenario, &BTreeMap::new()).is_empty(), "{}", import.scenario);
        assert!(!import.scenario.contains("correct-horse-battery"), "{}", import.scenario);
        if import.unmapped() == 0 {
            whole.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        }
    });
    println!("{} of them became a scenario, {} one that can be run", written.into_inner(), whole.into_inner());
}

/// The same entries with numbers without gaps: a gap is refused at once.
fn numbered(text: &str) -> String {
    let mut seq = 0;
    let lines = text.lines().map(|line| {
        let Ok(mut value) = serde_json::from_str::<Value>(line) else { return line.to_owned() };
        let Some(number) = value.get_mut("seq") else { return line.to_owned() };
        seq += 1;
        *number = Value::from(seq);
        value.to_string()
    });
    lines.map(|line| line + "\n").collect()
}

/// What comes in from a terminal.
#[derive(Clone, Debug, TypeGenerator)]
enum Input {
    /// One of the keys that mean something.
    Known(u8),
    Char(char),
    Code(u8, u8),
    Paste(String),
    Size(u8, u8),
    /// The run goes on.
    Later(u8),
}

#[derive(Clone, Debug, TypeGenerator)]
struct Typed {
    story: u8,
    from: u16,
    #[generator(bolero::generator::produce::<Vec<Input>>().with().len(0..12usize))]
    inputs: Vec<Input>,
}

/// A journal, and the run of it at so many moments that any is near.
struct Story(Vec<Run>);

static STORIES: LazyLock<Vec<Story>> = LazyLock::new(|| {
    let stories = files("tests/journals", "jsonl").into_iter().map(|text| {
        let recorded = read::parse(text.as_bytes()).unwrap();
        let header = recorded.header.unwrap();
        let scenario = reading(&header.scenario.text).scenario.unwrap();
        let mut run = Run::new(header, scenario);
        let step = recorded.entries.len() / 24 + 1;
        let mut moments = vec![run.clone()];
        for (index, entry) in recorded.entries.iter().enumerate() {
            run.apply(entry);
            if index % step == 0 || index + 1 == recorded.entries.len() {
                moments.push(run.clone());
            }
        }
        Story(moments)
    });
    stories.collect()
});

#[test]
fn cockpit_should_draw_whatever_is_typed_at_any_size() {
    let bound = Keys::default();
    let known: Vec<Key> = SCOPES.iter().flat_map(|scope| bound.of(*scope).flat_map(|binding| binding.keys.iter().copied())).collect();
    let theme = Theme::dark();
    fuzz::<Typed>("keys", 50, |typed| {
        let Story(moments) = &STORIES[usize::from(typed.story) % STORIES.len()];
        let mut at = usize::from(typed.from) % moments.len();
        let mut hands = Hands::of("fuzz");
        let mut size = (80, 24);
        for input in &typed.inputs {
            let run = &moments[at];
            match input {
                Input::Known(index) => drop(hands.press(event(known[usize::from(*index) % known.len()]), run)),
                Input::Char(c) => drop(hands.press(KeyEvent::new(KeyCode::Char(*c), KeyModifiers::NONE), run)),
                Input::Code(code, modifiers) => {
                    let codes =
                        [KeyCode::Enter, KeyCode::Esc, KeyCode::Up, KeyCode::Down, KeyCode::PageUp, KeyCode::PageDown, KeyCode::Home];
                    let more =
                        [KeyCode::End, KeyCode::Tab, KeyCode::BackTab, KeyCode::Backspace, KeyCode::Delete, KeyCode::F(3), KeyCode::Null];
                    let all: Vec<KeyCode> = codes.into_iter().chain(more).collect();
                    let modifiers = KeyModifiers::from_bits_truncate(*modifiers);
                    drop(hands.press(KeyEvent::new(all[usize::from(*code) % all.len()], modifiers), run));
                }
                Input::Paste(text) => hands.paste(text),
                Input::Size(width, height) => size = (u16::from(*width), u16::from(*height % 80)),
                Input::Later(by) => {
                    at = (at + usize::from(by % 4)).min(moments.len() - 1);
                    hands.follow(&moments[at]);
                }
            }
        }
        let run = &moments[at];
        let mut buffer = Buffer::empty(Rect::new(0, 0, size.0, size.1));
        view::draw(&Scene::new(run, run.now(), &theme, &hands), buffer.area, &mut buffer);
    });
}

fn event(key: Key) -> KeyEvent {
    match key {
        Key::Char(c) => KeyEvent::new(KeyCode::Char(c), KeyModifiers::NONE),
        Key::Ctrl(c) => KeyEvent::new(KeyCode::Char(c), KeyModifiers::CONTROL),
        Key::Code(code) => KeyEvent::new(code, KeyModifiers::NONE),
    }
}

/// What an API server and Prometheus answer in good times: one line a request, the lines of a watch by `⏎`.
const ANSWERS: &[(&str, &str)] = &[
    (
        "/query",
        r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{"code":"500"},"value":[1700000000.123,"0.01"]}]}}"#,
    ),
    ("/query", r#"{"status":"success","data":{"resultType":"scalar","result":[1700000000,"NaN"]},"warnings":["w"]}"#),
    ("/query", r#"{"status":"error","errorType":"bad_data","error":"parse error"}"#),
    (
        "deployment",
        r#"{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"api","namespace":"ns","uid":"u1","resourceVersion":"5"},"spec":{"replicas":2,"selector":{"matchLabels":{"app":"api"}},"template":{"spec":{"containers":[{"name":"c"}]}}},"status":{"observedGeneration":1}}"#,
    ),
    (
        "pods",
        r#"{"apiVersion":"v1","kind":"PodList","metadata":{"resourceVersion":"7"},"items":[{"metadata":{"name":"p","namespace":"ns","uid":"a","creationTimestamp":"2026-01-01T00:00:00Z","ownerReferences":[{"apiVersion":"apps/v1","kind":"ReplicaSet","name":"rs","uid":"r1","controller":true}]},"spec":{"containers":[{"name":"c"}],"nodeName":"n"},"status":{"phase":"Running","conditions":[{"type":"Ready","status":"True","lastTransitionTime":"2026-01-01T00:00:01Z"}],"containerStatuses":[{"name":"c","ready":true,"restartCount":0,"image":"i","imageID":"i","state":{"running":{"startedAt":"2026-01-01T00:00:01Z"}}}]}}]}"#,
    ),
    (
        "watch",
        r#"{"type":"MODIFIED","object":{"apiVersion":"v1","kind":"Pod","metadata":{"name":"p","namespace":"ns","uid":"a","resourceVersion":"8","deletionTimestamp":"2026-01-01T00:00:09Z","deletionGracePeriodSeconds":30},"spec":{"containers":[{"name":"c"}]},"status":{"phase":"Running"}}}"#,
    ),
    ("watch", r#"{"type":"BOOKMARK","object":{"apiVersion":"v1","kind":"Pod","metadata":{"resourceVersion":"9"}}}"#),
    (
        "watch",
        r#"{"type":"ERROR","object":{"kind":"Status","apiVersion":"v1","status":"Failure","message":"too old","reason":"Expired","code":410}}"#,
    ),
];

/// An answer to each kind of request, changed.
#[derive(Clone, Debug, TypeGenerator)]
struct Answers {
    noise: [Noise; 3],
    status: u8,
}

#[test]
fn answers_should_be_taken_or_told_of_whatever_stands_in_them() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    thread_local! {
        static RUNTIME: RefCell<tokio::runtime::Runtime> = RefCell::new(tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap());
    }
    fuzz::<Answers>("answers", 10, |answers| {
        RUNTIME.with_borrow(|runtime| runtime.block_on(ask(answers)));
    });
}

/// Asks a server that answers like this, as a run asks it.
async fn ask(answers: &Answers) {
    let of = |kind: &str, index: usize| {
        let seeds: Vec<String> = ANSWERS.iter().filter(|(of, _)| *of == kind).map(|(_, answer)| (*answer).to_owned()).collect();
        text(&answers.noise[index], &seeds, true)
    };
    let said =
        [("/query", of("/query", 0)), ("watch=", of("watch", 1) + "\n"), ("pods", of("pods", 2)), ("deployments/", of("deployment", 2))];
    let status = [200, 200, 200, 200, 204, 301, 404, 410, 429, 500][usize::from(answers.status) % 10];
    let said = Arc::new(said);
    let service = tower::service_fn(move |request: http::Request<kube::client::Body>| {
        let target = request.uri().to_string();
        let fixed = [
            (
                "/version",
                r#"{"major":"1","minor":"36","gitVersion":"v1.36.2","gitCommit":"","gitTreeState":"","buildDate":"","goVersion":"","compiler":"","platform":""}"#,
            ),
            ("/apis", r#"{"kind":"APIGroupList","apiVersion":"v1","groups":[]}"#),
        ];
        let known = fixed.iter().find(|(path, _)| target == *path).map(|(_, body)| (*body).to_owned());
        let noise = said.iter().find(|(part, _)| target.contains(part)).map(|(_, body)| body.clone());
        let code = if known.is_some() { 200 } else { status };
        let body = known.or(noise).unwrap_or_default().into_bytes();
        async move { Ok::<_, Infallible>(http::Response::builder().status(code).body(kube::client::Body::from(body)).unwrap()) }
    });
    let client = kube::Client::new(service, "ns");
    let at = PrometheusAt::Service { namespace: "m".to_owned(), name: "p".to_owned(), port: "80".to_owned() };
    let prometheus = Prometheus::new(&at, &Credentials::default(), &client).unwrap();
    black_box((prometheus.query("up").await, prometheus.alert("a").await));
    let cluster = Cluster::look(client, "fuzz", "ns").await.unwrap();
    let (inbox, mut outbox) = tokio::sync::mpsc::channel(1024);
    let target = TargetRef { kind: WorkloadKind::Deployment, name: "api".to_owned(), namespace: None };
    let watching = tokio::spawn(workloads::observe(cluster, 0, target, inbox));
    // what it tells is taken by a run's fold: it must bear it
    let told = tokio::time::timeout(Duration::from_secs(2), async {
        let mut told = Vec::new();
        while let Some(event) = outbox.recv().await {
            told.push(event);
        }
        told
    });
    let _ = black_box(told.await);
    watching.abort();
    let ended = watching.await;
    assert!(!ended.is_err_and(|why| why.is_panic()), "the watch panicked");
}

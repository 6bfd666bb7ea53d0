//! Runs driven on the practice cluster inside the test, with trouble at chosen moments.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use gameday::driver::{Clock, Driver, Signals, World};
use gameday::edge::Cluster;
use gameday::edge::prometheus::{Credentials, Prometheus};
use gameday::face::Face;
use gameday::header::{FORMAT, Header, Place, Sources};
use gameday::headless::{Form, Headless};
use gameday::journal::Journal;
use gameday::rehearsal::{self, PracticeCluster, Trouble, stage};
use gameday::run::Run;
use gameday::scenario::model::{PrometheusAt, Scenario, Tier};
use gameday::scenario::{self, Source};

/// A kill of one pod of the practice cluster, to be back within ten seconds.
pub const POD_KILL: &str = "apiVersion: gameday/v1
kind: GameDay
metadata: {name: pod-kill}
spec:
  hypothesis: Task API recovers within 10s
  environments: {staging: {tier: staging, namespace: staging}}
  target: {kind: Deployment, name: task-api}
  injector: agentless
  steadyState:
    - {name: all ready, ready: {min: 100%}, stableFor: 2s}
  steps:
    - name: break it
      fault:
        apiVersion: chaos-mesh.org/v1alpha1
        kind: PodChaos
        metadata: {name: kill}
        spec: {action: pod-kill, mode: one, selector: {labelSelectors: {app: task-api}}}
    - {name: watch, observe: 25s}
  criteria:
    - {name: recovers within 10s, recovery: {within: 10s}, stableFor: 2s}
";

pub fn read(text: &str) -> Scenario {
    let none = |path: &str| Err(format!("no {path}"));
    let reading = scenario::read(&Source { file: "test.yaml", text, manifests: &none }, &BTreeMap::new());
    let told: Vec<String> = reading.mistakes.iter().map(ToString::to_string).collect();
    reading.scenario.unwrap_or_else(|| panic!("{}", told.join("\n")))
}

/// What came of a run.
pub struct Played {
    pub run: Run,
    pub lines: String,
}

/// Plays a scenario at full speed; `trouble` is told the handle and may sleep in simulated time.
pub fn play<F, T>(text: &str, seed: u64, folder: &Path, trouble: T) -> Played
where
    T: FnOnce(Trouble) -> F,
    F: Future<Output = ()> + Send + 'static,
{
    let (run, face) = play_to(Headless::new(Vec::new(), Form::Text, true), text, seed, folder, trouble);
    Played { run, lines: String::from_utf8(face.into_inner()).unwrap() }
}

/// The same, shown to this face.
pub fn play_to<A, F, T>(face: A, text: &str, seed: u64, folder: &Path, trouble: T) -> (Run, A)
where
    A: Face,
    T: FnOnce(Trouble) -> F,
    F: Future<Output = ()> + Send + 'static,
{
    let _ = rustls::crypto::ring::default_provider().install_default();
    let scenario = read(text);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let namespace = "staging";
        let practice = PracticeCluster::start(stage::world(&scenario, namespace), seed);
        let (place, service) = stage::PROMETHEUS;
        let metrics = rehearsal::Prometheus::new();
        practice.register_backend(place, service, Arc::new(metrics.clone()));
        practice.scrape_into(Box::new(metrics));
        let client = kube::Client::new(practice.service(), namespace);
        let cluster = Cluster::look(client, "practice cluster", namespace).await.unwrap();
        let cluster = cluster.with_aside(kube::Client::new(practice.aside(), namespace));
        let at = PrometheusAt::Service { namespace: place.to_owned(), name: service.to_owned(), port: "80".to_owned() };
        let prometheus = Prometheus::new(&at, &Credentials::default(), &cluster.client).unwrap();
        let header = header(text, seed, practice.now(), at);
        std::fs::create_dir_all(folder).unwrap();
        let journal = Journal::create(&folder.join("journal.jsonl"), &header).unwrap();
        let clock = Clock::start(header.started);
        let world = World { cluster, prometheus: Some(prometheus), http: None, commands: false };
        tokio::spawn(trouble(practice.trouble()));
        let driver = Driver::new(Run::new(header, scenario), journal, clock, world, face);
        let driven = tokio::time::timeout(Duration::from_hours(1), driver.drive(Signals::none()))
            .await
            .expect("the run ends within a simulated hour");
        assert!(driven.lost.is_none());
        (driven.run, driven.face)
    })
}

pub fn header(text: &str, seed: u64, started: chrono::DateTime<chrono::Utc>, prometheus: PrometheusAt) -> Header {
    Header {
        format: FORMAT.to_owned(),
        gameday: "test".to_owned(),
        run: "test".to_owned(),
        recorded: started,
        machine: "test".to_owned(),
        started,
        place: Place {
            rehearsal: true,
            environment: "staging".to_owned(),
            tier: Tier::Staging,
            context: "practice cluster".to_owned(),
            server: String::new(),
            namespace: "staging".to_owned(),
            prometheus: Some(prometheus),
        },
        seed,
        token: format!("{seed:06x}"),
        injector: None,
        scenario: Sources { file: "test.yaml".to_owned(), text: text.to_owned(), manifests: BTreeMap::new(), sets: BTreeMap::new() },
        world: None,
        gate: None,
    }
}

//! Runs over a bad wire: a proxy of the test's own between gameday and the practice cluster, each in a process of its own.
//!
//! Every storm at every phase of a run. Whatever the wire does: gameday stays until the run is over, what it broke is undone once
//! the wire has healed, nothing is called held that could not be seen and nothing broken that was not, blind windows are told, and
//! a recovery that was not seen whole has bounds that hold the true one (measured by a watch past the wire).
//!
//! `GAMEDAY_WIRE=all cargo nextest run --test wire` is every storm at every phase, and wires that stay down (about ten minutes);
//! without it each storm breaks at two phases, which `GAMEDAY_WIRE=NUMBER` moves on. `GAMEDAY_WIRE='HalfOpen Undo'` is what is so named.
#![expect(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test stops where it fails; it measures real time")]

#[path = "support/wire.rs"]
mod proxy;
mod support;

use std::collections::VecDeque;
use std::path::Path;
use std::process::{Child, Output, Stdio};
use std::sync::Mutex;
use std::thread::sleep;
use std::time::{Duration, Instant};

use proxy::{STORMS, Storm, Weather, Wire};
use serde_json::Value;
use support::bare_watch::BareWatch;
use support::served::{Machine, Served, ask};
use support::{json, said, scratch, until};

/// When in a run the wire breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Before the first request.
    Connect,
    /// At the look at our rights.
    Preflight,
    /// As the run takes its Lease.
    Gate,
    /// As the fault is sent.
    Step,
    /// While it is in effect.
    Fault,
    /// While it is in effect, and a pod dies meanwhile.
    Unseen,
    /// As a pod is killed, until it is long replaced.
    Recovery,
    /// As the fault is lifted.
    Undo,
    /// As the Lease is given back.
    Sealing,
    /// While it is in effect, for longer than `blindLimit`.
    Blind,
    /// From the undo on for good.
    Forever,
}

const PHASES: [Phase; 9] =
    [Phase::Connect, Phase::Preflight, Phase::Gate, Phase::Step, Phase::Fault, Phase::Unseen, Phase::Recovery, Phase::Undo, Phase::Sealing];

#[derive(Clone, Copy, Debug)]
struct Cell {
    weather: Weather,
    phase: Phase,
    late: bool,
}

/// Every cell that is tried.
fn cells() -> Vec<Cell> {
    let asked = std::env::var("GAMEDAY_WIRE").unwrap_or_default();
    let named = asked.starts_with(|first: char| first.is_uppercase());
    let all = asked == "all" || named;
    let seed: usize = asked.parse().unwrap_or(0);
    let mut cells = Vec::new();
    for (row, weather) in STORMS.into_iter().enumerate() {
        let cell = |phase, late| Cell { weather, phase, late };
        if all {
            for phase in PHASES.into_iter().chain([Phase::Blind]) {
                cells.push(cell(phase, false));
                if matches!(phase, Phase::Step | Phase::Recovery | Phase::Undo | Phase::Sealing) {
                    cells.push(cell(phase, true));
                }
            }
        } else {
            // one of the phases in which something is at stake, and one of the others
            let stake = [Phase::Recovery, Phase::Fault, Phase::Undo, Phase::Unseen, Phase::Step];
            let rest = [Phase::Connect, Phase::Gate, Phase::Sealing, Phase::Preflight];
            cells.push(cell(stake[(row + seed) % stake.len()], (row + seed / 2).is_multiple_of(2)));
            cells.push(cell(rest[(row + seed) % rest.len()], (row + seed).is_multiple_of(2)));
        }
    }
    if all {
        cells.extend([Weather::HalfOpen, Weather::Status(503)].map(|weather| Cell { weather, phase: Phase::Forever, late: false }));
    }
    if named {
        cells.retain(|cell| asked.split(' ').all(|word| cell.name().contains(word)));
    }
    cells
}

impl Cell {
    fn name(self) -> String {
        format!("{:?}-{:?}{}", self.weather, self.phase, if self.late { "-late" } else { "" }).replace(['(', ')'], "")
    }

    fn kills(self) -> bool {
        self.phase == Phase::Recovery
    }

    /// The storm of it; none where it breaks by hand.
    fn storm(self) -> Option<Storm> {
        let (at, after): (fn(&str, &str) -> bool, u64) = match self.phase {
            Phase::Connect => return None,
            Phase::Preflight => (|method, target| method == "POST" && target.contains("selfsubjectaccessreviews"), 0),
            Phase::Gate => (|method, target| method == "POST" && target.contains("/leases"), 0),
            Phase::Step => (|method, target| method == "POST" && target.contains("/networkchaos") && !target.contains("dryRun="), 0),
            Phase::Fault | Phase::Unseen | Phase::Blind => {
                (|method, target| method == "POST" && target.contains("/networkchaos") && !target.contains("dryRun="), 1500)
            }
            Phase::Recovery => (|method, target| method == "DELETE" && target.contains("/pods/"), 0),
            Phase::Undo | Phase::Forever => (|method, target| method == "DELETE" && target.contains("/networkchaos/"), 0),
            Phase::Sealing => (|method, target| method == "DELETE" && target.contains("/leases/"), 0),
        };
        let lasts = match self.phase {
            Phase::Blind => 20_000,
            Phase::Forever => 600_000,
            _ => 5_000,
        };
        Some(Storm { weather: self.weather, at, after: Duration::from_millis(after), late: self.late, lasts: Duration::from_millis(lasts) })
    }

    /// The scenario that it is tried with.
    fn scenario(self) -> String {
        let fault = if self.kills() {
            "apiVersion: chaos-mesh.org/v1alpha1
        kind: PodChaos
        metadata: {name: kill}
        spec: {action: pod-kill, mode: one, selector: {labelSelectors: {app: task-api}}}"
        } else {
            "apiVersion: chaos-mesh.org/v1alpha1
        kind: NetworkChaos
        metadata: {name: slow}
        spec:
          action: delay
          mode: all
          duration: 5s
          selector: {labelSelectors: {app: task-api}, podPhaseSelectors: [Running]}
          delay: {latency: 10ms}"
        };
        let (injector, whole) = if self.kills() {
            ("agentless", "")
        } else {
            ("chaos-mesh", "    - {name: no pod falls out, ready: {min: 100%}, during: fault}\n")
        };
        let blind = if self.phase == Phase::Blind { "8s" } else { "30s" };
        format!(
            "apiVersion: gameday/v1
kind: GameDay
metadata: {{name: wire}}
spec:
  title: the wire breaks
  hypothesis: nobody falls out
  environments:
    staging: {{tier: staging, context: wire, namespace: staging, prometheus: {{service: 'monitoring/prometheus-server:80'}}}}
  target: {{kind: Deployment, name: task-api}}
  injector: {injector}
  steadyState:
    - {{name: all are ready, ready: {{min: 100%}}, stableFor: 1s}}
  steps:
    - name: break it
      fault:
        {fault}
    - {{name: look on, observe: 1s}}
  criteria:
{whole}    - {{name: back, recovery: {{within: 60s}}, stableFor: 1s}}
    - {{name: no errors, promql: {{query: 'sum(rate(http_requests_total{{app=\"task-api\",code=~\"5..\"}}[30s])) or vector(0)', below: 1000}}, for: 3s}}
  limits: {{allowAll: true, maxShare: 100%, maxTargets: 20, blindLimit: {blind}}}
"
        )
    }

    /// The exit codes that are no false verdict.
    fn allowed(self) -> &'static [i32] {
        match self.phase {
            // nothing was broken yet: it may go on, or refuse
            Phase::Connect | Phase::Preflight => &[0, 3],
            // it was sent, and perhaps never came; or the metrics of its beginning are missing
            Phase::Gate | Phase::Step => &[0, 3, 6],
            // who is not let in has killed nothing
            Phase::Recovery if self.weather == Weather::Status(401) => &[3],
            Phase::Fault | Phase::Undo | Phase::Recovery => &[0, 6],
            // a pod did fall out
            Phase::Unseen => &[1, 6],
            Phase::Sealing => &[0],
            // what is slow is seen all the same
            Phase::Blind if self.weather == Weather::Slow => &[0, 6],
            Phase::Blind => &[6],
            Phase::Forever => &[7],
        }
    }
}

#[test]
fn run_over_a_bad_wire_should_end_undone_and_with_no_false_verdict() {
    let folder = scratch("wire");
    let cells = cells();
    let (all, waiting) = (cells.len(), Mutex::new(VecDeque::from(cells)));
    let hands = all.min(8);
    let (failed, told) = (Mutex::new(Vec::new()), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for hand in 0..hands {
            let folder = folder.join(format!("hand-{hand}"));
            let (waiting, failed, told) = (&waiting, &failed, &told);
            scope.spawn(move || {
                std::fs::create_dir_all(&folder).unwrap();
                let served = Served::at_speed(&folder, "1");
                loop {
                    let Some(cell) = waiting.lock().unwrap().pop_front() else { return };
                    let begun = Instant::now();
                    match try_cell(cell, &served, &folder.join(cell.name())) {
                        Ok(ended) => told.lock().unwrap().push(format!("{}: {ended}, {:.0} s", cell.name(), begun.elapsed().as_secs_f64())),
                        Err(why) => failed.lock().unwrap().push(format!("{}: {why}", cell.name())),
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().unwrap();
    println!("{}\n{all} cells, {} failed", told.into_inner().unwrap().join("\n"), failed.len());
    assert!(failed.is_empty(), "{} of {all}:\n{}", failed.len(), failed.join("\n\n"));
}

/// Where something is not as it has to be: what.
macro_rules! must {
    ($is:expr, $($told:tt)*) => {
        if !$is {
            return Err(format!($($told)*));
        }
    };
}

/// Tries one; says how it went.
fn try_cell(cell: Cell, served: &Served, folder: &Path) -> Result<String, String> {
    until("the pods", || served.ready().len() == 3);
    let wire = Wire::lay(&served.api, cell.storm());
    let machine = served.machine(folder);
    let kubeconfig = folder.join("kubeconfig");
    std::fs::write(&kubeconfig, &wire.kubeconfig).unwrap();
    let machine = Machine { kubeconfig, ..machine };
    let file = machine.file("wire.yaml", &cell.scenario());
    let bare = cell.kills().then(|| BareWatch::of(&served.kubeconfig, "staging", "app%3Dtask-api"));
    if cell.phase == Phase::Connect {
        wire.storm(cell.weather);
    }
    let mut child = machine
        .gameday(&["run", &file, "--headless", "--yes", "--output", "json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let begun = Instant::now();
    let mut fallen = false;
    let limit = Duration::from_secs(if cell.phase == Phase::Forever { 200 } else { 120 });
    while child.try_wait().unwrap().is_none() {
        if cell.phase == Phase::Connect && wire.cleared().is_none() && begun.elapsed() > Duration::from_secs(5) {
            wire.clear();
        }
        if cell.phase == Phase::Unseen && wire.broke().is_some() && !fallen {
            fallen = true;
            let pod = served.ready().into_iter().next().unwrap();
            ask("DELETE", &format!("{}/api/v1/namespaces/staging/pods/{pod}?gracePeriodSeconds=1", served.api), "");
        }
        if begun.elapsed() > limit {
            child.kill().unwrap();
            return Err(format!("it hangs: {}", told(child, &wire)));
        }
        sleep(Duration::from_millis(50));
    }
    let ended = Instant::now();
    let out = child.wait_with_output().unwrap();
    let why = told_of(&out, &wire);
    must!(cell.phase == Phase::Connect || wire.broke().is_some(), "the wire never broke: {why}");
    let code = out.status.code();
    if cell.phase == Phase::Forever {
        must!(code == Some(7), "{code:?}: {why}");
        must!(why.contains("gameday recover"), "what to do is not told: {why}");
        wire.clear();
        let recovered = machine.said(&["recover"]);
        must!(recovered.status.code() == Some(0), "{}", said(&recovered));
        must!(served.ours().is_empty(), "{:?}: {}", served.ours(), said(&recovered));
        return Ok(format!("{code:?}"));
    }
    must!(code.is_some_and(|code| cell.allowed().contains(&code)), "exit code {code:?}: {why}");
    must!(served.ours().is_empty(), "left: {:?}: {why}", served.ours());
    let Some(report) = report(folder) else {
        // it never reached the cluster
        must!(cell.phase == Phase::Connect && code == Some(3), "no report: {why}");
        return Ok(format!("{code:?}"));
    };
    must!(report["sealed"] == true && report["left"].as_array().unwrap().is_empty(), "not sealed, or something left: {why}");
    let told = |event: &str| report["timeline"].as_array().unwrap().iter().any(|line| line["event"] == event);
    // a run without a Lease is taken for dead by others
    must!(!told("unclaimed") || told("claimed") || code == Some(3), "it has no Lease for good: {why}");
    let blind = report["blind"].as_array().unwrap();
    // every storm but slowness breaks the watches
    if matches!(cell.phase, Phase::Fault | Phase::Unseen | Phase::Recovery | Phase::Blind) && cell.weather != Weather::Slow {
        must!(!blind.is_empty(), "no blind window is told: {why}");
    }
    if code != Some(3) && wire.cleared().is_some_and(|cleared| cleared < ended) && matches!(cell.phase, Phase::Fault | Phase::Recovery) {
        must!(blind.iter().all(|window| window["to"].is_number() || cell.phase == Phase::Recovery), "what was lost never came back: {why}");
    }
    let Some(bare) = bare else { return Ok(format!("{code:?}")) };
    let Some(truth) = bare.recovery(3).map(|truth| truth.as_secs_f64() * 1000.0) else {
        must!(matches!(code, Some(3 | 6)), "no pod was killed: {why}");
        return Ok(format!("{code:?}, nothing was killed"));
    };
    let bounds = &report["faults"][0]["recovery_ms"];
    if bounds.is_null() {
        must!(code == Some(6), "no recovery, and yet no word of it: {why}");
        return Ok(format!("{code:?}, recovery {truth:.0} ms, told unknown"));
    }
    let [least, most] = ["least", "most"].map(|bound| bounds[bound].as_f64().unwrap());
    // two watches are told of one thing at different moments
    must!((least - 30.0..=most + 30.0).contains(&truth), "true recovery {truth:.0} ms, told [{least:.0}, {most:.0}]: {why}");
    Ok(format!("{code:?}, recovery {truth:.0} ms, told [{least:.0}, {most:.0}]"))
}

fn report(folder: &Path) -> Option<Value> {
    let run = std::fs::read_dir(folder.join("data/gameday/runs")).ok()?.next()?.ok()?.path();
    run.join("report.json").exists().then(|| json(&run.join("report.json")))
}

fn told(child: Child, wire: &Wire) -> String {
    told_of(&child.wait_with_output().unwrap(), wire)
}

fn told_of(out: &Output, wire: &Wire) -> String {
    let requests = wire.requests();
    format!("{}\nlast requests: {:#?}", said(out), &requests[requests.len().saturating_sub(12)..])
}

//! Histories: a run driven by a small scripted world, entry by entry, without clock or cluster.
//!
//! All chance comes off a tape of bytes. Where the tape has run out every roll is 0, and 0 is
//! always the good way: so a history always ends, and a shorter tape is a simpler history.

#![allow(dead_code, reason = "each test file uses its part")]

mod looks;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use chrono::{DateTime, Utc};
use gameday::clock::At;
use gameday::command::{AbortedBy, Answer, Command};
use gameday::effect::inspection::Inspection;
use gameday::effect::{ChaosRef, Danger, Effect, EffectId, FaultId, Outcome, PodRef};
use gameday::event::inspected::{BackupsFact, Inspected, OtherFault, PolicyFact};
use gameday::event::residue::{Remains, ResidueFact, Trace};
use gameday::event::{
    ClusterFact, EndpointsSource, Entry, Event, FaultFact, MatchedPod, Number, PeerFact, PodFact, Reading, RecordFact, Skew, Source,
    WorkloadFact,
};
use gameday::fault::Action;
use gameday::header::{FORMAT, Gate, Header, HeldRun, Place, Sources};
use gameday::run::Run;
use gameday::run::ledger::FaultState;
use gameday::run::phase::Phase;
use gameday::scenario::model::{Scenario, Tier};

pub const SECOND: u64 = 1_000_000;
pub const MS: u64 = 1000;

pub fn at(micros: u64) -> At {
    At::from_micros(micros)
}

pub fn started() -> DateTime<Utc> {
    "2026-03-01T10:00:00.250Z".parse().unwrap()
}

pub fn header(text: &str) -> Header {
    Header {
        format: FORMAT.to_owned(),
        gameday: "0.1.0".to_owned(),
        run: "20260301-100000-abcd".to_owned(),
        recorded: started(),
        machine: "here".to_owned(),
        started: started(),
        place: Place {
            // a drill whose text says so is run on a cluster, where a run has a Lease
            rehearsal: !text.contains(ON_A_CLUSTER) && !text.contains(IN_PRODUCTION),
            environment: "staging".to_owned(),
            tier: if text.contains(IN_PRODUCTION) { Tier::Production } else { Tier::Staging },
            context: "practice cluster".to_owned(),
            server: String::new(),
            namespace: "staging".to_owned(),
            prometheus: None,
        },
        seed: 7,
        token: "abc123".to_owned(),
        injector: None,
        scenario: Sources { file: "drill.yaml".to_owned(), text: text.to_owned(), manifests: BTreeMap::new(), sets: BTreeMap::new() },
        world: None,
        gate: (text.contains(GATED) || text.contains(IN_PRODUCTION)).then(gate),
    }
}

/// The gate of a run that may go into production; the digest of its drill comes with the scenario.
fn gate() -> Gate {
    Gate {
        tier_by: "the test".into(),
        tier_unseen: Vec::new(),
        at_terminal: true,
        yes: false,
        held: Ok(HeldRun {
            run: "20260228-100000-abcd".to_owned(),
            recorded: started() - chrono::Duration::days(1),
            tier: Tier::Staging,
            rehearsal: false,
            drill_digest: String::new(),
        }),
        held_days: 30,
        lasting_before: true,
        operator: "ann".into(),
        overrides: Vec::new(),
        residue: true,
        brake_image: None,
    }
}

/// The line of a drill that is run on a cluster.
pub const ON_A_CLUSTER: &str = "# on a cluster\n";

/// The line of a drill that passes the checks of the preflight, and is looked after.
pub const GATED: &str = "# gated\n";

/// The line of a drill that is run in production, on a cluster and gated; `PRODUCTION_LIMITS` and `RUNBOOK` belong to it.
pub const IN_PRODUCTION: &str = "# in production\n";

/// Limits as production wants them.
pub const PRODUCTION_LIMITS: &str = "{allowAll: true, maxDuration: 9m, hours: {timezone: UTC, only: ['Mon-Sun 00:00-24:00']}}";

/// The line of a drill with a runbook; like all that is no comment, right behind `drill`.
pub const RUNBOOK: &str = "  runbook: https://runbooks.example.com/a\n";

/// The line of a drill that may meddle with files.
pub const RISKED: &str = "  acknowledgeDataRisk: true\n";

pub fn read(text: &str) -> Scenario {
    let manifests = |_: &str| Err("none".to_owned());
    let source = gameday::scenario::Source { file: "drill.yaml", text, manifests: &manifests };
    let reading = gameday::scenario::read(&source, &BTreeMap::new());
    reading.scenario.unwrap_or_else(|| panic!("{text}\n{:#?}", reading.mistakes))
}

pub fn run_of(text: &str) -> Run {
    let (mut header, scenario) = (header(text), read(text));
    if let Some(Gate { held: Ok(held), .. }) = &mut header.gate {
        held.drill_digest.clone_from(&scenario.drill_digest);
    }
    Run::new(header, scenario)
}

/// The line of a drill whose brake is rehearsed; it must stand right behind `drill`.
pub const BRAKED: &str = "  brake: true\n";

/// A scenario around the given lists, each in flow form, one item a line.
pub fn drill(targets: &str, gate: &[&str], steps: &[String], criteria: &[&str], stop_when: &[&str], limits: &str) -> String {
    let list = |key: &str, items: Vec<String>| {
        if items.is_empty() { String::new() } else { format!("  {key}:\n    - {}\n", items.join("\n    - ")) }
    };
    let strings = |items: &[&str]| items.iter().map(|i| (*i).to_owned()).collect();
    format!(
        "apiVersion: gameday/v1\nkind: GameDay\nmetadata: {{name: drill}}\nspec:\n  hypothesis: it comes back\n  environments:\n    \
         staging: {{tier: staging, context: staging, namespace: staging}}\n  target: {targets}\n{}{}{}{}  limits: {limits}\n",
        list("steadyState", strings(gate)),
        list("steps", steps.to_vec()),
        list("criteria", strings(criteria)),
        list("stopWhen", strings(stop_when)),
    )
}

pub fn kill(name: &str, mode: &str) -> String {
    format!(
        "{{name: {name}, fault: {{apiVersion: chaos-mesh.org/v1alpha1, kind: PodChaos, metadata: {{name: {name}}}, \
         spec: {{action: pod-kill, {mode}, selector: {{labelSelectors: {{app: api}}}}}}}}}}"
    )
}

pub fn delay(name: &str, duration: Option<u64>) -> String {
    let duration = duration.map_or(String::new(), |s| format!("duration: {s}s, "));
    format!(
        "{{name: {name}, fault: {{apiVersion: chaos-mesh.org/v1alpha1, kind: NetworkChaos, metadata: {{name: {name}}}, \
         spec: {{action: delay, mode: all, {duration}selector: {{labelSelectors: {{app: api}}}}, delay: {{latency: 100ms}}}}}}}}"
    )
}

pub fn stress(name: &str, seconds: u64) -> String {
    format!(
        "{{name: {name}, fault: {{apiVersion: chaos-mesh.org/v1alpha1, kind: StressChaos, metadata: {{name: {name}}}, \
         spec: {{mode: all, duration: {seconds}s, selector: {{labelSelectors: {{app: api}}}}, stressors: {{cpu: {{workers: 1, load: 50}}}}}}}}}}"
    )
}

pub fn slow_disk(name: &str, seconds: u64) -> String {
    format!(
        "{{name: {name}, fault: {{apiVersion: chaos-mesh.org/v1alpha1, kind: IOChaos, metadata: {{name: {name}}}, \
         spec: {{action: latency, mode: all, duration: {seconds}s, delay: 20ms, volumePath: /data, selector: {{labelSelectors: {{app: api}}}}}}}}}}"
    )
}

/// A partition: from everybody, or from the pods of one other app. Without Chaos Mesh it is a `NetworkPolicy`.
pub fn cut(name: &str, seconds: u64, from: Option<&str>) -> String {
    let from = from
        .map_or_else(String::new, |app| format!("direction: both, target: {{mode: all, selector: {{labelSelectors: {{app: {app}}}}}}}, "));
    format!(
        "{{name: {name}, fault: {{apiVersion: chaos-mesh.org/v1alpha1, kind: NetworkChaos, metadata: {{name: {name}}}, \
         spec: {{action: partition, mode: all, duration: {seconds}s, {from}selector: {{labelSelectors: {{app: api}}}}}}}}}}"
    )
}

/// A Schedule of kills, of delays or of stress, each two seconds long and one every three.
pub fn again(name: &str, of: u8, seconds: u64) -> String {
    let selector = "selector: {labelSelectors: {app: api}}";
    let (kind, block) = match of {
        0 => ("PodChaos", format!("podChaos: {{action: pod-kill, mode: one, {selector}}}")),
        1 => ("NetworkChaos", format!("networkChaos: {{action: delay, mode: all, duration: 2s, {selector}, delay: {{latency: 100ms}}}}")),
        _ => ("StressChaos", format!("stressChaos: {{mode: all, duration: 2s, {selector}, stressors: {{cpu: {{workers: 1, load: 50}}}}}}")),
    };
    format!(
        "{{name: {name}, lasts: {seconds}s, fault: {{apiVersion: chaos-mesh.org/v1alpha1, kind: Schedule, metadata: {{name: {name}}}, \
         spec: {{schedule: '@every 3s', type: {kind}, historyLimit: 2, {block}}}}}}}"
    )
}

pub fn observe(name: &str, seconds: u64) -> String {
    format!("{{name: {name}, observe: {seconds}s}}")
}

pub const ONE_TARGET: &str = "{kind: Deployment, name: api}";
pub const ALL: &str = "{allowAll: true}";

pub fn connected(chaos_mesh: bool) -> Event {
    Event::Connected(ClusterFact {
        version: "v1.36.0".into(),
        context: "practice cluster".into(),
        namespace: "staging".into(),
        chaos_mesh,
        endpoints: EndpointsSource::None,
    })
}

pub fn workload(scenario: &Scenario, target: usize, desired: u32) -> Event {
    Event::WorkloadSeen(WorkloadFact {
        target,
        workload: scenario.targets[target].clone(),
        namespace: "staging".to_owned(),
        uid: format!("w{target}"),
        desired,
        observed: true,
        rolling: false,
    })
}

/// A pod that is ready and always was.
pub fn pod(target: usize, name: &str, uid: &str) -> PodFact {
    let born = started() - chrono::Duration::seconds(600);
    PodFact {
        target,
        pod: PodRef { namespace: "staging".to_owned(), name: name.to_owned(), uid: uid.to_owned() },
        owner: Some(format!("rs{target}")),
        node: Some("n1".into()),
        labels: BTreeMap::new(),
        state: "Running".into(),
        containers: (1, 1),
        restarts: 0,
        hindrance: None,
        ready: true,
        ready_since: Some(born),
        created: Some(born),
        scheduled: Some(born),
        started: Some(born),
        deleting: None,
    }
}

pub fn unready(fact: &PodFact) -> PodFact {
    PodFact { ready: false, containers: (0, 1), ..fact.clone() }
}

/// Chance off a tape.
#[derive(Clone, Debug)]
pub struct Dice {
    tape: Vec<u8>,
    at: usize,
}

impl Dice {
    pub fn of(tape: &[u8]) -> Dice {
        Dice { tape: tape.to_vec(), at: 0 }
    }

    /// 0 to `sides - 1`; 0 once the tape has run out.
    pub fn roll(&mut self, sides: u64) -> u64 {
        let byte = self.tape.get(self.at).copied().unwrap_or(0);
        self.at += 1;
        u64::from(byte) % sides
    }

    /// Something happens about once in `n` rolls; never off the tape.
    pub fn once_in(&mut self, n: u64) -> bool {
        self.roll(n) == n - 1
    }
}

/// What a fault's object truly is.
#[derive(Clone, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub struct Thing {
    pub exists: bool,
    pub deleting: bool,
    pub stuck: bool,
    pub injected: bool,
    pub uid: u32,
    /// Whether its time is up, where it is a Schedule.
    pub over: bool,
    /// What it spawned, where it is a Schedule.
    pub children: Vec<Child>,
}

impl Thing {
    /// Whether anything of it is there.
    pub fn is_there(&self) -> bool {
        self.exists || self.children.iter().any(|child| child.exists)
    }

    /// Whether anything of it would stay if nobody did anything more.
    pub fn stays(&self) -> bool {
        self.exists || self.children.iter().any(|child| child.exists && !child.orphan)
    }
}

/// A fault that a Schedule spawned.
#[derive(Clone, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub struct Child {
    pub exists: bool,
    pub injected: bool,
    pub recovered: bool,
    pub stuck: bool,
    /// Born when its Schedule had gone: the cluster itself sweeps it away.
    pub orphan: bool,
}

#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "they are few")]
enum Due {
    Tell(Event),
    Land(FaultId, bool),
    Inject(FaultId),
    Vanish(FaultId),
    Look(FaultId, u64),
    Lease,
    Spawn(FaultId),
    Hit(FaultId, usize),
    Fade(FaultId, usize),
    Over(FaultId),
    Sweep(u64),
}

/// A world and the run it drives.
#[expect(clippy::struct_excessive_bools, reason = "each says one thing of the world")]
#[derive(Clone)]
pub struct Sim {
    pub run: Run,
    pub entries: Vec<Entry>,
    /// Each effect with the entry it followed from.
    pub effects: Vec<(u64, Effect)>,
    pub things: BTreeMap<FaultId, Thing>,
    pub now: u64,
    pub dice: Dice,
    /// Whether answers are off the tape at all: a tame world always answers well and soon.
    pub wild: bool,
    /// Whether all goes well until the run has begun.
    pub calm: bool,
    pub deadlines: u64,
    /// Whether kills, creations and deletions are left to the test: they wait in `asked`.
    pub by_hand: bool,
    /// Whether nobody is there to give a word or an answer.
    pub alone: bool,
    worded: BTreeSet<(usize, bool)>,
    typed: bool,
    /// Whether the run's Lease is in the cluster.
    pub lease: bool,
    pub asked: Vec<Effect>,
    /// What probes answer at a moment, where the test says so.
    pub answers: Option<fn(u64) -> Reading>,
    pub pods: BTreeMap<String, PodFact>,
    queue: BTreeMap<(u64, u64), Due>,
    queued: u64,
    reborn: u64,
    lost: BTreeSet<Source>,
}

impl Sim {
    pub fn new(text: &str, chaos_mesh: bool, tape: &[u8], wild: bool) -> Sim {
        let run = run_of(text);
        let mut pods = BTreeMap::new();
        for target in 0..run.scenario().targets.len() {
            for n in 0..3 {
                let mut fact = pod(target, &format!("api{target}-{n}"), &format!("u{target}-{n}"));
                fact.node = Some(format!("n{n}").into());
                pods.insert(fact.pod.uid.clone(), fact);
            }
        }
        let mut sim = Sim {
            run,
            entries: Vec::new(),
            effects: Vec::new(),
            things: BTreeMap::new(),
            now: 0,
            dice: Dice::of(tape),
            wild,
            calm: false,
            deadlines: 0,
            by_hand: false,
            alone: false,
            worded: BTreeSet::new(),
            typed: false,
            lease: false,
            asked: Vec::new(),
            answers: None,
            queue: BTreeMap::new(),
            queued: 0,
            pods,
            reborn: 0,
            lost: BTreeSet::new(),
        };
        let scenario = sim.run.scenario().clone();
        sim.tell(1, connected(chaos_mesh));
        sim.tell(2, Event::SkewMeasured(Skew { least: -400_000, most: 700_000, took: Duration::from_millis(3) }));
        for target in 0..scenario.targets.len() {
            sim.tell(3 * MS, workload(&scenario, target, 3));
            let pods = sim.pods.values().filter(|fact| fact.target == target).cloned().collect();
            sim.tell(5 * MS, Event::PodsListed { target, pods });
        }
        if sim.run.typed_word().is_none() {
            sim.tell(SECOND, Event::Commanded(Command::Start));
        }
        sim
    }

    pub fn tell(&mut self, after: u64, event: Event) {
        self.later(after, Due::Tell(event));
    }

    /// Something is told at a moment, in microseconds.
    pub fn tell_at(&mut self, moment: u64, event: Event) {
        self.tell(moment.checked_sub(self.now).expect("that moment has passed"), event);
    }

    fn later(&mut self, after: u64, due: Due) {
        self.queued += 1;
        self.queue.insert((self.now + after, self.queued), due);
    }

    /// Takes back the measurement of the clock that every history begins with.
    pub fn forget_skew(&mut self) {
        self.queue.retain(|_, due| !matches!(due, Due::Tell(Event::SkewMeasured(_))));
    }

    /// Forgets all that was about to happen.
    pub fn forget(&mut self) {
        self.queue.clear();
    }

    /// The object of a fault comes to be.
    pub fn land(&mut self, fault: FaultId, after: u64) {
        self.later(after, Due::Land(fault, true));
    }

    fn is_wild(&self) -> bool {
        self.wild && (!self.calm || self.run.begun().is_some())
    }

    fn roll(&mut self, sides: u64) -> u64 {
        if self.is_wild() { self.dice.roll(sides) } else { 0 }
    }

    /// Lets the next thing happen; `false` if nothing ever will.
    pub fn step(&mut self) -> bool {
        if self.run.phase().0.is_over() {
            return false;
        }
        if self.is_wild() && self.dice.once_in(12) {
            self.noise();
        }
        let deadline = self.run.next_deadline().map(At::micros);
        let due = self.queue.keys().next().copied();
        match (due, deadline) {
            (Some(key), deadline) if deadline.is_none_or(|deadline| key.0 <= deadline) => {
                self.now = self.now.max(key.0);
                let due = self.queue.remove(&key).unwrap();
                self.happen(due);
            }
            (_, Some(deadline)) => {
                // what happened last may have come at this very moment and have told the run nothing
                assert!(deadline >= self.now, "a deadline that has passed already would spin");
                assert!(deadline > self.run.now().micros(), "a deadline that was told already would spin");
                self.now = deadline;
                self.deadlines += 1;
                self.take(Event::DeadlinePassed);
            }
            (Some(_), None) => unreachable!(),
            (None, None) => return false,
        }
        true
    }

    /// Drives on until something is true of it.
    pub fn until(&mut self, is: impl Fn(&Sim) -> bool) {
        while !is(self) {
            assert!(self.step(), "it never comes to that: {self:?}");
        }
    }

    /// Drives on until a moment, in microseconds, has come.
    pub fn until_at(&mut self, moment: u64) {
        self.tell(moment.saturating_sub(self.now), Event::DeadlinePassed);
        self.until(|sim| sim.now >= moment);
    }

    /// Drives on until the run is over.
    pub fn finish(&mut self) {
        let mut steps = 0;
        while self.step() {
            steps += 1;
            assert!(steps < 20_000, "it does not end: {self:?}");
        }
        assert!(self.run.phase().0.is_over(), "it hangs with nothing to wait for: {self:?} {:#?}", self.run.faults());
    }

    /// Takes an event as the driver does: what writes is asked for first, what breaks passes the gate.
    pub fn take(&mut self, event: Event) -> Vec<Effect> {
        let mut first = None;
        let mut waiting = VecDeque::from([event]);
        while let Some(mut event) = waiting.pop_front() {
            if let Event::Asked(effect) = &event
                && effect.danger() == Danger::Breaks
                && !self.run.phase().0.may_break()
            {
                event = Event::Answered { effect: effect.id(), outcome: Outcome::Refused { why: "the gate".into() } };
            }
            let entry = Entry { seq: self.entries.len() as u64 + 1, at: at(self.now), event };
            let effects = self.run.apply(&entry);
            self.entries.push(entry.clone());
            for effect in &effects {
                self.effects.push((entry.seq, effect.clone()));
            }
            if let Event::Asked(effect) = entry.event {
                self.perform(&effect);
            }
            for effect in &effects {
                match effect {
                    Effect::Seal { conclusion } => waiting.push_back(Event::Sealed(conclusion.clone())),
                    effect if effect.danger() >= Danger::Writes => waiting.push_back(Event::Asked(effect.clone())),
                    effect => self.perform(effect),
                }
            }
            first.get_or_insert(effects);
        }
        if let (Some((step, _)), false) = (self.run.waits_for_person(), self.alone) {
            let begun = self.run.step_begun(step).is_some();
            let word = if begun { Command::Answer { step, answer: Answer::Done } } else { Command::Release { step } };
            if self.worded.insert((step, begun)) {
                self.tell(SECOND, Event::Commanded(word));
            }
        }
        if let (Some(word), Phase::Ready, false) = (self.run.typed_word(), self.run.phase().0, self.typed) {
            self.typed = true;
            if self.roll(8) == 7 {
                self.tell(MS, Event::Commanded(Command::Start));
                self.tell(2 * MS, Event::Commanded(Command::Confirm { typed: word.to_uppercase().into() }));
            }
            self.tell(SECOND, Event::Commanded(Command::Confirm { typed: word.into() }));
        }
        first.unwrap_or_default()
    }

    fn answer(&mut self, after: u64, id: EffectId, outcome: Outcome) {
        self.tell(after, Event::Answered { effect: id, outcome });
    }

    fn perform_on_lease(&mut self, effect: &Effect, way: u64, soon: u64, [done, failed, refused]: [Outcome; 3]) {
        let id = effect.id();
        match (effect, way) {
            (_, 11) => {}
            (_, 10) => self.answer(soon, id, failed),
            (Effect::Claim { .. }, 9) => self.answer(soon, id, refused),
            (Effect::Claim { .. }, 8) => {
                let late = (1 + self.dice.roll(95)) * 100 * MS;
                self.later(late, Due::Lease);
            }
            (Effect::Claim { .. }, _) => {
                self.lease = true;
                self.answer(soon, id, done);
            }
            _ => {
                let took = Duration::from_micros(soon);
                let outcome = if std::mem::take(&mut self.lease) { done } else { Outcome::Already { took } };
                self.answer(soon, id, outcome);
            }
        }
    }

    #[expect(clippy::too_many_lines, reason = "one arm an effect")]
    fn perform(&mut self, effect: &Effect) {
        if self.by_hand && matches!(effect, Effect::Kill { .. } | Effect::Apply { .. } | Effect::Lift { .. }) {
            return self.asked.push(effect.clone());
        }
        let id = effect.id();
        let soon = (1 + self.roll(40)) * MS;
        let took = Duration::from_micros(soon);
        let (done, failed) = (Outcome::Done { took }, Outcome::Failed { why: "no answer within 10 s".into() });
        let refused = Outcome::Refused { why: "forbidden (403)".into() };
        let way = self.roll(12);
        match effect {
            Effect::Resolve { fault, round } => match way {
                10 => self.tell(soon, Event::TargetsUnresolved { fault: *fault, round: *round, why: "forbidden".into() }),
                11 => {}
                _ => {
                    let pods =
                        self.pods.values().map(|fact| MatchedPod { pod: fact.pod.clone(), owner: fact.owner.clone(), running: fact.ready });
                    let pods = pods.collect();
                    let state = self.run.fault(*fault).unwrap();
                    let (peered, cuts) = (state.fault.peer.is_some(), state.cuts());
                    let ips = vec!["10.0.9.9".to_owned()];
                    let peer =
                        PeerFact { pod: pod(9, "db-0", "db-0").pod, ips: if way == 9 { Vec::new() } else { ips }, host_network: way == 8 };
                    let peers = peered.then(|| vec![MatchedPod { pod: peer.pod.clone(), owner: Some("db".into()), running: true }]);
                    if peered && cuts {
                        self.tell(soon, Event::PeersResolved { fault: *fault, round: *round, peers: vec![peer] });
                    }
                    self.tell(soon, Event::TargetsResolved { fault: *fault, round: *round, pods, peers });
                }
            },
            Effect::Sample { probe } => {
                let value = |v: f64| Reading::Values { values: vec![("".into(), Number(v))] };
                let reading = match way {
                    _ if self.answers.is_some() => self.answers.map_or(Reading::Empty, |of| of(self.now)),
                    6 => Reading::Empty,
                    7 => value(f64::NAN),
                    8 => Reading::Failed { why: "503".into() },
                    9 => value(0.9),
                    10 => Reading::Alert { firing: true },
                    11 => return,
                    _ => value(0.0),
                };
                self.tell(soon, Event::Sampled { probe: *probe, took, reading });
            }
            Effect::Claim { .. } | Effect::Release { .. } => self.perform_on_lease(effect, way, soon, [done, failed, refused]),
            Effect::DryRun { .. } => match way {
                10 => self.answer(soon, id, failed),
                11 => {}
                9 => self.answer(soon, id, refused),
                _ => self.answer(soon, id, done),
            },
            Effect::Kill { victim, .. } => match way {
                9 => self.answer(soon, id, refused),
                10 => self.answer(soon, id, failed),
                11 => {}
                8 => self.answer(soon, id, Outcome::Already { took }),
                7 => self.die(&victim.uid.clone(), soon),
                _ => {
                    self.answer(soon, id, done);
                    let lag = self.roll(25) * MS;
                    self.die(&victim.uid.clone(), soon / 2 + lag);
                }
            },
            Effect::Apply { fault, .. } => {
                let late = (1 + self.roll(95)) * 100 * MS;
                match way {
                    6 => self.later(soon, Due::Land(*fault, true)),
                    7 => self.later(late, Due::Land(*fault, true)),
                    8 => {
                        self.later(late, Due::Land(*fault, true));
                        self.answer(late / 2, id, failed);
                    }
                    9 => self.answer(soon, id, refused),
                    10 => self.answer(10 * SECOND, id, failed),
                    11 => {}
                    5 => {
                        self.later(late, Due::Land(*fault, true));
                        self.answer(late + soon, id, done);
                    }
                    4 => {
                        self.later(soon / 2, Due::Land(*fault, false));
                        self.answer(soon, id, done);
                    }
                    _ => {
                        self.later(soon / 2, Due::Land(*fault, true));
                        self.answer(soon, id, done);
                    }
                }
            }
            Effect::Lift { fault, .. } => {
                let there = self.things.get(fault).is_some_and(Thing::is_there);
                match way {
                    8 => self.later(soon, Due::Vanish(*fault)),
                    9 | 10 => self.answer(soon, id, failed),
                    11 => {}
                    _ => {
                        self.later(soon / 2, Due::Vanish(*fault));
                        self.answer(soon, id, if there { done } else { Outcome::Already { took } });
                    }
                }
            }
            Effect::LookFor { fault, .. } => self.later(soon, Due::Look(*fault, way)),
            Effect::Inspect { inspection: Inspection::Residue { after: true, .. } } => self.later(soon, Due::Sweep(way)),
            Effect::Inspect { inspection } => {
                // there are many of them, and each may refuse the run: most are well
                let luck = self.roll(60);
                if luck != 59 {
                    let seen = looked(inspection, luck);
                    self.tell(soon, Event::Inspected { seen });
                }
            }
            Effect::Seal { .. } => {}
        }
    }

    fn happen(&mut self, due: Due) {
        match due {
            Due::Tell(event) => {
                self.take(event);
            }
            Due::Land(fault, injects) => {
                let uid = self.things.get(&fault).map_or(1, |thing| thing.uid + 1);
                let children = self.things.remove(&fault).map(|thing| thing.children).unwrap_or_default();
                self.things.insert(fault, Thing { exists: true, uid, children, ..Thing::default() });
                self.tell_thing(fault, self.now % 7);
                match self.run.fault(fault) {
                    Some(state) if self.is_schedule(fault) => {
                        let lasts = u64::try_from(state.duration().as_micros()).unwrap();
                        self.later(lasts, Due::Over(fault));
                        if injects {
                            self.later(80 * MS, Due::Spawn(fault));
                        }
                    }
                    _ if injects => self.later(50 * MS, Due::Inject(fault)),
                    _ => {}
                }
            }
            Due::Spawn(_) | Due::Hit(..) | Due::Fade(..) | Due::Over(_) => self.happen_on_schedule(&due),
            Due::Sweep(way) => {
                let fact = ResidueFact { found: self.traces(way), unseen: if way == 10 { vec!["forbidden".into()] } else { Vec::new() } };
                if way != 11 {
                    self.take(Event::Inspected { seen: Inspected::Residue { after: true, fact } });
                }
            }
            Due::Lease => {
                self.lease = true;
                // nobody is told; the moment has come all the same
                self.take(Event::DeadlinePassed);
            }
            Due::Inject(fault) => {
                let Some(thing) = self.things.get_mut(&fault).filter(|thing| thing.exists && !thing.deleting) else { return };
                thing.injected = true;
                self.tell_thing(fault, 3 * MS);
                let kills = self.run.fault(fault).is_some_and(|state| !fault.is_brake() && !state.fault.is_lasting());
                if kills && let Some(uid) = self.pods.values().find(|fact| fact.ready).map(|fact| fact.pod.uid.clone()) {
                    self.die(&uid, 5 * MS);
                }
            }
            Due::Vanish(fault) if self.is_schedule(fault) => {
                let lag = (1 + self.roll(30)) * 10 * MS;
                let Some(thing) = self.things.get_mut(&fault).filter(|thing| thing.is_there()) else { return };
                thing.exists = false;
                let children: Vec<usize> = (0..thing.children.len()).filter(|child| thing.children[*child].exists).collect();
                if children.is_empty() {
                    self.tell(6 * MS, Event::FaultGone { fault, watched: false });
                }
                for child in children {
                    self.later(lag, Due::Fade(fault, child));
                }
            }
            Due::Vanish(fault) => {
                // nothing holds a NetworkPolicy
                let stuck = self.roll(8) == 7 && !self.run.fault(fault).is_some_and(FaultState::cuts);
                let Some(thing) = self.things.get_mut(&fault).filter(|thing| thing.exists) else { return };
                let first = !thing.deleting;
                thing.deleting = true;
                thing.stuck |= first && stuck;
                if thing.stuck {
                    self.tell_thing(fault, 2 * MS);
                    return;
                }
                self.tell_thing(fault, 2 * MS);
                self.things.get_mut(&fault).unwrap().exists = false;
                self.tell(6 * MS, Event::FaultGone { fault, watched: true });
            }
            Due::Look(fault, way) => {
                let present = self.things.get(&fault).is_some_and(Thing::is_there);
                let residue = match way {
                    9 => Some(vec!["network rules in pod staging/api".into()]),
                    10 => None,
                    11 => return,
                    _ => Some(Vec::new()),
                };
                self.take(Event::FaultLookedFor { fault, present, residue: residue.filter(|_| !present), blocking: Vec::new() });
            }
        }
    }

    fn is_schedule(&self, fault: FaultId) -> bool {
        self.run.fault(fault).is_some_and(|state| matches!(state.fault.action, Action::Schedule { .. }))
    }

    /// The faults of a Schedule come and go.
    fn happen_on_schedule(&mut self, due: &Due) {
        match *due {
            Due::Spawn(fault) => {
                let late = self.roll(6) == 5;
                let Some(thing) = self.things.get_mut(&fault) else { return };
                let busy = thing.children.iter().any(|child| child.exists && !child.recovered);
                if (thing.exists && !thing.over && !busy) || (!thing.exists && late) {
                    let child = thing.children.len();
                    let orphan = !thing.exists;
                    thing.children.push(Child { exists: true, orphan, ..Child::default() });
                    self.tell_thing(fault, 4 * MS);
                    let lasts = (1 + self.roll(4)) * SECOND;
                    self.later(50 * MS, Due::Hit(fault, child));
                    self.later(lasts, Due::Fade(fault, child));
                }
                if self.things[&fault].exists && !self.things[&fault].over {
                    self.later(3 * SECOND, Due::Spawn(fault));
                }
            }
            Due::Hit(fault, child) => {
                let kills = self.run.fault(fault).is_some_and(|state| !state.fault.action.experiment().is_lasting());
                let one = &mut self.things.get_mut(&fault).unwrap().children[child];
                if !one.exists || one.recovered {
                    return;
                }
                one.injected = true;
                one.recovered = kills;
                self.tell_thing(fault, 3 * MS);
                if kills && let Some(uid) = self.pods.values().find(|fact| fact.ready).map(|fact| fact.pod.uid.clone()) {
                    self.die(&uid, 5 * MS);
                }
            }
            Due::Fade(fault, child) => {
                let stuck = self.roll(16) == 15;
                let thing = self.things.get_mut(&fault).unwrap();
                let (whole, one) = (thing.exists, &mut thing.children[child]);
                one.stuck |= stuck && one.injected && !one.orphan;
                if !one.exists || one.stuck {
                    return;
                }
                let first = !std::mem::replace(&mut one.recovered, true);
                // its history keeps it for a while
                one.exists = whole && first;
                let gone = !thing.is_there();
                if whole {
                    self.later(4 * SECOND, Due::Fade(fault, child));
                }
                self.tell_thing(fault, 3 * MS);
                if gone {
                    self.tell(5 * MS, Event::FaultGone { fault, watched: false });
                }
            }
            Due::Over(fault) => {
                let Some(thing) = self.things.get_mut(&fault).filter(|thing| thing.exists) else { return };
                thing.over = true;
                self.tell_thing(fault, 2 * MS);
                // one that was spawned a moment ago may still come
                let lag = (2 + self.roll(20)) * 10 * MS;
                for child in 0..self.things[&fault].children.len() {
                    self.later(lag, Due::Fade(fault, child));
                }
            }
            Due::Tell(_) | Due::Land(..) | Due::Inject(_) | Due::Vanish(_) | Due::Look(..) | Due::Lease | Due::Sweep(_) => unreachable!(),
        }
    }

    /// What a look at the end finds.
    fn traces(&self, way: u64) -> Vec<Trace> {
        let run = Some(self.run.header().token.clone());
        let trace = |what: Remains, object: ChaosRef| Trace { what, object, from: None, run: run.clone() };
        let mut found = Vec::new();
        for (fault, thing) in &self.things {
            let Some((object, _)) = self.run.fault(*fault).and_then(|state| state.object.clone()) else { continue };
            let child = |n: usize| ChaosRef { kind: "NetworkChaos".into(), name: format!("{}-again-{n}", object.name), ..object.clone() };
            let children = (0..thing.children.len()).filter(|n| thing.children[*n].exists).map(|n| trace(Remains::Object, child(n)));
            found.extend(children);
            found.extend(thing.exists.then(|| trace(Remains::Object, object.clone())));
        }
        let rules = ChaosRef { kind: "PodNetworkChaos".into(), namespace: "staging".into(), name: "api0-0".into() };
        match way {
            9 => found.push(trace(Remains::NetworkRules, rules)),
            8 => found.push(Trace { run: Some("00ff00".into()), ..trace(Remains::NetworkRules, rules) }),
            _ => {}
        }
        found
    }

    /// The records of the faults that a Schedule spawned, of those that are gone too.
    fn records_of_children(object: &ChaosRef, thing: &Thing, names: &[String], kills: bool) -> Vec<RecordFact> {
        let of = |n: usize| {
            let child = &thing.children[n];
            let pods = if kills { &names[n.min(names.len())..(n + 1).min(names.len())] } else { names };
            let begun = child.injected || child.recovered;
            pods.iter().filter(move |_| begun).map(move |name| RecordFact {
                id: format!("staging/{name}").into(),
                selector: format!("{}-again-{n}.", object.name).into(),
                phase: if child.injected && (kills || !child.recovered) { "Injected".into() } else { "Not Injected".into() },
                injected: u32::from(child.injected),
                recovered: u32::from(child.injected && child.recovered && !kills),
                failure: None,
            })
        };
        (0..thing.children.len()).flat_map(of).collect()
    }

    fn tell_thing(&mut self, fault: FaultId, after: u64) {
        let Some(state) = self.run.fault(fault) else { return };
        let Some((object, _)) = state.object.clone() else { return };
        let (lasting, thing) = (state.fault.is_lasting(), self.things[&fault].clone());
        let kills = !state.fault.action.experiment().is_lasting();
        let (schedule, cuts, files) =
            (self.is_schedule(fault), state.cuts(), matches!(state.fault.action, Action::Io { .. } | Action::Stress { .. }));
        if schedule && !thing.exists && self.wild && self.now.is_multiple_of(2) {
            // somebody else told of what was left, or nobody did
            return;
        }
        let mut names: Vec<String> = self.pods.values().take(if lasting { 3 } else { 1 }).map(|fact| fact.pod.name.clone()).collect();
        if fault.is_brake() {
            names = vec!["gameday-brake-abc123".to_owned()];
        }
        let waits = if self.wild && !files && self.now.is_multiple_of(3) { "/Wait" } else { "" };
        let records = names.iter().map(|name| RecordFact {
            // a fault of files or of load is one of a container
            id: format!("staging/{name}{}", if files { "/app" } else { "" }).into(),
            selector: ".".into(),
            phase: if thing.injected && !thing.deleting { "Injected".into() } else { format!("Not Injected{waits}").into() },
            injected: u32::from(thing.injected),
            recovered: u32::from(thing.injected && thing.deleting),
            failure: None,
        });
        let records = match (schedule, cuts) {
            (true, _) => Sim::records_of_children(&object, &thing, &names, kills),
            (_, true) => Vec::new(),
            (false, false) => records.collect(),
        };
        let fact = FaultFact {
            fault,
            object,
            uid: format!("c{}-{}", fault.0, thing.uid),
            created: None,
            desired: (!cuts).then(|| if thing.deleting || thing.over || !thing.exists { "Stop".into() } else { "Run".into() }),
            conditions: Vec::new(),
            records,
            deleting: thing.deleting,
            finalizers: if schedule || cuts { Vec::new() } else { vec!["chaos-mesh/records".into()] },
        };
        self.tell(after, Event::FaultSeen(fact));
    }

    /// A pod dies, and another comes in its place.
    fn die(&mut self, uid: &str, after: u64) {
        let Some(old) = self.pods.remove(uid) else { return };
        let wall = |micros: u64| Some(at(micros).on_wall(started()));
        self.tell(after, Event::PodSeen(PodFact { deleting: wall(self.now), state: "Terminating".into(), ..old.clone() }));
        self.tell(after + 300 * MS, Event::PodGone { uid: uid.to_owned() });
        if self.roll(10) == 9 {
            return;
        }
        self.reborn += 1;
        let target = old.target;
        let mut new = unready(&pod(target, &format!("api{target}-r{}", self.reborn), &format!("u{target}-r{}", self.reborn)));
        new.created = wall(self.now + after);
        self.tell(after + 20 * MS, Event::PodSeen(new.clone()));
        let ready = after + (500 + self.roll(40) * 100) * MS;
        new.ready = true;
        new.ready_since = wall(self.now + ready);
        self.tell(ready, Event::PodSeen(new.clone()));
        self.pods.insert(new.pod.uid.clone(), new);
    }

    fn noise(&mut self) {
        let soon = self.dice.roll(200) * 10 * MS;
        match self.dice.roll(9) {
            0 => {
                let source =
                    [Source::Pods(0), Source::Prometheus, Source::Fault(FaultId(0)), Source::Workload(0)][self.dice.roll(4) as usize];
                if self.lost.insert(source) {
                    self.tell(soon, Event::SourceLost { source, why: "the watch ended".into() });
                    self.tell(soon + self.dice.clone().roll(50) * SECOND, Event::SourceBack { source });
                }
            }
            1 => self.tell(soon, Event::Commanded(Command::Skip)),
            2 => self.tell(soon, Event::Commanded(Command::Note { author: "ann".into(), text: "\u{1b}[31mhm\u{0}".into() })),
            3 => self.tell(soon, Event::DeadlinePassed),
            4 => {
                let pods = self.pods.values().filter(|fact| fact.target == 0).cloned().collect();
                self.tell(soon, Event::PodsListed { target: 0, pods });
            }
            5 => {
                if let Some(fact) = self.pods.values().next().cloned() {
                    self.tell(soon, Event::PodSeen(unready(&fact)));
                    self.tell(soon + 400 * MS, Event::PodSeen(fact));
                }
            }
            6 if self.dice.once_in(6) => self.tell(soon, Event::Commanded(Command::Abort { by: AbortedBy::Interrupt })),
            7 if self.dice.once_in(12) => self.tell(soon, Event::Commanded(Command::Leave)),
            _ => {
                if let Some(entry) = self.entries.last().filter(|entry| is_observation(&entry.event)) {
                    let event = entry.event.clone();
                    self.tell(soon, event);
                }
            }
        }
    }
}

/// What a look before the start sees: nearly always that all is well.
fn looked(inspection: &Inspection, luck: u64) -> Inspected {
    let mut seen = looks::well(inspection);
    let troubled = luck >= 52;
    let why = || "no answer within 10 s".into();
    let pod = || pod(0, "api0-1", "u0-1").pod;
    match &mut seen {
        Inspected::ChaosMesh(Ok(fact)) => {
            fact.daemons = (0..3).map(|n| (format!("n{n}").into(), luck != 57)).collect();
            fact.controllers = if luck == 56 { (0, 1) } else { (1, 1) };
        }
        Inspected::Rights(facts) if troubled => {
            let last = facts.len() - 1;
            facts[last].allowed = if luck < 56 { Err(why()) } else { Ok(false) };
        }
        Inspected::Webhooks(fact) if troubled => *fact = if luck < 56 { Err(why()) } else { Ok(false) },
        Inspected::Victims(fact) if troubled => match luck {
            52 => fact.pods = Err(why()),
            53 => fact.troubled = Err(why()),
            54 => fact.budgets = Err(why()),
            55 => fact.pods = Ok(Vec::new()),
            56 => fact.pods.iter_mut().flatten().for_each(|victim| victim.host_network = true),
            57 => fact.pods.iter_mut().flatten().for_each(|victim| victim.node = None),
            _ => fact.troubled = Ok(vec![("n1".into(), "is cordoned".into())]),
        },
        Inspected::Policies(fact) if troubled => {
            let other = || PolicyFact { namespace: "staging".into(), name: "deny".into(), guards: vec![pod().uid] };
            *fact = if luck < 56 { Err(why()) } else { Ok(vec![other()]) };
        }
        Inspected::OtherFaults(fact) if troubled => {
            let object = ChaosRef { kind: "PodChaos".into(), namespace: "staging".into(), name: "theirs".into() };
            let other = || OtherFault { object, run: None, pods: vec!["staging/api0-1".into()] };
            *fact = if luck < 56 { Err(why()) } else { Ok(vec![other()]) };
        }
        Inspected::Residue { fact, .. } if troubled && luck < 55 => fact.unseen = vec![why()],
        Inspected::Residue { fact, .. } if troubled => {
            let object = ChaosRef { kind: "PodNetworkChaos".into(), namespace: "staging".into(), name: pod().name };
            let what = if luck < 57 { Remains::Object } else { Remains::NetworkRules };
            fact.found = vec![Trace { what, object, from: None, run: Some("00ff00".into()) }];
        }
        Inspected::User(fact) if troubled => *fact = Err(why()),
        Inspected::Leases(fact) if troubled => *fact = Err(why()),
        Inspected::Backups(fact) if troubled => {
            *fact = if luck < 56 { Err(why()) } else { Ok(Some(BackupsFact { locations: Vec::new(), backups: Vec::new() })) };
        }
        Inspected::Kinds(facts) if troubled => {
            for fact in facts {
                fact.served = if luck < 56 { Err(why()) } else { Ok(None) };
            }
        }
        Inspected::Hours(fact) if troubled => *fact = Err(why()),
        _ => {}
    }
    seen
}

/// Whether an event only tells what was seen.
pub fn is_observation(event: &Event) -> bool {
    !matches!(
        event,
        Event::Commanded(_) | Event::Asked(_) | Event::Answered { .. } | Event::DeadlinePassed | Event::Sealed(_) | Event::Reported(_)
    )
}

/// The drill and each entry in a line.
impl std::fmt::Debug for Sim {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "{}", self.run.header().scenario.text)?;
        for entry in &self.entries {
            writeln!(f, "{} {} {:.300}", entry.seq, entry.at.seconds(), format!("{:?}", entry.event))?;
        }
        write!(f, "{:?} since {}", self.run.phase().0, self.run.phase().1.seconds())
    }
}

//! Histories: a run driven by a small scripted world, entry by entry, without clock or cluster.
//!
//! All chance comes off a tape of bytes. Where the tape has run out every roll is 0, and 0 is
//! always the good way: so a history always ends, and a shorter tape is a simpler history.

#![allow(dead_code, reason = "each test file uses its part")]

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use chrono::{DateTime, Utc};
use gameday::clock::At;
use gameday::command::{AbortedBy, Answer, Command};
use gameday::effect::inspection::Inspection;
use gameday::effect::{Danger, Effect, EffectId, FaultId, Outcome, PodRef};
use gameday::event::inspected::{Inspected, VictimFact, VictimsFact};
use gameday::event::{
    ClusterFact, EndpointsSource, Entry, Event, FaultFact, MatchedPod, Number, PodFact, Reading, RecordFact, Skew, Source, WorkloadFact,
};
use gameday::header::{FORMAT, Header, Place, Sources};
use gameday::run::Run;
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
            rehearsal: !text.contains(ON_A_CLUSTER),
            environment: "staging".to_owned(),
            tier: Tier::Staging,
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
        gate: None,
    }
}

/// The line of a drill that is run on a cluster.
pub const ON_A_CLUSTER: &str = "# on a cluster\n";

pub fn read(text: &str) -> Scenario {
    let manifests = |_: &str| Err("none".to_owned());
    let source = gameday::scenario::Source { file: "drill.yaml", text, manifests: &manifests };
    let reading = gameday::scenario::read(&source, &BTreeMap::new());
    reading.scenario.unwrap_or_else(|| panic!("{text}\n{:#?}", reading.mistakes))
}

pub fn run_of(text: &str) -> Run {
    Run::new(header(text), read(text))
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
        state: "Running".into(),
        containers: (1, 1),
        restarts: 0,
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
    pub deadlines: u64,
    /// Whether kills, creations and deletions are left to the test: they wait in `asked`.
    pub by_hand: bool,
    /// Whether nobody is there to give a word or an answer.
    pub alone: bool,
    worded: BTreeSet<(usize, bool)>,
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
            deadlines: 0,
            by_hand: false,
            alone: false,
            worded: BTreeSet::new(),
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
        sim.tell(SECOND, Event::Commanded(Command::Start));
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

    fn roll(&mut self, sides: u64) -> u64 {
        if self.wild { self.dice.roll(sides) } else { 0 }
    }

    /// Lets the next thing happen; `false` if nothing ever will.
    pub fn step(&mut self) -> bool {
        if self.run.phase().0.is_over() {
            return false;
        }
        if self.wild && self.dice.once_in(12) {
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
                    self.tell(soon, Event::TargetsResolved { fault: *fault, round: *round, pods, peers: None });
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
                let there = self.things.get(fault).is_some_and(|thing| thing.exists);
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
            // its header has no gate: the brake alone has to know where the victims are
            Effect::Inspect { inspection: Inspection::Victims { pods } } if way != 11 => {
                let fact = |pod: &PodRef| VictimFact {
                    pod: pod.clone(),
                    node: Some("n1".into()),
                    host_network: false,
                    liveness: None,
                    image: Some("api:1".into()),
                };
                let pods = if way == 10 { Err("forbidden".into()) } else { Ok(pods.iter().map(fact).collect()) };
                let seen = Inspected::Victims(VictimsFact { pods, troubled: Ok(Vec::new()), budgets: Ok(Vec::new()) });
                self.tell(soon, Event::Inspected { seen });
            }
            Effect::Inspect { .. } | Effect::Seal { .. } => {}
        }
    }

    fn happen(&mut self, due: Due) {
        match due {
            Due::Tell(event) => {
                self.take(event);
            }
            Due::Land(fault, injects) => {
                let uid = self.things.get(&fault).map_or(1, |thing| thing.uid + 1);
                self.things.insert(fault, Thing { exists: true, uid, ..Thing::default() });
                self.tell_thing(fault, self.now % 7);
                if injects {
                    self.later(50 * MS, Due::Inject(fault));
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
            Due::Vanish(fault) => {
                let stuck = self.roll(8) == 7;
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
                let present = self.things.get(&fault).is_some_and(|thing| thing.exists);
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

    fn tell_thing(&mut self, fault: FaultId, after: u64) {
        let Some(state) = self.run.fault(fault) else { return };
        let Some((object, _)) = state.object.clone() else { return };
        let (lasting, thing) = (state.fault.is_lasting(), self.things[&fault].clone());
        let mut names: Vec<String> = self.pods.values().take(if lasting { 3 } else { 1 }).map(|fact| fact.pod.name.clone()).collect();
        if fault.is_brake() {
            names = vec!["gameday-brake-abc123".to_owned()];
        }
        let records = names.iter().map(|name| RecordFact {
            id: format!("staging/{name}").into(),
            selector: ".".into(),
            phase: if thing.injected && !thing.deleting { "Injected".into() } else { "Not Injected".into() },
            injected: u32::from(thing.injected),
            recovered: u32::from(thing.injected && thing.deleting),
            failure: None,
        });
        let fact = FaultFact {
            fault,
            object,
            uid: format!("c{}-{}", fault.0, thing.uid),
            created: None,
            desired: Some(if thing.deleting { "Stop".into() } else { "Run".into() }),
            conditions: Vec::new(),
            records: records.collect(),
            deleting: thing.deleting,
            finalizers: vec!["chaos-mesh/records".into()],
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

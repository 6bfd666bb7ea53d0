//! The scenario as the rest of the program knows it: valid by construction.
//!
//! Only [`super::read`] makes one, out of a file in which `check` found no mistake.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::criterion::{Criterion, StopCondition};
use crate::fault::Fault;
use crate::scenario::world::World;

/// One game day, as written and resolved: `${PARAMETERS}` are filled in, nothing else is.
#[derive(Clone, Debug, PartialEq)]
pub struct Scenario {
    /// `metadata.name`, a DNS label.
    pub name: String,
    /// `metadata.labels`.
    pub labels: BTreeMap<String, String>,
    /// `spec.title`; the name where the file gives none.
    pub title: String,
    /// `spec.hypothesis`: the sentence that is held or refuted.
    pub hypothesis: String,
    /// `spec.owner`.
    pub owner: Option<String>,
    /// `spec.runbook`, an http or https URL.
    pub runbook: Option<String>,
    /// `spec.environments` in file order, at least one; the first is the default.
    pub environments: Vec<Environment>,
    /// `spec.parameters` with `--set` applied.
    pub parameters: BTreeMap<String, String>,
    /// `spec.target`: the workloads that are watched and must recover, at least one.
    pub targets: Vec<TargetRef>,
    /// `spec.injector`.
    pub injector: Injector,
    /// `spec.panels`: charts of the cockpit and the report.
    pub panels: Vec<Panel>,
    /// `spec.steadyState`: the gate before, the proof after.
    pub steady_state: Vec<Criterion>,
    /// `spec.steps` in file order, at least one.
    pub steps: Vec<Step>,
    /// `spec.criteria`.
    pub criteria: Vec<Criterion>,
    /// `spec.stopWhen`.
    pub stop_when: Vec<StopCondition>,
    /// `spec.limits`.
    pub limits: Limits,
    /// `spec.acknowledgeDataRisk`: whether the author knows that a fault may cost data.
    pub acknowledge_data_risk: bool,
    /// `spec.brake`: whether the undo is rehearsed on a pod of gameday's own before the start; by the tier where the file
    /// does not say.
    pub brake: Option<bool>,
    /// `spec.world`: what a rehearsal fills its cluster with, where the file says.
    pub world: Option<Box<World>>,
    /// SHA-256 of the file's bytes, lower-case hex.
    pub file_digest: String,
    /// SHA-256 of the drill (hypothesis, target, steps, criteria, stopWhen, limits as canonical
    /// JSON), lower-case hex. History, gates and findings go by it.
    pub drill_digest: String,
}

impl Scenario {
    /// The environment called `name`, or the first.
    #[must_use]
    pub fn environment(&self, name: Option<&str>) -> Option<&Environment> {
        match name {
            None => self.environments.first(),
            Some(name) => self.environments.iter().find(|e| e.name == name),
        }
    }

    /// The namespaces that faults and their selectors name.
    pub fn aimed_at(&self) -> impl Iterator<Item = String> {
        self.steps.iter().flat_map(|step| match &step.action {
            StepAction::Fault(fault) => {
                let selectors = std::iter::once(&fault.selector).chain(fault.peer.iter().map(|(selector, _)| selector));
                let named = selectors.flat_map(|selector| selector.namespaces.iter().chain(selector.pods.keys()).cloned());
                named.chain(fault.namespace().map(ToOwned::to_owned)).collect::<Vec<_>>()
            }
            StepAction::Observe(_) | StepAction::Manual(_) | StepAction::Hold => Vec::new(),
        })
    }
}

/// A place where the drill can be run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Environment {
    /// Its key in `spec.environments`; `default` where the file has none.
    pub name: String,
    /// How careful to be there.
    pub tier: Tier,
    /// The kubeconfig context it must be; `None` takes the current one.
    pub context: Option<String>,
    /// The namespace of target and faults where they name none; `None` takes the context's.
    pub namespace: Option<String>,
    /// Where its metrics are.
    pub prometheus: Option<PrometheusAt>,
}

/// How careful to be, from careless to careful.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tier {
    /// Nobody is hurt.
    Development,
    /// Colleagues are hurt.
    Staging,
    /// Customers are hurt.
    Production,
}

impl Tier {
    /// What names of contexts and namespaces suggest; staging where they suggest nothing.
    #[must_use]
    pub fn suggested_by(names: &str) -> Tier {
        let names = names.to_ascii_lowercase();
        if names.contains("prod") {
            Tier::Production
        } else if ["dev", "kind-", "minikube", "docker-desktop"].iter().any(|hint| names.contains(hint)) {
            Tier::Development
        } else {
            Tier::Staging
        }
    }
}

impl fmt::Display for Tier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Tier::Development => "development",
            Tier::Staging => "staging",
            Tier::Production => "production",
        })
    }
}

/// Where a Prometheus answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum PrometheusAt {
    /// An http or https base URL, without a trailing slash.
    Url(String),
    /// A Service, reached through the API server's service proxy.
    Service {
        /// Its namespace.
        namespace: String,
        /// Its name.
        name: String,
        /// Number or name of its port.
        port: String,
    },
}

/// A workload named by kind and name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct TargetRef {
    /// Its kind.
    pub kind: WorkloadKind,
    /// Its name.
    pub name: String,
    /// Its namespace; `None` is the environment's.
    pub namespace: Option<String>,
}

impl fmt::Display for TargetRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind, self.name)
    }
}

/// The workload kinds that own pods and bring them back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum WorkloadKind {
    /// apps/v1 Deployment.
    Deployment,
    /// apps/v1 `StatefulSet`.
    StatefulSet,
    /// apps/v1 `DaemonSet`.
    DaemonSet,
}

impl fmt::Display for WorkloadKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            WorkloadKind::Deployment => "Deployment",
            WorkloadKind::StatefulSet => "StatefulSet",
            WorkloadKind::DaemonSet => "DaemonSet",
        })
    }
}

/// Who breaks things.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Injector {
    /// Chaos Mesh where its API is served, else gameday itself for what it can do alone.
    Auto,
    /// Chaos Mesh or nothing.
    ChaosMesh,
    /// gameday itself: pods are deleted.
    Agentless,
    /// gameday itself: the eviction of pods is asked for, which disruption budgets may refuse.
    Eviction,
}

/// A chart.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Panel {
    /// Its title.
    pub name: String,
    /// What its numbers are.
    pub unit: Unit,
    /// What no series means, where the author says so.
    pub when_empty: Option<f64>,
    /// In `PromQL`.
    pub query: String,
}

/// What a number is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unit {
    /// A bare number.
    #[default]
    None,
    /// A ratio, 0 to 1, shown times 100 with `%`.
    Percent,
    /// Seconds, shown as s or ms.
    Seconds,
    /// Bytes, shown as KiB, MiB, GiB.
    Bytes,
    /// Cores, shown as cores or m.
    Cores,
    /// A rate per second.
    PerSecond,
}

/// One step. Those of a `parallel` stand one after the other, each beginning with its group.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// Its name, unique in the scenario.
    pub name: String,
    /// When it begins.
    pub begins: Begins,
    /// What is done.
    pub action: StepAction,
}

/// When a step begins: as soon as all of this is so.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Begins {
    /// These have ended: their places in the list of steps.
    pub after: Vec<usize>,
    /// So long after the steady state was proven.
    pub at: Option<Duration>,
    /// The leader has said so.
    pub hold: bool,
}

/// How long steps take from the first to the last, by how long each takes.
#[must_use]
pub fn course(begins: &[Begins], spans: &[Duration]) -> Duration {
    let mut ends: Vec<Option<Duration>> = vec![None; begins.len()];
    // each round settles one more of those that wait for others; circles were taken out
    for _ in 0..begins.len() {
        for (place, when) in begins.iter().enumerate() {
            if ends[place].is_none() && when.after.iter().all(|before| ends[*before].is_some()) {
                let from = when.after.iter().filter_map(|before| ends[*before]).max().unwrap_or_default();
                ends[place] = Some(from.max(when.at.unwrap_or_default()).saturating_add(spans[place]));
            }
        }
    }
    ends.into_iter().flatten().max().unwrap_or_default()
}

/// What a step does.
#[derive(Clone, Debug, PartialEq)]
pub enum StepAction {
    /// Break something.
    Fault(Box<Fault>),
    /// Watch for so long.
    Observe(Duration),
    /// A person does something and says that it is done.
    Manual(Manual),
    /// Nothing, once the leader has let it begin.
    Hold,
}

/// A person's step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manual {
    /// What is to be done.
    pub what: String,
    /// How long it may take.
    pub timeout: Duration,
}

/// How far a run may go.
#[derive(Clone, Debug, PartialEq)]
pub struct Limits {
    /// The most pods one fault may take; `None` is no limit.
    pub max_targets: Option<u32>,
    /// The largest share of a workload one fault may take, 0 to 1; `None` is no limit.
    pub max_share: Option<f64>,
    /// Whether a fault may take all pods of a workload.
    pub allow_all: bool,
    /// The longest a run may take; `None` is no limit.
    pub max_duration: Option<Duration>,
    /// How long a source may be lost before the run stops.
    pub blind_limit: Duration,
    /// When in the week a run may begin; `None` is always.
    pub hours: Option<Hours>,
}

/// When in the week a run may begin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hours {
    /// The name of the time zone they are meant in, as in Europe/Berlin.
    pub timezone: String,
    /// The windows, at least one.
    pub only: Vec<Window>,
}

/// One window of some days of the week.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// The days, 0 for Monday to 6 for Sunday.
    pub days: Vec<u8>,
    /// It opens so many minutes after midnight.
    pub from: u16,
    /// It closes so many minutes after midnight, up to 1440.
    pub to: u16,
}

/// As the file writes it: `Tue,Wed 09:00-16:00`.
impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let days: Vec<&str> = self.days.iter().filter_map(|day| DAYS.get(usize::from(*day)).copied()).collect();
        let clock = |minutes: u16| format!("{:02}:{:02}", minutes / 60, minutes % 60);
        write!(f, "{} {}-{}", days.join(","), clock(self.from), clock(self.to))
    }
}

/// The days of the week as the file writes them.
pub const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

impl Default for Limits {
    fn default() -> Self {
        Limits {
            max_targets: None,
            max_share: None,
            allow_all: false,
            max_duration: None,
            blind_limit: Duration::from_secs(30),
            hours: None,
        }
    }
}

//! Chaos Mesh manifests, held offline against what the real API server would say.
//!
//! Three passes over one tree, each note at the node's own place: the schema of the CRDs (which
//! keys, which types, which words), the forms of the scalars (what the webhooks parse), and the
//! sense of the whole (what is accepted and then never happens, or happens otherwise than said).
//! Errors are what would be refused or could never take effect; warnings what would be accepted
//! and silently not done.

mod forms;
mod io;
mod network;
mod other;
mod pod;
mod schedule;
pub(in crate::scenario) mod schema;
mod selector;
mod status_check;
mod stress;
mod walk;

use std::time::Duration;

use serde_json::Value;

use super::fields::wrong_type;
use super::mistake::Mistakes;
use super::near::did_you_mean;
use super::tree::{Entry, Node, Span};
use super::units;
use crate::fault::{Action, CHAOS_MESH_API, Fault, Mode, OtherKind, Selector};

/// Kinds of Chaos Mesh that are still to come, and what they are.
const LATER: [(&str, &str); 8] = [
    ("KernelChaos", "faults of the kernel (KernelChaos) are"),
    ("JVMChaos", "faults inside a JVM (JVMChaos) are"),
    ("BlockChaos", "faults of block devices (BlockChaos) are"),
    ("AWSChaos", "faults of AWS (AWSChaos) are"),
    ("AzureChaos", "faults of Azure (AzureChaos) are"),
    ("GCPChaos", "faults of Google Cloud (GCPChaos) are"),
    ("PhysicalMachineChaos", "faults of machines (PhysicalMachineChaos) are"),
    ("Workflow", "workflows of faults (Workflow) are"),
];

/// Checks a manifest. `allow_all` is the author's word that every pod may be meant. `None` only
/// where there is an error.
pub fn check(node: &Node, allow_all: bool, mistakes: &mut Mistakes) -> Option<Fault> {
    if node.entries().is_none() {
        wrong_type(node, "a fault is a Chaos Mesh object, or manifest: PATH", mistakes);
        return None;
    }
    version(node, mistakes);
    let kind = kind(node, mistakes)?;
    let before = mistakes.errors();
    walk::object(node, table(kind), "", mistakes);
    let spec = Spec::of(node)?;
    let understood = match kind {
        Kind::Schedule => schedule::check(&spec, allow_all, mistakes),
        Kind::Pod | Kind::Network | Kind::Io | Kind::Stress | Kind::Other(_) => experiment(spec, kind, "spec", allow_all, mistakes),
    };
    annotations(node, mistakes);
    if mistakes.errors() > before {
        return None;
    }
    let understood = understood?;
    Some(Fault {
        manifest: node.to_json(),
        selector: selector::model(&understood.spec)?,
        mode: selector::mode_model(&understood.spec)?,
        // how long a Schedule goes on is no part of it
        duration: if kind == Kind::Schedule { None } else { understood.duration() },
        action: understood.action,
        peer: understood.peer,
    })
}

/// What is understood of the spec of a fault.
pub struct Understood<'t> {
    /// The spec itself.
    pub spec: Spec<'t>,
    /// Kind and action.
    pub action: Action,
    /// The other end of a network fault.
    pub peer: Option<(Selector, Mode)>,
}

impl Understood<'_> {
    /// `duration` as far as it can be read.
    pub fn duration(&self) -> Option<Duration> {
        let text = self.spec.get("duration").map(text).filter(|text| !text.is_empty())?;
        // Not above zero is over before it began.
        units::go_duration(text).ok().map(|nanos| units::positive(nanos).unwrap_or_default())
    }
}

/// Checks the spec of a fault, wherever it stands.
fn experiment<'t>(spec: Spec<'t>, kind: Kind, path: &str, allow_all: bool, mistakes: &mut Mistakes) -> Option<Understood<'t>> {
    selector::mode(&spec, path, mistakes);
    selector::check(&spec, path, kind, allow_all, mistakes);
    if let Some(cluster) = spec.get("remoteCluster").filter(|node| !text(node).is_empty()) {
        mistakes
            .error(cluster.span, text(cluster), "the fault would happen in another cluster, where gameday sees and undoes nothing")
            .hint("take remoteCluster away");
    }
    duration(&spec, mistakes);
    let (action, peer) = match kind {
        Kind::Pod => (pod::check(&spec, mistakes)?, None),
        Kind::Network => network::check(&spec, allow_all, mistakes)?,
        Kind::Io => (io::check(&spec, mistakes)?, None),
        Kind::Stress => (stress::check(&spec, mistakes)?, None),
        Kind::Other(kind) => (Action::Other { kind }, None),
        Kind::Schedule => return None,
    };
    Some(Understood { spec, action, peer })
}

/// The kinds that this version serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `PodChaos`.
    Pod,
    /// `NetworkChaos`.
    Network,
    /// `IOChaos`.
    Io,
    /// `StressChaos`.
    Stress,
    /// One that is passed on as written.
    Other(OtherKind),
    /// `Schedule`.
    Schedule,
}

impl Kind {
    /// All of them by the names that manifests call them.
    pub const NAMED: [(&str, Kind); 8] = [
        ("PodChaos", Kind::Pod),
        ("NetworkChaos", Kind::Network),
        ("IOChaos", Kind::Io),
        ("StressChaos", Kind::Stress),
        ("HTTPChaos", Kind::Other(OtherKind::Http)),
        ("DNSChaos", Kind::Other(OtherKind::Dns)),
        ("TimeChaos", Kind::Other(OtherKind::Time)),
        ("Schedule", Kind::Schedule),
    ];

    /// The kind that manifests call so.
    fn of(name: &str) -> Option<Kind> {
        Kind::NAMED.into_iter().find(|(own, _)| *own == name).map(|(_, kind)| kind)
    }

    /// The key under which a Schedule holds it; empty where it holds none.
    const fn block(self) -> &'static str {
        match self {
            Kind::Pod => "podChaos",
            Kind::Network => "networkChaos",
            Kind::Io => "ioChaos",
            Kind::Stress => "stressChaos",
            Kind::Other(OtherKind::Http) => "httpChaos",
            Kind::Other(OtherKind::Dns) => "dnsChaos",
            Kind::Other(OtherKind::Time) => "timeChaos",
            Kind::Schedule => "",
        }
    }
}

/// The keys of a kind's manifest.
pub fn table(kind: Kind) -> &'static schema::Object {
    match kind {
        Kind::Pod => &schema::POD_CHAOS,
        Kind::Network => &schema::NETWORK_CHAOS,
        Kind::Io => &io::IO_CHAOS,
        Kind::Stress => &stress::STRESS_CHAOS,
        Kind::Other(_) => &other::OTHER_CHAOS,
        Kind::Schedule => &schedule::SCHEDULE,
    }
}

fn version(node: &Node, mistakes: &mut Mistakes) {
    let Some(version) = node.get("apiVersion") else {
        mistakes.error(node.span, "", "a manifest needs apiVersion").allow(CHAOS_MESH_API);
        return;
    };
    if version.scalar().is_none_or(|scalar| scalar.text != CHAOS_MESH_API) {
        mistakes.error(version.span, &version.excerpt(), "a fault is a Chaos Mesh object").allow(CHAOS_MESH_API);
    }
}

fn kind(node: &Node, mistakes: &mut Mistakes) -> Option<Kind> {
    let served = Kind::NAMED.map(|(name, _)| name);
    let allowed = served.join(", ");
    let Some(kind) = node.get("kind") else {
        mistakes.error(node.span, "", "a manifest needs kind").allow(allowed);
        return None;
    };
    let found = text(kind);
    if let Some(kind) = Kind::of(found) {
        return Some(kind);
    }
    if found == "StatusCheck" {
        status_check::check(node, kind, mistakes);
        return None;
    }
    if let Some((_, what)) = LATER.iter().find(|(name, _)| *name == found) {
        mistakes.error(kind.span, found, format!("{what} not in this version")).allow(allowed);
        return None;
    }
    let mistake = mistakes.error(kind.span, &kind.excerpt(), "this is no kind of fault");
    mistake.allow(allowed);
    if let Some(hint) = did_you_mean(found, served.into_iter().chain(LATER.iter().map(|(name, _)| *name))) {
        mistake.hint(hint);
    }
    None
}

/// The text of a scalar, empty where it is none.
pub fn text(node: &Node) -> &str {
    node.scalar().map_or("", |scalar| scalar.text.as_str())
}

/// A mapping of a manifest in which a value of nothing counts as absent, as it does in Kubernetes.
#[derive(Clone, Copy)]
pub struct Spec<'t> {
    /// The mapping.
    pub node: &'t Node,
    /// Where a missing key is told.
    pub span: Span,
}

impl<'t> Spec<'t> {
    fn of(manifest: &'t Node) -> Option<Spec<'t>> {
        let entry = manifest.entry("spec")?;
        entry.value.entries()?;
        Some(Spec { node: &entry.value, span: entry.key_span })
    }

    /// The value under `key`, unless it is nothing.
    pub fn get(&self, key: &str) -> Option<&'t Node> {
        self.entry(key).map(|entry| &entry.value)
    }

    /// The entry of `key`, unless its value is nothing.
    pub fn entry(&self, key: &str) -> Option<&'t Entry> {
        self.node.entry(key).filter(|entry| !entry.value.is_null())
    }

    /// The text under `key`, empty where there is none.
    pub fn text(&self, key: &str) -> &'t str {
        self.get(key).map_or("", text)
    }

    /// The mapping under `key`.
    pub fn inner(&self, key: &str) -> Option<Spec<'t>> {
        let entry = self.entry(key)?;
        entry.value.entries()?;
        Some(Spec { node: &entry.value, span: entry.key_span })
    }

    /// The JSON under `key` without the values that are nothing.
    pub fn json(&self, key: &str) -> Option<Value> {
        self.get(key).map(|node| without_nulls(node.to_json()))
    }
}

fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(map) => Value::Object(map.into_iter().filter(|(_, v)| !v.is_null()).map(|(k, v)| (k, without_nulls(v))).collect()),
        Value::Array(items) => Value::Array(items.into_iter().map(without_nulls).collect()),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value,
    }
}

/// What Chaos Mesh reads without complaint in `duration` and does not keep to.
fn duration(spec: &Spec<'_>, mistakes: &mut Mistakes) {
    let Some(node) = spec.get("duration").filter(|node| node.scalar().is_some()) else { return };
    let found = text(node);
    if matches!(spec.text("action"), "pod-kill" | "container-kill") {
        let message = format!("{} happens once, so duration does nothing", spec.text("action"));
        mistakes.warn(node.span, found, message).hint("take it away; pod-failure lasts");
    } else if found.is_empty() {
        mistakes.warn(node.span, "", "an empty duration is no limit: the fault lasts until it is taken away").hint("write 30s");
    } else if units::go_duration(found).is_ok_and(|nanos| nanos <= 0) {
        mistakes.warn(node.span, found, "the fault is over before it begins, and never takes effect").hint("write 30s");
    }
}

/// Annotations that change what the controllers do.
fn annotations(manifest: &Node, mistakes: &mut Mistakes) {
    let entries = manifest.get("metadata").and_then(|metadata| metadata.get("annotations")).and_then(Node::entries);
    for entry in entries.unwrap_or_default() {
        match (entry.key.as_str(), text(&entry.value)) {
            ("experiment.chaos-mesh.org/pause", "true") => {
                mistakes
                    .warn(entry.key_span, &entry.key, "the fault is created paused: a lasting one never takes effect")
                    .hint("take the annotation away");
            }
            ("chaos-mesh.chaos-mesh.org/cleanFinalizer", "forced") => {
                mistakes.warn(entry.key_span, &entry.key, "the fault's undo would not be waited for").hint("take the annotation away");
            }
            _ => {}
        }
    }
}

//! The scenario while it is being written: what goes in is held against what `check` says of it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::loss::{Fate, Losses, What};
use super::place::Place;
use super::{Error, Import, Wish};
use crate::scenario::model::{TargetRef, Tier, WorkloadKind};
use crate::scenario::{self, Mistake, Severity, Source, Spot, schema};

/// The longest name that is taken over.
const LONGEST_NAME: usize = 100;

/// A scenario that is being written.
#[derive(Default)]
pub struct Draft {
    /// `metadata.name`, before it is made one.
    pub name: String,
    /// The title.
    pub title: String,
    /// The hypothesis.
    pub hypothesis: String,
    /// The steps, each with whether the next begins with it.
    pub steps: Vec<(Value, bool)>,
    /// `steadyState`.
    pub steady: Vec<Value>,
    /// `criteria`.
    pub criteria: Vec<Value>,
    /// `panels`.
    pub panels: Vec<Value>,
    /// The parameters, with their values.
    pub parameters: BTreeMap<String, String>,
    /// The base URL of Prometheus.
    pub prometheus: Option<String>,
    /// The context.
    pub context: Option<String>,
    /// The namespace.
    pub namespace: Option<String>,
    /// The workloads that are evident.
    pub targets: Vec<TargetRef>,
    /// What became of each thing.
    pub losses: Losses,
    names: BTreeSet<String>,
}

/// Where a piece of a scenario belongs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// `steps`.
    Step,
    /// `steadyState`.
    Steady,
    /// `criteria`.
    Criterion,
    /// `panels`.
    Panel,
}

impl Draft {
    /// A name for a piece: one short line, in no other use.
    pub fn name(&mut self, wanted: &str) -> String {
        let line: String = wanted.chars().map(|c| if c.is_control() { ' ' } else { c }).take(LONGEST_NAME).collect();
        let line = escaped(line.trim());
        let odd = !line.starts_with(char::is_alphabetic) || line.len() < 4;
        let hidden =
            self.losses.is_hidden_in(wanted) || !scenario::secrets::mistakes("", &format!("- {line}: x"), &BTreeMap::new()).is_empty();
        let stem = match () {
            () if hidden || line.is_empty() => "imported".to_owned(),
            () if odd => format!("step {line}"),
            () => line,
        };
        let mut name = stem.clone();
        let mut nth = 2;
        while !self.names.insert(name.clone()) {
            name = format!("{stem} ({nth})");
            nth += 1;
        }
        name
    }

    /// What `check` would say against a piece; `None` where it is sound.
    pub fn trouble(&self, part: Part, piece: &Value) -> Option<String> {
        let fault = json!({"name": "a kill", "fault": {"apiVersion": "chaos-mesh.org/v1alpha1", "kind": "PodChaos", "metadata": {"name": "x"},
            "spec": {"action": "pod-kill", "mode": "one", "selector": {"labelSelectors": {"app": "x"}}}}});
        let step = if part == Part::Step { piece.clone() } else { fault };
        let mut spec = json!({"hypothesis": "x", "environments": {"x": {"tier": "staging"}}, "parameters": self.parameters,
            "target": {"kind": "Deployment", "name": "x"}, "steps": [step]});
        let key = match part {
            Part::Step => None,
            Part::Steady => Some("steadyState"),
            Part::Criterion => Some("criteria"),
            Part::Panel => Some("panels"),
        };
        if let (Some(key), Some(spec)) = (key, spec.as_object_mut()) {
            spec.insert(key.to_owned(), json!([piece]));
        }
        let whole = json!({"apiVersion": "gameday/v1", "kind": "GameDay", "metadata": {"name": "x"}, "spec": spec});
        let Ok(text) = serde_yaml::to_string(&whole) else { return Some("it can't be written as YAML".to_owned()) };
        if self.losses.is_hidden_in_any(piece) {
            return Some("it repeats a value of a secret, which no scenario may hold".to_owned());
        }
        let wrong = scenario::secrets::mistakes("", &text, &BTreeMap::new()).into_iter().chain(mistakes(&text)).next();
        wrong.map(|mistake| {
            let found = if mistake.offending.is_empty() { String::new() } else { format!(" (found: {})", mistake.offending.short(60)) };
            let hint = mistake.hint.map(|hint| format!("; {hint}")).unwrap_or_default();
            format!("{}{found}{hint}", mistake.message)
        })
    }

    /// Adds a step that stands for an action or a rollback that could not be mapped.
    pub fn unmapped(&mut self, what: What, place: &Place, name: &str, of: &str, why: &str, hint: &str) {
        let told = if what == What::Rollback { format!("rollback: {name}") } else { name.to_owned() };
        let mut step_name = self.name(&told);
        let safe = |draft: &Draft, text: &str| {
            let short: String = text.chars().filter(|c| !c.is_control()).take(300).collect();
            let line = format!("x: {short}");
            let told = draft.losses.is_hidden_in(text) || !scenario::secrets::mistakes("", &line, &BTreeMap::new()).is_empty();
            if told { "(left out: it looks like a credential)".to_owned() } else { escaped(&short) }
        };
        let whole = json!({"what": safe(self, of), "at": safe(self, &place.to_string()), "why": safe(self, why)});
        if self.trouble(Part::Step, &json!({"name": step_name, "observe": "1s"})).is_some() {
            step_name = self.name("imported");
        }
        self.steps.push((json!({"name": step_name, "unmapped": whole}), false));
        self.losses.note(Fate::NotMapped, what, place, name, why).hint(hint);
    }

    /// Adds a workload that is watched.
    pub fn watch(&mut self, kind: WorkloadKind, name: &str, namespace: Option<&str>) {
        let target = TargetRef { kind, name: name.to_owned(), namespace: namespace.map(ToOwned::to_owned) };
        if !self.targets.iter().any(|known| known.kind == kind && known.name == target.name) {
            self.targets.push(target);
        }
    }

    /// Adds steady state and recovery as `gameday new` writes them, where the source gives none: without a criterion a run is
    /// inconclusive, and a steady state alone is the gate before and the proof after.
    pub fn propose(&mut self, place: &Place) {
        let breaks = self.steps.iter().any(|(step, _)| step.get("fault").is_some());
        if self.steady.is_empty() {
            self.steady.push(json!({"name": "all replicas ready", "ready": {"min": "100%"}, "stableFor": "5s"}));
            let said = "it has no steady state that could be taken over; written: all replicas are ready, before and after";
            self.losses.note(Fate::Differs, What::Setting, place, "", said).hint("write the steady state by which you will know");
        }
        if self.criteria.is_empty() && breaks {
            self.criteria.push(json!({"name": "recovers within 30s", "recovery": {"within": "30s"}, "stableFor": "5s"}));
            let said = "it says nothing of the time until all is well again; written: the targets are back within 30s of each fault";
            self.losses
                .note(Fate::Differs, What::Setting, place, "", said)
                .hint("write the time that you mean, or other criteria: without one a run is inconclusive");
        }
    }

    /// The scenario's text, read once more as a whole.
    pub fn finish(mut self, file: &str, from: &str, wish: &Wish) -> Result<Import, Error> {
        let targets = wish.target.clone().map_or_else(|| std::mem::take(&mut self.targets), |target| vec![target]);
        if targets.is_empty() {
            return Err(Error::NoTarget { file: file.to_owned() });
        }
        let context = wish.context.clone().or_else(|| self.context.take());
        let namespace = wish.namespace.clone().or_else(|| self.namespace.take());
        let tier = Tier::suggested_by(&format!("{} {}", context.as_deref().unwrap_or_default(), namespace.as_deref().unwrap_or_default()));
        self.losses
            .note(
                Fate::Differs,
                What::Setting,
                &Place::top(None),
                "",
                format!("the source does not say how careful to be; written: tier {tier}"),
            )
            .hint("write development, staging or production; the strictest of file, config.toml and cluster counts");
        let mut environment = Map::from_iter([("tier".to_owned(), json!(tier.to_string()))]);
        let prometheus = self.prometheus.take().map(|url| json!({"url": url}));
        for (key, value) in [("context", context.map(Value::from)), ("namespace", namespace.map(Value::from)), ("prometheus", prometheus)] {
            if let Some(value) = value {
                environment.insert(key.to_owned(), value);
            }
        }
        let targets: Vec<Value> = targets
            .iter()
            .map(|target| {
                let mut written = json!({"kind": target.kind.to_string(), "name": target.name});
                if let (Some(namespace), Some(written)) = (&target.namespace, written.as_object_mut()) {
                    written.insert("namespace".to_owned(), json!(namespace));
                }
                written
            })
            .collect();
        let target = if let [one] = &targets[..] { one.clone() } else { Value::Array(targets) };
        let label = dns_label(&self.name);
        let name = if self.losses.is_hidden_in(&self.name) || self.losses.is_hidden_in(&label) { "imported".to_owned() } else { label };
        let mut spec = Map::new();
        for (key, text) in [("title", &self.title), ("hypothesis", &self.hypothesis)] {
            let line: String =
                text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(if key == "title" { 119 } else { 1000 }).collect();
            let line = escaped(line.trim());
            let odd = line.len() < 4 || !line.starts_with(char::is_alphabetic);
            let line = if odd { format!("Imported: {line}") } else { line };
            let told =
                self.losses.is_hidden_in(text) || !scenario::secrets::mistakes("", &format!("x: {line}"), &BTreeMap::new()).is_empty();
            spec.insert(key.to_owned(), json!(if told { "Imported from another tool" } else { line.trim() }));
        }
        spec.insert("environments".to_owned(), json!({tier.to_string(): environment}));
        let steps = groups(std::mem::take(&mut self.steps), &mut self);
        let used = json!([steps, self.steady, self.criteria, self.panels, environment]).to_string();
        self.parameters.retain(|name, _| used.contains(&format!("${{{name}}}")));
        if !self.parameters.is_empty() {
            spec.insert("parameters".to_owned(), json!(self.parameters));
        }
        spec.insert("target".to_owned(), target);
        for (key, list) in [("panels", &self.panels), ("steadyState", &self.steady)] {
            if !list.is_empty() {
                spec.insert(key.to_owned(), json!(list));
            }
        }
        spec.insert("steps".to_owned(), json!(steps));
        if !self.criteria.is_empty() {
            spec.insert("criteria".to_owned(), json!(self.criteria));
        }
        let whole = json!({"apiVersion": "gameday/v1", "kind": "GameDay", "metadata": {"name": name}, "spec": spec});
        let yaml = serde_yaml::to_string(&whole).map_err(|error| Error::Unwritten(error.to_string()))?;
        let text = format!(
            "{}# Written by `gameday import` from {from}.\n# Yours to finish: owner, runbook, limits, panels, and whatever the report of the import says was lost.\n{yaml}",
            schema::modeline()
        );
        let import = Import { scenario: text, losses: self.losses.finish() };
        // each unmapped step is one mistake, and there is no other
        let mut wrong: Vec<Mistake> = mistakes(&import.scenario);
        wrong.extend(scenario::secrets::mistakes(file, &import.scenario, &BTreeMap::new()));
        wrong.retain(|mistake| !mistake.message.starts_with(scenario::NOT_IMPORTED));
        if wrong.is_empty() { Ok(import) } else { Err(Error::Unsound { file: file.to_owned(), mistakes: wrong }) }
    }
}

/// The errors of a scenario's text; what becomes no scenario has at least one.
fn mistakes(text: &str) -> Vec<Mistake> {
    let source = Source { file: "the new scenario", text, manifests: &|path| Err(format!("no {path}")) };
    let reading = scenario::read(&source, &BTreeMap::new());
    let mut wrong: Vec<Mistake> = reading.mistakes.into_iter().filter(|mistake| mistake.severity == Severity::Error).collect();
    if wrong.is_empty() && reading.scenario.is_none() {
        let top = Spot { line: 1, column: 1 };
        wrong.push(Mistake::of_server("the new scenario", top, "", "this becomes no scenario".to_owned()));
    }
    wrong
}

/// The steps, those that begin together as groups.
fn groups(steps: Vec<(Value, bool)>, draft: &mut Draft) -> Vec<Value> {
    let mut done = Vec::new();
    let mut open: Vec<Value> = Vec::new();
    for (step, together) in steps {
        open.push(step);
        if !together {
            close(&mut open, &mut done, draft);
        }
    }
    close(&mut open, &mut done, draft);
    done
}

fn close(open: &mut Vec<Value>, done: &mut Vec<Value>, draft: &mut Draft) {
    if open.len() > 1 {
        let name = draft.name("all at once");
        done.push(json!({"name": name, "parallel": std::mem::take(open)}));
    } else {
        done.append(open);
    }
}

/// Text in which nothing names a parameter.
pub fn escaped(text: &str) -> String {
    text.replace("${", "$${")
}

/// A value in which no text names a parameter.
pub fn escaped_all(value: &Value) -> Value {
    match value {
        Value::String(text) => Value::String(escaped(text)),
        Value::Array(items) => Value::Array(items.iter().map(escaped_all).collect()),
        Value::Object(map) => Value::Object(map.iter().map(|(key, value)| (key.clone(), escaped_all(value))).collect()),
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}

/// A name made of another: lower-case letters, digits and -.
pub fn dns_label(text: &str) -> String {
    let mut name = String::new();
    for c in text.chars() {
        let c = c.to_ascii_lowercase();
        if c.is_ascii_lowercase() || c.is_ascii_digit() {
            name.push(c);
        } else if !name.is_empty() && !name.ends_with('-') {
            name.push('-');
        }
        if name.len() >= 50 {
            break;
        }
    }
    let name = name.trim_end_matches('-');
    // what begins with a digit may be read as a number
    if name.starts_with(|c: char| c.is_ascii_lowercase()) && name.len() > 3 {
        name.to_owned()
    } else {
        format!("imported-{name}").trim_end_matches('-').to_owned()
    }
}

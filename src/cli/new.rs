//! `gameday new`: a scenario written from the live workload, on which `check` passes at once.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;

use anyhow::{Context, anyhow};
use serde_json::{Map, Value, json};

use crate::cli::args::NewArgs;
use crate::cli::{Failure, Means, REFUSED, USAGE, check, drill, print};
use crate::edge::workloads::{self, Portrait};
use crate::edge::{Cluster, connect};
use crate::scenario::model::{TargetRef, Tier, WorkloadKind};
use crate::scenario::{self, Source, schema};

pub fn new(args: &NewArgs) -> Result<u8, Failure> {
    let (kind, name) = target(&args.target).means(USAGE)?;
    let (portrait, context, namespace) = drill::runtime(false).means(REFUSED)?.block_on(async {
        let connection = connect::connect("", None, args.context.as_deref()).await.means(REFUSED)?;
        let namespace = args.namespace.clone().unwrap_or_else(|| connection.namespace.clone());
        let context = connection.context.clone();
        let cluster = Cluster::reach(connection, &namespace).await.means(REFUSED)?;
        let target = TargetRef { kind, name: name.clone(), namespace: None };
        let portrait = workloads::portrait(&cluster, &target).await.means(REFUSED)?;
        Ok((portrait, context, namespace))
    })?;
    let text = text(kind, &name, &portrait, &context, &namespace).means(REFUSED)?;
    // what is written must pass: a workload that no scenario can be about is said so here
    let source = Source { file: "the new scenario", text: &text, manifests: &|path| Err(format!("no {path}")) };
    let reading = scenario::read(&source, &BTreeMap::new());
    if !reading.is_sound(false) {
        let told = check::told(Path::new("the new scenario"), &reading.mistakes);
        return Err(anyhow!("no scenario can be written for this workload:\n{told}")).means(REFUSED);
    }
    match &args.output {
        None => print(&text),
        Some(path) => {
            write_new(path, &text)?;
            print(&format!("{0}\nnext: gameday check {0} && gameday rehearse {0}\n", path.display()));
        }
    }
    Ok(0)
}

/// Writes a file that is not there yet.
pub fn write_new(path: &Path, text: &str) -> Result<(), Failure> {
    let made = OpenOptions::new().write(true).create_new(true).open(path).and_then(|mut file| file.write_all(text.as_bytes()));
    made.with_context(|| format!("cannot write {} (a file that is there is not overwritten)", path.display())).means(USAGE)
}

/// The workload that `KIND/NAME` means.
pub fn target(text: &str) -> anyhow::Result<(WorkloadKind, String)> {
    let (kind, name) = text.split_once('/').ok_or_else(|| anyhow!("{text:?} is not KIND/NAME, as in deployment/task-api"))?;
    let kind = match kind.to_ascii_lowercase().as_str() {
        "deployment" | "deployments" | "deploy" => WorkloadKind::Deployment,
        "statefulset" | "statefulsets" | "sts" => WorkloadKind::StatefulSet,
        "daemonset" | "daemonsets" | "ds" => WorkloadKind::DaemonSet,
        other => return Err(anyhow!("{other:?} is no kind gameday watches; deployment, statefulset and daemonset are")),
    };
    Ok((kind, name.to_owned()))
}

fn text(kind: WorkloadKind, name: &str, portrait: &Portrait, context: &str, namespace: &str) -> anyhow::Result<String> {
    let tier = tier(&portrait.namespace_labels, context, namespace);
    let mut place = json!({"tier": tier.to_string(), "context": context, "namespace": namespace});
    if context == "in-cluster" {
        place.as_object_mut().map(|place| place.remove("context"));
    }
    if let (Some(at), Some(place)) = (&portrait.prometheus, place.as_object_mut()) {
        place.insert("prometheus".to_owned(), json!({"service": at}));
    }
    let mut selector = Map::new();
    if !portrait.labels.is_empty() {
        selector.insert("labelSelectors".to_owned(), json!(portrait.labels));
    }
    if !portrait.expressions.is_empty() {
        selector.insert("expressionSelectors".to_owned(), json!(portrait.expressions));
    }
    let mut criteria = vec![json!({"name": "recovers within 30s", "recovery": {"within": "30s"}, "stableFor": "5s"})];
    if portrait.desired > 1 {
        let min = portrait.desired - 1;
        criteria.push(json!({"name": format!("never below {min} ready"), "ready": {"min": min}, "during": "fault"}));
    }
    let stem: String = name.chars().take(50).collect();
    let scenario = json!({
        "apiVersion": "gameday/v1",
        "kind": "GameDay",
        "metadata": {"name": format!("{}-pod-kill", stem.trim_end_matches('-'))},
        "spec": {
            "title": format!("{name} survives the loss of a pod"),
            "hypothesis": format!("{name} recovers within 30s after pod kill"),
            "environments": {tier.to_string(): place},
            "target": {"kind": kind.to_string(), "name": name},
            "steadyState": [{"name": "all replicas ready", "ready": {"min": "100%"}, "stableFor": "5s"}],
            "steps": [
                {"name": "kill one pod", "fault": {
                    "apiVersion": "chaos-mesh.org/v1alpha1",
                    "kind": "PodChaos",
                    "metadata": {"name": format!("{}-pod-kill", stem.trim_end_matches('-'))},
                    "spec": {"action": "pod-kill", "mode": "one", "selector": Value::Object(selector)},
                }},
                {"name": "watch it come back", "observe": "60s"},
            ],
            "criteria": criteria,
            "limits": {"maxTargets": 1},
        }
    });
    let yaml = serde_yaml::to_string(&scenario).context("cannot write YAML")?;
    Ok(format!(
        "{}# Written by `gameday new` from the live {kind} {name}: {} replicas.\n# Yours to finish: owner, runbook, panels, and what your users would notice.\n{yaml}",
        schema::modeline(),
        portrait.desired
    ))
}

/// How careful to be: what the namespace says of itself, else what the names suggest, else staging.
fn tier(labels: &BTreeMap<String, String>, context: &str, namespace: &str) -> Tier {
    let said = labels.get("gameday/tier").or_else(|| labels.get("environment")).map(String::as_str);
    match said {
        Some("production") => return Tier::Production,
        Some("staging") => return Tier::Staging,
        Some("development") => return Tier::Development,
        Some(_) | None => {}
    }
    Tier::suggested_by(&format!("{context} {namespace}"))
}

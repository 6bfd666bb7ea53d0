//! A Chaos Mesh Workflow, as far as steps can say it: one after the other, at once, and waiting.

use std::cell::Cell;

use serde_json::{Map, Value, json};

use super::draft::{Draft, Part, dns_label, escaped_all};
use super::loss::{Fate, What};
use super::place::Place;
use super::{manifests, text_of};

/// The deepest nesting of templates, and the most that may be said of what comes of them: each names others as often as it likes.
const DEEPEST: usize = 16;
const MOST: usize = 300;

/// The keys under which templates hold their fault.
const BLOCKS: [(&str, &str); 8] = [
    ("PodChaos", "podChaos"),
    ("NetworkChaos", "networkChaos"),
    ("IOChaos", "ioChaos"),
    ("StressChaos", "stressChaos"),
    ("HTTPChaos", "httpChaos"),
    ("DNSChaos", "dnsChaos"),
    ("TimeChaos", "timeChaos"),
    ("Schedule", "schedule"),
];

struct Templates<'v> {
    all: Vec<(Place, &'v Value)>,
    namespace: Option<&'v str>,
    /// Whether it was said that there are too many.
    told: Cell<bool>,
}

/// Adds the steps of a Workflow.
pub fn read(object: &Value, place: &Place, name: &str, draft: &mut Draft) {
    let spec = object.get("spec").unwrap_or(&Value::Null);
    let list = spec.get("templates").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let at = place.keys(&["spec", "templates"]);
    let namespace = object.get("metadata").and_then(|metadata| metadata.get("namespace")).and_then(Value::as_str);
    let templates = Templates {
        all: list.iter().enumerate().map(|(index, template)| (at.at(index), template)).collect(),
        namespace,
        told: Cell::new(false),
    };
    let entry = text_of(spec.get("entry"));
    match templates.called(entry) {
        Some((place, template)) => templates.add(&place, template, 0, draft),
        None => draft.unmapped(
            What::Action,
            &place.keys(&["spec", "entry"]),
            name,
            "Workflow",
            "its entry names no template",
            "mend the Workflow",
        ),
    }
}

impl<'v> Templates<'v> {
    fn called(&self, name: &str) -> Option<(Place, &'v Value)> {
        self.all.iter().find(|(_, template)| text_of(template.get("name")) == name).cloned()
    }

    fn children(&self, template: &'v Value) -> Vec<(&'v str, Option<(Place, &'v Value)>)> {
        let names = template.get("children").and_then(Value::as_array).into_iter().flatten();
        names.map(|name| text_of(Some(name))).map(|name| (name, self.called(name))).collect()
    }

    fn add(&self, place: &Place, template: &'v Value, depth: usize, draft: &mut Draft) {
        let (name, kind) = (text_of(template.get("name")), text_of(template.get("templateType")));
        if depth > DEEPEST || draft.losses.len() > MOST {
            if self.told.replace(true) {
                return;
            }
            draft.unmapped(What::Action, place, name, kind, "the templates nest too deeply, or make too many steps", "split the Workflow");
            return;
        }
        match kind {
            "Serial" => {
                draft.losses.note(Fate::Mapped, What::Setting, place, name, "one after the other, as steps are");
                for (child, found) in self.children(template) {
                    match found {
                        Some((place, template)) => self.add(&place, template, depth + 1, draft),
                        None => draft.unmapped(
                            What::Action,
                            &place.key("children"),
                            child,
                            kind,
                            "no template has this name",
                            "mend the Workflow",
                        ),
                    }
                }
            }
            "Parallel" => self.parallel(place, template, depth, draft),
            "Suspend" => suspend(place, template, draft),
            "StatusCheck" => {
                manifests::status_check(template.get("statusCheck").unwrap_or(&Value::Null), &place.key("statusCheck"), name, draft);
                if template.get("abortWithStatusCheck").is_some() {
                    let at = place.key("abortWithStatusCheck");
                    draft
                        .losses
                        .note(Fate::NotMapped, What::Setting, &at, name, "it does not stop the run")
                        .hint("write a stop condition: stopWhen");
                }
            }
            _ => self.fault(place, template, draft),
        }
    }

    /// Members of a group are single steps; a Serial in it would need an order of its own.
    fn parallel(&self, place: &Place, template: &'v Value, depth: usize, draft: &mut Draft) {
        let name = text_of(template.get("name"));
        let children = self.children(template);
        let single = |found: &Option<(Place, &Value)>| {
            found.as_ref().is_some_and(|(_, child)| !matches!(text_of(child.get("templateType")), "Serial" | "Parallel" | "Task"))
        };
        if !children.iter().all(|(_, found)| single(found)) {
            let why = "templates that begin at once are single faults and waits here";
            draft.unmapped(What::Action, place, name, "Parallel", why, "write its steps with after: NAME, or with at: T");
            return;
        }
        let first = draft.steps.len();
        for (place, child) in children.into_iter().filter_map(|(_, found)| found) {
            self.add(&place, child, depth + 1, draft);
        }
        let last = draft.steps.len().saturating_sub(1);
        for (step, together) in draft.steps.iter_mut().take(last).skip(first) {
            // what follows a kill until its deadline belongs after the group
            *together = step.get("unmapped").is_none() || *together;
        }
        draft.losses.note(Fate::Mapped, What::Setting, place, name, "steps that begin at once");
    }

    fn fault(&self, place: &Place, template: &'v Value, draft: &mut Draft) {
        let (name, kind) = (text_of(template.get("name")), text_of(template.get("templateType")));
        let block = BLOCKS.iter().find(|(known, _)| *known == kind).map(|(_, block)| *block);
        let Some((block, Some(Value::Object(spec)))) = block.map(|block| (block, template.get(block))) else {
            let why = match kind {
                "Task" => "gameday runs no containers".to_owned(),
                _ => format!("templates of the type {} are not in this version", super::quoted(kind)),
            };
            draft.unmapped(What::Action, place, name, kind, &why, "make it a manual step, or take it away");
            return;
        };
        let mut spec: Map<String, Value> = spec.clone();
        let deadline = template.get("deadline").and_then(Value::as_str);
        let once = matches!(text_of(spec.get("action")), "pod-kill" | "container-kill");
        if let Some(deadline) = deadline.filter(|_| kind != "Schedule" && !once) {
            spec.insert("duration".to_owned(), json!(deadline));
        }
        let manifest = manifests::manifest(kind, &dns_label(name), self.namespace, &Value::Object(spec.clone()));
        let mut step = json!({"name": "an imported fault", "fault": escaped_all(&manifest)});
        if let (Some(deadline), "Schedule", Some(step)) = (deadline, kind, step.as_object_mut()) {
            step.insert("lasts".to_owned(), json!(deadline));
        }
        if let Some(why) = draft.trouble(Part::Step, &step) {
            draft.unmapped(
                What::Action,
                &place.key(block),
                name,
                kind,
                &why,
                "mend the template and import it again, or write the step by hand",
            );
            return;
        }
        manifests::evident(&Value::Object(spec), draft);
        match (deadline, once) {
            (Some(_), true) => {
                let message = "it happens once; the template's deadline is not waited for";
                draft.losses.note(Fate::Differs, What::Action, place, name, message).hint("add an observe step after it");
            }
            (Some(_), false) => {
                draft.losses.note(Fate::Mapped, What::Action, place, name, format!("{kind}; its deadline is how long it lasts"));
            }
            (None, _) => {
                draft.losses.note(Fate::Mapped, What::Action, place, name, kind);
            }
        }
        step["name"] = json!(draft.name(name));
        draft.steps.push((step, false));
    }
}

fn suspend(place: &Place, template: &Value, draft: &mut Draft) {
    let name = text_of(template.get("name"));
    let called = draft.name(if name.is_empty() { "wait" } else { name });
    let piece = escaped_all(&json!({"name": called, "observe": text_of(template.get("deadline"))}));
    if let Some(why) = draft.trouble(Part::Step, &piece) {
        draft.losses.note(Fate::NotMapped, What::Pause, place, name, why).hint("write an observe step");
        return;
    }
    draft.losses.note(Fate::Mapped, What::Pause, place, name, "a step that observes");
    draft.steps.push((piece, false));
}

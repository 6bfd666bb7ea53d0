//! What the validating webhook refuses in a Workflow.

use serde_json::{Value, json};

use super::checks::invalid;
use super::encoding::encode;
use super::go;
use super::schema::known;
use super::webhooks::{Panicked, block, embedded};
use crate::rehearsal::api::object::{list, text};

/// What is wrong with this spec.
///
/// # Errors
/// When the real webhook would panic.
pub fn wrong(spec: &Value) -> Result<Vec<String>, Panicked> {
    let mut wrong = Vec::new();
    let templates = list(spec, "/templates");
    let entry = text(spec, "/entry");
    let named = |name: &str| templates.iter().any(|template| text(template, "/name") == name);
    if entry.is_empty() {
        wrong.push("spec.entry: Required value: the entry of workflow is required".to_owned());
    }
    if !named(entry) {
        wrong.push(invalid("spec.entry", &json!(entry), &format!("can not find a template with name {entry}")));
    }
    if templates.is_empty() {
        let none = spec.get("templates").filter(|t| t.is_array()).cloned().unwrap_or(Value::Null);
        wrong.push(invalid("spec.templates", &none, "templates in workflow could not be empty"));
        return Ok(wrong);
    }
    let mut twice: Vec<&str> = templates.iter().map(|t| text(t, "/name")).collect();
    twice.sort_unstable();
    let mut duplicated: Vec<&str> = twice.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| pair[0]).collect();
    duplicated.dedup();
    if !duplicated.is_empty() {
        let why = format!("template name must be unique, duplicated names: [{}]", duplicated.join(" "));
        wrong.push(invalid("spec.templates", &json!(""), &why));
    }
    for (index, template) in templates.iter().enumerate() {
        of_template(template, &format!("spec.templates[{index}]"), &named, &mut wrong)?;
    }
    Ok(wrong)
}

fn of_template(template: &Value, path: &str, named: &dyn Fn(&str) -> bool, wrong: &mut Vec<String>) -> Result<(), Panicked> {
    let name = text(template, "/name");
    if name.is_empty() {
        wrong.push(format!("{path}.name: Required value: name of template is required"));
    }
    if let Some(why) = subdomain(name) {
        wrong.push(invalid(&format!("{path}.name"), &json!(name), &format!("field name must be DNS-1123 subdomain, [{why}]")));
    }
    let kind = text(template, "/templateType");
    let unwanted: &[&str] = match kind {
        "Suspend" => {
            if text(template, "/deadline").is_empty() {
                let given = template.get("deadline").unwrap_or(&Value::Null);
                wrong.push(invalid(&format!("{path}.deadline"), given, "deadline in template with type Suspend could not be empty"));
            }
            &["Task", "Children", "ConditionalBranches", "EmbedChaos", "Schedule"]
        }
        "Serial" | "Parallel" => {
            for (index, child) in list(template, "/children").iter().enumerate() {
                let child = child.as_str().unwrap_or_default();
                if !named(child) {
                    let why = format!("can not find a template with name {child}");
                    wrong.push(invalid(&format!("{path}.children[{index}]"), &json!(child), &why));
                }
            }
            &["Task", "ConditionalBranches", "EmbedChaos", "Schedule"]
        }
        "Schedule" => &["Task", "Children", "ConditionalBranches", "EmbedChaos"],
        "Task" => &["Children", "EmbedChaos", "Schedule"],
        "StatusCheck" => &["Task", "Children", "ConditionalBranches", "EmbedChaos", "Schedule"],
        _ if !block(kind).is_empty() && kind != "Workflow" => {
            duration(template, kind, path, wrong);
            &["Task", "Children", "ConditionalBranches", "Schedule"]
        }
        _ => {
            wrong.push(invalid(&format!("{path}.templateType"), &json!(kind), &format!("unrecognized template type: {kind}")));
            return Ok(());
        }
    };
    for what in unwanted {
        should_not_contain(template, what, path, wrong);
    }
    if !block(kind).is_empty() {
        if embeds_chaos(template) {
            wrong.extend(embedded(template, kind, path)?);
        } else {
            // The method of a struct that is not there.
            return Err(Panicked);
        }
    }
    Ok(())
}

fn embeds_chaos(template: &Value) -> bool {
    known("EmbedChaos").fields.iter().any(|field| template.get(field.json).is_some_and(|v| !v.is_null()))
}

fn should_not_contain(template: &Value, what: &str, path: &str, wrong: &mut Vec<String>) {
    let (there, value) = match what {
        "Task" => (template["task"].is_object(), encode(&template["task"], known("Task"))),
        "Children" => (!list(template, "/children").is_empty(), template["children"].clone()),
        "ConditionalBranches" => (!list(template, "/conditionalBranches").is_empty(), template["conditionalBranches"].clone()),
        "EmbedChaos" => (embeds_chaos(template), encode(template, known("EmbedChaos"))),
        _ => (template["schedule"].is_object(), encode(&template["schedule"], known("ChaosOnlyScheduleSpec"))),
    };
    if there {
        let what = if what == "EmbedChaos" { "any Chaos" } else { what };
        wrong.push(invalid(path, &value, &format!("this template should not contain {what}")));
    }
}

/// A chaos within a workflow ends with its node.
fn duration(template: &Value, kind: &str, path: &str, wrong: &mut Vec<String>) {
    let at = format!("{path}.{kind}");
    if !embeds_chaos(template) {
        wrong.push(invalid(&at, &Value::Null, &format!("the value of chaos {kind} is required")));
        return;
    }
    let Some(chaos) = template.get(block(kind)).filter(|v| v.is_object()) else {
        wrong.push(invalid(&at, &Value::Null, &format!("parse workflow field error: missing chaos spec {kind}")));
        return;
    };
    let Some(given) = chaos.get("duration").and_then(Value::as_str) else { return };
    match go::duration(given) {
        Err(why) => wrong.push(invalid(path, &json!(""), &why)),
        Ok(nanos) => wrong.push(invalid(
            path,
            &json!(nanos),
            "should not define duration in chaos when using Workflow, use Template#Deadline instead.",
        )),
    }
}

fn subdomain(name: &str) -> Option<String> {
    let part = |part: &str| {
        !part.is_empty()
            && !part.starts_with('-')
            && !part.ends_with('-')
            && part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
    };
    let mut why = Vec::new();
    if name.len() > 253 {
        why.push("must be no more than 253 characters");
    }
    if !name.split('.').all(part) {
        why.push("a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')");
    }
    if why.is_empty() { None } else { Some(why.join(" ")) }
}

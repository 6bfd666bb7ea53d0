//! Actions, and rollbacks: which function becomes what.

use serde_json::{Value, json};

use super::super::draft::{Draft, Part};
use super::super::loss::{Fate, What};
use super::super::{manifests, text_of};
use super::faults::{self, Built};
use super::{Activity, Experiment};

/// What an action comes to.
pub enum Deed {
    /// A step; where it is a fault without an end of its own, what it is called in the cluster.
    Step(Value, Option<String>),
    /// It takes a fault of this name away.
    Lift(String),
    /// It was put into the draft as a step that is refused.
    Refused,
}

/// What an action could become.
enum Way {
    Fault(Built),
    Manual(String),
    Lift(String),
    No(String, &'static str),
}

/// Module and function as the mapping knows them: `pod.actions.terminate_pods`.
pub fn function(activity: &Activity<'_>) -> String {
    let provider = activity.body.get("provider").unwrap_or(&Value::Null);
    match text_of(provider.get("type")) {
        "python" | "" => format!("{}.{}", text_of(provider.get("module")), text_of(provider.get("func"))),
        "http" => "an http provider".to_owned(),
        other => format!("a {other} provider"),
    }
}

/// What an action of the method comes to, with its losses noted.
pub fn deed(activity: &Activity<'_>, experiment: &Experiment<'_>, draft: &mut Draft) -> Deed {
    let function = function(activity);
    let mut last = None;
    // first with the parameters named, then, where that can't be, with their defaults
    for keep in [true, false] {
        let arguments = activity.body.get("provider").and_then(|provider| provider.get("arguments")).unwrap_or(&Value::Null);
        let way = match experiment.configuration.fill(arguments, keep, draft) {
            Ok(arguments) => way(&function, &arguments, experiment.wish.namespace.as_deref()),
            Err(why) => Way::No(why, "write the value in the source, and import it again"),
        };
        match way {
            Way::Lift(name) => {
                draft.losses.note(
                    Fate::Mapped,
                    What::Action,
                    &activity.place,
                    activity.name,
                    "gameday lifts the fault itself, when its time is over",
                );
                return Deed::Lift(name);
            }
            Way::Manual(what) => {
                let name = draft.name(activity.name);
                let step = json!({"name": name, "manual": what});
                if draft.trouble(Part::Step, &step).is_none() {
                    let message = "a step that a person does and confirms; nobody undoes it but people";
                    draft
                        .losses
                        .note(Fate::Differs, What::Action, &activity.place, activity.name, message)
                        .hint("say in the step how it is undone");
                    return Deed::Step(step, None);
                }
                last = Some(("it can't be told in a step".to_owned(), "write a manual step"));
            }
            Way::Fault(built) => {
                let step = json!({"name": "an imported fault", "fault": built.manifest});
                match draft.trouble(Part::Step, &step) {
                    None => return taken(activity, built, draft),
                    Some(why) => last = Some((why, "write the step by hand")),
                }
            }
            Way::No(why, hint) => last = Some((why, hint)),
        }
    }
    let (why, hint) = last.unwrap_or_default();
    draft.unmapped(What::Action, &activity.place, activity.name, &function, &why, hint);
    Deed::Refused
}

fn taken(activity: &Activity<'_>, built: Built, draft: &mut Draft) -> Deed {
    let name = draft.name(activity.name);
    let at = activity.place.keys(&["provider", "arguments"]);
    let kind = text_of(built.manifest.get("kind")).to_owned();
    let spec = built.manifest.get("spec").unwrap_or(&Value::Null);
    let lasting = !matches!(text_of(spec.get("action")), "pod-kill" | "container-kill") && kind != "Schedule";
    let open = (lasting && spec.get("duration").is_none())
        .then(|| text_of(built.manifest.get("metadata").and_then(|metadata| metadata.get("name"))).to_owned());
    draft.losses.note(
        Fate::Mapped,
        What::Action,
        &activity.place,
        activity.name,
        format!("{kind} {}", text_of(spec.get("action"))).trim_end(),
    );
    for (argument, message, hint) in built.differences {
        let place = if argument.is_empty() { at.clone() } else { at.key(argument) };
        draft.losses.note(Fate::Differs, What::Setting, &place, "", message).hint(hint);
    }
    manifests::evident(spec, draft);
    Deed::Step(json!({"name": name, "fault": built.manifest}), open)
}

/// Undone anyway, or not mapped.
pub fn rollback(activity: &Activity<'_>, draft: &mut Draft) {
    let function = function(activity);
    let arguments = activity.body.get("provider").and_then(|provider| provider.get("arguments")).unwrap_or(&Value::Null);
    let chaos = text_of(arguments.get("group")) == "chaos-mesh.org";
    match function.strip_prefix("chaosk8s.").unwrap_or(&function) {
        "chaosmesh.network.actions.delete_network_fault"
        | "chaosmesh.stress.actions.delete_stressor"
        | "networking.actions.remove_deny_all_ingress"
        | "networking.actions.remove_deny_all_egress" => own_undo(activity, draft),
        "crd.actions.delete_custom_object" if chaos => own_undo(activity, draft),
        "node.actions.uncordon_node" => {
            let message = "left out: nothing that is imported cordons a node";
            draft
                .losses
                .note(Fate::Differs, What::Rollback, &activity.place, activity.name, message)
                .hint("where the cordon or drain becomes a manual step, say in it how it is undone");
        }
        _ => {
            let why = "gameday undoes what it broke itself, and runs nothing else afterwards";
            let hint = "take it away if it undid what is no longer done; else make it a manual step at the end";
            draft.unmapped(What::Rollback, &activity.place, activity.name, &function, why, hint);
        }
    }
}

fn own_undo(activity: &Activity<'_>, draft: &mut Draft) {
    draft.losses.note(Fate::Mapped, What::Rollback, &activity.place, activity.name, "gameday's own undo does it, always");
}

fn way(function: &str, arguments: &Value, namespace: Option<&str>) -> Way {
    let built = |built: Result<Built, String>| match built {
        Ok(built) => Way::Fault(built),
        Err(why) => Way::No(why, "write the step by hand"),
    };
    let name = || text_of(arguments.get("name")).to_owned();
    match function.strip_prefix("chaosk8s.").unwrap_or(function) {
        "pod.actions.terminate_pods" | "pod.actions.delete_pods" => built(faults::pods(arguments, namespace)),
        "chaosmesh.network.actions.delete_network_fault" | "chaosmesh.stress.actions.delete_stressor" => Way::Lift(name()),
        "networking.actions.remove_deny_all_ingress" | "networking.actions.remove_deny_all_egress" => Way::Lift("deny-all".to_owned()),
        "crd.actions.delete_custom_object" if text_of(arguments.get("group")) == "chaos-mesh.org" => Way::Lift(name()),
        "crd.actions.delete_custom_object" => {
            Way::No("it deletes an object that is no fault, which nobody brings back".to_owned(), "make it a manual step")
        }
        "crd.actions.create_custom_object" | "crd.actions.apply_from_json" | "crd.actions.apply_from_yaml" => {
            built(faults::object(arguments))
        }
        "networking.actions.deny_all_ingress" => built(faults::denied(arguments, "from", namespace)),
        "networking.actions.deny_all_egress" => built(faults::denied(arguments, "to", namespace)),
        "deployment.actions.scale_deployment" | "statefulset.actions.scale_statefulset" => {
            let kind = if function.contains("statefulset") { "StatefulSet" } else { "Deployment" };
            Way::Manual(format!(
                "scale {kind} {} to {} replicas; note first how many it has, and scale it back afterwards",
                name(),
                shown(arguments.get("replicas"))
            ))
        }
        "deployment.actions.rollout_deployment" => {
            Way::Manual(format!("restart the rollout of Deployment {} (kubectl rollout restart)", name()))
        }
        "pod.actions.exec_in_pods" => Way::No("gameday runs no code in pods".to_owned(), "make it a fault of Chaos Mesh, or a manual step"),
        known if known.starts_with("node.actions.") => Way::No(
            "it takes nodes away, which hurts more than the target; gameday does not do that".to_owned(),
            "make it a manual step, with how it is undone",
        ),
        known if known.starts_with("chaosmesh.network.actions.") => {
            built(faults::network(known.rsplit('.').next().unwrap_or_default(), arguments, namespace))
        }
        known if known.starts_with("chaosmesh.stress.actions.") => {
            built(faults::stress(known.rsplit('.').next().unwrap_or_default(), arguments, namespace))
        }
        other if other.ends_with(" provider") => {
            Way::No(format!("{other} runs whatever it likes, and gameday could not undo it"), "make it a manual step")
        }
        _ => Way::No("gameday has nothing for this function".to_owned(), "make it a fault, or a manual step"),
    }
}

fn shown(value: Option<&Value>) -> String {
    match value {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) => number.to_string(),
        _ => "the number of the source".to_owned(),
    }
}

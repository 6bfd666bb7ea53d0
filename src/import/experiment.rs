//! A Chaos Toolkit experiment.

mod actions;
mod configuration;
mod course;
mod faults;
mod probes;
mod tolerance;

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use self::actions::Deed;
use self::configuration::Configuration;
use self::course::Happening;
use super::draft::{Draft, Part, escaped};
use super::loss::{Fate, What};
use super::place::Place;
use super::{Error, Import, Wish, manifests, text_of};

/// Keys of an experiment that say nothing of what happens.
const SPOKEN: [&str; 5] = ["version", "tags", "contributions", "extensions", "dry"];

/// An activity of the source.
pub struct Activity<'v> {
    place: Place,
    name: &'v str,
    body: &'v Value,
}

/// The experiment while it is read.
struct Experiment<'v> {
    configuration: Configuration,
    /// Every activity with a name, for those that refer to it.
    named: BTreeMap<&'v str, &'v Value>,
    wish: &'v Wish,
}

/// How many things an experiment names that may become a part of a scenario.
pub fn size(root: &Map<String, Value>) -> usize {
    let hypothesis = root.get("steady-state-hypothesis").and_then(|hypothesis| hypothesis.get("probes"));
    let lists = [hypothesis, root.get("method"), root.get("rollbacks")].into_iter().flatten().filter_map(Value::as_array).map(Vec::len);
    let blocks = ["configuration", "secrets"].into_iter().filter_map(|key| root.get(key)?.as_object()).map(Map::len);
    lists.chain(blocks).sum()
}

/// The scenario of an experiment.
pub fn read(root: &Map<String, Value>, file: &str, wish: &Wish) -> Result<Import, Error> {
    let mut draft = Draft::default();
    let configuration = Configuration::read(root, &mut draft);
    let (top, list) = (Place::top(None), |value: Option<&'_ Value>| value.and_then(Value::as_array).cloned().unwrap_or_default());
    let hypothesis = root.get("steady-state-hypothesis").unwrap_or(&Value::Null);
    let (probes, method, rollbacks) = (list(hypothesis.get("probes")), list(root.get("method")), list(root.get("rollbacks")));
    let all = probes.iter().chain(&method).chain(&rollbacks);
    let named = all.filter_map(|body| Some((body.get("name")?.as_str()?, body))).collect();
    let mut experiment = Experiment { configuration, named, wish };
    experiment.about(root, hypothesis, &mut draft);
    let at = top.keys(&["steady-state-hypothesis", "probes"]);
    for (index, body) in probes.iter().enumerate() {
        if let Some(activity) = experiment.activity(body, at.at(index), What::Probe, &mut draft) {
            probes::hypothesis(&activity, &experiment, &mut draft);
        }
    }
    strategies(root, &mut draft);
    let happenings = experiment.method(&method, &top.key("method"), &mut draft);
    course::steps(happenings, &mut draft);
    if draft.steps.is_empty() {
        draft
            .losses
            .note(Fate::Differs, What::Setting, &top.key("method"), "", "it does nothing, so nothing is tested")
            .hint("add a step with a fault");
        draft.steps.push((json!({"name": "nothing is broken", "observe": "10s"}), false));
    }
    for (index, body) in rollbacks.iter().enumerate() {
        experiment.rollback(body, top.key("rollbacks").at(index), &mut draft);
    }
    draft.propose(&top.key("steady-state-hypothesis"));
    manifests::guess(&mut draft, wish);
    draft.finish(file, "a Chaos Toolkit experiment", wish)
}

/// What is said of when the hypothesis is looked at, and of rollbacks.
fn strategies(root: &Map<String, Value>, draft: &mut Draft) {
    let Some(runtime) = root.get("runtime") else { return };
    let at = Place::top(None).key("runtime");
    if let Some(strategy) = runtime.get("hypothesis").and_then(|hypothesis| hypothesis.get("strategy")).and_then(Value::as_str) {
        let place = at.keys(&["hypothesis", "strategy"]);
        if matches!(strategy, "continuously" | "during-method-only") {
            for mut criterion in draft.steady.clone() {
                if let Some(criterion) = criterion.as_object_mut() {
                    criterion.remove("stableFor");
                }
                draft.criteria.push(criterion);
            }
            draft
                .losses
                .note(
                    Fate::Differs,
                    What::Setting,
                    &place,
                    strategy,
                    "each probe is a criterion too, looked at always; before and after it is looked at in any case",
                )
                .hint("write during: fault, or for: 10s to bear with a short violation");
        } else if matches!(strategy, "before-method-only" | "after-method-only") {
            draft
                .losses
                .note(Fate::Differs, What::Setting, &place, strategy, "the steady state is looked at before the drill and proven after it")
                .hint("move it to criteria for another window");
        } else {
            draft.losses.note(Fate::Mapped, What::Setting, &place, strategy, "before the drill, and after it");
        }
    }
    if let Some(strategy) = runtime.get("rollbacks").and_then(|rollbacks| rollbacks.get("strategy")).and_then(Value::as_str) {
        let place = at.keys(&["rollbacks", "strategy"]);
        draft
            .losses
            .note(Fate::Differs, What::Setting, &place, strategy, "gameday always undoes what it broke, and that can't be turned off")
            .hint("nothing to do");
    }
}

impl Experiment<'_> {
    /// What the experiment says of itself.
    fn about(&mut self, root: &Map<String, Value>, hypothesis: &Value, draft: &mut Draft) {
        let top = Place::top(None);
        let plain = |text: &str, draft: &Draft| {
            self.configuration.fill(&json!(text), false, draft).ok().and_then(|text| Some(text.as_str()?.replace("$${", "${")))
        };
        let title = plain(text_of(root.get("title")), draft).unwrap_or_default();
        let believed = plain(text_of(hypothesis.get("title")), draft).unwrap_or_default();
        draft.title = if title.is_empty() { "An imported experiment".to_owned() } else { title };
        draft.name.clone_from(&draft.title);
        draft.hypothesis = if believed.is_empty() { draft.title.clone() } else { believed };
        for key in ["title", "description"] {
            let Some(text) = root.get(key).and_then(Value::as_str) else { continue };
            if key == "title" {
                draft.losses.note(Fate::Mapped, What::Setting, &top.key(key), "", "the title");
            } else if !text.is_empty() {
                draft
                    .losses
                    .note(Fate::NotMapped, What::Setting, &top.key(key), "", "a scenario has no description")
                    .hint("keep it in the runbook, and name that: spec.runbook");
            }
        }
        if hypothesis.get("title").is_some() {
            draft.losses.note(Fate::Mapped, What::Setting, &top.keys(&["steady-state-hypothesis", "title"]), "", "the hypothesis");
        }
        if let Some((url, from_environment)) = self.configuration.text("prometheus_base_url") {
            let kept = from_environment && draft.parameters.contains_key("prometheus_base_url");
            let written = if kept { "${prometheus_base_url}".to_owned() } else { escaped(url) };
            let sound = !url.contains(['?', '#'])
                && draft.trouble(Part::Criterion, &json!({"name": "an answer", "http": {"url": written}})).is_none();
            if sound {
                draft.prometheus = Some(written);
            } else {
                draft
                    .losses
                    .note(
                        Fate::NotMapped,
                        What::Setting,
                        &top.keys(&["configuration", "prometheus_base_url"]),
                        "",
                        "this is no URL that may stand in a scenario",
                    )
                    .hint("name Prometheus in the environment, without credentials");
            }
        }
        for (index, control) in root.get("controls").and_then(Value::as_array).into_iter().flatten().enumerate() {
            not_imported(&top.key("controls").at(index), control, draft);
        }
        for key in root.keys() {
            if SPOKEN.contains(&key.as_str()) {
                draft
                    .losses
                    .note(Fate::NotMapped, What::Setting, &top.key(key), "", "left out: it says nothing of what happens")
                    .hint("write labels or an owner, if it is wanted");
            } else if !matches!(
                key.as_str(),
                "title"
                    | "description"
                    | "configuration"
                    | "secrets"
                    | "controls"
                    | "runtime"
                    | "steady-state-hypothesis"
                    | "method"
                    | "rollbacks"
            ) {
                draft
                    .losses
                    .note(Fate::NotMapped, What::Setting, &top.key(key), "", "nothing is known of this key")
                    .hint("see whether it matters");
            }
        }
        if let Some(controls) = hypothesis.get("controls").and_then(Value::as_array) {
            for (index, control) in controls.iter().enumerate() {
                not_imported(&top.keys(&["steady-state-hypothesis", "controls"]).at(index), control, draft);
            }
        }
    }

    /// An activity, or the one that it refers to; what stands beside its deed is told.
    fn activity<'b>(&'b self, body: &'b Value, place: Place, what: What, draft: &mut Draft) -> Option<Activity<'b>> {
        let body = match body.get("ref") {
            None => body,
            Some(name) => match self.named.get(text_of(Some(name))) {
                Some(found) if found.get("ref").is_none() => found,
                _ => {
                    let why = "no activity of this name stands in the source";
                    if what == What::Probe {
                        draft.losses.note(Fate::NotMapped, what, &place, text_of(Some(name)), why);
                    } else {
                        draft.unmapped(what, &place, text_of(Some(name)), "ref", why, "mend the source, and import it again");
                    }
                    return None;
                }
            },
        };
        for (index, control) in body.get("controls").and_then(Value::as_array).into_iter().flatten().enumerate() {
            not_imported(&place.key("controls").at(index), control, draft);
        }
        if body.get("dry").is_some() {
            draft
                .losses
                .note(Fate::NotMapped, What::Setting, &place.key("dry"), "", "there are no dry steps")
                .hint("gameday rehearse runs all of it on nothing");
        }
        if body.get("timeout").is_some() {
            draft
                .losses
                .note(Fate::NotMapped, What::Setting, &place.key("timeout"), "", "the source ignores it, too")
                .hint("nothing to do");
        }
        let provider = body.get("provider").unwrap_or(&Value::Null);
        for key in ["verify_tls", "secrets"] {
            let at = place.keys(&["provider", key]);
            match (key, provider.get(key)) {
                ("verify_tls", Some(Value::Bool(false))) => {
                    draft.losses.note(Fate::NotMapped, What::Setting, &at, "", "certificates are always verified; that is not imported");
                }
                ("secrets", Some(_)) => {
                    draft.losses.note(
                        Fate::NotMapped,
                        What::Setting,
                        &at,
                        "",
                        "gameday uses the credentials of the kubeconfig and of its own environment",
                    );
                }
                _ => {}
            }
        }
        Some(Activity { place, name: text_of(body.get("name")), body })
    }

    fn method(&self, method: &[Value], at: &Place, draft: &mut Draft) -> Vec<Happening> {
        let mut happenings = Vec::new();
        for (index, body) in method.iter().enumerate() {
            let place = at.at(index);
            let is_probe = |body: &Value| text_of(body.get("type")) == "probe";
            let meant = body.get("ref").and_then(|name| self.named.get(text_of(Some(name)))).copied().unwrap_or(body);
            let what = if is_probe(meant) { What::Probe } else { What::Action };
            let before = draft.steps.len();
            let activity = self.activity(body, place.clone(), what, draft);
            let Some(activity) = activity else {
                happenings.extend(draft.steps.drain(before..).map(|(step, _)| Happening::Unmapped(step)));
                continue;
            };
            self.pause(&activity, "before", &mut happenings, draft);
            if what == What::Probe {
                probes::of_method(&activity, self, draft);
            } else {
                match actions::deed(&activity, self, draft) {
                    Deed::Step(step, open) => {
                        let together = activity.body.get("background") == Some(&Value::Bool(true));
                        if together {
                            draft
                                .losses
                                .note(Fate::Differs, What::Setting, &place.key("background"), "", "the next step begins together with it")
                                .hint("see the group parallel: [...]");
                        }
                        happenings.push(Happening::Step {
                            step,
                            open: open.map(|name| (place.clone(), activity.name.to_owned(), name)),
                            together,
                        });
                    }
                    Deed::Lift(name) => happenings.push(Happening::Lift(name)),
                    Deed::Refused => happenings.extend(draft.steps.drain(before..).map(|(step, _)| Happening::Unmapped(step))),
                }
            }
            self.pause(&activity, "after", &mut happenings, draft);
        }
        happenings
    }

    fn pause(&self, activity: &Activity<'_>, when: &str, happenings: &mut Vec<Happening>, draft: &mut Draft) {
        let Some(value) = activity.body.get("pauses").and_then(|pauses| pauses.get(when)) else { return };
        let place = activity.place.keys(&["pauses", when]);
        let filled = self.configuration.fill(value, false, draft).unwrap_or(Value::Null);
        let seconds = filled.as_f64().or_else(|| filled.as_str()?.parse().ok());
        match seconds {
            Some(seconds) if (0.001..=1_000_000.0).contains(&seconds) => {
                happenings.push(Happening::Pause(place, format!("{when} {}", activity.name), seconds));
            }
            Some(0.0) => {}
            _ => draft.losses.note(Fate::NotMapped, What::Pause, &place, "", "this is no number of seconds").hint("write an observe step"),
        }
    }

    fn rollback(&self, body: &Value, place: Place, draft: &mut Draft) {
        let meant = body.get("ref").and_then(|name| self.named.get(text_of(Some(name)))).copied().unwrap_or(body);
        if text_of(meant.get("type")) == "probe" {
            draft.losses.note(Fate::NotMapped, What::Probe, &place, text_of(meant.get("name")), "a probe among rollbacks decides nothing");
            return;
        }
        let Some(activity) = self.activity(body, place, What::Rollback, draft) else { return };
        if activity.body.get("pauses").is_some() {
            draft.losses.note(Fate::NotMapped, What::Pause, &activity.place.key("pauses"), "", "the undo waits for nothing");
        }
        actions::rollback(&activity, draft);
    }
}

fn not_imported(place: &Place, control: &Value, draft: &mut Draft) {
    let message = "a control is not imported; it may have changed verdicts";
    draft
        .losses
        .note(Fate::NotMapped, What::Setting, place, text_of(control.get("name")), message)
        .hint("see what it does, and write it as a step or a criterion");
}

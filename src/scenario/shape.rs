//! Our own keys: from the tree to the model.

mod criteria;
mod limits;
mod order;
mod overlap;
mod places;
mod probes;
mod steps;
mod stops;
pub mod world;

pub use self::steps::NOT_IMPORTED;

use std::collections::BTreeMap;

use self::criteria::Course;
use super::fields::{self, Fields};
use super::keys;
use super::mistake::{Mistakes, quoted};
use super::model::{Scenario, StepAction};
use super::parameters::Parameters;
use super::tree::{Content, Node, Span};
use super::{Source, digest, names};

/// The scenario that `root` says, and where its steps stand. Whatever is wrong is noted; `None` only where there is an error.
pub fn scenario(
    mut root: Node,
    source: &Source<'_>,
    sets: &BTreeMap<String, String>,
    mistakes: &mut Mistakes,
) -> Option<(Scenario, Vec<Span>)> {
    let mut parameters = Parameters::read(&root, sets, mistakes);
    fill(&mut root, &mut parameters, mistakes);
    let file = Fields::of(&root, &keys::FILE, mistakes)?;
    if let Some(node) = file.need("apiVersion", mistakes) {
        fields::word(node, "apiVersion", &["gameday/v1"], mistakes);
    }
    kind(file, mistakes);
    let metadata = file.need("metadata", mistakes).and_then(|node| places::metadata(node, mistakes));
    let spec_node = file.need("spec", mistakes)?;
    let spec = Fields::of(spec_node, &keys::SPEC, mistakes)?;

    let title = spec.get("title").and_then(|node| fields::name(node, "title", mistakes));
    let hypothesis = spec.need("hypothesis", mistakes).and_then(|node| fields::text(node, "hypothesis", mistakes));
    let owner = spec.get("owner").and_then(|node| fields::name(node, "owner", mistakes));
    let runbook = spec.get("runbook").and_then(|node| fields::url(node, "runbook", mistakes));
    let environments = places::environments(spec, mistakes);
    let targets = places::targets(spec, mistakes);
    let injector = places::injector(spec, mistakes);
    let limits = spec.get("limits").map(|node| limits::limits(node, mistakes)).unwrap_or_default();

    let acknowledge_data_risk =
        spec.get("acknowledgeDataRisk").and_then(|node| fields::boolean(node, "acknowledgeDataRisk", mistakes)).unwrap_or(false);
    let brake = spec.get("brake").and_then(|node| fields::boolean(node, "brake", mistakes));

    let mut included = Mistakes::of(source.file);
    let reader = steps::Reader {
        source,
        parameters: &mut parameters,
        limits: &limits,
        injector,
        acknowledge_data_risk,
        included: &mut included,
        bytes: 0,
    };
    let steps = reader.steps(spec, mistakes);
    let mut elsewhere = Mistakes::of(source.file);
    let world = spec.get("world").and_then(|node| world::block(node, source.manifests, &mut elsewhere, mistakes));
    included.absorb(elsewhere);
    mistakes.absorb(included);

    let course = Course { steps: &steps, max_duration: limits.max_duration, has_target: spec.get("target").is_some() };
    let panels = places::panels(spec, mistakes);
    let steady_state = criteria::steady_state(spec, &course, mistakes);
    let criteria = criteria::criteria(spec, &course, mistakes);
    let stop_when = stops::stop_when(spec, &course, mistakes);
    if criteria.is_empty() && steady_state.is_empty() && spec.get("criteria").is_none() && spec.get("steadyState").is_none() {
        mistakes.warn(spec.span, "", "nothing decides whether the hypothesis holds").hint("add criteria, or a steadyState");
    }
    places::tell_blind(spec, &environments, mistakes);
    parameters.tell_unused(&root, mistakes);

    let spec_node = root.get("spec")?;
    let (name, labels) = metadata?;
    let spans = steps.iter().map(|step| step.place).collect();
    let steps: Vec<_> = steps.into_iter().map(|step| step.done).collect::<Option<_>>()?;
    let scenario = Scenario {
        title: title.unwrap_or_else(|| name.clone()),
        name,
        labels,
        hypothesis: hypothesis?,
        owner,
        runbook,
        environments,
        targets,
        injector,
        panels,
        steady_state,
        drill_digest: digest::of_drill(spec_node, &steps),
        file_digest: digest::of_file(source.text),
        steps,
        criteria,
        stop_when,
        limits,
        acknowledge_data_risk,
        brake,
        parameters: parameters.values,
        world: world.map(Box::new),
    };
    Some((scenario, spans))
}

fn kind(file: Fields<'_>, mistakes: &mut Mistakes) {
    let Some(node) = file.need("kind", mistakes) else { return };
    let later = match node.scalar().map(|scalar| scalar.text.as_str()) {
        Some("Drill") => Some("kind Drill (an incident drill) is not in this version"),
        Some("Plan") => Some("kind Plan (several scenarios) is not in this version"),
        _ => None,
    };
    if let Some(later) = later {
        mistakes.error(node.span, &node.excerpt(), later).allow("GameDay");
    } else {
        fields::word(node, "kind", &["GameDay", "World"], mistakes);
    }
}

/// Fills the parameters in, everywhere but where they are given.
fn fill(root: &mut Node, parameters: &mut Parameters, mistakes: &mut Mistakes) {
    let Content::Map(entries) = &mut root.content else { return };
    for entry in entries {
        match &mut entry.value.content {
            Content::Map(inner) if entry.key == "spec" => {
                for entry in inner.iter_mut().filter(|entry| entry.key != "parameters") {
                    parameters.fill(&mut entry.value, mistakes);
                }
            }
            _ => parameters.fill(&mut entry.value, mistakes),
        }
    }
}

/// The entries of a list under `key`; a single mapping stands for a list of one if `one` allows it.
fn items<'t>(spec: Fields<'t>, key: &'static str, one: bool, mistakes: &mut Mistakes) -> &'t [Node] {
    let Some(node) = spec.get(key) else { return &[] };
    match &node.content {
        Content::List(items) => items,
        Content::Map(_) if one => std::slice::from_ref(node),
        Content::Map(_) | Content::Scalar(_) => {
            let expected = if one { format!("{key} is a mapping or a list of them") } else { format!("{key} is a list") };
            let mistake = fields::wrong_type(node, &expected, mistakes);
            if matches!(node.content, Content::Map(_)) {
                mistake.hint("begin each entry with `- `");
            }
            &[]
        }
    }
}

/// Notes names that are given twice.
fn tell_twice<'n>(what: &str, names: impl Iterator<Item = (&'n str, Span)>, mistakes: &mut Mistakes) {
    let mut seen: BTreeMap<&str, u32> = BTreeMap::new();
    for (name, span) in names {
        if let Some(line) = seen.get(name) {
            mistakes
                .error(span, name, format!("another {what} has this name at line {line}"))
                .allow("each name once")
                .hint(format!("rename one {}", quoted(name)));
        } else {
            seen.insert(name, span.line);
        }
    }
}

/// The name of an entry and its place: every entry has one.
fn name_of(entry: Fields<'_>, what: &str, mistakes: &mut Mistakes) -> Option<(String, Span)> {
    let node = entry.need("name", mistakes)?;
    fields::name(node, &format!("the name of {what}"), mistakes).map(|name| (name, node.span))
}

/// Whether a string is a valid namespace.
fn namespace(node: &Node, mistakes: &mut Mistakes) -> Option<String> {
    fields::text_that(node, "a namespace", names::is_dns_label, "lower-case letters, digits and -, at most 63", mistakes)
}

/// Whether any step breaks something.
fn breaks(action: &StepAction) -> bool {
    matches!(action, StepAction::Fault(_))
}

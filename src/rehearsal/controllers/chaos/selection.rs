//! Which pods an experiment is about: selected once, then never again.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::rehearsal::api::kinds::Kind;
use crate::rehearsal::api::object::{Object, list, pairs, text};
use crate::rehearsal::api::selector::Selector;
use crate::rehearsal::controllers::Hand;
use crate::rehearsal::dice::Rolls;

/// Nothing matched.
pub const NO_POD: &str = "no pod is selected";

/// Pods matched, but none of what was asked for in them, or the draw was for none.
pub const NO_TARGET: &str = "no target has been selected";

/// The pods of a block of `selector`, `mode` and `value`.
///
/// # Errors
/// Chaos Mesh's words for why there are none.
pub fn select(hand: &Hand, block: &Value, rolls: &mut Rolls) -> Result<Vec<Arc<Object>>, String> {
    let pods = matching(hand, &block["selector"])?;
    if pods.is_empty() {
        return Err(NO_POD.to_owned());
    }
    let chosen = draw(pods, text(block, "/mode"), text(block, "/value").parse().unwrap_or(0), rolls);
    if chosen.is_empty() { Err(NO_TARGET.to_owned()) } else { Ok(chosen) }
}

/// As many as the mode says, chosen at random, each at most once.
fn draw(mut pods: Vec<Arc<Object>>, mode: &str, value: usize, rolls: &mut Rolls) -> Vec<Arc<Object>> {
    let all = pods.len();
    let percent = |p: usize| (all * p).div_ceil(100);
    let count = match mode {
        "one" => 1,
        "fixed" => value.min(all),
        "fixed-percent" => percent(value).max(1),
        "random-max-percent" => percent(rolls.index(value + 1)),
        _ => return pods,
    };
    (0..count.min(all)).map(|_| pods.remove(rolls.index(pods.len()))).collect()
}

fn matching(hand: &Hand, selector: &Value) -> Result<Vec<Arc<Object>>, String> {
    let namespaces: Vec<&str> = list(selector, "/namespaces").iter().filter_map(Value::as_str).collect();
    if let Some(named) = selector["pods"].as_object().filter(|pods| !pods.is_empty()) {
        // Named pods: everything else is ignored, and those that are missing are skipped.
        let mut pods = Vec::new();
        for (namespace, names) in named {
            let names: Vec<&str> = names.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            pods.extend(hand.list(Kind::Pod, Some(namespace)).into_iter().filter(|pod| names.contains(&pod.name())));
        }
        return Ok(pods);
    }
    let labels = Selector::of_labels(&selector["labelSelectors"]);
    let expressions = Selector::of_expressions(list(selector, "/expressionSelectors"))
        .map_err(|why| format!("cannot parse label selector, msg: {why}"))?;
    let fields = pairs(selector, "/fieldSelectors").iter().map(|(field, value)| format!("{field}={value}")).collect::<Vec<_>>().join(",");
    let fields = Selector::parse(Kind::Pod, "", &fields).map_err(|refusal| refusal.message)?;
    // Annotations are compared as labels are, by the same grammar.
    let annotated =
        pairs(selector, "/annotationSelectors").iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(",");
    let annotated = Selector::parse(Kind::Pod, &annotated, "")
        .map_err(|refusal| format!("cannot parse annotation selector, msg: {}", refusal.message))?;
    let annotations = |pod: &Object| Object::new(json!({"metadata": {"labels": pod.value()["metadata"]["annotations"]}}));
    let nodes = nodes(hand, selector)?;
    let fits = |pod: &Object| {
        labels.matches(pod)
            && expressions.matches(pod)
            && fields.matches(pod)
            && (annotated.is_everything() || annotated.matches(&annotations(pod)))
            && phase_fits(selector, pod.text("/status/phase"))
            && nodes.as_ref().is_none_or(|nodes| nodes.iter().any(|node| node == pod.text("/spec/nodeName")))
    };
    Ok(namespaces.iter().flat_map(|ns| hand.list(Kind::Pod, Some(ns))).filter(|pod| fits(pod)).collect())
}

fn phase_fits(selector: &Value, phase: &str) -> bool {
    let phases: Vec<&str> = list(selector, "/podPhaseSelectors").iter().filter_map(Value::as_str).collect();
    let included = phases.iter().all(|p| p.starts_with('!')) || phases.contains(&phase);
    included && !phases.iter().any(|p| p.strip_prefix('!') == Some(phase))
}

/// The nodes named or selected, united; none when the selector says nothing of nodes.
fn nodes(hand: &Hand, selector: &Value) -> Result<Option<Vec<String>>, String> {
    let named = list(selector, "/nodes");
    let labels = &selector["nodeSelectors"];
    let labelled = labels.as_object().is_some_and(|map| !map.is_empty());
    if named.is_empty() && !labelled {
        return Ok(None);
    }
    let mut nodes: Vec<String> = Vec::new();
    for name in named.iter().filter_map(Value::as_str) {
        if !hand.list(Kind::Node, None).iter().any(|node| node.name() == name) {
            return Err(format!("cannot parse node selector, msg: Node \"{name}\" not found"));
        }
        nodes.push(name.to_owned());
    }
    if labelled {
        let selector = Selector::of_labels(labels);
        nodes.extend(hand.list(Kind::Node, None).iter().filter(|node| selector.matches(node)).map(|node| node.name().to_owned()));
    }
    Ok(Some(nodes))
}

//! Which pods, and how many of them.

use super::super::mistake::Mistakes;
use super::super::tree::Node;
use super::schema::MODES;
use super::{Kind, Spec, text};
use crate::fault::{Mode, Selector};

/// What `pods` overrules.
const OVERRULED: [&str; 7] =
    ["labelSelectors", "expressionSelectors", "annotationSelectors", "fieldSelectors", "podPhaseSelectors", "nodes", "nodeSelectors"];

/// `mode` and its `value`.
pub fn mode(spec: &Spec<'_>, path: &str, mistakes: &mut Mistakes) {
    let mode = spec.text("mode");
    if !MODES.contains(&mode) {
        return;
    }
    let value = spec.get("value");
    if matches!(mode, "one" | "all") {
        if let Some(value) = value.filter(|value| !text(value).is_empty()) {
            mistakes
                .warn(value.span, text(value), format!("{path}.value is ignored: mode {mode} takes none"))
                .hint("take it away, or write mode: fixed");
        }
        return;
    }
    let (allowed, most) = if mode == "fixed" {
        ("a whole number above 0 in quotes: \"2\"", u32::MAX)
    } else {
        ("a whole number from 1 to 100 in quotes: \"50\"", 100)
    };
    let Some(value) = value else {
        mistakes.error(spec.span, mode, format!("mode {mode} needs {path}.value")).allow(allowed);
        return;
    };
    // What is no text has been told.
    if !matches!(value.scalar().map(super::super::tree::Scalar::resolve), Some(super::super::tree::Plain::Text)) {
        return;
    }
    if go_int(text(value)).is_none_or(|number| number == 0 || number > most) {
        let mistake = mistakes.error(value.span, text(value), format!("{path}.value does not fit mode {mode}"));
        mistake.allow(allowed);
        let bare = text(value).trim().trim_end_matches('%');
        if bare != text(value) && go_int(bare).is_some_and(|number| number > 0 && number <= most) {
            mistake.hint(format!("write \"{bare}\""));
        }
    }
}

/// As Go's Atoi for what can be a count.
fn go_int(text: &str) -> Option<u32> {
    let digits = text.strip_prefix('+').unwrap_or(text);
    (!digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit())).then(|| digits.parse().ok()).flatten()
}

/// `selector`: whether it selects by something, and by something that can match.
pub fn check(spec: &Spec<'_>, path: &str, kind: Kind, allow_all: bool, mistakes: &mut Mistakes) {
    let selector = spec.inner("selector");
    let model = model(spec);
    let selects_nothing = match (&selector, &model) {
        (None, _) => spec.get("selector").is_none(),
        (Some(_), Some(model)) => model.is_everything(),
        (Some(_), None) => false,
    };
    if selects_nothing {
        let span = selector.map_or(spec.span, |selector| selector.span);
        let message = if selector.is_some() {
            format!("{path}.selector selects by nothing: every pod of the namespace")
        } else {
            format!("{path}.selector is missing: every pod of the namespace")
        };
        if allow_all {
            mistakes.warn(span, "", message).hint("name labelSelectors, if not every pod is meant");
        } else {
            mistakes.error(span, "", message).hint("name labelSelectors; or write limits: {allowAll: true} if every pod is meant");
        }
    }
    let Some(selector) = selector else { return };
    if spec.text("mode") == "all" && selector.get("podPhaseSelectors").is_none() && selector.get("pods").is_none() {
        let then = match kind {
            Kind::Network | Kind::Io | Kind::Stress | Kind::Other(_) | Kind::Schedule => {
                "the fault fails for ever on a pod that has completed"
            }
            Kind::Pod => "pods that have completed are taken too",
        };
        let at = spec.get("mode").unwrap_or(spec.node);
        mistakes
            .warn(at.span, "all", format!("mode all takes pods in every phase: {then}"))
            .hint("add podPhaseSelectors: [Running] to the selector");
    }
    pods(&selector, path, mistakes);
    expressions(&selector, path, mistakes);
}

fn pods(selector: &Spec<'_>, path: &str, mistakes: &mut Mistakes) {
    let Some(pods) = selector.get("pods") else { return };
    let Some(entries) = pods.entries().filter(|entries| !entries.is_empty()) else { return };
    if entries.iter().all(|entry| entry.value.excerpt() == "[]") {
        mistakes.error(
            pods.span,
            &pods.excerpt(),
            format!("{path}.selector.pods names no pod, and overrules all else: nothing is selected"),
        );
    }
    for entry in selector.node.entries().unwrap_or_default() {
        if OVERRULED.contains(&entry.key.as_str()) && !entry.value.is_null() {
            mistakes
                .warn(entry.key_span, &entry.key, format!("{path}.selector.pods overrules this: it is ignored"))
                .hint("take one of the two away");
        }
    }
}

fn expressions(selector: &Spec<'_>, path: &str, mistakes: &mut Mistakes) {
    let items = selector.get("expressionSelectors").map(|node| match &node.content {
        super::super::tree::Content::List(items) => items.as_slice(),
        super::super::tree::Content::Map(_) | super::super::tree::Content::Scalar(_) => &[],
    });
    for (at, item) in items.unwrap_or_default().iter().enumerate() {
        let operator = item.get("operator").map_or("", text);
        let values = item.get("values").filter(|values| !values.is_null() && values.excerpt() != "[]");
        let path = format!("{path}.selector.expressionSelectors[{at}]");
        match (operator, values) {
            ("In" | "NotIn", None) => drop(mistakes.error(item.span, operator, format!("{path}: {operator} needs values"))),
            ("Exists" | "DoesNotExist", Some(values)) => {
                mistakes
                    .error(values.span, &values.excerpt(), format!("{path}: {operator} takes no values"))
                    .hint("take them away, or write In");
            }
            _ => {}
        }
    }
}

/// The selector as the rest of the program knows it.
pub fn model(spec: &Spec<'_>) -> Option<Selector> {
    match spec.json("selector") {
        None => Some(Selector::default()),
        Some(value) => serde_json::from_value(value).ok(),
    }
}

/// The mode as the rest of the program knows it.
pub fn mode_model(spec: &Spec<'_>) -> Option<Mode> {
    let value = || spec.get("value").map(|value: &Node| text(value)).and_then(go_int).filter(|number| *number > 0);
    match spec.text("mode") {
        "one" => Some(Mode::One),
        "all" => Some(Mode::All),
        "fixed" => value().map(Mode::Fixed),
        "fixed-percent" => value().map(Mode::FixedPercent),
        "random-max-percent" => value().map(Mode::RandomMaxPercent),
        _ => None,
    }
}
